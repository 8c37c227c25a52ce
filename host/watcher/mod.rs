//! The file watcher: reports which files have changed, once they have come to rest.
//!
//! Never reads them but to [hand over](read_settled) one as a whole, and never decides what a change means.
//!
//! The system's notices say where to look and what was written; what has changed is found by comparing [stamps](Stamp).
//! Files are looked at without any notice as well, since network file systems and the targets of links may send none:
//! every 2 s, and every 250 ms where there are no notices at all. An editor that saves by writing beside a file and
//! renaming, a folder that goes and comes back and a link that is pointed elsewhere are changes as any other.

mod notices;
mod scope;
mod settled;
mod stamp;
mod thread;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};

pub(crate) use self::settled::{ReadError, read_settled};
use self::{
    notices::Notices,
    scope::WatchScope,
    stamp::Stamp,
    thread::{Slot, Watch},
};

/// How long nothing must have happened before a change is one: editors write in several steps.
const QUIET: Duration = Duration::from_millis(60);

/// How long a change waits for quiet at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// Watches until it is dropped.
///
/// Whatever changes after it was made is told: who makes it first and then reads the files misses nothing.
#[derive(Debug)]
pub(crate) struct Watcher {
    polling: Arc<OnceLock<String>>,
    /// The thread ends when this end of the channel is gone.
    _alive: Sender<Infallible>,
}

/// What has become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// It is there, and may have other bytes than before.
    Present,
    /// It is gone, or a folder has its name.
    Missing,
}

/// All files that have changed since the last change was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    files: BTreeMap<PathBuf, State>,
}

impl Change {
    /// The files, as they were named to the watcher or lie in what was.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// What has become of the file `path`, if it has changed.
    pub(crate) fn state(&self, path: &Path) -> Option<State> {
        self.files.get(path).copied()
    }

    /// Adds what has changed later.
    pub(crate) fn extend(&mut self, later: Self) {
        self.files.extend(later.files);
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl Watcher {
    /// Watches `files`, which need not be there yet, and neither need their folders.
    pub(crate) fn files(files: impl IntoIterator<Item = PathBuf>) -> io::Result<(Self, Receiver<Change>)> {
        Self::start(WatchScope::files(files)?, Notices::start())
    }

    /// Watches the files in `folder`, but not deeper. It need not be there yet.
    pub(crate) fn folder(folder: &Path) -> io::Result<(Self, Receiver<Change>)> {
        Self::start(WatchScope::folder(folder)?, Notices::start())
    }

    /// Watches every file below `folder`, but not what `ignore` says of a path, and below that. Links to folders are not
    /// followed.
    pub(crate) fn tree(
        folder: &Path,
        ignore: impl Fn(&Path) -> bool + Send + 'static,
    ) -> io::Result<(Self, Receiver<Change>)> {
        Self::start(WatchScope::tree(folder, Box::new(ignore))?, Notices::start())
    }

    /// Why files are only looked at every 250 ms instead of being told of, where that is so.
    pub(crate) fn polling(&self) -> Option<&str> {
        self.polling.get().map(String::as_str)
    }

    fn start(scope: WatchScope, notices: Result<Notices, String>) -> io::Result<(Self, Receiver<Change>)> {
        let (alive, gone) = bounded(0);
        let (slot, changes) = Slot::new();
        let polling = Arc::new(OnceLock::new());
        Watch::start(scope, notices, slot, gone, Arc::clone(&polling))?;
        Ok((Self { polling, _alive: alive }, changes))
    }
}
