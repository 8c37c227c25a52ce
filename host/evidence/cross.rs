//! Combinatorial purged cross-validation as a report has it: the spread of the paths, and the combination that won most often.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{combination::Combination, error::EvidenceError, source::Source};
use crate::trust::{CpcvReport, CpcvSplit, Untold};

/// Combinatorial purged cross-validation (CPCV).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum CrossValidated {
    /// There are paths.
    Known {
        /// The number of splits.
        splits: usize,
        /// The median of the paths' Sharpe ratios, a year.
        sharpe: f64,
        /// The lowest of them, a year.
        lowest: f64,
        /// The highest of them, a year.
        highest: f64,
        /// The share of paths with a Sharpe ratio below 0.
        below_zero: f64,
        /// The combination that is the best of most training parts.
        winner: Combination,
        /// The share of splits that it has won.
        winner_share: f64,
        /// The Sharpe ratio of each path, a year.
        paths: Vec<f64>,
    },
    /// There are none.
    Undefined {
        /// Why.
        undefined: String,
    },
}

impl CrossValidated {
    pub(super) fn of(found: &Result<CpcvReport, Untold>, source: &Source<'_>) -> Result<Self, EvidenceError> {
        match found {
            Err(why) => Ok(Self::Undefined { undefined: why.to_string() }),
            Ok(found) => Self::known(found, source),
        }
    }

    fn known(found: &CpcvReport, source: &Source<'_>) -> Result<Self, EvidenceError> {
        let paths: Vec<_> = found.paths.iter().map(|ratio| source.a_year(*ratio)).collect();
        let mut sorted = paths.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let below = sorted.partition_point(|ratio| *ratio < 0.0);
        let (winner, won) = most_frequent(&found.splits);
        let of_all = |count: usize, all: usize| count as f64 / all as f64;
        Ok(Self::Known {
            splits: found.splits.len(),
            // The number of paths is odd.
            sharpe: sorted[sorted.len() / 2],
            lowest: sorted[0],
            highest: sorted[sorted.len() - 1],
            below_zero: of_all(below, paths.len()),
            winner: Combination::of(source.file, winner)?,
            winner_share: of_all(won, found.splits.len()),
            paths,
        })
    }
}

/// The cell that has won most splits, and how many; of equal ones the lowest number.
fn most_frequent(splits: &[CpcvSplit]) -> (usize, usize) {
    let mut counts = BTreeMap::new();
    splits.iter().for_each(|split| *counts.entry(split.winner).or_insert(0) += 1);
    counts.into_iter().fold((0, 0), |most, next| if next.1 > most.1 { next } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_winner_is_the_first_of_equal_ones() {
        let check = |winners: &[usize], expected| {
            let split = |winner: &usize| CpcvSplit { winner: *winner, in_sample: 0.0, out_of_sample: 0.0 };
            assert_eq!(most_frequent(&winners.iter().map(split).collect::<Vec<_>>()), expected, "{winners:?}");
        };
        check(&[7, 3, 7, 9], (7, 2));
        check(&[9, 3, 9, 3], (3, 2));
        check(&[4], (4, 1));
    }
}
