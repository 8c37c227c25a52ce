//! The way of a panic's text to the host.
//!
//! Never catches a panic: the trap that follows ends the task.

use std::{
    panic::{PanicHookInfo, set_hook},
    sync::Once,
};

/// Has every panic from now on logged as an error: `panicked at src/lib.rs:41:18: the text`.
///
/// Every entry into a component comes through here first; only the first call does anything. Natively nothing is
/// installed, since the test harness shows panics itself.
pub fn install_hook() {
    static INSTALLED: Once = Once::new();
    if cfg!(target_arch = "wasm32") {
        INSTALLED.call_once(|| set_hook(Box::new(|info| crate::log::error(describe(info)))));
    }
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let text = info.payload_as_str().unwrap_or("a payload that is no text");
    match info.location() {
        Some(place) => format!("panicked at {place}: {text}"),
        None => format!("panicked: {text}"),
    }
}
