//! The fork slot: where a worker keeps its fork from one task to the next.
//!
//! Never keeps a fork beyond the tasks that it may serve, nor one that has failed.

use std::{fmt, marker::PhantomData};

use crate::sandbox::{guest::Guest, interface::PluginInterface};

/// A worker's fork of a prepared plugin, kept from one task to the next where a fork may serve several tasks. It stays on
/// its thread, whose page faults tell what a fork has written.
pub struct ForkSlot<I: PluginInterface> {
    kept: Option<Kept<I>>,
    stays: PhantomData<*const ()>,
}

/// A fork that has served `tasks` of the prepared plugin `owner`.
pub(super) struct Kept<I: PluginInterface> {
    pub(super) owner: u64,
    pub(super) guest: Guest<I>,
    pub(super) tasks: usize,
}

impl<I: PluginInterface> ForkSlot<I> {
    /// Drops the fork, if there is one.
    pub fn clear(&mut self) {
        self.kept = None;
    }

    /// Takes the fork. One of another plugin than `owner` is dropped.
    pub(super) fn take(&mut self, owner: u64) -> Option<Kept<I>> {
        self.kept.take().filter(|kept| kept.owner == owner)
    }

    /// Keeps a fork for the next task.
    pub(super) fn keep(&mut self, kept: Kept<I>) {
        self.kept = Some(kept);
    }
}

impl<I: PluginInterface> Default for ForkSlot<I> {
    fn default() -> Self {
        Self { kept: None, stays: PhantomData }
    }
}

impl<I: PluginInterface> fmt::Debug for ForkSlot<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkSlot").field("tasks", &self.kept.as_ref().map(|kept| kept.tasks)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Signals;

    /// Compiles only if a slot cannot be sent to another thread: of a type that is `Send` both implementations are there,
    /// and which one is meant is not known.
    #[test]
    fn a_slot_stays_on_its_thread() {
        trait UnknownIfSend<Which> {
            fn stays() -> bool {
                true
            }
        }
        struct ForSend;
        impl<T: ?Sized> UnknownIfSend<()> for T {}
        impl<T: ?Sized + Send> UnknownIfSend<ForSend> for T {}
        assert!(<ForkSlot<Signals> as UnknownIfSend<_>>::stays());
    }
}
