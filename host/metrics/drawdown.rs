//! Drawdowns: falls of equity from a peak, and the recoveries.

use super::{Frame, Metrics, Scratch, odds, returns::NOISE, sums};
use crate::broker::Ledger;

const DAY: f64 = 86_400_000_000_000.0;

/// One fall: the time stamps from the first below a peak until the last before the peak is reached again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Episode {
    pub(super) peak: f64,
    /// The first stamp below the peak.
    pub(super) start: usize,
    /// The stamp at which the peak is reached again; the number of stamps where it is not.
    pub(super) end: usize,
    /// The lowest equity.
    pub(super) low: f64,
}

impl Episode {
    /// The depth as a share of the peak, negative.
    pub(super) fn depth(&self) -> f64 {
        self.low / self.peak - 1.0
    }

    /// The stamp of the peak; the first stamp where the initial cash is the peak.
    pub(super) fn peak_stamp(&self) -> usize {
        self.start.saturating_sub(1)
    }

    /// The first stamp at which equity is lowest.
    pub(super) fn trough(&self, equity: &[f64]) -> usize {
        let fall = &equity[self.start..self.end];
        self.start + fall.iter().position(|&equity| equity == self.low).unwrap_or(0)
    }

    /// Days from the peak until it is reached again, or until the end.
    pub(super) fn days(&self, times: &[i64]) -> f64 {
        days(times[self.peak_stamp()], times[self.end.min(times.len() - 1)])
    }
}

/// Calendar days between two times in nanoseconds.
pub(super) fn days(from: i64, to: i64) -> f64 {
    (to as f64 - from as f64) / DAY
}

/// Lists all falls into `episodes`, in the order of time.
pub(super) fn list(initial_cash: f64, equity: &[f64], episodes: &mut Vec<Episode>) {
    episodes.clear();
    let mut peak = initial_cash;
    let mut stamp = 0;
    while stamp < equity.len() {
        if equity[stamp] >= peak {
            peak = equity[stamp];
            stamp += 1;
            continue;
        }
        let length = equity[stamp..].iter().position(|&equity| equity >= peak).unwrap_or(equity.len() - stamp);
        let end = stamp + length;
        let low = sums::extremes(&equity[stamp..end]).map_or(peak, |(low, _)| low);
        episodes.push(Episode { peak, start: stamp, end, low });
        stamp = end;
    }
}

impl Metrics {
    /// Depths and lengths of all falls, and what is measured against them. Comes after the books.
    pub(super) fn drawdowns(&mut self, ledger: &Ledger, frame: &Frame, scratch: &mut Scratch) {
        let Scratch { equity, drawdowns: episodes, .. } = scratch;
        ledger.curve().write_to(equity);
        if equity.is_empty() {
            return;
        }
        list(ledger.initial_cash, equity, episodes);
        let deepest = episodes.iter().min_by(|a, b| a.depth().total_cmp(&b.depth()));
        self.recovery_days = deepest.filter(|fall| fall.end < equity.len()).map(|fall| {
            let trough = fall.trough(equity);
            days(frame.times[trough], frame.times[fall.end])
        });
        self.ulcer(equity, episodes, frame.risk_free);
        self.durations(episodes, &frame.times);
    }

    fn ulcer(&mut self, equity: &[f64], episodes: &[Episode], risk_free: f64) {
        let squares = episodes.iter().map(|fall| {
            let square = sums::sum(&equity[fall.start..fall.end], |e| (e - fall.peak) * (e - fall.peak));
            square / (fall.peak * fall.peak)
        });
        let ulcer = (squares.fold(0.0, |sum, square| sum + square) / equity.len() as f64).sqrt();
        self.ulcer_index = Some(ulcer);
        let ulcer = Some(ulcer).filter(|ulcer| *ulcer == 0.0 || *ulcer > NOISE);
        self.upi = self.cagr.zip(ulcer).and_then(|(cagr, ulcer)| odds(cagr - risk_free, ulcer));
    }

    fn durations(&mut self, episodes: &[Episode], times: &[i64]) {
        let count = episodes.len().max(1) as f64;
        let (mut depths, mut total, mut longest) = (0.0, 0.0, 0.0);
        for fall in episodes {
            let days = fall.days(times);
            depths += fall.depth();
            total += days;
            longest = f64::max(longest, days);
        }
        self.average_drawdown = Some(depths / count);
        self.average_drawdown_days = Some(total / count);
        self.max_drawdown_days = Some(longest);
    }
}
