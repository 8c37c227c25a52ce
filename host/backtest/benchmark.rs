//! Benchmarks: what is held instead of a strategy, and its returns by the days of a market.
//!
//! Never reads a file: bars are given. Returns are aligned by days, so that no time stamp or zone of one side meets one of the other.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Market, SetupError};
use crate::{
    broker::{self, BuyingPower, Exits, Ledger, Sizing, Workspace},
    data::Dataset,
    metrics::{self, AlignError, Aligned, ReturnsPeriod, align},
    model::{BarTime, Canonical, Digest, Schedule, Series, Targets, TimePoint, format_time, nearest},
};

/// Days of the longest bar.
const LONGEST_BAR: i64 = 366;

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// A benchmark as one names it: `hold`, `symbol:SPY` or `data:spy`.
///
/// # Examples
///
/// ```
/// use host::backtest::BenchmarkSpec;
///
/// for text in ["hold", "symbol:SPY", "data:spy"] {
///     assert_eq!(text.parse::<BenchmarkSpec>()?.to_string(), text);
/// }
/// assert!("SPY".parse::<BenchmarkSpec>().is_err());
/// # Ok::<(), host::backtest::NoBenchmark>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BenchmarkSpec {
    /// The account buys the instruments of the run at its first bar, each with an equal share of equity, and holds them.
    Hold,
    /// The closes of an instrument of the data, without costs.
    Symbol(String),
    /// The closes of the only instrument of other data, by their name, without costs.
    Data(String),
}

/// A text that does not name a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a benchmark; give `hold`, `symbol:NAME` of an instrument, or `data:NAME` of other data")]
pub struct NoBenchmark(String);

impl FromStr for BenchmarkSpec {
    type Err = NoBenchmark;

    fn from_str(text: &str) -> Result<Self, NoBenchmark> {
        let none = || NoBenchmark(text.to_owned());
        match text.split_once(':') {
            None if text == "hold" => Ok(Self::Hold),
            Some(("symbol", name)) if !name.is_empty() => Ok(Self::Symbol(name.to_owned())),
            Some(("data", name)) if !name.is_empty() => Ok(Self::Data(name.to_owned())),
            _ => Err(none()),
        }
    }
}

impl fmt::Display for BenchmarkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => f.write_str("hold"),
            Self::Symbol(name) => write!(f, "symbol:{name}"),
            Self::Data(name) => write!(f, "data:{name}"),
        }
    }
}

impl Serialize for BenchmarkSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BenchmarkSpec {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        String::deserialize(source)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What runs are measured against.
#[derive(Debug, Clone, PartialEq)]
pub enum Benchmark {
    /// One that is named, and whose bars nobody has looked up yet: no market takes it.
    Named(BenchmarkSpec),
    /// Buying and holding the instruments of the run.
    Hold,
    /// The closes of an instrument.
    Closes(Arc<Closes>),
}

/// The closes of an instrument by days.
#[derive(Debug, Clone, PartialEq)]
pub struct Closes {
    name: String,
    /// The day on which each bar ended, counted from 1970-01-01; never decreasing.
    days: Vec<i64>,
    closes: Vec<f64>,
    schedule: Schedule,
}

/// Why bars cannot be found for a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BenchmarkError {
    /// The data has no such instrument.
    #[error("benchmark: {0}")]
    Symbol(String),
    /// Other data has several instruments.
    #[error("benchmark `data:{name}`: it has {count} instruments ({example}, ...); give data of one instrument")]
    Several {
        /// The name of the data.
        name: String,
        /// Its instruments.
        count: usize,
        /// One of them.
        example: String,
    },
}

/// Why a benchmark does not fit a market.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BenchmarkProblem {
    /// Nobody has looked its bars up.
    #[error("its bars were not given; resolve it with the data first")]
    Unresolved,
    /// A close is not a price above zero.
    #[error("its close of {} is {close}; returns need prices above 0", day(*at))]
    Price {
        /// The day.
        at: i64,
        /// The close.
        close: f64,
    },
    /// It begins after the run.
    #[error("it begins on {}, and the run on {}; give `--from {}`, or a benchmark that begins earlier", day(*first), day(*run), day(*first))]
    Late {
        /// The day of its first bar.
        first: i64,
        /// The last day of the run's first period.
        run: i64,
    },
    /// It has no bars.
    #[error("it has no bars")]
    Empty,
    /// It has no bar for too long.
    #[error("its last bar by {} is of {}; give {}a benchmark without such a gap", day(*at), day(*last), around(*until, *next))]
    Stale {
        /// The last day of a period.
        at: i64,
        /// The day of its last bar by then.
        last: i64,
        /// The last day of the run before the gap, if there is one.
        until: Option<i64>,
        /// The day of the first bar after it, if there is one.
        next: Option<i64>,
    },
    /// Most periods have no bar of it.
    #[error(
        "it has new bars on {fresh} of {periods} days; give one whose bars are as short as a day, and of the same days"
    )]
    Coarse {
        /// Periods with a new bar.
        fresh: usize,
        /// Periods.
        periods: usize,
    },
    /// Holding buys nothing.
    #[error(
        "the account buys nothing: it cannot pay for one lot, or no bar is left to buy at; give more cash or bars, or `symbol:NAME`"
    )]
    BuysNothing,
    /// It loses everything.
    #[error("it loses everything on {}, and returns after that mean nothing; give another one", day(*at))]
    Ruined {
        /// The day.
        at: i64,
    },
}

/// The ways around a gap.
fn around(until: Option<i64>, next: Option<i64>) -> String {
    let until = until.map(|until| format!("`--to {}`, ", day(until)));
    let next = next.map(|next| format!("`--from {}`, ", day(next)));
    let ways = until.unwrap_or_default() + &next.unwrap_or_default();
    if ways.is_empty() { ways } else { format!("{ways}or ") }
}

fn day(day: i64) -> String {
    format_time(day.saturating_mul(DAY))
}

/// The day on which the bar with the time stamp `time` has ended: that of a bar of two days or more is the day of its last trades.
fn ended_on(schedule: &Schedule, time: i64) -> i64 {
    match schedule.interval {
        Some(interval) if interval >= 2 * DAY => schedule.day_at(schedule.ends(time) - 1),
        _ => schedule.day(time),
    }
}

impl BenchmarkSpec {
    /// The benchmark on `dataset`, all of whose instruments count; `other` has the data that [`Data`](Self::Data) names.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such instrument, or if there are several.
    pub fn resolve<E: From<BenchmarkError>>(
        &self,
        dataset: &Dataset,
        other: impl FnOnce(&str) -> Result<Dataset, E>,
    ) -> Result<Benchmark, E> {
        match self {
            Self::Hold => Ok(Benchmark::Hold),
            Self::Symbol(symbol) => {
                let found = dataset.series().iter().find(|series| series.symbol == *symbol);
                let found = found.map(Benchmark::of_series);
                found.ok_or_else(|| BenchmarkError::Symbol(hint(symbol, dataset)).into())
            }
            Self::Data(name) => match other(name)?.series() {
                [only] => Ok(Benchmark::of_series(only)),
                several => {
                    let example = several.first().map_or_else(String::new, |one| one.symbol.clone());
                    Err(BenchmarkError::Several { name: name.clone(), count: several.len(), example }.into())
                }
            },
        }
    }
}

fn hint(symbol: &str, dataset: &Dataset) -> String {
    let symbols = || dataset.series().iter().map(|series| &*series.symbol);
    nearest::unknown("instrument", symbol, symbols())
}

impl From<BenchmarkSpec> for Benchmark {
    fn from(spec: BenchmarkSpec) -> Self {
        if spec == BenchmarkSpec::Hold { Self::Hold } else { Self::Named(spec) }
    }
}

impl Benchmark {
    /// The closes of an instrument.
    pub fn of_series(series: &Series) -> Self {
        let Series { symbol, time, close, schedule, .. } = series;
        let days = time.iter().map(|time| ended_on(schedule, *time)).collect();
        let (name, closes, schedule) = (symbol.clone(), close.clone(), schedule.clone());
        Self::Closes(Arc::new(Closes { name, days, closes, schedule }))
    }

    /// What people call it: `hold`, or the symbol.
    pub fn name(&self) -> String {
        match self {
            Self::Named(spec) => spec.to_string(),
            Self::Hold => "hold".to_owned(),
            Self::Closes(closes) => closes.name.clone(),
        }
    }

    /// The hash of what it is: of its closes, or of its name.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Closes(closes) => closes.digest(None),
            other => Digest::of(other.name().as_bytes()),
        }
    }

    /// What decides the metrics against it, of runs that end with `to`, as a text that nothing else shares.
    ///
    /// # Errors
    ///
    /// Returns an error if its bars are not known.
    pub(crate) fn identity(&self, to: Option<TimePoint>) -> Result<String, SetupError> {
        match self {
            Self::Named(_) => Err(SetupError::Benchmark { name: self.name(), problem: BenchmarkProblem::Unresolved }),
            Self::Hold => Ok("hold 1".to_owned()),
            Self::Closes(closes) => Ok(format!("closes 1 {}", closes.digest(to))),
        }
    }
}

impl Closes {
    /// The hash of the days and closes until the end `to` of runs; of a year more, since the last bar of a run may last beyond it.
    fn digest(&self, to: Option<TimePoint>) -> Digest {
        let last = to.map(|to| match to {
            TimePoint::Day(day) => day,
            TimePoint::Local(local) => local.div_euclid(DAY),
            TimePoint::Moment(moment) => moment.div_euclid(DAY),
        });
        let count = last.map_or(self.days.len(), |last| self.days.partition_point(|day| *day <= last + LONGEST_BAR));
        let start = Canonical::default().count("closes", count as u64);
        let all = self.days[..count].iter().zip(&self.closes[..count]);
        let all = all.fold(start, |all, (day, close)| all.text("day", &day.to_string()).number("close", *close));
        Digest::of(all.as_bytes())
    }

    /// The returns by the days of `market`.
    fn aligned(&self, market: &Market) -> Result<Aligned, BenchmarkProblem> {
        let days = market.period_days();
        let first = market.timeline.days().first().copied().unwrap_or_default();
        let first = first.min(days.first().copied().unwrap_or_default());
        align(first, &days, &self.days, &self.closes).map_err(|error| match error {
            AlignError::Price { bar, close } => BenchmarkProblem::Price { at: self.days[bar], close },
            AlignError::Late { day, first: Some(first) } => BenchmarkProblem::Late { first, run: day },
            AlignError::Late { first: None, .. } => BenchmarkProblem::Empty,
            AlignError::Stale { day, last } => {
                let ends = market.frame.period_ends(ReturnsPeriod::Day);
                let before = days.iter().position(|known| *known == day).and_then(|period| period.checked_sub(1));
                let until = before.map(|period| market.timeline.days()[ends[period] - 1]);
                let next = self.days.iter().copied().find(|known| *known > last);
                BenchmarkProblem::Stale { at: day, last, until, next }
            }
            AlignError::Coarse { fresh, periods } => BenchmarkProblem::Coarse { fresh, periods },
        })
    }
}

impl Market {
    /// The last day of each period of the frame ([`ReturnsPeriod::Day`]).
    fn period_days(&self) -> Vec<i64> {
        let (times, days) = (self.timeline.times(), self.timeline.days());
        let schedules = self.traded.iter().filter(|series| !series.time.is_empty()).map(|series| &series.schedule);
        // Of bars of different lengths the shortest decide: by the end of a longer one, more would be known.
        let shortest = schedules.min_by_key(|schedule| schedule.interval.unwrap_or_default());
        let lasts = shortest.filter(|schedule| schedule.interval.is_some_and(|interval| interval >= 2 * DAY));
        let day = |end: usize| match lasts {
            Some(schedule) => ended_on(schedule, times[end - 1]),
            None => days[end - 1],
        };
        self.frame.period_ends(ReturnsPeriod::Day).into_iter().map(day).collect()
    }

    /// Whether bars of a week or a month, which are said to be dated at their beginning, all have the date of an end: a Friday, or
    /// the last day of a month. Against the closes of an instrument they would be a bar late then.
    pub fn seems_dated_at_ends(&self) -> bool {
        let month = |at: i64| day(at).get(5..7).map(str::to_owned);
        let is_end = |schedule: &Schedule, time: &i64| {
            let (at, lasts) = (schedule.day(*time), schedule.interval.unwrap_or_default() / DAY);
            // Day 0 was a Thursday.
            if lasts < 28 { (at + 3).rem_euclid(7) == 4 } else { month(at) != month(at + 1) }
        };
        let is_measured = matches!(self.settings.benchmark, Some(Benchmark::Closes(_)));
        is_measured
            && self.traded.iter().any(|Series { time, schedule, .. }| {
                let is_long = schedule.interval.is_some_and(|interval| interval >= 5 * DAY) && schedule.dates;
                is_long
                    && schedule.bar_time == BarTime::Open
                    && time.len() > 3
                    && time.iter().all(|at| is_end(schedule, at))
            })
    }

    /// What its runs are measured against, and on how many days that stands still; `None` where nothing is asked for.
    pub(super) fn benchmark(&self) -> Result<Option<(metrics::Benchmark, usize)>, SetupError> {
        let Some(benchmark) = &self.settings.benchmark else { return Ok(None) };
        let found = match benchmark {
            Benchmark::Named(_) => Err(BenchmarkProblem::Unresolved),
            Benchmark::Hold => self.held().map(|held| held.map(|held| (held, 0))),
            Benchmark::Closes(closes) => closes.aligned(self).and_then(|Aligned { returns, still }| {
                let prepared = metrics::Benchmark::new(returns).map_err(|error| self.ruined(error))?;
                Ok(Some((prepared, still)))
            }),
        };
        found.map_err(|problem| SetupError::Benchmark { name: benchmark.name(), problem })
    }

    /// Buying and holding by the days. `None` where nothing runs.
    fn held(&self) -> Result<Option<metrics::Benchmark>, BenchmarkProblem> {
        let Some(ledger) = self.hold() else { return Ok(None) };
        if ledger.fills.is_empty() {
            return Err(BenchmarkProblem::BuysNothing);
        }
        let ends = self.frame.period_ends(ReturnsPeriod::Day);
        let equity: Vec<f64> = ledger.curve().at_ends(&ends).collect();
        let prepared = metrics::Benchmark::of_equity(ledger.initial_cash, &equity);
        prepared.map(Some).map_err(|error| self.ruined(error))
    }

    /// The books of what runs are measured against, and its name; of buying and holding where that is nothing. `None` where nothing
    /// can be held.
    pub fn benchmark_books(&self) -> Option<(String, Ledger)> {
        if let (Some(Benchmark::Closes(closes)), Some(benchmark)) = (&self.settings.benchmark, self.frame.benchmark()) {
            let ends = self.frame.period_ends(ReturnsPeriod::Day);
            let (cash, mut equity) = (self.settings.account.initial_cash, Vec::with_capacity(self.timeline.len()));
            for (end, wealth) in ends.into_iter().zip(benchmark.wealth()) {
                // Within a day it is worth what it was worth before.
                equity.resize(end - 1, equity.last().copied().unwrap_or(cash));
                equity.push(cash * wealth);
            }
            return Some((closes.name.clone(), Ledger::of_equity(cash, &equity)));
        }
        let ledger = self.hold().filter(|ledger| !ledger.fills.is_empty())?;
        let name = match self.dataset.series() {
            [only] => format!("hold {}", only.symbol),
            _ => "hold".to_owned(),
        };
        Some((name, ledger))
    }

    /// Buying and holding: an equal share of equity in each instrument from its first bar on at which a strategy may act, under the account of the runs. `None`
    /// where the rules of the account are not for so many instruments, so that nothing runs.
    fn hold(&self) -> Option<Ledger> {
        let account = broker::Settings { sizing: Sizing::Equity, ..self.settings.account };
        let series = self.dataset.series();
        if account.rules.funds != BuyingPower::Margin && series.len() > 1 {
            return None;
        }
        let first = |at: usize| Some((self.first_to_act(at)?, at));
        let mut bought: Vec<_> = (0..series.len()).filter_map(first).collect();
        bought.sort_by_key(|(bar, at)| series[*at].time[*bar]);
        let targets = Targets {
            at: bought.iter().map(|(bar, _)| *bar as u32).collect(),
            instrument: bought.iter().map(|(_, at)| *at as u32).collect(),
            exposure: vec![1.0 / bought.len() as f64; bought.len()],
        };
        let (mut work, mut ledger) = (Workspace::new(), Ledger::new());
        self.simulate(&account, &mut work, &mut ledger, (&targets, Exits::default()));
        Some(ledger)
    }

    /// The first bar of instrument `at` of the data at which a strategy may act: its first one, but for rules that make it wait.
    fn first_to_act(&self, at: usize) -> Option<usize> {
        match self.within_period(self.settings.account).first_bar {
            0 => (!self.dataset.series()[at].time.is_empty()).then_some(0),
            wait => {
                let mut bars = 0..self.traded[at].len();
                let bar = bars.find(|bar| self.timeline.stamp(at, *bar) >= wait)?;
                Some(self.skipped[at] + bar)
            }
        }
    }

    fn ruined(&self, error: metrics::BenchmarkReturn) -> BenchmarkProblem {
        BenchmarkProblem::Ruined { at: self.period_days().get(error.period).copied().unwrap_or_default() }
    }
}
