//! The registry: plugins by name, the version that serves, the one before it, and what became of each build.
//!
//! Never sweeps, and never stops what runs. A sweep [pins](Registry::pin) the version that it starts with; a new build is
//! checked, compiled and tried while that one serves, and takes its place by one swap of a pointer. What a version holds
//! goes when its last user does.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use host::{
//!     backtest::{Market, Settings},
//!     data::Dataset,
//!     registry::{Policy, Registry},
//!     sandbox::{Limits, Sandbox},
//! };
//!
//! let market = Arc::new(Market::new(Dataset::bundled()?, Settings::default())?);
//! let registry = Registry::new(&Sandbox::new(1, Limits::default())?, Policy::new(&market)?)?;
//! let refusal = registry.offer("mine", b"not a plugin".to_vec()).unwrap_err();
//! assert!(refusal.to_string().contains("is not WebAssembly"));
//! assert!(registry.pin("mine").is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admission;
mod folder;
mod health;
mod journal;
mod memory;
mod parameters;
mod problems;
mod queue;
mod record;
mod slot;
mod sweep_health;
mod threads;
mod version;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
};

use crossbeam_channel::Receiver;

pub use self::{
    admission::{Policy, Refusal, Tolerance, is_name},
    folder::Following,
    journal::{Entry, Event},
    memory::MemoryError,
    problems::Problem,
    queue::Withdrawal,
    slot::{FileState, Listing, Refused},
    sweep_health::SweepHealth,
    version::Version,
};
use self::{
    health::HealthMonitor,
    journal::Journal,
    memory::RegistryMemory,
    queue::{Queue, Sender, Ticket},
    slot::Slot,
    version::Identity,
};
pub(crate) use self::{problems::Problems, threads::supervised};
use crate::{file::write_whole, model::Digest, sandbox::Sandbox, task::panic_text};

/// Why a registry does not start, or a folder cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A thread does not start.
    #[error("the registry's thread does not start{}", crate::sandbox::way_out())]
    Thread(#[source] std::io::Error),
    /// The folder of the plugins cannot be read.
    #[error("the plugins' folder `{}` cannot be read; make it, or give another one", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// What was remembered cannot be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Plugins by name. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sandbox: Sandbox,
    policy: Policy,
    slots: RwLock<BTreeMap<String, Arc<Slot>>>,
    queue: Queue,
    /// Held by whoever tells: entries are on the disk in the order in which they are heard of.
    telling: Mutex<()>,
    journal: Journal,
    memory: Option<RegistryMemory>,
    /// Where builds that are offered by name are written, too.
    folder: Mutex<Option<PathBuf>>,
    health: HealthMonitor,
    problems: Arc<Problems>,
}

impl Registry {
    /// Makes an empty registry, whose versions run in `sandbox`.
    ///
    /// # Errors
    ///
    /// Returns an error if its thread does not start.
    pub fn new(sandbox: &Sandbox, policy: Policy) -> Result<Self, RegistryError> {
        Self::with(sandbox, policy, None)
    }

    /// Makes a registry that keeps what it must not forget in `folder`, which is made if need be: the builds that serve
    /// and those before them, what was rolled back, and the last lines of its journal.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be made or read, or its thread does not start.
    pub fn remembering(sandbox: &Sandbox, policy: Policy, folder: &Path) -> Result<Self, RegistryError> {
        Self::with(sandbox, policy, Some(RegistryMemory::open(folder)?))
    }

    fn with(sandbox: &Sandbox, policy: Policy, memory: Option<RegistryMemory>) -> Result<Self, RegistryError> {
        let (health, incidents) = HealthMonitor::new();
        let past = memory.as_ref().map(RegistryMemory::past).unwrap_or_default();
        let slots =
            past.plugins.into_iter().map(|(name, record)| (name.clone(), Arc::new(Slot::remembered(name, record))));
        let inner = Arc::new(Inner {
            sandbox: sandbox.clone(),
            policy,
            slots: RwLock::new(slots.collect()),
            queue: Queue::default(),
            telling: Mutex::new(()),
            journal: Journal::new(past.entries),
            memory,
            folder: Mutex::new(None),
            health,
            problems: Arc::default(),
        });
        health::start(&inner, incidents).map_err(RegistryError::Thread)?;
        Ok(Self { inner })
    }

    /// Loads every `NAME.wasm` in `folder`, then follows what happens to them, for as long as the answer lives. Builds that
    /// are [offered](Self::offer) from now on are written there.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be read or followed. A file that is not a good build is refused, which is not
    /// an error.
    pub fn follow(&self, folder: &Path) -> Result<Following, RegistryError> {
        let following = folder::follow(self, folder)?;
        *self.inner.folder.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder.to_owned());
        Ok(following)
    }

    /// Checks, compiles and tries the plugin `bytes`, and lets it serve as `name` if it is good. The version that serves
    /// is returned; it is the one from before if the bytes are the same.
    ///
    /// # Errors
    ///
    /// Returns an error if the build is refused; the version from before then goes on serving.
    pub fn offer(&self, name: &str, bytes: Vec<u8>) -> Result<Arc<Version>, Refusal> {
        self.offer_until(&Withdrawal::default(), name, bytes)
    }

    /// [Offers](Self::offer) a build that may be given up before it serves.
    ///
    /// # Errors
    ///
    /// Returns an error as `offer` does, or if the build was withdrawn.
    pub fn offer_until(&self, withdrawal: &Withdrawal, name: &str, bytes: Vec<u8>) -> Result<Arc<Version>, Refusal> {
        let folder = self.inner.folder.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.inner.take(name, bytes, folder.as_deref(), Sender::Caller(withdrawal.clone()))
    }

    /// The version that serves as `name` now, if there is one. It stays usable for as long as it is held.
    pub fn pin(&self, name: &str) -> Option<Arc<Version>> {
        self.inner.slot(name)?.current()
    }

    /// Every name with what serves, in the order of the names.
    pub fn plugins(&self) -> Vec<Listing> {
        let all = self.inner.slots();
        all.values().map(|slot| slot.listing()).filter(|listing| !listing.is_only_remembered()).collect()
    }

    /// The last things that have happened, the newest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.inner.journal.entries()
    }

    /// Whether a build of `name` waits to be checked, or is being checked.
    pub fn is_checking(&self, name: &str) -> bool {
        self.inner.queue.has(name)
    }

    /// What is wrong with the registry now: a thread that panicked, a memory or a folder that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let text = "what the registry remembers cannot be written; a restart would forget swaps and rollbacks";
        let unwritten = self.memory_problem().map(|_| Problem { text: text.to_owned(), is_grave: false });
        self.inner.problems.all().into_iter().chain(unwritten).collect()
    }

    /// Where its threads, and those around it, report what is wrong.
    #[cfg(feature = "server")]
    pub(crate) fn shared_problems(&self) -> &Arc<Problems> {
        &self.inner.problems
    }

    /// Everything that happens from now on, until the receiver is dropped.
    pub fn listen(&self) -> Receiver<Entry> {
        self.inner.journal.listen()
    }

    /// Whether what has happened could be kept for the next start; `None` if it could, or nothing is to be kept.
    pub fn memory_problem(&self) -> Option<String> {
        self.inner.memory.as_ref().and_then(RegistryMemory::problem)
    }
}

impl Inner {
    fn slots(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Slot>>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots().get(name).cloned()
    }

    /// The place of `name`, which is made if need be.
    fn slot_of(&self, name: &str) -> Arc<Slot> {
        if let Some(slot) = self.slot(name) {
            return slot;
        }
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name.to_owned()).or_insert_with(|| Arc::new(Slot::new(name))))
    }

    /// Admits and publishes a build; writes it into `folder` before, if there is one.
    fn take(&self, name: &str, bytes: Vec<u8>, folder: Option<&Path>, sender: Sender) -> Result<Arc<Version>, Refusal> {
        admission::check_name(name)?;
        let digest = Digest::of(&bytes);
        let ticket = self.queue.arrive(name, Some(digest), sender);
        self.take_with(&ticket, name, digest, &bytes, folder)
    }

    /// Admits and publishes a build that has arrived in the queue.
    fn take_with(
        &self,
        ticket: &Ticket<'_>,
        name: &str,
        digest: Digest,
        bytes: &[u8],
        folder: Option<&Path>,
    ) -> Result<Arc<Version>, Refusal> {
        let offer = Offer { name, digest, identity: self.policy.identity(digest), bytes, folder };
        // What is cancelled fails in some way or other.
        let taken = self.take_in_turn(&offer, ticket).map_err(|refusal| ticket.unwanted().unwrap_or(refusal));
        taken.inspect_err(|refusal| self.refuse(name, Some(digest), ticket, refusal))
    }

    fn take_in_turn(&self, offer: &Offer<'_>, ticket: &Ticket<'_>) -> Result<Arc<Version>, Refusal> {
        ticket.wait_for_twin()?;
        let slot = self.slot_of(offer.name);
        self.recall(&slot, Some(offer.digest), ticket)?;
        if let Some(version) = self.keep_serving(&slot, offer, ticket)? {
            return Ok(version);
        }
        slot.check_past(offer.digest, offer.identity)?;
        self.policy.check_size(offer.bytes.len() as u64)?;
        ticket.wait_for_lane()?;
        let examined = self.examine(&slot, offer, ticket)?;
        self.publish(&slot, offer, ticket, examined)
    }

    /// The version that serves, if it is the build that is offered.
    fn keep_serving(
        &self,
        slot: &Slot,
        offer: &Offer<'_>,
        ticket: &Ticket<'_>,
    ) -> Result<Option<Arc<Version>>, Refusal> {
        let _in_order = slot.changing();
        let Some(serves) = slot.current().filter(|serves| serves.identity() == offer.identity) else {
            return Ok(None);
        };
        slot.check_newest(ticket.number())?;
        ticket.settle()?;
        // Its file may be gone, or hold a build that was refused.
        self.write(offer)?;
        slot.file_is_served();
        slot.note_newest(ticket.number());
        ticket.supersede_older(offer.name);
        Ok(Some(serves))
    }

    /// Lets the build serve that served when the process before ended, unless one serves, or it is the build `but` itself:
    /// what is new is compared with it. It is examined in the lane of `ticket`; an error is about that one.
    fn recall(&self, slot: &Slot, but: Option<Digest>, ticket: &Ticket<'_>) -> Result<(), Refusal> {
        let last = slot.last().filter(|last| Some(*last) != but);
        let Some(digest) = last else { return Ok(()) };
        let Some(bytes) = self.memory.as_ref().and_then(|memory| memory.bytes(digest)) else { return Ok(()) };
        ticket.wait_for_lane()?;
        let identity = self.policy.identity(digest);
        let offer = Offer { name: slot.name(), digest, identity, bytes: &bytes, folder: None };
        // A build that no longer passes is not a measure for others.
        if let Ok(examined) = self.examine(slot, &offer, ticket) {
            let _in_order = slot.changing();
            if slot.current().is_none() {
                let _ = self.serve(slot, &offer, examined);
            }
        }
        Ok(())
    }

    /// Compiles and tries a build. No lock is held meanwhile, and a panic is a refusal.
    fn examine(&self, slot: &Slot, offer: &Offer<'_>, ticket: &Ticket<'_>) -> Result<admission::Examined, Refusal> {
        let is_known = |version: &Arc<Version>| version.identity() == offer.identity;
        let known = self.slots().values().filter_map(|slot| slot.current()).find(is_known);
        let (before, sandbox) = (slot.current(), self.sandbox.cancelled_by(ticket.cancel()));
        or_bug(|| self.policy.examine(&sandbox, offer.name, offer.bytes, known.as_deref(), before.as_deref()))
    }

    /// Lets what was examined serve, unless a later build does, or nobody wants it any more.
    fn publish(
        &self,
        slot: &Slot,
        offer: &Offer<'_>,
        ticket: &Ticket<'_>,
        examined: admission::Examined,
    ) -> Result<Arc<Version>, Refusal> {
        let _in_order = slot.changing();
        slot.check_newest(ticket.number())?;
        // It may have been rolled back under another number meanwhile.
        slot.check_past(offer.digest, offer.identity)?;
        ticket.settle()?;
        let version = self.serve(slot, offer, examined)?;
        slot.note_newest(ticket.number());
        ticket.supersede_older(offer.name);
        Ok(version)
    }

    /// Writes the file of an upload.
    fn write(&self, offer: &Offer<'_>) -> Result<(), Refusal> {
        let Some(folder) = offer.folder else { return Ok(()) };
        let path = folder.join(offer.name).with_extension("wasm");
        write_whole(&path, offer.bytes).map_err(|source| Refusal::Write { path, source })
    }

    /// Lets what was examined serve. The lock of changes is held.
    fn serve(&self, slot: &Slot, offer: &Offer<'_>, examined: admission::Examined) -> Result<Arc<Version>, Refusal> {
        let admitted = self.policy.judge(examined, slot.current().as_deref())?;
        let _kept = self.memory.as_ref().map(|memory| memory.keep_build(offer.digest, offer.bytes));
        self.write(offer)?;
        if offer.folder.is_some() {
            slot.set_file(FileState::Present);
        }
        let lost = admitted.lost;
        let (version, before) = slot.publish(offer.identity, admitted.plugin, admitted.tried);
        let event = if before.is_some() { Event::Swapped } else { Event::Loaded };
        let message = match &before {
            Some(before) => format!("{} takes the place of {}", version.label(), before.label()),
            None => format!("{} serves", version.label()),
        };
        self.tell(Entry {
            generation: Some(version.generation()),
            hash: Some(version.digest()),
            previous_hash: before.map(|before| before.digest()),
            lost,
            ..Entry::new(offer.name, event, message)
        });
        Ok(version)
    }

    /// Keeps a build out, and remembers why. The same build again is not news.
    fn refuse(&self, name: &str, digest: Option<Digest>, ticket: &Ticket<'_>, refusal: &Refusal) {
        let identity = digest.map(|digest| self.policy.identity(digest));
        if refusal.says_nothing() || !self.slot_of(name).refuse(ticket.number(), identity, refusal) {
            return;
        }
        let serves = self.slot(name).and_then(|slot| slot.current());
        let still =
            serves.as_ref().map_or_else(String::new, |version| format!("; {} goes on serving", version.label()));
        self.tell(Entry {
            hash: digest,
            generation: serves.as_ref().map(|version| version.generation()),
            previous_hash: serves.map(|version| version.digest()),
            lost: refusal.lost().to_vec(),
            ..Entry::new(name, Event::Refused, format!("{}{still}", refusal.text()))
        });
    }

    /// Writes into the memory, then into the journal: what a listener hears of outlives the process.
    fn tell(&self, entry: Entry) {
        let _in_order = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(memory) = &self.memory {
            memory.keep(self.slots().values().map(|slot| slot.record()), &self.journal.entries_after(&entry));
        }
        self.journal.add(entry);
    }
}

/// A build that is offered under a name.
struct Offer<'a> {
    name: &'a str,
    digest: Digest,
    identity: Identity,
    bytes: &'a [u8],
    /// Where it is written once it is good.
    folder: Option<&'a Path>,
}

/// Turns a panic, of a library or of the host, into the refusal of the build that it happened over.
fn or_bug<T>(examine: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(examine)).unwrap_or_else(|panic| Err(Refusal::Bug(panic_text(&*panic))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_over_a_build_is_its_refusal_and_may_not_come_again() {
        let refusal = or_bug::<()>(|| panic!("index out of bounds")).unwrap_err();
        assert!(refusal.text().starts_with("a bug of the host: "), "{}", refusal.text());
        assert!(refusal.text().contains("index out of bounds"), "{}", refusal.text());
        assert!(!refusal.is_final() && !refusal.says_nothing());
    }
}
