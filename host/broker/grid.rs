//! Grids of lots and ticks: multiples of a decimal step, counted in whole steps.
//!
//! Never multiplies by the step's double: 113 steps of 0.01 are 1.13, and `113.0 * 0.01` is not.

use std::fmt::{self, Write as _};

/// How far a size may exceed a limit, and a number of lots fall short of a whole, by rounding alone.
pub(super) const ROUNDING: f64 = 1e-12;

/// The most steps that doubles tell apart for certain. What is larger counts as on the grid, as it is.
const MOST: f64 = 1e15;

/// The largest number up to which doubles hold every whole one: 2^53.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// The largest power of ten that is a double.
pub(super) const MOST_ZEROS: i32 = 22;

/// How far from a multiple arithmetic alone may put a number, in steps.
const NEAR: f64 = 1e-6;

/// The same for numbers of many steps, as a share of them: a few units of a double's last place.
const LAST_PLACE: f64 = 4.0 * f64::EPSILON;

/// The multiples of a step. The step is the decimal that is its shortest text, `digits x 10^exponent`, and so 0.1 is a tenth. Its
/// multiples are the doubles nearest to the decimals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Multiples {
    step: f64,
    digits: u64,
    exponent: i32,
    /// `10^|exponent|`; not a number where that is not a double.
    power: f64,
}

impl Multiples {
    /// The multiples of `step`, a finite number above 0.
    pub(super) fn of(step: f64) -> Self {
        let (digits, exponent) = decimal_digits(step);
        let zeros = exponent.abs();
        let power = if zeros > MOST_ZEROS { f64::NAN } else { (0..zeros).fold(1.0, |power, _| power * 10.0) };
        Self { step, digits, exponent, power }
    }

    /// One step.
    pub(super) fn step(&self) -> f64 {
        self.step
    }

    /// `count` steps, a whole number of them: the double that is nearest to the decimal.
    pub(super) fn value(&self, count: f64) -> f64 {
        let digits = count * self.digits as f64;
        // Two doubles that are exact, and one operation: its rounding is the only one.
        let value = if digits.abs() > WHOLE || self.power.is_nan() {
            self.read(count)
        } else if self.exponent < 0 {
            digits / self.power
        } else {
            digits * self.power
        };
        // A zero without a sign.
        value + 0.0
    }

    /// The same for products that are not doubles: written as a decimal, and read.
    fn read(&self, count: f64) -> f64 {
        let mut text = Text::default();
        let written = write!(text, "{}e{}", count as i128 * i128::from(self.digits), self.exponent).is_ok();
        text.as_str().parse().ok().filter(|_| written).unwrap_or(count * self.step)
    }

    /// The number of steps in `value`, rounded to the nearest whole; `None` where doubles do not tell steps apart.
    fn count(&self, value: f64) -> Option<f64> {
        let steps = value / self.step;
        (steps.abs() <= MOST).then(|| steps.round())
    }

    /// The multiple that `value` is, but for rounding; `None` where it is not one.
    pub(super) fn on(&self, value: f64) -> Option<f64> {
        let Some(count) = self.count(value) else { return Some(value) };
        self.is_near(value, count, NEAR).then(|| self.value(count))
    }

    fn is_near(&self, value: f64, count: f64, near: f64) -> bool {
        (value / self.step - count).abs() <= near.max(count.abs() * LAST_PLACE).min(0.25)
    }

    /// The multiple nearest to `value`.
    pub(super) fn nearest(&self, value: f64) -> f64 {
        self.count(value).map_or(value, |count| self.value(count))
    }

    /// The multiple next to `value` above or below it, or the one that `value` is, but for rounding.
    pub(super) fn toward(&self, value: f64, up: bool) -> f64 {
        let steps = value / self.step;
        self.on(value).unwrap_or_else(|| self.value(if up { steps.ceil() } else { steps.floor() }))
    }

    /// The multiple next to `units` toward zero, or the one that an order for `units` means, but for rounding.
    pub(super) fn of_order(&self, units: f64) -> f64 {
        self.toward(units, units < 0.0)
    }

    /// The multiple next to `units` toward zero. What falls short of a whole step by rounding alone, as a share of its
    /// own, is that step.
    pub(super) fn of_size(&self, units: f64) -> f64 {
        let Some(count) = self.count(units) else { return units };
        let is_near = self.is_near(units, count, (ROUNDING * count.abs()).min(NEAR));
        self.value(if is_near { count } else { (units / self.step).trunc() })
    }

    /// The sum of two multiples.
    pub(super) fn sum(&self, one: f64, other: f64) -> f64 {
        match (self.count(one), self.count(other)) {
            (Some(one), Some(other)) => self.value(one + other),
            _ => {
                let sum = one + other;
                if sum.abs() <= (one.abs() + other.abs()) * LAST_PLACE { 0.0 } else { sum }
            }
        }
    }

    /// A multiple and so many steps more, which need not be whole.
    pub(super) fn shift(&self, value: f64, steps: f64) -> f64 {
        match self.count(value).filter(|_| steps.fract() == 0.0) {
            Some(count) => self.value(count + steps),
            None => value + steps * self.step,
        }
    }
}

/// The digits and the power of ten of the shortest text of `number`, which is finite and not below 0.
pub(super) fn decimal_digits(number: f64) -> (u64, i32) {
    let mut text = Text::default();
    // A double has up to 17 digits, and the text room for 64 characters.
    let written = write!(text, "{number:e}").is_ok();
    let (number, exponent) = text.as_str().split_once('e').filter(|_| written).unwrap_or(("1", "0"));
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
    let digits = number.bytes().filter(u8::is_ascii_digit).fold(0, |all, digit| all * 10 + u64::from(digit - b'0'));
    (digits, exponent.parse().unwrap_or(0) - decimals)
}

/// A text without memory of its own.
#[derive(Debug)]
struct Text {
    bytes: [u8; 64],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; 64], len: 0 }
    }
}

impl Text {
    fn as_str(&self) -> &str {
        // Only whole texts are written to it.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    /// Steps as users write them, and some that nobody should.
    const STEPS: [&str; 16] = [
        "0.01",
        "0.1",
        "1",
        "0.25",
        "0.05",
        "0.001",
        "1e-8",
        "100",
        "0.03125",
        "1e5",
        "1000000",
        "0.0001",
        "2.5",
        "7",
        "1e-12",
        "0.3333333333333333",
    ];

    /// `count x step` by text alone.
    fn decimal(step: &str, count: i64) -> f64 {
        let (number, exponent) = step.split_once('e').unwrap_or((step, "0"));
        let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
        let digits: i128 = number.replace('.', "").parse().unwrap();
        let exponent = exponent.parse::<i32>().unwrap() - decimals;
        format!("{}e{exponent}", digits * i128::from(count)).parse().unwrap()
    }

    #[test]
    fn a_whole_cent_is_the_cent_that_was_written() {
        let cents = Multiples::of(0.01);
        for cent in 1..=20_000 {
            let price: f64 = format!("{}.{:02}", cent / 100, cent % 100).parse().unwrap();
            let all = [cents.value(f64::from(cent)), cents.nearest(price), cents.toward(price, true)];
            assert_eq!((all, cents.toward(price, false)), ([price; 3], price));
            assert_eq!(cents.on(price + 4e-12), Some(price));
        }
    }

    #[test]
    fn what_is_between_two_steps_goes_where_it_is_sent() {
        for (step, value, down, up, nearest) in [
            (0.01, 1.134, 1.13, 1.14, 1.13),
            (0.01, -1.134, -1.14, -1.13, -1.13),
            (0.25, 0.2, 0.0, 0.25, 0.25),
            (0.1, 0.29, 0.2, 0.3, 0.3),
            (5.0, 12.4, 10.0, 15.0, 10.0),
        ] {
            let grid = Multiples::of(step);
            assert_eq!((grid.toward(value, false), grid.toward(value, true), grid.nearest(value)), (down, up, nearest));
            assert_eq!(grid.on(value), None);
            assert_eq!(grid.of_order(-value), -if value > 0.0 { down } else { up });
        }
        assert!(Multiples::of(0.01).of_order(-0.001).is_sign_positive(), "a zero has no sign");
    }

    #[test]
    fn rounding_that_arithmetic_leaves_is_not_a_step() {
        let grid = |step, value: f64| Multiples::of(step).on(value);
        assert_eq!(grid(0.01, 101.10 - 5.03), Some(96.07));
        assert_eq!(grid(0.1, 0.1 + 0.2), Some(0.3));
        assert_eq!(grid(0.01, 12345.67 - 12345.66), Some(0.01));
        // A price of 50,000 in steps of 1e-8 is off by some thousandths of a step in its own last place.
        let price = 50_000.123_456_78;
        for value in [price, price * (1.0 + f64::EPSILON), price * (1.0 - f64::EPSILON)] {
            assert_eq!(grid(1e-8, value), Some(price));
        }
        assert_eq!(grid(1e-8, price + 0.3e-8), None);
        assert_eq!(grid(0.01, 1.130_001), None);
    }

    #[test]
    fn a_size_is_cut_to_whole_steps_unless_rounding_alone_is_missing() {
        let lots = Multiples::of(1.0);
        assert_eq!((lots.of_size(2.999_999_999_999_9), lots.of_size(3.0 - 1e-11)), (3.0, 2.0));
        assert_eq!((lots.of_order(3.0 - 1e-11), lots.of_order(2.9)), (3.0, 2.0));
        let third = Multiples::of(1.0 / 3.0);
        assert!((third.shift(third.value(5.0), 0.5) - 5.5 / 3.0).abs() < 1e-12);
        let fine = Multiples::of(1e-8);
        assert_eq!(fine.of_size(1e6 - 0.4e-8), 1e6 - 1e-8);
    }

    #[test]
    fn beyond_what_doubles_tell_apart_a_number_stays_as_it_is() {
        let grid = Multiples::of(1e-8);
        for value in [1.5e9, 123_456_789.123, -9e20, f64::MAX] {
            assert_eq!((grid.nearest(value), grid.on(value), grid.of_size(value)), (value, Some(value), value));
            assert_eq!(grid.sum(value, -value), 0.0);
            assert_eq!(grid.toward(value, true), value);
        }
        assert_eq!(grid.sum(1e9 + 1e-7, -1e9), 0.0, "rounding alone");
    }

    proptest! {
        #[test]
        fn a_multiple_is_the_nearest_double_of_its_decimal(step in select(&STEPS), count in -1_000_000_000_000i64..1_000_000_000_000) {
            let grid = Multiples::of(step.parse().unwrap());
            let expected = decimal(step, count);
            prop_assert_eq!(grid.value(count as f64), expected);
            prop_assert_eq!(grid.nearest(expected), expected);
            prop_assert_eq!(grid.on(expected), Some(expected));
            prop_assert_eq!(grid.of_size(expected), expected);
            prop_assert_eq!(grid.shift(expected, -3.0), decimal(step, count - 3));
        }

        #[test]
        fn any_double_is_a_step_and_its_multiples_come_back(step in 1e-9..1e6f64, count in 1..100_000i64) {
            let grid = Multiples::of(step);
            prop_assert_eq!(grid.value(1.0), step);
            let value = grid.value(count as f64);
            prop_assert!((value / (step * count as f64) - 1.0).abs() <= f64::EPSILON);
            prop_assert_eq!(grid.nearest(value), value);
        }

        #[test]
        fn sums_go_back_to_zero(step in select(&STEPS), counts in prop::collection::vec(-1_000_000_000i64..1_000_000_000, 1..50)) {
            let grid = Multiples::of(step.parse().unwrap());
            let values: Vec<f64> = counts.iter().map(|&count| decimal(step, count)).collect();
            let sum = values.iter().fold(0.0, |sum, &value| grid.sum(sum, value));
            prop_assert_eq!(sum, decimal(step, counts.iter().sum()) + 0.0);
            prop_assert_eq!(values.iter().fold(sum, |sum, &value| grid.sum(sum, -value)), 0.0);
        }
    }
}
