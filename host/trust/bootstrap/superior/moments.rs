//! The mean of each cell over the benchmark, and its standard error.

use rayon::prelude::*;

use super::super::{
    returns::{BLOCK, Returns, TrustError, read_block},
    tile::Tile,
    variance::Kernel,
};

/// The mean of a cell over the benchmark, and its long-run standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellMoments {
    /// The mean return over the benchmark, per period.
    pub mean: f64,
    /// `omega`, per period: the standard error of the mean under the stationary bootstrap is `omega / sqrt(T)`. `None` where all
    /// returns over the benchmark are equal.
    pub omega: Option<f64>,
}

/// The moments of all cells. About 20 operations for each cell and period.
pub(super) fn moments<R: Returns + ?Sized>(
    returns: &R,
    benchmark: &[f64],
    mean_length: f64,
) -> Result<Vec<CellMoments>, TrustError> {
    let kernel = Kernel::new(returns.periods(), mean_length);
    let mut cells = Vec::with_capacity(returns.cells());
    for block in 0..returns.cells().div_ceil(BLOCK) {
        let values = read_block(returns, block)?;
        let tiles = 0..Tile::count(values.len() / returns.periods());
        let of_tile = |number| Ok(of_tile(Tile::of(&values, block, number, benchmark)?, &kernel));
        let found: Vec<_> = tiles.into_par_iter().map(of_tile).collect::<Result<_, TrustError>>()?;
        cells.extend(found.concat());
    }
    Ok(cells)
}

fn of_tile(mut tile: Tile, kernel: &Kernel) -> Vec<CellMoments> {
    let (means, sizes) = (tile.means(), tile.sizes());
    tile.centre(&means);
    let variances = kernel.variances(&tile, &sizes);
    let cell = |lane: usize| CellMoments { mean: means[lane], omega: variances[lane].map(f64::sqrt) };
    (0..tile.cells()).map(cell).collect()
}
