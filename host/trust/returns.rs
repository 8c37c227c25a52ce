//! Returns of cells, held in blocks of cells that are read one after another.
//!
//! Never computes a statistic.

use std::{fmt, io, ops::Range};

use rayon::prelude::*;

/// Cells of a block; the last block may have fewer.
pub const BLOCK: usize = 1024;

/// The fewest periods that a bootstrap takes.
pub const MIN_PERIODS: usize = 16;

/// Returns of cells: for each cell one return for each period, in order of time.
///
/// A statistic holds at most as many blocks at once as there are threads, where it says nothing else.
pub trait Returns: Sync {
    /// Periods of each cell (T).
    fn periods(&self) -> usize;

    /// Cells (N).
    fn cells(&self) -> usize;

    /// Reads the returns of block `number`: those of the cells from `number * BLOCK` on, cell after cell, `periods()` values for
    /// each.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    fn block(&self, number: usize) -> io::Result<Vec<f32>>;
}

/// Returns in memory, cell after cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub(super) periods: usize,
    pub(super) values: Vec<f32>,
}

impl Matrix {
    /// Returns with `periods` values for each cell, cell after cell.
    ///
    /// # Errors
    ///
    /// [`TrustError::Length`] where `values` is not a whole number of cells.
    pub fn new(periods: usize, values: Vec<f32>) -> Result<Self, TrustError> {
        match values.len().checked_rem(periods) {
            Some(0) => Ok(Self { periods, values }),
            _ => Err(TrustError::Length { what: "matrix", found: values.len(), needed: periods }),
        }
    }
}

impl Returns for Matrix {
    fn periods(&self) -> usize {
        self.periods
    }

    fn cells(&self) -> usize {
        self.values.len().checked_div(self.periods).unwrap_or(0)
    }

    fn block(&self, number: usize) -> io::Result<Vec<f32>> {
        let cells = cells_of(self, number);
        Ok(self.values[cells.start * self.periods..cells.end * self.periods].to_vec())
    }
}

/// Returns over a rate.
#[derive(Clone, Copy)]
pub struct OverRate<'a> {
    returns: &'a dyn Returns,
    rate: f64,
}

impl<'a> OverRate<'a> {
    /// `returns` less `rate`, a fraction per period.
    #[must_use]
    pub fn new(returns: &'a dyn Returns, rate: f64) -> Self {
        Self { returns, rate }
    }
}

impl fmt::Debug for OverRate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverRate").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Returns for OverRate<'_> {
    fn periods(&self) -> usize {
        self.returns.periods()
    }

    fn cells(&self) -> usize {
        self.returns.cells()
    }

    fn block(&self, number: usize) -> io::Result<Vec<f32>> {
        let mut values = self.returns.block(number)?;
        if self.rate != 0.0 {
            values.iter_mut().for_each(|value| *value = (f64::from(*value) - self.rate) as f32);
        }
        Ok(values)
    }
}

/// Why a statistic cannot be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A block of returns cannot be read.
    #[error("the returns of cells `{}` to `{}` cannot be read", cells.start, cells.end.saturating_sub(1))]
    Read {
        /// The cells of the block.
        cells: Range<usize>,
        /// What reading it said.
        source: io::Error,
    },
    /// A block has not as many returns as its cells have periods.
    #[error(
        "the block of cells `{}` to `{}` has `{found}` returns instead of `{expected}`; write the returns again",
        cells.start,
        cells.end.saturating_sub(1)
    )]
    Block {
        /// The cells of the block.
        cells: Range<usize>,
        /// Returns that it has.
        found: usize,
        /// Returns that it should have.
        expected: usize,
    },
    /// There are too few periods for a statistic.
    #[error(
        "{statistic} needs at least `{needed}` periods, the returns have `{periods}`; give a longer range of bars or {remedy}"
    )]
    TooFewPeriods {
        /// What cannot be computed.
        statistic: &'static str,
        /// Periods that there are.
        periods: usize,
        /// Periods that are needed.
        needed: usize,
        /// What helps besides more periods.
        remedy: &'static str,
    },
    /// No cell has returns that vary.
    #[error("the returns of none of the `{cells}` cells vary; check that the strategy trades")]
    NothingVaries {
        /// Cells that there are.
        cells: usize,
    },
    /// A setting is out of its range.
    #[error("{setting} is `{value}`; give {range}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: usize,
        /// What it may be.
        range: &'static str,
    },
    /// There is no cell.
    #[error("the returns have no cell; give at least one")]
    NoCells,
    /// There is no trade.
    #[error("there are no trades; give the profit of at least one")]
    NoTrades,
    /// There is no draw.
    #[error("there are no draws; ask for at least one")]
    NoDraws,
    /// The draws would take too much memory.
    #[error(
        "{draws} draws of blocks of {block} periods need {gibibytes} GiB of memory; give fewer draws or longer blocks"
    )]
    TooManyDraws {
        /// Draws.
        draws: usize,
        /// The mean length of a block, in periods.
        block: f64,
        /// Memory that they need.
        gibibytes: u64,
    },
    /// More periods than draws can number.
    #[error("{periods} periods are too many to draw from; give at most {most}", most = u32::MAX)]
    TooManyPeriods {
        /// Periods that there are.
        periods: usize,
    },
    /// A list of values has another length than what it belongs to.
    #[error("`{what}` has {found} values where {needed} are needed; give one for each period")]
    Length {
        /// The list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that is needed.
        needed: usize,
    },
    /// The index of a draw is past the last period.
    #[error("index `{index}` of draw {draw} is not below the number of periods, {periods}; number periods from 0")]
    Index {
        /// The draw's number.
        draw: usize,
        /// The index.
        index: usize,
        /// The number of periods.
        periods: usize,
    },
    /// A number is out of its range.
    #[error("{what} is `{value}`; give {range}")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// Its value.
        value: f64,
        /// The range in words.
        range: &'static str,
    },
    /// The device that was asked for cannot be used.
    #[error("the draws cannot be summed on the device that was asked for: {problem}; give `cpu` or `auto`")]
    Device {
        /// What is wrong with it.
        problem: String,
    },
    /// A return of a cell is infinite or not a number.
    #[error("the return of cell {cell} in period {period} is `{value}`; leave the cell out or repair it")]
    Return {
        /// The cell's number.
        cell: usize,
        /// The period's number.
        period: usize,
        /// The return.
        value: f32,
    },
    /// A value of a list is infinite or not a number.
    #[error("value {at} of `{what}` is `{value}`; give finite values")]
    NotFinite {
        /// Whose value it is.
        what: &'static str,
        /// Its index.
        at: usize,
        /// The value.
        value: f64,
    },
}

/// The cells of block `number`.
fn cells_of(returns: &(impl Returns + ?Sized), number: usize) -> Range<usize> {
    let start = number.saturating_mul(BLOCK);
    start..start.saturating_add(BLOCK).min(returns.cells())
}

/// The numbers of all blocks.
pub(super) fn blocks(returns: &dyn Returns) -> Range<usize> {
    0..returns.cells().div_ceil(BLOCK)
}

/// Reads block `number`, and returns the first of its cells with the returns.
pub(super) fn read(returns: &(impl Returns + ?Sized), number: usize) -> Result<(usize, Vec<f32>), TrustError> {
    let cells = cells_of(returns, number);
    let values = returns.block(number).map_err(|source| TrustError::Read { cells: cells.clone(), source })?;
    let expected = cells.len() * returns.periods();
    if values.len() == expected {
        Ok((cells.start, values))
    } else {
        Err(TrustError::Block { cells, found: values.len(), expected })
    }
}

/// Returns what `map` makes of each of the blocks, in their order. It gets the first cell of a block and the block's returns,
/// and runs on all threads.
pub(super) fn map_blocks<R: Send>(
    returns: &dyn Returns,
    numbers: &[usize],
    map: impl Fn(usize, &[f32]) -> R + Sync,
) -> Result<Vec<R>, TrustError> {
    let each: Vec<_> =
        numbers.par_iter().map(|&number| read(returns, number).map(|(first, values)| map(first, &values))).collect();
    each.into_iter().collect()
}

/// Returns what `map` makes of all blocks, in their order.
pub(super) fn map_all<R: Send>(
    returns: &dyn Returns,
    map: impl Fn(usize, &[f32]) -> R + Sync,
) -> Result<Vec<R>, TrustError> {
    let numbers: Vec<usize> = blocks(returns).collect();
    map_blocks(returns, &numbers, map)
}

/// The returns of the cell `number`.
pub(super) fn cell(returns: &dyn Returns, number: usize) -> Result<Vec<f32>, TrustError> {
    let (first, values) = read(returns, number / BLOCK)?;
    Ok(values.into_iter().skip((number - first) * returns.periods()).take(returns.periods()).collect())
}

/// Reads block `number`.
pub(super) fn read_block<R: Returns + ?Sized>(returns: &R, number: usize) -> Result<Vec<f32>, TrustError> {
    read(returns, number).map(|(_, values)| values)
}

/// The error of too few periods for `statistic`.
pub(super) fn too_few(statistic: &'static str, periods: usize, needed: usize) -> TrustError {
    TrustError::TooFewPeriods { statistic, periods, needed, remedy: "shorter periods" }
}

/// Checks that `values` are finite.
pub(super) fn check_finite<V: Copy + Into<f64>>(what: &'static str, values: &[V]) -> Result<(), TrustError> {
    let found = values.iter().map(|&value| value.into()).enumerate().find(|(_, value)| !value.is_finite());
    found.map_or(Ok(()), |(at, value)| Err(TrustError::NotFinite { what, at, value }))
}

/// Checks that `value` lies strictly between 0 and 1.
pub(super) fn check_share(what: &'static str, value: f64) -> Result<(), TrustError> {
    if value > 0.0 && value < 1.0 {
        Ok(())
    } else {
        Err(TrustError::OutOfRange { what, value, range: "a number above 0 and below 1" })
    }
}

/// Checks that there are cells and periods enough, and as many values of the benchmark.
pub(super) fn check_sizes<R: Returns + ?Sized>(returns: &R, benchmark: &[f64]) -> Result<(), TrustError> {
    let periods = returns.periods();
    if periods < MIN_PERIODS {
        return Err(too_few("a bootstrap", periods, MIN_PERIODS));
    }
    if returns.cells() == 0 {
        return Err(TrustError::NoCells);
    }
    if benchmark.len() != periods {
        return Err(TrustError::Length { what: "benchmark", found: benchmark.len(), needed: periods });
    }
    check_finite("benchmark", benchmark)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Returns for Broken {
        fn periods(&self) -> usize {
            3
        }

        fn cells(&self) -> usize {
            BLOCK + 2
        }

        fn block(&self, number: usize) -> io::Result<Vec<f32>> {
            if number == 0 { Ok(vec![0.0; BLOCK * 3]) } else { Err(io::Error::other("disk")) }
        }
    }

    struct Short;

    impl Returns for Short {
        fn periods(&self) -> usize {
            3
        }

        fn cells(&self) -> usize {
            2
        }

        fn block(&self, _: usize) -> io::Result<Vec<f32>> {
            Ok(vec![0.0; 5])
        }
    }

    #[test]
    fn every_cell_is_read_once_and_in_order() {
        let cells = 2 * BLOCK + 3;
        let values: Vec<f32> = (0..2 * cells as u32).map(|value| value as f32).collect();
        let matrix = Matrix { periods: 2, values: values.clone() };
        let read = map_all(&matrix, |first, values| (first, values.to_vec())).unwrap();
        assert_eq!(read.iter().map(|(first, _)| *first).collect::<Vec<_>>(), [0, BLOCK, 2 * BLOCK]);
        assert_eq!(read.into_iter().flat_map(|(_, values)| values).collect::<Vec<_>>(), values);
    }

    #[test]
    fn an_error_names_the_cells_that_it_is_about() {
        let error = map_all(&Broken, |_, _| ()).unwrap_err();
        assert_eq!(error.to_string(), "the returns of cells `1024` to `1025` cannot be read");
        let error = map_all(&Short, |_, _| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the block of cells `0` to `1` has `5` returns instead of `6`; write the returns again"
        );
    }

    #[test]
    fn a_matrix_without_periods_has_no_cells() {
        assert_eq!(Matrix { periods: 0, values: Vec::new() }.cells(), 0);
    }
}
