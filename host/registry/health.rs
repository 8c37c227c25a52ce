//! The health monitor: rolls a version back that fails tasks which the version before it can do.
//!
//! Never judges a version that no longer serves.

use std::{io, sync::Arc};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{
    Inner,
    admission::is_fault,
    journal::{Entry, Event},
    threads::supervised,
    version::Version,
};
use crate::{
    backtest::{Backtest, Market, Strategy, WorkerState, guarded},
    model::Params,
    task::TaskError,
};

/// Incidents that wait. A sweep that goes on failing reports again.
const WAITING: usize = 16;

/// The stack of the thread: guests run on it.
const STACK: usize = 8 << 20;

/// A sweep that fails too often, reported for a decision.
#[derive(Debug)]
pub(super) struct Incident {
    pub(super) version: Arc<Version>,
    pub(super) previous: Arc<Version>,
    pub(super) market: Arc<Market>,
    /// Some of the tasks that failed.
    pub(super) tasks: Vec<Params>,
    pub(super) done: u64,
    pub(super) failed: u64,
    /// One failure in words.
    pub(super) example: String,
}

#[derive(Debug)]
pub(super) struct HealthMonitor {
    incidents: Sender<Incident>,
}

impl HealthMonitor {
    pub(super) fn new() -> (Self, Receiver<Incident>) {
        let (incidents, receiver) = bounded(WAITING);
        (Self { incidents }, receiver)
    }

    /// Takes an incident, unless too many wait already.
    pub(super) fn report(&self, incident: Incident) {
        let _ = self.incidents.try_send(incident);
    }
}

/// Starts the thread that decides `incidents`. It ends with the registry, whose end of the channel goes then.
pub(super) fn start(inner: &Arc<Inner>, incidents: Receiver<Incident>) -> io::Result<()> {
    let (problems, inner) = (Arc::clone(&inner.problems), Arc::downgrade(inner));
    let decide_all = move || {
        for incident in &incidents {
            let Some(inner) = inner.upgrade() else { break };
            inner.decide(&incident);
        }
    };
    supervised("host-health".to_owned(), STACK, problems, decide_all).map(drop)
}

impl Inner {
    fn decide(&self, incident: &Incident) {
        let Some(slot) = self.slot(incident.version.name()).filter(|slot| slot.serves(&incident.version)) else {
            return;
        };
        let Ok((failed, asked)) = retry(incident) else { return };
        if asked == 0 || failed as f64 > self.policy.tolerance.share * asked as f64 {
            return;
        }
        let (version, previous) = (&incident.version, &incident.previous);
        let reason = format!("it failed {} of {} tasks: {}", incident.failed, incident.done, incident.example);
        let _in_order = slot.changing();
        let Some(restored) = slot.roll_back(version, previous, &reason) else { return };
        let message = format!(
            "{} is rolled back: {reason}; {} did {} of {asked} of them, and serves again as {}",
            version.label(),
            previous.label(),
            asked - failed,
            restored.label(),
        );
        self.tell(Entry {
            generation: Some(restored.generation()),
            hash: Some(version.digest()),
            previous_hash: Some(restored.digest()),
            ..Entry::new(version.name(), Event::RolledBack, message)
        });
    }
}

/// Lets the version before do the tasks that have failed; returns how many of those that it could be asked it fails, too.
fn retry(incident: &Incident) -> Result<(u64, u64), TaskError> {
    guarded(|| {
        let plugin = incident.previous.plugin();
        let backtest = Backtest::new(Arc::clone(&incident.market), Strategy::from(plugin.clone()))?;
        let mut state = WorkerState::default();
        let (mut failed, mut asked) = (0, 0);
        for task in &incident.tasks {
            let known = task.iter().filter(|(name, _)| plugin.description().parameter(name).is_ok());
            let known: Params = known.map(|(name, value)| (name.clone(), value.clone())).collect();
            let Ok(params) = plugin.description().resolve(&known) else { continue };
            asked += 1;
            let outcome = backtest.run(&mut state, &params).outcome;
            failed += u64::from(outcome.is_err_and(|error| is_fault(error.kind)));
        }
        Ok((failed, asked))
    })
}
