//! Difference between two runs of the same tasks: better, worse, newly failed.
//!
//! Never keeps a result: only counts, one example of each new failure, and the largest changes.

use serde::Serialize;

use super::{
    ranking::{Ranked, Ranking},
    record::params_text,
    tally::Tally,
};
use crate::{metrics::Direction, task::ParallelResult};

/// How one task stands by one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// It has this value.
    Value(f64),
    /// It succeeded, and the value is undefined.
    Undefined,
    /// It failed.
    Failed,
}

impl Standing {
    /// How `result` stands by what `value` finds in it.
    pub fn of<R>(result: &ParallelResult<R>, value: impl FnOnce(&R) -> Option<f64>) -> Self {
        match &result.result {
            None => Self::Failed,
            Some(found) => value(found).map_or(Self::Undefined, Self::Value),
        }
    }
}

/// How many tasks have become what. Each task is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Tasks whose value is better than it was.
    pub better: u64,
    /// Tasks whose value is worse.
    pub worse: u64,
    /// Tasks whose value is what it was, if only that it is undefined.
    pub equal: u64,
    /// Tasks that fail and did not.
    pub newly_failed: u64,
    /// Tasks that fail as they did.
    pub still_failing: u64,
    /// Tasks that failed and do not any more.
    pub mended: u64,
    /// Tasks whose value is undefined and was not.
    pub newly_undefined: u64,
    /// Tasks whose value was undefined and is not any more.
    pub newly_defined: u64,
    /// Tasks that were not there.
    pub new: u64,
    /// Tasks that are not there any more.
    pub gone: u64,
}

/// A value then and now.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The task's name.
    pub task_id: String,
    /// Its parameters: `fast=5 slow=20`.
    pub params: String,
    /// The value that it had.
    pub then: f64,
    /// The value that it has.
    pub now: f64,
}

/// Two runs of the same tasks, side by side.
///
/// # Examples
///
/// ```
/// use host::{metrics::Direction, results::{Difference, Standing}, task::ParallelResult};
///
/// let mut difference = Difference::new(Direction::Higher, 5);
/// let result = ParallelResult { task_id: "fast=5".into(), ..ParallelResult::new(0, Ok(1.5)) };
/// difference.add(&result, Some(Standing::Value(1.0)), Standing::Value(1.5));
/// difference.gone(1);
/// assert_eq!((difference.counts().better, difference.counts().gone), (1, 1));
/// assert_eq!(difference.gains()[0].value, 0.5);
/// ```
#[derive(Debug, Clone)]
pub struct Difference {
    better: Direction,
    counts: Counts,
    failures: Tally,
    gains: Ranking<Change>,
    losses: Ranking<Change>,
}

impl Difference {
    /// Nothing yet. Values that are `better` are gains; the largest `top` of them are kept, and as many losses.
    pub fn new(better: Direction, top: usize) -> Self {
        Self {
            better,
            counts: Counts::default(),
            failures: Tally::default(),
            gains: Ranking::new(top, better),
            losses: Ranking::new(top, better.opposite()),
        }
    }

    /// Counts one task: what it gives now, and how it stood then; `None` if it was not there.
    pub fn add<R>(&mut self, result: &ParallelResult<R>, then: Option<Standing>, now: Standing) {
        let counts = &mut self.counts;
        let count = match (then, now) {
            (None, _) => &mut counts.new,
            (Some(Standing::Failed), Standing::Failed) => &mut counts.still_failing,
            (Some(Standing::Failed), _) => &mut counts.mended,
            (Some(_), Standing::Failed) => {
                self.failures.record(result);
                &mut counts.newly_failed
            }
            (Some(Standing::Undefined), Standing::Undefined) => &mut counts.equal,
            (Some(Standing::Undefined), Standing::Value(_)) => &mut counts.newly_defined,
            (Some(Standing::Value(_)), Standing::Undefined) => &mut counts.newly_undefined,
            (Some(Standing::Value(then)), Standing::Value(now)) => return self.compare(result, then, now),
        };
        *count += 1;
    }

    /// Counts tasks that are not there any more.
    pub fn gone(&mut self, tasks: u64) {
        self.counts.gone += tasks;
    }

    /// How many tasks have become what.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The tasks that fail and did not.
    pub fn failures(&self) -> &Tally {
        &self.failures
    }

    /// The largest changes for the better, the largest first.
    pub fn gains(&self) -> Vec<Ranked<Change>> {
        self.gains.clone().into_sorted()
    }

    /// The largest changes for the worse, the largest first.
    pub fn losses(&self) -> Vec<Ranked<Change>> {
        self.losses.clone().into_sorted()
    }

    fn compare<R>(&mut self, result: &ParallelResult<R>, then: f64, now: f64) {
        if then == now {
            self.counts.equal += 1;
            return;
        }
        let (count, ranking) = if (now > then) == (self.better == Direction::Higher) {
            (&mut self.counts.better, &mut self.gains)
        } else {
            (&mut self.counts.worse, &mut self.losses)
        };
        *count += 1;
        let change = || Change { task_id: result.task_id.clone(), params: params_text(&result.params), then, now };
        ranking.offer(Some(now - then), result.index, change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{ErrorKind, TaskError};

    const FAILED: Option<Standing> = Some(Standing::Failed);
    const UNDEFINED: Option<Standing> = Some(Standing::Undefined);

    fn value(value: f64) -> Option<Standing> {
        Some(Standing::Value(value))
    }

    fn difference(better: Direction, tasks: &[(Option<Standing>, Option<Standing>)]) -> Difference {
        let mut difference = Difference::new(better, 2);
        for (index, (then, now)) in (0..).zip(tasks) {
            let Some(now) = now else {
                difference.gone(1);
                continue;
            };
            let outcome = match now {
                Standing::Value(value) => Ok(Some(*value)),
                Standing::Undefined => Ok(None),
                Standing::Failed => Err(TaskError::new(ErrorKind::Panic, format!("task {index}"))),
            };
            let result = ParallelResult { task_id: index.to_string(), ..ParallelResult::new(index, outcome) };
            assert_eq!(Standing::of(&result, |value| *value), *now);
            difference.add(&result, *then, *now);
        }
        difference
    }

    #[test]
    fn every_task_is_counted_once() {
        let tasks = [
            (value(1.0), value(2.0)),
            (value(1.0), value(0.0)),
            (value(0.0), value(-0.0)),
            (UNDEFINED, UNDEFINED),
            (value(1.0), FAILED),
            (UNDEFINED, FAILED),
            (FAILED, FAILED),
            (FAILED, value(1.0)),
            (FAILED, UNDEFINED),
            (value(1.0), UNDEFINED),
            (UNDEFINED, value(1.0)),
            (None, value(1.0)),
            (None, FAILED),
            (value(1.0), None),
        ];
        let found = difference(Direction::Higher, &tasks);
        let expected = Counts {
            better: 1,
            worse: 1,
            equal: 2,
            newly_failed: 2,
            still_failing: 1,
            mended: 2,
            newly_undefined: 1,
            newly_defined: 1,
            new: 2,
            gone: 1,
        };
        assert_eq!(found.counts(), expected);
        let (kind, failures) = found.failures().failures().next().unwrap();
        assert_eq!((kind, failures.count, failures.example.message.as_str()), (ErrorKind::Panic, 2, "task 4"));
    }

    #[test]
    fn infinite_values_are_compared_like_others() {
        let endless = f64::INFINITY;
        let tasks = [(endless, endless), (1.0, endless), (endless, 2.0), (1.0, 3.0)];
        let found = difference(Direction::Higher, &tasks.map(|(then, now)| (value(then), value(now))));
        let Counts { better, worse, equal, .. } = found.counts();
        assert_eq!((better, worse, equal), (2, 1, 1));
        let values = |ranked: Vec<Ranked<Change>>| ranked.iter().map(|ranked| ranked.value).collect::<Vec<_>>();
        assert_eq!((values(found.gains()), values(found.losses())), (vec![endless, 2.0], vec![-endless]));
    }

    #[test]
    fn the_largest_changes_come_first_in_both_directions() {
        let tasks = [(1.0, 1.5), (1.0, 4.0), (1.0, 2.0), (1.0, 0.5), (1.0, -3.0), (1.0, 0.0)];
        let tasks = tasks.map(|(then, now)| (value(then), value(now)));
        let values = |ranked: Vec<Ranked<Change>>| ranked.iter().map(|ranked| ranked.value).collect::<Vec<_>>();
        let higher = difference(Direction::Higher, &tasks);
        assert_eq!((values(higher.gains()), values(higher.losses())), (vec![3.0, 1.0], vec![-4.0, -1.0]));
        let lower = difference(Direction::Lower, &tasks);
        assert_eq!((values(lower.gains()), values(lower.losses())), (vec![-4.0, -1.0], vec![3.0, 1.0]));
        assert_eq!(higher.gains()[0].row, Change { task_id: "1".into(), params: String::new(), then: 1.0, now: 4.0 });
    }
}
