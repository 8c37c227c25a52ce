//! Statistics of other engines, by their formulas and under their names.
//!
//! Never rounds, and leaves out what is undefined there: infinity and NaN are `None`.
//!
//! Shares are in percent where the name says so, money is in quote currency, and durations are in days whatever unit the
//! other engine prints. Trades are the closed ones, unless the name says otherwise.

mod backtesting_py;
mod frequency;
mod vectorbt;

pub use backtesting_py::backtesting_py;
pub use frequency::{Frequency, FrequencyError};
pub use vectorbt::vectorbt;

use super::sums;
use crate::broker::Trade;

/// Nanoseconds.
const DAY: i64 = 86_400_000_000_000;

/// A statistic of another engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistic {
    /// Its name there.
    pub name: &'static str,
    /// Its value, in percent where the name says so, in days where it is a duration; `None` where it is undefined.
    pub value: Option<f64>,
}

/// Statistics, in the order in which the other engine lists them.
#[derive(Debug, Default)]
struct Statistics(Vec<Statistic>);

impl Statistics {
    fn add(&mut self, name: &'static str, value: impl Into<Option<f64>>) {
        let value = value.into().filter(|value| value.is_finite());
        self.0.push(Statistic { name, value });
    }

    fn percent(&mut self, name: &'static str, share: impl Into<Option<f64>>) {
        self.add(name, share.into().map(|share| 100.0 * share));
    }

    /// Adds a duration in nanoseconds, as days.
    fn duration(&mut self, name: &'static str, nanoseconds: Option<f64>) {
        self.add(name, nanoseconds.map(|nanoseconds| nanoseconds / DAY as f64));
    }
}

/// The trades that have ended, in the order of their ends.
fn closed(trades: &[Trade]) -> Vec<&Trade> {
    trades.iter().filter(|trade| !trade.open).collect()
}

/// The profits above zero of `trades`, and those below.
fn won_and_lost(trades: &[&Trade]) -> (Vec<f64>, Vec<f64>) {
    let profits = || trades.iter().map(|trade| trade.pnl);
    (profits().filter(|pnl| *pnl > 0.0).collect(), profits().filter(|pnl| *pnl < 0.0).collect())
}

fn sum(values: &[f64]) -> f64 {
    sums::sum(values, |value| value)
}

/// The mean of some values, of which there may be none.
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values) / values.len() as f64)
}

/// The variance of at least two values, by `n - 1`.
fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    Some(sums::sum(values, |value| (value - mean) * (value - mean)) / (values.len() - 1) as f64)
}

/// The root of the mean square of what is below zero.
fn shortfall(returns: &[f64]) -> f64 {
    (sums::sum(returns, |r| r.min(0.0) * r.min(0.0)) / returns.len() as f64).sqrt()
}

/// Nanoseconds: the middle one of the distances of `times`, or the mean of the middle two.
fn period(times: &[i64]) -> Option<i64> {
    let mut distances: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_unstable();
    let high = distances.get(distances.len() / 2)?;
    let low = distances[(distances.len() - 1) / 2];
    Some(low + (high - low) / 2)
}

#[cfg(test)]
mod tests;
