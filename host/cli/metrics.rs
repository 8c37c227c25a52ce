//! `host metrics`: lists the metrics with their units and formulas.
//!
//! Never measures anything.

use anyhow::Result;
use serde_json::json;

use super::{
    Context, Exit,
    args::{MetricsArgs, OutputFormat},
};
use crate::{
    metrics::{Direction, MetricInfo, Metrics, Selection},
    results::{Cell, Column, Kind},
};

pub(super) fn run(args: &MetricsArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    // An unknown name is told by the one who reads names.
    let chosen = args.name.as_deref().map(|name| Selection::of([name])).transpose()?;
    let is_shown = |info: &&MetricInfo| chosen.is_none_or(|chosen| chosen.contains(info.name));
    let shown: Vec<_> = Metrics::FIELDS.iter().filter(is_shown).collect();
    match args.output.format {
        OutputFormat::Table => table(&shown, context)?,
        OutputFormat::Json => context.json(json!({ "metrics": shown }))?,
    }
    Ok(Exit::Success)
}

fn table(shown: &[&MetricInfo], context: &mut Context<'_>) -> Result<()> {
    let columns = ["metric", "unit", "better", "meaning"].map(|name| Column::new(name, Kind::Text));
    let row = |info: &&MetricInfo| {
        let better = match info.better {
            Some(Direction::Higher) => "higher",
            Some(Direction::Lower) => "lower",
            None => "",
        };
        [info.name, info.unit.as_str(), better, info.doc].map(Cell::from).to_vec()
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    context.table(&columns, &rows)
}
