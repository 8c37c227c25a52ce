//! Rows as Parquet: typed nullable columns in row groups of a fixed size.
//!
//! Never opens a file.
//!
//! A footer that covers the complete row groups follows each of them, and the next group overwrites it: so a file
//! that a full disk or a killed process leaves behind opens like any other and holds every complete group. Memory holds
//! one row group, encoded, and a few hundred bytes for each column of those before it.

use std::{fmt, io, mem, sync::Arc};

use ::parquet::{
    arrow::{ArrowSchemaConverter, ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter},
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::{ColumnPath, SchemaDescriptor},
};
use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
};
use arrow_schema::{DataType, Field, Schema};

use super::{
    column::{Cell, Column, Kind},
    encoder::{Chunk, Encoder},
};

/// Rows of a row group: large enough to compress well, small enough to hold in memory.
pub(super) const GROUP_ROWS: usize = 65_536;

/// Bytes of a row group, where its texts are long.
const GROUP_BYTES: usize = 128 << 20;

/// Rows that are encoded together.
const BATCH_ROWS: usize = 1_024;

/// Bytes of text in one batch, far below the 2 GiB at which its offsets overflow.
const BATCH_BYTES: usize = 16 << 20;

/// The version of the file's layout, under the key `host.results.version`.
const FORMAT_VERSION: &str = "1";

/// Names the writer in the form that readers parse; the same for every run of one version.
const CREATED_BY: &str = concat!("host version ", env!("CARGO_PKG_VERSION"));

/// Parquet with zstd compression, and dictionaries where values repeat.
pub(super) struct Parquet {
    schema: Arc<Schema>,
    descriptor: Arc<SchemaDescriptor>,
    writer: ArrowWriter<Vec<u8>>,
    builders: Vec<Builder>,
    /// Rows in `builders`.
    held: usize,
    /// Bytes of text in `builders`.
    text: usize,
    /// Row groups handed on.
    groups: usize,
}

impl Parquet {
    /// Makes an encoder for rows of `columns`.
    pub(super) fn new(columns: &[Column]) -> io::Result<Self> {
        let fields: Vec<_> =
            columns.iter().map(|column| Field::new(&column.name, data_type(column.kind), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let descriptor = ArrowSchemaConverter::new().convert(&schema).map_err(io::Error::other)?;
        // The types are Parquet's own, so the Arrow schema would only repeat them.
        let options = ArrowWriterOptions::new().with_properties(properties(columns)).with_skip_arrow_metadata(true);
        let writer =
            ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options).map_err(io::Error::other)?;
        let builders = columns.iter().map(|column| Builder::new(column.kind)).collect();
        Ok(Self { schema, descriptor: Arc::new(descriptor), writer, builders, held: 0, text: 0, groups: 0 })
    }

    /// Encodes the rows held.
    fn encode(&mut self) -> Result<(), ParquetError> {
        if self.held == 0 {
            return Ok(());
        }
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        (self.held, self.text) = (0, 0);
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), arrays)?)
    }

    /// Hands on the complete row groups and a footer for all so far.
    fn hand_on(&mut self, chunk: &mut Chunk) -> Result<(), ParquetError> {
        // The writer has a buffer of its own before the bytes that it gives access to.
        self.writer.sync()?;
        // A row group is large, so it changes hands without a copy.
        chunk.bytes = mem::take(self.writer.inner_mut());
        let groups = self.writer.flushed_row_groups();
        chunk.rows += groups[self.groups..].iter().map(|group| group.num_rows().unsigned_abs()).sum::<u64>();
        self.groups = groups.len();
        chunk.tail = self.footer()?;
        Ok(())
    }

    /// The end of a file that holds the row groups so far.
    fn footer(&self) -> Result<Vec<u8>, ParquetError> {
        let groups = self.writer.flushed_row_groups().to_vec();
        let rows = groups.iter().map(|group| group.num_rows()).sum();
        let created_by = Some(CREATED_BY.to_owned());
        let file = FileMetaData::new(1, rows, created_by, Some(key_values()), self.descriptor.clone(), None);
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &ParquetMetaData::new(file, groups)).finish()?;
        Ok(footer)
    }
}

impl Encoder for Parquet {
    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.hand_on(chunk).map_err(io::Error::other)
    }

    fn row(&mut self, row: &[Cell<'_>], chunk: &mut Chunk) -> io::Result<()> {
        for (cell, builder) in row.iter().zip(&mut self.builders) {
            self.text += builder.append(cell);
        }
        self.held += 1;
        if self.held < BATCH_ROWS && self.text < BATCH_BYTES {
            return Ok(());
        }
        self.encode().map_err(io::Error::other)?;
        if self.writer.flushed_row_groups().len() == self.groups {
            return Ok(());
        }
        self.hand_on(chunk).map_err(io::Error::other)
    }

    /// Ends the row group, if it has a row.
    fn checkpoint(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.end(chunk)
    }

    fn end(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.encode().and_then(|()| self.writer.flush()).and_then(|()| self.hand_on(chunk)).map_err(io::Error::other)
    }
}

impl fmt::Debug for Parquet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parquet")
            .field("schema", &self.schema)
            .field("held", &self.held)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// One column of the batch being collected.
enum Builder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Text(StringBuilder),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Number => Self::Number(Float64Builder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends `cell` and returns its bytes of text.
    fn append(&mut self, cell: &Cell<'_>) -> usize {
        match (self, cell) {
            (Self::Boolean(builder), Cell::Boolean(value)) => builder.append_value(*value),
            (Self::Integer(builder), Cell::Integer(value)) => builder.append_value(*value),
            (Self::Number(builder), Cell::Number(value)) if value.is_finite() => builder.append_value(*value),
            (Self::Text(builder), Cell::Text(value)) => {
                builder.append_value(value);
                return value.len();
            }
            // The file has checked the kinds, so that what is left is null or not finite.
            (Self::Boolean(builder), _) => builder.append_null(),
            (Self::Integer(builder), _) => builder.append_null(),
            (Self::Number(builder), _) => builder.append_null(),
            (Self::Text(builder), _) => builder.append_null(),
        }
        0
    }

    /// Takes the column out and starts the next.
    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Number(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Boolean => DataType::Boolean,
        Kind::Integer => DataType::Int64,
        Kind::Number => DataType::Float64,
        Kind::Text => DataType::Utf8,
    }
}

fn properties(columns: &[Column]) -> WriterProperties {
    let general = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_key_value_metadata(Some(key_values()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // Bounds for each group serve readers that filter; those of pages would only make the footer long.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    // Nearly all numbers are metrics, hardly two of them alike: a dictionary costs memory and gains nothing.
    let numbers = columns.iter().filter(|column| column.kind == Kind::Number);
    let path = |column: &Column| ColumnPath::new(vec![column.name.clone()]);
    numbers.fold(general, |some, column| some.set_column_dictionary_enabled(path(column), false)).build()
}

/// What says in a file that it is ours, and of which version.
pub(super) fn key_values() -> Vec<KeyValue> {
    vec![KeyValue::new("host.results.version".to_owned(), FORMAT_VERSION.to_owned())]
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ::parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    fn check(rows: usize, text: &str, groups: &[i64]) {
        let columns = [Column::new("n", Kind::Integer), Column::new("text", Kind::Text)];
        let (mut encoder, mut chunk) = (Parquet::new(&columns).unwrap(), Chunk::default());
        let mut file = tempfile::tempfile().unwrap();
        let mut taken = 0;
        let mut take = |chunk: &mut Chunk| {
            file.write_all(&chunk.bytes).unwrap();
            taken += chunk.rows;
            (chunk.bytes, chunk.rows) = (vec![], 0);
        };
        encoder.start(&mut chunk).unwrap();
        take(&mut chunk);
        for n in 0..rows {
            encoder.row(&[Cell::Integer(n as i64), Cell::from(text)], &mut chunk).unwrap();
            take(&mut chunk);
            assert!(encoder.held <= BATCH_ROWS && encoder.text <= BATCH_BYTES + text.len());
            assert!(encoder.writer.memory_size() < 2 * GROUP_BYTES, "{}", encoder.writer.memory_size());
        }
        encoder.end(&mut chunk).unwrap();
        take(&mut chunk);
        assert_eq!(taken, rows as u64);
        file.write_all(&chunk.tail).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        assert_eq!(reader.metadata().file_metadata().created_by(), Some(CREATED_BY));
        let sizes: Vec<_> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(sizes, groups);
    }

    #[test]
    fn row_groups_have_a_fixed_number_of_rows() {
        check(0, "", &[]);
        check(1, "", &[1]);
        check(GROUP_ROWS, "", &[65_536]);
        check(150_000, "text", &[65_536, 65_536, 18_928]);
    }

    #[test]
    fn long_texts_are_encoded_before_they_fill_the_memory() {
        check(40, &"x".repeat(3 << 20), &[40]);
    }
}
