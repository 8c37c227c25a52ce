//! Prepare once, fork for every task.
//!
//! Never runs two tasks in one instance, unless it is asked to. `prepare` runs once, and each task runs in a new instance
//! of what the plugin has become; where that cannot be captured, each task prepares an instance of its own.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use wasmtime::component::Component;

use super::{
    bindings,
    capture::{self, Globals},
    check::Interface,
    compile::compile,
    engine::{Place, Route},
    guest::{Called, Functions, Guest, Template},
    limits::{Allowance, Limits},
    memory::Kind,
    plugin::Plugin,
    rehearsal::{Rehearsal, rehearse},
    replay::Replay,
    session::{self, Session},
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
    /// What tasks run in: what the plugin has become, or what it is before `prepare`.
    template: Template,
    forking: Forking,
    /// Units of one task.
    units: u64,
    log: Vec<String>,
    /// Bytes of memory after `prepare`.
    memory_used: usize,
    replay: Replay,
    /// Tells seats of this plugin from those of another.
    id: u64,
}

/// How each task gets an instance that no other task has touched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forking {
    /// From captured memory, which all tasks share until they write to it.
    Captured,
    /// From a component that was compiled with what `prepare` has left, whose memory all tasks share until they write
    /// to it.
    Snapshot,
    /// By running `prepare` again.
    Fallback {
        /// Why nothing can be shared.
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
    /// Units of computing that the call took (see [`Budget`](super::Budget)), where they are counted.
    pub units: Option<u64>,
}

impl<T> Answer<T> {
    /// What code that is not sandboxed gives: no log, and nothing counted.
    pub fn native(outcome: Result<T, TaskError>) -> Self {
        Self { outcome, log: Vec::new(), units: None }
    }

    /// Returns the same answer with what `then` makes of its outcome.
    pub fn and_then<U>(self, then: impl FnOnce(T) -> Result<U, TaskError>) -> Answer<U> {
        Answer { outcome: self.outcome.and_then(then), log: self.log, units: self.units }
    }
}

/// A worker's place at a prepared plugin: the fork that it keeps from one task to the next, where it may. It stays on its
/// thread, whose page faults tell what a fork has written.
#[derive(Default)]
pub struct Seat {
    kept: Option<Kept>,
    stays: PhantomData<*const ()>,
}

struct Kept {
    owner: u64,
    guest: Guest,
    tasks: usize,
}

/// What becomes of one way of forking: a prepared plugin, or why it is not possible.
type Attempt = Result<Prepared, String>;

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
        let route = plugin.sandbox().route();
        let mut why = "that was asked for".to_owned();
        if route != Route::Fresh {
            if plugin.sandbox().home() == Place::Owned {
                match Self::captured(plugin, interface, &data)? {
                    Ok(prepared) => return Ok(prepared),
                    Err(problem) => why = problem,
                }
            }
            if route != Route::Captured {
                match Self::compiled(plugin, interface, &data)? {
                    Ok(prepared) => return Ok(prepared),
                    Err(problem) => why = problem,
                }
            }
        }
        Self::fresh(plugin, interface, data, why)
    }

    /// Forks by private views of the memory that `prepare` has left.
    fn captured(plugin: &Plugin, interface: Interface, data: &Arc<[Series]>) -> Result<Attempt, TaskError> {
        let (mut prepared, component) = match Self::unprepared(plugin, interface, data, Place::Owned, Kind::Recorded)? {
            Ok(ready) => ready,
            Err(why) => return Ok(Err(why)),
        };
        let mut guest = prepared.prepare_guest()?;
        match prepared.freeze(&component, &mut guest) {
            Ok(template) => Ok(prepared.forking_by(template, Forking::Captured, &mut guest)),
            Err(why) => Ok(Err(why)),
        }
    }

    /// Forks by instances of a component that is compiled with what `prepare` has left.
    fn compiled(plugin: &Plugin, interface: Interface, data: &Arc<[Series]>) -> Result<Attempt, TaskError> {
        let (mut prepared, _) = match Self::unprepared(plugin, interface, data, Place::Pooled, Kind::Plain)? {
            Ok(ready) => ready,
            Err(why) => return Ok(Err(why)),
        };
        let mut guest = prepared.prepare_guest()?;
        match prepared.snapshot(&mut guest) {
            Ok(template) => {
                // Wizer reads memory by growing it, which a guest can see: another one is asked.
                let mut guest = prepared.prepare_in(&prepared.template)?;
                guest.take_log();
                Ok(prepared.forking_by(template, Forking::Snapshot, &mut guest))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    /// Prepares for each task.
    fn fresh(plugin: &Plugin, interface: Interface, data: Arc<[Series]>, why: String) -> Result<Self, TaskError> {
        let place = plugin.sandbox().home();
        let code = plugin.code(place).map_err(|why| TaskError::new(ErrorKind::Host, why))?;
        let mut prepared = Self::with(plugin, interface, data, place, code.component(), Kind::Plain)?;
        prepared.forking = Forking::Fallback { why };
        let mut guest = prepared.prepare_guest()?;
        let first = prepared.first_task(&mut guest);
        prepared.set_units(&first);
        Ok(prepared)
    }

    /// What `prepare` is to run in, if its state can be read afterwards.
    fn unprepared(
        plugin: &Plugin,
        interface: Interface,
        data: &Arc<[Series]>,
        place: Place,
        kind: Kind,
    ) -> Result<Result<(Self, Component), String>, TaskError> {
        let code = match plugin.code(place) {
            Ok(code) => code,
            Err(why) => return Ok(Err(why)),
        };
        if let Some(why) = code.refusal() {
            return Ok(Err(why.to_owned()));
        }
        let component = code.component().clone();
        let prepared = Self::with(plugin, interface, Arc::clone(data), place, &component, kind)?;
        Ok(Ok((prepared, component)))
    }

    fn with(
        plugin: &Plugin,
        interface: Interface,
        data: Arc<[Series]>,
        place: Place,
        component: &Component,
        kind: Kind,
    ) -> Result<Self, TaskError> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let template = Template::new(plugin.sandbox(), place, component, interface, kind)
            .map_err(|error| TaskError::new(ErrorKind::Host, format!("{error:#}")))?;
        let forking = Forking::Fallback { why: String::new() };
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let mut prepared = Self {
            plugin: plugin.clone(),
            data,
            template,
            forking,
            units: 0,
            log: Vec::new(),
            memory_used: 0,
            replay: Replay::default(),
            id,
        };
        prepared.units = prepared.limits().budget.of_first_task(prepared.bars());
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

    /// Bytes of memory and tables that the plugin had when it had prepared.
    pub fn memory_used(&self) -> usize {
        self.memory_used
    }

    /// Units of computing that one task may take; `None` where nothing is counted.
    pub fn budget(&self) -> Option<u64> {
        self.template.is_metered().then_some(self.units)
    }

    /// Asks for the targets of one combination of parameters, in a fork of its own. The answer is checked against the
    /// data.
    ///
    /// # Panics
    ///
    /// Panics if the plugin was prepared for another interface than [`Interface::Signals`].
    pub fn evaluate(&self, params: &Params) -> Answer<Targets> {
        self.evaluate_at(&mut Seat::default(), params)
    }

    /// Does the same at a worker's seat, whose fork serves as many tasks as [`Limits::tasks_per_fork`] says.
    ///
    /// # Panics
    ///
    /// Panics if the plugin was prepared for another interface than [`Interface::Signals`].
    pub fn evaluate_at(&self, seat: &mut Seat, params: &Params) -> Answer<Targets> {
        self.in_fork(seat, &mut |guest, allowance| self.call_evaluate(guest, allowance, params))
    }

    /// Runs one custom task, in a fork of its own. The answer is in the encoding that the plugin declares.
    ///
    /// # Panics
    ///
    /// Panics if the plugin was prepared for another interface than [`Interface::Task`].
    pub fn run(&self, task_id: &str, params: &Params) -> Answer<Vec<u8>> {
        self.run_at(&mut Seat::default(), task_id, params)
    }

    /// Does the same at a worker's seat, whose fork serves as many tasks as [`Limits::tasks_per_fork`] says.
    ///
    /// # Panics
    ///
    /// Panics if the plugin was prepared for another interface than [`Interface::Task`].
    pub fn run_at(&self, seat: &mut Seat, task_id: &str, params: &Params) -> Answer<Vec<u8>> {
        self.in_fork(seat, &mut |guest, allowance| self.call_run(guest, allowance, task_id, params))
    }

    /// Starts a strategy that hears of bars one by one, in a fork of its own at a worker's seat, and does `run` with it: the
    /// answer is what `run` makes of it, if the strategy does not fail. `symbols` are the instruments, in the order of their
    /// indices.
    ///
    /// All of it shares the budget and the time of one task. `run` may be called twice: a task that failed is run once more
    /// to find the lines of its failure, and what that gives is thrown away.
    ///
    /// # Panics
    ///
    /// Panics if the plugin was prepared for another interface than [`Interface::Events`].
    pub fn play_at<T>(
        &self,
        seat: &mut Seat,
        symbols: &[&str],
        params: &Params,
        run: &mut dyn FnMut(&mut Session<'_>) -> Result<T, TaskError>,
    ) -> Answer<T> {
        self.in_fork(seat, &mut |guest, allowance| session::play(guest, allowance, symbols, params, &mut *run))
    }

    /// Takes `template` as what tasks run in, if a first fork answers as `guest`, which it was taken from.
    fn forking_by(mut self, template: Template, forking: Forking, guest: &mut Guest) -> Attempt {
        self.template = template;
        self.forking = forking;
        let first = self.first_task(guest);
        if !self.first_fork_agrees(&first) {
            return Err("a fork answered differently from the instance that it was taken from".to_owned());
        }
        self.set_units(&first);
        Ok(self)
    }

    /// Sets the units of all tasks by what the first one took.
    fn set_units(&mut self, first: &First) {
        self.units = self.limits().budget.of_task(self.bars(), first.units(self.bars()));
    }

    /// Runs the task with every parameter at its default in the guest that has prepared.
    fn first_task(&self, guest: &mut Guest) -> First {
        let (params, allowance) = (self.plugin.defaults(), self.allowance());
        let first = match self.template.interface() {
            Interface::Signals => First::Signals(self.call_evaluate(guest, &allowance, &params)),
            Interface::Events => First::Events(session::play(guest, &allowance, &self.symbols(), &params, |session| {
                rehearse(&self.data, session)
            })),
            Interface::Task => First::Task(self.call_run(guest, &allowance, "", &params)),
        };
        guest.take_log();
        first
    }

    /// Whether a fork answers the first task as the guest did that it was taken from.
    fn first_fork_agrees(&self, first: &First) -> bool {
        let params = self.plugin.defaults();
        match first {
            First::Signals(direct) => agree(direct, || self.evaluate(&params)),
            First::Events(direct) => agree(direct, || {
                self.play_at(&mut Seat::default(), &self.symbols(), &params, &mut |session| {
                    rehearse(&self.data, session)
                })
            }),
            First::Task(direct) => agree(direct, || self.run("", &params)),
        }
    }

    /// Runs `call` in a new fork, which is gone afterwards, whatever happened in it; or in the one that `seat` keeps.
    fn in_fork<T>(&self, seat: &mut Seat, call: &mut dyn FnMut(&mut Guest, &Allowance) -> Called<T>) -> Answer<T> {
        let kept = seat.kept.take().filter(|kept| kept.owner == self.id);
        let (mut guest, tasks) = match kept {
            Some(kept) => (kept.guest, kept.tasks),
            None => match self.fork() {
                Ok(guest) => (guest, 0),
                Err(error) => return Answer::native(Err(error)),
            },
        };
        let Called { outcome, units } = call(&mut guest, &self.allowance());
        let log = guest.take_log();
        match outcome {
            Ok(value) => {
                let tasks = tasks + 1;
                if tasks < self.limits().tasks_per_fork {
                    seat.kept = Some(Kept { owner: self.id, guest, tasks });
                }
                Answer { outcome: Ok(value), log, units }
            }
            Err(error) => {
                drop(guest);
                let mut again = |guest: &mut Guest, allowance: &Allowance| call(guest, allowance).outcome.map(drop);
                Answer { outcome: Err(self.replay.explain(self, error, &mut again)), log, units }
            }
        }
    }

    fn fork(&self) -> Result<Guest, TaskError> {
        match self.forking {
            Forking::Fallback { .. } => {
                let mut guest = self.prepare_in(&self.template)?;
                guest.take_log();
                Ok(guest)
            }
            Forking::Captured | Forking::Snapshot => self.template.instantiate(self.memory_limit(), &self.allowance()),
        }
    }

    /// Makes the instance that all tasks start from, and keeps what it logs.
    fn prepare_guest(&mut self) -> Result<Guest, TaskError> {
        let mut guest = self.prepare_in(&self.template)?;
        self.log = guest.take_log();
        self.memory_used = guest.memory_used();
        Ok(guest)
    }

    /// Makes an instance of `template` and gives it the data, where its interface takes them at once.
    pub(super) fn prepare_in(&self, template: &Template) -> Result<Guest, TaskError> {
        let limits = self.limits();
        let allowance = Allowance {
            units: limits.budget.of_prepare(self.bars()),
            time: limits.prepare_timeout,
            answer: self.answer_limit(),
        };
        let mut guest = template.instantiate(self.memory_limit(), &allowance).map_err(in_prepare)?;
        if template.interface() == Interface::Events {
            return Ok(guest);
        }
        let data = bindings::series(&self.data);
        let prepared = guest.call(&allowance, |store, functions| match functions {
            Functions::Signals(functions) => functions.call_prepare(store, &data),
            Functions::Task(functions) => functions.call_prepare(store, &data),
            Functions::Events(_) => panic!("events are told of bars one by one"),
        });
        prepared.outcome.and_then(|answer| answer.map_err(bindings::error)).map_err(in_prepare)?;
        Ok(guest)
    }

    fn call_evaluate(&self, guest: &mut Guest, allowance: &Allowance, params: &Params) -> Called<Targets> {
        let params = bindings::params(params);
        let Called { outcome, units } = guest.call(allowance, |store, functions| match functions {
            Functions::Signals(functions) => functions.call_evaluate(store, &params),
            Functions::Events(_) | Functions::Task(_) => panic!("the plugin was not prepared for signals"),
        });
        let checked = outcome.and_then(|answer| {
            let targets = answer.map(bindings::targets).map_err(bindings::error)?;
            targets.check(&self.data).map_err(|error| TaskError::new(ErrorKind::BadOutput, error.to_string()))?;
            Ok(targets)
        });
        Called { outcome: checked, units }
    }

    fn call_run(&self, guest: &mut Guest, allowance: &Allowance, task_id: &str, params: &Params) -> Called<Vec<u8>> {
        let params = bindings::params(params);
        let Called { outcome, units } = guest.call(allowance, |store, functions| match functions {
            Functions::Task(functions) => functions.call_run(store, task_id, &params),
            Functions::Signals(_) | Functions::Events(_) => panic!("the plugin was not prepared for tasks"),
        });
        let checked = outcome.and_then(|answer| {
            let answer = answer.map_err(bindings::error)?;
            self.check_encoding(&answer)?;
            Ok(answer)
        });
        Called { outcome: checked, units }
    }

    /// Checks that an answer is JSON, where the plugin says that it is.
    fn check_encoding(&self, answer: &[u8]) -> Result<(), TaskError> {
        if self.plugin.description().output != Encoding::Json {
            return Ok(());
        }
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(answer);
        json.map(drop).map_err(|error| TaskError::new(ErrorKind::BadOutput, format!("the answer is not JSON: {error}")))
    }

    /// The plugin.
    pub(super) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// The interface that tasks are called by.
    pub(super) fn interface(&self) -> Interface {
        self.template.interface()
    }

    pub(super) fn limits(&self) -> &Limits {
        self.plugin.sandbox().limits()
    }

    /// What one task may take.
    pub(super) fn allowance(&self) -> Allowance {
        Allowance { units: self.units, time: self.limits().timeout, answer: self.answer_limit() }
    }

    /// Bytes of memory that one task may have.
    pub fn memory_limit(&self) -> usize {
        self.limits().memory_for(self.data_size())
    }

    /// The longest legal answer in bytes: one target for each bar, or what the limits allow a custom task.
    fn answer_limit(&self) -> usize {
        match self.template.interface() {
            Interface::Signals => self.bars() * TARGET + ANSWER_SLACK,
            // Nothing but texts.
            Interface::Events => ANSWER_SLACK,
            Interface::Task => self.limits().answer,
        }
    }

    fn symbols(&self) -> Vec<&str> {
        self.data.iter().map(|series| series.symbol.as_str()).collect()
    }

    fn bars(&self) -> usize {
        self.data.iter().map(Series::len).sum()
    }

    fn data_size(&self) -> usize {
        self.bars() * (size_of::<i64>() + 5 * size_of::<f64>())
    }

    /// Makes an image of the memory of `guest`, an instance of `component`, and links what is run on it.
    fn freeze(&self, component: &Component, guest: &mut Guest) -> Result<Template, String> {
        let recording = match guest.recorded() {
            [only] => Arc::clone(only),
            several => return Err(format!("it has {} memories", several.len())),
        };
        let place = self.template.place();
        let (store, instance) = guest.look();
        let globals = Globals::read(component, store, instance).map_err(|error| format!("{error:#}"))?;
        let hollow = self.plugin.hollow(&globals, recording.minimum())?;
        let image = recording.freeze().map_err(|error| format!("its memory cannot be captured: {error}"))?;
        self.linked(place, &hollow, Kind::Forked(Arc::new(image)))
    }

    /// Compiles what `guest` has become into a component that starts from there.
    fn snapshot(&self, guest: &mut Guest) -> Result<Template, String> {
        let place = self.template.place();
        let sandbox = self.plugin.sandbox();
        let bytes = self.plugin.component_for(place)?;
        let (store, instance) = guest.look();
        let bytes = capture::snapshot(bytes, store, instance)
            .map_err(|error| format!("its state cannot be read: {}", error.root_cause()))?;
        let snapshot = compile(sandbox, sandbox.machine(place)?, &bytes)
            .map_err(|problem| format!("its state does not compile: {problem}"))?;
        self.linked(place, &snapshot, Kind::Plain)
    }

    fn linked(&self, place: Place, component: &Component, kind: Kind) -> Result<Template, String> {
        Template::new(self.plugin.sandbox(), place, component, self.template.interface(), kind)
            .map_err(|error| format!("{error:#}"))
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("forking", &self.forking).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("tasks", &self.kept.as_ref().map(|kept| kept.tasks)).finish()
    }
}

/// What became of the first task.
enum First {
    Signals(Called<Targets>),
    Events(Called<Rehearsal>),
    Task(Called<Vec<u8>>),
}

impl First {
    /// The units that the task took over `bars` bars; `None` where it did not come to its end for want of them.
    fn units(&self, bars: usize) -> Option<u64> {
        match self {
            Self::Signals(called) => called.units.filter(|_| !is_out_of_budget(&called.outcome)),
            Self::Events(called) => {
                let units = called.units.filter(|_| !is_out_of_budget(&called.outcome))?;
                Some(called.outcome.as_ref().map_or(units, |rehearsal| rehearsal.scale(units, bars)))
            }
            Self::Task(called) => called.units.filter(|_| !is_out_of_budget(&called.outcome)),
        }
    }
}

fn is_out_of_budget<T>(outcome: &Result<T, TaskError>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::OutOfBudget)
}

/// Whether a fork's answer to the question is the same as the guest's, as far as the two can be compared: a message may
/// carry frames, and a clock stops two runs at two places.
fn agree<T: PartialEq>(direct: &Called<T>, fork: impl FnOnce() -> Answer<T>) -> bool {
    if is_out_of_budget(&direct.outcome) {
        return true;
    }
    let fork = fork();
    match (&direct.outcome, &fork.outcome) {
        (Ok(value), Ok(forked)) => value == forked && direct.units == fork.units,
        (Err(error), Err(forked)) => error.kind == forked.kind,
        (_, forked) => is_out_of_budget(forked),
    }
}

fn in_prepare(error: TaskError) -> TaskError {
    TaskError { message: format!("in `prepare`: {}", error.message), ..error }
}
