//! The arguments of what a command shows.
//!
//! Never shows anything.

use clap::{Args, ValueEnum};

/// The place in a help of the options that few need: behind those that every sweep has.
pub(super) const BEHIND: usize = 1000;

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

/// The output of a command that has rows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct RowsOutputArgs {
    /// The format of standard output
    #[arg(long, value_enum, default_value_t = RowsFormat::Table)]
    pub(super) format: RowsFormat,
    /// Writes only errors to standard error
    #[arg(long, short)]
    pub(super) quiet: bool,
}

impl RowsOutputArgs {
    /// The format of what a command shows by itself; rows are taken from its tables.
    pub(super) fn format(&self) -> OutputFormat {
        if self.format == RowsFormat::Json { OutputFormat::Json } else { OutputFormat::Table }
    }

    /// Whether standard output has rows alone.
    pub(super) fn is_rows(&self) -> bool {
        !matches!(self.format, RowsFormat::Table | RowsFormat::Json)
    }
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

/// Formats of output of a command that has rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RowsFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// Rows as CSV.
    Csv,
    /// Rows as JSON lines.
    Jsonl,
    /// Rows as Parquet.
    Parquet,
}
