//! The columns of `host sweep --rank-by plateau`: how the neighbours of the ranked combinations do.
//!
//! Never scores a plateau.

use crate::sweep::{PlateauReport, RankedPlateaus};

/// What each ranked combination is shown with: a name, and a value for each rank.
pub(super) type Beside = Vec<(String, Vec<Option<f64>>)>;

/// The columns that say how the neighbours do.
pub(super) fn beside(plateaus: &RankedPlateaus) -> Beside {
    let reports = plateaus.reports();
    let column =
        |name: &str, value: fn(&PlateauReport) -> Option<f64>| (name.to_owned(), reports.iter().map(value).collect());
    vec![
        column("plateau", |report| report.score),
        column("neighbours_median", |report| report.median),
        column("neighbours_worst", |report| report.worst),
    ]
}
