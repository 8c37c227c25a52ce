//! Signal handlers of the sandbox: kept after it has installed them, and put back when others took their place.
//!
//! Never installs a handler of its own, and never changes any other signal.
//!
//! A guest that divides by zero or leaves its memory raises a signal, which the sandbox turns into a failed task. Python's
//! `faulthandler`, which pytest, Jupyter and Ray enable, takes the same signals, and ends the process with them. If it is enabled
//! before the sandbox starts, the sandbox's handlers come first. If later, they have to come back: a real crash is then told by
//! the system, and not by `faulthandler`.

#![expect(unsafe_code, reason = "handlers of signals are pointers, which the system hands out")]

use std::{mem::MaybeUninit, ptr, sync::OnceLock};

/// The signals of traps.
const SIGNALS: [i32; 4] = [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGBUS];

/// What was in force once the sandbox had started.
static KEPT: OnceLock<[libc::sigaction; 4]> = OnceLock::new();

/// Keeps the handlers that are in force now. Only the first call counts.
pub(crate) fn keep() {
    if KEPT.get().is_none()
        && let [Some(segv), Some(ill), Some(fpe), Some(bus)] = SIGNALS.map(current)
    {
        // Whoever was first kept the same.
        let _ = KEPT.set([segv, ill, fpe, bus]);
    }
}

/// Puts back the handlers that were kept, where others took their place.
pub(crate) fn restore() {
    let Some(kept) = KEPT.get() else { return };
    for (signal, action) in SIGNALS.into_iter().zip(kept) {
        if current(signal).is_some_and(|now| now.sa_sigaction != action.sa_sigaction) {
            // SAFETY: `action` is what the system gave for this signal, and its handler is code that is never unloaded: that
            // of the sandbox, in this library, or what was there before.
            unsafe { libc::sigaction(signal, action, ptr::null_mut()) };
        }
    }
}

fn current(signal: i32) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the first pointer is null, so that nothing changes; the second is valid for writing one action.
    let found = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all bits zero are a valid action, and the call has written one if it returned 0.
    (found == 0).then(|| unsafe { action.assume_init() })
}
