//! Rounded numbers for people: at most five significant digits.
//!
//! Never used for files: these texts do not read back to the same bits.

/// Significant digits of a rounded number.
const DIGITS: i32 = 5;

/// Returns `value` in at most five significant digits: `1.5`, `0.12346`, `-12346`, `1.2e-7`.
///
/// The digits before the point are never rounded away up to 10^15; from there on, and below 10^-5, an exponent is used.
///
/// # Examples
///
/// ```
/// assert_eq!(host::results::rounded(1.0 / 3.0), "0.33333");
/// assert_eq!(host::results::rounded(1_234_567.8), "1234568");
/// assert_eq!(host::results::rounded(2.5e-9), "2.5e-9");
/// ```
pub fn rounded(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { value.to_string() };
    }
    let exponent = exponent(value);
    if !(-5..15).contains(&exponent) {
        let text = format!("{value:.*e}", (DIGITS - 1) as usize);
        return match text.split_once('e') {
            Some((mantissa, exponent)) => format!("{}e{exponent}", trimmed(mantissa)),
            None => text,
        };
    }
    trimmed(&format!("{value:.*}", decimals_at(exponent))).to_owned()
}

/// Returns the share `value` in percent: two digits after the point at most, below 1 % three significant ones.
///
/// # Examples
///
/// ```
/// assert_eq!(host::results::percent(-0.58714), "-58.71 %");
/// assert_eq!(host::results::percent(0.5), "50 %");
/// assert_eq!(host::results::percent(0.000_123_4), "0.0123 %");
/// ```
pub fn percent(value: f64) -> String {
    percent_with(value, percent_decimals(value))
}

/// The same with so many digits after the point; none are as many as it takes.
pub(super) fn percent_with(value: f64, decimals: Option<usize>) -> String {
    let hundredfold = value * 100.0;
    match decimals.filter(|_| value.is_finite()) {
        Some(decimals) => {
            let text = format!("{hundredfold:.decimals$}");
            // What is rounded to zero has no sign.
            let is_zero = !text.contains(|digit: char| ('1'..='9').contains(&digit));
            format!("{} %", if is_zero { text.trim_start_matches('-') } else { &text })
        }
        None => format!("{} %", rounded(hundredfold)),
    }
}

/// The digits after the point that one share in percent needs; none where it has an exponent.
fn percent_decimals(value: f64) -> Option<usize> {
    aligned_percents(std::iter::once(value))
}

/// The digits after the point with which the shares of one column line up in percent: as many as the greatest has.
pub(super) fn aligned_percents(values: impl Iterator<Item = f64> + Clone) -> Option<usize> {
    let percents = values.map(|value| value * 100.0).filter(|value| value.is_finite());
    let greatest = percents.clone().filter(|value| *value != 0.0).map(exponent).max().unwrap_or(0);
    let most = match greatest {
        15.. | ..-5 => return None,
        0.. => decimals_at(greatest).min(2),
        _ => usize::try_from(2 - greatest).unwrap_or(2),
    };
    percents.map(|value| decimals(trimmed(&format!("{value:.most$}")))).max().or(Some(0))
}

/// Returns `value` in JSON, which has no infinity and no NaN: an infinite number is the text `inf` or `-inf`, NaN is null.
///
/// # Examples
///
/// ```
/// assert_eq!(host::results::json_number(0.5).to_string(), "0.5");
/// assert_eq!(host::results::json_number(f64::INFINITY).to_string(), r#""inf""#);
/// ```
pub fn json_number(value: f64) -> serde_json::Value {
    if value.is_infinite() { value.to_string().into() } else { value.into() }
}

/// Returns the digits after the point with which the numbers of one column line up, or none where their magnitudes
/// differ so much that the small ones would lose their digits.
#[cfg(any(feature = "cli", test))]
pub(super) fn aligned_decimals(values: impl Iterator<Item = f64> + Clone) -> Option<usize> {
    let exponents = values.clone().filter(|value| *value != 0.0 && value.is_finite()).map(exponent);
    let (Some(least), Some(greatest)) = (exponents.clone().min(), exponents.max()) else {
        return Some(0);
    };
    let needed = values.map(|value| decimals(&rounded(value))).max().unwrap_or(0);
    let decimals = decimals_at(greatest);
    let plain = least >= -5 && greatest < 15;
    (plain && (greatest - least <= 3 || needed <= decimals)).then_some(decimals.min(needed))
}

/// The power of ten of the first digit, once `value` is rounded.
fn exponent(value: f64) -> i32 {
    let text = format!("{value:.*e}", (DIGITS - 1) as usize);
    // The format of a finite number always ends in its exponent.
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// Digits after the point that make five significant ones.
fn decimals_at(exponent: i32) -> usize {
    usize::try_from(DIGITS - 1 - exponent).unwrap_or(0)
}

/// The digits after the point of a number without an exponent.
fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

/// The number without zeros at the end of its decimals.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, expected: &str) {
        assert_eq!(rounded(value), expected, "{value:?}");
    }

    #[test]
    fn five_digits_are_kept() {
        check(1.0, "1");
        check(100.0, "100");
        check(-1.5, "-1.5");
        check(0.123_456, "0.12346");
        check(-12_345.678, "-12346");
        check(123_456_789.4, "123456789");
        check(99_999.96, "100000");
        check(9.999_996, "10");
    }

    #[test]
    fn the_very_small_and_the_very_large_have_an_exponent() {
        check(0.000_012_345, "0.000012345");
        check(0.000_001_234_567, "1.2346e-6");
        check(1e15, "1e15");
        check(-1.234_567e300, "-1.2346e300");
        check(f64::MIN_POSITIVE, "2.2251e-308");
    }

    #[test]
    fn zero_has_no_sign() {
        check(0.0, "0");
        check(-0.0, "0");
    }

    #[test]
    fn shares_are_shown_in_percent() {
        let cases = [
            (0.0, "0 %"),
            (0.123_45, "12.35 %"),
            (-0.5, "-50 %"),
            (385.901_23, "38590 %"),
            (0.003_141_59, "0.314 %"),
            (-1e-9, "-1e-7 %"),
            (1e20, "1e22 %"),
            (f64::INFINITY, "inf %"),
        ];
        for (share, expected) in cases {
            assert_eq!(percent(share), expected, "{share}");
        }
        assert_eq!(aligned_percents([0.5, 0.123_45].into_iter()), Some(2));
        assert_eq!(percent_with(-0.000_001, Some(2)), "0.00 %");
    }

    fn check_column(values: &[f64], expected: Option<usize>) {
        assert_eq!(aligned_decimals(values.iter().copied()), expected, "{values:?}");
    }

    #[test]
    fn a_column_lines_up_unless_its_small_numbers_would_vanish() {
        check_column(&[], Some(0));
        check_column(&[0.0, 2.0, 30.0], Some(0));
        check_column(&[0.5, 0.25], Some(2));
        check_column(&[1.234_567, 0.1], Some(4));
        check_column(&[12_345.6, 0.5], None);
        check_column(&[100.0, 0.000_3], None);
        check_column(&[1e20, 1.0], None);
    }
}
