//! Worker processes that wait for tasks, of all backtests that run: whoever has tasks takes one, and gives it back.
//!
//! Never starts one. Where the system has no room for as many workers as there are threads, threads share those that did start.

use std::{
    collections::VecDeque,
    fs::File,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::process::{Worker, WorkerProgram};

/// How long nobody tries to start a worker after the system had no room for one.
const PAUSE: Duration = Duration::from_secs(1);

/// How often someone who waits for a worker looks around.
const LOOK: Duration = Duration::from_millis(20);

/// The number of workers of this process that run tasks or wait for them.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts a worker while it is there.
#[derive(Debug)]
struct Counted;

impl Counted {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A worker process and the backtests that it has.
#[derive(Debug)]
pub(crate) struct RemoteWorker {
    pub(super) worker: Worker,
    pub(super) program: WorkerProgram,
    /// The memory that it may have, in bytes.
    pub(super) memory: u64,
    pub(super) progress: File,
    pub(super) known: VecDeque<u64>,
    pub(super) sequence: u32,
    _counted: Counted,
}

impl RemoteWorker {
    pub(super) fn new(worker: Worker, program: WorkerProgram, memory: u64, progress: File) -> Self {
        Self { worker, program, memory, progress, known: VecDeque::new(), sequence: 0, _counted: Counted::new() }
    }
}

/// Workers without a task.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<RemoteWorker>>,
    given: Condvar,
    /// When the system last had no room for one more worker.
    short: Mutex<Option<Instant>>,
}

impl Pool {
    /// The pool of this process, which is there while someone has it.
    pub(super) fn of_this_process() -> Arc<Self> {
        static POOL: Mutex<Weak<Pool>> = Mutex::new(Weak::new());
        let mut known = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let pool = Arc::default();
            *known = Arc::downgrade(&pool);
            pool
        })
    }

    /// The number of workers of this process that run tasks or wait for them.
    pub(super) fn alive() -> usize {
        ALIVE.load(Ordering::Relaxed)
    }

    /// Takes a worker of `program` with so many bytes of memory, best one that knows the backtest `id`.
    pub(super) fn take(&self, id: u64, program: &WorkerProgram, memory: u64) -> Option<RemoteWorker> {
        let mut idle = self.idle();
        idle.retain_mut(|worker| !worker.worker.has_ended());
        let fits = |worker: &RemoteWorker| worker.program == *program && worker.memory >= memory;
        let knows = |worker: &RemoteWorker| fits(worker) && worker.known.contains(&id);
        let place = idle.iter().rposition(knows).or_else(|| idle.iter().rposition(fits))?;
        Some(idle.remove(place))
    }

    /// Ends one worker that waits and is not as `take` wants it, to make room for another one; false if there is none.
    pub(super) fn drop_unfit(&self, program: &WorkerProgram, memory: u64) -> bool {
        let mut idle = self.idle();
        let unfit = idle.iter().position(|worker| worker.program != *program || worker.memory < memory);
        let ended = unfit.map(|place| drop(idle.remove(place))).is_some();
        if ended {
            *self.short() = None;
        }
        ended
    }

    /// Gives a worker back.
    pub(super) fn give(&self, worker: RemoteWorker) {
        self.idle().push(worker);
        self.given.notify_one();
    }

    /// Notes that the system has no room for one more worker.
    pub(super) fn note_shortage(&self) {
        *self.short() = Some(Instant::now());
    }

    /// Whether it is too early to try to start another worker.
    pub(super) fn is_short(&self) -> bool {
        self.short().is_some_and(|since| since.elapsed() < PAUSE)
    }

    /// Waits until a worker is given back, or a moment.
    pub(super) fn wait(&self) {
        let idle = self.idle();
        if idle.is_empty() {
            drop(self.given.wait_timeout(idle, LOOK));
        }
    }

    fn short(&self) -> MutexGuard<'_, Option<Instant>> {
        self.short.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<RemoteWorker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
