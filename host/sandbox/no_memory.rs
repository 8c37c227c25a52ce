//! Stands for memory of the host's own on systems where there is none: guests live in wasmtime's.
//!
//! Never makes any.

use std::{convert::Infallible, io, sync::Arc, time::Instant};

use wasmtime::Config;

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
    pub(super) counter: Option<Arc<Counter>>,
    pub(super) recorded: Vec<Arc<Recording>>,
    pub(super) beyond_minimum: usize,
}

/// There is none.
#[derive(Debug, Clone)]
pub(super) struct Memories(Infallible);

/// There is none.
#[derive(Debug)]
pub(super) struct Image(Infallible);

/// There is none.
#[derive(Debug)]
pub(super) struct Recording(Infallible);

/// There is none.
#[derive(Debug)]
pub(super) struct Counter(Infallible);

impl Memories {
    /// Makes none.
    pub(super) fn of(_: &mut Config) -> Option<Self> {
        None
    }

    pub(super) fn instantiate<T>(&self, _: Kind, _: bool, _: Instant, _: impl FnOnce() -> T) -> (T, Made) {
        match self.0 {}
    }

    pub(super) fn stop_overdue(&self, _: Instant, _: bool) {
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
