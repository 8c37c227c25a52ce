//! `host results`: what the store has, as a list, as a file of rows, and less of it.
//!
//! Never runs a strategy.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::json;

use super::{
    Context, Exit,
    args::OutputFormat,
    catalog::{book_columns, book_row, books_named, open},
    diff,
    inputs::check_outputs,
    runs,
    store_args::{ExportArgs, ListArgs, PruneArgs, ResultsAction},
    verify,
};
use crate::{
    metrics::Metrics,
    model::Params,
    results::{self, Cell, Column, Kind, to_json},
    store::{BookEntry, Store, StoreError},
};

pub(super) fn run(action: &ResultsAction, context: &mut Context<'_>) -> Result<Exit> {
    match action {
        ResultsAction::List(args) => list(args, context)?,
        ResultsAction::Runs(args) => runs::list(args, context)?,
        ResultsAction::Show(args) => runs::show(args, context)?,
        ResultsAction::Trials(args) => runs::trials(args, context)?,
        ResultsAction::Verify(args) => return verify::run(args, context),
        ResultsAction::Diff(args) => return diff::run(args, context),
        ResultsAction::Export(args) => export(args, context)?,
        ResultsAction::Prune(args) => prune(args, context)?,
    }
    Ok(Exit::Success)
}

fn list(args: &ListArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(args.output.quiet);
    let store = open(&args.folder)?;
    let books = store.catalog()?;
    let rows: Vec<_> = books.iter().map(book_row).collect();
    let columns = book_columns();
    if args.output.format == OutputFormat::Json {
        return context.json(json!({
            "store": store.root().display().to_string(),
            "cells": books.iter().map(|book| book.cells).sum::<u64>(),
            "bytes": books.iter().map(|book| book.bytes).sum::<u64>(),
            "plugin_bytes": store.plugin_bytes()?,
            "books": to_json(&columns, &rows),
        }));
    }
    if rows.is_empty() {
        context.reporter.note(format!("`{}` contains no results", store.root().display()));
        return Ok(());
    }
    context.table(&columns, &rows)
}

/// The one book whose hash begins with `text`.
fn book(store: &Store, text: &str) -> Result<BookEntry> {
    let mut books = books_named(store, text)?;
    match (books.pop(), books.len()) {
        (Some(book), 0) => Ok(book),
        (None, _) => bail!("no book begins with `{text}`; `host results list` shows them"),
        (Some(_), more) => bail!("{} books begin with `{text}`; give more digits", more + 1),
    }
}

fn export(args: &ExportArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(args.quiet.quiet);
    let store = open(&args.folder)?;
    let book = book(&store, &args.book)?;
    check_outputs(std::iter::once(&args.out), std::iter::empty())?;
    // Two passes: a column's kind is known only when its values are.
    let (mut params, mut metrics) = (Vec::<Column>::new(), BTreeSet::new());
    store.cells::<StoreError>(&book, |names, cell| {
        let places = names.iter().filter_map(|name| Metrics::FIELDS.iter().position(|info| info.name == *name));
        metrics.extend(places);
        add_columns(&mut params, &cell.params);
        Ok(())
    })?;
    let names: Vec<_> = params.iter().map(|column| column.name.clone()).collect();
    let columns = export_columns(params, &metrics);
    let mut sink = results::create(&args.out, &columns)?;
    let mut rows = 0_u64;
    store.cells::<anyhow::Error>(&book, |_, cell| {
        let (failure, values) = match &cell.answer.outcome {
            Ok(values) => (None, Some(values.values())),
            Err(error) => (Some(error), None),
        };
        let mut row: Vec<_> = names.iter().map(|name| Cell::from(cell.params.get(name))).collect();
        row.push(Cell::Boolean(failure.is_none()));
        row.push(Cell::from(failure.map(|error| error.kind.as_str())));
        row.push(Cell::from(failure.map(|error| error.message.as_str())));
        row.extend(metrics.iter().map(|place| Cell::from(values.as_ref().and_then(|values| values[*place]))));
        row.push(if cell.answer.log.is_empty() { Cell::Null } else { Cell::from(cell.answer.log.join("\n")) });
        row.push(cell.answer.units.map_or(Cell::Null, Cell::count));
        row.push(Cell::Number(cell.time.as_secs_f64()));
        rows += 1;
        Ok(sink.write(&row)?)
    })?;
    sink.finish()?;
    context.reporter.wrote_rows(&args.out, rows);
    Ok(())
}

fn add_columns(columns: &mut Vec<Column>, params: &Params) {
    for (name, value) in params {
        if columns.iter().all(|column| column.name != *name) {
            columns.push(Column::new(name, Kind::of(value)));
        }
    }
}

fn export_columns(params: Vec<Column>, metrics: &BTreeSet<usize>) -> Vec<Column> {
    let mut columns = vec![
        Column::new("success", Kind::Boolean),
        Column::new("error_kind", Kind::Text),
        Column::new("error_message", Kind::Text),
    ];
    columns.extend(metrics.iter().map(|place| Column::new(Metrics::FIELDS[*place].name, Kind::Number)));
    columns.push(Column::new("log", Kind::Text));
    columns.push(Column::new("units", Kind::Integer));
    columns.push(Column::new("execution_time", Kind::Number));
    let taken: BTreeSet<_> = columns.iter().map(|column| column.name.clone()).collect();
    let named = params.into_iter().map(|column| match taken.contains(&column.name) {
        true => Column::new(format!("param_{}", column.name), column.kind),
        false => column,
    });
    named.collect::<Vec<_>>().into_iter().chain(columns).collect()
}

fn prune(args: &PruneArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(args.quiet.quiet);
    let store = open(&args.folder)?;
    let pruned = store.prune(args.size_mib << 20)?;
    let root = store.root().display().to_string();
    context.reporter.note(format!(
        "{root}: removed {} books, {} bytes; {} bytes are left",
        pruned.books, pruned.bytes, pruned.left
    ));
    if pruned.in_use > 0 {
        context.reporter.note(format!(
            "note: {} books stay, since they were used within the hour, or a process writes to them",
            pruned.in_use
        ));
    }
    Ok(())
}
