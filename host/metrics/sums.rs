//! Sums in a fixed order, so that every machine gets the same bits.

/// Terms that are summed side by side; the compiler may use vector registers, but the order of additions stays.
const LANES: usize = 4;

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

/// Returns the least and the greatest of `values`, none of which is NaN; `None` where there is none.
pub(super) fn extremes(values: &[f64]) -> Option<(f64, f64)> {
    let first = *values.first()?;
    let (mut low, mut high) = ([first; LANES], [first; LANES]);
    for chunk in values.chunks(LANES) {
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(chunk) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
        }
    }
    Some((low.into_iter().fold(first, f64::min), high.into_iter().fold(first, f64::max)))
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
