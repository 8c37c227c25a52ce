//! The cell memory: results of the last few builds, by the identity of their cells.
//!
//! Never returns a result unless everything that determines it is the same.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{
    backtest::Strategy,
    metrics::{Metrics, Selection},
    model::Digest,
    results::Standing,
    task::{ErrorKind, ParallelResult, TaskError},
};

/// How many builds are remembered, with their compiled code and their cells.
const BUILDS: usize = 4;

/// How many cells of all builds together are remembered: twice as many as one sweep may have.
const CELLS: usize = 2_000_000;

/// The result of one cell, in compact form.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The metrics that are kept, in their order; NaN where one is undefined, since no metric is NaN.
    outcome: Result<Box<[f64]>, Box<TaskError>>,
    execution_time: Duration,
    worker_id: usize,
    units: Option<u64>,
    log: Box<[String]>,
}

/// The metrics that are kept of each cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Columns {
    selection: Selection,
    /// Where each stands in [`Metrics::FIELDS`].
    places: Arc<[usize]>,
}

impl Columns {
    pub(crate) fn new(selection: Selection) -> Self {
        let places = Metrics::FIELDS.iter().enumerate().filter(|(_, info)| selection.contains(info.name));
        Self { selection, places: places.map(|(place, _)| place).collect() }
    }

    /// The names of the metrics.
    pub(crate) fn selection(&self) -> Selection {
        self.selection
    }

    /// Returns true if every metric of `wanted` is kept.
    fn have(&self, wanted: Selection) -> bool {
        wanted.names().all(|name| self.selection.contains(name))
    }

    fn keep(&self, metrics: &Metrics) -> Box<[f64]> {
        let values = metrics.values();
        self.places.iter().map(|place| values[*place].unwrap_or(f64::NAN)).collect()
    }

    fn metrics(&self, kept: &[f64]) -> Metrics {
        let mut values = Metrics::default().values();
        for (place, value) in self.places.iter().zip(kept) {
            values[*place] = Some(*value).filter(|value| !value.is_nan());
        }
        Metrics::from_values(values)
    }
}

impl Kept {
    pub(crate) fn new(result: ParallelResult<Metrics>, columns: &Columns) -> Self {
        let failure = || {
            let kind = result.error_kind.unwrap_or(ErrorKind::Host);
            Box::new(TaskError::new(kind, result.error_message.clone().unwrap_or_default()))
        };
        Self {
            outcome: result.result.as_ref().map(|metrics| columns.keep(metrics)).ok_or_else(failure),
            execution_time: result.execution_time,
            worker_id: result.worker_id,
            units: result.units,
            log: result.log.into(),
        }
    }

    /// The result of the cell with `index`, without its names.
    pub(crate) fn result(&self, columns: &Columns, index: u64) -> ParallelResult<Metrics> {
        let outcome = match &self.outcome {
            Ok(kept) => Ok(columns.metrics(kept)),
            Err(error) => Err(TaskError::clone(error)),
        };
        ParallelResult {
            execution_time: self.execution_time,
            worker_id: self.worker_id,
            units: self.units,
            log: self.log.to_vec(),
            ..ParallelResult::new(index, outcome)
        }
    }

    /// The standing of the cell by the metric `name`.
    pub(crate) fn standing(&self, columns: &Columns, name: &str) -> Standing {
        match &self.outcome {
            Err(_) => Standing::Failed,
            Ok(kept) => columns.metrics(kept).get(name).flatten().map_or(Standing::Undefined, Standing::Value),
        }
    }

    /// Returns true if another run would give the same. Cells that ran into the clock or a bug of the host may differ.
    fn is_lasting(&self) -> bool {
        !matches!(&self.outcome, Err(error) if !error.kind.is_deterministic())
    }
}

/// The builds that ran last, the newest first.
#[derive(Debug, Default)]
pub(crate) struct CellMemory {
    builds: VecDeque<Build>,
}

/// A build and the results of its cells.
#[derive(Debug)]
pub(crate) struct Build {
    digest: Digest,
    strategy: Strategy,
    columns: Columns,
    cells: HashMap<Digest, Arc<Kept>>,
}

impl Build {
    /// The metrics that are kept of each cell.
    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The result of the cell, if it ran.
    pub(crate) fn cell(&self, key: Digest) -> Option<Arc<Kept>> {
        self.cells.get(&key).cloned()
    }

    /// Remembers a cell, if another run would give the same.
    pub(crate) fn remember(&mut self, key: Digest, kept: &Arc<Kept>) {
        if kept.is_lasting() {
            self.cells.insert(key, Arc::clone(kept));
        }
    }
}

impl CellMemory {
    /// The build with this hash, compiled and described, if it is remembered.
    pub(crate) fn strategy(&self, digest: Digest) -> Option<Strategy> {
        self.builds.iter().find(|build| build.digest == digest).map(|build| build.strategy.clone())
    }

    /// The build with this hash, if its cells have all metrics that are `wanted`.
    pub(crate) fn build(&self, digest: Digest, wanted: Selection) -> Option<&Build> {
        self.builds.iter().find(|build| build.digest == digest && build.columns.have(wanted))
    }

    /// The build that is about to run, of whose cells `columns` are kept.
    pub(crate) fn open(&mut self, digest: Digest, strategy: &Strategy, columns: &Columns) -> &mut Build {
        let known = self.builds.iter().position(|build| build.digest == digest);
        let known = known.and_then(|at| self.builds.remove(at)).filter(|build| build.columns == *columns);
        let build = known.unwrap_or_else(|| Build {
            digest,
            strategy: strategy.clone(),
            columns: columns.clone(),
            cells: HashMap::new(),
        });
        self.builds.truncate(BUILDS - 1);
        self.builds.push_front(build);
        &mut self.builds[0]
    }

    /// Forgets cells beyond the limit: those of the oldest builds first, then those that are not `current`.
    pub(crate) fn trim(&mut self, current: impl IntoIterator<Item = Digest>) {
        let count = |builds: &VecDeque<Build>| builds.iter().map(|build| build.cells.len()).sum::<usize>();
        while count(&self.builds) > CELLS && self.builds.len() > 1 {
            self.builds.pop_back();
        }
        if let Some(build) = self.builds.front_mut().filter(|build| build.cells.len() > CELLS) {
            let mut all = std::mem::take(&mut build.cells);
            build.cells = current.into_iter().filter_map(|key| Some((key, all.remove(&key)?))).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_comes_back_as_it_was() {
        let columns = Columns::new(Selection::of(["sharpe", "trades", "calmar"]).unwrap());
        let metrics = Metrics { sharpe: Some(0.5), calmar: Some(f64::INFINITY), ..Metrics::default() };
        let mut result = ParallelResult::new(7, Ok(metrics));
        result.units = Some(9);
        result.log = vec!["hello".to_owned()];
        assert_eq!(Kept::new(result.clone(), &columns).result(&columns, 7), result);
        let endless = Kept::new(result, &columns).standing(&columns, "calmar");
        assert_eq!(endless, Standing::Value(f64::INFINITY));
        let failed = ParallelResult::new(1, Err(TaskError::new(ErrorKind::Panic, "out of luck")));
        let kept = Kept::new(failed.clone(), &columns);
        assert_eq!(kept.result(&columns, 1), failed);
        assert_eq!(kept.standing(&columns, "sharpe"), Standing::Failed);
    }

    #[test]
    fn what_ran_into_the_clock_runs_again() {
        let columns = Columns::new(Selection::none());
        let kept = |kind| Kept::new(ParallelResult::new(0, Err(TaskError::new(kind, "no"))), &columns);
        assert!(kept(ErrorKind::Trap).is_lasting() && kept(ErrorKind::OutOfMemory).is_lasting());
        assert!(kept(ErrorKind::OutOfBudget).is_lasting(), "units are counted alike each time");
        assert!([ErrorKind::TimedOut, ErrorKind::Crash, ErrorKind::Host].iter().all(|kind| !kept(*kind).is_lasting()));
    }
}
