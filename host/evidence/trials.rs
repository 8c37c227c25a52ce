//! The number of trials: combinations that were ever tried on the bars, and who has counted them.

use serde::Serialize;

use super::{error::EvidenceError, source::Source};
use crate::{store::Store, sweep::with_causes};

/// Who has counted the trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CountedBy {
    /// Whoever asks.
    Option,
    /// The store.
    Store,
    /// The sweep alone.
    Sweep,
}

/// How many combinations were tried, who says so, and what kept the store from saying it.
pub(super) struct Counted {
    pub(super) trials: u64,
    pub(super) by: CountedBy,
    pub(super) problem: Option<String>,
}

/// Counts the trials on the bars of `source`: `given` ones, else those of `store`, else those of the sweep.
pub(super) fn count(given: Option<u64>, source: &Source<'_>, store: Option<&Store>) -> Result<Counted, EvidenceError> {
    let there = source.file.len() as u64;
    let counted = |trials, by, problem| Ok(Counted { trials, by, problem });
    if let Some(given) = given {
        return if given < there {
            Err(EvidenceError::TooFewTrials { given, there })
        } else {
            counted(given, CountedBy::Option, None)
        };
    }
    let (Some(sweep), Some(store)) = (&source.sweep, store) else { return counted(there, CountedBy::Sweep, None) };
    match store.trials_on(sweep.data_hash) {
        Ok(0) => counted(there, CountedBy::Sweep, None),
        Ok(trials) => counted(trials.max(there), CountedBy::Store, None),
        Err(error) => {
            let problem = format!("the store does not say how many combinations were tried: {}", with_causes(&error));
            counted(there, CountedBy::Sweep, Some(problem))
        }
    }
}
