//! What a command has read and written is said on standard error: once, in one form, and not with `--quiet`.

use std::fmt::Write as _;

use host::{
    cli::Exit,
    results::{Cell, Column, Kind, create},
};
use serde_json::{Value, json};

use crate::support::{Folder, host};

/// Daily bars of some symbols, with columns that nobody reads.
fn bars(folder: &Folder, name: &str, symbols: &[&str], more: &str) -> String {
    let mut text = format!("Date,Symbol,Open,High,Low,Close,Volume{more}\n");
    let empty = ",1".repeat(more.matches(',').count());
    for day in 1..=28 {
        for symbol in symbols {
            let price = 100 + day % 7;
            writeln!(text, "2020-01-{day:02},{symbol},{price},{price},{price},{price},9{empty}").unwrap();
        }
    }
    folder.file(name, text)
}

#[test]
fn every_command_says_once_what_it_has_read() {
    let folder = Folder::new();
    let file = bars(&folder, "five.csv", &["A", "B", "C", "D", "E"], ",Dividends,Splits,Sector,Weight,Rank");
    let note = "data: 5 instruments (`A`, `B`, `C`, ...), 140 daily bars, 2020-01-01 to 2020-01-28, dates; columns that are not \
                read: `Dividends`, `Splits`, `Sector`, `Weight` and 1 more\n";
    let tasks = folder.file("tasks.json", r#"[{"task_id": "a", "params": {"samples": 10}}]"#);
    let commands = [
        "sweep --param lookback=5".to_owned(),
        "sweep --param lookback=5 --each-symbol".to_owned(),
        "backtest --param lookback=5".to_owned(),
        "compare --plugin momentum".to_owned(),
        "check --quick".to_owned(),
        format!("run --plugin bootstrap --tasks {tasks}"),
    ];
    for command in commands {
        let run = host(&format!("{command} --data {file}"));
        assert_eq!(run.err.matches("data: 5 instruments").count(), 1, "{command}: {}", run.err);
        assert!(run.err.contains(note), "{command}: {}", run.err);
        let quiet = host(&format!("{command} --data {file} --quiet"));
        assert!(!quiet.err.contains("data: "), "{command}: {}", quiet.err);
    }
    let plain = host(&format!("backtest --data {} --param lookback=5", bars(&folder, "A.csv", &["A"], "")));
    assert!(plain.err.contains("data: `A`, 28 daily bars, 2020-01-01 to 2020-01-28, dates\n"), "{}", plain.err);
}

#[test]
fn columns_that_are_not_read_are_those_of_all_files() {
    let folder = Folder::new();
    let one = bars(&folder, "one.csv", &["A"], ",x,y");
    let other = bars(&folder, "other.csv", &["B"], ",y,Adj Close,tz,z");
    let run = host(&format!("backtest --param lookback=5 --data {one} {other}"));
    assert!(run.err.contains("; columns that are not read: `x`, `y`, `z`\n"), "{}", run.err);
    // Of these two, notices tell.
    assert!(
        run.err.contains("`Adj Close`, which is not used unless asked for")
            && run.err.contains("`tz`, which is not used")
    );
    let shown = host(&format!("data show {one} {other}"));
    assert!(shown.out.contains("not read") && shown.out.contains("`x`, `y`, `z`"), "{}", shown.out);
    let json: Value = serde_json::from_str(&host(&format!("data show {one} --format json")).out).unwrap();
    assert_eq!(json["files"][0]["unread_columns"], json!(["x", "y"]));
    // Parquet, and a table of several instruments.
    let parquet = folder.path("bars.parquet");
    let columns = ["time", "open", "high", "low", "close", "volume", "vwap"].map(|name| {
        let kind = if name == "time" { Kind::Time } else { Kind::Number };
        Column::new(name, kind)
    });
    let mut sink = create(&parquet, &columns).unwrap();
    for day in 0..30 {
        let mut row = vec![Cell::Time(day * 86_400_000_000_000, "".into())];
        row.extend([1.0; 6].map(Cell::Number));
        sink.write(&row).unwrap();
    }
    sink.finish().unwrap();
    let run = host(&format!("backtest --param lookback=5 --data {}", parquet.display()));
    assert!(run.err.contains("; columns that are not read: `vwap`\n"), "{}", run.err);
    let header = ["Open", "High", "Low", "Close", "Volume", "Dividends"];
    let mut text = format!("Price,{0},{0}\nTicker,{1},{2}\n", header.join(","), ["A"; 6].join(","), ["B"; 6].join(","));
    for day in 1..=28 {
        writeln!(text, "2020-01-{day:02}{}", ",1".repeat(12)).unwrap();
    }
    let run = host(&format!("backtest --param lookback=5 --data {}", folder.file("wide.csv", text)));
    assert!(run.err.contains("data: 2 instruments") && run.err.contains("not read: `Dividends`\n"), "{}", run.err);
}

#[test]
fn every_command_says_what_it_has_written() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).display().to_string();
    let file = bars(&folder, "two.csv", &["A", "B"], "");
    let tasks = folder.file("tasks.json", r#"[{"task_id": "a", "params": {"samples": 10}}]"#);
    let cases = [
        ("sweep --param lookback=5,6,7 --out OUT.parquet".to_owned(), "3 rows"),
        ("sweep --param lookback=5 --out OUT.csv".to_owned(), "1 row"),
        ("sweep --param lookback=5 --save-request OUT.json".to_owned(), "the request"),
        (format!("sweep --param lookback=5,6 --each-symbol --data {file} --out OUT.jsonl"), "4 rows"),
        ("compare --out OUT.csv".to_owned(), "4 rows"),
        (format!("run --plugin bootstrap --tasks {tasks} --out OUT.csv"), "1 row"),
        (format!("backtest --param lookback=5 --data {file} --equity OUT.csv"), "28 rows"),
        (format!("data convert {file} --out OUT.parquet"), "2 instruments (`A`, `B`), 56 daily bars"),
    ];
    for (case, (command, content)) in cases.into_iter().enumerate() {
        let out = path(&format!("{case}"));
        let command = command.replace("OUT", &out);
        let run = host(&command);
        assert_eq!(run.exit, Exit::Success, "{command}: {}", run.err);
        let note = format!("wrote `{out}.");
        let said: Vec<_> = run.err.lines().filter(|line| line.starts_with(&note)).collect();
        assert!(said.len() == 1 && said[0].contains(&format!("`: {content}")), "{command}: {}", run.err);
        let quiet = host(&format!("{command} --quiet"));
        assert!(!quiet.err.contains("wrote "), "{command}: {}", quiet.err);
    }
}
