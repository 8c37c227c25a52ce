//! The ledgers of `host backtest`: its files agree with each other and with the bars.

use std::{collections::HashMap, path::Path};

use host::{
    cli::Exit,
    data::Dataset,
    model::{Series, format_time},
};
use serde_json::Value;

use crate::support::{Folder, guest::events_guest, host};

/// A row of a CSV file by the names of its columns.
type Row = HashMap<String, String>;

fn rows(path: &Path) -> Vec<Row> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

fn number(row: &Row, name: &str) -> f64 {
    row[name].parse().unwrap()
}

/// Runs `momentum` on the bundled bars; returns its report, trades and fills.
fn backtest(args: &str) -> (Value, Vec<Row>, Vec<Row>) {
    let folder = Folder::new();
    let (trades, fills) = (folder.path("trades.csv"), folder.path("fills.csv"));
    let files = format!("--trades {} --fills {}", trades.display(), fills.display());
    let run = host(&format!("backtest --param lookback=60 --param short=true {args} {files} --format json"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    (serde_json::from_str(&run.out).unwrap(), rows(&trades), rows(&fills))
}

/// The excursions of a trade by the words of their definition.
fn naive(trade: &Row, bars: &Series, dates: &[String], fills_at_close: bool) -> (f64, f64) {
    let place = |name: &str| dates.binary_search(&trade[name]).unwrap();
    let (first, last) = (place("entry_time"), place("exit_time"));
    let (entry, exit) = (number(trade, "entry_price"), number(trade, "exit_price"));
    let is_whole =
        |bar: usize| (bar > first || !fills_at_close) && (bar < last || fills_at_close || trade["open"] == "true");
    let held = (first..=last).filter(|bar| is_whole(*bar));
    let prices = held.flat_map(|bar| [bars.low[bar], bars.high[bar]]).chain([entry, exit]);
    let sign = number(trade, "units").signum();
    let gains: Vec<_> = prices.map(|price| sign * (price - entry) / entry).collect();
    (-gains.iter().copied().fold(0.0, f64::min), gains.iter().copied().fold(0.0, f64::max))
}

fn check_excursions(args: &str, fills_at_close: bool) {
    let (report, trades, _) = backtest(args);
    let data = Dataset::bundled().unwrap();
    let bars = &data.series()[0];
    let dates: Vec<_> = bars.time.iter().map(|time| format_time(*time)).collect();
    for trade in &trades {
        let (mae, mfe) = naive(trade, bars, &dates, fills_at_close);
        // The entry price of the file is a decimal, that of the excursions a double.
        let (adverse, favourable) = (number(trade, "mae"), number(trade, "mfe"));
        assert!((adverse - mae).abs() <= 1e-12 && (favourable - mfe).abs() <= 1e-12, "{trade:?}");
        let gain = number(trade, "units").signum() * (number(trade, "exit_price") / number(trade, "entry_price") - 1.0);
        assert!(-mae <= gain + 1e-12 && gain <= mfe + 1e-12, "{trade:?}");
    }
    let closed: Vec<_> = trades.iter().filter(|trade| trade["open"] == "false").collect();
    let worst = closed.iter().map(|trade| number(trade, "mae")).fold(0.0, f64::max);
    let excursions = |group: &str, member: &str| report["excursions"][group][member].clone();
    assert_eq!(excursions("closed", "worst_mae"), worst);
    // The same trades as the statistics are of, and each in one group.
    assert_eq!(excursions("closed", "trades"), report["metrics"]["trades"].as_f64().unwrap() as u64);
    assert_eq!(excursions("open", "trades"), trades.len() - closed.len());
    let parts = ["winners", "losers", "even"].map(|group| excursions(group, "trades").as_u64().unwrap());
    assert_eq!(excursions("closed", "trades"), parts.iter().sum::<u64>());
    for trade in &trades {
        assert_eq!(trade["side"] == "long", number(trade, "units") > 0.0, "{trade:?}");
    }
}

#[test]
fn excursions_are_those_of_the_bars_that_a_trade_has_seen() {
    check_excursions("", false);
    check_excursions("--fill close --slippage 5", true);
}

#[test]
fn fills_add_up_to_what_the_account_ends_with() {
    let (report, _, fills) = backtest("--commission 10 --commission-per-order 1");
    let sum = |name: &str| fills.iter().map(|fill| number(fill, name)).sum::<f64>();
    let held = sum("units");
    let last = *Dataset::bundled().unwrap().series()[0].close.last().unwrap();
    let equity = 10_000.0 - sum("value") - sum("fee") + held * last;
    let expected = report["metrics"]["final_equity"].as_f64().unwrap();
    assert!((equity - expected).abs() < 1e-9 * expected, "{equity} is not {expected}");
    assert!(fills.iter().all(|fill| fill["symbol"] == "MSFT"));
}

/// Buys one unit below each close for a day, with both exits about it.
const BRACKETS: &str = "(if (f64.eq (local.get 7) (f64.const 0)) (then (drop (call $bracket
    (call $submit (i32.const 0) (i32.const 0) (i32.const 1) (f64.const 1) (i32.const 0)
        (f64.mul (local.get 5) (f64.const 0.99)) (f64.const nan) (i32.const 1) (i64.const 0) (i32.const 0))
    (f64.mul (local.get 5) (f64.const 0.9)) (f64.mul (local.get 5) (f64.const 1.1))))))";

#[test]
fn orders_fills_and_trades_tell_the_same_story() {
    let folder = Folder::new();
    let plugin = folder.file("brackets.wasm", events_guest(&[("on-bar", BRACKETS)], ""));
    let [orders, fills, trades] = ["orders.csv", "fills.csv", "trades.csv"].map(|name| folder.path(name));
    let files = format!("--orders {} --fills {} --trades {}", orders.display(), fills.display(), trades.display());
    let run = host(&format!("backtest --plugin {plugin} {files} --format json"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let (orders, fills, trades) = (rows(&orders), rows(&fills), rows(&trades));
    assert_eq!(report["orders"]["sent"], orders.len());
    for (fate, count) in ["filled", "open", "expired"].map(|fate| (fate, &report["orders"][fate])) {
        assert_eq!(orders.iter().filter(|order| order["status"] == fate).count() as u64, count.as_u64().unwrap());
    }
    for (status, key) in [("cancelled", "cancelled"), ("rejected", "rejected"), ("filled-in-part", "filled_in_part")] {
        for (reason, count) in report["orders"][key].as_object().unwrap() {
            let ended = orders.iter().filter(|order| order["status"] == status && order["reason"] == *reason);
            assert_eq!(ended.count() as u64, count.as_u64().unwrap());
        }
    }
    assert!(report["orders"]["cancelled"]["other-filled"].as_u64() > Some(0), "the other exit is not rejected");
    for order in &orders {
        let own = || fills.iter().filter(|fill| fill["order"] == order["order"]);
        assert_eq!(own().map(|fill| number(fill, "units").abs()).sum::<f64>(), number(order, "filled"), "{order:?}");
        let is_exit = !order["parent"].is_empty();
        assert_eq!((is_exit, order["side"] == "sell"), (order["reduce_only"] == "true", is_exit));
        assert!(own().all(|fill| fill["time"] == order["ended"] && order["sent"] < order["ended"]), "{order:?}");
    }
    let data = Dataset::bundled().unwrap();
    let bars = &data.series()[0];
    let dates: Vec<_> = bars.time.iter().map(|time| format_time(*time)).collect();
    assert!(trades.len() > 50, "{} trades", trades.len());
    for trade in &trades {
        let (entry, exit) = (number(trade, "entry_price"), number(trade, "exit_price"));
        let (mae, mfe) = (number(trade, "mae"), number(trade, "mfe"));
        assert!(-mae <= exit / entry - 1.0 + 1e-12 && exit / entry - 1.0 <= mfe + 1e-12, "{trade:?}");
        let bar = dates.binary_search(&trade["entry_time"]).unwrap();
        if trade["entry_time"] != trade["exit_time"] {
            assert!(mae >= 1.0 - bars.low[bar] / entry - 1e-12, "the low comes after the limit: {trade:?}");
        }
    }
}

#[test]
fn a_strategy_of_targets_has_no_orders_and_that_is_said() {
    let folder = Folder::new();
    let orders = folder.path("orders.csv");
    let run = host(&format!("backtest --orders {}", orders.display()));
    assert_eq!((run.exit, rows(&orders).len()), (Exit::Success, 0));
    assert!(run.err.contains("sends no orders"), "{}", run.err);
}

#[test]
fn targets_that_are_not_traded_as_asked_are_told() {
    let cut = "cut to what the account can pay; `--initial-margin` lends more";
    let run = host("backtest --plugin sma_cross --sizing units:1e6");
    assert!(run.err.contains(&format!("targets were {cut}")), "{}", run.err);
    let run = host("sweep --plugin sma_cross --param fast=5,10 --param slow=50 --sizing units:1e6 --metrics sharpe");
    assert!(run.err.contains("2 with targets that were cut: to what the account can pay"), "{}", run.err);
    let lots = "--cash 10 --lot 1000";
    let run = host(&format!("backtest --plugin sma_cross {lots} --format json"));
    assert!(run.err.contains("not traded: less than one lot"), "{}", run.err);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert!(report["metrics"]["targets_cut"].as_f64() > Some(0.0) && report["metrics"]["orders"] == 0.0);
    let run =
        host(&format!("sweep --plugin sma_cross --param fast=5,10 --param slow=50 {lots} --metrics total_return"));
    assert!(run.err.contains("2 with targets that were cut: "), "{}", run.err);
    for command in ["backtest --plugin sma_cross", "sweep --plugin sma_cross --param fast=5,10 --param slow=50"] {
        let run = host(&format!("{command} --commission 20 --slippage 10"));
        assert!(!run.err.contains("cut to") && !run.err.contains("were cut"), "costs alone explain it: {}", run.err);
    }
}

#[test]
fn a_multiplier_makes_a_point_worth_more() {
    let of = |options: &str| {
        let (report, ..) = backtest(&format!("--sizing units:10 --initial-margin 0.1 {options}"));
        report["metrics"]["final_equity"].as_f64().unwrap() - 10_000.0
    };
    assert!((of("--multiplier 8") - 8.0 * of("")).abs() < 1e-6);
    let (_, _, fills) = backtest("--multiplier 8 --lot 1");
    assert!(!fills.is_empty());
    for fill in &fills {
        let value = number(fill, "units") * 8.0 * number(fill, "price");
        assert!((number(fill, "value") - value).abs() <= 1e-12 * value.abs());
    }
}

#[test]
fn terms_that_lack_something_name_the_instrument() {
    let run = host("backtest --slippage-ticks 2");
    assert_eq!(run.exit, Exit::BadInput, "{}", run.err);
    assert!(run.err.contains("`MSFT`: `slippage_ticks` is 2, but `tick` is not set"), "{}", run.err);
}
