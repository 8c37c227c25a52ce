//! Returns per bar and what their distribution says.

use super::{
    Frame, Metrics, Scratch, odds,
    pass::{HigherPowers, PassSums, Powers},
    ratio,
    sums::{self, NOISE},
};
use crate::broker::Ledger;

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
    /// Whether the sum of squares is mostly the mean's.
    is_mostly_mean: bool,
}

impl Moments {
    fn of(ledger: &Ledger, found: &PassSums, scratch: &mut Scratch) -> Self {
        let count = ledger.curve().len() as f64;
        let Powers { first, second, shortfall, .. } = found.powers;
        let mean = first / count;
        let is_mostly_mean = first * mean > MOSTLY_MEAN * second;
        let squares = if is_mostly_mean {
            let [squares] = Returns::of(ledger, scratch).sums(|r| [(r - mean) * (r - mean)]);
            squares
        } else {
            second - first * mean
        };
        Self { count, mean, second: squares / count, shortfall: shortfall / count, is_mostly_mean }
    }

    /// The sums of the cubes and of the fourth powers of the distances from the mean, where the mean is a small part of them.
    fn higher(&self, found: &PassSums) -> [f64; 2] {
        let (Powers { first, second, .. }, HigherPowers { third, fourth }) = (found.powers, found.higher);
        let mean = self.mean;
        let cubes = third - mean * (3.0 * second - 2.0 * mean * first);
        let fourths = fourth - mean * (4.0 * third - mean * (6.0 * second - 3.0 * mean * first));
        [cubes, fourths]
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
        let Scratch { returns: moved, listed, .. } = scratch;
        let count = *listed.get_or_insert_with(|| {
            moved.clear();
            moved.reserve(ledger.curve().len());
            let mut before = ledger.initial_cash;
            for span in ledger.curve().spans() {
                moved.push(sums::change(before, span.first()));
                let pairs = span.prices.iter().zip(span.prices.iter().skip(1));
                moved.extend(pairs.map(|(&old, &new)| span.growth(old, new)));
                before = span.last();
            }
            moved.len()
        });
        Self { moved: &moved[..count], still: ledger.curve().len() - count }
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
    /// What the sums over the curve give: moments, and the deepest drawdown. Comes after the books.
    pub(super) fn sums(&mut self, ledger: &Ledger, found: &PassSums, frame: &Frame, scratch: &mut Scratch) {
        self.max_drawdown = Some(found.depth);
        self.calmar = self.cagr.and_then(|cagr| odds(cagr, -found.depth));
        self.recovery_factor = self.total_return.and_then(|gained| odds(gained, -found.depth));
        self.turnover = frame
            .years()
            .and_then(|years| ratio(ledger.traded_value / years, found.equity / ledger.curve().len() as f64));
        let moments = Moments::of(ledger, found, scratch);
        self.risk(&moments, frame);
        self.shape(&moments, ledger, found, scratch);
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
    fn shape(&mut self, moments: &Moments, ledger: &Ledger, found: &PassSums, scratch: &mut Scratch) {
        let Moments { count, mean, second, .. } = *moments;
        if moments.deviation().is_some_and(|deviation| deviation > NOISE) {
            let [cubes, fourths] = if moments.is_mostly_mean {
                Returns::of(ledger, scratch).sums(|r| {
                    let square = (r - mean) * (r - mean);
                    [square * (r - mean), square * square]
                })
            } else {
                moments.higher(found)
            };
            // Two returns lie evenly around their mean, whatever rounding makes of it.
            let skew = if count > 2.0 { cubes / count / (second * second.sqrt()) } else { 0.0 };
            self.skew = Some(skew);
            self.kurtosis_raw = Some(fourths / count / (second * second));
        }
    }
}
