//! The parallel backtester, front door of the library: sweeps, comparisons and custom tasks on a pool of workers.
//!
//! Never decides what happens to a result.

use std::{
    marker::PhantomData,
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    each::{EachSymbol, OnSymbol, Steps},
    grid::{Grid, GridError, Plan},
    scheduler::{self, Stop, Turns, Work},
    scope::{Part, Scope},
};
use crate::{
    backtest::{Backtest, Market, Settings, SetupError, Strategy, Timed, WorkerState, guarded},
    bundled,
    data::Dataset,
    metrics::Metrics,
    model::Params,
    sandbox::{self, ForkSlot, Limits, Options, Plugin, PluginError, Prepared, Sandbox, SandboxError},
    task::{Answer, ErrorKind, ParallelResult, ParallelTask, SweepBatch, SweepEvent, TaskError},
};

/// The stack of a worker: guests run on it, and may use 1 MiB.
const WORKER_STACK: usize = 8 << 20;

/// The most workers: each takes a thread with its stack and room for two guests.
const MAX_WORKERS: usize = 1024;

/// Why a sweep does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The number of workers is 0.
    #[error("0 workers can run nothing; give 1 or more, or leave it out for all cores")]
    NoWorkers,
    /// The number of workers is too large.
    #[error("{0} workers are more than {MAX_WORKERS}; give fewer, or leave it out for all cores")]
    TooManyWorkers(usize),
    /// The threads do not start.
    #[error("{workers} worker threads do not start")]
    Threads {
        /// The requested threads.
        workers: usize,
        /// The system's error.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
    /// The sandbox does not start.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A plugin cannot be loaded.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The backtest cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The grid does not fit.
    #[error(transparent)]
    Grid(#[from] GridError),
}

/// The source of a strategy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StrategySource {
    /// A bundled plugin by name, or a component in a file.
    Named(String),
    /// A component in memory, and the name that stands for it in errors.
    Bytes(String, Vec<u8>),
    /// A strategy already loaded by the [`ParallelBacktester`] that will run it, or Rust code.
    Loaded(Strategy),
}

impl From<&str> for StrategySource {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<PathBuf> for StrategySource {
    fn from(path: PathBuf) -> Self {
        Self::Named(path.display().to_string())
    }
}

impl From<Strategy> for StrategySource {
    fn from(strategy: Strategy) -> Self {
        Self::Loaded(strategy)
    }
}

/// A progress callback, called after each task, in the order of the tasks.
pub type Progress<'a, R> = &'a mut dyn FnMut(&SweepEvent<R>);

/// A pool of workers and the sandbox that they share.
///
/// # Examples
///
/// ```
/// use host::{sandbox::Limits, sweep::ParallelBacktester, task::ParallelTask};
///
/// let backtester = ParallelBacktester::new(Some(2), Limits::default())?;
/// let tasks = (1..=3).map(|n| ParallelTask { task_id: n.to_string(), ..ParallelTask::default() });
/// let results = backtester.run_parallel(tasks.collect(), |task| Ok(task.task_id.len()), &mut |_| ());
/// assert!(results.iter().all(|result| result.result == Some(1)));
/// # Ok::<(), host::sweep::SweepError>(())
/// ```
#[derive(Debug)]
pub struct ParallelBacktester {
    workers: Arc<Workers>,
    sandbox: Sandbox,
    stop: Stop,
}

#[derive(Debug)]
struct Workers {
    pool: rayon::ThreadPool,
    turns: Turns,
}

impl ParallelBacktester {
    /// Starts `n_workers` workers (all cores for `None`) with a sandbox as `options` say; limits alone will do.
    ///
    /// # Errors
    ///
    /// Returns an error if `n_workers` is 0 or too large, or the threads or the sandbox do not start.
    pub fn new(n_workers: Option<usize>, options: impl Into<Options>) -> Result<Self, SweepError> {
        let workers = n_workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
        if workers == 0 {
            return Err(SweepError::NoWorkers);
        }
        if workers > MAX_WORKERS {
            return Err(SweepError::TooManyWorkers(workers));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .stack_size(WORKER_STACK)
            .thread_name(|worker| format!("host-worker-{worker}"))
            .build()
            .map_err(|source| SweepError::Threads { workers, source })?;
        let sandbox = Sandbox::new(workers, options)?;
        let stop = Stop::new(sandbox.cut_flag());
        Ok(Self { workers: Arc::new(Workers { pool, turns: Turns::default() }), sandbox, stop })
    }

    /// The same workers and sandbox, with a separate stop. Runs on both at the same time, from two threads, take turns.
    #[must_use]
    pub fn another(&self) -> Self {
        let (workers, sandbox) = (Arc::clone(&self.workers), self.sandbox.clone());
        Self { workers, stop: Stop::new(sandbox.cut_flag()), sandbox }
    }

    /// The number of workers.
    pub fn n_workers(&self) -> usize {
        self.workers.pool.current_num_threads()
    }

    /// The sandbox of all plugins that run on these workers.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Why compiled code could not be kept, if that has happened. Results do not depend on it.
    pub fn cache_problem(&self) -> Option<&str> {
        self.sandbox.cache_problem()
    }

    /// The flag that stops the runs of this backtester from any thread. Finished tasks keep their results.
    pub fn stop_handle(&self) -> Stop {
        self.stop.clone()
    }

    /// Loads a plugin: a bundled one by its name, or a component from a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin does not exist, or cannot be run.
    pub fn load(&self, name: &str) -> Result<Plugin, PluginError> {
        bundled::load(&self.sandbox, name)
    }

    /// Makes `source` ready to run on these workers.
    ///
    /// # Errors
    ///
    /// Returns an error if a plugin cannot be loaded.
    pub fn strategy(&self, source: &StrategySource) -> Result<Strategy, PluginError> {
        Ok(match source {
            StrategySource::Named(name) => self.load(name)?.into(),
            StrategySource::Bytes(name, bytes) => Plugin::from_bytes(&self.sandbox, name, bytes.clone())?.into(),
            StrategySource::Loaded(strategy) => strategy.clone(),
        })
    }

    /// Runs `work` for each task. A task whose closure panics is a failed result of kind `panic`.
    ///
    /// Returns one result for each task, in their order; fewer if it was stopped.
    pub fn run_parallel<R: Send>(
        &self,
        tasks: Vec<ParallelTask>,
        work: impl Fn(&ParallelTask) -> Result<R, TaskError> + Sync,
        progress: Progress<'_, R>,
    ) -> Vec<ParallelResult<R>> {
        let work = |(): &mut (), task: &ParallelTask| Answer::native(guarded(|| work(task)));
        let (total, tasks) = (Some(tasks.len() as u64), (0..).zip(tasks));
        collect(progress, |consume| self.drive(total, tasks, Clone::clone, work, consume))
    }

    /// Runs custom tasks on a prepared plugin; results hold the bytes that it answers with.
    ///
    /// Each task's parameters are checked against those that the plugin declares; a task that does not fit is a failed
    /// result of kind `invalid-params`. `consume` gets the results one by one, in the order of the tasks, and returns
    /// whether to go on.
    pub fn run_tasks(
        &self,
        plugin: &Plugin,
        prepared: &Prepared<sandbox::Task>,
        tasks: Vec<ParallelTask>,
        consume: impl FnMut(SweepEvent<Vec<u8>>) -> bool,
    ) {
        let description = plugin.description();
        let named = |task: &ParallelTask| ParallelTask {
            params: description.resolve(&task.params).unwrap_or_else(|_| task.params.clone()),
            strategy_name: description.name.clone(),
            ..task.clone()
        };
        let work = |slot: &mut ForkSlot<sandbox::Task>, task: &ParallelTask| match description.resolve(&task.params) {
            Ok(params) => prepared.run_in(slot, &task.task_id, &params),
            Err(error) => Answer::native(Err(TaskError::new(ErrorKind::InvalidParams, error.to_string()))),
        };
        self.drive(Some(tasks.len() as u64), (0..).zip(tasks), named, work, consume);
    }

    /// Runs each of `strategies` once over `market`, with all of its parameters. One that cannot prepare the data is a
    /// failed result. `consume` gets the results one by one, in the order of the strategies, and returns whether to go on.
    pub fn compare(
        &self,
        market: &Arc<Market>,
        strategies: Vec<(Strategy, Params)>,
        consume: impl FnMut(SweepEvent<Metrics>) -> bool,
    ) {
        let task = |(strategy, params): &(Strategy, Params)| {
            let name = &strategy.description().name;
            ParallelTask { task_id: name.clone(), params: params.clone(), strategy_name: name.clone() }
        };
        let work = |state: &mut WorkerState, (strategy, params): &(Strategy, Params)| match Backtest::new(
            Arc::clone(market),
            strategy.clone(),
        ) {
            Ok(backtest) => backtest.run(state, params),
            Err(error) => Answer::native(Err(error.into())),
        };
        self.drive(Some(strategies.len() as u64), (0..).zip(strategies), task, work, consume);
    }

    /// Runs the combinations of `plan` that are in `part`, on `scope`. `consume` gets the results in batches and returns
    /// whether to go on. They come in the order of the grid, the first symbol's first where each symbol runs alone.
    ///
    /// A symbol that runs alone is prepared when its turn comes, and dropped after its tasks. If it cannot be prepared, its
    /// tasks fail.
    pub fn sweep(&self, scope: &Scope, plan: &Plan, part: Part<'_>, consume: impl FnMut(SweepBatch<Metrics>) -> bool) {
        let total = part.total(scope, plan);
        match scope {
            Scope::Together(backtest) => self.sweep_together(backtest, plan, part, self.counted(total, consume)),
            Scope::EachSymbol(each) => {
                self.sweep_symbols(each.market(), each.strategy(), plan, part, self.counted(total, consume));
            }
        }
    }

    fn sweep_together(
        &self,
        backtest: &Backtest,
        plan: &Plan,
        mut part: Part<'_>,
        consume: impl FnMut(Vec<ParallelResult<Metrics>>) -> bool,
    ) {
        let name = &backtest.strategy().description().name;
        let task = |params: &Params| ParallelTask {
            task_id: plan.task_id(params),
            params: params.clone(),
            strategy_name: name.clone(),
        };
        let work = |state: &mut WorkerState, params: &Params| backtest.run(state, params);
        let cells = plan.cursor().until(self.stop.flag()).filter(move |(index, _)| part.has(*index));
        let run_batch = |state: &mut WorkerState, tasks: &[&Params]| timed(backtest.run_batch(state, tasks));
        let batch = backtest.takes_batches().then_some(&run_batch as Batch<'_, _, _, _>);
        let jobs = Jobs { task, work, batch, types: PhantomData };
        scheduler::run(self.workers.for_run(), cells, &jobs, &self.stop, consume);
    }

    fn sweep_symbols(
        &self,
        market: &Market,
        strategy: &Strategy,
        plan: &Plan,
        mut part: Part<'_>,
        mut consume: impl FnMut(Vec<ParallelResult<Metrics>>) -> bool,
    ) {
        let name = &strategy.description().name;
        let task = |(symbol, params): &OnSymbol| ParallelTask {
            task_id: plan.task_id_on(symbol.name(market), params),
            params: params.clone(),
            strategy_name: name.clone(),
        };
        let work = |state: &mut WorkerState, (symbol, params): &OnSymbol| symbol.run(state, params);
        // Tasks of one batch are of one symbol.
        let run_batch = |state: &mut WorkerState, tasks: &[&OnSymbol]| {
            let params: Vec<_> = tasks.iter().map(|(_, params)| params).collect();
            timed(tasks.first().map_or_else(Vec::new, |(symbol, _)| symbol.run_batch(state, &params)))
        };
        let in_processes = matches!(strategy, Strategy::Plugin(plugin) if plugin.sandbox().worker_program().is_some());
        let batch = in_processes.then_some(&run_batch as Batch<'_, _, _, _>);
        let jobs = EachSymbol { market, strategy, jobs: Jobs { task, work, batch, types: PhantomData } };
        let steps = Steps::new(market.dataset().series().len(), plan, &self.stop, move |index| part.has(index));
        // The preparation of a symbol has no result.
        let consume = |batch: Vec<Option<_>>| consume(batch.into_iter().flatten().collect());
        scheduler::run(self.workers.for_run(), steps, &jobs, &self.stop, consume);
    }

    /// Runs `work` for every item on all workers, and hands the results over one by one, in the order of the items.
    fn drive<I: Send, D: Default, R: Send>(
        &self,
        total: Option<u64>,
        items: impl Iterator<Item = (u64, I)> + Send,
        task: impl Fn(&I) -> ParallelTask + Sync,
        work: impl Fn(&mut D, &I) -> Answer<R> + Sync,
        consume: impl FnMut(SweepEvent<R>) -> bool,
    ) {
        let jobs = Jobs { task, work, batch: None, types: PhantomData };
        scheduler::run(self.workers.for_run(), items, &jobs, &self.stop, self.counted(total, one_by_one(consume)));
    }

    /// Counts results on their way to `consume`. After a cut, results of tasks that the cut ended are dropped.
    fn counted<R>(
        &self,
        total: Option<u64>,
        mut consume: impl FnMut(SweepBatch<R>) -> bool,
    ) -> impl FnMut(Vec<ParallelResult<R>>) -> bool {
        let (mut done, mut failed) = (0, 0);
        move |mut results| {
            if self.stop.is_cut() {
                results.retain(|result| result.error_kind != Some(ErrorKind::TimedOut));
            }
            if results.is_empty() {
                return true;
            }
            done += results.len() as u64;
            failed += failures(&results);
            consume(SweepBatch { done, total, failed, results })
        }
    }
}

/// Hands the results of each batch to `consume` one by one, with the counts as of each.
fn one_by_one<R>(mut consume: impl FnMut(SweepEvent<R>) -> bool) -> impl FnMut(SweepBatch<R>) -> bool {
    move |SweepBatch { done, total, failed, results }| {
        let (mut done, mut failed) = (done - results.len() as u64, failed - failures(&results));
        results.into_iter().all(|result| {
            done += 1;
            failed += u64::from(!result.success);
            consume(SweepEvent { done, total, failed, result })
        })
    }
}

fn failures<R>(results: &[ParallelResult<R>]) -> u64 {
    results.iter().filter(|result| !result.success).count() as u64
}

impl Workers {
    fn for_run(&self) -> (&rayon::ThreadPool, &Turns) {
        (&self.pool, &self.turns)
    }
}

/// Answers, each with the time that it took.
fn timed(answers: Vec<Timed>) -> Vec<(Answer<Metrics>, Duration)> {
    answers.into_iter().map(|Timed { answer, time }| (answer, time)).collect()
}

/// Answers several items at once, each with the time that it took.
type Batch<'a, I, D, R> = &'a (dyn Fn(&mut D, &[&I]) -> Vec<(Answer<R>, Duration)> + Sync);

/// The work on an item: `task` names it and its parameters, `work` answers it, and `batch` several at once.
struct Jobs<'a, I, D, R, T, W> {
    task: T,
    work: W,
    batch: Option<Batch<'a, I, D, R>>,
    types: PhantomData<fn(I, D) -> R>,
}

impl<I, D, R, T, W> Work<(u64, I)> for Jobs<'_, I, D, R, T, W>
where
    D: Default,
    R: Send,
    T: Fn(&I) -> ParallelTask + Sync,
    W: Fn(&mut D, &I) -> Answer<R> + Sync,
{
    type WorkerState = (usize, D);
    type Done = ParallelResult<R>;

    fn worker_state(&self, worker: usize) -> Self::WorkerState {
        (worker, D::default())
    }

    fn work(&self, (worker, state): &mut Self::WorkerState, (index, item): &(u64, I)) -> ParallelResult<R> {
        let start = Instant::now();
        let Answer { outcome, log, units } = (self.work)(state, item);
        let execution_time = start.elapsed();
        ParallelResult { execution_time, worker_id: *worker, log, units, ..self.result(*index, item, outcome) }
    }

    fn panicked(&self, worker: usize, (index, item): &(u64, I), message: String) -> ParallelResult<R> {
        let error = TaskError::new(ErrorKind::Host, format!("a bug of the host: {message}"));
        ParallelResult { worker_id: worker, ..self.result(*index, item, Err(error)) }
    }

    fn takes_batches(&self) -> bool {
        self.batch.is_some()
    }

    fn work_batch(&self, state: &mut Self::WorkerState, tasks: &[(u64, I)]) -> Vec<ParallelResult<R>> {
        let Some(batch) = self.batch else { return tasks.iter().map(|task| self.work(state, task)).collect() };
        let (worker, state) = state;
        let items: Vec<_> = tasks.iter().map(|(_, item)| item).collect();
        let answers = batch(state, &items);
        let result = |((index, item), (answer, execution_time)): (&(u64, I), (Answer<R>, Duration))| {
            let Answer { outcome, log, units } = answer;
            ParallelResult { execution_time, worker_id: *worker, log, units, ..self.result(*index, item, outcome) }
        };
        tasks.iter().zip(answers).map(result).collect()
    }
}

impl<I, D, R, T: Fn(&I) -> ParallelTask, W> Jobs<'_, I, D, R, T, W> {
    fn result(&self, index: u64, item: &I, outcome: Result<R, TaskError>) -> ParallelResult<R> {
        let ParallelTask { task_id, params, strategy_name } = (self.task)(item);
        ParallelResult { task_id, params, strategy_name, ..ParallelResult::new(index, outcome) }
    }
}

/// Runs a strategy for every combination of `grid` over `data`, on `n_workers` workers (all cores for `None`), with the
/// default account.
///
/// Returns one result for each combination, in the order of the grid. For other settings, or more results than fit into
/// memory, see [`ParallelBacktester::sweep`].
///
/// # Errors
///
/// Returns an error if the strategy cannot be loaded or prepared, or the grid does not fit it. A combination that fails
/// is a failed result.
///
/// # Examples
///
/// ```
/// use host::{data::Dataset, sweep::{grid::Grid, run_parameter_sweep}};
///
/// let grid = Grid::from_json(r#"{"lookback": [20, 60, 120]}"#)?;
/// let results = run_parameter_sweep(Dataset::bundled()?, "momentum", &grid, None, &mut |_| ())?;
/// assert!(results.iter().all(|result| result.success));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run_parameter_sweep(
    data: Dataset,
    strategy: impl Into<StrategySource>,
    grid: &Grid,
    n_workers: Option<usize>,
    progress: Progress<'_, Metrics>,
) -> Result<Vec<ParallelResult<Metrics>>, SweepError> {
    let backtester = ParallelBacktester::new(n_workers, Limits::default())?;
    let strategy = backtester.strategy(&strategy.into())?;
    let plan = grid.bind(strategy.description())?;
    let market = Arc::new(Market::new(data, Settings::default())?);
    let scope = Scope::from(Backtest::new(market, strategy)?);
    Ok(collect(progress, |consume| backtester.sweep(&scope, &plan, Part::all(), one_by_one(consume))))
}

/// Runs several strategies over `data`, each with the parameters given, on `n_workers` workers (all cores for `None`),
/// with the default account.
///
/// Returns one result for each strategy, in their order. Parameters that are left out take their defaults.
///
/// # Errors
///
/// Returns an error if a strategy cannot be loaded, or does not take a parameter. One that fails to prepare or to run
/// is a failed result.
pub fn run_multi_strategy(
    data: Dataset,
    strategies: Vec<(StrategySource, Params)>,
    n_workers: Option<usize>,
    progress: Progress<'_, Metrics>,
) -> Result<Vec<ParallelResult<Metrics>>, SweepError> {
    let backtester = ParallelBacktester::new(n_workers, Limits::default())?;
    let market = Arc::new(Market::new(data, Settings::default())?);
    let mut ready = Vec::new();
    for (source, params) in &strategies {
        let strategy = backtester.strategy(source)?;
        let params = strategy.description().resolve(params).map_err(SetupError::from)?;
        ready.push((strategy, params));
    }
    Ok(collect(progress, |consume| backtester.compare(&market, ready, consume)))
}

/// Keeps the results of `run`, and tells `progress` of each.
fn collect<R>(
    progress: Progress<'_, R>,
    run: impl FnOnce(&mut dyn FnMut(SweepEvent<R>) -> bool),
) -> Vec<ParallelResult<R>> {
    let mut results = Vec::new();
    run(&mut |event| {
        progress(&event);
        results.push(event.result);
        true
    });
    results
}
