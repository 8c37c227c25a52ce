//! `host results runs|show|trials`: what ran, one run or book whole, and how much was tried on each data set.
//!
//! Never runs a strategy.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{
    Context,
    args::OutputFormat,
    catalog::{book_columns, book_row, books_named, digits, open},
    facts::{flatten, plain},
    show::metric_cell,
    store_args::{ListArgs, RunsArgs, ShowArgs},
};
use crate::{
    data::LoadOptions,
    results::{Cell, Column, Kind, to_json},
    store::{BookEntry, Store, TrialCount},
    sweep::{Provenance, Run, RunEnd, RunStart, runs, with_causes},
};

/// Values of a list that are shown where there is room for a line only.
const SHOWN: usize = 6;

/// What stands for the end of a run that has none.
const NO_END: &str = "running or killed";

/// The runs that this version can read, the last one first. Says how many it cannot.
pub(super) fn last_first(store: &Store, context: &mut Context<'_>) -> Result<Vec<Run>> {
    let (mut all, bad) = runs(store)?;
    if bad > 0 {
        let ledger = store.root().join("runs.jsonl");
        context.reporter.note(format!("note: {bad} lines of `{}` cannot be read", ledger.display()));
    }
    all.reverse();
    Ok(all)
}

/// The one run whose name begins with `text`; `None` if none does.
pub(super) fn named(runs: &[Run], text: &str) -> Result<Option<Run>> {
    let text = digits(text, "run")?;
    let mut fits = runs.iter().filter(|run| run.name.starts_with(&text));
    match (fits.next(), fits.count()) {
        (run, 0) => Ok(run.cloned()),
        (_, more) => bail!("{} runs begin with `{text}`; give more digits", more + 1),
    }
}

pub(super) fn list(args: &RunsArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(args.output.quiet);
    let store = open(&args.folder)?;
    let all = last_first(&store, context)?;
    let rows: Vec<_> = all.iter().take(args.last).map(row).collect();
    let columns = columns();
    if args.output.format == OutputFormat::Json {
        return context.json(json!({ "runs": to_json(&columns, &rows), "in_all": all.len() }));
    }
    if all.is_empty() {
        context.reporter.note(format!("`{}` lists no run", store.root().display()));
        return Ok(());
    }
    let shown = all.iter().zip(rows.iter().cloned()).map(|(run, row)| in_its_unit(run, row));
    context.table(&columns, &shown.collect::<Vec<_>>())?;
    if all.len() > rows.len() {
        context.reporter.note(format!("the last {} of {} runs (`--last N` shows more)", rows.len(), all.len()));
    }
    Ok(())
}

fn columns() -> [Column; 12] {
    [
        Column::new("run", Kind::Text),
        Column::new("began", Kind::Text),
        Column::new("command", Kind::Text),
        Column::new("plugin", Kind::Text),
        Column::new("data", Kind::Text),
        Column::new("outcome", Kind::Text),
        Column::new("combinations", Kind::Integer),
        Column::new("known", Kind::Integer),
        Column::new("failed", Kind::Integer),
        Column::new("seconds", Kind::Number),
        Column::new("best", Kind::Text),
        Column::new("value", Kind::Number),
    ]
}

fn row(run: &Run) -> Vec<Cell<'_>> {
    let RunStart { at, command, provenance, .. } = &run.start;
    let end = run.end.as_ref();
    let count = |of: fn(&RunEnd) -> u64| end.map_or(Cell::Null, |end| Cell::count(of(end)));
    vec![
        Cell::from(run.name.as_str()),
        Cell::from(at.as_str()),
        Cell::from(command.as_str()),
        Cell::from(provenance.request.plugin.as_str()),
        Cell::from(provenance.request.data.as_deref()),
        Cell::from(end.map_or(NO_END, |end| end.outcome.as_str())),
        count(|end| end.combinations),
        count(|end| end.known),
        count(|end| end.failed),
        Cell::from(end.map(|end| end.seconds)),
        Cell::from(end.and_then(|end| end.best.as_deref())),
        Cell::from(end.and_then(|end| end.value)),
    ]
}

/// The row of a run for people, its value in the unit of the objective that its request names.
fn in_its_unit<'a>(run: &Run, mut row: Vec<Cell<'a>>) -> Vec<Cell<'a>> {
    let objective = run.start.provenance.request.objective.as_deref().unwrap_or_default();
    let value = run.end.as_ref().and_then(|end| end.value);
    if let Some(cell) = row.last_mut() {
        *cell = metric_cell(objective, value);
    }
    row
}

pub(super) fn show(args: &ShowArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(args.output.quiet);
    let store = open(&args.folder)?;
    let run = named(&last_first(&store, context)?, &args.name)?;
    let mut books = books_named(&store, &args.name)?;
    match (run, books.pop(), books.len()) {
        (Some(run), None, _) => show_facts(run_facts(&run), args.output.format, context),
        (None, Some(book), 0) => show_facts(book_facts(&book), args.output.format, context),
        (None, None, _) => bail!(
            "no run and no book begins with `{}`; `host results runs` and `host results list` show them",
            args.name
        ),
        _ => bail!("several runs and books begin with `{}`; give more digits", args.name),
    }
}

fn run_facts(run: &Run) -> Value {
    let RunStart { at, command, process, provenance, metrics, plugin, data, detail, benchmark, out, search } =
        &run.start;
    let Provenance { host, results_version, request, plugin_hash, data_hash, first_bar, last_bar, .. } = provenance;
    let Provenance { read, plan, cells, symbols, identity, shard, .. } = provenance;
    let end = run.end.as_ref();
    let mut asked = json!(request);
    // Beside their hashes, since they are names only.
    for name in ["plugin", "data"] {
        asked.as_object_mut().map(|members| members.remove(name));
    }
    json!({
        "run": run.name,
        "command": command,
        "outcome": end.map_or(NO_END, |end| end.outcome.as_str()),
        "began": at,
        "ended": end.map(|end| &end.at),
        "process": process,
        "seconds": end.map(|end| end.seconds),
        "combinations": end.map(|end| end.combinations),
        "known": end.map(|end| end.known),
        "failed": end.map(|end| end.failed),
        "best": end.and_then(|end| end.best.as_ref()),
        "value": end.and_then(|end| end.value),
        "search": search,
        "plugin": request.plugin,
        "plugin_file": plugin.as_ref().filter(|file| **file != request.plugin),
        "plugin_hash": plugin_hash,
        "data": request.data,
        "data_files": data,
        "detail_files": Some(detail).filter(|files| !files.is_empty()),
        "benchmark_file": benchmark,
        "data_hash": data_hash,
        "read": Some(read).filter(|read| **read != LoadOptions::default()),
        "first_bar": first_bar,
        "last_bar": last_bar,
        "request": asked,
        "plan": plan,
        "planned": cells,
        "symbols": symbols,
        "shard": shard,
        "metrics": metrics,
        "out": out,
        "identity": identity,
        "host": host,
        "results_version": results_version,
    })
}

fn book_facts(book: &BookEntry) -> Value {
    let (columns, row) = (book_columns(), book_row(book));
    let mut facts = to_json(&columns, &[row])[0].take();
    facts["book"] = book.digest.to_string().into();
    // What it is for, in full, over what the list has room for.
    for (name, fact) in book.facts.as_object().into_iter().flatten() {
        facts[name] = fact.clone();
    }
    facts
}

/// Shows facts as JSON, or those that say something as lines of a name and a value.
fn show_facts(facts: Value, format: OutputFormat, context: &mut Context<'_>) -> Result<()> {
    if format == OutputFormat::Json {
        return context.json(facts);
    }
    let mut found = Vec::new();
    flatten("", facts, &mut found);
    let columns = [Column::new("what", Kind::Text), Column::new("value", Kind::Text)];
    let lines = found.into_iter().filter_map(|(name, value)| Some((name, line(&value)?)));
    let rows: Vec<_> = lines.map(|(name, value)| vec![Cell::from(name), Cell::from(value)]).collect();
    context.table(&columns, &rows)
}

/// A value in a line; `None` if it says nothing.
fn line(value: &Value) -> Option<String> {
    let listed = |values: &[Value]| values.iter().map(plain).collect::<Vec<_>>().join(", ");
    match value {
        Value::Null => None,
        Value::Array(values) if values.is_empty() => None,
        Value::Array(values) if values.len() > SHOWN => {
            Some(format!("{}, ... ({})", listed(&values[..SHOWN]), values.len()))
        }
        Value::Array(values) => Some(listed(values)),
        value => Some(plain(value)).filter(|text| !text.is_empty()),
    }
}

pub(super) fn trials(args: &ListArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(args.output.quiet);
    let store = open(&args.folder)?;
    let (counts, problems) = store.trials()?;
    for problem in &problems {
        context.reporter.note(format!("note: {}", with_causes(problem)));
    }
    let columns =
        [Column::new("trials", Kind::Integer), Column::new("data", Kind::Text), Column::new("data_hash", Kind::Text)];
    let hash = |count: &TrialCount| match args.output.format {
        OutputFormat::Json => count.bars.to_string(),
        OutputFormat::Table => count.bars.short(),
    };
    let rows: Vec<_> = counts
        .iter()
        .map(|count| vec![Cell::count(count.trials), Cell::from(count.data.as_str()), Cell::from(hash(count))])
        .collect();
    if args.output.format == OutputFormat::Json {
        return context.json(json!({ "data": to_json(&columns, &rows) }));
    }
    if rows.is_empty() {
        context.reporter.note(format!("`{}` contains no results", store.root().display()));
        return Ok(());
    }
    context.table(&columns, &rows)?;
    context.reporter.note("above 2,000, the numbers of trials are estimates with a standard error of 0.8 %");
    Ok(())
}
