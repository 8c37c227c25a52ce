//! The arguments of what a command shows.
//!
//! Never shows anything.

use clap::{Args, ValueEnum};

/// The output of a command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// The format of the results on standard output
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(super) format: OutputFormat,
    /// Writes only errors to standard error
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// Whether a command that shows no results says what it has done.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct QuietArgs {
    /// Writes only errors to standard error
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// Formats of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}
