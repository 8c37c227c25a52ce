//! The account: options, old flags, files and profiles, and which of them wins.

use std::fs;

use host::{broker::Rule, cli::Exit};
use serde_json::{Value, json};

use crate::support::{Folder, Run, check_refused, host};

/// Bars of a price that swings, with wide ranges and gaps.
fn bars(folder: &Folder) -> String {
    let row = |day: u32| {
        let price = |at: u32| 100.0 + 9.0 * (f64::from(at) / 5.0).sin() + 2.9 * f64::from(at * at % 11);
        let (open, close) = (price(day), price(day) + 1.3 * f64::from(day % 3) - 1.0);
        let (high, low) = (open.max(close) + 2.7, open.min(close) - 2.3);
        format!("2024-{:02}-{:02},{open},{high},{low},{close},1000\n", day / 28 + 1, day % 28 + 1)
    };
    let rows: String = (0..240).map(row).collect();
    folder.file("bars.csv", format!("Date,Open,High,Low,Close,Volume\n{rows}"))
}

/// Runs `bracket` with `options`; returns the run, and the account as the header of its trace has it.
fn run(folder: &Folder, options: &str) -> (Run, Value) {
    let (data, trace) = (bars(folder), folder.path("trace.jsonl"));
    let command = format!("backtest --plugin bracket --data {data} --format json --trace {}", trace.display());
    let run = host(&format!("{command} {options}"));
    assert_eq!(run.exit, Exit::Success, "{options}: {}", run.err);
    let text = fs::read_to_string(trace).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    (run, header["account"].clone())
}

/// Asserts that two ways to ask for an account come to the same one, and to the same results; returns what the first says.
fn check_same(one: &str, other: &str) -> String {
    let folder = Folder::new();
    let ((first, account), (second, same)) = (run(&folder, one), run(&folder, other));
    assert_eq!(account, same, "{one}\n{other}");
    assert_eq!(first.out, second.out, "{one}\n{other}");
    first.err
}

#[test]
fn every_rule_that_had_a_flag_is_chosen_by_it_as_by_its_new_spelling() {
    let folder = Folder::new();
    let (_, plain) = run(&folder, "");
    let flagged = [
        "intrabar",
        "limits",
        "gaps",
        "trailing",
        "exits",
        "priority",
        "missing",
        "at_end",
        "lot_rounding",
        "tick_rounding",
        "booking",
        "ruin",
        "funds",
    ];
    for name in flagged {
        let rule = Rule::find(name).unwrap();
        let choice = rule.choices.last().unwrap().name;
        let old = format!("--{} {choice}", name.replace('_', "-"));
        let new = format!("--rule {name}={choice}");
        let ((old_run, old_account), (new_run, new_account)) = (run(&folder, &old), run(&folder, &new));
        assert_eq!((old_run.out, &old_account), (new_run.out, &new_account), "{old}");
        assert_eq!(new_account["rules"][name], choice);
        assert_ne!(new_account, plain, "{choice} is not the default of {name}");
        assert!(old_run.err.contains(&format!("note: `{old}` is now `{new}`\n")), "{}", old_run.err);
        assert!(!new_run.err.contains("is now"), "{}", new_run.err);
    }
}

#[test]
fn an_old_flag_works_with_an_equals_sign_and_is_quiet_if_asked_to() {
    let said = check_same("--gaps=stop --at-end=close", "--rule gaps=stop --rule at-end=close");
    assert!(said.contains("note: `--gaps stop` is now `--rule gaps=stop`\nnote: `--at-end close` is now"), "{said}");
    let quiet = host("backtest --gaps stop --quiet --format json");
    assert_eq!((quiet.exit, quiet.err.as_str()), (Exit::Success, ""));
    check_refused("backtest --gaps stp", &["--gaps", "`stp` is not a gap rule; give one of `open`, `stop`"]);
}

#[test]
fn the_flag_of_sizes_with_costs_names_the_key_of_a_file() {
    let folder = Folder::new();
    let file = folder.file("account.toml", "sizing_includes_costs = true\ncommission_bps = 30");
    let said = check_same("--sizing-includes-costs --commission 30", &format!("--account {file}"));
    assert!(said.contains("`--sizing-includes-costs` is now `sizing_includes_costs = true` in the file"), "{said}");
}

#[test]
fn the_old_option_of_a_trace_writes_the_same_file_and_names_the_new_one() {
    let folder = Folder::new();
    let (data, old, new) = (bars(&folder), folder.path("old.jsonl"), folder.path("new.jsonl"));
    let command = format!("backtest --plugin bracket --data {data} --format json");
    let old_run = host(&format!("{command} --events {}", old.display()));
    let new_run = host(&format!("{command} --trace {}", new.display()));
    assert_eq!((old_run.exit, old_run.out), (new_run.exit, new_run.out));
    assert_eq!(fs::read(&old).unwrap(), fs::read(&new).unwrap());
    let note = format!("note: `--events {0}` is now `--trace {0}`", old.display());
    assert!(old_run.err.contains(&note), "{}", old_run.err);
    assert!(!new_run.err.contains("is now"), "{}", new_run.err);
    check_refused(&format!("{command} --events a.jsonl --trace b.jsonl"), &["--events", "--trace"]);
}

const TOML: &str = "initial_cash = 5000\nfill = 'close'\nsizing = 'cash:2000'\ncommission_bps = 5\n\
    commission_maker_bps = 1\ncommission_per_unit = 0.01\ncommission_per_order = 1\ncommission_minimum = 2\n\
    commission_maximum = 40\nslippage_bps = 3\nslippage_ticks = 1\nslippage_impact = 0.1\nvolume_share = 0.5\nlot = 0.5\n\
    tick = 0.01\nmultiplier = 2\ninitial_margin = 0.5\nmaintenance_margin = 0.25\nborrow_rate = 0.03\nfirst_bar = 3\nmode = 'events'\n\
    periods_per_year = 252\nrisk_free = 0.02\n[rules]\nintrabar = 'optimistic'\nlimits = 'touch'\nat_end = 'close'\n";

const OPTIONS: &str = "--cash 5000 --fill close --sizing cash:2000 --commission 5 --commission-maker 1 \
    --commission-per-unit 0.01 --commission-per-order 1 --commission-min 2 --commission-max 40 --slippage 3 \
    --slippage-ticks 1 --slippage-impact 0.1 --volume-share 0.5 --lot 0.5 --tick 0.01 --multiplier 2 --initial-margin 0.5 \
    --maintenance-margin 0.25 --borrow-rate 0.03 --first-bar 3 --mode events --periods-per-year 252 --risk-free 0.02 \
    --rule intrabar=optimistic --rule limits=touch --rule at_end=close";

#[test]
fn a_file_comes_to_the_same_as_options() {
    let folder = Folder::new();
    let toml = folder.file("account.toml", TOML);
    check_same(&format!("--account {toml}"), OPTIONS);
    let value: Value = toml::from_str(TOML).unwrap();
    let json = folder.file("account.json", value.to_string());
    check_same(&format!("--account {json}"), OPTIONS);
}

#[test]
fn the_account_of_a_trace_can_be_given_back() {
    let folder = Folder::new();
    let (first, account) = run(&folder, OPTIONS);
    let file = folder.file("back.json", account.to_string());
    let (second, same) = run(&folder, &format!("--account {file} --periods-per-year 252 --risk-free 0.02"));
    assert_eq!((first.out, account), (second.out, same));
}

#[test]
fn options_win_over_the_file_and_explicit_settings_over_any_profile() {
    let folder = Folder::new();
    let file = folder.file("a.toml", "profile = 'backtesting.py'\ninitial_cash = 5000\n[rules]\nruin = 'keep'\n");
    let account = |options: &str| run(&folder, &format!("--account {file} {options}")).1;
    let plain = account("");
    assert_eq!((&plain["initial_cash"], &plain["lot"]), (&json!(5000.0), &json!(1.0)));
    assert_eq!((&plain["rules"]["intrabar"], &plain["rules"]["ruin"]), (&json!("stops-first"), &json!("keep")));
    let typed = account("--cash 7000 --lot 2 --rule ruin=trade-on --rule intrabar=ohlc");
    assert_eq!((&typed["initial_cash"], &typed["lot"]), (&json!(7000.0), &json!(2.0)));
    assert_eq!((&typed["rules"]["intrabar"], &typed["rules"]["ruin"]), (&json!("ohlc"), &json!("trade-on")));
    let other = account("--profile vectorbt");
    assert_eq!((&other["lot"], &other["rules"]["funds"]), (&Value::Null, &json!("cash")));
    assert_eq!((&other["rules"]["ruin"], &other["rules"]["booking"]), (&json!("keep"), &json!("fill")));
}

#[test]
fn the_time_between_bars_is_for_the_statistics_of_vectorbt() {
    let folder = Folder::new();
    let data = bars(&folder);
    let sharpe = |options: &str| {
        let run = host(&format!("backtest --plugin bracket --data {data} --format json --profile vectorbt {options}"));
        let report: Value = serde_json::from_str(&run.out).unwrap();
        report["statistics"]["Sharpe Ratio"].as_f64().unwrap()
    };
    let (daily, monthly) = (sharpe(""), sharpe("--freq 30D"));
    assert!((daily - monthly * 30f64.sqrt()).abs() < 1e-12, "{daily} {monthly}");
    let file = folder.file("a.toml", "freq = '30D'");
    assert_eq!(sharpe(&format!("--account {file}")), monthly);
    check_refused("backtest --freq 30D", &["`freq` is 30D, which only the statistics of `--profile vectorbt` use"]);
    check_refused("backtest --profile backtesting.py --freq 30D", &["leave `freq` out"]);
    check_refused("backtest --profile vectorbt --freq 5m", &["`5m` is not a time between bars", "`min`", "`30D`"]);
}

#[test]
fn the_first_bar_to_act_is_an_option_and_a_profile_has_its_own() {
    let folder = Folder::new();
    let first = |options: &str| run(&folder, options).1["first_bar"].clone();
    assert_eq!((first(""), first("--first-bar 30")), (json!(0), json!(30)));
    assert_eq!(first("--profile backtesting.py"), json!(1), "there a strategy never acts on the first bar");
    assert_eq!(first("--profile backtesting.py --first-bar 0"), json!(0));
    assert_eq!(first("--profile backtesting.py --first-bar 30"), json!(30));
    let data = bars(&folder);
    check_refused(
        &format!("backtest --plugin bracket --data {data} --first-bar 240"),
        &["`first_bar` is 240", "240 bars"],
    );
    let file = folder.file("a.toml", "first_bar = 2.5");
    check_refused(&format!("backtest --account {file}"), &["`first_bar`: 2.5 is not a whole number of 0 or more"]);
}

#[test]
fn a_sweep_a_comparison_and_a_backtest_take_the_same_file() {
    let folder = Folder::new();
    let (data, file) = (bars(&folder), folder.file("a.toml", "commission_bps = 40\nmode = 'events'\n"));
    for command in
        ["sweep --plugin bracket --param stop_loss=0.02,0.05", "compare --plugin bracket", "backtest --plugin bracket"]
    {
        let by = |options: &str| host(&format!("{command} --data {data} --quiet --format json {options}"));
        let (file, options, plain) = (by(&format!("--account {file}")), by("--commission 40 --mode events"), by(""));
        assert_eq!(file.exit, Exit::Success, "{command}: {}", file.err);
        let without_time = |run: &Run| {
            let mut json: Value = serde_json::from_str(&run.out).unwrap();
            strip(&mut json);
            json
        };
        assert_eq!(without_time(&file), without_time(&options), "{command}");
        assert_ne!(without_time(&file), without_time(&plain), "{command}");
    }
}

/// Removes what differs from run to run.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| name != "execution_time" && name != "worker_id");
            members.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

#[test]
fn what_is_wrong_in_a_file_or_a_rule_is_named_with_the_way_out() {
    let folder = Folder::new();
    let check = |text: &str, words: &[&str]| {
        let file = folder.file("account.toml", text);
        let words = [&["account.toml`: "], words].concat();
        check_refused(&format!("sweep --account {file}"), &words);
    };
    check("comission_bps = 5", &["unknown key `comission_bps`; did you mean `commission_bps`? (line 1)"]);
    check("cash = 5", &["unknown key `cash`; did you mean `initial_cash`?"]);
    check("[rules]\ngap = 'stop'", &["unknown rule `gap`; did you mean `gaps`? (line 2)"]);
    check(
        "[rules]\ngaps = 'stp'",
        &["`rules.gaps`: `stp` is not a gap rule; give one of `open`, `stop`, `exits-open`"],
    );
    check("lot = 'one'", &["`lot`: `one` is not a number"]);
    check("lot = 1\nlot = 2", &["duplicate key"]);
    check("lot", &["(line 1)"]);
    let negative = folder.file("negative.toml", "initial_cash = -1");
    check_refused(&format!("sweep --account {negative}"), &["`initial_cash` is -1; give a finite number above 0"]);
    check_refused("sweep --account no/such.toml", &["cannot read account file `no/such.toml`"]);
    check_refused("serve --plugins . --account account.yaml", &["`account.yaml`", ".toml", ".json"]);
    check_refused("watch --plugin a.wasm --param a=1 --account no/such.json", &["no/such.json"]);
    check_refused("sweep --rule gap=stop", &["unknown rule `gap`; did you mean `gaps`?"]);
    check_refused("sweep --rule gaps", &["`` is not a gap rule", "`exits-open`"]);
    check_refused("sweep --rule gaps=open --rule gaps=stop", &["gives `gaps` a second time"]);
    check_refused("sweep --rule gaps=open --gaps stop", &["gives `gaps` a second time"]);
}

#[test]
fn a_trace_is_not_written_over_the_account() {
    let folder = Folder::new();
    let file = folder.file("a.toml", "lot = 1");
    check_refused(&format!("backtest --account {file} --trace {file}"), &["a.toml` is also read"]);
    assert_eq!(fs::read_to_string(file).unwrap(), "lot = 1");
}

#[test]
fn rules_lists_every_choice_and_every_key_of_a_file() {
    let table = host("rules");
    assert_eq!((table.exit, table.err.as_str()), (Exit::Success, ""));
    let json: Value = serde_json::from_str(&host("rules --format json").out).unwrap();
    for (rule, listed) in Rule::ALL.iter().zip(json["rules"].as_array().unwrap()) {
        assert_eq!((&listed["name"], &listed["default"]), (&json!(rule.name), &json!(rule.default_choice())));
        let choices: Vec<_> = listed["choices"].as_array().unwrap().iter().map(|choice| &choice["name"]).collect();
        assert_eq!(choices, rule.choices.iter().map(|choice| choice.name).collect::<Vec<_>>());
        let words = rule.choices.iter().flat_map(|choice| [choice.name, choice.meaning]);
        for word in words.chain([rule.name, rule.meaning]) {
            assert!(table.out.contains(word), "`{word}` is not in:\n{}", table.out);
        }
    }
    let keys = json["settings"].as_array().unwrap();
    for name in ["profile", "mode", "risk_free", "initial_cash", "borrow_rate"] {
        assert!(keys.iter().any(|key| key["name"] == name) && table.out.contains(name), "{name}");
    }
    let vectorbt = &json["profiles"]["vectorbt"]["next-open"];
    assert_eq!(vectorbt, &json!({ "rules": { "limits": "touch", "ruin": "trade-on", "funds": "cash" } }));
    assert_eq!(json["profiles"]["backtesting.py"]["close"]["rules"]["gaps"], "exits-open");
    assert_eq!(json["profiles"]["backtesting.py"]["next-open"]["lot"], 1.0);
}

#[test]
fn common_options_are_in_the_short_help_and_old_ones_in_none() {
    for command in ["sweep", "watch", "compare", "backtest", "serve"] {
        let (short, long) = (host(&format!("{command} -h")), host(&format!("{command} --help")));
        assert_eq!((short.exit, long.exit), (Exit::Success, Exit::Success));
        for option in ["--account", "--rule", "--profile", "--fill", "--sizing", "--cash", "--commission"] {
            assert!(short.out.contains(&format!("{option} <")), "{command} {option}");
        }
        assert!(!short.out.contains("--borrow-rate") && long.out.contains("--borrow-rate"));
        for old in ["--gaps", "--intrabar", "--limits", "--funds", "--sizing-includes-costs", "--events", "--fork "] {
            assert!(!short.out.contains(old) && !long.out.contains(old), "{command} {old}");
        }
        assert!(short.out.contains(&format!("`host {command} --help` lists all options")));
        assert_eq!(host(&format!("help {command}")).out, long.out);
    }
}
