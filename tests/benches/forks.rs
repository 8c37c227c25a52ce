//! Measures forks by each way to find what a task has written, from a task that writes one page to one that writes 64 MiB.
//!
//!     cargo bench --bench forks -- [--rounds N]
//!
//! A guest of 72 MiB writes so many bytes in each task. The ways are chosen by `HOST_WRITTEN_PAGES`, once for a process: so each
//! measurement is a process of its own. `kernel` needs Linux 6.7.

#![expect(clippy::print_stdout, reason = "a benchmark shows what it measures")]

#[path = "../it/support/guest.rs"]
#[expect(dead_code, reason = "one kind of guest is enough here")]
mod guest;
#[expect(dead_code, reason = "no programs are measured here")]
mod measure;
#[expect(dead_code, reason = "no memory is measured here")]
mod table;

use std::{process::Command, sync::Arc};

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Parser, Subcommand};
use host::{
    model::{Params, Series},
    sandbox::{Limits, Options, Plugin, Prepared, Sandbox, Signals},
};

use measure::{Cost, Way, compare, measured};
use table::{Column, Table};

/// Bytes that a task writes, and how many tasks one measurement runs.
const SIZES: [(&str, usize, u32); 4] =
    [("4 KiB", 4 << 10, 20_000), ("256 KiB", 256 << 10, 4_000), ("8 MiB", 8 << 20, 200), ("64 MiB", 64 << 20, 20)];

const WAYS: [&str; 3] = ["kernel", "faults", "unknown"];

/// Measures forks by each way to find what a task has written.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often each way is measured.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Cargo's mark of a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    inner: Option<Inner>,
}

/// What the benchmark runs as processes of its own.
#[derive(Debug, Subcommand)]
enum Inner {
    #[command(hide = true)]
    Tasks { bytes: usize, count: u32 },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Inner::Tasks { bytes, count }) = arguments.inner {
        let cost = tasks(bytes, count)?;
        println!("{} {}", cost.cpu, cost.wall);
        return Ok(());
    }
    let mut table = Table::new("us", 1e6, &[Column::CpuRatio]);
    for (name, bytes, count) in SIZES {
        let mut ways: Vec<_> = WAYS.map(|way| Way::new(way, move || child(way, bytes, count))).into();
        let summaries = compare(&mut ways, arguments.rounds)?;
        let lines: Vec<_> = WAYS.iter().map(|way| (*way).to_owned()).zip(summaries).collect();
        table.add(&format!("{name} a task"), &lines);
    }
    Ok(())
}

/// What a task costs in a process of its own, by `way`.
fn child(way: &str, bytes: usize, count: u32) -> Result<Cost> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let (bytes, count) = (bytes.to_string(), count.to_string());
    let output = Command::new(program).args(["tasks", &bytes, &count]).env("HOST_WRITTEN_PAGES", way).output()?;
    ensure!(output.status.success(), "{way}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match numbers[..] {
        [cpu, wall] => Ok(Cost { cpu, wall, peak: None }),
        _ => Err(anyhow!("{way}: no numbers in `{text}`")),
    }
}

/// What one of `count` tasks costs which write `bytes` each, after some that nobody measures.
fn tasks(bytes: usize, count: u32) -> Result<Cost> {
    // All pages of the image have contents.
    let prepare = "(drop (memory.grow (i32.const 1088))) (memory.fill (i32.const 131072) (i32.const 7) (i32.const 75000000)) (i32.const 128)";
    let evaluate = format!("(memory.fill (i32.const 131072) (i32.const 255) (i32.const {bytes})) (i32.const 128)");
    let mut limits = Limits::default();
    limits.memory = Some(128 << 20);
    let mut options = Options::from(limits);
    options.worker = None;
    let sandbox = Sandbox::new(1, options)?;
    let plugin = Plugin::from_bytes(&sandbox, "guest.wasm", guest::guest(prepare, &evaluate))?;
    let series: Arc<[Series]> = Arc::new([Series { symbol: "NONE".into(), ..Series::default() }]);
    let prepared = Prepared::<Signals>::new(&plugin, series).map_err(|error| anyhow!("{error}"))?;
    ensure!(prepared.forking().to_string() == "copy-on-write", "{}", prepared.forking());
    let run = |count: u32| -> Result<()> {
        for _ in 0..count {
            let answer = prepared.evaluate(&Params::new());
            answer.outcome.map_err(|error| anyhow!("{error}"))?;
        }
        Ok(())
    };
    run(count / 10 + 3)?;
    let (cost, done) = measured(|| run(count))?;
    done?;
    Ok(cost / f64::from(count))
}
