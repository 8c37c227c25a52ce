//! Why there is no cache, or why something is not in it.
//!
//! Never a reason to stop: whoever has no cache makes the bytes anew.

use std::{io, path::PathBuf};

/// Why a cache is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The environment names no directory.
    #[error(
        "there is no place for a cache: neither `XDG_CACHE_HOME` nor `HOME` is an absolute path; \
             set `HOST_CACHE_DIR` to a directory"
    )]
    NoPlace,
    /// The directory cannot be made.
    #[error("cannot make the cache directory `{path}`; set `HOST_CACHE_DIR` to one that can be written")]
    Create {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The directory or its secret cannot be read.
    #[error("cannot read the cache in `{path}`")]
    Read {
        /// The directory or the file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something else is in the directory's place.
    #[error("the cache `{path}` is {found}; set `HOST_CACHE_DIR` to a directory")]
    NotDirectory {
        /// The directory.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The directory or its secret is another user's.
    #[error(
        "`{path}` belongs to user {owner}, and this is user {user}, which keeps nothing where others can write; \
             set `HOST_CACHE_DIR` to a directory of your own"
    )]
    OtherOwner {
        /// The directory or the file.
        path: PathBuf,
        /// The number of its owner.
        owner: u32,
        /// The number of the user that runs this process.
        user: u32,
    },
    /// The directory or its secret is open to others.
    #[error("`{path}` has mode {mode:04o}, so that others may read or write what this user runs; {remedy}")]
    OpenToOthers {
        /// The directory or the file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The directory holds something, but no secret.
    #[error(
        "`{path}` is not a cache: it holds `{found}` and no `secret`; \
             set `HOST_CACHE_DIR` to a directory that is empty or not there yet"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// The name of one of the things that it holds.
        found: String,
    },
    /// The secret is not one.
    #[error("`{path}` is damaged, or of another version of this program; delete it, and the cache starts anew")]
    BadSecret {
        /// The file.
        path: PathBuf,
    },
    /// The secret cannot be made.
    #[error("cannot make the secret of the cache `{path}`")]
    NewSecret {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An entry cannot be removed.
    #[error("cannot remove all that is in the cache `{path}`")]
    Clear {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Why something was not kept as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The entry would take the whole cache.
    #[error("an entry of {bytes} bytes is not kept: the cache has {cap} bytes, and one entry at most {most}")]
    TooLarge {
        /// The length of the entry.
        bytes: u64,
        /// The greatest length of one.
        most: u64,
        /// That of all together.
        cap: u64,
    },
    /// The entry cannot be written; nothing is kept.
    #[error("cannot write the cache entry `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The entry is kept, but old ones cannot be removed.
    #[error("cannot remove old entries of the cache `{path}`")]
    Prune {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
