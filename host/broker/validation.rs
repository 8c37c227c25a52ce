//! Order validation: checks a strategy's commands, rounds prices and quantities, refuses or enters them.
//!
//! Never fills an order.

use super::{
    OrderRecord, OrderStatus, TickRounding,
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
                Ok(index) => self.reject(index, RejectReason::Cancelled),
                Err(reason) => self.refuse(order, reason),
            },
            Command::Target { instrument, exposure } => self.set_target(instrument as usize, exposure),
            Command::Mute { event } => self.mute(event),
        }
    }

    /// Replaces the target of an instrument.
    fn set_target(&mut self, instrument: usize, exposure: f64) {
        if instrument >= self.account.series.len() {
            self.refuse(0, RejectReason::UnknownInstrument);
        } else if !exposure.is_finite() {
            self.refuse(0, RejectReason::BadQuantity);
        } else {
            self.account.set_target(instrument, exposure, self.earliest);
        }
    }

    fn submit(&mut self, number: u64, request: &OrderRequest) {
        self.account.count_sent(1);
        self.book.last = number;
        let checked = self.check(request);
        self.record(number, request, 0);
        match checked {
            Err(reason) => self.end_record(number, reason),
            Ok(request) => {
                let immediate = request.kind == OrderKind::Market;
                let from = if immediate { self.earliest } else { self.earliest.max(self.stamp + 1) };
                // Before the first bar, an order need not wait for the next stamp.
                let from = if self.earliest == 0 { 0 } else { from };
                let mut waiting = Waiting::of(number, &request, from);
                let mark = self.account.mark(request.instrument as usize);
                if waiting.is_trailing() && mark > 0.0 {
                    waiting.follow(mark);
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
        if request.measure == Measure::Units {
            request.quantity = self.account.lots_of_order(quantity).ok_or(RejectReason::LotSize)?;
        }
        let (limit, stop) = prices_of(request.kind);
        let is_right =
            |price: f64, is_used: bool| if is_used { price.is_finite() && price > 0.0 } else { price.is_nan() };
        let too_far = request.kind == OrderKind::TrailingStopPercent && request.stop >= 1.0;
        if !is_right(request.limit, limit) || !is_right(request.stop, stop) || too_far {
            return Err(RejectReason::BadPrice);
        }
        if limit {
            request.limit = self.on_tick(request.limit, request.side == Side::Sell)?;
        }
        if matches!(request.kind, OrderKind::Stop | OrderKind::StopLimit) {
            request.stop = self.on_tick(request.stop, request.side == Side::Buy)?;
        }
        Ok(request)
    }

    /// `price` in whole ticks; `up` is the direction in which the order trades later.
    fn on_tick(&self, price: f64, up: bool) -> Result<f64, RejectReason> {
        /// How far a price may be off its tick by rounding alone, in ticks.
        const NEAR: f64 = 1e-6;
        let Some(tick) = self.settings().tick else { return Ok(price) };
        let ticks = price / tick;
        let is_near = (ticks - ticks.round()).abs() <= NEAR;
        let whole = match self.settings().rules.tick_rounding {
            TickRounding::Reject if !is_near => return Err(RejectReason::TickSize),
            TickRounding::Passive if !is_near && up => ticks.ceil(),
            TickRounding::Passive if !is_near => ticks.floor(),
            _ => ticks.round(),
        };
        if whole > 0.0 { Ok(whole * tick) } else { Err(RejectReason::TickSize) }
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
            Ok(index) => self.check_exits(index, &mut given, exit_side),
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
                Err(reason) => self.end_record(order, reason),
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
        (self.account.held(instrument as usize) * side.sign()).clamp(0.0, opened)
    }

    /// Checks the exits of the entry at `index`, and rounds their prices.
    fn check_exits(
        &self,
        index: usize,
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
            if !(price.is_finite() && *price > 0.0) {
                return Err(RejectReason::BadPrice);
            }
            if request.kind == OrderKind::Limit {
                request.limit = self.on_tick(*price, side == Side::Sell)?;
            } else {
                request.stop = self.on_tick(*price, side == Side::Buy)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, first: u64, second: u64) {
        let (one, other) = match (self.find(first), self.find(second)) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(reason), _) => return self.refuse(first, reason),
            (_, Err(reason)) => return self.refuse(second, reason),
        };
        let orders = &mut self.book.orders;
        if one == other || orders[one].pair != 0 || orders[other].pair != 0 {
            return self.refuse(second, RejectReason::NotOpen);
        }
        (orders[one].pair, orders[other].pair) = (second, first);
    }

    /// The index of an order that waits, or why it does not wait.
    fn find(&self, order: u64) -> Result<usize, RejectReason> {
        let never = order == 0 || order > self.book.last;
        self.book.find(order).ok_or(if never { RejectReason::UnknownOrder } else { RejectReason::NotOpen })
    }

    /// Ends an order that waits, unfilled or filled in part.
    pub(super) fn reject(&mut self, index: usize, reason: RejectReason) {
        let Waiting { order, pair, exits, .. } = self.book.orders[index];
        self.book.orders[index].state = State::Gone;
        self.book.untidy = true;
        self.end_record(order, reason);
        self.cancel_pair(pair);
        self.cancel_dormant(exits);
    }

    /// Cancels the other order of a pair, if there is one.
    pub(super) fn cancel_pair(&mut self, pair: u64) {
        if let Some(index) = self.book.find(pair).filter(|_| pair != 0) {
            // `reject` follows the link, and would come back to the order that was filled.
            self.book.orders[index].pair = 0;
            self.reject(index, RejectReason::OtherFilled);
        }
    }

    /// Cancels those exits that still wait for their entry, which will not be filled any more; `exits` is the number of the
    /// first of them.
    pub(super) fn cancel_dormant(&mut self, exits: u64) {
        for number in [exits, exits + 1] {
            let index = self.book.find(number).filter(|_| exits != 0);
            if let Some(index) = index.filter(|&index| self.book.orders[index].state == State::Dormant) {
                self.book.orders[index].pair = 0;
                self.reject(index, RejectReason::ReduceOnly);
            }
        }
    }

    /// Refuses a command about `order`, without any other effect.
    pub(super) fn refuse(&mut self, order: u64, reason: RejectReason) {
        self.notice_fills();
        self.notices.push(Notice::Reject(order, reason));
    }

    /// Notes that the rest of `order` is not filled, and queues the message to the strategy.
    fn end_record(&mut self, order: u64, reason: RejectReason) {
        self.account.count_rejected();
        self.refuse(order, reason);
        let stamp = self.stamp as u32;
        if let Some(record) = self.account.record(order) {
            (record.status, record.ended) = (OrderStatus::Rejected(reason), stamp);
        }
    }

    fn record(&mut self, order: u64, request: &OrderRequest, parent: u64) {
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
            status,
        });
    }
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
