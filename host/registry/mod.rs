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
mod record;
mod slot;
mod sweep_health;
mod version;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use crossbeam_channel::Receiver;

pub use self::{
    admission::{Policy, Refusal, Tolerance, is_name},
    folder::Following,
    journal::{Entry, Event},
    memory::MemoryError,
    slot::{FileState, Listing, Refused},
    sweep_health::SweepHealth,
    version::Version,
};
use self::{health::HealthMonitor, journal::Journal, memory::RegistryMemory, slot::Slot, version::Identity};
use crate::{file::write_whole, model::Digest, sandbox::Sandbox};

/// Why a registry does not start, or a folder cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A thread does not start.
    #[error("the registry's thread does not start")]
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
    /// Held by whoever loads: one build at a time.
    loading: Mutex<()>,
    /// Held by whoever tells: entries are on the disk in the order in which they are heard of.
    telling: Mutex<()>,
    journal: Journal,
    memory: Option<RegistryMemory>,
    /// Where builds that are offered by name are written, too.
    folder: Mutex<Option<PathBuf>>,
    health: HealthMonitor,
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
            loading: Mutex::new(()),
            telling: Mutex::new(()),
            journal: Journal::new(past.entries),
            memory,
            folder: Mutex::new(None),
            health,
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
        let folder = self.inner.folder.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.inner.take(name, bytes, folder.as_deref())
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

    fn load_lock(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits and publishes a build; writes it into `folder` before, if there is one.
    fn take(&self, name: &str, bytes: Vec<u8>, folder: Option<&Path>) -> Result<Arc<Version>, Refusal> {
        admission::check_name(name)?;
        let _one_at_a_time = self.load_lock();
        let digest = Digest::of(&bytes);
        self.recall(name, Some(digest));
        match self.admit(name, digest, bytes, folder) {
            Ok(version) => Ok(version),
            Err(refusal) => {
                self.refuse(name, Some(digest), &refusal);
                Err(refusal)
            }
        }
    }

    /// Lets the build serve that served when the process before ended, unless one serves, or it is the build `but` itself:
    /// what is new is compared with it. The lock on loading is held.
    fn recall(&self, name: &str, but: Option<Digest>) {
        let last = self.slot(name).and_then(|slot| slot.last()).filter(|last| Some(*last) != but);
        if let Some(digest) = last
            && let Some(bytes) = self.memory.as_ref().and_then(|memory| memory.bytes(digest))
        {
            // A build that no longer passes is not a measure for others.
            let _ = self.admit(name, digest, bytes, None);
        }
    }

    /// The lock on loading is held.
    fn admit(
        &self,
        name: &str,
        digest: Digest,
        bytes: Vec<u8>,
        folder: Option<&Path>,
    ) -> Result<Arc<Version>, Refusal> {
        let slot = self.slot(name);
        let before = slot.as_ref().and_then(|slot| slot.current());
        let identity = self.policy.identity(digest);
        if let (Some(slot), Some(before)) = (&slot, &before)
            && before.identity() == identity
        {
            // Its file may be gone, or hold a build that was refused.
            self.write(name, &bytes, folder)?;
            slot.file_is_served();
            return Ok(Arc::clone(before));
        }
        if let Some(slot) = &slot {
            slot.check_past(digest, identity)?;
        }
        self.policy.check_size(bytes.len() as u64)?;
        let known = self.slots().values().filter_map(|slot| slot.current()).find(|v| v.identity() == identity);
        let admitted = self.policy.admit(&self.sandbox, name, &bytes, known.as_deref(), before.as_deref())?;
        if let Some(memory) = &self.memory {
            memory.keep_build(digest, &bytes);
        }
        self.write(name, &bytes, folder)?;
        Ok(self.publish(name, identity, admitted))
    }

    fn write(&self, name: &str, bytes: &[u8], folder: Option<&Path>) -> Result<(), Refusal> {
        let Some(folder) = folder else { return Ok(()) };
        let path = folder.join(name).with_extension("wasm");
        write_whole(&path, bytes).map_err(|source| Refusal::Write { path, source })
    }

    /// Lets `admitted` serve as `name`. The lock on loading is held.
    fn publish(&self, name: &str, identity: Identity, admitted: admission::Admitted) -> Arc<Version> {
        let slot = self.slot_of(name);
        let lost = admitted.lost;
        let (version, before) = slot.publish(identity, admitted.plugin, admitted.tried);
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
            ..Entry::new(name, event, message)
        });
        version
    }

    /// Keeps a build out, and remembers why. The same build again is not news.
    fn refuse(&self, name: &str, digest: Option<Digest>, refusal: &Refusal) {
        let identity = digest.map(|digest| self.policy.identity(digest));
        if !self.slot_of(name).refuse(identity, refusal) {
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
