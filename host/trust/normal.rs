//! The standard normal distribution: probabilities and quantiles.

#![expect(clippy::excessive_precision, reason = "coefficients have the digits that they were published with")]

use std::f64::consts::FRAC_1_SQRT_2;

use crate::model::stream::Stream;

/// Returns the probability Φ(x) that a standard normal variable is at most `x`.
///
/// Relative error below 1e-13 wherever the result is a normal number, the lower tail included.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Returns the quantile Φ⁻¹(p) of the standard normal distribution; `None` where `p` does not lie between 0 and 1.
///
/// Relative error below 1e-15 in exact arithmetic (Wichura 1988, Algorithm AS 241, PPND16, Applied Statistics 37, 477-484).
#[must_use]
pub fn normal_quantile(p: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    let from_middle = p - 0.5;
    if from_middle.abs() <= 0.425 {
        let r = 0.180_625 - from_middle * from_middle;
        return Some(from_middle * ratio(&CENTRE, r));
    }
    let tail = if from_middle < 0.0 { p } else { 1.0 - p };
    let r = (-libm::log(tail)).sqrt();
    let size = if r <= 5.0 { ratio(&NEAR, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    Some(if from_middle < 0.0 { -size } else { size })
}

/// The coefficients of the numerator and of the denominator, the constant first.
type Rational = [[f64; 8]; 2];

fn ratio([above, below]: &Rational, r: f64) -> f64 {
    let value = |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, each| sum * r + each);
    value(above) / value(below)
}

/// For |p - 1/2| <= 0.425.
const CENTRE: Rational = [
    [
        3.387_132_872_796_366_608,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561e3,
    ],
];

/// For tails down to e^-25.
const NEAR: Rational = [
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_9,
        5.769_497_221_460_691_405_5,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_7e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_4e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_4,
        6.897_673_349_851_000_045_5e-1,
        1.481_039_764_274_800_745_9e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
];

/// For tails below e^-25.
const FAR: Rational = [
    [
        6.657_904_643_501_103_777_2,
        5.463_784_911_164_114_369_9,
        1.784_826_539_917_291_335_8,
        2.965_605_718_285_048_912_3e-1,
        2.653_218_952_657_612_309_3e-2,
        1.242_660_947_388_078_438_6e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_9e-1,
        1.369_298_809_227_358_053_1e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591e-4,
        1.846_318_317_510_054_681_8e-5,
        1.421_511_758_316_445_888_7e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
];

/// A number from the standard normal distribution, by its quantile function.
pub(crate) fn normal(stream: &mut Stream) -> f64 {
    loop {
        // The highest unit, 1, has no quantile.
        if let Some(value) = normal_quantile(stream.unit()) {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trust::reference::{close, table};

    #[test]
    fn probabilities_are_those_of_mpmath() {
        for row in table("normal_cdf") {
            close(normal_cdf(row[0]), row[1], 1e-13);
        }
    }

    #[test]
    fn quantiles_are_those_of_mpmath() {
        for row in table("normal_quantile") {
            close(normal_quantile(row[0]).unwrap(), row[1], 4e-15);
        }
    }

    #[test]
    fn what_is_no_probability_has_no_quantile() {
        for p in [0.0, 1.0, -0.1, 1.1, f64::NAN] {
            assert_eq!(normal_quantile(p), None);
        }
        assert_eq!(normal_quantile(0.5), Some(0.0));
    }

    proptest! {
        #[test]
        fn a_quantile_has_the_probability_that_it_is_of(p in 1e-300_f64..1.0) {
            let back = normal_cdf(normal_quantile(p).unwrap());
            prop_assert!((back - p).abs() <= 1e-12 * p, "{back} for {p}");
        }
    }

    #[test]
    fn normal_numbers_have_the_moments_of_a_normal_distribution() {
        let mut stream = Stream::of(1, 1);
        let values: Vec<f64> = (0..100_000).map(|_| normal(&mut stream)).collect();
        let moment = |power| values.iter().map(|value| value.powi(power)).sum::<f64>() / 100_000.0;
        let expected = [(1, 0.0, 1.0_f64), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)];
        for (power, mean, variance) in expected {
            // Five standard errors.
            let most = 5.0 * (variance / 100_000.0).sqrt();
            assert!((moment(power) - mean).abs() < most, "moment {power}: {}", moment(power));
        }
    }
}
