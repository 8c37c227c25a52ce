//! The portable stand-in for memory that the host owns, on systems where there is none: guests live in wasmtime's.
//!
//! Never makes any. `--cfg portable_memory` takes it on Linux too, so that its half of the sandbox can be tested there
//! (`tests/portable_memory.sh`).

use std::{convert::Infallible, fs::File, io, sync::Arc, time::Instant};

use wasmtime::Config;

/// Whether this system has memory that the host owns.
pub(super) const IS_SUPPORTED: bool = false;

/// The beginning of errors where the system gives the host no memory for a guest.
pub(super) const NO_MEMORY: &str = "no memory for the guest";

/// Opens nothing.
pub(crate) fn open_for_forks() {}

/// The contents that the memories of the next instance start with.
#[derive(Debug, Clone)]
pub(super) enum InitialMemory {
    /// Zeros, and gone with the instance.
    Zeros,
    /// Zeros, and what is written can be made an image.
    Recorded,
    /// A private view of an image, and the memory of a driver.
    CopyOnWrite(Arc<Image>, Option<Arc<Desks>>),
}

/// The memories that an instance got.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) counter: Option<Arc<Counter>>,
    pub(super) recorded: Vec<Arc<Recording>>,
    pub(super) beyond_minimum: usize,
    pub(super) desk: Option<Arc<Desk>>,
}

/// Creates no memories: there is no value of it.
#[derive(Debug, Clone)]
pub(super) struct Memories(Infallible);

/// The image of a guest's memory: there is no value of it.
#[derive(Debug)]
pub(super) struct Image(Infallible);

/// The memory of a guest that prepares: there is no value of it.
#[derive(Debug)]
pub(super) struct Recording(Infallible);

/// The page of a metered guest: there is no value of it.
#[derive(Debug)]
pub(super) struct Counter(Infallible);

/// The memories of drivers: there is no value of it.
#[derive(Debug)]
pub(super) struct Desks(Infallible);

/// The memory of a driver: there is no value of it.
#[derive(Debug)]
pub(super) struct Desk(Infallible);

impl Memories {
    /// Returns `None`: guests have memory of wasmtime's.
    pub(super) fn of(_: &mut Config) -> Option<Self> {
        None
    }

    pub(super) fn instantiate<T>(&self, _: InitialMemory, _: bool, _: Instant, _: impl FnOnce() -> T) -> (T, Made) {
        match self.0 {}
    }

    pub(super) fn stop_overdue(&self, _: Instant, _: bool) {
        match self.0 {}
    }
}

impl Image {
    pub(super) fn of_file(_: File, _: usize) -> io::Result<Self> {
        Err(io::Error::other("this system has no memory that is shared copy-on-write"))
    }

    pub(super) fn file(&self) -> io::Result<File> {
        match self.0 {}
    }

    pub(super) fn len(&self) -> usize {
        match self.0 {}
    }
}

impl Recording {
    pub(super) fn minimum(&self) -> usize {
        match self.0 {}
    }

    pub(super) fn freeze(&self) -> io::Result<Image> {
        match self.0 {}
    }
}

impl Counter {
    pub(super) fn fill(&self, _: i64) {
        match self.0 {}
    }

    pub(super) fn left(&self) -> i64 {
        match self.0 {}
    }

    pub(super) fn start(&self, _: Instant) {
        match self.0 {}
    }

    pub(super) fn stop(&self) -> bool {
        match self.0 {}
    }
}
