//! Audited targets: a strategy that gets all bars at once.
//!
//! Never trades them.

use std::sync::Arc;

use super::{patience::Patience, ready::Ready};
use crate::{
    backtest::{Mode, Native, Strategy},
    model::{Params, Series, Targets},
    sandbox::{ForkSlot, Forking, Prepared, Signals},
    task::{Answer, TaskError},
};

/// A strategy with its data, asked for targets.
pub(super) struct BySignals {
    given: Given,
    patience: Patience,
}

enum Given {
    /// A plugin that has prepared.
    Plugin(Box<Prepared<Signals>>),
    /// A Rust function and its bars.
    Native(Native, Arc<[Series]>),
    /// A plugin that did not take the data.
    Failed(TaskError),
}

impl Ready for BySignals {
    type Says = Targets;
    type Kept = ForkSlot<Signals>;
    const MODE: Mode = Mode::Signals;
    const PARTS: &'static str = "targets";

    fn new(strategy: &Strategy, data: Arc<[Series]>, patience: &Patience) -> Self {
        let given = match strategy {
            Strategy::Native(native) => Given::Native(native.clone(), data),
            Strategy::NativeEvents(_) | Strategy::WithExits(_) => {
                Given::Failed(TaskError::failed("it has no targets: it hears of bars one by one"))
            }
            Strategy::Plugin(plugin) => match patience.give(|| Prepared::new(plugin, data)) {
                Ok(prepared) => Given::Plugin(Box::new(prepared)),
                Err(error) => Given::Failed(error),
            },
        };
        Self { given, patience: patience.clone() }
    }

    fn failure(&self) -> Option<&TaskError> {
        match &self.given {
            Given::Failed(error) => Some(error),
            Given::Plugin(_) | Given::Native(..) => None,
        }
    }

    fn answer_in(&self, slot: &mut ForkSlot<Signals>, params: &Params) -> Answer<Targets> {
        match &self.given {
            Given::Plugin(prepared) => self.patience.ask(|| prepared.evaluate_in(slot, params)),
            Given::Native(native, series) => self.patience.ask(|| Answer::native(native.targets(series, params))),
            Given::Failed(error) => Answer::native(Err(error.clone())),
        }
    }

    fn difference(one: &Targets, other: &Targets) -> Option<&'static str> {
        (!same_targets(one, other)).then_some("targets")
    }

    fn memory(&self, _: &Params) -> Option<usize> {
        match &self.given {
            Given::Plugin(prepared) => Some(prepared.memory_used()),
            Given::Native(..) | Given::Failed(_) => None,
        }
    }

    fn forking(&self) -> Option<&Forking> {
        match &self.given {
            Given::Plugin(prepared) => Some(prepared.forking()),
            Given::Native(..) | Given::Failed(_) => None,
        }
    }
}

/// Whether two answers are the same to the bit.
pub(super) fn same_targets(one: &Targets, other: &Targets) -> bool {
    let same = |(one, other): (&f64, &f64)| one.to_bits() == other.to_bits();
    let same_places = one.at == other.at && one.instrument == other.instrument;
    same_places && one.exposure.iter().zip(&other.exposure).all(same)
}
