//! Prices that vendors write as whole numbers of a small unit.
//!
//! Never scales a number that has a point.

use super::fields::normal;

/// The digits behind the point of Databento's whole prices: they count billionths.
pub(super) const DATABENTO_DIGITS: i32 = 9;

/// What the user should know of such prices; continues the name of the file.
pub(super) const DATABENTO_NOTE: &str = "has prices of Databento as whole numbers: they are divided by 1000000000";

/// Whether the names of columns are those of Databento's records. Where every price is a whole number then, it counts billionths;
/// prices with a point are as they are.
pub(super) fn is_databento<S: AsRef<str>>(names: &[S]) -> bool {
    let has = |wanted: &str| names.iter().any(|name| normal(name.as_ref()) == wanted);
    ["rtype", "publisherid", "instrumentid"].into_iter().all(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_databento_are_known_together() {
        let names = ["ts_event", "rtype", "publisher_id", "instrument_id", "open", "high", "low", "close", "volume"];
        assert!(is_databento(&names));
        assert!(!is_databento(&names[2..]));
        assert!(!is_databento(&["Date", "Open"]));
    }
}
