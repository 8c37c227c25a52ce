//! The queue of sweeps: those that wait, run (a few at a time on one pool of workers) and have ended.
//!
//! Never runs a task itself, and knows nothing of HTTP.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::Sender;
use serde_json::value::RawValue;

use super::{
    api::{LabelError, Relabel, Sweep, SweepState, date_time},
    job::{Job, Services, Work},
    meters::Meters,
    store::{Store, StoreError},
};
use crate::{
    backtest::{AccountSpec, Benchmark, BenchmarkError, BenchmarkSpec, Market, Mode, SetupError},
    data::{Dataset, DetailError},
    metrics::ReturnsPeriod,
    model::{Description, Series, quoted},
    registry::{FileState, Registry, Version, supervised},
    sandbox::Limits,
    store as results_store,
    sweep::{
        BoundRequest, DefaultMetrics, Instruments, LimitsError, NoBounds, ParallelBacktester, RequestError, Split,
        SplitError, Stop, SweepRequest, grid::Count, with_causes,
    },
};

/// The stack of a thread that runs a sweep: a strategy prepares its data on it, and guests may use 1 MiB.
const STACK: usize = 8 << 20;

/// How often a state folder that could not be written is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Sweeps that have ended and are kept in memory as a whole. Of older ones a ranking, a grid and bounds are read from the
/// disk when they are asked for, so that memory does not grow with them.
const WHOLE: usize = 64;

/// The most results that a ranking shows.
const MOST_TOP: usize = 1_000;

/// The most bytes of a file of returns: a report on it holds some of its blocks in memory.
const MOST_RETURNS: u64 = 2 << 30;

/// Why a sweep is declined.
#[derive(Debug, thiserror::Error)]
pub(super) enum Declined {
    #[error("unknown plugin `{name}`; known: {known}")]
    NoPlugin { name: String, known: String },
    #[error("no build of plugin `{name}` could be loaded yet: {reason}")]
    NoBuild { name: String, reason: String },
    #[error("unknown data `{name}`; known: {known}")]
    NoData { name: String, known: String },
    #[error("the request names no data; give `data` as one of {known}")]
    WhichData { known: String },
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Limits(Vec<LimitsError>),
    #[error(transparent)]
    Bounds(#[from] NoBounds),
    #[error("`top` is {0}; give a number from 1 to {MOST_TOP}")]
    Top(usize),
    #[error(
        "the grid has {count} combinations{}; this server takes up to {most}: use `sample`, wider steps or fewer axes",
        on_symbols(*.runs)
    )]
    TooMany { count: Count, runs: u64, most: u64 },
    #[error("{0} trials are too many; this server takes up to {1}: give fewer with `trials`")]
    TooManyTrials(u64, u64),
    #[error("a search keeps no returns: its combinations are not a whole grid; leave out `returns` or `optimize`")]
    ReturnsOfSearch,
    #[error(transparent)]
    Split(#[from] SplitError),
    #[error(
        "returns are of runs over the same periods, and each symbol alone has its own; leave out `returns` or `scope`"
    )]
    ReturnsOfEach,
    #[error(
        "the returns of {count} combinations in {periods} periods are too many, {} GiB; this server keeps up to {}: use longer \
         periods or fewer combinations",
        bytes >> 30,
        MOST_RETURNS >> 30
    )]
    TooManyReturns { count: Count, periods: usize, bytes: u64 },
    #[error(transparent)]
    Detail(#[from] DetailError),
    #[error(transparent)]
    Benchmark(#[from] BenchmarkError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("the queue is full: {0} sweeps wait; try again once one has ended, or remove one")]
    Full(usize),
    #[error("the server is stopping")]
    Stopping,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a sweep is not removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRemoved {
    #[error("unknown sweep {0}; `/sweeps` lists them")]
    None(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a sweep is not called otherwise.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRelabelled {
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The outcome of removing a sweep.
#[derive(Debug)]
pub(super) enum Removed {
    /// It had not ended, and was told to stop.
    Cancelled(Arc<Job>),
    /// It had ended, and is deleted.
    Forgotten,
}

/// The quotas of a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quotas {
    /// Sweeps that wait.
    pub(super) queue: usize,
    /// Sweeps that run at a time.
    pub(super) running: usize,
    /// Combinations of one sweep.
    pub(super) combinations: u64,
}

/// All sweeps. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(super) struct Jobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    services: Services,
    backtester: ParallelBacktester,
    markets: Vec<(String, Arc<Market>)>,
    /// The account of requests that leave it out.
    account: AccountSpec,
    quotas: Quotas,
    table: Mutex<JobTable>,
    /// Notified when there is work, or the server stops.
    moved: Condvar,
    /// Held while a sweep is queued: one at a time, so that the queue never exceeds its quota.
    taking: Mutex<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The last reported problem of the registry's memory.
    reported: Mutex<Option<String>>,
    /// When a state folder that could not be written was tried last.
    tried: Mutex<Instant>,
    notes: Sender<String>,
}

#[derive(Debug, Default)]
struct JobTable {
    jobs: BTreeMap<u64, Arc<Job>>,
    waiting: VecDeque<Work>,
    running: usize,
    is_stopping: bool,
}

impl JobTable {
    /// Shortens the sweeps that have ended, but for the newest ones.
    fn shorten(&self) {
        let ended = self.jobs.values().rev().filter(|job| job.snapshot().state.has_ended());
        ended.skip(WHOLE).for_each(|job| job.shorten());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Jobs {
    /// Starts the threads that run sweeps; `found` are the sweeps of earlier servers, which have ended.
    pub(super) fn start(
        services: Services,
        backtester: ParallelBacktester,
        (markets, account): (Vec<(String, Arc<Market>)>, AccountSpec),
        quotas: Quotas,
        found: Vec<Sweep>,
        notes: Sender<String>,
    ) -> io::Result<Self> {
        let ended = |sweep: Sweep| {
            let (id, job) = (sweep.id, Job::new(sweep, Stop::default()));
            job.note_saved();
            (id, Arc::new(job))
        };
        let table = JobTable { jobs: found.into_iter().map(ended).collect(), ..JobTable::default() };
        table.shorten();
        let (table, moved, taking) = (Mutex::new(table), Condvar::new(), Mutex::default());
        let (threads, reported, tried) = (Mutex::default(), Mutex::default(), Mutex::new(Instant::now()));
        let inner = Arc::new(Inner {
            services,
            backtester,
            markets,
            account,
            quotas,
            table,
            moved,
            taking,
            threads,
            reported,
            tried,
            notes,
        });
        for number in 0..quotas.running {
            let shared = Arc::clone(&inner);
            let problems = Arc::clone(inner.services.registry.shared_problems());
            let thread = supervised(format!("host-sweep-{number}"), STACK, problems, move || shared.run())?;
            locked(&inner.threads).push(thread);
        }
        Ok(Self { inner })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.inner.services.registry
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.services.store
    }

    /// The store of results of cells, if there is one.
    pub(super) fn results(&self) -> Option<&results_store::Store> {
        self.inner.services.results.as_ref()
    }

    /// A backtester with a stop of its own, on the workers of all sweeps.
    pub(super) fn backtester(&self) -> ParallelBacktester {
        self.inner.backtester.another()
    }

    /// The limits of each task, unless a request has lower ones.
    pub(super) fn limits(&self) -> &Limits {
        self.inner.backtester.sandbox().limits()
    }

    pub(super) fn meters(&self) -> &Meters {
        &self.inner.services.meters
    }

    /// The data sets by name.
    pub(super) fn markets(&self) -> &[(String, Arc<Market>)] {
        &self.inner.markets
    }

    /// Every sweep, the oldest first.
    pub(super) fn all(&self) -> Vec<Arc<Sweep>> {
        locked(&self.inner.table).jobs.values().map(|job| job.snapshot()).collect()
    }

    /// Every sweep without its long members, the newest first.
    pub(super) fn listed(&self) -> serde_json::Result<Vec<Box<RawValue>>> {
        let jobs: Vec<_> = locked(&self.inner.table).jobs.values().rev().cloned().collect();
        jobs.iter().map(|job| job.listed()).collect()
    }

    /// Sweep `id`, if there is one.
    pub(super) fn find(&self, id: u64) -> Option<Arc<Job>> {
        locked(&self.inner.table).jobs.get(&id).cloned()
    }

    /// Puts a sweep at the end of the queue. The returns of its combinations are kept, too, by periods of the length `returns`.
    pub(super) fn submit(&self, asked: SweepRequest, returns: Option<ReturnsPeriod>) -> Result<Arc<Sweep>, Declined> {
        let inner = &self.inner;
        inner.check_room()?;
        let planned = inner.plan(asked, returns)?;
        let _one_at_a_time = locked(&inner.taking);
        inner.check_room()?;
        let id = inner.services.store.next_id();
        let work = planned.into_work(id, inner.backtester.another());
        let (job, sweep) = (Arc::clone(&work.job), work.job.snapshot());
        inner.services.save(&sweep)?;
        let mut table = locked(&inner.table);
        if table.is_stopping {
            drop(table);
            inner.services.store.remove(id)?;
            return Err(Declined::Stopping);
        }
        table.jobs.insert(id, job);
        table.waiting.push_back(work);
        inner.moved.notify_one();
        Ok(sweep)
    }

    /// What sweeps on `market` are measured against, with its bars.
    pub(super) fn benchmark(
        &self,
        spec: Option<&BenchmarkSpec>,
        market: &Market,
    ) -> Result<Option<Benchmark>, Declined> {
        self.inner.benchmark(spec, market)
    }

    /// `market` with the finer bars that a sweep names.
    pub(super) fn with_detail(&self, market: Arc<Market>, name: Option<&str>) -> Result<Arc<Market>, Declined> {
        self.inner.with_detail(market, name)
    }

    /// Changes what people call the sweep of `job`.
    pub(super) fn relabel(&self, job: &Job, change: &Relabel) -> Result<(), NotRelabelled> {
        let store = self.store();
        job.relabel(|label| Ok(change.of(label)?), |id, label| Ok(store.save_label(id, label)?))
    }

    /// Stops sweep `id`, or deletes it if it has ended.
    pub(super) fn remove(&self, id: u64) -> Result<Removed, NotRemoved> {
        let inner = &self.inner;
        let mut table = locked(&inner.table);
        let job = table.jobs.get(&id).cloned().ok_or(NotRemoved::None(id))?;
        if job.snapshot().state.has_ended() {
            drop(table);
            inner.services.store.remove(id)?;
            locked(&inner.table).jobs.remove(&id);
            return Ok(Removed::Forgotten);
        }
        job.cancel();
        let place = table.waiting.iter().position(|work| Arc::ptr_eq(&work.job, &job));
        let waited = place.and_then(|place| table.waiting.remove(place));
        drop(table);
        if waited.is_some() {
            inner.close(&job, SweepState::Cancelled, None);
        }
        Ok(Removed::Cancelled(job))
    }

    /// Reports once if the registry cannot save its memory for the next start.
    pub(super) fn report_problems(&self) {
        let problem = self.registry().memory_problem();
        let mut reported = locked(&self.inner.reported);
        if *reported != problem {
            problem.iter().for_each(|problem| self.inner.say(format!("note: {problem}")));
            *reported = problem;
        }
        let mut tried = locked(&self.inner.tried);
        if tried.elapsed() >= TRY_AGAIN {
            *tried = Instant::now();
            self.inner.services.try_again();
        }
    }

    /// Stops every sweep, and returns once all have ended; no new one is taken.
    pub(super) fn stop(&self) {
        let inner = &self.inner;
        let mut table = locked(&inner.table);
        table.is_stopping = true;
        let waiting = std::mem::take(&mut table.waiting);
        table.jobs.values().filter(|job| !job.snapshot().state.has_ended()).for_each(|job| job.stop());
        drop(table);
        inner.moved.notify_all();
        for work in waiting {
            let error = "the server ended while the sweep waited".to_owned();
            inner.close(&work.job, SweepState::Interrupted, Some(error));
        }
        for thread in locked(&inner.threads).drain(..) {
            // A panic on the thread was caught and reported there.
            let _ = thread.join();
        }
    }
}

impl Inner {
    /// Runs one sweep after the other until the server stops.
    fn run(&self) {
        while let Some(work) = self.next() {
            let _turn = Turn { inner: self, job: Arc::clone(&work.job) };
            let started = work.job.snapshot();
            let total = started.total.map_or_else(|| "its".to_owned(), |total| total.to_string());
            let (id, plugin, generation) = (started.id, &started.plugin, started.generation);
            self.say(format!(
                "sweep {id} runs: {total} combinations of {plugin}, generation {generation}, on {}",
                started.data
            ));
            let (state, error) = work.run(&self.services);
            self.close(&work.job, state, error);
        }
    }

    fn next(&self) -> Option<Work> {
        let mut table = locked(&self.table);
        loop {
            if table.is_stopping {
                return None;
            }
            if let Some(work) = table.waiting.pop_front() {
                table.running += 1;
                return Some(work);
            }
            table = self.moved.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Saves the end of a sweep, tells its listeners, and reports it.
    fn close(&self, job: &Job, state: SweepState, error: Option<String>) {
        let sweep = job.ending(state, error);
        // Saved first: once clients see the end, they may delete the sweep.
        let saved = self.services.save(&sweep);
        let (id, seconds) = (sweep.id, sweep.seconds.unwrap_or_default());
        let why = sweep.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        let state = state.as_str();
        self.say(format!("sweep {id} {state}: {} done, {} failed, {seconds:.2} s{why}", sweep.done, sweep.failed));
        match saved {
            Ok(()) => job.note_saved(),
            Err(error) => self.say(format!("sweep {id}: its end could not be saved: {}", with_causes(&error))),
        }
        job.end(sweep);
        locked(&self.table).shorten();
    }

    fn say(&self, line: String) {
        // The receiver is gone only when the server has ended.
        let _ = self.notes.send(line);
    }

    fn check_room(&self) -> Result<(), Declined> {
        let table = locked(&self.table);
        // A free thread is about to take a sweep from the queue, so that one does not count as waiting.
        let free = self.quotas.running - table.running.min(self.quotas.running);
        match table.is_stopping {
            true => Err(Declined::Stopping),
            false if table.waiting.len() >= self.quotas.queue + free => Err(Declined::Full(table.waiting.len())),
            false => Ok(()),
        }
    }

    /// Fits a request to the build that serves now, to a data set and to the server's limits.
    fn plan(&self, asked: SweepRequest, returns: Option<ReturnsPeriod>) -> Result<Planned, Declined> {
        let version = self.version(&asked.plugin)?;
        let (data, market) = self.market(asked.data.as_deref())?;
        let market = self.with_detail(market, asked.detail.as_deref())?;
        let own = self.backtester.sandbox().limits();
        let scope = Extent::of(asked.scope, &market);
        let above = asked.limits.above(own, scope.fewest_bars);
        if !above.is_empty() {
            return Err(Declined::Limits(above));
        }
        let account = asked.account.over(self.account);
        let asked = SweepRequest { data: Some(data), account, ..asked };
        let mut request = asked.clone();
        let strategy = request.strategy(version.plugin().clone().into())?;
        let bound = self.bind(&request, own, strategy.description(), scope.runs)?;
        let mut bound = bound.with_returns(returns);
        bound.settings.benchmark = self.benchmark(request.benchmark.as_ref(), &market)?;
        let split = Split::of(&mut request, &mut bound, market.dataset())?;
        if returns.is_some() && bound.search.is_some() {
            return Err(Declined::ReturnsOfSearch);
        }
        let mode = strategy.mode(bound.settings.mode)?;
        if bound.bounds && mode == Mode::Signals {
            return Err(NoBounds.into());
        }
        // Failures under a request's own limits, on one symbol, or where a search likes to look, must not count against the build.
        let is_judged = bound.limits == *own && bound.instruments == Instruments::Together && bound.search.is_none();
        let dataset = market.dataset().clone();
        let market = match bound.settings == *market.settings() {
            true => market,
            false => Arc::new(Market::new(dataset.clone(), bound.settings.clone())?),
        };
        check_returns(&bound, &market)?;
        Ok(Planned { version, dataset, market, asked, request, split, bound, runs: scope.runs, is_judged })
    }

    /// Fits a request to `plugin`; each of its combinations runs `runs` times.
    fn bind(
        &self,
        request: &SweepRequest,
        own: &Limits,
        plugin: &Description,
        runs: u64,
    ) -> Result<BoundRequest, Declined> {
        let most = self.quotas.combinations;
        // Checked before binding, since that draws the sample.
        if let Some(sample) = request.asked_sample().filter(|sample| sample.saturating_mul(runs) > most) {
            return Err(Declined::TooMany { count: Count::AtMost(sample), runs, most });
        }
        let mut bound = request.bind(plugin, DefaultMetrics::All)?;
        let (Count::Exact(count) | Count::AtMost(count)) = bound.plan.count();
        match &bound.search {
            Some(search) if search.trials > most => return Err(Declined::TooManyTrials(search.trials, most)),
            None if count.saturating_mul(runs) > most => {
                return Err(Declined::TooMany { count: bound.plan.count(), runs, most });
            }
            _ => {}
        }
        if !(1..=MOST_TOP).contains(&bound.top) {
            return Err(Declined::Top(bound.top));
        }
        bound.limits = request.limits.over(own).map_err(Declined::Limits)?;
        Ok(bound)
    }

    /// The build that serves now: the sweep runs on it, however long it waits.
    fn version(&self, name: &str) -> Result<Arc<Version>, Declined> {
        let plugins = self.services.registry.plugins();
        let Some(listing) = plugins.iter().find(|listing| listing.name == name) else {
            let known = names(plugins.iter().filter(|listing| listing.version.is_some()).map(|one| &one.name));
            return Err(Declined::NoPlugin { name: name.to_owned(), known });
        };
        let none = || match listing.file {
            FileState::Missing => "its file is gone".to_owned(),
            _ => "it is being checked; ask again in a moment".to_owned(),
        };
        let reason = || listing.refused.as_ref().map_or_else(none, |it| it.reason.clone());
        let none = || Declined::NoBuild { name: name.to_owned(), reason: reason() };
        listing.version.clone().ok_or_else(none)
    }

    /// What sweeps on `market` are measured against, with its bars.
    fn benchmark(&self, spec: Option<&BenchmarkSpec>, market: &Market) -> Result<Option<Benchmark>, Declined> {
        let other = |name: &str| Ok(self.market(Some(name))?.1.dataset().clone());
        spec.map(|spec| spec.resolve(market.dataset(), other)).transpose()
    }

    /// `market` with the finer bars of the data set `name`, if one is named.
    fn with_detail(&self, market: Arc<Market>, name: Option<&str>) -> Result<Arc<Market>, Declined> {
        let Some(name) = name else { return Ok(market) };
        let (_, detail) = self.market(Some(name))?;
        let (dataset, _) = market.dataset().with_detail(detail.dataset())?;
        Ok(Arc::new(Market::new(dataset, market.settings().clone())?))
    }

    fn market(&self, name: Option<&str>) -> Result<(String, Arc<Market>), Declined> {
        let known = || names(self.markets.iter().map(|(name, _)| name));
        let found = match (name, self.markets.as_slice()) {
            (None, [only]) => only,
            (None, _) => return Err(Declined::WhichData { known: known() }),
            (Some(name), markets) => markets
                .iter()
                .find(|(other, _)| other == name)
                .ok_or_else(|| Declined::NoData { name: name.to_owned(), known: known() })?,
        };
        Ok(found.clone())
    }
}

/// The turn of one sweep on its thread. Dropped at its end, a panic included, so that no sweep seems to run for ever.
struct Turn<'a> {
    inner: &'a Inner,
    job: Arc<Job>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        locked(&self.inner.table).running -= 1;
        if !self.job.snapshot().state.has_ended() {
            let error = "a bug of the host: the sweep's thread panicked".to_owned();
            self.job.end(self.job.ending(SweepState::Failed, Some(error)));
        }
    }
}

/// Refuses returns that the server does not keep.
fn check_returns(bound: &BoundRequest, market: &Market) -> Result<(), Declined> {
    let Some(times) = market.period_times() else { return Ok(()) };
    if bound.instruments == Instruments::EachSymbol {
        return Err(Declined::ReturnsOfEach);
    }
    let (count, periods) = (bound.plan.count(), times.len());
    let (Count::Exact(cells) | Count::AtMost(cells)) = count;
    let bytes = cells.saturating_mul(4 * periods as u64);
    if bytes > MOST_RETURNS { Err(Declined::TooManyReturns { count, periods, bytes }) } else { Ok(()) }
}

fn on_symbols(runs: u64) -> String {
    if runs == 1 { String::new() } else { format!(" on each of {runs} symbols") }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names = quoted(names);
    if names.is_empty() { "none".to_owned() } else { names }
}

/// How often each combination runs in a scope, and on how few bars.
struct Extent {
    runs: u64,
    fewest_bars: usize,
}

impl Extent {
    fn of(scope: Instruments, market: &Market) -> Self {
        let data = market.dataset();
        match scope {
            Instruments::Together => Self { runs: 1, fewest_bars: data.bars() },
            Instruments::EachSymbol => Self {
                runs: data.series().len() as u64,
                fewest_bars: data.series().iter().map(Series::len).min().unwrap_or_default(),
            },
        }
    }
}

/// A request that fits its plugin, data and server.
struct Planned {
    version: Arc<Version>,
    /// All bars.
    dataset: Dataset,
    /// The bars of the sweep.
    market: Arc<Market>,
    asked: SweepRequest,
    /// What runs: with a split, on the first part.
    request: SweepRequest,
    split: Option<Split>,
    bound: BoundRequest,
    /// How often each combination runs.
    runs: u64,
    is_judged: bool,
}

impl Planned {
    fn into_work(self, id: u64, backtester: ParallelBacktester) -> Work {
        let Self { version, dataset, market, asked, request, split, bound, runs, is_judged } = self;
        let count = bound.plan.count().exact().and_then(|count| count.checked_mul(runs));
        let sweep = Sweep {
            id,
            name: None,
            comment: None,
            plugin: version.name().to_owned(),
            plugin_hash: version.digest().to_string(),
            generation: version.generation(),
            data: request.data.clone().unwrap_or_default(),
            data_hash: market.dataset().fingerprint().to_string(),
            objective: bound.goal.objective().name.to_owned(),
            better: bound.goal.better().to_string(),
            axes: bound.plan.axes().map(str::to_owned).collect(),
            state: SweepState::Queued,
            submitted_at: date_time(SystemTime::now()),
            started_at: None,
            ended_at: None,
            total: bound.search.as_ref().map(|search| search.trials).or(count),
            done: 0,
            failed: 0,
            seconds: None,
            best: None,
            ranking: Vec::new(),
            failures: Vec::new(),
            notes: Default::default(),
            bounds: None,
            plateau: None,
            split: None,
            optimize: None,
            warnings: Vec::new(),
            error: None,
            returns: bound.settings.returns,
            request: asked,
        };
        let job = Arc::new(Job::new(sweep, backtester.stop_handle()));
        Work { job, version, dataset, market, request, split, bound, backtester, is_judged }
    }
}
