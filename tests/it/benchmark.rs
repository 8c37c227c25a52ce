//! What runs are measured against: an account that holds, another instrument, or a file of bars.

use std::{fmt::Write as _, fs, sync::Arc};

use host::{
    backtest::{Backtest, Benchmark, Market, Period, Settings, Strategy, WorkerState},
    broker::{self, FillAt},
    cli::Exit,
    data::Dataset,
    metrics::{Metrics, Selection},
    model::{Params, Series, Targets},
};
use serde_json::Value;

use crate::support::{Folder, check_refused, host, rows_of};

const DAY: i64 = 86_400_000_000_000;

/// A walk of `count` prices that never falls to nothing.
fn prices(count: usize, seed: u64) -> Vec<f64> {
    let (mut state, mut price) = (seed, 50.0);
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        price *= 1.0 + ((state >> 40) as f64 / f64::from(1 << 24) - 0.49) / 20.0;
        (price * 100.0_f64).round() / 100.0
    };
    (0..count).map(step).collect()
}

/// Bars of one instrument, `step` nanoseconds apart from `start` on.
fn series(symbol: &str, (start, step, count): (i64, i64, usize), seed: u64) -> Series {
    let close = prices(count, seed);
    let open: Vec<f64> = std::iter::once(close[0]).chain(close.iter().copied()).take(count).collect();
    let with = |choose: fn(f64, f64) -> f64| open.iter().zip(&close).map(|(a, b)| choose(*a, *b)).collect();
    Series {
        symbol: symbol.to_owned(),
        time: (0..count as i64).map(|bar| start + bar * step).collect(),
        high: with(f64::max),
        low: with(f64::min),
        volume: vec![1e6; count],
        open,
        close,
        ..Series::default()
    }
}

/// A strategy that asks for an equal share of each instrument at its first bar from time stamp number `first` on.
fn long(first: usize) -> Strategy {
    Strategy::native("long", Vec::new(), move |series, _| {
        let share = 1.0 / series.len() as f64;
        let asked =
            |at: usize| series[at].time.iter().enumerate().map(move |(bar, time)| (*time, bar as u32, at as u32));
        let mut all: Vec<_> = (0..series.len()).flat_map(asked).collect();
        all.sort_unstable();
        let from = all.iter().map(|(time, ..)| *time).collect::<std::collections::BTreeSet<_>>().into_iter().nth(first);
        let mut bought = vec![false; series.len()];
        all.retain(|(time, _, at)| Some(*time) >= from && !std::mem::replace(&mut bought[*at as usize], true));
        let (at, instrument) = all.iter().map(|(_, bar, at)| (*bar, *at)).unzip();
        Ok(Targets { at, instrument, exposure: vec![share; all.len()] })
    })
}

fn run(dataset: Dataset, settings: Settings) -> Metrics {
    let first = settings.account.first_bar;
    let market = Arc::new(Market::new(dataset, settings).unwrap());
    let backtest = Backtest::new(market, long(first)).unwrap();
    backtest.run(&mut WorkerState::default(), &Params::new()).outcome.unwrap()
}

#[test]
fn what_is_always_long_is_even_with_holding_under_every_account() {
    let costs = broker::Settings { commission_bps: 7.0, slippage_bps: 3.0, ..broker::Settings::default() };
    let accounts = [
        broker::Settings::default(),
        costs,
        broker::Settings { fill: FillAt::Close, ..costs },
        broker::Settings { lot: Some(10.0), initial_cash: 50_000.0, ..costs },
        broker::Settings { first_bar: 9, ..costs },
    ];
    let late = Period { from: Some("1971-02-03".parse().unwrap()), to: Some("1971-12-30".parse().unwrap()) };
    let one = || vec![series("A", (0, DAY, 800), 1)];
    let hours = || vec![series("A", (0, DAY / 24, 3_000), 2)];
    let weeks = || vec![series("A", (0, 7 * DAY, 200), 3)];
    let several = || vec![series("A", (0, DAY, 800), 4), series("B", (200 * DAY, DAY, 500), 5)];
    for account in accounts {
        for (data, period) in [
            (one(), Period::default()),
            (one(), late),
            (hours(), Period::default()),
            (weeks(), Period::default()),
            (several(), Period::default()),
            (several(), late),
        ] {
            // Where a strategy has to wait, it counts from the first bar of the period, which this one does not know.
            if account.first_bar > 0 && period != Period::default() {
                continue;
            }
            let settings = Settings { account, period, benchmark: Some(Benchmark::Hold), ..Settings::default() };
            let found = run(Dataset::new(data).unwrap(), settings);
            assert_eq!(found.benchmark_beta, Some(1.0), "{found:?}");
            assert_eq!((found.jensen_alpha, found.tracking_error), (Some(0.0), Some(0.0)), "{found:?}");
            assert_eq!((found.up_capture, found.down_capture), (Some(1.0), Some(1.0)), "{found:?}");
            assert_eq!((found.excess_return, found.excess_drawdown), (Some(0.0), Some(0.0)), "{found:?}");
            assert_eq!((found.information_ratio, found.batting_average), (None, Some(0.0)), "{found:?}");
            let gap = found.benchmark_return.unwrap() - found.total_return.unwrap();
            assert!(gap.abs() < 1e-12, "{found:?}");
        }
    }
}

#[test]
fn without_a_benchmark_its_metrics_are_undefined_and_all_others_are_the_same() {
    let data = || Dataset::new(vec![series("A", (0, DAY, 500), 6)]).unwrap();
    let without = run(data(), Settings::default());
    let with = run(data(), Settings { benchmark: Some(Benchmark::Hold), ..Settings::default() });
    for name in Selection::relative().names() {
        assert!(without.get(name) == Some(None), "{name}");
    }
    for name in Selection::all().names() {
        assert_eq!(with.get(name), without.get(name), "{name}");
    }
}

/// The text of a date, counted from 1970-01-01.
fn date(day: i64) -> String {
    host::model::format_time(day * DAY)
}

/// A CSV file of a day's bar for each of `days`, whose opens are the closes before.
fn csv(days: impl IntoIterator<Item = i64>, seed: u64) -> String {
    let days: Vec<i64> = days.into_iter().collect();
    let mut text = "date,open,high,low,close\n".to_owned();
    let mut before = None;
    for (day, close) in days.iter().zip(prices(days.len(), seed)) {
        let open = before.replace(close).unwrap_or(close);
        let (high, low) = (open.max(close), open.min(close));
        writeln!(text, "{},{open},{high},{low},{close}", date(*day)).unwrap();
    }
    text
}

fn json(command: &str) -> Value {
    let run = host(&format!("{command} --quiet --format json"));
    serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{command}\n{}", run.err))
}

fn number(value: &Value, name: &str) -> f64 {
    value["metrics"][name].as_f64().unwrap_or_else(|| panic!("{name} in {value}"))
}

#[test]
fn an_instrument_a_symbol_that_is_left_out_and_a_file_are_one_benchmark() {
    let folder = Folder::new();
    let a = folder.file("A.csv", csv(9_000..9_600, 7));
    // Of the weekends it has no bars.
    let b = folder.file("B.csv", csv((8_900..9_600).filter(|day| (day + 3) % 7 < 5), 8));
    let run = "backtest --plugin momentum --param lookback=5";
    let of_file = json(&format!("{run} --data {a} --benchmark {b}"));
    let left_out = json(&format!("{run} --data {a} {b} --symbols A --benchmark symbol:B"));
    assert_eq!(of_file["metrics"], left_out["metrics"]);

    // The same numbers from the equity and the closes, by their definitions.
    let equity = folder.path("equity.csv");
    host(&format!("{run} --data {a} --equity {}", equity.display()));
    let equity: Vec<f64> = rows_of(&equity).iter().map(|row| row[1].parse().unwrap()).collect();
    assert_eq!(equity.len(), 600);
    let closes: Vec<(i64, f64)> = {
        let days = (8_900..9_600).filter(|day| (day + 3) % 7 < 5).collect::<Vec<_>>();
        days.iter().copied().zip(prices(days.len(), 8)).collect()
    };
    let close_by = |day: i64| closes.iter().rev().find(|(known, _)| *known <= day).unwrap().1;
    let r: Vec<f64> =
        std::iter::once(10_000.0).chain(equity.iter().copied()).zip(&equity).map(|(a, b)| b / a - 1.0).collect();
    let b: Vec<f64> = (9_000..9_600).map(|day| close_by(day) / close_by(day - 1) - 1.0).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_r, mean_b) = (mean(&r), mean(&b));
    let products: f64 = r.iter().zip(&b).map(|(r, b)| (r - mean_r) * (b - mean_b)).sum();
    let squares: f64 = b.iter().map(|b| (b - mean_b) * (b - mean_b)).sum();
    let near = |name: &str, expected: f64| {
        let found = number(&of_file, name);
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{name}: {found} {expected}");
    };
    near("benchmark_beta", products / squares);
    near("jensen_alpha", 365.0 * (mean_r - products / squares * mean_b));
    near("benchmark_return", close_by(9_599) / close_by(8_999) - 1.0);
    near("excess_return", (equity[599] / 10_000.0) / (close_by(9_599) / close_by(8_999)) - 1.0);
    let told = host(&format!("{run} --data {a} --benchmark {b}", b = folder.path("B.csv").display())).err;
    assert!(told.contains("benchmark `B` has no new bar on 17"), "{told}");
}

#[test]
fn what_does_not_fit_is_refused_with_the_way_out() {
    let folder = Folder::new();
    let a = folder.file("A.csv", csv(9_000..9_400, 9));
    let run = format!("backtest --plugin momentum --data {a}");
    let late = folder.file("late.csv", csv(9_100..9_400, 10));
    check_refused(&format!("{run} --benchmark {late}"), &["begins on 1994-12-01", "`--from 1994-12-01`"]);
    let gap = folder.file("gap.csv", csv((8_990..9_100).chain(9_200..9_400), 11));
    check_refused(&format!("{run} --benchmark {gap}"), &["`--to 1994-12-14`", "`--from 1995-03-11`", "gap"]);
    let weeks = folder.file("weeks.csv", csv((8_990..9_400).step_by(7), 12));
    check_refused(&format!("{run} --benchmark {weeks}"), &["has new bars on", "as short as a day"]);
    let zero = folder.file("zero.csv", "date,open,high,low,close\n1994-08-01,1,1,0,0\n1994-08-02,1,1,1,1\n");
    check_refused(&format!("{run} --benchmark {zero} --negative-prices"), &["close of 1994-08-01 is 0", "above 0"]);
    check_refused(&format!("{run} --benchmark symbol:B"), &["unknown instrument `B`"]);
    check_refused(&format!("{run} --benchmark SPY"), &["neither `hold` nor a file", "`symbol:SPY`"]);
    check_refused(&format!("{run} --benchmark data:spy"), &["`data:spy` is not here", "`--benchmark FILE`"]);
    let two = folder.file("two.csv", "symbol,date,close\nX,1994-08-01,1\nY,1994-08-01,1\n");
    check_refused(&format!("{run} --benchmark {two}"), &["it has 2 instruments", "data of one instrument"]);
    let lots = format!("{run} --lot 1000000 --benchmark hold");
    check_refused(&lots, &["benchmark `hold`", "buys nothing", "more cash"]);
    let sweep = format!("sweep --plugin momentum --param lookback=5,10 --data {a}");
    for option in ["--objective excess_return", "--require jensen_alpha>0", "--metrics benchmark_beta"] {
        check_refused(&format!("{sweep} {option}"), &["is measured against a benchmark", "`--benchmark hold`"]);
    }
}

#[test]
fn columns_are_there_only_with_a_benchmark_and_rank_and_require_results() {
    let folder = Folder::new();
    let [plain, held] = ["plain.csv", "held.csv"].map(|name| folder.path(name).display().to_string());
    let sweep = "sweep --plugin momentum --param lookback=5..60:5 --no-store";
    host(&format!("{sweep} --out {plain}"));
    let shown =
        host(&format!("{sweep} --benchmark hold --objective information_ratio --require jensen_alpha>0 --out {held}"));
    assert!(shown.out.contains("information_ratio") && shown.out.contains("excess_return"), "{}", shown.out);
    let header = |path: &str| fs::read_to_string(path).unwrap().lines().next().unwrap().to_owned();
    assert!(!header(&plain).contains("excess"), "{}", header(&plain));
    for name in Selection::relative().names() {
        assert!(header(&held).contains(&format!(",{name},")), "{name} in {}", header(&held));
    }
    let ranked = json(&format!("{sweep} --benchmark hold --objective information_ratio --require jensen_alpha>0"));
    let ranking = ranked["ranking"].as_array().unwrap();
    let ratios: Vec<f64> = ranking.iter().map(|row| row["information_ratio"].as_f64().unwrap()).collect();
    assert!(ratios.is_sorted_by(|a, b| a >= b) && !ratios.is_empty(), "{ratios:?}");
    assert!(ranking.iter().all(|row| row["jensen_alpha"].as_f64().unwrap() > 0.0));
}

#[test]
fn threads_worker_processes_and_the_store_give_the_same_bytes() {
    let folder = Folder::new();
    let b = folder.file("B.csv", csv(5_900..17_600, 13));
    let store = folder.path("store").display().to_string();
    let sweep = |options: &str, name: &str| {
        let out = folder.path(name);
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_host"))
            .args("sweep --plugin sma_cross --param fast=5..20:5 --param slow=30..60:10 --quiet".split(' '))
            .args(options.split(' '))
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        fs::read(out).unwrap()
    };
    let with = format!("--benchmark {b} --store {store}");
    let first = sweep(&format!("{with} --workers 1"), "one.csv");
    assert_eq!(sweep(&format!("{with} --workers 2"), "known.csv"), first);
    assert_eq!(sweep(&format!("--benchmark {b} --no-store --workers 3 --backend processes"), "processes.csv"), first);
    // Others are books of their own.
    let held = sweep(&format!("--benchmark hold --store {store}"), "held.csv");
    assert_ne!(held, first);
    sweep(&format!("--store {store}"), "plain.csv");
    let books = json(&format!("results list --store {store}"));
    assert_eq!(books["books"].as_array().unwrap().len(), 3, "{books}");
    let verified = host(&format!("results verify --sample 5 --store {store}"));
    assert_eq!(verified.exit, Exit::Success, "{}", verified.err);
}

#[test]
fn results_say_what_they_were_measured_against_and_run_again_the_same() {
    let folder = Folder::new();
    let b = folder.file("B.csv", csv(5_900..17_600, 14));
    let results = folder.path("s.parquet").display().to_string();
    let sweep = "sweep --plugin momentum --param lookback=10,20,40 --no-store";
    host(&format!("{sweep} --benchmark {b} --out {results}"));
    check_refused(&format!("backtest --again {results}"), &["`data:B` is not here", "`--benchmark FILE`"]);
    let again = host(&format!("backtest --again {results} --benchmark {b}"));
    assert!(again.exit == Exit::Success && again.out.contains("the same numbers as in"), "{}", again.out);
    // The same name, and other closes.
    let other = folder.file("B.csv", csv(5_900..17_600, 15));
    let told = host(&format!("backtest --again {results} --benchmark {other}"));
    assert!(told.err.contains("the benchmark `data:B` is not the one of the request"), "{}", told.err);
    let changed = host(&format!("backtest --again {results} --benchmark hold"));
    assert!(changed.err.contains("`benchmark` is hold and was data:B"), "{}", changed.err);
}

#[test]
fn each_symbol_holds_itself_and_parts_begin_on_their_own_first_day() {
    let folder = Folder::new();
    let a = folder.file("A.csv", csv(9_000..9_900, 16));
    let b = folder.file("B.csv", csv(9_100..9_900, 17));
    let both = json(&format!(
        "sweep --plugin momentum --param lookback=5,10 --data {a} {b} --each-symbol --benchmark hold --metrics all --no-store"
    ));
    for (symbol, file) in [("A", &a), ("B", &b)] {
        let row = both["ranking"].as_array().unwrap().iter().find(|row| row["symbol"] == symbol).unwrap();
        let lookback = &row["lookback"];
        let alone =
            json(&format!("backtest --plugin momentum --param lookback={lookback} --data {file} --benchmark hold"));
        for name in ["benchmark_return", "jensen_alpha", "excess_drawdown"] {
            assert_eq!(row[name], alone["metrics"][name], "{symbol}: {name}");
        }
    }
    let split = json(&format!(
        "sweep --plugin momentum --param lookback=5,10 --data {a} --split 0.5 --benchmark hold --metrics all --no-store"
    ));
    let first = &split["ranking"][0];
    let part = json(&format!(
        "backtest --plugin momentum --param lookback={} --data {a} --to {} --benchmark hold",
        first["lookback"],
        date(9_449)
    ));
    assert_eq!(first["excess_return"], part["metrics"]["excess_return"]);
}

#[test]
fn bars_of_different_lengths_are_measured_alike_in_any_order() {
    let folder = Folder::new();
    // 9,002 is a Thursday's number plus a multiple of seven: any day will do, as long as weeks are a week apart.
    let weeks = csv((9_002..9_600).step_by(7), 18);
    let [first, last] = ["AWK.csv", "ZWK.csv"].map(|name| folder.file(name, &weeks));
    let days = folder.file("M.csv", csv(9_000..9_600, 19));
    let of = |data: &str| {
        let run = json(&format!("backtest --plugin rotation --data {data} --benchmark {days}"));
        (run["metrics"]["benchmark_return"].clone(), run["metrics"]["batting_average"].clone())
    };
    let (one, other) = (of(&format!("{first} {days}")), of(&format!("{days} {last}")));
    assert_eq!(one.0, other.0);
    assert!(one.0.is_number());
}

#[test]
fn closes_within_the_last_bar_of_a_run_tell_its_results_apart_in_the_store() {
    let folder = Folder::new();
    let store = folder.path("store").display().to_string();
    let weeks = folder.file("W.csv", csv((9_002..9_600).step_by(7), 20));
    let bars = csv(9_000..9_600, 21);
    let plain = folder.file("plain.csv", &bars);
    // A close within the week that begins on the last day of the run.
    let last = 9_002 + 7 * 60;
    let row = |day: i64| bars.lines().find(|line| line.starts_with(&date(day))).unwrap().to_owned();
    let changed = (last + 1..last + 7).fold(bars.clone(), |bars, day| {
        let row = row(day);
        let new = row.split(',').take(1).chain(["90", "90", "90", "90"]).collect::<Vec<_>>().join(",");
        bars.replace(&row, &new)
    });
    let other = folder.file("other.csv", changed);
    let of = |benchmark: &str| {
        let sweep = format!("sweep --plugin momentum --param lookback=3,5 --data {weeks} --to {}", date(last));
        json(&format!("{sweep} --benchmark {benchmark} --metrics all --store {store}"))["ranking"][0]["benchmark_return"].clone()
    };
    assert_ne!(of(&plain), of(&other));
}

#[test]
fn the_benchmark_is_never_written_over_and_bars_dated_at_their_ends_are_told() {
    let folder = Folder::new();
    let a = folder.file("A.csv", csv(9_000..9_400, 22));
    let b = folder.file("B.csv", csv(9_000..9_400, 23));
    for command in [
        format!("sweep --plugin momentum --param lookback=5 --data {a} --benchmark {b} --out {b}"),
        format!("sweep --plugin momentum --param lookback=5 --data {a} --benchmark {b} --save-request {b}"),
        format!("optimize --plugin momentum --param lookback=5..50 --data {a} --benchmark {b} --out {b}"),
        format!("compare --plugin momentum --data {a} --benchmark {b} --out {b}"),
        format!("backtest --plugin momentum --data {a} --benchmark {b} --equity {b}"),
        format!("backtest --plugin momentum --data {a} --benchmark {b} --report {b}"),
    ] {
        check_refused(&command, &["is also read; write to another file"]);
    }
    // 1970-01-02 was a Friday.
    let fridays = folder.file("F.csv", csv((9_052..9_400).step_by(7), 24));
    let told = host(&format!("backtest --plugin momentum --param lookback=3 --data {fridays} --benchmark {a}")).err;
    assert_eq!((9_052 - 1) % 7, 0);
    assert!(told.contains("`--bar-time close`"), "{told}");
}
