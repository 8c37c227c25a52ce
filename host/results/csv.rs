//! CSV and TSV encoder: rows as text separated by commas or tabs.
//!
//! Never opens a file.
//!
//! The first line holds the names. A null is an empty field, and so is an empty text: the format cannot tell them
//! apart. A number is written in the fewest digits that read back to the same bits, always with a point or an exponent
//! (`5.0`, `1e-7`), so that no reader takes its column for integers; an infinite one is `inf`. Fields are quoted where they
//! must be.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line end for a formula, and runs it. A text that
//! begins so, and is no number, gets an apostrophe before it, which tells a spreadsheet that it is a text. A text of
//! apostrophes before such a character gets one more, so that [`csv_text`] gives every text back.

use std::{
    borrow::Cow,
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
        let names = columns.iter().map(|column| plain(&column.name).into_owned()).collect();
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
            line.write_field(field(cell, &mut self.text).map_err(io::Error::other)?.as_bytes())?;
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
fn field<'t>(cell: &'t Cell<'_>, text: &'t mut String) -> Result<Cow<'t, str>, fmt::Error> {
    text.clear();
    match cell {
        Cell::Null => {}
        Cell::Number(value) if value.is_nan() => {}
        Cell::Text(value) => return Ok(plain(value)),
        Cell::Time(_, value) => return Ok(Cow::Borrowed(value)),
        Cell::Boolean(_) | Cell::Integer(_) | Cell::Number(_) => write!(text, "{cell}")?,
    }
    Ok(Cow::Borrowed(text))
}

/// What a text is in CSV: the same, or with an apostrophe before it where a spreadsheet would run it.
fn plain(text: &str) -> Cow<'_, str> {
    if runs(text.trim_start_matches('\'')) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Returns the text that was written as `cell` into CSV: without the apostrophe that keeps a spreadsheet from running it.
///
/// # Examples
///
/// ```
/// use host::results::csv_text;
///
/// assert_eq!(csv_text("'=1+1"), "=1+1");
/// assert_eq!(csv_text("it's"), "it's");
/// ```
pub fn csv_text(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if runs(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

/// Whether a spreadsheet may take a text for a formula. Some take the wide forms of the signs, too.
fn runs(text: &str) -> bool {
    let signs = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    // A number shows itself, whether or not it is computed.
    text.starts_with(signs) && text.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::results::column::Kind;

    /// The line of a row with one cell, without its end.
    fn written(cell: Cell<'_>) -> String {
        let mut csv = Csv::new(&[Column::new("any", Kind::Text)], b',');
        let mut chunk = Chunk::default();
        csv.row(&[cell], &mut chunk).unwrap();
        String::from_utf8(chunk.bytes).unwrap().trim_end_matches('\n').to_owned()
    }

    #[test]
    fn a_spreadsheet_runs_no_text() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+1+1", "'+1+1"),
            ("-2+3", "'-2+3"),
            ("-", "'-"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("=A1,B1", "\"'=A1,B1\""),
            ("＝1+1", "'＝1+1"),
            ("'=1+1", "''=1+1"),
            ("'", "'"),
            ("it's", "it's"),
            ("'quoted'", "'quoted'"),
            ("fast=5", "fast=5"),
            // Numbers.
            ("-5", "-5"),
            ("+3.5e-7", "+3.5e-7"),
            ("-inf", "-inf"),
        ];
        for (text, expected) in cases {
            assert_eq!(written(Cell::from(text)), expected, "{text:?}");
        }
        assert_eq!(written(Cell::Number(-1.5)), "-1.5");
        assert_eq!(written(Cell::Integer(-2)), "-2");
        assert_eq!(written(Cell::Time(0, "-0001-01-01".into())), "-0001-01-01");
    }

    #[test]
    fn names_of_columns_are_texts_too() {
        let mut chunk = Chunk::default();
        Csv::new(&[Column::new("=name", Kind::Text), Column::new("x", Kind::Text)], b',').start(&mut chunk).unwrap();
        assert_eq!(chunk.bytes, b"'=name,x\n");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "['=+@\\-\t\r\n,a1\"＝]{0,6}") {
            let mut csv = Csv::new(&[Column::new("a", Kind::Text), Column::new("b", Kind::Text)], b',');
            let mut chunk = Chunk::default();
            csv.row(&[Cell::from(text.as_str()), Cell::from("end")], &mut chunk).unwrap();
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(chunk.bytes.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert!(!runs(&record[0]), "{:?}", &record[0]);
            prop_assert_eq!(csv_text(&record[0]), text);
        }
    }
}
