//! Bars with noise: one combination on copies of the bars whose prices are a little off, and what comes of it.
//!
//! Never keeps a copy: the worker that runs it makes it. Nothing of it is a trial, and nothing goes to the store.

use std::sync::Arc;

use serde::Serialize;

use super::{parallel::ParallelBacktester, redrawn::LUCK_LEVELS};
use crate::{
    backtest::{Backtest, Market, Settings, SetupError, WorkerState},
    broker,
    data::{DataError, Dataset},
    metrics::{Metrics, Selection},
    model::{Params, Series},
    task::{Answer, ErrorKind, ParallelResult, ParallelTask, SweepEvent, TaskError},
    trust::{Bars, Noise, NoiseError, sorted_quantile},
};

/// The metrics that runs on copies are measured by.
pub const NOISY_METRICS: [&str; 4] = ["total_return", "sharpe", "max_drawdown", "trades"];

/// The copies that a combination runs on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoisyCopies {
    /// How many there are.
    pub count: u64,
    /// The standard deviation of a close's noise, as a share of the average true range: from 0 to 1.
    pub strength: f64,
    /// What all noise follows from.
    pub seed: u64,
}

impl NoisyCopies {
    /// Copy `number` of `dataset`, counted from 1: other prices, and all else as it is. Prices that move are multiples of the tick
    /// of their instrument, else of the `account`'s. A strength of 0 changes nothing, unless an open or a close lies outside of
    /// its low and high.
    ///
    /// # Errors
    ///
    /// Returns an error if the strength or a price is out of its range.
    pub fn of(&self, dataset: &Dataset, account: &broker::Settings, number: u64) -> Result<Dataset, NoisyError> {
        let noise = Noise { strength: self.strength, seed: self.seed };
        let noisy = |(at, series): (u64, &Series)| -> Result<Series, NoiseError> {
            let tick = account.for_contract(&series.contract).tick;
            let Series { open, high, low, close, .. } = series;
            let bars = Bars { open: Some(open), high: Some(high), low: Some(low), close, tick };
            let prices = noise.apply(&bars, number, at)?;
            let [open, high, low] = [prices.open, prices.high, prices.low].map(Option::unwrap_or_default);
            Ok(Series { open, high, low, close: prices.close, detail: None, ..series.clone() })
        };
        let series = (0..).zip(dataset.series()).map(noisy).collect::<Result<Vec<_>, _>>()?;
        // A price above zero stays above zero.
        Ok(Dataset::with_negative_prices(series)?)
    }
}

/// Why there is no copy to run on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoisyError {
    /// There is no noise for the bars.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// The prices of the copy are not those of bars.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The strategy cannot be set up on it.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl From<NoisyError> for TaskError {
    fn from(error: NoisyError) -> Self {
        match error {
            NoisyError::Setup(error) => error.into(),
            NoisyError::Noise(_) | NoisyError::Data(_) => Self::failed(error.to_string()),
        }
    }
}

impl ParallelBacktester {
    /// Runs `params` once on each of `copies` of the bars of `backtest`: its strategy, prepared anew, under its account and in
    /// its period. `consume` gets the results one by one, in the order of the copies, measured by [`NOISY_METRICS`], and returns
    /// whether to go on. A copy that cannot be made or prepared is a failed result.
    pub fn run_noisy(
        &self,
        backtest: &Backtest,
        params: &Params,
        copies: NoisyCopies,
        consume: impl FnMut(SweepEvent<Metrics>) -> bool,
    ) {
        let name = &backtest.strategy().description().name;
        let task = |_, copy: &u64| ParallelTask {
            task_id: format!("copy {copy}"),
            params: params.clone(),
            strategy_name: name.clone(),
        };
        let work = |state: &mut WorkerState, copy: &u64, _: &ParallelTask| match on_copy(backtest, copies, *copy) {
            Ok(backtest) => backtest.run(state, params),
            Err(error) => Answer::native(Err(error.into())),
        };
        self.drive(Some(copies.count), (0..).zip(1..=copies.count), task, work, consume);
    }
}

/// The strategy of `backtest`, prepared on copy `number` of its bars.
fn on_copy(backtest: &Backtest, copies: NoisyCopies, number: u64) -> Result<Backtest, NoisyError> {
    let market = backtest.market();
    let dataset = copies.of(market.dataset(), &market.settings().account, number)?;
    // All of these names are metrics.
    let metrics = Selection::of(NOISY_METRICS).unwrap_or_default();
    let market =
        Market::new(dataset, Settings { metrics, returns: None, benchmark: None, ..market.settings().clone() })?;
    Ok(Backtest::new(Arc::new(market), backtest.strategy().clone())?)
}

/// What runs on copies of the bars with noise amount to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NoisyReport {
    /// The standard deviation of a close's noise, as a share of the average true range.
    pub strength: f64,
    /// What all noise follows from.
    pub seed: u64,
    /// Copies that were asked for.
    pub asked: u64,
    /// Copies that could not be run.
    pub failed: u64,
    /// Copies with a return below zero, of those that ran; `None` if none did.
    pub losing: Option<CopyShare>,
    /// Copies whose Sharpe ratio is undefined or below half of that on the bars as they are; `None` where that is not above zero,
    /// or no copy ran.
    pub below_half_sharpe: Option<CopyShare>,
    /// Each of [`NOISY_METRICS`].
    pub metrics: Vec<MetricOverCopies>,
    /// The copies that were begun before a stop, in their order.
    pub copies: Vec<NoisyRun>,
}

/// Copies of which something is true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CopyShare {
    /// How many.
    pub count: u64,
    /// The same as a share of those that ran.
    pub share: f64,
}

/// A metric on the bars as they are and over the copies.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricOverCopies {
    /// Its name.
    pub metric: &'static str,
    /// Its value on the bars as they are.
    pub value: Option<f64>,
    /// Copies on which it is defined.
    pub defined: usize,
    /// Its quantiles over these at [`LUCK_LEVELS`], ascending; none where there are no such copies.
    pub quantiles: Vec<f64>,
}

/// The run on one copy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NoisyRun {
    /// The number of the copy, counted from 1.
    pub copy: u64,
    /// The return of the whole period, a fraction.
    pub total_return: Option<f64>,
    /// The Sharpe ratio a year.
    pub sharpe: Option<f64>,
    /// The deepest fall of equity from a peak, a share: zero or negative.
    pub max_drawdown: Option<f64>,
    /// Closed trades.
    pub trades: Option<f64>,
    /// The class of the failure, if it has failed.
    pub error_kind: Option<ErrorKind>,
    /// The failure in words.
    pub error_message: Option<String>,
}

impl NoisyReport {
    /// Sums up the `results` of [`run_noisy`](ParallelBacktester::run_noisy) on `copies`, beside the metrics on the bars as they
    /// are.
    pub fn new(copies: NoisyCopies, original: &Metrics, results: &[ParallelResult<Metrics>]) -> Self {
        let ran: Vec<&Metrics> = results.iter().filter_map(|result| result.result.as_ref()).collect();
        let half = original.sharpe.filter(|sharpe| *sharpe > 0.0).map(|sharpe| sharpe / 2.0);
        let is_below = |half: f64| share(&ran, |metrics| metrics.sharpe.is_none_or(|sharpe| sharpe < half));
        Self {
            strength: copies.strength,
            seed: copies.seed,
            asked: copies.count,
            failed: (results.len() - ran.len()) as u64,
            losing: share(&ran, |metrics| metrics.total_return.is_some_and(|change| change < 0.0)),
            below_half_sharpe: half.and_then(is_below),
            metrics: NOISY_METRICS.iter().map(|name| MetricOverCopies::new(name, original, &ran)).collect(),
            copies: results.iter().map(NoisyRun::new).collect(),
        }
    }

    /// Copies that have a result.
    pub fn ran(&self) -> u64 {
        self.copies.len() as u64 - self.failed
    }

    /// Whether a stop has left copies out.
    pub fn is_interrupted(&self) -> bool {
        (self.copies.len() as u64) < self.asked
    }
}

/// The runs of which `is_true` holds.
fn share(ran: &[&Metrics], is_true: impl Fn(&Metrics) -> bool) -> Option<CopyShare> {
    let count = ran.iter().filter(|metrics| is_true(metrics)).count() as u64;
    (!ran.is_empty()).then(|| CopyShare { count, share: count as f64 / ran.len() as f64 })
}

impl MetricOverCopies {
    fn new(metric: &'static str, original: &Metrics, ran: &[&Metrics]) -> Self {
        let value = |metrics: &Metrics| metrics.get(metric).flatten();
        let mut values: Vec<f64> = ran.iter().filter_map(|metrics| value(metrics)).collect();
        values.sort_by(f64::total_cmp);
        let quantiles = LUCK_LEVELS.iter().filter_map(|level| sorted_quantile(&values, *level)).collect();
        Self { metric, value: value(original), defined: values.len(), quantiles }
    }
}

impl NoisyRun {
    fn new(result: &ParallelResult<Metrics>) -> Self {
        let metrics = result.result.unwrap_or_default();
        Self {
            copy: result.index + 1,
            total_return: metrics.total_return,
            sharpe: metrics.sharpe,
            max_drawdown: metrics.max_drawdown,
            trades: metrics.trades,
            error_kind: result.error_kind,
            error_message: result.error_message.clone(),
        }
    }
}
