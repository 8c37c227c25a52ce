//! A GPU with CUDA: its memory, and products of matrices in f64 by cuBLAS.
//!
//! The only module that names `cudarc`. Libraries are loaded at run time, so that a program without a GPU needs none. Never lets a
//! panic of `cudarc` out, which it raises where a library lacks a function, and never changes a setting of the GPU.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cudarc::{
    cublas::{self, CudaBlas, Gemm, GemmConfig, sys::cublasOperation_t},
    driver::{self, CudaContext, CudaSlice, CudaStream, PinnedHostSlice},
};

use super::super::returns::TrustError;

/// Why a GPU cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// There is no driver.
    #[error("the driver of NVIDIA (`libcuda`) is not found")]
    NoDriver,
    /// There is no cuBLAS.
    #[error("cuBLAS (`libcublas`) is not found; install it, or add its folder to `LD_LIBRARY_PATH`")]
    NoCublas,
    /// A call failed.
    #[error("CUDA could not {what}: {problem}")]
    Call {
        /// What was to be done.
        what: &'static str,
        /// What the library says.
        problem: String,
    },
    /// There is too little free memory.
    #[error("the GPU has {free} MiB of free memory, and {needed} MiB are needed")]
    Memory {
        /// The free memory, in MiB.
        free: u64,
        /// The memory that is needed, in MiB.
        needed: u64,
    },
    /// A product is wrong.
    #[error("the GPU computes wrong: a sum is `{found}` instead of `{expected}`")]
    Wrong {
        /// The sum on the GPU.
        found: f64,
        /// The sum on the CPU.
        expected: f64,
    },
}

impl From<GpuError> for TrustError {
    fn from(error: GpuError) -> Self {
        Self::Device { problem: error.to_string() }
    }
}

/// What `work` returns. A panic is an error too.
pub(super) fn guarded<T>(what: &'static str, work: impl FnOnce() -> Result<T, GpuError>) -> Result<T, GpuError> {
    let caught = catch_unwind(AssertUnwindSafe(work));
    caught.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(GpuError::Call { what, problem: text.unwrap_or("the library is not one that works").to_owned() })
    })
}

/// Names what failed.
trait While<T> {
    fn to(self, what: &'static str) -> Result<T, GpuError>;
}

impl<T, E: ToString> While<T> for Result<T, E> {
    fn to(self, what: &'static str) -> Result<T, GpuError> {
        self.map_err(|error| GpuError::Call { what, problem: error.to_string() })
    }
}

/// The first GPU.
#[derive(Debug)]
pub(super) struct Gpu {
    context: Arc<CudaContext>,
    /// What its driver calls it.
    pub(super) name: String,
    /// Its memory, in bytes.
    pub(super) memory: u64,
}

impl Gpu {
    /// Opens it, where its libraries are there.
    pub(super) fn open() -> Result<Self, GpuError> {
        #[expect(
            unsafe_code,
            reason = "libraries run code when they are loaded: those that the user installed for this"
        )]
        let (driver, cublas) = unsafe { (driver::sys::is_culib_present(), cublas::sys::is_culib_present()) };
        match (driver, cublas) {
            (false, _) => Err(GpuError::NoDriver),
            (_, false) => Err(GpuError::NoCublas),
            _ => guarded("open the GPU", || {
                let context = CudaContext::new(0).to("open the GPU")?;
                let name = context.name().to("name the GPU")?;
                let memory = context.total_mem().to("tell the GPU's memory")? as u64;
                Ok(Self { context, name, memory })
            }),
        }
    }

    /// The free memory, in bytes.
    pub(super) fn free(&self) -> Result<usize, GpuError> {
        guarded("tell the free memory", || Ok(self.context.mem_get_info().to("tell the free memory")?.0))
    }

    /// Room for the counts of `rows` draws of `periods` periods.
    pub(super) fn counts(&self, rows: usize, periods: usize) -> Result<Counts, GpuError> {
        guarded("hold the draws", || {
            let stream = self.context.new_stream().to("open a stream")?;
            let values = stream.alloc_zeros(rows * periods).to("hold the draws")?;
            stream.synchronize().to("hold the draws")?;
            Ok(Counts { stream, values, periods })
        })
    }

    /// What multiplies matrices of `width` cells by `periods` periods with the counts of at most `rows` draws.
    pub(super) fn multiplier(&self, width: usize, periods: usize, rows: usize) -> Result<Multiplier, GpuError> {
        guarded("prepare products", || {
            let stream = self.context.new_stream().to("open a stream")?;
            let blas = CudaBlas::new(stream.clone()).to("start cuBLAS")?;
            let returns = stream.alloc_zeros(width * periods).to("hold returns")?;
            let sums = stream.alloc_zeros(width * rows).to("hold sums")?;
            let (staged, found) = (self.pinned(width * periods)?, self.pinned(width * rows)?);
            stream.synchronize().to("prepare products")?;
            Ok(Multiplier { blas: Some(blas), stream, returns, sums, staged, found, width, periods })
        })
    }

    /// Memory of the CPU that the GPU reads and writes by itself, all zero.
    fn pinned(&self, len: usize) -> Result<PinnedHostSlice<f64>, GpuError> {
        // Not write-combined, as is the default: reading that is a hundred times as slow.
        #[expect(unsafe_code, reason = "the memory is not set: the next line sets it, and any bits are a number")]
        let mut memory = unsafe { self.context.alloc_pinned_with_flags(len, 0) }.to("hold memory of the CPU")?;
        memory.as_mut_slice().to("hold memory of the CPU")?.fill(0.0);
        Ok(memory)
    }
}

/// Counts of the periods in draws, on the GPU: a row for each draw.
#[derive(Debug)]
pub(super) struct Counts {
    stream: Arc<CudaStream>,
    values: CudaSlice<f64>,
    periods: usize,
}

impl Counts {
    /// Writes rows from row `first` on.
    pub(super) fn write(&mut self, first: usize, rows: &[f64]) -> Result<(), GpuError> {
        guarded("take draws", || {
            let from = first * self.periods;
            let mut place = self.values.try_slice_mut(from..from + rows.len()).ok_or("no such row").to("take draws")?;
            let copied = self.stream.memcpy_htod(rows, &mut place).to("take draws");
            // Also where the copy was refused: `rows` must not be read once this returns.
            self.stream.synchronize().to("take draws").and(copied)
        })
    }
}

const WHAT: &str = "multiply matrices";

/// Multiplies returns with counts.
#[derive(Debug)]
pub(super) struct Multiplier {
    /// `None` only while it is dropped.
    blas: Option<CudaBlas>,
    stream: Arc<CudaStream>,
    returns: CudaSlice<f64>,
    sums: CudaSlice<f64>,
    staged: PinnedHostSlice<f64>,
    found: PinnedHostSlice<f64>,
    width: usize,
    periods: usize,
}

impl Multiplier {
    /// Takes the returns that `fill` writes: `returns[period * width + cell]`.
    pub(super) fn load(&mut self, fill: impl FnOnce(&mut [f64])) -> Result<(), GpuError> {
        guarded("take returns", || {
            fill(self.staged.as_mut_slice().to("take returns")?);
            self.stream.memcpy_htod(&self.staged, &mut self.returns).to("take returns")
        })
    }

    /// The sums over the draws in the `count` rows from `first` on: `sums[draw * width + cell]`.
    pub(super) fn multiply(&mut self, counts: &Counts, first: usize, count: usize) -> Result<&[f64], GpuError> {
        let worked = self.try_multiply(counts, first, count);
        // Also where something was refused: what is in the stream reads the counts, which may be given back after this.
        let done = guarded(WHAT, || self.stream.synchronize().to(WHAT));
        worked.and(done)?;
        guarded(WHAT, || self.found.as_slice().to(WHAT)).map(|found| &found[..count * self.width])
    }

    fn try_multiply(&mut self, counts: &Counts, first: usize, count: usize) -> Result<(), GpuError> {
        guarded(WHAT, || {
            let (from, to) = (first * self.periods, (first + count) * self.periods);
            let rows = counts.values.try_slice(from..to).filter(|_| count * self.width <= self.found.len());
            let rows = rows.filter(|_| counts.periods == self.periods).ok_or("no such rows").to(WHAT)?;
            let size = |value: usize| i32::try_from(value).to(WHAT);
            let (m, n, k) = (size(self.width)?, size(count)?, size(self.periods)?);
            let plain = cublasOperation_t::CUBLAS_OP_N;
            let (transa, transb, alpha, beta) = (plain, plain, 1.0, 0.0);
            let shape = GemmConfig { transa, transb, m, n, k, alpha, beta, lda: m, ldb: k, ldc: m };
            let blas = self.blas.as_ref().ok_or("it is closed").to(WHAT)?;
            #[expect(
                unsafe_code,
                reason = "matrices have these sizes: `returns` m by k, `rows` k by n, `sums` m by n or more"
            )]
            unsafe { blas.gemm(shape, &self.returns, &rows, &mut self.sums) }.to(WHAT)?;
            self.stream.memcpy_dtoh(&self.sums, &mut self.found).to(WHAT)
        })
    }
}

impl Drop for Multiplier {
    fn drop(&mut self) {
        // cuBLAS panics in here where the GPU was lost; nothing is left that could go wrong for want of it.
        let blas = self.blas.take();
        let closed = guarded("close cuBLAS", || {
            self.stream.synchronize().to("close cuBLAS")?;
            drop(blas);
            Ok(())
        });
        drop(closed);
    }
}
