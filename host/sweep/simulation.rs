//! A simulation of the scheduler on more workers than the machine has cores: its own code, with workers that only wait.
//!
//! Never measures a plugin, and never runs by itself:
//!
//!     cargo test --release --lib -- --ignored --nocapture simulation

use std::{
    thread,
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

use super::{
    scheduler::{Turns, Work, in_order, run},
    stop::Stop,
};

/// A worker owes the time of its tasks, and sleeps when it owes this much: so many workers fit on few cores.
const MOST_OWED: Duration = Duration::from_millis(2);

/// How long each simulated run lasts if nobody waits.
const RUN: Duration = Duration::from_millis(400);

/// Tasks of one length.
struct Wait {
    task: Duration,
}

/// What a worker owes. Sleeping longer than asked for is paid back, so that the system's timer does not count.
struct Debt {
    owed: Duration,
    ahead: Duration,
}

impl Debt {
    fn add(&mut self, time: Duration) {
        let paid = time.min(self.ahead);
        self.ahead -= paid;
        self.owed += time - paid;
        if self.owed >= MOST_OWED {
            self.pay();
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a worker that only waits is what is simulated")]
    fn pay(&mut self) {
        let began = Instant::now();
        thread::sleep(self.owed);
        self.ahead += began.elapsed().saturating_sub(self.owed);
        self.owed = Duration::ZERO;
    }
}

impl Work<u64> for Wait {
    type WorkerState = Debt;
    type Done = u64;
    type Batch = Vec<u64>;

    fn worker_state(&self, _: usize) -> Debt {
        Debt { owed: Duration::ZERO, ahead: Duration::ZERO }
    }

    fn work(&self, debt: &mut Debt, task: &u64) -> u64 {
        debt.add(self.task);
        *task
    }

    fn panicked(&self, _: usize, task: &u64, message: String) -> u64 {
        unreachable!("task {task} panicked: {message}")
    }

    fn batch(&self, results: Vec<u64>) -> Vec<u64> {
        results
    }
}

/// What a run showed.
struct Shown {
    /// The share of the workers' time that was not their tasks'.
    waited: f64,
    /// Cores in use, by all threads of this process.
    cores: f64,
}

/// Runs `workers` workers on tasks of `task`; the consumer works for `cost` on each result.
fn simulate(workers: usize, task: Duration, cost: Duration) -> Shown {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
    let tasks = (RUN.as_secs_f64() / task.as_secs_f64()) as u64 * workers as u64;
    let (began, cpu, mut next) = (Instant::now(), cpu(), 0);
    run(
        (&pool, &Turns::default()),
        0..tasks,
        &Wait { task },
        &Stop::default(),
        in_order(|batch: Vec<u64>| {
            let until = Instant::now() + cost * batch.len() as u32;
            for place in batch {
                assert_eq!(place, next, "results come in the order of the tasks");
                next += 1;
            }
            while Instant::now() < until {}
            true
        }),
    );
    assert_eq!(next, tasks, "no result is lost");
    let wall = began.elapsed().as_secs_f64();
    let worked = tasks as f64 * task.as_secs_f64();
    Shown { waited: 1.0 - worked / (workers as f64 * wall), cores: (self::cpu() - cpu) / wall }
}

/// Seconds on a processor of this process.
fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}

#[test]
#[ignore = "a measurement of half a minute, with a table to read"]
#[expect(clippy::print_stdout, reason = "a measurement shows what it measures")]
fn simulation() {
    let most = thread::available_parallelism().unwrap().get() as f64;
    println!("| us a result in the consumer | us a task | workers | waited | cores used | the limit is |");
    println!("|--:|--:|--:|--:|--:|---|");
    for nanoseconds in [0, 300] {
        for task in [10, 40, 160] {
            for workers in [16, 32, 64, 128] {
                let cost = Duration::from_nanos(nanoseconds);
                let Shown { waited, cores } = simulate(workers, Duration::from_micros(task), cost);
                // Where all cores are in use, more of them could have done more.
                let limit = if cores > 0.85 * most { "this machine" } else { "scheduler, consumer or other load" };
                let (cost, waited) = (nanoseconds as f64 / 1e3, 100.0 * waited);
                println!("| {cost} | {task} | {workers} | {waited:.0} % | {cores:.2} of {most} | {limit} |");
            }
        }
    }
}

#[test]
fn a_worker_owes_no_more_than_the_time_of_its_tasks() {
    let mut debt = Debt { owed: Duration::ZERO, ahead: Duration::ZERO };
    let began = Instant::now();
    (0..1000).for_each(|_| debt.add(Duration::from_micros(10)));
    let simulated = began.elapsed() + debt.owed;
    assert!(simulated >= Duration::from_millis(10), "ten milliseconds of tasks, of which {simulated:?} passed");
    assert!(debt.owed < MOST_OWED, "{:?}", debt.owed);
}
