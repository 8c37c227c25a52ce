//! Bars per year, over calendars of markets.

use proptest::prelude::*;

use crate::{
    broker::Timeline,
    metrics::Annualization,
    model::{Schedule, Series},
};

const DAY: i64 = 86_400_000_000_000;
const HOUR: i64 = DAY / 24;
const MINUTE: i64 = HOUR / 60;

/// 1 January 2018, a Monday, counted from 1970-01-01.
const MONDAY: i64 = 17532;

/// The weekday of a day, from Monday on.
fn weekday(day: i64) -> i64 {
    (day - MONDAY).rem_euclid(7)
}

/// The days from the first one on, so many in all, that are on `open` weekdays and not among every `holiday`th of those.
fn trading(first: i64, count: i64, open: &[i64], holiday: usize) -> Vec<i64> {
    let on = (first..first + count).filter(|day| open.contains(&weekday(*day)));
    let (mut left, kept): (usize, Vec<i64>) = (0, on.collect());
    let is_kept = |_: &i64| {
        left += 1;
        holiday == 0 || left % holiday != 0
    };
    kept.into_iter().filter(is_kept).collect()
}

const WEEKDAYS: [i64; 5] = [0, 1, 2, 3, 4];
const SUNDAY_TO_THURSDAY: [i64; 5] = [6, 0, 1, 2, 3];
const EVERY_DAY: [i64; 7] = [0, 1, 2, 3, 4, 5, 6];
const WITH_SUNDAYS: [i64; 6] = [6, 0, 1, 2, 3, 4];
const FIVE_YEARS: i64 = 1826;

/// Bars of each day: so many, `every` nanoseconds, from `from` after midnight on.
fn within(days: &[i64], from: i64, every: i64, count: i64) -> Vec<i64> {
    days.iter().flat_map(|day| (0..count).map(move |bar| day * DAY + from + bar * every)).collect()
}

/// Bars without a break, but from Friday to Sunday at `close`.
fn foreign_exchange(first: i64, days: i64, every: i64, close: i64) -> Vec<i64> {
    let all = (0..days * DAY / every).map(|bar| first * DAY + bar * every);
    let is_open = |time: &i64| {
        let (day, within) = (weekday(time.div_euclid(DAY)), time.rem_euclid(DAY));
        day < 4 || day == 4 && within < close || day == 6 && within >= close
    };
    all.filter(is_open).collect()
}

fn series(times: Vec<i64>) -> Series {
    let mut series = Series { time: times, ..Series::default() };
    series.schedule.complete(&mut series.time);
    series
}

fn infer(all: &[Series]) -> String {
    Annualization::infer(&Timeline::of(all)).map_or_else(|why| why.to_string(), |found| found.to_string())
}

#[test]
fn bars_per_year_follow_from_the_market_s_calendar() {
    let daily = |days: Vec<i64>| days.into_iter().map(|day| day * DAY).collect::<Vec<_>>();
    let every_third: Vec<i64> = (0..560).map(|bar| MONDAY + bar * 1826 / 559).collect();
    let without = |times: Vec<i64>, every: usize| -> Vec<i64> {
        times.into_iter().enumerate().filter(|(at, _)| at % every != 7 % every).map(|(_, time)| time).collect()
    };
    let crypto = |first: i64, hours: i64| (0..hours).map(|hour| first * DAY + hour * HOUR).collect::<Vec<_>>();
    let minutes = |first: i64, count: i64| (0..count).map(|minute| first * DAY + minute * MINUTE).collect::<Vec<_>>();
    #[rustfmt::skip]
    let rows: Vec<(&str, Vec<i64>, &str)> = vec![
        // Years of data: what there is decides.
        ("NYSE, 9 holidays a year", daily(trading(MONDAY, FIVE_YEARS, &WEEKDAYS, 29)), "252 (daily bars, weekdays only)"),
        ("Xetra, 6 holidays", daily(trading(MONDAY, FIVE_YEARS, &WEEKDAYS, 43)), "252 (daily bars, weekdays only)"),
        ("Tokyo, 16 holidays", daily(trading(MONDAY, FIVE_YEARS, &WEEKDAYS, 16)), "244.9 (as many bars as the data has in a year)"),
        ("Tel Aviv, Sunday to Thursday, 14 holidays", daily(trading(MONDAY, FIVE_YEARS, &SUNDAY_TO_THURSDAY, 18)), "246.6 (as many bars as the data has in a year)"),
        ("weekdays without a holiday", daily(trading(MONDAY, FIVE_YEARS, &WEEKDAYS, 0)), "260 (daily bars, weekdays only, no holidays)"),
        ("FX, a short bar each Sunday", daily(trading(MONDAY, FIVE_YEARS, &WITH_SUNDAYS, 0)), "313 (daily bars, six days a week)"),
        ("FX of one year", daily(trading(MONDAY, 365, &WITH_SUNDAYS, 0)), "313 (daily bars, six days a week)"),
        ("NYSE of one year", daily(trading(MONDAY, 365, &WEEKDAYS, 29)), "252 (daily bars, weekdays only)"),
        ("crypto", daily(trading(MONDAY, FIVE_YEARS, &EVERY_DAY, 0)), "365 (daily bars, weekends included)"),
        ("crypto, a day in ten missing", daily(trading(MONDAY, FIVE_YEARS, &EVERY_DAY, 10)), "328.8 (as many bars as the data has in a year)"),
        ("a stock that trades every third day", daily(every_third), "111.8 (as many bars as the data has in a year)"),
        ("weeks", daily((0..200).map(|week| MONDAY + 7 * week).collect()), "52 (weekly bars)"),
        ("weeks, one in ten missing", daily((0..400).filter(|week| week % 10 != 3).map(|week| MONDAY + 7 * week).collect()), "46.95 (as many bars as the data has in a year)"),
        ("FX hours", foreign_exchange(MONDAY, FIVE_YEARS, HOUR, 22 * HOUR), "6240 (24 bars a day, weekdays only, no holidays)"),
        ("crypto hours", crypto(MONDAY, 24 * FIVE_YEARS), "8760 (24 bars a day, weekends included)"),
        ("crypto hours, one in a hundred missing", without(crypto(MONDAY, 24 * FIVE_YEARS), 100), "8760 (24 bars a day, weekends included)"),
        ("crypto hours, one in ten missing", without(crypto(MONDAY, 24 * FIVE_YEARS), 10), "7889 (as many bars as the data has in a year)"),
        ("NYSE five minutes, years", within(&trading(MONDAY, FIVE_YEARS, &WEEKDAYS, 29), 14 * HOUR + 30 * MINUTE, 5 * MINUTE, 78), "19656 (78 bars a day, weekdays only)"),
        // What is missing in one piece counts for nothing.
        ("NYSE, a year missing", daily(trading(MONDAY, FIVE_YEARS, &WEEKDAYS, 29).into_iter().filter(|day| !(600..965).contains(&(day - MONDAY))).collect()), "252 (daily bars, weekdays only)"),
        ("crypto hours, three months missing", crypto(MONDAY, 24 * 700).into_iter().filter(|time| !(200..290).contains(&(time / DAY - MONDAY))).collect(), "8760 (24 bars a day, weekends included)"),
        ("crypto days, half a year missing", daily(trading(MONDAY, 730, &EVERY_DAY, 0).into_iter().filter(|day| !(300..480).contains(&(day - MONDAY))).collect()), "365 (daily bars, weekends included)"),
        // Less than a year: the pattern decides.
        ("weekdays of half a year", daily(trading(MONDAY, 180, &WEEKDAYS, 29)), "252 (daily bars, weekdays only; 260 if it has no holidays)"),
        ("Thursday to Tuesday", daily(trading(MONDAY + 3, 6, &WEEKDAYS, 0)), "252 (daily bars, weekdays only; 260 if it has no holidays)"),
        ("Monday to Friday", daily(trading(MONDAY, 5, &WEEKDAYS, 0)), "undefined: 252 or 365, as no weekend is in the data"),
        ("two days", daily(vec![MONDAY, MONDAY + 1]), "undefined: 252 or 365, as no weekend is in the data"),
        ("crypto, Wednesday to Sunday", daily(trading(MONDAY + 2, 5, &EVERY_DAY, 0)), "365 (daily bars, weekends included)"),
        ("crypto, Thursday to Saturday", daily(trading(MONDAY + 3, 3, &EVERY_DAY, 0)), "365 (daily bars, weekends included)"),
        ("crypto of a week, a day missing", daily(vec![0, 1, 3, 4, 5, 6, 7].into_iter().map(|day| MONDAY + day).collect()), "365 (daily bars, weekends included)"),
        ("FX of a month, with Sundays", daily(trading(MONDAY, 31, &WITH_SUNDAYS, 0)), "313 (daily bars, six days a week)"),
        ("Tel Aviv of a month", daily(trading(MONDAY, 31, &SUNDAY_TO_THURSDAY, 0)), "252 (daily bars, weekdays only; 260 if it has no holidays)"),
        ("crypto hours of 3 days", crypto(MONDAY + 4, 72), "8760 (24 bars a day, weekends included)"),
        ("crypto hours of 3 days, cut", crypto(MONDAY + 4, 90)[12..78].to_vec(), "8760 (24 bars a day, weekends included)"),
        ("crypto hours into a Saturday", crypto(MONDAY + 2, 75), "8760 (24 bars a day, weekends included)"),
        ("crypto hours, Sunday to Tuesday", crypto(MONDAY + 6, 72), "8760 (24 bars a day, weekends included)"),
        ("crypto hours of 6 days", crypto(MONDAY + 1, 144), "8760 (24 bars a day, weekends included)"),
        ("hours, Monday to Friday", crypto(MONDAY, 120), "undefined: 6240 or 8760, as no weekend is in the data"),
        ("hours of 40", crypto(MONDAY, 40), "undefined for so few bars"),
        ("crypto minutes of 3 days", minutes(MONDAY + 4, 3 * 1440), "525600 (1440 bars a day, weekends included)"),
        ("FX hours of a month", foreign_exchange(MONDAY, 31, HOUR, 22 * HOUR), "6240 (24 bars a day, weekdays only, no holidays; 6048 if it has holidays)"),
        ("FX hours, Friday to Monday", foreign_exchange(MONDAY + 4, 4, HOUR, 22 * HOUR), "6240 (24 bars a day, weekdays only, no holidays; 6048 if it has holidays)"),
        ("NYSE five minutes", within(&trading(MONDAY, 40, &WEEKDAYS, 0), 14 * HOUR + 30 * MINUTE, 5 * MINUTE, 78), "19656 (78 bars a day, weekdays only; 20280 if it has no holidays)"),
        ("NYSE hours of a week", within(&trading(MONDAY, 5, &WEEKDAYS, 0), 14 * HOUR, HOUR, 7), "1764 (7 bars a day, weekdays only; 1820 if it has no holidays)"),
        ("mornings and afternoons", within(&trading(MONDAY, 60, &WEEKDAYS, 0), 9 * HOUR, 4 * HOUR, 2)[1..].to_vec(), "504 (2 bars a day, weekdays only; 520 if it has no holidays)"),
        ("crypto, twice a day", within(&trading(MONDAY, 60, &EVERY_DAY, 0), 0, 12 * HOUR, 2), "730 (2 bars a day, weekends included)"),
        ("crypto, every eight hours, for years", within(&trading(MONDAY, FIVE_YEARS, &EVERY_DAY, 0), 0, 8 * HOUR, 3), "1095 (3 bars a day, weekends included)"),
        ("23 hours", within(&trading(MONDAY, 90, &WEEKDAYS, 0), 0, HOUR, 23), "5796 (23 bars a day, weekdays only; 5980 if it has no holidays)"),
        ("Tokyo's midnights in UTC", within(&trading(MONDAY, 90, &WEEKDAYS, 0), -9 * HOUR, HOUR, 1), "252 (daily bars, weekdays only; 260 if it has no holidays)"),
        ("weeks of half a year", daily((0..26).map(|week| MONDAY + 7 * week).collect()), "52 (weekly bars)"),
        ("months", daily([0, 31, 59, 90, 120, 151].map(|day| MONDAY + day).to_vec()), "12 (monthly bars)"),
        ("quarters", daily([0, 90, 181, 273, 365].map(|day| MONDAY + day).to_vec()), "4 (quarterly bars)"),
        ("years", daily([0, 365, 730, 1096].map(|day| MONDAY + day).to_vec()), "1 (yearly bars)"),
        ("a bar every three days", daily([0, 3, 6].map(|day| MONDAY + day).to_vec()), "121.8 (as many bars as the data has in a year)"),
        ("one bar", vec![DAY], "undefined for so few bars"),
        ("none", vec![], "undefined for so few bars"),
    ];
    let wrong: Vec<String> = rows
        .into_iter()
        .map(|(name, times, expected)| (name, infer(&[series(times)]), expected))
        .filter(|(_, found, expected)| found != expected)
        .map(|(name, found, expected)| format!("{name}: {found}, not {expected}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_days_of_a_session_are_those_that_count() {
    // Hours from 17:00 to 16:00 in Chicago, from Sunday evening to Friday: five days of 23 bars.
    let chicago = Schedule {
        offsets: vec![(0, -6 * 3600)],
        session: Some("17:00-16:00".parse().unwrap()),
        ..Schedule::default()
    };
    let days = |count: i64| trading(MONDAY, count, &WEEKDAYS, 0);
    let bars = |count: i64| within(&days(count), -HOUR, HOUR, 23);
    let found = |count: i64| infer(&[Series { time: bars(count), schedule: chicago.clone(), ..Series::default() }]);
    assert_eq!(found(5), "5796 (23 bars a day, weekdays only; 5980 if it has no holidays)");
    assert_eq!(found(60), "5796 (23 bars a day, weekdays only; 5980 if it has no holidays)");
    assert_eq!(found(FIVE_YEARS), "5980 (23 bars a day, weekdays only, no holidays)");
}

#[test]
fn bars_that_do_not_last_alike_are_counted_by_elapsed_time() {
    let days = series(trading(MONDAY, FIVE_YEARS, &WEEKDAYS, 0).iter().map(|day| day * DAY).collect());
    let hours = series((0..240).map(|hour| MONDAY * DAY + hour * HOUR).collect());
    let few = series((0..48).map(|hour| MONDAY * DAY + hour * HOUR).collect());
    // 240 ends of hours, and the ends of days that are not among them.
    assert_eq!(infer(&[days, hours]), "307.5 (as many bars as the data has in a year)");
    let two = series(vec![MONDAY * DAY, (MONDAY + 1) * DAY]);
    assert_eq!(infer(&[two, few]), "undefined for so few bars");
}

proptest! {
    #[test]
    fn any_time_stamps_have_a_number_above_zero_or_a_reason(
        start in -4_000_000_000_000_000_000..4_000_000_000_000_000_000i64,
        gaps in prop::collection::vec(prop_oneof![1..10i64, Just(MINUTE), Just(HOUR), Just(DAY), 1..400 * DAY], 0..80),
    ) {
        let times: Vec<i64> = gaps.iter().scan(start, |time, gap| { *time += gap; Some(*time) }).collect();
        if let Ok(found) = Annualization::infer(&Timeline::of(&[series(times)])) {
            prop_assert!(found.periods_per_year > 0.0 && found.periods_per_year.is_finite(), "{found:?}");
        }
    }
}
