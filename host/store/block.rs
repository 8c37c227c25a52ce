//! Blocks: the cells of some tasks, column by column, as they are in a file.
//!
//! Never loses a bit: what comes back is what was put in, but for names and the worker, which are those of each run.
//!
//! ```text
//! rows: u32
//! keys: 16 bytes a row · nanoseconds: u64 a row · units: u64 a row, 2^64 - 1 for none
//! metrics: one f64 a row for each, NaN for undefined
//! failures and logs of the rows that have one, then the parameters of all rows, in postcard
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::key::CellKey;
use crate::{
    metrics::Metrics,
    model::{Params, Value},
    task::{Answer, ErrorKind, ParallelResult, TaskError},
};

/// Rows of a block at most.
pub(super) const MOST_ROWS: usize = 4_096;

/// Bytes of a row beside its metrics and what is in postcard.
const FIXED: usize = 16 + 8 + 8;

/// What a row has beside numbers: few have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Other {
    row: u32,
    failure: Option<(ErrorKind, String)>,
    log: Vec<String>,
}

/// The cells of a block, without a copy of what they are read from.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
    rows: usize,
    metrics: usize,
    others: Vec<Other>,
    /// Where the parameters begin in `bytes`.
    params: usize,
}

/// Whether a result is worth keeping: another run would give the same, and this run computed it.
pub(super) fn is_lasting(result: &ParallelResult<Metrics>) -> bool {
    !result.cached && result.error_kind.is_none_or(ErrorKind::is_deterministic)
}

/// The bytes of a block with `cells`, [`MOST_ROWS`] at most. `params` are the names of the parameters, and `metrics` the places
/// of the metrics in [`Metrics::FIELDS`].
pub(super) fn encode(
    cells: &[(CellKey, &ParallelResult<Metrics>)],
    params: &[String],
    metrics: &[usize],
) -> Result<Vec<u8>, postcard::Error> {
    let mut bytes = Vec::with_capacity(4 + cells.len() * (FIXED + 8 * metrics.len() + 16));
    bytes.extend((cells.len() as u32).to_le_bytes());
    cells.iter().for_each(|(key, _)| bytes.extend(key.bytes()));
    for (_, cell) in cells {
        bytes.extend(u64::try_from(cell.execution_time.as_nanos()).unwrap_or(u64::MAX).to_le_bytes());
    }
    cells.iter().for_each(|(_, cell)| bytes.extend(cell.units.unwrap_or(u64::MAX).to_le_bytes()));
    let start = bytes.len();
    bytes.resize(start + 8 * metrics.len() * cells.len(), 0);
    for (row, (_, cell)) in cells.iter().enumerate() {
        let values = cell.result.as_ref().map(Metrics::values);
        for (at, place) in metrics.iter().enumerate() {
            let value = values.as_ref().and_then(|values| values[*place]).unwrap_or(f64::NAN);
            let to = start + 8 * (at * cells.len() + row);
            bytes[to..to + 8].copy_from_slice(&value.to_le_bytes());
        }
    }
    let other = |(row, (_, cell)): (usize, &(CellKey, &ParallelResult<Metrics>))| {
        let failure = cell.error_kind.map(|kind| (kind, cell.error_message.clone().unwrap_or_default()));
        let is_plain = failure.is_none() && cell.log.is_empty();
        (!is_plain).then(|| Other { row: row as u32, failure, log: cell.log.clone() })
    };
    let others: Vec<_> = cells.iter().enumerate().filter_map(other).collect();
    let mut bytes = postcard::to_extend(&others, bytes)?;
    for (_, cell) in cells {
        for name in params {
            bytes = postcard::to_extend(&cell.params.get(name).map(Stored::from), bytes)?;
        }
    }
    Ok(bytes)
}

/// The value of a parameter. A format of its own: that of requests tells kinds by their spelling.
#[derive(Debug, Serialize, Deserialize)]
enum Stored<'a> {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
}

impl<'a> From<&'a Value> for Stored<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Number(value) => Self::Number(*value),
            Value::Text(value) => Self::Text(value),
        }
    }
}

impl From<Stored<'_>> for Value {
    fn from(value: Stored<'_>) -> Self {
        match value {
            Stored::Boolean(value) => Self::Boolean(value),
            Stored::Integer(value) => Self::Integer(value),
            Stored::Number(value) => Self::Number(value),
            Stored::Text(value) => Self::Text(value.to_owned()),
        }
    }
}

impl Block {
    /// Reads the bytes of a block whose cells have so many `metrics`; `None` if they are not one.
    pub(super) fn read(bytes: Vec<u8>, metrics: usize) -> Option<Self> {
        let rows = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let numbers = 4 + rows.checked_mul(FIXED + 8 * metrics)?;
        let rest = bytes.get(numbers..)?;
        let (others, params) = postcard::take_from_bytes::<Vec<Other>>(rest).ok()?;
        let params = bytes.len() - params.len();
        others.iter().all(|other| (other.row as usize) < rows).then_some(())?;
        Some(Self { rows, metrics, others, params, bytes })
    }

    /// Bytes of memory that it takes, about.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + 256
    }

    /// The keys, in the order of the rows.
    pub(super) fn keys(&self) -> impl Iterator<Item = CellKey> {
        let keys = self.bytes[4..].chunks_exact(16).take(self.rows);
        keys.map(|key| CellKey::of_bytes(std::array::from_fn(|at| key[at])))
    }

    /// The keys of the rows that did not fail.
    pub(super) fn succeeded(&self) -> impl Iterator<Item = CellKey> {
        let failed = |row: u32| {
            let at = self.others.binary_search_by_key(&row, |other| other.row);
            at.is_ok_and(|at| self.others[at].failure.is_some())
        };
        (0..).zip(self.keys()).filter(move |(row, _)| !failed(*row)).map(|(_, key)| key)
    }

    fn number(&self, section: usize, row: usize) -> u64 {
        let at = 4 + 16 * self.rows + 8 * (section * self.rows + row);
        u64::from_le_bytes(std::array::from_fn(|byte| self.bytes[at + byte]))
    }

    /// The answer in row `row`, and how long it took; `place` says where a metric stands in [`Metrics::FIELDS`], if it is wanted.
    pub(super) fn answer(&self, row: usize, places: &[Option<usize>]) -> (Answer<Metrics>, Duration) {
        let time = Duration::from_nanos(self.number(0, row));
        let units = Some(self.number(1, row)).filter(|units| *units != u64::MAX);
        let at = self.others.binary_search_by_key(&(row as u32), |other| other.row);
        let other = at.ok().map(|at| &self.others[at]);
        let outcome = match other.and_then(|other| other.failure.as_ref()) {
            Some((kind, message)) => Err(TaskError::new(*kind, message.as_str())),
            None => Ok(self.metrics(row, places)),
        };
        let log = other.map_or_else(Vec::new, |other| other.log.clone());
        (Answer { outcome, log, units, returns: Vec::new() }, time)
    }

    fn metrics(&self, row: usize, places: &[Option<usize>]) -> Metrics {
        let mut values = Metrics::default().values();
        for (at, place) in places.iter().enumerate().take(self.metrics) {
            if let Some(place) = place {
                let value = f64::from_bits(self.number(2 + at, row));
                values[*place] = Some(value).filter(|value| !value.is_nan());
            }
        }
        Metrics::from_values(values)
    }

    /// The parameters of each row, whose names are `names`; `None` if they cannot be read.
    pub(super) fn params(&self, names: &[String]) -> Option<Vec<Params>> {
        let mut rest = &self.bytes[self.params..];
        let mut all = Vec::with_capacity(self.rows);
        for _ in 0..self.rows {
            let mut params = Params::new();
            for name in names {
                let (value, after) = postcard::take_from_bytes::<Option<Stored<'_>>>(rest).ok()?;
                rest = after;
                params.extend(value.map(|value| (name.clone(), value.into())));
            }
            all.push(params);
        }
        Some(all)
    }
}
