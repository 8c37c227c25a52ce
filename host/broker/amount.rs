//! Amounts of units: sums of quantities that come back to exactly zero when what was added is taken away.
//!
//! Never knows a price.

use super::grid::Multiples;

/// What a quantity, the sum of two and the rounding of both may be off by at most, as a share of all of them.
const ROUNDED: f64 = f64::EPSILON;

/// An amount of units: a double, and what rounding has left out of it.
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
