//! The source of tasks: hands them out in chunks, and gives what one worker still holds to others that have nothing to do.
//!
//! Never runs a task, and never holds more of them than the workers have in hand.
//!
//! What a worker has taken and not begun lies in its own [`Slot`]. Only its owner takes from the front; a worker that finds
//! nothing else takes from the end. So what is left of a chunk is contiguous at any time, and its owner pays one lock for each
//! task, which nobody else wants in the usual case.
//!
//! Tasks come into a slot, and go back from it, only under the lock of the source. So a worker that holds this lock and finds no
//! task anywhere knows that there will be none.

use std::{
    collections::{BTreeMap, VecDeque},
    iter::Fuse,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::stop::Stop;

/// How tasks are handed out to workers.
#[derive(Clone, Copy)]
pub(super) struct Pace<'a> {
    /// How long a chunk should take, in wall-clock time: long enough that what is done once for a chunk does not count, short
    /// enough that results are not late. The least, and what each worker adds to it that has tasks.
    pub(super) time: (Duration, Duration),
    /// The tasks of the first chunk of a worker.
    pub(super) first: usize,
    /// The most tasks of a chunk.
    pub(super) most: usize,
    /// How many times as many tasks as before a chunk may have.
    pub(super) growth: usize,
    /// Near the end chunks are smaller; but not below this part of what would take the right time.
    pub(super) least_part: usize,
    /// How far a task may run ahead of the oldest unfinished one, at least; with many workers as far as their chunks need, but not
    /// farther than the second. It bounds the results that wait to be put in order.
    pub(super) window: (u64, u64),
    /// How many of the workers may have tasks now, and how many tasks of a chunk run at the same time: a chunk has a multiple of
    /// that. All workers, and one, without it.
    pub(super) slots: Option<&'a (dyn Fn() -> (usize, usize) + Sync)>,
}

impl Pace<'static> {
    /// Workers that run their tasks by themselves.
    pub(super) const LOCAL: Self = Self {
        time: (Duration::from_millis(4), Duration::ZERO),
        first: 1,
        most: 512,
        growth: 2,
        least_part: usize::MAX,
        window: (1 << 15, u64::MAX),
        slots: None,
    };
}

impl<'a> Pace<'a> {
    /// Workers that wait for the machines of a cluster; `slots` says how many may have tasks, and how many of each run at the same
    /// time. A message costs milliseconds, of the driver one or two, so that with more machines shards are longer. Half of the time
    /// a shard waits for the one before it. A result takes some 500 bytes, and a task that is away as much.
    pub(super) fn of_cluster(slots: &'a (dyn Fn() -> (usize, usize) + Sync)) -> Self {
        Self {
            time: (Duration::from_secs(2), Duration::from_millis(5)),
            first: 64,
            most: 1 << 14,
            growth: 8,
            least_part: 32,
            window: (1 << 19, 1 << 22),
            slots: Some(slots),
        }
    }

    /// The number of tasks to ask for after `done` tasks took `time`.
    pub(super) fn next_size(&self, before: usize, done: usize, time: Duration) -> usize {
        let (least, each) = self.time;
        let wanted = self.slots.map_or(least, |slots| least.max(each * u32::try_from(slots().0).unwrap_or(u32::MAX)));
        let fits = done as f64 * wanted.as_secs_f64() / time.as_secs_f64().max(1e-9);
        (fits as usize).clamp(1, (self.growth * before).min(self.most))
    }

    /// How many of `workers` may have tasks now, and how many tasks of each run at the same time.
    fn slots(&self, workers: usize) -> (usize, usize) {
        let (slots, at_once) = self.slots.map_or((workers, 1), |slots| slots());
        (slots.clamp(1, workers), at_once.max(1))
    }
}

/// How often a worker that may not have tasks asks again, in wall-clock time.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A worker takes at most this part of its share of the tasks that are left. So no worker has much to do when the others have
/// finished.
const PART_OF_SHARE: usize = 4;

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

    /// The last `most` tasks, but no more than half of them, rounded up; the others stay.
    fn split_end(&mut self, most: usize) -> Self {
        let stay = self.tasks.len() - most.min(self.tasks.len().div_ceil(2));
        Self { start: self.start + stay as u64, tasks: self.tasks.split_off(stay) }
    }
}

/// What a worker hears that asks for tasks.
pub(super) enum Next<T> {
    /// It has tasks.
    Tasks(Taken<T>),
    /// For some time now, so many workers have had tasks as may have them at once.
    NoSlot,
}

/// What a worker gets to do: the first task, and how many more lie in its slot.
pub(super) struct Taken<T> {
    /// The position of `task`.
    pub(super) start: u64,
    pub(super) task: T,
    pub(super) more: usize,
}

/// What a worker has taken and not begun. On cache lines of its own, since its owner locks it for each task.
#[repr(align(128))]
struct Slot<T>(Mutex<Held<T>>);

struct Held<T> {
    /// The first position of what the owner is at, until the owner has all its results.
    first: Option<u64>,
    rest: Chunk<T>,
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self(Mutex::new(Held { first: None, rest: Chunk { start: 0, tasks: VecDeque::new() } }))
    }

    /// Ignores poisoning: no code of a task runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Held<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out tasks with their positions.
pub(super) struct Source<'a, T, I> {
    state: Mutex<SourceState<T, I>>,
    moved: Condvar,
    /// Where workers wait for a slot. Apart, so that none of them wakes for each chunk that is handed over.
    unused: Condvar,
    /// One for each worker. Whoever holds the lock of one never asks for the lock of `state`.
    slots: Vec<Slot<T>>,
    pace: Pace<'a>,
    stop: &'a Stop,
}

struct SourceState<T, I> {
    tasks: Fuse<I>,
    /// What workers gave back, by position: it comes before everything that is still in `tasks`.
    returned: BTreeMap<u64, Chunk<T>>,
    /// The position of the next task of `tasks`.
    next: u64,
    /// The position before which the consumer has everything.
    handed_over: u64,
    /// Workers that wait for the consumer.
    asleep: usize,
    wanted: bool,
    /// Whether `tasks` has no more.
    is_empty: bool,
}

impl<T, I> Source<'_, T, I> {
    /// Ignores poisoning: a panic in the iterator of tasks ends the run, and the numbers here stay consistent.
    fn lock(&self) -> MutexGuard<'_, SourceState<T, I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes how far the consumer is, and whether it wants more.
    pub(super) fn hand_over(&self, handed_over: u64, wanted: bool) {
        let mut state = self.lock();
        state.handed_over = handed_over;
        // Never sets it to true again: a worker that panicked may have ended the run meanwhile.
        state.wanted &= wanted;
        let asleep = state.asleep;
        drop(state);
        if asleep > 0 {
            self.moved.notify_all();
        }
    }

    /// Tells the workers that nobody wants more results.
    pub(super) fn end(&self) {
        self.lock().wanted = false;
        self.moved.notify_all();
        self.unused.notify_all();
    }

    /// The next task of what `worker` has taken.
    pub(super) fn task(&self, worker: usize) -> Option<T> {
        self.slots[worker].lock().rest.next()
    }

    /// Ends what `worker` is at. Tasks that it has not begun are there for all workers.
    pub(super) fn finish(&self, worker: usize) {
        let slot = &self.slots[worker];
        let mut held = slot.lock();
        held.first = None;
        if held.rest.tasks.is_empty() {
            return;
        }
        drop(held);
        let mut state = self.lock();
        let rest = slot.lock().rest.split(usize::MAX);
        if !rest.tasks.is_empty() {
            state.returned.insert(rest.start, rest);
        }
        drop(state);
        // The consumer, for which workers wait, may in turn wait for these tasks.
        self.moved.notify_all();
    }
}

impl<'a, T, I: Iterator<Item = T>> Source<'a, T, I> {
    pub(super) fn new(tasks: I, workers: usize, pace: Pace<'a>, stop: &'a Stop) -> Self {
        let state = SourceState {
            tasks: tasks.fuse(),
            returned: BTreeMap::new(),
            next: 0,
            handed_over: 0,
            asleep: 0,
            wanted: true,
            is_empty: false,
        };
        let slots = (0..workers).map(|_| Slot::new()).collect();
        Self { state: Mutex::new(state), moved: Condvar::new(), unused: Condvar::new(), slots, pace, stop }
    }

    /// How far a task may be ahead of the oldest unfinished one, where `slots` workers have tasks.
    fn window(&self, slots: usize) -> u64 {
        let (least, most) = self.pace.window;
        (2 * (self.pace.most * slots) as u64).clamp(least, most)
    }

    /// Gives `worker` the next tasks, `size` at most, after waiting for the consumer if needed; nothing if there will be no more.
    /// The first is its own: else workers that have nothing to do could take it from each other for ever.
    ///
    /// After a stop it gives only what was handed out before.
    pub(super) fn next(&self, worker: usize, size: usize) -> Option<Next<T>> {
        let mut state = self.lock();
        loop {
            if !state.wanted || self.stop.is_over() {
                return None;
            }
            let is_stopped = self.stop.is_stopped();
            let (slots, at_once) = self.pace.slots(self.slots.len());
            if worker >= slots {
                if state.is_empty || is_stopped {
                    return None;
                }
                drop(self.unused.wait_timeout(state, ASK_AGAIN).unwrap_or_else(PoisonError::into_inner));
                return Some(Next::NoSlot);
            }
            let window = self.window(slots);
            let room = (state.handed_over + window).saturating_sub(state.next);
            // So that all of them have a place in the window, with as much again for what waits to be put in order.
            let size = size.min(usize::try_from(window / (2 * slots as u64)).unwrap_or(size)).max(1);
            let waits = room == 0 && !is_stopped;
            let mut chunk = take_returned(&mut state, size);
            if chunk.is_none() && room > 0 && !is_stopped {
                chunk = self.take(&mut state, size.min(usize::try_from(room).unwrap_or(size)), (slots, at_once));
            }
            // If it is the consumer that all wait for, smaller chunks would only give it more to do.
            if chunk.is_none() && (!waits || self.is_at(state.handed_over)) {
                chunk = self.take_from_another(size);
            }
            if let Some(mut chunk) = chunk {
                let (start, task) = (chunk.start, chunk.next()?);
                let more = chunk.tasks.len();
                *self.slots[worker].lock() = Held { first: Some(start), rest: chunk };
                return Some(Next::Tasks(Taken { start, task, more }));
            }
            if !waits {
                return None;
            }
            state.asleep += 1;
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
    }

    /// Takes `size` tasks at most off those that nobody has had yet.
    fn take(&self, state: &mut SourceState<T, I>, size: usize, (slots, at_once): (usize, usize)) -> Option<Chunk<T>> {
        let (_, left) = state.tasks.size_hint();
        let least = (size / self.pace.least_part).max(1);
        let share = left.map_or(size, |left| (left / (PART_OF_SHARE * slots)).max(least));
        let (start, wanted) = (state.next, size.min(share).next_multiple_of(at_once));
        let tasks: VecDeque<_> = state.tasks.by_ref().take(wanted).collect();
        state.next += tasks.len() as u64;
        if tasks.len() < wanted && !state.is_empty {
            state.is_empty = true;
            self.unused.notify_all();
        }
        (!tasks.is_empty()).then_some(Chunk { start, tasks })
    }

    /// Takes `size` tasks at most from the worker that has most left. The lock of the source must be held.
    fn take_from_another(&self, size: usize) -> Option<Chunk<T>> {
        loop {
            let richest = self.slots.iter().max_by_key(|slot| slot.lock().rest.tasks.len())?;
            let mut held = richest.lock();
            // Its owner may have begun tasks since it was looked at; no slot has got any.
            match held.rest.split_end(size) {
                taken if !taken.tasks.is_empty() => return Some(taken),
                _ => drop(held),
            }
            if self.slots.iter().all(|slot| slot.lock().rest.tasks.is_empty()) {
                return None;
            }
        }
    }

    /// Whether a worker is at the task at `position`, or at tasks that begin with it.
    fn is_at(&self, position: u64) -> bool {
        self.slots.iter().any(|slot| slot.lock().first == Some(position))
    }
}

/// The first tasks that were given back, `size` at most.
fn take_returned<T, I>(state: &mut SourceState<T, I>, size: usize) -> Option<Chunk<T>> {
    let mut first = state.returned.first_entry()?;
    let chunk = first.get_mut().split(size);
    let (_, rest) = first.remove_entry();
    if !rest.tasks.is_empty() {
        state.returned.insert(rest.start, rest);
    }
    Some(chunk)
}

#[cfg(test)]
mod tests {
    const WINDOW: u64 = Pace::LOCAL.window.0;

    use std::time::Duration;

    use super::*;

    /// What `worker` gets: the first position, and how many tasks. It begins the first.
    fn taken<I: Iterator<Item = u64>>(source: &Source<'_, u64, I>, worker: usize, size: usize) -> Option<(u64, usize)> {
        let Some(Next::Tasks(Taken { start, task, more })) = source.next(worker, size) else { return None };
        let held = source.slots[worker].lock();
        assert_eq!((task, held.first, held.rest.start), (start, Some(start), start + 1));
        assert!(held.rest.tasks.iter().copied().eq(start + 1..=start + more as u64), "tasks keep their positions");
        Some((start, more + 1))
    }

    /// What `worker` does until its chunk is empty.
    fn rest<I>(source: &Source<'_, u64, I>, worker: usize) -> Vec<u64> {
        let rest = std::iter::from_fn(|| source.task(worker)).collect();
        source.finish(worker);
        rest
    }

    #[test]
    fn what_is_given_back_is_taken_first() {
        let stop = Stop::default();
        let source = Source::new(0..32_u64, 2, Pace::LOCAL, &stop);
        // A quarter of its share of what is left, at most.
        assert_eq!((taken(&source, 0, 512), taken(&source, 1, 1)), (Some((0, 4)), Some((4, 1))));
        source.finish(0);
        source.finish(1);
        assert_eq!(taken(&source, 1, 2), Some((1, 2)));
        assert_eq!(taken(&source, 0, 2), Some((3, 1)));
        assert_eq!((rest(&source, 1), rest(&source, 0)), (vec![2], vec![]));
        assert_eq!(taken(&source, 0, 2), Some((5, 2)));
    }

    #[test]
    fn the_rest_of_a_busy_worker_is_taken_from_the_end_once_there_is_nothing_else() {
        let stop = Stop::default();
        // An iterator that does not tell its length.
        let source = Source::new((0..10_u64).chain(std::iter::from_fn(|| None)), 3, Pace::LOCAL, &stop);
        assert_eq!((taken(&source, 0, 9), taken(&source, 1, 9)), (Some((0, 9)), Some((9, 1))));
        // Half of what the richest has left, and no more than asked for.
        assert_eq!(taken(&source, 1, 512), Some((5, 4)));
        assert_eq!((taken(&source, 2, 1), taken(&source, 2, 512)), (Some((4, 1)), Some((7, 2))));
        assert_eq!((rest(&source, 2), taken(&source, 2, 512)), (vec![8], Some((2, 2))));
        assert_eq!((rest(&source, 2), rest(&source, 1)), (vec![3], vec![6]));
        assert_eq!((taken(&source, 1, 9), taken(&source, 2, 9)), (Some((1, 1)), None));
        assert!([0, 1, 2].iter().all(|worker| rest(&source, *worker).is_empty()));
    }

    #[test]
    fn after_a_stop_only_what_was_handed_out_is_left() {
        let stop = Stop::with_grace(Duration::MAX);
        let source = Source::new(0..u64::MAX, 3, Pace::LOCAL, &stop);
        assert_eq!([0, 1].map(|worker| taken(&source, worker, 4)), [Some((0, 4)), Some((4, 4))]);
        source.finish(1);
        stop.stop();
        assert_eq!(taken(&source, 1, 2), Some((5, 2)), "what was given back");
        assert_eq!(taken(&source, 2, 4), Some((7, 1)));
        assert_eq!(taken(&source, 2, 4), Some((2, 2)), "what a busy worker has");
        assert_eq!([2, 1, 0].map(|worker| rest(&source, worker)), [vec![3], vec![6], vec![1]]);
        assert_eq!([0, 1, 2].map(|worker| taken(&source, worker, 4)), [None; 3]);
    }

    #[test]
    fn some_time_after_a_stop_nothing_more_is_begun() {
        let stop = Stop::with_grace(Duration::ZERO);
        let source = Source::new(0..u64::MAX, 2, Pace::LOCAL, &stop);
        assert_eq!(taken(&source, 0, 4), Some((0, 4)));
        stop.stop();
        source.finish(0);
        assert_eq!([0, 1].map(|worker| taken(&source, worker, 4)), [None; 2]);
    }

    #[test]
    fn a_task_far_ahead_of_the_consumer_waits() {
        let stop = Stop::default();
        let source = Source::new(0..u64::MAX, 2, Pace::LOCAL, &stop);
        let taken_in_all = |source: &Source<'_, u64, _>| {
            let is_free = || {
                let state = source.lock();
                state.next < state.handed_over + WINDOW
            };
            let mut count = 0;
            while is_free() {
                count += taken(source, 0, 500).unwrap().1 as u64;
                rest(source, 0);
            }
            count
        };
        assert_eq!(taken_in_all(&source), WINDOW);
        source.hand_over(700, true);
        assert_eq!(taken_in_all(&source), 700);
        // Workers that wait get what others give back.
        let held = Held { first: Some(0), rest: Chunk { start: 1, tasks: (1..3).collect() } };
        *source.slots[0].lock() = held;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| taken(&source, 1, 1));
            source.finish(0);
            assert_eq!(waiting.join().unwrap(), Some((1, 1)));
        });
        // And what a worker has that the consumer waits for, but nothing while the consumer itself is late.
        *source.slots[0].lock() = Held { first: Some(700), rest: Chunk { start: 701, tasks: (701..703).collect() } };
        assert_eq!(taken(&source, 1, 1), Some((2, 1)), "what was given back before");
        assert_eq!(taken(&source, 1, 1), Some((702, 1)));
        *source.slots[0].lock() = Held { first: Some(701), rest: Chunk { start: 702, tasks: (702..703).collect() } };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| taken(&source, 1, 1));
            source.hand_over(701, true);
            assert_eq!(waiting.join().unwrap(), Some((WINDOW + 700, 1)), "the source has room again");
        });
        source.end();
        assert!(source.next(0, 1).is_none());
    }

    #[test]
    fn a_chunk_takes_some_milliseconds() {
        let of = |before, done, micros| Pace::LOCAL.next_size(before, done, Duration::from_micros(micros));
        assert_eq!([of(1, 1, 10), of(2, 2, 20), of(256, 256, 2560), of(512, 512, 1)], [2, 4, 400, 512]);
        assert_eq!([of(400, 400, 8000), of(512, 1, 1_000_000), of(1, 1, 0)], [200, 1, 2]);
    }

    #[test]
    fn only_as_many_workers_as_there_are_slots_have_tasks() {
        let (stop, slots) = (Stop::default(), std::sync::atomic::AtomicUsize::new(1));
        let now = || (slots.load(std::sync::atomic::Ordering::Relaxed), 8);
        let source = Source::new(0..300_u64, 3, Pace::of_cluster(&now), &stop);
        assert_eq!(taken(&source, 0, 64), Some((0, 64)));
        assert!(matches!(source.next(1, 64), Some(Next::NoSlot)));
        // A node has come.
        slots.store(2, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(taken(&source, 1, 64), Some((64, 32)), "a quarter of its share of what is left, in eights");
        rest(&source, 1);
        assert_eq!(taken(&source, 1, 1), Some((96, 8)), "as many as run at the same time");
        rest(&source, 1);
        // Near the end chunks are smaller, but not tiny.
        assert_eq!(taken(&source, 1, 6400), Some((104, 196)));
        assert!(source.next(2, 64).is_none(), "there are no more tasks, so that nobody waits for a slot");
    }
}
