//! The list of metrics: names, units, formulas, and which way is better.

use serde::Serialize;

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// What a metric is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Quote currency.
    Cash,
    /// A share: 0.1 is 10 %.
    Share,
    /// A share per year.
    SharePerYear,
    /// A number without a unit.
    Ratio,
    /// Calendar days.
    Days,
    /// Bars of the instrument.
    Bars,
    /// A whole number of things.
    Count,
}

/// What is known about a metric before anything is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MetricInfo {
    /// The name in tables, files and objectives.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// Which way is better; `None` where neither is.
    pub better: Option<Direction>,
    /// Meaning and formula in one line.
    pub doc: &'static str,
}

impl MetricInfo {
    /// Whether the values are whole numbers.
    pub fn is_count(&self) -> bool {
        self.unit == Unit::Count
    }
}

macro_rules! direction {
    (higher) => {
        Some(Direction::Higher)
    };
    (lower) => {
        Some(Direction::Lower)
    };
    (neither) => {
        None
    };
}

macro_rules! metrics {
    ($($name:ident: $unit:ident, $better:ident, $doc:literal;)+) => {
        /// What one run amounts to. Undefined is `None`; every value is finite. Units and formulas are in
        /// [`Metrics::FIELDS`] too.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
        pub struct Metrics {
            $(#[doc = concat!($doc, "\n\nUnit: [`Unit::", stringify!($unit), "`].")] pub $name: Option<f64>,)+
        }

        impl Metrics {
            /// All metrics, in the order in which they are shown.
            pub const FIELDS: &'static [MetricInfo] = &[
                $(MetricInfo {
                    name: stringify!($name),
                    unit: Unit::$unit,
                    better: direction!($better),
                    doc: $doc,
                },)+
            ];

            /// The values, in the order of [`Metrics::FIELDS`].
            pub fn values(&self) -> [Option<f64>; Self::FIELDS.len()] {
                [$(self.$name,)+]
            }

            /// The values as they are, without those that are not finite.
            pub(super) fn finite(self) -> Self {
                Self { $($name: self.$name.filter(|value| value.is_finite()),)+ }
            }
        }
    };
}

metrics! {
    sharpe: Ratio, higher, "Sharpe ratio: mean(r - rf/A) / std(r) x sqrt(A)";
    sortino: Ratio, higher, "Sortino ratio: mean(r - rf/A) / sqrt(mean(min(r - rf/A, 0)^2)) x sqrt(A), the inner mean over all bars";
    calmar: Ratio, higher, "Calmar ratio of the whole period: cagr / |max_drawdown|";
    omega: Ratio, higher, "Omega ratio at threshold 0: sum of gains per bar / sum of losses per bar";
    total_return: Share, higher, "final equity / initial cash - 1";
    cagr: SharePerYear, higher, "Compound growth per year: (final equity / initial cash)^(A / n) - 1; undefined where equity ends below zero";
    annual_volatility: SharePerYear, lower, "std(r) x sqrt(A)";
    max_drawdown: Share, higher, "Deepest fall from a peak: min(E / peak - 1), zero or negative, at closes, with the initial cash as first peak";
    average_drawdown: Share, higher, "Mean depth of all falls from a peak; 0 where there is none";
    max_drawdown_days: Days, lower, "Longest time from a peak until equity is there again; an open one counts to the end";
    average_drawdown_days: Days, lower, "Mean time from a peak until equity is there again; an open one counts to the end";
    recovery_days: Days, lower, "Time from the bottom of the deepest drawdown until equity is at its peak again; undefined while it is not";
    ulcer_index: Share, lower, "Root of the mean squared drawdown: sqrt(mean((E / peak - 1)^2))";
    upi: Ratio, higher, "Ulcer performance index (Martin ratio): (cagr - rf) / ulcer_index";
    recovery_factor: Ratio, higher, "total_return / |max_drawdown|";
    tail_ratio: Ratio, higher, "|95 % quantile of r| / |5 % quantile of r|";
    stability: Ratio, higher, "R^2 of a straight line through the cumulative log returns";
    skew: Ratio, higher, "Skewness of r: m3 / m2^1.5 with moments that divide by n";
    kurtosis_raw: Ratio, neither, "Raw kurtosis of r (normal is 3, not 0): m4 / m2^2 with moments that divide by n";
    var_95: Share, higher, "Historical value at risk per bar: 5 % quantile of r, interpolated linearly between ranks (n - 1) x 0.05";
    cvar_95: Share, higher, "Expected shortfall per bar: mean of the returns at or below var_95";
    best_day: Share, higher, "Best return of a day";
    worst_day: Share, higher, "Worst return of a day";
    best_month: Share, higher, "Best return of a calendar month";
    worst_month: Share, higher, "Worst return of a calendar month";
    best_year: Share, higher, "Best return of a calendar year";
    worst_year: Share, higher, "Worst return of a calendar year";
    win_days: Share, higher, "Days that gained / days that gained or lost";
    win_months: Share, higher, "Months that gained / months that gained or lost";
    win_years: Share, higher, "Years that gained / years that gained or lost";
    final_equity: Cash, higher, "Equity at the last close";
    fees: Cash, lower, "Commission paid, without slippage";
    exposure_time: Share, neither, "Bars at whose close a position was held / bars";
    turnover: SharePerYear, lower, "Value of all fills, purchases and sales alike, per year / mean equity at the closes";
    trades: Count, neither, "Closed trades";
    open_trades: Count, neither, "Positions still held at the end";
    long_trades: Count, neither, "Closed trades that were long";
    short_trades: Count, neither, "Closed trades that were short";
    orders: Count, neither, "Orders filled";
    win_rate: Share, higher, "Closed trades with a P&L above 0 / closed trades";
    average_win: Cash, higher, "Mean P&L of the trades that won";
    average_loss: Cash, higher, "Mean P&L of the trades that lost, negative";
    payoff_ratio: Ratio, higher, "average_win / |average_loss|";
    profit_factor: Ratio, higher, "Sum of what was won / |sum of what was lost|, in money; undefined without a loss";
    expectancy: Cash, higher, "Mean P&L of a closed trade";
    sqn: Ratio, higher, "System quality number: sqrt(trades) x mean(P&L) / std(P&L), without a cap";
    kelly: Share, higher, "Kelly fraction: win_rate - (1 - win_rate) / payoff_ratio";
    average_trade: Share, higher, "Mean return of a closed trade on its value at entry";
    best_trade: Share, higher, "Best return of a closed trade on its value at entry";
    worst_trade: Share, higher, "Worst return of a closed trade on its value at entry";
    max_consecutive_wins: Count, higher, "Longest run of closed trades that won";
    max_consecutive_losses: Count, lower, "Longest run of closed trades that lost";
    average_bars_held: Bars, neither, "Mean bars from entry to exit of closed trades";
    max_bars_held: Bars, neither, "Most bars from entry to exit of a closed trade";
    bars: Count, neither, "Time stamps of the run";
    wiped_out: Count, lower, "1 where the account lost everything and stopped trading, else 0";
}

impl Metrics {
    /// What is known about the metric called `name`, if there is one.
    pub fn info(name: &str) -> Option<&'static MetricInfo> {
        Self::FIELDS.iter().find(|info| info.name == name)
    }

    /// The value of the metric called `name`: `None` if there is no such metric, `Some(None)` if it is undefined here.
    pub fn get(&self, name: &str) -> Option<Option<f64>> {
        let index = Self::FIELDS.iter().position(|info| info.name == name)?;
        Some(self.values()[index])
    }
}
