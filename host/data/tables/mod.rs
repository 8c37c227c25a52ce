//! Tables: files of typed columns, in Parquet and Arrow IPC, and frames in memory, through one seam.
//!
//! Never reads columns that it does not need.

pub(super) mod arrow_file;
pub(super) mod arrow_schema;
pub(super) mod arrow_types;
pub(super) mod arrow_values;
pub(super) mod flatbuffer;
pub(super) mod frame;
pub(super) mod parquet_file;
pub(super) mod parquet_types;
pub(super) mod parquet_values;
pub(super) mod periods;
pub(super) mod rows;
pub(super) mod table;
pub(super) mod types;
pub(super) mod values;
pub(super) mod wide;
