//! The supervisor's end of a worker process: start, talk, and how it died.
//!
//! Never starts a worker again by itself.

use std::{
    env,
    fs::File,
    io::{self, Read as _, Seek as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
};

use super::{ARGUMENT, Connection, Frame, Role, WRITTEN_PAGES, WorkerProgram, encode, memory_file, parent, shortage};

/// The last bytes of what a worker wrote to standard error that are told.
const LAST_WORDS: u64 = 2000;

/// Why a worker does not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// It does not start.
    #[error("the worker process `{program}` does not start: {source}{}", shortage::way_out_of(source))]
    Start {
        /// The program.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// The socket fails.
    #[error("the worker process cannot be talked to: {source}{}", shortage::way_out_of(source))]
    Socket {
        /// The system's error.
        #[from]
        source: io::Error,
    },
    /// It has ended.
    #[error("the worker process {0}")]
    Died(Death),
    /// It speaks another version of the protocol.
    #[error(
        "the worker process speaks version {found} of the protocol, and this program version {expected}; give the worker of the same release"
    )]
    Version {
        /// Its version.
        found: u32,
        /// This program's version.
        expected: u32,
    },
    /// A message cannot be written or read.
    #[error("a message of the worker process is damaged: {0}")]
    Message(String),
}

impl WorkerError {
    /// A worker of `program` does not start because of `source`.
    pub(crate) fn start(program: &WorkerProgram, source: io::Error) -> Self {
        Self::Start { program: program.path.display().to_string(), source }
    }

    /// Whether the system has no room for one more process, thread or open file.
    pub(crate) fn is_shortage(&self) -> bool {
        match self {
            Self::Start { source, .. } | Self::Socket { source } => shortage::is_one(source),
            Self::Died(death) => death.is_shortage(),
            Self::Version { .. } | Self::Message(_) => false,
        }
    }
}

/// How a worker process ended, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    signal: Option<i32>,
    code: Option<i32>,
    last_words: String,
}

impl Death {
    fn of(status: ExitStatus, last_words: String) -> Self {
        Self { signal: status.signal(), code: status.code(), last_words }
    }

    /// Whether someone else has probably ended it: no code of its own raises these signals.
    pub(crate) fn is_from_outside(&self) -> bool {
        use nix::libc::{SIGHUP, SIGINT, SIGKILL, SIGTERM};
        self.signal.is_some_and(|signal| [SIGKILL, SIGINT, SIGTERM, SIGHUP].contains(&signal))
    }

    /// Whether it ended because the system has no room for it.
    pub(crate) fn is_shortage(&self) -> bool {
        self.code == Some(shortage::EXIT_CODE)
    }

    /// Whether it ended because it had used up its processor time.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.signal == Some(nix::libc::SIGXCPU)
    }

    /// Whether it ended because it got no more memory.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.signal == Some(nix::libc::SIGABRT) && self.last_words.contains("memory allocation")
    }
}

impl std::fmt::Display for Death {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.signal, self.code) {
            (Some(number), _) => match nix::sys::signal::Signal::try_from(number) {
                Ok(signal) => write!(f, "died of {signal}")?,
                Err(_) => write!(f, "died of signal {number}")?,
            },
            (None, Some(shortage::EXIT_CODE)) => {
                write!(f, "got no further thread, file or memory from the system{}", shortage::way_out())?;
            }
            (None, Some(code)) => write!(f, "ended with code {code}")?,
            (None, None) => f.write_str("ended")?,
        }
        if self.last_words.is_empty() { Ok(()) } else { write!(f, "; its last words: {}", self.last_words) }
    }
}

/// A worker process. When it is dropped, the process is killed.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    connection: Connection,
    errors: File,
}

impl Worker {
    /// Starts `program` as a worker of `role`, without environment and without other descriptors than its socket.
    pub(crate) fn start(program: &WorkerProgram, role: &Role, files: &[&File]) -> Result<Self, WorkerError> {
        let start = || {
            let (connection, theirs) = Connection::pair()?;
            let errors = memory_file()?;
            let mut command = Command::new(&program.path);
            // In a group of its own, since Ctrl-C on a terminal is for whoever supervises.
            command.args(&program.arguments).arg(ARGUMENT).env_clear().process_group(0);
            command.envs(env::var_os(WRITTEN_PAGES).map(|value| (WRITTEN_PAGES, value)));
            command.stdin(theirs).stdout(Stdio::null()).stderr(errors.try_clone()?);
            Ok(Self { child: parent::spawn(command)?, connection, errors })
        };
        let mut worker = start().map_err(|source| WorkerError::start(program, source))?;
        worker.send(&encode(role)?, files, || Ok(()))?;
        Ok(worker)
    }

    /// Sends a frame. While the worker does not take it, asks `go_on` again and again, whose error ends the wait.
    pub(crate) fn send(
        &mut self,
        bytes: &[u8],
        files: &[&File],
        go_on: impl FnMut() -> io::Result<()>,
    ) -> Result<(), WorkerError> {
        match self.connection.send_while(bytes, files, go_on) {
            Err(error) if is_gone(&error) => Err(self.died()),
            sent => Ok(sent?),
        }
    }

    /// Waits for a frame. While it waits, it asks `go_on` again and again, whose error ends the wait.
    pub(crate) fn receive(&mut self, go_on: impl FnMut() -> io::Result<()>) -> Result<Frame, WorkerError> {
        match self.connection.receive(go_on)? {
            Some(frame) => Ok(frame),
            None => Err(self.died()),
        }
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Why nothing comes any more. A worker that has only closed its socket is killed.
    fn died(&mut self) -> WorkerError {
        // The end of the socket comes a moment before the end of the process.
        for _ in 0..100 {
            match self.child.try_wait() {
                Ok(Some(status)) => return WorkerError::Died(Death::of(status, self.last_words())),
                Ok(None) => {}
                Err(error) => return WorkerError::from(error),
            }
            #[expect(clippy::disallowed_methods, reason = "a process that ends has no event to wait for with a limit")]
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => WorkerError::Died(Death::of(status, self.last_words())),
            Err(error) => WorkerError::from(error),
        }
    }

    /// The end of what it wrote to standard error, on one line.
    fn last_words(&mut self) -> String {
        let mut bytes = Vec::new();
        let len = self.errors.metadata().map_or(0, |file| file.len());
        let read = self.errors.seek(io::SeekFrom::Start(len.saturating_sub(LAST_WORDS)));
        // What cannot be read is not told; how the process ended is.
        let _ = read.and_then(|_| self.errors.read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes);
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Until it was waited for, its number cannot be that of another process.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
