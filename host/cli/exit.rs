//! Exit codes of the program.
//!
//! Never ends the process: `main` does.

use crate::results::Tally;

/// How the program ends. The codes are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// Every task succeeded.
    Success,
    /// The input is bad, or the results cannot be written.
    BadInput,
    /// Some tasks failed.
    SomeFailed,
    /// No task succeeded, or nothing could be checked.
    NoneSucceeded,
    /// A strategy has a fault that makes its results worthless.
    Caught,
    /// It was interrupted; finished results are kept.
    Interrupted,
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::BadInput => 2,
            Self::SomeFailed => 10,
            Self::NoneSucceeded => 11,
            Self::Caught => 12,
            Self::Interrupted => 130,
        }
    }

    /// The exit of a run with these outcomes.
    pub(super) fn of(tally: &Tally, interrupted: bool) -> Self {
        match (interrupted, tally.failed(), tally.successes()) {
            (true, ..) => Self::Interrupted,
            (false, 0, _) => Self::Success,
            (false, _, 0) => Self::NoneSucceeded,
            (false, ..) => Self::SomeFailed,
        }
    }
}
