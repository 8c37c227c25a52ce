//! The provenance of results: the request, and the hashes of the plugin and the data that it ran on.
//!
//! Never runs anything. Parquet results carry it in their footer; `--save-request` writes it beside other results.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    RESULTS_VERSION,
    grid::Shard,
    request::{BoundRequest, DefaultMetrics, RequestError, SweepRequest},
    scope::{Instruments, tasks},
};
use crate::{
    backtest::{Market, SetupError, Strategy},
    data::LoadOptions,
    file::{LIST, read_text_at_most, write_whole},
    model::{Description, Digest, Encoding, ParamSpec, format_time},
    results,
};

/// The name of the provenance in a Parquet footer.
const KEY: &str = "host.sweep";

/// The provenance of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of the host that ran the sweep.
    pub host: String,
    /// The version of the computed numbers ([`RESULTS_VERSION`]).
    pub results_version: u32,
    /// The request.
    pub request: SweepRequest,
    /// The hash of the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin_hash: Option<Digest>,
    /// How the files of the data were read.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub read: LoadOptions,
    /// The fingerprint of the data.
    pub data_hash: Digest,
    /// What results are measured against, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<BenchmarkFacts>,
    /// The time of the first bar, ISO 8601; empty without bars.
    pub first_bar: String,
    /// The time of the last bar, ISO 8601; empty without bars.
    pub last_bar: String,
    /// The digest of the plan ([`Plan::digest`](super::grid::Plan::digest)), which says what the column `cell` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// The number of cells of the whole sweep, if it was known before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<u64>,
    /// The number of symbols, where each ran alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<u64>,
    /// The hash of everything that decided the results, but bars and parameters ([`CellIdentity::digest`]). None for Rust code.
    ///
    /// [`CellIdentity::digest`]: super::CellIdentity::digest
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Digest>,
    /// The parameters of the plugin, without their descriptions: with them the request can be bound without the plugin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParamSpec>,
    /// The shard that the results are of; none for a whole sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// What results are measured against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchmarkFacts {
    /// What people call it: `hold`, or the symbol.
    pub name: String,
    /// The hash of its returns by the days of the data.
    pub hash: Digest,
    /// The days on which it has no new bar, and stands still.
    pub still_days: u64,
}

impl BenchmarkFacts {
    /// Those of `market`, if runs on it are measured against something.
    pub fn of(market: &Market) -> Option<Self> {
        let name = market.settings().benchmark.as_ref()?.name();
        let returns = market.frame().benchmark()?.returns();
        let bytes: Vec<u8> = returns.iter().flat_map(|change| change.to_bits().to_le_bytes()).collect();
        Some(Self { name, hash: Digest::of(&bytes), still_days: market.still_days() as u64 })
    }
}

/// Why a file does not give a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvenanceError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The Parquet file cannot be read.
    #[error(transparent)]
    Results(#[from] results::ReadError),
    /// The Parquet file has no provenance.
    #[error("`{}` does not contain the request of a sweep; give a file that `host sweep --out` wrote", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a request.
    #[error("`{}` is not the request of a sweep, which is JSON or results in Parquet: {problem}", path.display())]
    Request {
        /// The file.
        path: PathBuf,
        /// The problem, and where it is.
        problem: serde_json::Error,
    },
}

fn is_plain(options: &LoadOptions) -> bool {
    *options == LoadOptions::default()
}

impl Provenance {
    /// The provenance of the results of `request`, bound as `bound`, as `strategy` runs it on `market`.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy cannot be run in the way that is asked for.
    pub fn new(
        request: &SweepRequest,
        bound: &BoundRequest,
        strategy: &Strategy,
        market: &Market,
    ) -> Result<Self, SetupError> {
        let times = market.timeline().times();
        let time = |time: Option<&i64>| time.map_or_else(String::new, |time| format_time(*time));
        let symbols = (bound.instruments == Instruments::EachSymbol).then(|| market.dataset().series().len() as u64);
        let plain = |spec: &ParamSpec| ParamSpec { doc: String::new(), ..spec.clone() };
        Ok(Self {
            host: env!("CARGO_PKG_VERSION").to_owned(),
            results_version: RESULTS_VERSION,
            request: request.clone(),
            plugin_hash: strategy.digest(),
            read: LoadOptions::default(),
            data_hash: market.dataset().fingerprint(),
            benchmark: BenchmarkFacts::of(market),
            first_bar: time(times.first()),
            last_bar: time(times.last()),
            plan: Some(bound.plan.digest()),
            cells: tasks(&bound.plan, symbols),
            symbols,
            identity: bound.identity(request, strategy)?.map(|identity| identity.digest()),
            parameters: strategy.description().parameters.iter().map(plain).collect(),
            shard: None,
        })
    }

    /// The plugin, as far as results need it.
    pub fn description(&self) -> Description {
        Description {
            name: self.request.plugin.clone(),
            version: String::new(),
            summary: String::new(),
            parameters: self.parameters.clone(),
            output: Encoding::Json,
        }
    }

    /// The request, bound without the plugin.
    ///
    /// # Errors
    ///
    /// Returns an error if this version of host reads the request differently from the one that ran it.
    pub fn bind(&self) -> Result<BoundRequest, RequestError> {
        self.request.bind(&self.description(), DefaultMetrics::All)
    }

    /// The same, for results of one shard, or of all for `None`.
    #[must_use]
    pub fn of_shard(self, shard: Option<Shard>) -> Self {
        Self { shard, ..self }
    }

    /// The same, for data that were read with `options`.
    #[must_use]
    pub fn read_with(self, options: LoadOptions) -> Self {
        Self { read: options, ..self }
    }

    /// The names and texts for the footer of a Parquet file.
    pub fn facts(&self) -> Vec<(String, String)> {
        vec![(KEY.to_owned(), self.to_json())]
    }

    /// The provenance among the facts of a file, if it has one that can be read: `fact` gives each by its name.
    pub fn of_facts<'f>(fact: impl Fn(&str) -> Option<&'f str>) -> Option<Self> {
        serde_json::from_str(fact(KEY)?).ok()
    }

    fn to_json(&self) -> String {
        // Plain values under text keys always serialise as JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Writes it as JSON to `path`, which is complete or stays what it was.
    ///
    /// # Errors
    ///
    /// Returns the system's error if the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_whole(path, text.as_bytes())
    }
}

/// What a file says of a sweep: a request alone, or a request with what its names stood for.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestFile {
    /// A request that may not have run yet.
    Request(Box<SweepRequest>),
    /// The request of results, with the hashes of plugin and data.
    Provenance(Box<Provenance>),
}

impl RequestFile {
    /// Reads JSON that is a request or a [`Provenance`], or results in Parquet, which carry one.
    ///
    /// # Errors
    ///
    /// Returns an error that names the file if it cannot be read, or holds no request.
    pub fn load(path: &Path) -> Result<Self, ProvenanceError> {
        let is_parquet = path.extension().is_some_and(|extension| extension == "parquet" || extension == "pq");
        if is_parquet {
            return match results::metadata(path) {
                // Bars, or any other Parquet.
                Err(results::ReadError::Foreign { .. }) => Self::of_results(path, &[]),
                facts => Self::of_results(path, &facts?),
            };
        }
        let text = read_text_at_most(path, LIST);
        let text = text.map_err(|source| ProvenanceError::Read { path: path.to_owned(), source })?;
        Self::read(&text).map_err(|problem| ProvenanceError::Request { path: path.to_owned(), problem })
    }

    /// Reads what the file of results at `path` says of itself by `facts`.
    ///
    /// # Errors
    ///
    /// Returns an error that names the file if it holds no request.
    pub(super) fn of_results(path: &Path, facts: &[(String, String)]) -> Result<Self, ProvenanceError> {
        let fact = facts.iter().find(|(name, _)| name == KEY).map(|(_, text)| text);
        let text = fact.ok_or_else(|| ProvenanceError::Missing { path: path.to_owned() })?;
        Self::read(text).map_err(|problem| ProvenanceError::Request { path: path.to_owned(), problem })
    }

    fn read(text: &str) -> Result<Self, serde_json::Error> {
        let is_provenance = serde_json::from_str::<serde_json::Value>(text)?.get("results_version").is_some();
        if is_provenance {
            return serde_json::from_str(text).map(|ran| Self::Provenance(Box::new(ran)));
        }
        serde_json::from_str(text).map(|request| Self::Request(Box::new(request)))
    }

    /// The request.
    pub fn request(&self) -> &SweepRequest {
        match self {
            Self::Request(request) => request,
            Self::Provenance(provenance) => &provenance.request,
        }
    }
}
