//! The compiler: from a plugin's bytes to machine code, in this process.
//!
//! Never runs the code, and never touches the cache. All that can fail, hang or take memory on the way is here: metering,
//! wizer's rewriting, and Cranelift. For bytes of strangers, `compile_process.rs` calls it in a process that can be killed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    thread,
};

use super::{
    capture,
    check::Interface,
    detach::{self, Detached},
    driver,
    engine::{Machine, MachineKind},
    functions::{self, PackStore},
    job::{CompileError, Compiled, Job, What},
    meter,
};
use crate::{process::way_out, task::panic_text};

/// Compiles `job` here. A panic on the way is the compilation's failure.
pub(super) fn compile(
    machine: &Machine,
    job: Job<'_>,
    store: Option<&Arc<PackStore>>,
) -> Result<Compiled, CompileError> {
    start_threads()?;
    let work = || catch_unwind(AssertUnwindSafe(|| Stages { machine, store }.run(job)));
    off_the_pool(work).unwrap_or_else(|panic| {
        Err(CompileError::Compiler(format!("a bug of the compiler or of the host: {}", panic_text(&*panic))))
    })
}

/// Starts the threads that the compiler divides its work among, which panics where there is no room for them.
fn start_threads() -> Result<(), CompileError> {
    static STARTED: OnceLock<Option<String>> = OnceLock::new();
    let start = || {
        let refused = rayon::ThreadPoolBuilder::new().build_global().err()?;
        // An embedding program may have started them.
        std::error::Error::source(&refused).map(|source| source.to_string())
    };
    STARTED.get_or_init(start).as_ref().map_or(Ok(()), |problem| {
        let text = "the system has no room for the threads of the compiler";
        Err(CompileError::Accident(format!("{text}: {problem}{}", way_out())))
    })
}

/// The stages of a compilation.
struct Stages<'a> {
    machine: &'a Machine,
    store: Option<&'a Arc<PackStore>>,
}

impl Stages<'_> {
    fn run(&self, job: Job<'_>) -> Result<Compiled, CompileError> {
        if let What::Plugin { detached: true } = job.what
            && let Some(detached) = detach::detach(job.bytes)
            && let Ok(compiled) = self.detached(job, detached)
        {
            return Ok(compiled);
        }
        let metered = match self.machine.metered {
            false => None,
            true => Some(meter::meter(job.bytes).map_err(|error| CompileError::Meter(error.to_string()))?),
        };
        let bytes = metered.as_deref().unwrap_or(job.bytes);
        match job.what {
            What::Plugin { .. } if job.kind == MachineKind::Replay => {
                self.refused(bytes, "a replay is not captured".to_owned())
            }
            What::Plugin { .. } => match capture::instrument(bytes).and_then(|bytes| self.emit(&bytes)) {
                Ok(code) => Ok(Compiled { code, refusal: String::new(), content: None }),
                Err(why) => self.refused(bytes, why),
            },
            What::Hollow { globals, minimum, drives } => {
                // The counter's memory comes first.
                let minimums = if metered.is_some() { &[meter::PAGE, minimum][..] } else { &[minimum] };
                let hollow = capture::hollow(bytes, globals, minimums);
                let hollow = hollow.map_err(|error| CompileError::Compiler(format!("{error:#}")))?;
                let driven = if drives { driver::add(&hollow) } else { None };
                // A function that only seems to be the strategy's does not fit the driver.
                let driven = driven.and_then(|driven| self.finished(&driven).ok());
                driven.map_or_else(|| self.finished(&hollow), Ok)
            }
            What::Snapshot(state) => {
                let snapshot = capture::snapshot(bytes, state);
                self.finished(&snapshot.map_err(|error| CompileError::Compiler(format!("{error:#}")))?)
            }
        }
    }

    /// Compiles a plugin without its data, so that its instances and its forks have one code. One that is run by events only gets
    /// a driver, if its strategy allows it.
    fn detached(&self, job: Job<'_>, Detached { component, content }: Detached) -> Result<Compiled, String> {
        let metered = match self.machine.metered {
            false => None,
            true => Some(meter::meter(&component).map_err(|error| error.to_string())?),
        };
        let bytes = capture::instrument(metered.as_deref().unwrap_or(&component))?;
        let drives = !detach::exports(job.bytes, Interface::Signals.name());
        let driven = if drives { driver::add(&bytes) } else { None };
        let code = self.emit(driven.as_deref().unwrap_or(&bytes))?;
        Ok(Compiled { code, refusal: String::new(), content: Some(content) })
    }

    /// Compiles a plugin whose state cannot be captured.
    fn refused(&self, bytes: &[u8], refusal: String) -> Result<Compiled, CompileError> {
        let refusal = if refusal.is_empty() { "wizer refuses it".to_owned() } else { refusal };
        Ok(Compiled { refusal, ..self.finished(bytes)? })
    }

    fn finished(&self, bytes: &[u8]) -> Result<Compiled, CompileError> {
        let code = self.emit(bytes).map_err(CompileError::Compiler)?;
        Ok(Compiled { code, refusal: String::new(), content: None })
    }

    /// Cranelift's part; through the function cache, if there is a store.
    fn emit(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let by_functions = self.store.and_then(|store| functions::compile(self.machine, bytes, Arc::clone(store) as _));
        let code = by_functions.unwrap_or_else(|| self.machine.engine.precompile_component(bytes));
        code.map_err(|error| format!("{error:#}"))
    }
}

/// Does `work` on a thread of its own if this thread belongs to a pool.
///
/// The compiler divides its work among rayon's threads. A pool's thread that waits for the parts takes up any other
/// work of the pool meanwhile: perhaps a whole sweep, on top of a task that holds what the sweep waits for.
fn off_the_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_none() {
        return work();
    }
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
