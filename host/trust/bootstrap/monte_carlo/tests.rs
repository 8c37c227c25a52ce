use super::{super::testing::agree, *};

const LEVELS: [f64; 5] = [0.0, 0.05, 0.5, 0.95, 1.0];

/// All orders of four trades, against the shuffles of a seed.
#[test]
fn shuffles_reach_every_order() {
    let profits = [0.1, -0.2, 0.05, -0.1];
    let mut falls = Vec::new();
    for order in 0..256_usize {
        let order: Vec<usize> = (0..4).map(|digit| order >> (2 * digit) & 3).collect();
        if (0..4).all(|trade| order.contains(&trade)) {
            falls.push(order.iter().map(|&trade| profits[trade]).collect::<Path>().max_drawdown());
        }
    }
    falls.sort_by(f64::total_cmp);
    let found = monte_carlo(&profits, 20_000, 3, &LEVELS).unwrap();
    agree(found.final_equity, 1.1 * 0.8 * 1.05 * 0.9, 1e-12);
    agree(found.shuffled_drawdown[0], falls[0], 1e-12);
    agree(found.shuffled_drawdown[4], falls[23], 1e-12);
    let rank = falls.iter().filter(|fall| **fall >= found.max_drawdown - 1e-12).count() as f64 / 24.0;
    // Five standard errors.
    assert!((found.shuffled_rank - rank).abs() < 5.0 * (0.25_f64 / 20_000.0).sqrt(), "{} {rank}", found.shuffled_rank);
}

#[test]
fn resamples_have_the_mean_of_the_trades() {
    // Two trades: the end is 1.21, 0.99 (twice as often) or 0.81.
    let found = monte_carlo(&[0.1, -0.1], 40_000, 1, &LEVELS).unwrap();
    let ends = &found.resampled.final_equity;
    [(ends[0], 0.81), (ends[2], 0.99), (ends[4], 1.21)].into_iter().for_each(|(found, end)| agree(found, end, 1e-12));
    assert!((found.resampled.loss - 0.75).abs() < 5.0 * (0.1875_f64 / 40_000.0).sqrt(), "{}", found.resampled.loss);
    agree(found.resampled.max_drawdown[0], -0.19, 1e-12);
    assert_eq!(found.resampled.max_drawdown[4], 0.0);
}

#[test]
fn a_seed_fixes_everything_and_another_changes_it() {
    let profits: Vec<f64> = (0..50).map(|trade| f64::from(trade % 7) * 0.01 - 0.025).collect();
    let on = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| monte_carlo(&profits, 500, seed, &LEVELS).unwrap())
    };
    assert_eq!(on(1, 4), on(3, 4));
    assert_ne!(on(1, 4), on(1, 5));
}

#[test]
fn wrong_input_is_named() {
    let error =
        |profits: &[f64], count, levels: &[f64]| monte_carlo(profits, count, 0, levels).unwrap_err().to_string();
    assert!(error(&[], 5, &[0.5]).contains("no trades"));
    assert!(error(&[0.1], 0, &[0.5]).contains("no draws"));
    assert_eq!(error(&[0.1], 5, &[1.5]), "a level is `1.5`; give a number from 0 to 1");
    assert!(error(&[0.1, f64::NAN], 5, &[]).starts_with("value 1 of `profits` is `NaN`"));
}
