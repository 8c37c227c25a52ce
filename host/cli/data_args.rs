//! Arguments of data, as typed: the files, and how they are read.
//!
//! Never reads a file.

use std::path::PathBuf;

use clap::Args;

use crate::{
    backtest::Period,
    data::Timezone,
    model::{BarTime, Session, TimePoint},
};

/// The data of a run.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// Files, folders, patterns in quotes ('bars/*.csv') or `-` for a pipe; each file is an instrument, unless it
    /// continues another [default: the bundled MSFT]
    #[arg(long = "data", short = 'd', value_name = "FILE", num_args = 1..)]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) read: ReadArgs,
}

impl DataArgs {
    /// Every file that is read.
    pub(super) fn paths<'a>(&'a self) -> impl Iterator<Item = &'a PathBuf> + use<'a> {
        self.files.iter().chain(&self.read.instruments)
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
