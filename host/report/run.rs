//! The run of a report: equity, months, trades on prices, returns, and the numbers that one reads first.
//!
//! Never measures: metrics and periods are those of the run.

use serde::Serialize;

use super::column::Packed;
use crate::{
    backtest::Market,
    broker::Ledger,
    metrics::{Metrics, Scratch, Selection, Unit, monthly_returns, yearly_returns},
    model::{Series, format_time, label},
};

/// The most bars that a report draws; of more, several are one.
const BARS: usize = 400_000;

/// Nanoseconds of a millisecond.
const MILLISECOND: i64 = 1_000_000;

/// What one reads first.
const SUMMARY: [&str; 18] = [
    "sharpe",
    "sortino",
    "calmar",
    "total_return",
    "cagr",
    "annual_volatility",
    "max_drawdown",
    "max_drawdown_days",
    "exposure_time",
    "turnover",
    "trades",
    "win_rate",
    "profit_factor",
    "average_trade",
    "best_trade",
    "worst_trade",
    "average_bars_held",
    "final_equity",
];

/// What of the summary follows from equity alone, so that a benchmark has it, too.
const OF_EQUITY: [&str; 9] = [
    "sharpe",
    "sortino",
    "calmar",
    "total_return",
    "cagr",
    "annual_volatility",
    "max_drawdown",
    "max_drawdown_days",
    "final_equity",
];

/// What one reads first of a run against a benchmark.
const BESIDE: [&str; 8] = [
    "excess_return",
    "jensen_alpha",
    "alpha_t",
    "benchmark_beta",
    "information_ratio",
    "up_capture",
    "down_capture",
    "excess_drawdown",
];

/// A run that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// Its bars.
    pub market: &'a Market,
    /// Its books.
    pub ledger: &'a Ledger,
    /// Its metrics.
    pub metrics: &'a Metrics,
}

/// A run as the page shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Run {
    summary: Vec<Figure>,
    /// All metrics that were measured.
    metrics: Vec<Figure>,
    /// What the account began with: the first peak of equity.
    cash: f64,
    times: Packed,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bars: Option<Bars>,
    equity: Packed,
    #[serde(skip_serializing_if = "Option::is_none")]
    benchmark: Option<Benchmark>,
    months: Months,
    trades: Trades,
    returns: Returns,
}

/// A metric beside that of the benchmark.
#[derive(Debug, Clone, Serialize)]
struct Figure {
    name: &'static str,
    unit: &'static str,
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    benchmark: Option<f64>,
}

/// How the page writes numbers of a unit: `money`, `share`, `number` or `count`.
pub fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Cash => "money",
        Unit::Share | Unit::SharePerYear => "share",
        Unit::Ratio => "number",
        Unit::Days | Unit::Bars | Unit::Count => "count",
    }
}

#[derive(Debug, Clone, Serialize)]
struct Bars {
    symbol: String,
    open: Packed,
    high: Packed,
    low: Packed,
    close: Packed,
}

#[derive(Debug, Clone, Serialize)]
struct Benchmark {
    name: String,
    values: Packed,
}

#[derive(Debug, Clone, Serialize)]
struct Months {
    years: Vec<i16>,
    /// Twelve for each year; `None` where the run has none.
    months: Vec<Option<f64>>,
    totals: Vec<Option<f64>>,
}

/// The trades of one instrument, as columns.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Trades {
    entry: Vec<usize>,
    exit: Vec<usize>,
    entry_price: Vec<f64>,
    exit_price: Vec<f64>,
    side: Vec<i8>,
    profit: Vec<f64>,
    share: Vec<f64>,
    reason: Vec<&'static str>,
    open: Vec<bool>,
    bars: Vec<u32>,
}

#[derive(Debug, Clone, Serialize)]
struct Returns {
    period: &'static str,
    values: Packed,
}

impl Run {
    /// What the page shows of a run, and what it leaves out.
    pub(super) fn of(ran: Ran<'_>) -> (Self, Vec<String>) {
        let Ran { market, ledger, metrics } = ran;
        let drawing = Drawing::of(market, ledger);
        let books = market.benchmark_books();
        let of = |books: &Ledger| Metrics::of(books, market.frame(), Selection::all(), &mut Scratch::default());
        let beside = books.as_ref().map(|(_, books)| of(books));
        let figure = |name: &&'static str| {
            let info = Metrics::info(name)?;
            let value = metrics.get(name).flatten().filter(|value| value.is_finite());
            let benchmark = beside.filter(|_| OF_EQUITY.contains(name)).and_then(|metrics| metrics.get(name).flatten());
            let benchmark = benchmark.filter(|value| value.is_finite());
            Some(Figure { name, unit: unit_name(info.unit), value, benchmark })
        };
        let is_measured = market.frame().benchmark().is_some();
        let relative = if is_measured { Selection::relative() } else { Selection::none() };
        let all = Selection::all().and_those_of(relative);
        let schedules = market.dataset().series().iter().map(|series| &series.schedule);
        let zoned = schedules.clone().find(|schedule| !schedule.dates);
        let run = Self {
            summary: SUMMARY.iter().chain(if is_measured { &BESIDE[..] } else { &[] }).filter_map(figure).collect(),
            metrics: all.names().filter_map(|name| figure(&name)).collect(),
            cash: ledger.initial_cash,
            times: drawing.times(),
            zone: zoned.map(|schedule| schedule.zone.clone().unwrap_or_else(|| "UTC".to_owned())),
            bars: drawing.bars(),
            equity: drawing.last_of(&ledger.equity()),
            benchmark: books.map(|(name, books)| Benchmark {
                name: label(&name).into_owned(),
                values: drawing.last_of(&books.equity()),
            }),
            months: Months::of(market, ledger),
            trades: drawing.trades(),
            returns: returns(market, ledger),
        };
        (run, drawing.notes())
    }
}

/// How bars are drawn.
struct Drawing<'a> {
    market: &'a Market,
    ledger: &'a Ledger,
    /// Time stamps of one drawn bar.
    group: usize,
    /// The instrument whose prices are drawn, by its place: the one with the most trades.
    shown: Option<(usize, &'a Series)>,
}

impl<'a> Drawing<'a> {
    fn of(market: &'a Market, ledger: &'a Ledger) -> Self {
        let mut counts = vec![0_usize; market.series().len()];
        ledger.trades.iter().for_each(|trade| counts[trade.instrument as usize] += 1);
        let most = counts.iter().enumerate().max_by_key(|(at, count)| (**count, usize::MAX - at)).map(|(at, _)| at);
        let shown = most.and_then(|at| Some((at, market.series().get(at)?)));
        let group = market.timeline().times().len().div_ceil(BARS).max(1);
        Self { market, ledger, group, shown }
    }

    fn stamps(&self) -> &'a [i64] {
        self.market.timeline().times()
    }

    /// The times of the drawn bars: those of their last time stamps, as the clock of the data shows them.
    fn times(&self) -> Packed {
        let series = self.market.dataset().series();
        let schedule = series.iter().map(|one| &one.schedule).find(|schedule| !schedule.dates);
        let local = |time: &i64| schedule.map_or(*time, |schedule| schedule.local(*time)) / MILLISECOND;
        Packed::growing(self.stamps().chunks(self.group).filter_map(|group| group.last()).map(local))
    }

    /// Of each drawn bar the last value.
    fn last_of(&self, values: &[f64]) -> Packed {
        Packed::singles(values.chunks(self.group).filter_map(|group| group.last().copied()))
    }

    /// The place of a time among the drawn bars.
    fn place(&self, time: i64) -> usize {
        let stamps = self.stamps();
        stamps.partition_point(|stamp| *stamp < time).min(stamps.len().saturating_sub(1)) / self.group
    }

    fn bars(&self) -> Option<Bars> {
        let (_, series) = self.shown?;
        let count = self.stamps().len().div_ceil(self.group);
        let mut drawn = [vec![f64::NAN; count], vec![f64::NAN; count], vec![f64::NAN; count], vec![f64::NAN; count]];
        let [open, high, low, close] = &mut drawn;
        let (first, last) = (self.stamps().first()?, self.stamps().last()?);
        let within = series.time.partition_point(|time| time < first)..series.time.partition_point(|time| time <= last);
        for bar in within {
            let at = self.place(series.time[bar]);
            if open[at].is_nan() {
                open[at] = series.open[bar];
            }
            high[at] = high[at].max(series.high[bar]);
            low[at] = low[at].min(series.low[bar]);
            close[at] = series.close[bar];
        }
        let [open, high, low, close] = drawn.map(|values| Packed::prices(&values));
        Some(Bars { symbol: label(&series.symbol).into_owned(), open, high, low, close })
    }

    /// The trades of the instrument that is drawn.
    fn trades(&self) -> Trades {
        let mut all = Trades::default();
        let Some((shown, _)) = self.shown else { return all };
        let ended = self.ledger.trades.iter().zip(self.ledger.trade_ends());
        for (trade, end) in ended.filter(|(trade, _)| trade.instrument as usize == shown) {
            all.entry.push(self.place(trade.entry_time));
            all.exit.push(self.place(trade.exit_time));
            all.entry_price.push(trade.entry_price);
            all.exit_price.push(trade.exit_price);
            all.side.push(if trade.is_long() { 1 } else { -1 });
            all.profit.push(trade.pnl);
            all.share.push(trade.pnl_ratio);
            all.reason.push(end.reason.as_str());
            all.open.push(trade.open);
            all.bars.push(trade.bars_held());
        }
        all
    }

    /// What is not drawn.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let series = self.market.series().len();
        if let Some((_, shown)) = self.shown.filter(|_| series > 1) {
            notes.push(format!(
                "Prices and trades are those of {}, which has the most trades of the {series} instruments; equity is of all.",
                label(&shown.symbol)
            ));
        }
        if let Some(time) = self.ledger.wiped_out.and_then(|stamp| self.stamps().get(stamp)) {
            let schedule = self.market.dataset().series().first().map(|series| &series.schedule);
            let time = schedule.map_or_else(|| format_time(*time), |schedule| schedule.format(*time));
            notes.push(format!("The account was wiped out on {time}, and stopped trading."));
        }
        if self.group > 1 {
            notes.push(format!(
                "There are {} bars, of which {} are drawn as one: lines have the last value of each.",
                self.stamps().len(),
                self.group
            ));
        }
        notes
    }
}

impl Months {
    fn of(market: &Market, ledger: &Ledger) -> Self {
        let frame = market.frame();
        let (months, years) = (monthly_returns(ledger, frame), yearly_returns(ledger, frame));
        let month = |year: i16, month: i8| months.iter().find(|one| (one.year, one.month) == (year, Some(month)));
        Self {
            years: years.iter().map(|year| year.year).collect(),
            months: years
                .iter()
                .flat_map(|year| (1..=12).map(|number| month(year.year, number).and_then(|one| one.change)))
                .collect(),
            totals: years.iter().map(|year| year.change).collect(),
        }
    }
}

/// The returns of equity by days, or by bars where these are longer.
fn returns(market: &Market, ledger: &Ledger) -> Returns {
    let (days, equity) = (market.timeline().days(), ledger.equity());
    let mut ends = vec![ledger.initial_cash];
    let mut length = 0;
    for (at, value) in equity.iter().enumerate() {
        if days.get(at + 1) != days.get(at) {
            ends.push(*value);
            length = at + 1;
        }
    }
    debug_assert_eq!(length, equity.len(), "the last day ends with the data");
    let changes = ends.windows(2).filter(|pair| pair[0] > 0.0).map(|pair| pair[1] / pair[0] - 1.0);
    let span = days.last().zip(days.first()).map_or(0, |(last, first)| last - first);
    // Days of trading are at most five in seven; bars of a week are one.
    let is_daily = (ends.len() as i64 - 1) * 3 > span;
    Returns { period: if is_daily { "daily" } else { "by bar" }, values: Packed::singles(changes) }
}
