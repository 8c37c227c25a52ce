//! The cells of a sweep that is compared with the next one: which there are, and how many there may be.
//!
//! Never runs a cell.

use crate::{
    model::Params,
    sweep::{
        NO_CELLS,
        grid::{Count, Plan},
    },
};

/// The most cells of such a sweep: how each of them stood is remembered.
const MOST: usize = 1_000_000;

/// Why a sweep is not compared with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CountError {
    /// It has too many cells.
    #[error(
        "more than {MOST} combinations are too many to watch, since all are remembered; `--sample N` runs some of them"
    )]
    TooMany,
    /// It has no cell.
    #[error("{NO_CELLS}")]
    Empty,
}

/// The number of cells of `plan`, on each of so many `symbols` where they run alone.
///
/// # Errors
///
/// Returns an error if there is none, or too many.
pub(crate) fn count(plan: &Plan, symbols: Option<usize>) -> Result<usize, CountError> {
    let combinations = match plan.count() {
        Count::Exact(count) => usize::try_from(count).unwrap_or(usize::MAX),
        Count::AtMost(_) => plan.indices().take(MOST + 1).count(),
    };
    match combinations.saturating_mul(symbols.unwrap_or(1)) {
        0 => Err(CountError::Empty),
        count if count > MOST => Err(CountError::TooMany),
        count => Ok(count),
    }
}

/// The parameters of the cells of `plan`, each with the place of its symbol where it runs alone, in the order of a sweep.
pub(super) fn cells(plan: &Plan, symbols: Option<usize>) -> impl Iterator<Item = (Option<usize>, Params)> {
    let places = symbols.map_or(0..1, |symbols| 0..symbols);
    places.flat_map(move |place| plan.cursor().map(move |(_, params)| (symbols.map(|_| place), params)))
}
