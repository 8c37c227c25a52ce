//! Tests of the metrics: each formula by itself, and the same bits whatever else is measured.

mod agreement;
mod annualization;
mod formulas;
mod relative;
