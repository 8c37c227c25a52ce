//! The table of `--bounds`: one combination under the worst and the best price path within the bars.
//!
//! Never runs anything.

use anyhow::Result;

use super::{Context, show::metric_cell};
use crate::{
    metrics::Metrics,
    results::{Cell, Column, Kind},
    sweep::Bounds,
};

/// The metrics that the table shows.
const SHOWN: [&str; 7] =
    ["final_equity", "total_return", "sharpe", "max_drawdown", "trades", "win_rate", "profit_factor"];

/// Prints both side by side, and the interval of final equity.
pub(super) fn show(bounds: &Bounds, context: &mut Context<'_>) -> Result<()> {
    writeln!(context.out, "\nboth extremes within the bars")?;
    let columns = [
        Column::new("metric", Kind::Text),
        Column::new("pessimistic", Kind::Number),
        Column::new("optimistic", Kind::Number),
    ];
    let value = |metrics: &Metrics, name: &str| metric_cell(name, metrics.get(name).flatten());
    let row = |name: &&'static str| {
        vec![Cell::from(*name), value(&bounds.pessimistic, name), value(&bounds.optimistic, name)]
    };
    context.table(&columns, &SHOWN.iter().map(row).collect::<Vec<_>>())?;
    if let Some((low, high)) = bounds.interval("final_equity") {
        writeln!(context.out, "final equity: {low:.2} to {high:.2}")?;
    }
    Ok(())
}
