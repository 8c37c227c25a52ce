//! What a fork has written: which of its bytes may differ from the image, and have to be set back after a task.
//!
//! Never sets anything back. There are three [`Way`]s to know it, with the same results. On Linux 6.7 and later the kernel tells
//! (`pagemap.rs`). Everywhere else a slot is protected from writes, and the first write to each piece of it is noted (`faults.rs`).
//! Where neither can be had, nothing is known, and a slot is mapped anew after each task.

mod faults;
#[cfg(target_os = "linux")]
mod pagemap;
#[cfg(not(target_os = "linux"))]
#[path = "no_pagemap.rs"]
mod pagemap;

use std::{env, io, ops::Range, sync::OnceLock};

pub(crate) use self::faults::Refusal;
use self::{faults::Watch, pagemap::OwnPages};
use super::region::{Access, Region};
use crate::process::WRITTEN_PAGES;

/// How the host learns what forks write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The kernel tells which pages are a process's own.
    Kernel,
    /// First writes are faults, which a handler of signals notes.
    Faults,
    /// Not at all.
    Unknown,
}

impl Way {
    const ALL: [(&str, Self); 3] = [("kernel", Self::Kernel), ("faults", Self::Faults), ("unknown", Self::Unknown)];

    /// The way of this process: the one that `HOST_WRITTEN_PAGES` names, else the first that works here. It opens what that way needs.
    ///
    /// # Errors
    ///
    /// Returns an error if the variable names another word, or a way that this system does not have.
    pub(super) fn of_process() -> Result<Self, &'static str> {
        static WAY: OnceLock<Result<Way, String>> = OnceLock::new();
        WAY.get_or_init(Self::choose).as_ref().copied().map_err(String::as_str)
    }

    fn choose() -> Result<Self, String> {
        let works = |way: &Self| match way {
            Self::Kernel => pagemap::works(),
            Self::Faults | Self::Unknown => true,
        };
        let Some(name) = env::var_os(WRITTEN_PAGES).filter(|name| !name.is_empty()) else {
            return Ok([Self::Kernel, Self::Faults].into_iter().find(works).unwrap_or(Self::Unknown));
        };
        let asked = Self::ALL.into_iter().find(|(known, _)| name == *known).map(|(_, way)| way);
        let name = name.to_string_lossy();
        match asked {
            Some(way) if works(&way) => Ok(way),
            Some(_) => Err(format!("{WRITTEN_PAGES}={name} needs Linux 6.7; leave the variable out")),
            None => Err(format!("{WRITTEN_PAGES} is `{name}`; leave it out, or give `kernel`, `faults` or `unknown`")),
        }
    }
}

/// Begins to hear of first writes, where this process needs that. Call it once an engine has started: faults that are not first
/// writes go to the handler that was in force before.
///
/// # Errors
///
/// Returns an error if `HOST_WRITTEN_PAGES` cannot be followed, or the system refuses the handler.
pub(crate) fn listen() -> Result<(), String> {
    match Way::of_process()? {
        Way::Faults => faults::listen().map_err(|error| format!("the handler of page faults is refused: {error}")),
        Way::Kernel | Way::Unknown => Ok(()),
    }
}

/// What is known of the writes to one slot.
#[derive(Debug)]
pub(super) enum Written {
    Kernel(OwnPages),
    Faults(Watch),
    Unknown,
}

impl Written {
    /// Of the first `len` bytes of `region`, which [`access`](Self::access) says how to map.
    pub(super) fn of(region: &Region, len: usize) -> Self {
        match Way::of_process() {
            Ok(Way::Kernel) => Self::Kernel(OwnPages::default()),
            Ok(Way::Faults) => Watch::of(region, len).map_or(Self::Unknown, Self::Faults),
            Ok(Way::Unknown) | Err(_) => Self::Unknown,
        }
    }

    /// How the bytes are mapped.
    pub(super) fn access(&self) -> Access {
        match self {
            Self::Faults(_) => Access::Read,
            Self::Kernel(_) | Self::Unknown => Access::Write,
        }
    }

    /// Tells whether the system refuses the next guest a write, where the bytes are not mapped for writing.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Faults(watch) => Some(watch.refusal()),
            Self::Kernel(_) | Self::Unknown => None,
        }
    }

    /// Whether finding what was written is cheapest on this thread.
    pub(super) fn is_of_this_thread(&self) -> bool {
        match self {
            Self::Kernel(pages) => pages.is_of_this_thread(),
            Self::Faults(_) | Self::Unknown => false,
        }
    }

    /// The bytes that were written since they were mapped, from the start of `region`: some more, but no fewer. `None` if that
    /// is not known.
    ///
    /// # Errors
    ///
    /// Returns an error if the kernel does not answer.
    pub(super) fn find(&mut self, region: &Region) -> io::Result<Option<&[Range<usize>]>> {
        match self {
            Self::Kernel(pages) => pages.find(region).map(Some),
            Self::Faults(watch) => Ok(watch.find()),
            Self::Unknown => Ok(None),
        }
    }

    /// All of it was mapped anew.
    pub(super) fn forget(&mut self) {
        match self {
            Self::Kernel(pages) => *pages = OwnPages::default(),
            Self::Faults(watch) => watch.forget(),
            Self::Unknown => (),
        }
    }
}
