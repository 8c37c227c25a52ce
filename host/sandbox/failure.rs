//! Failures of guests: what wasmtime reports becomes an [`ErrorKind`] and a message for the strategy's author.
//!
//! Never decides what happens next: a store that failed is dropped by its owner.

use std::{fmt::Write, io};

use nix::errno::Errno;
use wasmtime::{Trap, WasmBacktrace};

use super::{
    driver,
    limits::{Allowance, State, printable},
    memory::NO_MEMORY,
};
use crate::{
    process::way_out_of_memory,
    task::{ErrorKind, TaskError},
};

/// Frames of the guest that a message shows.
const FRAMES: usize = 8;

/// Characters of a function's name that a message shows.
const NAME: usize = 100;

/// The beginning of the last line of a panic.
const PANIC: &str = "panicked at ";

/// Classifies the failure of a call that ran with `state` under `allowance`; `stopped` says whether the host ended it. Then `places`
/// are the frames of an interpreted language, if they can be told.
pub(super) fn classify(
    error: &wasmtime::Error,
    state: &State,
    allowance: &Allowance,
    stopped: Option<Stopped>,
    places: impl FnOnce() -> Option<String>,
) -> TaskError {
    // A refusal of the host's own functions is complete already.
    if let Some(refusal) = error.downcast_ref::<TaskError>() {
        return refusal.clone();
    }
    let (kind, what) = match stopped {
        Some(stopped) => stopped_by_limit(allowance, stopped),
        None => cause(error, state, allowance),
    };
    let mut message = what;
    match stopped.and_then(|_| places()) {
        Some(places) => message.push_str(&places),
        None => add_frames(&mut message, error),
    }
    TaskError::new(kind, message)
}

/// Why the host ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// There were no units left.
    Units,
    /// The time was over.
    Time,
    /// The system had no memory for what the guest wrote.
    System,
}

/// The error of a run whose time was over while its strategy was not running.
pub(super) fn late(allowance: &Allowance) -> TaskError {
    let (kind, message) = stopped_by_limit(allowance, Stopped::Time);
    TaskError::new(kind, message)
}

fn stopped_by_limit(allowance: &Allowance, stopped: Stopped) -> (ErrorKind, String) {
    match stopped {
        Stopped::Units => {
            let text = format!("used up its {} units (`--budget` sets the limit)", allowance.units);
            (ErrorKind::OutOfBudget, text)
        }
        Stopped::Time => {
            let text = format!("stopped after {} s (`--timeout` sets the limit)", allowance.time.as_secs_f64());
            (ErrorKind::TimedOut, text)
        }
        Stopped::System => {
            let text = format!("{NO_MEMORY}: the system refuses a write to it{}", way_out_of_memory());
            (ErrorKind::Host, text)
        }
    }
}

fn cause(error: &wasmtime::Error, state: &State, allowance: &Allowance) -> (ErrorKind, String) {
    let Some(&trap) = error.downcast_ref::<Trap>() else {
        if state.limiter.refused().is_some() {
            return (ErrorKind::OutOfMemory, out_of_memory(state));
        }
        let text = format!("{:#}", error.root_cause());
        if text.contains(NO_MEMORY) {
            return (ErrorKind::Host, text + &way_out_of_memory());
        }
        // What wasmtime asks the system for by itself, such as the stack that a guest runs on.
        if text == io::Error::from(Errno::ENOMEM).to_string() {
            return (ErrorKind::Host, format!("{NO_MEMORY}: {text}{}", way_out_of_memory()));
        }
        return (ErrorKind::BadOutput, foreign(&text, allowance));
    };
    match trap {
        Trap::UnreachableCodeReached if state.limiter.refused().is_some() => {
            (ErrorKind::OutOfMemory, out_of_memory(state))
        }
        Trap::UnreachableCodeReached => match (state.log.last_error(), state.log.first_error()) {
            (Some(panic), _) if panic.starts_with(PANIC) => (ErrorKind::Panic, panic.to_owned()),
            // A runtime that ends a program writes the reason to stderr first, and then how it came to it.
            (_, Some(error)) => (ErrorKind::Trap, format!("{trap}, after the error: {error}")),
            _ => (ErrorKind::Trap, trap.to_string()),
        },
        Trap::StackOverflow => (ErrorKind::Trap, "stack overflow (1 MiB); does a function call itself?".to_owned()),
        _ => (ErrorKind::Trap, trap.to_string()),
    }
}

fn out_of_memory(state: &State) -> String {
    let wanted = state.limiter.refused().unwrap_or_default();
    format!(
        "asked for {} MiB of memory; the limit is {} MiB (`--memory` sets it)",
        wanted.div_ceil(1 << 20),
        state.limiter.limit() >> 20
    )
}

/// An error that is not a trap: the answer cannot be read from the guest's memory.
fn foreign(text: &str, allowance: &Allowance) -> String {
    if text.contains("hostcall") {
        format!("passed more than {} bytes to the host in one call", allowance.answer)
    } else {
        format!("gave an answer that cannot be read: {}", printable(text))
    }
}

/// Appends the guest's frames, innermost first, each on a line of its own.
fn add_frames(message: &mut String, error: &wasmtime::Error) {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return };
    let lines: Vec<_> = trace.frames().iter().flat_map(frame).filter(|line| !is_machinery(line)).collect();
    // A function that calls itself is one line.
    let runs: Vec<_> = lines.chunk_by(|a, b| a == b).collect();
    for run in runs.iter().take(FRAMES) {
        let times = if run.len() > 1 { format!(", {} times", run.len()) } else { String::new() };
        // Writing to a string cannot fail.
        let _ = write!(message, "\n  at {}{times}", run[0]);
    }
    if runs.len() > FRAMES {
        let _ = write!(message, "\n  and {} frames more", runs.iter().skip(FRAMES).map(|run| run.len()).sum::<usize>());
    }
}

/// The functions of one frame, those that were inlined into it first.
fn frame(frame: &wasmtime::FrameInfo) -> Vec<String> {
    let symbols: Vec<_> = frame
        .symbols()
        .iter()
        .filter_map(|symbol| {
            let place = symbol.file().map(|file| match symbol.line() {
                Some(line) => format!(" ({file}:{line})"),
                None => format!(" ({file})"),
            });
            Some(function(symbol.name()?) + &place.unwrap_or_default())
        })
        .collect();
    if !symbols.is_empty() {
        return symbols;
    }
    let index = || format!("function {}", frame.func_index());
    vec![frame.func_name().map_or_else(index, function)]
}

/// A function's name as its author wrote it; generic ones can fill a screen.
fn function(name: &str) -> String {
    let name = printable(&format!("{:#}", rustc_demangle::demangle(name)));
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name,
    }
}

/// Frames of a language's own library and of an SDK, which are the same for every panic and every failed allocation, and the frame
/// of what calls the strategy.
fn is_machinery(line: &str) -> bool {
    const PLACES: &[&str] = &["(/rustc/", "/lib/std/"];
    const RUST: &[&str] = &["std::", "core::", "alloc::", "dlmalloc::", "__rustc::", "rust_begin_unwind"];
    const OTHERS: &[&str] = &["~lib/", "~start", "abort", "runtime.", "wasm_pc_f_loop", "_rt0_wasm_", "sdk.", "sdk/"];
    let name = line.trim_start_matches('<');
    line == driver::FRAME
        || PLACES.iter().any(|place| line.contains(place))
        || RUST.iter().chain(OTHERS).any(|start| name.starts_with(start))
}
