//! Clusters: the same results as on this machine's threads, whatever is lost on the way.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use host::{
    data::Dataset,
    model::Series,
    process::{Cluster, Lost},
    sandbox::{Limits, Options},
    sweep::{Instruments, Node, ParallelBacktester, Part, Stop, build},
    task::{ErrorKind, ParallelResult},
};

use super::processes::{decided, results, scope};

/// What happens to a shard before a node runs it: its number counted from 0, and its bytes.
type Fate = Box<dyn Fn(usize, &[u8]) -> Option<Lost> + Send + Sync>;

/// Two nodes in this process, which lose shards as they are told.
struct Nodes {
    nodes: [Node; 2],
    jobs: Mutex<HashMap<String, Vec<u8>>>,
    fate: Fate,
    shards: AtomicUsize,
    again: AtomicUsize,
    /// The first shard of those that are never answered, and what is stopped when it comes.
    silent: OnceLock<(usize, Stop)>,
}

impl std::fmt::Debug for Nodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nodes")
    }
}

impl Nodes {
    fn new(fate: Fate) -> Arc<Self> {
        let node = || Node::new(Some(1), Options::from(Limits::default()));
        let (shards, again, silent) = Default::default();
        Arc::new(Self { nodes: [node(), node()], jobs: Mutex::default(), fate, shards, again, silent })
    }
}

impl Cluster for Nodes {
    fn open(&self, name: &str, job: Vec<u8>) -> Result<(), String> {
        self.jobs.lock().unwrap().insert(name.to_owned(), job);
        Ok(())
    }

    fn close(&self, name: &str) {
        self.jobs.lock().unwrap().remove(name);
    }

    fn slots(&self) -> usize {
        3
    }

    fn tasks_at_once(&self) -> usize {
        1
    }

    fn sends_again(&self, tasks: usize) {
        self.again.fetch_add(tasks, Ordering::Relaxed);
    }

    fn run(&self, name: &str, shard: Vec<u8>, is_wanted: &dyn Fn() -> bool) -> Result<Vec<u8>, Lost> {
        let number = self.shards.fetch_add(1, Ordering::Relaxed);
        if let Some(lost) = (self.fate)(number, &shard) {
            return Err(lost);
        }
        if let Some((first, stop)) = self.silent.get()
            && number >= *first
        {
            stop.stop();
            while is_wanted() {
                thread::yield_now();
            }
            return Err(Lost::Unwanted);
        }
        let node = &self.nodes[number % 2];
        let refused = |error: host::sweep::NodeError| Lost::Refused(error.to_string());
        if !node.has(name) {
            let job = self.jobs.lock().unwrap()[name].clone();
            node.open(name, &job).map_err(refused)?;
        }
        node.run(name, &shard).map_err(refused)
    }
}

fn engine(cluster: Option<Arc<dyn Cluster>>) -> ParallelBacktester {
    let mut options = Options::from(Limits::default());
    options.cluster = cluster;
    ParallelBacktester::new(None, options).unwrap()
}

fn run(
    cluster: Option<&Arc<Nodes>>,
    plugin: &str,
    grid: &str,
    data: &Dataset,
    instruments: Instruments,
) -> Vec<ParallelResult<host::metrics::Metrics>> {
    let engine = engine(cluster.map(|cluster| Arc::<Nodes>::clone(cluster) as _));
    let (scope, plan) = scope(&engine, plugin, grid, data.clone(), instruments);
    results(&engine, &scope, &plan)
}

/// The cluster gives the results of threads. Returns how many tasks it sent again.
fn check_same(fate: Fate, plugin: &str, grid: &str, data: &Dataset, instruments: Instruments) -> usize {
    let cluster = Nodes::new(fate);
    let here = run(None, plugin, grid, data, instruments);
    assert_eq!(run(Some(&cluster), plugin, grid, data, instruments), here, "{plugin}");
    assert!(cluster.jobs.lock().unwrap().is_empty(), "jobs are forgotten");
    cluster.again.load(Ordering::Relaxed)
}

fn nothing_is_lost() -> Fate {
    Box::new(|_, _| None)
}

fn symbols() -> Dataset {
    let bundled = Dataset::bundled().unwrap();
    let named =
        |at: usize| Series { symbol: format!("S{at:02}"), ..bundled.series()[0].part(at * 300..at * 300 + 700) };
    Dataset::new((0..12).map(named).collect()).unwrap()
}

const GRID: &str = r#"{"lookback": {"from": 1, "to": 300}, "threshold": [0, 0.05, 0.1]}"#;

#[test]
fn a_cluster_gives_the_results_of_threads() {
    let data = Dataset::bundled().unwrap();
    assert_eq!(check_same(nothing_is_lost(), "momentum", GRID, &data, Instruments::Together), 0);
    check_same(nothing_is_lost(), "bracket", "{}", &data, Instruments::Together);
    check_same(nothing_is_lost(), "rotation", "{}", &symbols(), Instruments::Together);
    let grid = r#"{"lookback": [5, 20, 60], "threshold": [0, 0.05]}"#;
    check_same(nothing_is_lost(), "momentum", grid, &symbols(), Instruments::EachSymbol);
}

#[test]
fn failures_are_those_of_threads() {
    let grid = r#"{"parameters": {"behaviour": ["fine", "panic", "recurse", "unsorted", "refuse", "fail", "trap", "out-of-range",
        "flood-log"], "seed": [3, 4]}}"#;
    let (plugin, data) = ("tests/plugins/faulty/faulty.wasm", Dataset::bundled().unwrap());
    check_same(nothing_is_lost(), plugin, grid, &data, Instruments::Together);
}

#[test]
fn what_a_lost_machine_had_runs_again() {
    let data = Dataset::bundled().unwrap();
    let gone = |number: usize| number % 4 == 1;
    let fate: Fate = Box::new(move |number, _| gone(number).then(|| Lost::Machine("it was unplugged".to_owned())));
    assert!(check_same(fate, "momentum", GRID, &data, Instruments::Together) > 0);
}

/// How the parameter `lookback` of this value lies in a shard.
const POISON: i64 = 1999;
const POISON_BYTES: &[u8] = b"lookback\x01\x9E\x1F";

#[test]
fn a_task_of_which_a_process_dies_has_crashed_alone() {
    let data = Dataset::bundled().unwrap();
    let grid = format!(
        r#"{{"lookback": [{}, {POISON}, 7]}}"#,
        (20..120).map(|at| at.to_string()).collect::<Vec<_>>().join(",")
    );
    let is_poisoned = |shard: &[u8]| shard.windows(POISON_BYTES.len()).any(|bytes| bytes == POISON_BYTES);
    let died = || Lost::Process("the process died".to_owned());
    let cluster = Nodes::new(Box::new(move |_, shard| is_poisoned(shard).then(died)));
    let here = run(None, "momentum", &grid, &data, Instruments::Together);
    let there = run(Some(&cluster), "momentum", &grid, &data, Instruments::Together);
    for (here, there) in here.iter().zip(&there) {
        if here.task_id == format!("lookback={POISON}") {
            assert_eq!(there.error_kind, Some(ErrorKind::Crash));
            let message = there.error_message.as_deref().unwrap();
            assert_eq!(message, "the process died, each of the 2 times that it ran this task alone");
        } else {
            assert_eq!(here, there);
        }
    }
    assert_eq!(here.len(), there.len());
}

#[test]
fn one_death_of_a_process_blames_nobody() {
    let data = Dataset::bundled().unwrap();
    let fate: Fate = Box::new(|number, _| (number == 2).then(|| Lost::Process("the process died".to_owned())));
    assert!(check_same(fate, "momentum", GRID, &data, Instruments::Together) > 0);
}

#[test]
fn what_every_node_refuses_is_told_once() {
    let cluster = Nodes::new(Box::new(|_, _| Some(Lost::Refused(format!("{} is not host 0.0.9", build())))));
    let engine = engine(Some(Arc::<Nodes>::clone(&cluster) as _));
    let strategy = engine.load("momentum").unwrap().into();
    let market = host::backtest::Market::new(Dataset::bundled().unwrap(), host::backtest::Settings::default()).unwrap();
    let error = host::sweep::Scope::new(Instruments::Together, Arc::new(market), strategy).unwrap_err();
    assert!(host::sweep::with_causes(&error).contains("is not host 0.0.9"), "{error}");
    assert_eq!(cluster.shards.load(Ordering::Relaxed), 1);
}

#[test]
fn a_stop_does_not_wait_for_nodes() {
    let cluster = Nodes::new(nothing_is_lost());
    let engine = engine(Some(Arc::<Nodes>::clone(&cluster) as _));
    let (scope, plan) = scope(&engine, "momentum", GRID, Dataset::bundled().unwrap(), Instruments::Together);
    // The first two shards with tasks are answered; the next one stops the sweep, and nobody answers any more.
    let first = cluster.shards.load(Ordering::Relaxed) + 2;
    assert!(cluster.silent.set((first, engine.stop_handle())).is_ok());
    let mut done = Vec::new();
    engine.sweep(&scope, &plan, Part::all(), |batch| {
        done.extend(batch.results.into_iter().map(decided));
        true
    });
    let here = run(None, "momentum", GRID, &Dataset::bundled().unwrap(), Instruments::Together);
    assert!(!done.is_empty() && done.len() < here.len());
    assert!(done.iter().all(|result| *result == here[result.index as usize]), "what was finished is kept");
}

#[test]
fn a_job_that_is_opened_twice_is_closed_twice() {
    let cluster = Nodes::new(nothing_is_lost());
    let (data, grid) = (Dataset::bundled().unwrap(), r#"{"lookback": [5, 20, 60]}"#);
    let engine = engine(Some(Arc::<Nodes>::clone(&cluster) as _));
    let (one, plan) = scope(&engine, "momentum", grid, data.clone(), Instruments::Together);
    let (other, _) = scope(&engine, "momentum", grid, data, Instruments::Together);
    drop(other);
    assert_eq!(results(&engine, &one, &plan).len(), 3);
}

#[test]
fn a_damaged_message_is_refused() {
    let node = Node::new(Some(1), Options::from(Limits::default()));
    for job in [&b""[..], b"12345678", &[0xFF; 64]] {
        assert!(node.open("job", job).unwrap_err().to_string().starts_with("a message cannot be read"));
    }
    assert!(!node.has("job"));
    assert_eq!(node.run("job", b"").unwrap_err().to_string(), "the job `job` is not open here");
}

#[test]
fn a_cluster_that_fails_ends_the_sweep_and_what_was_finished_is_kept() {
    let cluster =
        Nodes::new(Box::new(|number, _| (number > 3).then(|| Lost::Refused("the network is down".to_owned()))));
    let engine = engine(Some(Arc::<Nodes>::clone(&cluster) as _));
    let data = Dataset::bundled().unwrap();
    let (scope, plan) = scope(&engine, "momentum", GRID, data.clone(), Instruments::Together);
    let there = results(&engine, &scope, &plan);
    let here = run(None, "momentum", GRID, &data, Instruments::Together);
    assert!(!there.is_empty() && there.len() < here.len(), "{}", there.len());
    assert!(there.iter().all(|result| *result == here[result.index as usize]));
    assert_eq!(engine.stop_handle().failure(), Some("the network is down"));
}
