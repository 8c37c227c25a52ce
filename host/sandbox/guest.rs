//! The guest: one instance of a plugin, and calls into it under limits.
//!
//! Never decides which state an instance starts from or what becomes of it after a call.

use std::{fmt, sync::Arc};

use wasmtime::{
    Store, Trap, WasmCoreDump,
    component::{Component, ComponentExportIndex, Instance, InstancePre, TypedFunc},
};

use super::{
    driver::{DRIVE, Driver, Tape},
    engine::{Machine, MachineKind, Sandbox, ticks},
    failure::{Stopped, classify},
    limits::{Allowance, State},
    memory::{Counter, Desk, InitialMemory, Made, Recording, Refusal, Window},
    meter, python,
};
use crate::task::{ErrorKind, TaskError};

/// The functions that the host calls in an instance.
pub trait GuestFunctions: Sized + 'static {
    /// The places of the functions in a component.
    type Indices: Send + Sync;
    /// The functions in one instance.
    type Functions;

    /// Finds the functions in a component, and compares their types with the contract.
    fn find(component: &InstancePre<State>) -> wasmtime::Result<Self::Indices>;

    /// Takes the functions of `instance`.
    fn load(
        indices: &Self::Indices,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Self::Functions>;
}

/// A linked component, where in it the functions are that the host calls, and what its memory starts as.
pub(super) struct Template<I: GuestFunctions> {
    sandbox: Sandbox,
    kind: MachineKind,
    component: InstancePre<State>,
    functions: I::Indices,
    meter: Option<MeterExports>,
    /// The driver's function, if the component has a driver.
    drive: Option<ComponentExportIndex>,
    /// The bars for the driver.
    tape: Option<Arc<Tape>>,
    initial: InitialMemory,
    instance_bytes: usize,
}

/// The functions of a metered component that set and read its counter.
struct MeterExports {
    remaining: ComponentExportIndex,
    refill: ComponentExportIndex,
}

impl<I: GuestFunctions> Template<I> {
    /// Links `component`, which was compiled for the machine of `kind`. Each instance takes `instance_bytes` besides its
    /// memories and tables.
    pub(super) fn new(
        sandbox: &Sandbox,
        kind: MachineKind,
        component: &Component,
        (initial, instance_bytes): (InitialMemory, usize),
    ) -> wasmtime::Result<Self> {
        let machine = sandbox.machine(kind).map_err(wasmtime::Error::msg)?;
        let linked = machine.linker.instantiate_pre(component)?;
        let functions = I::find(&linked)?;
        let export = |name| component.get_export_index(None, name).ok_or_else(|| wasmtime::Error::msg("no meter"));
        let meter = match machine.metered {
            true => Some(MeterExports { remaining: export(meter::REMAINING)?, refill: export(meter::REFILL)? }),
            false => None,
        };
        let drive = component.get_export_index(None, DRIVE);
        let (sandbox, tape) = (sandbox.clone(), None);
        Ok(Self { sandbox, kind, component: linked, functions, meter, drive, tape, initial, instance_bytes })
    }

    /// Whether its instances have a driver, which walks through the bars that it is [given](Self::give_bars).
    pub(super) fn has_driver(&self) -> bool {
        self.drive.is_some() && matches!(self.initial, InitialMemory::CopyOnWrite(..))
    }

    /// Gives the bars to the drivers of instances that are made from now on.
    pub(super) fn give_bars(&mut self, tape: &Arc<Tape>) {
        if let InitialMemory::CopyOnWrite(_, desks) = &mut self.initial {
            *desks = Some(Arc::clone(tape.desks()));
            self.tape = Some(Arc::clone(tape));
        }
    }

    /// Whether its instances count what they compute.
    pub(super) fn is_metered(&self) -> bool {
        self.meter.is_some()
    }

    /// The component.
    pub(super) fn component(&self) -> &Component {
        self.component.component()
    }

    /// What the memory of an instance starts as.
    pub(super) fn initial_memory(&self) -> &InitialMemory {
        &self.initial
    }

    /// The kind of machine that its instances run on.
    pub(super) fn kind(&self) -> MachineKind {
        self.kind
    }

    /// Makes an instance that may have `memory` bytes, within the time of `allowance`.
    pub(super) fn instantiate(&self, memory: usize, allowance: &Allowance) -> Result<Guest<I>, TaskError> {
        let machine = self.sandbox.machine(self.kind).map_err(|error| TaskError::new(ErrorKind::Host, error))?;
        let mut store = new_store(machine, State::new(memory, self.sandbox.limits()), allowance);
        let (instance, mut made) =
            instantiate(machine, &self.component, &self.initial, &mut store, (allowance, self.instance_bytes));
        let watch = made.counter.take();
        let desk = made.desk.take();
        let loaded = instance.and_then(|instance| self.load(&mut store, instance, (watch.clone(), desk)));
        let stopped = watch.as_deref().and_then(|counter| stopped_by(counter, counter.stop()));
        let (instance, functions, fuel, driver) = loaded.map_err(|error| {
            classify(&error, store.data(), &allowance.of_start(), stopped.or_else(|| interrupted(&error)), || None)
        })?;
        store.data_mut().limiter.add(made.beyond_minimum);
        let Made { recorded, refusal, window, .. } = made;
        Ok(Guest { store, instance, functions, fuel, driver, epochs: machine.epochs, recorded, refusal, window })
    }

    fn load(
        &self,
        store: &mut Store<State>,
        instance: Instance,
        (counter, desk): (Option<Arc<Counter>>, Option<Arc<Desk>>),
    ) -> wasmtime::Result<(Instance, I::Functions, Fuel, Option<Driver>)> {
        let functions = I::load(&self.functions, &mut *store, &instance)?;
        let fuel = match (counter, &self.meter) {
            (Some(counter), _) => Fuel::Counter(counter),
            (None, Some(exports)) => Fuel::Exports {
                remaining: instance.get_typed_func(&mut *store, exports.remaining)?,
                refill: instance.get_typed_func(&mut *store, exports.refill)?,
            },
            (None, None) => Fuel::Unmetered,
        };
        let driver = match (self.drive, &self.tape, desk) {
            (Some(drive), Some(tape), Some(desk)) => {
                store.data_mut().give_desk(&desk);
                let drive = instance.get_typed_func(&mut *store, drive)?;
                Some(Driver { tape: Arc::clone(tape), desk, drive })
            }
            _ => None,
        };
        Ok((instance, functions, fuel, driver))
    }
}

/// Makes the store of one guest: limits, log and deadline are its own.
pub(super) fn new_store(machine: &Machine, state: State, allowance: &Allowance) -> Store<State> {
    let mut store = Store::new(&machine.engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(allowance.answer);
    if machine.epochs {
        store.set_epoch_deadline(ticks(allowance.time));
    }
    store
}

/// Makes an instance, whose own code may run meanwhile, and says which memories it got. What it takes besides memories and
/// tables, `instance_bytes`, is the guest's before it is made.
pub(super) fn instantiate(
    machine: &Machine,
    component: &InstancePre<State>,
    initial: &InitialMemory,
    store: &mut Store<State>,
    (allowance, instance_bytes): (&Allowance, usize),
) -> (wasmtime::Result<Instance>, Made) {
    if !store.data_mut().limiter.hold(instance_bytes) {
        return (Err(wasmtime::Error::msg("no room for the instance")), Made::default());
    }
    let make = || component.instantiate(store);
    match &machine.memories {
        Some(memories) => memories.instantiate(initial.clone(), machine.metered, allowance.deadline(), make),
        None => (make(), Made::default()),
    }
}

/// One instance, and what the host calls in it.
pub struct Guest<I: GuestFunctions> {
    store: Store<State>,
    instance: Instance,
    functions: I::Functions,
    fuel: Fuel,
    driver: Option<Driver>,
    epochs: bool,
    recorded: Vec<Arc<Recording>>,
    refusal: Option<Refusal>,
    window: Option<Window>,
}

/// The way to set and read a guest's units.
enum Fuel {
    Counter(Arc<Counter>),
    Exports { remaining: TypedFunc<(), (i64,)>, refill: TypedFunc<(i64,), ()> },
    Unmetered,
}

/// The outcome of a call, and the units that it took, where they are counted.
#[derive(Debug)]
pub struct Called<T> {
    pub(super) outcome: Result<T, TaskError>,
    pub(super) units: Option<u64>,
}

impl<T> Called<T> {
    /// Returns the same with what `then` makes of the outcome.
    pub(super) fn and_then<U>(self, then: impl FnOnce(T) -> Result<U, TaskError>) -> Called<U> {
        Called { outcome: self.outcome.and_then(then), units: self.units }
    }
}

impl<I: GuestFunctions> Guest<I> {
    /// Calls into the guest under `allowance`.
    pub(super) fn call<T>(
        &mut self,
        allowance: &Allowance,
        call: impl FnOnce(&mut Store<State>, &I::Functions) -> wasmtime::Result<T>,
    ) -> Called<T> {
        if let Err(error) = self.begin(allowance) {
            return Called { outcome: Err(error), units: None };
        }
        let result = call(&mut self.store, &self.functions);
        self.end(allowance, result)
    }

    /// Begins a time in which any number of calls share one `allowance`, until [`end`](Self::end).
    pub(super) fn begin(&mut self, allowance: &Allowance) -> Result<(), TaskError> {
        self.arm(allowance).map_err(|error| TaskError::new(ErrorKind::Host, format!("{error:#}")))
    }

    /// Ends the time that [`begin`](Self::begin) began, with what the last call of it gave.
    pub(super) fn end<T>(&mut self, allowance: &Allowance, result: wasmtime::Result<T>) -> Called<T> {
        let (left, stopped) = self.disarm(result.as_ref().err());
        // How deep calls go before the stack is used up depends on the compiled code, not on the guest alone.
        let overflow = result.as_ref().is_err_and(|error| error.downcast_ref() == Some(&Trap::StackOverflow));
        let units = left.filter(|_| !overflow);
        let units = units.map(|left| (allowance.units as i64).saturating_sub(left).max(0) as u64);
        let outcome = result.map_err(|error| {
            let stopped = stopped.or_else(|| self.refused(&error));
            classify(&error, self.store.data(), allowance, stopped, || python::places(self.window.as_ref()?))
        });
        Called { outcome, units }
    }

    /// Whether a trap is the system's refusal of memory that is the guest's own.
    fn refused(&self, error: &wasmtime::Error) -> Option<Stopped> {
        let is_access = error.downcast_ref() == Some(&Trap::MemoryOutOfBounds);
        (is_access && self.refusal.is_some_and(Refusal::is_one)).then_some(Stopped::System)
    }

    fn arm(&mut self, allowance: &Allowance) -> wasmtime::Result<()> {
        self.store.set_hostcall_fuel(allowance.answer);
        self.store.data_mut().limiter.forgive();
        if self.epochs {
            self.store.set_epoch_deadline(ticks(allowance.time));
        }
        let units = allowance.units as i64;
        match &self.fuel {
            Fuel::Unmetered => {}
            Fuel::Exports { refill, .. } => refill.call(&mut self.store, (units,))?,
            Fuel::Counter(counter) => {
                counter.fill(units);
                counter.start(allowance.deadline());
            }
        }
        Ok(())
    }

    /// The units that are left after a call, and whether the host ended it.
    fn disarm(&mut self, error: Option<&wasmtime::Error>) -> (Option<i64>, Option<Stopped>) {
        match &self.fuel {
            Fuel::Unmetered => (None, error.and_then(interrupted)),
            Fuel::Counter(counter) => {
                let overdue = counter.stop();
                let left = counter.left();
                (Some(left), error.and_then(|_| stopped_by(counter, overdue)))
            }
            Fuel::Exports { remaining, .. } => {
                if self.epochs {
                    // The guest is done: that its time ran out since then does not hide what it took.
                    self.store.set_epoch_deadline(u64::MAX / 2);
                }
                let left = match error {
                    None => remaining.call(&mut self.store, ()).ok().map(|(left,)| left),
                    Some(error) => left_in_dump(error, &self.store),
                };
                let exhausted = left.filter(|left| *left < 0).map(|_| Stopped::Units);
                (left, error.and_then(|error| interrupted(error).or(exhausted)))
            }
        }
    }

    /// The parts that one more call needs, between [`begin`](Self::begin) and [`end`](Self::end).
    #[inline]
    pub(super) fn parts(&mut self) -> (&mut Store<State>, &I::Functions) {
        (&mut self.store, &self.functions)
    }

    /// The driver, if there is one.
    #[inline]
    pub(super) fn driver(&self) -> Option<&Driver> {
        self.driver.as_ref()
    }

    /// Makes the driver's calls until the host is needed. Returns why it is.
    pub(super) fn drive(&mut self) -> wasmtime::Result<u32> {
        let drive = self.driver.as_ref().map(|driver| driver.drive).ok_or_else(|| wasmtime::Error::msg("no driver"))?;
        Ok(drive.call(&mut self.store, ())?.0)
    }

    /// Starts an empty log, and takes the one before.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        self.store.data_mut().take_log()
    }

    /// Bytes of memory, tables and whatever else the guest has.
    pub(super) fn memory_used(&self) -> usize {
        self.store.data().limiter.used()
    }

    /// The memories that the guest has written to, where they are recorded.
    pub(super) fn recorded(&self) -> &[Arc<Recording>] {
        &self.recorded
    }

    /// The instance and its store, to look at without limits of time and size: neither is the guest's to answer for.
    pub(super) fn look(&mut self) -> (&mut Store<State>, Instance) {
        self.store.set_hostcall_fuel(usize::MAX);
        if self.epochs {
            self.store.set_epoch_deadline(u64::MAX / 2);
        }
        (&mut self.store, self.instance)
    }
}

impl<I: GuestFunctions> fmt::Debug for Guest<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("memory_used", &self.memory_used()).finish_non_exhaustive()
    }
}

/// Whether a guest was ended by its deadline or, at last, by its counter.
pub(super) fn stopped_by(counter: &Counter, overdue: bool) -> Option<Stopped> {
    if overdue {
        return Some(Stopped::Time);
    }
    (counter.left() < 0).then_some(Stopped::Units)
}

pub(super) fn interrupted(error: &wasmtime::Error) -> Option<Stopped> {
    (error.downcast_ref::<Trap>() == Some(&Trap::Interrupt)).then_some(Stopped::Time)
}

/// The units that were left when a guest trapped in wasmtime's memory. The counter's memory is the first that is made.
fn left_in_dump(error: &wasmtime::Error, store: &Store<State>) -> Option<i64> {
    let dump = error.downcast_ref::<WasmCoreDump>()?;
    let page = dump.memories().first()?.data(store);
    Some(i64::from_le_bytes(page.first_chunk().copied()?))
}
