//! Parquet: footer, pages and the description of bars in it.

use super::bars;

/// Reads the input as a file of bars, as if it began and ended as one.
pub(super) fn run(input: &[u8]) {
    bars::check("bars.parquet", input);
}
