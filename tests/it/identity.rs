//! The version of the numbers: a digest over reference sweeps that changes when any of their bits does.
//!
//! When this fails, some result has other bits than before, or a metric is new. Where other bits are meant, raise
//! `RESULTS_VERSION` in `host/sweep/identity.rs`. `UPDATE_RESULTS_VERSION=1 cargo test --test it identity` writes the file.

use std::{collections::BTreeMap, fmt::Write as _, fs, sync::Arc};

use host::{
    backtest::{BenchmarkSpec, Market, Strategy},
    data::Dataset,
    metrics::{Metrics, Selection},
    model::{Digest, Series, Targets},
    sandbox::Limits,
    sweep::{
        BoundRequest, CellIdentity, DefaultMetrics, ParallelBacktester, Part, RESULTS_VERSION, Scope, SweepRequest,
    },
    task::ParallelResult,
};
use serde_json::json;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/results_version.txt");

/// Requests that together reach every way through broker and metrics: each bundled strategy, both modes, both profiles, costs,
/// margin, shorts, several instruments, and failures.
fn requests() -> Vec<SweepRequest> {
    let all = [
        json!({"plugin": "momentum", "grid": {"lookback": [20, 250]}}),
        json!({"plugin": "momentum", "grid": {"lookback": [60]}, "account": {"fill": "close", "sizing": "units:10", "lot": 1}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [5, 10], "slow": [20, 50]}, "account": {"commission_bps": 5, "slippage_bps": 2}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [5], "slow": [20]}, "account": {"mode": "events", "sizing": "cash:5000"}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [10], "slow": [20]}, "account": {"profile": "backtesting.py"}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [10], "slow": [20]}, "account": {"profile": "vectorbt", "risk_free": 0.02}}),
        json!({"plugin": "mean_reversion", "grid": {"window": [10, 40]}, "account": {"commission_per_order": 1, "borrow_rate": 0.03}}),
        json!({"plugin": "breakout", "grid": {}, "account": {"mode": "events", "initial_margin": 0.5, "maintenance_margin": 0.25}}),
        json!({"plugin": "bracket", "grid": {"stop_loss": [0.01, 0.05]}, "account": {"tick": 0.01, "rules": {"intrabar": "ohlc"}}}),
        json!({"plugin": "rotation", "data": "pair", "grid": {}}),
        json!({"plugin": "momentum", "data": "pair", "scope": "each-symbol", "grid": {"lookback": [20]}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [5], "slow": [20]}, "limits": {"budget": 100000}}),
    ];
    all.into_iter().map(|request| serde_json::from_value(request).unwrap()).collect()
}

/// The bundled bars, and beside them the same prices backwards under another name.
fn pair() -> Dataset {
    let forward = Dataset::bundled().unwrap().series()[0].clone();
    let turned = |column: &[f64]| column.iter().rev().copied().collect::<Vec<_>>();
    let backward = Series {
        symbol: "TFSM".to_owned(),
        time: forward.time.clone(),
        open: turned(&forward.close),
        high: turned(&forward.high),
        low: turned(&forward.low),
        close: turned(&forward.open),
        volume: turned(&forward.volume),
        schedule: forward.schedule.clone(),
        contract: forward.contract,
        detail: None,
    };
    Dataset::new(vec![forward, backward]).unwrap()
}

fn bound(backtester: &ParallelBacktester, request: &SweepRequest) -> (Strategy, BoundRequest) {
    let strategy = Strategy::from(backtester.load(&request.plugin).unwrap().under(limits(request)));
    let bound = request.bind(strategy.description(), DefaultMetrics::All).unwrap();
    (strategy, bound)
}

fn limits(request: &SweepRequest) -> Limits {
    request.limits.over(&Limits::default()).unwrap()
}

/// What results came to, as texts by name: the bits of each metric, and how tasks ended. Nothing of it depends on the machine.
fn spell(texts: &mut BTreeMap<&'static str, String>, result: &ParallelResult<Metrics>, measured: Selection) {
    let (kind, units) = (result.error_kind, result.units);
    if measured == Selection::all() {
        writeln!(texts.entry("tasks").or_default(), "{} {kind:?} {units:?}", result.task_id).unwrap();
    }
    for (info, value) in Metrics::FIELDS.iter().zip(result.result.as_ref().map(Metrics::values).into_iter().flatten()) {
        if measured.contains(info.name) {
            writeln!(texts.entry(info.name).or_default(), "{:?}", value.map(f64::to_bits)).unwrap();
        }
    }
}

/// The version, and a digest under each name.
fn lines(workers: usize) -> String {
    let backtester = ParallelBacktester::new(Some(workers), Limits::default()).unwrap();
    let mut texts = BTreeMap::new();
    // What is measured against a benchmark has requests of its own, so that the texts of all others stay as they are.
    let plain = requests().into_iter().map(|request| (request, Selection::all()));
    let held = requests()
        .into_iter()
        .map(|request| (SweepRequest { benchmark: Some(BenchmarkSpec::Hold), ..request }, Selection::relative()));
    for (request, measured) in plain.chain(held) {
        let (strategy, bound) = bound(&backtester, &request);
        let data = if request.data.is_some() { pair() } else { Dataset::bundled().unwrap() };
        let market = Arc::new(Market::new(data, bound.settings).unwrap());
        let scope = Scope::new(bound.instruments, market, strategy).unwrap();
        backtester.sweep(&scope, &bound.plan, Part::all(), |batch| {
            batch.results.iter().for_each(|result| spell(&mut texts, result, measured));
            true
        });
    }
    let digests = texts.iter().map(|(name, text)| format!("{name} {}\n", Digest::of(text.as_bytes())));
    std::iter::once(format!("version {RESULTS_VERSION}\n")).chain(digests).collect()
}

#[test]
fn results_have_the_bits_of_their_version() {
    let (kept, now) = (fs::read_to_string(KEPT).unwrap(), lines(2));
    if std::env::var_os("UPDATE_RESULTS_VERSION").is_some() {
        fs::write(KEPT, &now).unwrap();
        return;
    }
    let other: Vec<_> = kept.lines().filter(|line| !now.lines().any(|now| now == *line)).collect();
    assert!(other.is_empty(), "other bits than before in {other:?}: raise RESULTS_VERSION and update");
    assert_eq!(kept, now, "a metric is new: update the file");
}

#[test]
fn one_request_names_one_cell_whatever_it_calls_its_parts() {
    let backtester = ParallelBacktester::new(Some(1), Limits::default()).unwrap();
    let identity = |request: serde_json::Value| -> CellIdentity {
        let request = serde_json::from_value(request).unwrap();
        let (strategy, bound) = bound(&backtester, &request);
        bound.identity(&request, &strategy).unwrap().unwrap()
    };
    let plain = identity(json!({"plugin": "sma_cross", "grid": {"fast": [5]}}));
    // The default, spelt out; another grid, ranking and name of the data.
    let same = [
        json!({"plugin": "sma_cross", "grid": {"fast": [5]}, "account": {"mode": "signals", "initial_cash": 10000}}),
        json!({"plugin": "sma_cross", "data": "msft", "params": ["fast=7"], "objective": "cagr", "top": 3, "metrics": ["cagr"]}),
        json!({"plugin": "sma_cross", "grid": {"fast": [5]}, "limits": {"timeout": 99, "budget": "auto"}}),
    ];
    same.into_iter().for_each(|request| assert_eq!(identity(request.clone()), plain, "{request}"));
    let others = [
        json!({"plugin": "momentum", "grid": {"lookback": [5]}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [5]}, "account": {"mode": "events"}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [5]}, "account": {"profile": "vectorbt"}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [5]}, "account": {"rules": {"at_end": "close"}}}),
        json!({"plugin": "sma_cross", "grid": {"fast": [5]}, "limits": {"memory": 64}}),
    ];
    others.into_iter().for_each(|request| assert_ne!(identity(request.clone()), plain, "{request}"));
}

#[test]
fn code_without_a_hash_has_no_identity() {
    let backtester = ParallelBacktester::new(Some(1), Limits::default()).unwrap();
    let parameters = backtester.load("momentum").unwrap().description().parameters.clone();
    let native = Strategy::native("native", parameters, |_, _| Ok(Targets::default()));
    let request: SweepRequest = serde_json::from_value(json!({"plugin": "native", "params": ["lookback=5"]})).unwrap();
    let bound = request.bind(native.description(), DefaultMetrics::Shown).unwrap();
    assert_eq!(bound.identity(&request, &native).unwrap(), None);
}
