//! Measures sweeps against native loops, and prints what it finds as tables in Markdown.
//!
//!     cargo bench --bench sweep -- [--quick | --full] [--rows PATTERN]
//!
//! `BENCHMARKS.md` explains the rows. Nothing is measured before all engines agree on the results.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark shows what it measures")]

mod data;
mod events;
mod grid;
mod library;
mod measure;
mod native;
mod orders;
mod processes;
mod steps;
mod table;

use std::{ffi::OsString, num::NonZeroUsize, thread};

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};

use library::Work;
use orders::Orders;
use table::{Column, Table};

/// Bars and combinations.
type Size = (usize, usize);

/// Measures sweeps against native loops.
#[derive(Debug, Parser)]
struct Arguments {
    /// Few rounds of the small sizes: seconds.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// More rounds, and sweeps of 100 million bars in all.
    #[arg(long)]
    full: bool,
    /// Only the rows whose names contain this, like `library` or `10000 x`.
    #[arg(long, value_name = "PATTERN", default_value = "")]
    rows: String,
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
    Native { bars: usize, combinations: usize, workers: usize },
    #[command(hide = true)]
    Child {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        line: Vec<OsString>,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.inner {
        Some(Inner::Native { bars, combinations, workers }) => {
            print!("{}", processes::native(*bars, *combinations, *workers)?);
        }
        Some(Inner::Child { line }) => println!("{}", measure::child(line)?),
        None => arguments.run()?,
    }
    Ok(())
}

impl Arguments {
    fn run(&self) -> Result<()> {
        for (bars, combinations) in [(10_000, 25), (100_000, 100)] {
            Work::new(bars, combinations, 1)?.verify()?;
        }
        eprintln!("all engines agree; {} rounds", self.rounds());
        let shown = [self.library()?, self.processes()?, self.events()?, self.orders()?, self.steps()?];
        ensure!(shown.contains(&true), "no row of this run has `{}` in its name; try `library`", self.rows);
        Ok(())
    }

    fn rounds(&self) -> usize {
        match (self.quick, self.full) {
            (true, _) => 3,
            (_, true) => 9,
            _ => 5,
        }
    }

    /// Those of `small`, `usual` and `large` sizes that are asked for.
    fn sizes(&self, [small, usual, large]: [&[Size]; 3]) -> Vec<Size> {
        let (usual, large) = (if self.quick { &[] } else { usual }, if self.full { large } else { &[] });
        [small, usual, large].concat()
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.rows)
    }

    /// Measures sweeps in this process; returns whether any is asked for.
    fn library(&self) -> Result<bool> {
        let sizes = [&[(10_000, 1000)][..], &[(100_000, 100), (1_000_000, 25)], &[(100_000, 1000), (1_000_000, 100)]];
        let mut table =
            Table::new("nanoseconds for each combination and bar", 1e9, &[Column::CpuRatio, Column::WallRatio]);
        for (bars, combinations) in self.sizes(sizes) {
            for workers in [1, 2] {
                let name = format!("library, {bars} x {combinations}, {workers} {}", plural(workers));
                if self.wants(&name) {
                    let work = Work::new(bars, combinations, workers)?;
                    work.verify()?;
                    table.add(&name, &work.measure(self.rounds())?);
                }
            }
        }
        Ok(table.begun())
    }

    /// Measures sweeps as processes; returns whether any is asked for.
    fn processes(&self) -> Result<bool> {
        let sizes = [&[(10_000, 25), (10_000, 1000)][..], &[(100_000, 1000)], &[(1_000_000, 100)]];
        let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut table =
            Table::new("milliseconds of a whole process", 1e3, &[Column::Peak, Column::CpuRatio, Column::WallRatio]);
        for (bars, combinations) in self.sizes(sizes) {
            let name = format!("process, {bars} x {combinations}, {workers} {}", plural(workers));
            if self.wants(&name) {
                table.add(&name, &processes::measure(bars, combinations, workers, self.rounds())?);
            }
        }
        Ok(table.begun())
    }

    /// Measures a strategy that hears of bars one by one; returns whether that is asked for.
    fn events(&self) -> Result<bool> {
        let sizes = [&[(100_000, 25)][..], &[(1_000_000, 25)], &[]];
        let mut table =
            Table::new("nanoseconds for each combination and bar", 1e9, &[Column::CpuRatio, Column::WallRatio]);
        for (bars, combinations) in self.sizes(sizes) {
            let name = format!("events, {bars} x {combinations}, 1 worker");
            if self.wants(&name) {
                let work = Work::events(bars, combinations, 1)?;
                work.verify()?;
                table.add(&name, &work.measure(self.rounds())?);
                let process = [processes::measure_events(bars, combinations, self.rounds())?];
                table.add(&name, &process);
            }
        }
        Ok(table.begun())
    }

    /// Measures strategies that work with orders; returns whether that is asked for.
    fn orders(&self) -> Result<bool> {
        let mut table =
            Table::new("nanoseconds for each combination and bar", 1e9, &[Column::CpuRatio, Column::WallRatio]);
        let bars = if self.quick { 100_000 } else { 1_000_000 };
        let (portfolio, bracket) =
            ("orders, rotation on 500 x 2500, 1 worker", format!("orders, bracket on {bars}, 1 worker"));
        if self.wants(portfolio) {
            table.add(portfolio, &Orders::portfolio()?.measure(self.rounds())?);
        }
        if self.wants(&bracket) {
            table.add(&bracket, &Orders::bracket(bars)?.measure(self.rounds())?);
        }
        let days = if self.quick { 500 } else { 5_000 };
        let detail = format!("orders, bracket on {days} days with minutes, 1 worker");
        if self.wants(&detail) {
            table.add(&detail, &Orders::detail(days)?.measure(self.rounds())?);
        }
        Ok(table.begun())
    }

    /// Measures the steps; returns whether they are asked for.
    fn steps(&self) -> Result<bool> {
        let sizes: &[usize] = if self.quick { &[10_000] } else { &[10_000, 100_000, 1_000_000] };
        let wanted = self.wants("steps");
        if wanted {
            let mut table = Table::new("microseconds of each step", 1e6, &[]);
            table.add("steps", &steps::measure(sizes, self.rounds())?);
        }
        Ok(wanted)
    }
}

fn plural(workers: usize) -> &'static str {
    if workers == 1 { "worker" } else { "workers" }
}
