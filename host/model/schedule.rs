//! Schedules: what the time stamps of bars say, when bars begin and end, and to which day they belong.
//!
//! Never reads a file, and never asks the machine's time zone.

use std::{fmt, str::FromStr};

use jiff::{civil::Date, tz::Offset};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::format_time;

/// Nanoseconds of a second, of a minute, and of a day.
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 1440 * MINUTE;

/// Nanoseconds of the shortest day: the clocks go forward by an hour in most zones, by more in a few.
const SHORTEST_DAY: i64 = 20 * 60 * MINUTE;

/// Days of the shortest and of a mean month.
const SHORTEST_MONTH: i64 = 28;
const MEAN_MONTH: f64 = 30.436_875;

/// What the time stamp of a bar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BarTime {
    /// When the bar begins.
    #[default]
    Open,
    /// When it ends.
    Close,
}

/// The hours of trading of one day, in the zone of the instrument. Written `09:30-16:00`, or `17:00-16:00` for a session
/// that begins on the evening before: its bars belong to the day on which it closes.
///
/// # Examples
///
/// ```
/// use host::model::Session;
///
/// let overnight: Session = "17:00-16:00".parse()?;
/// assert!(overnight.is_overnight());
/// assert_eq!(overnight.to_string(), "17:00-16:00");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session {
    /// Minutes after midnight.
    open: i64,
    /// Minutes after midnight.
    close: i64,
}

/// When the bars of an instrument are: what their time stamps say, how long a bar lasts, and in which zone days are
/// counted.
///
/// The default is that of bars whose time stamps are all that is known: they say when a bar begins, and days are those of UTC.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schedule {
    /// Whether the time stamps are dates: midnight in UTC of the day that the data names, in whatever zone that day is.
    pub dates: bool,
    /// Nanoseconds that a bar lasts; `None` where the bars do not tell.
    pub interval: Option<i64>,
    /// What the time stamps say.
    pub bar_time: BarTime,
    /// The hours of trading of a day.
    pub session: Option<Session>,
    /// The name of the zone in which days are counted; `None` for UTC.
    pub zone: Option<String>,
    /// The zone's seconds east of UTC, each from a moment on (nanoseconds since the Unix epoch), oldest first; what comes
    /// before the first has the first's. Empty for UTC.
    pub offsets: Vec<(i64, i32)>,
}

impl Session {
    /// Whether it begins on the evening before.
    pub fn is_overnight(self) -> bool {
        self.open >= self.close
    }
}

impl FromStr for Session {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let minutes = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            ((0..24).contains(&hours) && (0..60).contains(&minutes)).then(|| 60 * hours + minutes)
        };
        let session = text.split_once('-').and_then(|(open, close)| {
            let (open, close) = (minutes(open)?, minutes(close)?);
            Some(Self { open, close })
        });
        session.ok_or_else(|| format!("`{text}` is not a session; write opening and closing time, like 09:30-16:00"))
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { open, close } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", open / 60, open % 60, close / 60, close % 60)
    }
}

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Session {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        String::deserialize(source)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for BarTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Close => "close",
        })
    }
}

impl FromStr for BarTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "open" => Ok(Self::Open),
            "close" => Ok(Self::Close),
            _ => Err(format!("`{text}` is not what a bar's time says; give `open` or `close`")),
        }
    }
}

/// The distances of bars that follow each other.
fn gaps(times: &[i64]) -> impl Iterator<Item = i64> {
    times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]))
}

/// The distance that more than half of all pairs of bars have, if there is one (Boyer and Moore's vote).
pub(crate) fn majority(times: &[i64]) -> Option<i64> {
    let (mut candidate, mut votes) = (0, 0_usize);
    for gap in gaps(times) {
        if votes == 0 {
            candidate = gap;
        }
        if gap == candidate { votes += 1 } else { votes -= 1 }
    }
    let count = gaps(times).filter(|gap| *gap == candidate).count();
    (2 * count > times.len().saturating_sub(1)).then_some(candidate)
}

impl Schedule {
    /// Whether bars of `self` and `other` that have the same time stamp begin and end together. Dates of two zones do, unless
    /// both have sessions that say otherwise.
    pub fn is_like(&self, other: &Self) -> bool {
        let unit = |schedule: &Self| schedule.interval.map(|interval| schedule.months(interval).unwrap_or(interval));
        let intervals = unit(self).zip(unit(other));
        let hours = |schedule: &Self| schedule.session.filter(|_| schedule.dates);
        let is_one_zone = self.zone == other.zone || self.offsets == other.offsets;
        self.dates == other.dates
            && self.bar_time == other.bar_time
            && hours(self).zip(hours(other)).is_none_or(|(one, other)| one == other && is_one_zone)
            && intervals.is_none_or(|(one, other)| one == other)
    }

    /// Completes what bars with the time stamps `times` tell by themselves.
    ///
    /// Time stamps that are all midnights of the zone, and as good as a day apart, become [dates](Self::dates): midnights in
    /// UTC. An interval that is not given is the most frequent distance of two bars; of bars that are no dates it has to be
    /// that of every fourth bar at least.
    pub fn complete(&mut self, times: &mut [i64]) {
        let days_apart = gaps(times).all(|gap| gap >= SHORTEST_DAY);
        if !self.dates && days_apart && times.iter().all(|time| self.local(*time).rem_euclid(DAY) == 0) {
            times.iter_mut().for_each(|time| *time = self.local(*time));
            self.dates = true;
        }
        if self.interval.is_none() {
            self.interval = majority(times);
        }
        if self.interval.is_none() {
            let mut gaps: Vec<i64> = gaps(times).collect();
            gaps.sort_unstable();
            let runs = gaps.chunk_by(|one, other| one == other);
            // Of equals the smallest gap.
            let most = runs.rev().max_by_key(|run| run.len());
            let is_clear = |run: &&[i64]| self.dates || 4 * run.len() >= gaps.len();
            self.interval = most.filter(is_clear).map(|run| run[0]);
        }
    }

    /// The day to which the bar with the time stamp `time` belongs, counted from 1970-01-01.
    pub fn day(&self, time: i64) -> i64 {
        match (self.dates, self.bar_time) {
            (true, _) => time.div_euclid(DAY),
            (false, BarTime::Open) => self.day_at(time),
            (false, BarTime::Close) => self.day_at(time - 1),
        }
    }

    /// The day to which trades at `moment` belong, counted from 1970-01-01. (Of bars that are dates, a moment is not the
    /// time stamp.)
    pub fn day_at(&self, moment: i64) -> i64 {
        let evening = self.session.filter(|session| session.is_overnight());
        let ahead = evening.map_or(0, |session| DAY - session.open * MINUTE);
        (self.local(moment) + ahead).div_euclid(DAY)
    }

    /// The moment at which the bar with the time stamp `time` begins.
    pub fn opens(&self, time: i64) -> i64 {
        let lasts = self.interval.unwrap_or(0);
        match (self.dates, self.bar_time) {
            (false, BarTime::Open) => time,
            (false, BarTime::Close) => self.hours_of(time - 1).map_or(time - lasts, |(open, _)| open.max(time - lasts)),
            (true, BarTime::Open) => self.opening(time.div_euclid(DAY)),
            (true, BarTime::Close) => self.opening(self.shift(time.div_euclid(DAY) + 1, -1)),
        }
    }

    /// The moment at which the bar with the time stamp `time` has ended, and is known.
    pub fn ends(&self, time: i64) -> i64 {
        let lasts = self.interval.unwrap_or(0);
        match (self.dates, self.bar_time) {
            (false, BarTime::Open) => self.hours_of(time).map_or(time + lasts, |(_, close)| close.min(time + lasts)),
            (false, BarTime::Close) => time,
            (true, BarTime::Open) => self.closing(self.shift(time.div_euclid(DAY), 1) - 1),
            (true, BarTime::Close) => self.closing(time.div_euclid(DAY)),
        }
    }

    /// The time stamp `time` as ISO 8601: a date where it is one, else in the zone, with its offset.
    pub fn format(&self, time: i64) -> String {
        if self.dates || self.offsets.is_empty() {
            return format_time(time);
        }
        let offset = self.offset(time);
        let Ok(zone) = Offset::from_seconds(offset) else { return format_time(time) };
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
        let moment = jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap_or_default();
        format!("{}{sign}{:02}:{:02}", zone.to_datetime(moment), minutes / 60, minutes % 60)
    }

    /// Nanoseconds of the zone's clock at `moment`, counted as if it was UTC's.
    pub(crate) fn local(&self, moment: i64) -> i64 {
        moment.saturating_add(i64::from(self.offset(moment)) * SECOND)
    }

    /// Seconds east of UTC at `moment`.
    fn offset(&self, moment: i64) -> i32 {
        let after = self.offsets.partition_point(|(from, _)| *from <= moment);
        self.offsets.get(after.saturating_sub(1)).map_or(0, |(_, offset)| *offset)
    }

    /// The moment at which the zone's clock shows `local`, nanoseconds counted as if it was UTC's.
    pub(super) fn moment(&self, local: i64) -> i64 {
        let near = local - i64::from(self.offset(local)) * SECOND;
        local - i64::from(self.offset(near)) * SECOND
    }

    /// Whether trading goes on at `moment`: always, where there is no session.
    pub(crate) fn is_in_session(&self, moment: i64) -> bool {
        self.session.is_none() || self.hours_of(moment).is_some()
    }

    /// The moment at which trading of `day` begins.
    pub(crate) fn opening(&self, day: i64) -> i64 {
        let minutes = self
            .session
            .map_or(0, |session| if session.is_overnight() { session.open - DAY / MINUTE } else { session.open });
        self.moment(day * DAY + minutes * MINUTE)
    }

    /// The moment at which trading of `day` ends.
    fn closing(&self, day: i64) -> i64 {
        self.moment(day * DAY + self.session.map_or(DAY, |session| session.close * MINUTE))
    }

    /// When the session at `moment` opens and closes, if there is one.
    fn hours_of(&self, moment: i64) -> Option<(i64, i64)> {
        self.session?;
        let day = self.day_at(moment);
        let hours = (self.opening(day), self.closing(day));
        (hours.0 <= moment && moment < hours.1).then_some(hours)
    }

    /// `day`, one bar later or earlier.
    fn shift(&self, day: i64, bars: i64) -> i64 {
        let lasts = self.interval.unwrap_or(DAY);
        match self.months(lasts) {
            Some(months) => shift_months(day, bars * months),
            None => day + bars * (lasts / DAY).max(1),
        }
    }

    /// The months that a bar lasts, if it lasts so long.
    fn months(&self, interval: i64) -> Option<i64> {
        let days = interval / DAY;
        (self.dates && days >= SHORTEST_MONTH).then(|| ((days as f64 / MEAN_MONTH).round() as i64).max(1))
    }
}

/// `day`, so many months later; days are counted from 1970-01-01.
fn shift_months(day: i64, months: i64) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    let shifted = || {
        let date = epoch.checked_add(jiff::Span::new().try_days(day).ok()?).ok()?;
        let shifted = date.checked_add(jiff::Span::new().try_months(months).ok()?).ok()?;
        Some(i64::from(epoch.until(shifted).ok()?.get_days()))
    };
    // Days outside of the calendar are not among the times of bars.
    shifted().unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    fn at(text: &str) -> i64 {
        let text = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
        text.parse::<jiff::Timestamp>().unwrap().as_nanosecond() as i64
    }

    fn date_of(day: i64) -> String {
        format_time(day * DAY)
    }

    fn new_york() -> Vec<(i64, i32)> {
        vec![(at("2023-11-05T06:00:00Z"), -18000), (at("2024-03-10T07:00:00Z"), -14400)]
    }

    #[test]
    fn a_bar_belongs_to_the_day_of_its_zone_and_session() {
        let utc = Schedule { interval: Some(HOUR), ..Schedule::default() };
        let tokyo = Schedule { offsets: vec![(0, 9 * 3600)], ..utc.clone() };
        let chicago =
            Schedule { offsets: vec![(0, -6 * 3600)], session: Some("17:00-16:00".parse().unwrap()), ..utc.clone() };
        let ended = Schedule { bar_time: BarTime::Close, ..utc.clone() };
        let day = |schedule: &Schedule, time| date_of(schedule.day(at(time)));
        assert_eq!(day(&utc, "2024-01-01T23:30:00Z"), "2024-01-01");
        assert_eq!(day(&tokyo, "2024-01-01T15:00:00Z"), "2024-01-02");
        assert_eq!(day(&chicago, "2024-01-07T22:00:00Z"), "2024-01-07", "16:00 on a Sunday");
        assert_eq!(day(&chicago, "2024-01-07T23:00:00Z"), "2024-01-08", "17:00 on a Sunday is Monday's session");
        assert_eq!(day(&ended, "2024-01-02T00:00:00Z"), "2024-01-01", "the last hour of the day before");
        let dates = Schedule { dates: true, interval: Some(DAY), ..tokyo };
        assert_eq!(day(&dates, "2024-01-02"), "2024-01-02");
    }

    #[test]
    fn a_day_ends_at_the_midnight_of_its_zone_or_with_its_session() {
        let dates = |offsets: Vec<(i64, i32)>, session: Option<&str>| Schedule {
            dates: true,
            interval: Some(DAY),
            session: session.map(|text| text.parse().unwrap()),
            offsets,
            ..Schedule::default()
        };
        let span = |schedule: &Schedule, time| {
            let time = at(time);
            (format_time(schedule.opens(time)), format_time(schedule.ends(time)))
        };
        let pair = |open: &str, end: &str| (open.to_owned(), end.to_owned());
        assert_eq!(span(&dates(vec![], None), "2024-01-02"), pair("2024-01-02", "2024-01-03"));
        assert_eq!(
            span(&dates(new_york(), None), "2024-03-10"),
            pair("2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z"),
            "a day of 23 hours"
        );
        assert_eq!(
            span(&dates(new_york(), Some("09:30-16:00")), "2024-01-02"),
            pair("2024-01-02T14:30:00Z", "2024-01-02T21:00:00Z")
        );
        assert_eq!(
            span(&dates(new_york(), Some("18:00-17:00")), "2024-01-02"),
            pair("2024-01-01T23:00:00Z", "2024-01-02T22:00:00Z")
        );
    }

    #[test]
    fn weeks_and_months_last_as_long_as_they_do() {
        let dates =
            |days: i64, bar_time| Schedule { dates: true, interval: Some(days * DAY), bar_time, ..Schedule::default() };
        let span = |schedule: Schedule, time| {
            let time = at(time);
            (format_time(schedule.opens(time)), format_time(schedule.ends(time)))
        };
        let pair = |open: &str, end: &str| (open.to_owned(), end.to_owned());
        assert_eq!(span(dates(7, BarTime::Open), "2024-01-01"), pair("2024-01-01", "2024-01-08"));
        assert_eq!(span(dates(7, BarTime::Close), "2024-01-07"), pair("2024-01-01", "2024-01-08"));
        assert_eq!(span(dates(31, BarTime::Open), "2024-02-01"), pair("2024-02-01", "2024-03-01"));
        assert_eq!(span(dates(31, BarTime::Close), "2024-02-29"), pair("2024-02-01", "2024-03-01"));
        assert!(dates(31, BarTime::Open).is_like(&dates(30, BarTime::Open)));
        assert!(!dates(31, BarTime::Open).is_like(&dates(91, BarTime::Open)));
        assert!(!dates(1, BarTime::Open).is_like(&dates(1, BarTime::Close)));
        let within = |session: &str, zone: &str, hours: i32| Schedule {
            session: Some(session.parse().unwrap()),
            zone: Some(zone.to_owned()),
            offsets: vec![(0, hours * 3600)],
            ..dates(1, BarTime::Open)
        };
        let berlin = within("09:00-17:30", "Europe/Berlin", 1);
        assert!(berlin.is_like(&within("09:00-17:30", "Europe/Paris", 1)) && berlin.is_like(&dates(1, BarTime::Open)));
        assert!(!berlin.is_like(&within("09:00-17:30", "Asia/Tokyo", 9)));
        assert!(!berlin.is_like(&within("08:00-22:00", "Europe/Berlin", 1)));
    }

    #[test]
    fn bars_tell_whether_they_are_dates_and_how_long_they_last() {
        let complete = |offsets: &[(i64, i32)], texts: &[&str]| {
            let mut times: Vec<i64> = texts.iter().map(|text| at(text)).collect();
            let mut schedule = Schedule { offsets: offsets.to_vec(), ..Schedule::default() };
            schedule.complete(&mut times);
            (schedule.dates, schedule.interval, format_time(times[0]))
        };
        let first = "2024-03-08".to_owned();
        assert_eq!(complete(&[], &["2024-03-08", "2024-03-11", "2024-03-12"]), (true, Some(DAY), first.clone()));
        assert_eq!(
            complete(&new_york(), &["2024-03-08T05:00:00Z", "2024-03-11T04:00:00Z", "2024-03-12T04:00:00Z"]),
            (true, Some(DAY), first),
            "midnights on both sides of a change of clocks"
        );
        let hours = ["2024-03-08T00:00:00Z", "2024-03-08T01:00:00Z", "2024-03-08T02:00:00Z", "2024-03-09T00:00:00Z"];
        assert_eq!(complete(&[], &hours), (false, Some(HOUR), "2024-03-08".to_owned()));
        assert!(!complete(&[], &["2024-03-08", "2024-03-08T12:00:00Z"]).0);
        assert_eq!(complete(&[], &["2024-03-08"]), (true, None, "2024-03-08".to_owned()));
        let ticks: Vec<String> = (0..8).map(|n| format!("2024-03-08T00:00:{:02}Z", n * n)).collect();
        assert_eq!(complete(&[], &ticks.iter().map(String::as_str).collect::<Vec<_>>()).1, None);
    }

    #[test]
    fn hours_begin_or_end_at_their_time_stamps() {
        let hours = |bar_time| Schedule { interval: Some(HOUR), bar_time, ..Schedule::default() };
        assert_eq!((hours(BarTime::Open).opens(5 * HOUR), hours(BarTime::Open).ends(5 * HOUR)), (5 * HOUR, 6 * HOUR));
        assert_eq!((hours(BarTime::Close).opens(5 * HOUR), hours(BarTime::Close).ends(5 * HOUR)), (4 * HOUR, 5 * HOUR));
    }

    #[test]
    fn the_last_bar_of_a_session_ends_with_it() {
        let session = Some("09:30-16:00".parse().unwrap());
        let opens = Schedule { interval: Some(HOUR), session, offsets: new_york(), ..Schedule::default() };
        let closes = Schedule { bar_time: BarTime::Close, ..opens.clone() };
        assert_eq!(format_time(opens.ends(at("2024-01-02T20:30:00Z"))), "2024-01-02T21:00:00Z");
        assert_eq!(format_time(opens.ends(at("2024-01-02T19:30:00Z"))), "2024-01-02T20:30:00Z");
        assert_eq!(format_time(opens.ends(at("2024-01-02T22:30:00Z"))), "2024-01-02T23:30:00Z", "after the session");
        assert_eq!(format_time(closes.opens(at("2024-01-02T15:00:00Z"))), "2024-01-02T14:30:00Z");
        assert_eq!(format_time(closes.opens(at("2024-01-02T21:00:00Z"))), "2024-01-02T20:00:00Z");
    }

    #[test]
    fn times_are_written_in_their_zone() {
        let zoned = Schedule { offsets: new_york(), ..Schedule::default() };
        assert_eq!(zoned.format(at("2024-03-08T14:30:00Z")), "2024-03-08T09:30:00-05:00");
        assert_eq!(zoned.format(at("2024-03-11T13:30:00Z")), "2024-03-11T09:30:00-04:00");
        let dates = Schedule { dates: true, ..zoned };
        assert_eq!(dates.format(at("2024-03-11")), "2024-03-11");
        assert_eq!(Schedule::default().format(at("2024-03-11T13:30:00Z")), "2024-03-11T13:30:00Z");
        let half = Schedule { offsets: vec![(0, 19800)], ..Schedule::default() };
        assert_eq!(half.format(0), "1970-01-01T05:30:00+05:30");
    }

    #[test]
    fn a_session_is_two_times_of_day() {
        for text in ["09:30-16:00", "17:00-16:00", "00:00-00:00"] {
            assert_eq!(text.parse::<Session>().map(|session| session.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "9-16", "09:30", "24:00-16:00", "09:60-16:00", "open-close", "9223372036854775807:30-16:00"] {
            assert!(text.parse::<Session>().unwrap_err().contains("like 09:30-16:00"), "{text}");
        }
    }
}
