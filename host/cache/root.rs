//! The default cache directory, from the environment.
//!
//! Never creates it.

use std::{
    env,
    ffi::OsString,
    path::{self, PathBuf},
};

use super::error::CacheError;

/// Returns the directory that the environment names: `$HOST_CACHE_DIR`, else `$XDG_CACHE_HOME/host`, else
/// `$HOME/.cache/host`. A variable that is empty counts as not set.
///
/// # Errors
///
/// If none is set, or if `HOST_CACHE_DIR` is relative and the working directory no longer exists.
pub fn default_root() -> Result<PathBuf, CacheError> {
    root_of(|name| env::var_os(name))
}

fn root_of(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, CacheError> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(root) = set("HOST_CACHE_DIR") {
        return path::absolute(&root).map_err(|source| CacheError::Read { path: root, source });
    }
    // The XDG base directory specification ignores relative paths.
    let home = |name| set(name).filter(|path| path.is_absolute());
    let caches = home("XDG_CACHE_HOME").or_else(|| Some(home("HOME")?.join(".cache")));
    Ok(caches.ok_or(CacheError::NoPlace)?.join("host"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: Option<&str>) {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        assert_eq!(root_of(variable).ok(), expected.map(PathBuf::from), "{variables:?}");
    }

    #[test]
    fn the_most_particular_variable_that_is_set_decides() {
        check(&[("HOST_CACHE_DIR", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/a"));
        check(&[("HOST_CACHE_DIR", ""), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/b/host"));
        check(&[("XDG_CACHE_HOME", "b"), ("HOME", "/c")], Some("/c/.cache/host"));
        check(&[("HOME", "")], None);
        check(&[], None);
    }

    #[test]
    fn a_relative_directory_stays_where_it_was_when_the_process_moves() {
        let here = env::current_dir().unwrap().join("a");
        check(&[("HOST_CACHE_DIR", "a")], here.to_str());
    }
}
