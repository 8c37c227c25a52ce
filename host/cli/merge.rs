//! `host merge`: makes one results file of the shards of a sweep, and ranks them.
//!
//! Never runs a combination. The file is complete or absent under its name, as that of a sweep.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{
    Context, Exit,
    args::{MergeArgs, OutputFormat},
    inputs, parts,
    ranking::Ranking,
};
use crate::{
    results::{self, RowEncoder, Rows, Writer},
    sweep::{
        NO_CELLS, RequestFile, Standings,
        merge::{Coverage, RowReader, Shards},
    },
};

/// Rows that go to the file at a time.
const BATCH: usize = 1_024;

/// What the report counts by metrics, and by which: without a column of it, the count is not known.
const COUNTED: [(&str, &str); 3] =
    [("without_trades", "orders"), ("wiped_out", "wiped_out"), ("with_targets_cut", "targets_cut")];

pub(super) fn run(args: &MergeArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let parts = parts::expanded(&args.parts, &args.out, context)?;
    inputs::check_outputs([&args.out], &parts)?;
    for part in &parts {
        // What cannot be read is told when the shards are opened.
        if RequestFile::load(part).is_ok_and(|file| file.request().optimize.is_some()) {
            bail!(
                "`{}` has the results of a search, which are not a shard; `host merge` takes those of a sweep",
                part.display()
            );
        }
    }
    let shards = Shards::open(&parts)?;
    let mut bound = shards.bind()?;
    if let Some(top) = args.top {
        bound.top = usize::try_from(top)?;
    }
    shards
        .notes()
        .iter()
        .for_each(|note| context.reporter.note(format!("note: {note}; the merged file says the first")));
    let mut reader = shards.reader()?;
    let coverage = shards.coverage(&bound)?;
    report_missing(&coverage, args.partial, context)?;
    let mut standings = Standings::new(bound.goal.clone(), bound.top);
    let mut merging = Merging::start(args, &shards, context)?;
    if merging.run(&shards, (&mut reader, &mut standings), coverage.present(), context)? {
        merging.finish()?;
    } else {
        return Ok(Exit::Interrupted);
    }
    let records = reader.records(Some(shards.provenance().data_hash));
    let hash = shards.provenance().plugin_hash.map(|hash| hash.to_string());
    let view = Ranking {
        request: &bound,
        standings: &standings,
        records: &records,
        plugin_hash: hash.as_deref(),
        annual: None,
        interrupted: false,
    };
    show(&view, &reader, &coverage, args.output.format(), context)?;
    if bound.bounds {
        context.reporter.note(
            "note: the extremes within the bars (`--bounds`) need the plugin; `host backtest --bounds` shows them for a combination",
        );
    }
    context.reporter.wrote_rows(&args.out, coverage.present());
    Ok(Exit::of(standings.tally(), false))
}

/// Refuses what is not complete, or says what is missing.
fn report_missing(coverage: &Coverage, is_partial: bool, context: &mut Context<'_>) -> Result<()> {
    if !coverage.is_complete() && !is_partial {
        bail!(coverage.to_string());
    }
    coverage.lines().iter().for_each(|line| context.reporter.note(format!("note: {line}")));
    if coverage.present() == 0 {
        bail!(if coverage.is_complete() { NO_CELLS } else { "the files have no cell; nothing is merged" });
    }
    Ok(())
}

fn show(
    view: &Ranking<'_>,
    reader: &RowReader,
    coverage: &Coverage,
    format: OutputFormat,
    context: &mut Context<'_>,
) -> Result<()> {
    let ranked = view.standings().ranked();
    match format {
        OutputFormat::Table => view.show(&ranked, context)?,
        OutputFormat::Json => {
            let mut report = view.report(&ranked);
            for (count, _) in unknown(reader) {
                report[count] = Value::Null;
            }
            if !coverage.is_complete() {
                report["missing"] =
                    json!({ "combinations": coverage.missing(), "shards": coverage.shards().collect::<Vec<_>>() });
            }
            context.json(report)?;
        }
    }
    view.closing_words(context);
    let lacking: Vec<_> = unknown(reader).map(|(_, metric)| format!("`{metric}`")).collect();
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        context
            .reporter
            .note(format!("note: the files lack {lacking}, so that such results are not counted (`--metrics`)"));
    }
    Ok(())
}

/// What is not counted, and the metric that the files lack for it.
fn unknown(reader: &RowReader) -> impl Iterator<Item = (&'static str, &'static str)> {
    COUNTED.into_iter().filter(|(_, metric)| !reader.has(metric))
}

/// The merged file while it is written.
struct Merging {
    encoder: RowEncoder,
    writer: Option<Writer>,
    rows: Rows,
    /// Where the rows are until the file is finished.
    partial: PathBuf,
}

impl Merging {
    fn start(args: &MergeArgs, shards: &Shards, context: &mut Context<'_>) -> Result<Self> {
        let sink = results::create_with(&args.out, shards.columns(), &shards.provenance().facts())?;
        inputs::report_leftovers(sink.leftovers(), context);
        let partial = sink.partial().to_owned();
        let writer = Writer::start(sink)?;
        Ok(Self { encoder: writer.encoder(), writer: Some(writer), rows: Rows::default(), partial })
    }

    /// Writes, counts and ranks all rows. Returns false if it was interrupted.
    fn run(
        &mut self,
        shards: &Shards,
        (reader, standings): (&mut RowReader, &mut Standings),
        total: u64,
        context: &mut Context<'_>,
    ) -> Result<bool> {
        let interrupts = context.interrupt.interrupts();
        let is_stopped = || interrupts.try_recv().is_ok();
        let mut meter = context.reporter.progress(Some(total));
        let folder = self.partial.parent().unwrap_or(Path::new("."));
        let Some(gathered) = shards.gathered(folder, &is_stopped)? else {
            meter.finish();
            return Ok(stopped(context));
        };
        let mut merged = gathered.rows()?;
        let mut done = 0;
        while let Some(row) = merged.next_row()? {
            let Some(result) = reader.result(&row) else {
                bail!("row {done} of the merged file would not be one that a sweep writes; run its shard again");
            };
            standings.take(&result);
            self.encoder.push(&mut self.rows, &row)?;
            done += 1;
            if self.rows.len() < BATCH {
                continue;
            }
            if !self.hand_over() {
                break;
            }
            context.reporter.advance(&mut meter, done, standings.tally().failed(), String::new);
            if is_stopped() {
                meter.finish();
                return Ok(stopped(context));
            }
        }
        let is_written = self.hand_over();
        meter.finish();
        if is_written && done != total {
            bail!("a file was written while it was merged; merge again once all shards have ended");
        }
        let seconds = meter.elapsed().as_secs_f64();
        let rate = done as f64 / seconds.max(f64::MIN_POSITIVE);
        context.reporter.note(format!("merged {done} rows in {seconds:.2} s ({rate:.0}/s)"));
        Ok(true)
    }

    /// Gives the rows so far to the writer. Returns false once a write has failed.
    fn hand_over(&mut self) -> bool {
        let rows = std::mem::take(&mut self.rows);
        let go_on = self.writer.as_mut().is_none_or(|writer| writer.append(rows));
        self.encoder.help();
        go_on
    }

    /// Completes the file.
    fn finish(mut self) -> Result<()> {
        Ok(self.writer.take().map_or(Ok(()), Writer::finish)?)
    }
}

/// Says that a merge was stopped, which is not finished then.
fn stopped(context: &mut Context<'_>) -> bool {
    context.reporter.note("interrupted; nothing is merged, and the files are as they were");
    false
}

impl Drop for Merging {
    /// Leaves nothing of a merge that did not come to its end: all rows are in the shards.
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // What cannot be removed is told by the next run that writes to the same name.
            let _ = fs::remove_file(&self.partial);
        }
    }
}
