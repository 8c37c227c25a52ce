//! The cache: bytes on disk that took long to compute, found by a hash of all their inputs.
//!
//! Never knows what the bytes mean, and never trusts the disk: [`Cache::get`] returns what a process of the same user
//! has [`put`](Cache::put), bit for bit, or nothing. A caller may therefore execute the bytes without a check.
//!
//! ```text
//! <root>/secret                          a random key, created once, that authenticates entries
//! <root>/compiled-v1/<64 hex digits>     an entry: header, keyed hash, payload
//! <root>/compiled-v1/.tmp-x1y2z3         an entry that a process is writing
//! ```
//!
//! Every entry carries a keyed blake3 hash of its bucket, format, key and payload. `get` reads it into memory once, and
//! returns the very bytes that it has verified. An entry that is damaged, cut off, sealed with another secret or stored
//! under another name is a miss. Processes share a directory without a lock: a rename makes a file appear whole, and a
//! file that vanishes before it is read is a miss too.
//!
//! The directory belongs to its user alone, on Unix with mode 0700; any other directory is refused. The owner and the
//! mode of the secret are those of the open file. Other systems rely on the rights that the directory inherits.
//!
//! Thousands of small values that are used together go into one entry: a [`Pack`].
//!
//! # Examples
//!
//! ```
//! use host::cache::{Bucket, Cache, DEFAULT_CAP, Key};
//!
//! const SQUARES: Bucket = Bucket::new("squares", 1);
//!
//! # let folder = tempfile::tempdir()?;
//! let cache = Cache::open(&folder.path().join("cache"), DEFAULT_CAP)?;
//! let key = Key::of(&[("of", b"12")]);
//! assert_eq!(cache.get(SQUARES, &key), None);
//! cache.put(SQUARES, &key, b"144")?;
//! assert_eq!(cache.get(SQUARES, &key).as_deref(), Some(&b"144"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod error;
mod files;
mod key;
mod pack;
mod private;
mod root;
mod secret;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

pub use error::{CacheError, PutError};
pub use files::{BucketUsage, Cleared};
pub use key::{Bucket, Key};
pub use pack::{Pack, PackKey};
pub use root::default_root;

use self::{entry::HEADER, secret::Secret};

/// The default for the greatest length of all entries of a cache together, in bytes: 1 GiB.
pub const DEFAULT_CAP: u64 = 1 << 30;

/// The age at which a temporary file belongs to no process.
const HOUR: Duration = Duration::from_secs(3600);

/// The least time between two noted uses of an entry. An hour of builds can fill the cache: with a longer time, pruning
/// would take an entry that every build uses for one that none uses.
const MINUTE: Duration = Duration::from_secs(60);

/// An open cache. Threads may share it.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    secret: Secret,
    cap: u64,
}

impl Cache {
    /// Opens the cache in the directory `root`, and creates it if it does not exist; its entries together have at most
    /// `cap` bytes.
    ///
    /// # Errors
    ///
    /// If the directory cannot be created or read, is open to other users, or holds other files than a cache's.
    pub fn open(root: &Path, cap: u64) -> Result<Self, CacheError> {
        private::create(root)?;
        private::check(root)?;
        Ok(Self { root: root.to_owned(), secret: Secret::load_or_create(root)?, cap })
    }

    /// Opens the cache in the directory `root` if it exists; creates nothing.
    ///
    /// # Errors
    ///
    /// The same as those of [`Cache::open`].
    pub fn existing(root: &Path, cap: u64) -> Result<Option<Self>, CacheError> {
        match private::check(root) {
            Err(CacheError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            checked => checked?,
        }
        let secret = Secret::load(root)?;
        if secret.is_none() {
            secret::check_nothing_foreign(root)?;
        }
        Ok(secret.map(|secret| Self { root: root.to_owned(), secret, cap }))
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The greatest length of all entries together, in bytes.
    pub fn cap(&self) -> u64 {
        self.cap
    }

    /// Returns the payload of the entry `key`, if it exists and is genuine.
    ///
    /// Removes an entry that is not genuine; leaves one that it cannot read for the next `put` to replace.
    pub fn get(&self, bucket: Bucket, key: &Key) -> Option<Vec<u8>> {
        let path = self.path(bucket, key);
        match self.read(&path, bucket, key) {
            Ok(Some(payload)) => return Some(payload),
            // If it cannot be removed, the next `get` refuses it again.
            Ok(None) => _ = files::remove(&path),
            // Whatever the reason, the caller computes the bytes again.
            Err(_) => {}
        }
        None
    }

    /// Keeps `payload` under `key` and replaces what was there. Removes the least recently used entries if all together
    /// exceed the cap.
    ///
    /// # Errors
    ///
    /// If the payload is too large or cannot be written; the cache is unchanged. If old entries cannot be removed; the
    /// new one is kept all the same.
    pub fn put(&self, bucket: Bucket, key: &Key, payload: &[u8]) -> Result<(), PutError> {
        let bytes = (HEADER + payload.len()) as u64;
        let most = files::pruned(self.cap);
        if bytes > most {
            return Err(PutError::TooLarge { bytes, most, cap: self.cap });
        }
        let path = self.path(bucket, key);
        let header = entry::seal(&self.secret, bucket, key, payload);
        write(&path, &header, payload).map_err(|source| PutError::Write { path: path.clone(), source })?;
        files::prune(&self.root, self.cap, &path).map_err(|source| PutError::Prune { path: self.root.clone(), source })
    }

    /// Counts the entries of each bucket that is not empty, in the order of their names.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub fn usage(&self) -> Result<Vec<BucketUsage>, CacheError> {
        files::usage(&self.root).map_err(|source| CacheError::Read { path: self.root.clone(), source })
    }

    /// Removes every entry of every bucket and format, and nothing else: the secret and foreign files stay.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read, or an entry cannot be removed.
    pub fn clear(&self) -> Result<Cleared, CacheError> {
        files::clear(&self.root).map_err(|source| CacheError::Clear { path: self.root.clone(), source })
    }

    fn path(&self, bucket: Bucket, key: &Key) -> PathBuf {
        self.root.join(bucket.to_string()).join(key.to_string())
    }

    /// Reads the payload of the file at `path`; `None` if it is not the genuine entry `key`.
    fn read(&self, path: &Path, bucket: Bucket, key: &Key) -> io::Result<Option<Vec<u8>>> {
        if path.parent().is_some_and(Path::is_symlink) {
            return Err(ErrorKind::NotADirectory.into());
        }
        let mut file = private::open(path)?;
        let metadata = file.metadata()?;
        let Some(length) = metadata.len().checked_sub(HEADER as u64).filter(|_| metadata.is_file()) else {
            return Ok(None);
        };
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        // Before the payload, so that neither a damaged length nor a huge file takes memory.
        if length > self.cap || !entry::names(&header, bucket, key, length) {
            return Ok(None);
        }
        let mut payload = Vec::new();
        file.read_to_end(&mut payload)?;
        if !entry::is_genuine(&self.secret, &header, bucket, &payload) {
            return Ok(None);
        }
        date(&file, metadata.modified()?);
        Ok(Some(payload))
    }
}

/// Notes a use of the file, last used at `used`; to the minute, since every note is a write.
fn date(file: &File, used: SystemTime) {
    let now = SystemTime::now();
    // A time in the future comes from a clock that was wrong.
    if now.duration_since(used).is_ok_and(|age| age < MINUTE) {
        return;
    }
    // A read-only disk serves all the same; an entry without a note is only pruned earlier.
    let _ = file.set_modified(now);
}

/// Writes a file that is complete or absent, and creates its directory.
fn write(path: &Path, header: &[u8], payload: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    private::create_folder(folder)?;
    let mut file = tempfile::Builder::new().prefix(files::TEMPORARY).tempfile_in(folder)?;
    file.write_all(header)?;
    file.write_all(payload)?;
    file.as_file().sync_all()?;
    // The directory is not synchronised: a crash of the machine may lose the entry, but the previous one stays whole.
    file.persist(path)?;
    Ok(())
}
