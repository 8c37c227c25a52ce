//! The `Sink` trait, which takes rows.
//!
//! Never writes a byte.

use std::{fmt, path::Path};

use super::{
    column::Cell,
    error::ResultsError,
    leftover::Leftover,
    rows::{RowEncoder, Rows},
};

/// Takes rows, one after the other, into a file.
///
/// A sink that is dropped unfinished leaves nothing under the final name. Its partial file stays if it holds a row,
/// else it is removed.
pub trait Sink: fmt::Debug + Send {
    /// What encodes rows for this sink, on any thread.
    fn encoder(&self) -> RowEncoder;

    /// Adds the rows of a block, which this sink's [`encoder`](Self::encoder) has made. Each whole row that fits is kept where
    /// the disk takes only a part of the block.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written, and the sink takes no more rows.
    fn append(&mut self, rows: Rows) -> Result<(), ResultsError>;

    /// Adds a row, its cells in the order of the columns.
    ///
    /// # Errors
    ///
    /// Returns an error if the row does not fit the columns, and the sink goes on; or if the file cannot be written,
    /// and the sink takes no more rows.
    fn write(&mut self, row: &[Cell<'_>]) -> Result<(), ResultsError>;

    /// Puts all rows so far on the disk, where they outlive a machine that stops; a killed process costs none without it.
    /// Parquet gets a row group for it, so that it is worth a minute's work, and not every row's.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written, and the sink takes no more rows.
    fn checkpoint(&mut self) -> Result<(), ResultsError>;

    /// Completes the file and gives it its final name. A file that had the name is replaced.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be completed; it says where the rows are kept.
    fn finish(self: Box<Self>) -> Result<(), ResultsError>;

    /// Ends without a file, and removes what was written: nobody wants these rows.
    fn discard(self: Box<Self>);

    /// Where the rows are until the file is finished. They can be read there meanwhile: of text formats row by row, of
    /// Parquet in groups of 65,536.
    fn partial(&self) -> &Path;

    /// What earlier runs that were killed had left beside the file: it has been made whole, and has a name that people see.
    fn leftovers(&self) -> &[Leftover];
}
