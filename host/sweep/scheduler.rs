//! The scheduler: runs tasks on all workers, and hands what they make of the results to one consumer in the order of the tasks.
//!
//! Never knows what a task is, and never collects: at any time it holds a bounded number of results.
//!
//! A worker that is free takes a few tasks that follow each other, a chunk, from one shared source. It does them, makes one
//! batch of their results ([`Work::batch`]), and sends that through a bounded channel to the thread that called [`run`], which
//! puts the batches in order. So whatever is serial (the lock of the source, the channel, the consumer) costs by the chunk, and
//! what costs by the task is done by the workers.
//!
//! A chunk takes some milliseconds ([`Pace`]), and near the end of the run less. A worker whose tasks last longer than
//! those before gives the rest of its chunk back. While it is still at one, workers that find nothing else take that rest from
//! it. A chunk that is far ahead of the oldest unfinished task has to wait.
//!
//! Several threads may call [`run`] on one pool at once: a worker then serves one run for a turn ([`TURN`]), and goes on
//! with the one that has waited longest.

use std::{
    collections::BTreeMap,
    iter,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::{
    source::{Next, Pace, Source, Taken},
    stop::Stop,
};
use crate::task::panic_text;

/// The most batches in the channel to the consumer.
const IN_FLIGHT: usize = 64;

/// The consumer hears of a silence of the workers as long as this, in wall-clock time.
const SILENCE: Duration = Duration::from_secs(1);

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

/// What the consumer hears.
pub(super) enum News<'a, B> {
    /// The workers have finished a batch; others may come before it in the order of the tasks.
    Finished(&'a B),
    /// The workers have finished nothing for a second.
    Silence,
    /// The next batch in the order of the tasks.
    Next(B),
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
    /// How tasks are handed out.
    fn pace(&self) -> Pace<'_> {
        Pace::LOCAL
    }
    /// Does several tasks, and returns their results in their order. They may be only the first ones after a stop.
    fn work_on_all(&self, state: &mut Self::WorkerState, tasks: &[T]) -> Vec<Self::Done> {
        tasks.iter().map(|task| self.work(state, task)).collect()
    }
    /// Does other work of the run that is due. Each worker calls it after each batch.
    fn help(&self) {}
}

/// Runs every task of `tasks` on the threads of `pool`, in turns with other runs there.
///
/// `consume` gets the batches in the order of the tasks, and returns whether to go on. It also hears of each batch before. Once
/// it returns false, or `stop` is set, workers take no more tasks. After a false, the results of their chunks are dropped. After
/// a stop they finish all that was handed out, unless that takes too long ([`Stop::is_over`]); whatever is finished is handed
/// over.
pub(super) fn run<T: Send, W: Work<T>>(
    (pool, turns): (&rayon::ThreadPool, &Turns),
    tasks: impl Iterator<Item = T> + Send,
    work: &W,
    stop: &Stop,
    mut consume: impl FnMut(News<'_, W::Batch>) -> bool,
) {
    stop.begin();
    let source = Source::new(tasks, pool.current_num_threads(), work.pace(), stop);
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
        loop {
            match receiver.recv_timeout(SILENCE) {
                Ok(Sent::Batch(place, batch)) => {
                    wanted = wanted && consume(News::Finished(&batch));
                    waiting.insert(place.start, (place.end, batch));
                }
                Ok(Sent::Turn(worker, sender)) => ask_for_turn(worker, sender),
                Err(RecvTimeoutError::Timeout) => wanted = wanted && consume(News::Silence),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while let Some((end, batch)) = waiting.remove(&handed_over) {
                wanted = wanted && consume(News::Next(batch));
                handed_over = end;
                source.hand_over(handed_over, wanted);
            }
            if !wanted {
                source.end();
            }
        }
        // After a stop, tasks that nobody began may be missing between those that are finished.
        waiting.into_values().all(|(_, batch)| wanted && consume(News::Next(batch)));
    });
}

/// Tells `consume` of the batches in the order of the tasks, and of nothing else.
#[cfg(test)]
pub(super) fn in_order<B>(mut consume: impl FnMut(B) -> bool) -> impl FnMut(News<'_, B>) -> bool {
    move |news| match news {
        News::Next(batch) => consume(batch),
        News::Finished(_) | News::Silence => true,
    }
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
            self.0.end();
        }
    }
}

/// Tells the workers, when dropped, that nobody wants more results.
struct End<'a, 'b, T, I>(&'a Source<'b, T, I>);

impl<T, I> Drop for End<'_, '_, T, I> {
    fn drop(&mut self) {
        self.0.end();
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
    let pace = work.pace();
    let mut size = pace.first;
    loop {
        if turns.is_wanted() && began.elapsed() >= TURN {
            let next = sender.clone();
            // If the consumer is gone, the run needs no more turns.
            let _ = sender.send(Sent::Turn(worker, next));
            return;
        }
        let taken = match source.next(worker, size) {
            Some(Next::Tasks(taken)) => taken,
            Some(Next::NoSlot) => continue,
            None => return,
        };
        let (start, began) = (taken.start, Instant::now());
        let results = do_chunk(worker, work, &mut state, (taken, source), began);
        source.finish(worker);
        size = pace.next_size(size, results.len(), began.elapsed());
        let place = start..start + results.len() as u64;
        if sender.send(Sent::Batch(place, work.batch(results))).is_err() {
            return;
        }
        work.help();
    }
}

/// Does the tasks that `worker` has taken. It ends early where they take much longer than expected.
fn do_chunk<T, W: Work<T>, I>(
    worker: usize,
    work: &W,
    state: &mut W::WorkerState,
    (taken, source): (Taken<T>, &Source<'_, T, I>),
    began: Instant,
) -> Vec<W::Done> {
    let most = taken.more + 1;
    let tasks = iter::once(taken.task).chain(iter::from_fn(|| source.task(worker)));
    if work.is_batched() {
        return work_on_all(worker, work, state, &tasks.collect::<Vec<_>>());
    }
    let mut results = Vec::with_capacity(most);
    for task in tasks {
        results.push(catch_unwind(AssertUnwindSafe(|| work.work(state, &task))).unwrap_or_else(|panic| {
            *state = work.worker_state(worker);
            work.panicked(worker, &task, panic_text(&*panic))
        }));
        if began.elapsed() >= 2 * Pace::LOCAL.time.0 {
            break;
        }
    }
    results
}

/// Does all of `tasks` at once. If that panics, all of them have failed.
fn work_on_all<T, W: Work<T>>(worker: usize, work: &W, state: &mut W::WorkerState, tasks: &[T]) -> Vec<W::Done> {
    catch_unwind(AssertUnwindSafe(|| work.work_on_all(state, tasks))).unwrap_or_else(|panic| {
        *state = work.worker_state(worker);
        let message = panic_text(&*panic);
        tasks.iter().map(|task| work.panicked(worker, task, message.clone())).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::{Condvar, Mutex},
    };

    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    const WINDOW: u64 = Pace::LOCAL.window.0;

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
        run(
            (&pool, &Turns::default()),
            0..tasks,
            &Double,
            stop,
            in_order(|batch: Vec<_>| batch.into_iter().all(&mut consume)),
        );
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
    fn a_stop_leaves_no_hole() {
        for (workers, most) in [(1, 10), (2, 1000), (5, 3000), (16, 5000)] {
            // Time does not decide here: whatever was handed out is finished.
            let stop = Stop::with_grace(Duration::MAX);
            let mut done = Vec::new();
            run_on(workers, u64::MAX, &stop, |result| {
                done.push(result.unwrap_or(26));
                if done.len() == most {
                    stop.stop();
                }
                true
            });
            assert!(done.len() >= most && done.len() as u64 <= most as u64 + WINDOW, "{} after {most}", done.len());
            assert!(done.iter().copied().eq((0..done.len() as u64).map(|task| task * 2)), "{workers} workers");
        }
    }

    #[test]
    fn what_is_not_begun_in_time_after_a_stop_is_left() {
        let stop = Stop::with_grace(Duration::ZERO);
        let mut done = Vec::new();
        run_on(4, u64::MAX, &stop, |result| {
            done.push(result.unwrap_or(26));
            if done.len() == 1000 {
                stop.stop();
            }
            true
        });
        assert!(done.len() >= 1000);
        assert!(done.is_sorted_by(|one, next| one < next) && done.iter().all(|double| double % 2 == 0));
    }

    /// Tasks, of which some begin only after as many others are done.
    struct Last<'a> {
        last: &'a BTreeSet<u64>,
        others: usize,
        done: Mutex<usize>,
        all_done: Condvar,
    }

    impl<'a> Last<'a> {
        fn new(tasks: u64, last: &'a BTreeSet<u64>) -> Self {
            let others = tasks as usize - last.len();
            Self { last, others, done: Mutex::new(0), all_done: Condvar::new() }
        }

        fn count(&self, done: usize) {
            *self.done.lock().unwrap() += done;
            self.all_done.notify_all();
        }
    }

    impl Work<u64> for Last<'_> {
        type WorkerState = ();
        type Done = Result<u64, String>;
        type Batch = Vec<Self::Done>;

        fn worker_state(&self, _: usize) {}

        fn work(&self, (): &mut (), task: &u64) -> Self::Done {
            if self.last.contains(task) {
                let done = self.done.lock().unwrap();
                let wait = self.all_done.wait_timeout_while(done, Duration::from_secs(60), |done| *done < self.others);
                assert!(!wait.unwrap().1.timed_out(), "the others are never done");
            } else {
                self.count(1);
            }
            Ok(*task)
        }

        fn panicked(&self, _: usize, _: &u64, message: String) -> Self::Done {
            Err(message)
        }

        fn batch(&self, results: Vec<Self::Done>) -> Self::Batch {
            results
        }
    }

    #[test]
    fn a_slow_task_holds_up_no_other() {
        let slow = |last: &[u64]| last.iter().copied().collect::<BTreeSet<_>>();
        // Tasks that follow each other, tasks far from each other, the first and the last.
        let cases = [
            (2, 10_000, slow(&[5_000])),
            (2, 3, slow(&[0])),
            (3, 20_000, slow(&[9_000, 9_001])),
            (4, 20_000, slow(&[1_000, 8_000, 19_999])),
            (9, 20_000, (10_000..10_008).collect()),
            (9, 20_000, (0..8).collect()),
            (16, 30_000, (7_000..7_015).collect()),
        ];
        for (workers, tasks, last) in cases {
            assert_eq!(ran(workers, tasks, &last), Ok(()), "{workers} workers, {last:?} of {tasks}");
        }
    }

    /// Runs tasks, `last` after all others; an error where that does not come to an end, or results come in another order.
    fn ran(workers: usize, tasks: u64, last: &BTreeSet<u64>) -> Result<(), String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
        let (mut done, mut finished) = (Vec::new(), 0);
        run((&pool, &Turns::default()), 0..tasks, &Last::new(tasks, last), &Stop::default(), |news| {
            match news {
                News::Finished(batch) => finished += batch.len() as u64,
                News::Next(batch) => done.extend(batch),
                News::Silence => {}
            }
            true
        });
        let done: Vec<_> = done.into_iter().collect::<Result<_, _>>()?;
        match done.into_iter().eq(0..tasks) && finished == tasks {
            true => Ok(()),
            false => Err(format!("{finished} of {tasks} results, or in another order")),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever is slow, and on any number of workers, all results come in the order of the tasks.
        #[test]
        fn any_pattern_of_slow_tasks(
            workers in 2..9_usize,
            tasks in 9..12_000_u64,
            at in vec(any::<Index>(), 1..8),
        ) {
            let last = at.iter().take(workers - 1).map(|at| at.index(tasks as usize) as u64).collect();
            prop_assert_eq!(ran(workers, tasks, &last), Ok(()));
        }
    }

    #[test]
    fn the_consumer_hears_of_what_is_finished_before_its_turn() {
        // The first task begins after the consumer has heard of all others: each of them counts when it is done, and once more
        // when the consumer hears of it.
        let (tasks, last) = (500, BTreeSet::from([0]));
        let work = Last { others: 2 * 499, ..Last::new(tasks, &last) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let (mut finished, mut before_first) = (0, None);
        run((&pool, &Turns::default()), 0..tasks, &work, &Stop::default(), |news| {
            match news {
                News::Finished(batch) => {
                    assert!(batch.iter().all(Result::is_ok), "{batch:?}");
                    finished += batch.len();
                    work.count(batch.len());
                }
                News::Next(_) => _ = before_first.get_or_insert(finished),
                News::Silence => {}
            }
            true
        });
        assert_eq!((before_first, finished), (Some(500), 500));
    }

    #[test]
    fn a_consumer_that_has_enough_before_the_first_result_ends_the_run() {
        let mut heard = 0;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        run((&pool, &Turns::default()), 0..u64::MAX, &Double, &Stop::default(), |news| {
            heard += 1;
            assert!(matches!(news, News::Finished(_)));
            false
        });
        assert_eq!(heard, 1);
    }

    #[test]
    fn a_panic_in_the_iterator_of_tasks_ends_the_run() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let tasks = (0..3 * WINDOW).inspect(|task| assert_ne!(*task, 50_000, "no more"));
        let turns = Turns::default();
        let run = AssertUnwindSafe(|| run((&pool, &turns), tasks, &Double, &Stop::default(), in_order(|_| true)));
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
            run(
                (&pool, &turns),
                std::iter::repeat_n(3, TASKS),
                &Sleep,
                &Stop::default(),
                in_order(|batch: Vec<()>| {
                    started.fetch_add(usize::from(done == 0), Ordering::Relaxed);
                    done += batch.len();
                    started.load(Ordering::Relaxed) < 2
                }),
            );
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
