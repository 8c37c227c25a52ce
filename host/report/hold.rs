//! What holding the only instrument would have made of the same cash, without any cost: the line that a strategy is seen beside.
//!
//! Never trades: it follows the closes.

use crate::{
    backtest::Market,
    model::{Series, label},
};

/// The only instrument, held from the first bar on.
pub(super) struct Hold {
    symbol: String,
    cash: f64,
    /// At each time stamp.
    pub(super) equity: Vec<f64>,
}

impl Hold {
    /// `None` where there are several instruments, or prices of zero or less.
    pub(super) fn of(market: &Market, series: &Series, cash: f64) -> Option<Self> {
        if market.series().len() > 1 {
            return None;
        }
        let times = market.timeline().times();
        let first = series.time.partition_point(|time| time < times.first().unwrap_or(&i64::MAX));
        let closes = series.close.get(first..first + times.len())?;
        let start = *series.open.get(first)?;
        if !(start > 0.0 && closes.iter().all(|close| *close > 0.0)) {
            return None;
        }
        let equity = closes.iter().map(|close| cash * close / start).collect();
        Some(Self { symbol: series.symbol.clone(), cash, equity })
    }

    pub(super) fn name(&self) -> String {
        format!("hold {}", label(&self.symbol))
    }

    /// What follows from its equity alone.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let last = *self.equity.last()?;
        match name {
            "total_return" => Some(last / self.cash - 1.0),
            "final_equity" => Some(last),
            "max_drawdown" => Some(self.drawdown()),
            _ => None,
        }
    }

    fn drawdown(&self) -> f64 {
        let mut peak = self.cash;
        let falls = self.equity.iter().map(|value| {
            peak = peak.max(*value);
            value / peak - 1.0
        });
        falls.fold(0.0, f64::min)
    }
}
