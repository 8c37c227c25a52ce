//! Reports on a file of returns and on one combination for Python, as JSON.
//!
//! Never computes a statistic. The library works on a thread of its own, and a signal ends it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use host::{
    backtest::{Backtest, Market, Strategy, WorkerState},
    evidence::{EvidenceError, FoldsAnew, FollowRequest, LuckRequest, TrustRequest},
    metrics::Selection,
    model::Params,
    report::{Ran, Report, shell_word},
    results::{ResultsFile, ReturnsFile},
    sandbox::Budget,
    sweep::{BenchmarkFacts, ParallelBacktester, PastError, PastResults, Provenance, RequestFile, Stop},
};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use crate::{
    data::Dataset,
    engine::Shared,
    errors::{Class, Failure, OrFailure, json, refused},
    runs::{Asked, StoreChoice, alone},
    wait::{self, Counts, Waited},
};

/// What the returns in a file say of the best combination. `request` is JSON with the fields of `TrustRequest`; `store` has counted
/// the trials, as in `Backtester.sweep`.
#[pyfunction]
#[pyo3(signature = (path, request, store = None))]
pub(crate) fn trust(
    py: Python<'_>,
    path: PathBuf,
    request: &str,
    store: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let (request, store): (TrustRequest, _) = (read(request)?, StoreChoice::of(store)?);
    answer(py, move |stop| {
        let store = store.existing()?;
        json(&request.answer(&opened(&path)?, store.as_ref(), stop).map_err(refused)?)
    })
}

/// The best combination of each stretch of time, followed through the next one. `request` is JSON with the fields of
/// `FollowRequest`; `store` has what checks have found, as in `Backtester.sweep`.
#[pyfunction]
#[pyo3(signature = (path, request, store = None))]
pub(crate) fn walk_forward(
    py: Python<'_>,
    path: PathBuf,
    request: &str,
    store: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let (request, store): (FollowRequest, _) = (read(request)?, StoreChoice::of(store)?);
    answer(py, move |stop| {
        let store = store.existing()?;
        json(&request.answer(&opened(&path)?, store.as_ref(), stop).map_err(refused)?)
    })
}

/// Reads options, which are JSON.
pub(crate) fn read<R: DeserializeOwned>(request: &str) -> Result<R, Failure> {
    serde_json::from_str(request)
        .map_err(|error| Failure::new(Class::Settings, format!("the options do not fit: {error}")))
}

fn opened(path: &std::path::Path) -> Result<ReturnsFile, Failure> {
    ReturnsFile::open(path).or_failure(Class::Data)
}

/// Runs `work` on threads of its own, which end with it: a process that is forked later has none of them.
fn answer(py: Python<'_>, work: impl FnOnce(&Stop) -> Result<String, Failure> + Send) -> PyResult<String> {
    let stop = Stop::default();
    let work = || {
        let threads = rayon::ThreadPoolBuilder::new().build();
        threads.or_failure(Class::Host)?.install(|| work(&stop))
    };
    let Waited { value, raised } = wait::run(py, &stop, &Counts::default(), None, work)?;
    match raised {
        Some(raised) => Err(raised),
        None => Ok(value?),
    }
}

/// One combination with its trades drawn again and on bars with noise: JSON.
pub(crate) fn luck(
    shared: &Shared,
    engine: &ParallelBacktester,
    asked: &Asked,
    (params, luck): (&Params, &LuckRequest),
    data: &Dataset,
    counts: &Counts,
) -> Result<String, Failure> {
    let (mut settings, limits) =
        asked.request.settings(Selection::all()).map_err(|error| Failure::of_request(&error))?;
    data.measure(&mut settings, asked.request.benchmark.as_ref())?;
    let plugin = shared.plugin(engine, &asked.plugin, asked.is_metered())?.under(limits);
    let strategy = asked.request.strategy(plugin.into()).or_failure(Class::Grid)?;
    let mut params = params.clone();
    asked.request.exits.add_to(&mut params).or_failure(Class::Grid)?;
    let params = strategy.description().resolve(&params).or_failure(Class::Grid)?;
    let market = Arc::new(Market::new(data.bars.clone(), settings).or_failure(Class::Settings)?);
    let backtest = Backtest::new(market, strategy).or_failure(Class::Plugin)?;
    counts.set(0, Some(luck.runs));
    let made = luck.answer(engine, &backtest, &params, &mut |event| counts.set(event.done, event.total));
    json(&made.map_err(refused)?)
}

/// A report in HTML on the results at `results` and the returns at `returns`, with the run of a combination: that of the name
/// `task`, else the best one.
pub(crate) fn report(
    shared: &Shared,
    engine: &ParallelBacktester,
    asked: &Asked,
    (results, returns, task): (&Path, Option<&Path>, Option<&str>),
    data: &Dataset,
) -> Result<String, Failure> {
    let RequestFile::Provenance(of) = RequestFile::load(results).or_failure(Class::Data)? else {
        let text = format!("`{}` has no results; give the Parquet file of `out`", results.display());
        return Err(Failure::new(Class::Data, text));
    };
    let (file, plugin) = (ResultsFile::open(results).or_failure(Class::Data)?, of.description());
    let goal = of.request.goal(&plugin).map_err(|error| Failure::of_request(&error))?;
    let past = PastResults::open(results).or_failure(Class::Data)?;
    let chosen = match task {
        Some(task) => Some(past.of_task(task, &plugin).or_failure(Class::Settings)?),
        None => match past.at_rank(1, &goal, &plugin) {
            Err(PastError::Unranked { .. }) => None,
            found => Some(found.or_failure(Class::Data)?),
        },
    };
    let name = results.file_name().unwrap_or_default().to_string_lossy();
    let command = format!("host backtest --again {}", shell_word(&name));
    let report = Report::of_results(&file, (&of, &goal), chosen.as_ref(), command);
    let mut report = report.or_failure(Class::Data)?;
    let known = asked.store.existing()?;
    report.add_look_ahead(known.as_ref(), (&of.request.plugin, of.plugin_hash), of.data_hash);
    if let Some(returns) = returns {
        let (file, stop) = (opened(returns)?, engine.stop_handle());
        let trust = (&TrustRequest::default(), known.as_ref(), &stop);
        report.add_evidence(&file, &of, trust).or_failure(Class::Settings)?;
        if stop.is_stopped() {
            return Err(refused(EvidenceError::Stopped));
        }
    }
    if let Some(chosen) = chosen {
        let settings = of.request.settings(Selection::all());
        let (mut settings, limits) = settings.map_err(|error| Failure::of_request(&error))?;
        data.measure(&mut settings, of.request.benchmark.as_ref())?;
        let metered = of.request.limits.budget != Some(Budget::Unmetered);
        let strategy = Strategy::from(shared.plugin(engine, &asked.plugin, metered)?.under(limits));
        let strategy = of.request.strategy(strategy).or_failure(Class::Grid)?;
        let market = Market::new(data.bars.clone(), settings).or_failure(Class::Settings)?;
        let is_of_sweep = of.plugin_hash == strategy.digest() && of.data_hash == market.dataset().fingerprint();
        if !is_of_sweep {
            return Err(refused(EvidenceError::OtherSweep));
        }
        check_benchmark(&of, &market)?;
        let market = Arc::new(alone(market, chosen.symbol.as_deref())?);
        let backtest = Backtest::new(market, strategy).or_failure(Class::Plugin)?;
        let mut state = WorkerState::with_orders();
        let answer = backtest.run(&mut state, &chosen.params);
        let metrics = answer.outcome.map_err(|error| refused(error.into()))?;
        report.add_run(Ran { market: backtest.market(), ledger: state.ledger(), metrics: &metrics });
    }
    Ok(report.html())
}

/// Refuses another benchmark than that of the sweep `of`.
fn check_benchmark(of: &Provenance, market: &Market) -> Result<(), Failure> {
    let now = BenchmarkFacts::of(market);
    if of.benchmark.as_ref().map(|then| then.hash) == now.as_ref().map(|now| now.hash) {
        return Ok(());
    }
    let text = "the benchmark is not the one of the sweep: its returns are others; give that one with `benchmark`";
    Err(Failure::new(Class::Settings, text))
}

/// Walk-forward whose winners also run through their test parts anew: JSON.
pub(crate) fn walk_forward_anew(
    shared: &Shared,
    engine: &ParallelBacktester,
    asked: &Asked,
    (path, follow): (&Path, &FollowRequest),
    data: &Dataset,
    counts: &Counts,
) -> Result<String, Failure> {
    let file = ReturnsFile::open(path).or_failure(Class::Data)?;
    let store = asked.store.existing()?;
    let report = follow.answer(&file, store.as_ref(), &engine.stop_handle()).map_err(refused)?;
    let ran = Provenance::of_facts(|name| file.fact(name));
    let ran = ran.ok_or_else(|| {
        let text = format!("`{}` does not say what its sweep was asked for; run the sweep again", path.display());
        Failure::new(Class::Data, text)
    })?;
    let settings = ran.request.settings(Selection::none());
    let (mut settings, limits) = settings.map_err(|error| Failure::of_request(&error))?;
    // Folds that run anew are measured by their own returns.
    settings.benchmark = None;
    let metered = ran.request.limits.budget != Some(Budget::Unmetered);
    let strategy = Strategy::from(shared.plugin(engine, &asked.plugin, metered)?.under(limits));
    let strategy = ran.request.strategy(strategy).or_failure(Class::Grid)?;
    let (winners, of) = (report.winners(), (&strategy, &data.bars, &settings));
    let total = winners.len() as u64;
    let anew = FoldsAnew::run(&file, winners, of, engine, &mut |done, _| counts.set(done, Some(total)));
    json(&report.with_fresh(anew.map_err(refused)?))
}
