//! The probability of backtest overfitting (PBO) by combinatorially symmetric cross-validation (CSCV).
//!
//! Bailey, Borwein, López de Prado and Zhu 2017, "The Probability of Backtest Overfitting", Journal of Computational Finance
//! 20(4), 39-69. Time is cut into S blocks. For every choice of half of them, the cell that does best on these (in sample) is
//! ranked among all cells on the others (out of sample). A choice that tells nothing about the future is overfit: the winner's
//! rank is in the lower half as often as not.

mod halves;

use std::ops::Range;

use super::{
    returns::{Returns, TrustError, map_all},
    splits::within,
    sums::{Segments, Sums},
};
use halves::{Best, Rows};

/// How to compute the probability of backtest overfitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cscv {
    /// Blocks of time (S): an even number from 2 to 20. Where S does not divide the periods, the first T mod S blocks are one
    /// period longer.
    pub blocks: usize,
    /// Periods that are left out on both sides of each boundary between an in-sample and an out-of-sample block.
    pub purge: usize,
}

impl Default for Cscv {
    fn default() -> Self {
        Self { blocks: 16, purge: 0 }
    }
}

/// The probability of backtest overfitting, and what it is made of.
///
/// Performance is the Sharpe ratio per period. A cell whose returns do not vary on one half of the blocks has a performance of 0
/// there: it held no position.
#[derive(Debug, Clone, PartialEq)]
pub struct Overfitting {
    /// The share of splits in which the winner's out-of-sample rank is in the lower half or in the middle (PBO).
    pub probability: f64,
    /// The share of splits in which the winner's out-of-sample performance is below 0.
    pub loss: f64,
    /// The slope of the winners' out-of-sample performance over their in-sample performance, by least squares; `None` where the
    /// latter does not vary.
    pub slope: Option<f64>,
    /// The coefficient of determination R² of that line; `None` where either performance does not vary.
    pub r_squared: Option<f64>,
    /// All C(S, S/2) splits, in lexicographic order of their in-sample blocks.
    pub splits: Vec<CscvSplit>,
    /// Cells that were looked at (N).
    pub cells: usize,
    /// Cells that were left out: their returns do not vary at all, or are not all finite.
    pub left_out: usize,
}

/// What happened in one split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CscvSplit {
    /// The cell with the best in-sample performance; of equal ones the lowest number.
    pub winner: usize,
    /// Its in-sample performance.
    pub in_sample: f64,
    /// Its out-of-sample performance.
    pub out_of_sample: f64,
    /// Its rank out of sample (ω), from the worst at 1/(N+1) to the best at N/(N+1); equal cells share the average of their
    /// ranks.
    pub rank: f64,
    /// The logit of the rank (λ): ln(ω / (1 - ω)).
    pub logit: f64,
}

/// Returns the probability of backtest overfitting.
///
/// Reads the returns once, some 1 ns for each cell and period. Then two Sharpe ratios for each cell and split: some 0.12 ms a
/// cell with 16 blocks, 16 times as long with 20. Memory: 48 S bytes for each cell.
///
/// # Errors
///
/// If the number of blocks is not an even number from 2 to 20, a block has fewer than two periods besides those that are purged,
/// no cell's returns vary, or returns cannot be read.
pub fn overfitting(returns: &dyn Returns, cscv: &Cscv) -> Result<Overfitting, TrustError> {
    let layout = Layout::of(cscv, returns.periods())?;
    let rows = layout.rows(returns)?;
    if rows.cells.is_empty() {
        return Err(TrustError::NothingVaries { cells: returns.cells() });
    }
    let best = rows.best();
    let counts = rows.count(&best);
    let n = rows.cells.len() as f64;
    let splits: Vec<CscvSplit> = best
        .iter()
        .zip(&counts)
        .map(|(best, counts)| {
            let rank = counts.rank();
            // Not by way of ω, so that it is 0 exactly where the rank is in the middle.
            let logit = libm::log(rank / (n + 1.0 - rank));
            let Best { in_sample, out_of_sample, row } = *best;
            CscvSplit { winner: rows.cells[row], in_sample, out_of_sample, rank: rank / (n + 1.0), logit }
        })
        .collect();
    let share =
        |of: &dyn Fn(&CscvSplit) -> bool| splits.iter().filter(|split| of(split)).count() as f64 / splits.len() as f64;
    let (slope, r_squared) = regression(&splits);
    Ok(Overfitting {
        probability: share(&|split| split.logit <= 0.0),
        loss: share(&|split| split.out_of_sample < 0.0),
        slope,
        r_squared,
        cells: rows.cells.len(),
        left_out: returns.cells() - rows.cells.len(),
        splits,
    })
}

/// Which periods make up the blocks.
///
/// A block's body is always there. What joins it to the block before, `purge` periods on both sides of the boundary, is there
/// only where both blocks are in the same half.
#[derive(Debug)]
struct Layout {
    segments: Segments,
    /// The body of each block, then the join of each block to the one before (none of the first), as segments.
    pieces: Vec<Range<usize>>,
}

impl Layout {
    fn of(cscv: &Cscv, periods: usize) -> Result<Self, TrustError> {
        let Cscv { blocks, purge } = *cscv;
        let range = "an even number from 2 to 20";
        within("the number of blocks", blocks, 2..=20, range)?;
        within("the number of blocks", blocks, blocks & !1..=blocks & !1, range)?;
        let needed = purge.saturating_mul(2).saturating_add(2).saturating_mul(blocks);
        if needed > periods {
            let remedy = "fewer blocks or a smaller purge";
            return Err(TrustError::TooFewPeriods { statistic: "backtest overfitting", periods, needed, remedy });
        }
        let edges: Vec<usize> =
            (0..=blocks).map(|block| block * (periods / blocks) + block.min(periods % blocks)).collect();
        let inner = |edge: usize| edge > 0 && edge < periods;
        let body = |edges: &[usize]| {
            let start = if inner(edges[0]) { edges[0] + purge } else { edges[0] };
            start..if inner(edges[1]) { edges[1] - purge } else { edges[1] }
        };
        let join = |edge: usize| if inner(edge) { edge - purge..edge + purge } else { edge..edge };
        let pieces: Vec<Range<usize>> =
            edges.windows(2).map(body).chain(edges[..blocks].iter().map(|edge| join(*edge))).collect();
        let segments = Segments::between(pieces.iter().flat_map(|piece| [piece.start, piece.end]), periods);
        let pieces = pieces.iter().map(|piece| segments.of(piece)).collect();
        Ok(Self { segments, pieces })
    }

    /// Sums the returns of all cells that vary.
    fn rows(&self, returns: &dyn Returns) -> Result<Rows, TrustError> {
        let blocks = map_all(returns, |first, values| {
            let (mut cells, mut sums) = (Vec::new(), Vec::new());
            for (cell, values) in (first..).zip(values.chunks_exact(returns.periods())) {
                let parts = self.segments.sum(values);
                if parts.total.vary() {
                    cells.push(cell);
                    sums.extend(self.pieces.iter().map(|piece| parts.over(std::slice::from_ref(piece))));
                }
            }
            (cells, sums)
        })?;
        let (cells, sums): (Vec<Vec<usize>>, Vec<Vec<Sums>>) = blocks.into_iter().unzip();
        Ok(Rows { blocks: self.pieces.len() / 2, cells: cells.concat(), sums: sums.concat() })
    }
}

/// The slope and R² of out-of-sample performance over in-sample performance.
fn regression(splits: &[CscvSplit]) -> (Option<f64>, Option<f64>) {
    let sum = |of: &dyn Fn(&CscvSplit) -> f64| splits.iter().fold(0.0, |sum, split| sum + of(split));
    let n = splits.len() as f64;
    let (x, y) = (sum(&|split| split.in_sample) / n, sum(&|split| split.out_of_sample) / n);
    let xx = sum(&|split| (split.in_sample - x) * (split.in_sample - x));
    let yy = sum(&|split| (split.out_of_sample - y) * (split.out_of_sample - y));
    let xy = sum(&|split| (split.in_sample - x) * (split.out_of_sample - y));
    ((xx > 0.0).then(|| xy / xx), (xx > 0.0 && yy > 0.0).then(|| (xy / xx) * (xy / yy)))
}

#[cfg(test)]
mod tests;
