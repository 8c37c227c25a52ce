//! How many distinct trials were made on some bars: pairs of a plugin and its parameters that have had a result there.
//!
//! Never counts a trial twice, and never forgets one: removing results from the store leaves the count. Up to [`FEW`] it is
//! exact. Beyond, it is an estimate with a standard error of 0.8 %, by HyperLogLog, whose 16 KiB do not grow.
//!
//! ```text
//! "host trials 1\n" · frame of what the bars are, in words · frame of the registers, compressed by zstd
//! · frame of the hashes, 8 bytes each, as long as they are few; then of one byte
//! ```
//!
//! Flajolet, Fusy, Gandouet, Meunier (2007), HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm. The
//! estimate is that of Ertl (2017), New cardinality estimation algorithms for HyperLogLog sketches, algorithm 6.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
};

use super::{
    error::StoreError,
    folder::{create_folder, locked},
    key::CellKey,
    log::{frame, unframed},
    root::Store,
};
use crate::{
    file::{SETTINGS, read_at_most, write_soon},
    model::{Digest, Params},
};

/// What a file begins with.
const MAGIC: &[u8] = b"host trials 1\n";

/// What the name of a file ends with.
const SUFFIX: &str = ".trials";

/// Bits of a hash that choose its register.
const BITS: u32 = 14;

/// The number of registers.
const REGISTERS: usize = 1 << BITS;

/// Bits of a hash that are left.
const REST: u32 = u64::BITS - BITS;

/// Trials that are counted one by one.
const FEW: usize = 2_000;

/// What stands for the hashes of more.
const MANY: [u8; 1] = [0];

/// How hard zstd tries.
const LEVEL: i32 = 3;

/// The trials on some bars: those that this process has seen.
#[derive(Debug)]
pub(crate) struct Trials {
    path: PathBuf,
    /// What the bars are, in words.
    data: String,
    plugin: Digest,
    registers: Box<[AtomicU8]>,
    /// The hashes, as long as they are few.
    hashes: Mutex<Option<BTreeSet<u64>>>,
    are_few: AtomicBool,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq)]
struct Count {
    registers: Vec<u8>,
    /// The hashes, as long as they are few.
    hashes: Option<BTreeSet<u64>>,
}

impl Count {
    fn none() -> Self {
        Self { registers: vec![0; REGISTERS], hashes: Some(BTreeSet::new()) }
    }

    /// The number of trials.
    fn trials(&self) -> u64 {
        self.hashes.as_ref().map_or_else(|| estimate(&self.registers), |hashes| hashes.len() as u64)
    }
}

/// The trials that were ever made on some bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialCount {
    /// The hash of the bars.
    pub bars: Digest,
    /// What they are, in words.
    pub data: String,
    /// The number of distinct trials: up to 2,000 exactly, beyond that with a standard error of 0.8 %.
    pub trials: u64,
}

impl Store {
    /// The trials of `plugin` on the bars with the hash `bars`, which `data` says in words.
    pub(crate) fn trials_of(&self, plugin: Digest, bars: Digest, data: &str) -> Trials {
        let registers = (0..REGISTERS).map(|_| AtomicU8::new(0)).collect();
        let (hashes, are_few) = (Mutex::new(Some(BTreeSet::new())), AtomicBool::new(true));
        Trials { path: self.trials_file(bars), data: data.to_owned(), plugin, registers, hashes, are_few }
    }

    /// The number of distinct trials that were ever made on the bars with the hash `bars`: up to 2,000 exactly, beyond that with
    /// a standard error of 0.8 %.
    ///
    /// # Errors
    ///
    /// Returns an error if the count cannot be read.
    pub fn trials_on(&self, bars: Digest) -> Result<u64, StoreError> {
        self.count_all_trials(Some(bars))?;
        Ok(read(&self.trials_file(bars))?.map_or(0, |(_, count)| count.trials()))
    }

    /// The counts of all bars, the highest first; and the files that cannot be read, each with the reason.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder of counts cannot be read.
    pub fn trials(&self) -> Result<(Vec<TrialCount>, Vec<StoreError>), StoreError> {
        let (folder, mut counts, mut problems) = (self.trials_folder(), Vec::new(), Vec::new());
        problems.extend(self.count_all_trials(None).err());
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((counts, problems)),
            entries => entries.map_err(StoreError::io("read", &folder))?,
        };
        for entry in entries {
            let path = entry.map_err(StoreError::io("read", &folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(SUFFIX));
            let Some(bars) = name.and_then(|name| name.parse().ok()) else { continue };
            match read(&path) {
                Ok(found) => counts.extend(found.map(|(data, count)| {
                    let trials = count.trials();
                    TrialCount { bars, data, trials }
                })),
                Err(error) => problems.push(error),
            }
        }
        counts.sort_by(|one, other| other.trials.cmp(&one.trials).then(one.bars.cmp(&other.bars)));
        Ok((counts, problems))
    }

    fn trials_folder(&self) -> PathBuf {
        self.root().join("trials")
    }

    fn trials_file(&self, bars: Digest) -> PathBuf {
        self.trials_folder().join(format!("{bars}{SUFFIX}"))
    }
}

impl Trials {
    /// Counts the cell `key` of the plugin.
    pub(super) fn add(&self, key: CellKey) {
        let hash = key.mixed_with(self.plugin);
        let (register, rank) = place(hash);
        if self.are_few.load(Relaxed) {
            self.add_hash(hash);
        }
        let register = &self.registers[register];
        // Most are there already; a look takes no turn from other workers.
        if register.load(Relaxed) < rank {
            register.fetch_max(rank, Relaxed);
        }
    }

    fn add_hash(&self, hash: u64) {
        let mut hashes = lock(&self.hashes);
        if let Some(few) = hashes.as_mut() {
            few.insert(hash);
            if few.len() > FEW {
                *hashes = None;
                self.are_few.store(false, Relaxed);
            }
        }
    }

    /// Counts the cell with `params`.
    pub(crate) fn add_params(&self, params: &Params) {
        self.add(CellKey::of(params));
    }

    /// Adds what was counted to the file, unless it has all of it.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or written. One that is damaged is set aside, and the count begins anew.
    pub(crate) fn save(&self) -> Result<(), StoreError> {
        if self.registers.iter().all(|register| register.load(Relaxed) == 0) {
            return Ok(());
        }
        // What is there already takes no lock, so that a store which nobody may write to can be read.
        if read(&self.path).is_ok_and(|before| before.is_some_and(|(_, before)| self.added_to(&before) == before)) {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        create_folder(folder)?;
        let _lock = locked(&folder.join("lock"))?;
        let (before, problem) = match read(&self.path) {
            Ok(before) => (before.map_or_else(Count::none, |(_, count)| count), None),
            Err(error @ StoreError::Foreign { .. }) => {
                let aside = self.path.with_extension("damaged");
                fs::rename(&self.path, &aside).map_err(StoreError::io("rename", &self.path))?;
                (Count::none(), Some(error))
            }
            Err(error) => return Err(error),
        };
        let written = encoded(&self.data, &self.added_to(&before)).and_then(|bytes| write_soon(&self.path, &bytes));
        written.map_err(StoreError::io("write", &self.path))?;
        problem.map_or(Ok(()), Err)
    }

    /// What was counted, and what was `before`.
    fn added_to(&self, before: &Count) -> Count {
        let seen = self.registers.iter().zip(&before.registers);
        let registers = seen.map(|(register, before)| register.load(Relaxed).max(*before)).collect();
        let both = lock(&self.hashes).as_ref().zip(before.hashes.as_ref()).map(|(new, before)| new | before);
        Count { registers, hashes: both.filter(|hashes| hashes.len() <= FEW) }
    }
}

/// The register of a hash, and what it says there.
fn place(hash: u64) -> (usize, u8) {
    let rank = (hash << BITS).leading_zeros().min(REST) + 1;
    ((hash >> REST) as usize, rank as u8)
}

/// The bytes of a file.
fn encoded(data: &str, count: &Count) -> io::Result<Vec<u8>> {
    let registers = zstd::bulk::compress(&count.registers, LEVEL)?;
    let hashes = count.hashes.as_ref().map(|hashes| hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect());
    let hashes: Vec<u8> = hashes.unwrap_or_else(|| MANY.to_vec());
    Ok([MAGIC, &frame(data.as_bytes())?, &frame(&registers)?, &frame(&hashes)?].concat())
}

/// What the bars of a file are, and what it has counted; `None` if there is no file.
fn read(path: &Path) -> Result<Option<(String, Count)>, StoreError> {
    let bytes = match read_at_most(path, SETTINGS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(StoreError::io("read", path))?,
    };
    let foreign =
        || StoreError::Foreign { path: path.to_owned(), problem: "its count of trials is damaged".to_owned() };
    decoded(&bytes).map(Some).ok_or_else(foreign)
}

fn decoded(bytes: &[u8]) -> Option<(String, Count)> {
    let (data, rest) = unframed(bytes.strip_prefix(MAGIC)?)?;
    let (registers, rest) = unframed(rest)?;
    let (hashes, rest) = unframed(rest)?;
    let registers = zstd::bulk::decompress(registers, REGISTERS).ok()?;
    let is_whole = rest.is_empty() && registers.len() == REGISTERS;
    let are_ranks = registers.iter().all(|rank| u32::from(*rank) <= REST + 1);
    let (hashes, left) = match hashes {
        [_] => (None, &[][..]),
        hashes => {
            let (hashes, left) = hashes.as_chunks();
            (Some(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect()), left)
        }
    };
    let data = String::from_utf8(data.to_vec()).ok()?;
    (is_whole && are_ranks && left.is_empty()).then_some((data, Count { registers, hashes }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of distinct hashes that `registers` have seen.
fn estimate(registers: &[u8]) -> u64 {
    let mut counts = [0_u32; REST as usize + 2];
    registers.iter().for_each(|rank| counts[usize::from(*rank)] += 1);
    let all = REGISTERS as f64;
    let (none, full) = (f64::from(counts[0]), f64::from(counts[REST as usize + 1]));
    let mut sum = all * tau(1.0 - full / all);
    for count in counts[1..=REST as usize].iter().rev() {
        sum = 0.5 * (sum + f64::from(*count));
    }
    sum += all * sigma(none / all);
    (all * all / (2.0 * std::f64::consts::LN_2 * sum)).round() as u64
}

/// The sum over registers that have seen nothing: infinite if none has seen anything.
fn sigma(share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// The sum over registers that can say nothing more.
fn tau(share: f64) -> f64 {
    if share == 0.0 || share == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Params;

    fn key(number: i64) -> CellKey {
        CellKey::of(&Params::from([("n".to_owned(), number.into())]))
    }

    fn store() -> (tempfile::TempDir, Store, Digest) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store, Digest::of(b"bars"))
    }

    #[test]
    fn distinct_trials_are_counted_within_their_error() {
        let (_folder, store, bars) = store();
        let trials = store.trials_of(Digest::of(b"plugin"), bars, "data");
        let mut next = 0;
        for count in [0, 1, 10, 100, 1_000, 10_000, 100_000] {
            (next..count).for_each(|number| trials.add(key(number)));
            // Twice is once.
            (0..count).for_each(|number| trials.add(key(number)));
            next = count;
            trials.save().unwrap();
            let found = store.trials_on(bars).unwrap() as f64;
            let error = if count as usize <= FEW { 0.0 } else { 0.025 * count as f64 };
            assert!((found - count as f64).abs() <= error, "{found} of {count}");
            // The estimate alone is as good from the first one on.
            let registers: Vec<_> = trials.registers.iter().map(|register| register.load(Relaxed)).collect();
            let found = estimate(&registers) as f64;
            assert!((found - count as f64).abs() <= (0.025 * count as f64).ceil(), "{found} of {count}");
        }
    }

    #[test]
    fn processes_and_plugins_add_up() {
        let (_folder, store, bars) = store();
        let count = |plugin: &[u8], numbers: std::ops::Range<i64>| {
            let trials = store.trials_of(Digest::of(plugin), bars, "data");
            numbers.for_each(|number| trials.add(key(number)));
            trials.save().unwrap();
            store.trials_on(bars).unwrap()
        };
        assert_eq!(count(b"one", 0..100), 100);
        assert_eq!(count(b"one", 50..150), 150);
        assert_eq!(count(b"two", 0..150), 300);
        assert_eq!(count(b"two", 0..0), 300);
        // Few and few are many.
        assert_eq!(count(b"one", 0..1_800), 1_950);
        let all = count(b"two", 100..300);
        assert!(all.abs_diff(2_100) <= 50, "{all}");
        let (counts, problems) = store.trials().unwrap();
        assert_eq!((counts.len(), counts[0].trials, &*counts[0].data, problems.len()), (1, all, "data", 0));
        assert_eq!(store.trials_on(Digest::of(b"other")).unwrap(), 0);
    }

    #[test]
    fn each_damage_is_found_and_the_count_begins_anew() {
        let (_folder, store, bars) = store();
        let trials = store.trials_of(Digest::of(b"plugin"), bars, "data");
        (0..9).for_each(|number| trials.add(key(number)));
        trials.save().unwrap();
        let path = store.trials_file(bars);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1 << (place % 8);
            assert_eq!(decoded(&damaged), None, "byte {place}");
            assert_eq!(decoded(&whole[..place]), None, "{place} bytes");
        }
        fs::write(&path, &whole[1..]).unwrap();
        assert!(matches!(store.trials_on(bars), Err(StoreError::Foreign { .. })));
        assert_eq!(store.trials().unwrap().1.len(), 1);
        assert!(matches!(trials.save(), Err(StoreError::Foreign { .. })));
        assert_eq!(store.trials_on(bars).unwrap(), 9);
        assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), whole[1..]);
    }

    #[test]
    fn registers_that_are_full_or_empty_are_no_trouble() {
        assert_eq!(estimate(&vec![0; REGISTERS]), 0);
        assert!(estimate(&vec![REST as u8 + 1; REGISTERS]) > 1 << 60);
        assert_eq!(place(0), (0, REST as u8 + 1));
        assert_eq!(place(u64::MAX), (REGISTERS - 1, 1));
    }
}
