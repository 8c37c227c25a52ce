//! Backtests on a cluster: the driver's side, which sends tasks and judges losses, and what a node makes of a job.
//!
//! Never blames a task for a machine that is gone. A process that dies with tasks gets them once more, and then their halves,
//! down to the one task that it dies of: that one has crashed.

use std::{
    ops::Range,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Timed, WireAnswer, WireError, WireSettings, read_account, unreadable, write_account};
use crate::{
    backtest::{Backtest, Market, Strategy},
    broker,
    data::Dataset,
    model::{
        Digest, Params,
        wire::{self, WireParams, WireSeries},
    },
    process::{Cluster, Lost, WorkerError, decode, encode},
    sandbox::{ForkMethod, Limits, Plugin, PluginParts, Sandbox},
    task::{Answer, ErrorKind, TaskError},
};

/// How many machines may be lost under the same tasks before they are given up.
const MACHINES: usize = 100;

/// How often a process must have died of the same tasks, before they are divided, or it is the fault of the one task that it ran.
const DEATHS: usize = 2;

/// What a node needs for a backtest. The component and the bars follow its message.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    name: String,
    component: usize,
    series: Vec<WireSeries>,
    skipped: Vec<usize>,
    settings: WireSettings,
    /// The returns of the benchmark by days.
    benchmark: Option<Vec<f64>>,
    plugin: PluginParts,
}

/// What one process of a node does at once. Without tasks, it prepares the job.
#[derive(Debug, Serialize, Deserialize)]
struct Shard {
    account: Option<String>,
    tasks: Vec<WireParams>,
}

/// The answers to a shard, or why its job cannot run.
type Reply = Result<Vec<WireAnswer>, WireError>;

/// A plugin on bars, which the nodes of a cluster prepare and run.
#[derive(Debug)]
pub(crate) struct ClusterBacktest {
    cluster: Arc<dyn Cluster>,
    /// The name of its job.
    name: String,
}

/// Who waits for tasks that a cluster runs.
pub(crate) struct Waiting<'a> {
    /// Whether it still wants them.
    pub(crate) is_wanted: &'a (dyn Fn() -> bool + Sync),
    /// Tells it why the cluster can run no more.
    pub(crate) fail: &'a (dyn Fn(String) + Sync),
}

impl ClusterBacktest {
    /// Sends `plugin` and the bars of `market` to the cluster, and has one node prepare them.
    pub(crate) fn new(cluster: &Arc<dyn Cluster>, market: &Market, plugin: &Plugin) -> Result<Self, TaskError> {
        let series = market.dataset().series();
        let job = Job {
            name: plugin.description().name.clone(),
            component: plugin.bytes().len(),
            series: series.iter().map(WireSeries::from).collect(),
            skipped: market.skipped.clone(),
            settings: WireSettings::of(market.settings())?,
            benchmark: market.benchmark_returns(),
            plugin: plugin.parts(),
        };
        let head = encode(&job).map_err(unreadable)?;
        let bars = wire::columns(series);
        let bytes = [&(head.len() as u64).to_le_bytes(), &head[..], plugin.bytes(), &bars[..]].concat();
        // Whoever opens the same once more closes only that.
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}-{}", Digest::of(&bytes), OPENED.fetch_add(1, Ordering::Relaxed));
        let refused = |why| TaskError::new(ErrorKind::Host, format!("the cluster does not take the backtest: {why}"));
        cluster.open(&name, bytes).map_err(refused)?;
        let backtest = Self { cluster: Arc::clone(cluster), name };
        let (cut, failure) = (plugin.sandbox().cut_flag(), OnceLock::new());
        let waiting = Waiting {
            is_wanted: &|| !cut.load(Ordering::Relaxed),
            fail: &|why| _ = failure.set(TaskError::new(ErrorKind::Host, why)),
        };
        let crashed = backtest.run(None, &[], &waiting)?.pop().and_then(|timed| timed.answer.outcome.err());
        failure.into_inner().or(crashed).map_or(Ok(backtest), Err)
    }

    /// Runs `tasks` on the cluster, and answers them in their order; only the first of them where the others are not wanted any
    /// more, or the cluster cannot run them, of which `waiting` hears.
    ///
    /// # Errors
    ///
    /// Returns why no task of this backtest can run.
    pub(crate) fn run(
        &self,
        account: Option<&broker::Settings>,
        tasks: &[&Params],
        waiting: &Waiting<'_>,
    ) -> Result<Vec<Timed>, TaskError> {
        let account = account.map(write_account).transpose()?;
        let mut done = Vec::with_capacity(tasks.len());
        // What is left to do, the next at the end, and how often a process has died of just that.
        let mut left = vec![(0..tasks.len(), 0)];
        let mut machines = 0;
        while let Some((range, deaths)) = left.pop() {
            match self.ask(account.as_ref(), &tasks[range.clone()], waiting.is_wanted) {
                Ok(answers) => done.extend(answers?),
                Err(Lost::Unwanted) => break,
                Err(Lost::Machine(_)) if machines < MACHINES => {
                    machines += 1;
                    self.cluster.sends_again(range.len());
                    left.push((range, deaths));
                }
                Err(Lost::Process(why)) if range.len() <= 1 && deaths + 1 >= DEATHS => {
                    let text = format!("{why}, each of the {DEATHS} times that it ran this task alone");
                    done.push(failed(TaskError::new(ErrorKind::Crash, text)));
                }
                Err(Lost::Process(_)) => {
                    self.cluster.sends_again(range.len());
                    left.extend(after_death(range, deaths + 1));
                }
                Err(Lost::Machine(why) | Lost::Refused(why)) => {
                    (waiting.fail)(why);
                    break;
                }
            }
        }
        Ok(done)
    }

    fn ask(
        &self,
        account: Option<&String>,
        tasks: &[&Params],
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Result<Vec<Timed>, TaskError>, Lost> {
        let refused =
            |problem: WorkerError| Lost::Refused(format!("a message of the cluster cannot be read: {problem}"));
        let tasks: Vec<_> = tasks.iter().map(|params| WireParams::from(*params)).collect();
        let count = tasks.len();
        let shard = encode(&Shard { account: account.cloned(), tasks }).map_err(refused)?;
        let reply: Reply = decode(&self.cluster.run(&self.name, shard, is_wanted)?).map_err(refused)?;
        match reply {
            Ok(answers) if answers.len() == count => Ok(Ok(answers.into_iter().map(WireAnswer::read).collect())),
            Ok(answers) => Err(Lost::Refused(format!("a node answered {} of {count} tasks", answers.len()))),
            Err((kind, message)) => Ok(Err(TaskError { kind, message })),
        }
    }
}

impl Drop for ClusterBacktest {
    fn drop(&mut self) {
        self.cluster.close(&self.name);
    }
}

/// What to run after a process has died `deaths` times of `range`, each part with its own deaths; the lower half is last, and so
/// the next.
fn after_death(range: Range<usize>, deaths: usize) -> Vec<(Range<usize>, usize)> {
    if range.len() <= 1 || deaths < DEATHS {
        return vec![(range, deaths)];
    }
    let middle = range.start + range.len() / 2;
    // One death of tasks that were in bad company is enough to divide them again.
    [middle..range.end, range.start..middle].map(|half| (half.clone(), usize::from(half.len() > 1))).to_vec()
}

fn failed(error: TaskError) -> Timed {
    Timed { answer: Answer::native(Err(error)), time: Duration::ZERO }
}

/// What a node has to know before it opens a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) limits: Limits,
    pub(crate) fork_method: ForkMethod,
    pub(crate) is_metered: bool,
}

/// A job as a node gets it.
#[derive(Debug)]
pub(crate) struct NodeJob {
    job: Job,
    component: Vec<u8>,
    bars: Vec<u8>,
}

impl NodeJob {
    /// Reads a job.
    ///
    /// # Errors
    ///
    /// Returns an error if it is damaged, or of another version of the program.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WorkerError> {
        let damaged = || WorkerError::Message("the job is damaged".to_owned());
        let (len, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| damaged())?;
        let (head, rest) = rest.split_at_checked(len).ok_or_else(damaged)?;
        let job: Job = decode(head)?;
        let (component, bars) = rest.split_at_checked(job.component).ok_or_else(damaged)?;
        Ok(Self { component: component.to_vec(), bars: bars.to_vec(), job })
    }

    /// How its sandbox must be.
    ///
    /// # Errors
    ///
    /// Returns an error if it asks for what this program does not know.
    pub(crate) fn asked(&self) -> Result<Asked, TaskError> {
        let (limits, fork_method, is_metered) = self.job.plugin.asked().map_err(unreadable)?;
        Ok(Asked { limits, fork_method, is_metered })
    }

    /// Loads and prepares it in `sandbox`.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin does not load or prepare.
    pub(crate) fn open(self, sandbox: &Sandbox) -> Result<Backtest, TaskError> {
        let limits = self.asked()?.limits;
        let Self { job, component, bars } = self;
        let series = wire::series(job.series, &bars).ok_or_else(|| unreadable("the bars are damaged"))?;
        // The driver has checked them, and knows whether prices below zero are meant.
        let dataset = Dataset::with_negative_prices(series).map_err(unreadable)?;
        let market = Market::checked_against(dataset, job.skipped, (job.settings.read()?, job.benchmark))?;
        let market = Arc::new(market);
        let host = |error: &dyn std::fmt::Display| TaskError::new(ErrorKind::Host, error.to_string());
        let plugin = Plugin::from_bytes(sandbox, &job.name, component).map_err(|error| host(&error))?;
        Ok(Backtest::new(market, Strategy::Plugin(plugin.under(limits)))?)
    }
}

/// The account and the tasks of a shard.
///
/// # Errors
///
/// Returns an error if it cannot be read.
pub(crate) fn read_shard(bytes: &[u8]) -> Result<(Option<broker::Settings>, Vec<Params>), WorkerError> {
    let Shard { account, tasks } = decode(bytes)?;
    let account = account.as_deref().map(read_account).transpose();
    let account = account.map_err(|error| WorkerError::Message(error.to_string()))?;
    Ok((account, tasks.into_iter().map(Params::from).collect()))
}

/// The reply to a shard.
///
/// # Errors
///
/// Returns an error if it cannot be written.
pub(crate) fn write_reply(reply: Result<Vec<Timed>, &TaskError>) -> Result<Vec<u8>, WorkerError> {
    let reply: Reply = match reply {
        Ok(answers) => Ok(answers.into_iter().map(WireAnswer::of).collect()),
        Err(error) => Err((error.kind, error.message.clone())),
    };
    encode(&reply)
}
