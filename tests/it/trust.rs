//! Trust: the returns of a sweep are those of its runs, on any number of workers, and noise is called noise.

use std::{fmt::Write as _, fs, process::Command};

use host::{
    backtest::{Backtest, Market, Settings, WorkerState},
    cli::Exit,
    data::Dataset,
    metrics::ReturnsPeriod,
    results::ReturnsFile,
    sandbox::Limits,
    sweep::ParallelBacktester,
    trust::{Returns as _, expected_maximum_sharpe},
};
use serde_json::Value as Json;

use crate::support::{Folder, check_refused, host};

const SWEEP: &str = "sweep --plugin sma_cross --param fast=5..30:5 --param slow=20..80:20 --quiet";

/// Writes the returns of [`SWEEP`] with `more` arguments to the file `name`. By the program itself, which can be its own worker
/// process.
fn returns(folder: &Folder, name: &str, more: &str) -> Vec<u8> {
    let path = folder.path(name);
    let command = format!("{SWEEP} --no-cache --returns {} {more}", path.display());
    let run = Command::new(env!("CARGO_BIN_EXE_host")).args(command.split_whitespace()).output().unwrap();
    assert_eq!(run.status.code(), Some(10), "{}", String::from_utf8_lossy(&run.stderr));
    fs::read(path).unwrap()
}

#[test]
fn returns_have_the_same_bytes_on_any_number_of_workers_from_processes_and_with_a_store() {
    let folder = Folder::new();
    let expected = returns(&folder, "one.arrow", "--no-store --workers 1");
    for more in ["--no-store --workers 3", "--no-store --workers 2 --backend processes"] {
        assert!(returns(&folder, "other.arrow", more) == expected, "{more}");
    }
    let store = format!("--store {} --workers 2", folder.path("store").display());
    for _ in 0..2 {
        assert!(returns(&folder, "other.arrow", &store) == expected, "known results run again");
    }
}

#[test]
fn returns_are_those_of_each_run_by_bars_days_and_weeks() {
    let folder = Folder::new();
    let backtester = ParallelBacktester::new(Some(1), Limits::default()).unwrap();
    for period in ReturnsPeriod::ALL {
        returns(&folder, "r.arrow", &format!("--no-store --returns-period {period}"));
        let file = ReturnsFile::open(&folder.path("r.arrow")).unwrap();
        // 24 combinations, of which `fast` is not below `slow` in three.
        assert_eq!(file.cells(), 21);
        let cell = file.cell(9).unwrap();
        let settings = Settings { returns: Some(period), ..Settings::default() };
        let market = std::sync::Arc::new(Market::new(Dataset::bundled().unwrap(), settings).unwrap());
        let strategy = backtester.load("sma_cross").unwrap().into();
        let backtest = Backtest::new(market, strategy).unwrap();
        let mut state = WorkerState::default();
        let metrics = backtest.run(&mut state, &cell.params).outcome.unwrap();
        let curve = state.ledger().equity();
        assert_eq!(cell.returns.len(), file.times().len());
        assert!(if period == ReturnsPeriod::Week {
            file.periods() < curve.len() / 4
        } else {
            file.periods() == curve.len()
        });
        let total = cell.returns.iter().fold(1.0, |equity, change| equity * (1.0 + f64::from(*change))) - 1.0;
        let expected = metrics.total_return.unwrap();
        assert!((total - expected).abs() < 1e-4 * (1.0 + expected), "{period}: {total} instead of {expected}");
    }
}

/// Bars of a random walk, with `drift` a day.
fn walk(folder: &Folder, seed: u64, drift: f64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut text, mut close) = ("Date,Open,High,Low,Close,Volume\n".to_owned(), 100.0);
    for bar in 0..1_000_u64 {
        let step: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let (open, day) = (close, 1_000_000_000_000 + 86_400_000 * bar);
        close *= 1.0 + 0.01 * step + drift;
        let (high, low) = (f64::max(open, close), f64::min(open, close));
        writeln!(text, "{day},{open},{high},{low},{close},1000").unwrap();
    }
    folder.file("walk.csv", text)
}

fn trust(folder: &Folder, data: &str, more: &str) -> Json {
    let path = folder.path("r.arrow");
    let sweep = format!("{SWEEP} --no-store --data {data} --returns {}", path.display());
    assert_ne!(host(&sweep).exit, Exit::BadInput);
    let run = host(&format!("trust {} --no-store --format json --draws 500 {more}", path.display()));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    serde_json::from_str(&run.out).unwrap()
}

#[test]
fn noise_is_not_credible_and_an_edge_is() {
    let folder = Folder::new();
    let noisy = (0..10).filter(|seed| {
        let data = walk(&folder, *seed, 0.0);
        let found = trust(&folder, &data, "");
        assert!(found["deflated_sharpe"].as_f64().is_none_or(|deflated| (0.0..=1.0).contains(&deflated)), "{found}");
        found["verdict"] != "credible"
    });
    assert!(noisy.count() >= 9);
    let data = walk(&folder, 7, 0.003);
    let found = trust(&folder, &data, "");
    assert_eq!(found["verdict"], "credible", "{found}");
    // As if a million combinations had been tried before.
    let many = trust(&folder, &data, "--trials 1000000");
    assert!(many["deflated_sharpe"].as_f64() < found["deflated_sharpe"].as_f64(), "{many}");
    assert_eq!(many["trials_counted_by"], "option");
    // The interval is of what it stands beside.
    let over = trust(&folder, &data, "--risk-free 2");
    let [low, high] = [0, 1].map(|at| over["sharpe_interval"][at].as_f64().unwrap());
    assert!(low < over["sharpe"].as_f64().unwrap() && over["sharpe"].as_f64().unwrap() < high, "{over}");
    let paths = found["cross_validation"]["paths"].as_array().unwrap();
    let lies = |name: &str| found["cross_validation"][name].as_f64().unwrap();
    assert_eq!((paths.len(), found["cross_validation"]["splits"].as_u64()), (9, Some(45)), "{found}");
    let sharpes = || paths.iter().map(|path| path.as_f64().unwrap());
    assert!(sharpes().filter(|path| *path <= lies("sharpe")).count() >= 5, "{found}");
    assert!(sharpes().filter(|path| *path >= lies("sharpe")).count() >= 5, "{found}");
    assert_eq!(
        (lies("lowest"), lies("highest")),
        sharpes().fold((9.0, 0.0), |(low, high), path| (path.min(low), path.max(high)))
    );
    assert_eq!(lies("below_zero"), 0.0, "{found}");
    assert!(
        lies("winner_share") >= 1.0 / 21.0 && found["cross_validation"]["winner"]["params"]["fast"].is_i64(),
        "{found}"
    );
    assert!(over["cross_validation"]["below_zero"].as_f64() > Some(0.0), "{over}");
    let purged = trust(&folder, &data, "--purge 110 --blocks 2");
    assert!(purged["cross_validation"]["undefined"].as_str().unwrap().contains("a smaller purge"), "{purged}");
    assert!(over["overfitting"]["loss"].as_f64() > found["overfitting"]["loss"].as_f64(), "{over}");
}

#[test]
fn trials_come_from_the_store_with_those_of_other_sweeps() {
    let folder = Folder::new();
    let (store, path) = (folder.path("store").display().to_string(), folder.path("r.arrow").display().to_string());
    let sweep = format!("sweep --plugin sma_cross --quiet --store {store}");
    host(&format!("{sweep} --param fast=2,3,4 --param slow=100,110,120,130,140"));
    host(&format!("{sweep} --param fast=5,10 --param slow=20,50 --returns {path}"));
    let trust = |more: &str| {
        let run = host(&format!("trust {path} --draws 200 --format json {more}"));
        let found: Json = serde_json::from_str(&run.out).unwrap();
        (found["trials"].as_u64().unwrap(), found["trials_counted_by"].as_str().unwrap().to_owned())
    };
    assert_eq!(trust(&format!("--store {store}")), (19, "store".to_owned()));
    assert_eq!(trust("--no-store"), (4, "sweep".to_owned()));
    let table = host(&format!("trust {path} --draws 200 --store {store}")).out;
    assert!(
        table.contains("cpcv_sharpe") && table.contains("verdict: ") && table.contains("as the store has counted"),
        "{table}"
    );
}

#[test]
fn a_share_of_the_store_to_verify_does_not_thin_the_returns() {
    let folder = Folder::new();
    let store = format!("--store {}", folder.path("store").display());
    let expected = returns(&folder, "r.arrow", &store);
    assert!(returns(&folder, "r.arrow", &format!("{store} --verify-store 0.1")) == expected);
}

#[test]
fn walk_forward_follows_the_winners_of_each_part() {
    let folder = Folder::new();
    returns(&folder, "r.arrow", "--no-store");
    let path = folder.path("r.arrow");
    let file = ReturnsFile::open(&path).unwrap();
    let report = |more: &str| -> Json {
        let run = host(&format!("walk-forward {} --format json {more}", path.display()));
        assert_eq!(run.exit, Exit::Success, "{}", run.err);
        serde_json::from_str(&run.out).unwrap()
    };
    let found = report("--train 2000 --test 1000 --purge 0");
    // 5,983 periods are left for tests of 1,000, the last one of 983.
    let folds = found["folds"].as_array().unwrap();
    assert_eq!((folds.len(), found["returns"].as_array().unwrap().len()), (6, 5_983));
    let sharpe = |values: &[f32]| {
        let values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        let (n, mean) = (values.len() as f64, values.iter().sum::<f64>() / values.len() as f64);
        mean / (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
    };
    let cells: Vec<_> = (0..file.cells()).map(|number| file.cell(number).unwrap()).collect();
    let best =
        cells.iter().max_by(|a, b| sharpe(&a.returns[1_000..3_000]).total_cmp(&sharpe(&b.returns[1_000..3_000])));
    assert_eq!(folds[1]["task_id"], best.unwrap().task_id.as_str());
    // A rest of a few days is not a fold.
    assert_eq!(report("--train 2000 --test 994 --purge 0")["folds"].as_array().unwrap().len(), 6);
    assert!(report("--risk-free 0.1")["sharpe_out_of_sample"].as_f64() < report("")["sharpe_out_of_sample"].as_f64());
    let text = host(&format!("walk-forward {} --purge 0", path.display())).out;
    assert!(text.starts_with("6 folds: the best of 21 combinations in 3196 days, followed for 799 days\n"), "{text}");
}

#[test]
fn what_is_left_out_is_as_long_as_positions_are_held_unless_it_is_said() {
    let folder = Folder::new();
    let out = folder.path("all.csv");
    returns(&folder, "r.arrow", &format!("--no-store --out {}", out.display()));
    let mut reader = csv::Reader::from_path(&out).unwrap();
    let at = reader.headers().unwrap().iter().position(|name| name == "average_bars_held").unwrap();
    let mut held: Vec<f64> = reader.records().filter_map(|row| row.unwrap()[at].parse().ok()).collect();
    held.sort_by(f64::total_cmp);
    let expected = held[(held.len() - 1) / 2].ceil() as u64;
    let path = folder.path("r.arrow");
    for (more, purge) in [("", expected), ("--purge 3", 3), ("--train 40 --test 20", expected.min(10))] {
        let run = host(&format!("walk-forward {} --format json {more}", path.display()));
        let found: Json = serde_json::from_str(&run.out).unwrap();
        assert_eq!(found["purge"].as_u64(), Some(purge), "{more}");
    }
}

#[test]
fn a_fold_that_runs_anew_is_a_run_of_its_period() {
    let folder = Folder::new();
    returns(&folder, "r.arrow", "--no-store --commission 10");
    let path = folder.path("r.arrow");
    let run = host(&format!("walk-forward {} --format json --fresh --workers 3", path.display()));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let found: Json = serde_json::from_str(&run.out).unwrap();
    let mut whole = 1.0;
    for fold in found["folds"].as_array().unwrap() {
        let [fast, slow] = ["fast", "slow"].map(|name| fold["params"][name].as_i64().unwrap());
        let [first, last] = ["first", "last"].map(|name| fold[name].as_str().unwrap());
        let alone = host(&format!(
            "backtest --plugin sma_cross --param fast={fast} --param slow={slow} --commission 10 --from {first} --to {last} \
             --format json"
        ));
        let alone: Json = serde_json::from_str(&alone.out).unwrap();
        let [total, expected] =
            [&fold["fresh"]["return"], &alone["metrics"]["total_return"]].map(|number| number.as_f64().unwrap());
        assert!((total - expected).abs() < 1e-5, "{first}: {total} instead of {expected}");
        whole *= 1.0 + total;
    }
    let all = found["fresh"]["return_out_of_sample"].as_f64().unwrap();
    assert!((all - (whole - 1.0)).abs() < 1e-9, "{all} instead of {}", whole - 1.0);
    assert_ne!(found["return_out_of_sample"], found["fresh"]["return_out_of_sample"], "the first trade costs");
    check_refused(&format!("walk-forward {} --fresh --plugin momentum", path.display()), &["another plugin"]);
}

#[test]
fn one_combination_is_not_blamed_for_a_choice_that_nobody_made() {
    let folder = Folder::new();
    let (data, path) = (walk(&folder, 5, 0.004), folder.path("r.arrow").display().to_string());
    host(&format!("sweep --plugin sma_cross --param fast=5 --param slow=20 --no-store --data {data} --returns {path}"));
    let run = host(&format!("trust {path} --no-store --format json --draws 500"));
    let found: Json = serde_json::from_str(&run.out).unwrap();
    for name in ["overfitting", "cross_validation"] {
        assert!(found[name]["undefined"].as_str().unwrap().contains("nothing was chosen"), "{found}");
    }
    assert_eq!(found["verdict"], "credible", "{found}");
}

/// What was tried elsewhere counts, also where the file has the winner only, whose ratio varies with no other one.
#[test]
fn a_winner_alone_does_not_hide_how_many_were_tried() {
    let folder = Folder::new();
    let (data, path) = (walk(&folder, 3, 0.0005), folder.path("r.arrow").display().to_string());
    host(&format!("sweep --plugin sma_cross --param fast=5 --param slow=20 --no-store --data {data} --returns {path}"));
    let trust = |more: &str| -> Json {
        let run = host(&format!("trust {path} --no-store --format json --draws 500 {more}"));
        serde_json::from_str(&run.out).unwrap()
    };
    let number = |found: &Json, name: &str| found[name].as_f64().unwrap();
    let (alone, found) = (trust(""), trust("--trials 100000"));
    assert_eq!(number(&alone, "expected_best_sharpe"), 0.0, "{alone}");
    let by_chance = expected_maximum_sharpe(1e5, 1.0 / (number(&found, "periods") - 1.0) * (1.0 - 1e-5));
    let expected = by_chance * number(&found, "periods_per_year").sqrt();
    assert!((number(&found, "expected_best_sharpe") - expected).abs() < 1e-9 * expected, "{found}");
    assert!(found["verdict"] != "credible" && alone["deflated_sharpe"].as_f64() > found["deflated_sharpe"].as_f64());
    let table = host(&format!("trust {path} --no-store --draws 500 --trials 100000")).out;
    assert!(table.contains("the 99999 that are not in the file are taken to differ by chance"), "{table}");
}

#[test]
fn the_same_seed_draws_the_same_and_another_one_does_not() {
    let folder = Folder::new();
    let data = walk(&folder, 3, 0.0005);
    let [first, again, other] = ["--seed 1", "--seed 1", "--seed 2"].map(|seed| trust(&folder, &data, seed));
    assert_eq!(first, again);
    assert_ne!(first["spa"], other["spa"]);
    assert_eq!(first["deflated_sharpe"], other["deflated_sharpe"]);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let folder = Folder::new();
    let path = folder.path("r.arrow").display().to_string();
    check_refused(&format!("{SWEEP} --each-symbol --returns {path}"), &["--returns", "each symbol alone has its own"]);
    check_refused(&format!("{SWEEP} --returns {path} --returns-period month"), &["`month`", "`week`"]);
    check_refused(&format!("{SWEEP} --returns {path} --shard 1/2"), &["--returns", "--shard"]);
    check_refused(&format!("{SWEEP} --returns {path} --out {path}"), &["also written"]);
    check_refused(&format!("{SWEEP} --returns /nowhere/r.arrow"), &["/nowhere/r.arrow", "give another path"]);
    check_refused(&format!("trust {path}"), &["r.arrow", "`host sweep --returns`"]);
    let other = folder.file("r.csv", "fast,sharpe\n5,0.75\n");
    check_refused(&format!("trust {other}"), &["r.csv", "`host sweep --returns`"]);
    returns(&folder, "r.arrow", "--no-store");
    check_refused(&format!("trust {path} --blocks 7"), &["`7`", "even"]);
    check_refused(&format!("trust {path} --alpha 2"), &["alpha", "`2`"]);
    check_refused(&format!("trust {path} --block 0.5"), &["`0.5`"]);
    check_refused(&format!("trust {path} --draws 5"), &["`5`", "100"]);
    check_refused(&format!("trust {path} --draws 1000000 --block 1"), &["GiB", "fewer draws"]);
    check_refused(&format!("trust {path} --block 5000"), &["`5000`", "a third of the periods"]);
    check_refused(&format!("trust {path} --trials 5"), &["trials is 5", "21"]);
    check_refused(&format!("trust {path} --purge 100000"), &["smaller purge"]);
    check_refused(&format!("trust {path} --store /nowhere"), &["/nowhere"]);
    check_refused(&format!("walk-forward {path} --test 1"), &["`1`", "at least 2"]);
    check_refused(&format!("walk-forward {path} --test 18446744073709551615"), &["walk-forward needs"]);
}
