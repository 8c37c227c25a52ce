//! The backtester for Python: its calls, each on a thread of the library's.
//!
//! Never decides what a result is: the library does.

use std::{path::PathBuf, sync::Arc, time::Duration};

use host::{sandbox::Budget, sweep::ParallelBacktester};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    cluster::Cluster,
    data::Dataset,
    engine::{Named, Shared},
    errors::{Class, Failure},
    evidence::{self, read},
    iterate::Batches,
    results::Results,
    run::{self, Run},
    runs::{self, Asked},
    wait::{self, Counts, Waited, attended},
};

/// Workers, compiled plugins and prepared data, kept from call to call.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Backtester {
    shared: Arc<Shared>,
}

#[pymethods]
impl Backtester {
    /// Makes a backtester of `n_workers` workers, all cores for `None`. They start with the first run. With a `cluster`, tasks of
    /// plugins run there.
    #[new]
    #[pyo3(signature = (n_workers = None, backend = "concurrent", *, compile_timeout = None, cache = true, cluster = None))]
    fn new(
        n_workers: Option<usize>,
        backend: &str,
        compile_timeout: Option<f64>,
        cache: bool,
        cluster: Option<&Bound<'_, Cluster>>,
    ) -> PyResult<Self> {
        let backend = backend.parse().map_err(|problem: String| Failure::new(Class::Settings, problem))?;
        let seconds = |seconds: f64| {
            let refused = || format!("`compile_timeout` is {seconds:?}; give seconds above 0");
            let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
            limit.ok_or_else(|| Failure::new(Class::Settings, refused()))
        };
        if n_workers == Some(0) {
            let text = "0 workers can run nothing; give 1 or more, or leave it out for all cores";
            return Err(Failure::new(Class::Settings, text).into());
        }
        let cluster = cluster.map(|cluster| cluster.get().shared());
        let shared = Shared::new(n_workers, (backend, cluster), compile_timeout.map(seconds).transpose()?, cache);
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What a plugin says of itself: name, version, summary, hash, whether it exports what, and its parameters.
    #[pyo3(signature = (plugin, name = None))]
    fn describe<'py>(
        &self,
        py: Python<'py>,
        plugin: &Bound<'py, PyAny>,
        name: Option<String>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let named = Named::of(plugin, name)?;
        let shared = Arc::clone(&self.shared);
        let plugin = attended(py, move || {
            let engine = shared.engine(None)?;
            shared.plugin(&engine, &named, true)
        })??;
        runs::description(py, &plugin)
    }

    /// Runs a sweep. `request` is JSON, as `POST /sweeps` takes it.
    ///
    /// `store` is the folder of the store of results; `True` takes that of the environment, `False` none. `returns` is a file for the
    /// returns of each combination. `callback` gets the number of tasks that are done, and of all or `None`.
    #[pyo3(signature = (
        plugin, dataset, request, *, name = None, store = None, out = None, returns = None, returns_period = "day", shard = None,
        callback = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn sweep(
        &self,
        py: Python<'_>,
        plugin: &Bound<'_, PyAny>,
        dataset: &Bound<'_, Dataset>,
        request: &str,
        name: Option<String>,
        store: Option<&Bound<'_, PyAny>>,
        out: Option<PathBuf>,
        returns: Option<PathBuf>,
        returns_period: &str,
        shard: Option<&str>,
        callback: Option<Py<PyAny>>,
    ) -> PyResult<Results> {
        let asked = Asked::new(Named::of(plugin, name)?, request, store, out, shard)?;
        let asked = asked.with_returns(returns, returns_period)?;
        let data = dataset.get();
        let counts = Counts::default();
        let engine = self.engine(py, asked.budget())?;
        let stop = engine.stop_handle();
        let work = || {
            let mut batches = Vec::new();
            let ran = runs::sweep(&self.shared, &engine, &asked, data, &counts, &mut |batch| {
                batches.push(batch);
                true
            });
            ran.map(|ran| ran.results(batches))
        };
        let Waited { value, raised } = wait::run(py, &stop, &counts, callback.as_ref(), work)?;
        match (value, raised) {
            (Ok(results), raised) => Ok(results.after(py, raised)),
            // What was raised may be why it failed.
            (Err(_), Some(raised)) => Err(raised),
            (Err(failure), None) => Err(failure.into()),
        }
    }

    /// Runs a sweep like `sweep`, and hands out its rows as an iterator of batches while it goes on.
    #[pyo3(signature = (plugin, dataset, request, *, name = None, store = None, shard = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn iter_sweep(
        &self,
        py: Python<'_>,
        plugin: &Bound<'_, PyAny>,
        dataset: &Bound<'_, Dataset>,
        request: &str,
        name: Option<String>,
        store: Option<&Bound<'_, PyAny>>,
        shard: Option<&str>,
    ) -> PyResult<Batches> {
        let asked = Asked::new(Named::of(plugin, name)?, request, store, None, shard)?;
        let engine = self.engine(py, asked.budget())?;
        Batches::start(Arc::clone(&self.shared), engine, asked, dataset.clone().unbind())
    }

    /// Runs each plugin once, with all of its parameters. `params` are those that a plugin has of them.
    #[pyo3(signature = (plugins, dataset, request, *, params = None, callback = None))]
    fn compare(
        &self,
        py: Python<'_>,
        plugins: Vec<Bound<'_, PyAny>>,
        dataset: &Bound<'_, Dataset>,
        request: &str,
        params: Option<&str>,
        callback: Option<Py<PyAny>>,
    ) -> PyResult<Results> {
        let plugins: Vec<Named> = plugins.iter().map(|plugin| Named::of(plugin, None)).collect::<PyResult<_>>()?;
        let first = plugins.first().cloned().ok_or_else(|| Failure::new(Class::Settings, "no strategies are given"))?;
        let asked = Asked::new(first, request, None, None, None)?;
        let params = runs::given_params(params)?;
        let counts = Counts::default();
        let engine = self.engine(py, asked.budget())?;
        let data = dataset.get();
        let work = || runs::compare(&self.shared, &engine, &asked, (&plugins, &params), data, &counts);
        let Waited { value, raised } = wait::run(py, &engine.stop_handle(), &counts, callback.as_ref(), work)?;
        value.map_or_else(|failure| Err(failure.into()), |results| Ok(results.after(py, raised)))
    }

    /// One combination with its trades drawn again and on bars with noise, as JSON. `params` and `luck` are JSON: parameters by name,
    /// and `draws`, `runs`, `noise`, `seed`.
    #[pyo3(signature = (plugin, dataset, params, request, luck, *, name = None, callback = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn monte_carlo(
        &self,
        py: Python<'_>,
        plugin: &Bound<'_, PyAny>,
        dataset: &Bound<'_, Dataset>,
        params: &str,
        request: &str,
        luck: &str,
        name: Option<String>,
        callback: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let asked = Asked::new(Named::of(plugin, name)?, request, None, None, None)?;
        let (params, luck) = (runs::given_params(Some(params))?, read(luck)?);
        let counts = Counts::default();
        let engine = self.engine(py, asked.budget())?;
        let data = dataset.get();
        let work = || evidence::luck(&self.shared, &engine, &asked, (&params, &luck), data, &counts);
        let Waited { value, raised } = wait::run(py, &engine.stop_handle(), &counts, callback.as_ref(), work)?;
        raised.map_or_else(|| Ok(value?), Err)
    }

    /// Runs one combination, on all instruments or on `symbol` alone, and keeps its books. `params` is JSON: parameters by name.
    #[pyo3(signature = (plugin, dataset, params, request, *, symbol = None, name = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn run(
        &self,
        py: Python<'_>,
        plugin: &Bound<'_, PyAny>,
        dataset: &Bound<'_, Dataset>,
        params: &str,
        request: &str,
        symbol: Option<&str>,
        name: Option<String>,
    ) -> PyResult<Run> {
        let asked = Asked::new(Named::of(plugin, name)?, request, None, None, None)?;
        let params = runs::given_params(Some(params))?;
        let engine = self.engine(py, asked.budget())?;
        let data = dataset.get();
        let stop = engine.stop_handle();
        let work = || run::run(&self.shared, &engine, asked, (&params, symbol), data);
        let Waited { value, raised } = wait::run(py, &stop, &Counts::default(), None, work)?;
        raised.map_or_else(|| Ok(value?), Err)
    }

    /// Walk-forward over the returns in `path`, whose winners also run through their test parts anew, as JSON. `follow` is JSON with
    /// the fields of `FollowRequest`.
    #[pyo3(signature = (plugin, dataset, path, follow, *, name = None, store = None, callback = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn walk_forward(
        &self,
        py: Python<'_>,
        plugin: &Bound<'_, PyAny>,
        dataset: &Bound<'_, Dataset>,
        path: PathBuf,
        follow: &str,
        name: Option<String>,
        store: Option<&Bound<'_, PyAny>>,
        callback: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let asked = Asked::new(Named::of(plugin, name)?, r#"{"plugin": ""}"#, store, None, None)?;
        let follow = read(follow)?;
        let counts = Counts::default();
        let engine = self.engine(py, asked.budget())?;
        let data = dataset.get();
        let work = || evidence::walk_forward_anew(&self.shared, &engine, &asked, (&path, &follow), data, &counts);
        let Waited { value, raised } = wait::run(py, &engine.stop_handle(), &counts, callback.as_ref(), work)?;
        raised.map_or_else(|| Ok(value?), Err)
    }

    /// A report in HTML on the results of a sweep at `results`, with the run of its best combination, or that of the name `task`.
    #[pyo3(signature = (plugin, dataset, results, *, returns = None, task = None, name = None, store = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn report(
        &self,
        py: Python<'_>,
        plugin: &Bound<'_, PyAny>,
        dataset: &Bound<'_, Dataset>,
        results: PathBuf,
        returns: Option<PathBuf>,
        task: Option<&str>,
        name: Option<String>,
        store: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let asked = Asked::new(Named::of(plugin, name)?, r#"{"plugin": ""}"#, store, None, None)?;
        let engine = self.engine(py, asked.budget())?;
        let data = dataset.get();
        let work = || evidence::report(&self.shared, &engine, &asked, (&results, returns.as_deref(), task), data);
        let counts = Counts::default();
        let Waited { value, raised } = wait::run(py, &engine.stop_handle(), &counts, None, work)?;
        raised.map_or_else(|| Ok(value?), Err)
    }

    /// Runs custom tasks on a plugin that exports `task`. `tasks` is JSON, as `host run` takes it; results are texts: JSON, or
    /// bytes in hexadecimal, as `describe` says of the plugin's output.
    #[pyo3(signature = (plugin, dataset, tasks, request, *, name = None, callback = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn run_tasks(
        &self,
        py: Python<'_>,
        plugin: &Bound<'_, PyAny>,
        dataset: &Bound<'_, Dataset>,
        tasks: &str,
        request: &str,
        name: Option<String>,
        callback: Option<Py<PyAny>>,
    ) -> PyResult<Results> {
        let asked = Asked::new(Named::of(plugin, name)?, request, None, None, None)?;
        let tasks = runs::given_tasks(tasks)?;
        let counts = Counts::default();
        let engine = self.engine(py, asked.budget())?;
        let data = dataset.get();
        let work = || runs::tasks(&self.shared, &engine, &asked, tasks, data, &counts);
        let Waited { value, raised } = wait::run(py, &engine.stop_handle(), &counts, callback.as_ref(), work)?;
        value.map_or_else(|failure| Err(failure.into()), |results| Ok(results.after(py, raised)))
    }
}

impl Backtester {
    fn engine(&self, py: Python<'_>, budget: Option<Budget>) -> PyResult<ParallelBacktester> {
        // Not on a thread of its own: the signal handlers that it installs are those of the process.
        Ok(py.detach(|| self.shared.engine(budget))?)
    }
}
