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
    io::{self, Write as _},
    ops::Range,
    sync::Arc,
};

use super::{
    column::{Cell, Column},
    encoder::{Chunk, Encoder},
    rows::{RowFormat, Rows},
};

/// CSV, or TSV with another delimiter.
#[derive(Debug, Clone)]
pub(super) struct Csv {
    delimiter: u8,
    names: Vec<String>,
}

impl Csv {
    /// Makes an encoder for rows of `columns`.
    pub(super) fn new(columns: &[Column], delimiter: u8) -> Self {
        Self { delimiter, names: columns.iter().map(|column| column.name.clone()).collect() }
    }

    /// Adds a line of `count` fields, each by `field`.
    fn line(
        &self,
        count: usize,
        bytes: &mut Vec<u8>,
        mut field: impl FnMut(usize, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        let start = bytes.len();
        for at in 0..count {
            if at > 0 {
                bytes.push(self.delimiter);
            }
            field(at, bytes)?;
        }
        if bytes.len() == start {
            // Readers skip an empty line.
            bytes.extend(b"\"\"");
        }
        bytes.push(b'\n');
        Ok(())
    }

    fn cell(&self, cell: &Cell<'_>, bytes: &mut Vec<u8>) -> io::Result<()> {
        match cell {
            Cell::Null => {}
            Cell::Number(value) if value.is_nan() => {}
            Cell::Text(value) => self.text(&plain(value), bytes),
            Cell::Time(_, value) => self.text(value, bytes),
            // Neither has a character that wants quotes.
            Cell::Boolean(_) | Cell::Integer(_) | Cell::Number(_) => write!(bytes, "{cell}")?,
        }
        Ok(())
    }

    /// Adds a text, in quotes where it must be.
    fn text(&self, text: &str, bytes: &mut Vec<u8>) {
        let text = text.as_bytes();
        if !text.iter().any(|byte| [self.delimiter, b'"', b'\n', b'\r'].contains(byte)) {
            return bytes.extend_from_slice(text);
        }
        bytes.push(b'"');
        for part in text.split_inclusive(|byte| *byte == b'"') {
            bytes.extend_from_slice(part);
            if part.ends_with(b"\"") {
                bytes.push(b'"');
            }
        }
        bytes.push(b'"');
    }
}

impl RowFormat for Csv {
    fn row(&self, row: &[Cell<'_>], rows: &mut Rows) -> io::Result<()> {
        self.line(row.len(), &mut rows.bytes, |at, bytes| self.cell(&row[at], bytes))
    }
}

impl Encoder for Csv {
    fn format(&self) -> Arc<dyn RowFormat> {
        Arc::new(self.clone())
    }

    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.line(self.names.len(), &mut chunk.bytes, |at, bytes| {
            self.text(&plain(&self.names[at]), bytes);
            Ok(())
        })
    }

    fn append(&mut self, rows: &mut Rows, range: Range<usize>, chunk: &mut Chunk) -> io::Result<()> {
        chunk.add(rows, range);
        Ok(())
    }

    fn end(&mut self, _: &mut Chunk) -> io::Result<()> {
        Ok(())
    }
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
        let csv = Csv::new(&[Column::new("any", Kind::Text)], b',');
        let mut rows = Rows::default();
        csv.row(&[cell], &mut rows).unwrap();
        String::from_utf8(rows.bytes).unwrap().trim_end_matches('\n').to_owned()
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
            let csv = Csv::new(&[Column::new("a", Kind::Text), Column::new("b", Kind::Text)], b',');
            let mut rows = Rows::default();
            csv.row(&[Cell::from(text.as_str()), Cell::from("end")], &mut rows).unwrap();
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(rows.bytes.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert!(!runs(&record[0]), "{:?}", &record[0]);
            prop_assert_eq!(csv_text(&record[0]), text);
        }

        #[test]
        fn a_line_is_as_the_library_writes_it(
            texts in prop::collection::vec("['=\t\r\n, a1\"＝]{0,6}", 1..4), is_tsv: bool,
        ) {
            let delimiter = if is_tsv { b'\t' } else { b',' };
            let columns: Vec<_> = texts.iter().map(|_| Column::new("any", Kind::Text)).collect();
            let cells: Vec<_> = texts.iter().map(|text| Cell::from(text.as_str())).collect();
            let mut rows = Rows::default();
            Csv::new(&columns, delimiter).row(&cells, &mut rows).unwrap();
            let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            writer.write_record(texts.iter().map(|text| plain(text).into_owned())).unwrap();
            prop_assert_eq!(rows.bytes, writer.into_inner().unwrap());
        }
    }
}
