//! The change listener of `host watch`: waits for saved files and for Ctrl-C.
//!
//! Never reads a file.

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use crossbeam_channel::{Receiver, after, bounded, never, select};

use super::sources::Sources;
use crate::{
    sweep::Stop,
    watcher::{Change, Watcher},
};

/// Changes to inspect.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Files that have changed.
    pub(super) files: Change,
    /// Sources of the strategy that have changed.
    pub(super) sources: Change,
    /// True for the first inspection, which covers everything.
    pub(super) first: bool,
}

impl Changes {
    /// Returns true if nothing has changed.
    pub(super) fn is_empty(&self) -> bool {
        self.paths().next().is_none() && !self.first
    }

    /// The changed paths, for people.
    pub(super) fn names(&self) -> Vec<String> {
        self.paths().map(|path| path.display().to_string()).collect()
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.paths().chain(self.sources.paths())
    }

    /// Adds later changes.
    pub(super) fn extend(&mut self, later: Self) {
        self.files.extend(later.files);
        self.sources.extend(later.sources);
        self.first |= later.first;
    }
}

/// The end of a wait.
pub(super) enum Waited {
    /// A file was saved, or the time is over.
    Changed(Changes),
    /// Ctrl-C.
    Interrupted,
}

/// The watchers of files and sources, and the channels of their changes.
#[derive(Debug)]
pub(super) struct Listener {
    files: Receiver<Change>,
    tree: Receiver<Change>,
    interrupts: Receiver<()>,
    watchers: Vec<Watcher>,
}

impl Listener {
    /// Listens to changes of `files` and of `sources`, and to `interrupts`.
    pub(super) fn new(files: Vec<PathBuf>, sources: Option<&Sources>, interrupts: Receiver<()>) -> Result<Self> {
        let (watcher, files) = Watcher::files(files).context("files cannot be watched")?;
        let mut watchers = vec![watcher];
        let mut tree = never();
        if let Some(sources) = sources {
            let (watcher, changes) = sources.watch().context("the sources cannot be watched")?;
            watchers.push(watcher);
            tree = changes;
        }
        Ok(Self { files, tree, interrupts, watchers })
    }

    /// Why the watchers poll, where the system does not report changes.
    pub(super) fn polling(&self) -> Option<&str> {
        self.watchers.iter().find_map(Watcher::polling)
    }

    /// Waits for the next change, until `due` at most.
    pub(super) fn wait(&self, due: Option<Instant>) -> Result<Waited> {
        let late = due.map_or_else(never, |due| after(due.saturating_duration_since(Instant::now())));
        Ok(Waited::Changed(select! {
            recv(self.interrupts) -> _ => return Ok(Waited::Interrupted),
            recv(self.files) -> change => in_files(change.ok())?,
            recv(self.tree) -> change => in_sources(change.ok())?,
            recv(late) -> _ => Changes::default(),
        }))
    }

    /// Returns true if Ctrl-C was pressed since the last call.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupts.try_recv().is_ok()
    }

    /// Runs `work`, and sets `stop` as soon as a change `matters`. Returns all changes of that time as well.
    pub(super) fn meanwhile<T>(
        &self,
        stop: &Stop,
        matters: impl Fn(&Changes) -> bool + Sync,
        work: impl FnOnce() -> T,
    ) -> (T, Changes) {
        let (working, end) = bounded(0);
        thread::scope(|scope| {
            let listening = scope.spawn(|| self.listen(&end, &|changes| matters(changes).then(|| stop.stop())));
            let done = work();
            drop::<crossbeam_channel::Sender<Infallible>>(working);
            (done, listening.join().unwrap_or_default())
        })
    }

    fn listen(&self, end: &Receiver<Infallible>, tell: &dyn Fn(&Changes) -> Option<()>) -> Changes {
        let mut all = Changes::default();
        loop {
            let changes = select! {
                recv(end) -> _ => return all,
                recv(self.files) -> change => in_files(change.ok()),
                recv(self.tree) -> change => in_sources(change.ok()),
            };
            // The next `wait` reports that a watcher has ended.
            let Ok(changes) = changes else { return all };
            tell(&changes);
            all.extend(changes);
        }
    }
}

fn in_files(change: Option<Change>) -> Result<Changes> {
    let Some(files) = change else { bail!("a bug of the host: nothing watches the files any more") };
    Ok(Changes { files, ..Changes::default() })
}

fn in_sources(change: Option<Change>) -> Result<Changes> {
    in_files(change).map(|changes| Changes { sources: changes.files, ..Changes::default() })
}
