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
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Annualization;

    const DAY: i64 = 86_400_000_000_000;

    /// A frame of stamps on `days`, those of a day an hour apart.
    fn frame(days: &[i64]) -> Frame {
        let mut times: Vec<i64> = Vec::new();
        for day in days {
            let first = day * DAY;
            times.push(times.last().map_or(first, |before| first.max(before + DAY / 24)));
        }
        Frame::new(&times, days, Ok(Annualization::given(252.0)), 0.0)
    }

    #[test]
    fn periods_end_with_bars_days_and_weeks() {
        // 1970-01-01 was a Thursday: Thursday, Friday twice, Monday, Sunday, Monday.
        let frame = frame(&[0, 1, 1, 4, 10, 11]);
        assert_eq!(frame.period_ends(ReturnsPeriod::Bar), [1, 2, 3, 4, 5, 6]);
        assert_eq!(frame.period_ends(ReturnsPeriod::Day), [1, 3, 4, 5, 6]);
        let weeks = frame.period_ends(ReturnsPeriod::Week);
        assert_eq!(weeks, [3, 5, 6]);
        assert_eq!(frame.period_times(&weeks), [DAY + DAY / 24, 10 * DAY, 11 * DAY]);
    }

    #[test]
    fn days_before_1970_belong_to_their_weeks() {
        // Sunday, Monday, Wednesday.
        assert_eq!(frame(&[-4, -3, -1]).period_ends(ReturnsPeriod::Week), [1, 3]);
    }

    #[test]
    fn bars_that_last_longer_are_periods_of_their_own() {
        let months: Vec<i64> = (0..12).map(|month| 30 * month).collect();
        for period in ReturnsPeriod::ALL {
            assert_eq!(frame(&months).period_ends(period), (1..=12).collect::<Vec<_>>(), "{period}");
            assert_eq!(period.as_str().parse(), Ok(period));
        }
        assert!("month".parse::<ReturnsPeriod>().unwrap_err().to_string().contains("`day`"));
    }

    #[test]
    fn returns_are_from_end_to_end_and_nothing_where_nothing_is_left() {
        let ledger = Ledger::of_equity(100.0, &[110.0, 99.0, 0.0, 5.0, 10.0]);
        let of = |ends: &[usize]| period_returns(&ledger, ends, &mut Scratch::default());
        assert_eq!(of(&[1, 2, 3, 4, 5]), [0.1, -0.1, -1.0, 0.0, 1.0]);
        assert_eq!(of(&[2, 5]), [-0.01, -89.0 / 99.0]);
    }

    #[test]
    fn nothing_has_no_period() {
        assert!(ReturnsPeriod::ALL.into_iter().all(|period| frame(&[]).period_ends(period).is_empty()));
    }
}
