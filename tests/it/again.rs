//! Results can be asked again: a row of a results file runs with everything that it had, and gives the same numbers.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use host::{
    cli::Exit,
    metrics::Selection,
    model::{Description, Encoding, ParamSpec, Params, Value as Parameter},
    results::{Cell, Column, Kind, ResultsFile, create_with},
    sweep::{PastError, PastResults, SweepRequest},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Folder, check_refused, host, rows_of};

fn json_of(args: &str) -> (Exit, Value) {
    let run = host(&format!("{args} --format json"));
    let json = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {args}\n{}", run.err));
    (run.exit, json)
}

/// Bars of two symbols, which differ in length and in price, as one file.
fn two_symbols(folder: &Folder, name: &str, change: f64) -> String {
    let mut text = "time,symbol,open,high,low,close,volume,Dividends\n".to_owned();
    for at in 0..400_i64 {
        for (symbol, bars, base) in [("ACME", 400, 100.0), ("BR K", 300, 40.0 + change)] {
            if at < bars {
                let (time, price) = (1_577_836_800 + at * 3600, base + (at * at % 23) as f64 + (at % 7) as f64 / 8.0);
                let (high, low, close) = (price + 2.0, price - 1.5, price + (at % 5) as f64 / 4.0);
                writeln!(text, "{time},{symbol},{price},{high},{low},{close},{},0", 1000 + at).unwrap();
            }
        }
    }
    folder.file(name, text)
}

/// Each rank of a sweep, and each task, runs again to the same bits.
fn check_again(folder: &Folder, sweep: &str, data: &str) {
    let out = folder.path("r.parquet");
    let out = out.display();
    let (_, swept) = json_of(&format!("sweep {sweep} {data} --top 1000 --out {out}"));
    let ranking = swept["ranking"].as_array().unwrap();
    assert!(ranking.len() > 1, "{sweep}");
    let again = |choice: &str, ranked: &Value| {
        let (exit, run) = json_of(&format!("backtest --again {out} {data} {choice}"));
        assert_eq!((exit, &run["again"]["same"]), (Exit::Success, &true.into()), "{sweep} {choice}: {}", run["again"]);
        assert_eq!(run["again"]["compared"], Selection::all().names().count());
        assert_eq!(run["again"]["task_id"], ranked["task_id"], "{sweep} {choice}");
        assert_eq!(run["again"]["symbol"], ranked.get("symbol").cloned().unwrap_or_default());
        for name in Selection::all().names() {
            assert_eq!(run["metrics"][name].as_f64(), ranked[name].as_f64(), "{sweep} {choice} {name}");
        }
    };
    for (at, ranked) in ranking.iter().enumerate() {
        again(&format!("--rank {}", at + 1), ranked);
    }
    let last = ranking.last().unwrap();
    let task = last["task_id"].as_str().unwrap();
    if !task.contains(' ') {
        again(&format!("--task {task}"), last);
    }
    let beyond = format!("backtest --again {out} {data} --rank {}", ranking.len() + 1);
    check_refused(&beyond, &[&format!("has no rank {}", ranking.len() + 1), &format!("from 1 to {}", ranking.len())]);
}

#[test]
fn every_row_runs_again_with_all_that_it_had() {
    let folder = Folder::new();
    let file = two_symbols(&folder, "two.csv", 0.0);
    let terms = folder.file("terms.toml", "[ACME]\nlot = 1\nmultiplier = 5\n");
    let account = folder.file("account.toml", "initial_cash = 5000\n[rules]\ngaps = \"stop\"\n");
    let grid = folder.file(
        "grid.json",
        r#"{"parameters": {"lookback": [3, 9, 27], "threshold": {"from": 0, "to": 0.1, "n": 4}, "short": [true, false]},
            "constraints": ["lookback > 3 or short"], "require": ["trades >= 1", "threshold < 0.08"], "objective": "cagr", "direction": "min"}"#,
    );
    let momentum = "--plugin momentum --param lookback=5..30:5";
    let typed = format!("--data {file}");
    let read = format!("--data {file} --timezone America/New_York --symbols ACME --instruments {terms}");
    let cases = [
        (format!("{momentum} --commission 5 --slippage 2 --from 2001-01-01 --to 2009-12-31"), String::new()),
        (format!("{momentum} --mode events --fill close --budget 5e9 --memory 64"), String::new()),
        ("--plugin sma_cross --param fast=5,10 --param slow=20,60 --profile backtesting.py".to_owned(), String::new()),
        (
            "--plugin bracket --sample 4 --seed 3 --param stop_loss=0.02..0.1/5 --rule gaps=stop".to_owned(),
            String::new(),
        ),
        (format!("--plugin momentum --grid {grid} --account {account}"), typed.clone()),
        (format!("{momentum} --each-symbol --periods-per-year 8000 --risk-free 0.01"), typed),
        (format!("{momentum} --objective max_consecutive_wins"), read),
    ];
    for (sweep, data) in cases {
        check_again(&folder, &sweep, &data);
    }
}

#[test]
fn a_row_that_failed_runs_again_and_fails_in_the_same_way() {
    let folder = Folder::new();
    let out = folder.path("r.parquet").display().to_string();
    let plugin = "--plugin tests/plugins/faulty/faulty.wasm";
    let swept = host(&format!("sweep {plugin} --param behaviour=fine,panic,trap,refuse --out {out}"));
    assert_eq!(swept.exit, Exit::SomeFailed, "{}", swept.err);
    for behaviour in ["panic", "trap", "refuse"] {
        let run = host(&format!("backtest --again {out} {plugin} --task behaviour={behaviour}"));
        assert_eq!(run.exit, Exit::NoneSucceeded, "{}", run.err);
        assert!(run.err.contains("error: ") && run.err.contains("the same failure as in"), "{}", run.err);
    }
    // Failures are not ranked.
    check_refused(&format!("backtest --again {out} {plugin} --rank 2"), &["of its 4 rows, 1 are ranked by `sharpe`"]);
    let other = host(&format!("backtest --again {out} {plugin} --task behaviour=panic --param behaviour=trap"));
    assert!(other.err.contains("it failed otherwise (panic)"), "{}", other.err);
    let mended = host(&format!("backtest --again {out} {plugin} --task behaviour=panic --param behaviour=fine"));
    assert_eq!(mended.exit, Exit::SomeFailed);
    assert!(mended.out.contains("it failed (panic)"), "{}", mended.out);
    let broken = host(&format!("backtest --again {out} {plugin} --task behaviour=fine --param behaviour=trap"));
    assert!(broken.err.contains("it did not fail"), "{}", broken.err);
    let none = host(&format!("sweep {plugin} --param behaviour=panic,trap --out {out}"));
    assert_eq!(none.exit, Exit::NoneSucceeded);
    check_refused(&format!("backtest --again {out} {plugin}"), &["ranks none of its 2 rows", "`--task`"]);
}

/// A copy of the results at `path`, with another cell in `row` and `column`.
fn forged(path: &Path, copy: &Path, row: usize, column: &str, cell: Cell<'static>) {
    let file = ResultsFile::open(path).unwrap();
    let at = file.columns().iter().position(|one| one.name == column).unwrap();
    let mut sink = create_with(copy, file.columns(), file.metadata()).unwrap();
    for n in 0..file.rows() {
        let mut cells = file.row(n).unwrap().unwrap();
        if n == row as u64 {
            cells[at] = cell.clone();
        }
        sink.write(&cells).unwrap();
    }
    sink.finish().unwrap();
}

fn number(path: &Path, row: u64, column: &str) -> f64 {
    let file = ResultsFile::open(path).unwrap();
    let at = file.columns().iter().position(|one| one.name == column).unwrap();
    match file.row(row).unwrap().unwrap()[at] {
        Cell::Number(number) => number,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_that_differs_by_one_bit_is_told() {
    let folder = Folder::new();
    let (path, copy) = (folder.path("r.parquet"), folder.path("forged.parquet"));
    assert_eq!(host(&format!("sweep --param lookback=20,60 --quiet --out {}", path.display())).exit, Exit::Success);
    let omega = number(&path, 1, "omega");
    let cases = [
        ("omega", Cell::Number(omega.next_up()), 1),
        ("omega", Cell::Null, 1),
        ("omega", Cell::Number(f64::INFINITY), 1),
        ("trades", Cell::Integer(1), 1),
        ("recovery_days", Cell::Number(-0.0), 1),
        ("units", Cell::Integer(1), 0),
    ];
    for (column, cell, differences) in cases {
        forged(&path, &copy, 1, column, cell.clone());
        let args = format!("backtest --again {} --task lookback=60", copy.display());
        let (exit, run) = json_of(&args);
        let told = run["again"]["differences"].as_array().unwrap();
        assert_eq!(told.len(), differences, "{column} {cell:?}: {told:?}");
        assert_eq!(exit, if differences == 0 { Exit::Success } else { Exit::SomeFailed });
        assert_eq!(run["again"]["same"], differences == 0);
        if differences > 0 {
            assert_eq!(told[0]["metric"], column);
            let shown = host(&args);
            assert!(shown.out.contains("1 of 57 metrics are not those of"), "{}", shown.out);
            let then = match cell {
                Cell::Number(number) => number.to_string(),
                Cell::Integer(number) => number.to_string(),
                _ => String::new(),
            };
            assert!(shown.out.contains(&then), "{then} is not in: {}", shown.out);
        }
    }
}

/// Runs the program in `folder`, where names of plugins and data lead to files.
fn host_in(folder: &Folder, args: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    let run = command.current_dir(folder.path("")).args(args.split_whitespace()).arg("--no-cache").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (run.status.code().unwrap(), text(run.stdout), text(run.stderr))
}

#[test]
fn what_is_no_longer_the_same_is_told_with_the_way_out() {
    let folder = Folder::new();
    two_symbols(&folder, "bars.csv", 0.0);
    let single = |name: &str, symbol: &str, days: i64| {
        let rows = (0..days).map(|day| {
            let price = 100 + (day * day + symbol.len() as i64) % 17;
            format!("{},{price},{},{},{price},1\n", 1_577_836_800 + day * 86_400, price + 1, price - 1)
        });
        folder.file(name, "time,open,high,low,close,volume\n".to_owned() + &rows.collect::<String>());
    };
    single("one.csv", "one", 90);
    single("other.csv", "other", 90);
    let plugin = |name: &str| fs::read(format!("plugins/{name}/{name}.wasm")).unwrap();
    folder.file("mine.wasm", plugin("sma_cross"));
    let sweep = "sweep --plugin mine.wasm --param fast=2,3 --param slow=5,8 --quiet";
    let run = |args: &str| host_in(&folder, args);
    for (data, out) in
        [("bars.csv", "r.parquet"), ("bars.csv --each-symbol", "each.parquet"), ("one.csv other.csv", "two.parquet")]
    {
        assert_eq!(run(&format!("{sweep} --data {data} --out {out} --save-request {out}.json")).0, 0, "{data}");
    }
    let same = |args: &str| {
        let (code, out, err) = run(&format!("backtest {args}"));
        assert!(code == 0 && out.contains("the same numbers as in"), "{args}\n{out}\n{err}");
        err
    };
    let refused = |args: &str, words: &[&str]| {
        let (code, out, err) = run(&format!("backtest {args}"));
        assert_eq!((code, out.as_str()), (2, ""), "{args}\n{err}");
        words.iter().for_each(|word| assert!(err.contains(word), "`{word}` is not in: {err}"));
    };
    for file in ["r.parquet", "each.parquet", "two.parquet"] {
        assert!(!same(&format!("--again {file}")).contains("is not the one"));
    }
    // Another build under the same name.
    let sma = host::model::Digest::of(&plugin("sma_cross")).to_string();
    let breakout = host::model::Digest::of(&plugin("breakout")).to_string();
    folder.file("mine.wasm", plugin("breakout"));
    let words =
        ["the plugin `mine` is not the one of the request", &sma, &breakout, "give the right one with `--plugin FILE`"];
    refused("--again r.parquet", &words);
    refused("--again r.parquet --plugin mine.wasm", &["`breakout` has no parameter", "(`--plugin FILE`)"]);
    fs::remove_file(folder.path("mine.wasm")).unwrap();
    refused("--again r.parquet", &["file `mine.wasm` does not exist here", &sma, "give `--plugin FILE`"]);
    folder.file("moved.wasm", plugin("sma_cross"));
    assert!(!same("--again r.parquet --plugin moved.wasm").contains("note: the plugin"));
    folder.file("mine.wasm", plugin("sma_cross"));
    // Other bars of one symbol: what ran on the other one alone is as it was.
    two_symbols(&folder, "bars.csv", 1.0);
    let words = [
        "the data `bars` is not the one of the request",
        "bars from 2020-01-01",
        "give the right one with `--data FILE`",
    ];
    refused("--again r.parquet", &words);
    assert!(!same("--again each.parquet --task symbol=ACME,fast=2,slow=5").contains("is not the one"));
    let typed = run("backtest --again r.parquet --data bars.csv");
    assert!(typed.0 == 10 && typed.2.contains("note: the data `bars` is not the one of the request"), "{}", typed.2);
    refused(
        "--again each.parquet --task symbol=ACME,fast=2,slow=5 --data one.csv",
        &["`ACME` alone, which is not in the data (`one`)"],
    );
    fs::remove_file(folder.path("bars.csv")).unwrap();
    refused("--again r.parquet", &["the data `bars`", "(its hash was ", "with bars from", "give `--data FILE`"]);
    fs::remove_file(folder.path("one.csv")).unwrap();
    refused("--again two.parquet", &["the data `one+other`", "no file of that name exists here"]);
}

#[test]
fn what_is_typed_wins_and_is_told() {
    let folder = Folder::new();
    let out = folder.path("r.parquet").display().to_string();
    let swept =
        host(&format!("sweep --param lookback=20,60 --commission 5 --to 2010-12-31 --timeout 20 --quiet --out {out}"));
    assert_eq!(swept.exit, Exit::Success);
    let again = format!("backtest --again {out} --task lookback=20");
    let check = |typed: &str, told: &[&str], exit: Exit| {
        let run = host(&format!("{again} {typed}"));
        assert_eq!(run.exit, exit, "{typed}: {}{}", run.err, run.out);
        told.iter().for_each(|word| assert!(run.err.contains(word), "`{word}` is not in: {}", run.err));
        assert_eq!(run.err.contains("what is typed wins"), !told.is_empty(), "{}", run.err);
    };
    check("", &[], Exit::Success);
    check("--commission 5 --param lookback=20 --to 2010-12-31 --timeout 20 --workers 1", &[], Exit::Success);
    check("--commission 1", &["`commission_bps` is 1.0 and was 5.0"], Exit::SomeFailed);
    check(
        "--rule gaps=open --cash 500",
        &["`rules.gaps` is open and was not set", "`initial_cash` is 500.0"],
        Exit::SomeFailed,
    );
    check("--param lookback=21", &["`lookback` is 21 and was 20"], Exit::SomeFailed);
    check("--to 2009-12-31", &["`to` is 2009-12-31 and was 2010-12-31"], Exit::SomeFailed);
    // Until the end that the sweep had, the data is the one of the request.
    for command in [format!("{again} --to 2009-12-31"), format!("sweep --request {out} --to 2009-12-31 --dry-run")] {
        let run = host(&command);
        assert!(!run.err.contains("is not the one of the request"), "{command}: {}", run.err);
    }
    check("--from 2000-01-01", &["`from` is 2000-01-01 and was not set"], Exit::SomeFailed);
    // What decides no number changes none.
    check("--timeout 30", &["`timeout` is 30.0 and was 20.0"], Exit::Success);
}

#[test]
fn what_cannot_be_asked_again_is_refused() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let sweep = "sweep --param lookback=20,60 --quiet";
    for (out, saved) in [("r.parquet", "r.json"), ("r.csv", "c.json"), ("r.jsonl", "j.json")] {
        assert_eq!(host(&format!("{sweep} --out {} --save-request {}", path(out), path(saved))).exit, Exit::Success);
    }
    let check = |args: &str, words: &[&str]| check_refused(&format!("backtest --again {args}"), words);
    let parquet = path("r.parquet");
    check(&format!("{parquet} --rank 0"), &["rank 0 does not exist; the best row has rank 1"]);
    check(
        &format!("{parquet} --rank 3"),
        &["has no rank 3: of its 2 rows, 2 are ranked by `sharpe`; give a rank from 1 to 2"],
    );
    check(&format!("{parquet} --rank 18446744073709551615"), &["give a rank from 1 to 2"]);
    check(&format!("{parquet} --rank -1"), &["invalid value '-1' for '--rank <N>'"]);
    check(&format!("{parquet} --rank 1 --task lookback=20"), &["cannot be used with"]);
    check(
        &format!("{parquet} --task lookback=21"),
        &["has no task `lookback=21`; its 2 tasks are named like `lookback=20`"],
    );
    check(&path("r.json"), &["a request without results", "`--task TASK_ID`"]);
    check(
        &format!("{} --task lookback=21", path("r.json")),
        &["has no task `lookback=21`", "named like `lookback=20`"],
    );
    check(
        &format!("{} --task lookback=20", path("r.csv")),
        &["does not say what its sweep was asked for", "`--save-request`"],
    );
    check(&format!("{} --task lookback=20", path("r.jsonl")), &["does not say what its sweep was asked for"]);
    check(&path("none.parquet"), &["cannot read", "none.parquet"]);
    check(&path("none.json"), &["none.json` cannot be read"]);
    check("examples/data/msft.parquet", &["does not contain the request of a sweep"]);
    let trades = path("trades.parquet");
    assert_eq!(host(&format!("backtest --quiet --trades {trades}")).exit, Exit::Success);
    check(&trades, &["does not contain the request of a sweep"]);
    let torn = fs::read(&parquet).unwrap();
    check(&folder.file("torn.parquet", &torn[..torn.len() / 2]), &["is damaged"]);
    check(&format!("{parquet} --trades {parquet}"), &["is also read; write to another file"]);
    check_refused("backtest --rank 1", &["--again <FILE>"]);
    // A file with some of the columns only.
    let file = ResultsFile::open(&folder.path("r.parquet")).unwrap();
    let part = |name: &str, columns: &[&str]| {
        let names: Vec<_> = columns.iter().map(|name| (*name).to_owned()).collect();
        let bytes =
            file.encoded(host::results::Form::Parquet, Some(&names)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        folder.file(name, bytes.concat())
    };
    check(&part("a.parquet", &["task_id", "cagr", "lookback"]), &["has no column `sharpe`, which its ranking needs"]);
    check(&part("b.parquet", &["lookback", "sharpe"]), &["has no column `task_id`"]);
    let some = part("c.parquet", &["task_id", "sharpe"]);
    check(&some, &["has no column for the parameter `lookback`", "--param lookback=VALUE"]);
    let run = host(&format!(
        "backtest --again {some} --param lookback=60 --param threshold=0 --param short=false --task lookback=60"
    ));
    assert!(run.exit == Exit::Success && run.out.contains("the same numbers as in"), "{}{}", run.err, run.out);
}

#[test]
fn a_task_of_a_saved_request_runs_without_results() {
    let folder = Folder::new();
    let (csv, saved) = (folder.path("r.csv"), folder.path("r.json").display().to_string());
    let file = two_symbols(&folder, "two.csv", 0.0);
    for each in ["", "--each-symbol"] {
        let sweep = format!("sweep --param lookback=5,9 --param threshold=0.1,1e-7 --data {file} {each} --quiet");
        assert_eq!(host(&format!("{sweep} --out {} --save-request {saved}", csv.display())).exit, Exit::Success);
        let mut reader = csv::Reader::from_path(&csv).unwrap();
        let names = reader.headers().unwrap().clone();
        let place = |name: &str| names.iter().position(|one| one == name).unwrap();
        for row in reader.records().map(Result::unwrap).filter(|row| !row[0].contains(' ')) {
            let (exit, run) = json_of(&format!("backtest --again {saved} --data {file} --task {}", &row[0]));
            assert_eq!((exit, &run["again"]["same"]), (Exit::Success, &Value::Null));
            assert_eq!(run["metrics"]["final_equity"].as_f64(), row[place("final_equity")].parse().ok(), "{}", &row[0]);
        }
    }
    let run = host(&format!("backtest --again {saved} --data {file} --task symbol=ACME,lookback=5,threshold=0.1"));
    assert!(run.err.contains("has no results, so that there is nothing to compare with"), "{}", run.err);
    check_refused(
        &format!("backtest --again {saved} --data {file} --task symbol=NOBODY,lookback=5,threshold=0.1"),
        &["ran on `NOBODY` alone, which is not in the data (`ACME`, `BR K`)"],
    );
}

#[test]
fn a_row_that_runs_again_shows_more() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let out = path("r.parquet");
    assert_eq!(
        host(&format!("sweep --plugin bracket --param stop_loss=0.02,0.05 --bounds --quiet --out {out}")).exit,
        Exit::Success
    );
    let files = ["orders", "fills", "trades", "equity"];
    let options: Vec<_> = files.iter().map(|name| format!("--{name} {}", path(&format!("{name}.csv")))).collect();
    let run = host(&format!("backtest --again {out} {} --trace {}", options.join(" "), path("t.jsonl")));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert!(run.out.contains("the same numbers as in"), "{}", run.out);
    assert!(
        run.out.contains("both extremes") || run.out.contains("pessimistic"),
        "bounds are part of the request: {}",
        run.out
    );
    for name in files {
        let rows = rows_of(&folder.path(&format!("{name}.csv"))).len();
        let note = format!("wrote `{}`: {rows} rows\n", path(&format!("{name}.csv")));
        assert!(rows > 1 && run.err.contains(&note), "{note} is not in: {}", run.err);
    }
    let lines = fs::read_to_string(folder.path("t.jsonl")).unwrap().lines().count();
    assert!(run.err.contains(&format!("wrote `{}`: {lines} rows\n", path("t.jsonl"))), "{}", run.err);
}

/// A plugin whose parameters have names that columns have, too.
fn awkward() -> Description {
    let spec = |name: &str, default: Parameter| ParamSpec {
        name: name.to_owned(),
        doc: String::new(),
        default,
        minimum: None,
        maximum: None,
        choices: Vec::new(),
    };
    Description {
        name: "awkward".to_owned(),
        version: String::new(),
        summary: String::new(),
        parameters: vec![
            spec("fast", Parameter::Integer(1)),
            spec("trades", Parameter::Number(0.5)),
            spec("param_fast", Parameter::Text("a".to_owned())),
            spec("symbol", Parameter::Boolean(true)),
        ],
        output: Encoding::Json,
    }
}

/// Writes rows with these objectives; `None` has no value.
fn ranked_file(path: &Path, values: &[Option<f64>]) {
    let columns = [
        ("task_id", Kind::Text),
        ("strategy_name", Kind::Text),
        ("symbol", Kind::Text),
        ("fast", Kind::Integer),
        ("param_trades", Kind::Number),
        ("param_fast", Kind::Text),
        ("param_symbol", Kind::Boolean),
        ("success", Kind::Boolean),
        ("sharpe", Kind::Number),
        ("trades", Kind::Integer),
    ];
    let columns = columns.map(|(name, kind)| Column::new(name, kind));
    let mut sink = create_with(path, &columns, &[]).unwrap();
    for (at, value) in values.iter().enumerate() {
        let at = at as i64;
        let row = [
            format!("t{at}").into(),
            "awkward".into(),
            "ACME".into(),
            at.into(),
            (at as f64 / 2.0).into(),
            format!("x{at}").into(),
            (at % 2 == 0).into(),
            true.into(),
            (*value).into(),
            (at % 3).into(),
        ];
        sink.write(&row).unwrap();
    }
    sink.finish().unwrap();
}

/// The places of rows as a sweep ranks them: by value, then by place.
fn expected(values: &[Option<f64>], is_met: impl Fn(usize) -> bool, higher: bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).filter(|at| values[*at].is_some() && is_met(*at)).collect();
    let value = |at: &usize| values[*at].unwrap();
    places.sort_by(|one, other| {
        let order = value(one).partial_cmp(&value(other)).unwrap();
        if higher { order.reverse() } else { order }
    });
    places
}

fn goal(request: Value) -> host::sweep::Goal {
    serde_json::from_value::<SweepRequest>(request).unwrap().goal(&awkward()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn ranks_are_those_of_a_stable_sort(values in prop::collection::vec(
        prop_oneof![Just(None), (-3..3).prop_map(|value| Some(f64::from(value) / 2.0)), Just(Some(f64::INFINITY)), Just(Some(-0.0))],
        1..40,
    )) {
        let folder = Folder::new();
        let path: PathBuf = folder.path("r.parquet");
        ranked_file(&path, &values);
        let past = PastResults::open(&path).unwrap();
        for (higher, require) in [(true, json!([])), (false, json!(["trades >= 1", "fast < 30"]))] {
            let direction = if higher { "max" } else { "min" };
            let goal = goal(json!({"plugin": "awkward", "direction": direction, "require": require}));
            let is_met = |at: usize| higher || at % 3 >= 1 && at < 30;
            let places = expected(&values, is_met, higher);
            for (rank, at) in (1..).zip(&places) {
                let row = past.at_rank(rank, &goal, &awkward()).unwrap();
                prop_assert_eq!(&row.task_id, &format!("t{at}"));
                let (number, even) = (*at as f64 / 2.0, at % 2 == 0);
                let params = Params::from([
                    ("fast".to_owned(), Parameter::Integer(*at as i64)),
                    ("trades".to_owned(), Parameter::Number(number)),
                    ("param_fast".to_owned(), Parameter::Text(format!("x{at}"))),
                    ("symbol".to_owned(), Parameter::Boolean(even)),
                ]);
                prop_assert_eq!(&row.params, &params);
                prop_assert_eq!(row.symbol.as_deref(), Some("ACME"));
            }
            let beyond = past.at_rank(places.len() as u64 + 1, &goal, &awkward()).unwrap_err();
            let is_told = match beyond {
                PastError::Unranked { .. } => places.is_empty(),
                PastError::BeyondEnd { ranked, .. } => ranked == places.len() as u64,
                _ => false,
            };
            prop_assert!(is_told);
        }
    }
}

#[test]
fn ranks_go_deeper_than_one_pass_keeps() {
    let folder = Folder::new();
    let path = folder.path("r.parquet");
    // Many ties, over several row groups.
    let values: Vec<_> =
        (0..150_000_u64).map(|at| (at % 11 != 0).then_some((at.wrapping_mul(2_654_435_761) % 5_000) as f64)).collect();
    ranked_file(&path, &values);
    let (past, goal) = (PastResults::open(&path).unwrap(), goal(json!({"plugin": "awkward"})));
    let places = expected(&values, |_| true, true);
    for rank in [1, 2, 65_535, 65_536, 65_537, 131_072, 131_073, places.len()] {
        let row = past.at_rank(rank as u64, &goal, &awkward()).unwrap();
        assert_eq!(row.task_id, format!("t{}", places[rank - 1]), "{rank}");
    }
    let beyond = past.at_rank(places.len() as u64 + 1, &goal, &awkward()).unwrap_err().to_string();
    assert!(beyond.contains(&format!("{} are ranked by `sharpe`", places.len())), "{beyond}");
}
