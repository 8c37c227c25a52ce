//! The results that `host watch` remembers: in the store that is asked for, and until it ends what that one does not take.
//!
//! Never fails a round: what cannot be kept runs again.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use anyhow::Result;
use tempfile::TempDir;

use crate::{
    cli::{Context, store, store_args::StoreArgs},
    store::Store,
    sweep::{BoundRequest, Scope, StoreUse, StoredCells, SweepRequest, with_causes},
};

/// What the names of temporary folders begin with.
const PREFIX: &str = "host-watch-";

/// The file in such a folder that is locked for as long as its process lives.
const LOCK: &str = "lock";

/// Where the results of rounds are kept.
#[derive(Debug)]
pub(super) struct Memory {
    /// The store that is asked for, if there is one that can be used.
    asked: Option<Store>,
    own: Option<OwnStore>,
    /// The last problem that was told, which is not told again.
    problem: Option<String>,
    /// True once a note has said that results depend on each other.
    is_forgetful: bool,
}

/// A store in a temporary folder, which goes when the watch ends. What a killed one has left, the next one removes.
#[derive(Debug)]
struct OwnStore {
    store: Store,
    _lock: File,
    _folder: TempDir,
}

impl OwnStore {
    fn new() -> Result<Self> {
        let (folder, lock) = Self::make()?;
        folder.path().parent().iter().for_each(|temporary| sweep(temporary));
        Ok(Self { store: Store::open(folder.path())?, _lock: lock, _folder: folder })
    }

    /// Makes a folder that nobody else has, and locks it.
    fn make() -> io::Result<(TempDir, File)> {
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
            let path = folder.path().join(LOCK);
            let lock = File::create(&path)?;
            // Between the two, another watch that starts can have taken it for one that is left. Where the file system has no
            // locks, no other watch can take one either.
            if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) && path.exists() {
                return Ok((folder, lock));
            }
        }
    }
}

/// Removes the folders in `temporary` whose process has ended.
fn sweep(temporary: &Path) {
    // What cannot be read or removed is that of another user, or of a process that removes it just now.
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let is_one = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_one
            && let Ok(lock) = File::options().write(true).open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Memory {
    /// Opens the store that is asked for, and another for what that one does not take.
    pub(super) fn open(args: &StoreArgs, context: &mut Context<'_>) -> Self {
        let asked = store::asked(args).unwrap_or_else(|error| {
            let problem = with_causes(&error);
            context.reporter.note(format!(
                "note: the store cannot be used, so that results are remembered until this watch ends: {problem} (`--store DIR` \
                 takes another folder, `--no-store` none)"
            ));
            None
        });
        let own = OwnStore::new();
        if let (Err(error), None) = (&own, &asked) {
            context.reporter.note(format!(
                "note: results are not remembered, so that each round runs all combinations, since no temporary folder can be \
                 made: {error:#} (`TMPDIR` names another place)"
            ));
        }
        Self { asked, own: own.ok(), problem: None, is_forgetful: false }
    }

    /// The folder of the store that is asked for.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.asked.as_ref().map(|store| store.root().to_owned())
    }

    /// The cells of a round. `None` where no result can be known.
    pub(super) fn cells(
        &mut self,
        request: &SweepRequest,
        bound: &BoundRequest,
        scope: &Scope,
        context: &mut Context<'_>,
    ) -> Result<Option<StoredCells>> {
        let of = |store: &Store| StoredCells::new(store.clone(), request, bound, scope);
        let asked = self.asked.as_ref().map(of).transpose()?.flatten();
        let own = self.own.as_ref().map(|own| of(&own.store)).transpose()?.flatten();
        let is_forgetful = bound.limits.tasks_per_fork > 1;
        if is_forgetful && !std::mem::replace(&mut self.is_forgetful, true) {
            context.reporter.note(
                "note: results with `--tasks-per-fork` are not remembered, since they depend on each other: each round runs all",
            );
        }
        Ok(match asked {
            Some(asked) => Some(asked.with_spare(own)),
            None => own,
        })
    }

    /// Says what was wrong in a round, once.
    pub(super) fn after(&mut self, mut used: StoreUse, context: &mut Context<'_>) {
        let is_told = used.problem.is_some() && self.problem == used.problem;
        if is_told {
            used.problem = None;
        }
        store::report(Some(&used), context);
        if used.problem.is_some() {
            if self.asked.is_some() && self.own.is_some() {
                context.reporter.note("what the store does not take is remembered until this watch ends");
            }
            self.problem = used.problem;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_watch_has_left_is_removed_and_a_living_one_keeps_its_own() {
        let temporary = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let folder = temporary.path().join(name);
            fs::create_dir_all(folder.join("v1/books")).unwrap();
            File::create(folder.join(LOCK)).unwrap()
        };
        let living = make("host-watch-living");
        living.try_lock().unwrap();
        drop([make("host-watch-dead"), make("another-program")]);
        fs::create_dir(temporary.path().join("host-watch-starting")).unwrap();
        sweep(temporary.path());
        let mut left: Vec<_> = fs::read_dir(temporary.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["another-program", "host-watch-living", "host-watch-starting"]);
    }
}
