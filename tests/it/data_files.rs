//! `host data`: what it shows of files, what it keeps beside them, and what it writes.

use host::cli::Exit;
use serde_json::Value;

use crate::support::{Folder, check_refused, host};

/// Bars of 40 days, in European form.
fn european() -> String {
    let row = |day: u32| {
        let (day, month, cents) = (1 + day % 20, 1 + day / 20, 11_000 + day * day % 17 * 100 + day);
        let price = format!("1.{:03},{:02}", cents / 100, cents % 100);
        format!("{day:02}.{month:02}.2024;{price};{price};{price};{price};1.000\n")
    };
    std::iter::once("Datum;Open;High;Low;Settle;Volumen\n".to_owned()).chain((0..40).map(row)).collect()
}

fn shown(args: &str) -> Value {
    let run = host(&format!("data show --format json {args}"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    serde_json::from_str(&run.out).unwrap()
}

#[test]
fn a_description_is_saved_changed_and_used() {
    let folder = Folder::new();
    let file = folder.file("a.csv", european());
    let known = shown(&format!("{file} --save"));
    assert_eq!(known["instruments"][0]["bars"], 40);
    assert_eq!(known["instruments"][0]["rows"][0]["open"], 1110.0);
    let beside = folder.path("a.csv.toml");
    let text = std::fs::read_to_string(&beside).unwrap();
    for line in ["decimal = \",\"", "delimiter = \"semicolon\"", "date-format = \"%d.%m.%Y\"", "close = \"Settle\""] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(shown(&file)["data_hash"], known["data_hash"]);
    // What it says wins over what would be recognised, and what is typed wins over both.
    std::fs::write(&beside, text.replace("close = \"Settle\"", "close = \"High\"") + "timezone = \"Asia/Tokyo\"\n")
        .unwrap();
    let changed = shown(&file);
    assert_eq!(changed["instruments"][0]["timezone"], "Asia/Tokyo");
    assert_eq!(changed["files"][0]["read"]["close"], "High");
    assert_eq!(shown(&format!("{file} --read close=Low"))["files"][0]["read"]["close"], "Low");
    std::fs::write(&beside, "colse = \"High\"\n").unwrap();
    check_refused(&format!("data show {file}"), &["a.csv.toml`, which describes how a data file is written", "colse"]);
}

#[test]
fn results_say_how_each_file_was_read_and_read_it_so_again() {
    let folder = Folder::new();
    let file = folder.file("a.csv", european());
    let out = |name: &str| folder.path(name).display().to_string();
    let run = "sweep --plugin sma_cross --param fast=2 --param slow=5";
    let first =
        host(&format!("{run} --data {file} --save-request {} --out {}", out("saved.json"), out("a.csv.out.csv")));
    assert_eq!(first.exit, Exit::Success, "{}", first.err);
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(out("saved.json")).unwrap()).unwrap();
    assert_eq!(saved["read"]["files"]["a.csv"]["close"], "Settle");
    // A description that comes later changes nothing of what the request has read.
    std::fs::write(folder.path("a.csv.toml"), "close = \"High\"\nbar-time = \"close\"\n").unwrap();
    let again = host(&format!("sweep --request {} --data {file} --out {}", out("saved.json"), out("b.csv")));
    assert_eq!(again.exit, Exit::Success, "{}", again.err);
    assert!(!again.err.contains("is not the one of the request"), "{}", again.err);
    let anew = host(&format!("{run} --data {file} --save-request {}", out("anew.json")));
    assert_eq!(anew.exit, Exit::Success, "{}", anew.err);
    let anew: Value = serde_json::from_str(&std::fs::read_to_string(out("anew.json")).unwrap()).unwrap();
    assert_ne!(anew["data_hash"], saved["data_hash"]);
}

#[test]
fn converted_bars_load_without_options_and_give_the_same_numbers() {
    let folder = Folder::new();
    let iso = |zone: &str| {
        let row = |day: u32| {
            format!(
                "2024-{:02}-{:02} 00:00:00{zone},{p},{p},{p},{p},5\n",
                1 + day / 20,
                1 + day % 20,
                p = 90 + day * 7 % 13
            )
        };
        std::iter::once("Date,Open,High,Low,Close,Volume\n".to_owned()).chain((0..40).map(row)).collect::<String>()
    };
    let hours = |offset: &str| {
        let row = |hour: u32| {
            format!(
                "2024-01-{:02}T{:02}:00{offset},{p},{p},{p},{p},5\n",
                2 + hour / 24,
                hour % 24,
                p = 90 + hour * 7 % 13
            )
        };
        std::iter::once("time,Open,High,Low,Close,Volume\n".to_owned()).chain((0..96).map(row)).collect::<String>()
    };
    let negative = iso("").replace(",90,90,90,90,", ",-3,-3,-3,-3,");
    let cases = [
        ("european", european(), ""),
        ("dates", iso(""), ""),
        ("tokyo", iso("+09:00"), ""),
        ("zoned", iso(""), "--timezone America/New_York --session 17:00-16:00"),
        ("hours", hours("-05:00"), ""),
        ("closes", hours(""), "--timezone Europe/Berlin --bar-time close"),
        ("negative", negative, "--negative-prices"),
    ];
    let numbers = |data: &str| {
        let run =
            host(&format!("backtest --plugin sma_cross --param fast=2 --param slow=5 --format json --data {data}"));
        assert_eq!(run.exit, Exit::Success, "{data}: {}", run.err);
        let answer: Value = serde_json::from_str(&run.out).unwrap();
        answer["metrics"].clone()
    };
    for (name, text, options) in cases {
        let file = folder.file(&format!("{name}.csv"), &text);
        let out = folder.path(&format!("{name}.parquet")).display().to_string();
        let run = host(&format!("data convert {file} {options} --out {out}"));
        assert_eq!(run.exit, Exit::Success, "{name}: {}", run.err);
        assert_eq!(numbers(&out), numbers(&format!("{file} {options}")), "{name}");
    }
    check_refused(&format!("data convert {} --out x.csv", folder.file("a.csv", iso(""))), &["is not named .parquet"]);
}
