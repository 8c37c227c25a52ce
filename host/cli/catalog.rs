//! The books of a store, as commands name and show them.
//!
//! Never reads a result.

use anyhow::{Context as _, Result, bail};

use super::store_args::StoreFolderArgs;
use crate::{
    model::format_date_time,
    results::{Cell, Column, Kind},
    store::{BookEntry, Store, default_root},
};

/// Opens the store that is asked for, which exists.
pub(super) fn open(args: &StoreFolderArgs) -> Result<Store> {
    let root = match &args.store {
        Some(root) => root.clone(),
        None => default_root()?.context("`HOST_STORE` is `off`; give the folder with `--store DIR`")?,
    };
    Ok(Store::existing(&root)?)
}

/// The books whose hashes begin with `text`.
pub(super) fn books_named(store: &Store, text: &str) -> Result<Vec<BookEntry>> {
    let digits = digits(text, "book")?;
    let fits = |book: &BookEntry| book.digest.to_string().starts_with(&digits);
    Ok(store.catalog()?.into_iter().filter(fits).collect())
}

/// The first digits of a hash, as they are written.
pub(super) fn digits(text: &str, what: &str) -> Result<String> {
    if text.len() < 4 {
        bail!("`{text}` is too short for a {what}; give 4 digits or more, as `host results runs` and `list` show them");
    }
    Ok(text.to_ascii_lowercase())
}

/// The columns of a list of books.
pub(super) fn book_columns() -> [Column; 9] {
    [
        Column::new("book", Kind::Text),
        Column::new("plugin", Kind::Text),
        Column::new("plugin_hash", Kind::Text),
        Column::new("data", Kind::Text),
        Column::new("mode", Kind::Text),
        Column::new("settings", Kind::Text),
        Column::new("results", Kind::Integer),
        Column::new("bytes", Kind::Integer),
        Column::new("used", Kind::Text),
    ]
}

/// A book as a row of it.
pub(super) fn book_row(book: &BookEntry) -> Vec<Cell<'_>> {
    let fact = |name: &str| book.facts.get(name).and_then(serde_json::Value::as_str).unwrap_or("?");
    let used = book.used.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let used = i64::try_from(used).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    let hash: String = fact("plugin_hash").chars().take(12).collect();
    vec![
        Cell::from(book.digest.short()),
        Cell::from(fact("plugin")),
        Cell::from(hash),
        Cell::from(fact("data")),
        Cell::from(fact("mode")),
        Cell::from(settings(book)),
        Cell::count(book.cells),
        Cell::count(book.bytes),
        Cell::from(format_date_time(used)),
    ]
}

/// What was set of account, period and limits.
fn settings(book: &BookEntry) -> String {
    let set = ["account", "period", "limits"].into_iter().filter_map(|name| {
        let value = book.facts.get(name)?;
        let is_set = value.as_object().is_some_and(|members| members.values().any(|value| !value.is_null()));
        is_set.then(|| format!("{name} {value}"))
    });
    set.collect::<Vec<_>>().join(", ")
}
