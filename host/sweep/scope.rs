//! The scope of a sweep: all instruments on one account, or each symbol on an account of its own.
//!
//! Never ranks or writes a result.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::grid::Plan;
use crate::{
    backtest::{Backtest, Market, SetupError, Strategy},
    data::Dataset,
    metrics::{Metrics, Selection},
    model::{Digest, Series},
    results::Records,
};

/// Which instruments a combination runs on, as a request asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instruments {
    /// All instruments of the data on one account.
    #[default]
    Together,
    /// Each symbol of the data alone, on an account and with a year of its own.
    EachSymbol,
}

impl Instruments {
    /// The columns of the results of `strategy` on `market`, with those metrics that are in `metrics`.
    pub fn records(self, metrics: Selection, strategy: &Strategy, market: &Market) -> Records {
        let (parameters, data) = (&strategy.description().parameters, market.dataset());
        let records = Records::typed::<Metrics>(parameters, Some(data.fingerprint()), |name| metrics.contains(name));
        match self {
            Self::Together => records,
            Self::EachSymbol => {
                let hash = |(at, series): (usize, &Series)| (series.symbol.clone(), data.fingerprint_of(at));
                records.by_symbol(data.series().iter().enumerate().map(hash))
            }
        }
    }

    /// The hashes of the bars that cells run on: one for all together, or one for each symbol, in the order of the data.
    pub fn bars(self, data: &Dataset) -> Vec<Digest> {
        match self {
            Self::Together => vec![data.fingerprint()],
            Self::EachSymbol => (0..data.series().len()).map(|at| data.fingerprint_of(at)).collect(),
        }
    }
}

/// What each combination of a sweep runs on: bars, rules and a strategy.
#[derive(Debug)]
pub enum Scope {
    /// All instruments, on one account.
    Together(Arc<Backtest>),
    /// Each symbol, on an account of its own.
    EachSymbol(SymbolScope),
}

/// Each symbol of a market alone, and the strategy that runs on it.
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
        Self::Together(Arc::new(backtest))
    }
}

impl From<Arc<Backtest>> for Scope {
    fn from(backtest: Arc<Backtest>) -> Self {
        Self::Together(backtest)
    }
}

impl Scope {
    /// Makes `strategy` ready, as far as that is done before the first task.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy cannot be run in the way that the market's settings ask for, or fails to prepare all
    /// instruments together. Where each symbol runs alone, one that cannot be prepared is a failed task.
    pub fn new(instruments: Instruments, market: Arc<Market>, strategy: Strategy) -> Result<Self, SetupError> {
        match instruments {
            Instruments::Together => Ok(Self::from(Backtest::new(market, strategy)?)),
            Instruments::EachSymbol => {
                strategy.mode(market.settings().mode)?;
                Ok(Self::EachSymbol(SymbolScope { market, strategy }))
            }
        }
    }

    /// The data and the rules.
    pub fn market(&self) -> &Market {
        match self {
            Self::Together(backtest) => backtest.market(),
            Self::EachSymbol(each) => &each.market,
        }
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        match self {
            Self::Together(backtest) => backtest.strategy(),
            Self::EachSymbol(each) => &each.strategy,
        }
    }

    /// The number of tasks that `plan` has here, where it is known before they run.
    pub fn tasks(&self, plan: &Plan) -> Option<u64> {
        let symbols = match self {
            Self::Together(_) => 1,
            Self::EachSymbol(each) => each.market.dataset().series().len() as u64,
        };
        plan.count().exact().and_then(|count| count.checked_mul(symbols))
    }
}

/// The tasks of a plan that a sweep runs.
#[derive(Default)]
pub struct Part<'a> {
    wanted: Option<Box<dyn FnMut(u64) -> bool + Send + 'a>>,
    total: Option<u64>,
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("is_all", &self.wanted.is_none()).field("total", &self.total).finish()
    }
}

impl<'a> Part<'a> {
    /// Every task.
    pub fn all() -> Self {
        Self::default()
    }

    /// The tasks whose index `wanted` accepts; indices are offered in ascending order. `total` is the number of these
    /// tasks, where it is known.
    pub fn of(total: Option<u64>, wanted: impl FnMut(u64) -> bool + Send + 'a) -> Self {
        Self { wanted: Some(Box::new(wanted)), total }
    }

    pub(super) fn has(&mut self, index: u64) -> bool {
        self.wanted.as_mut().is_none_or(|wanted| wanted(index))
    }

    /// The number of tasks, where it is known.
    pub(super) fn total(&self, scope: &Scope, plan: &Plan) -> Option<u64> {
        if self.wanted.is_some() { self.total } else { scope.tasks(plan) }
    }
}
