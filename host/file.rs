//! Whole files: written so that they are complete or absent under their final names, and read up to a limit.
//!
//! Never decides what is in them, and never reads without an end: a name may lead to a device that has none.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

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
    let path = &target(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
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
}
