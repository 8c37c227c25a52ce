//! `host check`: a strategy that looks ahead is caught, and one that does not is not suspected.

use std::{ops::Range, time::Duration};

use host::{
    audit::{Options, Report, Verdict, audit},
    backtest::Strategy,
    bundled::STRATEGIES,
    cli::Exit,
    data::Dataset,
    model::Params,
    sandbox::{Budget, Limits, Plugin, Sandbox},
};
use serde_json::Value;

use crate::support::{
    Folder, Run,
    guest::{events_guest, guest, parameterised},
    host,
};

/// Runs `host check` and reads what it found.
fn check(args: &str) -> (Run, Value) {
    let run = host(&format!("check --format json {args}"));
    let json = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}\n{}", run.err));
    (run, json)
}

/// A file of daily bars that go up and down.
fn waves(days: Range<u32>, step: f64) -> String {
    let line = |day: u32| {
        let (month, day_of_month, price) = (1 + day / 28, 1 + day % 28, 20.0 + (f64::from(day) * step).sin());
        format!("2024-{month:02}-{day_of_month:02},{price},{price},{price},{price}\n")
    };
    format!("date,open,high,low,close\n{}", days.map(line).collect::<String>())
}

/// The verdict of one of the checks.
fn verdict<'a>(report: &'a Value, name: &str) -> &'a str {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()["verdict"].as_str().unwrap()
}

fn audit_guest(prepare: &str, evaluate: &str) -> Report {
    audit_plugin(guest(prepare, evaluate))
}

fn audit_plugin(bytes: Vec<u8>) -> Report {
    let sandbox = Sandbox::new(1, Limits::default()).unwrap();
    let plugin = Plugin::from_bytes(&sandbox, "guest.wasm", bytes).unwrap();
    let data = Dataset::bundled().unwrap();
    audit(&Strategy::from(plugin), &data, &Params::new(), &Options::quick(), &mut |_| true).unwrap()
}

fn verdict_of(report: &Report, name: &str) -> Verdict {
    report.checks.iter().find(|check| check.name == name).unwrap().verdict
}

#[test]
fn the_bundled_strategies_are_clean() {
    for name in STRATEGIES {
        let (run, report) = check(&format!("--plugin {name} --quick"));
        assert_eq!(run.exit, Exit::Success, "{}", run.out);
        for check in
            ["look-ahead", "two runs", "prepared again", "order of tasks", "ways to fork", "growth", "both ways"]
        {
            assert_eq!(verdict(&report, check), "pass", "{name}: {}", run.out);
        }
        assert_eq!(report["mode"], "signals");
        assert_eq!(report["findings"].as_array().unwrap().len(), 0);
    }
}

/// Asserts that a plugin of `events` passes every check, and traded.
fn check_events(args: &str) {
    let (run, report) = check(args);
    assert_eq!((run.exit, &report["mode"]), (Exit::Success, &"events".into()), "{args}: {}", run.out);
    let checks = report["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    let family =
        ["look-ahead", "two runs", "prepared again", "order of tasks", "ways to fork", "shared forks", "growth"];
    assert_eq!(names, family);
    assert!(checks.iter().all(|check| check["verdict"] == "pass"), "{args}: {}", run.out);
    let detail = checks[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("impossible: ") && !detail.contains("; 0 fills"), "{detail}");
    let cost = &report["cost"];
    assert!(cost["units_per_bar"].as_f64() > Some(0.0) && cost["memory"].as_u64() > Some(0), "{cost}");
}

#[test]
fn the_bundled_strategies_of_orders_are_clean() {
    check_events("--plugin bracket --quick");
    let folder = Folder::new();
    let files: Vec<_> = [(0.03, "A.csv"), (0.05, "B.csv"), (0.08, "C.csv")]
        .into_iter()
        .map(|(step, name)| folder.file(name, waves(0..250, step)))
        .collect();
    check_events(&format!("--plugin rotation --data {}", files.join(" ")));
}

#[test]
fn the_help_says_what_is_checked_of_orders() {
    assert!(host("check --help").out.contains("only `events` gets each bar when it closes"));
}

#[test]
fn a_plugin_of_orders_that_leaves_something_behind_is_noted() {
    // Holds a share of equity that counts the runs that this fork has served.
    let on_bar = r#"
        (if (i32.eqz (i32.load (i32.const 8300))) (then
            (f64.store (i32.const 8208) (f64.add (f64.load (i32.const 8208)) (f64.const 0.125)))
            (call $target (i32.const 0) (f64.load (i32.const 8208)))))
        (i32.store (i32.const 8300) (i32.const 1))"#;
    let start = "(i32.store (i32.const 8300) (i32.const 0)) (i32.const 128)";
    let report = audit_plugin(events_guest(&[("start", start), ("on-bar", on_bar)], ""));
    assert!(report.is_clean() && report.is_decided(), "{:?}", report.checks);
    assert_eq!(verdict_of(&report, "two runs"), Verdict::Passed);
    assert_eq!(verdict_of(&report, "shared forks"), Verdict::Noted);
}

#[test]
fn tomorrows_close_is_caught_with_its_bar_and_parameters() {
    let (run, report) = check("--plugin tests/plugins/cheat_tomorrow/cheat_tomorrow.wasm --quick");
    assert_eq!((run.exit, run.exit.code()), (Exit::Caught, 12));
    assert_eq!(verdict(&report, "look-ahead"), "fail");
    let first = &report["findings"][0];
    assert_eq!(
        (&first["params"]["lookback"], &first["symbol"], &first["reach"]),
        (&10.into(), &"MSFT".into(), &1.into())
    );
    // It knows nothing beyond the bar that it answers for, and yet its answer changes.
    assert_eq!(first["time"], first["known_until"]);
    assert_ne!(first["with_future"], first["with_another"]);
    let bar = first["bar"].as_u64().unwrap() as usize;
    let time = Dataset::bundled().unwrap().series()[0].time[bar];
    assert_eq!(first["time"], host::model::format_date_time(time));
}

#[test]
fn the_mean_of_the_whole_series_is_caught_from_far_away() {
    let (run, report) = check("--plugin tests/plugins/cheat_mean/cheat_mean.wasm --quick --param entry=0.25");
    assert_eq!(run.exit, Exit::Caught);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!((&findings[0]["params"]["entry"], &findings[1]["params"]["entry"]), (&0.5.into(), &0.25.into()));
    assert!(findings[0]["reach"].as_u64().unwrap() > 100, "{}", run.out);
    let table = host("check --plugin tests/plugins/cheat_mean/cheat_mean.wasm --quick --param entry=0.25");
    for word in ["look-ahead", "fail", "entry=0.25", "or more"] {
        assert!(table.out.contains(word), "`{word}` is not in: {}", table.out);
    }
}

#[test]
fn the_same_seed_finds_the_same() {
    let report = |seed: u32| {
        let (_, mut report) =
            check(&format!("--plugin tests/plugins/cheat_mean/cheat_mean.wasm --quick --seed {seed}"));
        report["cost"].take();
        report
    };
    assert_eq!(report(5), report(5));
    assert_ne!(report(5)["findings"], report(6)["findings"]);
}

#[test]
fn instruments_of_two_calendars_are_cut_at_one_time() {
    let folder = Folder::new();
    let (a, b) = (folder.file("A.csv", waves(0..200, 0.7)), folder.file("B.csv", waves(30..180, 1.1)));
    let (run, report) = check(&format!("--plugin momentum --param lookback=2 --data {a} {b} --quick"));
    assert_eq!(run.exit, Exit::Success, "{}", run.out);
    assert_eq!(verdict(&report, "order of instruments"), "pass");
    let (run, _) = check(&format!("--plugin tests/plugins/cheat_tomorrow/cheat_tomorrow.wasm --data {a} {b} --quick"));
    assert_eq!(run.exit, Exit::Caught);
}

#[test]
fn a_strategy_that_gives_nothing_to_compare_is_not_called_clean() {
    let folder = Folder::new();
    let bars = folder.file("short.csv", "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,2,2,2,2\n");
    let (run, report) = check(&format!("--plugin momentum --data {bars}"));
    assert_eq!((run.exit, verdict(&report, "look-ahead")), (Exit::NoneSucceeded, "skip"), "{}", run.out);
    let report = audit_guest("(i32.const 128)", "(i32.const 128)");
    assert!(report.is_clean() && !report.is_decided());
}

#[test]
fn what_a_task_leaves_behind_is_noted() {
    // One target, whose exposure counts the tasks that this fork has served.
    let count = r#"
        (i32.store (i32.const 4100) (i32.const 8192)) (i32.store (i32.const 4104) (i32.const 1))
        (i32.store (i32.const 4108) (i32.const 8200)) (i32.store (i32.const 4112) (i32.const 1))
        (i32.store (i32.const 4116) (i32.const 8208)) (i32.store (i32.const 4120) (i32.const 1))
        (f64.store (i32.const 8208) (f64.add (f64.load (i32.const 8208)) (f64.const 0.125)))
        (i32.const 4096)"#;
    let report = audit_guest("(i32.const 128)", count);
    assert!(report.is_clean() && report.is_decided(), "{:?}", report.checks);
    assert_eq!(verdict_of(&report, "order of tasks"), Verdict::Passed);
    assert_eq!(verdict_of(&report, "shared forks"), Verdict::Noted);
}

#[test]
fn computing_that_grows_with_the_square_of_the_bars_is_noted() {
    // The number of bars is that of the first instrument's times.
    let prepare = "(i32.store (i32.const 8300) (i32.load offset=12 (local.get 0))) (i32.const 128)";
    let evaluate = r#"
        (local $i i32) (local $j i32) (local $n i32)
        (local.set $n (i32.load (i32.const 8300)))
        (loop $outer
            (local.set $j (i32.const 0))
            (loop $inner (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
            (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 64))) (local.get $n))))
        (i32.const 128)"#;
    let report = audit_guest(prepare, evaluate);
    assert_eq!(verdict_of(&report, "growth"), Verdict::Noted);
    let cost = report.cost;
    assert!(cost.units.unwrap() > 1.9 * cost.half_units.unwrap(), "{cost:?}");
    assert!(cost.memory_per_bar.is_some());
}

#[test]
fn custom_tasks_have_no_past_to_check() {
    let run = host("check --plugin bootstrap");
    assert_eq!(run.exit, Exit::BadInput);
    assert!(run.err.contains("exports neither `signals` nor `events`"), "{}", run.err);
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let refused = |args: &str, word: &str| {
        let run = host(&format!("check {args}"));
        assert_eq!((run.exit, run.out.as_str()), (Exit::BadInput, ""), "{args}");
        assert!(run.err.contains(word), "`{word}` is not in: {}", run.err);
    };
    refused("--samples 1001", "1001 samples are more than 1000");
    refused("--param lokback=5", "`lookback`, `threshold`, `short`");
    refused("--param lookback=5 --param lookback=6", "a second time");
}

#[test]
fn the_exit_code_of_a_fault_is_documented() {
    assert!(host("--help").out.contains("12   `host check` found a fault"));
    assert!(host("check --help").out.contains("Exits with 12"));
}

/// A strategy that uses up its limits is given up when that is known, and is not called clean.
fn check_given_up(report: &Report, why: &str) {
    let ended = report.ended.as_deref().unwrap();
    assert!(ended.contains(why) && ended.contains("`--budget`"), "{ended}");
    assert!(report.is_clean() && !report.is_decided(), "{:?}", report.checks);
    let later = ["prepared again", "order of tasks", "ways to fork", "shared forks"];
    assert!(later.iter().all(|name| verdict_of(report, name) == Verdict::Skipped), "{:?}", report.checks);
}

/// Asks a guest with a small budget, and counts the data sets that it was asked about.
fn audit_briefly(bytes: Vec<u8>) -> Report {
    let mut limits = Limits::default();
    limits.budget = Budget::Units(1_000_000);
    let sandbox = Sandbox::new(1, limits).unwrap();
    let plugin = Plugin::from_bytes(&sandbox, "guest.wasm", bytes).unwrap();
    let data = Dataset::bundled().unwrap();
    audit(&Strategy::from(plugin), &data, &Params::new(), &Options::default(), &mut |_| true).unwrap()
}

const LOOP: &str = "(loop $l (br $l)) (unreachable)";

#[test]
fn a_strategy_that_loops_is_given_up() {
    check_given_up(&audit_briefly(guest("(i32.const 128)", LOOP)), "1 answer used up the limits of a task");
    check_given_up(&audit_briefly(parameterised(LOOP, 5, Some(50.0))), "3 answers used up the limits of a task");
    check_given_up(&audit_briefly(events_guest(&[("on-bar", LOOP)], "")), "1 answer used up the limits of a task");
}

#[test]
fn a_strategy_that_loops_on_shorter_data_is_given_up_late() {
    // The length of the first series' times is at 12 of the list of series, whose address and length are the arguments.
    let kept = "(i32.store (i32.const 8300) (i32.load (i32.add (local.get 0) (i32.const 12)))) (i32.const 128)";
    let evaluate =
        format!("(if (i32.lt_u (i32.load (i32.const 8300)) (i32.const 7983)) (then {LOOP})) (i32.const 128)");
    check_given_up(&audit_briefly(guest(kept, &evaluate)), "12 answers used up the limits of a task");
}

#[test]
fn a_strategy_of_which_some_combinations_loop_is_decided_by_the_others() {
    // Above its default, `n` loops; holds one unit from bar 3 on otherwise.
    let evaluate = format!(
        "(if (i64.eq (i64.load (i32.add (local.get 0) (i32.const 16))) (i64.const 7)) (then {LOOP}))
         (i32.store (i32.const 8192) (i32.const 3)) (f64.store (i32.const 8208) (f64.const 1))
         (i32.store (i32.const 4100) (i32.const 8192)) (i32.store (i32.const 4104) (i32.const 1))
         (i32.store (i32.const 4108) (i32.const 8200)) (i32.store (i32.const 4112) (i32.const 1))
         (i32.store (i32.const 4116) (i32.const 8208)) (i32.store (i32.const 4120) (i32.const 1)) (i32.const 4096)"
    );
    let mut report = audit_briefly(parameterised(&evaluate, 5, Some(9.0)));
    assert_eq!(report.ended.take(), None);
    assert!(report.is_decided() && report.answered > 0, "{:?}", report.checks);
}

#[test]
fn a_check_ends_after_its_time_and_says_so() {
    let mut options = Options::quick();
    options.total = Some(Duration::from_millis(1));
    let strategy = Strategy::native("slow", vec![], |_, _| Ok(host::model::Targets::default()));
    let report = audit(&strategy, &Dataset::bundled().unwrap(), &Params::new(), &options, &mut |_| {
        std::thread::yield_now();
        true
    });
    let report = report.unwrap();
    assert!(!report.is_decided() && report.is_clean());
    let run = host("check --plugin momentum --quick --total-timeout 0");
    assert!(run.err.contains("--total-timeout"), "{}", run.err);
}
