//! The period of a run: the part of the data on which a strategy trades and is measured.
//!
//! Never cuts off what comes before it: that warms a strategy up.

use serde::{Deserialize, Serialize};

use crate::{
    broker::Timeline,
    data::Dataset,
    model::{Series, TimePoint},
};

const DAY: i64 = 86_400_000_000_000;

/// The part of the data on which a strategy trades and is measured.
///
/// Nothing after its end is there. What comes before its beginning is given to the strategy, whose targets by then count
/// from the first bar of the period on, and whose orders are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a period: an object with `from`, `to` or both")]
pub struct Period {
    /// The first day, or the time at which its first bar begins at the earliest; `None` for the beginning of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<TimePoint>,
    /// The last day, or the time at which its last bar has ended; `None` for the end of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<TimePoint>,
}

/// Why the data has no such part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeriodError {
    /// The end comes before the beginning.
    #[error(
        "the period begins at {from} and ends at {to}; give an end (`to`) that is not before its beginning (`from`)"
    )]
    Backward {
        /// The beginning.
        from: TimePoint,
        /// The end.
        to: TimePoint,
    },
    /// No bar lies in the period.
    #[error("no bar begins at or after {from} (`from`); the last one is that of {last}")]
    Late {
        /// The beginning.
        from: TimePoint,
        /// The time stamp of the last bar.
        last: String,
    },
    /// Instruments have no bar in the period.
    #[error("no bar in the period: {symbols}; read only the other instruments (`--symbols`), or choose another period")]
    Empty {
        /// The instruments, each with its first and its last bar.
        symbols: String,
    },
}

impl Period {
    /// Refuses a period that ends before it begins.
    pub(crate) fn check(&self) -> Result<(), PeriodError> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if is_backward(from, to) => Err(PeriodError::Backward { from, to }),
            _ => Ok(()),
        }
    }

    /// The bars until the end of the period.
    pub(super) fn end(&self, dataset: Dataset) -> Result<Dataset, PeriodError> {
        let Some(to) = self.to else { return Ok(dataset) };
        let known = |one: &Series| one.time.partition_point(|time| to.is_after(*time, &one.schedule));
        let counts: Vec<_> = dataset.series().iter().map(known).collect();
        empty(dataset.series(), |at| counts[at] == 0)?;
        if dataset.series().iter().zip(&counts).all(|(one, bars)| one.len() == *bars) {
            return Ok(dataset);
        }
        // Every instrument has a bar, which is the only thing that could be missing.
        Ok(dataset.first(&counts))
    }

    /// For each instrument the number of bars before the period.
    pub(super) fn skipped(&self, series: &[Series]) -> Result<Vec<usize>, PeriodError> {
        let Some(from) = self.from else { return Ok(vec![0; series.len()]) };
        let before = |one: &Series| one.time.partition_point(|time| !from.is_reached_by(*time, &one.schedule));
        let skipped: Vec<_> = series.iter().map(before).collect();
        if series.iter().zip(&skipped).all(|(one, bars)| one.len() == *bars) {
            let last = series.iter().filter_map(|one| Some((*one.time.last()?, one))).max_by_key(|(time, _)| *time);
            let last = last.map_or_else(String::new, |(time, one)| one.schedule.format(time));
            return Err(PeriodError::Late { from, last });
        }
        empty(series, |at| series[at].len() == skipped[at])?;
        Ok(skipped)
    }
}

/// The points of time between time stamp `at` of the timeline and the next: the end of a period that has it, and the beginning of
/// one that begins after it. Both are the same moment, unless time stamps are dates or bars are apart.
pub(super) fn edge(series: &[Series], timeline: &Timeline, at: usize) -> (TimePoint, TimePoint) {
    let time = timeline.times()[at];
    if timeline.is_by_ends() {
        return (TimePoint::Moment(time), TimePoint::Moment(time));
    }
    if series.iter().all(|one| one.schedule.dates) {
        let day = time.div_euclid(DAY);
        return (TimePoint::Day(day), TimePoint::Day(day + 1));
    }
    let bars = || series.iter().enumerate().map(|(instrument, one)| (one, timeline.known(instrument, time)));
    let ends = bars().filter_map(|(one, known)| {
        let last = *one.time.get(known.checked_sub(1)?)?;
        (last == time).then(|| one.schedule.ends(last))
    });
    let next = timeline.times().get(at + 1);
    let opens = bars().filter_map(|(one, known)| {
        let first = *one.time.get(known)?;
        (Some(&first) == next).then(|| one.schedule.opens(first))
    });
    let end = ends.max().unwrap_or(time);
    (TimePoint::Moment(end), TimePoint::Moment(opens.min().unwrap_or(end)))
}

/// Refuses instruments that have no bar in the period.
fn empty(series: &[Series], is_empty: impl Fn(usize) -> bool) -> Result<(), PeriodError> {
    const SHOWN: usize = 10;
    let span = |one: &Series| match one.time[..] {
        [] => String::new(),
        [first, ..] => {
            let last = one.time[one.len() - 1];
            format!(" ({} to {})", one.schedule.format(first), one.schedule.format(last))
        }
    };
    let gone = series.iter().enumerate().filter(|(at, _)| is_empty(*at));
    let gone: Vec<_> = gone.map(|(_, one)| format!("`{}`{}", one.symbol, span(one))).collect();
    let more = gone.len().saturating_sub(SHOWN);
    let symbols =
        gone[..gone.len() - more].join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() };
    if gone.is_empty() { Ok(()) } else { Err(PeriodError::Empty { symbols }) }
}

/// Whether `to` lies before `from`, as far as they can be compared without a zone.
fn is_backward(from: TimePoint, to: TimePoint) -> bool {
    match (from, to) {
        (TimePoint::Day(from), TimePoint::Day(to)) => to < from,
        (TimePoint::Local(from), TimePoint::Local(to)) | (TimePoint::Moment(from), TimePoint::Moment(to)) => to <= from,
        (TimePoint::Day(from), TimePoint::Local(to)) => to.div_euclid(DAY) < from,
        (TimePoint::Local(from), TimePoint::Day(to)) => to < from.div_euclid(DAY),
        // Zones are less than a day apart from each other, and such a period has no bars.
        (TimePoint::Moment(_), _) | (_, TimePoint::Moment(_)) => false,
    }
}
