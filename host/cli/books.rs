//! What `host backtest` writes of one run: trades, fills and equity, each a file of rows.
//!
//! Never computes what it writes.

use anyhow::Result;

use crate::{
    backtest::Market,
    broker::{Fill, Ledger, Trade},
    metrics::{Excursion, drawdown_curve},
    model::{Series, format_date_time, format_time},
    results::{Cell, Column, Kind, Sink},
};

/// The books of one run, and what they are about.
pub(super) struct Books<'a> {
    pub(super) market: &'a Market,
    pub(super) ledger: &'a Ledger,
    /// One for each trade.
    pub(super) excursions: &'a [Excursion],
}

impl Books<'_> {
    pub(super) fn write_trades(&self, sink: Option<Box<dyn Sink>>) -> Result<()> {
        let Some(mut sink) = sink else { return Ok(()) };
        let format = self.time_format();
        for (trade, excursion) in self.ledger.trades.iter().zip(self.excursions) {
            sink.write(&trade_row(trade, excursion, self.series(trade.instrument), format))?;
        }
        Ok(sink.finish()?)
    }

    pub(super) fn write_fills(&self, sink: Option<Box<dyn Sink>>) -> Result<()> {
        let Some(mut sink) = sink else { return Ok(()) };
        let format = self.time_format();
        for fill in &self.ledger.fills {
            sink.write(&fill_row(fill, self.series(fill.instrument), format))?;
        }
        Ok(sink.finish()?)
    }

    pub(super) fn write_equity(&self, sink: Option<Box<dyn Sink>>) -> Result<()> {
        let Some(mut sink) = sink else { return Ok(()) };
        let (drawdowns, format) = (drawdown_curve(self.ledger), self.time_format());
        let equity = self.ledger.equity();
        for ((time, equity), drawdown) in self.market.timeline().times().iter().zip(equity).zip(drawdowns) {
            sink.write(&[Cell::from(format(*time)), Cell::Number(equity), Cell::Number(drawdown)])?;
        }
        Ok(sink.finish()?)
    }

    fn series(&self, instrument: u32) -> &Series {
        &self.market.dataset().series()[instrument as usize]
    }

    /// One form of time for all rows of a file: dates where every bar is at midnight.
    fn time_format(&self) -> fn(i64) -> String {
        let times = self.market.timeline().times();
        if times.iter().all(|time| !format_time(*time).contains('T')) { format_time } else { format_date_time }
    }
}

pub(super) fn equity_columns() -> Vec<Column> {
    vec![Column::new("time", Kind::Text), Column::new("equity", Kind::Number), Column::new("drawdown", Kind::Number)]
}

pub(super) fn trade_columns() -> Vec<Column> {
    let columns = [
        ("symbol", Kind::Text),
        ("units", Kind::Number),
        ("entry_time", Kind::Text),
        ("entry_price", Kind::Number),
        ("entry_fees", Kind::Number),
        ("exit_time", Kind::Text),
        ("exit_price", Kind::Number),
        ("exit_fees", Kind::Number),
        ("pnl", Kind::Number),
        ("return", Kind::Number),
        ("mae", Kind::Number),
        ("mfe", Kind::Number),
        ("bars_held", Kind::Integer),
        ("open", Kind::Boolean),
    ];
    columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
}

/// One trade; units are negative where it was short, and an open one is marked at the last close.
fn trade_row<'a>(trade: &Trade, excursion: &Excursion, series: &'a Series, time: fn(i64) -> String) -> Vec<Cell<'a>> {
    vec![
        Cell::from(series.symbol.as_str()),
        Cell::Number(trade.units),
        Cell::from(time(trade.entry_time)),
        Cell::Number(trade.entry_price),
        Cell::Number(trade.entry_fees),
        Cell::from(time(trade.exit_time)),
        Cell::Number(trade.exit_price),
        Cell::Number(trade.exit_fees),
        Cell::Number(trade.pnl),
        Cell::Number(trade.pnl_ratio),
        Cell::Number(excursion.mae),
        Cell::Number(excursion.mfe),
        Cell::Integer(trade.bars_held().into()),
        Cell::Boolean(trade.open),
    ]
}

pub(super) fn fill_columns() -> Vec<Column> {
    let columns = [
        ("time", Kind::Text),
        ("symbol", Kind::Text),
        ("units", Kind::Number),
        ("price", Kind::Number),
        ("value", Kind::Number),
        ("fee", Kind::Number),
    ];
    columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
}

/// One fill; units and value are negative where it was a sale.
fn fill_row<'a>(fill: &Fill, series: &'a Series, time: fn(i64) -> String) -> Vec<Cell<'a>> {
    vec![
        Cell::from(time(series.time[fill.bar as usize])),
        Cell::from(series.symbol.as_str()),
        Cell::Number(fill.units),
        Cell::Number(fill.price),
        Cell::Number(fill.units * fill.price),
        Cell::Number(fill.fee),
    ]
}
