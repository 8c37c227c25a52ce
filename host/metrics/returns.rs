//! Returns per bar and what their distribution says.

use super::{Frame, Metrics, Scratch, calendar::Calendar, ratio, sums};
use crate::broker::Ledger;

/// The largest deviation that rounding alone explains.
pub(super) const NOISE: f64 = 1e-14;

/// Sums over the returns of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    count: f64,
    mean: f64,
    /// The second to fourth central moment, each divided by the count.
    moments: [f64; 3],
    gains: f64,
    losses: f64,
    /// The mean of the squares of what falls short of the risk-free rate.
    shortfall: f64,
}

impl Sample {
    /// Computes the returns into the scratch memory, and their sums in two passes.
    pub(super) fn take(ledger: &Ledger, frame: &Frame, scratch: &mut Scratch) -> Self {
        compute(ledger, &mut scratch.returns);
        let returns = &scratch.returns;
        let count = returns.len() as f64;
        let rate = frame.periods_per_year().map_or(0.0, |a| frame.risk_free / a);
        let [total, gains, losses, shortfall] = sums::sums(returns, |r| {
            let short = (r - rate).min(0.0);
            [r, r.max(0.0), (-r).max(0.0), short * short]
        });
        let mean = total / count;
        let moments = sums::sums(returns, |r| {
            let square = (r - mean) * (r - mean);
            [square, square * (r - mean), square * square]
        });
        Self { count, mean, moments: moments.map(|sum| sum / count), gains, losses, shortfall: shortfall / count }
    }

    fn deviation(&self) -> Option<f64> {
        let deviation = (self.moments[0] * self.count / (self.count - 1.0)).sqrt();
        (self.count >= 2.0).then_some(deviation)
    }
}

fn compute(ledger: &Ledger, returns: &mut Vec<f64>) {
    let change = |before: f64, after: f64| if before > 0.0 { after / before - 1.0 } else { 0.0 };
    returns.clear();
    let Some(&first) = ledger.equity.first() else { return };
    returns.push(change(ledger.initial_cash, first));
    returns.extend(ledger.equity.iter().zip(&ledger.equity[1..]).map(|(&before, &after)| change(before, after)));
}

impl Metrics {
    /// Everything that the moments of the returns give.
    pub(super) fn risk(&mut self, sample: &Sample, frame: &Frame) {
        let above_noise = |deviation: &f64| *deviation > NOISE;
        let deviation = sample.deviation();
        if let Some(a) = frame.periods_per_year() {
            let excess = (sample.mean - frame.risk_free / a) * a.sqrt();
            self.annual_volatility = deviation.map(|deviation| deviation * a.sqrt());
            self.sharpe = deviation.filter(above_noise).map(|deviation| excess / deviation);
            self.sortino = Some(sample.shortfall.sqrt()).filter(above_noise).map(|shortfall| excess / shortfall);
        }
        self.omega = ratio(sample.gains, sample.losses);
        if deviation.is_some_and(|deviation| above_noise(&deviation)) {
            let [second, third, fourth] = sample.moments;
            self.skew = Some(third / (second * second.sqrt()));
            self.kurtosis_raw = Some(fourth / (second * second));
        }
    }

    /// The best and worst days, months and years, and how many of them won.
    pub(super) fn calendar(&mut self, ledger: &Ledger, frame: &Frame, returns: &[f64]) {
        let Calendar { days, months, years } = &frame.calendar;
        let days = match days {
            None => Spread::of(returns),
            Some(ends) => Spread::of(&grouped(ledger, ends)),
        };
        (self.worst_day, self.best_day, self.win_days) = days.split();
        (self.worst_month, self.best_month, self.win_months) = Spread::of(&grouped(ledger, months)).split();
        (self.worst_year, self.best_year, self.win_years) = Spread::of(&grouped(ledger, years)).split();
    }
}

/// The worst and the best of some returns, and the share of winners.
struct Spread {
    extremes: Option<(f64, f64)>,
    wins: Option<f64>,
}

impl Spread {
    fn of(returns: &[f64]) -> Self {
        let indicator = |is: bool| if is { 1.0 } else { 0.0 };
        let [won, lost] = sums::sums(returns, |r| [indicator(r > 0.0), indicator(r < 0.0)]);
        Self { extremes: sums::extremes(returns), wins: ratio(won, won + lost) }
    }

    fn split(self) -> (Option<f64>, Option<f64>, Option<f64>) {
        (self.extremes.map(|(worst, _)| worst), self.extremes.map(|(_, best)| best), self.wins)
    }
}

/// The return of each group of bars that ends at `ends`, without those that began with nothing.
fn grouped(ledger: &Ledger, ends: &[usize]) -> Vec<f64> {
    let mut before = ledger.initial_cash;
    let mut change = |&end: &usize| {
        let after = ledger.equity[end - 1];
        let change = (before > 0.0).then(|| after / before - 1.0);
        before = after;
        change
    };
    ends.iter().filter_map(&mut change).collect()
}

/// R^2 of a straight line through the logarithm of equity; undefined without a change or where nothing was left.
pub(super) fn stability(ledger: &Ledger, logs: &mut Vec<f64>) -> Option<f64> {
    let count = ledger.equity.len() as f64;
    if ledger.equity.iter().fold(false, |any, &equity| any | (equity <= 0.0)) {
        return None;
    }
    logarithms(ledger, logs);
    let mean = sums::sum(logs, |y| y) / count;
    let variation = sums::sum(logs, |y| (y - mean) * (y - mean));
    let middle = (count - 1.0) / 2.0;
    for (x, y) in (0u32..).zip(logs.iter_mut()) {
        *y = (f64::from(x) - middle) * (*y - mean);
    }
    let covariation = sums::sum(logs, |product| product);
    let spread = count * (count * count - 1.0) / 12.0;
    ratio(covariation * covariation, spread * variation).filter(|_| (variation / count).sqrt() > NOISE)
}

/// The logarithms of equity over initial cash. Where equity stands still, so does its logarithm, at no cost.
fn logarithms(ledger: &Ledger, logs: &mut Vec<f64>) {
    let (mut equity, mut log) = (ledger.initial_cash, 0.0);
    logs.clear();
    logs.extend(ledger.equity.iter().map(|&next| {
        if next != equity {
            (equity, log) = (next, libm::log(next / ledger.initial_cash));
        }
        log
    }));
}
