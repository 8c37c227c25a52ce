//! Bootstrap intervals of one cell: mean, growth, Sharpe ratio and drawdown.
//!
//! Sources: Efron, Better bootstrap confidence intervals, JASA 82 (1987) for BCa; Efron and Tibshirani, An introduction to the
//! bootstrap (1993), sections 13.3 and 14.3. Quantiles are linear between draws.

use rayon::prelude::*;

use super::{
    draws::Draws,
    normal::{normal_cdf, normal_quantile},
    quantile,
    returns::{MIN_PERIODS, TrustError, check_finite, check_share, too_few},
};

mod measures;

use self::measures::{Measured, Sample};

/// Bounds of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

/// An estimate with its intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The value of the returns themselves.
    pub estimate: f64,
    /// Between two quantiles of the draws.
    pub percentile: Range,
    /// Bias-corrected and accelerated: quantiles moved by how far the draws lie from the estimate and by how its error grows with
    /// it. `None` for a drawdown, which a jackknife says nothing about, and where all draws lie on one side of the estimate or no
    /// single return matters. The jackknife leaves out single returns, as `arch` does, also where blocks are drawn.
    pub bca: Option<Range>,
}

/// Intervals of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Intervals {
    /// The mean return, per period.
    pub mean: Interval,
    /// The compounded return of all periods, a share: `prod(1 + r) - 1`. What is lost is lost: equity does not fall below zero.
    pub growth: Interval,
    /// The Sharpe ratio, per period: mean over standard deviation (with `T - 1`). `None` where the returns, or those of some
    /// draw, do not vary.
    pub sharpe: Option<Interval>,
    /// The deepest fall of compounded equity from a peak, a share: zero or negative, with the initial equity as first peak.
    pub max_drawdown: Interval,
}

/// Intervals that hold the true value with probability `level`, for the returns of one cell. About 10 operations a draw and
/// period.
///
/// # Errors
///
/// [`TrustError::TooFewPeriods`] below [`MIN_PERIODS`] periods, [`TrustError::NotFinite`], [`TrustError::Length`] where the
/// draws have another number of periods, [`TrustError::OutOfRange`] where `level` is not between 0 and 1.
pub fn intervals<V>(returns: &[V], draws: &Draws, level: f64) -> Result<Intervals, TrustError>
where
    V: Copy + Into<f64>,
{
    check_share("the level", level)?;
    check_finite("returns", returns)?;
    if returns.len() < MIN_PERIODS {
        return Err(too_few("an interval", returns.len(), MIN_PERIODS));
    }
    if draws.periods() != returns.len() {
        return Err(TrustError::Length { what: "draws", found: draws.periods(), needed: returns.len() });
    }
    let sample = Sample::new(returns.iter().map(|&value| value.into()).collect());
    let base = sample.measure(0..returns.len());
    let drawn: Vec<Measured> =
        (0..draws.count()).into_par_iter().map(|draw| sample.measure(draws.indexes(draw))).collect();
    let values = |of: fn(&Measured) -> f64| drawn.iter().map(of).collect();
    let sharpes: Option<Vec<f64>> = drawn.iter().map(|drawn| drawn.sharpe).collect();
    Ok(Intervals {
        mean: interval(base.mean, values(|drawn| drawn.mean), Some(sample.means_without_one()), level),
        growth: interval(base.growth, values(|drawn| drawn.growth), Some(sample.growths_without_one()), level),
        sharpe: base
            .sharpe
            .zip(sharpes)
            .map(|(estimate, values)| interval(estimate, values, sample.sharpes_without_one(), level)),
        max_drawdown: interval(base.max_drawdown, values(|drawn| drawn.max_drawdown), None, level),
    })
}

/// The intervals of an estimate, from its values in all draws and with each return left out.
fn interval(estimate: f64, mut values: Vec<f64>, without_one: Option<Vec<f64>>, level: f64) -> Interval {
    values.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    let range = |low, high| {
        quantile::sorted(&values, low).zip(quantile::sorted(&values, high)).map(|(low, high)| Range { low, high })
    };
    let percentile = range(tail, 1.0 - tail).unwrap_or(Range { low: estimate, high: estimate });
    let bca = without_one.and_then(|without_one| {
        let acceleration = acceleration(&without_one)?;
        let below = values.partition_point(|value| *value < estimate) as f64 / values.len() as f64;
        let bias = (below > 0.0 && below < 1.0).then(|| normal_quantile(below))??;
        range(corrected(tail, bias, acceleration)?, corrected(1.0 - tail, bias, acceleration)?)
    });
    Interval { estimate, percentile, bca }
}

/// The corrected share of a quantile. `None` past the point where the correction turns back.
fn corrected(share: f64, bias: f64, acceleration: f64) -> Option<f64> {
    let z = bias + normal_quantile(share)?;
    let shrink = 1.0 - acceleration * z;
    (shrink > 0.0).then(|| normal_cdf(bias + z / shrink))
}

/// The acceleration, by the jackknife. `None` where values do not vary.
fn acceleration(without_one: &[f64]) -> Option<f64> {
    let mean = without_one.iter().sum::<f64>() / without_one.len() as f64;
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in without_one {
        let below = mean - value;
        squares += below * below;
        cubes += below * below * below;
    }
    Some(cubes / (6.0 * squares * squares.sqrt())).filter(|acceleration| acceleration.is_finite())
}

#[cfg(test)]
mod tests;
