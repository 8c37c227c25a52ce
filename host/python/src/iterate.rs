//! Sweeps as iterators: rows come in batches while the sweep goes on, and no more of them are in memory than a few batches.
//!
//! Never lets a sweep go on that nobody reads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use arrow_array::RecordBatch;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use host::sweep::{ParallelBacktester, Stop};
use pyo3::prelude::*;

use crate::{
    data::Dataset,
    engine::Shared,
    errors::Failure,
    results::{Results, Rows},
    runs::{self, Asked},
    signals,
    wait::{Counts, STACK, bug, no_thread},
};

/// Batches that wait for the reader.
const WAITING: usize = 4;

/// How often a reader that waits looks for signals.
const WAKE: Duration = Duration::from_millis(20);

type Work = thread::JoinHandle<Result<Results, Failure>>;

/// The batches of a sweep that is running.
#[pyclass(frozen, module = "host._core")]
pub(crate) struct Batches {
    stop: Stop,
    process: u32,
    state: Mutex<State>,
}

struct State {
    batches: Option<Receiver<RecordBatch>>,
    work: Option<Work>,
    end: Option<Py<Results>>,
}

impl Batches {
    /// Starts the sweep that is asked for.
    pub(crate) fn start(
        shared: Arc<Shared>,
        engine: ParallelBacktester,
        asked: Asked,
        data: Py<Dataset>,
    ) -> PyResult<Self> {
        let (sender, batches) = bounded(WAITING);
        let stop = engine.stop_handle();
        let work = move || {
            let counts = Counts::default();
            // A reader that is gone stops the sweep.
            let run =
                || runs::sweep(&shared, &engine, &asked, data.get(), &counts, &mut |batch| sender.send(batch).is_ok());
            let ran = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(bug(&*panic)));
            ran.map(|ran| ran.results(Vec::new()))
        };
        let thread = thread::Builder::new().name("host-python".to_owned()).stack_size(STACK);
        let work = thread.spawn(work).map_err(|error| no_thread(&error))?;
        let state = State { batches: Some(batches), work: Some(work), end: None };
        Ok(Self { stop, process: std::process::id(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of the sweep.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let Some(work) = py.detach(|| self.state().work.take()) else { return Ok(()) };
        let results = py.detach(|| work.join().unwrap_or_else(|panic| Err(bug(&*panic))))?;
        let results = Py::new(py, results)?;
        py.detach(|| self.state().end = Some(results));
        Ok(())
    }
}

#[pymethods]
impl Batches {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Rows>> {
        let Some(batches) = py.detach(|| self.state().batches.clone()) else { return Ok(None) };
        loop {
            match py.detach(|| batches.recv_timeout(WAKE)) {
                Ok(batch) => return Ok(Some(Rows(batch))),
                Err(RecvTimeoutError::Timeout) => {
                    signals::restore();
                    if let Err(error) = py.check_signals() {
                        self.stop.stop();
                        return Err(error);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.finish(py)?;
                    return Ok(None);
                }
            }
        }
    }

    /// Stops the sweep: batches that are finished still come.
    fn stop(&self) {
        self.stop.stop();
    }

    /// Stops the sweep, and drops what was not read.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.stop.stop();
        py.detach(|| self.state().batches = None);
        self.finish(py)
    }

    /// What is known of the sweep once it has ended: results without rows.
    #[getter]
    fn summary(&self, py: Python<'_>) -> Option<Py<Results>> {
        self.state().end.as_ref().map(|end| end.clone_ref(py))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            self.stop.stop();
        }
    }
}
