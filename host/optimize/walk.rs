//! A walk through all cells in random order: a seeded permutation of their numbers, each visited once.
//!
//! Never keeps the visited cells in memory.

use super::generation::Generation;
use crate::model::stream::{Stream, mix};

/// Rounds of the Feistel network. Four make it look random (Luby and Rackoff 1988); the other two are for halves of a few bits.
const ROUNDS: usize = 6;

/// Cells in a row that are not allowed, after which the walk gives up. A smaller space is always walked to its end.
const GIVES_UP: u32 = 1 << 20;

/// Where a walk stands.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    cells: u64,
    shift: u64,
    keys: [u64; ROUNDS],
    half: u32,
    next: u64,
    gave_up: bool,
}

impl Walk {
    /// The walk of this seed through `cells` cells; at least one, at most 2^63.
    pub(super) fn of(seed: u64, cells: u64) -> Self {
        let mut stream = Stream::of(seed, 0);
        let keys = std::array::from_fn(|_| stream.next());
        let bits = u64::BITS - (cells - 1).leading_zeros();
        Self { cells, shift: stream.index(cells), keys, half: bits.div_ceil(2).max(1), next: 0, gave_up: false }
    }

    /// Whether the walk ended before the last cell, since allowed ones are too rare.
    pub(super) fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Offers the next cells to the generation until it is full or the walk ends.
    pub(super) fn fill(&mut self, generation: &mut Generation<'_>) {
        let mut misses = 0;
        while !generation.is_full() && self.next < self.cells && !self.gave_up {
            let number = self.cell(self.next);
            self.next += 1;
            misses = if generation.allows(number) { 0 } else { misses + 1 };
            generation.offer(number);
            self.gave_up = misses >= GIVES_UP;
        }
    }

    /// The cell at a place of the walk: a Feistel network on the smallest square of a power of two that holds all cells,
    /// repeated while it leads outside (Black and Rogaway 2002, "Ciphers with arbitrary finite domains": cycle walking).
    fn cell(&self, place: u64) -> u64 {
        // Below 2^64: both terms are below 2^63.
        let mut number = (place + self.shift) % self.cells;
        loop {
            number = self.permute(number);
            if number < self.cells {
                return number;
            }
        }
    }

    fn permute(&self, number: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (number >> self.half, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_visits_every_cell_once() {
        for cells in [1, 2, 3, 7, 64, 1_000] {
            let walk = Walk::of(4, cells);
            let mut numbers: Vec<u64> = (0..cells).map(|place| walk.cell(place)).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..cells));
        }
    }

    #[test]
    fn the_largest_space_can_be_walked() {
        let walk = Walk::of(4, 1 << 63);
        assert!((0..1_000).all(|place| walk.cell(place) < 1 << 63));
    }

    #[test]
    fn first_cells_and_pairs_are_equally_likely() {
        let mut counts = [[0_i32; 5]; 5];
        for seed in 0..20_000 {
            let walk = Walk::of(seed, 5);
            counts[walk.cell(0) as usize][walk.cell(1) as usize] += 1;
        }
        // Five standard errors of a count.
        let even = |first: usize, second: usize| first == second || (counts[first][second] - 1_000).abs() < 160;
        assert!((0..25).all(|pair| even(pair / 5, pair % 5)), "{counts:?}");
    }
}
