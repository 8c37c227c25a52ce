//! The function cache: compiled functions, kept across components and found by what they were compiled from.
//!
//! Never decides what is compiled, and never runs what it keeps. An interpreter has the same 20,000 functions in every
//! build of a strategy: they are compiled once. Before Cranelift compiles a function, it asks for the function's key, a
//! SHA-256 of all inputs of its code. Afterwards it patches the addresses of the functions that it calls.
//!
//! [`compile`] knows only a [`FunctionStore`], which answers with what is known and collects what is new. It needs
//! neither the cache nor its secret, so that it can run in another process. [`PackPlace`] is of the process that
//! owns the cache: it reads one pack before a compilation and writes one pack afterwards, which is complete or absent.
//! A pack belongs to the settings of an engine and to the imports of a component's largest module. So all builds of a
//! strategy share a pack, and so do all strategies of an interpreter. If two processes write a pack at the same time,
//! the second one wins, and the functions of the first are compiled again.
//!
//! # Why a wrong function cannot be found
//!
//! A function that is found becomes machine code. On disk, the cache authenticates a pack like every entry. Inside the
//! pack, only the key ties code to a function, and hostile plugins choose functions. Cranelift 0.135 hashes every field
//! of the function's intermediate form (`ir::FunctionStencil`, lengths before lists), except for indices that follow
//! from hashed fields, and it hashes the target with all settings. Names of called functions and the first source
//! location are not in the key: Cranelift applies them after it has found a function. The settings of wasmtime act
//! through the intermediate form; besides, they are in the key of the pack, with wasmtime's version. Tests compare code
//! from the cache with code without it, byte for byte.
//!
//! Whatever a process collects can become machine code of other plugins. So trust its functions only as far as the
//! components that it compiles.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use wasmparser::{Parser, Payload};
use wasmtime::{CacheStore, Engine};

use super::engine::Machine;
use crate::cache::{Bucket, Cache, Key, Pack, PackKey, PutError};

/// Where packs are kept. Raise the number whenever the meaning of an entry changes.
const BUCKET: Bucket = Bucket::new("functions", 1);

/// A pack is written again if at least this part of it is new: an eighth. Cranelift reuses its workspaces, and a key
/// also hashes a table that an earlier function has left there. Depending on the order of the threads, up to a tenth of
/// an interpreter's functions therefore miss the cache each time, and keeping them would not help the next time.
const WORTH_WRITING: usize = 8;

/// The part of the cache that one pack may fill: an eighth.
const SHARE: u64 = 8;

/// A store of compiled functions, as a compilation sees it.
pub(super) trait FunctionStore: Send + Sync + fmt::Debug {
    /// Returns the code that this or an earlier compilation has collected under `key`.
    fn get(&self, key: &PackKey) -> Option<Cow<'_, [u8]>>;

    /// Takes new code, which `get` did not have under `key`.
    fn collect(&self, key: PackKey, code: Vec<u8>);
}

/// Compiles the component `bytes` for `machine` with the functions that `store` knows. Returns what
/// `Component::deserialize` loads; `None` if an engine with a function cache is not compatible with the machine's.
pub(super) fn compile(
    machine: &Machine,
    bytes: &[u8],
    store: Arc<dyn FunctionStore>,
) -> Option<wasmtime::Result<Vec<u8>>> {
    let mut config = machine.config.clone();
    // Each compilation has an engine of its own, so that it collects its own functions only.
    let engine = config.enable_incremental_compilation(Arc::new(Adapter(store))).and_then(|config| Engine::new(config));
    let engine = engine.ok().filter(|engine| machine.is_compatible(engine))?;
    Some(engine.precompile_component(bytes))
}

/// Adapts a store to wasmtime's trait.
#[derive(Debug)]
struct Adapter(Arc<dyn FunctionStore>);

impl CacheStore for Adapter {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.0.get(key.try_into().ok()?)
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        let key = key.try_into();
        key.map(|key| self.0.collect(key, code)).is_ok()
    }
}

/// The functions of one compilation: known before it, and new in it.
#[derive(Debug, Default)]
pub(super) struct PackStore {
    known: Pack,
    /// Whether this compilation has used the value at the same position of the pack.
    used: Vec<AtomicBool>,
    collected: Mutex<BTreeMap<PackKey, Vec<u8>>>,
}

/// The pack of a component in the cache.
#[derive(Debug)]
pub(super) struct PackPlace(Key);

impl PackPlace {
    /// The place for the plugin `bytes` on `machine`; `None` if it has less than `least` bytes of code.
    pub(super) fn of(machine: &Machine, bytes: &[u8], least: usize) -> Option<Self> {
        key(machine, bytes, least).map(Self)
    }

    /// Reads what is kept there.
    pub(super) fn open(&self, cache: &Cache) -> PackStore {
        PackStore::new(cache.get(BUCKET, &self.0).and_then(Pack::read).unwrap_or_default())
    }

    /// Keeps the new functions of `store` there, if they are worth a write.
    pub(super) fn keep(&self, cache: &Cache, store: &PackStore) -> Result<(), PutError> {
        match store.pack(cache.cap() / SHARE) {
            Some(pack) => cache.put(BUCKET, &self.0, &pack),
            None => Ok(()),
        }
    }
}

impl PackStore {
    /// A store that knows the functions of a pack.
    pub(super) fn new(known: Pack) -> Self {
        let used = (0..known.len()).map(|_| AtomicBool::new(false)).collect();
        Self { known, used, collected: Mutex::default() }
    }

    /// The bytes of the pack that is known.
    pub(super) fn known(&self) -> &[u8] {
        self.known.bytes()
    }

    /// What this compilation has done to the store: positions that it used, and a pack of what is new.
    pub(super) fn news(&self) -> (Vec<u32>, Vec<u8>) {
        let used = (0..self.known.len()).filter(|position| self.is_used(*position)).map(|position| position as u32);
        let collected = self.collected();
        let new = collected.iter().map(|(key, code)| (*key, &code[..])).collect();
        (used.collect(), Pack::write(&new))
    }

    /// Takes what a compilation elsewhere has done to a store of the same pack.
    pub(super) fn take(&self, used: &[u32], new: &Pack) {
        used.iter()
            .filter_map(|position| self.used.get(*position as usize))
            .for_each(|used| used.store(true, Ordering::Relaxed));
        self.collected().extend(new.iter().map(|(key, code)| (key, code.to_vec())));
    }

    /// Returns a pack of all functions, or only of those in use if all are more than `most` bytes. `None` if too few
    /// are new, or if those in use alone are too many.
    fn pack(&self, most: u64) -> Option<Vec<u8>> {
        let new = self.collected();
        let added: usize = new.values().map(Vec::len).sum();
        let mut values: BTreeMap<_, _> = self.known.iter().collect();
        // A function is both known and new if its known code could not be read.
        values.extend(new.iter().map(|(key, code)| (*key, &code[..])));
        let all: usize = values.values().map(|value| value.len()).sum();
        if new.is_empty() || added < all / WORTH_WRITING {
            return None;
        }
        let fits = |pack: &Vec<u8>| pack.len() as u64 <= most;
        Some(Pack::write(&values)).filter(fits).or_else(|| {
            values.retain(|key, _| self.known.position(key).is_none_or(|position| self.is_used(position)));
            Some(Pack::write(&values)).filter(fits)
        })
    }

    fn is_used(&self, position: usize) -> bool {
        self.used[position].load(Ordering::Relaxed)
    }

    fn collected(&self) -> MutexGuard<'_, BTreeMap<PackKey, Vec<u8>>> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FunctionStore for PackStore {
    fn get(&self, key: &PackKey) -> Option<Cow<'_, [u8]>> {
        if let Some(position) = self.known.position(key) {
            self.used[position].store(true, Ordering::Relaxed);
            return Some(Cow::Borrowed(self.known.value(position)));
        }
        // A component may contain the same function several times.
        self.collected().get(key).cloned().map(Cow::Owned)
    }

    fn collect(&self, key: PackKey, code: Vec<u8>) {
        self.collected().insert(key, code);
    }
}

/// Whether the component `bytes` has `least` bytes of code or more.
pub(super) fn is_large(bytes: &[u8], least: usize) -> bool {
    let is_code = |payload| match payload {
        Payload::CodeSectionStart { size, .. } => size as usize,
        _ => 0,
    };
    bytes.len() >= least && Parser::new(0).parse_all(bytes).map_while(Result::ok).map(is_code).sum::<usize>() >= least
}

/// Returns the key of the pack for the plugin `bytes`, as it came; `None` if it has less than `least` bytes of code.
///
/// The key names the imports of the module with the most code. They stay the same when an interpreter is packed with another
/// strategy.
fn key(machine: &Machine, bytes: &[u8], least: usize) -> Option<Key> {
    if bytes.len() < least {
        return None;
    }
    let (mut code, mut largest) = (0, 0);
    let (mut imports, mut of_largest) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        // If the component is invalid, the compiler says why.
        match payload.ok()? {
            Payload::Version { .. } => imports.clear(),
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.ok()?;
                    imports.extend([import.module, "\0", import.name, "\0"].concat().into_bytes());
                }
            }
            Payload::CodeSectionStart { size, .. } => {
                code += size as usize;
                if size > largest {
                    largest = size;
                    of_largest.clone_from(&imports);
                }
            }
            _ => {}
        }
    }
    (code >= least).then(|| Key::of(&[("engine", &machine.compatibility()), ("imports", &of_largest)]))
}

#[cfg(test)]
mod tests;
