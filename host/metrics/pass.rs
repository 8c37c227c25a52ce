//! The pass over an equity curve: the sums and the depth that most metrics rest on.
//!
//! A stretch without a position costs nothing per bar: its returns are zeros, and its equity is one number.

use super::{
    lanes::{Extremes, Sums, Walk, above, below},
    sums::{change, extremes},
};
use crate::broker::{Ledger, Span};

/// Bars that a search for new highs looks at together.
const BLOCK: usize = 16;

/// What a pass finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PassSums {
    /// The sum of the returns.
    pub(super) total: f64,
    /// The sum of their squares.
    pub(super) squares: f64,
    /// The sum of the squares of what falls short of the rate.
    pub(super) shortfall: f64,
    /// The deepest drawdown, as a share: zero or negative.
    pub(super) depth: f64,
}

/// The pass over the curve of `ledger`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) ledger: &'a Ledger,
    /// The risk-free rate per bar.
    pub(super) rate: f64,
}

impl Walk for Pass<'_> {
    type Found = PassSums;

    #[inline(always)]
    fn walk(self, mut add: impl FnMut(&mut Sums, &Span<'_>, f64) -> Extremes) -> PassSums {
        let Self { ledger, rate } = self;
        let (mut sums, mut depth) = (Sums::default(), Depth::from(ledger.initial_cash));
        let (mut before, mut still) = (ledger.initial_cash, 0);
        for span in ledger.curve().spans() {
            sums.add_one(change(before, span.first()), rate);
            if span.prices.is_empty() {
                still += span.end - span.start - 1;
                depth.see(span.cash);
            } else {
                let extremes = add(&mut sums, &span, rate);
                depth.see_span(&span, extremes);
            }
            before = span.last();
        }
        let short = below(0.0 - rate, 0.0);
        let [total, squares, shortfall] = sums.totals();
        PassSums { total, squares, shortfall: shortfall + still as f64 * (short * short), depth: depth.deepest() }
    }
}

/// The deepest drawdown in the making. It is divided only where a fall ends.
#[derive(Debug, Clone, Copy)]
struct Depth {
    peak: f64,
    /// The lowest since the peak.
    low: f64,
    deepest: f64,
}

impl Depth {
    fn from(peak: f64) -> Self {
        Self { peak, low: peak, deepest: 0.0 }
    }

    #[inline(always)]
    fn see(&mut self, equity: f64) {
        if equity > self.peak {
            self.deepest = self.deepest();
            (self.peak, self.low) = (equity, equity);
        }
        self.low = below(equity, self.low);
    }

    /// Sees all of a span, whose extreme prices are those of `whole`. Equity moves with the price or against it, in every rounding, so
    /// that extremes of one are extremes of the other, and only a span with a new high has to be looked into.
    #[inline(always)]
    fn see_span(&mut self, span: &Span<'_>, whole: Extremes) {
        if self.is_below(span, whole) {
            return;
        }
        for block in span.prices.chunks(BLOCK) {
            if !extremes(block).is_some_and(|extremes| self.is_below(span, extremes)) {
                block.iter().for_each(|&price| self.see(span.equity(price)));
            }
        }
    }

    /// Sees prices between these extremes, if none is a new high; says whether.
    #[inline(always)]
    fn is_below(&mut self, span: &Span<'_>, (low, high): Extremes) -> bool {
        let (one, other) = (span.equity(low), span.equity(high));
        let is_below = above(one, other) <= self.peak;
        if is_below {
            self.low = below(below(one, other), self.low);
        }
        is_below
    }

    #[inline(always)]
    fn deepest(&self) -> f64 {
        if self.low < self.peak { below(self.low / self.peak - 1.0, self.deepest) } else { self.deepest }
    }
}
