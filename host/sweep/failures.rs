//! The failures of a sweep by kind, as the command line prints them and the server sends them.
//!
//! Never counts a failure: a tally has done that.

use serde::{Deserialize, Serialize};

use crate::results::{self, Tally};

/// The failures of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Failures {
    /// The kind, like `panic`.
    error_kind: String,
    /// The number of tasks that failed so.
    count: u64,
    /// The first one.
    example: Example,
    /// The same failures by their causes, the most frequent first: those of one cause have messages whose first lines are
    /// equal, numbers aside. Of very many causes, not all are listed.
    #[serde(default)]
    causes: Vec<Cause>,
}

/// The failures of one kind and one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = FailureCause)]
pub(crate) struct Cause {
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
        let cause = |cause: &results::Cause| Cause { count: cause.count, example: Example::of(&cause.example) };
        let failures = tally.failures().map(|(kind, failures)| Self {
            error_kind: kind.as_str().to_owned(),
            count: failures.count,
            example: Example::of(&failures.example),
            causes: failures.causes().into_iter().map(cause).collect(),
        });
        failures.collect()
    }
}

impl Example {
    fn of(example: &results::Example) -> Self {
        let results::Example { task_id, params, message, .. } = example.clone();
        Self { task_id, params, error_message: message }
    }
}
