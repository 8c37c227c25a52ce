//! The function cache: compiled functions, kept across components and found by what they were compiled from.
//!
//! Never decides what is compiled, and never runs what it keeps. An interpreter brings the same ten thousands of functions
//! with every build of a strategy: they are compiled once. Cranelift looks for each function before it compiles it, by a
//! SHA-256 of all that its code depends on, and patches the addresses of what it calls afterwards.
//!
//! [`compile`] knows a [`FunctionStore`] only: it reads what is known and collects what is new, and neither needs the
//! cache's secret. [`Shelf`] is the store of whoever owns the cache. It reads one pack before a compilation and writes
//! one afterwards, which is complete or absent. A pack belongs to an engine and to what a component's largest module
//! imports, so that the builds of a strategy share one, and so do the strategies of one interpreter. Two processes that write one
//! at the same time lose the entries of the first, which are compiled anew.
//!
//! # Why a wrong entry cannot be found
//!
//! What is found becomes machine code. On the disk, a pack is authenticated as every entry of the cache is. In it, the
//! key is the only thing that ties code to a function, and hostile plugins choose functions. In Cranelift 0.135 the key
//! hashes every field of the function's intermediate form (`ir::FunctionStencil`, with lengths before lists; left out
//! are only indices that follow from hashed fields), and the target with all of its settings. Outside of it are the
//! names of called functions and the first source location, which are applied after an entry is found. Settings of
//! wasmtime's act through the intermediate form, and the version of wasmtime and all of its settings are in the pack's
//! key besides. A test compares code that comes from the cache with code that does not, byte for byte.
//!
//! What a process collects can become machine code of other plugins. It must be trusted as far as the components that the
//! same process compiles.

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

/// Where packs are kept. The number goes up whenever an entry means something else.
const BUCKET: Bucket = Bucket::new("functions", 1);

/// Components with at least this much code, in bytes, are compiled by way of the function cache. Below, hashing and keeping
/// functions costs more than it saves: a plugin in Rust has 0.1 MB, one in Go 2.5, an interpreter 10 and more.
pub(super) const LEAST_CODE: usize = 1 << 20;

/// A pack is written anew when at least this part of it is new. Cranelift reuses its workspaces, and a key hashes a table
/// that an earlier function has left there: with several threads, up to a tenth of an interpreter's functions are compiled
/// anew each time, under keys that the next time does not look for.
const WORTH_WRITING: usize = 8;

/// One pack may have this part of the cache.
const SHARE: u64 = 8;

/// Compiled functions, as a compilation sees them.
pub(super) trait FunctionStore: Send + Sync + fmt::Debug {
    /// Returns what was collected under `key`, now or in an earlier compilation.
    fn get(&self, key: &PackKey) -> Option<Cow<'_, [u8]>>;

    /// Takes what was compiled under `key`, which was not there.
    fn collect(&self, key: PackKey, code: Vec<u8>);
}

/// Compiles the component `bytes` for `machine`, with functions that `store` knows; returns what the engine of `machine`
/// loads.
///
/// `None` if an engine with a function cache is not compatible with that of `machine`.
pub(super) fn compile(
    machine: &Machine,
    bytes: &[u8],
    store: Arc<dyn FunctionStore>,
) -> Option<wasmtime::Result<Vec<u8>>> {
    let mut config = machine.config.clone();
    // An engine of its own for each compilation, so that what is new belongs to one.
    let engine = config.enable_incremental_compilation(Arc::new(Adapter(store))).and_then(|config| Engine::new(config));
    let engine = engine.ok().filter(|engine| machine.is_compatible(engine))?;
    Some(engine.precompile_component(bytes))
}

/// A store in the form that wasmtime asks for.
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

/// What is known before a compilation, and what is new after it.
#[derive(Debug)]
pub(super) struct Shelf {
    key: Key,
    known: Pack,
    /// Whether this compilation has used the value of the pack at the same position.
    used: Vec<AtomicBool>,
    collected: Mutex<BTreeMap<PackKey, Vec<u8>>>,
}

impl Shelf {
    /// Opens what `cache` has for the component `bytes` on `machine`; none if the component has less than `least` bytes
    /// of code.
    pub(super) fn open(cache: &Cache, machine: &Machine, bytes: &[u8], least: usize) -> Option<Self> {
        let key = key(machine, bytes, least)?;
        let known = cache.get(BUCKET, &key).and_then(Pack::read).unwrap_or_default();
        let used = (0..known.len()).map(|_| AtomicBool::new(false)).collect();
        Some(Self { key, known, used, collected: Mutex::default() })
    }

    /// Keeps what is new, where that is worth a write.
    pub(super) fn keep(&self, cache: &Cache) -> Result<(), PutError> {
        match self.pack(cache.cap() / SHARE) {
            Some(pack) => cache.put(BUCKET, &self.key, &pack),
            None => Ok(()),
        }
    }

    /// Returns a pack of the old and the new, or of what was used alone where that is more than `most` bytes. None where
    /// there is little to add, or too much.
    fn pack(&self, most: u64) -> Option<Vec<u8>> {
        let new = self.collected();
        let added: usize = new.values().map(Vec::len).sum();
        let mut values: BTreeMap<_, _> = self.known.iter().collect();
        // What is new stands for what could not be used under the same key.
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

impl FunctionStore for Shelf {
    fn get(&self, key: &PackKey) -> Option<Cow<'_, [u8]>> {
        if let Some(position) = self.known.position(key) {
            self.used[position].store(true, Ordering::Relaxed);
            return Some(Cow::Borrowed(self.known.value(position)));
        }
        // One component may have the same function several times.
        self.collected().get(key).cloned().map(Cow::Owned)
    }

    fn collect(&self, key: PackKey, code: Vec<u8>) {
        self.collected().insert(key, code);
    }
}

/// Returns the key of the pack for the component `bytes`; none if it has less than `least` bytes of code.
///
/// It names what the module with the most code imports: that stays the same when wizer rewrites a component, and when
/// another strategy is put into an interpreter.
fn key(machine: &Machine, bytes: &[u8], least: usize) -> Option<Key> {
    if bytes.len() < least {
        return None;
    }
    let (mut code, mut largest) = (0, 0);
    let (mut imports, mut of_largest) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        // The compiler says what is wrong with a component.
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
