//! Results: files of rows, rankings, tallies of failures, tables for people.
//!
//! Never runs a task, never computes a metric and never prints: it writes the files that it is told to, and returns
//! text.
//!
//! Everything here is generic over columns. A caller describes its columns once and hands over rows of [`Cell`]s; the
//! same rows go to a file ([`create`]), to the terminal ([`render_table`]) or into JSON ([`to_json`]). [`Records`] makes
//! the columns and rows of a run's results.
//!
//! # Examples
//!
//! ```
//! use host::results::{Cell, Column, Kind, create};
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("results.csv");
//! let columns = [Column::new("fast", Kind::Integer), Column::new("sharpe", Kind::Number)];
//! let mut sink = create(&path, &columns)?;
//! sink.write(&[Cell::from(5), Cell::from(0.75)])?;
//! sink.write(&[Cell::from(10), Cell::Null])?;
//! sink.finish()?;
//! assert_eq!(std::fs::read_to_string(&path)?, "fast,sharpe\n5,0.75\n10,\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cells;
mod checksums;
mod column;
mod csv;
mod difference;
mod encoder;
mod error;
mod file;
mod format;
mod journal;
mod json;
mod jsonl;
mod lanes;
mod leftover;
mod lines;
mod number;
mod parquet;
mod ranking;
mod read;
mod record;
mod returns;
mod rows;
mod sink;
mod size;
mod store;
#[cfg(feature = "cli")]
mod table;
mod tally;
mod writer;

pub use column::{Cell, Column, Kind};
pub use csv::csv_text;
pub use difference::{Change, Counts, Difference, Standing};
pub use error::ResultsError;
pub use format::{check, create, create_with};
pub use leftover::{Leftover, recover};
pub use lines::LineFile;
pub use number::{json_number, percent, rounded};
pub use ranking::{Ranked, Ranking};
pub use read::{Batch, Batches, Encoded, Form, ReadError, ResultsFile, metadata};
#[cfg(feature = "cli")]
pub(crate) use record::{CELL, TIMINGS};
pub use record::{Records, Values, params_text};
pub use returns::{ReturnRows, ReturnsCell, ReturnsError, ReturnsFile, ReturnsWriter};
pub use rows::{RowEncoder, Rows};
pub use sink::Sink;
pub use size::FileSize;
#[cfg(feature = "cli")]
pub use table::{TableLook, render_table, to_json};
pub use tally::{Cause, Example, Failures, Tally};
pub use writer::Writer;
