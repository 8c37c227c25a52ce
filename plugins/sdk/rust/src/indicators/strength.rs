//! The relative strength index.

use super::{average::Smooth, column};

/// The relative strength index of Wilder (*New Concepts in Technical Trading Systems*, 1978): `100 · gain / (gain + loss)`,
/// where `gain` and `loss` are the averages of the rises and of the falls from one value to the next, both above 0.
///
/// The averages begin as simple ones of the first `n` changes, and go on as `(average · (n - 1) + change) / n`. Between 0
/// and 100; 50 where nothing has changed at all, for which TA-Lib answers 0 and Wilder's own formula, `100 - 100 / (1 + gain
/// / loss)`, has no answer.
#[derive(Debug, Clone)]
pub struct Rsi {
    last: Option<f64>,
    gain: Smooth,
    loss: Smooth,
}

impl Rsi {
    /// An index of `n` changes.
    ///
    /// # Panics
    ///
    /// Panics if `n` is 0.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Self { last: None, gain: Smooth::wilder(n), loss: Smooth::wilder(n) }
    }

    /// Takes the next value, and returns the index, a number from 0 to 100, from the `n + 1`th on.
    #[inline]
    pub fn next(&mut self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            self.last = None;
            self.gain.clear();
            self.loss.clear();
            return None;
        }
        let change = value - self.last.replace(value)?;
        let (gain, loss) = (self.gain.next(change.max(0.0)), self.loss.next((-change).max(0.0)));
        gain.zip(loss).map(|(gain, loss)| strength(gain, loss))
    }
}

fn strength(gain: f64, loss: f64) -> f64 {
    let total = gain + loss;
    if total == 0.0 { 50.0 } else { 100.0 * (gain / total) }
}

/// The [relative strength index](Rsi) of `n` changes, for each of `values`.
///
/// # Panics
///
/// Panics if `n` is 0.
#[track_caller]
pub fn rsi(values: &[f64], n: usize) -> Vec<f64> {
    let mut strength = Rsi::new(n);
    column(values, |value| strength.next(value))
}
