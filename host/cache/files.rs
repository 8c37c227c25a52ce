//! Cache files on disk: usage, pruning, clearing.
//!
//! Never touches other files than the cache's: regular files with the name of a key or a temporary name, in directories
//! with the name of a bucket. Does not follow links. A file that vanishes meanwhile was removed by another process.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, DirEntry},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{HOUR, key};

/// The prefix of temporary files, which become entries by a rename.
pub(super) const TEMPORARY: &str = ".tmp-";

/// The usage of one bucket, which has at least one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUsage {
    /// The bucket with its format: `compiled-v1`.
    pub bucket: String,
    /// The number of entries.
    pub entries: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
    /// The last use of the least recently used entry, to the minute.
    pub oldest_use: SystemTime,
    /// The last use of the most recently used entry, to the minute.
    pub newest_use: SystemTime,
}

/// What `clear` has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleared {
    /// The number of entries.
    pub entries: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
}

/// One file of the cache.
#[derive(Debug)]
struct Found {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Found {
    /// Describes a file, if it still exists and is a regular file.
    fn of(file: &DirEntry) -> io::Result<Option<Self>> {
        let Some(metadata) = or_gone(file.metadata())?.filter(fs::Metadata::is_file) else { return Ok(None) };
        Ok(Some(Self { path: file.path(), bytes: metadata.len(), used: metadata.modified()? }))
    }
}

/// Returns the size in bytes to which a cache of `cap` bytes is pruned: 90 %, so that not every `put` prunes.
pub(super) fn pruned(cap: u64) -> u64 {
    cap - cap / 10
}

/// Removes abandoned temporary files and, above `cap` bytes, the least recently used entries. `newest` goes last,
/// whatever its time says: the clock of the file system lags behind the clock that notes uses.
pub(super) fn prune(root: &Path, cap: u64, newest: &Path) -> io::Result<()> {
    remove_stale(root)?;
    let mut entries = Vec::new();
    for bucket in buckets(root)? {
        remove_stale(&bucket)?;
        entries.extend(entries_of(&bucket)?);
    }
    let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
    if total <= cap {
        return Ok(());
    }
    entries.sort_by_key(|entry| (entry.path == newest, entry.used));
    for entry in entries {
        if total <= pruned(cap) {
            break;
        }
        remove(&entry.path)?;
        total -= entry.bytes;
    }
    Ok(())
}

/// Counts the entries of each bucket that is not empty.
pub(super) fn usage(root: &Path) -> io::Result<Vec<BucketUsage>> {
    let mut usage = BTreeMap::new();
    for bucket in buckets(root)? {
        let name = name_of(bucket.file_name().unwrap_or_default()).to_owned();
        for entry in entries_of(&bucket)? {
            let used = entry.used;
            let bucket = name.clone();
            let empty = || BucketUsage { bucket, entries: 0, bytes: 0, oldest_use: used, newest_use: used };
            let sum = usage.entry(name.clone()).or_insert_with(empty);
            sum.entries += 1;
            sum.bytes += entry.bytes;
            sum.oldest_use = sum.oldest_use.min(used);
            sum.newest_use = sum.newest_use.max(used);
        }
    }
    Ok(usage.into_values().collect())
}

/// Removes all entries, abandoned temporary files, and the buckets that are empty afterwards.
pub(super) fn clear(root: &Path) -> io::Result<Cleared> {
    let mut cleared = Cleared::default();
    remove_stale(root)?;
    for bucket in buckets(root)? {
        remove_stale(&bucket)?;
        for entry in entries_of(&bucket)? {
            if remove(&entry.path)? {
                cleared.entries += 1;
                cleared.bytes += entry.bytes;
            }
        }
        match or_gone(fs::remove_dir(&bucket)) {
            // It holds a file that is not the cache's, or one that another process is writing.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            removed => _ = removed?,
        }
    }
    Ok(cleared)
}

/// Removes a file; returns whether it existed.
pub(super) fn remove(path: &Path) -> io::Result<bool> {
    Ok(or_gone(fs::remove_file(path))?.is_some())
}

/// The directories of all buckets, including those of other versions of the program.
fn buckets(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut buckets = Vec::new();
    for found in fs::read_dir(root)? {
        let found = found?;
        let is_dir = || Ok::<_, io::Error>(or_gone(found.file_type())?.is_some_and(|kind| kind.is_dir()));
        if key::names_bucket(name_of(&found.file_name())) && is_dir()? {
            buckets.push(found.path());
        }
    }
    Ok(buckets)
}

fn entries_of(bucket: &Path) -> io::Result<Vec<Found>> {
    files(bucket, key::names_key)
}

fn remove_stale(folder: &Path) -> io::Result<()> {
    let mut stale = files(folder, |name| name.starts_with(TEMPORARY))?;
    stale.retain(|file| file.used.elapsed().is_ok_and(|age| age > HOUR));
    stale.iter().try_for_each(|file| remove(&file.path).map(drop))
}

/// The regular files in `folder` whose names satisfy `is_ours`.
fn files(folder: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<Vec<Found>> {
    let Some(found) = or_gone(fs::read_dir(folder))? else { return Ok(vec![]) };
    let mut files = Vec::new();
    for file in found {
        // Another process may remove the directory meanwhile.
        let Some(file) = or_gone(file)? else { break };
        if is_ours(name_of(&file.file_name())) {
            files.extend(Found::of(&file)?);
        }
    }
    Ok(files)
}

/// Returns the name as text; the empty text, which names no file of the cache, if it is not UTF-8.
fn name_of(name: &OsStr) -> &str {
    name.to_str().unwrap_or_default()
}

fn or_gone<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}
