//! Linear memories that the host owns: captured once, mapped copy-on-write by every fork, set back after each task.
//!
//! Never decides what runs in them. A guest that prepares writes into a file in memory ([`Recording`]). [`freeze`] makes
//! an [`Image`] of it without copying, and every fork maps that image privately: what a task writes is its own, and is
//! set back by what the kernel says was written. A metered guest's first memory is its [`Counter`], which the host fills,
//! reads and, when the time is over, takes away.
//!
//! [`freeze`]: Recording::freeze
//!
//! # Why this is sound
//!
//! Code of guests relies on what `wasmtime::MemoryCreator` promises: `reserved` bytes and a guard behind them at one
//! address, nothing accessible beyond the memory's size, zeros where nobody has written. A [`Region`] reserves all of it
//! at once and opens it only up to the size. A fork is no memory of zeros but one of the image, which is why only
//! components without data segments and start functions are run on it: they are compiled from the very state that the
//! image shows (`capture.rs`). Nothing but the guest writes to a private mapping while it runs, since wasmtime lends
//! memory only through a store, and the setting back happens when the store is gone.
#![expect(unsafe_code, reason = "the memory of guests is mapped, protected and copied by address")]

use std::{
    cell::RefCell,
    fs::File,
    io,
    ops::Range,
    os::fd::{AsRawFd, FromRawFd},
    ptr::{self, NonNull},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
    time::Instant,
};

use wasmtime::{Config, LinearMemory, MemoryCreator, MemoryType};

use super::failure::NO_MEMORY;

/// The most bytes of a fork that are copied back after a task; beyond it all its pages go back to the system.
const KEEP_RESIDENT: usize = 64 << 20;

/// The page of the meter's memory, in bytes.
const COUNTER: usize = super::meter::PAGE;

/// Free slots that an image keeps, and free pages that the meter keeps: more than there are ever workers.
const KEPT: usize = 1024;

/// What the memories of the next instance are to be.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Zeros, and gone with the instance.
    Plain,
    /// Zeros, and what is written can be made an image.
    Recorded,
    /// A private view of an image.
    Forked(Arc<Image>),
}

/// The memories that an instance got.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The meter's page, where the instance is metered.
    pub(super) counter: Option<Arc<Counter>>,
    /// Its recorded memories.
    pub(super) recorded: Vec<Arc<Recording>>,
    /// Bytes of a fork beyond the minimum that its component declares.
    pub(super) beyond_minimum: usize,
    forked: usize,
}

#[derive(Debug)]
struct Plan {
    kind: Kind,
    metered: bool,
    deadline: Instant,
    made: Made,
}

thread_local! {
    /// What is being instantiated on this thread. A creator is told nothing but the type of a memory.
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// Creates the memories of an engine's instances. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Memories {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    free: Mutex<Vec<Arc<Counter>>>,
    all: Mutex<Vec<Weak<Counter>>>,
}

impl Memories {
    /// Makes the instances of an engine with `config` have memories from here.
    pub(super) fn of(config: &mut Config) -> Option<Self> {
        let memories = Self::default();
        // Images of data segments are mapped in memory of wasmtime's only.
        config.with_host_memory(Arc::new(memories.clone())).memory_init_cow(false).memory_may_move(false);
        Some(memories)
    }

    /// Runs `instantiate`, which makes one instance, and returns what it returns and the memories that it took. The first
    /// memory of a `metered` instance is its counter, which is watched until `deadline` from its second memory on.
    pub(super) fn instantiate<T>(
        &self,
        kind: Kind,
        metered: bool,
        deadline: Instant,
        instantiate: impl FnOnce() -> T,
    ) -> (T, Made) {
        /// Takes the plan away again, whatever happens.
        struct Clear;
        impl Drop for Clear {
            fn drop(&mut self) {
                PLAN.take();
            }
        }
        PLAN.set(Some(Plan { kind, metered, deadline, made: Made::default() }));
        let clear = Clear;
        let instance = instantiate();
        let made = PLAN.take().map(|plan| plan.made).unwrap_or_default();
        drop(clear);
        (instance, made)
    }

    /// Takes the counter away from every guest whose time is over at `now`, or from all of them with `cut`.
    pub(super) fn stop_overdue(&self, now: Instant, cut: bool) {
        lock(&self.counters.all).retain(|counter| {
            let counter = counter.upgrade();
            counter.inspect(|counter| counter.stop_overdue(now, cut)).is_some()
        });
    }

    fn counter(&self, reserved: usize, guard: usize) -> io::Result<Arc<Counter>> {
        let free = lock(&self.counters.free).pop();
        if let Some(counter) = free {
            counter.fill(0);
            return Ok(counter);
        }
        let region = Region::reserve(reserved + guard)?;
        region.open(0..COUNTER)?;
        let counter = Arc::new(Counter { region, watch: Mutex::default() });
        lock(&self.counters.all).push(Arc::downgrade(&counter));
        Ok(counter)
    }

    fn create(
        &self,
        plan: &mut Plan,
        minimum: usize,
        reserved: usize,
        guard: usize,
    ) -> io::Result<Box<dyn LinearMemory>> {
        if plan.metered && plan.made.counter.is_none() {
            let counter = self.counter(reserved, guard)?;
            plan.made.counter = Some(Arc::clone(&counter));
            return Ok(Box::new(CounterMemory { counter, home: Arc::downgrade(&self.counters) }));
        }
        // Only now: the counter's own module is set up by code of wasmtime's, for which a page that is taken away is fatal.
        if let Some(counter) = &plan.made.counter {
            counter.start(plan.deadline);
        }
        match &plan.kind {
            Kind::Plain => Ok(Box::new(PlainMemory::new(minimum, reserved, guard)?)),
            Kind::Recorded => {
                let recording = Arc::new(Recording::new(minimum, reserved, guard)?);
                plan.made.recorded.push(Arc::clone(&recording));
                Ok(Box::new(RecordedMemory(recording)))
            }
            Kind::Forked(image) => {
                plan.made.forked += 1;
                if plan.made.forked > 1 || minimum > image.len {
                    return Err(io::Error::other("the memory is not the one that was captured"));
                }
                plan.made.beyond_minimum = image.len - minimum;
                Ok(Box::new(ForkedMemory::new(image, reserved, guard)?))
            }
        }
    }
}

// SAFETY: every memory reserves `reserved + guard` bytes at a fixed address in one `Region`, of which only the memory's
// size is ever accessible; all but forks begin as zeros, and forks are what the module's documentation says.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let reserved = reserved.ok_or("memory of no fixed place is not made here")?;
        PLAN.with_borrow_mut(|plan| {
            let plan = plan.as_mut().ok_or("nothing is being instantiated")?;
            self.create(plan, minimum, reserved, guard).map_err(|error| format!("{NO_MEMORY}: {error}"))
        })
    }
}

/// Addresses of the process, inaccessible until opened. Gone when dropped.
#[derive(Debug)]
struct Region {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a region is an address and a length; what is behind them belongs to the process, not to a thread.
unsafe impl Send for Region {}
// SAFETY: its methods ask the kernel, which serialises them; nothing is read or written through a shared reference here.
unsafe impl Sync for Region {}

impl Region {
    fn reserve(len: usize) -> io::Result<Self> {
        Self::map_anywhere(len, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, None)
    }

    /// Maps the first `len` bytes of `file` for reading.
    fn read_only(file: &File, len: usize) -> io::Result<Self> {
        Self::map_anywhere(len.max(1), libc::PROT_READ, libc::MAP_SHARED, Some(file))
    }

    fn map_anywhere(len: usize, protection: i32, flags: i32, file: Option<&File>) -> io::Result<Self> {
        let fd = file.map_or(-1, AsRawFd::as_raw_fd);
        // SAFETY: the kernel chooses the place, so no mapping that anybody uses is replaced.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, fd, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("memory was mapped at address 0"))?;
        Ok(Self { base, len })
    }

    /// The address of byte `at`.
    fn address(&self, at: usize) -> *mut u8 {
        debug_assert!(at <= self.len);
        self.base.as_ptr().wrapping_add(at)
    }

    fn check(&self, range: &Range<usize>) -> io::Result<()> {
        if range.end <= self.len { Ok(()) } else { Err(io::Error::other("that is more than was reserved")) }
    }

    /// Makes `range` readable and writable.
    fn open(&self, range: Range<usize>) -> io::Result<()> {
        self.protect(range, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Makes `range` inaccessible; its contents stay.
    fn close(&self, range: Range<usize>) -> io::Result<()> {
        self.protect(range, libc::PROT_NONE)
    }

    fn protect(&self, range: Range<usize>, protection: i32) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.check(&range)?;
        // SAFETY: the range lies in this region, which nobody but its owner uses.
        done(unsafe { libc::mprotect(self.address(range.start).cast(), range.len(), protection) })
    }

    /// Puts `range` of `file` at the same place of this region, for reading and writing: shared with the file, or a
    /// private view of it.
    fn map_file(&self, range: Range<usize>, file: &File, shared: bool) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.check(&range)?;
        let sharing = if shared { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
        let offset = libc::off_t::try_from(range.start).map_err(io::Error::other)?;
        // SAFETY: the range lies in this region, which nobody but its owner uses; what was mapped there is replaced.
        let mapped = unsafe {
            libc::mmap(
                self.address(range.start).cast(),
                range.len(),
                libc::PROT_READ | libc::PROT_WRITE,
                sharing | libc::MAP_FIXED,
                file.as_raw_fd(),
                offset,
            )
        };
        if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Drops every private page of `range`: a mapped file shows its own contents again, anything else zeros.
    fn forget(&self, range: Range<usize>) -> io::Result<()> {
        self.check(&range)?;
        // SAFETY: the range lies in this region, which nobody but its owner uses.
        done(unsafe { libc::madvise(self.address(range.start).cast(), range.len(), libc::MADV_DONTNEED) })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the region was mapped by `map_anywhere` with this length, and its owner is gone.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

fn done(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Refuses a memory of `size` bytes where `capacity` are reserved: behind them is the guard, which code relies on.
fn within(size: usize, capacity: usize) -> io::Result<()> {
    if size <= capacity { Ok(()) } else { Err(io::Error::other("that is more than was reserved")) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The memory of a guest that runs once.
#[derive(Debug)]
struct PlainMemory {
    region: Region,
    size: usize,
    capacity: usize,
}

impl PlainMemory {
    fn new(size: usize, reserved: usize, guard: usize) -> io::Result<Self> {
        within(size, reserved)?;
        let region = Region::reserve(reserved + guard)?;
        region.open(0..size)?;
        Ok(Self { region, size, capacity: reserved })
    }
}

// SAFETY: the base never moves, and exactly `size` bytes are accessible.
unsafe impl LinearMemory for PlainMemory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        within(size, self.capacity)?;
        self.region.open(self.size..size)?;
        self.size = size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.region.address(0)
    }
}

/// The memory of a guest that prepares: a file, so that others can have it without a copy.
#[derive(Debug)]
pub(super) struct Recording {
    region: Region,
    file: File,
    minimum: usize,
    size: AtomicUsize,
    capacity: usize,
    frozen: Mutex<bool>,
}

impl Recording {
    fn new(minimum: usize, reserved: usize, guard: usize) -> io::Result<Self> {
        let region = Region::reserve(reserved + guard)?;
        let file = memory_file()?;
        let size = AtomicUsize::new(0);
        let recording = Self { region, file, minimum, size, capacity: reserved, frozen: Mutex::new(false) };
        recording.grow_to(minimum)?;
        Ok(recording)
    }

    /// The size that the component declares, in bytes.
    pub(super) fn minimum(&self) -> usize {
        self.minimum
    }

    /// Makes an image of what the guest has written. The guest goes on in a private view of it, as a fork would.
    ///
    /// The guest must not be running; whoever holds its store exclusively knows that.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no room for two more mappings.
    pub(super) fn freeze(&self) -> io::Result<Image> {
        let mut frozen = lock(&self.frozen);
        let len = self.size.load(Ordering::Relaxed);
        let image = Image {
            file: self.file.try_clone()?,
            len,
            source: Region::read_only(&self.file, len)?,
            free: Mutex::default(),
        };
        self.region.map_file(0..len, &self.file, false)?;
        *frozen = true;
        Ok(image)
    }

    fn grow_to(&self, size: usize) -> io::Result<()> {
        within(size, self.capacity)?;
        let before = self.size.load(Ordering::Relaxed);
        if *lock(&self.frozen) {
            self.region.open(before..size)?;
        } else {
            self.file.set_len(size as u64)?;
            self.region.map_file(before..size, &self.file, true)?;
        }
        self.size.store(size, Ordering::Relaxed);
        Ok(())
    }
}

struct RecordedMemory(Arc<Recording>);

// SAFETY: the base never moves, and exactly `size` bytes are accessible; a handle that outlives this memory keeps the
// region mapped but never touches what is in it.
unsafe impl LinearMemory for RecordedMemory {
    fn byte_size(&self) -> usize {
        self.0.size.load(Ordering::Relaxed)
    }

    fn byte_capacity(&self) -> usize {
        self.0.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        Ok(self.0.grow_to(size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.region.address(0)
    }
}

/// A file that exists in memory only.
fn memory_file() -> io::Result<File> {
    // SAFETY: the name is a string with its zero, and the result is checked.
    let fd = unsafe { libc::memfd_create(c"guest".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, open and nobody else's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// What a guest's memory was when it had prepared. Nobody writes to it any more.
#[derive(Debug)]
pub(super) struct Image {
    file: File,
    len: usize,
    /// Where pages that a fork has written are copied back from.
    source: Region,
    free: Mutex<Vec<Slot>>,
}

impl Image {
    /// A place that shows this image: the one that this thread used last, if it is free.
    fn slot(&self, reserved: usize, guard: usize) -> io::Result<Slot> {
        let mine = thread::current().id();
        let mut free = lock(&self.free);
        let place = free.iter().position(|slot| slot.thread == Some(mine)).or_else(|| free.len().checked_sub(1));
        if let Some(place) = place {
            return Ok(free.swap_remove(place));
        }
        drop(free);
        let region = Region::reserve(reserved + guard)?;
        region.map_file(0..self.len, &self.file, false)?;
        Ok(Slot { region, open: self.len, written: Vec::new(), faults: 0, thread: None })
    }

    fn take_back(&self, slot: Slot) {
        let mut free = lock(&self.free);
        if free.len() < KEPT {
            free.push(slot);
        }
    }
}

/// A private view of an image, and memory to grow into behind it.
#[derive(Debug)]
struct Slot {
    region: Region,
    /// Bytes that are accessible.
    open: usize,
    /// Pages of its own that it had when they were last looked for.
    written: Vec<Range<usize>>,
    /// Page faults of `thread` at that time.
    faults: i64,
    /// Who looked.
    thread: Option<ThreadId>,
}

impl Slot {
    /// Makes everything what it was when the slot was new.
    fn reset(&mut self, image: &Image) -> io::Result<()> {
        if self.open > image.len {
            // What a task has grown into goes back: pages that are kept behind the image would have to be looked for in
            // tasks that do not grow, too.
            self.region.forget(image.len..self.open)?;
            self.region.close(image.len..self.open)?;
            self.open = image.len;
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
        self.region.forget(0..self.open)
    }

    /// Brings the list of its own pages up to date.
    ///
    /// A page becomes private at the first write to it, which is a page fault of the thread that writes. So a thread
    /// that was the last to look, and has had no fault since, knows the pages already: a slot is used by one thread from
    /// its taking to its return (a [`Seat`](super::Seat) cannot be sent to another), and the mapping of a file is not
    /// among those whose pages the kernel joins by itself.
    fn find_written(&mut self) -> io::Result<()> {
        // Nobody says what was written: all of it goes.
        let Some(pagemap) = Pagemap::of_process() else { return self.forget_all() };
        let mine = thread::current().id();
        let is_known = self.thread == Some(mine) && faults_are_counted() && thread_faults() == Some(self.faults);
        if !is_known {
            self.written.clear();
            pagemap.own_pages(&self.region, self.open, &mut self.written)?;
            self.faults = thread_faults().unwrap_or_default();
            self.thread = Some(mine);
        }
        Ok(())
    }

    fn copy_back(&self, image: &Image) {
        for range in &self.written {
            let range = range.start.min(image.len)..range.end.min(image.len);
            // SAFETY: the range is open in this slot, whose instance is gone, so nobody else reads or writes it; it lies
            // within the image, whose mapping is another one and is as long.
            unsafe {
                let source = image.source.address(range.start);
                ptr::copy_nonoverlapping(source, self.region.address(range.start), range.len());
            }
        }
    }
}

/// The memory of a fork.
struct ForkedMemory {
    image: Arc<Image>,
    /// There until the memory is dropped.
    slot: Option<Slot>,
    base: *mut u8,
    size: usize,
    capacity: usize,
}

// SAFETY: the pointer is the base of the slot's region, which may be used from any thread.
unsafe impl Send for ForkedMemory {}
// SAFETY: as above; nothing is read or written through it here.
unsafe impl Sync for ForkedMemory {}

impl ForkedMemory {
    fn new(image: &Arc<Image>, reserved: usize, guard: usize) -> io::Result<Self> {
        let slot = image.slot(reserved, guard)?;
        let base = slot.region.address(0);
        Ok(Self { image: Arc::clone(image), slot: Some(slot), base, size: image.len, capacity: reserved })
    }
}

// SAFETY: the base never moves, and exactly `size` bytes are accessible.
unsafe impl LinearMemory for ForkedMemory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        within(size, self.capacity)?;
        let Some(slot) = &mut self.slot else { return Ok(()) };
        slot.region.open(self.size..size)?;
        slot.open = size;
        self.size = size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.base
    }
}

impl Drop for ForkedMemory {
    fn drop(&mut self) {
        // A slot that cannot be set back is dropped: the next fork maps a new one.
        if let Some(mut slot) = self.slot.take()
            && slot.reset(&self.image).is_ok()
        {
            self.image.take_back(slot);
        }
    }
}

/// Page faults of this thread so far.
fn thread_faults() -> Option<i64> {
    // SAFETY: zeros are a valid value of the structure, and the kernel writes no more than it.
    let (result, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), usage)
    };
    (result == 0).then(|| usage.ru_minflt + usage.ru_majflt)
}

/// Whether this kernel counts a page fault where a page is first written to. Not every one that calls itself Linux does.
fn faults_are_counted() -> bool {
    static COUNTED: OnceLock<bool> = OnceLock::new();
    let try_it = || {
        let page = Region::reserve(COUNTER).ok()?;
        page.open(0..COUNTER).ok()?;
        let before = thread_faults()?;
        // SAFETY: the page is open, aligned, and nobody else's.
        unsafe { page.address(0).write_volatile(1) };
        Some(thread_faults()? > before)
    };
    *COUNTED.get_or_init(|| try_it().unwrap_or(false))
}

/// The kernel's account of which pages are a process's own (Linux 6.7 and later).
struct Pagemap(File);

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct ScanArguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of `linux/fs.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

impl Pagemap {
    /// `PAGEMAP_SCAN`: `_IOWR('f', 16, struct pm_scan_arg)`.
    const SCAN: u64 = 0xC060_6610;
    const FILE: u64 = 1 << 2;
    const PRESENT: u64 = 1 << 3;
    const SWAPPED: u64 = 1 << 4;
    const ZERO: u64 = 1 << 5;

    /// The account of this process, if the kernel keeps it.
    fn of_process() -> Option<&'static Self> {
        static PAGEMAP: OnceLock<Option<Pagemap>> = OnceLock::new();
        let open = || {
            let pagemap = Self(File::open("/proc/self/pagemap").ok()?);
            let probe = Region::reserve(COUNTER).ok()?;
            pagemap.own_pages(&probe, COUNTER, &mut Vec::new()).ok()?;
            Some(pagemap)
        };
        PAGEMAP.get_or_init(open).as_ref()
    }

    /// Appends the pages among the first `len` bytes of `region` that are neither the file's nor the system's page of
    /// zeros: they were written here. In bytes from the start of the region.
    fn own_pages(&self, region: &Region, len: usize, found: &mut Vec<Range<usize>>) -> io::Result<()> {
        let base = region.address(0) as u64;
        let end = region.address(len) as u64;
        let mut regions = [PageRegion::default(); 64];
        let mut at = base;
        while at < end {
            let mut arguments = ScanArguments {
                size: size_of::<ScanArguments>() as u64,
                start: at,
                end,
                regions: regions.as_mut_ptr() as u64,
                regions_len: regions.len() as u64,
                category_inverted: Self::FILE | Self::ZERO,
                category_mask: Self::FILE | Self::ZERO,
                category_anyof_mask: Self::PRESENT | Self::SWAPPED,
                ..ScanArguments::default()
            };
            // SAFETY: the structures are laid out as the kernel's, and it writes at most `regions_len` regions.
            let count = unsafe { libc::ioctl(self.0.as_raw_fd(), Self::SCAN as _, &raw mut arguments) };
            let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
            found.extend(regions[..count].iter().map(|r| (r.start - base) as usize..(r.end - base) as usize));
            if arguments.walk_end <= at {
                return Err(io::Error::other("the kernel does not say how far it has looked"));
            }
            at = arguments.walk_end;
        }
        Ok(())
    }
}

/// The page of a metered guest: units that are left, as a number of 64 bits at its start.
///
/// The guest takes units away by itself, and stops when there are none. The host can also take the page: the guest's
/// next look at it is a trap.
#[derive(Debug)]
pub(super) struct Counter {
    region: Region,
    watch: Mutex<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    deadline: Option<Instant>,
    /// Whether the page is taken.
    taken: bool,
}

impl Counter {
    /// Sets what is left. The guest must not be running.
    pub(super) fn fill(&self, units: i64) {
        self.with_page(|cell| cell.store(units, Ordering::Relaxed));
    }

    /// What is left; below zero where the guest stopped for want of units.
    pub(super) fn left(&self) -> i64 {
        self.with_page(|cell| cell.load(Ordering::Relaxed))
    }

    /// Lets the guest run until `deadline`.
    pub(super) fn start(&self, deadline: Instant) {
        lock(&self.watch).deadline = Some(deadline);
    }

    /// Ends the watch, and returns whether the guest was stopped by it.
    pub(super) fn stop(&self) -> bool {
        let mut watch = lock(&self.watch);
        watch.deadline = None;
        let taken = watch.taken;
        self.give_back(&mut watch);
        taken
    }

    fn stop_overdue(&self, now: Instant, cut: bool) {
        let mut watch = lock(&self.watch);
        if watch.deadline.is_some_and(|deadline| cut || deadline <= now) && !watch.taken {
            // Where the page cannot be taken, the next look at the clock tries again.
            watch.taken = self.region.close(0..COUNTER).is_ok();
        }
    }

    fn give_back(&self, watch: &mut Watch) {
        if watch.taken {
            self.region.open(0..COUNTER).expect("a page that was accessible can be so again");
            watch.taken = false;
        }
    }

    fn with_page<T>(&self, look: impl FnOnce(&AtomicI64) -> T) -> T {
        let mut watch = lock(&self.watch);
        self.give_back(&mut watch);
        // SAFETY: the page is open, aligned, mapped as long as `self` lives, and only ever taken under the lock that is
        // held here; the guest's code, which writes to it plainly, does not run now.
        look(unsafe { AtomicI64::from_ptr(self.region.address(0).cast()) })
    }
}

struct CounterMemory {
    counter: Arc<Counter>,
    home: Weak<Counters>,
}

// SAFETY: the base never moves, and the one page is accessible unless the guest is to trap.
unsafe impl LinearMemory for CounterMemory {
    fn byte_size(&self) -> usize {
        COUNTER
    }

    fn byte_capacity(&self) -> usize {
        COUNTER
    }

    fn grow_to(&mut self, _: usize) -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg("the meter's memory does not grow"))
    }

    fn as_ptr(&self) -> *mut u8 {
        self.counter.region.address(0)
    }
}

impl Drop for CounterMemory {
    fn drop(&mut self) {
        self.counter.stop();
        let Some(home) = self.home.upgrade() else { return };
        let mut free = lock(&home.free);
        if free.len() < KEPT {
            free.push(Arc::clone(&self.counter));
        }
    }
}
