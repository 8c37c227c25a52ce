//! Sums of returns over windows of time, and the performance that follows from them.
//!
//! Windows are cut into segments, which are summed once for each cell; a window's sums are those of its segments, added in order
//! of time. Nothing is subtracted, so that a window of small returns loses no digits to a window of large ones.

use std::ops::Range;

/// The least share that the squared deviations of returns have of their squares, where they count as varying: a standard
/// deviation of a millionth of the returns. Rounding alone stays below it.
const VARIES: f64 = 1e-12;

/// Returns that are summed side by side.
const LANES: usize = 8;

/// Sums of the returns of a cell in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    /// Periods of the window: a whole number.
    pub(super) periods: f64,
    /// The sum of the returns.
    pub(super) sum: f64,
    /// The sum of their squares.
    pub(super) squares: f64,
}

impl Sums {
    /// The sums of some returns, in a fixed order.
    pub(super) fn of(values: &[f32]) -> Self {
        let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(chunk) {
                let value = f64::from(*value);
                *sum += value;
                *square += value * value;
            }
        }
        let mut total = Self { periods: values.len() as f64, sum: total(sums), squares: total(squares) };
        for &value in rest {
            let value = f64::from(value);
            total.sum += value;
            total.squares += value * value;
        }
        total
    }

    /// The sums of two windows that have no period in common.
    pub(super) fn and(self, other: Self) -> Self {
        Self { periods: self.periods + other.periods, sum: self.sum + other.sum, squares: self.squares + other.squares }
    }

    /// The mean return per period; 0 without periods.
    pub(super) fn mean(self) -> f64 {
        if self.periods > 0.0 { self.sum / self.periods } else { 0.0 }
    }

    /// Whether the returns vary. Those that are not finite do not.
    pub(super) fn vary(self) -> bool {
        varies(self.squares - self.sum * (self.sum / self.periods), self.squares)
    }

    /// The performance in the window, as [`performance`] has it.
    pub(super) fn performance(self) -> f64 {
        performance(self.periods, self.sum, self.squares)
    }
}

/// The sum of all lanes.
pub(super) fn total(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// Whether returns vary, by the sum of their squared deviations from the mean and the sum of their squares.
#[inline(always)]
pub(super) fn varies(deviations: f64, squares: f64) -> bool {
    deviations > VARIES * squares
}

/// The Sharpe ratio per period of returns with these sums: mean over sample standard deviation (n - 1).
///
/// It is 0 where the returns do not vary: without a position, nothing is earned and nothing risked.
#[inline(always)]
pub(super) fn performance(periods: f64, sum: f64, squares: f64) -> f64 {
    let mean = sum / periods;
    let deviations = squares - sum * mean;
    let ratio = mean / (deviations / (periods - 1.0)).sqrt();
    if varies(deviations, squares) { ratio } else { 0.0 }
}

/// The segments into which the edges of windows cut time.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    edges: Vec<usize>,
}

impl Segments {
    /// Segments between `edges` within `periods` periods.
    pub(super) fn between(edges: impl IntoIterator<Item = usize>, periods: usize) -> Self {
        let mut edges: Vec<usize> = edges.into_iter().chain([0, periods]).collect();
        edges.sort_unstable();
        edges.dedup();
        Self { edges }
    }

    /// The segments of a range of periods that begins and ends at an edge; none for an empty range.
    pub(super) fn of(&self, periods: &Range<usize>) -> Range<usize> {
        let at = |edge: usize| self.edges.partition_point(|each| *each < edge);
        at(periods.start)..at(periods.end)
    }

    /// Sums a cell's returns by segments.
    pub(super) fn sum(&self, values: &[f32]) -> Parts {
        let each: Vec<Sums> = self.edges.windows(2).map(|edges| Sums::of(&values[edges[0]..edges[1]])).collect();
        let mut from_start = Vec::with_capacity(each.len() + 1);
        from_start.push(Sums::default());
        let mut total = Sums::default();
        for sums in &each {
            total = total.and(*sums);
            from_start.push(total);
        }
        Parts { each, from_start, total }
    }
}

/// Sums of a cell's returns by segments.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    each: Vec<Sums>,
    /// The sums of the segments before each: what adding them up would give.
    from_start: Vec<Sums>,
    /// The sums of all periods.
    pub(super) total: Sums,
}

impl Parts {
    /// The sums of a window that consists of ranges of segments.
    pub(super) fn over(&self, window: &[Range<usize>]) -> Sums {
        window.iter().fold(Sums::default(), |total, segments| total.and(self.range(segments)))
    }

    fn range(&self, segments: &Range<usize>) -> Sums {
        if segments.start == 0 {
            return self.from_start[segments.end];
        }
        self.each[segments.clone()].iter().fold(Sums::default(), |total, sums| total.and(*sums))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trust::reference::close;

    #[test]
    fn returns_that_do_not_vary_have_a_performance_of_zero() {
        for values in
            [vec![0.0; 9], vec![0.001; 5000], vec![0.3], vec![], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]]
        {
            let sums = Sums::of(&values);
            assert!(!sums.vary(), "{values:?}");
            assert_eq!(sums.performance(), 0.0);
        }
    }

    #[test]
    fn rounding_is_no_variation() {
        for number in 1..1_000_u16 {
            let sums = Sums::of(&vec![f32::from(number) * 1e-4; usize::from(number) + 3]);
            assert!(!sums.vary(), "{number}");
        }
    }

    #[test]
    fn returns_that_hardly_vary_do_vary() {
        let sums = Sums::of(&[0.001, 0.001_01, 0.001]);
        assert!(sums.vary());
        close(sums.performance(), 173.78, 1e-3);
    }

    proptest! {
        #[test]
        fn a_window_has_the_sums_of_its_periods(
            values in proptest::collection::vec(-0.1_f32..0.1, 2..200),
            cuts in proptest::collection::vec(0.0_f64..1.0, 4),
        ) {
            let mut edges: Vec<usize> = cuts.iter().map(|cut| (cut * values.len() as f64) as usize).collect();
            edges.sort_unstable();
            let segments = Segments::between(edges.iter().copied(), values.len());
            let window = [segments.of(&(edges[0]..edges[1])), segments.of(&(edges[2]..edges[3]))];
            let parts = segments.sum(&values);
            let chosen = [&values[edges[0]..edges[1]], &values[edges[2]..edges[3]]].concat();
            let (found, plain) = (parts.over(&window), Sums::of(&chosen));
            prop_assert_eq!(found.periods, chosen.len() as f64);
            prop_assert!((found.sum - plain.sum).abs() < 1e-13);
            prop_assert!((found.squares - plain.squares).abs() <= 1e-13 * plain.squares);
            prop_assert_eq!(parts.total.periods, values.len() as f64);
        }
    }
}
