//! The winner of each fold: the cell that did best in the training part, and what it did in the test part.

use std::ops::Range;

use super::{
    returns::{Returns, TrustError, map_all},
    splits::Fold,
    sums::{Parts, Segments, Sums},
};

/// A cell that was chosen in a fold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Winner {
    pub(super) cell: usize,
    /// Its performance in the training part.
    pub(super) performance: f64,
    pub(super) train: Sums,
    pub(super) test: Sums,
}

/// The winners of all folds.
#[derive(Debug)]
pub(super) struct Selection {
    /// One for each fold.
    pub(super) winners: Vec<Winner>,
    /// Cells that were looked at.
    pub(super) cells: usize,
    /// Cells that were not, since their returns do not vary.
    pub(super) left_out: usize,
}

/// How to sum a cell's returns for the parts of all folds.
#[derive(Debug)]
pub(super) struct Plan {
    segments: Segments,
    folds: Vec<Windows>,
}

/// The parts of a fold as ranges of segments.
#[derive(Debug)]
struct Windows {
    train: Vec<Range<usize>>,
    test: Vec<Range<usize>>,
}

impl Plan {
    /// The plan for folds within `periods` periods.
    pub(super) fn of(folds: &[Fold], periods: usize) -> Self {
        let ranges = folds.iter().flat_map(|fold| fold.train.iter().chain(&fold.test));
        let segments = Segments::between(ranges.flat_map(|range| [range.start, range.end]), periods);
        let windows = |ranges: &[Range<usize>]| ranges.iter().map(|range| segments.of(range)).collect();
        let folds =
            folds.iter().map(|fold| Windows { train: windows(&fold.train), test: windows(&fold.test) }).collect();
        Self { segments, folds }
    }

    /// The cells of a block with returns that vary: each one's number and its sums by segments.
    fn cells<'a>(
        &'a self,
        first: usize,
        values: &'a [f32],
        periods: usize,
    ) -> impl Iterator<Item = (usize, Parts)> + 'a {
        let cells = (first..).zip(values.chunks_exact(periods));
        cells.map(|(cell, values)| (cell, self.segments.sum(values))).filter(|(_, parts)| parts.total.vary())
    }

    /// Chooses the cell with the best performance in the training part of each fold; of equal ones the lowest.
    ///
    /// Reads the returns once. For each cell: one pass over its periods, and an addition for each segment of each part.
    pub(super) fn select(&self, returns: &dyn Returns) -> Result<Selection, TrustError> {
        let periods = returns.periods();
        let blocks = map_all(returns, |first, values| self.best(self.cells(first, values, periods)))?;
        let cells: usize = blocks.iter().map(|(cells, _)| cells).sum();
        let merged = blocks.into_iter().map(|(_, best)| best).reduce(|best, next| {
            best.into_iter().zip(next).map(|(best, next)| better(best, next)).collect::<Vec<Option<Winner>>>()
        });
        let winners: Option<Vec<Winner>> = merged.and_then(|merged| merged.into_iter().collect());
        let winners = winners.ok_or(TrustError::NothingVaries { cells: returns.cells() })?;
        Ok(Selection { winners, cells, left_out: returns.cells() - cells })
    }

    /// The number of cells, and the best of them in each fold.
    fn best(&self, cells: impl Iterator<Item = (usize, Parts)>) -> (usize, Vec<Option<Winner>>) {
        let mut best: Vec<Option<Winner>> = vec![None; self.folds.len()];
        let mut count = 0;
        for (cell, parts) in cells {
            count += 1;
            for (best, windows) in best.iter_mut().zip(&self.folds) {
                let train = parts.over(&windows.train);
                let performance = train.performance();
                if best.is_none_or(|best| performance > best.performance) {
                    *best = Some(Winner { cell, performance, train, test: parts.over(&windows.test) });
                }
            }
        }
        (count, best)
    }

    /// Counts for each fold the cells of a block whose performance in the test part is below the winner's, and those with the
    /// same.
    pub(super) fn count(&self, first: usize, values: &[f32], periods: usize, winners: &[Winner]) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.folds.len()];
        let limits: Vec<f64> = winners.iter().map(|winner| winner.test.performance()).collect();
        for (_, parts) in self.cells(first, values, periods) {
            for ((counts, windows), limit) in counts.iter_mut().zip(&self.folds).zip(&limits) {
                let performance = parts.over(&windows.test).performance();
                counts.below += usize::from(performance < *limit);
                counts.equal += usize::from(performance == *limit);
            }
        }
        counts
    }
}

/// The better of two, of equal ones the first.
fn better(one: Option<Winner>, other: Option<Winner>) -> Option<Winner> {
    match (one, other) {
        (Some(one), Some(other)) if other.performance > one.performance => Some(other),
        (one, other) => one.or(other),
    }
}

/// How many cells are below one, and how many are equal, itself included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) below: usize,
    pub(super) equal: usize,
}

impl Counts {
    /// The counts of two sets of cells together.
    pub(super) fn and(self, other: Self) -> Self {
        Self { below: self.below + other.below, equal: self.equal + other.equal }
    }

    /// The rank from the bottom, from 1 on; the average rank of equal ones.
    pub(super) fn rank(self) -> f64 {
        self.below as f64 + (self.equal as f64 + 1.0) / 2.0
    }
}
