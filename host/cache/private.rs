//! File permissions: files and directories that only their user can use.
//!
//! Never follows a link, except on the way to the cache's directory.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io,
    os::unix::fs::MetadataExt as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use nix::fcntl::OFlag;

use super::error::CacheError;

/// The way out of a directory that others can use. What they wrote into it is not sealed with the secret.
const CLOSE: &str = "make it private with `chmod go=`, or set `HOST_CACHE_DIR` to another directory";

/// Creates the directory `root` and its parents for this user alone; leaves existing ones as they are.
pub(super) fn create(root: &Path) -> Result<(), CacheError> {
    let is_there = fs::symlink_metadata(root).is_ok();
    if is_there {
        return Ok(());
    }
    builder().recursive(true).create(root).map_err(|source| CacheError::Create { path: root.to_owned(), source })
}

/// Creates one directory in the cache, unless it exists.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    match builder().create(folder) {
        // If a file is there, creating files in it fails; a link would lead them elsewhere.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !folder.is_symlink() => Ok(()),
        created => created,
    }
}

/// Checks that `root` is a directory that is this user's alone.
///
/// If others can write to the directory above it, they can replace it afterwards. Then the check of the secret fails,
/// since it examines the open file.
pub(super) fn check(root: &Path) -> Result<(), CacheError> {
    let metadata = fs::symlink_metadata(root).map_err(|source| CacheError::Read { path: root.to_owned(), source })?;
    let found = match metadata.file_type() {
        kind if kind.is_dir() => return check_rights(root, &metadata, CLOSE),
        kind if kind.is_symlink() => "a link, which is not followed",
        _ => "a file",
    };
    Err(CacheError::NotDirectory { path: root.to_owned(), found })
}

/// Checks that a file or a directory is this user's alone; `remedy` says what to do if others have rights.
pub(super) fn check_rights(path: &Path, metadata: &Metadata, remedy: &'static str) -> Result<(), CacheError> {
    let (owner, user) = (metadata.uid(), nix::unistd::geteuid().as_raw());
    if owner != user {
        return Err(CacheError::OtherOwner { path: path.to_owned(), owner, user });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(CacheError::OpenToOthers { path: path.to_owned(), mode, remedy });
    }
    Ok(())
}

/// Opens a file for reading, unless it is a link. It may not be a regular file; opening it never blocks.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    options.open(path)
}

fn builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
