use proptest::prelude::*;

use super::*;
use crate::trust::{
    reference::{close, matrix, table},
    returns::Matrix,
};

#[test]
fn moments_are_those_of_scipy() {
    let found = moments(&matrix()).unwrap();
    let expected = table("moments");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let found = found.unwrap();
        assert_eq!(found.periods, 256);
        let values = [found.mean, found.deviation, found.skewness, found.kurtosis];
        for (value, expected) in values.iter().zip(expected) {
            close(*value, expected, 1e-11);
        }
    }
}

#[test]
fn probabilities_and_track_records_are_those_of_the_formulas_in_scipy() {
    for (moments, expected) in moments(&matrix()).unwrap().iter().zip(table("sharpe")) {
        let over = moments.unwrap().over(0.0001);
        close(over.sharpe(), expected[0], 1e-11);
        close(over.probabilistic_sharpe(0.02).unwrap(), expected[1], 1e-10);
        match over.minimum_track_record(0.02, 0.95) {
            Some(periods) => close(periods, expected[2], 1e-10),
            None => assert_eq!(expected[2], -1.0),
        }
    }
}

/// ffn takes the bias-corrected skewness and kurtosis of pandas.
#[test]
fn the_deflated_sharpe_ratio_is_that_of_ffn_by_its_moments() {
    let over: Vec<Moments> = moments(&matrix()).unwrap().into_iter().map(|each| each.unwrap().over(0.0001)).collect();
    let ratios: Vec<f64> = over.iter().map(Moments::sharpe).collect();
    let variance = sharpe_variance(&ratios).unwrap();
    for (moments, expected) in over.iter().zip(table("sharpe")) {
        close(expected_maximum_sharpe(12.0, variance), expected[6], 1e-12);
        let by_ffn = Moments { skewness: expected[3], kurtosis: expected[4], ..*moments };
        close(by_ffn.deflated_sharpe(12.0, variance).unwrap(), expected[5], 1e-10);
    }
}

#[test]
fn a_cell_that_does_not_vary_or_is_not_finite_has_no_moments() {
    let values =
        [[0.0; 4], [0.1; 4], [0.0, 1.0, f32::NAN, 2.0], [0.0, 1.0, f32::INFINITY, 2.0], [0.0, 0.0, 0.0, 0.1]].concat();
    let found = moments(&Matrix { periods: 4, values }).unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, false, false, true]);
}

#[test]
fn one_period_has_no_sharpe_ratio() {
    let error = moments(&Matrix { periods: 1, values: vec![0.1] }).unwrap_err();
    let text = "a Sharpe ratio needs at least `2` periods, the returns have `1`; give a longer range of bars or shorter periods";
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_is_undefined_is_none() {
    let normal = Moments { periods: 100, mean: 0.1, deviation: 1.0, skewness: 0.0, kurtosis: 3.0 };
    for confidence in [0.0, 0.5, 1.0, f64::NAN] {
        assert_eq!(normal.minimum_track_record(0.0, confidence), None);
    }
    assert_eq!(normal.minimum_track_record(0.1, 0.95), None);
    let two_values = Moments { mean: 1.0, skewness: 2.0, kurtosis: 5.0, ..normal };
    assert_eq!(two_values.probabilistic_sharpe(0.0), None);
    assert_eq!(sharpe_variance(&[0.1]), None);
    assert_eq!(expected_maximum_sharpe(1.0, 0.1), 0.0);
    assert_eq!(expected_maximum_sharpe(f64::NAN, 0.1), 0.0);
}

/// Bailey, Borwein, López de Prado and Zhu 2014, Notices of the AMS 61(5): the best of 10 is expected at 1.57.
#[test]
fn the_best_of_ten_is_expected_where_the_paper_has_it() {
    close(expected_maximum_sharpe(10.0, 1.0), 1.57, 4e-3);
}

/// With normal returns the variance of the estimate is 1 + SR²/2, which excess kurtosis would turn into 1 - SR²/4.
#[test]
fn kurtosis_is_raw() {
    let normal = Moments { periods: 101, mean: 0.5, deviation: 1.0, skewness: 0.0, kurtosis: 3.0 };
    close(normal.probabilistic_sharpe(0.3).unwrap(), normal_cdf(0.2 * 10.0 / 1.125_f64.sqrt()), 1e-15);
}

proptest! {
    #[test]
    fn a_track_record_of_the_minimum_length_is_just_sure_enough(
        mean in 0.02_f64..0.3, skewness in -1.0_f64..1.0, kurtosis in 2.5_f64..9.0, confidence in 0.6_f64..0.999,
    ) {
        let moments = Moments { periods: 0, mean, deviation: 1.0, skewness, kurtosis };
        let needed = moments.minimum_track_record(0.01, confidence).unwrap();
        let at = |periods: f64| Moments { periods: periods as usize, ..moments }.probabilistic_sharpe(0.01).unwrap();
        prop_assert!(at(needed.ceil()) >= confidence - 1e-12);
        prop_assert!(at(needed.floor()) <= confidence + 1e-12);
    }

    #[test]
    fn more_trials_deflate_more(trials in 1.0_f64..1e6, more in 1.0_f64..1e3) {
        let moments = Moments { periods: 500, mean: 0.1, deviation: 1.0, skewness: -0.2, kurtosis: 4.0 };
        let (few, many) = (moments.deflated_sharpe(trials, 0.002), moments.deflated_sharpe(trials * more, 0.002));
        prop_assert!(many <= few);
    }

    #[test]
    fn scale_and_sign_change_moments_as_they_must(values in proptest::collection::vec(-0.1_f32..0.1, 3..60)) {
        let scaled: Vec<f32> = values.iter().map(|value| value * -4.0).collect();
        let of = |values: &[f32]| moments(&Matrix { periods: values.len(), values: values.to_vec() }).unwrap()[0];
        if let (Some(one), Some(other)) = (of(&values), of(&scaled)) {
            prop_assert_eq!(other.mean, one.mean * -4.0);
            prop_assert_eq!(other.deviation, one.deviation * 4.0);
            prop_assert_eq!(other.skewness, -one.skewness);
            prop_assert_eq!(other.kurtosis, one.kurtosis);
            prop_assert_eq!(other.sharpe(), -one.sharpe());
        }
    }
}
