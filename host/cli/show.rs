//! Shared output of commands: tables, JSON and failures.
//!
//! Never decides what is shown.

use std::fmt::Display;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Context, args::OutputFormat};
use crate::{
    metrics::Metrics,
    model::{Description, Newlines, label, plain_json, printable},
    results::{Cause, Cell, Column, Failures, Kind, TableLook, Tally, percent, render_table, rounded, to_json},
    task::ErrorKind,
};

/// The version of the JSON of `--format json`. It grows when a member changes its meaning or is removed.
const FORMAT_VERSION: u32 = 2;

impl Context<'_> {
    /// Prints rows as a table, or takes them as the rows of standard output.
    pub(super) fn table(&mut self, columns: &[Column], rows: &[Vec<Cell<'_>>]) -> Result<()> {
        if let Some(piped) = &self.piped {
            return piped.table(columns, rows);
        }
        let look = TableLook { width: self.terminal.width_now(), colour: self.terminal.colour };
        Ok(self.out.write_all(render_table(columns, rows, look).as_bytes())?)
    }

    /// Prints `members` as one JSON object, the format version first.
    pub(super) fn json(&mut self, members: Value) -> Result<()> {
        let json = serde_json::to_string_pretty(&versioned(members))?;
        Ok(writeln!(self.out, "{}", plain_json(&json))?)
    }

    /// Prints `members` as one JSON object on one line, the format version first.
    pub(super) fn json_line(&mut self, members: Value) -> Result<()> {
        let json = serde_json::to_string(&versioned(members))?;
        Ok(writeln!(self.out, "{}", plain_json(&json))?)
    }

    /// Prints rows in `format`; as JSON they are the member `name`.
    pub(super) fn rows(
        &mut self,
        format: OutputFormat,
        name: &str,
        columns: &[Column],
        rows: &[Vec<Cell<'_>>],
    ) -> Result<()> {
        match format {
            OutputFormat::Table => self.table(columns, rows),
            OutputFormat::Json => self.json(json!({ name: to_json(columns, rows) })),
        }
    }

    /// Notes the failures, with one example of each cause.
    pub(super) fn failures(&mut self, tally: &Tally) {
        if tally.failed() > 0 {
            self.reporter.note(format!("{} of {} failed:", tally.failed(), tally.total()));
            failure_lines(tally).iter().for_each(|line| self.reporter.note(line));
        }
    }
}

/// The most causes of failures of one kind that are shown.
const CAUSES: usize = 5;

/// The failures by kind and cause, with an example of each: of the most frequent cause with its whole message, of others with
/// its first line.
pub(super) fn failure_lines(tally: &Tally) -> Vec<String> {
    tally.failures().flat_map(|(kind, failures)| lines_of_kind(kind, failures)).collect()
}

fn lines_of_kind(kind: ErrorKind, failures: &Failures) -> Vec<String> {
    let causes = failures.causes();
    let line = |(at, cause): (usize, &&Cause)| {
        let Cause { count, example } = cause;
        let message = if at == 0 { &*example.message } else { example.message.lines().next().unwrap_or_default() };
        let message = printable(message, Newlines::Keep).replace('\n', "\n      ");
        format!("  {count} {kind}, like {}: {message}", label(&example.task_id))
    };
    let shown = causes.iter().take(CAUSES);
    let rest = failures.count - shown.clone().map(|cause| cause.count).sum::<u64>();
    let more = (rest > 0).then(|| format!("  {rest} {kind} of other causes"));
    shown.enumerate().map(line).chain(more).collect()
}

/// Whether the values of a metric are shares.
fn is_share(metric: &str) -> bool {
    Metrics::info(metric).is_some_and(|info| info.unit.is_share())
}

/// Metrics of every ranking, which are left out before others where a table is too narrow.
const SPARE: [&str; 4] = ["sortino", "trades", "win_rate", "profit_factor"];

/// A column of values of `metric`.
pub(super) fn metric_column(title: impl Into<String>, metric: &str) -> Column {
    let title = title.into();
    let is_spare = SPARE.contains(&&*title);
    let column = if is_share(metric) { Column::share(title) } else { Column::new(title, Kind::Number) };
    Column { is_spare, ..column }
}

/// A value of `metric` as a text for people.
pub(super) fn metric_text(metric: &str, value: f64) -> String {
    if is_share(metric) && value.is_finite() { percent(value) } else { rounded(value) }
}

/// A value of `metric` in a column of several metrics.
pub(super) fn metric_cell(metric: &str, value: Option<f64>) -> Cell<'static> {
    Cell::from(value.map(|value| metric_text(metric, value)))
}

/// A count of things: `1 combination`, `12 combinations`.
pub(super) fn counted(count: impl Display, thing: &str) -> String {
    let count = count.to_string();
    let plural = if count == "1" { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// The name and the version of a strategy, for one line.
pub(super) fn title(description: &Description) -> String {
    format!("{} {}", label(&description.name), label(&description.version))
}

fn versioned(members: Value) -> Map<String, Value> {
    let mut object = Map::from_iter([("format".to_owned(), json!(FORMAT_VERSION))]);
    if let Value::Object(members) = members {
        object.extend(members);
    }
    object
}
