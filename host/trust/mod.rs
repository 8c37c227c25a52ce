//! Trust: whether the best cell of a sweep is more than the luck of many trials.
//!
//! Never runs a strategy, and never reads a file: statistics on the [returns](Returns) of all cells, which are there. [`assess`]
//! has all of them in one call.
//!
//! Every sum has one fixed order, and no function of the platform's mathematical library is used but the square root: results have
//! the same bits on any number of threads and on any machine. Sharpe ratios are per period; kurtosis is raw, 3 for a normal
//! distribution.
//!
//! # Examples
//!
//! ```
//! use host::trust::{Matrix, Question, Verdict, assess};
//!
//! // Two cells that win and lose by turns, over 512 days.
//! let day = |cell: u32, day: u32| if (day * (cell + 3)).is_multiple_of(2) { 0.01 } else { -0.01 };
//! let returns: Vec<f32> = (0..2).flat_map(|cell| (0..512).map(move |at| day(cell, at * at / 7))).collect();
//! let found = assess(&Matrix::new(512, returns)?, &Question { draws: 500, ..Question::new(2) })?;
//! assert_ne!(found.verdict(), Verdict::Credible);
//! # Ok::<(), host::trust::TrustError>(())
//! ```

mod assess;
mod bootstrap;
mod cpcv;
mod gram;
mod independent;
mod noise;
mod normal;
mod overfitting;
mod plateau;
#[cfg(test)]
mod reference;
mod returns;
mod selection;
mod sharpe;
mod splits;
mod sums;
mod walk_forward;

pub use assess::{Assessment, Question, Untold, Verdict, assess};
pub(crate) use bootstrap::quantile::sorted as sorted_quantile;
pub use bootstrap::{
    CellMoments, Chosen, Dense, Device, DeviceChoice, Draws, GpuError, Interval, Intervals, Lanes, MonteCarlo,
    PrefixSums, Products, Range, RealityCheck, Reason, Recentring, Run, Spa, Spread, StepM, Sums, Superiority,
    SuperiorityReport, Take, Tile, WIDTH, block_length, intervals, median_block_length, monte_carlo,
};
pub use cpcv::{CpcvReport, CpcvSplit, cpcv};
pub use independent::{Independent, independent_trials};
pub use noise::{Bars, Noise, NoiseError, NoisyBars};
pub use normal::{normal_cdf, normal_quantile};
pub use overfitting::{Cscv, CscvSplit, Overfitting, overfitting};
pub use plateau::{Axis, Landscape, Lattice, Neighbourhood, PlateauError};
pub use returns::{BLOCK, MIN_PERIODS, Matrix, OverRate, Returns, TrustError};
pub use sharpe::{Moments, expected_maximum_sharpe, moments, sharpe_variance};
pub use splits::{CombinatorialPurged, Fold, Training, WalkForward};
pub use walk_forward::{FoldReport, WalkForwardReport, walk_forward};
