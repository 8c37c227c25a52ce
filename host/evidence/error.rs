//! Why a file of returns does not answer.

use crate::{
    backtest::SetupError,
    metrics::ReturnsPeriod,
    model::ParamError,
    results::ReturnsError,
    sandbox::{PluginError, SandboxError},
    task::TaskError,
    trust::TrustError,
};

/// The most copies of the bars with noise.
pub const MOST_COPIES: u64 = 1_000_000;

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Fewer trials are given than the sweep has combinations.
    #[error(
        "the number of trials is {given}, and this sweep alone has {there}; give at least that many, or leave it out"
    )]
    TooFewTrials {
        /// Trials that are given.
        given: u64,
        /// Combinations of the sweep.
        there: u64,
    },
    /// The strategy looks ahead.
    #[error("{found}, so that its returns prove nothing; {way_out}")]
    LooksAhead {
        /// What a check has found.
        found: String,
        /// What to do.
        way_out: &'static str,
    },
    /// Folds are to run anew with what the file is not of.
    #[error("the returns are of another plugin or other data; give those of the sweep")]
    OtherSweep,
    /// Folds are to run anew on data with other periods.
    #[error("the data has other {0}s than the returns; give the data of the sweep")]
    OtherPeriods(ReturnsPeriod),
    /// The combination of a fold does not fit the strategy.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// Too many copies of the bars.
    #[error("{0} copies of the bars are too many; give 0 to {MOST_COPIES}")]
    Copies(u64),
    /// Copies of the bars with noise cannot be made of finer bars.
    #[error(
        "this combination trades by finer bars, of which copies with noise cannot be made; leave out the noise (0 runs), or the finer bars"
    )]
    NoiseOfDetail,
    /// The strength of noise is not one.
    #[error("{0} is not a strength of noise; give a share of the average true range from 0 to 1")]
    Noise(f64),
    /// The combination has failed.
    #[error("the combination failed")]
    Run(#[from] TaskError),
    /// Strategy and data do not go together.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The strategy cannot be loaded once more for a check.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The strategy cannot be loaded once more for a check.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// It was stopped.
    #[error("it was stopped before it was finished")]
    Stopped,
    /// The returns cannot be read.
    #[error(transparent)]
    Returns(#[from] ReturnsError),
    /// A statistic cannot be computed.
    #[error(transparent)]
    Trust(#[from] TrustError),
}
