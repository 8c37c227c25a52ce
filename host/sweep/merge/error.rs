//! The errors of merging shards.
//!
//! Never reads a file.

use std::{io, path::PathBuf};

use super::super::{grid::Shard, provenance::ProvenanceError, request::RequestError};
use crate::results::{ReadError, ResultsError};

/// Why files are not merged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// The file has another format.
    #[error(
        "`{}` is not Parquet, and no other format says which sweep and which shard its rows are of; run the shard again with \
         `--out NAME.parquet`", path.display()
    )]
    NotParquet { path: PathBuf },
    /// The file is given twice.
    #[error("`{}` is given twice; give each file once", path.display())]
    Twice { path: PathBuf },
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file does not say what it is of.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    /// The file does not say which cells its sweep has.
    #[error(
        "`{}` does not say which cells its sweep has: an older version of host wrote it, or it is a request without results; \
         run it again", path.display()
    )]
    Unplanned { path: PathBuf },
    /// The files are of different sweeps.
    #[error("the files are not of one sweep, so that their numbers do not belong together:\n{}", lines(differences))]
    Differ { differences: Vec<String> },
    /// The sweep was divided differently.
    #[error(
        "`{}` is shard {first}, but `{}` is shard {other}: all files must be of one division; give those with the same number \
         behind the `/`", first_path.display(), other_path.display()
    )]
    Divisions { first: Shard, first_path: PathBuf, other: Shard, other_path: PathBuf },
    /// The files have different columns.
    #[error(
        "`{}` and `{}` have different columns ({columns}); run the shards with the same `--metrics` and `--timings`",
        first.display(), other.display()
    )]
    Columns { first: PathBuf, other: PathBuf, columns: String },
    /// The columns are not those of the sweep.
    #[error(
        "the columns of `{}` are not those that this version of host writes; merge with version {host}, which wrote it, or run \
         the sweep again", path.display()
    )]
    OtherColumns { path: PathBuf, host: String },
    /// The request does not fit the plugin that it ran with.
    #[error("the request in `{}` cannot be read by this version of host; merge with version {host}, which wrote it", path.display())]
    Request {
        path: PathBuf,
        host: String,
        #[source]
        source: RequestError,
    },
    /// The request has other cells now.
    #[error(
        "this version of host finds other cells in the request of `{}`; merge with version {host}, which wrote it", path.display()
    )]
    OtherPlan { path: PathBuf, host: String },
    /// Rows are not as a sweep writes them.
    #[error("`{}` is damaged: {problem}; run shard {shard} again", path.display())]
    Damaged { path: PathBuf, shard: Shard, problem: String },
    /// A cell is in a file of another shard.
    #[error(
        "`{}` says that it is shard {shard}, but has cell {cell}, which that shard does not have; the file was changed: run the \
         shard again", path.display()
    )]
    Foreign { path: PathBuf, shard: Shard, cell: u64 },
    /// Two files have one cell.
    #[error("`{}` and `{}` both have cell {cell} of shard {shard}; give one of them", first.display(), other.display())]
    Doubled { first: PathBuf, other: PathBuf, shard: Shard, cell: u64 },
    /// A file is another one than a moment ago.
    #[error("a file was written while it was merged; merge again once all shards have ended")]
    Changed,
    /// Files of many shards cannot be gathered.
    #[error("no file can be made in `{}` for the rows of many shards; write to a folder that takes files", folder.display())]
    Gather {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    /// They cannot be written.
    #[error("the rows of many shards cannot be gathered in a file")]
    Write(#[from] ResultsError),
    /// Two files say different things of one cell.
    #[error(transparent)]
    Contradiction(Box<Contradiction>),
}

/// Two files say different things of one cell.
#[derive(Debug, thiserror::Error)]
#[error(
    "cell {cell} has `{column}` {first_value} in `{}`, but {other_value} in `{}`; leave out the file that you do not trust, or \
     run shard {shard} again", first.display(), other.display()
)]
pub(crate) struct Contradiction {
    pub(super) first: PathBuf,
    pub(super) other: PathBuf,
    pub(super) shard: Shard,
    pub(super) cell: u64,
    pub(super) column: String,
    pub(super) first_value: String,
    pub(super) other_value: String,
}

/// Texts as lines of a list.
fn lines(texts: &[String]) -> String {
    texts.iter().map(|text| format!("- {text}")).collect::<Vec<_>>().join("\n")
}
