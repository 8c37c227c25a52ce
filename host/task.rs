//! The contract of workers and listeners: tasks that go out to workers, results that come back, events for listeners.
//!
//! Holds values only; never decides, computes or prints.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::model::Params;

/// One piece of work: a combination of parameters under a name of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParallelTask {
    /// The user's name for the task; unique within a run.
    pub task_id: String,
    /// The parameters given; those left out take the plugin's defaults.
    #[serde(default)]
    pub params: Params,
    /// The name of the strategy that the task is for; empty where there is only one.
    #[serde(default)]
    pub strategy_name: String,
}

/// The answer of a strategy to one combination of parameters or one custom task: an outcome, a log, a cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// The answer, or the failure.
    pub outcome: Result<T, TaskError>,
    /// The lines that the plugin logged meanwhile, within the limits.
    pub log: Vec<String>,
    /// Units of computing that the call took ([`Budget`](crate::sandbox::Budget)), where they are counted.
    pub units: Option<u64>,
    /// The returns of a backtest's equity, a fraction for each period, where they were asked for.
    pub returns: Vec<f32>,
}

impl<T> Answer<T> {
    /// Makes the answer of code that is not sandboxed: it has no log, and nothing is counted.
    pub fn native(outcome: Result<T, TaskError>) -> Self {
        Self { outcome, log: Vec::new(), units: None, returns: Vec::new() }
    }

    /// Returns the same answer with what `then` makes of its outcome.
    pub fn and_then<U>(self, then: impl FnOnce(T) -> Result<U, TaskError>) -> Answer<U> {
        Answer { outcome: self.outcome.and_then(then), log: self.log, units: self.units, returns: self.returns }
    }
}

/// The result of one task.
///
/// Exactly one of `result` and `error_kind` is set, and `success` says which; the constructors see to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ParallelResult<R> {
    /// The task's name.
    pub task_id: String,
    /// The computed value, unless the task failed.
    pub result: Option<R>,
    /// Wall-clock time of the task on its worker. In files: seconds.
    pub execution_time: Duration,
    /// The worker that ran it, or looked it up, counted from 0.
    pub worker_id: usize,
    /// Whether the result was known, and not computed in this run; its time is that of then.
    pub cached: bool,
    /// Whether the task has a result.
    pub success: bool,
    /// The failure in words for the strategy's author.
    pub error_message: Option<String>,
    /// The class of the failure.
    pub error_kind: Option<ErrorKind>,
    /// The task's place in its run, counted from 0; results are ordered by it.
    pub index: u64,
    /// All parameters, defaults included.
    pub params: Params,
    /// The name of the strategy.
    pub strategy_name: String,
    /// The instrument that the task had alone; `None` where it had all there are.
    pub symbol: Option<String>,
    /// The lines that the task logged, as far as the limits kept them.
    pub log: Vec<String>,
    /// Units of computing that the task took ([`Budget`](crate::sandbox::Budget)), a failed one included; `None` where
    /// nothing is counted.
    pub units: Option<u64>,
    /// The returns of its equity, a fraction for each period, where they were asked for
    /// ([`Settings::returns`](crate::backtest::Settings::returns)) and the task has run.
    pub returns: Vec<f32>,
}

impl<R> ParallelResult<R> {
    /// Makes the result of task `index` from its outcome. What the task itself does not know (names, parameters, symbol,
    /// log, time, worker) is left empty.
    pub fn new(index: u64, outcome: Result<R, TaskError>) -> Self {
        let (result, error) = match outcome {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            task_id: String::new(),
            success: result.is_some(),
            result,
            execution_time: Duration::ZERO,
            worker_id: 0,
            cached: false,
            error_kind: error.as_ref().map(|error| error.kind),
            error_message: error.map(|error| error.message),
            index,
            params: Params::new(),
            strategy_name: String::new(),
            symbol: None,
            log: Vec::new(),
            units: None,
            returns: Vec::new(),
        }
    }

    /// Returns the same result with what `change` makes of the computed value.
    pub fn map<S>(self, change: impl FnOnce(R) -> S) -> ParallelResult<S> {
        ParallelResult {
            task_id: self.task_id,
            result: self.result.map(change),
            execution_time: self.execution_time,
            worker_id: self.worker_id,
            cached: self.cached,
            success: self.success,
            error_message: self.error_message,
            error_kind: self.error_kind,
            index: self.index,
            params: self.params,
            strategy_name: self.strategy_name,
            symbol: self.symbol,
            log: self.log,
            units: self.units,
            returns: self.returns,
        }
    }
}

/// The classes of failure that a result tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The strategy refuses the parameters.
    InvalidParams,
    /// The strategy's own error.
    Failed,
    /// The strategy panicked.
    Panic,
    /// The guest trapped: out of bounds, division by zero, unreachable code, stack overflow.
    Trap,
    /// The task computed more than it may. Units are deterministic, so it would again.
    OutOfBudget,
    /// The task took longer than it may, by the clock. On another machine it might not.
    TimedOut,
    /// The task asked for more memory than it may have.
    OutOfMemory,
    /// The answer is not valid: lists of unequal length, unsorted, out of range, too large.
    BadOutput,
    /// The worker process died while it ran the task, each time that the task was tried.
    Crash,
    /// A bug of the host, caught at the boundary of the task.
    Host,
}

impl ErrorKind {
    /// Whether another run of the same task gives the same: not where the clock, a worker's death or a bug of the host decided.
    pub fn is_deterministic(self) -> bool {
        !matches!(self, Self::TimedOut | Self::Crash | Self::Host)
    }

    /// Whether a limit of computing ended the task: its units or the clock.
    pub(crate) fn is_limit(self) -> bool {
        matches!(self, Self::OutOfBudget | Self::TimedOut)
    }

    /// The name in result files: `invalid-params`, `out-of-memory` and so on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParams => "invalid-params",
            Self::Failed => "failed",
            Self::Panic => "panic",
            Self::Trap => "trap",
            Self::OutOfBudget => "out-of-budget",
            Self::TimedOut => "timed-out",
            Self::OutOfMemory => "out-of-memory",
            Self::BadOutput => "bad-output",
            Self::Crash => "crash",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The failure of a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct TaskError {
    /// The class.
    pub kind: ErrorKind,
    /// In words for the strategy's author; the guest's frames follow on lines of their own.
    pub message: String,
}

impl TaskError {
    /// Makes an error of class `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Makes an error of class [`ErrorKind::Failed`], for the user's own code.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }
}

/// The event that a listener gets after each task, in the order of the tasks.
#[derive(Debug)]
pub struct SweepEvent<R> {
    /// Tasks that are done, this one included.
    pub done: u64,
    /// Tasks in all; `None` where it is not known before they have run.
    pub total: Option<u64>,
    /// Tasks that have failed.
    pub failed: u64,
    /// The result of this task.
    pub result: ParallelResult<R>,
}

/// Results that follow each other in the order of the tasks, or what the worker that computed them made of them.
#[derive(Debug)]
pub struct SweepBatch<B> {
    /// Tasks that are done, these included.
    pub done: u64,
    /// Tasks in all; `None` where only running them will tell.
    pub total: Option<u64>,
    /// Tasks that have failed, these included.
    pub failed: u64,
    /// The results, at least one.
    pub results: B,
}

/// The text of a caught panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
