//! The timeline: all distinct time stamps of a data set, and where each instrument's bars lie on them.
//!
//! Never looks at a price.

use crate::model::Series;

/// All distinct time stamps of a data set, in order, and where each instrument's bars lie on them.
///
/// Made once for each data set and shared by all tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    times: Vec<i64>,
    /// For each instrument the stamp of each bar; empty where bar `i` is at stamp `i`.
    stamps: Vec<Vec<u32>>,
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
        let mut times: Vec<i64> = series.iter().flat_map(|s| &s.time).copied().collect();
        if series.len() > 1 {
            times.sort_unstable();
            times.dedup();
        }
        assert!(u32::try_from(times.len()).is_ok(), "a data set has fewer than 2^32 time stamps");
        let stamps = series.iter().map(|s| stamps_of(&s.time, &times)).collect();
        Self { times, stamps }
    }

    /// The time stamps, in nanoseconds since the Unix epoch, strictly increasing.
    pub fn times(&self) -> &[i64] {
        &self.times
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
}
