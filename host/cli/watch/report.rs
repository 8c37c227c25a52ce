//! The report of a round of `host watch`: tables for people, or one line of JSON.
//!
//! Never decides what is compared.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::inputs::Inspection;
use crate::{
    cli::{Context, args::OutputFormat, ranking::Ranking},
    model::{Digest, Newlines, label, printable},
    results::{Cell, Change, Column, Counts, Difference, Kind, Ranked, Tally, json_number},
    sweep::{failures::Failures, memo::Best},
};

/// The duration of each part of a round, and the numbers of cells that ran and were known.
#[derive(Debug, Default)]
pub(super) struct Effort {
    pub(super) building: Option<Duration>,
    pub(super) loading: Duration,
    pub(super) preparing: Duration,
    pub(super) sweeping: Duration,
    pub(super) run: usize,
    pub(super) reused: usize,
}

/// A complete sweep, and its differences from the one before.
pub(super) struct Report<'a> {
    pub(super) sweep: &'a Ranking<'a>,
    /// The fingerprint of the data.
    pub(super) data: Digest,
    pub(super) plugin: Digest,
    pub(super) round: u64,
    pub(super) inspection: &'a Inspection,
    pub(super) effort: &'a Effort,
    /// The differences, and the best cell of the sweep before.
    pub(super) compared: Option<(Difference, Option<&'a Best>)>,
    /// True if there was no sweep before.
    pub(super) is_first: bool,
    pub(super) best: Option<&'a Best>,
}

impl Report<'_> {
    pub(super) fn show(&self, format: OutputFormat, context: &mut Context<'_>) -> Result<()> {
        context.reporter.note(self.headline());
        if !self.is_first && self.compared.is_none() {
            context.reporter.note("not compared: the sweep before had another objective");
        }
        match format {
            OutputFormat::Table => self.show_tables(context)?,
            OutputFormat::Json => context.json_line(self.to_json())?,
        }
        self.sweep.closing_words(context);
        Ok(())
    }

    /// The saved inputs and the durations, in one line.
    fn headline(&self) -> String {
        let Effort { building, loading, preparing, sweeping, run, reused } = self.effort;
        let what = self.inspection.changed.join(", ");
        let what = if self.is_first || what.is_empty() { String::new() } else { format!(", new {what}") };
        let seconds = |name: &str, time: Duration| format!("{name} {:.2} s", time.as_secs_f64());
        let mut parts: Vec<_> = building.iter().map(|time| seconds("build", *time)).collect();
        parts.extend([seconds("load", *loading), seconds("prepare", *preparing), seconds("sweep", *sweeping)]);
        format!("round {}{what}: {}; {run} combinations run, {reused} were known", self.round, parts.join(", "))
    }

    fn show_tables(&self, context: &mut Context<'_>) -> Result<()> {
        if !self.is_first {
            writeln!(context.out)?;
        }
        if let Some((difference, then)) = &self.compared {
            self.show_best(*then, context)?;
            let counts = counts_text(difference.counts());
            writeln!(context.out, "\n{counts}, by {}", self.objective())?;
            show_failures(difference.failures(), context)?;
            show_changes(difference, context)?;
            writeln!(context.out)?;
        }
        self.sweep.show(&self.sweep.standings().ranked(), context)
    }

    fn objective(&self) -> &'static str {
        self.sweep.objective()
    }

    /// The best cell then and now.
    fn show_best(&self, then: Option<&Best>, context: &mut Context<'_>) -> Result<()> {
        let columns = [
            Column::new("best", Kind::Text),
            Column::new(self.objective(), Kind::Number),
            Column::new("change", Kind::Number),
            Column::new("combination", Kind::Text),
        ];
        let row = |name: &'static str, best: Option<&Best>, change: Option<f64>| {
            let combination = best.map_or_else(|| "none".to_owned(), |best| best.task_id.clone());
            vec![Cell::from(name), Cell::from(best.map(|best| best.value)), Cell::from(change), Cell::from(combination)]
        };
        let rows = [row("then", then, None), row("now", self.best, change(then, self.best))];
        context.table(&columns, &rows)
    }

    fn to_json(&self) -> Value {
        let mut report = json!({
            "round": self.round,
            "outcome": "swept",
            "changed": self.inspection.changed,
            "plugin_hash": self.plugin.to_string(),
            "data_hash": self.data.to_string(),
            "seconds": {
                "build": self.effort.building.map(|time| time.as_secs_f64()),
                "load": self.effort.loading.as_secs_f64(),
                "prepare": self.effort.preparing.as_secs_f64(),
                "sweep": self.effort.sweeping.as_secs_f64(),
            },
            "run": self.effort.run,
            "reused": self.effort.reused,
        });
        let then = self.compared.as_ref().and_then(|(_, then)| *then);
        report["best"] = json!({
            "then": then.map(best_json),
            "now": self.best.map(best_json),
            "change": change(then, self.best).map(json_number),
        });
        let difference = self.compared.as_ref().map(|(difference, _)| difference);
        report["changes"] = json!(difference.map(Difference::counts));
        report["newly_failed"] = json!(difference.map(|difference| Failures::all(difference.failures())));
        report["gains"] = difference.map_or(Value::Null, |difference| changes_json(&difference.gains()));
        report["losses"] = difference.map_or(Value::Null, |difference| changes_json(&difference.losses()));
        let ranking = self.sweep.report(&self.sweep.standings().ranked());
        if let (Value::Object(report), Value::Object(ranking)) = (&mut report, ranking) {
            report.extend(ranking);
        }
        report
    }
}

fn change(then: Option<&Best>, now: Option<&Best>) -> Option<f64> {
    // Of two infinite values the difference is no number.
    then.zip(now).map(|(then, now)| if now.value == then.value { 0.0 } else { now.value - then.value })
}

/// The counts in words: always the first three, the others where they are above zero.
fn counts_text(counts: Counts) -> String {
    let Counts { better, worse, equal, newly_failed, still_failing, mended, newly_undefined, newly_defined, new, gone } =
        counts;
    let others = [
        (newly_failed, "newly failed"),
        (still_failing, "still failing"),
        (mended, "mended"),
        (newly_undefined, "newly undefined"),
        (newly_defined, "newly defined"),
        (new, "new"),
        (gone, "gone"),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!(", {count} {name}"));
    format!("{better} better, {worse} worse, {equal} equal{}", others.collect::<String>())
}

/// The new failures, with one example of each kind.
fn show_failures(tally: &Tally, context: &mut Context<'_>) -> Result<()> {
    for (kind, failures) in tally.failures() {
        let example = &failures.example;
        let task = label(&example.task_id);
        let message = printable(&example.message, Newlines::Keep).replace('\n', "\n    ");
        writeln!(context.out, "  {} {kind}, like {task}: {message}", failures.count)?;
    }
    Ok(())
}

/// The largest gains and losses.
fn show_changes(difference: &Difference, context: &mut Context<'_>) -> Result<()> {
    let (gains, losses) = (difference.gains(), difference.losses());
    if gains.is_empty() && losses.is_empty() {
        return Ok(());
    }
    let columns = [
        Column::new("largest", Kind::Text),
        Column::new("change", Kind::Number),
        Column::new("then", Kind::Number),
        Column::new("now", Kind::Number),
        Column::new("combination", Kind::Text),
    ];
    let row = |name: &'static str, ranked: &Ranked<Change>| {
        let Change { task_id, then, now, .. } = &ranked.row;
        let numbers = [ranked.value, *then, *now].map(Cell::from);
        std::iter::once(Cell::from(name)).chain(numbers).chain([Cell::from(task_id.clone())]).collect::<Vec<_>>()
    };
    let rows: Vec<_> =
        gains.iter().map(|gain| row("gain", gain)).chain(losses.iter().map(|loss| row("loss", loss))).collect();
    writeln!(context.out)?;
    context.table(&columns, &rows)
}

fn best_json(best: &Best) -> Value {
    json!({ "task_id": best.task_id, "params": best.params, "value": json_number(best.value) })
}

fn changes_json(changes: &[Ranked<Change>]) -> Value {
    let change = |ranked: &Ranked<Change>| {
        let Change { task_id, params, then, now } = &ranked.row;
        let [then, now, change] = [*then, *now, ranked.value].map(json_number);
        json!({ "task_id": task_id, "params": params, "then": then, "now": now, "change": change })
    };
    changes.iter().map(change).collect()
}
