//! Reader of Parquet results: columns, metadata, and rows in any form, a batch at a time.
//!
//! Never reads what [`create`](super::create) has not written, never holds more than a batch of rows, and never gives a row of
//! bytes that were changed since: a row group is compared with its checksums before it is decoded.

use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use ::parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType},
    errors::ParquetError,
    file::{
        metadata::{ParquetMetaData, ParquetMetaDataReader},
        properties::ReaderProperties,
        reader::RowGroupReader,
        serialized_reader::SerializedRowGroupReader,
    },
};

use super::{
    checksums::{Checksums, Seal},
    column::{Cell, Column, Kind},
    csv::Csv,
    encoder::{Chunk, Encoder, append_all},
    json::JsonTable,
    parquet::{self, Parquet, Said},
    rows::{self, Rows},
};
use crate::model::format_date_time;

/// What is wrong with a file whose footer does not fit its checksum.
const CHANGED_FOOTER: &str = "its footer was changed since it was written";

/// Rows that are decoded at a time: about a megabyte with all metrics.
const BATCH: usize = 1_024;

/// Why results cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot read `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is damaged.
    #[error("`{}` is damaged; run the sweep again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is not a results file, or it is of another version.
    #[error("`{}` is not a results file of this version; run the sweep again", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A column that does not exist is asked for.
    #[error("unknown column `{name}`; known: {known}")]
    NoColumn {
        /// The name.
        name: String,
        /// The names of all columns.
        known: String,
    },
    /// A column is asked for twice.
    #[error("column `{0}` is asked for twice; give each column once")]
    Twice(String),
}

/// A form that results can be had in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object with columns and rows.
    Json,
    /// Text separated by commas, as in a file `.csv`.
    Csv,
    /// Parquet, as in a file `.parquet`.
    Parquet,
}

/// Returns what the writer of the file of results at `path` said about it, as [`create_with`](super::create_with) took it.
///
/// # Errors
///
/// Returns an error as [`ResultsFile::open`] does.
pub fn metadata(path: &Path) -> Result<Vec<(String, String)>, ReadError> {
    ResultsFile::open(path).map(|file| file.metadata)
}

/// A file of results in Parquet.
#[derive(Debug)]
pub struct ResultsFile {
    path: PathBuf,
    file: Arc<File>,
    footer: Arc<ParquetMetaData>,
    metadata: Vec<(String, String)>,
    columns: Vec<Column>,
    /// `None` for a file of an older host, which has none.
    checksums: Option<Arc<Checksums>>,
}

impl ResultsFile {
    /// Opens the file at `path`, complete or left by a process that was killed.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, is damaged, or was not written by [`create`](super::create).
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
        let damaged = |source| ReadError::Damaged { path: path.to_owned(), source };
        let seal = Seal::of(&file).map_err(|source| damaged(source.into()))?;
        if seal == Seal::Broken {
            return Err(damaged(CHANGED_FOOTER.into()));
        }
        let load = || ParquetMetaDataReader::new().parse_and_finish(&file);
        let footer = guarded(load).map_err(damaged)?;
        let foreign = || ReadError::Foreign { path: path.to_owned() };
        let described = footer.file_metadata();
        let pairs = described.key_value_metadata().ok_or_else(foreign)?;
        let Said { metadata, is_checked } = Said::of(pairs).ok_or_else(foreign)?;
        let columns = parquet::columns(described.schema_descr()).ok_or_else(foreign)?;
        let checksums = Checksums::read(pairs, footer.num_row_groups() * columns.len()).map(Arc::new);
        if is_checked && (seal == Seal::Missing || checksums.is_none()) {
            return Err(damaged(CHANGED_FOOTER.into()));
        }
        let (file, footer) = (Arc::new(file), Arc::new(footer));
        Ok(Self { path: path.to_owned(), file, footer, metadata, columns, checksums: checksums.filter(|_| is_checked) })
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// What the writer of the file said about it: names and texts.
    pub fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.footer.file_metadata().num_rows().unsigned_abs()
    }

    /// Returns the rows, of which each has the columns `names` in that order, or all; a batch at a time.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such column, or it is named twice.
    pub fn batches(&self, names: Option<&[String]>) -> Result<Batches, ReadError> {
        self.batches_from(0, names)
    }

    /// The batches from row group `group` on.
    fn batches_from(&self, group: usize, names: Option<&[String]>) -> Result<Batches, ReadError> {
        let places = self.places(names)?;
        let columns = places.iter().map(|place| self.columns[*place].clone()).collect();
        let (file, footer, checksums) = (self.file.clone(), self.footer.clone(), self.checksums.clone());
        let groups = Groups { file, footer, checksums, places, opened: group, open: None };
        Ok(Batches { path: self.path.clone(), columns, groups })
    }

    /// Returns row `index`, counted from 0, with a cell for each column; `None` if there are fewer rows.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is damaged there.
    pub fn row(&self, index: u64) -> Result<Option<Vec<Cell<'static>>>, ReadError> {
        let (mut group, mut left) = (0, index);
        for described in self.footer.row_groups() {
            let rows = described.num_rows().unsigned_abs();
            if left < rows {
                break;
            }
            (group, left) = (group + 1, left - rows);
        }
        for batch in self.batches_from(group, None)? {
            let batch = batch?;
            if left < batch.rows as u64 {
                let row = batch.rows().nth(left as usize);
                return Ok(row.map(|row| row.into_iter().map(Cell::into_owned).collect()));
            }
            left -= batch.rows as u64;
        }
        Ok(None)
    }

    /// Returns the bytes of the rows in `form`: all that a file of that form has, piece by piece.
    ///
    /// # Errors
    ///
    /// Returns an error as [`batches`](Self::batches) does.
    pub fn encoded(&self, form: Form, names: Option<&[String]>) -> Result<Encoded, ReadError> {
        let batches = self.batches(names)?;
        let encoder: Box<dyn Encoder> = match form {
            Form::Json => Box::new(JsonTable::new(batches.columns())),
            Form::Csv => Box::new(Csv::new(batches.columns(), b',')),
            Form::Parquet => Box::new(self.parquet(&batches)?),
        };
        Ok(Encoded { batches, encoder, chunk: Chunk::default(), tail: Vec::new(), step: Step::Start })
    }

    fn parquet(&self, batches: &Batches) -> Result<Parquet, ReadError> {
        Parquet::new(batches.columns(), &self.metadata).map_err(|error| batches.damaged(error))
    }

    fn places(&self, names: Option<&[String]>) -> Result<Vec<usize>, ReadError> {
        let Some(names) = names else { return Ok((0..self.columns.len()).collect()) };
        let mut places = Vec::new();
        for name in names {
            let place = self.columns.iter().position(|column| column.name == *name).ok_or_else(|| {
                let known: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
                ReadError::NoColumn { name: name.clone(), known: known.join(", ") }
            })?;
            if places.contains(&place) {
                return Err(ReadError::Twice(name.clone()));
            }
            places.push(place);
        }
        Ok(places)
    }
}

/// The library panics on some damaged files. What is half read then is never looked at again.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(Into::into),
        Err(_) => Err("its inner structure is broken".into()),
    }
}

/// The rows of a file, a batch at a time. After an error there is nothing more.
#[derive(Debug)]
pub struct Batches {
    path: PathBuf,
    columns: Vec<Column>,
    groups: Groups,
}

impl Batches {
    /// The columns of each row, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn damaged(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ReadError {
        ReadError::Damaged { path: self.path.clone(), source: source.into() }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match guarded(|| self.groups.next_batch()) {
            Ok(batch) => batch.map(|batch| Ok(batch.of(&self.columns))),
            Err(error) => {
                self.groups.stop();
                Some(Err(self.damaged(error)))
            }
        }
    }
}

/// The row groups of a file, read one after the other.
struct Groups {
    file: Arc<File>,
    footer: Arc<ParquetMetaData>,
    checksums: Option<Arc<Checksums>>,
    /// Which columns are read, in their order.
    places: Vec<usize>,
    /// Groups that were opened.
    opened: usize,
    open: Option<Group>,
}

/// A row group that is being read.
struct Group {
    columns: Vec<ColumnReader>,
    /// Rows that are not read yet.
    left: usize,
}

impl Groups {
    fn next_batch(&mut self) -> Result<Option<Batch>, ParquetError> {
        loop {
            if let Some(group) = self.open.as_mut().filter(|group| group.left > 0) {
                return group.read().map(Some);
            }
            if self.opened == self.footer.num_row_groups() {
                return Ok(None);
            }
            self.open = Some(self.group(self.opened)?);
            self.opened += 1;
        }
    }

    fn group(&self, at: usize) -> Result<Group, ParquetError> {
        let described = self.footer.row_group(at);
        self.check(at)?;
        let (index, properties) = (self.footer.page_index_for_row_group(at), ReaderProperties::builder().build());
        let reader = SerializedRowGroupReader::new(self.file.clone(), described, index, Arc::new(properties))?;
        let columns = self.places.iter().map(|place| reader.get_column_reader(*place)).collect::<Result<_, _>>()?;
        let left = usize::try_from(described.num_rows()).map_err(|error| ParquetError::External(error.into()))?;
        Ok(Group { columns, left })
    }

    /// Compares the columns of row group `at` that are read with their checksums.
    fn check(&self, at: usize) -> Result<(), ParquetError> {
        let Some(checksums) = &self.checksums else { return Ok(()) };
        let described = self.footer.row_group(at);
        for place in &self.places {
            let number = at * described.num_columns() + place;
            if !checksums.fits(number, &self.file, described.column(*place).byte_range())? {
                let name = described.column(*place).column_path().string();
                let problem = format!("column `{name}` of row group {at} was changed since it was written");
                return Err(ParquetError::External(problem.into()));
            }
        }
        Ok(())
    }

    /// Sees to it that nothing more is read.
    fn stop(&mut self) {
        self.open = None;
        self.opened = self.footer.num_row_groups();
    }
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { places, opened, .. } = self;
        f.debug_struct("Groups").field("places", places).field("opened", opened).finish_non_exhaustive()
    }
}

impl Group {
    fn read(&mut self) -> Result<Batch, ParquetError> {
        let rows = self.left.min(BATCH);
        let columns = self.columns.iter_mut().map(|column| Values::read(column, rows)).collect::<Result<_, _>>()?;
        self.left -= rows;
        Ok(Batch { columns, rows })
    }
}

/// Some rows.
#[derive(Debug, Clone)]
pub struct Batch {
    columns: Vec<Values>,
    rows: usize,
}

/// One column of a batch.
#[derive(Debug, Clone)]
enum Values {
    Boolean(Vec<Option<bool>>),
    Integer(Vec<Option<i64>>),
    Number(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
    Time(Vec<Option<i64>>),
}

impl Values {
    fn read(column: &mut ColumnReader, rows: usize) -> Result<Self, ParquetError> {
        Ok(match column {
            ColumnReader::BoolColumnReader(reader) => Self::Boolean(read(reader, rows)?),
            ColumnReader::Int64ColumnReader(reader) => Self::Integer(read(reader, rows)?),
            ColumnReader::DoubleColumnReader(reader) => Self::Number(read(reader, rows)?),
            ColumnReader::ByteArrayColumnReader(reader) => {
                let texts = read(reader, rows)?.into_iter();
                Self::Text(texts.map(|text| text.map(|text| decoded(&text)).transpose()).collect::<Result<_, _>>()?)
            }
            // The types were looked at when the file was opened.
            _ => return Err(ParquetError::General("a column is of another type than the schema says".to_owned())),
        })
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Boolean(values) => values[row].into(),
            Self::Integer(values) => values[row].into(),
            Self::Number(values) => values[row].into(),
            Self::Text(values) => values[row].as_deref().into(),
            Self::Time(values) => values[row].map_or(Cell::Null, |at| Cell::Time(at, format_date_time(at).into())),
        }
    }
}

fn decoded(text: &ByteArray) -> Result<String, ParquetError> {
    text.as_utf8().map(str::to_owned)
}

/// Reads `rows` rows of a nullable column.
fn read<T: DataType>(reader: &mut ColumnReaderImpl<T>, rows: usize) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut levels, mut values) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let (read, ..) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    if read != rows {
        return Err(ParquetError::General("a column has fewer rows than its group".to_owned()));
    }
    let mut values = values.into_iter();
    Ok(levels.iter().map(|level| if *level == 0 { None } else { values.next() }).collect())
}

impl Batch {
    /// The same rows, with moments for integers where `columns` has them.
    fn of(mut self, columns: &[Column]) -> Self {
        for (values, column) in self.columns.iter_mut().zip(columns) {
            if let (Values::Integer(integers), Kind::Time) = (&mut *values, column.kind) {
                *values = Values::Time(std::mem::take(integers));
            }
        }
        self
    }

    /// The number of rows.
    #[cfg(feature = "cli")]
    pub(crate) fn count(&self) -> usize {
        self.rows
    }

    /// The cell of `column`, by its place, in the row at `row`; both are there.
    #[cfg(feature = "cli")]
    pub(crate) fn cell(&self, column: usize, row: usize) -> Cell<'_> {
        self.columns[column].cell(row)
    }

    /// The row at `row`, which is there.
    pub(crate) fn row(&self, row: usize) -> Vec<Cell<'_>> {
        self.columns.iter().map(|column| column.cell(row)).collect()
    }

    /// The rows, each with a cell for each column.
    pub fn rows(&self) -> impl Iterator<Item = Vec<Cell<'_>>> {
        (0..self.rows).map(|row| self.row(row))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Start,
    Rows,
    End,
}

/// The bytes of rows in some form, piece by piece. After an error there is nothing more.
#[derive(Debug)]
pub struct Encoded {
    batches: Batches,
    encoder: Box<dyn Encoder>,
    chunk: Chunk,
    /// The end of the form as of now.
    tail: Vec<u8>,
    step: Step,
}

impl Encoded {
    /// Moves on by a step, and returns the bytes that it gives.
    fn advance(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        match self.step {
            Step::Start => {
                self.step = Step::Rows;
                self.encode(&mut bytes, |encoder, chunk| encoder.start(chunk))?;
            }
            Step::Rows => match self.batches.next().transpose()? {
                Some(batch) => {
                    let format = self.encoder.format();
                    let mut rows = Rows::default();
                    let pushed = batch.rows().try_for_each(|row| rows::push(&*format, &mut rows, &row));
                    pushed.map_err(|error| self.batches.damaged(error))?;
                    self.append(&mut rows, &mut bytes)?;
                }
                None => {
                    self.step = Step::End;
                    self.encode(&mut bytes, |encoder, chunk| encoder.end(chunk))?;
                    bytes.append(&mut self.tail);
                }
            },
            Step::End => {}
        }
        Ok(bytes)
    }

    fn append(&mut self, rows: &mut Rows, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        let Self { batches, encoder, chunk, tail, .. } = self;
        append_all(&mut **encoder, rows, chunk, |chunk| take(chunk, bytes, tail))
            .map_err(|error| batches.damaged(error))
    }

    fn encode(
        &mut self,
        bytes: &mut Vec<u8>,
        encode: impl FnOnce(&mut dyn Encoder, &mut Chunk) -> io::Result<()>,
    ) -> Result<(), ReadError> {
        let Self { batches, encoder, chunk, tail, .. } = self;
        encode(&mut **encoder, chunk).map_err(|error| batches.damaged(error))?;
        take(chunk, bytes, tail);
        Ok(())
    }
}

/// Moves a chunk's bytes to `bytes`, and its end of the form to `tail`.
fn take(chunk: &mut Chunk, bytes: &mut Vec<u8>, tail: &mut Vec<u8>) {
    bytes.append(&mut chunk.bytes);
    if !chunk.tail.is_empty() {
        *tail = std::mem::take(&mut chunk.tail);
    }
    chunk.clear();
}

impl Iterator for Encoded {
    type Item = Result<Vec<u8>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.step != Step::End {
            match self.advance() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some(Ok(bytes)),
                Err(error) => {
                    self.step = Step::End;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{create, create_with};

    const ROWS: i64 = 70_000;

    fn columns() -> Vec<Column> {
        let columns = [("n", Kind::Integer), ("x", Kind::Number), ("name", Kind::Text), ("even", Kind::Boolean)];
        columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
    }

    fn row(n: i64) -> Vec<Cell<'static>> {
        let x = (n % 7 != 0).then_some(n as f64 / 3.0);
        vec![Cell::from(n), Cell::from(x), Cell::from(format!("row, {n}")), Cell::from(n % 2 == 0)]
    }

    fn written(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        let mut sink = create(&path, &columns()).unwrap();
        (0..ROWS).try_for_each(|n| sink.write(&row(n))).unwrap();
        sink.finish().unwrap();
        path
    }

    fn bytes(file: &ResultsFile, form: Form, names: Option<&[String]>) -> Vec<u8> {
        file.encoded(form, names).unwrap().collect::<Result<Vec<_>, _>>().unwrap().concat()
    }

    #[test]
    fn what_is_read_back_is_what_any_file_of_the_form_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "r.parquet");
        let file = ResultsFile::open(&path).unwrap();
        assert_eq!((file.columns(), file.rows()), (columns().as_slice(), ROWS as u64));
        for (form, name) in [(Form::Csv, "r.csv"), (Form::Parquet, "r.parquet")] {
            let expected = std::fs::read(written(folder.path(), name)).unwrap();
            assert!(bytes(&file, form, None) == expected, "{form:?}");
        }
        let batches: Vec<_> = file.batches(None).unwrap().map(Result::unwrap).collect();
        assert!(batches.iter().flat_map(Batch::rows).zip(0..).all(|(found, n)| found == row(n)));
        for n in [0, 1_023, 1_024, 65_535, 65_536, ROWS - 1] {
            assert_eq!(file.row(n as u64).unwrap(), Some(row(n)), "{n}");
        }
        assert_eq!((file.row(ROWS as u64).unwrap(), file.row(u64::MAX).unwrap()), (None, None));
    }

    #[test]
    fn infinite_numbers_and_moments_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.parquet");
        let columns = [Column::new("x", Kind::Number), Column::new("at", Kind::Time)];
        let mut sink = create(&path, &columns).unwrap();
        let at = |nanos: i64| Cell::Time(nanos, format_date_time(nanos).into());
        let rows = [
            vec![f64::INFINITY.into(), at(1_700_000_000_000_000_001)],
            vec![f64::NEG_INFINITY.into(), Cell::Null],
            vec![Cell::Null, at(-1)],
        ];
        rows.iter().try_for_each(|row| sink.write(row)).unwrap();
        sink.finish().unwrap();
        let file = ResultsFile::open(&path).unwrap();
        assert_eq!(file.columns(), columns);
        let batches: Vec<_> = file.batches(None).unwrap().map(Result::unwrap).collect();
        assert!(batches.iter().flat_map(Batch::rows).eq(rows));
        let csv = String::from_utf8(bytes(&file, Form::Csv, None)).unwrap();
        assert_eq!(csv, "x,at\ninf,2023-11-14T22:13:20.000000001Z\n-inf,\n,1969-12-31T23:59:59.999999999Z\n");
        let json: serde_json::Value = serde_json::from_slice(&bytes(&file, Form::Json, None)).unwrap();
        assert_eq!(json["rows"][0], serde_json::json!(["inf", "2023-11-14T22:13:20.000000001Z"]));
        assert_eq!(json["columns"][1]["kind"], "time");
        assert_eq!(bytes(&file, Form::Parquet, None), std::fs::read(&path).unwrap());
    }

    #[test]
    fn columns_come_in_the_order_in_which_they_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = ResultsFile::open(&written(folder.path(), "r.parquet")).unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let csv = bytes(&file, Form::Csv, Some(&names(&["even", "n"])));
        assert!(csv.starts_with(b"even,n\ntrue,0\nfalse,1\n"));
        let json = String::from_utf8(bytes(&file, Form::Json, Some(&names(&["x", "name"])))).unwrap();
        let start = r#"{"columns":[{"name":"x","kind":"number"},{"name":"name","kind":"text"}],"rows":["#;
        assert!(
            json.starts_with(&format!("{start}\n[null,\"row, 0\"],\n[0.3333333333333333,\"row, 1\"]")),
            "{json:.200}"
        );
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["rows"].as_array().unwrap().len(), ROWS as usize);
        let error = file.batches(Some(&names(&["n", "y"]))).unwrap_err().to_string();
        assert_eq!(error, "unknown column `y`; known: n, x, name, even");
        assert!(matches!(file.batches(Some(&names(&["n", "n"]))), Err(ReadError::Twice(name)) if name == "n"));
    }

    #[test]
    fn what_the_writer_said_is_kept_in_the_file_and_in_what_is_made_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let said = [("request".to_owned(), r#"{"plugin":"sma"}"#.to_owned()), ("empty".to_owned(), String::new())];
        for name in ["r.parquet", "r.csv", "r.jsonl"] {
            let mut sink = create_with(&at(name), &columns(), &said).unwrap();
            sink.write(&row(1)).unwrap();
            let begun = metadata(sink.partial());
            assert_eq!(begun.ok(), name.ends_with("parquet").then(|| said.to_vec()), "{name}");
            sink.finish().unwrap();
        }
        assert_eq!(metadata(&at("r.parquet")).unwrap(), said);
        let names = ["n".to_owned()];
        let part = bytes(&ResultsFile::open(&at("r.parquet")).unwrap(), Form::Parquet, Some(&names));
        std::fs::write(at("part.parquet"), part).unwrap();
        let part = ResultsFile::open(&at("part.parquet")).unwrap();
        assert_eq!((part.metadata(), part.rows(), part.columns().len()), (said.as_slice(), 1, 1));
        let plain = written(folder.path(), "plain.parquet");
        assert_eq!(metadata(&plain).unwrap(), []);
        assert!(matches!(metadata(&at("r.csv")), Err(ReadError::Damaged { .. })));
        let mut text = create(&at("text.csv"), &columns()).unwrap();
        text.write(&row(1)).unwrap();
        text.finish().unwrap();
        assert_eq!(std::fs::read(at("r.csv")).unwrap(), std::fs::read(at("text.csv")).unwrap());
    }

    #[test]
    fn a_file_that_is_not_a_whole_file_of_results_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "r.parquet");
        assert!(matches!(ResultsFile::open(&folder.path().join("none")), Err(ReadError::Open { .. })));
        assert!(matches!(ResultsFile::open(Path::new("examples/data/msft.parquet")), Err(ReadError::Foreign { .. })));
        let whole = std::fs::read(&path).unwrap();
        let torn = folder.path().join("torn.parquet");
        for length in [0, 4, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&torn, &whole[..length]).unwrap();
            assert!(matches!(ResultsFile::open(&torn), Err(ReadError::Damaged { .. })), "{length}");
        }
        let mut noisy = whole.clone();
        noisy[4..100].fill(0xaa);
        std::fs::write(&torn, &noisy).unwrap();
        let file = ResultsFile::open(&torn).unwrap();
        assert!(file.batches(None).unwrap().any(|batch| batch.is_err()));
    }

    /// A small file of two row groups with each kind of column, and what its writer says.
    fn small(path: &Path) -> Vec<u8> {
        let said = [("request".to_owned(), r#"{"plugin":"sma"}"#.to_owned())];
        let columns = [columns(), vec![Column::new("at", Kind::Time)]].concat();
        let mut sink = create_with(path, &columns, &said).unwrap();
        for n in 0..6 {
            let at = Cell::Time(n, format_date_time(n).into());
            sink.write(&[row(n), vec![at]].concat()).unwrap();
            if n == 3 {
                sink.checkpoint().unwrap();
            }
        }
        sink.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    /// All rows of the file at `path`.
    fn all_rows(path: &Path) -> Result<usize, ReadError> {
        let batches = ResultsFile::open(path)?.batches(None)?.collect::<Result<Vec<_>, _>>()?;
        Ok(batches.iter().map(|batch| batch.rows).sum())
    }

    #[test]
    fn each_bit_that_changes_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.parquet");
        let whole = small(&path);
        assert_eq!(all_rows(&path).unwrap(), 6);
        let mut missed = Vec::new();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                std::fs::write(&path, &changed).unwrap();
                if !matches!(all_rows(&path), Err(ReadError::Damaged { .. })) {
                    missed.push((at, bit));
                }
            }
        }
        assert_eq!(missed, [], "of {} bytes", whole.len());
    }

    #[test]
    fn what_is_cut_or_added_or_moved_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.parquet");
        let whole = small(&path);
        let (start, end) = (whole[..40].to_vec(), whole[whole.len() - 40..].to_vec());
        let mut swapped = whole.clone();
        swapped[4..40].rotate_left(1);
        let changed = [
            whole[1..].to_vec(),
            whole[..whole.len() - 1].to_vec(),
            [&start[..4], &[0], &whole[4..]].concat(),
            [&whole[..], &[0]].concat(),
            [&whole[..], &end[..]].concat(),
            swapped,
        ];
        for (case, changed) in changed.iter().enumerate() {
            std::fs::write(&path, changed).unwrap();
            assert!(matches!(all_rows(&path), Err(ReadError::Damaged { .. })), "{case}");
        }
    }

    #[test]
    fn a_column_is_checked_before_it_is_decoded_and_others_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.parquet");
        let mut changed = small(&path);
        // Within the first column.
        changed[20] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let file = ResultsFile::open(&path).unwrap();
        let rows = |name: &str| file.batches(Some(&[name.to_owned()])).unwrap().collect::<Result<Vec<_>, _>>();
        assert!(rows("name").is_ok());
        let error = rows("n").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("column `n` of row group 0 was changed since it was written"), "{cause}");
        assert!(file.row(0).is_err() && file.row(5).is_ok(), "row groups are checked one by one");
    }

    #[test]
    fn files_of_an_older_host_are_read_without_checksums() {
        use ::parquet::{
            data_type::Int64Type,
            file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
            schema::parser::parse_message_type,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.parquet");
        let write = |version: &str| {
            let schema = Arc::new(parse_message_type("message arrow_schema { OPTIONAL INT64 n; }").unwrap());
            let pair = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
            let pairs = vec![pair("host.results.version", version), pair("request", "{}")];
            let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
            let file = File::create(&path).unwrap();
            let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
            let mut group = writer.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[7, 8], Some(&[1, 1]), None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
            writer.close().unwrap();
        };
        write("1");
        assert_eq!(all_rows(&path).unwrap(), 2);
        assert_eq!(metadata(&path).unwrap(), [("request".to_owned(), "{}".to_owned())]);
        // A file of this version has them.
        write("2");
        assert!(matches!(all_rows(&path), Err(ReadError::Damaged { .. })));
        write("3");
        assert!(matches!(all_rows(&path), Err(ReadError::Foreign { .. })));
    }
}
