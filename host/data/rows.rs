//! Validation of bars: checks each row, lists what is wrong, builds the series.
//!
//! Never reads a file, never corrects a bar; sorts and drops only what it was told to.

use indexmap::IndexMap;

use super::{
    error::{DataError, Location, PROBLEMS_SHOWN, Problem, counted},
    options::LoadOptions,
};
use crate::model::{Series, format_time};

/// One bar, not yet checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar {
    pub(super) time: i64,
    pub(super) open: f64,
    pub(super) high: f64,
    pub(super) low: f64,
    pub(super) close: f64,
    pub(super) volume: f64,
}

impl Bar {
    /// Returns the bar in adjusted prices: all four scaled by what takes the close to `adjusted`.
    fn adjusted(self, adjusted: f64) -> Self {
        let ratio = adjusted / self.close;
        Self { open: self.open * ratio, high: self.high * ratio, low: self.low * ratio, close: adjusted, ..self }
    }

    /// Adds what is wrong with the values to `faults`. Where there are faults already, a value that is not finite may
    /// stand for a cell that was one of them, and is not named again.
    fn check(&self, faults: &mut Vec<String>) {
        let fresh = faults.is_empty();
        let prices = [("open", self.open), ("high", self.high), ("low", self.low), ("close", self.close)];
        if prices.iter().all(|(_, price)| price.is_finite() && *price > 0.0)
            && self.high >= self.low
            && self.volume.is_finite()
            && self.volume >= 0.0
        {
            return;
        }
        for (name, price) in prices {
            if !price.is_finite() && fresh {
                faults.push(format!("{name} {price} is not finite"));
            } else if price <= 0.0 {
                faults.push(format!("{name} {price} is not above zero"));
            }
        }
        if self.high < self.low {
            faults.push(format!("high {} is below low {}", self.high, self.low));
        }
        if !self.volume.is_finite() && fresh {
            faults.push(format!("volume {} is not finite", self.volume));
        } else if self.volume < 0.0 {
            faults.push(format!("volume {} is below zero", self.volume));
        }
    }

    /// Whether open or close lie outside low to high.
    fn pokes_out(&self) -> bool {
        let outside = |price| price < self.low || price > self.high;
        outside(self.open) || outside(self.close)
    }
}

/// What is wrong, counted in full, of which the first few in the order of places are kept.
#[derive(Debug, Default)]
pub(super) struct Log {
    kept: Vec<(Location, String)>,
    count: u64,
}

impl Log {
    /// Counts one fault; `text` is called only if it is kept.
    fn add(&mut self, place: Location, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.kept.len() == PROBLEMS_SHOWN {
            match self.kept.last() {
                Some((last, _)) if place < *last => self.kept.truncate(PROBLEMS_SHOWN - 1),
                _ => return,
            }
        }
        let at = self.kept.partition_point(|(other, _)| *other <= place);
        self.kept.insert(at, (place, text()));
    }

    /// The first few places, for a notice: `line 3 (close -1 is not above zero), line 9 (...) and 7 more`.
    fn summary(&self) -> String {
        const SHOWN: usize = 3;
        let first: Vec<_> = self.kept.iter().take(SHOWN).map(|(place, text)| format!("{place} ({text})")).collect();
        let more = self.count - first.len() as u64;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        first.join(", ") + &more
    }

    /// Adds the faults of `other`, of the same source.
    fn absorb(&mut self, other: Self) {
        let more = other.count - other.kept.len() as u64;
        for (place, text) in other.kept {
            self.add(place, || text);
        }
        self.count += more;
    }

    fn problems(self, file: &str) -> impl Iterator<Item = Problem> {
        self.kept.into_iter().map(|(line, text)| Problem { file: file.to_owned(), line, text })
    }
}

/// What is wrong in all sources so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    count: u64,
    unsorted: u64,
}

impl Findings {
    /// Adds the faults of one source: bad bars, and bars that are older than the bar before.
    fn add(&mut self, file: &str, mut bad: Log, unsorted: Log) {
        self.unsorted += unsorted.count;
        bad.absorb(unsorted);
        self.count += bad.count;
        self.problems.extend(bad.problems(file));
        self.problems.truncate(PROBLEMS_SHOWN);
    }

    /// Returns an error if anything is wrong.
    pub(super) fn into_result(self) -> Result<(), DataError> {
        match self.count {
            0 => Ok(()),
            count => Err(DataError::Problems { problems: self.problems, count, unsorted: self.unsorted }),
        }
    }
}

/// The bars of one instrument with their places.
#[derive(Debug, Default)]
struct Rows {
    series: Series,
    places: Vec<Location>,
}

impl Rows {
    fn push(&mut self, place: Location, bar: &Bar) {
        self.places.push(place);
        self.series.time.push(bar.time);
        self.series.open.push(bar.open);
        self.series.high.push(bar.high);
        self.series.low.push(bar.low);
        self.series.close.push(bar.close);
        // Adding zero turns -0 into 0, so that equal data has equal bits.
        self.series.volume.push(bar.volume + 0.0);
    }

    /// Takes the bars in the order of `indices`, leaving out the others.
    fn pick(&mut self, indices: &[usize]) {
        let Series { symbol: _, time, open, high, low, close, volume, schedule: _, contract: _ } = &mut self.series;
        *time = indices.iter().map(|at| time[*at]).collect();
        self.places = indices.iter().map(|at| self.places[*at]).collect();
        for column in [open, high, low, close, volume] {
            *column = indices.iter().map(|at| column[*at]).collect();
        }
    }
}

/// One row of a file, as far as it could be read.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The instrument; none where the row is too broken to tell.
    pub(super) symbol: Option<&'a str>,
    pub(super) place: Location,
    /// The values; NaN for a cell that is not one.
    pub(super) bar: Bar,
    /// The close to adjust the prices to; NaN for a cell that is not one.
    pub(super) adjusted: Option<f64>,
    /// The cells that could not be read.
    pub(super) faults: Vec<String>,
}

impl Row<'_> {
    /// Checks the values and adjusts them.
    fn settle(&mut self) {
        if self.symbol == Some("") {
            self.faults.push("the symbol is empty".to_owned());
        }
        self.bar.check(&mut self.faults);
        let Some(adjusted) = self.adjusted else { return };
        if adjusted <= 0.0 {
            self.faults.push(format!("adjusted close {adjusted} is not above zero"));
        } else if self.faults.is_empty() {
            self.bar = self.bar.adjusted(adjusted);
            self.bar.check(&mut self.faults);
        }
    }
}

/// All bars of one file.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    instruments: IndexMap<String, Rows>,
    last: usize,
    bad: Log,
    outside: Log,
    read: u64,
    notices: Vec<String>,
}

impl Sheet {
    /// Keeps a remark on the whole file for the user; it continues the file's name.
    pub(super) fn note(&mut self, text: String) {
        self.notices.push(text);
    }

    /// Takes one row, unless its values are bad.
    pub(super) fn push(&mut self, mut row: Row<'_>) {
        self.read += 1;
        if let Some(symbol) = row.symbol.filter(|symbol| !symbol.is_empty()) {
            self.seek(symbol);
        }
        let raw = row.bar;
        row.settle();
        match self.instruments.get_index_mut(self.last) {
            Some((_, rows)) if row.faults.is_empty() => rows.push(row.place, &row.bar),
            _ => return self.bad.add(row.place, || row.faults.join("; ")),
        }
        if raw.pokes_out() {
            let Bar { open, close, low, high, .. } = raw;
            self.outside.add(row.place, || format!("open {open} and close {close}, {low} to {high}"));
        }
    }

    /// The number of rows read, bad ones included.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Points `last` at `symbol`, which most often is there already.
    fn seek(&mut self, symbol: &str) {
        if self.instruments.get_index(self.last).is_some_and(|(known, _)| known == symbol) {
            return;
        }
        self.last = self.instruments.get_index_of(symbol).unwrap_or_else(|| {
            let rows = Rows { series: Series { symbol: symbol.to_owned(), ..Series::default() }, places: vec![] };
            self.instruments.insert_full(symbol.to_owned(), rows).0
        });
    }

    /// Returns the series of the file named `file`, after sorting and dropping as told; what is wrong goes to
    /// `findings`, what was done to `notices`.
    pub(super) fn finish(
        mut self,
        file: &str,
        options: &LoadOptions,
        findings: &mut Findings,
        notices: &mut Vec<String>,
    ) -> Result<Vec<Series>, DataError> {
        let mut unsorted = Log::default();
        for rows in self.instruments.values_mut() {
            settle_order(rows, options, &mut self.bad, &mut unsorted);
        }
        notices.extend(self.notices.iter().map(|text| format!("`{file}` {text}")));
        if options.sort && unsorted.count > 0 {
            let bars = counted(unsorted.count, "bar");
            notices.push(format!("sorted `{file}` by time; older than the bar above: {bars}: {}", unsorted.summary()));
            unsorted = Log::default();
        }
        if self.outside.count > 0 {
            let bars = counted(self.outside.count, "bar");
            let places = self.outside.summary();
            notices.push(format!("`{file}` has {bars} with open or close outside low to high, kept: {places}"));
        }
        if options.drop_bad && self.bad.count > 0 {
            self.all_left(file)?;
            let (rows, places) = (counted(self.read, "row"), self.bad.summary());
            notices.push(format!("dropped {} of {rows} of `{file}`: {places}", self.bad.count));
            self.bad = Log::default();
        }
        findings.add(file, self.bad, unsorted);
        let complete = |mut rows: Rows| {
            rows.series.schedule.complete(&mut rows.series.time);
            rows.series
        };
        Ok(self.instruments.into_values().map(complete).collect())
    }

    /// Returns an error if dropping has left an instrument without bars.
    fn all_left(&self, file: &str) -> Result<(), DataError> {
        let gone = self.instruments.iter().find(|(_, rows)| rows.series.is_empty());
        let symbol = match gone {
            Some((symbol, _)) => symbol,
            None if self.instruments.is_empty() => file,
            None => return Ok(()),
        };
        let why = format!(": all its rows in `{file}` are bad and dropped: {}", self.bad.summary());
        Err(DataError::NoBars { symbol: symbol.to_owned(), why })
    }
}

/// Adds bars of a time that is there already to `bad`, and bars older than the bar before to `unsorted`.
///
/// Sorts and drops as told. What is dropped are doubled bars; the first of its time stays.
fn settle_order(rows: &mut Rows, options: &LoadOptions, bad: &mut Log, unsorted: &mut Log) {
    let time = &rows.series.time;
    if time.is_sorted_by(|a, b| a < b) {
        return;
    }
    for at in (1..time.len()).filter(|at| time[*at] < time[*at - 1]) {
        unsorted.add(rows.places[at], || older(time, at));
    }
    let mut order: Vec<usize> = (0..time.len()).collect();
    order.sort_by_key(|at| time[*at]);
    for pair in order.windows(2).filter(|pair| time[pair[0]] == time[pair[1]]) {
        let text = || format!("time {} repeats that of {}", format_time(time[pair[1]]), rows.places[pair[0]]);
        bad.add(rows.places[pair[1]], text);
    }
    if options.drop_bad {
        order.dedup_by_key(|at| time[*at]);
    }
    if !options.sort {
        order.sort_unstable();
    }
    rows.pick(&order);
}

fn older(time: &[i64], at: usize) -> String {
    format!("time {} is before {}, the bar above", format_time(time[at]), format_time(time[at - 1]))
}

/// Adds everything that is wrong with a series in memory to `findings`.
pub(super) fn check_series(series: &Series, findings: &mut Findings) {
    let (mut bad, mut unsorted) = (Log::default(), Log::default());
    for at in 0..series.len() {
        let place = Location::Bar(at as u64);
        let mut faults = Vec::new();
        bar(series, at).check(&mut faults);
        if at > 0 && series.time[at] == series.time[at - 1] {
            faults.push(format!("time {} repeats that of the bar above", format_time(series.time[at])));
        }
        if !faults.is_empty() {
            bad.add(place, || faults.join("; "));
        }
        if at > 0 && series.time[at] < series.time[at - 1] {
            unsorted.add(place, || older(&series.time, at));
        }
    }
    findings.add(&series.symbol, bad, unsorted);
}

fn bar(series: &Series, at: usize) -> Bar {
    Bar {
        time: series.time[at],
        open: series.open[at],
        high: series.high[at],
        low: series.low[at],
        close: series.close[at],
        volume: series.volume[at],
    }
}
