//! Segments: files of rows that never change, each named by the hash of its bytes.
//!
//! Never trusts a name: a file whose bytes have another hash is damaged.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    error::StoreError,
    index::Place,
    key::CellKey,
    schema::{Facts, KEY, Wanted},
};
use crate::{
    metrics::Metrics,
    model::Digest,
    results::{Cell, ReadError, ResultsFile},
    task::Answer,
};

/// What the name of a segment ends with.
const SUFFIX: &str = ".parquet";

/// The rows of a row group, which are decoded together when one of them is looked up.
pub(super) const GROUP_ROWS: usize = 8_192;

/// A segment that is open.
#[derive(Debug)]
pub(super) struct Segment {
    file: ResultsFile,
    /// The first row of each row group, and the end of the last.
    starts: Vec<u32>,
}

/// The hash that the file name of a segment says; `None` if it is not one.
pub(super) fn named(path: &Path) -> Option<Digest> {
    path.file_name()?.to_str()?.strip_suffix(SUFFIX)?.parse().ok()
}

/// Gives a complete file of rows its name, which is the hash of its bytes. `None` if another process has done so.
pub(super) fn seal(path: &Path, folder: &Path) -> Result<Option<PathBuf>, StoreError> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let hash = match hash(path) {
        Err(error) if gone(&error) => return Ok(None),
        hash => hash.map_err(StoreError::io("read", path))?,
    };
    let name = folder.join(format!("{hash}{SUFFIX}"));
    match fs::rename(path, &name) {
        Err(error) if gone(&error) => return Ok(None),
        renamed => renamed.map_err(StoreError::io("rename", path))?,
    }
    sync_folder(folder);
    Ok(Some(name))
}

fn hash(path: &Path) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().into())
}

/// Sees to it that a name outlives a machine that stops. Where a folder cannot be synchronised, the name comes later.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

impl Segment {
    /// Opens the segment at `path`, if it has what is `wanted`.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, or is damaged.
    pub(super) fn open(path: &Path, wanted: &Wanted) -> Result<Option<Self>, StoreError> {
        let foreign = |problem: &str| StoreError::Foreign { path: path.to_owned(), problem: problem.to_owned() };
        let name = named(path).ok_or_else(|| foreign("its name is not a hash"))?;
        if hash(path).map_err(StoreError::io("read", path))? != name {
            return Err(foreign("its bytes have another hash than its name"));
        }
        let file = ResultsFile::open(path)?;
        if !wanted.is_in(file.columns()) {
            return Ok(None);
        }
        let mut starts = vec![0_u32];
        for rows in file.groups() {
            let end = starts.last().copied().and_then(|start| start.checked_add(u32::try_from(rows).ok()?));
            starts.push(end.ok_or_else(|| foreign("it has more than 2^32 rows"))?);
        }
        Ok(Some(Self { file, starts }))
    }

    /// The keys of all rows, in their order, with places in the segment number `number`.
    pub(super) fn keys(&self, number: u32, cells: &mut Vec<(CellKey, Place)>) -> Result<(), ReadError> {
        let mut row = 0;
        for batch in self.file.batches(Some(&KEY.map(str::to_owned)))? {
            for cell in batch?.rows() {
                if let [Cell::Integer(high), Cell::Integer(low)] = cell[..] {
                    cells.push((CellKey::of_halves(high, low), (number, row)));
                }
                row += 1;
            }
        }
        Ok(())
    }

    /// The group that has the row, and the row's place in it.
    pub(super) fn group_of(&self, row: u32) -> (usize, u32) {
        let group = self.starts.partition_point(|start| *start <= row).saturating_sub(1);
        (group, row - self.starts[group])
    }

    /// Decodes a row group.
    pub(super) fn decode(&self, group: usize, wanted: &Wanted) -> Result<Decoded, ReadError> {
        let mut decoded = Decoded { width: wanted.metrics(), ..Decoded::default() };
        let rows = self.starts.get(group + 1).map_or(0, |end| (end - self.starts[group]) as usize);
        decoded.values.reserve(rows * wanted.metrics());
        decoded.costs.reserve(rows);
        for batch in self.file.group(group, wanted.names())? {
            batch?.rows().for_each(|row| decoded.add(&row));
        }
        Ok(decoded)
    }
}

/// A row group as look-ups need it.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// The number of metrics of each row.
    width: usize,
    /// The metrics, row by row; NaN where one is undefined.
    values: Vec<f64>,
    /// Units and nanoseconds of each row; `None` where the row cannot be read.
    costs: Vec<Option<(Option<u64>, u64)>>,
    /// Rows with a failure or a log, which are few.
    others: HashMap<u32, Facts>,
}

impl Decoded {
    fn add(&mut self, row: &[Cell<'_>]) {
        let facts = Facts::read(row);
        let metrics = row.get(row.len() - self.width..).unwrap_or_default();
        let number = |cell: &Cell<'_>| if let Cell::Number(value) = cell { *value } else { f64::NAN };
        self.values.extend(metrics.iter().map(number));
        let place = self.costs.len() as u32;
        let cost = |facts: &Facts| (facts.units, u64::try_from(facts.time.as_nanos()).unwrap_or(u64::MAX));
        self.costs.push(facts.as_ref().map(cost));
        if let Some(facts) = facts.filter(|facts| facts.failure.is_some() || !facts.log.is_empty()) {
            self.others.insert(place, facts);
        }
    }

    /// Bytes that it takes, about.
    pub(super) fn size(&self) -> usize {
        let texts = |facts: &Facts| {
            let log = facts.log.iter().map(|line| line.len() + 24).sum::<usize>();
            log + facts.failure.as_ref().map_or(0, |failure| failure.message.len()) + 128
        };
        self.values.len() * 8 + self.costs.len() * 24 + self.others.values().map(texts).sum::<usize>()
    }

    /// The answer in the row `place`.
    pub(super) fn answer(&self, place: u32, wanted: &Wanted) -> Option<(Answer<Metrics>, std::time::Duration)> {
        let at = place as usize;
        let (units, nanoseconds) = (*self.costs.get(at)?)?;
        let metrics = || wanted.of_values(&self.values[at * self.width..(at + 1) * self.width]);
        Some(match self.others.get(&place) {
            Some(facts) => facts.answer(metrics),
            None => {
                let time = std::time::Duration::from_nanos(nanoseconds);
                (Answer { outcome: Ok(metrics()), log: Vec::new(), units }, time)
            }
        })
    }
}
