//! The store: results of cells on disk, found by the identity of the cell.
//!
//! Never returns a result under another identity, and never fails a sweep: what cannot be kept or found is run.
//!
//! ```text
//! <root>/books/<hash of everything that decides a result but the parameters>/
//!     book.json                   what that is, in words; its time is that of the last use
//!     0123456789abcdef.cells      cells that one process has run
//!     damaged/                    what cannot be read
//! ```
//!
//! Processes share a store, also on a network disk: each appends to a file of its own, which the others read. A format of our
//! own takes a fifth of the processor time of Parquet, and a cell in it is looked up without decoding others.

mod block;
mod book;
mod catalog;
mod error;
mod index;
mod key;
mod layout;
mod log;
mod root;
#[cfg(test)]
mod tests;

use std::{
    fs::DirBuilder,
    io,
    path::{Path, PathBuf},
};

pub(crate) use self::book::{Book, Kept, Shape};
pub use self::{
    catalog::{BookEntry, Cell, DEFAULT_CAP, Pruned},
    error::StoreError,
    root::default_root,
};
use crate::model::Digest;

/// The folder of this version of the layout in a store's root.
const VERSION: &str = "v1";

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store in the folder `root`, which is made if need be.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be made or read.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: root.join(VERSION) };
        let builder = &mut builder();
        builder.recursive(true).create(store.books()).map_err(StoreError::io("make", store.books()))?;
        Ok(store)
    }

    /// Opens the store in the folder `root`, which exists.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not.
    pub fn existing(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: root.join(VERSION) };
        if store.books().is_dir() { Ok(store) } else { Err(StoreError::Missing { path: store.root }) }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn books(&self) -> PathBuf {
        self.root.join("books")
    }

    /// Opens the book with the identity `digest`; `facts` say in words what that stands for.
    ///
    /// # Errors
    ///
    /// Returns an error if its folder cannot be made, read or written to.
    pub(crate) fn book(&self, digest: Digest, facts: &str, shape: &Shape) -> Result<Book, StoreError> {
        Book::open(&self.books().join(digest.to_string()), facts, shape)
    }
}

/// Makes a folder, unless it exists.
fn create_folder(folder: &Path) -> Result<(), StoreError> {
    match builder().create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        created => created.map_err(StoreError::io("make", folder)),
    }
}

/// Makes folders that are for this user alone.
fn builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
