//! Options of a load: what is read, in which zone times are, and what happens to bad rows.
//!
//! Holds values only; never acts on them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{description::FileDescription, instruments::InstrumentTerms, zones::Timezone};
use crate::model::{BarTime, Session, Timeframe};

/// How [`Dataset::load`](super::Dataset::load) treats what it reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadOptions {
    /// Sorts the bars of each instrument by time; otherwise a bar older than the one above is a problem.
    pub sort: bool,
    /// Drops bad rows and those that repeat a time (the first stays); otherwise they are problems. Prices below zero are
    /// never dropped, nor bars in an hour that the clocks repeat.
    pub drop_bad: bool,
    /// Takes the column `Adj Close` as the close, and scales open, high and low by adjusted over unadjusted close.
    pub adjusted: bool,
    /// Takes prices of zero and below, as of spreads and of oil in April 2020. Rows of zeros alone stay bad.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub negative_prices: bool,
    /// The zone in which times without an offset are written, and in which days are counted. Without it, the former are in
    /// UTC, and the latter in the zone that the file names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
    /// The hours of trading of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// What the time stamp of a bar says: when it begins, without this option.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar_time: Option<BarTime>,
    /// Makes bars of this length of those that are read, which stay as their finer bars ([`Series::detail`](crate::model::Series)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeframe: Option<Timeframe>,
    /// How the files are written, as far as it is said of all.
    #[serde(skip_serializing_if = "FileDescription::is_empty")]
    pub read: FileDescription,
    /// How single files are written, by their [names](super::ReadFile::name). A file that is not among them is read as the description
    /// [beside it](FileDescription::read_beside) says.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub files: IndexMap<String, FileDescription>,
    /// The instruments to read; all, if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
    /// What is special about single instruments, by symbol. A zone, a session or a bar time replaces the one above.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub instruments: IndexMap<String, InstrumentTerms>,
}

impl LoadOptions {
    /// The zone for `symbol`, if one is given.
    pub(super) fn timezone_of(&self, symbol: &str) -> Option<&Timezone> {
        let own = self.instruments.get(symbol).and_then(|terms| terms.timezone.as_ref());
        own.or(self.timezone.as_ref())
    }

    /// Whether bars of `symbol` are wanted.
    pub(super) fn wants(&self, symbol: &str) -> bool {
        self.symbols.is_empty() || self.symbols.iter().any(|wanted| wanted == symbol)
    }
}
