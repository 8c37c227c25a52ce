//! Combinatorial purged cross-validation: the winner of each split, and paths of what winners earned through all periods.

use super::{
    returns::{BLOCK, Returns, TrustError, map_blocks},
    selection::{Plan, Winner},
    splits::{CombinatorialPurged, Fold},
    sums::Sums,
};

/// The winners of all splits.
#[derive(Debug, Clone, PartialEq)]
pub struct CpcvReport {
    /// One for each split, in lexicographic order of its test groups.
    pub splits: Vec<CpcvSplit>,
    /// The Sharpe ratio per period of each path: path j goes through all groups, and takes in each what the winner of the j-th
    /// split that tests this group earned there.
    pub paths: Vec<f64>,
    /// Cells that were looked at.
    pub cells: usize,
    /// Cells that were left out: their returns do not vary at all, or are not all finite.
    pub left_out: usize,
}

/// What happened in one split.
///
/// A cell whose returns do not vary in a part has a Sharpe ratio of 0 there: it held no position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpcvSplit {
    /// The cell with the highest Sharpe ratio in the training part; of equal ones the lowest number.
    pub winner: usize,
    /// Its Sharpe ratio per period in the training part.
    pub in_sample: f64,
    /// Its Sharpe ratio per period in the test part, all groups together.
    pub out_of_sample: f64,
}

/// Chooses the best cell of each split's training part, and tests it.
///
/// López de Prado 2018, "Advances in Financial Machine Learning", chapter 12. Reads the returns once, and once more those blocks
/// that winners are in. For each cell: one pass over its periods, and an addition for each stretch between the edges of groups
/// in each part of each split.
///
/// # Errors
///
/// If the splits cannot be made (see [`CombinatorialPurged::folds`]), a training part has fewer than two periods left, no cell's
/// returns vary, or returns cannot be read.
pub fn cpcv(returns: &dyn Returns, splits: &CombinatorialPurged) -> Result<CpcvReport, TrustError> {
    let periods = returns.periods();
    let folds = splits.folds(periods)?;
    enough_training(&folds, splits, periods)?;
    let selection = Plan::of(&folds, periods).select(returns)?;
    let winners = &selection.winners;
    Ok(CpcvReport {
        splits: winners.iter().map(CpcvSplit::of).collect(),
        paths: paths(&group_sums(returns, winners, &folds)?, splits),
        cells: selection.cells,
        left_out: selection.left_out,
    })
}

impl CpcvSplit {
    fn of(winner: &Winner) -> Self {
        Self { winner: winner.cell, in_sample: winner.performance, out_of_sample: winner.test.performance() }
    }
}

/// Fails where purge and embargo leave a split fewer than two periods to train on.
fn enough_training(folds: &[Fold], splits: &CombinatorialPurged, periods: usize) -> Result<(), TrustError> {
    let shortest = folds.iter().map(|fold| fold.train.iter().map(ExactSizeIterator::len).sum::<usize>()).min();
    if shortest.is_some_and(|shortest| shortest >= 2) {
        return Ok(());
    }
    let group = splits.purge.saturating_mul(2).saturating_add(splits.embargo).saturating_add(2);
    Err(TrustError::TooFewPeriods {
        statistic: "cross-validation",
        periods,
        needed: group.saturating_mul(splits.groups),
        remedy: "fewer groups, a smaller purge or a smaller embargo",
    })
}

/// The sums of each split's winner in each of the split's test groups.
fn group_sums(returns: &dyn Returns, winners: &[Winner], folds: &[Fold]) -> Result<Vec<Vec<Sums>>, TrustError> {
    let periods = returns.periods();
    let mut numbers: Vec<usize> = winners.iter().map(|winner| winner.cell / BLOCK).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let blocks = map_blocks(returns, &numbers, |first, values| {
        let won = winners.iter().enumerate().filter(|(_, winner)| winner.cell / BLOCK == first / BLOCK);
        won.map(|(split, winner)| {
            let cell = &values[(winner.cell - first) * periods..][..periods];
            (split, folds[split].test.iter().map(|test| Sums::of(&cell[test.clone()])).collect::<Vec<_>>())
        })
        .collect::<Vec<_>>()
    })?;
    let mut sums = vec![Vec::new(); winners.len()];
    for (split, groups) in blocks.into_iter().flatten() {
        sums[split] = groups;
    }
    Ok(sums)
}

/// The Sharpe ratio of each path. Every group is tested by as many splits as there are paths.
fn paths(sums: &[Vec<Sums>], splits: &CombinatorialPurged) -> Vec<f64> {
    let mut paths = vec![Sums::default(); splits.paths()];
    let tests = splits.tests();
    for group in 0..splits.groups {
        let tested = tests.iter().zip(sums).filter_map(|(tests, sums)| {
            let place = tests.iter().position(|test| *test == group)?;
            Some(sums[place])
        });
        for (path, sums) in paths.iter_mut().zip(tested) {
            *path = path.and(sums);
        }
    }
    paths.into_iter().map(Sums::performance).collect()
}

#[cfg(test)]
mod tests;
