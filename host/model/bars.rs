//! Bars: one instrument's as columns, and a single one.
//!
//! Never checks a price: [`crate::data`] does.

use std::{ops::Range, sync::Arc};

use super::{BarEvent, Contract, Schedule};

/// Bars of one instrument, oldest first, as columns of equal length.
///
/// [`crate::data`] hands out only series whose times are strictly increasing, whose prices are finite
/// and above zero, unless negative prices were asked for, and whose highs are not below their lows; everything that takes a `Series` relies on that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// The instrument's name, unique within a data set.
    pub symbol: String,
    /// Nanoseconds since the Unix epoch, UTC: the time stamps of the data, which say what the schedule says.
    pub time: Vec<i64>,
    /// The first price of each bar, in quote currency.
    pub open: Vec<f64>,
    /// The highest price of each bar, in quote currency.
    pub high: Vec<f64>,
    /// The lowest price of each bar, in quote currency.
    pub low: Vec<f64>,
    /// The last price of each bar, in quote currency.
    pub close: Vec<f64>,
    /// Units traded in each bar; zero where the data has no volume.
    pub volume: Vec<f64>,
    /// What the time stamps say, and how days are counted.
    pub schedule: Schedule,
    /// The terms of trading.
    pub contract: Contract,
    /// Finer bars of the same instrument, such as the minutes of these days, which decide how orders trade within a bar. They are
    /// of the same prices, have no finer ones themselves, and may begin earlier and end later.
    pub detail: Option<Arc<Series>>,
}

/// One bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Nanoseconds since the Unix epoch, UTC.
    pub time: i64,
    /// The first price, in quote currency.
    pub open: f64,
    /// The highest price, in quote currency.
    pub high: f64,
    /// The lowest price, in quote currency.
    pub low: f64,
    /// The last price, in quote currency.
    pub close: f64,
    /// Units traded.
    pub volume: f64,
}

/// Whether time stamps alone tell in which order the bars of `series` are known: bars with one time stamp begin and end
/// together, and no bar begins before one of another instrument has ended that began earlier.
pub fn are_in_step<'a>(series: impl IntoIterator<Item = &'a Series>) -> bool {
    let known: Vec<&Series> = series.into_iter().filter(|one| !one.is_empty()).collect();
    let Some(first) = known.first().map(|one| &one.schedule) else { return true };
    // One whose interval is unknown is like every other, so that each pair counts.
    let mut schedules: Vec<&Schedule> = Vec::new();
    for schedule in known.iter().map(|one| &one.schedule) {
        // The offsets of a zone differ with the time that the bars span.
        let kind = |one: &Schedule| (one.dates, one.interval, one.bar_time, one.session, one.zone.clone());
        if !schedules.iter().any(|other| kind(other) == kind(schedule)) {
            schedules.push(schedule);
        }
    }
    if schedules.iter().any(|one| schedules.iter().any(|other| !one.is_like(other))) {
        return false;
    }
    if known.len() == 1 {
        return true;
    }
    let schedule = schedules.into_iter().find(|one| one.interval.is_some()).unwrap_or(first);
    let mut times: Vec<i64> = known.iter().flat_map(|one| &one.time).copied().collect();
    times.sort_unstable();
    times.dedup();
    let overlap = |pair: &&[i64]| schedule.opens(pair[1]) < schedule.ends(pair[0]);
    let has = |one: &Series, time: i64| one.time.binary_search(&time).is_ok();
    // Bars of one instrument may be shorter than the others; those of two cannot be known in the order of their times.
    times.windows(2).filter(overlap).all(|pair| {
        let alone = |this: i64, that: i64| known.iter().any(|one| has(one, this) && !has(one, that));
        !(alone(pair[0], pair[1]) && alone(pair[1], pair[0]))
    })
}

impl Bar {
    /// What a strategy hears of the bar of `instrument`, with the units that it holds and the equity of its account.
    #[inline]
    pub fn event(self, instrument: u32, position: f64, equity: f64) -> BarEvent {
        let Self { time, open, high, low, close, volume } = self;
        BarEvent { instrument, time, open, high, low, close, volume, position, equity }
    }
}

impl Series {
    /// The bar at index `at`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such bar.
    #[inline]
    pub fn bar(&self, at: usize) -> Bar {
        Bar {
            time: self.time[at],
            open: self.open[at],
            high: self.high[at],
            low: self.low[at],
            close: self.close[at],
            volume: self.volume[at],
        }
    }

    /// The number of bars.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether the series has no bars.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// The first `bars` bars.
    ///
    /// # Panics
    ///
    /// Panics if there are fewer.
    #[must_use]
    pub fn first(&self, bars: usize) -> Self {
        self.part(0..bars)
    }

    /// The bars of `range`.
    ///
    /// # Panics
    ///
    /// Panics if there are fewer.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        self.with_columns(self.time[range.clone()].to_vec(), |column| column[range.clone()].to_vec())
    }

    /// The same instrument with the bars at these times, of which `pick` takes the values out of a column.
    fn with_columns(&self, time: Vec<i64>, pick: impl Fn(&[f64]) -> Vec<f64>) -> Self {
        Self {
            symbol: self.symbol.clone(),
            time,
            open: pick(&self.open),
            high: pick(&self.high),
            low: pick(&self.low),
            close: pick(&self.close),
            volume: pick(&self.volume),
            schedule: self.schedule.clone(),
            contract: self.contract,
            detail: self.detail.clone(),
        }
    }

    /// The bars that begin within the session; all of them, where there is none or where they are dates.
    #[must_use]
    pub(crate) fn in_session(&self) -> Self {
        let begins_within = |at: &usize| self.schedule.is_in_session(self.schedule.opens(self.time[*at]));
        let kept: Vec<usize> = (0..self.len()).filter(|at| self.schedule.dates || begins_within(at)).collect();
        if kept.len() == self.len() {
            return self.clone();
        }
        let time = kept.iter().map(|at| self.time[*at]).collect();
        self.with_columns(time, |column| kept.iter().map(|at| column[*at]).collect())
    }

    /// The finer bars that begin while the bar at index `at` lasts, as a range of those of [`detail`](Self::detail); an empty one
    /// where there are none. A bar that is shorter than the others, as a week after a holiday is, ends when the next one begins.
    ///
    /// # Panics
    ///
    /// Panics if there is no such bar.
    pub fn detail_of(&self, at: usize) -> Range<usize> {
        let Some(detail) = &self.detail else { return 0..0 };
        let (opens, ends) = (self.schedule.opens(self.time[at]), self.schedule.ends(self.time[at]));
        let next = self.time.get(at + 1).map(|next| self.schedule.opens(*next));
        let ends = next.map_or(ends, |next| next.min(ends));
        let first = |moment: i64| detail.time.partition_point(|time| detail.schedule.opens(*time) < moment);
        let from = first(opens);
        from..first(ends).max(from)
    }
}
