//! Arrow IPC: files and streams.

use super::bars;

/// Reads the input as a file of bars.
pub(super) fn run(input: &[u8]) {
    bars::check("bars.arrow", input);
}
