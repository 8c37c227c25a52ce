//! CSV and TSV encoder: rows as text separated by commas or tabs.
//!
//! Never opens a file.
//!
//! The first line holds the names. A null is an empty field, and so is an empty text: the format cannot tell them
//! apart. A number is written in the fewest digits that read back to the same bits, always with a point or an exponent
//! (`5.0`, `1e-7`), so that no reader takes its column for integers; an infinite one is `inf`. Fields are quoted where they
//! must be.

use std::{
    fmt::{self, Write as _},
    io,
};

use ::csv::{Writer, WriterBuilder};

use super::{
    column::{Cell, Column},
    encoder::{Chunk, Encoder},
};

/// CSV, or TSV with another delimiter.
#[derive(Debug)]
pub(super) struct Csv {
    delimiter: u8,
    names: Vec<String>,
    /// The text of the cell being written.
    text: String,
}

impl Csv {
    /// Makes an encoder for rows of `columns`.
    pub(super) fn new(columns: &[Column], delimiter: u8) -> Self {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Self { delimiter, names, text: String::new() }
    }

    /// A writer for one line. It is made anew for each, since only dropping it gives its target back.
    fn line<'c>(&self, chunk: &'c mut Chunk) -> Writer<&'c mut Vec<u8>> {
        WriterBuilder::new().delimiter(self.delimiter).from_writer(&mut chunk.bytes)
    }
}

impl Encoder for Csv {
    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        let mut line = self.line(chunk);
        line.write_record(&self.names)?;
        line.flush()
    }

    fn row(&mut self, row: &[Cell<'_>], chunk: &mut Chunk) -> io::Result<()> {
        chunk.rows += 1;
        let mut line = self.line(chunk);
        for cell in row {
            line.write_field(field(cell, &mut self.text).map_err(io::Error::other)?)?;
        }
        // The record without further fields ends the line.
        line.write_record(None::<&[u8]>)?;
        line.flush()
    }

    fn end(&mut self, _: &mut Chunk) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the text of `cell`, held in `text` where the cell holds none.
fn field<'t>(cell: &'t Cell<'_>, text: &'t mut String) -> Result<&'t str, fmt::Error> {
    text.clear();
    match cell {
        Cell::Null => {}
        Cell::Number(value) if value.is_nan() => {}
        Cell::Text(value) | Cell::Time(_, value) => return Ok(value),
        Cell::Boolean(_) | Cell::Integer(_) | Cell::Number(_) => write!(text, "{cell}")?,
    }
    Ok(text)
}
