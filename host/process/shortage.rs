//! What the system has no room for: one more process, thread or open file; and the limits that say so.
//!
//! Never raises a limit.

use std::io;

use nix::{
    libc::{EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM},
    sys::resource::{RLIM_INFINITY, Resource, getrlimit},
};

/// What a worker ends with that gets no further thread or file: `EX_OSERR` of `sysexits.h`.
pub(crate) const EXIT_CODE: i32 = 71;

/// Whether `error` says that the system has no room. A socket that refuses descriptors says `ENOBUFS`.
pub(crate) fn is_one(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| [EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(&code))
}

/// `error`, and what to do about it if it is a shortage.
pub(crate) fn explained(error: &io::Error) -> String {
    format!("{error}{}", way_out_of(error))
}

/// What to do about `error`, if it is a shortage.
pub(super) fn way_out_of(error: &io::Error) -> String {
    if is_one(error) { way_out() } else { String::new() }
}

/// What to do about a shortage, with the limits of this process.
pub(super) fn way_out() -> String {
    let (files, processes) = (limit(Resource::RLIMIT_NOFILE), processes());
    format!(
        "; this process may open {files} files (`ulimit -n`) and its user may have {processes} processes and threads \
         (`ulimit -u`); raise the limit that is too low, or give fewer `--workers`"
    )
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
