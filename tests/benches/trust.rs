//! Measures the statistics on the returns of a sweep, and how often they find an edge that was planted.
//!
//!     cargo bench --bench trust -- [--cells 10000] [--periods 8000] [--draws 10000] [--sweeps 100]
//!
//! Returns are normal, and those of two cells correlate by 0.3. For the second table a sweep has 100 cells over 10 years of 252 days,
//! and one of them has the true Sharpe ratio that the table says.

#![expect(clippy::print_stdout, reason = "a benchmark shows what it measures")]

#[expect(dead_code, reason = "one thing is measured once here")]
mod measure;

use anyhow::Result;
use clap::Parser;
use host::trust::{
    Cscv, Draws, Matrix, PrefixSums, Question, Superiority, Training, TrustError, Verdict, WalkForward, assess,
    independent_trials, moments, overfitting, walk_forward,
};

/// The correlation of two cells, and the deviation of a day's returns.
const CORRELATION: f64 = 0.3;
const DEVIATION: f64 = 0.01;

/// Days of a year, and of the sweeps with a planted edge; cells of these, and which one has it.
const YEAR: f64 = 252.0;
const DAYS: usize = 2_520;
const CELLS: usize = 100;
const PLANTED: usize = 7;

/// Measures the statistics on the returns of a sweep.
#[derive(Debug, Parser)]
struct Arguments {
    /// Cells whose statistics are measured.
    #[arg(long, default_value_t = 10_000)]
    cells: usize,
    /// Periods of each.
    #[arg(long, default_value_t = 8_000)]
    periods: usize,
    /// Bootstrap draws, of blocks of 20 periods.
    #[arg(long, default_value_t = 10_000)]
    draws: usize,
    /// Sweeps with each planted edge.
    #[arg(long, default_value_t = 100)]
    sweeps: u64,
    /// Cargo's mark of a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let Arguments { cells, periods, draws, sweeps, .. } = Arguments::parse();
    costs(cells, periods, draws)?;
    println!();
    power(sweeps)
}

/// The CPU seconds of each statistic.
fn costs(cells: usize, periods: usize, draws: usize) -> Result<()> {
    let returns = noise(cells, periods, 1)?;
    println!("{cells} cells, {periods} periods, CPU s");
    let of_cells = moments(&returns)?;
    let cost = |name: &str, work: &dyn Fn() -> Result<(), TrustError>| {
        let (cost, done) = measure::measured(work)?;
        println!("{name:32}{:8.2}", cost.cpu);
        Ok::<_, anyhow::Error>(done?)
    };
    cost("moments", &|| moments(&returns).map(drop))?;
    cost("independent trials", &|| independent_trials(&returns, &of_cells).map(drop))?;
    cost("overfitting, 16 blocks", &|| overfitting(&returns, &Cscv::default()).map(drop))?;
    let walk =
        WalkForward { training: Training::Rolling, train: periods / 4, test: periods / 32, purge: 0, keep_short: true };
    cost("walk-forward, 24 folds", &|| walk_forward(&returns, &walk).map(drop))?;
    let cash = vec![0.0; periods];
    let blocks = Draws::stationary(periods, draws, 20.0, 1)?;
    cost("SPA, reality check, StepM", &|| Superiority::over(&cash).test(&returns, &blocks, &PrefixSums).map(drop))?;
    Ok(())
}

/// How often each test finds an edge.
fn power(sweeps: u64) -> Result<()> {
    println!("share of {sweeps} sweeps of {CELLS} cells over {DAYS} days");
    println!("Sharpe   DSR >= 0.95   PBO < 0.5   SPA <= 0.05   lower   upper   credible   doubtful   noise");
    for sharpe in [0.0, 0.5, 1.0, 2.0] {
        let found = (0..sweeps).map(|seed| planted(sharpe, seed)).collect::<Result<Vec<_>>>()?;
        let share = |is: &dyn Fn(&Found) -> bool| found.iter().filter(|found| is(found)).count() as f64 / sweeps as f64;
        println!(
            "{sharpe:6.1}{:14.2}{:12.2}{:14.2}{:8.2}{:8.2}{:11.2}{:11.2}{:8.2}",
            share(&|found| found.deflated >= 0.95),
            share(&|found| found.overfitting < 0.5),
            share(&|found| found.spa[1] <= 0.05),
            share(&|found| found.spa[0] <= 0.05),
            share(&|found| found.spa[2] <= 0.05),
            share(&|found| found.verdict == Verdict::Credible),
            share(&|found| found.verdict == Verdict::Doubtful),
            share(&|found| found.verdict == Verdict::Noise),
        );
    }
    Ok(())
}

/// What one sweep says.
struct Found {
    deflated: f64,
    overfitting: f64,
    /// Lower, consistent and upper p-value.
    spa: [f64; 3],
    verdict: Verdict,
}

fn planted(sharpe: f64, seed: u64) -> Result<Found> {
    let edge = (DEVIATION * sharpe / YEAR.sqrt()) as f32;
    let mut values = values(CELLS, DAYS, 1_000 + seed);
    values[PLANTED * DAYS..(PLANTED + 1) * DAYS].iter_mut().for_each(|value| *value += edge);
    let returns = Matrix::new(DAYS, values)?;
    let found = assess(&returns, &Question { draws: 1_000, seed, ..Question::new(CELLS as u64) })?;
    let spa = found.spa.as_ref().map_or([1.0; 3], |spa| [spa.lower, spa.consistent, spa.upper]);
    let overfitting = found.overfitting.as_ref().map_or(1.0, |found| found.probability);
    Ok(Found { deflated: found.deflated.unwrap_or(0.0), overfitting, spa, verdict: found.verdict() })
}

fn noise(cells: usize, periods: usize, seed: u64) -> Result<Matrix> {
    Ok(Matrix::new(periods, values(cells, periods, seed))?)
}

/// Returns, cell after cell.
fn values(cells: usize, periods: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let market: Vec<f64> = (0..periods).map(|_| normal(&mut state)).collect();
    let (common, own) = (CORRELATION.sqrt(), (1.0 - CORRELATION).sqrt());
    let mut value = |market: &f64| (DEVIATION * (common * market + own * normal(&mut state))) as f32;
    (0..cells).flat_map(|_| market.iter().map(&mut value).collect::<Vec<_>>()).collect()
}

/// About normal: twelve uniform numbers, by splitmix64.
fn normal(state: &mut u64) -> f64 {
    let mut uniform = || {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..12).map(|_| uniform()).sum::<f64>() - 6.0
}
