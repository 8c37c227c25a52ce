//! The counters of the server, for Prometheus.
//!
//! Never keeps a number that can be computed when it is read.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry as Meter,
};

use super::api::SweepState;
use crate::{
    registry::{Event, Listing},
    results::Tally,
};

/// The upper bounds of the histogram of request times, in seconds.
const SECONDS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    error_kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabel {
    plugin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabel {
    event: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    method: String,
    route: String,
}

type Histograms = Family<RouteLabel, Histogram, fn() -> Histogram>;

/// All counters.
#[derive(Debug)]
pub(super) struct Meters {
    meter: Meter,
    sweeps: Family<StateLabel, Gauge>,
    tasks: Counter,
    failures: Family<KindLabel, Counter>,
    generations: Family<PluginLabel, Gauge>,
    events: Family<EventLabel, Counter>,
    requests: Family<RequestLabel, Counter>,
    seconds: Histograms,
    answered: AtomicU64,
}

impl Meters {
    /// All counters at zero.
    pub(super) fn new() -> Self {
        let mut meter = Meter::with_prefix("host");
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let meters = Self {
            sweeps: Family::default(),
            tasks: Counter::default(),
            failures: Family::default(),
            generations: Family::default(),
            events: Family::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            answered: AtomicU64::new(0),
            meter: Meter::default(),
        };
        meter.register("sweeps", "Sweeps by state", meters.sweeps.clone());
        meter.register("tasks", "Finished tasks, failed ones included", meters.tasks.clone());
        meter.register("tasks_failed", "Failed tasks by kind", meters.failures.clone());
        meter.register("plugin_generation", "Swaps up to the build that serves", meters.generations.clone());
        meter.register("plugin_events", "Events of plugins", meters.events.clone());
        meter.register("requests", "Requests by route and status", meters.requests.clone());
        meter.register("request_seconds", "Time until a request's answer begins", meters.seconds.clone());
        Self { meter, ..meters }
    }

    pub(super) fn count_tasks(&self, tally: &Tally) {
        self.tasks.inc_by(tally.total());
        for (kind, failures) in tally.failures() {
            self.failures.get_or_create(&KindLabel { error_kind: kind.as_str() }).inc_by(failures.count);
        }
    }

    pub(super) fn count_event(&self, event: Event) {
        self.events.get_or_create(&EventLabel { event: event.as_str() }).inc();
    }

    /// A number that grows with every task and every answer.
    pub(super) fn work(&self) -> u64 {
        self.tasks.get().wrapping_add(self.answered.load(Ordering::Relaxed))
    }

    pub(super) fn count_request(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        let (method, route) = (method.to_owned(), route.to_owned());
        let of_route = RouteLabel { method: method.clone(), route: route.clone() };
        self.seconds.get_or_create(&of_route).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabel { method, route, status }).inc();
    }

    /// All counters as OpenMetrics.
    ///
    /// # Errors
    ///
    /// Returns an error if a label has no text; all labels here have one.
    pub(super) fn text(
        &self,
        sweeps: impl Iterator<Item = SweepState>,
        plugins: &[Listing],
    ) -> Result<String, fmt::Error> {
        let mut counts = SweepState::ALL.map(|state| (state, 0));
        for state in sweeps {
            counts.iter_mut().filter(|(other, _)| *other == state).for_each(|(_, count)| *count += 1);
        }
        for (state, count) in counts {
            self.sweeps.get_or_create(&StateLabel { state: state.as_str() }).set(count);
        }
        for (name, version) in plugins.iter().filter_map(|one| Some((&one.name, one.version.as_ref()?))) {
            let generation = i64::try_from(version.generation()).unwrap_or(i64::MAX);
            self.generations.get_or_create(&PluginLabel { plugin: name.clone() }).set(generation);
        }
        let mut text = String::new();
        encode(&mut text, &self.meter)?;
        Ok(text)
    }
}
