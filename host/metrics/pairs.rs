//! Sums over pairs of returns, one of a run and one of a benchmark, about a shift that the first block decides.
//!
//! Never divides per pair.
//!
//! Sums of squares and products are taken about the means of the first 64 periods. Those 64 alone put a floor under the variance
//! that a bad shift could hide: of the bits of a sum at most `log2(n / 64)` are lost, where sums about zero have no bound. The
//! returns over the benchmark are subtracted before they are squared, so that a tracking error of nothing is exactly nothing.

use super::{
    lanes::{Kind, LANES, Lanes, Work, total},
    relative::Totals,
    sums::NOISE,
};

/// Pairs whose means are the shift, a multiple of [`LANES`].
pub(super) const BLOCK: usize = 64;

/// What all sums are taken about.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Shift {
    r: f64,
    b: f64,
    excess: f64,
}

impl Shift {
    /// The means of a first block.
    pub(super) fn of(r: &[f64], b: &[f64]) -> Self {
        let count = r.len().max(1) as f64;
        let sum = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |sum, value| sum + value) / count;
        let excess = sum(&mut r.iter().zip(b).map(|(r, b)| r - b));
        Self { r: sum(&mut r.iter().copied()), b: sum(&mut b.iter().copied()), excess }
    }
}

/// Lane by lane; lane `i % 4` takes pair `i`.
type Sum = [f64; LANES];

/// The sums that only the benchmark decides.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Alone {
    first: Sum,
    second: Sum,
    /// Of its gains, and how many there are.
    up: Sum,
    ups: Sum,
    /// Of its losses, and how many there are.
    down: Sum,
    downs: Sum,
}

/// The sums that need the strategy.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Paired {
    first: Sum,
    second: Sum,
    product: Sum,
    excess: Sum,
    excess_second: Sum,
    /// Of the strategy's returns in periods in which the benchmark gained, and in those in which it lost.
    up: Sum,
    down: Sum,
    /// Periods in which the strategy did better.
    wins: Sum,
}

/// A pass over pairs. The benchmark's own sums are taken where `ALONE` says so.
struct Pairs<'a, const ALONE: bool> {
    r: &'a [f64],
    b: &'a [f64],
    shift: Shift,
    alone: &'a mut Alone,
    paired: &'a mut Paired,
}

/// All sums as lanes, while a pass runs.
#[derive(Clone, Copy)]
struct Registers<L> {
    shift: [L; 3],
    /// 0, 1 and what rounding alone explains.
    zero: L,
    one: L,
    noise: L,
    first: L,
    second: L,
    product: L,
    excess: L,
    excess_second: L,
    up: L,
    down: L,
    wins: L,
    own_first: L,
    own_second: L,
    own_up: L,
    ups: L,
    own_down: L,
    downs: L,
}

impl<L: Lanes> Registers<L> {
    #[inline(always)]
    fn load(shift: Shift, alone: &Alone, paired: &Paired) -> Self {
        Self {
            shift: [L::each(shift.r), L::each(shift.b), L::each(shift.excess)],
            zero: L::each(0.0),
            one: L::each(1.0),
            noise: L::each(NOISE),
            first: L::load(&paired.first),
            second: L::load(&paired.second),
            product: L::load(&paired.product),
            excess: L::load(&paired.excess),
            excess_second: L::load(&paired.excess_second),
            up: L::load(&paired.up),
            down: L::load(&paired.down),
            wins: L::load(&paired.wins),
            own_first: L::load(&alone.first),
            own_second: L::load(&alone.second),
            own_up: L::load(&alone.up),
            ups: L::load(&alone.ups),
            own_down: L::load(&alone.down),
            downs: L::load(&alone.downs),
        }
    }

    /// Adds a set of pairs, of which those count that are 1 in `counted` and have zeros elsewhere.
    #[inline(always)]
    fn add<const ALONE: bool>(&mut self, r: L, b: L, counted: L) {
        let [shift_r, shift_b, shift_excess] = self.shift;
        let over = r - b;
        let (x, y, e) = ((r - shift_r) * counted, (b - shift_b) * counted, (over - shift_excess) * counted);
        self.first = self.first + x;
        self.second = self.second + x * x;
        self.product = self.product + x * y;
        self.excess = self.excess + e;
        self.excess_second = self.excess_second + e * e;
        self.up = self.up + r.where_above(b, self.zero);
        self.down = self.down + r.where_above(self.zero, b);
        self.wins = self.wins + self.one.where_above(over, self.noise);
        if ALONE {
            self.own_first = self.own_first + y;
            self.own_second = self.own_second + y * y;
            self.own_up = self.own_up + b.where_above(b, self.zero);
            self.ups = self.ups + self.one.where_above(b, self.zero);
            self.own_down = self.own_down + b.where_above(self.zero, b);
            self.downs = self.downs + self.one.where_above(self.zero, b);
        }
    }

    #[inline(always)]
    fn paired(&self) -> Paired {
        Paired {
            first: self.first.store(),
            second: self.second.store(),
            product: self.product.store(),
            excess: self.excess.store(),
            excess_second: self.excess_second.store(),
            up: self.up.store(),
            down: self.down.store(),
            wins: self.wins.store(),
        }
    }

    #[inline(always)]
    fn alone(&self) -> Alone {
        Alone {
            first: self.own_first.store(),
            second: self.own_second.store(),
            up: self.own_up.store(),
            ups: self.ups.store(),
            down: self.own_down.store(),
            downs: self.downs.store(),
        }
    }
}

impl<const ALONE: bool> Work for Pairs<'_, ALONE> {
    type Found = ();

    #[inline(always)]
    fn on<L: Lanes>(self) {
        let Self { r, b, shift, alone, paired } = self;
        let mut sums = Registers::<L>::load(shift, alone, paired);
        let ((sets, rest), (others, other_rest)) = (r.as_chunks(), b.as_chunks());
        for (r, b) in sets.iter().zip(others) {
            sums.add::<ALONE>(L::load(r), L::load(b), L::each(1.0));
        }
        if !rest.is_empty() {
            let mut last = [[0.0; LANES]; 3];
            for (lane, (r, b)) in rest.iter().zip(other_rest).enumerate() {
                (last[0][lane], last[1][lane], last[2][lane]) = (*r, *b, 1.0);
            }
            sums.add::<ALONE>(L::load(&last[0]), L::load(&last[1]), L::load(&last[2]));
        }
        *paired = sums.paired();
        if ALONE {
            *alone = sums.alone();
        }
    }
}

/// Adds pairs to sums. All but the last call take a multiple of [`LANES`].
pub(super) fn add<const ALONE: bool>(
    kind: Kind,
    (r, b): (&[f64], &[f64]),
    shift: Shift,
    alone: &mut Alone,
    paired: &mut Paired,
) {
    kind.run(Pairs::<ALONE> { r, b, shift, alone, paired });
}

/// The moments that `count` pairs have.
pub(super) fn totals(count: usize, shift: Shift, alone: &Alone, paired: &Paired) -> Totals {
    let n = count.max(1) as f64;
    let squares = |first: f64, second: f64| (second - first * first / n).max(0.0);
    let mean = |shift: f64, first: f64| shift + first / n;
    let [x1, x2, xy] = [paired.first, paired.second, paired.product].map(total);
    let [y1, y2] = [alone.first, alone.second].map(total);
    let [e1, e2] = [paired.excess, paired.excess_second].map(total);
    Totals {
        count,
        mean: mean(shift.r, x1),
        squares: squares(x1, x2),
        benchmark_mean: mean(shift.b, y1),
        benchmark_squares: squares(y1, y2),
        products: xy - x1 * y1 / n,
        excess_mean: mean(shift.excess, e1),
        excess_squares: squares(e1, e2),
        up: [paired.up, alone.up].map(total),
        down: [paired.down, alone.down].map(total),
        ups: total(alone.ups),
        downs: total(alone.downs),
        wins: total(paired.wins),
        ..Totals::default()
    }
}
