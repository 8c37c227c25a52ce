//! Bands around an average, as wide as values deviate from it.

use super::{average::Sma, deviation::Deviation};

/// The bands of Bollinger: the [`Sma`] of the last `n` values, and `width` of their [deviations](Deviation) above and below
/// it, in the unit of the values.
///
/// The value itself is one of the `n`. The deviation divides by `n`, as Bollinger, TA-Lib and TradingView do; bands by the
/// `rolling(n).std()` of pandas are wider, by the root of `n / (n - 1)`.
///
/// ```
/// use backtest_sdk::indicators::bollinger;
///
/// let bands = bollinger(&[1.0, 3.0, 1.0, 3.0], 2, 2.0);
/// assert_eq!((bands.upper[3], bands.middle[3], bands.lower[3]), (4.0, 2.0, 0.0));
/// ```
#[derive(Debug, Clone)]
pub struct Bollinger {
    middle: Sma,
    deviation: Deviation,
    width: f64,
}

/// What [`Bollinger`] answers, in the unit of its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The average, and some deviations more.
    pub upper: f64,
    /// The average.
    pub middle: f64,
    /// The average, and some deviations less.
    pub lower: f64,
}

impl Bollinger {
    /// Bands of `n` values, `width` deviations above and below their average. Usual are 20 and 2.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize, width: f64) -> Self {
        Self { middle: Sma::new(n), deviation: Deviation::new(n), width }
    }

    /// Takes the next value, and returns the bands from the `n`th on.
    #[inline]
    pub fn next(&mut self, value: f64) -> Option<Band> {
        let (middle, deviation) = self.middle.next(value).zip(self.deviation.next(value))?;
        let distance = self.width * deviation;
        Some(Band { upper: middle + distance, middle, lower: middle - distance })
    }
}

/// The [bands](Bollinger) of each value, as columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Bands {
    /// The average, and some deviations more.
    pub upper: Vec<f64>,
    /// The average.
    pub middle: Vec<f64>,
    /// The average, and some deviations less.
    pub lower: Vec<f64>,
}

/// The [bands](Bollinger) of `n` values and of `width` deviations, for each of `values`.
///
/// # Panics
///
/// Panics if `n` is 0.
#[track_caller]
pub fn bollinger(values: &[f64], n: usize, width: f64) -> Bands {
    let mut bollinger = Bollinger::new(n, width);
    let none = Band { upper: f64::NAN, middle: f64::NAN, lower: f64::NAN };
    let found = values.iter().map(|&value| bollinger.next(value).unwrap_or(none));
    let (upper, middle, lower) = found.map(|at| (at.upper, at.middle, at.lower)).collect();
    Bands { upper, middle, lower }
}
