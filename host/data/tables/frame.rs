//! Frames: tables in memory, in the layout of Arrow, as programs hand them over.
//!
//! Never knows what a column is for; never copies a column before it is read.
//!
//! Types are written as in Arrow's C data interface, which all libraries of data frames speak: `g` is a number of 64 bits,
//! `tsn:UTC` a time in nanoseconds.

use std::path::Path;

use bytes::Bytes;

use crate::data::{
    error::DataError,
    options::LoadOptions,
    several::Others,
    sheet::Sheet,
    tables::{
        arrow_types::Storage,
        arrow_values::Column,
        periods::Frequency,
        table::{self, Part, Table, guarded},
        types::{ColumnType, DAY, Field, Meaning, Width},
        values::{Damage, Values},
    },
};

/// The schema of a column of a [`Frame`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameField {
    /// The name.
    pub name: String,
    /// The type in the notation of Arrow's C data interface: `g`, `tsn:UTC`, `u`. Of a dictionary, that of its numbers.
    pub format: String,
    /// The type of the values of a dictionary, if the column has one.
    pub values: Option<String>,
    /// The name and the metadata of an extension type.
    pub extension: Option<(String, String)>,
}

/// The values of a column in a batch of a [`Frame`].
#[derive(Debug, Clone, Default)]
pub struct FrameColumn {
    /// A bit for each row that has a value, the lowest first; empty where all have.
    pub valid: Bytes,
    /// The buffers of the type behind that.
    pub buffers: Vec<Bytes>,
    /// The values of the dictionary, and how many there are.
    pub dictionary: Option<(Box<Self>, usize)>,
}

/// A table in memory, which [`Dataset::of_frames`](super::super::Dataset::of_frames) reads like a file.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use host::data::{Dataset, Frame, FrameColumn, FrameField, LoadOptions};
///
/// let field = |name: &str, format: &str| FrameField { name: name.into(), format: format.into(), ..FrameField::default() };
/// let column = |bytes: Vec<u8>| FrameColumn { buffers: vec![Bytes::from(bytes)], ..FrameColumn::default() };
/// let times = [0_i32, 1].map(i32::to_le_bytes).concat();
/// let closes = [10.0_f64, 10.5].map(f64::to_le_bytes).concat();
/// let mut frame = Frame::new("ACME", vec![field("date", "tdD"), field("close", "g")]);
/// frame.push(2, vec![column(times), column(closes)]);
/// let loaded = Dataset::of_frames(&[frame], &LoadOptions::default())?;
/// assert_eq!((loaded.dataset.series()[0].symbol.as_str(), loaded.dataset.bars()), ("ACME", 2));
/// # Ok::<(), host::data::DataError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Frame {
    name: String,
    is_named: bool,
    fields: Vec<FrameField>,
    metadata: Vec<(String, String)>,
    batches: Vec<FrameBatch>,
}

#[derive(Debug, Clone)]
struct FrameBatch {
    rows: usize,
    columns: Vec<FrameColumn>,
}

impl Frame {
    /// A frame without rows. `name` is what messages call it, and its instrument where no column names one.
    pub fn new(name: impl Into<String>, fields: Vec<FrameField>) -> Self {
        Self { name: name.into(), fields, ..Self::default() }
    }

    /// The same frame, whose name is surely that of its instrument.
    #[must_use]
    pub fn of_instrument(self) -> Self {
        Self { is_named: true, ..self }
    }

    /// The same frame with the metadata of its schema: names and texts.
    #[must_use]
    pub fn with_metadata(self, metadata: Vec<(String, String)>) -> Self {
        Self { metadata, ..self }
    }

    /// Adds rows: a column for each field. A column that has fewer rows is an error when it is read.
    pub fn push(&mut self, rows: usize, columns: Vec<FrameColumn>) {
        self.batches.push(FrameBatch { rows, columns });
    }

    /// The number of its rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(|batch| batch.rows).sum()
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether its name is surely that of its instrument.
    pub(crate) fn is_named(&self) -> bool {
        self.is_named
    }
}

/// Adds every row of `frame` to `sheet`.
pub(crate) fn read(frame: &Frame, options: &LoadOptions, sheet: &mut Sheet) -> Result<(), DataError> {
    let (path, table) = (Path::new(&frame.name), FrameTable { frame });
    guarded::<FrameTable<'_>, _>(path, || table::read(path, &table, &frame.name, options, sheet))
}

/// Reads the times and the columns that bars are not made of.
pub(crate) fn others(frame: &Frame, options: &LoadOptions) -> Result<Others, DataError> {
    let (path, table) = (Path::new(&frame.name), FrameTable { frame });
    guarded::<FrameTable<'_>, _>(path, || table::others(path, &table, options))
}

/// A frame as a table.
struct FrameTable<'f> {
    frame: &'f Frame,
}

impl FrameColumn {
    /// The bytes of its buffers.
    fn size(&self) -> usize {
        let own = self.valid.len() + self.buffers.iter().map(Bytes::len).sum::<usize>();
        own + self.dictionary.as_ref().map_or(0, |(values, _)| values.size())
    }

    fn column(&self, storage: Storage) -> Column {
        Column { storage, valid: self.valid.clone(), buffers: self.buffers.clone(), dictionary: None }
    }
}

impl FrameField {
    fn field(&self, at: usize) -> Result<Field, Damage> {
        let format = self.values.as_deref().unwrap_or(&self.format);
        let (mut kind, storage) = column_type(format).ok_or_else(|| self.unknown(format))?;
        let period = self.extension.as_ref().and_then(|(name, text)| Frequency::of_extension(name, text));
        if let (Some(frequency), Storage::Fixed(8)) = (period, storage) {
            kind = ColumnType::period(frequency);
        }
        let leaf = (!matches!(storage, Storage::Nested(_))).then_some(at);
        Ok(Field { name: self.name.clone(), kind, leaf, zone: zone(format).map(str::to_owned) })
    }

    fn unknown(&self, format: &str) -> Damage {
        Damage::new(format!("column `{}` is of a type that is not known (`{format}`)", self.name))
    }

    /// How its values are stored, and the type of the numbers of its dictionary.
    fn storage(&self) -> Result<(Storage, Option<Width>), Damage> {
        let format = self.values.as_deref().unwrap_or(&self.format);
        let (_, storage) = column_type(format).ok_or_else(|| self.unknown(format))?;
        let width = match (self.values.is_some(), column_type(&self.format)) {
            (false, _) => None,
            (true, Some((ColumnType { meaning: Meaning::Integer(width), .. }, _))) => Some(width),
            (true, _) => return Err(self.unknown(&self.format)),
        };
        Ok((storage, width))
    }
}

impl Table for FrameTable<'_> {
    type Part<'a>
        = Open<'a>
    where
        Self: 'a;

    const FORMAT: &'static str = "a data frame";

    fn fields(&self) -> Result<Vec<Field>, Damage> {
        self.frame.fields.iter().enumerate().map(|(at, field)| field.field(at)).collect()
    }

    fn metadata(&self, key: &str) -> Option<String> {
        self.frame.metadata.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn parts(&self) -> usize {
        self.frame.batches.len()
    }

    fn size(&self) -> usize {
        self.frame.batches.iter().flat_map(|batch| &batch.columns).map(FrameColumn::size).sum()
    }

    fn rows(&self, part: usize) -> Result<usize, Damage> {
        Ok(self.frame.batches[part].rows)
    }

    /// Frames keep no statistics.
    fn lacks(&self, _part: usize, _leaf: usize, _symbols: &[String]) -> bool {
        false
    }

    fn open<'a>(&'a self, part: usize, fields: &'a [Field], columns: &[usize]) -> Result<Open<'a>, Damage> {
        let batch = &self.frame.batches[part];
        let open = |at: &usize| {
            let values =
                batch.columns.get(*at).ok_or_else(|| Damage::new("a batch has fewer columns than its schema"))?;
            let (storage, width) = self.frame.fields[*at].storage()?;
            let mut column = values.column(if width.is_some() { Storage::Fixed(0) } else { storage });
            if let Some(width) = width {
                let missing = || Damage::new("a column has no dictionary");
                let (dictionary, length) = values.dictionary.as_ref().ok_or_else(missing)?;
                let listed = dictionary.column(storage).values(fields[*at].kind.meaning, 0, *length)?;
                column.dictionary = Some((vec![listed], width));
            }
            Ok((*at, column, 0))
        };
        Ok(Open { fields, columns: columns.iter().map(open).collect::<Result<_, Damage>>()? })
    }
}

/// The columns of a batch that are being read: the place of the field, the values, and the next row.
struct Open<'a> {
    fields: &'a [Field],
    columns: Vec<(usize, Column, usize)>,
}

impl Open<'_> {
    fn column(&mut self, at: usize) -> Result<&mut (usize, Column, usize), Damage> {
        self.columns.iter_mut().find(|(place, ..)| *place == at).ok_or_else(|| Damage::new("a column is not open"))
    }
}

impl Part for Open<'_> {
    fn values(&mut self, at: usize, rows: usize) -> Result<Values, Damage> {
        let meaning = self.fields[at].kind.meaning;
        let (_, column, next) = self.column(at)?;
        let start = *next;
        *next += rows;
        column.values(meaning, start, rows)
    }

    fn skip(&mut self, at: usize, rows: usize) -> Result<(), Damage> {
        self.column(at)?.2 += rows;
        Ok(())
    }

    /// Every column has as many rows as its batch.
    fn end(&mut self) -> Result<(), Damage> {
        Ok(())
    }
}

/// The zone of a type of times.
fn zone(format: &str) -> Option<&str> {
    let (_, zone) = format.strip_prefix("ts")?.split_once(':')?;
    (!zone.is_empty()).then_some(zone)
}

/// The nanoseconds of a unit of time by its letter.
fn nanoseconds(unit: Option<char>) -> Option<i64> {
    Some(match unit? {
        's' => 1_000_000_000,
        'm' => 1_000_000,
        'u' => 1_000,
        'n' => 1,
        _ => return None,
    })
}

/// The type of a column by the notation of Arrow's C data interface.
fn column_type(format: &str) -> Option<(ColumnType, Storage)> {
    let of = |meaning, name: &str| ColumnType::new(meaning, name);
    let whole = |bits: i8, is_signed, size| (ColumnType::integer(bits, is_signed), Storage::Fixed(size));
    let nested = |name: &str| (of(Meaning::Other, name), Storage::Nested(0));
    let (short, long) = (Storage::Bytes { is_long: false }, Storage::Bytes { is_long: true });
    let mut letters = format.chars();
    Some(match (letters.next()?, letters.as_str()) {
        ('n', "") => nested("Null"),
        ('b', "") => nested("Boolean"),
        ('c', "") => whole(8, true, 1),
        ('C', "") => whole(8, false, 1),
        ('s', "") => whole(16, true, 2),
        ('S', "") => whole(16, false, 2),
        ('i', "") => whole(32, true, 4),
        ('I', "") => whole(32, false, 4),
        ('l', "") => whole(64, true, 8),
        ('L', "") => whole(64, false, 8),
        ('e', "") => (of(Meaning::Half, "Float16"), Storage::Fixed(2)),
        ('f', "") => (of(Meaning::Float, "Float32"), Storage::Fixed(4)),
        ('g', "") => (of(Meaning::Float, "Float64"), Storage::Fixed(8)),
        ('z', "") => (of(Meaning::Bytes, "Binary"), short),
        ('Z', "") => (of(Meaning::Bytes, "Binary"), long),
        ('u', "") => (of(Meaning::Text, "Utf8"), short),
        ('U', "") => (of(Meaning::Text, "Utf8"), long),
        ('v', "z") => (of(Meaning::Bytes, "Binary"), Storage::Views),
        ('v', "u") => (of(Meaning::Text, "Utf8"), Storage::Views),
        ('w', rest) => {
            let size = rest.strip_prefix(':')?.parse().ok()?;
            (of(Meaning::Bytes, &format!("FixedSizeBinary({size})")), Storage::Fixed(size))
        }
        ('d', rest) => decimal(rest.strip_prefix(':')?)?,
        ('+', _) => nested("Nested"),
        ('t', rest) => time(rest)?,
        _ => return None,
    })
}

/// The type of a decimal number: precision, scale, and its bits where they are not 128.
fn decimal(text: &str) -> Option<(ColumnType, Storage)> {
    let numbers: Vec<i32> = text.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let (precision, scale, bits) = match numbers.as_slice() {
        [precision, scale] => (*precision, *scale, 128),
        [precision, scale, bits @ (32 | 64 | 128 | 256)] => (*precision, *scale, *bits),
        _ => return None,
    };
    Some((ColumnType::decimal(precision, scale), Storage::Fixed(usize::try_from(bits / 8).ok()?)))
}

/// The type of dates, times and durations, without the `t`.
fn time(text: &str) -> Option<(ColumnType, Storage)> {
    let of = |meaning, name: &str| ColumnType::new(meaning, name);
    let unit = nanoseconds(text.chars().nth(1));
    Some(match text {
        "dD" => (of(Meaning::Stamp(DAY), "Date32").local(true), Storage::Fixed(4)),
        "dm" => (of(Meaning::Stamp(1_000_000), "Date64").local(true), Storage::Fixed(8)),
        "ts" | "tm" => (of(Meaning::TimeOfDay(unit?), "Time"), Storage::Fixed(4)),
        "tu" | "tn" => (of(Meaning::TimeOfDay(unit?), "Time"), Storage::Fixed(8)),
        "iM" => (of(Meaning::Other, "Interval"), Storage::Fixed(4)),
        "iD" => (of(Meaning::Other, "Interval"), Storage::Fixed(8)),
        "in" => (of(Meaning::Other, "Interval"), Storage::Fixed(16)),
        "Ds" | "Dm" | "Du" | "Dn" => (of(Meaning::Other, "Duration"), Storage::Fixed(8)),
        _ if text.starts_with('s') && text.chars().nth(2) == Some(':') => {
            let is_local = text.len() == 3;
            (of(Meaning::Stamp(unit?), "Timestamp").local(is_local), Storage::Fixed(8))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_of_arrows_notation() {
        let cases = [
            ("g", "Float64", Storage::Fixed(8)),
            ("e", "Float16", Storage::Fixed(2)),
            ("L", "UInt64", Storage::Fixed(8)),
            ("u", "Utf8", Storage::Bytes { is_long: false }),
            ("U", "Utf8", Storage::Bytes { is_long: true }),
            ("vu", "Utf8", Storage::Views),
            ("w:4", "FixedSizeBinary(4)", Storage::Fixed(4)),
            ("d:19,10", "Decimal(19, 10)", Storage::Fixed(16)),
            ("d:19,10,256", "Decimal(19, 10)", Storage::Fixed(32)),
            ("tdD", "Date32", Storage::Fixed(4)),
            ("ttn", "Time", Storage::Fixed(8)),
            ("tsu:UTC", "Timestamp", Storage::Fixed(8)),
            ("tss:", "Timestamp", Storage::Fixed(8)),
            ("tDn", "Duration", Storage::Fixed(8)),
            ("+s", "Nested", Storage::Nested(0)),
        ];
        for (format, name, storage) in cases {
            let (kind, stored) = column_type(format).unwrap();
            assert_eq!((kind.name.as_str(), stored), (name, storage), "{format}");
        }
        for format in ["", "x", "ts", "tsx:", "tsn", "w", "w:x", "d:1", "d:1,2,7", "gg", "td", "vv", "tsé:"] {
            assert!(column_type(format).is_none(), "{format}");
        }
        assert_eq!((zone("tsn:Europe/Berlin"), zone("tsn:"), zone("g")), (Some("Europe/Berlin"), None, None));
        let kind = |format| column_type(format).unwrap().0;
        assert_eq!((kind("tsm:").meaning, kind("tsm:").is_local), (Meaning::Stamp(1_000_000), true));
        assert!(!kind("tsm:UTC").is_local);
    }
}
