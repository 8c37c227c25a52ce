//! Waiting: shows what takes longer than a second, such as compiling a plugin, reading data or preparing a strategy.
//!
//! Never decides what is done, nor how long it may take.

use std::{
    panic,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::Context;
use crate::{
    sandbox::{Plugin, Sandbox},
    sweep::ParallelBacktester,
};

/// What takes less is not shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often one looks whether the text has changed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often a line says how long it takes, where no line can move.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The stack of the thread that works, in bytes: as large as that of the program's.
const STACK: usize = 8 << 20;

impl Context<'_> {
    /// Does `work` on a thread of its own, and shows the text `doing` from the first second on. Returns what it returns.
    ///
    /// # Errors
    ///
    /// Returns an error if the system starts no thread.
    pub(super) fn wait<T: Send>(
        &mut self,
        doing: impl Fn() -> String,
        work: impl FnOnce() -> T + Send,
    ) -> std::io::Result<T> {
        let started = Instant::now();
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            // Named as the thread that waits for it, since messages of panics have the name.
            let thread = thread::Builder::new().name("main".to_owned()).stack_size(STACK);
            let worker = thread.spawn_scoped(scope, move || {
                // It is dropped whether or not the work panics.
                let _done = done;
                work()
            })?;
            if is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let mut shown = self.reporter.patience();
                let mut text = String::new();
                let mut last = started;
                while is_done.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                    let now = doing();
                    if now != text || last.elapsed() >= LINE_EVERY {
                        self.reporter.still(&mut shown, &now, started.elapsed());
                        (text, last) = (now, Instant::now());
                    }
                }
                shown.finish();
            }
            Ok(worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
        })
    }

    /// Loads the plugin `name`, and says so if it takes long.
    pub(super) fn load(&mut self, backtester: &ParallelBacktester, name: &str) -> Result<Plugin> {
        Ok(self.loading(backtester.sandbox(), name, || backtester.load(name))??)
    }

    /// Does `work`, which loads the plugin `name` into `sandbox`, and says so if it takes long.
    pub(super) fn loading<T: Send>(
        &mut self,
        sandbox: &Sandbox,
        name: &str,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T> {
        self.compiling(sandbox, name, "loading", work)
    }

    /// Does `work`, which prepares the plugin `name` of `sandbox`, and says so if it takes long.
    pub(super) fn prepare<T: Send>(
        &mut self,
        sandbox: &Sandbox,
        name: &str,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T> {
        self.compiling(sandbox, name, "preparing", work)
    }

    /// Does `work`, of which compiling is a part, and says afterwards how long that took.
    fn compiling<T: Send>(
        &mut self,
        sandbox: &Sandbox,
        name: &str,
        doing: &str,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T> {
        let before = sandbox.compiled();
        let text = || match sandbox.compiling() {
            Some(bytes) if sandbox.keeps_code() => format!("compiling `{name}` ({}, once)", megabytes(bytes)),
            Some(bytes) => format!("compiling `{name}` ({})", megabytes(bytes)),
            None => format!("{doing} `{name}`"),
        };
        let done = self.wait(text, work)?;
        let time = sandbox.compiled().saturating_sub(before);
        if time >= PATIENCE {
            self.reporter.note(format!("compiled `{name}` in {:.1} s", time.as_secs_f64()));
        }
        Ok(done)
    }
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
