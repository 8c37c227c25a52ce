//! Clusters: other machines that run tasks, behind an engine that finds them, sends to them and hears of their deaths.
//!
//! Never knows what is sent. A job is what all shards of a backtest share; a shard is what one process of the cluster does at once.

use std::fmt;

/// Why a shard has no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// The machine is gone. Nothing that it ran is to blame.
    Machine(String),
    /// The process that ran the shard has died on a machine that lives.
    Process(String),
    /// The caller does not want it any more.
    Unwanted,
    /// The engine or the other end refuses it, and would refuse every other one.
    Refused(String),
}

/// Machines that run shards of jobs.
pub trait Cluster: fmt::Debug + Send + Sync {
    /// Makes `job` known under `name`, which no other job has.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be sent.
    fn open(&self, name: &str, job: Vec<u8>) -> Result<(), String>;

    /// Forgets the job `name`.
    fn close(&self, name: &str);

    /// How many shards it can have at once, with those that wait for a machine; 1 at least.
    fn slots(&self) -> usize;

    /// How many tasks of a shard run at the same time; 1 at least.
    fn tasks_at_once(&self) -> usize;

    /// Hears that so many tasks are sent again, after a loss.
    fn sends_again(&self, tasks: usize);

    /// Has `shard` of the job `name` run somewhere, and waits for the reply as long as it `is_wanted`.
    ///
    /// # Errors
    ///
    /// Returns why there is no reply.
    fn run(&self, name: &str, shard: Vec<u8>, is_wanted: &dyn Fn() -> bool) -> Result<Vec<u8>, Lost>;
}
