//! A sweep on the first part of the bars, and its best combinations on the rest.
//!
//! Never ranks: the bars of the rest are seen by those that the first part has chosen only.

use std::{collections::HashMap, str::FromStr};

use super::{
    grid::Plan,
    jobs::KeepResults,
    parallel::ParallelBacktester,
    scope::{Part, Scope},
    stored::StoredCells,
};
use crate::{
    backtest::{Market, Period, Settings, SetupError},
    data::Dataset,
    metrics::Metrics,
    task::ParallelResult,
};

/// The share of the bars that combinations are chosen by: above 0 and below 1. Written `70%` or `0.7`.
///
/// # Examples
///
/// ```
/// use host::sweep::SplitShare;
///
/// assert_eq!("70%".parse(), Ok(SplitShare::new(0.7).unwrap()));
/// assert!("100%".parse::<SplitShare>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitShare(f64);

impl SplitShare {
    /// This share; `None` unless it is above 0 and below 1.
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }
}

impl FromStr for SplitShare {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().map(|percent: f64| percent / 100.0),
            None => text.trim().parse().ok(),
        };
        let problem = || format!("`{text}` is not a share of the bars; give one between 0 and 1, such as `70%`");
        share.and_then(Self::new).ok_or_else(problem)
    }
}

/// Why bars cannot be split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The market cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// There are too few bars.
    #[error("{bars} bars cannot be split into two parts; give more bars, or leave `--split` out")]
    TooFew {
        /// Bars of the period.
        bars: usize,
    },
}

/// Two periods that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// The period that combinations are chosen by.
    pub in_sample: Period,
    /// The period after it.
    pub out_of_sample: Period,
}

impl Split {
    /// Splits the period of `settings` after `share` of its time stamps; each part has one at least.
    ///
    /// # Errors
    ///
    /// Returns an error if the data has no bars in the period, or fewer than two.
    pub fn new(share: SplitShare, dataset: &Dataset, settings: &Settings) -> Result<Self, SplitError> {
        let market = Market::new(dataset.clone(), *settings)?;
        let bars = market.timeline().len();
        let first = ((bars as f64 * share.0).round() as usize).clamp(1, bars.saturating_sub(1).max(1));
        let parts = market.part(0..first).zip(market.part(first..bars));
        let (in_sample, out_of_sample) = parts.ok_or(SplitError::TooFew { bars })?;
        Ok(Self { in_sample, out_of_sample })
    }
}

impl ParallelBacktester {
    /// Runs the combinations of `plan` with the indices `chosen`, each there once, on `scope`, where all instruments are together.
    /// Returns a result for each, in their order; none for one that a stop has kept from running.
    pub fn run_chosen(
        &self,
        scope: &Scope,
        plan: &Plan,
        chosen: &[u64],
        stored: Option<&StoredCells>,
    ) -> Vec<Option<ParallelResult<Metrics>>> {
        let mut indices = chosen.to_vec();
        indices.sort_unstable();
        let mut found = HashMap::new();
        self.sweep_with(scope, &plan.only(indices), Part::all().stored(stored), &KeepResults, |batch| {
            found.extend(batch.results.into_iter().map(|result| (result.index, result)));
            true
        });
        chosen.iter().map(|index| found.remove(index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_split_have_all_bars_once() {
        let (data, settings) = (Dataset::bundled().unwrap(), Settings::default());
        let all = Market::new(data.clone(), settings).unwrap();
        let times = all.timeline().times();
        for share in [1e-9, 0.1, 0.7, 0.999_999_9] {
            let split = Split::new(SplitShare::new(share).unwrap(), &data, &settings).unwrap();
            let of = |period| Market::new(data.clone(), Settings { period, ..settings }).unwrap();
            let (first, rest) = (of(split.in_sample), of(split.out_of_sample));
            assert_eq!([first.timeline().times(), rest.timeline().times()].concat(), times, "{share}");
        }
    }

    #[test]
    fn what_is_not_a_share_is_refused() {
        for text in ["", "0", "1", "70", "-0.1", "nan", "0%", "100%", "x%"] {
            assert!(text.parse::<SplitShare>().unwrap_err().contains("70%"), "{text}");
        }
        assert_eq!("0.7".parse::<SplitShare>(), "70 %".parse());
    }
}
