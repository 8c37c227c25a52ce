//! The failures of a sweep by kind, as the command line prints them and the server sends them.
//!
//! Never counts a failure: a tally has done that.

use serde::{Deserialize, Serialize};

use crate::results::Tally;

/// The failures of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Failures {
    /// The kind, like `panic`.
    error_kind: String,
    /// The number of tasks that failed so.
    count: u64,
    /// The first one.
    example: Example,
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Example {
    /// The task's name.
    task_id: String,
    /// Its parameters: `fast=5 slow=20`.
    params: String,
    /// Why it failed, in words for the strategy's author.
    error_message: String,
}

impl Failures {
    /// All failures that `tally` has counted, by their kind.
    pub(crate) fn all(tally: &Tally) -> Vec<Self> {
        let failures = tally.failures().map(|(kind, failures)| {
            let example = failures.example.clone();
            Self {
                error_kind: kind.as_str().to_owned(),
                count: failures.count,
                example: Example { task_id: example.task_id, params: example.params, error_message: example.message },
            }
        });
        failures.collect()
    }
}
