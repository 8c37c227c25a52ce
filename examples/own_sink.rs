//! A sink of your own: rows leave the program as they come, and memory does not grow with the number of combinations.
//!
//!     cargo run --release --example own_sink

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use host::{
    backtest::{Backtest, Market, Settings},
    data::Dataset,
    metrics::Metrics,
    results::{Cell, Records},
    sandbox::Limits,
    sweep::{ParallelBacktester, Part, Scope, grid::Grid},
};

/// Writes each row as `NAME=VALUE` pairs; a socket or a database would stand here.
struct Pairs {
    names: Vec<String>,
}

impl Pairs {
    fn write(&self, row: &[Cell<'_>]) {
        let pairs: Vec<_> = self.names.iter().zip(row).map(|(name, cell)| format!("{name}={}", text(cell))).collect();
        println!("{}", pairs.join(" "));
    }
}

fn text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Boolean(value) => value.to_string(),
        Cell::Integer(value) => value.to_string(),
        Cell::Number(value) => value.to_string(),
        Cell::Text(value) | Cell::Time(_, value) => value.to_string(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let backtester = ParallelBacktester::new(None, Limits::default())?;
    let strategy = backtester.strategy(&"momentum".into())?;
    let plan = Grid::new().axis("lookback", [5, 20, 60, 120]).bind(strategy.description())?;
    let market = Arc::new(Market::new(Dataset::bundled()?, Settings::default())?);
    let records =
        Records::typed::<Metrics>(&strategy.description().parameters, Some(market.dataset().fingerprint()), |column| {
            ["sharpe", "max_drawdown"].contains(&column)
        });
    let sink = Pairs { names: records.columns().iter().map(|column| column.name.clone()).collect() };
    let plugin = strategy.digest().map(|digest| digest.to_string());
    let scope = Scope::from(Backtest::new(market, strategy)?);
    // The results come in batches, in the order of the grid, whatever the number of workers.
    backtester.sweep(&scope, &plan, Part::all(), |batch| {
        batch.results.iter().for_each(|result| sink.write(&records.row(result, plugin.as_deref())));
        // `false` would end the sweep.
        true
    });
    Ok(())
}
