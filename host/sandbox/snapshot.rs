//! Prepare once, fork for every task.
//!
//! Never runs two tasks in one instance. `prepare` runs once, and each task runs in a new instance of what the plugin
//! has become; where that cannot be captured, each task prepares an instance of its own.

use std::{sync::Arc, time::Duration};

use wasmtime::{
    Store,
    component::{Component, Instance, InstancePre},
};

use super::{
    bindings::{self, SignalsGuest, SignalsIndices, TaskGuest, TaskIndices},
    capture::snapshot,
    check::Interface,
    engine::{Sandbox, restart_clock},
    failure::{Limit, classify},
    limits::{Limits, State},
    plugin::Plugin,
};
use crate::{
    model::{Encoding, Params, Series, Targets},
    task::{ErrorKind, TaskError},
};

/// Bytes beyond the longest list of targets that an answer may have: its texts.
const ANSWER_SLACK: usize = 64 << 10;

/// Bytes of one target in an answer: two indices and an exposure.
const TARGET: usize = 16;

/// A plugin that has seen the data: what every task starts from.
pub struct Prepared {
    plugin: Plugin,
    data: Arc<[Series]>,
    /// What tasks run in: the snapshot, or the plugin as it is before `prepare`.
    template: Template,
    forking: Forking,
    log: Vec<String>,
}

/// How each task gets an instance that no other task has touched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forking {
    /// From a snapshot, whose memory all tasks share until they write to it.
    Snapshot,
    /// By running `prepare` again.
    Fallback {
        /// Why no snapshot can be used.
        why: String,
    },
}

/// What one call into a plugin gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// The answer, or why there is none.
    pub outcome: Result<T, TaskError>,
    /// What the plugin logged meanwhile, within the limits.
    pub log: Vec<String>,
}

/// A linked component, and where in it the functions are that the host calls.
struct Template {
    component: InstancePre<State>,
    calls: Calls,
}

enum Calls {
    Signals(SignalsIndices),
    Task(TaskIndices),
}

impl Template {
    fn new(sandbox: &Sandbox, component: &Component, interface: Interface) -> wasmtime::Result<Self> {
        let component = sandbox.linker.instantiate_pre(component)?;
        let calls = match interface {
            Interface::Signals => Calls::Signals(SignalsIndices::new(&component)?),
            Interface::Task => Calls::Task(TaskIndices::new(&component)?),
        };
        Ok(Self { component, calls })
    }

    fn interface(&self) -> Interface {
        match self.calls {
            Calls::Signals(_) => Interface::Signals,
            Calls::Task(_) => Interface::Task,
        }
    }

    fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Guest> {
        let instance = self.component.instantiate(&mut *store)?;
        let functions = match &self.calls {
            Calls::Signals(indices) => Functions::Signals(indices.load(store, &instance)?),
            Calls::Task(indices) => Functions::Task(indices.load(store, &instance)?),
        };
        Ok(Guest { instance, functions })
    }
}

/// One instance, and what the host calls in it.
struct Guest {
    instance: Instance,
    functions: Functions,
}

enum Functions {
    Signals(SignalsGuest),
    Task(TaskGuest),
}

impl Prepared {
    /// Gives `plugin` its data, and captures what it makes of it. All tasks start from there.
    ///
    /// # Errors
    ///
    /// Returns an error if `prepare` fails, traps or exceeds a limit.
    ///
    /// # Panics
    ///
    /// Panics if the plugin does not export `interface`: see [`Plugin::exports`].
    pub fn new(plugin: &Plugin, interface: Interface, data: Arc<[Series]>) -> Result<Self, TaskError> {
        assert!(plugin.exports(interface), "the plugin does not export `{interface}`");
        let template = Template::new(plugin.sandbox(), plugin.component(), interface).map_err(host_error)?;
        let why = plugin.snapshot_refusal().unwrap_or_default().to_owned();
        let forking = Forking::Fallback { why };
        let mut prepared = Self { plugin: plugin.clone(), data, template, forking, log: Vec::new() };
        let (mut store, guest) = prepared.prepare_guest()?;
        prepared.log = store.data_mut().log.take();
        if plugin.snapshot_refusal().is_none() {
            match prepared.capture(&mut store, &guest) {
                Ok(snapshot) => prepared.fork_from(snapshot, &mut store, &guest),
                Err(why) => prepared.forking = Forking::Fallback { why },
            }
        }
        Ok(prepared)
    }

    /// How each task gets its instance.
    pub fn forking(&self) -> &Forking {
        &self.forking
    }

    /// What the plugin logged while it prepared.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// Asks for the targets of one combination of parameters, in a fork of its own. The answer is checked against the
    /// data.
    ///
    /// # Panics
    ///
    /// Panics if the plugin was prepared for another interface than [`Interface::Signals`].
    pub fn evaluate(&self, params: &Params) -> Answer<Targets> {
        self.in_fork(|store, guest| self.call_evaluate(store, guest, params))
    }

    /// Runs one custom task, in a fork of its own. The answer is in the encoding that the plugin declares.
    ///
    /// # Panics
    ///
    /// Panics if the plugin was prepared for another interface than [`Interface::Task`].
    pub fn run(&self, task_id: &str, params: &Params) -> Answer<Vec<u8>> {
        self.in_fork(|store, guest| self.call_run(store, guest, task_id, params))
    }

    /// Takes `snapshot` as what tasks run in, if a first fork answers as the guest that it was captured from.
    fn fork_from(&mut self, snapshot: Template, store: &mut Store<State>, guest: &Guest) {
        let before = std::mem::replace(&mut self.template, snapshot);
        self.forking = Forking::Snapshot;
        if !self.first_fork_agrees(store, guest) {
            self.template = before;
            let why = "a fork answered differently from the instance that it was taken from".to_owned();
            self.forking = Forking::Fallback { why };
        }
    }

    /// Asks a fork and the captured guest the same question, with every parameter at its default.
    fn first_fork_agrees(&self, store: &mut Store<State>, guest: &Guest) -> bool {
        let params = self.plugin.defaults();
        self.start_task(store);
        match self.template.interface() {
            Interface::Signals => agree(&self.call_evaluate(store, guest, &params), &self.evaluate(&params).outcome),
            Interface::Task => agree(&self.call_run(store, guest, "", &params), &self.run("", &params).outcome),
        }
    }

    /// Runs `call` in a new fork, which is gone afterwards, whatever happened in it.
    fn in_fork<T>(&self, call: impl FnOnce(&mut Store<State>, &Guest) -> Result<T, TaskError>) -> Answer<T> {
        match self.fork() {
            Ok((mut store, guest)) => {
                let outcome = call(&mut store, &guest);
                Answer { outcome, log: store.data_mut().log.take() }
            }
            Err(error) => Answer { outcome: Err(error), log: Vec::new() },
        }
    }

    fn fork(&self) -> Result<(Store<State>, Guest), TaskError> {
        if let Forking::Fallback { .. } = self.forking {
            let (mut store, guest) = self.prepare_guest()?;
            self.start_task(&mut store);
            return Ok((store, guest));
        }
        let mut store = self.store(self.limits().timeout);
        let guest = self.template.instantiate(&mut store).map_err(|error| self.classify(&error, &store))?;
        Ok((store, guest))
    }

    /// Gives a store in which `prepare` has run the limits and the empty log of a task.
    fn start_task(&self, store: &mut Store<State>) {
        restart_clock(store, self.limits().timeout);
        store.set_hostcall_fuel(self.answer_limit());
        store.data_mut().log = State::new(0, self.limits()).log;
    }

    /// Makes an instance and gives it the data.
    fn prepare_guest(&self) -> Result<(Store<State>, Guest), TaskError> {
        let mut store = self.store(self.limits().prepare_timeout);
        let call = |store: &mut Store<State>| {
            let guest = self.template.instantiate(store)?;
            let data = bindings::series(&self.data);
            let prepared = match &guest.functions {
                Functions::Signals(functions) => functions.call_prepare(store, &data)?,
                Functions::Task(functions) => functions.call_prepare(store, &data)?,
            };
            Ok((guest, prepared))
        };
        let (guest, prepared) = call(&mut store).map_err(|error| self.classify_prepare(&error, &store))?;
        prepared.map_err(bindings::error).map_err(in_prepare)?;
        Ok((store, guest))
    }

    fn call_evaluate(&self, store: &mut Store<State>, guest: &Guest, params: &Params) -> Result<Targets, TaskError> {
        let Functions::Signals(functions) = &guest.functions else { panic!("the plugin was prepared for tasks") };
        let answer = functions.call_evaluate(&mut *store, &bindings::params(params));
        let answer = answer.map_err(|error| self.classify(&error, store))?;
        let targets = answer.map(bindings::targets).map_err(bindings::error)?;
        targets.check(&self.data).map_err(|error| TaskError::new(ErrorKind::BadOutput, error.to_string()))?;
        Ok(targets)
    }

    fn call_run(
        &self,
        store: &mut Store<State>,
        guest: &Guest,
        task_id: &str,
        params: &Params,
    ) -> Result<Vec<u8>, TaskError> {
        let Functions::Task(functions) = &guest.functions else { panic!("the plugin was prepared for signals") };
        let answer = functions.call_run(&mut *store, task_id, &bindings::params(params));
        let answer = answer.map_err(|error| self.classify(&error, store))?.map_err(bindings::error)?;
        self.check_encoding(&answer)?;
        Ok(answer)
    }

    /// Checks that an answer is JSON, where the plugin says that it is.
    fn check_encoding(&self, answer: &[u8]) -> Result<(), TaskError> {
        if self.plugin.description().output != Encoding::Json {
            return Ok(());
        }
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(answer);
        json.map(drop).map_err(|error| TaskError::new(ErrorKind::BadOutput, format!("the answer is not JSON: {error}")))
    }

    fn limits(&self) -> &Limits {
        self.plugin.sandbox().limits()
    }

    fn store(&self, timeout: Duration) -> Store<State> {
        let memory = self.limits().memory_for(self.data_size());
        self.plugin.sandbox().store(memory, self.answer_limit(), timeout)
    }

    /// The longest legal answer in bytes: one target for each bar, or what the limits allow a custom task.
    fn answer_limit(&self) -> usize {
        match self.template.interface() {
            Interface::Signals => self.bars() * TARGET + ANSWER_SLACK,
            Interface::Task => self.limits().answer,
        }
    }

    fn bars(&self) -> usize {
        self.data.iter().map(Series::len).sum()
    }

    fn data_size(&self) -> usize {
        self.bars() * (size_of::<i64>() + 5 * size_of::<f64>())
    }

    fn classify(&self, error: &wasmtime::Error, store: &Store<State>) -> TaskError {
        self.classify_within(self.limits().timeout, error, store)
    }

    fn classify_prepare(&self, error: &wasmtime::Error, store: &Store<State>) -> TaskError {
        in_prepare(self.classify_within(self.limits().prepare_timeout, error, store))
    }

    fn classify_within(&self, timeout: Duration, error: &wasmtime::Error, store: &Store<State>) -> TaskError {
        let limit = Limit { seconds: timeout.as_secs_f64(), answer: self.answer_limit() };
        classify(error, store.data(), &limit)
    }

    /// Compiles what `guest` has become into a component that starts from there.
    fn capture(&self, store: &mut Store<State>, guest: &Guest) -> Result<Template, String> {
        let sandbox = self.plugin.sandbox();
        // Reading the guest's memory is a call of ours: neither its time nor its size is the guest's to answer for.
        restart_clock(store, Duration::MAX);
        store.set_hostcall_fuel(usize::MAX);
        let mut capture = || {
            let bytes = snapshot(self.plugin.bytes(), store, guest.instance)?;
            let component = Component::from_binary(&sandbox.engine, &bytes)?;
            Template::new(sandbox, &component, self.template.interface())
        };
        capture().map_err(|error: wasmtime::Error| format!("{error:#}"))
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("forking", &self.forking).finish_non_exhaustive()
    }
}

/// Whether two outcomes of one question are the same, as far as they can be compared: a message may carry frames, and
/// the wall clock stops two runs at two places.
fn agree<T: PartialEq>(direct: &Result<T, TaskError>, fork: &Result<T, TaskError>) -> bool {
    match (direct, fork) {
        (Ok(direct), Ok(fork)) => direct == fork,
        (Err(direct), Err(fork)) => direct.kind == fork.kind,
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => error.kind == ErrorKind::OutOfBudget,
    }
}

fn in_prepare(error: TaskError) -> TaskError {
    TaskError { message: format!("in `prepare`: {}", error.message), ..error }
}

fn host_error(error: wasmtime::Error) -> TaskError {
    TaskError::new(ErrorKind::Host, format!("{error:#}"))
}
