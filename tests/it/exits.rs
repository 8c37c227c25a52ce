//! Exits of the account: axes of sweeps whose results do not depend on where they run, and runs that say why trades ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use host::{
    broker::{Exits, FillAt, Ledger, Profile, Settings, Timeline, Wishes, Workspace, simulate_after},
    cli::Exit,
    data::Dataset,
    model::{Series, Targets, format_time},
};
use serde_json::Value;

use crate::support::{Folder, check_refused, host};

const SWEEP: &str = "sweep --plugin sma_cross --param fast=5,10 --param slow=50 --stop-loss 0,2%,5% --take-profit 0.1 \
                     --trailing-stop 4%..6%:2%";

fn program(args: &str) -> String {
    let run =
        Command::new(env!("CARGO_BIN_EXE_host")).args(args.split_whitespace()).arg("--no-cache").output().unwrap();
    assert!(run.status.success(), "{args}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8_lossy(&run.stderr).into_owned()
}

/// The results of `args`, written to `name` in `folder`.
fn written(folder: &Folder, args: &str, name: &str) -> Vec<u8> {
    let out = folder.path(name);
    program(&format!("{args} --out {}", out.display()));
    fs::read(out).unwrap()
}

fn rows(path: &Path) -> Vec<std::collections::HashMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

fn json(args: &str) -> Value {
    let run = host(&format!("{args} --format json"));
    assert_eq!(run.exit, Exit::Success, "{args}: {}", run.err);
    serde_json::from_str(&run.out).unwrap()
}

#[test]
fn exits_are_axes_whose_results_are_the_same_bytes_wherever_they_run() {
    let folder = Folder::new();
    let store = folder.path("store").display().to_string();
    let one = written(&folder, &format!("{SWEEP} --workers 1 --store {store}"), "one.csv");
    let found = rows(&folder.path("one.csv"));
    assert_eq!(found.len(), 12);
    let cells: BTreeSet<_> =
        found.iter().map(|row| [&row["fast"], &row["stop_loss"], &row["take_profit"], &row["trailing_stop"]]).collect();
    assert_eq!(cells.len(), 12);
    assert_eq!(found[0]["task_id"], "fast=5,slow=50,stop_loss=0,take_profit=0.1,trailing_stop=0.04");
    assert_eq!(written(&folder, &format!("{SWEEP} --workers 3 --store {store}"), "known.csv"), one);
    assert_eq!(written(&folder, &format!("{SWEEP} --workers 2 --no-store"), "two.csv"), one);
    assert_eq!(written(&folder, &format!("{SWEEP} --workers 2 --no-store --backend processes"), "apart.csv"), one);
}

#[test]
fn a_sweep_with_exits_and_one_without_share_a_store_and_no_result() {
    let folder = Folder::new();
    let store = folder.path("store").display().to_string();
    let plain = "sweep --plugin sma_cross --param fast=5,10 --param slow=50";
    let first = written(&folder, &format!("{plain} --no-store"), "first.csv");
    for (args, name) in [(plain, "plain"), (SWEEP, "exits"), (&*format!("{plain} --stop-loss 2%"), "stop")] {
        let before = program(&format!("{args} --store {store}"));
        assert!(!before.contains("were known"), "{name}: {before}");
        let again = program(&format!("{args} --store {store}"));
        assert!(again.contains("0 were run"), "{name}: {again}");
    }
    assert_eq!(written(&folder, &format!("{plain} --store {store}"), "again.csv"), first);
    let header = String::from_utf8_lossy(&first).lines().next().unwrap().to_owned();
    assert!(!header.contains("stop_loss"), "{header}");
}

#[test]
fn a_request_and_shards_and_a_run_again_have_the_same_exits() {
    let folder = Folder::new();
    let (all, request) = (folder.path("all.parquet"), folder.path("request.json"));
    program(&format!("{SWEEP} --no-store --out {} --save-request {}", all.display(), request.display()));
    let text: Value = serde_json::from_slice(&fs::read(&request).unwrap()).unwrap();
    let exits = text.get("exits").or_else(|| text["request"].get("exits")).unwrap();
    assert_eq!(exits["stop_loss"], "0,2%,5%", "{text}");
    let again = written(&folder, &format!("sweep --request {} --no-store", request.display()), "again.parquet");
    assert!(again == fs::read(&all).unwrap());
    let parts = [1, 2].map(|part| folder.path(&format!("part-{part}.parquet")));
    for (number, part) in (1..).zip(&parts) {
        program(&format!("{SWEEP} --no-store --shard {number}/2 --out {}", part.display()));
    }
    let [one, two] = &parts;
    let merged = folder.path("merged.parquet");
    let run = host(&format!("merge {} {} --out {}", one.display(), two.display(), merged.display()));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert!(fs::read(&merged).unwrap() == fs::read(&all).unwrap());
    let best = json(&format!("backtest --again {} --rank 1", all.display()));
    assert_eq!(best["params"]["take_profit"], 0.1);
    assert!(best["again"].to_string().contains("same"), "{}", best["again"]);
    let other = host(&format!("backtest --again {} --rank 1 --take-profit 20%", all.display()));
    assert!(other.err.contains("`take_profit` is 0.2 and was 0.1"), "{}", other.err);
}

#[test]
fn conditions_searches_and_comparisons_know_exits() {
    let sweep = json(
        "sweep --plugin sma_cross --stop-loss 1%,5% --take-profit 2%,10% --where stop_loss<take_profit --no-store",
    );
    assert_eq!(sweep["ranking"].as_array().unwrap().len(), 3);
    let search =
        json("optimize --plugin sma_cross --param fast=5..20 --trailing-stop 1%..9%:1% --trials 40 --no-store");
    assert!(search["ranking"][0]["trailing_stop"].as_f64().unwrap() >= 0.01, "{search}");
    let compared = json("compare --plugin sma_cross --plugin momentum --stop-loss 3% --no-store");
    for row in compared["results"].as_array().unwrap() {
        assert_eq!(row["params"]["stop_loss"], 0.03, "{row}");
    }
}

#[test]
fn exits_that_a_strategy_cannot_have_are_refused_with_the_way_out() {
    check_refused(
        "sweep --plugin bracket --stop-loss 0.02",
        &["`bracket` has a parameter `stop_loss` of its own; give it with `--param stop_loss=VALUE`"],
    );
    check_refused(
        "backtest --plugin bracket --trailing-stop 0.02",
        &["`bracket` is run by `events` and sends orders of its own"],
    );
    check_refused("sweep --plugin sma_cross --stop-loss 2", &["`stop_loss` takes values from 0 to 0.9999, not 2"]);
    check_refused(
        "backtest --plugin sma_cross --stop-loss 1%,2%",
        &["`--stop-loss 1%,2%` has several values, and this command runs one combination"],
    );
    check_refused(
        "compare --plugin sma_cross --take-profit 1%..3%:1%",
        &["`--take-profit 1%..3%:1%` has several values"],
    );
    check_refused("backtest --plugin sma_cross --stop-loss -2%", &["takes values from 0 to 0.9999, not -0.02"]);
}

#[test]
fn trades_say_why_they_ended_and_by_which_orders() {
    let folder = Folder::new();
    let (trades, orders) = (folder.path("trades.csv"), folder.path("orders.csv"));
    let files = format!("--trades {} --orders {}", trades.display(), orders.display());
    let run = host(&format!("backtest --plugin sma_cross --stop-loss 3% --take-profit 8% --trailing-stop 5% {files}"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let (trades, orders) = (rows(&trades), rows(&orders));
    let kinds: BTreeSet<_> = trades.iter().map(|trade| trade["exit_reason"].as_str()).collect();
    assert!(!run.err.contains("sends no orders"), "{}", run.err);
    assert!(["stop", "target", "trailing", "signal"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    for trade in &trades {
        assert_eq!(trade["entry_order"], "", "a target has opened it: {trade:?}");
        let order = orders.iter().find(|order| order["order"] == trade["exit_order"]);
        let expected = match trade["exit_reason"].as_str() {
            "stop" => Some("stop"),
            "target" => Some("limit"),
            "trailing" => Some("trailing-stop-percent"),
            _ => None,
        };
        assert_eq!(order.map(|order| order["kind"].as_str()), expected, "{trade:?}");
        assert!(
            order.is_none_or(|order| order["status"] == "filled" && order["ended"] == trade["exit_time"]),
            "{trade:?}"
        );
    }
    let ended: BTreeSet<_> = orders.iter().map(|order| order["status"].as_str()).collect();
    assert!(ended.is_subset(&BTreeSet::from(["filled", "cancelled", "open"])), "{ended:?}");
}

#[test]
fn trades_of_orders_name_the_orders_of_the_strategy() {
    let folder = Folder::new();
    let (trades, orders) = (folder.path("trades.csv"), folder.path("orders.csv"));
    let files = format!("--trades {} --orders {}", trades.display(), orders.display());
    let run = host(&format!("backtest --plugin bracket {files}"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let (trades, orders) = (rows(&trades), rows(&orders));
    for trade in trades.iter().filter(|trade| trade["open"] == "false") {
        let exit = orders.iter().find(|order| order["order"] == trade["exit_order"]).unwrap();
        match trade["exit_reason"].as_str() {
            "stop" | "target" => assert_eq!(exit["parent"], trade["entry_order"], "{trade:?}"),
            "signal" => assert_eq!(exit["parent"], "", "{trade:?}"),
            other => panic!("{other}: {trade:?}"),
        }
    }
}

/// Long (1) while the close is above that of `lookback` bars ago or short (-1) while it is below, else flat.
fn wanted(closes: &[f64], lookback: usize, side: f64) -> Targets {
    let mut targets = Targets::default();
    let mut held = 0.0;
    for at in lookback..closes.len() {
        let exposure = if (closes[at] - closes[at - lookback]) * side > 0.0 { side } else { 0.0 };
        if exposure != held {
            targets.at.push(at as u32);
            targets.instrument.push(0);
            targets.exposure.push(exposure);
            held = exposure;
        }
    }
    targets
}

/// The trades that have ended: days and prices of their entries and exits.
fn traded(series: &Arc<[Series]>, targets: &Targets, exits: Exits) -> Vec<(String, String, f64, f64)> {
    let settings = Settings { fill: FillAt::Close, ..Profile::Vectorbt.apply(Settings::default()) };
    let mut ledger = Ledger::default();
    let wishes = Wishes { exits, ..targets.into() };
    simulate_after(wishes, series, &Timeline::of(series), &settings, &mut Workspace::new(), &mut ledger);
    let ended = ledger.trades.iter().filter(|trade| !trade.open);
    let days = |trade: &host::broker::Trade| (format_time(trade.entry_time), format_time(trade.exit_time));
    ended.map(|trade| (days(trade).0, days(trade).1, trade.entry_price, trade.exit_price)).collect()
}

/// `tests/reference/exits/exits.py` made the trades.
#[test]
fn exits_close_positions_where_those_of_vectorbt_do() {
    let reference = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/exits");
    let dataset = Dataset::load(&[reference.join("bars.csv")], &Default::default()).unwrap().dataset;
    let series: Arc<[Series]> = Arc::from(dataset.series());
    let mut runs = BTreeMap::<_, Vec<_>>::new();
    for row in rows(&reference.join("trades.csv")) {
        let asked = ["lookback", "side", "stop_loss", "take_profit", "trailing_stop"].map(|name| row[name].clone());
        let [entry_price, exit_price] = ["entry_price", "exit_price"].map(|name| row[name].parse::<f64>().unwrap());
        runs.entry(asked).or_default().push((row["entry"].clone(), row["exit"].clone(), entry_price, exit_price));
    }
    assert_eq!(runs.len(), 2 * 2 * 7);
    for (asked, expected) in runs {
        let [lookback, side, exits @ ..] = &asked;
        let [stop_loss, take_profit, trailing_stop] = exits.each_ref().map(|share| share.parse().unwrap());
        let side = if side == "long" { 1.0 } else { -1.0 };
        let targets = wanted(&series[0].close, lookback.parse().unwrap(), side);
        let found = traded(&series, &targets, Exits { stop_loss, take_profit, trailing_stop });
        assert_eq!(found.len(), expected.len(), "{asked:?}");
        for (one, other) in found.iter().zip(&expected) {
            assert_eq!((&one.0, &one.1), (&other.0, &other.1), "{asked:?}");
            for (price, own) in [(one.2, other.2), (one.3, other.3)] {
                assert!((price - own).abs() <= 1e-9 * own, "{asked:?}: {one:?}, not {other:?}");
            }
        }
    }
}
