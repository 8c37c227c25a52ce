//! How straight equity grows, on a logarithmic scale.

use super::{Metrics, Scratch, ratio, returns::NOISE, sums};
use crate::broker::Ledger;

impl Metrics {
    /// R^2 of a straight line through the logarithm of equity; undefined without a change or where nothing was left.
    pub(super) fn trend(&mut self, ledger: &Ledger, equity: &[f64], scratch: &mut Scratch) {
        let count = equity.len() as f64;
        if equity.iter().fold(false, |any, &equity| any | (equity <= 0.0)) {
            return;
        }
        let logs = &mut scratch.logs;
        logarithms(ledger.initial_cash, equity, logs);
        let mean = sums::sum(logs, |y| y) / count;
        let variation = sums::sum(logs, |y| (y - mean) * (y - mean));
        let middle = (count - 1.0) / 2.0;
        for (x, y) in (0u32..).zip(logs.iter_mut()) {
            *y = (f64::from(x) - middle) * (*y - mean);
        }
        let covariation = sums::sum(logs, |product| product);
        let spread = count * (count * count - 1.0) / 12.0;
        let fit = ratio(covariation * covariation, spread * variation);
        self.stability = fit.filter(|_| (variation / count).sqrt() > NOISE);
    }
}

/// The logarithms of equity over initial cash. Where equity stands still, so does its logarithm, at no cost.
fn logarithms(initial_cash: f64, equity: &[f64], logs: &mut Vec<f64>) {
    let (mut before, mut log) = (initial_cash, 0.0);
    logs.clear();
    logs.extend(equity.iter().map(|&next| {
        if next != before {
            (before, log) = (next, libm::log(next / initial_cash));
        }
        log
    }));
}
