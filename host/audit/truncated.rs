//! Truncated data: does a run on the first part go like the run on all of it?
//!
//! Never asks what a strategy of `events` looks at: it has no later bar. What is verified is that sandbox and broker, which
//! have them all, let none of them through.

use std::sync::Arc;

use indexmap::IndexSet;

use super::{
    AuditError, Check, Future, Listener, Options, Progress, Verdict,
    events::{ByEvents, Divergence, known, stamp},
    look_ahead::Outcome,
    ready::{Ready, Subject, WithParams},
    report::LOOK_AHEAD,
    seeded::Random,
};
use crate::{
    backtest::{Strategy, WorkerState},
    model::format_time,
};

/// Of so many cuts that are asked for, one is made.
const SHARE: usize = 10;

/// Runs every combination on the data up to each cut, and on all of it.
pub(super) fn search(
    subject: &Subject<'_, ByEvents>,
    options: &Options,
    listener: Listener<'_>,
) -> Result<Outcome, AuditError> {
    let whole = ByEvents::new(subject.strategy, Arc::clone(&subject.series), &subject.patience);
    let cuts = cuts(subject, &whole, options);
    let mut progress = Progress { done: 0, total: cuts.len() as u64 };
    let (mut fills, mut parted) = (0, None);
    for &cut in cuts.iter().take_while(|_| !subject.patience.is_over()) {
        if !listener(progress) {
            return Err(AuditError::Stopped);
        }
        progress.done += 1;
        match compare(subject, &whole, cut) {
            Ok(compared) => fills += compared,
            Err(what) => {
                parted = Some(what);
                break;
            }
        }
    }
    let check = match (parted, subject.patience.over()) {
        (Some(what), _) => Check::new(LOOK_AHEAD, Verdict::Failed, what),
        (None, Some(why)) => Check::new(LOOK_AHEAD, Verdict::Skipped, format!("undecided: {why}")),
        (None, None) => Check::new(LOOK_AHEAD, Verdict::Passed, passed(subject.strategy, fills, cuts.len())),
    };
    Ok(Outcome { check, findings: Vec::new(), progress })
}

fn passed(strategy: &Strategy, fills: usize, cuts: usize) -> String {
    let why = match strategy {
        Strategy::Plugin(_) => "impossible: each bar is heard when it closes, and no later one is in memory",
        _ => "each bar is told when it closes; what Rust code knows besides cannot be checked",
    };
    format!("{why}; {fills} fills are the same where the data ends sooner, {cuts} cuts")
}

/// Where the data is cut, as numbers of known time stamps: behind fills of the defaults, and at random places.
fn cuts(subject: &Subject<'_, ByEvents>, whole: &ByEvents, options: &Options) -> IndexSet<usize> {
    let stamps = subject.timeline.len();
    if options.cuts >= stamps {
        return (1..stamps).collect();
    }
    let mut state = WorkerState::default();
    let ran = whole.run(&mut state, &subject.sets[0]).outcome.is_ok();
    let fills = if ran { state.ledger().fills.as_slice() } else { &[] };
    let mut random = Random::new(options.seed, &[stamps as u64]);
    let mut wanted = IndexSet::new();
    for _ in 0..options.cuts.div_ceil(2 * SHARE) {
        if !fills.is_empty() {
            wanted.insert(stamp(&subject.timeline, random.one_of(fills)) + 1);
        }
        wanted.insert(1 + random.below(stamps));
    }
    wanted.retain(|cut| *cut < stamps);
    wanted
}

/// Compares the runs up to `cut` with those on all data, and counts their fills; an error is the first difference. A run
/// that fails, on a bar that the other may not have, is not compared.
fn compare(subject: &Subject<'_, ByEvents>, whole: &ByEvents, cut: usize) -> Result<usize, String> {
    let last = subject.timeline.times()[cut - 1];
    let mut random = Random::new(0, &[]);
    let Some(series) = Future::Ended.of(&subject.series, &subject.timeline, last, &mut random) else { return Ok(0) };
    let shorter = ByEvents::new(subject.strategy, Arc::from(series), &subject.patience);
    let (mut state, mut other) = (WorkerState::default(), WorkerState::default());
    let mut fills = 0;
    // Those that fail on all data have nothing to compare.
    let answered = subject.sets.iter().zip(&subject.answers).filter(|(_, answer)| answer.outcome.is_ok());
    for (params, _) in answered {
        let ran = whole.run(&mut state, params).outcome.is_ok() && shorter.run(&mut other, params).outcome.is_ok();
        if !ran {
            continue;
        }
        if let Some(parting) = Divergence::of(&subject.timeline, cut, state.ledger(), other.ledger()) {
            let names = ["the run on all data", "the run that ends there"];
            let what = parting.told(&subject.series, &subject.timeline, names);
            return Err(format!(
                "runs{} part where the data ends on {}: {what}",
                WithParams(params),
                format_time(last)
            ));
        }
        fills += known(&subject.timeline, cut, state.ledger()).len();
    }
    Ok(fills)
}
