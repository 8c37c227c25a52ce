//! The workspace: the buffers that a run works in and the next one reuses.
//!
//! Never holds a result: that is the [`Ledger`](super::Ledger)'s.

use super::{
    Trail,
    amount::Amount,
    book::Book,
    position::{Order, Position},
    terms::Terms,
};

/// The mark of an instrument that has no price yet: a zero that no bar has, with which sums need no question.
pub(super) const NO_MARK: f64 = -0.0;

/// The buffers of one run: terms, positions, marks, targets that wait, orders that wait.
///
/// One workspace serves any number of runs, one after the other, and keeps its memory between them. Nothing in it
/// outlives a run.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// The terms of each instrument.
    pub(super) terms: Vec<Terms>,
    /// What is held of each instrument.
    pub(super) positions: Vec<Position>,
    /// Quote currency: the price at which each instrument is valued now; [`NO_MARK`] before its first bar.
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
    pub(super) traded: Vec<Amount>,
    /// The orders that wait.
    pub(super) book: Book,
    /// What a walk through quiet time stamps works in.
    pub(super) trail: Trail,
}

impl Workspace {
    /// Makes a workspace without memory of its own yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the buffers for a run over so many instruments, whose terms the caller enters; the memory stays.
    pub(super) fn open(&mut self, instruments: usize) {
        self.terms.clear();
        refill(&mut self.positions, Position::default(), instruments);
        refill(&mut self.marks, NO_MARK, instruments);
        refill(&mut self.cursors, 0, instruments);
        refill(&mut self.targets, None, instruments);
        refill(&mut self.targets_from, 0, instruments);
        refill(&mut self.traded, Amount::default(), instruments);
        self.sized.clear();
        self.book.clear();
    }
}

fn refill<T: Clone>(buffer: &mut Vec<T>, value: T, len: usize) {
    buffer.clear();
    buffer.resize(len, value);
}
