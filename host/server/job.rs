//! One sweep of the server: runs a bound request into a results file, and keeps a snapshot for readers.
//!
//! Never decides when it runs, and knows nothing of HTTP.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use serde_json::value::RawValue;
use tokio::sync::watch;

use super::{
    api::{Best, Label, Row, Sweep, SweepState, date_time},
    meters::Meters,
    store::{Store, StoreError},
};
use crate::{
    backtest::{Market, Strategy, WorkerState},
    data::Dataset,
    evidence::Returning,
    metrics::Metrics,
    registry::{Problem, Registry, SweepHealth, Version},
    store as results_store,
    sweep::{
        Batching, BoundRequest, Bounds, Elsewhere, NO_CELLS, Optimized, OutOfSample, ParallelBacktester, Part,
        Provenance, RankBy, RankedPlateaus, RankedResult, Recorded, Recorder, RunEnd, RunOutcome, RunStart, Scope,
        Split, Standings, Stop, StoreUse, StoredCells, SweepNews, SweepOn, SweepProgress, SweepRequest, Valued,
        WithValues, failures::Failures, with_causes,
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
    listed: Mutex<Option<Box<RawValue>>>,
    /// Held while its label changes.
    labelling: Mutex<()>,
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
            listed: Mutex::default(),
            labelling: Mutex::default(),
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
        let mut kept = locked(&self.listed);
        if let Some(listed) = &*kept {
            return Ok(listed.clone());
        }
        let sweep = self.snapshot();
        let listed = sweep.listed()?;
        if sweep.state.has_ended() {
            *kept = Some(listed.clone());
        }
        Ok(listed)
    }

    /// Changes what people call the sweep: first on the disk by `save`, then for its readers.
    pub(super) fn relabel<E>(
        &self,
        change: impl FnOnce(Label) -> Result<Label, E>,
        save: impl FnOnce(u64, &Label) -> Result<(), E>,
    ) -> Result<(), E> {
        let _one_at_a_time = locked(&self.labelling);
        let sweep = self.snapshot();
        let label = change(sweep.label())?;
        save(sweep.id, &label)?;
        self.change(|sweep| sweep.set_label(label));
        *locked(&self.listed) = None;
        Ok(())
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
        locked(&self.is_short)
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
            (short.plateau, short.split, short.optimize) = (None, None, None);
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
    pub(super) fn end(&self, mut ended: Sweep) {
        self.change(|sweep| {
            ended.set_label(sweep.label());
            *sweep = ended;
        });
    }

    /// The state after a stop.
    pub(super) fn stopped(&self) -> SweepState {
        if self.is_cancelled.load(Ordering::Relaxed) { SweepState::Cancelled } else { SweepState::Interrupted }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A sweep with everything that it needs to run. Dropped at its end, so that nothing of an old build stays in memory.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) job: Arc<Job>,
    pub(super) version: Arc<Version>,
    /// All bars.
    pub(super) dataset: Dataset,
    /// The bars of the sweep.
    pub(super) market: Arc<Market>,
    pub(super) request: SweepRequest,
    /// The split whose first part is the sweep's.
    pub(super) split: Option<Split>,
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
        let strategy = self.request.strategy(strategy).map_err(|error| with_causes(&error))?;
        let scope = Scope::unprepared(self.bound.instruments, Arc::clone(&self.market), strategy);
        let scope = scope.map_err(|error| with_causes(&error))?;
        let results = services.results.as_ref();
        let on = SweepOn {
            dataset: &self.dataset,
            request: &self.request,
            bound: &self.bound,
            scope: &scope,
            store: results,
        };
        let rest = self.split.map(|split| on.elsewhere(split.out_of_sample)).transpose();
        let rest = rest.map_err(|error| with_causes(&error))?;
        let Some(of_returns) = self.facts_of_returns(&scope, results)? else { return Ok(self.job.stopped()) };
        let stored = results.cloned().map(|store| StoredCells::new(store, &self.request, &self.bound, &scope));
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
            let opened = recorder.open_returns(&path, &self.market, &[provenance.facts(), of_returns].concat());
            opened.map_err(|error| with_causes(&error))?;
        }
        let observe = || services.registry.observe(&self.version, &self.market, self.bound.plan.count().exact());
        let health = self.is_judged.then(observe);
        let mut run = Run {
            work: self,
            services,
            health,
            start,
            published: None,
            saved: start,
            unsaved: None,
            values: Vec::new(),
            counted: 0,
        };
        if let Some(stored) = &stored {
            let metrics = self.market.settings().metrics;
            let search = self.bound.search.as_ref().and_then(|how| serde_json::to_value(how).ok());
            let begun = RunStart::new("serve", provenance, metrics);
            stored.begin_run(&RunStart { out: Some(out), search, ..begun });
        }
        let ran = run.run((on, stored.as_ref()), &mut recorder);
        let used = stored.as_ref().map(StoredCells::finish);
        let seconds = start.elapsed().as_secs_f64();
        let ended = ran.and_then(|found| run.finish(found, (&scope, rest.as_ref()), &mut recorder));
        if let (Some(stored), Some(mut used)) = (stored, used) {
            let outcome = match &ended {
                Ok(SweepState::Finished) => RunOutcome::Finished,
                Ok(_) => RunOutcome::Interrupted,
                Err(_) => RunOutcome::Failed,
            };
            let unwritten = stored.end_run(&RunEnd::new(outcome, seconds, used.found, recorder.standings()));
            used.problem = used.problem.or(unwritten);
            services.note_results(&used);
        }
        ended
    }

    /// What a file of returns says besides the provenance: whether the strategy looks ahead. Nothing where none is written, `None`
    /// if it was stopped before that was known.
    fn facts_of_returns(
        &self,
        scope: &Scope,
        results: Option<&results_store::Store>,
    ) -> Result<Option<Vec<(String, String)>>, String> {
        if self.market.settings().returns.is_none() {
            return Ok(Some(Vec::new()));
        }
        let (strategy, market, bound) = (scope.strategy(), &*self.market, &self.bound);
        let returning = Returning { strategy, market, bound, store: results.cloned(), is_bundled: false };
        let mut notes = Vec::new();
        let known = returning.check(&mut |_| !self.job.stop.is_stopped(), &mut notes);
        self.job.change(|sweep| sweep.warnings = notes);
        Ok(known.map_err(|error| with_causes(&error))?.map(|fact| vec![fact.named()]))
    }
}

/// Records results, and keeps those that failed.
struct Observed(WithValues);

impl Batching for Observed {
    type Batch = ((Recorded, Vec<Valued>), Vec<ParallelResult<Metrics>>);

    fn batch(&self, mut results: Vec<ParallelResult<Metrics>>) -> Self::Batch {
        let recorded = self.0.of(&results);
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
    start: Instant,
    published: Option<Instant>,
    saved: Instant,
    /// Why the sweep could not be saved beside its results.
    unsaved: Option<String>,
    /// The objective of each combination, if they are ranked by their neighbours.
    values: Vec<Valued>,
    /// Trials of a search that are done.
    counted: u64,
}

impl Run<'_> {
    /// Runs every task, or the search that is asked for.
    fn run(
        &mut self,
        (on, stored): (SweepOn<'_>, Option<&StoredCells>),
        recorder: &mut Recorder,
    ) -> Result<Option<Optimized>, String> {
        let work = self.work;
        if let Some(how) = &work.bound.search {
            let recording = recorder.recording();
            let found = work.backtester.optimize(how, (on, stored), &*recording, |news| match news {
                SweepNews::Results(batch) => {
                    self.services.meters.count_tasks(batch.results.tally());
                    recorder.take(batch.results)
                }
                SweepNews::Progress(progress) => self.advance(&progress, recorder),
            });
            return found.map(Some).map_err(|error| with_causes(&error));
        }
        let batching = Observed(WithValues::new(recorder.recording(), &work.bound));
        let part = Part::all().stored(stored);
        work.backtester.sweep_with(on.scope, &work.bound.plan, part, &batching, |batch| {
            self.take(batch.done, batch.results, recorder)
        });
        Ok(None)
    }

    /// Counts, ranks and writes results, after which `done` tasks are done. Returns false if the sweep should end.
    fn take(
        &mut self,
        done: u64,
        ((recorded, values), failed): <Observed as Batching>::Batch,
        recorder: &mut Recorder,
    ) -> bool {
        self.services.meters.count_tasks(recorded.tally());
        self.values.extend(values);
        if let Some(health) = &mut self.health {
            health.record(done, &failed);
        }
        let is_written = recorder.take(recorded) && self.save(recorder);
        if self.published.is_none_or(|published| published.elapsed() >= PUBLISH) {
            self.publish(recorder.standings());
        }
        is_written
    }

    /// Publishes and saves how far a search has come. Returns false if that failed.
    fn advance(&mut self, progress: &SweepProgress, recorder: &mut Recorder) -> bool {
        self.counted = progress.finished;
        let is_written = self.save(recorder);
        if self.published.is_none_or(|published| published.elapsed() >= PUBLISH) {
            self.publish(recorder.standings());
        }
        is_written
    }

    /// Saves the results so far and their ranking, if it is time. Returns false if that failed.
    fn save(&mut self, recorder: &mut Recorder) -> bool {
        if self.saved.elapsed() < (self.start.elapsed() / 8).clamp(FIRST_SAVE, SAVE) {
            return true;
        }
        if !recorder.checkpoint() {
            return false;
        }
        self.publish(recorder.standings());
        self.saved = Instant::now();
        let saved = self.services.save(&self.work.job.snapshot());
        self.unsaved = saved.err().map(|error| with_causes(&error));
        self.unsaved.is_none()
    }

    fn publish(&mut self, standings: &Standings) {
        self.published = Some(Instant::now());
        let start = self.start;
        let ranked = standings.ranked();
        self.work.job.change(|sweep| {
            let tally = standings.tally();
            (sweep.done, sweep.failed) = (tally.total().max(self.counted), tally.failed());
            sweep.seconds = Some(start.elapsed().as_secs_f64());
            sweep.failures = Failures::all(tally);
            sweep.notes = tally.notes().map(|(note, count)| (note.to_owned(), count)).collect();
        });
        self.rank(&ranked);
    }

    fn rank(&self, ranked: &[RankedResult]) {
        let shown = &self.work.bound.metrics.shown;
        self.work.job.change(|sweep| {
            sweep.best = ranked.first().map(Best::of);
            sweep.ranking = (1..).zip(ranked).map(|(rank, ranked)| Row::of(rank, shown, ranked)).collect();
        });
    }

    /// Completes the file. Returns the state in which the sweep ends.
    fn finish(
        &mut self,
        found: Option<Optimized>,
        (scope, rest): (&Scope, Option<&Elsewhere>),
        recorder: &mut Recorder,
    ) -> Result<SweepState, String> {
        let (done, job) = (recorder.standings().tally().total(), &self.work.job);
        self.counted = found.as_ref().map_or(0, Optimized::trials);
        self.publish(recorder.standings());
        let is_stopped = match &found {
            Some(found) => found.interrupted,
            None => job.stop.is_stopped() && job.snapshot().total != Some(done),
        };
        recorder.finish().map_err(|error| with_causes(&error))?;
        recorder.finish_returns().map_err(|error| with_causes(&error))?;
        if let Some(problem) = self.unsaved.take() {
            return Err(problem);
        }
        if done == 0 && !is_stopped {
            return Err(NO_CELLS.to_owned());
        }
        if is_stopped {
            return Ok(job.stopped());
        }
        let ranked = self.ranked(found.as_ref(), scope, recorder.standings())?;
        if self.work.bound.bounds {
            self.show_bounds(scope, &ranked)?;
        }
        if let Some(rest) = rest {
            let after = OutOfSample::run(rest, (&self.work.bound.plan, scope), &ranked, &self.work.backtester);
            let after = serde_json::to_value(&after).map_err(|error| with_causes(&error))?;
            job.change(|sweep| sweep.split = Some(after));
        }
        Ok(SweepState::Finished)
    }

    /// The combinations that the ranking shows: by their own values, by their neighbours, or the front of a search.
    fn ranked(
        &mut self,
        found: Option<&Optimized>,
        scope: &Scope,
        standings: &Standings,
    ) -> Result<Vec<RankedResult>, String> {
        let Work { bound, backtester, job, .. } = self.work;
        let mut ranked = standings.ranked();
        if let Some(found) = found {
            let report = found.report(&bound.plan);
            if report.how.objectives.all().len() > 1 {
                ranked = backtester.run_front(found, (&bound.plan, scope), bound.top);
                self.rank(&ranked);
            }
            let report = serde_json::to_value(&report).map_err(|error| with_causes(&error))?;
            job.change(|sweep| sweep.optimize = Some(report));
        }
        if bound.rank_by == RankBy::Plateau {
            let values = std::mem::take(&mut self.values);
            let plateaus = RankedPlateaus::new(values, (bound, scope), backtester);
            let plateaus = plateaus.map_err(|error| with_causes(&error))?;
            let reports = serde_json::to_value(plateaus.reports()).map_err(|error| with_causes(&error))?;
            job.change(|sweep| sweep.plateau = Some(reports));
            ranked = plateaus.ranked;
            self.rank(&ranked);
        }
        Ok(ranked)
    }

    /// Runs the ranked combinations under both extremes within the bars.
    fn show_bounds(&self, scope: &Scope, ranked: &[RankedResult]) -> Result<(), String> {
        let Scope::Together(together) = scope else { return Ok(()) };
        let backtest = together.backtest().map_err(|error| with_causes(&error))?;
        let mut state = WorkerState::default();
        let all = ranked.iter().map(|ranked| Bounds::of(backtest, &mut state, &ranked.row.params));
        let all = all.collect::<Result<Vec<_>, _>>().map_err(|error| with_causes(&error))?;
        let all = serde_json::to_value(&all).map_err(|error| with_causes(&error))?;
        self.work.job.change(|sweep| sweep.bounds = Some(all));
        Ok(())
    }
}
