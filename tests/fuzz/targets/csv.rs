//! Texts of bars: CSV in all its forms.

use super::bars;

/// What such texts are made of.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "Date", "Time", "Open", "High", "Low", "Close", "Adj Close", "Volume", "Symbol", "sep=;", "\u{feff}", "\r\n", "\n", ",", ";",
    "\t", "|", "\"", "\"\"", "#", "2024-01-31", "31.12.2024", "01/02/2024", "20240131", "09:30", "24:00", "T", "Z", "+05:30",
    "EST", "America/New_York", "AM", "Jan", "Wed", "Q1", "1,5", "1.234.567,89", "1e400", "-1e-400", "nan", "inf", "null", "N/A",
    "1.71M", "$", "(1.5)", "1700000000", "1700000000000000000", "253402300800", "0", "-0", "45000",
];

/// Reads the input as a file of bars.
pub(super) fn run(input: &[u8]) {
    bars::check("bars.csv", input);
}
