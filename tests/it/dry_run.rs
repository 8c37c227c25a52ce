//! `host sweep --dry-run`: what it says is what the sweep costs, and nothing is written or kept.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use host::cli::Exit;
use serde_json::Value as Json;

use crate::support::{Folder, Run, check_refused, host};

const HOST: &str = env!("CARGO_BIN_EXE_host");
const FAULTY: &str = "tests/plugins/faulty/faulty.wasm";

/// The estimate of a sweep, which must leave `folder` as it is.
fn estimate(args: &str, folder: &Folder) -> Json {
    let before = names(&folder.path("."));
    let run = host(&format!("sweep --dry-run --format json {args}"));
    assert_eq!(run.exit, Exit::Success, "{args}: {}", run.err);
    assert_eq!(names(&folder.path(".")), before, "{args}");
    serde_json::from_str(&run.out).unwrap()
}

fn sweep(args: &str) -> Run {
    let run = host(&format!("sweep --format json {args}"));
    assert_ne!(run.exit, Exit::BadInput, "{args}: {}", run.err);
    run
}

/// All files in a folder but those of the store, which may be made.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.filter(|name| name != "store").collect();
    names.sort();
    names
}

fn number(estimate: &Json, name: &str) -> u64 {
    estimate[name].as_u64().unwrap_or_else(|| panic!("`{name}` is {}", estimate[name]))
}

/// Bars of three symbols.
fn three(folder: &Folder) -> String {
    let mut text = "Date,Symbol,Open,High,Low,Close,Volume\n".to_owned();
    for day in 1..=28 {
        for symbol in ["A", "B", "C"] {
            let price = 100 + day % 7;
            writeln!(text, "2020-01-{day:02},{symbol},{price},{price},{price},{price},9").unwrap();
        }
    }
    folder.file("three.csv", text)
}

#[test]
fn files_become_as_large_as_a_dry_run_says() {
    let folder = Folder::new();
    for (name, grid) in [
        ("x.parquet", "--plugin sma_cross --param fast=2..60 --param slow=10..90 --where fast<slow"),
        ("x.csv", "--plugin momentum --param lookback=1..1000 --metrics sharpe,trades"),
        ("x.jsonl", "--plugin momentum --param lookback=1..600"),
        ("one.parquet", "--plugin momentum --param lookback=20"),
    ] {
        let out = folder.path(name);
        let args = format!("{grid} --no-store --workers 2 --out {}", out.display());
        let said = estimate(&args, &folder);
        sweep(&args);
        let (said, written) = (number(&said, "out_bytes") as f64, fs::metadata(&out).unwrap().len() as f64);
        assert!((0.85..1.15).contains(&(said / written)), "{name}: {said} of {written}");
        fs::remove_file(out).unwrap();
    }
}

#[test]
fn what_is_known_is_told_from_what_is_new() {
    let folder = Folder::new();
    let store = format!("--store {}", folder.path("store").display());
    let few = "--metrics sharpe,trades";
    let of = |args: &str| {
        let metrics = if args.contains("--metrics") { "" } else { few };
        let said = estimate(&format!("{args} {metrics} {store}"), &folder);
        assert_eq!(said["known_tasks_are_exact"], true, "{args}");
        (number(&said, "tasks"), number(&said, "known_tasks"), number(&said, "new_tasks"))
    };
    assert_eq!(of("--param lookback=1..100"), (100, 0, 100));
    assert_eq!(of("--param lookback=1..100"), (100, 0, 100), "the sample is not kept");
    sweep(&format!("--param lookback=1..100 {few} {store} --quiet"));
    assert_eq!(of("--param lookback=1..100"), (100, 100, 0));
    assert_eq!(of("--param lookback=51..150"), (100, 50, 50));
    assert_eq!(of("--param lookback=1..150 --sample 30").0, 30);
    assert_eq!(of("--param lookback=1..150 --where lookback<=100"), (100, 100, 0));
    // Other metrics, another account: nothing is known.
    assert_eq!(of("--param lookback=1..100 --metrics all"), (100, 0, 100));
    assert_eq!(of("--param lookback=1..100 --commission 7"), (100, 0, 100));
    let shards: Vec<_> = (1..=3).map(|shard| of(&format!("--param lookback=51..150 --shard {shard}/3"))).collect();
    assert_eq!(shards.iter().fold((0, 0, 0), |all, one| (all.0 + one.0, all.1 + one.1, all.2 + one.2)), (100, 50, 50));
    let said = estimate(&format!("--param lookback=1..100 {few} {store}"), &folder);
    assert!(said["seconds"].as_f64().is_some() && number(&said, "store_bytes") == 0, "{said}");
    let said = estimate(&format!("--param lookback=51..1050 {few} {store}"), &folder);
    let bytes = number(&said, "store_bytes");
    assert!((950 * 50..950 * 400).contains(&bytes), "{bytes} for 950 results");
}

#[test]
fn symbols_shards_and_processes_are_estimated() {
    let folder = Folder::new();
    let data = three(&folder);
    let store = format!("--store {}", folder.path("store").display());
    let each = format!("--param lookback=1..40 --each-symbol --data {data} {store}");
    let said = estimate(&each, &folder);
    assert_eq!((number(&said, "tasks"), number(&said, "symbols"), number(&said, "known_tasks")), (120, 3, 0));
    sweep(&format!("{each} --quiet"));
    let grown = each.replace("1..40", "1..50");
    let said = estimate(&grown, &folder);
    assert_eq!((number(&said, "tasks"), number(&said, "known_tasks")), (150, 120));
    let shards = (1..=2).map(|shard| estimate(&format!("{grown} --shard {shard}/2"), &folder));
    let shards: Vec<_> = shards.map(|said| (number(&said, "tasks"), number(&said, "known_tasks"))).collect();
    assert_eq!((shards[0].0 + shards[1].0, shards[0].1 + shards[1].1), (150, 120));
    let processes =
        ["--param", "lookback=1..100", "--backend", "processes", "--workers", "2", "--no-store", "--no-cache"];
    let run = Command::new(HOST).args(["sweep", "--dry-run", "--format", "json"]).args(processes).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let said: Json = serde_json::from_slice(&run.stdout).unwrap();
    assert!(number(&said, "sampled_tasks") >= 8 && number(&said, "workers") == 2, "{said}");
}

#[test]
fn a_plan_of_a_thousand_million_is_estimated_at_once() {
    let folder = Folder::new();
    let out = folder.path("x.parquet");
    let grid = "--plugin mean_reversion --param lower=0..30/10000 --param upper=31..100/100000";
    let said = estimate(&format!("{grid} --no-store --out {}", out.display()), &folder);
    assert_eq!((number(&said, "tasks"), &said["tasks_are_exact"]), (1_000_000_000, &true.into()));
    let (low, likely, high) = (&said["seconds_low"], &said["seconds"], &said["seconds_high"]);
    assert!(low.as_f64() < likely.as_f64() && likely.as_f64() < high.as_f64(), "{said}");
    assert!(number(&said, "out_bytes") > 1_000_000_000, "{said}");
    // A condition that leaves half of them.
    let half = grid.replace("31..100", "0..30") + " --where lower<upper";
    let said = estimate(&format!("{half} --no-store"), &folder);
    assert_eq!((number(&said, "tasks"), &said["tasks_are_exact"]), (1_000_000_000, &false.into()));
    let likely = number(&said, "likely_tasks");
    assert!((480_000_000..520_000_000).contains(&likely), "{likely}");
    assert_eq!(said["failures"].as_array().unwrap().len(), 0, "{said}");
}

#[test]
fn what_fails_in_the_sample_is_told() {
    let folder = Folder::new();
    let some = format!("--plugin {FAULTY} --param behaviour=fine,trap --param seed=1..8 --no-store");
    let said = estimate(&some, &folder);
    let failures = said["failures"].as_array().unwrap();
    assert_eq!((failures.len(), &failures[0]["error_kind"]), (1, &"trap".into()), "{said}");
    let shown = host(&format!("sweep --dry-run {some}"));
    assert!(shown.err.contains("trap") && shown.out.contains("failed"), "{}{}", shown.out, shown.err);
    let all = host(&format!("sweep --dry-run --plugin {FAULTY} --param behaviour=trap --param seed=1..8 --no-store"));
    assert_eq!(all.exit, Exit::NoneSucceeded, "{}", all.err);
}

#[test]
fn a_dry_run_refuses_what_the_sweep_would_refuse() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    folder.file("taken.csv", "kept");
    fs::create_dir(folder.path("folder.csv")).unwrap();
    let before = names(&folder.path("."));
    let cases: [(String, &[&str]); 8] = [
        (format!("--out {}", path("none/x.parquet")), &["none", "there is no directory"]),
        (format!("--out {}", path("x.xls")), &["x.xls"]),
        (format!("--out {}", path("folder.csv")), &["is a directory"]),
        (format!("--save-request {}", path("none/x.json")), &["cannot be written; give another path"]),
        (format!("--save-request {}", path("folder.csv")), &["is a directory"]),
        (format!("--resume --store {}", path("store")), &["`--resume` finds no result"]),
        ("--where lookback<0".to_owned(), &["no combination of the grid meets"]),
        ("--objective none".to_owned(), &["none"]),
    ];
    for (args, words) in cases {
        check_refused(&format!("sweep --dry-run --param lookback=1..10 {args}"), words);
        assert_eq!(names(&folder.path(".")), before, "{args}");
    }
    // What a sweep would write over stays as it is.
    let taken = host(&format!("sweep --dry-run --no-store --param lookback=1..10 --out {}", path("taken.csv")));
    assert_eq!((taken.exit, fs::read_to_string(folder.path("taken.csv")).unwrap().as_str()), (Exit::Success, "kept"));
    let request = path("saved.json");
    let saved = host(&format!("sweep --dry-run --no-store --param lookback=1..10 --save-request {request}"));
    assert!(saved.exit == Exit::Success && !Path::new(&request).exists(), "{}", saved.err);
    sweep(&format!("--no-store --quiet --param lookback=1..10 --save-request {request}"));
    let said = estimate(&format!("--request {request} --no-store"), &folder);
    assert_eq!(number(&said, "tasks"), 10);
    // As a table, each line has its unit.
    let shown = host(&format!("sweep --dry-run --no-store --request {request} --out {}", path("x.parquet")));
    for word in ["combinations", "on ", "worker", "bytes a row", "sample"] {
        assert!(shown.out.contains(word), "`{word}` is not in: {}", shown.out);
    }
}
