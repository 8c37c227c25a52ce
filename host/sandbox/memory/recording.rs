//! The recording: memory of a guest that prepares, in a file that exists in memory only.
//!
//! Never copies what the guest writes: [`Recording::freeze`] makes the file an [`Image`], which forks map.

use std::{
    fs::File,
    io,
    sync::{Arc, Mutex},
};

use super::{
    Backing,
    fork::Image,
    lock,
    region::{Access, Base, Region},
};
use crate::process::{MemoryFile, memory_file};

/// The memory of a guest that prepares: a file, so that others can have it without a copy.
#[derive(Debug)]
pub(crate) struct Recording {
    base: Base,
    minimum: usize,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    region: Region,
    file: File,
    /// Whether the file is an image already: the guest has a private view of it.
    frozen: bool,
}

impl Recording {
    /// A memory of `minimum` bytes, in a region of `len` bytes. It begins with `content`; all other bytes are zeros.
    ///
    /// # Panics
    ///
    /// Panics if there is more content than memory.
    pub(super) fn new(minimum: usize, len: usize, content: &[u8]) -> io::Result<Self> {
        let region = Region::reserve(len)?;
        let file = memory_file()?;
        let (base, written) = (region.base(), Mutex::new(Written { region, file, frozen: false }));
        let recording = Self { base, minimum, written };
        recording.grow_to(minimum)?;
        lock(&recording.written).region.write(0, content);
        Ok(recording)
    }

    /// The first address of the memory.
    pub(super) fn base(&self) -> Base {
        self.base
    }

    /// The size that the component declares, in bytes.
    pub(crate) fn minimum(&self) -> usize {
        self.minimum
    }

    /// Makes an image of what the guest has written. The guest goes on in a private view of it, as a fork would.
    ///
    /// The guest must not be running; whoever holds its store exclusively knows that.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no room for two more mappings.
    pub(crate) fn freeze(&self) -> io::Result<Image> {
        let mut written = lock(&self.written);
        let Written { region, file, frozen } = &mut *written;
        let len = region.open();
        region.view(len, file, Access::Write)?;
        *frozen = true;
        // Nobody writes to it from now on. Where it goes to other processes, they check the seal; elsewhere none is needed.
        let _ = MemoryFile::seal(file);
        let image = Image::new(file.try_clone()?, len)?;
        Ok(image)
    }

    fn grow_to(&self, size: usize) -> io::Result<()> {
        let Written { region, file, frozen } = &mut *lock(&self.written);
        if *frozen {
            return region.open_to(size);
        }
        file.set_len(size as u64)?;
        region.share_to(size, file)
    }
}

/// A recording as a memory of its guest. A handle that outlives it keeps the region mapped, but touches nothing in it.
impl Backing for Arc<Recording> {
    fn grow_to(&mut self, size: usize) -> io::Result<()> {
        Recording::grow_to(self, size)
    }
}
