//! Files of results read back: their columns, and their rows in any form, a batch at a time.
//!
//! Never reads what [`create`](super::create) has not written, and never holds more than a batch of rows.

use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use ::parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
        },
    },
    errors::ParquetError,
};
use arrow_array::{
    Array, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_schema::{DataType, Schema};

use super::{
    column::{Cell, Column, Kind},
    csv::Csv,
    encoder::{Chunk, Encoder},
    json::JsonTable,
    parquet::{self, Parquet},
};

/// Rows that are decoded at a time: about a megabyte with all metrics.
const BATCH: usize = 1_024;

/// Why results cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("`{}` cannot be read", path.display())]
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
    /// The file is not one of results, or of another version.
    #[error("`{}` holds no results of this version; run the sweep again", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A column is asked for that there is not.
    #[error("there is no column `{name}`; there are {known}")]
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

/// A file of results in Parquet.
#[derive(Debug)]
pub struct ResultsFile {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    columns: Vec<Column>,
}

impl ResultsFile {
    /// Opens the file at `path`, complete or left by a process that was killed.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, is damaged, or is none that [`create`](super::create) has written.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
        let load = || ArrowReaderMetadata::load(&file, ArrowReaderOptions::default());
        let metadata = guarded(load).map_err(|source| ReadError::Damaged { path: path.to_owned(), source })?;
        let foreign = || ReadError::Foreign { path: path.to_owned() };
        let keys = metadata.metadata().file_metadata().key_value_metadata();
        if !keys.is_some_and(|keys| parquet::key_values().iter().all(|key| keys.contains(key))) {
            return Err(foreign());
        }
        let columns = columns(metadata.schema()).ok_or_else(foreign)?;
        Ok(Self { path: path.to_owned(), file, metadata, columns })
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.metadata.metadata().file_metadata().num_rows().unsigned_abs()
    }

    /// Returns the rows, of which each has the columns `names` in that order, or all; a batch at a time.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such column, or it is named twice.
    pub fn batches(&self, names: Option<&[String]>) -> Result<Batches, ReadError> {
        let places = self.places(names)?;
        let damaged = |source| ReadError::Damaged { path: self.path.clone(), source };
        let file = self.file.try_clone().map_err(|source| ReadError::Open { path: self.path.clone(), source })?;
        let mask = ProjectionMask::roots(self.metadata.metadata().file_metadata().schema_descr(), places.clone());
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let reader = guarded(|| builder.with_projection(mask).with_batch_size(BATCH).build()).map_err(damaged)?;
        // What is read stands in the order of the file.
        let rank = |place: &usize| places.iter().filter(|other| *other < place).count();
        let order = places.iter().map(rank).collect();
        let columns = places.iter().map(|place| self.columns[*place].clone()).collect();
        Ok(Batches { path: self.path.clone(), reader, columns, order })
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
            Form::Parquet => Box::new(Parquet::new(batches.columns()).map_err(|error| batches.damaged(error))?),
        };
        Ok(Encoded { batches, encoder, chunk: Chunk::default(), tail: Vec::new(), step: Step::Start })
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

fn columns(schema: &Schema) -> Option<Vec<Column>> {
    let column = |(name, data_type): (&str, &DataType)| {
        let kind = match data_type {
            DataType::Boolean => Kind::Boolean,
            DataType::Int64 => Kind::Integer,
            DataType::Float64 => Kind::Number,
            DataType::Utf8 => Kind::Text,
            _ => return None,
        };
        Some(Column::new(name, kind))
    };
    schema.fields().iter().map(|field| column((field.name(), field.data_type()))).collect()
}

/// The rows of a file, a batch at a time. After an error there is nothing more.
pub struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    columns: Vec<Column>,
    /// Where each column stands in what is read.
    order: Vec<usize>,
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

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("path", &self.path).field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = &mut self.reader;
        match guarded(|| Ok(reader.next().transpose()?)) {
            Ok(batch) => batch.map(|batch| batch.project(&self.order).map(Batch).map_err(|error| self.damaged(error))),
            Err(error) => Some(Err(self.damaged(error))),
        }
    }
}

/// Some rows.
#[derive(Debug, Clone)]
pub struct Batch(RecordBatch);

enum Values<'a> {
    Boolean(&'a BooleanArray),
    Integer(&'a Int64Array),
    Number(&'a Float64Array),
    Text(&'a StringArray),
}

impl<'a> Values<'a> {
    /// The kinds were looked at when the file was opened.
    fn of(array: &'a dyn Array) -> Self {
        match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Int64 => Self::Integer(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Self::Number(array.as_primitive::<Float64Type>()),
            _ => Self::Text(array.as_string()),
        }
    }

    fn cell(&self, row: usize) -> Cell<'a> {
        match self {
            Self::Boolean(array) if array.is_valid(row) => Cell::Boolean(array.value(row)),
            Self::Integer(array) if array.is_valid(row) => Cell::Integer(array.value(row)),
            Self::Number(array) if array.is_valid(row) => Cell::Number(array.value(row)),
            Self::Text(array) if array.is_valid(row) => Cell::from(array.value(row)),
            _ => Cell::Null,
        }
    }
}

impl Batch {
    /// The rows, each with a cell for each column.
    pub fn rows(&self) -> impl Iterator<Item = Vec<Cell<'_>>> {
        let values: Vec<_> = self.0.columns().iter().map(|array| Values::of(array.as_ref())).collect();
        (0..self.0.num_rows()).map(move |row| values.iter().map(|values| values.cell(row)).collect())
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
                    batch
                        .rows()
                        .try_for_each(|row| self.encode(&mut bytes, |encoder, chunk| encoder.row(&row, chunk)))?;
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

    fn encode(
        &mut self,
        bytes: &mut Vec<u8>,
        encode: impl FnOnce(&mut dyn Encoder, &mut Chunk) -> io::Result<()>,
    ) -> Result<(), ReadError> {
        let Self { batches, encoder, chunk, tail, .. } = self;
        encode(&mut **encoder, chunk).map_err(|error| batches.damaged(error))?;
        bytes.append(&mut chunk.bytes);
        if !chunk.tail.is_empty() {
            *tail = std::mem::take(&mut chunk.tail);
        }
        chunk.clear();
        Ok(())
    }
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
    use crate::results::create;

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
        assert_eq!(error, "there is no column `y`; there are n, x, name, even");
        assert!(matches!(file.batches(Some(&names(&["n", "n"]))), Err(ReadError::Twice(name)) if name == "n"));
    }

    #[test]
    fn what_is_no_whole_file_of_results_is_refused() {
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
}
