//! Values of Parquet columns: numbers, whole numbers and texts, with their nulls.
//!
//! Never knows what a column is for.

use std::ops::Range;

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{DataType, Int96},
    errors::ParquetError,
};

use super::parquet_types::{DAY, Meaning, Width};

/// Values of some rows, a stand-in where one is null.
#[derive(Debug)]
pub(super) struct Nullable<T> {
    values: Vec<T>,
    /// Whether each row has a value; empty where all have.
    valid: Vec<bool>,
}

impl<T> Nullable<T> {
    /// The value of a row, if it is not null.
    pub(super) fn get(&self, row: usize) -> Option<&T> {
        (self.valid.is_empty() || self.valid[row]).then(|| &self.values[row])
    }
}

/// Values as a file holds them: nulls take no place.
struct Dense<T> {
    values: Vec<T>,
    /// Whether each row has a value; empty where all have.
    valid: Vec<bool>,
}

impl<T: Default> Dense<T> {
    /// Gives each row its place.
    fn spread(self) -> Nullable<T> {
        let Self { values, valid } = self;
        if valid.is_empty() {
            return Nullable { values, valid };
        }
        let mut values = values.into_iter();
        let in_row = |valid: &bool| if *valid { values.next().unwrap_or_default() } else { T::default() };
        Nullable { values: valid.iter().map(in_row).collect(), valid }
    }
}

impl<T> Dense<T> {
    fn map<U: Default>(self, convert: impl FnMut(T) -> U) -> Nullable<U> {
        Dense { values: self.values.into_iter().map(convert).collect(), valid: self.valid }.spread()
    }

    /// Converts each value, to a null where it has no equal.
    fn map_fitting<U: Default + Copy>(self, convert: impl Fn(T) -> Option<U>) -> Nullable<U> {
        let Nullable { values, valid } = self.map(convert);
        if values.iter().all(Option::is_some) {
            return Nullable { values: values.into_iter().flatten().collect(), valid };
        }
        let valid = values.iter().map(Option::is_some).collect();
        Nullable { values: values.into_iter().map(Option::unwrap_or_default).collect(), valid }
    }
}

/// Texts of some rows.
#[derive(Debug)]
pub(super) struct Texts {
    text: String,
    places: Nullable<Range<usize>>,
}

impl Texts {
    /// The text of a row, if it is not null.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        self.places.get(row).map(|place| &self.text[place.clone()])
    }
}

/// Reads `rows` rows of numbers.
pub(super) fn numbers(column: &mut ColumnReader, meaning: Meaning, rows: usize) -> Result<Nullable<f64>, ParquetError> {
    Ok(match (column, meaning) {
        (ColumnReader::DoubleColumnReader(reader), _) => read(reader, rows)?.spread(),
        (ColumnReader::FloatColumnReader(reader), _) => read(reader, rows)?.map(f64::from),
        (ColumnReader::Int32ColumnReader(reader), Meaning::Integer(width)) => {
            read(reader, rows)?.map(|value| widened(value.into(), width) as f64)
        }
        (ColumnReader::Int64ColumnReader(reader), Meaning::Integer(width)) => {
            read(reader, rows)?.map(|value| widened(value, width) as f64)
        }
        (ColumnReader::Int32ColumnReader(reader), Meaning::Decimal(scale)) => {
            read(reader, rows)?.map(|value| decimal(value.into(), scale))
        }
        (ColumnReader::Int64ColumnReader(reader), Meaning::Decimal(scale)) => {
            read(reader, rows)?.map(|value| decimal(value.into(), scale))
        }
        (ColumnReader::ByteArrayColumnReader(reader), Meaning::Decimal(scale)) => {
            read(reader, rows)?.map(|value| decimal_of_bytes(value.data(), scale))
        }
        (ColumnReader::FixedLenByteArrayColumnReader(reader), Meaning::Decimal(scale)) => {
            read(reader, rows)?.map(|value| decimal_of_bytes(value.data(), scale))
        }
        (ColumnReader::FixedLenByteArrayColumnReader(reader), Meaning::Half) => {
            read(reader, rows)?.map(|value| half(value.data()))
        }
        _ => return Err(unfit()),
    })
}

/// Reads `rows` rows of whole numbers. One above 2^63 - 1, which no time is, is null.
pub(super) fn wholes(column: &mut ColumnReader, meaning: Meaning, rows: usize) -> Result<Nullable<i64>, ParquetError> {
    let width = match meaning {
        Meaning::Integer(width) => width,
        _ => Width { bits: 64, is_signed: true },
    };
    let fitting = |value: i64| i64::try_from(widened(value, width)).ok();
    Ok(match column {
        ColumnReader::Int32ColumnReader(reader) => read(reader, rows)?.map_fitting(|value| fitting(value.into())),
        ColumnReader::Int64ColumnReader(reader) if width.is_signed => read(reader, rows)?.spread(),
        ColumnReader::Int64ColumnReader(reader) => read(reader, rows)?.map_fitting(fitting),
        _ => return Err(unfit()),
    })
}

/// Reads `rows` rows of times of 96 bits, as nanoseconds since 1970.
pub(super) fn times96(column: &mut ColumnReader, rows: usize) -> Result<Nullable<i128>, ParquetError> {
    let ColumnReader::Int96ColumnReader(reader) = column else { return Err(unfit()) };
    Ok(read(reader, rows)?.map(|value| nanoseconds(&value)))
}

/// Reads `rows` rows of texts.
pub(super) fn texts(column: &mut ColumnReader, rows: usize) -> Result<Texts, ParquetError> {
    let ColumnReader::ByteArrayColumnReader(reader) = column else { return Err(unfit()) };
    let Dense { values, valid } = read(reader, rows)?;
    let (mut text, mut places) = (String::new(), Vec::<Range<usize>>::with_capacity(values.len()));
    for value in &values {
        // Most columns of texts name one symbol over and over.
        let before = places.last().filter(|place| text.as_bytes()[(*place).clone()] == *value.data());
        let place = match before {
            Some(before) => before.clone(),
            None => {
                text.push_str(value.as_utf8()?);
                text.len() - value.len()..text.len()
            }
        };
        places.push(place);
    }
    Ok(Texts { text, places: Dense { values: places, valid }.spread() })
}

/// Reads `rows` rows of names: texts, or whole numbers as texts.
pub(super) fn names(column: &mut ColumnReader, meaning: Meaning, rows: usize) -> Result<Texts, ParquetError> {
    if meaning == Meaning::Text {
        return texts(column, rows);
    }
    let Nullable { values, valid } = wholes(column, meaning, rows)?;
    let (mut text, mut places) = (String::new(), Vec::<Range<usize>>::with_capacity(values.len()));
    for (at, value) in values.iter().enumerate() {
        let place = match at.checked_sub(1) {
            Some(before) if values[before] == *value => places[before].clone(),
            _ => {
                let start = text.len();
                text += &value.to_string();
                start..text.len()
            }
        };
        places.push(place);
    }
    Ok(Texts { text, places: Nullable { values: places, valid } })
}

/// Passes over `rows` rows.
pub(super) fn skip(column: &mut ColumnReader, rows: usize) -> Result<(), ParquetError> {
    let skipped = match column {
        ColumnReader::BoolColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::Int32ColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::Int64ColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::Int96ColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::FloatColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::DoubleColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::ByteArrayColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => reader.skip_records(rows),
    };
    if skipped? == rows {
        Ok(())
    } else {
        Err(ParquetError::General("a column has fewer rows than its group".to_owned()))
    }
}

/// Fails if a column has a row more.
pub(super) fn check_end(column: &mut ColumnReader) -> Result<(), ParquetError> {
    let more = match column {
        ColumnReader::BoolColumnReader(reader) => has_more(reader),
        ColumnReader::Int32ColumnReader(reader) => has_more(reader),
        ColumnReader::Int64ColumnReader(reader) => has_more(reader),
        ColumnReader::Int96ColumnReader(reader) => has_more(reader),
        ColumnReader::FloatColumnReader(reader) => has_more(reader),
        ColumnReader::DoubleColumnReader(reader) => has_more(reader),
        ColumnReader::ByteArrayColumnReader(reader) => has_more(reader),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => has_more(reader),
    };
    if more? { Err(ParquetError::General("a column has more rows than its group".to_owned())) } else { Ok(()) }
}

fn has_more<T: DataType>(reader: &mut ColumnReaderImpl<T>) -> Result<bool, ParquetError> {
    let (rows, ..) = reader.read_records(1, Some(&mut Vec::new()), None, &mut Vec::new())?;
    Ok(rows > 0)
}

/// Reads `rows` rows of a column that is not nested.
fn read<T: DataType>(reader: &mut ColumnReaderImpl<T>, rows: usize) -> Result<Dense<T::T>, ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::with_capacity(rows));
    let (read, found, _) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    if read != rows {
        return Err(ParquetError::General("a column has fewer rows than its group".to_owned()));
    }
    let valid = if found == rows { Vec::new() } else { levels.iter().map(|level| *level > 0).collect() };
    Ok(Dense { values, valid })
}

fn unfit() -> ParquetError {
    ParquetError::General("a column is of another type than the schema says".to_owned())
}

/// The number that an integer of `width` bits stands for, of which the higher bits do not count.
fn widened(value: i64, width: Width) -> i128 {
    match (width.bits, width.is_signed) {
        (8, true) => (value as i8).into(),
        (8, false) => (value as u8).into(),
        (16, true) => (value as i16).into(),
        (16, false) => (value as u16).into(),
        (32, true) => (value as i32).into(),
        (32, false) => (value as u32).into(),
        (_, true) => value.into(),
        (_, false) => (value as u64).into(),
    }
}

/// The number nearest to `value` with `scale` digits after the point.
fn decimal(value: i128, scale: i32) -> f64 {
    const EXACT: u128 = 1 << 53;
    // Both operands are exact in this range, so that the quotient is rounded once.
    if (0..=22).contains(&scale) && value.unsigned_abs() < EXACT {
        return value as f64 / 10_f64.powi(scale);
    }
    nearest(&value.to_string(), scale)
}

/// As [`decimal`], of a number in two's complement, the highest byte first.
fn decimal_of_bytes(bytes: &[u8], scale: i32) -> f64 {
    let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    if bytes.len() <= size_of::<i128>() {
        let mut wide = [if is_negative { 0xff } else { 0 }; size_of::<i128>()];
        wide[size_of::<i128>() - bytes.len()..].copy_from_slice(bytes);
        return decimal(i128::from_be_bytes(wide), scale);
    }
    let sign = if is_negative { "-" } else { "" };
    nearest(&format!("{sign}{}", digits(bytes, is_negative)), scale)
}

/// The digits of a number of any length without its sign.
fn digits(bytes: &[u8], is_negative: bool) -> String {
    // Groups of nine digits, the lowest first.
    let mut groups = vec![0_u64];
    let flip = if is_negative { 0xff } else { 0 };
    let carry = std::iter::repeat_n(0, bytes.len() - 1).chain([u64::from(is_negative)]);
    for (byte, one) in bytes.iter().zip(carry) {
        let mut more = u64::from(byte ^ flip) + one;
        for group in &mut groups {
            more += *group << 8;
            *group = more % 1_000_000_000;
            more /= 1_000_000_000;
        }
        if more > 0 {
            groups.push(more);
        }
    }
    groups.iter().rev().map(|group| format!("{group:09}")).collect()
}

/// The number nearest to a whole one with `scale` digits after the point.
fn nearest(digits: &str, scale: i32) -> f64 {
    // A whole number with an exponent is always one; a bar that is not is refused with its row.
    format!("{digits}e{}", -i64::from(scale)).parse().unwrap_or(f64::NAN)
}

/// A number of 16 bits: a sign, five bits of exponent, ten of fraction.
fn half(bytes: &[u8]) -> f64 {
    let bits = match bytes {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => return f64::NAN,
    };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits >= 0x8000 { -size } else { size }
}

/// Nanoseconds since 1970 of a Julian day and the nanoseconds in it.
fn nanoseconds(value: &Int96) -> i128 {
    const EPOCH: i64 = 2_440_588;
    let words = value.data();
    let (low, high, day) = (words[0], words[1], words[2].cast_signed());
    let in_day = i64::from(high) << 32 | i64::from(low);
    i128::from(i64::from(day) - EPOCH) * i128::from(DAY) + i128::from(in_day)
}
