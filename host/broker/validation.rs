//! Order validation: checks a strategy's commands, rounds prices and quantities, refuses or enters them.
//!
//! Never fills an order.

use super::{
    OrderRecord, OrderStatus,
    book::{MOST_WAITING, State, Waiting},
    exchange::{Exchange, Notice},
};
use crate::model::{Command, Measure, OrderKind, OrderRequest, RejectReason, Side};

/// The most that an order may be of the account's equity: far beyond any leverage.
const MOST_SHARES: f64 = 100.0;

impl Exchange<'_> {
    /// Handles one command: checks it, and makes what it asks for wait or refuses it.
    pub(super) fn handle(&mut self, command: &Command) {
        match *command {
            Command::Submit { order, request } => self.submit(order, &request),
            Command::Bracket { order, entry, stop_loss, take_profit } => {
                self.bracket(order, entry, stop_loss, take_profit);
            }
            Command::OneCancelsOther { first, second } => self.link(first, second),
            Command::Cancel { order } => match self.find(order) {
                Ok(index) => self.cancel(index, RejectReason::Cancelled),
                Err(reason) => self.refuse(order, reason),
            },
            Command::Target { instrument, exposure } => self.set_target(instrument as usize, exposure),
            Command::Mute { event } => self.mute(event),
        }
    }

    /// Refuses a command that comes before the first bar at which the strategy may act.
    pub(super) fn refuse_early(&mut self, command: &Command) {
        match *command {
            Command::Target { .. } => self.refuse(0, RejectReason::NoBar),
            Command::Mute { event } => self.mute(event),
            Command::Submit { order, .. } => self.refuse_new(order, order),
            Command::Bracket { order, .. } => self.refuse_new(order, order + 1),
            Command::OneCancelsOther { first: order, .. } | Command::Cancel { order } => {
                self.refuse(order, RejectReason::NotOpen);
            }
        }
    }

    /// Refuses a new order, and takes its number and those up to `last` for given.
    fn refuse_new(&mut self, order: u64, last: u64) {
        self.book.last = last;
        self.refuse(order, RejectReason::NoBar);
    }

    /// Replaces the target of an instrument.
    fn set_target(&mut self, instrument: usize, exposure: f64) {
        if instrument >= self.account.series.len() {
            self.account.count_invalid_target();
            self.refuse(0, RejectReason::UnknownInstrument);
        } else if !exposure.is_finite() {
            self.account.count_invalid_target();
            self.refuse(0, RejectReason::BadQuantity);
        } else if self.guard.admits(instrument, exposure) {
            self.account.set_target(instrument, exposure, self.earliest);
        }
    }

    fn submit(&mut self, number: u64, request: &OrderRequest) {
        self.account.count_sent(1);
        self.book.last = number;
        let checked = self.check(request);
        self.record(number, request, 0);
        match checked {
            Err(reason) => self.end_record(number, OrderStatus::Rejected(reason), reason),
            Ok(request) => {
                let immediate = request.kind == OrderKind::Market;
                let from = if immediate { self.earliest } else { self.earliest.max(self.stamp + 1) };
                // Before the first bar, an order need not wait for the next stamp.
                let from = if self.earliest == 0 { 0 } else { from };
                let mut waiting = Waiting::of(number, &request, from);
                let instrument = request.instrument as usize;
                let mark = self.account.mark(instrument);
                if let Some(mark) = mark.filter(|_| waiting.is_trailing()) {
                    waiting.follow(mark, self.account.terms(instrument));
                }
                waiting.come_to_life(mark);
                self.wait(waiting);
            }
        }
    }

    /// Checks an order, and rounds it as the settings say.
    fn check(&self, request: &OrderRequest) -> Result<OrderRequest, RejectReason> {
        let mut request = *request;
        if request.instrument as usize >= self.account.series.len() {
            return Err(RejectReason::UnknownInstrument);
        }
        if self.book.orders.len() >= MOST_WAITING {
            return Err(RejectReason::TooManyOrders);
        }
        let quantity = request.quantity;
        let is_share = request.measure == Measure::Equity;
        if !(quantity.is_finite() && quantity > 0.0) || (is_share && quantity > MOST_SHARES) {
            return Err(RejectReason::BadQuantity);
        }
        let instrument = request.instrument as usize;
        if request.measure == Measure::Units {
            request.quantity = self.account.lots_of_order(instrument, quantity).ok_or(RejectReason::LotSize)?;
        }
        let (limit, stop) = prices_of(request.kind);
        let trails = matches!(request.kind, OrderKind::TrailingStop | OrderKind::TrailingStopPercent);
        let too_far = request.kind == OrderKind::TrailingStopPercent && request.stop >= 1.0;
        let is_stop = if trails { is_distance(request.stop) } else { self.is_price(instrument, request.stop) };
        let is_right = |price: f64, is_used: bool, is_fine: bool| if is_used { is_fine } else { price.is_nan() };
        if !is_right(request.limit, limit, self.is_price(instrument, request.limit))
            || !is_right(request.stop, stop, is_stop)
            || too_far
        {
            return Err(RejectReason::BadPrice);
        }
        if limit {
            request.limit = self.on_tick(instrument, request.limit, request.side == Side::Sell)?;
        }
        if stop && !trails {
            request.stop = self.on_tick(instrument, request.stop, request.side == Side::Buy)?;
        }
        Ok(request)
    }

    /// Whether an order for `instrument` may name `price`.
    pub(super) fn is_price(&self, instrument: usize, price: f64) -> bool {
        price.is_finite() && (price > 0.0 || self.account.terms(instrument).signed)
    }

    /// `price` in whole ticks; `up` is the direction in which the order trades later.
    fn on_tick(&self, instrument: usize, price: f64, up: bool) -> Result<f64, RejectReason> {
        let ticked = self.account.terms(instrument).on_tick(price, up);
        ticked.filter(|price| self.is_price(instrument, *price)).ok_or(RejectReason::TickSize)
    }

    fn bracket(&mut self, number: u64, entry: u64, stop_loss: f64, take_profit: f64) {
        self.account.count_sent(u64::from(!stop_loss.is_nan()) + u64::from(!take_profit.is_nan()));
        self.book.last = number + 1;
        let index = self.find(entry);
        let (instrument, side) = match index {
            Ok(index) => (self.book.orders[index].instrument, self.book.orders[index].side),
            Err(_) => (0, Side::Buy),
        };
        let opened = index.map_or(0.0, |index| self.still_open(index));
        let exit_side = if side == Side::Buy { Side::Sell } else { Side::Buy };
        let exits = [
            OrderRequest { reduce_only: true, ..OrderRequest::stop(instrument, exit_side, opened, stop_loss) },
            OrderRequest { reduce_only: true, ..OrderRequest::limit(instrument, exit_side, opened, take_profit) },
        ];
        let mut given = [(number, exits[0], stop_loss), (number + 1, exits[1], take_profit)];
        let both = given.iter().all(|(.., price)| !price.is_nan());
        let checked = match index {
            Err(reason) => Err(reason),
            Ok(index) => self.check_exits(index, instrument as usize, &mut given, exit_side),
        };
        if stop_loss.is_nan() && take_profit.is_nan() {
            return self.refuse(number, RejectReason::BadPrice);
        }
        if let (Ok(index), Ok(())) = (index, checked) {
            self.book.orders[index].exits = number;
        }
        for (order, request, price) in given {
            if price.is_nan() {
                continue;
            }
            self.record(order, &request, entry);
            match checked {
                Err(reason) => self.end_record(order, OrderStatus::Rejected(reason), reason),
                Ok(()) => {
                    let pair = if both { number + u64::from(order == number) } else { 0 };
                    let state = if opened > 0.0 { State::Live } else { State::Dormant };
                    let mut waiting = Waiting::of(order, &request, self.stamp + 1);
                    waiting.come_to_life(self.account.mark(instrument as usize));
                    self.wait(Waiting { parent: entry, pair, state, ..waiting });
                }
            }
        }
    }

    /// Units opened by the entry at `index` that are still held.
    fn still_open(&self, index: usize) -> f64 {
        let Waiting { instrument, side, opened, .. } = self.book.orders[index];
        (self.account.held(instrument as usize) * side.sign()).clamp(0.0, opened.units)
    }

    /// Checks the exits of the entry at `index`, and rounds their prices.
    fn check_exits(
        &self,
        index: usize,
        instrument: usize,
        given: &mut [(u64, OrderRequest, f64); 2],
        side: Side,
    ) -> Result<(), RejectReason> {
        // An exit cannot have exits, and an entry has one pair of them.
        if self.book.orders[index].parent != 0 || self.book.orders[index].exits != 0 {
            return Err(RejectReason::NotOpen);
        }
        if self.book.orders.len() + 2 > MOST_WAITING {
            return Err(RejectReason::TooManyOrders);
        }
        for (_, request, price) in given {
            if price.is_nan() {
                continue;
            }
            if !self.is_price(instrument, *price) {
                return Err(RejectReason::BadPrice);
            }
            if request.kind == OrderKind::Limit {
                request.limit = self.on_tick(instrument, *price, side == Side::Sell)?;
            } else {
                request.stop = self.on_tick(instrument, *price, side == Side::Buy)?;
            }
        }
        Ok(())
    }

    /// The index of an order that waits, or why it does not wait.
    pub(super) fn find(&self, order: u64) -> Result<usize, RejectReason> {
        let never = order == 0 || order > self.book.last;
        self.book.find(order).ok_or(if never { RejectReason::UnknownOrder } else { RejectReason::NotOpen })
    }

    /// Refuses an order that waits, or what is left of it.
    pub(super) fn reject(&mut self, index: usize, reason: RejectReason) {
        self.end_order(index, OrderStatus::Rejected(reason), reason);
    }

    /// Ends an order that waits, or what is left of it, though nothing is wrong with it.
    pub(super) fn cancel(&mut self, index: usize, reason: RejectReason) {
        let is_expired = reason == RejectReason::Expired;
        let status = if is_expired { OrderStatus::Expired } else { OrderStatus::Cancelled(reason) };
        self.end_order(index, status, reason);
    }

    /// Ends an order that waits, with this status if nothing of it was filled.
    fn end_order(&mut self, index: usize, status: OrderStatus, reason: RejectReason) {
        let Waiting { order, pair, exits, filled, .. } = self.book.orders[index];
        self.book.orders[index].state = State::Gone;
        self.book.untidy = true;
        self.end_record(order, if filled.units > 0.0 { OrderStatus::FilledInPart(reason) } else { status }, reason);
        self.cancel_pair(pair);
        self.cancel_dormant(exits);
    }

    /// Cancels those exits that still wait for their entry, which will not be filled any more; `exits` is the number of the
    /// first of them.
    pub(super) fn cancel_dormant(&mut self, exits: u64) {
        for number in [exits, exits + 1] {
            let index = self.book.find(number).filter(|_| exits != 0);
            if let Some(index) = index.filter(|&index| self.book.orders[index].state == State::Dormant) {
                self.book.orders[index].pair = 0;
                self.cancel(index, RejectReason::ReduceOnly);
            }
        }
    }

    /// Refuses a command about `order`, without any other effect.
    pub(super) fn refuse(&mut self, order: u64, reason: RejectReason) {
        self.notice_fills();
        self.notices.push(Notice::Reject(order, reason));
    }

    /// Notes what has become of `order`, of which something is not filled, and queues the message to the strategy.
    fn end_record(&mut self, order: u64, status: OrderStatus, reason: RejectReason) {
        if matches!(status, OrderStatus::Rejected(_)) {
            self.account.count_rejected();
        }
        self.refuse(order, reason);
        let stamp = self.stamp as u32;
        if let Some(record) = self.account.record(order) {
            (record.status, record.ended) = (status, stamp);
        }
    }

    pub(super) fn record(&mut self, order: u64, request: &OrderRequest, parent: u64) {
        let (sent, ended) = (self.stamp as u32, self.timeline.len().saturating_sub(1) as u32);
        let status = OrderStatus::Open;
        self.account.keep_record(|| OrderRecord {
            order,
            request: *request,
            parent,
            sent,
            ended,
            filled: 0.0,
            value: 0.0,
            price: 0.0,
            status,
        });
    }
}

/// Whether a trailing stop can be so far from the best price.
fn is_distance(distance: f64) -> bool {
    distance.is_finite() && distance > 0.0
}

/// Whether a kind of order has a limit, and a stop.
fn prices_of(kind: OrderKind) -> (bool, bool) {
    match kind {
        OrderKind::Market => (false, false),
        OrderKind::Limit => (true, false),
        OrderKind::StopLimit => (true, true),
        OrderKind::Stop | OrderKind::TrailingStop | OrderKind::TrailingStopPercent => (false, true),
    }
}
