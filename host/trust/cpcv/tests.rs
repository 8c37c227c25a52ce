use super::*;
use crate::trust::{
    reference::{close, matrix, noise, table},
    returns::Matrix,
};

const SPLITS: CombinatorialPurged = CombinatorialPurged { groups: 6, test_groups: 2, purge: 5, embargo: 3 };

#[test]
fn winners_and_paths_are_those_of_numpy_on_the_splits_of_skfolio() {
    let report = cpcv(&matrix(), &SPLITS).unwrap();
    let expected = table("cpcv_splits");
    assert_eq!(report.splits.len(), expected.len());
    for (split, expected) in report.splits.iter().zip(expected) {
        assert_eq!(split.winner, expected[0] as usize);
        close(split.in_sample, expected[1], 1e-10);
        close(split.out_of_sample, expected[2], 1e-10);
    }
    let expected = table("cpcv_paths");
    assert_eq!(report.paths.len(), expected.len());
    for (path, expected) in report.paths.iter().zip(expected) {
        close(*path, expected[0], 1e-10);
    }
}

/// One cell wins every split, so that every path is this cell's whole history.
#[test]
fn the_paths_of_a_single_cell_are_its_sharpe_ratio() {
    let one = noise(1, 120, 5).values;
    let mut values = vec![0.0; 1_100 * 120];
    values[1_050 * 120..][..120].copy_from_slice(&one);
    let report = cpcv(&Matrix { periods: 120, values }, &SPLITS).unwrap();
    assert_eq!(report.paths.len(), 5);
    let whole = Sums::of(&one).performance();
    report.paths.iter().for_each(|path| close(*path, whole, 1e-12));
    assert!(report.splits.iter().all(|split| split.winner == 1_050));
    assert_eq!((report.cells, report.left_out), (1, 1_099));
}

#[test]
fn a_purge_that_leaves_nothing_to_train_on_is_an_error() {
    let splits = CombinatorialPurged { groups: 5, test_groups: 3, purge: 10, embargo: 3 };
    let error = cpcv(&noise(2, 75, 1), &splits).unwrap_err().to_string();
    let text = "cross-validation needs at least `125` periods, the returns have `75`; \
                give a longer range of bars or fewer groups, a smaller purge or a smaller embargo";
    assert_eq!(error, text);
    assert!(cpcv(&noise(2, 125, 1), &splits).is_ok());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let matrix = noise(3_000, 90, 3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| cpcv(&matrix, &SPLITS).unwrap())
    };
    assert_eq!(run(1), run(3));
}
