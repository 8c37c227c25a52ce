//! The search space: axes, points on their lattice, and the number of each point.
//!
//! Never evaluates a cell, and never knows what an axis means.

use crate::model::stream::Stream;

/// Cells that a space has at most.
const MAXIMUM: u64 = 1 << 63;

/// The place of a value on each axis, in the order of the axes.
pub type Point = Vec<u64>;

/// An axis of the lattice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Number of its values; at least 1.
    pub len: u64,
    /// Whether neighbours on it resemble each other: numbers in ascending order do, texts and booleans do not.
    pub ordered: bool,
}

/// A lattice of cells: every combination of a value of each axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    axes: Vec<Axis>,
    cells: u64,
}

/// Why a space cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// An axis has no values.
    #[error("axis {axis} has no values; give it at least one")]
    EmptyAxis {
        /// Its place, from 0.
        axis: usize,
    },
    /// There are too many combinations to number them.
    #[error("the axes have more than 2^63 combinations; give fewer axes or fewer values")]
    TooManyCells,
}

impl Space {
    /// Returns the space of these axes; without any it has a single cell.
    ///
    /// # Errors
    ///
    /// If an axis has no values, or if there are more than 2^63 cells.
    pub fn new(axes: Vec<Axis>) -> Result<Self, SpaceError> {
        if let Some(axis) = axes.iter().position(|axis| axis.len == 0) {
            return Err(SpaceError::EmptyAxis { axis });
        }
        let cells = axes.iter().try_fold(1_u64, |cells, axis| cells.checked_mul(axis.len));
        match cells.filter(|cells| *cells <= MAXIMUM) {
            Some(cells) => Ok(Self { axes, cells }),
            None => Err(SpaceError::TooManyCells),
        }
    }

    /// Returns the axes.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Returns the number of cells, allowed or not; 1 to 2^63.
    #[must_use]
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Returns the number of a point: its mixed-radix value, the first axis being the most significant.
    ///
    /// The point has a place on each axis, below the axis's length.
    #[must_use]
    pub fn number(&self, point: &[u64]) -> u64 {
        self.axes.iter().zip(point).fold(0, |number, (axis, place)| number * axis.len + place)
    }

    /// Returns the point with this number, which is below [`Space::cells`].
    #[must_use]
    pub fn point(&self, number: u64) -> Point {
        let mut point = vec![0; self.axes.len()];
        let mut rest = number;
        for (place, axis) in point.iter_mut().zip(&self.axes).rev() {
            *place = rest % axis.len;
            rest /= axis.len;
        }
        point
    }

    /// Moves `point` about half the way to `goal`: a place between the two on each ordered axis, one of the two on others.
    pub(super) fn halve(&self, point: &mut [u64], goal: &[u64], stream: &mut Stream) {
        for ((axis, place), goal) in self.axes.iter().zip(point).zip(goal) {
            if axis.ordered {
                *place = place.midpoint(*goal);
            } else if stream.chance(0.5) {
                *place = *goal;
            }
        }
    }
}

impl Axis {
    /// Returns the place that is `by` places from `place`, rounded up or down at random (so that many small moves are right on
    /// average), and bounced off the ends.
    pub(super) fn shift(self, place: u64, by: f64, stream: &mut Stream) -> u64 {
        let floor = by.floor();
        // Saturates far beyond the longest axis, which the bounce and the clamp bring back.
        let whole = floor as i128 + i128::from(stream.unit() <= by - floor);
        let last = i128::from(self.len - 1);
        let target = i128::from(place).saturating_add(whole);
        let bounced = if target > last { (2 * last).saturating_sub(target) } else { target.saturating_abs() };
        u64::try_from(bounced.clamp(0, last)).unwrap_or(place)
    }

    /// Returns any of the axis's places, each equally likely.
    pub(super) fn any(self, stream: &mut Stream) -> u64 {
        stream.index(self.len)
    }
}

/// The distance from `from` to `to` in places, with its sign.
pub(super) fn difference(from: u64, to: u64) -> f64 {
    // Exact below 2^53; beyond, a relative error of 2^-53 does not matter.
    (i128::from(to) - i128::from(from)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(lengths: &[u64]) -> Space {
        Space::new(lengths.iter().map(|len| Axis { len: *len, ordered: true }).collect()).unwrap()
    }

    #[test]
    fn numbers_and_points_are_each_others_inverse() {
        let space = space(&[3, 1, 4]);
        assert_eq!(space.cells(), 12);
        assert!((0..12).all(|number| space.number(&space.point(number)) == number));
        assert_eq!(space.point(7), [1, 0, 3]);
    }

    #[test]
    fn a_space_has_at_most_2_to_the_63_cells() {
        assert_eq!(space(&[1 << 31, 1 << 32]).cells(), 1 << 63);
        let axis = |len| Axis { len, ordered: true };
        assert_eq!(Space::new(vec![axis(1 << 32), axis(1 << 32)]), Err(SpaceError::TooManyCells));
        assert_eq!(Space::new(vec![axis(1), axis(0)]), Err(SpaceError::EmptyAxis { axis: 1 }));
        assert_eq!(space(&[]).cells(), 1);
    }

    #[test]
    fn a_shift_rounds_at_random_and_bounces() {
        let axis = Axis { len: 10, ordered: true };
        let mut stream = Stream::of(1, 0);
        let sum: u64 = (0..4_000).map(|_| axis.shift(5, 0.25, &mut stream) - 5).sum();
        // Five standard errors.
        assert!(sum.abs_diff(1_000) < 140, "{sum}");
        assert_eq!(axis.shift(8, 3.0, &mut stream), 7);
        assert_eq!(axis.shift(1, -3.0, &mut stream), 2);
        assert_eq!(axis.shift(5, 1e300, &mut stream), 0);
        assert_eq!(Axis { len: 1, ordered: true }.shift(0, -7.5, &mut stream), 0);
    }
}
