//! Types of the columns of a table: what the values of a column are, as far as bars are concerned.
//!
//! Never reads a value; never knows a format of files.

use crate::data::tables::periods::Frequency;

/// Nanoseconds in a day.
pub(crate) const DAY: i64 = 86_400_000_000_000;

/// What the values of a column are, as far as bars are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Text,
    /// Bytes that may be a text.
    Bytes,
    /// A time stamp in units of so many nanoseconds.
    Stamp(i64),
    /// A time of day in units of so many nanoseconds.
    TimeOfDay(i64),
    /// A period of pandas, by its number.
    Period(Frequency),
    Integer(Width),
    /// A number that is stored as it is.
    Float,
    /// A number of 16 bits.
    Half,
    /// A number that is stored as a whole one, with so many digits after the point.
    Decimal(i32),
    /// Nothing that bars are made of.
    Other,
}

/// How wide an integer is, which may be less than it is stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width {
    pub(crate) bits: i8,
    pub(crate) is_signed: bool,
}

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnType {
    pub(crate) meaning: Meaning,
    /// The type in words that users of data frames know.
    pub(crate) name: String,
    /// Whether a time stamp is a local time, of which the file does not say the zone.
    pub(crate) is_local: bool,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
    /// Where its values are; none where it is nested.
    pub(crate) leaf: Option<usize>,
    /// The zone of its times.
    pub(crate) zone: Option<String>,
}

impl Meaning {
    /// Whether the values are texts, or bytes that may be.
    fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Bytes)
    }

    /// Whether the values are texts or numbers that have to be read to be times.
    pub(crate) fn is_written(self) -> bool {
        self.is_text() || self.is_whole()
    }

    /// Whether the values are whole numbers.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::Integer(_) | Self::Decimal(0))
    }

    /// Whether the values are numbers, or texts that may be.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Integer(_) | Self::Float | Self::Half | Self::Decimal(_)) || self.is_text()
    }

    /// Whether the values can be names of instruments.
    pub(crate) fn is_name(self) -> bool {
        self.is_text() || self.is_whole()
    }

    /// Whether the type alone says that the values are times.
    pub(crate) fn is_stamp(self) -> bool {
        matches!(self, Self::Stamp(_) | Self::Period(_))
    }

    /// Whether the values are dates, or anything that may be.
    pub(crate) fn is_date(self) -> bool {
        self.is_stamp() || self.is_text() || self.is_whole()
    }

    /// Whether the values are times, or anything that may be.
    pub(crate) fn is_time(self) -> bool {
        self.is_date() || self == Self::Float
    }

    /// Whether the values are times of day, or anything that may be.
    pub(crate) fn is_time_of_day(self) -> bool {
        matches!(self, Self::TimeOfDay(_)) || self.is_text() || self.is_whole()
    }
}

impl ColumnType {
    pub(crate) fn new(meaning: Meaning, name: impl Into<String>) -> Self {
        Self { meaning, name: name.into(), is_local: false }
    }

    pub(crate) fn local(self, is_local: bool) -> Self {
        Self { is_local, ..self }
    }

    pub(crate) fn integer(bits: i8, is_signed: bool) -> Self {
        let sign = if is_signed { "" } else { "U" };
        Self::new(Meaning::Integer(Width { bits, is_signed }), format!("{sign}Int{bits}"))
    }

    pub(crate) fn decimal(precision: i32, scale: i32) -> Self {
        Self::new(Meaning::Decimal(scale), format!("Decimal({precision}, {scale})"))
    }

    /// Periods, which are local times.
    pub(crate) fn period(frequency: Frequency) -> Self {
        Self::new(Meaning::Period(frequency), "Period").local(true)
    }
}
