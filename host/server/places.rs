//! The places of connections: how many there are, how many a client may have, and which connection makes room.
//!
//! Never does I/O: it counts, and tells a connection that its place is gone.
//!
//! | limit | value |
//! |---|---|
//! | connections at a time | 256, or a quarter of the files that the process may have open |
//! | connections of one client address | three quarters of them |
//! | connections beyond, on which only `/healthz` is answered | 16 |
//! | event streams at a time, and of one client address | three quarters of the connections, and half of them |
//! | time for the head of a request | 10 s |
//! | time between two requests on a connection | 60 s |
//! | time in which a client takes nothing of an answer | 30 s |
//!
//! When places run out, the connection goes that is of least use: one without a request before one whose request has not
//! arrived, and that before one that takes nothing of its answer; among these one of the client with the most connections,
//! and then the one that has been so for longest.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

/// Connections at a time, if the process may have enough files open.
const CONNECTIONS: usize = 256;

/// Connections beyond those.
const RESERVE: usize = 16;

/// The longest time from a connection's or a request's first moment until the head is complete.
const HEAD: Duration = Duration::from_secs(10);

/// The longest time between two requests.
const IDLE: Duration = Duration::from_secs(60);

/// How long a client may take nothing of an answer. Event streams send something more often.
const BLOCKED: Duration = Duration::from_secs(30);

/// How long a client may be slow with its request or its answer before its place may be taken away.
const SLOW: Duration = Duration::from_secs(1);

/// How far off the deadline of a connection is that has none: it is looked at again by then.
const FAR: Duration = Duration::from_secs(60);

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Line {
    client: IpAddr,
    is_reserve: bool,
    state: Mutex<LineState>,
}

#[derive(Debug)]
struct LineState {
    /// When the last request began, or its answer ended.
    since: Instant,
    /// Whether a request is being answered.
    is_asked: bool,
    /// Whether the body of the request is still to come.
    is_receiving: bool,
    /// When the head of the next request is to be complete, once a part of it has come, and for the first request.
    head_due: Option<Instant>,
    /// Since when the client has taken nothing of what is to be sent.
    blocked: Option<Instant>,
}

/// How useless a connection is; the least useful is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Idle,
    Receiving,
    Blocked,
}

impl Line {
    fn new(client: IpAddr, is_reserve: bool, now: Instant) -> Self {
        let head_due = Some(now + HEAD);
        let state = LineState { since: now, is_asked: false, is_receiving: false, head_due, blocked: None };
        Self { client, is_reserve, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn client(&self) -> IpAddr {
        self.client
    }

    pub(super) fn is_reserve(&self) -> bool {
        self.is_reserve
    }

    /// A request has come, as far as its head.
    pub(super) fn begin(&self, now: Instant) {
        let mut state = self.state();
        (state.since, state.is_asked, state.head_due) = (now, true, None);
    }

    /// The answer has been handed over.
    pub(super) fn end(&self, now: Instant) {
        let mut state = self.state();
        (state.since, state.is_asked, state.is_receiving) = (now, false, false);
    }

    /// The body of a request is to come, or has.
    pub(super) fn receives(&self, is_receiving: bool) {
        self.state().is_receiving = is_receiving;
    }

    /// Something has come from the client.
    pub(super) fn hears(&self, now: Instant) {
        let mut state = self.state();
        if !state.is_asked {
            state.head_due.get_or_insert(now + HEAD);
        }
    }

    /// The client has taken something, or not.
    pub(super) fn writes(&self, is_taken: bool, now: Instant) {
        let mut state = self.state();
        match is_taken {
            true => state.blocked = None,
            false => _ = state.blocked.get_or_insert(now),
        }
    }

    /// When the connection ends unless something happens.
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        let state = self.state();
        let blocked = state.blocked.map(|since| since + BLOCKED);
        let silent = (!state.is_asked).then(|| state.head_due.unwrap_or(state.since + IDLE));
        blocked.into_iter().chain(silent).min().unwrap_or(now + FAR)
    }

    /// How useless it is, and since when; `None` for one that does its work.
    fn uselessness(&self, now: Instant) -> Option<(Use, Instant)> {
        let state = self.state();
        let is_slow = |since: Instant| now.duration_since(since) >= SLOW;
        if !state.is_asked && state.blocked.is_none() {
            return Some((Use::Idle, state.since));
        }
        if state.is_receiving && is_slow(state.since) {
            return Some((Use::Receiving, state.since));
        }
        state.blocked.filter(|since| is_slow(*since)).map(|_| (Use::Blocked, state.since))
    }
}

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    state: Mutex<PlacesState>,
}

#[derive(Debug, Default)]
struct PlacesState {
    last: u64,
    lines: BTreeMap<u64, Holder>,
    /// Event streams by client.
    events: BTreeMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Holder {
    line: Arc<Line>,
    /// Whoever is told by it closes the connection.
    close: oneshot::Sender<()>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self::with(CONNECTIONS.min(open_files() / 4).max(RESERVE))
    }

    fn with(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, PlacesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection of `client`, and what tells that it is taken away again; `None` if all are in use by
    /// connections that do their work.
    pub(super) fn take(self: &Arc<Self>, client: IpAddr, now: Instant) -> Option<(Place, oneshot::Receiver<()>)> {
        let mut state = self.state();
        let is_of_client = |line: &Line| line.client == client && !line.is_reserve;
        let is_ordinary = |line: &Line| !line.is_reserve;
        let has_room =
            state.has_room(is_of_client, self.most * 3 / 4, now) && state.has_room(is_ordinary, self.most, now);
        let is_reserve = !has_room;
        if is_reserve && !state.has_room(|line| line.is_reserve, RESERVE, now) {
            return None;
        }
        let (close, gone) = oneshot::channel();
        let line = Arc::new(Line::new(client, is_reserve, now));
        state.last += 1;
        let number = state.last;
        state.lines.insert(number, Holder { line: Arc::clone(&line), close });
        Some((Place { places: Arc::clone(self), number, line }, gone))
    }

    /// A place for an event stream of `client`.
    pub(super) fn event_place(self: &Arc<Self>, client: IpAddr) -> Option<EventPlace> {
        let mut state = self.state();
        if state.events.values().sum::<usize>() >= self.most * 3 / 4 {
            return None;
        }
        let streams = state.events.entry(client).or_default();
        if *streams >= self.most / 2 {
            return None;
        }
        *streams += 1;
        Some(EventPlace { places: Arc::clone(self), client })
    }
}

impl PlacesState {
    fn count(&self, is_counted: impl Fn(&Line) -> bool) -> usize {
        self.lines.values().filter(|holder| is_counted(&holder.line)).count()
    }

    /// Whether fewer than `most` connections are of a kind, if need be after the least useful one of them has gone.
    fn has_room(&mut self, is_of_kind: impl Fn(&Line) -> bool, most: usize, now: Instant) -> bool {
        self.count(&is_of_kind) < most || self.make_room(is_of_kind, now).is_some()
    }

    /// Closes the least useful connection of those that `may_go`; `None` if each does its work.
    fn make_room(&mut self, may_go: impl Fn(&Line) -> bool, now: Instant) -> Option<()> {
        let mut clients: BTreeMap<IpAddr, usize> = BTreeMap::new();
        self.lines.values().for_each(|holder| *clients.entry(holder.line.client).or_default() += 1);
        let candidates = self.lines.iter().filter(|(_, holder)| may_go(&holder.line)).filter_map(|(number, holder)| {
            let (kind, since) = holder.line.uselessness(now)?;
            Some((kind, Reverse(clients[&holder.line.client]), since, *number))
        });
        let (.., number) = candidates.min()?;
        let holder = self.lines.remove(&number)?;
        // Its end of the channel is gone only if it is closing anyway.
        let _ = holder.close.send(());
        Some(())
    }
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    line: Arc<Line>,
}

impl Place {
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub(super) fn places(&self) -> &Arc<Places> {
        &self.places
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.state().lines.remove(&self.number);
    }
}

/// The place of one event stream, until it is dropped.
#[derive(Debug)]
pub(super) struct EventPlace {
    places: Arc<Places>,
    client: IpAddr,
}

impl Drop for EventPlace {
    fn drop(&mut self) {
        let mut state = self.places.state();
        let Some(streams) = state.events.get_mut(&self.client) else { return };
        *streams -= 1;
        if *streams == 0 {
            state.events.remove(&self.client);
        }
    }
}

/// The files that the process may have open.
fn open_files() -> usize {
    use nix::sys::resource::{Resource, getrlimit};
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, number])
    }

    /// Takes `count` places for a client; each connection that has to go has lost its place by then.
    fn take(places: &Arc<Places>, number: u8, count: usize) -> Vec<(Place, oneshot::Receiver<()>)> {
        (0..count).filter_map(|_| places.take(client(number), Instant::now())).collect()
    }

    fn closed(held: &mut [(Place, oneshot::Receiver<()>)]) -> Vec<usize> {
        let is_closed = |(_, gone): &mut (Place, oneshot::Receiver<()>)| gone.try_recv().is_ok();
        held.iter_mut().enumerate().filter_map(|(number, one)| is_closed(one).then_some(number)).collect()
    }

    fn busy(held: &[(Place, oneshot::Receiver<()>)]) {
        held.iter().for_each(|(place, _)| place.line.begin(Instant::now()));
    }

    #[test]
    fn the_oldest_idle_connection_of_the_client_with_the_most_makes_room() {
        let places = Arc::new(Places::with(16));
        let mut few = take(&places, 1, 4);
        let mut many = take(&places, 2, 12);
        many[0].0.line.begin(Instant::now());
        let newest = places.take(client(3), Instant::now()).unwrap();
        assert!(!newest.0.line.is_reserve());
        assert_eq!((closed(&mut few), closed(&mut many)), (vec![], vec![1]), "the first one is being answered");
    }

    #[test]
    fn one_client_cannot_take_every_place() {
        let places = Arc::new(Places::with(16));
        let mut held = take(&places, 1, 12);
        let another = places.take(client(1), Instant::now()).unwrap();
        assert_eq!(closed(&mut held), [0], "its own oldest one made room");
        busy(&held);
        another.0.line.begin(Instant::now());
        let health = places.take(client(1), Instant::now()).unwrap();
        assert!(health.0.line.is_reserve(), "each of its connections does its work");
        assert_eq!(take(&places, 2, 4).len(), 4);
    }

    #[test]
    fn what_does_its_work_stays_and_the_reserve_is_for_health() {
        let places = Arc::new(Places::with(16));
        let mut all: Vec<_> = (1..=4).flat_map(|number| take(&places, number, 4)).collect();
        busy(&all);
        let mut reserve = take(&places, 9, RESERVE - 4);
        assert!(reserve.iter().all(|(place, _)| place.line.is_reserve()));
        reserve.extend(take(&places, 8, 5));
        assert_eq!((closed(&mut all), closed(&mut reserve)), (vec![], vec![0]), "the reserve has an end, too");
        all.truncate(8);
        assert!(!places.take(client(7), Instant::now()).unwrap().0.line.is_reserve(), "there are places again");
    }

    #[test]
    fn a_client_that_is_slow_goes_before_one_that_is_served() {
        let places = Arc::new(Places::with(16));
        let mut all: Vec<_> = (1..=4).flat_map(|number| take(&places, number, 4)).collect();
        busy(&all);
        let now = Instant::now();
        all[3].0.line.writes(false, now);
        all[5].0.line.receives(true);
        let take = |now: Instant| {
            let (place, gone) = places.take(client(9), now).unwrap();
            place.line.begin(now);
            (place, gone)
        };
        assert!(take(now).0.line.is_reserve(), "a moment is not slow");
        let _one = take(now + SLOW * 2);
        assert_eq!(closed(&mut all), [5], "what has not arrived goes first");
        let _two = take(now + SLOW * 2);
        assert_eq!(closed(&mut all), [3]);
    }

    #[test]
    fn every_wait_for_a_client_has_an_end() {
        let start = Instant::now();
        let line = Line::new(client(1), false, start);
        assert_eq!(line.deadline(start), start + HEAD, "the first request is due");
        line.hears(start + HEAD / 2);
        assert_eq!(line.deadline(start + HEAD / 2), start + HEAD, "a byte at a time does not help");
        line.begin(start);
        assert_eq!(line.deadline(start), start + FAR);
        line.writes(false, start);
        line.writes(false, start + BLOCKED / 2);
        assert_eq!(line.deadline(start), start + BLOCKED);
        line.writes(true, start);
        line.end(start);
        assert_eq!(line.deadline(start), start + IDLE);
        line.hears(start);
        assert_eq!(line.deadline(start), start + HEAD, "the next request has begun");
    }

    #[test]
    fn event_streams_leave_places_for_others() {
        let places = Arc::new(Places::with(16));
        let streams =
            |number, count: usize| -> Vec<_> { (0..count).map_while(|_| places.event_place(client(number))).collect() };
        let (one, two) = (streams(1, 16), streams(2, 16));
        assert_eq!((one.len(), two.len()), (8, 4));
        drop(one);
        assert_eq!(streams(3, 16).len(), 8);
    }
}
