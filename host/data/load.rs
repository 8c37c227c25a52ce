//! Loading of data files: picks the reader for each, and gathers the series of all.
//!
//! Never looks at a value; the readers and the checks do.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use indexmap::IndexMap;

use super::{
    csv_file,
    error::DataError,
    options::LoadOptions,
    parquet_file,
    rows::{Findings, Sheet},
};
use crate::model::Series;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileFormat {
    Text,
    Parquet,
}

/// Returns the series of all files in the order of their first rows, and what the user should know about them.
pub(super) fn load(paths: &[PathBuf], options: &LoadOptions) -> Result<(Vec<Series>, Vec<String>), DataError> {
    let mut series = IndexMap::<String, (Series, String)>::new();
    let mut findings = Findings::default();
    let mut notices = Vec::new();
    for path in paths {
        let file = path.display().to_string();
        let sheet = read_file(path, options)?;
        for one in sheet.finish(&file, options, &mut findings, &mut notices)? {
            if let Some((_, first)) = series.get(&one.symbol) {
                let (symbol, first) = (one.symbol, first.clone());
                return Err(DataError::DuplicateSymbol { symbol, first, second: file });
            }
            series.insert(one.symbol.clone(), (one, file.clone()));
        }
    }
    findings.into_result()?;
    if series.is_empty() {
        return Err(DataError::Nothing);
    }
    Ok((series.into_values().map(|(series, _)| series).collect(), notices))
}

fn read_file(path: &Path, options: &LoadOptions) -> Result<Sheet, DataError> {
    let bytes = read_bytes(path)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    read_sheet(path, Bytes::from(bytes), &stem, options)
}

/// Returns the rows of the content of a file, which is named `path` in messages.
pub(super) fn read_sheet(path: &Path, bytes: Bytes, stem: &str, options: &LoadOptions) -> Result<Sheet, DataError> {
    if bytes.is_empty() {
        return Err(DataError::Empty { path: path.to_owned(), lack: "is empty" });
    }
    let mut sheet = Sheet::default();
    match format(path, &bytes)? {
        FileFormat::Text => csv_file::read(path, &bytes, stem, options, &mut sheet)?,
        FileFormat::Parquet => parquet_file::read(path, bytes, stem, options, &mut sheet)?,
    }
    if sheet.read() == 0 {
        return Err(DataError::Empty { path: path.to_owned(), lack: "has no rows" });
    }
    Ok(sheet)
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
        _ => None,
    };
    let wrong = |found: String, remedy| Err(DataError::Format { path: path.to_owned(), found, remedy });
    let content = content(bytes);
    match (named, content) {
        (None | Some(FileFormat::Parquet), Content::Parquet) => Ok(FileFormat::Parquet),
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
    Packed(&'static str),
    Utf16,
    Other,
}

fn content(bytes: &[u8]) -> Content {
    match bytes {
        [b'P', b'A', b'R', b'1', ..] => Content::Parquet,
        [0x1f, 0x8b, ..] => Content::Packed("compressed with gzip"),
        [b'P', b'K', 3, 4, ..] => Content::Packed("a zip archive or a spreadsheet"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Content::Packed("compressed with zstd"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Content::Utf16,
        _ => Content::Other,
    }
}
