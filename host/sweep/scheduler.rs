//! Runs tasks on all workers, and hands their results to one consumer in the order of the tasks.
//!
//! Never knows what a task is, and never collects: at any time it holds a bounded number of results.
//!
//! Each worker takes the next task from one shared source as soon as it is free, so no batch has to be tuned and no
//! worker idles while there is work. Results travel through one bounded channel to the thread that called [`run`],
//! which puts them in order. A result that is far ahead of the oldest one missing makes its worker wait ([`WINDOW`]).

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::{Sender, bounded};

use crate::task::panic_text;

/// How far a task may run ahead of the oldest one that is not finished. It bounds the results that wait for their turn.
const WINDOW: u64 = 1 << 15;

/// Results on their way to the consumer.
const IN_FLIGHT: usize = 256;

/// Flags that end what is running. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    stop: Arc<AtomicBool>,
    cut: Arc<AtomicBool>,
}

impl Stop {
    /// Makes flags of which `cut` is known to others.
    pub(super) fn new(cut: Arc<AtomicBool>) -> Self {
        Self { stop: Arc::default(), cut }
    }

    /// Asks that no more tasks are taken. Those that run already are finished.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Stops, and ends the plugins' tasks that are running; these get no result.
    pub fn cut(&self) {
        self.stop();
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What is set by the first request to stop.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Whether running tasks were ended.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// What a worker does with a task.
pub(super) trait Work<T>: Sync {
    /// What a worker keeps between its tasks. It is made anew after a panic.
    type Desk;
    /// What a task gives.
    type Done: Send;

    /// Makes what worker `worker` keeps.
    fn desk(&self, worker: usize) -> Self::Desk;
    /// Does one task.
    fn work(&self, desk: &mut Self::Desk, task: &T) -> Self::Done;
    /// What stands for the result of a task that panicked with `message`: a bug of ours.
    fn panicked(&self, worker: usize, task: &T, message: String) -> Self::Done;
}

/// Runs every task of `tasks` on the threads of `pool`; `consume` gets the results in the order of the tasks.
///
/// `consume` says whether to go on. After it has said no, or `stop` is set, no more tasks are taken; those that run are
/// finished, and in the second case still handed over.
pub(super) fn run<T: Send, W: Work<T>>(
    pool: &rayon::ThreadPool,
    tasks: impl Iterator<Item = T> + Send,
    work: &W,
    stop: &Stop,
    mut consume: impl FnMut(W::Done) -> bool,
) {
    let source = Source::new(tasks, stop);
    pool.in_place_scope(|scope| {
        let (sender, receiver) = bounded(IN_FLIGHT);
        for worker in 0..pool.current_num_threads() {
            let (sender, source) = (sender.clone(), &source);
            scope.spawn(move |_| take_tasks(worker, source, work, &sender));
        }
        // The loop below ends when the last worker drops its sender; if it ends by a panic, no worker waits for it.
        drop(sender);
        let _end = End(&source);
        let mut waiting = BTreeMap::new();
        let mut wanted = true;
        for (place, done) in receiver {
            waiting.insert(place, done);
            while let Some(done) = waiting.remove(&source.handed_over()) {
                wanted = wanted && consume(done);
                source.hand_over(wanted);
            }
        }
    });
}

/// Tells the workers, when dropped, that nobody wants more results.
struct End<'a, I>(&'a Source<'a, I>);

impl<I> Drop for End<'_, I> {
    fn drop(&mut self) {
        self.0.lock().wanted = false;
        self.0.moved.notify_all();
    }
}

fn take_tasks<T, W: Work<T>>(
    worker: usize,
    source: &Source<'_, impl Iterator<Item = T>>,
    work: &W,
    sender: &Sender<(u64, W::Done)>,
) {
    let mut desk = work.desk(worker);
    while let Some((place, task)) = source.next() {
        let done = catch_unwind(AssertUnwindSafe(|| work.work(&mut desk, &task))).unwrap_or_else(|panic| {
            desk = work.desk(worker);
            work.panicked(worker, &task, panic_text(&*panic))
        });
        if sender.send((place, done)).is_err() {
            return;
        }
    }
}

/// Hands out tasks one by one with their places.
struct Source<'a, I> {
    state: Mutex<State<I>>,
    moved: Condvar,
    stop: &'a Stop,
}

struct State<I> {
    tasks: I,
    /// The place of the next task.
    next: u64,
    /// Results that the consumer has had.
    handed_over: u64,
    wanted: bool,
}

impl<'a, I> Source<'a, I> {
    fn new(tasks: I, stop: &'a Stop) -> Self {
        let state = State { tasks, next: 0, handed_over: 0, wanted: true };
        Self { state: Mutex::new(state), moved: Condvar::new(), stop }
    }

    /// A panic in the iterator of tasks is its own report; the numbers here stay whole.
    fn lock(&self) -> MutexGuard<'_, State<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handed_over(&self) -> u64 {
        self.lock().handed_over
    }

    /// Counts one result as handed over, and notes whether more are wanted.
    fn hand_over(&self, wanted: bool) {
        let mut state = self.lock();
        state.handed_over += 1;
        state.wanted = wanted;
        drop(state);
        self.moved.notify_all();
    }
}

impl<T, I: Iterator<Item = T>> Source<'_, I> {
    fn next(&self) -> Option<(u64, T)> {
        let mut state = self.lock();
        while state.next >= state.handed_over + WINDOW && state.wanted {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.wanted || self.stop.is_stopped() {
            return None;
        }
        let task = state.tasks.next()?;
        let place = state.next;
        state.next += 1;
        Some((place, task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Double;

    impl Work<u64> for Double {
        type Desk = usize;
        type Done = Result<u64, String>;

        fn desk(&self, worker: usize) -> usize {
            worker
        }

        fn work(&self, _: &mut usize, task: &u64) -> Self::Done {
            assert_ne!(*task, 13, "unlucky");
            // Tasks of very different lengths finish out of order.
            let spin = if task.is_multiple_of(64) { 20_000 } else { 0 };
            Ok((0..spin).fold(task * 2, |x, _| std::hint::black_box(x)))
        }

        fn panicked(&self, _: usize, _: &u64, message: String) -> Self::Done {
            Err(message)
        }
    }

    fn run_on(workers: usize, tasks: u64, stop: &Stop, consume: impl FnMut(Result<u64, String>) -> bool) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
        run(&pool, 0..tasks, &Double, stop, consume);
    }

    #[test]
    fn results_come_in_the_order_of_the_tasks_on_any_number_of_workers() {
        for workers in [1, 2, 5] {
            let mut done = Vec::new();
            run_on(workers, 3 * WINDOW, &Stop::default(), |result| {
                done.push(result);
                true
            });
            let expected = |task| if task == 13 { None } else { Some(task * 2) };
            assert!(done.iter().enumerate().all(|(i, result)| result.clone().ok() == expected(i as u64)));
            assert_eq!(done.len() as u64, 3 * WINDOW);
            assert!(done[13].as_ref().unwrap_err().contains("unlucky"));
        }
    }

    #[test]
    fn a_stop_hands_over_everything_that_was_finished() {
        let stop = Stop::default();
        let mut done = Vec::new();
        run_on(2, u64::MAX, &stop, |result| {
            done.push(result);
            if done.len() == 1000 {
                stop.stop();
            }
            true
        });
        assert!(done.len() >= 1000);
        assert!(done.iter().enumerate().all(|(i, result)| i == 13 || *result == Ok(2 * i as u64)));
    }

    #[test]
    fn a_consumer_that_has_enough_ends_the_run() {
        let mut seen = 0;
        run_on(2, u64::MAX, &Stop::default(), |_| {
            seen += 1;
            seen < 10
        });
        assert_eq!(seen, 10);
    }
}
