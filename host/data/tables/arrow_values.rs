//! Values of Arrow columns, from what the format stores.
//!
//! Never trusts a length: what does not lie in its buffer is damage.

use bytes::Bytes;

use crate::data::tables::{
    arrow_types::Storage,
    types::{Meaning, Width},
    values::{
        Damage, Nullable, Texts, Values, decimal, decimal_of_bytes, half, whole_of_bytes, widened, without_padding,
    },
};

/// A column of a batch.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) storage: Storage,
    /// A bit for each row that is not null; empty where none is.
    pub(crate) valid: Bytes,
    /// The buffers behind it.
    pub(crate) buffers: Vec<Bytes>,
    /// What the numbers in the rows stand for, in parts, and the type of the numbers.
    pub(crate) dictionary: Option<(Vec<Values>, Width)>,
}

impl Column {
    /// The values of `rows` rows from `start` on.
    pub(crate) fn values(&self, meaning: Meaning, start: usize, rows: usize) -> Result<Values, Damage> {
        let range = start..start.checked_add(rows).ok_or_else(cut)?;
        let valid = self.valid(range.clone())?;
        if let Some((parts, width)) = &self.dictionary {
            let indices = self.fixed(start, rows, usize::try_from(width.bits / 8).unwrap_or_default())?;
            return looked_up(parts, indices.map(|bytes| whole(bytes, *width)), &valid);
        }
        match (self.storage, meaning) {
            (Storage::Fixed(size), Meaning::Bytes) => {
                texts(self.fixed(start, rows, size)?.map(|bytes| Ok(without_padding(bytes))), &valid)
            }
            (Storage::Fixed(size), _) => numbers(self.fixed(start, rows, size)?, size, meaning, valid),
            (Storage::Bytes { is_long }, Meaning::Text | Meaning::Bytes) => {
                texts(range.map(|row| self.piece(row, is_long)), &valid)
            }
            (Storage::Views, Meaning::Text | Meaning::Bytes) => {
                texts(self.fixed(start, rows, 16)?.map(|view| self.view(view)), &valid)
            }
            _ => Err(unfit()),
        }
    }

    /// Whether each row has a value; empty where all have.
    fn valid(&self, mut range: std::ops::Range<usize>) -> Result<Vec<bool>, Damage> {
        if self.valid.is_empty() || self.valid.len() >= range.end.div_ceil(8) && range.clone().all(|row| self.bit(row))
        {
            return Ok(Vec::new());
        }
        if self.valid.len() < range.end.div_ceil(8) {
            return Err(cut());
        }
        Ok(range.by_ref().map(|row| self.bit(row)).collect())
    }

    fn bit(&self, row: usize) -> bool {
        self.valid[row / 8] >> (row % 8) & 1 == 1
    }

    /// The bytes of values of a fixed size.
    fn fixed(&self, start: usize, rows: usize, size: usize) -> Result<impl Iterator<Item = &[u8]>, Damage> {
        let buffer = self.buffers.first().ok_or_else(cut)?;
        let end = start.checked_add(rows).and_then(|end| end.checked_mul(size));
        let bytes = end.and_then(|end| buffer.get(start * size..end)).ok_or_else(cut)?;
        Ok((0..rows).map(move |row| &bytes[row * size..(row + 1) * size]))
    }

    /// The bytes of a row between two offsets.
    fn piece(&self, row: usize, is_long: bool) -> Result<&[u8], Damage> {
        let [offsets, bytes] = self.buffers.as_slice() else { return Err(cut()) };
        let size = if is_long { 8 } else { 4 };
        let offset = |at: usize| {
            let found = offsets.get(at.checked_mul(size)?..)?.get(..size)?;
            let width = Width { bits: if is_long { 64 } else { 32 }, is_signed: true };
            usize::try_from(whole(found, width)).ok()
        };
        let range = offset(row).zip(offset(row + 1)).map(|(start, end)| start..end);
        range.and_then(|range| bytes.get(range)).ok_or_else(cut)
    }

    /// The bytes that a view stands for.
    fn view<'a>(&'a self, view: &'a [u8]) -> Result<&'a [u8], Damage> {
        const SHORT: usize = 12;
        let word = |at: usize| {
            let word = view.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
            word.and_then(|word| usize::try_from(word).ok()).ok_or_else(cut)
        };
        let length = word(0)?;
        if length <= SHORT {
            return view.get(4..4 + length).ok_or_else(cut);
        }
        let (buffer, offset) = (word(8)?, word(12)?);
        let bytes = buffer.checked_add(1).and_then(|at| self.buffers.get(at)).ok_or_else(cut)?;
        offset.checked_add(length).and_then(|end| bytes.get(offset..end)).ok_or_else(cut)
    }
}

fn cut() -> Damage {
    Damage::new("a column has fewer rows than its batch")
}

fn unfit() -> Damage {
    Damage::new("a column is of another type than the schema says")
}

/// A number in two's complement, the lowest byte first, of at most 64 bits.
fn whole(bytes: &[u8], width: Width) -> i128 {
    let mut wide = [0; 8];
    let size = bytes.len().min(8);
    wide[..size].copy_from_slice(&bytes[..size]);
    widened(i64::from_le_bytes(wide), width)
}

fn numbers<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    size: usize,
    meaning: Meaning,
    valid: Vec<bool>,
) -> Result<Values, Damage> {
    let signed = |bits: usize| Width { bits: i8::try_from(bits).unwrap_or(64), is_signed: true };
    Ok(match (meaning, size) {
        (Meaning::Half, 2) => Values::Floats(Nullable::new(values.map(half).collect(), valid)),
        (Meaning::Float, 4) => {
            let single = |bytes: &[u8]| bytes.try_into().map_or(f64::NAN, |bytes| f32::from_le_bytes(bytes).into());
            Values::Floats(Nullable::new(values.map(single).collect(), valid))
        }
        (Meaning::Float, 8) => {
            let double = |bytes: &[u8]| bytes.try_into().map_or(f64::NAN, f64::from_le_bytes);
            Values::Floats(Nullable::new(values.map(double).collect(), valid))
        }
        // Whole numbers may be times, too, and keep all their digits.
        (Meaning::Decimal(0), 4 | 8 | 16 | 32) => {
            let number = |bytes: &[u8]| whole_of_bytes(&bytes.iter().rev().copied().collect::<Vec<_>>());
            // What stands in the place of a null may be anything.
            let number = |(row, bytes): (usize, _)| if is_valid(&valid, row) { number(bytes) } else { Ok(0) };
            let values = values.enumerate().map(number).collect::<Result<_, Damage>>()?;
            Values::Wide(Nullable::new(values, valid))
        }
        (Meaning::Decimal(scale), 4 | 8) => {
            let number = |bytes| decimal(whole(bytes, signed(8 * size)), scale);
            Values::Floats(Nullable::new(values.map(number).collect(), valid))
        }
        (Meaning::Decimal(scale), 16 | 32) => {
            let number = |bytes: &[u8]| decimal_of_bytes(&bytes.iter().rev().copied().collect::<Vec<_>>(), scale);
            Values::Floats(Nullable::new(values.map(number).collect(), valid))
        }
        (Meaning::Integer(width @ Width { bits: 64, is_signed: false }), 8) => {
            Values::Wide(Nullable::new(values.map(|bytes| whole(bytes, width)).collect(), valid))
        }
        // What these types hold, 64 bits hold.
        (Meaning::Integer(width), _) => {
            Values::Wholes(Nullable::new(values.map(|bytes| whole(bytes, width) as i64).collect(), valid))
        }
        (Meaning::Stamp(_) | Meaning::TimeOfDay(_) | Meaning::Period(_), 4 | 8) => {
            let number = |bytes| whole(bytes, signed(8 * size)) as i64;
            Values::Wholes(Nullable::new(values.map(number).collect(), valid))
        }
        _ => return Err(unfit()),
    })
}

fn texts<'a>(values: impl Iterator<Item = Result<&'a [u8], Damage>>, valid: &[bool]) -> Result<Values, Damage> {
    let mut texts = Texts::with_capacity(values.size_hint().0);
    for (row, value) in values.enumerate() {
        // What stands in the place of a null may be anything.
        match is_valid(valid, row) {
            true => texts.push_bytes(value?)?,
            false => texts.push_null(),
        }
    }
    Ok(Values::Texts(texts))
}

fn is_valid(valid: &[bool], row: usize) -> bool {
    valid.is_empty() || valid[row]
}

/// The values that numbers stand for.
fn looked_up(parts: &[Values], indices: impl Iterator<Item = i128>, valid: &[bool]) -> Result<Values, Damage> {
    let place = |(row, index): (usize, i128)| {
        if !is_valid(valid, row) {
            return Ok(None);
        }
        let mut index = usize::try_from(index).map_err(|_| unlisted())?;
        for part in parts {
            match index.checked_sub(part.len()) {
                None => return Ok(Some((part, index))),
                Some(rest) => index = rest,
            }
        }
        Err(unlisted())
    };
    let places: Vec<Option<(&Values, usize)>> = indices.enumerate().map(place).collect::<Result<_, Damage>>()?;
    let places = places.into_iter();
    Ok(match parts.first() {
        Some(Values::Texts(_)) | None => {
            let mut texts = Texts::with_capacity(places.len());
            for place in places {
                match place.and_then(|(part, row)| part.text(row)) {
                    Some(text) => texts.push(text)?,
                    None => texts.push_null(),
                }
            }
            Values::Texts(texts)
        }
        Some(Values::Floats(_)) => Values::Floats(picked(places, |part, row| match part {
            Values::Floats(values) => values.get(row).copied(),
            _ => None,
        })),
        Some(Values::Wholes(_)) => Values::Wholes(picked(places, |part, row| match part {
            Values::Wholes(values) => values.get(row).copied(),
            _ => None,
        })),
        Some(Values::Wide(_)) => Values::Wide(picked(places, |part, row| match part {
            Values::Wide(values) => values.get(row).copied(),
            _ => None,
        })),
    })
}

fn picked<'a, T: Default>(
    places: impl Iterator<Item = Option<(&'a Values, usize)>>,
    get: impl Fn(&Values, usize) -> Option<T>,
) -> Nullable<T> {
    let values: Vec<Option<T>> = places.map(|place| place.and_then(|(part, row)| get(part, row))).collect();
    let valid =
        if values.iter().all(Option::is_some) { Vec::new() } else { values.iter().map(Option::is_some).collect() };
    Nullable::new(values.into_iter().map(Option::unwrap_or_default).collect(), valid)
}

fn unlisted() -> Damage {
    Damage::new("a column has a value that its dictionary lacks")
}
