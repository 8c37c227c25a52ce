//! What work costs: processor time, wall time and memory, and which of several ways costs how much of another.
//!
//! Never prints.

use std::{
    ffi::OsString,
    ops::Div,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use nix::sys::{
    resource::{Usage, UsageWho, getrusage},
    time::TimeValLike,
};

/// What a piece of work costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Seconds on a processor, of all threads, in the program and in the system.
    pub(crate) cpu: f64,
    /// Seconds.
    pub(crate) wall: f64,
    /// The most resident memory in bytes, of a process.
    pub(crate) peak: Option<f64>,
}

impl Div<f64> for Cost {
    type Output = Self;

    /// The cost of one of `units` equal parts; memory is not divided.
    fn div(self, units: f64) -> Self {
        Self { cpu: self.cpu / units, wall: self.wall / units, peak: self.peak }
    }
}

/// Runs `work` in this process.
pub(crate) fn measured<T>(work: impl FnOnce() -> T) -> Result<(Cost, T)> {
    let (cpu, start) = (cpu(&getrusage(UsageWho::RUSAGE_SELF)?), Instant::now());
    let value = work();
    let wall = start.elapsed().as_secs_f64();
    Ok((Cost { cpu: self::cpu(&getrusage(UsageWho::RUSAGE_SELF)?) - cpu, wall, peak: None }, value))
}

/// Runs the command `line` as a process of its own, which keeps what it wants to keep in the folder `cache`.
///
/// It is started by another, small process: of the memory that the system reports for a process, some is what its parent
/// had when it was started.
pub(crate) fn process(line: &[OsString], cache: &Path) -> Result<Cost> {
    let mut child = Command::new(std::env::current_exe().context("cannot find this program")?);
    let answer = child.arg("child").args(line).env("HOST_CACHE_DIR", cache).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [cpu, wall, peak] if answer.status.success() => Ok(Cost { cpu, wall, peak: Some(peak) }),
        _ => bail!("`{}` fails; why stands above", line.join(" ".as_ref()).display()),
    }
}

/// The small process in between: runs `line`, and returns what [`process`] reads.
pub(crate) fn child(line: &[OsString]) -> Result<String> {
    let (command, arguments) = line.split_first().context("no command to run")?;
    let start = Instant::now();
    let status = Command::new(command).args(arguments).stdout(Stdio::null()).status()?;
    let wall = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{status}");
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(format!("{} {wall} {}", cpu(&usage), usage.max_rss() * 1024))
}

fn cpu(usage: &Usage) -> f64 {
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}

/// One of several ways to do the same work.
pub(crate) struct Way<'a> {
    /// What the table calls it.
    pub(crate) name: &'a str,
    run: Box<dyn FnMut() -> Result<Cost> + 'a>,
}

impl<'a> Way<'a> {
    /// `run` does the work once.
    pub(crate) fn new(name: &'a str, run: impl FnMut() -> Result<Cost> + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }
}

/// The medians of one way, and the medians of its ratios to the first way in the same round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    /// Of processor time, wall time and memory.
    pub(crate) cost: Cost,
    /// Of the ratios of processor time.
    pub(crate) cpu_ratio: f64,
    /// Of the ratios of wall time.
    pub(crate) wall_ratio: f64,
}

/// Runs every way once in each of `rounds` rounds, so that what disturbs the machine disturbs all of them.
pub(crate) fn compare(ways: &mut [Way<'_>], rounds: usize) -> Result<Vec<Summary>> {
    let round = |ways: &mut [Way<'_>]| ways.iter_mut().map(|way| (way.run)()).collect::<Result<Vec<Cost>>>();
    let rounds: Vec<Vec<Cost>> = (0..rounds).map(|_| round(ways)).collect::<Result<_>>()?;
    let summary = |way: usize| {
        let over = |value: &dyn Fn(&[Cost]) -> f64| median(rounds.iter().map(|costs| value(costs)).collect());
        Summary {
            cost: Cost {
                cpu: over(&|costs| costs[way].cpu),
                wall: over(&|costs| costs[way].wall),
                peak: rounds[0][way].peak.map(|_| over(&|costs| costs[way].peak.unwrap_or(f64::NAN))),
            },
            cpu_ratio: over(&|costs| costs[way].cpu / costs[0].cpu),
            wall_ratio: over(&|costs| costs[way].wall / costs[0].wall),
        }
    };
    Ok((0..ways.len()).map(summary).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
