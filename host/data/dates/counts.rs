//! Numbers that are times: epochs, serial dates of Excel and MATLAB, Julian days, ticks.
//!
//! Never guesses which of them a number is; rounds nothing but what a binary day fraction has lost.

use crate::data::error::excerpt;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberForm {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// Microseconds since 1970.
    Micros,
    /// Nanoseconds since 1970.
    Nanos,
    /// Days of Excel: 61 is 1900-03-01.
    Excel,
    /// Days of Excel on old Macs: 0 is 1904-01-01.
    Excel1904,
    /// Units of 100 ns since 1601.
    FileTime,
    /// Units of 100 ns since the year 1.
    DotnetTicks,
    /// Days of MATLAB: 1 is 0000-01-01.
    Matlab,
    /// Days of Python's `toordinal`: 1 is 0001-01-01.
    Ordinal,
    /// Julian days: a whole number is the date at whose noon it begins.
    JulianDay,
    /// Days since 1970.
    Days,
    /// Milliseconds since 1970 in `/Date(...)/`.
    JsonDate,
}

/// The names that an option has for each.
const NAMES: [(&str, NumberForm); 14] = [
    ("s", NumberForm::Seconds),
    ("unix", NumberForm::Seconds),
    ("ms", NumberForm::Millis),
    ("us", NumberForm::Micros),
    ("ns", NumberForm::Nanos),
    ("excel", NumberForm::Excel),
    ("excel-1904", NumberForm::Excel1904),
    ("filetime", NumberForm::FileTime),
    ("dotnet-ticks", NumberForm::DotnetTicks),
    ("matlab", NumberForm::Matlab),
    ("ordinal", NumberForm::Ordinal),
    ("julian-day", NumberForm::JulianDay),
    ("days", NumberForm::Days),
    ("/Date(ms)/", NumberForm::JsonDate),
];

const DAY: i128 = 86_400_000_000_000;

impl NumberForm {
    /// The form of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, form)| form)
    }

    /// The name that an option has for it.
    pub(crate) fn name(self) -> &'static str {
        NAMES.into_iter().find(|(_, form)| *form == self).map_or("", |(name, _)| name)
    }

    /// All names.
    pub(crate) fn names() -> String {
        NAMES.map(|(name, _)| format!("`{name}`")).join(", ")
    }

    /// Whether the numbers are moments; else they are what a clock shows.
    pub(crate) fn is_moment(self) -> bool {
        matches!(self, Self::Seconds | Self::Millis | Self::Micros | Self::Nanos | Self::FileTime | Self::JsonDate)
    }

    /// The nanoseconds of one, and how many of them 1970 begins at, in halves.
    fn scale(self) -> (i128, i128) {
        match self {
            Self::Seconds => (1_000_000_000, 0),
            Self::Millis | Self::JsonDate => (1_000_000, 0),
            Self::Micros => (1_000, 0),
            Self::Nanos => (1, 0),
            Self::FileTime => (100, 2 * 116_444_736_000_000_000),
            Self::DotnetTicks => (100, 2 * 621_355_968_000_000_000),
            Self::Excel => (DAY, 2 * 25_569),
            Self::Excel1904 => (DAY, 2 * 24_107),
            Self::Matlab => (DAY, 2 * 719_529),
            Self::Ordinal => (DAY, 2 * 719_163),
            Self::JulianDay => (DAY, 2 * 2_440_587 + 1),
            Self::Days => (DAY, 0),
        }
    }

    /// The nanoseconds since 1970 that `text` says, or what is wrong with it.
    pub(crate) fn read(self, text: &str) -> Result<i64, String> {
        let name = self.name();
        let inner = match self {
            Self::JsonDate => text.strip_prefix("/Date(").and_then(|text| text.strip_suffix(")/")),
            _ => Some(text),
        };
        // The offset says what a clock showed; the number is a moment without it.
        let inner = inner.map(|inner| match inner.get(1..).and_then(|tail| tail.find(['+', '-'])) {
            Some(at) if self == Self::JsonDate => &inner[..=at],
            _ => inner,
        });
        let number = inner.and_then(Decimal::parse);
        let Some(number) = number else {
            return Err(format!("time `{}` is not a number as `{name}` needs it", excerpt(text)));
        };
        let out = || {
            format!(
                "time `{}`, read as `{name}`, is out of range; times lie between 1677-09-21 and 2262-04-11",
                excerpt(text)
            )
        };
        let (unit, zero) = self.scale();
        let days = number.nanos(unit).ok_or_else(out)?;
        let mut nanos = days.checked_sub(zero * unit / 2).ok_or_else(out)?;
        if self == Self::Excel && days < 61 * DAY {
            return Err(format!(
                "time `{}` is before 1900-03-01, where dates of Excel begin to be right",
                excerpt(text)
            ));
        }
        if unit == DAY {
            nanos = number.settle_day(nanos).ok_or_else(|| {
                format!(
                    "time `{}` is rounded: it has too few digits to tell the second; write it in full",
                    excerpt(text)
                )
            })?;
        }
        if self == Self::JulianDay && number.is_whole_text {
            nanos -= DAY / 2;
        }
        i64::try_from(nanos).map_err(|_| out())
    }
}

/// A decimal number as it is written: `digits` times ten to the power of `-places`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    digits: i128,
    places: i32,
    /// Whether it has neither point nor exponent.
    is_whole_text: bool,
}

impl Decimal {
    /// Reads `1706693400`, `-1.5`, `1.7066934e9`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok().filter(|power| power.abs() < 30)?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() + part.len() > 30 || !is_digits(whole) || !is_digits(part) {
            return None;
        }
        let add = |sum: i128, byte: u8| sum * 10 + i128::from(byte - b'0');
        let digits = whole.bytes().chain(part.bytes()).fold(0, add);
        let digits = if mantissa.starts_with('-') { -digits } else { digits };
        let places = i32::try_from(part.len()).ok()? - power;
        Some(Self {
            digits,
            places,
            is_whole_text: unsigned.len() == text.trim_start_matches(['-', '+']).len()
                && part.is_empty()
                && !unsigned.contains('.'),
        })
    }

    /// The number without a power of ten.
    pub(crate) fn plain(self) -> Option<String> {
        let places = match usize::try_from(self.places) {
            Ok(places) => places,
            Err(_) => {
                return Some(self.digits.checked_mul(10_i128.checked_pow(self.places.unsigned_abs())?)?.to_string());
            }
        };
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = format!("{:0>1$}", self.digits.unsigned_abs(), places + 1);
        let (whole, part) = digits.split_at(digits.len() - places);
        Some(if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
    }

    /// The nanoseconds that so many units are; what is below a nanosecond is cut.
    pub(crate) fn nanos(self, unit: i128) -> Option<i128> {
        let all = self.digits.checked_mul(unit)?;
        match u32::try_from(self.places) {
            Ok(places) => Some(all / 10_i128.checked_pow(places)?),
            Err(_) => all.checked_mul(10_i128.checked_pow(self.places.unsigned_abs())?),
        }
    }

    /// The moment that a day with a fraction means: a double keeps less than a microsecond of one, so that it is that of the
    /// nearest millisecond; of fewer digits, only whole seconds are sure.
    fn settle_day(self, nanos: i128) -> Option<i128> {
        const SECOND: i128 = 1_000_000_000;
        const MILLI: i128 = 1_000_000;
        match self.places {
            ..9 => (nanos % SECOND == 0).then_some(nanos),
            _ => Some((nanos + MILLI / 2).div_euclid(MILLI) * MILLI),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::format_time;

    #[test]
    fn each_number_is_the_time_that_it_counts_to() {
        use NumberForm::*;
        let cases = [
            (Seconds, "1706693400", "2024-01-31T09:30:00Z"),
            (Seconds, "1706693400.25", "2024-01-31T09:30:00.25Z"),
            (Seconds, "1.7066934e9", "2024-01-31T09:30:00Z"),
            (Seconds, "1.7066934E+09", "2024-01-31T09:30:00Z"),
            (Seconds, "-1.5", "1969-12-31T23:59:58.5Z"),
            (Seconds, "45293", "1970-01-01T12:34:53Z"),
            (Millis, "1706693400000", "2024-01-31T09:30:00Z"),
            (Micros, "1706693400000000", "2024-01-31T09:30:00Z"),
            (Nanos, "1706693400000000001", "2024-01-31T09:30:00.000000001Z"),
            (Excel, "45293", "2024-01-02"),
            (Excel, "45293.0", "2024-01-02"),
            (Excel, "45293.395833333336", "2024-01-02T09:30:00Z"),
            (Excel, "45293.3958333333", "2024-01-02T09:30:00Z"),
            (Excel, "45293.5", "2024-01-02T12:00:00Z"),
            (Excel, "61", "1900-03-01"),
            (Excel1904, "43831", "2024-01-02"),
            (FileTime, "133511670000000000", "2024-01-31T09:30:00Z"),
            (DotnetTicks, "638422902000000000", "2024-01-31T09:30:00Z"),
            (Matlab, "739253", "2024-01-02"),
            (Matlab, "739253.395833333", "2024-01-02T09:30:00Z"),
            (Ordinal, "738887", "2024-01-02"),
            (JulianDay, "2460312", "2024-01-02"),
            (JulianDay, "2460311.5", "2024-01-02"),
            (JulianDay, "2460312.0", "2024-01-02T12:00:00Z"),
            (Days, "19724", "2024-01-02"),
            (JsonDate, "/Date(1706693400000)/", "2024-01-31T09:30:00Z"),
            (JsonDate, "/Date(1706693400000-0500)/", "2024-01-31T09:30:00Z"),
            (JsonDate, "/Date(-86400000)/", "1969-12-31"),
        ];
        for (form, text, expected) in cases {
            assert_eq!(form.read(text).map(format_time).as_deref(), Ok(expected), "{form:?} {text}");
        }
    }

    #[test]
    fn numbers_that_do_not_tell_are_refused() {
        use NumberForm::*;
        let cases = [
            (Excel, "45293.3958", "is rounded"),
            (Excel, "59", "before 1900-03-01"),
            (Excel, "soon", "is not a number"),
            (Excel, "1e400", "is not a number"),
            (Seconds, "", "is not a number"),
            (Seconds, "-", "is not a number"),
            (Seconds, "1706693400000", "out of range"),
            (FileTime, "638422902000000000", "out of range"),
            (JsonDate, "1706693400000", "is not a number"),
            (Nanos, "999999999999999999999999999999", "out of range"),
            (Nanos, "9e29", "out of range"),
        ];
        for (form, text, expected) in cases {
            let error = form.read(text).unwrap_err();
            assert!(error.contains(expected), "{form:?} {text}: {error}");
        }
    }

    #[test]
    fn names_come_back() {
        for (name, form) in NAMES {
            assert_eq!(NumberForm::named(name), Some(form));
            assert_eq!(NumberForm::named(form.name()), Some(form));
        }
    }
}
