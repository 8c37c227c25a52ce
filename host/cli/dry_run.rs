//! `host sweep --dry-run`: what a sweep would cost, as a table or as JSON.
//!
//! Never writes a file, and never keeps a result: [`Estimate`] runs a sample and forgets it.

use std::{fmt::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    Context, Exit,
    args::{OneSweepArgs, OutputFormat},
    inputs,
    shard::is_parquet,
    store,
};
use crate::{
    results::{self, Cell, Column, Kind, Records},
    store::DEFAULT_CAP,
    sweep::{
        BoundRequest, Estimate, EstimateOf, Instruments, KnownTasks, NO_CELLS, ParallelBacktester, Recorder, Scope,
        Seconds, StoredCells,
        failures::Failures,
        grid::{Count, Shard},
    },
};

/// What rows take on their way to a file of Parquet, which has them by the group; measured with all metrics.
const ROWS_OF_PARQUET: &str = "; up to 100 MB more for rows of Parquet";

/// A sweep that is estimated.
pub(super) struct DryRun<'a> {
    pub(super) bound: &'a BoundRequest,
    pub(super) scope: &'a Scope,
    pub(super) shard: Option<Shard>,
    pub(super) stored: Option<&'a StoredCells>,
    /// The file of results.
    pub(super) out: Option<&'a Path>,
    /// What it would say of itself.
    pub(super) facts: &'a [(String, String)],
    pub(super) prepared_in: Duration,
}

/// Refuses outputs that the sweep could not write, and leaves nothing behind.
pub(super) fn check_outputs(all: &OneSweepArgs, recorder: &Recorder) -> Result<()> {
    if let Some(path) = &all.sweep.out {
        results::check(path, recorder.records().columns())?;
    }
    let Some(path) = &all.save_request else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let problem = || format!("`{}` cannot be written; give another path", path.display());
    if path.is_dir() {
        bail!("`{}` is a directory; give a file in it", path.display());
    }
    // It is removed at once.
    tempfile::tempfile_in(folder).map(drop).with_context(problem)
}

impl DryRun<'_> {
    /// Runs the sample, and shows what follows from it.
    pub(super) fn run(
        &self,
        backtester: &ParallelBacktester,
        (records, format): (&Records, OutputFormat),
        context: &mut Context<'_>,
    ) -> Result<Exit> {
        let estimate = Estimate::new(
            backtester,
            EstimateOf {
                plan: &self.bound.plan,
                scope: self.scope,
                prepared_in: self.prepared_in,
                shard: self.shard,
                stored: self.stored,
                out: self.out.map(|path| (path, self.facts)),
                records,
            },
        )?;
        inputs::report_shortage(backtester, context);
        store::report(self.stored.map(StoredCells::finish).as_ref(), context);
        if backtester.stop_handle().is_stopped() {
            context.reporter.note("interrupted; nothing was estimated");
            return Ok(Exit::Interrupted);
        }
        if estimate.tasks == Count::Exact(0) && self.shard.is_none() {
            bail!(NO_CELLS);
        }
        match format {
            OutputFormat::Table => self.show(&estimate, context)?,
            OutputFormat::Json => context.json(self.report(&estimate))?,
        }
        context.failures(&estimate.tally);
        let all_failed = estimate.tally.failed() > 0 && estimate.tally.successes() == 0;
        Ok(if all_failed { Exit::NoneSucceeded } else { Exit::Success })
    }

    /// What is counted.
    fn unit(&self) -> &'static str {
        if self.bound.instruments == Instruments::EachSymbol { "tasks" } else { "combinations" }
    }

    fn show(&self, estimate: &Estimate, context: &mut Context<'_>) -> Result<()> {
        let columns = [Column::new("what", Kind::Text), Column::new("estimate", Kind::Text)];
        let rows = self.lines(estimate).into_iter().map(|(what, text)| vec![Cell::from(what), Cell::from(text)]);
        context.table(&columns, &rows.collect::<Vec<_>>())
    }

    fn lines(&self, estimate: &Estimate) -> Vec<(String, String)> {
        let mut lines = vec![(self.unit().to_owned(), counted(estimate, self.shard))];
        if self.stored.is_some() {
            let known = match estimate.known {
                KnownTasks { count: 0.0, is_exact: true } => "none".to_owned(),
                KnownTasks { count, is_exact: true } => format!("{count:.0}, which are looked up in the store"),
                KnownTasks { count, is_exact: false } => format!("about {count:.0}, which are looked up in the store"),
            };
            lines.push(("known".to_owned(), known));
        }
        let workers = estimate.workers;
        let workers = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
        lines.push((
            "time".to_owned(),
            estimate.time.map_or_else(
                || format!("unknown, since no {} was found to try", self.unit().trim_end_matches('s')),
                |time| format!("about {} on {workers}", range(time)),
            ),
        ));
        if let (Some(task), Some(median)) = (estimate.task, estimate.median) {
            lines.push((
                "a task".to_owned(),
                format!("{} on a worker, median {}", seconds(task.likely), seconds(median)),
            ));
        }
        if let Some(memory) = estimate.memory {
            let more = if self.out.is_some_and(is_parquet) { ROWS_OF_PARQUET } else { "" };
            let text = format!("{} at most in the sample, with all workers{more}", bytes(memory as f64));
            lines.push(("memory".to_owned(), text));
        }
        if let (Some(path), Some(file)) = (self.out, &estimate.file) {
            let text = format!("about {}, {:.0} bytes a row", bytes(file.bytes as f64), file.row_bytes);
            lines.push((path.display().to_string(), text));
        }
        if let Some(store) = estimate.store {
            let cap = if store > DEFAULT_CAP { "; it keeps 4 GiB at most" } else { "" };
            lines.push(("store".to_owned(), format!("about {}{cap}", bytes(store as f64))));
        }
        lines.push(("sample".to_owned(), sampled(estimate, self.unit())));
        lines
    }

    fn report(&self, estimate: &Estimate) -> Value {
        let count = |value: f64| value.round() as u64;
        let most = match estimate.tasks {
            Count::Exact(most) | Count::AtMost(most) => most,
        };
        json!({
            "tasks": most,
            "tasks_are_exact": estimate.tasks.exact().is_some(),
            "likely_tasks": count(estimate.likely_tasks),
            "symbols": self.scope.symbols(),
            "shard": self.shard.map(|shard| shard.to_string()),
            "known_tasks": count(estimate.known.count),
            "known_tasks_are_exact": estimate.known.is_exact,
            "new_tasks": count(estimate.new_tasks()),
            "workers": estimate.workers,
            "seconds": estimate.time.map(|time| time.likely),
            "seconds_low": estimate.time.map(|time| time.low),
            "seconds_high": estimate.time.map(|time| time.high),
            "prepare_seconds": self.prepared_in.as_secs_f64(),
            "task_seconds_mean": estimate.task.map(|task| task.likely),
            "task_seconds_median": estimate.median,
            "sample_peak_memory_bytes": estimate.memory,
            "out": self.out.map(|path| path.display().to_string()),
            "out_bytes": estimate.file.map(|file| file.bytes),
            "out_bytes_per_row": estimate.file.map(|file| file.row_bytes),
            "store_bytes": estimate.store,
            "sampled_tasks": estimate.tally.total(),
            "sampled_seconds": estimate.sampled_in,
            "failures": Failures::all(&estimate.tally),
        })
    }
}

/// The number of tasks.
fn counted(estimate: &Estimate, shard: Option<Shard>) -> String {
    let mut text = estimate.tasks.to_string();
    if estimate.tasks.exact().is_none() {
        let _ = write!(text, ", about {:.0}", estimate.likely_tasks);
    }
    if let Some(shard) = shard {
        let _ = write!(text, " in shard {shard}");
    }
    text
}

fn sampled(estimate: &Estimate, unit: &str) -> String {
    let tally = &estimate.tally;
    let failed = match tally.failed() {
        0 => String::new(),
        failed => format!(", of which {failed} failed"),
    };
    format!("{} {unit} in {}{failed}", tally.total(), seconds(estimate.sampled_in))
}

/// A time with its range.
fn range(time: Seconds) -> String {
    format!("{} ({} to {})", seconds(time.likely), seconds(time.low), seconds(time.high))
}

/// A time in the unit that people would take, with two digits or three.
fn seconds(seconds: f64) -> String {
    const UNITS: [(f64, &str); 6] =
        [(1e-6, "us"), (1e-3, "ms"), (1.0, "s"), (60.0, "min"), (3600.0, "h"), (86_400.0, "days")];
    // Below a hundred seconds and a hundred minutes, the smaller unit says more.
    let fits = |(unit, _): &&(f64, &str)| seconds >= if *unit < 2.0 { *unit } else { 1.5 * *unit };
    let (unit, name) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
    format!("{} {name}", short(seconds / unit))
}

/// Bytes in the unit that people would take.
fn bytes(bytes: f64) -> String {
    const UNITS: [(f64, &str); 5] = [(1.0, "bytes"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")];
    let (unit, name) = UNITS.iter().rev().find(|(unit, _)| bytes >= *unit).unwrap_or(&UNITS[0]);
    if *unit == 1.0 { format!("{bytes:.0} {name}") } else { format!("{} {name}", short(bytes / unit)) }
}

fn short(number: f64) -> String {
    if number < 10.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units_that_people_take() {
        let times = [
            (0.0, "0.0 us"),
            (0.000_05, "50 us"),
            (0.0123, "12 ms"),
            (0.999, "999 ms"),
            (1.0, "1.0 s"),
            (89.0, "89 s"),
            (90.0, "1.5 min"),
            (5_399.0, "90 min"),
            (7_200.0, "2.0 h"),
            (864_000.0, "10 days"),
        ];
        for (time, expected) in times {
            assert_eq!(seconds(time), expected);
        }
        let sizes = [(0.0, "0 bytes"), (999.0, "999 bytes"), (1_500.0, "1.5 kB"), (33e6, "33 MB"), (2.25e12, "2.2 TB")];
        for (size, expected) in sizes {
            assert_eq!(bytes(size), expected);
        }
        assert_eq!(range(Seconds { likely: 40.0, low: 25.0, high: 100.0 }), "40 s (25 s to 1.7 min)");
    }
}
