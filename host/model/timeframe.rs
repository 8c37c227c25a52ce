//! Timeframes: how long the bars are that a strategy hears of, as people write it.
//!
//! Never knows which bars there are.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds of a minute and of a day.
const MINUTE: i64 = 60_000_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// How long bars are. Those within a day divide it.
///
/// # Examples
///
/// ```
/// use host::model::Timeframe;
///
/// for text in ["5min", "4h", "1d", "1w", "3mo"] {
///     assert_eq!(text.parse::<Timeframe>()?.to_string(), text);
/// }
/// assert!("7min".parse::<Timeframe>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeframe {
    /// So many minutes, which divide a day.
    Minutes(i64),
    /// A day of trading.
    Day,
    /// A week, from Monday on.
    Week,
    /// So many calendar months, which divide a year; quarters and years begin in January.
    Months(i64),
}

impl Timeframe {
    /// Nanoseconds that it lasts, or mostly does.
    pub fn nanoseconds(self) -> i64 {
        match self {
            Self::Minutes(minutes) => minutes * MINUTE,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            // As many whole days as calendar months have in the mean.
            Self::Months(months) => (months * 3044 / 100) * DAY,
        }
    }
}

impl FromStr for Timeframe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |why: &str| {
            format!(
                "`{text}` is not a timeframe{why}; give minutes or hours that divide a day (`5min`, `4h`), `1d`, `1w`, or months that \
                 divide a year (`1mo`, `3mo`)"
            )
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let count: i64 = count.parse().map_err(|_| refused(""))?;
        let within_day = |minutes: Option<i64>| match minutes {
            Some(1440) => Ok(Self::Day),
            Some(minutes @ 1..) if 1440 % minutes == 0 => Ok(Self::Minutes(minutes)),
            _ => Err(refused(", since it does not divide a day")),
        };
        match unit {
            "min" | "m" => within_day(Some(count)),
            "h" => within_day(count.checked_mul(60)),
            "d" if count == 1 => Ok(Self::Day),
            "w" if count == 1 => Ok(Self::Week),
            "mo" if (1..=12).contains(&count) && 12 % count == 0 => Ok(Self::Months(count)),
            _ => Err(refused("")),
        }
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minutes(minutes) if minutes % 60 == 0 => write!(f, "{}h", minutes / 60),
            Self::Minutes(minutes) => write!(f, "{minutes}min"),
            Self::Day => f.write_str("1d"),
            Self::Week => f.write_str("1w"),
            Self::Months(months) => write!(f, "{months}mo"),
        }
    }
}

impl Serialize for Timeframe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timeframe {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        String::deserialize(source)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_divide_a_day_or_a_year_is_refused() {
        let read = |text: &str| text.parse::<Timeframe>();
        assert_eq!(read("15m"), Ok(Timeframe::Minutes(15)));
        assert_eq!(read("90min").unwrap().to_string(), "90min");
        assert_eq!(read("24h"), Ok(Timeframe::Day));
        for text in ["", "h", "0h", "7min", "5h", "2d", "2w", "5mo", "1y", "1H", "-1h", "9999999999999999999h", "1 h"] {
            let error = read(text).unwrap_err();
            assert!(error.contains("is not a timeframe") && error.contains("`4h`"), "{error}");
        }
    }
}
