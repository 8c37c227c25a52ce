//! Times as text.

use jiff::Timestamp;

/// Returns `nanos` since the Unix epoch as ISO 8601 in UTC: `1986-03-13` at midnight, else `1986-03-13T14:30:00Z`.
///
/// # Examples
///
/// ```
/// assert_eq!(host::model::format_time(0), "1970-01-01");
/// assert_eq!(host::model::format_time(60_000_000_000), "1970-01-01T00:01:00Z");
/// ```
pub fn format_time(nanos: i64) -> String {
    const DAY: i64 = 86_400_000_000_000;
    // Every i64 of nanoseconds lies within jiff's range of years, so the conversion has no failing case.
    let Ok(at) = Timestamp::from_nanosecond(i128::from(nanos)) else {
        return nanos.to_string();
    };
    let text = at.to_string();
    if nanos.rem_euclid(DAY) == 0 { text.split('T').next().unwrap_or(&text).to_owned() } else { text }
}

/// Returns `nanos` since the Unix epoch as ISO 8601 in UTC, always with the time of day.
pub fn format_date_time(nanos: i64) -> String {
    let text = format_time(nanos);
    if text.contains('T') { text } else { text + "T00:00:00Z" }
}
