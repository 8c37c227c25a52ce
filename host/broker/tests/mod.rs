//! Tests of the broker: its rules one by one, and properties that hold for every run.

mod contracts;
mod detail;
mod exact;
mod exits;
mod grids;
mod order_edges;
mod order_properties;
mod order_scales;
mod orders;
mod pairs;
mod peers;
mod quiet;
mod statement;
mod target_properties;
mod targets;
mod time;
