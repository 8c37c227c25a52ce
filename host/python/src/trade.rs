//! Strategies in Python under the broker of the library: their combinations, and the runs of one of them.
//!
//! Never trades and never measures: the library does, as for components.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Mutex, PoisonError},
};

use host::{
    backtest::{AccountSpec, Backtest, ExitKind, Market, Strategy, WorkerState},
    metrics::{Direction, Metrics, Selection},
    model::{Description, Encoding, ParamSpec, Params, Targets, format_time},
    sweep::{DefaultMetrics, Goal, NO_CELLS, SweepRequest, grid::Plan},
    task::{ErrorKind, TaskError},
};
use pyo3::{
    buffer::PyBuffer,
    exceptions::PyIndexError,
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    data::{Dataset, columns_of},
    desk::{Desk, Hooks, PythonStrategy, Raised},
    errors::{Class, Failure, OrFailure},
    results::{metrics_dict, value_object},
    run::Run,
    runs::{StoreChoice, given_params, metrics_of},
};

/// The most combinations of one sweep, whose results are objects of Python.
const MOST: u64 = 20_000_000;

/// What a strategy says of itself: an object with `name`, and `version`, `summary` and `parameters` if it has them.
fn described(text: &str) -> Result<Description, Failure> {
    let refused = |problem: String| Failure::new(Class::Plugin, format!("the description is not one: {problem}"));
    let mut given: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
    let mut word =
        |name: &str| given.remove(name).and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
    let (name, version, summary) = (word("name"), word("version"), word("summary"));
    let parameters = given.remove("parameters").unwrap_or_else(|| serde_json::Value::Array(Vec::new()));
    let parameters: Vec<ParamSpec> = serde_json::from_value(parameters).map_err(|error| refused(error.to_string()))?;
    for (at, spec) in parameters.iter().enumerate() {
        spec.accept(&spec.default).map_err(|error| refused(format!("the default of `{}`: {error}", spec.name)))?;
        if parameters[..at].iter().any(|other| other.name == spec.name) {
            return Err(refused(format!("it declares `{}` twice", spec.name)));
        }
    }
    Ok(Description { name, version, summary, parameters, output: Encoding::Json })
}

fn requested(text: &str, name: &str) -> Result<SweepRequest, Failure> {
    let refused = |error: serde_json::Error| Failure::new(Class::Settings, format!("the request is not one: {error}"));
    let mut request: SweepRequest = serde_json::from_str(text).map_err(refused)?;
    name.clone_into(&mut request.plugin);
    request.check().map_err(|error| Failure::of_request(&error))?;
    Ok(request)
}

/// The combinations of a sweep over a strategy in Python, and what is computed of each.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Combinations {
    plan: Plan,
    goal: Goal,
    metrics: Vec<&'static str>,
    indices: Vec<u64>,
}

#[pymethods]
impl Combinations {
    /// Binds `request`, JSON as `POST /sweeps` takes it, to what the strategy says of itself, JSON with `name` and `parameters`.
    #[new]
    fn new(py: Python<'_>, description: &str, request: &str) -> PyResult<Self> {
        let description = described(description)?;
        let request = requested(request, &description.name)?;
        let bound = request.bind(&description, DefaultMetrics::All).map_err(|error| Failure::of_request(&error))?;
        let (plan, goal) = (bound.plan, bound.goal);
        if plan.count().exact().unwrap_or_else(|| plan.cells()) > MOST {
            let text = format!(
                "the grid has {} combinations; a strategy in Python runs {MOST} at most in one sweep: give `sample`, or compile \
                 it by `host.compile`",
                plan.count()
            );
            return Err(Failure::new(Class::Grid, text).into());
        }
        let indices: Vec<u64> = py.detach(|| plan.cursor().map(|(index, _)| index).collect());
        if indices.is_empty() {
            return Err(Failure::new(Class::Grid, NO_CELLS).into());
        }
        Ok(Self { plan, goal, metrics: bound.metrics.columns.names().collect(), indices })
    }

    fn __len__(&self) -> usize {
        self.indices.len()
    }

    /// The name of a task, on the bars of `symbol` alone if it is given, and all of its parameters.
    #[pyo3(signature = (place, symbol = None))]
    fn task<'py>(&self, py: Python<'py>, place: usize, symbol: Option<&str>) -> PyResult<(String, Bound<'py, PyDict>)> {
        let missing = || PyIndexError::new_err(format!("there is no task {place}"));
        let params = self.indices.get(place).and_then(|index| self.plan.params(*index)).ok_or_else(missing)?;
        let found = PyDict::new(py);
        for (name, value) in &params {
            found.set_item(name, value_object(py, value)?)?;
        }
        let name = symbol.map_or_else(|| self.plan.task_id(&params), |symbol| self.plan.task_id_on(symbol, &params));
        Ok((name, found))
    }

    /// The metrics of each result.
    #[getter]
    fn metrics(&self) -> Vec<&'static str> {
        self.metrics.clone()
    }

    /// The metric to rank by, and whether higher values are better.
    #[getter]
    fn objective(&self) -> (&'static str, bool) {
        (self.goal.objective().name, self.goal.better() == Direction::Higher)
    }
}

/// What the strategy of the next run does, where the library asks for it.
struct Slot<T>(Mutex<Option<T>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Slot<T> {
    fn put(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    fn take(&self) -> Result<T, TaskError> {
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(|| TaskError::new(ErrorKind::Host, "the strategy of this run is not there"))
    }
}

/// A run in hand: what Python calls are made of.
struct Played {
    hooks: Hooks,
    desk: Py<Desk>,
}

/// An account on bars, on which strategies in Python trade one after the other, on one thread.
#[pyclass(frozen, unsendable, module = "host._core")]
pub(crate) struct Trader {
    market: Arc<Market>,
    goal: Goal,
    metrics: Selection,
    targets: Arc<Slot<Targets>>,
    played: Arc<Slot<Played>>,
    raised: Raised,
    backtest: Backtest,
    /// The exits that tasks have among their parameters.
    exits: Vec<ExitKind>,
    account: AccountSpec,
    state: RefCell<WorkerState>,
    /// The metrics of the last task.
    last: Cell<Option<Metrics>>,
}

/// Metrics by name and whether they meet the requirements, or the kind of a failure and its text.
type Outcome<'py> = (Option<Bound<'py, PyDict>>, bool, Option<(&'static str, String)>);

#[pymethods]
impl Trader {
    /// Opens the account that `request` asks for on the bars of `dataset`, or of its instrument `only`, for a strategy of targets
    /// or of `events`. With `books`, they have a record of every order.
    #[new]
    #[pyo3(signature = (dataset, description, request, *, events = false, only = None, books = false))]
    fn new(
        dataset: &Bound<'_, Dataset>,
        description: &str,
        request: &str,
        events: bool,
        only: Option<usize>,
        books: bool,
    ) -> PyResult<Self> {
        let description = described(description)?;
        let request = requested(request, &description.name)?;
        let metrics = metrics_of(&request)?;
        let (mut settings, _) = request.settings(metrics).map_err(|error| Failure::of_request(&error))?;
        dataset.get().measure(&mut settings, request.benchmark.as_ref())?;
        let goal = request.goal(&description).map_err(|error| Failure::of_request(&error))?;
        let market = Market::new(dataset.get().bars.clone(), settings).or_failure(Class::Settings)?;
        let symbols = market.dataset().series().len();
        let market = match only {
            Some(at) if at >= symbols => return Err(PyIndexError::new_err(format!("there is no instrument {at}"))),
            Some(at) => Arc::new(market.only(at).or_failure(Class::Settings)?),
            None => Arc::new(market),
        };
        let (targets, played, raised) =
            (Arc::<Slot<Targets>>::default(), Arc::<Slot<Played>>::default(), Raised::default());
        let strategy = if events {
            let (played, raised) = (Arc::clone(&played), Arc::clone(&raised));
            Strategy::native_events(&description.name, Vec::new(), move |_, _| {
                let Played { hooks, desk } = played.take()?;
                Ok(Box::new(PythonStrategy { hooks, desk, raised: Arc::clone(&raised) }))
            })
        } else {
            let targets = Arc::clone(&targets);
            Strategy::native(&description.name, Vec::new(), move |_, _| targets.take())
        };
        let exits: Vec<_> = request.exits.kinds().collect();
        let strategy = request.strategy(strategy).or_failure(Class::Grid)?;
        let backtest = Backtest::new(Arc::clone(&market), strategy).or_failure(Class::Settings)?;
        let state = if books { WorkerState::with_orders() } else { WorkerState::default() };
        let (account, state, last) = (request.account, RefCell::new(state), Cell::default());
        Ok(Self { market, goal, metrics, targets, played, raised, backtest, exits, account, state, last })
    }

    /// The instruments that the strategy sees, in their order.
    #[getter]
    fn symbols(&self) -> Vec<&str> {
        self.market.dataset().series().iter().map(|series| series.symbol.as_str()).collect()
    }

    /// The bars of each instrument that the strategy sees: those up to the end of the period.
    #[getter]
    fn lengths(&self) -> Vec<usize> {
        self.market.dataset().series().iter().map(|series| series.len()).collect()
    }

    /// The columns that the strategy sees of instrument `at`, as `Dataset.columns` has them.
    fn columns<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let missing = || PyIndexError::new_err(format!("there is no instrument {at}"));
        Ok(columns_of(py, self.market.dataset().series().get(at).ok_or_else(missing)?, None))
    }

    /// The times of the bars of instrument `at`, in nanoseconds since the Unix epoch.
    fn times(&self, at: usize) -> PyResult<Vec<i64>> {
        let missing = || PyIndexError::new_err(format!("there is no instrument {at}"));
        Ok(self.market.dataset().series().get(at).ok_or_else(missing)?.time.clone())
    }

    /// Trades exposures: for each instrument a buffer of numbers, one for each of its bars. Only changes ask for something.
    #[pyo3(signature = (exposures, params = None))]
    fn trade_exposures<'py>(
        &self,
        py: Python<'py>,
        exposures: Vec<PyBuffer<f64>>,
        params: Option<&str>,
    ) -> PyResult<Outcome<'py>> {
        let columns = exposures.iter().map(|buffer| buffer.to_vec(py)).collect::<PyResult<Vec<_>>>()?;
        let params = given_params(params)?;
        let outcome = self.changes(&columns).and_then(|targets| self.traded(targets, &params));
        self.outcome(py, outcome)
    }

    /// Trades targets: bars, instruments and exposures, sorted by the time of their bars.
    #[pyo3(signature = (bars, instruments, exposures, params = None))]
    fn trade_targets<'py>(
        &self,
        py: Python<'py>,
        bars: Vec<u32>,
        instruments: Vec<u32>,
        exposures: Vec<f64>,
        params: Option<&str>,
    ) -> PyResult<Outcome<'py>> {
        let params = given_params(params)?;
        let targets = Targets { at: bars, instrument: instruments, exposure: exposures };
        self.outcome(py, self.traded(targets, &params))
    }

    /// The books of the last task, which had the parameters `params`; `data` is how its bars are called.
    #[pyo3(signature = (data, params = None))]
    fn books(&self, data: &str, params: Option<&str>) -> PyResult<Run> {
        let missing = || Failure::new(Class::Host, "no task has run yet");
        Ok(Run {
            strategy: self.backtest.strategy().clone(),
            market: Arc::clone(&self.market),
            ledger: self.state.borrow().ledger().clone(),
            metrics: self.last.get().ok_or_else(missing)?,
            params: given_params(params)?,
            data: data.to_owned(),
            account: self.account,
            store: StoreChoice::None,
        })
    }

    /// Lets a strategy hear of every bar and trade. It is called by the functions given, and sends its orders to `desk`. What they
    /// raise comes out.
    #[pyo3(signature = (desk, on_bar, on_time, on_fill, on_reject, finish, params = None))]
    #[expect(clippy::too_many_arguments, reason = "one for each event")]
    fn play<'py>(
        &self,
        py: Python<'py>,
        desk: Py<Desk>,
        on_bar: Py<PyAny>,
        on_time: Py<PyAny>,
        on_fill: Py<PyAny>,
        on_reject: Py<PyAny>,
        finish: Py<PyAny>,
        params: Option<&str>,
    ) -> PyResult<Outcome<'py>> {
        let params = given_params(params)?;
        self.played.put(Played { hooks: Hooks { on_bar, on_time, on_fill, on_reject, finish }, desk });
        let outcome = self.ran(&params);
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        raised.map_or_else(|| self.outcome(py, outcome), Err)
    }
}

impl Trader {
    fn traded(&self, targets: Targets, params: &Params) -> Result<(Metrics, bool), TaskError> {
        self.targets.put(targets);
        self.ran(params)
    }

    fn ran(&self, params: &Params) -> Result<(Metrics, bool), TaskError> {
        let busy = || TaskError::new(ErrorKind::Host, "a strategy runs inside of another one's run");
        let mut state = self.state.try_borrow_mut().map_err(|_| busy())?;
        let exits = params.iter().filter(|(name, _)| self.exits.iter().any(|kind| kind.name() == *name));
        let exits = exits.map(|(name, value)| (name.clone(), value.clone())).collect();
        let metrics = self.backtest.run(&mut state, &exits).outcome?;
        let is_met = self.goal.is_met(&metrics, params);
        self.last.set(Some(metrics));
        Ok((metrics, is_met))
    }

    /// The targets of exposures, one for each bar of each instrument: where they change, and at first nothing is held.
    fn changes(&self, columns: &[Vec<f64>]) -> Result<Targets, TaskError> {
        let series = self.market.dataset().series();
        let refused = |text: String| TaskError::new(ErrorKind::BadOutput, text);
        if columns.len() != series.len() {
            let text = format!("exposures of {} instruments, and the data has {}", columns.len(), series.len());
            return Err(refused(text));
        }
        let mut changes = Vec::new();
        for ((instrument, bars), exposures) in (0..).zip(series).zip(columns) {
            if exposures.len() != bars.len() {
                return Err(refused(format!(
                    "{} exposures for `{}`, which has {} bars; return one for each bar",
                    exposures.len(),
                    bars.symbol,
                    bars.len()
                )));
            }
            let mut held = 0.0;
            for (at, (&exposure, &time)) in (0_u32..).zip(exposures.iter().zip(&bars.time)) {
                if !exposure.is_finite() {
                    return Err(refused(format!(
                        "the exposure of `{}` at bar {at} ({}) is {exposure}; an exposure is a finite number: 1 is fully long, 0 \
                         flat, -1 fully short. Where a signal is not there yet, fill in 0",
                        bars.symbol,
                        format_time(time)
                    )));
                }
                if exposure != held {
                    held = exposure;
                    changes.push((time, at, instrument, exposure));
                }
            }
        }
        if series.len() > 1 {
            changes.sort_by_key(|(time, ..)| *time);
        }
        Ok(Targets {
            at: changes.iter().map(|(_, at, ..)| *at).collect(),
            instrument: changes.iter().map(|(_, _, instrument, _)| *instrument).collect(),
            exposure: changes.iter().map(|(.., exposure)| *exposure).collect(),
        })
    }

    fn outcome<'py>(&self, py: Python<'py>, outcome: Result<(Metrics, bool), TaskError>) -> PyResult<Outcome<'py>> {
        let (metrics, is_met) = match outcome {
            Ok(done) => done,
            Err(TaskError { kind, message }) => return Ok((None, false, Some((kind.as_str(), message)))),
        };
        Ok((Some(metrics_dict(py, &metrics, self.metrics)?), is_met, None))
    }
}
