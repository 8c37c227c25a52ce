//! A book: all cells that were run under one identity, which is everything that decides a result but the parameters.
//!
//! Never shares a file that is being written, and takes no lock to look a cell up. Rows go to a file of this process, and
//! into its journal first, so that a killed process loses none; a file that is full becomes a segment. What killed processes
//! have left becomes one when the book is opened next.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use super::{
    error::StoreError,
    index::Index,
    key::CellKey,
    merge::merge_small,
    schema::{Schema, Wanted, is_lasting},
    segment::{self, Decoded, GROUP_ROWS, Segment},
};
use crate::{
    metrics::{Metrics, Selection},
    model::ParamSpec,
    results::{self, Column, ResultsError, RowEncoder, Rows, Writer},
    task::{Answer, ParallelResult},
};

/// Rows of a segment, unless a run ends before.
pub(super) const SEGMENT_ROWS: u64 = 262_144;

/// Bytes of decoded rows that are kept for look-ups.
const DECODED_BYTES: usize = 128 << 20;

/// What the name of a file of rows begins with before it is a segment.
const NEW: &str = "new-";

/// The folder of a book for what cannot be read.
const DAMAGED: &str = "damaged";

/// The file of a book that says in words what it is for; its time is that of the last use.
pub(super) const FACTS: &str = "book.json";

/// A book that is open.
#[derive(Debug)]
pub(crate) struct Book {
    folder: PathBuf,
    schema: Schema,
    wanted: Wanted,
    known: Known,
    current: Mutex<Option<Arc<Current>>>,
    kept: AtomicU64,
    lost: AtomicU64,
    problem: OnceLock<String>,
    notices: Vec<String>,
}

/// The segments that were there when the book was opened.
#[derive(Debug, Default)]
struct Known {
    /// No other book of this process has it.
    number: u64,
    segments: Vec<Segment>,
    index: Index,
    decoded: Mutex<DecodedGroups>,
}

thread_local! {
    /// The group that this thread looked up last, since the next cell is likely in it: the number of its book, and its place.
    static LAST: RefCell<Option<(u64, (u32, usize), Arc<Decoded>)>> = const { RefCell::new(None) };
}

/// The groups that were looked up last.
#[derive(Debug, Default)]
struct DecodedGroups {
    groups: HashMap<(u32, usize), (u64, Arc<Decoded>)>,
    bytes: usize,
    uses: u64,
}

/// The file that rows go to.
#[derive(Debug)]
pub(super) struct Current {
    path: PathBuf,
    encoder: RowEncoder,
    writer: Mutex<Option<Writer>>,
    rows: AtomicU64,
}

/// A strategy's parameters and the metrics of a run: the columns that it looks for and writes.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) parameters: Vec<ParamSpec>,
    pub(crate) metrics: Selection,
}

impl Book {
    /// Opens the book in `folder`, which is made if need be. `facts` say in words what it is for.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be made, read or written to. Damaged segments are set aside, and told of.
    pub(crate) fn open(folder: &Path, facts: &str, shape: &Shape) -> Result<Self, StoreError> {
        super::create_folder(folder)?;
        note_use(folder, facts)?;
        let wanted = Wanted::new(shape.metrics);
        let mut notices = Vec::new();
        adopt(folder, &mut notices)?;
        let schema = Schema::new(&shape.parameters, shape.metrics);
        let known = Known::read(folder, &wanted, &mut notices)?;
        Ok(Self {
            folder: folder.to_owned(),
            schema,
            wanted,
            known,
            current: Mutex::default(),
            kept: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            problem: OnceLock::new(),
            notices,
        })
    }

    /// The number of cells that are known.
    pub(crate) fn len(&self) -> usize {
        self.known.index.len()
    }

    /// What was found wrong when the book was opened.
    pub(crate) fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The key of the cell with `params`.
    pub(crate) fn key(params: &crate::model::Params) -> CellKey {
        CellKey::of(params)
    }

    /// Whether the cell is known.
    pub(crate) fn has(&self, key: CellKey) -> bool {
        self.known.index.find(key).is_some()
    }

    /// The answer to the cell, and how long it took, if it is known.
    pub(crate) fn find(&self, key: CellKey) -> Option<(Answer<Metrics>, Duration)> {
        let (number, row) = self.known.index.find(key)?;
        let (group, place) = self.known.segments.get(number as usize)?.group_of(row);
        match self.known.group(number, group, &self.wanted) {
            Ok(decoded) => decoded.answer(place, &self.wanted),
            Err(error) => {
                self.note_problem(&error);
                None
            }
        }
    }

    /// Keeps those of `results` that were run and would be the same again.
    pub(crate) fn keep(&self, results: &[ParallelResult<Metrics>]) {
        let lasting: Vec<_> = results.iter().filter(|result| is_lasting(result)).collect();
        if lasting.is_empty() {
            return;
        }
        let count = lasting.len() as u64;
        let kept = self.try_keep(&lasting);
        match &kept {
            Ok(()) => self.kept.fetch_add(count, Relaxed),
            Err(error) => {
                self.note_problem(error);
                self.lost.fetch_add(count, Relaxed)
            }
        };
    }

    fn try_keep(&self, results: &[&ParallelResult<Metrics>]) -> Result<(), StoreError> {
        loop {
            let current = self.current()?;
            let mut rows = Rows::default();
            for result in results {
                current.encoder.push(&mut rows, &self.schema.row(CellKey::of(&result.params), result))?;
            }
            let Some(appended) = current.append(rows) else {
                // Another worker has just closed it.
                continue;
            };
            if !appended {
                self.close(&current)?;
                return Ok(());
            }
            let count = results.len() as u64;
            if current.rows.fetch_add(count, Relaxed) + count >= SEGMENT_ROWS {
                self.close(&current)?;
            }
            return Ok(());
        }
    }

    /// The file that rows go to, which is made if there is none.
    fn current(&self) -> Result<Arc<Current>, StoreError> {
        let mut current = lock(&self.current);
        if let Some(current) = &*current {
            return Ok(Arc::clone(current));
        }
        if let Some(problem) = self.problem.get() {
            let path = self.folder.clone();
            return Err(StoreError::Foreign { path, problem: problem.clone() });
        }
        let made = Arc::new(Current::start(&self.folder, self.schema.columns())?);
        *current = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Ends the file, if nobody has, and makes a segment of it.
    fn close(&self, current: &Arc<Current>) -> Result<(), StoreError> {
        let mut open = lock(&self.current);
        if open.as_ref().is_some_and(|open| Arc::ptr_eq(open, current)) {
            *open = None;
        }
        drop(open);
        current.seal(&self.folder).map(drop)
    }

    /// Does other work that is due.
    pub(crate) fn help(&self) {
        let encoder = lock(&self.current).as_ref().map(|current| current.encoder.clone());
        if let Some(encoder) = encoder {
            encoder.help();
        }
    }

    /// Ends the file of this process, and returns how many cells were kept, and how many not.
    pub(crate) fn finish(&self) -> (u64, u64) {
        let current = lock(&self.current).clone();
        if let Some(current) = current
            && let Err(error) = self.close(&current)
        {
            self.note_problem(&error);
        }
        if self.kept.load(Relaxed) > 0
            && let Err(error) = merge_small(&self.folder)
        {
            self.note_problem(&error);
        }
        (self.kept.load(Relaxed), self.lost.load(Relaxed))
    }

    /// Why cells could not be kept or looked up, if that has happened.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.get().map(String::as_str)
    }

    fn note_problem(&self, error: &dyn std::error::Error) {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        self.problem.get_or_init(|| causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")));
    }
}

impl Current {
    pub(super) fn start(folder: &Path, columns: &[Column]) -> Result<Self, ResultsError> {
        let mut bytes = [0; 8];
        // Where the system has no random numbers, the name is the process's.
        let unique = match getrandom::fill(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            Err(_) => std::process::id().into(),
        };
        let path = folder.join(format!("{NEW}{unique:016x}.parquet"));
        let writer = Writer::start(results::create_in_groups(&path, columns, &[], GROUP_ROWS)?)?;
        Ok(Self { path, encoder: writer.encoder(), writer: Mutex::new(Some(writer)), rows: AtomicU64::new(0) })
    }

    pub(super) fn encoder(&self) -> &RowEncoder {
        &self.encoder
    }

    /// Adds rows; `None` if the file is closed, false once a write has failed.
    pub(super) fn append(&self, rows: Rows) -> Option<bool> {
        lock(&self.writer).as_mut().map(|writer| writer.append(rows))
    }

    /// Makes a segment of the file. `None` if it is closed, or another process has done so.
    pub(super) fn seal(&self, folder: &Path) -> Result<Option<PathBuf>, StoreError> {
        let Some(writer) = lock(&self.writer).take() else { return Ok(None) };
        writer.finish()?;
        segment::seal(&self.path, folder)
    }
}

impl Known {
    /// Reads the keys of all segments in `folder` that have what is `wanted`.
    fn read(folder: &Path, wanted: &Wanted, notices: &mut Vec<String>) -> Result<Self, StoreError> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let mut known = Self { number: NUMBERS.fetch_add(1, Relaxed), ..Self::default() };
        let mut cells = Vec::new();
        for path in segments(folder)? {
            let number = known.segments.len() as u32;
            let length = cells.len();
            let read = Segment::open(&path, wanted).and_then(|segment| {
                if let Some(segment) = &segment {
                    segment.keys(number, &mut cells)?;
                }
                Ok(segment)
            });
            match read {
                Ok(segment) => known.segments.extend(segment),
                // Another process has put it into a larger one.
                Err(_) if !path.exists() => cells.truncate(length),
                Err(error @ StoreError::Io { .. }) => return Err(error),
                Err(error) => {
                    cells.truncate(length);
                    set_aside(&path)?;
                    let name = path.file_name().unwrap_or_default().display().to_string();
                    notices.push(format!("`{name}` is damaged, and set aside; its cells run again: {error}"));
                }
            }
        }
        known.index = Index::new(cells);
        Ok(known)
    }

    /// The rows of a group, decoded now or before.
    fn group(&self, number: u32, group: usize, wanted: &Wanted) -> Result<Arc<Decoded>, results::ReadError> {
        let place = (number, group);
        LAST.with_borrow_mut(|last| match last {
            Some((number, known, decoded)) if (*number, *known) == (self.number, place) => Ok(Arc::clone(decoded)),
            _ => {
                let decoded = self.shared_group(place, wanted)?;
                *last = Some((self.number, place, Arc::clone(&decoded)));
                Ok(decoded)
            }
        })
    }

    fn shared_group(&self, place: (u32, usize), wanted: &Wanted) -> Result<Arc<Decoded>, results::ReadError> {
        let (number, group) = place;
        let found = lock(&self.decoded).find(place);
        if let Some(found) = found {
            return Ok(found);
        }
        // Two threads that want the same one decode it twice, at worst.
        let decoded = Arc::new(self.segments[number as usize].decode(group, wanted)?);
        lock(&self.decoded).put(place, &decoded);
        Ok(decoded)
    }
}

impl DecodedGroups {
    fn find(&mut self, place: (u32, usize)) -> Option<Arc<Decoded>> {
        self.uses += 1;
        let (used, decoded) = self.groups.get_mut(&place)?;
        *used = self.uses;
        Some(Arc::clone(decoded))
    }

    fn put(&mut self, place: (u32, usize), decoded: &Arc<Decoded>) {
        self.bytes += decoded.size();
        if let Some((_, before)) = self.groups.insert(place, (self.uses, Arc::clone(decoded))) {
            self.bytes -= before.size();
        }
        while self.bytes > DECODED_BYTES && self.groups.len() > 1 {
            let oldest = self.groups.iter().min_by_key(|(_, (used, _))| *used).map(|(place, _)| *place);
            let Some((_, gone)) = oldest.and_then(|oldest| self.groups.remove(&oldest)) else { return };
            self.bytes -= gone.size();
        }
    }
}

/// The segments in `folder`, in the order of their names.
pub(super) fn segments(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(StoreError::io("read", folder))? {
        let path = entry.map_err(StoreError::io("read", folder))?.path();
        paths.extend(Some(path).filter(|path| segment::named(path).is_some()));
    }
    paths.sort();
    Ok(paths)
}

/// Makes segments of what processes that were killed have left in `folder`.
fn adopt(folder: &Path, notices: &mut Vec<String>) -> Result<(), StoreError> {
    let names = || -> io::Result<Vec<String>> {
        let entries = fs::read_dir(folder)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    let names_there = names().map_err(StoreError::io("read", folder))?;
    // `.new-0123456789abcdef.partial-x1y2z3.parquet`, and its journal, are of `new-0123456789abcdef.parquet`.
    let left: BTreeSet<_> = names_there.iter().filter_map(|name| name.strip_prefix('.')?.split('.').next()).collect();
    for stem in left.into_iter().filter(|stem| stem.starts_with(NEW)) {
        for leftover in results::recover(&folder.join(format!("{stem}.parquet"))) {
            if leftover.rows.is_none() {
                set_aside(&leftover.path)?;
                notices.push(format!("`{}` cannot be read, and is set aside", leftover.path.display()));
            }
        }
    }
    let complete = names().map_err(StoreError::io("read", folder))?;
    for name in complete.iter().filter(|name| name.starts_with(NEW)) {
        segment::seal(&folder.join(name), folder)?;
    }
    Ok(())
}

fn set_aside(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(path).join(DAMAGED);
    super::create_folder(&folder)?;
    let target = folder.join(path.file_name().unwrap_or_default());
    match fs::rename(path, target) {
        // Another process has done it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.map_err(StoreError::io("rename", path)),
    }
}

/// Writes down what the book is for, and that it is used now.
fn note_use(folder: &Path, facts: &str) -> Result<(), StoreError> {
    let path = folder.join(FACTS);
    let touched = fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
    match touched {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            crate::file::write_whole(&path, facts.as_bytes()).map_err(StoreError::io("write", path))
        }
        touched => touched.map_err(StoreError::io("write", path)),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
