//! JSON encoder, one object for all rows: the columns with their kinds, then a list for each row, on a line of its own.
//!
//! Never opens a file.
//!
//! A null is `null`. A number is written in the fewest digits that read back to the same bits. JSON has no infinity: an
//! infinite number is the text `inf`.

use std::{io, ops::Range, sync::Arc};

use serde_json::json;

use super::{
    column::{Cell, Column},
    encoder::{Chunk, Encoder, add_json},
    rows::{RowFormat, Rows},
};

/// JSON with columns and rows apart.
#[derive(Debug)]
pub(super) struct JsonTable {
    columns: Vec<Column>,
    is_first: bool,
}

impl JsonTable {
    /// Makes an encoder for rows of `columns`.
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), is_first: true }
    }
}

/// Rows of a [`JsonTable`], each with what separates it from the one before.
#[derive(Debug)]
struct JsonRows;

const SEPARATOR: &[u8] = b",";

impl RowFormat for JsonRows {
    fn row(&self, row: &[Cell<'_>], rows: &mut Rows) -> io::Result<()> {
        rows.bytes.extend(SEPARATOR);
        rows.bytes.push(b'\n');
        add_json(&row, &mut rows.bytes)
    }
}

impl Encoder for JsonTable {
    fn format(&self) -> Arc<dyn RowFormat> {
        Arc::new(JsonRows)
    }

    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        let column = |column: &Column| json!({ "name": column.name, "kind": column.kind.as_str() });
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        chunk.bytes.extend(b"{\"columns\":");
        add_json(&columns, &mut chunk.bytes)?;
        chunk.bytes.extend(b",\"rows\":[");
        Ok(())
    }

    fn append(&mut self, rows: &mut Rows, range: Range<usize>, chunk: &mut Chunk) -> io::Result<()> {
        let span = rows.span(&range);
        chunk.rows += range.len() as u64;
        // The first row has none before it.
        let skipped = if self.is_first && !range.is_empty() { SEPARATOR.len() } else { 0 };
        self.is_first &= range.is_empty();
        chunk.bytes.extend_from_slice(&rows.bytes[span.start + skipped..span.end]);
        Ok(())
    }

    fn end(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        chunk.bytes.extend(b"\n]}\n");
        Ok(())
    }
}
