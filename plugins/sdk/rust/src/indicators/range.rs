//! How far prices move within a bar.

use super::{average::Smooth, check_lengths};

/// The true range of Wilder (*New Concepts in Technical Trading Systems*, 1978): the greatest of `high - low`, `high -
/// previous close` and `previous close - low`, in quote currency. A gap between two bars counts as movement of the second.
///
/// The first bar has none, since there is no close before it.
#[derive(Debug, Clone, Default)]
pub struct TrueRange {
    last: Option<f64>,
}

impl TrueRange {
    /// A range that has seen no bar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bar, and returns its range in quote currency from the second bar on.
    #[inline]
    pub fn next(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        if ![high, low, close].iter().all(|price| price.is_finite()) {
            self.last = None;
            return None;
        }
        let last = self.last.replace(close)?;
        Some(range_from(last, high, low))
    }
}

/// The true range of a bar behind one that closed at `last`.
#[inline]
pub(super) fn range_from(last: f64, high: f64, low: f64) -> f64 {
    (high - low).max(high - last).max(last - low)
}

/// The [true range](TrueRange) of each bar, in quote currency.
///
/// # Panics
///
/// Panics if the columns are not equally long.
#[track_caller]
pub fn true_range(high: &[f64], low: &[f64], close: &[f64]) -> Vec<f64> {
    let mut range = TrueRange::new();
    column(high, low, close, |high, low, close| range.next(high, low, close))
}

/// The average true range of Wilder (1978), in quote currency: the average of the [true ranges](TrueRange), beginning with
/// the simple one of the first `n` ranges and going on as `(average · (n - 1) + range) / n`.
#[derive(Debug, Clone)]
pub struct Atr {
    range: TrueRange,
    average: Smooth,
}

impl Atr {
    /// An average of `n` ranges.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self { range: TrueRange::new(), average: Smooth::wilder(n) }
    }

    /// Takes the next bar, and returns the average in quote currency from bar `n + 1` on.
    #[inline]
    pub fn next(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let range = self.range.next(high, low, close);
        if self.range.last.is_none() {
            self.average.clear();
        }
        self.average.next(range?)
    }
}

/// The [average true range](Atr) of `n` ranges, in quote currency, for each bar.
///
/// # Panics
///
/// Panics if `n` is 0 or the columns are not equally long.
#[track_caller]
pub fn atr(high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    let mut average = Atr::new(n);
    column(high, low, close, |high, low, close| average.next(high, low, close))
}

#[track_caller]
fn column(high: &[f64], low: &[f64], close: &[f64], mut next: impl FnMut(f64, f64, f64) -> Option<f64>) -> Vec<f64> {
    check_lengths(&[high, low, close]);
    let bars = high.iter().zip(low).zip(close);
    bars.map(|((&high, &low), &close)| next(high, low, close).unwrap_or(f64::NAN)).collect()
}
