//! What each combination of a sweep runs on: all instruments together, or each symbol alone.
//!
//! Never ranks or writes a result.

use std::sync::Arc;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{
    Context,
    args::SweepArgs,
    bounds::{self, Bounds},
    inputs,
};
use crate::{
    backtest::{Backtest, Market, SetupError, Strategy, WorkerState},
    metrics::{Metrics, Selection},
    model::Series,
    results::{Ranked, Records},
    sandbox::Forking,
    sweep::{ParallelBacktester, grid::Plan},
    task::{ParallelResult, SweepEvent},
};

/// How many symbols a note names.
const NAMED: usize = 3;

/// What each combination runs on.
pub(super) enum Scope {
    /// All instruments, on one account.
    Together(Box<Backtest>),
    /// Each symbol, on an account of its own.
    EachSymbol { market: Arc<Market>, strategy: Strategy },
}

/// The data of a sweep; says what annual numbers rest on.
pub(super) fn market(args: &SweepArgs, metrics: Selection, context: &mut Context<'_>) -> Result<Arc<Market>> {
    let market = inputs::silent_market(&args.data, &args.account, metrics, context)?;
    announce(args, &market, context);
    Ok(market)
}

/// Says what annual numbers rest on.
pub(super) fn announce(args: &SweepArgs, market: &Market, context: &mut Context<'_>) {
    if !args.each_symbol {
        inputs::announce(market, context);
        return;
    }
    for (annual, symbols) in years(market) {
        let (first, rest) = symbols.split_at(symbols.len().min(NAMED));
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        context.talk.note(format!("annual numbers: {annual}: {}{more}", first.join(", ")));
    }
}

/// What annual numbers rest on, and the symbols for which it is that, in the order of the data.
fn years(market: &Market) -> Vec<(String, Vec<&str>)> {
    let mut years: Vec<(String, Vec<&str>)> = Vec::new();
    for (at, series) in market.dataset().series().iter().enumerate() {
        let annual = market.annualization_of(at);
        let annual = annual.map_or_else(|| "undefined for so few bars".to_owned(), |annual| annual.to_string());
        match years.iter_mut().find(|(known, _)| *known == annual) {
            Some((_, symbols)) => symbols.push(&series.symbol),
            None => years.push((annual, vec![&series.symbol])),
        }
    }
    years
}

/// The columns of a sweep's results.
pub(super) fn records(args: &SweepArgs, columns: Selection, strategy: &Strategy, market: &Market) -> Records {
    let (parameters, data) = (&strategy.description().parameters, market.dataset());
    let records = Records::typed::<Metrics>(parameters, Some(data.fingerprint()), |name| columns.contains(name));
    if !args.each_symbol {
        return records;
    }
    let hash = |(at, series): (usize, &Series)| (series.symbol.clone(), data.fingerprint_of(at));
    records.by_symbol(data.series().iter().enumerate().map(hash))
}

impl Scope {
    /// Makes `strategy` ready, as far as that is done before the first task.
    pub(super) fn new(args: &SweepArgs, market: Arc<Market>, strategy: Strategy) -> Result<Self, SetupError> {
        if !args.each_symbol {
            return Ok(Self::Together(Box::new(Backtest::new(market, strategy)?)));
        }
        strategy.mode(market.settings().mode)?;
        Ok(Self::EachSymbol { market, strategy })
    }

    /// Refuses `--bounds` where there are none.
    pub(super) fn check_bounds(&self) -> Result<()> {
        match self {
            Self::Together(backtest) => bounds::check(backtest),
            Self::EachSymbol { .. } => bail!("`--bounds` and `--each-symbol` do not go together; give one of them"),
        }
    }

    /// Both extremes of each of `ranked`.
    pub(super) fn bounds(&self, ranked: &[Ranked<ParallelResult<Metrics>>]) -> Result<Vec<Bounds>> {
        let Self::Together(backtest) = self else { return Ok(Vec::new()) };
        let mut state = WorkerState::default();
        let all = ranked.iter().map(|ranked| Bounds::of(backtest, &mut state, &ranked.row.params));
        Ok(all.collect::<Result<_, _>>()?)
    }

    /// How many tasks `plan` has here, where that is known.
    pub(super) fn tasks(&self, plan: &Plan) -> Option<u64> {
        let symbols = match self {
            Self::Together(_) => 1,
            Self::EachSymbol { market, .. } => market.dataset().series().len() as u64,
        };
        plan.count().exact().and_then(|count| count.checked_mul(symbols))
    }

    /// Says what is about to run.
    pub(super) fn announce(&self, plan: &Plan, backtester: &ParallelBacktester, context: &mut Context<'_>) {
        let (strategy, symbols) = match self {
            Self::Together(backtest) => (backtest.strategy(), String::new()),
            Self::EachSymbol { market, strategy } => {
                (strategy, format!(" on each of {} symbols", market.dataset().series().len()))
            }
        };
        let (name, version) = (&strategy.description().name, &strategy.description().version);
        let (count, workers) = (plan.count(), backtester.n_workers());
        context.talk.note(format!("sweep: {count} combinations of {name} {version}{symbols} on {workers} workers"));
        if let Self::Together(backtest) = self
            && let Some(Forking::RePrepared { why }) = backtest.forking()
        {
            context.talk.note(format!("note: `prepare` runs for each combination, since {why}"));
        }
    }

    /// Runs every combination.
    pub(super) fn run(
        &self,
        backtester: &ParallelBacktester,
        plan: &Plan,
        consume: impl FnMut(SweepEvent<Metrics>) -> bool,
    ) -> Result<(), SetupError> {
        match self {
            Self::Together(backtest) => {
                backtester.sweep(backtest, plan, consume);
                Ok(())
            }
            Self::EachSymbol { market, strategy } => backtester.sweep_each(market, strategy, plan, consume),
        }
    }

    /// Runs every combination that `wanted` says yes to; it is asked for the index of each, in ascending order.
    pub(super) fn run_part(
        &self,
        backtester: &ParallelBacktester,
        plan: &Plan,
        wanted: impl FnMut(u64) -> bool + Send,
        consume: impl FnMut(SweepEvent<Metrics>) -> bool,
    ) -> Result<(), SetupError> {
        match self {
            Self::Together(backtest) => {
                backtester.sweep_part(backtest, plan, wanted, consume);
                Ok(())
            }
            Self::EachSymbol { market, strategy } => {
                backtester.sweep_each_part(market, strategy, plan, wanted, consume)
            }
        }
    }

    /// The data and the rules.
    pub(super) fn market(&self) -> &Market {
        match self {
            Self::Together(backtest) => backtest.market(),
            Self::EachSymbol { market, .. } => market,
        }
    }
}

/// What JSON says of a market under a name: the bars per year, and those of each symbol where it runs alone.
pub(super) fn fact(market: &Market, each_symbol: bool) -> (&'static str, Value) {
    if !each_symbol {
        let annual = market.frame().annualization();
        return ("periods_per_year", json!(annual.map(|annual| annual.periods_per_year)));
    }
    let symbols = market.dataset().series().iter().enumerate();
    ("symbols", symbols.map(|(at, series)| symbol_json(market, at, series)).collect())
}

fn symbol_json(market: &Market, at: usize, series: &Series) -> Value {
    let annual = market.annualization_of(at);
    json!({
        "symbol": series.symbol,
        "bars": series.len(),
        "periods_per_year": annual.map(|annual| annual.periods_per_year),
    })
}
