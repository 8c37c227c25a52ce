//! The registry's memory on disk: builds that served, rollbacks, the end of the journal.
//!
//! Never needed for serving: where it cannot be written, that is remembered, and told to whoever asks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    journal::Entry,
    record::{Record, Records},
};
use crate::{
    file::{remove_partial, write_whole},
    model::Digest,
};

/// The version of what is written. Another one is not read.
const FORMAT: u32 = 1;

/// Entries of the journal that are kept.
const ENTRIES: usize = 200;

/// Why what was remembered cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The folder or the file cannot be read or made.
    #[error("`{}` cannot be used", path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("`{}` is not a registry's record of format {FORMAT}; move it away to begin anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// All that is remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Past {
    format: u32,
    pub(super) plugins: Records,
    pub(super) entries: Vec<Entry>,
}

/// A folder with `registry.json`, and in `builds` the bytes of builds by their hashes.
#[derive(Debug)]
pub(super) struct RegistryMemory {
    folder: PathBuf,
    past: Past,
    /// Builds that are kept for records which are not written yet.
    coming: Mutex<Vec<Digest>>,
    /// What could not be written last, by path.
    problems: Mutex<BTreeMap<PathBuf, String>>,
}

impl RegistryMemory {
    pub(super) fn open(folder: &Path) -> Result<Self, MemoryError> {
        let builds = folder.join("builds");
        fs::create_dir_all(&builds).map_err(|source| MemoryError::Io { path: builds.clone(), source })?;
        for litter in [folder, &builds] {
            remove_partial(litter).map_err(|source| MemoryError::Io { path: litter.to_owned(), source })?;
        }
        let path = folder.join("registry.json");
        let past = match fs::read(&path) {
            Ok(text) => serde_json::from_slice::<Past>(&text)
                .and_then(|past| match past.format {
                    FORMAT => Ok(past),
                    other => Err(serde::de::Error::custom(format!("the format is {other}"))),
                })
                .map_err(|source| MemoryError::Damaged { path, source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Past::default(),
            Err(source) => return Err(MemoryError::Io { path, source }),
        };
        Ok(Self { folder: folder.to_owned(), past, coming: Mutex::default(), problems: Mutex::default() })
    }

    /// What was remembered when it was opened.
    pub(super) fn past(&self) -> Past {
        self.past.clone()
    }

    /// What could not be written last.
    pub(super) fn problem(&self) -> Option<String> {
        self.problems().values().next().cloned()
    }

    fn build(&self, digest: Digest) -> PathBuf {
        self.folder.join("builds").join(format!("{digest}.wasm"))
    }

    /// The bytes of a build, if they are there and whole.
    pub(super) fn bytes(&self, digest: Digest) -> Option<Vec<u8>> {
        fs::read(self.build(digest)).ok().filter(|bytes| Digest::of(bytes) == digest)
    }

    /// Keeps a build, whether a record names it or not, for as long as the answer lives.
    pub(super) fn keep_build(&self, digest: Digest, bytes: &[u8]) -> KeptBuild<'_> {
        self.coming().push(digest);
        let kept = KeptBuild { memory: self, digest };
        let path = self.build(digest);
        if !path.exists() {
            self.note(&path, write_whole(&path, bytes));
        }
        kept
    }

    fn coming(&self) -> MutexGuard<'_, Vec<Digest>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what is to be known, and forgets builds that nobody would go back to.
    pub(super) fn keep(&self, records: impl Iterator<Item = (String, Record)>, entries: &[Entry]) {
        let plugins: Records = records.collect();
        let wanted: BTreeSet<_> = plugins.values().flat_map(|record| [record.current, record.previous]).collect();
        let past = Past { format: FORMAT, plugins, entries: entries.iter().take(ENTRIES).cloned().collect() };
        let path = self.folder.join("registry.json");
        let written = serde_json::to_vec_pretty(&past).map_err(io::Error::from);
        let kept = written.and_then(|text| write_whole(&path, &text));
        let is_kept = kept.is_ok();
        self.note(&path, kept);
        if is_kept {
            let builds = self.folder.join("builds");
            let is_wanted = |digest| wanted.contains(&Some(digest)) || self.coming().contains(&digest);
            self.note(&builds, prune(&builds, is_wanted));
            // Nobody misses a build that nobody would go back to.
            self.problems().retain(|path, _| digest_of(path).is_none_or(&is_wanted));
        }
    }

    fn note(&self, path: &Path, done: io::Result<()>) {
        match done {
            Ok(()) => self.problems().remove(path),
            Err(error) => {
                let problem = format!("`{}` cannot be written: {error}", path.display());
                self.problems().insert(path.to_owned(), problem)
            }
        };
    }

    fn problems(&self) -> MutexGuard<'_, BTreeMap<PathBuf, String>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A build that no pruning removes until this is dropped.
#[derive(Debug)]
pub(super) struct KeptBuild<'a> {
    memory: &'a RegistryMemory,
    digest: Digest,
}

impl Drop for KeptBuild<'_> {
    fn drop(&mut self) {
        let mut coming = self.memory.coming();
        if let Some(place) = coming.iter().position(|other| *other == self.digest) {
            coming.swap_remove(place);
        }
    }
}

/// Removes the builds that are not wanted. Other files stay.
fn prune(builds: &Path, is_wanted: impl Fn(Digest) -> bool) -> io::Result<()> {
    for file in fs::read_dir(builds)? {
        let path = file?.path();
        if digest_of(&path).is_some_and(|digest| !is_wanted(digest)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The digest that a file is named by.
fn digest_of(path: &Path) -> Option<Digest> {
    path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok())
}
