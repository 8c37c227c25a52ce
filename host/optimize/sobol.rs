//! Sobol cells: a scrambled low-discrepancy sequence, mapped to the lattice.
//!
//! Never looks at outcomes.

use sobol_burley::{NUM_DIMENSIONS, sample};

use super::{
    generation::Generation,
    space::{Point, Space},
    walk::Walk,
};
use crate::model::stream::Stream;

/// Points of one scrambling; the generator has no more, then the next scrambling begins.
const POINTS: u64 = 1 << 16;

/// Points in a row that give no new cell, after which cells come from a random walk: what is left is too little for a sequence.
const GIVES_UP: u32 = 1 << 12;

/// The first bit that a point of the generator does not have: it is a multiple of 2^-24.
const RESOLUTION: f64 = 1.0 / (1 << 24) as f64;

/// The sequence of a seed (Owen scrambling by hashing: Burley 2020, "Practical hash-based Owen scrambling", JCGT 9).
///
/// Axes beyond the generator's 256 dimensions use them again with another scrambling: they are random to the first ones.
#[derive(Debug, Clone)]
pub(super) struct Sobol {
    seed: u64,
    next: u64,
    // For the bits that points lack, on axes with more than 2^24 values.
    fine: Stream,
    walk: Walk,
    is_spent: bool,
}

impl Sobol {
    /// The sequence of this seed for a space.
    pub(super) fn of(seed: u64, space: &Space) -> Self {
        Self { seed, next: 0, fine: Stream::of(seed, 1), walk: Walk::of(seed, space.cells()), is_spent: false }
    }

    /// The walk that goes on where the sequence gives no more new cells.
    pub(super) fn walk(&self) -> &Walk {
        &self.walk
    }

    /// Offers the next points to the generation until it is full or no cells are left.
    pub(super) fn fill(&mut self, generation: &mut Generation<'_>) {
        let mut misses = 0;
        while !generation.is_full() && !self.is_spent {
            let point = self.point(generation.space);
            let takes = generation.offer(generation.space.number(&point));
            misses = if takes { 0 } else { misses + 1 };
            self.is_spent = misses >= GIVES_UP;
        }
        self.walk.fill(generation);
    }

    /// Offers at most `count` cells: the generation becomes no larger than that.
    pub(super) fn fill_with(&mut self, count: u64, generation: &mut Generation<'_>) {
        generation.limit(count);
        self.fill(generation);
    }

    fn point(&mut self, space: &Space) -> Point {
        let (block, index) = (self.next / POINTS, self.next % POINTS);
        self.next += 1;
        let mut point = Point::with_capacity(space.axes().len());
        for (group, axes) in (0_u64..).zip(space.axes().chunks(NUM_DIMENSIONS as usize)) {
            let scrambling = Stream::of(self.seed, 2 + (block << 32 | group)).next() >> 32;
            for (dimension, axis) in (0..).zip(axes) {
                // Lossless: the index is below 2^16, the scrambling below 2^32.
                let coarse = f64::from(sample(index as u32, dimension, scrambling as u32));
                let unit = coarse + (1.0 - self.fine.unit()) * RESOLUTION;
                // Rounds down; the minimum is for a product that was rounded up to the length.
                point.push(((unit * axis.len as f64) as u64).min(axis.len - 1));
            }
        }
        point
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::space::Axis;

    fn space(axes: usize, len: u64) -> Space {
        Space::new(vec![Axis { len, ordered: true }; axes]).unwrap()
    }

    #[test]
    fn each_sixteenth_of_an_axis_gets_as_many_points() {
        let space = space(3, 16);
        let mut sobol = Sobol::of(9, &space);
        let points: Vec<Point> = (0..64).map(|_| sobol.point(&space)).collect();
        for axis in 0..3 {
            let count = |place| points.iter().filter(|point| point[axis] == place).count();
            assert!((0..16).all(|place| count(place) == 4));
        }
    }

    #[test]
    fn more_axes_than_dimensions_differ_from_each_other() {
        let mut axes = vec![Axis { len: 1, ordered: true }; 300];
        axes[0].len = 1 << 20;
        axes[256].len = 1 << 20;
        let space = Space::new(axes).unwrap();
        let mut sobol = Sobol::of(9, &space);
        let points: Vec<Point> = (0..64).map(|_| sobol.point(&space)).collect();
        assert!(points.iter().all(|point| point[0] != point[256]));
    }

    #[test]
    fn long_axes_are_reached_everywhere() {
        let space = space(1, 1 << 60);
        let mut sobol = Sobol::of(9, &space);
        assert!((0..100).any(|_| sobol.point(&space)[0] % 2 == 1));
    }
}
