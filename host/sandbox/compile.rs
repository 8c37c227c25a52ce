//! Compilation: from a plugin's bytes to machine code, through the cache.
//!
//! Never runs the code.

use std::{
    panic,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
};

use wasmtime::component::Component;

use super::{
    capture::{self, Globals},
    engine::{Machine, MachineKind, Sandbox},
    functions::{self, PackStore},
    meter::{self, MeterError},
};
use crate::{
    cache::{Bucket, Cache, Key, PutError},
    model::Digest,
};

/// Where compiled code is kept. Raise the number whenever a step between a plugin's bytes and its compiled code
/// changes, above all the meter.
const BUCKET: Bucket = Bucket::new("compiled", 3);

/// The most states of a plugin's globals whose code is kept in memory.
const HOLLOW: usize = 8;

/// A plugin's bytes, and what is derived from them on the way to the compiler.
pub(super) struct Source {
    bytes: Vec<u8>,
    digest: Digest,
    metered: OnceLock<Result<Vec<u8>, MeterError>>,
    /// The plugin as it was after `prepare`, for each state of its globals.
    hollow: Mutex<Vec<(Globals, Component)>>,
}

/// The compiled code of a plugin.
pub(super) enum Code {
    /// Instrumented by wizer: it exports access to its memory and globals besides what the plugin exports.
    Instrumented(Component),
    /// The plugin as it came, and why wizer refuses it.
    Plain(Component, String),
}

impl Code {
    pub(super) fn component(&self) -> &Component {
        match self {
            Self::Instrumented(component) | Self::Plain(component, _) => component,
        }
    }

    /// Why the state of an instance cannot be read, if so.
    pub(super) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Instrumented(_) => None,
            Self::Plain(_, why) => Some(why),
        }
    }
}

/// Why a plugin does not compile.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompileError {
    /// The plugin cannot be metered.
    #[error("{0}")]
    Meter(String),
    /// The compiler refuses the plugin.
    #[error("{0}")]
    Compiler(String),
}

impl Source {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes, metered: OnceLock::new(), hollow: Mutex::default() }
    }

    /// The plugin's bytes as they came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// The component for `machine`, metered if need be, before wizer instruments it.
    pub(super) fn component_for(&self, machine: &Machine) -> Result<&[u8], CompileError> {
        if !machine.metered {
            return Ok(&self.bytes);
        }
        let metered = self.metered.get_or_init(|| meter::meter(&self.bytes));
        metered.as_deref().map_err(|error| CompileError::Meter(error.to_string()))
    }

    /// Compiles the plugin for the machine of `kind`, instrumented unless wizer refuses it.
    pub(super) fn code(&self, sandbox: &Sandbox, kind: MachineKind) -> Result<Code, CompileError> {
        let machine = sandbox.machine(kind).map_err(CompileError::Compiler)?;
        let key = self.key(machine, kind, b"code");
        if let Some(code) = sandbox.cache().and_then(|cache| cached_code(cache, &key, machine)) {
            return Ok(code);
        }
        let bytes = self.component_for(machine)?;
        let instrumented = match kind {
            MachineKind::Replay => Err("a replay is not captured".to_owned()),
            MachineKind::HostMemory | MachineKind::Pool => {
                capture::instrument(bytes).and_then(|bytes| compile(sandbox, machine, &bytes))
            }
        };
        let code = match instrumented {
            Ok(component) => Code::Instrumented(component),
            Err(why) => Code::Plain(compile(sandbox, machine, bytes).map_err(CompileError::Compiler)?, why),
        };
        keep(sandbox, &key, code.refusal().unwrap_or_default(), code.component());
        Ok(code)
    }

    /// Compiles the plugin as it is after `prepare`, without the content of its memory, which instances are given.
    pub(super) fn hollow(&self, sandbox: &Sandbox, globals: &Globals, minimum: usize) -> Result<Component, String> {
        let known = || self.hollow.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, component)) = known().iter().find(|(known, _)| known == globals) {
            return Ok(component.clone());
        }
        let component = self.compile_hollow(sandbox, globals, minimum)?;
        let mut known = known();
        // Most plugins have one state. The limit is for those whose globals depend on the data.
        known.truncate(HOLLOW - 1);
        known.insert(0, (globals.clone(), component.clone()));
        Ok(component)
    }

    fn compile_hollow(&self, sandbox: &Sandbox, globals: &Globals, minimum: usize) -> Result<Component, String> {
        let kind = MachineKind::HostMemory;
        let machine = sandbox.machine(kind)?;
        let key = self.key(machine, kind, &globals.to_bytes());
        if let Some(Code::Instrumented(component)) = sandbox.cache().and_then(|cache| cached_code(cache, &key, machine))
        {
            return Ok(component);
        }
        let bytes = self.component_for(machine).map_err(|error| error.to_string())?;
        // The counter's memory comes first.
        let minimums = if machine.metered { &[meter::PAGE, minimum][..] } else { &[minimum] };
        let hollow = capture::hollow(bytes, globals, minimums).map_err(|error| format!("{error:#}"))?;
        let component = compile(sandbox, machine, &hollow)?;
        keep(sandbox, &key, "", &component);
        Ok(component)
    }

    /// Returns the key of compiled code: everything that it depends on.
    fn key(&self, machine: &Machine, kind: MachineKind, what: &[u8]) -> Key {
        Key::of(&[
            ("plugin", self.digest.to_string().as_bytes()),
            ("place", kind.as_str().as_bytes()),
            ("metered", &[u8::from(machine.metered)]),
            ("engine", &machine.compatibility()),
            ("what", what),
        ])
    }
}

/// Compiles a component as it is; if it is large, through the function cache.
pub(super) fn compile(sandbox: &Sandbox, machine: &Machine, bytes: &[u8]) -> Result<Component, String> {
    let compile = || match compile_by_functions(sandbox, machine, bytes) {
        Some(compiled) => compiled,
        None => Component::from_binary(&machine.engine, bytes),
    };
    off_the_pool(|| compile().map_err(|error| format!("{error:#}")))
}

/// Compiles a component through the function cache; `None` if that does not pay or is not possible.
#[expect(unsafe_code, reason = "compiled code is run as it is found")]
fn compile_by_functions(sandbox: &Sandbox, machine: &Machine, bytes: &[u8]) -> Option<wasmtime::Result<Component>> {
    let cache = sandbox.cache()?;
    let store = Arc::new(PackStore::open(cache, machine, bytes, sandbox.least_code())?);
    let compiled = functions::compile(machine, bytes, Arc::clone(&store) as _)?;
    if let Err(problem) = store.keep(cache) {
        sandbox.report_cache(with_cause(&problem));
    }
    // SAFETY: this process has just compiled it. The cache has authenticated the functions that were found in it;
    // `functions.rs` says why they are the right ones.
    Some(compiled.and_then(|code| unsafe { Component::deserialize(&machine.engine, code) }))
}

/// Does `work` on a thread of its own if this thread belongs to a pool.
///
/// The compiler divides its work among rayon's threads. A pool's thread that waits for the parts takes up any other
/// work of the pool meanwhile: perhaps a whole sweep, on top of a task that holds what the sweep waits for.
fn off_the_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_none() {
        return work();
    }
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| panic::resume_unwind(panic))
}

/// Returns the code in the entry `key`: the length of the refusal, the refusal, and the machine code.
fn cached_code(cache: &Cache, key: &Key, machine: &Machine) -> Option<Code> {
    let entry = cache.get(BUCKET, key)?;
    let (length, rest) = entry.split_first_chunk()?;
    let (why, code) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let component = load(machine, code).ok()?;
    Some(match why {
        [] => Code::Instrumented(component),
        why => Code::Plain(component, String::from_utf8(why.to_vec()).ok()?),
    })
}

#[expect(unsafe_code, reason = "compiled code is run as it is found")]
fn load(machine: &Machine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `keep` below has written the bytes. The cache has authenticated them with a secret that only this user's
    // programs know, under a key that names the engine's version and settings, which wasmtime compares once more.
    unsafe { Component::deserialize(&machine.engine, code) }
}

/// Keeps `component` for the next time. If it cannot be written, the sandbox reports the problem and goes on.
fn keep(sandbox: &Sandbox, key: &Key, why: &str, component: &Component) {
    let Some(cache) = sandbox.cache() else { return };
    let kept = component.serialize().map_err(|error| format!("{error:#}")).and_then(|code| {
        let length = why.len() as u32;
        let entry = [&length.to_le_bytes()[..], why.as_bytes(), &code].concat();
        cache.put(BUCKET, key, &entry).map_err(|error| with_cause(&error))
    });
    if let Err(problem) = kept {
        sandbox.report_cache(problem);
    }
}

fn with_cause(error: &PutError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_thread_of_a_pool_compiles() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        assert_eq!(pool.install(|| off_the_pool(rayon::current_thread_index)), None);
        let here = thread::current().id();
        assert_eq!(off_the_pool(|| thread::current().id()), here, "without a pool, nothing is started");
    }
}
