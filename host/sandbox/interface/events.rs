//! `events`: a plugin hears of one bar at a time, and sends orders.
//!
//! Never decides what becomes of an order.

use wasmtime::{
    Store,
    component::{Instance, InstancePre},
};

use super::{ANSWER_SLACK, Calls, Events, PluginInterface};
use crate::{
    model::{Params, Series},
    sandbox::{
        bindings::{EventsGuest, EventsIndices},
        check::Interface,
        fork::{ForkSlot, Prepared},
        guest::{Called, Guest, GuestFunctions},
        limits::{Allowance, Limits, State},
        plugin::Plugin,
        rehearsal::{Rehearsal, rehearse},
        session::{self, Session},
    },
    task::{Answer, TaskError},
};

impl PluginInterface for Events {
    const INTERFACE: Interface = Interface::Events;
}

impl Prepared<Events> {
    /// Starts a strategy in the fork of a worker's slot, and does `run` with it: the answer is what `run` makes of it, if
    /// the strategy does not fail. `symbols` are the instruments, in the order of their indices.
    ///
    /// All of it shares the budget and the time of one task. `run` may be called twice: a task that failed is run once more
    /// to find the lines of its failure, and what that gives is thrown away.
    pub fn play_in<T>(
        &self,
        slot: &mut ForkSlot<Events>,
        symbols: &[&str],
        params: &Params,
        run: &mut dyn FnMut(&mut Session<'_>) -> Result<T, TaskError>,
    ) -> Answer<T> {
        self.in_fork(slot, &mut |guest, allowance| session::play(guest, allowance, symbols, params, &mut *run))
    }
}

impl GuestFunctions for Events {
    type Indices = EventsIndices;
    type Functions = EventsGuest;

    fn find(component: &InstancePre<State>) -> wasmtime::Result<EventsIndices> {
        EventsIndices::new(component)
    }

    fn load(indices: &EventsIndices, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<EventsGuest> {
        indices.load(store, instance)
    }
}

impl Calls for Events {
    type First = Rehearsal;

    /// Does nothing: the plugin will hear of the bars one by one.
    fn prepare(_: &mut Guest<Self>, _: &Allowance, _: &[Series]) -> Result<(), TaskError> {
        Ok(())
    }

    fn first_task(
        plugin: &Plugin,
        data: &[Series],
        guest: &mut Guest<Self>,
        allowance: &Allowance,
    ) -> Called<Rehearsal> {
        let params = plugin.defaults();
        let symbols: Vec<_> = data.iter().map(|series| series.symbol.as_str()).collect();
        session::play(guest, allowance, &symbols, &params, |session| rehearse(data, session))
    }

    fn units_of_task(units: u64, first: &Rehearsal, bars: usize) -> u64 {
        first.scale(units, bars)
    }

    /// As long as texts may be.
    fn longest_answer(_: usize, _: &Limits) -> usize {
        ANSWER_SLACK
    }
}
