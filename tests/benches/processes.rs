//! Whole processes: `host sweep` from its start to its ranking, beside a native program that does the same work.

use std::ffi::OsString;

use anyhow::{Result, anyhow};
use rayon::ThreadPoolBuilder;

use crate::{
    data::Bars,
    grid::Pairs,
    measure::{Summary, Way, compare, process},
    native::{self, Form, Outcome},
};

/// The command that is measured.
pub(crate) const HOST: &str = env!("CARGO_BIN_EXE_host");

/// Measures one size of sweep as a process, with and without what an earlier one has left in its cache.
pub(crate) fn measure(
    bars: usize,
    combinations: usize,
    workers: usize,
    rounds: usize,
) -> Result<Vec<(String, Summary)>> {
    let native = native_line(bars, combinations, workers)?;
    let host = host_line(bars, combinations, workers)?;
    let folder = tempfile::tempdir()?;
    // One that the program makes itself: it uses none that others may read.
    let kept = folder.path().join("cache");
    process(&host, &kept)?;
    let mut ways = [
        Way::new("native loop", || process(&native, &kept)),
        Way::new("host, cold cache", || process(&host, &tempfile::tempdir()?.path().join("cache"))),
        Way::new("host, warm cache", || process(&host, &kept)),
    ];
    let summaries = compare(&mut ways, rounds)?;
    Ok(ways.iter().map(|way| way.name.to_owned()).zip(summaries).collect())
}

/// Measures a sweep by events as a process with a warm cache, for each combination and bar.
pub(crate) fn measure_events(bars: usize, combinations: usize, rounds: usize) -> Result<(String, Summary)> {
    let mut line = host_line(bars, combinations, 1)?;
    line.extend(["--mode", "events"].map(OsString::from));
    let folder = tempfile::tempdir()?;
    let kept = folder.path().join("cache");
    process(&line, &kept)?;
    let each = (bars * combinations) as f64;
    let mut ways = [Way::new("whole process, by events, warm cache", || Ok(process(&line, &kept)? / each))];
    let [summary] = compare(&mut ways, rounds)?.try_into().map_err(|_| anyhow!("one way has one summary"))?;
    Ok((ways[0].name.to_owned(), summary))
}

/// The native program's whole work: reads the bars, runs the loop, and returns the ten best.
pub(crate) fn native(bars: usize, combinations: usize, workers: usize) -> Result<String> {
    let bars = Bars::load(bars)?;
    let pairs = Pairs::of(combinations)?.list();
    let pool = ThreadPoolBuilder::new().num_threads(workers).build()?;
    let outcomes = pool.install(|| native::sweep(Form::Loop, &bars, &pairs));
    let mut ranking: Vec<_> = pairs.iter().zip(outcomes).collect();
    ranking.sort_by(|a, b| b.1.sharpe.total_cmp(&a.1.sharpe));
    let line = |(pair, outcome): &(_, Outcome)| format!("{pair:?} {outcome:?}\n");
    Ok(ranking.iter().take(10).map(line).collect())
}

fn native_line(bars: usize, combinations: usize, workers: usize) -> Result<Vec<OsString>> {
    let this = std::env::current_exe()?.into_os_string();
    let sizes = [bars, combinations, workers].map(|size| OsString::from(size.to_string()));
    Ok([this, "native".into()].into_iter().chain(sizes).collect())
}

fn host_line(bars: usize, combinations: usize, workers: usize) -> Result<Vec<OsString>> {
    let data = Bars::load(bars)?.parquet()?;
    let workers = workers.to_string();
    let account = format!(
        "--cash {} --commission {} --sizing units:1 --periods-per-year {}",
        native::CASH,
        native::COMMISSION * 1e4,
        native::PERIODS_PER_YEAR
    );
    let mut line: Vec<OsString> = vec![HOST.into(), "sweep".into(), "--plugin".into(), "sma_cross".into()];
    line.extend(["--data".into(), data.into_os_string()]);
    line.extend(["--quiet", "--workers", &workers].map(OsString::from));
    line.extend(account.split(' ').map(OsString::from));
    line.extend(Pairs::of(combinations)?.arguments().map(OsString::from));
    Ok(line)
}
