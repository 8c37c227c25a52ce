//! The subject of an audit: a strategy that has been given data, and what it answers.
//!
//! Never changes the data.

use std::{fmt, sync::Arc};

use super::{Check, Verdict, patience::Patience, samples::Sets};
use crate::{
    backtest::{Mode, Strategy},
    broker::Timeline,
    model::{Params, Series},
    sandbox::Forking,
    task::{Answer, ErrorKind, TaskError},
};

/// Combinations drawn at random that may be refused: that they are, must not depend on the future either.
const REFUSED: usize = 2;

/// A strategy with its data, asked in one of the two ways that there are.
pub(super) trait Ready: Sized {
    /// What it answers a combination with.
    type Says;
    /// What is kept from one question to the next, as far as the limits allow.
    type Kept: Default;
    /// The way.
    const MODE: Mode;
    /// What an answer consists of, in words.
    const PARTS: &'static str;

    /// Gives `strategy` the data, and asks it as long as there is `patience`.
    fn new(strategy: &Strategy, data: Arc<[Series]>, patience: &Patience) -> Self;

    /// The error that is the answer to everything, where the strategy does not take the data.
    fn failure(&self) -> Option<&TaskError>;

    /// Asks for one combination, with what the question before has kept.
    fn answer_in(&self, kept: &mut Self::Kept, params: &Params) -> Answer<Self::Says>;

    /// Asks for one combination, in a fork of its own.
    fn answer(&self, params: &Params) -> Answer<Self::Says> {
        self.answer_in(&mut Self::Kept::default(), params)
    }

    /// Does what is measured of an answer; says whether there was one.
    fn work(&self, params: &Params) -> bool {
        self.answer(params).outcome.is_ok()
    }

    /// In what two answers differ to the bit.
    fn difference(one: &Self::Says, other: &Self::Says) -> Option<&'static str>;

    /// Bytes of memory that the plugin has when it has seen all bars; none for Rust code.
    fn memory(&self, params: &Params) -> Option<usize>;

    /// How forks are made; none for Rust code.
    fn forking(&self) -> Option<&Forking>;
}

/// What is audited: a strategy, the whole data, the combinations, and what the strategy answers them with.
pub(super) struct Subject<'a, R: Ready> {
    pub(super) strategy: &'a Strategy,
    pub(super) series: Arc<[Series]>,
    pub(super) timeline: Timeline,
    pub(super) sets: Vec<Params>,
    /// One for each of `sets`.
    pub(super) answers: Vec<Answer<R::Says>>,
    pub(super) patience: Patience,
}

impl<'a, R: Ready> Subject<'a, R> {
    /// Asks `whole`, the strategy with all of `series`, for all fixed combinations and as many drawn ones as are `wanted`.
    /// Of those drawn, few that are refused count.
    pub(super) fn new(
        strategy: &'a Strategy,
        series: Arc<[Series]>,
        whole: &R,
        Sets { fixed, drawn }: Sets,
        wanted: usize,
        patience: Patience,
    ) -> Self {
        let timeline = Timeline::of(&series);
        let (sets, answers) = (Vec::new(), Vec::new());
        let mut subject = Self { strategy, series, timeline, sets, answers, patience };
        for params in fixed {
            if subject.patience.is_over() {
                break;
            }
            subject.answers.push(whole.answer(&params));
            subject.sets.push(params);
        }
        let (mut taken, mut refused) = (0, 0);
        for params in drawn {
            if taken == wanted || subject.patience.is_over() {
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
        if !(0..subject.sets.len()).any(|set| subject.is_worth_asking(set)) {
            subject.patience.give_up();
        }
        subject
    }

    /// The number of combinations that were answered.
    pub(super) fn answered(&self) -> usize {
        self.answers.iter().filter(|answer| answer.outcome.is_ok()).count()
    }

    /// Whether another answer for a combination can say anything: not where the first one used up its limits, as the next one
    /// would.
    pub(super) fn is_worth_asking(&self, set: usize) -> bool {
        self.answers[set].outcome.as_ref().err().is_none_or(|error| !error.kind.is_limit())
    }

    /// A check that passes only where everything was asked.
    pub(super) fn unless_over(&self, name: &'static str, check: impl FnOnce() -> Check) -> Check {
        let skipped = |_| Check::new(name, Verdict::Skipped, "the check ended before everything was asked");
        match self.patience.over().map(skipped) {
            Some(skipped) => skipped,
            None => match check() {
                Check { verdict: Verdict::Passed, name, .. } if self.patience.is_over() => skipped(name.to_owned()),
                check => check,
            },
        }
    }

    /// As [`unless_over`](Self::unless_over), of a check that may not be possible.
    pub(super) fn try_unless_over<E>(
        &self,
        name: &'static str,
        check: impl FnOnce() -> Result<Check, E>,
    ) -> Result<Check, E> {
        let mut error = None;
        let check = self.unless_over(name, || {
            check().unwrap_or_else(|why| {
                error = Some(why);
                Check::new(name, Verdict::Skipped, "it is not possible")
            })
        });
        error.map_or(Ok(check), Err)
    }

    /// Asks `ready` for every combination, each in a fork of its own, and returns the first that it answers differently.
    pub(super) fn first_other(&self, ready: &R) -> Option<OtherAnswer<'_>> {
        self.asked_again(0..self.sets.len()).find_map(|set| self.other(set, &ready.answer(&self.sets[set])))
    }

    /// Asks `ready` for the combinations of these numbers, and returns those that it answers differently.
    pub(super) fn others(
        &self,
        ready: &R,
        sets: impl Iterator<Item = usize>,
        kept: &mut R::Kept,
    ) -> Vec<OtherAnswer<'_>> {
        self.asked_again(sets).filter_map(|set| self.other(set, &ready.answer_in(kept, &self.sets[set]))).collect()
    }

    /// Those of `sets` that are worth asking.
    fn asked_again(&self, sets: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
        sets.filter(|set| self.is_worth_asking(*set))
    }

    fn other(&self, set: usize, answer: &Answer<R::Says>) -> Option<OtherAnswer<'_>> {
        let what = what_differs::<R>(&self.answers[set], answer)?;
        Some(OtherAnswer { params: &self.sets[set], what })
    }
}

/// A combination that was answered differently, and in what.
#[derive(Debug)]
pub(super) struct OtherAnswer<'a> {
    pub(super) params: &'a Params,
    pub(super) what: &'static str,
}

impl fmt::Display for OtherAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "other {}{}", self.what, WithParams(self.params))
    }
}

/// Parameters at the end of a phrase.
pub(super) struct WithParams<'a>(pub(super) &'a Params);

impl fmt::Display for WithParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if place == 0 { " with " } else { ", " })?;
        }
        Ok(())
    }
}

/// In what two answers to one question differ. Messages are not compared: they may carry frames.
fn what_differs<R: Ready>(one: &Answer<R::Says>, other: &Answer<R::Says>) -> Option<&'static str> {
    match (&one.outcome, &other.outcome) {
        (Err(error), _) | (_, Err(error)) if depends_on_the_machine(error.kind) => return None,
        (Ok(one), Ok(other)) => {
            if let Some(what) = R::difference(one, other) {
                return Some(what);
            }
        }
        (Err(one), Err(other)) if one.kind == other.kind => {}
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
    kind == ErrorKind::OutOfBudget || !kind.is_deterministic()
}

/// Whether the strategy refused the parameters.
pub(super) fn is_refusal(error: &TaskError) -> bool {
    error.kind == ErrorKind::InvalidParams
}
