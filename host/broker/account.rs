//! Cash and positions: how large an order may be, what it costs, and which trade it ends.

use std::sync::Arc;

use super::{Fill, FillAt, Ledger, Settings, Sizing, Trade};
use crate::model::Series;

/// The largest change of a position, as a share of equity, that is no order.
///
/// Rounding alone makes changes of up to some 1e-15. Between that and 1e-12 the choice is free, and this one is on
/// vectorbt's side of every order in the reference runs, although its rule is another (no order below 1e-8 units).
const DUST: f64 = 7e-13;

/// How far a size may exceed a limit, and a number of lots fall short of a whole, by rounding alone.
const ROUNDING: f64 = 1e-12;

/// What is held of one instrument.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    /// Units, negative where short.
    pub(super) units: f64,
    /// Quote currency: absolute value at the entries' prices.
    entry_value: f64,
    /// Quote currency: commission on the entries.
    entry_fees: f64,
    entry_bar: u32,
}

/// A position asked for, before the limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) instrument: usize,
    pub(super) bar: u32,
    /// Units of the position after the order.
    pub(super) target: f64,
    /// Whether the order only closes or reduces what is held.
    pub(super) reduces: bool,
}

/// The account of one simulation, writing into its ledger.
///
/// What happens at each order is inlined: handing its numbers from function to function costs a quarter of a simulation.
#[derive(Debug)]
pub(super) struct Account<'a> {
    pub(super) series: &'a [Series],
    pub(super) ledger: &'a mut Ledger,
    pub(super) cash: f64,
    settings: &'a Settings,
    commission: f64,
    slippage: f64,
}

impl<'a> Account<'a> {
    pub(super) fn open(series: &'a Arc<[Series]>, settings: &'a Settings, ledger: &'a mut Ledger) -> Self {
        ledger.open(settings.initial_cash, Arc::clone(series));
        let (commission, slippage) = (settings.commission_bps / 1e4, settings.slippage_bps / 1e4);
        Self { series, ledger, cash: settings.initial_cash, settings, commission, slippage }
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
        let values = self.ledger.positions.iter().zip(&self.ledger.marks).map(|(held, mark)| held.units * mark);
        self.cash + values.fold(0.0, |sum, value| sum + value)
    }

    pub(super) fn is_flat(&self) -> bool {
        self.ledger.positions.iter().all(|held| held.units == 0.0)
    }

    /// The order that `exposure` asks for at the mark of `instrument`.
    #[inline(always)]
    pub(super) fn order(&self, instrument: usize, bar: usize, exposure: f64, equity: f64) -> Order {
        let target = self.size(exposure, equity, self.ledger.marks[instrument]);
        let held = self.ledger.positions[instrument].units;
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
        self.whole_lots(units)
    }

    /// Rounds `units` toward zero to whole lots.
    fn whole_lots(&self, units: f64) -> f64 {
        let Some(lot) = self.settings.lot else { return units };
        let lots = units / lot;
        let nearest = lots.round();
        let whole = if (lots - nearest).abs() <= ROUNDING * nearest.abs() { nearest } else { lots.trunc() };
        whole * lot
    }

    /// Brings a position to its target, or as near as the account can pay for, with `equity` as it was when the order
    /// was sized.
    #[inline(always)]
    pub(super) fn execute(&mut self, order: Order, equity: f64) {
        let held = self.ledger.positions[order.instrument].units;
        let mark = self.ledger.marks[order.instrument];
        let slippage = if order.target > held { self.slippage } else { -self.slippage };
        let price = mark * (1.0 + slippage);
        let target = if order.reduces { order.target } else { self.affordable(order, held, price) };
        let is_dust = (target - held).abs() * mark <= DUST * equity;
        if target == held || (is_dust && target != 0.0) {
            return;
        }
        self.fill(order.instrument, order.bar, target, price);
    }

    /// The largest position up to the order's target that the account can pay for at `price`.
    ///
    /// After the order, equity is `cash + held x price + others - fee x |target - held| x price - fixed`, and must not
    /// be below `|target| x price + |others|`. That is solved for the target, whose side settles every sign.
    fn affordable(&self, order: Order, held: f64, price: f64) -> f64 {
        let side = order.target.signum();
        let budget = self.cash + held * price - self.settings.commission_per_order - self.blocked(order.instrument);
        let most = (budget + side * held * price * self.commission) / (price * (1.0 + self.commission));
        if order.target.abs() <= most * (1.0 + ROUNDING) {
            return order.target;
        }
        let kept = if same_side(order.target, held) { held.abs() } else { 0.0 };
        side * self.whole_lots(most.max(0.0)).max(kept)
    }

    /// Quote currency that the other positions keep from being spent: twice the value of what is short, since the
    /// proceeds are in the account's cash and the debt has to be covered once more.
    fn blocked(&self, instrument: usize) -> f64 {
        let others = self.ledger.positions.iter().zip(&self.ledger.marks).enumerate();
        others
            .filter(|(other, _)| *other != instrument)
            .map(|(_, (held, mark))| 2.0 * (-held.units * mark).max(0.0))
            .sum()
    }

    /// Trades the difference between what is held and `target` at `price`.
    #[inline(always)]
    fn fill(&mut self, instrument: usize, bar: u32, target: f64, price: f64) {
        let units = target - self.ledger.positions[instrument].units;
        let value = units.abs() * price;
        let fee = value * self.commission + self.settings.commission_per_order;
        self.cash -= units * price + fee;
        self.ledger.fees += fee;
        self.ledger.traded_value += value;
        self.ledger.fills.push(Fill { instrument: instrument as u32, bar, units, price, fee });
        self.book(instrument, bar, target, price, fee);
    }

    /// Books a fill: ends a trade for what it closes, and enters what it opens.
    #[inline(always)]
    fn book(&mut self, instrument: usize, bar: u32, target: f64, price: f64, fee: f64) {
        let held = self.ledger.positions[instrument];
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
        self.ledger.positions[instrument] = position;
    }

    /// The trade that ends where `size` units of a position leave at `price`.
    #[inline(always)]
    fn trade(&self, instrument: usize, bar: u32, size: f64, price: f64, exit_fees: f64) -> Trade {
        let held = self.ledger.positions[instrument];
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

    /// Closes every position at its mark; `last_bar` tells the bar of each instrument.
    pub(super) fn liquidate(&mut self, last_bar: impl Fn(usize) -> u32) {
        for instrument in 0..self.series.len() {
            let held = self.ledger.positions[instrument].units;
            if held != 0.0 {
                let slippage = if held < 0.0 { self.slippage } else { -self.slippage };
                let price = self.ledger.marks[instrument] * (1.0 + slippage);
                self.fill(instrument, last_bar(instrument), 0.0, price);
            }
        }
    }

    /// Records what is still held as open trades.
    pub(super) fn finish(&mut self) {
        for instrument in 0..self.series.len() {
            let held = self.ledger.positions[instrument].units;
            if held != 0.0 {
                let series = &self.series[instrument];
                let last = series.len() - 1;
                let trade = self.trade(instrument, last as u32, held.abs(), series.close[last], 0.0);
                self.ledger.trades.push(Trade { open: true, ..trade });
            }
        }
    }
}

/// Whether neither is zero and both are long or both are short.
fn same_side(a: f64, b: f64) -> bool {
    a * b > 0.0
}
