//! The bond between a worker process and its parent: the kernel kills the worker when the parent is gone.
//!
//! Never relies on what the worker does then: a process that is stopped (SIGSTOP) does nothing, and is killed all the same.
//!
//! The kernel takes the end of the *thread* that has started a process for the end of its parent. So one thread, which never
//! ends before its process does, starts all workers.

use std::{
    io,
    process::{Child, Command},
    sync::{
        Mutex, PoisonError,
        mpsc::{Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

/// A process to start, and where its handle goes.
type Order = (Command, SyncSender<io::Result<Child>>);

/// The thread that starts workers, with the number of the process that it belongs to: a fork has no threads.
static STARTER: Mutex<Option<(u32, Sender<Order>)>> = Mutex::new(None);

/// Starts `command` on a thread that lasts as long as this process.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    let (answer, answered) = sync_channel(1);
    let gone = || io::Error::other("the thread that starts worker processes has ended");
    starter()?.send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

fn starter() -> io::Result<Sender<Order>> {
    let mut known = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
    let own = std::process::id();
    if let Some((process, orders)) = &*known
        && *process == own
    {
        return Ok(orders.clone());
    }
    let (orders, ordered) = channel::<Order>();
    let start = move || {
        for (mut command, answer) in ordered {
            let started = command.spawn();
            // The worker's end of the socket is the worker's alone, before anyone waits for its end.
            drop(command);
            // Whoever has ordered it may be gone.
            let _ = answer.send(started);
        }
    };
    thread::Builder::new().name("host-starter".to_owned()).spawn(start)?;
    *known = Some((own, orders.clone()));
    Ok(orders)
}

/// Lets the kernel kill this process when its parent is gone. Where the system cannot, does nothing: the end of the socket
/// ends a worker that is not stopped.
pub(crate) fn end_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    Ok(())
}
