//! Address ranges of the process: reserved at once, opened up to a size, mapped to a file, set back.
//!
//! Never decides what a range is for. A [`Region`] knows how many of its bytes are accessible: always the first ones, as
//! in a linear memory. Whoever changes what they hold has the region exclusively, and sees to it that no guest runs in
//! it meanwhile: guests reach it by address, which the compiler cannot see.
#![expect(unsafe_code, reason = "ranges are mapped, protected and copied by address")]

use std::{
    ffi::c_void,
    fs::File,
    io,
    num::NonZeroUsize,
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicI64, AtomicU32, AtomicU64},
};

use nix::{
    libc::off_t,
    sys::mman::{self, MapFlags, ProtFlags},
};

/// The first address of a mapping. Any thread may use it: what is there belongs to the process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base(NonNull<u8>);

// SAFETY: an address is a number; what is done with it is the business of whoever does it.
unsafe impl Send for Base {}
// SAFETY: as above.
unsafe impl Sync for Base {}

impl Base {
    /// The address of the first byte.
    pub(super) fn as_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// Copies `len` bytes from byte `at` on. They must be accessible, and no guest may be running there.
    pub(super) fn read(self, at: usize, len: usize) -> Vec<u8> {
        // SAFETY: whoever calls knows that the range is accessible and that nobody writes to it.
        unsafe { slice::from_raw_parts(self.at(at).as_ptr().cast(), len) }.to_vec()
    }

    /// The address of byte `at`, as the kernel takes it.
    fn at(self, at: usize) -> NonNull<c_void> {
        self.0.map_addr(|base| base.saturating_add(at)).cast()
    }
}

/// A mapping of the process, gone when dropped.
#[derive(Debug)]
struct Mapping {
    base: Base,
    len: usize,
}

impl Mapping {
    /// Maps `len` bytes where the kernel finds room: of `file`, or nothing yet.
    fn anywhere(len: usize, protection: ProtFlags, flags: MapFlags, file: Option<&File>) -> io::Result<Self> {
        let size = NonZeroUsize::new(len).ok_or_else(|| io::Error::other("a mapping of no bytes"))?;
        // SAFETY: the kernel chooses the place, so no mapping that anybody uses is replaced.
        let base = unsafe {
            match file {
                Some(file) => mman::mmap(None, size, protection, flags, file, 0),
                None => mman::mmap_anonymous(None, size, protection, flags),
            }
        }?;
        Ok(Self { base: Base(base.cast()), len })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `anywhere` mapped this range with this length, and its owner is gone. The kernel refuses only ranges
        // that no mapping can have.
        let _ = unsafe { mman::munmap(self.base.at(0), self.len) };
    }
}

/// What may be done with mapped bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// They are read.
    Read,
    /// They are read and written.
    Write,
}

impl Access {
    fn protection(self) -> ProtFlags {
        match self {
            Self::Read => ProtFlags::PROT_READ,
            Self::Write => ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
        }
    }
}

/// Reserved addresses, of which the first ones are accessible. All of it is gone when dropped.
#[derive(Debug)]
pub(super) struct Region {
    mapping: Mapping,
    /// Bytes that are accessible, from the first one on.
    open: usize,
}

impl Region {
    const RESERVED: MapFlags = MapFlags::MAP_PRIVATE.union(MapFlags::MAP_NORESERVE);

    /// Reserves `len` bytes, of which none is accessible.
    pub(super) fn reserve(len: usize) -> io::Result<Self> {
        Ok(Self { mapping: Mapping::anywhere(len, ProtFlags::PROT_NONE, Self::RESERVED, None)?, open: 0 })
    }

    /// The first address.
    pub(super) fn base(&self) -> Base {
        self.mapping.base
    }

    /// Bytes that are accessible.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Makes the first `size` bytes accessible. Those that were not are zeros, or what they were when they were closed.
    pub(super) fn open_to(&mut self, size: usize) -> io::Result<()> {
        if size > self.open {
            self.protect(self.open, size, Access::Write.protection())?;
            self.open = size;
        }
        Ok(())
    }

    /// Makes all but the first `size` bytes inaccessible; their contents stay.
    pub(super) fn close_from(&mut self, size: usize) -> io::Result<()> {
        if size < self.open {
            self.protect(size, self.open, ProtFlags::PROT_NONE)?;
            self.open = size;
        }
        Ok(())
    }

    /// Makes the first `size` bytes accessible. Those that were not are the bytes of `file` at the same place, and what
    /// is written there is written to the file.
    pub(super) fn share_to(&mut self, size: usize, file: &File) -> io::Result<()> {
        /// The least growth, in bytes, of which a guest is taken to fill all: a list of bars.
        const FILLED: usize = 4 << 20;
        if size > self.open {
            let from_there = (file, self.open);
            self.map_at(self.open, size, from_there, Access::Write.protection(), MapFlags::MAP_SHARED)?;
            if size - self.open >= FILLED {
                self.fill(self.open, size);
            }
            self.open = size;
        }
        Ok(())
    }

    /// Gives a range its pages at once, which costs less than a fault for each.
    #[cfg(target_os = "linux")]
    fn fill(&self, start: usize, end: usize) {
        // SAFETY: the range lies in this region, which is held exclusively, and keeps its contents. The answer does not matter:
        // without the pages, the guest's first touch of each takes one.
        let _is_filled =
            unsafe { nix::libc::madvise(self.base().at(start).as_ptr(), end - start, nix::libc::MADV_POPULATE_WRITE) };
    }

    #[cfg(not(target_os = "linux"))]
    fn fill(&self, _start: usize, _end: usize) {}

    /// Makes the first `size` bytes a private view of those of `file`: what is written there is not written to the file.
    pub(super) fn view(&mut self, size: usize, file: &File, access: Access) -> io::Result<()> {
        if size > 0 {
            // Those that can only be read will be opened for writing one by one. Mapped for writing first, the system refuses
            // here what it has no memory for, and not in the middle of a task.
            self.map_at(0, size, (file, 0), Access::Write.protection(), MapFlags::MAP_PRIVATE)?;
            self.open = self.open.max(size);
            if access == Access::Read {
                self.protect(0, size, access.protection())?;
            }
        }
        Ok(())
    }

    /// Makes the first `size` bytes accessible. Those that were not are the first bytes of `file`, and can only be read.
    pub(super) fn show(&mut self, size: usize, file: &File) -> io::Result<()> {
        if size > self.open {
            self.map_at(self.open, size, (file, 0), Access::Read.protection(), MapFlags::MAP_SHARED)?;
            self.open = size;
        }
        Ok(())
    }

    /// Makes all but the first `size` bytes inaccessible, and gives their memory back to the system: they are zeros when they are
    /// opened again.
    pub(super) fn discard_from(&mut self, size: usize) -> io::Result<()> {
        if size < self.open {
            let (place, len) = (self.base().at(size).addr(), self.open - size);
            let len = NonZeroUsize::new(len).ok_or_else(|| io::Error::other("a mapping of no bytes"))?;
            let flags = Self::RESERVED | MapFlags::MAP_FIXED;
            // SAFETY: the range lies in this region, which is held exclusively; what was mapped there is replaced.
            unsafe { mman::mmap_anonymous(Some(place), len, ProtFlags::PROT_NONE, flags) }?;
            self.open = size;
        }
        Ok(())
    }

    /// Writes `bytes` at byte `start`.
    ///
    /// # Panics
    ///
    /// Panics if not all of that is accessible.
    pub(super) fn write(&mut self, start: usize, bytes: &[u8]) {
        assert!(start <= self.open && bytes.len() <= self.open - start, "a write beyond what is accessible");
        // SAFETY: the range is accessible and held exclusively, and `bytes` lie elsewhere, since they are borrowed.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.base().at(start).as_ptr().cast(), bytes.len()) };
    }

    /// The first eight bytes as a number.
    ///
    /// # Panics
    ///
    /// Panics if they are not accessible.
    pub(super) fn word(&mut self) -> &AtomicI64 {
        assert!(self.open >= size_of::<AtomicI64>(), "a look at what is not accessible");
        // SAFETY: the bytes are accessible as long as the region is borrowed, and aligned, since they begin a page.
        unsafe { AtomicI64::from_ptr(self.base().as_ptr().cast()) }
    }

    /// The number at byte `start`. Whoever writes to it knows that those bytes can be written to.
    ///
    /// # Panics
    ///
    /// Panics if it is not aligned, or not all of it is accessible.
    pub(super) fn at<T: Atomic>(&self, start: usize) -> &T {
        assert!(start <= self.open && size_of::<T>() <= self.open - start, "a look at what is not accessible");
        assert!(start.is_multiple_of(align_of::<T>()), "a look between two numbers");
        // SAFETY: the bytes are accessible as long as the region is borrowed, and aligned, since a region begins a page.
        // `T` is an atomic number, of which all bits are values.
        unsafe { &*self.base().at(start).as_ptr().cast::<T>() }
    }

    fn protect(&self, start: usize, end: usize, protection: ProtFlags) -> io::Result<()> {
        self.check(end)?;
        // SAFETY: the range lies in this region, which the caller holds exclusively.
        Ok(unsafe { mman::mprotect(self.base().at(start), end - start, protection) }?)
    }

    /// Maps the bytes of `file` from `offset` on.
    fn map_at(
        &self,
        start: usize,
        end: usize,
        (file, offset): (&File, usize),
        protection: ProtFlags,
        sharing: MapFlags,
    ) -> io::Result<()> {
        self.check(end)?;
        let offset = off_t::try_from(offset).map_err(io::Error::other)?;
        let place = Some(self.base().at(start).addr());
        let size = NonZeroUsize::new(end - start).ok_or_else(|| io::Error::other("a mapping of no bytes"))?;
        // SAFETY: the range lies in this region, which the caller holds exclusively; what was mapped there is replaced.
        unsafe { mman::mmap(place, size, protection, sharing | MapFlags::MAP_FIXED, file, offset) }?;
        Ok(())
    }

    fn check(&self, end: usize) -> io::Result<()> {
        within(end, self.mapping.len)
    }
}

/// A number that others may change.
pub(super) trait Atomic {}

impl Atomic for AtomicU32 {}
impl Atomic for AtomicU64 {}

/// Refuses a memory of `size` bytes where `capacity` are reserved: behind them is the guard, which code relies on.
pub(super) fn within(size: usize, capacity: usize) -> io::Result<()> {
    if size <= capacity { Ok(()) } else { Err(io::Error::other("that is more than was reserved")) }
}

/// The first bytes of a file that nobody writes to any more, for reading.
#[derive(Debug)]
pub(super) struct FileView {
    mapping: Mapping,
    len: usize,
}

impl FileView {
    /// Maps the first `len` bytes of `file`, which has at least as many and keeps them.
    pub(super) fn new(file: &File, len: usize) -> io::Result<Self> {
        let mapping = Mapping::anywhere(len.max(1), ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, Some(file))?;
        Ok(Self { mapping, len })
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped for reading as long as `self` lives, and nobody writes to the file.
        unsafe { slice::from_raw_parts(self.mapping.base.as_ptr(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::Ordering,
    };

    use super::*;
    use crate::{process::memory_file, sandbox::meter::PAGE};

    /// A file of one page, whose first word is 7.
    fn file() -> File {
        let file = memory_file().unwrap();
        file.set_len(PAGE as u64).unwrap();
        let mut shared = Region::reserve(PAGE).unwrap();
        shared.share_to(PAGE, &file).unwrap();
        shared.word().store(7, Ordering::Relaxed);
        file
    }

    #[test]
    fn a_view_leaves_the_file_alone_and_shows_it_again_when_it_is_mapped_anew() {
        let file = file();
        let source = FileView::new(&file, PAGE).unwrap();
        let mut view = Region::reserve(2 * PAGE).unwrap();
        view.view(PAGE, &file, Access::Write).unwrap();
        view.write(0, &9_i64.to_le_bytes());
        assert_eq!(i64::from_le(view.word().load(Ordering::Relaxed)), 9);
        assert_eq!(source.bytes()[..8], 7_i64.to_ne_bytes());
        view.view(PAGE, &file, Access::Read).unwrap();
        assert_eq!(view.word().load(Ordering::Relaxed), 7);
    }

    #[test]
    fn only_what_is_accessible_is_written_to_and_only_what_is_reserved_is_opened() {
        let mut region = Region::reserve(2 * PAGE).unwrap();
        region.open_to(PAGE).unwrap();
        region.write(PAGE - 2, b"ab");
        assert!(catch_unwind(AssertUnwindSafe(|| region.write(PAGE - 1, b"ab"))).is_err());
        assert!(region.open_to(3 * PAGE).is_err());
        region.close_from(0).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| region.word().load(Ordering::Relaxed))).is_err());
        assert_eq!(region.open(), 0);
    }

    #[test]
    fn what_is_closed_keeps_its_contents_and_what_is_discarded_does_not() {
        let mut region = Region::reserve(PAGE).unwrap();
        region.open_to(PAGE).unwrap();
        region.word().store(5, Ordering::Relaxed);
        region.close_from(0).unwrap();
        region.open_to(PAGE).unwrap();
        assert_eq!(region.word().load(Ordering::Relaxed), 5);
        region.discard_from(0).unwrap();
        region.open_to(PAGE).unwrap();
        assert_eq!(region.word().load(Ordering::Relaxed), 0);
    }
}
