//! Returns per bar and what their distribution says.

use super::{
    Frame, Metrics, Scratch, Selection,
    group::Group,
    lanes::fastest,
    odds,
    pass::{Pass, PassSums},
    sums,
};
use crate::broker::Ledger;

/// The largest deviation that rounding alone explains.
pub(super) const NOISE: f64 = 1e-14;

/// The largest share that the mean may have in the sum of squares for the deviation to follow from that sum: with more,
/// the difference would lose bits.
const MOSTLY_MEAN: f64 = 0.5;

/// The first two moments of the returns of one run.
#[derive(Debug, Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    /// The mean of the squared distances from the mean.
    second: f64,
    /// The mean of the squares of what falls short of the risk-free rate.
    shortfall: f64,
}

impl Moments {
    fn of(ledger: &Ledger, found: &PassSums, scratch: &mut Scratch) -> Self {
        let count = ledger.curve().len() as f64;
        let mean = found.total / count;
        let from_mean = found.total * mean;
        let squares = if from_mean <= MOSTLY_MEAN * found.squares {
            found.squares - from_mean
        } else {
            let returns = Returns::of(ledger, scratch);
            let [squares] = returns.sums(|r| [(r - mean) * (r - mean)]);
            squares
        };
        Self { count, mean, second: squares / count, shortfall: found.shortfall / count }
    }

    /// The standard deviation, where there are enough returns for one.
    fn deviation(&self) -> Option<f64> {
        let deviation = (self.second * self.count / (self.count - 1.0)).sqrt();
        (self.count >= 2.0).then_some(deviation)
    }
}

/// The returns of one run, most of the zeros only counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Returns<'a> {
    /// All that are not zero, and some that are, in the order of time.
    pub(super) moved: &'a [f64],
    /// How many zeros there are beside them.
    pub(super) still: usize,
}

impl<'a> Returns<'a> {
    /// Lists the returns, unless the run's are listed already; of each stretch without a position only the first.
    pub(super) fn of(ledger: &Ledger, scratch: &'a mut Scratch) -> Self {
        let Scratch { returns: moved, is_listed, .. } = scratch;
        if !std::mem::replace(is_listed, true) {
            moved.clear();
            moved.reserve(ledger.curve().len());
            let mut before = ledger.initial_cash;
            for span in ledger.curve().spans() {
                moved.push(sums::change(before, span.first()));
                let pairs = span.prices.iter().zip(span.prices.iter().skip(1));
                moved.extend(pairs.map(|(&old, &new)| span.growth(old, new)));
                before = span.last();
            }
        }
        Self { still: ledger.curve().len() - moved.len(), moved }
    }

    /// The sums of several terms over all returns.
    fn sums<const N: usize>(&self, terms: impl Fn(f64) -> [f64; N]) -> [f64; N] {
        let (mut sums, zero) = (sums::sums(self.moved, &terms), terms(0.0));
        for (sum, zero) in sums.iter_mut().zip(zero) {
            *sum += self.still as f64 * zero;
        }
        sums
    }
}

impl Metrics {
    /// What one pass over the curve gives: the first two moments, and the deepest drawdown. Comes after the books.
    pub(super) fn pass(&mut self, ledger: &Ledger, frame: &Frame, selection: Selection, scratch: &mut Scratch) {
        let found = fastest(Pass { ledger, rate: frame.rate() });
        if ledger.curve().is_empty() {
            return;
        }
        self.max_drawdown = Some(found.depth);
        self.calmar = self.cagr.and_then(|cagr| odds(cagr, -found.depth));
        self.recovery_factor = self.total_return.and_then(|gained| odds(gained, -found.depth));
        let moments = Moments::of(ledger, &found, scratch);
        self.risk(&moments, frame);
        if selection.needs(Group::Shape) {
            self.shape(&moments, &Returns::of(ledger, scratch));
        }
    }

    fn risk(&mut self, moments: &Moments, frame: &Frame) {
        let Some(a) = frame.periods_per_year() else { return };
        let above_noise = |deviation: &f64| *deviation > NOISE;
        let deviation = moments.deviation();
        let excess = (moments.mean - frame.risk_free / a) * a.sqrt();
        self.annual_volatility = deviation.map(|deviation| deviation * a.sqrt());
        self.sharpe = deviation.filter(above_noise).map(|deviation| excess / deviation);
        let shortfall = Some(moments.shortfall.sqrt()).filter(|shortfall| *shortfall == 0.0 || above_noise(shortfall));
        self.sortino = shortfall.and_then(|shortfall| odds(excess, shortfall));
    }

    /// How far the returns are from normal ones.
    fn shape(&mut self, moments: &Moments, returns: &Returns<'_>) {
        let Moments { count, mean, second, .. } = *moments;
        if moments.deviation().is_some_and(|deviation| deviation > NOISE) {
            let [cubes, fourths] = returns.sums(|r| {
                let square = (r - mean) * (r - mean);
                [square * (r - mean), square * square]
            });
            self.skew = Some(cubes / count / (second * second.sqrt()));
            self.kurtosis_raw = Some(fourths / count / (second * second));
        }
    }

    /// What the list of returns gives: gains against losses, and tails.
    pub(super) fn distribution(&mut self, ledger: &Ledger, selection: Selection, scratch: &mut Scratch) {
        let mut keys = std::mem::take(&mut scratch.keys);
        let returns = Returns::of(ledger, scratch);
        if selection.needs(Group::Gains) {
            let [gains, losses] = returns.sums(|r| [r.max(0.0), (-r).max(0.0)]);
            self.omega = odds(gains, losses);
        }
        if selection.needs(Group::Tails) {
            self.tails(&returns, &mut keys);
        }
        scratch.keys = keys;
    }
}
