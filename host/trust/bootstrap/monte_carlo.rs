//! Monte Carlo over trades: other orders of the same trades, and other trades of the same kind.
//!
//! A shuffle asks how deep equity could have fallen with the same trades in another order; a resample asks what such trades could
//! have come to. Both take trades as independent of each other. Knows nothing of how trades come about.

use rayon::prelude::*;

use super::{
    path::Path,
    quantile,
    returns::{TrustError, check_finite},
};
use crate::model::stream::Stream;

/// What the trades of a run could have come to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MonteCarlo {
    /// Equity at the end, over the initial equity. No order of the trades changes it.
    pub final_equity: f64,
    /// The deepest fall of equity from a peak in the order given, a share: zero or negative.
    pub max_drawdown: f64,
    /// Quantiles of the deepest fall over shuffles, one for each level, ascending: the deepest first.
    pub shuffled_drawdown: Vec<f64>,
    /// The share of shuffles whose deepest fall is at most as deep as in the order given. Near 0, the order was lucky; near 1,
    /// unlucky.
    pub shuffled_rank: f64,
    /// Resamples with replacement.
    pub resampled: Spread,
}

/// What resamples of the trades come to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// Quantiles of equity at the end over the initial equity, one for each level.
    pub final_equity: Vec<f64>,
    /// Quantiles of the deepest fall, one for each level.
    pub max_drawdown: Vec<f64>,
    /// The share of resamples that end below the initial equity.
    pub loss: f64,
}

/// Shuffles and resamples the trades `count` times each. `profits` are fractions of the equity before the trade, in order of
/// time; `levels` are the shares at which quantiles are taken, such as 0.05. About 5 ns a trade and draw.
///
/// Draw `b` depends on `seed` and `b` only. Quantiles are linear between draws.
///
/// # Errors
///
/// [`TrustError::NoTrades`], [`TrustError::NoDraws`], [`TrustError::NotFinite`] for a profit, and [`TrustError::OutOfRange`] for a
/// level that is not from 0 to 1.
pub fn monte_carlo(profits: &[f64], count: usize, seed: u64, levels: &[f64]) -> Result<MonteCarlo, TrustError> {
    check(profits, count, levels)?;
    let given: Path = profits.iter().copied().collect();
    let draws: Vec<[Path; 2]> = (0..count as u64).into_par_iter().map(|draw| paths(profits, seed, draw)).collect();
    let values = |of: fn(&[Path; 2]) -> f64| {
        let mut values: Vec<f64> = draws.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let shuffled = values(|[shuffled, _]| shuffled.max_drawdown());
    let equities = values(|[_, resampled]| resampled.equity());
    let falls = values(|[_, resampled]| resampled.max_drawdown());
    let at_levels = |values: &[f64]| levels.iter().filter_map(|&level| quantile::sorted(values, level)).collect();
    let share = |part: usize| part as f64 / count as f64;
    // The same trades in another order may round to another fall.
    let deepest = given.max_drawdown() - 1e-12;
    Ok(MonteCarlo {
        final_equity: given.equity(),
        max_drawdown: given.max_drawdown(),
        shuffled_drawdown: at_levels(&shuffled),
        shuffled_rank: share(count - shuffled.partition_point(|&fall| fall < deepest)),
        resampled: Spread {
            final_equity: at_levels(&equities),
            max_drawdown: at_levels(&falls),
            loss: share(equities.partition_point(|&equity| equity < 1.0)),
        },
    })
}

/// Refuses what there is no answer to.
fn check(profits: &[f64], count: usize, levels: &[f64]) -> Result<(), TrustError> {
    check_finite("profits", profits)?;
    if profits.is_empty() {
        return Err(TrustError::NoTrades);
    }
    if count == 0 {
        return Err(TrustError::NoDraws);
    }
    if let Some(&value) = levels.iter().find(|level| !(0.0..=1.0).contains(*level)) {
        return Err(TrustError::OutOfRange { what: "a level", value, range: "a number from 0 to 1" });
    }
    Ok(())
}

/// A shuffle and a resample.
fn paths(profits: &[f64], seed: u64, draw: u64) -> [Path; 2] {
    let mut shuffled = profits.to_vec();
    Stream::of(seed, 2 * draw).shuffle(&mut shuffled);
    let mut stream = Stream::of(seed, 2 * draw + 1);
    let resampled = profits.iter().map(|_| profits[stream.place(profits.len())]).collect();
    [shuffled.into_iter().collect(), resampled]
}

#[cfg(test)]
mod tests;
