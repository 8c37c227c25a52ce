//! The program of worker processes, and whether this process is one.
//!
//! Never starts anything.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::ARGUMENT;

/// Whether this program has said that it can be a worker.
static ANNOUNCED: AtomicBool = AtomicBool::new(false);

/// The program that was named as one which can be started in the place of this one.
static IN_PLACE: OnceLock<WorkerProgram> = OnceLock::new();

/// A program that can be started as a worker process: one whose `main` begins with [`run_if_worker`].
///
/// [`run_if_worker`]: crate::worker::run_if_worker
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerProgram {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

impl WorkerProgram {
    /// The program in the file `path`, for example an installed `host`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: Vec::new() }
    }

    /// The same program, started with `arguments` before its own one: an interpreter whose script begins with
    /// [`serve_as_worker`](crate::worker::serve_as_worker).
    #[must_use]
    pub fn with_arguments(self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { arguments: arguments.into_iter().map(Into::into).collect(), ..self }
    }

    /// Makes this program what [`this`](Self::this) returns, for a process whose own program is an interpreter. Only the first call
    /// counts.
    pub fn stand_for_this(self) {
        // Whoever was first has said the same of this process.
        let _ = IN_PLACE.set(self);
    }

    /// This program itself, if its `main` began with [`run_if_worker`](crate::worker::run_if_worker), or the one that
    /// [stands for it](Self::stand_for_this).
    pub fn this() -> Option<Self> {
        if let Some(program) = IN_PLACE.get() {
            return Some(program.clone());
        }
        if !ANNOUNCED.load(Ordering::Relaxed) {
            return None;
        }
        // The kernel's name for what runs: it leads to the same program after a newer one took its place on the disk.
        let own = PathBuf::from("/proc/self/exe");
        if own.exists() { Some(Self::new(own)) } else { std::env::current_exe().ok().map(Self::new) }
    }
}

/// Whether this process was started as a worker. If not, [`WorkerProgram::this`] can start it as one from now on.
pub fn is_worker(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let is_worker = arguments.nth(1).is_some_and(|first| first == OsStr::new(ARGUMENT));
    if !is_worker {
        ANNOUNCED.store(true, Ordering::Relaxed);
    }
    is_worker
}
