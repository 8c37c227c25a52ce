//! One run for Python: its metrics, its equity, its trades, and the page that shows them.
//!
//! Never computes a statistic: the library does.

use std::sync::Arc;

use host::{
    backtest::{AccountSpec, Backtest, Market, Period, Strategy, WorkerState},
    broker::{Ledger, Statement, Trade},
    metrics::{Metrics, Selection, drawdown_curve, excursions},
    model::Params,
    report::{Ran, Report},
    sandbox::Plugin,
    sweep::{DefaultMetrics, ParallelBacktester, Split},
};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    data::Dataset,
    engine::Shared,
    errors::{Class, Failure, OrFailure, refused},
    results::{metrics_dict, value_object},
    runs::{Asked, StoreChoice, alone},
};

/// A run that has ended, with its books.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Run {
    pub(crate) strategy: Strategy,
    pub(crate) market: Arc<Market>,
    pub(crate) ledger: Ledger,
    pub(crate) metrics: Metrics,
    pub(crate) params: Params,
    /// How the data is called.
    pub(crate) data: String,
    pub(crate) account: AccountSpec,
    pub(crate) store: StoreChoice,
}

/// Runs the plugin that is asked for once, with `params`, on all instruments or on `symbol` alone. With a split, on its first part.
pub(crate) fn run(
    shared: &Shared,
    engine: &ParallelBacktester,
    asked: Asked,
    (params, symbol): (&Params, Option<&str>),
    data: &Dataset,
) -> Result<Run, Failure> {
    let plugin = shared.plugin(engine, &asked.plugin, asked.is_metered())?;
    let settings = asked.request.settings(Selection::all());
    let (mut settings, limits) = settings.map_err(|error| Failure::of_request(&error))?;
    settings.period = period_of(&asked, &plugin, data)?;
    data.measure(&mut settings, asked.request.benchmark.as_ref())?;
    let strategy = asked.request.strategy(plugin.under(limits).into()).or_failure(Class::Grid)?;
    let mut params = params.clone();
    asked.request.exits.add_to(&mut params).or_failure(Class::Grid)?;
    let params = strategy.description().resolve(&params).or_failure(Class::Grid)?;
    let market = Market::new(data.bars.clone(), settings).or_failure(Class::Settings)?;
    let market = Arc::new(alone(market, symbol)?);
    let backtest = Backtest::new(Arc::clone(&market), strategy.clone()).or_failure(Class::Plugin)?;
    let mut state = WorkerState::with_orders();
    let metrics = backtest.run(&mut state, &params).outcome.map_err(|error| refused(error.into()))?;
    let (ledger, account) = (state.ledger().clone(), asked.request.account);
    Ok(Run { strategy, market, ledger, metrics, params, data: data.name.clone(), account, store: asked.store })
}

fn period_of(asked: &Asked, plugin: &Plugin, data: &Dataset) -> Result<Period, Failure> {
    let mut request = asked.request.clone();
    if request.split.is_some() {
        let bound = request.bind(plugin.description(), DefaultMetrics::All);
        let mut bound = bound.map_err(|error| Failure::of_request(&error))?;
        Split::of(&mut request, &mut bound, &data.bars).or_failure(Class::Settings)?;
    }
    Ok(request.period)
}

impl Run {
    fn report(&self, sections: &[&str]) -> Result<Report, Failure> {
        let Self { strategy, market, ledger, metrics, .. } = self;
        let ran = Ran { market, ledger, metrics };
        let mut report = Report::of_run((strategy, &self.data, &self.account), &self.params, ran);
        let plugin = (&*strategy.description().name, strategy.digest());
        report.add_look_ahead(self.store.existing()?.as_ref(), plugin, market.dataset().fingerprint());
        report.only(sections);
        Ok(report)
    }
}

#[pymethods]
impl Run {
    /// The name of the strategy.
    #[getter]
    fn strategy(&self) -> &str {
        &self.strategy.description().name
    }

    /// All parameters of the strategy.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for (name, value) in &self.params {
            found.set_item(name, value_object(py, value)?)?;
        }
        Ok(found)
    }

    /// All metrics, by their names.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        metrics_dict(py, &self.metrics, self.market.metrics())
    }

    /// What the run is shown against; `None` where nothing can be held.
    #[getter]
    fn benchmark(&self) -> Option<String> {
        self.market.benchmark_books().map(|(name, _)| name)
    }

    /// Columns with a value for each time stamp, as bytes of 64 bits a value: `time` in nanoseconds since the Unix epoch, `equity`
    /// and `benchmark` in quote currency, `drawdown` as a share.
    fn equity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let times: Vec<u8> = self.market.timeline().times().iter().flat_map(|time| time.to_ne_bytes()).collect();
        let found = PyDict::new(py);
        found.set_item("time", PyBytes::new(py, &times))?;
        found.set_item("equity", bytes(py, &self.ledger.equity()))?;
        found.set_item("drawdown", bytes(py, &drawdown_curve(&self.ledger)))?;
        if let Some((_, books)) = self.market.benchmark_books() {
            found.set_item("benchmark", bytes(py, &books.equity()))?;
        }
        Ok(found)
    }

    /// The trades as columns, which are those of `host backtest --trades`; times are nanoseconds since the Unix epoch.
    fn trades<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (series, account) = (self.market.series(), &self.market.settings().account);
        let trades = Statement::of(&self.ledger, series, account).trades;
        let excursions = excursions(&self.ledger, series, account);
        let numbers = |of: fn(&Trade) -> f64| trades.iter().map(of).collect::<Vec<_>>();
        let times = |of: fn(&Trade) -> i64| trades.iter().map(of).collect::<Vec<_>>();
        let symbol = |trade: &Trade| series[trade.instrument as usize].symbol.as_str();
        let side = |trade: &Trade| if trade.is_long() { "long" } else { "short" };
        let found = PyDict::new(py);
        found.set_item("symbol", trades.iter().map(symbol).collect::<Vec<_>>())?;
        found.set_item("units", numbers(|trade| trade.units))?;
        found.set_item("entry_time", times(|trade| trade.entry_time))?;
        found.set_item("entry_price", numbers(|trade| trade.entry_price))?;
        found.set_item("entry_fees", numbers(|trade| trade.entry_fees))?;
        found.set_item("exit_time", times(|trade| trade.exit_time))?;
        found.set_item("exit_price", numbers(|trade| trade.exit_price))?;
        found.set_item("exit_fees", numbers(|trade| trade.exit_fees))?;
        found.set_item("pnl", numbers(|trade| trade.pnl))?;
        found.set_item("return", numbers(|trade| trade.pnl_ratio))?;
        found.set_item("mae", excursions.iter().map(|one| one.mae).collect::<Vec<_>>())?;
        found.set_item("mfe", excursions.iter().map(|one| one.mfe).collect::<Vec<_>>())?;
        found.set_item("bars_held", trades.iter().map(Trade::bars_held).collect::<Vec<_>>())?;
        found.set_item("open", trades.iter().map(|trade| trade.open).collect::<Vec<_>>())?;
        found.set_item("side", trades.iter().map(side).collect::<Vec<_>>())?;
        let ends = self.ledger.trade_ends();
        found.set_item("exit_reason", ends.iter().map(|end| end.reason.as_str()).collect::<Vec<_>>())?;
        found.set_item("entry_order", ends.iter().map(|end| end.entry_order).collect::<Vec<_>>())?;
        found.set_item("exit_order", ends.iter().map(|end| end.exit_order).collect::<Vec<_>>())?;
        Ok(found)
    }

    /// The page that shows these sections of the run.
    fn page(&self, py: Python<'_>, sections: Vec<String>) -> PyResult<String> {
        let sections: Vec<&str> = sections.iter().map(String::as_str).collect();
        Ok(py.detach(|| self.report(&sections).map(|report| report.html()))?)
    }
}

fn bytes<'py>(py: Python<'py>, values: &[f64]) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    PyBytes::new(py, &bytes)
}
