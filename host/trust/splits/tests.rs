use proptest::prelude::*;

use super::*;
use crate::trust::reference::lines;

/// Ranges as the file has them: `0-60 65-80`.
fn text(ranges: &[Range<usize>], between: &str) -> String {
    ranges.iter().map(|range| format!("{}-{}", range.start, range.end)).collect::<Vec<_>>().join(between)
}

fn expected() -> Vec<(&'static str, Vec<usize>, &'static str, &'static str)> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0], cells[1..7].iter().map(|number| number.parse().unwrap()).collect(), cells[7], cells[8])
    };
    lines("splits").map(row).collect()
}

/// Compares the folds of each setting with those that the file has for it.
fn check(kind: &str, folds: impl Fn(&[usize]) -> Vec<Fold>, between: &str) {
    let expected: Vec<_> = expected().into_iter().filter(|row| row.0 == kind).collect();
    let groups: Vec<_> = expected.chunk_by(|one, next| one.1 == next.1).collect();
    assert!(groups.len() > 5);
    for rows in groups {
        let found: Vec<_> =
            folds(&rows[0].1).iter().map(|fold| (text(&fold.train, " "), text(&fold.test, between))).collect();
        let rows: Vec<_> = rows.iter().map(|row| (row.2.to_string(), row.3.to_string())).collect();
        assert_eq!(found, rows);
    }
}

#[test]
fn walk_forward_splits_are_those_of_skfolio() {
    let folds = |setting: &[usize]| {
        let [periods, train, test, purge, anchored, short] = setting else { panic!("six numbers") };
        let training = if *anchored == 1 { Training::Anchored } else { Training::Rolling };
        let splits = WalkForward { training, train: *train, test: *test, purge: *purge, keep_short: *short == 1 };
        splits.folds(*periods).unwrap()
    };
    check("w", folds, " ");
}

#[test]
fn combinatorial_splits_are_those_of_skfolio() {
    let folds = |setting: &[usize]| {
        let [periods, groups, test_groups, purge, embargo, paths] = *setting else { panic!("six numbers") };
        let splits = CombinatorialPurged { groups, test_groups, purge, embargo };
        assert_eq!(splits.paths(), paths);
        splits.folds(periods).unwrap()
    };
    check("c", folds, "/");
}

#[test]
fn errors_say_what_to_give() {
    let walk = WalkForward { training: Training::Rolling, train: 60, test: 20, purge: 5, keep_short: false };
    let error = walk.folds(84).unwrap_err().to_string();
    let text = "walk-forward needs at least `85` periods, the returns have `84`; \
                give a longer range of bars or shorter training and test parts";
    assert_eq!(error, text);
    assert_eq!(walk.folds(85).unwrap().len(), 1);
    assert!(WalkForward { test: 0, ..walk }.folds(100).is_err());
    assert!(WalkForward { train: usize::MAX, purge: usize::MAX, ..walk }.folds(100).is_err());
    let splits = CombinatorialPurged { groups: 6, test_groups: 6, purge: 0, embargo: 0 };
    let error = splits.folds(100).unwrap_err().to_string();
    assert_eq!(error, "the number of test groups is `6`; give at least 1 and fewer than there are groups");
    for (groups, test_groups, purge) in [(0, 0, 0), (1, 1, 0), (6, 0, 0), (60, 30, 0), (4, 2, 25), (4, 2, usize::MAX)] {
        let splits = CombinatorialPurged { groups, test_groups, purge, embargo: 1 };
        assert!(splits.folds(100).is_err(), "{splits:?}");
    }
}

proptest! {
    #[test]
    fn combinations_are_all_there_in_order(n in 0_usize..9, share in 0.0_f64..=1.0) {
        let k = (share * n as f64) as usize;
        let all = combinations(n, k);
        prop_assert_eq!(all.len(), binomial(n, k));
        prop_assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(all.iter().all(|choice| choice.len() == k && choice.windows(2).all(|pair| pair[0] < pair[1])));
        prop_assert!(all.iter().flatten().all(|number| *number < n));
    }

    #[test]
    fn purge_and_embargo_keep_training_away_from_tests(
        groups in 2_usize..7, choice in 0.0_f64..1.0, purge in 0_usize..6, embargo in 0_usize..6, extra in 0_usize..40,
    ) {
        let test_groups = 1 + (choice * (groups - 1) as f64) as usize;
        let splits = CombinatorialPurged { groups, test_groups, purge, embargo };
        let periods = (purge + embargo + 1) * groups + extra;
        for fold in splits.folds(periods).unwrap() {
            let trained: Vec<usize> = fold.train.iter().cloned().flatten().collect();
            for test in &fold.test {
                let forbidden = test.start.saturating_sub(purge)..test.end + purge + embargo;
                prop_assert!(trained.iter().all(|period| !forbidden.contains(period)));
            }
            // What is neither tested nor near a test is trained on.
            let near = |period: &usize| fold.test.iter().any(|test| {
                (test.start.saturating_sub(purge)..test.end + purge + embargo).contains(period)
            });
            prop_assert_eq!(trained, (0..periods).filter(|period| !near(period)).collect::<Vec<_>>());
        }
    }
}
