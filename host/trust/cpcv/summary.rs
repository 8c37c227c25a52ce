//! A summary of combinatorial purged cross-validation: the spread of its paths, and which cells win how often.
//!
//! Never decides whether a strategy is good.

use super::CpcvReport;
use crate::trust::bootstrap::quantile;

/// What a report on all splits comes to.
///
/// Paths share their winners and their returns: their spread says how much the choice of training periods matters. It is not a
/// confidence interval of the Sharpe ratio.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CpcvSummary {
    /// The 5 % quantile of the paths' Sharpe ratios per period, linear between paths.
    pub low: f64,
    /// The median of the paths' Sharpe ratios per period.
    pub median: f64,
    /// The 95 % quantile of the paths' Sharpe ratios per period, linear between paths.
    pub high: f64,
    /// The share of paths whose Sharpe ratio is below zero.
    pub below_zero: f64,
    /// Cells that won splits, the most frequent first; of equally frequent ones the lowest number first.
    pub winners: Vec<Wins>,
}

/// How often a cell won.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Wins {
    /// The cell's number.
    pub cell: usize,
    /// The share of the splits that it won.
    pub share: f64,
}

impl CpcvReport {
    /// Returns the summary, with at most `winners` cells; `None` of a report without paths.
    #[must_use]
    pub fn summary(&self, winners: usize) -> Option<CpcvSummary> {
        let mut paths = self.paths.clone();
        paths.sort_by(f64::total_cmp);
        Some(CpcvSummary {
            low: quantile::sorted(&paths, 0.05)?,
            median: quantile::sorted(&paths, 0.5)?,
            high: quantile::sorted(&paths, 0.95)?,
            below_zero: share(paths.iter().filter(|path| **path < 0.0).count(), paths.len()),
            winners: self.wins().into_iter().take(winners).collect(),
        })
    }

    fn wins(&self) -> Vec<Wins> {
        let mut cells: Vec<usize> = self.splits.iter().map(|split| split.winner).collect();
        cells.sort_unstable();
        let mut runs: Vec<&[usize]> = cells.chunk_by(usize::eq).collect();
        // Stable: of runs of one length the lowest cell stays first.
        runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
        runs.into_iter().map(|run| Wins { cell: run[0], share: share(run.len(), cells.len()) }).collect()
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::CpcvSplit;

    fn report(winners: &[usize], paths: &[f64]) -> CpcvReport {
        let split = |&winner: &usize| CpcvSplit { winner, in_sample: 0.0, out_of_sample: 0.0 };
        CpcvReport { splits: winners.iter().map(split).collect(), paths: paths.to_vec(), cells: 9, left_out: 0 }
    }

    #[test]
    fn paths_are_summed_up_by_quantiles() {
        let paths: Vec<f64> = (0..=20).rev().map(|path| f64::from(path) - 3.0).collect();
        let found = report(&[1], &paths).summary(5).unwrap();
        assert_eq!((found.low, found.median, found.high), (-2.0, 7.0, 16.0));
        assert_eq!(found.below_zero, 3.0 / 21.0);
    }

    #[test]
    fn frequent_winners_come_first_and_of_equal_ones_the_lowest() {
        let found = report(&[8, 2, 5, 2, 8, 8, 3, 5], &[0.0]).summary(3).unwrap();
        let winners: Vec<_> = found.winners.iter().map(|wins| (wins.cell, wins.share)).collect();
        assert_eq!(winners, [(8, 0.375), (2, 0.25), (5, 0.25)]);
    }

    #[test]
    fn a_report_without_paths_has_no_summary() {
        assert_eq!(report(&[], &[]).summary(3), None);
    }
}
