//! The workspace: the buffers that a run works in and the next one reuses.
//!
//! Never holds a result: that is the [`Ledger`](super::Ledger)'s.

use super::{
    book::Book,
    position::{Order, Position},
};

/// The buffers of one run: positions, marks, targets that wait, orders that wait.
///
/// One workspace serves any number of runs, one after the other, and keeps its memory between them. Nothing in it
/// outlives a run.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// What is held of each instrument.
    pub(super) positions: Vec<Position>,
    /// Quote currency: the price at which each instrument is valued now; 0 before its first bar.
    pub(super) marks: Vec<f64>,
    /// The next bar of each instrument.
    pub(super) cursors: Vec<usize>,
    /// The exposure that each instrument is to be brought to, where a target waits.
    pub(super) targets: Vec<Option<f64>>,
    /// For each instrument the first time stamp at which its target may trade.
    pub(super) targets_from: Vec<usize>,
    /// The targets of one moment, sized.
    pub(super) sized: Vec<Order>,
    /// For each instrument the units of its bar that are traded.
    pub(super) traded: Vec<f64>,
    /// The orders that wait.
    pub(super) book: Book,
}

impl Workspace {
    /// Makes a workspace without memory of its own yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the buffers for a run over so many instruments; the memory stays.
    pub(super) fn open(&mut self, instruments: usize) {
        refill(&mut self.positions, Position::default(), instruments);
        refill(&mut self.marks, 0.0, instruments);
        refill(&mut self.cursors, 0, instruments);
        refill(&mut self.targets, None, instruments);
        refill(&mut self.targets_from, 0, instruments);
        refill(&mut self.traded, 0.0, instruments);
        self.sized.clear();
        self.book.clear();
    }
}

fn refill<T: Clone>(buffer: &mut Vec<T>, value: T, len: usize) {
    buffer.clear();
    buffer.resize(len, value);
}
