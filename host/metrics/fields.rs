//! The list of metrics: names, units, formulas, and which way is better.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

use super::group::Group;
use crate::model::number;

/// The metrics that people look at first: every ranking shows them after its objective.
pub const SHOWN: [&str; 7] =
    ["total_return", "sharpe", "sortino", "max_drawdown", "trades", "win_rate", "profit_factor"];

/// Which values of a metric are better. It is written `higher` or `lower`; `max` and `min` are read too.
///
/// # Examples
///
/// ```
/// use host::metrics::Direction;
///
/// assert_eq!("max".parse(), Ok(Direction::Higher));
/// assert_eq!(Direction::Lower.to_string(), "lower");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Higher values.
    #[serde(alias = "max")]
    Higher,
    /// Lower values.
    #[serde(alias = "min")]
    Lower,
}

impl Direction {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
        }
    }

    /// The other direction.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Higher => Self::Lower,
            Self::Lower => Self::Higher,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that does not name a direction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown direction `{0}`; known: `max`, `min`, `higher`, `lower`")]
pub struct UnknownDirection(String);

impl FromStr for Direction {
    type Err = UnknownDirection;

    fn from_str(text: &str) -> Result<Self, UnknownDirection> {
        match text {
            "higher" | "max" => Ok(Self::Higher),
            "lower" | "min" => Ok(Self::Lower),
            _ => Err(UnknownDirection(text.to_owned())),
        }
    }
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

impl Unit {
    /// The unit in a word or two.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "money",
            Self::Share => "share",
            Self::SharePerYear => "share a year",
            Self::Ratio => "number",
            Self::Days => "days",
            Self::Bars => "bars",
            Self::Count => "count",
        }
    }

    /// Whether values are shares, which people read in percent.
    pub fn is_share(self) -> bool {
        matches!(self, Self::Share | Self::SharePerYear)
    }
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

/// The metrics against a benchmark that a table shows by default, behind [`SHOWN`], where there is one.
pub const SHOWN_BESIDE: [&str; 2] = ["excess_return", "information_ratio"];

/// Metrics that divide by what is bad, and what a run lacks whose value is infinite.
const INFINITE: [(&str, &str); 8] = [
    ("sortino", "no bar below the risk-free rate"),
    ("calmar", "no drawdown"),
    ("omega", "no bar lost"),
    ("upi", "no drawdown"),
    ("recovery_factor", "no drawdown"),
    ("tail_ratio", "no bad tail"),
    ("payoff_ratio", "no trade lost"),
    ("profit_factor", "no trade lost"),
];

impl MetricInfo {
    /// Whether the values are whole numbers.
    pub fn is_count(&self) -> bool {
        self.unit == Unit::Count || self.name == "max_bars_held"
    }

    /// What a run lacks whose value is infinite, like `no drawdown`; `None` where every value is finite.
    pub fn infinite_for(&self) -> Option<&'static str> {
        INFINITE.iter().find(|(name, _)| *name == self.name).map(|(_, lacks)| *lacks)
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
    ($($name:ident: $unit:ident, $better:ident, $group:ident, $doc:literal;)+) => {
        /// What one run amounts to. Undefined is `None`. A value is infinite where something good is divided by exactly
        /// nothing bad ([`MetricInfo::infinite_for`]), in JSON the text `inf`; every other is finite. Units and formulas
        /// are in [`Metrics::FIELDS`] too.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
        pub struct Metrics {
            $(#[doc = concat!($doc, "\n\nUnit: [`Unit::", stringify!($unit), "`].")] #[serde(serialize_with = "as_number")] pub $name: Option<f64>,)+
        }

        /// Where each stands in [`Metrics::FIELDS`].
        #[expect(non_camel_case_types, reason = "they are the names of the metrics")]
        #[derive(Clone, Copy)]
        enum FieldIndex { $($name,)+ }

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

            /// What each is computed with, in the order of [`Metrics::FIELDS`].
            pub(super) const GROUPS: &'static [Group] = &[$(Group::$group,)+];

            /// The values, in the order of [`Metrics::FIELDS`].
            pub fn values(&self) -> [Option<f64>; Self::FIELDS.len()] {
                [$(self.$name,)+]
            }

            /// The metrics that have these values, in the order of [`Metrics::FIELDS`].
            pub fn from_values(values: [Option<f64>; Self::FIELDS.len()]) -> Self {
                let [$($name,)+] = values;
                Self { $($name,)+ }
            }

            /// The values as they are, without those that no number says, and only the metrics whose places in
            /// [`Metrics::FIELDS`] are `selected`.
            pub(super) fn kept(self, selected: impl Fn(usize) -> bool) -> Self {
                let may_be = |place: usize, value: f64| {
                    value.is_finite() || value == f64::INFINITY && Self::FIELDS[place].infinite_for().is_some()
                };
                let keep = |place: usize, value: Option<f64>| {
                    value.filter(|value| selected(place) && may_be(place, *value))
                };
                Self { $($name: keep(FieldIndex::$name as usize, self.$name),)+ }
            }
        }
    };
}

fn as_number<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number::serialize(value, serializer),
        None => serializer.serialize_none(),
    }
}

metrics! {
    sharpe: Ratio, higher, Moments, "Sharpe ratio: mean(r - rf/A) / std(r) x sqrt(A)";
    sortino: Ratio, higher, Moments, "Sortino ratio: mean(r - rf/A) / sqrt(mean(min(r - rf/A, 0)^2)) x sqrt(A), the inner mean over all bars; infinite where no bar falls below the rate";
    calmar: Ratio, higher, Depth, "Calmar ratio of the whole period: cagr / |max_drawdown|; infinite without a drawdown";
    omega: Ratio, higher, Gains, "Omega ratio at threshold 0: sum of gains per bar / sum of losses per bar; infinite without a loss";
    total_return: Share, higher, Books, "final equity / initial cash - 1";
    cagr: SharePerYear, higher, Books, "Compound growth per year: (final equity / initial cash)^(365.25 / days) - 1, with the days from the first to the last time stamp; undefined where no time passes, or equity ends below zero";
    annual_volatility: SharePerYear, lower, Moments, "std(r) x sqrt(A)";
    max_drawdown: Share, higher, Depth, "Deepest fall from a peak: min(E / peak - 1), zero or negative, at closes, with the initial cash as first peak";
    average_drawdown: Share, higher, Falls, "Mean depth of all falls from a peak; 0 where there is none";
    max_drawdown_days: Days, lower, Falls, "Longest time from a peak until equity is there again; an open one counts to the end";
    average_drawdown_days: Days, lower, Falls, "Mean time from a peak until equity is there again; an open one counts to the end";
    recovery_days: Days, lower, Falls, "Time from the bottom of the deepest drawdown until equity is at its peak again; undefined while it is not";
    ulcer_index: Share, lower, Ulcer, "Root of the mean squared drawdown: sqrt(mean((E / peak - 1)^2))";
    upi: Ratio, higher, Ulcer, "Ulcer performance index (Martin ratio): (cagr - rf) / ulcer_index; infinite without a drawdown";
    recovery_factor: Ratio, higher, Depth, "total_return / |max_drawdown|; infinite without a drawdown";
    tail_ratio: Ratio, higher, Tails, "|95 % quantile of r| / |5 % quantile of r|; infinite where the latter is 0";
    stability: Ratio, higher, Trend, "R^2 of a straight line through the cumulative log returns";
    jensen_alpha: SharePerYear, higher, Relative, "Jensen's alpha against `--benchmark`: A x (mean(r - rf/A) - beta x mean(b - rf/A)), with returns by days; bars where these last longer";
    alpha_t: Ratio, higher, Relative, "t-statistic of jensen_alpha: the intercept of r - rf/A on b - rf/A over its standard error, by days; not corrected for choosing among combinations";
    benchmark_beta: Ratio, neither, Relative, "cov(r, b) / var(b) of returns by days, with those of `--benchmark` as b";
    benchmark_correlation: Ratio, neither, Relative, "Pearson's correlation of r and b by days, with `--benchmark`";
    tracking_error: SharePerYear, neither, Relative, "std(r - b) x sqrt(A) by days, against `--benchmark`";
    information_ratio: Ratio, higher, Relative, "mean(r - b) / std(r - b) x sqrt(A) by days, against `--benchmark`";
    treynor_ratio: SharePerYear, higher, Relative, "A x mean(r - rf/A) / benchmark_beta by days; undefined where that is not above 0";
    up_capture: Ratio, higher, Relative, "mean(r) / mean(b) over the days on which `--benchmark` gained";
    down_capture: Ratio, lower, Relative, "mean(r) / mean(b) over the days on which `--benchmark` lost; below 0 it gained while the benchmark lost";
    batting_average: Share, higher, Relative, "Days with r > b / days, against `--benchmark`";
    benchmark_return: Share, neither, Relative, "Total return of `--benchmark`";
    excess_return: Share, higher, Relative, "Final wealth over that of `--benchmark` - 1: (1 + total_return) / (1 + benchmark_return) - 1";
    excess_cagr: SharePerYear, higher, Relative, "(1 + excess_return)^(365.25 / days) - 1, with the days of cagr";
    excess_drawdown: Share, higher, Relative, "Deepest fall of wealth over that of `--benchmark` from its peak, zero or negative, at the ends of days";
    skew: Ratio, higher, Shape, "Skewness of r: m3 / m2^1.5 with moments that divide by n";
    kurtosis_raw: Ratio, neither, Shape, "Raw kurtosis of r (normal is 3, not 0): m4 / m2^2 with moments that divide by n";
    var_95: Share, higher, Tails, "Historical value at risk per bar: 5 % quantile of r, interpolated linearly between ranks (n - 1) x 0.05";
    cvar_95: Share, higher, Tails, "Expected shortfall per bar: mean of the returns at or below var_95";
    best_day: Share, higher, Calendar, "Best return of a trading day; undefined where bars last longer";
    worst_day: Share, higher, Calendar, "Worst return of a trading day; undefined where bars last longer";
    best_month: Share, higher, Calendar, "Best return of a calendar month";
    worst_month: Share, higher, Calendar, "Worst return of a calendar month";
    best_year: Share, higher, Calendar, "Best return of a calendar year";
    worst_year: Share, higher, Calendar, "Worst return of a calendar year";
    win_days: Share, higher, Calendar, "Trading days that gained / those that gained or lost; undefined where bars last longer";
    win_months: Share, higher, Calendar, "Months that gained / months that gained or lost";
    win_years: Share, higher, Calendar, "Years that gained / years that gained or lost";
    final_equity: Cash, higher, Books, "Equity at the last close";
    fees: Cash, lower, Books, "Commission paid, without slippage";
    exposure_time: Share, neither, Books, "Bars at whose close a position was held / bars";
    turnover: SharePerYear, lower, MeanEquity, "Value of all fills, purchases and sales alike, per year from the first to the last time stamp / mean equity at the closes";
    trades: Count, neither, Trades, "Closed trades";
    open_trades: Count, neither, Trades, "Positions still held at the end";
    long_trades: Count, neither, Trades, "Closed trades that were long";
    short_trades: Count, neither, Trades, "Closed trades that were short";
    orders: Count, neither, Books, "Orders filled";
    win_rate: Share, higher, Trades, "Closed trades with a P&L above 0 / closed trades";
    average_win: Cash, higher, Trades, "Mean P&L of the trades that won";
    average_loss: Cash, higher, Trades, "Mean P&L of the trades that lost, negative";
    payoff_ratio: Ratio, higher, Trades, "average_win / |average_loss|; infinite where trades have won and none has lost";
    profit_factor: Ratio, higher, Trades, "Sum of what was won / |sum of what was lost|, in money; infinite where trades have won and none has lost";
    expectancy: Cash, higher, Trades, "Mean P&L of a closed trade";
    sqn: Ratio, higher, Trades, "System quality number: sqrt(trades) x mean(P&L) / std(P&L), without a cap";
    kelly: Share, higher, Trades, "Kelly fraction: win_rate - (1 - win_rate) / payoff_ratio; the win rate where payoff is infinite";
    average_trade: Share, higher, Trades, "Mean return of a closed trade on its value at entry";
    best_trade: Share, higher, Trades, "Best return of a closed trade on its value at entry";
    worst_trade: Share, higher, Trades, "Worst return of a closed trade on its value at entry";
    max_consecutive_wins: Count, higher, Trades, "Longest run of closed trades that won";
    max_consecutive_losses: Count, lower, Trades, "Longest run of closed trades that lost";
    average_bars_held: Bars, neither, Trades, "Mean bars from entry to exit of closed trades";
    max_bars_held: Bars, neither, Trades, "Most bars from entry to exit of a closed trade";
    bars: Count, neither, Books, "Time stamps of the run";
    wiped_out: Count, lower, Books, "1 where the account lost everything and stopped trading, else 0";
    targets_cut: Count, neither, Books, "Targets, and orders of a share or an amount, that the account could not pay for in full, costs aside; and targets that opened nothing: of less than one lot, at a price of 0, of no instrument, or of an exposure that is not finite";
}

impl Metrics {
    /// What is known about the metric called `name`, if there is one.
    pub fn info(name: &str) -> Option<&'static MetricInfo> {
        Self::FIELDS.iter().find(|info| info.name == name)
    }

    /// The value of the metric called `name`: `None` if the name is unknown, `Some(None)` if the metric is undefined here.
    pub fn get(&self, name: &str) -> Option<Option<f64>> {
        let index = Self::FIELDS.iter().position(|info| info.name == name)?;
        Some(self.values()[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_has_two_names_to_read_and_one_to_write() {
        for (text, expected) in [("higher", "higher"), ("max", "higher"), ("lower", "lower"), ("min", "lower")] {
            let direction: Direction = text.parse().unwrap();
            assert_eq!(direction.to_string(), expected);
            let json = serde_json::Value::from(text);
            assert_eq!(serde_json::from_value::<Direction>(json).unwrap(), direction);
            assert_eq!(serde_json::to_value(direction).unwrap(), expected);
        }
        let error = "up".parse::<Direction>().unwrap_err().to_string();
        assert_eq!(error, "unknown direction `up`; known: `max`, `min`, `higher`, `lower`");
    }

    #[test]
    fn every_metric_shown_first_is_a_metric() {
        assert!(SHOWN.iter().all(|name| Metrics::info(name).is_some()));
    }
}
