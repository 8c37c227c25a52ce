//! The state that all requests share: sweeps, the authoriser, whether the server is stopping.
//!
//! Never answers a request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{auth::Authoriser, jobs::Jobs};

/// Results that are sent at a time: each holds a row group of its file in memory.
const DOWNLOADS: usize = 16;

/// Reports that are made at a time: each takes all processors and some blocks of returns in memory.
const REPORTS: usize = 1;

/// The state that all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) jobs: Jobs,
    pub(super) authoriser: Authoriser,
    is_stopping: AtomicBool,
    openapi: String,
    downloads: Arc<Semaphore>,
    reports: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(jobs: Jobs, authoriser: Authoriser, openapi: String) -> Self {
        Self {
            jobs,
            authoriser,
            is_stopping: AtomicBool::new(false),
            openapi,
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            reports: Arc::new(Semaphore::new(REPORTS)),
        }
    }

    /// Waits for a place to send results; `None` only if there are no places any more.
    pub(super) async fn download(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.downloads).acquire_owned().await.ok()
    }

    /// Waits for the turn to make a report; `None` only if there are no turns any more.
    pub(super) async fn report(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.reports).acquire_owned().await.ok()
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
