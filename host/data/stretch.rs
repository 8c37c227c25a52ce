//! Stretches: consecutive rows of one instrument, as columns.
//!
//! Never holds a row whose cells could not be read.

use std::borrow::Cow;

use super::{
    error::Location,
    rows::{Bar, Row, Rows},
};
use crate::model::Series;

/// Consecutive rows whose cells are all there. Their values are not checked yet.
#[derive(Debug, Clone)]
pub(super) struct Stretch<'a> {
    /// Where the first row is.
    pub(super) first: Location,
    pub(super) time: &'a [i64],
    pub(super) open: &'a [f64],
    pub(super) high: &'a [f64],
    pub(super) low: &'a [f64],
    pub(super) close: &'a [f64],
    /// None where the file has no volumes.
    pub(super) volume: Option<Cow<'a, [f64]>>,
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

    /// Whether every bar passes all checks for prices above zero, and has its open and close within low and high.
    pub(super) fn is_clean(&self) -> bool {
        let prices = self.open.iter().zip(self.high).zip(self.low.iter().zip(self.close));
        // Without a branch. Of a price that is not a number, no comparison is true.
        let are_clean = prices.fold(true, |all, ((open, high), (low, close))| {
            all & (*low > 0.0) & (low <= open) & (open <= high) & (low <= close) & (close <= high) & (*high <= f64::MAX)
        });
        let is_volume = |all: bool, volume: &f64| all & (*volume >= 0.0) & (*volume <= f64::MAX);
        are_clean && self.volume.as_ref().is_none_or(|volume| volume.iter().fold(true, is_volume))
    }

    /// Adds the bars to `rows`, none of which may have an offset.
    pub(super) fn append_to(&self, rows: &mut Rows) {
        let Series { symbol: _, time, open, high, low, close, volume, schedule: _, contract: _ } = &mut rows.series;
        time.extend_from_slice(self.time);
        open.extend_from_slice(self.open);
        high.extend_from_slice(self.high);
        low.extend_from_slice(self.low);
        close.extend_from_slice(self.close);
        match &self.volume {
            // Adding zero turns -0 into 0, so that equal data has equal bits.
            Some(found) => volume.extend(found.iter().map(|volume| volume + 0.0)),
            None => volume.resize(volume.len() + self.len(), 0.0),
        }
        rows.places.extend(self.places());
    }

    /// The rows of `symbol` one by one.
    pub(super) fn rows<'r>(&'r self, symbol: &'r str) -> impl Iterator<Item = Row<'r>> {
        self.places().enumerate().map(move |(at, place)| Row {
            symbol: Some(symbol),
            place,
            bar: Bar {
                time: self.time[at],
                open: self.open[at],
                high: self.high[at],
                low: self.low[at],
                close: self.close[at],
                volume: self.volume.as_ref().map_or(0.0, |volume| volume[at]),
            },
            adjusted: None,
            ticks: None,
            lacks_volume: false,
            offset: 0,
            faults: Vec::new(),
        })
    }
}
