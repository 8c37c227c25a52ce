//! Swaps a plugin many times while sweeps run without a pause on two workers, and looks at what it costs: lost tasks,
//! mixed results, memory.
//!
//!     cargo bench --bench swap -- [SWAPS]
//!
//! Prints the resident memory and the compiled code that is mapped after 100, 500 and 1000 swaps. Fails where a task is
//! lost, a result is of another version than its sweep's, or a sweep's results differ from those of its version alone.

#![expect(clippy::print_stdout, reason = "a benchmark shows what it measures")]

use std::{
    fmt::Write as _,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use host::{
    backtest::{Backtest, Market, Settings, Strategy},
    data::Dataset,
    model::Digest,
    registry::{Policy, Registry, Version},
    sandbox::{Limits, Options},
    sweep::{ParallelBacktester, Part, Scope, grid::Grid},
};

const SWAPS: u64 = 1000;
const SWEEPERS: usize = 2;
const GRID: &str = r#"{"fast": {"from": 5, "to": 50, "step": 5}, "slow": {"from": 60, "to": 240, "step": 20}}"#;

/// What a sweep gave: the hash of every result's numbers, errors and version.
fn sweep(backtester: &ParallelBacktester, registry: &Registry, version: &Arc<Version>, market: &Arc<Market>) -> Digest {
    let strategy = Strategy::from(version.plugin().clone());
    let plan = Grid::from_json(GRID).and_then(|grid| grid.bind(strategy.description())).expect("the grid fits");
    let scope = Scope::from(Backtest::new(Arc::clone(market), strategy).expect("the strategy prepares"));
    let mut observation = registry.observe(version, market, plan.count().exact());
    let (mut text, mut tasks) = (String::new(), 0);
    backtester.sweep(&scope, &plan, Part::all(), |batch| {
        observation.record(batch.done, &batch.results);
        for result in batch.results {
            tasks += 1;
            let (kind, units) = (result.error_kind, result.units);
            writeln!(text, "{} {:?} {kind:?} {units:?}", result.task_id, result.result)
                .expect("a text takes everything");
        }
        true
    });
    assert_eq!(Some(tasks), plan.count().exact(), "no task is lost");
    assert_eq!(scope.strategy().digest(), Some(version.digest()), "a sweep stays with its version");
    Digest::of(text.as_bytes())
}

fn main() {
    let swaps = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(SWAPS);
    let read = |path| fs::read(path).expect("the plugin is committed");
    let builds = [read("plugins/sma_cross/sma_cross.wasm"), read("tests/plugins/sma_rolling/sma_rolling.wasm")];
    let market = Arc::new(Market::new(Dataset::bundled().expect("bundled"), Settings::default()).expect("valid"));
    let backtester = ParallelBacktester::new(Some(2), Options::from(Limits::default())).expect("two workers");
    let registry = Registry::new(backtester.sandbox(), Policy::new(&market).expect("valid")).expect("a registry");
    let alone: Vec<_> = builds
        .iter()
        .map(|bytes| {
            let version = registry.offer("cross", bytes.clone()).expect("a good build");
            (version.digest(), sweep(&backtester, &registry, &version, &market))
        })
        .collect();
    let (done, sweeps, served) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::new([0u64; 2]));
    println!("swaps  sweeps  seconds  resident MiB  code mappings");
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..SWEEPERS {
            scope.spawn(|| {
                let mine = backtester.another();
                while !done.load(Ordering::Relaxed) {
                    let version = registry.pin("cross").expect("one serves always");
                    let found = sweep(&mine, &registry, &version, &market);
                    let which = alone.iter().position(|(digest, _)| *digest == version.digest()).expect("one of two");
                    assert_eq!(found, alone[which].1, "the results are those of the version alone");
                    served.lock().expect("no panic")[which] += 1;
                    sweeps.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for swap in 1..=swaps {
            registry.offer("cross", builds[swap as usize % 2].clone()).expect("a good build");
            if [1, 100, 500, 1000].contains(&swap) || swap == swaps {
                let seconds = began.elapsed().as_secs_f64();
                let (resident, code) = memory();
                println!("{swap:>5} {:>7} {seconds:>8.1} {resident:>13.1} {code:>14}", sweeps.load(Ordering::Relaxed));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let (resident, code) = memory();
    println!(
        "  end {:>7} {:>8.1} {resident:>13.1} {code:>14}",
        sweeps.load(Ordering::Relaxed),
        began.elapsed().as_secs_f64()
    );
    println!("sweeps of each version: {:?}; 0 lost tasks, 0 mixed results", served.lock().expect("no panic"));
}

/// Resident memory in MiB, and executable mappings without a file: wasmtime's code.
fn memory() -> (f64, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let code = maps.lines().filter(|line| line.contains("r-xp") && line.split_whitespace().nth(4) == Some("0")).count();
    (kib.unwrap_or(0.0) / 1024.0, code)
}
