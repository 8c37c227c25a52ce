//! The worker: what this program does when it was started as a worker process.
//!
//! Never opens a file by its name, and never outlives its supervisor.

use std::{
    io::{self, Write as _},
    os::fd::AsFd as _,
    process,
    sync::Arc,
    thread,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{
    backtest,
    process::{
        Connection, LimitError, Rlimits, Role, SHORTAGE, WorkerError, close_inherited, decode, encode, end_with_parent,
        ignore_file_size_signal, is_worker, limit, lock_calls, lock_files, read_frames, rewrite, set_limits,
    },
    sandbox,
};

/// The stack of the thread that compiles or runs guests, in bytes: they may use 1 MiB of it.
const STACK: usize = 8 << 20;

/// Threads that a worker starts at least, besides the one that works.
const SPARE: usize = 2;

/// Turns this process into a worker and ends with it, if it was started as one. A program whose `main` begins with this can
/// compile and run plugins in processes of its own: [`WorkerProgram::this`](crate::process::WorkerProgram::this) is there then.
///
/// # Examples
///
/// ```
/// host::worker::run_if_worker();
/// assert!(host::process::WorkerProgram::this().is_some());
/// ```
pub fn run_if_worker() {
    ignore_file_size_signal();
    if is_worker(std::env::args_os()) {
        serve_as_worker();
    }
}

/// Turns this process into a worker and ends with it, whatever its arguments are. It is for interpreters, which
/// [`WorkerProgram::with_arguments`](crate::process::WorkerProgram::with_arguments) starts; a program begins with
/// [`run_if_worker`].
#[expect(clippy::disallowed_methods, reason = "a worker process is this function")]
pub fn serve_as_worker() -> ! {
    ignore_file_size_signal();
    process::exit(match serve() {
        Ok(()) => 0,
        Err(error) => {
            // The supervisor reads these as the worker's last words.
            let _ = writeln!(io::stderr(), "{error}");
            if error.is_shortage() { SHORTAGE } else { 1 }
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "a worker has no use for its caller's folder, which it would keep busy")]
fn serve() -> Result<(), WorkerError> {
    close_inherited();
    end_with_parent()?;
    std::env::set_current_dir("/")?;
    let wrong = |error: LimitError| WorkerError::Message(error.to_string());
    let limits = limit(&Rlimits::of_any_worker()).map_err(wrong)?;
    sandbox::open_for_forks();
    // Before any thread starts: what landlock takes away is taken from this thread and those that it starts.
    let files = lock_files();
    let connection = Arc::new(Connection::of_worker()?);
    end_with_the_supervisor(&connection)?;
    let Some(first) = connection.receive(|| Ok(()))? else { return Ok(()) };
    let role: Role = decode(&first.bytes)?;
    set_limits(&role.limits()).map_err(wrong)?;
    // Last, and before anything of a stranger is read.
    let calls = lock_calls(role.profile());
    let serve = move || match role {
        Role::Compiler { .. } => sandbox::serve_compilation(&connection),
        Role::Report => Ok(connection.send(&encode(&vec![limits, files, calls])?, &[])?),
        Role::Backtest { .. } => {
            let progress = first.files.into_iter().next();
            let progress = progress.ok_or_else(|| WorkerError::Message("a file is missing".to_owned()))?;
            backtest::serve(&connection, &progress)
        }
    };
    // Whoever is refused the next thread now would be so in the middle of its work.
    for thread in spare()? {
        thread.join().map_err(|_| WorkerError::Message("a bug of the host: a thread panicked".to_owned()))?;
    }
    // Not on the main thread, whose stack is as large as the shell says.
    let thread = thread::Builder::new().name("host-worker".to_owned()).stack_size(STACK).spawn(serve)?;
    thread.join().unwrap_or_else(|_| Err(WorkerError::Message("a bug of the host: the worker panicked".to_owned())))
}

/// Threads at the same time, of which each ends at once: as many as a worker needs besides its own.
fn spare() -> io::Result<Vec<thread::JoinHandle<()>>> {
    let (started, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let start = |_| {
        let wait = Arc::clone(&wait);
        let until = move || drop(wait.lock().map(|wait| wait.recv()));
        thread::Builder::new().stack_size(64 << 10).spawn(until)
    };
    let threads = (0..SPARE).map(start).collect();
    drop(started);
    threads
}

/// Starts the thread that ends this process once the other end of its socket is gone, whatever the process does then.
#[expect(clippy::disallowed_methods, reason = "whatever the other threads do, nobody waits for it")]
fn end_with_the_supervisor(connection: &Connection) -> io::Result<()> {
    let socket = connection.as_fd().try_clone_to_owned()?;
    let wait = move || {
        loop {
            let mut watched = [PollFd::new(socket.as_fd(), PollFlags::empty())];
            match poll(&mut watched, PollTimeout::NONE) {
                Err(nix::Error::EINTR) => {}
                Err(_) | Ok(_) => process::exit(0),
            }
        }
    };
    thread::Builder::new().name("host-supervisor".to_owned()).stack_size(64 << 10).spawn(wait).map(drop)
}

/// The contents of the frames that `bytes` are, as a worker or its supervisor reads them from the socket. For tests of foreign
/// bytes; nothing else has a use for it.
///
/// # Errors
///
/// Returns an error if a header is not one.
#[doc(hidden)]
pub fn frames(bytes: &[u8]) -> Result<Vec<Vec<u8>>, WorkerError> {
    Ok(read_frames(bytes)?)
}

/// Reads `content` as each of the messages that a worker or its supervisor may get, and writes what was read again. For tests
/// of foreign bytes; nothing else has a use for it.
#[doc(hidden)]
pub fn rewritten(content: &[u8]) -> Vec<Result<Vec<u8>, WorkerError>> {
    let role = std::iter::once_with(|| rewrite::<Role>(content));
    let of_compilers = sandbox::rewrite_messages(content);
    role.chain(of_compilers).chain(backtest::rewrite_messages(content)).collect()
}
