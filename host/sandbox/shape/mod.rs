//! Shape: how much of everything a component has, and how much it may have before anybody compiles it.
//!
//! Never compiles, instruments or validates. A compiler can take minutes and gigabytes for a few kilobytes that are made for
//! that. So one pass over the bytes counts what its work and an instance's memory grow with, and a table limits each count
//! (`measures.rs`). Time and memory of the pass grow with the bytes alone.

mod body;
mod instances;
mod measures;
mod walk;

#[cfg(test)]
mod bombs;
#[cfg(test)]
mod tests;

pub(super) use measures::Excess;

/// Why a component is not compiled.
#[derive(Debug)]
pub(super) enum ShapeError {
    /// The bytes cannot be read.
    Damaged(wasmparser::BinaryReaderError),
    /// Something is over its limit.
    Over(Excess),
}

impl From<wasmparser::BinaryReaderError> for ShapeError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Damaged(error)
    }
}

/// Compares everything in the component `bytes` but its code with the limits, which takes milliseconds. Returns the bytes
/// that one instance takes at most besides its memories and tables.
///
/// # Errors
///
/// Returns an error if the bytes cannot be read or something is over its limit.
pub(super) fn check(bytes: &[u8]) -> Result<usize, ShapeError> {
    compared(bytes, false)
}

/// Compares the code, too, instruction by instruction: what [`check`] leaves out and only a compiler has to know.
///
/// # Errors
///
/// Returns an error if the bytes cannot be read or something is over its limit.
pub(super) fn check_code(bytes: &[u8]) -> Result<(), ShapeError> {
    compared(bytes, true).map(drop)
}

fn compared(bytes: &[u8], code: bool) -> Result<usize, ShapeError> {
    let walked = walk::walk(bytes, code)?;
    match walked.counts.excess() {
        Some(excess) => Err(ShapeError::Over(excess)),
        None => Ok(usize::try_from(walked.instance_bytes).unwrap_or(usize::MAX)),
    }
}
