//! Each symbol by itself: its market and its prepared strategy, made ahead of its tasks and gone after them.
//!
//! Never holds more than a few symbols, however many there are.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, OnceLock},
};

use super::{
    grid::{Cursor, Plan},
    scheduler::{Stop, Work},
};
use crate::{
    backtest::{Backtest, Market, Strategy, WorkerState},
    metrics::Metrics,
    model::Params,
    task::{Answer, ParallelResult, TaskError},
};

/// How many symbols are prepared before their turn: so many workers are busy where a symbol takes longer to prepare than
/// to run. Each holds its bars twice, once as the strategy keeps them.
const AHEAD: usize = 4;

/// One symbol, once it has been prepared.
pub(super) struct Symbol {
    /// Its place in the data set.
    at: usize,
    backtest: OnceLock<Result<Backtest, TaskError>>,
}

impl Symbol {
    fn new(at: usize) -> Self {
        Self { at, backtest: OnceLock::new() }
    }

    pub(super) fn name<'a>(&self, market: &'a Market) -> &'a str {
        &market.dataset().series()[self.at].symbol
    }

    /// Prepares it, or waits until another worker has.
    fn prepare(&self, market: &Market, strategy: &Strategy) {
        self.backtest.get_or_init(|| Ok(Backtest::new(Arc::new(market.only(self.at)), strategy.clone())?));
    }

    /// Runs one combination. It has been prepared.
    pub(super) fn run(&self, state: &mut WorkerState, params: &Params) -> Answer<Metrics> {
        match self.backtest.get() {
            Some(Ok(backtest)) => backtest.run(state, params),
            Some(Err(error)) => Answer::native(Err(error.clone())),
            None => unreachable!("a symbol is prepared before its tasks run"),
        }
    }
}

/// A combination and the symbol that it runs on.
pub(super) type OnSymbol = (Arc<Symbol>, Params);

/// What a worker takes.
pub(super) enum Step {
    /// A symbol is to be prepared.
    Prepare(Arc<Symbol>),
    /// A task, and its place among all.
    Run((u64, OnSymbol)),
}

/// The steps of a sweep over each symbol: the tasks of one symbol after the other, and [`AHEAD`] of them what they need.
pub(super) struct Steps<'a, W> {
    plan: &'a Plan,
    stop: &'a Stop,
    coming: Range<usize>,
    ahead: VecDeque<Arc<Symbol>>,
    current: Option<(Arc<Symbol>, Cursor<'a>)>,
    next: u64,
    wanted: W,
}

impl<'a, W: FnMut(u64) -> bool> Steps<'a, W> {
    /// The steps of `plan` over the first `symbols` symbols of a market, of those tasks only that are `wanted`; none after
    /// `stop`.
    pub(super) fn new(symbols: usize, plan: &'a Plan, stop: &'a Stop, wanted: W) -> Self {
        Self { plan, stop, coming: 0..symbols, ahead: VecDeque::new(), current: None, next: 0, wanted }
    }

    fn next_run(&mut self) -> Option<Step> {
        let (symbol, cursor) = self.current.as_mut()?;
        loop {
            let (_, params) = cursor.next()?;
            let index = self.next;
            self.next += 1;
            if (self.wanted)(index) {
                return Some(Step::Run((index, (Arc::clone(symbol), params))));
            }
        }
    }
}

impl<W: FnMut(u64) -> bool> Iterator for Steps<'_, W> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if self.ahead.len() < AHEAD
                && let Some(at) = self.coming.next()
            {
                let symbol = Arc::new(Symbol::new(at));
                self.ahead.push_back(Arc::clone(&symbol));
                return Some(Step::Prepare(symbol));
            }
            if let Some(run) = self.next_run() {
                return Some(run);
            }
            self.current = None;
            self.current = Some((self.ahead.pop_front()?, self.plan.cursor().until(self.stop.flag())));
        }
    }
}

/// What workers do with a step; the tasks themselves are `jobs`.
pub(super) struct EachSymbol<'a, J> {
    pub(super) market: &'a Market,
    pub(super) strategy: &'a Strategy,
    pub(super) jobs: J,
}

impl<J> EachSymbol<'_, J> {
    /// The result with the symbol that it is about.
    fn named(&self, symbol: &Symbol, result: ParallelResult<Metrics>) -> Option<ParallelResult<Metrics>> {
        Some(ParallelResult { symbol: Some(symbol.name(self.market).to_owned()), ..result })
    }
}

impl<J> Work<Step> for EachSymbol<'_, J>
where
    J: Work<(u64, OnSymbol), Done = ParallelResult<Metrics>>,
{
    type WorkerState = J::WorkerState;
    /// Nothing where a symbol was prepared.
    type Done = Option<ParallelResult<Metrics>>;

    fn worker_state(&self, worker: usize) -> Self::WorkerState {
        self.jobs.worker_state(worker)
    }

    fn work(&self, state: &mut Self::WorkerState, step: &Step) -> Self::Done {
        match step {
            Step::Prepare(symbol) => {
                symbol.prepare(self.market, self.strategy);
                None
            }
            Step::Run(task) => {
                let (_, (symbol, _)) = task;
                // Before the task's clock starts.
                symbol.prepare(self.market, self.strategy);
                self.named(symbol, self.jobs.work(state, task))
            }
        }
    }

    /// A symbol whose preparation panics is prepared anew by each of its tasks, which fail by that.
    fn panicked(&self, worker: usize, step: &Step, message: String) -> Self::Done {
        match step {
            Step::Prepare(_) => None,
            Step::Run(task) => self.named(&task.1.0, self.jobs.panicked(worker, task, message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Weak};

    use super::*;
    use crate::{
        model::{Description, Encoding},
        sweep::grid::Grid,
    };

    #[test]
    fn no_more_than_a_few_symbols_are_alive_at_a_time() {
        let plugin = Description {
            name: "none".to_owned(),
            version: String::new(),
            summary: String::new(),
            parameters: Vec::new(),
            output: Encoding::Json,
        };
        let plan = Grid::new().bind(&plugin).unwrap();
        let stop = Stop::default();
        let mut prepared: Vec<Weak<Symbol>> = Vec::new();
        let mut ran = Vec::new();
        for step in Steps::new(100, &plan, &stop, |_| true) {
            match step {
                Step::Prepare(symbol) => prepared.push(Arc::downgrade(&symbol)),
                Step::Run((index, (symbol, _))) => ran.push((index, symbol.at)),
            }
            assert!(prepared.iter().filter(|symbol| symbol.strong_count() > 0).count() <= AHEAD + 1);
        }
        assert_eq!(prepared.len(), 100);
        assert_eq!(ran, (0..100).zip(0..100).collect::<Vec<_>>());
    }
}
