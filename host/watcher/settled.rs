//! A settled file: read as a whole, or not at all.
//!
//! Never returns what is half written, and never waits longer than until the file is [`QUIET`] old.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    thread,
};

use super::{QUIET, Stamp};

/// Why a file cannot be had as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is not there.
    #[error("the file does not exist")]
    Missing,
    /// It changed while it was read: whoever writes it is not through. A watcher tells when that is so.
    #[error("the file is being written")]
    Unsettled,
    /// It is longer than it may be.
    #[error("the file has {size} bytes; the limit is {limit}")]
    TooLarge {
        /// Its length in bytes, or as much as was seen of it.
        size: u64,
        /// The most bytes.
        limit: u64,
    },
    /// The system does not give it.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Io(error) }
    }
}

/// Reads the file that `path` leads to once, if it has at most `limit` bytes.
///
/// One that was changed less than [`QUIET`] ago is given the rest of that time first: only after it does every further
/// write show in its times.
pub(crate) fn read_settled(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    if let Some(rest) = Stamp::of(path).and_then(|stamp| QUIET.checked_sub(stamp.age())) {
        #[expect(clippy::disallowed_methods, reason = "a file at rest is one to which nothing happens")]
        thread::sleep(rest);
    }
    // To open a device may do something; what has taken the file's place after this does not make anybody wait.
    check(&fs::metadata(path)?, limit)?;
    let file = open(path)?;
    let metadata = file.metadata()?;
    check(&metadata, limit)?;
    let before = Stamp::from(&metadata);
    let mut bytes = Vec::new();
    let room = usize::try_from(before.length()).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(room).map_err(|error| ReadError::Io(io::Error::other(error)))?;
    let read = (&file).take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64;
    if read > limit {
        return Err(ReadError::TooLarge { size: read, limit });
    }
    // What the path leads to now: the one that was read may have lost its name meanwhile.
    if read == before.length() && Stamp::of(path) == Some(before) { Ok(bytes) } else { Err(ReadError::Unsettled) }
}

/// Checks that it is a regular file of `limit` bytes at most.
fn check(metadata: &Metadata, limit: u64) -> Result<(), ReadError> {
    let refused = |what| Err(ReadError::Io(io::Error::new(io::ErrorKind::InvalidInput, what)));
    match (metadata.is_file(), metadata.is_dir(), metadata.len()) {
        (true, _, size) if size > limit => Err(ReadError::TooLarge { size, limit }),
        (true, ..) => Ok(()),
        (false, true, _) => refused("it is a directory"),
        (false, false, _) => refused("it is not a regular file"),
    }
}

/// Opens without waiting for the other end of a pipe.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}
