//! The journal: swaps, refusals and rollbacks, for people and for listeners.
//!
//! Never decides anything, and never waits for a listener.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// Entries that are kept; older ones are forgotten.
const KEPT: usize = 500;

/// What can happen to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// Its first build serves.
    Loaded,
    /// A new build took the place of the one before.
    Swapped,
    /// A build was refused; the one before goes on serving.
    Refused,
    /// A build failed where the one before it had not, which serves again.
    RolledBack,
    /// Its file is gone; what was in it goes on serving.
    Missing,
    /// Its file is there again, with the build that serves.
    Returned,
}

impl Event {
    /// The name in journals: `rolled-back`, and so on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Swapped => "swapped",
            Self::Refused => "refused",
            Self::RolledBack => "rolled-back",
            Self::Missing => "missing",
            Self::Returned => "returned",
        }
    }
}

/// One thing that has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: SystemTime,
    /// The name.
    pub plugin: String,
    /// What.
    pub event: Event,
    /// The generation that serves since then.
    pub generation: Option<u64>,
    /// The hash of the build that it is about.
    pub hash: Option<Digest>,
    /// The hash of the build that served before, or serves instead.
    pub previous_hash: Option<Digest>,
    /// In words.
    pub message: String,
    /// What grids lose by it, a line each.
    #[serde(default)]
    pub lost: Vec<String>,
}

impl Entry {
    pub(super) fn new(plugin: &str, event: Event, message: String) -> Self {
        let (generation, hash, previous_hash, lost) = (None, None, None, Vec::new());
        Self { at: SystemTime::now(), plugin: plugin.to_owned(), event, generation, hash, previous_hash, message, lost }
    }
}

#[derive(Debug, Default)]
pub(super) struct Journal {
    state: Mutex<JournalState>,
}

#[derive(Debug, Default)]
struct JournalState {
    entries: VecDeque<Entry>,
    listeners: Vec<Sender<Entry>>,
}

impl Journal {
    /// A journal that goes on after `entries`, the newest of which is the first.
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self { state: Mutex::new(JournalState { entries: entries.into(), listeners: Vec::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, JournalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, entry: Entry) {
        let mut state = self.state();
        state.listeners.retain(|listener| listener.send(entry.clone()).is_ok());
        state.entries.push_front(entry);
        state.entries.truncate(KEPT);
    }

    /// The entries as they will be once `entry` is added.
    pub(super) fn entries_after(&self, entry: &Entry) -> Vec<Entry> {
        std::iter::once(entry).chain(&self.state().entries).take(KEPT).cloned().collect()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.state().entries.iter().cloned().collect()
    }

    pub(super) fn listen(&self) -> Receiver<Entry> {
        let (sender, receiver) = unbounded();
        self.state().listeners.push(sender);
        receiver
    }
}
