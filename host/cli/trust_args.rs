//! The arguments of returns and of luck: `sweep --returns`, `trust`, `walk-forward`, `monte-carlo`.
//!
//! Never opens a file.

use std::path::PathBuf;

use clap::Args;

use super::{
    output_args::{BEHIND, OutputArgs},
    store_args::AnswersArgs,
};
use crate::{evidence::DRAWS, metrics::ReturnsPeriod, trust::DeviceChoice};

/// The file of returns.
#[derive(Debug, Args)]
pub(super) struct ReturnsArgs {
    /// Writes the returns of each combination, for `host trust`
    #[arg(display_order = BEHIND, long, value_name = "FILE", conflicts_with_all = ["shard", "dry_run"])]
    pub(super) returns: Option<PathBuf>,
    /// The periods of the returns: `bar`, `day` or `week`
    #[arg(display_order = BEHIND, long, value_name = "PERIOD", default_value_t, requires = "returns", hide_short_help = true)]
    pub(super) returns_period: ReturnsPeriod,
}

/// The arguments of `trust`.
#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    /// The file that `host sweep --returns` wrote
    pub(super) returns: PathBuf,
    /// Combinations that were ever tried on these bars [default: what the store has counted]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) trials: Option<u64>,
    /// The rate that must be beaten, a year: 0.02 is 2 % [default: that of the sweep]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, value_parser = finite)]
    pub(super) risk_free: Option<f64>,
    /// Bootstrap draws
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = draws)]
    pub(super) draws: usize,
    /// The mean length of the bootstrap's blocks, in periods [default: what the returns say]
    #[arg(long, value_name = "PERIODS")]
    pub(super) block: Option<f64>,
    /// What the draws begin with: the same seed draws the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// The level of the tests
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub(super) alpha: f64,
    /// Blocks of time for the probability of overfitting: an even number up to 20
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(super) blocks: usize,
    /// Periods that are left out at each boundary between them [default: as long as positions are held]
    #[arg(long, value_name = "PERIODS")]
    pub(super) purge: Option<usize>,
    /// Sums the draws on a GPU by `cuda`, or on the `cpu`; `auto` takes a GPU for large sweeps. The numbers are the same
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(super) device: DeviceChoice,
    /// The store that has counted them, and has what checks find [default: $HOST_STORE, or ~/.local/state/host/results]
    #[arg(long, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,
    /// Does without it: counts the combinations of this sweep only
    #[arg(long, conflicts_with = "store")]
    pub(super) no_store: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// The arguments of `walk-forward`.
#[derive(Debug, Args)]
pub(super) struct WalkForwardArgs {
    /// The file that `host sweep --returns` wrote
    pub(super) returns: PathBuf,
    /// Periods by which a combination is chosen [default: four times those of `--test`]
    #[arg(long, value_name = "PERIODS")]
    pub(super) train: Option<usize>,
    /// Periods through which it is followed, at least 2 [default: a tenth of all]
    #[arg(long, value_name = "PERIODS", value_parser = at_least_two)]
    pub(super) test: Option<usize>,
    /// The rate that Sharpe ratios are over, a year: 0.02 is 2 % [default: that of the sweep]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, value_parser = finite)]
    pub(super) risk_free: Option<f64>,
    /// Chooses by all periods before, of which `--train` is the least number
    #[arg(long)]
    pub(super) anchored: bool,
    /// Periods that are left out between the two [default: as long as positions are held]
    #[arg(long, value_name = "PERIODS")]
    pub(super) purge: Option<usize>,
    #[command(flatten)]
    pub(super) fresh: FreshArgs,
    #[command(flatten)]
    pub(super) answers: AnswersArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// The arguments of folds that run anew.
#[derive(Debug, Args)]
pub(super) struct FreshArgs {
    /// Runs each winner through its test part anew, from cash on, and shows both
    #[arg(long)]
    pub(super) fresh: bool,
    /// With `--fresh`: the strategy of the sweep, if it is not here under its name
    #[arg(long, short, value_name = "FILE|NAME", requires = "fresh")]
    pub(super) plugin: Option<String>,
    /// With `--fresh`: the files of its data, if they are not here under their names
    #[arg(long, short, value_name = "FILE", num_args = 1.., requires = "fresh")]
    pub(super) data: Vec<PathBuf>,
    /// With `--fresh`: the files of its finer bars, if they are not here under their names
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "fresh")]
    pub(super) detail: Vec<PathBuf>,
    /// With `--fresh`: workers [default: all cores]
    #[arg(long, short = 'j', value_name = "N", requires = "fresh")]
    pub(super) workers: Option<usize>,
}

/// What is drawn again for one combination.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Luck and noise")]
pub(super) struct LuckArgs {
    /// How often the trades are shuffled, and how often they are resampled
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = draws)]
    pub(super) draws: usize,
    /// Copies of the bars with noise; 0 leaves them out
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = copies, allow_negative_numbers = true)]
    pub(super) runs: u64,
    /// The strength of the noise, as a share of the average true range: from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = strength, allow_negative_numbers = true)]
    pub(super) noise: f64,
    /// What the draws begin with: the same seed draws the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

/// Reads a number of periods that has a Sharpe ratio.
fn at_least_two(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number >= 2);
    number.ok_or_else(|| format!("`{text}` is not a number of periods; give at least 2"))
}

/// Reads a finite number.
fn finite(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("`{text}` is not a finite number"))
}

/// Reads a number of copies of the bars.
fn copies(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number <= 1_000_000);
    number.ok_or_else(|| format!("`{text}` is not a number of copies; give 0 to 1000000"))
}

/// Reads the strength of noise.
fn strength(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| {
        format!("`{text}` is not a strength of noise; give a share of the average true range from 0 to 1")
    })
}

/// Reads a number of draws.
fn draws(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| DRAWS.contains(number));
    number.ok_or_else(|| format!("`{text}` is not a number of draws; give 100 to 1000000"))
}
