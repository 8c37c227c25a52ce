//! Stability of the trend: how straight equity grows on a logarithmic scale.

use super::{Metrics, ratio, returns::NOISE, sums};
use crate::broker::Ledger;

impl Metrics {
    /// R^2 of a straight line through the logarithm of equity; undefined without a change or where nothing was left.
    /// `logs` is scratch memory.
    pub(super) fn trend(&mut self, ledger: &Ledger, logs: &mut Vec<f64>) {
        if !logarithms(ledger, logs) {
            return;
        }
        let count = logs.len() as f64;
        let mean = sums::sum(logs, |y| y) / count;
        let variation = sums::sum(logs, |y| (y - mean) * (y - mean));
        let middle = (count - 1.0) / 2.0;
        for (x, y) in (0u32..).zip(logs.iter_mut()) {
            *y = (f64::from(x) - middle) * (*y - mean);
        }
        let covariation = sums::sum(logs, |product| product);
        let spread = count * (count * count - 1.0) / 12.0;
        let fit = ratio(covariation * covariation, spread * variation);
        self.stability = fit.filter(|_| (variation / count).sqrt() > NOISE);
    }
}

/// Writes the logarithms of equity over initial cash to `logs`, one for each bar; says whether all are numbers. Where
/// equity stands still, so does its logarithm, at no cost.
fn logarithms(ledger: &Ledger, logs: &mut Vec<f64>) -> bool {
    let scale = 1.0 / ledger.initial_cash;
    let mut are_numbers = true;
    logs.clear();
    logs.reserve(ledger.curve().len());
    for span in ledger.curve().spans() {
        let is_number = |share: f64| (f64::MIN_POSITIVE..=f64::MAX).contains(&share);
        are_numbers &= is_number(span.first() * scale);
        are_numbers &= span.prices.iter().fold(true, |all, &price| all & is_number(span.equity(price) * scale));
        logs.extend(span.prices.iter().map(|&price| logarithm(span.equity(price) * scale)));
        if span.prices.is_empty() {
            logs.resize(span.end, logarithm(span.cash * scale));
        }
    }
    are_numbers
}

/// The natural logarithm of a positive normal number, within 1e-15 of it or of 1, whichever is more.
///
/// It is fdlibm's: the number is `2^k (1 + f)` with `1 + f` between the roots of 1/2 and 2, and `log(1 + f)` a polynomial
/// in `f / (2 + f)`. Written without a branch, several are computed side by side.
#[inline(always)]
fn logarithm(x: f64) -> f64 {
    const ROOT_OF_HALF: u64 = 0x3fe6_a09e << 32;
    const ONE: u64 = 0x3ff0_0000 << 32;
    /// 2^52: the bits of a number below it, under the exponent of this one, are that number more.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let bits = x.to_bits() + (ONE - ROOT_OF_HALF);
    let k = f64::from_bits(bits >> 52 | WHOLE.to_bits()) - (WHOLE + 1023.0);
    let f = f64::from_bits((bits & (u64::MAX >> 12)) + ROOT_OF_HALF) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (0.399_999_999_994_094_2 + w * (0.222_221_984_321_497_84 + w * 0.153_138_376_992_093_73));
    let odd = 0.285_714_287_436_623_9 + w * (0.181_835_721_616_180_5 + w * 0.147_981_986_051_165_86);
    let odd = z * (0.666_666_666_666_673_5 + w * odd);
    let half_square = 0.5 * f * f;
    s * (half_square + (odd + even)) + k * LN2_LOW - half_square + f + k * LN2_HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_logarithm_is_right_to_the_last_digits(exponent in -1022..1023i32, part in 1.0..2.0f64, near in 0.9..1.1f64) {
            for x in [part * 2f64.powi(exponent), near, 1.0, f64::MIN_POSITIVE, f64::MAX] {
                let (ours, theirs) = (logarithm(x), libm::log(x));
                prop_assert!((ours - theirs).abs() <= 1e-15 * theirs.abs().max(1.0), "log {x:e}: {ours} and {theirs}");
            }
        }
    }
}
