//! Blocks of encoded rows, and what encodes them on any thread.
//!
//! Never opens a file, and never knows the order of blocks: that is the sink's.

use std::{fmt, io, ops::Range, path::PathBuf, sync::Arc};

use super::{
    cells::Cells,
    column::{Cell, Column},
    error::ResultsError,
};

/// Rows that are encoded, as far as that is possible without those before them.
///
/// A block belongs to the sink whose [`RowEncoder`] has filled it. It can be made on any thread and is cheap to move.
#[derive(Debug, Default)]
pub struct Rows {
    /// Lines of text, or frames of a journal.
    pub(super) bytes: Vec<u8>,
    /// Where each row ends in `bytes`.
    pub(super) ends: Vec<usize>,
    /// The same cells column by column, for formats that have columns; else none.
    pub(super) cells: Vec<Cells>,
}

impl Rows {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of the rows as they go to the disk first. A block of Parquet takes about twice as much memory.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all rows, and keeps the memory for others of the same sink.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.cells.iter_mut().for_each(Cells::clear);
    }

    /// Where the rows `range` are in `bytes`.
    pub(super) fn span(&self, range: &Range<usize>) -> Range<usize> {
        let end = |rows: usize| if rows == 0 { 0 } else { self.ends[rows - 1] };
        end(range.start)..end(range.end)
    }
}

/// Encodes rows of some columns into blocks, on any thread.
pub(super) trait RowFormat: fmt::Debug + Send + Sync {
    /// Adds a row, which fits the columns. `ends` is the caller's, and so are bytes that an error leaves behind.
    ///
    /// # Errors
    ///
    /// Returns an error if the format has no place for the row; `cells` are as before then.
    fn row(&self, row: &[Cell<'_>], rows: &mut Rows) -> io::Result<()>;

    /// Does a part of what is to be done with rows that a file has taken, if there is enough of it.
    fn help(&self) {}
}

/// Adds a row that fits the columns; an error leaves `rows` as they were.
pub(super) fn push(format: &dyn RowFormat, rows: &mut Rows, row: &[Cell<'_>]) -> io::Result<()> {
    let before = rows.bytes.len();
    match format.row(row, rows) {
        Ok(()) => {
            rows.ends.push(rows.bytes.len());
            Ok(())
        }
        Err(error) => {
            rows.bytes.truncate(before);
            Err(error)
        }
    }
}

/// Encodes rows for one [`Sink`](super::Sink), on any thread; a clone costs next to nothing.
///
/// # Examples
///
/// ```
/// use host::results::{Cell, Column, Kind, Rows, create};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("results.csv");
/// let mut sink = create(&path, &[Column::new("n", Kind::Integer)])?;
/// let encoder = sink.encoder();
/// let worker = std::thread::spawn(move || {
///     let mut rows = Rows::default();
///     (0..3).try_for_each(|n| encoder.push(&mut rows, &[Cell::from(n)])).map(|()| rows)
/// });
/// sink.append(worker.join().unwrap()?)?;
/// sink.finish()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "n\n0\n1\n2\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RowEncoder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    columns: Vec<Column>,
    format: Arc<dyn RowFormat>,
}

impl RowEncoder {
    pub(super) fn new(path: PathBuf, columns: &[Column], format: Arc<dyn RowFormat>) -> Self {
        Self(Arc::new(Shared { path, columns: columns.to_vec(), format }))
    }

    /// The path of the results, as it was given.
    pub(super) fn path(&self) -> &PathBuf {
        &self.0.path
    }
    /// Checks a row, its cells in the order of the columns, and adds it to `rows`.
    ///
    /// # Errors
    ///
    /// Returns an error if the row does not fit the columns, or has a text of 4 GiB or more; `rows` are as before then.
    pub fn push(&self, rows: &mut Rows, row: &[Cell<'_>]) -> Result<(), ResultsError> {
        self.check(row)?;
        push(&*self.0.format, rows, row).map_err(|source| ResultsError::Encode { path: self.0.path.clone(), source })
    }

    /// Encodes some of the rows that the sink has taken, if so many wait that it is worth it; else returns at once. Call it
    /// after each block: without help, the thread that appends does it all.
    ///
    /// An error or a panic in it becomes an error of the sink.
    pub fn help(&self) {
        self.0.format.help();
    }

    fn check(&self, row: &[Cell<'_>]) -> Result<(), ResultsError> {
        let Shared { path, columns, .. } = &*self.0;
        let (expected, found) = (columns.len(), row.len());
        if expected != found {
            return Err(ResultsError::Width { path: path.clone(), expected, found });
        }
        for (column, cell) in columns.iter().zip(row) {
            debug_assert!(
                !matches!(cell, Cell::Number(value) if value.is_nan()),
                "column `{}` got {cell:?}, but what is undefined is null",
                column.name
            );
            if let Some(kind) = cell.kind().filter(|kind| *kind != column.kind) {
                return Err(ResultsError::WrongKind {
                    path: path.clone(),
                    name: column.name.clone(),
                    expected: column.kind.as_str(),
                    found: kind.as_str(),
                    value: cell.to_string(),
                });
            }
        }
        Ok(())
    }
}
