//! Where one line crosses another.

use super::check_lengths;

/// To which side a line has crossed another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// It was below, and is above now.
    Above,
    /// It was above, and is below now.
    Below,
}

/// Watches for a line to cross another: two averages, or a price and a level.
///
/// A line is on a side while it is above or below, and crosses when it has changed sides. Where both are equal it is on
/// neither, so that a touch and a return is no crossing, and a line that passes through crosses on the bar on which it comes
/// out. The first side is none that it has crossed to.
///
/// ```
/// use backtest_sdk::indicators::{Cross, Crossing};
///
/// let mut cross = Cross::new();
/// let crossings = [9.0, 10.0, 9.0, 10.0, 11.0, 10.0].map(|value| cross.next(value, 10.0));
/// assert_eq!(crossings, [None, None, None, None, Some(Crossing::Above), None]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cross {
    side: Option<Crossing>,
}

impl Cross {
    /// A watch that has seen no bar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next value of the `line` and of the `other`, and returns the crossing if there is one.
    #[inline]
    pub fn next(&mut self, line: f64, other: f64) -> Option<Crossing> {
        if !(line.is_finite() && other.is_finite()) {
            self.side = None;
            return None;
        }
        let side = if line > other {
            Crossing::Above
        } else if line < other {
            Crossing::Below
        } else {
            return None;
        };
        self.side.replace(side).is_some_and(|before| before != side).then_some(side)
    }
}

/// Where `line` [crosses](Cross) `other`, for each bar.
///
/// # Panics
///
/// Panics if the columns are not equally long.
#[track_caller]
pub fn crossings(line: &[f64], other: &[f64]) -> Vec<Option<Crossing>> {
    check_lengths(&[line, other]);
    let mut cross = Cross::new();
    line.iter().zip(other).map(|(&line, &other)| cross.next(line, other)).collect()
}
