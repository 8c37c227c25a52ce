//! The meter's page: units that a guest has left, and how the host stops a guest whose time is over.
//!
//! Never decides how many units or how much time a guest gets.

use std::{
    io,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use super::{
    Backing,
    free::Free,
    lock,
    region::{Base, Region},
};
use crate::sandbox::meter::PAGE;

/// The page of a metered guest: units that are left, as a number of 64 bits at its start.
///
/// The guest takes units away by itself, and stops when there are none. The host can also take the page: the guest's
/// next look at it is a trap.
#[derive(Debug)]
pub(crate) struct Counter {
    base: Base,
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    /// Accessible, unless it is taken.
    page: Region,
    deadline: Option<Instant>,
    taken: bool,
}

impl Counter {
    fn new(len: usize) -> io::Result<Self> {
        let mut page = Region::reserve(len)?;
        page.open_to(PAGE)?;
        Ok(Self { base: page.base(), watch: Mutex::new(Watch { page, deadline: None, taken: false }) })
    }

    /// The address of the page.
    pub(super) fn base(&self) -> Base {
        self.base
    }

    /// Sets the units that are left. The guest must not be running.
    pub(crate) fn fill(&self, units: i64) {
        self.with_page(|cell| cell.store(units, Ordering::Relaxed));
    }

    /// Units that are left; below zero where the guest stopped for want of units. The guest must not be running.
    pub(crate) fn left(&self) -> i64 {
        self.with_page(|cell| cell.load(Ordering::Relaxed))
    }

    /// Lets the guest run until `deadline`.
    pub(crate) fn start(&self, deadline: Instant) {
        lock(&self.watch).deadline = Some(deadline);
    }

    /// Ends the watch, and returns whether the guest was stopped by it.
    pub(crate) fn stop(&self) -> bool {
        let mut watch = lock(&self.watch);
        watch.deadline = None;
        let taken = watch.taken;
        watch.give_back();
        taken
    }

    fn stop_overdue(&self, now: Instant, cut: bool) {
        let mut watch = lock(&self.watch);
        if watch.deadline.is_some_and(|deadline| cut || deadline <= now) && !watch.taken {
            // Where the page cannot be taken, the next look at the clock tries again.
            watch.taken = watch.page.close_from(0).is_ok();
        }
    }

    /// The guest's code, which writes to the page plainly, does not run meanwhile; the lock keeps the clock away.
    fn with_page<T>(&self, look: impl FnOnce(&AtomicI64) -> T) -> T {
        let mut watch = lock(&self.watch);
        watch.give_back();
        look(watch.page.word())
    }
}

impl Watch {
    fn give_back(&mut self) {
        if self.taken {
            self.page.open_to(PAGE).expect("a page that was accessible can be so again");
            self.taken = false;
        }
    }
}

/// The counters of an engine: those that guests have, and those that wait for one.
#[derive(Debug, Default)]
pub(super) struct Counters {
    free: Free<Arc<Counter>>,
    all: Mutex<Vec<Weak<Counter>>>,
}

impl Counters {
    /// A counter with no units in it, in a region of `len` bytes.
    pub(super) fn take(&self, len: usize) -> io::Result<Arc<Counter>> {
        if let Some(counter) = self.free.take(|_| false) {
            counter.fill(0);
            return Ok(counter);
        }
        let counter = Arc::new(Counter::new(len)?);
        lock(&self.all).push(Arc::downgrade(&counter));
        Ok(counter)
    }

    /// Takes the counter away from every guest whose time is over at `now`, or from all of them with `cut`.
    pub(super) fn stop_overdue(&self, now: Instant, cut: bool) {
        lock(&self.all).retain(|counter| {
            let counter = counter.upgrade();
            counter.inspect(|counter| counter.stop_overdue(now, cut)).is_some()
        });
    }
}

/// The counter as the first memory of a guest: it goes back to the others when the guest is gone.
#[derive(Debug)]
pub(super) struct CounterPage {
    pub(super) counter: Arc<Counter>,
    pub(super) home: Weak<Counters>,
}

impl Backing for CounterPage {
    fn grow_to(&mut self, _: usize) -> io::Result<()> {
        Err(io::Error::other("the meter's memory does not grow"))
    }
}

impl Drop for CounterPage {
    fn drop(&mut self) {
        self.counter.stop();
        let Some(home) = self.home.upgrade() else { return };
        home.free.give_back(Arc::clone(&self.counter));
    }
}
