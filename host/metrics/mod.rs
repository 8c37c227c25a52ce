//! Metrics: names, units and formulas of the numbers that a ledger amounts to.
//!
//! Never does I/O and never guesses: what is undefined for a run is `None`, never zero or a stand-in.
//!
//! # Conventions
//!
//! - Returns are simple and per bar: `r[i] = (E[i] - E[i-1]) / E[i-1]`, where `E` is equity at the closes and `E[-1]` the
//!   initial cash, so there are as many as bars. Where nothing is traded between, the difference is computed as that of
//!   the closes times the units held. Bars without a position count. Once equity is zero or less, returns per bar are 0;
//!   days of several bars, months and years that begin so are left out.
//! - Standard deviations divide by `n - 1`. One that is not above 1e-14 is rounding noise, and what would be divided by
//!   it is undefined; so it is with the ulcer index, and with P&L that deviates by no more than 1e-12 of its mean.
//! - `A` is the number of bars per year ([`Annualization`]), `rf` the risk-free rate per year, `rf / A` the rate per bar.
//! - A run lasts from its first time stamp to its last, and a year of it 365.25 days, as in ffn and quantstats: growth per
//!   year needs no number of bars.
//! - A ratio of something good to exactly nothing bad (profit factor, payoff ratio, omega, tail ratio, Sortino, Calmar, UPI,
//!   recovery factor) is infinite; nothing to nothing is undefined.
//! - Drawdowns are zero or negative and start from the initial cash; their lengths are calendar days between time
//!   stamps.
//! - Days are the trading days of the data ([`Timeline::days`](crate::broker::Timeline::days)), months and years are theirs,
//!   each from the last bar of the one before to its own last bar. Where bars last longer than a day, nothing is a day's.
//! - Metrics against a benchmark are of returns by days, and by bars where these last longer: `r` those of equity, `b` those of
//!   the benchmark, `A` the days of trading in a year. Without a benchmark they are undefined.
//! - Statistics of trades are those of the closed ones, after all fees. A trade that neither wins nor loses counts as a
//!   trade and ends a streak.
//!
//! Formulas are those of empyrical (Sharpe, Sortino, Calmar, Omega, tail ratio, VaR, stability), of backtesting.py
//! (SQN, streaks of drawdown) and quantstats (ulcer index, Kelly, winning days and months), unless a metric says
//! otherwise.

mod align;
mod annualization;
mod benchmark;
mod calendar;
mod drawdown;
mod equity_returns;
mod excursions;
mod fields;
mod group;
mod lanes;
mod pairs;
mod pass;
mod peers;
mod periods;
mod quantiles;
mod relative;
mod returns;
mod selection;
mod sums;
mod trades;
mod trend;
mod wealth;

pub use align::{AlignError, Aligned, STALE, align};
pub use annualization::{Annualization, Basis, Undetermined, Week};
pub use benchmark::{Benchmark, BenchmarkReturn};
pub use equity_returns::{ReturnsPeriod, UnknownPeriod, period_returns};
pub use excursions::{Excursion, Excursions, excursions};
pub use fields::{Direction, MetricInfo, Metrics, SHOWN, SHOWN_BESIDE, Unit, UnknownDirection};
pub use peers::{Frequency, FrequencyError, Statistic, backtesting_py, vectorbt};
pub use periods::{
    Crisis, CrisisReturn, Drawdown, PeriodReturn, crises, crisis_returns, drawdown_curve, monthly_returns,
    worst_drawdowns, yearly_returns,
};
pub(crate) use selection::unknown_metric;
pub use selection::{Selection, UnknownMetric};

use std::sync::Arc;

use self::{calendar::Calendar, drawdown::Falls, group::Group, pass::Pass, relative::Scale, trend::Trend};
use crate::broker::Ledger;

/// What all runs over one data set are measured with: its calendar, bars per year, the risk-free rate, and a benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    times: Vec<i64>,
    days: Vec<i64>,
    calendar: Calendar,
    annualization: Result<Annualization, Undetermined>,
    risk_free: f64,
    benchmark: Option<Arc<Benchmark>>,
}

impl Frame {
    /// Prepares to measure runs over bars at `times` (nanoseconds since the Unix epoch, increasing), which belong to `days`
    /// (trading days counted from 1970-01-01, never decreasing), against a risk-free rate per year (0.02 is 2 %). Both lists
    /// are those of a [`Timeline`](crate::broker::Timeline), or the same part of both.
    ///
    /// Without an annualization, what is scaled by the number of bars in a year is undefined.
    pub fn new(
        times: &[i64],
        days: &[i64],
        annualization: Result<Annualization, Undetermined>,
        risk_free: f64,
    ) -> Self {
        debug_assert_eq!(times.len(), days.len(), "each time stamp belongs to a day");
        let calendar = Calendar::of(days);
        Self { times: times.to_vec(), days: days.to_vec(), calendar, annualization, risk_free, benchmark: None }
    }

    /// Measures runs also against `benchmark`.
    ///
    /// # Panics
    ///
    /// Panics if it has not a return for each of the days ([`ReturnsPeriod::Day`]).
    #[must_use]
    pub fn with_benchmark(self, benchmark: Benchmark) -> Self {
        let periods = self.period_ends(ReturnsPeriod::Day).len();
        assert_eq!(benchmark.returns().len(), periods, "each period has a return of the benchmark");
        Self { benchmark: Some(Arc::new(benchmark)), ..self }
    }

    /// The benchmark, by days ([`ReturnsPeriod::Day`]).
    pub fn benchmark(&self) -> Option<&Benchmark> {
        self.benchmark.as_deref()
    }

    /// What numbers per year rest on where periods are days; bars where these last longer.
    fn scale_of_days(&self) -> Scale {
        let of_bars = |a: &Annualization| match &self.calendar.days {
            calendar::Days::Ends(ends) => a.periods_per_year * ends.len() as f64 / self.times.len() as f64,
            calendar::Days::Each | calendar::Days::None => a.periods_per_year,
        };
        let of_days = |a: Annualization| match a.basis {
            Basis::Days { week, .. } if self.calendar.days != calendar::Days::None => week.days(),
            _ => of_bars(&a),
        };
        let periods_per_year = self.annualization.ok().map(of_days);
        Scale { periods_per_year, risk_free: self.risk_free, years: self.years() }
    }

    /// How many bars make a year, and why.
    ///
    /// # Errors
    ///
    /// Returns why nobody can say.
    pub fn annualization(&self) -> Result<&Annualization, Undetermined> {
        self.annualization.as_ref().map_err(|why| *why)
    }

    /// The risk-free rate per year.
    pub fn risk_free(&self) -> f64 {
        self.risk_free
    }

    /// The risk-free rate per bar.
    fn rate(&self) -> f64 {
        self.periods_per_year().map_or(0.0, |a| self.risk_free / a)
    }

    fn periods_per_year(&self) -> Option<f64> {
        self.annualization.ok().map(|a| a.periods_per_year)
    }

    /// The years from the first time stamp to the last; `None` where no time passes.
    fn years(&self) -> Option<f64> {
        let days = drawdown::days(*self.times.first()?, *self.times.last()?);
        (days > 0.0).then_some(days / YEAR)
    }
}

/// Days of a year.
const YEAR: f64 = 365.25;

/// Memory that measuring needs, kept from one run to the next.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    lanes: lanes::Kind,
    equity: Vec<f64>,
    returns: Vec<f64>,
    /// Returns by days.
    changes: Vec<f64>,
    /// How many `returns` are those of the run that is being measured; `None` while they are not listed.
    listed: Option<usize>,
    tails: quantiles::TailScratch,
}

impl Metrics {
    /// Measures a run whose time stamps are those of `frame`; what is not in `selection` stays `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use host::{
    ///     broker::{Ledger, Settings, Timeline, Workspace, simulate},
    ///     metrics::{Annualization, Frame, Metrics, Scratch, Selection},
    ///     model::{Series, Targets},
    /// };
    ///
    /// const DAY: i64 = 86_400_000_000_000;
    /// let prices = vec![10.0, 10.0, 12.0, 9.0];
    /// let series = Arc::from([Series {
    ///     symbol: "A".into(),
    ///     time: (0..4).map(|day| day * DAY).collect(),
    ///     open: prices.clone(),
    ///     high: prices.clone(),
    ///     low: prices.clone(),
    ///     close: prices,
    ///     volume: vec![0.0; 4],
    ///     ..Series::default()
    /// }]);
    /// let timeline = Timeline::of(&series);
    /// let targets = Targets { at: vec![0], instrument: vec![0], exposure: vec![1.0] };
    /// let mut ledger = Ledger::new();
    /// simulate(&series, &timeline, &targets, &Settings::default(), &mut Workspace::new(), &mut ledger);
    ///
    /// let frame = Frame::new(timeline.times(), timeline.days(), Annualization::infer(&timeline), 0.0);
    /// let metrics = Metrics::of(&ledger, &frame, Selection::all(), &mut Scratch::default());
    /// assert_eq!(metrics.max_drawdown, Some(-0.25));
    /// assert_eq!(metrics.win_rate, None);
    /// ```
    pub fn of(ledger: &Ledger, frame: &Frame, selection: Selection, scratch: &mut Scratch) -> Self {
        let mut metrics = Self::default();
        metrics.books(ledger, frame);
        if selection.needs(Group::Trades) {
            metrics.trades(&ledger.trades);
        }
        if !ledger.curve().is_empty() {
            metrics.curve(ledger, frame, selection, scratch);
        }
        metrics.kept(|place| selection.has(place))
    }

    /// What follows from equity at the closes, of which there are some. Comes after the books.
    fn curve(&mut self, ledger: &Ledger, frame: &Frame, selection: Selection, scratch: &mut Scratch) {
        let needs = |groups: &[Group]| groups.iter().any(|group| selection.needs(*group));
        let needs_days = selection.needs(Group::Calendar) && frame.calendar.days == calendar::Days::Each;
        let needs_list = needs_days || needs(&[Group::MeanEquity, Group::Shape, Group::Gains, Group::Tails]);
        let mut falls = needs(&[Group::Falls, Group::Ulcer]).then(|| Falls::new(ledger, &frame.times));
        let mut trend = selection.needs(Group::Trend).then(|| Trend::new(ledger, 0.0));
        scratch.listed = None;
        if needs(&[Group::Moments, Group::Depth]) || needs_list || falls.is_some() || trend.is_some() {
            let list = needs_list.then_some(&mut scratch.returns);
            let (falls, trend) = (falls.as_mut(), trend.as_mut());
            let found = scratch.lanes.run(Pass { ledger, rate: frame.rate(), list, falls, trend });
            scratch.listed = needs_list.then_some(found.listed);
            self.sums(ledger, &found, frame, scratch);
        }
        if needs(&[Group::Gains, Group::Tails]) {
            self.distribution(ledger, scratch);
        }
        if selection.needs(Group::Calendar) {
            self.calendar(ledger, frame, scratch);
        }
        if selection.needs(Group::Relative) {
            self.relative(ledger, frame, scratch);
        }
        if let Some(falls) = &falls {
            self.drawdowns(falls, frame.risk_free);
        }
        if let Some(trend) = trend {
            self.trend(ledger, trend, scratch.lanes);
        }
    }

    /// What the books say as they are.
    fn books(&mut self, ledger: &Ledger, frame: &Frame) {
        let bars = ledger.curve().len();
        let growth = ledger.final_equity() / ledger.initial_cash;
        self.final_equity = Some(ledger.final_equity());
        self.total_return = Some(growth - 1.0);
        let years = frame.years().filter(|_| growth >= 0.0);
        self.cagr = years.map(|years| libm::pow(growth, 1.0 / years) - 1.0).filter(|cagr| cagr.is_finite());
        self.fees = Some(ledger.fees);
        self.orders = Some(ledger.fills.len() as f64);
        self.bars = Some(bars as f64);
        self.wiped_out = Some(f64::from(u8::from(ledger.wiped_out.is_some())));
        self.targets_cut = Some((ledger.cut + ledger.unpriced + ledger.below_lot + ledger.invalid_targets) as f64);
        self.exposure_time = ratio(ledger.stamps_in_market as f64, bars as f64);
    }
}

/// `numerator / denominator` where the denominator is above zero.
fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}

/// `good / bad`; infinite where there is something good and exactly nothing bad.
fn odds(good: f64, bad: f64) -> Option<f64> {
    if bad == 0.0 && good > 0.0 { Some(f64::INFINITY) } else { ratio(good, bad) }
}

#[cfg(test)]
mod tests;
