//! The wasmtime engines: their settings, and the reason for each.
//!
//! Never sees a plugin. There are up to three [`Machine`]s, each started when it is first needed:
//!
//! - [`Place::Owned`] (Linux): guests run in memory that the host owns, so that a fork is a private view of what
//!   `prepare` has left (`memory.rs`). To stop a metered guest, the host takes its counter away, which costs nothing
//!   while it runs.
//! - [`Place::Pooled`] (every system): guests run in wasmtime's pool. A fork is an instance of a component that was
//!   compiled for the data. Time limits are epochs, which double the time of tight numeric loops.
//! - [`Place::Replay`]: runs one failed task again, without a meter, to find its lines.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
    component::Linker,
};

use super::{
    bindings, functions,
    limits::{Budget, Limits, State},
    memory::Memories,
};
use crate::cache::Cache;

/// The time between two looks at the clock. A task is stopped at most this long after its timeout.
const TICK: Duration = Duration::from_millis(5);

/// The ticks that cutting running tasks adds at once: more than any deadline is away.
const CUT: u32 = 1 << 20;

/// The stack of a guest, in bytes. Threads that run guests need a stack several times as large.
const GUEST_STACK: usize = 1 << 20;

/// The most core instances in one component: interpreters have several dozen.
const CORE_INSTANCES: u32 = 64;

/// The most bytes of a linear memory that are copied back between tasks; pages beyond go back to the system.
const KEEP_RESIDENT: usize = 64 << 20;

/// How a sandbox makes the forks that tasks run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Route {
    /// The first of the other ways that the system and the plugin allow.
    #[default]
    Auto,
    /// Forks share the captured memory of the guest that has prepared; the data need no compilation. Linux only.
    Captured,
    /// Forks are instances of a component that was compiled with the state that `prepare` has left.
    Snapshot,
    /// Each task prepares an instance of its own.
    Fresh,
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Auto, Self::Captured, Self::Snapshot, Self::Fresh].into_iter().find(|r| r.as_str() == text);
        found.ok_or_else(|| format!("unknown way to fork `{text}`; known: `auto`, `captured`, `snapshot`, `fresh`"))
    }
}

impl Route {
    fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Captured => "captured",
            Self::Snapshot => "snapshot",
            Self::Fresh => "fresh",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The options of a sandbox.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The limits of a guest.
    pub limits: Limits,
    /// How forks are made; for measurements and tests, since the results are the same.
    pub route: Route,
    /// Where compiled code is kept; with `None`, every start compiles.
    pub cache: Option<Arc<Cache>>,
    /// The least code, in bytes, of a component whose functions are cached one by one, so that the next build with the
    /// same functions compiles faster; for measurements and tests, since the results are the same.
    pub least_code: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: Limits::default(), route: Route::Auto, cache: None, least_code: functions::LEAST_CODE }
    }
}

impl From<Limits> for Options {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

/// Where guests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In memory that the host owns.
    Owned,
    /// In wasmtime's pool.
    Pooled,
    /// In wasmtime's memory, without a meter.
    Replay,
}

impl Place {
    const ALL: [Self; 3] = [Self::Owned, Self::Pooled, Self::Replay];

    /// The name in the keys of compiled code.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Owned => "owned",
            Self::Pooled => "pooled",
            Self::Replay => "replay",
        }
    }
}

/// An engine, the linker of its guests, and the source of their memory.
pub(super) struct Machine {
    pub(super) engine: Engine,
    /// What the engine was made with, but for a pool. An engine made with it compiles the same code.
    pub(super) config: Config,
    pub(super) linker: Linker<State>,
    /// The memory that the host owns; `None` if the memory is wasmtime's.
    pub(super) memories: Option<Memories>,
    /// Whether plugins are metered before they are compiled here.
    pub(super) metered: bool,
    /// Whether an epoch deadline of the store stops a guest.
    pub(super) epochs: bool,
}

/// The engines that all plugins of a process share, and the limits of their tasks. Cheap to clone; clones share state.
#[derive(Clone)]
pub struct Sandbox {
    options: Arc<Options>,
    shared: Arc<Shared>,
}

struct Shared {
    workers: usize,
    metered: bool,
    machines: [OnceLock<Result<Machine, String>>; 3],
    cut: Arc<AtomicBool>,
    cache_problem: OnceLock<String>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The engine cannot be set up on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The thread that enforces time limits does not start.
    #[error("the thread that enforces time limits does not start")]
    Ticker(#[source] std::io::Error),
    /// This system does not have the requested way of forking.
    #[error("`captured` forks need Linux; leave the way to fork out, or choose `snapshot`")]
    NoCapture,
}

impl Sandbox {
    /// Starts an engine with room for `workers` tasks at a time.
    ///
    /// # Errors
    ///
    /// Returns an error if the machine has no room for the engine or its time-keeping thread, or cannot fork as the
    /// options ask.
    pub fn new(workers: usize, options: impl Into<Options>) -> Result<Self, SandboxError> {
        Self::with(workers, options.into(), Arc::new(AtomicBool::new(false)))
    }

    /// Starts an engine for as many workers, with this sandbox's options after `change`. Cutting the tasks of one
    /// sandbox cuts those of the other.
    ///
    /// # Errors
    ///
    /// Returns an error as [`new`](Self::new) does.
    pub fn but(&self, change: impl FnOnce(&mut Options)) -> Result<Self, SandboxError> {
        let mut options = Options::clone(&self.options);
        change(&mut options);
        Self::with(self.shared.workers, options, self.cut_flag())
    }

    fn with(workers: usize, options: Options, cut: Arc<AtomicBool>) -> Result<Self, SandboxError> {
        if options.route == Route::Captured && !cfg!(target_os = "linux") {
            return Err(SandboxError::NoCapture);
        }
        let metered = options.limits.budget != Budget::Unmetered;
        let machines = Default::default();
        let shared = Arc::new(Shared { workers, metered, machines, cut, cache_problem: OnceLock::new() });
        keep_time(Arc::downgrade(&shared)).map_err(SandboxError::Ticker)?;
        let sandbox = Self { options: Arc::new(options), shared };
        sandbox.machine(sandbox.home()).map_err(SandboxError::Engine)?;
        Ok(sandbox)
    }

    /// Returns the same engines under other limits. Plugins stay metered or unmetered.
    #[must_use]
    pub fn under(&self, limits: Limits) -> Self {
        let options = Options { limits, ..Options::clone(&self.options) };
        Self { options: Arc::new(options), shared: Arc::clone(&self.shared) }
    }

    /// A flag that ends every running task, and every later one, as if its time were up.
    pub(crate) fn cut_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shared.cut)
    }

    /// The limits of every call into a plugin.
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// How forks are made.
    pub(super) fn route(&self) -> Route {
        self.options.route
    }

    /// Where compiled code is kept.
    pub(super) fn cache(&self) -> Option<&Cache> {
        self.options.cache.as_deref()
    }

    /// The least code, in bytes, of a component whose functions are cached one by one.
    pub(super) fn least_code(&self) -> usize {
        self.options.least_code
    }

    /// Remembers why compiled code could not be kept. Only the first reason counts.
    pub(super) fn report_cache(&self, problem: String) {
        self.shared.cache_problem.get_or_init(|| problem);
    }

    /// Why compiled code could not be kept, if that has happened. It costs time only.
    pub fn cache_problem(&self) -> Option<&str> {
        self.shared.cache_problem.get().map(String::as_str)
    }

    /// Where plugins are loaded, and where they run by default.
    pub(super) fn home(&self) -> Place {
        let owned = cfg!(target_os = "linux") && self.route() != Route::Snapshot;
        if owned { Place::Owned } else { Place::Pooled }
    }

    /// The machine for `place`, or why it does not start.
    pub(super) fn machine(&self, place: Place) -> Result<&Machine, String> {
        let start =
            || Machine::start(place, self.shared.workers, self.shared.metered).map_err(|error| format!("{error:#}"));
        self.shared.machines[place as usize].get_or_init(start).as_ref().map_err(String::clone)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Machine {
    fn start(place: Place, workers: usize, metered: bool) -> wasmtime::Result<Self> {
        let metered = metered && place != Place::Replay;
        // The counter stops a metered guest in the host's memory, an epoch any other guest.
        let epochs = !(metered && place == Place::Owned);
        let mut config = config(epochs);
        let mut memories = None;
        let engine = match place {
            Place::Owned => {
                memories = Memories::of(&mut config);
                Engine::new(&config)?
            }
            Place::Replay => Engine::new(&config)?,
            Place::Pooled => {
                // After a trap, the rest of the budget is read from a dump of the guest's memory.
                config.coredump_on_trap(metered);
                pooled(&config, workers)?
            }
        };
        let mut linker = Linker::new(&engine);
        bindings::add_to_linker(&mut linker)?;
        Ok(Self { engine, config, linker, memories, metered, epochs })
    }

    /// Returns all settings of the engine that compiled code depends on, as bytes of a key.
    pub(super) fn compatibility(&self) -> Vec<u8> {
        compatibility(&self.engine)
    }

    /// Whether this machine can run the code that `engine` compiles.
    pub(super) fn is_compatible(&self, engine: &Engine) -> bool {
        compatibility(engine) == self.compatibility()
    }

    /// Stops the guests whose time is up, or all of them with `cut`.
    fn tick(&self, cut: bool) {
        if self.epochs {
            (0..if cut { CUT } else { 1 }).for_each(|_| self.engine.increment_epoch());
        }
        if let Some(memories) = &self.memories {
            memories.stop_overdue(Instant::now(), cut);
        }
    }
}

/// Returns the number of ticks that take at least `timeout`: one more than fit, since the current tick is partly over.
pub(super) fn ticks(timeout: Duration) -> u64 {
    let ticks = timeout.as_nanos().div_ceil(TICK.as_nanos()) + 1;
    // The epoch counts up from zero while the process lives; half of the range is left for it.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(u64::MAX / 2)
}

/// Starts the thread that stops overdue guests. It holds a weak handle, so that it ends with the sandbox.
fn keep_time(shared: Weak<Shared>) -> std::io::Result<()> {
    let look = move || {
        while let Some(shared) = shared.upgrade() {
            let cut = shared.cut.load(Ordering::Relaxed);
            for place in Place::ALL {
                if let Some(Ok(machine)) = shared.machines[place as usize].get() {
                    machine.tick(cut);
                }
            }
            drop(shared);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("host-clock".into()).spawn(look).map(drop)
}

fn config(epochs: bool) -> Config {
    let mut config = Config::new();
    config
        // Component calls without async bookkeeping: 127 instead of 347 ns each.
        .concurrency_support(false)
        // A memory reserves 4 GiB, and the interface between guest and host has 32-bit addresses anyway.
        .wasm_memory64(false)
        // Each store has its own deadline in ticks, so that each task has its own timeout.
        .epoch_interruption(epochs)
        // Snapshots contain the data: their whole memory is one image that forks map copy-on-write.
        .memory_guaranteed_dense_image_size(1 << 32)
        // The same bits on every machine; ordinary numeric code pays nothing for it.
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(GUEST_STACK)
        // File and line of a failure, where the plugin carries debug information.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

/// Starts an engine with pooled memory, or without a pool if the address space is too small for one.
fn pooled(config: &Config, workers: usize) -> wasmtime::Result<Engine> {
    let mut with = config.clone();
    with.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(workers)));
    Engine::new(&with).or_else(|_| Engine::new(config))
}

fn compatibility(engine: &Engine) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    engine.precompile_compatibility_hash().hash(&mut bytes);
    bytes.0
}

/// Collects the input of a hash, since the standard library's hashes differ between builds.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// Returns a pool with a slot for the fork of each worker, and as many again for guests that prepare or are checked
/// meanwhile. A metered guest has a second memory for its counter.
fn pool(workers: usize) -> PoolingAllocationConfig {
    let slots = u32::try_from(2 * workers + 2).unwrap_or(u32::MAX / CORE_INSTANCES);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .total_memories(slots.saturating_mul(2))
        .total_tables(slots.saturating_mul(16))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(4)
        .max_memories_per_module(4)
        .max_tables_per_component(32)
        .max_tables_per_module(8)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        .table_elements(200_000)
        .max_memory_size(1 << 32)
        // Pages that a task wrote are copied back, not unmapped: 2.2-2.5 times less CPU time for each task.
        .linear_memory_keep_resident(KEEP_RESIDENT)
        // Above zero, it saves one system call for each task.
        .table_keep_resident(1 << 20)
        // The kernel names the written pages (Linux 6.7 and later).
        .pagemap_scan(Enabled::Auto);
    pool
}
