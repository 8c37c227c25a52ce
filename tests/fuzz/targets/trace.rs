//! Traces: lines of JSON that are read and replayed.

use std::path::Path;

use host::{
    broker::Client,
    model::{BarEvent, Commands, FillEvent, RejectReason},
    task::TaskError,
    trace::{Reader, replay, replay_failed_start},
};

use super::message;

/// What traces are made of.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "{\"event\":\"bar\",", "{\"event\":\"time\",", "{\"event\":\"fill\",", "{\"event\":\"reject\",", "{\"event\":\"finish\"}",
    "{\"command\":\"target\",", "{\"command\":\"submit\",", "{\"command\":\"cancel\",", "{\"failed\":", "{\"log\":\"x\"}",
    "{\"end\":{\"units\":1,\"error\":null}}", "\"instrument\":0", "\"instrument\":4294967295", "\"time\":9223372036854775807",
    "\"NaN\"", "\"inf\"", "1e400", "-1", "18446744073709551616", "null", "\n", "{", "}", ",", "\\u0000", "\\ud800",
];

/// Reads the input as a trace to its end; replays it to a strategy that does nothing, and to one that does not start.
pub(super) fn run(input: &[u8]) {
    let open = || Reader::new(Path::new("run.trace"), input);
    let mut reader = match open() {
        Ok(reader) => reader,
        Err(error) => return message::check(&error),
    };
    let mut read = 0;
    let end = loop {
        match reader.message() {
            Ok(Some(_)) => read += 1,
            Ok(None) => break true,
            Err(error) => {
                message::check(&error);
                break false;
            }
        }
    };
    let lines = input.split(|byte| *byte == b'\n').count() as u64;
    assert!(read < lines && reader.line() <= lines + 1, "a line is read once");
    let mut silent = Silent(Commands::default());
    let mut differences = 0;
    let replayed = replay(&mut open().expect("it was opened"), &mut silent, &mut |_| {
        differences += 1;
        true
    });
    assert_eq!(replayed.is_ok(), end, "a trace that is read to its end can be replayed");
    if let Ok(replayed) = replayed {
        assert_eq!(replayed.differences, differences);
        assert!(replayed.commands <= differences, "a strategy that sends nothing differs in every command");
        let failed = TaskError::failed("it does not start");
        replay_failed_start(&mut open().expect("it was opened"), failed, &mut |_| true).expect("it was read");
    }
}

/// A strategy that hears everything and does nothing.
struct Silent(Commands);

impl Client for Silent {
    type Error = TaskError;

    fn on_bar(&mut self, _: &BarEvent) -> Result<(), TaskError> {
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), TaskError> {
        Ok(())
    }

    fn on_fill(&mut self, _: &FillEvent) -> Result<(), TaskError> {
        Ok(())
    }

    fn on_reject(&mut self, _: u64, _: RejectReason) -> Result<(), TaskError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), TaskError> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.0
    }
}
