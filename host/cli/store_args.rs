//! The arguments of the store of results.
//!
//! Never opens it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output_args::{OutputArgs, QuietArgs};
use crate::store::DEFAULT_CAP;

/// The store of results.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct StoreArgs {
    /// The folder of known results [default: $HOST_STORE, or ~/.local/state/host/results]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(super) store: Option<PathBuf>,
    /// Runs all combinations, known or not, and keeps none for the next time
    #[arg(long, conflicts_with = "store")]
    pub(super) no_store: bool,
}

/// Whether a sweep must go on where another ended.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct ResumeArgs {
    /// Fails if no result of this sweep is known, from which it would go on
    #[arg(long, hide_short_help = true, conflicts_with = "no_store")]
    pub(super) resume: bool,
}

/// Shows what the store has: the folder `$HOST_STORE`, else `$XDG_STATE_HOME/host/results`, else
/// `$HOME/.local/state/host/results`.
#[derive(Debug, Subcommand)]
pub(super) enum ResultsAction {
    /// Lists the books: the results of one plugin on one data set, with one account and the same limits.
    List(ListArgs),
    /// Writes the results of a book to a file, a row for each combination.
    Export(ExportArgs),
    /// Removes the books that were not used for longest, until the rest is small enough.
    Prune(PruneArgs),
}

/// The folder of a store that exists.
#[derive(Debug, Args)]
pub(super) struct StoreFolderArgs {
    /// The folder of the store [default: $HOST_STORE, or ~/.local/state/host/results]
    #[arg(long, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) folder: StoreFolderArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The book: the first digits of its hash, as `host results list` shows them
    pub(super) book: String,
    /// The file to write: .parquet, .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) folder: StoreFolderArgs,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
}

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// MiB that all books together may take
    #[arg(long = "size", value_name = "MIB", default_value_t = DEFAULT_CAP >> 20, value_parser = clap::value_parser!(u64).range(..=1 << 40))]
    pub(super) size_mib: u64,
    #[command(flatten)]
    pub(super) folder: StoreFolderArgs,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
}
