//! What happens to a sweep, as server-sent events.
//!
//! Never makes a snapshot: it tells how each differs from the one before.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::watch;

use super::api::{Best, Failures, Progress, Sweep};

/// How often failures are told while their counts move.
const FAILURES: Duration = Duration::from_secs(1);

/// What was told of a sweep so far.
struct EventStream {
    news: watch::Receiver<Arc<Sweep>>,
    best: Option<Best>,
    failures: Vec<Failures>,
    failures_told: Instant,
    has_ended: bool,
    outbox: VecDeque<Event>,
}

/// The events of a sweep: first the whole of it, then what changes, and at the end the whole again.
pub(super) fn of(mut news: watch::Receiver<Arc<Sweep>>) -> impl Stream<Item = Result<Event, Infallible>> {
    let sweep = Arc::clone(&news.borrow_and_update());
    let (best, failures) = (sweep.best.clone(), sweep.failures.clone());
    let (has_ended, outbox) = (sweep.state.has_ended(), VecDeque::new());
    let mut events = EventStream { news, best, failures, failures_told: Instant::now(), has_ended, outbox };
    events.tell("sweep", &*sweep);
    if has_ended {
        events.tell("end", &*sweep);
    }
    stream::unfold(events, |mut events| async move {
        let event = events.next().await?;
        Some((Ok(event), events))
    })
}

impl EventStream {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.outbox.pop_front() {
                return Some(event);
            }
            // A sweep that was removed has ended before.
            if self.has_ended || self.news.changed().await.is_err() {
                return None;
            }
            let sweep = Arc::clone(&self.news.borrow_and_update());
            self.hear(&sweep);
        }
    }

    fn hear(&mut self, sweep: &Sweep) {
        self.tell("progress", &Progress::of(sweep));
        if sweep.best != self.best {
            self.best.clone_from(&sweep.best);
            self.tell("best", &sweep.best);
        }
        let is_new = sweep.failures.len() > self.failures.len();
        let has_moved = sweep.failures != self.failures && self.failures_told.elapsed() >= FAILURES;
        if is_new || has_moved {
            self.failures.clone_from(&sweep.failures);
            self.failures_told = Instant::now();
            self.tell("failures", &sweep.failures);
        }
        self.has_ended = sweep.state.has_ended();
        if self.has_ended {
            self.tell("end", sweep);
        }
    }

    fn tell(&mut self, name: &str, what: &impl Serialize) {
        // These types have no value that is not JSON.
        let event = Event::default().event(name).json_data(what);
        self.outbox.extend(event);
    }
}
