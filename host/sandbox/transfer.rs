//! Plugins for worker processes: what a worker needs to run a plugin that its supervisor has loaded, and what prepared plugins
//! share.
//!
//! Never starts a process. A worker has no bytes of the plugin: it asks its [`Supervisor`] for machine code, which comes from
//! the supervisor's cache or from a compiling process. What the first worker has prepared goes to the others by descriptor.

use std::{fs::File, io, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;

use super::{
    Plugin,
    check::Interfaces,
    compile::load,
    engine::{Backend, MachineKind, Options, Sandbox, SandboxError},
    fork::{ForkMethod, Forking, Prepared},
    interface::PluginInterface,
    job::{CompileError, Compiled, Request, Supervisor, What},
    limits::Limits,
    memory::{Image, InitialMemory},
};
use crate::{
    model::{Digest, Series, wire::WireDescription},
    process::{MemoryFile, WorkerError},
    task::{ErrorKind, TaskError},
};

/// What a worker has to know of a plugin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PluginParts {
    digest: Digest,
    has_lines: bool,
    interfaces: Interfaces,
    description: WireDescription,
    limits: WireLimits,
    fork_method: String,
    metered: bool,
}

/// The limits, whose durations and texts travel as they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WireLimits {
    budget: String,
    timeout: Duration,
    prepare_timeout: Duration,
    compile_timeout: Duration,
    tasks_per_fork: usize,
    memory: Option<usize>,
    answer: usize,
    log_lines: usize,
    log_bytes: usize,
}

impl From<&Limits> for WireLimits {
    fn from(limits: &Limits) -> Self {
        let Limits {
            budget,
            timeout,
            prepare_timeout,
            compile_timeout,
            tasks_per_fork,
            memory,
            answer,
            log_lines,
            log_bytes,
        } = limits;
        Self {
            budget: budget.to_string(),
            timeout: *timeout,
            prepare_timeout: *prepare_timeout,
            compile_timeout: *compile_timeout,
            tasks_per_fork: *tasks_per_fork,
            memory: *memory,
            answer: *answer,
            log_lines: *log_lines,
            log_bytes: *log_bytes,
        }
    }
}

impl WireLimits {
    fn read(self) -> Result<Limits, String> {
        let Self {
            budget,
            timeout,
            prepare_timeout,
            compile_timeout,
            tasks_per_fork,
            memory,
            answer,
            log_lines,
            log_bytes,
        } = self;
        let budget = budget.parse()?;
        Ok(Limits {
            budget,
            timeout,
            prepare_timeout,
            compile_timeout,
            tasks_per_fork,
            memory,
            answer,
            log_lines,
            log_bytes,
        })
    }
}

impl PluginParts {
    /// The limits of the plugin, how it forks, and whether it is metered.
    ///
    /// # Errors
    ///
    /// Returns an error if a text of them cannot be read.
    pub(crate) fn asked(&self) -> Result<(Limits, ForkMethod, bool), String> {
        Ok((self.limits.clone().read()?, self.fork_method.parse()?, self.metered))
    }

    /// The plugin in a worker process, whose code `supervisor` compiles.
    ///
    /// # Errors
    ///
    /// Returns an error if no sandbox starts here.
    pub(crate) fn plugin(self, supervisor: Arc<dyn Supervisor>) -> Result<Plugin, SandboxError> {
        let (limits, fork_method, metered) = self.asked().map_err(SandboxError::Engine)?;
        let Self { digest, has_lines, interfaces, description, .. } = self;
        let options =
            Options { limits, fork_method, cache: None, worker: None, backend: Backend::Threads, ..Options::default() };
        let sandbox = Sandbox::supervised(options, metered)?;
        Ok(Plugin::supervised(sandbox, supervisor, digest, has_lines, interfaces, description.into()))
    }
}

impl Plugin {
    /// What a worker has to know of this plugin.
    pub(crate) fn parts(&self) -> PluginParts {
        PluginParts {
            digest: self.digest(),
            has_lines: self.has_lines(),
            interfaces: self.interfaces().clone(),
            description: self.description().into(),
            limits: self.sandbox().limits().into(),
            fork_method: self.sandbox().fork_method().to_string(),
            metered: self.sandbox().is_metered(),
        }
    }

    /// Compiles what a worker asks for.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin does not compile so.
    pub(crate) fn compile_for_worker(
        &self,
        request: &Request,
        memory: Option<&[u8]>,
    ) -> Result<Compiled, CompileError> {
        let problem = CompileError::Compiler;
        let kind = request.kind();
        let captured = request.captured(memory.unwrap_or_default());
        let serialized = |component: &Component| component.serialize().map_err(|error| problem(format!("{error:#}")));
        let component = match request.what(captured.as_ref()) {
            What::Plugin { .. } => {
                let code = self.code(kind)?;
                let refusal = code.refusal().unwrap_or_default().to_owned();
                let content = code.content().map(|content| content.to_vec());
                return Ok(Compiled { code: serialized(code.component())?, refusal, content });
            }
            What::Hollow { globals, minimum, drives } => self.hollow(globals, minimum, drives)?,
            What::Snapshot(state) => self.snapshot(kind, state)?,
        };
        Ok(Compiled { code: serialized(&component)?, refusal: String::new(), content: None })
    }
}

/// What a worker has prepared, for the others. The files beside it are the code, and the image of the memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SharedFork {
    how: SharedForking,
    units: u64,
    memory_used: usize,
    log: Vec<String>,
}

/// How forks come about, with the lengths of the files that they need.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum SharedForking {
    CopyOnWrite { code: usize, image: usize },
    Precompiled { code: usize },
    RePrepared { why: String },
}

impl SharedFork {
    /// How forks come about.
    pub(crate) fn forking(&self) -> Forking {
        match &self.how {
            SharedForking::CopyOnWrite { .. } => Forking::CopyOnWrite,
            SharedForking::Precompiled { .. } => Forking::Precompiled,
            SharedForking::RePrepared { why } => Forking::RePrepared { why: why.clone() },
        }
    }

    /// Whether `files` are as long as they should be, and nobody can write to them any more.
    ///
    /// # Errors
    ///
    /// Returns an error that says what is wrong with them.
    pub(crate) fn check(&self, files: &[File]) -> Result<(), WorkerError> {
        let lengths = match self.how {
            SharedForking::CopyOnWrite { code, image } => vec![code, image],
            SharedForking::Precompiled { code } => vec![code],
            SharedForking::RePrepared { .. } => vec![],
        };
        if lengths.len() != files.len() {
            return Err(WorkerError::Message("a file is missing".to_owned()));
        }
        for (file, len) in files.iter().zip(lengths) {
            MemoryFile::check(file, len)?;
        }
        Ok(())
    }
}

impl<I: PluginInterface> Prepared<I> {
    /// What other processes need to fork this plugin.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no room for the files.
    pub(crate) fn share(&self) -> io::Result<(SharedFork, Vec<File>)> {
        let code = || MemoryFile::holding(&self.component().serialize().map_err(io::Error::other)?);
        let (how, files) = match (self.forking(), self.initial_memory()) {
            (Forking::CopyOnWrite, InitialMemory::CopyOnWrite(image, _)) => {
                let code = code()?;
                let how = SharedForking::CopyOnWrite { code: code.len, image: image.len() };
                (how, vec![code.file, image.file()?])
            }
            (Forking::Precompiled, _) => {
                let code = code()?;
                (SharedForking::Precompiled { code: code.len }, vec![code.file])
            }
            (Forking::RePrepared { why }, _) => (SharedForking::RePrepared { why: why.clone() }, vec![]),
            (Forking::CopyOnWrite, _) => return Err(io::Error::other("the fork has no image")),
        };
        let (units, memory_used, log) = (self.units(), self.memory_used(), self.log().to_vec());
        Ok((SharedFork { how, units, memory_used, log }, files))
    }

    /// The prepared plugin that another process has [shared](Self::share).
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be used in this process.
    pub(crate) fn of_shared(
        plugin: &Plugin,
        data: Arc<[Series]>,
        shared: SharedFork,
        files: Vec<File>,
    ) -> Result<Self, TaskError> {
        let host = |problem: String| TaskError::new(ErrorKind::Host, problem);
        let forking = shared.forking();
        let mut files = files.into_iter();
        let mut next = || files.next().ok_or_else(|| host("a shared file is missing".to_owned()));
        let (kind, component, initial) = match shared.how {
            SharedForking::CopyOnWrite { code, image } => {
                let code = read(&next()?, code)?;
                let image = Image::of_file(next()?, image).map_err(|error| host(error.to_string()))?;
                let kind = MachineKind::HostMemory;
                (kind, component(plugin, kind, &code)?, InitialMemory::CopyOnWrite(Arc::new(image), None))
            }
            SharedForking::Precompiled { code } => {
                let kind = MachineKind::Pool;
                (kind, component(plugin, kind, &read(&next()?, code)?)?, InitialMemory::Fresh(None))
            }
            SharedForking::RePrepared { .. } => {
                let kind = plugin.sandbox().home();
                let code = plugin.code(kind).map_err(|error| host(error.to_string()))?;
                (kind, code.component().clone(), InitialMemory::Fresh(code.content()))
            }
        };
        Self::known(plugin, data, (kind, &component, initial), forking, (shared.units, shared.memory_used, shared.log))
    }
}

fn read(file: &File, len: usize) -> Result<Vec<u8>, TaskError> {
    MemoryFile::read(file, len).map_err(|error| TaskError::new(ErrorKind::Host, error.to_string()))
}

fn component(plugin: &Plugin, kind: MachineKind, code: &[u8]) -> Result<Component, TaskError> {
    let host = |problem: String| TaskError::new(ErrorKind::Host, problem);
    let machine = plugin.sandbox().machine(kind).map_err(host)?;
    load(machine, code).map_err(|error| host(format!("{error:#}")))
}
