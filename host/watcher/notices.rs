//! Notifications of the operating system about folders.
//!
//! Never says what has changed: a notice is a reason to look.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::{Receiver, TrySendError, bounded};
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};

/// Notices on their way. Those that do not fit are replaced by a look at everything.
const IN_FLIGHT: usize = 4096;

/// One notice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) paths: Vec<PathBuf>,
    /// Whether the paths may have other bytes; else it is their names, times or rights.
    pub(super) written: bool,
}

/// Folders that send notices.
#[derive(Debug)]
pub(super) struct Notices {
    watcher: Option<RecommendedWatcher>,
    /// Closed when the system's side has ended.
    pub(super) heard: Receiver<Notice>,
    /// Whether notices were lost.
    lost: Arc<AtomicBool>,
    /// The folders that send notices, and which ones they were when they were asked to.
    folders: BTreeMap<PathBuf, FolderId>,
}

impl Notices {
    /// Starts without any folder; says why that is not possible.
    pub(super) fn start() -> Result<Self, String> {
        let (sender, heard) = bounded(IN_FLIGHT);
        let lost = Arc::new(AtomicBool::new(false));
        let losing = Arc::clone(&lost);
        let hear = move |event: notify::Result<Event>| {
            let Some(notice) = Notice::of(event, &losing) else { return };
            if let Err(TrySendError::Full(_)) = sender.try_send(notice) {
                losing.store(true, Ordering::Relaxed);
            }
        };
        let watcher = quietly(|| notify::recommended_watcher(hear)).ok_or("the system's notices do not start")?;
        let watcher = Some(watcher.map_err(|error| error.to_string())?);
        Ok(Self { watcher, heard, lost, folders: BTreeMap::new() })
    }

    /// Lets `wanted` send notices, and no other folder. Returns whether some do now that did not before.
    ///
    /// # Errors
    ///
    /// Returns why a folder does not send any.
    pub(super) fn listen(&mut self, wanted: &BTreeSet<PathBuf>) -> (bool, Result<(), String>) {
        if self.lost.swap(false, Ordering::Relaxed) {
            // Among what was lost may be that a folder was replaced.
            self.drop_all_but(&BTreeSet::new());
        }
        self.drop_all_but(wanted);
        let (mut added, mut problem) = (false, Ok(()));
        for folder in wanted {
            let place = FolderId::of(folder);
            if place.is_some() && place.as_ref() == self.folders.get(folder) {
                continue;
            }
            self.forget(folder);
            match (self.watch(folder), place) {
                (Ok(()), Some(place)) => {
                    added = true;
                    self.folders.insert(folder.clone(), place);
                }
                (Err(error), Some(_)) if FolderId::of(folder).is_some() => problem = Err(error),
                // It went while it was looked for: the next look sees that.
                _ => added = true,
            }
        }
        (added, problem)
    }

    /// Remembers that the notices of a folder may have ended with it.
    pub(super) fn removed(&mut self, path: &Path) {
        if self.folders.contains_key(path) {
            self.forget(path);
        }
    }

    fn watch(&mut self, folder: &Path) -> Result<(), String> {
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        let watched = quietly(|| watcher.watch(folder, RecursiveMode::NonRecursive));
        watched.ok_or("the system's notices have ended")?.map_err(|error| error.to_string())
    }

    fn drop_all_but(&mut self, wanted: &BTreeSet<PathBuf>) {
        let unwanted: Vec<_> = self.folders.keys().filter(|folder| !wanted.contains(*folder)).cloned().collect();
        unwanted.iter().for_each(|folder| self.forget(folder));
    }

    fn forget(&mut self, folder: &Path) {
        if self.folders.remove(folder).is_some()
            && let Some(watcher) = &mut self.watcher
        {
            // What is gone cannot be unwatched.
            let _ = quietly(|| watcher.unwatch(folder));
        }
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        let watcher = self.watcher.take();
        let _ = quietly(|| drop(watcher));
    }
}

impl Notice {
    /// The notice of an event; nothing where a file was only read, as whoever is told of a change does.
    fn of(event: notify::Result<Event>, lost: &AtomicBool) -> Option<Self> {
        let Ok(event) = event else {
            lost.store(true, Ordering::Relaxed);
            return Some(Self { paths: Vec::new(), written: false });
        };
        if event.need_rescan() {
            lost.store(true, Ordering::Relaxed);
        }
        let written = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) => return None,
            EventKind::Modify(ModifyKind::Metadata(_)) | EventKind::Other => false,
            EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
        };
        Some(Self { paths: event.paths, written })
    }
}

/// Which folder a path leads to. One that was removed and made again may be the same by this.
#[derive(Debug, PartialEq, Eq)]
struct FolderId(u64, u64);

impl FolderId {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self(metadata.dev(), metadata.ino()))
    }
}

/// Calls into `notify`, which panics when its own thread has ended.
fn quietly<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}
