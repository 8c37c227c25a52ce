//! The average directional index (ADX).

use super::{average::Smooth, check_lengths, range::range_from};

/// The average directional index of Wilder (*New Concepts in Technical Trading Systems*, 1978), and the two directional
/// indices that it is made of. All three are from 0 to 100.
///
/// A bar moves up by as much as its high is above the one before, and down by as much as its low is below; only the larger
/// of both counts, if it is above 0. `plus_di` and `minus_di` are these movements in percent of the
/// [true range](super::TrueRange), each smoothed over `n` bars. Their distance in percent of their sum, smoothed again, is
/// the `adx`: it says how strong a trend is, and not to which side it goes.
///
/// Each average begins with the simple one of its first `n` values, as those of [`Atr`](super::Atr) and of TradingView do.
/// TA-Lib begins with `n - 1` of them; both agree behind some hundred bars. Where nothing moves, an index is 0.
///
/// ```
/// use backtest_sdk::indicators::adx;
///
/// let low: Vec<f64> = (0..40).map(f64::from).collect();
/// let high: Vec<f64> = low.iter().map(|low| low + 1.0).collect();
/// let found = adx(&high, &low, &high, 14);
/// assert!(found.adx[26].is_nan());
/// // All of the movement is up, and all of the range is movement.
/// assert_eq!((found.adx[27], found.plus_di[27], found.minus_di[27]), (100.0, 100.0, 0.0));
/// ```
#[derive(Debug, Clone)]
pub struct Adx {
    /// High, low and close of the bar before.
    last: Option<(f64, f64, f64)>,
    range: Smooth,
    plus: Smooth,
    minus: Smooth,
    average: Smooth,
}

/// What an [`Adx`] answers: numbers from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdxValue {
    /// How strong a trend is.
    pub adx: f64,
    /// How much of the range is movement up.
    pub plus_di: f64,
    /// How much of the range is movement down.
    pub minus_di: f64,
}

impl Adx {
    /// An index of `n` bars. Usual are 14.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        let smooth = Smooth::wilder(n);
        Self { last: None, range: smooth.clone(), plus: smooth.clone(), minus: smooth.clone(), average: smooth }
    }

    /// Takes the next bar, and returns all three, numbers from 0 to 100, from bar `2 n` on.
    #[inline]
    pub fn next(&mut self, high: f64, low: f64, close: f64) -> Option<AdxValue> {
        if !(high.is_finite() && low.is_finite() && close.is_finite()) {
            self.clear();
            return None;
        }
        let (last_high, last_low, last_close) = self.last.replace((high, low, close))?;
        let (up, down) = (high - last_high, last_low - low);
        let range = self.range.next(range_from(last_close, high, low));
        let plus = self.plus.next(if up > down && up > 0.0 { up } else { 0.0 });
        let minus = self.minus.next(if down > up && down > 0.0 { down } else { 0.0 });
        let (range, (plus, minus)) = range.zip(plus.zip(minus))?;
        let (plus_di, minus_di) = (percent(plus, range), percent(minus, range));
        let adx = self.average.next(percent((plus_di - minus_di).abs(), plus_di + minus_di))?;
        Some(AdxValue { adx, plus_di, minus_di })
    }

    #[cold]
    fn clear(&mut self) {
        self.last = None;
        for average in [&mut self.range, &mut self.plus, &mut self.minus, &mut self.average] {
            average.clear();
        }
    }
}

/// A `part` in percent of the `whole`; 0 where there is no whole.
fn percent(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { 100.0 * part / whole }
}

/// What an [`Adx`] answers to each bar, as columns of numbers from 0 to 100.
#[derive(Debug, Clone, PartialEq)]
pub struct AdxValues {
    /// How strong a trend is.
    pub adx: Vec<f64>,
    /// How much of the range is movement up.
    pub plus_di: Vec<f64>,
    /// How much of the range is movement down.
    pub minus_di: Vec<f64>,
}

/// The [average directional index](Adx) of `n` bars, for each bar.
///
/// # Panics
///
/// Panics if `n` is 0 or the columns are not equally long.
#[track_caller]
pub fn adx(high: &[f64], low: &[f64], close: &[f64], n: usize) -> AdxValues {
    check_lengths(&[high, low, close]);
    let mut adx = Adx::new(n);
    let none = AdxValue { adx: f64::NAN, plus_di: f64::NAN, minus_di: f64::NAN };
    let bars = high.iter().zip(low).zip(close);
    let found = bars.map(|((&high, &low), &close)| adx.next(high, low, close).unwrap_or(none));
    let (adx, plus_di, minus_di) = found.map(|at| (at.adx, at.plus_di, at.minus_di)).collect();
    AdxValues { adx, plus_di, minus_di }
}
