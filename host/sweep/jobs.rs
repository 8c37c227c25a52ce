//! The work of a run on its items: a task becomes a result, and results that follow each other a batch.
//!
//! Never knows where the items come from, nor what a batch is for.

use std::{
    marker::PhantomData,
    time::{Duration, Instant},
};

use super::{
    scheduler::{News, Work},
    source::Pace,
    stop::Stop,
};
use crate::{
    metrics::Metrics,
    model::Params,
    task::{Answer, ErrorKind, ParallelResult, ParallelTask, SweepBatch, TaskError},
};

/// What a worker makes of results that follow each other, for the thread that gets them in order.
///
/// It must not depend on how the results are divided, if a run is to give the same on any number of workers.
pub trait Batching<R = Metrics>: Sync {
    /// What it makes.
    type Batch: Send;

    /// Makes it of `results`; there is at least one.
    fn batch(&self, results: Vec<ParallelResult<R>>) -> Self::Batch;

    /// Does other work that is due. Each worker calls it after each batch.
    fn help(&self) {}
}

/// Results that are known, and a place for those that are not yet.
pub(super) trait Known<R>: Sync {
    /// The answer to the task with `params`, and how long it took, if it is known; `place` tells tasks with equal parameters
    /// apart: that of its symbol in the data where it has one alone, or of its strategy among several.
    fn recall(&self, place: Option<usize>, params: &Params) -> Option<(Answer<R>, Duration)>;

    /// Whether it is known.
    fn has(&self, place: Option<usize>, params: &Params) -> bool;

    /// Takes results, known ones among them.
    fn keep(&self, results: &[ParallelResult<R>]);

    /// Whether a known task with `params` runs all the same, to compare the results.
    fn is_checked(&self, params: &Params) -> bool;

    /// Compares a known result with that of now; `place` as for [`recall`](Self::recall). Returns whether they are the same.
    fn is_same(&self, place: Option<usize>, known: &ParallelResult<R>, now: &ParallelResult<R>) -> bool;
}

/// Hands on the results as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepResults;

impl<R: Send> Batching<R> for KeepResults {
    type Batch = Vec<ParallelResult<R>>;

    fn batch(&self, results: Vec<ParallelResult<R>>) -> Self::Batch {
        results
    }
}

/// A batch, and the number of its results and of those that failed. There is no batch where no result is left.
pub(super) struct Counted<B> {
    done: u64,
    failed: u64,
    batch: Option<B>,
}

/// How far the workers of a sweep are. They may have finished tasks whose results wait for those of earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepProgress {
    /// Tasks that workers have finished, in whatever order.
    pub finished: u64,
    /// Tasks in all; `None` where only running them will tell.
    pub total: Option<u64>,
    /// Finished tasks that have failed.
    pub failed: u64,
}

/// What the consumer of a sweep hears.
#[derive(Debug)]
pub enum SweepNews<B> {
    /// Workers are further than before, or a second has passed without that.
    Progress(SweepProgress),
    /// The next results in the order of the tasks.
    Results(SweepBatch<B>),
}

/// Tells `consume` of the results, and of nothing else.
pub(super) fn results_only<B>(mut consume: impl FnMut(SweepBatch<B>) -> bool) -> impl FnMut(SweepNews<B>) -> bool {
    move |news| match news {
        SweepNews::Results(batch) => consume(batch),
        SweepNews::Progress(_) => true,
    }
}

/// Counts results on their way to `consume`.
pub(super) fn counted<B>(
    total: Option<u64>,
    mut consume: impl FnMut(SweepNews<B>) -> bool,
) -> impl FnMut(News<'_, Counted<B>>) -> bool {
    let (mut done, mut failed) = (0, 0);
    let mut progress = SweepProgress { finished: 0, total, failed: 0 };
    move |news| match news {
        News::Finished(counted) => {
            progress.finished += counted.done;
            progress.failed += counted.failed;
            consume(SweepNews::Progress(progress))
        }
        News::Silence => consume(SweepNews::Progress(progress)),
        News::Next(counted) => {
            done += counted.done;
            failed += counted.failed;
            let batch = counted.batch.map(|results| SweepBatch { done, total, failed, results });
            batch.is_none_or(|batch| consume(SweepNews::Results(batch)))
        }
    }
}

/// The number of `results` that failed.
pub(super) fn failures<R>(results: &[ParallelResult<R>]) -> u64 {
    results.iter().filter(|result| !result.success).count() as u64
}

/// Answers several items at once, each with the time that it took.
pub(super) type OnAll<'a, I, D, R> = &'a (dyn Fn(&mut D, &[(&I, ParallelTask)]) -> Vec<(Answer<R>, Duration)> + Sync);

/// The work on an item: `task` names it and its parameters, `work` answers it, and `on_all` several at once.
pub(super) struct Jobs<'a, I, D, R, T, W, B, P> {
    pub(super) task: T,
    /// Prepares what the work needs, before its time begins; what is known needs nothing.
    pub(super) prepare: P,
    pub(super) work: W,
    pub(super) on_all: Option<OnAll<'a, I, D, R>>,
    pub(super) batching: &'a B,
    /// Where results may be known.
    pub(super) known: Option<&'a dyn Known<R>>,
    /// The place of an item ([`Known::recall`]).
    pub(super) place: fn(&I) -> Option<usize>,
    pub(super) pace: Pace<'a>,
    pub(super) stop: &'a Stop,
    pub(super) types: PhantomData<fn(I, D) -> R>,
}

impl<I, D, R, T, W, B, P> Jobs<'_, I, D, R, T, W, B, P> {
    /// The result of `task`, if it is known.
    fn recall(&self, worker: usize, (index, item): &(u64, I), task: &ParallelTask) -> Option<ParallelResult<R>> {
        let answer = self.known?.recall((self.place)(item), &task.params)?;
        Some(ParallelResult { cached: true, ..result(worker, *index, task.clone(), answer) })
    }

    /// Whether a task runs that is `recalled`, if it is.
    fn runs(&self, recalled: Option<&ParallelResult<R>>) -> bool {
        recalled.is_none_or(|known| self.known.is_some_and(|store| store.is_checked(&known.params)))
    }

    /// The result of a task that has run, although it may have been `recalled`.
    fn settled(&self, item: &I, recalled: Option<ParallelResult<R>>, now: ParallelResult<R>) -> ParallelResult<R> {
        let place = (self.place)(item);
        let is_same = |known: &ParallelResult<R>| self.known.is_some_and(|store| store.is_same(place, known, &now));
        match recalled.filter(is_same) {
            // What is known has none.
            Some(known) => ParallelResult { returns: now.returns, ..known },
            None => now,
        }
    }
}

impl<I, D, R, T, W, B, P> Work<(u64, I)> for Jobs<'_, I, D, R, T, W, B, P>
where
    D: Default,
    P: Fn(&I) + Sync,
    T: Fn(u64, &I) -> ParallelTask + Sync,
    W: Fn(&mut D, &I, &ParallelTask) -> Answer<R> + Sync,
    B: Batching<R>,
{
    type WorkerState = (usize, D);
    type Done = ParallelResult<R>;
    type Batch = Counted<B::Batch>;

    fn worker_state(&self, worker: usize) -> Self::WorkerState {
        (worker, D::default())
    }

    fn work(&self, (worker, state): &mut Self::WorkerState, job: &(u64, I)) -> ParallelResult<R> {
        let (index, item) = job;
        let task = (self.task)(*index, item);
        let recalled = self.recall(*worker, job, &task);
        match recalled {
            Some(known) if !self.runs(Some(&known)) => known,
            recalled => {
                (self.prepare)(item);
                let start = Instant::now();
                let answer = (self.work)(state, item, &task);
                self.settled(item, recalled, result(*worker, *index, task, (answer, start.elapsed())))
            }
        }
    }

    fn panicked(&self, worker: usize, (index, item): &(u64, I), message: String) -> ParallelResult<R> {
        let error = TaskError::new(ErrorKind::Host, format!("a bug of the host: {message}"));
        result(worker, *index, (self.task)(*index, item), (Answer::native(Err(error)), Duration::ZERO))
    }

    /// After a cut, results of tasks that the cut ended are dropped.
    fn batch(&self, mut results: Vec<ParallelResult<R>>) -> Self::Batch {
        if self.stop.is_cut() {
            results.retain(|result| result.error_kind != Some(ErrorKind::TimedOut));
        }
        if let Some(known) = self.known {
            known.keep(&results);
        }
        let (done, failed) = (results.len() as u64, failures(&results));
        Counted { done, failed, batch: (done > 0).then(|| self.batching.batch(results)) }
    }

    fn help(&self) {
        self.batching.help();
    }

    fn is_batched(&self) -> bool {
        self.on_all.is_some()
    }

    fn pace(&self) -> Pace<'_> {
        self.pace
    }

    fn work_on_all(&self, state: &mut Self::WorkerState, items: &[(u64, I)]) -> Vec<ParallelResult<R>> {
        let Some(on_all) = self.on_all else { return items.iter().map(|item| self.work(state, item)).collect() };
        let (worker, state) = state;
        let mut tasks = Vec::with_capacity(items.len());
        let recalled: Vec<_> = (items.iter())
            .map(|job| {
                let (index, item) = job;
                let task = (self.task)(*index, item);
                let known = self.recall(*worker, job, &task);
                let runs = self.runs(known.as_ref());
                if runs {
                    (self.prepare)(item);
                    tasks.push((item, task));
                }
                (known, runs)
            })
            .collect();
        let answers = if tasks.is_empty() { Vec::new() } else { on_all(state, &tasks) };
        let mut answered = tasks.into_iter().zip(answers);
        let settled = items.iter().zip(recalled).map(|((index, _), (known, runs))| match runs {
            false => known,
            true => answered
                .next()
                .map(|((item, task), answer)| self.settled(item, known, result(*worker, *index, task, answer))),
        });
        settled.flatten().collect()
    }
}

/// The result of `task`, and how long it took.
fn result<R>(
    worker_id: usize,
    index: u64,
    task: ParallelTask,
    (Answer { outcome, log, units, returns }, execution_time): (Answer<R>, Duration),
) -> ParallelResult<R> {
    let ParallelTask { task_id, params, strategy_name } = task;
    let result = ParallelResult::new(index, outcome);
    ParallelResult { task_id, params, strategy_name, execution_time, worker_id, log, units, returns, ..result }
}
