//! The slot of one name: the version that serves, and what is remembered of others.
//!
//! Never loads anything.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwapOption;

use super::{
    admission::Refusal,
    record::{Record, RolledBack},
    version::{Identity, Version},
};
use crate::{model::Digest, sandbox::Plugin};

/// Refused builds of a name that are known again without being compiled.
const KNOWN: usize = 64;

/// Builds of a name that were rolled back, and stay out.
const ROLLED_BACK: usize = 64;

/// Whether the file of a plugin is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// No file: the plugin was given by other means, or its file has not been looked for yet.
    None,
    /// It is there.
    Present,
    /// It was there, and is gone; the version that it held goes on serving.
    Missing,
}

/// A build that does not serve, though it is the newest of its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The hash of its bytes; `None` where they could not be read.
    pub hash: Option<Digest>,
    /// Why.
    pub reason: String,
    /// When.
    pub at: SystemTime,
}

/// What is known of one name.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The name.
    pub name: String,
    /// The version that serves; `None` until a first build is good.
    pub version: Option<Arc<Version>>,
    /// The hash of the version before it.
    pub previous: Option<Digest>,
    /// The newest build, if it does not serve.
    pub refused: Option<Refused>,
    /// Whether the plugin's file is there.
    pub file: FileState,
}

impl Listing {
    /// Whether there is nothing of it in this process.
    pub(super) fn is_only_remembered(&self) -> bool {
        self.version.is_none() && self.refused.is_none() && self.file == FileState::None
    }
}

#[derive(Debug)]
pub(super) struct Slot {
    name: String,
    current: ArcSwapOption<Version>,
    state: Mutex<SlotState>,
    /// Held by whoever changes what serves: for as long as a file is written, and never while a build is examined.
    changing: Mutex<()>,
}

#[derive(Debug)]
struct SlotState {
    generation: u64,
    /// The number in the queue of the newest build that served.
    newest: u64,
    previous: Option<Arc<Version>>,
    refused: Option<Refused>,
    file: FileState,
    /// Why builds were refused, by what they are; the oldest first.
    known: VecDeque<(Identity, String)>,
    rolled_back: VecDeque<RolledBack>,
    /// The build that served when the process ended.
    last: Option<Digest>,
}

impl Slot {
    pub(super) fn new(name: &str) -> Self {
        Self::remembered(name.to_owned(), Record::default())
    }

    pub(super) fn remembered(name: String, record: Record) -> Self {
        let state = SlotState {
            generation: record.generation,
            newest: 0,
            previous: None,
            refused: None,
            file: FileState::None,
            known: VecDeque::new(),
            rolled_back: record.rolled_back.into(),
            last: record.current,
        };
        Self { name, current: ArcSwapOption::empty(), state: Mutex::new(state), changing: Mutex::new(()) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn current(&self) -> Option<Arc<Version>> {
        self.current.load_full()
    }

    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock of whoever changes what serves.
    pub(super) fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a build that arrived before one that has served. The lock of changes is held.
    pub(super) fn check_newest(&self, number: u64) -> Result<(), Refusal> {
        if number < self.state().newest { Err(Refusal::Superseded) } else { Ok(()) }
    }

    /// Notes that build `number` serves. The lock of changes is held.
    pub(super) fn note_newest(&self, number: u64) {
        self.state().newest = number;
    }

    /// The version before `version`, if that one serves.
    pub(super) fn before(&self, version: &Version) -> Option<Arc<Version>> {
        let state = self.state();
        self.serves(version).then(|| state.previous.clone()).flatten()
    }

    pub(super) fn serves(&self, version: &Version) -> bool {
        self.current.load().as_ref().is_some_and(|current| current.generation == version.generation)
    }

    /// The build that served when the process ended, for the first one of this process.
    pub(super) fn last(&self) -> Option<Digest> {
        self.state().last.filter(|_| self.current.load().is_none())
    }

    /// Refuses what was refused or rolled back before.
    pub(super) fn check_past(&self, digest: Digest, identity: Identity) -> Result<(), Refusal> {
        let state = self.state();
        if let Some(past) = state.rolled_back.iter().find(|past| past.hash == digest) {
            return Err(Refusal::RolledBack { reason: past.reason.clone() });
        }
        match state.known.iter().find(|(known, _)| *known == identity) {
            Some((_, reason)) => Err(Refusal::Known { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Lets `plugin` serve; returns it as a version, and the one that served before.
    pub(super) fn publish(
        &self,
        identity: Identity,
        plugin: Plugin,
        tried: bool,
    ) -> (Arc<Version>, Option<Arc<Version>>) {
        let mut state = self.state();
        // What served when the process before ended goes on as what it was.
        let goes_on = self.current.load().is_none() && state.last == Some(identity.digest);
        state.generation += u64::from(!goes_on);
        let (name, generation) = (self.name.clone(), state.generation);
        let loaded_at = SystemTime::now();
        let version = Arc::new(Version { name, generation, identity, plugin, tried, loaded_at });
        let before = self.current.swap(Some(Arc::clone(&version)));
        state.previous.clone_from(&before);
        state.refused = None;
        (version, before)
    }

    /// Takes `version` out and lets the one before it serve again; nothing, if it does not serve any more.
    pub(super) fn roll_back(&self, version: &Version, previous: &Version, reason: &str) -> Option<Arc<Version>> {
        let mut state = self.state();
        let out = RolledBack { hash: version.digest(), reason: reason.to_owned(), at: SystemTime::now() };
        if state.rolled_back.len() == ROLLED_BACK {
            state.rolled_back.pop_front();
        }
        state.rolled_back.push_back(out);
        drop(state);
        if !self.serves(version) {
            return None;
        }
        let (restored, _) = self.publish(previous.identity, previous.plugin.clone(), previous.tried);
        let mut state = self.state();
        // What was taken out is nobody's version to go back to.
        state.previous = None;
        state.refused =
            Some(Refused { hash: Some(version.digest()), reason: reason.to_owned(), at: SystemTime::now() });
        Some(restored)
    }

    /// Remembers the refusal of build `number`; says whether it is news. It is not the newest build if a later one serves.
    pub(super) fn refuse(&self, number: u64, identity: Option<Identity>, refusal: &Refusal) -> bool {
        let reason = refusal.text();
        let mut state = self.state();
        let hash = identity.map(|identity| identity.digest);
        let is_newest = number >= state.newest;
        let is_same = state.refused.as_ref().is_some_and(|last| (last.hash, &last.reason) == (hash, &reason));
        let is_news = is_newest && !is_same;
        if is_news {
            state.refused = Some(Refused { hash, reason: reason.clone(), at: SystemTime::now() });
        }
        if let Some(identity) = identity.filter(|_| refusal.is_final()) {
            if state.known.len() == KNOWN {
                state.known.pop_front();
            }
            state.known.push_back((identity, reason));
        }
        is_news
    }

    /// Notes that the newest build is the one that serves.
    pub(super) fn file_is_served(&self) {
        self.state().refused = None;
    }

    /// Notes whether the file is there; says what it was before.
    pub(super) fn set_file(&self, file: FileState) -> FileState {
        std::mem::replace(&mut self.state().file, file)
    }

    pub(super) fn listing(&self) -> Listing {
        let state = self.state();
        Listing {
            name: self.name.clone(),
            version: self.current(),
            previous: state.previous.as_ref().map(|version| version.digest()),
            refused: state.refused.clone(),
            file: state.file,
        }
    }

    /// What is to be known at the next start.
    pub(super) fn record(&self) -> (String, Record) {
        let state = self.state();
        let record = Record {
            generation: state.generation,
            current: self.current.load().as_ref().map(|version| version.digest()).or(state.last),
            previous: state.previous.as_ref().map(|version| version.digest()),
            rolled_back: state.rolled_back.iter().cloned().collect(),
        };
        (self.name.clone(), record)
    }
}
