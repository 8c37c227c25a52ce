//! The engine behind a backtester: workers, compiled plugins and prepared data, kept from call to call.
//!
//! Never runs a task, and never works in a process that was forked from its own.

use std::{
    collections::HashMap,
    mem,
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use host::{
    backtest::{Market, Settings, Strategy},
    bundled,
    cache::{self, Cache},
    model::{Digest, ParamSpec},
    process::Cluster,
    sandbox::{Backend, Budget, Limits, Options, Plugin},
    sweep::{BoundRequest, Instruments, ParallelBacktester, Scope, SweepRequest, with_causes},
};
use pyo3::{prelude::*, types::PyBytes};

use crate::{
    data::Dataset,
    errors::{Class, Failure, OrFailure},
    signals,
};

/// Prepared data sets that are kept.
const SCOPES: usize = 4;

/// A plugin, as Python names it.
#[derive(Debug, Clone)]
pub(crate) enum Named {
    /// A bundled plugin by its name.
    Bundled(String),
    /// The component in a file.
    File(PathBuf),
    /// A component, and the name that stands for it.
    Bytes(String, Vec<u8>),
}

impl Named {
    /// Reads a name, a path or bytes; `name` stands for bytes.
    pub(crate) fn of(given: &Bound<'_, PyAny>, name: Option<String>) -> PyResult<Self> {
        if let Ok(bytes) = given.cast::<PyBytes>() {
            return Ok(Self::Bytes(name.unwrap_or_else(|| "component".to_owned()), bytes.as_bytes().to_vec()));
        }
        if let Ok(text) = given.extract::<String>()
            && bundled::is_bundled(&text)
        {
            return Ok(Self::Bundled(text));
        }
        let path = given.extract::<PathBuf>().map_err(|_| {
            let kind = given.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
            let text =
                format!("a plugin is the name of a bundled one, the path of a component or its bytes, not `{kind}`");
            Failure::new(Class::Plugin, text)
        })?;
        Ok(Self::File(path))
    }

    /// How requests call it.
    pub(crate) fn request_name(&self) -> String {
        match self {
            Self::Bundled(name) | Self::Bytes(name, _) => name.clone(),
            Self::File(path) => path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        }
    }

    /// What the ledger of the store has of it.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            Self::Bundled(name) => Some(name.clone()),
            Self::File(path) => Some(std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()),
            Self::Bytes(..) => None,
        }
    }

    /// Its file, if it has one.
    pub(crate) fn file(&self) -> Option<&Path> {
        if let Self::File(path) = self { Some(path) } else { None }
    }
}

/// What decides how data is prepared.
#[derive(Debug, PartialEq)]
struct ScopeKey {
    plugin: Digest,
    limits: Limits,
    bars: Digest,
    settings: Settings,
    instruments: Instruments,
    exits: Vec<ParamSpec>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The engines whose guests are metered, and those whose are not.
    engines: [Option<Arc<ParallelBacktester>>; 2],
    /// Plugins by the engine and their hash.
    plugins: HashMap<(bool, Digest), Plugin>,
    /// Prepared data, the latest last.
    scopes: Vec<(ScopeKey, Arc<Scope>)>,
    notes: Vec<String>,
}

/// What all calls share.
#[derive(Debug)]
pub(crate) struct Shared {
    workers: Option<usize>,
    backend: Backend,
    /// Where tasks of plugins run instead.
    cluster: Option<Arc<dyn Cluster>>,
    compile_timeout: Option<Duration>,
    is_caching: bool,
    /// The process that it works in.
    process: u32,
    kept: Mutex<Kept>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if process::id() != self.process {
            // The threads of the process that was forked are not in this one, and cannot be waited for.
            let kept = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget(mem::take(kept));
        }
    }
}

impl Shared {
    /// An engine in which nothing has started.
    pub(crate) fn new(
        workers: Option<usize>,
        (backend, cluster): (Backend, Option<Arc<dyn Cluster>>),
        compile_timeout: Option<Duration>,
        is_caching: bool,
    ) -> Self {
        let (process, kept) = (process::id(), Mutex::default());
        Self { workers, backend, cluster, compile_timeout, is_caching, process, kept }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses to work in a process that was forked from the one that the threads are in.
    pub(crate) fn check_process(&self) -> Result<(), Failure> {
        if process::id() == self.process {
            return Ok(());
        }
        let text = "this process was forked from one that had started workers, which are not here; start processes with \
                    `spawn` or `forkserver`, or make a new backtester in each";
        Err(Failure::new(Class::Host, text))
    }

    /// The workers for a run with a stop of its own, metered or not.
    pub(crate) fn engine(&self, budget: Option<Budget>) -> Result<ParallelBacktester, Failure> {
        self.check_process()?;
        let metered = budget != Some(Budget::Unmetered);
        let mut kept = self.kept();
        if kept.engines.iter().flatten().any(|engine| engine.stop_handle().is_cut()) {
            // A cut ends every later task on the same engine, too.
            *kept = Kept::default();
        }
        if let Some(engine) = &kept.engines[usize::from(metered)] {
            signals::restore();
            return Ok(engine.another());
        }
        let mut limits = Limits::default();
        limits.compile_timeout = self.compile_timeout.unwrap_or(limits.compile_timeout);
        if !metered {
            limits.budget = Budget::Unmetered;
        }
        let mut options = Options::from(limits);
        options.backend = self.backend;
        options.cluster = self.cluster.clone();
        if self.is_caching {
            let opened = cache::default_root().and_then(|root| Cache::open(&root, cache::DEFAULT_CAP));
            match opened {
                Ok(cache) => options.cache = Some(Arc::new(cache)),
                Err(error) => kept.notes.push(format!("compiled plugins are not kept: {}", with_causes(&error))),
            }
        }
        let engine = Arc::new(ParallelBacktester::new(self.workers, options).or_failure(Class::Settings)?);
        signals::keep();
        signals::restore();
        let another = engine.another();
        kept.engines[usize::from(metered)] = Some(engine);
        Ok(another)
    }

    /// The plugin, loaded once for all calls as long as its bytes are the same.
    pub(crate) fn plugin(&self, engine: &ParallelBacktester, named: &Named, metered: bool) -> Result<Plugin, Failure> {
        let bytes = match named {
            Named::Bundled(name) => bundled::bytes(name).map(Digest::of),
            // What cannot be read is told by whoever loads it.
            Named::File(path) => std::fs::read(path).ok().map(|bytes| Digest::of(&bytes)),
            Named::Bytes(_, bytes) => Some(Digest::of(bytes)),
        };
        let key = bytes.map(|digest| (metered, digest));
        if let Some(plugin) = key.and_then(|key| self.kept().plugins.get(&key).cloned()) {
            return Ok(plugin);
        }
        let plugin = match named {
            Named::Bundled(name) => engine.load(name),
            Named::File(path) => engine.load(&path.display().to_string()),
            Named::Bytes(name, bytes) => Plugin::from_bytes(engine.sandbox(), name, bytes.clone()),
        };
        let plugin = plugin.or_failure(Class::Plugin)?;
        if let Some(key) = key {
            self.kept().plugins.insert(key, plugin.clone());
        }
        Ok(plugin)
    }

    /// The strategy on the bars, prepared once for all calls that ask for the same.
    pub(crate) fn scope(
        &self,
        plugin: &Plugin,
        (request, bound): (&SweepRequest, &BoundRequest),
        data: &Dataset,
    ) -> Result<Arc<Scope>, Failure> {
        // The same compiled plugin, under the limits of the request.
        let strategy = Strategy::from(plugin.under(bound.limits.clone()));
        let strategy = request.strategy(strategy).or_failure(Class::Grid)?;
        let key = ScopeKey {
            plugin: plugin.digest(),
            limits: bound.limits.clone(),
            bars: data.bars.fingerprint(),
            settings: bound.settings.clone(),
            instruments: bound.instruments,
            exits: strategy.exits().to_vec(),
        };
        if let Some((_, scope)) = self.kept().scopes.iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(scope));
        }
        let market = Arc::new(Market::new(data.bars.clone(), bound.settings.clone()).or_failure(Class::Settings)?);
        let scope = Arc::new(Scope::new(bound.instruments, market, strategy).or_failure(Class::Plugin)?);
        let mut kept = self.kept();
        if kept.scopes.len() == SCOPES {
            kept.scopes.remove(0);
        }
        kept.scopes.push((key, Arc::clone(&scope)));
        Ok(scope)
    }

    /// What was wrong with what is kept for all calls.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.kept().notes.clone()
    }
}
