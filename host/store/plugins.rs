//! The plugins whose results the store has, so that each can be computed again.
//!
//! Never runs one. A plugin goes with the last book of its results.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{error::StoreError, folder::create_folder, root::Store};
use crate::{file::write_whole, model::Digest};

/// What the name of a file ends with.
const SUFFIX: &str = ".wasm";

/// A plugin's file.
#[derive(Debug)]
pub(super) struct PluginFile {
    pub(super) digest: Digest,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

impl Store {
    /// Keeps the plugin `bytes`, whose hash is `digest`, unless it is there.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be written.
    pub(crate) fn keep_plugin(&self, digest: Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.plugin_file(digest);
        if path.exists() {
            return Ok(());
        }
        create_folder(path.parent().unwrap_or(Path::new(".")))?;
        write_whole(&path, bytes).map_err(StoreError::io("write", path))
    }

    /// The file of the plugin with the hash `digest`, if it is there. Who loads it compares the hash.
    pub fn plugin(&self, digest: Digest) -> Option<PathBuf> {
        Some(self.plugin_file(digest)).filter(|path| path.is_file())
    }

    fn plugin_file(&self, digest: Digest) -> PathBuf {
        self.root().join("plugins").join(format!("{digest}{SUFFIX}"))
    }

    /// All plugins that are kept.
    pub(super) fn plugin_files(&self) -> Result<Vec<PluginFile>, StoreError> {
        let (folder, mut files) = (self.root().join("plugins"), Vec::new());
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            entries => entries.map_err(StoreError::io("read", &folder))?,
        };
        for entry in entries {
            let path = entry.map_err(StoreError::io("read", &folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(SUFFIX));
            let digest = name.and_then(|name| name.parse().ok());
            // What another process removes meanwhile takes nothing.
            if let (Some(digest), Ok(file)) = (digest, fs::metadata(&path)) {
                files.push(PluginFile { digest, path, bytes: file.len() });
            }
        }
        Ok(files)
    }

    /// Removes the plugins that are none of `wanted`, but those that `is_in_use` keeps. Returns the bytes of those that are gone.
    pub(super) fn prune_plugins(
        &self,
        wanted: &HashSet<Digest>,
        is_in_use: impl Fn(&Path) -> bool,
    ) -> Result<u64, StoreError> {
        let mut gone = 0;
        for PluginFile { digest, path, bytes } in self.plugin_files()? {
            if !wanted.contains(&digest) && !is_in_use(&path) {
                fs::remove_file(&path).map_err(StoreError::io("remove", path))?;
                gone += bytes;
            }
        }
        Ok(gone)
    }
}
