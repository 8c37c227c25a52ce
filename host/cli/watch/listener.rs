//! Waits for what is saved, and for Ctrl-C.
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

/// What there is to look at.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Files that have changed.
    pub(super) files: Change,
    /// Sources of the strategy that have changed.
    pub(super) sources: Change,
    /// Whether everything is to be looked at, since nothing has been yet.
    pub(super) first: bool,
}

impl Heard {
    /// Whether nothing was heard.
    pub(super) fn is_empty(&self) -> bool {
        self.paths().next().is_none() && !self.first
    }

    /// What has changed, for people.
    pub(super) fn names(&self) -> Vec<String> {
        self.paths().map(|path| path.display().to_string()).collect()
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.paths().chain(self.sources.paths())
    }

    /// Adds what was heard later.
    pub(super) fn extend(&mut self, later: Self) {
        self.files.extend(later.files);
        self.sources.extend(later.sources);
        self.first |= later.first;
    }
}

/// How waiting has ended.
pub(super) enum Waited {
    /// Something was saved, or the time is over.
    Heard(Heard),
    /// Ctrl-C.
    Bell,
}

/// Watchers and what they tell.
#[derive(Debug)]
pub(super) struct Ears {
    files: Receiver<Change>,
    tree: Receiver<Change>,
    bell: Receiver<()>,
    watchers: Vec<Watcher>,
}

impl Ears {
    /// Listens to changes of `files` and of `sources`, and to `bell`.
    pub(super) fn new(files: Vec<PathBuf>, sources: Option<&Sources>, bell: Receiver<()>) -> Result<Self> {
        let (watcher, files) = Watcher::files(files).context("files cannot be watched")?;
        let mut watchers = vec![watcher];
        let mut tree = never();
        if let Some(sources) = sources {
            let (watcher, changes) = sources.watch().context("the sources cannot be watched")?;
            watchers.push(watcher);
            tree = changes;
        }
        Ok(Self { files, tree, bell, watchers })
    }

    /// Why files are only looked at now and then, where the system does not tell of changes.
    pub(super) fn polling(&self) -> Option<&str> {
        self.watchers.iter().find_map(Watcher::polling)
    }

    /// Waits for the next change, until `due` at most.
    pub(super) fn wait(&self, due: Option<Instant>) -> Result<Waited> {
        let late = due.map_or_else(never, |due| after(due.saturating_duration_since(Instant::now())));
        Ok(Waited::Heard(select! {
            recv(self.bell) -> _ => return Ok(Waited::Bell),
            recv(self.files) -> change => in_files(change.ok())?,
            recv(self.tree) -> change => in_sources(change.ok())?,
            recv(late) -> _ => Heard::default(),
        }))
    }

    /// Whether there was a Ctrl-C.
    pub(super) fn has_rung(&self) -> bool {
        self.bell.try_recv().is_ok()
    }

    /// Does `work`, and sets `stop` as soon as something is heard that `matters`. Returns all that was heard as well.
    pub(super) fn meanwhile<T>(
        &self,
        stop: &Stop,
        matters: impl Fn(&Heard) -> bool + Sync,
        work: impl FnOnce() -> T,
    ) -> (T, Heard) {
        let (working, end) = bounded(0);
        thread::scope(|scope| {
            let ear = scope.spawn(|| self.listen(&end, &|heard| matters(heard).then(|| stop.stop())));
            let done = work();
            drop::<crossbeam_channel::Sender<Infallible>>(working);
            (done, ear.join().unwrap_or_default())
        })
    }

    fn listen(&self, end: &Receiver<Infallible>, tell: &dyn Fn(&Heard) -> Option<()>) -> Heard {
        let mut all = Heard::default();
        loop {
            let heard = select! {
                recv(end) -> _ => return all,
                recv(self.files) -> change => in_files(change.ok()),
                recv(self.tree) -> change => in_sources(change.ok()),
            };
            // That a watcher has ended is found out by whoever waits next.
            let Ok(heard) = heard else { return all };
            tell(&heard);
            all.extend(heard);
        }
    }
}

fn in_files(change: Option<Change>) -> Result<Heard> {
    let Some(files) = change else { bail!("a bug of the host: nothing watches the files any more") };
    Ok(Heard { files, ..Heard::default() })
}

fn in_sources(change: Option<Change>) -> Result<Heard> {
    in_files(change).map(|heard| Heard { sources: heard.files, ..Heard::default() })
}
