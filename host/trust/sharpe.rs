//! Sharpe ratios and how sure one may be of them: probabilistic and deflated Sharpe ratio, minimum track record length.
//!
//! All ratios are per period; nothing is annualised here. Kurtosis is raw (3 for a normal distribution), never excess.

use super::{
    normal::{normal_cdf, normal_quantile},
    returns::{Returns, TrustError, map_all},
    sums::{total, varies},
};

/// The Euler-Mascheroni constant γ.
const EULER: f64 = 0.577_215_664_901_532_9;

/// Returns that are summed side by side.
const LANES: usize = 8;

/// The moments of the returns of a cell, per period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Periods (n).
    pub periods: usize,
    /// The mean return.
    pub mean: f64,
    /// The sample standard deviation (divided by n - 1), above 0.
    pub deviation: f64,
    /// The skewness m3 / m2^(3/2), by population moments (divided by n).
    pub skewness: f64,
    /// The raw kurtosis m4 / m2², by population moments: 3 for a normal distribution.
    pub kurtosis: f64,
}

/// Returns the moments of each cell; `None` for a cell whose returns do not vary or are not all finite.
///
/// Returns count as not varying where their standard deviation is below a millionth of their root mean square. Reads the
/// returns once; two passes over each cell in cache, some 2 ns for each cell and period.
///
/// # Errors
///
/// If there are fewer than two periods, or returns cannot be read.
pub fn moments(returns: &dyn Returns) -> Result<Vec<Option<Moments>>, TrustError> {
    let periods = returns.periods();
    if periods < 2 {
        let remedy = "shorter periods";
        return Err(TrustError::TooFewPeriods { statistic: "a Sharpe ratio", periods, needed: 2, remedy });
    }
    let blocks = map_all(returns, |_, values| values.chunks_exact(periods).map(Moments::of).collect::<Vec<_>>())?;
    Ok(blocks.concat())
}

impl Moments {
    /// The moments of some returns; `None` where they do not vary or are not all finite.
    #[must_use]
    pub fn of(values: &[f32]) -> Option<Self> {
        let n = values.len() as f64;
        let [sum] = sums(values, |value| [value]);
        let mean = sum / n;
        let [second, third, fourth] = sums(values, |value| {
            let deviation = value - mean;
            let square = deviation * deviation;
            [square, square * deviation, square * square]
        });
        if !varies(second, second + n * mean * mean) {
            return None;
        }
        let variance = second / n;
        Some(Self {
            periods: values.len(),
            mean,
            deviation: (second / (n - 1.0)).sqrt(),
            skewness: third / n / (variance * variance.sqrt()),
            kurtosis: fourth / n / (variance * variance),
        })
    }

    /// The moments of the returns over a rate per period, such as the risk-free one.
    #[must_use]
    pub fn over(self, rate: f64) -> Self {
        Self { mean: self.mean - rate, ..self }
    }

    /// The Sharpe ratio per period.
    #[must_use]
    pub fn sharpe(&self) -> f64 {
        self.mean / self.deviation
    }

    /// The probabilistic Sharpe ratio: the probability that the true Sharpe ratio per period is above `benchmark`; `None` where
    /// the estimate's variance is not positive, as for returns of two values only.
    ///
    /// Φ((SR - SR*) √(n - 1) / √(1 - γ₃ SR + (γ₄ - 1)/4 SR²)): Bailey and López de Prado 2012, "The Sharpe Ratio Efficient
    /// Frontier", Journal of Risk 15(2).
    #[must_use]
    pub fn probabilistic_sharpe(&self, benchmark: f64) -> Option<f64> {
        let excess = (self.sharpe() - benchmark) * (self.periods as f64 - 1.0).sqrt();
        Some(normal_cdf(excess / self.estimation_variance()?.sqrt()))
    }

    /// The minimum track record length in periods: how many are needed to be sure with probability `confidence` that the true
    /// Sharpe ratio per period is above `benchmark`.
    ///
    /// `None` where the Sharpe ratio is not above `benchmark`, where `confidence` is not between 1/2 and 1, and where the
    /// estimate's variance is not positive. 1 + (1 - γ₃ SR + (γ₄ - 1)/4 SR²) (z / (SR - SR*))², same paper.
    #[must_use]
    pub fn minimum_track_record(&self, benchmark: f64, confidence: f64) -> Option<f64> {
        let excess = self.sharpe() - benchmark;
        let z = normal_quantile(confidence).filter(|z| *z > 0.0)?;
        let ratio = z / excess;
        (excess > 0.0).then_some(1.0 + self.estimation_variance()? * (ratio * ratio))
    }

    /// The deflated Sharpe ratio: the probability that the true Sharpe ratio per period is above what the best of `trials`
    /// worthless trials is expected to show; `None` as for [`Moments::probabilistic_sharpe`].
    ///
    /// `trials` and `variance` are those of [`expected_maximum_sharpe`]. Bailey and López de Prado 2014, "The Deflated Sharpe
    /// Ratio", Journal of Portfolio Management 40(5), 94-107.
    #[must_use]
    pub fn deflated_sharpe(&self, trials: f64, variance: f64) -> Option<f64> {
        self.probabilistic_sharpe(expected_maximum_sharpe(trials, variance))
    }

    /// The variance of the estimate of the Sharpe ratio, times n - 1; `None` where it is not positive.
    fn estimation_variance(&self) -> Option<f64> {
        let ratio = self.sharpe();
        let variance = 1.0 - self.skewness * ratio + (self.kurtosis - 1.0) / 4.0 * (ratio * ratio);
        (variance > 0.0).then_some(variance)
    }
}

/// Returns the Sharpe ratio per period that the best of `trials` trials is expected to show where none is worth anything; 0 for
/// one trial.
///
/// `trials` (K) counts every trial so far, of other sweeps too, or those that are independent of each other; it need not be
/// whole. `variance` is that of the trials' Sharpe ratios per period: [`sharpe_variance`].
/// √V [(1 - γ) Φ⁻¹(1 - 1/K) + γ Φ⁻¹(1 - 1/(K e))]: Bailey and López de Prado 2014, as for [`Moments::deflated_sharpe`].
#[must_use]
pub fn expected_maximum_sharpe(trials: f64, variance: f64) -> f64 {
    // The upper tail is taken as the lower one: 1 - 1/K has no more digits where K is large.
    let quantile = |tail: f64| normal_quantile(tail).map_or(0.0, |quantile| -quantile);
    let expected = (1.0 - EULER) * quantile(1.0 / trials) + EULER * quantile(1.0 / (trials * std::f64::consts::E));
    if trials > 1.0 && variance > 0.0 && expected > 0.0 { variance.sqrt() * expected } else { 0.0 }
}

/// Returns the sample variance (n - 1) of the Sharpe ratios of trials; `None` for fewer than two.
#[must_use]
pub fn sharpe_variance(ratios: &[f64]) -> Option<f64> {
    let n = ratios.len() as f64;
    let mean = ratios.iter().fold(0.0, |sum, ratio| sum + ratio) / n;
    let deviations = ratios.iter().fold(0.0, |sum, ratio| sum + (ratio - mean) * (ratio - mean));
    (ratios.len() > 1).then(|| deviations / (n - 1.0))
}

/// The sums of several terms over `values` in one pass, in a fixed order.
#[inline(always)]
fn sums<const N: usize>(values: &[f32], terms: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let mut lanes = [[0.0; LANES]; N];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in chunk.iter().enumerate() {
            for (lanes, term) in lanes.iter_mut().zip(terms(f64::from(*value))) {
                lanes[lane] += term;
            }
        }
    }
    for value in rest {
        for (lanes, term) in lanes.iter_mut().zip(terms(f64::from(*value))) {
            lanes[0] += term;
        }
    }
    lanes.map(total)
}

#[cfg(test)]
mod tests;
