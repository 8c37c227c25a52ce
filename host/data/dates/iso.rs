//! ISO 8601: dates and date-times as most files have them, read quickly.
//!
//! Never reads what could have the day or the month first.

use jiff::{
    civil::{self, Time},
    fmt::temporal::Pieces,
    tz::Offset,
};

use crate::data::{dates::form::nanos_of, error::excerpt};

/// Returns the nanoseconds since the Unix epoch of an ISO time, and its offset, or what is wrong with it. A time without an
/// offset counts as UTC's.
pub(crate) fn read_iso(text: &str) -> Result<(i64, Option<Offset>), String> {
    let out_of_range = || format!("time `{text}` is out of range; times lie between 1677-09-21 and 2262-04-11");
    if let Some((date, time, offset)) = read_plain(text.as_bytes()) {
        let nanos = nanos_of(date, time, offset.unwrap_or(Offset::UTC)).ok_or_else(out_of_range)?;
        return Ok((nanos, offset));
    }
    let bytes = text.as_bytes();
    let year_first = bytes.len() >= 10 && bytes[..4].iter().all(u8::is_ascii_digit);
    if year_first && matches!(bytes[4], b'/' | b'.') && bytes[7] == bytes[4] {
        let separator = char::from(bytes[4]);
        return read_iso(&text.replacen(separator, "-", 2));
    }
    // kdb+ has a `D` before the time of day.
    if year_first && bytes.get(10) == Some(&b'D') && bytes.get(11).is_some_and(u8::is_ascii_digit) {
        return read_iso(&text.replacen('D', "T", 1));
    }
    let pieces = Pieces::parse(text).map_err(|_| refusal(text))?;
    if pieces.time_zone_annotation().is_some() && pieces.offset().is_none() {
        return Err(format!("time `{}` names a time zone; write its offset (-05:00) or UTC (Z)", excerpt(text)));
    }
    let offset = pieces.to_numeric_offset();
    let time = pieces.time().unwrap_or_else(Time::midnight);
    let nanos = nanos_of(pieces.date(), time, offset.unwrap_or(Offset::UTC)).ok_or_else(out_of_range)?;
    Ok((nanos, offset))
}

/// Reads the usual forms at once: `2024-01-31`, `2024-01-31 09:30`, with seconds, with `Z` or an offset.
fn read_plain(text: &[u8]) -> Option<(civil::Date, Time, Option<Offset>)> {
    let two = |at: usize| match text.get(at..at + 2)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some(((tens - b'0') * 10 + (ones - b'0')).cast_signed()),
        _ => None,
    };
    let year = 100 * i16::from(two(0)?) + i16::from(two(2)?);
    if text.get(4) != Some(&b'-') || text.get(7) != Some(&b'-') {
        return None;
    }
    let date = civil::Date::new(year, two(5)?, two(8)?).ok()?;
    if text.len() == 10 {
        return Some((date, Time::midnight(), None));
    }
    if !matches!(text[10], b' ' | b'T') || text.get(13) != Some(&b':') {
        return None;
    }
    let has_seconds = text.get(16) == Some(&b':');
    let time = Time::new(two(11)?, two(14)?, if has_seconds { two(17)? } else { 0 }, 0).ok()?;
    let rest = if has_seconds { 19 } else { 16 };
    let offset = match &text[rest..] {
        [] => None,
        b"Z" => Some(Offset::UTC),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (i32::from(two(rest + 1)?), i32::from(two(rest + 4)?));
            let seconds = 3600 * hours + 60 * minutes;
            let is_usual = hours < 24 && minutes < 60;
            is_usual.then(|| Offset::from_seconds(if *sign == b'-' { -seconds } else { seconds }).ok())??.into()
        }
        _ => return None,
    };
    Some((date, time, offset))
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
