//! Where days, months and years end among the time stamps.

use jiff::{Timestamp, civil::Date, tz::Offset};

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

fn ends<K: PartialEq>(times: &[i64], key: impl Fn(i64) -> K) -> Vec<usize> {
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
