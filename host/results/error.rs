//! The errors of writing results.
//!
//! Never writes a byte.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why results cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The file has no extension, or one that does not name a format.
    #[error("`{}` has no extension that names a format; give a name that ends in {known}", path.display())]
    UnknownFormat {
        /// The path given.
        path: PathBuf,
        /// The extensions known.
        known: &'static str,
    },
    /// A directory is at the path.
    #[error(
        "`{}` is a directory; give a file in it, such as `{}`",
        path.display(), path.join("results.parquet").display()
    )]
    Directory {
        /// The path given.
        path: PathBuf,
    },
    /// Something other than a regular file is at the path.
    #[error("`{}` is not a regular file, so results cannot take its place; give another path", path.display())]
    NotAFile {
        /// The path given.
        path: PathBuf,
    },
    /// The file is there and protected.
    #[error("`{}` is read-only; make it writable if it is to be replaced, or give another path", path.display())]
    ReadOnly {
        /// The path given.
        path: PathBuf,
    },
    /// The directory of the file does not exist.
    #[error(
        "`{}` cannot be written: there is no directory `{}`; make it, or give another path",
        path.display(), directory.display()
    )]
    NoDirectory {
        /// The path given.
        path: PathBuf,
        /// The directory that is missing.
        directory: PathBuf,
    },
    /// No file can be made beside the final one.
    #[error(
        "`{}` cannot be written: no file can be made in `{}`; give a path in a directory that takes files",
        path.display(), directory.display()
    )]
    Create {
        /// The path given.
        path: PathBuf,
        /// Its directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Two columns have one name.
    #[error(
        "two columns of `{}` are called `{name}`; rename the parameter or the column that is yours",
        path.display()
    )]
    SameName {
        /// The path given.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// There is no column.
    #[error("`{}` has no columns; give at least one", path.display())]
    NoColumns {
        /// The path given.
        path: PathBuf,
    },
    /// A row has another number of cells than there are columns.
    #[error(
        "a row for `{}` has {found} cells, but there are {expected} columns; give one cell for each",
        path.display()
    )]
    Width {
        /// The path given.
        path: PathBuf,
        /// The number of columns.
        expected: usize,
        /// The number of cells.
        found: usize,
    },
    /// A block holds rows of another sink.
    #[error(
        "a block of rows for `{}` holds rows of another sink; fill it by the encoder of the sink that it is for",
        path.display()
    )]
    OtherRows {
        /// The path given.
        path: PathBuf,
    },
    /// A cell is of another kind than its column.
    #[error("column `{name}` of `{}` takes {expected} cells, not the {found} `{value}`", path.display())]
    WrongKind {
        /// The path given.
        path: PathBuf,
        /// The column's name.
        name: String,
        /// The column's kind.
        expected: &'static str,
        /// The cell's kind.
        found: &'static str,
        /// The cell.
        value: String,
    },
    /// A row cannot be put into the format of the file.
    #[error("a row for `{}` cannot be encoded; make its texts shorter", path.display())]
    Encode {
        /// The path given.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The system starts no thread to write the file.
    #[error(
        "`{}` cannot be written: the system starts no thread for it; let this process have more threads or memory",
        path.display()
    )]
    NoThread {
        /// The path given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The thread that writes the file has panicked.
    #[error(
        "the writer of `{}` has panicked, which is a bug of this program: report it; {}",
        path.display(),
        partial.as_ref().map_or_else(
            || "no row is kept".to_owned(),
            |partial| format!("the rows written until then are kept in `{}`", partial.display())
        )
    )]
    Panicked {
        /// The path given.
        path: PathBuf,
        /// The file that keeps the rows until then, where there are any.
        partial: Option<PathBuf>,
    },
    /// The file cannot be written any further.
    #[error("`{}` cannot be written; {}", path.display(), Kept { rows: *rows, partial: partial.as_deref(), rest: rest.as_deref() })]
    Write {
        /// The path given.
        path: PathBuf,
        /// The number of rows kept, counted from the first.
        rows: u64,
        /// The file that keeps them, where there are any.
        partial: Option<PathBuf>,
        /// The file that keeps the last of them, where the first one could not take them.
        rest: Option<PathBuf>,
        /// What the system says.
        source: io::Error,
    },
    /// The file is complete but cannot be given its name.
    #[error(
        "`{}` cannot be put in place; all {rows} rows are kept in `{}`, rename it by hand",
        path.display(), partial.display()
    )]
    Rename {
        /// The path given.
        path: PathBuf,
        /// The number of rows.
        rows: u64,
        /// The file that keeps them.
        partial: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The sink is used after it has failed.
    #[error("`{}` takes no more rows after an earlier error; fix what that error names and start again", path.display())]
    Closed {
        /// The path given.
        path: PathBuf,
    },
}

struct Kept<'p> {
    rows: u64,
    partial: Option<&'p Path>,
    rest: Option<&'p Path>,
}

impl fmt::Display for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(partial) = self.partial else {
            return f.write_str("no row could be kept; make room, or give another path, and start again");
        };
        write!(f, "its first {} rows are kept in `{}`", self.rows, partial.display())?;
        if let Some(rest) = self.rest {
            write!(f, " and, after them, in `{}`", rest.display())?;
        }
        f.write_str("; make room, or give another path, and start again")
    }
}
