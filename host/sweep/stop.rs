//! The flags that end what is running.
//!
//! Never decides what a task answers; only [`Stop::cut`] ends one.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long after a stop a worker may begin a task that was handed out before, in wall-clock time. Long enough for the chunks of
/// all workers where tasks are short, so that no row is missing between others; short enough that a stop is felt as one.
const GRACE: Duration = Duration::from_millis(250);

/// Flags that end what is running. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Stop {
    stop: Arc<AtomicBool>,
    cut: Arc<AtomicBool>,
    since: Arc<OnceLock<Instant>>,
    failure: Arc<OnceLock<String>>,
    begun: Arc<AtomicBool>,
    grace: Duration,
}

impl Default for Stop {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Stop {
    /// Makes the flags; `cut` is shared with the sandbox.
    pub(super) fn new(cut: Arc<AtomicBool>) -> Self {
        let (stop, since, failure, begun) = Default::default();
        Self { stop, cut, since, failure, begun, grace: GRACE }
    }

    /// As it is, but with another time in which workers may begin what was handed out.
    #[cfg(test)]
    pub(super) fn with_grace(grace: Duration) -> Self {
        Self { grace, ..Self::default() }
    }

    /// Asks the workers to take no more tasks, and to finish those that they have. What they have not begun a quarter of a second
    /// later gets no result.
    pub fn stop(&self) {
        self.since.get_or_init(Instant::now);
        self.stop.store(true, Ordering::Release);
    }

    /// Notes that tasks are running from now on.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Returns true once there were tasks that a stop could let finish.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Stops, since what runs the tasks cannot run the others for the reason `why`; the first reason counts.
    pub(super) fn fail(&self, why: String) {
        self.failure.get_or_init(|| why);
        self.stop();
    }

    /// Why what runs the tasks, a cluster, could not run all of them, if that is why they were stopped. Finished tasks keep their
    /// results.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Stops, and ends the running tasks of plugins; these get no result.
    pub fn cut(&self) {
        self.stop();
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Returns true once a stop was requested.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Returns true once no task may begin, not even one that was handed out before the stop.
    pub(super) fn is_over(&self) -> bool {
        self.is_stopped() && (self.is_cut() || self.since.get().is_some_and(|since| since.elapsed() >= self.grace))
    }

    /// The flag that the first request to stop sets.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Returns true once running tasks were ended.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_leaves_time_and_a_cut_leaves_none() {
        let (patient, at_once) = (Stop::with_grace(Duration::MAX), Stop::with_grace(Duration::ZERO));
        assert!(!patient.is_over() && !at_once.is_over());
        patient.clone().stop();
        at_once.stop();
        assert!(patient.is_stopped() && !patient.is_over() && !patient.is_cut());
        assert!(at_once.is_over() && !at_once.is_cut());
        patient.cut();
        assert!(patient.is_over() && patient.is_cut());
    }

    #[test]
    fn time_counts_from_the_first_stop() {
        let stop = Stop::default();
        stop.stop();
        let since = *stop.since.get().unwrap();
        stop.stop();
        assert_eq!(*stop.since.get().unwrap(), since);
    }
}
