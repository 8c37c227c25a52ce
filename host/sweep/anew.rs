//! Combinations that run anew on parts of the data: each with cash at the beginning of its part, where a whole run has what it holds.
//!
//! Never chooses a part or a combination.

use std::sync::Arc;

use super::parallel::ParallelBacktester;
use crate::{
    backtest::{Backtest, Market, Period, Settings, SetupError, Strategy, WorkerState},
    data::Dataset,
    metrics::Metrics,
    model::Params,
    task::{Answer, ParallelTask, SweepEvent},
};

/// A combination and the period that it runs on.
pub type PartRun = (Period, Params);

impl ParallelBacktester {
    /// Runs each of `runs` once, with the account as it begins and the strategy prepared on the bars until the end of its period;
    /// what comes before the period warms it up. The period of `settings` does not count. A run whose period has no bars, or whose
    /// strategy cannot prepare them, is a failed result. `consume` gets the results one by one, in the order of the runs, and
    /// returns whether to go on.
    pub fn run_parts(
        &self,
        (dataset, settings): (&Dataset, &Settings),
        strategy: &Strategy,
        runs: Vec<PartRun>,
        consume: impl FnMut(SweepEvent<Metrics>) -> bool,
    ) {
        let name = &strategy.description().name;
        let task = |number: u64, (_, params): &PartRun| ParallelTask {
            task_id: number.to_string(),
            params: params.clone(),
            strategy_name: name.clone(),
        };
        let set_up = |period: Period| -> Result<Backtest, SetupError> {
            let market = Market::new(dataset.clone(), Settings { period, ..settings.clone() })?;
            Backtest::new(Arc::new(market), strategy.clone())
        };
        let work = |state: &mut WorkerState, (period, params): &PartRun, _: &ParallelTask| match set_up(*period) {
            Ok(backtest) => backtest.run(state, params),
            Err(error) => Answer::native(Err(error.into())),
        };
        self.drive(Some(runs.len() as u64), (0..).zip(runs), task, work, consume);
    }
}
