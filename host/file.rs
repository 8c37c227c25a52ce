//! Whole files: written so that they are complete or absent under their final names, and read up to a limit.
//!
//! Never decides what is in them, and never reads without an end: a name may lead to a device that has none.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// How the name of a file begins and ends that is not complete yet.
const PARTIAL: (&str, &str) = (".host-", ".partial");

/// How the names began before they had a beginning of their own.
#[cfg(feature = "registry")]
const PARTIAL_BEFORE: &str = ".tmp";

/// The most bytes of a file of settings: an account, the terms of instruments, a description of data, a manifest.
pub(crate) const SETTINGS: u64 = 1 << 20;

/// The most bytes of a list that may be long: tasks, a grid, a request.
pub(crate) const LIST: u64 = 64 << 20;

/// Reads the file or the pipe `path`, if it has at most `limit` bytes.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > limit {
        return Err(too_large(&format!("it has {length} bytes"), limit));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX)).map_err(io::Error::other)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large("it does not end there", limit)) } else { Ok(bytes) }
}

/// Reads the text in the file or the pipe `path`, if it has at most `limit` bytes.
pub(crate) fn read_text_at_most(path: &Path, limit: u64) -> io::Result<String> {
    let text = String::from_utf8(read_at_most(path, limit)?);
    text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

fn too_large(found: &str, limit: u64) -> io::Error {
    let (size, unit) = if limit < 1 << 20 { (limit >> 10, "KiB") } else { (limit >> 20, "MiB") };
    let text = format!("at most {size} {unit} of such a file are read, and {found}; check that it is the file meant");
    io::Error::new(io::ErrorKind::FileTooLarge, text)
}

/// Writes `bytes` to `path`, over what was there. They are on the disk before they have the name. A link stays one; what is
/// not a regular file, like a device or a pipe, is refused, since a file would take its place.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, true)
}

/// The same, but a machine that stops soon after may leave a file that is empty or half written: for what is checked when it is
/// read, and can be made again.
pub(crate) fn write_soon(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, false)
}

fn write(path: &Path, bytes: &[u8], is_lasting: bool) -> io::Result<()> {
    let (mut file, path) = partial(path)?;
    file.write_all(bytes)?;
    if is_lasting {
        file.as_file().sync_all()?;
    }
    file.persist(path)?;
    Ok(())
}

/// A file that is gone when it is dropped, in the folder of the file that `path` leads to; and that file's path, to which it may be
/// persisted. What is not a regular file, like a device or a pipe, is refused.
pub(crate) fn partial(path: &Path) -> io::Result<(tempfile::NamedTempFile, PathBuf)> {
    let path = target(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL.0).suffix(PARTIAL.1);
    // As for any other file, the umask decides who may read it.
    builder.permissions(fs::Permissions::from_mode(0o666));
    Ok((builder.tempfile_in(folder)?, path))
}

/// Removes what killed processes have left half written in `folder`, which nobody else writes to. Returns how many files.
#[cfg(feature = "registry")]
pub(crate) fn remove_partial(folder: &Path) -> io::Result<usize> {
    remove(folder, |name, _| is_partial(name) || name.starts_with(PARTIAL_BEFORE))
}

/// The same in a folder that others may be writing to: only what is older than `age`, and is surely ours.
#[cfg(feature = "registry")]
pub(crate) fn remove_partial_older(folder: &Path, age: std::time::Duration) -> io::Result<usize> {
    let is_old = |file: &fs::Metadata| file.modified().is_ok_and(|at| at.elapsed().is_ok_and(|since| since > age));
    remove(folder, |name, file| is_partial(name) && is_old(file))
}

#[cfg(feature = "registry")]
fn is_partial(name: &str) -> bool {
    name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1)
}

#[cfg(feature = "registry")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text_at_most(&path, 5).unwrap(), "12345");
        let error = read_at_most(&path, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("it has 5 bytes"), "{error}");
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text_at_most(&path, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(read_at_most(folder.path(), 5).is_err());
    }

    #[test]
    fn a_device_without_an_end_is_left() {
        let error = read_at_most(Path::new("/dev/zero"), SETTINGS).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().starts_with("at most 1 MiB of such a file are read, and it does not end there"));
        assert_eq!(read_at_most(Path::new("/dev/null"), 1).unwrap(), b"");
    }

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

    #[cfg(feature = "registry")]
    #[test]
    fn what_is_half_written_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let all = [".host-a1b2c3.partial", ".tmpXyZ123", ".host-note", "x.partial", "whole.json"];
        all.iter().for_each(|name| fs::write(folder.path().join(name), "x").unwrap());
        fs::create_dir(folder.path().join(".tmp-folder")).unwrap();
        let left = |all: &[&str]| all.iter().filter(|name| folder.path().join(name).exists()).count();
        assert_eq!(
            remove_partial_older(folder.path(), std::time::Duration::from_secs(3600)).unwrap(),
            0,
            "somebody may be at it"
        );
        assert_eq!((remove_partial(folder.path()).unwrap(), left(&all)), (2, 3));
        assert!(folder.path().join(".tmp-folder").exists());
        write_whole(&folder.path().join("whole.json"), b"y").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left of what was written");
    }
}
