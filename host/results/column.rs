//! Columns and cells: what every output of results is made of.
//!
//! Never knows a format, a file or a terminal.

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer};

use crate::{
    model::{Value, number},
    task::ErrorKind,
};

/// The type of a column. A cell of any column may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A whole number of 64 bits.
    Integer,
    /// A real number of 64 bits.
    Number,
    /// A text in UTF-8.
    Text,
    /// A moment: nanoseconds since the Unix epoch.
    Time,
}

impl Kind {
    /// Returns the kind of column that `value` belongs in.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Boolean(_) => Self::Boolean,
            Value::Integer(_) => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::Text(_) => Self::Text,
        }
    }

    /// The name of the kind, as error messages use it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "text",
            Self::Time => "time",
        }
    }
}

/// A column of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name in headers; unique within an output.
    pub name: String,
    /// The type of its cells.
    pub kind: Kind,
    /// Whether its numbers are shares, which tables show in percent. Files and JSON keep them as they are.
    pub is_share: bool,
    /// Whether a table that is too narrow for all columns leaves it out before others.
    pub is_spare: bool,
}

impl Column {
    /// Makes a column.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, is_share: false, is_spare: false }
    }

    /// Makes a column of numbers that are shares: 0.1 is 10 %.
    pub fn share(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Number, is_share: true, is_spare: false }
    }

    /// The same column, which a table leaves out before others.
    #[must_use]
    pub fn spare(self) -> Self {
        Self { is_spare: true, ..self }
    }
}

/// One value of one row.
///
/// A number may be infinite: `inf` in texts, and JSON, which has no infinity, holds the text. What is undefined is
/// [`Cell::Null`]: every output writes NaN as null, and a debug build stops at it, since it is a bug of whoever computed it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Undefined, or not applicable.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A real number, which is not NaN.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A moment: nanoseconds since the Unix epoch, and the same as text for outputs that have no type for it.
    Time(i64, Cow<'a, str>),
}

impl Cell<'_> {
    /// Returns a count or an index as an integer; those above 2^63 - 1, which no run reaches, become that number.
    pub fn count(count: u64) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Returns the cell with a lifetime of its own.
    pub fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Null => Cell::Null,
            Self::Boolean(value) => Cell::Boolean(value),
            Self::Integer(value) => Cell::Integer(value),
            Self::Number(value) => Cell::Number(value),
            Self::Text(value) => Cell::Text(Cow::Owned(value.into_owned())),
            Self::Time(at, text) => Cell::Time(at, Cow::Owned(text.into_owned())),
        }
    }

    /// The cell as the value of a parameter; `None` where it cannot be one.
    pub(crate) fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Null | Self::Time(..) => return None,
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Number(value) => Value::Number(*value),
            Self::Text(value) => Value::Text(value.clone().into_owned()),
        })
    }

    /// The kind of column that the cell belongs in; none where it is null.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Null => None,
            Self::Boolean(_) => Some(Kind::Boolean),
            Self::Integer(_) => Some(Kind::Integer),
            Self::Number(_) => Some(Kind::Number),
            Self::Text(_) => Some(Kind::Text),
            Self::Time(..) => Some(Kind::Time),
        }
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.pad("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value:?}"),
            Self::Text(value) | Self::Time(_, value) => f.pad(value),
        }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Number(value) if value.is_nan() => serializer.serialize_unit(),
            Self::Number(value) => number::serialize(value, serializer),
            Self::Text(value) | Self::Time(_, value) => serializer.serialize_str(value),
        }
    }
}

impl From<bool> for Cell<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for Cell<'_> {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Cell<'_> {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Cell<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl From<ErrorKind> for Cell<'_> {
    fn from(value: ErrorKind) -> Self {
        Self::Text(Cow::Borrowed(value.as_str()))
    }
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Number(value) => Self::Number(*value),
            Value::Text(value) => Self::Text(Cow::Borrowed(value)),
        }
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_a_cell_of_its_own_kind() {
        let values = [Value::Boolean(true), Value::Integer(-3), Value::Number(0.5), Value::Text("long".into())];
        let cells = values.each_ref().map(Cell::from);
        let expected = [Cell::Boolean(true), Cell::Integer(-3), Cell::Number(0.5), Cell::Text("long".into())];
        assert_eq!(cells, expected);
        for (cell, value) in cells.iter().zip(&values) {
            assert_eq!(cell.kind(), Some(Kind::of(value)));
            assert_eq!(Kind::of(value).as_str(), value.type_name());
        }
    }

    #[test]
    fn what_is_missing_is_null() {
        assert_eq!(Cell::from(None::<f64>), Cell::Null);
        assert_eq!(Cell::from(Some("text")), Cell::from("text"));
        assert_eq!(Cell::Null.kind(), None);
    }

    #[test]
    fn a_count_beyond_the_range_stays_at_its_end() {
        assert_eq!(Cell::count(7), Cell::Integer(7));
        assert_eq!(Cell::count(u64::MAX), Cell::Integer(i64::MAX));
    }
}
