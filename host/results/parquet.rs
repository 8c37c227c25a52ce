//! Parquet encoder: typed nullable columns in row groups of a fixed size.
//!
//! Never opens a file.
//!
//! A footer that covers the complete row groups follows each of them, and the next group overwrites it: so a file
//! that a full disk or a killed process leaves behind opens like any other and holds every complete group; what was still
//! to become one is in the journal of the file. Memory holds one row group, encoded, and a few hundred bytes for each
//! column of those before it.

use std::{
    fmt, io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ::parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel},
    column::{
        page::{CompressedPage, PageWriteSpec, PageWriter},
        writer::{ColumnCloseResult, ColumnWriter, get_column_writer},
    },
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter},
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite},
    },
    schema::types::{ColumnPath, SchemaDescriptor, Type},
};
use bytes::Bytes;

use super::{
    column::{Cell, Column, Kind},
    encoder::{Chunk, Encoder},
};

/// Rows of a row group: large enough to compress well, small enough to hold in memory.
pub(super) const GROUP_ROWS: usize = 65_536;

/// Bytes of a row group, where its texts are long.
const GROUP_BYTES: u64 = 128 << 20;

/// Rows that are encoded together.
const BATCH_ROWS: usize = 1_024;

/// Bytes of text in one batch, which are held as they are until it is encoded.
const BATCH_BYTES: usize = 16 << 20;

/// The key of the version of the file's layout.
const VERSION_KEY: &str = "host.results.version";

/// The version of the file's layout.
const FORMAT_VERSION: &str = "1";

/// Names the writer in the form that readers parse; the same for every run of one version.
const CREATED_BY: &str = concat!("host version ", env!("CARGO_PKG_VERSION"));

/// Parquet with zstd compression, and dictionaries where values repeat.
pub(super) struct Parquet {
    /// The version of the layout, then what the caller says about the file.
    metadata: Vec<KeyValue>,
    descriptor: Arc<SchemaDescriptor>,
    writer: SerializedFileWriter<Vec<u8>>,
    /// The rows of the batch that is being collected, column by column.
    batch: Vec<Cells>,
    /// Rows in `batch`.
    held: usize,
    /// Bytes of text in `batch`.
    text: usize,
    /// The columns of the row group that is being collected; none before its first batch.
    group: Vec<GroupColumn>,
    /// Rows in `group`.
    encoded: usize,
    /// Row groups handed on.
    groups: usize,
}

impl Parquet {
    /// Makes an encoder for rows of `columns`; the footer keeps `metadata`.
    pub(super) fn new(columns: &[Column], metadata: &[(String, String)]) -> io::Result<Self> {
        let schema = Arc::new(schema(columns).map_err(io::Error::other)?);
        let descriptor = Arc::new(SchemaDescriptor::new(schema.clone()));
        let properties = Arc::new(properties(columns));
        let writer = SerializedFileWriter::new(Vec::new(), schema, properties).map_err(io::Error::other)?;
        let given = metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        Ok(Self {
            metadata: std::iter::once(version()).chain(given).collect(),
            descriptor,
            writer,
            batch: columns.iter().map(|column| Cells::new(column.kind)).collect(),
            held: 0,
            text: 0,
            group: Vec::new(),
            encoded: 0,
            groups: 0,
        })
    }

    /// Encodes the rows held, and ends the row group that is full with them.
    fn encode(&mut self) -> Result<(), ParquetError> {
        if self.held == 0 {
            return Ok(());
        }
        if self.group.is_empty() {
            let open = |column| GroupColumn::new(&self.writer, &self.descriptor, column);
            self.group = (0..self.batch.len()).map(open).collect();
        }
        for (column, cells) in self.group.iter_mut().zip(&mut self.batch) {
            column.write(cells)?;
        }
        self.encoded += self.held;
        (self.held, self.text) = (0, 0);
        let bytes: u64 = self.group.iter().map(GroupColumn::bytes).sum();
        if self.encoded == GROUP_ROWS || bytes >= GROUP_BYTES { self.end_group() } else { Ok(()) }
    }

    /// Writes the row group, if it has a row.
    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.encoded == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in self.group.drain(..) {
            let (bytes, close) = column.close()?;
            group.append_column(&bytes, close)?;
        }
        group.close()?;
        self.encoded = 0;
        Ok(())
    }

    /// Hands on the complete row groups and a footer for all so far.
    fn hand_on(&mut self, chunk: &mut Chunk) -> Result<(), ParquetError> {
        // The writer has a buffer of its own before the bytes that it gives access to.
        self.writer.flush()?;
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
        let (created_by, metadata) = (Some(CREATED_BY.to_owned()), Some(self.metadata.clone()));
        let file = FileMetaData::new(1, rows, created_by, metadata, self.descriptor.clone(), None);
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &ParquetMetaData::new(file, groups)).finish()?;
        Ok(footer)
    }
}

impl Encoder for Parquet {
    fn holds_rows(&self) -> bool {
        true
    }

    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.hand_on(chunk).map_err(io::Error::other)
    }

    fn row(&mut self, row: &[Cell<'_>], chunk: &mut Chunk) -> io::Result<()> {
        for (cell, cells) in row.iter().zip(&mut self.batch) {
            self.text += cells.push(cell);
        }
        self.held += 1;
        if self.held < BATCH_ROWS && self.encoded + self.held < GROUP_ROWS && self.text < BATCH_BYTES {
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
        self.encode().and_then(|()| self.end_group()).and_then(|()| self.hand_on(chunk)).map_err(io::Error::other)
    }
}

impl fmt::Debug for Parquet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parquet")
            .field("schema", self.descriptor.root_schema())
            .field("held", &self.held)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// One column of the batch being collected: a level for each row, and a value for each that is not null.
struct Cells {
    /// 1 where the row has a value, 0 where it is null.
    levels: Vec<i16>,
    values: Values,
}

/// The values of a batch that are not null.
enum Values {
    Boolean(Vec<bool>),
    Integer(Vec<i64>),
    Number(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl Cells {
    fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Boolean => Values::Boolean(Vec::new()),
            Kind::Integer | Kind::Time => Values::Integer(Vec::new()),
            Kind::Number => Values::Number(Vec::new()),
            Kind::Text => Values::Text(Vec::new()),
        };
        Self { levels: Vec::new(), values }
    }

    /// Adds `cell` and returns its bytes of text.
    fn push(&mut self, cell: &Cell<'_>) -> usize {
        let mut text = 0;
        match (&mut self.values, cell) {
            (Values::Boolean(values), Cell::Boolean(value)) => values.push(*value),
            (Values::Integer(values), Cell::Integer(value)) => values.push(*value),
            (Values::Number(values), Cell::Number(value)) if !value.is_nan() => values.push(*value),
            (Values::Integer(values), Cell::Time(at, _)) => values.push(*at),
            (Values::Text(values), Cell::Text(value)) => {
                values.push(shared(values.last(), value.as_bytes()));
                text = value.len();
            }
            // The file has checked the kinds, so that what is left is null or NaN.
            _ => {
                self.levels.push(0);
                return 0;
            }
        }
        self.levels.push(1);
        text
    }

    /// Makes the column empty, and keeps its memory for the next batch.
    fn clear(&mut self) {
        self.levels.clear();
        match &mut self.values {
            Values::Boolean(values) => values.clear(),
            Values::Integer(values) => values.clear(),
            Values::Number(values) => values.clear(),
            Values::Text(values) => values.clear(),
        }
    }
}

/// Returns `text` as a value, which is the one before where that is equal: the hashes of plugin and data are the same
/// in row after row.
fn shared(before: Option<&ByteArray>, text: &[u8]) -> ByteArray {
    match before {
        Some(before) if before.data() == text => before.clone(),
        _ => ByteArray::from(text.to_vec()),
    }
}

/// One column of the row group being collected, encoded as far as its pages are full.
///
/// Parquet wants the columns of a group one after the other, while rows bring all of them at once: so each column is
/// written into a buffer of its own, and appended to the file when the group is complete.
struct GroupColumn {
    writer: ColumnWriter<'static>,
    pages: PageBuffer,
}

impl GroupColumn {
    fn new(writer: &SerializedFileWriter<Vec<u8>>, descriptor: &SchemaDescriptor, column: usize) -> Self {
        let pages = PageBuffer::default();
        let sink = Box::new(pages.clone());
        Self { writer: get_column_writer(descriptor.column(column), writer.properties().clone(), sink), pages }
    }

    /// Encodes the batch and makes it empty.
    fn write(&mut self, cells: &mut Cells) -> Result<(), ParquetError> {
        let levels = Some(cells.levels.as_slice());
        match (&mut self.writer, &cells.values) {
            (ColumnWriter::BoolColumnWriter(writer), Values::Boolean(values)) => {
                writer.write_batch(values, levels, None)?;
            }
            (ColumnWriter::Int64ColumnWriter(writer), Values::Integer(values)) => {
                writer.write_batch(values, levels, None)?;
            }
            (ColumnWriter::DoubleColumnWriter(writer), Values::Number(values)) => {
                writer.write_batch(values, levels, None)?;
            }
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(values)) => {
                writer.write_batch(values, levels, None)?;
            }
            _ => return Err(ParquetError::General("the schema does not fit the columns".to_owned())),
        }
        cells.clear();
        Ok(())
    }

    /// Bytes in pages so far, compressed.
    fn bytes(&self) -> u64 {
        match &self.writer {
            ColumnWriter::BoolColumnWriter(writer) => writer.get_total_bytes_written(),
            ColumnWriter::Int64ColumnWriter(writer) => writer.get_total_bytes_written(),
            ColumnWriter::DoubleColumnWriter(writer) => writer.get_total_bytes_written(),
            ColumnWriter::ByteArrayColumnWriter(writer) => writer.get_total_bytes_written(),
            // No column is of another type.
            _ => 0,
        }
    }

    /// Returns all pages, and what the footer says about them.
    fn close(self) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let close = self.writer.close()?;
        let bytes = mem::take(self.pages.lock().inner_mut());
        Ok((bytes.into(), close))
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

/// The name of the schema's root, which no reader shows; the files of every version have the same.
const ROOT: &str = "arrow_schema";

fn schema(columns: &[Column]) -> Result<Type, ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            Kind::Boolean => (PhysicalType::BOOLEAN, None),
            Kind::Integer => (PhysicalType::INT64, None),
            Kind::Number => (PhysicalType::DOUBLE, None),
            Kind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Time => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
        };
        let field = Type::primitive_type_builder(&column.name, physical);
        field.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
    Type::group_type_builder(ROOT).with_fields(fields).build()
}

/// Returns the columns of a schema, or nothing if it is not one that this module writes.
pub(super) fn columns(schema: &SchemaDescriptor) -> Option<Vec<Column>> {
    let column = |field: &Arc<Type>| {
        let info = field.get_basic_info();
        if !field.is_primitive() || info.repetition() != Repetition::OPTIONAL {
            return None;
        }
        let kind = match (field.get_physical_type(), info.logical_type_ref()) {
            (PhysicalType::BOOLEAN, None) => Kind::Boolean,
            (PhysicalType::INT64, None) => Kind::Integer,
            (PhysicalType::DOUBLE, None) => Kind::Number,
            (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)) => Kind::Text,
            (PhysicalType::INT64, Some(time)) if *time == LogicalType::timestamp(true, TimeUnit::NANOS) => Kind::Time,
            _ => return None,
        };
        Some(Column::new(info.name(), kind))
    };
    schema.root_schema().get_fields().iter().map(column).collect()
}

fn properties(columns: &[Column]) -> WriterProperties {
    let general = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // Bounds for each group serve readers that filter; those of pages would only make the footer long.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    // Nearly all numbers are metrics, hardly two of them alike: a dictionary costs memory and gains nothing.
    let numbers = columns.iter().filter(|column| column.kind == Kind::Number);
    let path = |column: &Column| ColumnPath::new(vec![column.name.clone()]);
    numbers.fold(general, |some, column| some.set_column_dictionary_enabled(path(column), false)).build()
}

/// The key and value that mark a file as one of results, and of which version.
fn version() -> KeyValue {
    KeyValue::new(VERSION_KEY.to_owned(), FORMAT_VERSION.to_owned())
}

/// Returns what the writer of a file said about it, or nothing if `found` is not that of results of this version.
pub(super) fn metadata(found: &[KeyValue]) -> Option<Vec<(String, String)>> {
    if !found.contains(&version()) {
        return None;
    }
    let others = found.iter().filter(|pair| pair.key != VERSION_KEY);
    Some(others.map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ::parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    fn check(rows: usize, text: &str, groups: &[i64]) {
        let columns = [Column::new("n", Kind::Integer), Column::new("text", Kind::Text)];
        let (mut encoder, mut chunk) = (Parquet::new(&columns, &[]).unwrap(), Chunk::default());
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
            let bytes: u64 = encoder.group.iter().map(GroupColumn::bytes).sum();
            assert!(bytes < 2 * GROUP_BYTES, "{bytes}");
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
