//! The equity curve, stored as stretches of constant holdings.
//!
//! Never stores a number per bar where there is one instrument: a stretch through which nothing is traded is one entry.

use std::sync::Arc;

use crate::model::Series;

/// A stretch of time stamps through which an account holds the same.
///
/// At each of them equity is `cash + units x price`, in this order of rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span<'a> {
    /// Index of the first time stamp.
    pub start: usize,
    /// Index after the last time stamp, above `start`.
    pub end: usize,
    /// Quote currency.
    pub cash: f64,
    /// Units held times the multiplier, negative where short: what equity gains when the price rises by 1; 0 where equity stands
    /// still.
    pub units: f64,
    /// Quote currency for one unit, at each of the time stamps; empty where `units` is 0.
    pub prices: &'a [f64],
}

/// Where a span begins and what is held in it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    start: usize,
    cash: f64,
    units: f64,
}

/// Equity at the close of every time stamp.
///
/// One instrument's closes are those of the data; of several instruments the equity itself is stored, as the price of one
/// unit that an account without cash holds.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    series: Arc<[Series]>,
    segments: Vec<Segment>,
    marks: Vec<f64>,
    len: usize,
}

impl Span<'_> {
    /// Equity at the first time stamp.
    #[inline]
    pub fn first(&self) -> f64 {
        self.prices.first().map_or(self.cash, |&price| self.equity(price))
    }

    /// Equity at the last time stamp.
    #[inline]
    pub fn last(&self) -> f64 {
        self.prices.last().map_or(self.cash, |&price| self.equity(price))
    }

    /// Equity at `price`.
    #[inline]
    pub fn equity(&self, price: f64) -> f64 {
        self.cash + self.units * price
    }

    /// The return from the price `before` to the price `after`. The difference of two prices loses nothing where they are
    /// near each other, as that of two equities would.
    #[inline]
    pub fn growth(&self, before: f64, after: f64) -> f64 {
        (after - before) * self.units / self.equity(before)
    }
}

impl Curve {
    /// The number of time stamps.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the curve has no time stamps.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Equity at the last time stamp; `None` without time stamps.
    pub fn last(&self) -> Option<f64> {
        self.segments.len().checked_sub(1).map(|segment| self.span(segment).last())
    }

    /// Equity at time stamp `stamp`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such time stamp.
    pub fn at(&self, stamp: usize) -> f64 {
        assert!(stamp < self.len, "stamp {stamp} lies beyond the {} of the curve", self.len);
        let span = self.span(self.segments.partition_point(|segment| segment.start <= stamp) - 1);
        span.prices.get(stamp - span.start).map_or(span.cash, |&price| span.equity(price))
    }

    /// The stretches through which the same is held, in the order of time.
    #[inline]
    pub fn spans(&self) -> impl Iterator<Item = Span<'_>> {
        (0..self.segments.len()).map(|segment| self.span(segment))
    }

    /// Replaces the content of `equity` by the equity at every time stamp.
    pub fn write_to(&self, equity: &mut Vec<f64>) {
        equity.clear();
        equity.reserve(self.len);
        for span in self.spans() {
            equity.extend(span.prices.iter().map(|&price| span.equity(price)));
            equity.resize(span.end, span.cash);
        }
    }

    /// The equity at the last time stamp before each of `ends`, which increase; as many as there are time stamps for.
    pub fn at_ends<'a>(&'a self, ends: &'a [usize]) -> impl Iterator<Item = f64> {
        let mut spans = self.spans();
        let mut span = spans.next();
        ends.iter().map_while(move |&end| {
            while span.as_ref()?.end < end {
                span = spans.next();
            }
            let span = span.as_ref()?;
            Some(span.prices.get(end - 1 - span.start).map_or(span.cash, |&price| span.equity(price)))
        })
    }

    #[inline]
    fn span(&self, segment: usize) -> Span<'_> {
        let Segment { start, cash, units } = self.segments[segment];
        let end = self.segments.get(segment + 1).map_or(self.len, |next| next.start);
        let prices = if units == 0.0 { &[] } else { &self.prices()[start..end] };
        Span { start, end, cash, units, prices }
    }

    #[inline]
    fn prices(&self) -> &[f64] {
        match &*self.series {
            [only] => &only.close,
            _ => &self.marks,
        }
    }

    /// Empties the curve for a run over `series`; the memory stays.
    pub(super) fn open(&mut self, series: Arc<[Series]>) {
        self.series = series;
        self.segments.clear();
        self.marks.clear();
        self.len = 0;
    }

    /// Goes on until `end` with `cash` and `units` of the only instrument.
    pub(super) fn hold(&mut self, end: usize, cash: f64, units: f64) {
        let holds_the_same = |segment: &Segment| segment.cash == cash && segment.units == units;
        if end > self.len && !self.segments.last().is_some_and(holds_the_same) {
            self.segments.push(Segment { start: self.len, cash, units });
        }
        self.len = end.max(self.len);
    }

    /// Goes on for one time stamp, at which an account of several instruments is worth `equity`.
    pub(super) fn mark(&mut self, equity: f64) {
        self.marks.push(equity);
        self.hold(self.len + 1, 0.0, 1.0);
    }

    /// Forgets everything from `stamp` on.
    pub(super) fn truncate(&mut self, stamp: usize) {
        self.segments.truncate(self.segments.partition_point(|segment| segment.start < stamp));
        self.marks.truncate(stamp);
        self.len = stamp;
    }

    /// The curve of given equities; from the first that is zero or less on, nothing is held.
    pub(crate) fn of(equity: &[f64]) -> Self {
        let mut curve = Self::default();
        for &equity in equity {
            let ruined = equity <= 0.0 || curve.len > curve.marks.len();
            if ruined { curve.hold(curve.len + 1, equity, 0.0) } else { curve.mark(equity) }
        }
        curve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_one(close: &[f64], holdings: &[(usize, f64, f64)]) -> Curve {
        let mut curve = Curve::default();
        curve.open([Series { close: close.to_vec(), ..Series::default() }].into());
        holdings.iter().for_each(|&(end, cash, units)| curve.hold(end, cash, units));
        curve
    }

    fn check(curve: &Curve, expected: &[f64]) {
        let mut equity = vec![7.0];
        curve.write_to(&mut equity);
        assert_eq!(equity, expected);
        assert_eq!((0..curve.len()).map(|stamp| curve.at(stamp)).collect::<Vec<_>>(), expected);
        assert_eq!((curve.last(), curve.is_empty()), (expected.last().copied(), expected.is_empty()));
    }

    #[test]
    fn equity_follows_from_what_is_held() {
        let closes = [10.0, 11.0, 12.0, 13.0, 14.0];
        check(&of_one(&closes, &[]), &[]);
        check(
            &of_one(&closes, &[(1, 100.0, 0.0), (3, 90.0, 1.0), (5, 200.0, -2.0)]),
            &[100.0, 101.0, 102.0, 174.0, 172.0],
        );
        check(&Curve::of(&[5.0, 6.0, -1.0, 4.0]), &[5.0, 6.0, -1.0, 4.0]);
    }

    #[test]
    fn an_order_that_changes_nothing_makes_no_span() {
        let mut curve = of_one(&[1.0; 6], &[(2, 5.0, 1.0), (2, 6.0, 1.0), (4, 5.0, 1.0), (6, 5.0, 2.0)]);
        let spans = |curve: &Curve| curve.spans().map(|span| (span.start, span.end)).collect::<Vec<_>>();
        assert_eq!(spans(&curve), [(0, 4), (4, 6)]);
        curve.truncate(4);
        assert_eq!(spans(&curve), [(0, 4)]);
    }

    #[test]
    fn what_is_forgotten_can_be_marked_anew() {
        let mut curve = Curve::of(&[5.0, 6.0, 7.0]);
        curve.truncate(2);
        curve.mark(9.0);
        check(&curve, &[5.0, 6.0, 9.0]);
    }
}
