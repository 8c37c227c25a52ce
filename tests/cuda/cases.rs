//! Returns of all kinds that bring sums close to each other, with draws and tests of them.

use std::ops::Range;

use super::{Draws, Matrix, Recentring, Superiority};

/// What a kind of returns brings close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Nothing: normal returns, some with an edge.
    Noise,
    /// Returns of few values, whose sums are often equal and exact.
    Ties,
    /// The same with values that are not exact, whose sums differ by rounding only.
    NearTies,
    /// Cells that are equal, or each other's negatives.
    Copies,
    /// Cells that do not vary, and some that nearly do not.
    Still,
    /// Returns that go up and down by turns: the error of their mean is tiny.
    ByTurns,
    /// Cells of sizes from a millionth to a thousand.
    Sizes,
    /// Many cells that beat the benchmark, so that StepM has several steps.
    Steps,
}

const KINDS: [Kind; 8] =
    [Kind::Noise, Kind::Ties, Kind::NearTies, Kind::Copies, Kind::Still, Kind::ByTurns, Kind::Sizes, Kind::Steps];

pub(super) struct Case {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) returns: Matrix,
    pub(super) benchmark: Vec<f64>,
    pub(super) draws: Draws,
    pub(super) studentized: bool,
    pub(super) recentring: Recentring,
    pub(super) alpha: f64,
}

impl Case {
    pub(super) fn test(&self) -> Superiority<'_> {
        let Self { studentized, recentring, alpha, .. } = *self;
        Superiority { benchmark: &self.benchmark, studentized, recentring, alpha }
    }
}

/// A random number that its place fixes (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| (self.next() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0
    }
}

/// Cases of each kind for each seed.
pub(super) fn cases(seeds: Range<u64>) -> impl Iterator<Item = Case> {
    seeds.flat_map(|seed| KINDS.into_iter().map(move |kind| case(kind, seed)))
}

fn case(kind: Kind, seed: u64) -> Case {
    let mut random = Random(seed * 1_000 + kind as u64);
    let periods = 16 + random.below(if kind == Kind::Noise { 300 } else { 60 });
    let cells = if seed == 7 { 1_100 } else { 1 + random.below(150) };
    let (count, length) = (256 + random.below(500), 1.0 + random.below(12) as f64);
    let draws = Draws::stationary(periods, count, length, seed).unwrap();
    let rate = [0.0, 1e-4, 1.0 / 128.0][random.below(3)];
    let benchmark = vec![rate; periods];
    let values = (0..cells).flat_map(|cell| row(kind, cell, periods, seed, &mut random)).collect();
    Case {
        name: format!("{kind:?} of seed {seed}"),
        kind,
        returns: Matrix::new(periods, values).unwrap(),
        benchmark,
        draws,
        studentized: random.below(3) > 0,
        recentring: [Recentring::Lower, Recentring::Consistent, Recentring::Upper][random.below(3)],
        alpha: [0.05, 0.25, 0.5][random.below(3)],
    }
}

fn row(kind: Kind, cell: usize, periods: usize, seed: u64, random: &mut Random) -> Vec<f32> {
    let mut noise = |scale: f64, mean: f64| (0..periods).map(|_| (scale * random.normal() + mean) as f32).collect();
    match kind {
        Kind::Noise => noise(0.01, if cell % 9 == 4 { 0.002 } else { 0.0 }),
        Kind::Steps => noise(0.01, if cell % 3 == 1 { 0.01 * cell as f64 / 100.0 } else { 0.0 }),
        Kind::Sizes => noise([1e-6, 1e-3, 1.0, 1e3][cell % 4], 0.0),
        Kind::Ties => (0..periods).map(|_| (random.below(3) as f32 - 1.0) / 128.0).collect(),
        Kind::NearTies => (0..periods).map(|_| 0.01 * (random.below(3) as f32 - 1.0)).collect(),
        Kind::Copies => {
            let mut of_pair = Random(seed * 77 + (cell % 5) as u64);
            let sign = if cell.is_multiple_of(2) { 1.0 } else { -1.0 };
            (0..periods).map(|_| sign * (of_pair.below(7) as f32 - 2.5) * 0.003).collect()
        }
        Kind::Still => {
            let step = [0.0, 1e-12, 1e-9, 1e-3][cell % 4];
            (0..periods).map(|_| 0.01 + (step * (random.below(3) as f64 - 1.0)) as f32).collect()
        }
        Kind::ByTurns => {
            let size = 0.01 * (1 + cell % 3) as f32;
            (0..periods)
                .map(|at| if at.is_multiple_of(2) { size } else { -size + 1e-5 * random.below(2) as f32 })
                .collect()
        }
    }
}
