//! Folders and patterns: the data files that a path on the command line stands for.
//!
//! Never opens a file.

use std::path::{Path, PathBuf};

use glob::MatchOptions;
use walkdir::WalkDir;

use crate::data::{
    error::{DataError, counted},
    sources::stems::{TABLES, is_packed},
};

/// What a file seems to be by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// A table of bars.
    Table,
    /// What may be data, but not a table.
    Other,
    /// A file beside the data: a note, a program, settings.
    Beside,
    /// A file that is hidden, or that systems put beside others.
    Hidden,
}

/// Endings of files that lie beside data: notes, programs, settings, sums.
const BESIDE: &[&str] = &[
    "md", "rst", "pdf", "html", "htm", "doc", "docx", "png", "jpg", "jpeg", "svg", "toml", "yaml", "yml", "ini", "cfg",
    "conf", "lock", "log", "py", "pyc", "ipynb", "rs", "sh", "bat", "js", "ts", "r", "m", "c", "h", "cpp", "go",
    "java", "sql", "wasm", "crc", "checksum", "md5", "sha1", "sha256", "sig", "asc",
];

/// Tells by the name alone what a file seems to be. Files without an ending may be tables.
pub(crate) fn looks(path: &Path) -> Looks {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().to_lowercase()).collect();
    let Some(name) = parts.last() else { return Looks::Hidden };
    let ending = |name: &str| Path::new(name).extension().map(|ending| ending.to_string_lossy().into_owned());
    let of_system = |part: &String| part.starts_with('_') && ending(part).is_none();
    let is_hidden = |part: &String| part.starts_with('.') && part != "." && part != ".." || of_system(part);
    if parts.iter().any(is_hidden) || name == "desktop.ini" || name == "thumbs.db" {
        return Looks::Hidden;
    }
    const NOTES: &[&str] =
        &["readme", "license", "licence", "changelog", "copying", "makefile", "dockerfile", "checksum"];
    if NOTES.contains(&name.split('.').next().unwrap_or_default()) {
        return Looks::Beside;
    }
    let is_in = |endings: &[&str], ending: &str| endings.contains(&ending);
    match ending(name).as_deref() {
        None | Some("zip") => Looks::Table,
        Some(packed) if is_packed(packed) => match ending(&name[..name.len() - packed.len() - 1]).as_deref() {
            None => Looks::Table,
            Some(ending) if is_in(TABLES, ending) => Looks::Table,
            Some(_) => Looks::Other,
        },
        Some(ending) if is_in(TABLES, ending) => Looks::Table,
        Some(ending) if is_in(BESIDE, ending) => Looks::Beside,
        Some(_) => Looks::Other,
    }
}

/// What a path stands for.
pub(crate) struct Expanded {
    pub(crate) files: Vec<PathBuf>,
    /// The folder that was named, which all files are in.
    pub(crate) folder: PathBuf,
}

/// The files that `path` stands for: itself, the data files in the folder of this name and below, or those that the pattern
/// matches; in the order of their paths. What looks like data and is passed over is told in `notices`.
pub(crate) fn expand(path: &Path, notices: &mut Vec<String>) -> Result<Expanded, DataError> {
    if path.is_dir() {
        return Ok(Expanded { files: folder(path, notices)?, folder: path.to_owned() });
    }
    let text = path.to_string_lossy();
    if path.symlink_metadata().is_err() && is_pattern(&text) {
        let typed: PathBuf = path.iter().take_while(|part| !is_pattern(&part.to_string_lossy())).collect();
        return Ok(Expanded { files: matches(&text, &typed, notices)?, folder: typed });
    }
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok(Expanded { files: vec![path.to_owned()], folder })
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The data files in a folder and below, in the order of their paths.
fn folder(path: &Path, notices: &mut Vec<String>) -> Result<Vec<PathBuf>, DataError> {
    let is_visible =
        |entry: &walkdir::DirEntry| entry.depth() == 0 || looks(Path::new(entry.file_name())) != Looks::Hidden;
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_visible) {
        let entry = entry
            .map_err(|error| DataError::Io { path: error.path().unwrap_or(path).to_owned(), source: error.into() })?;
        if entry.path().join("_delta_log").is_dir() {
            return Err(DataError::Format {
                path: entry.into_path(),
                found: "is a Delta table, whose files may be of several versions".to_owned(),
                remedy: "write the version that counts as Parquet (in Python: `DeltaTable(DIR).to_pandas().to_parquet(...)`)",
            });
        }
        if !entry.file_type().is_file() {
            continue;
        }
        match looks(Path::new(entry.file_name())) {
            Looks::Table => files.push(entry.into_path()),
            Looks::Other => others.push(entry.into_path()),
            Looks::Beside | Looks::Hidden => {}
        }
    }
    let passed = passed_over(&others);
    if files.is_empty() {
        let but = passed.map_or_else(String::new, |passed| format!(", but {passed}"));
        return Err(DataError::NoFiles { path: path.to_owned(), but });
    }
    let told = |passed| format!("folder `{}`: passed over {passed}; a path or a pattern names others", path.display());
    notices.extend(passed.map(told));
    Ok(files)
}

/// `2 files that are not named like tables (...)`, if there are such.
fn passed_over(others: &[PathBuf]) -> Option<String> {
    const SHOWN: usize = 3;
    let shown: Vec<_> = others.iter().take(SHOWN).map(|path| format!("`{}`", path.display())).collect();
    let more = if others.len() > SHOWN { ", ..." } else { "" };
    let named = if others.len() == 1 { "that is not named like a table" } else { "that are not named like tables" };
    let count = counted(others.len() as u64, "file");
    (!others.is_empty()).then(|| format!("{count} {named} ({}{more})", shown.join(", ")))
}

/// The files that a pattern matches, and those in the folders that it matches. `typed` is its beginning without stars.
fn matches(pattern: &str, typed: &Path, notices: &mut Vec<String>) -> Result<Vec<PathBuf>, DataError> {
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let no_match = |why: String| DataError::NoMatch { pattern: pattern.to_owned(), why };
    // The library takes a last `**` as folders alone.
    let whole = if pattern.ends_with("**") { format!("{pattern}/*") } else { pattern.to_owned() };
    let found = glob::glob_with(&whole, options).map_err(|error| {
        no_match(format!("is not a pattern of paths: {} at character {}", error.msg, error.pos + 1))
    })?;
    // A pattern that ends with a star alone means the data, as a folder does.
    let is_any = Path::new(pattern).file_name().is_some_and(|name| name == "*" || name == "**");
    // What is typed may be hidden, what a star stands for may not.
    let is_hidden = |path: &Path| path.strip_prefix(typed).is_ok_and(|rest| looks(rest) == Looks::Hidden);
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| DataError::Io { path: error.path().to_owned(), source: error.into() })?;
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            match folder(&path, notices) {
                Err(DataError::NoFiles { .. }) => {}
                more => files.extend(more?),
            }
        } else if !is_any || looks(Path::new(path.file_name().unwrap_or_default())) == Looks::Table {
            files.push(path);
        }
    }
    // A folder and what is in it may both match.
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err(no_match("matches no data file".to_owned()));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names() {
        let cases = [
            ("AAPL.csv", Looks::Table),
            ("AAPL.CSV", Looks::Table),
            ("BRK.B.csv.gz", Looks::Table),
            ("BTCUSDT-1h-2024-12.zip", Looks::Table),
            ("part-0.snappy.parquet", Looks::Table),
            ("AAPL.gz", Looks::Table),
            ("AAPL", Looks::Table),
            ("_AAPL.csv", Looks::Table),
            ("AAPL.json.gz", Looks::Other),
            ("bars.tar.gz", Looks::Other),
            ("bars.xlsx", Looks::Other),
            ("AAPL.US", Looks::Other),
            ("bars.csv.part", Looks::Other),
            ("README.txt", Looks::Beside),
            ("README", Looks::Beside),
            ("instruments.toml", Looks::Beside),
            ("BTCUSDT-1h-2024-12.zip.CHECKSUM", Looks::Beside),
            ("_SUCCESS", Looks::Hidden),
            ("_metadata", Looks::Hidden),
            (".part-0.parquet.crc", Looks::Hidden),
            ("__MACOSX/a.csv", Looks::Hidden),
            (".git/a.csv", Looks::Hidden),
            ("", Looks::Hidden),
        ];
        for (name, expected) in cases {
            assert_eq!(looks(Path::new(name)), expected, "{name}");
        }
    }
}
