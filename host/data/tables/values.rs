//! Values of the columns of a table: numbers, whole numbers and texts, with their nulls.
//!
//! Never knows what a column is for; never takes a null for a number.

use std::ops::Range;

use crate::data::{error::excerpt, tables::types::Width};

/// Values of some rows, a stand-in where one is null.
#[derive(Debug, Clone)]
pub(crate) struct Nullable<T> {
    values: Vec<T>,
    /// Whether each row has a value; empty where all have.
    valid: Vec<bool>,
}

impl<T> Nullable<T> {
    /// Values in their rows; `valid` says which are none, and is empty where all are some.
    pub(crate) fn new(values: Vec<T>, valid: Vec<bool>) -> Self {
        Self { values, valid }
    }

    /// The value of a row, if it is not null.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&T> {
        (self.valid.is_empty() || self.valid[row]).then(|| &self.values[row])
    }

    /// The values of all rows, if none is null.
    pub(crate) fn all(&self) -> Option<&[T]> {
        self.valid.is_empty().then_some(&self.values)
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

impl<T: Default> Nullable<T> {
    /// Values as a file holds them, where nulls take no place.
    pub(crate) fn spread(values: Vec<T>, valid: Vec<bool>) -> Self {
        if valid.is_empty() {
            return Self { values, valid };
        }
        let mut values = values.into_iter();
        let in_row = |valid: &bool| if *valid { values.next().unwrap_or_default() } else { T::default() };
        Self { values: valid.iter().map(in_row).collect(), valid }
    }
}

/// Texts of some rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    text: String,
    places: Vec<Option<Range<usize>>>,
}

impl Texts {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { text: String::new(), places: Vec::with_capacity(rows) }
    }

    /// The text of a row, if it is not null.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        self.places[row].clone().map(|place| &self.text[place])
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds a row that is null.
    pub(crate) fn push_null(&mut self) {
        self.places.push(None);
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), Damage> {
        if self.repeat(text.as_bytes()) { Ok(()) } else { self.add(text) }
    }

    /// As [`Texts::push`], of bytes in UTF-8.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        if !self.repeat(bytes) {
            self.add(std::str::from_utf8(bytes).map_err(|_| Damage::new("a text is not UTF-8"))?)?;
        }
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), Damage> {
        // A dictionary names a long text in a few bits, over and over.
        const MOST: usize = 64 << 20;
        let start = self.text.len();
        if start + text.len() > MOST {
            let excerpt = excerpt(text);
            let text = format!("a column has more than 64 MiB of texts in a few thousand rows, like `{excerpt}`");
            return Err(Damage::new(text));
        }
        self.append(text);
        Ok(())
    }

    fn append(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.places.push(Some(start..self.text.len()));
    }

    /// Adds the row above once more, if it is the same. Most columns of texts name one symbol over and over.
    fn repeat(&mut self, bytes: &[u8]) -> bool {
        let above = self.places.last().cloned().flatten();
        let same = above.filter(|place| self.text.as_bytes()[place.clone()] == *bytes);
        let is_same = same.is_some();
        self.places.extend(same.map(Some));
        is_same
    }
}

/// The values of a column in some rows.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    Texts(Texts),
    Floats(Nullable<f64>),
    Wholes(Nullable<i64>),
    /// Whole numbers of which some are beyond 64 bits.
    Wide(Nullable<i128>),
}

impl Values {
    /// The text of a row, if the values are texts, and it is not null.
    pub(crate) fn text(&self, row: usize) -> Option<&str> {
        match self {
            Self::Texts(texts) => texts.get(row),
            Self::Floats(_) | Self::Wholes(_) | Self::Wide(_) => None,
        }
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Floats(values) => values.len(),
            Self::Wholes(values) => values.len(),
            Self::Wide(values) => values.len(),
        }
    }

    /// The number of a row, if it is not null; none of texts.
    #[inline]
    pub(crate) fn number(&self, row: usize) -> Option<f64> {
        match self {
            Self::Floats(values) => values.get(row).copied(),
            Self::Wholes(values) => values.get(row).map(|value| *value as f64),
            Self::Wide(values) => values.get(row).map(|value| *value as f64),
            Self::Texts(_) => None,
        }
    }

    /// The numbers of all rows as they are stored, if they are floats and none is null.
    pub(crate) fn floats(&self) -> Option<&[f64]> {
        match self {
            Self::Floats(values) => values.all(),
            Self::Wholes(_) | Self::Wide(_) | Self::Texts(_) => None,
        }
    }

    /// The numbers of all rows, if none is null; whole ones are converted in `room`.
    pub(crate) fn numbers<'r>(&'r self, room: &'r mut Vec<f64>) -> Option<&'r [f64]> {
        let Self::Wholes(values) = self else { return self.floats() };
        room.clear();
        room.extend(values.all()?.iter().map(|value| *value as f64));
        Some(room)
    }

    /// The whole number of a row, if it is one.
    pub(crate) fn whole(&self, row: usize) -> Option<i128> {
        match self {
            Self::Wholes(values) => values.get(row).map(|value| i128::from(*value)),
            Self::Wide(values) => values.get(row).copied(),
            Self::Floats(_) | Self::Texts(_) => None,
        }
    }

    /// The values as texts; those of whole numbers are their digits.
    pub(crate) fn into_names(self) -> Texts {
        match self {
            Self::Texts(texts) => texts,
            Self::Floats(values) => in_digits(&values),
            Self::Wholes(values) => in_digits(&values),
            Self::Wide(values) => in_digits(&values),
        }
    }
}

fn in_digits<T: ToString + PartialEq>(values: &Nullable<T>) -> Texts {
    let mut texts = Texts::with_capacity(values.len());
    let (mut last, mut text) = (None, String::new());
    for row in 0..values.len() {
        let value = values.get(row);
        if value.is_some() && value != last {
            (last, text) = (value, value.map(T::to_string).unwrap_or_default());
        }
        match value {
            Some(_) if texts.repeat(text.as_bytes()) => {}
            Some(_) => texts.append(&text),
            None => texts.push_null(),
        }
    }
    texts
}

/// What is wrong with a file.
#[derive(Debug)]
pub(crate) struct Damage(String);

impl Damage {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// The damage, with the column that has it.
    pub(crate) fn of_column(self, name: &str) -> Self {
        Self(format!("column `{}`: {}", excerpt(name), self.0))
    }
}

/// The number that an integer of `width` bits stands for, of which the higher bits do not count.
pub(crate) fn widened(value: i64, width: Width) -> i128 {
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
pub(crate) fn decimal(value: i128, scale: i32) -> f64 {
    const EXACT: u128 = 1 << 53;
    // Both operands are exact in this range, so that the quotient is rounded once.
    if (0..=22).contains(&scale) && value.unsigned_abs() < EXACT {
        return value as f64 / 10_f64.powi(scale);
    }
    nearest(&value.to_string(), scale)
}

/// As [`decimal`], of a number in two's complement, the highest byte first.
pub(crate) fn decimal_of_bytes(bytes: &[u8], scale: i32) -> f64 {
    let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    if bytes.len() <= size_of::<i128>() {
        let mut wide = [if is_negative { 0xff } else { 0 }; size_of::<i128>()];
        wide[size_of::<i128>() - bytes.len()..].copy_from_slice(bytes);
        return decimal(i128::from_be_bytes(wide), scale);
    }
    let sign = if is_negative { "-" } else { "" };
    nearest(&format!("{sign}{}", digits(bytes, is_negative)), scale)
}

/// A whole number in two's complement, the highest byte first.
pub(crate) fn whole_of_bytes(bytes: &[u8]) -> Result<i128, Damage> {
    let filler = if bytes.first().is_some_and(|byte| *byte >= 0x80) { 0xff } else { 0 };
    let (high, low) = bytes.split_at(bytes.len().saturating_sub(size_of::<i128>()));
    let mut wide = [filler; size_of::<i128>()];
    wide[size_of::<i128>() - low.len()..].copy_from_slice(low);
    let value = i128::from_be_bytes(wide);
    let fits = high.iter().all(|byte| *byte == filler) && (value < 0) == (filler == 0xff);
    if fits { Ok(value) } else { Err(Damage::new("a whole number has more than 38 digits")) }
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
pub(crate) fn half(bytes: &[u8]) -> f64 {
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

/// Bytes of a fixed length without the zeros that fill them up.
pub(crate) fn without_padding(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..length]
}
