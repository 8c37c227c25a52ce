//! The admission queue: the builds that are examined now, those that wait, and those that a newer one has made needless.
//!
//! Never examines a build, and never holds its lock while one is examined.
//!
//! Builds have numbers in the order in which they arrived. Of one name at most one waits and [`PER_NAME`] are examined: a
//! newer one ends the wait of the one before it, and the third ends the examination of the first. So whoever corrects a
//! build that compiles for minutes does not wait for it, and of all good builds of a name the last one serves.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::admission::Refusal;
use crate::{model::Digest, sandbox::Cancel};

/// Builds that are examined at a time. More would take the processors from sweeps; with fewer, a build that compiles for
/// minutes would hold the others up.
pub(super) const LANES: usize = 4;

/// Builds of one name that are examined at a time.
const PER_NAME: usize = 2;

/// Builds that wait for a lane, beyond which an upload is declined.
const WAITING: usize = 8;

/// How often a build that waits checks whether it was withdrawn.
const LOOK: Duration = Duration::from_millis(50);

/// The way for whoever offers a build to give it up, as when an upload's client goes away. Cheap to clone; all clones are
/// one. It is without effect once the build serves.
#[derive(Debug, Clone, Default)]
pub struct Withdrawal {
    state: Arc<Mutex<WithdrawalState>>,
}

#[derive(Debug, Default)]
struct WithdrawalState {
    is_withdrawn: bool,
    /// Ends the examination, while there is one.
    cancel: Option<Cancel>,
}

impl Withdrawal {
    /// Gives the build up: what is done for it ends soon, and nothing is remembered of it.
    pub fn withdraw(&self) {
        let mut state = self.state();
        state.is_withdrawn = true;
        state.cancel.iter().for_each(Cancel::cancel);
    }

    fn state(&self) -> MutexGuard<'_, WithdrawalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_withdrawn(&self) -> bool {
        self.state().is_withdrawn
    }

    /// From now on a withdrawal cancels `cancel`.
    fn leads_to(&self, cancel: Cancel) {
        let mut state = self.state();
        if state.is_withdrawn {
            cancel.cancel();
        }
        state.cancel = Some(cancel);
    }

    /// From now on a withdrawal has no effect; says whether there was none by now.
    fn settle(&self) -> bool {
        let mut state = self.state();
        state.cancel = None;
        !state.is_withdrawn
    }
}

/// Who waits for a build.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    /// A file that nobody offers again: it waits as long as it takes.
    Folder,
    /// A caller, who can offer it again.
    Caller(Withdrawal),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    last: u64,
    /// By their numbers.
    builds: BTreeMap<u64, Build>,
}

#[derive(Debug)]
struct Build {
    name: String,
    digest: Option<Digest>,
    is_examined: bool,
    is_superseded: bool,
    /// Whether it is about to serve, so that nothing ends it any more.
    is_settled: bool,
    cancel: Cancel,
}

impl Build {
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.digest == other.digest
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a build in: the newest of its name. `digest` is `None` for one that could not be read.
    pub(super) fn arrive(&self, name: &str, digest: Option<Digest>, sender: Sender) -> Ticket<'_> {
        let (name, cancel) = (name.to_owned(), Cancel::default());
        let build =
            Build { name, digest, is_examined: false, is_superseded: false, is_settled: false, cancel: cancel.clone() };
        let mut state = self.state();
        state.supersede(&build);
        state.last += 1;
        let number = state.last;
        state.builds.insert(number, build);
        drop(state);
        self.moved.notify_all();
        if let Sender::Caller(withdrawal) = &sender {
            withdrawal.leads_to(cancel.clone());
        }
        Ticket { queue: self, number, cancel, sender }
    }

    /// Whether a build of `name` waits or is examined.
    pub(super) fn has(&self, name: &str) -> bool {
        self.state().builds.values().any(|build| build.name == name)
    }

    /// Ends what is done for builds of `name` that are older than `number`, which serves now.
    fn supersede_older(&self, name: &str, number: u64) {
        let mut state = self.state();
        let older = state.builds.range_mut(..number).map(|(_, build)| build);
        older.filter(|build| build.name == name).for_each(Build::supersede);
        drop(state);
        self.moved.notify_all();
    }
}

impl Build {
    fn supersede(&mut self) {
        if !self.is_settled {
            self.is_superseded = true;
            self.cancel.cancel();
        }
    }
}

impl QueueState {
    /// Makes room for `newer`: nobody of its name waits any more, and one fewer than allowed is examined.
    fn supersede(&mut self, newer: &Build) {
        let others = self.builds.values_mut().filter(|build| build.name == newer.name && !build.is_superseded);
        let (examined, waiting): (Vec<_>, Vec<_>) =
            others.filter(|build| !build.is_same(newer)).partition(|build| build.is_examined);
        waiting.into_iter().for_each(Build::supersede);
        let too_many = (examined.len() + 1).saturating_sub(PER_NAME);
        // The oldest ones are the first.
        examined.into_iter().take(too_many).for_each(Build::supersede);
    }

    /// Whether the same build arrived earlier and is not through.
    fn is_twin(&self, number: u64) -> bool {
        let build = &self.builds[&number];
        self.builds.range(..number).any(|(_, other)| other.is_same(build))
    }

    /// Those that wait for a lane, by their numbers.
    fn waiting(&self) -> impl Iterator<Item = u64> {
        let waits = |(number, build): (&u64, &Build)| {
            (!build.is_examined && !build.is_superseded && !self.is_twin(*number)).then_some(*number)
        };
        self.builds.iter().filter_map(waits)
    }
}

/// A build's place in the queue, until it is dropped.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    queue: &'a Queue,
    number: u64,
    cancel: Cancel,
    sender: Sender,
}

impl Ticket<'_> {
    /// Its number: later builds have larger ones.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Ends the examination, when the build is superseded or withdrawn.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Waits until the same build, if it came before, is through: what became of it holds for this one, too.
    pub(super) fn wait_for_twin(&self) -> Result<(), Refusal> {
        let mut state = self.queue.state();
        loop {
            self.check(&state)?;
            if !state.is_twin(self.number) {
                return Ok(());
            }
            self.check_room(state.builds.values().filter(|build| !build.is_examined).count())?;
            state = self.wait(state);
        }
    }

    /// Waits for a lane: for the builds before it, and until one of those that are examined is through.
    pub(super) fn wait_for_lane(&self) -> Result<(), Refusal> {
        let mut state = self.queue.state();
        // It may have one already, for the build that served before.
        if state.builds[&self.number].is_examined {
            return self.check(&state);
        }
        self.check_room(state.waiting().count())?;
        loop {
            self.check(&state)?;
            let examined = state.builds.values().filter(|build| build.is_examined).count();
            if examined < LANES && state.waiting().next() == Some(self.number) {
                if let Some(build) = state.builds.get_mut(&self.number) {
                    build.is_examined = true;
                }
                drop(state);
                self.queue.moved.notify_all();
                return Ok(());
            }
            state = self.wait(state);
        }
    }

    /// Declines a caller where too many wait.
    fn check_room(&self, waiting: usize) -> Result<(), Refusal> {
        match self.sender {
            Sender::Caller(_) if waiting > WAITING => Err(Refusal::Busy { waiting: WAITING }),
            _ => Ok(()),
        }
    }

    fn wait<'s>(&self, state: MutexGuard<'s, QueueState>) -> MutexGuard<'s, QueueState> {
        self.queue.moved.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0
    }

    fn check(&self, state: &QueueState) -> Result<(), Refusal> {
        if state.builds[&self.number].is_superseded {
            return Err(Refusal::Superseded);
        }
        match &self.sender {
            Sender::Caller(withdrawal) if withdrawal.is_withdrawn() => Err(Refusal::Withdrawn),
            _ => Ok(()),
        }
    }

    /// Why nobody wants the build any more, if that is so.
    pub(super) fn unwanted(&self) -> Option<Refusal> {
        self.check(&self.queue.state()).err()
    }

    /// Lets the build go on to serve: from now on nothing ends it, unless somebody has by now. What its plugin compiles
    /// later must not end with an upload.
    pub(super) fn settle(&self) -> Result<(), Refusal> {
        let mut state = self.queue.state();
        self.check(&state)?;
        if let Sender::Caller(withdrawal) = &self.sender
            && !withdrawal.settle()
        {
            return Err(Refusal::Withdrawn);
        }
        if let Some(build) = state.builds.get_mut(&self.number) {
            build.is_settled = true;
        }
        Ok(())
    }

    /// Ends what is done for older builds of the name, since this one serves.
    pub(super) fn supersede_older(&self, name: &str) {
        self.queue.supersede_older(name, self.number);
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Sender::Caller(withdrawal) = &self.sender {
            withdrawal.settle();
        }
        self.queue.state().builds.remove(&self.number);
        self.queue.moved.notify_all();
    }
}
