//! Loading of data files: picks the reader for each, and gathers the series of all.
//!
//! Never looks at a value; the readers and the checks do.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use indexmap::IndexSet;

use super::{
    arrow_file, csv_file,
    error::DataError,
    findings::Findings,
    join::join,
    options::LoadOptions,
    parquet_file,
    rows::Rows,
    several::{self, is_disordered},
    sheet::Sheet,
    stems::{stem_of, symbol_of},
};
use crate::model::{Series, nearest};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileFormat {
    Text,
    Parquet,
    Arrow,
}

/// Returns the series of all files in the order of their first rows, and what the user should know about them.
pub(super) fn load(paths: &[PathBuf], options: &LoadOptions) -> Result<(Vec<Series>, Vec<String>), DataError> {
    let mut findings = Findings::default();
    let (mut parts, mut notices) = (Vec::new(), Vec::new());
    let mut passed = Passed::default();
    for path in paths {
        let file = path.display().to_string();
        let (mut sheet, base) = read_file(path, options)?;
        passed.symbols.extend(std::mem::take(&mut sheet.skipped));
        passed.files.extend(sheet.is_partial.then_some(path));
        parts.extend(sheet.finish(&file, &base, options, &mut findings, &mut notices)?);
    }
    findings.into_result()?;
    let mut found = join(parts, &mut notices)?;
    select(&mut found, options, passed)?;
    if found.is_empty() {
        return Err(DataError::Nothing);
    }
    found.iter_mut().for_each(|rows| complete(rows, options, &mut notices));
    notices.extend(strangers(&found, options));
    notices.extend(super::notices::notices(&found));
    Ok((found.into_iter().map(|rows| rows.series).collect(), notices))
}

/// What was passed over, since it was not asked for.
#[derive(Default)]
struct Passed<'a> {
    symbols: IndexSet<String>,
    /// Files with more instruments than are known.
    files: Vec<&'a PathBuf>,
}

/// Leaves the instruments that are asked for, all of which must be there.
fn select(found: &mut Vec<Rows>, options: &LoadOptions, mut passed: Passed<'_>) -> Result<(), DataError> {
    if options.symbols.is_empty() {
        return Ok(());
    }
    passed.symbols.extend(found.iter().map(|rows| rows.series.symbol.clone()));
    found.retain(|rows| options.wants(&rows.series.symbol));
    let is_there = |wanted: &&String| found.iter().any(|rows| rows.series.symbol == **wanted);
    let Some(unknown) = options.symbols.iter().find(|wanted| !is_there(wanted)) else { return Ok(()) };
    for path in passed.files {
        let bytes = Bytes::from(read_bytes(path)?);
        passed.symbols.extend(match format(path, &bytes)? {
            FileFormat::Arrow => arrow_file::symbols(path, bytes, options)?,
            _ => parquet_file::symbols(path, bytes, options)?,
        });
    }
    let problem = nearest::unknown("symbol", unknown, passed.symbols.iter().map(String::as_str));
    Err(DataError::UnknownSymbol { problem })
}

/// Completes the series of an instrument: its volume, its terms, and what its times say.
fn complete(rows: &mut Rows, options: &LoadOptions, notices: &mut Vec<String>) {
    let ticks = std::mem::take(&mut rows.ticks);
    let is_zero = !ticks.is_empty() && rows.series.volume.iter().all(|volume| *volume == 0.0);
    let is_whole = ticks.iter().all(|ticks| ticks.is_finite() && *ticks >= 0.0);
    if is_zero && is_whole && ticks.iter().any(|ticks| *ticks > 0.0) {
        notices.push(format!("every volume of `{}` is zero: the number of ticks is taken instead", rows.series.symbol));
        rows.series.volume = ticks;
    }
    let Series { symbol, time, schedule, contract, .. } = &mut rows.series;
    let terms = options.instruments.get(symbol).cloned().unwrap_or_default();
    schedule.session = terms.session.or(options.session);
    schedule.bar_time = terms.bar_time.or(options.bar_time).unwrap_or_default();
    *contract = terms.contract;
    schedule.complete(time);
}

/// Terms of instruments that the data does not have.
fn strangers(found: &[Rows], options: &LoadOptions) -> Vec<String> {
    let names = || found.iter().map(|rows| rows.series.symbol.as_str());
    let unknown = options.instruments.keys().filter(|symbol| names().all(|name| name != symbol.as_str()));
    let notice = |symbol: &String| match nearest::find(symbol, names()) {
        Some(near) => {
            format!("the instruments file has `{symbol}`, which the data does not have; did you mean `{near}`?")
        }
        None => format!("the instruments file has `{symbol}`, which the data does not have"),
    };
    unknown.map(notice).collect()
}

/// Reads a file; the name besides is that of its instrument without dates, if no column names it.
fn read_file(path: &Path, options: &LoadOptions) -> Result<(Sheet, String), DataError> {
    let bytes = Bytes::from(read_bytes(path)?);
    let folder = symbol_of(path);
    let is_named = folder.is_some();
    let stem = folder.unwrap_or_else(|| path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    let base = if is_named { stem.clone() } else { stem_of(path).base };
    let is_wanted = options.wants(&stem) || options.wants(&base);
    let mut sheet = Sheet::new(options, is_wanted);
    sheet.is_named = is_named;
    read_sheet(path, bytes.clone(), &stem, options, &mut sheet)?;
    if is_disordered(&sheet) {
        let others = match format(path, &bytes)? {
            FileFormat::Text => csv_file::others(path, &bytes, options)?,
            FileFormat::Parquet => parquet_file::others(path, bytes, options)?,
            FileFormat::Arrow => arrow_file::others(path, bytes, options)?,
        };
        several::find(path, &sheet, &others).map_or(Ok(()), Err)?;
    }
    Ok((sheet, base))
}

/// Adds the rows of the content of a file, which is named `path` in messages, to `sheet`.
pub(super) fn read_sheet(
    path: &Path,
    bytes: Bytes,
    stem: &str,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(), DataError> {
    if bytes.is_empty() {
        return Err(DataError::Empty { path: path.to_owned(), lack: "is empty" });
    }
    match format(path, &bytes)? {
        FileFormat::Text => csv_file::read(path, &bytes, stem, options, sheet)?,
        FileFormat::Parquet => parquet_file::read(path, bytes, stem, options, sheet)?,
        FileFormat::Arrow => arrow_file::read(path, bytes, stem, options, sheet)?,
    }
    if sheet.read() == 0 && sheet.skipped.is_empty() && !sheet.is_partial {
        return Err(DataError::Empty { path: path.to_owned(), lack: "has no rows" });
    }
    Ok(())
}

/// Returns the series of one file that is known to be good.
pub(super) fn load_good(name: &str, content: &'static [u8], stem: &str) -> Result<Vec<Series>, DataError> {
    let options = LoadOptions::default();
    let mut sheet = Sheet::new(&options, true);
    read_sheet(Path::new(name), Bytes::from_static(content), stem, &options, &mut sheet)?;
    let (mut findings, mut notices) = (Findings::default(), Vec::new());
    let parts = sheet.finish(name, stem, &options, &mut findings, &mut notices)?;
    findings.into_result()?;
    let mut found = join(parts, &mut notices)?;
    found.iter_mut().for_each(|rows| complete(rows, &options, &mut notices));
    Ok(found.into_iter().map(|rows| rows.series).collect())
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    if path.is_dir() {
        return Err(DataError::Directory { path: path.to_owned() });
    }
    fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => DataError::NotFound { path: path.to_owned() },
        _ => DataError::Io { path: path.to_owned(), source },
    })
}

/// Tells the format by the extension, which the first bytes must not contradict; of another extension, by those.
fn format(path: &Path, bytes: &[u8]) -> Result<FileFormat, DataError> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let named = match extension.as_str() {
        "csv" | "tsv" | "txt" => Some(FileFormat::Text),
        "parquet" | "pq" => Some(FileFormat::Parquet),
        "arrow" | "arrows" | "feather" | "ipc" => Some(FileFormat::Arrow),
        _ => None,
    };
    let wrong = |found: String, remedy| Err(DataError::Format { path: path.to_owned(), found, remedy });
    let content = content(bytes);
    match (named, content) {
        (None | Some(FileFormat::Parquet), Content::Parquet) => Ok(FileFormat::Parquet),
        (None | Some(FileFormat::Arrow), Content::Arrow) => Ok(FileFormat::Arrow),
        (_, Content::Feather1) => {
            wrong("is Feather version 1".to_owned(), "write it again as version 2, or as Parquet")
        }
        (Some(_), Content::Arrow) => wrong(format!("is named .{extension}, but is Arrow"), "rename it to .arrow"),
        (Some(FileFormat::Arrow), Content::Parquet) => {
            wrong(format!("is named .{extension}, but is Parquet"), "rename it to .parquet")
        }
        (Some(FileFormat::Arrow), Content::Other) => {
            wrong(format!("is named .{extension}, but is not Arrow"), "if it is a text, rename it to .csv")
        }
        (Some(FileFormat::Text), Content::Other) => Ok(FileFormat::Text),
        (_, Content::Packed(what)) => wrong(format!("is {what}"), "unpack it first"),
        (_, Content::Utf16) => wrong("is UTF-16".to_owned(), "save it as UTF-8"),
        (Some(FileFormat::Text), Content::Parquet) => {
            wrong(format!("is named .{extension}, but is Parquet"), "rename it to .parquet")
        }
        (Some(FileFormat::Parquet), Content::Other) => {
            wrong(format!("is named .{extension}, but is not Parquet"), "if it is a text, rename it to .csv")
        }
        (None, Content::Other) => wrong(
            "is not in a known format".to_owned(),
            "give CSV (.csv, .tsv, .txt) or Parquet (.parquet, .pq) under one of these extensions",
        ),
    }
}

/// What the first bytes of a file say.
enum Content {
    Parquet,
    Arrow,
    Feather1,
    Packed(&'static str),
    Utf16,
    Other,
}

fn content(bytes: &[u8]) -> Content {
    match bytes {
        [b'P', b'A', b'R', b'1' | b'E', ..] => Content::Parquet,
        [b'F', b'E', b'A', b'1', ..] => Content::Feather1,
        _ if arrow_file::is_arrow(bytes) => Content::Arrow,
        [0x1f, 0x8b, ..] => Content::Packed("compressed with gzip"),
        [b'P', b'K', 3, 4, ..] => Content::Packed("a zip archive or a spreadsheet"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Content::Packed("compressed with zstd"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Content::Utf16,
        _ => Content::Other,
    }
}
