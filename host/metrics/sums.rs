//! Sums in a fixed order, so that every machine gets the same bits.

use super::lanes::{above, below};

/// Terms that are summed side by side; the compiler may use vector registers, but the order of additions stays.
const LANES: usize = 4;

/// Bars that a search for new highs looks at together.
pub(super) const BLOCK: usize = 16;

/// The largest deviation that rounding alone explains.
pub(super) const NOISE: f64 = 1e-14;

/// The least and the greatest of some prices.
pub(super) type Extremes = (f64, f64);

/// Returns the sum of `term` over `values`.
pub(super) fn sum(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let [total] = sums(values, |value| [term(value)]);
    total
}

/// Returns the sums of several terms over `values` in one pass.
pub(super) fn sums<const N: usize>(values: &[f64], terms: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let mut lanes = [[0.0; LANES]; N];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        let terms = chunk.map(&terms);
        for (n, lanes) in lanes.iter_mut().enumerate() {
            for (lane, terms) in lanes.iter_mut().zip(&terms) {
                *lane += terms[n];
            }
        }
    }
    for &value in rest {
        let terms = terms(value);
        for n in 0..N {
            lanes[n][0] += terms[n];
        }
    }
    lanes.map(|lanes| lanes.iter().fold(0.0, |sum, lane| sum + lane))
}

/// The return from one equity to the next; 0 where nothing was left before.
#[inline]
pub(super) fn change(before: f64, after: f64) -> f64 {
    if before > 0.0 { (after - before) / before } else { 0.0 }
}

/// Returns the least and the greatest of `values`, none of which is NaN; `None` where there is none.
#[inline(always)]
pub(super) fn extremes(values: &[f64]) -> Option<Extremes> {
    let first = *values.first()?;
    let (mut lows, mut highs) = ([first; LANES], [first; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        lows = std::array::from_fn(|lane| below(chunk[lane], lows[lane]));
        highs = std::array::from_fn(|lane| above(chunk[lane], highs[lane]));
    }
    let low = rest.iter().copied().chain(lows).fold(first, below);
    let high = rest.iter().copied().chain(highs).fold(first, above);
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_counts_once() {
        for n in 0..40 {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            let expected = f64::from(n * (n - 1) / 2);
            assert_eq!(sums(&values, |v| [v, 1.0]), [expected, f64::from(n)]);
            assert_eq!(extremes(&values), (n > 0).then(|| (0.0, f64::from(n - 1))));
        }
    }
}
