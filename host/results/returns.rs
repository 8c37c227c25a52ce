//! The file of returns: for each combination that has a result, the returns of its equity period by period.
//!
//! Never holds more than a block of combinations. The file is Arrow IPC (also called Feather 2), not compressed: one row for each
//! combination, in the order of the sweep, with its name, its parameters as JSON, and its returns as a list of fixed size. The schema's
//! metadata say when the periods end and where the returns come from. Combinations that failed are left out.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, BufWriter},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray, cast::AsArray as _, types::Float32Type,
};
use arrow_ipc::{reader::FileReader, writer::FileWriter};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use tempfile::NamedTempFile;

use crate::{
    file,
    metrics::{Metrics, ReturnsPeriod},
    model::Params,
    task::ParallelResult,
    trust::{BLOCK, Returns},
};

/// The most periods of a combination.
const MOST_PERIODS: usize = i32::MAX as usize / BLOCK;

const TASK: &str = "task_id";
const PARAMS: &str = "params";
const RETURNS: &str = "returns";

/// The key of the metadata with the length of the periods.
const PERIOD: &str = "host.period";

/// The key of the metadata with the last time stamp of each period: a JSON list of nanoseconds since the Unix epoch.
const TIMES: &str = "host.times";

/// The key of the file's own metadata with how many periods the combinations hold a position: the median of their means.
const HOLDING: &str = "host.holding";

/// Why returns cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReturnsError {
    /// The file cannot be made or written.
    #[error("the returns cannot be written to `{}`; give another path, or make room", path.display())]
    Write {
        /// The path given.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The data has too many periods.
    #[error(
        "the data has {periods} periods, and a file of returns takes at most {MOST_PERIODS}; give longer ones, such as `--returns-period day`"
    )]
    TooManyPeriods {
        /// Periods of the data.
        periods: usize,
    },
    /// The file cannot be read.
    #[error("`{}` cannot be read as a file of returns, as `host sweep --returns` writes it", path.display())]
    Read {
        /// The path given.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
}

/// The returns of combinations that follow each other.
#[derive(Debug, Default)]
pub struct ReturnRows {
    tasks: Vec<String>,
    params: Vec<String>,
    returns: Vec<f32>,
    /// The mean bars from entry to exit, rounded up, of those that have closed a trade.
    held: Vec<u64>,
}

impl ReturnRows {
    /// Those of `results` that have some.
    pub fn of(results: &[ParallelResult<Metrics>]) -> Self {
        let mut rows = Self::default();
        for result in results.iter().filter(|result| !result.returns.is_empty()) {
            rows.tasks.push(result.task_id.clone());
            // Parameters are plain values, which always serialise as JSON.
            rows.params.push(serde_json::to_string(&result.params).unwrap_or_default());
            rows.returns.extend_from_slice(&result.returns);
            let held = result.result.as_ref().and_then(|metrics| metrics.average_bars_held);
            rows.held.extend(held.map(|bars| bars.ceil() as u64));
        }
        rows
    }

    fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Takes the first `rows` of `periods` returns each.
    fn split(&mut self, rows: usize, periods: usize) -> Self {
        Self {
            tasks: self.tasks.drain(..rows).collect(),
            params: self.params.drain(..rows).collect(),
            returns: self.returns.drain(..rows * periods).collect(),
            held: Vec::new(),
        }
    }
}

/// A file of returns that is being written. It has its name once it is finished.
pub struct ReturnsWriter {
    path: PathBuf,
    target: PathBuf,
    writer: FileWriter<BufWriter<NamedTempFile>>,
    schema: SchemaRef,
    periods: usize,
    waiting: ReturnRows,
    written: u64,
    /// Time stamps of the bars.
    bars: usize,
    /// How many combinations hold a position for how many bars.
    held: BTreeMap<u64, u64>,
}

impl std::fmt::Debug for ReturnsWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReturnsWriter")
            .field("path", &self.path)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl ReturnsWriter {
    /// Opens a file at `path` for returns of periods that end at `times`, nanoseconds since the Unix epoch, and have `bars` time
    /// stamps in all. `facts` are names and texts that say where they come from.
    ///
    /// # Errors
    ///
    /// Returns an error if there are too many periods, or the file cannot be made.
    pub fn create(
        path: &Path,
        (period, times, bars): (ReturnsPeriod, &[i64], usize),
        facts: &[(String, String)],
    ) -> Result<Self, ReturnsError> {
        let periods = times.len();
        let size = i32::try_from(periods).ok().filter(|_| periods <= MOST_PERIODS);
        let size = size.ok_or(ReturnsError::TooManyPeriods { periods })?;
        let mut metadata: HashMap<_, _> = facts.iter().cloned().collect();
        metadata.insert(PERIOD.to_owned(), period.to_string());
        // A list of numbers always serialises as JSON.
        metadata.insert(TIMES.to_owned(), serde_json::to_string(times).unwrap_or_default());
        let fields = vec![
            Field::new(TASK, DataType::Utf8, false),
            Field::new(PARAMS, DataType::Utf8, false),
            Field::new(RETURNS, DataType::FixedSizeList(item(), size), false),
        ];
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let failed = |source| ReturnsError::Write { path: path.to_owned(), source };
        let (file, target) = file::partial(path).map_err(failed)?;
        let writer = FileWriter::try_new(BufWriter::new(file), &schema).map_err(|error| failed(plain(error)))?;
        let (path, waiting, held) = (path.to_owned(), ReturnRows::default(), BTreeMap::new());
        Ok(Self { path, target, writer, schema, periods, waiting, written: 0, bars, held })
    }

    /// Adds rows, each of as many returns as there are periods, and writes the blocks that are full.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written.
    pub fn append(&mut self, rows: ReturnRows) -> Result<(), ReturnsError> {
        self.waiting.tasks.extend(rows.tasks);
        self.waiting.params.extend(rows.params);
        self.waiting.returns.extend(rows.returns);
        rows.held.into_iter().for_each(|bars| *self.held.entry(bars).or_default() += 1);
        while self.waiting.len() >= BLOCK {
            self.write(BLOCK)?;
        }
        Ok(())
    }

    /// Writes what is left, and gives the file its name, unless it has no combination. Returns how many it has.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written; there is none then, or that from before.
    pub fn finish(mut self) -> Result<u64, ReturnsError> {
        if self.written == 0 && self.waiting.len() == 0 {
            return Ok(0);
        }
        if self.waiting.len() > 0 {
            self.write(self.waiting.len())?;
        }
        if let Some(bars) = median(&self.held) {
            // Bars of a period, on average.
            let length = self.bars as f64 / self.periods.max(1) as f64;
            self.writer.write_metadata(HOLDING, (bars as f64 / length).to_string());
        }
        let Self { path, target, mut writer, written, .. } = self;
        let finished = writer.finish().map_err(plain).and_then(|()| {
            writer.flush().map_err(plain)?;
            let file = writer.into_inner().map_err(plain)?.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(target)?;
            Ok(())
        });
        finished.map_err(|source| ReturnsError::Write { path, source })?;
        Ok(written)
    }

    fn write(&mut self, rows: usize) -> Result<(), ReturnsError> {
        let block = self.waiting.split(rows, self.periods);
        let written = self.batch(block).and_then(|batch| self.writer.write(&batch));
        written.map_err(|error| ReturnsError::Write { path: self.path.clone(), source: plain(error) })?;
        self.written += rows as u64;
        Ok(())
    }

    fn batch(&self, block: ReturnRows) -> Result<RecordBatch, ArrowError> {
        // It was checked that the size fits.
        let size = i32::try_from(self.periods).unwrap_or(i32::MAX);
        let values = Arc::new(Float32Array::from(block.returns));
        let columns: [ArrayRef; 3] = [
            Arc::new(StringArray::from(block.tasks)),
            Arc::new(StringArray::from(block.params)),
            Arc::new(FixedSizeListArray::try_new(item(), size, values, None)?),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns.into())
    }
}

/// The lower median of numbers, each with how often it is there.
fn median(counts: &BTreeMap<u64, u64>) -> Option<u64> {
    let mut left = counts.values().sum::<u64>().div_ceil(2);
    counts.iter().find_map(|(number, count)| {
        let is_reached = left <= *count;
        left = left.saturating_sub(*count);
        is_reached.then_some(*number)
    })
}

/// One return.
fn item() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Float32, false))
}

fn plain(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

/// A file of returns that is read block by block.
#[derive(Debug, Clone)]
pub struct ReturnsFile {
    path: PathBuf,
    /// Open from the first to the last block: another file may get the name meanwhile.
    file: Arc<File>,
    period: ReturnsPeriod,
    times: Vec<i64>,
    facts: HashMap<String, String>,
    holding: Option<f64>,
    blocks: usize,
    cells: usize,
}

/// One combination of a file of returns.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnsCell {
    /// Its name.
    pub task_id: String,
    /// Its parameters.
    pub params: Params,
    /// Its returns, a fraction for each period.
    pub returns: Vec<f32>,
}

impl ReturnsFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be read, or is another kind of file.
    pub fn open(path: &Path) -> Result<Self, ReturnsError> {
        let found = Self::found(path);
        found.map_err(|source| ReturnsError::Read { path: path.to_owned(), source })
    }

    fn found(path: &Path) -> io::Result<Self> {
        let file = Arc::new(File::open(path)?);
        if !file.metadata()?.is_file() {
            return Err(wrong("it is not a regular file".to_owned()));
        }
        let mut reader = reader(&file)?;
        let schema = reader.schema();
        let mut facts: HashMap<String, String> = schema.metadata().clone().into();
        let mut fact = |key: &str| facts.remove(key).ok_or_else(|| wrong(format!("it has no `{key}`")));
        let (period, times) = (fact(PERIOD)?, fact(TIMES)?);
        let period = period.parse().map_err(|error| wrong(format!("{error}")))?;
        let times: Vec<i64> = serde_json::from_str(&times).map_err(io::Error::from)?;
        if !times.is_sorted_by(|one, next| one < next) {
            return Err(wrong(format!("the times in `{TIMES}` do not increase")));
        }
        let expected = i32::try_from(times.len()).map_err(io::Error::other)?;
        let is_list = |field: &Field| {
            matches!(field.data_type(), DataType::FixedSizeList(item, size)
            if item.data_type() == &DataType::Float32 && *size == expected)
        };
        if !schema.field_with_name(RETURNS).is_ok_and(is_list) {
            return Err(wrong(format!("it has no column `{RETURNS}` with lists of {expected} numbers of 32 bits")));
        }
        let holding = reader.custom_metadata().get(HOLDING).and_then(|text| text.parse().ok());
        let blocks = reader.num_batches();
        let rows_of_last = match blocks.checked_sub(1) {
            None => 0,
            Some(last) => batch(&mut reader, last)?.num_rows(),
        };
        let cells = blocks.saturating_sub(1) * BLOCK + rows_of_last;
        Ok(Self { path: path.to_owned(), file, period, times, facts, holding, blocks, cells })
    }

    /// How long its periods are.
    pub fn period(&self) -> ReturnsPeriod {
        self.period
    }

    /// The last time stamp of each period, in nanoseconds since the Unix epoch.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// How many periods the combinations hold a position: the median of their means, over those that have closed a trade. `None` if
    /// none has, or the file does not say.
    pub fn holding(&self) -> Option<f64> {
        self.holding
    }

    /// The number of combinations.
    pub fn len(&self) -> usize {
        self.cells
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// What the file says of where the returns come from, by name.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }

    /// The returns of block `number`, if they are all finite.
    fn finite(&self, number: usize) -> io::Result<Vec<f32>> {
        let batch = self.batch(number)?;
        let values = values(&batch)?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values.to_vec()),
            Some(place) => {
                let row = place / self.times.len().max(1);
                let name = texts(&batch, TASK)?.value(row);
                Err(wrong(format!(
                    "`{}`: the returns of `{name}` have {}, which is not a finite number",
                    self.path.display(),
                    values[place]
                )))
            }
        }
    }

    /// Combination `number`, counted from 0.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be read.
    pub fn cell(&self, number: usize) -> Result<ReturnsCell, ReturnsError> {
        let read = || {
            let (batch, row) = (self.batch(number / BLOCK)?, number % BLOCK);
            if row >= batch.num_rows() {
                return Err(wrong(format!("it has no combination {number}")));
            }
            let (periods, values) = (self.times.len(), values(&batch)?);
            Ok(ReturnsCell {
                task_id: texts(&batch, TASK)?.value(row).to_owned(),
                params: serde_json::from_str(texts(&batch, PARAMS)?.value(row))?,
                returns: values[row * periods..(row + 1) * periods].to_vec(),
            })
        };
        read().map_err(|source| ReturnsError::Read { path: self.path.clone(), source })
    }

    fn batch(&self, number: usize) -> io::Result<RecordBatch> {
        let batch = batch(&mut reader(&self.file)?, number)?;
        let rows = if number + 1 < self.blocks { BLOCK } else { self.cells - number * BLOCK };
        if batch.num_rows() == rows {
            return Ok(batch);
        }
        Err(wrong(format!("block {number} has {} combinations, and should have {rows}", batch.num_rows())))
    }
}

impl Returns for ReturnsFile {
    fn periods(&self) -> usize {
        self.times.len()
    }

    fn cells(&self) -> usize {
        self.cells
    }

    fn block(&self, number: usize) -> io::Result<Vec<f32>> {
        self.finite(number)
    }
}

/// A file that several readers read, each at its own place.
struct Reading {
    file: Arc<File>,
    at: u64,
}

impl io::Read for Reading {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(bytes, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl io::Seek for Reading {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            io::SeekFrom::Start(at) => (at, 0),
            io::SeekFrom::Current(by) => (self.at, by),
            io::SeekFrom::End(by) => (self.file.metadata()?.len(), by),
        };
        self.at = from.checked_add_signed(by).ok_or_else(|| wrong("it ends too soon".to_owned()))?;
        Ok(self.at)
    }
}

fn reader(file: &Arc<File>) -> io::Result<FileReader<Reading>> {
    FileReader::try_new(Reading { file: Arc::clone(file), at: 0 }, None).map_err(plain)
}

fn batch(reader: &mut FileReader<Reading>, number: usize) -> io::Result<RecordBatch> {
    reader.set_index(number).map_err(plain)?;
    let batch = reader.next().ok_or_else(|| wrong(format!("it has no block {number}")))?.map_err(plain)?;
    let items = batch.column_by_name(RETURNS).and_then(|column| column.as_fixed_size_list_opt());
    let is_null = items.is_some_and(|lists| lists.values().null_count() > 0);
    if is_null || batch.columns().iter().any(|column| column.null_count() > 0) {
        return Err(wrong(format!("block {number} has values that are missing")));
    }
    Ok(batch)
}

fn values(batch: &RecordBatch) -> io::Result<&[f32]> {
    let lists = batch.column_by_name(RETURNS).and_then(|column| column.as_fixed_size_list_opt());
    let values = lists.and_then(|lists| lists.values().as_primitive_opt::<Float32Type>());
    values.map(|values| &values.values()[..]).ok_or_else(|| wrong("it has no returns".to_owned()))
}

fn texts<'b>(batch: &'b RecordBatch, name: &str) -> io::Result<&'b StringArray> {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt());
    column.ok_or_else(|| wrong(format!("it has no column `{name}` with texts")))
}

fn wrong(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(number: usize, returns: Vec<f32>) -> ParallelResult<Metrics> {
        let params = serde_json::from_value(serde_json::json!({ "n": number })).unwrap();
        let metrics =
            Metrics { average_bars_held: (!number.is_multiple_of(3)).then_some(number as f64), ..Metrics::default() };
        ParallelResult {
            task_id: format!("n={number}"),
            params,
            returns,
            ..ParallelResult::new(number as u64, Ok(metrics))
        }
    }

    #[test]
    fn the_holding_is_the_median_in_periods() {
        let counts = |numbers: &[u64]| {
            let mut counts = BTreeMap::new();
            numbers.iter().for_each(|number| *counts.entry(*number).or_default() += 1);
            median(&counts)
        };
        assert_eq!(
            [&[][..], &[7], &[1, 9], &[3, 1, 2], &[5, 5, 1]].map(counts),
            [None, Some(7), Some(1), Some(2), Some(5)]
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.arrow");
        for (numbers, holding) in [(0..1, None), (0..8, Some(2.0))] {
            // Twelve bars in six periods.
            let times = (ReturnsPeriod::Day, &[1, 2, 3, 4, 5, 6][..], 12);
            let mut writer = ReturnsWriter::create(&path, times, &[]).unwrap();
            let results: Vec<_> = numbers.map(|number| result(number, vec![0.0; 6])).collect();
            writer.append(ReturnRows::of(&results)).unwrap();
            writer.finish().unwrap();
            assert_eq!(ReturnsFile::open(&path).unwrap().holding(), holding);
        }
    }

    #[test]
    fn what_is_written_is_read_whatever_the_division_into_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.arrow");
        for cells in [1, BLOCK - 1, BLOCK, 2 * BLOCK + 3] {
            let results: Vec<_> = (0..cells).map(|n| result(n, vec![n as f32, -0.5, 0.25])).collect();
            let mut files = Vec::new();
            for part in [1, 7, 5000] {
                let facts = [("plugin".to_owned(), "momentum".to_owned())];
                let mut writer = ReturnsWriter::create(&path, (ReturnsPeriod::Week, &[1, 2, 3], 3), &facts).unwrap();
                results.chunks(part).for_each(|part| writer.append(ReturnRows::of(part)).unwrap());
                assert_eq!(writer.finish().unwrap(), cells as u64);
                files.push(std::fs::read(&path).unwrap());
            }
            assert!(files.windows(2).all(|pair| pair[0] == pair[1]), "{cells}");
            let file = ReturnsFile::open(&path).unwrap();
            assert_eq!((file.len(), file.period(), file.times()), (cells, ReturnsPeriod::Week, [1, 2, 3].as_slice()));
            assert_eq!((file.fact("plugin"), file.is_empty()), (Some("momentum"), false));
            let all: Vec<f32> = (0..file.blocks).flat_map(|block| file.block(block).unwrap()).collect();
            assert!(all == results.iter().flat_map(|result| result.returns.clone()).collect::<Vec<_>>());
            for number in [0, cells / 2, cells - 1] {
                let cell = file.cell(number).unwrap();
                assert_eq!(cell.task_id, format!("n={number}"));
                assert_eq!(
                    (cell.params, cell.returns),
                    (results[number].params.clone(), results[number].returns.clone())
                );
            }
            assert!(file.cell(cells).is_err());
        }
    }

    #[test]
    fn a_failed_combination_has_no_row_and_an_unfinished_file_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.arrow");
        let mut writer = ReturnsWriter::create(&path, (ReturnsPeriod::Day, &[1], 1), &[]).unwrap();
        writer.append(ReturnRows::of(&[result(0, vec![]), result(1, vec![0.5])])).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        // Nor does one without a combination take the place of an earlier one.
        std::fs::write(&path, "earlier").unwrap();
        let writer = ReturnsWriter::create(&path, (ReturnsPeriod::Day, &[1], 1), &[]).unwrap();
        assert_eq!((writer.finish().unwrap(), std::fs::read(&path).unwrap().as_slice()), (0, b"earlier".as_slice()));
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.arrow");
        let reason = || ReturnsFile::open(&path).unwrap_err();
        assert!(reason().to_string().contains("`host sweep --returns`"));
        std::fs::write(&path, "fast,sharpe\n5,0.75\n").unwrap();
        assert!(matches!(reason(), ReturnsError::Read { .. }));
        let mut writer = ReturnsWriter::create(&path, (ReturnsPeriod::Day, &[1, 2], 2), &[]).unwrap();
        writer.append(ReturnRows::of(&[result(0, vec![0.5, f32::NAN])])).unwrap();
        writer.finish().unwrap();
        let error = ReturnsFile::open(&path).unwrap().block(0).unwrap_err().to_string();
        assert!(error.contains("`n=0` have NaN"), "{error}");
        let bytes = std::fs::read(&path).unwrap();
        for end in 0..bytes.len() {
            std::fs::write(&path, &bytes[..end]).unwrap();
            assert!(ReturnsFile::open(&path).is_err(), "cut at {end}");
        }
    }
}
