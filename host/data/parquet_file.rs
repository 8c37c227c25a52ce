//! The rows of a Parquet file.
//!
//! Never reads columns that it does not need; never takes a null for a number.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use arrow_array::{
    Array, Float64Array, Int64Array, RecordBatch, StringArray,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::{
    columns::{Columns, TimeColumn},
    error::{DataError, Place},
    options::LoadOptions,
    rows::{Bar, Row, Sheet},
    times::Clock,
};
use crate::model::format_time;

/// Nanoseconds in a day.
const DAY: i64 = 86_400_000_000_000;

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
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| damaged(path, error))?;
    let schema = builder.schema().clone();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let columns = Columns::find(path, &names, options, index_column(&schema))?;
    check_types(path, &schema, &columns)?;
    columns.notes().for_each(|text| sheet.note(text));
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns.all());
    let batches = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|error| damaged(path, error))?;
    let mut clock = Clock::default();
    let mut before = 0;
    for batch in batches {
        let batch = batch.map_err(|error| damaged(path, error))?;
        let table = Table::new(&batch, &schema, &columns).map_err(|error| damaged(path, error))?;
        for at in 0..batch.num_rows() {
            sheet.push(table.row(at, before, stem, &mut clock));
        }
        before += batch.num_rows() as u64;
    }
    Ok(())
}

/// The unnamed index that pandas writes, if it is of times.
fn index_column(schema: &SchemaRef) -> Option<usize> {
    let is_index = |name: &str| name == "__index_level_0__" || name == "index";
    schema.fields().iter().position(|field| {
        is_index(field.name())
            && matches!(field.data_type(), DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
    })
}

/// What a column's values are, under the wrapping of a dictionary.
fn plain(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(plain(kind), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_number(kind: &DataType) -> bool {
    plain(kind).is_numeric()
}

/// Returns the nanoseconds of one unit of a typed time.
fn unit(kind: &DataType) -> Option<i64> {
    let of = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    match plain(kind) {
        DataType::Date32 => Some(DAY),
        DataType::Date64 => Some(1_000_000),
        DataType::Timestamp(each, _) | DataType::Time32(each) | DataType::Time64(each) => Some(of(each)),
        _ => None,
    }
}

fn is_time_of_day(kind: &DataType) -> bool {
    matches!(plain(kind), DataType::Time32(_) | DataType::Time64(_))
}

fn check_types(path: &Path, schema: &SchemaRef, columns: &Columns) -> Result<(), DataError> {
    let check = |at: usize, fits: &dyn Fn(&DataType) -> bool, expected: &'static str| {
        let field = schema.field(at);
        if fits(field.data_type()) {
            return Ok(());
        }
        let (column, found) = (field.name().clone(), field.data_type().to_string());
        Err(DataError::ColumnType { path: path.to_owned(), column, found, expected })
    };
    let is_date = |kind: &DataType| is_text(kind) || unit(kind).is_some() && !is_time_of_day(kind);
    let is_instant = |kind: &DataType| is_date(kind) || plain(kind).is_integer();
    match columns.time {
        TimeColumn::One(at) => check(at, &is_instant, "a date, a timestamp, a text or an integer")?,
        TimeColumn::Pair(date, time) => {
            check(date, &is_date, "a date, a timestamp or a text")?;
            check(time, &|kind| is_text(kind) || is_time_of_day(kind), "a time of day or a text")?;
        }
    }
    let prices = [columns.open, columns.high, columns.low, columns.close];
    for at in prices.into_iter().chain(columns.adjusted).chain(columns.volume) {
        check(at, &is_number, "a number")?;
    }
    columns.symbol.map_or(Ok(()), |at| check(at, &is_text, "a text"))
}

/// Times as a column holds them.
enum Instants {
    Text(StringArray),
    /// Numbers of a unit of so many nanoseconds.
    Typed(Int64Array, i64),
    Epoch(Int64Array),
}

impl Instants {
    fn new(column: &dyn Array) -> Result<Self, ArrowError> {
        let kind = column.data_type();
        if is_text(kind) {
            return Ok(Self::Text(text(column)?));
        }
        Ok(match unit(kind) {
            Some(unit) => Self::Typed(whole(column)?, unit),
            None => Self::Epoch(whole(column)?),
        })
    }

    fn read(&self, at: usize, clock: &mut Clock) -> Result<i64, String> {
        match self {
            Self::Text(values) if values.is_valid(at) => clock.read(values.value(at).trim()),
            Self::Typed(values, unit) if values.is_valid(at) => values
                .value(at)
                .checked_mul(*unit)
                .ok_or_else(|| "the time is out of range; times lie between 1677-09-21 and 2262-04-11".to_owned()),
            Self::Epoch(values) if values.is_valid(at) => clock.read_epoch(values.value(at)),
            _ => Err("the time is null".to_owned()),
        }
    }
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
            Self::Pair(Instants::Text(date), Instants::Text(time)) if date.is_valid(at) && time.is_valid(at) => {
                clock.read_pair(date.value(at).trim(), time.value(at).trim())
            }
            Self::Pair(date, Instants::Text(time)) if time.is_valid(at) => {
                let date = format_time(date.read(at, clock)?);
                Clock::default().read_pair(&date, time.value(at).trim())
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

fn text(column: &dyn Array) -> Result<StringArray, ArrowError> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn whole(column: &dyn Array) -> Result<Int64Array, ArrowError> {
    let values = cast(column, plain(column.data_type()))?;
    let values = match values.data_type() {
        DataType::Date32 | DataType::Time32(_) => cast(&values, &DataType::Int32)?,
        _ => values,
    };
    Ok(cast(&values, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

fn real(column: &dyn Array) -> Result<Float64Array, ArrowError> {
    let values = cast(column, plain(column.data_type()))?;
    Ok(cast(&values, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

/// Numbers under the name of their column.
struct Numbers<'a> {
    name: &'a str,
    values: Float64Array,
}

impl Numbers<'_> {
    fn read(&self, at: usize, faults: &mut Vec<String>) -> f64 {
        if self.values.is_valid(at) {
            let value = self.values.value(at);
            if value.is_finite() {
                return value;
            }
            faults.push(format!("`{}` is {value}, which is not finite", self.name));
        } else {
            faults.push(format!("`{}` is null", self.name));
        }
        f64::NAN
    }
}

/// The columns of a batch in the types of a bar.
struct Table<'a> {
    times: Times,
    open: Numbers<'a>,
    high: Numbers<'a>,
    low: Numbers<'a>,
    close: Numbers<'a>,
    adjusted: Option<Numbers<'a>>,
    volume: Option<Numbers<'a>>,
    symbol: Option<StringArray>,
}

impl<'a> Table<'a> {
    /// Picks the columns, whose indices are those of the file, from a batch that has only what was asked for.
    fn new(batch: &RecordBatch, schema: &'a SchemaRef, columns: &Columns) -> Result<Self, ArrowError> {
        let mut read: Vec<usize> = columns.all().collect();
        read.sort_unstable();
        let column = |at: usize| -> &dyn Array { batch.column(read.partition_point(|other| *other < at)) };
        let numbers = |at: usize| -> Result<Numbers<'a>, ArrowError> {
            Ok(Numbers { name: schema.field(at).name(), values: real(column(at))? })
        };
        Ok(Self {
            times: match columns.time {
                TimeColumn::One(at) => Times::One(Instants::new(column(at))?),
                TimeColumn::Pair(date, time) => Times::Pair(Instants::new(column(date))?, Instants::new(column(time))?),
            },
            open: numbers(columns.open)?,
            high: numbers(columns.high)?,
            low: numbers(columns.low)?,
            close: numbers(columns.close)?,
            adjusted: columns.adjusted.map(numbers).transpose()?,
            volume: columns.volume.map(numbers).transpose()?,
            symbol: columns.symbol.map(|at| text(column(at))).transpose()?,
        })
    }

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
            Some(names) if names.is_valid(at) => names.value(at).trim(),
            Some(_) => "",
        };
        Row { symbol: Some(symbol), place: Place::Row(before + at as u64 + 1), bar, adjusted, faults }
    }
}
