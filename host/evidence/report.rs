//! The report of `host trust`: every number of the verdict, a year where ratios are concerned.

use serde::Serialize;

use super::{
    combination::Combination,
    cross::CrossValidated,
    error::EvidenceError,
    source::Source,
    trials::{Counted, CountedBy},
    words::{rate_in_words, reasons, words},
};
use crate::{
    metrics::ReturnsPeriod,
    model::Digest,
    results::rounded,
    trust::{Assessment, Overfitting, Question, Range, Spa, Untold, Verdict},
};

/// What the returns of a sweep say of its best combination. Sharpe ratios are a year.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrustReport {
    /// The plugin's name.
    pub plugin: Option<String>,
    /// The fingerprint of the bars.
    pub data_hash: Option<Digest>,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in a sentence or two.
    pub words: String,
    /// What speaks for luck.
    pub reasons: Vec<&'static str>,
    /// What the reader should know beside it.
    pub notes: Vec<String>,
    /// The best combination, by its Sharpe ratio.
    pub best: Combination,
    /// Combinations that have returns.
    pub combinations: usize,
    /// Those of them whose returns do not vary, which nothing is said about.
    pub left_out: usize,
    /// How long a period is.
    pub period: ReturnsPeriod,
    /// Periods of each combination.
    pub periods: usize,
    /// Periods of a year.
    pub periods_per_year: f64,
    /// The rate that must be beaten, a fraction a year.
    pub risk_free: f64,
    /// The Sharpe ratio of the best combination, a year.
    pub sharpe: f64,
    /// Its interval at the level of 0.95, a year; `None` if the returns of a draw do not vary.
    pub sharpe_interval: Option<[f64; 2]>,
    /// The maximum drawdown of the best combination, a fraction.
    pub max_drawdown: f64,
    /// Its interval at the level of 0.95.
    pub max_drawdown_interval: [f64; 2],
    /// The skewness of its returns.
    pub skewness: f64,
    /// Their kurtosis, 3 for a normal distribution.
    pub kurtosis_raw: f64,
    /// Combinations that were ever tried on the bars.
    pub trials: u64,
    /// Who has counted them.
    pub trials_counted_by: CountedBy,
    /// How many independent ones the combinations are worth.
    pub independent_trials: f64,
    /// Its standard error, where it is an estimate.
    pub independent_trials_error: Option<f64>,
    /// The Sharpe ratio a year that the best of so many worthless trials shows on average.
    pub expected_best_sharpe: f64,
    /// The confidence that the true Sharpe ratio is above that.
    pub deflated_sharpe: Option<f64>,
    /// The Sharpe ratio a year that the best of the independent trials shows on average if none is worth anything.
    pub expected_best_sharpe_independent: f64,
    /// The confidence that the true Sharpe ratio is above that.
    pub deflated_independent: Option<f64>,
    /// The confidence that the true Sharpe ratio is above 0.
    pub probabilistic_sharpe: Option<f64>,
    /// Years that are needed to be sure that it is above `expected_best_sharpe`.
    pub track_record_years: Option<f64>,
    /// The probability of overfitting, or why it cannot be told.
    pub overfitting: OverfittingFound,
    /// Combinatorial purged cross-validation, or why there is none.
    pub cross_validation: CrossValidated,
    /// Hansen's test.
    pub spa: Option<SpaFound>,
    /// The p-value of White's reality check.
    pub reality_check: f64,
    /// How many combinations beat the rate, by StepM.
    pub superior: usize,
    /// Their numbers, counted from 0.
    pub superior_combinations: Vec<usize>,
    /// Bootstrap draws.
    pub draws: usize,
    /// What they begin with.
    pub seed: u64,
    /// Blocks of time for the probability of overfitting.
    pub blocks: usize,
    /// Periods that are left out at each boundary between training and test parts.
    pub purge: usize,
    /// The last time stamp of the first period, ISO 8601.
    pub first: Option<String>,
    /// The last time stamp of the last period, ISO 8601.
    pub last: Option<String>,
    /// The level of the tests, a share.
    pub alpha: f64,
    /// The mean length of the bootstrap's blocks, in periods.
    pub block: f64,
}

/// The probability of overfitting (CSCV).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OverfittingFound {
    /// It can be told.
    Known {
        /// The share of splits whose best combination is in the worse half out of sample.
        probability: f64,
        /// The share of splits whose best combination loses out of sample.
        loss: f64,
        /// The slope of Sharpe ratios out of sample over those in sample.
        slope: Option<f64>,
        /// The coefficient of determination of that line.
        r_squared: Option<f64>,
        /// The number of splits.
        splits: usize,
    },
    /// It cannot be told.
    Undefined {
        /// Why.
        undefined: String,
    },
}

/// Hansen's test of superior predictive ability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpaFound {
    /// The lower p-value.
    pub lower: f64,
    /// The consistent p-value: the one to report.
    pub consistent: f64,
    /// The upper p-value.
    pub upper: f64,
    /// The statistic.
    pub statistic: f64,
}

impl TrustReport {
    pub(super) fn new(
        source: &Source<'_>,
        question: &Question,
        found: &Assessment,
        counted: Counted,
    ) -> Result<Self, EvidenceError> {
        let range = |range: Range| [range.low, range.high];
        let reasons = reasons(found);
        let device = found.device.is_remarkable().then(|| format!("the draws are summed on {}", found.device));
        Ok(Self {
            plugin: source.sweep.as_ref().map(|sweep| sweep.request.plugin.clone()),
            data_hash: source.sweep.as_ref().map(|sweep| sweep.data_hash),
            verdict: found.verdict(),
            words: words(found, &reasons, source.risk_free),
            reasons,
            notes: missing(source).into_iter().chain(counted.problem).chain(device).collect(),
            best: Combination::of(source.file, found.best)?,
            combinations: found.cells,
            left_out: found.left_out,
            period: source.file.period(),
            periods: found.periods,
            periods_per_year: source.per_year(),
            risk_free: source.risk_free,
            sharpe: source.a_year(found.moments.sharpe()),
            sharpe_interval: found
                .sharpe_interval
                .as_ref()
                .map(|found| range(found.percentile).map(|ratio| source.a_year(ratio))),
            max_drawdown: found.drawdown_interval.estimate,
            max_drawdown_interval: range(found.drawdown_interval.percentile),
            skewness: found.moments.skewness,
            kurtosis_raw: found.moments.kurtosis,
            trials: found.trials,
            trials_counted_by: counted.by,
            independent_trials: found.independent.trials,
            independent_trials_error: found.independent.standard_error,
            expected_best_sharpe: source.a_year(found.expected_best),
            deflated_sharpe: found.deflated,
            expected_best_sharpe_independent: source.a_year(found.expected_best_independent),
            deflated_independent: found.deflated_independent,
            probabilistic_sharpe: found.probabilistic,
            track_record_years: found.track_record.map(|periods| periods / source.per_year()),
            overfitting: OverfittingFound::of(&found.overfitting),
            cross_validation: CrossValidated::of(&found.cross_validation, source)?,
            spa: found.spa.as_ref().map(SpaFound::of),
            reality_check: found.reality_check.p,
            superior: found.superior.len(),
            superior_combinations: found.superior.clone(),
            draws: question.draws,
            seed: question.seed,
            blocks: question.cscv.blocks,
            purge: question.cscv.purge,
            first: source.time(0),
            last: source.file.times().len().checked_sub(1).and_then(|last| source.time(last)),
            alpha: found.alpha,
            block: found.block,
        })
    }

    /// The verdict, and what it means.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("verdict: {}. {}", self.verdict, self.words)
    }

    /// What must be beaten, in words: `cash`, or a rate.
    #[must_use]
    pub fn rate(&self) -> String {
        rate_in_words(self.risk_free)
    }

    /// A share of the draws as text: one that none of them has is below the least.
    #[must_use]
    pub fn p(&self, value: f64) -> String {
        if value == 0.0 { format!("< {}", rounded(1.0 / self.draws as f64)) } else { rounded(value) }
    }
}

/// Says that combinations of the sweep are missing.
pub(super) fn missing(source: &Source<'_>) -> Option<String> {
    let there = source.file.len();
    let planned = source.sweep.as_ref()?.cells.filter(|cells| *cells > there as u64)?;
    Some(format!(
        "{there} of {planned} combinations have returns; the others failed, or the sweep was interrupted before them"
    ))
}

impl OverfittingFound {
    fn of(found: &Result<Overfitting, Untold>) -> Self {
        match found {
            Err(why) => Self::Undefined { undefined: why.to_string() },
            Ok(found) => Self::Known {
                probability: found.probability,
                loss: found.loss,
                slope: found.slope,
                r_squared: found.r_squared,
                splits: found.splits.len(),
            },
        }
    }
}

impl SpaFound {
    fn of(&Spa { lower, consistent, upper, statistic, .. }: &Spa) -> Self {
        Self { lower, consistent, upper, statistic }
    }
}
