//! The highest and the lowest price of the last bars.

use super::{
    check_lengths,
    window::{Join, Window},
};

/// The channel of Donchian: the highest high and the lowest low of the last `n` bars, in quote currency.
///
/// The bar itself is one of them, so that no close is ever outside of its own channel: a breakout is a close beyond the
/// channel of the bar before.
///
/// ```
/// use backtest_sdk::indicators::donchian;
///
/// let close = [5.0, 6.0, 5.5, 7.0];
/// let channel = donchian(&close, &close, 3);
/// let breaks_out = |at: usize| close[at] > channel.upper[at - 1];
/// assert!(breaks_out(3));
/// ```
#[derive(Debug, Clone)]
pub struct Donchian(Window<Channel>);

/// The highest and the lowest price of some bars, in quote currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channel {
    /// The highest price.
    pub upper: f64,
    /// The lowest price.
    pub lower: f64,
}

impl Channel {
    /// The price half way between both.
    pub fn middle(self) -> f64 {
        (self.upper + self.lower) / 2.0
    }
}

impl Join for Channel {
    #[inline]
    fn join(self, newer: Self) -> Self {
        // Not `max` and `min`, which do not say which zero they take.
        let upper = if newer.upper > self.upper { newer.upper } else { self.upper };
        let lower = if newer.lower < self.lower { newer.lower } else { self.lower };
        Self { upper, lower }
    }
}

impl Donchian {
    /// A channel of `n` bars.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self(Window::new(n))
    }

    /// Takes the next bar, and returns the channel from the `n`th on.
    #[inline]
    pub fn next(&mut self, high: f64, low: f64) -> Option<Channel> {
        if !(high.is_finite() && low.is_finite()) {
            self.0.clear();
            return None;
        }
        self.0.push(Channel { upper: high, lower: low })
    }
}

/// The [channel](Donchian) of each bar, as columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Channels {
    /// The highest price, in quote currency.
    pub upper: Vec<f64>,
    /// The lowest price, in quote currency.
    pub lower: Vec<f64>,
}

/// The [channel](Donchian) of `n` bars, for each bar.
///
/// # Panics
///
/// Panics if `n` is 0 or the columns are not equally long.
#[track_caller]
pub fn donchian(high: &[f64], low: &[f64], n: usize) -> Channels {
    check_lengths(&[high, low]);
    let mut donchian = Donchian::new(n);
    let channels = high.iter().zip(low).map(|(&high, &low)| donchian.next(high, low));
    let (upper, lower) =
        channels.map(|channel| channel.map_or((f64::NAN, f64::NAN), |at| (at.upper, at.lower))).unzip();
    Channels { upper, lower }
}
