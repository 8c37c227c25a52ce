//! Notices on a data set: what was read, and what may be wrong with it though every bar is well.
//!
//! Never refuses anything.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    error::counted,
    gaps,
    moves::{self, Move},
    rows::Rows,
};
use crate::model::{BarTime, Schedule, Series, are_in_step, format_date_time};

/// Nanoseconds of a second, a minute, an hour and a day.
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Instruments that are named for each kind of notice.
const SHOWN: usize = 3;

/// Finds one kind of what may be wrong with the bars of an instrument.
type Find = fn(&Rows) -> Option<String>;

/// What may be wrong with the bars of all instruments, one line each.
pub(super) fn notices(all: &[Rows]) -> Vec<String> {
    let series: Vec<&Series> = all.iter().map(|rows| &rows.series).collect();
    let kinds: [(&str, Find); 5] = [
        ("have bars of the far future", future),
        ("have gaps", gap),
        ("may have unadjusted splits", split),
        ("have spikes", spike),
        ("have no volume", volume),
    ];
    let of_kind = |(what, find): (&str, Find)| {
        let mut found: Vec<String> = all.iter().filter_map(find).collect();
        let more = found.len().saturating_sub(SHOWN);
        found.truncate(SHOWN);
        found.extend((more > 0).then(|| format!("{} more {what}", counted(more as u64, "instrument"))));
        found
    };
    let mut notices: Vec<String> = kinds.into_iter().flat_map(of_kind).collect();
    notices.extend(apart(&series));
    notices.extend(mixed(&series));
    notices
}

/// `notices` without those that say of another file or instrument what one says already, which says how many they are.
pub(super) fn folded(notices: Vec<String>) -> Vec<String> {
    let what = |notice: &str| {
        notice.strip_prefix('`').and_then(|named| named.split_once("` ")).map(|(_, what)| what.to_owned())
    };
    let mut first = HashMap::<String, usize>::new();
    let mut kept: Vec<(String, u64)> = Vec::new();
    for notice in notices {
        match what(&notice).map(|what| first.entry(what)) {
            Some(Entry::Occupied(place)) => kept[*place.get()].1 += 1,
            entry => {
                if let Some(Entry::Vacant(place)) = entry {
                    place.insert(kept.len());
                }
                kept.push((notice, 0));
            }
        }
    }
    let told = |(notice, others)| if others > 0 { format!("{notice} (the same of {others} more)") } else { notice };
    kept.into_iter().map(told).collect()
}

fn future(rows: &Rows) -> Option<String> {
    /// 2050-01-01.
    const FAR: i64 = 2_524_608_000 * SECOND;
    let at = rows.series.time.iter().position(|time| *time >= FAR)?;
    let time = shown(&rows.series.schedule, rows.series.time[at]);
    Some(format!(
        "`{}` has bars from {time} on ({}): years of two digits are those from 1970 to 2069",
        rows.series.symbol,
        rows.place(at)
    ))
}

fn gap(rows: &Rows) -> Option<String> {
    let found = gaps::find(rows)?;
    let (symbol, before) = (&rows.series.symbol, found.longest);
    let time = |at: usize| shown(&rows.series.schedule, rows.series.time[at]);
    let between = format!("between {} ({}) and {}", time(before), rows.place(before), time(before + 1));
    Some(match found.count {
        1 => format!("`{symbol}` has a gap of {} {between}", found.length),
        count => format!("`{symbol}` has {count} gaps, the longest of {} {between}", found.length),
    })
}

fn split(rows: &Rows) -> Option<String> {
    let found = moves::splits(&rows.series);
    let Move { at, price, beside, ratio } = *found.first()?;
    let by = if price < beside { format!("1/{ratio}") } else { format!("{ratio} times") };
    let (symbol, place) = (&rows.series.symbol, rows.place(at));
    let time = shown(&rows.series.schedule, rows.series.time[at]);
    let more = more(found.len(), "such moves");
    Some(format!(
        "`{symbol}` may have a split that prices are not adjusted for: from {beside} to {price}, about {by}, at {time} \
         ({place}){more}"
    ))
}

fn spike(rows: &Rows) -> Option<String> {
    let found = moves::spikes(&rows.series);
    let Move { at, price, beside, ratio } = *found.first()?;
    let side = if price > beside { "high" } else { "low" };
    let by = if price > beside { format!("{ratio:.0} times") } else { format!("1/{ratio:.0} of") };
    let (symbol, place) = (&rows.series.symbol, rows.place(at));
    let time = shown(&rows.series.schedule, rows.series.time[at]);
    let more = more(found.len(), "such prices");
    Some(format!(
        "`{symbol}` may have a wrong price: a {side} of {price}, {by} that of the bars beside it, at {time} ({place}){more}"
    ))
}

fn more(found: usize, what: &str) -> String {
    if found > 1 { format!("; {found} {what} in all") } else { String::new() }
}

fn volume(rows: &Rows) -> Option<String> {
    let is_zero = rows.has_volume && rows.series.volume.iter().all(|volume| *volume == 0.0);
    is_zero.then(|| format!("every volume of `{}` is zero, so `--volume-share` would fill nothing", rows.series.symbol))
}

/// Instruments that share no time stamp with another one.
fn apart(all: &[&Series]) -> Vec<String> {
    /// Of more instruments, pairs take too long.
    const MOST: usize = 1000;
    if all.len() < 2 || all.len() > MOST {
        return Vec::new();
    }
    let alone = |one: &&&Series| !all.iter().any(|other| other.symbol != one.symbol && share(&one.time, &other.time));
    let alone: Vec<&&Series> = all.iter().filter(alone).collect();
    let dates = all.iter().any(|series| series.schedule.dates) && !all.iter().all(|series| series.schedule.dates);
    let daily = |series: &&Series| series.schedule.interval.is_some_and(|interval| interval >= 20 * HOUR);
    let hint = if dates && all.iter().all(daily) {
        ": some have dates, others times of day; `--timezone ZONE` takes midnights of that zone as dates"
    } else {
        ""
    };
    if let ([one, other], 2) = (alone.as_slice(), all.len()) {
        return vec![format!("no time stamp is shared by `{}` and `{}`{hint}", one.symbol, other.symbol)];
    }
    let shown = alone
        .iter()
        .take(SHOWN)
        .map(|one| format!("no other instrument shares a time stamp of `{}`{hint}", one.symbol));
    let more = alone.len().saturating_sub(SHOWN) as u64;
    let more = (more > 0).then(|| format!("{} more share no time stamp with another", counted(more, "instrument")));
    shown.chain(more).collect()
}

/// Whether two lists in order have a time in common.
fn share(one: &[i64], other: &[i64]) -> bool {
    let (mut left, mut right) = (0, 0);
    while let (Some(one_time), Some(other_time)) = (one.get(left), other.get(right)) {
        match one_time.cmp(other_time) {
            std::cmp::Ordering::Equal => return true,
            // Whoever is behind jumps, since the others may be far ahead.
            std::cmp::Ordering::Less => left += one[left..].partition_point(|time| time < other_time),
            std::cmp::Ordering::Greater => right += other[right..].partition_point(|time| time < one_time),
        }
    }
    false
}

/// That bars do not end together, if so.
fn mixed(all: &[&Series]) -> Option<String> {
    let first = all.first()?;
    let Some(other) = all.iter().find(|series| !series.schedule.is_like(&first.schedule)) else {
        let note = "bars of the instruments do not begin together: each is delivered when it has ended";
        return (!are_in_step(all.iter().copied())).then(|| note.to_owned());
    };
    let described = |series: &Series| format!("`{}` {}", series.symbol, stamped(&series.schedule));
    Some(format!(
        "bars differ in length or in what their times say ({}, {}): each is delivered when it has ended",
        described(first),
        described(other)
    ))
}

fn stamped(schedule: &Schedule) -> String {
    let interval = interval(schedule).unwrap_or_else(|| "bars of no fixed length".to_owned());
    match (schedule.dates, schedule.bar_time) {
        (true, BarTime::Open) => interval,
        (false, BarTime::Open) => format!("{interval} by their beginning"),
        (_, BarTime::Close) => format!("{interval} by their end"),
    }
}

/// One line on what a data set has.
pub(super) fn summary(all: &[Series]) -> String {
    let bars: usize = all.iter().map(Series::len).sum();
    let names: Vec<_> = all.iter().take(SHOWN).map(|series| format!("`{}`", series.symbol)).collect();
    let names = match all.len() - names.len() {
        0 if all.len() == 1 => names.join(""),
        0 => format!("{} instruments ({})", all.len(), names.join(", ")),
        _ => format!("{} instruments ({}, ...)", all.len(), names.join(", ")),
    };
    let mut kinds: Vec<String> = Vec::new();
    let mut zones: Vec<String> = Vec::new();
    for series in all {
        let kind = interval(&series.schedule).unwrap_or_else(|| "bars of no fixed length".to_owned());
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        let zone = zone(&series.schedule);
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    let first = all.iter().min_by_key(|series| series.time[0]);
    let last = all.iter().max_by_key(|series| series.time[series.len() - 1]);
    let (first, last) = match (first, last) {
        (Some(first), Some(last)) => {
            (shown(&first.schedule, first.time[0]), shown(&last.schedule, last.time[last.len() - 1]))
        }
        _ => (String::new(), String::new()),
    };
    let bars = if bars == 1 { "1 bar".to_owned() } else { format!("{bars} {}", kinds.join(" and ")) };
    format!("{names}, {bars}, {first} to {last}, {}", zones.join(" and "))
}

/// A time stamp with its time of day, unless it is a date.
pub(super) fn shown(schedule: &Schedule, time: i64) -> String {
    if schedule.dates || !schedule.offsets.is_empty() { schedule.format(time) } else { format_date_time(time) }
}

/// What times say, and of which zone they are.
fn zone(schedule: &Schedule) -> String {
    let end = if schedule.bar_time == BarTime::Close { "each at its end" } else { "each at its beginning" };
    let session = schedule.session.map_or_else(String::new, |session| format!(", session {session}"));
    let zone = schedule.zone.clone().unwrap_or_else(|| match schedule.offsets.is_empty() {
        true => "UTC".to_owned(),
        false => "the zone of the file".to_owned(),
    });
    match (schedule.dates, schedule.bar_time) {
        (true, BarTime::Open) if schedule.zone.is_none() => format!("dates{session}"),
        (true, BarTime::Open) => format!("dates of {zone}{session}"),
        (true, BarTime::Close) => format!("dates of {zone}, {end}{session}"),
        (false, _) => format!("times of {zone}, {end}{session}"),
    }
}

/// How long bars last, in words.
pub(super) fn interval(schedule: &Schedule) -> Option<String> {
    let interval = schedule.interval?;
    if interval == DAY {
        return Some("daily bars".to_owned());
    }
    if schedule.dates {
        let words = match interval / DAY {
            5..=9 => "weekly bars",
            28..=31 => "monthly bars",
            89..=92 => "quarterly bars",
            365..=366 => "yearly bars",
            _ => "",
        };
        if !words.is_empty() {
            return Some(words.to_owned());
        }
    }
    let units = [
        (DAY, "day"),
        (HOUR, "hour"),
        (MINUTE, "minute"),
        (SECOND, "second"),
        (1_000_000, "millisecond"),
        (1, "nanosecond"),
    ];
    let (unit, noun) = units.into_iter().find(|(unit, _)| interval % unit == 0)?;
    Some(format!("bars of {}", counted((interval / unit).unsigned_abs(), noun)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_true_of_many_files_is_said_once() {
        let notices =
            ["`a` has no header", "2 files were skipped", "`b` has no header", "`b` has gaps", "`c` has no header"];
        assert_eq!(
            folded(notices.map(str::to_owned).into()),
            ["`a` has no header (the same of 2 more)", "2 files were skipped", "`b` has gaps"]
        );
    }

    #[test]
    fn lists_that_share_a_time_are_told() {
        assert!(share(&[1, 5, 9], &[2, 3, 9]));
        assert!(share(&[4], &[1, 2, 3, 4]));
        assert!(!share(&[1, 3, 5], &[0, 2, 4, 6]));
        assert!(!share(&[], &[1]));
    }
}
