//! Containers: gzip, zstd, and zip archives of one file.
//!
//! Never returns a part of what is packed, never fills the memory with what a small file unpacks to.

use std::{
    io::{self, Cursor, Read},
    path::Path,
};

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use zip::{ZipArchive, result::ZipError};

use crate::{
    data::{
        error::{DataError, excerpt},
        sources::folders::{Looks, looks},
    },
    model::is_harmless,
};

/// The most bytes that are read from a pipe, or unpacked from one file: 16 GiB.
pub(crate) const MOST: u64 = 16 << 30;

/// The most that a packed file may grow by, where it unpacks to more than [`FREE`]. Bars shrink to a tenth, and hardly ever to a
/// fiftieth; a file that is made to fill the memory, to a thousandth.
const RATIO: u64 = 200;

/// The size up to which the ratio does not count: 256 MiB.
const FREE: u64 = 256 << 20;

/// The binary logarithm of the largest window that zstd has.
const LARGEST_WINDOW: u32 = if usize::BITS == 64 { 31 } else { 30 };

/// How a container is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// How many bytes a packed file may unpack to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(u64);

impl Limit {
    /// The limit of a file of `packed` bytes.
    pub(crate) fn of(packed: usize) -> Self {
        Self((packed as u64).saturating_mul(RATIO).clamp(FREE, MOST))
    }

    /// The number of bytes.
    pub(crate) fn bytes(self) -> u64 {
        self.0
    }
}

/// The file in an archive.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its path in the archive, as a message can show it.
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
    /// The names of other files, which have no bars.
    pub(crate) others: Vec<String>,
}

/// Why unpacking ends early.
enum Fault {
    Limit,
    /// The memory does not suffice.
    Memory(io::Error),
    /// A compression of zip that is not read.
    Method(u16),
    Damaged(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match (error.kind(), error.get_ref().and_then(|inner| inner.downcast_ref::<ZipError>())) {
            (_, Some(error)) => error.into(),
            (io::ErrorKind::OutOfMemory, _) => Self::Memory(error),
            (io::ErrorKind::UnexpectedEof, _) => Self::Damaged("its end is missing".to_owned()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

impl From<&ZipError> for Fault {
    fn from(error: &ZipError) -> Self {
        match error {
            ZipError::CompressionMethodNotSupported(method) => Self::Method(*method),
            ZipError::InvalidArchive(text) => Self::Damaged(text.to_string()),
            error => Self::Damaged(error.to_string()),
        }
    }
}

/// Returns what is packed in `bytes`, all members or frames after each other.
pub(crate) fn unpack(path: &Path, packing: Packing, bytes: &[u8], limit: Limit) -> Result<Bytes, DataError> {
    let mut content = Vec::new();
    let unpacked = match packing {
        Packing::Gzip => gzip(bytes, limit, &mut content),
        Packing::Zstd => zstd(bytes, limit, &mut content),
    };
    unpacked.map_err(|fault| told(path, packing.name(), &content, limit, fault))?;
    Ok(content.into())
}

/// Makes an error of a fault.
fn told(path: &Path, packing: &'static str, content: &[u8], Limit(limit): Limit, fault: Fault) -> DataError {
    match fault {
        Fault::Limit => DataError::TooLarge { path: path.to_owned(), limit },
        Fault::Memory(source) => DataError::Io { path: path.to_owned(), source },
        Fault::Method(method) => DataError::Format {
            path: path.to_owned(),
            found: format!("is packed by a method of zip that is not read (number {method})"),
            remedy: "unpack it, and name the unpacked file",
        },
        Fault::Damaged(problem) => {
            let lines = content.iter().filter(|byte| **byte == b'\n').count() as u64;
            DataError::Damaged { path: path.to_owned(), packing, unpacked: content.len() as u64, lines, problem }
        }
    }
}

fn gzip(bytes: &[u8], limit: Limit, content: &mut Vec<u8>) -> Result<(), Fault> {
    let mut rest = bytes;
    // Zeros may fill the last block of a tape or a disk; `gzip` passes over them, too.
    while rest.iter().any(|byte| *byte != 0) {
        if !rest.starts_with(&[0x1f, 0x8b]) {
            return Err(Fault::Damaged(format!("{} bytes behind its end are not gzip", rest.len())));
        }
        let mut member = GzDecoder::new(rest);
        fill(&mut member, limit, content)?;
        rest = member.into_inner();
    }
    Ok(())
}

fn zstd(bytes: &[u8], limit: Limit, content: &mut Vec<u8>) -> Result<(), Fault> {
    let mut frames = zstd::stream::read::Decoder::with_buffer(bytes)?;
    // As of `zstd --long=31`; what is not used of the window takes no memory.
    frames.window_log_max(LARGEST_WINDOW)?;
    fill(&mut frames, limit, content)
}

/// Adds what `reader` has to `content`, which stays below the limit.
fn fill(reader: &mut impl Read, Limit(limit): Limit, content: &mut Vec<u8>) -> Result<(), Fault> {
    let left = (limit + 1).saturating_sub(content.len() as u64);
    reader.take(left).read_to_end(content)?;
    if content.len() as u64 > limit { Err(Fault::Limit) } else { Ok(()) }
}

/// Returns the one file of a zip archive that has bars.
pub(crate) fn unzip(path: &Path, bytes: &[u8], limit: Limit) -> Result<Member, DataError> {
    let wrong = |found: String, remedy| DataError::Format { path: path.to_owned(), found, remedy };
    let mut archive = match ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => archive,
        Err(error) => return Err(told(path, "zip", &[], limit, Fault::from(&error))),
    };
    let names: Vec<String> = archive.file_names_raw().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    if let Some(document) = document(&names) {
        return Err(wrong(format!("is {document}"), "save the sheet with the bars as CSV"));
    }
    if names.iter().any(|name| name.ends_with(".npy")) {
        return Err(wrong("is an archive of NumPy arrays (npz)".to_owned(), "write them as CSV or Parquet"));
    }
    let (at, others) = only_member(&names)
        .map_err(|found| wrong(found, "unpack it, and name the files with bars, or their folder"))?;
    let mut content = Vec::new();
    let name = printable(&names[at]);
    let inner = path.join(&name);
    let done = match archive.by_index(at) {
        Ok(mut file) => fill(&mut file, limit, &mut content),
        Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
            return Err(wrong(format!("is encrypted: `{name}` needs a password"), "unpack it, and name the file"));
        }
        Err(error) => Err(Fault::from(&error)),
    };
    done.map_err(|fault| told(&inner, "zip", &content, limit, fault))?;
    Ok(Member { name, bytes: content.into(), others })
}

/// The office document that an archive with these names is.
fn document(names: &[String]) -> Option<&'static str> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let starts = |wanted: &str| names.iter().any(|name| name.starts_with(wanted));
    match () {
        () if starts("xl/") => Some("an Excel workbook (xlsx)"),
        () if has("[Content_Types].xml") => Some("an Office document"),
        () if has("mimetype") && has("content.xml") => Some("an OpenDocument sheet (ods)"),
        () => None,
    }
}

/// The place of the only file with bars, and the names of the others; else what the archive has.
fn only_member(names: &[String]) -> Result<(usize, Vec<String>), String> {
    let is_file = |name: &&String| !name.ends_with('/') && looks(Path::new(name.as_str())) != Looks::Hidden;
    let files: Vec<&String> = names.iter().filter(is_file).collect();
    // Besides the bars, archives hold readmes, licences, and reports as texts.
    let tables: Vec<&String> =
        files.iter().filter(|name| looks(Path::new(name.as_str())) == Looks::Table).copied().collect();
    let plain: Vec<&String> = tables.iter().filter(|name| !name.to_lowercase().ends_with(".txt")).copied().collect();
    let chosen = [&plain, &tables, &files].into_iter().find(|chosen| !chosen.is_empty());
    match chosen.map(Vec::as_slice) {
        None => Err("is an archive without a file".to_owned()),
        Some([one]) => {
            let others = files.iter().filter(|name| *name != one).map(|name| printable(name)).collect();
            let at = names.iter().position(|name| name == *one).unwrap_or_default();
            Ok((at, others))
        }
        Some(several) => {
            let shown: Vec<_> = several.iter().take(3).map(|name| format!("`{}`", printable(name))).collect();
            let more = if several.len() > shown.len() { ", ..." } else { "" };
            Err(format!("is an archive of {} files with bars ({}{more})", several.len(), shown.join(", ")))
        }
    }
}

/// A name out of an archive that is safe to show: it may have characters that steer a terminal, or hide.
fn printable(name: &str) -> String {
    name.replace('\\', "/")
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| if !part.chars().all(is_harmless) { excerpt(part) } else { part.to_owned() })
        .collect::<Vec<_>>()
        .join("/")
}
