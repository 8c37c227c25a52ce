//! Files and directories that are one user's alone.
//!
//! Never follows a link, but for those that lead to the cache's directory.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io,
    path::Path,
};

use super::error::CacheError;

/// What to do about a directory that others can use. What they wrote does not know the secret.
const CLOSE: &str = "make it private with `chmod go=`, or set `HOST_CACHE_DIR` to another directory";

/// Makes the directory at `root` and those above it, for this user alone; leaves alone what is there.
pub(super) fn create(root: &Path) -> Result<(), CacheError> {
    let is_there = fs::symlink_metadata(root).is_ok();
    if is_there {
        return Ok(());
    }
    builder().recursive(true).create(root).map_err(|source| CacheError::Create { path: root.to_owned(), source })
}

/// Makes one directory in the cache, unless it is there.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    match builder().create(folder) {
        // What else may be there refuses the files that are made in it; a link would take them elsewhere.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !folder.is_symlink() => Ok(()),
        created => created,
    }
}

/// Checks that `root` is a directory of this user's alone.
///
/// It may be replaced after that, where others can write the directory above it; the check of the secret, which is of an
/// open file, then fails.
pub(super) fn check(root: &Path) -> Result<(), CacheError> {
    let metadata = fs::symlink_metadata(root).map_err(|source| CacheError::Read { path: root.to_owned(), source })?;
    let found = match metadata.file_type() {
        kind if kind.is_dir() => return check_rights(root, &metadata, CLOSE),
        kind if kind.is_symlink() => "a link, which is not followed",
        _ => "a file",
    };
    Err(CacheError::NotDirectory { path: root.to_owned(), found })
}

/// Checks that a file or a directory is of this user's alone; `remedy` says what to do where others have rights.
#[cfg(unix)]
pub(super) fn check_rights(path: &Path, metadata: &Metadata, remedy: &'static str) -> Result<(), CacheError> {
    use std::os::unix::fs::MetadataExt as _;
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

#[cfg(not(unix))]
pub(super) fn check_rights(_: &Path, _: &Metadata, _: &'static str) -> Result<(), CacheError> {
    Ok(())
}

/// Opens a file for reading that is not a link. It may be no regular file; opening it does not wait.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use nix::fcntl::OFlag;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    }
    options.open(path)
}

fn builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
