//! Time zones: the zone of a data set by name, its offsets from UTC, and the moments that local times are.
//!
//! Never asks the machine: the zones are those that the program was built with.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, fmt::temporal::DateTimeParser, tz, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::nearest;

/// Nanoseconds of a second, and of a day.
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A time zone: an IANA name such as `America/New_York`, or a fixed offset such as `-05:00`.
///
/// # Examples
///
/// ```
/// use host::data::Timezone;
///
/// let zone: Timezone = "america/new_york".parse()?;
/// assert_eq!(zone.name(), "America/New_York");
/// assert!("New York".parse::<Timezone>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timezone {
    name: String,
    zone: TimeZone,
}

impl Timezone {
    /// The name as IANA spells it, or the offset.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone that is always `offset` seconds east of UTC; UTC itself, if there is no such offset.
    pub fn fixed(offset: i32) -> Self {
        let zone = tz::Offset::from_seconds(offset).map_or(TimeZone::UTC, tz::Offset::to_time_zone);
        Self { name: written(offset), zone }
    }

    /// What the zone is called in winter and in summer of these years.
    pub(super) fn abbreviations(&self) -> Vec<String> {
        const DAYS: [&str; 2] = ["2024-01-15T12:00:00Z", "2024-07-15T12:00:00Z"];
        let moments = DAYS.iter().filter_map(|day| day.parse::<Timestamp>().ok());
        let mut names: Vec<String> =
            moments.map(|moment| self.zone.to_offset_info(moment).abbreviation().to_owned()).collect();
        names.dedup();
        names
    }

    /// The seconds east of UTC from `first` to a year after `last`, each from a moment on, oldest first; empty for UTC.
    pub(super) fn offsets(&self, first: i64, last: i64) -> Vec<(i64, i32)> {
        const YEAR: i64 = 366 * DAY;
        let nanoseconds = |at: Timestamp| at.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let timestamp = |nanos: i64| Timestamp::from_nanosecond(nanos.into()).unwrap_or_default();
        let start = self.zone.preceding(timestamp(first.saturating_add(1))).next();
        let start = start.map_or(i64::MIN, |transition| nanoseconds(transition.timestamp()));
        let mut offsets = vec![(start, self.zone.to_offset(timestamp(first)).seconds())];
        let end = last.saturating_add(YEAR);
        for transition in self.zone.following(timestamp(first)) {
            let from = nanoseconds(transition.timestamp());
            if from > end {
                break;
            }
            offsets.push((from, transition.offset().seconds()));
        }
        tidy(offsets)
    }
}

/// The offsets in order, each from where it begins; none where all are UTC's.
pub(super) fn tidy(mut offsets: Vec<(i64, i32)>) -> Vec<(i64, i32)> {
    offsets.sort_unstable();
    offsets.dedup_by_key(|(_, offset)| *offset);
    if offsets.iter().all(|(_, offset)| *offset == 0) { Vec::new() } else { offsets }
}

impl FromStr for Timezone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_offset = text.starts_with(['+', '-']);
        let known = is_offset || text.eq_ignore_ascii_case("utc") || tz::db().get(text).is_ok();
        let zone = known.then(|| DateTimeParser::new().parse_time_zone(if is_offset { text } else { text.trim() }));
        let zone = match zone {
            Some(Ok(zone)) => zone,
            _ if is_offset => return Err(format!("`{text}` is not an offset from UTC; write it like -05:00")),
            _ => return Err(unknown(text)),
        };
        let name = zone.iana_name().map_or_else(|| text.to_owned(), str::to_owned);
        Ok(Self { name, zone })
    }
}

fn unknown(text: &str) -> String {
    let names: Vec<_> = tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let plain = |name: &str| name.replace(['_', ' '], "").to_lowercase();
    let wanted = plain(text);
    // People leave out the continent.
    let city = names.iter().find(|name| name.rsplit('/').next().is_some_and(|city| plain(city) == wanted));
    let near = city.map(String::as_str).or_else(|| nearest::find(text, names.iter().map(String::as_str)));
    match near {
        Some(near) => format!("unknown time zone `{text}`; did you mean `{near}`?"),
        None => format!("unknown time zone `{text}`; write an IANA name (America/New_York) or an offset (-05:00)"),
    }
}

impl fmt::Display for Timezone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl Serialize for Timezone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Timezone {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        String::deserialize(source)?.parse().map_err(de::Error::custom)
    }
}

/// What a zone's clock says of a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The moment at which it shows that time.
    Once(i64),
    /// The moments: the clock was set back.
    Twice(i64, i64),
    /// It never shows it: the clock was set forward. The moment is as long after the change as the time is after it.
    Never(i64),
}

/// The clock of a zone over the times of a data set.
#[derive(Debug)]
pub(super) struct LocalClock {
    offsets: Vec<(i64, i32)>,
}

impl LocalClock {
    /// The clock of `zone` for local times from `first` to `last`, in nanoseconds counted as if they were UTC's.
    pub(super) fn new(zone: &Timezone, first: i64, last: i64) -> Self {
        let mut offsets = zone.offsets(first.saturating_sub(DAY), last.saturating_add(DAY));
        if offsets.is_empty() {
            offsets.push((i64::MIN, 0));
        }
        Self { offsets }
    }

    /// The moments of the local time `local`.
    pub(super) fn find(&self, local: i64) -> Found {
        let shift = |at: usize| i64::from(self.offsets[at].1) * SECOND;
        let begins = |(from, offset): &(i64, i32)| from.saturating_add(i64::from(*offset) * SECOND) <= local;
        let at = self.offsets.partition_point(begins).saturating_sub(1);
        let here = local.saturating_sub(shift(at));
        if self.offsets.get(at + 1).is_some_and(|(next, _)| here >= *next) {
            return Found::Never(here);
        }
        match at.checked_sub(1) {
            Some(before) if local.saturating_sub(shift(before)) < self.offsets[at].0 => {
                Found::Twice(local.saturating_sub(shift(before)), here)
            }
            _ => Found::Once(here),
        }
    }

    /// The offset before the clock is set forward over `local`, as `--timezone` takes it.
    pub(super) fn standard(&self, moment: i64) -> String {
        let at = self.offsets.partition_point(|(from, _)| *from <= moment).saturating_sub(2);
        written(self.offsets[at].1)
    }
}

/// An offset as people write it: `-05:00`.
pub(super) fn written(offset: i32) -> String {
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// What became of the local times of one instrument.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// The moments, one for each time.
    pub(super) moments: Vec<i64>,
    /// Times that the zone's clock never shows, taken as that much after the change.
    pub(super) missing: Vec<usize>,
    /// Times in an hour that comes twice, of which the order of the rows does not tell which it is.
    pub(super) unclear: Vec<usize>,
    /// Times in an hour that comes twice, and that stand once; taken as of its first pass.
    pub(super) single: Vec<usize>,
    /// Whether a time in `missing` is the moment of another row too.
    pub(super) collides: bool,
}

/// Takes local times as moments of the zone's clock. An hour that comes twice is told by the order of the rows.
///
/// `repeats` says whether a row has the time and the values of the row before.
pub(super) fn place(times: &[i64], clock: &LocalClock, repeats: impl Fn(usize) -> bool) -> Placed {
    let found: Vec<_> = times.iter().map(|time| clock.find(*time)).collect();
    let all: Vec<usize> = (0..times.len()).collect();
    let mut placed = Placed { moments: in_order(found.iter()), ..Placed::default() };
    placed.missing = (0..times.len()).filter(|at| matches!(found[*at], Found::Never(_))).collect();
    placed.collides = collide(&placed);
    let is_double = |at: &usize| matches!(found[*at], Found::Twice(..));
    if !all.iter().any(is_double) {
        return placed;
    }
    // A row that stands twice is neither pass of its hour: it does not count, where the others are told without it.
    let once = || all.iter().copied().filter(|at| *at == 0 || !repeats(*at)).collect::<Vec<_>>();
    let Some(moments) = told(&all, times, &found).or_else(|| told(&once(), times, &found)) else {
        placed.unclear = all.into_iter().filter(is_double).collect();
        return placed;
    };
    placed.moments = moments;
    let mut sorted: Vec<_> = all.iter().filter(|at| is_double(at)).map(|at| (times[*at], *at)).collect();
    sorted.sort_unstable();
    let once = sorted.chunk_by(|(one, _), (other, _)| one == other).filter(|run| run.len() == 1).map(|run| run[0].1);
    let is_first = |at: &usize| matches!(found[*at], Found::Twice(first, _) if placed.moments[*at] == first);
    placed.single = once.filter(is_first).collect();
    placed
}

/// The moments of all rows, if the order of `rows` tells them, oldest or newest first; other rows have that of the row before.
fn told(rows: &[usize], times: &[i64], found: &[Found]) -> Option<Vec<i64>> {
    let is_told = |rows: &[usize], moments: &[i64]| {
        let is_double = |at: usize| matches!(found[rows[at]], Found::Twice(..));
        // Sorted by what the clock shows, `01:00 01:00 01:30 01:30`, rows say nothing of the pass that they belong to.
        let tells = |run: &[usize]| {
            let shown = || run.windows(2).map(|pair| (times[pair[0]], times[pair[1]]));
            let is_back = shown().any(|(one, next)| next < one);
            let (again, on) = (shown().any(|(one, next)| next == one), shown().any(|(one, next)| next > one));
            is_back || !(again && on)
        };
        let hours = rows.chunk_by(|one, next| match (found[*one], found[*next]) {
            (Found::Twice(first, second), Found::Twice(other, last)) => {
                second - first == last - other && (other - first).abs() < DAY
            }
            _ => false,
        });
        moments.is_sorted()
            && (1..rows.len()).all(|at| !is_double(at) || moments[at] > moments[at - 1])
            && hours.into_iter().all(tells)
    };
    let order =
        |rows: &[usize]| Some(in_order(rows.iter().map(|at| &found[*at]))).filter(|moments| is_told(rows, moments));
    let moments = order(rows).or_else(|| {
        let newest_first: Vec<usize> = rows.iter().rev().copied().collect();
        let mut moments = order(&newest_first)?;
        moments.reverse();
        Some(moments)
    })?;
    let mut told = vec![i64::MIN; times.len()];
    rows.iter().zip(moments).for_each(|(at, moment)| told[*at] = moment);
    for at in 1..told.len() {
        if told[at] == i64::MIN {
            told[at] = told[at - 1];
        }
    }
    Some(told)
}

/// The moments in this order: of two, the later one where the earlier has passed.
fn in_order<'a>(found: impl Iterator<Item = &'a Found>) -> Vec<i64> {
    let mut before = i64::MIN;
    let moment = |found: &Found| {
        before = match *found {
            Found::Once(moment) | Found::Never(moment) => moment,
            Found::Twice(first, second) => {
                if first > before {
                    first
                } else {
                    second
                }
            }
        };
        before
    };
    found.map(moment).collect()
}

fn collide(placed: &Placed) -> bool {
    if placed.missing.is_empty() {
        return false;
    }
    let mut missing: Vec<_> = placed.missing.iter().map(|at| placed.moments[*at]).collect();
    missing.sort_unstable();
    let is_missing = |at: &usize| placed.missing.binary_search(at).is_ok();
    let others = (0..placed.moments.len()).filter(|at| !is_missing(at));
    let mut others = others.map(|at| placed.moments[at]);
    others.any(|moment| missing.binary_search(&moment).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::format_time;

    fn at(text: &str) -> i64 {
        i64::try_from(format!("{text}Z").parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
    }

    fn clock(zone: &str) -> LocalClock {
        LocalClock::new(&zone.parse().unwrap(), at("2023-06-01T00:00:00"), at("2025-06-01T00:00:00"))
    }

    #[test]
    fn zones_are_iana_names_and_fixed_offsets() {
        let name = |text: &str| text.parse::<Timezone>().map(|zone| zone.name().to_owned());
        assert_eq!(name("America/New_York").as_deref(), Ok("America/New_York"));
        assert_eq!(name("asia/tokyo").as_deref(), Ok("Asia/Tokyo"));
        assert_eq!(name("-05:00").as_deref(), Ok("-05:00"));
        assert_eq!(name("UTC").as_deref(), Ok("UTC"));
        let refused = |text| name(text).unwrap_err();
        assert_eq!(refused("New York"), "unknown time zone `New York`; did you mean `America/New_York`?");
        assert_eq!(refused("Europe/Berln"), "unknown time zone `Europe/Berln`; did you mean `Europe/Berlin`?");
        assert_eq!(refused("+25:99"), "`+25:99` is not an offset from UTC; write it like -05:00");
        assert!(refused("").contains("write an IANA name"));
    }

    #[test]
    fn a_local_time_comes_once_twice_or_never() {
        let clock = clock("America/New_York");
        let find = |text| match clock.find(at(text)) {
            Found::Once(moment) => format_time(moment),
            Found::Twice(first, second) => format!("{} or {}", format_time(first), format_time(second)),
            Found::Never(moment) => format!("never, {}", format_time(moment)),
        };
        assert_eq!(find("2024-01-02T09:30:00"), "2024-01-02T14:30:00Z");
        assert_eq!(find("2024-07-02T09:30:00"), "2024-07-02T13:30:00Z");
        assert_eq!(find("2024-11-03T00:59:59"), "2024-11-03T04:59:59Z");
        assert_eq!(find("2024-11-03T01:00:00"), "2024-11-03T05:00:00Z or 2024-11-03T06:00:00Z");
        assert_eq!(find("2024-11-03T02:00:00"), "2024-11-03T07:00:00Z");
        assert_eq!(find("2024-03-10T02:30:00"), "never, 2024-03-10T07:30:00Z");
        assert_eq!(find("2024-03-10T03:00:00"), "2024-03-10T07:00:00Z");
        assert_eq!(clock.standard(at("2024-03-10T07:30:00")), "-05:00");
    }

    #[test]
    fn the_order_of_the_rows_tells_the_passes_of_an_hour_that_comes_twice() {
        let clock = clock("Europe/Berlin");
        let half_hours = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"];
        let times: Vec<_> = half_hours.iter().map(|time| at(&format!("2024-10-27T{time}:00"))).collect();
        let placed = place(&times, &clock, |_| false);
        let steps: Vec<_> = placed.moments.windows(2).map(|pair| (pair[1] - pair[0]) / SECOND / 60).collect();
        assert_eq!(steps, [30; 5]);
        assert!(placed.unclear.is_empty() && placed.single.is_empty());
        let reversed: Vec<_> = times.iter().rev().copied().collect();
        let mut newest_first = place(&reversed, &clock, |_| false).moments;
        newest_first.reverse();
        assert_eq!(newest_first, placed.moments);
        let mixed = [times[5], times[1], times[0], times[2]];
        assert_eq!(place(&mixed, &clock, |_| false).unclear, [1, 3]);
        // Sorted by what the clock shows, with or without a hole; rows that stand twice do not count.
        let unclear = |order: &[usize], repeats: fn(usize) -> bool| {
            let times: Vec<_> = order.iter().map(|at| times[*at]).collect();
            place(&times, &clock, repeats).unclear.len()
        };
        assert_eq!(unclear(&[0, 1, 3, 2, 4, 5], |_| false), 4);
        assert_eq!(unclear(&[5, 4, 2, 3, 1, 0], |_| false), 4);
        assert_eq!(unclear(&[0, 1, 3, 2, 5], |_| false), 3);
        assert_eq!(unclear(&[0, 1, 2, 2, 5], |_| false), 3);
        assert_eq!(unclear(&[0, 1, 2, 2, 5], |at| at == 3), 0);
        assert_eq!(unclear(&[0, 1, 2, 2, 3, 4, 5], |at| at == 3), 0);
        assert_eq!(unclear(&[0, 1, 1, 5], |_| false), 0);
        assert_eq!(unclear(&[0, 1, 1, 1, 5], |_| false), 3);
        let once = [times[0], times[1], times[5]];
        assert_eq!(place(&once, &clock, |_| false).single, [1]);
    }

    proptest! {
        #[test]
        fn local_times_in_order_come_back_as_the_moments_that_they_were(
            zone in prop::sample::select(&["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Tokyo",
                "America/Sao_Paulo", "Africa/Casablanca", "-03:30", "UTC"][..]),
            start in 0..600_i64,
            minutes in prop::sample::select(&[5, 15, 30][..]),
        ) {
            let zone: Timezone = zone.parse().unwrap();
            let first = at("2017-01-01T00:00:00") + start * 7_919 * 60 * SECOND;
            let moments: Vec<_> = (0..400).map(|bar| first + bar * minutes * 60 * SECOND).collect();
            let local = |moment: i64| {
                let offset = zone.zone.to_offset(Timestamp::from_nanosecond(moment.into()).unwrap()).seconds();
                moment + i64::from(offset) * SECOND
            };
            let times: Vec<_> = moments.iter().map(|moment| local(*moment)).collect();
            let clock = LocalClock::new(&zone, times[0], times[399]);
            let placed = place(&times, &clock, |_| false);
            // Before the first bar nobody can tell whether the first pass has been.
            let begins_double = matches!(clock.find(times[0]), Found::Twice(..));
            prop_assert!(begins_double || placed.moments == moments);
            prop_assert!(placed.missing.is_empty() && placed.unclear.is_empty());
        }

        #[test]
        fn bars_of_a_doubled_hour_have_their_moments_or_are_told(
            bars in prop::collection::btree_set(0..24_i64, 1..16),
            order in 0..3_usize,
            zone in prop::sample::select(&[("Europe/Berlin", "2024-10-27T00:00:00"), ("America/New_York", "2024-11-03T05:00:00"),
                ("Australia/Lord_Howe", "2024-04-06T14:30:00")][..]),
        ) {
            let (name, begins) = zone;
            let zone: Timezone = name.parse().unwrap();
            // Bars of five minutes over both passes, some of which are not there, with others before and after them.
            let mut moments: Vec<i64> = [-24].into_iter().chain(bars).chain([48]).map(|bar| at(begins) + bar * 300 * SECOND).collect();
            let local = |moment: &i64| {
                let offset = zone.zone.to_offset(Timestamp::from_nanosecond((*moment).into()).unwrap()).seconds();
                moment + i64::from(offset) * SECOND
            };
            match order {
                0 => {}
                1 => moments.reverse(),
                _ => moments.sort_by_key(local),
            }
            let times: Vec<_> = moments.iter().map(local).collect();
            let clock = LocalClock::new(&zone, times[0].min(at(begins)), times[0].max(at(begins)));
            let placed = place(&times, &clock, |_| false);
            let is_told = !placed.unclear.is_empty() || !placed.single.is_empty();
            prop_assert!(is_told || placed.moments == moments, "{:?}", placed);
        }
    }
}
