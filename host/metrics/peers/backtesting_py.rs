//! Statistics as backtesting.py computes them.

use jiff::civil::Date;

use super::{DAY, Statistic, Statistics, closed, mean, period, shortfall, sum, variance, won_and_lost};
use crate::{
    broker::{Ledger, Trade},
    metrics::{calendar, sums},
};

/// Days since the Unix epoch of the first Monday after it, from which weeks are counted.
const MONDAY: i64 = 4;

/// Returns the statistics of backtesting.py 0.6.6 for a run, in its order: what its `stats` has in numbers.
///
/// `times` are nanoseconds since the Unix epoch, one for each time stamp, `closes` those of the instrument that the run
/// is held against, quote currency. `first_bar` is the first bar at which all indicators of the strategy are defined, where
/// buying and holding begins: the one before the first at which the strategy acts; 0 where it has none.
///
/// # Examples
///
/// ```
/// use host::{broker::Ledger, metrics::backtesting_py};
///
/// let statistics = backtesting_py(&Ledger::new(), &[], &[], 0);
/// let trades = statistics.iter().find(|statistic| statistic.name == "# Trades");
/// assert_eq!(trades.and_then(|trades| trades.value), Some(0.0));
/// ```
pub fn backtesting_py(ledger: &Ledger, times: &[i64], closes: &[f64], first_bar: usize) -> Vec<Statistic> {
    let equity = ledger.equity();
    let trades = closed(&ledger.trades);
    let mut statistics = Statistics::default();
    let list = &mut statistics;
    list.percent("Exposure Time [%]", exposure(&trades, times));
    list.add("Equity Final [$]", equity.last().copied());
    list.add("Equity Peak [$]", equity.iter().copied().reduce(f64::max));
    list.add("Commissions [$]", trades.iter().map(|trade| fees(trade)).fold(0.0, |sum, fees| sum + fees));
    let held = closes.get(first_bar).copied();
    let gained = change(equity.first().copied(), equity.last().copied());
    let market = change(held, closes.last().copied());
    list.percent("Return [%]", gained);
    list.percent("Buy & Hold Return [%]", market);
    let falls = Falls::of(&equity, times);
    per_year(list, &equity, times, &falls);
    let beta = beta(&equity, closes);
    let alpha = gained.zip(market).zip(beta).map(|((gained, market), beta)| gained - beta * market);
    list.percent("Alpha [%]", alpha);
    list.add("Beta", beta);
    falls.add_to(list, times);
    add_trades(list, &trades, times);
    statistics.0
}

/// What is related to a year: growth, volatility and the ratios.
fn per_year(list: &mut Statistics, equity: &[f64], times: &[i64], falls: &Falls) {
    let returns = returns(equity, times);
    let year = periods_per_year(times);
    let growth = geometric_mean(&returns).map(|mean| 1.0 + mean);
    let yearly = growth.zip(year).map(|(growth, year)| libm::pow(growth, year) - 1.0);
    let volatility = growth.zip(year).zip(variance(&returns)).map(|((growth, year), variance)| {
        (libm::pow(variance + growth * growth, year) - libm::pow(growth, 2.0 * year)).sqrt()
    });
    let ratio = |by: Option<f64>| yearly.zip(by).map(|(yearly, by)| yearly / by);
    list.percent("Return (Ann.) [%]", yearly);
    list.percent("Volatility (Ann.) [%]", volatility);
    list.percent("CAGR [%]", cagr(equity, times));
    list.add("Sharpe Ratio", ratio(volatility));
    list.add("Sortino Ratio", ratio(year.map(|year| shortfall(&returns) * year.sqrt())));
    list.add("Calmar Ratio", ratio(falls.deepest));
}

/// The share of bars at which a trade was held, the bars of its entry and its exit included.
fn exposure(trades: &[&Trade], times: &[i64]) -> Option<f64> {
    let mut held = vec![0.0; times.len()];
    for trade in trades {
        held[trade.entry_bar as usize..=trade.exit_bar as usize].fill(1.0);
    }
    mean(&held)
}

fn fees(trade: &Trade) -> f64 {
    trade.entry_fees + trade.exit_fees
}

/// What a trade won as a share of its value at entry.
fn gain(trade: &Trade) -> f64 {
    let gross = (trade.exit_price / trade.entry_price - 1.0) * trade.units.signum();
    gross - fees(trade) / (trade.units.abs() * trade.entry_price)
}

fn change(from: Option<f64>, to: Option<f64>) -> Option<f64> {
    from.zip(to).map(|(from, to)| (to - from) / from)
}

/// 0 where a value has lost everything.
fn geometric_mean(returns: &[f64]) -> Option<f64> {
    if returns.iter().any(|r| r + 1.0 <= 0.0) {
        return Some(0.0);
    }
    let logs: Vec<f64> = returns.iter().map(|r| libm::log(r + 1.0)).collect();
    mean(&logs).map(|log| libm::exp(log) - 1.0)
}

/// Days between most bars: whole ones of the middle distance of the last hundred.
fn bar_days(times: &[i64]) -> Option<i64> {
    last_period(times).map(|period| period.div_euclid(DAY))
}

fn last_period(times: &[i64]) -> Option<i64> {
    period(&times[times.len().saturating_sub(100)..])
}

/// Periods of [`returns`] in a year.
fn periods_per_year(times: &[i64]) -> Option<f64> {
    let is_weekend = |time: &&i64| (time.div_euclid(DAY) - MONDAY).rem_euclid(7) >= 5;
    let weekends = times.iter().filter(is_weekend).count() as f64 / times.len() as f64;
    Some(match bar_days(times)? {
        7 => 52.0,
        31 => 12.0,
        365 => 1.0,
        _ if weekends > 2.0 / 7.0 * 0.6 => 365.0,
        _ => 252.0,
    })
}

/// The returns per day, or per week, month or year where that is the distance of the bars; without those from zero to zero.
fn returns(equity: &[f64], times: &[i64]) -> Vec<f64> {
    let (day, date) = (|time: i64| time.div_euclid(DAY), |time: i64| calendar::date(time.div_euclid(DAY)));
    let ends = match bar_days(times) {
        Some(7) => calendar::ends(times, |time| (day(time) - MONDAY).div_euclid(7)),
        Some(31) => calendar::ends(times, |time| (date(time).year(), date(time).month())),
        Some(365) => calendar::ends(times, |time| Date::year(date(time))),
        _ => calendar::ends(times, day),
    };
    let values: Vec<f64> = ends.iter().map(|end| equity[end - 1]).collect();
    values.windows(2).map(|pair| pair[1] / pair[0] - 1.0).filter(|change| !change.is_nan()).collect()
}

/// Growth per year of 365.25 days by the calendar, in whole seconds.
fn cagr(equity: &[f64], times: &[i64]) -> Option<f64> {
    let nanoseconds = times.last()? - times.first()?;
    let years = nanoseconds.div_euclid(1_000_000_000) as f64 / 86_400.0 / 365.25;
    let growth = equity.last()? / equity.first()?;
    (years != 0.0).then(|| libm::pow(growth, 1.0 / years) - 1.0)
}

/// How far equity moves with the market, bar by bar, in logarithms.
fn beta(equity: &[f64], closes: &[f64]) -> Option<f64> {
    let ours = log_returns(equity);
    let market = log_returns(closes);
    let (our_mean, market_mean) = (mean(&ours)?, mean(&market)?);
    let products: Vec<f64> =
        ours.iter().zip(&market).map(|(our, its)| (our - our_mean) * (its - market_mean)).collect();
    let squares = sums::sum(&market, |its| (its - market_mean) * (its - market_mean));
    (market.len() > 1).then(|| sum(&products) / squares)
}

fn log_returns(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| libm::log(pair[1] / pair[0])).collect()
}

/// The falls from a peak of equity, of which the first bar may be one.
struct Falls {
    /// Of each that took more than one bar: the deepest point as a share of the peak, above zero. If none did, of each bar
    /// below a peak.
    depths: Vec<f64>,
    /// Nanoseconds of each from the peak until it was reached again, or until the end.
    durations: Vec<f64>,
    deepest: Option<f64>,
}

impl Falls {
    fn of(equity: &[f64], times: &[i64]) -> Self {
        let depths = depths(equity);
        let deepest = depths.iter().copied().reduce(f64::max);
        let mut falls = Self { depths: Vec::new(), durations: Vec::new(), deepest };
        let mut peak = 0;
        for (bar, &depth) in depths.iter().enumerate() {
            if depth == 0.0 || bar + 1 == depths.len() {
                if bar > peak + 1 {
                    falls.depths.extend(depths[peak..=bar].iter().copied().reduce(f64::max));
                    falls.durations.push((times[bar] - times[peak]) as f64);
                }
                peak = bar;
            }
        }
        // Where none took more than one bar, the mean there is that of the bars below a peak.
        if falls.depths.is_empty() {
            falls.depths = depths.into_iter().filter(|depth| *depth != 0.0).collect();
        }
        falls
    }

    fn add_to(&self, list: &mut Statistics, times: &[i64]) {
        list.percent("Max. Drawdown [%]", self.deepest.map(|depth| -depth));
        list.percent("Avg. Drawdown [%]", mean(&self.depths).map(|depth| -depth));
        add_durations(list, ["Max. Drawdown Duration", "Avg. Drawdown Duration"], &self.durations, times);
    }
}

/// How far equity is below its highest so far, as a share of that.
fn depths(equity: &[f64]) -> Vec<f64> {
    let mut peak = f64::NEG_INFINITY;
    let depth = |&equity: &f64| {
        peak = peak.max(equity);
        1.0 - equity / peak
    };
    equity.iter().map(depth).collect()
}

/// Adds the longest and the mean of some durations, rounded up to the unit of time that the bars are a multiple of.
fn add_durations(list: &mut Statistics, names: [&'static str; 2], durations: &[f64], times: &[i64]) {
    let unit = last_period(times).map_or(1.0, resolution);
    let round = |nanoseconds: f64| (nanoseconds.trunc() / unit).ceil() * unit;
    list.duration(names[0], durations.iter().copied().reduce(f64::max).map(round));
    list.duration(names[1], mean(durations).map(round));
}

/// Nanoseconds: the largest unit of time that `period` is a multiple of.
fn resolution(period: i64) -> f64 {
    const UNITS: [i64; 7] = [DAY, DAY / 24, DAY / 1440, 1_000_000_000, 1_000_000, 1000, 1];
    UNITS.into_iter().find(|unit| period % unit == 0).unwrap_or(1) as f64
}

fn add_trades(list: &mut Statistics, trades: &[&Trade], times: &[i64]) {
    let gains: Vec<f64> = trades.iter().map(|trade| gain(trade)).collect();
    let durations: Vec<f64> = trades.iter().map(|trade| (trade.exit_time - trade.entry_time) as f64).collect();
    list.add("# Trades", trades.len() as f64);
    list.percent("Win Rate [%]", win_rate(trades));
    list.percent("Best Trade [%]", gains.iter().copied().reduce(f64::max));
    list.percent("Worst Trade [%]", gains.iter().copied().reduce(f64::min));
    list.percent("Avg. Trade [%]", geometric_mean(&gains));
    add_durations(list, ["Max. Trade Duration", "Avg. Trade Duration"], &durations, times);
    let [won, lost] = sums::sums(&gains, |gain| [gain.max(0.0), (-gain).max(0.0)]);
    list.add("Profit Factor", won / lost);
    list.percent("Expectancy [%]", mean(&gains));
    list.add("SQN", sqn(trades));
    list.add("Kelly Criterion", kelly(trades));
}

fn win_rate(trades: &[&Trade]) -> Option<f64> {
    let wins: Vec<f64> = trades.iter().map(|trade| f64::from(u8::from(trade.pnl > 0.0))).collect();
    mean(&wins)
}

fn sqn(trades: &[&Trade]) -> Option<f64> {
    let profits: Vec<f64> = trades.iter().map(|trade| trade.pnl).collect();
    Some((profits.len() as f64).sqrt() * mean(&profits)? / variance(&profits)?.sqrt())
}

fn kelly(trades: &[&Trade]) -> Option<f64> {
    let (won, lost) = won_and_lost(trades);
    let rate = win_rate(trades)?;
    Some(rate - (1.0 - rate) / (mean(&won)? / -mean(&lost)?))
}
