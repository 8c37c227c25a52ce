//! Results that were written to a file: finds one row by its rank or by its task, to run it again.
//!
//! Never runs anything, and never holds more rows than a batch of them and the best few.

use std::path::{Path, PathBuf};

use super::standings::Goal;
use crate::{
    metrics::Metrics,
    model::{Description, ParamError, Params},
    results::{Cell, Column, Ranking, ReadError, ResultsFile},
};

/// Rows that are ranked at a time. Deeper ranks take another pass over the file for each.
const RANKED: u64 = 65_536;

/// Why a file of results does not give the row that is asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PastError {
    /// The file cannot be read.
    #[error(transparent)]
    Results(#[from] ReadError),
    /// A parameter does not fit the plugin.
    #[error("a parameter of the row does not fit the plugin")]
    Parameter(#[from] ParamError),
    /// The rank is 0.
    #[error("rank 0 does not exist; the best row has rank 1")]
    RankZero,
    /// No row is ranked.
    #[error(
        "`{}` ranks none of its {rows} rows: they failed, have no `{objective}`, or do not meet the requirements; name one \
         with `--task`", path.display()
    )]
    Unranked {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: u64,
        /// The metric that ranks.
        objective: &'static str,
    },
    /// Fewer rows are ranked.
    #[error(
        "`{}` has no rank {rank}: of its {rows} rows, {ranked} are ranked by `{objective}`; give a rank from 1 to {ranked}", path.display()
    )]
    BeyondEnd {
        /// The file.
        path: PathBuf,
        /// The rank.
        rank: u64,
        /// The rows that are ranked.
        ranked: u64,
        /// All rows.
        rows: u64,
        /// The metric that ranks.
        objective: &'static str,
    },
    /// No row has this task.
    #[error("`{}` has no task `{task}`; its {rows} tasks are named like {example}", path.display())]
    NoTask {
        /// The file.
        path: PathBuf,
        /// The task.
        task: String,
        /// All rows.
        rows: u64,
        /// The name of the first one.
        example: String,
    },
    /// A column is missing.
    #[error("`{}` has no column `{column}`, which {purpose}; give a file with all columns", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What it is needed for.
        purpose: &'static str,
    },
    /// The row has a parameter that the plugin lacks.
    #[error(
        "`{plugin}` has no parameter `{name}`, which the row has; give the plugin that it ran with (`--plugin FILE`)"
    )]
    UnknownParameter {
        /// The plugin's name.
        plugin: String,
        /// The parameter.
        name: String,
    },
}

/// A file of the results of a sweep, in Parquet.
#[derive(Debug)]
pub struct PastResults {
    path: PathBuf,
    file: ResultsFile,
}

/// One row of past results.
#[derive(Debug, Clone)]
pub struct PastResult {
    /// The name of its task.
    pub task_id: String,
    /// The symbol that it ran on alone, if it did.
    pub symbol: Option<String>,
    /// Every parameter that the file has.
    pub params: Params,
    /// The kind and the words of its failure, if it failed.
    pub failure: Option<(String, String)>,
    /// The value of each metric that the file has.
    pub metrics: Vec<(&'static str, Option<f64>)>,
    /// The hash of the bars that it ran on, if the file has it.
    pub data_hash: Option<String>,
}

/// A value that decides the place of a row, and the row's place in the file.
type Place = (f64, u64);

impl PastResults {
    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// Returns an error as [`ResultsFile::open`] does.
    pub fn open(path: &Path) -> Result<Self, PastError> {
        Ok(Self { path: path.to_owned(), file: ResultsFile::open(path)? })
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.file.rows()
    }

    /// Returns the row that `goal` ranks `rank`-th, counted from 1: in the order in which the sweep ranked it. Memory depends
    /// neither on the rank nor on the number of rows.
    ///
    /// # Errors
    ///
    /// Returns an error if fewer rows are ranked, or if the file cannot be read or lacks a column.
    pub fn at_rank(&self, rank: u64, goal: &Goal, plugin: &Description) -> Result<PastResult, PastError> {
        if rank == 0 {
            return Err(PastError::RankZero);
        }
        let (mut left, mut worst) = (rank, None);
        loop {
            let size = left.min(RANKED);
            let next = self.best(size, worst, goal, plugin)?;
            if (next.len() as u64) < size {
                return Err(self.beyond(rank, rank - left + next.len() as u64, goal));
            }
            left -= size;
            worst = next.last().copied();
            if let Some((_, row)) = worst.filter(|_| left == 0) {
                return self.result(row, plugin);
            }
        }
    }

    fn beyond(&self, rank: u64, ranked: u64, goal: &Goal) -> PastError {
        let (path, rows, objective) = (self.path.clone(), self.rows(), goal.objective().name);
        match ranked {
            0 => PastError::Unranked { path, rows, objective },
            ranked => PastError::BeyondEnd { path, rank, ranked, rows, objective },
        }
    }

    /// Returns the best `size` rows after the row at `worst`, the best first.
    fn best(
        &self,
        size: u64,
        worst: Option<Place>,
        goal: &Goal,
        plugin: &Description,
    ) -> Result<Vec<Place>, PastError> {
        let mut ranking: Ranking<()> = Ranking::new(size as usize, goal.better());
        self.each_value(goal, plugin, |place| {
            if worst.is_none_or(|worst| ranking.is_before(worst, place)) {
                ranking.offer(Some(place.0), place.1, || ());
            }
        })?;
        Ok(ranking.into_sorted().into_iter().map(|ranked| (ranked.value, ranked.index)).collect())
    }

    /// Gives `take` the objective of each row that meets the requirements, and the row's place.
    fn each_value(&self, goal: &Goal, plugin: &Description, mut take: impl FnMut(Place)) -> Result<(), PastError> {
        let objective = goal.objective().name;
        let needed: Vec<_> = goal.needed().into_iter().filter(|name| *name != objective).collect();
        let column_of = |name: &str| if is_metric(name) { name.to_owned() } else { self.parameter(name, plugin) };
        let columns: Vec<_> = std::iter::once(objective).chain(needed.iter().copied()).map(column_of).collect();
        for column in &columns {
            self.column(column, "its ranking needs")?;
        }
        let mut index = 0;
        for batch in self.file.batches(Some(&columns))? {
            let batch = batch?;
            for row in batch.rows() {
                if let Some(value) = number(&row[0])
                    && goal.is_met(&metrics(objective, value, &needed, &row), &params(&needed, &row))
                {
                    take((value, index));
                }
                index += 1;
            }
        }
        Ok(())
    }

    /// Returns the row of task `task_id`.
    ///
    /// # Errors
    ///
    /// Returns an error if no row has this name, or if the file cannot be read or lacks a column.
    pub fn of_task(&self, task_id: &str, plugin: &Description) -> Result<PastResult, PastError> {
        let column = [TASK.to_owned()];
        self.column(TASK, "names the tasks")?;
        let (mut index, mut first) = (0, None);
        for batch in self.file.batches(Some(&column))? {
            let batch = batch?;
            for row in batch.rows() {
                let name = text(&row[0]).unwrap_or_default();
                if name == task_id {
                    return self.result(index, plugin);
                }
                first.get_or_insert_with(|| format!("`{name}`"));
                index += 1;
            }
        }
        let (path, task, rows) = (self.path.clone(), task_id.to_owned(), self.rows());
        Err(PastError::NoTask { path, task, rows, example: first.unwrap_or_else(|| "none".to_owned()) })
    }

    /// Returns the row at place `index`.
    fn result(&self, index: u64, plugin: &Description) -> Result<PastResult, PastError> {
        self.column(TASK, "names the tasks")?;
        self.check_parameters(plugin)?;
        let cells = self.file.row(index)?.unwrap_or_default();
        let columns = self.file.columns();
        let cell = |name: &str| columns.iter().position(|column| column.name == name).and_then(|at| cells.get(at));
        let words = |name: &str| cell(name).and_then(text).map(str::to_owned);
        let mut params = Params::new();
        for spec in &plugin.parameters {
            if let Some(value) = cell(&self.parameter(&spec.name, plugin)).and_then(|cell| cell.value()) {
                params.insert(spec.name.clone(), spec.accept(&value)?);
            }
        }
        let known = Metrics::FIELDS.iter().filter_map(|info| Some((info.name, number(cell(info.name)?))));
        Ok(PastResult {
            task_id: words(TASK).unwrap_or_default(),
            symbol: words(SYMBOL),
            params,
            failure: words("error_kind").map(|kind| (kind, words("error_message").unwrap_or_default())),
            metrics: known.collect(),
            data_hash: words("data_hash"),
        })
    }

    /// The name of the column of parameter `name`: columns of results come before parameters of the same name, which are
    /// renamed then.
    fn parameter(&self, name: &str, plugin: &Description) -> String {
        let renamed = format!("{RENAMED}{name}");
        let is_its_own = plugin.parameters.iter().all(|spec| spec.name != renamed);
        if is_its_own && self.has(&renamed) { renamed } else { name.to_owned() }
    }

    /// Refuses a plugin that lacks a parameter of the rows. Their columns are those between the name of the strategy and the
    /// first of the outcome.
    fn check_parameters(&self, plugin: &Description) -> Result<(), PastError> {
        let known: Vec<_> = plugin.parameters.iter().map(|spec| self.parameter(&spec.name, plugin)).collect();
        let place = |name: &str| self.file.columns().iter().position(|column| column.name == name);
        let (Some(strategy), Some(outcome)) = (place("strategy_name"), place("success")) else { return Ok(()) };
        let between = self.file.columns().get(strategy + 1..outcome).unwrap_or_default();
        let is_unknown =
            |column: &&Column| !known.contains(&column.name) && ![SYMBOL, CELL].contains(&column.name.as_str());
        match between.iter().find(is_unknown) {
            None => Ok(()),
            Some(column) => {
                let name = column.name.strip_prefix(RENAMED).unwrap_or(&column.name).to_owned();
                Err(PastError::UnknownParameter { plugin: plugin.name.clone(), name })
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.file.columns().iter().any(|column| column.name == name)
    }

    fn column(&self, name: &str, purpose: &'static str) -> Result<(), PastError> {
        if self.has(name) {
            return Ok(());
        }
        Err(PastError::NoColumn { path: self.path.clone(), column: name.to_owned(), purpose })
    }
}

const TASK: &str = "task_id";
const SYMBOL: &str = "symbol";

/// The column of the index of a task in its sweep.
const CELL: &str = "cell";

/// What stands before a parameter whose name is that of another column.
const RENAMED: &str = "param_";

fn is_metric(name: &str) -> bool {
    Metrics::info(name).is_some()
}

/// The metrics of a row of the objective and the `needed` names.
fn metrics(objective: &str, value: f64, needed: &[&str], row: &[Cell<'_>]) -> Metrics {
    let mut values = Metrics::default().values();
    let mut set = |name: &str, value: Option<f64>| {
        if let Some(at) = Metrics::FIELDS.iter().position(|info| info.name == name) {
            values[at] = value;
        }
    };
    set(objective, Some(value));
    for (name, cell) in needed.iter().zip(&row[1..]) {
        set(name, number(cell));
    }
    Metrics::from_values(values)
}

/// The parameters of such a row.
fn params(needed: &[&str], row: &[Cell<'_>]) -> Params {
    let cells = needed.iter().zip(&row[1..]).filter(|(name, _)| !is_metric(name));
    cells.filter_map(|(name, cell)| Some(((*name).to_owned(), cell.value()?))).collect()
}

fn number(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(*value),
        // A count is a whole number far below 2^53.
        Cell::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

fn text<'a>(cell: &'a Cell<'_>) -> Option<&'a str> {
    match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}
