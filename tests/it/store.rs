//! The store of results, as a user meets it: nothing runs twice, nothing is lost, nothing stale is found.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use host::{
    backtest::{Market, Settings, Strategy},
    data::Dataset,
    model::{Params, Series},
    sandbox::{Limits, Plugin},
    sweep::{Instruments, ParallelBacktester, Part, Scope, StoredCells, SweepRequest, grid::Grid},
    task::ErrorKind,
};
use tempfile::TempDir;

const HOST: &str = env!("CARGO_BIN_EXE_host");
const FAULTY: &str = "tests/plugins/faulty/faulty.wasm";

struct Store {
    folder: TempDir,
}

impl Store {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(HOST);
        command.args(["sweep", "--workers", "2", "--no-cache"]).args(options).arg("--store").arg(self.path("store"));
        command
    }

    fn run(&self, options: &[&str]) -> Output {
        self.command(options).output().unwrap()
    }

    /// Runs a sweep, and returns how many of its cells were known.
    fn known(&self, options: &[&str]) -> u64 {
        let run = self.run(options);
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}");
        let known = said.split(" were known").next().filter(|_| said.contains(" were known"));
        known.map_or(0, |text| text.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

const GRID: [&str; 4] = ["--param", "lookback=1..40", "--param", "threshold=0,0.1"];

fn with<'a>(options: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    options.iter().chain(more).copied().collect()
}

#[test]
fn a_grown_grid_runs_what_is_new_and_files_are_the_same_bytes() {
    let store = Store::new();
    let out = |name: &str| store.path(name).to_str().unwrap().to_owned();
    assert_eq!(store.known(&GRID), 0);
    assert_eq!(store.known(&["--param", "lookback=1..44", "--param", "threshold=0,0.1"]), 80);
    for name in ["x.parquet", "x.csv", "x.jsonl"] {
        let (one, other) = (out(&format!("one-{name}")), out(&format!("other-{name}")));
        store.known(&with(&GRID, &["--out", &one]));
        assert_eq!(store.known(&with(&GRID, &["--out", &other])), 80, "{name}");
        let fresh = out(&format!("fresh-{name}"));
        let run = Command::new(HOST).args(["sweep", "--no-store", "--out", &fresh]).args(GRID).output().unwrap();
        assert!(run.status.success());
        let bytes = |path: &str| fs::read(path).unwrap();
        assert!(bytes(&one) == bytes(&other) && bytes(&one) == bytes(&fresh), "{name}");
    }
    let timed = out("timed.csv");
    store
        .known(&with(&["--param", "lookback=40..41", "--param", "threshold=0.1,0.2"], &["--out", &timed, "--timings"]));
    let mut reader = csv::Reader::from_path(timed).unwrap();
    let place = reader.headers().unwrap().iter().position(|name| name == "cached").unwrap();
    let cached: Vec<_> = reader.records().map(|row| row.unwrap()[place].to_owned()).collect();
    assert_eq!(cached, ["true", "false", "false", "false"]);
}

#[test]
fn symbols_failures_and_worker_processes_share_what_is_known() {
    let store = Store::new();
    let bars = |name: &str, factor: f64| {
        let day = |day: i32| {
            format!("2024-{:02}-{:02},1,2,1,{}\n", 1 + day / 28, 1 + day % 28, 1.0 + f64::from(day % 7) * factor)
        };
        let path = store.path(name);
        fs::write(&path, format!("date,open,high,low,close\n{}", (0..90).map(day).collect::<String>())).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, two) = (bars("one.csv", 0.1), bars("two.csv", 0.12));
    let both = with(&GRID, &["--each-symbol", "--data", &one, &two]);
    assert_eq!(store.known(&both), 0);
    assert_eq!(store.known(&with(&both, &["--backend", "processes"])), 160);
    assert_eq!(store.known(&with(&GRID, &["--each-symbol", "--data", &two])), 80, "a symbol's cells are its own");
    assert_eq!(store.known(&with(&GRID, &["--data", &two])), 80, "alone is together with nobody");
    let faulty =
        ["--plugin", FAULTY, "--param", "behaviour=fine,panic,trap", "--param", "seed=1..3", "--format", "json"];
    let (first, again) = (store.run(&faulty), store.run(&faulty));
    assert_eq!((first.status.code(), again.status.code()), (Some(10), Some(10)));
    assert_eq!(first.stdout, again.stdout);
    assert!(String::from_utf8_lossy(&again.stderr).contains("9 were known, 0 were run"));
}

/// Each input that can change a number, changed in turn.
#[test]
fn whatever_can_change_a_number_is_a_miss() {
    let store = Store::new();
    let data = store.path("bars.csv");
    let write = |last: &str| {
        let day = |day: u32| {
            format!("2024-{:02}-{:02},1,2,1,{}\n", 1 + day / 28, 1 + day % 28, 1.0 + f64::from(day % 7) / 10.0)
        };
        let days: String = (0..90).map(day).collect();
        fs::write(&data, format!("date,open,high,low,close\n{days}2024-05-01,1,2,1,{last}\n")).unwrap();
    };
    write("1.5");
    let plugin = store.path("plugin.wasm");
    fs::copy("plugins/momentum/momentum.wasm", &plugin).unwrap();
    let grid = with(&GRID, &["--data", data.to_str().unwrap(), "--plugin", plugin.to_str().unwrap()]);
    let plain = grid.clone();
    let same = |more: &[&str]| assert_eq!(store.known(&with(&plain, more)), 80, "{more:?} changes no number");
    let other = |more: &[&str]| {
        assert_eq!(store.known(&with(&plain, more)), 0, "{more:?} changes numbers");
        same(&[]);
    };
    assert_eq!(store.known(&grid), 0);
    same(&["--top", "3", "--objective", "total_return"]);
    same(&["--timeout", "7"]);
    same(&["--require", "trades >= 1"]);
    for more in [
        &["--commission", "1"][..],
        &["--slippage", "1"],
        &["--cash", "5000"],
        &["--fill", "close"],
        &["--rule", "gaps=stop"],
        &["--budget", "4e9"],
        &["--memory", "300"],
        &["--risk-free", "0.01"],
        &["--periods-per-year", "200"],
        &["--from", "2024-01-02"],
        &["--to", "2024-04-20"],
    ] {
        if store.run(&with(&plain, more)).status.code() == Some(2) {
            panic!("{more:?}: {}", String::from_utf8_lossy(&store.run(&with(&plain, more)).stderr));
        }
        let fresh = Store::new();
        fresh.known(&plain);
        assert_eq!(fresh.known(&with(&plain, more)), 0, "{more:?} changes numbers");
    }
    other(&["--tasks-per-fork", "2"]);
    write("1.6");
    assert_eq!(store.known(&grid), 0, "one bar differs");
    write("1.5");
    assert_eq!(store.known(&grid), 80, "and is as before");
    // A custom section changes the file, and nothing that it does.
    let mut bytes = fs::read(&plugin).unwrap();
    bytes.extend([0, 3, 1, b'x', 0]);
    fs::write(&plugin, bytes).unwrap();
    assert_eq!(store.known(&grid), 0, "another build");
}

#[test]
fn a_killed_sweep_goes_on_where_it_was_and_leaves_no_litter() {
    let store = Store::new();
    let grid = ["--param", "lookback=1..300", "--param", "threshold=0..0.49:0.01"];
    let (whole, again) = (store.path("whole.csv"), store.path("again.csv"));
    let run = Command::new(HOST).args(["sweep", "--no-store", "--out"]).arg(&whole).args(grid).output().unwrap();
    assert!(run.status.success());
    let out = with(&grid, &["--out", again.to_str().unwrap()]);
    let mut child = store.command(&out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let kept = || {
        let files = walkdir::WalkDir::new(store.path("store")).into_iter().flatten();
        files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|file| file.len()).sum::<u64>()
    };
    while kept() < 100_000 && child.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let known = store.known(&with(&out, &["--resume"]));
    assert!((1..15_000).contains(&known), "{known}");
    assert_eq!(fs::read(&whole).unwrap(), fs::read(&again).unwrap());
    assert_eq!(store.known(&out), 15_000);
    let litter = walkdir::WalkDir::new(store.path("store")).into_iter().flatten();
    let litter: Vec<_> = litter.filter(|file| file.file_name().to_string_lossy().contains("partial")).collect();
    assert!(litter.is_empty(), "{litter:?}");
}

#[test]
fn two_sweeps_at_once_are_both_right() {
    let store = Store::new();
    let grid = |from: u32| {
        [
            "--param".to_owned(),
            format!("lookback={from}..{}", from + 199),
            "--param".to_owned(),
            "threshold=0..0.49:0.01".to_owned(),
        ]
    };
    let out = [store.path("a.csv"), store.path("b.csv")];
    let grids = [grid(1), grid(101)];
    let start = |at: usize| {
        let options: Vec<_> = grids[at].iter().map(String::as_str).collect();
        store.command(&with(&options, &["--out", out[at].to_str().unwrap()])).stderr(Stdio::piped()).spawn().unwrap()
    };
    for child in [start(0), start(1)] {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    for (grid, out) in grids.iter().zip(&out) {
        let fresh = store.path("fresh.csv");
        let run = Command::new(HOST).args(["sweep", "--no-store", "--out"]).arg(&fresh).args(grid).output().unwrap();
        assert!(run.status.success());
        assert_eq!(fs::read(out).unwrap(), fs::read(&fresh).unwrap());
    }
    assert_eq!(store.known(&["--param", "lookback=1..300", "--param", "threshold=0..0.49:0.01"]), 15_000);
}

#[test]
fn resume_says_what_there_is_to_go_on_from() {
    let store = Store::new();
    let none = store.run(&with(&GRID, &["--resume"]));
    let said = String::from_utf8_lossy(&none.stderr);
    assert_eq!(none.status.code(), Some(2), "{said}");
    assert!(said.contains("`--resume` finds no result of this sweep in"), "{said}");
    assert!(!store.path("store/v1/books").read_dir().unwrap().any(|_| true), "what keeps nothing leaves nothing");
    store.known(&GRID);
    assert_eq!(store.known(&with(&GRID, &["--resume"])), 80);
    let other = store.run(&["--param", "lookback=500..510", "--resume"]);
    assert_eq!(other.status.code(), Some(2), "none of its combinations is known");
    let both = Command::new(HOST).args(["sweep", "--resume", "--no-store"]).args(GRID).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

fn sweep_ok(command: &mut Command) -> String {
    let run = command.output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{said}");
    said
}

#[test]
fn a_store_that_cannot_be_used_costs_a_note_and_no_result() {
    use std::os::unix::fs::PermissionsExt as _;
    let store = Store::new();
    // A file is where the folder should be.
    fs::write(store.path("file"), "").unwrap();
    let mut blocked = Command::new(HOST);
    let said = sweep_ok(blocked.args(["sweep", "--store"]).arg(store.path("file")).args(GRID));
    assert!(said.contains("the store cannot be used"), "{said}");
    // A file may not grow beyond a few blocks of the shell's.
    let limited = format!(
        "ulimit -f 6000; exec {HOST} sweep --no-cache {} --store {}",
        GRID.join(" "),
        store.path("store").display()
    );
    let big = ["--param", "lookback=1..400", "--param", "threshold=0..0.99:0.01"];
    let limited = limited.replace(&GRID.join(" "), &big.join(" "));
    let said = sweep_ok(Command::new("sh").args(["-c", &limited]));
    assert!(said.contains("were not kept in the store") || said.contains("File too large"), "{said}");
    // What was whole is known.
    let known = store.known(&big);
    assert!((1..40_000).contains(&known), "{known}");
    // Nobody may write to it; whoever is root may.
    let books = store.path("store/v1/books");
    let folders: Vec<_> = fs::read_dir(&books).unwrap().map(|entry| entry.unwrap().path()).chain([books]).collect();
    let allow =
        |mode| folders.iter().for_each(|folder| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap());
    allow(0o500);
    let known = store.known(&big);
    allow(0o700);
    assert_eq!(known, 40_000);
}

fn host(options: &[&str], store: &Path) -> Output {
    Command::new(HOST).arg("results").args(options).arg("--store").arg(store).output().unwrap()
}

#[test]
fn results_are_listed_exported_and_pruned() {
    let store = Store::new();
    let root = store.path("store");
    let missing = host(&["list"], &root);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("does not exist; a sweep makes it"));
    store.known(&GRID);
    store.known(&with(&GRID, &["--metrics", "sharpe,omega"]));
    let list = host(&["list", "--format", "json"], &root);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let book = list["books"][0]["book"].as_str().unwrap().to_owned();
    assert_eq!((list["cells"].as_u64(), list["books"][0]["plugin"].as_str()), (Some(80), Some("momentum")), "{list}");
    let out = store.path("all.csv");
    let export = host(&["export", &book, "--out", out.to_str().unwrap()], &root);
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
    let text = fs::read_to_string(&out).unwrap();
    assert!(text.starts_with("lookback,threshold,short,success,"), "{}", text.lines().next().unwrap());
    assert_eq!(text.lines().count(), 81);
    let unknown = host(&["export", "0000", "--out", out.to_str().unwrap()], &root);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no book begins with `0000`"));
    // It was used just now.
    assert!(String::from_utf8_lossy(&host(&["prune", "--size", "0"], &root).stderr).contains("removed 0 books"));
    let facts =
        walkdir::WalkDir::new(&root).into_iter().flatten().find(|file| file.file_name() == "book.json").unwrap();
    let file = fs::File::options().write(true).open(facts.path()).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(7200)).unwrap();
    assert!(String::from_utf8_lossy(&host(&["prune", "--size", "0"], &root).stderr).contains("removed 1 books"));
    assert_eq!(store.known(&GRID), 0);
}

/// Runs a comparison of strategies, and returns what it wrote to `out` and how many of its results were known.
fn compared(store: &Store, options: &[&str], out: &str) -> (String, u64) {
    let path = store.path(out);
    let mut command = Command::new(HOST);
    command.args(["compare", "--workers", "2", "--no-cache", "--out"]).arg(&path).args(options);
    if !options.contains(&"--no-store") {
        command.arg("--store").arg(store.path("store"));
    }
    let said = sweep_ok(&mut command);
    let known = said.lines().find_map(|line| line.strip_prefix("store: ")?.split_once(" of "));
    let known = known.map_or(0, |(known, _)| known.parse().unwrap());
    (fs::read_to_string(path).unwrap(), known)
}

#[test]
fn sweeps_and_comparisons_run_nothing_that_another_has_run() {
    let store = Store::new();
    let both = ["--plugin", "momentum", "--plugin", "breakout"];
    let (fresh, _) = compared(&store, &with(&both, &["--no-store"]), "fresh.csv");
    assert!(!store.path("store").exists());
    // The defaults of one of them are among what a sweep runs.
    assert_eq!(store.known(&["--param", "lookback=110..130", "--metrics", "all"]), 0);
    assert_eq!(compared(&store, &both, "first.csv"), (fresh.clone(), 1));
    assert_eq!(compared(&store, &both, "second.csv"), (fresh, 2));
    assert_eq!(store.known(&["--plugin", "breakout", "--param", "entry=20,55", "--metrics", "all"]), 1);
    // One strategy twice is one cell, which no other process has run.
    let twice = ["--plugin", "mean_reversion", "--plugin", "mean_reversion"];
    assert_eq!(compared(&store, &twice, "twice.csv").1, 0);
    assert_eq!(compared(&store, &twice, "twice.csv").1, 2);
    let timed =
        compared(&store, &with(&["--plugin", "momentum", "--plugin", "sma_cross"], &["--timings"]), "timed.csv");
    let mut reader = csv::Reader::from_reader(timed.0.as_bytes());
    let place = reader.headers().unwrap().iter().position(|name| name == "cached").unwrap();
    let cached: Vec<_> = reader.records().map(|row| row.unwrap()[place].to_owned()).collect();
    assert_eq!(cached, ["true", "false"]);
}

#[test]
fn whatever_can_change_a_number_is_a_miss_in_a_comparison() {
    let store = Store::new();
    let both = ["--plugin", "momentum", "--plugin", "breakout"];
    let known = |more: &[&str]| compared(&store, &with(&both, more), "out.csv").1;
    assert_eq!(known(&["--metrics", "sharpe,trades"]), 0);
    assert_eq!(known(&[]), 0, "these have other metrics");
    assert_eq!(known(&[]), 2);
    for same in
        [&["--objective", "cagr"][..], &["--timeout", "7"], &["--backend", "processes"], &["--metrics", "omega"]]
    {
        assert_eq!(known(same), 2, "{same:?}");
    }
    for other in [
        &["--commission", "3"][..],
        &["--cash", "500"],
        &["--param", "lookback=77", "--param", "entry=33"],
        &["--from", "2010-01-01"],
        &["--to", "2000-01-01"],
        &["--budget", "4e9"],
        &["--rule", "gaps=stop"],
        &["--data", "examples/data/msft-1986.csv"],
        &["--tasks-per-fork", "2"],
    ] {
        assert_eq!(known(other), 0, "{other:?}");
        assert_eq!(known(&[]), 2, "{other:?} took nothing away");
    }
    // In words, too, a store that cannot be used costs a note.
    fs::write(store.path("file"), "").unwrap();
    let mut command = Command::new(HOST);
    let said = sweep_ok(command.args(["compare", "--store"]).arg(store.path("file")).args(both));
    assert!(said.contains("the store cannot be used"), "{said}");
}

#[test]
fn a_strategy_prepares_only_if_a_combination_has_to_run() {
    let store = Store::new();
    let prepared = |options: &[&str]| {
        let run = store.run(&with(options, &["--fork", "re-prepared", "--metrics", "all"]));
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{said}");
        said.contains("note: `prepare` runs for each combination")
    };
    assert!(prepared(&["--param", "lookback=1..9"]));
    assert!(!prepared(&["--param", "lookback=1..9"]), "all is known");
    assert!(prepared(&["--param", "lookback=1..9", "--verify-store", "1"]), "what is checked runs");
    assert!(!prepared(&["--param", "lookback=2..5", "--objective", "cagr"]));
    assert!(prepared(&["--param", "lookback=1..10"]));
    // One that cannot prepare is an error, as long as nothing of it is known.
    let plugin = store.path("broken.wasm");
    fs::write(&plugin, crate::support::guest::guest("unreachable", "(i32.const 128)")).unwrap();
    let plugin = ["--plugin", plugin.to_str().unwrap()];
    for _ in 0..2 {
        let sweep = store.run(&plugin);
        let said = String::from_utf8_lossy(&sweep.stderr);
        assert_eq!(sweep.status.code(), Some(2), "{said}");
        assert!(said.contains("unreachable"), "{said}");
    }
}

#[test]
fn a_sweep_says_what_of_it_is_known_and_what_known_results_lack() {
    let store = Store::new();
    let said = |options: &[&str]| {
        let run = store.run(options);
        assert!(run.status.success());
        String::from_utf8(run.stderr).unwrap()
    };
    let none = said(&GRID);
    assert!(!none.contains("store:") && !none.contains("lack"), "{none}");
    // The book has 80, the sweep some of them.
    let some = said(&["--param", "lookback=31..50", "--param", "threshold=0"]);
    assert!(some.contains("store: 10 of 20 combinations are known\n"), "{some}");
    assert!(some.contains("; 10 were known, 10 were run"), "{some}");
    let third = said(&["--param", "lookback=31..50", "--param", "threshold=0", "--shard", "1/2"]);
    assert!(third.contains("store: 10 of 10 combinations are known\n"), "{third}");
    let other = said(&["--param", "lookback=60..70"]);
    assert!(!other.contains("store:"), "{other}");
    // Asked for one more metric, for several, and for all.
    for (metrics, lack) in [
        ("sharpe,calmar", "note: 10 known results lack `calmar`, so that they were run again\n"),
        ("all", " more metrics, so that they were run again\n"),
    ] {
        let again = said(&["--param", "lookback=1..10", "--param", "threshold=0", "--metrics", metrics]);
        assert!(again.contains(lack) && again.contains("note: 10 known results lack "), "{metrics}: {again}");
        assert_eq!(again.matches("lack").count(), 1, "{again}");
        let known = said(&["--param", "lookback=1..10", "--param", "threshold=0", "--metrics", metrics]);
        assert!(!known.contains("lack") && known.contains("10 were known, 0 were run"), "{metrics}: {known}");
    }
}

#[test]
fn what_is_known_needs_no_preparation() {
    let folder = TempDir::new().unwrap();
    let store = host::store::Store::open(folder.path()).unwrap();
    // It prepares for some milliseconds.
    let count = "(local.tee $n (i32.add (local.get $n) (i32.const 1)))";
    let prepare =
        format!("(local $n i32) (loop $l (br_if $l (i32.lt_u {count} (i32.const 60000000)))) (i32.const 128)");
    let slow = crate::support::guest::guest(&prepare, "(i32.const 128)");
    let series = |name: &str| {
        let price: Vec<f64> = (0..20).map(|at| 100.0 + f64::from(at * at % 17)).collect();
        let (time, [open, high, low, close]) =
            ((0..20).map(|day| day * 86_400_000_000_000).collect(), [(); 4].map(|()| price.clone()));
        Series { symbol: name.to_owned(), time, open, high, low, close, volume: vec![1.0; 20], ..Series::default() }
    };
    let data = Dataset::new(["a", "b", "c"].map(series).into());
    let market = Arc::new(Market::new(data.unwrap(), Settings::default()).unwrap());
    let request = SweepRequest::default();
    let kinds = |limits: &Limits, instruments: Option<Instruments>, is_stored: bool| -> Vec<Option<ErrorKind>> {
        let backtester = ParallelBacktester::new(Some(2), limits.clone()).unwrap();
        let plugin = Plugin::from_bytes(backtester.sandbox(), "slow", slow.clone()).unwrap();
        let strategy = Strategy::from(plugin);
        let scoped = instruments.unwrap_or_default();
        let cells = StoredCells::on(store.clone(), (&request, limits), scoped, &market, &strategy).unwrap();
        let cells = cells.filter(|_| is_stored);
        let mut kinds = Vec::new();
        let Some(instruments) = instruments else {
            let cells = [cells.map(Arc::new)];
            backtester.compare_stored(&market, vec![(strategy, Params::new())], &cells, |event| {
                kinds.push(event.result.error_kind);
                true
            });
            return kinds;
        };
        let plan = Grid::new().bind(strategy.description()).unwrap();
        let scope = Scope::unprepared(instruments, Arc::clone(&market), strategy).unwrap();
        if scope.prepare_unless_known(&plan, cells.as_ref()).is_err() {
            return vec![Some(ErrorKind::TimedOut)];
        }
        backtester.sweep(&scope, &plan, Part::all().stored(cells.as_ref()), |batch| {
            kinds.extend(batch.results.iter().map(|result| result.error_kind));
            true
        });
        if let Some(cells) = cells {
            cells.finish();
        }
        kinds
    };
    let mut hasty = Limits::default();
    hasty.prepare_timeout = Duration::from_millis(1);
    for (instruments, cells) in [(Some(Instruments::Together), 1), (Some(Instruments::EachSymbol), 3), (None, 1)] {
        assert!(kinds(&hasty, instruments, false).contains(&Some(ErrorKind::TimedOut)), "{instruments:?}");
        assert_eq!(kinds(&Limits::default(), instruments, true), vec![None; cells], "{instruments:?}");
        assert_eq!(kinds(&hasty, instruments, true), vec![None; cells], "{instruments:?} prepared what is known");
    }
}
