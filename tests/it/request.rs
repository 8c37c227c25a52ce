//! The request of a sweep: the same from the command line, from a file and over HTTP, and carried by every results file.

use std::fs;

use host::{
    cli::Exit,
    metrics::Selection,
    sweep::{DefaultMetrics, Instruments, LimitsSpec, RequestFile, SweepRequest},
};
use serde_json::{Value, json};

use crate::support::{Folder, host, rows_of};

/// Columns that tell runs of one sweep apart.
const OF_THE_RUN: [&str; 2] = ["execution_time", "worker_id"];

/// The rows of a CSV file of results without what tells runs apart.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let kept: Vec<_> = (0..names.len()).filter(|at| !OF_THE_RUN.contains(&&names[*at])).collect();
    let rows = reader.records().map(|row| kept.iter().map(|at| row.as_ref().unwrap()[*at].to_owned()).collect());
    rows.collect()
}

fn request(text: &Value) -> SweepRequest {
    serde_json::from_value(text.clone()).unwrap()
}

#[test]
fn a_request_says_the_same_from_the_command_line_and_from_its_file() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let typed = format!(
        "sweep --plugin sma_cross --param fast=5,10 --param slow=20..60:20 --where fast<slow --require trades>=1 --cash 5000 \
         --commission 5 --timeout 20 --top 3 --objective cagr --quiet --out {} --save-request {}",
        path("typed.csv"),
        path("request.json")
    );
    assert_eq!(host(&typed).exit, Exit::Success);
    let saved: Value = serde_json::from_str(&fs::read_to_string(folder.path("request.json")).unwrap()).unwrap();
    assert_eq!(saved["results_version"], host::sweep::RESULTS_VERSION);
    assert_eq!((&saved["first_bar"], &saved["last_bar"]), (&json!("1986-03-13"), &json!("2017-11-10")));
    let asked = request(&saved["request"]);
    assert_eq!((asked.plugin.as_str(), asked.data.as_deref(), asked.top), ("sma_cross", Some("msft"), 3));
    assert_eq!(asked.limits, LimitsSpec { timeout: Some(20.0), ..LimitsSpec::default() });
    fs::write(folder.path("plain.json"), saved["request"].to_string()).unwrap();
    for file in ["request.json", "plain.json"] {
        let again = format!("sweep --request {} --quiet --out {}", path(file), path("again.csv"));
        assert_eq!(host(&again).exit, Exit::Success);
        let read = |name: &str| rows(&fs::read_to_string(folder.path(name)).unwrap());
        assert_eq!(read("typed.csv"), read("again.csv"), "{file}");
    }
}

#[test]
fn results_in_parquet_carry_their_request() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let first = format!("sweep --param lookback=20,60 --slippage 3 --quiet --out {}", path("a.parquet"));
    assert_eq!(host(&first).exit, Exit::Success);
    let again = format!("sweep --request {} --quiet --out {}", path("a.parquet"), path("b.parquet"));
    assert_eq!(host(&again).exit, Exit::Success);
    let carried = |name: &str| RequestFile::load(&folder.path(name)).unwrap().request().clone();
    assert_eq!(carried("a.parquet"), carried("b.parquet"));
    assert_eq!(carried("a.parquet").params, ["lookback=20,60"]);
    let foreign = format!("sweep --request {}", path("none.parquet"));
    let mut sink = host::results::create(
        &folder.path("none.parquet"),
        &[host::results::Column::new("a", host::results::Kind::Text)],
    )
    .unwrap();
    sink.write(&["x".into()]).unwrap();
    sink.finish().unwrap();
    let run = host(&foreign);
    assert!(run.exit == Exit::BadInput && run.err.contains("does not contain the request of a sweep"), "{}", run.err);
}

#[test]
fn what_is_typed_wins_over_the_request() {
    let folder = Folder::new();
    let file = folder.file(
        "r.json",
        r#"{"plugin": "sma_cross", "params": ["fast=5,10", "slow=60"], "objective": "cagr", "direction": "lower", "scope": "each-symbol",
            "account": {"commission_bps": 5, "initial_cash": 5000}, "limits": {"timeout": 5, "memory": 64}}"#,
    );
    let saved = folder.path("s.json");
    let run = host(&format!(
        "sweep --request {} --param fast=7 --objective sharpe --commission 1 --timeout 9 --quiet --save-request {}",
        file,
        saved.display()
    ));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let asked = RequestFile::load(&saved).unwrap().request().clone();
    assert_eq!(asked.params, ["slow=60", "fast=7"]);
    assert_eq!(
        (asked.objective.as_deref(), asked.direction, asked.scope),
        (Some("sharpe"), None, Instruments::EachSymbol)
    );
    let settings = asked.account.settings(Selection::none()).unwrap();
    assert_eq!((settings.account.commission_bps, settings.account.initial_cash), (1.0, 5000.0));
    assert_eq!((asked.limits.timeout, asked.limits.memory), (Some(9.0), Some(64)));
}

#[test]
fn every_problem_of_a_request_is_told_at_once() {
    let asked = request(&json!({
        "plugin": "sma_cross", "params": ["fast=5..1", "slow=20", "slow=30", "medium=3"], "constraints": ["fast <"], "objective": "sharp",
        "account": {"initial_cash": -1}, "limits": {"timeout": 0, "memory": 0}, "bounds": true, "scope": "each-symbol",
    }));
    let backtester = host::sweep::ParallelBacktester::new(Some(1), host::sandbox::Limits::default()).unwrap();
    let plugin = backtester.load("sma_cross").unwrap();
    let error = asked.bind(plugin.description(), DefaultMetrics::All).unwrap_err();
    let text = error.to_string();
    let parts = [
        "runs from 5 down to 1",
        "gives `slow` a second time",
        "fast <",
        "`medium`",
        "unknown metric `sharp`",
        "do not go together",
        "initial_cash",
        "`timeout` is 0",
        "`memory` is 0",
    ];
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert!(text.starts_with(&format!("the request has {} problems:", error.problems().len())), "{text}");
    assert!(asked.check().unwrap_err().problems().len() >= 7);
}

#[test]
fn a_member_that_no_request_has_is_refused_by_name() {
    let folder = Folder::new();
    let check = |text: &str, expected: &str| {
        let file = folder.file("r.json", text);
        let run = host(&format!("sweep --request {file}"));
        assert!(run.exit == Exit::BadInput && run.err.contains(expected), "{}", run.err);
    };
    check(r#"{"plugin": "sma_cross", "gird": {}}"#, "unknown field `gird`");
    check(r#"{"plugin": "sma_cross", "account": {"comission_bps": 1}}"#, "did you mean `commission_bps`?");
    check(
        r#"{"plugin": "nobody", "grid": {"a": [1]}}"#,
        "file `nobody.wasm` does not exist here; give `--plugin FILE`",
    );
    check(
        r#"{"plugin": "sma_cross", "data": "nothing", "grid": {}}"#,
        "no file of that name exists here; give `--data FILE`",
    );
    check("[", "is not the request of a sweep");
}

#[test]
fn a_request_that_ran_on_other_data_or_another_plugin_is_not_run_in_silence() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let row = |day: u32| format!("2020-01-{day:02},{p},{p},{p},{p},1\n", p = 100 + day % 7);
    let rows: String =
        std::iter::once("Date,Open,High,Low,Close,Volume\n".to_owned()).chain((1..29).map(row)).collect();
    let bars = folder.file("msft.csv", rows);
    let first = format!("sweep --param lookback=5 --data {bars} --quiet --out {}", path("a.parquet"));
    assert_eq!(host(&first).exit, Exit::Success);
    let again = format!("sweep --request {}", path("a.parquet"));
    let run = host(&again);
    assert_eq!(run.exit, Exit::BadInput, "the bundled bars are called `msft`, too");
    assert!(run.err.contains("the data `msft` is not the one of the request"), "{}", run.err);
    assert_eq!(host(&format!("{again} --data {bars}")).exit, Exit::Success);
    let other =
        host(&format!("{again} --data {bars} --plugin sma_cross --grid {}", folder.file("g.json", r#"{"fast": [2]}"#)));
    assert_eq!(other.exit, Exit::Success, "what is typed wins");
    assert!(other.err.contains("note: the plugin `sma_cross` is not the one of the request"), "{}", other.err);
}

#[test]
fn a_request_that_says_too_little_or_a_path_is_refused() {
    let folder = Folder::new();
    let check = |text: &str, expected: &str| {
        let run = host(&format!("sweep --request {}", folder.file("r.json", text)));
        assert!(run.exit == Exit::BadInput && run.err.contains(expected), "{}", run.err);
    };
    check(r#"{"plugin": "", "grid": {"lookback": 5}}"#, "the request names no plugin; give `--plugin FILE|NAME`");
    check(
        r#"{"plugin": "../momentum", "grid": {}}"#,
        "the plugin `../momentum`, which is a path; give `--plugin FILE`",
    );
    check(r#"{"plugin": "momentum", "data": "/etc/bars", "grid": {}}"#, "which is a path; give `--data FILE`");
    check(r#"{"plugin": "momentum", "grid": {"lookback": 5}, "top": 0}"#, "`top` is 0; give 1 or more");
    check(r#"{"plugin": "momentum", "limits": null}"#, "expected limits: an object");
    let bars = host("sweep --request examples/data/msft.parquet");
    assert!(bars.err.contains("does not contain the request of a sweep"), "{}", bars.err);
    let device = host("sweep --param lookback=5 --save-request /dev/null");
    assert!(device.exit == Exit::BadInput && device.err.contains("it is not a regular file"), "{}", device.err);
}

#[test]
fn a_request_that_ran_reads_its_data_in_the_same_way_again() {
    let folder = Folder::new();
    let row = |day: u32| format!("2020-01-{day:02},{p},{p},{p},{p},{a},1\n", p = 100 + day % 7, a = 50 + day % 7);
    let rows: String = std::iter::once("Date,Open,High,Low,Close,Adj Close,Volume\n".to_owned())
        .chain((1..29).rev().map(row))
        .collect();
    let (bars, saved) = (folder.file("bars.csv", rows), folder.path("saved.json").display().to_string());
    let out = |name: &str| folder.path(name).display().to_string();
    let first = format!(
        "sweep --param lookback=5 --data {bars} --sort --adjusted --out {} --save-request {saved}",
        out("a.csv")
    );
    assert_eq!(host(&first).exit, Exit::Success);
    let again = host(&format!("sweep --request {saved} --data {bars} --out {}", out("b.csv")));
    assert_eq!(again.exit, Exit::Success, "{}", again.err);
    assert!(rows_of(&folder.path("a.csv")) == rows_of(&folder.path("b.csv")));
}

/// Zones, sessions, chosen instruments and their terms are part of how data was read.
#[test]
fn a_request_reads_the_data_again_in_the_same_zone_and_on_the_same_terms() {
    let folder = Folder::new();
    let row = |at: u32| {
        let (name, price) = [("A", 50 + at / 2 % 9), ("B", 7)][at as usize % 2];
        let (day, hour) = (2 + at / 48, at / 2 % 24);
        format!("2024-01-{day:02} {hour:02}:00,{name},{price},{price},{price},{price}\n")
    };
    let header = std::iter::once("Date,Name,Open,High,Low,Close\n".to_owned());
    let rows: String = header.chain((0..96).map(row)).collect();
    let bars = folder.file("bars.csv", &rows);
    let terms = folder.file("terms.toml", "[A]\nlot = 1\nsession = \"17:00-16:00\"\n");
    let out = |name: &str| folder.path(name).display().to_string();
    let read = format!("--read symbol=Name --symbols A --timezone America/New_York --instruments {terms}");
    let first = host(&format!("sweep --param lookback=5 --data {bars} {read} --out {}", out("a.parquet")));
    assert_eq!(first.exit, Exit::Success, "{}", first.err);
    assert!(
        first.err.contains("data: `A`, 48 bars of 1 hour, 2024-01-02T00:00:00-05:00 to 2024-01-03T23:00:00-05:00"),
        "{}",
        first.err
    );
    let again = host(&format!("sweep --request {} --data {bars} --out {}", out("a.parquet"), out("b.csv")));
    assert_eq!(again.exit, Exit::Success, "{}", again.err);
    assert!(!again.err.contains("is not the one of the request"), "{}", again.err);
    let other =
        host(&format!("sweep --request {} --data {bars} --timezone UTC --out {}", out("a.parquet"), out("c.csv")));
    assert!(other.err.contains("is not the one of the request"), "{}", other.err);
}
