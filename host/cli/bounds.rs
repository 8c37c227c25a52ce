//! `--bounds`: the same run under the most pessimistic and the most optimistic path within the bars.
//!
//! Never says which of them happened.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::Context;
use crate::{
    backtest::{Backtest, Desk, Mode},
    broker::{self, Intrabar, Rules},
    metrics::Metrics,
    model::Params,
    results::{Cell, Column, Kind},
    task::TaskError,
};

/// The metrics that the table shows.
const SHOWN: [&str; 7] =
    ["final_equity", "total_return", "sharpe", "max_drawdown", "trades", "win_rate", "profit_factor"];

/// One combination under both extremes.
pub(super) struct Bounds {
    pub(super) pessimistic: Metrics,
    pub(super) optimistic: Metrics,
}

impl Bounds {
    /// Runs the combination twice.
    pub(super) fn of(backtest: &Backtest, desk: &mut Desk, params: &Params) -> Result<Self, TaskError> {
        let account = &backtest.market().settings().account;
        let mut under = |intrabar| {
            let rules = Rules { intrabar, ..account.rules };
            backtest.run_under(&broker::Settings { rules, ..*account }, desk, params).outcome
        };
        Ok(Self { pessimistic: under(Intrabar::Pessimistic)?, optimistic: under(Intrabar::Optimistic)? })
    }

    /// The values of a metric under both, the lower one first; `None` where one is undefined.
    pub(super) fn interval(&self, metric: &str) -> Option<(f64, f64)> {
        let value = |metrics: &Metrics| metrics.get(metric).flatten();
        let (worst, best) = (value(&self.pessimistic)?, value(&self.optimistic)?);
        Some((worst.min(best), worst.max(best)))
    }

    /// Prints both beside each other, and the interval of final equity.
    pub(super) fn show(&self, context: &mut Context<'_>) -> Result<()> {
        writeln!(context.out, "\nboth extremes within the bars")?;
        let columns = [
            Column::new("metric", Kind::Text),
            Column::new("pessimistic", Kind::Number),
            Column::new("optimistic", Kind::Number),
        ];
        let value = |metrics: &Metrics, name: &str| Cell::from(metrics.get(name).flatten());
        let row = |name: &&'static str| {
            vec![Cell::from(*name), value(&self.pessimistic, name), value(&self.optimistic, name)]
        };
        context.table(&columns, &SHOWN.iter().map(row).collect::<Vec<_>>())?;
        if let Some((low, high)) = self.interval("final_equity") {
            writeln!(context.out, "final equity: {low:.2} to {high:.2}")?;
        }
        Ok(())
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "pessimistic": self.pessimistic,
            "optimistic": self.optimistic,
            "final_equity": self.interval("final_equity").map(|(low, high)| [low, high]),
        })
    }
}

/// Refuses bounds for a strategy of targets, which never trades within a bar.
pub(super) fn check(backtest: &Backtest) -> Result<()> {
    if backtest.mode() == Mode::Signals {
        bail!(
            "`--bounds` is about orders within a bar, and targets trade at opens and closes only; leave it out, or run \
             the strategy with `--mode events` if it has them"
        );
    }
    Ok(())
}
