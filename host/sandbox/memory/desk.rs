//! The desk: the memory of a driver, where the host and the driver write to each other, with the bars of all behind it.
//!
//! Never knows what is written there. The bars are in a file in memory, which every desk shows and nobody can write to. A desk
//! goes back to the others with its instance, and the next instance on the thread has it as it is: the host writes all that
//! the driver reads before it calls it.

use std::{
    fs::File,
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use super::{
    Backing,
    free::Free,
    region::{Base, Region},
};

/// The desks that show one file.
#[derive(Debug)]
pub(crate) struct Desks {
    file: File,
    /// Bytes that each desk has for itself; the file comes after them.
    own: usize,
    /// Bytes of a desk in all.
    len: usize,
    free: Free<Arc<Desk>>,
}

impl Desks {
    /// Desks with `own` bytes for themselves and the first `shared` bytes of `file`, to which nobody writes any more. Both are
    /// whole pages of WebAssembly, and no more than the address space of a guest.
    pub(crate) fn new(file: File, own: usize, shared: usize) -> Self {
        Self { file, own, len: own + shared, free: Free::default() }
    }

    /// A desk in a region of `room` bytes.
    fn take(&self, room: usize) -> io::Result<Arc<Desk>> {
        if let Some(desk) = self.free.take(|_| false) {
            return Ok(desk);
        }
        let mut region = Region::reserve(room)?;
        region.open_to(self.own)?;
        region.show(self.len, &self.file)?;
        Ok(Arc::new(Desk { region, own: self.own }))
    }
}

/// One desk. The driver's code, which writes to it plainly, does not run while the host looks: it has returned, or it waits
/// for a function of the host's on the same thread.
#[derive(Debug)]
pub(crate) struct Desk {
    region: Region,
    own: usize,
}

impl Desk {
    /// Writes a number of 32 bits at byte `at`.
    pub(crate) fn put(&self, at: usize, number: u32) {
        self.own(at).store(number.to_le(), Ordering::Relaxed);
    }

    /// The number of 32 bits at byte `at`.
    pub(crate) fn get(&self, at: usize) -> u32 {
        u32::from_le(self.own(at).load(Ordering::Relaxed))
    }

    /// Writes a number of 64 bits at byte `at`.
    pub(crate) fn put_number(&self, at: usize, number: f64) {
        self.check(at, size_of::<f64>(), self.own);
        let word: &AtomicU64 = self.region.at(at);
        word.store(number.to_bits().to_le(), Ordering::Relaxed);
    }

    /// The 64 bits at byte `at`, which may be one of the file.
    pub(crate) fn bits(&self, at: usize) -> u64 {
        let word: &AtomicU64 = self.region.at(at);
        u64::from_le(word.load(Ordering::Relaxed))
    }

    fn own(&self, at: usize) -> &AtomicU32 {
        self.check(at, size_of::<u32>(), self.own);
        self.region.at(at)
    }

    /// Keeps the host from writing to the file, which is mapped for reading.
    fn check(&self, at: usize, size: usize, end: usize) {
        assert!(at <= end && size <= end - at, "a write beyond the desk");
    }
}

/// A desk as a memory of an instance.
#[derive(Debug)]
pub(super) struct DeskMemory {
    desk: Arc<Desk>,
    home: Weak<Desks>,
}

impl DeskMemory {
    /// A desk in a region of `room` bytes, where it begins, and its size.
    pub(super) fn new(desks: &Arc<Desks>, room: usize) -> io::Result<(Self, Arc<Desk>, Base, usize)> {
        let desk = desks.take(room)?;
        let (base, home) = (desk.region.base(), Arc::downgrade(desks));
        Ok((Self { desk: Arc::clone(&desk), home }, desk, base, desks.len))
    }
}

impl Backing for DeskMemory {
    fn grow_to(&mut self, _: usize) -> io::Result<()> {
        Err(io::Error::other("a driver's memory does not grow"))
    }
}

impl Drop for DeskMemory {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.free.give_back(Arc::clone(&self.desk));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        panic::{AssertUnwindSafe, catch_unwind},
    };

    use super::*;
    use crate::{process::memory_file, sandbox::meter::PAGE};

    #[test]
    fn a_desk_has_its_own_words_and_shows_the_file() {
        let mut file = memory_file().unwrap();
        file.write_all(&7_u64.to_le_bytes()).unwrap();
        file.set_len(PAGE as u64).unwrap();
        let desks = Arc::new(Desks::new(file, PAGE, PAGE));
        let desk = desks.take(3 * PAGE).unwrap();
        desk.put(4, 5);
        desk.put_number(8, 1.5);
        assert_eq!([desk.get(4), desk.get(0)], [5, 0]);
        assert_eq!([desk.bits(8), desk.bits(PAGE)], [1.5_f64.to_bits(), 7]);
        let other = desks.take(3 * PAGE).unwrap();
        assert_eq!(other.get(4), 0, "each has its own");
        let refused = |write: &dyn Fn()| catch_unwind(AssertUnwindSafe(write)).is_err();
        assert!(refused(&|| desk.put(PAGE, 1)) && refused(&|| desk.put_number(PAGE - 4, 1.0)));
        assert!(refused(&|| desk.put(2, 1)), "between two numbers");
    }
}
