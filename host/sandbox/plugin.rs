//! One plugin: checked, compiled and described, ready to be given data.
//!
//! Never sees data; what a plugin has prepared is a [`Prepared`](super::Prepared).

use std::{collections::HashSet, fs, path::Path, sync::Arc};

use wasmtime::{Store, component::Component};

use super::{
    bindings::{self, MetadataIndices},
    capture::instrument,
    check::{self, Interface, PluginError, Shape},
    engine::Sandbox,
    failure::{Limit, classify},
    limits::State,
};
use crate::{
    model::{Description, Digest, Params},
    task::TaskError,
};

/// A component that has passed every check and has described itself. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<Inner>,
}

struct Inner {
    sandbox: Sandbox,
    code: Code,
    bytes: Vec<u8>,
    digest: Digest,
    shape: Shape,
    description: Description,
}

/// What is compiled of a plugin.
enum Code {
    /// Rewritten by wizer: everything that the plugin exports, and access to its memory besides.
    Instrumented(Component),
    /// As it came, and why wizer refuses it.
    Plain(Component, String),
}

impl Code {
    fn component(&self) -> &Component {
        match self {
            Self::Instrumented(component) | Self::Plain(component, _) => component,
        }
    }
}

impl Plugin {
    /// Reads, checks, compiles and describes the plugin in the file `path`.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or is no plugin; see [`PluginError`].
    pub fn load(sandbox: &Sandbox, path: &Path) -> Result<Self, PluginError> {
        if path.is_dir() {
            return Err(PluginError::Directory(path.to_owned()));
        }
        let bytes = fs::read(path).map_err(|source| PluginError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(sandbox, &path.display().to_string(), bytes)
    }

    /// Checks, compiles and describes the plugin `bytes`; `name` stands for it in errors.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are no plugin; see [`PluginError`].
    pub fn from_bytes(sandbox: &Sandbox, name: &str, bytes: Vec<u8>) -> Result<Self, PluginError> {
        let shape = check::check(name, &bytes)?;
        let code = compile(sandbox, name, &bytes)?;
        check_types(sandbox, name, &code, &shape)?;
        let description =
            describe(sandbox, &code).map_err(|source| PluginError::Describe { name: name.to_owned(), source })?;
        check_description(name, &description)?;
        let digest = Digest::of(&bytes);
        let inner = Inner { sandbox: sandbox.clone(), code, bytes, digest, shape, description };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the plugin says about itself.
    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// The hash of the plugin's bytes.
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// The size of the plugin in bytes.
    pub fn size(&self) -> usize {
        self.inner.bytes.len()
    }

    /// Whether the plugin can be run by `interface`.
    pub fn exports(&self, interface: Interface) -> bool {
        self.inner.shape.exports(interface)
    }

    /// The interfaces that the plugin exports, by name.
    pub fn export_names(&self) -> &[String] {
        &self.inner.shape.exports
    }

    /// The interfaces that the plugin imports, by name.
    pub fn import_names(&self) -> &[String] {
        &self.inner.shape.imports
    }

    /// Why the plugin's memory cannot be captured, where it cannot.
    pub fn snapshot_refusal(&self) -> Option<&str> {
        match &self.inner.code {
            Code::Instrumented(_) => None,
            Code::Plain(_, why) => Some(why),
        }
    }

    /// The engine that the plugin is compiled for.
    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.inner.sandbox
    }

    /// What is compiled: the instrumented component, or the plugin as it came.
    pub(super) fn component(&self) -> &Component {
        self.inner.code.component()
    }

    /// The plugin's bytes as they came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.inner.bytes
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

fn compile(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> Result<Code, PluginError> {
    instrument(sandbox, bytes).map(Code::Instrumented).or_else(|why| {
        let component = Component::from_binary(&sandbox.engine, bytes)
            .map_err(|error| PluginError::Compile { name: name.to_owned(), problem: format!("{error:#}") })?;
        Ok(Code::Plain(component, why))
    })
}

/// Compares the interfaces with the contract, type by type. No code of the guest runs.
fn check_types(sandbox: &Sandbox, name: &str, code: &Code, shape: &Shape) -> Result<(), PluginError> {
    let check = || {
        let pre = sandbox.linker.instantiate_pre(code.component())?;
        MetadataIndices::new(&pre)?;
        if shape.exports(Interface::Signals) {
            bindings::SignalsIndices::new(&pre)?;
        }
        if shape.exports(Interface::Task) {
            bindings::TaskIndices::new(&pre)?;
        }
        Ok(())
    };
    check().map_err(|error: wasmtime::Error| PluginError::Mismatch {
        name: name.to_owned(),
        problem: format!("{error:#}"),
    })
}

fn describe(sandbox: &Sandbox, code: &Code) -> Result<Description, TaskError> {
    let limits = sandbox.limits();
    let limit = Limit { seconds: limits.timeout.as_secs_f64(), answer: limits.answer };
    let mut store = sandbox.store(limits.memory_for(0), limits.answer, limits.timeout);
    let call = |store: &mut Store<State>| {
        let pre = sandbox.linker.instantiate_pre(code.component())?;
        let indices = MetadataIndices::new(&pre)?;
        let instance = pre.instantiate(&mut *store)?;
        indices.load(&mut *store, &instance)?.call_describe(store)
    };
    let described = call(&mut store);
    described.map(bindings::description).map_err(|error| classify(&error, store.data(), &limit))
}

fn check_description(name: &str, description: &Description) -> Result<(), PluginError> {
    let wrong = |problem: String| PluginError::BadDescription { name: name.to_owned(), problem };
    if !is_name(&description.name.replace('-', "_")) {
        return Err(wrong(format!("the name `{}` is not made of letters, digits, `-` and `_`", description.name)));
    }
    let mut seen = HashSet::new();
    for spec in &description.parameters {
        if !is_name(&spec.name) {
            return Err(wrong(format!("parameter `{}` is not a letter, then letters, digits and `_`", spec.name)));
        }
        if !seen.insert(&spec.name) {
            return Err(wrong(format!("parameter `{}` is declared twice", spec.name)));
        }
        if spec.choices.iter().any(|choice| choice.type_name() != spec.default.type_name()) {
            return Err(wrong(format!("a choice of parameter `{}` is of another type than its default", spec.name)));
        }
        spec.accept(&spec.default).map_err(|source| PluginError::BadDefault { name: name.to_owned(), source })?;
    }
    Ok(())
}

/// A letter, then letters, digits and `_`, at most 64 in all.
fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
