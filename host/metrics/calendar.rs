//! The calendar: where trading days, months and years end among the time stamps, and returns by them.

use jiff::{Timestamp, civil::Date, tz::Offset};

use super::{Frame, Metrics, Scratch, ratio, returns::Returns, sums};
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
        let periods = |ends: &[usize]| Spread::of(&grouped(ledger, ends), 0);
        let days = match days {
            Days::Each => {
                let returns = Returns::of(ledger, scratch);
                Some(Spread::of(returns.moved, returns.still))
            }
            Days::Ends(ends) => Some(periods(ends)),
            Days::None => None,
        };
        (self.worst_day, self.best_day, self.win_days) = days.map_or((None, None, None), Spread::split);
        (self.worst_month, self.best_month, self.win_months) = periods(months).split();
        (self.worst_year, self.best_year, self.win_years) = periods(years).split();
    }
}

/// The worst and the best of some returns, and the share of winners.
struct Spread {
    extremes: Option<(f64, f64)>,
    wins: Option<f64>,
}

impl Spread {
    /// Of `returns`, and zeros beside them.
    fn of(returns: &[f64], zeros: usize) -> Self {
        let indicator = |is: bool| if is { 1.0 } else { 0.0 };
        let [won, lost] = sums::sums(returns, |r| [indicator(r > 0.0), indicator(r < 0.0)]);
        let with_zeros = |(low, high): (f64, f64)| if zeros > 0 { (low.min(0.0), high.max(0.0)) } else { (low, high) };
        Self { extremes: sums::extremes(returns).map(with_zeros), wins: ratio(won, won + lost) }
    }

    fn split(self) -> (Option<f64>, Option<f64>, Option<f64>) {
        (self.extremes.map(|(worst, _)| worst), self.extremes.map(|(_, best)| best), self.wins)
    }
}

/// The return of each group of bars that ends at `ends`, without those that began with nothing.
fn grouped(ledger: &Ledger, ends: &[usize]) -> Vec<f64> {
    let mut before = ledger.initial_cash;
    let mut change = |&end: &usize| {
        let after = ledger.curve().at(end - 1);
        let change = (before > 0.0).then(|| after / before - 1.0);
        before = after;
        change
    };
    ends.iter().filter_map(&mut change).collect()
}

/// The end of each stretch of `days` with the same key, as one more than the index of its last.
pub(super) fn ends<K: PartialEq>(days: &[i64], key: impl Fn(i64) -> K) -> Vec<usize> {
    let mut end = 0;
    let groups = days.chunk_by(|a, b| key(*a) == key(*b));
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
