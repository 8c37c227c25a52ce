//! Gaps: bars that the other bars of an instrument let one expect.
//!
//! Never knows a calendar of holidays: nights, breaks and weekends are told by what comes again.

use std::collections::HashMap;

use super::rows::Rows;
use crate::model::Schedule;

/// Nanoseconds of an hour, and of a day.
const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// Days that an exchange may be closed in a row: the longest holidays have seven days of trading.
const LONGEST_HOLIDAYS: i64 = 7;
/// Days of trading in a row that are missing once only, and so are no holidays.
const WEEK: i64 = 5;

/// The gaps of an instrument.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gaps {
    pub(super) count: usize,
    /// The bar before the longest.
    pub(super) longest: usize,
    /// How long the longest is, in words.
    pub(super) length: String,
}

/// Bars, days, weeks or months that are missing after a bar.
type Missing = (usize, i64);

/// Finds the gaps of an instrument whose bars last equally long.
pub(super) fn find(rows: &Rows) -> Option<Gaps> {
    let schedule = &rows.series.schedule;
    let (time, interval) = (rows.series.time.as_slice(), schedule.interval?);
    let (gaps, noun) = if schedule.dates { of_dates(time, interval)? } else { of_times(time, interval, schedule)? };
    let (longest, missing) = *gaps.iter().max_by_key(|(at, missing)| (*missing, std::cmp::Reverse(*at)))?;
    let noun = if missing == 1 { noun.trim_end_matches('s') } else { noun };
    Some(Gaps { count: gaps.len(), longest, length: format!("{missing} {noun}") })
}

/// Pairs of bars that are further apart than one interval, by the first one.
fn apart(time: &[i64], interval: i64) -> impl Iterator<Item = usize> {
    time.windows(2).enumerate().filter(move |(_, pair)| pair[1] - pair[0] > interval).map(|(at, _)| at)
}

fn of_dates(time: &[i64], interval: i64) -> Option<(Vec<Missing>, &'static str)> {
    const MONTH: f64 = 30.436_875;
    let days = |at: usize| (time[at + 1] - time[at]) / DAY;
    let units = |at: usize, unit: f64| (days(at) as f64 / unit).round() as i64 - 1;
    let found =
        |unit: f64| apart(time, interval).map(|at| (at, units(at, unit))).filter(|(_, missing)| *missing > 0).collect();
    match interval / DAY {
        1 => Some((of_days(&time.iter().map(|time| time / DAY).collect::<Vec<_>>()), "days")),
        5..=9 => Some((found(7.0), "weeks")),
        28..=31 => Some((found(MONTH), "months")),
        _ => None,
    }
}

/// Days of trading that are missing, of days that are in order.
fn of_days(days: &[i64]) -> Vec<Missing> {
    let trades = trading_weekdays(days);
    let always = trades.iter().all(|trades| *trades);
    let missing = |pair: &[i64]| (pair[0] + 1..pair[1]).filter(|day| trades[weekday(*day)]).count() as i64;
    let gaps = days.windows(2).enumerate().filter(|(_, pair)| pair[1] - pair[0] > 1);
    let gaps: Vec<Missing> = gaps.map(|(at, pair)| (at, missing(pair))).filter(|(_, missing)| *missing > 0).collect();
    if always {
        return gaps;
    }
    let is_once = gaps.iter().filter(|(_, missing)| *missing >= WEEK).count() == 1;
    let least = if is_once { WEEK } else { LONGEST_HOLIDAYS + 1 };
    gaps.into_iter().filter(|(_, missing)| *missing >= least).collect()
}

/// The day of the week, Thursday first: that of 1970-01-01.
fn weekday(day: i64) -> usize {
    day.rem_euclid(7) as usize
}

/// On which days of the week there is trading: on those that half of the weeks with bars have.
fn trading_weekdays(days: &[i64]) -> [bool; 7] {
    const WEEKEND: [usize; 2] = [2, 3];
    let mut counts = [0_i64; 7];
    days.iter().for_each(|day| counts[weekday(*day)] += 1);
    let span = days.last().zip(days.first()).map_or(0, |(last, first)| last - first + 1);
    // 1970-01-05 was a Monday.
    let with_bars = days.chunk_by(|one, next| (one + 3).div_euclid(7) == (next + 3).div_euclid(7)).count() as i64;
    // The first and the last week may be parts of one.
    let weeks = (span / 7).min((with_bars - 1).max(1));
    std::array::from_fn(
        |day| {
            if span < 7 { !WEEKEND.contains(&day) || counts[day] > 0 } else { 2 * counts[day] >= weeks }
        },
    )
}

/// A pause of an intraday series.
struct Pause {
    /// The bar before.
    at: usize,
    /// Whole bars that would fit.
    bars: i64,
    /// The time of day at which the first of them would begin, and at which the next bar begins.
    begins: i64,
    ends: i64,
    /// The days of the bars before and after.
    days: (i64, i64),
    is_weekend: bool,
}

fn of_times(time: &[i64], interval: i64, schedule: &Schedule) -> Option<(Vec<Missing>, &'static str)> {
    let local = Local::new(schedule);
    if interval == DAY {
        return Some((of_days(&time.iter().map(|time| local.day(*time)).collect::<Vec<_>>()), "days"));
    }
    if interval > DAY || interval <= 0 {
        return None;
    }
    let pauses: Vec<Pause> = apart(time, interval).filter_map(|at| local.pause(time, at, interval)).collect();
    let days = local.days(time, &pauses);
    let night = |pause: &&Pause| pause.days.0 != pause.days.1;
    let boundaries = local.day(*time.last()?) - local.day(*time.first()?);
    // Of days without bars every boundary belongs to one pause.
    let passed: i64 = pauses.iter().filter(night).map(|pause| pause.days.1 - pause.days.0).sum();
    let nights = pauses.iter().filter(night).count() as i64;
    let closes = 2 * nights > boundaries - passed + nights;
    let regular = Regular::of(&pauses, days.len());
    let usual = usual(&pauses, time.len(), interval);
    let is_long = |bars: i64| bars > usual && (bars >= 3 || bars * interval >= HOUR);
    let is_gap =
        |pause: &&Pause| is_long(pause.bars) && !(closes && pause.days.0 != pause.days.1) && !regular.has(pause);
    let gaps: Vec<Missing> = pauses.iter().filter(is_gap).map(|pause| (pause.at, pause.bars)).collect();
    if closes {
        let missing = of_days(&days);
        if !missing.is_empty() {
            // The last bar of a day before days that are missing.
            let of_day =
                |(at, missing): Missing| (time.partition_point(|time| local.day(*time) <= days[at]) - 1, missing);
            return Some((missing.into_iter().map(of_day).collect(), "days"));
        }
    }
    Some((gaps, "bars"))
}

/// Bars that may be missing where bars without trades are left out: pauses then begin at any time of day. Zero elsewhere.
fn usual(pauses: &[Pause], bars: usize, interval: i64) -> i64 {
    let mut begins: Vec<i64> = pauses.iter().map(|pause| pause.begins).collect();
    begins.sort_unstable();
    begins.dedup();
    let is_sparse = 50 * pauses.len() > bars && 4 * begins.len() as i64 * interval > DAY;
    let mut lengths: Vec<i64> = pauses.iter().map(|pause| pause.bars).collect();
    lengths.sort_unstable();
    if is_sparse { lengths[lengths.len() * 9 / 10] * 20 } else { 0 }
}

/// The clock of an instrument.
struct Local<'a> {
    schedule: &'a Schedule,
}

impl<'a> Local<'a> {
    fn new(schedule: &'a Schedule) -> Self {
        Self { schedule }
    }

    fn of(&self, moment: i64) -> i64 {
        self.schedule.local(moment)
    }

    fn day(&self, moment: i64) -> i64 {
        self.of(moment).div_euclid(DAY)
    }

    fn pause(&self, time: &[i64], at: usize, interval: i64) -> Option<Pause> {
        let (before, after) = (time[at], time[at + 1]);
        let bars = (after - before) / interval - 1;
        let (begins, ends) = (self.of(before + interval), self.of(after));
        // 1970-01-03 was a Saturday.
        let saturday = |local: i64| (local - 2 * DAY - DAY / 2).div_euclid(7 * DAY);
        let is_weekend = saturday(ends) > saturday(begins) && ends - begins >= DAY && ends - begins <= 4 * DAY;
        let days = (self.day(before), self.day(after));
        let (begins, ends) = (begins.rem_euclid(DAY), ends.rem_euclid(DAY));
        (bars > 0).then_some(Pause { at, bars, begins, ends, days, is_weekend })
    }

    /// The days that have bars, in order.
    fn days(&self, time: &[i64], pauses: &[Pause]) -> Vec<i64> {
        let (Some(first), Some(last)) = (time.first(), time.last()) else { return Vec::new() };
        let mut days = Vec::new();
        let mut from = self.day(*first);
        let ends = pauses.iter().map(|pause| pause.days).chain([(self.day(*last), 0)]);
        for (until, next) in ends {
            days.extend(from..=until);
            from = next;
        }
        days.dedup();
        days
    }
}

/// Times of day at which trading pauses or goes on again and again, with the lengths of the pauses.
struct Regular {
    begins: HashMap<i64, Vec<i64>>,
    ends: HashMap<i64, Vec<i64>>,
    weekends: bool,
    least: usize,
}

impl Regular {
    fn of(pauses: &[Pause], days: usize) -> Self {
        let lengths = |time: fn(&Pause) -> i64| {
            let mut lengths = HashMap::<i64, Vec<i64>>::new();
            pauses.iter().for_each(|pause| lengths.entry(time(pause)).or_default().push(pause.bars));
            lengths
        };
        let weekends = pauses.iter().filter(|pause| pause.is_weekend).count();
        let weekends = weekends > 0 && 2 * weekends >= days / 7;
        let (begins, ends) = (lengths(|pause| pause.begins), lengths(|pause| pause.ends));
        Self { begins, ends, weekends, least: (days / 10).max(2) }
    }

    /// Whether pauses that begin or end at that time of day, and last about as long, come again and again.
    fn has(&self, pause: &Pause) -> bool {
        let is_often = |lengths: &HashMap<i64, Vec<i64>>, time| {
            let like = lengths.get(&time).into_iter().flatten().filter(|bars| 2 * **bars >= pause.bars);
            like.count() >= self.least
        };
        is_often(&self.begins, pause.begins) || is_often(&self.ends, pause.ends) || pause.is_weekend && self.weekends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Series, format_time};

    fn at(text: &str) -> i64 {
        let time = if text.contains('T') { format!("{text}:00Z") } else { format!("{text}T00:00:00Z") };
        time.parse::<jiff::Timestamp>().unwrap().as_nanosecond() as i64
    }

    fn gaps(mut time: Vec<i64>) -> Option<String> {
        let mut schedule = Schedule::default();
        schedule.complete(&mut time);
        let rows = Rows { series: Series { time, schedule, ..Series::default() }, ..Rows::default() };
        let found = find(&rows)?;
        Some(format!("{}: {} after {}", found.count, found.length, format_time(rows.series.time[found.longest])))
    }

    /// Bars from `first` to `last`, where `trades` is asked for the day of the week (Monday is 0) and the minute of the day.
    fn bars(first: &str, last: &str, minutes: i64, trades: impl Fn(i64, i64) -> bool) -> Vec<i64> {
        let (first, last) = (at(first), at(last));
        let step = minutes * HOUR / 60;
        let is_open = |time: &i64| trades((time.div_euclid(DAY) + 3).rem_euclid(7), time.rem_euclid(DAY) / (HOUR / 60));
        (0..).map(|bar| first + bar * step).take_while(|time| *time < last).filter(is_open).collect()
    }

    fn without(mut time: Vec<i64>, from: &str, until: &str) -> Vec<i64> {
        time.retain(|time| !(at(from)..at(until)).contains(time));
        time
    }

    fn stock(day: i64, minute: i64) -> bool {
        day < 5 && (570..960).contains(&minute)
    }

    fn future(day: i64, minute: i64) -> bool {
        match day {
            5 => false,
            6 => minute >= 1020,
            4 => minute < 960,
            _ => !(960..1020).contains(&minute),
        }
    }

    #[test]
    fn nights_weekends_breaks_and_holidays_are_no_gaps() {
        let tokyo = |day, minute| day < 5 && ((540..690).contains(&minute) || (750..900).contains(&minute));
        let sunday_to_thursday = |day: i64, minute| matches!(day, 6 | 0..=3) && (570..960).contains(&minute);
        let clean = [
            bars("2024-01-01", "2024-06-01", 5, stock),
            bars("2024-01-01", "2024-01-03", 5, stock),
            bars("2024-01-05", "2024-01-09", 5, stock),
            bars("2024-01-01", "2024-03-01", 60, future),
            bars("2024-01-03", "2024-01-10", 15, future),
            bars("2024-01-01", "2024-03-01", 5, tokyo),
            bars("2024-01-01", "2024-03-01", 5, sunday_to_thursday),
            bars("2024-12-29", "2025-01-03", 60, |_, _| true),
            bars("2024-01-01", "2025-01-01", 1440, |day, _| day < 5),
            bars("2024-01-01", "2025-01-01", 1440, |day, _| day < 6),
            bars("2024-01-01", "2025-01-01", 1440, |_, _| true),
            without(bars("2024-01-01", "2024-06-01", 5, stock), "2024-03-29", "2024-03-30"),
            without(bars("2024-01-01", "2024-06-01", 5, stock), "2024-03-28T13:00", "2024-03-29"),
            without(bars("2001-08-01", "2001-12-01", 1440, |day, _| day < 5), "2001-09-11", "2001-09-17"),
            without(bars("2024-01-01", "2024-06-01", 60, future), "2024-03-28T16:00", "2024-03-31T17:00"),
        ];
        for (case, time) in clean.into_iter().enumerate() {
            assert_eq!(gaps(time), None, "case {case}");
        }
        let two_holidays =
            without(bars("2023-01-01", "2024-01-01", 1440, |day, _| day < 5), "2023-01-21", "2023-01-28");
        assert_eq!(gaps(without(two_holidays, "2023-09-29", "2023-10-07")), None);
    }

    #[test]
    fn what_is_missing_is_told_with_its_place() {
        let always = |_, _| true;
        let check = |time, expected: &str| assert_eq!(gaps(time).as_deref(), Some(expected));
        let coin = || bars("2024-12-29", "2025-01-03", 60, always);
        check(without(coin(), "2024-12-31T06:00", "2024-12-31T18:00"), "1: 12 bars after 2024-12-31T05:00:00Z");
        check(without(coin(), "2024-12-30T20:00", "2024-12-31T08:00"), "1: 12 bars after 2024-12-30T19:00:00Z");
        let twice = without(coin(), "2024-12-30T20:00", "2024-12-30T21:00");
        check(without(twice, "2024-12-31T03:00", "2024-12-31T05:00"), "2: 2 bars after 2024-12-31T02:00:00Z");
        let stocks = || bars("2024-01-01", "2024-06-01", 5, stock);
        check(without(stocks(), "2024-03-01", "2024-04-01"), "1: 21 days after 2024-02-29T15:55:00Z");
        check(without(stocks(), "2024-03-05T11:00", "2024-03-05T13:00"), "1: 24 bars after 2024-03-05T10:55:00Z");
        let days = |weekdays: i64| bars("2024-01-01", "2025-01-01", 1440, move |day, _| day < weekdays);
        check(without(days(5), "2024-05-01", "2024-06-01"), "1: 23 days after 2024-04-30");
        check(without(days(5), "2024-03-01", "2024-11-01"), "1: 175 days after 2024-02-29");
        check(without(days(5), "2024-05-06", "2024-05-11"), "1: 5 days after 2024-05-03");
        check(without(days(7), "2024-05-06", "2024-05-07"), "1: 1 day after 2024-05-05");
        let mornings: Vec<_> = days(5).iter().map(|day| day + 10 * HOUR).collect();
        check(without(mornings, "2024-05-01", "2024-06-01"), "1: 23 days after 2024-04-30T10:00:00Z");
        let weeks: Vec<_> = (0..50).filter(|week| *week != 20).map(|week| at("2024-01-01") + 7 * week * DAY).collect();
        check(weeks, "1: 1 week after 2024-05-13");
        let months = ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-07-01", "2024-08-01", "2024-09-01"];
        check(months.map(at).to_vec(), "1: 2 months after 2024-04-01");
    }

    #[test]
    fn bars_without_trades_that_are_left_out_are_no_gaps() {
        let sparse = bars("2024-01-01", "2024-01-20", 1, |day, minute| (day * 1440 + minute) * 7_919 % 10_007 > 3_600);
        assert_eq!(gaps(sparse.clone()), None);
        let outage = without(sparse, "2024-01-10T03:00", "2024-01-10T15:00");
        let found = gaps(outage).unwrap();
        assert!(found.starts_with("1: 7"), "{found}");
    }
}
