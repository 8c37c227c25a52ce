//! The columns of a segment, and the conversion of a result to a row and back.
//!
//! Never loses a bit: what comes back is what was put in, but for names and the worker, which are those of each run.

use std::{collections::HashSet, time::Duration};

use serde::Deserialize as _;

use super::key::CellKey;
use crate::{
    metrics::{Metrics, Selection},
    model::{ParamSpec, Params},
    results::{Cell, Column, Kind},
    task::{Answer, ErrorKind, ParallelResult, TaskError},
};

/// The columns of the key.
pub(super) const KEY: [&str; 2] = ["key_high", "key_low"];

/// The columns of what a task gave beside its metrics.
const FACTS: [(&str, Kind); 5] = [
    ("error_kind", Kind::Text),
    ("error_message", Kind::Text),
    ("log", Kind::Text),
    ("units", Kind::Integer),
    ("nanoseconds", Kind::Integer),
];

/// What the names of columns of parameters begin with.
const PARAMETER: &str = "param_";

/// The columns of the segments that a run writes.
#[derive(Debug, Clone)]
pub(super) struct Schema {
    columns: Vec<Column>,
    params: Vec<String>,
    metrics: Vec<usize>,
}

impl Schema {
    /// Columns for a strategy with `parameters`, and for `metrics`.
    pub(super) fn new(parameters: &[ParamSpec], metrics: Selection) -> Self {
        let mut columns = KEY.map(|name| Column::new(name, Kind::Integer)).to_vec();
        let param = |spec: &ParamSpec| Column::new(format!("{PARAMETER}{}", spec.name), Kind::of(&spec.default));
        columns.extend(parameters.iter().map(param));
        columns.extend(FACTS.map(|(name, kind)| Column::new(name, kind)));
        columns.extend(metrics.names().map(|name| Column::new(name, Kind::Number)));
        let params = parameters.iter().map(|spec| spec.name.clone()).collect();
        Self { columns, params, metrics: places(metrics) }
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The row of `result`, whose parameters have the key `key`.
    pub(super) fn row<'a>(&self, key: CellKey, result: &'a ParallelResult<Metrics>) -> Vec<Cell<'a>> {
        let mut row = Vec::with_capacity(self.columns.len());
        row.extend(key.halves().map(Cell::Integer));
        row.extend(self.params.iter().map(|name| Cell::from(result.params.get(name))));
        row.push(result.error_kind.map_or(Cell::Null, |kind| Cell::from(kind.as_str())));
        row.push(Cell::from(result.error_message.as_deref()));
        row.push(if result.log.is_empty() { Cell::Null } else { Cell::from(log_text(&result.log)) });
        row.push(result.units.map_or(Cell::Null, Cell::count));
        row.push(Cell::Integer(i64::try_from(result.execution_time.as_nanos()).unwrap_or(i64::MAX)));
        match &result.result {
            Some(metrics) => {
                let values = metrics.values();
                row.extend(self.metrics.iter().map(|place| Cell::from(values[*place])));
            }
            None => row.extend(self.metrics.iter().map(|_| Cell::Null)),
        }
        row
    }
}

/// Where the metrics stand in [`Metrics::FIELDS`].
fn places(metrics: Selection) -> Vec<usize> {
    let fields = Metrics::FIELDS.iter().enumerate();
    fields.filter(|(_, info)| metrics.contains(info.name)).map(|(place, _)| place).collect()
}

fn log_text(log: &[String]) -> String {
    // Texts always serialise as JSON.
    serde_json::to_string(log).unwrap_or_default()
}

/// Whether a result is worth keeping: another run would give the same, and this run computed it.
pub(super) fn is_lasting(result: &ParallelResult<Metrics>) -> bool {
    !result.cached && result.error_kind.is_none_or(ErrorKind::is_deterministic)
}

/// The columns that a look-up of `wanted` reads, and how a row of them becomes an answer.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    names: Vec<String>,
    metrics: Vec<usize>,
}

impl Wanted {
    pub(super) fn new(wanted: Selection) -> Self {
        let names = FACTS.iter().map(|(name, _)| *name).chain(wanted.names()).map(str::to_owned).collect();
        Self { names, metrics: places(wanted) }
    }

    /// The columns to read.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a segment with these columns has all that is wanted.
    pub(super) fn is_in(&self, columns: &[Column]) -> bool {
        let there: HashSet<_> = columns.iter().map(|column| column.name.as_str()).collect();
        self.names.iter().chain(&KEY.map(str::to_owned)).all(|name| there.contains(name.as_str()))
    }

    /// The number of metrics of a row.
    pub(super) fn metrics(&self) -> usize {
        self.metrics.len()
    }

    /// The metrics whose values a row has, NaN where one is undefined.
    pub(super) fn of_values(&self, kept: &[f64]) -> Metrics {
        let mut values = Metrics::default().values();
        for (place, value) in self.metrics.iter().zip(kept) {
            values[*place] = Some(*value).filter(|value| !value.is_nan());
        }
        Metrics::from_values(values)
    }
}

/// What a row says beside its metrics.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub(super) failure: Option<TaskError>,
    pub(super) log: Vec<String>,
    pub(super) units: Option<u64>,
    pub(super) time: Duration,
}

impl Facts {
    /// Reads the facts of a row of [`Wanted::names`]; `None` if they are not those of a result.
    pub(super) fn read(row: &[Cell<'_>]) -> Option<Self> {
        let [kind, message, log, units, time, ..] = row else { return None };
        let failure = match (kind, message) {
            (Cell::Null, Cell::Null) => None,
            (Cell::Text(kind), Cell::Text(message)) => Some(TaskError::new(error_kind(kind)?, message.as_ref())),
            _ => return None,
        };
        let log = match log {
            Cell::Null => Vec::new(),
            Cell::Text(text) => serde_json::from_str(text).ok()?,
            _ => return None,
        };
        let units = match units {
            Cell::Null => None,
            Cell::Integer(units) => Some(u64::try_from(*units).ok()?),
            _ => return None,
        };
        let Cell::Integer(time) = time else { return None };
        Some(Self { failure, log, units, time: Duration::from_nanos(u64::try_from(*time).ok()?) })
    }

    /// The answer of the task, whose metrics are those that `metrics` makes.
    pub(super) fn answer(&self, metrics: impl FnOnce() -> Metrics) -> (Answer<Metrics>, Duration) {
        let outcome = self.failure.clone().map_or_else(|| Ok(metrics()), Err);
        (Answer { outcome, log: self.log.clone(), units: self.units }, self.time)
    }
}

fn error_kind(text: &str) -> Option<ErrorKind> {
    let text = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
    ErrorKind::deserialize(text).ok()
}

/// The parameters in a row of all columns.
pub(super) fn params(columns: &[Column], row: &[Cell<'_>]) -> Params {
    let named = columns.iter().zip(row).filter_map(|(column, cell)| {
        let name = column.name.strip_prefix(PARAMETER)?;
        Some((name.to_owned(), cell.value()?))
    });
    named.collect()
}
