//! The files of the shards of one sweep.
//!
//! Never writes a file.

use std::{fs, path::PathBuf};

use super::{
    super::{
        provenance::Provenance,
        request::{BoundRequest, DefaultMetrics},
    },
    coverage::Coverage,
    error::MergeError,
    origin,
    part_file::PartFile,
    row::RowReader,
    rows::MergedRows,
};
use crate::{
    model::{Description, Encoding},
    results::Column,
};

/// Files of one sweep, in the order of their shards; there is at least one.
#[derive(Debug)]
pub(crate) struct Shards {
    parts: Vec<PartFile>,
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
        let mut parts = paths.iter().map(|path| PartFile::open(path)).collect::<Result<Vec<_>, _>>()?;
        let notes = origin::check(&parts)?;
        check_alike(&parts)?;
        parts.sort_by_cached_key(|part| (part.shard, part.is_leftover(), part.path.clone()));
        let whole = parts[0].provenance.clone().of_shard(None);
        Ok(Self { parts, whole, notes })
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
        self.parts[0].file.columns()
    }

    /// The request of the sweep, bound to what the files say of the plugin.
    ///
    /// # Errors
    ///
    /// Returns an error if this version of host reads the request differently from the one that ran it.
    pub(crate) fn bind(&self) -> Result<BoundRequest, MergeError> {
        let (path, host) = (self.parts[0].path.clone(), self.whole.host.clone());
        let plugin = Description {
            name: self.whole.request.plugin.clone(),
            version: String::new(),
            summary: String::new(),
            parameters: self.whole.parameters.clone(),
            output: Encoding::Json,
        };
        match self.whole.request.bind(&plugin, DefaultMetrics::All) {
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

    /// All rows, in the order of their cells.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read.
    pub(crate) fn rows(&self) -> Result<MergedRows<'_>, MergeError> {
        MergedRows::new(self.parts.iter())
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
fn check_alike(parts: &[PartFile]) -> Result<(), MergeError> {
    let first = &parts[0];
    if let Some(other) = parts.iter().find(|other| other.shard.count() != first.shard.count()) {
        return Err(MergeError::Divisions {
            first: first.shard,
            first_path: first.path.clone(),
            other: other.shard,
            other_path: other.path.clone(),
        });
    }
    let Some(other) = parts.iter().find(|other| other.file.columns() != first.file.columns()) else { return Ok(()) };
    let only = |one: &PartFile, other: &PartFile| {
        let has = |column: &&Column| !other.file.columns().contains(column);
        let names: Vec<_> = one.file.columns().iter().filter(has).map(|column| format!("`{}`", column.name)).collect();
        (!names.is_empty()).then(|| format!("only the {{}} has {}", names.join(", ")))
    };
    let columns = [
        only(first, other).map(|text| text.replace("{}", "first")),
        only(other, first).map(|text| text.replace("{}", "second")),
    ];
    let columns: Vec<_> = columns.into_iter().flatten().collect();
    let columns = if columns.is_empty() { "their order".to_owned() } else { columns.join("; ") };
    Err(MergeError::Columns { first: first.path.clone(), other: other.path.clone(), columns })
}
