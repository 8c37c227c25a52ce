//! Checks of messages: what is refused says why, and is short, whatever it quotes.
//!
//! Never looks for control characters: whoever prints a message replaces them.

use std::error::Error;

use host::sweep::with_causes;

/// The longest message, in bytes: it lists at most 20 problems.
const LONGEST: usize = 16 << 10;

/// Checks `error` with its causes.
pub(super) fn check(error: &dyn Error) {
    check_text(&with_causes(error));
}

/// Checks a message.
pub(super) fn check_text(message: &str) {
    assert!(!message.trim().is_empty(), "a message says something");
    assert!(message.len() <= LONGEST, "a message of {} bytes: {:.200}", message.len(), message);
}
