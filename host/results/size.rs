//! The size of a results file before it is written, from some of its rows.
//!
//! Never writes a file.

use std::path::Path;

use super::{
    column::{Cell, Column},
    error::ResultsError,
    format::bytes_of,
    parquet::GROUP_ROWS,
};

/// How many bytes a file of results takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FileSize {
    /// Bytes without a row.
    empty: f64,
    /// Bytes of each begun group of 65,536 rows, beside its rows.
    group: f64,
    /// Bytes of a row.
    row: f64,
}

impl FileSize {
    /// The size of a file at `path` with `columns` and `metadata`, as [`create_with`](super::create_with) takes them, measured by
    /// encoding `rows`: some that follow each other, from anywhere in the file. The file is not touched.
    ///
    /// # Errors
    ///
    /// Returns an error if the extension names no format, or if a row cannot be encoded.
    pub fn measure(
        path: &Path,
        columns: &[Column],
        metadata: &[(String, String)],
        rows: &[Vec<Cell<'_>>],
    ) -> Result<Self, ResultsError> {
        let bytes = |count: usize| bytes_of(path, columns, metadata, &rows[..count]);
        let (empty, around) = bytes(0)?;
        let none = (empty + around) as f64;
        if rows.is_empty() {
            return Ok(Self { empty: none, group: 0.0, row: 0.0 });
        }
        let (half, all) = (rows.len() / 2, rows.len());
        // What is there once for a group does not count for its rows.
        let ((fewer, _), (more, end)) = (bytes(half)?, bytes(all)?);
        let row = match half {
            0 => more as f64,
            _ => (more as f64 - fewer as f64) / (all - half) as f64,
        };
        let row = row.clamp(0.0, more as f64 / all as f64);
        Ok(Self { empty: none, group: (more + end) as f64 - none - row * all as f64, row })
    }

    /// Bytes of a file of `rows` rows.
    pub fn of(&self, rows: u64) -> u64 {
        let groups = rows.div_ceil(GROUP_ROWS as u64);
        (self.empty + self.group * groups as f64 + self.row * rows as f64) as u64
    }

    /// Bytes of a row.
    pub fn row(&self) -> f64 {
        self.row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Kind, create_with};

    fn row(n: u64) -> Vec<Cell<'static>> {
        // Digits that do not repeat, as metrics have.
        let number = |seed: u64| ((n * 64 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / 1e15;
        let mut row = vec![Cell::from(format!("fast={},slow={}", n / 100, n % 100)), Cell::count(n)];
        row.extend((0..20).map(|seed| Cell::Number(number(seed))));
        row.push(Cell::from("0123456789abcdef".repeat(4)));
        row
    }

    #[test]
    fn a_file_is_as_large_as_its_first_rows_say() {
        let folder = tempfile::tempdir().unwrap();
        let mut columns = vec![Column::new("task_id", Kind::Text), Column::new("cell", Kind::Integer)];
        columns.extend((0..20).map(|number| Column::new(format!("m{number}"), Kind::Number)));
        columns.push(Column::new("hash", Kind::Text));
        let said = [("host.sweep".to_owned(), "{}".repeat(500))];
        for name in ["r.parquet", "r.csv", "r.jsonl", "r.tsv"] {
            let path = folder.path().join(name);
            let rows: Vec<_> = (30_000..32_048).map(row).collect();
            let size = FileSize::measure(&path, &columns, &said, &rows).unwrap();
            assert!(!path.exists());
            for count in [1, 100, 5_000, 140_000] {
                let mut sink = create_with(&path, &columns, &said).unwrap();
                (0..count).try_for_each(|n| sink.write(&row(n))).unwrap();
                sink.finish().unwrap();
                let written = std::fs::metadata(&path).unwrap().len();
                let ratio = size.of(count) as f64 / written as f64;
                assert!((0.85..1.15).contains(&ratio), "{name}, {count} rows: {} of {written}", size.of(count));
            }
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn without_a_row_there_is_what_stands_around() {
        let columns = [Column::new("n", Kind::Integer)];
        let size = FileSize::measure(Path::new("r.csv"), &columns, &[], &[]).unwrap();
        assert_eq!((size.of(0), size.row()), (2, 0.0));
        let one = FileSize::measure(Path::new("r.csv"), &columns, &[], &[vec![Cell::from(7)]]).unwrap();
        assert_eq!((one.of(1), one.row()), (4, 2.0));
        assert!(FileSize::measure(Path::new("r.xls"), &columns, &[], &[]).is_err());
    }
}
