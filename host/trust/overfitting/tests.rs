use proptest::prelude::*;

use super::*;
use crate::trust::{
    reference::{close, matrix, noise, table},
    returns::Matrix,
    splits::combinations,
};

/// The cells of the reference matrix that are not in `without`.
fn cells(without: &[usize]) -> Matrix {
    let Matrix { periods, values } = matrix();
    let kept = values.chunks(periods).enumerate().filter(|(cell, _)| !without.contains(cell));
    Matrix { periods, values: kept.flat_map(|(_, values)| values).copied().collect() }
}

#[test]
fn probabilities_are_those_of_numpy_and_of_ffn() {
    for row in table("overfitting") {
        let without: &[usize] = match row[1] as usize {
            10 => &[3, 7],
            11 => &[11],
            _ => &[],
        };
        let found = overfitting(&cells(without), &Cscv { blocks: row[0] as usize, purge: 0 }).unwrap();
        assert_eq!(found.cells, row[1] as usize);
        close(found.probability, row[2], 1e-14);
        close(found.splits.iter().map(|split| split.rank).sum::<f64>() / found.splits.len() as f64, row[6], 1e-12);
        if row[3] >= 0.0 {
            close(found.loss, row[3], 1e-14);
            close(found.slope.unwrap(), row[4], 1e-10);
            close(found.r_squared.unwrap(), row[5], 1e-10);
        }
    }
}

#[test]
fn splits_are_those_of_numpy_and_logits_those_of_ffn() {
    let expected = table("logits");
    let (numpy, ffn) = expected.split_at(70);
    let cscv = Cscv { blocks: 8, purge: 0 };
    for (split, row) in overfitting(&matrix(), &cscv).unwrap().splits.iter().zip(numpy) {
        close(split.in_sample, row[0], 1e-11);
        close(split.out_of_sample, row[1], 1e-10);
        close(split.logit, row[2], 1e-12);
    }
    let found = overfitting(&cells(&[3, 7]), &cscv).unwrap();
    assert_eq!(found.splits.len(), ffn.len());
    for (split, row) in found.splits.iter().zip(ffn) {
        close(split.logit, row[2], 1e-12);
    }
}

/// The periods of each block, written down plainly.
fn block_periods(periods: usize, blocks: usize) -> Vec<Vec<usize>> {
    let mut next = 0..;
    (0..blocks)
        .map(|block| next.by_ref().take(periods / blocks + usize::from(block < periods % blocks)).collect())
        .collect()
}

/// The performance of each cell on some blocks, without the periods near blocks that are not among them.
fn plain_performance(matrix: &Matrix, cscv: &Cscv, set: &[usize]) -> Vec<f64> {
    let all = block_periods(matrix.periods, cscv.blocks);
    let in_set = |period: usize| set.iter().any(|block| all[*block].contains(&period));
    let purged = |period: &usize| {
        let near = period.saturating_sub(cscv.purge)..=(period + cscv.purge).min(matrix.periods - 1);
        near.into_iter().any(|other| !in_set(other))
    };
    let chosen: Vec<usize> =
        set.iter().flat_map(|block| &all[*block]).copied().filter(|period| !purged(period)).collect();
    let n = chosen.len() as f64;
    let performance = |cell: &[f32]| {
        let values: Vec<f64> = chosen.iter().map(|period| f64::from(cell[*period])).collect();
        let mean = values.iter().sum::<f64>() / n;
        let deviations: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        if deviations > 1e-18 { mean / (deviations / (n - 1.0)).sqrt() } else { 0.0 }
    };
    matrix.values.chunks(matrix.periods).map(performance).collect()
}

/// Compares with the definition, word for word.
fn check(matrix: &Matrix, cscv: &Cscv) {
    let found = overfitting(matrix, cscv).unwrap();
    let all = combinations(cscv.blocks, cscv.blocks / 2);
    assert_eq!(found.splits.len(), all.len());
    for (split, set) in found.splits.iter().zip(all) {
        let others: Vec<usize> = (0..cscv.blocks).filter(|block| !set.contains(block)).collect();
        let (one, two) = (plain_performance(matrix, cscv, &set), plain_performance(matrix, cscv, &others));
        let winner = (0..one.len()).fold(0, |best, cell| if one[cell] > one[best] + 1e-12 { cell } else { best });
        assert_eq!(split.winner, winner);
        assert!((split.in_sample - one[winner]).abs() < 1e-10);
        assert!((split.out_of_sample - two[winner]).abs() < 1e-10);
        let below = two.iter().filter(|value| **value < two[winner] - 1e-12).count() as f64;
        let equal = two.iter().filter(|value| (**value - two[winner]).abs() <= 1e-12).count() as f64;
        let rank = (below + (equal + 1.0) / 2.0) / (one.len() as f64 + 1.0);
        assert!((split.rank - rank).abs() < 1e-12, "{} instead of {rank}", split.rank);
        assert!((split.logit - (rank / (1.0 - rank)).ln()).abs() < 1e-11);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn splits_are_those_of_the_definition(
        cells in 1_usize..9, half in 1_usize..4, purge in 0_usize..3, extra in 0_usize..30, seed: u64, pause in 0.0_f64..1.0,
    ) {
        let cscv = Cscv { blocks: 2 * half, purge };
        let periods = (2 * purge + 2) * cscv.blocks + extra;
        let mut matrix = noise(cells, periods, seed);
        // One cell pauses for a while, and one is there twice.
        let resumes = (pause * (periods - 2) as f64) as usize;
        matrix.values[..resumes].fill(0.0);
        let copy = matrix.values[..periods].to_vec();
        matrix.values.extend(copy);
        check(&matrix, &cscv);
    }

    #[test]
    fn the_order_of_cells_does_not_matter(seed: u64, by in 1_usize..60) {
        let matrix = noise(60, 64, seed);
        let cscv = Cscv { blocks: 6, purge: 1 };
        let mut turned = matrix.clone();
        turned.values.rotate_left(by * 64);
        let (one, mut other) = (overfitting(&matrix, &cscv).unwrap(), overfitting(&turned, &cscv).unwrap());
        other.splits.iter_mut().for_each(|split| split.winner = (split.winner + by) % 60);
        prop_assert_eq!(one, other);
    }
}

#[test]
fn cells_of_many_blocks_count_as_those_of_one() {
    check(&noise(1_100, 24, 11), &Cscv { blocks: 4, purge: 0 });
}

/// More copies than a thread works on at once.
#[test]
fn of_equal_cells_the_lowest_wins_and_they_share_ranks() {
    let values = noise(1, 40, 11).values.repeat(700);
    let found = overfitting(&Matrix { periods: 40, values }, &Cscv { blocks: 4, purge: 1 }).unwrap();
    assert!(found.splits.iter().all(|split| split.winner == 0 && split.rank == 0.5 && split.logit == 0.0));
    assert_eq!(found.probability, 1.0);
}

#[test]
fn cells_that_never_vary_are_left_out() {
    let cscv = Cscv { blocks: 8, purge: 0 };
    let with = matrix();
    let mut values = with.values.clone();
    values.extend([0.0; 256]);
    let mut broken = vec![0.01; 256];
    broken[9] = f32::NAN;
    values.extend(broken);
    let found = overfitting(&Matrix { periods: 256, values }, &cscv).unwrap();
    assert_eq!(found.left_out, 2);
    let plain = overfitting(&with, &cscv).unwrap();
    assert_eq!(Overfitting { left_out: 0, ..found }, plain);
}

/// An edge that lasts makes the choice tell something; noise does not, on average.
#[test]
fn an_edge_is_told_from_noise() {
    let seeds = 20;
    let (mut of_noise, mut of_edge) = (0.0, 0.0);
    for seed in 0..seeds {
        let mut matrix = noise(50, 400, seed);
        let cscv = Cscv { blocks: 10, purge: 0 };
        of_noise += overfitting(&matrix, &cscv).unwrap().probability / seeds as f64;
        matrix.values[..400].iter_mut().for_each(|value| *value += 0.004);
        of_edge += overfitting(&matrix, &cscv).unwrap().probability / seeds as f64;
    }
    assert!((of_noise - 0.5).abs() < 0.15, "{of_noise}");
    assert!(of_edge < 0.02, "{of_edge}");
}

#[test]
fn settings_out_of_range_are_errors() {
    let matrix = matrix();
    for blocks in [0, 1, 7, 22, usize::MAX] {
        let error = overfitting(&matrix, &Cscv { blocks, purge: 0 }).unwrap_err().to_string();
        assert_eq!(error, format!("the number of blocks is `{blocks}`; give an even number from 2 to 20"));
    }
    let error = overfitting(&matrix, &Cscv { blocks: 16, purge: 8 }).unwrap_err().to_string();
    let text = "backtest overfitting needs at least `288` periods, the returns have `256`; \
                give a longer range of bars or fewer blocks or a smaller purge";
    assert_eq!(error, text);
    assert!(overfitting(&Matrix { periods: 64, values: vec![0.0; 640] }, &Cscv::default()).is_err());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let matrix = noise(3_000, 64, 3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| overfitting(&matrix, &Cscv { blocks: 10, purge: 0 }).unwrap())
    };
    assert_eq!(run(1), run(3));
}
