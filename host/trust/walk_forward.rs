//! Walk-forward: in each fold the best cell of the training part, and what it earned in the test part that follows.

use super::{
    returns::{Returns, TrustError, map_all},
    selection::{Counts, Plan, Winner},
    splits::{Fold, WalkForward},
};

/// The winners of all folds, and what they earned one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct WalkForwardReport {
    /// One for each fold, in order of time.
    pub folds: Vec<FoldReport>,
    /// The out-of-sample returns of the winners, one test part after another.
    pub returns: Vec<f32>,
    /// The walk-forward efficiency: mean out-of-sample return of the winners over their mean in-sample return, each fold weighted
    /// by its test periods; `None` where the latter is not positive. (Both are annualised by the same factor, which cancels out.)
    pub efficiency: Option<f64>,
    /// Cells that were looked at.
    pub cells: usize,
    /// Cells that were left out: their returns do not vary at all, or are not all finite.
    pub left_out: usize,
}

/// What happened in one fold.
///
/// A cell whose returns do not vary in a part has a Sharpe ratio of 0 there: it held no position.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldReport {
    /// The periods.
    pub periods: Fold,
    /// The cell with the highest Sharpe ratio in the training part; of equal ones the lowest number.
    pub winner: usize,
    /// Its Sharpe ratio per period in the training part.
    pub in_sample: f64,
    /// Its Sharpe ratio per period in the test part.
    pub out_of_sample: f64,
    /// Its mean return per period in the training part.
    pub in_sample_mean: f64,
    /// Its mean return per period in the test part.
    pub out_of_sample_mean: f64,
    /// Its out-of-sample mean over its in-sample mean; `None` where the latter is not positive.
    pub efficiency: Option<f64>,
    /// Its rank by Sharpe ratio in the test part, from the worst at 1/(N+1) to the best at N/(N+1); equal cells share the
    /// average of their ranks.
    pub rank: f64,
}

/// Chooses the best cell of each training part, and follows it through the test part.
///
/// Reads the returns twice: once to choose, once to rank and to take the winners' returns. For each cell and reading: one pass
/// over its periods (some 1 ns each), and an addition for each stretch between the edges of folds in each part. Memory: a few
/// numbers for each fold and block.
///
/// # Errors
///
/// If the splits cannot be made (see [`WalkForward::folds`]), a training part has fewer than two periods, no cell's returns vary,
/// or returns cannot be read.
pub fn walk_forward(returns: &dyn Returns, splits: &WalkForward) -> Result<WalkForwardReport, TrustError> {
    super::splits::within("walk-forward training", splits.train, 2..=usize::MAX, "at least 2 periods")?;
    let periods = returns.periods();
    let folds = splits.folds(periods)?;
    let plan = Plan::of(&folds, periods);
    let selection = plan.select(returns)?;
    let winners = &selection.winners;
    let blocks = map_all(returns, |first, values| {
        (plan.count(first, values, periods, winners), earned(first, values, periods, winners, &folds))
    })?;
    let mut counts = vec![Counts::default(); folds.len()];
    let mut parts: Vec<(usize, Vec<f32>)> = Vec::with_capacity(folds.len());
    for (counted, earned) in blocks {
        counts = counts.into_iter().zip(counted).map(|(all, block)| all.and(block)).collect();
        parts.extend(earned);
    }
    parts.sort_unstable_by_key(|(fold, _)| *fold);
    Ok(WalkForwardReport {
        efficiency: efficiency(winners),
        returns: parts.into_iter().flat_map(|(_, values)| values).collect(),
        folds: report(folds, winners, &counts, selection.cells),
        cells: selection.cells,
        left_out: selection.left_out,
    })
}

/// What those winners earned in their test parts that are cells of a block: the fold and the returns of each.
fn earned(first: usize, values: &[f32], periods: usize, winners: &[Winner], folds: &[Fold]) -> Vec<(usize, Vec<f32>)> {
    let cells = first..first + values.len() / periods;
    let won = winners.iter().enumerate().filter(|(_, winner)| cells.contains(&winner.cell));
    won.map(|(fold, winner)| {
        let cell = &values[(winner.cell - first) * periods..][..periods];
        (fold, folds[fold].test.iter().flat_map(|test| &cell[test.clone()]).copied().collect())
    })
    .collect()
}

fn report(folds: Vec<Fold>, winners: &[Winner], counts: &[Counts], cells: usize) -> Vec<FoldReport> {
    let all = folds.into_iter().zip(winners).zip(counts);
    all.map(|((periods, winner), counts)| FoldReport {
        periods,
        winner: winner.cell,
        in_sample: winner.performance,
        out_of_sample: winner.test.performance(),
        in_sample_mean: winner.train.mean(),
        out_of_sample_mean: winner.test.mean(),
        efficiency: efficiency(std::slice::from_ref(winner)),
        rank: counts.rank() / (cells as f64 + 1.0),
    })
    .collect()
}

/// The out-of-sample mean return of winners over their in-sample mean, each weighted by its test periods.
fn efficiency(winners: &[Winner]) -> Option<f64> {
    let earned = winners.iter().fold(0.0, |sum, winner| sum + winner.test.sum);
    let promised = winners.iter().fold(0.0, |sum, winner| sum + winner.train.mean() * winner.test.periods);
    (promised > 0.0).then(|| earned / promised)
}

#[cfg(test)]
mod tests;
