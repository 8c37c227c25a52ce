//! Quick rows: lines of plain numbers, read in one pass over their bytes.
//!
//! Never says what is wrong with a row: a line that has anything else than plain numbers is left to the reader of all rows.

use crate::data::columns::{Columns, TimeColumn};

/// What a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Other,
    Time,
    /// A number, by its place among those of a bar.
    Number(usize),
}

/// Which column of a line holds which part of a bar.
#[derive(Debug)]
pub(super) struct QuickRows {
    /// What each column has.
    roles: Vec<Role>,
    delimiter: u8,
    pub(super) has_volume: bool,
}

/// A line of plain numbers.
#[derive(Debug, PartialEq)]
pub(super) struct QuickRow<'a> {
    /// The time as it is written.
    pub(super) time: &'a str,
    /// Open, high, low, close, and the volume, if there is one.
    pub(super) numbers: [f64; 5],
}

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Powers of ten that 64 bits hold.
const TENS: [u64; 20] = {
    let (mut tens, mut at) = ([1; 20], 1);
    while at < tens.len() {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

impl QuickRows {
    /// The rows of a text with `width` columns; none where bars are made of more than a time, four prices and a volume.
    pub(super) fn of(columns: &Columns, width: usize, delimiter: u8) -> Option<Self> {
        let TimeColumn::One(time) = columns.time else { return None };
        if columns.adjusted.is_some() || columns.ticks.is_some() || columns.symbol.is_some() {
            return None;
        }
        let mut roles = vec![Role::Other; width];
        let numbers = columns.prices().into_iter().chain(columns.volume);
        let wanted = numbers.enumerate().map(|(slot, at)| (at, Role::Number(slot))).chain([(time, Role::Time)]);
        for (at, role) in wanted {
            // A close may be all four prices.
            if std::mem::replace(roles.get_mut(at)?, role) != Role::Other {
                return None;
            }
        }
        Some(Self { roles, delimiter, has_volume: columns.volume.is_some() })
    }

    /// Reads the line of `text` that begins at `start`, if it is quick, and returns where the next one begins.
    pub(super) fn read<'a>(&self, text: &'a str, start: usize) -> Option<(QuickRow<'a>, usize)> {
        let bytes = text.as_bytes();
        // Behind a last line without an end nothing begins.
        if start >= bytes.len() {
            return None;
        }
        let (mut time, mut numbers) = ("", [0.0; 5]);
        let (mut at, last) = (start, self.roles.len() - 1);
        for (column, role) in self.roles.iter().enumerate() {
            let end = match role {
                Role::Number(slot) => {
                    let (value, end) = number(text, at)?;
                    numbers[*slot] = value;
                    end
                }
                Role::Time | Role::Other => {
                    let length = memchr::memchr2(self.delimiter, b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                    let is_cut = bytes[at..at + length].last() == Some(&b'\r');
                    at + length - usize::from(is_cut)
                }
            };
            if *role == Role::Time {
                time = &text[at..end];
            }
            at = match (column == last, &bytes[end..]) {
                (false, [mark, ..]) if *mark == self.delimiter => end + 1,
                (true, [b'\n', ..]) => end + 1,
                (true, [b'\r', b'\n', ..]) => end + 2,
                (true, []) => end,
                _ => return None,
            };
        }
        let is_dark = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
        let is_plain = is_dark(time.as_bytes().first()) && is_dark(time.as_bytes().last());
        is_plain.then_some((QuickRow { time, numbers }, at))
    }
}

/// The number that begins at `start`, digits with or without a point among them, and where it ends.
#[inline]
fn number(text: &str, start: usize) -> Option<(f64, usize)> {
    /// The most digits that 64 bits hold whatever they are.
    const HELD: usize = 19;
    /// The greatest whole number up to which a float holds all.
    const EXACT: u64 = 1 << 53;
    let bytes = text.as_bytes();
    let (whole, mut at) = digits(bytes, start, 0);
    let (mut mantissa, mut places) = (whole, 0);
    if at == start {
        return None;
    }
    let mut count = at - start;
    if bytes.get(at) == Some(&b'.') {
        let (all, end) = digits(bytes, at + 1, whole);
        (mantissa, places) = (all, end - at - 1);
        if places == 0 {
            return None;
        }
        (at, count) = (end, count + places);
    }
    // Both operands are exact, so that the quotient is rounded once.
    if count <= HELD && mantissa <= EXACT && places < POWERS.len() {
        return Some((mantissa as f64 / POWERS[places], at));
    }
    if let (true, Some(ten)) = (count <= HELD && mantissa > EXACT, TENS.get(places)) {
        return Some((quotient(mantissa, *ten), at));
    }
    let value: f64 = text[start..at].parse().ok()?;
    value.is_finite().then_some((value, at))
}

/// The number nearest to `numerator / denominator`, for a numerator of 54 bits and more.
#[inline]
fn quotient(numerator: u64, denominator: u64) -> f64 {
    // As many bits before the division as give it 62 or 63 behind it: more than a float has, and one to tell a tie.
    let shift = (62 + numerator.leading_zeros()).saturating_sub(denominator.leading_zeros());
    let wide = u128::from(numerator) << shift;
    let found = wide / u128::from(denominator);
    let rest = wide - found * u128::from(denominator);
    // What is left makes the last bit odd, so that it is rounded as if all bits were there. The power of two is exact.
    let whole = found as u64 | u64::from(rest != 0);
    whole as f64 * f64::from_bits(u64::from(1023 - shift) << 52)
}

/// Appends the digits from `at` on to `value`, and returns where they end. Of more digits than 64 bits hold, the value is wrong.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk).and_then(eight_digits) {
        value = value.wrapping_mul(100_000_000).wrapping_add(eight);
        at += 8;
    }
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(digit.into());
        at += 1;
    }
    (value, at)
}

/// The number that eight bytes spell, if all of them are digits.
#[inline]
fn eight_digits(bytes: &[u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let word = u64::from_le_bytes(*bytes);
    // Digits are 0x30 to 0x39: six more leave the high halves as they are.
    if word & HIGH != ZEROS || word.wrapping_add(0x0606_0606_0606_0606) & HIGH != ZEROS {
        return None;
    }
    // Pairs of digits, then fours, then all.
    let digits = word - ZEROS;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(volume: bool) -> Columns {
        Columns {
            time: TimeColumn::One(0),
            open: 1,
            high: 2,
            low: 3,
            close: 4,
            adjusted: None,
            volume: volume.then_some(6),
            ticks: None,
            symbol: None,
            zone: None,
            notes: Vec::new(),
            unread: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn a_number_is_what_the_standard_library_reads(text in "[0-9]{0,22}(\\.[0-9]{0,24})?[,x\n-]?") {
            let length = text.trim_end_matches([',', 'x', '\n', '-']).len();
            if let Some((value, end)) = number(&text, 0) {
                prop_assert_eq!(end, length);
                prop_assert_eq!(value.to_bits(), text[..end].parse::<f64>().unwrap().to_bits());
            } else {
                let is_whole = |part: &str| !part.is_empty();
                let is_plain = text[..length].split('.').all(is_whole);
                prop_assert!(!is_plain, "{}", text);
            }
        }

        #[test]
        fn prices_are_what_the_standard_library_reads(price in 0.0..1e7_f64, places in 0..17_usize) {
            let text = format!("{price:.places$}");
            prop_assert_eq!(number(&text, 0), Some((text.parse().unwrap(), text.len())));
        }

        #[test]
        fn no_text_panics(text in "[0-9.,\r\n é]{0,60}", start in 0..9_usize) {
            let rows = QuickRows::of(&columns(true), 7, b',').unwrap();
            if text.is_char_boundary(start) || start > text.len() {
                let _ = rows.read(&text, start);
            }
        }
    }

    #[test]
    fn a_line_of_plain_numbers_is_read_at_once_and_no_other() {
        let rows = QuickRows::of(&columns(true), 7, b',').unwrap();
        let row = QuickRow { time: "2024-01-31", numbers: [1.0, 2.5, 0.5, 1.25, 7.0] };
        for end in ["", "\n", "\r\n"] {
            let text = format!("2024-01-31,1,2.5,0.5,1.25,any é,7{end}");
            assert_eq!(rows.read(&text, 0).unwrap(), (QuickRow { ..row }, text.len()));
        }
        let others = [
            "",
            "\n",
            "2024-01-31,1,2.5,0.5,1.25,any",
            "2024-01-31,1,2.5,0.5,1.25,any,7,8",
            "2024-01-31,1,2.5,0.5,1.25,any,",
            "2024-01-31,-1,2.5,0.5,1.25,any,7",
            "2024-01-31,1e2,2.5,0.5,1.25,any,7",
            "2024-01-31, 1,2.5,0.5,1.25,any,7",
            "2024-01-31,1,2.5,.5,1.25,any,7",
            "2024-01-31,1,2.,0.5,1.25,any,7",
            " 2024-01-31,1,2.5,0.5,1.25,any,7",
            ",1,2.5,0.5,1.25,any,7",
        ];
        for text in others {
            assert_eq!(rows.read(text, 0), None, "{text}");
        }
        assert!(QuickRows::of(&columns(true), 6, b',').is_none());
        assert!(QuickRows::of(&Columns { open: 4, ..columns(false) }, 7, b',').is_none());
    }
}
