//! Resource limits of a process, as far as the system has them.
//!
//! Never raises a limit above the one that the process came with.

use std::io;

/// What a worker process may take. What a limit stops is the process's own: an allocation fails, a descriptor cannot be
/// made, a signal ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rlimits {
    /// Seconds of processor time of all threads together. SIGXCPU ends the process then, and SIGKILL one second later.
    pub(crate) cpu_seconds: Option<u64>,
    /// Bytes of private writable memory: heap, stacks of threads, guests' memories as far as they are accessible. Addresses
    /// that are only reserved do not count, shared mappings (files in memory) neither.
    pub(crate) data_bytes: Option<u64>,
    /// Open descriptors.
    pub(crate) files: u64,
}

/// Why a limit is not in force.
#[derive(Debug, thiserror::Error)]
#[error("the limit of {what} of this process cannot be set to {value}: {source}")]
pub(crate) struct LimitError {
    what: &'static str,
    value: u64,
    source: io::Error,
}

/// Lowers the limits of resources to these, where they are higher.
///
/// # Errors
///
/// Returns an error if the system refuses one of them.
pub(crate) fn set(limits: &Rlimits) -> Result<(), LimitError> {
    use nix::sys::resource::Resource::{RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_NOFILE};

    // A core file would have the bars and all else in memory, and be as large.
    lower(RLIMIT_CORE, "core files", 0, 0)?;
    lower(RLIMIT_NOFILE, "open files", limits.files, limits.files)?;
    if let Some(seconds) = limits.cpu_seconds {
        // The signal of the lower one tells whoever waits for the process why it has ended.
        lower(RLIMIT_CPU, "seconds of CPU", seconds, seconds.saturating_add(1))?;
    }
    if let Some(bytes) = limits.data_bytes {
        lower(RLIMIT_DATA, "bytes of memory", bytes, bytes)?;
    }
    Ok(())
}

fn lower(resource: nix::sys::resource::Resource, what: &'static str, soft: u64, hard: u64) -> Result<(), LimitError> {
    use nix::sys::resource::{getrlimit, setrlimit};

    let failed = |errno| LimitError { what, value: soft, source: io::Error::from(errno) };
    let (soft_before, hard_before) = getrlimit(resource).map_err(failed)?;
    setrlimit(resource, soft.min(soft_before), hard.min(hard_before)).map_err(failed)
}
