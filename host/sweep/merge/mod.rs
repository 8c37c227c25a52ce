//! The merge of shards: files of results of one sweep become one, with the bytes that one run of it would have written.
//!
//! Never runs a cell, and never holds more than a batch of rows of each file.

mod coverage;
mod error;
mod gathered;
mod origin;
mod part_file;
mod row;
mod rows;
mod shards;

pub(crate) use self::{coverage::Coverage, error::MergeError, row::RowReader, shards::Shards};
