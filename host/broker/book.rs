//! The order book: the orders that wait, in the order of their numbers.
//!
//! Never knows a price of the market: [`matching`](super::matching) does.

use super::{amount::Amount, terms::Terms};
use crate::model::{Measure, OrderKind, OrderRequest, Side, TimeInForce};

/// The most orders that wait at a time.
pub(super) const MOST_WAITING: usize = 10_000;

/// An order that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) order: u64,
    pub(super) instrument: u32,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) measure: Measure,
    /// What is left of the quantity, as `measure` counts it.
    pub(super) quantity: Amount,
    /// Units that were filled.
    pub(super) filled: Amount,
    pub(super) limit: f64,
    /// Quote currency: where it triggers, now.
    pub(super) stop: f64,
    /// The distance of a trailing stop, as its kind counts it.
    pub(super) distance: f64,
    /// Quote currency: the best price that a trailing stop has seen; NaN before the first.
    pub(super) best: f64,
    pub(super) time_in_force: TimeInForce,
    pub(super) until: i64,
    /// The day of a [`TimeInForce::Day`] order, once its instrument has had a bar.
    pub(super) day: Option<i64>,
    pub(super) reduce_only: bool,
    /// Whether its stop was reached when it came to life, or there was no price yet: the market has not jumped over it.
    pub(super) late: bool,
    /// Quote currency: the close before the bar that it sees; NaN before the first.
    pub(super) close_before: f64,
    /// Whether its stop was reached, of a stop-limit order or of one that is filled in part.
    pub(super) triggered: bool,
    /// The entry that it is an exit of; 0 if it is not an exit.
    pub(super) parent: u64,
    /// The number of its exit at a stop; that of the one at a limit is one higher. 0 where it has none.
    pub(super) exits: u64,
    /// Units by which its fills opened or grew a position: as large as its exits are.
    pub(super) opened: Amount,
    /// The order that no longer does what this one does; 0 without one.
    pub(super) pair: u64,
    pub(super) state: State,
    /// Index of the first time stamp at which it may be filled.
    pub(super) from: usize,
    /// Index of the first finer bar at which it may be filled, of those of the current bar; 0 if it may at any.
    pub(super) from_finer: usize,
    /// From which price on it saw the current bar.
    pub(super) since: Since,
    /// Whether the volume of the current bar has nothing left for it.
    pub(super) spent: bool,
    /// Commission on the filled part, before its bounds.
    pub(super) linear: f64,
    /// Commission paid.
    pub(super) paid: f64,
}

/// From which price on an order saw the current bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Since {
    /// It was there before the bar.
    Before,
    /// It came to life when the price was here, and all of the bar was still to come, or its way is followed.
    At(f64),
    /// It came to life when the price rose to here.
    Rising(f64),
    /// It came to life when the price fell to here.
    Falling(f64),
}

impl Since {
    /// The first price that the order saw, of a bar with this `open`.
    pub(super) fn price(self, open: f64) -> f64 {
        match self {
            Self::Before => open,
            Self::At(price) | Self::Rising(price) | Self::Falling(price) => price,
        }
    }
}

/// Whether an order can be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for its entry.
    Dormant,
    /// It waits for a price.
    Live,
    /// It is filled or cancelled, and will be removed.
    Gone,
}

impl Waiting {
    pub(super) fn of(order: u64, request: &OrderRequest, from: usize) -> Self {
        let trails = matches!(request.kind, OrderKind::TrailingStop | OrderKind::TrailingStopPercent);
        Self {
            order,
            instrument: request.instrument,
            side: request.side,
            kind: request.kind,
            measure: request.measure,
            quantity: Amount::decimal(request.quantity),
            filled: Amount::default(),
            limit: request.limit,
            stop: if trails { f64::NAN } else { request.stop },
            distance: request.stop,
            best: f64::NAN,
            time_in_force: request.time_in_force,
            until: request.until,
            day: None,
            reduce_only: request.reduce_only,
            late: false,
            close_before: f64::NAN,
            triggered: false,
            parent: 0,
            exits: 0,
            opened: Amount::default(),
            pair: 0,
            state: State::Live,
            from,
            from_finer: 0,
            since: Since::Before,
            spent: false,
            linear: 0.0,
            paid: 0.0,
        }
    }

    /// `units` of it: with what rounding has left out of its quantity, where they are all of that.
    pub(super) fn part(&self, units: f64) -> Amount {
        if units == self.quantity.units { self.quantity } else { Amount::decimal(units) }
    }

    pub(super) fn buys(&self) -> bool {
        self.side == Side::Buy
    }

    pub(super) fn is_trailing(&self) -> bool {
        matches!(self.kind, OrderKind::TrailingStop | OrderKind::TrailingStopPercent)
    }

    /// Notes whether the market, at `price` now, is at the stop or beyond it already.
    pub(super) fn come_to_life(&mut self, price: Option<f64>) {
        let is_there = |price| if self.buys() { price >= self.stop } else { price <= self.stop };
        self.late = price.is_none_or(is_there);
    }

    /// Lets a trailing stop see `best`, the highest price for a sale, the lowest for a purchase. It stays on the tick.
    pub(super) fn follow(&mut self, best: f64, terms: &Terms) {
        let is_better = if self.buys() { best < self.best } else { best > self.best };
        if is_better || self.best.is_nan() {
            self.best = best;
            let distance = match self.kind {
                OrderKind::TrailingStopPercent => self.best.abs() * self.distance,
                _ => self.distance,
            };
            self.stop = terms.stop_on_tick(self.best + self.side.sign() * distance, self.buys());
        }
    }
}

/// All orders that wait, in the order of their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    pub(super) orders: Vec<Waiting>,
    /// The highest number that an order has had.
    pub(super) last: u64,
    /// Whether an order is to be removed.
    pub(super) untidy: bool,
}

impl Book {
    pub(super) fn clear(&mut self) {
        self.orders.clear();
        (self.last, self.untidy) = (0, false);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// The index of an order that still waits.
    pub(super) fn find(&self, order: u64) -> Option<usize> {
        let index = self.orders.binary_search_by_key(&order, |waiting| waiting.order).ok()?;
        (self.orders[index].state != State::Gone).then_some(index)
    }

    /// Removes orders that are filled or cancelled.
    pub(super) fn tidy(&mut self) {
        if self.untidy {
            self.orders.retain(|waiting| waiting.state != State::Gone);
            self.untidy = false;
        }
    }
}
