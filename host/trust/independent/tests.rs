use proptest::prelude::*;

use super::*;
use crate::trust::{
    reference::{close, matrix, noise, table},
    returns::Matrix,
    sharpe::moments,
};

fn number(matrix: &Matrix) -> Independent {
    independent_trials(matrix, &moments(matrix).unwrap()).unwrap()
}

#[test]
fn the_number_is_that_of_numpy() {
    let expected = &table("independent")[0];
    let all = matrix();
    let found = number(&all);
    close(found.trials, expected[0], 1e-12);
    assert_eq!((found.cells, found.left_out, found.standard_error), (12, 0, None));
    // More cells than periods, and one cell that does not vary.
    let last = all.values.chunks(256).flat_map(|cell| &cell[246..]).copied().collect();
    let found = number(&Matrix { periods: 10, values: last });
    close(found.trials, expected[1], 1e-12);
    assert_eq!((found.cells, found.left_out), (11, 1));
}

#[test]
fn both_products_give_the_same_norm() {
    for (cells, periods) in [(30, 1_000), (1_100, 300), (300, 300)] {
        let matrix = noise(cells, periods, 4);
        let moments = moments(&matrix).unwrap();
        let scores = Scores { returns: &matrix, moments: &moments };
        close(scores.norm_by_periods().unwrap(), scores.norm_by_cells(cells).unwrap(), 1e-12);
    }
}

/// Cells in groups that share most of their returns: some eigenvalues are large. Each setting with another spread of sizes.
fn grouped(cells: usize, periods: usize, groups: usize, share: f32) -> Matrix {
    let mut matrix = noise(cells, periods, 6);
    let common = noise(groups, periods, 8);
    for (cell, values) in matrix.values.chunks_mut(periods).enumerate() {
        // The first group has half of the cells, the next half of the rest, and so on.
        let group = (cell + 1).trailing_zeros() as usize % groups;
        for (value, common) in values.iter_mut().zip(&common.values[group * periods..]) {
            *value = *value * (1.0 - share) + common * share;
        }
    }
    matrix
}

#[test]
fn estimates_lie_around_the_exact_number_as_far_as_they_say() {
    for (groups, share) in [(1, 0.0), (1, 0.1), (1, 0.9), (3, 0.7), (10, 0.6), (10, 0.95)] {
        let matrix = grouped(1_100, 300, groups, share);
        let moments = moments(&matrix).unwrap();
        let scores = Scores { returns: &matrix, moments: &moments };
        let exact = scores.norm_by_periods().unwrap();
        let seeds = 20;
        let estimates: Vec<(f64, f64)> = (0..seeds).map(|seed| scores.estimated_norm(seed).unwrap()).collect();
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| estimates.iter().map(of).sum::<f64>() / seeds as f64;
        let bias = mean(&|estimate| estimate.0 - exact);
        let spread = mean(&|estimate| (estimate.0 - exact).powi(2)).sqrt();
        let claimed = mean(&|estimate| estimate.1);
        assert!(spread < 0.03 * exact, "{spread} of {exact}");
        assert!(bias.abs() < 4.0 * claimed / (seeds as f64).sqrt(), "{bias}, claimed {claimed}");
        assert!(spread < 2.0 * claimed && claimed < 2.0 * spread, "{spread}, claimed {claimed}");
    }
}

#[test]
fn large_matrices_are_estimated() {
    let found = number(&noise(2_100, 2_050, 9));
    // N² / (N + N²/T) for cells that are independent.
    let expected = 2_100.0 / (1.0 + 2_100.0 / 2_049.0);
    assert!((found.trials - expected).abs() < 0.02 * expected, "{found:?}");
    assert!(found.standard_error.is_some());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let matrix = noise(2_500, 130, 3);
    let moments = moments(&matrix).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let scores = Scores { returns: &matrix, moments: &moments };
            (
                scores.estimated_norm(SEED).unwrap(),
                scores.norm_by_periods().unwrap(),
                scores.norm_by_cells(2_500).unwrap(),
            )
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn no_cell_with_moments_is_an_error() {
    let flat = Matrix { periods: 4, values: vec![0.1; 8] };
    assert!(independent_trials(&flat, &moments(&flat).unwrap()).is_err());
}

proptest! {
    #[test]
    fn copies_of_one_cell_are_one_trial(copies in 1_usize..40, seed: u64) {
        let one = noise(1, 60, seed);
        let found = number(&Matrix { periods: 60, values: one.values.repeat(copies) });
        prop_assert!((found.trials - 1.0).abs() < 1e-12);
    }

    #[test]
    fn copies_of_all_cells_change_nothing(cells in 1_usize..30, seed: u64) {
        let one = noise(cells, 40, seed);
        let twice = Matrix { periods: 40, values: one.values.repeat(2) };
        let (one, twice) = (number(&one).trials, number(&twice).trials);
        prop_assert!((one - twice).abs() < 1e-11 * one);
        prop_assert!(one >= 1.0 - 1e-12 && one <= cells as f64 + 1e-9);
    }
}
