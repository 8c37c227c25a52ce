//! Whole files: complete or absent under their final names.
//!
//! Never decides what is in them.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// How the name of a file begins and ends that is not complete yet.
const PARTIAL: (&str, &str) = (".host-", ".partial");

/// How the names began before they had a beginning of their own.
const PARTIAL_BEFORE: &str = ".tmp";

/// Writes `bytes` to `path`, over what was there. They are on the disk before they have the name. A link stays one; what is
/// not a regular file, like a device or a pipe, is refused, since a file would take its place.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &target(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL.0).suffix(PARTIAL.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any other file, the umask decides who may read it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Removes what killed processes have left half written in `folder`, which nobody else writes to. Returns how many files.
pub(crate) fn remove_partial(folder: &Path) -> io::Result<usize> {
    remove(folder, |name, _| is_partial(name) || name.starts_with(PARTIAL_BEFORE))
}

/// The same in a folder that others may be writing to: only what is older than `age`, and is surely ours.
pub(crate) fn remove_partial_older(folder: &Path, age: Duration) -> io::Result<usize> {
    let is_old = |file: &fs::Metadata| file.modified().is_ok_and(|at| at.elapsed().is_ok_and(|since| since > age));
    remove(folder, |name, file| is_partial(name) && is_old(file))
}

fn is_partial(name: &str) -> bool {
    name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1)
}

fn remove(folder: &Path, is_litter: impl Fn(&str, &fs::Metadata) -> bool) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, file) = (entry.file_name(), entry.metadata()?);
        if file.is_file() && name.to_str().is_some_and(|name| is_litter(name, &file)) {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The file that `path` leads to.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        Ok(there) if there.is_file() => fs::canonicalize(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_one_and_what_is_not_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, b"after").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"after");
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [folder.path(), socket.as_path()] {
            assert_eq!(write_whole(path, b"x").unwrap_err().kind(), io::ErrorKind::InvalidInput);
            assert!(!path.is_file());
        }
    }

    #[test]
    fn what_is_half_written_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let all = [".host-a1b2c3.partial", ".tmpXyZ123", ".host-note", "x.partial", "whole.json"];
        all.iter().for_each(|name| fs::write(folder.path().join(name), "x").unwrap());
        fs::create_dir(folder.path().join(".tmp-folder")).unwrap();
        let left = |all: &[&str]| all.iter().filter(|name| folder.path().join(name).exists()).count();
        assert_eq!(remove_partial_older(folder.path(), Duration::from_secs(3600)).unwrap(), 0, "somebody may be at it");
        assert_eq!((remove_partial(folder.path()).unwrap(), left(&all)), (2, 3));
        assert!(folder.path().join(".tmp-folder").exists());
        write_whole(&folder.path().join("whole.json"), b"y").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left of what was written");
    }
}
