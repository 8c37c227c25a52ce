//! The server's own memory: what readers and builds have used goes back to the system.
//!
//! Never frees anything that is in use.
//!
//! glibc keeps freed memory between blocks that are in use: after 100 readers had gone, 150 MB stayed for good, which the next
//! readers used in part only. Its `malloc_trim` gives whole pages of it back. Measured beside it: fewer arenas keep a third
//! less, a fixed threshold for large blocks changes nothing, and another allocator does the same as trimming but changes the
//! time of every sweep.

use std::time::{Duration, Instant};

/// How often memory is given back, if there was any work.
const INTERVAL: Duration = Duration::from_secs(10);

/// Gives memory back from time to time.
#[derive(Debug)]
pub(super) struct Trimmer {
    /// What has been done up to the last time.
    done: u64,
    last: Instant,
}

impl Trimmer {
    pub(super) fn new() -> Self {
        Self { done: 0, last: Instant::now() }
    }

    /// Whether it is time to give memory back; `done` is a number that grows with the work that is done.
    pub(super) fn is_due(&mut self, done: u64) -> bool {
        if self.last.elapsed() < INTERVAL {
            return false;
        }
        self.last = Instant::now();
        std::mem::replace(&mut self.done, done) != done
    }
}

/// Gives memory that nobody uses back to the system. It takes some milliseconds.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn trim() {
    // SAFETY: the function has no precondition and may be called at any time, from any thread.
    #[expect(unsafe_code, reason = "the standard library has no way to give freed memory back")]
    let _is_less = unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn trim() {}
