//! What `host backtest` writes of one run agrees with itself and with the bars.

use std::{collections::HashMap, path::Path};

use host::{
    cli::Exit,
    data::Dataset,
    model::{Series, format_time},
};
use serde_json::Value;

use crate::cli::{Folder, host};

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
        assert_eq!((number(trade, "mae"), number(trade, "mfe")), (mae, mfe), "{trade:?}");
        let gain = number(trade, "units").signum() * (number(trade, "exit_price") / number(trade, "entry_price") - 1.0);
        assert!(-mae <= gain + 1e-12 && gain <= mfe + 1e-12, "{trade:?}");
    }
    let worst = trades.iter().map(|trade| number(trade, "mae")).fold(0.0, f64::max);
    assert_eq!(report["excursions"]["all"]["worst_mae"], worst);
    assert_eq!(report["excursions"]["all"]["trades"], trades.len());
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
