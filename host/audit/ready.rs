//! A strategy that has been given data, and what it answers.
//!
//! Never changes the data.

use std::{fmt, sync::Arc};

use super::samples::Sets;
use crate::{
    backtest::{Native, Strategy},
    broker::Timeline,
    model::{Params, Series, Targets},
    sandbox::{Answer, Interface, Prepared, Seat},
    task::{ErrorKind, TaskError},
};

/// Combinations drawn at random that may be refused: that they are, must not depend on the future either.
const REFUSED: usize = 2;

/// A strategy with its data.
pub(super) enum Ready {
    /// A plugin that has prepared.
    Plugin(Box<Prepared>),
    /// A Rust function and its bars.
    Native(Native, Arc<[Series]>),
    /// A plugin that did not take the data: the error is its answer to everything.
    Failed(TaskError),
}

impl Ready {
    pub(super) fn new(strategy: &Strategy, data: Arc<[Series]>) -> Self {
        match strategy {
            Strategy::Native(native) => Self::Native(native.clone(), data),
            Strategy::NativeEvents(_) => {
                Self::Failed(TaskError::failed("it has no targets: it hears of bars one by one"))
            }
            Strategy::Plugin(plugin) => match Prepared::new(plugin, Interface::Signals, data) {
                Ok(prepared) => Self::Plugin(Box::new(prepared)),
                Err(error) => Self::Failed(error),
            },
        }
    }

    /// Asks for the targets of one combination, in a fork of its own.
    pub(super) fn answer(&self, params: &Params) -> Answer<Targets> {
        self.answer_at(&mut Seat::default(), params)
    }

    /// Does the same at a seat, which keeps the fork for as many tasks as the limits say.
    pub(super) fn answer_at(&self, seat: &mut Seat, params: &Params) -> Answer<Targets> {
        match self {
            Self::Plugin(prepared) => prepared.evaluate_at(seat, params),
            Self::Native(native, series) => Answer::native(native.targets(series, params)),
            Self::Failed(error) => Answer::native(Err(error.clone())),
        }
    }

    /// Bytes of memory that the plugin has after `prepare`.
    pub(super) fn memory(&self) -> Option<usize> {
        match self {
            Self::Plugin(prepared) => Some(prepared.memory_used()),
            Self::Native(..) | Self::Failed(_) => None,
        }
    }
}

/// What is audited: a strategy, the whole data, the combinations, and what the strategy answers them with.
pub(super) struct Subject<'a> {
    pub(super) strategy: &'a Strategy,
    pub(super) series: Arc<[Series]>,
    pub(super) timeline: Timeline,
    pub(super) sets: Vec<Params>,
    /// One for each of `sets`.
    pub(super) answers: Vec<Answer<Targets>>,
}

impl<'a> Subject<'a> {
    /// Asks `whole`, the strategy with all of `series`, for all fixed combinations and as many drawn ones as are `wanted`.
    /// Of those drawn, few that are refused count.
    pub(super) fn new(
        strategy: &'a Strategy,
        series: Arc<[Series]>,
        whole: &Ready,
        Sets { fixed, drawn }: Sets,
        wanted: usize,
    ) -> Self {
        let timeline = Timeline::of(&series);
        let answers = fixed.iter().map(|params| whole.answer(params)).collect();
        let mut subject = Self { strategy, series, timeline, sets: fixed, answers };
        let (mut taken, mut refused) = (0, 0);
        for params in drawn {
            if taken == wanted {
                break;
            }
            let answer = whole.answer(&params);
            if answer.outcome.as_ref().is_err_and(is_refusal) {
                refused += 1;
                if refused > REFUSED {
                    continue;
                }
            }
            taken += 1;
            subject.sets.push(params);
            subject.answers.push(answer);
        }
        subject
    }

    /// The number of combinations that were answered with targets or none.
    pub(super) fn answered(&self) -> usize {
        self.answers.iter().filter(|answer| answer.outcome.is_ok()).count()
    }

    /// Asks `ready` for every combination, each in a fork of its own, and returns the first that it answers differently.
    pub(super) fn first_other(&self, ready: &Ready) -> Option<Other<'_>> {
        (0..self.sets.len()).find_map(|set| self.other(set, &ready.answer(&self.sets[set])))
    }

    /// Asks `ready` at one seat for the combinations of these numbers, and returns those that it answers differently.
    pub(super) fn others(&self, ready: &Ready, sets: impl Iterator<Item = usize>, seat: &mut Seat) -> Vec<Other<'_>> {
        sets.filter_map(|set| self.other(set, &ready.answer_at(seat, &self.sets[set]))).collect()
    }

    fn other(&self, set: usize, answer: &Answer<Targets>) -> Option<Other<'_>> {
        let what = what_differs(&self.answers[set], answer)?;
        Some(Other { params: &self.sets[set], what })
    }
}

/// A combination that was answered differently, and in what.
#[derive(Debug)]
pub(super) struct Other<'a> {
    pub(super) params: &'a Params,
    pub(super) what: &'static str,
}

impl fmt::Display for Other<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "other {}", self.what)?;
        for (place, (name, value)) in self.params.iter().enumerate() {
            write!(f, "{}{name}={value}", if place == 0 { " with " } else { ", " })?;
        }
        Ok(())
    }
}

/// In what two answers to one question differ. Messages are not compared: they may carry frames.
fn what_differs(one: &Answer<Targets>, other: &Answer<Targets>) -> Option<&'static str> {
    match (&one.outcome, &other.outcome) {
        (Err(error), _) | (_, Err(error)) if depends_on_the_machine(error.kind) => return None,
        (Ok(one), Ok(other)) if same_targets(one, other) => {}
        (Err(one), Err(other)) if one.kind == other.kind => {}
        (Ok(_), Ok(_)) => return Some("targets"),
        _ => return Some("success"),
    }
    if one.log != other.log {
        return Some("log");
    }
    let counted = one.units.zip(other.units);
    counted.is_some_and(|(one, other)| one != other).then_some("units")
}

/// Whether an error may say more about the machine than about the strategy.
fn depends_on_the_machine(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::OutOfBudget | ErrorKind::Host)
}

/// Whether the strategy refused the parameters.
pub(super) fn is_refusal(error: &TaskError) -> bool {
    error.kind == ErrorKind::InvalidParams
}

/// Whether two answers are the same to the bit.
pub(super) fn same_targets(one: &Targets, other: &Targets) -> bool {
    let same = |(one, other): (&f64, &f64)| one.to_bits() == other.to_bits();
    let same_places = one.at == other.at && one.instrument == other.instrument;
    same_places && one.exposure.iter().zip(&other.exposure).all(same)
}
