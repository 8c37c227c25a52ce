//! The account: cash and positions, how large an order may be, what it costs, and which trade it ends.
//!
//! Never knows the orders that wait, and never decides when something happens.

use std::{ops::Range, sync::Arc};

use super::{
    BuyingPower, ExitReason, Fill, FillAt, Ledger, LotRounding, OrderRecord, Settings, Sizing, Timeline, Trade,
    Workspace,
    amount::Amount,
    costs::{Charged, Costs, Liquidity},
    free_cash::{self, Deal, FreeCash, Wish},
    grid::ROUNDING,
    position::{Order, Position},
    terms::Terms,
    workspace::NO_MARK,
};
use crate::model::{Contract, Series};

/// The largest change of a position, as a share of equity, that is not an order.
///
/// Rounding alone makes changes of up to some 1e-15. Between that and 1e-12 the choice is free, and this one is on
/// vectorbt's side of every order in the reference runs, although its rule differs (no order below 1e-8 units).
const DUST: f64 = 7e-13;

/// What rounding leaves at most of an order that is filled in parts, as a share of it.
pub(super) const PART: f64 = 4.0 * f64::EPSILON;

/// How far the values of targets may exceed equity, as a share of it, and count as what equity pays for.
const AT_LIMIT: f64 = 1e-9;

/// The account of one simulation, writing into its ledger.
///
/// The steps of an order are inlined: handing its numbers from function to function costs a quarter of a simulation.
#[derive(Debug)]
pub(super) struct Account<'a> {
    pub(super) series: &'a [Series],
    ledger: &'a mut Ledger,
    work: &'a mut Workspace,
    pub(super) cash: f64,
    pub(super) settings: &'a Settings,
    /// Counted where [`BuyingPower`] is not [`Margin`](BuyingPower::Margin).
    free: FreeCash,
}

impl<'a> Account<'a> {
    pub(super) fn open(
        series: &'a Arc<[Series]>,
        timeline: &Timeline,
        settings: &'a Settings,
        work: &'a mut Workspace,
        ledger: &'a mut Ledger,
    ) -> Self {
        ledger.open(settings.initial_cash, Arc::clone(series));
        work.open(series.len());
        let plain = Terms::of(settings, &Contract::default(), false);
        work.terms.extend(series.iter().enumerate().map(|(instrument, series)| {
            let signed = timeline.is_signed(instrument);
            let is_plain = !signed && series.contract == Contract::default();
            if is_plain { plain } else { Terms::of(settings, &series.contract, signed) }
        }));
        let free = FreeCash::of(settings.initial_cash);
        Self { series, ledger, work, cash: settings.initial_cash, settings, free }
    }

    /// The terms of an instrument.
    #[inline(always)]
    pub(super) fn terms(&self, instrument: usize) -> &Terms {
        &self.work.terms[instrument]
    }

    /// The price at `bar` of `instrument` that fills are made from.
    pub(super) fn reference_price(&self, instrument: usize, bar: usize) -> f64 {
        let series = &self.series[instrument];
        match self.settings.fill {
            FillAt::NextOpen => series.open[bar],
            FillAt::Close => series.close[bar],
        }
    }

    /// Cash and positions at the marks.
    #[inline]
    pub(super) fn equity(&self) -> f64 {
        let values = self.work.positions.iter().zip(&self.work.marks).map(|(held, mark)| held.points * mark);
        self.cash + values.fold(0.0, |sum, value| sum + value)
    }

    /// What is held of each instrument.
    pub(super) fn positions(&self) -> &[Position] {
        &self.work.positions
    }

    /// Quote currency: the price at which each instrument is valued now.
    pub(super) fn marks(&self) -> &[f64] {
        &self.work.marks
    }

    /// The bar of each instrument that is now or comes next.
    pub(super) fn cursors(&self) -> &[usize] {
        &self.work.cursors
    }

    /// Units held of an instrument, negative where short.
    #[inline(always)]
    pub(super) fn held(&self, instrument: usize) -> f64 {
        self.work.positions[instrument].held.units
    }

    /// Quote currency that the position in an instrument gains when the price rises by 1, negative where short.
    #[inline(always)]
    pub(super) fn points(&self, instrument: usize) -> f64 {
        self.work.positions[instrument].points
    }

    /// The position in an instrument and `amount` more: exactly zero where only rounding keeps it from that.
    pub(super) fn after(&self, instrument: usize, amount: Amount) -> Amount {
        let position = &self.work.positions[instrument];
        let after = position.held.plus(amount, self.terms(instrument).lot.as_ref());
        after.or_zero(position.seen)
    }

    /// Quote currency: the price at which an instrument is valued now; `None` before its first bar.
    #[inline(always)]
    pub(super) fn mark(&self, instrument: usize) -> Option<f64> {
        let mark = self.work.marks[instrument];
        (mark.to_bits() != NO_MARK.to_bits()).then_some(mark)
    }

    /// Values an instrument at `price` from now on.
    #[inline(always)]
    pub(super) fn set_mark(&mut self, instrument: usize, price: f64) {
        self.work.marks[instrument] = price;
    }

    /// The bar of an instrument that is now or comes next.
    #[inline(always)]
    pub(super) fn next_bar(&self, instrument: usize) -> usize {
        self.work.cursors[instrument]
    }

    /// Leaves the bar of an instrument behind.
    #[inline(always)]
    pub(super) fn pass_bar(&mut self, instrument: usize) {
        self.work.cursors[instrument] += 1;
    }

    /// Returns to the bar of an instrument that was left last.
    pub(super) fn return_to_bar(&mut self, instrument: usize) {
        self.work.cursors[instrument] -= 1;
    }

    /// Lets a target wait that may trade from the time stamp `from` on. It replaces the one before.
    #[inline(always)]
    pub(super) fn set_target(&mut self, instrument: usize, exposure: f64, from: usize) {
        self.work.targets[instrument] = Some(exposure);
        self.work.targets_from[instrument] = from;
    }

    /// Lets the targets that wait trade from the time stamp `from` on, if they may not before.
    pub(super) fn hasten_targets(&mut self, from: usize) {
        self.work.targets_from.iter_mut().for_each(|first| *first = from.min(*first));
    }

    /// The exposure of the target that waits, and the first time stamp at which it may trade.
    #[inline(always)]
    pub(super) fn target(&self, instrument: usize) -> Option<(f64, usize)> {
        self.work.targets[instrument].map(|exposure| (exposure, self.work.targets_from[instrument]))
    }

    /// Whether a target waits.
    #[inline(always)]
    pub(super) fn has_targets(&self) -> bool {
        self.work.targets.iter().any(Option::is_some)
    }

    /// Forgets the target of an instrument.
    #[inline(always)]
    pub(super) fn drop_target(&mut self, instrument: usize) {
        self.work.targets[instrument] = None;
    }

    /// Forgets every target.
    pub(super) fn drop_targets(&mut self) {
        self.work.targets.fill(None);
    }

    /// The sized targets of one moment, to be filled and worked off.
    #[inline(always)]
    pub(super) fn sized(&mut self) -> &mut Vec<Order> {
        &mut self.work.sized
    }

    /// Units of an instrument that were traded in its bar.
    #[inline(always)]
    pub(super) fn traded(&self, instrument: usize) -> Amount {
        self.work.traded[instrument]
    }

    /// Counts units as traded in the bar of an instrument.
    #[inline(always)]
    pub(super) fn count_traded(&mut self, instrument: usize, units: Amount) {
        self.work.traded[instrument] = self.work.traded[instrument].plus(units, self.terms(instrument).lot.as_ref());
    }

    /// Begins to count the units traded in the bars of a new time stamp.
    pub(super) fn forget_traded(&mut self) {
        self.work.traded.fill(Amount::default());
    }

    /// The same of one instrument, for the next of its finer bars.
    pub(super) fn forget_traded_of(&mut self, instrument: usize) {
        self.work.traded[instrument] = Amount::default();
    }

    /// Pays interest.
    pub(super) fn pay_interest(&mut self, cost: f64) {
        self.cash -= cost;
        self.ledger.borrow_costs += cost;
    }

    /// Every fill so far.
    #[inline(always)]
    pub(super) fn fills(&self) -> &[Fill] {
        &self.ledger.fills
    }

    /// Orders that the strategy has sent.
    #[inline(always)]
    pub(super) fn sent(&self) -> u64 {
        self.ledger.sent
    }

    /// Counts orders that the strategy sends.
    pub(super) fn count_sent(&mut self, orders: u64) {
        self.ledger.sent += orders;
    }

    /// Counts an order that is refused.
    pub(super) fn count_rejected(&mut self) {
        self.ledger.rejected += 1;
    }

    /// Counts a target that nothing can size, since the price is 0.
    #[cold]
    pub(super) fn count_unpriced(&mut self) {
        self.ledger.unpriced += 1;
    }

    /// Counts a target of no instrument, or of an exposure that is not finite.
    #[cold]
    pub(super) fn count_invalid_target(&mut self) {
        self.ledger.invalid_targets += 1;
    }

    /// Counts a target that its lot makes a target of nothing, if it wants a position on a side on which nothing is held.
    #[cold]
    fn count_below_lot(&mut self, instrument: usize, exposure: f64, equity: f64) {
        let is_wish = self.settings.sizing != Sizing::Equity || equity > 0.0;
        if is_wish && self.terms(instrument).lot.is_some() && !same_side(exposure, self.held(instrument)) {
            self.ledger.below_lot += 1;
        }
    }

    /// Counts a target for `wished` units of which the account can pay for no more than `target`.
    #[cold]
    fn count_unpaid(&mut self, instrument: usize, wished: f64, target: f64, equity: f64) {
        // Costs alone may leave less than a lot, and then nothing is opened.
        let is_counted = self.count_cut(instrument, wished, equity);
        if !is_counted && target == 0.0 {
            self.count_below_lot(instrument, wished, equity);
        }
    }

    /// Counts a target, or an order of a share or an amount, that was cut to what the account can pay for, if it asked for
    /// more than `equity` pays for without costs: `wished` units of an instrument at its mark. Returns whether it did.
    #[cold]
    pub(super) fn count_cut(&mut self, instrument: usize, wished: f64, equity: f64) -> bool {
        let (marks, positions) = (&self.work.marks, &self.work.positions);
        let own = (positions[instrument].points * marks[instrument]).abs();
        let value = self.terms(instrument).value(wished, marks[instrument]) + self.gross() - own;
        let is_cut = self.settings.initial_margin * value > equity.max(0.0) * (1.0 + AT_LIMIT);
        self.ledger.cut += u64::from(is_cut);
        is_cut
    }

    /// The record of an order, where there are records.
    pub(super) fn record(&mut self, order: u64) -> Option<&mut OrderRecord> {
        self.ledger.record(order)
    }

    /// Keeps a record of a new order, where there are records.
    pub(super) fn keep_record(&mut self, record: impl FnOnce() -> OrderRecord) {
        if self.ledger.keeps_orders {
            self.ledger.orders.push(record());
        }
    }

    /// Time stamps in the curve so far.
    #[inline(always)]
    pub(super) fn stamps(&self) -> usize {
        self.ledger.curve.len()
    }

    /// Enters the time stamps up to `end` into the curve, through which cash stays as it is and so do the `points` of the
    /// only instrument.
    #[inline(always)]
    pub(super) fn hold(&mut self, end: usize, points: f64) {
        self.ledger.curve.hold(end, self.cash, points);
    }

    /// Enters a time stamp into the curve, at whose close the account is worth `equity`.
    #[inline(always)]
    pub(super) fn close_stamp(&mut self, stamp: usize, equity: f64) {
        if let [only] = self.work.positions[..] {
            self.hold(stamp + 1, only.points);
        } else {
            self.ledger.curve.mark(equity);
        }
        self.ledger.stamps_in_market += usize::from(!self.is_flat());
    }

    /// Enters time stamps through which nothing happens, and moves on. With several instruments the account is worth `equity` at
    /// each of them, and perhaps at more.
    pub(super) fn pass_quiet(&mut self, timeline: &Timeline, stamps: Range<usize>, equity: &[f64]) {
        if let [only] = self.work.positions[..] {
            self.hold(stamps.end, only.points);
        } else {
            equity[..stamps.len()].iter().for_each(|equity| self.ledger.curve.mark(*equity));
        }
        if !self.is_flat() {
            self.count_in_market(stamps.len());
        }
        for (instrument, series) in self.series.iter().enumerate() {
            let passed = timeline.passed(instrument, self.work.cursors[instrument], stamps.end).min(series.len());
            if passed > self.work.cursors[instrument] {
                self.work.cursors[instrument] = passed;
                self.work.marks[instrument] = series.close[passed - 1];
            }
        }
    }

    /// Takes the last time stamp out of the curve, at whose close nothing is held.
    pub(super) fn reopen_stamp(&mut self, stamp: usize) {
        self.ledger.curve.truncate(stamp);
    }

    /// Enters the time stamps from `stamp` to `end` into the curve anew, through which nothing is held.
    pub(super) fn hold_nothing_from(&mut self, stamp: usize, end: usize) {
        self.ledger.curve.truncate(stamp);
        self.hold(end, 0.0);
    }

    /// Counts time stamps at whose close a position was held.
    #[inline(always)]
    pub(super) fn count_in_market(&mut self, stamps: usize) {
        self.ledger.stamps_in_market += stamps;
    }

    /// Takes back time stamps that were counted as in the market.
    pub(super) fn discount_in_market(&mut self, stamps: usize) {
        self.ledger.stamps_in_market -= stamps;
    }

    /// Notes that the account has nothing left at `stamp`.
    pub(super) fn set_wiped_out(&mut self, stamp: usize) {
        self.ledger.wiped_out = Some(stamp);
    }

    /// Whether the account had nothing left at some time stamp.
    #[inline(always)]
    pub(super) fn is_wiped_out(&self) -> bool {
        self.ledger.wiped_out.is_some()
    }

    pub(super) fn is_flat(&self) -> bool {
        self.work.positions.iter().all(|position| position.held.units == 0.0)
    }

    /// The order that `exposure` asks for at the mark of `instrument`; `None` where a price of 0 gives it no size.
    #[inline(always)]
    pub(super) fn order(&mut self, instrument: usize, bar: usize, exposure: f64, equity: f64) -> Option<Order> {
        let held = self.work.positions[instrument].held.units;
        let target = if self.refuses_targets(equity) { held } else { self.size(instrument, exposure, equity)? };
        if target == 0.0 && exposure != 0.0 {
            self.count_below_lot(instrument, exposure, equity);
        }
        let reduces = target == 0.0 || (target.abs() < held.abs() && same_side(target, held));
        Some(Order { instrument, bar: bar as u32, target, reduces })
    }

    /// Whether an account that is worth `equity` keeps what it holds, whatever share of that is asked for.
    fn refuses_targets(&self, equity: f64) -> bool {
        self.settings.rules.funds == BuyingPower::Cash
            && self.settings.sizing == Sizing::Equity
            && free_cash::snap(equity) <= 0.0
    }

    /// Whether orders are paid for by the rules of [`FreeCash`].
    #[inline(always)]
    pub(super) fn pays_by_cash(&self) -> bool {
        self.settings.rules.funds != BuyingPower::Margin
    }

    /// The units that an order trades which is paid for by the rules of [`FreeCash`], below zero if it sells.
    pub(super) fn payable(&self, instrument: usize, wish: Wish, price: f64, liquidity: Liquidity) -> f64 {
        let costs = &self.terms(instrument).costs;
        let deal = Deal { price, rate: costs.rate(liquidity), fixed: costs.per_order };
        self.free.payable(self.settings.rules.funds, self.cash, self.held(instrument), wish, deal)
    }

    /// The position that `exposure` asks for at the mark, in whole lots.
    #[inline(always)]
    fn size(&self, instrument: usize, exposure: f64, equity: f64) -> Option<f64> {
        let (price, terms) = (self.work.marks[instrument], self.terms(instrument));
        let worth = price.abs() * terms.multiplier;
        let units = match self.settings.sizing {
            Sizing::Units(units) => return Some(terms.whole_lots(exposure * units)),
            _ if exposure == 0.0 => return Some(0.0),
            _ if worth == 0.0 => return None,
            // An account in debt has nothing to expose: without the floor, a wish to be long would sell short.
            Sizing::Equity => exposure * equity.max(0.0) / worth,
            Sizing::Cash(cash) => exposure * cash / worth,
        };
        if self.settings.sizing_includes_costs {
            let price = terms.costs.worse(price, units > 0.0, 0.0);
            let paid = self.bought_for(instrument, units.abs() * worth, price, Liquidity::Taker);
            return Some(terms.whole_lots(paid.copysign(units)));
        }
        Some(terms.whole_lots(units))
    }

    /// Units that cost `amount` at `price`, with commission.
    pub(super) fn bought_for(&self, instrument: usize, amount: f64, price: f64, liquidity: Liquidity) -> f64 {
        let terms = self.terms(instrument);
        let worth = price.abs() * terms.multiplier;
        within_costs(&terms.costs, liquidity, Charged::default(), |rate, per_unit, fixed| {
            let most = ((amount - fixed) / (worth * (1.0 + rate) + per_unit)).max(0.0);
            (most, most * worth, most)
        })
    }

    /// The quantity of an order in whole lots; `None` where the rule refuses it, or nothing is left.
    pub(super) fn lots_of_order(&self, instrument: usize, units: f64) -> Option<f64> {
        let Some(lot) = &self.terms(instrument).lot else { return Some(units) };
        let rounded = match self.settings.rules.lot_rounding {
            LotRounding::Down => lot.of_order(units),
            LotRounding::Nearest => lot.nearest(units),
            LotRounding::Reject => lot.on(units)?,
        };
        (rounded > 0.0).then_some(rounded)
    }

    /// Brings a position to its target, or as near as the account can pay for, with `equity` as it was when the order
    /// was sized. No more than `most` units are traded; returns whether that was too few.
    #[inline(always)]
    pub(super) fn execute(&mut self, order: Order, equity: f64, most: Option<(f64, f64)>) -> bool {
        let held = self.work.positions[order.instrument].held.units;
        let mark = self.work.marks[order.instrument];
        let (wished, share, part) = match most {
            None => (order.target, 0.0, None),
            Some((most, volume)) => self.within_volume(order.instrument, order.target, held, most, volume),
        };
        let waits = wished != order.target;
        let price = self.terms(order.instrument).costs.worse(mark, wished > held, share);
        if self.pays_by_cash() {
            self.execute_by_cash(order, wished - held, price);
            return waits;
        }
        let target = if order.reduces {
            wished
        } else {
            self.affordable(order.instrument, wished, price, Liquidity::Taker, Charged::default())
        };
        if target != wished && !waits {
            self.count_unpaid(order.instrument, wished, target, equity);
        }
        let terms = self.terms(order.instrument);
        let is_dust = mark != 0.0 && terms.value(target - held, mark) <= DUST * equity;
        if target == held || (is_dust && target != 0.0) {
            return waits;
        }
        let (units, after) = match part.filter(|_| target == wished) {
            Some(part) => (part, self.after(order.instrument, Amount::decimal(part))),
            None => (terms.sum(target, -held), Amount::of(target)),
        };
        let fee = terms.costs.fee(terms.value(units, price), units.abs(), Liquidity::Taker);
        self.fill(order.instrument, order.bar, after, units, price, fee, 0);
        waits
    }

    /// Trades what can be paid for of `units` at `price`, by the rules of [`FreeCash`].
    fn execute_by_cash(&mut self, order: Order, units: f64, price: f64) {
        let units = self.payable(order.instrument, Wish::Units(units), price, Liquidity::Taker);
        if units != 0.0 {
            let held = self.held(order.instrument);
            let target = free_cash::add(held, units);
            let fee = self.terms(order.instrument).costs.fee(units.abs() * price, units.abs(), Liquidity::Taker);
            self.fill(order.instrument, order.bar, Amount::of(target), target - held, price, fee, 0);
        }
    }

    /// The target that `most` units get to from `held`, the share of the bar's `volume` that is traded, and the units, where they
    /// are less than what is asked for.
    fn within_volume(
        &self,
        instrument: usize,
        target: f64,
        held: f64,
        most: f64,
        volume: f64,
    ) -> (f64, f64, Option<f64>) {
        let units = target - held;
        // What rounding has left of a target that is reached in parts is not one more part.
        let slack = PART * (target.abs() + held.abs());
        if units.abs() <= most + slack {
            return (target, share_of(units.abs(), volume), None);
        }
        let traded = self.terms(instrument).whole_lots(most).copysign(units);
        (self.after(instrument, Amount::decimal(traded)).units, share_of(traded.abs(), volume), Some(traded))
    }

    /// The price that an order for `units` gets at `price`, in a bar of `volume`.
    pub(super) fn price_of_taker(&self, instrument: usize, price: f64, buys: bool, units: f64, volume: f64) -> f64 {
        self.terms(instrument).costs.worse(price, buys, share_of(units, volume))
    }

    /// The largest position up to `target` that the account can pay for at `price`.
    ///
    /// With `worth` for `|price| x multiplier`, equity after the order is
    /// `cash + held x price x multiplier + others - fee x |target - held| x worth - fixed`. It must not be below
    /// `margin x (|target| x worth + |others|)`. That is solved for the target, whose side settles every sign.
    pub(super) fn affordable(
        &self,
        instrument: usize,
        target: f64,
        price: f64,
        liquidity: Liquidity,
        charged: Charged,
    ) -> f64 {
        let Position { held, points, .. } = self.work.positions[instrument];
        let (held, terms) = (held.units, self.terms(instrument));
        let (side, margin) = (target.signum(), self.settings.initial_margin);
        let worth = price.abs() * terms.multiplier;
        let blocked = self.blocked(instrument);
        let most = within_costs(&terms.costs, liquidity, charged, |rate, per_unit, fixed| {
            let budget = self.cash + points * price - fixed - blocked;
            let spent = budget + side * held * worth * rate + side * held * per_unit;
            let most = spent / (worth * (margin + rate) + per_unit);
            let traded = (side * most - held).abs();
            (most, traded * worth, traded)
        });
        // What costs nothing has a size that is not a number.
        if target.abs() <= most * (1.0 + ROUNDING) || most.is_nan() {
            return target;
        }
        let kept = if same_side(target, held) { held.abs() } else { 0.0 };
        side * terms.whole_lots(most.max(0.0)).max(kept)
    }

    /// Quote currency that the other positions keep from being spent: their margin beyond their value. That is twice the
    /// value of what is short in a cash account, since the proceeds are in the account's cash and the debt has to be
    /// covered once more.
    fn blocked(&self, instrument: usize) -> f64 {
        let margin = self.settings.initial_margin;
        let others = self.work.positions.iter().zip(&self.work.marks).enumerate();
        others
            .filter(|(other, _)| *other != instrument)
            .map(|(_, (held, mark))| {
                let value = held.points * mark;
                margin * value.abs() - value
            })
            .sum()
    }

    /// Quote currency: the absolute values of all positions at the marks.
    pub(super) fn gross(&self) -> f64 {
        self.work.positions.iter().zip(&self.work.marks).map(|(held, mark)| (held.points * mark).abs()).sum()
    }

    /// Quote currency that is borrowed: the value of short positions, and cash that is owed.
    pub(super) fn borrowed(&self) -> f64 {
        let positions = self.work.positions.iter().zip(&self.work.marks);
        let short = positions.filter(|(position, _)| position.points < 0.0);
        short.map(|(held, mark)| (held.points * mark).abs()).sum::<f64>() + (-self.cash).max(0.0)
    }

    /// Trades `units` at `price` for the strategy's order `order`, which brings the position to `after`.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "handing them over in a struct costs instructions")]
    pub(super) fn fill(
        &mut self,
        instrument: usize,
        bar: u32,
        after: Amount,
        units: f64,
        price: f64,
        fee: f64,
        order: u64,
    ) {
        let held = self.work.positions[instrument].held.units;
        let value = units * self.terms(instrument).multiplier * price;
        if self.pays_by_cash() {
            self.free.trade(held, units, price, fee);
            self.cash = free_cash::add(self.cash, -(value + fee));
        } else {
            self.cash -= value + fee;
        }
        self.ledger.fees += fee;
        self.ledger.traded_value += value.abs();
        self.ledger.fills.push(Fill { instrument: instrument as u32, bar, units, price, fee, order });
        self.book(instrument, bar, after, price, fee);
    }

    /// Books a fill: ends a trade for what it closes, and enters what it opens.
    #[inline(always)]
    fn book(&mut self, instrument: usize, bar: u32, after: Amount, price: f64, fee: f64) {
        let position = self.work.positions[instrument];
        let (target, held) = (after.units, position.held.units);
        let traded = (target - held).abs();
        let kept = if same_side(target, held) { target.abs().min(held.abs()) } else { 0.0 };
        let terms = self.terms(instrument);
        let closed = terms.sum(held.abs(), -kept);
        let opened = terms.sum(target.abs(), -kept);
        let points = target * terms.multiplier;
        let mut position = Position { held: after, points, ..position };
        if closed > 0.0 {
            self.ledger.trades.push(self.trade(instrument, bar, closed, price, fee * (closed / traded)));
            let share = kept / held.abs();
            position.entry_value *= share;
            position.entry_fees *= share;
        }
        position.seen = if target == 0.0 { 0.0 } else { position.seen + traded + target.abs() };
        if opened > 0.0 {
            position.entry_bar = if kept == 0.0 { bar } else { position.entry_bar };
            position.entry_value += opened * price;
            position.entry_fees += fee * (opened / traded);
        }
        self.work.positions[instrument] = position;
    }

    /// The trade that ends where `size` units of a position leave at `price`.
    #[inline(always)]
    fn trade(&self, instrument: usize, bar: u32, size: f64, price: f64, exit_fees: f64) -> Trade {
        let position = self.work.positions[instrument];
        let (held, multiplier) = (position.held.units, self.terms(instrument).multiplier);
        let time = &self.series[instrument].time;
        let units = size.copysign(held);
        let entry_price = position.entry_value / held.abs();
        let entry_fees = position.entry_fees * (size / held.abs());
        let pnl = units * multiplier * (price - entry_price) - entry_fees - exit_fees;
        Trade {
            instrument: instrument as u32,
            units,
            entry_bar: position.entry_bar,
            exit_bar: bar,
            entry_time: time[position.entry_bar as usize],
            exit_time: time[bar as usize],
            entry_price,
            exit_price: price,
            entry_fees,
            exit_fees,
            pnl,
            pnl_ratio: pnl / (size * multiplier * entry_price.abs()),
            open: false,
        }
    }

    /// Closes every position at its mark for the reason `why`; `last_bar` tells the bar of each instrument, unless it was opened
    /// after that.
    pub(super) fn liquidate(&mut self, why: ExitReason, last_bar: impl Fn(&Self, usize) -> u32) {
        for instrument in 0..self.series.len() {
            let Position { held, entry_bar, .. } = self.work.positions[instrument];
            let held = held.units;
            if held != 0.0 {
                let terms = self.terms(instrument);
                let price = terms.costs.worse(self.work.marks[instrument], held < 0.0, 0.0);
                let fee = terms.costs.fee(terms.value(held, price), held.abs(), Liquidity::Taker);
                let bar = last_bar(self, instrument).max(entry_bar);
                self.ledger.closings.push((self.ledger.fills.len(), why));
                self.fill(instrument, bar, Amount::default(), -held, price, fee, 0);
            }
        }
    }

    /// Records positions that are still held as open trades.
    pub(super) fn finish(&mut self) {
        for instrument in 0..self.series.len() {
            let held = self.work.positions[instrument].held.units;
            if held != 0.0 {
                let series = &self.series[instrument];
                let last = series.len() - 1;
                let trade = self.trade(instrument, last as u32, held.abs(), series.close[last], 0.0);
                self.ledger.trades.push(Trade { open: true, ..trade });
            }
        }
    }
}

/// Solves for a size with costs that are linear in it, of an order that was `charged` before: `solve` takes the rate, the
/// costs of a unit and of the order, and returns the size with the value and the units that are traded. Where the costs
/// leave their bounds, it is solved again with the bound as what the order costs: costs never fall with the size, so
/// that this is the largest one.
#[inline]
fn within_costs(
    costs: &Costs,
    liquidity: Liquidity,
    charged: Charged,
    solve: impl Fn(f64, f64, f64) -> (f64, f64, f64),
) -> f64 {
    let fixed = costs.per_order + charged.linear;
    let (size, value, units) = solve(costs.rate(liquidity), costs.per_unit, fixed - charged.paid);
    let linear = value * costs.rate(liquidity) + units * costs.per_unit + fixed;
    if linear < costs.minimum {
        return solve(0.0, 0.0, costs.minimum - charged.paid).0;
    }
    if linear > costs.maximum {
        return solve(0.0, 0.0, costs.maximum - charged.paid).0;
    }
    size
}

/// The share of a bar's volume that `units` are; the whole if the bar has no volume.
fn share_of(units: f64, volume: f64) -> f64 {
    if units >= volume { 1.0 } else { units / volume }
}

/// Whether neither is zero and both are long or both are short.
pub(super) fn same_side(a: f64, b: f64) -> bool {
    a * b > 0.0
}
