//! Replay: sends the events of a trace to a strategy, and reports the first different command.
//!
//! Never trades: fills and rejects are those of the trace.

use std::{collections::VecDeque, io::BufRead};

use serde::Serialize;

use super::{Event, Failure, Message, Reader, TraceError};
use crate::{broker::Client, model::Command, task::TaskError};

/// Where a strategy did something else than the trace says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The line of the trace, counted from 1: that of what was expected or, where nothing was, the one that follows.
    pub line: u64,
    /// What the strategy heard last.
    pub after: String,
    /// What it did in the trace, as JSON; `None` where nothing.
    pub expected: Option<String>,
    /// What it did now, as JSON; `None` where nothing.
    pub got: Option<String>,
}

/// How far a replay has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Events that the strategy has heard.
    pub events: u64,
    /// Commands of the trace that were compared.
    pub commands: u64,
    /// Differences that were found.
    pub differences: u64,
}

/// Tells `client`, which has started, what `trace` says, and hands each difference to `found`, which says whether to go on.
/// Where the strategy has failed, nothing more is told.
///
/// # Errors
///
/// Returns an error if the trace cannot be read to its end.
pub fn replay<R: BufRead, C: Client<Error = TaskError>>(
    trace: &mut Reader<R>,
    client: &mut C,
    found: &mut dyn FnMut(Difference) -> bool,
) -> Result<Replayed, TraceError> {
    let mut comparison = Comparison::new(found);
    comparison.take(client);
    while comparison.goes_on
        && let Some(message) = trace.message()?
    {
        match message {
            Message::Event(event) => {
                if comparison.settle(trace.line(), || json(&event)) {
                    comparison.after = event.describe(&trace.header().symbols);
                    comparison.done.events += 1;
                    comparison.failure = tell(client, &event).err();
                    comparison.take(client);
                }
            }
            message => comparison.hear(trace.line(), message),
        }
    }
    Ok(comparison.done)
}

/// Compares a strategy that has failed with `error` before its first event with what `trace` says.
///
/// # Errors
///
/// Returns an error if the trace cannot be read that far.
pub fn replay_failed_start<R: BufRead>(
    trace: &mut Reader<R>,
    error: TaskError,
    found: &mut dyn FnMut(Difference) -> bool,
) -> Result<Replayed, TraceError> {
    let mut comparison = Comparison::new(found);
    comparison.failure = Some(error);
    while comparison.goes_on
        && let Some(message) = trace.message()?
    {
        match message {
            Message::Event(event) => _ = comparison.settle(trace.line(), || json(&event)),
            message => comparison.hear(trace.line(), message),
        }
    }
    Ok(comparison.done)
}

fn tell<C: Client>(client: &mut C, event: &Event) -> Result<(), C::Error> {
    match event {
        Event::Bar(bar) => client.on_bar(bar),
        Event::Time { time, equity } => client.on_time(*time, *equity),
        Event::Fill(fill) => client.on_fill(fill),
        Event::Reject { order, reason } => client.on_reject(*order, *reason),
        Event::Finish => client.finish(),
    }
}

/// What the strategy did after the last event, as far as the trace has not named it yet.
struct Comparison<'a> {
    found: &'a mut dyn FnMut(Difference) -> bool,
    after: String,
    sent: VecDeque<Command>,
    failure: Option<TaskError>,
    done: Replayed,
    goes_on: bool,
}

impl<'a> Comparison<'a> {
    fn new(found: &'a mut dyn FnMut(Difference) -> bool) -> Self {
        Self {
            found,
            after: "the start".to_owned(),
            sent: VecDeque::new(),
            failure: None,
            done: Replayed::default(),
            goes_on: true,
        }
    }

    /// Takes what the strategy has sent, as the broker would.
    fn take<C: Client>(&mut self, client: &mut C) {
        let commands = client.commands();
        self.sent.extend(commands.waiting());
        commands.clear();
    }

    /// Compares a line that is not an event.
    fn hear(&mut self, line: u64, message: Message) {
        match message {
            Message::Command(expected) => {
                self.done.commands += 1;
                let got = self.sent.pop_front();
                if got.is_none_or(|got| !is_same(&got, &expected)) {
                    let got = got.map(|got| json(&got)).or_else(|| self.failure.clone().map(failed));
                    self.differ(line, Some(json(&expected)), got);
                }
            }
            Message::Failed(expected) => match self.failure.take() {
                Some(error) if error.kind == expected.kind => {}
                error => self.differ(line, Some(json(&expected)), error.map(failed)),
            },
            Message::End(_) => _ = self.settle(line, || "the end of the run".to_owned()),
            Message::Event(_) | Message::Log(_) => {}
        }
    }

    /// Reports what the strategy did beyond what the trace has, before its line `line`; returns whether it can hear more.
    fn settle(&mut self, line: u64, next: impl Fn() -> String) -> bool {
        while self.goes_on
            && let Some(extra) = self.sent.pop_front()
        {
            self.differ(line, None, Some(json(&extra)));
        }
        if self.goes_on
            && let Some(error) = self.failure.take()
        {
            self.differ(line, Some(next()), Some(failed(error)));
            self.goes_on = false;
        }
        self.goes_on
    }

    fn differ(&mut self, line: u64, expected: Option<String>, got: Option<String>) {
        self.done.differences += 1;
        self.goes_on = (self.found)(Difference { line, after: self.after.clone(), expected, got });
    }
}

/// Whether two commands are the same, where NaN is the same as NaN.
fn is_same(one: &Command, other: &Command) -> bool {
    one == other || format!("{one:?}") == format!("{other:?}")
}

fn failed(error: TaskError) -> String {
    json(&Failure { kind: error.kind, message: error.message })
}

/// As it stands in a trace. What is written there can always be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
