//! Sweeps, comparisons, custom tasks and failures: the four ways to run many tasks in parallel.
//!
//!     cargo run --release --example parallel

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use host::{
    data::Dataset,
    metrics::Metrics,
    model::{Params, Value},
    sandbox::{Limits, Prepared},
    sweep::{ParallelBacktester, StrategySource, grid::Grid, run_multi_strategy, run_parameter_sweep},
    task::{ParallelResult, ParallelTask, TaskError},
};

fn main() -> Result<(), Box<dyn Error>> {
    sweep()?;
    compare()?;
    custom_tasks()?;
    failures()
}

/// A grid of 5 x 5 windows, on all cores.
fn sweep() -> Result<(), Box<dyn Error>> {
    println!("--- a sweep of 5 x 5");
    let grid = Grid::new().axis("fast", [5, 10, 15, 20, 25]).axis("slow", [30, 60, 90, 120, 150]);
    let mut results = run_parameter_sweep(Dataset::bundled()?, "sma_cross", &grid, None, &mut |event| {
        if event.done % 5 == 0 {
            println!("{}/{} done", event.done, event.total.unwrap_or(event.done));
        }
    })?;
    results.sort_by(|a, b| sharpe(b).total_cmp(&sharpe(a)));
    for result in results.iter().take(3) {
        println!("{:20} sharpe {:.3}  {:?}", result.task_id, sharpe(result), result.execution_time);
    }
    Ok(())
}

/// Four strategies over the same bars, each with its own parameters.
fn compare() -> Result<(), Box<dyn Error>> {
    println!("--- four strategies");
    let slow = Params::from([("slow".to_owned(), Value::Integer(100))]);
    let strategies: Vec<(StrategySource, Params)> = vec![
        ("momentum".into(), Params::new()),
        ("sma_cross".into(), slow),
        ("mean_reversion".into(), Params::new()),
        ("breakout".into(), Params::new()),
    ];
    for result in run_multi_strategy(Dataset::bundled()?, strategies, Some(2), &mut |_| ())? {
        println!("{:16} sharpe {:.3}", result.strategy_name, sharpe(&result));
    }
    Ok(())
}

/// Twelve tasks with names and parameters of their own, on a plugin that exports `task`.
fn custom_tasks() -> Result<(), Box<dyn Error>> {
    println!("--- twelve custom tasks");
    let backtester = ParallelBacktester::new(None, Limits::default())?;
    let plugin = backtester.load("bootstrap")?;
    let prepared = Prepared::new(&plugin, Dataset::bundled()?.shared())?;
    let task = |seed: i64| ParallelTask {
        task_id: format!("resample-{seed}"),
        params: Params::from([("seed".to_owned(), Value::Integer(seed)), ("samples".to_owned(), Value::Integer(200))]),
        ..ParallelTask::default()
    };
    backtester.run_tasks(&plugin, &prepared, (1..=12).map(task).collect(), |event| {
        let answer = event.result.result.unwrap_or_default();
        println!("{:12} {}", event.result.task_id, String::from_utf8_lossy(&answer));
        true
    });
    Ok(())
}

/// A task that fails is a result like any other: the rest goes on.
fn failures() -> Result<(), Box<dyn Error>> {
    println!("--- failures");
    let backtester = ParallelBacktester::new(None, Limits::default())?;
    let task = |n: i64| ParallelTask { task_id: format!("{n}"), ..ParallelTask::default() };
    let invert = |task: &ParallelTask| {
        let n: i64 = task.task_id.parse().map_err(|_| TaskError::failed("not a number"))?;
        100_i64.checked_div(n).ok_or_else(|| TaskError::failed("division by zero"))
    };
    for result in backtester.run_parallel((-1..=1).map(task).collect(), invert, &mut |_| ()) {
        match result {
            ParallelResult { task_id, result: Some(value), worker_id, .. } => {
                println!("{task_id:>2} = {value} on worker {worker_id}");
            }
            ParallelResult { task_id, error_message, .. } => {
                println!("{task_id:>2} failed: {}", error_message.unwrap_or_default());
            }
        }
    }
    Ok(())
}

fn sharpe(result: &ParallelResult<Metrics>) -> f64 {
    result.result.as_ref().and_then(|metrics| metrics.sharpe).unwrap_or(f64::NEG_INFINITY)
}
