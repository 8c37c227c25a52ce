//! The statement: trades, fees and values counted in decimals from the fills and rounded once, as files show them.
//!
//! Never used while an account trades, and never for a metric: these are of the books, which differ in the last places.

use std::collections::BTreeMap;

use super::{Fill, Ledger, Settings, Trade, amount::Amount};
use crate::model::Series;

/// How far the books may be from the decimals, as a share of the money that moved; what is further is shown as booked.
const NEAR: f64 = 1e-9;

/// What is left of a difference that is nothing on paper, as a share of the money that moved: twice the precision of a double has
/// some 31 digits.
const NOTHING: f64 = 1e-28;

/// The money of one run as it is on paper: each number is the double nearest to what the printed prices, units and costs
/// come to. Beside [`Ledger`], whose sums are doubles.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    /// The fills of the ledger, with their fees.
    pub fills: Vec<Fill>,
    /// Quote currency: units x price x multiplier of each fill, negative where it was a sale.
    pub values: Vec<f64>,
    /// The trades of the ledger, with their units, entry prices, fees, P&L and returns.
    pub trades: Vec<Trade>,
    /// Quote currency for one unit: the mean price of each order of the ledger; `None` where nothing was filled.
    pub average_prices: Vec<Option<f64>>,
}

impl Statement {
    /// The statement of `ledger`, which holds what was traded on `series` under `settings`.
    ///
    /// # Panics
    ///
    /// Panics if the books are of other series.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use host::{
    ///     broker::{Ledger, Settings, Sizing, Statement, Timeline, Workspace, simulate},
    ///     model::{Series, Targets},
    /// };
    ///
    /// let prices = vec![1.1, 1.1, 2.2, 3.3];
    /// let series = Arc::from([Series {
    ///     symbol: "A".into(),
    ///     time: vec![1, 2, 3, 4],
    ///     open: prices.clone(),
    ///     high: prices.clone(),
    ///     low: prices.clone(),
    ///     close: prices,
    ///     volume: vec![0.0; 4],
    ///     ..Series::default()
    /// }]);
    /// let targets = Targets { at: vec![0, 1, 2], instrument: vec![0; 3], exposure: vec![1.0, 2.0, 0.0] };
    /// let settings = Settings { sizing: Sizing::Units(1.0), ..Settings::default() };
    /// let mut ledger = Ledger::new();
    /// simulate(&series, &Timeline::of(&series), &targets, &settings, &mut Workspace::new(), &mut ledger);
    /// let statement = Statement::of(&ledger, &series, &settings);
    /// assert_eq!((statement.trades[0].entry_price, statement.trades[0].pnl), (1.65, 3.3));
    /// ```
    pub fn of(ledger: &Ledger, series: &[Series], settings: &Settings) -> Self {
        let mut paper = Paper::of(ledger, series, settings);
        ledger.fills.iter().for_each(|fill| paper.enter(fill));
        paper.end(ledger)
    }
}

/// What is held of one instrument on paper.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    units: Amount,
    /// Units traded and held since it was flat, the scale of their rounding.
    seen: f64,
    /// Quote currency: units, as if all were long, at the entries' prices. Without the multiplier.
    value: Amount,
    /// Quote currency: commission on the entries.
    fees: Amount,
}

/// What was filled of one order.
#[derive(Debug, Clone, Copy, Default)]
struct Filled {
    units: Amount,
    value: Amount,
    /// Commission before its bounds.
    linear: Amount,
    paid: Amount,
}

/// What leaves a position at one price.
#[derive(Debug, Clone, Copy)]
struct Exit {
    is_long: bool,
    units: Amount,
    price: Amount,
    fee: Amount,
    /// The part of the position's entry value, and of its fees.
    value: Amount,
    fees: Amount,
}

/// The books on paper while the fills are entered.
struct Paper<'a> {
    /// The account of each instrument.
    settings: Vec<Settings>,
    held: Vec<Held>,
    filled: BTreeMap<u64, Filled>,
    trades: &'a [Trade],
    statement: Statement,
}

impl<'a> Paper<'a> {
    fn of(ledger: &'a Ledger, series: &[Series], settings: &Settings) -> Self {
        Self {
            settings: series.iter().map(|series| settings.for_contract(&series.contract)).collect(),
            held: vec![Held::default(); series.len()],
            filled: BTreeMap::new(),
            trades: &ledger.trades,
            statement: Statement::default(),
        }
    }

    /// Enters the next fill.
    fn enter(&mut self, fill: &Fill) {
        let multiplier = Amount::decimal(self.settings[fill.instrument as usize].multiplier);
        let (units, price) = (Amount::decimal(fill.units), Amount::decimal(fill.price));
        let value = units.product(price);
        let fee = self.fee(fill, value.product(multiplier));
        if fill.order != 0 {
            let filled = self.filled.entry(fill.order).or_default();
            (filled.units, filled.value) = (filled.units.plus(units, None), filled.value.plus(value, None));
        }
        let booked = fill.units * multiplier.units * fill.price;
        self.statement.values.push(near(value.product(multiplier).units, booked, booked));
        self.statement.fills.push(Fill { fee: fee.units, ..*fill });
        self.trade(fill, units, price, fee);
    }

    /// The commission on a fill of this `value`. The order was the one or the other in the market: the books say which.
    fn fee(&mut self, fill: &Fill, value: Amount) -> Amount {
        let settings = &self.settings[fill.instrument as usize];
        let before = self.filled.get(&fill.order).copied().filter(|_| fill.order != 0).unwrap_or_default();
        let (value, units) = (value.size(), Amount::decimal(fill.units).size());
        let of = |bps: f64| {
            let rate = Amount::decimal(bps).ratio(Amount::of(1e4));
            let part = value.product(rate).plus(units.product(Amount::decimal(settings.commission_per_unit)), None);
            let linear = before.linear.plus(part, None);
            let whole = linear.plus(Amount::decimal(settings.commission_per_order), None);
            let whole = whole.at_least(Amount::decimal(settings.commission_minimum));
            let paid = settings.commission_maximum.map_or(whole, |most| whole.at_most(Amount::decimal(most)));
            (linear, paid)
        };
        let distance = |paid: Amount| (paid.plus(before.paid.times(-1.0), None).units - fill.fee).abs();
        let (taker, maker) = (of(settings.commission_bps), settings.commission_maker_bps.map(of));
        let (linear, paid) = maker.filter(|maker| distance(maker.1) < distance(taker.1)).unwrap_or(taker);
        if distance(paid) <= NEAR * (fill.fee.abs() + NEAR * value.units) {
            if fill.order != 0 {
                let filled = self.filled.entry(fill.order).or_default();
                (filled.linear, filled.paid) = (linear, paid);
            }
            return paid.plus(before.paid.times(-1.0), None);
        }
        Amount::decimal(fill.fee)
    }

    /// Ends a trade for what a fill closes, and enters what it opens.
    fn trade(&mut self, fill: &Fill, units: Amount, price: Amount, fee: Amount) {
        let mut held = self.held[fill.instrument as usize];
        let after = held.units.plus(units, None);
        let after = after.or_zero(held.seen + fill.units.abs() + after.units.abs());
        let is_kept = after.units * held.units.units > 0.0;
        let kept = if is_kept { after.size().at_most(held.units.size()) } else { Amount::default() };
        let closed = held.units.size().plus(kept.times(-1.0), None);
        let opened = after.size().plus(kept.times(-1.0), None);
        if closed.units > 0.0 {
            let exit_fee = share(fee, closed, units.size(), opened.units == 0.0);
            let is_whole = kept.units == 0.0;
            let value = share(held.value, closed, held.units.size(), is_whole);
            let fees = share(held.fees, closed, held.units.size(), is_whole);
            let is_long = held.units.units > 0.0;
            self.close(fill, Exit { is_long, units: closed, price, fee: exit_fee, value, fees });
            (held.value, held.fees) =
                (held.value.plus(value.times(-1.0), None), held.fees.plus(fees.times(-1.0), None));
        }
        if opened.units > 0.0 {
            held.value = held.value.plus(opened.product(price), None);
            held.fees = held.fees.plus(share(fee, opened, units.size(), closed.units == 0.0), None);
        }
        held.seen = if after.units == 0.0 { 0.0 } else { held.seen + fill.units.abs() + after.units.abs() };
        held.units = after;
        self.held[fill.instrument as usize] = held;
    }

    /// Enters the trade that a fill ends, if it is the next in the books.
    fn close(&mut self, fill: &Fill, exit: Exit) {
        let Some(booked) = self.trades.get(self.statement.trades.len()) else { return };
        if booked.instrument == fill.instrument && booked.exit_bar == fill.bar && !booked.open {
            self.push(booked, exit);
        }
    }

    /// Enters a trade as it is `booked`, with the money of `exit`.
    fn push(&mut self, booked: &Trade, exit: Exit) {
        let multiplier = self.settings[booked.instrument as usize].multiplier;
        let gained = exit.units.product(exit.price).plus(exit.value.times(-1.0), None);
        let gained = gained.times(if exit.is_long { 1.0 } else { -1.0 }).product(Amount::decimal(multiplier));
        let pnl = gained.plus(exit.fees.plus(exit.fee, None).times(-1.0), None);
        let worth = exit.value.size().product(Amount::decimal(multiplier));
        let moved = worth.units + exit.units.product(exit.price).units.abs() * multiplier;
        self.statement.trades.push(Trade {
            units: near(exit.units.units, booked.units.abs(), booked.units).copysign(booked.units),
            entry_price: near(exit.value.ratio(exit.units).units, booked.entry_price, booked.entry_price),
            entry_fees: near(exit.fees.units, booked.entry_fees, moved),
            exit_fees: near(exit.fee.units, booked.exit_fees, moved),
            pnl: near(pnl.units, booked.pnl, moved),
            pnl_ratio: near(pnl.ratio(worth).units, booked.pnl_ratio, moved / worth.units),
            ..*booked
        });
    }

    /// Enters what is still open, and the orders.
    fn end(mut self, ledger: &Ledger) -> Statement {
        for booked in self.trades.iter().filter(|trade| trade.open) {
            let Held { units, value, fees, .. } = self.held[booked.instrument as usize];
            let (price, fee) = (Amount::decimal(booked.exit_price), Amount::default());
            self.push(booked, Exit { is_long: units.units > 0.0, units: units.size(), price, fee, value, fees });
        }
        if self.statement.trades.len() != self.trades.len() {
            // The books have closed what is open on paper, or the other way round: they count.
            self.statement.trades = self.trades.to_vec();
        }
        let filled = ledger.orders.iter().map(|record| (record.average_price(), self.filled.get(&record.order)));
        self.statement.average_prices = filled
            .map(|(booked, filled)| {
                let mean = filled.map(|filled| filled.value.ratio(filled.units).units);
                booked.map(|booked| near(mean.unwrap_or(booked), booked, booked))
            })
            .collect();
        self.statement
    }
}

/// The share of `whole` that `part` is of `all`.
fn share(whole: Amount, part: Amount, all: Amount, is_all: bool) -> Amount {
    if is_all { whole } else { whole.product(part).ratio(all) }
}

/// `exact`, or `booked` where they are not the same number but for rounding, on this scale.
fn near(exact: f64, booked: f64, scale: f64) -> f64 {
    let scale = scale.abs();
    match (exact - booked).abs() <= NEAR * scale {
        true if exact.abs() <= NOTHING * scale => 0.0,
        true => exact,
        false => booked,
    }
}
