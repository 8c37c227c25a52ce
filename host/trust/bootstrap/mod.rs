//! Whether the best of many cells is more than luck: tests and intervals by resampling.
//!
//! Never reads a file.

mod block_length;
mod device;
mod draws;
mod intervals;
mod monte_carlo;
mod path;
pub(super) mod quantile;
mod sums;
mod superior;
#[cfg(test)]
mod testing;
mod tile;
mod variance;

pub use block_length::{block_length, median_block_length};
pub use device::{Chosen, Device, DeviceChoice, GpuError, Reason};
pub use draws::{Draws, Run};
pub use intervals::{Interval, Intervals, Range, intervals};
pub use monte_carlo::{MonteCarlo, Spread, monte_carlo};
pub use sums::{Dense, PrefixSums, Products, Sums, Take};
pub use superior::{CellMoments, RealityCheck, Recentring, Spa, StepM, Superiority, SuperiorityReport};
pub use tile::{Lanes, Tile, WIDTH};

use super::{normal, returns};
