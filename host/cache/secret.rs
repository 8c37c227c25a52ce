//! The secret of a cache: 32 random bytes that only this user can read, and that authenticate every entry.
//!
//! Never shown, never changed. Its file also marks a directory as a cache.

use std::{
    fmt, fs,
    io::{self, ErrorKind, Read as _, Write as _},
    path::Path,
};

use super::{error::CacheError, files::TEMPORARY, key, private};

const NAME: &str = "secret";

/// The start of the file; the number is the version of the file's format.
const MARK: &[u8; 16] = b"host cache key 1";

/// The way out of a secret that others may know.
const REPLACE: &str = "delete it, and the cache starts empty";

/// The length of the file, in bytes.
const LENGTH: usize = MARK.len() + blake3::KEY_LEN;

/// The secret of one cache directory.
pub(super) struct Secret([u8; blake3::KEY_LEN]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Returns the secret of the directory, and creates one if it has none.
    pub(super) fn load_or_create(root: &Path) -> Result<Self, CacheError> {
        if let Some(secret) = Self::load(root)? {
            return Ok(secret);
        }
        if let Err(foreign) = check_nothing_foreign(root) {
            // Meanwhile another process may have created the secret and entries.
            return Self::load(root)?.ok_or(foreign);
        }
        let path = root.join(NAME);
        create(root).map_err(|source| CacheError::NewSecret { path: path.clone(), source })?;
        // Whichever process was first, all of them use the file that is there now.
        let vanished = || CacheError::NewSecret { path, source: ErrorKind::NotFound.into() };
        Self::load(root)?.ok_or_else(vanished)
    }

    /// Returns the secret of the directory if it has one.
    pub(super) fn load(root: &Path) -> Result<Option<Self>, CacheError> {
        let path = root.join(NAME);
        let file = match private::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|source| CacheError::Read { path: path.clone(), source })?,
        };
        let unreadable = |source| CacheError::Read { path: path.clone(), source };
        let metadata = file.metadata().map_err(unreadable)?;
        private::check_rights(&path, &metadata, REPLACE)?;
        if !metadata.is_file() || metadata.len() != LENGTH as u64 {
            return Err(CacheError::BadSecret { path });
        }
        let mut bytes = [0; LENGTH];
        (&file).read_exact(&mut bytes).map_err(unreadable)?;
        let (mark, secret) = bytes.split_at(MARK.len());
        let secret = secret.try_into().ok().filter(|_| mark == MARK);
        secret.map(|secret| Some(Self(secret))).ok_or(CacheError::BadSecret { path })
    }

    /// Returns a hasher keyed with the secret.
    pub(super) fn hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.0)
    }
}

/// Creates a secret, unless another process is first.
fn create(root: &Path) -> io::Result<()> {
    let mut secret = [0; blake3::KEY_LEN];
    getrandom::fill(&mut secret)?;
    // A temporary file has mode 0600 from the start.
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(root)?;
    file.write_all(MARK)?;
    file.write_all(&secret)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(root.join(NAME)) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// Checks that a directory without a secret holds nothing that might belong to someone. Buckets may be there, of a
/// secret that was deleted.
pub(super) fn check_nothing_foreign(root: &Path) -> Result<(), CacheError> {
    let unreadable = |source| CacheError::Read { path: root.to_owned(), source };
    for found in fs::read_dir(root).map_err(unreadable)? {
        let found = found.map_err(unreadable)?.file_name();
        let found = found.to_string_lossy();
        if !found.starts_with(TEMPORARY) && !key::names_bucket(&found) {
            return Err(CacheError::Foreign { path: root.to_owned(), found: found.into_owned() });
        }
    }
    Ok(())
}
