//! The tally of a run: counts of successes and of failures by kind and by cause, with an example of each.
//!
//! Never keeps results, only counts and examples: memory does not grow with the number of failures.

use std::collections::BTreeMap;

use super::record::params_text;
use crate::{
    model::Digest,
    task::{ErrorKind, ParallelResult},
};

/// The most causes of one kind that are told apart.
const CAUSES: usize = 32;

/// The characters of a message that tell its cause.
const TELLING: usize = 200;

/// Counts of successes, of failures by their kind, and of whatever else a caller counts.
///
/// The same results make the same tally in whatever order they come and however many tallies are merged.
///
/// # Examples
///
/// ```
/// use host::results::Tally;
/// # use host::task::{ErrorKind, ParallelResult};
/// # let results = [ParallelResult::<()> {
/// #     task_id: "sweep-7".into(), result: None, execution_time: Default::default(), worker_id: 0, cached: false, success: false,
/// #     error_message: Some("index out of bounds".into()), error_kind: Some(ErrorKind::Panic), index: 7,
/// #     params: Default::default(), strategy_name: String::new(), symbol: None, log: vec![], units: None, returns: vec![],
/// # }];
///
/// let mut tally = Tally::default();
/// for result in &results {
///     tally.record(result);
/// }
/// tally.note("no trades");
/// for (kind, failures) in tally.failures() {
///     println!("{kind}: {}, for example {}: {}", failures.count, failures.example.task_id, failures.example.message);
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    successes: u64,
    failures: BTreeMap<ErrorKind, Failures>,
    notes: BTreeMap<String, u64>,
}

/// The failures of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Failures {
    /// The number of tasks that failed so.
    pub count: u64,
    /// The one with the lowest index.
    pub example: Example,
    /// By the hash of what tells the cause. Those with the lowest hashes are kept, so that their counts are exact in whatever
    /// order failures come.
    causes: BTreeMap<Digest, Cause>,
}

/// Failures of one kind whose messages have the same first line, numbers aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The number of tasks that failed so.
    pub count: u64,
    /// The one with the lowest index.
    pub example: Example,
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The task's place in its run, counted from 0.
    pub index: u64,
    /// The task's name.
    pub task_id: String,
    /// Its parameters: `fast=5 slow=20`.
    pub params: String,
    /// Why it failed, in words for the strategy's author.
    pub message: String,
}

impl Tally {
    /// Counts `result`.
    pub fn record<R>(&mut self, result: &ParallelResult<R>) {
        if result.success {
            self.successes += 1;
            return;
        }
        // A failure without a kind breaks the contract of results, which is a bug of the host.
        let kind = result.error_kind.unwrap_or(ErrorKind::Host);
        self.failures.entry(kind).or_insert_with(|| Failures::none(result)).record(result);
    }

    /// Counts one more of `name`: a task without trades, say, or one that misses a requirement.
    pub fn note(&mut self, name: &str) {
        if let Some(count) = self.notes.get_mut(name) {
            *count += 1;
        } else {
            self.notes.insert(name.to_owned(), 1);
        }
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: Self) {
        self.successes += other.successes;
        for (kind, theirs) in other.failures {
            match self.failures.get_mut(&kind) {
                Some(ours) => ours.merge(theirs),
                None => _ = self.failures.insert(kind, theirs),
            }
        }
        for (name, count) in other.notes {
            *self.notes.entry(name).or_default() += count;
        }
    }

    /// The number of tasks counted.
    pub fn total(&self) -> u64 {
        self.successes + self.failed()
    }

    /// The number of tasks that have a result.
    pub fn successes(&self) -> u64 {
        self.successes
    }

    /// The number of tasks that have none.
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|failures| failures.count).sum()
    }

    /// The failures of each kind that came up, in the order of [`ErrorKind`].
    pub fn failures(&self) -> impl Iterator<Item = (ErrorKind, &Failures)> {
        self.failures.iter().map(|(kind, failures)| (*kind, failures))
    }

    /// How often `name` was noted.
    pub fn noted(&self, name: &str) -> u64 {
        self.notes.get(name).copied().unwrap_or(0)
    }

    /// Every name noted and how often, in the order of the names.
    pub fn notes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.notes.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

impl Failures {
    /// No failures, with the example of `first`, which is not counted yet.
    fn none<R>(first: &ParallelResult<R>) -> Self {
        Self { count: 0, example: Example::of(first), causes: BTreeMap::new() }
    }

    fn record<R>(&mut self, result: &ParallelResult<R>) {
        self.count += 1;
        if result.index < self.example.index {
            self.example = Example::of(result);
        }
        let hash = telling(result.error_message.as_deref().unwrap_or_default());
        match self.causes.get_mut(&hash) {
            Some(cause) => cause.add(1, result.index, || Example::of(result)),
            None => self.keep(hash, Cause { count: 1, example: Example::of(result) }),
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        if other.example.index < self.example.index {
            self.example = other.example;
        }
        for (hash, theirs) in other.causes {
            match self.causes.get_mut(&hash) {
                Some(ours) => ours.add(theirs.count, theirs.example.index, || theirs.example),
                None => self.keep(hash, theirs),
            }
        }
    }

    fn keep(&mut self, hash: Digest, cause: Cause) {
        self.causes.insert(hash, cause);
        if self.causes.len() > CAUSES {
            self.causes.pop_last();
        }
    }

    /// The causes that are told apart, the most frequent first. Their counts add up to [`count`](Self::count) unless there are
    /// very many causes.
    pub fn causes(&self) -> Vec<&Cause> {
        let mut causes: Vec<_> = self.causes.values().collect();
        causes.sort_by_key(|cause| (std::cmp::Reverse(cause.count), cause.example.index));
        causes
    }
}

impl Cause {
    fn add(&mut self, count: u64, index: u64, example: impl FnOnce() -> Example) {
        self.count += count;
        if index < self.example.index {
            self.example = example();
        }
    }
}

/// The hash of what tells the cause of a failure: the first line of its message, where any number stands for any other.
fn telling(message: &str) -> Digest {
    let line = message.lines().next().unwrap_or_default();
    let mut told = String::new();
    for character in line.chars().take(TELLING) {
        match character {
            '0'..='9' if told.ends_with('0') => {}
            '0'..='9' => told.push('0'),
            other => told.push(other),
        }
    }
    Digest::of(told.as_bytes())
}

impl Example {
    fn of<R>(result: &ParallelResult<R>) -> Self {
        Self {
            index: result.index,
            task_id: result.task_id.clone(),
            params: params_text(&result.params),
            message: result.error_message.clone().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Params, Value};

    fn result(index: u64, error_kind: Option<ErrorKind>) -> ParallelResult<()> {
        ParallelResult {
            task_id: format!("task-{index}"),
            result: error_kind.is_none().then_some(()),
            execution_time: Duration::ZERO,
            worker_id: 0,
            success: error_kind.is_none(),
            // Some causes come again, and there are more of them than are told apart.
            error_message: error_kind.map(|kind| format!("{kind} at {}{index}", "x".repeat(index as usize % 40))),
            error_kind,
            index,
            cached: false,
            params: Params::from([
                ("fast".into(), Value::Integer(index as i64)),
                ("mode".into(), Value::Text("long".into())),
            ]),
            strategy_name: String::new(),
            symbol: None,
            log: vec![],
            units: None,
            returns: Vec::new(),
        }
    }

    fn tally(results: &[ParallelResult<()>]) -> Tally {
        let mut tally = Tally::default();
        for result in results {
            tally.record(result);
            if result.index % 3 == 0 {
                tally.note("no trades");
            }
        }
        tally
    }

    #[test]
    fn failures_are_counted_by_kind_with_the_first_as_the_example() {
        let kinds = [None, Some(ErrorKind::Panic), Some(ErrorKind::Trap), Some(ErrorKind::Panic), None, None];
        let mut results: Vec<_> = (0..).zip(kinds).map(|(index, kind)| result(index, kind)).collect();
        results.reverse();
        let tally = tally(&results);
        assert_eq!((tally.total(), tally.successes(), tally.failed()), (6, 3, 3));
        let example = Example {
            index: 1,
            task_id: "task-1".into(),
            params: "fast=1 mode=long".into(),
            message: "panic at x1".into(),
        };
        let found: Vec<_> = tally.failures().map(|(kind, failures)| (kind, failures.count)).collect();
        assert_eq!(found, [(ErrorKind::Panic, 2), (ErrorKind::Trap, 1)]);
        let (_, panics) = tally.failures().next().unwrap();
        assert_eq!((panics.count, &panics.example), (2, &example));
        assert_eq!(panics.causes().len(), 2, "they have other messages");
    }

    fn failed(index: u64, message: &str) -> ParallelResult<()> {
        ParallelResult { error_message: Some(message.to_owned()), ..result(index, Some(ErrorKind::Failed)) }
    }

    #[test]
    fn causes_are_told_apart_by_the_first_line_numbers_aside() {
        let messages = ["MemoryError", "TypeError: row 7\nat a", "TypeError: row 12\nat b", "TypeError: column 7"];
        let results: Vec<_> = (0..).zip(messages).map(|(index, message)| failed(index, message)).collect();
        let tally = tally(&results);
        let (_, failures) = tally.failures().next().unwrap();
        let causes: Vec<_> = failures.causes().iter().map(|cause| (cause.count, cause.example.index)).collect();
        assert_eq!(causes, [(2, 1), (1, 0), (1, 3)]);
    }

    #[test]
    fn very_many_causes_take_no_more_memory_and_those_that_are_kept_have_all_their_failures() {
        let word = |number: u64| format!("{number:b}").replace('0', "a").replace('1', "b");
        let results: Vec<_> = (0..400).map(|index| failed(index, &word(index % 200))).collect();
        let (mut forth, mut back) = (tally(&results[..150]), Tally::default());
        forth.merge(tally(&results[150..]));
        results.iter().rev().for_each(|result| back.record(result));
        let (_, failures) = forth.failures().next().unwrap();
        assert_eq!((failures.count, failures.causes().len()), (400, CAUSES));
        assert!(failures.causes().iter().all(|cause| cause.count == 2));
        assert_eq!(back.failures().next().unwrap().1, failures);
    }

    #[test]
    fn notes_are_counted_by_name() {
        let mut tally = tally(&[result(0, None), result(3, None), result(4, None)]);
        tally.note("trades >= 30");
        assert_eq!(tally.notes().collect::<Vec<_>>(), [("no trades", 2), ("trades >= 30", 1)]);
        assert_eq!((tally.noted("no trades"), tally.noted("never heard of")), (2, 0));
    }

    #[test]
    fn a_failure_without_a_kind_is_a_bug_of_the_host() {
        let broken = ParallelResult { success: false, ..result(0, None) };
        let kinds: Vec<_> = tally(&[broken]).failures().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [ErrorKind::Host]);
    }

    proptest! {
        #[test]
        fn neither_order_nor_merging_changes_a_tally(
            (kinds, order) in prop::collection::vec(
                prop::option::of(prop::sample::select(vec![ErrorKind::Panic, ErrorKind::Failed, ErrorKind::Host])),
                0..90,
            ).prop_flat_map(|kinds| {
                let order: Vec<usize> = (0..kinds.len()).collect();
                (Just(kinds), Just(order).prop_shuffle())
            }),
            cut in 0usize..90,
        ) {
            let results: Vec<_> = (0..).zip(kinds).map(|(index, kind)| result(index, kind)).collect();
            let shuffled: Vec<_> = order.iter().map(|&at| results[at].clone()).collect();
            let (head, tail) = shuffled.split_at(cut.min(shuffled.len()));
            let mut merged = tally(tail);
            merged.merge(tally(head));
            prop_assert_eq!(merged, tally(&results));
        }
    }
}
