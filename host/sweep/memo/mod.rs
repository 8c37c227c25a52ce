//! The memory of cells: reuses known results, and compares a sweep with the one before it.
//!
//! Never runs a cell, and never returns a result under another identity.

mod cells;
mod comparison;
mod sides;
mod table;

pub(crate) use self::{
    cells::{CellMemory, Columns, Kept},
    comparison::{Best, Comparison, Shown},
    sides::{Side, Sides},
    table::Table,
};
