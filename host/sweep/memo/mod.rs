//! What remains of a sweep when the next one runs: how each of its cells stood, and its best one.
//!
//! Never keeps a result: the store does.

mod cells;
mod comparison;
mod sides;

pub(crate) use self::{
    cells::count,
    comparison::{Best, Comparison, Shown},
    sides::{Side, Sides},
};
