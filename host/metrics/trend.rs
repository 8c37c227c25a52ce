//! Stability of the trend: how straight equity grows on a logarithmic scale.

use super::{
    Metrics,
    lanes::{Kind, LANES, Lanes, Real, Work, above, total},
    ratio,
    sums::{Extremes, NOISE},
};
use crate::broker::{Ledger, Span};

/// How often the variation of the logarithms the square of their mean may be for the variation to follow from sums over the
/// logarithms as they are: with more, the difference would lose bits.
const MOSTLY_MEAN: f64 = 64.0;

/// How far from another a number is near, as a share of that one.
const NEAR: f64 = 1.0 / 32.0;

/// The fewest and the most bars that are looked at as neighbours.
const NEIGHBOURS: (usize, usize) = (32, 128);

/// Sums over the logarithms of equity over initial cash, in the making.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trend {
    scale: f64,
    /// What each logarithm is counted from.
    origin: f64,
    /// The time in the middle, where times are the places of bars.
    middle: f64,
    bars: f64,
    lanes: Moments<[f64; LANES]>,
    rest: Moments<f64>,
    /// Whether all logarithms so far are numbers.
    are_numbers: bool,
}

/// Sums of what is counted: as it is, squared, and times the time from the middle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Moments<T> {
    sum: T,
    squares: T,
    products: T,
}

impl<R: Real> Moments<R> {
    #[inline(always)]
    fn add(&mut self, y: R, time: R) {
        self.sum = self.sum + y;
        self.squares = self.squares + y * y;
        self.products = self.products + y * time;
    }
}

impl<T> Moments<T> {
    #[inline(always)]
    fn map<U>(self, change: impl Fn(T) -> U) -> Moments<U> {
        let Self { sum, squares, products } = self;
        Moments { sum: change(sum), squares: change(squares), products: change(products) }
    }
}

impl Trend {
    /// Begins for a run whose logarithms are counted from `origin`.
    pub(super) fn new(ledger: &Ledger, origin: f64) -> Self {
        let bars = ledger.curve().len() as f64;
        Self {
            scale: 1.0 / ledger.initial_cash,
            origin,
            middle: (bars - 1.0) / 2.0,
            bars,
            lanes: Moments::default(),
            rest: Moments::default(),
            are_numbers: true,
        }
    }

    /// Sees a stretch without a position, through which the logarithm stands still.
    #[inline(always)]
    pub(super) fn see_still(&mut self, span: &Span<'_>) {
        if !self.has_logarithms(span.cash, span.cash) {
            return;
        }
        let y = logarithm(span.cash * self.scale) - self.origin;
        let count = (span.end - span.start) as f64;
        let time = (span.start + span.end - 1) as f64 / 2.0 - self.middle;
        self.rest.sum += count * y;
        self.rest.squares += count * (y * y);
        self.rest.products += count * y * time;
    }

    /// Sees prices between these extremes.
    #[inline(always)]
    pub(super) fn see_held<L: Lanes>(&mut self, span: &Span<'_>, (low, high): Extremes) {
        if !self.has_logarithms(span.equity(low), span.equity(high)) {
            return;
        }
        match neighbours(span, high - low) {
            Some(bars) => {
                for (place, prices) in (0..).step_by(bars).zip(span.prices.chunks(bars)) {
                    let block = Span { prices, ..*span };
                    let time = (span.start + place) as f64 - self.middle;
                    if !self.see_neighbours::<L>(&block, time) {
                        self.see_any::<L>(&block, time);
                    }
                }
            }
            None => self.see_any::<L>(span, span.start as f64 - self.middle),
        }
    }

    /// Sees the prices of a block from `time` on, if equity stays near its first; says whether.
    #[inline(always)]
    fn see_neighbours<L: Lanes>(&mut self, block: &Span<'_>, time: f64) -> bool {
        let first = block.first();
        let mut near = Near {
            price: L::each(block.prices[0]),
            steepness: L::each(block.units / first),
            origin: L::each(logarithm(first * self.scale) - self.origin),
            farthest: L::each(0.0),
        };
        let moments = self.add::<L, _>(block.prices, time, &mut near);
        let is_near = near.farthest.store().into_iter().fold(0.0, above) <= NEAR * NEAR;
        if is_near {
            (self.lanes, self.rest) = moments;
        }
        is_near
    }

    /// Sees the prices of a block from `time` on.
    #[inline(always)]
    fn see_any<L: Lanes>(&mut self, block: &Span<'_>, time: f64) {
        let mut any = Any {
            cash: L::each(block.cash),
            units: L::each(block.units),
            scale: L::each(self.scale),
            origin: L::each(self.origin),
        };
        (self.lanes, self.rest) = self.add::<L, _>(block.prices, time, &mut any);
    }

    /// The sums with those of some bars from `time` on. Of a set of lanes that is not full the first price fills the rest, and
    /// does not count.
    #[inline(always)]
    fn add<L: Lanes, Y: Logarithms<L>>(
        &self,
        prices: &[f64],
        time: f64,
        logarithms: &mut Y,
    ) -> (Moments<[f64; LANES]>, Moments<f64>) {
        let (sets, rest) = prices.as_chunks::<LANES>();
        let (mut moments, mut moments_of_rest) = (self.lanes.map(|lanes| L::load(&lanes)), self.rest);
        let mut times = L::each(time) + L::places();
        for prices in sets {
            moments.add(logarithms.at(L::load(prices)), times);
            times = times + L::each(LANES as f64);
        }
        if !rest.is_empty() {
            let mut set = [prices[0]; LANES];
            set[..rest.len()].copy_from_slice(rest);
            let (logarithms, times) = (logarithms.at(L::load(&set)).store(), times.store());
            for (&y, &time) in logarithms.iter().zip(&times).take(rest.len()) {
                moments_of_rest.add(y, time);
            }
        }
        (moments.map(L::store), moments_of_rest)
    }

    /// Whether equity between two extremes has logarithms, as all before it has.
    #[inline(always)]
    fn has_logarithms(&mut self, one: f64, other: f64) -> bool {
        let is_number = |equity: f64| (f64::MIN_POSITIVE..=f64::MAX).contains(&(equity * self.scale));
        self.are_numbers &= is_number(one) & is_number(other);
        self.are_numbers
    }

    fn totals(&self) -> Moments<f64> {
        let (lanes, rest) = (self.lanes.map(total), self.rest);
        Moments {
            sum: lanes.sum + rest.sum,
            squares: lanes.squares + rest.squares,
            products: lanes.products + rest.products,
        }
    }

    /// The mean of what is counted, where it is so large that another pass has to count from it.
    pub(super) fn better_origin(&self) -> Option<f64> {
        let Moments { sum, squares, .. } = self.totals();
        let (mean, from_mean) = (sum / self.bars, sum * (sum / self.bars));
        (self.are_numbers && from_mean > MOSTLY_MEAN * (squares - from_mean)).then_some(mean + self.origin)
    }

    /// R^2 of a straight line; `None` without a change or where nothing was left.
    pub(super) fn fit(&self) -> Option<f64> {
        let Moments { sum, squares, products } = self.totals();
        let variation = squares - sum * (sum / self.bars);
        let spread = self.bars * (self.bars * self.bars - 1.0) / 12.0;
        let fit = ratio(products * products, spread * variation);
        fit.filter(|_| self.are_numbers && (variation / self.bars).sqrt() > NOISE)
    }
}

/// How many bars of a span, whose prices have this range, are likely to be near each other; `None` where they are few. A price that
/// moves at random has half the range in a quarter of the time.
fn neighbours(span: &Span<'_>, range: f64) -> Option<usize> {
    let (fewest, most) = NEIGHBOURS;
    let shares = NEAR * span.first() / (span.units * range);
    let bars = span.prices.len() as f64 * (0.5 * shares * shares);
    // Without a range the share is infinite, and as many as there may be are near.
    (bars >= fewest as f64).then(|| (bars.min(most as f64) as usize) / LANES * LANES)
}

/// A way from prices to the logarithms of equity. No closure, since the compiler inlines not all of those.
trait Logarithms<L> {
    /// The logarithms at some prices. Implementations are `#[inline(always)]`.
    fn at(&mut self, prices: L) -> L;
}

/// The way for any prices.
struct Any<L> {
    cash: L,
    units: L,
    scale: L,
    origin: L,
}

impl<L: Lanes> Logarithms<L> for Any<L> {
    #[inline(always)]
    fn at(&mut self, prices: L) -> L {
        logarithm((self.cash + self.units * prices) * self.scale) - self.origin
    }
}

/// The way for prices at which equity is near that at one of them.
struct Near<L> {
    price: L,
    /// What equity gains when the price rises by 1, as a share.
    steepness: L,
    /// The logarithm at `price`.
    origin: L,
    /// The square of the largest share so far by which equity is another.
    farthest: L,
}

impl<L: Lanes> Logarithms<L> for Near<L> {
    #[inline(always)]
    fn at(&mut self, prices: L) -> L {
        let share = (prices - self.price) * self.steepness;
        let square = share * share;
        self.farthest = square.above(self.farthest);
        self.origin + logarithm_of_neighbour(share, square)
    }
}

/// The trend of a run, counted from `origin`.
struct Counted<'a> {
    ledger: &'a Ledger,
    origin: f64,
}

impl Work for Counted<'_> {
    type Found = Trend;

    #[inline(always)]
    fn on<L: Lanes>(self) -> Trend {
        let mut trend = Trend::new(self.ledger, self.origin);
        for span in self.ledger.curve().spans() {
            match span.prices.first() {
                // That all logarithms are numbers is known by now.
                Some(&price) => trend.see_held::<L>(&span, (price, price)),
                None => trend.see_still(&span),
            }
        }
        trend
    }
}

impl Metrics {
    /// R^2 of a straight line through the logarithm of equity, of which a pass has found `trend`; undefined without a change
    /// or where nothing was left.
    pub(super) fn trend(&mut self, ledger: &Ledger, trend: Trend, lanes: Kind) {
        let better = trend.better_origin().map(|origin| lanes.run(Counted { ledger, origin }));
        self.stability = better.unwrap_or(trend).fit();
    }
}

/// The natural logarithm of a positive normal number, within 1e-15 of it or of 1, whichever is more.
///
/// It is fdlibm's: the number is `2^k (1 + f)` with `1 + f` between the roots of 1/2 and 2, and `log(1 + f)` a polynomial
/// in `f / (2 + f)`. It does not branch, so that the processor computes several side by side.
#[inline(always)]
fn logarithm<R: Real>(x: R) -> R {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let (k, f) = x.split();
    let s = f / (R::each(2.0) + f);
    let z = s * s;
    let w = z * z;
    let even = w
        * (R::each(0.399_999_999_994_094_2)
            + w * (R::each(0.222_221_984_321_497_84) + w * R::each(0.153_138_376_992_093_73)));
    let odd = R::each(0.285_714_287_436_623_9)
        + w * (R::each(0.181_835_721_616_180_5) + w * R::each(0.147_981_986_051_165_86));
    let odd = z * (R::each(0.666_666_666_666_673_5) + w * odd);
    let half_square = R::each(0.5) * f * f;
    s * (half_square + (odd + even)) + k * R::each(LN2_LOW) - half_square + f + k * R::each(LN2_HIGH)
}

/// The natural logarithm of `1 + share`, where `share` is at most [`NEAR`] and has this `square`: the series, whose first term left out
/// is below 1e-17.
#[inline(always)]
fn logarithm_of_neighbour<R: Real>(share: R, square: R) -> R {
    let terms = pair(share, 8.0) + square * R::each(-1.0 / 10.0);
    let terms = pair(share, 4.0) + square * (pair(share, 6.0) + square * terms);
    share + square * (pair(share, 2.0) + square * terms)
}

/// Two terms of the series, without the powers that they have in common; the first is divided by `even`.
#[inline(always)]
fn pair<R: Real>(share: R, even: f64) -> R {
    R::each(-1.0 / even) + share * R::each(1.0 / (even + 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::{Annualization, Frame, Scratch, Selection};

    /// R^2 with logarithms of the library and two passes.
    fn slow(equity: &[f64]) -> f64 {
        let logs: Vec<f64> = equity.iter().map(|equity| libm::log(*equity)).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let middle = (logs.len() - 1) as f64 / 2.0;
        let (mut products, mut squares, mut spread) = (0.0, 0.0, 0.0);
        for (place, y) in logs.iter().enumerate() {
            let (time, y) = (place as f64 - middle, y - mean);
            (products, squares, spread) = (products + time * y, squares + y * y, spread + time * time);
        }
        products * products / (spread * squares)
    }

    #[test]
    fn a_trend_is_that_of_the_logarithms_however_equity_moves() {
        let wave = |place: usize, size: f64| 1.0 + size * libm::sin(place as f64 * 0.7) + size * place as f64 / 3000.0;
        let cases: [(&str, &dyn Fn(usize) -> f64); 6] = [
            ("near all the time", &|place| 100.0 * wave(place, 1e-4)),
            ("far from bar to bar", &|place| 100.0 * wave(place, 0.3)),
            ("one leap among neighbours", &|place| if place < 1000 { 100.0 } else { 106.0 } * wave(place, 1e-4)),
            ("far above the initial cash, where it moves little", &|place| 1e5 * wave(place, 1e-5)),
            ("nearly nothing left", &|place| 1e-9 * wave(place, 0.01)),
            ("ever higher", &|place| 100.0 * libm::exp(place as f64 / 100.0)),
        ];
        for (name, at) in cases {
            let equity: Vec<f64> = (0..3003).map(at).collect();
            let times: Vec<i64> = (0..3003).collect();
            let frame = Frame::new(&times, &times, Ok(Annualization::given(252.0)), 0.0);
            let ledger = Ledger::of_equity(100.0, &equity);
            for lanes in [Kind::Fastest, Kind::Portable] {
                let mut scratch = Scratch { lanes, ..Scratch::default() };
                let found = Metrics::of(&ledger, &frame, Selection::all(), &mut scratch).stability.unwrap();
                assert!((found - slow(&equity)).abs() <= 1e-10, "{name}: {found} and {}", slow(&equity));
            }
        }
    }

    proptest! {
        #[test]
        fn a_logarithm_is_right_to_the_last_digits(exponent in -1022..1023i32, part in 1.0..2.0f64, near in 0.9..1.1f64) {
            for x in [part * 2f64.powi(exponent), near, 1.0, f64::MIN_POSITIVE, f64::MAX] {
                let (ours, theirs) = (logarithm(x), libm::log(x));
                prop_assert!((ours - theirs).abs() <= 1e-15 * theirs.abs().max(1.0), "log {x:e}: {ours} and {theirs}");
            }
        }

        #[test]
        fn a_logarithm_of_a_neighbour_is_right_to_the_last_digits(share in -NEAR..=NEAR) {
            for share in [share, NEAR, -NEAR, share / 1e6, 0.0] {
                let (ours, theirs) = (logarithm_of_neighbour(share, share * share), libm::log1p(share));
                prop_assert!((ours - theirs).abs() <= 1e-17 + 2.0 * f64::EPSILON * theirs.abs(), "log1p {share:e}: {ours} and {theirs}");
            }
        }
    }
}
