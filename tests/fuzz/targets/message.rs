//! Checks of messages: what is refused says why, on few lines, without what steers a terminal.

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
    let steering = message.chars().find(|c| c.is_control() && *c != '\n');
    assert!(steering.is_none(), "a message has {steering:?}: {message:?}");
}
