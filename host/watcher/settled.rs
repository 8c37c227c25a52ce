//! A file as a whole, or not at all.
//!
//! Never waits for one.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    path::Path,
};

use super::target::Stamp;

/// Why a file cannot be had as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is not there.
    #[error("there is no such file")]
    Missing,
    /// It changed while it was read: whoever writes it is not through.
    #[error("the file is being written")]
    Unsettled,
    /// It is longer than it may be.
    #[error("the file has {size} bytes; the limit is {limit}")]
    TooLarge {
        /// Its length in bytes.
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

/// Reads the file `path` once, if it has at most `limit` bytes.
pub(crate) fn read_settled(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "it is a directory" } else { "it is not a regular file" };
        return Err(ReadError::Io(io::Error::new(io::ErrorKind::InvalidInput, what)));
    }
    let too_large = |size| ReadError::TooLarge { size, limit };
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    let read = (&file).take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64;
    if read > limit {
        return Err(too_large(read));
    }
    // What the path leads to now: the one that was read may have lost its name meanwhile.
    if Stamp::of(path) == Some(Stamp::from(&metadata)) { Ok(bytes) } else { Err(ReadError::Unsettled) }
}

/// Opens without waiting for the other end of a pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
