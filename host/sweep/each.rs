//! Each symbol alone: its market and its prepared strategy, prepared ahead of its tasks and dropped after them.
//!
//! Never holds more than a few symbols, however many there are.
//!
//! The scheduler knows one source of tasks, so that preparing is a task too: [`Steps`] offers the preparation of a symbol
//! [`AHEAD`] symbols before its first combination. Nothing waits for the preparation itself. A worker whose task needs a
//! symbol that is still being prepared blocks in [`Symbol::prepare`] (a `OnceLock`); a worker that comes first prepares it.
//! The last task of a symbol drops its last `Arc`, and with it the bars and the compiled state.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use super::{
    grid::{Indices, Plan, Split},
    scheduler::Work,
    source::Pace,
    stop::Stop,
};
use crate::{
    backtest::{Backtest, Market, Strategy, Waiting, WorkerState},
    metrics::Metrics,
    model::Params,
    task::{Answer, ParallelResult, TaskError},
};

/// How many symbols are prepared ahead: this many workers stay busy where preparing takes longer than running. Each symbol
/// holds its bars twice, once as the strategy keeps them.
const AHEAD: usize = 4;

/// One symbol, and its backtest once prepared.
pub(super) struct Symbol {
    /// Its place in the data set.
    at: usize,
    backtest: OnceLock<Result<Backtest, TaskError>>,
}

impl Symbol {
    fn new(at: usize) -> Self {
        Self { at, backtest: OnceLock::new() }
    }

    /// Its place in the data set.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    pub(super) fn name<'a>(&self, market: &'a Market) -> &'a str {
        &market.dataset().series()[self.at].symbol
    }

    /// Prepares it, or waits for the worker that does.
    pub(super) fn prepare(&self, market: &Market, strategy: &Strategy) {
        self.backtest.get_or_init(|| Ok(Backtest::new(Arc::new(market.only(self.at)?), strategy.clone())?));
    }

    /// Runs several combinations on the prepared symbol, in a worker process or on a cluster.
    pub(super) fn run_batch(
        &self,
        state: &mut WorkerState,
        tasks: &[&Params],
        waiting: &Waiting<'_>,
    ) -> Vec<(Answer<Metrics>, Duration)> {
        match self.backtest.get() {
            Some(Ok(backtest)) => backtest.run_batch(state, tasks, waiting),
            _ => tasks.iter().map(|params| (self.run(state, params), Duration::ZERO)).collect(),
        }
    }

    /// Runs one combination on the prepared symbol.
    pub(super) fn run(&self, state: &mut WorkerState, params: &Params) -> Answer<Metrics> {
        match self.backtest.get() {
            Some(Ok(backtest)) => backtest.run(state, params),
            Some(Err(error)) => Answer::native(Err(error.clone())),
            None => unreachable!("a symbol is prepared before its tasks run"),
        }
    }
}

/// The number of a combination, and the symbol that it runs on.
pub(super) type OnSymbol = (Arc<Symbol>, u64);

/// A step of a worker.
pub(super) enum Step {
    /// Prepare a symbol, unless its tasks are over: another worker may run them before this step, and prepares it then.
    Prepare(Weak<Symbol>),
    /// Run a task: its index among all, its symbol and its combination.
    Run((u64, OnSymbol)),
}

impl Step {
    /// The task, if it is one.
    fn task(&self) -> Option<(u64, OnSymbol)> {
        match self {
            Self::Prepare(_) => None,
            Self::Run(task) => Some(task.clone()),
        }
    }
}

/// The steps of a sweep over each symbol: the tasks of one symbol after the other, with preparations [`AHEAD`] of them.
pub(super) struct Steps<'a, W> {
    plan: &'a Plan,
    stop: &'a Stop,
    coming: Range<usize>,
    ahead: VecDeque<Arc<Symbol>>,
    current: Option<(Arc<Symbol>, Indices<'a>)>,
    next: u64,
    /// The tasks of each symbol, if their number is known.
    each: Option<u64>,
    /// The indices of tasks that one shard has; `None` for all.
    split: Option<Split>,
    wanted: W,
}

impl<'a, W: FnMut(u64) -> bool> Steps<'a, W> {
    /// The steps of `plan` over the first `symbols` symbols of a market, with only the `wanted` tasks of `split`; none after
    /// `stop`. A symbol without a task of the shard is not prepared.
    pub(super) fn new(symbols: usize, plan: &'a Plan, stop: &'a Stop, split: Option<Split>, wanted: W) -> Self {
        let (ahead, each) = (VecDeque::new(), plan.count().exact());
        Self { plan, stop, coming: 0..symbols, ahead, current: None, next: 0, each, split, wanted }
    }

    /// How many tasks lie between the next one and the next one of the shard; `None` where there is no more.
    fn gap(&self) -> Option<u64> {
        self.split.map_or(Some(0), |split| Some(split.next_from(self.next)? - self.next))
    }

    /// The place of the next symbol with a task of the shard.
    fn next_symbol(&mut self) -> Option<usize> {
        let (Some(split), Some(each)) = (self.split, self.each) else { return self.coming.next() };
        self.coming.find(|at| {
            let start = *at as u64 * each;
            split.next_from(start).is_some_and(|next| next - start < each)
        })
    }

    fn next_run(&mut self) -> Option<Step> {
        loop {
            let gap = self.gap()?;
            let (symbol, combinations) = self.current.as_mut()?;
            let passed = combinations.pass(gap);
            self.next += passed;
            if passed < gap {
                return None;
            }
            let combination = combinations.next()?;
            let index = self.next;
            self.next += 1;
            if (self.wanted)(index) {
                return Some(Step::Run((index, (Arc::clone(symbol), combination))));
            }
        }
    }

    fn begin(&mut self, symbol: Arc<Symbol>) {
        if let Some(each) = self.each {
            self.next = symbol.at as u64 * each;
        }
        self.current = Some((symbol, self.plan.indices().until(self.stop.flag())));
    }
}

impl<W: FnMut(u64) -> bool> Iterator for Steps<'_, W> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if self.ahead.len() < AHEAD
                && let Some(at) = self.next_symbol()
            {
                let symbol = Arc::new(Symbol::new(at));
                let step = Step::Prepare(Arc::downgrade(&symbol));
                self.ahead.push_back(symbol);
                return Some(step);
            }
            if let Some(run) = self.next_run() {
                return Some(run);
            }
            self.current = None;
            let symbol = self.ahead.pop_front()?;
            self.begin(symbol);
        }
    }

    /// At most all preparations and all combinations of the symbols from here on.
    fn size_hint(&self) -> (usize, Option<usize>) {
        if let (Some(split), Some(each)) = (self.split, self.each) {
            let all = each.saturating_mul(self.coming.end as u64);
            let left = usize::try_from(split.count(all) - split.count(self.next.min(all))).ok();
            return (0, left.and_then(|left| left.checked_add(self.coming.len())));
        }
        let current = self.current.as_ref().map_or(Some(0), |(_, combinations)| combinations.size_hint().1);
        let later = self.plan.indices().size_hint().1.and_then(|each| {
            let symbols = self.coming.len().checked_add(self.ahead.len())?;
            each.checked_mul(symbols)?.checked_add(self.coming.len())
        });
        (0, current.zip(later).and_then(|(current, later)| current.checked_add(later)))
    }
}

/// The work on a step; `jobs` runs the tasks themselves, and prepares the symbol of each that it runs.
pub(super) struct EachSymbol<'a, J, K> {
    pub(super) market: &'a Market,
    pub(super) strategy: &'a Strategy,
    /// Whether the tasks of the symbol at a place seem to be known, so that it is not prepared ahead.
    pub(super) is_known: K,
    pub(super) jobs: J,
}

impl<J, K> EachSymbol<'_, J, K> {
    /// The result with the name of its symbol.
    fn named(&self, symbol: &Symbol, result: ParallelResult<Metrics>) -> Option<ParallelResult<Metrics>> {
        Some(ParallelResult { symbol: Some(symbol.name(self.market).to_owned()), ..result })
    }
}

impl<J, K> Work<Step> for EachSymbol<'_, J, K>
where
    K: Fn(usize) -> bool + Sync,
    J: Work<(u64, OnSymbol), Done = ParallelResult<Metrics>>,
{
    type WorkerState = J::WorkerState;
    /// `None` for a preparation.
    type Done = Option<ParallelResult<Metrics>>;
    /// `None` of preparations only.
    type Batch = Option<J::Batch>;

    fn worker_state(&self, worker: usize) -> Self::WorkerState {
        self.jobs.worker_state(worker)
    }

    fn work(&self, state: &mut Self::WorkerState, step: &Step) -> Self::Done {
        match step {
            Step::Prepare(symbol) => {
                if let Some(symbol) = symbol.upgrade()
                    && !(self.is_known)(symbol.at)
                {
                    symbol.prepare(self.market, self.strategy);
                }
                None
            }
            Step::Run(task) => {
                // This prepares the symbol, too, before the clock starts of a task that is not known: another worker may still be
                // preparing it, and a preparation that panicked has left it unprepared.
                self.named(&task.1.0, self.jobs.work(state, task))
            }
        }
    }

    fn batch(&self, results: Vec<Self::Done>) -> Self::Batch {
        let results: Vec<_> = results.into_iter().flatten().collect();
        (!results.is_empty()).then(|| self.jobs.batch(results))
    }

    fn help(&self) {
        self.jobs.help();
    }

    fn is_batched(&self) -> bool {
        self.jobs.is_batched()
    }

    fn pace(&self) -> Pace<'_> {
        self.jobs.pace()
    }

    fn work_on_all(&self, state: &mut Self::WorkerState, steps: &[Step]) -> Vec<Self::Done> {
        let symbol = |step: &Step| match step {
            Step::Prepare(_) => None,
            Step::Run((_, (symbol, _))) => Some(Arc::as_ptr(symbol)),
        };
        let mut done = Vec::with_capacity(steps.len());
        for steps in steps.chunk_by(|one, next| symbol(one).is_some() && symbol(one) == symbol(next)) {
            let tasks: Vec<_> = steps.iter().filter_map(Step::task).collect();
            let Some((_, (symbol, _))) = tasks.first() else {
                done.extend(steps.iter().map(|step| self.work(state, step)));
                continue;
            };
            let symbol = Arc::clone(symbol);
            done.extend(self.jobs.work_on_all(state, &tasks).into_iter().map(|result| self.named(&symbol, result)));
        }
        done
    }

    /// If a preparation panics, each task of the symbol prepares it again, and fails by the same panic.
    fn panicked(&self, worker: usize, step: &Step, message: String) -> Self::Done {
        match step {
            Step::Prepare(_) => None,
            Step::Run(task) => self.named(&task.1.0, self.jobs.panicked(worker, task, message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Condvar, Mutex},
    };

    use super::*;
    use crate::{
        model::{Description, Encoding, ParamSpec, Value},
        sweep::{
            grid::{Grid, Shard},
            scheduler::{self, Turns, in_order},
        },
    };

    fn plan(combinations: i64) -> Plan {
        let parameter = ParamSpec {
            name: "n".to_owned(),
            doc: String::new(),
            default: 1.into(),
            minimum: None,
            maximum: None,
            choices: Vec::new(),
        };
        let plugin = Description {
            name: "none".to_owned(),
            version: String::new(),
            summary: String::new(),
            parameters: vec![parameter],
            output: Encoding::Json,
        };
        Grid::new().axis("n", 0..combinations).bind(&plugin).unwrap()
    }

    #[test]
    fn no_more_than_a_few_symbols_are_alive_at_a_time() {
        let plan = plan(1);
        let stop = Stop::default();
        let mut prepared: Vec<Weak<Symbol>> = Vec::new();
        let mut ran = Vec::new();
        let mut steps = Steps::new(100, &plan, &stop, None, |_| true);
        for left in (0..200).rev() {
            let step = steps.next().unwrap();
            assert_eq!(steps.size_hint(), (0, Some(left)));
            match step {
                Step::Prepare(symbol) => prepared.push(symbol),
                Step::Run((index, (symbol, _))) => ran.push((index, symbol.at)),
            }
            assert!(prepared.iter().filter(|symbol| symbol.strong_count() > 0).count() <= AHEAD + 1);
        }
        assert!(steps.next().is_none());
        assert_eq!(prepared.len(), 100);
        assert_eq!(ran, (0..100).zip(0..100).collect::<Vec<_>>());
    }

    /// Notes which symbols are prepared, and how many of them were alive at once. One task begins after all others.
    struct Alive {
        last: u64,
        others: usize,
        seen: Mutex<Seen>,
        all_done: Condvar,
    }

    #[derive(Default)]
    struct Seen {
        prepared: BTreeMap<usize, Weak<Symbol>>,
        most: usize,
        done: usize,
    }

    impl Seen {
        fn prepare(&mut self, symbol: &Arc<Symbol>) {
            self.prepared.entry(symbol.at).or_insert_with(|| Arc::downgrade(symbol));
            self.prepared.retain(|_, symbol| symbol.strong_count() > 0);
            self.most = self.most.max(self.prepared.len());
        }
    }

    impl Work<Step> for Alive {
        type WorkerState = ();
        type Done = bool;
        type Batch = Vec<bool>;

        fn worker_state(&self, _: usize) {}

        fn work(&self, (): &mut (), step: &Step) -> bool {
            let mut seen = self.seen.lock().unwrap();
            match step {
                Step::Prepare(symbol) => _ = symbol.upgrade().map(|symbol| seen.prepare(&symbol)),
                Step::Run((index, (symbol, _))) => {
                    seen.prepare(symbol);
                    if *index == self.last {
                        let (time, others) = (Duration::from_secs(60), self.others);
                        let wait = self.all_done.wait_timeout_while(seen, time, |seen| seen.done < others).unwrap();
                        return !wait.1.timed_out();
                    }
                    seen.done += 1;
                    self.all_done.notify_all();
                }
            }
            true
        }

        fn panicked(&self, _: usize, _: &Step, _: String) -> bool {
            false
        }

        fn batch(&self, results: Vec<bool>) -> Vec<bool> {
            results
        }
    }

    #[test]
    fn few_symbols_are_alive_while_one_task_is_slow() {
        for (workers, symbols, combinations, last) in [(2, 400, 1, 100), (4, 300, 7, 1_000), (8, 40, 200, 4_011)] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
            let (plan, stop) = (plan(combinations), Stop::default());
            let others = symbols * combinations as usize - 1;
            let work = Alive { last, others, seen: Mutex::default(), all_done: Condvar::new() };
            let steps = Steps::new(symbols, &plan, &stop, None, |_| true);
            let mut done = Vec::new();
            let consume = in_order(|batch: Vec<bool>| {
                done.extend(batch);
                true
            });
            scheduler::run((&pool, &Turns::default()), steps, &work, &stop, consume);
            assert!(done.len() == symbols + others + 1 && !done.contains(&false), "{} steps", done.len());
            let most = work.seen.lock().unwrap().most;
            assert!(most <= (workers + 1) * (AHEAD + 2), "{most} symbols of {symbols} on {workers} workers");
        }
    }

    #[test]
    fn each_task_is_of_one_shard_which_prepares_no_other_symbol() {
        let window = |name: &str| ParamSpec {
            name: name.to_owned(),
            doc: String::new(),
            default: Value::Integer(1),
            minimum: None,
            maximum: None,
            choices: vec![],
        };
        let plugin = Description {
            name: "cross".to_owned(),
            version: String::new(),
            summary: String::new(),
            parameters: ["fast", "slow"].map(window).to_vec(),
            output: Encoding::Json,
        };
        for (grid, symbols, shards) in [
            (r#"{"fast": [1, 2, 3], "slow": [2, 3, 4], "constraints": ["fast < slow"]}"#, 30, 7),
            (r#"{"fast": [1, 2, 3], "slow": [2, 3, 4], "sample": 4}"#, 30, 7),
            (r#"{"fast": [1]}"#, 40, 16),
            (r#"{"fast": {"from": 1, "to": 900}}"#, 3, 4),
            // Its combinations are too many to be counted.
            (
                r#"{"fast": {"from": 1, "to": 1100}, "slow": {"from": 1, "to": 1000}, "constraints": ["fast + slow < 9"]}"#,
                3,
                4,
            ),
        ] {
            let plan = Grid::from_json(grid).unwrap().bind(&plugin).unwrap();
            let stop = Stop::default();
            let run = |split| {
                let (mut prepared, mut ran) = (Vec::new(), Vec::new());
                for step in Steps::new(symbols, &plan, &stop, split, |_| true) {
                    match step {
                        Step::Prepare(symbol) => prepared.extend(symbol.upgrade().map(|symbol| symbol.at)),
                        Step::Run((index, (symbol, combination))) => ran.push((index, symbol.at, combination)),
                    }
                }
                (prepared, ran)
            };
            let (_, all) = run(None);
            let mut parts = Vec::new();
            for number in 1..=shards {
                let shard = Shard::new(number, shards).unwrap();
                let split = crate::sweep::scope::split(shard, &plan, Some(symbols as u64));
                let (prepared, ran) = run(Some(split));
                assert!(ran.iter().all(|(index, ..)| split.has(*index)) && ran.is_sorted());
                if plan.count().exact().is_some() {
                    assert!(prepared.iter().all(|at| ran.iter().any(|(_, symbol, _)| symbol == at)), "{grid}");
                    assert_eq!(split.count(all.len() as u64), ran.len() as u64, "{grid}");
                }
                parts.extend(ran);
            }
            parts.sort_unstable();
            assert_eq!(parts, all, "{grid}");
        }
    }
}
