//! The watcher's thread: waits for quiet, compares stamps, and reports changes.
//!
//! Never waits for whoever is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};

use super::{
    Change, PATIENCE, QUIET, Stamp, State,
    notices::{Notice, Notices},
    scope::{Snapshot, WatchScope},
};

/// How often it looks where the system gives notices, and where it gives none.
const LOOK: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(250);

/// The part of its time that it looks at most, as one to so many.
const SHARE: u32 = 20;

/// How often folders that have appeared are looked into at the start, before the rest is left to the thread.
const FIRST_LOOKS: usize = 8;

/// Where a change lies until it is taken. What comes meanwhile is added to it.
#[derive(Debug)]
pub(super) struct Slot {
    sender: Sender<Change>,
    lying: Receiver<Change>,
}

impl Slot {
    pub(super) fn new() -> (Self, Receiver<Change>) {
        let (sender, receiver) = bounded(1);
        (Self { sender, lying: receiver.clone() }, receiver)
    }

    pub(super) fn put(&self, change: Change) {
        let mut all = self.lying.try_recv().unwrap_or_default();
        all.extend(change);
        // There is room: nobody else sends.
        let _ = self.sender.try_send(all);
    }
}

/// What the thread holds.
pub(super) struct Watch {
    scope: WatchScope,
    notices: Option<Notices>,
    /// What was told last.
    known: Snapshot,
    /// What may have changed.
    unrest: Option<Unrest>,
    next_look: Instant,
    slot: Slot,
    polling: Arc<OnceLock<String>>,
}

/// Something happens, and may go on.
#[derive(Debug)]
struct Unrest {
    began: Instant,
    /// When it is to be over, unless more happens.
    due: Instant,
    /// The files that notices were about, and whether they may have been written.
    touched: BTreeMap<PathBuf, bool>,
    /// The files as they were when they were last found to have changed without a notice.
    seen: Option<BTreeMap<PathBuf, Stamp>>,
}

impl Unrest {
    fn new(now: Instant) -> Self {
        Self { began: now, due: now + QUIET, touched: BTreeMap::new(), seen: None }
    }

    /// Waits for quiet once more.
    fn goes_on(&mut self, now: Instant) {
        self.due = (now + QUIET).min(self.began + PATIENCE);
    }
}

impl Watch {
    /// Starts the thread. What changes from now on is told.
    pub(super) fn start(
        scope: WatchScope,
        notices: Result<Notices, String>,
        slot: Slot,
        gone: Receiver<Infallible>,
        polling: Arc<OnceLock<String>>,
    ) -> io::Result<()> {
        let notices = notices.map_err(|why| polling.set(why)).ok();
        let now = Instant::now();
        let mut watch =
            Self { scope, notices, known: Snapshot::default(), unrest: None, next_look: now, slot, polling };
        for _ in 0..FIRST_LOOKS {
            watch.known = watch.scope.look();
            if !watch.listen() {
                break;
            }
        }
        watch.next_look = Instant::now() + watch.interval();
        thread::Builder::new().name("host-watcher".into()).spawn(move || watch.run(&gone)).map(drop)
    }

    fn run(mut self, gone: &Receiver<Infallible>) {
        let silence = never();
        loop {
            let heard = self.notices.as_ref().map_or(&silence, |notices| &notices.heard);
            let due = self.unrest.as_ref().map_or(self.next_look, |unrest| unrest.due);
            select! {
                // Its sender is dropped with the watcher; nothing is ever sent.
                recv(gone) -> _ => return,
                recv(heard) -> notice => match notice {
                    Ok(notice) => self.hear(&notice),
                    Err(_) => self.deafen("the system's notices have ended"),
                },
                default(due.saturating_duration_since(Instant::now())) => self.look(),
            }
            // Where notices never end, they must not keep it from looking.
            if self.unrest.as_ref().is_some_and(|unrest| unrest.due <= Instant::now()) {
                self.look();
            }
        }
    }

    /// A notice about a watched file keeps the unrest up; one about anything else, such as a part of a link's way, is a
    /// reason to look, but files that nobody watches may change for ever.
    fn hear(&mut self, notice: &Notice) {
        let now = Instant::now();
        let unrest = self.unrest.get_or_insert_with(|| Unrest::new(now));
        for path in &notice.paths {
            for file in self.scope.named(&self.known, path) {
                *unrest.touched.entry(file).or_default() |= notice.written;
                unrest.goes_on(now);
            }
            if let Some(notices) = &mut self.notices
                && notice.written
            {
                notices.removed(path);
            }
        }
    }

    fn deafen(&mut self, why: &str) {
        self.notices = None;
        // The first reason stays.
        let _ = self.polling.set(why.to_owned());
        self.unrest.get_or_insert_with(|| Unrest::new(Instant::now()));
    }

    /// Compares the files with what was told last, and tells what has changed if it has come to rest.
    fn look(&mut self) {
        let now = Instant::now();
        let look = self.scope.look();
        let mut unrest = self.unrest.take().unwrap_or_else(|| Unrest::new(now));
        // A notice has told of every change of a file that it told of at all; of the others this is the first word.
        let seen = unrest.seen.as_ref().unwrap_or(&self.known.stamps);
        let goes_on = differing(seen, &look.stamps).any(|path| !unrest.touched.contains_key(path));
        if goes_on && now < unrest.began + PATIENCE {
            unrest.seen = Some(look.stamps);
            unrest.goes_on(now);
            self.unrest = Some(unrest);
            return;
        }
        self.tell(look, &unrest);
        if self.listen() {
            // Something may have happened there before anybody listened.
            self.unrest = Some(Unrest::new(Instant::now()));
        }
        self.next_look = Instant::now() + self.interval().max(now.elapsed() * SHARE);
    }

    fn tell(&mut self, look: Snapshot, unrest: &Unrest) {
        let changed: BTreeSet<_> = differing(&self.known.stamps, &look.stamps).collect();
        // One that was written may look as before.
        let written = unrest.touched.iter().filter(|(path, written)| **written && look.stamps.contains_key(*path));
        let all = changed.into_iter().chain(written.map(|(path, _)| path.as_path()));
        let state = |path: &Path| if look.stamps.contains_key(path) { State::Present } else { State::Missing };
        let change = Change { files: all.map(|path| (path.to_owned(), state(path))).collect() };
        self.known = look;
        if !change.is_empty() {
            self.slot.put(change);
        }
    }

    /// Listens where there is something to hear; returns whether that is a new place.
    fn listen(&mut self) -> bool {
        let Some(notices) = &mut self.notices else { return false };
        let (added, problem) = notices.listen(&self.known.folders);
        if let Err(why) = problem {
            // It is tried again with every look, but looks are as frequent as if there were no notices.
            let _ = self.polling.set(why);
        }
        added
    }

    fn interval(&self) -> Duration {
        if self.polling.get().is_some() { POLL } else { LOOK }
    }
}

/// The files that are not in both, or not the same.
fn differing<'a>(
    one: &'a BTreeMap<PathBuf, Stamp>,
    other: &'a BTreeMap<PathBuf, Stamp>,
) -> impl Iterator<Item = &'a Path> {
    let gone = one.keys().filter(|path| !other.contains_key(*path));
    let changed = other.iter().filter(|(path, stamp)| one.get(*path) != Some(stamp)).map(|(path, _)| path);
    gone.chain(changed).map(PathBuf::as_path)
}
