//! The sample of a sweep: some of its tasks, run on the real workers, and what they took.
//!
//! Never keeps a result beyond the sample, and never decides what follows from it.
//!
//! The tasks are spread evenly over the plan, and the same each time, but for how far the sample gets: each round takes twice
//! as many tasks as the one before, until its time is used up. So a slow strategy gives a few tasks from everywhere, and a fast
//! one thousands. Some tasks that follow each other come at the end: their rows are as like each other as those of a file.

use std::{
    collections::HashSet,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    grid::{Plan, Shard, Spread},
    jobs::Known as _,
    parallel::ParallelBacktester,
    scope::{Part, Scope, SymbolScope, split},
    stored::StoredCells,
};
use crate::{
    backtest::Backtest,
    metrics::Metrics,
    results::{Records, Tally},
    task::{ParallelResult, TaskError},
};

/// How long the sample runs, beside the tasks that it has at least.
const LIMIT: Duration = Duration::from_secs(1);

/// The part of that for tasks from everywhere, where rows of others are wanted, too.
const SPREAD_PART: f64 = 0.6;

/// Tasks of the first round at least, which run however long they take.
const FIRST: u64 = 4;

/// Tasks of the largest round.
const LARGEST: u64 = 4_096;

/// Symbols that are sampled where each runs alone.
const SYMBOLS: usize = 4;

/// Results from everywhere that are held on to.
const HELD: usize = 512;

/// Tasks that follow each other, in all runs of them.
const ROWS: u64 = 4_096;

/// Runs of such tasks.
const RUNS: u64 = 8;

/// Such tasks below which those from everywhere tell as much.
const FEW: u64 = 8 * RUNS;

/// The sweep to estimate.
#[derive(Debug, Clone, Copy)]
pub struct EstimateOf<'a> {
    /// The combinations.
    pub plan: &'a Plan,
    /// The bars and the prepared strategy.
    pub scope: &'a Scope,
    /// How long preparing took; nothing where symbols run alone, which the sample prepares.
    pub prepared_in: Duration,
    /// The shard that would run; `None` for the whole sweep.
    pub shard: Option<Shard>,
    /// The store, if results would be kept.
    pub stored: Option<&'a StoredCells>,
    /// The results file that would be written, with what it says of itself.
    pub out: Option<(&'a Path, &'a [(String, String)])>,
    /// What makes rows of results.
    pub records: &'a Records,
}

/// What the sample has found.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    /// Seconds that tasks from everywhere took.
    pub(super) times: Vec<f64>,
    /// The first results of them.
    pub(super) spread: Vec<ParallelResult<Metrics>>,
    /// Successes and failures.
    pub(super) tally: Tally,
    /// Results that follow each other, each with the place of its symbol; known ones among them.
    pub(super) runs: Vec<(usize, ParallelResult<Metrics>)>,
    /// Seconds that each symbol took to prepare.
    pub(super) prepared: Vec<f64>,
    /// Seconds of a worker for each task beside the task's own.
    pub(super) overhead: f64,
    /// Seconds that looking a known task up takes; `None` where none was.
    pub(super) looked_up: Option<f64>,
    /// Tasks of the round that `overhead` comes from.
    largest: usize,
}

impl Sampled {
    /// The results that follow each other, or those from everywhere where there are no such.
    pub(super) fn rows(&self) -> impl Iterator<Item = &ParallelResult<Metrics>> {
        let spread = if self.runs.is_empty() { self.spread.as_slice() } else { &[] };
        spread.iter().chain(self.runs.iter().map(|(_, result)| result))
    }

    /// The same with the places of their symbols, without those that are known.
    pub(super) fn new_rows(&self) -> Vec<(usize, ParallelResult<Metrics>)> {
        let new: Vec<_> = self.runs.iter().filter(|(_, result)| !result.cached).cloned().collect();
        if new.is_empty() { self.spread.iter().map(|result| (0, result.clone())).collect() } else { new }
    }
}

/// What tasks run on: all instruments together, or one symbol.
struct On<'s> {
    scope: &'s Scope,
    symbol: Option<(usize, &'s str)>,
    until: Instant,
}

/// Takes the sample.
pub(super) struct Sampling<'a> {
    backtester: &'a ParallelBacktester,
    of: EstimateOf<'a>,
    needs_rows: bool,
    sampled: Sampled,
}

impl<'a> Sampling<'a> {
    /// Samples the sweep `of` on the workers of `backtester`; with rows that follow each other if `needs_rows`.
    pub(super) fn run(backtester: &'a ParallelBacktester, of: EstimateOf<'a>, needs_rows: bool) -> Sampled {
        let mut sampling = Self { backtester, of, needs_rows, sampled: Sampled::default() };
        let started = Instant::now();
        match of.scope {
            Scope::Together(_) => sampling.sample(&On { scope: of.scope, symbol: None, until: started + LIMIT }),
            Scope::EachSymbol(each) => sampling.symbols(each),
        }
        sampling.sampled
    }

    /// Samples some symbols, which are spread evenly.
    fn symbols(&mut self, each: &SymbolScope) {
        let series = each.market().dataset().series();
        let count = series.len().min(SYMBOLS);
        for number in 0..count {
            let at = (2 * number + 1) * series.len() / (2 * count);
            let started = Instant::now();
            let market = each.market().only(at).map(Arc::new);
            let backtest = market.and_then(|market| Backtest::new(market, each.strategy().clone()));
            self.sampled.prepared.push(started.elapsed().as_secs_f64());
            let symbol = Some((at, series[at].symbol.as_str()));
            match backtest {
                Ok(backtest) => {
                    let until = Instant::now() + LIMIT / count as u32;
                    self.sample(&On { scope: &Scope::from(backtest), symbol, until });
                }
                // All its tasks fail so.
                Err(error) => {
                    if let Some(failed) = self.failed(symbol, error.into()) {
                        self.sampled.tally.record(&failed);
                    }
                }
            }
            if self.is_stopped() {
                return;
            }
        }
    }

    /// The result of one task of a symbol that cannot be prepared.
    fn failed(&self, symbol: Option<(usize, &str)>, error: TaskError) -> Option<ParallelResult<Metrics>> {
        let index = *Spread::new(self.of.plan, None).combinations(1).first()?;
        let params = self.of.plan.params(index)?;
        let task_id = self.of.plan.task_id(&params);
        Some(named(self.of, symbol, ParallelResult { task_id, params, ..ParallelResult::new(index, Err(error)) }))
    }

    fn is_stopped(&self) -> bool {
        self.backtester.stop_handle().is_stopped()
    }

    fn sample(&mut self, on: &On<'_>) {
        // Tasks of symbols are numbered through all symbols, so that a shard has some of each; others are as like.
        let places = self.of.shard.filter(|_| on.symbol.is_none()).map(|shard| split(shard, self.of.plan, None));
        let spread = Spread::new(self.of.plan, places);
        self.rounds(on, spread);
        if self.needs_rows && !self.is_stopped() {
            self.runs(on, spread);
        }
    }

    /// Runs tasks from everywhere.
    fn rounds(&mut self, on: &On<'_>, spread: Spread<'_>) {
        let left = on.until.saturating_duration_since(Instant::now());
        let until = on.until - if self.needs_rows { left.mul_f64(1.0 - SPREAD_PART) } else { Duration::ZERO };
        let mut seen = HashSet::new();
        let mut size = FIRST.max(self.backtester.n_workers().next_power_of_two() as u64);
        let mut has_run = false;
        while size <= LARGEST && !self.is_stopped() {
            let mut new = spread.combinations(size);
            new.retain(|index| seen.insert(*index) && !self.knows(on, *index));
            size *= 2;
            let all = new.len();
            if has_run {
                new = some_of(new, self.affordable(until));
            }
            let is_cut = new.len() < all;
            if !new.is_empty() {
                self.tasks(on, new, |sampled, result| {
                    sampled.times.push(result.execution_time.as_secs_f64());
                    if sampled.spread.len() < HELD {
                        sampled.spread.push(result);
                    }
                });
                has_run = true;
            }
            if is_cut {
                return;
            }
        }
    }

    /// Runs tasks that follow each other, and looks those up that are known.
    fn runs(&mut self, on: &On<'_>, spread: Spread<'_>) {
        let count = if self.sampled.times.is_empty() { ROWS } else { self.affordable(on.until).min(ROWS) };
        if count < FEW {
            return;
        }
        let (known, new): (Vec<_>, Vec<_>) =
            spread.runs(RUNS, count).into_iter().partition(|index| self.knows(on, *index));
        let place = on.symbol.map_or(0, |(at, _)| at);
        let start = self.sampled.runs.len();
        let known = self.recall(on, &known);
        self.sampled.runs.extend(known.into_iter().map(|result| (place, result)));
        if !new.is_empty() {
            self.tasks(on, new, |sampled, result| sampled.runs.push((place, result)));
        }
        self.sampled.runs[start..].sort_by_key(|(_, result)| result.index);
    }

    fn knows(&self, on: &On<'_>, index: u64) -> bool {
        let known = |params| self.of.stored.is_some_and(|stored| stored.knows(on.symbol.map(|(at, _)| at), &params));
        self.of.plan.params(index).is_some_and(known)
    }

    /// How many tasks can be run until then, as far as those before tell.
    fn affordable(&self, until: Instant) -> u64 {
        let left = until.saturating_duration_since(Instant::now()).as_secs_f64();
        let times = &self.sampled.times;
        let each = times.iter().sum::<f64>() / times.len().max(1) as f64 + self.sampled.overhead;
        (left * self.backtester.n_workers() as f64 / each.max(1e-9)) as u64
    }

    /// Runs the combinations `indices` on all workers, and gives `take` each result.
    fn tasks(&mut self, on: &On<'_>, indices: Vec<u64>, take: impl Fn(&mut Sampled, ParallelResult<Metrics>)) {
        let (plan, workers) = (self.of.plan.only(indices), self.backtester.n_workers());
        let (mut count, mut busy) = (0, 0.0);
        let (of, sampled) = (self.of, &mut self.sampled);
        let started = Instant::now();
        self.backtester.sweep(on.scope, &plan, Part::all(), |batch| {
            for result in batch.results {
                (count, busy) = (count + 1, busy + result.execution_time.as_secs_f64());
                let result = named(of, on.symbol, result);
                sampled.tally.record(&result);
                take(sampled, result);
            }
            true
        });
        let seconds = started.elapsed().as_secs_f64();
        if count > sampled.largest && count >= 64 * workers {
            sampled.largest = count;
            sampled.overhead = ((seconds * workers as f64 - busy) / count as f64).max(0.0);
        }
    }

    /// Looks the combinations `indices` up in the store.
    fn recall(&mut self, on: &On<'_>, indices: &[u64]) -> Vec<ParallelResult<Metrics>> {
        let Some(stored) = self.of.stored.filter(|_| !indices.is_empty()) else { return Vec::new() };
        let started = Instant::now();
        let recall = |index: &u64| {
            let params = self.of.plan.params(*index)?;
            let (answer, time) = stored.recall(on.symbol.map(|(at, _)| at), &params)?;
            let strategy_name = self.of.scope.strategy().description().name.clone();
            let result = ParallelResult {
                execution_time: time,
                cached: true,
                strategy_name,
                ..ParallelResult::new(*index, answer.outcome)
            };
            let task_id = self.of.plan.task_id(&params);
            Some(ParallelResult { task_id, params, log: answer.log, units: answer.units, ..result })
        };
        let found: Vec<_> = indices.iter().filter_map(recall).collect();
        self.sampled.looked_up = Some(started.elapsed().as_secs_f64() / indices.len() as f64);
        found.into_iter().map(|result| named(self.of, on.symbol, result)).collect()
    }
}

/// The result with the names that it has where each symbol runs alone.
fn named(
    of: EstimateOf<'_>,
    symbol: Option<(usize, &str)>,
    result: ParallelResult<Metrics>,
) -> ParallelResult<Metrics> {
    let Some((at, name)) = symbol else { return result };
    let each = of.plan.count().exact().unwrap_or(of.plan.cells());
    let index = (at as u64).saturating_mul(each).saturating_add(result.index);
    ParallelResult { task_id: of.plan.task_id_on(name, &result.params), symbol: Some(name.to_owned()), index, ..result }
}

/// At most `count` of `all`, spread evenly.
fn some_of(all: Vec<u64>, count: u64) -> Vec<u64> {
    let count = count.min(all.len() as u64) as usize;
    (0..count).map(|number| all[number * all.len() / count]).collect()
}
