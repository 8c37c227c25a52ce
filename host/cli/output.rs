//! Standard output that survives a reader who stops reading.
//!
//! Never hides another error of writing.

use std::{
    cell::Cell,
    io::{self, Write},
};

/// Standard output, whose reader may stop reading: `host ... | head` is not a failure, and hides none.
pub(super) struct Output<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) gone: &'a Cell<bool>,
}

impl Output<'_> {
    /// The result of a write: success if the reader has gone.
    fn or_gone<T>(&mut self, written: io::Result<T>, all: T) -> io::Result<T> {
        written.or_else(|error| {
            self.gone.set(error.kind() == io::ErrorKind::BrokenPipe);
            if self.gone.get() { Ok(all) } else { Err(error) }
        })
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone.get() {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.or_gone(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone.get() {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.or_gone(flushed, ())
    }
}
