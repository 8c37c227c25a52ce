//! Audited orders: a strategy that gets one bar at a time.
//!
//! Never keeps a run: one is as long as the data, and there are many.

use std::sync::Arc;

use super::{patience::Patience, ready::Ready};
use crate::{
    backtest::{Backtest, Market, Mode, Settings, Strategy, WorkerState},
    broker::{Fill, Ledger, Timeline},
    data::Dataset,
    metrics::Selection,
    model::{Digest, Params, Series, format_time},
    sandbox::Forking,
    task::{Answer, TaskError},
};

/// A strategy with its data, run on an account with default settings.
pub(super) struct ByEvents {
    given: Given,
    patience: Patience,
}

enum Given {
    Runs(Box<Backtest>),
    /// It did not take the data.
    Failed(TaskError),
}

/// What tells one run from another, to the bit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Traces {
    fills: Digest,
    equity: Digest,
}

impl Traces {
    fn of(ledger: &Ledger) -> Self {
        let mut fills = blake3::Hasher::new();
        for &Fill { instrument, bar, units, price, fee, order } in &ledger.fills {
            fills.update(&instrument.to_le_bytes()).update(&bar.to_le_bytes()).update(&order.to_le_bytes());
            for number in [units, price, fee] {
                fills.update(&number.to_le_bytes());
            }
        }
        let mut equity = blake3::Hasher::new();
        for value in ledger.equity() {
            equity.update(&value.to_le_bytes());
        }
        Self { fills: fills.finalize().into(), equity: equity.finalize().into() }
    }
}

/// Gives `strategy` data, to be run in one way on an account with default settings. Nothing is measured.
pub(super) fn backtest(strategy: &Strategy, mode: Mode, data: Arc<[Series]>) -> Result<Backtest, TaskError> {
    let data = Dataset::new(data.to_vec()).map_err(|error| TaskError::failed(error.to_string()))?;
    let settings = Settings { mode: Some(mode), metrics: Selection::none(), ..Settings::default() };
    Ok(Backtest::new(Arc::new(Market::new(data, settings)?), strategy.clone())?)
}

impl Ready for ByEvents {
    type Says = Traces;
    type Kept = WorkerState;
    const MODE: Mode = Mode::Events;
    const PARTS: &'static str = "fills, equity";

    fn new(strategy: &Strategy, data: Arc<[Series]>, patience: &Patience) -> Self {
        let given = match patience.give(|| backtest(strategy, Mode::Events, data)) {
            Ok(backtest) => Given::Runs(Box::new(backtest)),
            Err(error) => Given::Failed(error),
        };
        Self { given, patience: patience.clone() }
    }

    fn failure(&self) -> Option<&TaskError> {
        match &self.given {
            Given::Failed(error) => Some(error),
            Given::Runs(_) => None,
        }
    }

    fn answer_in(&self, state: &mut WorkerState, params: &Params) -> Answer<Traces> {
        self.run(state, params).and_then(|()| Ok(Traces::of(state.ledger())))
    }

    fn work(&self, params: &Params) -> bool {
        self.run(&mut WorkerState::default(), params).outcome.is_ok()
    }

    fn difference(one: &Traces, other: &Traces) -> Option<&'static str> {
        match () {
            () if one.fills != other.fills => Some("fills"),
            () if one.equity != other.equity => Some("equity"),
            () => None,
        }
    }

    fn memory(&self, params: &Params) -> Option<usize> {
        let mut state = WorkerState::default();
        self.run(&mut state, params).outcome.ok()?;
        state.memory()
    }

    fn forking(&self) -> Option<&Forking> {
        match &self.given {
            Given::Runs(backtest) => backtest.forking(),
            Given::Failed(_) => None,
        }
    }
}

impl ByEvents {
    /// Runs one combination; the books are in `state`.
    pub(super) fn run(&self, state: &mut WorkerState, params: &Params) -> Answer<()> {
        match &self.given {
            Given::Runs(backtest) => self.patience.ask(|| backtest.run(state, params)).and_then(|_| Ok(())),
            Given::Failed(error) => Answer::native(Err(error.clone())),
        }
    }
}

/// Where two runs over the same bars part.
#[derive(Debug)]
pub(super) enum Divergence<'a> {
    /// At a fill that one of them does not have, or has differently.
    Fill(Option<&'a Fill>, Option<&'a Fill>),
    /// At the close of this time stamp: all fills are alike, and the account is worth something else.
    Equity(usize, f64, f64),
}

impl<'a> Divergence<'a> {
    /// Compares two books through the first `stamps` time stamps, of which both have all bars.
    pub(super) fn of(timeline: &Timeline, stamps: usize, one: &'a Ledger, other: &'a Ledger) -> Option<Self> {
        let (fills, others) = (known(timeline, stamps, one), known(timeline, stamps, other));
        let same = |(one, other): &(&Fill, &Fill)| bits(one) == bits(other);
        let alike = fills.iter().zip(others).take_while(same).count();
        if alike < fills.len().max(others.len()) {
            return Some(Self::Fill(fills.get(alike), others.get(alike)));
        }
        let (equity, others) = (one.equity(), other.equity());
        let differs = |&stamp: &usize| equity[stamp].to_bits() != others[stamp].to_bits();
        let stamp = (0..stamps).find(differs)?;
        Some(Self::Equity(stamp, equity[stamp], others[stamp]))
    }

    /// The place, and what the two runs, of these names, have there.
    pub(super) fn told(&self, series: &[Series], timeline: &Timeline, names: [&str; 2]) -> String {
        let [first, second] = names;
        let (one, other) = match *self {
            Self::Fill(one, other) => (one, other),
            Self::Equity(stamp, one, other) => {
                let time = format_time(timeline.times()[stamp]);
                return format!("{time}: {first} is worth {one}, {second} {other}");
            }
        };
        let Some(earliest) = [one, other].into_iter().flatten().min_by_key(|fill| stamp(timeline, fill)) else {
            return "no fill".to_owned();
        };
        let Fill { instrument, bar, .. } = *earliest;
        let there = |fill: Option<&Fill>| {
            fill.filter(|fill| (fill.instrument, fill.bar) == (instrument, bar))
                .map_or("nothing".to_owned(), |fill| format!("{} at {}", fill.units, fill.price))
        };
        let (series, bar) = (&series[instrument as usize], bar as usize);
        let (symbol, time) = (&series.symbol, format_time(series.time[bar]));
        format!("bar {bar} of {symbol}, {time}: {first} trades {}, {second} {}", there(one), there(other))
    }
}

/// The fills at the first `stamps` time stamps; fills are sorted by time.
pub(super) fn known<'a>(timeline: &Timeline, stamps: usize, ledger: &'a Ledger) -> &'a [Fill] {
    &ledger.fills[..ledger.fills.partition_point(|fill| stamp(timeline, fill) < stamps)]
}

/// The time stamp of a fill.
pub(super) fn stamp(timeline: &Timeline, fill: &Fill) -> usize {
    timeline.stamp(fill.instrument as usize, fill.bar as usize)
}

/// What was traded where, to the bit. Numbers of orders are not compared: a target has none.
fn bits(fill: &Fill) -> (u32, u32, [u64; 3]) {
    let &Fill { instrument, bar, units, price, fee, .. } = fill;
    (instrument, bar, [units, price, fee].map(f64::to_bits))
}
