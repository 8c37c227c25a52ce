//! What a store has: its books, their cells, what they take, and which of them go when they take too much.
//!
//! Never removes a book that was used within the hour, nor one that a process writes to.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    block::Block,
    book::{FACTS, files},
    error::StoreError,
    key::CellKey,
    log::{Reader, done},
    root::Store,
    seal::unsealed,
};
use crate::{
    file::{SETTINGS, read_text_at_most},
    metrics::Metrics,
    model::{Digest, Params},
    task::Answer,
};

/// Bytes that all books and their plugins may take, unless a user says otherwise: 4 GiB.
pub const DEFAULT_CAP: u64 = 4 << 30;

/// A book that was used within this time stays.
const IN_USE: Duration = Duration::from_secs(3600);

/// What the store says of a book.
#[derive(Debug, Clone)]
pub struct BookEntry {
    /// The hash of everything that decides its cells' results but the parameters.
    pub digest: Digest,
    /// The same in words: the members of `book.json`.
    pub facts: serde_json::Value,
    /// The number of its cells.
    pub cells: u64,
    /// Bytes that its files take.
    pub bytes: u64,
    /// When a sweep last used it.
    pub used: SystemTime,
    folder: PathBuf,
}

/// A cell of a book.
#[derive(Debug)]
pub struct Cell {
    /// Its parameters.
    pub params: Params,
    /// What the task answered.
    pub answer: Answer<Metrics>,
    /// How long it took.
    pub time: Duration,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Books.
    pub books: u64,
    /// Bytes of their files, and of plugins that no book is left of.
    pub bytes: u64,
    /// Books that would have gone, but are in use: they were used within the hour, or a process writes to them.
    pub in_use: u64,
    /// Bytes that are left.
    pub left: u64,
}

impl Store {
    /// The books, the one that was used last first. What is no book is left out.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be read.
    pub fn catalog(&self) -> Result<Vec<BookEntry>, StoreError> {
        let mut entries = self.entries()?;
        for entry in &mut entries {
            let mut keys = HashSet::new();
            each_block(&entry.folder, |_, block| keys.extend(block.keys()))?;
            entry.cells = keys.len() as u64;
        }
        Ok(entries)
    }

    /// The books without a count of their cells.
    fn entries(&self) -> Result<Vec<BookEntry>, StoreError> {
        let books = self.books();
        let mut entries = Vec::new();
        for found in fs::read_dir(&books).map_err(StoreError::io("read", &books))? {
            let folder = found.map_err(StoreError::io("read", &books))?.path();
            let name = folder.file_name().and_then(|name| name.to_str());
            let name = name.and_then(|name| name.parse::<Digest>().ok());
            let (Some(digest), Some(used)) = (name, used(&folder)) else { continue };
            let path = Some(folder.join(FACTS)).filter(|path| path.is_file());
            let facts = path.and_then(|path| read_text_at_most(&path, SETTINGS).ok());
            // What is damaged, or those of another book, would say what is not so; the next sweep writes them anew.
            let is_its_own = |facts: &serde_json::Value| facts["book"] == digest.to_string();
            let facts = facts.and_then(|text| unsealed(&text)).filter(is_its_own).unwrap_or_default();
            let bytes = size(&folder)?;
            entries.push(BookEntry { digest, facts, cells: 0, bytes, used, folder });
        }
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.used), entry.digest));
        Ok(entries)
    }

    /// Hands over every cell of `book`, each once, with the names of the metrics that were computed: first those of cells with
    /// most metrics.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read, or what `take` returns.
    pub fn cells<E: From<StoreError>>(
        &self,
        book: &BookEntry,
        mut take: impl FnMut(&[String], Cell) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut readers = readers(&book.folder)?;
        readers.sort_by_key(|(_, reader)| std::cmp::Reverse(reader.layout().metrics.len()));
        let mut there = HashSet::<CellKey>::new();
        for (path, reader) in &readers {
            let (layout, places) = (reader.layout(), reader.layout().places());
            let mut failed = None;
            let read = reader.read_on(reader.start(), |_, block| {
                if failed.is_some() {
                    return;
                }
                let Some(params) = block.params(&layout.params) else { return };
                for (row, (key, params)) in block.keys().zip(params).enumerate() {
                    if !there.insert(key) {
                        continue;
                    }
                    let (answer, time) = block.answer(row, &places);
                    if let Err(error) = take(&layout.metrics, Cell { params, answer, time }) {
                        failed = Some(error);
                        return;
                    }
                }
            });
            read.map_err(StoreError::io("read", path))?;
            failed.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// The bytes of the plugins that are kept.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be read.
    pub fn plugin_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.plugin_files()?.iter().map(|plugin| plugin.bytes).sum())
    }

    /// Counts the trials that the books on the bars with the hash `bars` have, or all books: a process that was killed had not.
    pub(super) fn count_all_trials(&self, bars: Option<Digest>) -> Result<(), StoreError> {
        let entries = self.entries()?;
        let wanted = entries.iter().filter(|entry| bars.is_none() || entry.bars() == bars);
        wanted.into_iter().try_for_each(|entry| self.count_trials(entry))
    }

    fn count_trials(&self, entry: &BookEntry) -> Result<(), StoreError> {
        let (Some(plugin), Some(bars)) = (entry.plugin(), entry.bars()) else { return Ok(()) };
        let data = entry.facts.get("data").and_then(serde_json::Value::as_str).unwrap_or_default();
        let trials = self.trials_of(plugin, bars, data);
        each_block(&entry.folder, |_, block| block.succeeded().for_each(|key| trials.add(key)))?;
        trials.save()
    }

    /// Removes the books that were not used for longest, until all together take `cap` bytes at most with the plugins of those
    /// that stay. Other plugins go, too. The ledger, the counts of trials and what audits have said stay.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be read, or a book cannot be removed.
    pub fn prune(&self, cap: u64) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        let entries = self.entries()?;
        let mut books = HashMap::<Digest, usize>::new();
        entries.iter().filter_map(BookEntry::plugin).for_each(|plugin| *books.entry(plugin).or_default() += 1);
        let size: HashMap<_, _> = self.plugin_files()?.iter().map(|plugin| (plugin.digest, plugin.bytes)).collect();
        let mut total = entries.iter().map(|entry| entry.bytes).sum::<u64>();
        total += books.keys().filter_map(|plugin| size.get(plugin)).sum::<u64>();
        for entry in entries.iter().rev() {
            if total <= cap {
                break;
            }
            if entry.is_in_use()? {
                pruned.in_use += 1;
                continue;
            }
            self.count_trials(entry)?;
            fs::remove_dir_all(&entry.folder).map_err(StoreError::io("remove", &entry.folder))?;
            (pruned.books, pruned.bytes) = (pruned.books + 1, pruned.bytes + entry.bytes);
            total -= entry.bytes;
            if let Some(plugin) = entry.plugin()
                && let Some(left) = books.get_mut(&plugin)
            {
                *left -= 1;
                total -= if *left == 0 { size.get(&plugin).copied().unwrap_or(0) } else { 0 };
            }
        }
        let wanted = books.into_iter().filter(|(_, left)| *left > 0).map(|(plugin, _)| plugin).collect();
        let is_recent = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).is_ok_and(is_recent);
        pruned.bytes += self.prune_plugins(&wanted, is_recent)?;
        Ok(Pruned { left: total, ..pruned })
    }
}

impl BookEntry {
    /// The hash of the plugin whose results it has.
    pub fn plugin(&self) -> Option<Digest> {
        self.facts.get("plugin_hash")?.as_str()?.parse().ok()
    }

    /// The hash of the bars of its results.
    pub fn bars(&self) -> Option<Digest> {
        self.facts.get("data_hash")?.as_str()?.parse().ok()
    }

    fn is_in_use(&self) -> Result<bool, StoreError> {
        Ok(is_recent(self.used) || files(&self.folder)?.iter().any(|path| done(path).is_none()))
    }
}

/// Whether `time` is within the last hour.
fn is_recent(time: SystemTime) -> bool {
    // A time in the future is that of another machine's clock.
    time.elapsed().unwrap_or_else(|error| error.duration()) < IN_USE
}

fn used(folder: &Path) -> Option<SystemTime> {
    // Where nothing says what the book is for, its folder says when something came into it.
    let facts = fs::metadata(folder.join(FACTS)).or_else(|_| fs::metadata(folder));
    facts.ok()?.modified().ok()
}

fn size(folder: &Path) -> Result<u64, StoreError> {
    let mut bytes = 0;
    for found in walkdir::WalkDir::new(folder) {
        // What goes meanwhile takes nothing.
        bytes += found
            .ok()
            .and_then(|found| found.metadata().ok())
            .filter(fs::Metadata::is_file)
            .map_or(0, |file| file.len());
    }
    Ok(bytes)
}

fn readers(folder: &Path) -> Result<Vec<(PathBuf, Reader)>, StoreError> {
    let mut readers = Vec::new();
    for path in files(folder)? {
        // What is damaged is set aside when a sweep opens the book.
        if let Ok(Some(reader)) = Reader::open(&path)
            && folder.ends_with(reader.layout().book.to_string())
        {
            readers.push((path, reader));
        }
    }
    Ok(readers)
}

fn each_block(folder: &Path, mut take: impl FnMut(&Reader, Block)) -> Result<(), StoreError> {
    for (path, reader) in readers(folder)? {
        reader.read_on(reader.start(), |_, block| take(&reader, block)).map_err(StoreError::io("read", &path))?;
    }
    Ok(())
}
