//! The lattice of a grid: its axes, and which cells are neighbours.
//!
//! Knows nothing of values.

use super::error::PlateauError;

/// Steps that a neighbour is away at most, over all axes together.
const REACH: u64 = 2;

/// An axis of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Its values; at least one.
    pub len: u64,
    /// Whether its values are in an order that means something: numbers are, texts and booleans are not.
    pub ordered: bool,
}

/// The cells of a grid, numbered in mixed radix: the first axis is the most significant digit.
///
/// Two cells are neighbours where at most two steps lead from one to the other, each by one value along one ordered axis. This
/// is a ball, not a cross: a diagonal step tells a plateau from a ridge. It is not a box either, which has 5^k - 1 cells: for
/// k long axes it has 2k(k + 1), which are 4, 12, 24, 40 for one axis to four. Values of an unordered axis are held apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lattice {
    /// Ordered axes with more than one value.
    axes: Vec<Digit>,
    size: u64,
}

/// An axis as a digit of cell numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digit {
    len: u64,
    /// The difference between the numbers of two cells that are one step apart.
    stride: u64,
}

impl Lattice {
    /// Returns the lattice with these axes.
    ///
    /// # Errors
    ///
    /// [`PlateauError::NoValues`] where an axis is empty, and [`PlateauError::TooLarge`] where there are 2^64 cells or more.
    pub fn new(axes: &[Axis]) -> Result<Self, PlateauError> {
        if let Some(axis) = axes.iter().position(|axis| axis.len == 0) {
            return Err(PlateauError::NoValues { axis });
        }
        let mut digits = Vec::new();
        let mut stride: u64 = 1;
        for &Axis { len, ordered } in axes.iter().rev() {
            if ordered && len > 1 {
                digits.push(Digit { len, stride });
            }
            stride = stride.checked_mul(len).ok_or(PlateauError::TooLarge)?;
        }
        Ok(Self { axes: digits, size: stride })
    }

    /// Returns the number of cells, those included that conditions of the grid exclude.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Calls `visit` with the number of each cell within reach of the cell `number`, and with `number` itself.
    pub(super) fn visit(&self, number: u64, visit: &mut impl FnMut(u64)) {
        walk(&self.axes, number, REACH, visit);
    }

    /// The neighbours of a cell in the middle of the lattice. No cell has more.
    pub(super) fn most_neighbours(&self) -> usize {
        let middle = self.axes.iter().map(|axis| axis.len / 2 * axis.stride).sum();
        let mut count = 0;
        self.visit(middle, &mut |_| count += 1);
        count - 1
    }
}

/// Visits the cells that `left` steps along `axes` lead to.
fn walk(axes: &[Digit], number: u64, left: u64, visit: &mut impl FnMut(u64)) {
    let (Some((axis, rest)), 1..) = (axes.split_first(), left) else { return visit(number) };
    let at = number / axis.stride % axis.len;
    let lowest = at.saturating_sub(left);
    let highest = at.saturating_add(left).min(axis.len - 1);
    for to in lowest..=highest {
        walk(rest, number - at * axis.stride + to * axis.stride, left - at.abs_diff(to), visit);
    }
}
