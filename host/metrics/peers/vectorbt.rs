//! Statistics as vectorbt computes them.

use super::{Frequency, Statistic, Statistics, closed, mean, period, shortfall, sum, variance, won_and_lost};
use crate::{
    broker::{Fill, Ledger, Trade},
    metrics::sums,
};

/// Nanoseconds in the 365 days that make a year there.
const YEAR: f64 = 365.0 * super::DAY as f64;

/// Returns the statistics of vectorbt 1.2.0 for a run: what its `Portfolio.stats()` has in numbers, in its order, and
/// four of `Portfolio`'s methods.
///
/// `times` are nanoseconds since the Unix epoch, one for each time stamp, `closes` those of the instrument that the run
/// is held against, quote currency. Durations count bars, and a year has as many as fit into 365 days. A bar lasts as long as
/// `freq` says there, and as long as the middle one of all where it is `None`. The greatest gross exposure is undefined where several instruments trade.
///
/// # Examples
///
/// ```
/// use host::{broker::Ledger, metrics::vectorbt};
///
/// let statistics = vectorbt(&Ledger::new(), &[], &[], None);
/// let trades = statistics.iter().find(|statistic| statistic.name == "Total Trades");
/// assert_eq!(trades.and_then(|trades| trades.value), Some(0.0));
/// ```
pub fn vectorbt(ledger: &Ledger, times: &[i64], closes: &[f64], freq: Option<Frequency>) -> Vec<Statistic> {
    let equity = ledger.equity();
    let bar = freq.map(Frequency::nanoseconds).or_else(|| period(times).map(|period| period as f64));
    let mut statistics = Statistics::default();
    let list = &mut statistics;
    list.add("Start Value", ledger.initial_cash);
    list.add("End Value", ledger.final_equity());
    list.percent("Total Return [%]", ledger.final_equity() / ledger.initial_cash - 1.0);
    list.percent("Benchmark Return [%]", closes.last().zip(closes.first()).map(|(last, first)| last / first - 1.0));
    list.percent("Max Gross Exposure [%]", gross_exposure(ledger, closes));
    list.add("Total Fees Paid", ledger.fees);
    add_falls(list, &equity, bar);
    add_counts(list, &ledger.trades);
    add_trades(list, &closed(&ledger.trades), bar);
    add_ratios(list, &returns(ledger.initial_cash, &equity), bar.map(|bar| YEAR / bar));
    list.add("total_profit", ledger.final_equity() - ledger.initial_cash);
    statistics.0
}

/// The deepest fall of equity and the longest, from one peak until it is reached again.
fn add_falls(list: &mut Statistics, equity: &[f64], bar: Option<f64>) {
    let mut longest: Option<usize> = None;
    let mut deepest: Option<f64> = None;
    let (mut peak, mut top) = (0, f64::NAN);
    for (at, &value) in equity.iter().enumerate() {
        if value < top {
            longest = longest.max(Some(at - peak));
            deepest = Some(deepest.unwrap_or(0.0).max((top - value) / top));
        } else {
            (peak, top) = (at, value);
        }
    }
    list.percent("Max Drawdown [%]", deepest);
    list.duration("Max Drawdown Duration", longest.zip(bar).map(|(bars, bar)| bars as f64 * bar));
}

fn add_counts(list: &mut Statistics, trades: &[Trade]) {
    let open: Vec<f64> = trades.iter().filter(|trade| trade.open).map(|trade| trade.pnl).collect();
    list.add("Total Trades", trades.len() as f64);
    list.add("Total Closed Trades", (trades.len() - open.len()) as f64);
    list.add("Total Open Trades", open.len() as f64);
    list.add("Open Trade PnL", sum(&open));
}

fn add_trades(list: &mut Statistics, trades: &[&Trade], bar: Option<f64>) {
    let of = |wins: bool, value: fn(&Trade) -> f64| {
        let chosen = |trade: &&&Trade| if wins { trade.pnl > 0.0 } else { trade.pnl < 0.0 };
        let values: Vec<f64> = trades.iter().filter(chosen).map(|trade| value(trade)).collect();
        mean(&values)
    };
    let lasted = |wins| of(wins, |trade| f64::from(trade.bars_held())).zip(bar).map(|(bars, bar)| bars * bar);
    let (won, lost) = won_and_lost(trades);
    let (count, wins, losses) = (trades.len() as f64, won.len() as f64, lost.len() as f64);
    let average = |profits: &[f64]| mean(profits).unwrap_or(0.0);
    list.percent("Win Rate [%]", wins / count);
    list.percent("Best Trade [%]", trades.iter().map(|trade| trade.pnl_ratio).reduce(f64::max));
    list.percent("Worst Trade [%]", trades.iter().map(|trade| trade.pnl_ratio).reduce(f64::min));
    list.percent("Avg Winning Trade [%]", of(true, |trade| trade.pnl_ratio));
    list.percent("Avg Losing Trade [%]", of(false, |trade| trade.pnl_ratio));
    list.duration("Avg Winning Trade Duration", lasted(true));
    list.duration("Avg Losing Trade Duration", lasted(false));
    list.add("Profit Factor", sum(&won) / sum(&lost).abs());
    list.add("Expectancy", wins / count * average(&won) - losses / count * average(&lost).abs());
}

/// What the returns per bar give, with `year` bars to the year.
fn add_ratios(list: &mut Statistics, returns: &[f64], year: Option<f64>) {
    let worth = cumulated(returns);
    let deepest = deepest_fall(&worth);
    let growth = worth.last().zip(year).map(|(end, year)| libm::pow(*end, year / returns.len() as f64) - 1.0);
    let deviation = variance(returns).map(f64::sqrt);
    let mean = mean(returns);
    let [gains, losses] = sums::sums(returns, |r| [r.max(0.0), (-r).max(0.0)]);
    let per_year = |risk: Option<f64>| mean.zip(risk).zip(year).map(|((mean, risk), year)| mean / risk * year.sqrt());
    list.add("Sharpe Ratio", per_year(deviation));
    list.add("Calmar Ratio", growth.zip(deepest).map(|(growth, fall)| growth / fall.abs()));
    list.add("Omega Ratio", gains / losses);
    list.add("Sortino Ratio", per_year(Some(shortfall(returns))));
    list.add("annualized_return", growth);
    list.add("annualized_volatility", deviation.zip(year).map(|(deviation, year)| deviation * year.sqrt()));
    list.add("max_drawdown", deepest);
}

/// The return of each bar. Where equity was negative, a gain is still above zero.
fn returns(initial_cash: f64, equity: &[f64]) -> Vec<f64> {
    let mut before = initial_cash;
    let change = |&after: &f64| {
        let change = match before {
            0.0 if after == 0.0 => 0.0,
            _ => (after - before) / before.abs(),
        };
        before = after;
        change
    };
    equity.iter().map(change).collect()
}

/// What 1 becomes by `returns`.
fn cumulated(returns: &[f64]) -> Vec<f64> {
    let mut worth = 1.0;
    let grow = |r: &f64| {
        worth *= 1.0 + r;
        worth
    };
    returns.iter().map(grow).collect()
}

/// The deepest fall below a peak as a share of it, zero or negative.
fn deepest_fall(worth: &[f64]) -> Option<f64> {
    let mut peak = f64::NEG_INFINITY;
    let depth = |&worth: &f64| {
        peak = peak.max(worth);
        worth / peak - 1.0
    };
    worth.iter().map(depth).reduce(f64::min)
}

/// What is held of one instrument, and the cash beside it that no short sale ties up.
struct Free {
    cash: f64,
    units: f64,
    /// Quote currency: what the units that are short were sold for.
    debt: f64,
}

impl Free {
    /// A short sale ties up its proceeds and as much again; covering sets both free, at the price of the sale. What
    /// changes the position by less than its rounding is not counted.
    fn fill(&mut self, fill: &Fill) {
        let held = self.units;
        self.units = add(held, fill.units);
        let units = add(self.units, -held);
        if units == 0.0 {
            return;
        }
        let mut flow = -units * fill.price - fill.fee;
        if units > 0.0 && held < 0.0 {
            let covered = if self.units < 0.0 { units } else { -held };
            let value = covered * (self.debt / -held);
            self.debt = add(self.debt, -value);
            flow = add(2.0 * value, flow);
        } else if units < 0.0 && self.units < 0.0 {
            let value = fill.price * if held < 0.0 { -units } else { -self.units };
            self.debt += value;
            flow = add(flow, -2.0 * value);
        }
        self.cash = add(self.cash, flow);
    }

    fn exposure(&self, close: f64) -> f64 {
        let held = (self.units * close).abs();
        match add(held, self.cash) {
            0.0 => 0.0,
            worth => held / worth,
        }
    }
}

/// A sum that is zero where only rounding keeps it from that.
fn add(a: f64, b: f64) -> f64 {
    let sum = a + b;
    let noise = if a * b < 0.0 { 1e-9 * a.abs().max(b.abs()) } else { 0.0 };
    if sum.abs() <= noise.max(1e-12) { 0.0 } else { sum }
}

/// The greatest share that the position has in itself and free cash, at the closes of an account with one instrument.
fn gross_exposure(ledger: &Ledger, closes: &[f64]) -> Option<f64> {
    let mut free = Free { cash: ledger.initial_cash, units: 0.0, debt: 0.0 };
    let mut fills = ledger.fills.iter().peekable();
    let mut exposure = |(bar, &close): (usize, &f64)| {
        while let Some(fill) = fills.next_if(|fill| fill.bar as usize <= bar) {
            free.fill(fill);
        }
        free.exposure(close)
    };
    let is_alone = ledger.fills.iter().all(|fill| fill.instrument == 0);
    closes.iter().enumerate().map(&mut exposure).reduce(f64::max).filter(|_| is_alone)
}
