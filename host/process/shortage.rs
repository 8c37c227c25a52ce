//! What the system has no room for: one more process, thread, open file, page of memory or byte of a file; and the limits that
//! say so.
//!
//! Never raises a limit.

use std::io;

use nix::{
    libc::{EAGAIN, EFBIG, EMFILE, ENFILE, ENOBUFS, ENOMEM},
    sys::resource::{RLIM_INFINITY, Resource, getrlimit},
};

/// What a worker ends with that gets no further thread or file: `EX_OSERR` of `sysexits.h`.
pub(crate) const EXIT_CODE: i32 = 71;

/// What to do about a limit that is too low.
const RAISE: &str = "raise the limit that is too low, or give fewer `--workers`";

/// Whether `error` says that the system has no room. A socket that refuses descriptors says `ENOBUFS`.
pub(crate) fn is_one(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| [EAGAIN, EFBIG, EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(&code))
}

/// `error`, and what to do about it if it is a shortage.
pub(crate) fn explained(error: &io::Error) -> String {
    format!("{error}{}", way_out_of(error))
}

/// What to do about `error`, if it is a shortage.
pub(crate) fn way_out_of(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(EFBIG) => "; files of this process end at `ulimit -f`; raise it".to_owned(),
        Some(ENOMEM) => way_out_of_memory(),
        _ if is_one(error) => way_out(),
        _ => String::new(),
    }
}

/// What to do where the system gives no memory, with the limits of this process.
pub(crate) fn way_out_of_memory() -> String {
    let limits = memory();
    if limits.is_empty() {
        return "; the machine has no memory left for it; give fewer `--workers`, or end other programs".to_owned();
    }
    format!("; this process may take {}; {RAISE}", limits.join(" and "))
}

/// What to do about any shortage, with the limits of this process.
pub(crate) fn way_out() -> String {
    let (files, processes) = (limit(Resource::RLIMIT_NOFILE), processes());
    let memory = memory().into_iter().map(|limit| format!(", take {limit}")).collect::<String>();
    format!(
        "; this process may open {files} files (`ulimit -n`){memory}, and its user may have {processes} processes and threads \
         (`ulimit -u`); {RAISE}"
    )
}

/// The limits of memory that are set.
fn memory() -> Vec<String> {
    let name = |(soft, what, option): (u64, &str, char)| format!("{} KiB of {what} (`ulimit -{option}`)", soft >> 10);
    limits_of_memory().map(name).collect()
}

fn limits_of_memory() -> impl Iterator<Item = (u64, &'static str, char)> {
    let limits = [(Resource::RLIMIT_AS, "address space", 'v'), (Resource::RLIMIT_DATA, "data", 'd')];
    limits.into_iter().filter_map(|(resource, what, option)| {
        let (soft, _) = getrlimit(resource).ok().filter(|(soft, _)| *soft != RLIM_INFINITY)?;
        Some((soft, what, option))
    })
}

/// Whether a process that may take so many `bytes` more is ended before by a limit of this process, which it has, too.
pub(crate) fn is_memory_below(bytes: u64) -> bool {
    limits_of_memory().any(|(soft, ..)| soft < bytes)
}

#[cfg(target_os = "linux")]
fn processes() -> String {
    limit(Resource::RLIMIT_NPROC)
}

#[cfg(not(target_os = "linux"))]
fn processes() -> String {
    "a limited number of".to_owned()
}

fn limit(resource: Resource) -> String {
    match getrlimit(resource) {
        Ok((RLIM_INFINITY, _)) => "any number of".to_owned(),
        Ok((soft, _)) => soft.to_string(),
        Err(_) => "an unknown number of".to_owned(),
    }
}
