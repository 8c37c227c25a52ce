//! The files of the shards of one sweep.
//!
//! Never writes the merged file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    super::{provenance::Provenance, request::BoundRequest},
    coverage::Coverage,
    error::MergeError,
    gathered::Gathered,
    origin,
    part_file::{Opened, PartFile},
    row::RowReader,
};
use crate::results::Column;

/// Files of one sweep, in the order of their shards; there is at least one.
#[derive(Debug)]
pub(crate) struct Shards {
    parts: Vec<PartFile>,
    columns: Vec<Column>,
    /// Where the rows of all come from.
    whole: Provenance,
    notes: Vec<String>,
}

impl Shards {
    /// Opens `paths`, which are of one sweep, divided once.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read or does not say what it is of, or if they do not belong together.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, MergeError> {
        let mut known = Vec::new();
        for path in paths {
            // One that cannot be found is told when it is opened.
            let place = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            if known.contains(&place) {
                return Err(MergeError::Twice { path: path.clone() });
            }
            known.push(place);
        }
        let mut opened = paths.iter().map(|path| Opened::new(path)).collect::<Result<Vec<_>, _>>()?;
        let notes = origin::check(&opened)?;
        check_alike(&opened)?;
        opened.sort_by_cached_key(|file| (file.part.shard, file.part.is_leftover, file.part.path.clone()));
        let (whole, columns) = (opened[0].provenance.clone().of_shard(None), opened[0].columns.clone());
        Ok(Self { parts: opened.into_iter().map(|file| file.part).collect(), columns, whole, notes })
    }

    /// Where the rows come from, as one run of the whole sweep would say it.
    pub(crate) fn provenance(&self) -> &Provenance {
        &self.whole
    }

    /// In which ways the files were asked for differently, though their numbers belong together.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The columns of all files.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The request of the sweep, bound to what the files say of the plugin.
    ///
    /// # Errors
    ///
    /// Returns an error if this version of host reads the request differently from the one that ran it.
    pub(crate) fn bind(&self) -> Result<BoundRequest, MergeError> {
        let (path, host) = (self.parts[0].path.clone(), self.whole.host.clone());
        match self.whole.bind() {
            Err(source) => Err(MergeError::Request { path, host, source }),
            Ok(bound) if Some(bound.plan.digest()) != self.whole.plan => Err(MergeError::OtherPlan { path, host }),
            Ok(bound) => Ok(bound),
        }
    }

    /// What is missing of the sweep that was bound as `bound`.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read, or has a cell twice or one of another shard.
    pub(crate) fn coverage(&self, bound: &BoundRequest) -> Result<Coverage, MergeError> {
        Coverage::of(&self.parts, &bound.plan, self.whole.symbols)
    }

    /// The files, so few that they can be read at the same time: the rows of many are gathered in files in `folder` first.
    /// `None` once `is_stopped` says so.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read or written.
    pub(crate) fn gathered(
        &self,
        folder: &Path,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Gathered>, MergeError> {
        Gathered::new(self.parts.clone(), &self.columns, folder, is_stopped)
    }

    /// What makes results of the rows.
    ///
    /// # Errors
    ///
    /// Returns an error if a sweep of this version does not write such columns.
    pub(crate) fn reader(&self) -> Result<RowReader, MergeError> {
        let reader = RowReader::new(self.columns(), &self.whole.parameters, self.whole.symbols.is_some());
        let (path, host) = (self.parts[0].path.clone(), self.whole.host.clone());
        reader.ok_or(MergeError::OtherColumns { path, host })
    }
}

/// Refuses files of different divisions, and files with different columns.
fn check_alike(files: &[Opened]) -> Result<(), MergeError> {
    let first = &files[0];
    if let Some(other) = files.iter().find(|other| other.part.shard.count() != first.part.shard.count()) {
        return Err(MergeError::Divisions {
            first: first.part.shard,
            first_path: first.part.path.clone(),
            other: other.part.shard,
            other_path: other.part.path.clone(),
        });
    }
    let Some(other) = files.iter().find(|other| other.columns != first.columns) else { return Ok(()) };
    let only = |which: &str, one: &Opened, other: &Opened| {
        let columns = one.columns.iter().filter(|column| !other.columns.contains(column));
        let names: Vec<_> = columns.map(|column| format!("`{}`", column.name)).collect();
        (!names.is_empty()).then(|| format!("only the {which} has {}", names.join(", ")))
    };
    let columns: Vec<_> = only("first", first, other).into_iter().chain(only("second", other, first)).collect();
    let columns = if columns.is_empty() { "their order".to_owned() } else { columns.join("; ") };
    Err(MergeError::Columns { first: first.part.path.clone(), other: other.part.path.clone(), columns })
}
