//! Files without a name: contents that processes share by descriptor.
//!
//! Never leaves a file behind: it is gone with its last descriptor.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt as _,
};

/// A file without a name, and how many of its bytes count.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    pub(crate) file: File,
    pub(crate) len: usize,
}

impl MemoryFile {
    /// A file that holds `bytes`.
    pub(crate) fn holding(bytes: &[u8]) -> io::Result<Self> {
        let mut file = memory_file()?;
        file.write_all(bytes)?;
        Ok(Self { file, len: bytes.len() })
    }

    /// Reads the first `len` bytes of `file`, wherever its position is.
    pub(crate) fn read(file: &File, len: usize) -> io::Result<Vec<u8>> {
        let there = file.metadata()?.len();
        if (len as u64) > there {
            return Err(io::Error::other(format!("the file has {there} bytes, and {len} were promised")));
        }
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

/// Makes an empty file without a name.
#[cfg(target_os = "linux")]
pub(crate) fn memory_file() -> io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    Ok(File::from(memfd_create(c"host", MFdFlags::MFD_CLOEXEC)?))
}

/// Makes an empty file without a name.
#[cfg(not(target_os = "linux"))]
pub(crate) fn memory_file() -> io::Result<File> {
    tempfile::tempfile()
}
