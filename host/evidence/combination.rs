//! A combination of a sweep, by name and parameters.

use serde::Serialize;

use super::error::EvidenceError;
use crate::{
    model::Params,
    results::{ReturnsCell, ReturnsFile},
};

/// A combination of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Combination {
    /// Its name.
    pub task_id: String,
    /// Its parameters.
    pub params: Params,
}

impl Combination {
    pub(super) fn of(file: &ReturnsFile, number: usize) -> Result<Self, EvidenceError> {
        let ReturnsCell { task_id, params, .. } = file.cell(number)?;
        Ok(Self { task_id, params })
    }
}
