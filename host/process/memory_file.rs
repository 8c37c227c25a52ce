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
        seal(&file)?;
        Ok(Self { file, len: bytes.len() })
    }

    /// Nobody can write to `file` any more, whoever has its descriptor; where the system has no seals, does nothing.
    pub(crate) fn seal(file: &File) -> io::Result<()> {
        seal(file)
    }

    /// Refuses a file that has less than `len` bytes, or that someone could still change.
    pub(crate) fn check(file: &File, len: usize) -> io::Result<()> {
        let there = file.metadata()?.len();
        if (len as u64) > there {
            return Err(io::Error::other(format!("the file has {there} bytes, and {len} were promised")));
        }
        if is_sealed(file)? { Ok(()) } else { Err(io::Error::other("the file can still be changed")) }
    }

    /// Reads the first `len` bytes of `file`, wherever its position is.
    pub(crate) fn read(file: &File, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

pub(crate) use self::system::memory_file;
use self::system::{is_sealed, seal};

#[cfg(target_os = "linux")]
mod system {
    use std::{fs::File, io};

    use nix::{
        fcntl::{FcntlArg, SealFlag, fcntl},
        sys::memfd::{MFdFlags, memfd_create},
    };

    /// Makes an empty file without a name, which can be sealed.
    pub(crate) fn memory_file() -> io::Result<File> {
        Ok(File::from(memfd_create(c"host", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?))
    }

    fn seals() -> SealFlag {
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW
    }

    /// Nobody can write to `file` any more, whoever has its descriptor.
    pub(super) fn seal(file: &File) -> io::Result<()> {
        fcntl(file, FcntlArg::F_ADD_SEALS(seals()))?;
        Ok(())
    }

    pub(super) fn is_sealed(file: &File) -> io::Result<bool> {
        let found = fcntl(file, FcntlArg::F_GET_SEALS)?;
        Ok(SealFlag::from_bits_truncate(found).contains(seals()))
    }
}

/// Systems without files that can be sealed: whoever has the descriptor of one is trusted with it.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::{fs::File, io};

    /// Makes an empty file without a name.
    pub(crate) fn memory_file() -> io::Result<File> {
        tempfile::tempfile()
    }

    /// Does nothing: there are no seals here.
    pub(super) fn seal(_: &File) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn is_sealed(_: &File) -> io::Result<bool> {
        Ok(true)
    }
}
