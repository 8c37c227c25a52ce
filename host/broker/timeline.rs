//! The timeline: the time stamps of a data set, and where each instrument's bars lie on them.
//!
//! Never looks at a price, but for its sign.

use crate::model::{BarTime, Series, are_in_step};

/// The time stamps of a data set, in order, where each instrument's bars lie on them, and to which day each belongs.
///
/// Where the bars of all instruments are [in step](crate::model::are_in_step), the time stamps are those of the bars, and bars
/// with one time stamp are one moment. Else (hours beside days, hours that begin at half past beside others, time stamps of
/// beginnings beside those of ends) a bar lies at the moment at which it *has ended*, so that nobody hears of a close that is still to come; and an order can only
/// trade in a bar that begins after it was sent.
///
/// Made once for each data set and shared by all tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    times: Vec<i64>,
    days: Vec<i64>,
    /// For each instrument the stamp of each bar; empty where bar `i` is at stamp `i`.
    stamps: Vec<Vec<u32>>,
    /// For each instrument the number of stamps that have passed when each bar begins; empty where it is the stamp of the bar.
    opened: Vec<Vec<u32>>,
    /// For each instrument whether it has a price of zero or less.
    signed: Vec<bool>,
    /// For each instrument whether every open and close lies within low and high.
    contained: Vec<bool>,
}

impl Timeline {
    /// Merges the times of all instruments.
    ///
    /// # Panics
    ///
    /// Panics if the data has 2^32 or more distinct time stamps; targets count bars in 32 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::{broker::Timeline, model::Series};
    ///
    /// let series = |time: &[i64]| Series { time: time.to_vec(), ..Series::default() };
    /// let timeline = Timeline::of(&[series(&[10, 20]), series(&[20, 30])]);
    /// assert_eq!(timeline.times(), [10, 20, 30]);
    /// assert_eq!(timeline.stamp(1, 0), 1);
    /// ```
    pub fn of(series: &[Series]) -> Self {
        let spans = if are_in_step(series) { None } else { Some(series.iter().map(spans_of).collect::<Vec<_>>()) };
        let bars = |at: usize| spans.as_ref().map_or(&series[at].time, |spans| &spans[at].1);
        // With its room known before.
        let mut times: Vec<i64> = (0..series.len()).map(|at| bars(at).as_slice()).collect::<Vec<_>>().concat();
        if series.len() > 1 {
            times.sort_unstable();
            times.dedup();
        }
        assert!(u32::try_from(times.len()).is_ok(), "a data set has fewer than 2^32 time stamps");
        let stamps = (0..series.len()).map(|at| stamps_of(bars(at), &times)).collect();
        let opened = spans.iter().flatten().map(|(opens, _)| opened_of(opens, &times)).collect();
        let days = days_of(series, &times, spans.is_some());
        let signed = series.iter().map(|one| one.low.iter().any(|low| *low <= 0.0)).collect();
        let contained = series.iter().map(is_contained).collect();
        Self { times, days, stamps, opened, signed, contained }
    }

    /// The time stamps, in nanoseconds since the Unix epoch, strictly increasing.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// The day to which each time stamp belongs, counted from 1970-01-01; never decreasing. Several instruments count the days
    /// of the first whose bars are shorter than a day.
    pub fn days(&self) -> &[i64] {
        &self.days
    }

    /// Whether a bar lies at its end, since the instruments' bars differ.
    pub fn is_by_ends(&self) -> bool {
        !self.opened.is_empty()
    }

    /// Whether an instrument has a price of zero or less, so that orders may name such prices, too.
    ///
    /// # Panics
    ///
    /// Panics if the instrument is not in the data set.
    #[inline]
    pub fn is_signed(&self, instrument: usize) -> bool {
        self.signed[instrument]
    }

    /// Whether no open and no close of an instrument lies beyond its bar's low or high.
    ///
    /// # Panics
    ///
    /// Panics if the instrument is not in the data set.
    #[inline]
    pub fn is_contained(&self, instrument: usize) -> bool {
        self.contained[instrument]
    }

    /// The number of time stamps.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether the data set has no time stamps.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The index of the time stamp of `bar` of `instrument`, both counted from 0.
    ///
    /// # Panics
    ///
    /// Panics if the instrument or the bar is not in the data set.
    #[inline]
    pub fn stamp(&self, instrument: usize, bar: usize) -> usize {
        let stamps = &self.stamps[instrument];
        if stamps.is_empty() { bar } else { stamps[bar] as usize }
    }

    /// The bars of `instrument` before time stamp `stamp`, of which there are at least `known`.
    pub(super) fn passed(&self, instrument: usize, known: usize, stamp: usize) -> usize {
        let stamps = &self.stamps[instrument];
        if stamps.is_empty() {
            return stamp.max(known);
        }
        // Most are near: the search looks twice as far ahead each time.
        let ahead = &stamps[known..];
        let mut reach = 1;
        while ahead.get(reach - 1).is_some_and(|last| (*last as usize) < stamp) {
            reach *= 2;
        }
        let start = reach / 2;
        let near = &ahead[start..ahead.len().min(reach)];
        known + start + near.partition_point(|bar| (*bar as usize) < stamp)
    }

    /// The bars of `instrument` that are known at `moment`: those whose time stamps lie at or before it.
    ///
    /// # Panics
    ///
    /// Panics if the instrument is not in the data set.
    pub fn known(&self, instrument: usize, moment: i64) -> usize {
        let passed = self.times.partition_point(|time| *time <= moment);
        let stamps = &self.stamps[instrument];
        if stamps.is_empty() { passed } else { stamps.partition_point(|stamp| (*stamp as usize) < passed) }
    }

    /// The number of time stamps that have passed when `bar` of `instrument` begins: what is sent at any of them can trade in
    /// the bar.
    ///
    /// # Panics
    ///
    /// Panics if the instrument or the bar is not in the data set.
    #[inline]
    pub fn opened(&self, instrument: usize, bar: usize) -> usize {
        match self.opened.get(instrument) {
            Some(opened) => opened[bar] as usize,
            None => self.stamp(instrument, bar),
        }
    }
}

/// Whether every open and close lies within low and high.
fn is_contained(series: &Series) -> bool {
    let Series { open, high, low, close, .. } = series;
    let bars = low.iter().zip(high).zip(open.iter().zip(close));
    // Without a branch.
    bars.fold(true, |all, ((low, high), (open, close))| {
        all & (low <= open) & (open <= high) & (low <= close) & (close <= high)
    })
}

/// When each bar begins, and when it has ended. Where nobody knows how long bars last, one has ended when the next begins.
fn spans_of(series: &Series) -> (Vec<i64>, Vec<i64>) {
    let schedule = &series.schedule;
    let mut opens: Vec<i64> = series.time.iter().map(|time| schedule.opens(*time)).collect();
    let mut ends: Vec<i64> = series.time.iter().map(|time| schedule.ends(*time)).collect();
    let is_unknown = schedule.interval.is_none() && !schedule.dates && schedule.bar_time == BarTime::Open;
    // Some bars are shorter than the others: the last one before a close, or a month that begins with a holiday.
    for at in 1..series.len() {
        match schedule.bar_time {
            BarTime::Open if is_unknown => ends[at - 1] = opens[at],
            BarTime::Open => ends[at - 1] = ends[at - 1].min(opens[at]),
            BarTime::Close => opens[at] = opens[at].max(ends[at - 1]),
        }
    }
    // No bar ends before the one before it, nor with it.
    for at in 1..ends.len() {
        ends[at] = ends[at].max(ends[at - 1] + 1);
    }
    (opens, ends)
}

/// For each bar the number of `times` that have passed when it begins.
fn opened_of(opens: &[i64], times: &[i64]) -> Vec<u32> {
    opens.iter().map(|open| times.partition_point(|time| time <= open) as u32).collect()
}

/// The day of each of `times`, which are time stamps of bars, or moments at which they end.
fn days_of(series: &[Series], times: &[i64], by_ends: bool) -> Vec<i64> {
    let clock = series.iter().find(|one| !one.schedule.dates).or(series.first());
    let Some(schedule) = clock.map(|one| &one.schedule) else { return Vec::new() };
    let mut last = i64::MIN;
    let mut day = |time: &i64| {
        let day = if by_ends { schedule.day_at(*time - 1) } else { schedule.day(*time) };
        last = last.max(day);
        last
    };
    times.iter().map(&mut day).collect()
}

/// Returns the index in `times` of each of `bars`, or nothing where `bars` are all of `times`.
fn stamps_of(bars: &[i64], times: &[i64]) -> Vec<u32> {
    if bars.len() == times.len() {
        return Vec::new();
    }
    let mut wanted = bars.iter().peekable();
    let is_next = |&(_, time): &(u32, &i64)| wanted.next_if_eq(&time).is_some();
    (0u32..).zip(times).filter(is_next).map(|(stamp, _)| stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Schedule;

    #[test]
    fn bars_lie_on_the_merged_stamps() {
        let series = |time: &[i64]| Series { time: time.to_vec(), ..Series::default() };
        let timeline = Timeline::of(&[series(&[20, 40]), series(&[]), series(&[10, 20, 30, 40]), series(&[5])]);
        assert_eq!(timeline.times(), [5, 10, 20, 30, 40]);
        assert_eq!([timeline.stamp(0, 0), timeline.stamp(0, 1)], [2, 4]);
        assert_eq!((0..4).map(|bar| timeline.stamp(2, bar)).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(timeline.stamp(3, 0), 0);
        assert!(Timeline::of(&[]).is_empty());
    }

    const HOUR: i64 = 3_600_000_000_000;
    const DAY: i64 = 24 * HOUR;

    fn bars(times: impl IntoIterator<Item = i64>) -> Series {
        let mut series = Series { time: times.into_iter().collect(), ..Series::default() };
        series.schedule.complete(&mut series.time);
        series
    }

    #[test]
    fn a_day_beside_hours_is_known_when_it_has_ended() {
        let (days, hours) = (bars((0..3).map(|day| day * DAY)), bars((0..72).map(|hour| hour * HOUR)));
        let timeline = Timeline::of(&[days, hours]);
        assert!(timeline.is_by_ends());
        assert_eq!(timeline.len(), 72, "a day ends with its last hour");
        assert_eq!([timeline.stamp(0, 0), timeline.stamp(1, 23), timeline.stamp(1, 24)], [23, 23, 24]);
        assert_eq!(timeline.times()[23], DAY);
        assert_eq!([timeline.opened(0, 0), timeline.opened(0, 1)], [0, 24], "a day can be traded after the one before");
        assert_eq!([timeline.opened(1, 0), timeline.opened(1, 24)], [0, 24]);
        assert_eq!([timeline.days()[0], timeline.days()[23], timeline.days()[24]], [0, 0, 1]);
    }

    #[test]
    fn bars_that_last_alike_keep_their_time_stamps() {
        let timeline = Timeline::of(&[bars([0, DAY, 2 * DAY]), bars([0, 2 * DAY, 3 * DAY]), bars([DAY])]);
        assert!(!timeline.is_by_ends());
        assert_eq!(timeline.times(), [0, DAY, 2 * DAY, 3 * DAY]);
        assert_eq!([timeline.opened(1, 1), timeline.opened(2, 0)], [2, 1]);
        assert_eq!(timeline.days(), [0, 1, 2, 3]);
    }

    #[test]
    fn hours_that_do_not_begin_together_are_known_when_they_have_ended() {
        let (full, half) = (bars((0..24).map(|hour| hour * HOUR)), bars((0..24).map(|hour| hour * HOUR + HOUR / 2)));
        let timeline = Timeline::of(&[full, half]);
        assert!(timeline.is_by_ends());
        // The first hour ends at one, when the half-past bar that began before is on its way.
        assert_eq!(timeline.times()[..3], [HOUR, HOUR + HOUR / 2, 2 * HOUR]);
        assert_eq!(
            [timeline.stamp(0, 0), timeline.stamp(1, 0), timeline.opened(1, 0), timeline.opened(1, 1)],
            [0, 1, 0, 2]
        );
        // Bars that some have and others do not are in step, and so are short bars that all have.
        let day = |hours: &[i64]| bars(hours.iter().map(|hour| hour * HOUR / 2));
        assert!(!Timeline::of(&[day(&[0, 2, 4, 6, 7, 9, 11]), day(&[0, 2, 6, 7, 9, 11])]).is_by_ends());
    }

    #[test]
    fn a_short_bar_ends_when_the_next_begins() {
        let halves = [10, 11, 12, 13].map(|hour| hour * HOUR + HOUR / 2);
        let closes = Series {
            time: halves.into_iter().chain([14 * HOUR]).collect(),
            schedule: Schedule { interval: Some(HOUR), bar_time: BarTime::Close, ..Schedule::default() },
            ..Series::default()
        };
        let days = bars((0..2).map(|day| day * DAY));
        let timeline = Timeline::of(&[closes, days]);
        // The last bar begins when the one before has ended, half an hour before its own end.
        assert_eq!(timeline.opened(0, 4), timeline.stamp(0, 3) + 1);
    }

    #[test]
    fn bars_whose_length_nobody_knows_end_when_the_next_begins() {
        let odd = bars([0, HOUR, 3 * HOUR, 7 * HOUR, 12 * HOUR, 20 * HOUR]);
        assert_eq!(odd.schedule.interval, None);
        let mut fixed = bars((0..24).map(|hour| hour * HOUR));
        fixed.schedule.bar_time = BarTime::Close;
        let timeline = Timeline::of(&[odd, fixed]);
        assert!(timeline.is_by_ends());
        let end = |bar| timeline.times()[timeline.stamp(0, bar)];
        assert_eq!([end(0), end(1), end(4)], [HOUR, 3 * HOUR, 20 * HOUR]);
        assert!(end(5) > 20 * HOUR);
    }
}
