//! Cancellation: a flag that ends compilations which nobody waits for any more.
//!
//! Never ends a guest that runs: its limits do.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A flag that ends the compilations of a sandbox that is [cancelled by](super::Sandbox::cancelled_by) it. Cheap to clone; all
/// clones are one.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends what goes on, and everything later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
