//! The estimate of a sweep: what it will cost, from a sample of its tasks on the real workers.
//!
//! Never keeps a result, in a file or in the store, and never touches an output file.

use std::time::Instant;

use super::{
    grid::{Count, Spread},
    known::KnownTasks,
    parallel::ParallelBacktester,
    peak::peak_memory,
    sampling::{EstimateOf, Sampled, Sampling},
    scope::{Part, split},
};
use crate::results::{Cell, FileSize, ResultsError, Tally};

/// Places that are looked at to tell how many combinations conditions leave.
const SHARE: u64 = 100_000;

/// Places that are looked at to tell how long looking at one takes.
const PACE: u64 = 20_000;

/// Tasks that are looked up in the store one by one; of more, a sample is.
const LOOKS: u64 = 1_000_000;

/// Results that a worker gives to the store at a time.
const BATCH: usize = 512;

/// The least that a time is uncertain, as a part of it: machines have other work, too.
const LEAST: f64 = 0.1;

/// Seconds, and between which they lie nearly always.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seconds {
    /// What is most likely.
    pub likely: f64,
    /// The lower end of the range.
    pub low: f64,
    /// The upper end of the range.
    pub high: f64,
}

/// The size of a results file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FileEstimate {
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of a row.
    pub row_bytes: f64,
}

/// What a sweep will cost.
#[derive(Debug)]
pub struct Estimate {
    /// Its tasks: combinations, on each symbol where each runs alone.
    pub tasks: Count,
    /// About how many they are: conditions may exclude some of [`Count::AtMost`].
    pub likely_tasks: f64,
    /// Those that the store knows.
    pub known: KnownTasks,
    /// Workers that would run it.
    pub workers: usize,
    /// Wall-clock time of the sweep, preparing included; `None` where tasks are new and none could be sampled.
    pub time: Option<Seconds>,
    /// Time that a worker takes for a new task on average; `None` where none was sampled.
    pub task: Option<Seconds>,
    /// The median of the same, in seconds.
    pub median: Option<f64>,
    /// Bytes of memory that this process and its worker processes had at most until the end of the sample; `None` where the
    /// system does not say it.
    pub memory: Option<u64>,
    /// The results file; `None` where there is none, or no row was sampled.
    pub file: Option<FileEstimate>,
    /// Bytes that new results take in the store; `None` where there is none, or no new result was sampled.
    pub store: Option<u64>,
    /// Successes and failures in the sample.
    pub tally: Tally,
    /// Seconds that the sample took.
    pub sampled_in: f64,
}

impl Estimate {
    /// Estimates the sweep `of` on the workers of `backtester`. Its stop ends the sample early.
    ///
    /// # Errors
    ///
    /// Returns an error if the rows of the sample cannot be encoded for the results file.
    pub fn new(backtester: &ParallelBacktester, of: EstimateOf<'_>) -> Result<Self, ResultsError> {
        let (tasks, likely_tasks) = of.tasks();
        let known = of.stored.map(|stored| stored.known_tasks(of.plan, of.shard, (likely_tasks, LOOKS)));
        let known = known.unwrap_or(KnownTasks { count: 0.0, is_exact: true });
        let started = Instant::now();
        let sampled = Sampling::run(backtester, of, of.out.is_some() || of.stored.is_some());
        let sampled_in = started.elapsed().as_secs_f64();
        let memory = peak_memory();
        let new = (likely_tasks - known.count).max(0.0);
        let (file, encoding) = of.file(&sampled, likely_tasks)?;
        let (store, keeping) = of.store(&sampled, new);
        let more = sampled.overhead + encoding + keeping;
        let task = mean(&sampled.times, new).map(|mean| mean.plus(more));
        let workers = backtester.n_workers();
        let looking_up = known.count * (sampled.looked_up.unwrap_or(0.0) + encoding);
        let other = Other { looking_up, scanning: of.scanning(), workers: workers as f64 };
        let time = of.time(task, new, &other, &sampled.prepared);
        Ok(Self {
            tasks,
            likely_tasks,
            known,
            workers,
            time,
            task,
            median: median(sampled.times).map(|median| median + more),
            memory,
            file,
            store,
            tally: sampled.tally,
            sampled_in,
        })
    }

    /// About how many tasks are new.
    pub fn new_tasks(&self) -> f64 {
        (self.likely_tasks - self.known.count).max(0.0)
    }
}

/// What a sweep does beside its new tasks.
struct Other {
    /// Seconds that workers look known results up.
    looking_up: f64,
    /// Seconds in which one worker at a time looks for the combinations that conditions leave.
    scanning: f64,
    workers: f64,
}

impl EstimateOf<'_> {
    /// The number of tasks as far as it is known, and about how many they are.
    fn tasks(&self) -> (Count, f64) {
        if let Some(exact) = Part::all().within(self.shard).total(self.scope, self.plan) {
            return (Count::Exact(exact), exact as f64);
        }
        let most = self.places();
        (Count::AtMost(most), most as f64 * Spread::new(self.plan, None).share(SHARE))
    }

    /// The places of the sweep that may have a task.
    fn places(&self) -> u64 {
        let symbols = self.scope.symbols();
        let all = self.plan.places().saturating_mul(symbols.unwrap_or(1));
        match self.shard.map(|shard| split(shard, self.plan, symbols)) {
            Some(split) => split.count(all),
            None => all,
        }
    }

    /// The seconds that looking for the combinations takes which conditions leave.
    fn scanning(&self) -> f64 {
        if self.plan.is_full() {
            return 0.0;
        }
        let started = Instant::now();
        Spread::new(self.plan, None).share(PACE);
        started.elapsed().as_secs_f64() / PACE.min(self.plan.places()).max(1) as f64 * self.places() as f64
    }

    /// The results file with `tasks` rows, and the seconds that a worker takes to encode a row.
    fn file(&self, sampled: &Sampled, tasks: f64) -> Result<(Option<FileEstimate>, f64), ResultsError> {
        let Some((path, facts)) = self.out else { return Ok((None, 0.0)) };
        let hash = self.scope.strategy().digest().map(|digest| digest.to_string());
        let rows: Vec<Vec<Cell<'_>>> = sampled.rows().map(|result| self.records.row(result, hash.as_deref())).collect();
        if rows.is_empty() && tasks > 0.0 {
            return Ok((None, 0.0));
        }
        let started = Instant::now();
        let size = FileSize::measure(path, self.records.columns(), facts, &rows)?;
        // Half of the rows are encoded twice.
        let encoding = started.elapsed().as_secs_f64() / (1.5 * rows.len().max(1) as f64);
        Ok((Some(FileEstimate { bytes: size.of(tasks.round() as u64), row_bytes: size.row() }), encoding))
    }

    /// The bytes of `new` results in the store, and the seconds that a worker takes to encode one.
    fn store(&self, sampled: &Sampled, new: f64) -> (Option<u64>, f64) {
        let Some(stored) = self.stored else { return (None, 0.0) };
        if new == 0.0 {
            return (Some(0), 0.0);
        }
        let started = Instant::now();
        let (mut bytes, mut count) = (0, 0);
        for rows in sampled.new_rows().chunk_by(|one, next| one.0 == next.0).flat_map(|rows| rows.chunks(BATCH)) {
            let results: Vec<_> = rows.iter().map(|(_, result)| result.clone()).collect();
            let Some(size) = stored.size_of(rows[0].0, &results) else { return (None, 0.0) };
            (bytes, count) = (bytes + size, count + rows.len());
        }
        if count == 0 {
            return (None, 0.0);
        }
        let each = |sum: f64| sum / count as f64;
        (Some((each(bytes as f64) * new) as u64), each(started.elapsed().as_secs_f64()))
    }

    /// The time of `new` tasks and of what there is to do besides.
    fn time(&self, task: Option<Seconds>, new: f64, other: &Other, prepared: &[f64]) -> Option<Seconds> {
        let task = if new > 0.0 { task? } else { Seconds::default() };
        let symbols = self.scope.symbols().map_or(0.0, |symbols| (symbols as f64).min(new));
        let preparing = symbols * prepared.iter().sum::<f64>() / prepared.len().max(1) as f64;
        let Other { looking_up, scanning, workers } = *other;
        // One task is not divided.
        let rounds = (new / workers).max(new.min(1.0));
        let working = |task: f64| rounds * task + (looking_up + preparing + scanning) / workers;
        let all = |task: f64| self.prepared_in.as_secs_f64() + working(task).max(scanning);
        let likely = all(task.likely);
        let (low, high) = (all(task.low).min(likely * (1.0 - LEAST)), all(task.high).max(likely * (1.0 + LEAST)));
        Some(Seconds { likely, low, high })
    }
}

impl Seconds {
    fn plus(self, more: f64) -> Self {
        Self { likely: self.likely + more, low: self.low + more, high: self.high + more }
    }
}

/// The mean of `times`, which are a sample of `all` times, and where the mean of all lies nearly always: two standard errors on
/// either side, and more where they are few.
fn mean(times: &[f64], all: f64) -> Option<Seconds> {
    let count = times.len() as f64;
    let least = times.iter().copied().reduce(f64::min)?;
    let likely = times.iter().sum::<f64>() / count;
    if times.len() == 1 {
        return Some(if all > 1.0 {
            Seconds { likely, low: likely / 2.0, high: likely * 2.0 }
        } else {
            Seconds { likely, low: likely, high: likely }
        });
    }
    let variance = times.iter().map(|time| (time - likely).powi(2)).sum::<f64>() / (count - 1.0);
    // Of a sample that is all there is, the mean is known.
    let unseen = (1.0 - count / all.max(count)).max(0.0);
    let error = (2.0 + 4.0 / (count - 1.0)) * (variance / count * unseen).sqrt();
    Some(Seconds { likely, low: (likely - error).max(least), high: likely + error })
}

fn median(mut times: Vec<f64>) -> Option<f64> {
    if times.is_empty() {
        return None;
    }
    let middle = times.len() / 2;
    Some(*times.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_mean_says_how_much_the_sample_does_not_know() {
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        let one_slow = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 101.0];
        let found = mean(&one_slow, 1e6).unwrap();
        close(found.likely, 11.0);
        assert!(found.low == 1.0 && found.high > 30.0, "{found:?}");
        // All tasks were sampled.
        let found = mean(&one_slow, 10.0).unwrap();
        assert_eq!((found.low, found.high), (11.0, 11.0));
        let alike = mean(&[2.0; 30], 1e6).unwrap();
        assert_eq!((alike.low, alike.likely, alike.high), (2.0, 2.0, 2.0));
        let (few, many) = (mean(&[1.0, 3.0, 1.0, 3.0], 1e6).unwrap(), mean(&[1.0, 3.0].repeat(500), 1e6).unwrap());
        close(few.likely, many.likely);
        assert!(few.high - few.likely > 10.0 * (many.high - many.likely), "{few:?} {many:?}");
        let one = mean(&[4.0], 2.0).unwrap();
        assert_eq!((one.low, one.high), (2.0, 8.0));
        assert_eq!(mean(&[], 5.0), None);
        assert_eq!((median(vec![]), median(vec![9.0, 1.0, 2.0])), (None, Some(2.0)));
    }
}
