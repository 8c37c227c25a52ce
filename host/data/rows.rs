//! Bars and rows: the checks of a single bar, and the bars of one instrument with their places.
//!
//! Never reads a file, never corrects a bar.

use super::error::Location;
use crate::model::Series;

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
    /// A bar of a series.
    pub(super) fn of(series: &Series, at: usize) -> Self {
        let crate::model::Bar { time, open, high, low, close, volume } = series.bar(at);
        Self { time, open, high, low, close, volume }
    }

    /// Returns the bar in adjusted prices: all four scaled by what takes the close to `adjusted`.
    fn adjusted(self, adjusted: f64) -> Self {
        let ratio = adjusted / self.close;
        Self { open: self.open * ratio, high: self.high * ratio, low: self.low * ratio, close: adjusted, ..self }
    }

    fn prices(&self) -> [(&'static str, f64); 4] {
        [("open", self.open), ("high", self.high), ("low", self.low), ("close", self.close)]
    }

    /// Adds what is wrong with the values to `faults`. Where there are faults already, a value that is not finite may
    /// stand for a cell that was one of them, and is not named again.
    pub(super) fn check(&self, negative_prices: bool, faults: &mut Vec<String>) {
        let fresh = faults.is_empty();
        let is_low = |price: f64| price <= 0.0 && !negative_prices;
        let zeros = self.prices().iter().all(|(_, price)| *price == 0.0);
        if self.prices().iter().all(|(_, price)| price.is_finite() && !is_low(*price))
            && !zeros
            && self.high >= self.low
            && self.volume.is_finite()
            && self.volume >= 0.0
        {
            return;
        }
        for (name, price) in self.prices() {
            if !price.is_finite() && fresh {
                faults.push(format!("{name} {price} is not finite"));
            } else if is_low(price) {
                faults.push(format!("{name} {price} is not above zero"));
            }
        }
        if zeros && negative_prices {
            faults.push("all prices are zero".to_owned());
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

    /// Whether all that is wrong are prices of zero and below, of which one is below.
    pub(super) fn is_negative(&self) -> bool {
        let mut faults = Vec::new();
        self.check(true, &mut faults);
        faults.is_empty() && self.prices().iter().any(|(_, price)| *price < 0.0)
    }

    /// Whether open or close lie outside low to high.
    pub(super) fn pokes_out(&self) -> bool {
        let outside = |price| price < self.low || price > self.high;
        outside(self.open) || outside(self.close)
    }
}

/// The bars of one instrument with their places.
#[derive(Debug, Default, Clone)]
pub(super) struct Rows {
    pub(super) series: Series,
    /// The other volume, where the file has two.
    pub(super) ticks: Vec<f64>,
    pub(super) places: Vec<Location>,
    /// The names of the files.
    pub(super) sources: Vec<String>,
    /// The file of each bar, by its place in `sources`; empty where all are of the first.
    pub(super) files: Vec<u32>,
    /// Whether a file has a column of volumes.
    pub(super) has_volume: bool,
    /// Seconds east of UTC as they are written, each from a time on, in the order of the rows.
    pub(super) offsets: Vec<(i64, i32)>,
}

impl Rows {
    /// Makes room for so many bars. Where memory lacks, bars take it as they come.
    pub(super) fn reserve(&mut self, bars: usize) {
        let Series { symbol: _, time, open, high, low, close, volume, schedule: _, contract: _, detail: _ } =
            &mut self.series;
        let _is_there = time.try_reserve_exact(bars).and_then(|()| self.places.try_reserve_exact(bars));
        for column in [open, high, low, close, volume] {
            let _is_there = column.try_reserve_exact(bars);
        }
    }

    pub(super) fn push(&mut self, row: &Row<'_>) {
        let bar = &row.bar;
        let before = self.offsets.last().map_or(0, |(_, offset)| *offset);
        // Rows in no order need all offsets to be told.
        let is_older = !self.offsets.is_empty() && self.series.time.last().is_some_and(|last| bar.time < *last);
        if row.offset != before || is_older || self.offsets.is_empty() && row.offset != 0 {
            if self.offsets.is_empty()
                && let Some(first) = self.series.time.iter().min()
            {
                self.offsets.push((*first, 0));
            }
            self.offsets.push((bar.time, row.offset));
        }
        self.places.push(row.place);
        self.series.time.push(bar.time);
        self.series.open.push(bar.open);
        self.series.high.push(bar.high);
        self.series.low.push(bar.low);
        self.series.close.push(bar.close);
        // Adding zero turns -0 into 0, so that equal data has equal bits.
        self.series.volume.push(bar.volume + 0.0);
        if let Some(ticks) = row.ticks {
            self.ticks.push(ticks);
        }
    }

    /// Takes the bars in the order of `indices`, leaving out the others.
    pub(super) fn pick(&mut self, indices: &[usize]) {
        let Series { symbol: _, time, open, high, low, close, volume, schedule: _, contract: _, detail: _ } =
            &mut self.series;
        *time = indices.iter().map(|at| time[*at]).collect();
        self.places = indices.iter().map(|at| self.places[*at]).collect();
        for column in [open, high, low, close, volume, &mut self.ticks] {
            if !column.is_empty() {
                *column = indices.iter().map(|at| column[*at]).collect();
            }
        }
        if !self.files.is_empty() {
            self.files = indices.iter().map(|at| self.files[*at]).collect();
        }
    }

    /// Whether two bars have the same values.
    pub(super) fn is_same(&self, one: usize, other: usize) -> bool {
        let Series { open, high, low, close, volume, .. } = &self.series;
        [open, high, low, close, volume].iter().all(|column| column[one] == column[other])
    }

    /// The time of a bar, as messages have it.
    pub(super) fn time(&self, at: usize) -> String {
        self.series.schedule.format(self.series.time[at])
    }

    /// The file and the place of a bar.
    pub(super) fn place(&self, at: usize) -> String {
        let file = self.files.get(at).copied().unwrap_or_default();
        format!("`{}` {}", self.sources[file as usize], self.places[at])
    }

    /// Says that a bar repeats the time of another.
    pub(super) fn repeats(&self, first: usize, second: usize) -> String {
        let other = if self.is_same(first, second) { "" } else { ", with other values" };
        format!("time {} repeats that of {}{other}", self.time(second), self.places[first])
    }

    /// Says that a time comes again after the bar before.
    pub(super) fn repeated(&self, at: usize, before: usize) -> String {
        format!("time {} comes again after {}", self.time(at), self.time(before))
    }

    /// Says that a bar is older than the one above.
    pub(super) fn older(&self, at: usize) -> String {
        format!("time {} is before {}, the bar above", self.time(at), self.time(at - 1))
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
    /// The other volume, where the file has two; NaN for a cell that is not one.
    pub(super) ticks: Option<f64>,
    /// Whether the file has a column of volumes, and nothing in it here; the volume of the bar is zero then.
    pub(super) lacks_volume: bool,
    /// Seconds east of UTC that the time is written with.
    pub(super) offset: i32,
    /// The cells that could not be read.
    pub(super) faults: Vec<String>,
}

impl Row<'_> {
    /// Checks the values and adjusts them.
    pub(super) fn settle(&mut self, negative_prices: bool) {
        if self.symbol == Some("") {
            self.faults.push("the symbol is empty".to_owned());
        }
        self.bar.check(negative_prices, &mut self.faults);
        let Some(adjusted) = self.adjusted else { return };
        let ratio = adjusted / self.bar.close;
        if negative_prices && self.faults.is_empty() && !(ratio.is_finite() && ratio > 0.0) {
            let close = self.bar.close;
            self.faults.push(format!("adjusted close {adjusted} does not scale close {close}"));
        } else if adjusted <= 0.0 && !negative_prices {
            self.faults.push(format!("adjusted close {adjusted} is not above zero"));
        } else if self.faults.is_empty() {
            self.bar = self.bar.adjusted(adjusted);
            self.bar.check(negative_prices, &mut self.faults);
        }
    }
}
