//! Values that reference implementations computed, and how near a value must be. `vectors.py` wrote them.

use crate::trust::returns::Matrix;

macro_rules! files {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/trust/cells/", $name, ".csv")))),+]
    };
}

const FILES: [(&str, &str); 12] = files!(
    "cpcv_paths" "cpcv_splits" "independent" "logits" "moments" "normal_cdf" "normal_quantile" "overfitting" "returns" "sharpe"
    "splits" "walk_forward"
);

/// The lines of a file below its header.
pub(crate) fn lines(name: &str) -> impl Iterator<Item = &'static str> {
    let text = FILES.iter().find(|file| file.0 == name).expect("a file of this name").1;
    text.lines().filter(|line| !line.starts_with('#')).skip(1)
}

/// The rows of a file of numbers.
pub(crate) fn table(name: &str) -> Vec<Vec<f64>> {
    lines(name).map(|line| line.split(',').map(|value| value.parse().expect("a number")).collect()).collect()
}

/// The returns that the values are of, as a row for each period in the file: 256 periods, 12 cells.
pub(crate) fn matrix() -> Matrix {
    let rows = table("returns");
    let values = (0..rows[0].len()).flat_map(|cell| rows.iter().map(move |row| row[cell] as f32)).collect();
    Matrix { periods: rows.len(), values }
}

/// Fails where a value is further from what it should be than a share of it.
#[track_caller]
pub(crate) fn close(value: f64, expected: f64, share: f64) {
    assert!((value - expected).abs() <= share * expected.abs(), "{value:e} instead of {expected:e}");
}

/// Random returns, the same for the same seed: N x T, about normal (sum of four uniform numbers) with standard deviation 0.01.
pub(crate) fn noise(cells: usize, periods: usize, seed: u64) -> Matrix {
    let mut state = seed;
    let mut uniform = || (crate::model::stream::splitmix64(&mut state) >> 40) as f32 / (1_u32 << 24) as f32 - 0.5;
    let values = (0..cells * periods).map(|_| (0..4).map(|_| uniform()).sum::<f32>() * 0.017_32).collect();
    Matrix { periods, values }
}
