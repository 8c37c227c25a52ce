//! The report of `host walk-forward`: in each stretch of time the best combination of the time before, and what it earned.
//!
//! Never runs a strategy: folds are parts of the returns of whole runs.

use std::{collections::BTreeSet, ops::Range};

use serde::{Deserialize, Serialize};

use super::{causal::refuse_look_ahead, error::EvidenceError, fresh::FoldsAnew, report::missing, source::Source};
use crate::{
    metrics::ReturnsPeriod,
    model::Params,
    results::{ReturnsCell, ReturnsError, ReturnsFile},
    store::Store,
    sweep::{Stop, whole},
    trust::{
        FoldReport, Moments, OverRate, Returns as _, Training, TrustError, WalkForward, WalkForwardReport, walk_forward,
    },
};

/// Test parts that the periods make by default, and how many of them the first training part has.
const PARTS: usize = 10;
const TRAINING: usize = 4;

/// The fewest periods of a test part: one return has no Sharpe ratio.
const LEAST: usize = 2;

/// What `host walk-forward` asks.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "server", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct FollowRequest {
    /// Periods by which a combination is chosen; `None` takes four times those of `test`.
    #[serde(deserialize_with = "whole::queried_optional")]
    pub train: Option<usize>,
    /// Periods through which it is followed, at least 2; `None` takes a tenth of all.
    #[serde(deserialize_with = "whole::queried_optional")]
    pub test: Option<usize>,
    /// Whether a combination is chosen by all periods before, of which `train` is the least number.
    pub anchored: bool,
    /// Periods that are left out between the two; `None` takes as many as the combinations hold a position, at most a quarter of
    /// the training part.
    #[serde(deserialize_with = "whole::queried_optional")]
    pub purge: Option<usize>,
    /// The rate that Sharpe ratios are over, a fraction a year; `None` takes that of the sweep's account.
    pub risk_free: Option<f64>,
    /// Whether the winners run through their test parts anew, too, each from cash on. [`FoldsAnew`](super::FoldsAnew) runs them.
    pub fresh: bool,
}

/// The winners of all stretches of time, and what they earned one after another. Sharpe ratios are a year.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FollowReport {
    /// Where training begins: `anchored` or `rolling`.
    pub training: &'static str,
    /// How long a period is.
    pub period: ReturnsPeriod,
    /// Periods of the training part; of the first one where it is anchored.
    pub train: usize,
    /// Periods of the test part.
    pub test: usize,
    /// Periods that are left out between the two.
    pub purge: usize,
    /// The rate that Sharpe ratios are over, a fraction a year.
    pub risk_free: f64,
    /// Combinations that were looked at.
    pub combinations: usize,
    /// Those that were left out, since their returns do not vary.
    pub left_out: usize,
    /// The folds in order of time.
    pub folds: Vec<FollowedFold>,
    /// The Sharpe ratio in sample, a year, the mean of all folds.
    pub sharpe_in_sample: Option<f64>,
    /// The Sharpe ratio out of sample, a year, of all folds together; `None` where nothing varies.
    pub sharpe_out_of_sample: Option<f64>,
    /// The compounded return of all test parts, a fraction.
    pub return_out_of_sample: f64,
    /// The mean return out of sample as a share of that in sample; `None` where the latter is not positive.
    pub efficiency: Option<f64>,
    /// Different combinations among the winners.
    pub different_winners: usize,
    /// Changes of the winner from fold to fold.
    pub changes: usize,
    /// The returns out of sample, each with the last time stamp of its period.
    pub returns: Vec<(String, f64)>,
    /// The folds from cash on, if they ran so ([`with_fresh`](Self::with_fresh)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh: Option<FreshFolds>,
    /// What you should know beside it, one line each.
    pub notes: Vec<String>,
    /// The rate per period, and the periods of a year.
    #[serde(skip)]
    scale: (f64, f64),
}

/// All folds together, each from cash on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FreshFolds {
    /// The Sharpe ratio, a year; `None` if a fold has no returns.
    pub sharpe_out_of_sample: Option<f64>,
    /// The compounded return, a fraction.
    pub return_out_of_sample: Option<f64>,
    /// The return of each period.
    pub returns: Option<Vec<f64>>,
}

/// A fold from cash on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FreshFold {
    /// The Sharpe ratio, a year; `None` if it has no returns.
    pub sharpe: Option<f64>,
    /// What it made of the test part, a fraction.
    #[serde(rename = "return")]
    pub total: Option<f64>,
}

/// A stretch of time, the best combination of the time before, and what it earned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FollowedFold {
    /// The last time stamp of the first period of the test part, ISO 8601.
    pub first: String,
    /// The last time stamp of its last period.
    pub last: String,
    /// The name of the combination.
    pub task_id: String,
    /// Its parameters.
    pub params: Params,
    /// Its Sharpe ratio in the training part, a year.
    pub in_sample: f64,
    /// Its Sharpe ratio in the test part, a year.
    pub out_of_sample: f64,
    /// What it made of the test part, a fraction.
    #[serde(rename = "return")]
    pub total: f64,
    /// Its place among all combinations in the test part, from 0, the worst, to 1, the best.
    pub rank: f64,
    /// Its mean return out of sample as a share of that in sample.
    pub efficiency: Option<f64>,
    /// The same combination from cash on, if it ran so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh: Option<FreshFold>,
    /// The periods of the test part.
    #[serde(skip)]
    pub periods: Range<usize>,
}

impl FollowReport {
    /// The test part of each fold, and the parameters of its winner, for [`FoldsAnew::run`].
    pub fn winners(&self) -> Vec<(Range<usize>, Params)> {
        self.folds.iter().map(|fold| (fold.periods.clone(), fold.params.clone())).collect()
    }

    /// The report with what the winners made of their test parts from cash on.
    #[must_use]
    pub fn with_fresh(mut self, anew: FoldsAnew) -> Self {
        let failed =
            anew.failures.iter().map(|(fold, why)| format!("fold {} has failed when it was run anew: {why}", fold + 1));
        self.notes.extend(failed);
        let folds = &anew.folds;

        let (rate, per_year) = self.scale;
        let sharpe = |returns: &[f32]| {
            let over: Vec<f32> = returns.iter().map(|change| (f64::from(*change) - rate) as f32).collect();
            // As of a slice: what does not vary held no position.
            Moments::of(&over).map_or(0.0, |moments| moments.sharpe()) * per_year.sqrt()
        };
        for (fold, returns) in self.folds.iter_mut().zip(folds) {
            let returns = returns.as_deref();
            fold.fresh = Some(FreshFold { sharpe: returns.map(sharpe), total: returns.map(growth) });
        }
        let whole = folds.iter().map(Option::as_deref).collect::<Option<Vec<_>>>().map(|folds| folds.concat());
        self.fresh = Some(FreshFolds {
            sharpe_out_of_sample: whole.as_deref().map(sharpe),
            return_out_of_sample: whole.as_deref().map(growth),
            returns: whole.map(|whole| whole.into_iter().map(f64::from).collect()),
        });
        self
    }
}

impl FollowRequest {
    /// Answers from the returns in `file`; `store` has what checks have found.
    ///
    /// # Errors
    ///
    /// Returns an error if a part is too short or too long, the strategy looks ahead, the returns cannot be read or say nothing, or
    /// `stop` was stopped.
    pub fn answer(
        &self,
        file: &ReturnsFile,
        store: Option<&Store>,
        stop: &Stop,
    ) -> Result<FollowReport, EvidenceError> {
        let source = Source::new(file, self.risk_free, stop)?;
        let mut notes = refuse_look_ahead(file, store)?;
        notes.extend(missing(&source));
        let splits = self.splits(&source)?;
        let found = walk_forward(&OverRate::new(&source, source.rate()), &splits);
        let found = found.map_err(|error| source.problem(error))?;
        let winners =
            found.folds.iter().map(|fold| file.cell(fold.winner)).collect::<Result<Vec<_>, ReturnsError>>()?;
        let report = Followed { source: &source, found: &found, winners: &winners }.report(splits);
        Ok(FollowReport { notes, ..report })
    }

    fn splits(&self, source: &Source<'_>) -> Result<WalkForward, TrustError> {
        let periods = source.file.periods();
        let test = self.test.unwrap_or_else(|| periods.div_ceil(PARTS).max(LEAST));
        if test < LEAST {
            let (setting, range) = ("the number of periods of a test part", "at least 2");
            return Err(TrustError::Setting { setting, value: test, range });
        }
        let train = self.train.unwrap_or_else(|| test.saturating_mul(TRAINING));
        let purge = source.purge(self.purge, train);
        let rest = periods.saturating_sub(train).saturating_sub(purge) % test;
        Ok(WalkForward {
            training: if self.anchored { Training::Anchored } else { Training::Rolling },
            train,
            test,
            purge,
            // Half of a test part says something, a few days do not.
            keep_short: rest >= test.div_ceil(2).max(LEAST),
        })
    }
}

/// What a report is made of.
struct Followed<'a> {
    source: &'a Source<'a>,
    found: &'a WalkForwardReport,
    /// Of each fold.
    winners: &'a [ReturnsCell],
}

impl Followed<'_> {
    fn report(&self, splits: WalkForward) -> FollowReport {
        let WalkForward { training, train, test, purge, .. } = splits;
        let [sharpe_in_sample, sharpe_out_of_sample] = self.sharpes();
        FollowReport {
            training: if training == Training::Anchored { "anchored" } else { "rolling" },
            period: self.source.file.period(),
            train,
            test,
            purge,
            risk_free: self.source.risk_free,
            combinations: self.found.cells,
            left_out: self.found.left_out,
            folds: self.parts().map(|(fold, winner)| self.fold(fold, winner)).collect(),
            sharpe_in_sample,
            sharpe_out_of_sample,
            return_out_of_sample: growth(
                self.parts().flat_map(|(fold, winner)| &winner.returns[tested(&fold.periods.test)]),
            ),
            efficiency: self.found.efficiency,
            different_winners: self.found.folds.iter().map(|fold| fold.winner).collect::<BTreeSet<_>>().len(),
            changes: self.found.folds.windows(2).filter(|pair| pair[0].winner != pair[1].winner).count(),
            returns: self.returns(),
            fresh: None,
            notes: Vec::new(),
            scale: (self.source.rate(), self.source.per_year()),
        }
    }

    /// Each fold and its winner.
    fn parts(&self) -> impl Iterator<Item = (&FoldReport, &ReturnsCell)> {
        self.found.folds.iter().zip(self.winners)
    }

    fn fold(&self, fold: &FoldReport, winner: &ReturnsCell) -> FollowedFold {
        let test = tested(&fold.periods.test);
        let time = |period| self.source.time(period).unwrap_or_default();
        FollowedFold {
            first: time(test.start),
            last: time(test.end - 1),
            task_id: winner.task_id.clone(),
            params: winner.params.clone(),
            in_sample: self.source.a_year(fold.in_sample),
            out_of_sample: self.source.a_year(fold.out_of_sample),
            total: growth(&winner.returns[test.clone()]),
            rank: fold.rank,
            efficiency: fold.efficiency,
            fresh: None,
            periods: test,
        }
    }

    /// The Sharpe ratio a year in sample, on average, and out of sample, of all folds together.
    fn sharpes(&self) -> [Option<f64>; 2] {
        let folds = &self.found.folds;
        let in_sample = folds.iter().map(|fold| fold.in_sample).sum::<f64>() / folds.len() as f64;
        let out_of_sample = Moments::of(&self.found.returns).map(|moments| moments.sharpe());
        [Some(in_sample), out_of_sample].map(|ratio| ratio.map(|ratio| self.source.a_year(ratio)))
    }

    /// The returns out of sample with their times.
    fn returns(&self) -> Vec<(String, f64)> {
        let of_fold = |(fold, winner): (&FoldReport, &ReturnsCell)| {
            let test = tested(&fold.periods.test);
            let times = test.clone().map(|period| self.source.time(period).unwrap_or_default());
            let returns = winner.returns[test].iter().map(|change| f64::from(*change));
            times.zip(returns).collect::<Vec<_>>()
        };
        self.parts().flat_map(of_fold).collect()
    }
}

/// The periods of a test part, which is one stretch.
fn tested(test: &[Range<usize>]) -> Range<usize> {
    test.first().cloned().unwrap_or_default()
}

/// The compounded return. What is lost is lost: it is -1 once nothing is left.
fn growth<'r>(returns: impl IntoIterator<Item = &'r f32>) -> f64 {
    returns.into_iter().fold(1.0, |equity, change| equity * (1.0 + f64::from(*change)).max(0.0)) - 1.0
}
