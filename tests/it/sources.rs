//! Where data comes from: the same bars from a file, a folder, a pattern and a pipe, and what results record of it.

use assert_cmd::Command;
use serde_json::Value;

use crate::support::{Folder, check_refused, host};

fn bars() -> String {
    let row = |day: u32| format!("2020-01-{day:02},{p},{p},{p},{p},1\n", p = 100 + day * day % 17);
    std::iter::once("Date,Open,High,Low,Close,Volume\n".to_owned()).chain((1..29).map(row)).collect()
}

const RUN: &str = "backtest --plugin sma_cross --param fast=2 --param slow=5 --format json --data";

#[test]
fn a_file_a_folder_a_pattern_and_a_pipe_have_the_same_bars() {
    let folder = Folder::new();
    let file = folder.file("a.csv", bars());
    let answer = |out: &str| -> Value { serde_json::from_str(out).unwrap() };
    let expected = answer(&host(&format!("{RUN} {file}")).out)["data_hash"].clone();
    let directory = folder.path("").display().to_string();
    for data in [directory.clone(), format!("{directory}*.csv"), format!("{directory}?.csv")] {
        let run = host(&format!("{RUN} {data}"));
        assert_eq!(answer(&run.out)["data_hash"], expected, "{data}: {}", run.err);
    }
    let renamed = folder.file("data.csv", bars());
    let expected = answer(&host(&format!("{RUN} {renamed}")).out)["data_hash"].clone();
    for path in ["-", "/dev/stdin"] {
        let words = RUN.split(' ').chain([path, "--no-cache"]);
        let run = Command::cargo_bin("host").unwrap().args(words).write_stdin(bars()).output().unwrap();
        let told = String::from_utf8(run.stderr).unwrap();
        assert_eq!(answer(&String::from_utf8(run.stdout).unwrap())["data_hash"], expected, "{told}");
        let notice = format!("`{path}` is a pipe: its instrument is called `data`, unless a column names it");
        assert!(told.contains(&notice), "{told}");
    }
    let run = Command::cargo_bin("host").unwrap().args(RUN.split(' ').chain(["-"])).output().unwrap();
    assert!(String::from_utf8(run.stderr).unwrap().contains("`-` is empty: the program before the pipe wrote nothing"));
}

#[test]
fn results_record_the_files_that_were_read() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("bars/more")).unwrap();
    folder.file("bars/b.csv", bars());
    folder.file("bars/more/a.csv", bars());
    folder.file("bars/notes.md", "");
    let saved = folder.path("saved.json").display().to_string();
    let bars = folder.path("bars").display().to_string();
    let run =
        host(&format!("sweep --plugin sma_cross --param fast=2 --param slow=5 --save-request {saved} --data {bars}"));
    let record: Value = serde_json::from_str(&std::fs::read_to_string(&saved).expect(&run.err)).unwrap();
    let files: Vec<_> = record["read"]["files"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(files, ["b.csv", "more/a.csv"]);
    assert_eq!(record["request"]["data"], "bars");
    check_refused(
        &format!("sweep --plugin sma_cross --param fast=2 --param slow=5 --data {bars} --out {bars}/b.csv"),
        &["b.csv` is also read; write to another file"],
    );
}

#[test]
fn a_pipe_is_not_watched() {
    check_refused(
        "watch --plugin x.wasm --param fast=2 --data -",
        &["`-` is a pipe, which can be read once only; save it to a file, and watch that"],
    );
}
