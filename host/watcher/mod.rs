//! Tells when files change.
//!
//! Never reads them but to [hand over](read_settled) one as a whole, and never decides what a change means.
//!
//! The system's own notices only wake it: what has changed is found by comparing [`Stamp`]s, after every notice and every
//! few seconds besides, since network file systems and what links lead to send none. Where the system gives no notices at
//! all, it looks twice a second.

mod settled;
mod target;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, never, select, unbounded};
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};

pub(crate) use self::settled::{ReadError, read_settled};
use self::target::{Place, Stamp, Target};

/// How long nothing must have happened before a change is one: editors write in several steps.
const QUIET: Duration = Duration::from_millis(60);

/// How long a change waits for quiet at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it looks where the system gives notices, and where it gives none.
const LOOK: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(500);

/// Watches until it is dropped.
#[derive(Debug)]
pub(crate) struct Watcher {
    polling: Option<String>,
    _alive: Sender<()>,
}

/// Files that have changed since the last one, at least once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    paths: BTreeSet<PathBuf>,
}

impl Change {
    /// The files, as they were named to the watcher or lie in what was.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(PathBuf::as_path)
    }
}

impl Watcher {
    /// Watches `files`, which need not be there yet.
    pub(crate) fn files(files: impl IntoIterator<Item = PathBuf>) -> io::Result<(Self, Receiver<Change>)> {
        Self::start(Target::files(files)?, true)
    }

    /// Watches what lies in `folder`, but not deeper.
    pub(crate) fn folder(folder: &Path) -> io::Result<(Self, Receiver<Change>)> {
        Self::start(Target::folder(folder)?, true)
    }

    /// Watches everything below `folder`, but not what `ignore` says of a path, and below that.
    pub(crate) fn tree(
        folder: &Path,
        ignore: impl Fn(&Path) -> bool + Send + 'static,
    ) -> io::Result<(Self, Receiver<Change>)> {
        Self::start(Target::tree(folder, Box::new(ignore))?, true)
    }

    /// Why it looks twice a second instead of being told, where that is so.
    pub(crate) fn polling(&self) -> Option<&str> {
        self.polling.as_deref()
    }

    fn start(target: Target, with_notices: bool) -> io::Result<(Self, Receiver<Change>)> {
        let (alive, end) = bounded(0);
        let (sender, receiver) = bounded(1);
        let (notices, polling) = match with_notices.then(|| Notices::start(&target)) {
            Some(Ok(notices)) => (Some(notices), None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, Some("it was asked to".to_owned())),
        };
        let known = target.look();
        let watch = Watch { target, notices, known, pending: Change::default(), sender };
        thread::Builder::new().name("host-watcher".into()).spawn(move || watch.run(&end))?;
        Ok((Self { polling, _alive: alive }, receiver))
    }
}

/// The system's notices.
struct Notices {
    watcher: RecommendedWatcher,
    events: Receiver<notify::Result<Event>>,
    /// The folders that are watched, as they were then.
    places: BTreeMap<PathBuf, Option<Place>>,
    mode: RecursiveMode,
}

impl Notices {
    fn start(target: &Target) -> notify::Result<Self> {
        let (sender, events) = unbounded();
        let watcher = notify::recommended_watcher(move |event| {
            // Once nobody listens, nobody wants to know.
            let _ = sender.send(event);
        })?;
        let mode = if target.is_tree() { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        let mut notices = Self { watcher, events, places: BTreeMap::new(), mode };
        for root in target.roots() {
            notices.watcher.watch(&root, mode)?;
            notices.places.insert(root.clone(), Place::of(&root));
        }
        Ok(notices)
    }

    /// Watches folders again that were removed, and are there anew.
    fn renew(&mut self) {
        for (root, place) in &mut self.places {
            let now = Place::of(root);
            if now != *place {
                // What is gone cannot be unwatched; what cannot be watched is looked at.
                let _ = self.watcher.unwatch(root);
                *place = now.filter(|_| self.watcher.watch(root, self.mode).is_ok());
            }
        }
    }
}

/// What the thread holds.
struct Watch {
    target: Target,
    notices: Option<Notices>,
    known: BTreeMap<PathBuf, Option<Stamp>>,
    pending: Change,
    sender: Sender<Change>,
}

impl Watch {
    fn run(mut self, end: &Receiver<()>) {
        loop {
            let silence = never();
            let events = self.notices.as_ref().map_or(&silence, |notices| &notices.events);
            let wait = match (&self.notices, self.pending.paths.is_empty()) {
                (_, false) => QUIET,
                (Some(_), true) => LOOK,
                (None, true) => POLL,
            };
            let written = select! {
                // Its sender is dropped with the watcher; nothing is ever sent.
                recv(end) -> _ => return,
                recv(events) -> event => settle(event.ok(), events),
                default(wait) => BTreeSet::new(),
            };
            self.compare(&written);
            if let Some(notices) = &mut self.notices {
                notices.renew();
            }
            if !self.hand_over() {
                return;
            }
        }
    }

    /// Finds what is not as it was.
    fn compare(&mut self, written: &BTreeSet<PathBuf>) {
        let now = self.target.look();
        let gone = self.known.keys().filter(|path| !now.contains_key(*path));
        let changed = now.iter().filter(|(path, stamp)| self.known.get(*path) != Some(stamp)).map(|(path, _)| path);
        // One that was written in place may look as before.
        let touched = now.keys().filter(|path| written.contains(&self.target.absolute(path)));
        self.pending.paths.extend(gone.chain(changed).chain(touched).cloned());
        self.known = now;
    }

    /// Gives what is pending to the listener, unless that one still has something; says whether there is one.
    fn hand_over(&mut self) -> bool {
        if self.pending.paths.is_empty() {
            return true;
        }
        match self.sender.try_send(std::mem::take(&mut self.pending)) {
            Ok(()) => true,
            Err(TrySendError::Full(change)) => {
                self.pending = change;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// Waits until nothing more happens; returns the files that were written.
fn settle(first: Option<notify::Result<Event>>, events: &Receiver<notify::Result<Event>>) -> BTreeSet<PathBuf> {
    let mut written = BTreeSet::new();
    let began = Instant::now();
    let mut next = first;
    while let Some(event) = next {
        let event = event.unwrap_or_default();
        if is_write(&event.kind) {
            written.extend(event.paths);
        }
        next = if began.elapsed() < PATIENCE { events.recv_timeout(QUIET).ok() } else { None };
    }
    written
}

/// Whether a file's content may be another one. Reading is none of it: whoever is told, reads.
fn is_write(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Any | EventKind::Other | EventKind::Remove(_) => false,
        EventKind::Create(_) | EventKind::Modify(_) => true,
    }
}

#[cfg(test)]
mod tests;
