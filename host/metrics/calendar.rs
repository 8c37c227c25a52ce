//! The calendar: where trading days, months and years end among the time stamps, and returns by them.

use jiff::{Timestamp, civil::Date, tz::Offset};

use super::{
    Frame, Metrics, Scratch,
    lanes::{Lanes, Work, above, below},
    ratio,
    returns::Returns,
};
use crate::broker::Ledger;

/// The ends of trading days, months and years, each as one more than the index of its last time stamp.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calendar {
    pub(super) days: Days,
    pub(super) months: Vec<usize>,
    pub(super) years: Vec<usize>,
}

/// How time stamps lie on days.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Days {
    /// Every time stamp is a day of its own.
    Each,
    /// The end of each day.
    Ends(Vec<usize>),
    /// Bars last longer than a day, so that no return is a day's.
    None,
}

impl Calendar {
    /// The calendar of time stamps that belong to `days`, counted from 1970-01-01 and never decreasing.
    pub(super) fn of(days: &[i64]) -> Self {
        Self {
            days: Days::of(days),
            months: ends(days, |day| (date(day).year(), date(day).month())),
            years: ends(days, |day| date(day).year()),
        }
    }
}

impl Days {
    fn of(days: &[i64]) -> Self {
        let ends = ends(days, |day| day);
        if ends.len() < days.len() {
            return Self::Ends(ends);
        }
        if last_longer(days) { Self::None } else { Self::Each }
    }
}

/// Whether bars last longer than a day: most days are more than two days apart, and next to none are closer. (Weeks and
/// months may end with a bar that is cut, and a stock that seldom trades does so on two days running once in a while.)
fn last_longer(days: &[i64]) -> bool {
    let mut gaps: Vec<i64> = days.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let close = gaps.partition_point(|gap| *gap <= 2);
    gaps.get(gaps.len().saturating_sub(1) / 2).is_some_and(|gap| *gap > 2) && close <= (gaps.len() / 10).max(1)
}

/// The date of a day that is counted from 1970-01-01.
pub(super) fn date(day: i64) -> Date {
    // Every day of an i64 of nanoseconds lies within jiff's range of years, so the default is never taken.
    let at = Timestamp::from_second(day.saturating_mul(86_400)).unwrap_or_default();
    Offset::UTC.to_datetime(at).date()
}

impl Metrics {
    /// The best and worst days, months and years, and how many of them won.
    pub(super) fn calendar(&mut self, ledger: &Ledger, frame: &Frame, scratch: &mut Scratch) {
        let Calendar { days, months, years } = &frame.calendar;
        let days = match days {
            Days::Each => {
                let (lanes, returns) = (scratch.lanes, Returns::of(ledger, scratch));
                Some(lanes.run(Listed(&returns)))
            }
            Days::Ends(ends) => Some(Spread::of(ledger, ends)),
            Days::None => None,
        };
        (self.worst_day, self.best_day, self.win_days) = days.map_or((None, None, None), Spread::split);
        (self.worst_month, self.best_month, self.win_months) = Spread::of(ledger, months).split();
        (self.worst_year, self.best_year, self.win_years) = Spread::of(ledger, years).split();
    }
}

/// The worst and the best of some returns, and how many won and lost.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    worst: f64,
    best: f64,
    won: usize,
    lost: usize,
}

impl Spread {
    /// Of no returns.
    const NONE: Self = Self { worst: f64::INFINITY, best: f64::NEG_INFINITY, won: 0, lost: 0 };

    /// Of the groups of bars that end at `ends`, without those that began with nothing.
    fn of(ledger: &Ledger, ends: &[usize]) -> Self {
        let mut spread = Self::NONE;
        let mut before = ledger.initial_cash;
        for after in ledger.curve().at_ends(ends) {
            if before > 0.0 {
                spread.see(after / before - 1.0);
            }
            before = after;
        }
        spread
    }

    #[inline(always)]
    fn see(&mut self, r: f64) {
        (self.worst, self.best) = (below(r, self.worst), above(r, self.best));
        self.won += usize::from(r > 0.0);
        self.lost += usize::from(r < 0.0);
    }

    /// The worst, the best, and the share of winners among what won or lost.
    fn split(self) -> (Option<f64>, Option<f64>, Option<f64>) {
        let any = (self.worst <= self.best).then_some((self.worst, self.best));
        let wins = ratio(self.won as f64, (self.won + self.lost) as f64);
        (any.map(|(worst, _)| worst), any.map(|(_, best)| best), wins)
    }
}

/// The spread of listed returns, and of the zeros beside them.
struct Listed<'a>(&'a Returns<'a>);

impl Work for Listed<'_> {
    type Found = Spread;

    #[inline(always)]
    fn on<L: Lanes>(self) -> Spread {
        let Returns { moved, still } = *self.0;
        let mut spread = Spread::NONE;
        let (mut worst, mut best) = (L::each(spread.worst), L::each(spread.best));
        let [gain, most] = [0f64.next_up(), f64::INFINITY].map(L::each);
        let [least, loss] = [f64::NEG_INFINITY, 0f64.next_down()].map(L::each);
        let (sets, rest) = moved.as_chunks();
        for set in sets {
            let r = L::load(set);
            (worst, best) = (r.below(worst), r.above(best));
            spread.won += r.between(gain, most).count_ones() as usize;
            spread.lost += r.between(least, loss).count_ones() as usize;
        }
        spread.worst = worst.store().into_iter().fold(spread.worst, below);
        spread.best = best.store().into_iter().fold(spread.best, above);
        rest.iter().for_each(|&r| spread.see(r));
        if still > 0 {
            spread.see(0.0);
        }
        spread
    }
}

/// The end of each stretch of `days` with the same key, as one more than the index of its last.
pub(super) fn ends<K: PartialEq>(days: &[i64], key: impl Fn(i64) -> K) -> Vec<usize> {
    let mut end = 0;
    // Most neighbours are of one day, which has one key.
    let groups = days.chunk_by(|a, b| a == b || key(*a) == key(*b));
    groups
        .map(|group| {
            end += group.len();
            end
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_months_and_years_end_where_the_days_say() {
        let calendar = Calendar::of(&[-1, -1, 0, 31 + 27]);
        let expected = Calendar { days: Days::Ends(vec![2, 3, 4]), months: vec![2, 3, 4], years: vec![2, 4] };
        assert_eq!(calendar, expected);
        assert_eq!(date(-1).to_string(), "1969-12-31");
    }

    #[test]
    fn no_return_is_a_day_s_where_bars_last_longer() {
        let check = |days: &[i64], expected| assert_eq!(Days::of(days), expected, "{days:?}");
        check(&[], Days::Each);
        check(&[5], Days::Each);
        check(&[0, 1, 4, 5, 6, 7], Days::Each);
        check(&[0, 2, 4, 7, 9, 11], Days::Each);
        check(&[0, 7, 14, 21], Days::None);
        check(&[0, 7, 14, 21, 22], Days::None);
        check(&[0, 31], Days::None);
        check(&[0, 3, 6, 7, 12, 14, 18, 19, 24, 27, 29, 33], Days::Each);
    }
}
