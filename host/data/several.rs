//! Several instruments in one file under a column of an unknown name: finds the column when times repeat.
//!
//! Never runs on a file whose times are in order.

use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    path::Path,
};

use super::{
    error::{DataError, excerpt},
    order::is_night,
    sheet::Sheet,
    times::Stamps,
};

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

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

/// Whether the rows of an instrument are not in order, or repeat a time.
pub(super) fn is_disordered(sheet: &Sheet) -> bool {
    sheet.instruments().any(|rows| !rows.series.time.is_sorted_by(|one, next| one < next))
}

/// Why the file named `path` has several instruments that nothing tells apart, if it seems so.
pub(super) fn find(path: &Path, sheet: &Sheet, others: &Others) -> Option<DataError> {
    let error = |sign, remedy| Some(DataError::SeveralInstruments { path: path.to_owned(), sign, remedy });
    if !sheet.is_named
        && let Some(column) = naming_column(others)
    {
        let name = excerpt(&column.name);
        let samples: Vec<_> = column.samples.iter().map(|sample| format!("`{}`", excerpt(sample))).collect();
        let sign = format!("its times come again, and column `{name}` has {}, ...", samples.join(", "));
        return error(sign, format!("say that this column names them (`--symbol-column '{name}'`)"));
    }
    let (rows, repeats) = repeats(sheet);
    // A few may be slips; that many are not.
    if repeats < 5 || repeats * 20 < rows {
        return None;
    }
    let sign = format!("{repeats} of {rows} rows have the time of another one and other values");
    error(sign, "give each a file of its own, or name the column that names them (`--symbol-column NAME`)".to_owned())
}

/// The column under whose values each time comes once. Texts are preferred.
fn naming_column(others: &Others) -> Option<&OtherColumn> {
    let fits = |column: &&OtherColumn| !column.is_other && names(&others.times, &column.hashes);
    let mut columns: Vec<_> = others.columns.iter().collect();
    columns.sort_by_key(|column| column.is_number);
    columns.into_iter().find(fits)
}

fn names(times: &[i64], hashes: &[u64]) -> bool {
    let values: HashSet<u64> = hashes.iter().copied().collect();
    if values.len() < 2 || 2 * values.len() > times.len() {
        return false;
    }
    let mut seen = HashSet::with_capacity(times.len());
    times.iter().zip(hashes).all(|pair| seen.insert(pair))
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
