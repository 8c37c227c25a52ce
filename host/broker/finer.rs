//! The finer bars that are traded: of which bars, and how far.
//!
//! Never trades one: [`detail`](super::detail) does.

use crate::model::Bar;

/// The bars of a time stamp that are traded by their finer bars.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) walks: Vec<Walk>,
    /// The finer bars that are traded now: those that begin at one moment. None while own bars are.
    pub(super) now: Vec<Finer>,
}

/// A bar, and how far its finer bars are traded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    pub(super) instrument: usize,
    /// Its index.
    pub(super) own: usize,
    /// Indices of finer bars: the first, the next to trade, and the first that is no longer part of it.
    pub(super) first: usize,
    pub(super) next: usize,
    pub(super) end: usize,
}

/// A finer bar that is traded now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finer {
    pub(super) instrument: usize,
    /// Index of the bar that it is a part of.
    pub(super) own: usize,
    /// Its own index.
    pub(super) index: usize,
    pub(super) bar: Bar,
}
