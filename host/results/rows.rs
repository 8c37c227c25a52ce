//! Blocks of encoded rows, and what encodes them on any thread.
//!
//! Never opens a file, and never knows the order of blocks: that is the sink's.

use std::{
    fmt, io,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    cells::Cells,
    column::{Cell, Column},
    error::ResultsError,
};

/// Bytes of memory that blocks may have which are kept for others to come.
const SPARE_BYTES: usize = 16 << 20;

/// Blocks that are kept for others to come.
const SPARE_BLOCKS: usize = 256;

/// Rows that are encoded, as far as that is possible without those before them.
///
/// A block belongs to the sink whose [`RowEncoder`] has filled it. It can be made on any thread and is cheap to move.
#[derive(Debug, Default)]
pub struct Rows {
    /// The sink whose rows they are; none before the first.
    sink: Option<SinkId>,
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

    /// Bytes of memory that it has, used or not.
    fn memory(&self) -> usize {
        let cells = self.cells.iter().map(|cells| size_of::<Cells>() + cells.memory()).sum::<usize>();
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>() + cells
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

    /// Does what is to be done with rows that a file has taken, if there is enough of it.
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
/// use host::results::{Cell, Column, Kind, create};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("results.csv");
/// let mut sink = create(&path, &[Column::new("n", Kind::Integer)])?;
/// let encoder = sink.encoder();
/// let worker = std::thread::spawn(move || {
///     let mut rows = encoder.rows();
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
    sink: SinkId,
    spare: Mutex<Spare>,
}

/// Tells the sinks of a process apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SinkId(u64);

impl SinkId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

/// Empty blocks of one sink, which keep their memory for rows to come: else a thread would give back to the system's
/// allocator what another has taken from it, and both would wait for each other.
#[derive(Debug, Default)]
struct Spare {
    blocks: Vec<Rows>,
    /// What `blocks` have.
    memory: usize,
}

impl Spare {
    fn take(&mut self) -> Option<Rows> {
        let rows = self.blocks.pop()?;
        self.memory -= rows.memory();
        Some(rows)
    }

    /// Keeps the block, if there is room for it; else returns it.
    fn keep(&mut self, rows: Rows) -> Option<Rows> {
        let memory = rows.memory();
        if self.memory + memory > SPARE_BYTES || self.blocks.len() == SPARE_BLOCKS {
            return Some(rows);
        }
        self.memory += memory;
        self.blocks.push(rows);
        None
    }
}

impl RowEncoder {
    pub(super) fn new(path: PathBuf, columns: &[Column], format: Arc<dyn RowFormat>) -> Self {
        let (columns, sink) = (columns.to_vec(), SinkId::next());
        Self(Arc::new(Shared { path, columns, format, sink, spare: Mutex::default() }))
    }

    /// An empty block. It has the memory of one that the sink is done with, if there is one: 16 MiB are kept at most.
    pub fn rows(&self) -> Rows {
        self.spare().take().unwrap_or_default()
    }

    /// Keeps the memory of a block that the sink is done with.
    pub(super) fn recycle(&self, mut rows: Rows) {
        rows.clear();
        // What is not kept is freed after the lock is.
        drop(self.spare().keep(rows));
    }

    /// The spare blocks. The lock is held for moves only, which cannot panic.
    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.0.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that the rows are those of this encoder's sink.
    pub(super) fn check_own(&self, rows: &Rows) -> Result<(), ResultsError> {
        match rows.sink {
            Some(sink) if sink != self.0.sink => Err(ResultsError::OtherRows { path: self.0.path.clone() }),
            _ => Ok(()),
        }
    }

    /// The path of the results, as it was given.
    pub(super) fn path(&self) -> &PathBuf {
        &self.0.path
    }

    /// Checks a row, its cells in the order of the columns, and adds it to `rows`.
    ///
    /// # Errors
    ///
    /// Returns an error if the row does not fit the columns, or has a text of 4 GiB or more, or if `rows` are those of another
    /// sink; they are as before then.
    pub fn push(&self, rows: &mut Rows, row: &[Cell<'_>]) -> Result<(), ResultsError> {
        self.check_own(rows)?;
        self.check(row)?;
        rows.sink = Some(self.0.sink);
        push(&*self.0.format, rows, row).map_err(|source| ResultsError::Encode { path: self.0.path.clone(), source })
    }

    /// Encodes rows that the sink has taken, if so many wait that it is worth it; else returns at once. Call it after each
    /// block: without help, the thread that appends does it all.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{column::Kind, create};

    #[test]
    fn what_is_kept_of_blocks_is_bounded_and_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let sink = create(&folder.path().join("r.csv"), &[Column::new("text", Kind::Text)]).unwrap();
        let encoder = sink.encoder();
        let block = |bytes: usize| {
            let mut rows = Rows::default();
            encoder.push(&mut rows, &[Cell::from("x".repeat(bytes))]).unwrap();
            rows
        };
        let checked = |encoder: &RowEncoder| {
            let spare = encoder.spare();
            assert_eq!(spare.memory, spare.blocks.iter().map(Rows::memory).sum::<usize>());
            (spare.blocks.len(), spare.memory)
        };
        encoder.recycle(block(2 * SPARE_BYTES));
        assert_eq!(checked(&encoder), (0, 0), "too large");
        (0..40).for_each(|_| encoder.recycle(block(1 << 20)));
        let kept = SPARE_BYTES / block(1 << 20).memory();
        assert_eq!(checked(&encoder).0, kept);
        let rows = encoder.rows();
        assert!(rows.is_empty() && rows.memory() > 1 << 20);
        assert_eq!(checked(&encoder).0, kept - 1);
        while checked(&encoder).0 > 0 {
            encoder.rows();
        }
        assert_eq!((checked(&encoder), encoder.rows().memory()), ((0, 0), 0));
        (0..2 * SPARE_BLOCKS).for_each(|_| encoder.recycle(block(1)));
        assert_eq!(checked(&encoder).0, SPARE_BLOCKS);
    }

    #[test]
    fn rows_of_another_sink_are_refused_and_the_next_are_taken() {
        for name in ["r.parquet", "r.csv", "r.jsonl"] {
            let folder = tempfile::tempdir().unwrap();
            let sink =
                |kind| create(&folder.path().join(format!("{kind:?}-{name}")), &[Column::new("n", kind)]).unwrap();
            let (mut one, other) = (sink(Kind::Integer), sink(Kind::Boolean));
            let mut foreign = other.encoder().rows();
            other.encoder().push(&mut foreign, &[Cell::from(true)]).unwrap();
            assert!(matches!(one.encoder().push(&mut foreign, &[Cell::from(1)]), Err(ResultsError::OtherRows { .. })));
            assert_eq!(foreign.len(), 1);
            let error = one.append(foreign).unwrap_err();
            assert!(error.to_string().contains("holds rows of another sink"), "{error}");
            let mut own = one.encoder().rows();
            one.encoder().push(&mut own, &[Cell::from(1)]).unwrap();
            one.append(own).unwrap();
            one.finish().unwrap();
        }
    }
}
