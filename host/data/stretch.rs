//! Stretches: consecutive rows of one instrument, as columns.
//!
//! Never holds a row whose cells could not be read.

use super::{
    error::Location,
    rows::{Bar, Row, Rows},
};
use crate::model::Series;

/// Consecutive rows whose cells are all there. Their values are not checked yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch<'a> {
    /// Where the first row is.
    pub(super) first: Location,
    pub(super) time: &'a [i64],
    pub(super) open: &'a [f64],
    pub(super) high: &'a [f64],
    pub(super) low: &'a [f64],
    pub(super) close: &'a [f64],
    /// `None` if the file has no column of volumes.
    pub(super) volume: Option<&'a [f64]>,
}

impl<'a> Stretch<'a> {
    pub(super) fn len(&self) -> usize {
        self.time.len()
    }

    /// Where each row is.
    pub(super) fn places(&self) -> impl Iterator<Item = Location> + use<> {
        let first = self.first;
        (0..self.len() as u64).map(move |row| first.after(row))
    }

    /// The first rows of the stretch whose bars pass all checks for prices above zero, and have open and close within low and
    /// high; and the other rows.
    pub(super) fn split(&self) -> (Self, Self) {
        /// Bars that are looked at together.
        const SET: usize = 64;
        let (mut clean, all) = (0, self.len());
        while clean < all && self.are_clean(clean, all.min(clean + SET)) {
            clean = all.min(clean + SET);
        }
        while clean < all && self.are_clean(clean, clean + 1) {
            clean += 1;
        }
        (self.part(0, clean), self.part(clean, all))
    }

    fn are_clean(&self, from: usize, to: usize) -> bool {
        let prices = self.open[from..to].iter().zip(&self.high[from..to]);
        let prices = prices.zip(self.low[from..to].iter().zip(&self.close[from..to]));
        // Without a branch. Of a price that is not a number, no comparison is true.
        let are_clean = prices.fold(true, |all, ((open, high), (low, close))| {
            all & (*low > 0.0) & (low <= open) & (open <= high) & (low <= close) & (close <= high) & (*high <= f64::MAX)
        });
        let is_volume = |all: bool, volume: &f64| all & (*volume >= 0.0) & (*volume <= f64::MAX);
        are_clean && self.volume.is_none_or(|volume| volume[from..to].iter().fold(true, is_volume))
    }

    /// The stretch without its first row.
    pub(super) fn rest(&self) -> Self {
        self.part(1.min(self.len()), self.len())
    }

    fn part(&self, from: usize, to: usize) -> Self {
        Self {
            first: self.first.after(from as u64),
            time: &self.time[from..to],
            open: &self.open[from..to],
            high: &self.high[from..to],
            low: &self.low[from..to],
            close: &self.close[from..to],
            volume: self.volume.map(|volume| &volume[from..to]),
        }
    }

    /// Adds the bars to `rows`, none of which may have an offset.
    pub(super) fn append_to(&self, rows: &mut Rows) {
        let Series { symbol: _, time, open, high, low, close, volume, schedule: _, contract: _, detail: _ } =
            &mut rows.series;
        time.extend_from_slice(self.time);
        open.extend_from_slice(self.open);
        high.extend_from_slice(self.high);
        low.extend_from_slice(self.low);
        close.extend_from_slice(self.close);
        match self.volume {
            // Adding zero turns -0 into 0, so that equal data has equal bits.
            Some(found) => volume.extend(found.iter().map(|volume| volume + 0.0)),
            None => volume.resize(volume.len() + self.len(), 0.0),
        }
        rows.places.extend(self.places());
    }

    /// The first row, of `symbol`, if there is one.
    pub(super) fn row<'r>(&self, symbol: &'r str) -> Option<Row<'r>> {
        let bar = Bar {
            time: *self.time.first()?,
            open: self.open[0],
            high: self.high[0],
            low: self.low[0],
            close: self.close[0],
            volume: self.volume.map_or(0.0, |volume| volume[0]),
        };
        Some(Row {
            symbol: Some(symbol),
            place: self.first,
            bar,
            adjusted: None,
            ticks: None,
            lacks_volume: false,
            offset: 0,
            faults: Vec::new(),
        })
    }
}
