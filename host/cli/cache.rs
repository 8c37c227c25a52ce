//! `host cache`: lists and clears the cache of compiled plugins.
//!
//! Never creates a cache.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use serde_json::json;

use super::{
    Context, Exit,
    args::{CacheAction, OutputArgs, OutputFormat},
};
use crate::{
    cache::{BucketUsage, Cache, DEFAULT_CAP, default_root},
    model::format_date_time,
    results::{Cell, Column, Kind, to_json},
};

pub(super) fn run(action: &CacheAction, context: &mut Context<'_>) -> Result<Exit> {
    let root = default_root()?;
    let cache = Cache::existing(&root, DEFAULT_CAP)?;
    match action {
        CacheAction::Show(args) => show(&root, cache.as_ref(), &args.output, context)?,
        CacheAction::Clear(args) => {
            context.reporter.set_quiet(args.quiet);
            clear(&root, cache.as_ref(), context)?;
        }
    }
    Ok(Exit::Success)
}

fn show(root: &Path, cache: Option<&Cache>, output: &OutputArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(output.quiet);
    if cache.is_none() {
        context.reporter.note(format!("`{}` has no cache yet", root.display()));
    }
    let usage = cache.map_or_else(|| Ok(vec![]), Cache::usage)?;
    let columns = columns();
    let rows: Vec<_> = usage.iter().map(row).collect();
    let entries: u64 = usage.iter().map(|bucket| bucket.entries).sum();
    let bytes: u64 = usage.iter().map(|bucket| bucket.bytes).sum();
    let directory = root.display().to_string();
    if output.format == OutputFormat::Json {
        return context.json(json!({
            "directory": directory,
            "entries": entries,
            "bytes": bytes,
            "cap": DEFAULT_CAP,
            "buckets": to_json(&columns, &rows),
        }));
    }
    let facts = [
        ("directory", directory),
        ("entries", entries.to_string()),
        ("size", format!("{bytes} bytes")),
        ("cap", format!("{DEFAULT_CAP} bytes")),
    ];
    let headers = [Column::new("cache", Kind::Text), Column::new("", Kind::Text)];
    let facts: Vec<_> = facts.into_iter().map(|(name, fact)| vec![Cell::from(name), Cell::from(fact)]).collect();
    context.table(&headers, &facts)?;
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(context.out)?;
    context.table(&columns, &rows)
}

fn columns() -> [Column; 5] {
    [
        Column::new("bucket", Kind::Text),
        Column::new("entries", Kind::Integer),
        Column::new("bytes", Kind::Integer),
        Column::new("oldest_use", Kind::Text),
        Column::new("newest_use", Kind::Text),
    ]
}

fn row(usage: &BucketUsage) -> Vec<Cell<'_>> {
    vec![
        Cell::from(usage.bucket.as_str()),
        Cell::count(usage.entries),
        Cell::count(usage.bytes),
        Cell::from(time(usage.oldest_use)),
        Cell::from(time(usage.newest_use)),
    ]
}

/// A time to the second, in UTC. A broken clock may give a time before 1970 or after 2262, which is clamped.
fn time(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let nanos = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    format_date_time(nanos)
}

fn clear(root: &Path, cache: Option<&Cache>, context: &mut Context<'_>) -> Result<()> {
    let directory = root.display();
    match cache {
        None => context.reporter.note(format!("`{directory}` has no cache; nothing was removed")),
        Some(cache) => {
            let cleared = cache.clear()?;
            context.reporter.note(format!("{directory}: removed {} entries, {} bytes", cleared.entries, cleared.bytes));
        }
    }
    Ok(())
}
