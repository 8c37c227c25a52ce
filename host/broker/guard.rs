//! The guard: how far the exits of targets are, and what keeps an instrument flat after one.
//!
//! Never knows an order that waits: [`exits`](super::exits) enters them.

use serde::Serialize;

use crate::model::{OrderKind, OrderRequest, Side};

/// The distances at which positions that targets open are closed again. Each is a share of a price; at 0 there is none.
///
/// With them, an instrument stays flat after an exit until its strategy wants it flat or on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Exits {
    /// How far the price may move against the position from the price of its entry.
    pub stop_loss: f64,
    /// How far the price moves in favour of the position from the price of its entry.
    pub take_profit: f64,
    /// How far the price may fall behind the best one since the entry.
    pub trailing_stop: f64,
}

impl Exits {
    /// Returns true if no position is closed by an exit.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The exit orders for a position of `units` that was opened at the price `entry`: those whose price can be reached.
    pub(super) fn orders(self, instrument: u32, units: f64, entry: f64) -> impl Iterator<Item = OrderRequest> {
        let side = if units > 0.0 { Side::Sell } else { Side::Buy };
        // Away from the entry by a share of its size, on the side where the position gains.
        let level = |share: f64| entry * (1.0 + share * units.signum() * entry.signum());
        let market = OrderRequest { reduce_only: true, ..OrderRequest::market(instrument, side, units.abs()) };
        let stop = OrderRequest { kind: OrderKind::Stop, stop: level(-self.stop_loss), ..market };
        let limit = OrderRequest { kind: OrderKind::Limit, limit: level(self.take_profit), ..market };
        let trailing = OrderRequest { kind: OrderKind::TrailingStopPercent, stop: self.trailing_stop, ..market };
        let all = [(self.stop_loss, stop), (self.take_profit, limit), (self.trailing_stop, trailing)];
        all.into_iter().filter(|(share, _)| *share > 0.0).map(|(_, request)| request)
    }
}

/// The exits of a run, and what keeps instruments flat after one.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    pub(super) exits: Exits,
    /// For each instrument the exposure that was wanted last.
    wanted: Vec<f64>,
    /// For each instrument the side that an exit has closed: 1, -1 or, without one, 0.
    closed: Vec<f64>,
}

impl Guard {
    pub(super) fn new(exits: Exits, instruments: usize) -> Self {
        if exits.is_none() {
            return Self::default();
        }
        Self { exits, wanted: vec![0.0; instruments], closed: vec![0.0; instruments] }
    }

    pub(super) fn is_on(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Whether a target is followed: not if an exit has closed a position on its side, and nothing else was wanted since.
    pub(super) fn admits(&mut self, instrument: usize, exposure: f64) -> bool {
        if !self.is_on() {
            return true;
        }
        self.wanted[instrument] = exposure;
        let is_closed = self.closed[instrument] * exposure > 0.0;
        if !is_closed {
            self.closed[instrument] = 0.0;
        }
        !is_closed
    }

    /// Notes that an exit closes the position on `side`. Returns whether its strategy still wants it.
    pub(super) fn close(&mut self, instrument: usize, side: f64) -> bool {
        let is_wanted = self.wanted[instrument] * side > 0.0;
        self.closed[instrument] = if is_wanted { side } else { 0.0 };
        is_wanted
    }
}
