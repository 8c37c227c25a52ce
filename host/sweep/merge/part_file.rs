//! A file of the results of one shard, and what it says of itself.
//!
//! Never reads a row, and keeps no file open: there may be more shards than files that a process may open.

use std::path::{Path, PathBuf};

use super::{
    super::{
        grid::Shard,
        provenance::{Provenance, ProvenanceError, RequestFile},
    },
    error::MergeError,
};
use crate::results::{CELL, Column, ResultsFile};

/// A file of a shard.
#[derive(Debug, Clone)]
pub(super) struct PartFile {
    pub(super) path: PathBuf,
    pub(super) shard: Shard,
    /// Whether a killed run has left it. Its cells may be in the file of the next run, too.
    pub(super) is_leftover: bool,
}

/// A file of a shard, where its rows come from, and their columns.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) part: PartFile,
    pub(super) provenance: Provenance,
    pub(super) columns: Vec<Column>,
}

impl Opened {
    pub(super) fn new(path: &Path) -> Result<Self, MergeError> {
        let extension = path.extension().unwrap_or_default();
        if !["parquet", "pq"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
            return Err(MergeError::NotParquet { path: path.to_owned() });
        }
        let file = ResultsFile::open(path)?;
        let provenance = match RequestFile::of_results(path, file.metadata())? {
            RequestFile::Provenance(provenance) => *provenance,
            RequestFile::Request(_) => return Err(ProvenanceError::Missing { path: path.to_owned() }.into()),
        };
        let has_cells = file.columns().iter().any(|column| column.name == CELL);
        if !has_cells || provenance.plan.is_none() || provenance.identity.is_none() {
            return Err(MergeError::Unplanned { path: path.to_owned() });
        }
        let shard = provenance.shard.unwrap_or_else(Shard::whole);
        let part = PartFile { path: path.to_owned(), shard, is_leftover: is_leftover(path) };
        Ok(Self { part, provenance, columns: file.columns().to_vec() })
    }
}

impl PartFile {
    /// The error of a damaged file.
    pub(super) fn damaged(&self, problem: impl Into<String>) -> MergeError {
        MergeError::Damaged { path: self.path.clone(), shard: self.shard, problem: problem.into() }
    }
}

/// Whether the name is one that a file gets which a killed run has left: `NAME.partial-1.parquet`.
fn is_leftover(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let number = stem.rsplit_once(".partial-").map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
