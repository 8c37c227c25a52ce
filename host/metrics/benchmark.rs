//! A benchmark that all runs over one data set share: its returns by periods, and every sum that it alone decides.
//!
//! Never changes: runs read it from any thread.

use super::{
    lanes::Kind,
    pairs::{self, Alone, BLOCK, Paired, Shift},
    relative::Totals,
    sums::change,
    wealth::{ByEquity, Wealth},
};

/// The returns of a benchmark by periods, prepared for any number of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Benchmark {
    returns: Vec<f64>,
    /// The inverse of its wealth at the end of each period, which begins at 1.
    worth: Vec<f64>,
    growth: f64,
    alone: Alone,
}

/// A return of a benchmark is not a finite number, or lost everything: what came after cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the benchmark's return in period {period} is {value}; give one whose prices stay above 0")]
pub struct BenchmarkReturn {
    /// The period, counted from 0.
    pub period: usize,
    /// The return, as a share.
    pub value: f64,
}

impl Benchmark {
    /// Prepares returns, as shares: one for each period of the [`Frame`](super::Frame) that it is for.
    ///
    /// # Errors
    ///
    /// Returns an error if one of them is not a finite number above -1.
    pub fn new(returns: Vec<f64>) -> Result<Self, BenchmarkReturn> {
        if let Some(period) = returns.iter().position(|b| !(b.is_finite() && *b > -1.0)) {
            return Err(BenchmarkReturn { period, value: returns[period] });
        }
        let mut growth = 1.0;
        let mut worth = |b: &f64| {
            growth *= 1.0 + b;
            1.0 / growth
        };
        let worth = returns.iter().map(&mut worth).collect();
        let mut alone = Alone::default();
        let first = &returns[..returns.len().min(BLOCK)];
        let (shift, b) = (Shift::of(first, first), &returns[..]);
        pairs::add::<true>(Kind::default(), (b, b), shift, &mut alone, &mut Paired::default());
        Ok(Self { returns, worth, growth, alone })
    }

    /// Prepares a curve of equity, which was `initial` before the first period and is `equity` at the end of each.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing is left at the end of a period.
    pub fn of_equity(initial: f64, equity: &[f64]) -> Result<Self, BenchmarkReturn> {
        let before = std::iter::once(&initial).chain(equity);
        Self::new(before.zip(equity).map(|(before, after)| change(*before, *after)).collect())
    }

    /// The return of each period, as a share.
    pub fn returns(&self) -> &[f64] {
        &self.returns
    }

    /// Its wealth at the end of each period, which begins at 1.
    pub fn wealth(&self) -> impl Iterator<Item = f64> {
        self.worth.iter().map(|worth| 1.0 / worth)
    }

    /// What a curve of equity amounts to beside it, which was `initial` before the first period, above 0, and is `equity` at the end
    /// of each. `returns` is memory, kept from one run to the next.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many periods.
    pub(super) fn against(&self, initial: f64, equity: &[f64], returns: &mut Vec<f64>, kind: Kind) -> Totals {
        assert_eq!(equity.len(), self.returns.len(), "each period of the run has a return of the benchmark");
        returns.resize(equity.len(), 0.0);
        let mut wealth = Wealth::default();
        kind.run(ByEquity { wealth: &mut wealth, initial, equity, inverse: &self.worth, returns });
        let (r, b, first) = (&returns[..], &self.returns[..], equity.len().min(BLOCK));
        let shift = Shift::of(&r[..first], &b[..first]);
        let (mut alone, mut paired) = (self.alone, Paired::default());
        pairs::add::<false>(kind, (r, b), shift, &mut alone, &mut paired);
        let known = |value: f64| Some(value).filter(|value| value.is_finite());
        Totals {
            benchmark_growth: known(self.growth),
            relative_growth: known(wealth.now),
            relative_drawdown: wealth.deepest(),
            ..pairs::totals(r.len(), shift, &alone, &paired)
        }
    }
}
