//! How far values lie from their average.

use super::{
    column,
    window::{Join, Window},
};

/// The standard deviation of the last `n` values, in their unit: the root of the mean of their squared distances from
/// their mean. Divides by `n`, as Bollinger and TA-Lib do, and not by `n - 1`, as pandas does where it is not told.
///
/// The distances are those from the mean of what was seen of the window so far (Welford 1962), and two parts of a window are
/// joined as Chan, Golub and LeVeque (1983) do. So no sum of squares is ever taken from another, which is what costs the
/// usual formula all digits where prices are large and move little: the error is some `n · 2^-53` times the mean in
/// deviations, and not times its square. Equal values have a deviation of exactly 0.
#[derive(Debug, Clone)]
pub struct Deviation(Window<Moments>);

/// How many values there are, their mean, and the sum of the squared distances from it.
#[derive(Debug, Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn deviation(self) -> f64 {
        (self.squares / self.count).sqrt()
    }
}

impl Join for Moments {
    #[inline]
    fn join(self, newer: Self) -> Self {
        let count = self.count + newer.count;
        let (distance, weight) = (newer.mean - self.mean, newer.count / count);
        Self {
            count,
            mean: self.mean + distance * weight,
            squares: self.squares + newer.squares + distance * distance * self.count * weight,
        }
    }
}

impl Deviation {
    /// A deviation of `n` values.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self(Window::new(n))
    }

    /// Takes the next value, and returns the deviation from the `n`th on.
    #[inline]
    pub fn next(&mut self, value: f64) -> Option<f64> {
        self.moments(value).map(Moments::deviation)
    }

    #[inline]
    fn moments(&mut self, value: f64) -> Option<Moments> {
        if !value.is_finite() {
            self.0.clear();
            return None;
        }
        self.0.push(Moments { count: 1.0, mean: value, squares: 0.0 })
    }
}

/// The [standard deviation](Deviation) of `n` values, for each of `values`.
///
/// # Panics
///
/// Panics if `n` is 0.
#[track_caller]
pub fn deviation(values: &[f64], n: usize) -> Vec<f64> {
    let mut deviation = Deviation::new(n);
    column(values, |value| deviation.next(value))
}

/// How many [standard deviations](Deviation) a value lies above the mean of the last `n`, itself among them: `(value -
/// mean) / deviation`. A pure number, never above the root of `n - 1`; none where all values are equal.
#[derive(Debug, Clone)]
pub struct ZScore(Deviation);

impl ZScore {
    /// A score among `n` values.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self(Deviation::new(n))
    }

    /// Takes the next value, and returns its score from the `n`th on.
    #[inline]
    pub fn next(&mut self, value: f64) -> Option<f64> {
        let moments = self.0.moments(value)?;
        let deviation = moments.deviation();
        (deviation > 0.0).then(|| (value - moments.mean) / deviation)
    }
}

/// The [score](ZScore) of each of `values` among the last `n`.
///
/// # Panics
///
/// Panics if `n` is 0.
#[track_caller]
pub fn z_score(values: &[f64], n: usize) -> Vec<f64> {
    let mut score = ZScore::new(n);
    column(values, |value| score.next(value))
}
