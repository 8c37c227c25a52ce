//! The arguments of `optimize`.
//!
//! Never opens a file.

use clap::Args;

use super::{args::SweepArgs, store_args::StoreArgs};
use crate::optimize::Method;

/// The arguments of `optimize`.
#[derive(Debug, Args)]
pub(super) struct OptimizeArgs {
    /// How combinations are chosen: `evolution`, `nsga2`, `halving`, `sobol` or `random` [default: evolution, for several
    /// objectives nsga2]
    #[arg(long, value_name = "METHOD")]
    pub(super) method: Option<Method>,
    /// Runs of combinations; on a share of the bars each counts as one, too
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) trials: u64,
    /// Combinations that run together before the next ones are chosen [default: as the method needs]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = generation)]
    pub(super) generation: Option<usize>,
    #[command(flatten)]
    pub(super) sweep: SweepArgs,
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// Reads a number of combinations.
fn generation(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| format!("`{text}` is not a number of combinations; give 1 to 1000000"))
}
