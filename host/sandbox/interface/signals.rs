//! `signals`: a plugin gets all bars at once, and answers parameters with targets.
//!
//! Never trades them.

use wasmtime::{
    Store,
    component::{Instance, InstancePre},
};

use super::{ANSWER_SLACK, Calls, PluginInterface, Signals};
use crate::{
    model::{Params, Series, Targets},
    sandbox::{
        bindings::{self, SignalsGuest, SignalsIndices},
        check::Interface,
        fork::{ForkSlot, Prepared},
        guest::{Called, Guest, GuestFunctions},
        limits::{Allowance, Limits, State},
        plugin::Plugin,
    },
    task::{Answer, ErrorKind, TaskError},
};

/// Bytes of one target in an answer: two indices and an exposure.
const TARGET: usize = 16;

impl PluginInterface for Signals {
    const INTERFACE: Interface = Interface::Signals;
}

impl Prepared<Signals> {
    /// Asks for the targets of one combination of parameters, in a fork of its own. The answer is checked against the
    /// data.
    pub fn evaluate(&self, params: &Params) -> Answer<Targets> {
        self.evaluate_in(&mut ForkSlot::default(), params)
    }

    /// Does the same in the fork of a worker's slot, which serves as many tasks as
    /// [`Limits::tasks_per_fork`](crate::sandbox::Limits::tasks_per_fork) says.
    pub fn evaluate_in(&self, slot: &mut ForkSlot<Signals>, params: &Params) -> Answer<Targets> {
        self.in_fork(slot, &mut |guest, allowance| evaluate(guest, allowance, params, self.data()))
    }
}

impl GuestFunctions for Signals {
    type Indices = SignalsIndices;
    type Functions = SignalsGuest;

    fn find(component: &InstancePre<State>) -> wasmtime::Result<SignalsIndices> {
        SignalsIndices::new(component)
    }

    fn load(indices: &SignalsIndices, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<SignalsGuest> {
        indices.load(store, instance)
    }
}

impl Calls for Signals {
    type First = Targets;

    fn prepare(guest: &mut Guest<Self>, allowance: &Allowance, data: &[Series]) -> Result<(), TaskError> {
        let data = bindings::series(data);
        let prepared = guest.call(allowance, |store, functions| functions.call_prepare(store, &data));
        prepared.outcome.and_then(|answer| answer.map_err(bindings::error))
    }

    fn first_task(plugin: &Plugin, data: &[Series], guest: &mut Guest<Self>, allowance: &Allowance) -> Called<Targets> {
        evaluate(guest, allowance, &plugin.defaults(), data)
    }

    /// As long as one target for each bar.
    fn longest_answer(bars: usize, _: &Limits) -> usize {
        bars * TARGET + ANSWER_SLACK
    }
}

fn evaluate(guest: &mut Guest<Signals>, allowance: &Allowance, params: &Params, data: &[Series]) -> Called<Targets> {
    let params = bindings::params(params);
    guest.call(allowance, |store, functions| functions.call_evaluate(store, &params)).and_then(|answer| {
        let targets = answer.map(bindings::targets).map_err(bindings::error)?;
        targets.check(data).map_err(|error| TaskError::new(ErrorKind::BadOutput, error.to_string()))?;
        Ok(targets)
    })
}
