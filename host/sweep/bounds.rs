//! The bounds of a result: the same run under the worst and the best price path within the bars.
//!
//! Never says which path the prices took.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    backtest::{Backtest, Mode, WorkerState},
    broker::{self, Intrabar, Rules},
    metrics::Metrics,
    model::Params,
    task::TaskError,
};

/// The metrics of one combination under both extremes.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// Under the worst path for the account within the bars.
    pub pessimistic: Metrics,
    /// Under the best path.
    pub optimistic: Metrics,
}

/// The error for a strategy of targets, which trades at opens and closes only and has no bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`--bounds` is about orders within a bar, and targets trade at opens and closes only; leave it out, or run the strategy \
     with `--mode events` if it has them"
)]
pub struct NoBounds;

impl Bounds {
    /// Runs the combination twice.
    ///
    /// # Errors
    ///
    /// Returns the error of the run that fails.
    pub fn of(backtest: &Backtest, state: &mut WorkerState, params: &Params) -> Result<Self, TaskError> {
        let account = &backtest.market().settings().account;
        let mut under = |intrabar| {
            let rules = Rules { intrabar, ..account.rules };
            backtest.run_under(&broker::Settings { rules, ..*account }, state, params).outcome
        };
        Ok(Self { pessimistic: under(Intrabar::Pessimistic)?, optimistic: under(Intrabar::Optimistic)? })
    }

    /// Refuses bounds for a strategy without orders.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy answers with targets.
    pub fn check(backtest: &Backtest) -> Result<(), NoBounds> {
        if backtest.mode() == Mode::Signals { Err(NoBounds) } else { Ok(()) }
    }

    /// The values of a metric under both extremes, the lower first; `None` if one is undefined.
    pub fn interval(&self, metric: &str) -> Option<(f64, f64)> {
        let value = |metrics: &Metrics| metrics.get(metric).flatten();
        let (worst, best) = (value(&self.pessimistic)?, value(&self.optimistic)?);
        Some((worst.min(best), worst.max(best)))
    }
}

impl Serialize for Bounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Bounds", 3)?;
        members.serialize_field("pessimistic", &self.pessimistic)?;
        members.serialize_field("optimistic", &self.optimistic)?;
        members.serialize_field("final_equity", &self.interval("final_equity"))?;
        members.end()
    }
}
