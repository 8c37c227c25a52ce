//! Amounts: sums of quantities that come back to exactly zero when what was added is taken away, and products of decimals.
//!
//! Never knows an instrument.

use super::grid::{MOST_ZEROS, Multiples, decimal_digits};

/// What a quantity, the sum of two and the rounding of both may be off by at most, as a share of all of them.
const ROUNDED: f64 = f64::EPSILON;

/// The largest whole number of digits that a double tells from the next.
const MOST_DIGITS: f64 = 1e15;

/// Splits the digits of a double into two halves.
const HALF: u64 = 1_000_000_000;

/// Splits a double into halves of its bits.
const HALVES: f64 = 134_217_729.0;

/// An amount of units or of money: a double, and what rounding has left out of it.
///
/// In whole lots it is counted in lots, and the rest is 0. Else it is a sum in twice the precision of a double. Then ten
/// quantities of 2.7 are 27, as they are on paper.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Amount {
    /// The double nearest to it.
    pub(super) units: f64,
    rest: f64,
}

impl Amount {
    pub(super) fn of(units: f64) -> Self {
        Self { units, rest: 0.0 }
    }

    /// The decimal that is the shortest text of `number`, which a double hardly ever is.
    pub(super) fn decimal(number: f64) -> Self {
        if !number.is_finite() {
            return Self::of(number);
        }
        // Most numbers have few decimals: whole numbers of small parts.
        for power in [1e4, 1e8] {
            let digits = (number * power).round();
            if digits.abs() <= MOST_DIGITS && digits / power == number {
                return Self::of(digits).ratio(Self::of(power));
            }
        }
        Self::written(number).unwrap_or(Self::of(number))
    }

    /// The same by way of the text; `None` where its power of ten is far from those of money.
    fn written(number: f64) -> Option<Self> {
        let (digits, exponent) = decimal_digits(number.abs());
        // Up to 17 digits: half of them is a double for certain.
        let (high, low) = (digits / HALF, digits % HALF);
        let digits = Self::of(high as f64).product(Self::of(HALF as f64)).plus(Self::of(low as f64), None);
        let power = |zeros: i32| Self::of((0..zeros).fold(1.0, |power, _| power * 10.0));
        let size = match exponent {
            _ if exponent.abs() > MOST_ZEROS => return None,
            0.. => digits.product(power(exponent)),
            _ => digits.ratio(power(-exponent)),
        };
        Some(size.times(if number < 0.0 { -1.0 } else { 1.0 }))
    }

    /// The size of the amount, without its sign.
    pub(super) fn size(self) -> Self {
        if self.units < 0.0 { self.times(-1.0) } else { self }
    }

    /// The product of two amounts.
    pub(super) fn product(self, other: Self) -> Self {
        let (product, lost) = two_product(self.units, other.units);
        let (units, rest) = two_sum(product, lost + (self.units * other.rest + self.rest * other.units));
        Self { units, rest }
    }

    /// The quotient of two amounts.
    pub(super) fn ratio(self, other: Self) -> Self {
        let without = |left: Self, part: f64| left.plus(other.product(Self::of(-part)), None);
        let first = self.units / other.units;
        let left = without(self, first);
        let second = left.units / other.units;
        let third = without(left, second).units / other.units;
        let (units, rest) = two_sum(first, second);
        Self { units, rest }.plus(Self::of(third), None)
    }

    /// The larger of two amounts.
    pub(super) fn at_least(self, other: Self) -> Self {
        if self.plus(other.times(-1.0), None).units < 0.0 { other } else { self }
    }

    /// The smaller of two amounts.
    pub(super) fn at_most(self, other: Self) -> Self {
        if self.plus(other.times(-1.0), None).units > 0.0 { other } else { self }
    }

    /// The amount, positive or negative.
    pub(super) fn times(self, sign: f64) -> Self {
        Self { units: sign * self.units, rest: sign * self.rest }
    }

    /// The sum of two amounts, in whole lots where there are lots.
    pub(super) fn plus(self, other: Self, lot: Option<&Multiples>) -> Self {
        if let Some(lot) = lot {
            return Self::of(lot.sum(self.units, other.units));
        }
        let (sum, lost) = two_sum(self.units, other.units);
        let (units, rest) = two_sum(sum, lost + (self.rest + other.rest));
        Self { units, rest }
    }

    /// The same, but zero where it is no more than what rounding leaves of numbers whose sizes sum to `seen`.
    pub(super) fn or_zero(self, seen: f64) -> Self {
        if self.units.abs() <= seen * ROUNDED { Self::default() } else { self }
    }
}

/// The sum as a double, and what rounding has left out (Knuth's sum without a comparison).
fn two_sum(one: f64, other: f64) -> (f64, f64) {
    let sum = one + other;
    let second = sum - one;
    (sum, (one - (sum - second)) + (other - second))
}

/// The product as a double, and what rounding has left out (Dekker's, which needs no operation of the processor's own).
fn two_product(one: f64, other: f64) -> (f64, f64) {
    let halves = |number: f64| {
        let high = HALVES * number - (HALVES * number - number);
        (high, number - high)
    };
    let (product, one, other) = (one * other, halves(one), halves(other));
    let lost = ((one.0 * other.0 - product) + one.0 * other.1 + one.1 * other.0) + one.1 * other.1;
    (product, lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_has_no_rounding_of_its_own() {
        let sum = |parts: &[f64]| parts.iter().fold(Amount::default(), |sum, &part| sum.plus(Amount::of(part), None));
        assert_eq!(sum(&[2.7; 5]).units, 13.5);
        assert_eq!(sum(&[1e16, 1.0, 1.0, -1e16]).units, 2.0);
        let tenth = Multiples::of(0.1);
        assert_eq!(Amount::of(0.1).plus(Amount::of(0.2), Some(&tenth)), Amount::of(0.3));
    }

    #[test]
    fn decimals_are_added_and_multiplied_as_on_paper() {
        let decimal = Amount::decimal;
        for (sum, expected) in [
            (decimal(0.3).plus(decimal(-0.1), None), 0.2),
            (decimal(2.7).plus(decimal(-2.5), None), 0.2),
            (decimal(0.1).product(decimal(3.0)), 0.3),
            (decimal(0.1).product(decimal(24.0)), 2.4),
            (decimal(-11.4).product(decimal(10.0)).plus(decimal(0.01), None), -113.99),
            (decimal(1.1).ratio(decimal(-3.3)), -1.0 / 3.0),
            (decimal(0.3333333333333333).product(decimal(3.0)), 0.9999999999999999),
            (decimal(1e22).product(decimal(1e-12)), 1e10),
            (decimal(1.234567890123e-11).product(decimal(1e11)), 1.234567890123),
            (decimal(0.0), 0.0),
            (decimal(123_456_789.123_456_78), 123_456_789.123_456_78),
        ] {
            assert_eq!(sum.units, expected);
        }
        assert!(decimal(f64::NAN).units.is_nan() && decimal(f64::INFINITY).units.is_infinite());
        assert_eq!((decimal(1e300).units, decimal(5e-324).units), (1e300, 5e-324));
        assert_eq!((decimal(2.0).at_most(decimal(1.0)).units, decimal(2.0).at_least(decimal(3.0)).units), (1.0, 3.0));
        assert_eq!(decimal(-2.5).size(), decimal(2.5));
    }

    #[test]
    fn what_is_left_and_what_is_gone_are_the_whole() {
        for parts in 1..100 {
            let (mut left, mut gone) = (Amount::of(92.49), Amount::default());
            for _ in 0..parts {
                let part = Amount::of(0.77);
                (left, gone) = (left.plus(part.times(-1.0), None), gone.plus(part, None));
            }
            assert_eq!(gone.plus(left, None).units, 92.49);
        }
    }

    #[test]
    fn what_rounding_leaves_is_nothing_and_what_it_cannot_leave_is_not() {
        let left = [2.28, 0.65, 0.68, -3.61]
            .map(Amount::of)
            .into_iter()
            .fold(Amount::default(), |sum, part| sum.plus(part, None));
        assert_eq!(left.or_zero(2.28 + 0.65 + 0.68 + 3.61), Amount::default());
        assert_eq!(Amount::of(1e-3).or_zero(1e12).units, 1e-3);
        assert_eq!(Amount::of(-1e-16).or_zero(1.0).units, 0.0);
    }
}
