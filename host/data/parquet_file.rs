//! Parquet reader: the rows of a Parquet file.
//!
//! Never reads columns that it does not need; never takes a null for a number.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use parquet::{
    column::reader::ColumnReader,
    errors::ParquetError,
    file::{
        metadata::ParquetMetaData,
        reader::{FileReader, RowGroupReader},
        serialized_reader::SerializedFileReader,
    },
    schema::types::Type,
};

use super::{
    arrow_schema::arrow_columns,
    columns::{Columns, TimeColumn},
    error::{DataError, Location},
    options::LoadOptions,
    parquet_types::{ColumnType, DAY, Meaning},
    parquet_values::{self, Nullable, Texts},
    rows::{Bar, Row, Sheet},
    times::Clock,
};
use crate::model::format_time;

/// Rows that are decoded at a time.
const BATCH: usize = 8192;

/// Adds every row of `bytes` to `sheet`. `stem` names the instrument where no column does.
pub(super) fn read(
    path: &Path,
    bytes: Bytes,
    stem: &str,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(), DataError> {
    // The library panics on some damaged files. What is half read then is never looked at again.
    let read = AssertUnwindSafe(|| read_rows(path, bytes, stem, options, sheet));
    catch_unwind(read).unwrap_or_else(|_| Err(damaged(path, "the file is damaged; write or download it again")))
}

fn damaged(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> DataError {
    DataError::Parquet { path: path.to_owned(), source: source.into() }
}

fn read_rows(path: &Path, bytes: Bytes, stem: &str, options: &LoadOptions, sheet: &mut Sheet) -> Result<(), DataError> {
    // The text of the error holds those of its causes.
    let damaged = |error: ParquetError| damaged(path, error.to_string());
    let file = SerializedFileReader::new(bytes).map_err(damaged)?;
    let fields = fields(file.metadata()).map_err(damaged)?;
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let columns = Columns::find(path, &names, options, index_column(&fields))?;
    check_types(path, &fields, &columns)?;
    columns.notes().for_each(|text| sheet.note(text));
    let mut clock = Clock::default();
    let mut before = 0;
    for at in 0..file.num_row_groups() {
        let group = file.get_row_group(at).map_err(damaged)?;
        let mut open = Group::open(&*group, &fields, &columns).map_err(damaged)?;
        while let Some(table) = open.read(&columns).map_err(damaged)? {
            for at in 0..table.rows {
                sheet.push(table.row(at, before, stem, &mut clock));
            }
            before += table.rows as u64;
        }
    }
    Ok(())
}

/// A column of the file.
#[derive(Debug)]
struct Field {
    name: String,
    kind: ColumnType,
    /// Where its values are; none where it is nested.
    leaf: Option<usize>,
}

fn fields(metadata: &ParquetMetaData) -> Result<Vec<Field>, ParquetError> {
    let schema = metadata.file_metadata().schema_descr();
    let arrow = arrow_columns(metadata.file_metadata().key_value_metadata())?;
    let leaf_of = |root| (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == root);
    let field = |(at, column): (usize, &Arc<Type>)| {
        let name = column.name();
        let known = arrow.get(at).filter(|(known, _)| known == name).and_then(|(_, kind)| *kind);
        let leaf = if column.is_primitive() { leaf_of(at) } else { None };
        Field { name: name.to_owned(), kind: ColumnType::of(column, known), leaf }
    };
    Ok(schema.root_schema().get_fields().iter().enumerate().map(field).collect())
}

/// The unnamed index that pandas writes, if it is of times.
fn index_column(fields: &[Field]) -> Option<usize> {
    let is_index = |name: &str| name == "__index_level_0__" || name == "index";
    fields.iter().position(|field| is_index(&field.name) && matches!(field.kind.meaning, Meaning::Instant(_)))
}

fn check_types(path: &Path, fields: &[Field], columns: &Columns) -> Result<(), DataError> {
    let check = |at: usize, fits: &dyn Fn(Meaning) -> bool, expected: &'static str| {
        let field: &Field = &fields[at];
        if fits(field.kind.meaning) {
            return Ok(());
        }
        let (column, found) = (field.name.clone(), field.kind.name.clone());
        Err(DataError::ColumnType { path: path.to_owned(), column, found, expected })
    };
    let is_date = |meaning| matches!(meaning, Meaning::Text | Meaning::Instant(_));
    let is_instant = |meaning| is_date(meaning) || matches!(meaning, Meaning::Integer(_));
    let is_time_of_day = |meaning| matches!(meaning, Meaning::Text | Meaning::TimeOfDay(_));
    match columns.time {
        TimeColumn::One(at) => check(at, &is_instant, "a date, a timestamp, a text or an integer")?,
        TimeColumn::Pair(date, time) => {
            check(date, &is_date, "a date, a timestamp or a text")?;
            check(time, &is_time_of_day, "a time of day or a text")?;
        }
    }
    let prices = [columns.open, columns.high, columns.low, columns.close];
    for at in prices.into_iter().chain(columns.adjusted).chain(columns.volume) {
        check(at, &Meaning::is_number, "a number")?;
    }
    columns.symbol.map_or(Ok(()), |at| check(at, &|meaning| meaning == Meaning::Text, "a text"))
}

/// Times as a column holds them.
enum Instants {
    Text(Texts),
    /// Numbers of a unit of so many nanoseconds.
    Typed(Nullable<i64>, i64),
    /// Nanoseconds, which may be out of range.
    Wide(Nullable<i128>),
    Epoch(Nullable<i64>),
}

impl Instants {
    fn read(&self, at: usize, clock: &mut Clock) -> Result<i64, String> {
        let found = match self {
            Self::Text(values) => values.get(at).map(|text| clock.read(text.trim())),
            Self::Typed(values, unit) => values.get(at).map(|value| value.checked_mul(*unit).ok_or_else(out_of_range)),
            Self::Wide(values) => values.get(at).map(|value| i64::try_from(*value).map_err(|_| out_of_range())),
            Self::Epoch(values) => values.get(at).map(|value| clock.read_epoch(*value)),
        };
        found.unwrap_or_else(|| Err("the time is null".to_owned()))
    }
}

fn out_of_range() -> String {
    "the time is out of range; times lie between 1677-09-21 and 2262-04-11".to_owned()
}

/// The times of a batch: in one column, or in two.
enum Times {
    One(Instants),
    Pair(Instants, Instants),
}

impl Times {
    fn read(&self, at: usize, clock: &mut Clock) -> Result<i64, String> {
        match self {
            Self::One(instants) => instants.read(at, clock),
            Self::Pair(Instants::Text(date), Instants::Text(time))
                if let (Some(date), Some(time)) = (date.get(at), time.get(at)) =>
            {
                clock.read_pair(date.trim(), time.trim())
            }
            Self::Pair(date, Instants::Text(time)) if let Some(time) = time.get(at) => {
                let date = format_time(date.read(at, clock)?);
                Clock::default().read_pair(&date, time.trim())
            }
            Self::Pair(date, time) => {
                let (date, time) = (date.read(at, clock)?, time.read(at, clock)?);
                if date % DAY != 0 {
                    let date = format_time(date);
                    return Err(format!("the date has a time of day, {date}, beside the column of times"));
                }
                date.checked_add(time).ok_or_else(|| "the time is out of range".to_owned())
            }
        }
    }
}

/// A row group that is being read: the columns that bars are made of.
struct Group<'a> {
    fields: &'a [Field],
    /// By the place of the field.
    open: Vec<(usize, ColumnReader)>,
    /// Rows that are not read yet.
    left: usize,
}

impl<'a> Group<'a> {
    fn open(group: &dyn RowGroupReader, fields: &'a [Field], columns: &Columns) -> Result<Self, ParquetError> {
        let open = |at: usize| {
            let leaf = fields[at].leaf.ok_or_else(|| ParquetError::General("a column has no values".to_owned()))?;
            Ok((at, group.get_column_reader(leaf)?))
        };
        let left = usize::try_from(group.metadata().num_rows());
        let left = left.map_err(|error| ParquetError::External(error.into()))?;
        Ok(Self { fields, open: columns.all().map(open).collect::<Result<_, ParquetError>>()?, left })
    }

    /// Returns the next rows, or nothing at the end of the group.
    fn read(&mut self, columns: &Columns) -> Result<Option<Table<'a>>, ParquetError> {
        if self.left == 0 {
            self.open.iter_mut().try_for_each(|(_, column)| parquet_values::check_end(column))?;
            return Ok(None);
        }
        let rows = self.left.min(BATCH);
        self.left -= rows;
        let times = match columns.time {
            TimeColumn::One(at) => Times::One(self.instants(at, rows)?),
            TimeColumn::Pair(date, time) => Times::Pair(self.instants(date, rows)?, self.instants(time, rows)?),
        };
        Ok(Some(Table {
            rows,
            times,
            open: self.numbers(columns.open, rows)?,
            high: self.numbers(columns.high, rows)?,
            low: self.numbers(columns.low, rows)?,
            close: self.numbers(columns.close, rows)?,
            adjusted: columns.adjusted.map(|at| self.numbers(at, rows)).transpose()?,
            volume: columns.volume.map(|at| self.numbers(at, rows)).transpose()?,
            symbol: columns.symbol.map(|at| parquet_values::texts(self.column(at)?.0, rows)).transpose()?,
        }))
    }

    fn column(&mut self, at: usize) -> Result<(&mut ColumnReader, &'a Field), ParquetError> {
        let field = &self.fields[at];
        let found = self.open.iter_mut().find(|(place, _)| *place == at);
        let (_, reader) = found.ok_or_else(|| ParquetError::General("a column is not open".to_owned()))?;
        Ok((reader, field))
    }

    fn numbers(&mut self, at: usize, rows: usize) -> Result<Numbers<'a>, ParquetError> {
        let (column, field) = self.column(at)?;
        Ok(Numbers { name: &field.name, values: parquet_values::numbers(column, field.kind.meaning, rows)? })
    }

    fn instants(&mut self, at: usize, rows: usize) -> Result<Instants, ParquetError> {
        let (column, field) = self.column(at)?;
        let meaning = field.kind.meaning;
        Ok(match meaning {
            Meaning::Text => Instants::Text(parquet_values::texts(column, rows)?),
            Meaning::Instant(_) if matches!(column, ColumnReader::Int96ColumnReader(_)) => {
                Instants::Wide(parquet_values::times96(column, rows)?)
            }
            Meaning::Instant(unit) | Meaning::TimeOfDay(unit) => {
                Instants::Typed(parquet_values::wholes(column, meaning, rows)?, unit)
            }
            _ => Instants::Epoch(parquet_values::wholes(column, meaning, rows)?),
        })
    }
}

/// Numbers under the name of their column.
struct Numbers<'a> {
    name: &'a str,
    values: Nullable<f64>,
}

impl Numbers<'_> {
    fn read(&self, at: usize, faults: &mut Vec<String>) -> f64 {
        match self.values.get(at) {
            Some(value) if value.is_finite() => return *value,
            Some(value) => faults.push(format!("`{}` is {value}, which is not finite", self.name)),
            None => faults.push(format!("`{}` is null", self.name)),
        }
        f64::NAN
    }
}

/// Some rows of a file, in the types of a bar.
struct Table<'a> {
    rows: usize,
    times: Times,
    open: Numbers<'a>,
    high: Numbers<'a>,
    low: Numbers<'a>,
    close: Numbers<'a>,
    adjusted: Option<Numbers<'a>>,
    volume: Option<Numbers<'a>>,
    symbol: Option<Texts>,
}

impl Table<'_> {
    fn row<'r>(&'r self, at: usize, before: u64, stem: &'r str, clock: &mut Clock) -> Row<'r> {
        let mut faults = Vec::new();
        let time = self.times.read(at, clock).unwrap_or_else(|fault| {
            faults.push(fault);
            0
        });
        let mut number = |numbers: &Numbers<'_>| numbers.read(at, &mut faults);
        let bar = Bar {
            time,
            open: number(&self.open),
            high: number(&self.high),
            low: number(&self.low),
            close: number(&self.close),
            volume: self.volume.as_ref().map_or(0.0, &mut number),
        };
        let adjusted = self.adjusted.as_ref().map(number);
        let symbol = match &self.symbol {
            None => stem,
            Some(names) => names.get(at).unwrap_or_default().trim(),
        };
        Row { symbol: Some(symbol), place: Location::Row(before + at as u64 + 1), bar, adjusted, faults }
    }
}
