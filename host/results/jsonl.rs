//! JSON lines encoder: one object for each row, its members in the order of the columns.
//!
//! Never opens a file.
//!
//! A null is `null`. A number is written in the fewest digits that read back to the same bits. JSON has no infinity: an
//! infinite number is the text `inf`.

use std::{io, ops::Range, sync::Arc};

use serde::{Serialize, Serializer};

use super::{
    column::{Cell, Column},
    encoder::{Chunk, Encoder, add_json},
    rows::{RowFormat, Rows},
};

/// JSON lines.
#[derive(Debug, Clone)]
pub(super) struct JsonLines {
    names: Vec<String>,
}

impl JsonLines {
    /// Makes an encoder for rows of `columns`.
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { names: columns.iter().map(|column| column.name.clone()).collect() }
    }
}

impl RowFormat for JsonLines {
    fn row(&self, row: &[Cell<'_>], rows: &mut Rows) -> io::Result<()> {
        add_json(&Object { names: &self.names, row }, &mut rows.bytes)?;
        rows.bytes.push(b'\n');
        Ok(())
    }
}

impl Encoder for JsonLines {
    fn format(&self) -> Arc<dyn RowFormat> {
        Arc::new(self.clone())
    }

    fn start(&mut self, _: &mut Chunk) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, rows: &mut Rows, range: Range<usize>, chunk: &mut Chunk) -> io::Result<()> {
        chunk.add(rows, range);
        Ok(())
    }

    fn end(&mut self, _: &mut Chunk) -> io::Result<()> {
        Ok(())
    }
}

struct Object<'r> {
    names: &'r [String],
    row: &'r [Cell<'r>],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.row))
    }
}
