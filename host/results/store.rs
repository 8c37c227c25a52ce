//! The `Store` trait: what keeps the bytes of results.
//!
//! Never knows what they mean.

use std::{
    fmt::Debug,
    fs::File,
    io::{self, Seek, Write},
};

/// What keeps the bytes: a file, or in tests one on a disk that is full.
pub(super) trait Store: Write + Seek + Debug + Send {
    /// Cuts the file off at `length` bytes.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// Returns once the bytes are on the disk.
    fn sync(&self) -> io::Result<()>;
}

impl Store for File {
    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}
