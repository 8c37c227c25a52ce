//! Values of Parquet columns, from what the format stores.
//!
//! Never knows what a column is for.

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{AsBytes as _, DataType, Int96},
    errors::ParquetError,
};

use crate::data::tables::{
    types::{DAY, Meaning, Width},
    values::{
        Damage, Nullable, Texts, Values, decimal, decimal_of_bytes, half, whole_of_bytes, widened, without_padding,
    },
};

impl From<ParquetError> for Damage {
    /// The text of the error holds those of its causes.
    fn from(error: ParquetError) -> Self {
        Self::new(error.to_string())
    }
}

/// Reads the values of `rows` rows.
pub(crate) fn values(column: &mut ColumnReader, meaning: Meaning, rows: usize) -> Result<Values, Damage> {
    Ok(match (column, meaning) {
        (ColumnReader::DoubleColumnReader(reader), Meaning::Float) => {
            let (values, valid) = read(reader, rows)?;
            Values::Floats(Nullable::spread(values, valid))
        }
        (ColumnReader::FloatColumnReader(reader), Meaning::Float) => floats(reader, rows, |value| f64::from(*value))?,
        // Whole numbers may be times, too, and keep all their digits.
        (ColumnReader::Int32ColumnReader(reader), Meaning::Decimal(0)) => whole(reader, rows)?,
        (ColumnReader::Int64ColumnReader(reader), Meaning::Decimal(0)) => whole(reader, rows)?,
        (ColumnReader::ByteArrayColumnReader(reader), Meaning::Decimal(0)) => wide_of_bytes(reader, rows)?,
        (ColumnReader::FixedLenByteArrayColumnReader(reader), Meaning::Decimal(0)) => wide_of_bytes(reader, rows)?,
        (ColumnReader::Int32ColumnReader(reader), Meaning::Decimal(scale)) => {
            floats(reader, rows, |value| decimal((*value).into(), scale))?
        }
        (ColumnReader::Int64ColumnReader(reader), Meaning::Decimal(scale)) => {
            floats(reader, rows, |value| decimal((*value).into(), scale))?
        }
        (ColumnReader::ByteArrayColumnReader(reader), Meaning::Decimal(scale)) => {
            floats(reader, rows, |value| decimal_of_bytes(value.data(), scale))?
        }
        (ColumnReader::FixedLenByteArrayColumnReader(reader), Meaning::Decimal(scale)) => {
            floats(reader, rows, |value| decimal_of_bytes(value.data(), scale))?
        }
        (ColumnReader::FixedLenByteArrayColumnReader(reader), Meaning::Half) => {
            floats(reader, rows, |value| half(value.data()))?
        }
        (ColumnReader::Int96ColumnReader(reader), Meaning::Stamp(_)) => wide(reader, rows, nanoseconds)?,
        (ColumnReader::Int64ColumnReader(reader), Meaning::Integer(Width { bits: 64, is_signed: false })) => {
            wide(reader, rows, |value| i128::from(value.cast_unsigned()))?
        }
        (ColumnReader::Int64ColumnReader(reader), Meaning::Integer(_)) => whole(reader, rows)?,
        (ColumnReader::Int32ColumnReader(reader), Meaning::Integer(width)) => {
            let (values, valid) = read(reader, rows)?;
            // What 32 bits hold, 64 hold.
            let values = values.into_iter().map(|value| widened(value.into(), width) as i64).collect();
            Values::Wholes(Nullable::spread(values, valid))
        }
        (ColumnReader::Int32ColumnReader(reader), Meaning::Stamp(_) | Meaning::TimeOfDay(_) | Meaning::Period(_)) => {
            whole(reader, rows)?
        }
        (ColumnReader::Int64ColumnReader(reader), Meaning::Stamp(_) | Meaning::TimeOfDay(_) | Meaning::Period(_)) => {
            whole(reader, rows)?
        }
        (ColumnReader::ByteArrayColumnReader(reader), Meaning::Text | Meaning::Bytes) => texts(reader, rows)?,
        (ColumnReader::FixedLenByteArrayColumnReader(reader), Meaning::Bytes) => texts(reader, rows)?,
        _ => return Err(unfit()),
    })
}

fn floats<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    convert: impl Fn(&T::T) -> f64,
) -> Result<Values, Damage> {
    let (values, valid) = read(reader, rows)?;
    Ok(Values::Floats(Nullable::spread(values.iter().map(convert).collect(), valid)))
}

fn wide<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    convert: impl Fn(&T::T) -> i128,
) -> Result<Values, Damage> {
    let (values, valid) = read(reader, rows)?;
    Ok(Values::Wide(Nullable::spread(values.iter().map(convert).collect(), valid)))
}

fn wide_of_bytes<T: DataType>(reader: &mut ColumnReaderImpl<T>, rows: usize) -> Result<Values, Damage> {
    let (values, valid) = read(reader, rows)?;
    let values = values.iter().map(|value| whole_of_bytes(value.as_bytes())).collect::<Result<_, Damage>>()?;
    Ok(Values::Wide(Nullable::spread(values, valid)))
}

fn whole<T: DataType>(reader: &mut ColumnReaderImpl<T>, rows: usize) -> Result<Values, Damage>
where
    i64: From<T::T>,
{
    let (values, valid) = read(reader, rows)?;
    Ok(Values::Wholes(Nullable::spread(values.into_iter().map(i64::from).collect(), valid)))
}

fn texts<T: DataType>(reader: &mut ColumnReaderImpl<T>, rows: usize) -> Result<Values, Damage> {
    let (values, valid) = read(reader, rows)?;
    let mut texts = Texts::with_capacity(rows);
    if valid.is_empty() {
        values.iter().try_for_each(|value| texts.push_bytes(without_padding(value.as_bytes())))?;
        return Ok(Values::Texts(texts));
    }
    let mut values = values.iter();
    for is_valid in valid {
        match if is_valid { values.next() } else { None } {
            Some(value) => texts.push_bytes(without_padding(value.as_bytes()))?,
            None => texts.push_null(),
        }
    }
    Ok(Values::Texts(texts))
}

/// Passes over `rows` rows.
pub(crate) fn skip(column: &mut ColumnReader, rows: usize) -> Result<(), Damage> {
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
    if skipped? == rows { Ok(()) } else { Err(Damage::new("a column has fewer rows than its group")) }
}

/// Fails if a column has a row more.
pub(crate) fn check_end(column: &mut ColumnReader) -> Result<(), Damage> {
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
    if more? { Err(Damage::new("a column has more rows than its group")) } else { Ok(()) }
}

fn has_more<T: DataType>(reader: &mut ColumnReaderImpl<T>) -> Result<bool, Damage> {
    let (rows, ..) = reader.read_records(1, Some(&mut Vec::new()), None, &mut Vec::new())?;
    Ok(rows > 0)
}

/// Reads `rows` rows of a column that is not nested: its values without the nulls, and whether each row has one; the latter is
/// empty where all have.
fn read<T: DataType>(reader: &mut ColumnReaderImpl<T>, rows: usize) -> Result<(Vec<T::T>, Vec<bool>), Damage> {
    let (mut levels, mut values) = (Vec::new(), Vec::with_capacity(rows));
    let (read, found, _) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    if read != rows {
        return Err(Damage::new("a column has fewer rows than its group"));
    }
    let valid = if found == rows { Vec::new() } else { levels.iter().map(|level| *level > 0).collect() };
    Ok((values, valid))
}

fn unfit() -> Damage {
    Damage::new("a column is of another type than the schema says")
}

/// Nanoseconds since 1970 of a Julian day and the nanoseconds in it.
fn nanoseconds(value: &Int96) -> i128 {
    const EPOCH: i64 = 2_440_588;
    let words = value.data();
    let (low, high, day) = (words[0], words[1], words[2].cast_signed());
    let in_day = i64::from(high) << 32 | i64::from(low);
    i128::from(i64::from(day) - EPOCH) * i128::from(DAY) + i128::from(in_day)
}
