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
    /// Known results [default: $HOST_STORE, or ~/.local/state/host/results]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(super) store: Option<PathBuf>,
    /// Runs all combinations, known or not, and keeps none for the next time
    #[arg(long, conflicts_with = "store")]
    pub(super) no_store: bool,
}

/// The store of what checks find.
#[derive(Debug, Args)]
pub(super) struct AnswersArgs {
    /// The store that has what checks find [default: $HOST_STORE, or ~/.local/state/host/results]
    #[arg(long, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,
    /// Does without it
    #[arg(long, conflicts_with = "store")]
    pub(super) no_store: bool,
}

/// What a sweep does with results that are known.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct KnownArgs {
    /// Fails if no result of this sweep is known, from which it would go on
    #[arg(long, hide_short_help = true, conflicts_with = "no_store")]
    pub(super) resume: bool,
    /// Runs a share of the known results again, like `0.01`, and compares them
    #[arg(long, value_name = "SHARE", hide_short_help = true, conflicts_with = "no_store", value_parser = share)]
    pub(super) verify_store: Option<f64>,
}

/// Reads a share of all.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| format!("`{text}` is not a share; give a number above 0, up to 1"))
}

/// Shows what the store has: the folder `$HOST_STORE`, else `$XDG_STATE_HOME/host/results`, else
/// `$HOME/.local/state/host/results`.
#[derive(Debug, Subcommand)]
pub(super) enum ResultsAction {
    /// Lists the books: the results of one plugin on one data set, with one account and the same limits.
    List(ListArgs),
    /// Lists the runs: when each began, what it ran on, and how it ended.
    Runs(RunsArgs),
    /// Shows a run or a book, whole.
    Show(ShowArgs),
    /// Shows how many distinct trials were ever made on each data set: pairs of a plugin and its parameters.
    Trials(ListArgs),
    /// Runs some of the known results of a run again, and compares them bit for bit.
    Verify(VerifyArgs),
    /// Compares two runs, or two files of results: which combinations are better, worse, new or gone.
    Diff(DiffArgs),
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
pub(super) struct RunsArgs {
    /// How many of the last runs are listed
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) last: usize,
    #[command(flatten)]
    pub(super) folder: StoreFolderArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The first digits of a run, as `host results runs` shows them, or of a book
    pub(super) name: String,
    #[command(flatten)]
    pub(super) folder: StoreFolderArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// What is compared with: the first digits of a run, as `host results runs` shows them, or a file of results in Parquet
    pub(super) then: String,
    /// What is compared: a run or a file
    pub(super) now: String,
    /// The metric to compare [default: what NOW was ranked by]
    #[arg(long, value_name = "METRIC")]
    pub(super) objective: Option<String>,
    /// The largest gains and losses that are shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(super) top: usize,
    #[command(flatten)]
    pub(super) folder: StoreFolderArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The first digits of the run, as `host results runs` shows them [default: the last one]
    pub(super) run: Option<String>,
    /// How many of its known results run again
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) sample: u64,
    /// Which ones: the same seed takes the same [default: others each time]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// The files of the data, if they are no longer where they were
    #[arg(long, short, value_name = "FILE", num_args = 1..)]
    pub(super) data: Vec<PathBuf>,
    /// The files of the finer bars, if they are no longer where they were
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(super) detail: Vec<PathBuf>,
    /// The file of the benchmark, if it is no longer where it was
    #[arg(long, value_name = "FILE")]
    pub(super) benchmark: Option<PathBuf>,
    /// The plugin, if the store no longer has it
    #[arg(long, short, value_name = "FILE")]
    pub(super) plugin: Option<String>,
    /// Workers [default: all cores]
    #[arg(long, short = 'j', value_name = "N")]
    pub(super) workers: Option<usize>,
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
    #[arg(long, short, value_name = "FILE")]
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
