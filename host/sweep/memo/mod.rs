//! The memory of cells: results that need not be computed again, and a sweep compared with the one before it.
//!
//! Never runs a cell, and never answers for one whose identity is not the same.

mod cells;
mod comparison;
mod table;

pub(crate) use self::{
    cells::{CellMemory, Columns, Kept},
    comparison::{Best, Comparison, Shown},
    table::Table,
};
