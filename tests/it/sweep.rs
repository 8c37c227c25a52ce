//! A sweep as a process: interrupted, piped, killed.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

const HOST: &str = env!("CARGO_BIN_EXE_host");

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_every_finished_cell_in_a_complete_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.csv");
    let mut child = Command::new(HOST)
        .args([
            "sweep",
            "--param",
            "lookback=1..1000",
            "--param",
            "threshold=0..0.99:0.01",
            "--format",
            "json",
            "--out",
        ])
        .arg(&out)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The partial file has rows once the sweep is on its way.
    let started = || fs::read_dir(folder.path()).unwrap().flatten().any(|file| file.metadata().unwrap().len() > 50_000);
    while !started() {
        assert!(child.try_wait().unwrap().is_none(), "the sweep ended by itself");
        std::thread::yield_now();
    }
    assert!(!out.exists(), "nothing stands under the final name before the end");
    // The shell's own `kill`: the program of that name is not everywhere.
    let killed = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(killed.success());
    let run = child.wait_with_output().unwrap();
    assert_eq!(run.status.code(), Some(130), "{}", String::from_utf8_lossy(&run.stderr));
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let rows = csv::Reader::from_path(&out).unwrap().records().map(Result::unwrap).count();
    assert!((1..100_000).contains(&rows));
    assert_eq!((json["combinations"].as_u64(), &json["interrupted"]), (Some(rows as u64), &true.into()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the partial file is gone");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child =
        Command::new(HOST).args(["backtest", "--quiet"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let run = child.wait_with_output().unwrap();
    assert!(line.starts_with("momentum"), "{line}");
    assert_eq!((run.status.code(), run.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_reader_that_goes_away_hides_no_failure() {
    let mut child = Command::new(HOST)
        .args(["sweep", "--plugin", "tests/plugins/faulty/faulty.wasm", "--param", "behaviour=fine,refuse", "--quiet"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(10));
}

#[cfg(unix)]
#[test]
fn a_search_for_a_combination_that_there_is_not_can_be_stopped() {
    let mut child = Command::new(HOST)
        .args(["sweep", "--plugin", "mean_reversion", "--where", "lower + upper < 0"])
        .args(["--param", "lower=0..100/100000000", "--param", "upper=0..100/100000000"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(talk.any(|line| line.starts_with("sweep: at most")));
    let interrupted = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
