//! Shared output of commands: tables, JSON and failures.
//!
//! Never decides what is shown.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Context, args::OutputFormat};
use crate::{
    model::{Description, label, plain_json},
    results::{Cell, Column, TableLook, Tally, render_table, to_json},
};

/// The version of the JSON of `--format json`. It grows when a member changes its meaning or is removed.
const FORMAT_VERSION: u32 = 2;

impl Context<'_> {
    /// Prints rows as a table.
    pub(super) fn table(&mut self, columns: &[Column], rows: &[Vec<Cell<'_>>]) -> Result<()> {
        let look = TableLook { width: self.terminal.width, colour: self.terminal.colour };
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

    /// Notes the failures, with one example of each kind.
    pub(super) fn failures(&mut self, tally: &Tally) {
        if tally.failed() == 0 {
            return;
        }
        self.reporter.note(format!("{} of {} failed:", tally.failed(), tally.total()));
        for (kind, failures) in tally.failures() {
            let example = &failures.example;
            let message = example.message.replace('\n', "\n      ");
            let task = label(&example.task_id);
            self.reporter.note(format!("  {} {kind}, like {task}: {message}", failures.count));
        }
    }
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
