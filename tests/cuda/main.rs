//! The bootstrap on a GPU, without a GPU: tests start themselves again in a process that has the fake CUDA of `fake.c`.
//!
//! Without a C compiler they fail and say so.

#![expect(clippy::print_stdout, reason = "a child says what it found")]

use std::{
    fs,
    ops::Range,
    path::Path,
    process::{Command, Output},
};

use host::trust::{
    Chosen, Device, DeviceChoice, Draws, Matrix, Products, Recentring, Sums, Superiority, SuperiorityReport, TrustError,
};

mod cases;

use cases::{Case, cases};

/// Cells of a sweep for which the work is much.
const MANY: usize = 1 << 40;

/// Builds the fake CUDA.
fn fake() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/build.sh");
    let built = Command::new(script).arg(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "the fake CUDA needs a C compiler (`cc`, or what `CC` says): {text}");
    folder
}

/// Runs `check` of [`check`] in a process of its own, with this CUDA.
fn run(cuda: &Path, check: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "check", "--ignored", "--nocapture"]).env("CHECK", check);
    command.env("LD_LIBRARY_PATH", cuda).envs(environment.iter().copied()).output().unwrap()
}

/// What `check` prints where it passes.
#[track_caller]
fn passes(cuda: &Path, check: &str, environment: &[(&str, &str)]) -> String {
    let output = run(cuda, check, environment);
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success(), "{check} {environment:?}: {text}");
    assert!(text.contains("1 passed"), "{text}");
    text
}

/// Sums that are taken as they are: nothing is too close to call.
struct Certain<'a>(&'a dyn Products);

impl Products for Certain<'_> {
    fn tiles(&self) -> usize {
        self.0.tiles()
    }

    fn most_draws(&self) -> usize {
        self.0.most_draws()
    }

    fn prepare<'a>(&'a self, draws: &'a Draws, chosen: &'a [usize]) -> Result<Box<dyn Sums + 'a>, TrustError> {
        self.0.prepare(draws, chosen)
    }
}

#[test]
#[ignore = "the other tests run it, in a process with a fake CUDA"]
fn check() {
    match std::env::var("CHECK").unwrap().as_str() {
        "equal" => equal(0..SEEDS, DeviceChoice::Cuda, |device| matches!(device, Device::Cuda { lost: None, .. })),
        "equal, one" => equal_one(),
        "rest" => equal(LARGE, DeviceChoice::Auto, |device| matches!(device, Device::Cuda { lost: Some(_), .. })),
        "undecided" => undecided(),
        "slices" => slices(),
        "choice" => choice(),
        "fails" => fails(),
        other => unreachable!("{other}"),
    }
}

fn report(case: &Case, products: &dyn Products) -> Result<SuperiorityReport, TrustError> {
    case.test().test(&case.returns, &case.draws, products)
}

/// Reports have the same bits as on the CPU.
#[track_caller]
fn is_equal(case: &Case, products: &dyn Products) {
    let (found, expected) = (report(case, products).unwrap(), report(case, &host::trust::PrefixSums).unwrap());
    assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{}", case.name);
}

fn equal(seeds: Range<u64>, choice: DeviceChoice, is_right: impl Fn(&Device) -> bool) {
    let (mut devices, mut count) = (Vec::new(), 0);
    for case in cases(seeds) {
        let chosen = Chosen::new(choice, &case.draws, MANY).unwrap();
        is_equal(&case, chosen.products());
        devices.push(chosen.device());
        count += 1;
    }
    assert!(devices.iter().any(is_right), "{devices:?}");
    println!("{count} cases; {}", devices[0]);
}

/// Seeds of each kind of case.
const SEEDS: u64 = 40;

/// The seed of cases with more than a block of cells.
const LARGE: Range<u64> = 7..8;

/// The same for one case, where the fake CUDA fails at some call.
fn equal_one() {
    let case = cases(LARGE).next().unwrap();
    let chosen = Chosen::new(DeviceChoice::Auto, &case.draws, MANY).unwrap();
    is_equal(&case, chosen.products());
    println!("{}", chosen.device());
}

/// Without close calls, reports differ.
fn undecided() {
    let mut differ = std::collections::BTreeMap::new();
    for case in cases(0..SEEDS) {
        let chosen = Chosen::new(DeviceChoice::Cuda, &case.draws, MANY).unwrap();
        let found = report(&case, &Certain(chosen.products())).unwrap();
        let expected = report(&case, &host::trust::PrefixSums).unwrap();
        let p = |report: &SuperiorityReport| (report.spa, report.reality_check.p);
        let counts: &mut [u32; 3] = differ.entry(case.kind).or_default();
        counts[0] += u32::from(p(&found) != p(&expected));
        counts[1] += u32::from(found.steps.superior != expected.steps.superior);
        counts[2] += u32::from(found.steps.critical != expected.steps.critical);
    }
    println!("of {SEEDS} of each kind, other p-values, other superior cells, other critical values: {differ:?}");
    let sum = |at: usize| differ.values().map(|counts| counts[at]).sum::<u32>();
    assert!(sum(0) > 0 && sum(2) > 0, "{differ:?}");
}

/// More draws than are multiplied at once, or fit.
fn slices() {
    let draws = Draws::stationary(64, 20_000, 5.0, 3).unwrap();
    let case = Case { draws, ..cases(0..1).next().unwrap() };
    let periods = 64;
    let returns: Vec<f32> = (0..40 * periods).map(|at| ((at * at + 7 * at) % 101) as f32 * 1e-3 - 0.05).collect();
    let case = Case { returns: Matrix::new(periods, returns).unwrap(), benchmark: vec![0.0; periods], ..case };
    let chosen = Chosen::new(DeviceChoice::Cuda, &case.draws, MANY).unwrap();
    is_equal(&case, chosen.products());
    println!("{} draws at once; {}", chosen.products().most_draws(), chosen.device());
}

/// Which device is chosen, and why.
fn choice() {
    let draws = Draws::stationary(64, 1_000, 5.0, 3).unwrap();
    for (choice, cells) in [(DeviceChoice::Auto, MANY), (DeviceChoice::Auto, 1), (DeviceChoice::Cuda, 1)] {
        match Chosen::new(choice, &draws, cells) {
            Ok(chosen) => println!("{choice:?}: {}", chosen.device()),
            Err(error) => println!("{choice:?}: error: {error}"),
        }
    }
}

/// The error of a GPU that was asked for.
fn fails() {
    let case = cases(LARGE).next().unwrap();
    let chosen = Chosen::new(DeviceChoice::Cuda, &case.draws, MANY).unwrap();
    println!("{}", report(&case, chosen.products()).unwrap_err());
}

#[test]
fn reports_have_the_bits_of_the_cpu() {
    let fake = fake();
    for (error, threads) in [("0", "1"), ("0", "3"), ("1e-13", "2")] {
        println!("{}", passes(fake.path(), "equal", &[("FAKE_ERROR", error), ("RAYON_NUM_THREADS", threads)]));
    }
}

/// So that the test above can fail.
#[test]
fn reports_differ_where_close_calls_are_not_decided() {
    let fake = fake();
    for error in ["0", "1e-13"] {
        println!("{}", passes(fake.path(), "undecided", &[("FAKE_ERROR", error)]));
    }
}

#[test]
fn draws_that_do_not_fit_are_worked_on_in_slices() {
    let fake = fake();
    let log = fake.path().join("log");
    let one = ("RAYON_NUM_THREADS", "1");
    let text = passes(fake.path(), "slices", &[one]);
    assert!(text.contains("20000 draws at once"), "{text}");
    let text = passes(fake.path(), "slices", &[one, ("FAKE_MEMORY", "50000000"), ("FAKE_LOG", log.to_str().unwrap())]);
    assert!(!text.contains("20000 draws at once"), "{text}");
    let log = fs::read_to_string(log).unwrap();
    println!("{text}{log}");
    assert!(log.contains("left=0"), "all memory is given back: {log}");
}

#[test]
fn the_cpu_does_the_rest_where_a_gpu_fails() {
    let fake = fake();
    let text = passes(fake.path(), "rest", &[("FAKE_FAIL", "gemm:10"), ("RAYON_NUM_THREADS", "2")]);
    println!("{text}");
    let mut lost = 0;
    for kind in ["alloc", "host", "htod", "dtoh", "sync", "gemm", "create"] {
        for number in 1..20 {
            let fail = format!("{kind}:{number}");
            let text = passes(fake.path(), "equal, one", &[("FAKE_FAIL", &fail), ("RAYON_NUM_THREADS", "2")]);
            lost += usize::from(text.contains("the CPU did the rest"));
        }
    }
    assert!(lost > 10, "{lost} of the failures were in the middle");
}

#[test]
fn a_gpu_that_was_asked_for_is_an_error_where_it_fails() {
    let fake = fake();
    for (fail, expected) in [
        (
            "gemm:3",
            "asked for: CUDA could not multiply matrices: CublasError(CUBLAS_STATUS_EXECUTION_FAILED); give `cpu` or `auto`",
        ),
        ("htod:4", "asked for: CUDA could not take "),
    ] {
        let text = passes(fake.path(), "fails", &[("FAKE_FAIL", fail), ("RAYON_NUM_THREADS", "1")]);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_gpu_that_computes_wrong_is_refused() {
    let fake = fake();
    for how in ["zero:1", "none:1", "nan:1", "one:1"] {
        let text = passes(fake.path(), "choice", &[("FAKE_WRONG", how)]);
        assert!(text.contains("Auto: cpu: the GPU computes wrong: a sum is"), "{text}");
        assert!(text.contains("Cuda: error: the draws cannot be summed"), "{text}");
    }
    // In the middle: every product is checked.
    for how in ["zero:10", "none:10", "nan:10", "one:10"] {
        let text = passes(fake.path(), "rest", &[("FAKE_WRONG", how), ("RAYON_NUM_THREADS", "2")]);
        assert!(text.contains("the CPU did the rest, since the GPU computes wrong"), "{text}");
    }
    let text = passes(fake.path(), "fails", &[("FAKE_WRONG", "nan:2"), ("RAYON_NUM_THREADS", "1")]);
    assert!(text.contains("the GPU computes wrong"), "{text}");
}

#[test]
fn a_device_is_chosen_with_a_reason() {
    let fake = fake();
    let text = passes(fake.path(), "choice", &[]);
    assert!(text.contains("Auto: cuda: Fake GPU 0, 4 GiB\n"), "{text}");
    assert!(text.contains("Auto: cpu: the work of 1.3e5 operations is below that for which a GPU pays\n"), "{text}");
    assert!(text.contains("Cuda: cuda: Fake GPU 0, 4 GiB\n"), "{text}");
    let text = passes(fake.path(), "choice", &[("FAKE_MEMORY", "30000000")]);
    assert!(text.contains("Auto: cpu: the GPU has 29 MiB of free memory, and "), "{text}");
}

#[test]
fn libraries_that_are_missing_or_stubs_are_named() {
    let fake = fake();
    let file = |name: &str| fake.path().join(name);
    fs::remove_file(file("libcublas.so.12")).unwrap();
    let text = passes(fake.path(), "choice", &[]);
    assert!(text.contains("Auto: cpu: cuBLAS (`libcublas`) is not found; install it"), "{text}");
    assert!(text.contains("Cuda: error: the draws cannot be summed"), "{text}");
    // A stub that has no function at all.
    let stub = file("stub.c");
    fs::write(&stub, "int nothing;\n").unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compile = |name: &str| Command::new(&compiler).args(["-shared", "-o"]).arg(file(name)).arg(&stub).status();
    assert!(compile("libcublas.so.12").unwrap().success());
    let text = passes(fake.path(), "choice", &[]);
    assert!(text.contains("Auto: cpu: CUDA could not prepare products: Missing symbol cublasCreate_v2"), "{text}");
    assert!(compile("libcuda.so.1").unwrap().success());
    let text = passes(fake.path(), "choice", &[]);
    assert!(text.contains("Auto: cpu: CUDA could not open the GPU: Missing symbol cuInit"), "{text}");
    fs::remove_file(file("libcuda.so.1")).unwrap();
    let text = passes(fake.path(), "choice", &[]);
    assert!(text.contains("Auto: cpu: the driver of NVIDIA (`libcuda`) is not found\n"), "{text}");
}
