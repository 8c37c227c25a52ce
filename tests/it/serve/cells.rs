//! The combinations of a sweep that has ended, one of them run again, and what people call a sweep.

use std::sync::Arc;

use host::{
    backtest::{Market, Settings},
    data::Dataset,
    model::Series,
};
use serde_json::{Value, json};

use super::{Answer, Ask, LONG, ask, folder, options, serve, start, state};
use crate::support::host;

const GRID: &str = r#"{"plugin": "sma_cross", "params": ["fast=5..30:5", "slow=40..120:20"], "metrics": "all"}"#;

fn relabel(server: &impl Ask, id: u64, body: &str) -> Answer {
    let json = [("Content-Type", "application/json")];
    ask(server.address(), &format!("PATCH /sweeps/{id}"), &json, body.as_bytes())
}

#[test]
fn a_combination_runs_again_as_the_command_line_runs_it() {
    let folder = folder(&["sma_cross", "faulty"]);
    let server = serve(&folder);
    server.finish(GRID);
    let run = server.get("/sweeps/1/run?task_id=fast%3D10%2Cslow%3D60").json();
    let shown = host("backtest --plugin sma_cross --param fast=10 --param slow=60 --quiet --format json");
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let figures = run["metrics"].as_array().unwrap();
    assert!(figures.len() > 50, "{run}");
    for figure in figures {
        let (name, value) = (figure["name"].as_str().unwrap(), &figure["value"]);
        let expected = &shown["metrics"][name];
        // What is infinite has no value that a chart could draw.
        assert!(value == expected || expected == "inf", "{name}: {value} {expected}");
    }
    assert_eq!(run["command"], "host backtest --again sweep-1.parquet");
    assert!(["equity", "bars", "trades", "months", "benchmark"].iter().all(|part| run[*part].is_object()), "{run}");

    let cells = server.get("/sweeps/1/cells").json();
    let best = server.get("/sweeps/1").json()["best"]["params"].clone();
    assert_eq!(cells["sweep"]["axes"][0]["name"], "fast");
    assert!(cells["sweep"]["chosen"].is_u64() && cells.get("equity").is_none(), "{cells}");
    let best_run = server.get("/sweeps/1/run").json();
    assert!(best_run["subtitle"].as_str().unwrap().contains(&format!("fast={}", best["fast"])), "{best_run}");
    let page = server.get("/sweeps/1/report?task_id=fast%3D10%2Cslow%3D60");
    assert!(page.text().contains("shown: fast=10,slow=60"), "{}", page.status);

    for path in ["run", "cells", "report"] {
        let none = server.get(&format!("/sweeps/1/{path}?task_id=fast%3D1"));
        assert_eq!(none.status, 404, "{path}");
        assert!(none.error().contains("sweep 1 has no combination `fast=1`"), "{}", none.error());
        assert_eq!(server.get(&format!("/sweeps/9/{path}")).status, 404);
        assert_eq!(server.get(&format!("/sweeps/1/{path}?what=1")).status, 400);
    }
    server.finish(r#"{"plugin": "faulty", "params": ["behaviour=fine,panic"]}"#);
    let failed = server.get("/sweeps/2/run?task_id=behaviour%3Dpanic");
    assert_eq!((failed.status, failed.error().contains("has failed")), (422, true), "{}", failed.error());
}

#[test]
fn a_combination_of_a_sweep_of_each_symbol_runs_on_its_symbol() {
    let folder = folder(&["momentum"]);
    let server = serve(&folder);
    server.finish(r#"{"plugin": "momentum", "params": ["lookback=20,40"], "scope": "each-symbol"}"#);
    let task = server.get("/sweeps/1").json()["best"]["task_id"].as_str().unwrap().to_owned();
    let run = server.get(&format!("/sweeps/1/run?task_id={}", task.replace('=', "%3D").replace(',', "%2C")));
    assert_eq!(run.status, 200, "{}", run.text());
    assert_eq!(run.json()["bars"]["symbol"], "MSFT");
}

#[test]
fn a_sweep_can_be_measured_against_a_benchmark() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let asked = r#"{"plugin": "sma_cross", "params": ["fast=5..30:5", "slow=40,80"], "objective": "excess_return", "benchmark": "hold"}"#;
    let sweep = server.finish(asked);
    let shown = host(
        "sweep --plugin sma_cross --param fast=5..30:5 --param slow=40,80 --objective excess_return --benchmark hold --no-store \
         --quiet --format json",
    );
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let row = &sweep["ranking"][0];
    assert_eq!(row["value"], shown["ranking"][0]["excess_return"]);
    assert_eq!(row["metrics"]["information_ratio"], shown["ranking"][0]["information_ratio"]);
    let run = server.get("/sweeps/1/run").json();
    let figure = |name: &str| run["summary"].as_array().unwrap().iter().find(|figure| figure["name"] == name).cloned();
    assert_eq!(figure("excess_return").unwrap()["value"], row["value"]);
    let same = r#"{"plugin": "sma_cross", "params": ["fast=5"], "benchmark": "symbol:MSFT"}"#;
    assert_eq!(state(&server.finish(same)), "finished");
    for (benchmark, said) in
        [("symbol:SPY", "unknown instrument `SPY`"), ("data:spy", "unknown data `spy`"), ("SPY", "is not a benchmark")]
    {
        let answer = server.post(&same.replace("symbol:MSFT", benchmark));
        assert!([400, 404, 422].contains(&answer.status) && answer.error().contains(said), "{}", answer.error());
    }
    let without = server.post(r#"{"plugin": "sma_cross", "params": ["fast=5"], "objective": "jensen_alpha"}"#);
    assert_eq!(without.status, 422);
    assert!(without.error().contains("in a request `benchmark`"), "{}", without.error());
}

/// The weeks of daily bars.
fn weeks(days: &Series) -> Series {
    let week = |at: &usize| (days.time[*at].div_euclid(86_400_000_000_000) + 3).div_euclid(7);
    let bars: Vec<usize> = (0..days.len()).collect();
    let mut weeks = Series { symbol: days.symbol.clone(), ..Series::default() };
    for chunk in bars.chunk_by(|one, other| week(one) == week(other)) {
        let fold = |column: &[f64], pick: fn(f64, f64) -> f64| chunk.iter().map(|at| column[*at]).reduce(pick).unwrap();
        weeks.time.push(days.time[chunk[0]]);
        weeks.open.push(fold(&days.open, |first, _| first));
        weeks.high.push(fold(&days.high, f64::max));
        weeks.low.push(fold(&days.low, f64::min));
        weeks.close.push(fold(&days.close, |_, last| last));
        weeks.volume.push(fold(&days.volume, |one, other| one + other));
    }
    weeks
}

#[test]
fn a_sweep_can_trade_by_the_finer_bars_of_another_data_set() {
    let folder = folder(&["sma_cross"]);
    let days = Dataset::bundled().unwrap();
    let weeks = Dataset::new(vec![weeks(&days.series()[0])]).unwrap();
    let mut options = options(&folder);
    options.data.push(("weeks".to_owned(), Arc::new(Market::new(weeks.clone(), Settings::default()).unwrap())));
    let server = start(options).unwrap();
    let asked = r#"{"plugin": "sma_cross", "params": ["fast=5", "slow=20"], "data": "weeks", "detail": "msft",
                    "exits": {"stop_loss": 0.02, "take_profit": 0.03}}"#;
    let (fine, alone) = (server.finish(asked), server.finish(&asked.replace(r#""detail": "msft","#, "")));
    assert_eq!((state(&fine), state(&alone)), ("finished", "finished"));
    assert_ne!(fine["ranking"][0]["value"], alone["ranking"][0]["value"]);
    let (by_days, _) = weeks.with_detail(&days).unwrap();
    assert_eq!(fine["data_hash"], by_days.fingerprint().to_string());
    let run = server.get("/sweeps/1/run");
    assert_eq!(run.status, 200, "{}", run.text());
    for (detail, status, said) in [("spy", 404, "unknown data `spy`"), ("weeks", 422, "are not finer")] {
        let answer = server.post(&asked.replace(r#""detail": "msft""#, &format!(r#""detail": "{detail}""#)));
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.error().contains(said), "{}", answer.error());
    }
}

#[test]
fn names_and_comments_outlive_the_end_of_a_sweep_and_of_the_server() {
    let folder = folder(&["faulty"]);
    let server = serve(&folder);
    let id = server.submit(LONG);
    let named = relabel(&server, id, r#"{"name": " first try ", "comment": "two\nlines"}"#);
    assert_eq!((named.status, &named.json()["name"]), (200, &json!("first try")), "{}", named.text());
    server.delete(id);
    let ended = server.wait(id, |sweep| state(sweep) == "cancelled");
    assert_eq!((&ended["name"], &ended["comment"]), (&json!("first try"), &json!("two\nlines")));
    // What is left out stays, and nothing removes.
    let changed = relabel(&server, id, r#"{"comment": null}"#).json();
    assert_eq!((&changed["name"], changed.get("comment")), (&json!("first try"), None));
    assert_eq!(server.get("/sweeps").json()["sweeps"][0]["name"], "first try");
    drop(server);
    let server = serve(&folder);
    assert_eq!(server.get(&format!("/sweeps/{id}")).json()["name"], "first try");
    assert_eq!(relabel(&server, id, r#"{"name": ""}"#).json().get("name"), None);
    assert_eq!(server.get("/sweeps").json()["sweeps"][0].get("name"), None);

    let long = format!(r#"{{"name": "{}"}}"#, "x".repeat(101));
    for (body, status, said) in [
        (r#"{"title": "x"}"#, 422, "does not say what to change"),
        ("[", 400, "does not say what to change"),
        ("[]", 422, "does not say what to change"),
        (r#"{"name": "a\nb"}"#, 422, "one line of text"),
        (&*long, 422, "the name has 101 characters; give up to 100"),
    ] {
        let refused = relabel(&server, id, body);
        assert_eq!(refused.status, status, "{}", refused.text());
        assert!(refused.error().contains(said), "{}", refused.error());
    }
    assert_eq!(relabel(&server, 99, r#"{"name": "x"}"#).status, 404);
    let plain = ask(server.address(), &format!("PATCH /sweeps/{id}"), &[], br#"{"name": "x"}"#);
    assert_eq!(plain.status, 415);
}
