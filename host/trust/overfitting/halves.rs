//! The performance of all cells on every half of the blocks, without joining blocks anew for each.
//!
//! The sums of every set among the first S/2 blocks are kept, and of every set among the last S/2: a half's sums are then one
//! addition away. Cells are worked on side by side. Each set's sums are added in the order of the blocks.

use rayon::prelude::*;

use crate::trust::{
    selection::Counts,
    splits::combinations,
    sums::{Sums, performance},
};

/// Cells that are worked on side by side.
const LANES: usize = 32;

/// Cells that a thread works on before another may.
const CHUNK: usize = 8 * LANES;

/// Numbers of cells side by side.
type Lane = [f64; LANES];

/// The sums of all cells by pieces of time.
#[derive(Debug)]
pub(super) struct Rows {
    /// Blocks of time (S).
    pub(super) blocks: usize,
    /// The cells, ascending.
    pub(super) cells: Vec<usize>,
    /// For each cell the sums of each block's body, then of what joins each block to the one before: 2 S values.
    pub(super) sums: Vec<Sums>,
}

/// The best cell of a split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    pub(super) in_sample: f64,
    pub(super) out_of_sample: f64,
    /// The place of the cell among those that are looked at.
    pub(super) row: usize,
}

impl Rows {
    /// Returns the best cell of each split; of equal ones the lowest.
    pub(super) fn best(&self) -> Vec<Best> {
        let worst = Best { in_sample: f64::NEG_INFINITY, out_of_sample: 0.0, row: 0 };
        let start = vec![worst; halves(self.blocks).len()];
        let improve = |first, one: &[f64], other: &[f64], [best, mirrored]: [&mut Best; 2]| {
            improve(best, first, one, other);
            improve(mirrored, first, other, one);
        };
        // Chunks stay in the order of cells, so that the first of equal ones stays.
        self.fold(&start, improve, |one, other| if other.in_sample > one.in_sample { other } else { one })
    }

    /// Counts for each split the cells that are out of sample below its best one, and those that are equal to it.
    pub(super) fn count(&self, best: &[Best]) -> Vec<Counts> {
        let start: Vec<(Counts, f64)> = best.iter().map(|best| (Counts::default(), best.out_of_sample)).collect();
        let tally = |_, one: &[f64], other: &[f64], [counts, mirrored]: [&mut (Counts, f64); 2]| {
            tally(counts, other);
            tally(mirrored, one);
        };
        let counts = self.fold(&start, tally, |(one, limit), (other, _)| (one.and(other), limit));
        counts.into_iter().map(|(counts, _)| counts).collect()
    }

    /// Goes through all splits in pairs of one and its mirror image, for some cells at a time.
    ///
    /// `with` gets the first of the cells, their performance on one half and on the other, and what there is so far of the split
    /// that has the one in sample and of the split that has the other. What chunks of cells come to is put together by `merge`,
    /// which is associative and exact.
    fn fold<R: Copy + Send + Sync>(
        &self,
        start: &[R],
        with: impl Fn(usize, &[f64], &[f64], [&mut R; 2]) + Sync,
        merge: impl Fn(R, R) -> R + Sync,
    ) -> Vec<R> {
        let halves = halves(self.blocks);
        let width = 2 * self.blocks;
        let chunk = |(number, rows): (usize, &[Sums])| {
            let mut found = start.to_vec();
            for (tile, rows) in rows.chunks(LANES * width).enumerate() {
                let first = number * CHUNK + tile * LANES;
                let count = rows.len() / width;
                let sets = Sets::of(rows, self.blocks);
                let (front, back) = found.split_at_mut(halves.len() / 2);
                for ((half, one), other) in halves.iter().zip(front).zip(back.iter_mut().rev()) {
                    let (left, right) = (sets.performance(*half), sets.performance(sets.others(*half)));
                    with(first, &left[..count], &right[..count], [one, other]);
                }
            }
            found
        };
        let merged = |mut all: Vec<R>, next: Vec<R>| {
            for (one, other) in all.iter_mut().zip(next) {
                *one = merge(*one, other);
            }
            all
        };
        self.sums.par_chunks(CHUNK * width).enumerate().map(chunk).reduce_with(merged).unwrap_or_default()
    }
}

/// The halves as sets of bits, in lexicographic order of their blocks: the mirror image of the i-th is the i-th from the end.
fn halves(blocks: usize) -> Vec<usize> {
    combinations(blocks, blocks / 2).into_iter().map(|set| set.iter().map(|block| 1 << block).sum()).collect()
}

#[inline]
fn improve(best: &mut Best, first: usize, in_sample: &[f64], out_of_sample: &[f64]) {
    let most = in_sample.iter().fold(f64::NEG_INFINITY, |most, value| if *value > most { *value } else { most });
    if most > best.in_sample
        && let Some(lane) = in_sample.iter().position(|value| *value == most)
    {
        *best = Best { in_sample: most, out_of_sample: out_of_sample[lane], row: first + lane };
    }
}

#[inline]
fn tally((counts, limit): &mut (Counts, f64), values: &[f64]) {
    // As numbers with a point, which are counted side by side.
    let (mut below, mut equal) = (0.0, 0.0);
    for value in values {
        below += if value < limit { 1.0 } else { 0.0 };
        equal += if value == limit { 1.0 } else { 0.0 };
    }
    *counts = counts.and(Counts { below: below as usize, equal: equal as usize });
}

/// The sums of some cells over every set of the first half of the blocks, and of the last.
struct Sets {
    half: usize,
    /// Sums of returns, and of their squares.
    returns: Sides,
    squares: Sides,
    periods: Sides<1>,
}

/// One kind of sums.
struct Sides<const N: usize = LANES> {
    low: Vec<[f64; N]>,
    high: Vec<[f64; N]>,
    /// What is added where the blocks on both sides of the middle are in the same half.
    middle: [f64; N],
}

impl Sets {
    fn of(rows: &[Sums], blocks: usize) -> Self {
        let half = blocks / 2;
        let width = 2 * blocks;
        let column = |piece: usize, of: &dyn Fn(&Sums) -> f64| -> Lane {
            let mut lanes = [0.0; LANES];
            for (lane, row) in lanes.iter_mut().zip(rows.chunks_exact(width)) {
                *lane = of(&row[piece]);
            }
            lanes
        };
        let lanes = |of: &dyn Fn(&Sums) -> f64| Sides::of(half, |piece| column(piece, of));
        Self {
            half,
            returns: lanes(&|sums| sums.sum),
            squares: lanes(&|sums| sums.squares),
            periods: Sides::of(half, |piece| [rows[piece].periods]),
        }
    }

    /// The blocks that are not in a set.
    fn others(&self, set: usize) -> usize {
        ((1 << (2 * self.half)) - 1) & !set
    }

    /// The performance of each cell on a set of blocks.
    #[inline]
    fn performance(&self, set: usize) -> Lane {
        let (low, high) = (set & ((1 << self.half) - 1), set >> self.half);
        let joined = set >> (self.half - 1) & 3 == 3;
        let [periods] = self.periods.sum(low, high, joined);
        let (sums, squares) = (self.returns.sum(low, high, joined), self.squares.sum(low, high, joined));
        let mut found = [0.0; LANES];
        for ((found, sum), squares) in found.iter_mut().zip(&sums).zip(&squares) {
            *found = performance(periods, *sum, *squares);
        }
        found
    }
}

impl<const N: usize> Sides<N> {
    /// Sums by sets, from those of the pieces: bodies of blocks, then joins.
    fn of(half: usize, piece: impl Fn(usize) -> [f64; N]) -> Self {
        let blocks = 2 * half;
        Self {
            low: sets(half, &piece, |block| piece(blocks + block)),
            high: sets(half, |block| piece(half + block), |block| piece(blocks + half + block)),
            middle: piece(blocks + half),
        }
    }

    #[inline(always)]
    fn sum(&self, low: usize, high: usize, joined: bool) -> [f64; N] {
        let sum = plus(self.low[low], &self.high[high]);
        if joined { plus(sum, &self.middle) } else { sum }
    }
}

#[inline(always)]
fn plus<const N: usize>(mut sums: [f64; N], others: &[f64; N]) -> [f64; N] {
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
    sums
}

/// The sums of every set of some blocks: a block's body, and its join to the block before where that is in the set.
fn sets<const N: usize>(
    blocks: usize,
    body: impl Fn(usize) -> [f64; N],
    join: impl Fn(usize) -> [f64; N],
) -> Vec<[f64; N]> {
    let mut sets = vec![[0.0; N]];
    for block in 0..blocks {
        let (body, join) = (body(block), join(block));
        for set in 0..1 << block {
            let joined = block > 0 && set >> (block - 1) & 1 == 1;
            let before = if joined { plus(sets[set], &join) } else { sets[set] };
            sets.push(plus(before, &body));
        }
    }
    sets
}
