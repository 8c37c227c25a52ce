//! Windows: what the host may read of a guest's memory when the guest has stopped.
//!
//! Never writes, and never sees more than what is accessible.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::Base;

/// The first bytes of the table by which CPython describes itself.
const COOKIE: &[u8; 8] = b"xdebugpy";

/// The least memory of an interpreter, in bytes. What is smaller is not looked through.
const INTERPRETER: usize = 8 << 20;

/// A view of the memory of a guest in Python.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    base: Base,
    size: Arc<AtomicUsize>,
    table: u32,
}

impl Window {
    /// A window on the memory of `size` bytes at `base` in which Python describes itself at `table`, and how the memory tells its
    /// size later.
    pub(super) fn on(base: Base, size: usize, table: u32) -> (Self, Arc<AtomicUsize>) {
        let size = Arc::new(AtomicUsize::new(size));
        (Self { base, size: Arc::clone(&size), table }, size)
    }

    /// Where the interpreter's description of itself is.
    pub(crate) fn table(&self) -> u32 {
        self.table
    }

    /// Reads `len` bytes from `at` on; `None` if not all of them are there. The guest must exist and not be running.
    pub(crate) fn read(&self, at: u32, len: usize) -> Option<Vec<u8>> {
        let at = at as usize;
        let end = at.checked_add(len)?;
        (end <= self.size.load(Ordering::Relaxed)).then(|| self.base.read(at, len))
    }
}

/// Where in the memory `bytes` the table is by which Python describes itself.
pub(super) fn table(bytes: &[u8]) -> Option<u32> {
    let chunks = bytes.chunks_exact(COOKIE.len());
    let found = (bytes.len() >= INTERPRETER).then(|| chunks.into_iter().position(|chunk| chunk == COOKIE))??;
    u32::try_from(found * COOKIE.len()).ok()
}
