//! Splits of time into training and test periods: walk-forward, and combinatorial purged cross-validation.
//!
//! Never looks at returns.

use std::{iter, ops::Range};

use super::returns::TrustError;

/// Splits that are allowed at most: each is evaluated for every cell.
const MAXIMUM: usize = 100_000;

/// Periods to choose a cell by, and periods to test it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Periods of the training part: ranges that are not empty, in order of time.
    pub train: Vec<Range<usize>>,
    /// Periods of the test part: ranges that are not empty, in order of time, one for each group of a combinatorial split.
    pub test: Vec<Range<usize>>,
}

/// Where the training part of a walk-forward fold begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Training {
    /// At the first period: it grows from fold to fold.
    #[default]
    Anchored,
    /// A fixed number of periods before its end.
    Rolling,
}

/// Walk-forward splits: training periods, then test periods right after them, and on by the length of the test.
///
/// The splits are those of skfolio's `WalkForward`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkForward {
    /// Where training begins.
    pub training: Training,
    /// Periods of the training part; of the first one where it is anchored.
    pub train: usize,
    /// Periods of the test part.
    pub test: usize,
    /// Periods that are left out between the two. (An embargo has no other effect here: no training part follows its test.)
    pub purge: usize,
    /// Whether a last test part that is shorter than the others is kept.
    pub keep_short: bool,
}

impl WalkForward {
    /// Returns the folds within `periods` periods, in order of time; at least one.
    ///
    /// # Errors
    ///
    /// If a part has no periods, if there are too few periods for one fold, or if there would be over 100,000 folds.
    pub fn folds(&self, periods: usize) -> Result<Vec<Fold>, TrustError> {
        within("walk-forward training", self.train, 1..=usize::MAX, "at least 1 period")?;
        within("walk-forward test", self.test, 1..=usize::MAX, "at least 1 period")?;
        let first = self.train.saturating_add(self.purge);
        let shortest = if self.keep_short { 1 } else { self.test };
        let needed = first.saturating_add(shortest);
        if needed > periods {
            let remedy = "shorter training and test parts";
            return Err(TrustError::TooFewPeriods { statistic: "walk-forward", periods, needed, remedy });
        }
        let folds = (periods - first - shortest) / self.test + 1;
        within("the number of walk-forward folds", folds, 1..=MAXIMUM, "longer test parts, for at most 100,000 folds")?;
        Ok((0..folds).map(|fold| self.fold(first + fold * self.test, periods)).collect())
    }

    fn fold(&self, test_start: usize, periods: usize) -> Fold {
        let end = test_start - self.purge;
        let start = match self.training {
            Training::Anchored => 0,
            Training::Rolling => end - self.train,
        };
        let test = test_start..(test_start + self.test).min(periods);
        Fold { train: iter::once(start..end).collect(), test: iter::once(test).collect() }
    }
}

/// Combinatorial purged cross-validation (CPCV): every choice of some of the groups of periods as the test part, all others as
/// the training part.
///
/// López de Prado 2018, "Advances in Financial Machine Learning", chapter 12. The splits are those of skfolio's
/// `CombinatorialPurgedCV`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CombinatorialPurged {
    /// Groups of consecutive periods (n): all of `periods / groups` periods, the last with the remainder in addition.
    pub groups: usize,
    /// Groups of the test part (k).
    pub test_groups: usize,
    /// Periods that are left out of the training part on both sides of each test part.
    pub purge: usize,
    /// Periods that are left out of the training part after each test part, in addition to those purged.
    pub embargo: usize,
}

impl CombinatorialPurged {
    /// Returns the C(n, k) splits within `periods` periods, in lexicographic order of their test groups.
    ///
    /// A training part that purge and embargo leave nothing of has no ranges.
    ///
    /// # Errors
    ///
    /// If the test takes no group or all of them, if purge and embargo together take a whole group, or if there would be over
    /// 100,000 splits.
    pub fn folds(&self, periods: usize) -> Result<Vec<Fold>, TrustError> {
        self.check(periods)?;
        Ok(combinations(self.groups, self.test_groups).into_iter().map(|tests| self.fold(&tests, periods)).collect())
    }

    /// Returns the number of paths through all groups that the splits' test parts make up: C(n, k) k / n.
    #[must_use]
    pub fn paths(&self) -> usize {
        binomial(self.groups, self.test_groups).saturating_mul(self.test_groups).checked_div(self.groups).unwrap_or(0)
    }

    /// The test groups of each split.
    pub(super) fn tests(&self) -> Vec<Vec<usize>> {
        combinations(self.groups, self.test_groups)
    }

    fn check(&self, periods: usize) -> Result<(), TrustError> {
        within("the number of groups", self.groups, 2..=MAXIMUM, "2 to 100,000")?;
        let range = "at least 1 and fewer than there are groups";
        within("the number of test groups", self.test_groups, 1..=self.groups - 1, range)?;
        let splits = binomial(self.groups, self.test_groups);
        let range = "fewer groups, for at most 100,000 splits";
        within("the number of splits", splits, 1..=MAXIMUM, range)?;
        let left_out = self.purge.saturating_add(self.embargo);
        let needed = left_out.saturating_add(1).saturating_mul(self.groups);
        if needed > periods {
            let remedy = "fewer groups, a smaller purge or a smaller embargo";
            return Err(TrustError::TooFewPeriods { statistic: "cross-validation", periods, needed, remedy });
        }
        Ok(())
    }

    fn fold(&self, tests: &[usize], periods: usize) -> Fold {
        let mut train = Vec::new();
        let mut group = 0;
        for end in tests.iter().copied().chain([self.groups]) {
            train.extend(self.training(group..end, periods));
            group = end + 1;
        }
        Fold { train, test: tests.iter().map(|test| self.periods_of(*test..test + 1, periods)).collect() }
    }

    /// The periods of groups that are trained on, between test groups; `None` where nothing is left of them.
    fn training(&self, groups: Range<usize>, periods: usize) -> Option<Range<usize>> {
        if groups.is_empty() {
            return None;
        }
        let after_test = if groups.start > 0 { self.purge + self.embargo } else { 0 };
        let before_test = if groups.end < self.groups { self.purge } else { 0 };
        let all = self.periods_of(groups, periods);
        let left = all.start + after_test..all.end.saturating_sub(before_test);
        (!left.is_empty()).then_some(left)
    }

    fn periods_of(&self, groups: Range<usize>, periods: usize) -> Range<usize> {
        let length = periods / self.groups;
        let end = if groups.end == self.groups { periods } else { groups.end * length };
        groups.start * length..end
    }
}

/// Fails where a setting is out of its range.
pub(super) fn within(
    setting: &'static str,
    value: usize,
    allowed: std::ops::RangeInclusive<usize>,
    range: &'static str,
) -> Result<(), TrustError> {
    if allowed.contains(&value) { Ok(()) } else { Err(TrustError::Setting { setting, value, range }) }
}

/// The choices of `k` of the numbers below `n`, `k` at most `n`, each ascending, in lexicographic order.
pub(super) fn combinations(n: usize, k: usize) -> Vec<Vec<usize>> {
    let mut choice: Vec<usize> = (0..k).collect();
    let mut all = vec![choice.clone()];
    while let Some(place) = (0..k).rev().find(|place| choice[*place] < n - k + place) {
        let next = choice[place] + 1;
        for (at, number) in choice[place..].iter_mut().zip(next..) {
            *at = number;
        }
        all.push(choice.clone());
    }
    all
}

/// The number of choices of `k` of `n`; `usize::MAX` where it is too large to say.
pub(super) fn binomial(n: usize, k: usize) -> usize {
    let mut result: usize = 1;
    for each in 0..k.min(n.saturating_sub(k)) {
        // Exact: the product of `each + 1` consecutive numbers is divisible by `each + 1` factorial.
        let Some(product) = result.checked_mul(n - each) else { return usize::MAX };
        result = product / (each + 1);
    }
    result
}

#[cfg(test)]
mod tests;
