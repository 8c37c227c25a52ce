//! A generation in the making: the cells that the next batch will ask for.
//!
//! Never takes a cell that is not allowed, that was evaluated before, or that it has already.

use std::collections::HashSet;

use super::{
    history::{History, Share},
    space::Space,
};

/// Cells that are being collected for a batch.
pub(super) struct Generation<'a> {
    pub(super) space: &'a Space,
    pub(super) history: &'a History,
    /// The part of the data that the cells are to be run on.
    pub(super) share: Share,
    allowed: &'a dyn Fn(u64) -> bool,
    size: usize,
    cells: Vec<u64>,
    // For lookups only: its order differs from run to run.
    taken: HashSet<u64>,
}

impl<'a> Generation<'a> {
    /// An empty generation of at most `size` cells.
    pub(super) fn new(space: &'a Space, history: &'a History, allowed: &'a dyn Fn(u64) -> bool, size: usize) -> Self {
        Self { space, history, share: Share::All, allowed, size, cells: Vec::new(), taken: HashSet::new() }
    }

    /// Whether nothing more can be taken.
    pub(super) fn is_full(&self) -> bool {
        self.cells.len() >= self.size
    }

    /// Lowers the size to at most `size` cells.
    pub(super) fn limit(&mut self, size: u64) {
        self.size = self.size.min(usize::try_from(size).unwrap_or(usize::MAX));
    }

    /// Cells that can still be taken.
    pub(super) fn room(&self) -> usize {
        self.size - self.cells.len()
    }

    /// The cells taken so far, in the order in which they were taken.
    pub(super) fn cells(&self) -> &[u64] {
        &self.cells
    }

    /// Whether the grid's conditions allow a cell.
    pub(super) fn allows(&self, number: u64) -> bool {
        (self.allowed)(number)
    }

    /// Takes a cell that has not been evaluated on any share of the data; returns whether it did.
    pub(super) fn offer(&mut self, number: u64) -> bool {
        let is_new = !self.is_full() && !self.taken.contains(&number) && !self.history.knows(number);
        let takes = is_new && self.allows(number);
        if takes {
            self.take(number);
        }
        takes
    }

    /// Takes a cell that was evaluated on a smaller share of the data; returns whether it did.
    pub(super) fn promote(&mut self, number: u64) -> bool {
        let takes = !self.is_full() && !self.taken.contains(&number) && self.history.get(number, self.share).is_none();
        if takes {
            self.take(number);
        }
        takes
    }

    fn take(&mut self, number: u64) {
        self.taken.insert(number);
        self.cells.push(number);
    }
}
