//! Two runs of sweeps, or files of their results, side by side.
//!
//! Never runs a cell, and never takes a result for that of another one: the values of all parameters swept then or now name a
//! cell.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use super::comparison::{Best, named};
use crate::{
    metrics::{Direction, Metrics, Selection},
    model::{Description, Digest, Params},
    results::{Difference, ReadError, ResultsFile, Standing},
    store::{Shape, Store, StoreError},
    sweep::{
        CellIdentity, Provenance, RequestError, Run,
        grid::{Plan, Split},
        merge::{MergeError, RowReader, Shards},
        scope::split,
    },
    task::ParallelResult,
};

/// Why results cannot be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SideError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file is not one of the results of a sweep.
    #[error(transparent)]
    File(#[from] MergeError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// This version reads the request differently.
    #[error("this version of host cannot read the request of {name}")]
    Request {
        /// The run or the file.
        name: String,
        /// What is wrong with it.
        #[source]
        source: RequestError,
    },
    /// The request means other combinations in this version.
    #[error("the request of {name} means other combinations in this version of host than in the one that ran it")]
    OtherPlan {
        /// The run or the file.
        name: String,
    },
    /// A search does not say which combinations it tried.
    #[error(
        "{name} is a search, and the store does not list which combinations it tried; compare the files of `--out`"
    )]
    Search {
        /// The run.
        name: String,
    },
    /// A file lacks the metric.
    #[error("{name} has no column `{metric}`; give a metric that it has with `--objective METRIC`")]
    NoMetric {
        /// The file.
        name: String,
        /// The metric.
        metric: &'static str,
    },
    /// A row of a file is not one that a sweep writes.
    #[error("row {row} of {name} is not one that a sweep writes; run the sweep again")]
    BadRow {
        /// The file.
        name: String,
        /// The row, from 0.
        row: u64,
    },
    /// The run is not in the store any more.
    #[error(
        "the store does not say which results are those of {name}, since it had no plugin, or its symbols are gone"
    )]
    Unknown {
        /// The run.
        name: String,
    },
}

/// The results of one sweep.
#[derive(Debug)]
pub(crate) struct Side {
    /// The run or the file, for messages.
    pub(crate) name: String,
    provenance: Provenance,
    plugin: Description,
    plan: Plan,
    /// What the sweep ranked by, and what is better.
    pub(crate) goal: (&'static str, Direction),
    /// Of a run, how many results it ended with, if it has ended.
    pub(crate) ended_with: Option<Option<u64>>,
    source: Source,
}

/// Where the results are.
#[derive(Debug)]
enum Source {
    /// In the books of these bars: of all together, or of each symbol.
    Store {
        store: Store,
        identity: CellIdentity,
        bars: Vec<(Option<String>, Digest)>,
    },
    File(PathBuf),
}

/// Two sides, compared.
#[derive(Debug)]
pub(crate) struct Sides {
    pub(crate) difference: Difference,
    /// The best cell of each.
    pub(crate) best: [Option<Best>; 2],
    /// The cells of each that have a result at hand.
    pub(crate) found: [u64; 2],
    /// The cells of each that have none. They are neither new nor gone.
    pub(crate) missing: [u64; 2],
}

/// Takes a cell, and how it stands; `None` if it has no result at hand.
type Take<'a> = dyn FnMut(&ParallelResult<Metrics>, Option<Standing>) + 'a;

impl Side {
    /// The results of `run` in `store`.
    ///
    /// # Errors
    ///
    /// Returns an error if the store does not say which they are, or this version cannot read the request.
    pub(crate) fn of_run(store: &Store, run: &Run) -> Result<Self, SideError> {
        let (name, provenance) = (format!("run {}", run.name), run.start.provenance.clone());
        if run.start.search.is_some() {
            return Err(SideError::Search { name });
        }
        let unknown = || SideError::Unknown { name: name.clone() };
        let identity = CellIdentity::of_digest(provenance.identity.ok_or_else(unknown)?);
        let bars = match provenance.symbols {
            None => vec![(None, provenance.data_hash)],
            Some(_) => {
                let symbols = store.symbols(provenance.data_hash)?.ok_or_else(unknown)?;
                symbols.into_iter().map(|(symbol, bars)| (Some(symbol), bars)).collect()
            }
        };
        let side = Self::new(name, provenance, Source::Store { store: store.clone(), identity, bars })?;
        Ok(Self { ended_with: Some(run.end.as_ref().map(|end| end.combinations)), ..side })
    }

    /// The results in the file at `path`.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a file of the results of a sweep, or this version cannot read the request.
    pub(crate) fn of_file(path: &Path) -> Result<Self, SideError> {
        let shards = Shards::open(&[path.to_owned()])?;
        Self::new(format!("`{}`", path.display()), shards.provenance().clone(), Source::File(path.to_owned()))
    }

    fn new(name: String, provenance: Provenance, source: Source) -> Result<Self, SideError> {
        let bound = provenance.bind().map_err(|source| SideError::Request { name: name.clone(), source })?;
        if provenance.plan.is_some_and(|plan| plan != bound.plan.digest()) {
            return Err(SideError::OtherPlan { name });
        }
        let goal = (bound.goal.objective().name, bound.goal.better());
        let plugin = provenance.description();
        Ok(Self { name, plugin, plan: bound.plan, goal, ended_with: None, provenance, source })
    }

    /// Hands over each cell, and how it stands by `objective`.
    fn each(&self, objective: &'static str, take: &mut Take<'_>) -> Result<(), SideError> {
        match &self.source {
            Source::Store { store, identity, bars } => {
                let mut begun = 0;
                for (symbol, digest) in bars {
                    let cells = self.cells_on(symbol.as_deref(), &mut begun);
                    self.each_known((store, identity.book(*digest)), objective, (symbol.as_ref(), cells), take)?;
                }
                Ok(())
            }
            Source::File(path) => self.each_row(path, objective, take),
        }
    }

    /// The parameters of the cells, on `symbol` where it ran alone; so many tasks have `begun` before.
    fn cells_on<'a>(&'a self, symbol: Option<&str>, begun: &mut u64) -> Box<dyn Iterator<Item = Params> + 'a> {
        let (plan, shard) = (&self.plan, self.provenance.shard);
        let within: Option<Split> = shard.map(|shard| split(shard, plan, self.provenance.symbols));
        let params = |index| plan.params(index);
        match (symbol, within) {
            (_, None) => Box::new(plan.indices().filter_map(params)),
            (None, Some(split)) => Box::new(plan.indices().within(split).filter_map(params)),
            (Some(_), Some(split)) => {
                let first = *begun;
                *begun += plan.count().exact().unwrap_or_else(|| plan.indices().count() as u64);
                let tasks = (first..).zip(plan.indices()).filter(move |(task, _)| split.has(*task));
                Box::new(tasks.filter_map(move |(_, index)| plan.params(index)))
            }
        }
    }

    fn each_known(
        &self,
        (store, digest): (&Store, Digest),
        objective: &'static str,
        (symbol, cells): (Option<&String>, impl Iterator<Item = Params>),
        take: &mut Take<'_>,
    ) -> Result<(), SideError> {
        let metrics = Selection::of([objective]).unwrap_or_else(|_| Selection::all());
        let shape = Shape { parameters: self.provenance.parameters.clone(), metrics };
        let plugin = self.provenance.plugin_hash.unwrap_or(digest);
        // Nothing is kept, so that nothing is counted.
        let book = store.book(digest, None, &shape, store.trials_of(plugin, digest, ""))?;
        for params in cells {
            let task_id = match symbol {
                None => self.plan.task_id(&params),
                Some(symbol) => self.plan.task_id_on(symbol, &params),
            };
            let known = book.find(&params).map(|(answer, _)| answer.outcome);
            let is_known = known.is_some();
            let result = ParallelResult::new(0, known.unwrap_or_else(|| Ok(Metrics::default())));
            let result = ParallelResult { task_id, params, symbol: symbol.cloned(), ..result };
            take(&result, is_known.then(|| standing(&result, objective)));
        }
        Ok(())
    }

    fn each_row(&self, path: &Path, objective: &'static str, take: &mut Take<'_>) -> Result<(), SideError> {
        let file = ResultsFile::open(path)?;
        let mut reader: RowReader = Shards::open(&[path.to_owned()])?.reader()?;
        if !reader.has(objective) {
            return Err(SideError::NoMetric { name: self.name.clone(), metric: objective });
        }
        let mut row = 0;
        for batch in file.batches(None)? {
            for cells in batch?.rows() {
                let bad = || SideError::BadRow { name: self.name.clone(), row };
                let result = reader.result(&cells).ok_or_else(bad)?;
                take(&result, Some(standing(&result, objective)));
                row += 1;
            }
        }
        Ok(())
    }
}

impl Sides {
    /// Compares each cell of `now` with the same cell of `then` by `objective`, of which a value that is `better` is a gain; the
    /// largest `top` gains and losses are kept.
    ///
    /// # Errors
    ///
    /// Returns an error if one of them cannot be read.
    pub(crate) fn compare(
        then: &Side,
        now: &Side,
        (objective, better): (&'static str, Direction),
        top: usize,
    ) -> Result<Self, SideError> {
        let axes: BTreeSet<_> = then.plan.axes().chain(now.plan.axes()).map(str::to_owned).collect();
        let axes: Vec<_> = axes.into_iter().collect();
        let (mut cells, mut best) = (HashMap::new(), [None, None]);
        let (mut found, mut missing) = ([0, 0], [0, 0]);
        then.each(objective, &mut |result, standing| {
            let count = if standing.is_some() { &mut found[0] } else { &mut missing[0] };
            *count += 1;
            offer(&mut best[0], result, standing, better);
            cells.insert(named(&axes, result.symbol.as_deref(), &result.params, &now.plugin), standing);
        })?;
        let mut difference = Difference::new(better, top);
        now.each(objective, &mut |result, standing| {
            let count = if standing.is_some() { &mut found[1] } else { &mut missing[1] };
            *count += 1;
            offer(&mut best[1], result, standing, better);
            let name = named(&axes, result.symbol.as_deref(), &result.params, &then.plugin);
            match (cells.remove(&name), standing) {
                (Some(Some(then)), Some(now)) => difference.add(result, Some(then), now),
                (None, Some(now)) => difference.add(result, None, now),
                // Of one of them nothing is known.
                (Some(None), _) | (_, None) => {}
            }
        })?;
        difference.gone(cells.values().flatten().count() as u64);
        Ok(Self { difference, best, found, missing })
    }
}

fn standing(result: &ParallelResult<Metrics>, objective: &str) -> Standing {
    Standing::of(result, |metrics| metrics.get(objective).flatten())
}

/// Takes a cell for the best one if it is: the first of those with the same value.
fn offer(best: &mut Option<Best>, result: &ParallelResult<Metrics>, standing: Option<Standing>, better: Direction) {
    let Some(Standing::Value(value)) = standing else { return };
    let is_better = |best: &Best| match better {
        Direction::Higher => value > best.value,
        Direction::Lower => value < best.value,
    };
    if best.as_ref().is_none_or(is_better) {
        *best = Some(Best { task_id: result.task_id.clone(), params: result.params.clone(), value });
    }
}
