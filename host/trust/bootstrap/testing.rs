//! Reference values in `tests/reference/trust`, and random returns, for tests.

use std::{collections::BTreeMap, fs, path::Path};

use super::{draws::Draws, returns::Matrix};
use crate::model::stream::Stream;

/// The file `name` of reference values.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/trust/bootstrap").join(name))
        .unwrap()
}

/// A line of numbers.
pub(crate) fn numbers(line: &str) -> Vec<f64> {
    line.split(',').filter(|text| !text.is_empty()).map(|text| text.parse().unwrap()).collect()
}

/// Lines of a name and numbers.
pub(crate) fn expected(name: &str) -> BTreeMap<String, Vec<f64>> {
    let text = read(name);
    let lines = text.lines().map(|line| line.split_once(',').unwrap());
    lines.map(|(name, values)| (name.to_owned(), numbers(values))).collect()
}

/// The draws of a file.
pub(crate) fn draws(name: &str, periods: usize, mean_length: f64) -> Draws {
    let block = |text: &str| {
        let (from, count) = text.split_once(':').unwrap_or((text, "1"));
        let from: usize = from.parse().unwrap();
        from..from + count.parse::<usize>().unwrap()
    };
    let indexes: Vec<Vec<usize>> = read(name).lines().map(|line| line.split(' ').flat_map(block).collect()).collect();
    Draws::from_indexes(periods, mean_length, &indexes).unwrap()
}

/// The returns of a file, a cell a line.
pub(crate) fn returns(name: &str, periods: usize) -> Matrix {
    let values = read(name).lines().flat_map(numbers).map(|value| value as f32).collect();
    Matrix::new(periods, values).unwrap()
}

/// A standard normal number, by Box and Muller.
pub(crate) fn normal(stream: &mut Stream) -> f64 {
    let angle = std::f64::consts::TAU * stream.unit();
    (-2.0 * libm::log(stream.unit())).sqrt() * libm::cos(angle)
}

/// Normal returns with a deviation of 0.01 and the mean `mean(cell)`.
pub(crate) fn noise(cells: usize, periods: usize, seed: u64, mean: impl Fn(usize) -> f64) -> Matrix {
    let mut stream = Stream::of(seed, 0);
    let values = (0..cells * periods).map(|at| (0.01 * normal(&mut stream) + mean(at / periods)) as f32);
    Matrix::new(periods, values.collect()).unwrap()
}

/// Whether two numbers agree to `tolerance`, relative to the second.
#[track_caller]
pub(crate) fn agree(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{found} instead of {expected}");
}

/// Whether numbers agree one by one.
#[track_caller]
pub(crate) fn all_agree(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{found:?} instead of {expected:?}");
    found.iter().zip(expected).for_each(|(&found, &expected)| agree(found, expected, tolerance));
}
