//! Quantiles of a sample, linear between its values.
//!
//! Source: Hyndman and Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996), definition 7.

/// Where the quantile at `share` of `count` sorted values lies: the index of the value at or below it, and how far it is on the
/// way to the next one.
pub(crate) fn place(count: usize, share: f64) -> (usize, f64) {
    let at = share.clamp(0.0, 1.0) * count.saturating_sub(1) as f64;
    let low = at as usize;
    (low, at - low as f64)
}

/// The quantile at `share` of sorted values. `None` of none.
pub(crate) fn sorted(values: &[f64], share: f64) -> Option<f64> {
    let (low, way) = place(values.len(), share);
    let value = *values.get(low)?;
    // Nothing is multiplied where the quantile is a value: it may be infinite.
    Some(if way > 0.0 { value + (values[low + 1] - value) * way } else { value })
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn quantiles_lie_between_values() {
        let values = [1.0, 2.0, 4.0];
        let found = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| sorted(&values, share));
        assert_eq!(found, [1.0, 1.5, 2.0, 3.0, 4.0].map(Some));
        assert_eq!((sorted(&[], 0.5), sorted(&[3.0], 0.9)), (None, Some(3.0)));
    }
}
