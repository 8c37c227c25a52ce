//! The command line as its users meet it: standard output, standard error, exit codes.

use std::{fs, path::Path};

use host::{
    cli::{self, Exit, Interrupt, Terminal},
    metrics::{Metrics, Selection},
};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
};
use serde_json::Value;

use crate::support::{Folder, check_refused, host, rows_of};

/// The rows of a Parquet file, likewise.
fn packed_rows_of(path: &Path) -> Vec<Vec<(String, Field)>> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let timed = |name: &str| name == "execution_time" || name == "worker_id";
    let cells = |row: Row| {
        let kept = row.get_column_iter().filter(|(name, _)| !timed(name));
        kept.map(|(name, field)| (name.clone(), field.clone())).collect()
    };
    reader.get_row_iter(None).unwrap().map(|row| cells(row.unwrap())).collect()
}

const FAULTY: &str = "--plugin tests/plugins/faulty/faulty.wasm --timeout 3 --memory 64";

#[test]
fn without_arguments_a_sweep_takes_what_is_bundled_and_says_so() {
    let run = host("sweep --sample 12 --format json");
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    for word in ["the bundled `momentum`", "the bundled one of `momentum`", "the bundled MSFT", "252 (daily bars"] {
        assert!(run.err.contains(word), "`{word}` is not in: {}", run.err);
    }
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&json["format"], &json["combinations"]), (&2.into(), &12.into()));
    let sharpes: Vec<_> =
        json["ranking"].as_array().unwrap().iter().map(|row| row["sharpe"].as_f64().unwrap()).collect();
    assert_eq!(sharpes.len(), 10);
    assert!(sharpes.is_sorted_by(|a, b| a >= b));
}

#[test]
fn six_faulty_cells_of_a_hundred_cost_the_others_nothing() {
    let folder = Folder::new();
    let fine: Vec<_> = (0..94).collect();
    let faults = r#""panic","loop","memory","recurse","unsorted","refuse""#;
    // Zipped: the first 94 cells are fine, and each of the last six has a fault of its own.
    let behaviours = format!("{}{faults}", r#""fine","#.repeat(94));
    let seeds: Vec<_> = (0..100).collect();
    let mixed = folder.file(
        "mixed.json",
        format!(
            r#"{{"parameters": {{"behaviour": [{behaviours}], "seed": {seeds:?}}}, "zip": [["behaviour", "seed"]]}}"#
        ),
    );
    let good = folder.file("good.json", format!(r#"{{"parameters": {{"behaviour": "fine", "seed": {fine:?}}}}}"#));
    let (mixed_out, good_out) = (folder.path("mixed.csv"), folder.path("good.csv"));

    let run = host(&format!("sweep {FAULTY} --grid {mixed} --format json --out {}", mixed_out.display()));
    assert_eq!(run.exit, Exit::SomeFailed, "{}", run.err);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["succeeded"], 94);
    let failures: Vec<_> =
        json["failures"].as_array().unwrap().iter().map(|f| f["error_kind"].as_str().unwrap()).collect();
    assert_eq!(failures, ["invalid-params", "panic", "trap", "out-of-budget", "out-of-memory", "bad-output"]);
    for word in [
        "seed 99 does not go with behaviour refuse",
        "this cell was told to panic, seed 94",
        "stack overflow",
        "descend",
        "units (`--budget` sets the limit)",
        "the limit is 64 MiB",
        "does not come after the target before it",
    ] {
        assert!(run.err.contains(word), "`{word}` is not in: {}", run.err);
    }

    let alone = host(&format!("sweep {FAULTY} --grid {good} --out {}", good_out.display()));
    assert_eq!(alone.exit, Exit::Success, "{}", alone.err);
    assert_eq!(rows_of(&mixed_out)[..94], rows_of(&good_out));
}

#[test]
fn no_success_has_an_exit_code_of_its_own() {
    let run = host(&format!("sweep {FAULTY} --param behaviour=refuse,fail"));
    assert_eq!((run.exit, run.exit.code()), (Exit::NoneSucceeded, 11), "{}", run.err);
}

#[test]
fn one_worker_and_two_write_the_same_bytes() {
    let folder = Folder::new();
    let out = |workers: u32, format: &str| {
        let out = folder.path(&format!("{workers}.{format}"));
        let run = host(&format!("sweep --sample 60 --workers {workers} --out {}", out.display()));
        assert_eq!(run.exit, Exit::Success, "{}", run.err);
        out
    };
    assert_eq!(rows_of(&out(1, "csv")), rows_of(&out(2, "csv")));
    let rows = packed_rows_of(&out(1, "parquet"));
    assert!(!rows.is_empty());
    assert_eq!(rows, packed_rows_of(&out(2, "parquet")));
}

#[test]
fn several_files_are_several_instruments_of_one_account() {
    let folder = Folder::new();
    // B has no bar on the second day, and one more at the end.
    let bars = |days: &[(u32, f64)]| {
        let line = |(day, price): &(u32, f64)| format!("2024-01-{day:02},{price},{price},{price},{price}\n");
        format!("date,open,high,low,close\n{}", days.iter().map(line).collect::<String>())
    };
    let a = folder.file("A.csv", bars(&[(1, 10.0), (2, 11.0), (3, 12.0), (4, 12.0)]));
    let b = folder.file("B.csv", bars(&[(1, 10.0), (3, 20.0), (4, 20.0), (5, 30.0)]));
    let trades = folder.path("trades.csv");
    let run = host(&format!(
        "backtest --param lookback=1 --data {a} {b} --periods-per-year 252 --trades {} --format json",
        trades.display()
    ));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    // Each gets half of the equity at the open after its rise: A on the 3rd, B on the 4th.
    let rows = rows_of(&trades);
    let entries: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[2].as_str())).collect();
    assert_eq!(entries, [("B", "2024-01-04"), ("A", "2024-01-03")]);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    // A: bought and marked at 12. B: 5,000 bought at 20, sold at 30 on the day after the price stood still.
    assert_eq!(json["metrics"]["final_equity"], 12_500.0);
}

#[test]
fn a_grid_of_a_trillion_cells_runs_a_sample_of_it() {
    let grid = "--param seed=1..1000000000000:1 --sample 100";
    let run = host(&format!("sweep {FAULTY} {grid} --format json"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["combinations"], 100);
}

#[test]
fn requirements_keep_cells_out_of_the_ranking_and_in_the_count() {
    let run = host("sweep --param lookback=5,2000 --require trades>=500 --format json");
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&json["combinations"], &json["requirements_not_met"]), (&2.into(), &1.into()), "{}", run.err);
    assert_eq!(json["ranking"].as_array().unwrap().len(), 1);
}

#[test]
fn strategies_stand_side_by_side_with_their_own_parameters() {
    let run = host("compare --param momentum.lookback=60 --param slow=100 --format json");
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let params: Vec<_> = json["results"].as_array().unwrap().iter().map(|row| &row["params"]).collect();
    assert_eq!(params.len(), 4);
    assert_eq!((&params[0]["lookback"], &params[1]["slow"]), (&60.into(), &100.into()), "{params:?}");
}

#[test]
fn files_have_the_metrics_that_were_asked_for_and_no_others() {
    let folder = Folder::new();
    let columns = |args: &str| {
        let out = folder.path("out.csv");
        let run = host(&format!("{args} --out {}", out.display()));
        assert_eq!(run.exit, Exit::Success, "{}", run.err);
        let header: Vec<_> =
            csv::Reader::from_path(&out).unwrap().headers().unwrap().iter().map(str::to_owned).collect();
        let metrics: Vec<_> = header.into_iter().filter(|name| Metrics::info(name).is_some()).collect();
        (metrics.join(" "), run)
    };
    let sweep = "sweep --param lookback=5,500 --quiet";
    let (all, _) = columns(sweep);
    assert_eq!(all.split(' ').count(), Selection::all().names().count());
    let args = format!("{sweep} --metrics omega,cagr --objective sortino --require trades>=1");
    let (chosen, run) = columns(&args);
    assert_eq!(chosen, "sortino omega cagr trades");
    let head = run.out.lines().next().unwrap();
    assert_eq!(head.split_whitespace().collect::<Vec<_>>(), ["rank", "lookback", "sortino", "omega", "cagr"]);
    let (compared, _) = columns("compare --plugin momentum --metrics turnover --quiet");
    assert_eq!(compared, "sharpe turnover");
    check_refused("sweep --param lookback=5 --metrics sharp", &["unknown metric `sharp`; did you mean `sharpe`?"]);
}

#[test]
fn a_table_has_the_numbers_of_all_metrics() {
    let run = |options: &str| host(&format!("sweep --param lookback=20..60:20 --quiet {options}"));
    assert_eq!(run("").out, run("--metrics all").out);
}

#[test]
fn a_backtest_fits_one_screen_and_the_full_one_has_every_metric() {
    let short = host("backtest sma_cross --benchmark hold");
    let lines = short.out.lines().count();
    assert!((20..=40).contains(&lines) && short.out.contains("excess_return"), "{lines} lines: {}", short.out);
    assert!(short.err.contains("`--full` shows all metrics"), "{}", short.err);
    let full = host("backtest sma_cross --full --quiet");
    assert!(Metrics::FIELDS.iter().all(|info| full.out.contains(info.name) && full.out.contains(info.doc)));
    assert!(full.out.contains("worst drawdowns") && full.out.contains("excursions of trades"), "{}", full.out);
}

#[test]
fn shares_are_shown_in_percent_and_conditions_take_them_so() {
    let sweep = |more: &str| host(&format!("sweep sma_cross --param fast=5..20:5 --param slow=50,100 {more}"));
    let table = sweep("--quiet --objective max_drawdown").out;
    let shown: Vec<_> = table.lines().skip(2).map(|row| row.split_whitespace().nth(3).unwrap().to_owned()).collect();
    assert!(shown.len() == 8 && table.lines().nth(2).unwrap().contains(" % "), "{table}");
    let middle = &shown[3];
    let kept = sweep(&format!("--quiet --objective max_drawdown --require max_drawdown>={middle}%")).out;
    assert!((2 + 3..=2 + 4).contains(&kept.lines().count()), "{middle}: {kept}");
    let json: Value = serde_json::from_str(&sweep("--format json --quiet").out).unwrap();
    let drawdown = json["ranking"][0]["max_drawdown"].as_f64().unwrap();
    assert!((-1.0..0.0).contains(&drawdown), "{drawdown}");
}

#[test]
fn rows_go_to_standard_output_with_nothing_beside_them() {
    let folder = Folder::new();
    let sweep = "sweep sma_cross --param fast=5,10,20 --param slow=50";
    for format in ["csv", "jsonl"] {
        let file = folder.path(&format!("rows.{format}"));
        host(&format!("{sweep} --quiet --out {}", file.display()));
        let run = host(&format!("{sweep} --out - --format {format}"));
        assert_eq!((run.exit, run.out), (Exit::Success, fs::read_to_string(&file).unwrap()), "{format}");
        assert!(run.err.contains("wrote standard output: 3 rows"), "{}", run.err);
    }
    assert_eq!(host(&format!("{sweep} --out - --quiet")).out, host(&format!("{sweep} --out - --format csv -q")).out);
    let ranking = host(&format!("{sweep} --top 2 --format csv --quiet"));
    let lines: Vec<_> = ranking.out.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("rank,fast,slow,sharpe,total_return"), "{}", ranking.out);
    let metrics = host("backtest sma_cross --format csv --quiet").out;
    assert!(metrics.starts_with("metric,value,unit\nsharpe,0.66"), "{metrics}");
    assert_eq!(metrics.lines().count(), 1 + Metrics::FIELDS.len());
    let trades = host("backtest sma_cross --trades - --quiet").out;
    assert!(trades.starts_with("symbol,units,entry_time") && trades.lines().count() > 80, "{trades}");
    let packed = folder.path("rows.parquet");
    host(&format!("{sweep} --quiet --out {}", packed.display()));
    let words = format!("host {sweep} --out - --format parquet --quiet --no-cache");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = words.split_whitespace().map(Into::into);
    cli::run(words, &mut out, &mut err, Terminal::default(), &Interrupt::default());
    assert!(out == fs::read(packed).unwrap(), "{} bytes, {}", out.len(), String::from_utf8_lossy(&err));
}

#[test]
fn what_standard_output_cannot_take_is_refused() {
    check_refused(
        "backtest --trades - --equity -",
        &["`--trades -` and `--equity -` would both go to standard output"],
    );
    check_refused("sweep --param lookback=5 --out - --format json", &["`--out -` writes rows", "`--format csv`"]);
    check_refused("watch --plugin a.wasm --param lookback=5 --out -", &["`host watch` writes its rows anew"]);
}

#[test]
fn a_plugin_needs_no_option_and_is_given_once() {
    let by_name = host("sweep -p sma_cross --param fast=5,10 --param slow=50 -j 1 --quiet");
    let by_place = host("sweep sma_cross --param fast=5,10 --param slow=50 --quiet");
    assert_eq!((by_name.exit, &by_name.out), (Exit::Success, &by_place.out));
    let compared = host("compare sma_cross momentum --quiet");
    assert_eq!(compared.out, host("compare -p sma_cross -p momentum --quiet").out);
    check_refused("backtest sma_cross --plugin momentum", &["[PLUGIN]", "cannot be used with '--plugin"]);
    check_refused("run --tasks none.json", &["required"]);
}

#[test]
fn a_backtest_writes_its_trades_and_its_equity() {
    let folder = Folder::new();
    let (trades, equity) = (folder.path("trades.csv"), folder.path("equity.csv"));
    let args = format!("--param lookback=60 --trades {} --equity {}", trades.display(), equity.display());
    let run = host(&format!("backtest {args} --format json"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let count = |name: &str| json["metrics"][name].as_f64().unwrap();
    assert_eq!(rows_of(&trades).len() as f64, count("trades") + count("open_trades"));
    let equity = rows_of(&equity);
    assert_eq!(equity.len(), 7983);
    assert_eq!(equity[7982][1].parse::<f64>().unwrap(), count("final_equity"));
}

#[test]
fn custom_tasks_keep_their_names_and_their_order() {
    let folder = Folder::new();
    let tasks = folder.file(
        "tasks.json",
        r#"[{"task_id": "b", "params": {"samples": 50}}, {"task_id": "a"}, {"task_id": "c", "params": {"samples": -1}}]"#,
    );
    let run = host(&format!("run --plugin bootstrap --tasks {tasks} --format json"));
    assert_eq!(run.exit, Exit::SomeFailed, "{}", run.err);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let rows = json["results"].as_array().unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row["task_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["b", "a", "c"]);
    let answer: Value = serde_json::from_str(rows[0]["result"].as_str().unwrap()).unwrap();
    assert!(answer["low"].as_f64() < answer["mean"].as_f64() && answer["mean"].as_f64() < answer["high"].as_f64());
    assert_eq!(rows[2]["error_kind"], "invalid-params");
}

#[test]
fn a_plugin_is_described_in_full() {
    let run = host("inspect momentum --format json");
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&json["forking"], &json["description"]["name"]), (&"copy-on-write".into(), &"momentum".into()));
    assert_eq!(json["events"], "bars are told inside the sandbox");
    let imports: Vec<_> = json["imports"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(imports.iter().all(|name| name.starts_with("backtest:strategy/")), "{imports:?}");
}

#[test]
fn files_that_are_no_plugin_are_refused_by_what_they_are() {
    let folder = Folder::new();
    let check = |file: &str, words: &[&str]| check_refused(&format!("sweep --plugin {file} --param x=1"), words);
    check("no/such.wasm", &["unknown plugin `no/such.wasm`", "momentum, sma_cross"]);
    check("plugins", &["`plugins` is a directory"]);
    check(&folder.file("empty.wasm", ""), &["empty.wasm` is empty"]);
    check(&folder.file("text.wasm", "(component)"), &["is not WebAssembly", "(component)"]);
    check(&folder.file("core.wasm", b"\0asm\x01\0\0\0"), &["is a core WebAssembly module", "host pack"]);
    check(&folder.file("other.wasm", wat::parse_str("(component)").unwrap()), &["does not export", "metadata@0.1.0"]);
    check_refused("sweep --plugin bootstrap --param samples=5", &["exports neither", "host run"]);
}

#[test]
fn bad_grids_are_refused_before_anything_runs() {
    let folder = Folder::new();
    let check = |args: &str, words: &[&str]| check_refused(&format!("sweep {args}"), words);
    check("--param lokback=5", &["`lokback`", "`lookback`, `threshold`, `short`"]);
    check("--param lookback=abc", &["`lookback`", "abc"]);
    check("--param lookback=0", &["`lookback`", "from 1 to 2000"]);
    check("--param lookback=5..50:0", &["`lookback`", "step of 0"]);
    let empty = folder.file("empty.json", r#"{"lookback": []}"#);
    check(&format!("--grid {empty}"), &["`lookback`"]);
    check("--param lookback=5..50:5 --where lookback>100", &["lookback"]);
    check("--param lookback=5 --where lookbak>1", &["lookbak"]);
    check("--param lookback=5 --require tradess>1", &["`tradess`", "did you mean `trades`?"]);
    check("--param lookback=5 --objective shape", &["`shape`", "did you mean `sharpe`?"]);
    check("--grid no/such.json", &["no/such.json"]);
    check("--plugin sma_cross", &["`fast`, `slow`", "--grid"]);
}

#[test]
fn bad_data_settings_and_outputs_are_refused_before_anything_runs() {
    let folder = Folder::new();
    let check = |args: &str, words: &[&str]| check_refused(&format!("sweep --param lookback=5 {args}"), words);
    check("--workers 0", &["0 workers"]);
    check("--timeout 0", &["`timeout` is 0"]);
    check("--memory 0", &["`memory` is 0"]);
    check("--cash 0", &["initial_cash"]);
    check("--sizing lots:1", &["lots:1", "units:N"]);
    check("--periods-per-year 0", &["periods_per_year"]);
    check("--out no/such/folder/out.csv", &["no/such/folder"]);
    check("--out out.xlsx", &["out.xlsx", ".parquet"]);
    check("--data no/such.csv", &["no/such.csv"]);
    let bars = folder.file("bars.csv", "Date,Open,High,Low,Close\n2020-01-01,1,2,1,1\n");
    check(&format!("--data {bars} --out {bars}"), &["bars.csv` is also read"]);
    let nan = folder.file("nan.csv", "Date,Open,High,Low,Close\n2020-01-01,1,2,1,1\n2020-01-02,1,NaN,1,1\n");
    check(&format!("--data {nan}"), &["nan.csv", "NaN", "--drop-bad"]);
}

#[test]
fn help_and_completions_go_to_standard_output() {
    let help = host("sweep --help");
    assert_eq!(help.exit, Exit::Success);
    assert!(help.out.contains("--objective") && help.err.is_empty());
    assert!(host("--help").out.contains("130  interrupted"));
    assert!(host("completions bash").out.contains("_host"));
    assert_eq!(host("swep").exit, Exit::BadInput);
}

#[test]
fn bounds_show_both_extremes_of_what_is_ranked_and_refuse_what_has_none() {
    let tight = "--plugin bracket --param stop_loss=0.02 --param take_profit=0.03";
    let sweep = host(&format!("sweep {tight} --bounds --quiet --format json"));
    let report: Value = serde_json::from_str(&sweep.out).unwrap_or_else(|error| panic!("{error}: {}", sweep.err));
    let interval = report["bounds"][0]["final_equity"].as_array().unwrap();
    assert!(interval[0].as_f64() < interval[1].as_f64(), "{interval:?}");
    let table = host(&format!("sweep {tight} --bounds --quiet"));
    assert!(table.out.contains("final_equity_low"), "{}", table.out);
    assert!(!table.out.contains(" - "), "every bound has a value: {}", table.out);
    let one = host(&format!("backtest {tight} --bounds --quiet"));
    assert!(one.out.contains("\nfinal equity: "), "{}", one.out);
    let none = host("backtest --plugin momentum --bounds");
    assert_eq!(none.exit, Exit::BadInput);
    assert!(none.err.contains("--mode events"), "{}", none.err);
}

#[test]
fn a_profile_shows_its_statistics_under_its_names() {
    let names = |profile: &str, name: &str| {
        let run = host(&format!("backtest --plugin sma_cross --mode events --profile {profile} --full --quiet"));
        assert!(run.out.contains(&format!("statistics of {profile}")) && run.out.contains(name), "{}", run.out);
    };
    names("backtesting.py", "Volatility (Ann.) [%]");
    names("vectorbt", "Max Gross Exposure [%]");
    assert_eq!(host("backtest --profile zipline").exit, Exit::BadInput);
}

#[test]
fn strategies_of_targets_and_of_orders_stand_side_by_side() {
    let both = host("compare --plugin bracket --plugin momentum --quiet --format json");
    let report: Value = serde_json::from_str(&both.out).unwrap_or_else(|error| panic!("{error}: {}", both.err));
    let rows = report["results"].as_array().unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row["success"] == true), "{report}");
    let refused = host("compare --plugin bracket --plugin momentum --mode signals");
    assert_eq!(refused.exit, Exit::BadInput);
    assert!(refused.err.contains("`bracket` does not export"), "{}", refused.err);
}

#[test]
fn no_file_is_read_without_an_end() {
    let folder = Folder::new();
    let zero = |ending: &str| {
        let path = folder.path(&format!("zero.{ending}"));
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        path.display().to_string()
    };
    let (wasm, json, toml, csv) = (zero("wasm"), zero("json"), zero("toml"), zero("csv"));
    let out = folder.path("out.wasm").display().to_string();
    for (args, limit) in [
        (format!("inspect {wasm}"), "128 MiB"),
        (format!("sweep --plugin {wasm}"), "128 MiB"),
        (format!("pack {wasm} --out {out}"), "128 MiB"),
        (format!("run --plugin bootstrap --tasks {json}"), "64 MiB"),
        (format!("sweep --grid {json}"), "64 MiB"),
        (format!("sweep --request {json}"), "64 MiB"),
        (format!("sweep --account {toml}"), "1 MiB"),
        (format!("sweep --instruments {toml}"), "64 MiB"),
        (format!("serve --plugins {} --token-file {json}", folder.path("").display()), "64 KiB"),
        (format!("replay {json} --plugin bracket"), "longer than"),
        (format!("sweep --data {csv}"), "is a device or a socket"),
    ] {
        check_refused(&args, &[limit]);
    }
    // A file that says how long it is, is not even begun.
    let long = folder.path("long.json");
    fs::File::create(&long).unwrap().set_len(1 << 40).unwrap();
    check_refused(
        &format!("run --plugin bootstrap --tasks {}", long.display()),
        &["64 MiB", "it has 1099511627776 bytes"],
    );
    let long = folder.path("long.csv");
    fs::File::create(&long).unwrap().set_len(10 << 30).unwrap();
    check_refused(&format!("sweep --data {}", long.display()), &["line 1: a row of more than 4 MiB"]);
}

#[test]
fn metrics_and_bundled_plugins_are_listed() {
    let metrics = host("metrics");
    assert_eq!(metrics.exit, Exit::Success);
    assert!(Metrics::FIELDS.iter().all(|info| metrics.out.contains(info.name)), "{}", metrics.out);
    let one: Value = serde_json::from_str(&host("metrics sortino --format json").out).unwrap();
    assert_eq!((&one["metrics"][0]["name"], one["metrics"].as_array().unwrap().len()), (&"sortino".into(), 1));
    check_refused("metrics sortin", &["did you mean `sortino`?"]);
    let plugins: Value = serde_json::from_str(&host("list --format json").out).unwrap();
    let names: Vec<_> =
        plugins["plugins"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, host::bundled::all());
    assert!(host("list").out.contains("fast="), "{}", host("list").out);
    check_refused("sweep --plugin sma_cros --param fast=5", &["did you mean `sma_cross`?"]);
    check_refused("sweep --plugin sma_cross --param fast=5 --require trade>=3", &["did you mean `trades`?"]);
}

#[test]
fn costs_are_typed_as_people_write_them() {
    let run = |costs: &str| host(&format!("backtest --plugin sma_cross {costs} --quiet --format json")).out;
    let plain = run("--commission 10 --slippage 5 --borrow-rate 0.03");
    assert_eq!(run("--commission 0.1% --slippage 5bps --borrow-rate 3%"), plain);
    check_refused("backtest --plugin sma_cross --commission ten", &["`ten` is not a number of basis points", "10bps"]);
}

/// What newcomers have typed, and what leads them on.
#[test]
fn what_is_typed_in_the_wrong_place_or_measure_says_the_right_one() {
    for (args, words) in [
        ("backtest -d sma_cross", "`sma_cross` is a bundled strategy, not a file of bars; write `--plugin sma_cross`"),
        ("optimize -d x.wasm --param fast=1..5", "`x.wasm` is a plugin, not a file of bars; write `--plugin x.wasm`"),
        (
            "backtest sma_cross -d fast=10",
            "`fast=10` is not a file of bars; if it is a parameter, write `--param fast=10`",
        ),
        ("backtest sma_cross -d symbol=A/b.csv", "no data file `symbol=A/b.csv`"),
        ("backtest sma_cross --fast 10", "a parameter of the strategy is given by `--param fast=VALUE`"),
        ("backtest sma_cross --commision 1", "a similar argument exists: '--commission'"),
        ("backtest sma_cross --cash -5", "-5"),
        ("sweep sma_cross --param fast=5-50", "the axis of a sweep is written `5..50:5` or `5,10,20`"),
        ("sweep sma_cross --param fast=range(5,50)", "the axis of a sweep is written `5..50:5` or `5,10,20`"),
        (
            "sweep sma_cross --param fast=5 --require max_drawdown>-20",
            "`max_drawdown>-20` compares `max_drawdown`, a share, with -20; write -20% or -0.2",
        ),
        ("sweep sma_cross --param fast=5 --require trades>3&&50<win_rate", "write 50% or 0.5"),
        ("sweep sma_cross --param fast=5 --require win_rate>33.3", "write 33.3% or 0.333"),
    ] {
        check_refused(args, &[words]);
    }
    for wrong in ["backtest sma_cross --fast 10", "backtest sma_cross --cash -5"] {
        let err = host(wrong).err;
        assert!(!err.contains("similar argument") && !err.contains("to pass"), "{err}");
    }
    let run = host("backtest sma_cross --commission 0.001");
    assert!(
        run.err.contains("`--commission 0.001` is 0.001 basis points, 0.00001 %; the share 0.001 is `0.1%`"),
        "{}",
        run.err
    );
    for fine in ["max_drawdown>-20%", "max_drawdown>-1.5", "total_return>20", "trades>=30"] {
        assert!(!host(&format!("sweep sma_cross --param fast=5 --require {fine}")).err.contains("a share"), "{fine}");
    }
}
