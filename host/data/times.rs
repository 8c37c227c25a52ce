//! Parser of times: what files write → nanoseconds since the Unix epoch, UTC.
//!
//! Never guesses: what could mean two things is refused, and a file keeps to the form of its first time.

use jiff::{
    civil::{self, Time},
    fmt::temporal::Pieces,
    tz::Offset,
};

use super::error::excerpt;

/// The forms of times. A file has times of one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeForm {
    Iso,
    Zoned,
    Compact,
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl TimeForm {
    /// The unit of an epoch by its magnitude: below 1e11 seconds, 1e14 milliseconds, 1e17 microseconds.
    fn of_epoch(whole: i64) -> Self {
        match whole.unsigned_abs() {
            0..100_000_000_000 => Self::Seconds,
            100_000_000_000..100_000_000_000_000 => Self::Millis,
            100_000_000_000_000..100_000_000_000_000_000 => Self::Micros,
            _ => Self::Nanos,
        }
    }

    fn nanos(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Iso | Self::Zoned | Self::Compact | Self::Nanos => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Iso => "an ISO time without a zone",
            Self::Zoned => "an ISO time with a zone",
            Self::Compact => "dates like 20240131",
            Self::Seconds => "epoch seconds",
            Self::Millis => "epoch milliseconds",
            Self::Micros => "epoch microseconds",
            Self::Nanos => "epoch nanoseconds",
        }
    }
}

/// Reads the times of one file.
#[derive(Debug, Default)]
pub(super) struct Clock {
    form: Option<TimeForm>,
    joined: String,
}

impl Clock {
    /// Returns the time that `text` writes, in nanoseconds since the Unix epoch, or what is wrong with it.
    pub(super) fn read(&mut self, text: &str) -> Result<i64, String> {
        if text.is_empty() {
            return Err("the time is empty".to_owned());
        }
        let (form, nanos) = read_any(text)?;
        self.keep(form, || excerpt(text))?;
        Ok(nanos)
    }

    /// As [`Clock::read`], of a date and a time of day from two columns.
    pub(super) fn read_pair(&mut self, date: &str, time: &str) -> Result<i64, String> {
        if date.is_empty() || time.is_empty() {
            return Err("the date or the time is empty".to_owned());
        }
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        joined.extend([date, " ", time]);
        let read = self.read(&joined);
        self.joined = joined;
        read
    }

    /// Returns the time that an epoch of a typed column means.
    pub(super) fn read_epoch(&mut self, value: i64) -> Result<i64, String> {
        let (form, nanos) = read_whole(value, &value)?;
        self.keep(form, || value.to_string())?;
        Ok(nanos)
    }

    fn keep(&mut self, form: TimeForm, text: impl FnOnce() -> String) -> Result<(), String> {
        let first = *self.form.get_or_insert(form);
        if first == form {
            return Ok(());
        }
        Err(format!("time `{}` reads as {}, but the file begins with {}", text(), form.name(), first.name()))
    }
}

/// Whether `text` is a date or a date-time, and not a number that might be anything.
pub(super) fn is_calendar(text: &str) -> bool {
    matches!(read_any(text), Ok((TimeForm::Iso | TimeForm::Zoned | TimeForm::Compact, _)))
}

fn read_any(text: &str) -> Result<(TimeForm, i64), String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1;
    if numeric { read_number(text) } else { read_iso(text) }
}

fn read_number(text: &str) -> Result<(TimeForm, i64), String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let out_of_range =
        || format!("time `{}` is out of range; times lie between 1677-09-21 and 2262-04-11", excerpt(text));
    let value: i64 = whole.parse().map_err(|_| out_of_range())?;
    let (form, nanos) = read_whole(value, &text)?;
    let part = read_fraction(fraction, form.nanos());
    let part = if whole.starts_with('-') { -part } else { part };
    Ok((form, nanos.checked_add(part).ok_or_else(out_of_range)?))
}

/// The nanoseconds that decimal digits after the point of `unit` are; what is below a nanosecond is cut.
fn read_fraction(digits: &str, unit: i64) -> i64 {
    let mut place = unit;
    let mut nanos = 0;
    for digit in digits.bytes() {
        place /= 10;
        nanos += i64::from(digit - b'0') * place;
    }
    nanos
}

fn read_whole(value: i64, text: &dyn std::fmt::Display) -> Result<(TimeForm, i64), String> {
    if (19_000_101..=21_001_231).contains(&value)
        && let Some(nanos) = compact_date(value)
    {
        return Ok((TimeForm::Compact, nanos));
    }
    if (190_001_010_000..=210_012_312_359).contains(&value)
        && value % 100 < 60
        && value / 100 % 100 < 24
        && compact_date(value / 10_000).is_some()
    {
        return Err(format!("time `{text}` could be YYYYMMDDhhmm or milliseconds; write ISO times (2024-01-31T09:30)"));
    }
    let form = TimeForm::of_epoch(value);
    let nanos = value.checked_mul(form.nanos()).ok_or_else(|| {
        format!("time `{text}`, read as {}, is out of range; times lie between 1677-09-21 and 2262-04-11", form.name())
    })?;
    Ok((form, nanos))
}

fn compact_date(value: i64) -> Option<i64> {
    let year = i16::try_from(value / 10_000).ok()?;
    let month = i8::try_from(value / 100 % 100).ok()?;
    let day = i8::try_from(value % 100).ok()?;
    nanos_of(civil::Date::new(year, month, day).ok()?, Time::midnight(), Offset::UTC)
}

fn read_iso(text: &str) -> Result<(TimeForm, i64), String> {
    let bytes = text.as_bytes();
    let year_first = bytes.len() >= 10 && bytes[..4].iter().all(u8::is_ascii_digit);
    if year_first && matches!(bytes[4], b'/' | b'.') && bytes[7] == bytes[4] {
        let separator = char::from(bytes[4]);
        return read_iso(&text.replacen(separator, "-", 2));
    }
    let pieces = Pieces::parse(text).map_err(|_| refusal(text))?;
    if pieces.time_zone_annotation().is_some() && pieces.offset().is_none() {
        return Err(format!("time `{}` names a time zone; write its offset (-05:00) or UTC (Z)", excerpt(text)));
    }
    let offset = pieces.to_numeric_offset();
    let form = if offset.is_some() { TimeForm::Zoned } else { TimeForm::Iso };
    nanos_of(pieces.date(), pieces.time().unwrap_or_else(Time::midnight), offset.unwrap_or(Offset::UTC))
        .map(|nanos| (form, nanos))
        .ok_or_else(|| format!("time `{text}` is out of range; times lie between 1677-09-21 and 2262-04-11"))
}

/// Returns why `text` is not a time: a date whose order of day and month is unknown has a reason of its own.
fn refusal(text: &str) -> String {
    let excerpt = excerpt(text);
    let parts: Vec<_> = text.splitn(3, ['/', '-', '.']).collect();
    let number = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.len() == 3 && number(parts[0]) && number(parts[1]) {
        format!("time `{excerpt}` could have the day or the month first; write ISO dates (2024-01-31)")
    } else {
        format!("`{excerpt}` is not a time; write ISO dates or date-times (2024-01-31, 2024-01-31T09:30:00Z)")
    }
}

fn nanos_of(date: civil::Date, time: Time, offset: Offset) -> Option<i64> {
    let instant = offset.to_timestamp(date.to_datetime(time)).ok()?;
    i64::try_from(instant.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::format_time;

    fn check(text: &str, expected: &str) {
        assert_eq!(Clock::default().read(text).map(format_time).as_deref(), Ok(expected), "{text}");
    }

    fn check_refused(text: &str, expected: &str) {
        let error = Clock::default().read(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }

    #[test]
    fn iso_dates_and_date_times_are_read_in_utc() {
        check("1986-03-13", "1986-03-13");
        check("2024-01-31 09:30", "2024-01-31T09:30:00Z");
        check("2024-01-31T09:30:00", "2024-01-31T09:30:00Z");
        check("2024-01-31T09:30:00.123456789Z", "2024-01-31T09:30:00.123456789Z");
        check("2024-01-31 00:00:00-05:00", "2024-01-31T05:00:00Z");
        check("2024-01-31T09:30:00+0530", "2024-01-31T04:00:00Z");
        check("20240131T093000Z", "2024-01-31T09:30:00Z");
        check("2024/01/31 09:30", "2024-01-31T09:30:00Z");
        check("2024.01.31", "2024-01-31");
    }

    #[test]
    fn eight_digits_that_are_a_date_are_one() {
        check("20240131", "2024-01-31");
        check("20240132", "1970-08-23T06:15:32Z");
    }

    #[test]
    fn an_epoch_has_the_unit_of_its_magnitude() {
        check("1706693400", "2024-01-31T09:30:00Z");
        check("1706693400000", "2024-01-31T09:30:00Z");
        check("1706693400000000", "2024-01-31T09:30:00Z");
        check("1706693400000000000", "2024-01-31T09:30:00Z");
        check("1706693400.25", "2024-01-31T09:30:00.25Z");
        check("1706693400000.5", "2024-01-31T09:30:00.0005Z");
        check("-86400", "1969-12-31");
        check("-0.5", "1969-12-31T23:59:59.5Z");
        check("0", "1970-01-01");
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        check_refused("01/31/2024", "day or the month first");
        check_refused("1-2-2024", "day or the month first");
        check_refused("31.01.2024 10:00", "day or the month first");
        check_refused("202401310930", "YYYYMMDDhhmm");
        check_refused("2024-01-31T09:30[America/New_York]", "names a time zone");
    }

    #[test]
    fn a_text_that_is_not_a_time_is_refused_with_its_text() {
        check_refused("", "is empty");
        check_refused("soon", "`soon` is not a time");
        check_refused("2024-02-30", "`2024-02-30` is not a time");
        check_refused("1.7e9", "`1.7e9` is not a time");
        check_refused("9300000000", "read as epoch seconds, is out of range");
        check_refused("99999999999999999999", "out of range");
        check_refused("1500-01-01", "out of range");
    }

    #[test]
    fn a_file_keeps_to_the_form_of_its_first_time() {
        let mut clock = Clock::default();
        assert!(clock.read("1706693400").is_ok());
        let error = clock.read("1706693400000").unwrap_err();
        assert_eq!(error, "time `1706693400000` reads as epoch milliseconds, but the file begins with epoch seconds");
        assert!(clock.read("2024-01-31").is_err());
        assert!(clock.read("1706693401").is_ok());
        let mut clock = Clock::default();
        assert!(clock.read("2024-01-31").is_ok());
        assert!(
            clock.read("2024-02-01T00:00:00+09:00").unwrap_err().contains("begins with an ISO time without a zone")
        );
    }

    #[test]
    fn a_date_and_a_time_of_day_from_two_columns_are_one_time() {
        let check = |date, time, expected: &str| {
            assert_eq!(Clock::default().read_pair(date, time).map(format_time).as_deref(), Ok(expected));
        };
        check("2024-01-31", "09:30", "2024-01-31T09:30:00Z");
        check("20240131", "093000", "2024-01-31T09:30:00Z");
        check("2024.01.31", "09:30:00", "2024-01-31T09:30:00Z");
        check("2024-01-31", "09:30:00-05:00", "2024-01-31T14:30:00Z");
        assert!(Clock::default().read_pair("2024-01-31", "").is_err());
        assert!(Clock::default().read_pair("2024-01-31", "2024-01-31 09:30").is_err());
    }
}
