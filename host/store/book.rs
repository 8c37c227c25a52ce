//! A book: all cells that were run under one identity, which is everything that decides a result but the parameters.
//!
//! Never waits for another process, and takes no lock to look a cell up. Each process appends to a file of its own, which the
//! others read; a killed one loses what its workers had not handed on.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use super::{
    block::{self, Block, MOST_ROWS, is_lasting},
    error::StoreError,
    folder::create_folder,
    index::Index,
    key::CellKey,
    layout::Layout,
    log::{End, Extent, Reader, SUFFIX, Writer, done, frame_of, unique},
    root::Store,
    seal::sealed,
    trials::Trials,
};
use crate::{
    file::{SETTINGS, read_at_most, write_soon},
    metrics::{Metrics, Selection},
    model::{Digest, ParamSpec, Params},
    task::{Answer, ParallelResult},
};

/// Bytes of blocks that are kept for look-ups.
const BLOCK_BYTES: usize = 64 << 20;

/// Small files that may be there before they become one.
const MANY_FILES: usize = 16;

/// Bytes from which on a file is not a small one.
const LARGE: u64 = 16 << 20;

/// How long a sweep has run before it looks for the first time what others have run meanwhile. Each further time takes twice as
/// long, up to [`LAST_LOOK`].
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// How often it looks at least.
const LAST_LOOK: Duration = Duration::from_secs(60);

/// Files that are put on the disk at once.
const AT_ONCE: usize = 8;

/// The folder of a book for what is damaged.
const DAMAGED: &str = "damaged";

/// The file of a book that says in words what it is for; its time is that of the last use.
pub(super) const FACTS: &str = "book.json";

/// Who makes one file of several holds a lock on this one.
const LOCK: &str = "merge.lock";

/// A book that is open.
#[derive(Debug)]
pub(crate) struct Book {
    folder: PathBuf,
    /// What the book is for, in words; `None` where it is only read.
    facts: Option<String>,
    layout: Layout,
    /// The places of the metrics of the layout in [`Metrics::FIELDS`].
    places: Vec<usize>,
    wanted: Selection,
    known: Known,
    looks: Mutex<Looks>,
    writer: OnceLock<Option<Writer>>,
    /// What counts the cells that had a result.
    trials: Trials,
    kept: AtomicU64,
    lost: AtomicU64,
    /// Cells that were asked for, and are known without all metrics that are wanted.
    lacking: AtomicU64,
    problem: OnceLock<String>,
    notices: Vec<String>,
}

/// When others' files were looked at, and how far they were read.
#[derive(Debug)]
struct Looks {
    last: Instant,
    pause: Duration,
    read: HashMap<PathBuf, u64>,
}

/// Cells that were found by one look at the files.
#[derive(Debug, Default)]
struct Known {
    /// No other look of this process has it.
    number: u64,
    files: Vec<Source>,
    /// The file of each block, and its place there.
    blocks: Vec<(u32, Extent)>,
    index: Index,
    /// Cells without all metrics that are wanted.
    lacking: Index,
    /// The metrics that they lack.
    lacks: BTreeSet<&'static str>,
    kept: Mutex<Blocks>,
    /// What a later look has found.
    later: OnceLock<Box<Known>>,
}

/// A cell, and where its row is.
type Found = (CellKey, (u32, u32));

/// A file, and where its metrics stand.
#[derive(Debug)]
struct Source {
    reader: Reader,
    places: Vec<Option<usize>>,
}

/// The blocks that were looked up last.
#[derive(Debug, Default)]
struct Blocks {
    blocks: HashMap<u32, (u64, Arc<Block>)>,
    bytes: usize,
    uses: u64,
}

thread_local! {
    /// The block that this thread looked up last, since the next cell is likely in it: the number of its look, and its own.
    static LAST: RefCell<Option<(u64, u32, Arc<Block>)>> = const { RefCell::new(None) };
}

/// What came of a book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Cells that were kept.
    pub(crate) kept: u64,
    /// Cells that were not.
    pub(crate) lost: u64,
    /// Cells that another process ran at the same time.
    pub(crate) twice: u64,
    /// Cells that are known without all metrics that are wanted, so that they ran again.
    pub(crate) lacking: u64,
}

/// A strategy's parameters and the metrics of a run.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) parameters: Vec<ParamSpec>,
    pub(crate) metrics: Selection,
}

impl Store {
    /// Opens the book with the identity `digest`; `facts` say in words what that stands for. Its cells count as `trials`.
    ///
    /// # Errors
    ///
    /// Returns an error if its folder cannot be read.
    pub(crate) fn book(
        &self,
        digest: Digest,
        facts: Option<&str>,
        shape: &Shape,
        trials: Trials,
    ) -> Result<Book, StoreError> {
        Book::open(&self.book_folder(digest), digest, facts, shape, trials)
    }

    /// Sets the book with the identity `digest` aside, in a folder that it returns: nothing is found in it any more.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be renamed.
    pub(crate) fn set_book_aside(&self, digest: Digest) -> Result<PathBuf, StoreError> {
        let (folder, damaged) = (self.book_folder(digest), self.root().join(DAMAGED));
        create_folder(&damaged)?;
        let target = damaged.join(format!("{digest}-{}", unique()));
        fs::rename(&folder, &target).map_err(StoreError::io("rename", folder))?;
        Ok(target)
    }

    fn book_folder(&self, digest: Digest) -> PathBuf {
        self.books().join(digest.to_string())
    }
}

impl Book {
    /// Opens the book in `folder`, which is made when it keeps something. `facts` say in words what it is for.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be read. What is damaged is set aside, and told of.
    pub(crate) fn open(
        folder: &Path,
        digest: Digest,
        facts: Option<&str>,
        shape: &Shape,
        trials: Trials,
    ) -> Result<Self, StoreError> {
        let facts = facts.map(|facts| sealed(&of_book(facts, digest)));
        note_use(folder, facts.as_deref());
        let (mut notices, mut read) = (Vec::new(), HashMap::new());
        let known = Known::read(folder, (digest, shape.metrics), &mut read, &mut notices)?;
        let layout = Layout::new(digest, &shape.parameters, shape.metrics);
        Ok(Self {
            folder: folder.to_owned(),
            facts,
            places: layout.places().into_iter().flatten().collect(),
            layout,
            wanted: shape.metrics,
            known,
            looks: Mutex::new(Looks { last: Instant::now(), pause: FIRST_LOOK, read }),
            writer: OnceLock::new(),
            trials,
            kept: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            lacking: AtomicU64::new(0),
            problem: OnceLock::new(),
            notices,
        })
    }

    /// The number of cells that were known when the book was opened.
    pub(crate) fn len(&self) -> usize {
        self.known.index.len()
    }

    /// Whether no cell is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.all().all(|known| known.index.len() == 0)
    }

    /// What was found wrong when the book was opened.
    pub(crate) fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Whether the cell with `params` is known.
    pub(crate) fn has(&self, params: &Params) -> bool {
        let key = CellKey::of(params);
        self.known.all().any(|known| known.index.find(key).is_some())
    }

    /// The metrics that are wanted and that some cells lack.
    pub(crate) fn lacks(&self) -> impl Iterator<Item = &'static str> {
        self.known.lacks.iter().copied()
    }

    /// The answer to the cell with `params`, and how long it took, if it is known.
    pub(crate) fn find(&self, params: &Params) -> Option<(Answer<Metrics>, Duration)> {
        if self.is_empty() && self.known.lacking.len() == 0 {
            return None;
        }
        let key = CellKey::of(params);
        let found = self.known.all().find_map(|known| Some((known, known.index.find(key)?)));
        if found.is_none() && self.known.lacking.find(key).is_some() {
            self.lacking.fetch_add(1, Relaxed);
        }
        let (known, (number, row)) = found?;
        match known.block(number) {
            Ok(block) => {
                let (file, _) = known.blocks[number as usize];
                let (answer, time) = block.answer(row as usize, &known.files[file as usize].places);
                if answer.outcome.is_ok() {
                    self.trials.add(key);
                }
                Some((answer, time))
            }
            Err(source) => {
                self.note_problem(&StoreError::io("read", &self.folder)(source));
                None
            }
        }
    }

    /// Keeps those of `results` that were run and would be the same again. Returns false if some of them could not be kept.
    pub(crate) fn keep(&self, results: &[ParallelResult<Metrics>]) -> bool {
        let mut all = true;
        let lasting = results.iter().filter(|result| is_lasting(result));
        let cells: Vec<_> = lasting.map(|result| (CellKey::of(&result.params), result)).collect();
        cells.iter().filter(|(_, result)| result.success).for_each(|(key, _)| self.trials.add(*key));
        for cells in cells.chunks(MOST_ROWS) {
            let count = cells.len() as u64;
            match self.try_keep(cells) {
                Ok(()) => _ = self.kept.fetch_add(count, Relaxed),
                Err(error) => {
                    self.note_problem(&error);
                    self.lost.fetch_add(count, Relaxed);
                    all = false;
                }
            }
        }
        self.look();
        all
    }

    /// The bytes that [`keep`](Self::keep) would write for `results`, which are run together.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be encoded.
    pub(crate) fn size_of(&self, results: &[ParallelResult<Metrics>]) -> Result<u64, StoreError> {
        let lasting = results.iter().filter(|result| is_lasting(result));
        let cells: Vec<_> = lasting.map(|result| (CellKey::of(&result.params), result)).collect();
        let encoded = |error: String| StoreError::Encode(error);
        let sizes = cells.chunks(MOST_ROWS).map(|cells| {
            let block =
                block::encode(cells, &self.layout.params, &self.places).map_err(|error| encoded(error.to_string()))?;
            let frame = frame_of(&block, self.layout.compressed).map_err(|error| encoded(error.to_string()))?;
            Ok(frame.len() as u64)
        });
        sizes.sum()
    }

    fn try_keep(&self, cells: &[(CellKey, &ParallelResult<Metrics>)]) -> Result<(), StoreError> {
        let start = || match self.start() {
            Ok(writer) => Some(writer),
            Err(error) => {
                self.note_problem(&error);
                None
            }
        };
        let closed = || StoreError::Closed { path: self.folder.clone() };
        let writer = self.writer.get_or_init(start).as_ref().ok_or_else(closed)?;
        let bytes = block::encode(cells, &self.layout.params, &self.places);
        writer.append(&bytes.map_err(|error| StoreError::Encode(error.to_string()))?)
    }

    /// Starts a file, and the book itself if need be: what keeps nothing leaves nothing.
    fn start(&self) -> Result<Writer, StoreError> {
        create_folder(&self.folder)?;
        let path = self.folder.join(FACTS);
        if let Some(facts) = self.facts.as_ref().filter(|facts| !is_as(&path, facts)) {
            write_soon(&path, facts.as_bytes()).map_err(StoreError::io("write", &path))?;
        }
        Writer::start(&self.folder, &self.layout)
    }

    /// Looks now and then for what other processes have run meanwhile.
    fn look(&self) {
        let Ok(mut looks) = self.looks.try_lock() else { return };
        if looks.last.elapsed() >= looks.pause {
            self.look_now(&mut looks);
        }
    }

    fn look_now(&self, looks: &mut Looks) {
        looks.pause = (looks.pause * 2).min(LAST_LOOK);
        if let Err(error) = self.trials.save() {
            self.note_problem(&error);
        }
        if let Some(own) = self.file() {
            looks.read.insert(own.to_owned(), u64::MAX);
        }
        match Known::read(&self.folder, (self.layout.book, self.wanted), &mut looks.read, &mut Vec::new()) {
            Ok(more) if more.index.len() > 0 => {
                let mut last = &self.known;
                while let Some(later) = last.later.get() {
                    last = later;
                }
                let _ = last.later.set(Box::new(more));
            }
            Ok(_) => {}
            Err(error) => self.note_problem(&error),
        }
        looks.last = Instant::now();
    }

    /// The file of what this process has kept, if it has kept something.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.writer.get()?.as_ref().map(Writer::path)
    }

    /// Counts the trials of what was kept, and returns what came of it. Its [`file`](Self::file) is for [`sync`].
    pub(crate) fn finish(&self) -> Kept {
        let [kept, lost, lacking] = [&self.kept, &self.lost, &self.lacking].map(|count| count.load(Relaxed));
        let kept = Kept { kept, lost, twice: 0, lacking };
        let Some(writer) = self.writer.get().and_then(Option::as_ref) else {
            if let Err(error) = self.trials.save() {
                self.note_problem(&error);
            }
            return kept;
        };
        self.look_now(&mut lock(&self.looks));
        let twice = self.twice(writer.path()).unwrap_or(0);
        if let Err(error) = merge_small(&self.folder) {
            self.note_problem(&error);
        }
        Kept { twice, ..kept }
    }

    /// The number of cells in this process's file that others have run, too.
    fn twice(&self, own: &Path) -> Option<u64> {
        if self.known.later.get().is_none() {
            return Some(0);
        }
        let (reader, mut twice) = (Reader::open(own).ok()??, 0);
        let known = |key: CellKey| self.known.all().any(|known| known.index.find(key).is_some());
        let count = |_, block: Block| twice += block.keys().filter(|key| known(*key)).count() as u64;
        reader.read_on(reader.start(), count).ok()?;
        Some(twice)
    }

    /// Why cells could not be kept or looked up, if that has happened.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.get().map(String::as_str)
    }

    fn note_problem(&self, error: &StoreError) {
        self.problem.get_or_init(|| in_words(error));
    }
}

/// Puts files of cells on the disk, where they outlive a machine that stops: several at once, since a disk takes them together.
///
/// # Errors
///
/// Returns the first error. A file that is gone has become part of another one, which is there.
pub(crate) fn sync(files: &[PathBuf]) -> Result<(), StoreError> {
    let sync = |path: &PathBuf| match fs::File::open(path).and_then(|file| file.sync_data()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced.map_err(StoreError::io("write", path)),
    };
    if files.len() < AT_ONCE {
        return files.iter().try_for_each(sync);
    }
    let parts = files.chunks(files.len().div_ceil(AT_ONCE));
    std::thread::scope(|scope| {
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || part.iter().try_for_each(sync))).collect();
        // A thread of this does not panic.
        parts.into_iter().try_for_each(|part| part.join().unwrap_or(Ok(())))
    })
}

fn in_words(error: &StoreError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Known {
    /// This look and all later ones.
    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |known| known.later.get().map(|later| &**later))
    }

    /// Reads the keys of all files in `folder` that have what is `wanted`, from where they were `read` before.
    fn read(
        folder: &Path,
        (book, wanted): (Digest, Selection),
        read: &mut HashMap<PathBuf, u64>,
        notices: &mut Vec<String>,
    ) -> Result<Self, StoreError> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let mut known = Self { number: NUMBERS.fetch_add(1, Relaxed), ..Self::default() };
        let (mut cells, mut lacking) = (Vec::new(), Vec::new());
        for path in files(folder)? {
            let before = read.get(&path).copied();
            match known.read_file(&path, (book, wanted), before, (&mut cells, &mut lacking)) {
                Ok(Some((end, whole))) => {
                    read.insert(path.clone(), whole);
                    if end == End::Damaged
                        && let Some(_locked) = done(&path)
                    {
                        notices.push(mend(&path)?);
                    }
                }
                Ok(None) => {}
                // Another process has put it into a larger one.
                Err(_) if !path.exists() => {}
                Err(error @ StoreError::Io { .. }) => {
                    notices.push(format!("{}; its cells run again", in_words(&error)));
                }
                Err(error) => {
                    set_aside(&path)?;
                    notices.push(format!("{}; it is set aside, and its cells run again", in_words(&error)));
                }
            }
        }
        known.index = Index::new(cells);
        known.lacking = Index::new(lacking);
        Ok(known)
    }

    fn read_file(
        &mut self,
        path: &Path,
        (book, wanted): (Digest, Selection),
        before: Option<u64>,
        (cells, lacking): (&mut Vec<Found>, &mut Vec<Found>),
    ) -> Result<Option<(End, u64)>, StoreError> {
        if before == Some(u64::MAX) {
            return Ok(None);
        }
        let Some(reader) = Reader::open(path)? else { return Ok(None) };
        if reader.layout().book != book {
            let problem = "its cells are of another plugin, data, account or limits".to_owned();
            return Err(StoreError::Foreign { path: path.to_owned(), problem });
        }
        if !reader.layout().has(wanted) {
            self.lacks.extend(wanted.names().filter(|name| !reader.layout().metrics.iter().any(|known| known == name)));
            let take = |_, block: Block| lacking.extend(block.keys().map(|key| (key, (0, 0))));
            return reader
                .read_on(before.unwrap_or(reader.start()), take)
                .map(Some)
                .map_err(StoreError::io("read", path));
        }
        let (number, blocks) = (self.files.len() as u32, &mut self.blocks);
        let take = |extent, block: Block| {
            let place = blocks.len() as u32;
            blocks.push((number, extent));
            cells.extend(block.keys().zip(0..).map(|(key, row)| (key, (place, row))));
        };
        let end = reader.read_on(before.unwrap_or(reader.start()), take).map_err(StoreError::io("read", path))?;
        // Metrics that nobody asks for are not shown as if they had been computed.
        let names = reader.layout().metrics.iter().zip(reader.layout().places());
        let places = names.map(|(name, place)| place.filter(|_| wanted.contains(name))).collect();
        self.files.push(Source { reader, places });
        Ok(Some(end))
    }

    /// A block, read now or before.
    fn block(&self, number: u32) -> io::Result<Arc<Block>> {
        LAST.with_borrow_mut(|last| match last {
            Some((look, known, block)) if (*look, *known) == (self.number, number) => Ok(Arc::clone(block)),
            _ => {
                let block = self.shared_block(number)?;
                *last = Some((self.number, number, Arc::clone(&block)));
                Ok(block)
            }
        })
    }

    fn shared_block(&self, number: u32) -> io::Result<Arc<Block>> {
        let found = lock(&self.kept).find(number);
        if let Some(found) = found {
            return Ok(found);
        }
        // Two threads that want the same one read it twice, at worst.
        let (file, extent) = self.blocks[number as usize];
        let block = Arc::new(self.files[file as usize].reader.block(extent)?);
        lock(&self.kept).put(number, &block);
        Ok(block)
    }
}

impl Blocks {
    fn find(&mut self, number: u32) -> Option<Arc<Block>> {
        self.uses += 1;
        let (used, block) = self.blocks.get_mut(&number)?;
        *used = self.uses;
        Some(Arc::clone(block))
    }

    fn put(&mut self, number: u32, block: &Arc<Block>) {
        self.bytes += block.size();
        if let Some((_, before)) = self.blocks.insert(number, (self.uses, Arc::clone(block))) {
            self.bytes -= before.size();
        }
        if self.bytes <= BLOCK_BYTES {
            return;
        }
        // Half of them at once, since looking for the oldest takes a look at all.
        let mut uses: Vec<_> = self.blocks.values().map(|(used, _)| *used).collect();
        let middle = uses.len() / 2;
        let (_, oldest, _) = uses.select_nth_unstable(middle);
        let oldest = *oldest;
        self.blocks.retain(|_, (used, _)| *used >= oldest);
        self.bytes = self.blocks.values().map(|(_, block)| block.size()).sum();
    }
}

/// The files of cells in `folder`, in the order of their names; none where there is no folder.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut paths = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(paths),
        entries => entries.map_err(StoreError::io("read", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(StoreError::io("read", folder))?.path();
        // A pipe would be waited for.
        let is_one = path.to_string_lossy().ends_with(SUFFIX) && path.is_file();
        paths.extend(is_one.then_some(path));
    }
    paths.sort();
    Ok(paths)
}

/// Makes one file of many small ones with the same layout that nobody writes to, unless another process does.
fn merge_small(folder: &Path) -> Result<(), StoreError> {
    if files(folder)?.len() <= MANY_FILES {
        return Ok(());
    }
    let lock = folder.join(LOCK);
    let file = fs::File::create(&lock).map_err(StoreError::io("make", &lock))?;
    if file.try_lock().is_err() {
        return Ok(());
    }
    let (mut alike, mut locked) = (HashMap::<Layout, Vec<(PathBuf, Reader)>>::new(), Vec::new());
    for path in files(folder)? {
        let is_small = fs::metadata(&path).is_ok_and(|file| file.len() < LARGE);
        // What is damaged is found when the book is opened next.
        if is_small
            && let Some(file) = done(&path)
            && let Ok(Some(reader)) = Reader::open(&path)
        {
            locked.push(file);
            alike.entry(reader.layout().clone()).or_default().push((path, reader));
        }
    }
    alike.into_values().filter(|files| files.len() > MANY_FILES / 2).try_for_each(|files| merge(folder, &files))
}

/// Copies the blocks of `files` into a new file, and removes them then. Of a key that is in two of them, the rows are alike.
fn merge(folder: &Path, files: &[(PathBuf, Reader)]) -> Result<(), StoreError> {
    let Some((_, first)) = files.first() else { return Ok(()) };
    let merged = Writer::start(folder, first.layout())?;
    let mut there = HashSet::new();
    for (path, reader) in files {
        let mut extents = Vec::new();
        let mut take = |extent, block: Block| {
            let new = block.keys().filter(|key| there.insert(*key)).count();
            extents.extend((new > 0).then_some(extent));
        };
        reader.read_on(reader.start(), &mut take).map_err(StoreError::io("read", path))?;
        for extent in extents {
            merged.append_frame(&reader.frame(extent).map_err(StoreError::io("read", path))?)?;
        }
    }
    merged.sync()?;
    files.iter().try_for_each(|(path, _)| remove(path))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(StoreError::io("remove", path)),
    }
}

/// Writes the whole blocks of a damaged file into a new one, sets the file aside, and says so.
fn mend(path: &Path) -> Result<String, StoreError> {
    let folder = path.parent().unwrap_or(path);
    if let Some(reader) = Reader::open(path)? {
        let mended = Writer::start(folder, reader.layout())?;
        let mut extents = Vec::new();
        reader.read_on(reader.start(), |extent, _| extents.push(extent)).map_err(StoreError::io("read", path))?;
        for extent in extents {
            mended.append_frame(&reader.frame(extent).map_err(StoreError::io("read", path))?)?;
        }
        mended.sync()?;
    }
    set_aside(path)?;
    let name = path.file_name().unwrap_or_default().display();
    Ok(format!("`{name}` is damaged; it is set aside, and the cells that cannot be read run again"))
}

fn set_aside(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(path).join(DAMAGED);
    create_folder(&folder)?;
    let target = folder.join(path.file_name().unwrap_or_default());
    match fs::rename(path, target) {
        // Another process has done it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.map_err(StoreError::io("rename", path)),
    }
}

/// `facts`, a JSON object, with the hash of their book, so that those of another one are told from them.
fn of_book(facts: &str, book: Digest) -> String {
    let mut facts: serde_json::Value = serde_json::from_str(facts).unwrap_or_default();
    facts["book"] = book.to_string().into();
    format!("{facts:#}")
}

/// Notes that the book is used now, which keeps it when others are pruned, and writes `facts` anew if they are damaged. A store
/// that nobody may write to can still be read.
fn note_use(folder: &Path, facts: Option<&str>) {
    let path = folder.join(FACTS);
    if path.is_file()
        && let Ok(file) = fs::File::options().write(true).open(&path)
    {
        let _ = match facts.filter(|facts| !is_as(&path, facts)) {
            None => file.set_modified(SystemTime::now()),
            Some(facts) => write_soon(&path, facts.as_bytes()),
        };
    }
}

/// Whether the file at `path` has this `text`: a disk may have changed it, and a machine that stopped left it empty.
fn is_as(path: &Path, text: &str) -> bool {
    read_at_most(path, SETTINGS).is_ok_and(|bytes| bytes == text.as_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
