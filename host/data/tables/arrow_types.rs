//! Types of Arrow columns: what the schema of an Arrow file says, and how values are stored.
//!
//! Never reads a value. How a schema is laid out is in Arrow's `Schema.fbs`.

use crate::data::tables::{
    arrow_schema::{nanoseconds, period},
    flatbuffer::Table,
    types::{ColumnType, DAY, Field, Meaning, Width},
    values::Damage,
};

/// A column of an Arrow file.
#[derive(Debug)]
pub(crate) struct ArrowField {
    pub(crate) field: Field,
    pub(crate) storage: Storage,
    /// The dictionary that has the values, and the type of the numbers that stand for them.
    pub(crate) dictionary: Option<(i64, Width)>,
    children: Vec<Self>,
}

/// How the values of a column are stored, after the bits that tell which are null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// So many bytes for each value.
    Fixed(usize),
    /// Offsets of four bytes, or of eight, into bytes.
    Bytes { is_long: bool },
    /// Short bytes in place, long ones in any number of buffers.
    Views,
    /// Something that bars are not made of, in so many buffers, with those of the nulls, and in those of its children.
    Nested(usize),
}

/// Where in a batch the first entries of a column stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Among the lengths of columns.
    pub(crate) node: usize,
    /// Among the buffers.
    pub(crate) buffer: usize,
    /// Among the numbers of buffers of views.
    pub(crate) view: usize,
}

impl ArrowField {
    /// The columns of a schema, in order.
    pub(crate) fn all(schema: &Table<'_>) -> Result<Vec<Self>, Damage> {
        if schema.short(0).is_some_and(|order| order != 0) {
            return Err(Damage::new("its bytes are in the order of big-endian machines; write it on another one"));
        }
        let fields = schema.tables(1).ok_or_else(|| Damage::new("its schema is damaged"))?;
        fields.iter().enumerate().map(|(at, field)| Self::of(field, at, 0)).collect()
    }

    fn of(field: &Table<'_>, at: usize, depth: u8) -> Result<Self, Damage> {
        const DEEPEST: u8 = 32;
        let damage = || Damage::new("its schema is damaged");
        if depth > DEEPEST {
            return Err(Damage::new("its columns are nested too deeply"));
        }
        let name = field.text(0).unwrap_or_default();
        let number = field.byte(2).ok_or_else(damage)?;
        let kind = field.table(3).ok_or_else(damage)?;
        let (mut column, storage) = column_type(number, &kind)
            .ok_or_else(|| Damage::new(format!("column `{name}` is of a type that is not known (number {number})")))?;
        if let (Some(frequency), Storage::Fixed(8)) = (period(field), storage) {
            column = ColumnType::period(frequency);
        }
        let zone = if number == TIMESTAMP { kind.text(1).filter(|zone| !zone.is_empty()) } else { None };
        let children = field.tables(5).unwrap_or_default();
        let children = children.iter().map(|child| Self::of(child, 0, depth + 1)).collect::<Result<_, _>>()?;
        let dictionary = field.table(4).map(|encoding| dictionary(&encoding).ok_or_else(damage)).transpose()?;
        let leaf = (!matches!(storage, Storage::Nested(_))).then_some(at);
        Ok(Self { field: Field { name, kind: column, leaf, zone }, storage, dictionary, children })
    }

    /// Where the entries of the column behind this one stand.
    pub(crate) fn behind(&self, at: Entry, is_old: bool) -> Entry {
        let mut at = Entry { node: at.node + 1, ..at };
        if self.dictionary.is_some() {
            // Numbers stand for the values.
            return Entry { buffer: at.buffer + 2, ..at };
        }
        match self.storage {
            Storage::Fixed(_) => at.buffer += 2,
            Storage::Bytes { .. } => at.buffer += 3,
            // How many buffers there are stands in the batch.
            Storage::Views => (at.buffer, at.view) = (at.buffer + 2, at.view + 1),
            // A union had bits for nulls once.
            Storage::Nested(buffers) => at.buffer += buffers + usize::from(is_old && self.field.kind.name == "Union"),
        }
        self.children.iter().fold(at, |at, child| child.behind(at, is_old))
    }
}

const TIMESTAMP: u8 = 10;

/// The dictionary of a column, and the type of its numbers.
fn dictionary(encoding: &Table<'_>) -> Option<(i64, Width)> {
    let id = encoding.long(0).unwrap_or_default();
    let Some(kind) = encoding.table(1) else { return Some((id, Width { bits: 32, is_signed: true })) };
    let bits = i8::try_from(kind.int(0).unwrap_or_default()).ok().filter(|bits| matches!(bits, 8 | 16 | 32 | 64))?;
    Some((id, Width { bits, is_signed: kind.byte(1).unwrap_or_default() != 0 }))
}

/// The type of a column by its number; where a member is not written, it is the default of its type.
fn column_type(number: u8, kind: &Table<'_>) -> Option<(ColumnType, Storage)> {
    let of = |meaning, name: &str| ColumnType::new(meaning, name);
    let nested = |name: &str, buffers| (of(Meaning::Other, name), Storage::Nested(buffers));
    let other = |name: &str, size| (of(Meaning::Other, name), Storage::Fixed(size));
    let short = Storage::Bytes { is_long: false };
    let long = Storage::Bytes { is_long: true };
    Some(match number {
        1 => nested("Null", 0),
        2 => {
            let bits = i8::try_from(kind.int(0)?).ok().filter(|bits| matches!(bits, 8 | 16 | 32 | 64))?;
            let is_signed = kind.byte(1).unwrap_or_default() != 0;
            (ColumnType::integer(bits, is_signed), Storage::Fixed(usize::try_from(bits / 8).ok()?))
        }
        3 => match kind.short(0).unwrap_or_default() {
            0 => (of(Meaning::Half, "Float16"), Storage::Fixed(2)),
            1 => (of(Meaning::Float, "Float32"), Storage::Fixed(4)),
            2 => (of(Meaning::Float, "Float64"), Storage::Fixed(8)),
            _ => return None,
        },
        4 => (of(Meaning::Bytes, "Binary"), short),
        5 => (of(Meaning::Text, "Utf8"), short),
        6 => nested("Boolean", 2),
        7 => {
            let (precision, scale) = (kind.int(0).unwrap_or_default(), kind.int(1).unwrap_or_default());
            let bits = kind.int(2).unwrap_or(128);
            let size = usize::try_from(bits / 8).ok().filter(|_| matches!(bits, 32 | 64 | 128 | 256))?;
            (ColumnType::decimal(precision, scale), Storage::Fixed(size))
        }
        8 => match kind.short(0) {
            Some(0) => (of(Meaning::Stamp(DAY), "Date32").local(true), Storage::Fixed(4)),
            None | Some(1) => (of(Meaning::Stamp(1_000_000), "Date64").local(true), Storage::Fixed(8)),
            _ => return None,
        },
        9 => {
            let (unit, bits) = (nanoseconds(kind.short(0).unwrap_or(1))?, kind.int(1).unwrap_or(32));
            let size = usize::try_from(bits / 8).ok().filter(|_| matches!(bits, 32 | 64))?;
            (of(Meaning::TimeOfDay(unit), "Time"), Storage::Fixed(size))
        }
        TIMESTAMP => {
            let unit = nanoseconds(kind.short(0).unwrap_or_default())?;
            let is_local = kind.text(1).is_none_or(|zone| zone.is_empty());
            (of(Meaning::Stamp(unit), "Timestamp").local(is_local), Storage::Fixed(8))
        }
        11 => other("Interval", *[4, 8, 16].get(usize::try_from(kind.short(0).unwrap_or_default()).ok()?)?),
        12 => nested("List", 2),
        13 => nested("Struct", 1),
        14 => nested("Union", if kind.short(0).unwrap_or_default() == 0 { 1 } else { 2 }),
        15 => {
            let size = usize::try_from(kind.int(0).unwrap_or_default()).ok()?;
            (of(Meaning::Bytes, &format!("FixedSizeBinary({size})")), Storage::Fixed(size))
        }
        16 => nested("List", 1),
        17 => nested("Map", 2),
        18 => other("Duration", 8),
        19 => (of(Meaning::Bytes, "Binary"), long),
        20 => (of(Meaning::Text, "Utf8"), long),
        21 => nested("List", 2),
        22 => nested("RunEndEncoded", 0),
        23 => (of(Meaning::Bytes, "Binary"), Storage::Views),
        24 => (of(Meaning::Text, "Utf8"), Storage::Views),
        25 | 26 => nested("List", 3),
        _ => return None,
    })
}
