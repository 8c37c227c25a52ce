//! Copy-on-write memory of forks: the image that all forks share, and the slots that show it.
//!
//! Never runs a guest. The life of a slot: the first fork on a thread [maps](Image::slot) the image privately. The guest
//! writes; each first write to a page is a page fault, and gives the slot a page of its own. When the fork is dropped, the
//! slot is [set back](Slot::reset): what the guest has grown into is closed and forgotten, and the bytes of its own pages
//! are copied back from the image. They stay its own, so that the next task that writes there has no fault. The slot then
//! waits in the image's list for the next fork, preferably of the same thread, which knows its own pages.

use std::{
    ffi::c_long,
    fs::File,
    io,
    ops::Range,
    sync::Arc,
    thread::{self, ThreadId},
};

use super::{
    Backing,
    free::Free,
    pagemap::{Pagemap, faults_are_counted, thread_faults},
    region::{Base, FileView, Region},
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
    free: Free<Slot>,
}

impl Image {
    /// Makes an image of the first `len` bytes of `file`, to which nobody writes from now on.
    pub(super) fn new(file: File, len: usize) -> io::Result<Self> {
        Ok(Self { source: FileView::new(&file, len)?, file, len, free: Free::default() })
    }

    /// The image that another process has shared.
    pub(crate) fn of_file(file: File, len: usize) -> io::Result<Self> {
        Self::new(file, len)
    }

    /// The file that holds it, for another process.
    pub(crate) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// The size of the memory, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A place of `len` bytes that shows this image: the one that this thread used last, if it is free.
    fn slot(&self, len: usize) -> io::Result<Slot> {
        let mine = thread::current().id();
        if let Some(slot) = self.free.take(|slot| slot.thread == Some(mine)) {
            return Ok(slot);
        }
        let mut region = Region::reserve(len)?;
        region.view(self.len, &self.file)?;
        Ok(Slot { region, written: Vec::new(), faults: 0, thread: None })
    }

    fn take_back(&self, slot: Slot) {
        self.free.give_back(slot);
    }
}

/// A private view of an image, and memory to grow into behind it.
#[derive(Debug)]
struct Slot {
    region: Region,
    /// Pages of its own that it had when they were last looked for.
    written: Vec<Range<usize>>,
    /// Page faults of `thread` at that time.
    faults: c_long,
    /// The thread that looked.
    thread: Option<ThreadId>,
}

impl Slot {
    /// Makes everything what it was when the slot was new.
    fn reset(&mut self, image: &Image) -> io::Result<()> {
        if self.region.open() > image.len {
            // Memory that a task has grown into goes back to the system. If pages behind the image were kept, the host
            // would have to look for them after tasks that do not grow, too.
            self.region.forget_from(image.len)?;
            self.region.close_from(image.len)?;
        }
        self.find_written()?;
        let written: usize = self.written.iter().map(|range| range.len()).sum();
        if written > KEEP_RESIDENT {
            self.forget_all()?;
        } else {
            self.copy_back(image);
        }
        Ok(())
    }

    fn forget_all(&mut self) -> io::Result<()> {
        self.written.clear();
        self.thread = None;
        self.region.forget_from(0)
    }

    /// Brings the list of its own pages up to date.
    ///
    /// A page becomes private at the first write to it, which is a page fault of the thread that writes. So a thread
    /// that was the last to look, and has had no fault since, knows the pages already: a slot is used by one thread from
    /// its taking to its return (a [`ForkSlot`](crate::sandbox::ForkSlot) cannot be sent to another), and the mapping of
    /// a file is not among those whose pages the kernel joins by itself.
    fn find_written(&mut self) -> io::Result<()> {
        // The kernel cannot say what was written: all of it goes.
        let Some(pagemap) = Pagemap::of_process() else { return self.forget_all() };
        let mine = thread::current().id();
        let is_known = self.thread == Some(mine) && faults_are_counted() && thread_faults() == Some(self.faults);
        if !is_known {
            self.written.clear();
            pagemap.own_pages(&self.region, &mut self.written)?;
            // Counted after the look, which may itself fault.
            self.faults = thread_faults().unwrap_or_default();
            self.thread = Some(mine);
        }
        Ok(())
    }

    fn copy_back(&mut self, image: &Image) {
        let bytes = image.source.bytes();
        for range in &self.written {
            let range = range.start.min(bytes.len())..range.end.min(bytes.len());
            self.region.write(range.start, &bytes[range]);
        }
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
