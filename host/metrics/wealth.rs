//! The relative wealth curve: what a unit of the strategy is worth in units of the benchmark, and its deepest drawdown.
//!
//! Never keeps the curve.

use super::{
    lanes::{Lanes, Work, above, below},
    sums::change,
};

/// Points that a search for new highs looks at together.
const GROUP: usize = 16;

/// Points that are computed together.
const PIECE: usize = 64;

/// Relative wealth in the making; it starts at 1, the first peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wealth {
    pub(super) now: f64,
    peak: f64,
    /// The lowest since the peak.
    low: f64,
    deepest: f64,
}

impl Default for Wealth {
    fn default() -> Self {
        Self { now: 1.0, peak: 1.0, low: 1.0, deepest: 0.0 }
    }
}

impl Wealth {
    /// The deepest drawdown, as a share: zero or negative. `None` where the curve has left the numbers.
    pub(super) fn deepest(&self) -> Option<f64> {
        Some(self.with_low()).filter(|_| self.now.is_finite() && self.peak.is_finite())
    }

    #[inline(always)]
    fn with_low(&self) -> f64 {
        if self.low < self.peak { below(self.low / self.peak - 1.0, self.deepest) } else { self.deepest }
    }

    #[inline(always)]
    fn see(&mut self, wealth: f64) {
        if wealth > self.peak {
            self.deepest = self.with_low();
            (self.peak, self.low) = (wealth, wealth);
        }
        self.low = below(wealth, self.low);
    }

    /// Sees points of the curve, group by group: only one with a new high is looked into.
    #[inline(always)]
    pub(super) fn see_all<L: Lanes>(&mut self, curve: &[f64]) {
        let (groups, rest) = curve.as_chunks::<GROUP>();
        for group in groups {
            let (sets, _) = group.as_chunks();
            let first = L::load(&sets[0]);
            let (mut lows, mut highs) = (first, first);
            for set in &sets[1..] {
                let set = L::load(set);
                (lows, highs) = (set.below(lows), set.above(highs));
            }
            let ([a, b, c, d], [e, f, g, h]) = (lows.store(), highs.store());
            if above(above(e, f), above(g, h)) > self.peak {
                group.iter().for_each(|&wealth| self.see(wealth));
            } else {
                self.low = below(below(below(a, b), below(c, d)), self.low);
            }
        }
        rest.iter().for_each(|&wealth| self.see(wealth));
    }
}

/// Returns and relative wealth by equity: `returns` gets the returns, and `inverse` has what the benchmark's wealth, which begins
/// at 1, is divided by.
pub(super) struct ByEquity<'a> {
    pub(super) wealth: &'a mut Wealth,
    /// Equity before the first period, above 0, by which all of it is scaled.
    pub(super) initial: f64,
    pub(super) equity: &'a [f64],
    pub(super) inverse: &'a [f64],
    pub(super) returns: &'a mut [f64],
}

impl Work for ByEquity<'_> {
    type Found = ();

    #[inline(always)]
    fn on<L: Lanes>(self) {
        let Self { wealth, initial, equity, inverse, returns } = self;
        let Some(first) = equity.first() else { return };
        let (zero, scale) = (L::each(0.0), 1.0 / initial);
        let scales = L::each(scale);
        returns[0] = change(initial, *first);
        let ((old, old_rest), (new, new_rest)) = (equity[..equity.len() - 1].as_chunks(), equity[1..].as_chunks());
        let (sets, rest) = returns[1..equity.len()].as_chunks_mut();
        for ((old, new), set) in old.iter().zip(new).zip(sets) {
            let (old, new) = (L::load(old), L::load(new));
            *set = ((new - old) / old).where_above(old, zero).store();
        }
        for ((old, new), one) in old_rest.iter().zip(new_rest).zip(rest) {
            *one = change(*old, *new);
        }
        let mut curve = [0.0; PIECE];
        for (equity, inverse) in equity.chunks(PIECE).zip(inverse.chunks(PIECE)) {
            let ((sets, rest), (inverses, inverse_rest)) = (equity.as_chunks(), inverse.as_chunks());
            let (spaces, space) = curve[..equity.len()].as_chunks_mut();
            for ((equity, inverse), space) in sets.iter().zip(inverses).zip(spaces) {
                *space = (L::load(equity) * scales * L::load(inverse)).store();
            }
            for ((equity, inverse), space) in rest.iter().zip(inverse_rest).zip(space) {
                *space = equity * scale * inverse;
            }
            wealth.see_all::<L>(&curve[..equity.len()]);
            wealth.now = curve[equity.len() - 1];
        }
    }
}
