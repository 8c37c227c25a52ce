//! A sweep on the first part of the bars, and its best combinations on the rest.
//!
//! Never ranks: the bars of the rest are seen by those that the first part has chosen only.

use std::collections::HashMap;

use serde::Serialize;

use super::{
    elsewhere::Elsewhere,
    grid::Plan,
    jobs::KeepResults,
    parallel::ParallelBacktester,
    rank_by::SplitShare,
    request::{BoundRequest, SweepRequest},
    scope::{Part, Scope},
    standings::RankedResult,
    stored::StoredCells,
};
use crate::{
    backtest::{Market, Period, Settings, SetupError},
    data::Dataset,
    metrics::Metrics,
    model::format_time,
    task::ParallelResult,
};

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
        let market = Market::new(dataset.clone(), Settings { benchmark: None, ..settings.clone() })?;
        let bars = market.timeline().len();
        let first = ((bars as f64 * share.get()).round() as usize).clamp(1, bars.saturating_sub(1).max(1));
        let parts = market.part(0..first).zip(market.part(first..bars));
        let (in_sample, out_of_sample) = parts.ok_or(SplitError::TooFew { bars })?;
        Ok(Self { in_sample, out_of_sample })
    }

    /// The split that `request` asks for, if it does. Request and binding are those of a sweep on the first part from then on.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn of(
        request: &mut SweepRequest,
        bound: &mut BoundRequest,
        dataset: &Dataset,
    ) -> Result<Option<Self>, SplitError> {
        let Some(share) = request.split.take() else { return Ok(None) };
        let split = Self::new(share, dataset, &bound.settings)?;
        (request.period, bound.settings.period) = (split.in_sample, split.in_sample);
        Ok(Some(split))
    }
}

/// What the ranked combinations of a sweep made of the bars after it.
#[derive(Debug, Clone, Serialize)]
pub struct OutOfSample {
    /// The bars of the sweep.
    pub in_sample: Stretch,
    /// The bars after them.
    pub out_of_sample: Stretch,
    /// Of each combination, in the order of the ranking; `None` of one that was not run.
    pub results: Vec<Option<AfterResult>>,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stretch {
    /// The period.
    pub period: Period,
    /// Its first time stamp, ISO 8601.
    pub first: String,
    /// Its last time stamp, ISO 8601.
    pub last: String,
}

impl Stretch {
    fn of(market: &Market) -> Self {
        let times = market.timeline().times();
        let text = |time: Option<&i64>| time.map_or_else(String::new, |time| format_time(*time));
        Self { period: market.settings().period, first: text(times.first()), last: text(times.last()) }
    }
}

/// What a combination made of the bars after those that chose it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AfterResult {
    /// The name of the combination.
    pub task_id: String,
    /// Its metrics; `None` if it failed.
    pub metrics: Option<Metrics>,
    /// Why it failed.
    pub error_message: Option<String>,
}

impl OutOfSample {
    /// Runs the `ranked` combinations of `plan`, which has run on `scope`, the first part of a split, on `rest`, the second part.
    pub fn run(
        rest: &Elsewhere,
        (plan, scope): (&Plan, &Scope),
        ranked: &[RankedResult],
        backtester: &ParallelBacktester,
    ) -> Self {
        let chosen: Vec<_> = ranked.iter().map(|ranked| ranked.row.index).collect();
        let results = backtester.run_chosen(&rest.scope, plan, &chosen, rest.stored.as_ref());
        if let Some(stored) = &rest.stored {
            stored.finish();
        }
        let after = |result: ParallelResult<Metrics>| {
            let ParallelResult { task_id, result: metrics, error_message, .. } = result;
            AfterResult { task_id, metrics, error_message }
        };
        Self {
            in_sample: Stretch::of(scope.market()),
            out_of_sample: Stretch::of(rest.scope.market()),
            results: results.into_iter().map(|result| result.map(after)).collect(),
        }
    }

    /// The value of `metric` of each combination.
    pub fn values(&self, metric: &str) -> Vec<Option<f64>> {
        let value = |result: &Option<AfterResult>| result.as_ref()?.metrics.as_ref()?.get(metric)?;
        self.results.iter().map(value).collect()
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
        let all = Market::new(data.clone(), settings.clone()).unwrap();
        let times = all.timeline().times();
        for share in [1e-9, 0.1, 0.7, 0.999_999_9] {
            let split = Split::new(SplitShare::new(share).unwrap(), &data, &settings).unwrap();
            let of = |period| Market::new(data.clone(), Settings { period, ..settings.clone() }).unwrap();
            let (first, rest) = (of(split.in_sample), of(split.out_of_sample));
            assert_eq!([first.timeline().times(), rest.timeline().times()].concat(), times, "{share}");
        }
    }
}
