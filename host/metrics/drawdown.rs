//! Drawdowns: falls of equity from a peak, and the recoveries.
//!
//! A sweep never lists them: each is counted when it is over. The list is for the report on a single run.

use super::{
    Metrics,
    lanes::{LANES, Lanes, above, below, total},
    odds,
    sums::{self, BLOCK, Extremes, NOISE},
};
use crate::broker::{Ledger, Span};

const DAY: f64 = 86_400_000_000_000.0;

/// One fall: the time stamps from the first below a peak until the last before the peak is reached again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Episode {
    pub(super) peak: f64,
    /// The first stamp below the peak.
    pub(super) start: usize,
    /// The stamp at which the peak is reached again; the number of stamps where it is not.
    pub(super) end: usize,
    /// The lowest equity.
    pub(super) low: f64,
}

impl Episode {
    /// The depth as a share of the peak, negative.
    pub(super) fn depth(&self) -> f64 {
        self.low / self.peak - 1.0
    }

    /// The stamp of the peak; the first stamp where the initial cash is the peak.
    pub(super) fn peak_stamp(&self) -> usize {
        self.start.saturating_sub(1)
    }

    /// The first stamp at which equity is lowest.
    pub(super) fn trough(&self, equity: &[f64]) -> usize {
        let fall = &equity[self.start..self.end];
        self.start + fall.iter().position(|&equity| equity == self.low).unwrap_or(0)
    }

    /// Days from the peak until it is reached again, or until the end.
    pub(super) fn days(&self, times: &[i64]) -> f64 {
        days(times[self.peak_stamp()], times[self.end.min(times.len() - 1)])
    }
}

/// Calendar days between two times in nanoseconds.
pub(super) fn days(from: i64, to: i64) -> f64 {
    (to as f64 - from as f64) / DAY
}

/// Lists all falls into `episodes`, in the order of time.
pub(super) fn list(initial_cash: f64, equity: &[f64], episodes: &mut Vec<Episode>) {
    episodes.clear();
    let mut peak = initial_cash;
    let mut stamp = 0;
    while stamp < equity.len() {
        if equity[stamp] >= peak {
            peak = equity[stamp];
            stamp += 1;
            continue;
        }
        let length = equity[stamp..].iter().position(|&equity| equity >= peak).unwrap_or(equity.len() - stamp);
        let end = stamp + length;
        let low = sums::extremes(&equity[stamp..end]).map_or(peak, |(low, _)| low);
        episodes.push(Episode { peak, start: stamp, end, low });
        stamp = end;
    }
}

/// All falls of one run, in the making. None is listed: each is counted when it is over.
#[derive(Debug, Clone)]
pub(super) struct Falls<'a> {
    times: &'a [i64],
    /// How many stamps there are.
    bars: usize,
    peak: f64,
    /// The fall that is not over, if there is one.
    fall: Option<Fall<'a>>,
    count: f64,
    /// The sums of all depths and of all lengths in days.
    depths: f64,
    days: f64,
    longest: f64,
    /// The sum of the squared drawdowns at all bars.
    squares: f64,
    /// The deepest fall, with the stamp at which it was over.
    deepest: Option<(Fall<'a>, f64, usize)>,
}

/// One fall.
#[derive(Debug, Clone, Copy)]
struct Fall<'a> {
    /// The first stamp below the peak.
    start: usize,
    /// The lowest equity.
    low: f64,
    /// The first stretch that has it.
    lowest: Span<'a>,
    /// The squared distances from the peak, summed in lanes, and those of the bars that make no full set.
    lanes: [f64; LANES],
    rest: f64,
}

impl<'a> Fall<'a> {
    /// Begins with a stretch whose lowest equity is `low`.
    #[inline(always)]
    fn new(span: &Span<'a>, low: f64) -> Self {
        Self { start: span.start, low, lowest: *span, lanes: [0.0; LANES], rest: 0.0 }
    }

    #[inline(always)]
    fn see_low(&mut self, span: &Span<'a>, low: f64) {
        if low < self.low {
            (self.low, self.lowest) = (low, *span);
        }
    }

    /// The first stamp at which equity is lowest.
    fn trough(&self) -> usize {
        let Span { start, prices, .. } = self.lowest;
        start + prices.iter().position(|&price| self.lowest.equity(price) == self.low).unwrap_or(0)
    }
}

impl<'a> Falls<'a> {
    /// Begins for a run whose stamps are at `times`.
    pub(super) fn new(ledger: &Ledger, times: &'a [i64]) -> Self {
        let (count, depths, days, longest, squares) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let (bars, peak) = (ledger.curve().len(), ledger.initial_cash);
        Self { times, bars, peak, fall: None, count, depths, days, longest, squares, deepest: None }
    }

    /// Sees a stretch without a position, through which equity stands still.
    #[inline(always)]
    pub(super) fn see_still(&mut self, span: &Span<'a>) {
        self.see(span, span.cash);
    }

    /// Sees prices between these extremes. Only where there is a new high are they looked at one by one.
    #[inline(always)]
    pub(super) fn see_held<L: Lanes>(&mut self, span: &Span<'a>, whole: Extremes) {
        if self.is_below::<L>(span, whole) {
            return;
        }
        for (place, prices) in (0..).step_by(BLOCK).zip(span.prices.chunks(BLOCK)) {
            let start = span.start + place;
            let block = Span { start, end: start + prices.len(), prices, ..*span };
            let extremes = sums::extremes(prices);
            if !extremes.is_some_and(|extremes| self.is_below::<L>(&block, extremes)) {
                for (start, prices) in (start..).zip(prices.chunks(1)) {
                    self.see(&Span { start, end: start + 1, prices, ..block }, span.equity(prices[0]));
                }
            }
        }
    }

    /// Sees prices between these extremes, if all of them lie within a fall; says whether. Equity moves with the price or against
    /// it, in every rounding, so that extremes of one are extremes of the other.
    #[inline(always)]
    fn is_below<L: Lanes>(&mut self, span: &Span<'a>, (low, high): Extremes) -> bool {
        let Some(fall) = &mut self.fall else { return false };
        let (one, other) = (span.equity(low), span.equity(high));
        if above(one, other) >= self.peak {
            return false;
        }
        fall.see_low(span, below(one, other));
        let (cash, units, peak) = (L::each(span.cash), L::each(span.units), L::each(self.peak));
        let mut squares = L::load(&fall.lanes);
        let (sets, rest) = span.prices.as_chunks();
        for prices in sets {
            let distance = cash + units * L::load(prices) - peak;
            squares = squares + distance * distance;
        }
        fall.lanes = squares.store();
        for &price in rest {
            let distance = span.equity(price) - self.peak;
            fall.rest += distance * distance;
        }
        true
    }

    /// Sees a stretch through which equity stands still.
    #[inline(always)]
    fn see(&mut self, span: &Span<'a>, equity: f64) {
        if equity >= self.peak {
            if let Some(fall) = self.fall.take() {
                self.finish(&fall, span.start);
            }
            self.peak = equity;
            return;
        }
        let fall = self.fall.get_or_insert_with(|| Fall::new(span, equity));
        fall.see_low(span, equity);
        let distance = equity - self.peak;
        fall.rest += (span.end - span.start) as f64 * (distance * distance);
    }

    /// Counts a fall that was over at stamp `end`, which is their number if it was not.
    fn finish(&mut self, fall: &Fall<'a>, end: usize) {
        let depth = fall.low / self.peak - 1.0;
        let days = days(self.times[fall.start.saturating_sub(1)], self.times[end.min(self.times.len() - 1)]);
        self.count += 1.0;
        self.depths += depth;
        self.days += days;
        self.longest = self.longest.max(days);
        self.squares += (total(fall.lanes) + fall.rest) / (self.peak * self.peak);
        if self.deepest.is_none_or(|(_, deepest, _)| depth < deepest) {
            self.deepest = Some((*fall, depth, end));
        }
    }

    /// Counts the fall that is not over, after all bars were seen. Returns the deepest drawdown, as a share: zero or negative.
    pub(super) fn close(&mut self) -> f64 {
        if let Some(fall) = self.fall.take() {
            self.finish(&fall, self.bars);
        }
        self.deepest.map_or(0.0, |(_, depth, _)| depth)
    }

    /// Days from the bottom of the deepest fall until it was over; `None` where it was not.
    fn recovery_days(&self) -> Option<f64> {
        let (fall, _, end) = self.deepest?;
        (end < self.bars).then(|| days(self.times[fall.trough()], self.times[end]))
    }
}

impl Metrics {
    /// Depths and lengths of all falls, and what is measured against them. Comes after the books.
    pub(super) fn drawdowns(&mut self, falls: &Falls<'_>, risk_free: f64) {
        let count = falls.count.max(1.0);
        self.average_drawdown = Some(falls.depths / count);
        self.average_drawdown_days = Some(falls.days / count);
        self.max_drawdown_days = Some(falls.longest);
        self.recovery_days = falls.recovery_days();
        let ulcer = (falls.squares / falls.bars as f64).sqrt();
        self.ulcer_index = Some(ulcer);
        let ulcer = Some(ulcer).filter(|ulcer| *ulcer == 0.0 || *ulcer > NOISE);
        self.upi = self.cagr.zip(ulcer).and_then(|(cagr, ulcer)| odds(cagr - risk_free, ulcer));
    }
}
