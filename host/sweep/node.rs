//! The other end of a cluster: a process on one of its machines, which opens jobs and runs their shards.
//!
//! Never ranks or writes a result, and never knows how messages come and go.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    identity::RESULTS_VERSION,
    parallel::{ParallelBacktester, SweepError},
};
use crate::{
    backtest::{Asked, Backtest, NodeJob, read_shard, write_reply},
    process::{PROTOCOL, WorkerError},
    sandbox::{Budget, Options},
    task::TaskError,
};

/// Jobs that a node keeps prepared: symbols that run alone follow each other.
const KEPT: usize = 8;

/// A job that was opened, or why it cannot run.
type Opened = Arc<Result<(Arc<ParallelBacktester>, Backtest), TaskError>>;

/// What driver and nodes must have in common: the version of the program, of the numbers of its results, and of the messages.
///
/// ```
/// assert!(host::sweep::build().starts_with("host "));
/// ```
pub fn build() -> String {
    format!("host {} (results {RESULTS_VERSION}, messages {PROTOCOL})", env!("CARGO_PKG_VERSION"))
}

/// Why a node does not answer. Whoever sent the message has another program, or sent another message than it meant to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A message cannot be read or written.
    #[error("a message cannot be read or written: {0}")]
    Message(#[from] WorkerError),
    /// No engine starts here.
    #[error("no engine starts on this node")]
    Engine(#[from] SweepError),
    /// A job asks for what this program does not know.
    #[error(transparent)]
    Job(#[from] TaskError),
    /// The job was not opened.
    #[error("the job `{0}` is not open here")]
    Unknown(String),
}

/// Runs shards for the driver of a cluster, in one process on one of its machines.
#[derive(Debug)]
pub struct Node {
    workers: Option<usize>,
    options: Options,
    engines: Mutex<Vec<(Asked, Arc<ParallelBacktester>)>>,
    /// The latest last.
    jobs: Mutex<VecDeque<(String, Opened)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No job runs under these locks, and what they guard is changed in single steps.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    /// A node that runs shards on `workers` threads (all cores for `None`). Limits come with each job; the rest of its
    /// sandboxes is as `options` say.
    pub fn new(workers: Option<usize>, options: Options) -> Self {
        Self { workers, options, engines: Mutex::default(), jobs: Mutex::default() }
    }

    /// Whether the job `name` is open.
    pub fn has(&self, name: &str) -> bool {
        lock(&self.jobs).iter().any(|(known, _)| known == name)
    }

    /// Opens a job under `name`. One whose plugin does not load or prepare is open, too: its shards are answered with the reason.
    ///
    /// # Errors
    ///
    /// Returns an error if the job cannot be read, or no engine starts.
    pub fn open(&self, name: &str, job: &[u8]) -> Result<(), NodeError> {
        let job = NodeJob::read(job)?;
        let engine = self.engine(&job.asked()?)?;
        let backtest = job.open(engine.sandbox());
        let mut jobs = lock(&self.jobs);
        jobs.retain(|(known, _)| known != name);
        jobs.push_back((name.to_owned(), Arc::new(backtest.map(|backtest| (engine, backtest)))));
        if jobs.len() > KEPT {
            jobs.pop_front();
        }
        Ok(())
    }

    /// Runs a shard of the job `name`, and returns the reply.
    ///
    /// # Errors
    ///
    /// Returns an error if the shard cannot be read, or its job is not open.
    pub fn run(&self, name: &str, shard: &[u8]) -> Result<Vec<u8>, NodeError> {
        let known = lock(&self.jobs).iter().find(|(known, _)| known == name).map(|(_, job)| Arc::clone(job));
        let job = known.ok_or_else(|| NodeError::Unknown(name.to_owned()))?;
        let (account, tasks) = read_shard(shard)?;
        let reply = (*job).as_ref().map(|(engine, backtest)| {
            let account = account.as_ref().unwrap_or(&backtest.market().settings().account);
            engine.answers(backtest, account, tasks)
        });
        Ok(write_reply(reply)?)
    }

    /// The engine for jobs that ask for the same.
    fn engine(&self, asked: &Asked) -> Result<Arc<ParallelBacktester>, NodeError> {
        let mut engines = lock(&self.engines);
        let is_alike = |known: &Asked| (known.fork_method, known.is_metered) == (asked.fork_method, asked.is_metered);
        if let Some((_, engine)) = engines.iter().find(|(known, _)| is_alike(known)) {
            return Ok(Arc::clone(engine));
        }
        let mut options = self.options.clone();
        options.fork_method = asked.fork_method;
        options.limits.compile_timeout = asked.limits.compile_timeout;
        if !asked.is_metered {
            options.limits.budget = Budget::Unmetered;
        }
        let engine = Arc::new(ParallelBacktester::new(self.workers, options)?);
        engines.push((asked.clone(), Arc::clone(&engine)));
        Ok(engine)
    }
}
