//! Finer bars: what they decide, wherever a sweep runs, and what cannot be finer bars.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use host::cli::Exit;
use serde_json::Value;

use crate::support::{Folder, check_refused, host};

const SWEEP: &str = "sweep --plugin sma_cross --param fast=2,3 --param slow=8,13 --stop-loss 1%,2% --take-profit 1%,3%";

const HEADER: &str = "date,open,high,low,close,volume\n";

/// Seven hours a day of `count` days from 2024-01-01 on, as (day, hour, open, high, low, close): a walk that is the same in each run.
fn hours(count: u32) -> Vec<(u32, u32, [f64; 4])> {
    let (mut state, mut price) = (7_u64, 100.0);
    let mut step = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24) - 0.5
    };
    let mut bar = |at: u32| {
        let open = price;
        price *= 1.0 + 0.02 * step();
        let (high, low) = (f64::max(open, price) * 1.002, f64::min(open, price) * 0.998);
        (at / 7, 9 + at % 7, [open, high, low, price])
    };
    (0..7 * count).map(&mut bar).collect()
}

fn day(number: u32) -> String {
    let (month, day) = (1 + number / 28, 1 + number % 28);
    format!("{}-{:02}-{day:02}", 2024 + (month - 1) / 12, 1 + (month - 1) % 12)
}

fn of_hours(hours: &[(u32, u32, [f64; 4])]) -> String {
    hours.iter().fold(HEADER.to_owned(), |mut text, (number, hour, [open, high, low, close])| {
        writeln!(text, "{} {hour:02}:00:00,{open},{high},{low},{close},100", day(*number)).unwrap();
        text
    })
}

fn of_days(hours: &[(u32, u32, [f64; 4])]) -> String {
    hours.chunk_by(|one, other| one.0 == other.0).fold(HEADER.to_owned(), |mut text, hours| {
        let fold = |at: usize, pick: fn(f64, f64) -> f64| hours.iter().map(|hour| hour.2[at]).reduce(pick).unwrap();
        let (high, low) = (fold(1, f64::max), fold(2, f64::min));
        let (open, close) = (hours[0].2[0], hours[hours.len() - 1].2[3]);
        writeln!(text, "{},{open},{high},{low},{close},{}", day(hours[0].0), 100 * hours.len()).unwrap();
        text
    })
}

/// A folder with `days.csv` and its `hours.csv`.
fn market() -> Folder {
    let (folder, hours) = (Folder::new(), hours(200));
    folder.file("days.csv", of_days(&hours));
    folder.file("hours.csv", of_hours(&hours));
    folder
}

/// Runs the program in `folder`, and returns what it says.
fn program(folder: &Folder, args: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    let no_cache = (!args.starts_with("results")).then_some("--no-cache");
    let run = command.args(args.split_whitespace()).args(no_cache).current_dir(folder.path("")).output().unwrap();
    assert!(run.status.success(), "{args}: {}", String::from_utf8_lossy(&run.stderr));
    [run.stderr, run.stdout].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

fn bytes(folder: &Folder, args: &str, out: &str) -> Vec<u8> {
    program(folder, &format!("{args} --out {out}"));
    fs::read(folder.path(out)).unwrap()
}

fn trades(folder: &Folder, args: &str) -> Vec<[String; 3]> {
    program(folder, &format!("backtest {args} --trades trades.csv"));
    let mut reader = csv::Reader::from_path(folder.path("trades.csv")).unwrap();
    let rows: Vec<std::collections::HashMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    rows.iter().map(|row| ["exit_time", "exit_price", "exit_reason"].map(|name| row[name].clone())).collect()
}

#[test]
fn the_exit_that_came_first_ends_the_trade() {
    let folder = Folder::new();
    // Long from the open of the third day on; the fourth reaches both exits.
    let calm = |day: u32, price: f64| (9..16).map(move |hour| (day, hour, [price; 4]));
    let mut hours: Vec<_> = calm(0, 98.0).chain(calm(1, 100.0)).chain(calm(2, 100.0)).chain(calm(3, 100.0)).collect();
    hours[23].2 = [100.0, 110.0, 99.0, 104.0];
    hours[25].2 = [104.0, 104.0, 95.0, 100.0];
    folder.file("days.csv", of_days(&hours));
    folder.file("hours.csv", of_hours(&hours));
    let args = "--plugin sma_cross --param fast=1 --param slow=2 --stop-loss 3% --take-profit 5% --data days.csv";
    let [stop, limit] = ["97.0", "105.0"].map(str::to_owned);
    let at = || "2024-01-04".to_owned();
    assert_eq!(trades(&folder, args), [[at(), stop, "stop".to_owned()]]);
    assert_eq!(trades(&folder, &format!("{args} --detail hours.csv")), [[at(), limit, "target".to_owned()]]);
}

#[test]
fn a_sweep_by_finer_bars_is_the_same_wherever_it_runs_and_shares_no_result_with_one_without() {
    let folder = market();
    let plain = format!("{SWEEP} --data days.csv");
    let fine = format!("{plain} --detail hours.csv");
    let alone = bytes(&folder, &format!("{plain} --store store"), "alone.csv");
    let one = bytes(&folder, &format!("{fine} --store store --workers 1"), "one.csv");
    assert_ne!(one, alone);
    assert!(program(&folder, &format!("{fine} --store store")).contains("0 were run"));
    for (args, out) in [("--workers 3", "three.csv"), ("--workers 2 --backend processes", "apart.csv")] {
        assert_eq!(bytes(&folder, &format!("{fine} --no-store {args}"), out), one, "{args}");
    }
    // Hours before and after the days decide nothing.
    let before = "2023-12-31 09:00:00,100,101,99,100,100\n";
    let hours = fs::read_to_string(folder.path("hours.csv")).unwrap();
    folder.file("more.csv", hours.replacen(HEADER, &format!("{HEADER}{before}"), 1));
    let again = program(&folder, &format!("{plain} --detail more.csv --store store"));
    assert!(again.contains("0 were run") && again.contains("detail: `more`"), "{again}");
}

#[test]
fn results_say_by_which_finer_bars_they_ran_and_run_again_by_them() {
    let folder = market();
    program(&folder, &format!("{SWEEP} --data days.csv --detail hours.csv --store store --out r.parquet"));
    let again = program(&folder, "backtest --again r.parquet");
    assert!(again.contains("detail: `hours`") && again.contains("the same"), "{again}");
    program(&folder, "results verify --store store --seed 1 --sample 3");
    program(&folder, "sweep --request r.parquet --no-store --out again.csv");
    fs::rename(folder.path("hours.csv"), folder.path("moved.csv")).unwrap();
    let again = format!("backtest --again {}", folder.path("r.parquet").display());
    let days = folder.path("days.csv").display().to_string();
    check_refused(&format!("{again} --data {days}"), &["names the finer bars `hours`", "`--detail FILE`"]);
    let moved = folder.path("moved.csv").display().to_string();
    let run = host(&format!("{again} --data {days} --detail {moved}"));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
}

#[test]
fn what_cannot_be_finer_bars_is_refused() {
    let folder = market();
    let path = |name: &str| folder.path(name).display().to_string();
    let args = format!("backtest --plugin sma_cross --data {}", path("days.csv"));
    let (days, hours) = (path("days.csv"), path("hours.csv"));
    check_refused(&format!("{args} --detail {days}"), &["are daily bars, which are not finer"]);
    check_refused(&format!("{args} --detail {}", path("none.csv")), &["--detail", "none.csv"]);
    let doubled: Vec<_> =
        self::hours(200).into_iter().map(|(day, hour, bar)| (day, hour, bar.map(|p| 2.0 * p))).collect();
    let doubled = folder.file("doubled.csv", of_hours(&doubled));
    check_refused(&format!("{args} --detail {doubled}"), &["of other prices", "adjust both"]);
    let bundled = format!("backtest --plugin sma_cross --detail {hours}");
    check_refused(&bundled, &["no finer bar of `MSFT` begins within one of its bars", "2024-01-01"]);
    let luck = format!("monte-carlo --plugin sma_cross --data {days} --detail {hours}");
    check_refused(&luck, &["noise", "(0 runs)"]);
    assert_eq!(host(&format!("{luck} --runs 0")).exit, Exit::Success);
    // Whether a strategy looks ahead is asked of its own bars.
    let check = |detail: &str| -> Value {
        let run = host(&format!("check --plugin sma_cross --quick --data {days} {detail} --format json"));
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.err))
    };
    assert_eq!(check(&format!("--detail {hours}"))["checks"], check("")["checks"]);
    assert!(Path::new(&hours).is_file());
}
