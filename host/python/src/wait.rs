//! Waiting for the library: it works on a thread of its own, while Python's thread hears signals and tells of progress.
//!
//! Never holds Python's lock while the library works.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, bounded};
use host::sweep::Stop;
use pyo3::{exceptions::PyKeyboardInterrupt, prelude::*};

use crate::{
    errors::{Class, Failure},
    signals,
};

/// How often the waiting thread looks for signals.
const WAKE: Duration = Duration::from_millis(20);

/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// The stack of the working thread, in bytes. Guests may use 1 MiB of it.
pub(crate) const STACK: usize = 8 << 20;

/// How far a run is.
#[derive(Debug)]
pub(crate) struct Counts {
    done: AtomicU64,
    /// [`UNKNOWN`] until it is known.
    total: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

impl Default for Counts {
    fn default() -> Self {
        Self { done: AtomicU64::new(0), total: AtomicU64::new(UNKNOWN) }
    }
}

impl Counts {
    /// Notes that `done` tasks are done, of `total` if that is known.
    pub(crate) fn set(&self, done: u64, total: Option<u64>) {
        self.done.store(done, Relaxed);
        self.total.store(total.unwrap_or(UNKNOWN), Relaxed);
    }

    fn get(&self) -> (u64, Option<u64>) {
        let total = self.total.load(Relaxed);
        (self.done.load(Relaxed), (total != UNKNOWN).then_some(total))
    }
}

/// What a run gave, and what Python raised meanwhile: a signal or an error of the callback, which have stopped it.
pub(crate) struct Waited<T> {
    pub(crate) value: T,
    pub(crate) raised: Option<PyErr>,
}

/// Runs `work` on a thread of its own. Signals and errors of `callback` stop it by `stop`; a second Ctrl-C cuts it.
///
/// `callback` gets the number of tasks that are done, and of all or `None`.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    stop: &Stop,
    counts: &Counts,
    callback: Option<&Py<PyAny>>,
    work: impl FnOnce() -> T + Send,
) -> PyResult<Waited<T>> {
    py.detach(|| {
        thread::scope(|scope| {
            let (ended, end) = bounded::<()>(1);
            let work = move || {
                let done = catch_unwind(AssertUnwindSafe(work));
                drop(ended);
                done
            };
            let thread = thread::Builder::new().name("host-python".to_owned()).stack_size(STACK);
            let thread = thread.spawn_scoped(scope, work).map_err(|error| no_thread(&error))?;
            let mut listener = Listener { stop, counts, callback, told: None, last: Instant::now(), raised: None };
            while end.recv_timeout(WAKE) == Err(RecvTimeoutError::Timeout) {
                signals::restore();
                Python::attach(|py| listener.wake(py));
            }
            let value = thread.join().unwrap_or_else(Err).map_err(|panic| bug(&*panic))?;
            Python::attach(|py| listener.tell(py));
            Ok(Waited { value, raised: listener.raised })
        })
    })
}

/// Runs `work`, which nothing can stop, on a thread of its own: a signal that arrives meanwhile is raised at its end.
pub(crate) fn attended<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let Waited { value, raised } = run(py, &Stop::default(), &Counts::default(), None, work)?;
    raised.map_or(Ok(value), Err)
}

/// Says that a thread cannot be started.
pub(crate) fn no_thread(error: &std::io::Error) -> Failure {
    Failure::new(Class::Host, format!("no thread can be started: {error}; raise `ulimit -u`"))
}

/// Says that a panic of the library was caught.
pub(crate) fn bug(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("a panic without a message");
    Failure::new(Class::Host, format!("a bug of the host: {text}; please report it"))
}

struct Listener<'a> {
    stop: &'a Stop,
    counts: &'a Counts,
    callback: Option<&'a Py<PyAny>>,
    told: Option<(u64, Option<u64>)>,
    last: Instant,
    raised: Option<PyErr>,
}

impl Listener<'_> {
    fn wake(&mut self, py: Python<'_>) {
        if let Err(error) = py.check_signals() {
            self.raise(py, error);
        }
        if self.last.elapsed() >= TELL {
            self.tell(py);
            self.last = Instant::now();
        }
    }

    /// Calls the callback, if there is news for it.
    fn tell(&mut self, py: Python<'_>) {
        let now = self.counts.get();
        let Some(callback) = self.callback.filter(|_| self.raised.is_none() && self.told != Some(now)) else { return };
        if now == (0, None) {
            return;
        }
        self.told = Some(now);
        if let Err(error) = callback.call1(py, now) {
            self.raise(py, error);
        }
    }

    fn raise(&mut self, py: Python<'_>, error: PyErr) {
        match self.raised {
            None => {
                self.stop.stop();
                self.raised = Some(error);
            }
            Some(_) if error.is_instance_of::<PyKeyboardInterrupt>(py) => self.stop.cut(),
            Some(_) => {}
        }
    }
}
