//! `host run`: runs custom tasks on a plugin that exports `task`.
//!
//! Never interprets an answer beyond its encoding.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::{
    Context, Exit,
    args::{OutputFormat, RunArgs},
    inputs,
};
use crate::{
    file::{LIST, read_text_at_most},
    model::Encoding,
    results::{Cell, Column, Kind, Records, Tally, params_text},
    sandbox::{Backend, Interface, Prepared, Task},
    task::{ParallelResult, ParallelTask},
};

pub(super) fn run(args: &RunArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let read = [PathBuf::from(args.plugin()), args.tasks.clone()];
    inputs::check_outputs(&args.out, args.data.paths().chain(&read))?;
    let tasks = read_tasks(&args.tasks)?;
    let backtester = inputs::backtester(&args.limits, Backend::Threads, context)?;
    let plugin = context.load(&backtester, args.plugin())?;
    if !plugin.exports(Interface::Task) {
        bail!("plugin `{}` does not export `{}`; run it with `host sweep`", args.plugin(), Interface::Task);
    }
    let (data, _) = inputs::dataset(&args.data, context)?;
    let records = Records::typed::<String>(&plugin.description().parameters, Some(data.fingerprint()), |_| true);
    let records = if args.timings.timings { records.timed() } else { records };
    let mut sink = inputs::sink(args.out.as_deref(), records.columns(), context)?;
    let prepared = Prepared::<Task>::new(&plugin, data.shared())
        .with_context(|| format!("plugin `{}` cannot prepare the data", args.plugin()))?;
    inputs::report_cache(&backtester, context);

    let (hash, encoding) = (plugin.digest().to_string(), plugin.description().output);
    let mut tally = Tally::default();
    let mut results = Vec::new();
    let mut written = Ok(());
    let mut meter = context.reporter.progress(Some(tasks.len() as u64));
    let asked = tasks.len();
    backtester.run_tasks(&plugin, &prepared, tasks, |event| {
        tally.record(&event.result);
        context.reporter.advance(&mut meter, event.done, event.failed, String::new);
        let result = readable(event.result, encoding);
        written = sink.as_mut().map_or(Ok(()), |sink| sink.write(&records.row(&result, Some(&hash))));
        results.push(result);
        written.is_ok()
    });
    meter.finish();
    let closed = written.and_then(|()| sink.map_or(Ok(()), |sink| sink.finish()));
    print(&results, &records, &hash, args.output.format(), context)?;
    context.failures(&tally);
    closed?;
    args.out.iter().for_each(|path| context.reporter.wrote_rows(path, results.len() as u64));
    Ok(Exit::of(&tally, results.len() < asked))
}

/// Reads a list of tasks, whose names must differ.
fn read_tasks(path: &Path) -> Result<Vec<ParallelTask>> {
    let text = read_text_at_most(path, LIST).with_context(|| format!("tasks `{}` cannot be read", path.display()))?;
    let tasks: Vec<ParallelTask> = serde_json::from_str(text.trim_start_matches('\u{feff}')).with_context(|| {
        let form = r#"[{"task_id": "a", "params": {"samples": 100}}]"#;
        format!("tasks `{}` is not a list of tasks like `{form}`", path.display())
    })?;
    if tasks.is_empty() {
        bail!("tasks `{}` has no task; give one or more", path.display());
    }
    let mut seen = HashSet::new();
    if let Some(task) = tasks.iter().find(|task| !seen.insert(task.task_id.as_str())) {
        bail!("tasks `{}` has the task_id `{}` twice; each task needs one of its own", path.display(), task.task_id);
    }
    Ok(tasks)
}

/// The answer as text: JSON as it is, anything else in hexadecimal.
fn readable(result: ParallelResult<Vec<u8>>, encoding: Encoding) -> ParallelResult<String> {
    result.map(|answer| match encoding {
        Encoding::Json => String::from_utf8_lossy(&answer).into_owned(),
        Encoding::Binary => answer.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

fn print(
    results: &[ParallelResult<String>],
    records: &Records,
    hash: &str,
    format: OutputFormat,
    context: &mut Context<'_>,
) -> Result<()> {
    if format == OutputFormat::Json {
        let rows: Vec<_> = results.iter().map(|result| records.row(result, Some(hash))).collect();
        return context.rows(format, "results", records.columns(), &rows);
    }
    let columns = ["task_id", "params", "result"].map(|name| Column::new(name, Kind::Text));
    let row = |result: &ParallelResult<String>| {
        let failure = || result.error_kind.map_or("", |kind| kind.as_str()).to_owned();
        let answer = result.result.clone().unwrap_or_else(failure);
        vec![Cell::from(result.task_id.clone()), Cell::from(params_text(&result.params)), Cell::from(answer)]
    };
    let rows: Vec<_> = results.iter().map(row).collect();
    context.table(&columns, &rows)
}
