//! A parameter sweep: every combination of a grid on all cores, ranked by Sharpe ratio.
//!
//!     cargo run --release --example sweep

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use host::{
    data::Dataset,
    metrics::Metrics,
    sweep::{grid::Grid, run_parameter_sweep},
    task::ParallelResult,
};

fn main() -> Result<(), Box<dyn Error>> {
    let grid =
        Grid::new().axis("fast", [5, 10, 15, 20, 25]).axis("slow", [20, 60, 90, 120, 150]).constraint("fast < slow")?;
    let mut results = run_parameter_sweep(Dataset::bundled()?, "sma_cross", &grid, None, &mut |event| {
        if event.done % 8 == 0 {
            println!("{}/{} done", event.done, event.total.unwrap_or(event.done));
        }
    })?;
    results.sort_by(|a, b| sharpe(b).total_cmp(&sharpe(a)));
    for result in results.iter().take(3) {
        println!("{:20} sharpe {:.3} in {:?}", result.task_id, sharpe(result), result.execution_time);
    }
    Ok(())
}

/// A failed task, or one whose ratio is undefined, ranks last.
fn sharpe(result: &ParallelResult<Metrics>) -> f64 {
    result.result.as_ref().and_then(|metrics| metrics.sharpe).unwrap_or(f64::NEG_INFINITY)
}
