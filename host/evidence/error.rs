//! Why a file of returns does not answer.

use crate::{results::ReturnsError, trust::TrustError};

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
    #[error(
        "`{name}` looks ahead, as `host check` has found, so that its returns prove nothing; mend it, and run the sweep again"
    )]
    LooksAhead {
        /// The strategy.
        name: String,
    },
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
