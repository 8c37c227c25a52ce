//! A sweep as a process: interrupted, piped, killed.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::support::{OK, guest::with_functions};

const HOST: &str = env!("CARGO_BIN_EXE_host");

#[test]
fn an_interrupt_keeps_every_finished_cell_in_a_complete_file() {
    for (name, workers) in [("out.csv", "2"), ("out.parquet", "64"), ("out.jsonl", "5")] {
        let folder = tempfile::tempdir().unwrap();
        let bars = folder.path().join("bars.csv");
        let days = (0..90).map(|day| {
            format!("2024-{:02}-{:02},1,2,1,{}\n", 1 + day / 28, 1 + day % 28, 1.0 + f64::from(day % 7) / 10.0)
        });
        fs::write(&bars, format!("date,open,high,low,close\n{}", days.collect::<String>())).unwrap();
        let sweep = |out: &Path| {
            let grid = ["--param", "lookback=1..80", "--param", "threshold=0..0.99:0.0005", "--format", "json"];
            let mut sweep = Command::new(HOST);
            sweep.args(["sweep", "--workers", workers]).args(grid).arg("--data").arg(&bars);
            sweep.arg("--out").arg(out).stdout(Stdio::piped()).stderr(Stdio::piped());
            sweep
        };
        let part = tempfile::tempdir().unwrap();
        let out = part.path().join(name);
        let mut child = sweep(&out).spawn().unwrap();
        // The partial file, or its journal, has rows once the sweep is on its way.
        let started = || {
            fs::read_dir(part.path())
                .unwrap()
                .flatten()
                .any(|file| file.metadata().is_ok_and(|file| file.len() > 50_000))
        };
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
        let kept = rows(&out);
        assert_eq!((json["combinations"].as_u64(), &json["interrupted"]), (Some(kept.len() as u64), &true.into()));
        assert_eq!(fs::read_dir(part.path()).unwrap().count(), 1, "the partial file is gone");
        // The rows are those of the whole sweep, in its order.
        let whole = folder.path().join(name);
        assert!(sweep(&whole).status().unwrap().success());
        let all = rows(&whole);
        assert!((1..all.len()).contains(&kept.len()), "{name}: {} of {}", kept.len(), all.len());
        let mut rest = all.iter();
        assert!(kept.iter().all(|row| rest.any(|other| other == row)), "{name}");
    }
}

/// The rows of a results file as texts.
fn rows(path: &Path) -> Vec<String> {
    if path.extension().is_some_and(|extension| extension == "parquet") {
        let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
        return reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    }
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(usize::from(!text.starts_with('{'))).map(str::to_owned).collect()
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

#[test]
fn an_interrupt_before_the_first_task_ends_at_once_and_accuses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("endless.wasm");
    fs::write(&plugin, with_functions("(loop $l (br $l)) (unreachable)", OK, "")).unwrap();
    let out = folder.path().join("out.csv");
    let mut child = Command::new(HOST)
        .args(["sweep", "--budget", "none", "--no-cache", "--plugin"])
        .arg(&plugin)
        .arg("--out")
        .arg(&out)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(talk.any(|line| line.starts_with("preparing `")), "what takes long is shown");
    let interrupted = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(talk.collect::<Vec<_>>(), ["interrupted; no task has run"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no file is left");
}
