//! The desk: takes the orders of a strategy in Python, and tells it of bars and fills.
//!
//! Never trades: what is sent waits until the broker takes it. Never hides an exception: it ends the run, and comes out of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host::{
    backtest::EventStrategy,
    model::{
        BarEvent, Command, Commands, EventKind, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Side,
        TimeInForce, format_time,
    },
    task::{ErrorKind, TaskError},
};
use pyo3::{exceptions::PyRuntimeError, exceptions::PyValueError, prelude::*};

/// Enumerations of the contract, each by the numbers that the SDK gives them.
const SIDES: [Side; 2] = [Side::Buy, Side::Sell];
const KINDS: [OrderKind; 6] = [
    OrderKind::Market,
    OrderKind::Limit,
    OrderKind::Stop,
    OrderKind::StopLimit,
    OrderKind::TrailingStop,
    OrderKind::TrailingStopPercent,
];
const MEASURES: [Measure; 3] = [Measure::Units, Measure::Equity, Measure::Value];
const TIMES: [TimeInForce; 4] = [TimeInForce::Gtc, TimeInForce::Day, TimeInForce::Ioc, TimeInForce::Gtd];
const EVENTS: [EventKind; 4] = [EventKind::Bar, EventKind::Time, EventKind::Fill, EventKind::Reject];
const REASONS: [RejectReason; 15] = [
    RejectReason::BadQuantity,
    RejectReason::BadPrice,
    RejectReason::UnknownInstrument,
    RejectReason::UnknownOrder,
    RejectReason::NotOpen,
    RejectReason::LotSize,
    RejectReason::TickSize,
    RejectReason::InsufficientFunds,
    RejectReason::ReduceOnly,
    RejectReason::TooManyOrders,
    RejectReason::Expired,
    RejectReason::OtherFilled,
    RejectReason::Cancelled,
    RejectReason::NoBar,
    RejectReason::Liquidated,
];

/// Where a strategy sends its orders, as `backtest.broker.Desk` has it.
#[pyclass(frozen, module = "host._core")]
#[derive(Default)]
pub(crate) struct Desk {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What waits for the broker; `None` while no broker takes anything.
    commands: Option<Commands>,
    /// What ends the run, whatever the strategy makes of the exception.
    fault: Option<TaskError>,
    /// The time stamp of the event of which the strategy is told.
    time: Option<i64>,
}

#[pymethods]
impl Desk {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Sends an order, and returns its number.
    fn submit(&self, order: &Bound<'_, PyAny>) -> PyResult<u64> {
        let number =
            |name: &str| -> PyResult<f64> { Ok(order.getattr(name)?.extract::<Option<f64>>()?.unwrap_or(f64::NAN)) };
        let request = OrderRequest {
            instrument: order.getattr("instrument")?.extract()?,
            side: chosen(&SIDES, &order.getattr("side")?)?,
            kind: chosen(&KINDS, &order.getattr("kind")?)?,
            quantity: order.getattr("quantity")?.extract()?,
            measure: chosen(&MEASURES, &order.getattr("measure")?)?,
            limit: number("limit")?,
            stop: number("stop")?,
            time_in_force: chosen(&TIMES, &order.getattr("time_in_force")?)?,
            until: order.getattr("until")?.extract()?,
            reduce_only: order.getattr("reduce_only")?.is_truthy()?,
        };
        self.send(|commands| commands.submit(request))
    }

    /// Attaches exits to an entry, NaN for none, and returns the number of the stop; that of the limit is one higher.
    fn bracket(&self, entry: u64, stop_loss: f64, take_profit: f64) -> PyResult<u64> {
        self.send(|commands| commands.bracket(entry, stop_loss, take_profit))
    }

    /// Ties two orders together.
    fn one_cancels_other(&self, first: u64, second: u64) -> PyResult<()> {
        self.send(|commands| commands.push(Command::OneCancelsOther { first, second }))
    }

    /// Takes an order back.
    fn cancel(&self, order: u64) -> PyResult<()> {
        self.send(|commands| commands.cancel(order))
    }

    /// Asks for an exposure.
    fn target(&self, instrument: u32, exposure: f64) -> PyResult<()> {
        self.send(|commands| commands.target(instrument, exposure))
    }

    /// The time stamp of the event of which the strategy is told, as ISO 8601; `None` while it is told of none.
    fn time(&self) -> Option<String> {
        self.state().time.map(format_time)
    }

    /// Asks not to hear of an event any more.
    fn mute(&self, event: &Bound<'_, PyAny>) -> PyResult<()> {
        let event = chosen(&EVENTS, event)?;
        self.send(|commands| commands.push(Command::Mute { event }))
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send<T>(&self, send: impl FnOnce(&mut Commands) -> T) -> PyResult<T> {
        let mut state = self.state();
        let Some(commands) = &mut state.commands else {
            let text = "orders can be sent only from the `on_` functions of a strategy, where a broker takes them";
            return Err(PyRuntimeError::new_err(text));
        };
        if commands.is_full() {
            let most = Commands::MOST;
            let text = format!(
                "sent more than {most} orders and other commands in one event; send fewer, or spread them over bars"
            );
            state.fault.get_or_insert_with(|| TaskError::new(ErrorKind::BadOutput, text.clone()));
            return Err(PyRuntimeError::new_err(text));
        }
        Ok(send(commands))
    }
}

/// The one of `all` whose number the value of an enumeration of the SDK is.
fn chosen<T: Copy>(all: &[T], given: &Bound<'_, PyAny>) -> PyResult<T> {
    let number = given.getattr("value")?.extract::<usize>()?;
    all.get(number).copied().ok_or_else(|| PyValueError::new_err(format!("{given} is none that the broker knows")))
}

/// The exception that has ended a run, for whoever called it.
pub(crate) type Raised = Arc<Mutex<Option<PyErr>>>;

/// A strategy in Python: what is called for each event.
#[derive(Debug)]
pub(crate) struct Hooks {
    pub(crate) on_bar: Py<PyAny>,
    pub(crate) on_time: Py<PyAny>,
    pub(crate) on_fill: Py<PyAny>,
    pub(crate) on_reject: Py<PyAny>,
    pub(crate) finish: Py<PyAny>,
}

/// A strategy in Python, as the broker calls it.
pub(crate) struct PythonStrategy {
    pub(crate) hooks: Hooks,
    pub(crate) desk: Py<Desk>,
    pub(crate) raised: Raised,
}

impl PythonStrategy {
    fn mark(&self, time: Option<i64>) {
        self.desk.get().state().time = time;
    }

    /// Makes one call, during which `broker` has what is sent.
    fn call(
        &self,
        broker: Option<&mut Commands>,
        call: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>>,
    ) -> Result<(), TaskError> {
        Python::attach(|py| {
            let desk = self.desk.get();
            let answer = match broker {
                Some(broker) => {
                    desk.state().commands = Some(std::mem::take(broker));
                    let answer = call(py);
                    *broker = desk.state().commands.take().unwrap_or_default();
                    answer
                }
                None => call(py),
            };
            if let Some(fault) = desk.state().fault.take() {
                return Err(fault);
            }
            answer.map(|_| ()).map_err(|error| {
                let told = TaskError::failed(error.to_string());
                *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                told
            })
        })
    }
}

impl EventStrategy for PythonStrategy {
    fn at(&mut self, time: i64) {
        self.mark(Some(time));
    }

    fn on_bar(&mut self, bar: &BarEvent, broker: &mut Commands) -> Result<(), TaskError> {
        let BarEvent { instrument, time, open, high, low, close, volume, position, equity } = *bar;
        self.mark(Some(time));
        self.call(Some(broker), |py| {
            self.hooks.on_bar.call1(py, (instrument, time, open, high, low, close, volume, position, equity))
        })
    }

    fn on_time(&mut self, time: i64, equity: f64, broker: &mut Commands) -> Result<(), TaskError> {
        self.mark(Some(time));
        self.call(Some(broker), |py| self.hooks.on_time.call1(py, (time, equity)))
    }

    fn on_fill(&mut self, fill: &FillEvent, broker: &mut Commands) -> Result<(), TaskError> {
        let FillEvent { order, instrument, quantity, price, fee } = *fill;
        self.call(Some(broker), |py| self.hooks.on_fill.call1(py, (order, instrument, quantity, price, fee)))
    }

    fn on_reject(&mut self, order: u64, reason: RejectReason, broker: &mut Commands) -> Result<(), TaskError> {
        let number = REASONS.iter().position(|known| *known == reason);
        self.call(Some(broker), |py| self.hooks.on_reject.call1(py, (order, number)))
    }

    fn finish(&mut self) -> Result<(), TaskError> {
        self.mark(None);
        self.call(None, |py| self.hooks.finish.call0(py))
    }
}
