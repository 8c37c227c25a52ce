//! Sources: what was named on the command line → the contents of tables, unpacked and decoded.
//!
//! Never reads a source twice, never looks at a value.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use indexmap::IndexMap;

use crate::data::{
    description::FileDescription,
    error::{DataError, listed_files},
    sources::{
        content::{Content, content},
        encoding::to_utf8,
        folders::{Expanded, expand},
        stems::{bare, name_of, stem_of, symbol_of},
        unpack::{Limit, MOST, Packing, unpack, unzip},
    },
};

/// The most bytes of a line of a text: 4 MiB, which is a row of 60,000 instruments.
pub(crate) const LONGEST_LINE: usize = 4 << 20;

/// The path that stands for the standard input.
const STDIN: &str = "-";

/// The instrument of a pipe that nothing names.
const UNNAMED: &str = "data";

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFormat {
    Text,
    Parquet,
    Arrow,
}

/// A file or a pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The folder that was named, which it is in.
    folder: PathBuf,
    /// The instrument of a pipe, where nothing in it names one.
    name: Option<String>,
}

/// What a source holds.
#[derive(Debug)]
pub(crate) struct Table {
    /// The path that messages name. Of a file in an archive, its path there stands behind that of the archive.
    pub(crate) path: PathBuf,
    /// The instrument, where nothing in the table names one: that of its folder or its file.
    pub(crate) name: String,
    /// The same without dates and numbers.
    pub(crate) base: String,
    pub(crate) format: FileFormat,
    /// A text is in UTF-8.
    pub(crate) bytes: Bytes,
    /// The encoding that a text had, if it was decoded.
    pub(crate) encoding: Option<String>,
}

/// What was recognised, by what is said of it, with the files of which it is said.
#[derive(Debug, Default)]
pub(crate) struct Remarks(IndexMap<String, Vec<String>>);

impl Remarks {
    /// Keeps what continues the name of a file.
    fn add(&mut self, path: &Path, text: impl Into<String>) {
        self.0.entry(text.into()).or_default().push(path.display().to_string());
    }

    /// One line for each remark.
    pub(crate) fn into_notices(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(text, files)| {
            let text = match (files.len(), text.split_once(' ')) {
                (2.., Some(("is", rest))) => format!("are {rest}"),
                (2.., Some(("has", rest))) => format!("have {rest}"),
                _ => text,
            };
            format!("{} {text}", listed_files(files.iter().map(String::as_str)))
        })
    }
}

/// Whether a path stands for a pipe, which can be read once only.
pub fn is_pipe(path: &Path) -> bool {
    path == Path::new(STDIN) || is_stdin(path) || fs::metadata(path).is_ok_and(|there| is_fifo(&there))
}

/// The files and pipes that `paths` stand for, in their order: folders and patterns are replaced by the data files in them.
///
/// # Errors
///
/// Returns an error if a folder or a pattern has no data files, or a pipe is named twice.
pub fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DataError> {
    Ok(sources(paths, &mut Vec::new())?.into_iter().map(|source| source.path).collect())
}

/// The name of the data in a file or folder, without the endings that say how it is packed and written: `BRK.B` of
/// `bars/BRK.B.csv.gz`. A pipe that has no name of its own is called `data`.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// assert_eq!(host::data::name_of_file(Path::new("bars/BRK.B.csv.gz")), "BRK.B");
/// assert_eq!(host::data::name_of_file(Path::new("-")), "data");
/// ```
pub fn name_of_file(path: &Path) -> String {
    if is_unnamed(path) {
        return UNNAMED.to_owned();
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    if path.is_dir() { name.into_owned() } else { bare(&name).to_owned() }
}

/// The sources that `paths` stand for; what was passed over goes to `notices`.
pub(crate) fn sources(paths: &[PathBuf], notices: &mut Vec<String>) -> Result<Vec<Source>, DataError> {
    let mut found: Vec<Source> = Vec::new();
    let mut pipes = 0;
    // A shell's pattern also names the descriptions beside files.
    let describes = |path: &Path| {
        let described = path.to_str().and_then(|path| path.strip_suffix(".toml"));
        described.is_some_and(|described| paths.iter().any(|other| other == Path::new(described)))
    };
    for path in paths.iter().filter(|path| !describes(path)) {
        if !is_pipe(path) {
            let Expanded { files, folder } = expand(path, notices)?;
            found.extend(files.into_iter().map(|path| Source { path, folder: folder.clone(), name: None }));
            continue;
        }
        let is_same = |other: &Source| other.path == *path || is_stdin(&other.path) && is_stdin(path);
        if found.iter().any(is_same) {
            let problem = "is named twice, but a pipe can be read once only; name it once";
            return Err(DataError::Pipe { path: path.clone(), problem });
        }
        let name = is_unnamed(path).then(|| {
            pipes += 1;
            if pipes == 1 { UNNAMED.to_owned() } else { format!("{UNNAMED}-{pipes}") }
        });
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        found.push(Source { path: path.clone(), folder, name });
    }
    Ok(found)
}

/// Whether a path is one of those of the standard input.
fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|known| path == Path::new(known))
}

/// Whether the name of a pipe says nothing: that of the standard input, or of a shell's `<(...)`.
fn is_unnamed(path: &Path) -> bool {
    is_stdin(path) || path.starts_with("/dev/fd") || path.starts_with("/proc")
}

fn is_fifo(there: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&there.file_type())
}

impl Source {
    /// How results call this source: by its path below the folder that was named; `-` for a pipe without a name.
    pub(crate) fn label(&self) -> String {
        match self.name {
            Some(_) => STDIN.to_owned(),
            None => self.path.strip_prefix(&self.folder).unwrap_or(&self.path).display().to_string(),
        }
    }

    /// Reads the source, unpacks and decodes it; what was recognised goes to `remarks`. `read` says what is known of it.
    pub(crate) fn read(&self, read: &FileDescription, remarks: &mut Remarks) -> Result<Table, DataError> {
        let bytes = self.bytes()?;
        if bytes.is_empty() {
            let lack =
                if is_pipe(&self.path) { "is empty: the program before the pipe wrote nothing" } else { "is empty" };
            return Err(DataError::Empty { path: self.path.clone(), lack });
        }
        let mut table = table(&self.path, bytes, read, remarks)?;
        if let Some(name) = &self.name {
            remarks.add(&self.path, format!("is a pipe: its instrument is called `{name}`, unless a column names it"));
            table.name.clone_from(name);
            table.base.clone_from(name);
        }
        if is_pipe(&self.path)
            && table.format == FileFormat::Text
            && !table.bytes.ends_with(b"\n")
            && !table.bytes.ends_with(b"\r")
        {
            remarks.add(
                &self.path,
                "has no line end behind its last row: if the program before the pipe failed, the row is cut off",
            );
        }
        Ok(table)
    }

    fn bytes(&self) -> Result<Bytes, DataError> {
        let path = &self.path;
        let io_error = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => DataError::NotFound { path: path.clone() },
            _ => DataError::Io { path: path.clone(), source },
        };
        if path == Path::new(STDIN) {
            if io::stdin().is_terminal() {
                let problem = "is the terminal; pipe a file into it (`zcat bars.csv.gz | host ... --data -`)";
                return Err(DataError::Pipe { path: path.clone(), problem });
            }
            return all_of(path, io::stdin().lock(), 0).map(Bytes::from);
        }
        let there = fs::metadata(path).map_err(io_error)?;
        if there.is_file() {
            return all_of(path, File::open(path).map_err(io_error)?, there.len()).map(Bytes::from);
        }
        if !is_fifo(&there) && !is_stdin(path) {
            let problem = "is a device or a socket, not a file; name a file, or pipe it in (`--data -`)";
            return Err(DataError::Pipe { path: path.clone(), problem });
        }
        all_of(path, File::open(path).map_err(io_error)?, 0).map(Bytes::from)
    }
}

/// Everything that a file of `length` bytes, or a pipe, has.
///
/// A text with a line that is too long is not read to its end: a file may be as long as its disk.
fn all_of(path: &Path, mut source: impl Read, length: u64) -> Result<Vec<u8>, DataError> {
    let io_error = |source| DataError::Io { path: path.to_owned(), source };
    if length > MOST {
        return Err(DataError::TooLong { path: path.to_owned(), limit: MOST });
    }
    let mut bytes = Vec::new();
    let room = usize::try_from(length).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(room).map_err(|error| io_error(io::Error::other(error)))?;
    let piece = LONGEST_LINE as u64 + 1;
    loop {
        let before = bytes.len();
        source.by_ref().take(piece).read_to_end(&mut bytes).map_err(io_error)?;
        if bytes.len() - before <= LONGEST_LINE {
            return Ok(bytes);
        }
        if content(&bytes) != Content::Text {
            break;
        }
        if !bytes[before..].iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = 1 + bytes[..before].iter().filter(|byte| **byte == b'\n').count() as u64;
            return Err(DataError::LongLine { path: path.to_owned(), line, limit: LONGEST_LINE });
        }
        if bytes.len() as u64 > MOST {
            break;
        }
    }
    source.take((MOST + 1).saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes).map_err(io_error)?;
    if bytes.len() as u64 > MOST {
        return Err(DataError::TooLong { path: path.to_owned(), limit: MOST });
    }
    Ok(bytes)
}

/// The table in `bytes`, unpacked and decoded. An archive may hold a packed file; nothing else is packed twice.
pub(crate) fn table(
    path: &Path,
    bytes: Bytes,
    read: &FileDescription,
    remarks: &mut Remarks,
) -> Result<Table, DataError> {
    let limit = Limit::of(bytes.len());
    let (mut path, mut bytes) = (path.to_owned(), bytes);
    let mut found = content(&bytes);
    if found == Content::Zip {
        let member = unzip(&path, &bytes, limit)?;
        let inner = path.join(&member.name);
        if !member.others.is_empty() {
            let others = listed_files(member.others.iter().map(String::as_str));
            remarks.add(&path, format!("is an archive: `{}` is read, {others} passed over", member.name));
        } else if name_of(&inner) != file_stem(&path) {
            remarks.add(&path, format!("is an archive of `{}`", member.name));
        }
        (path, bytes) = (inner, member.bytes);
        found = content(&bytes);
    }
    if let Some(packing) = packing(found) {
        if !says(&path, &["gz", "gzip", "zst", "zstd"]) {
            remarks.add(&path, format!("is packed with {}, and unpacked", packing.name()));
        }
        bytes = unpack(&path, packing, &bytes, limit)?;
        found = content(&bytes);
    }
    if found == Content::Zip || packing(found).is_some() {
        return Err(DataError::Format {
            path,
            found: "is packed more than once".to_owned(),
            remedy: "unpack it until one packing is left",
        });
    }
    if bytes.is_empty() {
        return Err(DataError::Empty { path, lack: "has nothing in it" });
    }
    let mut encoding = None;
    let format = match found {
        Content::Parquet => FileFormat::Parquet,
        Content::Arrow => FileFormat::Arrow,
        Content::Foreign(foreign) => {
            let found = format!("is {}", foreign.what);
            return Err(DataError::Format { path, found, remedy: foreign.remedy });
        }
        _ => {
            let text = to_utf8(&path, bytes, read.encoding.as_deref())?;
            if let Some(note) = text.note {
                remarks.add(&path, note);
            }
            encoding = text.encoding.map(|encoding| encoding.name().to_lowercase());
            bytes = text.bytes;
            FileFormat::Text
        }
    };
    contradiction(&path, format).into_iter().for_each(|text| remarks.add(&path, text));
    let (name, base) = names(&path, read.symbol.as_deref());
    Ok(Table { path, name, base, format, bytes, encoding })
}

/// The instrument that the path of a table names, and the same without dates.
fn names(path: &Path, column: Option<&str>) -> (String, String) {
    if let Some(symbol) = symbol_of(path, column) {
        return (symbol.clone(), symbol);
    }
    let (name, base) = (name_of(path), stem_of(path).base);
    let base = if base.is_empty() { name.clone() } else { base };
    (name, base)
}

fn packing(content: Content) -> Option<Packing> {
    match content {
        Content::Gzip => Some(Packing::Gzip),
        Content::Zstd => Some(Packing::Zstd),
        _ => None,
    }
}

fn file_stem(path: &Path) -> String {
    bare(&path.file_name().unwrap_or_default().to_string_lossy()).to_owned()
}

/// Whether the name of a file has one of the endings.
fn says(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
}

/// That the name of a file says another format than it has.
fn contradiction(path: &Path, format: FileFormat) -> Option<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let endings: Vec<&str> = name.split('.').skip(1).collect();
    let has = |wanted: &[&'static str]| wanted.iter().find(|ending| endings.contains(*ending)).copied();
    let text = has(&["csv", "tsv", "txt"]);
    let parquet = has(&["parquet", "pq", "parq"]);
    let arrow = has(&["feather", "arrow", "arrows", "ipc"]);
    let (named, found) = match format {
        FileFormat::Text => (parquet.or(arrow), "a text"),
        FileFormat::Parquet => (text.or(arrow), "Parquet"),
        FileFormat::Arrow => (text.or(parquet), "a file of Arrow"),
    };
    named.map(|ending| format!("is named .{ending}, but is {found}, and read as that"))
}
