//! The provenance of results: the request, and what its names stood for when it ran.
//!
//! Never runs anything. Every results file carries it, or has it beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{RESULTS_VERSION, request::SweepRequest};
use crate::{
    backtest::{Market, Strategy},
    file::write_whole,
    model::{Digest, format_time},
    results,
};

/// The name under which a Parquet file carries it.
const KEY: &str = "host.sweep";

/// Where results come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of the host that ran the sweep.
    pub host: String,
    /// The version of the numbers ([`RESULTS_VERSION`]).
    pub results_version: u32,
    /// What was asked for.
    pub request: SweepRequest,
    /// The hash of the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin_hash: Option<Digest>,
    /// The fingerprint of the data.
    pub data_hash: Digest,
    /// The time of the first bar, ISO 8601; empty without bars.
    pub first_bar: String,
    /// The time of the last bar, ISO 8601; empty without bars.
    pub last_bar: String,
}

/// Why no request can be read from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvenanceError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The Parquet file cannot be read.
    #[error(transparent)]
    Results(#[from] results::ReadError),
    /// The Parquet file carries nothing of that kind.
    #[error("`{}` does not say which sweep its results are of; give a file that `host sweep --out` wrote", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a request.
    #[error("`{}` is not the request of a sweep: {problem}", path.display())]
    Request {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: serde_json::Error,
    },
}

impl Provenance {
    /// The provenance of the results of `request`, as `strategy` runs it on `market`.
    pub fn new(request: &SweepRequest, strategy: &Strategy, market: &Market) -> Self {
        let times = market.timeline().times();
        let time = |time: Option<&i64>| time.map_or_else(String::new, |time| format_time(*time));
        Self {
            host: env!("CARGO_PKG_VERSION").to_owned(),
            results_version: RESULTS_VERSION,
            request: request.clone(),
            plugin_hash: strategy.digest(),
            data_hash: market.dataset().fingerprint(),
            first_bar: time(times.first()),
            last_bar: time(times.last()),
        }
    }

    /// What a Parquet file carries in its footer: names and texts.
    pub fn facts(&self) -> Vec<(String, String)> {
        vec![(KEY.to_owned(), self.to_json())]
    }

    fn to_json(&self) -> String {
        // Plain values under text keys: there is no way for them not to be JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Writes it as JSON to `path`, which is complete or stays what it was.
    ///
    /// # Errors
    ///
    /// Returns what the system says if the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_whole(path, text.as_bytes())
    }
}

impl SweepRequest {
    /// Reads a request from a file: JSON that is a request or a [`Provenance`], or results in Parquet, which carry one.
    ///
    /// # Errors
    ///
    /// Returns an error that names the file if it cannot be read, or holds no request.
    pub fn load(path: &Path) -> Result<Self, ProvenanceError> {
        let is_parquet = path.extension().is_some_and(|extension| extension == "parquet" || extension == "pq");
        let text = if is_parquet {
            let facts = results::metadata(path)?;
            let fact = facts.into_iter().find(|(name, _)| name == KEY).map(|(_, text)| text);
            fact.ok_or_else(|| ProvenanceError::Missing { path: path.to_owned() })?
        } else {
            fs::read_to_string(path).map_err(|source| ProvenanceError::Read { path: path.to_owned(), source })?
        };
        read(&text).map_err(|problem| ProvenanceError::Request { path: path.to_owned(), problem })
    }
}

fn read(text: &str) -> Result<SweepRequest, serde_json::Error> {
    let is_provenance = serde_json::from_str::<serde_json::Value>(text)?.get("results_version").is_some();
    if is_provenance {
        return serde_json::from_str(text).map(|Provenance { request, .. }| request);
    }
    serde_json::from_str(text)
}
