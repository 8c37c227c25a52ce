//! Cache errors: why a cache is not used, and why an entry is not kept.
//!
//! Never a reason to stop: a caller without a cache computes the bytes again.

use std::{io, path::PathBuf};

/// Why a cache is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The environment names no directory.
    #[error(
        "no directory for the cache: neither `XDG_CACHE_HOME` nor `HOME` is an absolute path; \
             set `HOST_CACHE_DIR` to a directory"
    )]
    NoPlace,
    /// The directory cannot be created.
    #[error("cannot create the cache directory `{path}`; set `HOST_CACHE_DIR` to one that you can write to")]
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
    /// The path is not a directory.
    #[error("the cache `{path}` is {found}; set `HOST_CACHE_DIR` to a directory")]
    NotDirectory {
        /// The directory.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The directory or its secret belongs to another user.
    #[error(
        "`{path}` belongs to user {owner}, but this is user {user}, and the cache must be private to one user; \
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
    /// Other users can read or write the directory or its secret.
    #[error("`{path}` has mode {mode:04o}, so other users can read or write code that this user runs; {remedy}")]
    OpenToOthers {
        /// The directory or the file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The way out.
        remedy: &'static str,
    },
    /// The directory holds other files, but no secret.
    #[error(
        "`{path}` is not a cache: it holds `{found}` and no `secret`; \
             set `HOST_CACHE_DIR` to a directory that is empty or does not exist yet"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// The name of one of these files.
        found: String,
    },
    /// The file of the secret does not hold a secret.
    #[error(
        "`{path}` is damaged, or belongs to another version of this program; delete it, and the cache starts empty"
    )]
    BadSecret {
        /// The file.
        path: PathBuf,
    },
    /// The secret cannot be created.
    #[error("cannot create the secret of the cache `{path}`")]
    NewSecret {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An entry cannot be removed.
    #[error("cannot remove every entry of the cache `{path}`")]
    Clear {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Why an entry was not kept, or not without a problem.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The entry would take up the whole cache.
    #[error("an entry of {bytes} bytes is too large: the cache holds {cap} bytes, and one entry at most {most}")]
    TooLarge {
        /// The length of the entry.
        bytes: u64,
        /// The greatest length of one entry.
        most: u64,
        /// The greatest length of all entries together.
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
