//! The scope of a sweep: all instruments on one account, or each symbol on an account of its own.
//!
//! Never ranks or writes a result.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    grid::{Plan, Shard, Split},
    jobs::Known,
};
use crate::{
    backtest::{Backtest, Market, SetupError, Strategy, Waiting, WorkerState},
    data::Dataset,
    metrics::{Metrics, Selection},
    model::{Digest, Params, Series},
    results::Records,
    task::Answer,
};

/// The instruments of a combination, as a request names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Instruments {
    /// All instruments of the data on one account.
    #[default]
    Together,
    /// Each symbol of the data alone, on its own account and with its own number of bars per year.
    EachSymbol,
}

impl Instruments {
    /// The columns of the results of `strategy` on `market`, with `metrics`.
    pub fn records(self, metrics: Selection, strategy: &Strategy, market: &Market) -> Records {
        let (parameters, data) = (&strategy.description().parameters, market.dataset());
        let records = Records::typed::<Metrics>(parameters, Some(data.fingerprint()), |name| metrics.contains(name));
        match self {
            Self::Together => records.with_cells(),
            Self::EachSymbol => {
                let hash = |(at, series): (usize, &Series)| (series.symbol.clone(), data.fingerprint_of(at));
                records.by_symbol(data.series().iter().enumerate().map(hash)).with_cells()
            }
        }
    }

    /// The hashes of the bars of cells: one for all together, or one for each symbol, in the order of the data.
    pub fn bars(self, data: &Dataset) -> Vec<Digest> {
        match self {
            Self::Together => vec![data.fingerprint()],
            Self::EachSymbol => (0..data.series().len()).map(|at| data.fingerprint_of(at)).collect(),
        }
    }
}

/// The scope of a sweep: the bars, rules and strategy of each combination.
#[derive(Debug)]
pub enum Scope {
    /// All instruments, on one account.
    Together(TogetherScope),
    /// Each symbol, on an account of its own.
    EachSymbol(SymbolScope),
}

/// All instruments of a market, and the strategy to run on them, which is prepared when it is asked for or a task has to run.
#[derive(Debug)]
pub struct TogetherScope {
    market: Arc<Market>,
    strategy: Strategy,
    backtest: OnceLock<Result<Arc<Backtest>, SetupError>>,
}

impl TogetherScope {
    /// The prepared strategy, which prepares now if it has not yet. If it cannot, each of its tasks fails.
    ///
    /// # Errors
    ///
    /// Returns an error if it fails to prepare, the same each time.
    pub fn backtest(&self) -> Result<&Backtest, SetupError> {
        let prepared = || Backtest::new(Arc::clone(&self.market), self.strategy.clone()).map(Arc::new);
        self.backtest.get_or_init(prepared).as_deref().map_err(Clone::clone)
    }

    /// The prepared strategy, if it has prepared.
    pub fn prepared(&self) -> Option<&Backtest> {
        self.backtest.get()?.as_deref().ok()
    }

    pub(super) fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// Runs one combination.
    pub(super) fn run(&self, state: &mut WorkerState, params: &Params) -> Answer<Metrics> {
        match self.backtest() {
            Ok(backtest) => backtest.run(state, params),
            Err(error) => Answer::native(Err(error.into())),
        }
    }

    /// Runs several combinations, in a worker process or on a cluster.
    pub(super) fn run_batch(
        &self,
        state: &mut WorkerState,
        tasks: &[&Params],
        waiting: &Waiting<'_>,
    ) -> Vec<(Answer<Metrics>, Duration)> {
        match self.backtest() {
            Ok(backtest) => backtest.run_batch(state, tasks, waiting),
            Err(_) => tasks.iter().map(|params| (self.run(state, params), Duration::ZERO)).collect(),
        }
    }
}

/// Each symbol of a market alone, and the strategy to run on it.
#[derive(Debug)]
pub struct SymbolScope {
    market: Arc<Market>,
    strategy: Strategy,
}

impl SymbolScope {
    pub(super) fn market(&self) -> &Market {
        &self.market
    }

    pub(super) fn strategy(&self) -> &Strategy {
        &self.strategy
    }
}

impl From<Backtest> for Scope {
    fn from(backtest: Backtest) -> Self {
        Self::from(Arc::new(backtest))
    }
}

impl From<Arc<Backtest>> for Scope {
    fn from(backtest: Arc<Backtest>) -> Self {
        let (market, strategy) = (backtest.shared_market(), backtest.strategy().clone());
        Self::Together(TogetherScope { market, strategy, backtest: OnceLock::from(Ok(backtest)) })
    }
}

impl Scope {
    /// Prepares `strategy` for all instruments together; single symbols are prepared when their turn comes.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy does not support the mode of the market's settings, or fails to prepare all
    /// instruments together. Where each symbol runs alone, the tasks of one that cannot be prepared fail.
    pub fn new(instruments: Instruments, market: Arc<Market>, strategy: Strategy) -> Result<Self, SetupError> {
        let scope = Self::unprepared(instruments, market, strategy)?;
        scope.prepare()?;
        Ok(scope)
    }

    /// As [`new`](Self::new), where nothing is prepared before a task has to run: none has to where all results are known.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy does not support the mode of the market's settings.
    pub fn unprepared(instruments: Instruments, market: Arc<Market>, strategy: Strategy) -> Result<Self, SetupError> {
        strategy.mode(market.settings().mode)?;
        Ok(match instruments {
            Instruments::Together => Self::Together(TogetherScope { market, strategy, backtest: OnceLock::new() }),
            Instruments::EachSymbol => Self::EachSymbol(SymbolScope { market, strategy }),
        })
    }

    /// Prepares the strategy for all instruments together, unless it has prepared. Single symbols wait for their turn.
    ///
    /// # Errors
    ///
    /// Returns an error if it fails to prepare.
    pub fn prepare(&self) -> Result<(), SetupError> {
        match self {
            Self::Together(together) => together.backtest().map(|_| ()),
            Self::EachSymbol(_) => Ok(()),
        }
    }

    /// The data and the rules.
    pub fn market(&self) -> &Market {
        match self {
            Self::Together(together) => &together.market,
            Self::EachSymbol(each) => &each.market,
        }
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        match self {
            Self::Together(together) => &together.strategy,
            Self::EachSymbol(each) => &each.strategy,
        }
    }

    /// The number of tasks of `plan` here, if it is known before the run.
    pub fn tasks(&self, plan: &Plan) -> Option<u64> {
        tasks(plan, self.symbols())
    }

    /// The number of symbols, where each runs alone.
    pub fn symbols(&self) -> Option<u64> {
        match self {
            Self::Together(_) => None,
            Self::EachSymbol(each) => Some(each.market.dataset().series().len() as u64),
        }
    }
}

/// The number of tasks of `plan`, on each of `symbols` where they run alone, if it is known before the run.
pub(crate) fn tasks(plan: &Plan, symbols: Option<u64>) -> Option<u64> {
    plan.count().exact().and_then(|count| count.checked_mul(symbols.unwrap_or(1)))
}

/// The most places of a shard whose tasks are counted one by one before the run: it takes a tenth of a second.
const COUNTED: u64 = 1_000_000;

/// The places of `shard` in a sweep of `plan`, on each of `symbols` where they run alone.
///
/// Where all run together, a place is an index of the plan, or a number in its sample; else it is the index of a task.
pub(crate) fn split(shard: Shard, plan: &Plan, symbols: Option<u64>) -> Split {
    Split::new(shard, places(plan, symbols))
}

fn places(plan: &Plan, symbols: Option<u64>) -> u64 {
    let on_each = |symbols: u64| plan.count().exact().unwrap_or(plan.cells()).saturating_mul(symbols);
    symbols.map_or(plan.places(), on_each)
}

/// The number of tasks of `split`, if it is known before the run.
pub(crate) fn tasks_within(split: Split, plan: &Plan, symbols: Option<u64>) -> Option<u64> {
    if symbols.is_some() {
        return tasks(plan, symbols).map(|tasks| split.count(tasks));
    }
    let places = split.count(plan.places());
    if plan.is_full() {
        return Some(places);
    }
    (places <= COUNTED).then(|| plan.indices().within(split).count() as u64)
}

/// The part of a plan to run.
#[derive(Default)]
pub struct Part<'a> {
    wanted: Option<Box<dyn FnMut(u64) -> bool + Send + 'a>>,
    total: Option<u64>,
    shard: Option<Shard>,
    pub(super) known: Option<&'a dyn Known<Metrics>>,
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, total, shard, .. } = self;
        let (is_all, shard) = (wanted.is_none(), shard.as_ref());
        let mut shown = f.debug_struct("Part");
        shown.field("is_all", &is_all).field("total", total).field("shard", &shard).finish_non_exhaustive()
    }
}

impl<'a> Part<'a> {
    /// Every task.
    pub fn all() -> Self {
        Self::default()
    }

    /// The tasks whose index `wanted` accepts; indices are offered in ascending order. `total` is the number of these
    /// tasks, if it is known.
    pub fn of(total: Option<u64>, wanted: impl FnMut(u64) -> bool + Send + 'a) -> Self {
        Self { wanted: Some(Box::new(wanted)), total, shard: None, known: None }
    }

    /// The same tasks, of which those that are `known` are looked up there, and the others are kept there.
    pub(super) fn with(self, known: Option<&'a dyn Known<Metrics>>) -> Self {
        Self { known, ..self }
    }

    /// Those of them that `shard` has, or all; others are passed over without a look. The total of [`of`](Self::of) is then
    /// that of the tasks which are wanted within the shard.
    #[must_use]
    pub fn within(self, shard: Option<Shard>) -> Self {
        Self { shard, ..self }
    }

    pub(super) fn has(&mut self, index: u64) -> bool {
        self.wanted.as_mut().is_none_or(|wanted| wanted(index))
    }

    /// The places of the shard, if it is not the whole.
    pub(super) fn split(&self, plan: &Plan, symbols: Option<u64>) -> Option<Split> {
        self.shard.map(|shard| split(shard, plan, symbols))
    }

    /// The number of tasks, if it is known.
    pub fn total(&self, scope: &Scope, plan: &Plan) -> Option<u64> {
        let symbols = scope.symbols();
        match self.split(plan, symbols) {
            _ if self.wanted.is_some() => self.total,
            Some(split) => tasks_within(split, plan, symbols),
            None => scope.tasks(plan),
        }
    }
}
