//! Copy-on-write memory of forks: the image that all forks share, and the slots that show it.
//!
//! Never runs a guest. The life of a slot: the first fork on a thread [maps](Image::slot) the image privately. The guest
//! writes; each first write to a page is a page fault, and gives the slot a page of its own. When the fork is dropped, the
//! slot is [set back](Slot::reset): what the guest has grown into is closed and forgotten, and the bytes that it
//! [may have written](Written) are copied back from the image. Their pages stay its own, so that the next task that writes there
//! has no fault. The slot then waits in the image's list for the next fork, preferably of the same thread.

use std::{fs::File, io, sync::Arc};

use super::{
    Backing,
    free::Free,
    region::{Base, FileView, Region},
    window,
    written::{Refusal, Written},
};

/// The most bytes of a fork that are copied back after a task; beyond it all its pages go back to the system.
const KEEP_RESIDENT: usize = 64 << 20;

/// The image: a guest's memory as it was when the guest had prepared. Nobody writes to it any more.
#[derive(Debug)]
pub(crate) struct Image {
    file: File,
    len: usize,
    /// The image's bytes, from which pages that a fork has written are copied back.
    source: FileView,
    /// Where Python describes itself in it, if it does.
    python: Option<u32>,
    free: Free<Slot>,
}

impl Image {
    /// Makes an image of the first `len` bytes of `file`, to which nobody writes from now on.
    pub(super) fn new(file: File, len: usize) -> io::Result<Self> {
        let source = FileView::new(&file, len)?;
        Ok(Self { python: window::table(source.bytes()), source, file, len, free: Free::default() })
    }

    /// The image that another process has shared.
    pub(crate) fn of_file(file: File, len: usize) -> io::Result<Self> {
        Self::new(file, len)
    }

    /// The file that holds it, for another process.
    pub(crate) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Where in it Python describes itself, if it does.
    pub(super) fn python(&self) -> Option<u32> {
        self.python
    }

    /// The size of the memory, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A place of `len` bytes that shows this image: the one that this thread used last, if it is free.
    fn slot(&self, len: usize) -> io::Result<Slot> {
        if let Some(slot) = self.free.take(|slot| slot.written.is_of_this_thread()) {
            return Ok(slot);
        }
        let region = Region::reserve(len)?;
        let mut slot = Slot { written: Written::of(&region, self.len), region };
        slot.show(self)?;
        Ok(slot)
    }

    fn take_back(&self, slot: Slot) {
        self.free.give_back(slot);
    }
}

/// A private view of an image, and memory to grow into behind it.
#[derive(Debug)]
struct Slot {
    /// Dropped first: a fault in a range that is no longer the region's would be taken for a first write.
    written: Written,
    region: Region,
}

impl Slot {
    /// Makes everything what it was when the slot was new.
    fn reset(&mut self, image: &Image) -> io::Result<()> {
        // Memory that a task has grown into goes back to the system. If pages behind the image were kept, the host
        // would have to look for them after tasks that do not grow, too.
        self.region.discard_from(image.len)?;
        match self.written.find(&self.region)? {
            Some(written) if written.iter().map(|range| range.len()).sum::<usize>() <= KEEP_RESIDENT => {
                let bytes = image.source.bytes();
                for range in written {
                    self.region.write(range.start, &bytes[range.clone()]);
                }
                Ok(())
            }
            _ => self.show(image),
        }
    }

    /// Maps the image, over whatever was mapped.
    fn show(&mut self, image: &Image) -> io::Result<()> {
        self.region.view(image.len, &image.file, self.written.access())?;
        self.written.forget();
        Ok(())
    }
}

/// The memory of a fork: a slot of the image, until the fork is dropped.
#[derive(Debug)]
pub(super) struct ForkMemory {
    image: Arc<Image>,
    slot: Option<Slot>,
}

impl ForkMemory {
    /// A view of `image` in a region of `len` bytes, and where it begins.
    pub(super) fn new(image: &Arc<Image>, len: usize) -> io::Result<(Self, Base)> {
        let slot = image.slot(len)?;
        let base = slot.region.base();
        Ok((Self { image: Arc::clone(image), slot: Some(slot) }, base))
    }

    /// Tells whether the system refuses the guest a write.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.slot.as_ref().and_then(|slot| slot.written.refusal())
    }
}

impl Backing for ForkMemory {
    fn grow_to(&mut self, size: usize) -> io::Result<()> {
        self.slot.as_mut().map_or(Ok(()), |slot| slot.region.open_to(size))
    }
}

impl Drop for ForkMemory {
    fn drop(&mut self) {
        // A slot that cannot be set back is dropped: the next fork maps a new one.
        if let Some(mut slot) = self.slot.take()
            && slot.reset(&self.image).is_ok()
        {
            self.image.take_back(slot);
        }
    }
}
