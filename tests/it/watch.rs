//! The author's loop: what is saved is swept, what is not touched is not run again, and nothing bad takes the place of
//! what is good.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use host::cli::{self, Exit, Interrupt, Terminal};
use serde_json::{Value, json};

use crate::support::{Folder, check_refused, component, guest::parameterised, rows_of};

/// Daily bars of some months.
const BARS: &str = "examples/data/msft-1986.csv";

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// Hands over what is written to it, line by line.
struct Lines {
    line: Vec<u8>,
    sender: Sender<String>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = self.line.drain(..=end).collect();
            self.sender.send(String::from_utf8_lossy(&line[..end]).into_owned()).map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines() -> (Lines, Receiver<String>) {
    let (sender, receiver) = channel();
    (Lines { line: Vec::new(), sender }, receiver)
}

/// A `host watch` that runs.
struct Watching {
    out: Receiver<String>,
    err: Receiver<String>,
    interrupt: Interrupt,
    thread: Option<JoinHandle<Exit>>,
}

impl Watching {
    fn start(args: &str) -> Self {
        let words: Vec<_> = format!("host watch {args} --no-cache").split_whitespace().map(Into::into).collect();
        let ((mut to_out, out), (mut to_err, err)) = (lines(), lines());
        let interrupt = Interrupt::default();
        let handle = interrupt.clone();
        let thread = thread::spawn(move || cli::run(words, &mut to_out, &mut to_err, Terminal::default(), &handle));
        Self { out, err, interrupt, thread: Some(thread) }
    }

    fn line(&self) -> String {
        self.out.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("nothing comes; it said: {:#?}", self.said()))
    }

    /// What the next line of JSON says; it is one of `outcome`.
    fn next(&self, outcome: &str) -> Value {
        loop {
            let round: Value = serde_json::from_str(&self.line()).unwrap();
            // A folder of sources may be looked at once more than it was saved in.
            let files = round["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let is_folder = round["outcome"] == "unchanged" && files.map(Path::new).all(Path::is_dir);
            if !is_folder {
                assert_eq!(round["outcome"], outcome, "{round:#}\n{:#?}", self.said());
                return round;
            }
        }
    }

    /// The next sweep, whose cells have run and come from before in these numbers.
    fn swept(&self, run: u64, reused: u64) -> Value {
        let round = self.next("swept");
        assert_eq!((&round["run"], &round["reused"]), (&json!(run), &json!(reused)), "{round:#}");
        assert_eq!(round["combinations"], run + reused);
        round
    }

    /// Waits until something is said that has `text` in it.
    fn hear(&self, text: &str) {
        let mut said = Vec::new();
        while let Ok(line) = self.err.recv_timeout(DEADLINE) {
            if line.contains(text) {
                return;
            }
            said.push(line);
        }
        panic!("`{text}` was never said: {said:#?}");
    }

    fn said(&self) -> Vec<String> {
        self.err.try_iter().collect()
    }

    /// Ctrl-C.
    fn end(mut self) -> Exit {
        self.interrupt.interrupt();
        self.thread.take().unwrap().join().unwrap()
    }
}

/// Files of an author.
struct Desk {
    folder: Folder,
}

impl Desk {
    fn new(plugin: &[u8], grid: &Value) -> Self {
        let desk = Self { folder: Folder::new() };
        desk.save("p.wasm", plugin);
        desk.save("grid.json", grid.to_string());
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Saves as editors do: beside the file, then under its name.
    fn save(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let new = self.path(".new");
        fs::write(&new, bytes).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    fn watch(&self, flags: &str) -> Watching {
        let [plugin, grid] = ["p.wasm", "grid.json"].map(|name| self.path(name).display().to_string());
        Watching::start(&format!("--plugin {plugin} --grid {grid} --format json {flags}"))
    }
}

fn averages(fast: &[u64]) -> Value {
    json!({ "fast": fast, "slow": [50, 100] })
}

#[test]
fn a_new_build_is_swept_and_an_earlier_one_costs_nothing() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10]));
    let watching = desk.watch("");
    let first = watching.swept(4, 0);
    assert_eq!((&first["round"], &first["changes"], &first["best"]["then"]), (&json!(1), &Value::Null, &Value::Null));
    assert_eq!(first["ranking"][0]["task_id"], first["best"]["now"]["task_id"]);
    watching.hear("Ctrl-C ends");

    desk.save("p.wasm", component("bracket"));
    let second = watching.swept(4, 0);
    assert_eq!(second["changed"], json!(["plugin"]));
    assert_ne!(second["plugin_hash"], first["plugin_hash"]);
    let count = |name: &str| second["changes"][name].as_u64().unwrap();
    assert_eq!(count("better") + count("worse"), 4, "{second:#}");
    assert_eq!(second["best"]["then"], first["best"]["now"]);
    let (gains, losses) = (second["gains"].as_array().unwrap(), second["losses"].as_array().unwrap());
    assert_eq!((gains.len() as u64, losses.len() as u64), (count("better"), count("worse")));
    for change in gains.iter().chain(losses) {
        let number = |name: &str| change[name].as_f64().unwrap();
        assert_eq!(number("now") - number("then"), number("change"));
    }

    desk.save("p.wasm", component("sma_cross"));
    let third = watching.swept(0, 4);
    assert_eq!((&third["ranking"], &third["best"]["now"]), (&first["ranking"], &first["best"]["now"]));
    assert_eq!(watching.end(), Exit::Success);
}

/// A sweep of the command line, of whose cells this many are known.
fn swept_alone(desk: &Desk, flags: &str) -> u64 {
    let [plugin, grid] = ["p.wasm", "grid.json"].map(|name| desk.path(name).display().to_string());
    let all = "--metrics all";
    let run = crate::support::host(&format!("sweep --plugin {plugin} --grid {grid} {all} {flags}"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let known = run.err.split(" were known").next().filter(|_| run.err.contains(" were known"));
    known.map_or(0, |text| text.rsplit(' ').next().unwrap().parse().unwrap())
}

#[test]
fn sweeps_and_watches_run_nothing_that_another_has_run() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10]));
    let store = format!("--store {}", desk.path("store").display());
    assert_eq!(swept_alone(&desk, &store), 0);
    let watching = desk.watch(&store);
    watching.swept(0, 4);
    desk.save("grid.json", averages(&[5, 7, 10]).to_string());
    watching.swept(2, 4);
    desk.save("p.wasm", component("bracket"));
    watching.swept(6, 0);
    assert_eq!(watching.end(), Exit::Success);
    assert_eq!(swept_alone(&desk, &store), 6);
    // What an earlier watch has run of an earlier build.
    desk.save("p.wasm", component("sma_cross"));
    let watching = desk.watch(&store);
    assert_eq!(watching.swept(0, 6)["combinations"], 6);
    assert!(!watching.said().iter().any(|line| line.starts_with("sweep: ")), "nothing prepares where nothing runs");
    // Another account is another book, and so is each symbol alone.
    assert_eq!(watching.end(), Exit::Success);
    let other = desk.watch(&format!("{store} --commission 3"));
    other.swept(6, 0);
    assert_eq!(other.end(), Exit::Success);
    let without = desk.watch("--no-store");
    without.swept(6, 0);
    desk.save("grid.json", averages(&[5, 7, 10, 11]).to_string());
    without.swept(2, 6);
    assert_eq!(without.end(), Exit::Success);
    assert_eq!(swept_alone(&desk, &store), 6, "nothing came into the store without it");
}

#[test]
fn each_round_is_a_run_that_can_be_compared_and_computed_again() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10]));
    let store = format!("--store {}", desk.path("store").display());
    let watching = desk.watch(&store);
    watching.swept(4, 0);
    desk.save("grid.json", averages(&[5, 7, 10]).to_string());
    watching.swept(2, 4);
    assert_eq!(watching.end(), Exit::Success);
    let results = |what: &str| {
        let shown = crate::support::host(&format!("results {what} {store} --format json"));
        assert_eq!(shown.exit, Exit::Success, "{}", shown.err);
        serde_json::from_str::<Value>(&shown.out).unwrap()
    };
    let runs = results("runs")["runs"].take();
    let [now, then] = runs.as_array().unwrap().as_slice() else { panic!("{runs:#}") };
    for (run, combinations, known) in [(then, 4, 0), (now, 6, 4)] {
        assert_eq!((&run["command"], &run["outcome"]), (&json!("watch"), &json!("finished")), "{run:#}");
        assert_eq!((&run["combinations"], &run["known"]), (&json!(combinations), &json!(known)), "{run:#}");
    }
    let name = |run: &Value| run["run"].as_str().unwrap().to_owned();
    let difference = results(&format!("diff {} {}", name(then), name(now)));
    assert_eq!(
        (&difference["changes"]["equal"], &difference["changes"]["new"]),
        (&json!(4), &json!(2)),
        "{difference:#}"
    );
    let checked = results(&format!("verify {}", name(now)));
    assert_eq!((&checked["checked"], &checked["differing"]), (&json!(6), &json!(0)), "{checked:#}");
}

#[test]
fn rows_and_rankings_are_the_same_whether_run_or_known() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10, 60]));
    let [ran, known, timed] = ["ran.csv", "known.csv", "timed.csv"].map(|name| desk.path(name));
    let store = format!("--store {}", desk.path("store").display());
    // One combination is refused by the strategy, each time.
    let first = desk.watch(&format!("--out {} {store}", ran.display()));
    let one = first.swept(6, 0);
    assert_eq!(first.end(), Exit::SomeFailed);
    let second = desk.watch(&format!("--out {} {store}", known.display()));
    let other = second.swept(0, 6);
    assert_eq!(second.end(), Exit::SomeFailed);
    assert_eq!(fs::read(ran).unwrap(), fs::read(known).unwrap());
    assert_eq!((&one["ranking"], &one["failures"]), (&other["ranking"], &other["failures"]));
    assert_eq!(one["failures"][0]["error_kind"], "invalid-params");
    desk.save("grid.json", averages(&[5, 6]).to_string());
    let third = desk.watch(&format!("--out {} --timings {store}", timed.display()));
    third.swept(2, 2);
    assert_eq!(third.end(), Exit::Success);
    let mut reader = csv::Reader::from_path(timed).unwrap();
    let place = reader.headers().unwrap().iter().position(|name| name == "cached").unwrap();
    let cached: Vec<_> = reader.records().map(|row| row.unwrap()[place].to_owned()).collect();
    assert_eq!(cached, ["true", "true", "false", "false"]);
}

#[test]
fn a_store_that_takes_nothing_costs_a_note_and_no_round() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10]));
    // A file is where the store should be, and where one of its books should be.
    desk.save("file", "");
    let book = desk.path("store");
    let store = format!("--store {}", book.display());
    assert_eq!(swept_alone(&desk, &store), 0);
    let books = book.join("v1/books");
    let folder = fs::read_dir(&books).unwrap().next().unwrap().unwrap().path();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    let said = "remembered until this watch ends";
    for store in [format!("--store {}", desk.path("file").display()), store] {
        desk.save("p.wasm", component("sma_cross"));
        desk.save("grid.json", averages(&[5, 10]).to_string());
        let watching = desk.watch(&store);
        watching.swept(4, 0);
        watching.hear(said);
        desk.save("grid.json", averages(&[5, 7, 10]).to_string());
        watching.swept(2, 4);
        desk.save("p.wasm", component("bracket"));
        watching.swept(6, 0);
        desk.save("p.wasm", component("sma_cross"));
        watching.swept(0, 6);
        assert_eq!(watching.said().iter().filter(|line| line.contains(said)).count(), 0, "it is told once");
        assert_eq!(watching.end(), Exit::Success);
    }
}

#[test]
fn damage_in_the_store_is_told_and_runs_again() {
    let desk = Desk::new(&component("sma_cross"), &json!({ "fast": { "from": 1, "to": 30 }, "slow": [50, 60] }));
    let store = format!("--store {}", desk.path("store").display());
    assert_eq!(swept_alone(&desk, &store), 0);
    let files = || {
        let files = walkdir::WalkDir::new(desk.path("store")).into_iter().flatten();
        let cells = files.filter(|file| file.path().extension().is_some_and(|name| name == "cells"));
        cells.map(|file| file.into_path()).filter(|path| !path.to_string_lossy().contains("damaged"))
    };
    let file = files().next().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let watching = desk.watch(&store);
    let round = watching.next("swept");
    let (run, reused) = (round["run"].as_u64().unwrap(), round["reused"].as_u64().unwrap());
    assert!(run > 0 && run + reused == 60, "{run} run, {reused} known");
    assert!(watching.said().iter().any(|line| line.contains("is damaged")));
    assert_eq!(watching.end(), Exit::Success);
    assert_eq!(swept_alone(&desk, &store), 60);
}

#[test]
fn cells_that_depend_on_each_other_run_each_time() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5]));
    let watching = desk.watch("--tasks-per-fork 2");
    watching.swept(2, 0);
    desk.save("grid.json", averages(&[5, 6]).to_string());
    watching.swept(4, 0);
    let said = watching.said();
    assert_eq!(
        said.iter().filter(|line| line.contains("`--tasks-per-fork` are not remembered")).count(),
        1,
        "{said:#?}"
    );
    assert_eq!(watching.end(), Exit::Success);
}

/// A `host watch` in a process of its own, with its temporary folder in `desk`; returns it, what it writes and what it says.
fn process(desk: &Desk, flags: &[&str]) -> (std::process::Child, Receiver<String>, Receiver<String>) {
    let [plugin, grid] = ["p.wasm", "grid.json"].map(|name| desk.path(name));
    fs::create_dir_all(desk.path("tmp")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_host"))
        .args(["watch", "--no-cache", "--format", "json", "--plugin"])
        .args([&plugin, Path::new("--grid"), &grid])
        .args(flags)
        .env("TMPDIR", desk.path("tmp"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, out) = channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let (sender, err) = channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    (child, out, err)
}

fn interrupt(child: &std::process::Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(folder).min_depth(1).into_iter().flatten();
    files.map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn a_watch_without_a_store_leaves_nothing_behind() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10]));
    let (mut child, out, _err) = process(&desk, &["--no-store"]);
    let round = || serde_json::from_str::<Value>(&out.recv_timeout(DEADLINE).unwrap()).unwrap();
    assert_eq!(round()["run"], 4);
    assert!(!files_in(&desk.path("tmp")).is_empty());
    desk.save("grid.json", averages(&[5, 7, 10]).to_string());
    let second = round();
    assert_eq!((&second["run"], &second["reused"]), (&json!(2), &json!(4)));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(files_in(&desk.path("tmp")), Vec::<PathBuf>::new());
    // One that is killed cannot; the next one does.
    let (mut child, out, _err) = process(&desk, &["--no-store"]);
    out.recv_timeout(DEADLINE).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!files_in(&desk.path("tmp")).is_empty());
    let (mut child, out, _err) = process(&desk, &["--no-store"]);
    out.recv_timeout(DEADLINE).unwrap();
    interrupt(&child);
    child.wait().unwrap();
    assert_eq!(files_in(&desk.path("tmp")), Vec::<PathBuf>::new());
}

#[test]
fn a_killed_watch_goes_on_where_it_was() {
    let desk = Desk::new(&component("sma_cross"), &long());
    let (store, results) = (desk.path("store"), desk.path("results.csv"));
    let flags = ["--data", BARS, "--store", store.to_str().unwrap(), "--out", results.to_str().unwrap()];
    let (mut child, _out, _err) = process(&desk, &flags);
    let kept =
        || files_in(&store).iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum::<u64>();
    while kept() < 1_000_000 && child.try_wait().unwrap().is_none() {
        thread::park_timeout(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!results.exists());
    let (mut child, out, _err) = process(&desk, &flags);
    let round: Value = serde_json::from_str(&out.recv_timeout(DEADLINE).unwrap()).unwrap();
    let (run, reused) = (round["run"].as_u64().unwrap(), round["reused"].as_u64().unwrap());
    assert!(reused > 0 && run + reused == 100_000, "{run} run, {reused} known");
    interrupt(&child);
    child.wait().unwrap();
    assert_eq!(rows_of(&results).len(), 100_000);
    let litter: Vec<_> = files_in(&desk.path("tmp"));
    assert!(litter.is_empty(), "{litter:?}");
}

#[test]
fn a_stopped_round_leaves_the_file_of_the_last_complete_one() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5]));
    for name in ["results.csv", "results.parquet"] {
        desk.save("grid.json", averages(&[5]).to_string());
        let out = desk.path(name);
        let watching = desk.watch(&format!("--out {} --metrics sharpe", out.display()));
        watching.swept(2, 0);
        let before = fs::read(&out).unwrap();
        // Long enough, whatever the machine.
        desk.save(
            "grid.json",
            json!({ "fast": { "from": 1, "to": 900 }, "slow": { "from": 901, "to": 1900 } }).to_string(),
        );
        thread::park_timeout(Duration::from_millis(700));
        desk.save("grid.json", averages(&[6]).to_string());
        let stopped = watching.next("stopped");
        assert!(stopped["run"].as_u64().unwrap() < 900_000);
        // The round after it is complete, and nothing else is there.
        watching.swept(2, 0);
        assert_eq!(watching.end(), Exit::Success);
        assert_ne!(fs::read(&out).unwrap(), before);
        let partial = files_in(&desk.path("")).into_iter().filter(|path| path.to_string_lossy().contains("partial"));
        assert_eq!(partial.collect::<Vec<_>>(), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_store_among_the_sources_is_none_of_them() {
    let desk = project(&[("sma_cross", component("sma_cross")), ("sma_rolling", component("sma_rolling"))]);
    desk.save("project/strategy.py", "sma_cross");
    let watching = watch_project(&desk, &format!("--store {}", desk.path("project/known").display()));
    watching.swept(2, 0);
    desk.save("project/strategy.py", "sma_rolling");
    watching.swept(2, 0);
    desk.save("project/strategy.py", "sma_cross");
    watching.swept(0, 2);
    assert!(desk.path("project/known/v1/books").is_dir());
    assert_eq!(watching.end(), Exit::Success);
}

#[test]
fn bytes_that_are_the_same_run_nothing() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5]));
    let watching = desk.watch("");
    watching.swept(2, 0);
    desk.save("p.wasm", component("sma_cross"));
    assert_eq!(watching.next("unchanged")["files"], json!([desk.path("p.wasm")]));
    desk.save("grid.json", averages(&[5]).to_string());
    assert_eq!(watching.next("unchanged")["files"], json!([desk.path("grid.json")]));
    // The same grid in other words is another file, and the same cells.
    desk.save("grid.json", format!("{:#}", averages(&[5])));
    assert_eq!(watching.swept(0, 2)["changes"]["equal"], 2);
    assert_eq!(watching.end(), Exit::Success);
}

#[test]
fn only_the_new_cells_of_a_grid_run() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10]));
    let out = desk.path("results.csv");
    let watching = desk.watch(&format!("--out {} --metrics sharpe,trades", out.display()));
    watching.swept(4, 0);
    let first = rows_of(&out);
    desk.save("grid.json", averages(&[5, 7, 10]).to_string());
    let second = watching.swept(2, 4);
    assert_eq!((&second["changed"], &second["changes"]["new"]), (&json!(["grid"]), &json!(2)));
    assert_eq!((&second["changes"]["equal"], &second["changes"]["gone"]), (&json!(4), &json!(0)));
    let all = rows_of(&out);
    assert_eq!((first.len(), all.len()), (4, 6));
    // The column `cell` has the place in the grid, which has grown.
    let plain = |rows: &[Vec<String>]| rows.iter().map(|row| [&row[..2], &row[3..]].concat()).collect::<Vec<_>>();
    let known = [&all[..2], &all[4..]].concat();
    assert_eq!(plain(&known), plain(&first), "what was not run again is written as it was");
    // Another objective is another look at the same cells.
    let mut other = averages(&[5, 7, 10]);
    other["objective"] = json!("trades");
    other["direction"] = json!("min");
    desk.save("grid.json", other.to_string());
    assert_eq!(watching.swept(0, 6)["changes"], Value::Null);
    // A metric that was not computed is no such thing.
    other["objective"] = json!("calmar");
    other["direction"] = json!("max");
    desk.save("grid.json", other.to_string());
    assert_eq!(watching.swept(6, 0)["objective"], "calmar");
    desk.save("grid.json", averages(&[7]).to_string());
    assert_eq!(watching.swept(0, 2)["ranking"].as_array().unwrap().len(), 2);
    assert_eq!(watching.end(), Exit::Success);
}

#[test]
fn a_sweep_in_parts_gives_what_one_sweep_gives() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[10]));
    let [watched, whole] = ["watched.csv", "whole.csv"].map(|name| desk.path(name));
    let bars = fs::read_to_string(BARS).unwrap();
    let (one, other) = (PathBuf::from(BARS), desk.path("other.csv"));
    desk.save("other.csv", bars.split_inclusive('\n').take(30).collect::<String>());
    let flags = format!("--data {} {} --each-symbol --cash 5000", one.display(), other.display());
    let watching = desk.watch(&format!("--out {} {flags}", watched.display()));
    watching.swept(4, 0);
    let grid = json!({ "slow": [20, 30, 50], "fast": [5, 10], "constraints": ["fast < 9 or slow > 25"] });
    desk.save("grid.json", grid.to_string());
    watching.swept(8, 2);
    // The bars of one symbol are others: the cells of the other one stay.
    desk.save("other.csv", bars.split_inclusive('\n').take(40).collect::<String>());
    watching.swept(5, 5);
    assert_eq!(watching.end(), Exit::Success);
    let [plugin, grid] = ["p.wasm", "grid.json"].map(|name| desk.path(name).display().to_string());
    let run = crate::support::host(&format!("sweep --plugin {plugin} --grid {grid} --out {} {flags}", whole.display()));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert_eq!(rows_of(&watched), rows_of(&whole));
}

#[test]
fn a_bad_build_is_told_once_and_the_good_results_stay() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10]));
    let watching = desk.watch("");
    watching.swept(4, 0);
    desk.save("p.wasm", "no component");
    let refused = watching.next("refused");
    assert!(refused["errors"][0].as_str().unwrap().contains("p.wasm"), "{refused:#}");
    watching.hear("error: ");
    watching.hear("the earlier results stay");
    desk.save("p.wasm", "no component");
    watching.next("unchanged");
    desk.save("grid.json", averages(&[5]).to_string());
    watching.next("waiting");
    desk.save("grid.json", averages(&[5, 10]).to_string());
    watching.next("waiting");
    assert!(!watching.said().iter().any(|line| line.contains("error: ")), "the same bytes are told once");
    // Without `fast`, a build is none for this grid.
    desk.save("p.wasm", component("momentum"));
    assert!(watching.next("refused")["errors"][0].as_str().unwrap().contains("`fast`"));
    // It fails to prepare.
    desk.save("p.wasm", parameterised("unreachable", 1, None));
    watching.next("refused");
    desk.save("p.wasm", component("sma_cross"));
    assert_eq!(watching.swept(0, 4)["changes"]["equal"], 4);
    desk.save("grid.json", "{\"fast\": [5");
    assert!(watching.next("refused")["errors"][0].as_str().unwrap().contains("grid.json"));
    desk.save("grid.json", averages(&[5, 10]).to_string());
    watching.swept(0, 4);
    assert_eq!(watching.end(), Exit::Success);
}

#[test]
fn what_fails_now_and_what_is_mended_is_counted_with_an_example() {
    // Fails where `n` is above 5, or below 2.
    let failing = |test: &str| {
        let evaluate = format!("(if ({test}) (then unreachable)) (i32.const 128)");
        parameterised(&evaluate, 5, None)
    };
    let above = failing("i64.gt_s (i64.load offset=16 (local.get 0)) (i64.const 5)");
    let below = failing("i64.lt_s (i64.load offset=16 (local.get 0)) (i64.const 2)");
    let desk = Desk::new(&above, &json!({ "n": [1, 2, 5, 6, 7], "objective": "total_return" }));
    let watching = desk.watch("");
    let first = watching.swept(5, 0);
    assert_eq!((&first["succeeded"], first["failures"][0]["count"].as_u64()), (&json!(3), Some(2)));
    desk.save("p.wasm", &below);
    let second = watching.swept(5, 0);
    let changes = &second["changes"];
    assert_eq!((&changes["mended"], &changes["newly_failed"], &changes["equal"]), (&json!(2), &json!(1), &json!(2)));
    assert_eq!((&changes["still_failing"], &changes["better"]), (&json!(0), &json!(0)));
    let failed = &second["newly_failed"][0];
    assert_eq!((&failed["error_kind"], &failed["example"]["task_id"]), (&json!("trap"), &json!("n=1")));
    assert_eq!(watching.end(), Exit::SomeFailed);
}

#[test]
fn files_that_are_gone_or_not_whole_are_waited_for() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5]));
    fs::remove_file(desk.path("p.wasm")).unwrap();
    let watching = desk.watch("");
    assert_eq!(watching.next("missing")["files"], json!([desk.path("p.wasm")]));
    let component = component("sma_cross");
    desk.save("p.wasm", &component[..component.len() / 2]);
    watching.next("incomplete");
    desk.save("p.wasm", &component);
    watching.swept(2, 0);
    for name in ["p.wasm", "grid.json"] {
        let bytes = fs::read(desk.path(name)).unwrap();
        fs::remove_file(desk.path(name)).unwrap();
        assert_eq!(watching.next("missing")["files"], json!([desk.path(name)]));
        desk.save(name, bytes);
        assert_eq!(watching.next("unchanged")["files"], json!([desk.path(name)]));
    }
    // What stays half is told as what it is.
    desk.save("p.wasm", &component[..component.len() / 2]);
    watching.next("incomplete");
    watching.next("refused");
    assert_eq!(watching.end(), Exit::Success);
}

#[test]
fn other_bars_are_another_sweep_and_the_same_bars_are_none() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5]));
    let bars = fs::read_to_string(BARS).unwrap();
    let few: String = bars.split_inclusive('\n').take(40).collect();
    desk.save("bars.csv", &bars);
    let watching = desk.watch(&format!("--data {}", desk.path("bars.csv").display()));
    let first = watching.swept(2, 0);
    desk.save("bars.csv", &few);
    let second = watching.swept(2, 0);
    assert_eq!(second["changed"], json!(["data"]));
    assert_ne!(second["data_hash"], first["data_hash"]);
    desk.save("bars.csv", few.trim_end());
    assert_eq!(watching.next("unchanged")["files"], json!([desk.path("bars.csv")]));
    desk.save("bars.csv", "Date,Open\n");
    watching.next("refused");
    desk.save("bars.csv", &bars);
    assert_eq!(watching.swept(0, 2)["ranking"], first["ranking"]);
    assert_eq!(watching.end(), Exit::Success);
}

/// A sweep that nobody waits for.
fn long() -> Value {
    json!({ "fast": { "from": 1, "to": 100 }, "slow": { "from": 101, "to": 1100 } })
}

#[test]
fn a_save_stops_the_sweep_and_what_was_finished_is_kept() {
    let desk = Desk::new(&component("sma_cross"), &long());
    let watching = desk.watch("");
    watching.hear("sweep: 100000 combinations");
    // The first cell of the long one.
    desk.save("grid.json", json!({ "fast": 1, "slow": 101 }).to_string());
    let stopped = watching.next("stopped");
    assert_eq!(stopped["files"], json!([desk.path("grid.json")]));
    let ran = stopped["run"].as_u64().unwrap();
    assert!(ran < 100_000);
    let finished = u64::from(ran > 0);
    watching.swept(1 - finished, finished);
    assert_eq!(watching.end(), Exit::Success);
}

#[test]
fn ctrl_c_in_a_sweep_ends_it_as_interrupted() {
    let desk = Desk::new(&component("sma_cross"), &long());
    let watching = desk.watch("");
    watching.hear("sweep: 100000 combinations");
    assert_eq!(watching.end(), Exit::Interrupted);
}

#[test]
fn people_see_the_best_the_counts_and_the_ranking() {
    let desk = Desk::new(&component("sma_cross"), &averages(&[5, 10]));
    let [plugin, grid] = ["p.wasm", "grid.json"].map(|name| desk.path(name).display().to_string());
    let watching = Watching::start(&format!("--plugin {plugin} --grid {grid}"));
    let table = |rows: usize| -> Vec<String> { (0..rows + 2).map(|_| watching.line()).collect() };
    assert!(table(4)[0].starts_with("rank  fast  slow"));
    desk.save("p.wasm", component("bracket"));
    assert_eq!(watching.line(), "");
    let best = table(2);
    assert!(best[0].starts_with("best") && best[2].starts_with("then") && best[3].starts_with("now"), "{best:#?}");
    assert_eq!(watching.line(), "");
    let counts = watching.line();
    assert!(counts.contains(" better, ") && counts.ends_with(" equal, by sharpe"), "{counts}");
    assert_eq!(watching.line(), "");
    assert!(table(4)[0].starts_with("largest"));
    assert_eq!(watching.line(), "");
    assert!(table(4)[0].starts_with("rank  fast  slow"));
    watching.hear("round 2, new plugin: load ");
    assert_eq!(watching.end(), Exit::Success);
}

#[test]
fn what_cannot_be_watched_is_refused_with_the_way_out() {
    check_refused("watch", &["no plugin to watch", "--plugin FILE", "--build DIR"]);
    check_refused("watch --plugin momentum --param lookback=5", &["never changes", "--plugin ./momentum.wasm"]);
    check_refused("watch --plugin a.wasm", &["no grid to watch", "--grid FILE"]);
    check_refused("watch --plugin a.wasm --grid grid.yaml", &["grid.yaml"]);
    check_refused("watch --plugin a.wasm --param fast=1..", &["fast=1.."]);
    check_refused("watch --plugin a.wasm --param a=1 --objective luck", &["`luck`"]);
    check_refused("watch --plugin a.wasm --param a=1 --out a.wasm", &["a.wasm", "another file"]);
    check_refused("watch --plugin a.wasm --param a=1 --out nowhere/a.csv", &["no directory"]);
    check_refused("watch --build nowhere --param a=1", &["folder `nowhere` does not exist", "host new"]);
    check_refused("watch --plugin a.wasm --param a=1 --bounds", &["--bounds"]);
}

#[test]
fn more_cells_than_can_be_remembered_are_refused() {
    let desk = Desk::new(&component("sma_cross"), &json!({ "fast": { "from": 1, "to": 2000 }, "slow": [2001, 4000] }));
    let watching = desk.watch("--param slow=2001..2501");
    let refused = watching.next("refused");
    assert!(refused["errors"][0].as_str().unwrap().contains("`--sample N`"), "{refused:#}");
    desk.save("grid.json", json!({ "fast": { "from": 1, "to": 2000 }, "sample": 3 }).to_string());
    watching.swept(3, 0);
    assert_eq!(watching.end(), Exit::Success);
}

/// A project in Python whose compiler is a script: `strategy.py` says which of the components beside the compiler it makes.
/// Every build leaves another lock.
fn project(components: &[(&str, Vec<u8>)]) -> Desk {
    let desk = Desk { folder: Folder::new() };
    let tools = desk.path("project/.venv/bin");
    fs::create_dir_all(&tools).unwrap();
    desk.save("project/strategy.toml", "language = \"python\"\nname = \"mine\"\n");
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo \"componentize-py 0.25.1\"; exit; fi\n\
        for last; do :; done\ndate +%s%N > uv.lock\ncp \"$(dirname \"$0\")/$(cat strategy.py).wasm\" \"$last\"\n";
    fs::write(tools.join("componentize-py"), script).unwrap();
    fs::set_permissions(tools.join("componentize-py"), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, bytes) in components {
        fs::write(tools.join(name).with_extension("wasm"), bytes).unwrap();
    }
    desk
}

fn watch_project(desk: &Desk, flags: &str) -> Watching {
    let project = desk.path("project").display().to_string();
    Watching::start(&format!("--build {project} --param fast=5,10 --param slow=50 --format json {flags}"))
}

#[test]
fn sources_are_built_before_the_sweep_and_after_every_save() {
    let components = ["sma_cross", "sma_rolling", "cheat_tomorrow"].map(|name| (name, component(name)));
    let desk = project(&components);
    desk.save("project/strategy.py", "sma_cross");
    let out = desk.path("project/results.csv");
    let watching = watch_project(&desk, &format!("--out {}", out.display()));
    let first = watching.swept(2, 0);
    assert!(first["seconds"]["build"].as_f64().is_some());
    let built = desk.path("project/mine.wasm");
    assert_eq!(fs::read(&built).unwrap(), component("sma_cross"));
    assert_eq!(rows_of(&out).len(), 2);

    desk.save("project/strategy.py", "sma_rolling");
    watching.swept(2, 0);
    assert_eq!(fs::read(&built).unwrap(), component("sma_rolling"));
    desk.save("project/strategy.py", "no_such");
    let refused = watching.next("refused");
    assert!(refused["errors"][0].as_str().unwrap().contains("no_such.wasm"), "all that the compiler says: {refused:#}");
    desk.save("project/strategy.py", "cheat_tomorrow");
    assert!(watching.next("refused")["errors"][0].as_str().unwrap().contains("is not written"));
    watching.hear("look-ahead");
    assert_eq!(fs::read(&built).unwrap(), component("sma_rolling"));
    // Another comment, the same component.
    fs::create_dir(desk.path("project/notes")).unwrap();
    desk.save("project/strategy.py", "sma_cross");
    watching.swept(0, 2);
    desk.save("project/notes/one.txt", "a note");
    assert_eq!(watching.next("unchanged")["files"], json!([built]));
    // What it writes itself is no reason to build: nothing came between these rounds.
    assert_eq!(watching.end(), Exit::Success);
}

#[test]
fn a_real_ctrl_c_ends_a_process_that_waits_with_the_code_of_its_last_sweep() {
    let desk = Desk::new(&component("sma_cross"), &json!({ "fast": [5, 60], "slow": 50 }));
    let (mut child, out, err) = process(&desk, &[]);
    let round: Value = serde_json::from_str(&out.recv_timeout(DEADLINE).unwrap()).unwrap();
    assert_eq!((&round["succeeded"], &round["failures"][0]["error_kind"]), (&json!(1), &json!("invalid-params")));
    while !err.recv_timeout(DEADLINE).unwrap().contains("Ctrl-C ends") {}
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(10));
}
