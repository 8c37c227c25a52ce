//! Altered futures: the same past with other prices behind it.
//!
//! Never changes a known bar, a time, or the number of bars (but where the data ends): an honest strategy cannot tell.

use std::fmt;

use super::seeded::Random;
use crate::{broker::Timeline, model::Series};

/// What follows the last known bar instead of what did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Future {
    /// Every move goes the other way: a price that doubled halves. Volumes come in reverse.
    Mirrored,
    /// Bars drawn at random from the whole series, each moving the price as it did there.
    Redrawn,
    /// The same moves at another level: all prices are a multiple of what they were.
    Scaled,
    /// Nothing: the data ends.
    Ended,
}

impl Future {
    /// All of them. That the data ends comes last, since it tells least about what the strategy looks at.
    pub const ALL: [Self; 4] = [Self::Mirrored, Self::Redrawn, Self::Scaled, Self::Ended];

    /// The name in reports: `mirrored`, `redrawn`, `scaled` or `ended`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mirrored => "mirrored",
            Self::Redrawn => "redrawn",
            Self::Scaled => "scaled",
            Self::Ended => "ended",
        }
    }

    /// Returns `series` with this future behind `last`, the last known time stamp of their `timeline`. There is none if the
    /// data ends before an instrument has begun: no strategy is given a series without bars.
    pub(super) fn of(
        self,
        series: &[Series],
        timeline: &Timeline,
        last: i64,
        random: &mut Random,
    ) -> Option<Vec<Series>> {
        let bars = series.iter().enumerate().map(|(at, one)| (one, timeline.known(at, last)));
        if self == Self::Ended {
            return bars.map(|(one, known)| Some(one.first(known)).filter(|one| !one.is_empty())).collect();
        }
        let factor = *random.one_of(&[0.2, 0.5, 2.0, 5.0]);
        let other = |(one, known)| match self {
            Self::Mirrored => mirrored(one, known),
            Self::Redrawn => redrawn(one, known, random),
            Self::Scaled | Self::Ended => scaled(one, known, factor),
        };
        Some(bars.map(other).collect())
    }
}

impl fmt::Display for Future {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The prices of one bar and its volume.
#[derive(Debug, Clone, Copy)]
struct Bar {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

impl Bar {
    fn of(series: &Series, at: usize) -> Self {
        Self {
            open: series.open[at],
            high: series.high[at],
            low: series.low[at],
            close: series.close[at],
            volume: series.volume[at],
        }
    }

    /// The bar with all prices changed by `change`.
    fn map(self, change: impl Fn(f64) -> f64) -> Self {
        let Self { open, high, low, close, volume } = self;
        Self { open: change(open), high: change(high), low: change(low), close: change(close), volume }
    }

    /// The bar, or one at `price` where its prices are beyond what data may hold.
    fn or_flat(self, price: f64) -> Self {
        let prices = [self.open, self.high, self.low, self.close];
        if prices.iter().all(|price| price.is_normal() && *price > 0.0) {
            return self;
        }
        Self { open: price, high: price, low: price, close: price, volume: self.volume }
    }
}

/// Returns `series` with the bars from `known` on as `other` makes them of their place.
fn replaced(series: &Series, known: usize, mut other: impl FnMut(usize) -> Bar) -> Series {
    let mut result = series.clone();
    for at in known..series.len() {
        let Bar { open, high, low, close, volume } = other(at);
        (result.open[at], result.high[at], result.low[at]) = (open, high, low);
        (result.close[at], result.volume[at]) = (close, volume.min(f64::MAX));
    }
    result
}

/// The last known close; the first open where nothing is known.
fn pivot(series: &Series, known: usize) -> f64 {
    if known == 0 { series.open[0] } else { series.close[known - 1] }
}

fn mirrored(series: &Series, known: usize) -> Series {
    let pivot = pivot(series, known);
    let last = series.len() - 1;
    replaced(series, known, |at| {
        let bar = Bar::of(series, at).map(|price| pivot * (pivot / price));
        Bar { high: bar.low, low: bar.high, volume: series.volume[last - (at - known)], ..bar }.or_flat(pivot)
    })
}

fn scaled(series: &Series, known: usize, factor: f64) -> Series {
    replaced(series, known, |at| {
        let bar = Bar::of(series, at);
        Bar { volume: bar.volume * factor, ..bar.map(|price| price * factor) }.or_flat(series.close[at])
    })
}

fn redrawn(series: &Series, known: usize, random: &mut Random) -> Series {
    let pivot = pivot(series, known);
    let mut before = pivot;
    replaced(series, known, |_| {
        let drawn = random.below(series.len());
        let base = self::pivot(series, drawn);
        let ratio = before / base;
        let bar = Bar::of(series, drawn).map(|price| price * ratio).or_flat(pivot);
        before = bar.close;
        bar
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    /// Bars with gaps, and prices near the ends of what 64 bits hold.
    fn wild() -> Vec<Series> {
        let series = |symbol: &str, first: i64, price: &[f64]| Series {
            symbol: symbol.into(),
            time: (first..).step_by(2).take(price.len()).collect(),
            open: price.to_vec(),
            high: price.iter().map(|price| price * 1.5).collect(),
            low: price.iter().map(|price| price * 0.5).collect(),
            close: price.iter().map(|price| price * 1.25).collect(),
            volume: (0..price.len()).map(|at| at as f64).collect(),
            ..Series::default()
        };
        vec![series("A", 0, &[1.0, 1e-300, 1e300, 3.0, 5.0]), series("B", 5, &[10.0, 20.0, 5.0])]
    }

    #[test]
    fn every_future_is_data_and_leaves_the_past_alone() {
        let original = wild();
        let timeline = Timeline::of(&original);
        for last in 0..12 {
            for future in [Future::Mirrored, Future::Redrawn, Future::Scaled] {
                let other = future.of(&original, &timeline, last, &mut Random::new(7, &[last as u64])).unwrap();
                Dataset::new(other.clone()).unwrap();
                for (one, other) in original.iter().zip(&other) {
                    let known = one.time.partition_point(|time| *time <= last);
                    assert_eq!(one.first(known), other.first(known), "{future} {last}");
                    assert_eq!(one.time, other.time);
                }
            }
        }
    }

    #[test]
    fn data_ends_at_one_time_for_all_instruments_or_not_at_all() {
        let lengths = |last| {
            let ended = Future::Ended.of(&wild(), &Timeline::of(&wild()), last, &mut Random::new(0, &[]))?;
            Some(ended.iter().map(Series::len).collect::<Vec<_>>())
        };
        assert_eq!(lengths(4), None);
        assert_eq!(lengths(5), Some(vec![3, 1]));
        assert_eq!(lengths(7), Some(vec![4, 2]));
    }

    #[test]
    fn a_mirrored_rise_is_a_fall_of_the_same_size() {
        let other =
            Future::Mirrored.of(&wild()[1..], &Timeline::of(&wild()[1..]), 5, &mut Random::new(0, &[])).unwrap();
        // The close of bar 0 is 12.5; that of bar 1, twice as high, is half of it.
        assert_eq!(other[0].close[1], 6.25);
        assert_eq!(other[0].volume, [0.0, 2.0, 1.0]);
    }
}
