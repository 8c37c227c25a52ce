//! Placement of the times of one instrument: local times become moments, and written offsets those of the schedule.
//!
//! Never guesses a zone: it is given, or the file names it.

use super::{
    dates::clock::Stamps,
    error::counted,
    findings::{Log, Logs},
    rows::Rows,
    zones::{LocalClock, Timezone, place, tidy},
};
use crate::model::format_time;

/// Nanoseconds of a day, and of the shortest day that clocks make.
const DAY: i64 = 86_400_000_000_000;
const SHORTEST_DAY: i64 = DAY / 24 * 20;

/// What the times of the bars of one instrument in one file are.
#[derive(Debug, Clone)]
pub(super) struct Placement {
    pub(super) stamps: Stamps,
    /// The zone that is given, or that the file names.
    pub(super) zone: Option<Timezone>,
    /// Whether the times are local midnights that are not moments yet.
    pub(super) waits: bool,
}

impl Placement {
    /// Whether times are local ones, of which nothing says the zone.
    pub(super) fn is_unknown(&self) -> bool {
        self.stamps == Stamps::Local && self.zone.is_none()
    }
}

/// Places the times of `rows` in `zone`, and completes what their schedule knows of it. Returns notes besides, which continue
/// the name of the file. `sort` says that the rows may be in any order.
pub(super) fn settle_zone(
    rows: &mut Rows,
    stamps: Stamps,
    zone: Option<Timezone>,
    sort: bool,
    logs: &mut Logs,
) -> (Placement, Vec<String>) {
    let waits = stamps == Stamps::Local && zone.is_some() && rows.series.time.iter().all(|time| time % DAY == 0);
    let mut notes = Vec::new();
    match (&zone, stamps) {
        (Some(zone), Stamps::Local) if !waits => notes = place_rows(rows, zone, sort, logs),
        (Some(_), _) => {}
        (None, Stamps::Offsets) => rows.series.schedule.offsets = tidy(std::mem::take(&mut rows.offsets)),
        (None, Stamps::Local | Stamps::Moments) => {}
    }
    let placement = Placement { stamps, zone, waits };
    settle_offsets(rows, placement.zone.as_ref());
    (placement, notes)
}

/// Gives the schedule the zone's name and its offsets over the time of the bars.
pub(super) fn settle_offsets(rows: &mut Rows, zone: Option<&Timezone>) {
    let time = &rows.series.time;
    let (Some(zone), Some(first), Some(last)) = (zone, time.iter().min(), time.iter().max()) else { return };
    rows.series.schedule.offsets = zone.offsets(*first, *last);
    rows.series.schedule.zone = Some(zone.name().to_owned());
}

fn place_rows(rows: &mut Rows, zone: &Timezone, sort: bool, logs: &mut Logs) -> Vec<String> {
    let local = std::mem::take(&mut rows.series.time);
    let (Some(first), Some(last)) = (local.iter().min(), local.iter().max()) else { return Vec::new() };
    let clock = LocalClock::new(zone, *first, *last);
    let placed = place(&local, &clock, |at| local[at] == local[at - 1] && rows.is_same(at - 1, at));
    // Rows out of order are a problem of their own, which sorting solves or not.
    let is_told = sort || placed.moments.is_sorted() || placed.moments.is_sorted_by(|one, next| one >= next);
    let shown = |at: usize| format_time(local[at]).trim_end_matches('Z').to_owned();
    let (mut single, mut missing) = (Log::default(), Log::default());
    for at in placed.single {
        single.add(rows.places[at], || shown(at));
    }
    for at in placed.missing {
        if placed.collides {
            logs.fixed.get_or_insert_with(|| clock.standard(placed.moments[at]));
            let text = || format!("time {} does not exist in {zone}, and its moment is that of another row", shown(at));
            logs.missing.add(rows.places[at], text);
        } else {
            missing.add(rows.places[at], || shown(at));
        }
    }
    for at in placed.unclear.into_iter().filter(|_| is_told) {
        let text = || format!("time {} comes twice in {zone}, and nothing tells which of the two it is", shown(at));
        logs.unclear.add(rows.places[at], text);
    }
    rows.series.time = placed.moments;
    notes(zone, &single, &missing)
}

fn notes(zone: &Timezone, single: &Log, missing: &Log) -> Vec<String> {
    let note = |log: &Log, what: String| {
        (log.count() > 0)
            .then(|| format!("has {} of an hour that {what}: {}", counted(log.count(), "time"), log.summary()))
    };
    let single = note(single, format!("comes twice in {zone}, of which one pass is there, taken as the first"));
    let missing = note(missing, format!("{zone} does not have, taken as after the clocks are set forward"));
    single.into_iter().chain(missing).collect()
}

/// Takes local midnights that wait as moments.
pub(super) fn place_midnights(rows: &mut Rows, placement: &Placement) {
    let Some(zone) = placement.zone.as_ref().filter(|_| placement.waits) else { return };
    let mut logs = Logs::default();
    // A midnight comes twice, or never, in few zones; its first pass begins the day.
    place_rows(rows, zone, false, &mut logs);
    settle_offsets(rows, Some(zone));
}

/// The dates that the times are, as midnights in UTC, if all are dates: midnights of the zone, as good as a day apart. Where
/// the clocks are set forward at midnight, a day begins later.
pub(super) fn dates_of(rows: &Rows, placement: &Placement) -> Option<Vec<i64>> {
    let schedule = &rows.series.schedule;
    let shift = |moment: i64| schedule.local(moment).saturating_sub(moment);
    let date = |moment: &i64| {
        if placement.waits {
            return Some(*moment);
        }
        let local = schedule.local(*moment);
        let late = local.rem_euclid(DAY);
        (late == 0 || late == shift(*moment) - shift(moment.saturating_sub(1))).then(|| local - late)
    };
    let dates = rows.series.time.iter().map(date).collect::<Option<Vec<_>>>()?;
    dates.is_sorted_by(|one, next| next.saturating_sub(*one) >= SHORTEST_DAY).then_some(dates)
}
