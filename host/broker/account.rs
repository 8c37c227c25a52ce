//! The account: cash and positions, how large an order may be, what it costs, and which trade it ends.
//!
//! Never knows the orders that wait, and never decides when something happens.

use std::sync::Arc;

use super::{
    BuyingPower, Fill, FillAt, Ledger, LotRounding, OrderRecord, Settings, Sizing, Trade, Workspace,
    costs::{Charged, Costs, Liquidity},
    position::{Order, Position},
};
use crate::model::Series;

/// The largest change of a position, as a share of equity, that is not an order.
///
/// Rounding alone makes changes of up to some 1e-15. Between that and 1e-12 the choice is free, and this one is on
/// vectorbt's side of every order in the reference runs, although its rule differs (no order below 1e-8 units).
const DUST: f64 = 7e-13;

/// How far a size may exceed a limit, and a number of lots fall short of a whole, by rounding alone.
pub(super) const ROUNDING: f64 = 1e-12;

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
    pub(super) costs: Costs,
    /// Cash by the rules of [`BuyingPower::FreeCash`].
    free: FreeCash,
}

impl<'a> Account<'a> {
    pub(super) fn open(
        series: &'a Arc<[Series]>,
        settings: &'a Settings,
        work: &'a mut Workspace,
        ledger: &'a mut Ledger,
    ) -> Self {
        ledger.open(settings.initial_cash, Arc::clone(series));
        work.open(series.len());
        let free = FreeCash { free: settings.initial_cash, owed: 0.0 };
        Self { series, ledger, work, cash: settings.initial_cash, settings, costs: Costs::of(settings), free }
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
        let values = self.work.positions.iter().zip(&self.work.marks).map(|(held, mark)| held.units * mark);
        self.cash + values.fold(0.0, |sum, value| sum + value)
    }

    /// Units held of an instrument, negative where short.
    #[inline(always)]
    pub(super) fn held(&self, instrument: usize) -> f64 {
        self.work.positions[instrument].units
    }

    /// Quote currency: the price at which an instrument is valued now; 0 before its first bar.
    #[inline(always)]
    pub(super) fn mark(&self, instrument: usize) -> f64 {
        self.work.marks[instrument]
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

    /// Lets a target wait that may trade from the time stamp `from` on. It replaces the one before.
    #[inline(always)]
    pub(super) fn set_target(&mut self, instrument: usize, exposure: f64, from: usize) {
        self.work.targets[instrument] = Some(exposure);
        self.work.targets_from[instrument] = from;
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
    pub(super) fn traded(&self, instrument: usize) -> f64 {
        self.work.traded[instrument]
    }

    /// Counts units as traded in the bar of an instrument.
    #[inline(always)]
    pub(super) fn count_traded(&mut self, instrument: usize, units: f64) {
        self.work.traded[instrument] += units;
    }

    /// Begins to count the units traded in the bars of a new time stamp.
    pub(super) fn forget_traded(&mut self) {
        self.work.traded.fill(0.0);
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

    /// Counts an order that ends without being filled in full.
    pub(super) fn count_rejected(&mut self) {
        self.ledger.rejected += 1;
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

    /// Enters the time stamps up to `end` into the curve, through which cash stays as it is and so do the `units` held of
    /// the only instrument.
    #[inline(always)]
    pub(super) fn hold(&mut self, end: usize, units: f64) {
        self.ledger.curve.hold(end, self.cash, units);
    }

    /// Enters a time stamp into the curve, at whose close the account is worth `equity`.
    #[inline(always)]
    pub(super) fn close_stamp(&mut self, stamp: usize, equity: f64) {
        if let [only] = self.work.positions[..] {
            self.hold(stamp + 1, only.units);
        } else {
            self.ledger.curve.mark(equity);
        }
        self.ledger.stamps_in_market += usize::from(!self.is_flat());
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
        self.work.positions.iter().all(|held| held.units == 0.0)
    }

    /// The order that `exposure` asks for at the mark of `instrument`.
    #[inline(always)]
    pub(super) fn order(&self, instrument: usize, bar: usize, exposure: f64, equity: f64) -> Order {
        let target = self.size(exposure, equity, self.work.marks[instrument]);
        let held = self.work.positions[instrument].units;
        let reduces = target == 0.0 || (target.abs() < held.abs() && same_side(target, held));
        Order { instrument, bar: bar as u32, target, reduces }
    }

    /// The position that `exposure` asks for at `price`, in whole lots.
    fn size(&self, exposure: f64, equity: f64, price: f64) -> f64 {
        let units = match self.settings.sizing {
            // An account in debt has nothing to expose: without the floor, a wish to be long would sell short.
            Sizing::Equity => exposure * equity.max(0.0) / price,
            Sizing::Units(units) => exposure * units,
            Sizing::Cash(cash) => exposure * cash / price,
        };
        if self.settings.sizing_includes_costs && !matches!(self.settings.sizing, Sizing::Units(_)) {
            let paid =
                self.bought_for(units.abs() * price, self.costs.worse(price, units > 0.0, 0.0), Liquidity::Taker);
            return self.whole_lots(paid.copysign(units));
        }
        self.whole_lots(units)
    }

    /// Units that cost `amount` at `price`, with commission.
    pub(super) fn bought_for(&self, amount: f64, price: f64, liquidity: Liquidity) -> f64 {
        self.within_costs(liquidity, Charged::default(), |rate, per_unit, fixed| {
            let most = ((amount - fixed) / (price * (1.0 + rate) + per_unit)).max(0.0);
            (most, most * price, most)
        })
    }

    /// Rounds `units` toward zero to whole lots.
    pub(super) fn whole_lots(&self, units: f64) -> f64 {
        let Some(lot) = self.settings.lot else { return units };
        let lots = units / lot;
        let nearest = lots.round();
        let whole = if (lots - nearest).abs() <= ROUNDING * nearest.abs() { nearest } else { lots.trunc() };
        whole * lot
    }

    /// The quantity of an order in whole lots; `None` where the rule refuses it, or nothing is left.
    pub(super) fn lots_of_order(&self, units: f64) -> Option<f64> {
        let Some(lot) = self.settings.lot else { return Some(units) };
        let down = self.whole_lots(units);
        let rounded = match self.settings.rules.lot_rounding {
            LotRounding::Down => down,
            LotRounding::Nearest => (units / lot).round() * lot,
            LotRounding::Reject if (units - down).abs() > ROUNDING * units => return None,
            LotRounding::Reject => down,
        };
        (rounded > 0.0).then_some(rounded)
    }

    /// Brings a position to its target, or as near as the account can pay for, with `equity` as it was when the order
    /// was sized. No more than `most` units are traded; returns whether that was too few.
    #[inline(always)]
    pub(super) fn execute(&mut self, order: Order, equity: f64, most: Option<(f64, f64)>) -> bool {
        let held = self.work.positions[order.instrument].units;
        let mark = self.work.marks[order.instrument];
        let (wished, share) = match most {
            None => (order.target, 0.0),
            Some((most, volume)) => self.within_volume(order.target, held, most, volume),
        };
        let price = self.costs.worse(mark, wished > held, share);
        let reduces = order.reduces && self.settings.rules.funds == BuyingPower::Margin;
        let target = if reduces {
            wished
        } else {
            self.affordable(order.instrument, wished, price, Liquidity::Taker, Charged::default())
        };
        let is_dust = (target - held).abs() * mark <= DUST * equity;
        let waits = wished != order.target;
        if target == held || (is_dust && target != 0.0) {
            return waits;
        }
        let units = target - held;
        let fee = self.costs.fee(units.abs() * price, units.abs(), Liquidity::Taker);
        self.fill(order.instrument, order.bar, target, price, fee, 0);
        waits
    }

    /// The target that `most` units get to from `held`, and the share of the bar's `volume` that they are.
    fn within_volume(&self, target: f64, held: f64, most: f64, volume: f64) -> (f64, f64) {
        let units = target - held;
        let traded = if units.abs() <= most { units } else { self.whole_lots(most).copysign(units) };
        let reached = if traded == units { target } else { held + traded };
        (reached, share_of(traded.abs(), volume))
    }

    /// The price that an order for `units` gets at `price`, in a bar of `volume`.
    pub(super) fn price_of_taker(&self, price: f64, buys: bool, units: f64, volume: f64) -> f64 {
        self.costs.worse(price, buys, share_of(units, volume))
    }

    /// The largest position up to `target` that the account can pay for at `price`.
    ///
    /// After the order, equity is `cash + held x price + others - fee x |target - held| x price - fixed`, and must not
    /// be below `margin x (|target| x price + |others|)`. That is solved for the target, whose side settles every sign.
    pub(super) fn affordable(
        &self,
        instrument: usize,
        target: f64,
        price: f64,
        liquidity: Liquidity,
        charged: Charged,
    ) -> f64 {
        let held = self.work.positions[instrument].units;
        if self.settings.rules.funds == BuyingPower::FreeCash {
            return self.free.affordable(self.cash, held, target, price, &self.costs);
        }
        let (side, margin) = (target.signum(), self.settings.initial_margin);
        let blocked = self.blocked(instrument);
        let most = self.within_costs(liquidity, charged, |rate, per_unit, fixed| {
            let budget = self.cash + held * price - fixed - blocked;
            let spent = budget + side * held * price * rate + side * held * per_unit;
            let most = spent / (price * (margin + rate) + per_unit);
            let traded = (side * most - held).abs();
            (most, traded * price, traded)
        });
        if target.abs() <= most * (1.0 + ROUNDING) {
            return target;
        }
        let kept = if same_side(target, held) { held.abs() } else { 0.0 };
        side * self.whole_lots(most.max(0.0)).max(kept)
    }

    /// Solves for a size with costs that are linear in it, of an order that was `charged` before: `solve` takes the rate, the
    /// costs of a unit and of the order, and returns the size with the value and the units that are traded. Where the costs
    /// leave their bounds, it is solved again with the bound as what the order costs: costs never fall with the size, so
    /// that this is the largest one.
    #[inline]
    fn within_costs(
        &self,
        liquidity: Liquidity,
        charged: Charged,
        solve: impl Fn(f64, f64, f64) -> (f64, f64, f64),
    ) -> f64 {
        let costs = &self.costs;
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

    /// Quote currency that the other positions keep from being spent: their margin beyond their value. That is twice the
    /// value of what is short in a cash account, since the proceeds are in the account's cash and the debt has to be
    /// covered once more.
    fn blocked(&self, instrument: usize) -> f64 {
        let margin = self.settings.initial_margin;
        let others = self.work.positions.iter().zip(&self.work.marks).enumerate();
        others
            .filter(|(other, _)| *other != instrument)
            .map(|(_, (held, mark))| {
                let value = held.units * mark;
                margin * value.abs() - value
            })
            .sum()
    }

    /// Quote currency: the absolute values of all positions at the marks.
    pub(super) fn gross(&self) -> f64 {
        self.work.positions.iter().zip(&self.work.marks).map(|(held, mark)| (held.units * mark).abs()).sum()
    }

    /// Quote currency that is borrowed: the value of short positions, and cash that is owed.
    pub(super) fn borrowed(&self) -> f64 {
        let short = self.work.positions.iter().zip(&self.work.marks);
        short.map(|(held, mark)| (-held.units * mark).max(0.0)).sum::<f64>() + (-self.cash).max(0.0)
    }

    /// Trades the difference between the position and `target` at `price`, for the strategy's order `order`.
    #[inline(always)]
    pub(super) fn fill(&mut self, instrument: usize, bar: u32, target: f64, price: f64, fee: f64, order: u64) {
        let held = self.work.positions[instrument].units;
        let units = target - held;
        self.free.trade(held, units, price, fee);
        self.cash -= units * price + fee;
        self.ledger.fees += fee;
        self.ledger.traded_value += units.abs() * price;
        self.ledger.fills.push(Fill { instrument: instrument as u32, bar, units, price, fee, order });
        self.book(instrument, bar, target, price, fee);
    }

    /// Books a fill: ends a trade for what it closes, and enters what it opens.
    #[inline(always)]
    fn book(&mut self, instrument: usize, bar: u32, target: f64, price: f64, fee: f64) {
        let held = self.work.positions[instrument];
        let traded = (target - held.units).abs();
        let kept = if same_side(target, held.units) { target.abs().min(held.units.abs()) } else { 0.0 };
        let closed = held.units.abs() - kept;
        let opened = target.abs() - kept;
        let mut position = Position { units: target, ..held };
        if closed > 0.0 {
            self.ledger.trades.push(self.trade(instrument, bar, closed, price, fee * (closed / traded)));
            let share = kept / held.units.abs();
            position.entry_value *= share;
            position.entry_fees *= share;
        }
        if opened > 0.0 {
            position.entry_bar = if kept == 0.0 { bar } else { held.entry_bar };
            position.entry_value += opened * price;
            position.entry_fees += fee * (opened / traded);
        }
        self.work.positions[instrument] = position;
    }

    /// The trade that ends where `size` units of a position leave at `price`.
    #[inline(always)]
    fn trade(&self, instrument: usize, bar: u32, size: f64, price: f64, exit_fees: f64) -> Trade {
        let held = self.work.positions[instrument];
        let time = &self.series[instrument].time;
        let units = size.copysign(held.units);
        let entry_price = held.entry_value / held.units.abs();
        let entry_fees = held.entry_fees * (size / held.units.abs());
        let pnl = units * (price - entry_price) - entry_fees - exit_fees;
        Trade {
            instrument: instrument as u32,
            units,
            entry_bar: held.entry_bar,
            exit_bar: bar,
            entry_time: time[held.entry_bar as usize],
            exit_time: time[bar as usize],
            entry_price,
            exit_price: price,
            entry_fees,
            exit_fees,
            pnl,
            pnl_ratio: pnl / (size * entry_price),
            open: false,
        }
    }

    /// Closes every position at its mark; `last_bar` tells the bar of each instrument, unless it was opened after that.
    pub(super) fn liquidate(&mut self, last_bar: impl Fn(&Self, usize) -> u32) {
        for instrument in 0..self.series.len() {
            let Position { units: held, entry_bar, .. } = self.work.positions[instrument];
            if held != 0.0 {
                let price = self.costs.worse(self.work.marks[instrument], held < 0.0, 0.0);
                let fee = self.costs.fee(held.abs() * price, held.abs(), Liquidity::Taker);
                let bar = last_bar(self, instrument).max(entry_bar);
                self.fill(instrument, bar, 0.0, price, fee, 0);
            }
        }
    }

    /// Records positions that are still held as open trades.
    pub(super) fn finish(&mut self) {
        for instrument in 0..self.series.len() {
            let held = self.work.positions[instrument].units;
            if held != 0.0 {
                let series = &self.series[instrument];
                let last = series.len() - 1;
                let trade = self.trade(instrument, last as u32, held.abs(), series.close[last], 0.0);
                self.ledger.trades.push(Trade { open: true, ..trade });
            }
        }
    }
}

/// Cash by the rules of [`BuyingPower::FreeCash`].
#[derive(Debug, Clone, Copy)]
struct FreeCash {
    /// Quote currency.
    free: f64,
    /// Quote currency: what short positions brought in.
    owed: f64,
}

impl FreeCash {
    /// The position nearest to `target` that `cash` and what of it is free can pay for at `price`.
    fn affordable(&self, cash: f64, held: f64, target: f64, price: f64, costs: &Costs) -> f64 {
        /// The share by which a purchase may exceed the cash.
        const NEAR: f64 = 1e-9;
        let (rate, fixed) = (costs.rate(Liquidity::Taker), costs.per_order);
        if target > held {
            let total = (target - held) * price * (1.0 + rate) + fixed;
            if total <= cash * (1.0 + NEAR) {
                return target;
            }
            return held + ((cash - fixed) / (1.0 + rate) / price).max(0.0);
        }
        let long = held.max(0.0);
        let short = (self.free + long * price * (1.0 - rate) - fixed) / (price * (1.0 + rate));
        if target >= 0.0 || target >= -short { target } else { held.min(0.0).min(-short) }
    }

    /// Keeps count of `units` traded at `price`, with `held` before.
    #[inline]
    fn trade(&mut self, held: f64, units: f64, price: f64, fee: f64) {
        if units > 0.0 && held < 0.0 {
            let covered = self.owed * (units.min(-held) / -held);
            self.free += 2.0 * covered;
            self.owed -= covered;
        }
        if units < 0.0 {
            let value = (held.min(0.0) - (held + units)).max(0.0) * price;
            self.free -= 2.0 * value;
            self.owed += value;
        }
        self.free -= units * price + fee;
    }
}

/// The share of a bar's volume that `units` are; the whole if the bar has no volume.
fn share_of(units: f64, volume: f64) -> f64 {
    if units >= volume { 1.0 } else { units / volume }
}

/// Whether neither is zero and both are long or both are short.
pub(super) fn same_side(a: f64, b: f64) -> bool {
    a * b > 0.0
}
