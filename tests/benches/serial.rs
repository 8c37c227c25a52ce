//! Measures what is serial in a sweep: processor time a cell by thread, of one program beside another.
//!
//!     cargo bench --bench serial -- HOST [BEFORE]
//!
//! Threads are sampled while the process runs, so what one does after its last sample, at most 20 ms of wall time, is not
//! counted. The table shows how much of the process's own processor time was seen. Never changes what it measures.

#![expect(clippy::print_stdout, reason = "a benchmark shows what it measures")]

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

const ROUNDS: usize = 3;
const WORKERS: usize = 2;
/// Strategies of a comparison.
const COMPARED: usize = 1_000;
/// Between two samples.
const PAUSE: Duration = Duration::from_millis(20);
/// What the threads of all workers together are called here.
const ALL_WORKERS: &str = "workers";

/// Nanoseconds on a processor, by thread.
type Times = BTreeMap<String, f64>;

/// A row of the table: a sweep of `cells` cells.
struct Row {
    name: String,
    cells: f64,
    words: Vec<OsString>,
}

fn main() -> Result<()> {
    let programs: Vec<_> =
        std::env::args_os().skip(1).filter(|word| !word.to_string_lossy().starts_with("--")).collect();
    ensure!(
        (1..=2).contains(&programs.len()),
        "give one program or two: `cargo bench --bench serial -- HOST [BEFORE]`"
    );
    let folder = tempfile::tempdir()?;
    println!(
        "| cells | program | workers, us a cell | busiest other thread | us a cell | the limit from | seen | others |"
    );
    println!("|---|---|--:|---|--:|--:|--:|---|");
    for row in rows(folder.path())? {
        // One after the other in each round, so that what disturbs the machine disturbs both.
        let mut rounds = vec![Vec::new(); programs.len()];
        for _ in 0..ROUNDS {
            for (program, rounds) in programs.iter().zip(&mut rounds) {
                rounds.push(measure(program, &row.words, folder.path())?);
            }
        }
        for (program, rounds) in programs.iter().zip(&rounds) {
            println!("{}", line(&row, &Path::new(program).display().to_string(), rounds));
        }
    }
    Ok(())
}

/// All rows; `folder` takes their files.
fn rows(folder: &Path) -> Result<Vec<Row>> {
    let short = folder.join("1000.csv");
    fs::write(&short, bars(1000, 1.0))?;
    let symbols: Vec<_> = (1..=4).map(|symbol| folder.join(format!("S{symbol}.csv"))).collect();
    for (symbol, path) in (1..).zip(&symbols) {
        fs::write(path, bars(1000, f64::from(symbol)))?;
    }
    let outputs = [("ranking", ""), ("Parquet", "all.parquet"), ("CSV", "all.csv"), ("JSON lines", "all.jsonl")];
    let mut rows = Vec::new();
    for (bars, lookbacks, data) in [("1,000 bars", 2000, vec![short.clone()]), ("7,983 bars", 500, Vec::new())] {
        for (output, file) in outputs {
            let name = format!("{bars}, {output}");
            rows.push(Row { name, cells: f64::from(100 * lookbacks), words: words(lookbacks, &data, folder, file) });
        }
    }
    let mut each = words(500, &symbols, folder, "all.parquet");
    each.push("--each-symbol".into());
    rows.push(Row { name: "4 x 1,000 bars, each symbol, Parquet".into(), cells: 200_000.0, words: each });
    rows.push(Row {
        name: format!("1,000 bars, compare {COMPARED} plugins, JSON lines"),
        cells: COMPARED as f64,
        words: compared(&short, folder),
    });
    Ok(rows)
}

/// The words of a sweep of `lookbacks` times 100 cells.
fn words(lookbacks: u32, data: &[std::path::PathBuf], folder: &Path, output: &str) -> Vec<OsString> {
    let text = format!(
        "sweep --plugin momentum --quiet --workers {WORKERS} --param lookback=1..{lookbacks} --param threshold=0..0.99:0.01"
    );
    let mut words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
    if !data.is_empty() {
        words.push("--data".into());
        words.extend(data.iter().map(OsString::from));
    }
    if !output.is_empty() {
        words.extend(["--metrics".into(), "all".into(), "--out".into(), folder.join(output).into_os_string()]);
    }
    words
}

/// The words of a comparison. Each strategy of it is loaded, so that a cell of it is far more than one of a sweep.
fn compared(data: &Path, folder: &Path) -> Vec<OsString> {
    let text = format!("compare --quiet --workers {WORKERS} --metrics all{}", " --plugin momentum".repeat(COMPARED));
    let mut words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
    words.extend(["--data".into(), data.into(), "--out".into(), folder.join("all.jsonl").into_os_string()]);
    words
}

/// `count` bars, one each day, that go up and down.
fn bars(count: u32, seed: f64) -> String {
    let mut text = String::from("date,open,high,low,close,volume\n");
    let mut open = 100.0;
    for bar in 0..count {
        let close = open * (1.0 + 0.02 * (f64::from(bar) * 0.37 * seed).sin());
        let (year, month, day) = (2015 + bar / 336, bar / 28 % 12 + 1, bar % 28 + 1);
        let (high, low) = (f64::max(open, close) * 1.001, f64::min(open, close) * 0.999);
        writeln!(text, "{year}-{month:02}-{day:02},{open:.4},{high:.4},{low:.4},{close:.4},1000")
            .expect("a text takes everything");
        open = close;
    }
    text
}

/// Runs a program once, and returns what its threads used as far as it was seen, and what the process used in all.
fn measure(program: &OsString, words: &[OsString], folder: &Path) -> Result<(Times, f64)> {
    // A file of the last run would be asked about.
    for file in ["all.parquet", "all.csv", "all.jsonl"] {
        if folder.join(file).exists() {
            fs::remove_file(folder.join(file))?;
        }
    }
    let before = children()?;
    let mut child = Command::new(program)
        .args(words)
        .env("HOST_CACHE_DIR", folder.join("cache"))
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let tasks = format!("/proc/{}/task", child.id());
    let mut last = HashMap::new();
    let status = loop {
        sample(&tasks, &mut last);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        pause();
    };
    if !status.success() {
        bail!("{} fails ({status}); why stands above", program.display());
    }
    let mut times = Times::new();
    for (name, nanoseconds) in last.into_values() {
        let name = if name.starts_with("host-worker-") { ALL_WORKERS.to_owned() } else { name };
        *times.entry(name).or_default() += nanoseconds;
    }
    Ok((times, children()? - before))
}

#[expect(clippy::disallowed_methods, reason = "the process is looked at now and then")]
fn pause() {
    thread::sleep(PAUSE);
}

/// Notes the name and the nanoseconds of each thread. One that ends meanwhile keeps what was seen of it.
fn sample(tasks: &str, last: &mut HashMap<OsString, (String, f64)>) {
    for entry in fs::read_dir(tasks).into_iter().flatten().flatten() {
        let read = |file| fs::read_to_string(entry.path().join(file)).ok();
        let time = read("schedstat").and_then(|text| text.split_whitespace().next()?.parse().ok());
        if let (Some(name), Some(nanoseconds)) = (read("comm"), time) {
            last.insert(entry.file_name(), (name.trim().to_owned(), nanoseconds));
        }
    }
}

/// Nanoseconds on a processor of all processes that this one has started and that have ended.
fn children() -> Result<f64> {
    use nix::sys::{
        resource::{UsageWho, getrusage},
        time::TimeValLike as _,
    };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64 * 1e3)
}

/// The line of one program: medians of all rounds.
fn line(row: &Row, program: &str, rounds: &[(Times, f64)]) -> String {
    let names: std::collections::BTreeSet<_> = rounds.iter().flat_map(|(times, _)| times.keys()).collect();
    let each = |name: &str| {
        let times = rounds.iter().map(|(times, _)| times.get(name).copied().unwrap_or(0.0));
        median(times.collect()) / row.cells / 1e3
    };
    let mut others: Vec<_> =
        names.into_iter().filter(|name| *name != ALL_WORKERS).map(|name| (name, each(name))).collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    let workers = each(ALL_WORKERS);
    let seen = median(rounds.iter().map(|(times, all)| times.values().sum::<f64>() / all).collect());
    let (busiest, serial) = others.first().map_or(("", 0.0), |(name, time)| (name.as_str(), *time));
    let rest: Vec<_> = others.iter().skip(1).map(|(name, time)| format!("{name} {time:.2}")).collect();
    format!(
        "| {} | {program} | {workers:.2} | {busiest} | {serial:.2} | {:.1} workers | {:.0} % | {} |",
        row.name,
        workers / serial,
        100.0 * seen,
        rest.join(", ")
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}
