//! Parser of times: what files write → nanoseconds since the Unix epoch, UTC.
//!
//! Reads ISO times, eight digits and epochs by itself, and all others in the form that the whole file settles, or that is given.
//! Never guesses: what could mean two things is refused, and a file keeps to the form of its first time.

use jiff::tz::Offset;

use crate::data::{
    dates::{
        counts::Decimal,
        form::{DateForm, Written},
        iso::read_iso,
        likeness::{Digits, SMALL, compact_date, is_date_first, layout_of, small},
        settle::{Unsettled, settle},
        shapes::patterns,
        texts::TimeTexts,
    },
    error::excerpt,
    zones::Timezone,
};

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
    Written,
    WrittenZoned,
    WrittenMoment,
}

impl TimeForm {
    fn is_epoch(self) -> bool {
        matches!(self, Self::Seconds | Self::Millis | Self::Micros | Self::Nanos)
    }

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
            _ => 1,
        }
    }

    /// What an option calls an epoch.
    fn option(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::Micros => "us",
            _ => "ns",
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
            Self::Written => "a time without a zone",
            Self::WrittenZoned => "a time with a zone",
            Self::WrittenMoment => "a number of the given kind",
        }
    }
}

/// What stands between two forms in the problem of a time that is in another one than those before it.
const OTHER_FORM: &str = ", but the file begins with ";

/// As [`OTHER_FORM`], where all times of the file have settled a form, or it is given.
const NOT_ITS_FORM: &str = ", but the times of the file are written as ";

/// What stands before a zone that does not tell the moment.
const IN_ZONE: &str = " is in the zone `";

/// Whether a problem is that of a time in another form than those before it, or in a zone that does not tell the moment. Its bar
/// is good.
pub(crate) fn is_other_form(problem: &str) -> bool {
    [OTHER_FORM, NOT_ITS_FORM, IN_ZONE].iter().any(|mark| problem.contains(mark))
}

/// What the times of a file are, as far as zones go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// What a clock shows, of which the file does not say the zone.
    Local,
    /// Moments.
    Moments,
    /// Moments, each with its offset from UTC.
    Offsets,
}

/// The length of a date and an hour in a time such as `2024-01-31 09:30`, in bytes.
const HOUR: usize = 14;

/// Reads the times of one file.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    form: Option<TimeForm>,
    /// Seconds east of UTC of the last time.
    offset: i32,
    /// The last epoch.
    before: Option<i64>,
    digits: Digits,
    joined: String,
    /// The form that the file settles, or that is given.
    written: Option<DateForm>,
    /// The date and the hour of the last ISO time, as written and in nanoseconds.
    hour: Option<([u8; HOUR], i64)>,
    /// The form of the last ISO time with short fields, such as `2024-1-2`.
    short: Option<DateForm>,
    /// The zone that the times name.
    zone: Option<NamedZone>,
    /// Whether a zone is given, and whether it is an offset.
    given: Option<bool>,
    /// What the given zone is called in winter and in summer.
    called: Vec<String>,
}

/// The zone behind the times of a file.
#[derive(Debug)]
struct NamedZone {
    name: String,
    /// None for an abbreviation.
    zone: Option<Timezone>,
}

impl Clock {
    /// Whether the first time of a file is in none of the forms that the clock reads by itself, so that all times have to settle
    /// their form first.
    pub(crate) fn needs_form(first: &str) -> bool {
        !is_known(first)
    }

    /// The clock of a file that begins with the time `first`, and a remark on the form that its times settle, which continues
    /// the name of the file.
    ///
    /// `format` is the form that is given, `zone` the zone; `texts` collects the times, and is called only if they have to
    /// settle their form.
    ///
    /// # Errors
    ///
    /// Fails if the given form is none, or if the times fit two forms.
    pub(crate) fn of_file(
        first: &str,
        format: Option<&str>,
        zone: Option<&Timezone>,
        texts: impl FnOnce() -> TimeTexts,
    ) -> Result<(Self, Option<String>), String> {
        let given = zone.map(|zone| zone.name().starts_with(['+', '-']));
        let called = zone.map(Timezone::abbreviations).unwrap_or_default();
        let clock = |written| Self { written, given, called: called.clone(), ..Self::default() };
        if let Some(format) = format {
            return Ok((clock(Some(DateForm::from_pattern(format)?)), None));
        }
        if !Self::needs_form(first) {
            return Ok((clock(None), None));
        }
        let texts = texts();
        // A first time that is wrong is one bad row of a file like any other.
        if texts.iter().all(|text| is_known(text) || patterns(text).is_empty()) {
            return Ok((clock(None), None));
        }
        match settle(texts.iter()) {
            Ok(form) => {
                clock(Some(form.clone())).check_zones(&texts)?;
                let note = format!("has times that are written as `{form}`");
                Ok((clock(Some(form)), Some(note)))
            }
            Err(Unsettled::Unknown) => Ok((clock(None), None)),
            Err(why) => {
                let place = texts.places.get(why.at()).map_or_else(String::new, |place| format!(", {place}"));
                Err(format!("column `{}`{place}: {why}", texts.column))
            }
        }
    }

    /// The form of the times, where they are not in one that the clock reads by itself.
    pub(crate) fn pattern(&self) -> Option<String> {
        self.written.as_ref().map(ToString::to_string)
    }

    /// Whether all times name one zone that is known, or that is given.
    fn check_zones(mut self, texts: &TimeTexts) -> Result<(), String> {
        for (text, place) in texts.iter().zip(&texts.places) {
            let written = self.written.as_ref().and_then(|form| form.read(text));
            if let Some(Written { zone: Some(name), offset: None, .. }) = written {
                self.keep_zone(name, text)
                    .map_err(|problem| format!("column `{}`, {place}: {problem}", texts.column))?;
            }
        }
        Ok(())
    }

    /// The zone that the times name, in which local times are.
    pub(crate) fn zone(&self) -> Option<&Timezone> {
        self.zone.as_ref()?.zone.as_ref()
    }

    /// Returns the time that `text` writes, in nanoseconds since the Unix epoch, or what is wrong with it. A time without
    /// an offset counts as UTC's.
    pub(crate) fn read(&mut self, text: &str) -> Result<i64, String> {
        if text.is_empty() {
            return Err("the time is empty".to_owned());
        }
        if let Some(nanos) = self.read_in_hour(text) {
            self.offset = 0;
            return Ok(nanos);
        }
        if self.written.is_some() {
            return self.read_written(text);
        }
        if is_number(text) {
            return self.read_number(text);
        }
        let (nanos, offset) = match read_iso(text) {
            Ok(read) => read,
            Err(_) if text.contains(['e', 'E']) && Decimal::parse(text).is_some() => return self.read_power(text),
            Err(problem) => self.read_short(text).ok_or_else(|| self.other_form(text).unwrap_or(problem))?,
        };
        self.keep(if offset.is_some() { TimeForm::Zoned } else { TimeForm::Iso }, || excerpt(text))?;
        self.offset = offset.map_or(0, Offset::seconds);
        // The first hour of the years that nanoseconds hold has begun before them.
        let begins = |(hour, in_hour)| nanos.checked_sub(in_hour).map(|begins| (hour, begins));
        self.hour = hour_of(text.as_bytes()).filter(|_| offset.is_none()).and_then(begins);
        Ok(nanos)
    }

    /// Reads an ISO time in the hour of the time before, of which only the rest has to be read.
    #[inline]
    fn read_in_hour(&self, text: &str) -> Option<i64> {
        let (hour, nanos) = self.hour.as_ref()?;
        let rest = text.as_bytes().strip_prefix(hour)?;
        // The last hour of those years ends behind them.
        nanos.checked_add(in_hour(rest)?)
    }

    /// Says that a text is a time, but in another form than the file.
    fn other_form(&self, text: &str) -> Option<String> {
        let is_time = |pattern: &String| DateForm::from_pattern(pattern).is_ok_and(|form| form.read(text).is_some());
        let forms: Vec<String> =
            patterns(text).into_iter().filter(is_time).map(|pattern| format!("`{pattern}`")).collect();
        let forms = Some(forms.join(" or ")).filter(|forms| !forms.is_empty())?;
        let own = match &self.written {
            Some(form) => format!("{NOT_ITS_FORM}`{form}`"),
            None => format!("{OTHER_FORM}{}", self.form?.name()),
        };
        Some(format!("time `{}` reads as {forms}{own}", excerpt(text)))
    }

    fn read_written(&mut self, text: &str) -> Result<i64, String> {
        let Some(form) = &self.written else { return Err("the times have no form".to_owned()) };
        let written = form.parse(text).map_err(|problem| self.other_form(text).unwrap_or(problem))?;
        let is_moment = form.is_moment();
        if let (Some(name), None) = (written.zone, written.offset) {
            self.keep_zone(name, text)?;
        }
        let form = match (written.offset, is_moment) {
            (Some(_), _) => TimeForm::WrittenZoned,
            (None, true) => TimeForm::WrittenMoment,
            (None, false) => TimeForm::Written,
        };
        self.keep(form, || excerpt(text))?;
        self.offset = written.offset.map_or(0, Offset::seconds);
        Ok(written.moment())
    }

    /// Takes the name behind a local time: all times of a file are in one zone, and an abbreviation needs one that is given.
    fn keep_zone(&mut self, name: &str, text: &str) -> Result<(), String> {
        if self.zone.as_ref().is_some_and(|known| known.name == name) {
            return Ok(());
        }
        let is_abbreviation = name.len() <= 5 && name.bytes().all(|byte| byte.is_ascii_uppercase());
        let problem = || format!("time `{}`{IN_ZONE}{name}`", excerpt(text));
        if !is_abbreviation {
            let zone: Timezone = name.parse().map_err(|why| format!("{}: {why}", problem()))?;
            let known = self.zone.get_or_insert_with(|| NamedZone { name: name.to_owned(), zone: Some(zone.clone()) });
            return match known.zone == Some(zone) {
                true => Ok(()),
                false => Err(format!(
                    "{}, but the file begins with `{}`; write all times in one zone",
                    problem(),
                    known.name
                )),
            };
        }
        // The name may mean a fixed offset, or a clock that is set forward in summer.
        let way = "say of which zone the times are (`--timezone America/New_York`)";
        match (&self.zone, self.given) {
            (_, Some(false)) if !self.called.iter().any(|called| called == name) => {
                Err(format!("{}, but the zone that is said is called {}; {way}", problem(), self.called.join(" or ")))
            }
            (_, None) => {
                Err(format!("{}, which does not say whether its clock is set forward in summer; {way}", problem()))
            }
            (Some(known), Some(true)) => {
                Err(format!("{}, but the file begins with `{}`: that is no fixed offset; {way}", problem(), known.name))
            }
            _ => {
                self.zone = Some(NamedZone { name: name.to_owned(), zone: None });
                Ok(())
            }
        }
    }

    /// Reads an ISO time of which fields lack their zeros, such as `2024-1-2 9:30`.
    fn read_short(&mut self, text: &str) -> Option<(i64, Option<Offset>)> {
        let bytes = text.as_bytes();
        let is_year_first = bytes.len() > 4 && bytes[..4].iter().all(u8::is_ascii_digit);
        if !is_year_first || !(bytes[4].is_ascii_digit() || matches!(bytes[4], b'-' | b'/' | b'.')) {
            return None;
        }
        let read = |form: &DateForm| form.read(text).filter(|written| written.zone.is_none());
        let written = self.short.as_ref().and_then(read).or_else(|| {
            let found = patterns(text);
            let pattern = found.first().filter(|pattern| pattern.starts_with("%Y") && pattern.contains("%d"))?;
            self.short = DateForm::from_pattern(pattern).ok();
            self.short.as_ref().and_then(read)
        })?;
        Some((written.moment(), written.offset))
    }

    /// Reads an epoch with a power of ten, such as `1.7066934e9`.
    fn read_power(&mut self, text: &str) -> Result<i64, String> {
        // Tables show numbers with five places, which is no time any more.
        const SHOWN: usize = 5;
        let places = text.split_once('.').map_or(0, |(_, part)| part.bytes().take_while(u8::is_ascii_digit).count());
        match Decimal::parse(text).and_then(Decimal::plain) {
            Some(plain) if places > SHOWN => self.read_number(&plain),
            _ => Err(format!("time `{}` is rounded to its first digits; write all digits", excerpt(text))),
        }
    }

    /// As [`Clock::read`], of a date and a time of day from two columns.
    pub(crate) fn read_pair(&mut self, date: &str, time: &str) -> Result<i64, String> {
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
    pub(crate) fn read_epoch(&mut self, value: i64) -> Result<i64, String> {
        if self.written.is_some() {
            return self.read_written(&value.to_string());
        }
        let (form, nanos) = self.read_whole(value, &value).map_err(|problem| {
            let is_small = value.unsigned_abs() < SMALL;
            if is_small { problem + "; a `Period` of pandas needs `to_timestamp()` first" } else { problem }
        })?;
        self.keep(form, || value.to_string())?;
        self.before = Some(nanos);
        Ok(nanos)
    }

    /// Seconds east of UTC that the last time was written with; zero where none were.
    pub(crate) fn offset(&self) -> i32 {
        self.offset
    }

    /// What the times are.
    pub(crate) fn stamps(&self) -> Stamps {
        match self.form {
            None | Some(TimeForm::Iso | TimeForm::Compact | TimeForm::Written) => Stamps::Local,
            Some(TimeForm::Zoned | TimeForm::WrittenZoned) => Stamps::Offsets,
            Some(
                TimeForm::Seconds | TimeForm::Millis | TimeForm::Micros | TimeForm::Nanos | TimeForm::WrittenMoment,
            ) => Stamps::Moments,
        }
    }

    /// Why the times may all be other ones than they were taken for, if so.
    pub(crate) fn doubt(&self) -> Option<String> {
        let (layout, format) = self.digits.layout()?;
        let (form, other) = (self.form?.name(), self.form?.option());
        let example = self.digits.first;
        Some(format!(
            "time `{example}` and all others could be {layout} or {form}; say which (`--read date-format={format}` or `--read \
             date-format={other}`), or write ISO times (2024-01-31T09:30)"
        ))
    }

    fn keep(&mut self, form: TimeForm, text: impl FnOnce() -> String) -> Result<(), String> {
        let first = *self.form.get_or_insert(form);
        if first == form {
            return Ok(());
        }
        Err(format!("time `{}` reads as {}{OTHER_FORM}{}", text(), form.name(), first.name()))
    }

    fn read_number(&mut self, text: &str) -> Result<i64, String> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let out_of_range =
            || format!("time `{}` is out of range; times lie between 1677-09-21 and 2262-04-11", excerpt(text));
        let value: i64 = whole.parse().map_err(|_| out_of_range())?;
        let (form, nanos) = self.read_whole(value, &std::fmt::from_fn(|f| f.write_str(&excerpt(text))))?;
        let part = read_fraction(fraction, form.nanos());
        let part = if whole.starts_with('-') { -part } else { part };
        let nanos = nanos.checked_add(part).ok_or_else(out_of_range)?;
        self.keep(form, || excerpt(text))?;
        self.before = Some(nanos);
        Ok(nanos)
    }

    fn read_whole(&mut self, value: i64, text: &dyn std::fmt::Display) -> Result<(TimeForm, i64), String> {
        if let Some(nanos) = compact_date(value) {
            return Ok((TimeForm::Compact, nanos));
        }
        // A file whose first number is no such date has epochs.
        if let Some((layout, format)) = layout_of(value).filter(|_| self.form.is_none()) {
            let form = TimeForm::of_epoch(value);
            let (form, other) = (form.name(), form.option());
            return Err(format!(
                "time `{text}` could be {layout} or {form}; say which (`--read date-format={format}` or `--read \
                 date-format={other}`), or write ISO times (2024-01-31T09:30)"
            ));
        }
        let form = self.epoch(value);
        if form == TimeForm::Seconds && value.unsigned_abs() < SMALL && !self.is_near_1970() {
            return Err(small(value, text));
        }
        self.digits.see(value);
        let nanos = value.checked_mul(form.nanos()).ok_or_else(|| {
            let name = form.name();
            format!("time `{text}`, read as {name}, is out of range; times lie between 1677-09-21 and 2262-04-11")
        })?;
        Ok((form, nanos))
    }

    /// The unit of an epoch: that of the file, where its numbers run through 1970; else that of the magnitude.
    fn epoch(&self, value: i64) -> TimeForm {
        let kept = self.form.filter(|form| form.is_epoch() && self.is_near_1970());
        kept.filter(|form| is_small(value, *form)).unwrap_or_else(|| TimeForm::of_epoch(value))
    }

    /// Whether the epoch before was within the years from which small numbers are near.
    fn is_near_1970(&self) -> bool {
        const NEAR: u64 = 2 * SMALL * 1_000_000_000;
        self.before.is_some_and(|nanos| nanos.unsigned_abs() < NEAR)
    }
}

/// The date and the hour of an ISO time without a zone, and the nanoseconds behind them; none of other forms, nor of the hour 24,
/// which ends with its first minute.
fn hour_of(text: &[u8]) -> Option<([u8; HOUR], i64)> {
    let (hour, rest) = text.split_first_chunk::<HOUR>()?;
    let is_usual = hour[4] == b'-' && hour[7] == b'-' && matches!(hour[10], b' ' | b'T') && hour[13] == b':';
    (is_usual && hour[11..13] != *b"24").then_some((*hour, in_hour(rest)?))
}

/// The nanoseconds of minutes, and of seconds where there are some: `30`, `30:15`.
#[inline]
fn in_hour(text: &[u8]) -> Option<i64> {
    let two = |tens: &u8, ones: &u8| {
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        (tens < 6 && ones < 10).then(|| i64::from(tens * 10 + ones))
    };
    let (minutes, seconds) = match text {
        [tens, ones] => (two(tens, ones)?, 0),
        [tens, ones, b':', more, most] => (two(tens, ones)?, two(more, most)?),
        _ => return None,
    };
    Some((minutes * 60 + seconds) * 1_000_000_000)
}

fn is_small(value: i64, form: TimeForm) -> bool {
    let units = (1_000_000_000 / form.nanos()).unsigned_abs();
    value.unsigned_abs() < SMALL.saturating_mul(units)
}

/// Whether `text` is a date or a date-time, and not a number that might be anything.
pub(crate) fn is_calendar(text: &str) -> bool {
    match is_number(text) {
        true => text.parse().ok().and_then(compact_date).is_some(),
        false => read_iso(text).is_ok() || !patterns(text).is_empty(),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1
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

/// Whether the clock reads `text` by itself, or refuses it as the number that it is.
fn is_known(text: &str) -> bool {
    if !is_number(text) {
        return read_iso(text).is_ok() || Decimal::parse(text).is_some();
    }
    let is_doubtful = || match text.parse::<i64>() {
        Ok(value) if text.len() == 8 => compact_date(value).is_none() && is_date_first(value),
        Ok(value) => layout_of(value).is_some() || matches!(text.len(), 14 | 17) && !patterns(text).is_empty(),
        // 20240131093000.5
        Err(_) => text.find('.') == Some(14),
    };
    let is_calendar = |pattern: &String| DateForm::from_pattern(pattern).is_ok_and(|form| form.read(text).is_some());
    !(is_doubtful() && patterns(text).iter().any(is_calendar))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::format_time;

    fn check(text: &str, expected: &str) {
        assert_eq!(Clock::default().read(text).map(format_time).as_deref(), Ok(expected), "{text}");
    }

    fn check_refused(text: &str, expected: &str) {
        let error = Clock::default().read(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }

    proptest! {
        /// One clock that has read other times before, and one that has not.
        #[test]
        fn a_time_is_the_same_whatever_was_read_before(
            texts in prop::collection::vec(
                "(2024-01-31|2024-02-29|1677-09-21|2262-04-11)[ T](00|09|23|24):[0-6][0-9](:[0-6][0-9])?",
                1..9,
            ),
        ) {
            let mut clock = Clock::default();
            for text in &texts {
                let alone = Clock::default().read(text);
                prop_assert_eq!(clock.read(text), alone, "{}", text);
                prop_assert_eq!(clock.offset(), 0);
            }
        }
    }

    #[test]
    fn behind_the_end_of_a_day_no_time_of_that_day_is_read() {
        let mut clock = Clock::default();
        assert_eq!(clock.read("2024-02-29 24:00"), Clock::default().read("2024-03-01 00:00"));
        assert!(clock.read("2024-02-29 24:01").is_err());
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
        check("19231231", "1923-12-31");
        check_refused("20240132", "looks like a date (YYYYMMDD) that the calendar does not have");
    }

    #[test]
    fn an_epoch_has_the_unit_of_its_magnitude() {
        check("1706693400", "2024-01-31T09:30:00Z");
        check("1706693400000", "2024-01-31T09:30:00Z");
        check("1706693400000000", "2024-01-31T09:30:00Z");
        check("1706693400000000000", "2024-01-31T09:30:00Z");
        check("1706693400.25", "2024-01-31T09:30:00.25Z");
        check("1706693400000.5", "2024-01-31T09:30:00.0005Z");
        check("-1325635200", "1927-12-30");
        check("-1325635200.5", "1927-12-29T23:59:59.5Z");
        check("1706693400.0", "2024-01-31T09:30:00Z");
        check("1.7066934e9", "2024-01-31T09:30:00Z");
        check("1.7066934E+12", "2024-01-31T09:30:00Z");
        check("1.706693400123456789e18", "2024-01-31T09:30:00.123456789Z");
    }

    #[test]
    fn a_small_number_is_refused_with_what_it_looks_like() {
        let cases = [
            ("45293", "looks like a date of Excel: 2024-01-02"),
            ("45293.5", "looks like a date of Excel: 2024-01-02"),
            ("2019", "looks like a year"),
            ("2019.0", "looks like a year"),
            ("202401", "looks like a month (YYYYMM): 2024-01"),
            ("196307", "looks like a month (YYYYMM): 1963-07"),
            ("240102", "looks like a date without its century (YYMMDD)"),
            ("90102", "looks like a date without its century (YYMMDD)"),
            ("0", "looks like the number of a bar"),
            ("648", "looks like the number of a bar"),
            ("19724", "looks like days since 1970: 2024-01-02"),
            ("738887", "looks like a date of MATLAB: 2023-01-01, or of Python's `toordinal`: 2024-01-02"),
            ("2460312", "looks like a Julian day"),
            ("2024002", "looks like a year with its day (YYYYDDD)"),
            ("31012024", "looks like a date with the day or the month first"),
            ("-86400", "is too small for an epoch"),
            ("-0.5", "looks like the number of a bar"),
            ("28401930", "is too small for an epoch"),
        ];
        for (text, expected) in cases {
            check_refused(text, expected);
            check_refused(text, "write ISO dates (2024-01-31)");
        }
        let error = Clock::default().read_epoch(648).unwrap_err();
        assert!(error.ends_with("; a `Period` of pandas needs `to_timestamp()` first"), "{error}");
    }

    #[test]
    fn epochs_that_begin_early_run_through_1970() {
        const DAY: i64 = 86_400;
        for unit in [1, 1_000, 1_000_000, 1_000_000_000] {
            let mut clock = Clock::default();
            for day in -2_000..3_000_i64 {
                let read = clock.read(&(day * DAY * unit).to_string());
                assert_eq!(read, Ok(day * DAY * 1_000_000_000), "day {day} in units of 1/{unit} s");
            }
        }
        let mut clock = Clock::default();
        assert!(clock.read("1706693400").is_ok());
        assert!(clock.read("45293").unwrap_err().contains("Excel"));
    }

    #[test]
    fn digits_that_are_dates_with_times_are_not_epochs() {
        check_refused("2024010209", "could be YYYYMMDDhh or epoch seconds");
        check_refused("202401020930", "could be YYYYMMDDhhmm or epoch milliseconds");
        let doubt = |texts: &[&str]| {
            let mut clock = Clock::default();
            texts.iter().for_each(|text| assert!(clock.read(text).is_ok(), "{text}"));
            clock.doubt()
        };
        let error = doubt(&["2401020930", "2401020935", "2401021600"]).unwrap();
        assert!(error.starts_with("time `2401020930` and all others could be YYMMDDhhmm or epoch seconds"), "{error}");
        assert!(doubt(&["1701020930", "1701020931"]).is_some());
        assert!(doubt(&["240102093000", "240102093500"]).unwrap().contains("YYMMDDhhmmss or epoch milliseconds"));
        assert!(doubt(&["638396640000000000", "638397504000000000"]).unwrap().contains("ticks of .NET"));
        assert!(doubt(&["638396640000000000"]).unwrap().contains("`--read date-format=dotnet-ticks`"));
        assert!(doubt(&["133511670000000000", "133511670600000000"]).unwrap().contains("FILETIME of Windows"));
        assert_eq!(doubt(&["511056000000000000", "638396640000000000"]), None);
        assert_eq!(doubt(&["133511670000000000", "1706693400000000000"]), None);
        assert_eq!(doubt(&["1701010000", "1701010060"]), None);
        assert_eq!(doubt(&["1701010000"]), None);
        assert_eq!(doubt(&["511056000000", "511142400000"]), None);
    }

    #[test]
    fn what_times_are_follows_from_their_form() {
        let stamps = |text: &str| {
            let mut clock = Clock::default();
            clock.read(text).unwrap();
            (clock.stamps(), clock.offset())
        };
        assert_eq!(stamps("2024-01-31"), (Stamps::Local, 0));
        assert_eq!(stamps("20240131"), (Stamps::Local, 0));
        assert_eq!(stamps("1706693400"), (Stamps::Moments, 0));
        assert_eq!(stamps("2024-01-31T09:30:00Z"), (Stamps::Offsets, 0));
        assert_eq!(stamps("2024-01-31 09:30:00-05:00"), (Stamps::Offsets, -18_000));
        assert_eq!(stamps("2024-01-31T09:30:00.5+05:30"), (Stamps::Offsets, 19_800));
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
        check_refused("1.7e9", "time `1.7e9` is rounded to its first digits");
        check_refused("1.70669E+12", "is rounded to its first digits");
        check_refused("1.7e", "`1.7e` is not a time");
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
    fn a_form_that_is_given_reads_what_the_clock_refuses() {
        let clock = |format| Clock::of_file("", Some(format), None, TimeTexts::default).unwrap().0;
        let cases = [
            ("excel", "45293", "2024-01-02", Stamps::Local),
            ("excel", "45293.5", "2024-01-02T12:00:00Z", Stamps::Local),
            ("%Y", "2019", "2019-01-01", Stamps::Local),
            ("%Y%m", "202401", "2024-01-01", Stamps::Local),
            ("%y%m%d", "240102", "2024-01-02", Stamps::Local),
            ("%Y%m%d%H%M", "202401020930", "2024-01-02T09:30:00Z", Stamps::Local),
            ("%y%m%d%H%M", "2401020930", "2024-01-02T09:30:00Z", Stamps::Local),
            ("%d%m%Y", "31012024", "2024-01-31", Stamps::Local),
            ("%Y%j", "2024002", "2024-01-02", Stamps::Local),
            ("s", "45293", "1970-01-01T12:34:53Z", Stamps::Moments),
            ("unix", "1706693400", "2024-01-31T09:30:00Z", Stamps::Moments),
            ("ms", "202401020930", "1976-05-31T14:30:20.93Z", Stamps::Moments),
            ("filetime", "133511670000000000", "2024-01-31T09:30:00Z", Stamps::Moments),
            ("dotnet-ticks", "638422902000000000", "2024-01-31T09:30:00Z", Stamps::Local),
            ("matlab", "739253", "2024-01-02", Stamps::Local),
            ("ordinal", "738887", "2024-01-02", Stamps::Local),
            ("julian-day", "2460312", "2024-01-02", Stamps::Local),
            ("days", "19724", "2024-01-02", Stamps::Local),
            ("%m/%d/%Y", "01/02/2024", "2024-01-02", Stamps::Local),
            ("%F %T%z", "2024-01-31 09:30:00-0500", "2024-01-31T14:30:00Z", Stamps::Offsets),
        ];
        for (format, text, expected, stamps) in cases {
            let mut clock = clock(format);
            assert_eq!(clock.read(text).map(format_time).as_deref(), Ok(expected), "{format} {text}");
            assert_eq!((clock.stamps(), clock.doubt()), (stamps, None), "{format}");
            if let Ok(number) = text.parse::<i64>() {
                assert_eq!(clock.read_epoch(number).map(format_time).as_deref(), Ok(expected), "{format} {text}");
            }
        }
        assert_eq!(
            clock("%d/%m/%Y %H:%M").read_pair("31/01/2024", "9:30").map(format_time).as_deref(),
            Ok("2024-01-31T09:30:00Z")
        );
        let refused = Clock::of_file("", Some("dd.mm"), None, TimeTexts::default).unwrap_err();
        assert!(refused.starts_with("date format `dd.mm` has no field"), "{refused}");
        let mixed = clock("%F %T%z").read("31/01/2024").unwrap_err();
        assert_eq!(mixed, "time `31/01/2024` reads as `%d/%m/%Y`, but the times of the file are written as `%F %T%z`");
        assert!(is_other_form(&mixed));
        let wrong = clock("%F %T%z").read("soon").unwrap_err();
        assert!(wrong.starts_with("time `soon` is not written as `%F %T%z`") && !is_other_form(&wrong), "{wrong}");
    }

    #[test]
    fn only_times_that_the_clock_does_not_read_need_a_form() {
        let known = [
            "2024-01-31",
            "2024-01-31T09:30:00Z",
            "2024/01/31 09:30",
            "20240131",
            "1706693400",
            "1706693400000",
            "1706693400.5",
            "1.7066934e9",
            "45293",
            "2019",
            "202401",
            "240102",
            "-86400",
            "20240132",
            "638422902000000000",
        ];
        let unknown = [
            "",
            "soon",
            "31/01/2024",
            "2024-1-2",
            "31012024",
            "202401310930",
            "2024013109",
            "20240131093000",
            "20240131093000123",
            "20240131093000.5",
            "2024-01-31T09:30[America/New_York]",
            "2024-01",
            "Jan 2024",
        ];
        let needs =
            |texts: &[&'static str]| texts.iter().copied().filter(|text| Clock::needs_form(text)).collect::<Vec<_>>();
        assert_eq!(needs(&known), Vec::<&str>::new());
        assert_eq!(needs(&unknown), unknown);
    }

    #[test]
    fn iso_times_without_their_zeros_are_read_among_others() {
        let mut clock = Clock::default();
        for (text, expected) in [
            ("2024-12-31", "2024-12-31"),
            ("2024-9-1", "2024-09-01"),
            ("2024-12-3 9:30", "2024-12-03T09:30:00Z"),
            ("2024/1/2 9:30:05", "2024-01-02T09:30:05Z"),
            ("2024-12-31 4:00 PM", "2024-12-31T16:00:00Z"),
            ("20241231 93000", "2024-12-31T09:30:00Z"),
        ] {
            assert_eq!(clock.read(text).map(format_time).as_deref(), Ok(expected), "{text}");
        }
        assert!(clock.read("2024-12").is_err() && clock.read("2024-12-31 09:30 US/Eastern").is_err());
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
