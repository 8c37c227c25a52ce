//! Proves the bootstrap on a GPU: reports with the bits of the CPU on 20 seeds, then the time and the memory of large sweeps.
//!
//!     cargo run --release --example prove_cuda -- [--cells 10000,100000] [--periods 8000] [--draws 10000] [--reference 2000]
//!
//! Fails where any report differs, or where there is no GPU. Returns are made up while they are read. Where there are more than
//! `--reference` cells the CPU would take minutes: its time is that of so many cells, in proportion.

#![expect(clippy::print_stdout, reason = "it prints one table")]

use std::{env, error::Error, io, time::Instant};

use host::trust::{
    BLOCK, Chosen, Device, DeviceChoice, Draws, PrefixSums, Products, Returns, Superiority, SuperiorityReport,
};

/// Returns that are made up: coarse ones, so that sums are often close; every seventh cell is like the one before.
struct MadeUp {
    cells: usize,
    periods: usize,
    seed: u64,
}

impl Returns for MadeUp {
    fn periods(&self) -> usize {
        self.periods
    }

    fn cells(&self) -> usize {
        self.cells
    }

    fn block(&self, number: usize) -> io::Result<Vec<f32>> {
        let cells = number * BLOCK..self.cells.min((number + 1) * BLOCK);
        Ok(cells.flat_map(|cell| self.cell(if cell % 7 == 6 { cell - 1 } else { cell })).collect())
    }
}

impl MadeUp {
    fn cell(&self, cell: usize) -> impl Iterator<Item = f32> + '_ {
        let mut state = (self.seed << 40 | cell as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..self.periods).map(move |_| {
            // xorshift64, four bits of it: a coarse bell.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            0.01 * ((state >> 40 & 0xf).count_ones() as f32 - 2.0)
        })
    }
}

fn report(
    returns: &MadeUp,
    draws: &Draws,
    products: &dyn Products,
) -> Result<(SuperiorityReport, f64), Box<dyn Error>> {
    let (benchmark, start) = (vec![0.0; returns.periods], Instant::now());
    let report = Superiority::over(&benchmark).test(returns, draws, products)?;
    Ok((report, start.elapsed().as_secs_f64()))
}

/// The device, which must not have been lost.
fn device(chosen: &Chosen) -> Result<Device, Box<dyn Error>> {
    match chosen.device() {
        device @ Device::Cuda { lost: None, .. } => Ok(device),
        other => Err(other.to_string().into()),
    }
}

/// Whether reports are equal, to the bit.
fn is_equal(one: &SuperiorityReport, other: &SuperiorityReport) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

fn seeds() -> Result<(), Box<dyn Error>> {
    for seed in 0..20 {
        let returns = MadeUp { cells: 300 + 97 * seed as usize, periods: 40 + 25 * seed as usize, seed };
        let draws = Draws::stationary(returns.periods, 2_000, 1.0 + seed as f64, seed)?;
        let chosen = Chosen::new(DeviceChoice::Cuda, &draws, returns.cells)?;
        let (found, expected) = (report(&returns, &draws, chosen.products())?, report(&returns, &draws, &PrefixSums)?);
        if !is_equal(&found.0, &expected.0) {
            return Err(format!("the reports of seed {seed} differ").into());
        }
        device(&chosen)?;
    }
    println!("20 seeds: all reports have the bits of the CPU");
    Ok(())
}

/// The peak of this process's memory, in MiB.
fn memory() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse().unwrap_or(0) / 1024)
}

fn sweep(cells: usize, reference: usize, draws: &Draws) -> Result<(), Box<dyn Error>> {
    let periods = draws.periods();
    let start = Instant::now();
    let chosen = Chosen::new(DeviceChoice::Cuda, draws, cells)?;
    let opened = start.elapsed().as_secs_f64();
    let (found, gpu) = report(&MadeUp { cells, periods, seed: 1 }, draws, chosen.products())?;
    let few = MadeUp { cells: cells.min(reference), periods, seed: 1 };
    let (expected, cpu) = report(&few, draws, &PrefixSums)?;
    let found = if few.cells == cells { found } else { report(&few, draws, chosen.products())?.0 };
    device(&chosen)?;
    let estimate = cpu * cells as f64 / few.cells as f64;
    println!("{cells:8} {opened:9.2} {gpu:9.2} {estimate:11.2} {:6.1} {:10}", estimate / gpu, memory()?);
    if is_equal(&found, &expected) { Ok(()) } else { Err(format!("the reports of {cells} cells differ").into()) }
}

fn option(name: &str, default: &str) -> String {
    let mut arguments = env::args().skip_while(|argument| argument != name);
    arguments.nth(1).unwrap_or_else(|| default.to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    seeds()?;
    let number = |name, default| option(name, default).parse::<usize>();
    let draws = Draws::stationary(number("--periods", "8000")?, number("--draws", "10000")?, 20.0, 1)?;
    println!("{}", device(&Chosen::new(DeviceChoice::Cuda, &draws, 1)?)?);
    println!("   cells  open s     gpu s  cpu s (est)  ratio   peak MiB");
    for cells in option("--cells", "10000,100000").split(',') {
        sweep(cells.parse()?, number("--reference", "2000")?, &draws)?;
    }
    Ok(())
}
