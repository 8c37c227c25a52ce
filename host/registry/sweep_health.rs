//! The health of one sweep: how often the version that it runs fails.
//!
//! Never waits: a suspicion goes to the health monitor, which has a thread of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use super::{
    Inner, Registry,
    admission::{Tolerance, is_fault},
    health::Incident,
    version::Version,
};
use crate::{
    backtest::Market,
    model::Params,
    task::{ErrorKind, ParallelResult},
};

/// Counts the failures of one sweep over all of a market. When there are too many, the version before the one that runs is
/// asked to do the same tasks; if it can, it serves again.
#[derive(Debug)]
pub struct SweepHealth {
    inner: Weak<Inner>,
    tolerance: Tolerance,
    version: Arc<Version>,
    previous: Option<Arc<Version>>,
    market: Arc<Market>,
    /// Tasks before which nothing is said: the first ones of a grid are a corner of it.
    enough: u64,
    done: u64,
    failed: u64,
    /// Failures at which the next incident is reported.
    alarm: u64,
    /// The last tasks that failed.
    tasks: VecDeque<Params>,
    example: String,
}

impl Registry {
    /// Begins to observe a sweep of `version` on `market`, which has `total` tasks if that is known.
    pub fn observe(&self, version: &Arc<Version>, market: &Arc<Market>, total: Option<u64>) -> SweepHealth {
        let tolerance = self.inner.policy.tolerance;
        SweepHealth {
            inner: Arc::downgrade(&self.inner),
            tolerance,
            version: Arc::clone(version),
            previous: self.inner.slot(version.name()).and_then(|slot| slot.before(version)),
            market: Arc::clone(market),
            enough: total.map_or(tolerance.tasks, |total| total.min(tolerance.tasks)),
            done: 0,
            failed: 0,
            alarm: tolerance.failures.max(1),
            tasks: VecDeque::new(),
            example: String::new(),
        }
    }
}

impl SweepHealth {
    /// Counts results: `done` tasks are done now, and those that failed since the last call are among `failed`.
    pub fn record<R>(&mut self, done: u64, failed: &[ParallelResult<R>]) {
        self.done = done;
        for result in failed {
            if let Some(kind) = result.error_kind.filter(|kind| is_fault(*kind)) {
                self.count(kind, result);
            }
        }
        let is_too_many = self.failed as f64 > self.tolerance.share * self.done as f64;
        if self.done >= self.enough && self.failed >= self.alarm && is_too_many {
            // The next time with twice as many: they may be others than those that the version before fails on, too.
            self.alarm = self.failed.saturating_mul(2);
            self.report();
        }
    }

    fn count<R>(&mut self, kind: ErrorKind, result: &ParallelResult<R>) {
        self.failed += 1;
        let message = result.error_message.as_deref().unwrap_or_default();
        self.example = format!("{kind}, like `{}`: {}", result.task_id, message.lines().next().unwrap_or_default());
        if self.tasks.len() >= self.tolerance.sample.max(1) {
            self.tasks.pop_front();
        }
        self.tasks.push_back(result.params.clone());
    }

    fn report(&self) {
        let (Some(inner), Some(previous)) = (self.inner.upgrade(), &self.previous) else { return };
        inner.health.report(Incident {
            version: Arc::clone(&self.version),
            previous: Arc::clone(previous),
            market: Arc::clone(&self.market),
            tasks: self.tasks.iter().cloned().collect(),
            done: self.done,
            failed: self.failed,
            example: self.example.clone(),
        });
    }
}
