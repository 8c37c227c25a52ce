//! The calendar: where days, months and years end among the time stamps, and returns by them.

use jiff::{Timestamp, civil::Date, tz::Offset};

use super::{Frame, Metrics, Scratch, ratio, returns::Returns, sums};
use crate::broker::Ledger;

const DAY: i64 = 86_400_000_000_000;

/// The ends of days, months and years in UTC, each as one more than the index of its last time stamp.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calendar {
    /// `None` where every time stamp is a day of its own.
    pub(super) days: Option<Vec<usize>>,
    pub(super) months: Vec<usize>,
    pub(super) years: Vec<usize>,
}

impl Calendar {
    pub(super) fn of(times: &[i64]) -> Self {
        let days = ends(times, |time| time.div_euclid(DAY));
        Self {
            days: (days.len() < times.len()).then_some(days),
            months: ends(times, |time| (date(time).year(), date(time).month())),
            years: ends(times, |time| date(time).year()),
        }
    }
}

/// The day in UTC of a time in nanoseconds since the Unix epoch.
pub(super) fn date(time: i64) -> Date {
    // Every i64 of nanoseconds lies within jiff's range of years, so the default is never taken.
    let at = Timestamp::from_nanosecond(i128::from(time)).unwrap_or_default();
    Offset::UTC.to_datetime(at).date()
}

impl Metrics {
    /// The best and worst days, months and years, and how many of them won.
    pub(super) fn calendar(&mut self, ledger: &Ledger, frame: &Frame, scratch: &mut Scratch) {
        let Calendar { days, months, years } = &frame.calendar;
        let periods = |ends: &[usize]| Spread::of(&grouped(ledger, ends), 0);
        let days = days.as_ref().map_or_else(
            || {
                let returns = Returns::of(ledger, scratch);
                Spread::of(returns.moved, returns.still)
            },
            |ends| periods(ends),
        );
        (self.worst_day, self.best_day, self.win_days) = days.split();
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

/// The end of each stretch of `times` with the same key, as one more than the index of its last.
pub(super) fn ends<K: PartialEq>(times: &[i64], key: impl Fn(i64) -> K) -> Vec<usize> {
    let mut end = 0;
    let groups = times.chunk_by(|a, b| key(*a) == key(*b));
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
    fn days_months_and_years_end_in_utc() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_nanosecond() as i64;
        let texts = ["1969-12-31T23:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "1970-02-28T00:00:00Z"];
        let calendar = Calendar::of(&texts.map(at));
        assert_eq!(calendar, Calendar { days: Some(vec![2, 3, 4]), months: vec![2, 3, 4], years: vec![2, 4] });
        assert_eq!(Calendar::of(&[at(texts[0]), at(texts[2])]).days, None);
    }
}
