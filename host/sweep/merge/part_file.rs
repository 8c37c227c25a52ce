//! A file of the results of one shard, and what it says of itself.
//!
//! Never reads a row.

use std::path::{Path, PathBuf};

use super::{
    super::{
        grid::Shard,
        provenance::{Provenance, ProvenanceError, RequestFile},
    },
    error::MergeError,
};
use crate::results::{CELL, ResultsFile};

/// A file of a shard.
#[derive(Debug)]
pub(super) struct PartFile {
    pub(super) path: PathBuf,
    pub(super) file: ResultsFile,
    pub(super) provenance: Provenance,
    pub(super) shard: Shard,
    /// The place of the column of cells.
    pub(super) cell: usize,
}

impl PartFile {
    pub(super) fn open(path: &Path) -> Result<Self, MergeError> {
        let extension = path.extension().unwrap_or_default();
        if !["parquet", "pq"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
            return Err(MergeError::NotParquet { path: path.to_owned() });
        }
        let file = ResultsFile::open(path)?;
        let provenance = match RequestFile::of_results(path, file.metadata())? {
            RequestFile::Provenance(provenance) => *provenance,
            RequestFile::Request(_) => return Err(ProvenanceError::Missing { path: path.to_owned() }.into()),
        };
        let cell = file.columns().iter().position(|column| column.name == CELL);
        let cell = cell.filter(|_| provenance.plan.is_some() && provenance.identity.is_some());
        let Some(cell) = cell else { return Err(MergeError::Unplanned { path: path.to_owned() }) };
        let shard = provenance.shard.unwrap_or_else(Shard::whole);
        Ok(Self { path: path.to_owned(), file, provenance, shard, cell })
    }

    /// Whether the name is one that a file gets which a killed run has left: `NAME.partial-1.parquet`. Its cells may be in the
    /// file of the next run, too.
    pub(super) fn is_leftover(&self) -> bool {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let number = stem.rsplit_once(".partial-").map(|(_, number)| number);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// The error of a damaged file.
    pub(super) fn damaged(&self, problem: impl Into<String>) -> MergeError {
        MergeError::Damaged { path: self.path.clone(), shard: self.shard, problem: problem.into() }
    }
}
