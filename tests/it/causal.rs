//! Look-ahead and statistics: a strategy that a check has found looking ahead gets none, and what a check found is kept.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use host::{cli::Exit, results::ReturnsFile};

use crate::support::{Folder, check_refused, host};

const TOMORROW: &str = "tests/plugins/cheat_tomorrow/cheat_tomorrow.wasm";
const MEAN: &str = "tests/plugins/cheat_mean/cheat_mean.wasm";
const GRID: &str = "--param lookback=5,10,15";

/// A store, and a file of returns.
struct Place {
    folder: Folder,
    store: String,
    returns: String,
}

impl Place {
    fn new() -> Self {
        let folder = Folder::new();
        let [store, returns] = ["store", "r.arrow"].map(|name| folder.path(name).display().to_string());
        Self { folder, store, returns }
    }

    /// Runs the program itself, which can be its own worker process.
    fn program(&self, args: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command.args(args.split_whitespace()).env("HOST_STORE", &self.store).output().unwrap()
    }

    /// Writes returns of [`TOMORROW`] that nobody checks.
    fn unchecked_returns(&self) -> String {
        let Self { returns, .. } = self;
        let sweep =
            format!("sweep --plugin {TOMORROW} {GRID} --no-cache --no-store --backend processes --returns {returns}");
        let run = self.program(&sweep);
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(run.status.success(), "{said}");
        said
    }

    /// The one file of what checks have found.
    fn answers(&self) -> PathBuf {
        let folder = self.folder.path("store").join("v1/audits");
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let path = paths.next().unwrap();
        assert_eq!(paths.next(), None);
        path
    }

    fn fact(&self) -> String {
        let file = ReturnsFile::open(self.returns.as_ref()).unwrap();
        file.fact("host.check").unwrap().to_owned()
    }

    /// What `command` of the file of returns notes.
    fn noted(&self, command: &str, more: &str) -> String {
        let run = host(&format!("{command} {} {more}", self.returns));
        assert_eq!(run.exit, Exit::Success, "{}", run.err);
        run.err
    }
}

#[test]
fn a_sweep_refuses_the_returns_of_a_strategy_that_looks_ahead() {
    let place = Place::new();
    let (store, returns) = (&place.store, &place.returns);
    for more in ["--no-store".to_owned(), format!("--store {store}"), format!("--store {store}")] {
        let words = ["`cheat_tomorrow` looks ahead", "`MSFT`", "lookback=10", "`host check`", "ask for no returns"];
        check_refused(&format!("sweep --plugin {TOMORROW} {GRID} {more} --returns {returns}"), &words);
        check_refused(
            &format!("sweep --plugin {MEAN} --param entry=0.25,0.5 {more} --returns {returns}"),
            &["`cheat_mean` looks ahead", "depends on later bars"],
        );
        assert!(!place.folder.path("r.arrow").exists());
    }
    let run = host(&format!("sweep --plugin {TOMORROW} {GRID} --store {store}"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
}

#[test]
fn what_a_check_finds_is_known_to_sweeps_of_other_bars_and_in_processes() {
    let place = Place::new();
    let store = &place.store;
    let check = host(&format!("check --plugin {TOMORROW} --quick --param lookback=20 --store {store}"));
    assert_eq!(check.exit, Exit::Caught, "{}", check.err);
    let sweep = format!("sweep --plugin {TOMORROW} {GRID} --no-cache --to 2000-01-01 --returns {}", place.returns);
    let run = place.program(&format!("{sweep} --backend processes"));
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.code() == Some(2) && said.contains("`cheat_tomorrow` looks ahead"), "{said}");
}

#[test]
fn statistics_of_earlier_returns_are_refused_once_a_check_has_found_look_ahead() {
    let place = Place::new();
    let (store, returns) = (format!("--store {}", place.store), &place.returns);
    let said = place.unchecked_returns();
    assert!(said.contains("`cheat_tomorrow` is not checked for look-ahead, since worker processes"), "{said}");
    assert_eq!(place.fact(), "unchecked");
    host(&format!("sweep --param lookback=5 {store}"));
    let unknown = "nobody has checked `cheat_tomorrow` for look-ahead on these bars";
    for command in ["trust --draws 200", "walk-forward"] {
        assert!(place.noted(command, &store).contains(unknown));
        assert!(place.noted(command, "--no-store").contains(unknown));
    }
    assert_eq!(host(&format!("check --plugin {TOMORROW} --quick --no-store")).exit, Exit::Caught);
    assert!(place.noted("trust --draws 200", &store).contains(unknown), "nothing was kept");
    assert_eq!(host(&format!("check --plugin {TOMORROW} --quick {store}")).exit, Exit::Caught);
    host(&format!("results prune --size 0 {store}"));
    for command in ["trust", "walk-forward"] {
        let words = ["`cheat_tomorrow` looks ahead", "`MSFT`", "run the sweep again"];
        check_refused(&format!("{command} {returns} {store}"), &words);
        check_refused(&format!("{command} {returns} --store /nowhere"), &["/nowhere"]);
        assert!(place.noted(command, "--no-store").contains(unknown));
    }
    // Where the environment says, too.
    assert_eq!(place.program(&format!("walk-forward {returns}")).status.code(), Some(2));
}

#[test]
fn a_strategy_that_is_clean_is_silent() {
    let place = Place::new();
    let (store, returns) = (format!("--store {}", place.store), &place.returns);
    for store in ["--no-store", &store, &store] {
        let run =
            host(&format!("sweep --plugin sma_cross --param fast=5,10 --param slow=20,50 {store} --returns {returns}"));
        assert!(run.exit == Exit::Success && !run.err.contains("ahead") && !run.err.contains("note: "), "{}", run.err);
        assert_eq!(place.fact(), "clean");
        for command in ["trust --draws 200", "walk-forward"] {
            assert!(!place.noted(command, store).contains("ahead"));
            assert!(!place.noted(command, "--no-store").contains("ahead"), "the file says it");
        }
    }
    assert!(fs::read_to_string(place.answers()).unwrap().contains("clean"));
}

#[test]
fn a_strategy_of_orders_needs_no_check() {
    let place = Place::new();
    let run = host(&format!("sweep --plugin bracket --param fast=5,10 --no-store --returns {}", place.returns));
    assert!(run.exit == Exit::Success && !run.err.contains("ahead"), "{}", run.err);
    assert_eq!(place.fact(), "events");
    assert!(!place.noted("walk-forward", "--no-store").contains("ahead"));
}

#[test]
fn what_is_not_decided_by_other_parameters_is_by_those_of_the_sweep_or_noted() {
    let place = Place::new();
    let day = |day: u32| {
        let (month, of_month, price) = (1 + day / 28, 1 + day % 28, 20 + day % 7);
        format!("2024-{month:02}-{of_month:02},{price},{price},{price},{price}\n")
    };
    let bars = (0..60).map(day).collect::<String>();
    let data = place.folder.file("waves.csv", format!("date,open,high,low,close\n{bars}"));
    let sweep = format!("sweep --plugin momentum --data {data} --returns {}", place.returns);
    let store = format!("--store {}", place.store);
    // The defaults of `momentum` need more bars.
    for store in ["--no-store", &store, &store] {
        let run = host(&format!("{sweep} {store} --param lookback=2,3"));
        assert!(run.exit == Exit::Success && !run.err.contains("ahead"), "{}", run.err);
        assert_eq!(place.fact(), "clean");
    }
    let run = host(&format!("{sweep} --no-store --param lookback=200,300"));
    let note = "note: whether `momentum` looks ahead is not decided: there was no target to compare";
    assert!(run.err.contains(note), "{}", run.err);
    assert_eq!(place.fact(), "undecided");
    let noted = host(&format!("walk-forward {} --no-store", place.returns)).err;
    assert!(noted.contains("`momentum` looks ahead is not decided: a quick check did not suffice"), "{noted}");
}

#[test]
fn damaged_answers_are_told_and_asked_for_again() {
    let place = Place::new();
    let sweep = format!("sweep --plugin {TOMORROW} {GRID} --store {} --returns {}", place.store, place.returns);
    let run = host(&sweep);
    assert!(!run.err.contains("note: "), "{}", run.err);
    let path = place.answers();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[1..]).unwrap();
    let words =
        ["note: the store could not be used for what checks find", "is damaged", "`cheat_tomorrow` looks ahead"];
    check_refused(&sweep, &words);
    assert_eq!(fs::read(&path).unwrap(), whole);
    assert!(!host(&sweep).err.contains("note: "));
    // Who only reads tells it, too.
    fs::write(&path, &whole[1..]).unwrap();
    place.unchecked_returns();
    assert!(place.noted("walk-forward", &format!("--store {}", place.store)).contains("is damaged"));
}

#[test]
fn a_clean_check_says_what_an_earlier_one_has_found() {
    let place = Place::new();
    let check = format!("check --plugin {TOMORROW} --quick --store {}", place.store);
    assert_eq!(host(&check).exit, Exit::Caught);
    let few = "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,2,2,2,2\n2024-01-03,3,3,3,3\n";
    let run = host(&format!("{check} --data {}", place.folder.file("few.csv", few)));
    assert_ne!(run.exit, Exit::Caught, "{}", run.out);
    assert!(
        run.err.contains("an earlier check, of other questions or bars, found that `cheat_tomorrow` looks"),
        "{}",
        run.err
    );
}
