//! Checks of the store: known results that are computed again, and compared bit for bit.
//!
//! Never decides which of two results is right.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use crate::{
    metrics::{Metrics, Selection},
    model::{Canonical, Digest, Params},
    task::ParallelResult,
};

/// Differences that are kept; more are counted.
const SHOWN: usize = 20;

/// Which results are checked, and what came of it.
#[derive(Debug)]
pub(super) struct Checks {
    /// Results whose hash is below it.
    below: u64,
    /// What makes another run check other results.
    salt: u64,
    metrics: Selection,
    checked: AtomicU64,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    differing: u64,
    mismatches: Vec<Mismatch>,
    /// The places of the bars whose books have one.
    places: BTreeSet<usize>,
}

/// A value that was another one when it was computed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The name of the task.
    pub task_id: String,
    /// The metric, or `failure`, `log` or `units`.
    pub what: String,
    /// What the store has.
    pub known: String,
    /// What was computed now.
    pub now: String,
}

/// What came of checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Results that were computed again and compared.
    pub checked: u64,
    /// Those of them that differ.
    pub differing: u64,
    /// The first differences.
    pub mismatches: Vec<Mismatch>,
    /// Where the books are now that had them: nothing is found there any more.
    pub aside: Vec<PathBuf>,
}

impl Checks {
    /// Checks a `share` of all results, from 0 to 1, in each of which `metrics` are compared.
    pub(super) fn new(share: f64, metrics: Selection) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // A cast of more than there is gives the most.
        let below = (share * u64::MAX as f64) as u64;
        let (checked, found) = (AtomicU64::new(0), Mutex::default());
        Self { below, salt: since.as_nanos() as u64, metrics, checked, found }
    }

    pub(super) fn takes(&self, params: &Params) -> bool {
        if self.below == u64::MAX {
            return true;
        }
        let hash = Digest::of(Canonical::default().count("salt", self.salt).params(params).as_bytes()).first();
        let [first @ .., _, _, _, _, _, _, _, _] = hash;
        u64::from_be_bytes(first) < self.below
    }

    /// Compares a known result with that of now, on the bars at `place`. Returns whether they are the same.
    pub(super) fn compare(&self, place: usize, known: &ParallelResult<Metrics>, now: &ParallelResult<Metrics>) -> bool {
        if now.error_kind.is_some_and(|kind| !kind.is_deterministic()) {
            // The clock has ended it, or a bug of the host: that says nothing of what is known.
            return true;
        }
        self.checked.fetch_add(1, Relaxed);
        let mismatches = mismatches(self.metrics, known, now);
        if mismatches.is_empty() {
            return true;
        }
        let mut found = lock(&self.found);
        found.differing += 1;
        found.places.insert(place);
        let room = SHOWN.saturating_sub(found.mismatches.len());
        found.mismatches.extend(mismatches.into_iter().take(room));
        false
    }

    /// What came of the checks, and the places of the bars whose books have a difference.
    pub(super) fn finish(&self) -> (Checked, BTreeSet<usize>) {
        let Found { differing, mismatches, places } = std::mem::take(&mut *lock(&self.found));
        (Checked { checked: self.checked.load(Relaxed), differing, mismatches, aside: Vec::new() }, places)
    }
}

/// Every value that differs.
fn mismatches(metrics: Selection, known: &ParallelResult<Metrics>, now: &ParallelResult<Metrics>) -> Vec<Mismatch> {
    let mut values = vec![
        ("failure", failure(known), failure(now)),
        ("log", Some(known.log.join("\n")), Some(now.log.join("\n"))),
        ("units", known.units.map(|units| units.to_string()), now.units.map(|units| units.to_string())),
    ];
    if let (Some(known), Some(now)) = (&known.result, &now.result) {
        let of = |all: &Metrics, name: &str| all.get(name).flatten();
        let differ = |name: &&str| of(known, name).map(f64::to_bits) != of(now, name).map(f64::to_bits);
        // Text for what differs only: zeros of either sign and numbers of 17 digits are told apart.
        let text = |value: Option<f64>| value.map(|value| format!("{value:?}"));
        let differing = metrics.names().filter(differ);
        values.extend(differing.map(|name| (name, text(of(known, name)), text(of(now, name)))));
    }
    let differing = values.into_iter().filter(|(_, known, now)| known != now);
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let mismatch = |(what, then, now): (&str, Option<String>, Option<String>)| Mismatch {
        task_id: known.task_id.clone(),
        what: what.to_owned(),
        known: text(then),
        now: text(now),
    };
    differing.map(mismatch).collect()
}

fn failure(result: &ParallelResult<Metrics>) -> Option<String> {
    let kind = result.error_kind?;
    Some(format!("{}: {}", kind.as_str(), result.error_message.as_deref().unwrap_or_default()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{ErrorKind, TaskError};

    fn checks() -> Checks {
        Checks::new(1.0, Selection::of(["sharpe", "trades"]).unwrap())
    }

    fn result(sharpe: f64) -> ParallelResult<Metrics> {
        ParallelResult::new(0, Ok(Metrics { sharpe: Some(sharpe), cagr: Some(sharpe), ..Metrics::default() }))
    }

    #[test]
    fn each_value_that_differs_is_found() {
        let failed = |kind, text: &str| ParallelResult::new(0, Err(TaskError::new(kind, text)));
        let trap = failed(ErrorKind::Trap, "one");
        let with = |change: fn(&mut ParallelResult<Metrics>)| {
            let mut changed = result(1.0);
            change(&mut changed);
            changed
        };
        let cases = [
            (result(1.0), result(1.0), vec![]),
            (result(1.0), result(1.0_f64.next_up()), vec!["sharpe"]),
            (result(0.0), result(-0.0), vec!["sharpe"]),
            (result(1.0), with(|other| other.units = Some(3)), vec!["units"]),
            (result(1.0), with(|other| other.log = vec!["a".to_owned()]), vec!["log"]),
            // What nobody asks for is not compared.
            (result(1.0), with(|other| other.result.as_mut().unwrap().cagr = None), vec![]),
            (trap.clone(), trap.clone(), vec![]),
            (trap.clone(), failed(ErrorKind::Trap, "two"), vec!["failure"]),
            (trap.clone(), result(1.0), vec!["failure"]),
            (result(1.0), trap, vec!["failure"]),
        ];
        for (known, now, expected) in cases {
            let checks = checks();
            assert_eq!(checks.compare(3, &known, &now), expected.is_empty(), "{known:?} {now:?}");
            let (checked, places) = checks.finish();
            assert!(checked.mismatches.iter().map(|mismatch| &*mismatch.what).eq(expected.iter().copied()));
            assert_eq!((checked.checked, checked.differing), (1, u64::from(!expected.is_empty())));
            assert_eq!(places.into_iter().collect::<Vec<_>>(), if expected.is_empty() { vec![] } else { vec![3] });
        }
        let late = failed(ErrorKind::TimedOut, "late");
        let checks = checks();
        assert!(checks.compare(0, &result(1.0), &late));
        assert_eq!(checks.finish().0.checked, 0, "what the clock has ended says nothing");
    }

    #[test]
    fn a_share_of_all_is_checked() {
        let metrics = Selection::none();
        let takes = |share: f64| {
            let checks = Checks::new(share, metrics);
            (0..2_000).filter(|n| checks.takes(&Params::from([("n".to_owned(), i64::from(*n).into())]))).count()
        };
        assert_eq!((takes(0.0), takes(1.0)), (0, 2_000));
        let some = takes(0.25);
        assert!((400..600).contains(&some), "{some}");
    }
}
