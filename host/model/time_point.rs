//! Time points: where a part of the data begins or ends, as people write it.
//!
//! Never knows which bars there are.

use std::{fmt, str::FromStr};

use jiff::{civil, tz::Offset};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Schedule, format_time};

const DAY: i64 = 86_400_000_000_000;

/// A date, or a date with a time of day. Without an offset it is meant in the zone of the instrument.
///
/// # Examples
///
/// ```
/// use host::model::TimePoint;
///
/// for text in ["2024-01-31", "2024-01-31T09:30:00", "2024-01-31T14:30:00Z"] {
///     assert_eq!(text.parse::<TimePoint>()?.to_string(), text);
/// }
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimePoint {
    /// A day, counted from 1970-01-01.
    Day(i64),
    /// A time on the clocks of the instrument's zone, in nanoseconds counted as if it was UTC.
    Local(i64),
    /// Nanoseconds since the Unix epoch.
    Moment(i64),
}

impl TimePoint {
    /// Whether the bar with the time stamp `time` begins here or later.
    pub fn is_reached_by(self, time: i64, schedule: &Schedule) -> bool {
        match self {
            Self::Day(day) => schedule.day(time) >= day,
            Self::Local(local) => schedule.opens(time) >= schedule.moment(local),
            Self::Moment(moment) => schedule.opens(time) >= moment,
        }
    }

    /// Whether the bar with the time stamp `time` has ended by then: a day is over at its end.
    pub fn is_after(self, time: i64, schedule: &Schedule) -> bool {
        match self {
            Self::Day(day) => schedule.day(time) <= day,
            Self::Local(local) => schedule.ends(time) <= schedule.moment(local),
            Self::Moment(moment) => schedule.ends(time) <= moment,
        }
    }
}

impl FromStr for TimePoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let text = text.trim();
            let nanos = |time: civil::DateTime, offset: Offset| {
                i64::try_from(offset.to_timestamp(time).ok()?.as_nanosecond()).ok()
            };
            if let Ok(date) = text.parse::<civil::Date>()
                && text.len() == "2024-01-31".len()
            {
                return nanos(date.to_datetime(civil::Time::midnight()), Offset::UTC).map(|time| Self::Day(time / DAY));
            }
            if let Ok(moment) = text.parse::<jiff::Timestamp>() {
                return i64::try_from(moment.as_nanosecond()).ok().map(Self::Moment);
            }
            nanos(text.parse::<civil::DateTime>().ok()?, Offset::UTC).map(Self::Local)
        };
        read().ok_or_else(|| {
            format!("`{text}` is not a time; write a date (2024-01-31), or a date and a time (2024-01-31T09:30)")
        })
    }
}

impl fmt::Display for TimePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => f.write_str(&format_time(day.saturating_mul(DAY))),
            Self::Local(time) => f.write_str(super::format_date_time(*time).trim_end_matches('Z')),
            Self::Moment(time) => f.write_str(&super::format_date_time(*time)),
        }
    }
}

impl Serialize for TimePoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimePoint {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        String::deserialize(source)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BarTime;

    fn point(text: &str) -> TimePoint {
        text.parse().unwrap()
    }

    #[test]
    fn texts_are_read_and_written() {
        for (text, expected) in [
            ("2024-01-31", "2024-01-31"),
            ("1969-12-31", "1969-12-31"),
            ("2024-01-31 09:30", "2024-01-31T09:30:00"),
            ("2024-01-31T00:00", "2024-01-31T00:00:00"),
            ("2024-01-31T09:30:00-05:00", "2024-01-31T14:30:00Z"),
            ("2024-01-31T00:00Z", "2024-01-31T00:00:00Z"),
        ] {
            assert_eq!(point(text).to_string(), expected, "{text}");
            assert_eq!(point(expected), point(text), "{text}");
        }
        for text in ["", "soon", "2024", "01/31/2024", "2024-02-30", "9999999-01-01"] {
            assert!(text.parse::<TimePoint>().unwrap_err().contains("write a date (2024-01-31)"), "{text}");
        }
    }

    #[test]
    fn a_part_begins_with_a_day_and_ends_with_one() {
        const HOUR: i64 = DAY / 24;
        let tokyo = Schedule { interval: Some(HOUR), offsets: vec![(0, 9 * 3600)], ..Schedule::default() };
        let (before, first) = (14 * HOUR, 15 * HOUR);
        assert!(!point("1970-01-02").is_reached_by(before, &tokyo));
        assert!(point("1970-01-02").is_reached_by(first, &tokyo));
        assert!(point("1970-01-01").is_after(before, &tokyo));
        assert!(!point("1970-01-01").is_after(first, &tokyo));
        assert!(point("1970-01-02T01:00").is_reached_by(first + HOUR, &tokyo));
        assert!(!point("1970-01-02T01:00").is_reached_by(first, &tokyo));
        assert!(point("1970-01-01T16:00Z").is_after(first, &tokyo), "it has ended then");
        assert!(!point("1970-01-01T15:59Z").is_after(first, &tokyo));
        let dates = Schedule { dates: true, interval: Some(DAY), bar_time: BarTime::Close, ..Schedule::default() };
        assert!(point("1970-01-02").is_reached_by(DAY, &dates));
        assert!(point("1970-01-02").is_after(DAY, &dates));
    }
}
