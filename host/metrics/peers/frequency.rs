//! Frequency: the time from one bar to the next, as vectorbt's `freq` has it.
//!
//! Never looks at bars.

use std::{fmt, num::NonZeroU32, str::FromStr};

use serde::{Serialize, Serializer};

/// The units of a frequency with their nanoseconds, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("W", 7 * 86_400_000_000_000),
    ("D", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// The time from one bar to the next: a whole number of weeks, days, hours, minutes or seconds.
///
/// It is written as pandas writes it: `30D`, `1h`, `5min`; a unit alone is one of them.
///
/// # Examples
///
/// ```
/// use host::metrics::Frequency;
///
/// let freq: Frequency = "30D".parse()?;
/// assert_eq!((freq.to_string().as_str(), freq.nanoseconds()), ("30D", 30.0 * 86_400e9));
/// assert_eq!("H".parse::<Frequency>()?.to_string(), "1h");
/// # Ok::<(), host::metrics::FrequencyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frequency {
    count: NonZeroU32,
    unit: &'static str,
    /// Nanoseconds of the unit.
    length: u64,
}

/// A text that is not a frequency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time between bars; give a whole number and one of `W`, `D`, `h`, `min` and `s`, like `30D`")]
pub struct FrequencyError {
    /// The text.
    text: String,
}

impl Frequency {
    /// Nanoseconds.
    pub fn nanoseconds(self) -> f64 {
        f64::from(self.count.get()) * self.length as f64
    }
}

impl FromStr for Frequency {
    type Err = FrequencyError;

    fn from_str(text: &str) -> Result<Self, FrequencyError> {
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (count, name) = text.split_at(digits);
        // Older versions of pandas write some units in the other case.
        let unit = UNITS.iter().find(|(unit, _)| name == *unit || (unit.len() == 1 && name.eq_ignore_ascii_case(unit)));
        let count = if count.is_empty() { Some(NonZeroU32::MIN) } else { count.parse().ok() };
        match unit.zip(count) {
            Some((&(unit, length), count)) => Ok(Self { count, unit, length }),
            None => Err(FrequencyError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit)
    }
}

impl Serialize for Frequency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_is_read_as_pandas_writes_it() {
        let days = |text: &str| text.parse::<Frequency>().map(|freq| freq.nanoseconds() / 86_400e9);
        for (text, expected) in
            [("30D", 30.0), ("d", 1.0), ("1h", 1.0 / 24.0), ("12H", 0.5), ("90min", 0.0625), ("W", 7.0)]
        {
            assert_eq!(days(text), Ok(expected), "{text}");
        }
        for text in ["", "30", "0D", "-1D", "1.5D", "1 D", "5m", "5MIN", "M", "ME", "D30", "99999999999D", "µs"] {
            assert_eq!(text.parse::<Frequency>(), Err(FrequencyError { text: text.into() }));
        }
    }

    #[test]
    fn a_frequency_is_written_as_it_is_read() {
        for text in ["30D", "1h", "5min", "2W", "10s"] {
            assert_eq!(text.parse::<Frequency>().unwrap().to_string(), text);
        }
    }
}
