//! Ctrl-C: stops workers, then cuts their tasks, then ends the process.

use std::{
    io::{self, Write},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::exit::Exit;
use crate::sweep::Stop;

/// What Ctrl-C does: once, no more tasks are taken; twice, running ones are cut; the third time the process ends at
/// once. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Mutex<Listeners>>);

/// Whom Ctrl-C reaches.
#[derive(Debug, Default)]
struct Listeners {
    /// The workers that are running.
    stop: Option<Stop>,
    /// A command that ends by itself as soon as it can.
    command: Option<Sender<()>>,
}

/// What the first Ctrl-C says.
const STOPPING: &str = "finishing the tasks that run; Ctrl-C again cuts them";

impl Interrupt {
    /// Stops what is running; ends the process if nothing is, and nothing ends by itself.
    #[expect(clippy::disallowed_methods, reason = "a signal has no `Context`, and the third one must end the process")]
    pub fn interrupt(&self) {
        let listeners = self.listeners();
        let is_heard = listeners.command.as_ref().is_some_and(|command| command.try_send(()).is_ok());
        match &listeners.stop {
            Some(stop) if !stop.is_stopped() => {
                stop.stop();
                // A message that nobody can read is not a failure.
                let _ = writeln!(io::stderr(), "{STOPPING}");
            }
            Some(stop) if !stop.is_cut() => stop.cut(),
            _ if is_heard => {}
            _ => process::exit(Exit::Interrupted.code().into()),
        }
    }

    /// Whether running tasks were cut: what fails then, fails for that.
    pub(super) fn has_cut(&self) -> bool {
        self.listeners().stop.as_ref().is_some_and(Stop::is_cut)
    }

    /// Lets Ctrl-C stop these workers instead of the process.
    pub(super) fn watch(&self, stop: Stop) {
        self.listeners().stop = Some(stop);
    }

    /// Lets Ctrl-C stop no workers any more, since none are running.
    pub(super) fn rest(&self) {
        self.listeners().stop = None;
    }

    /// Returns what hears of Ctrl-C. Whoever listens ends the command; a second one that is not listened to ends the
    /// process.
    pub(super) fn interrupts(&self) -> Receiver<()> {
        let (sender, receiver) = bounded(1);
        self.listeners().command = Some(sender);
        receiver
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
