//! The table of the cells of one sweep, with their known results.
//!
//! Never runs a cell.

use std::sync::Arc;

use super::cells::{Build, Columns, Kept};
use crate::{
    metrics::Metrics,
    model::{Digest, Params, Series},
    sweep::{
        CellIdentity, NO_CELLS,
        grid::{Count, Plan},
    },
    task::ParallelResult,
};

/// The most cells of a watched sweep: all of them are remembered.
const MOST: usize = 1_000_000;

/// Why a sweep has no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TableError {
    /// It has too many cells.
    #[error(
        "more than {MOST} combinations are too many to watch, since all are remembered; `--sample N` runs some of them"
    )]
    TooMany,
    /// It has no cell.
    #[error("{NO_CELLS}")]
    Empty,
}

/// The cells of `plan`, with their indices: on all instruments together, or on each of so many symbols.
pub(crate) fn cells(
    plan: &Plan,
    symbols: Option<usize>,
) -> Box<dyn Iterator<Item = (u64, Option<usize>, Params)> + '_> {
    match symbols {
        None => Box::new(plan.cursor().map(|(index, params)| (index, None, params))),
        Some(symbols) => {
            let of = move |symbol| plan.cursor().map(move |(_, params)| (Some(symbol), params));
            let all = (0..symbols).flat_map(of).zip(0..);
            Box::new(all.map(|((symbol, params), index)| (index, symbol, params)))
        }
    }
}

/// The cells of one sweep, in their order.
#[derive(Debug)]
pub(crate) struct Table {
    symbols: Option<usize>,
    columns: Columns,
    indices: Vec<u64>,
    keys: Vec<Digest>,
    kept: Vec<Option<Arc<Kept>>>,
}

impl Table {
    /// The cells of `plan` on bars with the hashes `bars`: of all together, or of each symbol alone. `known` returns the known
    /// result of a cell; `columns` are the kept metrics.
    ///
    /// # Errors
    ///
    /// Returns an error if the plan has no cell, or too many.
    pub(crate) fn new(
        plan: &Plan,
        (identity, bars): (CellIdentity, &[Digest]),
        each_symbol: bool,
        columns: Columns,
        known: impl Fn(Digest) -> Option<Arc<Kept>>,
    ) -> Result<Self, TableError> {
        let symbols = each_symbol.then_some(bars.len());
        let per_symbol = match plan.count() {
            Count::Exact(count) => count,
            Count::AtMost(_) => 0,
        };
        if per_symbol.saturating_mul(symbols.unwrap_or(1) as u64) > MOST as u64 {
            return Err(TableError::TooMany);
        }
        let mut table = Self { symbols, columns, indices: Vec::new(), keys: Vec::new(), kept: Vec::new() };
        for (index, symbol, params) in cells(plan, symbols) {
            if table.indices.len() == MOST {
                return Err(TableError::TooMany);
            }
            let key = identity.cell(bars[symbol.unwrap_or(0)], &params);
            table.indices.push(index);
            table.keys.push(key);
            table.kept.push(known(key));
        }
        if table.indices.is_empty() {
            return Err(TableError::Empty);
        }
        Ok(table)
    }

    /// The indices of the cells without a known result.
    pub(crate) fn missing(&self) -> Vec<u64> {
        let cells = self.indices.iter().zip(&self.kept);
        cells.filter(|(_, kept)| kept.is_none()).map(|(index, _)| *index).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }

    /// The metrics that are kept of each cell.
    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Takes the result of a cell, and lets `build` remember it.
    pub(crate) fn put(&mut self, result: ParallelResult<Metrics>, build: &mut Build) {
        let Ok(place) = self.indices.binary_search(&result.index) else { return };
        let kept = Arc::new(Kept::new(result, &self.columns));
        build.remember(self.keys[place], &kept);
        self.kept[place] = Some(kept);
    }

    /// The identities of the cells.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Digest> {
        self.keys.iter().copied()
    }

    /// The results of all cells; `None` if some are not known.
    pub(crate) fn complete(&self) -> Option<Vec<Arc<Kept>>> {
        self.kept.iter().cloned().collect()
    }

    /// Hands over the result of every cell of `kept`, which are those of `plan`, in their order.
    pub(crate) fn replay(
        &self,
        kept: &[Arc<Kept>],
        plan: &Plan,
        name: &str,
        series: &[Series],
        mut consume: impl FnMut(&ParallelResult<Metrics>),
    ) {
        for ((index, symbol, params), kept) in cells(plan, self.symbols).zip(kept) {
            let symbol = symbol.map(|at| series[at].symbol.clone());
            let task_id = match &symbol {
                None => plan.task_id(&params),
                Some(symbol) => plan.task_id_on(symbol, &params),
            };
            let strategy_name = name.to_owned();
            consume(&ParallelResult { task_id, strategy_name, params, symbol, ..kept.result(&self.columns, index) });
        }
    }
}
