//! The ledger of runs, the counts of trials, and known results that are computed again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

const HOST: &str = env!("CARGO_BIN_EXE_host");
const GRID: [&str; 4] = ["--param", "lookback=1..40", "--param", "threshold=0,0.1"];

struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn host(&self, options: &[&str]) -> Output {
        Command::new(HOST).args(options).arg("--store").arg(self.path("store")).output().unwrap()
    }

    fn sweep(&self, options: &[&str]) -> Output {
        self.host(&[&["sweep", "--workers", "2"], options].concat())
    }

    fn results(&self, options: &[&str]) -> Output {
        self.host(&[&["results"], options].concat())
    }

    fn json(&self, options: &[&str]) -> Value {
        let shown = self.results(&[options, &["--format", "json"]].concat());
        serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", said(&shown)))
    }

    fn runs(&self) -> Vec<Value> {
        self.json(&["runs"])["runs"].as_array().unwrap().clone()
    }

    fn last_run(&self) -> String {
        self.runs()[0]["run"].as_str().unwrap().to_owned()
    }

    /// Checks that there is one data set with so many trials.
    fn check_trials(&self, expected: u64) {
        let data = self.json(&["trials"])["data"].take();
        assert_eq!((data[0]["trials"].as_u64(), data.as_array().unwrap().len()), (Some(expected), 1));
    }

    /// The files of cells, the largest last.
    fn cells(&self) -> Vec<PathBuf> {
        let all = walkdir::WalkDir::new(self.path("store/v1/books")).into_iter().flatten();
        let mut cells: Vec<_> = all
            .map(walkdir::DirEntry::into_path)
            .filter(|path| path.extension().is_some_and(|end| end == "cells"))
            .collect();
        cells.sort_by_key(|path| fs::metadata(path).unwrap().len());
        cells
    }
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&run.stderr).into_owned()
}

fn ok(run: &Output) -> String {
    assert!(run.status.success(), "{}", said(run));
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
fn each_run_says_what_it_was_and_how_it_ended() {
    let store = Folder::new();
    let empty = store.results(&["runs"]);
    assert_eq!((empty.status.code(), said(&empty).contains("does not exist")), (Some(2), true));
    let out = store.path("out.csv");
    ok(&store.sweep(&[&GRID[..], &["--out", out.to_str().unwrap(), "--commission", "3"]].concat()));
    ok(&store.sweep(&[&GRID[..], &["--commission", "3"]].concat()));
    let failing = ["--plugin", "tests/plugins/faulty/faulty.wasm", "--param", "behaviour=fine,panic"];
    assert_eq!(store.sweep(&failing).status.code(), Some(10));
    let runs = store.runs();
    let numbers = |run: &Value| ["combinations", "known", "failed"].map(|name| run[name].as_u64().unwrap());
    assert_eq!(runs.iter().map(numbers).collect::<Vec<_>>(), [[2, 0, 1], [80, 80, 0], [80, 0, 0]]);
    assert!(runs.iter().all(|run| run["outcome"] == "finished" && run["command"] == "sweep"));
    // The second one shows a ranking, whose metrics are those of a file, too.
    let first = runs[2]["run"].as_str().unwrap();
    let shown = store.json(&["show", &first[..6]]);
    assert_eq!(shown["request"]["account"]["commission_bps"], 3.0, "{shown}");
    assert_eq!((&shown["plugin"], &shown["first_bar"]), (&"momentum".into(), &"1986-03-13".into()));
    assert!(shown["out"].as_str().unwrap().ends_with("out.csv"), "{shown}");
    assert_eq!(shown["best"], runs[2]["best"]);
    let table = ok(&store.results(&["show", first]));
    assert!(table.contains("request.account.commission_bps  3"), "{table}");
    // Each has a book, too.
    let list = store.json(&["list"]);
    let book = list["books"][0]["book"].as_str().unwrap().to_owned();
    assert_eq!(store.json(&["show", &book])["plugin"], list["books"][0]["plugin"]);
    for (name, problem) in [("zzzz", "no run and no book begins with"), ("a", "is too short for a run")] {
        let unknown = store.results(&["show", name]);
        assert_eq!((unknown.status.code(), said(&unknown).contains(problem)), (Some(2), true), "{}", said(&unknown));
    }
    let last = ok(&store.results(&["runs", "--last", "1"]));
    assert_eq!(last.lines().count(), 3, "{last}");
}

#[test]
fn a_run_that_was_killed_or_interrupted_says_so() {
    let store = Folder::new();
    for (signal, outcome) in [("KILL", "running or killed"), ("INT", "interrupted")] {
        let mut command = Command::new(HOST);
        command.args(["sweep", "--workers", "1", "--param", "lookback=1..2000", "--param", "threshold=0..0.99:0.01"]);
        command.arg("--store").arg(store.path("store")).stderr(Stdio::null()).stdout(Stdio::null());
        let mut running = command.spawn().unwrap();
        let since = Instant::now();
        // Cells are there once it runs.
        let before = store.cells().len();
        while store.cells().len() == before {
            assert!(since.elapsed() < Duration::from_secs(60));
            std::thread::park_timeout(Duration::from_millis(5));
        }
        assert!(Command::new("kill").args(["-s", signal, &running.id().to_string()]).status().unwrap().success());
        running.wait().unwrap();
        assert_eq!(store.runs()[0]["outcome"], outcome);
    }
    // What was killed had not counted its trials.
    let results = store.json(&["list"])["cells"].as_u64().unwrap();
    let trials = store.json(&["trials"])["data"][0]["trials"].as_u64().unwrap();
    assert!(results > 0 && trials.abs_diff(results) * 25 <= results, "{trials} trials of {results} results");
    let interrupted = &store.runs()[0];
    assert!(interrupted["combinations"].as_u64().unwrap() < 200_000, "{interrupted}");
}

#[test]
fn trials_are_counted_once_whatever_happens_to_their_results() {
    let store = Folder::new();
    ok(&store.sweep(&GRID));
    ok(&store.sweep(&GRID));
    store.check_trials(80);
    ok(&store.sweep(&["--param", "lookback=31..50", "--param", "threshold=0"]));
    store.check_trials(90);
    // Another plugin's are others; those that failed have no result to choose from.
    assert_eq!(
        store
            .sweep(&["--plugin", "tests/plugins/faulty/faulty.wasm", "--param", "behaviour=fine,panic,trap"])
            .status
            .code(),
        Some(10)
    );
    store.check_trials(91);
    // Another account is no other trial.
    ok(&store.sweep(&[&GRID[..], &["--commission", "9"]].concat()));
    store.check_trials(91);
    fs::remove_dir_all(store.path("store/v1/books")).unwrap();
    fs::create_dir(store.path("store/v1/books")).unwrap();
    store.check_trials(91);
    // A symbol alone is as the data that have no other.
    ok(&store.sweep(&["--each-symbol", "--param", "lookback=51..60", "--param", "threshold=0"]));
    store.check_trials(101);
}

#[test]
fn a_plugin_is_kept_as_long_as_a_book_has_its_results() {
    let store = Folder::new();
    let plugin = store.path("mine.wasm");
    fs::copy("plugins/momentum/momentum.wasm", &plugin).unwrap();
    ok(&store.sweep(&[&GRID[..], &["--plugin", plugin.to_str().unwrap()]].concat()));
    let kept =
        || fs::read_dir(store.path("store/v1/plugins")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert_eq!(fs::read(&kept()[0]).unwrap(), fs::read(&plugin).unwrap());
    // The build is overwritten; what it gave can still be computed again.
    fs::copy("plugins/sma_cross/sma_cross.wasm", &plugin).unwrap();
    assert!(ok(&store.results(&["verify"])).starts_with("80 known results of run "));
    let old = std::time::SystemTime::now() - Duration::from_secs(7200);
    let age = |path: &Path| fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    let files = walkdir::WalkDir::new(store.path("store")).into_iter().flatten();
    files.filter(|file| file.file_type().is_file()).for_each(|file| age(file.path()));
    assert!(said(&store.results(&["prune", "--size", "0"])).contains("removed 1 books"));
    assert_eq!((kept().len(), store.runs().len()), (0, 1));
    store.check_trials(80);
    let gone = store.results(&["verify"]);
    assert_eq!(gone.status.code(), Some(2));
    assert!(said(&gone).contains("is not the plugin of run"), "{}", said(&gone));
    let gone = store.results(&["verify", "--plugin", "plugins/momentum/momentum.wasm"]);
    assert!(said(&gone).contains("the store has no result of run"), "{}", said(&gone));
}

/// Changes one bit of a number in a file of cells, so that the file looks whole.
fn forge(path: &Path) {
    const HEAD: usize = 12;
    let mut bytes = fs::read(path).unwrap();
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let layout = b"host cells 1\n".len();
    let block = layout + HEAD + word(&bytes, layout + 4) as usize;
    let (length, content) = (word(&bytes, block + 4) as usize, block + HEAD);
    let rows = word(&bytes, content) as usize;
    bytes[content + 4 + 32 * rows] ^= 1;
    let mut check = crc32fast::Hasher::new();
    check.update(&bytes[block + 4..block + 8]);
    check.update(&bytes[content..content + length]);
    bytes[block + 8..block + 12].copy_from_slice(&check.finalize().to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_known_result_that_is_not_what_is_computed_is_found_and_set_aside() {
    let store = Folder::new();
    ok(&store.sweep(&GRID));
    let same = store.sweep(&[&GRID[..], &["--verify-store", "1", "--backend", "processes"]].concat());
    ok(&same);
    assert!(said(&same).contains("80 known results were run again, and are the same bit for bit"), "{}", said(&same));
    assert!(said(&same).contains("80 were known, 0 were run"), "{}", said(&same));
    for backend in ["threads", "processes"] {
        forge(store.cells().last().unwrap());
        let found = store.sweep(&[&GRID[..], &["--quiet", "--verify-store", "1", "--backend", backend]].concat());
        assert_eq!(found.status.code(), Some(12));
        assert!(said(&found).contains("1 of 80 known results that were run again differ"), "{}", said(&found));
        let again = store.sweep(&GRID);
        ok(&again);
        assert!(!said(&again).contains("were known"), "{}", said(&again));
    }
    forge(store.cells().last().unwrap());
    let found = store.results(&["verify", "--sample", "80"]);
    assert_eq!(found.status.code(), Some(12));
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(text.starts_with("1 of 80 known results of run ") && text.contains("sharpe"), "{text}");
    assert!(said(&found).contains("their book is set aside in"), "{}", said(&found));
    assert!(said(&store.results(&["verify"])).contains("the store has no result of run"));
    let share = store.sweep(&["--verify-store", "2"]);
    assert!(said(&share).contains("give a number above 0, up to 1"), "{}", said(&share));
}

#[test]
fn what_is_verified_is_of_the_same_data_symbols_and_metrics() {
    let store = Folder::new();
    let bars = |name: &str, factor: f64| {
        let day = |day: i32| {
            format!("2024-{:02}-{:02},1,2,1,{}\n", 1 + day / 28, 1 + day % 28, 1.0 + f64::from(day % 7) * factor)
        };
        let path = store.path(name);
        fs::write(&path, format!("date,open,high,low,close\n{}", (0..90).map(day).collect::<String>())).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, two) = (bars("one.csv", 0.1), bars("two.csv", 0.12));
    let grid = ["--each-symbol", "--param", "lookback=1..40", "--where", "lookback % 2 == 0", "--data", &one, &two];
    ok(&store.sweep(&[&grid[..], &["--out", store.path("all.parquet").to_str().unwrap()]].concat()));
    let run = store.last_run();
    let verified = store.json(&["verify", &run, "--sample", "30", "--seed", "5"]);
    assert_eq!((&verified["checked"], &verified["differing"]), (&30.into(), &0.into()), "{verified}");
    assert_eq!(store.json(&["verify", &run])["checked"], 40);
    let moved = store.path("moved.csv");
    fs::rename(&one, &moved).unwrap();
    let gone = store.results(&["verify"]);
    assert_eq!(gone.status.code(), Some(2));
    assert!(said(&gone).contains("give them with `--data FILE`"), "{}", said(&gone));
    fs::rename(&moved, &one).unwrap();
    bars("two.csv", 0.13);
    let other = store.results(&["verify"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(said(&other).contains("are not those of run"), "{}", said(&other));
}

#[test]
fn a_ledger_that_is_damaged_or_cannot_be_written_costs_a_note() {
    let store = Folder::new();
    ok(&store.sweep(&GRID));
    let ledger = store.path("store/v1/runs.jsonl");
    fs::write(&ledger, [b"\xff not a line\n", &*fs::read(&ledger).unwrap()].concat()).unwrap();
    let runs = store.results(&["runs"]);
    assert!(ok(&runs).contains("finished") && said(&runs).contains("1 lines of"), "{}", said(&runs));
    fs::remove_file(&ledger).unwrap();
    fs::create_dir(&ledger).unwrap();
    let run = store.sweep(&GRID);
    ok(&run);
    assert!(said(&run).contains("80 were known") && said(&run).contains("runs.jsonl"), "{}", said(&run));
}

#[test]
fn two_runs_or_files_are_compared_cell_by_cell() {
    let store = Folder::new();
    let file = |name: &str| store.path(name).to_str().unwrap().to_owned();
    let (then, now) = (file("then.parquet"), file("now.parquet"));
    ok(&store.sweep(&[&GRID[..], &["--out", &then]].concat()));
    ok(&store.sweep(&[
        "--param",
        "lookback=11..50",
        "--param",
        "threshold=0,0.1",
        "--commission",
        "20",
        "--out",
        &now,
    ]));
    let runs = store.runs();
    let [new, old] = [0, 1].map(|at| runs[at]["run"].as_str().unwrap().to_owned());
    let diff = |options: &[&str]| store.json(&[&["diff"], options].concat());
    let expected = serde_json::json!({
        "better": 0, "worse": 60, "equal": 0, "newly_failed": 0, "still_failing": 0, "mended": 0,
        "newly_undefined": 0, "newly_defined": 0, "new": 20, "gone": 20,
    });
    let of_files = diff(&[&then, &now]);
    assert_eq!(of_files["changes"], expected, "{of_files}");
    // A run and its file are the same.
    for (one, other) in [(&then, &new), (&old, &now), (&old, &new)] {
        let of_runs = diff(&[one, other]);
        for name in ["changes", "best", "gains", "losses", "missing", "objective"] {
            assert_eq!(of_runs[name], of_files[name], "{name}");
        }
    }
    let same = diff(&[&old, &then]);
    assert_eq!((&same["changes"]["equal"], &same["gains"]), (&80.into(), &serde_json::json!([])));
    assert_eq!(of_files["best"]["then"]["task_id"], runs[1]["best"]);
    // A metric for which less is better.
    let fees = diff(&[&old, &new, "--objective", "fees"]);
    assert_eq!((&fees["changes"]["worse"], &fees["losses"].as_array().unwrap().len()), (&60.into(), &5));
    let table = store.results(&["diff", &old, &new, "--top", "2"]);
    let text = ok(&table);
    assert!(text.contains("0 better, 60 worse, 0 equal, 20 new, 20 gone, by sharpe"), "{text}");
    assert_eq!(text.matches("loss").count(), 2, "{text}");
}

#[test]
fn what_a_diff_lacks_is_told() {
    let store = Folder::new();
    ok(&store.sweep(&GRID));
    ok(&store.sweep(&["--param", "lookback=41..50"]));
    let runs = store.runs();
    let [new, old] = [0, 1].map(|at| runs[at]["run"].as_str().unwrap().to_owned());
    // A ranking has few metrics.
    let lacking = store.results(&["diff", &old, &new, "--objective", "omega"]);
    ok(&lacking);
    let note = format!("80 combinations of run {old} are left out, since the store has no `omega` of them");
    assert!(said(&lacking).contains(&note), "{}", said(&lacking));
    let (ranked, other) = (store.path("ranked.parquet"), store.path("other.csv"));
    ok(&store.sweep(&["--metrics", "sharpe", "--param", "lookback=1..3", "--out", ranked.to_str().unwrap()]));
    fs::write(&other, "a,b\n").unwrap();
    let (ranked, other) = (ranked.to_str().unwrap(), other.to_str().unwrap());
    for (sides, problem) in [
        ([ranked, &old, "--objective=omega"], "has no column `omega`"),
        ([other, &old, "--objective=sharpe"], "give results in Parquet, or a run"),
        (["0000", &old, "--objective=sharpe"], "is neither a run nor a file"),
        ([&old, &old, "--objective=sharp"], "sharpe"),
        (["no.parquet", &old, "--objective=sharpe"], "no.parquet"),
    ] {
        let refused = store.results(&[&["diff"], &sides[..]].concat());
        assert_eq!((refused.status.code(), said(&refused).contains(problem)), (Some(2), true), "{}", said(&refused));
    }
}

#[test]
fn symbols_and_shards_are_compared_each_with_itself() {
    let store = Folder::new();
    let bars = |name: &str, factor: f64| {
        let day = |day: i32| {
            format!("2024-{:02}-{:02},1,2,1,{}\n", 1 + day / 28, 1 + day % 28, 1.0 + f64::from(day % 7) * factor)
        };
        let path = store.path(name);
        fs::write(&path, format!("date,open,high,low,close\n{}", (0..90).map(day).collect::<String>())).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let data = [bars("one.csv", 0.1), bars("two.csv", 0.12), bars("three.csv", 0.13)];
    let sweep = |symbols: &[&str], more: &[&str]| {
        let grid = ["--each-symbol", "--param", "lookback=1..40", "--where", "lookback % 2 == 0", "--data"];
        ok(&store.sweep(&[&grid[..], symbols, more].concat()));
        store.last_run()
    };
    let [one, two, three] = data.each_ref().map(String::as_str);
    let then = sweep(&[one, two], &[]);
    let now = sweep(&[two, three], &[]);
    let diff = |then: &str, now: &str| {
        let changes = store.json(&["diff", then, now])["changes"].take();
        ["equal", "new", "gone"].map(|name| changes[name].as_u64().unwrap())
    };
    assert_eq!(diff(&then, &now), [20, 20, 20]);
    let file = store.path("shard.parquet");
    let shard = sweep(&[one, two], &["--shard", "2/3", "--out", file.to_str().unwrap()]);
    let [equal, new, gone] = diff(&then, &shard);
    assert_eq!((equal + gone, new), (40, 0));
    assert!((12..=15).contains(&equal), "{equal}");
    assert_eq!(diff(&then, file.to_str().unwrap()), [equal, new, gone]);
    let alone = store.sweep(&["--param", "lookback=1..40", "--shard", "2/3", "--out", file.to_str().unwrap()]);
    ok(&alone);
    let shard = store.last_run();
    assert_eq!(diff(&shard, file.to_str().unwrap())[1..], [0, 0]);
}

#[test]
fn a_label_or_a_line_that_was_changed_is_not_shown() {
    let store = Folder::new();
    ok(&store.sweep(&[&GRID[..], &["--commission", "5"]].concat()));
    let facts = walkdir::WalkDir::new(store.path("store")).into_iter().flatten();
    let facts = facts.map(walkdir::DirEntry::into_path).find(|path| path.ends_with("book.json")).unwrap();
    let text = fs::read_to_string(&facts).unwrap();
    assert!(text.contains("\"commission_bps\": 5.0"), "{text}");
    fs::write(&facts, text.replace("5.0", "4.0")).unwrap();
    assert_eq!(store.json(&["list"])["books"][0]["plugin"], "?");
    let again = store.sweep(&[&GRID[..], &["--commission", "5"]].concat());
    assert!(said(&again).contains("80 were known"), "{}", said(&again));
    assert_eq!(fs::read_to_string(&facts).unwrap(), text);
    let ledger = store.path("store/v1/runs.jsonl");
    let text = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, text.replace("\"combinations\":80", "\"combinations\":99")).unwrap();
    let runs = store.results(&["runs", "--format", "json"]);
    assert!(!ok(&runs).replace(' ', "").contains("\"combinations\":99"), "{}", ok(&runs));
    assert!(said(&runs).contains("2 lines of"), "{}", said(&runs));
}

#[test]
fn a_diff_counts_what_it_cannot_compare_as_neither_new_nor_gone() {
    let store = Folder::new();
    ok(&store.sweep(&["--param", "lookback=1..50", "--metrics", "max_drawdown", "--objective", "max_drawdown"]));
    ok(&store.sweep(&["--param", "lookback=1..60"]));
    let runs = store.runs();
    let [new, old] = [0, 1].map(|at| runs[at]["run"].as_str().unwrap().to_owned());
    // The first ran without it; what the second has of its combinations is in another book's cells only if the account is the same.
    let same = store.json(&["diff", &old, &new]);
    assert_eq!((&same["changes"]["equal"], &same["changes"]["new"]), (&50.into(), &10.into()), "{same}");
    let commission = ["--commission", "1", "--param", "lookback=1..50"];
    ok(&store.sweep(&[&commission[..], &["--metrics", "max_drawdown", "--objective", "max_drawdown"]].concat()));
    let last = store.last_run();
    let lacking = store.json(&["diff", &last, &new]);
    assert_eq!((&lacking["changes"]["new"], &lacking["missing"]["then"]), (&10.into(), &50.into()), "{lacking}");
    let other = store.json(&["diff", &new, &last, "--objective", "sharpe"]);
    assert_eq!((&other["changes"]["gone"], &other["missing"]["now"]), (&10.into(), &50.into()), "{other}");
}
