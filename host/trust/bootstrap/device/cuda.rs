//! Sums of resampled returns on a GPU: counts of the periods times returns, in f64.
//!
//! The counts of the draws stay on the GPU; returns go to it some tiles at a time, and their sums come back. Threads work side by
//! side, each with memory and a stream of its own. Never decides what is too close to call, and never hands on a sum that was not
//! checked: the sums of a tile must add up to what the counts of all draws together give.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use rayon::prelude::*;

use super::{
    super::{
        draws::Draws,
        returns::TrustError,
        sums::{PrefixSums, Products, Sums, Take, sum_counts},
        tile::{Lanes, Tile, WIDTH},
    },
    gpu::{Counts, Gpu, GpuError, Multiplier},
};

/// Tiles that are multiplied at once: a thread gets one of 16 parts of a block of returns.
const TILES: usize = 8;

/// Cells that are multiplied at once.
const CELLS: usize = TILES * WIDTH;

/// Draws that are multiplied at once at most: their sums take 4 MiB.
const ROWS: usize = 8_192;

/// Draws that are copied to the GPU at once.
const COPIED: usize = 256;

/// Draws below which the CPU is as fast, since the returns of every cell would have to be copied.
const FEW: usize = 256;

/// Threads that use the GPU side by side at most.
const THREADS: usize = 16;

/// The most memory that counts take on the GPU, in bytes: more rows than that would have numbers beyond 2^31.
const MOST_COUNTS: usize = (1 << 34) - 1;

/// The memory that cuBLAS takes for each thread, in bytes: 32 MiB on the newest GPUs.
const CUBLAS: usize = 32 << 20;

const MEBIBYTE: usize = 1 << 20;

/// The unit of rounding.
const UNIT: f64 = f64::EPSILON / 2.0;

/// What a product may be wrong by at least, as a share of its reach: more than rounding where there are few periods.
const LEAST_ERROR: f64 = 1e-12;

/// A GPU that sums draws of some number of periods.
pub(super) struct Cuda {
    gpu: Gpu,
    /// Whether the CPU does the rest where the GPU fails.
    falls_back: bool,
    periods: usize,
    /// Draws whose counts fit.
    rows: usize,
    /// Draws that are multiplied at once.
    block: usize,
    multipliers: Vec<Mutex<Multiplier>>,
    /// `None` while sums use it.
    counts: Mutex<Option<Counts>>,
    lost: OnceLock<GpuError>,
}

impl fmt::Debug for Cuda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cuda").field("gpu", &self.gpu.name).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Cuda {
    /// Takes memory of `gpu` for as many of `draws` as fit, and tries whether it computes right.
    pub(super) fn new(gpu: Gpu, draws: &Draws, falls_back: bool) -> Result<Self, GpuError> {
        let (periods, count) = (draws.periods(), draws.count());
        let block = count.div_ceil(count.div_ceil(ROWS));
        let threads = rayon::current_num_threads().min(THREADS);
        let rows = fitting(gpu.free()?, threads * memory_of_a_thread(periods, block), periods)?.min(count);
        let counts = Mutex::new(Some(gpu.counts(rows, periods)?));
        let multiplier = |_| gpu.multiplier(CELLS, periods, block).map(Mutex::new);
        let multipliers = (0..threads).map(multiplier).collect::<Result<_, _>>()?;
        let lost = OnceLock::new();
        let cuda = Self { gpu, falls_back, periods, rows, block, counts, multipliers, lost };
        cuda.probe(draws)?;
        Ok(cuda)
    }

    /// What the driver calls the GPU, and its memory in bytes.
    pub(super) fn name_and_memory(&self) -> (String, u64) {
        (self.gpu.name.clone(), self.gpu.memory)
    }

    /// Why the CPU does the rest.
    pub(super) fn lost(&self) -> Option<&GpuError> {
        self.lost.get()
    }

    /// Compares all sums of a tile over some draws with those of the CPU, for each thread's memory.
    fn probe(&self, draws: &Draws) -> Result<(), GpuError> {
        let tile = made_up(self.periods).map_err(|error| unusable(&error))?;
        let chosen: Vec<usize> = (0..draws.count().min(COPIED).min(self.rows)).collect();
        let near = tile.sizes().map(|size| size * self.periods as f64 * self.error(draws));
        let expected = PrefixSums.prepare(draws, &chosen).map_err(|error| unusable(&error))?;
        let mut sums = vec![[0.0; WIDTH]; chosen.len()];
        let mut take = |_: usize, first: usize, part: &[Lanes]| sums[first..first + part.len()].copy_from_slice(part);
        expected.sums(std::slice::from_ref(&tile), &mut take).map_err(|error| unusable(&error))?;
        let found = OnGpu::new(self, draws, &chosen)?;
        for multiplier in &self.multipliers {
            let mut worst = Ok(());
            let mut take = |_: usize, first: usize, part: &[Lanes]| {
                for (found, expected) in part.iter().zip(&sums[first..]) {
                    worst = worst.clone().and_then(|()| near_all(found, expected, &near));
                }
            };
            found.on_gpu(&mut lock(multiplier), std::slice::from_ref(&tile), &mut take, &mut 0)?;
            worst?;
        }
        Ok(())
    }

    /// The memory for products of this thread.
    fn multiplier(&self) -> MutexGuard<'_, Multiplier> {
        lock(&self.multipliers[rayon::current_thread_index().unwrap_or(0) % self.multipliers.len()])
    }

    /// Notes that the GPU failed. An error where the CPU is not to do the rest.
    fn lose(&self, error: GpuError) -> Result<(), TrustError> {
        let error = self.lost.get_or_init(|| error);
        if self.falls_back { Ok(()) } else { Err(error.clone().into()) }
    }
}

impl Products for Cuda {
    fn tiles(&self) -> usize {
        TILES
    }

    fn most_draws(&self) -> usize {
        self.rows
    }

    /// Each of the prefix sums is wrong by at most `T u` times the sum of absolute values, `u` the unit of rounding, and a draw of
    /// `R` runs takes `2 R` of them; adding those up is wrong by at most `(R + 1) u`. Source: Higham, Accuracy and stability of
    /// numerical algorithms (2002), chapter 4. The last factor is for the second order.
    fn error(&self, draws: &Draws) -> f64 {
        let runs = (0..draws.count()).map(|draw| draws.runs(draw).len()).max().unwrap_or(0) as f64;
        let periods = self.periods as f64;
        error_of_product(periods) + (2.0 * runs * periods + runs + 1.0) * UNIT * 1.001
    }

    fn prepare<'a>(&'a self, draws: &'a Draws, chosen: &'a [usize]) -> Result<Box<dyn Sums + 'a>, TrustError> {
        if chosen.len() < FEW.min(draws.count()) || self.lost.get().is_some() {
            return PrefixSums.prepare(draws, chosen);
        }
        match OnGpu::new(self, draws, chosen) {
            Ok(sums) => Ok(Box::new(sums)),
            Err(error) => self.lose(error).and_then(|()| PrefixSums.prepare(draws, chosen)),
        }
    }
}

/// The sums of some draws on the GPU.
struct OnGpu<'a> {
    cuda: &'a Cuda,
    draws: &'a Draws,
    chosen: &'a [usize],
    /// `None` only while it is dropped.
    counts: Option<Counts>,
    /// The counts of all draws of each block together.
    totals: Vec<Vec<f64>>,
}

impl<'a> OnGpu<'a> {
    fn new(cuda: &'a Cuda, draws: &'a Draws, chosen: &'a [usize]) -> Result<Self, GpuError> {
        if draws.periods() != cuda.periods || chosen.len() > cuda.rows {
            return Err(unusable(&"it was prepared for other draws"));
        }
        let counts = lock(&cuda.counts).take().ok_or_else(|| unusable(&"two tests use it at once"))?;
        let totals = vec![vec![0.0; cuda.periods]; chosen.len().div_ceil(cuda.block)];
        let mut new = Self { cuda, draws, chosen, counts: Some(counts), totals };
        new.copy()?;
        Ok(new)
    }

    /// Copies the counts of the draws to the GPU.
    fn copy(&mut self) -> Result<(), GpuError> {
        let counts = self.counts.as_mut().ok_or_else(|| unusable(&"it is closed"))?;
        let mut rows = vec![0.0; COPIED.min(self.chosen.len()) * self.cuda.periods];
        for (number, chosen) in self.chosen.chunks(COPIED).enumerate() {
            let rows = &mut rows[..chosen.len() * self.cuda.periods];
            rows.par_chunks_mut(self.cuda.periods).zip(chosen).for_each(|(row, &draw)| {
                row.fill(0.0);
                self.draws.indexes(draw).for_each(|period| row[period] += 1.0);
            });
            counts.write(number * COPIED, rows)?;
            for (row, counts) in rows.chunks_exact(self.cuda.periods).enumerate() {
                let total = &mut self.totals[(number * COPIED + row) / self.cuda.block];
                total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
            }
        }
        Ok(())
    }

    /// Hands `take` sums, block after block; `done` are the draws whose sums it has.
    fn on_gpu(
        &self,
        multiplier: &mut Multiplier,
        tiles: &[Tile],
        take: &mut Take<'_>,
        done: &mut usize,
    ) -> Result<(), GpuError> {
        let counts = self.counts.as_ref().ok_or_else(|| unusable(&"it is closed"))?;
        multiplier.load(|returns| lay_out(tiles, returns))?;
        for totals in &self.totals {
            let count = self.cuda.block.min(self.chosen.len() - *done);
            let sums = multiplier.multiply(counts, *done, count)?;
            let of_tiles: Vec<Vec<Lanes>> = (0..tiles.len()).map(|number| of_tile(sums, number)).collect();
            tiles.iter().zip(&of_tiles).try_for_each(|(tile, sums)| check(tile, sums, totals))?;
            of_tiles.iter().enumerate().for_each(|(number, sums)| take(number, *done, sums));
            *done += count;
        }
        Ok(())
    }
}

impl Sums for OnGpu<'_> {
    fn sums(&self, tiles: &[Tile], take: &mut Take<'_>) -> Result<(), TrustError> {
        let mut done = 0;
        let tried = match self.cuda.lost.get() {
            Some(error) => Err(error.clone()),
            None => self.on_gpu(&mut self.cuda.multiplier(), tiles, take, &mut done),
        };
        tried.or_else(|error| self.cuda.lose(error))?;
        let rest = PrefixSums.prepare(self.draws, &self.chosen[done..])?;
        rest.sums(tiles, &mut |tile, first, sums| take(tile, done + first, sums))
    }
}

impl Drop for OnGpu<'_> {
    fn drop(&mut self) {
        *lock(&self.cuda.counts) = self.counts.take();
    }
}

/// The memory that a thread takes on the GPU, in bytes.
fn memory_of_a_thread(periods: usize, block: usize) -> usize {
    CELLS * (periods + block) * size_of::<f64>() + CUBLAS
}

/// The draws whose counts fit in `free` bytes besides `taken`, with a fifth to spare.
fn fitting(free: usize, taken: usize, periods: usize) -> Result<usize, GpuError> {
    let row = periods * size_of::<f64>();
    let room = (free / 5 * 4).saturating_sub(taken).min(MOST_COUNTS);
    let rows = room / row;
    if rows < FEW {
        let mebibytes = |bytes: usize| bytes.div_ceil(MEBIBYTE) as u64;
        return Err(GpuError::Memory { free: mebibytes(free), needed: mebibytes((taken + FEW * row) / 4 * 5) });
    }
    Ok(rows)
}

/// A tile of numbers that are made up: about half of them negative, no two alike.
fn made_up(periods: usize) -> Result<Tile, TrustError> {
    let number = |at: usize| (at as u32).wrapping_mul(0x9e37_79b9) as f32 / (1_u64 << 32) as f32 - 0.5;
    let values: Vec<f32> = (0..WIDTH * periods).map(number).collect();
    Tile::of(&values, 0, 0, &vec![0.0; periods])
}

/// Lays out tiles as a matrix, `matrix[period * CELLS + cell]`; what is no tile's is 0.
fn lay_out(tiles: &[Tile], matrix: &mut [f64]) {
    matrix.fill(0.0);
    for (number, tile) in tiles.iter().enumerate() {
        for (row, values) in matrix.chunks_exact_mut(CELLS).zip(tile.values()) {
            row[number * WIDTH..][..WIDTH].copy_from_slice(values);
        }
    }
}

/// The sums of tile `number`.
fn of_tile(sums: &[f64], number: usize) -> Vec<Lanes> {
    sums.chunks_exact(CELLS).map(|row| std::array::from_fn(|lane| row[number * WIDTH + lane])).collect()
}

/// Whether the sums of all draws add up to what the counts of all draws give. A number that is wrong by more than rounding shows
/// in here, and so does one that is none.
fn check(tile: &Tile, sums: &[Lanes], totals: &[f64]) -> Result<(), GpuError> {
    let mut found = [0.0; WIDTH];
    sums.iter().for_each(|sums| super::super::tile::add(&mut found, sums));
    let (draws, periods) = (sums.len() as f64, totals.len() as f64);
    // Each sum is wrong by some share of its reach, as is the expected total, and adding them up by as many units as draws.
    let share = draws * (2.0 * error_of_product(periods) + draws * UNIT * 1.001);
    near_all(&found, &sum_counts(tile.values(), totals), &tile.sizes().map(|size| size * periods * share))
}

/// How far a sum of that many products may be wrong, as a share of its reach: in any order by as many units of rounding.
fn error_of_product(periods: f64) -> f64 {
    (periods * UNIT * 1.001).max(LEAST_ERROR)
}

/// Whether numbers lie as near as they must.
fn near_all(found: &Lanes, expected: &Lanes, near: &Lanes) -> Result<(), GpuError> {
    for lane in 0..WIDTH {
        let is_near = (found[lane] - expected[lane]).abs() <= near[lane];
        if !is_near {
            return Err(GpuError::Wrong { found: found[lane], expected: expected[lane] });
        }
    }
    Ok(())
}

fn unusable(problem: &impl ToString) -> GpuError {
    GpuError::Call { what: "sum draws", problem: problem.to_string() }
}

/// Locks what a panic elsewhere does not break.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
