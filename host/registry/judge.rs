//! Whether a version is worse than the one before it, on the same tasks; and if so, the way back.
//!
//! Never asks about a version that does not serve any more.

use std::{io, sync::Arc, thread};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{
    Inner,
    admission::is_fault,
    journal::{Entry, Event},
    version::Version,
};
use crate::{
    backtest::{Backtest, Market, Strategy, WorkerState, guarded},
    model::Params,
    task::TaskError,
};

/// Cases that wait. A sweep that goes on failing comes again.
const WAITING: usize = 16;

/// The stack of the thread: guests run on it.
const STACK: usize = 8 << 20;

/// What speaks against a version.
#[derive(Debug)]
pub(super) struct Case {
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
pub(super) struct Judge {
    cases: Sender<Case>,
}

impl Judge {
    pub(super) fn new() -> (Self, Receiver<Case>) {
        let (cases, receiver) = bounded(WAITING);
        (Self { cases }, receiver)
    }

    /// Takes a case, unless too many wait already.
    pub(super) fn hear(&self, case: Case) {
        let _ = self.cases.try_send(case);
    }
}

/// Starts the thread that decides `cases`. It ends with the registry, whose end of the channel goes then.
pub(super) fn start(inner: &Arc<Inner>, cases: Receiver<Case>) -> io::Result<()> {
    let inner = Arc::downgrade(inner);
    let decide_all = move || {
        for case in cases {
            let Some(inner) = inner.upgrade() else { break };
            inner.decide(&case);
        }
    };
    thread::Builder::new().name("host-judge".into()).stack_size(STACK).spawn(decide_all).map(drop)
}

impl Inner {
    fn decide(&self, case: &Case) {
        let Some(slot) = self.slot(case.version.name()).filter(|slot| slot.serves(&case.version)) else { return };
        let Ok((failed, asked)) = retry(case) else { return };
        if asked == 0 || failed as f64 > self.policy.tolerance.share * asked as f64 {
            return;
        }
        let (version, previous) = (&case.version, &case.previous);
        let reason = format!("it failed {} of {} tasks: {}", case.failed, case.done, case.example);
        let _one_at_a_time = self.load_lock();
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
fn retry(case: &Case) -> Result<(u64, u64), TaskError> {
    guarded(|| {
        let plugin = case.previous.plugin();
        let backtest = Backtest::new(Arc::clone(&case.market), Strategy::from(plugin.clone()))?;
        let mut state = WorkerState::default();
        let (mut failed, mut asked) = (0, 0);
        for task in &case.tasks {
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
