//! Determinism: does the same question get the same answer, in any order and by every way to fork?
//!
//! Never changes a price.

use std::sync::Arc;

use super::{
    AuditError, Check, Options, Verdict,
    ready::{OtherAnswer, Ready, Subject},
    signals::{BySignals, same_targets},
};
use crate::{
    backtest::Strategy,
    model::{Series, Targets},
    sandbox::{ForkMethod, Forking, Plugin, Sandbox},
    task::Answer,
};

/// The names of the checks.
pub(super) const RUNS: &str = "two runs";
pub(super) const AGAIN: &str = "prepared again";
pub(super) const ORDER: &str = "order of tasks";
pub(super) const FORKS: &str = "ways to fork";
pub(super) const SHARED: &str = "shared forks";
pub(super) const INSTRUMENTS: &str = "order of instruments";

/// Asks for everything once more.
pub(super) fn two_runs<R: Ready>(subject: &Subject<'_, R>, whole: &R) -> Check {
    verdict(RUNS, subject.first_other(whole), || format!("the same {}, log and units", R::PARTS))
}

/// Prepares the data once more, when the plugin has prepared other data meanwhile, and asks for everything.
pub(super) fn prepared_again<R: Ready>(subject: &Subject<'_, R>) -> Check {
    let again = R::new(subject.strategy, Arc::clone(&subject.series), &subject.patience);
    verdict(AGAIN, subject.first_other(&again), || "the same after other data".to_owned())
}

/// Asks for everything from the last combination to the first.
pub(super) fn order_of_tasks<R: Ready>(subject: &Subject<'_, R>, whole: &R) -> Check {
    let backwards = subject.others(whole, (0..subject.sets.len()).rev(), &mut R::Kept::default());
    verdict(ORDER, backwards.into_iter().next(), || "the same from the last to the first".to_owned())
}

/// Asks for everything by other ways to fork.
pub(super) fn fork_methods<R: Ready>(subject: &Subject<'_, R>, options: &Options) -> Result<Check, AuditError> {
    let Strategy::Plugin(plugin) = subject.strategy else {
        return Ok(Check::new(FORKS, Verdict::Skipped, "Rust code has no forks"));
    };
    let methods = ForkMethod::each().filter(|method| options.every_fork_method || *method == ForkMethod::RePrepared);
    let mut taken = Vec::new();
    for method in methods {
        let sandbox = plugin.sandbox().but(|options| options.fork_method = method)?;
        let (ready, as_asked) = elsewhere(subject, plugin, &sandbox)?;
        if let Some(other) = subject.first_other(&ready) {
            let detail = format!("{method}: {other}");
            return Ok(Check::new(FORKS, Verdict::Failed, detail));
        }
        taken.extend((as_asked || method == ForkMethod::RePrepared).then(|| method.to_string()));
    }
    Ok(Check::new(FORKS, Verdict::Passed, format!("the same as {}", taken.join(", "))))
}

/// Prepares the data in another sandbox, and says whether forks share what was prepared.
fn elsewhere<R: Ready>(subject: &Subject<'_, R>, plugin: &Plugin, sandbox: &Sandbox) -> Result<(R, bool), AuditError> {
    let strategy = Strategy::from(plugin.reloaded(sandbox)?);
    let ready = R::new(&strategy, Arc::clone(&subject.series), &subject.patience);
    let shares = ready.forking().is_some_and(Forking::is_shared);
    Ok((ready, shares))
}

/// Asks one fork for everything, as `--tasks-per-fork` does.
pub(super) fn shared_forks<R: Ready>(subject: &Subject<'_, R>) -> Result<Check, AuditError> {
    let Strategy::Plugin(plugin) = subject.strategy else {
        return Ok(Check::new(SHARED, Verdict::Skipped, "Rust code has no forks"));
    };
    let tasks = 2 * subject.sets.len();
    let sandbox = plugin.sandbox().but(|options| options.limits.tasks_per_fork = tasks)?;
    let (ready, _) = elsewhere(subject, plugin, &sandbox)?;
    let kept = &mut R::Kept::default();
    let order = (0..subject.sets.len()).chain((0..subject.sets.len()).rev());
    // What a task finds allocated already, it need not compute: units may differ.
    let other = subject.others(&ready, order, kept).into_iter().find(|other| other.what != "units");
    Ok(match other {
        None => Check::new(SHARED, Verdict::Passed, "a fork may serve many tasks (`--tasks-per-fork`)"),
        Some(other) => {
            let detail = format!("`--tasks-per-fork` above 1 changes results: {other}");
            Check::new(SHARED, Verdict::Noted, detail)
        }
    })
}

/// Gives the instruments in reverse. A strategy may care, as where two of them rank equally.
pub(super) fn order_of_instruments(subject: &Subject<'_, BySignals>) -> Check {
    if subject.series.len() == 1 {
        return Check::new(INSTRUMENTS, Verdict::Skipped, "there is one instrument");
    }
    let reversed: Arc<[Series]> = subject.series.iter().rev().cloned().collect();
    let ready = BySignals::new(subject.strategy, reversed, &subject.patience);
    let turned = |answer: Answer<Targets>| answer.outcome.ok().map(|targets| by_instrument(&targets, subject, true));
    for (params, answer) in subject.sets.iter().zip(&subject.answers) {
        let Ok(targets) = &answer.outcome else { continue };
        let real = by_instrument(targets, subject, false);
        if turned(ready.answer(params)).is_none_or(|other| !same_targets(&real, &other)) {
            let detail = format!("{}: other targets in reverse", OtherAnswer { params, what: "targets" });
            return Check::new(INSTRUMENTS, Verdict::Noted, detail);
        }
    }
    Check::new(INSTRUMENTS, Verdict::Passed, "the same in reverse")
}

/// The entries sorted by instrument and bar, with the instruments counted from the other end if they are `reversed`.
fn by_instrument(targets: &Targets, subject: &Subject<'_, BySignals>, reversed: bool) -> Targets {
    let last = subject.series.len() as u32 - 1;
    let number = |instrument: u32| if reversed { last - instrument } else { instrument };
    let entries = targets.at.iter().zip(&targets.instrument).zip(&targets.exposure);
    let mut entries: Vec<_> = entries.map(|((&at, &one), &exposure)| (number(one), at, exposure)).collect();
    entries.sort_by_key(|&(instrument, at, _)| (instrument, at));
    Targets {
        at: entries.iter().map(|entry| entry.1).collect(),
        instrument: entries.iter().map(|entry| entry.0).collect(),
        exposure: entries.iter().map(|entry| entry.2).collect(),
    }
}

fn verdict(name: &'static str, other: Option<OtherAnswer<'_>>, same: impl FnOnce() -> String) -> Check {
    match other {
        None => Check::new(name, Verdict::Passed, same()),
        Some(other) => Check::new(name, Verdict::Failed, other.to_string()),
    }
}
