//! Likeness: what the numbers of a column of times look like, where they may be no epochs.
//!
//! Never decides what a number is: it names what the number may be, and the format that would read it as that.

use jiff::{
    civil::{self, Time},
    tz::Offset,
};

use crate::data::dates::form::nanos_of;
use crate::model::format_time;

/// Seconds from 1970 on of which no file of bars begins with an epoch: 100,000,000 is in March 1973. Smaller numbers are
/// years, serial dates, or numbers of bars. A file that begins before 1967 may run through them.
pub(crate) const SMALL: u64 = 100_000_000;

/// A date in eight digits.
pub(crate) fn compact_date(value: i64) -> Option<i64> {
    if !(16_770_922..=22_620_411).contains(&value) {
        return None;
    }
    nanos_of(date_of(value / 10_000, value / 100 % 100, value % 100)?, Time::midnight(), Offset::UTC)
}

pub(crate) fn date_of(year: i64, month: i64, day: i64) -> Option<civil::Date> {
    civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

/// What a number may be, though it could be an epoch too: a date with a time of day in 10 or 12 digits.
pub(crate) fn layout_of(value: i64) -> Option<(&'static str, &'static str)> {
    let is_time = |hours: i64, minutes: i64| hours < 24 && minutes < 60;
    match value {
        1_900_010_100..=2_100_123_123 if is_time(value % 100, 0) => {
            compact_date(value / 100).map(|_| ("YYYYMMDDhh", "%Y%m%d%H"))
        }
        190_001_010_000..=210_012_312_359 if is_time(value / 100 % 100, value % 100) => {
            compact_date(value / 10_000).map(|_| ("YYYYMMDDhhmm", "%Y%m%d%H%M"))
        }
        _ => None,
    }
}

/// Whether the epochs of a file are all something else as well: dates and times of day without a century, or ticks.
#[derive(Debug, Default)]
pub(crate) struct Digits {
    pub(crate) first: i64,
    seen: u64,
    with_minutes: u64,
    with_seconds: u64,
    ticks: u64,
    filetimes: u64,
}

impl Digits {
    /// Counts one number.
    pub(crate) fn see(&mut self, value: i64) {
        let all = self.seen;
        self.seen += 1;
        if all == 0 {
            self.first = value;
        }
        let fits = |day: i64, hour: i64, minute: i64, second: i64| {
            let date = date_of(2000 + day / 10_000, day / 100 % 100, day % 100);
            date.is_some() && hour < 24 && minute < 60 && second < 60
        };
        if self.with_minutes == all && (101_010_000..=9_912_312_359).contains(&value) {
            self.with_minutes += u64::from(fits(value / 10_000, value / 100 % 100, value % 100, 0));
        }
        // Ticks of .NET from 1970 to 2099 are nanoseconds of 1989 to 1991.
        if self.ticks == all && (621_355_968_000_000_000..=662_380_416_000_000_000).contains(&value) {
            self.ticks += 1;
        }
        // Those of Windows from 1970 to 2099 are nanoseconds of 1973 and 1974.
        if self.filetimes == all && (116_444_736_000_000_000..=157_469_184_000_000_000).contains(&value) {
            self.filetimes += 1;
        }
        if self.with_seconds == all && (10_101_000_000..=991_231_235_959).contains(&value) {
            let (hour, minute) = (value / 10_000 % 100, value / 100 % 100);
            self.with_seconds += u64::from(fits(value / 1_000_000, hour, minute, value % 100));
        }
    }

    /// The layout that every number has. One alone may have it by chance.
    pub(crate) fn layout(&self) -> Option<(&'static str, &'static str)> {
        match self.seen {
            0 => None,
            seen if seen == self.ticks => Some(("ticks of .NET (100 ns since the year 1)", "dotnet-ticks")),
            seen if seen == self.filetimes => Some(("a FILETIME of Windows (100 ns since 1601)", "filetime")),
            1 => None,
            seen if seen == self.with_minutes => Some(("YYMMDDhhmm", "%y%m%d%H%M")),
            seen if seen == self.with_seconds => Some(("YYMMDDhhmmss", "%y%m%d%H%M%S")),
            _ => None,
        }
    }
}

/// Why a small number is not a time.
pub(crate) fn small(value: i64, text: &dyn std::fmt::Display) -> String {
    match likeness(value) {
        Some((like, "")) => format!("time `{text}` looks like {like}; write ISO dates (2024-01-31)"),
        Some((like, formats)) => {
            let options: Vec<_> = formats.split(' ').map(|format| format!("`--read date-format={format}`")).collect();
            let options = options.join(" or ");
            format!("time `{text}` looks like {like}; if so, say it ({options}), or write ISO dates (2024-01-31)")
        }
        None => format!(
            "time `{text}` is too small for an epoch, which begin at 100000000 (1973-03-03); write ISO dates (2024-01-31)"
        ),
    }
}

/// Whether eight digits have a day and a month, in any order, before the year.
pub(crate) fn is_date_first(value: i64) -> bool {
    let (first, second, year) = (value / 1_000_000, value / 10_000 % 100, value % 10_000);
    date_of(year, second, first).or_else(|| date_of(year, first, second)).is_some()
}

/// What a small number looks like, and the formats that would read it as that.
fn likeness(value: i64) -> Option<(String, &'static str)> {
    const DAY: i64 = 86_400_000_000_000;
    const EXCEL: i64 = -25_569;
    let day = |days: i64| format_time(days * DAY);
    let (tens, months) = (value / 100, value % 100);
    let is_month = (1..=12).contains(&months);
    let of_century = || date_of(2000 + value / 10_000, tens % 100, months);
    let plain = |text: &str, format| (text.to_owned(), format);
    Some(match value {
        1800..=2199 => plain("a year", "%Y"),
        0..=1799 => plain("the number of a bar", ""),
        29_221..=58_440 => (format!("a date of Excel: {}", day(value + EXCEL)), "excel"),
        3_653..=25_567 => (format!("days since 1970: {}", day(value)), "days"),
        180_001..=219_912 if is_month => (format!("a month (YYYYMM): {tens}-{months:02}"), "%Y%m"),
        10_101..=991_231 if of_century().is_some() => {
            // The zero in front is no digit of the number.
            plain("a date without its century (YYMMDD)", if value >= 100_000 { "%y%m%d" } else { "" })
        }
        693_962..=767_010 => (
            format!("a date of MATLAB: {}, or of Python's `toordinal`: {}", day(value - 719_529), day(value - 719_163)),
            "matlab ordinal",
        ),
        2_415_021..=2_488_070 => plain("a Julian day", "julian-day"),
        1_800_001..=2_199_366 if (1..=366).contains(&(value % 1000)) => plain("a year with its day (YYYYDDD)", "%Y%j"),
        18_000_101..=22_001_231 => plain("a date (YYYYMMDD) that the calendar does not have", ""),
        1_011_800..=31_122_199 if is_date_first(value) => {
            plain("a date with the day or the month first", "%d%m%Y %m%d%Y")
        }
        _ => return None,
    })
}
