//! The engine: how wasmtime is set up, and why.
//!
//! Never sees a plugin.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    WasmBacktraceDetails, component::Linker,
};

use super::{
    bindings,
    limits::{Limits, State},
};

/// How often the epoch moves on. A task is stopped at most this much after its timeout.
const TICK: Duration = Duration::from_millis(5);

/// Ticks that pass at once when running tasks are to be cut: more than any deadline is away.
const CUT: u32 = 1 << 20;

/// The stack of a guest. Threads that run guests need a few times as much of their own.
const GUEST_STACK: usize = 1 << 20;

/// Core instances in one component: interpreters arrive as several dozen.
const CORE_INSTANCES: u32 = 64;

/// The most pages of a linear memory that are kept and copied back between tasks instead of given back to the system.
const KEEP_RESIDENT: usize = 64 << 20;

/// The engine that all plugins of a process share, and the limits of their tasks.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) engine: Engine,
    pub(super) linker: Arc<Linker<State>>,
    limits: Limits,
    cut: Arc<AtomicBool>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The engine cannot be set up on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The thread that watches over time limits does not start.
    #[error("the thread that keeps time limits does not start")]
    Ticker(#[source] std::io::Error),
}

impl Sandbox {
    /// Starts an engine with room for `workers` tasks at a time.
    ///
    /// # Errors
    ///
    /// Returns an error if the machine has no room for the engine or its time-keeping thread.
    pub fn new(workers: usize, limits: Limits) -> Result<Self, SandboxError> {
        let engine = engine(workers).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let mut linker = Linker::new(&engine);
        bindings::add_to_linker(&mut linker).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let cut = Arc::new(AtomicBool::new(false));
        keep_time(engine.weak(), Arc::clone(&cut)).map_err(SandboxError::Ticker)?;
        Ok(Self { engine, linker: Arc::new(linker), limits, cut })
    }

    /// A flag that ends every running task, and every later one, as if its time were over.
    pub(crate) fn cut_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cut)
    }

    /// The limits of every call into a plugin.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes the store of one call into a guest: limits, log and deadline are its own.
    ///
    /// `memory` is in bytes, `answer` is the most bytes that the guest may pass to the host in one call.
    pub(super) fn store(&self, memory: usize, answer: usize, timeout: Duration) -> Store<State> {
        let mut store = Store::new(&self.engine, State::new(memory, &self.limits));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(answer);
        store.set_epoch_deadline(ticks(timeout));
        store
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Gives a store that has run before a new deadline, `timeout` from now.
pub(super) fn restart_clock(store: &mut Store<State>, timeout: Duration) {
    store.set_epoch_deadline(ticks(timeout));
}

/// The number of ticks that are at least `timeout`. One more, since the current tick is partly over.
fn ticks(timeout: Duration) -> u64 {
    let ticks = timeout.as_nanos().div_ceil(TICK.as_nanos()) + 1;
    // The epoch counts up from zero for the life of the process; half the range leaves it room.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(u64::MAX / 2)
}

/// Moves the epoch on until the engine is gone. The thread holds a weak handle, and so ends by itself.
fn keep_time(engine: EngineWeak, cut: Arc<AtomicBool>) -> std::io::Result<()> {
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            let ticks = if cut.load(Ordering::Relaxed) { CUT } else { 1 };
            (0..ticks).for_each(|_| engine.increment_epoch());
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("host-epoch".into()).spawn(tick).map(drop)
}

/// An engine with pooled memory, or without where the address space is too small for a pool.
fn engine(workers: usize) -> wasmtime::Result<Engine> {
    let mut pooled = config();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(workers)));
    Engine::new(&pooled).or_else(|_| Engine::new(&config()))
}

fn config() -> Config {
    let mut config = Config::new();
    config
        // Component calls without async bookkeeping: 127 instead of 347 ns each.
        .concurrency_support(false)
        // Each store has its own deadline in ticks, so that one task's timeout is no other's.
        .epoch_interruption(true)
        // Snapshots carry the data: their whole memory is one image that forks map copy-on-write.
        .memory_guaranteed_dense_image_size(1 << 32)
        // Equal bits on every machine; plain numeric code pays nothing for it.
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(GUEST_STACK)
        // File and line of a failure, where the plugin carries debug information.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

/// Slots for one fork in each worker, and as many again for those that are prepared or checked meanwhile.
fn pool(workers: usize) -> PoolingAllocationConfig {
    let slots = u32::try_from(2 * workers + 2).unwrap_or(u32::MAX / CORE_INSTANCES);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .total_memories(slots)
        .total_tables(slots.saturating_mul(16))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(4)
        .max_tables_per_component(32)
        .max_tables_per_module(8)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        .table_elements(200_000)
        .max_memory_size(1 << 32)
        // Pages that a task wrote are copied back, not unmapped: 2.2-2.5 times less CPU a task.
        .linear_memory_keep_resident(KEEP_RESIDENT)
        // Above zero, it saves one system call a task.
        .table_keep_resident(1 << 20)
        // The kernel names the written pages (Linux 6.7 and later).
        .pagemap_scan(Enabled::Auto);
    pool
}
