//! Plugin swaps: a new build serves only if it is good and while it is good; the one before it never notices.

mod queue;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use host::{
    backtest::{Backtest, Market, Settings, Strategy},
    data::Dataset,
    metrics::Metrics,
    registry::{Entry, Event, Following, Policy, Registry, Version},
    sandbox::{Budget, Limits, Options},
    sweep::{ParallelBacktester, Part, Scope, grid::Grid},
    task::{ErrorKind, ParallelResult},
};

use crate::support::{
    OK, component,
    guest::{events_guest, guest, parameterised, with_functions},
};

pub(crate) fn market() -> Arc<Market> {
    Arc::new(Market::new(Dataset::bundled().unwrap(), Settings::default()).unwrap())
}

fn policy() -> Policy {
    let mut policy = Policy::new(&market()).unwrap();
    // A loop is stopped within a second in a debug build, too.
    policy.limits.budget = Budget::Units(20_000_000);
    policy.limits.memory = Some(64 << 20);
    policy.max_size = 1 << 20;
    policy
}

fn backtester() -> ParallelBacktester {
    ParallelBacktester::new(Some(2), Options::from(Limits::default())).unwrap()
}

fn registry() -> (ParallelBacktester, Registry) {
    let backtester = backtester();
    let registry = Registry::new(backtester.sandbox(), policy()).unwrap();
    (backtester, registry)
}

/// Runs a grid of a version, observed by the registry.
fn sweep(
    backtester: &ParallelBacktester,
    registry: &Registry,
    version: &Arc<Version>,
    grid: &str,
) -> Vec<ParallelResult<Metrics>> {
    let strategy = Strategy::from(version.plugin().clone());
    let plan = Grid::from_json(grid).unwrap().bind(strategy.description()).unwrap();
    let market = market();
    let mut observation = registry.observe(version, &market, plan.count().exact());
    let scope = Scope::from(Backtest::new(market, strategy).unwrap());
    let mut results = Vec::new();
    backtester.sweep(&scope, &plan, Part::all(), |batch| {
        observation.record(batch.done, &batch.results);
        results.extend(batch.results);
        true
    });
    results
}

/// `describe` answers with a record at 64: `body` is what happens before that.
fn describes(body: &str) -> Vec<u8> {
    events_guest(&[("describe", body)], "")
}

/// Builds that are bad, each in a way of its own, and a part of what is said of it.
fn bad_builds() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = component("sma_cross");
    let half = good[..good.len() / 2].to_vec();
    let mut flipped = good.clone();
    let middle = good.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    let spin = "(loop $l (br $l)) (unreachable)";
    let grow = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    let panic = "(call $log (i32.const 3) (i32.const 256) (i32.const 36)) (unreachable)";
    let unsorted =
        "(i32.store (i32.const 4100) (i32.const 8192)) (i32.store (i32.const 4104) (i32.const 2)) (i32.const 4096)";
    let recurse = "(call $evaluate (local.get 0) (local.get 1)) (i32.add (i32.const 1))";
    let empty_component = wat::parse_str("(component)").unwrap();
    let other_world = wat::parse_str(
        r#"(component (core module $m (func (export "run"))) (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "run"))))"#,
    )
    .unwrap();
    let module = wat::parse_str(r#"(module (func (export "evaluate")))"#).unwrap();
    let clock = wat::parse_str(format!("(component {WALL_CLOCK})")).unwrap();
    vec![
        ("empty", vec![], "is empty"),
        ("half", half, "is damaged"),
        ("flipped", flipped, "is damaged"),
        ("text", b"fn main() {}".to_vec(), "is not WebAssembly: it starts with `fn main() {}`"),
        ("module", module, "is a core WebAssembly module"),
        ("nothing exported", empty_component, "does not export"),
        ("another world", other_world, "it exports `run`"),
        ("a clock", clock, "imports `wasi:clocks/wall-clock@0.2.0`"),
        ("trap in describe", describes("(unreachable)"), "fails to describe itself: trap"),
        ("loop in describe", describes("(loop $l (br $l))"), "fails to describe itself: out-of-budget"),
        ("trap in prepare", guest("(unreachable)", OK), "fails on trial, with its defaults on a few bars: trap"),
        ("loop in prepare", guest(spin, OK), "out-of-budget: in `prepare`"),
        ("bomb in prepare", guest(grow, OK), "out-of-memory: in `prepare`"),
        ("trap in evaluate", guest(OK, "(i32.div_s (i32.const 1) (i32.const 0))"), "divide by zero"),
        ("loop in evaluate", guest(OK, spin), "out-of-budget: used up its 20000000 units"),
        ("bomb in evaluate", guest(OK, grow), "out-of-memory"),
        ("panic", guest(OK, panic), "panic: panicked at lib.rs:1:2: out of luck!"),
        ("recursion", guest(OK, recurse), "stack overflow"),
        ("no answer", guest(OK, "(i32.const -4)"), "bad-output"),
        ("lists that differ", guest(OK, unsorted), "differ in length: 2 of `at`"),
        ("renamed parameters", component("momentum"), "grids would no longer fit: parameter `fast` is gone"),
        ("too large", vec![0; (1 << 20) + 1], "has 1048577 bytes; the limit is 1048576"),
        ("bad default", parameterised(OK, 50, Some(9.0)), "declares a default that it does not allow"),
        ("bad description", with_functions(OK, OK, r#"(data (i32.const 16) "ho\00tile")"#), "describes itself wrongly"),
    ]
}

/// A component that wants to know the time.
const WALL_CLOCK: &str = r#"(import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))"#;

#[test]
fn every_kind_of_bad_build_is_refused_with_its_own_reason_and_the_old_one_serves_throughout() {
    const GRID: &str = r#"{"fast": [5, 10], "slow": [20, 50]}"#;
    let followed = Followed::new();
    replace(followed.folder.path(), "cross", &component("sma_cross"));
    followed.expect("cross", Event::Loaded, "generation 1");
    let (registry, backtester) = (&followed.registry, &followed.backtester);
    let sweep_once = || numbers(sweep(backtester, registry, &registry.pin("cross").unwrap(), GRID));
    let before = sweep_once();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert!(sweep_once() == before, "the old build never notices");
            }
        });
        let mut reasons = BTreeSet::new();
        for (kind, bytes, expected) in bad_builds() {
            // Grids for one without parameters lose nothing.
            let name = if kind == "renamed parameters" { "cross" } else { "mine" };
            replace(followed.folder.path(), name, &bytes);
            followed.expect(name, Event::Refused, expected);
            // The same bytes once more are no news: the next one is about the next build.
            replace(followed.folder.path(), name, &bytes);
            let listing = registry.plugins().into_iter().find(|listing| listing.name == name).unwrap();
            assert_eq!(listing.version.unwrap().generation(), 1, "{kind}");
            assert!(reasons.insert(listing.refused.unwrap().reason), "{kind} has a reason of its own");
        }
        assert!(reasons.len() >= 20);
        done.store(true, Ordering::Relaxed);
        assert!(sweeper.join().is_ok());
    });
    assert!(registry.entries()[0].message.ends_with(" goes on serving"));
}

#[test]
fn what_a_grid_would_lose_is_listed_and_may_be_allowed() {
    let (_backtester, registry) = registry();
    registry.offer("mine", component("sma_cross")).unwrap();
    registry.offer("mine", component("momentum")).unwrap_err();
    let lost = registry.entries().remove(0).lost;
    assert_eq!(lost, ["parameter `fast` is gone", "parameter `slow` is gone"]);
    let backtester = backtester();
    let mut policy = policy();
    policy.may_lose_parameters = true;
    let registry = Registry::new(backtester.sandbox(), policy).unwrap();
    registry.offer("mine", component("sma_cross")).unwrap();
    assert_eq!(registry.offer("mine", component("momentum")).unwrap().generation(), 2);
    assert_eq!(registry.entries()[0].lost, lost);
}

#[test]
fn the_same_bytes_are_the_same_version_and_two_names_share_their_code() {
    let (_backtester, registry) = registry();
    let one = registry.offer("one", component("sma_cross")).unwrap();
    assert!(Arc::ptr_eq(&one, &registry.offer("one", component("sma_cross")).unwrap()));
    let two = registry.offer("two", component("sma_cross")).unwrap();
    assert_eq!((one.digest(), two.name(), two.generation()), (two.digest(), "two", 1));
    assert_eq!(registry.entries().len(), 2);
}

#[test]
fn names_that_are_paths_are_refused() {
    let (_backtester, registry) = registry();
    for name in ["", "../up", "a/b", ".hidden", "1st", "a b", "a.wasm", "naïve", &"a".repeat(65)] {
        let refusal = registry.offer(name, component("sma_cross")).unwrap_err().text();
        assert!(refusal.contains("is not a plugin name"), "{refusal}");
    }
    assert!(registry.plugins().is_empty());
}

/// What a sweep gave, whatever it took.
fn numbers(results: Vec<ParallelResult<Metrics>>) -> Vec<(String, Option<Metrics>, Option<u64>)> {
    results.into_iter().map(|result| (result.task_id, result.result, result.units)).collect()
}

#[test]
fn sweeps_that_run_while_builds_are_swapped_lose_nothing_and_mix_nothing() {
    const GRID: &str = r#"{"fast": {"from": 5, "to": 15}, "slow": {"from": 20, "to": 30}}"#;
    let (backtester, registry) = registry();
    let builds = [component("sma_cross"), component("sma_rolling")];
    let alone: BTreeMap<_, _> = builds
        .iter()
        .map(|build| {
            let version = registry.offer("cross", build.clone()).unwrap();
            (version.digest(), numbers(sweep(&backtester, &registry, &version, GRID)))
        })
        .collect();
    let (done, sweeps) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let keep_sweeping = || {
            let mine = backtester.another();
            while !done.load(Ordering::Relaxed) {
                let version = registry.pin("cross").unwrap();
                let found = numbers(sweep(&mine, &registry, &version, GRID));
                assert!(found == alone[&version.digest()], "the results are those of the version alone");
                sweeps.fetch_add(1, Ordering::Relaxed);
            }
        };
        let sweepers = [scope.spawn(keep_sweeping), scope.spawn(keep_sweeping)];
        for swap in 1.. {
            registry.offer("cross", builds[(swap + 1) % 2].clone()).unwrap();
            let enough = swap >= 12 && sweeps.load(Ordering::Relaxed) >= 12;
            if enough || sweepers.iter().any(|sweeper| sweeper.is_finished()) {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(registry.pin("cross").unwrap().generation() > 12);
}

/// A strategy with the parameter `n`, that traps where `condition` (an i32) holds of `$n`.
fn traps_where(condition: &str) -> Vec<u8> {
    let evaluate = format!(
        "(local $n i64) (local.set $n (i64.load (i32.add (local.get 0) (i32.const 16))))
         (if {condition} (then (unreachable))) (i32.const 128)"
    );
    parameterised(&evaluate, 5, None)
}

fn wait_for(registry: &Registry, event: Event) -> Entry {
    let news = registry.listen();
    let past = registry.entries().into_iter().find(|entry| entry.event == event);
    past.unwrap_or_else(|| {
        loop {
            let entry = news.recv_timeout(Duration::from_secs(60)).expect("it happens within a minute");
            if entry.event == event {
                return entry;
            }
        }
    })
}

const HUNDRED: &str = r#"{"n": {"from": 0, "to": 99}}"#;

/// Three of ten fail, but not the default.
const FLAKY: &str = "(i64.lt_s (i64.rem_s (local.get $n) (i64.const 10)) (i64.const 3))";

#[test]
fn a_version_that_fails_where_the_one_before_did_not_is_rolled_back_and_stays_out() {
    let (backtester, registry) = registry();
    registry.offer("mine", traps_where("(i32.const 0)")).unwrap();
    let flaky = registry.offer("mine", traps_where(FLAKY)).unwrap();
    let results = sweep(&backtester, &registry, &flaky, HUNDRED);
    assert_eq!(results.len(), 100, "tasks in flight finish");
    assert_eq!(results.iter().filter(|result| result.error_kind == Some(ErrorKind::Trap)).count(), 30);
    let entry = wait_for(&registry, Event::RolledBack);
    assert_eq!((entry.hash, entry.generation), (Some(flaky.digest()), Some(3)));
    assert!(entry.message.contains("it failed 30 of 100 tasks"), "{}", entry.message);
    assert!(entry.message.contains("like `n="), "{}", entry.message);
    let serves = registry.pin("mine").unwrap();
    assert_ne!(serves.digest(), flaky.digest());
    assert!(sweep(&backtester, &registry, &serves, HUNDRED).iter().all(|result| result.success));
    let refusal = registry.offer("mine", traps_where(FLAKY)).unwrap_err().text();
    assert!(refusal.contains("was rolled back (it failed 30 of 100 tasks"), "{refusal}");
}

#[test]
fn a_version_that_fails_where_the_one_before_does_too_stays() {
    let (backtester, registry) = registry();
    let also = format!("(i32.or {FLAKY} (i64.eq (local.get $n) (i64.const 50)))");
    registry.offer("mine", traps_where(FLAKY)).unwrap();
    let second = registry.offer("mine", traps_where(&also)).unwrap();
    sweep(&backtester, &registry, &second, HUNDRED);
    // The judge hears cases in their order: when a later one is decided, the first one is.
    registry.offer("other", traps_where("(i32.const 0)")).unwrap();
    let worse = registry.offer("other", traps_where(FLAKY)).unwrap();
    sweep(&backtester, &registry, &worse, HUNDRED);
    assert_eq!(wait_for(&registry, Event::RolledBack).plugin, "other");
    assert!(Arc::ptr_eq(&registry.pin("mine").unwrap(), &second));
}

#[test]
fn a_restart_remembers_generations_what_was_rolled_back_and_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let backtester = backtester();
    let open = || Registry::remembering(backtester.sandbox(), policy(), folder.path()).unwrap();
    {
        let registry = open();
        registry.offer("mine", traps_where("(i32.const 0)")).unwrap();
        let flaky = registry.offer("mine", traps_where(FLAKY)).unwrap();
        sweep(&backtester, &registry, &flaky, HUNDRED);
        wait_for(&registry, Event::RolledBack);
    }
    let registry = open();
    assert!(registry.pin("mine").is_none(), "nothing serves before it is loaded");
    assert!(registry.entries().iter().any(|entry| entry.event == Event::RolledBack));
    let refusal = registry.offer("mine", traps_where(FLAKY)).unwrap_err().text();
    assert!(refusal.contains("was rolled back"), "{refusal}");
    let serves = registry.pin("mine").unwrap();
    assert_eq!(serves.generation(), 3, "what served goes on, to be compared with what is new");
    let refusal = registry.offer("mine", component("sma_cross")).unwrap_err().text();
    assert!(refusal.contains("parameter `n` is gone"), "{refusal}");
    assert!(Arc::ptr_eq(&registry.offer("mine", traps_where("(i32.const 0)")).unwrap(), &serves));
    assert_eq!(registry.memory_problem(), None);
}

#[test]
fn a_record_that_is_damaged_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("registry.json"), "{\"format\": 99}").unwrap();
    let error = Registry::remembering(backtester().sandbox(), policy(), folder.path()).unwrap_err();
    assert!(error.to_string().contains("registry.json` is not a registry's record of format 1"), "{error}");
}

pub(crate) fn replace(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(format!(".{name}.tmp"));
    fs::write(&path, bytes).unwrap();
    fs::rename(path, folder.join(format!("{name}.wasm"))).unwrap();
}

/// A folder with `mine.wasm`, followed by a registry.
struct Followed {
    folder: tempfile::TempDir,
    registry: Registry,
    news: crossbeam_channel::Receiver<Entry>,
    backtester: ParallelBacktester,
    _following: Following,
}

impl Followed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        replace(folder.path(), "mine", &guest(OK, OK));
        let (backtester, registry) = registry();
        let news = registry.listen();
        let following = registry.follow(folder.path()).unwrap();
        let followed = Self { folder, registry, news, backtester, _following: following };
        followed.expect("mine", Event::Loaded, "generation 1");
        followed
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Waits for the next news.
    fn expect(&self, name: &str, event: Event, text: &str) {
        let entry = self.news.recv_timeout(Duration::from_secs(60)).expect("there is news within a minute");
        assert_eq!((entry.plugin.as_str(), entry.event), (name, event), "{}", entry.message);
        assert!(entry.message.contains(text), "{}", entry.message);
    }
}

#[test]
fn a_folder_is_followed_through_everything_that_happens_to_its_files() {
    let other = with_functions(OK, OK, r#"(data (i32.const 512) "another build")"#);
    let followed = Followed::new();
    // An editor saves: a temporary file takes the name.
    replace(followed.folder.path(), "mine", &other);
    followed.expect("mine", Event::Swapped, "generation 2");
    // Half of a build arrives, then the rest.
    fs::write(followed.path("mine.wasm"), &component("sma_cross")[..1000]).unwrap();
    followed.expect("mine", Event::Refused, "is damaged");
    fs::write(followed.path("mine.wasm"), guest(OK, OK)).unwrap();
    followed.expect("mine", Event::Swapped, "generation 3");
    // The file goes, and comes back.
    fs::remove_file(followed.path("mine.wasm")).unwrap();
    followed.expect("mine", Event::Missing, "generation 3");
    assert_eq!(followed.registry.pin("mine").unwrap().generation(), 3);
    fs::write(followed.path("mine.wasm"), guest(OK, OK)).unwrap();
    followed.expect("mine", Event::Returned, "is there again");
    // A new name, with bytes that are known.
    replace(followed.folder.path(), "twin", &guest(OK, OK));
    followed.expect("twin", Event::Loaded, "generation 1");
    // Names that are none, files that are no plugins, and folders.
    replace(followed.folder.path(), "no name", &guest(OK, OK));
    followed.expect("no name", Event::Refused, "is not a plugin name");
    fs::write(followed.path("notes.txt"), "x").unwrap();
    fs::create_dir(followed.path("folder.wasm")).unwrap();
    fs::remove_file(followed.path("twin.wasm")).unwrap();
    followed.expect("twin", Event::Missing, "generation 1");
}

#[test]
fn links_are_followed_when_they_are_pointed_elsewhere() {
    let followed = Followed::new();
    let releases = tempfile::tempdir().unwrap();
    let other = with_functions(OK, OK, r#"(data (i32.const 512) "another build")"#);
    fs::write(releases.path().join("1.wasm"), guest(OK, OK)).unwrap();
    fs::write(releases.path().join("2.wasm"), other).unwrap();
    let point_at = |release: &str| {
        let link = followed.path(".link");
        std::os::unix::fs::symlink(releases.path().join(release), &link).unwrap();
        fs::rename(link, followed.path("linked.wasm")).unwrap();
    };
    point_at("1.wasm");
    followed.expect("linked", Event::Loaded, "generation 1");
    point_at("2.wasm");
    followed.expect("linked", Event::Swapped, "generation 2");
    // What the link leads to changes, in a folder that nobody follows.
    replace(releases.path(), "2", &guest(OK, OK));
    followed.expect("linked", Event::Swapped, "generation 3");
}

#[test]
fn a_build_that_is_offered_is_written_into_the_folder_once_it_is_good() {
    let followed = Followed::new();
    followed.registry.offer("mine", b"text".to_vec()).unwrap_err();
    assert_eq!(fs::read(followed.path("mine.wasm")).unwrap(), guest(OK, OK));
    followed.registry.offer("new", guest(OK, OK)).unwrap();
    assert_eq!(fs::read(followed.path("new.wasm")).unwrap(), guest(OK, OK));
}

#[test]
fn a_bad_file_at_the_start_does_not_keep_the_last_good_build_from_serving() {
    let (folder, memory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let backtester = backtester();
    let open = || Registry::remembering(backtester.sandbox(), policy(), memory.path()).unwrap();
    let good = open().offer("mine", guest(OK, OK)).unwrap().digest();
    replace(folder.path(), "mine", b"text");
    let registry = open();
    let _following = registry.follow(folder.path()).unwrap();
    assert_eq!(registry.pin("mine").unwrap().digest(), good);
    assert!(registry.plugins()[0].refused.as_ref().unwrap().reason.contains("is not WebAssembly"));
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let (_backtester, registry) = registry();
    let error = registry.follow(Path::new("no/such/folder")).unwrap_err();
    assert!(error.to_string().contains("`no/such/folder` cannot be read; make it"), "{error}");
}

#[test]
fn an_offer_of_what_serves_already_brings_its_file_back() {
    let followed = Followed::new();
    fs::remove_file(followed.path("mine.wasm")).unwrap();
    followed.expect("mine", Event::Missing, "generation 1");
    assert_eq!(followed.registry.offer("mine", guest(OK, OK)).unwrap().generation(), 1);
    assert_eq!(fs::read(followed.path("mine.wasm")).unwrap(), guest(OK, OK));
    followed.expect("mine", Event::Returned, "generation 1");
}
