//! The short output of `host backtest`: what one reads first, on one screen.
//!
//! Never computes a number.

use anyhow::Result;

use super::{Context, order_counts::OrderCounts, show::metric_cell};
use crate::{
    metrics::{Metrics, PeriodReturn},
    results::{Cell, Column, Kind},
};

/// What one reads first.
const FIRST: [&str; 12] = [
    "total_return",
    "cagr",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "annual_volatility",
    "trades",
    "win_rate",
    "profit_factor",
    "exposure_time",
    "final_equity",
];

/// What comes next, where there is a benchmark.
const AGAINST: [&str; 5] = ["benchmark_return", "excess_return", "jensen_alpha", "benchmark_beta", "information_ratio"];

/// The most lines of years: with everything else, they fit one screen.
const YEARS: usize = 12;

/// The width of lines where nobody knows that of the terminal.
const WIDTH: u16 = 80;

/// One run in short.
pub(super) struct Summary<'a> {
    pub(super) metrics: &'a Metrics,
    pub(super) orders: OrderCounts,
    pub(super) years: Vec<PeriodReturn>,
    pub(super) has_benchmark: bool,
}

impl Summary<'_> {
    pub(super) fn show(self, context: &mut Context<'_>) -> Result<()> {
        let columns = [Column::new("metric", Kind::Text), Column::new("value", Kind::Number)];
        let against = AGAINST.iter().filter(|_| self.has_benchmark);
        let row = |name: &&'static str| vec![Cell::from(*name), metric_cell(name, self.metrics.get(name).flatten())];
        context.table(&columns, &FIRST.iter().chain(against).map(row).collect::<Vec<_>>())?;
        if let Some(orders) = self.orders.sentence() {
            writeln!(context.out, "\norders: {orders}")?;
        }
        let lines = lines_of_years(&self.years, context.terminal.width_now().unwrap_or(WIDTH).into());
        if !lines.is_empty() && lines.len() <= YEARS {
            writeln!(context.out, "\nreturns by year")?;
            lines.iter().try_for_each(|line| writeln!(context.out, "{line}"))?;
        }
        Ok(())
    }
}

/// The years with their returns, as many in a line as fit into `width`.
fn lines_of_years(years: &[PeriodReturn], width: usize) -> Vec<String> {
    // Adding zero takes the sign from a zero.
    let percent = |change: f64| format!("{:.1} %", (change * 1000.0).round() / 10.0 + 0.0);
    let change = |year: &PeriodReturn| year.change.map_or_else(|| "-".to_owned(), percent);
    let changes: Vec<_> = years.iter().map(change).collect();
    let widest = changes.iter().map(String::len).max().unwrap_or(0);
    let both = |(year, change): (&PeriodReturn, &String)| format!("{}  {change:>widest$}", year.year);
    let cells: Vec<_> = years.iter().zip(&changes).map(both).collect();
    // Between two years, in characters.
    const GAP: usize = 4;
    let in_line = ((width + GAP) / (widest + 6 + GAP)).max(1);
    cells.chunks(in_line).map(|cells| cells.join(&" ".repeat(GAP))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_first_is_a_metric() {
        assert!(FIRST.iter().chain(&AGAINST).all(|name| Metrics::info(name).is_some()));
    }

    #[test]
    fn years_fill_the_width_and_none_is_cut() {
        let year = |year: i16| PeriodReturn {
            year,
            month: None,
            change: (year != 2003).then_some(f64::from(year - 2000) / 10.0),
        };
        let years: Vec<_> = (1999..2006).map(year).collect();
        let lines = lines_of_years(&years, 50);
        assert_eq!(
            lines,
            [
                "1999  -10.0 %    2000    0.0 %    2001   10.0 %",
                "2002   20.0 %    2003        -    2004   40.0 %",
                "2005   50.0 %",
            ]
        );
        assert_eq!(lines_of_years(&years, 3).len(), 7, "a year has a line of its own on the narrowest screen");
        assert!(lines_of_years(&[], 80).is_empty());
    }
}
