use super::*;
use crate::trust::{
    reference::{close, matrix, noise, table},
    returns::Matrix,
    splits::Training,
};

const SPLITS: WalkForward =
    WalkForward { training: Training::Rolling, train: 60, test: 20, purge: 5, keep_short: true };

#[test]
fn winners_are_those_of_numpy_on_the_folds_of_skfolio() {
    let matrix = matrix();
    for (kind, training) in [(0.0, Training::Rolling), (1.0, Training::Anchored)] {
        let report = walk_forward(&matrix, &WalkForward { training, ..SPLITS }).unwrap();
        let expected: Vec<_> = table("walk_forward").into_iter().filter(|row| row[0] == kind).collect();
        assert_eq!(report.folds.len() + 1, expected.len());
        let mut returns = report.returns.iter();
        for (fold, expected) in report.folds.iter().zip(&expected) {
            assert_eq!(fold.winner, expected[1] as usize);
            close(fold.in_sample, expected[2], 1e-10);
            close(fold.out_of_sample, expected[3], 1e-10);
            close(fold.in_sample_mean, expected[4], 1e-10);
            close(fold.out_of_sample_mean, expected[5], 1e-10);
            close(fold.efficiency.unwrap(), expected[5] / expected[4], 1e-10);
            close(fold.rank, expected[6], 1e-14);
            let length = fold.periods.test[0].len();
            close(returns.by_ref().take(length).map(|value| f64::from(*value)).sum(), expected[7], 1e-10);
        }
        assert_eq!(returns.next(), None);
        close(report.efficiency.unwrap(), expected[expected.len() - 1][2], 1e-10);
        assert_eq!((report.cells, report.left_out), (12, 0));
    }
}

/// Cells of several blocks, none of which does anything but cell 1,500.
#[test]
fn the_winner_is_found_in_any_block() {
    let periods = 40;
    let mut values = vec![0.0; 2_000 * periods];
    values[1_500 * periods..][..periods].copy_from_slice(&noise(1, periods, 1).values);
    values[1_500 * periods..][..periods].iter_mut().for_each(|value| *value += 0.02);
    let splits = WalkForward { train: 10, test: 10, purge: 0, ..SPLITS };
    let report = walk_forward(&Matrix { periods, values: values.clone() }, &splits).unwrap();
    assert_eq!((report.cells, report.left_out), (1, 1_999));
    assert!(report.folds.iter().all(|fold| fold.winner == 1_500 && fold.rank == 0.5));
    assert_eq!(report.returns, values[1_500 * periods + 10..][..30]);
}

/// Each fold has its best cell in another block.
#[test]
fn the_best_of_all_blocks_wins_and_returns_stay_in_order() {
    let mut matrix = noise(3_000, 100, 2);
    let edges = [(2_900, 0..60), (1_030, 60..80), (3, 80..100)];
    for (cell, periods) in edges {
        matrix.values[cell * 100..][periods].iter_mut().for_each(|value| *value += 0.1);
    }
    let splits = WalkForward { train: 15, test: 20, purge: 0, ..SPLITS };
    let report = walk_forward(&matrix, &splits).unwrap();
    let winners: Vec<usize> = report.folds.iter().map(|fold| fold.winner).collect();
    assert_eq!(winners, [2_900, 2_900, 2_900, 1_030, 3]);
    let cell = |cell: usize, periods: std::ops::Range<usize>| matrix.values[cell * 100..][periods].to_vec();
    assert_eq!(report.returns, [cell(2_900, 15..75), cell(1_030, 75..95), cell(3, 95..100)].concat());
}

#[test]
fn of_equal_cells_the_lowest_wins_and_they_share_ranks() {
    let one = noise(1, 100, 7).values;
    let report = walk_forward(&Matrix { periods: 100, values: one.repeat(1_100) }, &SPLITS).unwrap();
    assert!(report.folds.iter().all(|fold| fold.winner == 0 && fold.rank == 0.5));
}

/// Both cells lose in training, apart from the one that holds no position there.
#[test]
fn no_position_is_better_than_a_loss_and_promises_nothing() {
    let lose: Vec<f32> = noise(1, 85, 7).values.iter().map(|value| value - 0.01).collect();
    let mut wait = vec![0.0; 85];
    wait[70] = 0.01;
    let report = walk_forward(&Matrix { periods: 85, values: [lose, wait].concat() }, &SPLITS).unwrap();
    let fold = &report.folds[0];
    assert_eq!((fold.winner, fold.in_sample, fold.efficiency, report.efficiency), (1, 0.0, None, None));
}

#[test]
fn nothing_that_varies_is_an_error() {
    let error = walk_forward(&Matrix { periods: 100, values: vec![0.0; 300] }, &SPLITS).unwrap_err();
    assert_eq!(error.to_string(), "the returns of none of the `3` cells vary; check that the strategy trades");
    let none = walk_forward(&Matrix { periods: 100, values: Vec::new() }, &SPLITS).unwrap_err();
    assert_eq!(none.to_string(), "the returns of none of the `0` cells vary; check that the strategy trades");
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let matrix = noise(3_000, 100, 3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| walk_forward(&matrix, &SPLITS).unwrap())
    };
    assert_eq!(run(1), run(3));
}
