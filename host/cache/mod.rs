//! A directory of bytes that took long to make, each found by a hash of everything that it was made of.
//!
//! Never knows what the bytes mean, and never trusts the disk: what [`Cache::get`] returns is what a process of the same
//! user has [`put`](Cache::put), bit for bit, or nothing. Bytes may therefore be kept here that are executed unchecked.
//!
//! ```text
//! <root>/secret                          who may write entries: a random key, made once
//! <root>/compiled-v1/<64 hex digits>     an entry: header, MAC, payload
//! <root>/compiled-v1/.tmp-x1y2z3         an entry on its way
//! ```
//!
//! Every entry carries a keyed blake3 hash of its bucket, format, key and payload. It is read into memory once; the
//! bytes that are verified are the bytes that are returned. An entry that is damaged, cut off, of another secret or
//! under another's name is a miss. Processes share a directory without a lock: files appear whole by a rename, and one
//! that vanishes under a reader's hands is a miss too.
//!
//! The directory belongs to its user alone, on Unix with mode 0700, and is refused otherwise; the secret's owner and
//! mode are asked of the open file. Elsewhere the rights that the directory inherits are all there is.
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

/// How many bytes the entries of a cache may have where nobody says otherwise: 1 GiB.
pub const DEFAULT_CAP: u64 = 1 << 30;

/// The age at which a temporary file belongs to no process.
const HOUR: Duration = Duration::from_secs(3600);

/// How long after an entry's last noted use the next one is noted. What a user saves in an hour can fill the cache, so that
/// longer would let go of what every save uses.
const MINUTE: Duration = Duration::from_secs(60);

/// An open cache. Threads may share it.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    secret: Secret,
    cap: u64,
}

impl Cache {
    /// Opens the cache in the directory `root`, which is made if there is none; its entries together have at most `cap`
    /// bytes.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be made or read, is not its user's alone, or holds other things than a cache.
    pub fn open(root: &Path, cap: u64) -> Result<Self, CacheError> {
        private::create(root)?;
        private::check(root)?;
        Ok(Self { root: root.to_owned(), secret: Secret::load_or_create(root)?, cap })
    }

    /// Opens the cache in the directory `root` if there is one; makes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Cache::open`].
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

    /// How many bytes the entries may have together.
    pub fn cap(&self) -> u64 {
        self.cap
    }

    /// Returns what was put under `key`, if it is there and genuine.
    ///
    /// An entry that is neither is removed; one that cannot be read is left for the next `put` to replace.
    pub fn get(&self, bucket: Bucket, key: &Key) -> Option<Vec<u8>> {
        let path = self.path(bucket, key);
        match self.read(&path, bucket, key) {
            Ok(Some(payload)) => return Some(payload),
            // What cannot be removed is as little trusted the next time.
            Ok(None) => _ = files::remove(&path),
            // To the caller, who makes the bytes anew, every reason not to have them is the same.
            Err(_) => {}
        }
        None
    }

    /// Keeps `payload` under `key`, in place of what was there, and removes the entries that were used least recently
    /// where all of them exceed the cap.
    ///
    /// # Errors
    ///
    /// Where the payload is too large or cannot be written; the cache is as it was. Where room cannot be made for it;
    /// it is kept all the same.
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

    /// Counts the entries of each bucket that has any, in the order of their names.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be read.
    pub fn usage(&self) -> Result<Vec<BucketUsage>, CacheError> {
        files::usage(&self.root).map_err(|source| CacheError::Read { path: self.root.clone(), source })
    }

    /// Removes every entry of every bucket and format, and nothing else: the secret stays, and so does what is not ours.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be read, or an entry cannot be removed.
    pub fn clear(&self) -> Result<Cleared, CacheError> {
        files::clear(&self.root).map_err(|source| CacheError::Clear { path: self.root.clone(), source })
    }

    fn path(&self, bucket: Bucket, key: &Key) -> PathBuf {
        self.root.join(bucket.to_string()).join(key.to_string())
    }

    /// Reads the payload of the file at `path`; none if it is not what was put under this key.
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
        // Before a payload is read, so that neither a damaged length nor a monster of a file takes memory.
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

/// Notes that the file, last used at `used`, is in use; to the minute, since it costs a write.
fn date(file: &File, used: SystemTime) {
    let now = SystemTime::now();
    // A time in the future is of a clock that was wrong.
    if now.duration_since(used).is_ok_and(|age| age < MINUTE) {
        return;
    }
    // A disk that cannot be written serves all the same; an entry that is not dated is only pruned earlier.
    let _ = file.set_modified(now);
}

/// Writes a file that is complete or absent, and the directory that it is in.
fn write(path: &Path, header: &[u8], payload: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    private::create_folder(folder)?;
    let mut file = tempfile::Builder::new().prefix(files::TEMPORARY).tempfile_in(folder)?;
    file.write_all(header)?;
    file.write_all(payload)?;
    file.as_file().sync_all()?;
    // The directory is not synchronised: a crash of the machine may cost the entry, but the one before is whole.
    file.persist(path)?;
    Ok(())
}
