//! What the returns of a sweep are asked about its best combination, and the answer.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::{
    causal::refuse_look_ahead,
    error::EvidenceError,
    report::TrustReport,
    source::Source,
    trials::{Counted, count},
};
use crate::{
    results::ReturnsFile,
    store::Store,
    sweep::{Stop, whole},
    trust::{Cscv, DeviceChoice, Question, TrustError, assess},
};

/// Bootstrap draws that may be asked for.
pub const DRAWS: RangeInclusive<usize> = 100..=1_000_000;

/// Refuses a number of draws that is out of its range.
pub(super) fn check_draws(draws: usize) -> Result<(), TrustError> {
    if DRAWS.contains(&draws) {
        return Ok(());
    }
    Err(TrustError::Setting { setting: "the number of draws", value: draws, range: "100 to 1000000" })
}

/// What `host trust` asks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "server", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct TrustRequest {
    /// Combinations that were ever tried on these bars; `None` takes what the store has counted.
    #[serde(deserialize_with = "whole::queried_optional")]
    pub trials: Option<u64>,
    /// The rate that must be beaten, a fraction a year; `None` takes that of the sweep's account.
    pub risk_free: Option<f64>,
    /// Bootstrap draws.
    #[serde(deserialize_with = "whole::queried")]
    pub draws: usize,
    /// The mean length of the bootstrap's blocks, in periods; `None` takes what the returns say.
    pub block: Option<f64>,
    /// What the draws begin with.
    #[serde(deserialize_with = "whole::queried")]
    pub seed: u64,
    /// The level of the tests, a share.
    pub alpha: f64,
    /// Blocks of time for the probability of overfitting: an even number up to 20.
    #[serde(deserialize_with = "whole::queried")]
    pub blocks: usize,
    /// Periods that are left out at each boundary between training and test parts; `None` takes as many as the combinations hold a
    /// position, at most a quarter of a block.
    #[serde(deserialize_with = "whole::queried_optional")]
    pub purge: Option<usize>,
    /// The device that sums the draws; no number depends on it: `auto`, `cpu` or `cuda`.
    #[cfg_attr(feature = "server", param(inline))]
    pub device: DeviceChoice,
}

impl Default for TrustRequest {
    fn default() -> Self {
        let Question { draws, block, seed, alpha, device, cscv: Cscv { blocks, .. }, .. } = Question::new(1);
        Self { trials: None, risk_free: None, draws, block, seed, alpha, blocks, purge: None, device }
    }
}

impl TrustRequest {
    /// Answers from the returns in `file`; the trials on the same bars are those that `store` has counted.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is out of its range, the returns cannot be read or say nothing, or `stop` was stopped.
    pub fn answer(&self, file: &ReturnsFile, store: Option<&Store>, stop: &Stop) -> Result<TrustReport, EvidenceError> {
        check_draws(self.draws)?;
        let source = Source::new(file, self.risk_free, stop)?;
        let causality = refuse_look_ahead(file, store)?;
        let counted = count(self.trials, &source, store)?;
        let question = self.question(&counted, &source);
        let found = assess(&source, &question).map_err(|error| source.problem(error))?;
        let report = TrustReport::new(&source, &question, &found, counted)?;
        Ok(TrustReport { notes: [causality, report.notes].concat(), ..report })
    }

    fn question(&self, counted: &Counted, source: &Source<'_>) -> Question {
        let &Self { draws, block, seed, alpha, blocks, purge, device, .. } = self;
        let purge = source.purge(purge, source.file.times().len() / blocks.max(1));
        let (trials, rate) = (counted.trials, source.rate());
        Question { trials, rate, draws, block, seed, alpha, cscv: Cscv { blocks, purge }, device }
    }
}
