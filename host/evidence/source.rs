//! The source of a report: a file of returns that can be stopped, its year, and the rate that must be beaten.

use std::io;

use super::error::EvidenceError;
use crate::{
    model::format_time,
    results::ReturnsFile,
    sweep::{Provenance, Stop},
    trust::{Returns, TrustError},
};

/// Nanoseconds of a year of 365.25 days.
const YEAR: f64 = 365.25 * 86_400e9;

/// A file of returns whose next block is refused once a stop was requested.
pub(super) struct Source<'a> {
    pub(super) file: &'a ReturnsFile,
    pub(super) sweep: Option<Provenance>,
    /// The rate that must be beaten, a fraction a year.
    pub(super) risk_free: f64,
    /// Periods of a year; `None` where no time passes.
    periods: Option<f64>,
    stop: &'a Stop,
}

impl<'a> Source<'a> {
    /// The source `file`, with the rate that is asked for, else that of the account of the sweep.
    pub(super) fn new(file: &'a ReturnsFile, asked: Option<f64>, stop: &'a Stop) -> Result<Self, TrustError> {
        let sweep = Provenance::of_facts(|name| file.fact(name));
        let of_sweep = || sweep.as_ref()?.request.account.risk_free;
        let risk_free = asked.or_else(of_sweep).unwrap_or(0.0);
        if !risk_free.is_finite() {
            let (what, range) = ("the risk-free rate", "a finite number, such as 0.02 for 2 % a year");
            return Err(TrustError::OutOfRange { what, value: risk_free, range });
        }
        Ok(Self { file, risk_free, periods: periods_per_year(file.times()), stop, sweep })
    }

    /// Periods of a year; 1 where no time passes.
    pub(super) fn per_year(&self) -> f64 {
        self.periods.unwrap_or(1.0)
    }

    /// The rate per period that must be beaten.
    pub(super) fn rate(&self) -> f64 {
        self.periods.map_or(0.0, |periods| self.risk_free / periods)
    }

    /// A ratio per period as one per year.
    pub(super) fn a_year(&self, ratio: f64) -> f64 {
        ratio * self.per_year().sqrt()
    }

    /// The periods to leave out where a part ends: as `given`, else as long as the combinations hold a position, but no more than a
    /// quarter of a part, which has `part` periods.
    pub(super) fn purge(&self, given: Option<usize>, part: usize) -> usize {
        given.unwrap_or_else(|| (self.file.holding().unwrap_or(0.0).ceil() as usize).min(part / 4))
    }

    /// The last time stamp of a period, ISO 8601.
    pub(super) fn time(&self, period: usize) -> Option<String> {
        self.file.times().get(period).map(|at| format_time(*at))
    }

    /// What went wrong: a stop, if one was requested.
    pub(super) fn problem(&self, error: TrustError) -> EvidenceError {
        if self.stop.is_stopped() { EvidenceError::Stopped } else { error.into() }
    }
}

impl Returns for Source<'_> {
    fn periods(&self) -> usize {
        self.file.periods()
    }

    fn cells(&self) -> usize {
        self.file.cells()
    }

    fn block(&self, number: usize) -> io::Result<Vec<f32>> {
        if self.stop.is_stopped() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.file.block(number)
    }
}

/// Periods in a year, by the times of the first and the last.
fn periods_per_year(times: &[i64]) -> Option<f64> {
    let years = (times.last()?.saturating_sub(*times.first()?)) as f64 / YEAR;
    (years > 0.0).then(|| (times.len() - 1) as f64 / years)
}
