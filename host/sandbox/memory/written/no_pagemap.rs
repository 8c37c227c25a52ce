//! The stand-in for the kernel's account of pages, on systems that keep none.
//!
//! Never knows anything, and is never asked.

use std::{io, ops::Range};

use super::super::region::Region;

/// Whether the kernel tells which pages are a process's own.
pub(super) fn works() -> bool {
    false
}

/// The pages of a slot that are its own.
#[derive(Debug, Default)]
pub(in super::super) struct OwnPages(());

impl OwnPages {
    pub(super) fn is_of_this_thread(&self) -> bool {
        false
    }

    pub(super) fn find(&mut self, _: &Region) -> io::Result<&[Range<usize>]> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
