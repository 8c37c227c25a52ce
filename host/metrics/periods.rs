//! Period returns of one run: months, years, the worst drawdowns, and crises.
//!
//! For the report on a single run; never part of a sweep's loop.

use jiff::civil::{Date, date};
use serde::{Serialize, Serializer};

use super::{Frame, calendar, drawdown};
use crate::broker::Ledger;

/// The return of a calendar month or year, which are those of the trading days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PeriodReturn {
    /// The year.
    pub year: i16,
    /// The month, from 1; `None` for a whole year.
    pub month: Option<i8>,
    /// The return as a share; `None` where the account had nothing left when the period began.
    #[serde(rename = "return")]
    pub change: Option<f64>,
}

/// A fall from a peak of equity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawdown {
    /// Nanoseconds since the Unix epoch: the peak; the first bar where the initial cash was the peak.
    pub peak_time: i64,
    /// Nanoseconds since the Unix epoch: the bottom.
    pub trough_time: i64,
    /// Nanoseconds since the Unix epoch: when equity was at the peak again; `None` while it is not.
    pub recovery_time: Option<i64>,
    /// Share of the peak that was lost, negative.
    pub depth: f64,
    /// Calendar days from peak to bottom.
    pub days_to_trough: f64,
    /// Calendar days from bottom to recovery; `None` while it is not over.
    pub days_to_recovery: Option<f64>,
    /// Calendar days from the peak until recovery, or until the last bar.
    pub days: f64,
}

/// A stretch of time that markets remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Crisis {
    /// What people call it.
    pub name: &'static str,
    /// Its first day.
    #[serde(serialize_with = "as_text")]
    pub first: Date,
    /// Its last day.
    #[serde(serialize_with = "as_text")]
    pub last: Date,
}

/// What a run made of a crisis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CrisisReturn {
    /// The crisis.
    #[serde(flatten)]
    pub crisis: Crisis,
    /// The return as a share, over those of its days that the data covers; `None` where nothing was left before.
    #[serde(rename = "return")]
    pub change: Option<f64>,
}

/// Returns the return of every calendar month of the run.
pub fn monthly_returns(ledger: &Ledger, frame: &Frame) -> Vec<PeriodReturn> {
    by_period(ledger, frame, &frame.calendar.months, |day| Some(day.month()))
}

/// Returns the return of every calendar year of the run.
pub fn yearly_returns(ledger: &Ledger, frame: &Frame) -> Vec<PeriodReturn> {
    by_period(ledger, frame, &frame.calendar.years, |_| None)
}

fn by_period(ledger: &Ledger, frame: &Frame, ends: &[usize], month: impl Fn(Date) -> Option<i8>) -> Vec<PeriodReturn> {
    let starts = std::iter::once(&0).chain(ends);
    let periods = starts.zip(ends).map(|(&start, &end)| {
        let day = calendar::date(frame.days[end - 1]);
        PeriodReturn { year: day.year(), month: month(day), change: change(ledger, start, end) }
    });
    periods.collect()
}

/// The return over the stamps from `start` to before `end`.
fn change(ledger: &Ledger, start: usize, end: usize) -> Option<f64> {
    let before = if start == 0 { ledger.initial_cash } else { ledger.curve().at(start - 1) };
    (before > 0.0).then(|| ledger.curve().at(end - 1) / before - 1.0)
}

/// Returns the `count` deepest drawdowns, deepest first.
pub fn worst_drawdowns(ledger: &Ledger, frame: &Frame, count: usize) -> Vec<Drawdown> {
    let (equity, mut episodes) = (ledger.equity(), Vec::new());
    drawdown::list(ledger.initial_cash, &equity, &mut episodes);
    episodes.sort_by(|a, b| a.depth().total_cmp(&b.depth()));
    episodes.truncate(count);
    episodes.iter().map(|episode| describe(episode, &equity, &frame.times)).collect()
}

fn describe(episode: &drawdown::Episode, equity: &[f64], times: &[i64]) -> Drawdown {
    let peak_time = times[episode.peak_stamp()];
    let trough_time = times[episode.trough(equity)];
    let recovery_time = times.get(episode.end).copied();
    Drawdown {
        peak_time,
        trough_time,
        recovery_time,
        depth: episode.depth(),
        days_to_trough: drawdown::days(peak_time, trough_time),
        days_to_recovery: recovery_time.map(|time| drawdown::days(trough_time, time)),
        days: episode.days(times),
    }
}

/// Returns the drawdown at the close of every time stamp, as a share of the peak so far: zero or negative.
pub fn drawdown_curve(ledger: &Ledger) -> Vec<f64> {
    let mut peak = ledger.initial_cash;
    let mut curve = ledger.equity();
    for equity in &mut curve {
        peak = peak.max(*equity);
        *equity = *equity / peak - 1.0;
    }
    curve
}

/// Returns the crises known here, in the order of their first days.
///
/// The idea and several of the windows are those of pyfolio's `interesting_periods`; the others are the falls that most
/// histories of the markets name.
pub fn crises() -> [Crisis; 16] {
    let crisis = |name, first: Date, last: Date| Crisis { name, first, last };
    [
        crisis("Black Monday", date(1987, 10, 14), date(1987, 10, 30)),
        crisis("Gulf War", date(1990, 7, 16), date(1990, 10, 11)),
        crisis("Asian crisis", date(1997, 10, 7), date(1997, 10, 28)),
        crisis("Russia and LTCM", date(1998, 7, 17), date(1998, 10, 8)),
        crisis("Dot-com crash", date(2000, 3, 10), date(2000, 9, 10)),
        crisis("September 11", date(2001, 9, 11), date(2001, 10, 11)),
        crisis("Quant quake", date(2007, 8, 1), date(2007, 9, 1)),
        crisis("Lehman", date(2008, 8, 1), date(2008, 10, 1)),
        crisis("First quarter of 2009", date(2009, 1, 1), date(2009, 3, 1)),
        crisis("Flash crash", date(2010, 5, 5), date(2010, 5, 10)),
        crisis("Fukushima", date(2011, 3, 16), date(2011, 4, 16)),
        crisis("US downgrade and euro debt", date(2011, 8, 5), date(2011, 9, 5)),
        crisis("China and oil", date(2015, 8, 15), date(2015, 9, 30)),
        crisis("Fourth quarter of 2018", date(2018, 10, 1), date(2018, 12, 24)),
        crisis("Covid", date(2020, 2, 19), date(2020, 3, 23)),
        crisis("Inflation and rates", date(2022, 1, 3), date(2022, 10, 14)),
    ]
}

fn as_text<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// Returns what the run made of each of [`crises`] that its data has a bar in.
pub fn crisis_returns(ledger: &Ledger, frame: &Frame) -> Vec<CrisisReturn> {
    let within = |crisis: Crisis| {
        let start = frame.days.partition_point(|&day| calendar::date(day) < crisis.first);
        let end = frame.days.partition_point(|&day| calendar::date(day) <= crisis.last);
        (start < end).then(|| CrisisReturn { crisis, change: change(ledger, start, end) })
    };
    crises().into_iter().filter_map(within).collect()
}
