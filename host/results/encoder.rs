//! The `Encoder` trait, between formats and files: an encoder turns rows into bytes, a file keeps them.
//!
//! Holds no format and no file.

use std::{fmt, io, mem, ops::Range, sync::Arc};

use super::rows::{RowFormat, Rows};
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
    /// Where each of them ends, if each can be kept without those after it.
    pub(super) ends: Vec<usize>,
}

impl Chunk {
    /// Whether there is nothing to add.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.tail.is_empty()
    }

    /// Adds the rows `range`, of a format in which a row is the same bytes wherever it stands.
    pub(super) fn add(&mut self, rows: &mut Rows, range: Range<usize>) {
        self.rows += range.len() as u64;
        if range == (0..rows.len()) && self.bytes.is_empty() {
            mem::swap(&mut self.bytes, &mut rows.bytes);
            mem::swap(&mut self.ends, &mut rows.ends);
            return;
        }
        let (span, base) = (rows.span(&range), self.bytes.len());
        self.ends.extend(rows.ends[range].iter().map(|end| end - span.start + base));
        self.bytes.extend_from_slice(&rows.bytes[span]);
    }

    /// Makes the chunk empty, and keeps its memory for the next one unless it is large.
    pub(super) fn clear(&mut self) {
        const LARGE: usize = 1 << 20;
        self.bytes.clear();
        self.bytes.shrink_to(LARGE);
        self.tail.clear();
        self.ends.clear();
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

/// A format. The bytes depend on the rows alone, and on where checkpoints were asked for; never on when they come, in
/// blocks of which sizes, or on who encoded them.
///
/// The chunks that it is given are empty. An error is a bug, since memory does not refuse bytes.
pub(super) trait Encoder: fmt::Debug + Send {
    /// What encodes rows into the blocks that this takes.
    fn format(&self) -> Arc<dyn RowFormat>;

    /// Whether rows are held back until their group is complete.
    fn holds_rows(&self) -> bool {
        false
    }

    /// Adds what comes before the first row.
    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()>;

    /// How many of `rows` from the one at `start` on can be added at once: at least one, at most those left.
    fn fits(&self, rows: &Rows, start: usize) -> usize {
        rows.len() - start
    }

    /// Adds the rows `range`, which [fit](Self::fits), or holds them back until their group is complete. It may take their
    /// memory: those from the range's end on stay as they are.
    fn append(&mut self, rows: &mut Rows, range: Range<usize>, chunk: &mut Chunk) -> io::Result<()>;

    /// Adds the rows held back, as far as the format does. Rows may come after it.
    fn checkpoint(&mut self, _chunk: &mut Chunk) -> io::Result<()> {
        Ok(())
    }

    /// Adds the rows held back and the end of the format. No row comes after it.
    fn end(&mut self, chunk: &mut Chunk) -> io::Result<()>;
}

/// Adds all `rows`, and hands each chunk to `each`, which makes it empty.
pub(super) fn append_all(
    encoder: &mut dyn Encoder,
    rows: &mut Rows,
    chunk: &mut Chunk,
    mut each: impl FnMut(&mut Chunk),
) -> io::Result<()> {
    let mut start = 0;
    let count = rows.len();
    while start < count {
        let end = start + encoder.fits(rows, start);
        encoder.append(rows, start..end, chunk)?;
        each(chunk);
        start = end;
    }
    Ok(())
}
