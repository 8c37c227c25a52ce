//! The report of a round of `host watch`: tables for people, or one line of JSON.
//!
//! Never decides what is compared.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::inputs::Inspection;
use crate::{
    cli::{
        Context,
        args::OutputFormat,
        difference::{best_json, change, counts_text, difference_json, show_best, show_changes, show_failures},
        ranking::Ranking,
        show::counted,
    },
    model::Digest,
    results::{Difference, json_number},
    sweep::memo::Best,
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
        format!(
            "round {}{what}: {}; {} run, {reused} were known",
            self.round,
            parts.join(", "),
            counted(*run, "combination")
        )
    }

    fn show_tables(&self, context: &mut Context<'_>) -> Result<()> {
        if !self.is_first {
            writeln!(context.out)?;
        }
        if let Some((difference, then)) = &self.compared {
            show_best(self.objective(), [*then, self.best], context)?;
            let counts = counts_text(difference.counts());
            writeln!(context.out, "\n{counts}, by {}", self.objective())?;
            show_failures(difference.failures(), context)?;
            show_changes(difference, self.objective(), context)?;
            writeln!(context.out)?;
        }
        self.sweep.show(&self.sweep.standings().ranked(), context)
    }

    fn objective(&self) -> &'static str {
        self.sweep.objective()
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
        let difference = difference_json(self.compared.as_ref().map(|(difference, _)| difference));
        let ranking = self.sweep.report(&self.sweep.standings().ranked());
        if let (Value::Object(report), Value::Object(difference), Value::Object(ranking)) =
            (&mut report, difference, ranking)
        {
            report.extend(difference.into_iter().chain(ranking));
        }
        report
    }
}
