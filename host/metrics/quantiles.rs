//! Quantiles of the returns, by selection instead of sorting.

use super::{Metrics, ratio, sums};

impl Metrics {
    /// What the tails of the returns say. `keys` is scratch memory.
    pub(super) fn quantiles(&mut self, returns: &[f64], keys: &mut Vec<i64>) {
        let Some([low, high]) = tails(returns, keys) else { return };
        let [total, count] = sums::sums(returns, |r| if r <= low { [r, 1.0] } else { [0.0, 0.0] });
        self.var_95 = Some(low);
        // With interpolation, at least the smallest return lies at or below the quantile.
        self.cvar_95 = ratio(total, count);
        self.tail_ratio = ratio(high.abs(), low.abs());
    }
}

/// The 5 % and the 95 % quantile, each interpolated linearly between the ranks on both sides of `(n - 1) x q`, counted
/// from 0 (numpy's default; type 7 of Hyndman and Fan).
fn tails(returns: &[f64], keys: &mut Vec<i64>) -> Option<[f64; 2]> {
    let last = returns.len().checked_sub(1)? as f64;
    keys.clear();
    keys.extend(returns.iter().map(|r| key(r.to_bits() as i64)));
    let [low, high] = [0.05, 0.95].map(|q| last * q);
    // The side that is searched for the neighbour is the tail: the other is nineteen times as long.
    Some([above_rank(keys, low), below_rank(keys, high)])
}

/// The value at a fractional rank near the start. Leaves `keys` in another order.
fn above_rank(keys: &mut [i64], rank: f64) -> f64 {
    let next = (rank as usize + 1).min(keys.len() - 1);
    let (tail, &mut above, _) = keys.select_nth_unstable(next);
    let below = tail.iter().max().map_or(above, |&below| below);
    between(below, above, rank)
}

/// The value at a fractional rank near the end. Leaves `keys` in another order.
fn below_rank(keys: &mut [i64], rank: f64) -> f64 {
    let (_, &mut below, tail) = keys.select_nth_unstable(rank as usize);
    let above = tail.iter().min().map_or(below, |&above| above);
    between(below, above, rank)
}

fn between(below: i64, above: i64, rank: f64) -> f64 {
    let (below, above) = (value(below), value(above));
    below + (above - below) * (rank - rank.floor())
}

/// Maps the bits of a number to an integer of the same rank, and such an integer back: the order of
/// [`f64::total_cmp`], which integers compare faster.
fn key(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn value(rank: i64) -> f64 {
    f64::from_bits(key(rank) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(returns: &[f64], low: f64, high: f64) {
        assert_eq!(tails(returns, &mut Vec::new()), Some([low, high]));
    }

    #[test]
    fn quantiles_lie_between_the_ranks() {
        check(&[3.0], 3.0, 3.0);
        check(&[1.0, -1.0], -0.9, 0.8999999999999999);
        let hundred: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        check(&hundred, 5.0, 95.0);
        check(&[0.0; 50], 0.0, 0.0);
        assert_eq!(tails(&[], &mut Vec::new()), None);
    }

    #[test]
    fn integers_rank_as_their_numbers_do() {
        let numbers = [f64::MIN, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, f64::MAX];
        let keys = numbers.map(|n| key(n.to_bits() as i64));
        assert!(keys.is_sorted());
        assert_eq!(keys.map(value), numbers);
    }
}
