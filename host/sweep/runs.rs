//! Runs: what each sweep that used the store was asked for, and what came of it, as the store's ledger has it.
//!
//! Never runs anything, and never knows a result but the best one.

use std::{path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{Provenance, Standings};
use crate::{
    metrics::Selection,
    model::format_date_time,
    store::{LedgerEntry, Store, StoreError},
};

/// What a run is, as it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStart {
    /// When it began, ISO 8601.
    pub at: String,
    /// The command that ran it: `sweep`, `serve`.
    pub command: String,
    /// The number of its process.
    pub process: u32,
    /// The request, and the hashes of plugin and data.
    pub provenance: Provenance,
    /// The names of the metrics that were computed.
    pub metrics: Vec<String>,
    /// The name of a bundled plugin, or the path of the component, if there was a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The files of the data; none for the bundled bars.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<PathBuf>,
    /// The files of its finer bars.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<PathBuf>,
    /// The file of the benchmark, if it has one that was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<PathBuf>,
    /// The file that the results went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// How combinations were searched, if they were: which ones they are, only the search itself tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<serde_json::Value>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// All its combinations have a result.
    Finished,
    /// It was stopped before.
    Interrupted,
    /// It could not go on.
    Failed,
}

impl RunOutcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    /// When it ended, ISO 8601.
    pub at: String,
    /// How.
    pub outcome: RunOutcome,
    /// The wall-clock seconds of its combinations.
    pub seconds: f64,
    /// Combinations that have a result.
    pub combinations: u64,
    /// Those of them that were known.
    pub known: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The name of the best combination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
    /// Its value of the objective; none if it is infinite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name: 12 hexadecimal digits.
    pub name: String,
    /// What it was.
    pub start: RunStart,
    /// What came of it; `None` while it runs, and if it was killed.
    pub end: Option<RunEnd>,
}

impl RunStart {
    /// A run by `command` of what `provenance` says, which computes `metrics`, and begins now.
    pub fn new(command: &str, provenance: Provenance, metrics: Selection) -> Self {
        Self {
            at: now(),
            command: command.to_owned(),
            process: std::process::id(),
            provenance,
            metrics: metrics.names().map(str::to_owned).collect(),
            plugin: None,
            data: Vec::new(),
            detail: Vec::new(),
            benchmark: None,
            out: None,
            search: None,
        }
    }
}

impl RunEnd {
    /// The end of a run now, which took `seconds`, knew so many of its combinations before, and has these `standings`.
    pub fn new(outcome: RunOutcome, seconds: f64, known: u64, standings: &Standings) -> Self {
        let (tally, best) = (standings.tally(), standings.best());
        Self {
            at: now(),
            outcome,
            seconds,
            combinations: tally.total(),
            known,
            failed: tally.failed(),
            best: best.map(|best| best.row.task_id.clone()),
            value: best.map(|best| best.value).filter(|value| value.is_finite()),
        }
    }
}

/// The runs in `store`, in the order in which they began, and the number of those that this version cannot read.
///
/// # Errors
///
/// Returns an error if the ledger cannot be read.
pub fn runs(store: &Store) -> Result<(Vec<Run>, u64), StoreError> {
    let (entries, mut bad) = store.runs()?;
    let mut runs = Vec::with_capacity(entries.len());
    for LedgerEntry { run: name, began, ended } in entries {
        match (serde_json::from_value(began), ended.map(serde_json::from_value).transpose()) {
            (Ok(start), Ok(end)) => runs.push(Run { name, start, end }),
            _ => bad += 1,
        }
    }
    Ok((runs, bad))
}

/// The time, ISO 8601.
fn now() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    format_date_time(i64::try_from(now).unwrap_or(i64::MAX).saturating_mul(1_000_000_000))
}
