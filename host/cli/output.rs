//! Standard output that survives a reader who stops reading.

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
    /// What an attempt to write comes to: if nobody reads any more, everything is written.
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
