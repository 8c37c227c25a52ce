//! A comparison: several strategies over the same bars, each with parameters of its own.
//!
//!     cargo run --release --example compare

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use host::{
    data::Dataset,
    model::{Params, Value},
    sweep::{StrategySource, run_multi_strategy},
};

fn main() -> Result<(), Box<dyn Error>> {
    let slow = Params::from([("slow".to_owned(), Value::Integer(100))]);
    // A name stands for a bundled plugin; a path would stand for a component in a file.
    let strategies: Vec<(StrategySource, Params)> = vec![
        ("momentum".into(), Params::new()),
        ("sma_cross".into(), slow),
        ("mean_reversion".into(), Params::new()),
        ("breakout".into(), Params::new()),
    ];
    for result in run_multi_strategy(Dataset::bundled()?, strategies, Some(2), &mut |_| ())? {
        // A strategy that fails is a result like any other: the others go on.
        match (result.result, result.error_message) {
            (Some(metrics), _) => println!("{:16} sharpe {:?}", result.strategy_name, metrics.sharpe),
            (None, error) => println!("{:16} failed: {}", result.strategy_name, error.unwrap_or_default()),
        }
    }
    Ok(())
}
