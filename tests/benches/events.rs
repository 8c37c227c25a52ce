//! The crossing of two averages as a strategy that hears of one bar at a time, without a sandbox.
//!
//! Never sums a window again, as the bundled plugin does not either.

use std::collections::VecDeque;

use anyhow::Result;
use host::{
    backtest::{EventStrategy, Strategy},
    model::{BarEvent, Commands, ParamSpec, Params, Value},
    task::TaskError,
};

/// Running sums of the closes, and what is held.
struct Crossing {
    fast: usize,
    slow: usize,
    last: f64,
    sums: VecDeque<f64>,
    held: f64,
}

impl EventStrategy for Crossing {
    fn on_bar(&mut self, bar: &BarEvent, broker: &mut Commands) -> Result<(), TaskError> {
        let Self { fast, slow, last, sums, held } = self;
        *last += bar.close;
        sums.push_back(*last);
        if sums.len() <= *slow {
            return Ok(());
        }
        let average = |window: usize| (*last - sums[*slow - window]) * (1.0 / window as f64);
        let (fast, slow) = (average(*fast), average(*slow));
        let wish = match () {
            () if fast > slow => 1.0,
            () if fast < slow => 0.0,
            () => *held,
        };
        if wish != *held {
            *held = wish;
            broker.target(bar.instrument, wish);
        }
        sums.pop_front();
        Ok(())
    }
}

/// The strategy, which takes the parameters that the plugin takes.
pub(crate) fn native(parameters: Vec<ParamSpec>) -> Strategy {
    Strategy::native_events("native", parameters, |_, params| {
        let (fast, slow) = (window(params, "fast")?, window(params, "slow")?);
        let sums = VecDeque::from([0.0]);
        Ok(Box::new(Crossing { fast, slow, last: 0.0, sums, held: 0.0 }))
    })
}

fn window(params: &Params, name: &str) -> Result<usize, TaskError> {
    match params[name] {
        Value::Integer(bars) => usize::try_from(bars).map_err(|error| TaskError::failed(error.to_string())),
        _ => Err(TaskError::failed(format!("`{name}` is no whole number"))),
    }
}
