//! Charts of results that are in memory: their page, and what it must know of a metric.
//!
//! Never makes the data of a page: Python does, of the columns that it has.

use host::{
    metrics::{Direction, Metrics},
    report::{Report, unit_name},
};
use pyo3::prelude::*;

/// The page of a report whose data are JSON.
#[pyfunction]
pub(crate) fn page(py: Python<'_>, data: &str) -> String {
    py.detach(|| Report::page(data))
}

/// How pages write a metric (`money`, `share`, `number` or `count`), and whether higher values are better, if either are. `None`
/// where there is no metric of this name.
#[pyfunction]
pub(crate) fn metric(name: &str) -> Option<(&'static str, Option<bool>)> {
    let info = Metrics::info(name)?;
    Some((unit_name(info.unit), info.better.map(|better| better == Direction::Higher)))
}
