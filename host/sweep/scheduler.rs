//! The scheduler: runs tasks on all workers, and hands what they make of the results to one consumer in the order of the tasks.
//!
//! Never knows what a task is, and never collects: at any time it holds a bounded number of results.
//!
//! A worker that is free takes a few tasks that follow each other, a chunk, from one shared source. It does them, makes one
//! batch of their results ([`Work::batch`]), and sends that through a bounded channel to the thread that called [`run`], which
//! puts the batches in order. So whatever is serial (the lock of the source, the channel, the consumer) costs by the chunk, and
//! what costs by the task is done by the workers.
//!
//! A chunk takes some milliseconds ([`CHUNK_TIME`]), and near the end of the run less. A worker whose tasks last longer than
//! those before gives the rest of its chunk back. A chunk that is far ahead of the oldest unfinished task has to wait.
//!
//! Several threads may call [`run`] on one pool at once: a worker then serves one run for a turn ([`TURN`]), and goes on
//! with the one that has waited longest.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, bounded};

use crate::task::panic_text;

/// How far a task may run ahead of the oldest unfinished one, unless there are so many workers that their chunks need more. It
/// bounds the results that wait to be put in order.
const WINDOW: u64 = 1 << 15;

/// The most batches in the channel to the consumer.
const IN_FLIGHT: usize = 64;

/// How long a chunk should take, in wall-clock time: long enough that what is done once for a chunk does not count, short enough
/// that results are not late.
const CHUNK_TIME: Duration = Duration::from_millis(4);

/// The most tasks of a chunk.
const CHUNK: usize = 512;

/// A worker takes at most this part of its share of the tasks that are left. So no worker has much to do when the others have
/// finished.
const PART_OF_SHARE: usize = 4;

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
    type Done;
    /// What the consumer gets of results that follow each other.
    type Batch: Send;

    /// Makes the state of worker `worker`.
    fn worker_state(&self, worker: usize) -> Self::WorkerState;
    /// Does one task.
    fn work(&self, state: &mut Self::WorkerState, task: &T) -> Self::Done;
    /// The result of a task that panicked with `message`, which is a bug of the host.
    fn panicked(&self, worker: usize, task: &T, message: String) -> Self::Done;
    /// What the consumer gets of `results`, which follow each other in the order of the tasks. There is at least one.
    fn batch(&self, results: Vec<Self::Done>) -> Self::Batch;

    /// Whether several tasks at once cost less than one after the other.
    fn is_batched(&self) -> bool {
        false
    }
    /// Does several tasks, and returns their results in their order.
    fn work_on_all(&self, state: &mut Self::WorkerState, tasks: &[T]) -> Vec<Self::Done> {
        tasks.iter().map(|task| self.work(state, task)).collect()
    }
    /// Does other work of the run that is due. Each worker calls it after each batch.
    fn help(&self) {}
}

/// Runs every task of `tasks` on the threads of `pool`, in turns with other runs there.
///
/// `consume` gets the batches in the order of the tasks, and returns whether to go on. Once it returns false, or `stop` is set,
/// workers take no more tasks and finish their chunks, but for tasks that take longer than expected. Results that are finished
/// after a stop are still handed over; after a false they are dropped.
pub(super) fn run<T: Send, W: Work<T>>(
    (pool, turns): (&rayon::ThreadPool, &Turns),
    tasks: impl Iterator<Item = T> + Send,
    work: &W,
    stop: &Stop,
    mut consume: impl FnMut(W::Batch) -> bool,
) {
    let source = Source::new(tasks, pool.current_num_threads(), stop);
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
                Sent::Batch(place, batch) => _ = waiting.insert(place.start, (place.end, batch)),
                Sent::Turn(worker, sender) => ask_for_turn(worker, sender),
            }
            while let Some((end, batch)) = waiting.remove(&handed_over) {
                wanted = wanted && consume(batch);
                handed_over = end;
                source.hand_over(handed_over, wanted);
            }
        }
        // After a stop, tasks that were given back are missing between those that are finished.
        waiting.into_values().all(|(_, batch)| wanted && consume(batch));
    });
}

/// A message from a worker to the consumer.
enum Sent<B> {
    /// The results of tasks, and the positions of these tasks.
    Batch(Range<u64>, B),
    /// The end of a turn: the worker's number and its sender, for the next turn.
    Turn(usize, Sender<Self>),
}

/// Ends the run when a worker panics outside of its tasks: the others would wait for its results for ever.
struct Alarm<'a, 'b, T, I>(&'a Source<'b, T, I>);

impl<T, I> Drop for Alarm<'_, '_, T, I> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(End(self.0));
        }
    }
}

/// Tells the workers, when dropped, that nobody wants more results.
struct End<'a, T, I>(&'a Source<'a, T, I>);

impl<T, I> Drop for End<'_, T, I> {
    fn drop(&mut self) {
        self.0.lock().wanted = false;
        self.0.moved.notify_all();
    }
}

fn take_tasks<T, W: Work<T>>(
    worker: usize,
    source: &Source<'_, T, impl Iterator<Item = T>>,
    work: &W,
    turns: &Turns,
    sender: Sender<Sent<W::Batch>>,
) {
    let _alarm = Alarm(source);
    let began = Instant::now();
    let mut state = work.worker_state(worker);
    let mut size = 1;
    loop {
        if turns.is_wanted() && began.elapsed() >= TURN {
            let next = sender.clone();
            // If the consumer is gone, the run needs no more turns.
            let _ = sender.send(Sent::Turn(worker, next));
            return;
        }
        let Some(mut chunk) = source.next(worker, size) else { return };
        let (start, began) = (chunk.start, Instant::now());
        let results = do_chunk(worker, work, &mut state, &mut chunk, began);
        size = next_size(size, results.len(), began.elapsed());
        let end = chunk.start;
        for idle in source.give_back(chunk) {
            let _ = sender.send(Sent::Turn(idle, sender.clone()));
        }
        if sender.send(Sent::Batch(start..end, work.batch(results))).is_err() {
            return;
        }
        work.help();
    }
}

/// Does the tasks of `chunk`, and takes them out of it. It ends early where they take much longer than expected.
fn do_chunk<T, W: Work<T>>(
    worker: usize,
    work: &W,
    state: &mut W::WorkerState,
    chunk: &mut Chunk<T>,
    began: Instant,
) -> Vec<W::Done> {
    if work.is_batched() {
        return work_on_all(worker, work, state, chunk);
    }
    let mut results = Vec::with_capacity(chunk.tasks.len());
    while let Some(task) = chunk.next() {
        results.push(catch_unwind(AssertUnwindSafe(|| work.work(state, &task))).unwrap_or_else(|panic| {
            *state = work.worker_state(worker);
            work.panicked(worker, &task, panic_text(&*panic))
        }));
        if began.elapsed() >= 2 * CHUNK_TIME {
            break;
        }
    }
    results
}

/// Does all tasks of a chunk at once. If that panics, all of them have failed.
fn work_on_all<T, W: Work<T>>(
    worker: usize,
    work: &W,
    state: &mut W::WorkerState,
    chunk: &mut Chunk<T>,
) -> Vec<W::Done> {
    let tasks: Vec<_> = std::iter::from_fn(|| chunk.next()).collect();
    catch_unwind(AssertUnwindSafe(|| work.work_on_all(state, &tasks))).unwrap_or_else(|panic| {
        *state = work.worker_state(worker);
        let message = panic_text(&*panic);
        tasks.iter().map(|task| work.panicked(worker, task, message.clone())).collect()
    })
}

/// The number of tasks to ask for after `done` tasks took `time`: at most twice as many as before.
fn next_size(before: usize, done: usize, time: Duration) -> usize {
    let fits = done as f64 * CHUNK_TIME.as_secs_f64() / time.as_secs_f64().max(1e-9);
    (fits as usize).clamp(1, (2 * before).min(CHUNK))
}

/// Tasks that follow each other, and the position of the first.
struct Chunk<T> {
    start: u64,
    tasks: VecDeque<T>,
}

impl<T> Chunk<T> {
    fn next(&mut self) -> Option<T> {
        let task = self.tasks.pop_front()?;
        self.start += 1;
        Some(task)
    }

    /// The first `most` tasks; the rest stay.
    fn split(&mut self, most: usize) -> Self {
        let rest = self.tasks.split_off(most.min(self.tasks.len()));
        let tasks = std::mem::replace(&mut self.tasks, rest);
        let start = self.start;
        self.start += tasks.len() as u64;
        Self { start, tasks }
    }
}

/// Hands out tasks with their positions.
struct Source<'a, T, I> {
    state: Mutex<SourceState<T, I>>,
    moved: Condvar,
    workers: usize,
    /// How far a task may be ahead of the oldest unfinished one.
    window: u64,
    stop: &'a Stop,
}

struct SourceState<T, I> {
    tasks: I,
    /// What workers gave back, by position: it comes before everything that is still in `tasks`.
    returned: BTreeMap<u64, Chunk<T>>,
    /// The position of the next task of `tasks`.
    next: u64,
    /// The position before which the consumer has everything.
    handed_over: u64,
    /// Workers that wait for the consumer.
    asleep: usize,
    /// Workers that left, as there was nothing more to take.
    left: Vec<usize>,
    wanted: bool,
}

impl<'a, T, I> Source<'a, T, I> {
    fn new(tasks: I, workers: usize, stop: &'a Stop) -> Self {
        let state = SourceState {
            tasks,
            returned: BTreeMap::new(),
            next: 0,
            handed_over: 0,
            asleep: 0,
            left: vec![],
            wanted: true,
        };
        let window = WINDOW.max(2 * (CHUNK * workers) as u64);
        Self { state: Mutex::new(state), moved: Condvar::new(), workers, window, stop }
    }

    /// Ignores poisoning: a panic in the iterator of tasks ends the run by the worker's [`Alarm`], and the numbers here stay
    /// consistent.
    fn lock(&self) -> MutexGuard<'_, SourceState<T, I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes how far the consumer is, and whether it wants more.
    fn hand_over(&self, handed_over: u64, wanted: bool) {
        let mut state = self.lock();
        state.handed_over = handed_over;
        // Never sets it to true again: a worker's alarm may have ended the run meanwhile.
        state.wanted &= wanted;
        let asleep = state.asleep;
        drop(state);
        if asleep > 0 {
            self.moved.notify_all();
        }
    }

    /// Takes back what is left of a chunk. Returns the workers that had left before, and are needed now.
    fn give_back(&self, rest: Chunk<T>) -> Vec<usize> {
        if rest.tasks.is_empty() {
            return Vec::new();
        }
        let mut state = self.lock();
        state.returned.insert(rest.start, rest);
        let left = std::mem::take(&mut state.left);
        drop(state);
        // The consumer, for which workers wait, may in turn wait for these tasks.
        self.moved.notify_all();
        left
    }
}

impl<T, I: Iterator<Item = T>> Source<'_, T, I> {
    /// The next tasks for `worker`, `size` at most, after waiting for the consumer if needed.
    fn next(&self, worker: usize, size: usize) -> Option<Chunk<T>> {
        let mut state = self.lock();
        loop {
            if !state.wanted || self.stop.is_stopped() {
                return None;
            }
            if let Some(mut first) = state.returned.first_entry() {
                let chunk = first.get_mut().split(size);
                let (_, rest) = first.remove_entry();
                if !rest.tasks.is_empty() {
                    state.returned.insert(rest.start, rest);
                }
                return Some(chunk);
            }
            let room = (state.handed_over + self.window).saturating_sub(state.next);
            if room > 0 {
                let chunk = self.take(&mut state, size.min(usize::try_from(room).unwrap_or(size)));
                state.left.extend(chunk.is_none().then_some(worker));
                return chunk;
            }
            state.asleep += 1;
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
    }

    /// Takes `size` tasks at most off those that nobody has had yet.
    fn take(&self, state: &mut SourceState<T, I>, size: usize) -> Option<Chunk<T>> {
        let (_, left) = state.tasks.size_hint();
        let share = left.map_or(size, |left| (left / (PART_OF_SHARE * self.workers)).max(1));
        let start = state.next;
        let tasks: VecDeque<_> = state.tasks.by_ref().take(size.min(share)).collect();
        state.next += tasks.len() as u64;
        (!tasks.is_empty()).then_some(Chunk { start, tasks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Double;

    impl Work<u64> for Double {
        type WorkerState = usize;
        type Done = Result<u64, String>;
        type Batch = Vec<Self::Done>;

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

        fn batch(&self, results: Vec<Self::Done>) -> Self::Batch {
            results
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
        // Tasks that were given back are missing.
        let finished: Vec<_> = done.into_iter().flatten().collect();
        assert!(finished.is_sorted_by(|one, next| one < next) && finished.iter().all(|double| double % 2 == 0));
    }

    #[test]
    fn what_is_given_back_is_taken_first_and_by_workers_that_had_left() {
        let stop = Stop::default();
        let source = Source::new(0..10_u64, 1, &stop);
        let take = |worker, size| {
            let chunk = source.next(worker, size)?;
            assert!(chunk.tasks.iter().copied().eq(chunk.start..chunk.start + chunk.tasks.len() as u64));
            Some((chunk.start, chunk.tasks.len()))
        };
        // A quarter of what is left, at most.
        let mut first = source.next(0, 512).unwrap();
        assert_eq!((first.start, first.tasks.len()), (0, 2));
        assert_eq!(take(1, 1), Some((2, 1)));
        let mut left = std::iter::from_fn(|| take(1, 512));
        assert_eq!(left.by_ref().last(), Some((9, 1)));
        assert_eq!(first.next(), Some(0));
        assert_eq!(source.give_back(first), [1]);
        assert_eq!((take(1, 512), take(1, 512)), (Some((1, 1)), None));
    }

    #[test]
    fn a_task_far_ahead_of_the_consumer_waits() {
        let stop = Stop::default();
        let source = Source::new(0..u64::MAX, 1, &stop);
        let taken = |source: &Source<'_, u64, _>| {
            let is_free = || {
                let state = source.lock();
                state.next < state.handed_over + source.window
            };
            let mut taken = 0;
            while is_free() {
                taken += source.next(0, 500).unwrap().tasks.len() as u64;
            }
            taken
        };
        assert_eq!(taken(&source), WINDOW);
        source.hand_over(700, true);
        assert_eq!(taken(&source), 700);
        // Workers that wait get what others give back.
        let mut chunk = Chunk { start: 0, tasks: (0..3).collect() };
        chunk.next();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| source.next(1, 1).map(|chunk| chunk.start));
            source.give_back(chunk);
            assert_eq!(waiting.join().unwrap(), Some(1));
        });
        drop(End(&source));
        assert!(source.next(0, 1).is_none());
    }

    #[test]
    fn a_chunk_takes_some_milliseconds() {
        let of = |before, done, micros| next_size(before, done, Duration::from_micros(micros));
        assert_eq!([of(1, 1, 10), of(2, 2, 20), of(256, 256, 2560), of(512, 512, 1)], [2, 4, 400, 512]);
        assert_eq!([of(400, 400, 8000), of(512, 1, 1_000_000), of(1, 1, 0)], [200, 1, 2]);
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
        type Batch = Vec<()>;

        fn worker_state(&self, _: usize) {}

        fn work(&self, (): &mut (), turns: &u32) {
            #[expect(clippy::disallowed_methods, reason = "tasks that take time are what is tested")]
            std::thread::sleep(TURN * *turns / 10);
        }

        fn panicked(&self, _: usize, _: &u32, _: String) {}

        fn batch(&self, results: Vec<()>) -> Vec<()> {
            results
        }
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
