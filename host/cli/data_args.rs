//! Arguments of data, as typed: the files, and how they are read.
//!
//! Never reads a file.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PathBufValueParser, TypedValueParser},
};

use crate::{
    backtest::Period,
    bundled,
    data::Timezone,
    model::{BarTime, Session, TimePoint, Timeframe},
};

/// The data of a run.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// Files, folders, patterns in quotes ('bars/*.csv') or `-` for a pipe; each file is an instrument, unless it
    /// continues another [default: the bundled MSFT]
    #[arg(long = "data", short = 'd', value_name = "FILE", num_args = 1.., value_parser = data_path())]
    pub(super) files: Vec<PathBuf>,
    /// Finer bars, such as minutes, by which orders trade within a bar
    #[arg(long, value_name = "FILE", num_args = 1.., hide_short_help = true)]
    pub(super) detail: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) read: ReadArgs,
}

/// Reads the path of a data file. `--data` takes several, so that what stands behind it and is none says where it belongs.
fn data_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.to_str() {
        Some(text) if !path.exists() && bundled::is_bundled(text) => {
            Err(format!("`{text}` is a bundled strategy, not a file of bars; write `--plugin {text}`"))
        }
        Some(text) if text.ends_with(".wasm") => {
            Err(format!("`{text}` is a plugin, not a file of bars; write `--plugin {text}`"))
        }
        Some(text) if !path.exists() && is_parameter(text) => {
            Err(format!("`{text}` is not a file of bars; if it is a parameter, write `--param {text}`"))
        }
        _ => Ok(path),
    })
}

/// Whether `text` is written like `fast=10`, and not as a pattern or the path of a file.
fn is_parameter(text: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    text.split_once('=').is_some_and(|(name, value)| is_name(name) && !value.contains(['/', '*', '?', '[']))
}

impl DataArgs {
    /// Every file that is read.
    pub(super) fn paths<'a>(&'a self) -> impl Iterator<Item = &'a PathBuf> + use<'a> {
        self.files.iter().chain(&self.detail).chain(&self.read.instruments)
    }

    /// The files of bars.
    pub(super) fn bars(&self) -> DataFiles<'_> {
        DataFiles { files: &self.files, detail: &self.detail }
    }
}

/// The files of bars of a run: none for the bundled ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataFiles<'a> {
    pub(super) files: &'a [PathBuf],
    /// Those of the finer bars.
    pub(super) detail: &'a [PathBuf],
}

impl<'a> From<&'a [PathBuf]> for DataFiles<'a> {
    fn from(files: &'a [PathBuf]) -> Self {
        Self { files, detail: &[] }
    }
}

/// How data is read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct ReadArgs {
    /// The instruments to read, separated by commas [default: all]
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    pub(super) symbols: Vec<String>,
    /// The zone of days, and of times without an offset: `America/New_York`, `-05:00` [default: the file's, or UTC]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub(super) timezone: Option<Timezone>,
    /// The hours of trading of a day, like `09:30-16:00`; of `17:00-16:00`, the evening belongs to the next day
    #[arg(long, value_name = "OPEN-CLOSE", hide_short_help = true)]
    pub(super) session: Option<Session>,
    /// Whether the time of a bar is that of its `open` or its `close` [default: open]
    #[arg(long, value_name = "WHEN", hide_short_help = true)]
    pub(super) bar_time: Option<BarTime>,
    /// Makes longer bars: `1h`, `1d`, `1w`, `1mo`; orders trade by those of the data
    #[arg(long, value_name = "LENGTH", hide_short_help = true)]
    pub(super) timeframe: Option<Timeframe>,
    /// TOML with the terms of instruments: a section `[SYMBOL]` with `lot`, `tick`, `multiplier`, `commission_...`,
    /// `timezone`, `session`, `bar_time`
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) instruments: Option<PathBuf>,
    /// How files are written: `close=Settle`, `date-format=%d.%m.%Y`, `decimal=,`, `skip=1`, `header=0`, `encoding=gbk`
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) read: Vec<String>,
    /// Sorts bars by time instead of refusing unsorted ones
    #[arg(long, hide_short_help = true)]
    pub(super) sort: bool,
    /// Skips bad bars instead of refusing the file; prices below zero are never skipped
    #[arg(long, hide_short_help = true)]
    pub(super) drop_bad: bool,
    /// Takes prices of zero and below, as spreads and oil in April 2020 have them
    #[arg(long, hide_short_help = true)]
    pub(super) negative_prices: bool,
    /// Takes the column `Adj Close`, and scales open, high and low with it
    #[arg(long, hide_short_help = true)]
    pub(super) adjusted: bool,
}

/// The part of the data that is traded.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct PeriodArgs {
    /// Trades and measures from this day on: 2015-01-01, or a time like 2015-01-01T09:30. The strategy sees earlier bars, too
    #[arg(long, value_name = "DATE")]
    pub(super) from: Option<TimePoint>,
    /// Ends the data with this day, or with the last bar that has ended at this time
    #[arg(long, value_name = "DATE")]
    pub(super) to: Option<TimePoint>,
}

/// What runs are measured against.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct BenchmarkArgs {
    /// Measures against `hold`, `symbol:NAME` of an instrument, or a file of bars
    #[arg(long, value_name = "WHAT")]
    pub(super) benchmark: Option<String>,
}

impl PeriodArgs {
    /// The period as typed, completed by `base`.
    pub(super) fn over(self, base: Period) -> Period {
        Period { from: self.from.or(base.from), to: self.to.or(base.to) }
    }
}
