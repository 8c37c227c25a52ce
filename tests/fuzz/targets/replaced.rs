//! Files whose content each input replaces: one folder for a process, gone with it.
//!
//! Never asks the disk to keep them: they are written where temporary files lie.

use std::{fs, path::PathBuf, sync::OnceLock};

use tempfile::TempDir;

/// Writes `content` into the file `name` of the process's own folder, and returns its path.
pub(super) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, content).expect("a temporary file can be written");
    path
}

/// The folder.
pub(super) fn folder() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    // Memory, where the system has such a folder: nothing of it must last.
    let make = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    FOLDER.get_or_init(|| make().expect("a temporary folder can be made")).path().to_owned()
}
