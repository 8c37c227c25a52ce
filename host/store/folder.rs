//! Folders of the store: for their user alone.
//!
//! Never changes one that exists: who gives a folder to others means it.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io,
    path::Path,
    time::{Duration, Instant},
};

use super::error::StoreError;

/// How long another process may have a lock that is needed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a lock is tried meanwhile.
const TRY: Duration = Duration::from_millis(2);

/// Makes a folder, unless it exists.
pub(super) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    match builder().create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        created => created.map_err(StoreError::io("make", folder)),
    }
}

/// Makes folders that are for this user alone.
pub(super) fn builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Locks the file at `path`, which is made if need be, until what is returned is dropped. Others have it for moments: it is not
/// waited for longer than that, since one of them may be stopped.
///
/// # Errors
///
/// Returns an error if the file cannot be made, or if another process has the lock all the time.
pub(super) fn locked(path: &Path) -> Result<File, StoreError> {
    let file = File::options().append(true).create(true).open(path).map_err(StoreError::io("make", path))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => std::thread::park_timeout(TRY),
            Err(error @ TryLockError::WouldBlock) => return Err(StoreError::io("lock", path)(error.into())),
            // Where the file system has no locks, nobody can have one.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}
