//! Order of the bars of one instrument in one file: sorts, finds and drops what repeats a time.
//!
//! Never drops a bar in an hour that the clocks may have repeated.

use super::{findings::Logs, options::LoadOptions, rows::Rows};

/// Nanoseconds of an hour, and of a day.
const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// Clocks are set back before this hour of the day, or from midnight to the hour before it.
const NIGHT: i64 = 4 * HOUR;

/// Whether clocks are set back at such a time of day. Dates are midnights, and no times of day.
pub(super) fn is_night(local: i64) -> bool {
    !(NIGHT..DAY - HOUR).contains(&local.rem_euclid(DAY))
}

/// Logs bars of a time that is there already, and bars older than the bar before. Sorts and drops as told. What is dropped
/// repeats a time; the first of its time stays.
///
/// `is_local` says that times are local ones of an unknown zone, where a time may come twice because the clocks are set back.
/// Bars of which each is older than the one above are taken from the last one on; whether they are is returned.
pub(super) fn settle_order(rows: &mut Rows, is_local: bool, options: &LoadOptions, logs: &mut Logs) -> bool {
    let time = &rows.series.time;
    if time.is_sorted_by(|a, b| a < b) {
        return false;
    }
    if time.is_sorted_by(|a, b| a > b) {
        let last_first: Vec<usize> = (0..time.len()).rev().collect();
        rows.pick(&last_first);
        return true;
    }
    let mut order: Vec<usize> = (0..time.len()).collect();
    order.sort_by_key(|at| time[*at]);
    let is_intraday = time.iter().any(|time| time.rem_euclid(DAY) != 0);
    let is_night = |at: usize| is_local && is_intraday && is_night(time[at]);
    let repeats = |at: usize| {
        let first = order.partition_point(|other| time[*other] < time[at]);
        order[first] != at
    };
    let back: Vec<usize> = (1..time.len()).filter(|at| time[*at] < time[*at - 1]).collect();
    let set_back = back.iter().all(|at| is_night(*at) && time[*at - 1] - time[*at] <= HOUR && repeats(*at));
    for at in back {
        if set_back {
            logs.doubled.add(rows.places[at], || rows.repeated(at, at - 1));
        } else {
            logs.unsorted.add(rows.places[at], || rows.older(at));
        }
    }
    for pair in order.windows(2).filter(|pair| time[pair[0]] == time[pair[1]]) {
        let (first, second) = (pair[0], pair[1]);
        let is_same = rows.is_same(first, second);
        if is_night(second) && !is_same {
            logs.doubled.add(rows.places[second], || rows.repeats(first, second));
        } else {
            logs.bad.add(rows.places[second], || rows.repeats(first, second));
        }
    }
    if options.drop_bad {
        order.dedup_by_key(|at| time[*at]);
    }
    if !options.sort {
        order.sort_unstable();
    }
    rows.pick(&order);
    false
}
