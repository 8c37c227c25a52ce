//! The session: one guest through one run, called for each event; its orders wait for the broker.
//!
//! Never decides what becomes of an order. A run is thousands of calls of some hundred instructions each. So units and
//! clock are set once for all of it, and a call is nothing but the call.

use std::time::Instant;

use wasmtime::Store;

use super::{
    bindings::{self, EventsGuest},
    driver::{Calling, Driver},
    failure,
    guest::{Called, Guest},
    interface::Events,
    limits::{Allowance, Now, State},
};
use crate::{
    broker::{Client, Place, Stretch, Trail},
    model::{BarEvent, Commands, FillEvent, Params, RejectReason, format_time},
    task::TaskError,
};

/// One strategy in one run, for the broker to work for.
///
/// After its first error it gives the same error again and does not call the strategy any more.
pub struct Session<'a> {
    guest: &'a mut Guest<Events>,
    allowance: &'a Allowance,
    symbols: &'a [&'a str],
    deadline: Instant,
    /// The strategy's failure, after which it is not called again.
    failed: Option<Failed>,
}

struct Failed {
    error: TaskError,
    units: Option<u64>,
}

/// Starts the strategy in `guest` for instruments `symbols`, and does `run` with it, all of it under one `allowance`.
pub(super) fn play<T>(
    guest: &mut Guest<Events>,
    allowance: &Allowance,
    symbols: &[&str],
    params: &Params,
    run: impl FnOnce(&mut Session<'_>) -> Result<T, TaskError>,
) -> Called<T> {
    if let Err(error) = guest.begin(allowance) {
        return Called { outcome: Err(error), units: None };
    }
    guest.parts().0.data_mut().open_broker();
    let deadline = allowance.deadline();
    let mut session = Session { guest, allowance, symbols, deadline, failed: None };
    let outcome = session.start(params).and_then(|()| run(&mut session));
    session.end(outcome)
}

impl Session<'_> {
    /// Bytes of memory that the strategy has.
    pub fn memory_used(&self) -> usize {
        self.guest.memory_used()
    }

    fn start(&mut self, params: &Params) -> Result<(), TaskError> {
        let (symbols, params) = (self.symbols, bindings::params(params));
        let started =
            self.call(|store, guest| guest.call_start(store, symbols, &params), |_| "in `start`".to_owned())?;
        started.map_err(bindings::error)
    }

    /// The outcome of a run in which nothing is called any more. The strategy's own failure comes before what `run` made
    /// of it.
    fn end<T>(self, outcome: Result<T, TaskError>) -> Called<T> {
        if let Some(Failed { error, units }) = self.failed {
            return Called { outcome: Err(error), units };
        }
        let units = self.guest.end(self.allowance, Ok(())).units;
        let state = self.guest.parts().0.data_mut();
        (state.trades, state.now) = (false, Now::Untold);
        Called { outcome, units }
    }

    /// Makes one call. Where it fails, `place` says in which event.
    #[inline]
    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Store<State>, &EventsGuest) -> wasmtime::Result<T>,
        place: impl FnOnce(&Self) -> String,
    ) -> Result<T, TaskError> {
        if let Some(failed) = &self.failed {
            return Err(failed.error.clone());
        }
        let (store, functions) = self.guest.parts();
        store.data_mut().limiter.forgive();
        match call(store, functions) {
            Ok(value) => Ok(value),
            Err(error) => Err(self.fail(error, place)),
        }
    }

    #[cold]
    fn fail(&mut self, error: wasmtime::Error, place: impl FnOnce(&Self) -> String) -> TaskError {
        let Called { outcome, units } = self.guest.end::<std::convert::Infallible>(self.allowance, Err(error));
        let Err(error) = outcome;
        let error = TaskError { message: format!("{}: {}", place(self), error.message), ..error };
        self.failed = Some(Failed { error: error.clone(), units });
        error
    }

    /// Remembers what the lines that the strategy logs from here on are about.
    #[inline]
    fn mark(&mut self, now: Now) {
        self.guest.parts().0.data_mut().now = now;
    }

    /// The event in which the driver's call has failed.
    fn driven_place(&self) -> String {
        match self.guest.driver().map(Driver::calling) {
            Some(Calling::Bar(instrument, time)) => self.place_of_bar(instrument, time),
            Some(Calling::Time(time)) => place_of_time(time),
            None => "between two events".to_owned(),
        }
    }

    fn place_of_bar(&self, instrument: u32, time: i64) -> String {
        format!("in `on-bar` at {} of {}", format_time(time), self.symbol(instrument))
    }

    fn symbol(&self, instrument: u32) -> &str {
        self.symbols.get(instrument as usize).copied().unwrap_or("an unknown instrument")
    }
}

fn place_of_time(time: i64) -> String {
    format!("in `on-time` at {}", format_time(time))
}

impl State {
    /// Lets the guest ask for what it likes, from order number 1 on.
    fn open_broker(&mut self) {
        self.commands.reset();
        self.trades = true;
    }
}

impl Client for Session<'_> {
    type Error = TaskError;

    fn at(&mut self, time: i64) {
        self.mark(Now::At(time));
    }

    #[inline]
    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), TaskError> {
        let &BarEvent { instrument, time, open, high, low, close, volume, position, equity } = bar;
        self.mark(Now::At(time));
        self.call(
            |store, guest| guest.call_on_bar(store, instrument, time, open, high, low, close, volume, position, equity),
            |session| session.place_of_bar(instrument, time),
        )
    }

    #[inline]
    fn on_time(&mut self, time: i64, equity: f64) -> Result<(), TaskError> {
        self.mark(Now::At(time));
        self.call(|store, guest| guest.call_on_time(store, time, equity), |_| place_of_time(time))
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), TaskError> {
        let &FillEvent { order, instrument, quantity, price, fee } = fill;
        self.call(
            |store, guest| guest.call_on_fill(store, order, instrument, quantity, price, fee),
            |session| format!("in `on-fill` of order {order} of {}", session.symbol(instrument)),
        )
    }

    fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), TaskError> {
        self.call(
            |store, guest| guest.call_on_reject(store, order, reason.into()),
            |_| format!("in `on-reject` of order {order}, `{}`", reason.as_str()),
        )
    }

    fn finish(&mut self) -> Result<(), TaskError> {
        self.mark(Now::Untold);
        self.call(|store, guest| guest.call_finish(store), |_| "in `finish`".to_owned())
    }

    fn check(&mut self) -> Result<(), TaskError> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        let late = failure::late(self.allowance);
        Err(self.fail(late.into(), |_| "between two events".to_owned()))
    }

    fn walk(&mut self, stretch: &Stretch<'_>, trail: &mut Trail) -> Result<Option<Place>, TaskError> {
        let Some(driver) = self.guest.driver().filter(|driver| driver.knows(stretch)) else { return Ok(None) };
        if let Some(failed) = &self.failed {
            return Err(failed.error.clone());
        }
        driver.begin(stretch);
        self.mark(Now::Driven);
        self.guest.parts().0.data_mut().limiter.forgive();
        match self.guest.drive() {
            Ok(why) => Ok(self.guest.driver().map(|driver| driver.place(why, stretch.from, trail))),
            Err(error) => Err(self.fail(error, Self::driven_place)),
        }
    }

    #[inline]
    fn commands(&mut self) -> &mut Commands {
        &mut self.guest.parts().0.data_mut().commands
    }
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("symbols", &self.symbols).finish_non_exhaustive()
    }
}
