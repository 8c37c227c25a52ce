//! Sweeps of a server: the results that `host sweep` writes, a queue, and requests with settings of their own.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use host::{
    backtest::{Market, Settings},
    cli::Exit,
    data::{Dataset, LoadOptions},
    results::{Form, ResultsFile},
    server::{Options, Server},
};
use serde_json::{Value, json};

use super::{Ask, LONG, TOKEN, folder, options, serve, start, state};
use crate::support::{Folder, component, component_path, host, rows_of};

#[test]
fn a_download_is_what_host_sweep_writes() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let csv = folder.path("expected.csv");
    let grid = folder.file("grid.json", r#"{"fast": [5, 10, 20], "slow": [10, 50], "constraints": ["fast < slow"]}"#);
    let run = host(&format!("sweep --plugin {} --grid {grid} --out {}", component_path("sma_cross"), csv.display()));
    let grid: Value = serde_json::from_str(&fs::read_to_string(grid).unwrap()).unwrap();
    let sweep = server.finish(&json!({ "plugin": "sma_cross", "grid": grid }).to_string());
    assert_eq!((&sweep["total"], &sweep["done"], &sweep["failed"]), (&json!(4), &json!(4), &json!(0)));
    assert_eq!(sweep["request"], json!({ "plugin": "sma_cross", "data": "msft", "grid": grid }));

    let download = |query: &str| server.get(&format!("/sweeps/{}/results{query}", sweep["id"]));
    let rows = rows_of(&csv);
    let file = |name: &str, query: &str| folder.path(name).with_file_name(folder.file(name, download(query).body));
    assert_eq!(rows_of(&file("got.csv", "?format=csv")), rows);
    assert_eq!(fs::read_to_string(folder.path("got.csv")).unwrap().lines().next(), header(&csv).as_deref());
    let parquet = ResultsFile::open(&file("got.parquet", "?format=parquet")).unwrap();
    let pieces: Vec<_> = parquet.encoded(Form::Csv, None).unwrap().map(Result::unwrap).collect();
    assert_eq!(pieces.concat(), download("?format=csv").body);
    let json = download("").json();
    let names: Vec<_> = json["columns"].as_array().unwrap().iter().map(|column| column["name"].clone()).collect();
    assert_eq!(header(&csv), Some(names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(",")));
    assert_eq!(json["rows"].as_array().unwrap().len(), rows.len());
    let some = download("?format=csv&columns=slow,fast,plugin_hash").text();
    let hash = sweep["plugin_hash"].as_str().unwrap();
    assert_eq!(some.lines().take(2).collect::<Vec<_>>(), ["slow,fast,plugin_hash", &format!("10,5,{hash}")]);

    let best = &sweep["ranking"][0];
    assert_eq!((&best["task_id"], &best["value"]), (&sweep["best"]["task_id"], &best["metrics"]["sharpe"]));
    let shown = run.out.lines().nth(2).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(shown[1..3], [best["params"]["fast"].to_string(), best["params"]["slow"].to_string()]);
}

fn header(csv: &Path) -> Option<String> {
    fs::read_to_string(csv).unwrap().lines().next().map(str::to_owned)
}

#[test]
fn what_is_typed_replaces_what_the_grid_says() {
    let folder = folder(&["sma_cross", "faulty"]);
    let server = serve(&folder);
    let sweep = server.finish(
        r#"{"plugin": "sma_cross", "data": "msft", "grid": {"fast": [5, 7], "slow": [50], "require": "trades >= 100000",
            "objective": "cagr"}, "params": ["fast=9,11,13"], "objective": "max_drawdown", "direction": "min", "top": 2}"#,
    );
    assert_eq!((&sweep["total"], &sweep["axes"]), (&json!(3), &json!(["fast", "slow"])));
    assert_eq!((&sweep["objective"], &sweep["better"]), (&json!("max_drawdown"), &json!("lower")));
    assert_eq!((&sweep["ranking"], &sweep["notes"]), (&json!([]), &json!({ "not meeting the requirements": 3 })));
    let sweep = server.finish(r#"{"plugin": "faulty", "params": ["behaviour=fine,panic,refuse"], "top": 1}"#);
    assert_eq!((&sweep["failed"], sweep["ranking"].as_array().unwrap().len()), (&json!(2), 1));
    let kinds: Vec<_> = sweep["failures"].as_array().unwrap().iter().map(|one| one["error_kind"].clone()).collect();
    assert_eq!(kinds, ["invalid-params", "panic"]);
    assert_eq!(sweep["failures"][1]["example"]["task_id"], "behaviour=panic");
    let listed = server.get("/sweeps").json();
    assert_eq!((&listed["sweeps"][0]["id"], &listed["sweeps"][1]["id"]), (&json!(2), &json!(1)));
    assert_eq!((listed["sweeps"][0].get("ranking"), listed["sweeps"][0].get("request")), (None, None));
}

/// The rows of a sweep of the server, as a CSV file that was downloaded has them.
fn downloaded(server: &Server, folder: &Folder, sweep: &Value) -> Vec<Vec<String>> {
    let body = server.get(&format!("/sweeps/{}/results?format=csv", sweep["id"])).body;
    rows_of(&folder.path("got.csv").with_file_name(folder.file("got.csv", body)))
}

#[test]
fn a_posted_request_is_what_the_command_line_runs_from_flags_and_from_a_file() {
    let folder = folder(&["sma_cross"]);
    let (two, server) = (two_symbols(), serve_over(&folder));
    let (a, b) = (folder.file("A.csv", &two[0]), folder.file("B.csv", &two[1]));
    let path = |name: &str| folder.path(name).display().to_string();
    let flags = format!(
        "sweep --plugin {} --param fast=2,3 --param slow=5,8 --each-symbol --cash 5000 --commission 7 --rule at_end=close --top 3 \
         --memory 64 --data {a} {b} --quiet --out {} --save-request {}",
        component_path("sma_cross"),
        path("flags.csv"),
        path("saved.json")
    );
    assert_eq!(host(&flags).exit, Exit::Success);
    let saved: Value = serde_json::from_str(&fs::read_to_string(folder.path("saved.json")).unwrap()).unwrap();
    let request = folder.file("request.json", saved["request"].to_string());
    let from_file = format!("sweep --request {request} --data {a} {b} --quiet --out {}", path("file.csv"));
    assert_eq!(host(&from_file).exit, Exit::Success);
    let sweep = server.finish(&saved["request"].to_string());
    assert_eq!(sweep["request"], saved["request"]);
    assert_eq!((&sweep["total"], &sweep["done"], &sweep["data_hash"]), (&json!(8), &json!(8), &saved["data_hash"]));
    assert!(sweep["best"]["symbol"].is_string() && sweep["ranking"][0]["symbol"].is_string(), "{sweep}");
    let rows = rows_of(&folder.path("flags.csv"));
    assert_eq!(rows.len(), 8);
    assert!(rows_of(&folder.path("file.csv")) == rows, "the file says the same as the flags");
    assert!(downloaded(&server, &folder, &sweep) == rows, "the server runs the same");
    let carried =
        host::sweep::RequestFile::load(&folder.path(&format!("state/sweeps/{}/results.parquet", sweep["id"])));
    assert_eq!(serde_json::to_value(carried.unwrap().request()).unwrap(), saved["request"]);

    drop(server);
    let server = start(Options { max_combinations: 5, ..options_over(&folder) }).unwrap();
    let refused = server.post(&saved["request"].to_string());
    assert_eq!(refused.status, 422, "8 tasks are over 5");
    assert!(
        refused.error().contains("4 combinations on each of 2 symbols; this server takes up to 5"),
        "{}",
        refused.text()
    );
}

#[test]
fn a_request_means_the_same_however_its_whole_numbers_are_written() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let request = |point: &str| {
        let text = r#"{"plugin": "sma_cross", "top": 3.,
            "grid": {"fast": [5., 10.], "slow": {"from": 20., "to": 80., "n": 3.}, "sample": 4., "seed": 7.},
            "account": {"first_bar": 2.}, "limits": {"memory": 64., "tasks_per_fork": 1.}}"#;
        text.replace('.', point)
    };
    let (plain, pointed) = (server.finish(&request("")), server.finish(&request(".0")));
    assert_eq!(plain["total"], 4);
    for member in ["request", "ranking", "data_hash", "total"] {
        assert_eq!(plain[member].to_string(), pointed[member].to_string());
    }
}

#[test]
fn a_sweep_has_bounds_an_account_and_limits_of_its_own() {
    let folder = folder(&["bracket"]);
    let server = serve(&folder);
    let request = json!({
        "plugin": "bracket", "params": ["stop_loss=0.01,0.02", "take_profit=0.02"], "bounds": true, "account": {"commission_bps": 10, "initial_cash": 5000},
        "limits": {"timeout": 5, "memory": 32}, "period": {"from": "2000-01-01", "to": "2009-12-31"},
    });
    let sweep = server.finish(&request.to_string());
    let interval = &sweep["bounds"][1]["final_equity"];
    assert!(interval[0].as_f64() < interval[1].as_f64(), "{sweep}");
    let json = host(
        "sweep --plugin bracket --param stop_loss=0.01,0.02 --param take_profit=0.02 --bounds --commission 10 --cash 5000 --from 2000-01-01 --to 2009-12-31 --quiet --format json",
    );
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["bounds"][1]["final_equity"], *interval);
    assert_eq!(report["ranking"][0]["final_equity"], sweep["bounds"][0]["pessimistic"]["final_equity"]);

    let check = |member: &str, value: Value, words: &str| {
        let mut asked = json!({ "plugin": "bracket", "params": ["stop_loss=0.01"] });
        asked[member] = value;
        let answer = server.post(&asked.to_string());
        assert!(answer.status == 422 && answer.error().contains(words), "{asked}: {}", answer.text());
    };
    check("limits", json!({"timeout": 11}), "`timeout` is 11; this server allows up to 10 s");
    check("limits", json!({"budget": "none"}), "`budget` is none; this server allows up to");
    check("limits", json!({"memory": 100_000, "tasks_per_fork": 2}), "`memory` is 100000; this server allows up to");
    check("limits", json!({"memory": 0}), "`memory` is 0");
    check("account", json!({"initial_cash": -1}), "`initial_cash` is -1");
    check("period", json!({"from": "2018-01-01"}), "no bar begins at or after 2018-01-01");
    check("period", json!({"to": "1980-01-01"}), "no bar in the period: `MSFT` (1986-03-13 to 2017-11-10)");
    check("period", json!({"from": "2001-01-01", "to": "2000-01-01"}), "the period begins at 2001-01-01");
    check("top", json!(1001), "`top` is 1001");
    let unknown = server.post(r#"{"plugin": "bracket", "account": {"comission_bps": 1}}"#);
    assert!(unknown.status == 422 && unknown.error().contains("did you mean `commission_bps`?"), "{}", unknown.text());
}

/// Two files of bars that go up and down in different ways.
fn two_symbols() -> [String; 2] {
    [3, 5].map(|step: u32| {
        let price = |day: u32| 100.0 + f64::from((day * step) % 17);
        let row = |day: u32| {
            format!(
                "{}-{:02}-{:02},{p},{p},{p},{p},1000\n",
                2020 + day / 336,
                day / 28 % 12 + 1,
                day % 28 + 1,
                p = price(day)
            )
        };
        std::iter::once("Date,Open,High,Low,Close,Volume\n".to_owned()).chain((0..400).map(row)).collect()
    })
}

fn serve_over(folder: &Folder) -> Server {
    start(options_over(folder)).unwrap()
}

/// Options of a server over the two symbols, as a data set that is called like the two files.
fn options_over(folder: &Folder) -> Options {
    let files = [folder.file("A.csv", &two_symbols()[0]), folder.file("B.csv", &two_symbols()[1])].map(PathBuf::from);
    let dataset = Dataset::load(&files, &LoadOptions::default()).unwrap().dataset;
    let market = Arc::new(Market::new(dataset, Settings::default()).unwrap());
    Options { data: vec![("A+B".to_owned(), market)], ..options(folder) }
}

#[test]
fn failures_under_a_requests_own_limits_do_not_roll_a_build_back() {
    let folder = folder(&["sma_cross"]);
    let server = serve(&folder);
    let next = fs::read(component_path("sma_rolling")).unwrap();
    assert_eq!(server.put("sma_cross", Some(TOKEN), &next).status, 200);
    let sweep = server.finish(
        r#"{"plugin": "sma_cross", "params": ["fast=2..40:2", "slow=50..100:5"], "limits": {"budget": 100000}}"#,
    );
    assert_eq!((&sweep["done"], &sweep["failed"]), (&json!(220), &json!(220)));
    let plugins = server.get("/plugins").json();
    assert_eq!(plugins["plugins"][0]["generation"], 2, "{plugins}");
}

#[test]
fn sweeps_share_the_workers_and_wait_in_a_queue_that_ends() {
    let folder = folder(&["faulty"]);
    let server = start(Options { queue: 1, ..options(&folder) }).unwrap();
    let (one, two) = (server.submit(LONG), server.submit(LONG));
    for _ in 0..2 {
        let done = [one, two].map(|id| server.wait(id, |sweep| sweep["done"].as_u64() > Some(0))["done"].clone());
        [one, two].into_iter().zip(done).for_each(|(id, done)| _ = server.wait(id, |sweep| sweep["done"] != done));
    }
    let waits = server.submit(LONG);
    assert_eq!(state(&server.get(&format!("/sweeps/{waits}")).json()), "queued");
    let full = server.post(LONG);
    assert_eq!(
        (full.status, full.error().contains("the queue is full: 1 sweeps wait")),
        (429, true),
        "{}",
        full.text()
    );
    let results = server.get(&format!("/sweeps/{one}/results"));
    assert_eq!((results.status, results.error().contains("is running")), (409, true));

    let cancelled = server.delete(waits);
    assert_eq!((cancelled.status, state(&cancelled.json())), (200, "cancelled"));
    let none = server.get(&format!("/sweeps/{waits}/results"));
    assert_eq!((none.status, none.error().contains("has no results: it is cancelled")), (404, true));
    let cancelled = server.delete(one).json();
    assert_eq!(state(&cancelled), "cancelled");
    assert_eq!(Some(server.rows(one) as u64), cancelled["done"].as_u64());
    assert_eq!(server.delete(one).status, 204);
    assert_eq!((server.delete(one).status, server.get(&format!("/sweeps/{one}")).status), (404, 404));
    assert!(!folder.path(&format!("state/sweeps/{one}")).exists());
    assert_eq!(state(&server.get(&format!("/sweeps/{two}")).json()), "running");
    assert_eq!(server.submit(LONG), waits + 1, "the one that was refused took no number");
}

#[test]
fn a_sweep_runs_on_the_build_that_served_when_it_was_asked_for() {
    let folder = folder(&["sma_cross"]);
    let server = start(Options { running: 1, ..options(&folder) }).unwrap();
    let long = r#"{"plugin": "sma_cross", "grid": {"fast": {"from": 1, "to": 2000}, "slow": {"from": 2, "to": 2001}}}"#;
    let short = r#"{"plugin": "sma_cross", "grid": {"fast": [5, 10], "slow": [50, 100]}}"#;
    let (runs, waits) = (server.submit(long), server.submit(short));
    server.wait(runs, |sweep| sweep["done"].as_u64() > Some(0));
    let before = server.get("/plugins/sma_cross").json()["hash"].clone();
    let after = server.put("sma_cross", Some(TOKEN), &component("sma_rolling")).json()["hash"].clone();
    assert_ne!(before, after);
    let late = server.submit(short);
    let done = server.get(&format!("/sweeps/{runs}")).json()["done"].clone();
    server.wait(runs, |sweep| sweep["done"] != done);
    server.delete(runs);
    server.wait(late, |sweep| state(sweep) == "finished");
    for (id, hash) in [(runs, &before), (waits, &before), (late, &after)] {
        assert_eq!(server.get(&format!("/sweeps/{id}")).json()["plugin_hash"], *hash);
        let rows = server.get(&format!("/sweeps/{id}/results?columns=plugin_hash")).json()["rows"].clone();
        let hashes: BTreeSet<_> = rows.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
        assert_eq!(hashes, BTreeSet::from([hash.as_str().unwrap()]));
    }
}
