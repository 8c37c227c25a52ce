//! Confinement on systems other than Linux on x86-64 and ARM64: limits of resources where there are any, and nothing else.
//!
//! Never says that something is in force that is not.

use super::{
    limits::{LimitError, Rlimits},
    profile::Profile,
    status::{Layer, Status},
};

/// Sets the limits of resources.
///
/// # Errors
///
/// Returns an error if the system refuses one of them.
pub(crate) fn limit(limits: &Rlimits) -> Result<Status, LimitError> {
    super::limits::set(limits)?;
    let missing = limits.data_bytes.map(|_| "memory: this system does not keep a limit of it".to_owned());
    Ok(Status::full(Layer::Limits, &["core files", "more CPU time or descriptors than granted"])
        .without(missing.into_iter().collect()))
}

/// Locks nothing.
pub(crate) fn lock_files() -> Status {
    Status::none(Layer::Landlock, "it is for Linux on x86-64 and ARM64 only")
}

/// Locks nothing.
pub(crate) fn lock_calls(_profile: Profile) -> Status {
    Status::none(Layer::Seccomp, "it is for Linux on x86-64 and ARM64 only")
}
