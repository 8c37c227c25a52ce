//! Compiled code: from a plugin's bytes to components of wasmtime, through the cache.
//!
//! Never runs the code.

use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::Component;

use super::{
    capture::{Captured, Globals},
    compile_process, compiler,
    engine::{Machine, MachineKind, Sandbox},
    functions::{self, PackPlace, PackStore},
    job::{CompileError, Compiled, Job, Request, Supervisor, What},
    memory::Content,
    shape::{self, ShapeError},
};
use crate::{
    cache::{Bucket, Cache, Key, PutError},
    model::Digest,
};

/// Where compiled code is kept. Raise the number whenever a step between a plugin's bytes and its compiled code
/// changes, above all the meter.
const BUCKET: Bucket = Bucket::new("compiled", 7);

/// The most states of a plugin's globals whose code is kept in memory.
const HOLLOW: usize = 8;

/// A plugin's bytes, and what is derived from them on the way to the compiler.
pub(super) struct Source {
    bytes: Vec<u8>,
    digest: Digest,
    origin: Origin,
    /// The plugin as it was after `prepare`, for each state of its globals, without a driver or with one.
    hollow: Mutex<Vec<((Globals, bool), Component)>>,
}

/// Where a plugin comes from, which decides who compiles it.
enum Origin {
    /// It is part of this program, and compiled in this process.
    Bundled,
    /// A stranger wrote it: the sandbox says who compiles it.
    Foreign,
    /// This is a worker process, whose supervisor has the bytes.
    Supervised(Arc<dyn Supervisor>),
}

/// The compiled code of a plugin.
pub(super) enum Code {
    /// Instrumented by wizer: it exports access to its memory and globals besides what the plugin exports. Its memory begins with
    /// the content.
    Instrumented(Component, Content),
    /// The plugin as it came, and why wizer refuses it.
    Plain(Component, String),
}

impl Code {
    fn of(component: Component, refusal: String, content: Content) -> Self {
        if refusal.is_empty() { Self::Instrumented(component, content) } else { Self::Plain(component, refusal) }
    }

    pub(super) fn component(&self) -> &Component {
        match self {
            Self::Instrumented(component, _) | Self::Plain(component, _) => component,
        }
    }

    /// Why the state of an instance cannot be read, if so.
    pub(super) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Instrumented(..) => None,
            Self::Plain(_, why) => Some(why),
        }
    }

    /// What the memory of an instance begins with.
    pub(super) fn content(&self) -> Content {
        match self {
            Self::Instrumented(_, content) => content.clone(),
            Self::Plain(..) => None,
        }
    }
}

impl Source {
    /// A plugin as it came; whether it is part of this program.
    pub(super) fn new(bytes: Vec<u8>, is_bundled: bool) -> Self {
        let origin = if is_bundled { Origin::Bundled } else { Origin::Foreign };
        Self { digest: Digest::of(&bytes), bytes, origin, hollow: Mutex::default() }
    }

    /// A plugin that `supervisor` compiles.
    pub(super) fn supervised(supervisor: Arc<dyn Supervisor>, digest: Digest) -> Self {
        Self { bytes: Vec::new(), digest, origin: Origin::Supervised(supervisor), hollow: Mutex::default() }
    }

    /// The plugin's bytes as they came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Compiles the plugin for the machine of `kind`, instrumented unless wizer refuses it.
    pub(super) fn code(&self, sandbox: &Sandbox, kind: MachineKind) -> Result<Code, CompileError> {
        let machine = sandbox.machine(kind).map_err(CompileError::Compiler)?;
        let detached = kind == MachineKind::HostMemory && functions::is_large(&self.bytes, sandbox.least_code());
        let key = self.key(machine, kind, if detached { b"detached" } else { b"code" });
        if let Some(code) = sandbox.cache().and_then(|cache| cached_code(cache, &key, machine)) {
            return Ok(code);
        }
        self.check_code()?;
        let compiled =
            self.compile(sandbox, machine, Job { kind, bytes: &self.bytes, what: What::Plugin { detached } })?;
        let component = loaded(machine, &compiled)?;
        keep(sandbox, &key, &compiled);
        Ok(Code::of(component, compiled.refusal, compiled.content.map(Into::into)))
    }

    /// Compares a stranger's code with the limits of a compiler. What has been compiled once need not be compared again.
    fn check_code(&self) -> Result<(), CompileError> {
        if !matches!(self.origin, Origin::Foreign) {
            return Ok(());
        }
        shape::check_code(&self.bytes).map_err(|error| match error {
            ShapeError::Damaged(error) => CompileError::Damaged(error.to_string()),
            ShapeError::Over(excess) => CompileError::Shape(excess.to_string()),
        })
    }

    /// Compiles the plugin as it is after `prepare`, without the content of its memory, which instances are given. With `drives` it
    /// gets a driver, if its strategy allows it.
    pub(super) fn hollow(
        &self,
        sandbox: &Sandbox,
        globals: &Globals,
        minimum: usize,
        drives: bool,
    ) -> Result<Component, CompileError> {
        let known = || self.hollow.lock().unwrap_or_else(PoisonError::into_inner);
        let is_this = |(known, has_driver): &(Globals, bool)| known == globals && *has_driver == drives;
        if let Some((_, component)) = known().iter().find(|(known, _)| is_this(known)) {
            return Ok(component.clone());
        }
        let component = self.compile_hollow(sandbox, What::Hollow { globals, minimum, drives })?;
        let mut known = known();
        // Most plugins have one state. The limit is for those whose globals depend on the data.
        known.truncate(HOLLOW - 1);
        known.insert(0, ((globals.clone(), drives), component.clone()));
        Ok(component)
    }

    fn compile_hollow(&self, sandbox: &Sandbox, what: What<'_>) -> Result<Component, CompileError> {
        let kind = MachineKind::HostMemory;
        let machine = sandbox.machine(kind).map_err(CompileError::Compiler)?;
        let state = match what {
            What::Hollow { globals, drives, .. } => [&globals.to_bytes()[..], &[u8::from(drives)]].concat(),
            What::Plugin { .. } | What::Snapshot(_) => Vec::new(),
        };
        let key = self.key(machine, kind, &state);
        if let Some(Code::Instrumented(component, _)) =
            sandbox.cache().and_then(|cache| cached_code(cache, &key, machine))
        {
            return Ok(component);
        }
        let compiled = self.compile(sandbox, machine, Job { kind, bytes: &self.bytes, what })?;
        let component = loaded(machine, &compiled)?;
        keep(sandbox, &key, &compiled);
        Ok(component)
    }

    /// Compiles the plugin for the machine of `kind` in the state that an instance was in.
    pub(super) fn snapshot(
        &self,
        sandbox: &Sandbox,
        kind: MachineKind,
        state: &Captured,
    ) -> Result<Component, CompileError> {
        let machine = sandbox.machine(kind).map_err(CompileError::Compiler)?;
        let job = Job { kind, bytes: &self.bytes, what: What::Snapshot(state) };
        loaded(machine, &self.compile(sandbox, machine, job)?)
    }

    /// Compiles `job`; if the plugin is large, through the function cache.
    fn compile(&self, sandbox: &Sandbox, machine: &Machine, job: Job<'_>) -> Result<Compiled, CompileError> {
        let place = |cache| Some((cache, PackPlace::of(machine, &self.bytes, sandbox.least_code())?));
        let place = sandbox.cache().and_then(place);
        let store = place.as_ref().map(|(cache, place)| Arc::new(place.open(cache)));
        let compile = || self.compile_elsewhere_or_here(sandbox, machine, job, store.as_ref());
        let compiled = sandbox.while_compiling(self.bytes.len(), compile)?;
        if let (Some((cache, place)), Some(store)) = (place, store)
            && let Err(problem) = place.keep(cache, &store)
        {
            sandbox.report_cache(with_cause(&problem));
        }
        Ok(compiled)
    }

    fn compile_elsewhere_or_here(
        &self,
        sandbox: &Sandbox,
        machine: &Machine,
        job: Job<'_>,
        store: Option<&Arc<PackStore>>,
    ) -> Result<Compiled, CompileError> {
        match (&self.origin, sandbox.compiling_program()) {
            (Origin::Supervised(supervisor), _) => {
                let asked = Request::of(job, machine.metered, None);
                let (request, memory) = asked.map_err(|error| CompileError::Compiler(error.to_string()))?;
                supervisor.compile(request, memory)
            }
            (Origin::Foreign, Some(program)) => {
                let limits = (sandbox.limits().compile_timeout, sandbox.cancel(), &*sandbox.cut_flag());
                compile_process::compile(program, machine.metered, job, store, limits)
            }
            (Origin::Foreign, None) | (Origin::Bundled, _) => compiler::compile(machine, job, store),
        }
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

/// Returns the code in the entry `key`, as [`keep`] writes it.
fn cached_code(cache: &Cache, key: &Key, machine: &Machine) -> Option<Code> {
    let entry = cache.get(BUCKET, key)?;
    let (refusal, rest) = cut(&entry)?;
    let (has_content, rest) = rest.split_first()?;
    let (content, code) = cut(rest)?;
    let content = (*has_content == 1).then(|| content.into());
    Some(Code::of(load(machine, code).ok()?, String::from_utf8(refusal.to_vec()).ok()?, content))
}

/// Cuts off what a length before it says.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Loads what was just compiled.
fn loaded(machine: &Machine, compiled: &Compiled) -> Result<Component, CompileError> {
    load(machine, &compiled.code).map_err(|error| CompileError::Compiler(format!("{error:#}")))
}

#[expect(unsafe_code, reason = "compiled code is run as it is found")]
pub(super) fn load(machine: &Machine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: this process, a child of it or its supervisor has just compiled the bytes, or `keep` below has written them. The cache has
    // authenticated them with a secret that only this user's programs know, under a key that names the engine's version and
    // settings, which wasmtime compares once more. `functions.rs` says why functions in them are the right ones.
    unsafe { Component::deserialize(&machine.engine, code) }
}

/// Keeps what was compiled for the next time: refusal and content with their lengths, and the machine code. If it cannot be
/// written, the sandbox reports the problem and goes on.
fn keep(sandbox: &Sandbox, key: &Key, Compiled { code, refusal, content }: &Compiled) {
    let Some(cache) = sandbox.cache() else { return };
    let (has_content, content) = (u8::from(content.is_some()), content.as_deref().unwrap_or_default());
    let length = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
    let refusal = refusal.as_bytes();
    let entry = [&length(refusal), refusal, &[has_content], &length(content), content, code].concat();
    if let Err(problem) = cache.put(BUCKET, key, &entry) {
        sandbox.report_cache(with_cause(&problem));
    }
}

fn with_cause(error: &PutError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}
