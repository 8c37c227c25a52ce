//! The ledger: fills, trades, fees, orders and the equity curve of one run.
//!
//! Never holds what a run works with: that is the [`Workspace`](super::Workspace)'s.

use std::sync::Arc;

use serde::Serialize;

use super::curve::Curve;
use crate::model::{OrderRequest, RejectReason, Series};

/// One order as it was filled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fill {
    /// Index of the instrument.
    pub instrument: u32,
    /// Index of the bar in the instrument's series.
    pub bar: u32,
    /// Units bought, negative where sold. They are worth units x price x multiplier.
    pub units: f64,
    /// The price of one unit, slippage included.
    pub price: f64,
    /// Quote currency paid as commission.
    pub fee: f64,
    /// The number of the strategy's order; 0 where it is a target's, or the host closed the position.
    pub order: u64,
}

/// An order of a strategy and its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OrderRecord {
    /// Its number.
    pub order: u64,
    /// What was asked for.
    pub request: OrderRequest,
    /// The number of the entry that it is an exit of; 0 if it is not an exit.
    pub parent: u64,
    /// Index of the time stamp at which it was sent.
    pub sent: u32,
    /// Index of the time stamp at which it was filled in full or came to another end; of the last one where it is open.
    pub ended: u32,
    /// Units that were filled.
    pub filled: f64,
    /// Quote currency: what those were worth at the prices of their fills.
    pub value: f64,
    /// Quote currency for one unit: the price of its last fill; 0 before the first.
    pub price: f64,
    /// What has become of it.
    pub status: OrderStatus,
}

impl OrderRecord {
    /// Quote currency for one unit: the mean price of what was filled, which is the price itself where all fills have one.
    /// `None` where nothing was filled.
    pub fn average_price(&self) -> Option<f64> {
        const ROUNDING: f64 = 1e-12;
        let mean = self.value / self.filled;
        let is_one = (mean - self.price).abs() <= ROUNDING * self.price.abs();
        (self.filled > 0.0).then_some(if is_one { self.price } else { mean })
    }
}

/// What has become of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderStatus {
    /// It still waits for a price, or for its entry.
    Open,
    /// It was filled in full.
    Filled,
    /// A part of it was filled. The rest came to an end, for this reason.
    FilledInPart(RejectReason),
    /// It was not filled: the strategy cancelled it, or what it belonged to came to an end.
    Cancelled(RejectReason),
    /// It was not filled while its time in force lasted.
    Expired,
    /// The broker refused it.
    Rejected(RejectReason),
}

impl OrderStatus {
    /// The name in result files: `open`, `filled`, `filled-in-part`, `cancelled`, `expired` or `rejected`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Filled => "filled",
            Self::FilledInPart(_) => "filled-in-part",
            Self::Cancelled(_) => "cancelled",
            Self::Expired => "expired",
            Self::Rejected(_) => "rejected",
        }
    }

    /// Why it, or the rest of it, was not filled.
    pub fn reason(self) -> Option<RejectReason> {
        match self {
            Self::Open | Self::Filled => None,
            Self::Expired => Some(RejectReason::Expired),
            Self::FilledInPart(reason) | Self::Cancelled(reason) | Self::Rejected(reason) => Some(reason),
        }
    }
}

/// Why a trade ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitReason {
    /// A stop order, such as a stop loss.
    Stop,
    /// A limit order that only reduces a position: a take profit.
    Target,
    /// A trailing stop.
    Trailing,
    /// A target of the strategy, or another order of it.
    Signal,
    /// The account had less than its maintenance margin.
    Margin,
    /// The account had nothing left.
    Ruin,
    /// The data ended.
    End,
}

impl ExitReason {
    /// The name in files: `stop`, `target`, `trailing`, `signal`, `margin`, `ruin` or `end`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Target => "target",
            Self::Trailing => "trailing",
            Self::Signal => "signal",
            Self::Margin => "margin",
            Self::Ruin => "ruin",
            Self::End => "end",
        }
    }
}

/// A position, or a part of one, from entry to exit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trade {
    /// Index of the instrument.
    pub instrument: u32,
    /// Units held, negative where short.
    pub units: f64,
    /// Index of the bar at which the position was opened.
    pub entry_bar: u32,
    /// Index of the bar at which it was closed or reduced; of the last bar where it is open.
    pub exit_bar: u32,
    /// Nanoseconds since the Unix epoch, UTC: the time of the entry bar.
    pub entry_time: i64,
    /// Nanoseconds since the Unix epoch, UTC: the time of the exit bar.
    pub exit_time: i64,
    /// Quote currency for one unit: the average of all entries, slippage included.
    pub entry_price: f64,
    /// Quote currency for one unit, slippage included; the last close where the trade is open.
    pub exit_price: f64,
    /// Quote currency: this trade's share of the commission on the entries.
    pub entry_fees: f64,
    /// Quote currency: this trade's share of the commission on the exit; 0 where it is open.
    pub exit_fees: f64,
    /// Quote currency won or, where negative, lost, after all fees.
    pub pnl: f64,
    /// P&L as a share of the absolute value at entry, without fees.
    #[serde(rename = "return")]
    pub pnl_ratio: f64,
    /// Whether the position was still held at the end.
    pub open: bool,
}

impl Trade {
    /// Whether the position was long.
    pub fn is_long(&self) -> bool {
        self.units > 0.0
    }

    /// Bars of the instrument from entry to exit; 0 where both are at the same bar.
    pub fn bars_held(&self) -> u32 {
        self.exit_bar - self.entry_bar
    }
}

/// The books of one account: what it was worth at every time stamp, and everything that was traded.
///
/// One ledger serves any number of simulations, one after the other, and keeps its memory between them.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Quote currency before the first bar.
    pub initial_cash: f64,
    /// Every order filled, in the order of the fills.
    pub fills: Vec<Fill>,
    /// Every trade: the closed ones in the order of their exits, then the open ones.
    pub trades: Vec<Trade>,
    /// Quote currency paid as commission.
    pub fees: f64,
    /// Quote currency paid as interest on what was borrowed.
    pub borrow_costs: f64,
    /// Quote currency: the value of all fills, purchases and sales alike.
    pub traded_value: f64,
    /// Time stamps at whose close a position was held.
    pub stamps_in_market: usize,
    /// Index of the time stamp at which nothing was left, if there is one.
    pub wiped_out: Option<usize>,
    /// Orders that the strategy sent.
    pub sent: u64,
    /// Orders that the broker refused. What was cancelled or has expired does not count.
    pub rejected: u64,
    /// Targets, and orders of a share or an amount, that were cut to what the account could pay for. What costs alone explain
    /// does not count.
    pub cut: u64,
    /// Targets that were named for a price of 0, at which nothing can be sized, and were not traded.
    pub unpriced: u64,
    /// Targets that came to less than one lot and so opened nothing, where nothing was held on their side.
    pub below_lot: u64,
    /// Targets of an instrument that there is not, or of an exposure that is not finite, which were not traded.
    pub invalid_targets: u64,
    /// Every order with its outcome, in the order of their numbers, where [`Ledger::with_orders`] asks for it.
    pub orders: Vec<OrderRecord>,
    /// The fills by which the host closed positions, by their places, and why.
    pub(super) closings: Vec<(usize, ExitReason)>,
    pub(super) keeps_orders: bool,
    pub(super) curve: Curve,
}

impl Ledger {
    /// Makes an empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty ledger that keeps a record of every order.
    pub fn with_orders() -> Self {
        Self { keeps_orders: true, ..Self::default() }
    }

    /// What the account is worth at the close of each time stamp, stretch by stretch.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// Quote currency: what the account is worth at the close of each time stamp, computed anew.
    pub fn equity(&self) -> Vec<f64> {
        let mut equity = Vec::new();
        self.curve.write_to(&mut equity);
        equity
    }

    /// Quote currency: what the account is worth at the end.
    pub fn final_equity(&self) -> f64 {
        self.curve.last().unwrap_or(self.initial_cash)
    }

    /// The record of an order, where there are records.
    pub(super) fn record(&mut self, order: u64) -> Option<&mut OrderRecord> {
        let index = self.orders.binary_search_by_key(&order, |record| record.order).ok()?;
        Some(&mut self.orders[index])
    }

    /// A ledger with nothing but an equity curve.
    pub(crate) fn of_equity(initial_cash: f64, equity: &[f64]) -> Self {
        let wiped_out = equity.iter().position(|&equity| equity <= 0.0);
        Self { initial_cash, wiped_out, curve: Curve::of(equity), ..Self::default() }
    }

    /// Empties the ledger for an account with `initial_cash` that trades `series`; the memory stays.
    pub(super) fn open(&mut self, initial_cash: f64, series: Arc<[Series]>) {
        self.initial_cash = initial_cash;
        self.curve.open(series);
        self.fills.clear();
        self.trades.clear();
        (self.fees, self.borrow_costs, self.traded_value) = (0.0, 0.0, 0.0);
        self.stamps_in_market = 0;
        self.wiped_out = None;
        (self.sent, self.rejected) = (0, 0);
        (self.cut, self.unpriced, self.below_lot, self.invalid_targets) = (0, 0, 0, 0);
        self.orders.clear();
        self.closings.clear();
    }
}
