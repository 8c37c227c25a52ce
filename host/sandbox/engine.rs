//! The wasmtime engines: their settings, and the reason for each.
//!
//! Never sees a plugin. There are up to three [`Machine`]s, each started when it is first needed:
//!
//! - [`MachineKind::HostMemory`]: guests live in memory that the host owns, so that a fork is a private view of what
//!   `prepare` has left (`memory/`). A metered guest's time is up when its counter is taken away, which costs nothing
//!   while it runs.
//! - [`MachineKind::Pool`]: wasmtime's pool. A fork is an instance of a component that was compiled for the data.
//!   Time limits are epochs, which cost about twice the time in tight numeric loops.
//! - [`MachineKind::Replay`]: one failed task once more, without a meter, to find its lines.

use std::{
    hash::{Hash, Hasher},
    panic,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
    component::Linker,
};

use serde::{Deserialize, Serialize};

use super::{
    bindings,
    cancel::Cancel,
    fork::ForkMethod,
    limits::{Budget, Limits, State},
    memory::{self, Memories},
};
use crate::{
    cache::Cache,
    process::{Cluster, WorkerProgram, way_out_of},
};

/// The clock looks at running guests this often. A task is stopped at most this much after its timeout.
const TICK: Duration = Duration::from_millis(5);

/// Ticks that pass at once when running tasks are cut: more than any deadline is away.
const CUT: u32 = 1 << 20;

/// The least code, in bytes, of a component that is compiled through the function cache. For a small one, hashing and
/// keeping functions would cost more than it saves. A plugin in Rust has 0.1 MB, one in Go 2.5 MB, an interpreter 10 MB
/// and more.
pub(super) const LEAST_CODE: usize = 1 << 20;

/// The stack of a guest, in bytes. Threads that run guests need a stack several times as large.
const GUEST_STACK: usize = 1 << 20;

/// The most core instances in one component: interpreters have several dozen.
const CORE_INSTANCES: u32 = 64;

/// The most bytes of a linear memory that are copied back between tasks; pages beyond go back to the system.
const KEEP_RESIDENT: usize = 64 << 20;

/// Options of a sandbox.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The limits of a guest.
    pub limits: Limits,
    /// The fork method; for measurements and tests, since the results are the same.
    pub fork_method: ForkMethod,
    /// The cache of compiled code; `None` compiles every time.
    pub cache: Option<Arc<Cache>>,
    /// From how many bytes of code on a component's functions are kept in the cache one by one, so that another build that
    /// has them is compiled sooner; for measurements and tests, since the results are the same.
    pub least_code: usize,
    /// The program that compiles plugins in a process of its own, with limits of time and memory. Default:
    /// [`WorkerProgram::this`]. `None` compiles in this process, under the limits of a plugin's shape alone.
    pub worker: Option<WorkerProgram>,
    /// Where tasks of plugins run.
    pub backend: Backend,
    /// The cluster that runs the tasks of plugins, instead of this machine.
    pub cluster: Option<Arc<dyn Cluster>>,
}

/// Where tasks of plugins run. The results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// On threads of this process.
    #[default]
    Threads,
    /// Each worker in a process of its own, without files and network: a crash costs one task. Needs [`Options::worker`].
    Processes,
}

impl std::str::FromStr for Backend {
    type Err = String;

    /// Reads `threads` or `processes`, and the names of Python's modules for them.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "threads" | "concurrent" => Ok(Self::Threads),
            "processes" | "multiprocessing" => Ok(Self::Processes),
            _ => Err(format!(
                "`{text}` is not a backend; give `threads` (`concurrent`) or `processes` (`multiprocessing`)"
            )),
        }
    }
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Threads => "threads",
            Self::Processes => "processes",
        })
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            fork_method: ForkMethod::Auto,
            cache: None,
            least_code: LEAST_CODE,
            worker: WorkerProgram::this(),
            backend: Backend::default(),
            cluster: None,
        }
    }
}

impl From<Limits> for Options {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

/// The kinds of machines, by where their guests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum MachineKind {
    /// In memory that the host owns.
    HostMemory,
    /// In wasmtime's pool.
    Pool,
    /// In memory of wasmtime's, without a meter: for the lines of a failure.
    Replay,
}

impl MachineKind {
    const ALL: [Self; 3] = [Self::HostMemory, Self::Pool, Self::Replay];

    /// The name in the keys of compiled code.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::HostMemory => "owned",
            Self::Pool => "pooled",
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
    /// Memory that the host owns; `None` where it is wasmtime's.
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
    cancel: Cancel,
}

struct Shared {
    workers: usize,
    metered: bool,
    machines: [OnceLock<Result<Machine, String>>; 3],
    cut: Arc<AtomicBool>,
    /// The bytes of the plugin that is being compiled; 0 if none is.
    compiling: AtomicUsize,
    /// Nanoseconds that compiling has taken.
    compiled: AtomicU64,
    cache_problem: OnceLock<String>,
    shortage: OnceLock<String>,
}

/// The engine that runs plugins, with its version: results count as those of another engine after an update, since a fault that
/// it mends may have made them.
pub const ENGINE: &str = "wasmtime 48.0.8";

/// An error of starting a sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The engine cannot be set up on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The thread that enforces time limits does not start.
    #[error(
        "the thread that enforces time limits does not start{}", way_out_of(.0)
    )]
    Ticker(#[source] std::io::Error),
    /// Worker processes were asked for, and there is no program to start.
    #[error(
        "`processes` need a worker program; begin `main` with `host::worker::run_if_worker()`, or set `Options::worker`"
    )]
    NoWorkerProgram,
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

    /// Starts an engine for as many workers, with the options of this one after `change`. Whatever cuts the tasks of this
    /// one cuts those of the new one, too.
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
        let metered = options.limits.budget != Budget::Unmetered;
        Self::start(workers, options, metered, cut)
    }

    fn start(workers: usize, options: Options, metered: bool, cut: Arc<AtomicBool>) -> Result<Self, SandboxError> {
        if options.backend == Backend::Processes && options.worker.is_none() {
            return Err(SandboxError::NoWorkerProgram);
        }
        let machines = Default::default();
        let shared = Arc::new(Shared {
            workers,
            metered,
            machines,
            cut,
            compiling: AtomicUsize::new(0),
            compiled: AtomicU64::new(0),
            cache_problem: OnceLock::new(),
            shortage: OnceLock::new(),
        });
        keep_time(Arc::downgrade(&shared)).map_err(SandboxError::Ticker)?;
        let sandbox = Self { options: Arc::new(options), shared, cancel: Cancel::default() };
        sandbox.machine(sandbox.home()).map_err(SandboxError::Engine)?;
        Ok(sandbox)
    }

    /// The sandbox of a worker process: for one guest at a time, metered or not as its supervisor's is.
    pub(super) fn supervised(options: Options, metered: bool) -> Result<Self, SandboxError> {
        Self::start(1, options, metered, Arc::new(AtomicBool::new(false)))
    }

    /// Whether plugins are metered.
    pub(super) fn is_metered(&self) -> bool {
        self.shared.metered
    }

    /// Returns the same engines under other limits. Plugins stay metered or unmetered.
    #[must_use]
    pub fn under(&self, limits: Limits) -> Self {
        let options = Options { limits, ..Options::clone(&self.options) };
        Self { options: Arc::new(options), shared: Arc::clone(&self.shared), cancel: self.cancel.clone() }
    }

    /// Returns the same engines. What is compiled through this handle ends once `cancel` is set.
    #[must_use]
    pub fn cancelled_by(&self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self.clone() }
    }

    /// The flag that ends compilations.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The program of the processes in which tasks run; `None` if they run on threads.
    pub(crate) fn worker_program(&self) -> Option<&WorkerProgram> {
        self.options.worker.as_ref().filter(|_| self.options.backend == Backend::Processes)
    }

    /// The cluster that runs tasks; `None` if this machine does.
    pub(crate) fn cluster(&self) -> Option<&Arc<dyn Cluster>> {
        self.options.cluster.as_ref()
    }

    /// The program that compiles strangers' plugins in a process of its own; `None` if this process does.
    pub(super) fn compiling_program(&self) -> Option<&WorkerProgram> {
        self.options.worker.as_ref()
    }

    /// A flag that ends every running task, and every later one, as if its time were up.
    pub(crate) fn cut_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shared.cut)
    }

    /// The limits of every call into a plugin.
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// The fork method that was asked for.
    pub(super) fn fork_method(&self) -> ForkMethod {
        self.options.fork_method
    }

    /// The cache of compiled code.
    pub(super) fn cache(&self) -> Option<&Cache> {
        self.options.cache.as_deref()
    }

    /// Whether what is compiled is kept for the next time.
    pub fn keeps_code(&self) -> bool {
        self.options.cache.is_some()
    }

    /// The size of the plugin that is being compiled now, in bytes; `None` if none is. Of several, the one that began last.
    pub fn compiling(&self) -> Option<usize> {
        Some(self.shared.compiling.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// How long plugins have been compiled by now, all together. What comes from the cache takes no time.
    pub fn compiled(&self) -> Duration {
        Duration::from_nanos(self.shared.compiled.load(Ordering::Relaxed))
    }

    /// Does `compile`, which compiles a plugin of so many bytes.
    pub(super) fn while_compiling<T>(&self, bytes: usize, compile: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        self.shared.compiling.store(bytes, Ordering::Relaxed);
        let compiled = compile();
        self.shared.compiling.store(0, Ordering::Relaxed);
        self.shared.compiled.fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
        compiled
    }

    /// From how many bytes of code on a component's functions are kept one by one.
    pub(super) fn least_code(&self) -> usize {
        self.options.least_code
    }

    /// Remembers why compiled code cannot be kept. Only the first reason counts.
    pub(super) fn report_cache(&self, problem: String) {
        self.shared.cache_problem.get_or_init(|| problem);
    }

    /// Why compiled code could not be kept, if that has happened. It costs time only.
    pub fn cache_problem(&self) -> Option<&str> {
        self.shared.cache_problem.get().map(String::as_str)
    }

    /// Remembers why not every worker process has started. Only the first reason counts.
    pub(crate) fn report_shortage(&self, problem: String) {
        self.shared.shortage.get_or_init(|| problem);
    }

    /// Why not every worker process has started, if that has happened. It costs time only: the others did their work.
    pub fn shortage(&self) -> Option<&str> {
        self.shared.shortage.get().map(String::as_str)
    }

    /// The kind of machine that loads plugins, and runs them where nothing else is needed.
    pub(super) fn home(&self) -> MachineKind {
        match self.fork_method() {
            ForkMethod::Precompiled => MachineKind::Pool,
            ForkMethod::Auto | ForkMethod::CopyOnWrite | ForkMethod::RePrepared => MachineKind::HostMemory,
        }
    }

    /// The machine of `kind`, or why it does not start.
    pub(super) fn machine(&self, kind: MachineKind) -> Result<&Machine, String> {
        let start =
            || Machine::start(kind, self.shared.workers, self.shared.metered).map_err(|error| format!("{error:#}"));
        self.shared.machines[kind as usize].get_or_init(start).as_ref().map_err(String::clone)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine that only compiles: it has no room for guests.
    pub(super) fn that_compiles(kind: MachineKind, metered: bool) -> wasmtime::Result<Self> {
        Self::start(kind, 0, metered)
    }

    fn start(kind: MachineKind, workers: usize, metered: bool) -> wasmtime::Result<Self> {
        let metered = metered && kind != MachineKind::Replay;
        // A metered guest in memory of the host's is stopped through its counter, any other one by an epoch.
        let epochs = !(metered && kind == MachineKind::HostMemory);
        let mut config = config(epochs);
        // The same NaN on every machine. In metered code the meter sees to that for a fraction of the price.
        config.cranelift_nan_canonicalization(!metered);
        let mut memories = None;
        let engine = match kind {
            MachineKind::HostMemory => {
                memories = Some(Memories::of(&mut config));
                let engine = Engine::new(&config)?;
                memory::listen().map_err(wasmtime::Error::msg)?;
                engine
            }
            MachineKind::Replay => Engine::new(&config)?,
            MachineKind::Pool => {
                // After a trap, the host reads what is left of the budget from the dump of the guest's memory.
                config.coredump_on_trap(metered);
                if workers == 0 { Engine::new(&config)? } else { pooled(&config, workers)? }
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
            for kind in MachineKind::ALL {
                if let Some(Ok(machine)) = shared.machines[kind as usize].get() {
                    machine.tick(cut);
                }
            }
            drop(shared);
            #[expect(clippy::disallowed_methods, reason = "the clock of all guests has nothing else to wait for")]
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
        // Precompiled components carry the data: their whole memory is one image that forks share until they write.
        .memory_guaranteed_dense_image_size(1 << 32)
        // The same bits on every machine; ordinary numeric code pays nothing for it.
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(GUEST_STACK)
        // File and line of a failure, where the plugin carries debug information.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    // By signals as on other systems: first writes of forks are such signals, and a thread of wasmtime's would take them first.
    #[cfg(target_vendor = "apple")]
    config.macos_use_mach_ports(false);
    config
}

/// An engine with pooled memory, or without where the address space is too small for a pool.
fn pooled(config: &Config, workers: usize) -> wasmtime::Result<Engine> {
    let mut with = config.clone();
    with.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(workers)));
    Engine::new(&with).or_else(|_| Engine::new(config))
}

/// Takes from the system what a guest needs of the thread that it runs on: a stack for signals. Call it early on each thread that
/// will run guests, before their memories leave no room for it.
pub(crate) fn open_for_guests() {
    // wasmtime panics without room, and does so again in the first task, which tells it.
    let _ = panic::catch_unwind(Engine::tls_eager_initialize);
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
