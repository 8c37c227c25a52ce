//! The scheduler: runs tasks on all workers, and hands their results to one consumer in the order of the tasks.
//!
//! Never knows what a task is, and never collects: at any time it holds a bounded number of results.
//!
//! Each worker takes the next task from one shared source as soon as it is free, so no batch has to be tuned and no
//! worker idles while there is work. Results travel through one bounded channel to the thread that called [`run`],
//! which puts them in order. A result that is far ahead of the oldest one missing makes its worker wait ([`WINDOW`]).
//!
//! Several threads may call [`run`] on one pool at once: a worker then serves one run for a turn ([`TURN`]), and goes on
//! with the one that has waited longest.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, bounded};

use crate::task::panic_text;

/// How far a task may run ahead of the oldest unfinished one. It bounds the results that wait to be put in order.
const WINDOW: u64 = 1 << 15;

/// The most batches of results in the channel to the consumer.
const IN_FLIGHT: usize = 64;

/// The most results in a batch. Waking the consumer for each one would cost as much as a short task.
const BATCH: usize = 32;

/// The most results that the consumer gets at once. It publishes its position after each batch, because workers that are
/// too far ahead wait for it.
const HANDED_OVER: usize = 256;

/// A worker that has sent nothing for this long, in wall-clock time, sends its next result at once. So the results of long
/// tasks travel alone; the result of a short task waits for the rest of its batch, or for one more task at most.
const DELAY: Duration = Duration::from_millis(10);

/// How long a worker serves one run while others wait, in wall-clock time. A turn never interrupts a task. Each turn starts
/// with a new worker state, which costs as much as a task.
const TURN: Duration = Duration::from_millis(50);

/// Turns requested but not yet granted, over all runs that share the pool.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: AtomicUsize,
}

impl Turns {
    fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// Flags that end what is running. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    stop: Arc<AtomicBool>,
    cut: Arc<AtomicBool>,
}

impl Stop {
    /// Makes the flags; `cut` is shared with the sandbox.
    pub(super) fn new(cut: Arc<AtomicBool>) -> Self {
        Self { stop: Arc::default(), cut }
    }

    /// Asks the workers to start no more tasks, and to finish the running ones.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Stops, and ends the running tasks of plugins; these get no result.
    pub fn cut(&self) {
        self.stop();
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Returns true once a stop was requested.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The flag that the first request to stop sets.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Returns true once running tasks were ended.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// The work on tasks of type `T`.
pub(super) trait Work<T>: Sync {
    /// The state that a worker keeps between its tasks. It is made anew after a panic.
    type WorkerState;
    /// The result of a task.
    type Done: Send;

    /// Makes the state of worker `worker`.
    fn worker_state(&self, worker: usize) -> Self::WorkerState;
    /// Does one task.
    fn work(&self, state: &mut Self::WorkerState, task: &T) -> Self::Done;
    /// The result of a task that panicked with `message`, which is a bug of the host.
    fn panicked(&self, worker: usize, task: &T, message: String) -> Self::Done;

    /// Whether several tasks at once cost less than one after the other.
    fn takes_batches(&self) -> bool {
        false
    }
    /// Does several tasks, and returns their results in their order.
    fn work_batch(&self, state: &mut Self::WorkerState, tasks: &[T]) -> Vec<Self::Done> {
        tasks.iter().map(|task| self.work(state, task)).collect()
    }
}

/// Runs every task of `tasks` on the threads of `pool`, in turns with other runs there.
///
/// `consume` gets the results in batches, in the order of the tasks, and returns whether to go on. Once it returns false,
/// or `stop` is set, workers start no more tasks and finish the running ones. Results that are finished after a stop are
/// still handed over; after a false they are dropped.
pub(super) fn run<T: Send, W: Work<T>>(
    (pool, turns): (&rayon::ThreadPool, &Turns),
    tasks: impl Iterator<Item = T> + Send,
    work: &W,
    stop: &Stop,
    mut consume: impl FnMut(Vec<W::Done>) -> bool,
) {
    let source = Source::new(tasks, stop);
    pool.in_place_scope(|scope| {
        let (sender, receiver) = bounded(IN_FLIGHT);
        // This thread does not belong to the pool, so rayon puts the job at the end of the pool's shared queue, behind the
        // turns of other runs. A worker that spawned its own next turn would put it on its local queue and take it first,
        // and the other runs would starve. That is why a worker sends `Sent::Turn` instead of spawning.
        let ask_for_turn = |worker, sender| {
            let source = &source;
            turns.waiting.fetch_add(1, Ordering::Relaxed);
            scope.spawn(move |_| {
                turns.waiting.fetch_sub(1, Ordering::Relaxed);
                take_tasks(worker, source, work, turns, sender);
            });
        };
        (0..pool.current_num_threads()).for_each(|worker| ask_for_turn(worker, sender.clone()));
        // The loop below ends when the last worker drops its sender. If `consume` panics, `_end` releases workers that wait
        // for the consumer; the scope would otherwise wait for them for ever.
        drop(sender);
        let _end = End(&source);
        let mut waiting = BTreeMap::new();
        let (mut wanted, mut handed_over) = (true, 0);
        for sent in receiver {
            match sent {
                Sent::Results(batch) => waiting.extend(batch),
                Sent::Turn(worker, sender) => ask_for_turn(worker, sender),
            }
            while let Some(batch) = next_batch(&mut waiting, &mut handed_over) {
                wanted = wanted && consume(batch);
                source.hand_over(handed_over, wanted);
            }
        }
    });
}

/// Takes the results that follow those handed over so far, and counts them as handed over.
fn next_batch<R>(waiting: &mut BTreeMap<u64, R>, handed_over: &mut u64) -> Option<Vec<R>> {
    let mut batch = Vec::new();
    while batch.len() < HANDED_OVER
        && let Some(done) = waiting.remove(handed_over)
    {
        batch.push(done);
        *handed_over += 1;
    }
    (!batch.is_empty()).then_some(batch)
}

/// A message from a worker to the consumer.
enum Sent<R> {
    /// Finished results with their positions.
    Results(Vec<(u64, R)>),
    /// The end of a turn: the worker's number and its sender, for the next turn.
    Turn(usize, Sender<Self>),
}

/// Ends the run when a worker panics outside of its tasks: the others would wait for its results for ever.
struct Alarm<'a, 'b, I>(&'a Source<'b, I>);

impl<I> Drop for Alarm<'_, '_, I> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(End(self.0));
        }
    }
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
    turns: &Turns,
    sender: Sender<Sent<W::Done>>,
) {
    let _alarm = Alarm(source);
    let began = Instant::now();
    let mut state = work.worker_state(worker);
    let mut outbox = Outbox { batch: Vec::new(), sent: began, sender };
    let mut size = work.takes_batches().then(BatchSize::default);
    loop {
        if turns.is_wanted() && began.elapsed() >= TURN {
            return outbox.end_turn(worker);
        }
        // Sends the batch before any waiting: the oldest missing result, for which all workers wait, may be in it.
        let task = match source.next_at_once() {
            Next::Task(place, task) => Some((place, task)),
            Next::End => None,
            Next::Later => outbox.send().then(|| source.next()).flatten(),
        };
        let Some((place, task)) = task else { break };
        if let Some(size) = &mut size {
            let (places, tasks) = source.with_more(place, task, size.tasks);
            if !work_batch(worker, work, &mut state, &tasks, size)
                .into_iter()
                .zip(places)
                .all(|(done, place)| outbox.add(place, done))
            {
                return;
            }
            continue;
        }
        let done = catch_unwind(AssertUnwindSafe(|| work.work(&mut state, &task))).unwrap_or_else(|panic| {
            state = work.worker_state(worker);
            work.panicked(worker, &task, panic_text(&*panic))
        });
        if !outbox.add(place, done) {
            return;
        }
    }
    outbox.send();
}

/// The number of tasks that a worker takes at once.
struct BatchSize {
    tasks: usize,
}

impl Default for BatchSize {
    fn default() -> Self {
        Self { tasks: 1 }
    }
}

impl BatchSize {
    /// How long a batch should take. At the end of a run, a worker may wait that long for the others.
    const TIME: Duration = Duration::from_millis(4);
    /// The most tasks of a batch.
    const MOST: usize = 512;

    /// Adapts to a batch that took `time`: at most twice as many the next time.
    fn adapt(&mut self, time: Duration) {
        let fits = self.tasks as f64 * Self::TIME.as_secs_f64() / time.as_secs_f64().max(1e-9);
        self.tasks = (fits as usize).clamp(1, (2 * self.tasks).min(Self::MOST));
    }
}

/// Does several tasks. If that panics, all of them have failed.
fn work_batch<T, W: Work<T>>(
    worker: usize,
    work: &W,
    state: &mut W::WorkerState,
    tasks: &[T],
    size: &mut BatchSize,
) -> Vec<W::Done> {
    let began = Instant::now();
    let done = catch_unwind(AssertUnwindSafe(|| work.work_batch(state, tasks))).unwrap_or_else(|panic| {
        *state = work.worker_state(worker);
        let message = panic_text(&*panic);
        tasks.iter().map(|task| work.panicked(worker, task, message.clone())).collect()
    });
    // The last batch of a run may be smaller than asked for, and says nothing then.
    if tasks.len() == size.tasks {
        size.adapt(began.elapsed());
    }
    done
}

/// Finished results to send together.
struct Outbox<R> {
    batch: Vec<(u64, R)>,
    sent: Instant,
    sender: Sender<Sent<R>>,
}

impl<R> Outbox<R> {
    /// Takes a result, and sends the batch if it is full or old. Returns false if the consumer is gone.
    fn add(&mut self, place: u64, done: R) -> bool {
        self.batch.push((place, done));
        let is_due = self.batch.len() >= BATCH || self.sent.elapsed() >= DELAY;
        !is_due || self.send()
    }

    fn send(&mut self) -> bool {
        self.sent = Instant::now();
        self.batch.is_empty() || self.sender.send(Sent::Results(std::mem::take(&mut self.batch))).is_ok()
    }

    /// Sends everything, and asks for another turn of `worker`.
    fn end_turn(mut self, worker: usize) {
        if self.send() {
            let sender = self.sender.clone();
            // If the consumer is gone, the run needs no more turns.
            let _ = self.sender.send(Sent::Turn(worker, sender));
        }
    }
}

/// Hands out tasks one by one with their positions.
struct Source<'a, I> {
    state: Mutex<SourceState<I>>,
    moved: Condvar,
    stop: &'a Stop,
}

struct SourceState<I> {
    tasks: I,
    /// The position of the next task.
    next: u64,
    /// The number of results that the consumer has received.
    handed_over: u64,
    wanted: bool,
}

impl<I> SourceState<I> {
    /// Returns true if the next task is too far ahead of the oldest missing result.
    fn is_ahead(&self) -> bool {
        self.wanted && self.next >= self.handed_over + WINDOW
    }
}

impl<'a, I> Source<'a, I> {
    fn new(tasks: I, stop: &'a Stop) -> Self {
        let state = SourceState { tasks, next: 0, handed_over: 0, wanted: true };
        Self { state: Mutex::new(state), moved: Condvar::new(), stop }
    }

    /// Ignores poisoning: a panic in the iterator of tasks ends the run by the worker's [`Alarm`], and the numbers here stay
    /// consistent.
    fn lock(&self) -> MutexGuard<'_, SourceState<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes how many results were handed over so far, and whether more are wanted.
    fn hand_over(&self, handed_over: u64, wanted: bool) {
        let mut state = self.lock();
        state.handed_over = handed_over;
        // Never sets it to true again: a worker's alarm may have ended the run meanwhile.
        state.wanted &= wanted;
        drop(state);
        self.moved.notify_all();
    }
}

/// The next thing to do.
enum Next<T> {
    Task(u64, T),
    /// A task, once the consumer has caught up.
    Later,
    End,
}

impl<T, I: Iterator<Item = T>> Source<'_, I> {
    /// The next task, if it is available without waiting.
    fn next_at_once(&self) -> Next<T> {
        let state = self.lock();
        if state.is_ahead() {
            return Next::Later;
        }
        self.take(state).map_or(Next::End, |(place, task)| Next::Task(place, task))
    }

    /// The task and those that follow it at once, `most` in all.
    fn with_more(&self, place: u64, task: T, most: usize) -> (Vec<u64>, Vec<T>) {
        let (mut places, mut tasks) = (vec![place], vec![task]);
        while tasks.len() < most
            && let Next::Task(place, task) = self.next_at_once()
        {
            places.push(place);
            tasks.push(task);
        }
        (places, tasks)
    }

    /// The next task, after waiting for the consumer if needed.
    fn next(&self) -> Option<(u64, T)> {
        let mut state = self.lock();
        while state.is_ahead() {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.take(state)
    }

    fn take(&self, mut state: MutexGuard<'_, SourceState<I>>) -> Option<(u64, T)> {
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
        type WorkerState = usize;
        type Done = Result<u64, String>;

        fn worker_state(&self, worker: usize) -> usize {
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

    fn run_on(workers: usize, tasks: u64, stop: &Stop, mut consume: impl FnMut(Result<u64, String>) -> bool) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
        run((&pool, &Turns::default()), 0..tasks, &Double, stop, |batch| batch.into_iter().all(&mut consume));
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
    fn a_panic_in_the_iterator_of_tasks_ends_the_run() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let tasks = (0..3 * WINDOW).inspect(|task| assert_ne!(*task, 50_000, "no more"));
        let turns = Turns::default();
        let run = AssertUnwindSafe(|| run((&pool, &turns), tasks, &Double, &Stop::default(), |_| true));
        assert!(catch_unwind(run).is_err());
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

    /// A task that lasts as long as its number of turns.
    struct Sleep;

    impl Work<u32> for Sleep {
        type WorkerState = ();
        type Done = ();

        fn worker_state(&self, _: usize) {}

        fn work(&self, (): &mut (), turns: &u32) {
            #[expect(clippy::disallowed_methods, reason = "tasks that take time are what is tested")]
            std::thread::sleep(TURN * *turns / 10);
        }

        fn panicked(&self, _: usize, _: &u32, _: String) {}
    }

    #[test]
    fn runs_on_one_pool_take_turns() {
        const TASKS: usize = 2000;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let turns = Turns::default();
        let started = AtomicUsize::new(0);
        // Each run goes on until it sees that the other one has got a turn, too.
        let run_until_both = || {
            let mut done = 0;
            run((&pool, &turns), std::iter::repeat_n(3, TASKS), &Sleep, &Stop::default(), |batch| {
                started.fetch_add(usize::from(done == 0), Ordering::Relaxed);
                done += batch.len();
                started.load(Ordering::Relaxed) < 2
            });
            done
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(run_until_both);
            let done = run_until_both().max(other.join().unwrap());
            assert!(done < TASKS, "one run had to end before the other one began");
        });
        assert!(!turns.is_wanted());
    }
}
