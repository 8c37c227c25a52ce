//! How a plugin makes its errors.
//!
//! Never decides what becomes of them: each fails its own task.

use crate::Error;

impl Error {
    /// The parameters make no sense together: `why` says which and why, as in `fast (50) is not below slow (20)`.
    pub fn invalid(why: impl Into<String>) -> Self {
        Self::InvalidParams(why.into())
    }

    /// The plugin met a problem of its own: `why` says what.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

/// A text alone is a problem of the plugin's own.
impl From<String> for Error {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// A text alone is a problem of the plugin's own.
impl From<&str> for Error {
    fn from(why: &str) -> Self {
        Self::Failed(why.to_owned())
    }
}
