//! Sweeps in this process: the native loops, and plugins through the library's front door.
//!
//! Never measures what it has not checked: before anything else, all of them have to agree.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use host::{
    backtest::{Backtest, Benchmark, Market, Mode, Settings, Strategy},
    broker::{self, Sizing},
    data::Dataset,
    metrics::{Metrics, Selection},
    sandbox::Limits,
    sweep::{ParallelBacktester, Part, Scope, grid::Plan},
    task::ParallelResult,
};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    data::Bars,
    events,
    grid::{Pair, Pairs},
    measure::{Cost, Summary, Way, compare, measured},
    native::{self, Form, Outcome},
};

/// The plain loop as a plugin; the other one is bundled.
pub(crate) const SMA_ROLLING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugins/sma_rolling/sma_rolling.wasm");

/// What may differ between two orders of summing up, as a fraction.
const ROUNDING: f64 = 1e-9;

/// What the digits left out of the published figures may amount to, as a fraction.
const PRINTED: f64 = 5e-9;

/// What other engines have found: bars, combinations, trades, and the sums of Sharpe ratios and of drawdowns.
const PUBLISHED: [(usize, usize, u64, Option<[f64; 2]>); 2] =
    [(10_000, 25, 978, None), (100_000, 100, 61_700, Some([-1162.48454214, 0.119228818]))];

/// The sums over a grid that all engines have to agree on.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    trades: u64,
    sharpe: f64,
    drawdown: f64,
}

impl Totals {
    fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        outcomes.into_iter().fold(Self::default(), |sums, one| Self {
            trades: sums.trades + one.trades,
            sharpe: sums.sharpe + one.sharpe,
            drawdown: sums.drawdown + one.drawdown,
        })
    }

    fn check(&self, name: &str, expected: &Self, tolerance: f64) -> Result<()> {
        let near = |value: f64, other: f64| (value - other).abs() <= tolerance * other.abs();
        let agree = self.trades == expected.trades
            && near(self.sharpe, expected.sharpe)
            && near(self.drawdown, expected.drawdown);
        ensure!(agree, "{name} does not agree: it finds {self:?}, not {expected:?}; nothing is measured");
        Ok(())
    }
}

/// What the ranking of `host sweep` shows, and what the checks need.
const SHOWN: [&str; 10] = [
    "total_return",
    "sharpe",
    "sortino",
    "max_drawdown",
    "trades",
    "open_trades",
    "win_rate",
    "profit_factor",
    "orders",
    "wiped_out",
];

/// One size of sweep, ready to run in all ways on some workers.
pub(crate) struct Work {
    bars: Bars,
    pairs: Vec<Pair>,
    pool: ThreadPool,
    backtester: ParallelBacktester,
    plan: Plan,
    /// What runs through the library, by name.
    backtests: Vec<(&'static str, Scope)>,
}

impl Work {
    /// Prepares both plugins for a sweep of so many `combinations` over so many `bars`.
    pub(crate) fn new(bars: usize, combinations: usize, workers: usize) -> Result<Self> {
        Self::with(bars, combinations, workers, |backtester, shown, all| {
            let (rolling, cross) = (backtester.load(SMA_ROLLING)?, backtester.load("sma_cross")?);
            Ok(vec![
                ("host, sma_rolling", prepare(shown, rolling.into())?),
                ("host, sma_cross", prepare(shown, cross.clone().into())?),
                ("host, sma_cross, all metrics", prepare(all, cross.clone().into())?),
                ("host, sma_cross, all metrics, benchmark", prepare(&held(all)?, cross.into())?),
            ])
        })
    }

    /// Prepares the same strategy by signals and by events.
    pub(crate) fn events(bars: usize, combinations: usize, workers: usize) -> Result<Self> {
        Self::with(bars, combinations, workers, |backtester, shown, _| {
            let cross = backtester.load("sma_cross")?;
            let told = market_in(shown.dataset().clone(), Selection::of(SHOWN)?, Some(Mode::Events))?;
            Ok(vec![
                ("host, sma_cross by signals", prepare(shown, cross.clone().into())?),
                ("native behind a trait", prepare(&told, events::native(cross.description().parameters.clone()))?),
                ("host, sma_cross by events", prepare(&told, cross.into())?),
            ])
        })
    }

    fn with(
        bars: usize,
        combinations: usize,
        workers: usize,
        ways: impl FnOnce(&ParallelBacktester, &Arc<Market>, &Arc<Market>) -> Result<Vec<(&'static str, Scope)>>,
    ) -> Result<Self> {
        let bars = Bars::load(bars)?;
        let pairs = Pairs::of(combinations)?;
        let backtester = ParallelBacktester::new(Some(workers), Limits::default())?;
        let (shown, all) = (market(&bars, Selection::of(SHOWN)?)?, market(&bars, Selection::all())?);
        let backtests = ways(&backtester, &shown, &all)?;
        let plan = pairs.grid().bind(backtests[0].1.strategy().description())?;
        let pool = ThreadPoolBuilder::new().num_threads(workers).build()?;
        Ok(Self { bars, pairs: pairs.list(), pool, backtester, plan, backtests })
    }

    /// Runs everything once.
    ///
    /// # Errors
    ///
    /// Returns an error if two of them find different trades, Sharpe ratios or drawdowns, or others than published.
    pub(crate) fn verify(&self) -> Result<()> {
        let expected = Totals::of(self.native(Form::Loop));
        let (bars, combinations) = (self.bars.close().len(), self.pairs.len());
        for (_, _, trades, sums) in PUBLISHED.iter().filter(|known| (known.0, known.1) == (bars, combinations)) {
            let [sharpe, drawdown] = sums.unwrap_or([expected.sharpe, expected.drawdown]);
            expected.check("the native loop", &Totals { trades: *trades, sharpe, drawdown }, PRINTED)?;
        }
        Totals::of(self.native(Form::Segments)).check("the native loop over segments", &expected, ROUNDING)?;
        for (name, backtest) in &self.backtests {
            Totals::of(self.host(backtest)?).check(name, &expected, ROUNDING)?;
        }
        Ok(())
    }

    /// Measures all of them, for each combination and bar.
    pub(crate) fn measure(&self, rounds: usize) -> Result<Vec<(String, Summary)>> {
        let native = |form| move || self.each(measured(|| self.native(form))?.0);
        let mut ways =
            vec![Way::new("native loop", native(Form::Loop)), Way::new("native segments", native(Form::Segments))];
        ways.extend(self.backtests.iter().map(|(name, backtest)| {
            Way::new(name, move || {
                let (cost, outcomes) = measured(|| self.host(backtest))?;
                outcomes.and_then(|_| self.each(cost))
            })
        }));
        let summaries = compare(&mut ways, rounds)?;
        Ok(ways.iter().map(|way| way.name.to_owned()).zip(summaries).collect())
    }

    fn each(&self, cost: Cost) -> Result<Cost> {
        Ok(cost / (self.pairs.len() * self.bars.close().len()) as f64)
    }

    fn native(&self, form: Form) -> Vec<Outcome> {
        self.pool.install(|| native::sweep(form, &self.bars, &self.pairs))
    }

    fn host(&self, scope: &Scope) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(self.pairs.len());
        let mut failure = None;
        let mut take = |result: ParallelResult<Metrics>| {
            match result.result {
                Some(metrics) => outcomes.push(Outcome {
                    trades: (metrics.trades.unwrap_or(0.0) + metrics.open_trades.unwrap_or(0.0)) as u64,
                    sharpe: metrics.sharpe.unwrap_or(f64::NAN),
                    drawdown: -metrics.max_drawdown.unwrap_or(f64::NAN),
                }),
                None => failure = result.error_message,
            }
            failure.is_none()
        };
        self.backtester.sweep(scope, &self.plan, Part::all(), |batch| batch.results.into_iter().all(&mut take));
        failure.map_or(Ok(outcomes), |message| Err(anyhow::Error::msg(message).context("a task fails")))
    }
}

fn prepare(market: &Arc<Market>, strategy: Strategy) -> Result<Scope> {
    Ok(Backtest::new(Arc::clone(market), strategy)?.into())
}

/// The bars, and the account that all engines keep, of which `metrics` are computed.
pub(crate) fn market(bars: &Bars, metrics: Selection) -> Result<Arc<Market>> {
    let data = Dataset::new(vec![bars.series()]).context("the data is not what the host accepts")?;
    market_in(data, metrics, None)
}

/// The same, measured against holding, too.
fn held(market: &Market) -> Result<Arc<Market>> {
    let settings = Settings { benchmark: Some(Benchmark::Hold), ..market.settings().clone() };
    Ok(Arc::new(Market::new(market.dataset().clone(), settings)?))
}

fn market_in(data: Dataset, metrics: Selection, mode: Option<Mode>) -> Result<Arc<Market>> {
    let account = broker::Settings {
        initial_cash: native::CASH,
        sizing: Sizing::Units(1.0),
        commission_bps: native::COMMISSION * 1e4,
        ..broker::Settings::default()
    };
    let settings =
        Settings { account, mode, periods_per_year: Some(native::PERIODS_PER_YEAR), metrics, ..Settings::default() };
    Ok(Arc::new(Market::new(data, settings)?))
}
