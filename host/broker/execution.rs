//! Execution: sizes and fills the orders that the market reaches, and wakes or cancels those that depend on them.
//!
//! Never decides whether it reaches them: [`matching`] does.

use super::{
    Booking, ExitTiming, FillAt, MissingBars, OrderStatus, Priority, StopLimits, Trailing,
    account::PART,
    amount::Amount,
    book::{Since, State, Waiting},
    costs::{Charged, Liquidity},
    exchange::Exchange,
    free_cash::{self, Wish},
    grid::ROUNDING,
    matching::{self, Hit},
    terms::Terms,
};
use crate::model::{Bar, Measure, OrderKind, RejectReason, Series, TimeInForce};

/// A moment of a bar at which an order trades at the price that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The open.
    Open,
    /// The close.
    Close,
    /// The close of the bar before, which is booked now.
    LateClose,
}

impl Moment {
    /// The bar whose price it is, for the bar at which it is booked; `None` before the first.
    fn bar(self, bar: usize) -> Option<usize> {
        match self {
            Self::Open | Self::Close => Some(bar),
            Self::LateClose => bar.checked_sub(1),
        }
    }

    /// From where on what comes to life at it, when the price is `price`, sees the bar at which it is booked.
    fn since(self, price: f64) -> Since {
        match self {
            Self::Open | Self::Close => Since::At(price),
            Self::LateClose => Since::Before,
        }
    }

    fn price(self, series: &Series, bar: usize) -> f64 {
        match self {
            Self::Open => series.open[bar],
            Self::Close | Self::LateClose => series.close[bar],
        }
    }
}

/// Which orders a moment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Market,
    Priced,
}

impl Which {
    fn has(self, order: &Waiting) -> bool {
        match self {
            Self::All => true,
            Self::Market => order.kind == OrderKind::Market,
            Self::Priced => order.kind != OrderKind::Market,
        }
    }
}

impl Exchange<'_> {
    /// Trades what the first prices of this stamp's bars let trade.
    pub(super) fn trade_open(&mut self) {
        match (self.settings().fill, self.settings().rules.booking) {
            (FillAt::NextOpen, _) => self.trade_at(Moment::Open, Which::All, true),
            (FillAt::Close, Booking::Fill) => self.trade_at(Moment::Open, Which::Priced, false),
            (FillAt::Close, Booking::NextBar) => {
                self.trade_at(Moment::LateClose, Which::Market, true);
                self.trade_at(Moment::Open, Which::Priced, false);
            }
        }
    }

    /// Trades what waits for this stamp's closes.
    pub(super) fn trade_close(&mut self) {
        if !self.book.is_empty() || self.account.has_targets() {
            self.trade_at(Moment::Close, Which::Market, true);
        }
    }

    /// Trades `targets`, then orders, at one moment of all bars of this stamp.
    fn trade_at(&mut self, moment: Moment, which: Which, targets: bool) {
        for instrument in 0..self.account.series.len() {
            if let Some(bar) = self.bar(instrument).and_then(|bar| moment.bar(bar)) {
                let price = moment.price(&self.account.series[instrument], bar);
                self.account.set_mark(instrument, price);
            }
        }
        if targets {
            self.trade_targets(moment);
        }
        self.trade_by_priority(moment, which);
        for index in 0..self.book.orders.len() {
            let order = &self.book.orders[index];
            let is_live = order.state == State::Live && order.from <= self.reach(order.instrument as usize, moment);
            let is_over = is_live && order.time_in_force == TimeInForce::Ioc && which.has(order);
            if is_over && self.bar(order.instrument as usize).and_then(|bar| moment.bar(bar)).is_some() {
                self.cancel(index, RejectReason::Expired);
            }
        }
    }

    /// Trades the orders of `which` that trade at the first price that they see at `moment`, in the order that the rule says.
    fn trade_by_priority(&mut self, moment: Moment, which: Which) {
        match self.settings().rules.priority {
            Priority::ReducingFirst => {
                self.trade_orders(moment, |exchange, order| which.has(order) && exchange.reduces(order));
                self.trade_orders(moment, |_, order| which.has(order));
            }
            Priority::Sent => self.trade_orders(moment, |_, order| which.has(order)),
            Priority::Instrument => {
                for instrument in 0..self.account.series.len() as u32 {
                    self.trade_orders(moment, |_, order| which.has(order) && order.instrument == instrument);
                }
            }
        }
    }

    /// Trades what the opens of the finer bars that are traded now let trade. Where market orders trade at closes, they wait for that of
    /// their own bar.
    pub(super) fn trade_finer_open(&mut self) {
        let which = match self.settings().fill {
            FillAt::NextOpen => Which::All,
            FillAt::Close => Which::Priced,
        };
        self.trade_by_priority(Moment::Open, which);
    }

    /// Brings the instruments for which a target waits to it. All are sized on the equity before the first of them.
    fn trade_targets(&mut self, moment: Moment) {
        if !self.account.has_targets() {
            return;
        }
        let equity = self.account.equity();
        self.account.sized().clear();
        for instrument in 0..self.account.series.len() {
            let reach = self.reach(instrument, moment);
            let target = self.account.target(instrument).filter(|(_, from)| *from <= reach);
            let Some((exposure, _)) = target else { continue };
            let Some(bar) = self.bar(instrument).and_then(|bar| moment.bar(bar)) else {
                if self.settings().rules.missing == MissingBars::Cancel && self.bar(instrument).is_none() {
                    self.account.drop_target(instrument);
                    self.refuse(0, RejectReason::NoBar);
                }
                continue;
            };
            match self.account.order(instrument, bar, exposure, equity) {
                Some(order) => self.account.sized().push(order),
                None => {
                    self.account.count_unpriced();
                    self.account.drop_target(instrument);
                    self.refuse(0, RejectReason::BadPrice);
                }
            }
        }
        let reducing_first = self.settings().rules.priority == Priority::ReducingFirst;
        for pass in [true, false] {
            for index in 0..self.account.sized().len() {
                let order = self.account.sized()[index];
                let is_turn = if reducing_first { order.reduces == pass } else { pass };
                if !is_turn {
                    continue;
                }
                let room = self.room(order.instrument);
                let held = self.account.held(order.instrument);
                let waits = self.account.execute(order, equity, room);
                let holds = self.account.held(order.instrument);
                if self.settings().volume_share.is_some() {
                    self.account.count_traded(order.instrument, Amount::decimal((holds - held).abs()));
                }
                if held * holds <= 0.0 && held != 0.0 {
                    self.cancel_idle_exits(order.instrument);
                }
                self.guard(
                    order.instrument,
                    order.bar as usize,
                    held,
                    moment.since(self.account.marks()[order.instrument]),
                );
                if !waits {
                    self.account.drop_target(order.instrument);
                }
            }
        }
    }

    /// The units that may still be traded in this bar of `instrument`, and its volume; `None` where neither counts.
    fn room(&self, instrument: usize) -> Option<(f64, f64)> {
        let settings = self.settings();
        if settings.volume_share.is_none() && settings.slippage_impact == 0.0 {
            return None;
        }
        let volume = match self.finer_of(instrument) {
            Some(finer) => finer.bar.volume,
            None => self.bar(instrument).map_or(0.0, |bar| self.account.series[instrument].volume[bar]),
        };
        let Some(share) = settings.volume_share else { return Some((f64::INFINITY, volume)) };
        let terms = self.account.terms(instrument);
        let most = terms.whole_lots(Amount::decimal(share).product(Amount::decimal(volume)).units);
        let traded = self.account.traded(instrument).times(-1.0);
        let left = Amount::decimal(most).plus(traded, terms.lot.as_ref()).units;
        // A remainder that only rounding leaves counts as nothing.
        Some((if left > ROUNDING * most { left } else { 0.0 }, volume))
    }

    /// Whether `order` can trade at `moment` of this stamp's bar of its instrument.
    fn is_live(&self, order: &Waiting, moment: Moment) -> bool {
        order.state == State::Live
            && !order.spent
            && order.from <= self.reach(order.instrument as usize, moment)
            && self.is_past_entry(order)
    }

    /// The stamp up to which what is sent can trade at `moment` of this stamp's bar of `instrument`: that price comes after it.
    fn reach(&self, instrument: usize, moment: Moment) -> usize {
        let Some(bar) = self.bar(instrument) else { return self.stamp };
        match moment {
            Moment::Open => self.timeline.opened(instrument, bar),
            Moment::Close => self.stamp,
            Moment::LateClose => bar.checked_sub(1).map_or(0, |before| self.timeline.stamp(instrument, before) + 1),
        }
    }

    /// Whether `order` would only close or reduce the position.
    fn reduces(&self, order: &Waiting) -> bool {
        let held = self.account.held(order.instrument as usize);
        let sign = order.side.sign();
        let after = || self.account.after(order.instrument as usize, order.quantity.times(sign)).units;
        let fits = order.reduce_only || (order.measure == Measure::Units && after() * sign <= 0.0);
        held * sign < 0.0 && fits
    }

    /// Fills those of `which` that trade at the first price that they see.
    fn trade_orders(&mut self, moment: Moment, which: impl Fn(&Self, &Waiting) -> bool) {
        for index in 0..self.book.orders.len() {
            let order = self.book.orders[index];
            if !self.is_live(&order, moment) || order.since != Since::Before || !which(self, &order) {
                continue;
            }
            if let Some((bar, price)) = self.first_price(order.instrument as usize, moment) {
                self.trade_first(index, moment, price, bar);
            }
        }
    }

    /// The bar of `instrument` that is traded at `moment`, and its price there.
    fn first_price(&self, instrument: usize, moment: Moment) -> Option<(usize, f64)> {
        if self.is_in_detail() {
            return self.finer_of(instrument).map(|finer| (finer.own, finer.bar.open));
        }
        let bar = self.bar(instrument).and_then(|bar| moment.bar(bar))?;
        Some((bar, moment.price(&self.account.series[instrument], bar)))
    }

    /// Fills an order that trades at `price`, the first that it sees.
    fn trade_first(&mut self, index: usize, moment: Moment, price: f64, bar: usize) {
        let order = self.book.orders[index];
        let Some(hit) = matching::at_first(&order, price, &self.settings().rules) else { return };
        // What comes to life with a fill at the close before sees this bar from its open on.
        let since = if moment == Moment::LateClose { moment.since(price) } else { hit.since };
        self.execute(index, &hit.standing(since), bar);
        if order.kind == OrderKind::StopLimit && !order.triggered && !self.book.orders[index].spent {
            // It is a limit order now.
            self.trade_first(index, moment, price, bar);
        }
    }

    /// Fills what this stamp's bars reach after their opens, instrument by instrument.
    pub(super) fn trade_within(&mut self) {
        self.find_details();
        if self.settings().rules.trailing == Trailing::Before {
            self.follow();
        }
        for instrument in 0..self.account.series.len() {
            if self.is_detailed(instrument) {
                continue;
            }
            if let Some(bar) = self.bar(instrument).filter(|_| self.has_live(instrument)) {
                self.trade_bar(instrument, bar, &self.account.series[instrument].bar(bar));
            }
        }
        self.trade_details();
    }

    /// Whether an order of `instrument` can trade within this stamp's bar.
    pub(super) fn has_live(&self, instrument: usize) -> bool {
        let waits = |order: &Waiting| order.instrument as usize == instrument && self.is_live(order, Moment::Open);
        self.book.orders.iter().any(waits)
    }

    /// Fills what a bar with these `prices` reaches after its open. It is `bar` of its instrument, or a part of that.
    pub(super) fn trade_bar(&mut self, instrument: usize, bar: usize, prices: &Bar) {
        match matching::way(prices, self.settings().rules.intrabar) {
            None => self.fill_all(instrument, bar, |order, rules| matching::within(order, prices, rules)),
            Some(way) => self.walk(instrument, bar, way),
        }
    }

    /// Follows the price on its way through the bar.
    fn walk(&mut self, instrument: usize, bar: usize, way: [f64; 4]) {
        for leg in way.windows(2) {
            let (mut from, to) = (leg[0], leg[1]);
            while let Some((index, hit)) =
                self.first(instrument, |order, rules| matching::along(order, from, to, rules))
            {
                if let Since::At(price) = hit.since {
                    from = price;
                }
                self.execute(index, &hit, bar);
            }
        }
    }

    /// Fills orders of `instrument` one after the other, as long as `reaches` one.
    fn fill_all(&mut self, instrument: usize, bar: usize, reaches: impl Fn(&Waiting, &super::Rules) -> Option<Hit>) {
        while let Some((index, hit)) = self.first(instrument, &reaches) {
            self.execute(index, &hit, bar);
        }
    }

    /// The order of `instrument` that is filled next: one that trades where it came to life, else the first that `reaches`.
    fn first(
        &self,
        instrument: usize,
        reaches: impl Fn(&Waiting, &super::Rules) -> Option<Hit>,
    ) -> Option<(usize, Hit)> {
        let rules = &self.settings().rules;
        let mut first: Option<(usize, Hit)> = None;
        for (index, order) in self.book.orders.iter().enumerate() {
            if order.instrument as usize != instrument || !self.is_live(order, Moment::Open) {
                continue;
            }
            let hit = match order.since {
                Since::Before => reaches(order, rules),
                Since::At(price) | Since::Rising(price) | Since::Falling(price) => {
                    matching::at_first(order, price, rules)
                        .map(|hit| hit.standing(order.since))
                        .or_else(|| reaches(order, rules))
                }
            };
            let Some(hit) = hit else { continue };
            if first.as_ref().is_none_or(|(_, best)| hit.is_before(best)) {
                first = Some((index, hit));
            }
        }
        first
    }

    /// Fills an order that the market has reached, as far as volume and funds allow. Whatever comes of it, this bar does
    /// not reach it in the same way again.
    fn execute(&mut self, index: usize, hit: &Hit, bar: usize) {
        let order = self.book.orders[index];
        if order.kind == OrderKind::StopLimit && !order.triggered {
            return self.trigger(index, hit, bar);
        }
        self.trade_hit(index, hit, bar);
    }

    /// Lets a stop-limit order know that its stop was reached.
    fn trigger(&mut self, index: usize, hit: &Hit, bar: usize) {
        let ends_bar = self.settings().rules.stop_limits == StopLimits::NextBar;
        let order = &mut self.book.orders[index];
        (order.triggered, order.since, order.spent) = (true, hit.since, ends_bar);
        let order = *order;
        let prices = self.prices(order.instrument as usize, bar);
        if ends_bar && matching::trades_at_stop(&order, &prices) {
            self.trade_hit(index, &hit.at(order.stop), bar);
        }
    }

    /// Fills an order, as far as volume and funds allow.
    fn trade_hit(&mut self, index: usize, hit: &Hit, bar: usize) {
        let order = self.book.orders[index];
        let instrument = order.instrument as usize;
        self.account.set_mark(instrument, hit.price);
        match self.plan(&order, hit) {
            Plan::Reject(reason) => self.reject(index, reason),
            Plan::Wait => {
                let order = &mut self.book.orders[index];
                order.spent = true;
                order.triggered |= order.kind != OrderKind::Limit;
            }
            Plan::Trade { after, units, price, rest } => {
                let held = self.account.held(instrument);
                let (sign, target) = (order.side.sign(), after.units);
                // Before the fill: it needs what was held. The exits are as large as this, not as the order.
                let opened = if held * sign >= 0.0 {
                    order.part(units)
                } else if target * sign > 0.0 {
                    after.times(sign)
                } else {
                    Amount::default()
                };
                self.fill(index, bar, after, units, price, hit.liquidity);
                let terms = self.account.terms(instrument);
                self.book.orders[index].opened = order.opened.plus(opened, terms.lot.as_ref());
                // After the fill, so that exits see the bar from its price on.
                self.wake_exits(&order, opened, hit.since, bar);
                match rest {
                    Rest::Nothing => {
                        self.end_pair(index);
                        self.complete(index);
                    }
                    Rest::Waits(quantity) => {
                        let part = order.part(units);
                        let order = &mut self.book.orders[index];
                        (order.measure, order.quantity, order.spent) = (Measure::Units, quantity, true);
                        order.triggered |= order.kind != OrderKind::Limit;
                        self.reduce_pair(index, part, quantity);
                    }
                    Rest::Refused => {
                        self.end_pair(index);
                        self.reject(index, RejectReason::InsufficientFunds);
                    }
                }
                self.follow_exit(&order);
                // Last: the position is closed or reversed, and its exits have nothing left to close.
                if held * target <= 0.0 && held != 0.0 {
                    self.cancel_idle_exits(instrument);
                }
            }
        }
    }

    /// Decides what to do with an order at `hit`.
    fn plan(&mut self, order: &Waiting, hit: &Hit) -> Plan {
        let instrument = order.instrument as usize;
        let held = self.account.held(instrument);
        let sign = order.side.sign();
        let opposite = if held * sign < 0.0 { held.abs() } else { 0.0 };
        if order.reduce_only && opposite == 0.0 {
            return Plan::Reject(RejectReason::ReduceOnly);
        }
        if self.account.pays_by_cash() {
            return self.plan_by_cash(order, hit, opposite);
        }
        let Some(asked) = self.units_of(order, hit) else { return Plan::Reject(RejectReason::BadPrice) };
        let wanted = if order.reduce_only { asked.min(opposite) } else { asked };
        if wanted <= 0.0 {
            return Plan::Reject(self.reason_for_nothing(order));
        }
        let (room, volume) = self.room(instrument).unwrap_or((f64::INFINITY, 0.0));
        // What rounding has left of an order that is filled in parts is not one more part.
        let is_whole = wanted <= room + PART * (wanted + order.filled.units);
        let units = if is_whole { wanted } else { self.account.terms(instrument).whole_lots(room) };
        if units <= 0.0 {
            return Plan::Wait;
        }
        let price = self.price_of(order, hit, units, volume);
        let after = self.account.after(instrument, order.part(units).times(sign));
        if after.units == held {
            return if is_whole { Plan::Reject(RejectReason::LotSize) } else { Plan::Wait };
        }
        let charged = Charged { linear: order.linear, paid: order.paid };
        let closes = opposite > 0.0 && after.units * sign <= 0.0;
        let payable = if closes {
            after.units
        } else {
            self.account.affordable(instrument, after.units, price, hit.liquidity, charged)
        };
        if payable == after.units {
            let rest = if is_whole { Rest::Nothing } else { Rest::Waits(self.rest_of(order, wanted, units)) };
            return Plan::Trade { after, units, price, rest };
        }
        // A share or an amount is cut to what can be paid for. Of units, only what closes a position is traded.
        let (target, rest) = match order.measure {
            Measure::Equity | Measure::Value => {
                let equity = self.account.equity();
                self.account.count_cut(instrument, after.units, equity);
                (payable, Rest::Nothing)
            }
            Measure::Units if opposite > 0.0 => (0.0, Rest::Refused),
            Measure::Units => (held, Rest::Refused),
        };
        let units = sign * self.account.terms(instrument).sum(target, -held);
        if units > 0.0 {
            Plan::Trade { after: Amount::of(target), units, price, rest }
        } else {
            Plan::Reject(RejectReason::InsufficientFunds)
        }
    }

    /// Why an order, of a share or an amount, comes to no units.
    fn reason_for_nothing(&self, order: &Waiting) -> RejectReason {
        let is_broke = order.measure == Measure::Equity && self.account.equity() <= 0.0;
        let has_lots = self.account.terms(order.instrument as usize).lot.is_some();
        if has_lots && !is_broke { RejectReason::LotSize } else { RejectReason::InsufficientFunds }
    }

    /// What is left of an order that wanted `wanted` units and gets `units`.
    fn rest_of(&self, order: &Waiting, wanted: f64, units: f64) -> Amount {
        let lot = self.account.terms(order.instrument as usize).lot.as_ref();
        order.part(wanted).plus(order.part(units).times(-1.0), lot)
    }

    /// The same by the rules of [`free_cash`], for an order that finds `opposite` units to close.
    fn plan_by_cash(&self, order: &Waiting, hit: &Hit, opposite: f64) -> Plan {
        let instrument = order.instrument as usize;
        let sign = order.side.sign();
        let quantity = order.quantity.units;
        let asked = match order.measure {
            Measure::Units => Wish::Units(sign * quantity),
            Measure::Value => Wish::Units(sign * quantity / hit.price),
            Measure::Equity => Wish::Share(sign * quantity),
        };
        let payable = |wish: Wish, price: f64| self.account.payable(instrument, wish, price, hit.liquidity).abs();
        let most = if order.reduce_only { opposite } else { f64::INFINITY };
        let wanted = payable(asked, self.price_of(order, hit, 0.0, 1.0)).min(most);
        let (room, volume) = self.room(instrument).unwrap_or((f64::INFINITY, 0.0));
        if wanted > 0.0 && room <= 0.0 {
            return Plan::Wait;
        }
        let price = self.price_of(order, hit, wanted.min(room), volume);
        let units = payable(Wish::Units(sign * wanted.min(room)), price);
        if units == 0.0 {
            return Plan::Reject(RejectReason::InsufficientFunds);
        }
        let rest = match asked {
            Wish::Units(asked) if units < wanted && room < wanted => {
                Rest::Waits(Amount::of(asked.abs().min(most) - units))
            }
            Wish::Units(asked) if units < asked.abs().min(most) => Rest::Refused,
            _ => Rest::Nothing,
        };
        let after = Amount::of(free_cash::add(self.account.held(instrument), sign * units));
        Plan::Trade { after, units, price, rest }
    }

    /// What `units` of an order get at `hit`, slippage included, in a bar of `volume`: never worse than its limit.
    fn price_of(&self, order: &Waiting, hit: &Hit, units: f64, volume: f64) -> f64 {
        let price = match hit.liquidity {
            Liquidity::Taker => {
                self.account.price_of_taker(order.instrument as usize, hit.price, order.buys(), units, volume)
            }
            Liquidity::Maker => return hit.price,
        };
        // Without a limit that is NaN, which is neither less nor more.
        if order.buys() { price.min(order.limit) } else { price.max(order.limit) }
    }

    /// The units that an order asks for; `None` where a price of 0 gives a share or an amount no size.
    fn units_of(&self, order: &Waiting, hit: &Hit) -> Option<f64> {
        let amount = match order.measure {
            Measure::Units => return Some(order.quantity.units),
            Measure::Equity => order.quantity.units * self.account.equity().max(0.0),
            Measure::Value => order.quantity.units,
        };
        let instrument = order.instrument as usize;
        let price = self.price_of(order, hit, 0.0, 1.0);
        let units = (price != 0.0).then(|| self.account.bought_for(instrument, amount, price, hit.liquidity));
        units.map(|units| self.account.terms(instrument).whole_lots(units))
    }

    /// Trades `units` of an order, which brings its instrument to `after`.
    fn fill(&mut self, index: usize, bar: usize, after: Amount, units: f64, price: f64, liquidity: Liquidity) {
        let order = &mut self.book.orders[index];
        let (number, instrument) = (order.order, order.instrument as usize);
        let Terms { lot, costs, .. } = self.account.terms(instrument);
        let value = self.account.terms(instrument).value(units, price);
        order.linear += costs.part(value, units, liquidity);
        let paid = costs.bounded(order.linear + costs.per_order);
        let fee = paid - std::mem::replace(&mut order.paid, paid);
        let part = order.part(units);
        order.filled = order.filled.plus(part, lot.as_ref());
        let filled = order.filled.units;
        self.account.fill(instrument, bar as u32, after, order.side.sign() * units, price, fee, number);
        self.account.count_traded(instrument, part);
        if let Some(record) = self.account.record(number) {
            record.filled = filled;
            record.value += units * price;
            record.price = price;
        }
    }

    /// Takes an order that is filled in full out of those that wait.
    fn complete(&mut self, index: usize) {
        let Waiting { order: number, exits, parent, .. } = self.book.orders[index];
        self.book.orders[index].state = State::Gone;
        self.book.untidy = true;
        let stamp = self.stamp as u32;
        if let Some(record) = self.account.record(number) {
            (record.status, record.ended) = (OrderStatus::Filled, stamp);
        }
        self.cancel_dormant(exits);
        // An entry that is still being filled would go on without an exit.
        if let Some(entry) = self.book.find(parent).filter(|_| parent != 0) {
            self.cancel(entry, RejectReason::OtherFilled);
        }
    }

    /// Lets the exits of `entry` work for the units that it has `opened` now, from where the price is `since` in `bar`.
    fn wake_exits(&mut self, entry: &Waiting, opened: Amount, since: Since, bar: usize) {
        if opened.units <= 0.0 || entry.exits == 0 {
            return;
        }
        let instrument = entry.instrument as usize;
        let (from, from_finer) = self.exits_begin(instrument, bar, self.exits_wait(entry, bar));
        let (price, lot) = (self.account.mark(instrument), self.account.terms(instrument).lot);
        for number in [entry.exits, entry.exits + 1] {
            let Some(index) = self.book.find(number) else { continue };
            let exit = &mut self.book.orders[index];
            let quantity = exit.quantity.plus(opened, lot.as_ref());
            if exit.state == State::Dormant {
                exit.come_to_life(price);
                (exit.state, exit.from, exit.from_finer, exit.since) = (State::Live, from, from_finer, since);
            }
            self.resize(index, quantity);
        }
    }

    /// Whether the exits of `entry`, which is filled in `bar`, do not work before the next.
    fn exits_wait(&self, entry: &Waiting, bar: usize) -> bool {
        let prices = self.prices(entry.instrument as usize, bar);
        let reaches = |stop: f64| if entry.buys() { prices.low <= stop } else { prices.high >= stop };
        match self.settings().rules.exits {
            ExitTiming::SameBar => false,
            ExitTiming::NextBar => true,
            ExitTiming::Known => match entry.kind {
                OrderKind::Market => false,
                OrderKind::Limit | OrderKind::StopLimit => true,
                OrderKind::Stop | OrderKind::TrailingStop | OrderKind::TrailingStopPercent => {
                    // The first of the exits is the stop.
                    self.book.find(entry.exits).is_some_and(|stop| reaches(self.book.orders[stop].stop))
                }
            },
        }
    }

    /// Cancels the exits of an instrument whose position is gone: they are not for one that is opened later.
    pub(super) fn cancel_idle_exits(&mut self, instrument: usize) {
        let held = self.account.held(instrument);
        for index in 0..self.book.orders.len() {
            let order = &self.book.orders[index];
            let is_exit = order.parent != 0 && order.state == State::Live && order.instrument as usize == instrument;
            if !is_exit || held * order.side.sign() < 0.0 {
                continue;
            }
            if self.book.find(order.parent).is_some() {
                // What is still to be filled of their entry will need them.
                let exit = &mut self.book.orders[index];
                (exit.state, exit.quantity, exit.triggered) = (State::Dormant, Amount::default(), false);
            } else {
                self.cancel(index, RejectReason::ReduceOnly);
            }
        }
    }
}

/// What is to be done with an order that the market has reached.
enum Plan {
    /// It is not filled.
    Reject(RejectReason),
    /// The bar's volume has nothing left for it.
    Wait,
    /// It is filled, in whole or in part.
    Trade {
        /// The position afterwards.
        after: Amount,
        /// Units traded.
        units: f64,
        /// Quote currency for one of them.
        price: f64,
        /// What becomes of the rest.
        rest: Rest,
    },
}

/// The fate of the rest of an order.
enum Rest {
    /// Nothing is left.
    Nothing,
    /// This many units wait for the next bar.
    Waits(Amount),
    /// The account cannot pay for it.
    Refused,
}
