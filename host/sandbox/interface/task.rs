//! `task`: a plugin gets all bars at once, and computes custom tasks, whose answers are bytes.
//!
//! Never reads an answer beyond whether it is JSON, where the plugin says that it is.

use serde::de::IgnoredAny;
use wasmtime::{
    Store,
    component::{Instance, InstancePre},
};

use super::{Calls, PluginInterface, Task};
use crate::{
    model::{Encoding, Params, Series},
    sandbox::{
        bindings::{self, TaskGuest, TaskIndices},
        check::Interface,
        fork::{ForkSlot, Prepared},
        guest::{Called, Guest, GuestFunctions},
        limits::{Allowance, Limits, State},
        plugin::Plugin,
    },
    task::{Answer, ErrorKind, TaskError},
};

impl PluginInterface for Task {
    const INTERFACE: Interface = Interface::Task;
}

impl Prepared<Task> {
    /// Runs one custom task, in a fork of its own. The answer is in the encoding that the plugin declares.
    pub fn run(&self, task_id: &str, params: &Params) -> Answer<Vec<u8>> {
        self.run_in(&mut ForkSlot::default(), task_id, params)
    }

    /// Does the same in the fork of a worker's slot, which serves as many tasks as
    /// [`Limits::tasks_per_fork`](crate::sandbox::Limits::tasks_per_fork) says.
    pub fn run_in(&self, slot: &mut ForkSlot<Task>, task_id: &str, params: &Params) -> Answer<Vec<u8>> {
        self.in_fork(slot, &mut |guest, allowance| run(guest, allowance, task_id, params, self.encoding()))
    }

    fn encoding(&self) -> Encoding {
        self.plugin().description().output
    }
}

impl GuestFunctions for Task {
    type Indices = TaskIndices;
    type Functions = TaskGuest;

    fn find(component: &InstancePre<State>) -> wasmtime::Result<TaskIndices> {
        TaskIndices::new(component)
    }

    fn load(indices: &TaskIndices, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<TaskGuest> {
        indices.load(store, instance)
    }
}

impl Calls for Task {
    type First = Vec<u8>;

    fn prepare(guest: &mut Guest<Self>, allowance: &Allowance, data: &[Series]) -> Result<(), TaskError> {
        let data = bindings::series(data);
        let prepared = guest.call(allowance, |store, functions| functions.call_prepare(store, &data));
        prepared.outcome.and_then(|answer| answer.map_err(bindings::error))
    }

    fn first_task(plugin: &Plugin, _: &[Series], guest: &mut Guest<Self>, allowance: &Allowance) -> Called<Vec<u8>> {
        run(guest, allowance, "", &plugin.defaults(), plugin.description().output)
    }

    /// As long as the limits allow.
    fn longest_answer(_: usize, limits: &Limits) -> usize {
        limits.answer
    }
}

fn run(
    guest: &mut Guest<Task>,
    allowance: &Allowance,
    task_id: &str,
    params: &Params,
    encoding: Encoding,
) -> Called<Vec<u8>> {
    let params = bindings::params(params);
    guest.call(allowance, |store, functions| functions.call_run(store, task_id, &params)).and_then(|answer| {
        let answer = answer.map_err(bindings::error)?;
        check_encoding(&answer, encoding)?;
        Ok(answer)
    })
}

/// Checks that an answer is JSON, where the plugin says that it is.
fn check_encoding(answer: &[u8], encoding: Encoding) -> Result<(), TaskError> {
    if encoding != Encoding::Json {
        return Ok(());
    }
    let json = serde_json::from_slice::<IgnoredAny>(answer);
    json.map(drop).map_err(|error| TaskError::new(ErrorKind::BadOutput, format!("the answer is not JSON: {error}")))
}
