//! Ends of trades: why each one ended, and the orders that opened and closed it.
//!
//! Never decides when a trade ends: the books say when it did.

use std::collections::BTreeMap;

use super::{ExitReason, Fill, Ledger, Trade, amount::Amount};
use crate::model::OrderKind;

/// How a trade ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeEnd {
    /// Why. A trade that is still open ends with the data.
    pub reason: ExitReason,
    /// The number of the order that opened the position; `None` where a target did.
    pub entry_order: Option<u64>,
    /// The number of the order that ended the trade; `None` where a target did, or the host.
    pub exit_order: Option<u64>,
}

/// What is held of one instrument while fills are read, and the order that opened it.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    units: Amount,
    /// Units traded and held since it was flat, the scale of their rounding.
    seen: f64,
    order: u64,
}

impl Ledger {
    /// How each trade ended, in the order of [`trades`](Self::trades). Which kind of order it was, is known where the ledger keeps
    /// [records](Self::with_orders); otherwise it is a signal.
    pub fn trade_ends(&self) -> Vec<TradeEnd> {
        let mut held: BTreeMap<u32, Held> = BTreeMap::new();
        let mut ends = Vec::with_capacity(self.trades.len());
        for (at, fill) in self.fills.iter().enumerate() {
            let position = held.entry(fill.instrument).or_default();
            if self.trades.get(ends.len()).is_some_and(|trade| closes(fill, trade)) {
                ends.push(TradeEnd {
                    reason: self.reason(at, fill),
                    entry_order: number(position.order),
                    exit_order: number(fill.order),
                });
            }
            *position = position.after(fill);
        }
        let open = self.trades.iter().skip(ends.len());
        ends.extend(open.map(|trade| TradeEnd {
            reason: ExitReason::End,
            entry_order: held.get(&trade.instrument).and_then(|position| number(position.order)),
            exit_order: None,
        }));
        ends
    }

    /// Why the fill at `at` ended a trade.
    fn reason(&self, at: usize, fill: &Fill) -> ExitReason {
        if let Ok(found) = self.closings.binary_search_by_key(&at, |(fill, _)| *fill) {
            return self.closings[found].1;
        }
        let known = self.orders.binary_search_by_key(&fill.order, |record| record.order);
        let Ok(record) = known.map(|at| &self.orders[at]) else { return ExitReason::Signal };
        match record.request.kind {
            OrderKind::Stop | OrderKind::StopLimit => ExitReason::Stop,
            OrderKind::TrailingStop | OrderKind::TrailingStopPercent => ExitReason::Trailing,
            OrderKind::Limit if record.parent != 0 || record.request.reduce_only => ExitReason::Target,
            OrderKind::Limit | OrderKind::Market => ExitReason::Signal,
        }
    }
}

/// Whether `fill` ended `trade`, which is the next one to end: what opens a position has its sign.
fn closes(fill: &Fill, trade: &Trade) -> bool {
    let is_there = (trade.instrument, trade.exit_bar) == (fill.instrument, fill.bar);
    !trade.open && is_there && trade.units * fill.units < 0.0
}

fn number(order: u64) -> Option<u64> {
    (order != 0).then_some(order)
}

impl Held {
    fn after(self, fill: &Fill) -> Self {
        let units = self.units.plus(Amount::decimal(fill.units), None);
        let units = units.or_zero(self.seen + fill.units.abs() + units.units.abs());
        if units.units == 0.0 {
            return Self::default();
        }
        let seen = self.seen + fill.units.abs() + units.units.abs();
        let is_same = units.units * self.units.units > 0.0;
        Self { units, seen, order: if is_same { self.order } else { fill.order } }
    }
}
