//! Lines for the log of the running task.
//!
//! Never fails and never answers: the host keeps what its limits allow. Outside of a component, as in a native test, the
//! lines go to stderr.

use std::fmt::Display;

use crate::bindings::described::backtest::strategy::host::Level;

/// Logs a line for the author while writing the plugin.
pub fn debug(message: impl Display) {
    line(Level::Debug, &message.to_string());
}

/// Logs what happened, in the normal course of things.
pub fn info(message: impl Display) {
    line(Level::Info, &message.to_string());
}

/// Logs something that the user should look at.
pub fn warn(message: impl Display) {
    line(Level::Warn, &message.to_string());
}

/// Logs something that went wrong; the last such line before a trap becomes the message of the failed task.
pub fn error(message: impl Display) {
    line(Level::Error, &message.to_string());
}

#[cfg(target_arch = "wasm32")]
fn line(level: Level, message: &str) {
    crate::bindings::described::backtest::strategy::host::log(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
#[expect(clippy::print_stderr, reason = "natively there is no host, only a test and its reader")]
fn line(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}
