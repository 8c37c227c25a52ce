//! The mean block length for the stationary bootstrap.
//!
//! Sources: Politis and White, Automatic block-length selection for the dependent bootstrap, Econometric Reviews 23 (2004);
//! Patton, Politis and White, Correction, Econometric Reviews 28 (2009). Autocovariances and autocorrelations are taken over
//! all periods that a lag leaves, as `arch` takes them.

use rayon::prelude::*;

use super::{
    quantile,
    returns::{BLOCK, MIN_PERIODS, Returns, TrustError, check_finite, check_sizes, read_block},
};

/// Cells that the block length of a matrix is taken from, at most.
const SAMPLE: usize = 256;

/// Variances below this part of the squared size are what rounding leaves.
const SIZE_NOISE: f64 = 1e-24;

/// The mean block length that the stationary bootstrap of `returns` should have, in periods. It may be below 1; at most
/// `ceil(min(3 sqrt(n), n / 3))`.
///
/// `None` where there are fewer than [`MIN_PERIODS`] periods or the returns do not vary. Costs up to `6 sqrt(n)` operations a
/// period.
#[must_use]
pub fn block_length(returns: &[f64]) -> Option<f64> {
    if returns.len() < MIN_PERIODS {
        return None;
    }
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let centred: Vec<f64> = returns.iter().map(|value| value - mean).collect();
    let size = returns.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
    if dot(&centred, &centred) <= SIZE_NOISE * n * size * size {
        return None;
    }
    let window = window(&centred);
    let (mut slope, mut long_run) = (0.0, dot(&centred, &centred) / n);
    for lag in 1..=window {
        let at = lag as f64 / window as f64;
        let weight = if at <= 0.5 { 1.0 } else { 2.0 * (1.0 - at) };
        let covariance = dot(&centred[lag..], &centred) / n;
        slope += 2.0 * weight * lag as f64 * covariance;
        long_run += 2.0 * weight * covariance;
    }
    let length = libm::cbrt(slope * slope / (long_run * long_run)) * libm::cbrt(n);
    length.is_finite().then(|| length.min((3.0 * n.sqrt()).min(n / 3.0).ceil()))
}

/// The median of [`block_length`] over at most 256 cells, in periods; at least 1. Of the returns over the `benchmark`, as these
/// are resampled. The cells are spread evenly over the matrix and the same for every call: number `k N / 256`, rounded down,
/// for each `k`, or all where there are fewer.
///
/// `None` where none of these cells has a block length.
///
/// # Errors
///
/// Where returns cannot be read or are not finite, there are too few periods or no cells, or `benchmark` has another length.
pub fn median_block_length<R: Returns + ?Sized>(returns: &R, benchmark: &[f64]) -> Result<Option<f64>, TrustError> {
    check_sizes(returns, benchmark)?;
    let (cells, periods) = (returns.cells(), returns.periods());
    let count = cells.min(SAMPLE);
    let sample: Vec<usize> = (0..count).map(|k| (k as u128 * cells as u128 / count as u128) as usize).collect();
    let mut lengths = Vec::with_capacity(count);
    for of_block in sample.chunk_by(|a, b| a / BLOCK == b / BLOCK) {
        let values = read_block(returns, of_block[0] / BLOCK)?;
        let length = |&cell: &usize| {
            let row = &values[cell % BLOCK * periods..][..periods];
            check_finite("returns", row)?;
            Ok(block_length(&over(row, benchmark)))
        };
        lengths.extend(of_block.par_iter().map(length).collect::<Result<Vec<_>, TrustError>>()?);
    }
    let mut lengths: Vec<f64> = lengths.into_iter().flatten().collect();
    lengths.sort_by(f64::total_cmp);
    Ok(quantile::sorted(&lengths, 0.5).map(|length| length.max(1.0)))
}

/// Returns over the benchmark.
fn over(row: &[f32], benchmark: &[f64]) -> Vec<f64> {
    row.iter().zip(benchmark).map(|(&value, benchmark)| f64::from(value) - benchmark).collect()
}

/// The lags that count: twice the first lag after which enough autocorrelations in a row are insignificant.
fn window(centred: &[f64]) -> usize {
    let n = centred.len();
    let log = libm::log10(n as f64);
    let in_a_row = (log as usize).max(5);
    let most = (n as f64).sqrt().ceil() as usize + in_a_row;
    let bound = 2.0 * (log / n as f64).sqrt();
    let mut small = 0;
    for lag in 0..most {
        small = if correlation(centred, lag) < bound { small + 1 } else { 0 };
        if small == in_a_row {
            return (2 * (lag + 1 - in_a_row).max(1)).min(most);
        }
    }
    most
}

/// The absolute autocorrelation at `lag`. Sizes are taken over one period fewer at each end, as in `arch`.
fn correlation(centred: &[f64], lag: usize) -> f64 {
    let (late, early) = (&centred[lag + 1..], &centred[..centred.len() - lag - 1]);
    dot(&centred[lag..], centred).abs() / (dot(late, late) * dot(early, early)).sqrt()
}

/// The sum of products, over the length of the shorter; four sums side by side, in a fixed order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let length = a.len().min(b.len());
    let (a, b) = (a[..length].chunks_exact(4), b[..length].chunks_exact(4));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 4];
    for (a, b) in a.zip(b) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests;
