//! Doors that take foreign bytes: the corpus of `tests/fuzz` and mutations of it from a fixed seed break no promise.
//!
//! Each target runs in a process of its own, which may take so much processor time and memory for an input, and no more. An
//! input that fails is left in `tests/fuzz/found`.
#![expect(clippy::print_stdout, reason = "each target prints what it has done")]

#[path = "../fuzz/budget.rs"]
mod budget;
#[path = "../fuzz/mutate.rs"]
mod mutate;
#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::{
    env, fs,
    path::Path,
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tempfile::TempDir;

use self::{
    budget::Budget,
    mutate::{Random, mutated},
    targets::{TARGETS, Target},
};
use crate::support::{OK, guest::with_functions};

/// The name of the target that a process runs, and the file where it keeps the input that runs.
const NAME: &str = "HOST_FUZZ_TARGET";
const CURRENT: &str = "HOST_FUZZ_INPUT";

/// How many times as many mutations as usual, and the seed: for other inputs than those of every test run.
const TIMES: &str = "HOST_FUZZ_TIMES";
const SEED: &str = "HOST_FUZZ_SEED";

/// Processor seconds after which the system ends a process: an input that never returns.
const MOST_SECONDS: u64 = 120;

/// Targets that do not hold, each in another way: a test of the test.
const BROKEN: [Target; 4] = [
    broken("panics", |_| panic!("this panics")),
    broken("spins", |_| spin(0.2)),
    broken("hogs", |_| drop(std::hint::black_box(vec![1_u8; 64 << 20]))),
    broken("falls", |input| assert!(fall(input.len()) > 0)),
];

const fn broken(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run, rounds: 0, seconds: 0.1, mib: 16, more: &[], words: &[] }
}

fn spin(seconds: f64) {
    let start = budget::seconds();
    while budget::seconds() < start + seconds {}
}

#[expect(unconditional_recursion, reason = "it is to run out of stack")]
fn fall(_depth: usize) -> usize {
    std::hint::black_box(fall(_depth + 1)) + 1
}

#[test]
fn every_target_holds_for_its_corpus_and_mutations_of_it() {
    let (folder, next, failures) = (folder(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(target) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
            failures.lock().unwrap().extend(run_apart(target, &folder.path().join(target.name)).err());
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn what_does_not_hold_is_told_with_its_input() {
    let folder = folder();
    let said =
        ["this panics", "seconds of processor time, of 0.1", "memory allocation of 67108864 bytes failed", "overflow"];
    for (target, said) in BROKEN.iter().zip(said) {
        let failure = run_apart(target, &folder.path().join(target.name)).unwrap_err();
        assert!(failure.contains(said), "{failure}");
        let found = Path::new("tests/fuzz/found").join(target.name);
        assert!(failure.contains(&*found.to_string_lossy()), "{failure}");
        fs::remove_dir_all(found).unwrap();
    }
}

/// A folder in memory, where the system has one: it takes many small files.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Runs a target in a process of its own; returns what went wrong.
fn run_apart(target: &Target, current: &Path) -> Result<(), String> {
    let program = env::current_exe().unwrap();
    let arguments = ["fuzz::one_target", "--exact", "--ignored", "--nocapture"];
    let run = Command::new(program).args(arguments).env(NAME, target.name).env(CURRENT, current).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    text.lines().filter(|line| line.contains(" inputs within ")).for_each(|line| println!("{line}"));
    if run.status.success() { Ok(()) } else { Err(failure(target, current, &run)) }
}

fn failure(target: &Target, current: &Path, run: &Output) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let tail = text.char_indices().rev().nth(3000).map_or(0, |(at, _)| at);
    let input = fs::read(current).unwrap_or_default();
    let path = Path::new("tests/fuzz/found").join(target.name).join(&blake3::hash(&input).to_hex()[..16]);
    fs::create_dir_all(path.parent().unwrap()).and_then(|()| fs::write(&path, input)).unwrap();
    format!(
        "`{}` does not hold ({}) for the input in `{}`:\n{}",
        target.name,
        run.status,
        path.display(),
        &text[tail..]
    )
}

#[test]
#[ignore = "the tests above run it, in a process for each target"]
fn one_target() {
    let name = env::var(NAME).expect("the tests above name a target");
    let current = env::var(CURRENT).expect("the tests above name a file");
    let number = |name, usual| env::var(name).map_or(usual, |number| number.parse().expect("a whole number"));
    let (times, seed) = (number(TIMES, 1), number(SEED, 16));
    Budget::end_process_after(MOST_SECONDS * times);
    Budget::tell_panics();
    let target = TARGETS.iter().chain(&BROKEN).find(|target| target.name == name).expect("a target has this name");
    let is_broken = BROKEN.iter().any(|broken| broken.name == name);
    let corpus = if is_broken { vec![b"1".to_vec()] } else { target.corpus() };
    let mut budget = Budget::new(target);
    let mut run = |input: &[u8]| {
        fs::write(&current, input).unwrap();
        budget.run(input);
    };
    corpus.iter().for_each(|input| run(input));
    let mut random = Random::new(seed);
    for _ in 0..u64::from(target.rounds) * times {
        let start = &corpus[random.below(corpus.len())];
        run(&mutated(start, &corpus, target.words, &mut random));
    }
    println!("{budget}");
}

/// The guest of the target `describe` is what its text says; `UPDATE_FUZZ_GUEST=1` writes it.
#[test]
fn the_guest_that_describes_itself_with_an_input_is_built_from_its_text() {
    let place = format!("(data (i32.const 0) \"{}\")", "FUZZ".repeat(256));
    let built = with_functions(OK, OK, &place);
    let path = "tests/fuzz/corpus/component/described.wasm";
    if env::var_os("UPDATE_FUZZ_GUEST").is_some() {
        fs::write(path, &built).unwrap();
    }
    assert!(fs::read(path).unwrap() == built, "`{path}` is another guest");
}
