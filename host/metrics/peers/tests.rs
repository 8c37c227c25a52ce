//! Statistics of other engines against runs of these engines, on ledgers rebuilt from their trades and orders.

use std::{fs::File, path::PathBuf};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row, RowAccessor},
};
use serde_json::Value;

use super::*;
use crate::{
    broker::{Fill, Ledger},
    metrics::{backtesting_py, vectorbt},
};

fn path(below: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// Times and closes, the first and the fifth column, of the bundled bars.
fn bars() -> (Vec<i64>, Vec<f64>) {
    let reader = SerializedFileReader::new(File::open(path("examples/data/msft.parquet")).unwrap()).unwrap();
    let row = |row: Row| {
        let cells: Vec<Field> = row.get_column_iter().map(|(_, cell)| cell.clone()).collect();
        let [Field::Date(day), .., _] = cells[..] else { panic!("{cells:?}") };
        (i64::from(day) * DAY, row.get_double(4).unwrap())
    };
    reader.get_row_iter(None).unwrap().map(Result::unwrap).map(row).unzip()
}

/// One run of another engine.
struct Run {
    file: Value,
    times: Vec<i64>,
    closes: Vec<f64>,
}

impl Run {
    fn read(name: &str) -> Self {
        let file = path(&format!("tests/reference/{name}.json"));
        let (times, closes) = bars();
        Self { file: serde_json::from_reader(File::open(file).unwrap()).unwrap(), times, closes }
    }

    fn rows(&self, name: &str) -> &[Value] {
        self.file[name].as_array().unwrap()
    }

    /// The place of a column in the rows of trades or orders.
    fn column(&self, names: &str, name: &str) -> usize {
        self.rows(names).iter().position(|column| column == name).unwrap()
    }

    /// Books of a run of backtesting.py whose orders were filled at opens.
    fn books_of_trades(&self) -> Ledger {
        let rate = self.file["options"]["commission"].as_f64().unwrap();
        let number = |row: &Value, name| row[self.column("trade_columns", name)].as_f64().unwrap();
        let closed = self.rows("trades").iter().map(|row| {
            let (units, entry_price, exit_price) =
                (number(row, "size"), number(row, "entry_price"), number(row, "exit_price"));
            let fees = [entry_price, exit_price].map(|price| rate * units.abs() * price);
            self.trade(units, [number(row, "entry_bar"), number(row, "exit_bar")], [entry_price, exit_price], fees)
        });
        let last = self.closes.len() - 1;
        let open = self.rows("open_trades").iter().map(|row| {
            let [units, entry_bar, entry_price] = [0, 1, 2].map(|column| row[column].as_f64().unwrap());
            let fees = [rate * units.abs() * entry_price, 0.0];
            let trade = self.trade(units, [entry_bar, last as f64], [entry_price, self.closes[last]], fees);
            Trade { open: true, ..trade }
        });
        let trades: Vec<Trade> = closed.chain(open).collect();
        let cash = self.file["options"]["cash"].as_f64().unwrap();
        let mut ledger = Ledger::of_equity(cash, &self.equity_of(&trades, cash));
        ledger.trades = trades;
        ledger
    }

    fn trade(&self, units: f64, bars: [f64; 2], prices: [f64; 2], fees: [f64; 2]) -> Trade {
        let [entry_bar, exit_bar] = bars.map(|bar| bar as u32);
        let pnl = units * (prices[1] - prices[0]) - fees[0] - fees[1];
        Trade {
            instrument: 0,
            units,
            entry_bar,
            exit_bar,
            entry_time: self.times[entry_bar as usize],
            exit_time: self.times[exit_bar as usize],
            entry_price: prices[0],
            exit_price: prices[1],
            entry_fees: fees[0],
            exit_fees: fees[1],
            pnl,
            pnl_ratio: pnl / (units.abs() * prices[0]),
            open: false,
        }
    }

    /// Equity at each close; 0 once nothing is left.
    fn equity_of(&self, trades: &[Trade], cash: f64) -> Vec<f64> {
        let mut equity = vec![cash; self.closes.len()];
        for trade in trades {
            let (entry, exit) = (trade.entry_bar as usize, trade.exit_bar as usize + usize::from(trade.open));
            for (equity, close) in equity[entry..exit].iter_mut().zip(&self.closes[entry..]) {
                *equity += trade.units * (close - trade.entry_price) - trade.entry_fees;
            }
            equity[exit..].iter_mut().for_each(|equity| *equity += trade.pnl);
        }
        if let Some(ruin) = equity.iter().position(|equity| *equity <= 0.0) {
            equity[ruin..].fill(0.0);
        }
        equity
    }

    /// Books of a run of vectorbt of which every order is known.
    fn books_of_orders(&self) -> Ledger {
        let number = |row: &Value, name| row[self.column("order_columns", name)].as_f64().unwrap();
        let fill = |row: &Value| {
            let side = if row[self.column("order_columns", "side")] == "buy" { 1.0 } else { -1.0 };
            let (bar, units) = (number(row, "bar") as u32, side * number(row, "size"));
            Fill { instrument: 0, bar, units, price: number(row, "price"), fee: number(row, "fees"), order: 0 }
        };
        let fills: Vec<Fill> = self.rows("orders").iter().map(fill).collect();
        let cash = self.file["options"]["init_cash"].as_f64().unwrap();
        let mut ledger = Ledger::of_equity(cash, &self.equity_by(&fills, cash));
        ledger.fees = fills.iter().map(|fill| fill.fee).sum();
        ledger.fills = fills;
        ledger.trades = self.rows("trades").iter().map(|row| self.trade_of_vectorbt(row)).collect();
        ledger
    }

    fn equity_by(&self, fills: &[Fill], mut cash: f64) -> Vec<f64> {
        let (mut units, mut fills) = (0.0, fills.iter().peekable());
        let mut worth = |(bar, &close): (usize, &f64)| {
            while let Some(fill) = fills.next_if(|fill| fill.bar as usize == bar) {
                cash -= fill.units * fill.price + fill.fee;
                units += fill.units;
            }
            cash + units * close
        };
        self.closes.iter().enumerate().map(&mut worth).collect()
    }

    fn trade_of_vectorbt(&self, row: &Value) -> Trade {
        let cell = |name| &row[self.column("trade_columns", name)];
        let [size, entry_bar, exit_bar, entry_price, exit_price, entry_fees, exit_fees] =
            ["size", "entry_bar", "exit_bar", "entry_price", "exit_price", "entry_fees", "exit_fees"]
                .map(|name| cell(name).as_f64().unwrap());
        let units = if cell("direction") == "long" { size } else { -size };
        let trade = self.trade(units, [entry_bar, exit_bar], [entry_price, exit_price], [entry_fees, exit_fees]);
        Trade { open: cell("status") == "open", ..trade }
    }

    /// What the engine says of a statistic, durations in days; `None` where it says that it is undefined.
    fn theirs(&self, name: &str) -> Option<f64> {
        let value = ["stats", "metrics"].iter().find_map(|group| self.file[*group].get(name));
        match value.unwrap_or_else(|| panic!("the run has no `{name}`")) {
            Value::String(text) if text == "nan" || text == "NaT" => None,
            Value::String(text) => Some(days(text)),
            number => number.as_f64(),
        }
    }

    fn agrees(&self, ledger: &Ledger, statistics: &[Statistic]) {
        let equity = ledger.equity();
        for (at, theirs) in self.rows("equity_every_50th_bar").iter().enumerate() {
            assert!(
                (equity[50 * at] - theirs.as_f64().unwrap()).abs() <= 1e-9 * equity[50 * at].abs(),
                "bar {}",
                50 * at
            );
        }
        let is_number = |name: &&String| !["Start", "End", "Duration", "Period"].contains(&name.as_str());
        for theirs in self.file["stats"].as_object().unwrap().keys().filter(is_number) {
            assert!(statistics.iter().any(|ours| ours.name == theirs), "`{theirs}` is missing");
        }
        for Statistic { name, value } in statistics {
            let theirs = self.theirs(name);
            let agree = match value.zip(theirs) {
                Some((ours, theirs)) => (ours - theirs).abs() <= 1e-9 * theirs.abs(),
                None => *value == theirs,
            };
            assert!(agree, "{} of {}: {value:?} here, {theirs:?} there", name, self.file["run"]);
        }
    }
}

/// The days of a duration that is written like `12 days 05:36:26.915887`.
fn days(text: &str) -> f64 {
    let (days, clock) = text.split_once(" days ").unwrap();
    let parts = clock.split(':').map(|part| part.parse::<f64>().unwrap());
    days.parse::<f64>().unwrap() + parts.fold(0.0, |sum, part| sum * 60.0 + part) / 86_400.0
}

#[test]
fn statistics_of_backtesting_py_are_its_own() {
    for run in [
        "donchian20-10_toc0_excl0_fin0",
        "rsi14_toc0_excl0_fin0",
        "sma10-20_bracket_toc0_excl0_fin0",
        "sma10-20_half_toc0_excl0_fin0",
        "sma10-20_longflat_toc0_excl0_fin1",
        "sma10-20_longshort_toc0_excl1_fin0",
        "sma10-20_size10_toc0_excl0_fin0",
        "sma5-30_longshort_toc0_excl1_fin0",
        "sma50-200_longflat_toc0_excl0_fin0",
    ] {
        let run = Run::read(&format!("backtesting_py_{run}"));
        let ledger = run.books_of_trades();
        let first_bar = run.file["first_bar"].as_u64().unwrap() as usize;
        run.agrees(&ledger, &backtesting_py(&ledger, &run.times, &run.closes, first_bar));
    }
}

#[test]
fn statistics_of_vectorbt_are_its_own() {
    for run in [
        "donchian20-10_longflat_targetpct_close",
        "rsi14_longflat_signals_nextopen",
        "sma10-20_fixedfee_slip_signals_close",
        "sma10-20_longshort_signals_close",
        "sma10-20_longshort_signals_nextopen",
        "sma10-20_size10_signals_nextopen",
        "sma5-30_longshort_signals_close",
        "sma50-200_longflat_signals_close",
    ] {
        let run = Run::read(&format!("vectorbt_{run}"));
        let ledger = run.books_of_orders();
        run.agrees(&ledger, &vectorbt(&ledger, &run.times, &run.closes, None));
    }
}

#[test]
fn falls_of_one_bar_have_a_mean_and_no_duration_in_backtesting_py() {
    let statistic = |equity: &[f64], name: &str| {
        let times: Vec<i64> = (0..equity.len() as i64).map(|day| day * DAY).collect();
        let all = backtesting_py(&Ledger::of_equity(100.0, equity), &times, equity, 0);
        all.iter().find(|one| one.name == name).unwrap().value
    };
    // backtesting.py 0.6.6 gives the same mean for these, and the depth again in place of the duration.
    let short = [100.0, 100.0, 110.0, 99.0];
    let mean = statistic(&short, "Avg. Drawdown [%]").unwrap();
    assert!((mean + 10.0).abs() < 1e-12, "{mean}");
    assert_eq!(statistic(&short, "Avg. Drawdown Duration"), None);
    let long = [100.0, 90.0, 95.0, 110.0, 99.0];
    assert!((statistic(&long, "Avg. Drawdown [%]").unwrap() + 10.0).abs() < 1e-12);
    assert_eq!(statistic(&long, "Avg. Drawdown Duration"), Some(3.0));
    assert_eq!(statistic(&[100.0; 3], "Avg. Drawdown [%]"), None);
}
