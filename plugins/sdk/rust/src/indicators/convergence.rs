//! The moving average convergence and divergence (MACD).

use super::average::Ema;

/// The MACD of Appel: the `line`, which is the [`Ema`] of `fast` values less that of `slow` ones; the `signal`, which is the
/// `Ema` of `signal` values of the line; and the `histogram`, which is the line less the signal. All in the unit of the
/// values.
///
/// Each average begins by itself, with the simple average of its own first values, as TradingView does it. TA-Lib begins the
/// fast one as late as the slow one, from the values just before; both agree behind some hundred bars.
///
/// ```
/// use backtest_sdk::indicators::macd;
///
/// let close: Vec<f64> = (0..60).map(|bar| 100.0 + f64::from(bar)).collect();
/// let found = macd(&close, 12, 26, 9);
/// // The 26th value is the first with a line, and the 9th line behind it the first with a signal.
/// assert!(found.line[32].is_nan() && found.signal[33].is_finite());
/// // Of a straight line each average lags by half of its length.
/// assert_eq!(found.line[59], 7.0);
/// ```
#[derive(Debug, Clone)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

/// What a [`Macd`] answers, in the unit of its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdValue {
    /// The fast average less the slow one.
    pub line: f64,
    /// The average of the line.
    pub signal: f64,
    /// The line less the signal.
    pub histogram: f64,
}

impl Macd {
    /// Averages of `fast` and of `slow` values, and one of `signal` values of their difference. Usual are 12, 26 and 9.
    ///
    /// # Panics
    ///
    /// Panics if one of them is 0.
    #[track_caller]
    pub fn new(fast: usize, slow: usize, signal: usize) -> Self {
        Self { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal) }
    }

    /// Takes the next value, and returns all three from the bar on that has all of them: the longer of `fast` and `slow`,
    /// and `signal - 1` more.
    #[inline]
    pub fn next(&mut self, value: f64) -> Option<MacdValue> {
        let averages = self.fast.next(value).zip(self.slow.next(value));
        // Where there is no line, the signal starts over.
        let line = averages.map_or(f64::NAN, |(fast, slow)| fast - slow);
        self.signal.next(line).map(|signal| MacdValue { line, signal, histogram: line - signal })
    }
}

/// What a [`Macd`] answers to each value, as columns.
#[derive(Debug, Clone, PartialEq)]
pub struct MacdValues {
    /// The fast average less the slow one.
    pub line: Vec<f64>,
    /// The average of the line.
    pub signal: Vec<f64>,
    /// The line less the signal.
    pub histogram: Vec<f64>,
}

/// The [MACD](Macd) of averages of `fast`, `slow` and `signal` values, for each of `values`.
///
/// # Panics
///
/// Panics if one of the lengths is 0.
#[track_caller]
pub fn macd(values: &[f64], fast: usize, slow: usize, signal: usize) -> MacdValues {
    let mut macd = Macd::new(fast, slow, signal);
    let none = MacdValue { line: f64::NAN, signal: f64::NAN, histogram: f64::NAN };
    let found = values.iter().map(|&value| macd.next(value).unwrap_or(none));
    let (line, signal, histogram) = found.map(|at| (at.line, at.signal, at.histogram)).collect();
    MacdValues { line, signal, histogram }
}
