//! The pass over an equity curve: the sums, the depth, the falls and the trend, on which most metrics rest.
//!
//! A stretch without a position costs nothing per bar: its returns are zeros, and its equity is one number. A long stretch is
//! passed in pieces, so that everything about a bar is computed while its price is near. Never needs a number per bar, but
//! the list of returns where one is asked for.

use super::{
    drawdown::Falls,
    lanes::{LANES, Lanes, Work, above, below, total},
    sums::{BLOCK, Extremes, change, extremes},
    trend::Trend,
};
use crate::broker::{Ledger, Span};

/// Bars that are passed together, a multiple of [`LANES`].
const PIECE: usize = 2048;

/// Sums over the returns of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Powers<T> {
    pub(super) first: T,
    pub(super) second: T,
    /// Of the squares of what falls short of the rate.
    pub(super) shortfall: T,
}

/// Sums over their higher powers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct HigherPowers<T> {
    pub(super) third: T,
    pub(super) fourth: T,
}

/// What a pass finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PassSums {
    pub(super) powers: Powers<f64>,
    /// Zero unless returns are listed.
    pub(super) higher: HigherPowers<f64>,
    /// The sum of equity at all bars; 0 unless returns are listed.
    pub(super) equity: f64,
    /// The deepest drawdown, as a share: zero or negative.
    pub(super) depth: f64,
    /// How many returns are listed.
    pub(super) listed: usize,
}

/// The pass over the curve of `ledger`.
#[derive(Debug)]
pub(super) struct Pass<'a, 'b> {
    pub(super) ledger: &'a Ledger,
    /// The risk-free rate per bar.
    pub(super) rate: f64,
    /// Where returns are listed in the order of time, of each stretch without a position only the first; `None` where no list
    /// is needed.
    pub(super) list: Option<&'b mut Vec<f64>>,
    pub(super) falls: Option<&'b mut Falls<'a>>,
    pub(super) trend: Option<&'b mut Trend>,
}

impl Work for Pass<'_, '_> {
    type Found = PassSums;

    #[inline(always)]
    fn on<L: Lanes>(mut self) -> PassSums {
        match self.list.take() {
            Some(list) => {
                // What is there already is written over, and need not be cleared.
                let bars = self.ledger.curve().len();
                list.resize(bars.max(list.len()), 0.0);
                Walk::new(&mut self, list).over::<L, true>()
            }
            None => Walk::new(&mut self, &mut []).over::<L, false>(),
        }
    }
}

/// A pass in the making. Returns are listed where `LISTS` says so.
struct Walk<'a, 'b, 'c> {
    pass: &'c mut Pass<'a, 'b>,
    list: &'c mut [f64],
    listed: usize,
    sums: Sums,
    depth: Depth,
    /// Equity at the bar before.
    before: f64,
    /// Returns that are zero since nothing is held.
    still: usize,
    equity: f64,
}

impl<'a, 'b, 'c> Walk<'a, 'b, 'c> {
    fn new(pass: &'c mut Pass<'a, 'b>, list: &'c mut [f64]) -> Self {
        let (before, depth) = (pass.ledger.initial_cash, Depth::from(pass.ledger.initial_cash));
        Self { pass, list, listed: 0, sums: Sums::default(), depth, before, still: 0, equity: 0.0 }
    }

    #[inline(always)]
    fn over<L: Lanes, const LISTS: bool>(mut self) -> PassSums {
        for span in self.pass.ledger.curve().spans() {
            let first = change(self.before, span.first());
            self.sums.add_one::<LISTS>(first, self.pass.rate);
            if LISTS {
                self.list[self.listed] = first;
                self.listed += 1;
                self.equity += (span.end - span.start) as f64 * span.cash;
            }
            if span.prices.is_empty() {
                self.see_still(&span);
            } else {
                self.see_held::<L, LISTS>(&span);
            }
            self.before = span.last();
        }
        self.found()
    }

    #[inline(always)]
    fn see_still(&mut self, span: &Span<'a>) {
        self.still += span.end - span.start - 1;
        match &mut self.pass.falls {
            Some(falls) => falls.see_still(span),
            None => self.depth.see(span.cash),
        }
        if let Some(trend) = &mut self.pass.trend {
            trend.see_still(span);
        }
    }

    /// Sees a span piece by piece. The first price of a later piece is the last of the piece before.
    #[inline(always)]
    fn see_held<L: Lanes, const LISTS: bool>(&mut self, span: &Span<'a>) {
        let (mut from, mut prices) = (0, span.prices[0]);
        loop {
            let to = span.prices.len().min(from + PIECE + 1);
            let piece = Span { prices: &span.prices[from..to], ..*span };
            let part = if LISTS { &mut self.list[self.listed..][..to - from - 1] } else { &mut [][..] };
            self.listed += part.len();
            let seen = self.sums.add::<L, LISTS>(&piece, self.pass.rate, part);
            prices += seen.sum;
            let new = from + usize::from(from > 0);
            let news = Span { start: span.start + new, end: span.start + to, prices: &span.prices[new..to], ..*span };
            self.see_news::<L>(&news, seen.extremes);
            if to == span.prices.len() {
                break;
            }
            from = to - 1;
        }
        if LISTS {
            self.equity += span.units * prices;
        }
    }

    /// Sees prices that were not seen before, and lie between these extremes.
    #[inline(always)]
    fn see_news<L: Lanes>(&mut self, news: &Span<'a>, extremes: Extremes) {
        match &mut self.pass.falls {
            Some(falls) => falls.see_held::<L>(news, extremes),
            None => self.depth.see_span(news, extremes),
        }
        if let Some(trend) = &mut self.pass.trend {
            trend.see_held::<L>(news, extremes);
        }
    }

    fn found(self) -> PassSums {
        let rate = self.pass.rate;
        let short = below(0.0 - rate, 0.0);
        let (mut powers, higher) = self.sums.totals();
        powers.shortfall += self.still as f64 * (short * short);
        let depth = match &mut self.pass.falls {
            Some(falls) => falls.close(),
            None => self.depth.deepest(),
        };
        PassSums { powers, higher, equity: self.equity, depth, listed: self.listed }
    }
}

/// What the prices of a piece are.
#[derive(Debug, Clone, Copy)]
struct Seen {
    extremes: Extremes,
    /// The sum of all but the first; 0 unless returns are listed.
    sum: f64,
}

/// Sums in the making: those in lanes, and those of the bars that make no full set of lanes.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    lanes: Powers<[f64; LANES]>,
    rest: Powers<f64>,
    higher_lanes: HigherPowers<[f64; LANES]>,
    higher_rest: HigherPowers<f64>,
}

impl Sums {
    /// Adds one return; what it falls short of `rate` counts as a shortfall.
    #[inline(always)]
    fn add_one<const LISTS: bool>(&mut self, r: f64, rate: f64) {
        let (short, square) = (below(r - rate, 0.0), r * r);
        self.rest.first += r;
        self.rest.second += square;
        self.rest.shortfall += short * short;
        if LISTS {
            self.higher_rest.third += square * r;
            self.higher_rest.fourth += square * square;
        }
    }

    /// Adds the returns within a piece, which holds a position, and writes them to `list`, if they are listed.
    #[inline(always)]
    fn add<L: Lanes, const LISTS: bool>(&mut self, piece: &Span<'_>, rate: f64, list: &mut [f64]) -> Seen {
        let (cash, units, rate_each, zero) = (L::each(piece.cash), L::each(piece.units), L::each(rate), L::each(0.0));
        let Powers { first, second, shortfall } = &mut self.lanes;
        let [mut firsts, mut seconds, mut shortfalls] = [&*first, second, shortfall].map(L::load);
        let HigherPowers { third, fourth } = &mut self.higher_lanes;
        let [mut thirds, mut fourths] = if LISTS { [&*third, fourth].map(L::load) } else { [zero; 2] };
        let (mut lows, mut highs, mut prices) = (L::each(piece.prices[0]), L::each(piece.prices[0]), zero);
        let (old, new) = pairs(piece.prices);
        let (listed, listed_rest) = list.as_chunks_mut();
        for (place, (old, new)) in old.iter().zip(new).enumerate() {
            let (old, new) = (L::load(old), L::load(new));
            let r = (new - old) * units / (cash + units * old);
            let (short, square) = ((r - rate_each).below(zero), r * r);
            (firsts, seconds, shortfalls) = (firsts + r, seconds + square, shortfalls + short * short);
            (lows, highs) = (new.below(lows), new.above(highs));
            if LISTS {
                (thirds, fourths, prices) = (thirds + square * r, fourths + square * square, prices + new);
                listed[place] = r.store();
            }
        }
        (*first, *second, *shortfall) = (firsts.store(), seconds.store(), shortfalls.store());
        if LISTS {
            (*third, *fourth) = (thirds.store(), fourths.store());
        }
        let rest = &piece.prices[old.len() * LANES..];
        let mut sum = total(prices.store());
        for (place, (&old, &new)) in rest.iter().zip(&rest[1..]).enumerate() {
            let r = piece.growth(old, new);
            self.add_one::<LISTS>(r, rate);
            if LISTS {
                listed_rest[place] = r;
                sum += new;
            }
        }
        let low = lows.store().into_iter().chain(rest.iter().copied()).fold(piece.prices[0], below);
        let high = highs.store().into_iter().chain(rest.iter().copied()).fold(piece.prices[0], above);
        Seen { extremes: (low, high), sum }
    }

    /// The sums over all lanes and the rest.
    fn totals(&self) -> (Powers<f64>, HigherPowers<f64>) {
        let Self { lanes, rest, higher_lanes, higher_rest } = *self;
        let powers = Powers {
            first: total(lanes.first) + rest.first,
            second: total(lanes.second) + rest.second,
            shortfall: total(lanes.shortfall) + rest.shortfall,
        };
        let higher = HigherPowers {
            third: total(higher_lanes.third) + higher_rest.third,
            fourth: total(higher_lanes.fourth) + higher_rest.fourth,
        };
        (powers, higher)
    }
}

/// The prices before and after each bar of a piece but its first, in sets of lanes.
#[inline(always)]
fn pairs(prices: &[f64]) -> (&[[f64; LANES]], &[[f64; LANES]]) {
    (prices[..prices.len() - 1].as_chunks().0, prices[1..].as_chunks().0)
}

/// The deepest drawdown in the making. It is divided only where a fall ends.
#[derive(Debug, Clone, Copy)]
struct Depth {
    peak: f64,
    /// The lowest since the peak.
    low: f64,
    deepest: f64,
}

impl Depth {
    fn from(peak: f64) -> Self {
        Self { peak, low: peak, deepest: 0.0 }
    }

    #[inline(always)]
    fn see(&mut self, equity: f64) {
        if equity > self.peak {
            self.deepest = self.deepest();
            (self.peak, self.low) = (equity, equity);
        }
        self.low = below(equity, self.low);
    }

    /// Sees all of a span, whose extreme prices are those of `whole`. Equity moves with the price or against it, in every rounding, so
    /// that extremes of one are extremes of the other, and only a span with a new high has to be looked into.
    #[inline(always)]
    fn see_span(&mut self, span: &Span<'_>, whole: Extremes) {
        if self.is_below(span, whole) {
            return;
        }
        for block in span.prices.chunks(BLOCK) {
            if !extremes(block).is_some_and(|extremes| self.is_below(span, extremes)) {
                block.iter().for_each(|&price| self.see(span.equity(price)));
            }
        }
    }

    /// Sees prices between these extremes, if none is a new high; says whether.
    #[inline(always)]
    fn is_below(&mut self, span: &Span<'_>, (low, high): Extremes) -> bool {
        let (one, other) = (span.equity(low), span.equity(high));
        let is_below = above(one, other) <= self.peak;
        if is_below {
            self.low = below(below(one, other), self.low);
        }
        is_below
    }

    #[inline(always)]
    fn deepest(&self) -> f64 {
        if self.low < self.peak { below(self.low / self.peak - 1.0, self.deepest) } else { self.deepest }
    }
}
