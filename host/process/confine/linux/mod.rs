//! Confinement on Linux, on x86-64 and ARM64: limits, landlock, seccomp.
//!
//! Never fails because a kernel lacks something: the [`Status`] says so.

mod calls;
#[cfg(test)]
mod tests;

use std::{fs, io::ErrorKind};

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr, RulesetError,
    RulesetStatus, Scope,
};
use nix::{
    libc,
    sys::prctl::{set_dumpable, set_no_new_privs},
};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter_all_threads};

use self::calls::Calls;
use super::{
    limits::{self, LimitError, Rlimits},
    profile::Profile,
    status::{Layer, Status},
};

/// Where a process says how readily it is ended when memory runs out: from -1000 to 1000.
const OOM: &str = "/proc/self/oom_score_adj";

/// A worker goes before the program that has started it.
const OOM_SCORE: i32 = 500;

/// The version of landlock that has all that is asked for: files, TCP, signals and abstract sockets. Linux 6.12.
const WANTED: ABI = ABI::V6;

/// What landlock prevents from which version on.
const RULES: [(u32, &str); 5] = [
    (1, "opening, making or removing files"),
    (3, "truncating files by name"),
    (4, "TCP connections"),
    (5, "commands to devices"),
    (6, "signals and abstract sockets to other processes"),
];

/// Sets the limits of resources, and makes the process the first to go when memory runs out.
///
/// # Errors
///
/// Returns an error if the system refuses one of the limits.
pub(crate) fn limit(limits: &Rlimits) -> Result<Status, LimitError> {
    limits::set(limits)?;
    let status = Status::full(Layer::Limits, &["core files", "more memory, CPU time or descriptors than granted"]);
    Ok(status.without(go_first().err().into_iter().collect()))
}

/// A process that is to go sooner than this one does already stays so.
fn go_first() -> Result<(), String> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => format!("order of ending when memory runs out: there is no `{OOM}`"),
        _ => format!("order of ending when memory runs out: `{OOM}`: {error}"),
    };
    let score = fs::read_to_string(OOM).map_err(failed)?;
    if score.trim().parse().is_ok_and(|score: i32| score >= OOM_SCORE) {
        return Ok(());
    }
    fs::write(OOM, OOM_SCORE.to_string()).map_err(failed)
}

/// Takes all files, networks and other processes away from the calling thread and those that it starts, as far as the
/// kernel can. What is open stays so. From here on no other process of the user can look into this one's memory, and this
/// one's files in `/proc` belong to root.
pub(crate) fn lock_files() -> Status {
    let missing = [("new rights by programs", set_no_new_privs()), ("looks into its memory", set_dumpable(false))];
    let missing = missing.into_iter().filter_map(|(what, done)| Some(format!("{what}: {}", done.err()?)));
    let status = match landlock() {
        Ok(status) => files_status(status.landlock, status.ruleset != RulesetStatus::NotEnforced),
        Err(error) => Status::none(Layer::Landlock, chain(&error)),
    };
    status.without(missing.collect())
}

/// Handles all there is and grants nothing of it.
fn landlock() -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .restrict_self()
}

fn files_status(landlock: LandlockStatus, is_enforced: bool) -> Status {
    let abi = match landlock {
        LandlockStatus::NotImplemented => {
            return Status::none(Layer::Landlock, "this kernel lacks it; Linux 5.13 and later can have it");
        }
        LandlockStatus::NotEnabled => {
            return Status::none(Layer::Landlock, "this kernel was started without it; see its option `lsm=`");
        }
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            kernel_abi.and_then(|abi| u32::try_from(abi).ok()).unwrap_or(effective_abi as u32)
        }
    };
    if !is_enforced {
        return Status::none(Layer::Landlock, "the kernel has it, but enforces nothing");
    }
    let (there, lacking): (Vec<_>, Vec<_>) = RULES.into_iter().partition(|(since, _)| *since <= abi);
    let prevented: Vec<_> = there.into_iter().map(|(_, words)| words).collect();
    let lacking = lacking.into_iter().map(|(since, words)| format!("{words} (version {since} of landlock)")).collect();
    Status { landlock_abi: Some(abi), ..Status::full(Layer::Landlock, &prevented) }.without(lacking)
}

/// Leaves all threads of the process, those to come too, the system calls that the `profile` needs. Call it last: the
/// filter allows no change of the limits, no new file and no other filter.
pub(crate) fn lock_calls(profile: Profile) -> Status {
    match filter(profile) {
        Ok(status) => status,
        Err(error) => Status::none(Layer::Seccomp, error.to_string()),
    }
}

fn filter(profile: Profile) -> Result<Status, seccompiler::Error> {
    let own = std::process::id();
    let (allowed, fatal) = (calls::allowed(profile, own)?, calls::fatal(own)?);
    let (calls_allowed, calls_fatal) = (count(&allowed), count(&fatal));
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    // Of several filters the strictest answer counts: each says `Allow` to what it does not know. The list of what is
    // allowed comes last, since no further filter can be installed under it.
    let filters = [
        program(calls::unknown(), SeccompAction::Errno(libc::ENOSYS.unsigned_abs()), SeccompAction::Allow)?,
        program(fatal, SeccompAction::KillProcess, SeccompAction::Allow)?,
        program(allowed, SeccompAction::Allow, refused)?,
    ];
    filters.iter().try_for_each(|filter| apply_filter_all_threads(filter))?;
    let (calls_allowed, calls_fatal) = (Some(calls_allowed), Some(calls_fatal));
    let prevented = match profile {
        Profile::Compiler => ["all system calls but those of a compile", "executable memory"],
        Profile::Worker => ["all system calls but those of a task", "memory both writable and executable"],
    };
    Ok(Status { calls_allowed, calls_fatal, ..Status::full(Layer::Seccomp, &prevented) })
}

/// A filter that answers `matched` to `calls` and `other` to all others. A call of another architecture ends the process.
fn program(calls: Calls, matched: SeccompAction, other: SeccompAction) -> Result<BpfProgram, BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(calls, other, matched, architecture)?.try_into()
}

fn count(calls: &Calls) -> u32 {
    u32::try_from(calls.len()).unwrap_or(u32::MAX)
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
