//! The symbols of data sets whose symbols ran alone, each with the hash of its bars.
//!
//! Never has a bar. Who knows a run finds the books of its symbols by them.

use std::{fs, io, path::PathBuf};

use super::{error::StoreError, folder::create_folder, root::Store};
use crate::{file::write_soon, model::Digest};

impl Store {
    /// Keeps the symbols of the data with the hash `data`, unless they are there.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be written.
    pub(crate) fn keep_symbols(&self, data: Digest, symbols: &[(&str, Digest)]) -> Result<(), StoreError> {
        let path = self.symbols_file(data);
        if path.exists() {
            return Ok(());
        }
        create_folder(&self.symbols_folder())?;
        let text = serde_json::to_vec(symbols).map_err(|error| StoreError::Encode(error.to_string()))?;
        write_soon(&path, &text).map_err(StoreError::io("write", path))
    }

    /// The symbols of the data with the hash `data`, in its order, if a run has kept them.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be read.
    pub fn symbols(&self, data: Digest) -> Result<Option<Vec<(String, Digest)>>, StoreError> {
        let path = self.symbols_file(data);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(StoreError::io("read", &path))?,
        };
        let foreign = |error: serde_json::Error| StoreError::Foreign { path, problem: error.to_string() };
        serde_json::from_slice(&text).map(Some).map_err(foreign)
    }

    fn symbols_folder(&self) -> PathBuf {
        self.root().join("symbols")
    }

    fn symbols_file(&self, data: Digest) -> PathBuf {
        self.symbols_folder().join(format!("{data}.json"))
    }
}
