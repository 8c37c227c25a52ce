//! Returns over a benchmark, for some cells side by side: the layout in which all cells of a tile are worked on at once.
//!
//! Knows nothing of resampling.

use super::returns::{BLOCK, TrustError};

/// Cells of a tile.
pub const WIDTH: usize = 8;

/// One number for each cell of a tile.
pub type Lanes = [f64; WIDTH];

/// Returns over the benchmark, `values[period][cell]`. The last tile of a block may have fewer than [`WIDTH`] cells; the rest
/// of it is zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile {
    values: Vec<Lanes>,
    /// The number of the first cell.
    first: usize,
    cells: usize,
}

impl Tile {
    /// The values of each period in turn.
    #[must_use]
    pub fn values(&self) -> &[Lanes] {
        &self.values
    }

    /// The number of the first cell.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// Cells of the tile, at most [`WIDTH`].
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Tile `number` of block `block` with these `returns`, less the `benchmark`.
    pub(crate) fn of(returns: &[f32], block: usize, number: usize, benchmark: &[f64]) -> Result<Self, TrustError> {
        let periods = benchmark.len();
        let first = block * BLOCK + number * WIDTH;
        let rows: Vec<&[f32]> = returns.chunks_exact(periods).skip(number * WIDTH).take(WIDTH).collect();
        rows.iter().enumerate().try_for_each(|(lane, row)| check(first + lane, row))?;
        let mut values = vec![[0.0; WIDTH]; periods];
        for (period, (values, benchmark)) in values.iter_mut().zip(benchmark).enumerate() {
            for (value, row) in values.iter_mut().zip(&rows) {
                *value = f64::from(row[period]) - benchmark;
            }
        }
        Ok(Self { values, first, cells: rows.len() })
    }

    /// Tiles of a block with `cells` cells.
    pub(crate) fn count(cells: usize) -> usize {
        cells.div_ceil(WIDTH)
    }

    /// The mean over all periods, for each cell.
    pub(crate) fn means(&self) -> Lanes {
        let mut sums = [0.0; WIDTH];
        for values in &self.values {
            add(&mut sums, values);
        }
        sums.map(|sum| sum / self.values.len() as f64)
    }

    /// The largest absolute value of each cell.
    pub(crate) fn sizes(&self) -> Lanes {
        let mut sizes = [0.0; WIDTH];
        for values in &self.values {
            for (size, value) in sizes.iter_mut().zip(values) {
                let value = value.abs();
                *size = if value > *size { value } else { *size };
            }
        }
        sizes
    }

    /// Takes the means from the values.
    pub(crate) fn centre(&mut self, means: &Lanes) {
        for values in &mut self.values {
            for (value, mean) in values.iter_mut().zip(means) {
                *value -= mean;
            }
        }
    }
}

/// Adds to each lane.
pub(crate) fn add(sums: &mut Lanes, values: &Lanes) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

fn check(cell: usize, row: &[f32]) -> Result<(), TrustError> {
    // All values, without a branch for each.
    if row.iter().fold(true, |finite, value| finite & value.is_finite()) {
        return Ok(());
    }
    let found = row.iter().enumerate().find(|(_, value)| !value.is_finite());
    found.map_or(Ok(()), |(period, &value)| Err(TrustError::Return { cell, period, value }))
}
