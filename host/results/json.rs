//! JSON encoder, one object for all rows: the columns with their kinds, then a list for each row, on a line of its own.
//!
//! Never opens a file.
//!
//! A null is `null`. A number is written in the fewest digits that read back to the same bits. JSON has no infinity: an
//! infinite number is the text `inf`.

use std::io;

use serde_json::json;

use super::{
    column::{Cell, Column},
    encoder::{Chunk, Encoder, add_json},
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

impl Encoder for JsonTable {
    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        let column = |column: &Column| json!({ "name": column.name, "kind": column.kind.as_str() });
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        chunk.bytes.extend(b"{\"columns\":");
        add_json(&columns, &mut chunk.bytes)?;
        chunk.bytes.extend(b",\"rows\":[");
        Ok(())
    }

    fn row(&mut self, row: &[Cell<'_>], chunk: &mut Chunk) -> io::Result<()> {
        chunk.bytes.extend(if self.is_first { b"\n".as_slice() } else { b",\n" });
        self.is_first = false;
        add_json(&row, &mut chunk.bytes)?;
        chunk.rows += 1;
        Ok(())
    }

    fn end(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        chunk.bytes.extend(b"\n]}\n");
        Ok(())
    }
}
