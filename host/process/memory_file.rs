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

    /// Reads the first `len` bytes of `file`, wherever its position is. Takes no more memory than the file does: who sends it
    /// says how long it is, and a file may be one large hole.
    pub(crate) fn read(file: &File, len: usize) -> io::Result<Vec<u8>> {
        let there = taken(&file.metadata()?);
        if (len as u64) > there {
            return Err(io::Error::other(format!("the file takes {there} bytes, and {len} were promised")));
        }
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

pub(crate) use self::system::memory_file;
use self::system::{is_sealed, seal, taken};

#[cfg(target_os = "linux")]
mod system {
    use std::{
        fs::{File, Metadata},
        io,
        os::unix::fs::MetadataExt as _,
    };

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

    /// The bytes of memory that a file has, without holes.
    pub(super) fn taken(file: &Metadata) -> u64 {
        file.blocks().saturating_mul(512)
    }

    pub(super) fn is_sealed(file: &File) -> io::Result<bool> {
        let found = fcntl(file, FcntlArg::F_GET_SEALS)?;
        Ok(SealFlag::from_bits_truncate(found).contains(seals()))
    }
}

/// Systems without files that can be sealed: whoever has the descriptor of one is trusted with it.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::{
        fs::{File, Metadata},
        io,
    };

    /// Makes an empty file without a name.
    pub(crate) fn memory_file() -> io::Result<File> {
        tempfile::tempfile()
    }

    /// Does nothing: there are no seals here.
    pub(super) fn seal(_: &File) -> io::Result<()> {
        Ok(())
    }

    /// The length of a file: its blocks are counted when they reach the disk.
    pub(super) fn taken(file: &Metadata) -> u64 {
        file.len()
    }

    pub(super) fn is_sealed(_: &File) -> io::Result<bool> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_is_only_said_takes_no_memory() {
        let file = MemoryFile::holding(b"content").unwrap().file;
        assert_eq!(MemoryFile::read(&file, 7).unwrap(), b"content");
        assert!(MemoryFile::read(&file, 8).is_err());
        for len in [1 << 20, 1 << 46, usize::MAX] {
            let error = MemoryFile::read(&file, len).unwrap_err().to_string();
            assert!(error.contains(&format!("{len} were promised")), "{error}");
        }
        if cfg!(target_os = "linux") {
            let hole = memory_file().unwrap();
            hole.set_len(1 << 40).unwrap();
            assert!(MemoryFile::read(&hole, 1 << 40).is_err(), "a hole is not content");
        }
    }
}
