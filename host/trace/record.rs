//! The trace recorder: writes every message of a run as it happens.
//!
//! Never changes what is said.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::{End, Event, Header};
use crate::{
    broker::Client,
    model::{BarEvent, Command, Commands, FillEvent, RejectReason},
    task::TaskError,
};

/// Takes messages as lines.
///
/// After its first error it writes nothing more: a run goes on without its trace, and [`Writer::finish`] says why.
pub struct Writer<'a> {
    out: &'a mut dyn Write,
    failed: Option<io::Error>,
}

impl<'a> Writer<'a> {
    /// Writes to `out`, beginning with `header`.
    pub fn new(out: &'a mut dyn Write, header: &Header) -> Self {
        let mut writer = Self { out, failed: None };
        writer.line(header);
        writer
    }

    /// Notes how the strategy has failed.
    pub fn failed(&mut self, error: &TaskError) {
        self.line(&json!({ "failed": { "kind": error.kind, "message": error.message } }));
    }

    /// Writes the last lines: what the strategy logged, and how the run ended.
    ///
    /// # Errors
    ///
    /// Returns the first error of writing.
    pub fn finish(mut self, log: &[String], end: &End) -> io::Result<()> {
        for line in log {
            self.line(&json!({ "log": line }));
        }
        self.line(&json!({ "end": end }));
        match self.failed {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    fn line(&mut self, line: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut *self.out, line).map_err(io::Error::from);
        self.failed = written.and_then(|()| self.out.write_all(b"\n")).err();
    }

    fn commands(&mut self, commands: &[Command]) {
        commands.iter().for_each(|command| self.line(command));
    }
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// A strategy whose every message is written down.
#[derive(Debug)]
pub struct Recorder<'r, 'w, C> {
    client: &'r mut C,
    trace: &'r mut Writer<'w>,
}

impl<'r, 'w, C: Client<Error = TaskError>> Recorder<'r, 'w, C> {
    /// Listens to `client`, which has started.
    pub fn new(client: &'r mut C, trace: &'r mut Writer<'w>) -> Self {
        trace.commands(client.commands().waiting());
        Self { client, trace }
    }

    fn tell(&mut self, event: Event, call: impl FnOnce(&mut C) -> Result<(), TaskError>) -> Result<(), TaskError> {
        self.trace.line(&event);
        let outcome = call(self.client);
        self.trace.commands(self.client.commands().waiting());
        if let Err(error) = &outcome {
            self.trace.failed(error);
        }
        outcome
    }
}

impl<C: Client<Error = TaskError>> Client for Recorder<'_, '_, C> {
    type Error = TaskError;

    fn at(&mut self, time: i64) {
        self.client.at(time);
    }

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), TaskError> {
        self.tell(Event::Bar(*bar), |client| client.on_bar(bar))
    }

    fn on_time(&mut self, time: i64, equity: f64) -> Result<(), TaskError> {
        self.tell(Event::Time { time, equity }, |client| client.on_time(time, equity))
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), TaskError> {
        self.tell(Event::Fill(*fill), |client| client.on_fill(fill))
    }

    fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), TaskError> {
        self.tell(Event::Reject { order, reason }, |client| client.on_reject(order, reason))
    }

    fn finish(&mut self) -> Result<(), TaskError> {
        self.tell(Event::Finish, Client::finish)
    }

    fn commands(&mut self) -> &mut Commands {
        self.client.commands()
    }
}
