//! A stretch of time: a time stamp that is told, and the quiet ones after it, at which nothing can happen to the account.
//!
//! Never calls a strategy: [`quiet`](super::quiet) does, or a client by itself.

use super::{Timeline, position::Position};
use crate::model::{EventKind, Series};

/// The prices between which no order of an instrument is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Quote currency: a bar that trades here or below concerns an order.
    pub low: f64,
    /// Quote currency: a bar that trades here or above concerns an order.
    pub high: f64,
}

impl Bounds {
    /// Those of an instrument without orders.
    pub(super) const NONE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    pub(super) fn above(&mut self, price: f64) {
        self.low = self.low.max(price);
    }

    pub(super) fn below(&mut self, price: f64) {
        self.high = self.high.min(price);
    }

    /// Whether a bar with these extremes concerns an order.
    #[inline(always)]
    pub(super) fn are_left(self, low: f64, high: f64) -> bool {
        low <= self.low || high >= self.high
    }
}

/// A place among the calls of a run: time stamps before `stamp` are told, and so is the beginning of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index of the time stamp.
    pub stamp: usize,
    /// How much of it is told: one for each of its bars, one more for the end of the time stamp. What the strategy has muted
    /// counts as told.
    pub told: usize,
}

/// A stretch of time: the rest of a time stamp at which everything but the strategy's calls is done, and the quiet time stamps
/// after it, for as long as they are quiet.
///
/// A time stamp after the first is quiet if no bar [leaves the bounds](Bounds), and the account afterwards is worth
/// more than [`floor`](Self::floor) and no less than [`margin`](Self::margin) times the value of its positions.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// The bars.
    pub series: &'a [Series],
    /// Their timeline.
    pub timeline: &'a Timeline,
    /// Where to begin.
    pub from: Place,
    /// Index of the first time stamp that is not quiet, whatever its prices are.
    pub until: usize,
    /// Quote currency: cash, which stays as it is.
    pub cash: f64,
    /// Quote currency: what the account is worth at the first time stamp.
    pub equity: f64,
    /// Quote currency: what the account has to be worth more than.
    pub floor: f64,
    /// The share of the positions' absolute values that the account has to be worth.
    pub margin: f64,
    /// For each instrument the prices between which no order is reached.
    pub bounds: &'a [Bounds],
    /// Quote currency: the price at which each instrument is valued at the first time stamp.
    pub marks: &'a [f64],
    /// Whether the strategy does not want to hear of an event.
    pub(super) muted: [bool; 4],
    pub(super) positions: &'a [Position],
    /// For each instrument its bar at the first time stamp, or the next after it.
    pub(super) cursors: &'a [usize],
}

impl Stretch<'_> {
    /// Whether the strategy does not want to hear of `event`.
    #[inline]
    pub fn is_muted(&self, event: EventKind) -> bool {
        self.muted[event as usize]
    }

    /// Units held of an instrument, negative where short.
    #[inline]
    pub fn units(&self, instrument: usize) -> f64 {
        self.positions[instrument].held.units
    }

    /// Quote currency that the position in an instrument gains when the price rises by 1.
    #[inline]
    pub fn points(&self, instrument: usize) -> f64 {
        self.positions[instrument].points
    }

    /// Whether an account that is worth `equity`, with positions of the absolute value `gross`, needs the broker.
    #[inline(always)]
    pub(super) fn is_in_danger(&self, equity: f64, gross: f64) -> bool {
        equity <= self.floor || equity.is_nan() || equity < self.margin * gross
    }
}

/// What several instruments need on the way: their bars and marks, and equity at each quiet time stamp.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// Quote currency: what the account was worth at each quiet time stamp after the first, where there are several
    /// instruments.
    pub equity: Vec<f64>,
    pub(super) cursors: Vec<usize>,
    pub(super) marks: Vec<f64>,
    pub(super) held: Vec<usize>,
    pub(super) here: Vec<usize>,
}
