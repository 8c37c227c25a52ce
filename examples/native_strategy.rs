//! Native strategies: Rust code without a sandbox, once as a function of all bars, once hearing of one bar at a time.
//!
//!     cargo run --release --example native_strategy

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use host::{
    backtest::{EventStrategy, Strategy},
    data::Dataset,
    model::{BarEvent, Commands, OrderRequest, ParamSpec, Params, Side, Targets, Value},
    sweep::{grid::Grid, run_parameter_sweep},
    task::TaskError,
};

fn main() -> Result<(), Box<dyn Error>> {
    let grid = Grid::new().axis("bars", [1, 250, 2500]);
    for strategy in [by_targets(), by_orders()] {
        for result in run_parameter_sweep(Dataset::bundled()?, strategy, &grid, None, &mut |_| ())? {
            let total = result.result.and_then(|metrics| metrics.total_return);
            println!("{:10} {:9} total return {total:?}", result.strategy_name, result.task_id);
        }
    }
    Ok(())
}

/// The parameter of both strategies.
fn bars() -> ParamSpec {
    ParamSpec {
        name: "bars".into(),
        doc: "bars to wait before buying".into(),
        default: Value::Integer(1),
        minimum: Some(1.0),
        maximum: None,
        choices: Vec::new(),
    }
}

/// The value of `bars`; the host has checked that it is an integer of at least 1.
fn bars_of(params: &Params) -> Result<u32, TaskError> {
    match params.get("bars") {
        Some(Value::Integer(bars)) => u32::try_from(*bars).map_err(|_| TaskError::failed("`bars` is too large")),
        _ => Err(TaskError::failed("`bars` is not an integer")),
    }
}

/// Holds the first instrument from bar `bars` on: one target, and nothing to call for each bar.
fn by_targets() -> Strategy {
    Strategy::native("by_targets", vec![bars()], |_series, params| {
        Ok(Targets { at: vec![bars_of(params)?], instrument: vec![0], exposure: vec![1.0] })
    })
}

/// Does the same with an order; one value lives through one run.
struct ByOrders {
    left: u32,
}

impl EventStrategy for ByOrders {
    fn on_bar(&mut self, bar: &BarEvent, broker: &mut Commands) -> Result<(), TaskError> {
        if self.left == 0 && bar.position == 0.0 {
            broker.submit(OrderRequest::market(bar.instrument, Side::Buy, (bar.equity / bar.close * 0.95).floor()));
        }
        self.left = self.left.saturating_sub(1);
        Ok(())
    }
}

fn by_orders() -> Strategy {
    Strategy::native_events("by_orders", vec![bars()], |_symbols, params| {
        Ok(Box::new(ByOrders { left: bars_of(params)? }))
    })
}
