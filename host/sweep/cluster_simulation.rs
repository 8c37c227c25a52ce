//! A simulation of clusters that this machine does not have: the driver's own code against nodes that only wait and answer.
//!
//! Never measures a plugin, and never runs by itself:
//!
//!     cargo test --release --lib -- --ignored --nocapture clusters
//!
//! Scheduler, messages, losses, ranking and the file of results are those of any sweep on a cluster. What an engine such as Ray
//! takes for each shard is not in it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        time::TimeValLike,
    },
    time::{ClockId, clock_gettime},
};

use super::{DefaultMetrics, ParallelBacktester, Part, Recorder, Scope, SweepRequest};
use crate::{
    backtest::{Backtest, Market, Strategy, Timed, WorkerState, read_shard, write_reply},
    data::Dataset,
    process::{Cluster, Lost},
    sandbox::{Limits, Options},
};

/// How long each run would last if nothing but the nodes' cores took time.
const IDEAL: Duration = Duration::from_secs(20);

/// Cores of a node.
const CORES: usize = 16;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
struct Weather {
    name: &'static str,
    /// Time of a message there and back.
    latency: Duration,
    /// Bytes a second between a node and the driver.
    bandwidth: f64,
    /// One node in so many is five times slower; 0 for none.
    straggler: usize,
    /// One node in so many is taken back in the middle of the run, and another one comes 5 s later; 0 for none.
    reclaimed: usize,
}

const FAIR: Weather =
    Weather { name: "fair", latency: Duration::from_millis(2), bandwidth: 1e9, straggler: 0, reclaimed: 0 };

const FOUL: Weather =
    Weather { name: "foul", latency: Duration::from_millis(100), bandwidth: 2e7, straggler: 20, reclaimed: 5 };

/// A node, as seconds since the start of the simulation.
#[derive(Debug, Clone, Copy)]
struct Node {
    speed: f64,
    /// When it has nothing to do any more.
    free: f64,
    gone_at: f64,
    back_at: f64,
}

/// Nodes that sleep as long as a shard takes, and give each task the same answer.
#[derive(Debug)]
struct Asleep {
    nodes: Mutex<Vec<Node>>,
    answer: Timed,
    task: Duration,
    weather: Weather,
    began: Instant,
    replies: Mutex<HashMap<usize, Arc<Vec<u8>>>>,
    shards: AtomicU64,
    again: AtomicU64,
    /// Nanoseconds of processors that playing the nodes has taken.
    played: AtomicU64,
}

impl Asleep {
    fn new(nodes: usize, task: Duration, weather: Weather, answer: Timed) -> Self {
        let one_in = |many: usize, at: usize| many > 0 && at % many == many / 2;
        let node = |at: usize| {
            let gone_at = if one_in(weather.reclaimed, at) { IDEAL.as_secs_f64() / 2.0 } else { f64::INFINITY };
            let speed = if one_in(weather.straggler, at) { 0.2 } else { 1.0 };
            Node { speed, free: 0.0, gone_at, back_at: gone_at + 5.0 }
        };
        Self {
            nodes: Mutex::new((0..nodes).map(node).collect()),
            answer,
            task,
            weather,
            began: Instant::now(),
            replies: Mutex::default(),
            shards: AtomicU64::new(0),
            again: AtomicU64::new(0),
            played: AtomicU64::new(0),
        }
    }

    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap()
    }

    fn reply(&self, tasks: usize) -> Arc<Vec<u8>> {
        let mut replies = self.replies.lock().unwrap();
        let made = || {
            let one = || Timed { answer: self.answer.answer.clone(), time: self.task };
            Arc::new(write_reply(Ok((0..tasks).map(|_| one()).collect())).unwrap())
        };
        Arc::clone(replies.entry(tasks).or_insert_with(made))
    }

    /// Where a shard of `tasks` tasks goes: when it ends, or when its node is gone.
    fn placed(&self, tasks: usize) -> Result<f64, f64> {
        let now = self.now();
        let mut nodes = self.nodes();
        let is_there = |node: &Node| now < node.gone_at || now >= node.back_at;
        let start = |node: &Node| node.free.max(now);
        let node = nodes.iter_mut().filter(|node| is_there(node)).min_by(|a, b| start(a).total_cmp(&start(b))).unwrap();
        let rounds = tasks.div_ceil(CORES) as f64;
        let end = start(node) + rounds * self.task.as_secs_f64() / node.speed;
        if now < node.gone_at && end > node.gone_at {
            return Err(node.gone_at);
        }
        node.free = end;
        Ok(end)
    }

    #[expect(clippy::disallowed_methods, reason = "a node that only waits is what is simulated")]
    fn sleep_until(&self, end: f64, is_wanted: &dyn Fn() -> bool) -> bool {
        while self.now() < end {
            thread::sleep(Duration::from_secs_f64((end - self.now()).clamp(0.0, 0.5)));
            if !is_wanted() {
                return false;
            }
        }
        true
    }
}

impl Cluster for Asleep {
    fn open(&self, _: &str, _: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn close(&self, _: &str) {}

    fn slots(&self) -> usize {
        let now = self.now();
        2 * self.nodes().iter().filter(|node| now < node.gone_at || now >= node.back_at).count()
    }

    fn tasks_at_once(&self) -> usize {
        CORES
    }

    fn sends_again(&self, tasks: usize) {
        self.again.fetch_add(tasks as u64, Ordering::Relaxed);
    }

    fn run(&self, _: &str, shard: Vec<u8>, is_wanted: &dyn Fn() -> bool) -> Result<Vec<u8>, Lost> {
        let before = thread_seconds();
        let tasks = read_shard(&shard).unwrap().1.len();
        let reply = self.reply(tasks);
        let transfer = (shard.len() + reply.len()) as f64 / self.weather.bandwidth;
        self.played.fetch_add(((thread_seconds() - before) * 1e9) as u64, Ordering::Relaxed);
        self.shards.fetch_add(1, Ordering::Relaxed);
        let (end, is_lost) = match self.placed(tasks) {
            Ok(end) => (end + self.weather.latency.as_secs_f64() + transfer, false),
            // The engine hears of it two seconds later.
            Err(gone) => (gone + 2.0, true),
        };
        match self.sleep_until(end, is_wanted) {
            false => Err(Lost::Unwanted),
            true if is_lost => Err(Lost::Machine("it was taken back".to_owned())),
            true => Ok(reply.to_vec()),
        }
    }
}

/// Processor seconds of this thread.
fn thread_seconds() -> f64 {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap()).as_secs_f64()
}

/// Processor seconds of this process.
fn process_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}

/// MiB that this process has resident now.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1048576.0
}

/// An answer with all metrics, of a task that has really run.
fn answer(market: &Arc<Market>) -> Timed {
    let engine = ParallelBacktester::new(Some(1), Limits::default()).unwrap();
    let plugin = engine.load("momentum").unwrap();
    let params = plugin.description().resolve(&Default::default()).unwrap();
    let backtest = Backtest::new(Arc::clone(market), Strategy::from(plugin)).unwrap();
    Timed { answer: backtest.run(&mut WorkerState::default(), &params), time: Duration::ZERO }
}

#[expect(clippy::print_stdout, reason = "a measurement shows what it measures")]
fn simulate(nodes: usize, task: Duration, weather: Weather) {
    let cells = (nodes * CORES) as f64 * IDEAL.as_secs_f64() / task.as_secs_f64();
    let thresholds = (cells / 2000.0).ceil().max(1.0);
    let request: SweepRequest = serde_json::from_value(serde_json::json!({
        "plugin": "momentum", "metrics": "all",
        "params": ["lookback=1..2000", format!("threshold=0..{}:0.000001", (thresholds - 1.0) / 1e6)],
    }))
    .unwrap();
    let data = Dataset::new(vec![Dataset::bundled().unwrap().series()[0].part(0..300)]).unwrap();
    let market = Arc::new(Market::new(data, Default::default()).unwrap());
    let cluster = Arc::new(Asleep::new(nodes, task, weather, answer(&market)));
    let mut options = Options::from(Limits::default());
    options.cluster = Some(Arc::<Asleep>::clone(&cluster) as Arc<dyn Cluster>);
    let engine = ParallelBacktester::new(None, options).unwrap();
    let strategy = Strategy::from(engine.load("momentum").unwrap());
    let bound = request.bind(strategy.description(), DefaultMetrics::All).unwrap();
    let scope = Scope::new(bound.instruments, Arc::clone(&market), strategy).unwrap();
    let mut recorder = Recorder::new(&bound, scope.strategy(), &market);
    let folder = tempfile::tempdir().unwrap();
    recorder.open(&folder.path().join("all.parquet"), &[]).unwrap();
    let recording = recorder.recording();
    let (before, began, idle) = (process_seconds(), Instant::now(), resident());
    let mut most = idle;
    let mut done = 0;
    engine.sweep_with(&scope, &bound.plan, Part::all(), &*recording, |batch| {
        done = batch.done;
        most = most.max(resident());
        recorder.take(batch.results)
    });
    recorder.finish().unwrap();
    let (wall, played) = (began.elapsed().as_secs_f64(), cluster.played.load(Ordering::Relaxed) as f64 / 1e9);
    let driver = process_seconds() - before - played;
    let ideal = done as f64 * task.as_secs_f64() / (nodes * CORES) as f64;
    let (shards, again) = (cluster.shards.load(Ordering::Relaxed), cluster.again.load(Ordering::Relaxed));
    println!(
        "| {nodes} | {} | {} | {done} | {ideal:.1} | {wall:.1} | {:.2} | {:.2} | {:.2} | {:.0} | {again} | {:.0} |",
        task.as_millis(),
        weather.name,
        wall / ideal,
        driver / wall,
        driver / done as f64 * 1e6,
        shards as f64 / wall,
        most - idle,
    );
}

#[test]
#[ignore = "a measurement of ten minutes, with a table to read"]
#[expect(clippy::print_stdout, reason = "a measurement shows what it measures")]
fn clusters() {
    println!(
        "| nodes | ms a cell | weather | cells | ideal s | s | s / ideal | cores of the driver | us of the driver a cell | \
         shards a second | sent again | MiB more |"
    );
    println!("|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (nodes, tasks) in [(10, &[5, 100, 1000][..]), (100, &[20, 100, 1000]), (1000, &[100, 1000])] {
        for weather in [FAIR, FOUL] {
            for task in tasks {
                simulate(nodes, Duration::from_millis(*task), weather);
            }
        }
    }
}
