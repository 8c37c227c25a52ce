//! Joining: the parts of one instrument from several files become one series.
//!
//! Never joins what may be two instruments, and never picks one of two bars.

use std::path::Path;

use indexmap::IndexMap;

use super::{
    dates::clock::Stamps,
    error::{DataError, counted, listed_files},
    placement::{dates_of, place_midnights, settle_offsets},
    rows::Rows,
    sheet::Part,
    sources::stems::{Extra, Period, Stem, stem_of},
    zones::tidy,
};
use crate::model::Series;

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// Joins the parts of each instrument, in the order of the first parts; tells in `notices` what was joined, and of which files
/// with like names it was not.
pub(super) fn join(parts: Vec<Part>, notices: &mut Vec<String>) -> Result<Vec<Rows>, DataError> {
    let names = names(&parts, notices);
    let mut groups = IndexMap::<String, Vec<Part>>::new();
    for (part, name) in parts.into_iter().zip(names) {
        groups.entry(name).or_default().push(part);
    }
    groups.into_iter().map(|(symbol, parts)| join_parts(symbol, parts, notices)).collect()
}

/// The instrument of each part: that of its column, or of the name of its file, which others may share but for a date.
fn names(parts: &[Part], notices: &mut Vec<String>) -> Vec<String> {
    let mut by_key = IndexMap::<String, Vec<usize>>::new();
    let stems: Vec<Stem> = parts.iter().map(|part| stem_of(Path::new(&part.rows.sources[0]))).collect();
    for (at, _) in parts.iter().enumerate().filter(|(_, part)| !part.is_named) {
        by_key.entry(stems[at].key.clone()).or_default().push(at);
    }
    let mut names: Vec<String> = parts.iter().map(|part| part.rows.series.symbol.clone()).collect();
    for group in by_key.values().filter(|group| group.len() > 1) {
        let extra = group.iter().map(|at| stems[*at].extra).min().unwrap_or(Extra::Nothing);
        if extra == Extra::Nothing {
            continue;
        }
        let members: Vec<&Part> = group.iter().map(|at| &parts[*at]).collect();
        let mut periods: Vec<Option<Period>> = group.iter().map(|at| stems[*at].period).collect();
        // A date that all have, as that of their folder, says nothing of one.
        if periods.iter().all(|period| *period == periods[0]) {
            periods.fill(None);
        }
        match difference(&members, &periods, extra) {
            None => group.iter().for_each(|at| names[*at] = base_of(&stems[*at], &members)),
            Some(why) => {
                let files = listed_files(members.iter().map(|part| part.rows.sources[0].as_str()));
                notices.push(format!(
                    "{files} are an instrument each, though only a date or a number tells them apart: {why}"
                ));
            }
        }
    }
    names
}

/// The name of joined files; if their names are dates alone, and they are in no folder, the first and the last one.
fn base_of(stem: &Stem, members: &[&Part]) -> String {
    let name = |part: Option<&&Part>| part.map_or_else(String::new, |part| part.rows.series.symbol.clone());
    if stem.base.is_empty() {
        format!("{}..{}", name(members.first()), name(members.last()))
    } else {
        stem.base.clone()
    }
}

/// Why files with like names are not one instrument, if so.
fn difference(members: &[&Part], periods: &[Option<Period>], extra: Extra) -> Option<String> {
    let stray = members.iter().zip(periods).find_map(|(part, period)| stray(part, (*period)?));
    let mut members = members.to_vec();
    members.sort_by_key(|part| part.rows.series.time.iter().min().copied());
    let mut last = members[0];
    for next in &members[1..] {
        if let Some(why) = differ(last, next, extra, stray.as_deref()) {
            return Some(why);
        }
        if ends(next) > ends(last) {
            last = next;
        }
    }
    None
}

/// How the bars of a file contradict the days that its name says: those of a month's archive lie within the month, those of a
/// contract before it ends, and those of a history before the day when it was saved.
fn stray(part: &Part, (from, until): Period) -> Option<String> {
    let Series { time, .. } = &part.rows.series;
    let (first, last) = (time.iter().min()?, time.iter().max()?);
    // A day for zones; bars of a week or more may begin before the first day.
    let interval = time.windows(2).map(|pair| (pair[1] - pair[0]).abs()).min().unwrap_or_default();
    let slack = DAY.max(interval);
    let is_within = *first >= from.saturating_mul(DAY) - slack && *last <= until.saturating_mul(DAY) + slack;
    let shown = |time: i64| part.rows.series.schedule.format(time);
    (!is_within).then(|| {
        format!(
            "the bars of `{}`, {} to {}, are not of the time that its name says, as with contracts and with days of downloads",
            part.rows.sources[0],
            shown(*first),
            shown(*last)
        )
    })
}

fn ends(part: &Part) -> Option<i64> {
    part.rows.series.time.iter().max().copied()
}

/// Why two files, one of which begins later, are not one instrument, if so. If the dates of names say nothing, `stray` is why.
fn differ(one: &Part, next: &Part, extra: Extra, stray: Option<&str>) -> Option<String> {
    let (first, second) = (&one.rows, &next.rows);
    let begins = second.series.time.iter().min().copied()?;
    if begins <= ends(one)? {
        // In both, or one of them has bars where the other has none.
        let from = first.series.time.partition_point(|time| *time < begins);
        let until = ends(one)?.min(ends(next)?);
        let bars = |rows: &Rows, from: usize| -> Vec<usize> {
            (from..rows.series.len()).take_while(|at| rows.series.time[*at] <= until).collect()
        };
        let (left, right) = (bars(first, from), bars(second, 0));
        let same = left.len() == right.len()
            && left.iter().zip(&right).all(|(left, right)| equal(first, *left, second, *right));
        // At a seam, different bars are a mistake of the data, which is refused when they are joined.
        let is_seam = stray.is_none()
            && extra == Extra::Date
            && 2 * left.len().max(right.len()) < first.series.len().min(second.series.len());
        return (!same && !is_seam).then(|| format!("both have bars from {} on, and other ones", second.time(0)));
    }
    if let Some(why) = stray {
        return Some(why.to_owned());
    }
    if extra == Extra::Date {
        return None;
    }
    let (close, open) = (first.series.close.last()?, second.series.open.first()?);
    let interval = |rows: &Rows| rows.series.time.windows(2).map(|pair| pair[1] - pair[0]).min();
    let (left, right) = (interval(first), interval(second));
    let pause = 5 * DAY + 5 * left.unwrap_or(0);
    let is_seam = begins - ends(one)? <= pause && left == right && (0.5..=2.0).contains(&(open / close));
    (!is_seam).then(|| format!("`{}` does not go on where `{}` ends", next.rows.sources[0], one.rows.sources[0]))
}

/// Whether two bars have the same time and values.
fn equal(one: &Rows, left: usize, other: &Rows, right: usize) -> bool {
    let values = |rows: &Rows, at: usize| {
        let Series { open, high, low, close, volume, .. } = &rows.series;
        [open[at], high[at], low[at], close[at], volume[at]]
    };
    one.series.time[left] == other.series.time[right] && values(one, left) == values(other, right)
}

fn join_parts(symbol: String, mut parts: Vec<Part>, notices: &mut Vec<String>) -> Result<Rows, DataError> {
    let dates: Option<Vec<_>> = parts.iter().map(|part| dates_of(&part.rows, &part.placement)).collect();
    let is_dates = dates.is_some();
    match dates {
        Some(dates) => parts.iter_mut().zip(dates).for_each(|(part, dates)| {
            part.rows.series.time = dates;
            part.rows.series.schedule.dates = true;
        }),
        None => parts.iter_mut().for_each(|part| place_midnights(&mut part.rows, &part.placement)),
    }
    if parts.len() == 1 {
        let mut rows = parts.remove(0).rows;
        rows.series.symbol = symbol;
        return Ok(rows);
    }
    check_joinable(&symbol, &parts, is_dates)?;
    parts.sort_by_key(|part| part.rows.series.time.first().copied());
    let zone = parts[0]
        .placement
        .zone
        .clone()
        .filter(|zone| parts.iter().all(|part| part.placement.zone.as_ref() == Some(zone)));
    let mut joined = Rows::default();
    for part in parts {
        append(&mut joined, part.rows);
    }
    joined.series.symbol.clone_from(&symbol);
    let offsets = std::mem::take(&mut joined.series.schedule.offsets);
    joined.series.schedule.offsets = tidy(offsets);
    settle_offsets(&mut joined, zone.as_ref());
    let repeated = merge(&mut joined)?;
    let files = listed_files(joined.sources.iter().map(String::as_str));
    let repeated = match repeated {
        0 => String::new(),
        1 => "; 1 bar stands in two of them, and counts once".to_owned(),
        count => format!("; {count} bars stand in two of them, and count once"),
    };
    notices.push(format!("{files} are joined as `{symbol}`, {}{repeated}", counted(joined.series.len() as u64, "bar")));
    Ok(joined)
}

/// Refuses files that only seem to have one instrument, or whose times cannot be compared.
fn check_joinable(symbol: &str, parts: &[Part], is_dates: bool) -> Result<(), DataError> {
    let file = |part: &Part| part.rows.sources[0].clone();
    for (at, part) in parts.iter().enumerate() {
        let same =
            parts[..at].iter().find(|other| !part.is_named && !other.is_named && !are_alike(&file(part), &file(other)));
        if let Some(first) = same {
            return Err(DataError::DuplicateSymbol {
                symbol: symbol.to_owned(),
                first: file(first),
                second: file(part),
            });
        }
    }
    let has_offsets =
        |part: &&Part| part.placement.stamps == Stamps::Offsets && !part.rows.series.schedule.offsets.is_empty();
    let zoned = parts.iter().find(has_offsets);
    let unknown = parts.iter().find(|part| part.placement.is_unknown());
    match (unknown, zoned) {
        (Some(first), Some(second)) if !is_dates => {
            Err(DataError::MixedZones { symbol: symbol.to_owned(), first: file(first), second: file(second) })
        }
        _ => Ok(()),
    }
}

/// Whether the names of two files differ by a date or a number, and so may be joined.
fn are_alike(one: &str, other: &str) -> bool {
    let (left, right) = (stem_of(Path::new(one)), stem_of(Path::new(other)));
    one != other && left.key == right.key && left.extra != Extra::Nothing
}

/// Adds the bars of `more` behind those of `rows`.
fn append(rows: &mut Rows, more: Rows) {
    let file = rows.sources.len() as u32;
    let has_ticks = !rows.ticks.is_empty() || !more.ticks.is_empty();
    let pad = |ticks: Vec<f64>, bars: usize| if ticks.is_empty() && has_ticks { vec![f64::NAN; bars] } else { ticks };
    rows.ticks = pad(std::mem::take(&mut rows.ticks), rows.series.len());
    rows.ticks.extend(pad(more.ticks, more.series.len()));
    rows.files.extend(std::iter::repeat_n(file, more.series.len()));
    rows.places.extend(more.places);
    rows.sources.extend(more.sources);
    rows.has_volume |= more.has_volume;
    let Series { symbol: _, time, open, high, low, close, volume, schedule, contract: _, detail: _ } = more.series;
    let series = &mut rows.series;
    series.time.extend(time);
    let columns = [&mut series.open, &mut series.high, &mut series.low, &mut series.close, &mut series.volume];
    for (column, more) in columns.into_iter().zip([open, high, low, close, volume]) {
        column.extend(more);
    }
    series.schedule.dates = schedule.dates;
    series.schedule.zone = series.schedule.zone.take().or(schedule.zone);
    series.schedule.offsets.extend(schedule.offsets);
}

/// Puts bars in the order of time, and leaves equal ones out; returns how many.
fn merge(rows: &mut Rows) -> Result<u64, DataError> {
    let time = &rows.series.time;
    if time.is_sorted_by(|one, next| one < next) {
        return Ok(0);
    }
    let mut order: Vec<usize> = (0..time.len()).collect();
    order.sort_by_key(|at| time[*at]);
    // Bars of one file that repeat a time are problems of their own.
    let is_double = |pair: &&[usize]| time[pair[0]] == time[pair[1]] && rows.files[pair[0]] != rows.files[pair[1]];
    let mut conflicts = order.windows(2).filter(is_double).filter(|pair| !rows.is_same(pair[0], pair[1]));
    if let Some(pair) = conflicts.next() {
        let more = conflicts.count();
        return Err(DataError::Conflict {
            symbol: rows.series.symbol.clone(),
            time: rows.time(pair[0]),
            first: rows.place(pair[0]),
            second: rows.place(pair[1]),
            more: if more > 0 { format!(", and at {more} times more") } else { String::new() },
        });
    }
    let before = order.len();
    order.dedup_by(|next, one| time[*next] == time[*one] && rows.files[*next] != rows.files[*one]);
    rows.pick(&order);
    Ok((before - order.len()) as u64)
}
