//! The `Encoder` trait, between formats and files: an encoder turns rows into bytes, a file keeps them.
//!
//! Holds no format and no file.

use std::{fmt, io};

use super::column::Cell;
use crate::model::plain_json;

/// What an encoder has ready to be added to its file.
///
/// A file is at all times what all chunks' `bytes` make, followed by the last chunk's `tail`, and readable as such.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Bytes that stay.
    pub(super) bytes: Vec<u8>,
    /// The end of the format as of now; the next chunk overwrites it.
    pub(super) tail: Vec<u8>,
    /// The number of rows in `bytes`.
    pub(super) rows: u64,
}

impl Chunk {
    /// Whether there is nothing to add.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.tail.is_empty()
    }

    /// Makes the chunk empty, and keeps its memory for the next one unless it is large.
    pub(super) fn clear(&mut self) {
        const LARGE: usize = 1 << 20;
        self.bytes.clear();
        self.bytes.shrink_to(LARGE);
        self.tail.clear();
        self.rows = 0;
    }
}

/// Adds `value` as JSON on one line that shows itself everywhere: what steers a terminal or hides is escaped.
pub(super) fn add_json(value: &impl serde::Serialize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let start = bytes.len();
    serde_json::to_writer(&mut *bytes, value)?;
    // Most rows are ASCII without DEL, which has nothing to escape.
    if bytes[start..].iter().all(|byte| *byte < 0x7f) {
        return Ok(());
    }
    let json = String::from_utf8(bytes.split_off(start)).map_err(io::Error::other)?;
    bytes.extend(plain_json(&json).as_bytes());
    Ok(())
}

/// A format. The bytes depend on the rows alone, and on where checkpoints were asked for; never on when they come.
///
/// The rows that it is given fit its columns in number and kind, and the chunks are empty. An error is a bug, since
/// memory does not refuse bytes.
pub(super) trait Encoder: fmt::Debug + Send {
    /// Whether rows are held back until their group is complete.
    fn holds_rows(&self) -> bool {
        false
    }

    /// Adds what comes before the first row.
    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()>;

    /// Adds a row, or holds it back until its group is complete.
    fn row(&mut self, row: &[Cell<'_>], chunk: &mut Chunk) -> io::Result<()>;

    /// Adds the rows held back, as far as the format does. Rows may come after it.
    fn checkpoint(&mut self, _chunk: &mut Chunk) -> io::Result<()> {
        Ok(())
    }

    /// Adds the rows held back and the end of the format. No row comes after it.
    fn end(&mut self, chunk: &mut Chunk) -> io::Result<()>;
}
