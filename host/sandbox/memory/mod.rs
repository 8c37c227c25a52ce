//! Linear memories that the host owns: captured once, mapped copy-on-write by every fork, set back after each task.
//!
//! Never decides what runs in them. A guest that prepares writes into a file in memory ([`Recording`]). [`freeze`] makes
//! an [`Image`] of it without copying, and every fork maps that image privately: what a task writes is its own, and is
//! [set back](written) afterwards. A metered guest's first memory is its [`Counter`], which the host fills,
//! reads and, when the time is over, takes away. The memory of a driver, where there is one, is a [`Desk`].
//!
//! [`freeze`]: Recording::freeze
//!
//! # Why this is sound
//!
//! Code of guests relies on what `wasmtime::MemoryCreator` promises: `reserved` bytes and a guard behind them at one
//! address, nothing accessible beyond the memory's size, zeros where nobody has written. A [`Region`](region::Region)
//! reserves all of it at once and opens it only up to the size. A fork's memory does not begin as zeros but as the image,
//! which is why only components without data segments and start functions run on it: they are compiled from the very
//! state that the image shows (`capture.rs`), or their data were [taken out](super::detach) and are the content from which that
//! state came to be. Nothing but the guest writes to a private mapping while it runs, since
//! wasmtime lends memory only through a store, and a slot is set back only when the store is gone.
#![expect(unsafe_code, reason = "wasmtime's traits for memories of the host's own are promises about addresses")]

mod counter;
mod desk;
mod fork;
mod free;
mod recording;
mod region;
mod window;
mod written;

use std::{
    cell::RefCell,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use wasmtime::{Config, LinearMemory, MemoryCreator, MemoryType};

pub(super) use self::{
    counter::Counter,
    desk::{Desk, Desks},
    fork::Image,
    recording::Recording,
    window::Window,
    written::{Refusal, listen},
};
use self::{
    counter::{CounterPage, Counters},
    desk::DeskMemory,
    fork::ForkMemory,
    region::{Base, Region, within},
};
use super::meter::PAGE;

/// The beginning of errors where the system gives the host no memory for a guest.
pub(super) const NO_MEMORY: &str = "no memory for the guest";

/// Opens what forks will ask the system, before this process can open nothing any more.
pub(crate) fn open_for_forks() {
    // What is wrong is told when the engine starts.
    let _ = written::Way::of_process();
}

/// The first bytes of the memory of a component that writes no data by itself, which has one memory and perhaps a driver's.
pub(super) type Content = Option<Arc<[u8]>>;

/// The contents that the memories of the next instance start with.
#[derive(Debug, Clone)]
pub(super) enum InitialMemory {
    /// The content and zeros, and gone with the instance.
    Fresh(Content),
    /// The content and zeros, and what is written can be made an image.
    Recorded(Content),
    /// A private view of an image. The memory of a driver, if the component has one, is of these desks; without them the driver
    /// is not called.
    CopyOnWrite(Arc<Image>, Option<Arc<Desks>>),
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
    /// The desk of its driver.
    pub(super) desk: Option<Arc<Desk>>,
    /// Tells whether the system refuses a fork a write.
    pub(super) refusal: Option<Refusal>,
    /// What can be read of a fork's memory, if an interpreter of Python is in it.
    pub(super) window: Option<Window>,
    /// Memories besides the counter's that there are already.
    others: usize,
}

/// The instance that is being made on this thread.
#[derive(Debug)]
struct Plan {
    initial: InitialMemory,
    metered: bool,
    deadline: Instant,
    made: Made,
}

thread_local! {
    /// wasmtime tells a creator nothing but the type of a memory: what else it needs to know waits here.
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// Creates the memories of an engine's instances. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Memories {
    counters: Arc<Counters>,
}

impl Memories {
    /// Makes the instances of an engine with `config` have memories from here.
    pub(super) fn of(config: &mut Config) -> Self {
        let memories = Self::default();
        // Images of data segments are mapped in memory of wasmtime's only.
        config.with_host_memory(Arc::new(memories.clone())).memory_init_cow(false).memory_may_move(false);
        memories
    }

    /// Runs `instantiate`, which makes one instance, and returns what it returns and the memories that it took. The first
    /// memory of a `metered` instance is its counter, which is watched until `deadline` from its second memory on.
    pub(super) fn instantiate<T>(
        &self,
        initial: InitialMemory,
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
        PLAN.set(Some(Plan { initial, metered, deadline, made: Made::default() }));
        let clear = Clear;
        let instance = instantiate();
        let made = PLAN.take().map(|plan| plan.made).unwrap_or_default();
        drop(clear);
        (instance, made)
    }

    /// Takes the counter away from every guest whose time is over at `now`, or from all of them with `cut`.
    pub(super) fn stop_overdue(&self, now: Instant, cut: bool) {
        self.counters.stop_overdue(now, cut);
    }

    fn create(
        &self,
        plan: &mut Plan,
        minimum: usize,
        reserved: usize,
        guard: usize,
    ) -> io::Result<Box<dyn LinearMemory>> {
        let len = reserved + guard;
        if plan.metered && plan.made.counter.is_none() {
            let counter = self.counters.take(len)?;
            let (base, home) = (counter.base(), Arc::downgrade(&self.counters));
            plan.made.counter = Some(Arc::clone(&counter));
            return GuestMemory::boxed(CounterPage { counter, home }, base, PAGE, PAGE);
        }
        // Only now: the counter's own module is set up by code of wasmtime's, for which a page that is taken away is fatal.
        if let Some(counter) = &plan.made.counter {
            counter.start(plan.deadline);
        }
        let is_first = plan.made.others == 0;
        plan.made.others += 1;
        match &plan.initial {
            // The driver comes after everything else of a component, which has one memory: it is not recorded.
            InitialMemory::Recorded(content) if is_first || content.is_none() => {
                let recording = Arc::new(Recording::new(minimum, len, content.as_deref().unwrap_or_default())?);
                plan.made.recorded.push(Arc::clone(&recording));
                let base = recording.base();
                GuestMemory::boxed(recording, base, minimum, reserved)
            }
            InitialMemory::Fresh(content) | InitialMemory::Recorded(content) => {
                let mut region = Region::reserve(len)?;
                region.open_to(minimum)?;
                region.write(0, content.as_deref().filter(|_| is_first).unwrap_or_default());
                let base = region.base();
                GuestMemory::boxed(region, base, minimum, reserved)
            }
            InitialMemory::CopyOnWrite(_, desks) if plan.made.others == 2 && minimum == 0 => {
                let Some(desks) = desks else {
                    let region = Region::reserve(len)?;
                    let base = region.base();
                    return GuestMemory::boxed(region, base, 0, reserved);
                };
                let (memory, desk, base, size) = DeskMemory::new(desks, len)?;
                plan.made.desk = Some(desk);
                GuestMemory::boxed(memory, base, size, reserved)
            }
            InitialMemory::CopyOnWrite(image, _) => {
                if !is_first || minimum > image.len() {
                    return Err(io::Error::other("the memory is not the one that was captured"));
                }
                plan.made.beyond_minimum = image.len() - minimum;
                let (memory, base) = ForkMemory::new(image, len)?;
                plan.made.refusal = memory.refusal();
                let (window, told) = image.python().map(|table| Window::on(base, image.len(), table)).unzip();
                plan.made.window = window;
                within(image.len(), reserved)?;
                Ok(Box::new(GuestMemory { backing: memory, base, size: image.len(), capacity: reserved, told }))
            }
        }
    }
}

// SAFETY: every memory reserves `reserved + guard` bytes at a fixed address in one `Region`, of which only the memory's
// size is ever accessible; all but forks and desks begin as zeros, and forks are what the module's documentation says. The only
// code that reaches a desk is the driver's, which is ours.
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

/// The owner of the bytes of one linear memory. It opens more of them, and decides what becomes of them when the instance
/// is gone.
trait Backing: Send + Sync + 'static {
    /// Makes the first `size` bytes accessible, which is more than there are and no more than are reserved: the new ones
    /// are zeros.
    fn grow_to(&mut self, size: usize) -> io::Result<()>;
}

/// The memory of a guest that runs once.
impl Backing for Region {
    fn grow_to(&mut self, size: usize) -> io::Result<()> {
        self.open_to(size)
    }
}

/// One linear memory, as wasmtime knows it.
struct GuestMemory<B> {
    backing: B,
    base: Base,
    size: usize,
    capacity: usize,
    /// Hears of the size.
    told: Option<Arc<AtomicUsize>>,
}

impl<B: Backing> GuestMemory<B> {
    /// A memory of `size` bytes at `base`, which `backing` has made accessible, with room for `capacity`.
    fn boxed(backing: B, base: Base, size: usize, capacity: usize) -> io::Result<Box<dyn LinearMemory>> {
        within(size, capacity)?;
        Ok(Box::new(Self { backing, base, size, capacity, told: None }))
    }
}

// SAFETY: a region never moves, and exactly its first `size` bytes are accessible: each backing is made with so many, and
// opens no more than `grow_to` asks for. The counter's page is the one exception: it is taken away when its guest is to
// trap. What else holds a region (a `Recording`, a `Desk`) keeps it mapped, and touches nothing in it while the guest runs.
unsafe impl<B: Backing> LinearMemory for GuestMemory<B> {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        within(size, self.capacity)?;
        self.backing.grow_to(size)?;
        self.size = size;
        self.told.iter().for_each(|told| told.store(size, Ordering::Relaxed));
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
