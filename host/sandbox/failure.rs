//! Turns what wasmtime reports into a class of failure and words for the strategy's author.
//!
//! Never decides what happens next: a store that failed is dropped by its owner.

use std::fmt::Write;

use wasmtime::{Trap, WasmBacktrace};

use super::limits::{State, printable};
use crate::task::{ErrorKind, TaskError};

/// Frames of the guest that a message shows.
const FRAMES: usize = 8;

/// Classifies the failure of a call that ran with `state` under `limits`.
pub(super) fn classify(error: &wasmtime::Error, state: &State, limit: &Limit) -> TaskError {
    let (kind, what) = cause(error, state, limit);
    let mut message = what;
    add_frames(&mut message, error);
    TaskError::new(kind, message)
}

/// The limits that messages name.
#[derive(Debug)]
pub(super) struct Limit {
    /// Wall-clock seconds of the call.
    pub(super) seconds: f64,
    /// The most bytes that the guest may pass to the host at once.
    pub(super) answer: usize,
}

fn cause(error: &wasmtime::Error, state: &State, limit: &Limit) -> (ErrorKind, String) {
    let Some(&trap) = error.downcast_ref::<Trap>() else {
        return (ErrorKind::BadOutput, foreign(error, limit));
    };
    match trap {
        Trap::Interrupt => {
            (ErrorKind::OutOfBudget, format!("stopped after {} s (`--timeout` sets the limit)", limit.seconds))
        }
        Trap::UnreachableCodeReached if state.limiter.refused().is_some() => {
            (ErrorKind::OutOfMemory, out_of_memory(state))
        }
        Trap::UnreachableCodeReached => match state.log.panic() {
            Some(panic) => (ErrorKind::Panic, panic.to_owned()),
            None => (ErrorKind::Trap, trap.to_string()),
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

/// An error that is no trap: the answer cannot be read from the guest's memory.
fn foreign(error: &wasmtime::Error, limit: &Limit) -> String {
    let text = format!("{:#}", error.root_cause());
    if text.contains("hostcall") {
        format!("passed more than {} bytes to the host in one call", limit.answer)
    } else {
        format!("gave an answer that cannot be read: {}", printable(&text))
    }
}

/// Appends the guest's frames, innermost first, each on a line of its own.
fn add_frames(message: &mut String, error: &wasmtime::Error) {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return };
    let lines: Vec<_> = trace.frames().iter().flat_map(frame).filter(|line| !is_machinery(line)).collect();
    for line in lines.iter().take(FRAMES) {
        // Writing to a string cannot fail.
        let _ = write!(message, "\n  at {line}");
    }
    if lines.len() > FRAMES {
        let _ = write!(message, "\n  and {} frames more", lines.len() - FRAMES);
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

/// A function's name as its author wrote it.
fn function(name: &str) -> String {
    printable(&format!("{:#}", rustc_demangle::demangle(name)))
}

/// Frames that every panic has, below the author's own.
fn is_machinery(line: &str) -> bool {
    const PREFIXES: &[&str] = &["core::panicking::", "std::panicking::", "std::rt::", "rust_begin_unwind", "__rustc::"];
    const PARTS: &[&str] = &["std::sys::backtrace", "rust_panic", "__rust_start_panic", "panic_abort"];
    PREFIXES.iter().any(|prefix| line.starts_with(prefix)) || PARTS.iter().any(|part| line.contains(part))
}
