//! Targets against orders: does a strategy that has both trade alike?
//!
//! Never calls a difference a fault: an author may mean two things.

use super::{
    Check, Verdict,
    events::{Divergence, backtest},
    ready::{Subject, WithParams},
    signals::BySignals,
};
use crate::{
    backtest::{Backtest, Mode, Strategy, WorkerState},
    model::Params,
    sandbox::Interface,
    task::TaskError,
};

const NAME: &str = "both ways";

/// Runs every combination by targets and by orders; none for a strategy that knows one way only.
pub(super) fn check(subject: &Subject<'_, BySignals>) -> Option<Check> {
    let Strategy::Plugin(plugin) = subject.strategy else { return None };
    if !plugin.exports(Interface::Events) || subject.patience.is_over() {
        return None;
    }
    let run = |mode| backtest(subject.strategy, mode, subject.series.clone());
    Some(match run(Mode::Signals).and_then(|signals| Ok((signals, run(Mode::Events)?))) {
        Ok((signals, events)) => compare(subject, &signals, &events),
        Err(error) => Check::new(NAME, Verdict::Noted, format!("one of them fails: {error}")),
    })
}

/// Runs every combination on both, and compares what is traded.
pub(super) fn compare(subject: &Subject<'_, BySignals>, signals: &Backtest, events: &Backtest) -> Check {
    let (mut one, mut other) = (WorkerState::default(), WorkerState::default());
    let mut fills = 0;
    let worth = (0..subject.sets.len()).filter(|set| subject.is_worth_asking(*set));
    for params in worth.map(|set| &subject.sets[set]) {
        let differ = differ(subject, params, (signals, &mut one), (events, &mut other));
        if subject.patience.is_over() {
            return Check::new(NAME, Verdict::Skipped, "the check ended before everything was asked");
        }
        if let Some(what) = differ {
            return Check::new(NAME, Verdict::Noted, format!("they part{}: {what}", WithParams(params)));
        }
        fills += one.ledger().fills.len();
    }
    Check::new(NAME, Verdict::Passed, format!("`signals` and `events` trade alike: {fills} fills, equity"))
}

/// In what one combination differs between the two ways.
fn differ(
    subject: &Subject<'_, BySignals>,
    params: &Params,
    (signals, one): (&Backtest, &mut WorkerState),
    (events, other): (&Backtest, &mut WorkerState),
) -> Option<String> {
    let run = |backtest: &Backtest, state: &mut WorkerState| {
        subject.patience.ask(|| backtest.run(state, params)).outcome.err()
    };
    let answers = [run(signals, one), run(events, other)];
    let (timeline, names) = (&subject.timeline, ["`signals`", "`events`"]);
    match answers {
        [None, None] => Divergence::of(timeline, timeline.len(), one.ledger(), other.ledger())
            .map(|parting| parting.told(&subject.series, timeline, names)),
        [Some(one), Some(other)] if one.kind == other.kind => None,
        answers => {
            let [one, other] = answers.map(|error| error.map_or("answers".to_owned(), |error| failure(&error)));
            Some(format!("`signals` {one}, `events` {other}"))
        }
    }
}

fn failure(error: &TaskError) -> String {
    format!("fails ({}: {})", error.kind, error.message.lines().next().unwrap_or_default())
}
