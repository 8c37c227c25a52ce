//! The highest statistics of each draw over all cells.

use rayon::prelude::*;

use super::{
    super::{
        draws::Draws,
        returns::{BLOCK, Returns, TrustError, read_block},
        sums::Products,
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

/// The highest statistics of a draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    pub(super) lower: f64,
    pub(super) consistent: f64,
    pub(super) upper: f64,
    /// Of the reality check.
    pub(super) white: f64,
    /// The cell that has the highest statistic with the recentring of StepM, the first of equals.
    pub(super) leader: usize,
}

impl Peak {
    const NONE: Self = Self {
        lower: f64::NEG_INFINITY,
        consistent: f64::NEG_INFINITY,
        upper: f64::NEG_INFINITY,
        white: f64::NEG_INFINITY,
        leader: usize::MAX,
    };

    pub(super) fn of(&self, recentring: Recentring) -> f64 {
        match recentring {
            Recentring::Lower => self.lower,
            Recentring::Consistent => self.consistent,
            Recentring::Upper => self.upper,
        }
    }

    /// Takes in those of cells that come later.
    fn include(&mut self, later: &Self, recentring: Recentring) {
        if later.of(recentring) > self.of(recentring) {
            self.leader = later.leader;
        }
        self.lower = higher(self.lower, later.lower);
        self.consistent = higher(self.consistent, later.consistent);
        self.upper = higher(self.upper, later.upper);
        self.white = higher(self.white, later.white);
    }
}

/// The peaks of the draws `chosen` over all cells.
///
/// Blocks are read one after another, and the tiles of a block are worked on side by side. Peaks are merged in the order of the
/// tiles; the highest, and the first of equals, is the same however they are grouped.
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
    let mut peaks = none();
    for block in 0..returns.cells().div_ceil(BLOCK) {
        let values = read_block(returns, block)?;
        let count = Tile::count(values.len() / returns.periods());
        let groups = (0..count).into_par_iter().chunks(products.tiles());
        let include = |mut peaks: Vec<Peak>, numbers: Vec<usize>| {
            let group = Group::new(&values, block, &numbers, benchmark, scores)?;
            group.peaks(draws, chosen, products, &mut peaks);
            Ok(peaks)
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
    ) -> Result<Self, TrustError> {
        let mut group = Self { tiles: Vec::new(), scales: Vec::new(), recentring: scores.recentring };
        for &number in numbers {
            let mut tile = Tile::of(returns, block, number, benchmark)?;
            let scores = &scores.cells[tile.first()..tile.first() + tile.cells()];
            tile.centre(&lanes(scores, 0.0, |score| score.mean));
            group.tiles.push(tile);
            group.scales.push(Scales::new(scores));
        }
        Ok(group)
    }

    /// Takes the statistics of the draws `chosen` into `peaks`.
    fn peaks(&self, draws: &Draws, chosen: &[usize], products: &dyn Products, peaks: &mut [Peak]) {
        products.sums(draws, chosen, &self.tiles, &mut |tile, first, sums| {
            let (scales, cell) = (&self.scales[tile], self.tiles[tile].first());
            for (peak, sums) in peaks[first..].iter_mut().zip(sums) {
                peak.include(&scales.peak(sums, cell, self.recentring), self.recentring);
            }
        });
    }
}

/// The scores of the cells of a tile, side by side.
struct Scales {
    scale: Lanes,
    lower: Lanes,
    consistent: Lanes,
    upper: Lanes,
    white_scale: Lanes,
    white: Lanes,
}

impl Scales {
    fn new(scores: &[Score]) -> Self {
        Self {
            scale: lanes(scores, 0.0, |score| score.scale),
            lower: lanes(scores, f64::NEG_INFINITY, |score| score.lower),
            consistent: lanes(scores, f64::NEG_INFINITY, |score| score.consistent),
            upper: lanes(scores, f64::NEG_INFINITY, |score| score.upper),
            white_scale: lanes(scores, 0.0, |score| score.white),
            white: lanes(scores, f64::NEG_INFINITY, |_| 0.0),
        }
    }

    /// The peak of a draw with these sums over cells from `first` on.
    fn peak(&self, sums: &Lanes, first: usize, recentring: Recentring) -> Peak {
        let lower = statistics(sums, &self.scale, &self.lower);
        let consistent = statistics(sums, &self.scale, &self.consistent);
        let upper = statistics(sums, &self.scale, &self.upper);
        let white = statistics(sums, &self.white_scale, &self.white);
        let leads = match recentring {
            Recentring::Lower => &lower,
            Recentring::Consistent => &consistent,
            Recentring::Upper => &upper,
        };
        let best = highest(leads);
        let leader = leads.iter().position(|&statistic| statistic == best).map_or(usize::MAX, |lane| first + lane);
        Peak {
            lower: highest(&lower),
            consistent: highest(&consistent),
            upper: highest(&upper),
            white: highest(&white),
            leader,
        }
    }
}

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
