//! Lanes: the columns of a row group of Parquet, each encoded by whichever thread has time.
//!
//! Never opens a file, and never decides where a row group ends.
//!
//! The thread that appends puts cells into the lanes in the order of rows. Any thread takes what waits in a lane and encodes
//! it, in steps that are counted from the group's start: so the bytes depend on the cells alone. Waiting in one lane are at most
//! [`WAITING_ROWS`] rows or [`WAITING_TEXT`] bytes of text and a block, and as many are being encoded.

use std::{
    io, mem,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use ::parquet::{
    column::{
        page::{CompressedPage, PageWriteSpec, PageWriter},
        writer::{ColumnCloseResult, ColumnWriter, get_column_writer},
    },
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        properties::WriterPropertiesPtr,
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::SchemaDescriptor,
};
use bytes::Bytes;

use super::{
    cells::{Cells, Texts, Values},
    checksums::checksum,
};

/// Rows that are encoded together.
pub(super) const STEP_ROWS: usize = 1_024;

/// Bytes of text in one step, which are held as they are until it is encoded.
const STEP_TEXT: usize = 16 << 20;

/// Rows in a lane from which on a helper takes it.
const HELP_ROWS: usize = 2 * STEP_ROWS;

/// Bytes of text in a lane from which on a helper takes it.
const HELP_TEXT: usize = 1 << 20;

/// Rows in a lane that the thread which appends does not leave to others.
const WAITING_ROWS: usize = 8 * STEP_ROWS;

/// Bytes of text in a lane that the thread which appends does not leave to others.
const WAITING_TEXT: usize = 16 << 20;

/// Bytes of empty cells that a lane keeps for rows to come: as those take that may wait, unless their texts are long.
const SPARE_BYTES: usize = 256 << 10;

/// Rows at the end of a file for which further threads are worth their start.
const THREADS_ROWS: usize = 4 * STEP_ROWS;

/// A column of a row group.
pub(super) struct Closed {
    /// Its pages.
    pub(super) bytes: Bytes,
    /// What the footer says about them.
    pub(super) close: ColumnCloseResult,
    pub(super) checksum: u32,
}

/// All columns of the row group that is being collected.
pub(super) struct Lanes {
    descriptor: Arc<SchemaDescriptor>,
    properties: WriterPropertiesPtr,
    lanes: Vec<Lane>,
    /// Lanes in which enough waits for a helper.
    ready: AtomicUsize,
    /// Where the next helper looks first.
    next: AtomicUsize,
}

#[derive(Default)]
struct Lane {
    waiting: Mutex<Waiting>,
    /// Whether the lane is counted in `ready`.
    is_ready: AtomicBool,
    writing: Mutex<Writing>,
}

/// What a lane has still to encode.
#[derive(Default)]
struct Waiting {
    blocks: Vec<Cells>,
    rows: usize,
    text: usize,
    /// Whether the group ends after them.
    ends: bool,
    /// Cells that are encoded, without them: memory for others.
    spare: Vec<Cells>,
    /// Bytes that `spare` has.
    memory: usize,
}

impl Waiting {
    fn reaches(&self, rows: usize, text: usize) -> bool {
        self.rows >= rows || self.text >= text
    }

    /// Adds the cells, and leaves empty ones in their place.
    fn add(&mut self, cells: &mut Cells) {
        self.rows += cells.rows();
        self.text += cells.text();
        let spare = self.spare.pop();
        self.memory -= spare.as_ref().map_or(0, Cells::memory);
        let empty = spare.unwrap_or_else(|| cells.none_alike());
        self.blocks.push(mem::replace(cells, empty));
    }

    /// Takes all but the spare memory.
    fn take(&mut self) -> Self {
        let (spare, memory) = (mem::take(&mut self.spare), mem::take(&mut self.memory));
        mem::replace(self, Self { spare, memory, ..Self::default() })
    }

    /// Keeps the memory of cells that are encoded, as far as there is room for it; leaves the others.
    fn keep(&mut self, blocks: &mut Vec<Cells>) {
        while let Some(cells) = blocks.pop_if(|cells| self.memory + cells.memory() <= SPARE_BYTES) {
            self.memory += cells.memory();
            self.spare.push(cells);
        }
    }
}

/// The column as far as it is encoded. Who holds its lock takes what waits, so that the order stays.
#[derive(Default)]
struct Writing {
    /// `None` before the group's first cell.
    column: Option<Column>,
    closed: Option<Closed>,
    failed: Option<ParquetError>,
}

impl Lanes {
    pub(super) fn new(descriptor: Arc<SchemaDescriptor>, properties: WriterPropertiesPtr) -> Self {
        let lanes = (0..descriptor.num_columns()).map(|_| Lane::default()).collect();
        Self { descriptor, properties, lanes, ready: AtomicUsize::new(0), next: AtomicUsize::new(0) }
    }

    /// Adds a block, which has as many cells in each column, and leaves empty ones in it; encodes where too much waits.
    pub(super) fn append(&self, block: &mut [Cells]) -> Result<(), ParquetError> {
        if block.len() != self.lanes.len() {
            return Err(ParquetError::General("the rows are those of other columns".to_owned()));
        }
        for (at, (cells, lane)) in block.iter_mut().zip(&self.lanes).enumerate() {
            let mut waiting = lock(&lane.waiting);
            waiting.add(cells);
            let is_full = waiting.reaches(WAITING_ROWS, WAITING_TEXT);
            let is_worth_help = waiting.reaches(HELP_ROWS, HELP_TEXT);
            drop(waiting);
            if is_full {
                self.work(at, &mut *sound(&lane.writing)?)?;
            } else if is_worth_help {
                self.call(lane);
            }
        }
        Ok(())
    }

    /// Encodes all that waits, and returns the columns. Further threads take part if `alone`, with nobody to help.
    pub(super) fn end(&self, alone: bool) -> Result<Vec<Closed>, ParquetError> {
        let mut most = 0;
        for lane in &self.lanes {
            let mut waiting = lock(&lane.waiting);
            waiting.ends = true;
            most = most.max(waiting.rows);
            drop(waiting);
            self.call(lane);
        }
        let free = thread::available_parallelism().map_or(1, Into::into).min(self.lanes.len()) - 1;
        let threads = if alone && most >= THREADS_ROWS { free } else { 0 };
        thread::scope(|scope| {
            for _ in 0..threads {
                // Where the system has no thread, the others do more.
                _ = thread::Builder::new().spawn_scoped(scope, || while self.help() {});
            }
            while self.help() {}
        });
        // What is left is being encoded by others: their locks are waited for.
        (0..self.lanes.len()).map(|at| self.close(at)).collect()
    }

    fn close(&self, at: usize) -> Result<Closed, ParquetError> {
        let mut writing = sound(&self.lanes[at].writing)?;
        self.work(at, &mut writing)?;
        writing.closed.take().ok_or_else(|| ParquetError::General("a column has no end".to_owned()))
    }

    /// Encodes what waits in one lane, if there is one with enough that is free. Returns whether there was.
    pub(super) fn help(&self) -> bool {
        if self.ready.load(Relaxed) == 0 {
            return false;
        }
        let (count, first) = (self.lanes.len(), self.next.fetch_add(1, Relaxed));
        for at in (0..count).map(|step| (first % count + step) % count) {
            let lane = &self.lanes[at];
            if !lane.is_ready.load(Relaxed) {
                continue;
            }
            let worked = catch_unwind(AssertUnwindSafe(|| match lane.writing.try_lock() {
                // Whoever appends finds the error in the lane.
                Ok(mut writing) => {
                    _ = self.work(at, &mut writing);
                    true
                }
                Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => false,
            }));
            // A panic has poisoned the lane's lock, where whoever appends finds it.
            if worked.unwrap_or(false) {
                return true;
            }
        }
        false
    }

    /// Lets helpers know that there is enough in `lane`.
    fn call(&self, lane: &Lane) {
        if !lane.is_ready.swap(true, Relaxed) {
            self.ready.fetch_add(1, Relaxed);
        }
    }

    /// Encodes what waits in the lane `at`. After an error it drops what comes, and gives the error again.
    fn work(&self, at: usize, writing: &mut Writing) -> Result<(), ParquetError> {
        let lane = &self.lanes[at];
        // Before the cells are taken: those that come meanwhile call again.
        if lane.is_ready.swap(false, Relaxed) {
            self.ready.fetch_sub(1, Relaxed);
        }
        let mut waiting = lock(&lane.waiting).take();
        if writing.failed.is_none() {
            writing.failed = self.encode(at, writing, &waiting).err();
        }
        waiting.blocks.iter_mut().for_each(Cells::clear);
        lock(&lane.waiting).keep(&mut waiting.blocks);
        writing.failed.as_ref().map_or(Ok(()), |error| Err(ParquetError::General(error.to_string())))
    }

    fn encode(&self, at: usize, writing: &mut Writing, waiting: &Waiting) -> Result<(), ParquetError> {
        for cells in &waiting.blocks {
            let column = writing.column.get_or_insert_with(|| Column::new(&self.descriptor, &self.properties, at));
            column.take(cells)?;
        }
        if waiting.ends {
            let column = writing.column.take();
            let column = column.unwrap_or_else(|| Column::new(&self.descriptor, &self.properties, at));
            writing.closed = Some(column.close()?);
        }
        Ok(())
    }
}

/// A lock that is held for moves only, which cannot panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The column behind a lock, unless a thread has panicked in the midst of it.
fn sound(writing: &Mutex<Writing>) -> Result<MutexGuard<'_, Writing>, ParquetError> {
    let panicked = io::Error::other("a thread has panicked while it encoded a column");
    writing.lock().map_err(|_| ParquetError::External(panicked.into()))
}

/// One column of the row group, encoded as far as its steps are full.
///
/// Parquet wants the columns of a group one after the other, while rows bring all of them at once: so each column is
/// written into a buffer of its own, and appended to the file when the group is complete.
struct Column {
    writer: ColumnWriter<'static>,
    pages: PageBuffer,
    step: Step,
}

/// The cells that are encoded next.
#[derive(Default)]
struct Step {
    levels: Vec<i16>,
    booleans: Vec<bool>,
    integers: Vec<i64>,
    numbers: Vec<f64>,
    texts: Texts,
    /// Bytes of `texts`, each counted.
    text: usize,
    /// The texts as the writer wants them; empty in between.
    arrays: Vec<ByteArray>,
}

impl Step {
    /// How many rows of `cells` it takes until it is full, from the row `row` and the value `value` on, and how many values.
    fn room(&self, cells: &Cells, row: usize, value: usize) -> (usize, usize) {
        let levels = &cells.levels[row..];
        let levels = &levels[..levels.len().min(STEP_ROWS - self.levels.len())];
        let count = levels.iter().filter(|level| **level == 1).count();
        let Values::Text(texts) = &cells.values else { return (levels.len(), count) };
        let mut text = self.text;
        let reaches = |span: &Range<usize>| {
            text += span.len();
            text >= STEP_TEXT
        };
        match texts.spans[value..value + count].iter().position(reaches) {
            None => (levels.len(), count),
            Some(last) => {
                let defined = levels.iter().enumerate().filter(|(_, level)| **level == 1).nth(last);
                (defined.map_or(levels.len(), |(at, _)| at + 1), last + 1)
            }
        }
    }

    /// Adds the rows `rows` of `cells`, whose values are `values`.
    fn extend(&mut self, cells: &Cells, rows: Range<usize>, values: Range<usize>) {
        self.levels.extend_from_slice(&cells.levels[rows]);
        match &cells.values {
            Values::Boolean(more) => self.booleans.extend_from_slice(&more[values]),
            Values::Integer(more) => self.integers.extend_from_slice(&more[values]),
            Values::Number(more) => self.numbers.extend_from_slice(&more[values]),
            Values::Text(more) => {
                self.text += more.spans[values.clone()].iter().map(Range::len).sum::<usize>();
                self.texts.extend(more, values);
            }
        }
    }
}

impl Column {
    fn new(descriptor: &SchemaDescriptor, properties: &WriterPropertiesPtr, at: usize) -> Self {
        let pages = PageBuffer::default();
        let writer = get_column_writer(descriptor.column(at), properties.clone(), Box::new(pages.clone()));
        Self { writer, pages, step: Step::default() }
    }

    /// Encodes cells, but for those of the last step, which is not full.
    fn take(&mut self, cells: &Cells) -> Result<(), ParquetError> {
        let (mut row, mut value) = (0, 0);
        while row < cells.rows() {
            let (rows, values) = self.step.room(cells, row, value);
            self.step.extend(cells, row..row + rows, value..value + values);
            (row, value) = (row + rows, value + values);
            self.write_if_full()?;
        }
        Ok(())
    }

    fn write_if_full(&mut self) -> Result<(), ParquetError> {
        if self.step.levels.len() == STEP_ROWS || self.step.text >= STEP_TEXT { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let Step { levels, booleans, integers, numbers, texts, text, arrays } = &mut self.step;
        let defined = Some(levels.as_slice());
        match &mut self.writer {
            ColumnWriter::BoolColumnWriter(writer) => writer.write_batch(booleans, defined, None)?,
            ColumnWriter::Int64ColumnWriter(writer) => writer.write_batch(integers, defined, None)?,
            ColumnWriter::DoubleColumnWriter(writer) => writer.write_batch(numbers, defined, None)?,
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let bytes = Bytes::from(mem::take(&mut texts.bytes));
                arrays.extend(texts.spans.iter().map(|span| ByteArray::from(bytes.slice(span.clone()))));
                let written = writer.write_batch(arrays, defined, None)?;
                arrays.clear();
                // The column's dictionary and its bounds may hold some of the texts.
                if bytes.is_unique() {
                    texts.bytes = bytes.into();
                }
                written
            }
            _ => return Err(ParquetError::General("the schema does not fit the columns".to_owned())),
        };
        levels.clear();
        booleans.clear();
        integers.clear();
        numbers.clear();
        texts.clear();
        *text = 0;
        Ok(())
    }

    /// Returns all pages, and what the footer says about them.
    fn close(mut self) -> Result<Closed, ParquetError> {
        if !self.step.levels.is_empty() {
            self.write()?;
        }
        let close = self.writer.close()?;
        let bytes = mem::take(self.pages.lock().inner_mut());
        Ok(Closed { checksum: checksum(&bytes), bytes: bytes.into(), close })
    }
}

/// Keeps the pages of a column in memory, for the column's writer and for whoever takes them out in the end.
#[derive(Clone)]
struct PageBuffer(Arc<Mutex<TrackedWrite<Vec<u8>>>>);

impl Default for PageBuffer {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(TrackedWrite::new(Vec::new()))))
    }
}

impl PageBuffer {
    fn lock(&self) -> MutexGuard<'_, TrackedWrite<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PageWriter for PageBuffer {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec, ParquetError> {
        SerializedPageWriter::new(&mut self.lock()).write_page(page)
    }

    fn close(&mut self) -> Result<(), ParquetError> {
        SerializedPageWriter::new(&mut self.lock()).close()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use ::parquet::{basic::Type as PhysicalType, file::properties::WriterProperties, schema::types::Type};

    use super::*;
    use crate::results::column::{Cell, Kind};

    /// Lanes of two columns of whole numbers.
    fn lanes() -> Lanes {
        let field = |name| Arc::new(Type::primitive_type_builder(name, PhysicalType::INT64).build().unwrap());
        let schema = Type::group_type_builder("root").with_fields(vec![field("a"), field("b")]).build().unwrap();
        Lanes::new(Arc::new(SchemaDescriptor::new(Arc::new(schema))), Arc::new(WriterProperties::builder().build()))
    }

    fn block(kinds: [Kind; 2], cell: &Cell<'_>, rows: usize) -> Vec<Cells> {
        let cells = |kind| {
            let mut cells = Cells::new(kind);
            (0..rows).for_each(|_| cells.push(cell));
            cells
        };
        kinds.map(cells).into()
    }

    #[test]
    fn an_error_of_a_helper_is_one_of_whoever_appends() {
        let lanes = lanes();
        let append = |rows| {
            // A column of whole numbers finds none of its values in the second.
            let mut block = block([Kind::Integer; 2], &Cell::Integer(1), rows);
            block[1] = self::block([Kind::Number; 2], &Cell::Number(1.0), rows).remove(0);
            lanes.append(&mut block)
        };
        append(HELP_ROWS).unwrap();
        while lanes.help() {}
        assert!(lanes.lanes[1].writing.lock().unwrap().failed.is_some(), "the helper had the error");
        assert!(append(WAITING_ROWS).is_err());
        assert!(lanes.end(true).is_err());
    }

    #[test]
    fn a_lane_in_which_a_thread_panicked_is_an_error_and_no_hang() {
        let lanes = lanes();
        let poisoned = thread::scope(|scope| {
            let panics = || {
                let _held = lanes.lanes[1].writing.lock().unwrap();
                panic!("on purpose");
            };
            scope.spawn(panics).join()
        });
        assert!(poisoned.is_err());
        let append = |rows| lanes.append(&mut block([Kind::Integer; 2], &Cell::Integer(1), rows));
        append(HELP_ROWS).unwrap();
        while lanes.help() {}
        let error = append(WAITING_ROWS).unwrap_err().to_string();
        assert!(error.contains("a thread has panicked while it encoded a column"), "{error}");
        assert!(lanes.end(true).is_err());
    }

    #[test]
    fn what_waits_and_what_is_spare_is_bounded_without_help() {
        let lanes = lanes();
        for n in 0..200 {
            let rows = if n == 100 { SPARE_BYTES } else { 100 };
            lanes.append(&mut block([Kind::Integer; 2], &Cell::Integer(1), rows)).unwrap();
            for lane in &lanes.lanes {
                let waiting = lock(&lane.waiting);
                assert!(waiting.memory <= SPARE_BYTES);
                assert_eq!(waiting.memory, waiting.spare.iter().map(Cells::memory).sum::<usize>());
                assert!(waiting.spare.iter().all(|cells| cells.rows() == 0));
            }
            lanes.append(&mut block([Kind::Integer; 2], &Cell::Integer(1), 100)).unwrap();
            assert!(lanes.lanes.iter().all(|lane| lock(&lane.waiting).rows < WAITING_ROWS));
        }
        assert!(lanes.append(&mut block([Kind::Integer; 2], &Cell::Null, 1)[..1]).is_err());
    }
}
