//! The stamp of a file: length, times and inode, which tell two states apart without reading.
//!
//! Never opens a file.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The state of the file that a path leads to, links followed. Two stamps that differ are two states.
///
/// Two states have one stamp where a file is written twice, with as many bytes, within one tick of the file system's
/// clock: a few milliseconds as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Bytes.
    length: u64,
    /// When it was written, in nanoseconds since 1970.
    modified: i128,
    /// When anything about it changed, in nanoseconds since 1970. Unlike `modified`, nobody can set it.
    changed: i128,
    inode: u64,
    device: u64,
}

impl Stamp {
    /// Returns the stamp of the file that `path` leads to; nothing if there is none, or it is a folder.
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().filter(|metadata| !metadata.is_dir()).map(|metadata| Self::from(&metadata))
    }

    /// The bytes that the file has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The time since anything about the file changed; none where that is in the future.
    pub(super) fn age(&self) -> Duration {
        let age = nanos(SystemTime::now()) - self.changed;
        u64::try_from(age).map_or(Duration::ZERO, Duration::from_nanos)
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        let modified = metadata.modified().map_or(0, nanos);
        let length = metadata.len();
        let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
        Self { length, modified, changed, inode: metadata.ino(), device: metadata.dev() }
    }
}

/// Nanoseconds since 1970.
fn nanos(time: SystemTime) -> i128 {
    let signed = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => signed(after),
        Err(before) => -signed(before.duration()),
    }
}
