//! Matrix products in a fixed order of additions: tiles of four by four, so that the numbers stay in registers.

use rayon::prelude::*;

/// Columns that are worked on side by side.
pub(super) const WIDE: usize = 4;

/// Panels of rows that a thread works on at once: what they need stays in its cache.
const GROUP: usize = 16;

/// A part of a product, four rows by four columns.
pub(super) type Tile = [[f64; WIDE]; WIDE];

/// A matrix in panels of four columns each; a panel is stored row after row. Missing columns of the last panel are 0.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    rows: usize,
    columns: usize,
    values: Vec<[f64; WIDE]>,
}

impl Panels {
    /// A matrix of zeros.
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![[0.0; WIDE]; rows * columns.div_ceil(WIDE)] }
    }

    /// The matrix with these columns, all of `rows` values.
    pub(super) fn of(columns: &[Vec<f64>], rows: usize) -> Self {
        let mut panels = Self::zeros(rows, columns.len());
        for (number, column) in columns.iter().enumerate() {
            for (row, value) in panels.panel_mut(number / WIDE).iter_mut().zip(column) {
                row[number % WIDE] = *value;
            }
        }
        panels
    }

    /// The columns.
    pub(super) fn columns(&self) -> Vec<Vec<f64>> {
        let column = |number| self.panel(number / WIDE).iter().map(|row| row[number % WIDE]).collect();
        (0..self.columns).map(column).collect()
    }

    /// The number of panels.
    pub(super) fn panels(&self) -> usize {
        self.columns.div_ceil(WIDE)
    }

    pub(super) fn panel(&self, number: usize) -> &[[f64; WIDE]] {
        &self.values[number * self.rows..][..self.rows]
    }

    pub(super) fn panel_mut(&mut self, number: usize) -> &mut [[f64; WIDE]] {
        &mut self.values[number * self.rows..][..self.rows]
    }

    /// Adds a matrix of the same shape.
    pub(super) fn add(&mut self, other: &Self) {
        for (row, others) in self.values.iter_mut().zip(&other.values) {
            for (value, other) in row.iter_mut().zip(others) {
                *value += other;
            }
        }
    }
}

/// Adds the product of the transpose of one panel with another to a tile.
#[inline]
pub(super) fn multiply(left: &[[f64; WIDE]], right: &[[f64; WIDE]], tile: &mut Tile) {
    let mut sums = *tile;
    for (left, right) in left.iter().zip(right) {
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
    }
    *tile = sums;
}

/// The product AᵀA of a matrix A that comes in pieces of some rows each.
#[derive(Debug)]
pub(super) struct Gram {
    panels: usize,
    /// The tiles row after row; only those on the diagonal and above are kept up.
    tiles: Vec<Tile>,
}

impl Gram {
    /// Nothing yet, of a matrix with so many columns. Memory: 8 bytes for each pair of columns.
    pub(super) fn new(columns: usize) -> Self {
        let panels = columns.div_ceil(WIDE);
        Self { panels, tiles: vec![Tile::default(); panels * panels] }
    }

    /// Adds the part of some rows. Every tile is one thread's, so that the order of additions is that of the rows.
    pub(super) fn add(&mut self, rows: &Panels) {
        let panels = self.panels;
        self.tiles.par_chunks_mut(panels.max(1) * GROUP).enumerate().for_each(|(group, tiles)| {
            let first = group * GROUP;
            for column in first..panels {
                for (row, tiles) in (first..=column).zip(tiles.chunks_exact_mut(panels)) {
                    multiply(rows.panel(row), rows.panel(column), &mut tiles[column]);
                }
            }
        });
    }

    /// The sum of the squares of all entries.
    pub(super) fn squared_norm(&self) -> f64 {
        let mut norm = 0.0;
        for row in 0..self.panels {
            let square = |tile: &Tile| tile.iter().flatten().fold(0.0, |sum, value| sum + value * value);
            let tiles = &self.tiles[row * self.panels..][row..self.panels];
            norm += square(&tiles[0]) + 2.0 * tiles[1..].iter().fold(0.0, |sum, tile| sum + square(tile));
        }
        norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stream::splitmix64;
    use crate::trust::reference::close;

    #[test]
    fn the_norm_is_that_of_the_plain_product() {
        for columns in [1, 3, 4, 9, 70] {
            let rows = 11;
            let mut state = columns as u64;
            let mut value = || (splitmix64(&mut state) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
            let matrix: Vec<Vec<f64>> = (0..columns).map(|_| (0..rows).map(|_| value()).collect()).collect();
            let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let plain: f64 = matrix.iter().flat_map(|a| matrix.iter().map(move |b| product(a, b).powi(2))).sum();
            let mut gram = Gram::new(columns);
            for piece in [0..4, 4..11] {
                let part: Vec<Vec<f64>> = matrix.iter().map(|column| column[piece.clone()].to_vec()).collect();
                gram.add(&Panels::of(&part, piece.len()));
            }
            close(gram.squared_norm(), plain, 1e-12);
            assert_eq!(Panels::of(&matrix, rows).columns(), matrix);
        }
    }
}
