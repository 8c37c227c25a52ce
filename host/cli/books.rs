//! The ledger files of `host backtest`: orders, fills, trades and equity, as rows.
//!
//! Never computes a value: the ledger and its statement have them. Writers return the number of rows.

use std::cell::OnceCell;

use anyhow::Result;
use serde::Serialize;

use super::clock::Clock;
use crate::{
    backtest::Market,
    broker::{Fill, Ledger, OrderRecord, Statement, Trade, TradeEnd},
    metrics::{Excursion, drawdown_curve},
    model::{RejectReason, Series, TimeInForce},
    results::{Cell, Column, Kind, Sink},
};

/// The ledger of one run, with its market.
pub(super) struct Books<'a> {
    pub(super) market: &'a Market,
    pub(super) ledger: &'a Ledger,
    /// Its money in decimals, counted once a file needs it.
    statement: OnceCell<Statement>,
    /// One for each trade.
    pub(super) excursions: &'a [Excursion],
}

impl<'a> Books<'a> {
    pub(super) fn new(market: &'a Market, ledger: &'a Ledger, excursions: &'a [Excursion]) -> Self {
        Self { market, ledger, statement: OnceCell::new(), excursions }
    }

    fn statement(&self) -> &Statement {
        let Self { market, ledger, .. } = self;
        self.statement.get_or_init(|| Statement::of(ledger, market.series(), &market.settings().account))
    }

    pub(super) fn write_trades(&self, sink: Option<Box<dyn Sink>>) -> Result<u64> {
        let Some(mut sink) = sink else { return Ok(0) };
        let clocks = self.clocks();
        let ends = self.ledger.trade_ends();
        for ((trade, excursion), end) in self.statement().trades.iter().zip(self.excursions).zip(ends) {
            let clock = &clocks[trade.instrument as usize];
            sink.write(&trade_row((trade, end), excursion, self.series(trade.instrument), clock))?;
        }
        finish(sink, self.statement().trades.len())
    }

    pub(super) fn write_fills(&self, sink: Option<Box<dyn Sink>>) -> Result<u64> {
        let Some(mut sink) = sink else { return Ok(0) };
        let clocks = self.clocks();
        for (fill, value) in self.statement().fills.iter().zip(&self.statement().values) {
            let series = self.series(fill.instrument);
            sink.write(&fill_row(fill, *value, series, &clocks[fill.instrument as usize]))?;
        }
        finish(sink, self.statement().fills.len())
    }

    pub(super) fn write_orders(&self, sink: Option<Box<dyn Sink>>) -> Result<u64> {
        let Some(mut sink) = sink else { return Ok(0) };
        let Some(clock) = Clock::of_market(self.market) else { return finish(sink, 0) };
        for (record, price) in self.ledger.orders.iter().zip(&self.statement().average_prices) {
            sink.write(&self.order_row(record, *price, &clock))?;
        }
        finish(sink, self.ledger.orders.len())
    }

    /// The row of an order. An order for an unknown instrument has no symbol.
    fn order_row(&self, record: &OrderRecord, average_price: Option<f64>, clock: &Clock<'_>) -> Vec<Cell<'_>> {
        let request = &record.request;
        let series = self.market.series().get(request.instrument as usize);
        let at = |stamp: u32| clock.cell(self.market.timeline().times()[stamp as usize]);
        vec![
            Cell::count(record.order),
            Cell::from(series.map(|series| series.symbol.as_str())),
            name(&request.side),
            name(&request.kind),
            finite(request.quantity),
            name(&request.measure),
            finite(request.limit),
            finite(request.stop),
            name(&request.time_in_force),
            if request.time_in_force == TimeInForce::Gtd { clock.cell(request.until) } else { Cell::Null },
            Cell::Boolean(request.reduce_only),
            if record.parent == 0 { Cell::Null } else { Cell::count(record.parent) },
            at(record.sent),
            at(record.ended),
            Cell::Number(record.filled),
            Cell::from(average_price),
            Cell::from(record.status.as_str()),
            Cell::from(record.status.reason().map(RejectReason::as_str)),
        ]
    }

    pub(super) fn write_equity(&self, sink: Option<Box<dyn Sink>>) -> Result<u64> {
        let Some(mut sink) = sink else { return Ok(0) };
        let Some(clock) = Clock::of_market(self.market) else { return finish(sink, 0) };
        let drawdowns = drawdown_curve(self.ledger);
        let equity = self.ledger.equity();
        for ((time, equity), drawdown) in self.market.timeline().times().iter().zip(equity).zip(drawdowns) {
            sink.write(&[clock.cell(*time), Cell::Number(equity), Cell::Number(drawdown)])?;
        }
        finish(sink, self.market.timeline().times().len())
    }

    fn series(&self, instrument: u32) -> &Series {
        &self.market.series()[instrument as usize]
    }

    /// The clock of each instrument.
    fn clocks(&self) -> Vec<Clock<'_>> {
        self.market.dataset().series().iter().map(Clock::of).collect()
    }
}

/// Completes a file of `rows` rows.
fn finish(sink: Box<dyn Sink>, rows: usize) -> Result<u64> {
    sink.finish()?;
    Ok(rows as u64)
}

pub(super) fn order_columns() -> Vec<Column> {
    let columns = [
        ("order", Kind::Integer),
        ("symbol", Kind::Text),
        ("side", Kind::Text),
        ("kind", Kind::Text),
        ("quantity", Kind::Number),
        ("measure", Kind::Text),
        ("limit", Kind::Number),
        ("stop", Kind::Number),
        ("time_in_force", Kind::Text),
        ("until", Kind::Time),
        ("reduce_only", Kind::Boolean),
        ("parent", Kind::Integer),
        ("sent", Kind::Time),
        ("ended", Kind::Time),
        ("filled", Kind::Number),
        ("average_price", Kind::Number),
        ("status", Kind::Text),
        ("reason", Kind::Text),
    ];
    columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
}

/// The name that a choice has in the contract.
fn name(choice: &impl Serialize) -> Cell<'static> {
    // A choice without fields is a text; it cannot fail to be one.
    Cell::from(serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(str::to_owned)))
}

/// A number that a strategy has given, which need not be one.
fn finite(number: f64) -> Cell<'static> {
    Cell::from(Some(number).filter(|number| number.is_finite()))
}

pub(super) fn equity_columns() -> Vec<Column> {
    vec![Column::new("time", Kind::Time), Column::new("equity", Kind::Number), Column::new("drawdown", Kind::Number)]
}

pub(super) fn trade_columns() -> Vec<Column> {
    let columns = [
        ("symbol", Kind::Text),
        ("units", Kind::Number),
        ("entry_time", Kind::Time),
        ("entry_price", Kind::Number),
        ("entry_fees", Kind::Number),
        ("exit_time", Kind::Time),
        ("exit_price", Kind::Number),
        ("exit_fees", Kind::Number),
        ("pnl", Kind::Number),
        ("return", Kind::Number),
        ("mae", Kind::Number),
        ("mfe", Kind::Number),
        ("bars_held", Kind::Integer),
        ("open", Kind::Boolean),
        ("side", Kind::Text),
        ("exit_reason", Kind::Text),
        ("entry_order", Kind::Integer),
        ("exit_order", Kind::Integer),
    ];
    columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
}

/// One trade and its end; units are negative where it was short, and an open one is marked at the last close.
fn trade_row<'a>(
    (trade, end): (&Trade, TradeEnd),
    excursion: &Excursion,
    series: &'a Series,
    clock: &Clock<'_>,
) -> Vec<Cell<'a>> {
    vec![
        Cell::from(series.symbol.as_str()),
        Cell::Number(trade.units),
        clock.cell(trade.entry_time),
        Cell::Number(trade.entry_price),
        Cell::Number(trade.entry_fees),
        clock.cell(trade.exit_time),
        Cell::Number(trade.exit_price),
        Cell::Number(trade.exit_fees),
        Cell::Number(trade.pnl),
        Cell::Number(trade.pnl_ratio),
        Cell::Number(excursion.mae),
        Cell::Number(excursion.mfe),
        Cell::Integer(trade.bars_held().into()),
        Cell::Boolean(trade.open),
        Cell::from(if trade.is_long() { "long" } else { "short" }),
        Cell::from(end.reason.as_str()),
        end.entry_order.map_or(Cell::Null, Cell::count),
        end.exit_order.map_or(Cell::Null, Cell::count),
    ]
}

pub(super) fn fill_columns() -> Vec<Column> {
    let columns = [
        ("time", Kind::Time),
        ("symbol", Kind::Text),
        ("order", Kind::Integer),
        ("units", Kind::Number),
        ("price", Kind::Number),
        ("value", Kind::Number),
        ("fee", Kind::Number),
    ];
    columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
}

/// One fill; units and value are negative where it was a sale. A target's, or one of the host's own, is of no order.
fn fill_row<'a>(fill: &Fill, value: f64, series: &'a Series, clock: &Clock<'_>) -> Vec<Cell<'a>> {
    vec![
        clock.cell(series.time[fill.bar as usize]),
        Cell::from(series.symbol.as_str()),
        if fill.order == 0 { Cell::Null } else { Cell::count(fill.order) },
        Cell::Number(fill.units),
        Cell::Number(fill.price),
        Cell::Number(value),
        Cell::Number(fill.fee),
    ]
}
