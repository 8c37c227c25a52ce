//! Errors of the store.
//!
//! Never ends a sweep: a sweep without its store has the same results.

use std::{io, path::PathBuf};

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No variable names a place for it.
    #[error("no place for the store; set `HOST_STORE`, or give `--store DIR`")]
    NoPlace,
    /// It does not exist.
    #[error("`{}` does not exist; a sweep makes it", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A file or a folder in it cannot be made, read or renamed.
    #[error("the store cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or the folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file in it was written by another version, or is damaged.
    #[error("`{}` is not a file of this store: {problem}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A write to it has failed before.
    #[error("`{}` takes no more results, since a write has failed", path.display())]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// A result has no place in a file.
    #[error("a result cannot be encoded: {0}")]
    Encode(String),
}

impl StoreError {
    /// Makes the error of the system for `path`.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
