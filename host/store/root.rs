//! The place of a store, which the environment names where nobody else does.
//!
//! Never knows what is in it.

use std::{
    env,
    ffi::OsString,
    path::{self, Path, PathBuf},
};

use super::{error::StoreError, folder::builder};

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

    /// The store in the folder that the environment names ([`default_root`]), if it exists.
    #[must_use]
    pub fn of_environment() -> Option<Self> {
        default_root().ok().flatten().and_then(|root| Self::existing(&root).ok())
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of its books.
    pub(super) fn books(&self) -> PathBuf {
        self.root.join("books")
    }
}

/// What `$HOST_STORE` says to use none.
const OFF: &str = "off";

/// Returns the folder that the environment names: `$HOST_STORE`, else `$XDG_STATE_HOME/host/results`, else
/// `$HOME/.local/state/host/results`; `None` if `$HOST_STORE` is `off`. A variable that is empty counts as not set.
///
/// # Errors
///
/// If none is set, or if `HOST_STORE` is relative and the working directory no longer exists.
pub fn default_root() -> Result<Option<PathBuf>, StoreError> {
    root_of(|name| env::var_os(name))
}

fn root_of(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<PathBuf>, StoreError> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match set("HOST_STORE") {
        Some(root) if root.as_os_str().eq_ignore_ascii_case(OFF) => return Ok(None),
        Some(root) => return path::absolute(&root).map(Some).map_err(StoreError::io("find", root)),
        None => {}
    }
    // The XDG base directory specification ignores relative paths.
    let home = |name| set(name).filter(|path| path.is_absolute());
    let state = home("XDG_STATE_HOME").or_else(|| Some(home("HOME")?.join(".local/state")));
    Ok(Some(state.ok_or(StoreError::NoPlace)?.join("host/results")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: Option<&str>) {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        assert_eq!(root_of(variable).ok().flatten(), expected.map(PathBuf::from), "{variables:?}");
    }

    #[test]
    fn the_most_particular_variable_that_is_set_decides() {
        check(&[("HOST_STORE", "/a"), ("XDG_STATE_HOME", "/b"), ("HOME", "/c")], Some("/a"));
        check(&[("HOST_STORE", ""), ("XDG_STATE_HOME", "/b"), ("HOME", "/c")], Some("/b/host/results"));
        check(&[("XDG_STATE_HOME", "b"), ("HOME", "/c")], Some("/c/.local/state/host/results"));
        check(&[("HOST_STORE", "off"), ("HOME", "/c")], None);
        assert!(root_of(|_| None).is_err());
    }
}
