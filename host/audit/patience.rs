//! Patience: how long an audit goes on asking a strategy that uses up its limits.
//!
//! Never asks a strategy, and never ends one: it counts, and says when enough is known.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use crate::task::{Answer, ErrorKind, TaskError};

/// Answers at a limit after which a strategy that has not answered once is given up.
const AT_FIRST: u32 = 3;

/// Answers at a limit after which any strategy is given up. Each takes all of its budget, or all of its time.
const IN_ALL: u32 = 12;

/// The time that answers at a limit may take together, once there are [`AT_FIRST`] of them.
const LOST: Duration = Duration::from_secs(60);

/// What an audit may still spend on a strategy. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Patience(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    end: Option<(Duration, Instant)>,
    answered: Cell<bool>,
    ended: Cell<u32>,
    lost: Cell<Duration>,
    /// The last answer at a limit, in words.
    last: RefCell<String>,
    /// Why it is over.
    over: RefCell<Option<String>>,
}

impl Patience {
    /// Patience for `total` from now on, or without an end by the clock.
    pub(super) fn new(total: Option<Duration>) -> Self {
        let end = total.and_then(|total| Some((total, Instant::now().checked_add(total)?)));
        Self(Rc::new(Inner {
            end,
            answered: Cell::new(false),
            ended: Cell::new(0),
            lost: Cell::new(Duration::ZERO),
            last: RefCell::default(),
            over: RefCell::new(None),
        }))
    }

    /// Why nothing more is asked, once that is so.
    pub(super) fn over(&self) -> Option<String> {
        let inner = &*self.0;
        if let Some((total, end)) = inner.end
            && Instant::now() >= end
        {
            let why = format!(
                "the check took {} s, which is all it may take (`--total-timeout`); `--quick`, or less data, takes less",
                total.as_secs_f64()
            );
            inner.over.borrow_mut().get_or_insert(why);
        }
        inner.over.borrow().clone()
    }

    /// Whether nothing more is asked.
    pub(super) fn is_over(&self) -> bool {
        self.over().is_some()
    }

    /// Asks, unless patience is over, and counts an answer at a limit.
    pub(super) fn ask<T>(&self, question: impl FnOnce() -> Answer<T>) -> Answer<T> {
        if let Some(why) = self.over() {
            return Answer::native(Err(not_asked(why)));
        }
        let start = Instant::now();
        let answer = question();
        self.count(answer.outcome.as_ref().err(), start.elapsed());
        answer
    }

    /// As [`ask`](Self::ask), of giving data.
    pub(super) fn give<T>(&self, data: impl FnOnce() -> Result<T, TaskError>) -> Result<T, TaskError> {
        if let Some(why) = self.over() {
            return Err(not_asked(why));
        }
        let start = Instant::now();
        let given = data();
        if let Err(error) = &given {
            self.count(Some(error), start.elapsed());
        }
        given
    }

    fn count(&self, error: Option<&TaskError>, took: Duration) {
        let inner = &*self.0;
        let Some(error) = error else { return inner.answered.set(true) };
        if !error.kind.is_limit() {
            return;
        }
        let ended = inner.ended.get() + 1;
        inner.ended.set(ended);
        inner.lost.set(inner.lost.get() + took);
        let first_line = error.message.lines().next().unwrap_or_default();
        inner.last.replace(format!("{}: {first_line}", error.kind));
        let never = !inner.answered.get() && ended >= AT_FIRST;
        if never || ended >= IN_ALL || (ended >= AT_FIRST && inner.lost.get() >= LOST) {
            self.give_up();
        }
    }

    /// Asks nothing more, since there is nothing that has not used up its limits.
    pub(super) fn give_up(&self) {
        let Inner { answered, ended, last, over, .. } = &*self.0;
        let (ended, last) = (ended.get(), last.borrow());
        let answers = if ended == 1 { "1 answer".to_owned() } else { format!("{ended} answers") };
        let none = if answered.get() { "" } else { ", and there was no other" };
        let why = format!(
            "{answers} used up the limits of a task{none}; the last one: {last}; give larger limits (`--budget`, `--timeout`), other \
             parameters (`--param`) or less data"
        );
        over.borrow_mut().get_or_insert(why);
    }
}

/// The error in place of an answer that was not asked for. It says nothing about the strategy.
fn not_asked(why: String) -> TaskError {
    TaskError::new(ErrorKind::OutOfBudget, format!("it was not asked: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(patience: &Patience, outcome: Result<(), ErrorKind>) -> bool {
        let mut asked = false;
        let answer = patience.ask(|| {
            asked = true;
            Answer::native(outcome.map_err(|kind| TaskError::new(kind, "used up its 5 units\n  at evaluate")))
        });
        assert!(asked || answer.outcome.is_err());
        asked
    }

    fn asked_until_over(before: &[Result<(), ErrorKind>], kind: ErrorKind) -> usize {
        let patience = Patience::new(None);
        before.iter().for_each(|outcome| assert!(ask(&patience, *outcome)));
        (0..100).take_while(|_| ask(&patience, Err(kind))).count()
    }

    #[test]
    fn a_strategy_that_never_answers_is_given_up_soon() {
        assert_eq!(asked_until_over(&[], ErrorKind::OutOfBudget), 3);
        assert_eq!(asked_until_over(&[], ErrorKind::TimedOut), 3);
        assert_eq!(asked_until_over(&[Err(ErrorKind::Failed)], ErrorKind::TimedOut), 3);
    }

    #[test]
    fn one_that_answers_is_given_up_late_and_one_that_fails_by_itself_never() {
        assert_eq!(asked_until_over(&[Ok(())], ErrorKind::OutOfBudget), 12);
        assert_eq!(asked_until_over(&[], ErrorKind::Trap), 100);
        assert_eq!(asked_until_over(&[], ErrorKind::InvalidParams), 100);
    }

    #[test]
    fn it_says_why_it_is_over_and_what_to_do() {
        let patience = Patience::new(None);
        assert_eq!(patience.over(), None);
        while ask(&patience, Err(ErrorKind::OutOfBudget)) {}
        let why = patience.over().unwrap();
        let start = "3 answers used up the limits of a task, and there was no other; the last one: out-of-budget: used up its 5";
        assert!(why.starts_with(start) && why.contains("`--budget`"), "{why}");
        let late = Patience::new(Some(Duration::ZERO));
        assert!(late.is_over() && !ask(&late, Ok(())));
        assert!(late.give(|| Ok(())).unwrap_err().message.contains("`--total-timeout`"));
    }
}
