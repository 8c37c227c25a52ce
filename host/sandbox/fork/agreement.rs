//! The first task: what it says about all tasks, and whether a fork agrees with the guest that it was taken from.
//!
//! Never shown to anybody: its answer and its log are thrown away.

use super::{ForkSlot, Prepared};
use crate::{
    sandbox::{
        guest::{Called, Guest},
        interface::PluginInterface,
    },
    task::{Answer, TaskError},
};

impl<I: PluginInterface> Prepared<I> {
    /// Runs the task with every parameter at its default in the guest that has prepared.
    pub(super) fn first_task(&self, guest: &mut Guest<I>) -> Called<I::First> {
        let first = I::first_task(&self.plugin, &self.data, guest, &self.allowance());
        guest.take_log();
        first
    }

    /// Whether a fork answers the first task as the guest did that it was taken from.
    pub(super) fn first_fork_agrees(&self, direct: &Called<I::First>) -> bool {
        if hit_a_limit(&direct.outcome) {
            return true;
        }
        let slot = &mut ForkSlot::default();
        agree(
            direct,
            &self.in_fork(slot, &mut |guest, allowance| I::first_task(&self.plugin, &self.data, guest, allowance)),
        )
    }

    /// Sets the units of all tasks by what the first one took. One that ended for want of them says nothing.
    pub(super) fn set_units(&mut self, first: &Called<I::First>) {
        let bars = self.bars();
        let units = first.units.filter(|_| !hit_a_limit(&first.outcome));
        let units = units.map(|units| match &first.outcome {
            Ok(answer) => I::units_of_task(units, answer, bars),
            Err(_) => units,
        });
        self.units = self.limits().budget.of_task(bars, units);
    }
}

fn hit_a_limit<T>(outcome: &Result<T, TaskError>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind.is_limit())
}

/// Whether a fork's answer to the question is the same as the guest's, as far as the two can be compared: a message may
/// carry frames, and a clock stops two runs at two places.
fn agree<T: PartialEq>(direct: &Called<T>, fork: &Answer<T>) -> bool {
    match (&direct.outcome, &fork.outcome) {
        (Ok(value), Ok(forked)) => value == forked && direct.units == fork.units,
        (Err(error), Err(forked)) => error.kind == forked.kind,
        (_, forked) => hit_a_limit(forked),
    }
}
