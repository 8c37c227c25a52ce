//! Texts: delimited files, with or without a header.
//!
//! Never reads what no column name asks for.

pub(super) mod csv_file;
pub(super) mod layout;
mod quick;
mod records;
pub(super) mod shapes;
