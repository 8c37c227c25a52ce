use proptest::prelude::*;

use super::{
    super::{
        draws::Draws,
        returns::Returns as _,
        testing::{self, agree, all_agree, expected, noise, returns},
    },
    *,
};

#[test]
fn intervals_are_those_of_arch() {
    let all = returns("edge_returns.csv", 250).block(0).unwrap();
    let cell = &all[5 * 250..6 * 250];
    let expected = expected("intervals_expected.csv");
    for (kind, file, length) in [("iid", "independent_draws.csv", 1.0), ("stationary", "draws.csv", 7.0)] {
        let found = intervals(cell, &testing::draws(file, 250, length), 0.9).unwrap();
        let check = |measure: &str, found: Interval| {
            agree(found.estimate, expected[measure][0], 1e-12);
            let bounds = |range: Range| [range.low, range.high];
            all_agree(&bounds(found.percentile), &expected[&format!("{measure}_{kind}_percentile")], 1e-11);
            if let Some(bca) = found.bca {
                all_agree(&bounds(bca), &expected[&format!("{measure}_{kind}_bca")], 1e-11);
            }
        };
        check("mean", found.mean);
        check("growth", found.growth);
        check("sharpe", found.sharpe.unwrap());
        check("max_drawdown", found.max_drawdown);
        let has_bca =
            [found.mean, found.growth, found.sharpe.unwrap(), found.max_drawdown].map(|found| found.bca.is_some());
        assert_eq!(has_bca, [true, true, true, false]);
    }
}

proptest! {
    #[test]
    fn a_measure_with_one_left_out_is_that_of_the_rest(values in prop::collection::vec(-1.2..0.5_f64, 16..40)) {
        let sample = Sample::new(values.clone());
        let (means, growths) = (sample.means_without_one(), sample.growths_without_one());
        let sharpes = sample.sharpes_without_one().unwrap();
        for left_out in 0..values.len() {
            let mut rest = values.clone();
            rest.remove(left_out);
            let rest = Sample::new(rest);
            let expected = rest.measure(0..values.len() - 1);
            agree(means[left_out] + 2.0, expected.mean + 2.0, 1e-12);
            agree(growths[left_out] + 2.0, expected.growth + 2.0, 1e-12);
            agree(sharpes[left_out] + 9.0, expected.sharpe.unwrap() + 9.0, 1e-9);
        }
    }

    #[test]
    fn wider_levels_hold_narrower_ones(seed: u64) {
        let cell = noise(1, 60, seed, |_| 0.001).block(0).unwrap();
        let draws = Draws::stationary(60, 200, 3.0, seed).unwrap();
        let [narrow, wide] = [0.5, 0.95].map(|level| intervals(&cell, &draws, level).unwrap().max_drawdown);
        prop_assert!(wide.percentile.low <= narrow.percentile.low && narrow.percentile.high <= wide.percentile.high);
        prop_assert!(wide.percentile.low >= -1.0 && wide.percentile.high <= 0.0);
    }
}

/// Of 300 samples with a true mean of 0.1 standard deviations, about nine in ten have it in their interval.
#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let holds = |range: Range| u32::from(range.low <= 0.001 && 0.001 <= range.high);
    let (mut percentile, mut bca) = (0, 0);
    for seed in 0..300 {
        let cell = noise(1, 100, seed, |_| 0.001).block(0).unwrap();
        let found = intervals(&cell, &Draws::stationary(100, 400, 1.0, seed).unwrap(), 0.9).unwrap();
        percentile += holds(found.mean.percentile);
        bca += holds(found.mean.bca.unwrap());
    }
    // Four standard errors; the draws of a bootstrap are a little too narrow.
    assert!((249..=290).contains(&percentile) && (249..=290).contains(&bca), "{percentile} {bca}");
}

#[test]
fn what_does_not_vary_has_no_sharpe_ratio() {
    let draws = Draws::stationary(50, 100, 2.0, 1).unwrap();
    let still = intervals(&[0.001_f32; 50], &draws, 0.9).unwrap();
    assert_eq!((still.sharpe, still.mean.bca.is_some(), still.max_drawdown.estimate), (None, false, 0.0));
    // One trade: some draws do not have it.
    let mut once = [0.0_f32; 50];
    once[20] = 0.1;
    let once = intervals(&once, &draws, 0.9).unwrap();
    assert!(once.sharpe.is_none() && once.mean.percentile.low == 0.0 && once.mean.percentile.high > 0.0);
}

#[test]
fn a_loss_of_everything_is_final() {
    let mut values = [0.01_f64; 50];
    values[9] = -1.5;
    let found = intervals(&values, &Draws::stationary(50, 10, 2.0, 1).unwrap(), 0.9).unwrap();
    assert_eq!((found.growth.estimate, found.max_drawdown.estimate), (-1.0, -1.0));
}

#[test]
fn wrong_input_is_named() {
    let draws = Draws::stationary(50, 10, 2.0, 1).unwrap();
    let error = |values: &[f64], level| intervals(values, &draws, level).unwrap_err().to_string();
    assert!(error(&[0.0; 50], 1.0).starts_with("the level is `1`"));
    assert!(error(&[0.0; 49], 0.9).starts_with("`draws` has 50 values where 49"));
    assert!(error(&[0.0; 5], 0.9).contains("at least `16` periods"));
    assert_eq!(error(&[f64::INFINITY; 50], 0.9), "value 0 of `returns` is `inf`; give finite values");
}
