//! Runs trading strategies compiled to WebAssembly components.

pub mod model;
pub mod sandbox;
pub mod task;
