//! One sweep: from a plan to results in a file, with a snapshot that anybody may look at meanwhile.
//!
//! Never decides when it runs, and never hears of HTTP.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::watch;

use super::{
    api::{Best, Failures, Row, State, Sweep, date_time},
    meters::Meters,
    store::Store,
};
use crate::{
    backtest::{Backtest, Market, Strategy},
    metrics::Metrics,
    registry::{Registry, SweepHealth, Version},
    results::{self, Records, Sink},
    sweep::{Goal, ParallelBacktester, Standings, Stop, grid::Plan},
    task::{SweepEvent, panic_text},
};

/// How often a running sweep's snapshot is made anew.
const TELL: Duration = Duration::from_millis(100);

/// How often what a running sweep has done so far is put on the disk: so much work a killed process loses at most.
const KEEP: Duration = Duration::from_secs(60);

/// A sweep as everybody sees it: the snapshot, and the way to stop it.
#[derive(Debug)]
pub(super) struct Job {
    news: watch::Sender<Arc<Sweep>>,
    stop: Stop,
    is_cancelled: AtomicBool,
}

impl Job {
    pub(super) fn new(sweep: Sweep, stop: Stop) -> Self {
        Self { news: watch::Sender::new(Arc::new(sweep)), stop, is_cancelled: AtomicBool::new(false) }
    }

    /// The sweep as of now.
    pub(super) fn snapshot(&self) -> Arc<Sweep> {
        Arc::clone(&self.news.borrow())
    }

    /// The sweep as of now and from now on.
    pub(super) fn listen(&self) -> watch::Receiver<Arc<Sweep>> {
        self.news.subscribe()
    }

    /// Takes no more tasks; those that run are finished.
    pub(super) fn stop(&self) {
        self.stop.stop();
    }

    /// Does the same, since somebody asked for it.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
        self.stop();
    }

    /// Changes the snapshot, and tells those who listen.
    fn change(&self, change: impl FnOnce(&mut Sweep)) -> Arc<Sweep> {
        self.news.send_modify(|sweep| change(Arc::make_mut(sweep)));
        self.snapshot()
    }

    /// The sweep as it ends; `error` says why it failed. Nobody is told yet.
    pub(super) fn ending(&self, state: State, error: Option<String>) -> Sweep {
        let ended_at = Some(date_time(SystemTime::now()));
        Sweep { state, error, ended_at, ..Sweep::clone(&self.snapshot()) }
    }

    /// Tells everybody that it has ended.
    pub(super) fn end(&self, ended: Sweep) {
        self.change(|sweep| *sweep = ended);
    }

    /// What it is once it has stopped.
    pub(super) fn stopped(&self) -> State {
        if self.is_cancelled.load(Ordering::Relaxed) { State::Cancelled } else { State::Interrupted }
    }
}

/// What a sweep needs to run. It goes when the sweep has ended: nothing of an old build stays.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) job: Arc<Job>,
    pub(super) version: Arc<Version>,
    pub(super) market: Arc<Market>,
    pub(super) plan: Plan,
    pub(super) goal: Goal,
    pub(super) top: usize,
    pub(super) backtester: ParallelBacktester,
}

/// What all sweeps share.
#[derive(Debug)]
pub(super) struct Floor {
    pub(super) registry: Registry,
    pub(super) store: Store,
    pub(super) meters: Arc<Meters>,
}

impl Work {
    /// Runs every task. Returns how the sweep ends, and why it failed if it did.
    pub(super) fn run(&self, floor: &Floor) -> (State, Option<String>) {
        let begun = self.job.change(|sweep| {
            sweep.state = State::Running;
            sweep.started_at = Some(date_time(SystemTime::now()));
        });
        let saved = floor.store.save(&begun).map_err(|error| text(&error));
        let ran = saved.and_then(|()| {
            let run = AssertUnwindSafe(|| self.sweep(floor));
            catch_unwind(run).unwrap_or_else(|panic| Err(format!("a bug of the host: {}", panic_text(&*panic))))
        });
        match ran {
            Ok(state) => (state, None),
            Err(error) => {
                // What was written before is kept, as far as it is whole.
                let kept = floor.store.adopt(begun.id).ok().flatten();
                let kept = kept.map_or_else(String::new, |(rows, _)| format!("; its first {rows} results are kept"));
                (State::Failed, Some(error + &kept))
            }
        }
    }

    fn sweep(&self, floor: &Floor) -> Result<State, String> {
        let start = Instant::now();
        let strategy = Strategy::from(self.version.plugin().clone());
        let backtest = Backtest::new(Arc::clone(&self.market), strategy).map_err(|error| text(&error))?;
        let data = self.market.dataset().fingerprint();
        let parameters = &backtest.strategy().description().parameters;
        let records = Records::typed::<Metrics>(parameters, Some(data), |_| true);
        let sink = results::create(&floor.store.results(self.job.snapshot().id), records.columns());
        let mut run = Run {
            work: self,
            floor,
            observation: floor.registry.observe(&self.version, &self.market, self.plan.count().exact()),
            standings: Standings::new(self.goal.clone(), self.top),
            records,
            hash: self.version.digest().to_string(),
            sink: sink.map_err(|error| text(&error))?,
            failed_write: None,
            start,
            told: None,
            kept: start,
        };
        self.backtester.sweep(&backtest, &self.plan, |event| run.take(&event));
        run.finish()
    }
}

/// A sweep whose tasks run.
struct Run<'a> {
    work: &'a Work,
    floor: &'a Floor,
    observation: SweepHealth,
    standings: Standings,
    records: Records,
    hash: String,
    sink: Box<dyn Sink>,
    failed_write: Option<String>,
    start: Instant,
    told: Option<Instant>,
    kept: Instant,
}

impl Run<'_> {
    /// Counts, ranks and writes one result; says whether to go on.
    fn take(&mut self, event: &SweepEvent<Metrics>) -> bool {
        let result = &event.result;
        self.floor.meters.count_task(result.error_kind);
        self.observation.record(result);
        self.standings.take(result);
        let written = self.sink.write(&self.records.row(result, Some(&self.hash)));
        self.failed_write = written.map_err(|error| text(&error)).and_then(|()| self.keep()).err();
        if self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.tell();
        }
        self.failed_write.is_none()
    }

    /// Puts the results so far on the disk, and their ranking with them, if it is time.
    fn keep(&mut self) -> Result<(), String> {
        if self.kept.elapsed() < KEEP {
            return Ok(());
        }
        self.sink.checkpoint().map_err(|error| text(&error))?;
        self.tell();
        self.kept = Instant::now();
        self.floor.store.save(&self.work.job.snapshot()).map_err(|error| text(&error))
    }

    fn tell(&mut self) {
        self.told = Some(Instant::now());
        let (standings, start) = (&self.standings, self.start);
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

    /// Completes the file. Returns what the sweep is then.
    fn finish(mut self) -> Result<State, String> {
        self.tell();
        let (done, job) = (self.standings.tally().total(), &self.work.job);
        if let Some(error) = self.failed_write {
            return Err(error);
        }
        let is_stopped = job.stop.is_stopped() && job.snapshot().total != Some(done);
        if done > 0 {
            self.sink.finish().map_err(|error| text(&error))?;
        } else if !is_stopped {
            return Err("the constraints exclude every combination; loosen one of them".to_owned());
        }
        Ok(if is_stopped { job.stopped() } else { State::Finished })
    }
}

/// What `error` says, with all causes.
pub(super) fn text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
