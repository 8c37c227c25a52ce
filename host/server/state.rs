//! The state that all requests share: sweeps, the authoriser, whether the server is stopping.
//!
//! Never answers a request.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{auth::Authoriser, jobs::Jobs};

/// The state that all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) jobs: Jobs,
    pub(super) authoriser: Authoriser,
    is_stopping: AtomicBool,
    openapi: String,
}

impl Shared {
    pub(super) fn new(jobs: Jobs, authoriser: Authoriser, openapi: String) -> Self {
        Self { jobs, authoriser, is_stopping: AtomicBool::new(false), openapi }
    }

    /// Returns true once the server takes nothing new.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// From now on, the server takes nothing new.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// The description of all routes, as JSON.
    pub(super) fn openapi(&self) -> &str {
        &self.openapi
    }
}
