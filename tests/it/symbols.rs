//! Each symbol by itself: the same results as a run over its file alone, in the order of the symbols.

use std::{fmt::Write as _, sync::Arc};

use host::{
    backtest::{Market, Settings, Strategy},
    cli::Exit,
    data::Dataset,
    model::{Series, Targets},
    sandbox::Limits,
    sweep::{Instruments, ParallelBacktester, Part, Scope, StrategySource, grid::Grid},
    task::{ErrorKind, ParallelResult},
};
use serde_json::Value as Json;

use crate::support::{Folder, guest::guest, host, rows_of};

const DAY: i64 = 86_400_000_000_000;

/// Bars of a price that swings about 100, each `step` nanoseconds after the other.
fn swinging(symbol: &str, bars: usize, step: i64) -> Series {
    let price: Vec<f64> = (0..bars).map(|at| 100.0 + ((at * at + symbol.len()) % 17) as f64).collect();
    Series {
        symbol: symbol.to_owned(),
        time: (0..bars as i64).map(|at| at * step).collect(),
        open: price.clone(),
        high: price.iter().map(|price| price + 1.0).collect(),
        low: price.iter().map(|price| price - 1.0).collect(),
        close: price,
        volume: vec![1000.0; bars],
        ..Series::default()
    }
}

/// The series as a file of its own.
fn file(folder: &Folder, series: &Series) -> String {
    let mut text = "Date,Open,High,Low,Close,Volume\n".to_owned();
    for at in 0..series.len() {
        let (time, open, high) = (series.time[at] / 1_000_000 + 1_000_000_000_000, series.open[at], series.high[at]);
        let (low, close, volume) = (series.low[at], series.close[at], series.volume[at]);
        writeln!(text, "{time},{open},{high},{low},{close},{volume}").unwrap();
    }
    folder.file(&format!("{}.csv", series.symbol), text)
}

const GRID: &str = "--plugin momentum --param lookback=1..9:2 --param threshold=0,0.02 --where lookback>1";

/// The rows of a sweep, the columns `task_id` and `symbol` taken off, without `cell`, which counts the cells of the sweep.
fn rows(folder: &Folder, args: &str, name: &str) -> (Vec<[String; 2]>, Vec<Vec<String>>) {
    let out = folder.path(name);
    let run = host(&format!("sweep {GRID} {args} --out {}", out.display()));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let has_symbol = args.contains("--each-symbol");
    let split = |mut row: Vec<String>| {
        let symbol = if has_symbol { row.remove(2) } else { String::new() };
        row.remove(2);
        ([row.remove(0), symbol], row)
    };
    rows_of(&out).into_iter().map(split).unzip()
}

#[test]
fn each_symbol_has_the_results_of_its_file_alone_on_any_number_of_workers() {
    let folder = Folder::new();
    let symbols = ["alpha", "be-ta", "gamma", "d", "epsilon", "zeta"];
    let files: Vec<_> = (0..)
        .zip(symbols)
        .map(|(place, symbol)| file(&folder, &swinging(symbol, 40 + 10 * place as usize, DAY / (1 + place % 2))))
        .collect();
    let (mut names, mut alone) = (Vec::new(), Vec::new());
    for (symbol, file) in symbols.iter().zip(&files) {
        let (ids, rows) = rows(&folder, &format!("--data {file}"), "alone.csv");
        names.extend(ids.into_iter().map(|[id, _]| [format!("symbol={symbol},{id}"), (*symbol).to_owned()]));
        alone.extend(rows);
    }
    for workers in [1, 2, 5] {
        let args = format!("--each-symbol --workers {workers} --data {}", files.join(" "));
        assert_eq!(rows(&folder, &args, "each.csv"), (names.clone(), alone.clone()), "on {workers} workers");
    }
}

#[test]
fn the_ranking_names_the_symbol_and_the_talk_says_what_each_year_is() {
    let folder = Folder::new();
    let (daily, hourly) = (swinging("daily", 60, DAY), swinging("hourly", 90, DAY / 24));
    let files = format!("{} {}", file(&folder, &daily), file(&folder, &hourly));
    let run = host(&format!("sweep {GRID} --each-symbol --data {files}"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    for word in ["365 (daily bars, weekends included): daily", "bars a day", ": hourly", "on each of 2 symbols"] {
        assert!(run.err.contains(word), "`{word}` is not in: {}", run.err);
    }
    assert!(run.out.lines().next().unwrap().contains("rank  symbol  lookback"), "{}", run.out);
    let run = host(&format!("sweep {GRID} --each-symbol --data {files} --format json"));
    let json: Json = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&json["combinations"], &json["symbols"][1]["symbol"]), (&16.into(), &"hourly".into()));
    assert_eq!((&json["symbols"][0]["periods_per_year"], &json["symbols"][0]["bars"]), (&365.0.into(), &60.into()));
    let best = &json["ranking"][0];
    assert!(best["task_id"].as_str().unwrap().starts_with(&format!("symbol={},", best["symbol"].as_str().unwrap())));
}

fn sweep_each(strategy: impl Into<StrategySource>, series: Vec<Series>) -> Vec<ParallelResult<f64>> {
    let backtester = ParallelBacktester::new(Some(2), Limits::default()).unwrap();
    let strategy = backtester.strategy(&strategy.into()).unwrap();
    let plan = Grid::new().bind(strategy.description()).unwrap();
    let market = Market::new(Dataset::new(series).unwrap(), Settings::default()).unwrap();
    let mut results = Vec::new();
    let scope = Scope::new(Instruments::EachSymbol, Arc::new(market), strategy).unwrap();
    backtester.sweep(&scope, &plan, Part::all(), |batch| {
        results.extend(batch.results.into_iter().map(|result| result.map(|metrics| metrics.final_equity.unwrap())));
        true
    });
    results
}

#[test]
fn a_symbol_that_cannot_be_prepared_costs_its_own_tasks_only() {
    // A list's length follows its address: the second of a series' lists is its times.
    let picky = guest(
        "(if (i32.lt_u (i32.load offset=12 (local.get 0)) (i32.const 10)) (then (unreachable))) (i32.const 128)",
        "(i32.const 128)",
    );
    let series = ["a", "b", "c", "d", "e", "f", "g"].map(|name| swinging(name, if name == "c" { 9 } else { 10 }, DAY));
    let results = sweep_each(StrategySource::Bytes("picky".into(), picky), series.into());
    let failed: Vec<_> = results.iter().filter(|result| !result.success).collect();
    assert_eq!((results.len(), failed.len()), (7, 1));
    assert_eq!((failed[0].task_id.as_str(), failed[0].symbol.as_deref()), ("symbol=c", Some("c")));
    assert_eq!(failed[0].error_kind, Some(ErrorKind::Trap));
    assert!(failed[0].error_message.as_ref().unwrap().contains("in `prepare`"));
}

#[test]
fn a_function_hears_of_one_symbol_at_a_time() {
    let strategy = Strategy::native("count", Vec::new(), |series, _| {
        assert_eq!(series.len(), 1);
        Ok(Targets { at: vec![0], instrument: vec![0], exposure: vec![1.0] })
    });
    let results = sweep_each(strategy, vec![swinging("a", 20, DAY), swinging("odd name", 30, DAY)]);
    let ids: Vec<_> = results.iter().map(|result| result.task_id.as_str()).collect();
    assert_eq!(ids, ["symbol=a", r#"symbol="odd name""#]);
    assert!(results.iter().all(|result| result.result.is_some()));
}
