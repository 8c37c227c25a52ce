//! The columns of `host sweep --rank-by plateau`: how the neighbours of the ranked combinations do.
//!
//! Never scores a plateau.

use super::ranking::Beside;
use crate::sweep::{PlateauReport, RankedPlateaus};

/// The columns that say how the neighbours do by `metric`.
pub(super) fn beside(plateaus: &RankedPlateaus, metric: &'static str) -> Vec<Beside> {
    let reports = plateaus.reports();
    let column = |name: &str, value: fn(&PlateauReport) -> Option<f64>| {
        let values = reports.iter().map(value).collect();
        Beside { title: name.to_owned(), metric, values }
    };
    vec![
        column("plateau", |report| report.score),
        column("neighbours_median", |report| report.median),
        column("neighbours_worst", |report| report.worst),
    ]
}
