//! The clock of a report: times as text in the zone of the data, in one form.
//!
//! Never changes a time.

use crate::{
    backtest::Market,
    model::{Schedule, Series, format_date_time, format_time},
    results::Cell,
};

/// The text of times: dates where the data has dates, else dates with the time of day, in the zone of the data.
pub(super) struct Clock<'a> {
    schedule: &'a Schedule,
    form: Form,
}

/// The form that all times of one clock have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Date,
    Utc,
    Zoned,
}

impl<'a> Clock<'a> {
    /// The clock of the bars of one instrument.
    pub(super) fn of(series: &'a Series) -> Self {
        Self::new(&series.schedule, &series.time)
    }

    /// The clock of the time stamps of a market: that of its first instrument whose bars are no dates.
    pub(super) fn of_market(market: &'a Market) -> Option<Self> {
        let series = market.dataset().series();
        let series = series.iter().find(|one| !one.schedule.dates).or(series.first())?;
        Some(Self::new(&series.schedule, market.timeline().times()))
    }

    fn new(schedule: &'a Schedule, times: &[i64]) -> Self {
        let form = match times.iter().all(|time| !format_time(*time).contains('T')) {
            true if schedule.dates || schedule.offsets.is_empty() => Form::Date,
            _ if schedule.offsets.is_empty() => Form::Utc,
            _ => Form::Zoned,
        };
        Self { schedule, form }
    }

    /// The text of a time.
    pub(super) fn text(&self, time: i64) -> String {
        match self.form {
            Form::Date => format_time(time),
            Form::Utc => format_date_time(time),
            // Where bars of several lengths lie at their ends, these are moments, also of bars that are dates.
            Form::Zoned if self.schedule.dates => Schedule { dates: false, ..self.schedule.clone() }.format(time),
            Form::Zoned => self.schedule.format(time),
        }
    }

    /// The cell of a time.
    pub(super) fn cell(&self, time: i64) -> Cell<'static> {
        Cell::Time(time, self.text(time).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn check(schedule: Schedule, times: &[i64], expected: &[&str]) {
        let series = Series { schedule, time: times.to_vec(), ..Series::default() };
        let clock = Clock::of(&series);
        assert_eq!(times.iter().map(|time| clock.text(*time)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn all_times_of_a_clock_have_one_form() {
        let dates = Schedule { dates: true, ..Schedule::default() };
        let tokyo = Schedule { offsets: vec![(0, 9 * 3600)], ..Schedule::default() };
        let days = [0, 24 * HOUR];
        check(dates.clone(), &days, &["1970-01-01", "1970-01-02"]);
        check(Schedule { dates: true, ..tokyo.clone() }, &days, &["1970-01-01", "1970-01-02"]);
        check(Schedule::default(), &days, &["1970-01-01", "1970-01-02"]);
        check(Schedule::default(), &[0, HOUR], &["1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"]);
        check(tokyo.clone(), &[0, HOUR], &["1970-01-01T09:00:00+09:00", "1970-01-01T10:00:00+09:00"]);
        check(Schedule { dates: true, ..tokyo }, &[15 * HOUR], &["1970-01-02T00:00:00+09:00"]);
    }
}
