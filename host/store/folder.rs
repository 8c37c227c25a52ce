//! Folders of the store: for their user alone.
//!
//! Never changes one that exists: who gives a folder to others means it.

use std::{fs::DirBuilder, io, path::Path};

use super::error::StoreError;

/// Makes a folder, unless it exists.
pub(super) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    match builder().create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        created => created.map_err(StoreError::io("make", folder)),
    }
}

/// Makes folders that are for this user alone.
pub(super) fn builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
