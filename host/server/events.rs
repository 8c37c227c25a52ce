//! The event stream of a sweep, as server-sent events.
//!
//! Never makes a snapshot: it sends the differences between those that the job makes.

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

use super::{
    api::{Best, Progress, Row, Sweep},
    places::EventPlace,
};
use crate::{model::plain_json, sweep::failures::Failures};

/// How often failures, and a ranking below its best, are sent while they change.
const SELDOM: Duration = Duration::from_secs(1);

/// The stream of one client: the events sent so far.
struct EventStream {
    news: watch::Receiver<Arc<Sweep>>,
    best: Option<Best>,
    ranking: Vec<Row>,
    ranking_sent: Instant,
    failures: Vec<Failures>,
    failures_sent: Instant,
    has_ended: bool,
    outbox: VecDeque<Event>,
    _place: EventPlace,
}

/// The events of a sweep: first all of it, then its changes, at the end all of it again. They hold `place` until then.
pub(super) fn of(
    mut news: watch::Receiver<Arc<Sweep>>,
    place: EventPlace,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let sweep = Arc::clone(&news.borrow_and_update());
    let has_ended = sweep.state.has_ended();
    let mut events = EventStream {
        news,
        best: sweep.best.clone(),
        ranking: sweep.ranking.clone(),
        ranking_sent: Instant::now(),
        failures: sweep.failures.clone(),
        failures_sent: Instant::now(),
        has_ended,
        outbox: VecDeque::new(),
        _place: place,
    };
    events.send("sweep", &*sweep);
    if has_ended {
        events.send("end", &*sweep);
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
            // A job is dropped only after its end, so an error means that the end was sent.
            if self.has_ended || self.news.changed().await.is_err() {
                return None;
            }
            let sweep = Arc::clone(&self.news.borrow_and_update());
            self.compare(&sweep);
        }
    }

    fn compare(&mut self, sweep: &Sweep) {
        self.send("progress", &Progress::of(sweep));
        let is_better = sweep.best != self.best;
        if is_better {
            self.best.clone_from(&sweep.best);
            self.send("best", &sweep.best);
        }
        if is_better || sweep.ranking != self.ranking && self.ranking_sent.elapsed() >= SELDOM {
            self.ranking.clone_from(&sweep.ranking);
            self.ranking_sent = Instant::now();
            self.send("ranking", &sweep.ranking);
        }
        let is_new = sweep.failures.len() > self.failures.len();
        let has_moved = sweep.failures != self.failures && self.failures_sent.elapsed() >= SELDOM;
        if is_new || has_moved {
            self.failures.clone_from(&sweep.failures);
            self.failures_sent = Instant::now();
            self.send("failures", &sweep.failures);
        }
        self.has_ended = sweep.state.has_ended();
        if self.has_ended {
            self.send("end", sweep);
        }
    }

    fn send(&mut self, name: &str, what: &impl Serialize) {
        // These types always serialise as JSON.
        let json = serde_json::to_string(what).unwrap_or_default();
        self.outbox.push_back(Event::default().event(name).data(plain_json(&json)));
    }
}
