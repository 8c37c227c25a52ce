//! Several instruments in one file under a column of an unknown name: finds the column when times repeat.
//!
//! Never runs on a file whose times are in order.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    path::Path,
};

use super::{
    dates::clock::Stamps,
    error::{DataError, excerpt},
    fields::normal,
    order::is_night,
    sheet::Sheet,
};

/// Nanoseconds of an hour, and of a day.
const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// A column that bars are not made of.
#[derive(Debug)]
pub(super) struct OtherColumn {
    pub(super) name: String,
    /// Of each row, in the order of the file.
    hashes: Vec<u64>,
    /// The first few values.
    samples: Vec<String>,
    /// Whether a value has a point, is not there, or is long: no name of an instrument.
    is_other: bool,
    is_number: bool,
}

impl OtherColumn {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), hashes: Vec::new(), samples: Vec::new(), is_other: false, is_number: true }
    }

    pub(super) fn push(&mut self, value: &str) {
        const LONGEST: usize = 40;
        const SAMPLES: usize = 3;
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        self.hashes.push(hasher.finish());
        let is_decimal = value.contains(['.', 'e', 'E']) && value.parse::<f64>().is_ok();
        self.is_other |= value.is_empty() || value.len() > LONGEST || is_decimal;
        self.is_number &= value.parse::<i64>().is_ok();
        if self.samples.len() < SAMPLES && !self.samples.iter().any(|sample| sample == value) {
            self.samples.push(value.to_owned());
        }
    }
}

/// The times and the other columns of a file.
#[derive(Debug, Default)]
pub(super) struct Others {
    pub(super) times: Vec<i64>,
    pub(super) columns: Vec<OtherColumn>,
}

/// Whether the rows of an instrument are not in order, or repeat a time, and not only because clocks are set back.
pub(super) fn is_disordered(sheet: &Sheet) -> bool {
    let is_local = sheet.stamps == Stamps::Local;
    sheet.instruments().any(|rows| {
        let time = &rows.series.time;
        if time.is_sorted_by(|one, next| one < next) || time.is_sorted_by(|one, next| one > next) {
            return false;
        }
        let may_set_back = is_local && time.iter().any(|time| time % DAY != 0);
        let is_well =
            |pair: &[i64]| pair[0] < pair[1] || may_set_back && pair[0] - pair[1] <= HOUR && is_night(pair[1]);
        !time.windows(2).all(is_well)
    })
}

/// Why the file named `path` has several instruments that nothing tells apart, if it seems so.
pub(super) fn find(path: &Path, sheet: &Sheet, others: &Others) -> Option<DataError> {
    let error = |sign, remedy| Some(DataError::SeveralInstruments { path: path.to_owned(), sign, remedy });
    if !sheet.is_named
        && let Some(column) = naming_column(others)
    {
        let name = excerpt(&column.name);
        let values = column.hashes.iter().collect::<HashSet<_>>().len();
        let samples: Vec<_> = column.samples.iter().map(|sample| format!("`{}`", excerpt(sample))).collect();
        let more = if values > samples.len() { ", ..." } else { "" };
        let sign =
            format!("its times come again, and column `{name}` has {values} values ({}{more})", samples.join(", "));
        let is_time = matches!(normal(&column.name).as_str(), "time" | "minute" | "hour" | "timeofday" | "clock");
        let is_field = |sample: &String| ["open", "high", "low", "close"].contains(&normal(sample).as_str());
        let remedy = match (is_time, column.samples.iter().any(is_field)) {
            (true, _) => format!("say that this column has the time of day (`--read 'time-of-day={name}'`)"),
            (_, true) => format!("`{name}` has the names of columns: write a row for each bar (in pandas `pivot`)"),
            _ => format!("say that this column names them (`--read 'symbol={name}'`)"),
        };
        return error(sign, remedy);
    }
    let (rows, repeats) = repeats(sheet);
    // A few may be slips; that many are not.
    if repeats < 5 || repeats * 20 < rows {
        return None;
    }
    let sign = format!("{repeats} of {rows} rows have the time of another one and other values");
    error(sign, "give each a file of its own, or name the column that names them (`--read symbol=NAME`)".to_owned())
}

/// The column whose values name instruments. Texts are preferred.
fn naming_column(others: &Others) -> Option<&OtherColumn> {
    let fits = |column: &&OtherColumn| {
        !column.is_other && (is_mixed(&others.times, &column.hashes) || is_in_blocks(&others.times, &column.hashes))
    };
    let mut columns: Vec<_> = others.columns.iter().collect();
    columns.sort_by_key(|column| column.is_number);
    columns.into_iter().find(fits)
}

/// Whether many times come again, but once only under each value.
fn is_mixed(times: &[i64], hashes: &[u64]) -> bool {
    let values: HashSet<u64> = hashes.iter().copied().collect();
    let different: HashSet<i64> = times.iter().copied().collect();
    let repeats = times.len() - different.len();
    if values.len() < 2 || 2 * values.len() > times.len() || repeats == 0 || 20 * repeats < times.len() {
        return false;
    }
    let mut seen = HashSet::with_capacity(times.len());
    times.iter().zip(hashes).all(|pair| seen.insert(pair))
}

/// Whether each value has one block of rows in order, and times go back from block to block.
fn is_in_blocks(times: &[i64], hashes: &[u64]) -> bool {
    let values = hashes.iter().collect::<HashSet<_>>().len();
    let steps = || times.windows(2).zip(hashes.windows(2));
    let changes = steps().filter(|(_, values)| values[0] != values[1]).count();
    let goes_on = |(times, values): (&[i64], &[u64])| values[0] != values[1] || times[0] < times[1];
    let goes_back = steps().any(|(times, _)| times[0] >= times[1]);
    values > 1 && 2 * values <= times.len() && changes + 1 == values && goes_back && steps().all(goes_on)
}

/// The rows, and how many have the time of another one of their instrument and other values. Nights do not count where
/// clocks may have been set back.
fn repeats(sheet: &Sheet) -> (usize, usize) {
    let is_local = sheet.stamps == Stamps::Local;
    let mut count = (0, 0);
    for rows in sheet.instruments() {
        let time = &rows.series.time;
        let is_local = is_local && time.iter().any(|time| time % DAY != 0);
        let mut order: Vec<usize> = (0..time.len()).collect();
        order.sort_by_key(|at| time[*at]);
        let differs = |pair: &&[usize]| time[pair[0]] == time[pair[1]] && !rows.is_same(pair[0], pair[1]);
        let counts = |pair: &&[usize]| differs(pair) && !(is_local && is_night(time[pair[0]]));
        count.0 += time.len();
        count.1 += order.windows(2).filter(counts).count();
    }
    count
}
