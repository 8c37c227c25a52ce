//! One sweep of the server: runs a bound request into a results file, and keeps a snapshot for readers.
//!
//! Never decides when it runs, and knows nothing of HTTP.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use serde_json::value::RawValue;
use tokio::sync::watch;

use super::{
    api::{Best, Row, Sweep, SweepState, date_time},
    meters::Meters,
    store::{Store, StoreError},
};
use crate::{
    backtest::{Market, Strategy, WorkerState},
    metrics::Metrics,
    registry::{Problem, Registry, SweepHealth, Version},
    store as results_store,
    sweep::{
        Batching, BoundRequest, Bounds, NO_CELLS, ParallelBacktester, Part, Provenance, Recorded, Recorder, Recording,
        RunEnd, RunOutcome, RunStart, Scope, Stop, StoreUse, StoredCells, SweepRequest, failures::Failures,
        with_causes,
    },
    task::{ParallelResult, panic_text},
};

/// How often a running sweep's snapshot is renewed.
const PUBLISH: Duration = Duration::from_millis(100);

/// How often a running sweep is saved to the disk: a killed process loses no more work than this, and of a young sweep no
/// more than an eighth of its time, or a second. More often would make many small groups of rows.
const SAVE: Duration = Duration::from_secs(60);
const FIRST_SAVE: Duration = Duration::from_secs(1);

/// A sweep as clients see it: its snapshot, and its stop.
#[derive(Debug)]
pub(super) struct Job {
    news: watch::Sender<Arc<Sweep>>,
    stop: Stop,
    is_cancelled: AtomicBool,
    /// What a list says of it, once it has ended.
    listed: OnceLock<Box<RawValue>>,
    /// Whether the disk has it as it ended.
    is_saved: AtomicBool,
    /// Whether only the disk has all of it. Locked while that changes, and by whoever needs all of it.
    is_short: Mutex<bool>,
}

impl Job {
    pub(super) fn new(sweep: Sweep, stop: Stop) -> Self {
        Self {
            news: watch::Sender::new(Arc::new(sweep)),
            stop,
            is_cancelled: AtomicBool::new(false),
            listed: OnceLock::new(),
            is_saved: AtomicBool::new(false),
            is_short: Mutex::new(false),
        }
    }

    /// The sweep as of now.
    pub(super) fn snapshot(&self) -> Arc<Sweep> {
        Arc::clone(&self.news.borrow())
    }

    /// The sweep as of now without its long members.
    pub(super) fn listed(&self) -> serde_json::Result<Box<RawValue>> {
        if let Some(listed) = self.listed.get() {
            return Ok(listed.clone());
        }
        let sweep = self.snapshot();
        let listed = sweep.listed()?;
        Ok(if sweep.state.has_ended() { self.listed.get_or_init(|| listed).clone() } else { listed })
    }

    /// Notes that the disk has the sweep as it ended.
    pub(super) fn note_saved(&self) {
        self.is_saved.store(true, Ordering::Relaxed);
    }

    /// All of the sweep as of now; `None` if only the disk has it.
    pub(super) fn whole(&self) -> Option<Arc<Sweep>> {
        (!*self.short()).then(|| self.snapshot())
    }

    /// All of the sweep as of now and from now on; `None` if only the disk has it.
    pub(super) fn listen_whole(&self) -> Option<watch::Receiver<Arc<Sweep>>> {
        let is_short = self.short();
        (!*is_short).then(|| self.listen())
    }

    fn short(&self) -> MutexGuard<'_, bool> {
        self.is_short.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the long members of a sweep that has ended and is on the disk. While somebody listens to it, it stays whole.
    pub(super) fn shorten(&self) {
        let mut is_short = self.short();
        // The list is made of the whole sweep.
        let may_be = self.is_saved.load(Ordering::Relaxed) && self.news.receiver_count() == 0 && self.listed().is_ok();
        if *is_short || !may_be {
            return;
        }
        *is_short = true;
        self.news.send_if_modified(|sweep| {
            let short = Arc::make_mut(sweep);
            (short.ranking, short.bounds) = (Vec::new(), None);
            (short.request.grid, short.request.params) = (None, Vec::new());
            false
        });
    }

    /// The sweep as of now and from now on.
    pub(super) fn listen(&self) -> watch::Receiver<Arc<Sweep>> {
        self.news.subscribe()
    }

    /// Starts no more tasks, and finishes the running ones.
    pub(super) fn stop(&self) {
        self.stop.stop();
    }

    /// Stops on request of a client.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
        self.stop();
    }

    /// Changes the snapshot, and notifies its listeners.
    fn change(&self, change: impl FnOnce(&mut Sweep)) -> Arc<Sweep> {
        self.news.send_modify(|sweep| change(Arc::make_mut(sweep)));
        self.snapshot()
    }

    /// The sweep as it ends; `error` says why it failed. Listeners are not notified yet.
    pub(super) fn ending(&self, state: SweepState, error: Option<String>) -> Sweep {
        let ended_at = Some(date_time(SystemTime::now()));
        Sweep { state, error, ended_at, ..Sweep::clone(&self.snapshot()) }
    }

    /// Publishes the end.
    pub(super) fn end(&self, ended: Sweep) {
        self.change(|sweep| *sweep = ended);
    }

    /// The state after a stop.
    pub(super) fn stopped(&self) -> SweepState {
        if self.is_cancelled.load(Ordering::Relaxed) { SweepState::Cancelled } else { SweepState::Interrupted }
    }
}

/// A sweep with everything that it needs to run. Dropped at its end, so that nothing of an old build stays in memory.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) job: Arc<Job>,
    pub(super) version: Arc<Version>,
    pub(super) market: Arc<Market>,
    pub(super) request: SweepRequest,
    pub(super) bound: BoundRequest,
    pub(super) backtester: ParallelBacktester,
    /// True if failed tasks count against the build: they run under the server's own limits, on all instruments.
    pub(super) is_judged: bool,
}

/// The services that all sweeps share.
#[derive(Debug)]
pub(super) struct Services {
    pub(super) registry: Registry,
    pub(super) store: Store,
    /// The store of results of cells, if there is one.
    pub(super) results: Option<results_store::Store>,
    pub(super) meters: Arc<Meters>,
    /// Whether the state folder could not be written last.
    pub(super) is_unwritten: AtomicBool,
}

impl Services {
    /// Saves `sweep`. While that fails, it is a problem of the server.
    pub(super) fn save(&self, sweep: &Sweep) -> Result<(), StoreError> {
        let saved = self.store.save(sweep);
        self.note(&saved);
        saved
    }

    /// Notes what was wrong with the store of results, if anything was.
    fn note_results(&self, used: &StoreUse) {
        let text = "results cannot be kept in the store or looked up; sweeps run each combination";
        let problem = used.problem.is_some().then(|| Problem { text: text.to_owned(), is_grave: false });
        let details = used.problem.clone().unwrap_or_default();
        self.registry.shared_problems().set("results", problem, &details);
    }

    /// Tries to write to a state folder that could not be written.
    pub(super) fn try_again(&self) {
        if self.is_unwritten.load(Ordering::Relaxed) {
            self.note(&self.store.probe());
        }
    }

    fn note(&self, written: &Result<(), StoreError>) {
        self.is_unwritten.store(written.is_err(), Ordering::Relaxed);
        let text = "the state folder cannot be written; sweeps are declined or lost";
        let problem = written.is_err().then(|| Problem { text: text.to_owned(), is_grave: true });
        let details = written.as_ref().err().map(|error| with_causes(error)).unwrap_or_default();
        self.registry.shared_problems().set("state", problem, &details);
    }
}

impl Work {
    /// Runs every task. Returns how the sweep ends, and why it failed if it did.
    pub(super) fn run(&self, services: &Services) -> (SweepState, Option<String>) {
        let begun = self.job.change(|sweep| {
            sweep.state = SweepState::Running;
            sweep.started_at = Some(date_time(SystemTime::now()));
        });
        let saved = services.save(&begun).map_err(|error| with_causes(&error));
        let ran = saved.and_then(|()| {
            let run = AssertUnwindSafe(|| self.sweep(services));
            catch_unwind(run).unwrap_or_else(|panic| Err(format!("a bug of the host: {}", panic_text(&*panic))))
        });
        match ran {
            Ok(state) => (state, None),
            Err(error) => {
                // Keeps the rows written before the error, as far as they are whole.
                let kept = services.store.adopt(begun.id).ok().flatten();
                let kept = kept.map_or_else(String::new, |(rows, _)| format!("; its first {rows} results are kept"));
                (SweepState::Failed, Some(error + &kept))
            }
        }
    }

    fn sweep(&self, services: &Services) -> Result<SweepState, String> {
        let start = Instant::now();
        // The same compiled plugin, under the limits of the request.
        let strategy = Strategy::from(self.version.plugin().under(self.bound.limits.clone()));
        let scope = Scope::unprepared(self.bound.instruments, Arc::clone(&self.market), strategy);
        let scope = scope.map_err(|error| with_causes(&error))?;
        let stored = services.results.clone().map(|store| StoredCells::new(store, &self.request, &self.bound, &scope));
        let stored = stored.transpose().map_err(|error| with_causes(&error))?.flatten();
        let returns = self.market.settings().returns;
        // Of a result that is known, nobody knows the returns: all of them run again.
        let stored = stored.map(|stored| if returns.is_some() { stored.checking(1.0) } else { stored });
        scope.prepare_unless_known(&self.bound.plan, stored.as_ref()).map_err(|error| with_causes(&error))?;
        let mut recorder = Recorder::new(&self.bound, scope.strategy(), &self.market);
        let provenance = Provenance::new(&self.request, &self.bound, scope.strategy(), &self.market);
        let provenance = provenance.map_err(|error| with_causes(&error))?;
        let out = services.store.results(self.job.snapshot().id);
        let opened = recorder.open(&out, &provenance.facts());
        opened.map_err(|error| with_causes(&error))?;
        if returns.is_some() {
            let path = services.store.returns(self.job.snapshot().id);
            let opened = recorder.open_returns(&path, &self.market, &provenance.facts());
            opened.map_err(|error| with_causes(&error))?;
        }
        let observe = || services.registry.observe(&self.version, &self.market, self.bound.plan.count().exact());
        let health = self.is_judged.then(observe);
        let mut run =
            Run { work: self, services, health, recorder, start, published: None, saved: start, unsaved: None };
        let batching = Observed(run.recorder.recording());
        if let Some(stored) = &stored {
            let metrics = self.market.settings().metrics;
            stored.begin_run(&RunStart { out: Some(out), ..RunStart::new("serve", provenance, metrics) });
        }
        let part = Part::all().stored(stored.as_ref());
        self.backtester
            .sweep_with(&scope, &self.bound.plan, part, &batching, |batch| run.take(batch.done, batch.results));
        let used = stored.as_ref().map(StoredCells::finish);
        let seconds = start.elapsed().as_secs_f64();
        let ended = run.finish(&scope);
        if let (Some(stored), Some(mut used)) = (stored, used) {
            let outcome = match &ended {
                Ok(SweepState::Finished) => RunOutcome::Finished,
                Ok(_) => RunOutcome::Interrupted,
                Err(_) => RunOutcome::Failed,
            };
            let unwritten = stored.end_run(&RunEnd::new(outcome, seconds, used.found, run.recorder.standings()));
            used.problem = used.problem.or(unwritten);
            services.note_results(&used);
        }
        ended
    }
}

/// Records results, and keeps those that failed.
struct Observed(Arc<Recording>);

impl Batching for Observed {
    type Batch = (Recorded, Vec<ParallelResult<Metrics>>);

    fn batch(&self, mut results: Vec<ParallelResult<Metrics>>) -> Self::Batch {
        let recorded = self.0.record(&results);
        results.retain(|result| !result.success);
        (recorded, results)
    }

    fn help(&self) {
        self.0.help();
    }
}

/// A sweep whose tasks run.
struct Run<'a> {
    work: &'a Work,
    services: &'a Services,
    health: Option<SweepHealth>,
    recorder: Recorder,
    start: Instant,
    published: Option<Instant>,
    saved: Instant,
    /// Why the sweep could not be saved beside its results.
    unsaved: Option<String>,
}

impl Run<'_> {
    /// Counts, ranks and writes results, after which `done` tasks are done. Returns false if the sweep should end.
    fn take(&mut self, done: u64, (recorded, failed): (Recorded, Vec<ParallelResult<Metrics>>)) -> bool {
        self.services.meters.count_tasks(recorded.tally());
        if let Some(health) = &mut self.health {
            health.record(done, &failed);
        }
        let is_written = self.recorder.take(recorded) && self.save();
        if self.published.is_none_or(|published| published.elapsed() >= PUBLISH) {
            self.publish();
        }
        is_written
    }

    /// Saves the results so far and their ranking, if it is time. Returns false if that failed.
    fn save(&mut self) -> bool {
        if self.saved.elapsed() < (self.start.elapsed() / 8).clamp(FIRST_SAVE, SAVE) {
            return true;
        }
        if !self.recorder.checkpoint() {
            return false;
        }
        self.publish();
        self.saved = Instant::now();
        let saved = self.services.save(&self.work.job.snapshot());
        self.unsaved = saved.err().map(|error| with_causes(&error));
        self.unsaved.is_none()
    }

    fn publish(&mut self) {
        self.published = Some(Instant::now());
        let (standings, start) = (self.recorder.standings(), self.start);
        let objective = standings.goal().objective().name;
        let ranked = standings.ranked();
        self.work.job.change(|sweep| {
            let tally = standings.tally();
            (sweep.done, sweep.failed) = (tally.total(), tally.failed());
            sweep.seconds = Some(start.elapsed().as_secs_f64());
            sweep.best = ranked.first().map(Best::of);
            sweep.ranking = (1..).zip(&ranked).map(|(rank, ranked)| Row::of(rank, objective, ranked)).collect();
            sweep.failures = Failures::all(tally);
            sweep.notes = tally.notes().map(|(note, count)| (note.to_owned(), count)).collect();
        });
    }

    /// Completes the file. Returns the state in which the sweep ends.
    fn finish(&mut self, scope: &Scope) -> Result<SweepState, String> {
        self.publish();
        let (done, job) = (self.recorder.standings().tally().total(), &self.work.job);
        let is_stopped = job.stop.is_stopped() && job.snapshot().total != Some(done);
        self.recorder.finish().map_err(|error| with_causes(&error))?;
        self.recorder.finish_returns().map_err(|error| with_causes(&error))?;
        if let Some(problem) = self.unsaved.take() {
            return Err(problem);
        }
        if done == 0 && !is_stopped {
            return Err(NO_CELLS.to_owned());
        }
        if self.work.bound.bounds && !is_stopped {
            self.show_bounds(scope)?;
        }
        Ok(if is_stopped { job.stopped() } else { SweepState::Finished })
    }

    /// Runs the ranked combinations under both extremes within the bars.
    fn show_bounds(&self, scope: &Scope) -> Result<(), String> {
        let Scope::Together(together) = scope else { return Ok(()) };
        let backtest = together.backtest().map_err(|error| with_causes(&error))?;
        let mut state = WorkerState::default();
        let ranked = self.recorder.standings().ranked();
        let all = ranked.iter().map(|ranked| Bounds::of(backtest, &mut state, &ranked.row.params));
        let all = all.collect::<Result<Vec<_>, _>>().map_err(|error| with_causes(&error))?;
        let all = serde_json::to_value(&all).map_err(|error| with_causes(&error))?;
        self.work.job.change(|sweep| sweep.bounds = Some(all));
        Ok(())
    }
}
