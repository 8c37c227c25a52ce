//! Returns of equity by periods of one length: what statistics over the runs of a sweep start from.
//!
//! Never decides what becomes of them.

use std::{fmt, mem, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    Frame, Scratch,
    calendar::{Days, ends},
    sums,
};
use crate::broker::Ledger;

/// How long the periods are whose returns are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReturnsPeriod {
    /// Each time stamp at which equity is marked.
    Bar,
    /// The trading days of the data; each bar where bars last longer.
    #[default]
    Day,
    /// Weeks from Monday to Sunday; each bar where bars last longer.
    Week,
}

impl ReturnsPeriod {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bar, Self::Day, Self::Week];

    /// Its name: `bar`, `day` or `week`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bar => "bar",
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

impl fmt::Display for ReturnsPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is not a period of returns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a period of returns; give `bar`, `day` or `week`")]
pub struct UnknownPeriod(String);

impl FromStr for ReturnsPeriod {
    type Err = UnknownPeriod;

    fn from_str(text: &str) -> Result<Self, UnknownPeriod> {
        Self::ALL.into_iter().find(|period| period.as_str() == text).ok_or_else(|| UnknownPeriod(text.to_owned()))
    }
}

impl Frame {
    /// Where periods end among the time stamps: for each one more than the index of its last stamp, in order.
    pub fn period_ends(&self, period: ReturnsPeriod) -> Vec<usize> {
        let each = || (1..=self.times.len()).collect();
        match (period, &self.calendar.days) {
            (ReturnsPeriod::Bar, _) | (ReturnsPeriod::Day, Days::Each | Days::None) => each(),
            (ReturnsPeriod::Day, Days::Ends(ends)) => ends.clone(),
            // Day 0 was a Thursday.
            (ReturnsPeriod::Week, _) => ends(&self.days, |day| (day + 3).div_euclid(7)),
        }
    }

    /// The last time stamp of each period that ends at `ends` ([`period_ends`](Self::period_ends)), in nanoseconds since the Unix
    /// epoch.
    pub fn period_times(&self, ends: &[usize]) -> Vec<i64> {
        ends.iter().filter_map(|end| self.times.get(end.checked_sub(1)?).copied()).collect()
    }
}

/// The simple return of each period that ends at `ends` ([`Frame::period_ends`]), as a fraction: from the equity at the end of the
/// one before, at first the initial cash, to that at its own end. 0 where nothing was left before.
pub fn period_returns(ledger: &Ledger, ends: &[usize], scratch: &mut Scratch) -> Vec<f32> {
    let equity = &mut scratch.equity;
    ledger.curve().write_to(equity);
    let mut before = ledger.initial_cash;
    let mut change = |end: &usize| {
        let after = equity.get(end - 1).copied().unwrap_or(before);
        sums::change(mem::replace(&mut before, after), after) as f32
    };
    ends.iter().map(&mut change).collect()
}
