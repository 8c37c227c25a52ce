//! Clusters: the library's shards handed to an engine that Python drives, and the other end of it on a node.
//!
//! Never knows the engine: Python sends what it takes from here, and gives back replies and losses.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, bounded};
use host::{
    cache::{self, Cache},
    process::{self, Lost},
    sandbox::Options,
    sweep::{self, NodeError},
};
use pyo3::{
    IntoPyObjectExt as _,
    prelude::*,
    types::{PyBytes, PyList},
};

use crate::{
    errors::{Class, Failure, OrFailure as _},
    signals,
};

/// How often a thread that waits for a reply asks whether it is still wanted.
const WAKE: Duration = Duration::from_millis(100);

/// What Python is to do.
#[derive(Debug)]
enum Event {
    /// Send a job to whoever will need it.
    Open(String, Vec<u8>),
    /// Forget a job.
    Close(String),
    /// Have a shard of a job run, and give back its reply under the number.
    Run(u64, String, Vec<u8>),
    /// Nobody wants the reply of this number any more.
    Drop(u64),
}

type Answer = Result<Vec<u8>, Lost>;

#[derive(Debug, Default)]
struct State {
    next: u64,
    events: VecDeque<Event>,
    waiting: HashMap<u64, Sender<Answer>>,
    /// Why nothing can be sent any more.
    failed: Option<String>,
}

#[derive(Debug, Default)]
struct Bridge {
    state: Mutex<State>,
    came: Condvar,
    slots: AtomicUsize,
    at_once: AtomicUsize,
    again: AtomicU64,
}

impl Bridge {
    fn state(&self) -> MutexGuard<'_, State> {
        // What the lock guards is changed in single steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: Event) {
        self.state().events.push_back(event);
        self.came.notify_one();
    }

    /// Gives an answer to whoever waits for it. One that nobody waits for any more is dropped.
    fn answer(&self, number: u64, answer: Answer) {
        let waiting = self.state().waiting.remove(&number);
        if let Some(waiting) = waiting {
            // The receiver is gone if it is not wanted any more.
            let _ = waiting.send(answer);
        }
    }
}

impl process::Cluster for Bridge {
    fn open(&self, name: &str, job: Vec<u8>) -> Result<(), String> {
        let mut state = self.state();
        if let Some(why) = &state.failed {
            return Err(why.clone());
        }
        state.events.push_back(Event::Open(name.to_owned(), job));
        Ok(())
    }

    fn close(&self, name: &str) {
        self.push(Event::Close(name.to_owned()));
    }

    fn slots(&self) -> usize {
        self.slots.load(Relaxed).max(1)
    }

    fn tasks_at_once(&self) -> usize {
        self.at_once.load(Relaxed).max(1)
    }

    fn sends_again(&self, tasks: usize) {
        self.again.fetch_add(tasks as u64, Relaxed);
    }

    fn run(&self, name: &str, shard: Vec<u8>, is_wanted: &dyn Fn() -> bool) -> Answer {
        let (sender, answer) = bounded(1);
        let number = {
            let mut state = self.state();
            if let Some(why) = &state.failed {
                return Err(Lost::Refused(why.clone()));
            }
            let number = state.next;
            state.next += 1;
            state.waiting.insert(number, sender);
            state.events.push_back(Event::Run(number, name.to_owned(), shard));
            number
        };
        self.came.notify_one();
        loop {
            match answer.recv_timeout(WAKE) {
                Ok(answer) => return answer,
                Err(_) if is_wanted() => {}
                Err(_) => {
                    self.state().waiting.remove(&number);
                    self.push(Event::Drop(number));
                    return Err(Lost::Unwanted);
                }
            }
        }
    }
}

/// The shards of sweeps, for an engine to send to machines.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Cluster(Arc<Bridge>);

impl Cluster {
    /// What the library sees of it.
    pub(crate) fn shared(&self) -> Arc<dyn process::Cluster> {
        Arc::<Bridge>::clone(&self.0)
    }
}

#[pymethods]
impl Cluster {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    /// What is to be done since the last call, after `timeout` seconds at most: `("open", name, job)`, `("close", name)`,
    /// `("run", number, name, shard)` and `("drop", number)`.
    fn take<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Bound<'py, PyList>> {
        let most = Duration::try_from_secs_f64(timeout).unwrap_or_default();
        let events = py.detach(|| {
            let (until, mut state) = (Instant::now() + most, self.0.state());
            while state.events.is_empty() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                (state, _) = self.0.came.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            }
            mem::take(&mut state.events)
        });
        let list = PyList::empty(py);
        for event in events {
            list.append(match event {
                Event::Open(name, job) => ("open", name, PyBytes::new(py, &job)).into_py_any(py)?,
                Event::Close(name) => ("close", name).into_py_any(py)?,
                Event::Run(number, name, shard) => ("run", number, name, PyBytes::new(py, &shard)).into_py_any(py)?,
                Event::Drop(number) => ("drop", number).into_py_any(py)?,
            })?;
        }
        Ok(list)
    }

    /// Gives back the reply to a shard.
    fn reply(&self, py: Python<'_>, number: u64, reply: &[u8]) {
        let reply = reply.to_vec();
        py.detach(|| self.0.answer(number, Ok(reply)));
    }

    /// Says why a shard has no reply: `kind` is `machine` or `process`, if the one or the other is lost.
    fn lose(&self, py: Python<'_>, number: u64, kind: &str, why: String) -> PyResult<()> {
        let lost = match kind {
            "machine" => Lost::Machine(why),
            "process" => Lost::Process(why),
            _ => return Err(Failure::new(Class::Host, format!("`{kind}` is not a kind of loss")).into()),
        };
        py.detach(|| self.0.answer(number, Err(lost)));
        Ok(())
    }

    /// Ends everything that waits, and refuses whatever comes, for the reason `why`.
    fn fail(&self, py: Python<'_>, why: String) {
        py.detach(|| {
            let mut state = self.0.state();
            let waiting = mem::take(&mut state.waiting);
            let why = state.failed.get_or_insert(why).clone();
            drop(state);
            for waiting in waiting.into_values() {
                // The receiver is gone if it is not wanted any more.
                let _ = waiting.send(Err(Lost::Refused(why.clone())));
            }
        });
    }

    /// Why nothing can be sent any more, if that is so.
    #[getter]
    fn failure(&self) -> Option<String> {
        self.0.state().failed.clone()
    }

    /// Says how many shards may be sent at once, and how many tasks of each run at the same time.
    fn set_slots(&self, slots: usize, tasks_at_once: usize) {
        self.0.slots.store(slots, Relaxed);
        self.0.at_once.store(tasks_at_once, Relaxed);
    }

    /// Tasks that were sent again after a loss.
    #[getter]
    fn sent_again(&self) -> u64 {
        self.0.again.load(Relaxed)
    }
}

/// What driver and nodes must have in common.
#[pyfunction]
pub(crate) fn build() -> String {
    sweep::build()
}

/// Opens jobs and runs their shards, in one process of a machine of a cluster.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Node(sweep::Node);

#[pymethods]
impl Node {
    /// A node that runs shards on `threads` threads.
    #[new]
    fn new(threads: usize) -> Self {
        let mut options = Options::default();
        // A cache that cannot be used stops no run: what it would have had is compiled.
        let opened = cache::default_root().and_then(|root| Cache::open(&root, cache::DEFAULT_CAP));
        options.cache = opened.ok().map(Arc::new);
        Self(sweep::Node::new(Some(threads), options))
    }

    /// Whether the job `name` is open.
    fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    /// Opens a job.
    fn open(&self, py: Python<'_>, name: &str, job: &[u8]) -> PyResult<()> {
        let opened: Result<(), NodeError> = py.detach(|| self.0.open(name, job));
        signals::keep();
        Ok(opened.or_failure(Class::Host)?)
    }

    /// Runs a shard of a job, and returns the reply.
    fn run<'py>(&self, py: Python<'py>, name: &str, shard: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        signals::restore();
        let reply: Result<Vec<u8>, NodeError> = py.detach(|| self.0.run(name, shard));
        Ok(PyBytes::new(py, &reply.or_failure(Class::Host)?))
    }
}
