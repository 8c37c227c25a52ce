//! The Arrow schema in a Parquet file's metadata: the types of times that Parquet itself has no name for.
//!
//! Never guesses: a type that it does not know says nothing about its column, a schema that is damaged fails.
//!
//! Arrow's writers store a time in seconds, a date in milliseconds and a duration as plain integers, and keep the Arrow
//! schema beside them, as a flatbuffer in Base64. Only it tells those integers from any others. Of the flatbuffer are
//! read the names of the columns, the number of their type, the unit and the zone of a time; how it is laid out is in Arrow's
//! `Schema.fbs` and `Message.fbs`.

use parquet::{errors::ParquetError, file::metadata::KeyValue};

/// What an Arrow schema says about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArrowType {
    /// An instant in units of so many nanoseconds.
    Instant(i64),
    /// A time of day in units of so many nanoseconds.
    TimeOfDay(i64),
    /// A duration.
    Duration,
    /// A text.
    Text,
}

/// What is known of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ArrowColumn {
    pub(super) name: String,
    pub(super) kind: Option<ArrowType>,
    /// The zone of a time.
    pub(super) zone: Option<String>,
}

/// A millisecond, in nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// Returns the columns of the Arrow schema in the metadata of a file, in order, with what is known about each; nothing
/// if there is no such schema.
pub(super) fn arrow_columns(metadata: Option<&Vec<KeyValue>>) -> Result<Vec<ArrowColumn>, ParquetError> {
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
        Some(ArrowColumn { name, kind, zone: zone(&field) })
    };
    fields.into_iter().map(column).collect()
}

/// The zone of a field of times, if it has one.
fn zone(field: &Table<'_>) -> Option<String> {
    const TIMESTAMP: u8 = 10;
    if field.byte(2)? == TIMESTAMP { field.table(3)?.text(1) } else { None }
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
            _ => Some(ArrowType::Instant(MILLISECOND)),
        },
        9 => kind.short(0).map_or(Some(MILLISECOND), nanoseconds).map(ArrowType::TimeOfDay),
        10 => nanoseconds(kind.short(0).unwrap_or_default()).map(ArrowType::Instant),
        18 => Some(ArrowType::Duration),
        5 | 20 | 24 => Some(ArrowType::Text),
        _ => None,
    }
}

/// The nanoseconds of one of Arrow's units of time.
fn nanoseconds(unit: i16) -> Option<i64> {
    [1_000_000_000, MILLISECOND, 1_000, 1].get(usize::try_from(unit).ok()?).copied()
}

/// A table of a flatbuffer. Every access is checked, since the bytes may be anything.
#[derive(Clone, Copy)]
struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Table<'a> {
    fn root(bytes: &'a [u8]) -> Option<Self> {
        Self { bytes, at: 0 }.follow(0)
    }

    /// The place of a member, if the table has it.
    fn member(&self, index: usize) -> Option<usize> {
        let back = i32::from_le_bytes(self.read(self.at)?);
        let layout = usize::try_from(i64::try_from(self.at).ok()? - i64::from(back)).ok()?;
        let size = usize::from(u16::from_le_bytes(self.read(layout)?));
        // Before the offsets stand the sizes of the layout and of the table.
        let entry = 4 + 2 * index;
        if entry + 2 > size {
            return None;
        }
        match u16::from_le_bytes(self.read(layout.checked_add(entry)?)?) {
            0 => None,
            offset => self.at.checked_add(usize::from(offset)),
        }
    }

    fn byte(&self, index: usize) -> Option<u8> {
        self.bytes.get(self.member(index)?).copied()
    }

    fn short(&self, index: usize) -> Option<i16> {
        Some(i16::from_le_bytes(self.read(self.member(index)?)?))
    }

    fn table(&self, index: usize) -> Option<Self> {
        self.follow(self.member(index)?)
    }

    fn text(&self, index: usize) -> Option<String> {
        let text = self.table(index)?;
        let length = text.length(text.at)?;
        let start = text.at.checked_add(4)?;
        String::from_utf8(self.bytes.get(start..start.checked_add(length)?)?.to_vec()).ok()
    }

    fn tables(&self, index: usize) -> Option<Vec<Self>> {
        let list = self.table(index)?;
        let start = list.at.checked_add(4)?;
        let entries = self.bytes.get(start..)?.chunks_exact(4).take(list.length(list.at)?).enumerate();
        entries.map(|(index, _)| self.follow(start + 4 * index)).collect()
    }

    /// What the offset at `at` leads to.
    fn follow(&self, at: usize) -> Option<Self> {
        Some(Self { bytes: self.bytes, at: at.checked_add(self.length(at)?)? })
    }

    fn length(&self, at: usize) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.read(at)?)).ok()
    }

    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }
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
