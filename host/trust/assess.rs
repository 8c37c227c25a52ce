//! The assessment of a sweep: every statistic on the returns of all its cells, and a verdict in words.
//!
//! Never runs a strategy, and never shows anything.

use std::fmt;

use serde::Serialize;

use super::{
    Chosen, CombinatorialPurged, CpcvReport, Cscv, Device, DeviceChoice, Draws, Independent, Interval, Moments,
    OverRate, Overfitting, RealityCheck, Returns, Spa, Superiority, TrustError, cpcv, expected_maximum_sharpe,
    independent_trials, intervals, median_block_length, moments, overfitting, sharpe_variance,
};

/// The deflated Sharpe ratio from which on the best cell is not taken for luck.
const SURE: f64 = 0.95;

/// The probability of overfitting from which on the choice of the best cell tells nothing.
const OVERFITTED: f64 = 0.5;

/// Groups of time of the cross-validation, and how many of them each split tests: 45 splits, 9 paths.
const GROUPS: usize = 10;
const TEST_GROUPS: usize = 2;

/// Cells that are worth fewer independent trials are alike.
const ALIKE: f64 = 1.0 + 1e-9;

/// The level of the intervals.
const LEVEL: f64 = 0.95;

/// What returns are asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// Combinations that were ever tried on these bars (K), with those of other sweeps; at least as many as there are cells.
    pub trials: u64,
    /// The rate per period, as a fraction, that Sharpe ratios and tests are over: 0 is cash without interest.
    pub rate: f64,
    /// Bootstrap draws.
    pub draws: usize,
    /// The mean length of the bootstrap's blocks, in periods; `None` takes [`median_block_length`], but at least the cube root of
    /// the number of periods.
    pub block: Option<f64>,
    /// What the draws begin with.
    pub seed: u64,
    /// The level of the tests: the share of worthless sweeps that may pass for good ones.
    pub alpha: f64,
    /// How the probability of overfitting is computed.
    pub cscv: Cscv,
    /// The device that sums the draws; no number depends on it.
    pub device: DeviceChoice,
}

impl Question {
    /// With 10,000 draws of blocks of a length that the returns say, over cash, at the level of 0.05.
    #[must_use]
    pub fn new(trials: u64) -> Self {
        Self {
            trials,
            rate: 0.0,
            draws: 10_000,
            block: None,
            seed: 1,
            alpha: 0.05,
            cscv: Cscv::default(),
            device: DeviceChoice::default(),
        }
    }
}

/// What the returns of a sweep say about its best cell. Sharpe ratios are per period.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// Periods of each cell.
    pub periods: usize,
    /// Cells.
    pub cells: usize,
    /// Cells whose returns do not vary, which nothing is said about.
    pub left_out: usize,
    /// The cell with the highest Sharpe ratio; of equal ones the lowest number.
    pub best: usize,
    /// Its moments, over the rate.
    pub moments: Moments,
    /// The interval of its Sharpe ratio, over the rate, at the level of 0.95; `None` if the returns of a draw do not vary.
    pub sharpe_interval: Option<Interval>,
    /// The interval of its maximum drawdown, at the same level.
    pub drawdown_interval: Interval,
    /// Combinations that were ever tried (K).
    pub trials: u64,
    /// How many independent ones the cells are worth.
    pub independent: Independent,
    /// The Sharpe ratio that the best of so many worthless trials is expected to have. Trials that are not among the cells are taken
    /// to differ at least as much as chance makes them.
    pub expected_best: f64,
    /// The same for the independent ones among the cells.
    pub expected_best_independent: f64,
    /// The probability that the best cell's true Sharpe ratio is above 0 (PSR). `None`: see [`Moments::probabilistic_sharpe`].
    pub probabilistic: Option<f64>,
    /// The probability that it is above `expected_best` (DSR).
    pub deflated: Option<f64>,
    /// The probability that it is above `expected_best_independent`.
    pub deflated_independent: Option<f64>,
    /// Periods that are needed to be sure, at 0.95, that it is above `expected_best`; `None` where it is not, or cannot be told.
    pub track_record: Option<f64>,
    /// The probability of overfitting, or why it cannot be told.
    pub overfitting: Result<Overfitting, Untold>,
    /// Combinatorial purged cross-validation with 10 groups of time, 2 of them tested in each split, over the rate and with the purge
    /// of the question; or why it cannot be told.
    pub cross_validation: Result<CpcvReport, Untold>,
    /// The mean length of the bootstrap's blocks, in periods.
    pub block: f64,
    /// White's reality check.
    pub reality_check: RealityCheck,
    /// Hansen's test.
    pub spa: Option<Spa>,
    /// The cells that beat the rate at the level of the test, whatever the number of the others (StepM).
    pub superior: Vec<usize>,
    /// The level of the tests.
    pub alpha: f64,
    /// The device that summed the draws, and why. No other number depends on it.
    pub device: Device,
}

/// Why a choice by some of the time cannot be judged by the rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// There are too few periods.
    #[error("{0}")]
    TooShort(String),
    /// There is one combination, or all of them earn the same: nothing was chosen.
    #[error("the combinations of the file do not differ, so that nothing was chosen among them")]
    Alike,
}

/// What a sweep is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Luck explains the best cell.
    Noise,
    /// Some of the tests say so.
    Doubtful,
    /// None of them does.
    Credible,
}

impl Verdict {
    /// The word for it: `noise`, `doubtful` or `credible`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Doubtful => "doubtful",
            Self::Credible => "credible",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Answers `question` from `returns`. They are read some six times.
///
/// # Errors
///
/// Returns an error if returns cannot be read or are not finite, no cell's returns vary, there are too few periods, or a setting is
/// out of its range.
pub fn assess(returns: &dyn Returns, question: &Question) -> Result<Assessment, TrustError> {
    let Question { trials, rate, draws, block, seed, alpha, cscv, device } = *question;
    let of_cells = moments(returns)?;
    let over_rate = |moments: &Option<Moments>| moments.map(|moments| moments.over(rate));
    let mut best: Option<(usize, Moments)> = None;
    let mut ratios = Vec::with_capacity(of_cells.len());
    for (cell, moments) in of_cells.iter().map(over_rate).enumerate().filter_map(|(cell, found)| Some((cell, found?))) {
        ratios.push(moments.sharpe());
        if best.is_none_or(|(_, best)| moments.sharpe() > best.sharpe()) {
            best = Some((cell, moments));
        }
    }
    let (best, moments) = best.ok_or(TrustError::NothingVaries { cells: returns.cells() })?;
    let over = OverRate::new(returns, rate);
    let independent = independent_trials(returns, &of_cells)?;
    let overfitting = match overfitting(&over, &cscv) {
        _ if independent.trials < ALIKE => Err(Untold::Alike),
        Err(error @ TrustError::TooFewPeriods { .. }) if cscv == Cscv::default() => {
            Err(Untold::TooShort(error.to_string()))
        }
        found => Ok(found?),
    };
    let cross_validation =
        if independent.trials < ALIKE { Err(Untold::Alike) } else { cross_validation(&over, cscv.purge)? };
    let variance = sharpe_variance(&ratios).unwrap_or(0.0);
    let trials = trials.max(ratios.len() as u64);
    let expected_best = expected_maximum_sharpe(trials as f64, of_all(variance, &ratios, trials, returns.periods()));
    let expected_best_independent = expected_maximum_sharpe(independent.trials, variance);

    let most = returns.periods() as f64 / 3.0;
    if let Some(value) = block.filter(|block| *block > most) {
        return Err(TrustError::OutOfRange {
            what: "the mean block length",
            value,
            range: "at most a third of the periods",
        });
    }
    let benchmark = vec![rate; returns.periods()];
    let block = match block {
        Some(block) => block,
        // Returns without a memory have short blocks, which cost much and say no more. The cube root of the number of periods is
        // the usual order of a block's length (Hall, Horowitz and Jing 1995).
        None => median_block_length(returns, &benchmark)?.unwrap_or(1.0).max(libm::cbrt(returns.periods() as f64)),
    };
    let draws = Draws::stationary(returns.periods(), draws, block, seed)?;
    let test = Superiority { alpha, ..Superiority::over(&benchmark) };
    let chosen = Chosen::new(device, &draws, returns.cells())?;
    let report = test.test(returns, &draws, chosen.products())?;
    let of_best = super::returns::cell(returns, best)?;
    let over_rate: Vec<f64> = of_best.iter().map(|value| f64::from(*value) - rate).collect();
    Ok(Assessment {
        periods: returns.periods(),
        cells: returns.cells(),
        left_out: returns.cells() - ratios.len(),
        best,
        sharpe_interval: intervals(&over_rate, &draws, LEVEL)?.sharpe,
        drawdown_interval: intervals(&of_best, &draws, LEVEL)?.max_drawdown,
        trials,
        independent,
        expected_best,
        expected_best_independent,
        probabilistic: moments.probabilistic_sharpe(0.0),
        deflated: moments.probabilistic_sharpe(expected_best),
        deflated_independent: moments.probabilistic_sharpe(expected_best_independent),
        track_record: moments.minimum_track_record(expected_best, SURE),
        moments,
        overfitting,
        cross_validation,
        block,
        reality_check: report.reality_check,
        spa: report.spa,
        superior: report.steps.superior,
        alpha,
        device: chosen.device(),
    })
}

/// The variance of the Sharpe ratios of all trials. Those that are not among the cells may differ more than these do, as where the
/// cells surround a winner: they are taken to vary as estimates of a ratio of 0 do, by 1/(n - 1), if that is more.
fn of_all(variance: f64, ratios: &[f64], trials: u64, periods: usize) -> f64 {
    let [known, all] = [ratios.len() as u64, trials].map(|count| count as f64);
    let others = variance.max(1.0 / (periods as f64 - 1.0));
    (known * variance + (all - known) * others) / all
}

/// The winners of all splits of the time, and the paths of what they earned; or why there are none.
fn cross_validation(over: &OverRate<'_>, purge: usize) -> Result<Result<CpcvReport, Untold>, TrustError> {
    let splits = CombinatorialPurged { groups: GROUPS, test_groups: TEST_GROUPS, purge, embargo: 0 };
    match cpcv(over, &splits) {
        Err(error @ TrustError::TooFewPeriods { .. }) => Ok(Err(Untold::TooShort(error.to_string()))),
        found => Ok(Ok(found?)),
    }
}

impl Assessment {
    /// The verdict: `credible` if no test speaks for luck, `noise` if both the deflated Sharpe ratio and Hansen's test do, or the
    /// first and the probability of overfitting, or if no cell has beaten the rate; else `doubtful`.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let [deflated, overfitted, spa] = self.doubts();
        match (deflated, overfitted, spa) {
            _ if self.moments.sharpe() <= 0.0 => Verdict::Noise,
            (false, false, false) => Verdict::Credible,
            (true, true, _) | (true, _, true) => Verdict::Noise,
            _ => Verdict::Doubtful,
        }
    }

    /// Whether the deflated Sharpe ratio, the probability of overfitting and Hansen's test speak for luck. What cannot be told
    /// does, but for overfitting where nothing was chosen.
    #[must_use]
    pub fn doubts(&self) -> [bool; 3] {
        let overfitted = match &self.overfitting {
            Ok(found) => found.probability >= OVERFITTED,
            Err(why) => *why != Untold::Alike,
        };
        let spa = self.spa.as_ref().is_none_or(|spa| spa.consistent > self.alpha);
        [self.deflated.is_none_or(|deflated| deflated < SURE), overfitted, spa]
    }
}
