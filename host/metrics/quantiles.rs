//! Quantiles of the returns, by selection instead of sorting.

use super::{Metrics, odds, ratio, returns::Returns, sums};

/// About how many returns a bound is guessed from.
const SAMPLES: usize = 256;

impl Metrics {
    /// What the tails of the returns say. `keys` is scratch memory.
    pub(super) fn tails(&mut self, returns: &Returns<'_>, keys: &mut Vec<i64>) {
        let Some([low, high]) = tails(returns, keys) else { return };
        let [total, moved] = sums::sums(returns.moved, |r| if r <= low { [r, 1.0] } else { [0.0, 0.0] });
        let still = if low >= 0.0 { returns.still as f64 } else { 0.0 };
        self.var_95 = Some(low);
        // With interpolation, at least the smallest return lies at or below the quantile.
        self.cvar_95 = ratio(total, moved + still);
        self.tail_ratio = odds(high.abs(), low.abs());
    }
}

/// The 5 % and the 95 % quantile, each interpolated linearly between the ranks on both sides of `(n - 1) x q`, counted
/// from 0 (numpy's default; type 7 of Hyndman and Fan).
fn tails(returns: &Returns<'_>, keys: &mut Vec<i64>) -> Option<[f64; 2]> {
    let last = (returns.moved.len() + returns.still).checked_sub(1)?;
    let between = |below: f64, above: f64, rank: f64| below + (above - below) * (rank - rank.floor());
    let [low, high] = [0.05, 0.95].map(|q| last as f64 * q);
    let (below, above) = neighbours(returns, low as usize, |r| r, keys);
    let low = between(below, above, low);
    // In the mirror the high tail is the low one.
    let (above, below) = neighbours(returns, last - (high as usize + 1).min(last), |r| -r, keys);
    Some([low, between(-below, -above, high)])
}

/// The values at `rank` and at the next one, where `side` turns returns toward the tail that is looked at.
///
/// They are mostly found among few: those below a bound that some of the returns suggest, or else the losses.
fn neighbours(returns: &Returns<'_>, rank: usize, side: impl Fn(f64) -> f64 + Copy, keys: &mut Vec<i64>) -> (f64, f64) {
    let all = || returns.moved.iter().map(|&r| side(r));
    if let Some(bound) = bound(returns, rank, side, keys) {
        keep(all(), bound, keys);
        if rank + 1 < keys.len() {
            return selected(keys, rank);
        }
    }
    keep(all(), 0.0, keys);
    let losses = keys.len();
    let zeros = returns.still + all().filter(|r| *r == 0.0).count();
    if rank + 1 < losses {
        return selected(keys, rank);
    }
    if rank + 1 < losses + zeros {
        let least_loss = keys.iter().max().filter(|_| rank < losses);
        return (least_loss.map_or(0.0, |&key| value(key)), 0.0);
    }
    keys.clear();
    keys.extend(all().map(as_key));
    keys.resize(keys.len() + returns.still, as_key(0.0));
    selected(keys, rank)
}

/// A loss that more than `rank` returns are likely to lie below: where as many of some returns, picked at equal
/// distances, do, and three standard deviations of their number more.
fn bound(returns: &Returns<'_>, rank: usize, side: impl Fn(f64) -> f64 + Copy, keys: &mut Vec<i64>) -> Option<f64> {
    let step = returns.moved.len() / SAMPLES;
    if step < 4 {
        return None;
    }
    keys.clear();
    keys.extend(returns.moved.iter().step_by(step).map(|&r| as_key(side(r))));
    let share = rank as f64 / returns.moved.len() as f64;
    let expected = share * keys.len() as f64;
    let likely = (expected + 3.0 * expected.sqrt()) as usize + 2;
    (likely < keys.len()).then(|| value(*keys.select_nth_unstable(likely).1)).filter(|bound| *bound < 0.0)
}

/// Leaves the keys of those of `values` in `keys` that lie below `bound`. Without a branch: none is foreseeable.
fn keep(values: impl ExactSizeIterator<Item = f64>, bound: f64, keys: &mut Vec<i64>) {
    let mut kept = 0;
    keys.resize(values.len() + 1, 0);
    for value in values {
        keys[kept] = as_key(value);
        kept += usize::from(value < bound);
    }
    keys.truncate(kept);
}

/// The values of `rank` and of the next one; the last counts as its own next. Leaves `keys` in another order.
fn selected(keys: &mut [i64], rank: usize) -> (f64, f64) {
    let next = (rank + 1).min(keys.len() - 1);
    let (before, &mut above, _) = keys.select_nth_unstable(next);
    let below = before.iter().max().map_or(above, |&below| below);
    (value(below), value(above))
}

fn as_key(number: f64) -> i64 {
    key(number.to_bits() as i64)
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
        let all = Returns { moved: returns, still: 0 };
        assert_eq!(tails(&all, &mut Vec::new()), Some([low, high]));
        let moved: Vec<_> = returns.iter().copied().filter(|r| *r != 0.0).collect();
        let counted = Returns { moved: &moved, still: returns.len() - moved.len() };
        assert_eq!(tails(&counted, &mut Vec::new()), Some([low, high]));
    }

    #[test]
    fn quantiles_lie_between_the_ranks() {
        check(&[3.0], 3.0, 3.0);
        check(&[1.0, -1.0], -0.9, 0.8999999999999999);
        let hundred: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        check(&hundred, 5.0, 95.0);
        check(&[0.0; 50], 0.0, 0.0);
        assert_eq!(tails(&Returns { moved: &[], still: 0 }, &mut Vec::new()), None);
    }

    #[test]
    fn a_tail_may_end_at_the_zeros() {
        // Of 21 the second from each end counts: with one loss it is a zero, with two the lesser loss.
        let mut returns = [0.0; 21];
        (returns[3], returns[4]) = (-2.0, 1.0);
        check(&returns, 0.0, 0.0);
        (returns[5], returns[6]) = (-1.0, 3.0);
        check(&returns, -1.0, 1.0);
        // The ranks on both sides are those of the lesser loss and of a zero.
        check(&[&returns[..], &[0.0; 10]].concat(), -0.5, 0.5);
    }

    #[test]
    fn integers_rank_as_their_numbers_do() {
        let numbers = [f64::MIN, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, f64::MAX];
        let keys = numbers.map(|n| key(n.to_bits() as i64));
        assert!(keys.is_sorted());
        assert_eq!(keys.map(value), numbers);
    }
}
