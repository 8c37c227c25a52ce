//! Confinement: what a worker process takes from itself before it reads anything foreign.
//!
//! Never starts or ends a process, and never gives anything back: what is locked stays locked until the process ends.
//!
//! A worker calls, on its main thread and in this order:
//!
//! 1. [`limit`]: memory, processor time, descriptors, no core file;
//! 2. it opens whatever it will ever open;
//! 3. [`lock_files`]: before it starts a thread, since landlock holds for the calling thread and those that it starts;
//! 4. [`lock_calls`]: for all threads, however late.
//!
//! Each is a wall of its own behind the sandbox of WebAssembly, and each says in a [`Status`] what is in force, since no two
//! kernels offer the same. A process goes on with what there is: the first wall is the sandbox.

mod limits;
mod profile;
mod status;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[path = "linux/mod.rs"]
mod system;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "portable.rs"]
mod system;

#[cfg(feature = "cli")]
pub(crate) use self::status::Status;
pub(crate) use self::{
    limits::{LimitError, Rlimits, set as set_limits},
    profile::Profile,
    system::{limit, lock_calls, lock_files},
};
