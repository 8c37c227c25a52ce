//! Worker processes: the same results as on threads, whatever happens to a worker.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use host::{
    backtest::{Backtest, Market, Settings, Strategy},
    data::Dataset,
    metrics::{Metrics, ReturnsPeriod},
    process::WorkerProgram,
    sandbox::{Backend, ForkMethod, Limits, Options},
    sweep::{
        Instruments, ParallelBacktester, Part, Scope,
        grid::{Grid, Plan},
    },
    task::{ErrorKind, ParallelResult},
};

const HOST: &str = env!("CARGO_BIN_EXE_host");

/// A strategy that misbehaves as it is told.
const FAULTY: &str = "tests/plugins/faulty/faulty.wasm";

fn backtester(backend: Backend, change: impl FnOnce(&mut Options)) -> ParallelBacktester {
    let mut options = Options::from(Limits::default());
    options.worker = Some(WorkerProgram::new(HOST));
    options.backend = backend;
    change(&mut options);
    ParallelBacktester::new(Some(2), options).unwrap()
}

pub(crate) fn scope(
    backtester: &ParallelBacktester,
    plugin: &str,
    grid: &str,
    data: Dataset,
    instruments: Instruments,
) -> (Scope, Plan) {
    let strategy = Strategy::from(backtester.load(plugin).unwrap());
    let plan = Grid::from_json(grid).unwrap().bind(strategy.description()).unwrap();
    let settings = Settings { returns: Some(ReturnsPeriod::Week), ..Settings::default() };
    let market = Arc::new(Market::new(data, settings).unwrap());
    (Scope::new(instruments, market, strategy).unwrap(), plan)
}

/// What decides a result: all but its time and its worker.
pub(crate) fn decided(result: ParallelResult<Metrics>) -> ParallelResult<Metrics> {
    ParallelResult { execution_time: Duration::ZERO, worker_id: 0, ..result }
}

pub(crate) fn results(backtester: &ParallelBacktester, scope: &Scope, plan: &Plan) -> Vec<ParallelResult<Metrics>> {
    let mut all = Vec::new();
    backtester.sweep(scope, plan, Part::all(), |batch| {
        all.extend(batch.results.into_iter().map(decided));
        true
    });
    all
}

/// Both backends give the same results of `grid`.
fn check_same(
    plugin: &str,
    grid: &str,
    data: &Dataset,
    instruments: Instruments,
    change: impl Fn(&mut Options),
) -> usize {
    let [threads, processes] = [Backend::Threads, Backend::Processes].map(|backend| {
        let backtester = backtester(backend, &change);
        let (scope, plan) = scope(&backtester, plugin, grid, data.clone(), instruments);
        results(&backtester, &scope, &plan)
    });
    assert_eq!(threads, processes, "{plugin}");
    processes.len()
}

#[test]
fn processes_give_the_results_of_threads_by_every_fork_method() {
    let data = Dataset::bundled().unwrap();
    for method in ForkMethod::each() {
        let change = |options: &mut Options| options.fork_method = method;
        check_same("momentum", r#"{"lookback": [5, 20, 60, 120]}"#, &data, Instruments::Together, change);
        check_same("bracket", "{}", &data, Instruments::Together, change);
    }
}

#[test]
fn processes_give_the_failures_of_threads_with_their_lines() {
    let grid = r#"{"parameters": {"behaviour": ["fine", "panic", "recurse", "unsorted", "refuse", "fail", "trap", "out-of-range", "flood-log"],
        "seed": [3, 4]}}"#;
    let data = Dataset::bundled().unwrap();
    check_same(FAULTY, grid, &data, Instruments::Together, |_| {});
    let limits = |options: &mut Options| options.limits.memory = Some(64 << 20);
    check_same(FAULTY, r#"{"behaviour": ["memory", "fine"]}"#, &data, Instruments::Together, limits);
}

#[test]
fn each_symbol_alone_is_the_same_in_processes() {
    let bundled = Dataset::bundled().unwrap();
    let named = |name: &str, from: usize| {
        let bars = bundled.series()[0].part(from..from + 700);
        host::model::Series { symbol: name.to_owned(), ..bars }
    };
    let data = Dataset::new((0..12).map(|at| named(&format!("S{at:02}"), at * 300)).collect()).unwrap();
    let grid = r#"{"lookback": [5, 20, 60], "threshold": [0, 0.05]}"#;
    assert_eq!(check_same("momentum", grid, &data, Instruments::EachSymbol, |_| {}), 72);
}

/// The workers that this process has started.
#[cfg(target_os = "linux")]
fn children() -> Vec<u32> {
    children_of(std::process::id())
}

/// The workers that the process `parent` has started.
#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<u32> {
    let mine = parent.to_string();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_mine = |number: &u32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1).map(str::to_owned));
        let arguments = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        parent.is_some_and(|parent| parent == mine) && arguments.ends_with(b"__worker\0")
    };
    numbers.filter(is_mine).collect()
}

fn kill(signal: &str, number: u32) {
    // The process may be gone already. The shell's own `kill`: the program of that name is not everywhere.
    let _ = Command::new("sh").args(["-c", &format!("kill -{signal} {number} 2>/dev/null")]).status();
}

/// Workers of other tests of this process would be killed, too: these tests kill in a process of their own.
#[cfg(target_os = "linux")]
fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os("HOST_TEST_ALONE").is_some() {
        return test();
    }
    let program = std::env::current_exe().unwrap();
    let run = Command::new(program)
        .args(["--exact", &format!("processes::{name}"), "--nocapture"])
        .env("HOST_TEST_ALONE", "1")
        .output()
        .unwrap();
    assert!(run.status.success(), "{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
}

/// Runs `work` while another thread kills workers, one every `every`.
#[cfg(target_os = "linux")]
fn while_killing<T>(signal: &str, every: Duration, work: impl FnOnce() -> T) -> (T, usize) {
    let (ended, killed) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                std::thread::park_timeout(every);
                let turn = killed.load(Ordering::Relaxed);
                let all = children();
                if let Some(number) = all.get(turn % all.len().max(1)) {
                    kill(signal, *number);
                    killed.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let done = work();
        ended.store(true, Ordering::Relaxed);
        (done, killed.load(Ordering::Relaxed))
    })
}

#[cfg(target_os = "linux")]
#[test]
fn killed_workers_cost_no_result_and_none_comes_twice() {
    alone("killed_workers_cost_no_result_and_none_comes_twice", || {
        let data = Dataset::bundled().unwrap();
        let grid = r#"{"lookback": {"from": 1, "to": 1500}, "threshold": {"from": 0, "to": 0.09, "step": 0.01}}"#;
        let expected = {
            let backtester = backtester(Backend::Threads, |_| {});
            let (scope, plan) = scope(&backtester, "momentum", grid, data.clone(), Instruments::Together);
            results(&backtester, &scope, &plan)
        };
        let backtester = backtester(Backend::Processes, |_| {});
        let (scope, plan) = scope(&backtester, "momentum", grid, data, Instruments::Together);
        let (found, killed) = while_killing("KILL", Duration::from_millis(60), || results(&backtester, &scope, &plan));
        assert!(killed > 3, "only {killed} workers were killed");
        assert_eq!(found.len(), expected.len());
        assert!(found == expected, "the results differ");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_task_whose_worker_dies_each_time_is_one_failed_result() {
    alone("a_task_whose_worker_dies_each_time_is_one_failed_result", || {
        let backtester = backtester(Backend::Processes, |options| {
            options.limits.budget = host::sandbox::Budget::Units(1 << 60);
            options.limits.timeout = Duration::from_secs(100);
        });
        let grid = r#"{"parameters": {"behaviour": ["fine", "loop", "fail"], "seed": [1, 2]}}"#;
        let data = Dataset::bundled().unwrap();
        let (scope, plan) = scope(&backtester, FAULTY, grid, data, Instruments::Together);
        // Nothing else than the loop lasts long enough to be hit.
        let (found, _) = while_killing("SEGV", Duration::from_millis(400), || results(&backtester, &scope, &plan));
        let kinds: Vec<_> = found.iter().map(|result| result.error_kind).collect();
        let (crash, failed) = (Some(ErrorKind::Crash), Some(ErrorKind::Failed));
        assert_eq!(kinds, [None, None, crash, crash, failed, failed]);
        let message = found[2].error_message.as_deref().unwrap();
        assert!(message.contains("died of SIGSEGV") && message.contains("3 times"), "{message}");
    });
}

#[test]
fn a_worker_that_cannot_start_is_an_error_that_names_it() {
    let backtester =
        backtester(Backend::Processes, |options| options.worker = Some(WorkerProgram::new("/nowhere/host")));
    let strategy = Strategy::from(backtester.load("momentum").unwrap());
    let market = Arc::new(Market::new(Dataset::bundled().unwrap(), Settings::default()).unwrap());
    let error = Backtest::new(market, strategy).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("the worker process `/nowhere/host` does not start"), "{cause}");
    // A program that is not a worker ends, or says nothing that is understood.
    let backtester =
        self::backtester(Backend::Processes, |options| options.worker = Some(WorkerProgram::new("/bin/true")));
    let strategy = Strategy::from(backtester.load("momentum").unwrap());
    let market = Arc::new(Market::new(Dataset::bundled().unwrap(), Settings::default()).unwrap());
    assert!(Backtest::new(market, strategy).is_err());
}

#[test]
fn a_plugin_of_a_stranger_is_compiled_in_a_process_that_ends_in_time() {
    let backtester = backtester(Backend::Threads, |options| options.limits.compile_timeout = Duration::from_millis(1));
    let error = backtester.load(FAULTY).unwrap_err().to_string();
    assert!(error.contains("more than 0.001 s to compile (`--compile-timeout` sets the limit)"), "{error}");
    assert!(backtester.load("momentum").is_ok(), "what is part of the program is compiled in this one");
}

#[test]
fn the_program_says_what_confines_its_workers() {
    let run = Command::new(HOST).args(["inspect", "--sandbox", "--format", "json"]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let layers: Vec<_> =
        json["layers"].as_array().unwrap().iter().map(|layer| layer["layer"].as_str().unwrap()).collect();
    assert_eq!(layers, ["limits", "landlock", "seccomp"]);
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert_eq!(json["layers"][2]["in_force"], "fully", "{json}");
    }
}

#[test]
fn the_command_line_writes_the_same_file_by_both_backends() {
    let folder = tempfile::tempdir().unwrap();
    let written = |backend: &str| {
        let out = folder.path().join(format!("{backend}.csv"));
        let run = Command::new(HOST)
            .args(["sweep", "--param", "lookback=1..40", "--no-cache", "--backend", backend, "--out"])
            .arg(&out)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        fs::read(Path::new(&out)).unwrap()
    };
    assert_eq!(written("multiprocessing"), written("threads"));
}

/// A sweep of many seconds in worker processes, and the numbers of its workers once there are as many as it was asked for.
#[cfg(target_os = "linux")]
fn long_sweep() -> (std::process::Child, Vec<u32>) {
    let mut child = Command::new(HOST)
        .args(["sweep", "--param", "lookback=1..2000", "--param", "threshold=0..0.5:0.0001", "--no-cache"])
        .args(["--backend", "processes", "--workers", "2"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..1000 {
        let workers = children_of(child.id());
        if workers.len() == 2 {
            return (child, workers);
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("the sweep has not started its workers");
}

#[cfg(target_os = "linux")]
#[test]
fn workers_that_are_stopped_end_with_a_parent_that_is_killed() {
    let (mut parent, workers) = long_sweep();
    workers.iter().for_each(|worker| kill("STOP", *worker));
    // Until the signal has stopped them.
    std::thread::park_timeout(Duration::from_millis(100));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let is_there = |worker: &&u32| {
        let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
    };
    for _ in 0..500 {
        if workers.iter().filter(is_there).count() == 0 {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    workers.iter().for_each(|worker| kill("KILL", *worker));
    panic!("workers outlive their parent");
}

/// A sweep under a limit of the shell.
#[cfg(target_os = "linux")]
fn sweep_under(limit: &str, workers: usize) -> std::process::Output {
    let sweep = "sweep --param lookback=1..300 --no-cache --backend processes --format json";
    let command = format!("{limit}; exec {HOST} {sweep} --workers {workers}");
    Command::new("sh").args(["-c", &command]).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_sweep_goes_on_with_the_workers_that_the_system_has_room_for() {
    let enough = sweep_under("true", 2);
    assert!(enough.status.success(), "{}", String::from_utf8_lossy(&enough.stderr));
    let all = sweep_under("ulimit -n 60", 24);
    let said = String::from_utf8_lossy(&all.stderr);
    assert!(all.status.success(), "{said}");
    assert_eq!(all.stdout, enough.stdout, "{said}");
    assert_eq!(said.matches("some worker processes did not start").count(), 1, "{said}");
    assert!(said.contains("may open 60 files (`ulimit -n`)"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_sweep_without_room_for_any_worker_says_which_limit_is_too_low() {
    let none = sweep_under("ulimit -n 9", 2);
    let said = String::from_utf8_lossy(&none.stderr);
    assert!(!none.status.success(), "{said}");
    assert!(said.contains("`ulimit -n`"), "{said}");
    assert!(!said.contains("bug"), "{said}");
}

/// A limit of the shell that is too low is named, and the plugin is not blamed for it.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_that_is_too_low_while_plugins_are_prepared_is_named() {
    let plugin = "plugins/sma_cross/sma_cross.wasm";
    let commands = [
        format!("sweep --plugin {plugin} --param fast=5,10 --param slow=20,50 --no-cache"),
        format!("backtest --plugin {plugin} --no-cache"),
        format!("check --plugin {plugin} --quick --no-cache"),
        format!("sweep --plugin {plugin} --param fast=5,10 --param slow=20,50 --no-cache --backend processes"),
    ];
    let limits = [
        ("-v 500000", "`ulimit -v`"),
        ("-v 200000", "`ulimit -v`"),
        ("-f 100", "`ulimit -f`"),
        ("-f 4", "`ulimit -f`"),
    ];
    for (limit, named) in limits {
        for command in &commands {
            let run =
                Command::new("sh").args(["-c", &format!("ulimit {limit}; exec {HOST} {command}")]).output().unwrap();
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(!run.status.success() && said.contains(named), "{limit}: {command}: {said}");
            for wrong in ["fails to describe", "does not compile", "try again", "bug"] {
                assert!(!said.contains(wrong), "{limit}: {command}: {said}");
            }
        }
    }
}

/// However far a run gets before the addresses that it may take are used up, the limit is named, and the plugin is not blamed.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_addresses_is_named_wherever_it_is_met() {
    let sweep =
        "sweep --plugin plugins/sma_cross/sma_cross.wasm --param fast=5,10 --param slow=20,50 --workers 2 --no-cache";
    for kilobytes in (3_000_000..18_000_000).step_by(2_000_000) {
        let script = format!("ulimit -v {kilobytes}; exec {HOST} {sweep}");
        let run = Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() || said.contains("`ulimit -v`"), "{kilobytes}: {said}");
        assert!(!said.contains("bad-output"), "{kilobytes}: {said}");
    }
}
