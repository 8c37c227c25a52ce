//! Parquet encoder: typed nullable columns in row groups of a fixed size, with checksums.
//!
//! Never opens a file.
//!
//! A footer that covers the complete row groups follows each of them, and the next group overwrites it: so a file
//! that a full disk or a killed process leaves behind opens like any other and holds every complete group; what was still
//! to become one is in the journal of the file. Memory holds one row group, encoded but for the rows that wait in its lanes,
//! and a few hundred bytes for each column of those before it. A group ends after 65,536 rows, or earlier at 256 MiB of them
//! in the journal: that depends on the rows alone.

use std::{fmt, io, mem, ops::Range, sync::Arc};

use super::{
    cells::Cells,
    checksums,
    column::{Cell, Column, Kind},
    encoder::{Chunk, Encoder},
    journal,
    lanes::{Closed, Lanes},
    rows::{RowFormat, Rows},
};
use ::parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter},
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
    schema::types::{ColumnPath, SchemaDescriptor, Type},
};

/// Rows of a row group: large enough to compress well, small enough to hold in memory.
pub(super) const GROUP_ROWS: usize = 65_536;

/// Bytes that the rows of a group have in a journal, where they are many: 4 KiB a row.
const GROUP_BYTES: usize = 256 << 20;

/// Rows that are collected before they go to the lanes, where they come in small blocks.
const OPEN_ROWS: usize = 256;

/// Bytes of text of such rows.
const OPEN_BYTES: usize = 1 << 20;

/// The key of the version of the file's layout.
const VERSION_KEY: &str = "host.results.version";

/// The version of the file's layout. A bit that is changed does not make it [`WITHOUT_CHECKSUMS`].
const FORMAT_VERSION: &str = "2";

/// The version of files that an older host has written, which have no checksums.
const WITHOUT_CHECKSUMS: &str = "1";

/// Names the writer in the form that readers parse; the same for every run of one version.
const CREATED_BY: &str = concat!("host version ", env!("CARGO_PKG_VERSION"));

/// Parquet with zstd compression, and dictionaries where values repeat.
pub(super) struct Parquet {
    /// The version of the layout, then what the caller says about the file.
    metadata: Vec<KeyValue>,
    descriptor: Arc<SchemaDescriptor>,
    writer: SerializedFileWriter<Vec<u8>>,
    format: Arc<ParquetRows>,
    /// How large a row group may become.
    limit: Size,
    /// Rows of small blocks, which are not in the lanes yet, column by column.
    open: Vec<Cells>,
    open_size: Size,
    /// The row group that is being collected, with the rows in `open`.
    group: Size,
    /// Row groups handed on.
    groups: usize,
    /// The checksums of all columns of all row groups.
    checksums: Vec<u32>,
}

/// How much some rows are.
#[derive(Debug, Default, Clone, Copy)]
struct Size {
    rows: usize,
    /// In a journal.
    bytes: usize,
}

impl Size {
    fn reaches(self, limit: Self) -> bool {
        self.rows >= limit.rows || self.bytes >= limit.bytes
    }

    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.bytes += other.bytes;
    }
}

/// Takes rows apart into columns, and encodes those columns.
struct ParquetRows {
    kinds: Vec<Kind>,
    lanes: Lanes,
}

impl ParquetRows {
    fn cells(&self) -> Vec<Cells> {
        self.kinds.iter().map(|kind| Cells::new(*kind)).collect()
    }
}

impl RowFormat for ParquetRows {
    fn row(&self, row: &[Cell<'_>], rows: &mut Rows) -> io::Result<()> {
        journal::put_row(row, &mut rows.bytes)?;
        if rows.cells.is_empty() {
            rows.cells = self.cells();
        }
        rows.cells.iter_mut().zip(row).for_each(|(cells, cell)| cells.push(cell));
        Ok(())
    }

    fn help(&self) {
        // One lane is not enough: there are more lanes than blocks of rows that fill them.
        while self.lanes.help() {}
    }
}

impl fmt::Debug for ParquetRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetRows").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl Parquet {
    /// Makes an encoder for rows of `columns`; the footer keeps `metadata`.
    pub(super) fn new(columns: &[Column], metadata: &[(String, String)]) -> io::Result<Self> {
        Self::with_limit(columns, metadata, Size { rows: GROUP_ROWS, bytes: GROUP_BYTES })
    }

    fn with_limit(columns: &[Column], metadata: &[(String, String)], limit: Size) -> io::Result<Self> {
        let schema = Arc::new(schema(columns).map_err(io::Error::other)?);
        let descriptor = Arc::new(SchemaDescriptor::new(schema.clone()));
        let properties = Arc::new(properties(columns));
        let writer = SerializedFileWriter::new(Vec::new(), schema, properties).map_err(io::Error::other)?;
        let given = metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let lanes = Lanes::new(descriptor.clone(), writer.properties().clone());
        let format = ParquetRows { kinds: columns.iter().map(|column| column.kind).collect(), lanes };
        Ok(Self {
            metadata: std::iter::once(version(FORMAT_VERSION)).chain(given).collect(),
            descriptor,
            writer,
            limit,
            open: format.cells(),
            open_size: Size::default(),
            format: Arc::new(format),
            group: Size::default(),
            groups: 0,
            checksums: Vec::new(),
        })
    }

    /// As [`new`](Self::new), with row groups of `rows`.
    #[cfg(test)]
    pub(super) fn with_group_rows(columns: &[Column], rows: usize) -> io::Result<Self> {
        Self::with_limit(columns, &[], Size { rows, bytes: GROUP_BYTES })
    }

    /// Puts the rows `range` into the lanes, small blocks together.
    fn put(&mut self, rows: &mut Rows, range: Range<usize>) -> Result<(), ParquetError> {
        if rows.cells.len() != self.open.len() {
            return Err(ParquetError::General("the rows are those of other columns".to_owned()));
        }
        let is_large = range.len() >= OPEN_ROWS / 4;
        if is_large {
            self.put_open()?;
        }
        if is_large && range == (0..rows.len()) {
            return self.format.lanes.append(&mut rows.cells);
        }
        for (open, cells) in self.open.iter_mut().zip(&rows.cells) {
            open.extend(cells, range.clone());
        }
        self.open_size.add(Size { rows: range.len(), bytes: rows.span(&range).len() });
        let limit = Size { rows: OPEN_ROWS, bytes: OPEN_BYTES };
        if self.open_size.reaches(limit) { self.put_open() } else { Ok(()) }
    }

    fn put_open(&mut self) -> Result<(), ParquetError> {
        if mem::take(&mut self.open_size).rows == 0 {
            return Ok(());
        }
        self.format.lanes.append(&mut self.open)
    }

    /// Writes the row group, if it has a row.
    fn end_group(&mut self, alone: bool) -> Result<(), ParquetError> {
        if mem::take(&mut self.group).rows == 0 {
            return Ok(());
        }
        self.put_open()?;
        let mut group = self.writer.next_row_group()?;
        for Closed { bytes, close, checksum } in self.format.lanes.end(alone)? {
            group.append_column(&bytes, close)?;
            self.checksums.push(checksum);
        }
        group.close()?;
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
        let metadata = self.metadata.iter().cloned().chain(checksums::pairs(&self.checksums)).collect();
        let (created_by, metadata) = (Some(CREATED_BY.to_owned()), Some(metadata));
        let file = FileMetaData::new(1, rows, created_by, metadata, self.descriptor.clone(), None);
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &ParquetMetaData::new(file, groups)).finish()?;
        checksums::seal(&mut footer)?;
        Ok(footer)
    }
}

impl Encoder for Parquet {
    fn format(&self) -> Arc<dyn RowFormat> {
        Arc::<ParquetRows>::clone(&self.format)
    }

    fn holds_rows(&self) -> bool {
        true
    }

    fn start(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.hand_on(chunk).map_err(io::Error::other)
    }

    fn fits(&self, rows: &Rows, start: usize) -> usize {
        let (left, before) = (rows.len() - start, rows.span(&(0..start)).len());
        let free = self.limit.bytes.saturating_sub(self.group.bytes);
        // The row that reaches the limit is the group's last.
        let by_bytes = rows.ends[start..].partition_point(|end| end - before < free) + 1;
        left.min(by_bytes).min(self.limit.rows - self.group.rows)
    }

    fn append(&mut self, rows: &mut Rows, range: Range<usize>, chunk: &mut Chunk) -> io::Result<()> {
        self.group.add(Size { rows: range.len(), bytes: rows.span(&range).len() });
        self.put(rows, range).map_err(io::Error::other)?;
        if !self.group.reaches(self.limit) {
            return Ok(());
        }
        self.end_group(false).and_then(|()| self.hand_on(chunk)).map_err(io::Error::other)
    }

    /// Ends the row group, if it has a row.
    fn checkpoint(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.end(chunk)
    }

    fn end(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.end_group(true).and_then(|()| self.hand_on(chunk)).map_err(io::Error::other)
    }
}

impl fmt::Debug for Parquet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parquet")
            .field("schema", self.descriptor.root_schema())
            .field("group", &self.group)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
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
fn version(version: &str) -> KeyValue {
    KeyValue::new(VERSION_KEY.to_owned(), version.to_owned())
}

/// What the writer of a file said about it.
pub(super) struct Said {
    /// Names and texts of whoever had it written.
    pub(super) metadata: Vec<(String, String)>,
    /// Whether the file must have checksums.
    pub(super) is_checked: bool,
}

impl Said {
    /// Takes it from the pairs of a footer; nothing if they are not those of results of a version that is known.
    pub(super) fn of(pairs: &[KeyValue]) -> Option<Self> {
        let is_checked = pairs.contains(&version(FORMAT_VERSION));
        if !is_checked && !pairs.contains(&version(WITHOUT_CHECKSUMS)) {
            return None;
        }
        let own = [VERSION_KEY, checksums::COLUMNS_KEY, checksums::FOOTER_KEY];
        let others = pairs.iter().filter(|pair| !own.contains(&pair.key.as_str()));
        let metadata = others.map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default())).collect();
        Some(Self { metadata, is_checked })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ::parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;
    use crate::results::{encoder::append_all, rows};

    fn check(rows: usize, text: &str, groups: &[i64]) {
        let columns = [Column::new("n", Kind::Integer), Column::new("text", Kind::Text)];
        let (mut encoder, mut chunk) = (Parquet::new(&columns, &[]).unwrap(), Chunk::default());
        let format = encoder.format();
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
            let mut one = Rows::default();
            rows::push(&*format, &mut one, &[Cell::Integer(n as i64), Cell::from(text)]).unwrap();
            append_all(&mut encoder, &mut one, &mut chunk, &mut take).unwrap();
            assert!(encoder.open_size.rows <= OPEN_ROWS && encoder.open_size.bytes <= OPEN_BYTES + text.len());
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
        // A group of 256 MiB ends with the row that reaches them.
        check(90, &"x".repeat(3 << 20), &[86, 4]);
    }
}
