//! The Arrow schema in a Parquet file's metadata: the types of times that Parquet itself has no name for.
//!
//! Never guesses: a type that it does not know says nothing about its column, a schema that is damaged fails.
//!
//! Arrow's writers store a time in seconds, a date in milliseconds and a duration as plain integers, and keep the Arrow
//! schema beside them, as a flatbuffer in Base64. Only it tells those integers from any others. Of the flatbuffer are
//! read the names of the columns, the number of their type, the unit and the zone of a time; how it is laid out is in Arrow's
//! `Schema.fbs` and `Message.fbs`.

use parquet::{errors::ParquetError, file::metadata::KeyValue};

use crate::data::tables::{flatbuffer::Table, periods::Frequency};

/// What an Arrow schema says about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrowType {
    /// A time stamp in units of so many nanoseconds.
    Stamp(i64),
    /// A time of day in units of so many nanoseconds.
    TimeOfDay(i64),
    /// A duration.
    Duration,
    /// A text.
    Text,
}

/// What is known of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ArrowColumn {
    pub(crate) name: String,
    pub(crate) kind: Option<ArrowType>,
    /// The zone of a time.
    pub(crate) zone: Option<String>,
    /// The frequency of periods of pandas.
    pub(crate) period: Option<Frequency>,
}

/// A millisecond, in nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// Returns the columns of the Arrow schema in the metadata of a file, in order, with what is known about each; nothing
/// if there is no such schema.
pub(crate) fn arrow_columns(metadata: Option<&Vec<KeyValue>>) -> Result<Vec<ArrowColumn>, ParquetError> {
    let mut pairs = metadata.into_iter().flatten();
    let Some(encoded) = pairs.find(|pair| pair.key == "ARROW:schema").and_then(|pair| pair.value.as_deref()) else {
        return Ok(Vec::new());
    };
    let found = base64(encoded).and_then(|message| columns(&message));
    found.ok_or_else(|| ParquetError::General("the Arrow schema in its metadata is damaged".to_owned()))
}

/// Reads a message that holds a schema.
fn columns(message: &[u8]) -> Option<Vec<ArrowColumn>> {
    const SCHEMA: u8 = 1;
    // A mark and the length stand before the message, in old files the length alone.
    let prefix = if message.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message = Table::root(message.get(prefix..)?)?;
    if message.byte(1)? != SCHEMA {
        return None;
    }
    let fields = message.table(2)?.tables(1)?;
    let column = |field: Table<'_>| {
        let (name, kind) = (field.text(0)?, arrow_type(&field));
        Some(ArrowColumn { name, kind, zone: zone(&field), period: period(&field) })
    };
    fields.into_iter().map(column).collect()
}

/// The zone of a field of times, if it has one.
pub(crate) fn zone(field: &Table<'_>) -> Option<String> {
    const TIMESTAMP: u8 = 10;
    if field.byte(2)? == TIMESTAMP { field.table(3)?.text(1) } else { None }
}

/// The frequency of a field of periods.
pub(crate) fn period(field: &Table<'_>) -> Option<Frequency> {
    let pairs = field.tables(6)?;
    let value = |key: &str| pairs.iter().find(|pair| pair.text(0).as_deref() == Some(key))?.text(1);
    Frequency::of_extension(&value("ARROW:extension:name")?, &value("ARROW:extension:metadata")?)
}

/// The type of a field; of a dictionary, that of its values.
fn arrow_type(field: &Table<'_>) -> Option<ArrowType> {
    const DAY_UNIT: i16 = 0;
    let number = field.byte(2)?;
    let kind = field.table(3)?;
    // Where a unit is not written, it is the default of its type.
    match number {
        8 => match kind.short(0) {
            Some(DAY_UNIT) => None,
            _ => Some(ArrowType::Stamp(MILLISECOND)),
        },
        9 => kind.short(0).map_or(Some(MILLISECOND), nanoseconds).map(ArrowType::TimeOfDay),
        10 => nanoseconds(kind.short(0).unwrap_or_default()).map(ArrowType::Stamp),
        18 => Some(ArrowType::Duration),
        5 | 20 | 24 => Some(ArrowType::Text),
        _ => None,
    }
}

/// The nanoseconds of one of Arrow's units of time.
pub(crate) fn nanoseconds(unit: i16) -> Option<i64> {
    [1_000_000_000, MILLISECOND, 1_000, 1].get(usize::try_from(unit).ok()?).copied()
}

/// Decodes a text in Base64.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}
