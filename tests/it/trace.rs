//! Traces: one holds every message of a run, and a replay finds the first that differs.

use std::fs;

use host::cli::Exit;
use serde_json::Value;

use crate::support::{Folder, check_refused, guest::events_guest, host};

/// Counts bars.
const COUNTER: &str = "(global $n (mut i32) (i32.const 0))";

/// Buys at `share` of each close for a day while nothing is held, with both exits about it; `also` is done at each bar,
/// after it was counted.
fn brackets(share: f64, also: &str) -> Vec<u8> {
    let on_bar = format!(
        "(global.set $n (i32.add (global.get $n) (i32.const 1)))
        (if (f64.eq (local.get 7) (f64.const 0)) (then (drop (call $bracket
            (call $submit (i32.const 0) (i32.const 0) (i32.const 1) (f64.const 1) (i32.const 0)
                (f64.mul (local.get 5) (f64.const {share})) (f64.const nan) (i32.const 1) (i64.const 0) (i32.const 0))
            (f64.mul (local.get 5) (f64.const 0.9)) (f64.mul (local.get 5) (f64.const 1.1))))))
        {also}"
    );
    events_guest(&[("on-bar", &on_bar)], COUNTER)
}

/// Traps at the bar of this number, counted from 1.
fn trap_at(bar: u32) -> String {
    format!("(if (i32.eq (global.get $n) (i32.const {bar})) (then (unreachable)))")
}

/// Daily bars of a price that falls and rises.
fn bars(folder: &Folder) -> String {
    let mut text = "Date,Open,High,Low,Close,Volume\n".to_owned();
    for day in 1..=28 {
        let price = 100.0 + 7.3 * f64::from(day * day % 11);
        let line = format!("2024-02-{day:02},{price},{},{},{},1000\n", price + 8.7, price - 9.1, price + 0.1);
        text.push_str(&line);
    }
    folder.file("bars.csv", text)
}

/// Records a run of `plugin`; returns the file.
fn record(folder: &Folder, plugin: &[u8], expected: Exit) -> String {
    let (plugin, data) = (folder.file("recorded.wasm", plugin), bars(folder));
    let trace = folder.path("trace.jsonl").display().to_string();
    let run = host(&format!("backtest --plugin {plugin} --data {data} --trace {trace} --format json"));
    assert_eq!(run.exit, expected, "{}", run.err);
    trace
}

fn lines(trace: &str) -> Vec<Value> {
    fs::read_to_string(trace).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Replays `trace` by `plugin`; returns how it ended and the report.
fn replay(folder: &Folder, trace: &str, plugin: &[u8], args: &str) -> (Exit, Value) {
    let plugin = folder.file("replayed.wasm", plugin);
    let run = host(&format!("replay {trace} --plugin {plugin} {args} --format json"));
    let report = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}", run.err));
    (run.exit, report)
}

#[test]
fn a_trace_holds_what_was_heard_and_sent_in_order() {
    let folder = Folder::new();
    let trace = lines(&record(&folder, &brackets(0.99, ""), Exit::Success));
    assert_eq!(
        (&trace[0]["trace"], &trace[0]["symbols"][0], &trace[0]["strategy"]),
        (&1.into(), &"bars".into(), &"hostile".into())
    );
    assert_eq!((&trace[1]["event"], &trace[1]["open"]), (&"bar".into(), &107.3.into()));
    assert_eq!((&trace[2]["command"], &trace[2]["kind"]), (&"submit".into(), &"limit".into()));
    assert_eq!((&trace[2]["stop"], &trace[2]["limit"]), (&"NaN".into(), &(107.39999999999999 * 0.99).into()));
    assert_eq!((&trace[3]["command"], &trace[3]["entry"]), (&"bracket".into(), &1.into()));
    assert_eq!(trace[4]["event"], "time");
    let count = |name: &str| trace.iter().filter(|line| line["event"] == name).count();
    assert_eq!((count("bar"), count("time"), count("finish")), (28, 28, 1));
    assert!(count("fill") > 0 && count("reject") > 0);
    assert!(trace.last().unwrap()["end"]["units"].as_u64().unwrap() > 0);
}

#[test]
fn recording_changes_nothing_and_the_same_plugin_replays_without_a_difference() {
    let folder = Folder::new();
    let plugin = brackets(0.99, "");
    let trace = record(&folder, &plugin, Exit::Success);
    let path = folder.path("recorded.wasm");
    let command = format!("backtest --plugin {} --data {} --format json", path.display(), bars(&folder));
    let (plain, recorded) = (host(&command), host(&format!("{command} --trace {trace}")));
    assert_eq!(plain.out, recorded.out);
    let (exit, report) = replay(&folder, &trace, &plugin, "");
    assert_eq!((exit, &report["same"]), (Exit::Success, &true.into()));
    let expected = lines(&trace);
    let count = |name: &str| expected.iter().filter(|line| line.get(name).is_some()).count();
    assert_eq!((&report["events"], &report["commands"]), (&count("event").into(), &count("command").into()));
}

#[test]
fn another_plugin_is_found_out_at_its_first_different_command() {
    let folder = Folder::new();
    let trace = record(&folder, &brackets(0.99, ""), Exit::Success);
    let (exit, report) = replay(&folder, &trace, &brackets(0.98, ""), "");
    assert_eq!((exit, report["differences"].as_array().unwrap().len()), (Exit::SomeFailed, 1));
    let first = &report["differences"][0];
    assert_eq!((&first["line"], &first["after"]), (&3.into(), &"the bar of bars at 2024-02-01".into()));
    let recorded = lines(&trace)[2].clone();
    assert_eq!(serde_json::from_str::<Value>(first["expected"].as_str().unwrap()).unwrap(), recorded);
    assert!(first["got"].as_str().unwrap().contains("\"limit\":105.2"), "{first}");
    let (_, all) = replay(&folder, &trace, &brackets(0.98, ""), "--all");
    let submitted = lines(&trace).iter().filter(|line| line["command"] == "submit").count();
    assert_eq!(all["differences"].as_array().unwrap().len(), submitted);
    let run = host(&format!("replay {trace} --plugin {}", folder.path("replayed.wasm").display()));
    assert!(run.out.contains("trace.jsonl:3: after the bar of bars at 2024-02-01"), "{}", run.out);
    assert!(run.err.contains("another plugin"), "{}", run.err);
}

#[test]
fn what_is_sent_beyond_a_trace_or_not_at_all_is_a_difference() {
    let folder = Folder::new();
    let fifth = "(if (i32.eq (global.get $n) (i32.const 5)) (then (drop (call $buy))))";
    let (plain, more) = (brackets(0.99, ""), brackets(0.99, fifth));
    let (_, report) = replay(&folder, &record(&folder, &plain, Exit::Success), &more, "");
    let difference = &report["differences"][0];
    assert_eq!(
        (&difference["expected"], &difference["after"]),
        (&Value::Null, &"the bar of bars at 2024-02-05".into())
    );
    assert!(difference["got"].as_str().unwrap().contains("\"kind\":\"market\""), "{difference}");
    let (_, report) = replay(&folder, &record(&folder, &more, Exit::Success), &plain, "");
    let difference = &report["differences"][0];
    assert_eq!((&difference["got"], &difference["after"]), (&Value::Null, &"the bar of bars at 2024-02-05".into()));
}

#[test]
fn a_failure_is_recorded_and_replays_as_one() {
    let folder = Folder::new();
    let (fine, fails, later) = (brackets(0.99, ""), brackets(0.99, &trap_at(7)), brackets(0.99, &trap_at(9)));
    let trace = record(&folder, &fails, Exit::NoneSucceeded);
    let written = lines(&trace);
    assert_eq!(written.iter().filter(|line| line["event"] == "bar").count(), 7, "the second run leaves no trace");
    assert_eq!(written.iter().filter(|line| line["failed"]["kind"] == "trap").count(), 1);
    assert_eq!(replay(&folder, &trace, &fails, "").0, Exit::Success);
    for other in [&fine, &later] {
        let (exit, report) = replay(&folder, &trace, other, "--all");
        let difference = &report["differences"][0];
        assert_eq!((exit, &difference["after"]), (Exit::SomeFailed, &"the bar of bars at 2024-02-07".into()));
        assert_eq!(difference["got"], Value::Null);
    }
    let (exit, report) = replay(&folder, &record(&folder, &fine, Exit::Success), &fails, "--all");
    let difference = report["differences"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(exit, Exit::SomeFailed);
    assert!(difference["got"].as_str().unwrap().contains("\"kind\":\"trap\""), "{difference}");
    assert_eq!(difference["after"], "the bar of bars at 2024-02-07");
}

#[test]
fn a_failed_start_is_recorded_and_replays_as_one() {
    let folder = Folder::new();
    let fails = events_guest(&[("start", "(unreachable)")], "");
    let trace = record(&folder, &fails, Exit::NoneSucceeded);
    assert_eq!(replay(&folder, &trace, &fails, "").0, Exit::Success);
    assert_eq!(replay(&folder, &trace, &brackets(0.99, ""), "").0, Exit::SomeFailed);
    let (exit, report) = replay(&folder, &record(&folder, &brackets(0.99, ""), Exit::Success), &fails, "");
    assert_eq!((exit, &report["differences"][0]["after"]), (Exit::SomeFailed, &"the start".into()));
}

#[test]
fn a_damaged_trace_is_refused_with_its_line() {
    let folder = Folder::new();
    let trace = record(&folder, &brackets(0.99, ""), Exit::Success);
    let good: Vec<_> = fs::read_to_string(&trace).unwrap().lines().map(str::to_owned).collect();
    let plugin = folder.path("recorded.wasm").display().to_string();
    let check = |change: &dyn Fn(&mut Vec<String>), words: &[&str]| {
        let mut lines = good.clone();
        change(&mut lines);
        let bad = folder.file("bad.jsonl", lines.join("\n"));
        check_refused(&format!("replay {bad} --plugin {plugin}"), words);
    };
    let last = good.len();
    check(&|lines| lines.truncate(last - 1), &["bad.jsonl", &format!("line {last}"), "cut off"]);
    check(&|lines| lines[5].truncate(20), &["line 6", "at column", "record it anew"]);
    check(&|lines| lines[5].clear(), &["line 6", "it is empty"]);
    check(&|lines| lines[5] = "{\"evnt\":\"bar\"}".into(), &["line 6", "none of the fields"]);
    check(&|lines| lines[5] = "{\"event\":\"bar\"}".into(), &["line 6", "missing field `instrument`"]);
    check(&|lines| lines[5] = "{\"command\":\"sell\"}".into(), &["line 6", "unknown variant `sell`"]);
    check(&|lines| lines.push(lines[5].clone()), &[&format!("line {}", last + 1), "follows the end"]);
    check(&|lines| lines[0] = lines[0].replace("\"trace\":1", "\"trace\":2"), &["format 2", "format 1"]);
    check(&|lines| lines[0] = "{}".into(), &["is not a trace", "host backtest --trace"]);
    check(&Vec::clear, &["is not a trace"]);
    check_refused(&format!("replay no/such.jsonl --plugin {plugin}"), &["no/such.jsonl"]);
    check_refused(&format!("replay {trace} --plugin bootstrap"), &["bootstrap", "events@0.1.0"]);
}

#[test]
fn a_trace_that_cannot_be_is_refused_before_anything_runs() {
    let folder = Folder::new();
    let trace = folder.path("trace.jsonl");
    check_refused(&format!("backtest --trace {}", trace.display()), &["momentum", "--mode events"]);
    check_refused("backtest --trace no/such/folder/trace.jsonl", &["no/such/folder"]);
    assert!(!trace.exists());
}
