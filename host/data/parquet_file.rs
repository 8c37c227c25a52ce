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
use indexmap::IndexSet;
use parquet::{
    column::reader::ColumnReader,
    errors::ParquetError,
    file::{
        metadata::ParquetMetaData,
        reader::{FileReader, RowGroupReader},
        serialized_reader::SerializedFileReader,
        statistics::Statistics,
    },
    schema::types::Type,
};

use super::{
    arrow_schema::{ArrowType, arrow_columns},
    columns::{Columns, TimeColumn},
    error::{DataError, Location},
    options::LoadOptions,
    parquet_types::{ColumnType, DAY, Meaning},
    parquet_values::{self, Nullable, Texts},
    rows::{Bar, Row},
    several::{OtherColumn, Others},
    sheet::Sheet,
    times::{Clock, Stamps},
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
    if columns.symbol.is_none() && !sheet.is_wanted {
        sheet.skipped.insert(stem.to_owned());
        return Ok(());
    }
    columns.notes.iter().for_each(|text| sheet.note(text.clone()));
    sheet.is_named |= columns.symbol.is_some();
    sheet.has_volume = columns.volume.is_some();
    let mut clock = Clock::default();
    let mut before = 0;
    for at in 0..file.num_row_groups() {
        let group = file.get_row_group(at).map_err(damaged)?;
        if passes(&*group, &fields, &columns, options) {
            sheet.is_partial = true;
            before += u64::try_from(group.metadata().num_rows()).unwrap_or_default();
            continue;
        }
        let mut open = Group::open(&*group, &fields, columns.all()).map_err(damaged)?;
        while let Some(batch) = open.read(&columns, options).map_err(damaged)? {
            sheet.skipped.extend(batch.skipped);
            if let Some(table) = &batch.table {
                batch.wanted.iter().for_each(|at| sheet.push(table.row(*at, before, stem, &mut clock)));
            }
            before += batch.rows as u64;
        }
    }
    sheet.stamps = stamps(&fields, &columns, &clock);
    if sheet.stamps == Stamps::Moments {
        settle_zone(&fields, &columns, sheet);
    }
    match clock.doubt() {
        Some(problem) => Err(DataError::Times { path: path.to_owned(), problem }),
        None => Ok(()),
    }
}

/// Whether the statistics of a row group say that it has none of the instruments that are asked for.
fn passes(group: &dyn RowGroupReader, fields: &[Field], columns: &Columns, options: &LoadOptions) -> bool {
    let leaf = columns.symbol.and_then(|at| fields[at].leaf).filter(|_| !options.symbols.is_empty());
    let statistics = leaf.and_then(|leaf| group.metadata().column(leaf).statistics());
    let Some(Statistics::ByteArray(values)) = statistics.filter(|values| !values.is_min_max_deprecated()) else {
        return false;
    };
    let (Some(least), Some(most)) = (values.min_opt(), values.max_opt()) else { return false };
    let is_within = |symbol: &String| least.data() <= symbol.as_bytes() && symbol.as_bytes() <= most.data();
    !options.symbols.iter().any(is_within)
}

/// What the times are: as the type of their column says, or their texts.
fn stamps(fields: &[Field], columns: &Columns, clock: &Clock) -> Stamps {
    match columns.time {
        TimeColumn::One(at) => match fields[at].kind {
            ColumnType { meaning: Meaning::Instant(_), is_local, .. } if is_local => Stamps::Local,
            ColumnType { meaning: Meaning::Instant(_), .. } => Stamps::Moments,
            _ => clock.stamps(),
        },
        // Nothing is read by the clock where both are typed.
        TimeColumn::Pair(..) => clock.stamps(),
    }
}

/// Keeps the zone of the column of times.
fn settle_zone(fields: &[Field], columns: &Columns, sheet: &mut Sheet) {
    let TimeColumn::One(at) = columns.time else { return };
    let Some(name) = &fields[at].zone else { return };
    match name.parse() {
        Ok(zone) => sheet.zone = Some(zone),
        Err(problem) => {
            sheet.note(format!("has times of a zone that is not known, so days are those of UTC: {problem}"))
        }
    }
}

/// The names of all instruments, for a message.
pub(super) fn symbols(path: &Path, bytes: Bytes, options: &LoadOptions) -> Result<Vec<String>, DataError> {
    let damaged = |error: ParquetError| damaged(path, error.to_string());
    let file = SerializedFileReader::new(bytes).map_err(damaged)?;
    let fields = fields(file.metadata()).map_err(damaged)?;
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let columns = Columns::find(path, &names, options, index_column(&fields))?;
    let Some(at) = columns.symbol else { return Ok(Vec::new()) };
    let mut found = IndexSet::new();
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group).map_err(damaged)?;
        let mut open = Group::open(&*group, &fields, [at].into_iter()).map_err(damaged)?;
        while open.left > 0 {
            let rows = open.next_batch();
            let names = open.names(at, rows).map_err(damaged)?;
            (0..rows).filter_map(|row| names.get(row)).for_each(|name| {
                if !found.contains(name) {
                    found.insert(name.to_owned());
                }
            });
        }
    }
    Ok(found.into_iter().collect())
}

/// Reads the times and the columns that bars are not made of.
pub(super) fn others(path: &Path, bytes: Bytes, options: &LoadOptions) -> Result<Others, DataError> {
    let damaged = |error: ParquetError| damaged(path, error.to_string());
    let file = SerializedFileReader::new(bytes).map_err(damaged)?;
    let fields = fields(file.metadata()).map_err(damaged)?;
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let columns = Columns::find(path, &names, options, index_column(&fields))?;
    let used: Vec<usize> = columns.all().collect();
    let is_name = |meaning| matches!(meaning, Meaning::Text | Meaning::Integer(_));
    let unused = |at: &usize| !used.contains(at) && is_name(fields[*at].kind.meaning) && fields[*at].leaf.is_some();
    let unused: Vec<usize> = (0..fields.len()).filter(unused).collect();
    let mut found = Others::default();
    found.columns.extend(unused.iter().map(|at| OtherColumn::new(&fields[*at].name)));
    let mut clock = Clock::default();
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group).map_err(damaged)?;
        let open = unused.iter().copied().chain(columns.times());
        let mut open = Group::open(&*group, &fields, open).map_err(damaged)?;
        while open.left > 0 {
            let rows = open.next_batch();
            let times = open.times(&columns, rows).map_err(damaged)?;
            let texts =
                unused.iter().map(|at| open.names(*at, rows)).collect::<Result<Vec<_>, _>>().map_err(damaged)?;
            for row in 0..rows {
                let Ok(time) = times.read(row, &mut clock) else { continue };
                found.times.push(time);
                let texts = texts.iter().map(|texts| texts.get(row).unwrap_or_default());
                found.columns.iter_mut().zip(texts).for_each(|(column, text)| column.push(text));
            }
        }
    }
    Ok(found)
}

/// A column of the file.
#[derive(Debug)]
struct Field {
    name: String,
    kind: ColumnType,
    /// Where its values are; none where it is nested.
    leaf: Option<usize>,
    /// The zone of its times.
    zone: Option<String>,
}

fn fields(metadata: &ParquetMetaData) -> Result<Vec<Field>, ParquetError> {
    let schema = metadata.file_metadata().schema_descr();
    let arrow = arrow_columns(metadata.file_metadata().key_value_metadata())?;
    let leaf_of = |root| (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == root);
    let field = |(at, column): (usize, &Arc<Type>)| {
        let name = column.name();
        let known = arrow.get(at).filter(|known| known.name == name).cloned().unwrap_or_default();
        let leaf = if column.is_primitive() { leaf_of(at) } else { None };
        let mut kind = ColumnType::of(column, known.kind);
        if matches!(known.kind, Some(ArrowType::Instant(_))) {
            kind.is_local = known.zone.is_none();
        }
        Field { name: name.to_owned(), kind, leaf, zone: known.zone }
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
    let is_name = |meaning| matches!(meaning, Meaning::Text | Meaning::Integer(_));
    columns.symbol.map_or(Ok(()), |at| check(at, &is_name, "a text or an integer"))
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
                clock.read_pair(&date, time.trim())
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
    fn open(
        group: &dyn RowGroupReader,
        fields: &'a [Field],
        columns: impl Iterator<Item = usize>,
    ) -> Result<Self, ParquetError> {
        let open = |at: usize| {
            let leaf = fields[at].leaf.ok_or_else(|| ParquetError::General("a column has no values".to_owned()))?;
            Ok((at, group.get_column_reader(leaf)?))
        };
        let left = usize::try_from(group.metadata().num_rows());
        let left = left.map_err(|error| ParquetError::External(error.into()))?;
        Ok(Self { fields, open: columns.map(open).collect::<Result<_, ParquetError>>()?, left })
    }

    /// The number of the next rows, which are to be read of every column.
    fn next_batch(&mut self) -> usize {
        let rows = self.left.min(BATCH);
        self.left -= rows;
        rows
    }

    /// Returns the next rows, or nothing at the end of the group.
    fn read(&mut self, columns: &Columns, options: &LoadOptions) -> Result<Option<Batch<'a>>, ParquetError> {
        if self.left == 0 {
            self.open.iter_mut().try_for_each(|(_, column)| parquet_values::check_end(column))?;
            return Ok(None);
        }
        let rows = self.next_batch();
        let symbol = columns.symbol.map(|at| self.names(at, rows)).transpose()?;
        let (wanted, skipped) = wanted(symbol.as_ref(), rows, options);
        if wanted.is_empty() {
            let mut others = self.open.iter_mut().filter(|(at, _)| Some(*at) != columns.symbol);
            others.try_for_each(|(_, column)| parquet_values::skip(column, rows))?;
            return Ok(Some(Batch { rows, table: None, wanted, skipped }));
        }
        let table = Table {
            times: self.times(columns, rows)?,
            open: self.numbers(columns.open, rows)?,
            high: self.numbers(columns.high, rows)?,
            low: self.numbers(columns.low, rows)?,
            close: self.numbers(columns.close, rows)?,
            adjusted: columns.adjusted.map(|at| self.numbers(at, rows)).transpose()?,
            volume: columns.volume.map(|at| self.numbers(at, rows)).transpose()?,
            ticks: columns.ticks.map(|at| self.numbers(at, rows)).transpose()?,
            symbol,
        };
        Ok(Some(Batch { rows, table: Some(table), wanted, skipped }))
    }

    fn times(&mut self, columns: &Columns, rows: usize) -> Result<Times, ParquetError> {
        Ok(match columns.time {
            TimeColumn::One(at) => Times::One(self.instants(at, rows)?),
            TimeColumn::Pair(date, time) => Times::Pair(self.instants(date, rows)?, self.instants(time, rows)?),
        })
    }

    fn names(&mut self, at: usize, rows: usize) -> Result<Texts, ParquetError> {
        let (column, field) = self.column(at)?;
        parquet_values::names(column, field.kind.meaning, rows)
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

/// Rows that are read together.
struct Batch<'a> {
    rows: usize,
    /// The rows; none where no row is wanted.
    table: Option<Table<'a>>,
    /// The rows that are wanted.
    wanted: Vec<usize>,
    /// Instruments that are not.
    skipped: IndexSet<String>,
}

/// The rows of the instruments that are asked for, and the other instruments.
fn wanted(symbol: Option<&Texts>, rows: usize, options: &LoadOptions) -> (Vec<usize>, IndexSet<String>) {
    let Some(names) = symbol.filter(|_| !options.symbols.is_empty()) else {
        return ((0..rows).collect(), IndexSet::new());
    };
    let (mut wanted, mut skipped) = (Vec::new(), IndexSet::new());
    let mut last = ("", false);
    for row in 0..rows {
        let name = names.get(row).unwrap_or_default().trim();
        if name != last.0 {
            last = (name, !skipped.contains(name) && options.wants(name));
        }
        if last.1 {
            wanted.push(row);
        } else if skipped.last().is_none_or(|other| other != name) {
            skipped.insert(name.to_owned());
        }
    }
    (wanted, skipped)
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
    times: Times,
    open: Numbers<'a>,
    high: Numbers<'a>,
    low: Numbers<'a>,
    close: Numbers<'a>,
    adjusted: Option<Numbers<'a>>,
    volume: Option<Numbers<'a>>,
    ticks: Option<Numbers<'a>>,
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
        // Whether it is used is known at the end only.
        let ticks = self.ticks.as_ref().map(|ticks| ticks.values.get(at).copied().unwrap_or(f64::NAN));
        let symbol = match &self.symbol {
            None => stem,
            Some(names) => names.get(at).unwrap_or_default().trim(),
        };
        let place = Location::Row(before + at as u64 + 1);
        Row { symbol: Some(symbol), place, bar, adjusted, ticks, lacks_volume: false, offset: clock.offset(), faults }
    }
}
