//! Records: the rows of a delimited text, each as its cells.
//!
//! Never looks into a cell. In a text without quotes, rows are lines: one search for line ends and delimiters finds all cells,
//! without a copy. The library reads all other texts.

use csv::StringRecord;

use super::quick::{QuickRow, QuickRows};

/// One row.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// The row, where it is a line of a plain text.
    line: Option<&'a str>,
    /// Where in the line each cell ends.
    ends: Vec<usize>,
    /// The row of any other text.
    pub(super) written: StringRecord,
}

impl Record<'_> {
    /// The number of cells.
    #[inline]
    pub(super) fn len(&self) -> usize {
        if self.line.is_some() { self.ends.len() } else { self.written.len() }
    }

    /// A cell without the blanks around it; of a row that is too short, nothing.
    #[inline]
    pub(super) fn cell(&self, at: usize) -> &str {
        let Some(line) = self.line else { return trimmed(self.written.get(at).unwrap_or_default()) };
        let Some(&end) = self.ends.get(at) else { return "" };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        trimmed(&line[start..end])
    }
}

/// `text` without the blanks around it, of which most cells have none.
#[inline]
fn trimmed(text: &str) -> &str {
    let is_dark = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if is_dark(bytes.first()) && is_dark(bytes.last()) { text } else { text.trim() }
}

/// Whether the rows of `text` are its lines, which end with LF or CRLF, and whose cells nothing but `delimiter` separates.
pub(super) fn is_plain(text: &str, delimiter: u8) -> bool {
    let bytes = text.as_bytes();
    delimiter.is_ascii()
        && memchr::memchr(b'"', bytes).is_none()
        && memchr::memchr_iter(b'\r', bytes).all(|at| bytes.get(at + 1) == Some(&b'\n'))
}

/// The lines of a plain text.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    delimiter: u8,
    /// Line ends and delimiters that were not passed yet, counted from a place on.
    found: memchr::Memchr2<'a>,
    from: usize,
    /// Where the next line begins.
    start: usize,
    /// Whether lines were passed without their line ends and delimiters.
    is_ahead: bool,
    /// Lines that were passed.
    passed: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, delimiter: u8) -> Self {
        // Of texts that were put together the second may begin with a mark, too, which the library leaves out where rows begin.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let found = memchr::memchr2_iter(b'\n', delimiter, text.as_bytes());
        Self { text, delimiter, found, from: 0, start: 0, is_ahead: false, passed: 0 }
    }

    /// Reads the next line if it is quick, and returns how many were before it.
    #[inline]
    pub(super) fn next_quick(&mut self, rows: &QuickRows) -> Option<(u64, QuickRow<'a>)> {
        let (row, next) = rows.read(self.text, self.start)?;
        (self.start, self.passed, self.is_ahead) = (next, self.passed + 1, true);
        Some((self.passed - 1, row))
    }

    /// Reads the next line that is not empty, and returns how many were before it.
    pub(super) fn next(&mut self, record: &mut Record<'a>) -> Option<u64> {
        let bytes = self.text.as_bytes();
        if std::mem::take(&mut self.is_ahead) {
            self.from = self.start.min(bytes.len());
            self.found = memchr::memchr2_iter(b'\n', self.delimiter, &bytes[self.from..]);
        }
        while self.start < bytes.len() {
            let start = self.start;
            record.ends.clear();
            let mut end = bytes.len();
            for at in self.found.by_ref().map(|at| self.from + at) {
                if bytes[at] == b'\n' {
                    end = at;
                    break;
                }
                record.ends.push(at - start);
            }
            (self.start, self.passed) = (end + 1, self.passed + 1);
            let line = &self.text[start..end];
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !line.is_empty() {
                record.ends.push(line.len());
                record.line = Some(line);
                return Some(self.passed - 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str, delimiter: u8) -> Vec<(u64, Vec<String>)> {
        let (mut lines, mut record) = (Lines::new(text, delimiter), Record::default());
        let mut rows = Vec::new();
        while let Some(line) = lines.next(&mut record) {
            rows.push((line, (0..record.len()).map(|at| record.cell(at).to_owned()).collect()));
        }
        rows
    }

    #[test]
    fn rows_are_lines_and_a_row_that_is_too_short_has_empty_cells() {
        let found = plain("a,b\r\n\r\n\n 1 ,,x y \n2", b',');
        let row = |line, cells: &[&str]| (line, cells.iter().map(|cell| (*cell).to_owned()).collect());
        assert_eq!(found, [row(0, &["a", "b"]), row(3, &["1", "", "x y"]), row(4, &["2"])]);
        let (mut lines, mut record) = (Lines::new("1,2", b','), Record::default());
        assert_eq!((lines.next(&mut record), record.cell(2)), (Some(0), ""));
        assert!(!is_plain("a\rb", b',') && !is_plain("\"a\"", b',') && is_plain("a\r\n", b','));
    }

    proptest! {
        /// The library is the definition of what a row is.
        #[test]
        fn a_plain_text_has_the_rows_that_the_library_reads(
            text in "\u{feff}{0,2}([0-9a ,;é\u{feff}\t\u{0}]|\r\n|\n){0,60}",
            semicolons: bool,
        ) {
            let delimiter = if semicolons { b';' } else { b',' };
            prop_assert!(is_plain(&text, delimiter));
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter)
                .from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(|cell| cell.trim().to_owned()).collect())
                .collect();
            let found: Vec<_> = plain(&text, delimiter).into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
