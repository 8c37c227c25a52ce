//! Prepared plugins: `prepare` runs once, and every task runs in a fork of what the plugin has become.
//!
//! Never runs two tasks in one instance, unless it is asked to. How forks come about is in a file for each method;
//! where nothing can be shared, each task prepares an instance of its own.

mod agreement;
mod copy_on_write;
mod method;
mod precompiled;
mod replay;
mod slot;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use wasmtime::component::Component;

pub use self::{
    method::{ForkMethod, Forking},
    slot::ForkSlot,
};
use self::{replay::Replay, slot::Kept};
use super::{
    driver::Tape,
    engine::MachineKind,
    guest::{Called, Guest, Template},
    interface::PluginInterface,
    job::CompileError,
    limits::{Allowance, Limits},
    memory::{Content, InitialMemory},
    plugin::Plugin,
};
use crate::{
    model::Series,
    task::{Answer, ErrorKind, TaskError, panic_text},
};

/// A plugin that has seen the data and is called by interface `I`: what every task starts from.
pub struct Prepared<I: PluginInterface> {
    plugin: Plugin,
    data: Arc<[Series]>,
    /// The template of tasks: what the plugin has become, or what it is before `prepare`.
    template: Template<I>,
    forking: Forking,
    /// Units of one task.
    units: u64,
    log: Vec<String>,
    /// Bytes of memory after `prepare`.
    memory_used: usize,
    replay: Replay<I>,
    /// Tells forks of this plugin from those of another.
    id: u64,
}

/// Why a fork method leads to no prepared plugin.
enum Obstacle {
    /// The method is not possible for this plugin or on this system: the next one is tried.
    NotPossible(String),
    /// The plugin fails to prepare, as it would by any other method.
    Failed(TaskError),
}

impl From<TaskError> for Obstacle {
    fn from(error: TaskError) -> Self {
        Self::Failed(error)
    }
}

impl From<String> for Obstacle {
    fn from(problem: String) -> Self {
        Self::NotPossible(problem)
    }
}

impl From<CompileError> for Obstacle {
    /// What ends a compilation by chance or by a limit ends the plugin: another method would hide it, and be slower.
    fn from(error: CompileError) -> Self {
        if error.is_chance() { Self::Failed(not_compiled(error)) } else { Self::NotPossible(error.to_string()) }
    }
}

fn not_compiled(error: CompileError) -> TaskError {
    TaskError::new(ErrorKind::Host, format!("the plugin is not compiled for its tasks: {error}"))
}

impl<I: PluginInterface> Prepared<I> {
    /// Gives `plugin` its data, and captures what it makes of it. All tasks start from there.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin does not export the interface, or if `prepare` fails, traps or exceeds a limit.
    pub fn new(plugin: &Plugin, data: Arc<[Series]>) -> Result<Self, TaskError> {
        // A panic of a library or of ours is the failure of this plugin.
        catch_unwind(AssertUnwindSafe(|| Self::by_first_possible_method(plugin, data))).unwrap_or_else(|panic| {
            Err(TaskError::new(ErrorKind::Host, format!("a bug of the host: {}", panic_text(&*panic))))
        })
    }

    fn by_first_possible_method(plugin: &Plugin, data: Arc<[Series]>) -> Result<Self, TaskError> {
        if !plugin.exports(I::INTERFACE) {
            return Err(TaskError::failed(format!("the plugin does not export `{}`", I::INTERFACE)));
        }
        let sandbox = plugin.sandbox();
        let method = sandbox.fork_method();
        let mut why = "that was asked for".to_owned();
        if method != ForkMethod::RePrepared && sandbox.home() == MachineKind::HostMemory {
            match copy_on_write::prepare(plugin, &data) {
                Err(Obstacle::NotPossible(problem)) => why = problem,
                Err(Obstacle::Failed(error)) => return Err(error),
                Ok(prepared) => return Ok(prepared),
            }
        }
        if matches!(method, ForkMethod::Auto | ForkMethod::Precompiled) {
            match precompiled::prepare(plugin, &data) {
                Err(Obstacle::NotPossible(problem)) => why = problem,
                Err(Obstacle::Failed(error)) => return Err(error),
                Ok(prepared) => return Ok(prepared),
            }
        }
        Self::re_prepared(plugin, data, why)
    }

    /// Prepares for each task.
    fn re_prepared(plugin: &Plugin, data: Arc<[Series]>, why: String) -> Result<Self, TaskError> {
        let kind = plugin.sandbox().home();
        let code = plugin.code(kind).map_err(not_compiled)?;
        let mut prepared = Self::with(plugin, data, kind, code.component(), InitialMemory::Fresh(code.content()))?;
        prepared.forking = Forking::RePrepared { why };
        let mut guest = prepared.prepare_guest()?;
        let first = prepared.first_task(&mut guest);
        prepared.set_units(&first);
        Ok(prepared)
    }

    /// A plugin that has not prepared yet, and its component, if its state can be read afterwards. Its memory is `initial` with the
    /// content of its code.
    fn unprepared(
        plugin: &Plugin,
        data: &Arc<[Series]>,
        kind: MachineKind,
        initial: fn(Content) -> InitialMemory,
    ) -> Result<(Self, Component), Obstacle> {
        let code = plugin.code(kind)?;
        if let Some(why) = code.refusal() {
            return Err(Obstacle::NotPossible(why.to_owned()));
        }
        let component = code.component().clone();
        let prepared = Self::with(plugin, Arc::clone(data), kind, &component, initial(code.content()))?;
        Ok((prepared, component))
    }

    /// A plugin of which is known what it has become: `component` and what its memory starts as, how it is forked, the units of
    /// a task, bytes of memory, and the log of `prepare`.
    pub(super) fn known(
        plugin: &Plugin,
        data: Arc<[Series]>,
        (kind, component, initial): (MachineKind, &Component, InitialMemory),
        forking: Forking,
        (units, memory_used, log): (u64, usize, Vec<String>),
    ) -> Result<Self, TaskError> {
        let prepared = Self::with(plugin, data, kind, component, initial)?;
        Ok(Self { forking, units, memory_used, log, ..prepared })
    }

    fn with(
        plugin: &Plugin,
        data: Arc<[Series]>,
        kind: MachineKind,
        component: &Component,
        initial: InitialMemory,
    ) -> Result<Self, TaskError> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let template = Template::new(plugin.sandbox(), kind, component, (initial, plugin.instance_bytes()))
            .map_err(|error| TaskError::new(ErrorKind::Host, format!("{error:#}")))?;
        let mut prepared = Self {
            plugin: plugin.clone(),
            data,
            template,
            forking: Forking::RePrepared { why: String::new() },
            units: 0,
            log: Vec::new(),
            memory_used: 0,
            replay: Replay::default(),
            id: IDS.fetch_add(1, Ordering::Relaxed),
        };
        prepared.units = prepared.limits().budget.of_first_task(prepared.bars());
        Ok(prepared)
    }

    /// Links `component`, to run on the same kind of machine.
    fn linked(&self, component: &Component, initial: InitialMemory) -> Result<Template<I>, String> {
        let initial = (initial, self.plugin.instance_bytes());
        Template::new(self.plugin.sandbox(), self.template.kind(), component, initial)
            .map_err(|error| format!("{error:#}"))
    }

    /// Takes `template` as what tasks run in, if a first fork answers as `guest`, which it was taken from.
    fn forking_by(mut self, template: Template<I>, forking: Forking, guest: &mut Guest<I>) -> Result<Self, Obstacle> {
        self.template = template;
        self.forking = forking;
        let first = self.first_task(guest);
        if !self.first_fork_agrees(&first) {
            let why = "a fork answered differently from the instance that it was taken from";
            return Err(Obstacle::NotPossible(why.to_owned()));
        }
        self.set_units(&first);
        Ok(self)
    }

    /// Makes the instance that all tasks start from, and keeps what it logs.
    fn prepare_guest(&mut self) -> Result<Guest<I>, TaskError> {
        let mut guest = self.prepare_in(&self.template)?;
        self.log = guest.take_log();
        self.memory_used = guest.memory_used();
        Ok(guest)
    }

    /// Makes an instance of `template` and gives it the data, where its interface takes them at once.
    fn prepare_in(&self, template: &Template<I>) -> Result<Guest<I>, TaskError> {
        let limits = self.limits();
        let allowance = Allowance {
            units: limits.budget.of_prepare(self.bars()),
            time: limits.prepare_timeout,
            answer: self.longest_answer(),
        };
        let mut guest = template.instantiate(self.memory_limit(), &allowance).map_err(in_prepare)?;
        I::prepare(&mut guest, &allowance, &self.data).map_err(in_prepare)?;
        Ok(guest)
    }

    /// Runs `call` in a new fork, which is gone afterwards, whatever happened in it; or in the one that `slot` keeps.
    pub(super) fn in_fork<T>(
        &self,
        slot: &mut ForkSlot<I>,
        call: &mut dyn FnMut(&mut Guest<I>, &Allowance) -> Called<T>,
    ) -> Answer<T> {
        let (mut guest, tasks) = match slot.take(self.id) {
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
                    slot.keep(Kept { owner: self.id, guest, tasks });
                }
                Answer { outcome: Ok(value), log, units, returns: Vec::new() }
            }
            Err(error) => {
                drop(guest);
                Answer { outcome: Err(self.explained(error, call)), log, units, returns: Vec::new() }
            }
        }
    }

    fn fork(&self) -> Result<Guest<I>, TaskError> {
        if self.forking.is_shared() {
            return self.template.instantiate(self.memory_limit(), &self.allowance());
        }
        let mut guest = self.prepare_in(&self.template)?;
        guest.take_log();
        Ok(guest)
    }

    /// Returns `error` with the lines of its frames, which `call` is made once more for.
    fn explained<T>(
        &self,
        error: TaskError,
        call: &mut dyn FnMut(&mut Guest<I>, &Allowance) -> Called<T>,
    ) -> TaskError {
        if !self.template.is_metered() {
            return error;
        }
        self.replay.explain(&self.plugin, error, |template| {
            let mut guest = self.prepare_in(template).ok()?;
            guest.take_log();
            call(&mut guest, &self.allowance()).outcome.err()
        })
    }

    /// Whether its forks can walk through bars by themselves, if they are [given](Self::give_bars).
    pub(crate) fn has_driver(&self) -> bool {
        self.template.has_driver()
    }

    /// Gives forks the bars that they are told of one by one.
    pub(crate) fn give_bars(&mut self, tape: &Arc<Tape>) {
        self.template.give_bars(tape);
    }

    /// The way in which each task gets its instance.
    pub fn forking(&self) -> &Forking {
        &self.forking
    }

    /// The log of `prepare`.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// Bytes of memory, tables and whatever else the plugin had when it had prepared.
    pub fn memory_used(&self) -> usize {
        self.memory_used
    }

    /// Units of computing that one task may take; `None` where nothing is counted.
    pub fn budget(&self) -> Option<u64> {
        self.template.is_metered().then_some(self.units)
    }

    /// Bytes of memory that one task may have.
    pub fn memory_limit(&self) -> usize {
        self.limits().memory_for(self.bars())
    }

    /// The component that tasks run in.
    pub(super) fn component(&self) -> &Component {
        self.template.component()
    }

    /// What the memory of a task starts as.
    pub(super) fn initial_memory(&self) -> &InitialMemory {
        self.template.initial_memory()
    }

    /// Units of one task, whether or not they are counted.
    pub(super) fn units(&self) -> u64 {
        self.units
    }

    /// The plugin.
    pub(super) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// The bars that the plugin has seen.
    pub(super) fn data(&self) -> &[Series] {
        &self.data
    }

    fn limits(&self) -> &Limits {
        self.plugin.sandbox().limits()
    }

    /// The allowance of one task.
    fn allowance(&self) -> Allowance {
        Allowance { units: self.units, time: self.limits().timeout, answer: self.longest_answer() }
    }

    fn longest_answer(&self) -> usize {
        I::longest_answer(self.bars(), self.limits())
    }

    fn bars(&self) -> usize {
        self.data.iter().map(Series::len).sum()
    }
}

impl<I: PluginInterface> std::fmt::Debug for Prepared<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("forking", &self.forking).finish_non_exhaustive()
    }
}

fn in_prepare(error: TaskError) -> TaskError {
    TaskError { message: format!("in `prepare`: {}", error.message), ..error }
}
