//! Code from the function cache is the code that the compiler makes, whatever the cache holds.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicUsize,
};

use tempfile::TempDir;
use wat::parse_str;

use super::*;
use crate::{
    cache::DEFAULT_CAP,
    model::{Params, Series, Targets},
    sandbox::{
        Events, ForkMethod, Limits, Options, Plugin, Prepared, Sandbox, Signals, capture,
        engine::{LEAST_CODE, MachineKind},
        meter::meter,
    },
    task::Answer,
};

/// A cache in a directory of its own, and a sandbox for each place.
struct Bench {
    folder: TempDir,
    cache: Arc<Cache>,
    sandbox: Sandbox,
}

/// One compilation: the code, and how many functions were new.
#[derive(Debug, PartialEq)]
struct Compiled {
    code: Vec<u8>,
    new: usize,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Arc::new(Cache::open(&folder.path().join("cache"), DEFAULT_CAP).unwrap());
        Self { folder, cache, sandbox: Sandbox::new(1, Limits::default()).unwrap() }
    }

    fn machine(&self, kind: MachineKind) -> &Machine {
        self.sandbox.machine(kind).unwrap()
    }

    /// Compiles without any cache.
    fn plain(&self, bytes: &[u8]) -> Vec<u8> {
        self.machine(MachineKind::HostMemory).engine.precompile_component(bytes).unwrap()
    }

    /// Compiles by way of the cache.
    fn cached(&self, bytes: &[u8]) -> Compiled {
        let machine = self.machine(MachineKind::HostMemory);
        let place = PackPlace::of(machine, bytes, 0).unwrap();
        let store = Arc::new(place.open(&self.cache));
        let code = on_one_thread(|| compile(machine, bytes, Arc::clone(&store) as _).unwrap().unwrap());
        place.keep(&self.cache, &store).unwrap();
        let new = store.collected().len();
        Compiled { code, new }
    }

    /// The files of packs.
    fn packs(&self) -> Vec<PathBuf> {
        let bucket = self.folder.path().join("cache").join(BUCKET.to_string());
        fs::read_dir(bucket).into_iter().flatten().map(|file| file.unwrap().path()).collect()
    }

    fn pack(&self) -> PathBuf {
        let [pack] = &self.packs()[..] else { panic!("{:?}", self.packs()) };
        pack.clone()
    }
}

/// Compiles in one order: see [`WORTH_WRITING`].
fn on_one_thread<T: Send>(compile: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(compile)
}

fn bundled(name: &str) -> Vec<u8> {
    meter(&fs::read(format!("plugins/{name}/{name}.wasm")).unwrap()).unwrap()
}

/// Functions that differ in a constant, all exported.
fn functions(constants: &[i32]) -> Vec<u8> {
    let functions = constants.iter().enumerate().map(|(at, constant)| {
        format!(
            r#"(func (export "f{at}") (param $n i32) (result i32)
                (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (call $g (i32.const {constant})))"#
        )
    });
    let module = format!(
        r#"module $m (func $g (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3))) {}"#,
        functions.collect::<String>()
    );
    parse_str(format!("(component (core {module}) (core instance (instantiate $m)))")).unwrap()
}

#[test]
fn an_engine_with_the_function_cache_is_compatible_at_every_place() {
    let bench = Bench::new();
    for kind in [MachineKind::HostMemory, MachineKind::Pool, MachineKind::Replay] {
        let machine = bench.machine(kind);
        let bytes = functions(&[1]);
        let place = PackPlace::of(machine, &bytes, 0).unwrap();
        let store = Arc::new(place.open(&bench.cache));
        let code = on_one_thread(|| compile(machine, &bytes, Arc::clone(&store) as _));
        let code = code.expect("the engines are compatible").unwrap();
        assert_eq!(code, machine.engine.precompile_component(&bytes).unwrap(), "{kind:?}");
        assert!(!store.collected().is_empty(), "{kind:?}: each engine compiles in its own way");
        place.keep(&bench.cache, &store).unwrap();
    }
    assert_eq!(bench.packs().len(), 3, "the settings of engines differ, and so do their packs");
}

#[test]
fn code_is_the_same_bytes_with_an_empty_and_with_a_full_cache() {
    let bench = Bench::new();
    for name in ["sma_cross", "bracket", "bootstrap"] {
        let bytes = bundled(name);
        let plain = bench.plain(&bytes);
        let first = bench.cached(&bytes);
        assert!(first.code == plain && first.new > 0, "{name}: {}", first.new);
        let second = bench.cached(&bytes);
        assert!(second.code == plain && second.new * 4 < first.new, "{name}: {}", second.new);
        // What was compiled leaves other workspaces than what was found.
        let third = bench.cached(&bytes);
        assert!(third.code == plain && third.new <= second.new, "{name}: {}", third.new);
    }
}

#[test]
fn what_wizer_makes_of_a_component_shares_its_pack() {
    let bench = Bench::new();
    let bytes = bundled("sma_cross");
    let instrumented = capture::instrument(&bytes).unwrap();
    let all = bench.cached(&bytes).new;
    let first = bench.cached(&instrumented).new;
    assert!(all > 100 && first > 0);
    assert_eq!(bench.packs().len(), 1);
    for form in [&bytes, &instrumented] {
        let again = bench.cached(form);
        assert!(again.new * 4 < all, "{} of {all}", again.new);
        // Wasmtime writes what wizer exports in an order that differs from time to time.
        assert!((0..50).any(|_| bench.plain(form) == again.code));
    }
}

#[test]
fn a_build_with_one_changed_function_compiles_that_one() {
    let bench = Bench::new();
    let (one, other) = (functions(&[1, 2, 3, 4]), functions(&[1, 2, 5, 4]));
    assert!(bench.cached(&one).new >= 5);
    let changed = bench.cached(&other);
    assert_eq!(changed.new, 1);
    assert!(changed.code == bench.plain(&other) && changed.code != bench.plain(&one));
    assert_eq!(bench.cached(&other), changed, "one is not worth a write");
    let third = functions(&[6, 7, 8, 9]);
    assert_eq!(bench.cached(&third).new, 4);
    for bytes in [&one, &third] {
        assert_eq!(bench.cached(bytes), Compiled { code: bench.plain(bytes), new: 0 }, "both are kept");
    }
}

/// Warms a cache, lets `change` have the pack, and compiles again: everything is compiled anew, and to the same code.
fn check_not_trusted(what: &str, change: impl FnOnce(&Bench, &Path)) {
    let bench = Bench::new();
    let bytes = functions(&[1, 2, 3]);
    let first = bench.cached(&bytes);
    change(&bench, &bench.pack());
    assert!(bench.cached(&bytes) == first, "{what}");
    assert_eq!(bench.cached(&bytes).new, 0, "{what}: a good pack is in its place");
}

#[test]
fn a_pack_that_was_damaged_forged_or_another_is_not_used() {
    for place in [0.0, 0.01, 0.1, 0.5, 0.999] {
        check_not_trusted("a flipped bit", |_, path| {
            let mut bytes = fs::read(path).unwrap();
            let at = (place * bytes.len() as f64) as usize;
            bytes[at] ^= 1;
            fs::write(path, bytes).unwrap();
        });
    }
    check_not_trusted("a pack that is cut off", |_, path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    });
    check_not_trusted("a pack of another user's cache", |_, path| {
        let other = Bench::new();
        other.cached(&functions(&[1, 2, 3]));
        fs::copy(other.pack(), path).unwrap();
    });
    check_not_trusted("a pack of another component, under this one's name", |bench, path| {
        bench.cached(&bundled("bracket"));
        let other = bench.packs().into_iter().find(|other| other != path).unwrap();
        fs::rename(other, path).unwrap();
    });
    check_not_trusted("an entry that is no pack", |bench, _| {
        let key = key(bench.machine(MachineKind::HostMemory), &functions(&[1, 2, 3]), 0).unwrap();
        bench.cache.put(BUCKET, &key, b"authentic, but not a pack").unwrap();
    });
    check_not_trusted("a value that is not compiled code", |bench, path| {
        let key = key(bench.machine(MachineKind::HostMemory), &functions(&[1, 2, 3]), 0).unwrap();
        let known = Pack::read(bench.cache.get(BUCKET, &key).unwrap()).unwrap();
        let wrong = known.iter().map(|(key, _)| (key, &b"nonsense"[..])).collect();
        bench.cache.put(BUCKET, &key, &Pack::write(&wrong)).unwrap();
        assert!(path.exists());
    });
}

#[test]
fn what_has_little_code_is_compiled_without_the_function_cache() {
    let bench = Bench::new();
    let machine = bench.machine(MachineKind::HostMemory);
    let bytes = bundled("sma_cross");
    assert!(PackPlace::of(machine, &bytes, LEAST_CODE).is_none());
    // What counts is code, and not what else is in a component.
    let padded = [&bytes[..], &[0, 0x85, 0x80, 0x80, 0x01, 1, b'x'], &[0; (2 << 20) + 3]].concat();
    assert!(padded.len() > LEAST_CODE && PackPlace::of(machine, &padded, LEAST_CODE).is_none());
    assert!(PackPlace::of(machine, &padded, 1000).is_some());
    assert!(PackPlace::of(machine, b"not a component, but long enough", 0).is_none());
}

/// A store that answers with what it was told last, whatever the question.
#[derive(Debug, Default)]
struct Liar {
    last: Mutex<Option<Vec<u8>>>,
    lies: AtomicUsize,
}

impl FunctionStore for Liar {
    fn get(&self, _: &PackKey) -> Option<Cow<'_, [u8]>> {
        let last = self.last.lock().unwrap().clone();
        self.lies.fetch_add(last.is_some().into(), Ordering::Relaxed);
        last.map(Cow::Owned)
    }

    fn collect(&self, _: PackKey, code: Vec<u8>) {
        *self.last.lock().unwrap() = Some(code);
    }
}

#[test]
fn the_compiler_takes_what_the_store_says() {
    let bench = Bench::new();
    let bytes = functions(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let liar = Arc::new(Liar::default());
    let machine = bench.machine(MachineKind::HostMemory);
    // In one order, the lie is the first function, which calls nothing: it can stand in every other's place.
    let code = on_one_thread(|| compile(machine, &bytes, Arc::clone(&liar) as _)).unwrap().unwrap();
    assert!(liar.lies.load(Ordering::Relaxed) > 0);
    // So that the comparisons above would see a wrong entry. Nothing of this is run.
    assert!(code != bench.plain(&bytes));
}

fn store(known: &[(u8, usize)], new: &[(u8, usize)], used: &[usize]) -> PackStore {
    let values: BTreeMap<_, _> = known.iter().map(|(key, len)| ([*key; 32], vec![*key; *len])).collect();
    let known = Pack::read(Pack::write(&values.iter().map(|(key, value)| (*key, &value[..])).collect())).unwrap();
    let used = (0..known.len()).map(|position| AtomicBool::new(used.contains(&position))).collect();
    let new = new.iter().map(|(key, len)| ([*key; 32], vec![*key; *len])).collect();
    PackStore { known, used, collected: Mutex::new(new) }
}

/// The first byte of each key of the pack that is written for at most `most` bytes.
fn packed(store: &PackStore, most: u64) -> Option<Vec<u8>> {
    let pack = Pack::read(store.pack(most)?).unwrap();
    pack.iter().for_each(|(key, value)| assert!(value.iter().all(|byte| *byte == key[0])));
    Some(pack.iter().map(|(key, _)| key[0]).collect())
}

#[test]
fn a_pack_is_written_for_what_is_worth_it_and_drops_what_was_not_used_where_it_is_full() {
    let all = u64::MAX;
    assert_eq!(packed(&store(&[], &[], &[]), all), None);
    assert_eq!(packed(&store(&[(1, 9)], &[], &[0]), all), None);
    assert_eq!(packed(&store(&[(1, 9), (3, 9)], &[(2, 9)], &[]), all), Some(vec![1, 2, 3]));
    assert_eq!(packed(&store(&[(1, 8000)], &[(2, 1000)], &[]), all), None, "little is new");
    assert_eq!(packed(&store(&[(1, 8000)], &[(2, 1200)], &[]), all), Some(vec![1, 2]));
    let full = store(&[(1, 1000), (3, 1000)], &[(2, 1000)], &[1]);
    assert_eq!(packed(&full, 3128), Some(vec![1, 2, 3]));
    assert_eq!(packed(&full, 3127), Some(vec![2, 3]), "the one that was not used goes");
    assert_eq!(packed(&full, 2087), None, "what is used alone is too much");
}

#[test]
fn a_pack_beyond_the_share_of_the_cache_is_not_written() {
    let bench = Bench::new();
    let small = Cache::open(&bench.folder.path().join("small"), 4096).unwrap();
    let place = PackPlace(Key::of(&[("test", b"pack")]));
    place.keep(&small, &store(&[], &[(1, 1000)], &[])).unwrap();
    assert_eq!(small.usage().unwrap(), []);
    place.keep(&small, &store(&[], &[(1, 100)], &[])).unwrap();
    assert_eq!(small.usage().unwrap()[0].entries, 1);
}

fn data() -> Arc<[Series]> {
    let close: Vec<f64> = (0..300).map(|bar| 100.0 + f64::from(bar % 17) - f64::from(bar % 5)).collect();
    let column = || close.clone();
    let time = (0..300).collect();
    Arc::new([Series {
        symbol: "X".into(),
        time,
        open: column(),
        high: column(),
        low: column(),
        close: column(),
        volume: column(),
        ..Series::default()
    }])
}

/// Prepares the bundled `sma_cross` and runs it with its defaults.
fn run(method: ForkMethod, cache: Option<&Arc<Cache>>, least_code: usize) -> Answer<Targets> {
    let options = Options { fork_method: method, cache: cache.cloned(), least_code, ..Options::default() };
    let sandbox = Sandbox::new(1, options).unwrap();
    let plugin = Plugin::load(&sandbox, Path::new("plugins/sma_cross/sma_cross.wasm")).unwrap();
    let prepared = Prepared::<Signals>::new(&plugin, data()).unwrap();
    let answer = prepared.evaluate(&plugin.description().resolve(&Params::new()).unwrap());
    assert_eq!(sandbox.cache_problem(), None);
    answer
}

fn is_same(one: &Answer<Targets>, other: &Answer<Targets>) -> bool {
    one.outcome.as_ref().unwrap() == other.outcome.as_ref().unwrap() && one.units == other.units && one.log == other.log
}

/// The components that a cache has compiled.
fn components(bench: &Bench) -> usize {
    fs::read_dir(bench.folder.path().join("cache/compiled-v7")).unwrap().count()
}

#[test]
fn a_large_plugin_is_compiled_once_for_preparing_and_for_forks() {
    for (least_code, expected) in [(0, 1), (usize::MAX, 2)] {
        let bench = Bench::new();
        run(ForkMethod::CopyOnWrite, Some(&bench.cache), least_code);
        assert_eq!(components(&bench), expected);
    }
}

#[test]
fn one_that_is_run_by_events_has_its_driver_from_the_start() {
    let answers = [0, usize::MAX].map(|least_code| {
        let bench = Bench::new();
        let options = Options { cache: Some(Arc::clone(&bench.cache)), least_code, ..Options::default() };
        let sandbox = Sandbox::new(1, options).unwrap();
        let plugin = Plugin::load(&sandbox, Path::new("plugins/bracket/bracket.wasm")).unwrap();
        let prepared = Prepared::<Events>::new(&plugin, data()).unwrap();
        assert!(prepared.has_driver());
        assert_eq!(components(&bench), if least_code == 0 { 1 } else { 2 });
        (prepared.budget(), prepared.log().to_vec())
    });
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn answers_and_units_are_the_same_by_every_way_to_fork() {
    for method in [ForkMethod::Auto, ForkMethod::Precompiled, ForkMethod::RePrepared] {
        let bench = Bench::new();
        let plain = run(method, None, 0);
        assert!(plain.units.is_some() && plain.outcome.is_ok());
        // The second run finds the functions of the first, but no whole component.
        for _ in 0..2 {
            assert!(is_same(&run(method, Some(&bench.cache), 0), &plain), "{method}");
            assert!(!bench.packs().is_empty());
            let compiled = bench.folder.path().join("cache/compiled-v7");
            fs::remove_dir_all(&compiled).unwrap();
        }
        assert!(is_same(&run(method, Some(&bench.cache), usize::MAX), &plain), "{method}");
    }
}
