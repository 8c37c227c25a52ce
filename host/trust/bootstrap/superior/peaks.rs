//! The highest statistics of each draw over all cells.

use rayon::prelude::*;

use super::{
    super::{
        draws::Draws,
        returns::{BLOCK, Returns, TrustError, read_block},
        sums::{Products, Sums},
        tile::{Lanes, Tile, WIDTH},
    },
    CellMoments, Recentring, Superiority, first_highest,
};

/// How a draw's sum over a centred cell becomes its statistics: `sum * scale + shift`.
#[derive(Debug, Clone, Copy)]
struct Score {
    /// `1 / (sqrt(T) omega)`, or without `omega`; zero for a cell that is left out.
    scale: f64,
    /// Added with [`Recentring::Lower`]; `-inf` for a cell that is left out, like the others.
    lower: f64,
    /// Added with [`Recentring::Consistent`].
    consistent: f64,
    /// Added with [`Recentring::Upper`].
    upper: f64,
    /// `1 / sqrt(T)`, the scale of the reality check.
    white: f64,
    mean: f64,
    /// `None` for a cell that is left out.
    statistic: Option<f64>,
}

impl Score {
    fn new(test: &Superiority<'_>, periods: f64, cell: &CellMoments) -> Self {
        let root = periods.sqrt();
        let per_error = if test.studentized { cell.omega.map(|omega| root / omega) } else { Some(root) };
        let statistic = per_error.map(|per_error| cell.mean * per_error);
        let near = -(cell.omega.unwrap_or(0.0) / root) * (2.0 * libm::log(libm::log(periods))).sqrt();
        let left_out = f64::NEG_INFINITY;
        Self {
            scale: per_error.map_or(0.0, |per_error| per_error / periods),
            lower: statistic.map_or(left_out, |statistic| statistic.min(0.0)),
            consistent: statistic.map_or(left_out, |statistic| if cell.mean >= near { 0.0 } else { statistic }),
            upper: statistic.map_or(left_out, |_| 0.0),
            white: 1.0 / root,
            mean: cell.mean,
            statistic,
        }
    }

    fn leave_out(&mut self) {
        let out = f64::NEG_INFINITY;
        *self = Self { scale: 0.0, lower: out, consistent: out, upper: out, statistic: None, ..*self };
    }
}

/// The scores of all cells.
#[derive(Debug, Clone)]
pub(super) struct Scores {
    cells: Vec<Score>,
    /// The recentring whose leader is kept.
    recentring: Recentring,
}

impl Scores {
    pub(super) fn new(test: &Superiority<'_>, cells: &[CellMoments]) -> Self {
        let periods = test.benchmark.len() as f64;
        let cells = cells.iter().map(|cell| Score::new(test, periods, cell)).collect();
        Self { cells, recentring: test.recentring }
    }

    /// The statistic of each cell, `None` of those that are left out.
    pub(super) fn statistics(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        self.cells.iter().map(|cell| cell.statistic)
    }

    /// The cell with the highest statistic, and that.
    pub(super) fn best(&self) -> Option<(usize, f64)> {
        let statistics = self.statistics().map(|statistic| statistic.unwrap_or(f64::NEG_INFINITY));
        first_highest(statistics).filter(|(_, statistic)| *statistic > f64::NEG_INFINITY)
    }

    pub(super) fn leave_out(&mut self, cell: usize) {
        self.cells[cell].leave_out();
    }
}

/// Where a statistic lies that is made of the sums of the CPU: at least at `low` and at most at `high`. Both are the statistic
/// itself, with the same bits, where the sums are those of the CPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Span {
    const NONE: Self = Self { low: f64::NEG_INFINITY, high: f64::NEG_INFINITY };

    /// Whether more than the sums at hand is needed to tell if the statistic is above `value`.
    pub(super) fn is_close_to(self, value: f64) -> bool {
        self.low <= value && value < self.high
    }

    fn include(&mut self, other: Self) {
        self.low = higher(self.low, other.low);
        self.high = higher(self.high, other.high);
    }
}

/// The highest statistics of a draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    pub(super) lower: Span,
    pub(super) consistent: Span,
    pub(super) upper: Span,
    /// Of the reality check.
    pub(super) white: Span,
    /// The cell whose statistic is at least `low` with the recentring of StepM, the first of equals.
    pub(super) leader: usize,
}

impl Peak {
    const NONE: Self =
        Self { lower: Span::NONE, consistent: Span::NONE, upper: Span::NONE, white: Span::NONE, leader: usize::MAX };

    pub(super) fn of(&self, recentring: Recentring) -> Span {
        match recentring {
            Recentring::Lower => self.lower,
            Recentring::Consistent => self.consistent,
            Recentring::Upper => self.upper,
        }
    }

    pub(super) fn of_mut(&mut self, recentring: Recentring) -> &mut Span {
        match recentring {
            Recentring::Lower => &mut self.lower,
            Recentring::Consistent => &mut self.consistent,
            Recentring::Upper => &mut self.upper,
        }
    }

    /// Takes in those of cells that come later.
    fn include(&mut self, later: &Self, recentring: Recentring) {
        if later.of(recentring).low > self.of(recentring).low {
            self.leader = later.leader;
        }
        self.lower.include(later.lower);
        self.consistent.include(later.consistent);
        self.upper.include(later.upper);
        self.white.include(later.white);
    }
}

/// The peaks of the draws `chosen` over all cells.
///
/// Blocks are read one after another, and the tiles of a block are worked on side by side. Peaks are merged in the order of the
/// tiles; the highest, and the first of equals, is the same however they are grouped. At most [`Products::most_draws`] are
/// `chosen`.
pub(super) fn peaks<R: Returns + ?Sized>(
    returns: &R,
    benchmark: &[f64],
    draws: &Draws,
    chosen: &[usize],
    products: &dyn Products,
    scores: &Scores,
) -> Result<Vec<Peak>, TrustError> {
    let none = || vec![Peak::NONE; chosen.len()];
    let merge = |mut earlier: Vec<Peak>, later: Vec<Peak>| {
        earlier.iter_mut().zip(&later).for_each(|(peak, later)| peak.include(later, scores.recentring));
        earlier
    };
    let (sums, error) = (products.prepare(draws, chosen)?, products.error(draws));
    let mut peaks = none();
    for block in 0..returns.cells().div_ceil(BLOCK) {
        let values = read_block(returns, block)?;
        let count = Tile::count(values.len() / returns.periods());
        let groups = (0..count).into_par_iter().chunks(products.tiles());
        let include = |mut peaks: Vec<Peak>, numbers: Vec<usize>| {
            let group = Group::new(&values, block, &numbers, benchmark, scores, error)?;
            group.peaks(sums.as_ref(), &mut peaks).map(|()| peaks)
        };
        let found = groups.try_fold(none, include).try_reduce(none, |a, b| Ok(merge(a, b)))?;
        peaks = merge(peaks, found);
    }
    Ok(peaks)
}

/// Tiles that are summed together, with what makes statistics of the sums.
struct Group {
    tiles: Vec<Tile>,
    scales: Vec<Scales>,
    recentring: Recentring,
}

impl Group {
    fn new(
        returns: &[f32],
        block: usize,
        numbers: &[usize],
        benchmark: &[f64],
        scores: &Scores,
        error: f64,
    ) -> Result<Self, TrustError> {
        let mut group = Self { tiles: Vec::new(), scales: Vec::new(), recentring: scores.recentring };
        for &number in numbers {
            let mut tile = Tile::of(returns, block, number, benchmark)?;
            let scores = &scores.cells[tile.first()..tile.first() + tile.cells()];
            tile.centre(&lanes(scores, 0.0, |score| score.mean));
            let sizes = if error > 0.0 { tile.sizes() } else { [0.0; WIDTH] };
            group.scales.push(Scales::new(scores, &sizes.map(|size| size * benchmark.len() as f64), error));
            group.tiles.push(tile);
        }
        Ok(group)
    }

    /// Takes the statistics of the draws that `sums` is of into `peaks`.
    fn peaks(&self, sums: &dyn Sums, peaks: &mut [Peak]) -> Result<(), TrustError> {
        sums.sums(&self.tiles, &mut |tile, first, sums| {
            let (scales, cell) = (&self.scales[tile], self.tiles[tile].first());
            for (peak, sums) in peaks[first..].iter_mut().zip(sums) {
                peak.include(&scales.peak(sums, cell, self.recentring), self.recentring);
            }
        })
    }
}

/// The scores of the cells of a tile, side by side.
struct Scales {
    scale: Lanes,
    lower: Shifts,
    consistent: Shifts,
    upper: Shifts,
    white_scale: Lanes,
    white: Shifts,
    /// Whether sums are those of the CPU, so that both bounds are the same.
    is_exact: bool,
}

impl Scales {
    /// `reach` is what the sum of a cell may be at most; sums are known to `error` times that.
    fn new(scores: &[Score], reach: &Lanes, error: f64) -> Self {
        let scale = lanes(scores, 0.0, |score| score.scale);
        let white_scale = lanes(scores, 0.0, |score| score.white);
        let shifts = |scale: &Lanes, of: &dyn Fn(&Score) -> f64| {
            Shifts::new(
                &lanes(scores, f64::NEG_INFINITY, of),
                &std::array::from_fn(|lane| reach[lane] * scale[lane]),
                error,
            )
        };
        Self {
            lower: shifts(&scale, &|score| score.lower),
            consistent: shifts(&scale, &|score| score.consistent),
            upper: shifts(&scale, &|score| score.upper),
            white: shifts(&white_scale, &|_| 0.0),
            scale,
            white_scale,
            is_exact: error <= 0.0,
        }
    }

    /// The peak of a draw with these sums over cells from `first` on.
    fn peak(&self, sums: &Lanes, first: usize, recentring: Recentring) -> Peak {
        let lower = statistics(sums, &self.scale, &self.lower.low);
        let consistent = statistics(sums, &self.scale, &self.consistent.low);
        let upper = statistics(sums, &self.scale, &self.upper.low);
        let white = statistics(sums, &self.white_scale, &self.white.low);
        let leads = match recentring {
            Recentring::Lower => &lower,
            Recentring::Consistent => &consistent,
            Recentring::Upper => &upper,
        };
        let best = highest(leads);
        let leader = leads.iter().position(|&statistic| statistic == best).map_or(usize::MAX, |lane| first + lane);
        let span = |low: &Lanes, scale, shifts: &Shifts| {
            let low = highest(low);
            Span { low, high: if self.is_exact { low } else { highest(&statistics(sums, scale, &shifts.high)) } }
        };
        Peak {
            lower: span(&lower, &self.scale, &self.lower),
            consistent: span(&consistent, &self.scale, &self.consistent),
            upper: span(&upper, &self.scale, &self.upper),
            white: span(&white, &self.white_scale, &self.white),
            leader,
        }
    }
}

/// What is added to scaled sums, at least and at most.
struct Shifts {
    low: Lanes,
    high: Lanes,
}

impl Shifts {
    /// `reach` is what a scaled sum may be at most, and `error` the share of it by which the sum may be wrong. The statistic is
    /// rounded twice, and so are the bounds: hence four times the unit of rounding besides, of the sum and of the shift.
    fn new(shift: &Lanes, reach: &Lanes, error: f64) -> Self {
        let slack: Lanes = std::array::from_fn(|lane| {
            let known = error > 0.0 && shift[lane].is_finite();
            if known { reach[lane] * (error + ROUNDING) + shift[lane].abs() * ROUNDING } else { 0.0 }
        });
        let with = |sign: f64| std::array::from_fn(|lane| shift[lane] + sign * slack[lane]);
        Self { low: with(-1.0), high: with(1.0) }
    }
}

/// Four times the unit of rounding.
const ROUNDING: f64 = 2.0 * f64::EPSILON;

fn statistics(sums: &Lanes, scale: &Lanes, shift: &Lanes) -> Lanes {
    std::array::from_fn(|lane| sums[lane] * scale[lane] + shift[lane])
}

/// What `of` finds of each score, and `rest` in the lanes without a cell.
fn lanes(scores: &[Score], rest: f64, of: impl Fn(&Score) -> f64) -> Lanes {
    std::array::from_fn(|lane| scores.get(lane).map_or(rest, &of))
}

/// The higher of two numbers, the first where they are equal.
fn higher(first: f64, second: f64) -> f64 {
    if second > first { second } else { first }
}

/// The highest lane: halves are compared lane by lane, so that pairs of lanes are compared at once.
fn highest(lanes: &Lanes) -> f64 {
    let mut lanes = *lanes;
    let mut half = WIDTH / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = higher(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}
