//! All sweeps: those that wait, those that run, a few at a time on one pool of workers, and those that have ended.
//!
//! Never runs a task itself, and never hears of HTTP.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::SystemTime,
};

use crossbeam_channel::Sender;

use super::{
    api::{self, SentGrid, State, Submission, Sweep, date_time},
    job::{Floor, Job, Work, text},
    meters::Meters,
    store::{Store, StoreError},
};
use crate::{
    backtest::{Market, SetupError, Strategy},
    model::Description,
    registry::{Registry, Version},
    sweep::{
        Goal, GoalError, ParallelBacktester, Stop,
        grid::{Count, Direction, Grid, GridError, Plan},
    },
};

/// The stack of a thread that runs a sweep: a strategy prepares its data on it, and guests may use 1 MiB.
const STACK: usize = 8 << 20;

/// Results that a ranking shows where nothing else is asked for.
const TOP: usize = 10;

/// The most results that a ranking shows.
const MOST_TOP: usize = 1_000;

/// Why a sweep is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Declined {
    #[error("there is no plugin `{name}`; there are {known}")]
    NoPlugin { name: String, known: String },
    #[error("no build of plugin `{name}` could be loaded yet: {reason}")]
    NoBuild { name: String, reason: String },
    #[error("there is no data `{name}`; there are {known}")]
    NoData { name: String, known: String },
    #[error("there are several data sets; name one of them as `data`: {known}")]
    WhichData { known: String },
    #[error("no grid for `{plugin}`; give `grid` or `params`; it has {known}")]
    NoGrid { plugin: String, known: String },
    #[error("`{text}` in `params` gives `{name}` a second time; write all its values once: `{name}=1,2,3`")]
    Twice { name: String, text: String },
    #[error(transparent)]
    Grid(#[from] GridError),
    #[error(transparent)]
    Goal(#[from] GoalError),
    #[error("`top` is {0}; give a number from 1 to {MOST_TOP}")]
    Top(usize),
    #[error(
        "the grid has {count} combinations; this server takes up to {most}: use `sample`, wider steps or fewer axes"
    )]
    TooMany { count: Count, most: u64 },
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
    #[error("there is no sweep {0}; `/sweeps` lists them")]
    None(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a sweep that was to be removed.
#[derive(Debug)]
pub(super) enum Removed {
    /// It had not ended, and is asked to.
    Cancelled(Arc<Job>),
    /// It had ended, and is forgotten.
    Forgotten,
}

/// How many sweeps there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
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
    floor: Floor,
    backtester: ParallelBacktester,
    markets: Vec<(String, Arc<Market>)>,
    rules: Rules,
    book: Mutex<Book>,
    /// Told when there is work, or the server stops.
    moved: Condvar,
    /// One sweep is taken at a time, so that the queue is never longer than it may be.
    taking: Mutex<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The last problem of the registry's memory that was said.
    told: Mutex<Option<String>>,
    talk: Sender<String>,
}

#[derive(Debug, Default)]
struct Book {
    jobs: BTreeMap<u64, Arc<Job>>,
    waiting: VecDeque<Work>,
    running: usize,
    is_stopping: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Jobs {
    /// Starts the threads that run sweeps; `found` are those that have ended before.
    pub(super) fn start(
        floor: Floor,
        backtester: ParallelBacktester,
        markets: Vec<(String, Arc<Market>)>,
        rules: Rules,
        found: Vec<Sweep>,
        talk: Sender<String>,
    ) -> io::Result<Self> {
        let ended = |sweep: Sweep| (sweep.id, Arc::new(Job::new(sweep, Stop::default())));
        let book = Book { jobs: found.into_iter().map(ended).collect(), ..Book::default() };
        let (book, moved, taking) = (Mutex::new(book), Condvar::new(), Mutex::default());
        let (threads, told) = (Mutex::default(), Mutex::default());
        let inner = Arc::new(Inner { floor, backtester, markets, rules, book, moved, taking, threads, told, talk });
        for number in 0..rules.running {
            let shared = Arc::clone(&inner);
            let builder = thread::Builder::new().name(format!("host-sweep-{number}")).stack_size(STACK);
            locked(&inner.threads).push(builder.spawn(move || shared.run())?);
        }
        Ok(Self { inner })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.inner.floor.registry
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.floor.store
    }

    pub(super) fn meters(&self) -> &Meters {
        &self.inner.floor.meters
    }

    /// The data sets by name.
    pub(super) fn markets(&self) -> &[(String, Arc<Market>)] {
        &self.inner.markets
    }

    /// Every sweep, the oldest first.
    pub(super) fn all(&self) -> Vec<Arc<Sweep>> {
        locked(&self.inner.book).jobs.values().map(|job| job.snapshot()).collect()
    }

    /// Sweep `id`, if there is one.
    pub(super) fn find(&self, id: u64) -> Option<Arc<Job>> {
        locked(&self.inner.book).jobs.get(&id).cloned()
    }

    /// Puts a sweep at the end of the queue.
    pub(super) fn submit(&self, asked: Submission) -> Result<Arc<Sweep>, Declined> {
        let inner = &self.inner;
        inner.check_room()?;
        let planned = inner.plan(asked)?;
        let _one_at_a_time = locked(&inner.taking);
        inner.check_room()?;
        let id = inner.floor.store.next_id();
        let work = planned.into_work(id, inner.backtester.another());
        let (job, sweep) = (Arc::clone(&work.job), work.job.snapshot());
        inner.floor.store.save(&sweep)?;
        let mut book = locked(&inner.book);
        if book.is_stopping {
            drop(book);
            inner.floor.store.remove(id)?;
            return Err(Declined::Stopping);
        }
        book.jobs.insert(id, job);
        book.waiting.push_back(work);
        inner.moved.notify_one();
        Ok(sweep)
    }

    /// Stops sweep `id`, or forgets it if it has ended.
    pub(super) fn remove(&self, id: u64) -> Result<Removed, NotRemoved> {
        let inner = &self.inner;
        let mut book = locked(&inner.book);
        let job = book.jobs.get(&id).cloned().ok_or(NotRemoved::None(id))?;
        if job.snapshot().state.has_ended() {
            drop(book);
            inner.floor.store.remove(id)?;
            locked(&inner.book).jobs.remove(&id);
            return Ok(Removed::Forgotten);
        }
        job.cancel();
        let place = book.waiting.iter().position(|work| Arc::ptr_eq(&work.job, &job));
        let waited = place.and_then(|place| book.waiting.remove(place));
        drop(book);
        if waited.is_some() {
            inner.close(&job, State::Cancelled, None);
        }
        Ok(Removed::Cancelled(job))
    }

    /// Says once what cannot be kept for the next start.
    pub(super) fn tell_problems(&self) {
        let problem = self.registry().memory_problem();
        let mut told = locked(&self.inner.told);
        if *told != problem {
            problem.iter().for_each(|problem| self.inner.say(format!("note: {problem}")));
            *told = problem;
        }
    }

    /// Stops every sweep, and returns once all have ended; no new one is taken.
    pub(super) fn stop(&self) {
        let inner = &self.inner;
        let mut book = locked(&inner.book);
        book.is_stopping = true;
        let waiting = std::mem::take(&mut book.waiting);
        book.jobs.values().filter(|job| !job.snapshot().state.has_ended()).for_each(|job| job.stop());
        drop(book);
        inner.moved.notify_all();
        for work in waiting {
            let error = "the server ended while the sweep waited".to_owned();
            inner.close(&work.job, State::Interrupted, Some(error));
        }
        for thread in locked(&inner.threads).drain(..) {
            // What panics on it is caught and told.
            let _ = thread.join();
        }
    }
}

impl Inner {
    /// Runs one sweep after the other until the server stops.
    fn run(&self) {
        while let Some(work) = self.next() {
            let started = work.job.snapshot();
            let total = started.total.map_or_else(|| "its".to_owned(), |total| total.to_string());
            let (id, plugin, generation) = (started.id, &started.plugin, started.generation);
            self.say(format!(
                "sweep {id} runs: {total} combinations of {plugin}, generation {generation}, on {}",
                started.data
            ));
            let (state, error) = work.run(&self.floor);
            self.close(&work.job, state, error);
            drop(work);
            locked(&self.book).running -= 1;
        }
    }

    fn next(&self) -> Option<Work> {
        let mut book = locked(&self.book);
        loop {
            if book.is_stopping {
                return None;
            }
            if let Some(work) = book.waiting.pop_front() {
                book.running += 1;
                return Some(work);
            }
            book = self.moved.wait(book).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes down how a sweep ends, tells everybody, and says it.
    fn close(&self, job: &Job, state: State, error: Option<String>) {
        let sweep = job.ending(state, error);
        // First on the disk: once it is known to have ended, it may be removed there.
        let saved = self.floor.store.save(&sweep);
        let (id, seconds) = (sweep.id, sweep.seconds.unwrap_or_default());
        let why = sweep.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        let state = state.as_str();
        self.say(format!("sweep {id} {state}: {} done, {} failed, {seconds:.2} s{why}", sweep.done, sweep.failed));
        if let Err(error) = saved {
            self.say(format!("sweep {id}: its end could not be written down: {}", text(&error)));
        }
        job.end(sweep);
    }

    fn say(&self, line: String) {
        // If nobody listens any more, the server has ended.
        let _ = self.talk.send(line);
    }

    fn check_room(&self) -> Result<(), Declined> {
        let book = locked(&self.book);
        // A sweep that a free thread is about to take does not wait.
        let free = self.rules.running - book.running.min(self.rules.running);
        match book.is_stopping {
            true => Err(Declined::Stopping),
            false if book.waiting.len() >= self.rules.queue + free => Err(Declined::Full(book.waiting.len())),
            false => Ok(()),
        }
    }

    fn plan(&self, asked: Submission) -> Result<Planned, Declined> {
        let version = self.version(&asked.plugin)?;
        let (data, market) = self.market(asked.data.as_deref())?;
        let description = version.plugin().description();
        Strategy::from(version.plugin().clone()).mode(market.settings().mode)?;
        let grid = grid(&asked, description)?;
        // A sample is drawn when the grid is bound.
        if let Some(sample) = grid.sample().filter(|sample| *sample > self.rules.combinations) {
            return Err(Declined::TooMany { count: Count::AtMost(sample), most: self.rules.combinations });
        }
        let plan = grid.bind(description)?;
        let (Count::Exact(most) | Count::AtMost(most)) = plan.count();
        if most > self.rules.combinations {
            return Err(Declined::TooMany { count: plan.count(), most: self.rules.combinations });
        }
        let direction = asked.direction.map(|direction| match direction {
            api::Direction::Max => Direction::Max,
            api::Direction::Min => Direction::Min,
        });
        let goal = Goal::new(asked.objective.as_deref(), direction, &grid, description)?;
        let top = asked.top.unwrap_or(TOP);
        if !(1..=MOST_TOP).contains(&top) {
            return Err(Declined::Top(top));
        }
        let sent = SentGrid { grid: asked.grid, params: asked.params };
        Ok(Planned { version, data, market, plan, goal, top, sent })
    }

    /// The build that serves now: the sweep runs on it, however long it waits.
    fn version(&self, name: &str) -> Result<Arc<Version>, Declined> {
        let plugins = self.floor.registry.plugins();
        let Some(listing) = plugins.iter().find(|listing| listing.name == name) else {
            let known = names(plugins.iter().filter(|listing| listing.version.is_some()).map(|one| &one.name));
            return Err(Declined::NoPlugin { name: name.to_owned(), known });
        };
        let reason = || listing.refused.as_ref().map_or_else(|| "there is none".to_owned(), |it| it.reason.clone());
        let none = || Declined::NoBuild { name: name.to_owned(), reason: reason() };
        listing.version.clone().ok_or_else(none)
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

/// The grid that is asked for: that of `grid`, with the axes of `params` in place of its own.
fn grid(asked: &Submission, plugin: &Description) -> Result<Grid, Declined> {
    let mut grid = match &asked.grid {
        Some(json) => Grid::from_json(json.get())?,
        None if asked.params.is_empty() && !plugin.parameters.is_empty() => {
            let known = names(plugin.parameters.iter().map(|spec| &spec.name));
            return Err(Declined::NoGrid { plugin: asked.plugin.clone(), known });
        }
        None => Grid::new(),
    };
    let mut seen = Vec::new();
    for text in &asked.params {
        let name = text.split('=').next().unwrap_or(text).trim();
        if seen.contains(&name) {
            return Err(Declined::Twice { name: name.to_owned(), text: text.clone() });
        }
        seen.push(name);
        grid.set_param(text)?;
    }
    Ok(grid)
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A sweep that fits.
struct Planned {
    version: Arc<Version>,
    data: String,
    market: Arc<Market>,
    plan: Plan,
    goal: Goal,
    top: usize,
    sent: SentGrid,
}

impl Planned {
    fn into_work(self, id: u64, backtester: ParallelBacktester) -> Work {
        let Self { version, data, market, plan, goal, top, sent } = self;
        let sweep = Sweep {
            id,
            plugin: version.name().to_owned(),
            plugin_hash: version.digest().to_string(),
            generation: version.generation(),
            data,
            data_hash: market.dataset().fingerprint().to_string(),
            objective: goal.objective().name.to_owned(),
            better: goal.better().to_string(),
            axes: plan.axes().map(str::to_owned).collect(),
            state: State::Queued,
            submitted_at: date_time(SystemTime::now()),
            started_at: None,
            ended_at: None,
            total: plan.count().exact(),
            done: 0,
            failed: 0,
            seconds: None,
            best: None,
            ranking: Vec::new(),
            failures: Vec::new(),
            notes: Default::default(),
            error: None,
            grid: sent,
        };
        let job = Arc::new(Job::new(sweep, backtester.stop_handle()));
        Work { job, version, market, plan, goal, top, backtester }
    }
}
