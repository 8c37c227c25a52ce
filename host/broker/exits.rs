//! Exits of targets: the orders that close positions which targets have opened.
//!
//! Never fills an order: they are orders of the broker's kinds, and wait in its book like those of a strategy.

use super::{
    ExitTiming,
    book::{Since, State, Waiting},
    exchange::Exchange,
};
use crate::model::{OrderKind, OrderRequest, RejectReason, Side};

/// Stands for the entry of an exit whose position a target has opened: no order has this number.
pub(super) const OF_TARGET: u64 = u64::MAX;

impl Exchange<'_> {
    /// Lets exits follow a target that has traded in `bar` of `instrument`, of which `held` units were held before, and after
    /// which the price was seen from `since` on.
    pub(super) fn guard(&mut self, instrument: usize, bar: usize, held: f64, since: Since) {
        if !self.guard.is_on() {
            return;
        }
        let holds = self.account.held(instrument);
        if held * holds > 0.0 {
            self.fit_exits(instrument);
        } else if holds != 0.0 {
            self.enter_exits(instrument, bar, since);
        }
    }

    /// Enters the exits of a position that the last fill has opened.
    fn enter_exits(&mut self, instrument: usize, bar: usize, since: Since) {
        let held = self.account.positions()[instrument].held;
        let Some(entry) = self.account.fills().last().map(|fill| fill.price) else { return };
        let waits = self.settings().rules.exits == ExitTiming::NextBar;
        let (from, from_finer) = self.exits_begin(instrument, bar, waits);
        let mark = self.account.mark(instrument);
        for request in self.guard.exits.orders(instrument as u32, held.units, entry) {
            let Some(request) = self.on_ticks(instrument, request) else { continue };
            let number = self.book.last + 1;
            self.book.last = number;
            self.record(number, &request, 0);
            let mut exit = Waiting::of(number, &request, from);
            (exit.quantity, exit.parent) = (held.size(), OF_TARGET);
            (exit.since, exit.from_finer) = (since, from_finer);
            if let Some(mark) = mark.filter(|_| exit.is_trailing()) {
                exit.follow(mark, self.account.terms(instrument));
            }
            exit.come_to_life(mark);
            self.wait(exit);
        }
    }

    /// An exit with its price on the tick; `None` where that is not a price, which is never reached.
    fn on_ticks(&self, instrument: usize, request: OrderRequest) -> Option<OrderRequest> {
        let (terms, buys) = (self.account.terms(instrument), request.side == Side::Buy);
        let mut request = request;
        let price = match request.kind {
            OrderKind::Stop => &mut request.stop,
            OrderKind::Limit => &mut request.limit,
            _ => return Some(request),
        };
        *price = terms.stop_on_tick(*price, buys == (request.kind == OrderKind::Stop));
        self.is_price(instrument, *price).then_some(request)
    }

    /// Takes part in what follows the fill of `order`: an exit of a target keeps its instrument flat, and the others with it
    /// are no larger than what is left.
    pub(super) fn follow_exit(&mut self, order: &Waiting) {
        if order.parent != OF_TARGET {
            return;
        }
        let instrument = order.instrument as usize;
        if self.guard.close(instrument, -order.side.sign()) {
            self.account.drop_target(instrument);
        }
        self.fit_exits(instrument);
    }

    /// Makes the exits of targets as large as what is held of `instrument`, and ends them where that is nothing.
    fn fit_exits(&mut self, instrument: usize) {
        let held = self.account.positions()[instrument].held;
        for index in 0..self.book.orders.len() {
            let Waiting { parent, state, instrument: of, .. } = self.book.orders[index];
            if parent != OF_TARGET || state != State::Live || of as usize != instrument {
                continue;
            }
            if held.units == 0.0 {
                self.cancel(index, RejectReason::OtherFilled);
            } else {
                self.resize(index, held.size());
            }
        }
    }
}
