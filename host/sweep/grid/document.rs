//! The grid document: the JSON or TOML of a file or a request, before it becomes a grid.
//!
//! Never knows a plugin. A document keeps its text's structure, so that it can be passed on and written again.

use std::{io, path::Path};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    error::GridError,
    file::{DocumentFormat, read},
    node::Node,
    written::Grid,
};
use crate::file::{LIST, read_at_most};

/// The document of a grid. It serialises as it was written, but for whole numbers, which lose their `.0`.
///
/// # Examples
///
/// ```
/// use host::sweep::grid::GridDocument;
///
/// let document: GridDocument = serde_json::from_str(r#"{"fast": [5, 10], "sample": 4}"#)?;
/// assert_eq!(document.grid()?.axes().collect::<Vec<_>>(), ["fast"]);
/// assert_eq!(serde_json::to_string(&document)?, r#"{"fast":[5,10],"sample":4}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GridDocument(Node);

impl GridDocument {
    /// Reads the file at `path`, which ends in `.json` or `.toml`, and makes sure that it holds a grid.
    ///
    /// # Errors
    ///
    /// Returns an error that names the file if it cannot be read, or does not hold a grid.
    pub fn load(path: &Path) -> Result<Self, GridError> {
        DocumentFormat::of(path)?;
        let bytes = read_at_most(path, LIST).map_err(|problem| GridError::Read { path: path.to_owned(), problem })?;
        Self::from_bytes(path, bytes)
    }

    /// Reads the bytes of the file at `path`, and makes sure that they hold a grid.
    ///
    /// # Errors
    ///
    /// Returns an error that names the file if the bytes do not hold a grid.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, GridError> {
        let format = DocumentFormat::of(path)?;
        let text = String::from_utf8(bytes).map_err(|error| GridError::Read {
            path: path.to_owned(),
            problem: io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()),
        })?;
        let document = format.node(&text).map(Self).and_then(|document| document.grid().map(|_| document));
        document.map_err(|problem| GridError::File { path: path.to_owned(), problem: Box::new(problem) })
    }

    /// Reads a document in JSON.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not JSON.
    pub fn from_json(text: &str) -> Result<Self, GridError> {
        DocumentFormat::Json.node(text).map(Self)
    }

    /// The grid that the document describes.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not describe a grid.
    pub fn grid(&self) -> Result<Grid, GridError> {
        read(self.0.clone())
    }
}

impl Grid {
    /// Reads the grid in the file at `path`, which ends in `.json` or `.toml`.
    ///
    /// # Errors
    ///
    /// Returns an error that names the file if it cannot be read, or does not hold a grid.
    pub fn load(path: &Path) -> Result<Self, GridError> {
        GridDocument::load(path)?.grid()
    }

    /// Reads the grid in the bytes of the file at `path`, which ends in `.json` or `.toml`.
    ///
    /// # Errors
    ///
    /// Returns an error that names the file if the bytes do not hold a grid.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, GridError> {
        GridDocument::from_bytes(path, bytes)?.grid()
    }
}

impl Serialize for GridDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for GridDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Node::deserialize(deserializer).map(Self)
    }
}
