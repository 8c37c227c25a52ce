//! Ctrl-C: stops the workers, then cuts their tasks, then ends the process. Before a task runs it ends everything.
//!
//! Never loses a finished result before the third Ctrl-C.

use std::{
    io::{self, IsTerminal as _, Read, Write},
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use signal_hook::{consts, low_level::pipe};

use super::{exit::Exit, still_line::ERASE};
use crate::sweep::Stop;

/// The handler of Ctrl-C. The first one starts no more tasks, the second cuts the running ones, the third ends the process
/// at once. While nothing but compiling and preparing goes on, the first one ends that and the process. Cheap to clone; clones
/// share their state.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Mutex<Listeners>>);

/// The listeners to Ctrl-C.
#[derive(Debug, Default)]
struct Listeners {
    /// The workers that are running.
    stop: Option<Stop>,
    /// A command that ends by itself as soon as it can.
    command: Option<Sender<()>>,
}

/// The message of the first Ctrl-C.
const STOPPING: &str = "finishing the running tasks; Ctrl-C again cuts them";

/// How long a command has to end in order where no task ran yet.
const IN_ORDER: Duration = Duration::from_secs(1);

/// Whether an interrupt has the signals of this process.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl Interrupt {
    /// Takes the signals that end a process: Ctrl-C (SIGINT), SIGTERM and SIGHUP. Each one [interrupts](Self::interrupt), on a
    /// thread of its own. Without this call Ctrl-C ends the program at once, and a results file keeps its temporary name.
    ///
    /// # Errors
    ///
    /// Returns an error if another interrupt of this process has them, or if the system does not give them.
    pub fn take_signals(&self) -> io::Result<()> {
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "another command of this process has the signals",
            ));
        }
        let mut signals = signals()?;
        let interrupt = self.clone();
        let listener = move || {
            // One byte for each signal: two that come at once are two.
            while signals.read_exact(&mut [0]).is_ok() {
                interrupt.interrupt();
            }
        };
        thread::Builder::new().name("ctrl-c".to_owned()).spawn(listener)?;
        Ok(())
    }

    /// Stops running workers. Without any, ends the process, unless a command ends itself.
    #[expect(clippy::disallowed_methods, reason = "a signal has no `Context`, and the third one must end the process")]
    pub fn interrupt(&self) {
        let listeners = self.listeners();
        let is_received = listeners.command.as_ref().is_some_and(|command| command.try_send(()).is_ok());
        match &listeners.stop {
            Some(stop) if !is_received && !stop.has_begun() && !stop.is_stopped() => {
                stop.cut();
                // Where no thread starts, the next one ends the process.
                let _ = thread::Builder::new().spawn(|| {
                    thread::sleep(IN_ORDER);
                    process::exit(Exit::Interrupted.code().into())
                });
            }
            Some(stop) if !stop.is_stopped() => {
                stop.stop();
                // A message that cannot be written is not a failure.
                let over_progress = if io::stderr().is_terminal() { ERASE } else { "" };
                let _ = writeln!(io::stderr(), "{over_progress}{STOPPING}");
            }
            Some(stop) if !stop.is_cut() => stop.cut(),
            _ if is_received => {}
            _ => process::exit(Exit::Interrupted.code().into()),
        }
    }

    /// Returns true if running tasks were cut, which explains any later failure.
    pub(super) fn has_cut(&self) -> bool {
        self.listeners().stop.as_ref().is_some_and(Stop::is_cut)
    }

    /// Returns true if it ended the command before a task ran: a failure is nobody's.
    pub(super) fn has_cut_before_tasks(&self) -> bool {
        self.listeners().stop.as_ref().is_some_and(|stop| stop.is_cut() && !stop.has_begun())
    }

    /// Lets Ctrl-C stop these workers instead of the process.
    pub(super) fn watch(&self, stop: Stop) {
        self.listeners().stop = Some(stop);
    }

    /// Ends [`watch`](Self::watch), since no workers are running.
    pub(super) fn rest(&self) {
        self.listeners().stop = None;
    }

    /// Returns a channel of Ctrl-C for a command that ends itself. If the command does not take the first one, the second
    /// ends the process.
    pub(super) fn interrupts(&self) -> Receiver<()> {
        let (sender, receiver) = bounded(1);
        self.listeners().command = Some(sender);
        receiver
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a pipe that has a byte for each signal from now on.
fn signals() -> io::Result<impl Read + Send + 'static> {
    let (signals, handler) = io::pipe()?;
    for signal in [consts::SIGINT, consts::SIGTERM, consts::SIGHUP] {
        pipe::register(signal, handler.try_clone()?)?;
    }
    Ok(signals)
}
