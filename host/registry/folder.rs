//! The plugins' folder: every build in it that is good serves.
//!
//! Never writes there (it removes what a killed upload has left half written), and never lets one file hold up the others: files are read one at a time, and several builds are
//! examined at a time.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::{
    Inner, Registry, RegistryError,
    admission::{Refusal, check_name},
    journal::{Entry, Event},
    problems::Problem,
    queue::{self, LANES},
    slot::FileState,
    threads::supervised,
};
use crate::{
    file::remove_partial_older,
    model::Digest,
    watcher::{Change, ReadError, Watcher, read_settled},
};

/// Builds of the folder that are examined at a time: one lane is left for those that are offered.
const LOADERS: usize = LANES - 1;

/// The stack of a thread that examines builds: guests run on it.
const STACK: usize = 8 << 20;

/// How long the first files may keep a start waiting; what takes longer serves later.
const START: Duration = Duration::from_secs(5);

/// How long to wait before the folder is watched again after the watcher has ended.
const AGAIN: Duration = Duration::from_secs(1);

/// How old half of a file must be before nobody is writing it any more.
const LITTER: Duration = Duration::from_secs(3600);

/// What is wrong while the folder is not watched.
const UNWATCHED: &str = "the folder of plugins is not watched; new builds are not loaded";

/// Follows a folder until it is dropped.
#[derive(Debug)]
pub struct Following {
    polling: Option<String>,
    late: Vec<String>,
    files: Arc<Files>,
    /// The thread that watches ends when this end of the channel is gone.
    _alive: Sender<Infallible>,
}

impl Following {
    /// Why changes are found by looking every 250 ms instead of being told, where that is so.
    pub fn polling(&self) -> Option<&str> {
        self.polling.as_deref()
    }

    /// The plugins that were still being checked when the first files had taken 5 s. They serve as soon as they are good.
    pub fn late(&self) -> &[String] {
        &self.late
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.files.end();
    }
}

/// Loads what is in `folder`, in the order of the names, and then whatever changes.
pub(super) fn follow(registry: &Registry, folder: &Path) -> Result<Following, RegistryError> {
    let failed = |source| RegistryError::Folder { path: folder.to_owned(), source };
    // From before the first look on, so that nothing falls between the two.
    let watching = Watcher::folder(folder).map_err(failed)?;
    let polling = watching.0.polling().map(str::to_owned);
    let files = Arc::new(Files::default());
    // It takes room and does no harm: a folder that cannot be written is no reason not to start.
    let _ = remove_partial_older(folder, LITTER);
    let first = plugins_in(folder).map_err(failed)?;
    // All of them are known from the start, though some serve later.
    let names = first.iter().filter_map(|path| plugin_name(path)).filter(|name| check_name(name).is_ok());
    names.for_each(|name| _ = registry.inner.slot_of(name).set_file(FileState::Present));
    files.add(first.iter().map(PathBuf::as_path));
    let (problems, inner) = (&registry.inner.problems, Arc::downgrade(&registry.inner));
    let (alive, gone) = bounded(0);
    // From here on an error ends the threads that have started.
    let mut following = Following { polling, late: Vec::new(), files: Arc::clone(&files), _alive: alive };
    for number in 0..LOADERS {
        let (files, inner) = (Arc::clone(&files), Weak::clone(&inner));
        let load = move || while files.load_next(&inner).is_some() {};
        supervised(format!("host-plugins-{number}"), STACK, Arc::clone(problems), load)
            .map_err(RegistryError::Thread)?;
    }
    let mut watch = FolderWatch { folder: folder.to_owned(), inner, files, gone, watching: Some(watching) };
    supervised("host-plugins".to_owned(), STACK, Arc::clone(problems), move || watch.run())
        .map_err(RegistryError::Thread)?;
    following.late = following.files.wait(START);
    Ok(following)
}

/// What the thread holds that hears of changes.
struct FolderWatch {
    folder: PathBuf,
    inner: Weak<Inner>,
    files: Arc<Files>,
    gone: Receiver<Infallible>,
    /// `None` after the watcher has ended, or the thread panicked.
    watching: Option<(Watcher, Receiver<Change>)>,
}

impl FolderWatch {
    /// Watches until nobody follows the folder any more.
    fn run(&mut self) {
        // Kept out of `self` while it is used: after a panic it is made anew.
        let mut watching = self.watching.take();
        loop {
            let Some(inner) = self.inner.upgrade() else { return };
            match watching.take().map_or_else(|| self.watch_again(), Ok) {
                Ok(watching) => {
                    inner.problems.set("folder", None, "");
                    drop(inner);
                    if self.hear(&watching.1).is_none() {
                        return;
                    }
                    self.report(io::Error::other("the watcher has ended"));
                }
                Err(error) => self.report(error),
            }
            select! {
                recv(self.gone) -> _ => return,
                default(AGAIN) => {}
            }
        }
    }

    /// Watches the folder anew; every file in it may have changed meanwhile.
    fn watch_again(&self) -> io::Result<(Watcher, Receiver<Change>)> {
        let watching = Watcher::folder(&self.folder)?;
        self.files.add(plugins_in(&self.folder)?.iter().map(PathBuf::as_path));
        Ok(watching)
    }

    /// Notes what changes until the watcher ends; nothing, if the folder is not followed any more.
    fn hear(&self, changes: &Receiver<Change>) -> Option<()> {
        loop {
            select! {
                recv(self.gone) -> _ => return None,
                recv(changes) -> change => match change {
                    Ok(change) => self.files.add(change.paths().filter(|path| plugin_name(path).is_some())),
                    Err(_) => return Some(()),
                },
            }
        }
    }

    fn report(&self, error: io::Error) {
        let problem = Problem { text: UNWATCHED.to_owned(), is_grave: true };
        if let Some(inner) = self.inner.upgrade() {
            inner.problems.set("folder", Some(problem), &format!("`{}`: {error}", self.folder.display()));
        }
    }
}

/// The files that are to be looked at.
#[derive(Debug, Default)]
struct Files {
    state: Mutex<FilesState>,
    moved: Condvar,
    /// Held while a file is read and its build arrives in the queue: builds of a name arrive in the order of its file.
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct FilesState {
    waiting: VecDeque<PathBuf>,
    /// Those that are being looked at.
    looked_at: Vec<PathBuf>,
    is_over: bool,
}

impl Files {
    fn state(&self) -> MutexGuard<'_, FilesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds files that may have changed. One that waits already is read only once.
    fn add<'a>(&self, paths: impl Iterator<Item = &'a Path>) {
        let mut state = self.state();
        for path in paths {
            if !state.waiting.iter().any(|waiting| waiting == path) {
                state.waiting.push_back(path.to_owned());
            }
        }
        drop(state);
        self.moved.notify_all();
    }

    fn end(&self) {
        self.state().is_over = true;
        self.moved.notify_all();
    }

    /// Looks at the next file; nothing, if there will be none.
    fn load_next(self: &Arc<Self>, inner: &Weak<Inner>) -> Option<()> {
        let file = self.next()?;
        let inner = inner.upgrade()?;
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // The newest state of the file: others may have waited for it while this one waited to read.
        inner.look(&file.path, || drop(reading));
        Some(())
    }

    /// Waits for a file, and takes it out.
    fn next(self: &Arc<Self>) -> Option<LookedAt> {
        let mut state = self.state();
        loop {
            if state.is_over {
                return None;
            }
            if let Some(path) = state.waiting.pop_front() {
                state.looked_at.push(path.clone());
                return Some(LookedAt { files: Arc::clone(self), path });
            }
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until every file has been looked at, or for `most`; returns the names of those that take longer.
    fn wait(&self, most: Duration) -> Vec<String> {
        let end = Instant::now() + most;
        let mut state = self.state();
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            let is_done = state.waiting.is_empty() && state.looked_at.is_empty();
            if is_done || rest.is_zero() {
                let late = state.looked_at.iter().chain(&state.waiting);
                return late.filter_map(|path| plugin_name(path)).map(str::to_owned).collect();
            }
            state = self.moved.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A file that is being looked at, until this is dropped.
struct LookedAt {
    files: Arc<Files>,
    path: PathBuf,
}

impl Drop for LookedAt {
    fn drop(&mut self) {
        let mut state = self.files.state();
        if let Some(place) = state.looked_at.iter().position(|path| *path == self.path) {
            state.looked_at.swap_remove(place);
        }
        drop(state);
        self.files.moved.notify_all();
    }
}

fn plugins_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths: io::Result<Vec<_>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| plugin_name(path).is_some() && !path.is_dir());
    paths.sort();
    Ok(paths)
}

/// The name that a file gives its plugin. Hidden files are those of editors.
fn plugin_name(path: &Path) -> Option<&str> {
    let is_plugin = path.extension().is_some_and(|extension| extension == "wasm");
    path.file_stem().filter(|_| is_plugin)?.to_str().filter(|name| !name.starts_with('.'))
}

impl Inner {
    /// Takes a file as it is now. Calls `has_arrived` once it is read, and its build in the queue.
    fn look(&self, path: &Path, has_arrived: impl FnOnce()) {
        let Some(name) = plugin_name(path) else { return };
        match read_settled(path, self.policy.max_size) {
            Ok(bytes) => self.found(name, bytes, has_arrived),
            Err(ReadError::Missing) => self.gone(name),
            // Whoever writes it will end with another event.
            Err(ReadError::Unsettled) => {}
            Err(ReadError::TooLarge { size, limit }) => {
                self.unreadable(name, &Refusal::TooLarge { size, limit }, has_arrived);
            }
            Err(ReadError::Io(source)) => self.unreadable(name, &Refusal::Read(source), has_arrived),
        }
    }

    fn found(&self, name: &str, bytes: Vec<u8>, has_arrived: impl FnOnce()) {
        if let Err(refusal) = check_name(name) {
            // There is no place for it, and so nothing to remember.
            self.tell(Entry::new(name, Event::Refused, refusal.text()));
            return;
        }
        let slot = self.slot_of(name);
        let (before, was) = (slot.current(), slot.set_file(FileState::Present));
        let digest = Digest::of(&bytes);
        let ticket = self.queue.arrive(name, Some(digest), queue::Sender::Folder);
        has_arrived();
        // What is refused is told already.
        let Ok(version) = self.take_with(&ticket, name, digest, &bytes, None) else { return };
        if was == FileState::Missing && before.is_some_and(|before| Arc::ptr_eq(&before, &version)) {
            let message = format!("its file is there again, with {}, which has served throughout", version.label());
            self.tell(Entry {
                generation: Some(version.generation()),
                hash: Some(version.digest()),
                ..Entry::new(name, Event::Returned, message)
            });
        }
    }

    fn unreadable(&self, name: &str, refusal: &Refusal, has_arrived: impl FnOnce()) {
        if let Err(refusal) = check_name(name) {
            self.tell(Entry::new(name, Event::Refused, refusal.text()));
            return;
        }
        let ticket = self.queue.arrive(name, None, queue::Sender::Folder);
        has_arrived();
        let slot = self.slot_of(name);
        slot.set_file(FileState::Present);
        if ticket.wait_for_twin().and_then(|()| self.recall(&slot, None, &ticket)).is_ok() {
            self.refuse(name, None, &ticket, refusal);
        }
    }

    fn gone(&self, name: &str) {
        let Some(slot) = self.slot(name) else { return };
        let was = slot.set_file(FileState::Missing);
        let Some(version) = slot.current().filter(|_| was == FileState::Present) else { return };
        self.tell(Entry {
            generation: Some(version.generation()),
            hash: Some(version.digest()),
            ..Entry::new(name, Event::Missing, format!("its file is gone; {} goes on serving", version.label()))
        });
    }
}
