//! Parts of the data: `--from` and `--to`, with what comes before as warm-up; and bars of different length.

use std::{fmt::Write as _, fs, sync::Arc};

use host::{
    audit::{Options, audit},
    backtest::{Backtest, Market, Period, Settings, Strategy, WorkerState},
    broker::Profile,
    cli::Exit,
    data::Dataset,
    model::{Params, Targets},
};
use serde_json::Value;

use crate::support::{Folder, check_refused, host, rows_of};

const MSFT: &str = "--param lookback=60 --quiet";

fn json(args: &str) -> Value {
    let run = host(args);
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    serde_json::from_str(&run.out).unwrap()
}

/// Is long from bar 10 on, whatever the data.
fn long_from_ten() -> Strategy {
    Strategy::native("long", Vec::new(), |_, _| Ok(Targets { at: vec![10], instrument: vec![0], exposure: vec![1.0] }))
}

#[test]
fn what_was_wanted_before_the_period_is_bought_with_its_first_bar() {
    let dataset = Dataset::bundled().unwrap();
    let series = &dataset.series()[0];
    let first = series.time.partition_point(|time| *time < series.time[5000]);
    let from = series.schedule.format(series.time[first]).parse().unwrap();
    let settings = Settings { period: Period { from: Some(from), to: None }, ..Settings::default() };
    let market = Arc::new(Market::new(dataset.clone(), settings).unwrap());
    let mut state = WorkerState::default();
    let metrics = Backtest::new(market, long_from_ten()).unwrap().run(&mut state, &Params::new()).outcome.unwrap();
    let expected = 10_000.0 / series.open[first] * series.close[series.len() - 1];
    let equity = metrics.final_equity.unwrap();
    assert!((equity - expected).abs() <= 1e-9 * expected, "{equity} {expected}");
    assert_eq!(metrics.bars, Some((series.len() - first) as f64));
    assert_eq!(state.ledger().fills[0].bar, 0);
}

#[test]
fn a_profile_trades_the_first_bar_of_a_period() {
    let dataset = Dataset::bundled().unwrap();
    let period = Period { from: Some("2000-01-03".parse().unwrap()), to: None };
    for profile in Profile::ALL {
        let account = profile.apply(Default::default());
        let settings = Settings { period, account, ..Settings::default() };
        let backtest =
            Backtest::new(Arc::new(Market::new(dataset.clone(), settings).unwrap()), long_from_ten()).unwrap();
        let mut state = WorkerState::default();
        assert!(backtest.run(&mut state, &Params::new()).outcome.is_ok());
        assert_eq!(state.ledger().fills.first().map(|fill| fill.bar), Some(0), "{profile}");
    }
}

#[test]
fn a_first_bar_within_a_period_ignores_what_was_wanted_before_it() {
    let run = |mode: &str| {
        let args = format!(
            "backtest --quiet --plugin sma_cross --param fast=20 --param slow=60 --from 2000-01-03 --first-bar 300 --mode {mode} --format json"
        );
        json(&args)["metrics"].clone()
    };
    let (signals, events) = (run("signals"), run("events"));
    assert_eq!(signals, events);
    assert!(signals["trades"].as_f64() > Some(0.0));
}

#[test]
fn a_period_counts_and_trades_its_own_bars_only() {
    let folder = Folder::new();
    let (equity, trades) = (folder.path("equity.csv"), folder.path("trades.csv"));
    let run = |mode: &str| {
        json(&format!(
            "backtest {MSFT} --plugin momentum --from 2000-01-01 --to 2004-12-31 --mode {mode} --format json --equity {} --trades {}",
            equity.display(),
            trades.display()
        ))
    };
    let (signals, events) = (run("signals"), run("events"));
    assert_eq!(signals["metrics"], events["metrics"]);
    let rows = rows_of(&equity);
    assert_eq!((rows[0][0].as_str(), rows[rows.len() - 1][0].as_str()), ("2000-01-03", "2004-12-31"));
    assert_eq!(signals["metrics"]["bars"].as_f64(), Some(rows.len() as f64));
    let header = fs::read_to_string(&trades).unwrap().lines().next().unwrap().to_owned();
    let entry = header.split(',').position(|name| name == "entry_time").unwrap();
    assert!(!rows_of(&trades).is_empty());
    assert!(rows_of(&trades).iter().all(|row| row[entry].as_str() >= "2000-01-03"));
}

#[test]
fn data_that_ends_is_the_same_as_a_file_that_ends() {
    let folder = Folder::new();
    let bars = Dataset::bundled().unwrap();
    let series = &bars.series()[0];
    let mut text = "date,open,high,low,close,volume\n".to_owned();
    let end = series.time.partition_point(|time| series.schedule.format(*time).as_str() <= "1999-12-31");
    for at in 0..end {
        let bar = series.bar(at);
        let day = series.schedule.format(bar.time);
        writeln!(text, "{day},{},{},{},{},{}", bar.open, bar.high, bar.low, bar.close, bar.volume).unwrap();
    }
    let file = folder.file("MSFT.csv", text);
    let cut = json(&format!("backtest {MSFT} --plugin momentum --format json --to 1999-12-31"));
    let short = json(&format!("backtest {MSFT} --plugin momentum --format json --data {file}"));
    assert_eq!(cut["metrics"], short["metrics"]);
    assert_eq!(cut["data_hash"], short["data_hash"]);
}

#[test]
fn results_carry_their_period() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let sweep = |more: &str| assert_eq!(host(&format!("sweep --quiet {more}")).exit, Exit::Success, "{more}");
    sweep(&format!("--param lookback=20,60 --from 2000-01-01 --to 2009-12-31 --out {}", path("a.parquet")));
    sweep(&format!("--request {} --save-request {} --out {}", path("a.parquet"), path("b.json"), path("b.csv")));
    let saved: Value = serde_json::from_str(&fs::read_to_string(folder.path("b.json")).unwrap()).unwrap();
    assert_eq!(saved["request"]["period"]["from"], "2000-01-01");
    assert_eq!(saved["last_bar"], "2009-12-31");
    assert_eq!(saved["first_bar"], "2000-01-03");
    // What is typed wins.
    sweep(&format!(
        "--request {} --data examples/data/msft.parquet --to 2004-12-31 --save-request {}",
        path("a.parquet"),
        path("c.json")
    ));
    let saved: Value = serde_json::from_str(&fs::read_to_string(folder.path("c.json")).unwrap()).unwrap();
    assert_eq!((&saved["request"]["period"]["to"], &saved["last_bar"]), (&"2004-12-31".into(), &"2004-12-31".into()));
}

#[test]
fn a_period_without_bars_is_refused() {
    check_refused(&format!("backtest {MSFT} --plugin momentum --from 2018-01-01"), &["2018-01-01", "2017-11-10"]);
    check_refused(&format!("backtest {MSFT} --plugin momentum --to 1980-01-01"), &["MSFT", "1986-03-13"]);
    check_refused(
        &format!("sweep {MSFT} --plugin momentum --from 2010-01-01 --to 2009-01-01"),
        &["2010-01-01", "2009-01-01"],
    );
    let folder = Folder::new();
    let bars = |year: i32| {
        format!("Date,Open,High,Low,Close\n{year}-01-02,1,1,1,1\n{year}-01-03,1,1,1,1\n{year}-01-06,1,1,1,1\n")
    };
    let (old, new) = (folder.file("OLD.csv", bars(2012)), folder.file("NEW.csv", bars(2020)));
    let both = format!("sweep --plugin sma_cross --param fast=2 --param slow=3 --each-symbol --data {old} {new}");
    check_refused(&format!("{both} --to 2015-12-31"), &["`NEW` (2020-01-02 to 2020-01-06)", "`--symbols`"]);
    check_refused(&format!("{both} --from 2015-12-31"), &["`OLD` (2012-01-02 to 2012-01-06)", "`--symbols`"]);
    check_refused(&format!("backtest {MSFT} --plugin momentum --from yesterday"), &["yesterday", "2024-01-31"]);
}

/// Daily bars, and the hours of the same days, of prices that rise by one each hour.
fn days_and_hours(folder: &Folder) -> String {
    let (mut days, mut hours) = ("date,open,high,low,close\n".to_owned(), "time,open,high,low,close\n".to_owned());
    for day in 0..60 {
        let date = host::model::format_time(day * 86_400_000_000_000);
        let price = |hour: i64| 100 + 24 * day + hour;
        writeln!(days, "{date},{},{},{},{}", price(0), price(24), price(0), price(24)).unwrap();
        for hour in 0..24 {
            let (open, close) = (price(hour), price(hour + 1));
            writeln!(hours, "{date} {hour:02}:00,{open},{close},{open},{close}").unwrap();
        }
    }
    format!("{} {}", folder.file("day.csv", days), folder.file("hour.csv", hours))
}

#[test]
fn nobody_hears_of_a_day_before_its_last_hour() {
    let folder = Folder::new();
    let (files, trace) = (days_and_hours(&folder), folder.path("trace.jsonl"));
    let run =
        host(&format!("backtest --plugin sma_cross --mode events --quiet --data {files} --trace {}", trace.display()));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let text = fs::read_to_string(trace).unwrap();
    let bars = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let bars: Vec<_> = bars.filter(|line| line["event"] == "bar").collect();
    assert_eq!(bars.len(), 60 + 60 * 24);
    let mut known = f64::MIN;
    for bar in &bars {
        // Prices only rise: a close above what was known is one from the future, unless it is the next hour's.
        let close = bar["close"].as_f64().unwrap();
        assert!(known == f64::MIN || close <= known + 1.0, "{bar} after {known}");
        known = known.max(close);
    }
}

#[test]
fn a_strategy_on_days_and_hours_is_checked_as_it_hears_of_them() {
    let folder = Folder::new();
    let files = days_and_hours(&folder);
    let run = host(&format!("check --plugin sma_cross --quick --data {files} --quiet"));
    assert_eq!(run.exit, Exit::Success, "{}{}", run.out, run.err);
    // A strategy that reads the close of the day in its first hour is caught: that close is known 23 hours later.
    let strategy = Strategy::native("peek", Vec::new(), |series, _| {
        let (days, hours) = (&series[0], &series[1]);
        let mut targets = Targets::default();
        for (at, time) in hours.time.iter().enumerate() {
            let Some(day) = days.time.iter().position(|day| day == time) else { continue };
            targets.at.push(at as u32);
            targets.instrument.push(1);
            targets.exposure.push(if days.close[day] > days.open[day] + 20.0 { 1.0 } else { -1.0 });
        }
        Ok(targets)
    });
    let paths: Vec<_> = files.split(' ').map(Into::into).collect();
    let data = Dataset::load(&paths, &Default::default()).unwrap().dataset;
    let report = audit(&strategy, &data, &Params::new(), &Options::default(), &mut |_| true).unwrap();
    assert!(!report.findings.is_empty(), "a peek across intervals is found");
}
