//! What is measured of returns, of resamples of them, and with each return left out.

use super::super::path::{Path, factor};

/// Variances below this part of the squared size are what rounding leaves.
const SIZE_NOISE: f64 = 1e-24;
/// A variance below this part of the mean square around the mean of the whole sample, likewise.
const VARIANCE_NOISE: f64 = 1e-12;

/// The returns of a cell.
#[derive(Debug)]
pub(super) struct Sample {
    returns: Vec<f64>,
    mean: f64,
    /// Returns less their mean.
    centred: Vec<f64>,
    /// Below this, a variance is rounding.
    noise: f64,
}

/// What is measured of a sample or resample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) mean: f64,
    pub(super) growth: f64,
    pub(super) sharpe: Option<f64>,
    pub(super) max_drawdown: f64,
}

impl Sample {
    pub(super) fn new(returns: Vec<f64>) -> Self {
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        let size = returns.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
        let centred = returns.iter().map(|value| value - mean).collect();
        Self { returns, mean, centred, noise: SIZE_NOISE * size * size }
    }

    /// Measures the returns at `indexes`, in this order.
    pub(super) fn measure(&self, indexes: impl Iterator<Item = usize>) -> Measured {
        let (mut total, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let mut path = Path::new();
        for index in indexes {
            let (value, centred) = (self.returns[index], self.centred[index]);
            total += value;
            sum += centred;
            squares += centred * centred;
            path.step(value);
        }
        let count = self.returns.len() as f64;
        Measured {
            mean: total / count,
            growth: path.equity() - 1.0,
            sharpe: self.sharpe(sum, squares, count),
            max_drawdown: path.max_drawdown(),
        }
    }

    /// The Sharpe ratio from the sum and the sum of squares of `count` centred returns.
    fn sharpe(&self, sum: f64, squares: f64, count: f64) -> Option<f64> {
        let around = squares - sum * sum / count;
        let variance = around / (count - 1.0);
        let is_noise = variance <= self.noise || around <= VARIANCE_NOISE * squares;
        (!is_noise).then(|| (self.mean + sum / count) / variance.sqrt())
    }

    /// The mean with each return left out.
    pub(super) fn means_without_one(&self) -> Vec<f64> {
        let rest = self.returns.len() as f64 - 1.0;
        self.centred.iter().map(|centred| self.mean - centred / rest).collect()
    }

    /// The growth with each return left out: products before it and after it.
    pub(super) fn growths_without_one(&self) -> Vec<f64> {
        let mut growths = vec![1.0; self.returns.len()];
        let (mut before, mut after) = (1.0, 1.0);
        for (growth, value) in growths.iter_mut().zip(&self.returns) {
            *growth = before;
            before *= factor(*value);
        }
        for (growth, value) in growths.iter_mut().zip(&self.returns).rev() {
            *growth = (*growth * after).min(f64::MAX) - 1.0;
            after *= factor(*value);
        }
        growths
    }

    /// The Sharpe ratio with each return left out. `None` where one of them is undefined.
    pub(super) fn sharpes_without_one(&self) -> Option<Vec<f64>> {
        let sum: f64 = self.centred.iter().sum();
        let squares: f64 = self.centred.iter().map(|centred| centred * centred).sum();
        let rest = self.returns.len() as f64 - 1.0;
        self.centred.iter().map(|centred| self.sharpe(sum - centred, squares - centred * centred, rest)).collect()
    }
}
