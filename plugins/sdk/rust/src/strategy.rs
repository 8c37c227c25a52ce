//! What a strategy implements, and what stands between it and the contract.
//!
//! Never looks at a price.

use std::hint::black_box;

use crate::{Answer, Description, Error, Param, Params, Series, Targets};

/// A strategy that sees the whole series at once and answers with target exposures.
///
/// An answer must not depend on bars after the one that it names.
pub trait Strategy: Sized {
    /// Describes the plugin: its name and every parameter.
    fn describe() -> Description;

    /// Takes the data and computes whatever all combinations share. Called once for each data set.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy cannot work with this data at all.
    fn prepare(data: Vec<Series>) -> Result<Self, Error>;

    /// Writes the targets for one combination of parameters.
    ///
    /// # Errors
    ///
    /// Returns an error if the parameters make no sense together, or the strategy fails.
    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error>;
}

// The strategy's functions are called through pointers that the compiler cannot see through: they are then not inlined
// into the exports, and a backtrace names them.
type PrepareFn<S> = fn(Vec<Series>) -> Result<S, Error>;
type EvaluateFn<S> = fn(&S, &Params, &mut Targets) -> Result<(), Error>;

/// A strategy and its data, ready for any combination.
#[derive(Debug)]
pub struct Prepared<S> {
    strategy: S,
    /// The times of each instrument's bars; empty unless there are several instruments to merge.
    times: Vec<Vec<i64>>,
    instruments: usize,
    bars: usize,
    /// The room for the first answer, which a fork then need not allocate.
    room: Option<Targets>,
}

impl<S: Strategy> Prepared<S> {
    /// Prepares the strategy.
    ///
    /// # Errors
    ///
    /// Passes on the strategy's error.
    pub fn new(data: Vec<Series>) -> Result<Self, Error> {
        let instruments = data.len();
        let bars = data.iter().map(|series| series.time.len()).sum();
        let times = match instruments {
            0 | 1 => Vec::new(),
            _ => data.iter().map(|series| series.time.clone()).collect(),
        };
        let strategy = black_box::<PrepareFn<S>>(S::prepare)(data)?;
        Ok(Self { strategy, times, instruments, bars, room: Some(Targets::with_capacity(instruments, bars)) })
    }

    /// Evaluates one combination.
    ///
    /// # Errors
    ///
    /// Passes on the strategy's error.
    pub fn evaluate(&mut self, params: Vec<Param>) -> Result<Answer, Error> {
        let room = self.room.take();
        let mut targets = room.unwrap_or_else(|| Targets::with_capacity(self.instruments, self.bars));
        black_box::<EvaluateFn<S>>(S::evaluate)(&self.strategy, &Params::new(params), &mut targets)?;
        Ok(targets.finish(&self.times))
    }
}
