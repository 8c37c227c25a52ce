//! The report of `host monte-carlo`: one combination with its trades drawn again, and on bars with noise.
//!
//! Never draws: the sweep's backtester does.

use serde::{Deserialize, Serialize};

use super::{
    error::{EvidenceError, MOST_COPIES},
    request::check_draws,
};
use crate::{
    backtest::{Backtest, WorkerState},
    metrics::Metrics,
    model::Params,
    sweep::{LUCK_LEVELS, NoisyCopies, NoisyReport, ParallelBacktester, RedrawError, RedrawnTrades},
    task::SweepEvent,
};

/// What `host monte-carlo` asks.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LuckRequest {
    /// How often the trades are shuffled, and how often they are resampled: 100 to 1000000.
    pub draws: usize,
    /// Copies of the bars with noise; 0 leaves them out.
    pub runs: u64,
    /// The strength of the noise, as a share of the average true range: from 0 to 1.
    pub noise: f64,
    /// What the draws begin with: the same seed draws the same.
    pub seed: u64,
}

impl Default for LuckRequest {
    fn default() -> Self {
        Self { draws: 10_000, runs: 100, noise: 0.1, seed: 1 }
    }
}

/// Hears of each copy that is done.
pub type CopyListener<'a> = &'a mut dyn FnMut(&SweepEvent<Metrics>);

impl LuckRequest {
    /// Runs `params` once on the bars as they are, draws its trades again, and runs it on copies of the bars.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is out of its range, or the run fails.
    pub fn answer(
        &self,
        backtester: &ParallelBacktester,
        backtest: &Backtest,
        params: &Params,
        listener: CopyListener<'_>,
    ) -> Result<LuckReport, EvidenceError> {
        self.check(backtest)?;
        let mut state = WorkerState::default();
        let answer = backtest.run(&mut state, params);
        if backtester.stop_handle().is_stopped() {
            return Err(EvidenceError::Stopped);
        }
        self.of_run(backtester, backtest, (params, answer.outcome?, state), listener)
    }

    /// The same of a combination that has just run, with its parameters, its metrics and its books.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is out of its range.
    pub fn of_run(
        &self,
        backtester: &ParallelBacktester,
        backtest: &Backtest,
        (params, metrics, state): (&Params, Metrics, WorkerState),
        listener: CopyListener<'_>,
    ) -> Result<LuckReport, EvidenceError> {
        self.check(backtest)?;
        let trades = backtester.redraw_trades((backtest.market(), state.ledger()), self.draws, self.seed);
        // The books are not needed any more, and copies of the bars take memory.
        drop(state);
        let strategy = backtest.strategy();
        Ok(LuckReport {
            strategy_name: strategy.description().name.clone(),
            plugin_hash: strategy.digest().map(|digest| digest.to_string()),
            data_hash: backtest.market().dataset().fingerprint().to_string(),
            params: params.clone(),
            levels: LUCK_LEVELS,
            trades: trades.into(),
            noise: self.noise(backtester, backtest, (params, &metrics), listener),
            metrics,
        })
    }

    fn check(&self, backtest: &Backtest) -> Result<(), EvidenceError> {
        check_draws(self.draws)?;
        let has_detail = backtest.market().dataset().series().iter().any(|series| series.detail.is_some());
        if self.runs > 0 && has_detail {
            return Err(EvidenceError::NoiseOfDetail);
        }
        if self.runs > MOST_COPIES {
            return Err(EvidenceError::Copies(self.runs));
        }
        if !(0.0..=1.0).contains(&self.noise) {
            return Err(EvidenceError::Noise(self.noise));
        }
        Ok(())
    }

    fn noise(
        &self,
        backtester: &ParallelBacktester,
        backtest: &Backtest,
        (params, metrics): (&Params, &Metrics),
        listener: CopyListener<'_>,
    ) -> Option<NoisyReport> {
        if self.runs == 0 {
            return None;
        }
        let copies = NoisyCopies { count: self.runs, strength: self.noise, seed: self.seed };
        let mut results = Vec::new();
        backtester.run_noisy(backtest, params, copies, |event| {
            listener(&event);
            results.push(event.result);
            true
        });
        Some(NoisyReport::new(copies, metrics, &results))
    }
}

/// One combination with its trades drawn again, and on bars with noise.
#[derive(Debug, Clone, Serialize)]
pub struct LuckReport {
    /// The name of the strategy.
    pub strategy_name: String,
    /// Its hash.
    pub plugin_hash: Option<String>,
    /// The fingerprint of its bars.
    pub data_hash: String,
    /// The parameters.
    pub params: Params,
    /// Of the run on the bars as they are.
    pub metrics: Metrics,
    /// The levels of all quantiles.
    pub levels: [f64; 5],
    /// The trades in other orders, and drawn with replacement.
    pub trades: Redrawn,
    /// Runs on copies of the bars; `None` where none are asked for.
    pub noise: Option<NoisyReport>,
}

/// Trades that are drawn again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Redrawn {
    /// There are some.
    Known(RedrawnTrades),
    /// There are none.
    Undefined {
        /// Why.
        undefined: String,
    },
}

impl From<Result<RedrawnTrades, RedrawError>> for Redrawn {
    fn from(drawn: Result<RedrawnTrades, RedrawError>) -> Self {
        match drawn {
            Ok(trades) => Self::Known(trades),
            Err(why) => Self::Undefined { undefined: why.to_string() },
        }
    }
}
