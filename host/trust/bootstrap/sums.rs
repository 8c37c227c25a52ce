//! Sums of resampled returns: for each draw and each cell, what the periods of the draw add up to.
//!
//! All have one fixed order. Knows nothing of tests.

use super::{
    draws::{Draws, Run},
    returns::TrustError,
    tile::{Lanes, Tile, WIDTH, add},
};

/// Draws whose sums are handed on together.
const BATCH: usize = 64;

/// Takes the sums of some draws over the cells of a tile: the tile's number in its slice, the place of the first draw in the
/// list of draws, and `sums[draw][cell]`.
pub type Take<'a> = dyn FnMut(usize, usize, &[Lanes]) + 'a;

/// A way to sum resampled returns.
pub trait Products: Sync {
    /// Tiles that one call takes at most.
    fn tiles(&self) -> usize;

    /// Draws that are prepared at once at most.
    fn most_draws(&self) -> usize {
        usize::MAX
    }

    /// How far a sum may lie from that of [`PrefixSums`], as a share of the number of periods times the largest absolute value of
    /// the cell. Zero where nobody is to sum again what is too close to call.
    fn error(&self, _draws: &Draws) -> f64 {
        0.0
    }

    /// Prepares the sums of the draws `chosen`, by their numbers.
    ///
    /// # Errors
    ///
    /// [`TrustError::Device`] where a device fails and nothing stands in for it.
    fn prepare<'a>(&'a self, draws: &'a Draws, chosen: &'a [usize]) -> Result<Box<dyn Sums + 'a>, TrustError>;
}

/// Sums of some draws.
pub trait Sums: Sync {
    /// Hands `take` the sums over the cells of each tile. Batches of draws and tiles may come in any order, each once.
    ///
    /// # Errors
    ///
    /// [`TrustError::Device`] where a device fails and nothing stands in for it.
    fn sums(&self, tiles: &[Tile], take: &mut Take<'_>) -> Result<(), TrustError>;
}

/// Sums by prefix sums: a run of periods adds the difference of two. About `2 T / L` additions a draw and cell, and `T` to
/// prepare a cell. The prefix sums of a tile take `64 T` bytes, which
/// should fit the second cache of a core: twice as wide a tile was half as slow again at 8,000 periods.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrefixSums;

impl Products for PrefixSums {
    fn tiles(&self) -> usize {
        1
    }

    fn prepare<'a>(&'a self, draws: &'a Draws, chosen: &'a [usize]) -> Result<Box<dyn Sums + 'a>, TrustError> {
        Ok(Box::new(ByRuns { draws, chosen }))
    }
}

struct ByRuns<'a> {
    draws: &'a Draws,
    chosen: &'a [usize],
}

impl Sums for ByRuns<'_> {
    fn sums(&self, tiles: &[Tile], take: &mut Take<'_>) -> Result<(), TrustError> {
        each(self.chosen, tiles, take, prefix, |prefix, draw| sum_runs(prefix, self.draws.runs(draw)));
        Ok(())
    }
}

/// Sums as a dense product: the count of each period times its return. `2 T` operations a draw and cell. For comparison.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dense;

impl Products for Dense {
    fn tiles(&self) -> usize {
        1
    }

    fn prepare<'a>(&'a self, draws: &'a Draws, chosen: &'a [usize]) -> Result<Box<dyn Sums + 'a>, TrustError> {
        Ok(Box::new(ByCounts { draws, chosen }))
    }
}

struct ByCounts<'a> {
    draws: &'a Draws,
    chosen: &'a [usize],
}

impl Sums for ByCounts<'_> {
    fn sums(&self, tiles: &[Tile], take: &mut Take<'_>) -> Result<(), TrustError> {
        each(self.chosen, tiles, take, Tile::values, |values, draw| sum_counts(values, &counts(self.draws, draw)));
        Ok(())
    }
}

/// Sums draw after draw, in batches, from what is prepared of each tile.
fn each<'t, P: 't>(
    chosen: &[usize],
    tiles: &'t [Tile],
    take: &mut Take<'_>,
    prepare: impl Fn(&'t Tile) -> P,
    sum: impl Fn(&P, usize) -> Lanes,
) {
    let mut sums = Vec::with_capacity(BATCH);
    for (number, tile) in tiles.iter().enumerate() {
        let prepared = prepare(tile);
        for (batch, chosen) in chosen.chunks(BATCH).enumerate() {
            sums.clear();
            sums.extend(chosen.iter().map(|&draw| sum(&prepared, draw)));
            take(number, batch * BATCH, &sums);
        }
    }
}

/// Sums of the cells of a tile. Aligned, so that a row of prefix sums is one line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Row(Lanes);

/// The sums before each period and after the last.
fn prefix(tile: &Tile) -> Vec<Row> {
    let mut sum = [0.0; WIDTH];
    let mut prefix = Vec::with_capacity(tile.values().len() + 1);
    prefix.push(Row(sum));
    for values in tile.values() {
        add(&mut sum, values);
        prefix.push(Row(sum));
    }
    prefix
}

fn sum_runs(prefix: &[Row], runs: &[Run]) -> Lanes {
    let mut sum = [0.0; WIDTH];
    for run in runs {
        let (before, after) = (&prefix[run.from as usize], &prefix[run.to as usize]);
        for ((sum, after), before) in sum.iter_mut().zip(&after.0).zip(&before.0) {
            *sum += after - before;
        }
    }
    sum
}

/// How often each period is in a draw.
fn counts(draws: &Draws, draw: usize) -> Vec<f64> {
    let mut counts = vec![0.0; draws.periods()];
    draws.indexes(draw).for_each(|index| counts[index] += 1.0);
    counts
}

/// The sums of values that come as often as `counts` says.
pub(super) fn sum_counts(values: &[Lanes], counts: &[f64]) -> Lanes {
    let mut sum = [0.0; WIDTH];
    for (values, count) in values.iter().zip(counts) {
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += count * value;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sums(products: &dyn Products, draws: &Draws, chosen: &[usize], tiles: &[Tile]) -> Vec<Vec<Lanes>> {
        let mut found = vec![vec![[f64::NAN; WIDTH]; chosen.len()]; tiles.len()];
        let mut take = |tile: usize, first: usize, sums: &[Lanes]| {
            found[tile][first..first + sums.len()].copy_from_slice(sums);
        };
        products.prepare(draws, chosen).unwrap().sums(tiles, &mut take).unwrap();
        found
    }

    proptest! {
        #[test]
        fn prefix_sums_and_the_dense_product_agree(
            returns in prop::collection::vec(-0.1..0.1_f32, 20 * 50),
            mean_length in 1.0..30.0_f64,
            seed: u64,
        ) {
            let draws = Draws::stationary(50, 150, mean_length, seed).unwrap();
            let tiles = [0, 1].map(|number| Tile::of(&returns, 0, number, &[0.0; 50]).unwrap());
            let chosen: Vec<usize> = (0..150).rev().step_by(2).collect();
            let (fast, slow) = (sums(&PrefixSums, &draws, &chosen, &tiles), sums(&Dense, &draws, &chosen, &tiles));
            for (fast, slow) in fast.iter().flatten().flatten().zip(slow.iter().flatten().flatten()) {
                prop_assert!((fast - slow).abs() < 1e-12, "{fast} {slow}");
            }
            // And the sum over the indexes, one after another.
            let cell: f64 = draws.indexes(chosen[3]).map(|index| f64::from(returns[(WIDTH + 1) * 50 + index])).sum();
            prop_assert!((fast[1][3][1] - cell).abs() < 1e-12);
        }
    }
}
