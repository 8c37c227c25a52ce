//! What a sweep is made of: starting, compiling, preparing, a task that has nothing to do, and one that only decides.

use std::{path::Path, sync::Arc};

use anyhow::{Result, anyhow};
use host::{
    backtest::{Backtest, Market, Settings},
    broker::Client,
    data::Dataset,
    metrics::Selection,
    model::{BarEvent, Params, Series},
    sandbox::{Events, ForkSlot, Limits, Plugin, Prepared, Session, Signals},
    sweep::{ParallelBacktester, Part, Scope, grid::Grid},
};

use crate::{
    data::Bars,
    library::{SMA_ROLLING, market},
    measure::{Cost, Summary, Way, compare, measured, process},
    processes::HOST,
};

/// Tasks for one measurement of an empty one.
const TASKS: usize = 1000;

/// Tasks for one measurement of a plugin's decisions, and their bars.
const DECISIONS: usize = 20;
const DECIDED_BARS: usize = 100_000;

/// Measures each step in turn.
pub(crate) fn measure(sizes: &[usize], rounds: usize) -> Result<Vec<(String, Summary)>> {
    let backtester = ParallelBacktester::new(Some(1), Limits::default())?;
    let strategy = backtester.load("sma_cross")?;
    let markets: Vec<Arc<Market>> = sizes
        .iter()
        .map(|&bars| Bars::load(bars).and_then(|bars| market(&bars, Selection::all())))
        .collect::<Result<_>>()?;
    let one_bar = Dataset::new(vec![bar()])?;
    let prepared = Prepared::new(&strategy, one_bar.shared())?;
    let params = strategy.description().resolve(&Params::new())?;
    let one_bar = Arc::new(Market::new(one_bar, Settings::default())?);
    let scope = Scope::from(Backtest::new(one_bar, strategy.clone().into())?);
    let decided = market(&Bars::load(DECIDED_BARS)?, Selection::all())?;
    let deciding = |plugin: &Plugin| Prepared::new(plugin, decided.dataset().shared());
    let (rolling, cross) = (deciding(&backtester.load(SMA_ROLLING)?)?, deciding(&strategy)?);
    let hearing = Prepared::new(&strategy, decided.dataset().shared())?;
    let names: Vec<String> = sizes.iter().map(|bars| format!("prepare {bars} bars and capture")).collect();
    let mut ways = vec![
        Way::new("start of a process (`host --version`)", || {
            process(&[HOST.into(), "--version".into()], Path::new(env!("CARGO_TARGET_TMPDIR")))
        }),
        Way::new("threads and engine", || fallible(|| ParallelBacktester::new(Some(1), Limits::default()))),
        Way::new("load a plugin: check, meter, compile", || fallible(|| backtester.load("sma_cross"))),
        Way::new("fork, call and answer, one bar", || evaluate(&prepared, &params, TASKS)),
        Way::new("the same for 100000 bars of sma_rolling", || evaluate(&rolling, &params, DECISIONS)),
        Way::new("the same for 100000 bars of sma_cross", || evaluate(&cross, &params, DECISIONS)),
        Way::new("the same told bar by bar", || hear(&hearing, decided.dataset().series(), &params)),
        Way::new("a whole task of one bar in a sweep", || empty_sweep(&backtester, &scope)),
    ];
    for (name, market) in names.iter().zip(&markets) {
        let strategy = &strategy;
        ways.push(Way::new(name, move || fallible(|| Backtest::new(Arc::clone(market), strategy.clone().into()))));
    }
    let summaries = compare(&mut ways, rounds)?;
    Ok(ways.iter().map(|way| way.name.to_owned()).zip(summaries).collect())
}

/// Measures work that may fail. What it makes is dropped outside the measurement.
fn fallible<T, E: Into<anyhow::Error>>(work: impl FnOnce() -> Result<T, E>) -> Result<Cost> {
    let (cost, made) = measured(work)?;
    made.map(|_| cost).map_err(Into::into)
}

/// Measures one of `tasks` equal tasks, without the account.
fn evaluate(prepared: &Prepared<Signals>, params: &Params, tasks: usize) -> Result<Cost> {
    let cost = fallible(|| (0..tasks).try_for_each(|_| prepared.evaluate(params).outcome.map(drop)))?;
    Ok(cost / tasks as f64)
}

/// Measures a strategy's decisions when it is told of one bar after the other, without the account.
fn hear(prepared: &Prepared<Events>, data: &[Series], params: &Params) -> Result<Cost> {
    let series = &data[0];
    let mut slot = ForkSlot::default();
    let mut play = || {
        let run = &mut |session: &mut Session<'_>| {
            for at in 0..series.len() {
                session.on_bar(&event(series, at))?;
                session.commands().clear();
            }
            Ok(())
        };
        prepared.play_in(&mut slot, &[&series.symbol], params, run).outcome
    };
    let cost = fallible(|| (0..DECISIONS).try_for_each(|_| play()))?;
    Ok(cost / DECISIONS as f64)
}

fn event(series: &Series, at: usize) -> BarEvent {
    series.bar(at).event(0, 0.0, 10_000.0)
}

fn empty_sweep(backtester: &ParallelBacktester, scope: &Scope) -> Result<Cost> {
    let grid = Grid::new().axis("fast", 1..=25).axis("slow", 101..=100 + (TASKS / 25) as i32);
    let plan = grid.bind(scope.strategy().description())?;
    let mut failed = 0;
    let (cost, ()) = measured(|| {
        backtester.sweep(scope, &plan, Part::all(), |batch| {
            failed = batch.failed;
            true
        });
    })?;
    if failed > 0 { Err(anyhow!("{failed} empty tasks fail")) } else { Ok(cost / TASKS as f64) }
}

fn bar() -> Series {
    let price = || vec![1.0];
    let (open, high, low, close) = (price(), price(), price(), price());
    Series { symbol: "ONE".into(), time: vec![0], open, high, low, close, volume: vec![0.0], ..Series::default() }
}
