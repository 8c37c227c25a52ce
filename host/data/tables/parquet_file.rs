//! Parquet reader: the columns of a Parquet file as a table.
//!
//! Never knows what a column is for.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use parquet::{
    basic::Compression,
    column::reader::ColumnReader,
    file::{
        metadata::{KeyValue, ParquetMetaData},
        reader::FileReader as _,
        serialized_reader::SerializedFileReader,
        statistics::Statistics,
    },
    schema::types::Type,
};

use crate::data::{
    error::DataError,
    options::LoadOptions,
    several::Others,
    sheet::Sheet,
    tables::{
        arrow_schema::{ArrowType, arrow_columns},
        parquet_types::column_type,
        parquet_values,
        table::{self, Part, Table, damaged, guarded},
        types::Field,
        values::{Damage, Values},
    },
};

/// Adds every row of `bytes` to `sheet`. `stem` names the instrument where no column does.
pub(crate) fn read(
    path: &Path,
    bytes: Bytes,
    stem: &str,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(), DataError> {
    guarded::<ParquetTable, _>(path, || table::read(path, &ParquetTable::open(path, bytes)?, stem, options, sheet))
}

/// The text that a file keeps under a key.
pub(crate) fn metadata(path: &Path, bytes: Bytes, key: &str) -> Result<Option<String>, DataError> {
    guarded::<ParquetTable, _>(path, || Ok(ParquetTable::open(path, bytes)?.metadata(key)))
}

/// The names of all instruments, for a message.
pub(crate) fn symbols(path: &Path, bytes: Bytes, options: &LoadOptions) -> Result<Vec<String>, DataError> {
    guarded::<ParquetTable, _>(path, || table::symbols(path, &ParquetTable::open(path, bytes)?, options))
}

/// Reads the times and the columns that bars are not made of.
pub(crate) fn others(path: &Path, bytes: Bytes, options: &LoadOptions) -> Result<Others, DataError> {
    guarded::<ParquetTable, _>(path, || table::others(path, &ParquetTable::open(path, bytes)?, options))
}

/// A Parquet file, and its length in bytes.
struct ParquetTable(SerializedFileReader<Bytes>, usize);

impl ParquetTable {
    fn open(path: &Path, bytes: Bytes) -> Result<Self, DataError> {
        let lack = match bytes.last_chunk::<4>() {
            Some(b"PAR1") => None,
            Some(b"PARE") => Some("it is encrypted; write it without encryption"),
            _ => Some("the file is cut off; write or download it again"),
        };
        let size = bytes.len();
        let found = match lack {
            Some(lack) => Err(Damage::new(lack)),
            None => SerializedFileReader::new(bytes).map_err(Damage::from),
        };
        found.map(|reader| Self(reader, size)).map_err(|damage| damaged::<Self>(path, damage))
    }
}

impl Table for ParquetTable {
    type Part<'a> = Group<'a>;

    const FORMAT: &'static str = "Parquet";

    fn fields(&self) -> Result<Vec<Field>, Damage> {
        fields(self.0.metadata())
    }

    fn metadata(&self, key: &str) -> Option<String> {
        let pairs = self.0.metadata().file_metadata().key_value_metadata()?;
        let of = |pair: &KeyValue| if pair.key == key { pair.value.clone() } else { None };
        pairs.iter().find_map(of)
    }

    fn parts(&self) -> usize {
        self.0.num_row_groups()
    }

    fn size(&self) -> usize {
        self.1
    }

    fn rows(&self, part: usize) -> Result<usize, Damage> {
        usize::try_from(self.0.metadata().row_group(part).num_rows())
            .map_err(|_| Damage::new("a row group has fewer rows than none"))
    }

    /// Whether the statistics of a row group say that it has none of the instruments.
    fn lacks(&self, part: usize, leaf: usize, symbols: &[String]) -> bool {
        let statistics = self.0.metadata().row_group(part).column(leaf).statistics();
        let Some(Statistics::ByteArray(values)) = statistics.filter(|values| !values.is_min_max_deprecated()) else {
            return false;
        };
        let (Some(least), Some(most)) = (values.min_opt(), values.max_opt()) else { return false };
        // Names are read without the blanks around them, of which statistics know nothing.
        if [least, most].iter().any(|name| name.data().trim_ascii() != name.data()) {
            return false;
        }
        let is_within = |symbol: &String| least.data() <= symbol.as_bytes() && symbol.as_bytes() <= most.data();
        !symbols.iter().any(is_within)
    }

    fn open<'a>(&'a self, part: usize, fields: &'a [Field], columns: &[usize]) -> Result<Group<'a>, Damage> {
        let group = self.0.get_row_group(part)?;
        let open = |at: &usize| {
            let leaf = fields[*at].leaf.ok_or_else(|| Damage::new("a column has no values"))?;
            if group.metadata().column(leaf).compression() == Compression::LZO {
                let name = &fields[*at].name;
                return Err(Damage::new(format!("column `{name}` is packed with LZO; write the file with zstd")));
            }
            Ok((*at, group.get_column_reader(leaf)?))
        };
        Ok(Group { fields, open: columns.iter().map(open).collect::<Result<_, Damage>>()? })
    }
}

fn fields(metadata: &ParquetMetaData) -> Result<Vec<Field>, Damage> {
    let schema = metadata.file_metadata().schema_descr();
    let arrow = arrow_columns(metadata.file_metadata().key_value_metadata())?;
    let leaf_of = |root| (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == root);
    let field = |(at, column): (usize, &Arc<Type>)| {
        let name = column.name();
        let known = arrow.get(at).filter(|known| known.name == name).cloned().unwrap_or_default();
        let leaf = if column.is_primitive() { leaf_of(at) } else { None };
        let mut kind = column_type(column, &known);
        if matches!(known.kind, Some(ArrowType::Stamp(_))) {
            kind.is_local = known.zone.is_none();
        }
        Field { name: name.to_owned(), kind, leaf, zone: known.zone }
    };
    Ok(schema.root_schema().get_fields().iter().enumerate().map(field).collect())
}

/// The columns of a row group that are being read.
struct Group<'a> {
    fields: &'a [Field],
    /// By the place of the field.
    open: Vec<(usize, ColumnReader)>,
}

impl Group<'_> {
    fn column(&mut self, at: usize) -> Result<&mut ColumnReader, Damage> {
        let found = self.open.iter_mut().find(|(place, _)| *place == at);
        found.map(|(_, reader)| reader).ok_or_else(|| Damage::new("a column is not open"))
    }
}

impl Part for Group<'_> {
    fn values(&mut self, at: usize, rows: usize) -> Result<Values, Damage> {
        let meaning = self.fields[at].kind.meaning;
        parquet_values::values(self.column(at)?, meaning, rows)
    }

    fn skip(&mut self, at: usize, rows: usize) -> Result<(), Damage> {
        parquet_values::skip(self.column(at)?, rows)
    }

    fn end(&mut self) -> Result<(), Damage> {
        self.open.iter_mut().try_for_each(|(_, column)| parquet_values::check_end(column))
    }
}
