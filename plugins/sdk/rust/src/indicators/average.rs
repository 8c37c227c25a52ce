//! Moving averages.

use super::{
    column,
    window::{Join, Window, check_window},
};

/// The simple moving average: the sum of the last `n` values, divided by `n`.
#[derive(Debug, Clone)]
pub struct Sma {
    window: Window<Sum>,
    length: f64,
}

#[derive(Debug, Clone, Copy)]
struct Sum(f64);

impl Join for Sum {
    #[inline]
    fn join(self, newer: Self) -> Self {
        Self(self.0 + newer.0)
    }
}

impl Sma {
    /// An average of `n` values.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self { window: Window::new(n), length: n as f64 }
    }

    /// Takes the next value, and returns the average from the `n`th on.
    #[inline]
    pub fn next(&mut self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            self.window.clear();
            return None;
        }
        self.window.push(Sum(value)).map(|sum| sum.0 / self.length)
    }
}

/// The [simple moving average](Sma) of `n` values, for each of `values`.
///
/// # Panics
///
/// Panics if `n` is 0.
#[track_caller]
pub fn sma(values: &[f64], n: usize) -> Vec<f64> {
    let mut average = Sma::new(n);
    column(values, |value| average.next(value))
}

/// The exponential moving average: `ema + 2 / (n + 1) · (value - ema)`, beginning with the simple average of the first `n`
/// values.
///
/// So do TA-Lib and TradingView begin it. `ewm(span=n, adjust=False)` of pandas begins with the first value alone, and
/// parts from this one by less and less: after `k` bars by `(1 - 2 / (n + 1))^k` of the first difference.
#[derive(Debug, Clone)]
pub struct Ema(Smooth);

impl Ema {
    /// An average of `n` values, as one says: it forgets none, but the last `n` have 86 % of the weight.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self(Smooth::new(n, 2.0 / (n as f64 + 1.0)))
    }

    /// Takes the next value, and returns the average from the `n`th on.
    #[inline]
    pub fn next(&mut self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            self.0.clear();
            return None;
        }
        self.0.next(value)
    }
}

/// The [exponential moving average](Ema) of `n` values, for each of `values`.
///
/// # Panics
///
/// Panics if `n` is 0.
#[track_caller]
pub fn ema(values: &[f64], n: usize) -> Vec<f64> {
    let mut average = Ema::new(n);
    column(values, |value| average.next(value))
}

/// An average that moves by a share of the distance to each value, and begins with the simple average of the first ones.
#[derive(Debug, Clone)]
pub(super) struct Smooth {
    length: usize,
    share: f64,
    seen: usize,
    /// The sum of the first values, then the average.
    state: f64,
}

impl Smooth {
    #[track_caller]
    fn new(length: usize, share: f64) -> Self {
        check_window(length);
        Self { length, share, seen: 0, state: 0.0 }
    }

    /// As Wilder (1978) smooths: `(average · (n - 1) + value) / n`.
    #[track_caller]
    pub(super) fn wilder(n: usize) -> Self {
        Self::new(n, 1.0 / n as f64)
    }

    /// Takes the next value, which is finite.
    #[inline]
    pub(super) fn next(&mut self, value: f64) -> Option<f64> {
        if self.seen == self.length {
            self.state += self.share * (value - self.state);
            return Some(self.state);
        }
        self.state += value;
        self.seen += 1;
        if self.seen < self.length {
            return None;
        }
        self.state /= self.length as f64;
        Some(self.state)
    }

    /// Forgets all values.
    #[cold]
    pub(super) fn clear(&mut self) {
        self.seen = 0;
        self.state = 0.0;
    }
}
