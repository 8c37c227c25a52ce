//! Luck of one combination: its trades are drawn as they were made, and copies of the bars have the same noise on any number of
//! workers.

use std::{fmt::Write as _, fs, sync::Arc};

use host::{
    backtest::{Backtest, Market, Settings, Strategy, WorkerState},
    broker,
    cli::Exit,
    data::Dataset,
    metrics::Metrics,
    model::{Contract, Params, Series, Targets},
    sandbox::Limits,
    sweep::{LUCK_LEVELS, NoisyCopies, NoisyReport, ParallelBacktester, profit_shares},
    task::{ParallelResult, TaskError},
};
use serde_json::Value as Json;

use crate::support::{Folder, check_refused, host};

const CROSS: &str = "monte-carlo --plugin sma_cross --param fast=10 --param slow=50";

const COPIES: NoisyCopies = NoisyCopies { count: 5, strength: 0.1, seed: 3 };

fn json_of(args: &str) -> (Exit, Json) {
    let run = host(&format!("{args} --format json"));
    let json = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {args}\n{}", run.err));
    (run.exit, json)
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn near(one: f64, other: f64, most: f64) -> bool {
    (one - other).abs() <= most
}

/// Equity at the end and the deepest fall of `profits`, one after another, from 1.
fn compounded(profits: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (mut equity, mut peak, mut fall) = (1.0_f64, 1.0_f64, 0.0_f64);
    for profit in profits {
        equity *= (1.0 + profit).max(0.0);
        peak = peak.max(equity);
        fall = fall.min(equity / peak - 1.0);
    }
    (equity, fall)
}

/// The quantiles of `values` at the levels of luck, linear between values.
fn quantiles(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let at = |level: &f64| {
        let place = level * (values.len() - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        values[low] + (values[high] - values[low]) * (place - low as f64)
    };
    LUCK_LEVELS.iter().map(at).collect()
}

/// The profits of the trades in the files of `host backtest`, as shares of the equity at the last close before.
fn profits(folder: &Folder, combination: &str) -> Vec<f64> {
    let (trades, equity) = (folder.path("trades.jsonl"), folder.path("equity.jsonl"));
    let run = host(&format!("backtest {combination} --trades {} --equity {}", trades.display(), equity.display()));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let rows = |path| -> Vec<Json> {
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let equity = rows(equity);
    let closed = rows(trades).into_iter().filter(|trade| trade["open"] == false);
    let share = |trade: Json| {
        let entry = equity.iter().position(|bar| bar["time"] == trade["entry_time"]).unwrap();
        let before = if entry == 0 { 10_000.0 } else { equity[entry - 1]["equity"].as_f64().unwrap() };
        trade["pnl"].as_f64().unwrap() / before
    };
    closed.map(share).collect()
}

#[test]
fn trades_are_drawn_as_shares_of_the_equity_before_them() {
    let folder = Folder::new();
    for more in ["", "--commission 5 --fill close", "--from 2000-01-01"] {
        let profits = profits(&folder, &format!("--plugin sma_cross --param fast=10 --param slow=50 {more}"));
        let (exit, found) = json_of(&format!("{CROSS} {more} --runs 0 --draws 4000"));
        assert_eq!((exit, &found["noise"], &found["levels"][0]), (Exit::Success, &Json::Null, &0.05.into()));
        let trades = &found["trades"];
        assert_eq!(trades["trades"], profits.len());
        let (equity, fall) = compounded(profits.iter().copied());
        assert!(near(trades["total_return"].as_f64().unwrap(), equity - 1.0, 1e-9 * equity), "{trades}");
        assert!(near(trades["max_drawdown"].as_f64().unwrap(), fall, 1e-9), "{trades}");
        // Other draws of the same kind come near.
        let mut state = 7_u64;
        let mut below = |count: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % count
        };
        let mut resample = || compounded((0..profits.len()).map(|_| profits[below(profits.len())]));
        let draws: Vec<_> = (0..4_000).map(|_| resample()).collect();
        let falls = quantiles(draws.iter().map(|draw| draw.1).collect());
        for (found, expected) in numbers(&trades["resampled_drawdown"]).into_iter().zip(falls) {
            assert!(near(found, expected, 0.03), "{found} instead of {expected}");
        }
        let growths = quantiles(draws.iter().map(|draw| draw.0.ln()).collect());
        for (found, expected) in numbers(&trades["resampled_return"]).into_iter().zip(growths) {
            assert!(near((found + 1.0).ln(), expected, 0.2), "{found} instead of {}", expected.exp());
        }
        let loss = draws.iter().filter(|draw| draw.0 < 1.0).count() as f64 / 4_000.0;
        assert!(near(trades["loss"].as_f64().unwrap(), loss, 0.03), "{trades}");
        let (shuffled, rank) = (numbers(&trades["shuffled_drawdown"]), trades["shuffled_rank"].as_f64().unwrap());
        assert!(shuffled.is_sorted() && (0.0..=1.0).contains(&rank), "{trades}");
        assert_eq!(rank > 0.5, fall < shuffled[2], "{trades}");
    }
}

#[test]
fn the_numbers_are_the_same_on_any_number_of_workers_and_those_of_the_seed() {
    let of = |more: &str| {
        let (exit, found) = json_of(&format!("{CROSS} --runs 6 --draws 500 {more}"));
        assert_eq!(exit, Exit::Success);
        found
    };
    let found = of("--workers 1");
    assert_eq!(found, of("--workers 3"));
    let other = of("--workers 3 --seed 2");
    assert_ne!(found["noise"]["copies"], other["noise"]["copies"]);
    assert_ne!(found["trades"]["resampled_return"], other["trades"]["resampled_return"]);
    assert_eq!(found["metrics"], other["metrics"]);
    let copies = found["noise"]["copies"].as_array().unwrap();
    let numbers_of: Vec<_> = copies.iter().map(|copy| copy["copy"].as_u64().unwrap()).collect();
    assert_eq!(numbers_of, [1, 2, 3, 4, 5, 6]);
    for metric in found["noise"]["metrics"].as_array().unwrap() {
        let name = metric["metric"].as_str().unwrap();
        let values = copies.iter().map(|copy| copy[name].as_f64().unwrap()).collect();
        for (found, expected) in numbers(&metric["quantiles"]).into_iter().zip(quantiles(values)) {
            assert!(near(found, expected, 1e-9 * expected.abs()), "{name}: {found} instead of {expected}");
        }
        assert_eq!((&metric["value"], &metric["defined"]), (&found["metrics"][name], &6.into()), "{name}");
    }
}

#[test]
fn noise_of_no_strength_gives_the_numbers_of_the_bars_as_they_are() {
    let (_, found) = json_of(&format!("{CROSS} --runs 3 --noise 0 --draws 100 --from 1995-01-01 --to 2010-12-31"));
    for copy in found["noise"]["copies"].as_array().unwrap() {
        for name in ["total_return", "sharpe", "max_drawdown", "trades"] {
            assert_eq!(copy[name], found["metrics"][name], "{name}");
        }
    }
    let dataset = Dataset::bundled().unwrap();
    let copies = NoisyCopies { strength: 0.0, ..COPIES };
    assert_eq!(copies.of(&dataset, &broker::Settings::default(), 1).unwrap(), dataset);
}

/// Bars of an instrument whose price rises by a quarter a bar.
fn rising(symbol: &str, bars: i64) -> Series {
    let price: Vec<f64> = (0..bars).map(|at| 50.0 + at as f64 * 0.25).collect();
    Series {
        symbol: symbol.into(),
        time: (0..bars).map(|at| at * 3_600_000_000_000).collect(),
        high: price.iter().map(|price| price + 1.0).collect(),
        low: price.iter().map(|price| price - 1.0).collect(),
        close: price.iter().map(|price| price + 0.5).collect(),
        volume: vec![100.0; price.len()],
        open: price,
        ..Series::default()
    }
}

#[test]
fn copies_have_other_prices_on_ticks_and_all_else_as_it_is() {
    let contract = Contract { tick: Some(0.25), multiplier: Some(5.0), ..Contract::default() };
    let dataset = Dataset::new(vec![Series { contract, ..rising("A", 300) }, rising("B", 200)]).unwrap();
    let account = broker::Settings::default();
    let copy = COPIES.of(&dataset, &account, 2).unwrap();
    assert_eq!(copy, COPIES.of(&dataset, &account, 2).unwrap());
    for (one, other) in dataset.series().iter().zip(copy.series()) {
        let Series { open, high, low, close, .. } = one.clone();
        assert_ne!(close, other.close);
        assert_eq!(*one, Series { open, high, low, close, ..other.clone() });
    }
    let is_on_ticks = |at: usize| copy.series()[at].close.iter().all(|price| (price * 4.0).fract() == 0.0);
    assert_eq!([is_on_ticks(0), is_on_ticks(1)], [true, false]);
    // The account's tick is that of an instrument without one.
    let copy = COPIES.of(&dataset, &broker::Settings { tick: Some(0.5), ..account }, 2).unwrap();
    assert!(copy.series()[1].close.iter().all(|price| (price * 2.0).fract() == 0.0));
}

/// A strategy that follows `targets` on the bars of one instrument, and its run.
fn backtest_of(dataset: Dataset, targets: Targets) -> Backtest {
    let strategy = Strategy::native("fixed", Vec::new(), move |_, _| Ok(targets.clone()));
    Backtest::new(Arc::new(Market::new(dataset, Settings::default()).unwrap()), strategy).unwrap()
}

fn run_on(backtest: &Backtest) -> (WorkerState, Metrics) {
    let mut state = WorkerState::default();
    let metrics = backtest.run(&mut state, &Params::new()).outcome.unwrap();
    (state, metrics)
}

#[test]
fn one_trade_has_one_outcome_however_it_is_drawn() {
    let backtester = ParallelBacktester::new(Some(2), Limits::default()).unwrap();
    let dataset = Dataset::new(vec![rising("A", 300)]).unwrap();
    let once = Targets { at: vec![10, 50], instrument: vec![0, 0], exposure: vec![1.0, 0.0] };
    let backtest = backtest_of(dataset.clone(), once);
    let (state, metrics) = run_on(&backtest);
    let found = backtester.redraw_trades((backtest.market(), state.ledger()), 200, 1).unwrap();
    assert_eq!((found.trades, found.loss, found.shuffled_rank), (1, 0.0, 1.0));
    let total = metrics.total_return.unwrap();
    assert!(found.resampled_return.iter().chain([&found.total_return]).all(|change| near(*change, total, 1e-12)));
    assert_eq!((&found.resampled_drawdown[..], &found.shuffled_drawdown[..]), (&[0.0; 5][..], &[0.0; 5][..]));
    let none = Targets { at: vec![10], instrument: vec![0], exposure: vec![1.0] };
    let backtest = backtest_of(dataset, none);
    let (state, _) = run_on(&backtest);
    let error = profit_shares(backtest.market(), state.ledger()).unwrap_err();
    assert_eq!(error.to_string(), "no trade was closed, so that there is nothing to draw from");
}

#[test]
fn trades_that_overlap_are_shares_of_what_the_account_was_worth() {
    let dataset = Dataset::new(vec![rising("A", 300), rising("B", 300)]).unwrap();
    let (at, instrument) = (vec![10, 20, 30, 40], vec![0, 1, 1, 0]);
    let backtest = backtest_of(dataset, Targets { at, instrument, exposure: vec![0.5, 0.5, 0.0, 0.0] });
    let (state, _) = run_on(&backtest);
    let (ledger, equity) = (state.ledger(), state.ledger().equity());
    let expected: Vec<f64> = [(0, 20), (1, 10)].map(|(trade, last)| ledger.trades[trade].pnl / equity[last]).into();
    assert_eq!(profit_shares(backtest.market(), ledger).unwrap(), expected);
}

#[test]
fn a_strategy_without_closed_trades_says_why_they_are_not_drawn() {
    let folder = Folder::new();
    let mut text = "Date,Open,High,Low,Close,Volume\n".to_owned();
    for bar in 0..300_u64 {
        let (day, price) = (1_000_000_000_000 + 86_400_000 * bar, 100.0 + bar as f64);
        writeln!(text, "{day},{price},{},{},{price},1000", price + 1.0, price - 1.0).unwrap();
    }
    let data = folder.file("rise.csv", text);
    let args =
        format!("monte-carlo --plugin sma_cross --param fast=5 --param slow=20 --data {data} --noise 0.05 --runs 3");
    let (exit, found) = json_of(&args);
    assert_eq!(
        (exit, found["trades"]["undefined"].as_str().unwrap().contains("no trade was closed")),
        (Exit::Success, true)
    );
    let text = host(&args).out;
    assert!(text.contains("trades drawn again: left out, since no trade was closed"), "{text}");
    assert!(text.contains("copies that lose: 0 of 3 (0 %)"), "{text}");
}

#[test]
fn tables_say_how_to_read_them() {
    let run = host(&format!("{CROSS} --runs 4 --draws 500"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    for words in [
        "sma_cross 0.1.0  fast=10",
        "trades drawn again",
        "return, resampled",
        "drawdown, shuffled",
        "closed trades, each a share of the equity before it, drawn 500 times",
        "4 copies with noise of 0.1 of the average true range\n",
        "copies that lose: 0 of 4 (0 %)",
        "below half of that of the bars as they are: ",
    ] {
        assert!(run.out.contains(words), "`{words}` is not in: {}", run.out);
    }
    let alone = host(&format!("{CROSS} --runs 0 --draws 500")).out;
    assert!(alone.contains("return, resampled") && !alone.contains("noise"), "{alone}");
}

#[test]
fn a_row_of_results_is_drawn_again() {
    let folder = Folder::new();
    let out = folder.path("r.parquet").display().to_string();
    let sweep = "sweep --plugin sma_cross --param fast=5,10 --param slow=20,50 --commission 5 --no-store";
    assert_eq!(host(&format!("{sweep} --out {out}")).exit, Exit::Success);
    let (exit, found) = json_of(&format!("monte-carlo --again {out} --rank 2 --runs 2 --draws 200"));
    assert_eq!((exit, &found["again"]["same"]), (Exit::Success, &true.into()), "{}", found["again"]);
    let params = &found["params"];
    let typed = format!("--param fast={} --param slow={} --commission 5", params["fast"], params["slow"]);
    let (_, typed) = json_of(&format!("monte-carlo --plugin sma_cross {typed} --runs 2 --draws 200"));
    assert_eq!((&found["trades"], &found["noise"]), (&typed["trades"], &typed["noise"]));
    let other = host(&format!("monte-carlo --again {out} --commission 7 --runs 0"));
    assert_eq!(other.exit, Exit::SomeFailed);
    assert!(other.out.contains("metrics are not those of"), "{}", other.out);
}

#[test]
fn a_run_that_fails_is_an_error_and_a_copy_that_fails_is_counted() {
    let faulty = "monte-carlo --plugin tests/plugins/faulty/faulty.wasm";
    let run = host(&format!("{faulty} --param behaviour=refuse"));
    assert_eq!((run.exit, run.out.as_str()), (Exit::NoneSucceeded, ""), "{}", run.err);
    let backtester = ParallelBacktester::new(Some(2), Limits::default()).unwrap();
    let dataset = Dataset::new(vec![rising("A", 300)]).unwrap();
    // It runs on the bars as they are, and on copies whose second close is not lower.
    let strategy = Strategy::native("picky", Vec::new(), |series, _| match series[0].close[1] >= 50.75 {
        true => Ok(Targets { at: vec![10], instrument: vec![0], exposure: vec![-1.0] }),
        false => Err(TaskError::failed("the second close is low")),
    });
    let backtest = Backtest::new(Arc::new(Market::new(dataset, Settings::default()).unwrap()), strategy).unwrap();
    let (_, metrics) = run_on(&backtest);
    let copies = NoisyCopies { count: 40, ..COPIES };
    let mut results: Vec<ParallelResult<Metrics>> = Vec::new();
    backtester.run_noisy(&backtest, &Params::new(), copies, |event| {
        results.push(event.result);
        true
    });
    let report = NoisyReport::new(copies, &metrics, &results);
    let failed = report.copies.iter().filter(|copy| copy.error_message.is_some()).count() as u64;
    assert!((5..35).contains(&failed) && failed == report.failed, "{failed}");
    let losing = report.losing.unwrap();
    assert_eq!((losing.count, losing.share), (40 - failed, 1.0), "who sells what rises loses");
    // Half of a Sharpe ratio below zero says nothing.
    assert!(metrics.sharpe.unwrap() < 0.0 && report.below_half_sharpe.is_none());
    assert!(!report.is_interrupted() && NoisyReport::new(copies, &metrics, &results[..7]).is_interrupted());
}

#[test]
fn what_is_out_of_range_is_refused() {
    check_refused(&format!("{CROSS} --noise 1.5"), &["`1.5`", "from 0 to 1"]);
    check_refused(&format!("{CROSS} --noise -0.1"), &["`-0.1`", "from 0 to 1"]);
    check_refused(&format!("{CROSS} --noise much"), &["`much`", "average true range"]);
    check_refused(&format!("{CROSS} --draws 5"), &["`5`", "100 to 1000000"]);
    check_refused(&format!("{CROSS} --runs -1"), &["`-1`", "0 to 1000000"]);
    check_refused(&format!("{CROSS} --param wide=3"), &["wide"]);
    check_refused("monte-carlo --rank 1", &["--again"]);
    let copies = NoisyCopies { strength: 2.0, ..COPIES };
    let error = copies.of(&Dataset::bundled().unwrap(), &broker::Settings::default(), 1).unwrap_err();
    assert!(error.to_string().contains("`2`"), "{error}");
}
