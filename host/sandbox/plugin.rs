//! The plugin: a component that is checked, compiled and described, ready to be given data.
//!
//! Never sees data; what a plugin has prepared is a [`Prepared`](super::Prepared).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, OnceLock},
};

use wasmtime::component::Component;

use super::{
    bindings::{self, MetadataIndices},
    cancel::Cancel,
    capture::{Captured, Globals},
    check::{self, Interface, Interfaces, MAX_SIZE, PluginError},
    compile::{Code, Source},
    description::{self, check_description},
    engine::{MachineKind, Sandbox},
    failure::classify,
    guest::{instantiate, interrupted, new_store, stopped_by},
    job::{CompileError, Supervisor},
    limits::{Allowance, Limits, State},
    memory::InitialMemory,
    meter,
};
use crate::{
    file::read_at_most,
    model::{Description, Digest, Params},
    task::{ErrorKind, TaskError, panic_text},
};

/// A component that has passed every check and has described itself. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    sandbox: Sandbox,
    inner: Arc<Inner>,
}

struct Inner {
    source: Source,
    /// The compiled code, for each kind of machine where it was needed.
    code: [OnceLock<Result<Code, CompileError>>; 3],
    has_lines: bool,
    interfaces: Interfaces,
    description: Description,
}

impl Plugin {
    /// Reads, checks, compiles and describes the plugin in the file `path`.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or is not a plugin; see [`PluginError`].
    pub fn load(sandbox: &Sandbox, path: &Path) -> Result<Self, PluginError> {
        if path.is_dir() {
            return Err(PluginError::Directory(path.to_owned()));
        }
        let bytes = read_at_most(path, MAX_SIZE as u64)
            .map_err(|source| PluginError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(sandbox, &path.display().to_string(), bytes)
    }

    /// Checks, compiles and describes the plugin `bytes`; `name` stands for it in errors.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not a plugin; see [`PluginError`].
    pub fn from_bytes(sandbox: &Sandbox, name: &str, bytes: Vec<u8>) -> Result<Self, PluginError> {
        Self::guarded(sandbox, name, bytes, false)
    }

    /// Does the same for a plugin that is part of this program: it is compiled here, whoever compiles those of strangers.
    pub(crate) fn bundled(sandbox: &Sandbox, name: &str, bytes: &'static [u8]) -> Result<Self, PluginError> {
        Self::guarded(sandbox, name, bytes.to_vec(), true)
    }

    /// Makes a panic of a library or of ours the failure of this plugin.
    fn guarded(sandbox: &Sandbox, name: &str, bytes: Vec<u8>, is_trusted: bool) -> Result<Self, PluginError> {
        catch_unwind(AssertUnwindSafe(|| Self::checked(sandbox, name, bytes, is_trusted))).unwrap_or_else(|panic| {
            let problem = format!("a bug of the host: {}", panic_text(&*panic));
            Err(PluginError::Compile { name: name.to_owned(), problem })
        })
    }

    fn checked(sandbox: &Sandbox, name: &str, bytes: Vec<u8>, is_trusted: bool) -> Result<Self, PluginError> {
        let interfaces = check::check(name, &bytes)?;
        let has_lines = check::has_lines(&bytes);
        let source = Source::new(bytes, is_trusted);
        let compiled = source.code(sandbox, sandbox.home()).map_err(|error| unusable(name, error))?;
        check_types(sandbox, name, &compiled, &interfaces)?;
        let description = describe(sandbox, &compiled, interfaces.instance_bytes)
            .map_err(|source| PluginError::Describe { name: name.to_owned(), source })?;
        check_description(name, &description)?;
        let mut code = <[OnceLock<_>; 3]>::default();
        code[sandbox.home() as usize] = OnceLock::from(Ok(compiled));
        let inner = Inner { source, code, has_lines, interfaces, description };
        Ok(Self { sandbox: sandbox.clone(), inner: Arc::new(inner) })
    }

    /// A plugin in a worker process, whose supervisor has loaded it.
    pub(super) fn supervised(
        sandbox: Sandbox,
        supervisor: Arc<dyn Supervisor>,
        digest: Digest,
        has_lines: bool,
        interfaces: Interfaces,
        description: Description,
    ) -> Self {
        let source = Source::supervised(supervisor, digest);
        let inner = Inner { source, code: Default::default(), has_lines, interfaces, description };
        Self { sandbox, inner: Arc::new(inner) }
    }

    /// What it imports and exports.
    pub(super) fn interfaces(&self) -> &Interfaces {
        &self.inner.interfaces
    }

    /// The same compiled plugin under other limits; see [`Sandbox::under`].
    #[must_use]
    pub fn under(&self, limits: Limits) -> Self {
        Self { sandbox: self.sandbox.under(limits), inner: Arc::clone(&self.inner) }
    }

    /// The same compiled plugin. What is compiled for it later ends once `cancel` is set.
    #[must_use]
    pub fn cancelled_by(&self, cancel: &Cancel) -> Self {
        Self { sandbox: self.sandbox.cancelled_by(cancel), inner: Arc::clone(&self.inner) }
    }

    /// The plugin's own description.
    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// The hash of the plugin's bytes.
    pub fn digest(&self) -> Digest {
        self.inner.source.digest()
    }

    /// The plugin's bytes: the component as it came.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.inner.source.bytes()
    }

    /// The size of the plugin in bytes.
    pub fn size(&self) -> usize {
        self.inner.source.bytes().len()
    }

    /// Whether the plugin can be run by `interface`.
    pub fn exports(&self, interface: Interface) -> bool {
        self.inner.interfaces.exports(interface)
    }

    /// The interfaces that the plugin exports, by name.
    pub fn export_names(&self) -> &[String] {
        &self.inner.interfaces.exports
    }

    /// The interfaces that the plugin imports, by name.
    pub fn import_names(&self) -> &[String] {
        &self.inner.interfaces.imports
    }

    /// Checks, compiles and describes the same plugin in another sandbox.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be run there; see [`PluginError`].
    pub fn reloaded(&self, sandbox: &Sandbox) -> Result<Self, PluginError> {
        Self::from_bytes(sandbox, &self.description().name, self.inner.source.bytes().to_vec())
    }

    /// The engine that the plugin is compiled for.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The code that is compiled for the machine of `kind`, or why there is none.
    pub(super) fn code(&self, kind: MachineKind) -> Result<&Code, CompileError> {
        let known = &self.inner.code[kind as usize];
        if known.get().is_none() {
            match self.inner.source.code(self.sandbox(), kind) {
                // The next one who asks may have better luck.
                Err(error) if error.is_chance() => return Err(error),
                compiled => drop(known.set(compiled)),
            }
        }
        match known.get() {
            Some(compiled) => compiled.as_ref().map_err(CompileError::clone),
            None => Err(CompileError::Accident("the compiled code is gone".to_owned())),
        }
    }

    /// Compiles the plugin as it is with `globals`, for instances that are given their memory, `minimum` bytes or more. With
    /// `drives` it gets a driver, if its strategy allows it.
    pub(super) fn hollow(&self, globals: &Globals, minimum: usize, drives: bool) -> Result<Component, CompileError> {
        self.inner.source.hollow(self.sandbox(), globals, minimum, drives)
    }

    /// Compiles the plugin for the machine of `kind` in the state that an instance was in.
    pub(super) fn snapshot(&self, kind: MachineKind, state: &Captured) -> Result<Component, CompileError> {
        self.inner.source.snapshot(self.sandbox(), kind, state)
    }

    /// Bytes that one instance takes at most besides its memories and tables.
    pub(super) fn instance_bytes(&self) -> usize {
        self.inner.interfaces.instance_bytes
    }

    /// Whether the plugin says which line of its source an instruction comes from.
    pub(super) fn has_lines(&self) -> bool {
        self.inner.has_lines
    }

    /// Every parameter at its default.
    pub(super) fn defaults(&self) -> Params {
        self.description().parameters.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("description", self.description()).finish_non_exhaustive()
    }
}

/// Returns the component `bytes` as it is compiled, with a budget in its code; `name` stands for it in errors.
///
/// For looking at it, and for measuring what counting costs: plugins are metered when they are loaded.
///
/// # Errors
///
/// Returns an error if the component has something whose computing cannot be counted.
pub fn metered(name: &str, bytes: &[u8]) -> Result<Vec<u8>, PluginError> {
    meter::meter(bytes).map_err(|error| unusable(name, CompileError::Meter(error.to_string())))
}

fn unusable(name: &str, error: CompileError) -> PluginError {
    let name = name.to_owned();
    match error {
        CompileError::Meter(problem) => PluginError::Unmetered { name, problem },
        CompileError::Damaged(problem) => PluginError::Damaged { name, problem },
        CompileError::Compiler(problem) | CompileError::Limit(problem) => PluginError::Compile { name, problem },
        CompileError::Shape(excess) => PluginError::Shape { name, excess },
        CompileError::Accident(problem) => PluginError::NotCompiled { name, problem },
        CompileError::Cancelled => PluginError::Cancelled { name },
    }
}

/// Compares the interfaces with the contract, type by type. No code of the guest runs.
fn check_types(sandbox: &Sandbox, name: &str, code: &Code, interfaces: &Interfaces) -> Result<(), PluginError> {
    let check = || {
        let machine = sandbox.machine(sandbox.home()).map_err(wasmtime::Error::msg)?;
        let pre = machine.linker.instantiate_pre(code.component())?;
        MetadataIndices::new(&pre)?;
        if interfaces.exports(Interface::Signals) {
            bindings::SignalsIndices::new(&pre)?;
        }
        if interfaces.exports(Interface::Events) {
            bindings::EventsIndices::new(&pre)?;
        }
        if interfaces.exports(Interface::Task) {
            bindings::TaskIndices::new(&pre)?;
        }
        Ok(())
    };
    check().map_err(|error: wasmtime::Error| PluginError::Mismatch {
        name: name.to_owned(),
        problem: format!("{error:#}"),
    })
}

fn describe(sandbox: &Sandbox, code: &Code, instance_bytes: usize) -> Result<Description, TaskError> {
    let limits = sandbox.limits();
    let answer = limits.answer.min(description::LARGEST);
    let allowance = Allowance { units: limits.budget.of_first_task(0), time: limits.timeout, answer };
    let host = |error: wasmtime::Error| TaskError::new(ErrorKind::Host, format!("{error:#}"));
    let machine = sandbox.machine(sandbox.home()).map_err(|error| TaskError::new(ErrorKind::Host, error))?;
    let linked = machine.linker.instantiate_pre(code.component()).map_err(host)?;
    let indices = MetadataIndices::new(&linked).map_err(host)?;
    let mut store = new_store(machine, State::new(limits.memory_for(0), limits), &allowance);
    let (instance, made) =
        instantiate(machine, &linked, &InitialMemory::Fresh(code.content()), &mut store, (&allowance, instance_bytes));
    let described = instance.and_then(|instance| indices.load(&mut store, &instance)?.call_describe(&mut store));
    let stopped = made.counter.and_then(|counter| stopped_by(&counter, counter.stop()));
    described.map(bindings::description).map_err(|error| {
        classify(&error, store.data(), &allowance.of_start(), stopped.or_else(|| interrupted(&error)), || None)
    })
}
