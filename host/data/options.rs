//! Options of a load: sort, drop bad rows, adjust prices.
//!
//! Holds values only; never acts on them.

use serde::{Deserialize, Serialize};

/// How [`Dataset::load`](super::Dataset::load) treats what it reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadOptions {
    /// Sorts the bars of each instrument by time; otherwise a bar older than the one above is a problem.
    pub sort: bool,
    /// Drops bad rows and those that repeat a time (the first stays); otherwise they are problems.
    pub drop_bad: bool,
    /// Takes the column `Adj Close` as the close, and scales open, high and low by adjusted over unadjusted close.
    pub adjusted: bool,
}
