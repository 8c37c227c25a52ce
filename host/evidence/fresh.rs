//! Walk-forward with folds from cash on: the winner of each fold once more, on its test part alone.
//!
//! Never chooses a winner.

use std::ops::Range;

use super::error::EvidenceError;
use crate::{
    backtest::{Market, Settings, Strategy},
    data::Dataset,
    model::Params,
    results::ReturnsFile,
    sweep::{ParallelBacktester, PartRun, Provenance},
};

/// What the winners have made of their test parts, each from cash on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FoldsAnew {
    /// Of each fold the returns of its periods; `None` of one that failed or was not run.
    pub folds: Vec<Option<Vec<f32>>>,
    /// The folds that failed, counted from 0, and why.
    pub failures: Vec<(usize, String)>,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

impl FoldsAnew {
    /// Runs the winner of each of `folds` through the periods of its test part; both are of the returns in `file`. It runs as the
    /// sweep of the file ran: `strategy` on
    /// `dataset`, by `settings`. `listener` hears how many are done, and how many of them have failed.
    ///
    /// # Errors
    ///
    /// Returns an error if strategy, data or settings are not those of the sweep.
    pub fn run(
        file: &ReturnsFile,
        folds: Vec<(Range<usize>, Params)>,
        (strategy, dataset, settings): (&Strategy, &Dataset, &Settings),
        backtester: &ParallelBacktester,
        listener: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, EvidenceError> {
        let settings = Settings { returns: Some(file.period()), benchmark: None, ..settings.clone() };
        let market = Market::new(dataset.clone(), settings.clone())?;
        let is_of_sweep = Provenance::of_facts(|name| file.fact(name))
            .is_some_and(|ran| ran.plugin_hash == strategy.digest() && ran.data_hash == market.dataset().fingerprint());
        if !is_of_sweep {
            return Err(EvidenceError::OtherSweep);
        }
        if market.period_times().as_deref() != Some(file.times()) {
            return Err(EvidenceError::OtherPeriods(file.period()));
        }
        let count = folds.len();
        let run = |(periods, params): (Range<usize>, Params)| -> Result<PartRun, EvidenceError> {
            let part = market.stamps_of_periods(periods).and_then(|stamps| market.part(stamps));
            let part = part.ok_or(EvidenceError::OtherPeriods(file.period()))?;
            Ok((part, strategy.description().resolve(&params)?))
        };
        let runs: Vec<_> = folds.into_iter().map(run).collect::<Result<_, _>>()?;
        let mut found = Self::default();
        backtester.run_parts((dataset, &settings), strategy, runs, |event| {
            let fold = found.folds.len();
            found.failures.extend(event.result.error_message.map(|error| (fold, error)));
            let returns = event.result.returns;
            found.folds.push((!returns.is_empty()).then_some(returns));
            listener(event.done, event.failed);
            true
        });
        found.interrupted = found.folds.len() < count;
        found.folds.resize(count, None);
        Ok(found)
    }
}
