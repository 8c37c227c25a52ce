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
    jobs::{Batching, Counted, Jobs, KeepResults, Known, OnAll, SweepNews, counted, failures, results_only},
    scheduler::{self, News, Turns, Work},
    scope::{Part, Scope, SymbolScope, TogetherScope},
    source::Pace,
    stop::Stop,
    stored::{CellsOfEach, StoredCells},
};
use crate::{
    backtest::{Backtest, Market, Settings, SetupError, Strategy, Timed, Waiting, WorkerState, guarded},
    broker, bundled,
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

/// The least and the most threads that wait for the machines of a cluster. A cluster may grow to what they can have in hand.
const WAITING: (usize, usize) = (64, 2048);

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
    #[error("{workers} worker threads do not start{}", sandbox::way_out())]
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
    /// Starts `n_workers` workers (all cores for `None`) with a sandbox as `options` say; limits alone will do. With a
    /// [cluster](Options::cluster), tasks of plugins run on its machines; workers here only wait for them, as many as it can have
    /// in hand, or `n_workers` if that is less.
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
        let options = options.into();
        let (least, most) = WAITING;
        let waiting = options.cluster.as_ref().map(|cluster| (4 * cluster.slots()).clamp(least, most));
        let threads = waiting.map_or(workers, |waiting| n_workers.unwrap_or(waiting));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .stack_size(WORKER_STACK)
            .thread_name(|worker| format!("host-worker-{worker}"))
            .start_handler(|_| sandbox::open_for_guests())
            .build()
            .map_err(|source| SweepError::Threads { workers: threads, source })?;
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

    /// The number of workers; with a cluster, how many shards it can have at once now.
    pub fn n_workers(&self) -> usize {
        let threads = self.workers.pool.current_num_threads();
        self.sandbox.cluster().map_or(threads, |cluster| cluster.slots().clamp(1, threads))
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
        let work = |(): &mut (), _: &ParallelTask, task: &ParallelTask| Answer::native(guarded(|| work(task)));
        let (total, tasks) = (Some(tasks.len() as u64), (0..).zip(tasks));
        collect(progress, |consume| self.drive(total, tasks, |_, task| task.clone(), work, consume))
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
        let named = |_, task: &ParallelTask| ParallelTask {
            params: description.resolve(&task.params).unwrap_or_else(|_| task.params.clone()),
            strategy_name: description.name.clone(),
            ..task.clone()
        };
        let work = |slot: &mut ForkSlot<sandbox::Task>, task: &ParallelTask, _: &ParallelTask| match description
            .resolve(&task.params)
        {
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
        self.compare_stored(market, strategies, &[], consume);
    }

    /// As [`compare`](Self::compare), where the result of each strategy is looked up in the cells at its place in `stored`, and
    /// else kept there. A strategy whose result is known does not prepare.
    pub fn compare_stored(
        &self,
        market: &Arc<Market>,
        strategies: Vec<(Strategy, Params)>,
        stored: &[Option<Arc<StoredCells>>],
        consume: impl FnMut(SweepEvent<Metrics>) -> bool,
    ) {
        type Compared = (usize, Strategy, Params);
        let task = |_, (_, strategy, params): &Compared| {
            let name = &strategy.description().name;
            ParallelTask { task_id: name.clone(), params: params.clone(), strategy_name: name.clone() }
        };
        let work = |state: &mut WorkerState, (_, strategy, params): &Compared, _: &ParallelTask| match Backtest::new(
            Arc::clone(market),
            strategy.clone(),
        ) {
            Ok(backtest) => backtest.run(state, params),
            Err(error) => Answer::native(Err(error.into())),
        };
        let total = Some(strategies.len() as u64);
        let items = strategies.into_iter().enumerate();
        let items = items.map(|(place, (strategy, params))| (place as u64, (place, strategy, params)));
        let known = CellsOfEach(stored);
        let place = |(place, ..): &Compared| Some(*place);
        self.drive_known((total, items), (task, work), (Some(&known), place), consume);
    }

    /// Runs the combinations of `plan` that are in `part`, on `scope`. `consume` gets the results in batches and returns
    /// whether to go on. They come in the order of the grid, the first symbol's first where each symbol runs alone.
    ///
    /// A symbol that runs alone is prepared when its turn comes, and dropped after its tasks. If it cannot be prepared, its
    /// tasks fail.
    pub fn sweep(
        &self,
        scope: &Scope,
        plan: &Plan,
        part: Part<'_>,
        consume: impl FnMut(SweepBatch<Vec<ParallelResult<Metrics>>>) -> bool,
    ) {
        self.sweep_with(scope, plan, part, &KeepResults, consume);
    }

    /// As [`sweep`](Self::sweep), where each worker makes of its results what `consume` gets of them, as `batching` says. What
    /// takes time for each result belongs there: the thread that calls `consume` serves all workers.
    pub fn sweep_with<B: Batching>(
        &self,
        scope: &Scope,
        plan: &Plan,
        part: Part<'_>,
        batching: &B,
        consume: impl FnMut(SweepBatch<B::Batch>) -> bool,
    ) {
        self.sweep_watched(scope, plan, part, batching, results_only(consume));
    }

    /// As [`sweep_with`](Self::sweep_with), where `consume` also hears how far the workers are: of each batch before its turn in
    /// the order of the results, and each second without one.
    pub fn sweep_watched<B: Batching>(
        &self,
        scope: &Scope,
        plan: &Plan,
        part: Part<'_>,
        batching: &B,
        consume: impl FnMut(SweepNews<B::Batch>) -> bool,
    ) {
        let total = part.total(scope, plan);
        match scope {
            Scope::Together(together) => self.sweep_together(together, plan, part, batching, counted(total, consume)),
            Scope::EachSymbol(each) => self.sweep_symbols(each, plan, part, batching, counted(total, consume)),
        }
    }

    fn sweep_together<B: Batching>(
        &self,
        scope: &TogetherScope,
        plan: &Plan,
        mut part: Part<'_>,
        batching: &B,
        consume: impl FnMut(News<'_, Counted<B::Batch>>) -> bool,
    ) {
        let name = &scope.strategy().description().name;
        let task = |index, (): &()| {
            let params = params(plan, index);
            ParallelTask { task_id: plan.task_id(&params), params, strategy_name: name.clone() }
        };
        let prepare = |(): &()| _ = scope.backtest();
        let work = |state: &mut WorkerState, (): &(), task: &ParallelTask| scope.run(state, &task.params);
        let waiting = Waiting { is_wanted: &|| !self.stop.is_over(), fail: &|why| self.stop.fail(why) };
        let run_all = |state: &mut WorkerState, tasks: &[(&(), ParallelTask)]| {
            scope.run_batch(state, &tasks.iter().map(|(_, task)| &task.params).collect::<Vec<_>>(), &waiting)
        };
        let on_all = runs_in_batches(scope.strategy()).then_some(&run_all as OnAll<'_, _, _, _>);
        let (known, place) = (part.known, |(): &()| None);
        let slots = || self.slots();
        let (pace, stop) = (self.pace(&slots), &self.stop);
        let jobs = Jobs { task, prepare, work, on_all, batching, known, place, pace, stop, types: PhantomData };
        let indices = plan.indices().until(self.stop.flag());
        let indices = match part.split(plan, None) {
            Some(split) => indices.within(split),
            None => indices,
        };
        let cells = indices.filter(move |index| part.has(*index)).map(|index| (index, ()));
        scheduler::run(self.workers.for_run(), cells, &jobs, &self.stop, consume);
    }

    fn sweep_symbols<B: Batching>(
        &self,
        scope: &SymbolScope,
        plan: &Plan,
        mut part: Part<'_>,
        batching: &B,
        mut consume: impl FnMut(News<'_, Counted<B::Batch>>) -> bool,
    ) {
        let (market, strategy) = (scope.market(), scope.strategy());
        let name = &strategy.description().name;
        let task = |_, (symbol, combination): &OnSymbol| {
            let params = params(plan, *combination);
            ParallelTask { task_id: plan.task_id_on(symbol.name(market), &params), params, strategy_name: name.clone() }
        };
        let prepare = |(symbol, _): &OnSymbol| symbol.prepare(market, strategy);
        let work =
            |state: &mut WorkerState, (symbol, _): &OnSymbol, task: &ParallelTask| symbol.run(state, &task.params);
        let waiting = Waiting { is_wanted: &|| !self.stop.is_over(), fail: &|why| self.stop.fail(why) };
        // All tasks are of one symbol.
        let run_all = |state: &mut WorkerState, tasks: &[(&OnSymbol, ParallelTask)]| {
            let params: Vec<_> = tasks.iter().map(|(_, task)| &task.params).collect();
            tasks.first().map_or_else(Vec::new, |((symbol, _), _)| symbol.run_batch(state, &params, &waiting))
        };
        let on_all = runs_in_batches(strategy).then_some(&run_all as OnAll<'_, _, _, _>);
        let (known, place) = (part.known, |(symbol, _): &OnSymbol| Some(symbol.place()));
        let slots = || self.slots();
        let (pace, stop) = (self.pace(&slots), &self.stop);
        let jobs = Jobs { task, prepare, work, on_all, batching, known, place, pace, stop, types: PhantomData };
        let is_known = |symbol: usize| known.is_some_and(|known| self.begins_known(known, symbol, plan));
        let jobs = EachSymbol { market, strategy, is_known, jobs };
        let symbols = market.dataset().series().len();
        let split = part.split(plan, Some(symbols as u64));
        let steps = Steps::new(symbols, plan, &self.stop, split, move |index| part.has(index));
        // Preparations alone are no results.
        let consume = |news: News<'_, Option<_>>| match news {
            News::Finished(batch) => batch.as_ref().is_none_or(|batch| consume(News::Finished(batch))),
            News::Silence => consume(News::Silence),
            News::Next(batch) => batch.is_none_or(|batch| consume(News::Next(batch))),
        };
        scheduler::run(self.workers.for_run(), steps, &jobs, &self.stop, consume);
    }

    /// How many workers may have tasks now, and how many tasks each runs at the same time.
    fn slots(&self) -> (usize, usize) {
        (self.n_workers(), self.sandbox.cluster().map_or(1, |cluster| cluster.tasks_at_once()))
    }

    /// How tasks are handed out that run alike, to workers of which [`slots`](Self::slots) may have them.
    fn pace<'a>(&self, slots: &'a (dyn Fn() -> (usize, usize) + Sync)) -> Pace<'a> {
        if self.sandbox.cluster().is_some() { Pace::of_cluster(slots) } else { Pace::LOCAL }
    }

    /// Runs the tasks of a shard, and answers them in their order.
    pub(super) fn answers(&self, backtest: &Backtest, account: &broker::Settings, tasks: Vec<Params>) -> Vec<Timed> {
        let mut done = Vec::with_capacity(tasks.len());
        let consume = |news: News<'_, Vec<Timed>>| {
            if let News::Next(answers) = news {
                done.extend(answers);
            }
            true
        };
        let work = Answers { backtest, account };
        scheduler::run(self.workers.for_run(), tasks.into_iter(), &work, &self.stop, consume);
        done
    }

    /// Whether the first cells of the symbol at `place` are known, so that maybe none of its tasks has to run.
    fn begins_known(&self, known: &dyn Known<Metrics>, place: usize, plan: &Plan) -> bool {
        let first = plan.indices().until(self.stop.flag()).take(LOOKED_AT);
        first.map(|index| params(plan, index)).all(|params| known.has(Some(place), &params))
    }

    /// Runs `work` on a worker: what it does in parallel takes no other threads.
    pub(super) fn on_workers<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.workers.pool.install(work)
    }

    /// Runs `work` for every item on all workers, and hands the results over one by one, in the order of the items.
    pub(super) fn drive<I: Send, D: Default, R: Send>(
        &self,
        total: Option<u64>,
        items: impl Iterator<Item = (u64, I)> + Send,
        task: impl Fn(u64, &I) -> ParallelTask + Sync,
        work: impl Fn(&mut D, &I, &ParallelTask) -> Answer<R> + Sync,
        consume: impl FnMut(SweepEvent<R>) -> bool,
    ) {
        self.drive_known((total, items), (task, work), (None, |_| None), consume);
    }

    /// Like [`drive`](Self::drive), where results may be known.
    fn drive_known<I: Send, D: Default, R: Send>(
        &self,
        (total, items): (Option<u64>, impl Iterator<Item = (u64, I)> + Send),
        (task, work): (impl Fn(u64, &I) -> ParallelTask + Sync, impl Fn(&mut D, &I, &ParallelTask) -> Answer<R> + Sync),
        (known, place): Lookup<'_, I, R>,
        consume: impl FnMut(SweepEvent<R>) -> bool,
    ) {
        let jobs = Jobs {
            task,
            prepare: |_: &I| (),
            work,
            on_all: None,
            batching: &KeepResults,
            known,
            place,
            pace: Pace::LOCAL,
            stop: &self.stop,
            types: PhantomData,
        };
        let consume = counted(total, results_only(one_by_one(consume)));
        scheduler::run(self.workers.for_run(), items, &jobs, &self.stop, consume);
    }
}

/// Where results may be known, and the place of an item there.
type Lookup<'a, I, R> = (Option<&'a dyn Known<R>>, fn(&I) -> Option<usize>);

/// Whether tasks of `strategy` run in worker processes or on a cluster, where they are cheaper in batches.
fn runs_in_batches(strategy: &Strategy) -> bool {
    let Strategy::Plugin(plugin) = strategy.bare() else { return false };
    plugin.sandbox().worker_program().is_some() || plugin.sandbox().cluster().is_some()
}

/// The answers to tasks of a backtest under an account, without names and numbers of the tasks.
struct Answers<'a> {
    backtest: &'a Backtest,
    account: &'a broker::Settings,
}

impl Work<Params> for Answers<'_> {
    type WorkerState = WorkerState;
    type Done = Timed;
    type Batch = Vec<Timed>;

    fn worker_state(&self, _: usize) -> WorkerState {
        WorkerState::default()
    }

    fn work(&self, state: &mut WorkerState, params: &Params) -> Timed {
        let start = Instant::now();
        let answer = self.backtest.run_under(self.account, state, params);
        Timed { answer, time: start.elapsed() }
    }

    fn panicked(&self, _: usize, _: &Params, message: String) -> Timed {
        let error = TaskError::new(ErrorKind::Host, format!("a bug of the host: {message}"));
        Timed { answer: Answer::native(Err(error)), time: Duration::ZERO }
    }

    fn batch(&self, answers: Vec<Timed>) -> Vec<Timed> {
        answers
    }
}

/// Cells of a symbol that are looked up to tell whether it need not be prepared ahead of its tasks.
const LOOKED_AT: usize = 10_000;

/// Combination `index` of a plan that has it.
fn params(plan: &Plan, index: u64) -> Params {
    plan.params(index).unwrap_or_default()
}

/// Hands the results of each batch to `consume` one by one, with the counts as of each.
fn one_by_one<R>(
    mut consume: impl FnMut(SweepEvent<R>) -> bool,
) -> impl FnMut(SweepBatch<Vec<ParallelResult<R>>>) -> bool {
    move |SweepBatch { done, total, failed, results }| {
        let (mut done, mut failed) = (done - results.len() as u64, failed - failures(&results));
        results.into_iter().all(|result| {
            done += 1;
            failed += u64::from(!result.success);
            consume(SweepEvent { done, total, failed, result })
        })
    }
}

impl Workers {
    fn for_run(&self) -> (&rayon::ThreadPool, &Turns) {
        (&self.pool, &self.turns)
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
