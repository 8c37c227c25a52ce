//! Worker processes: this program started once more, to compile or to run what nobody trusts.
//!
//! Never knows what a worker does. It starts one, exchanges frames and files with it, says how it died, and ends it.
//!
//! A worker is the same program with the argument [`ARGUMENT`]. Its standard input is a socket: frames come and go there, and
//! a frame may carry open files. So a worker never opens anything by name. It inherits no other descriptor and no
//! environment (but for `HOST_WRITTEN_PAGES`), and ends when the other end of its socket is gone.

mod cluster;
mod confine;
mod connection;
mod inherited;
mod memory_file;
mod parent;
mod program;
mod shortage;
mod worker;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::{
    cluster::{Cluster, Lost},
    inherited::ignore_file_size_signal,
    program::{WorkerProgram, is_worker},
    worker::{Death, WorkerError},
};
pub(crate) use self::{
    confine::{LimitError, Profile, Rlimits, limit, lock_calls, lock_files, set_limits},
    connection::{Connection, Frame, read_frames},
    inherited::close_inherited,
    memory_file::{MemoryFile, memory_file},
    parent::end_with_parent,
    shortage::{EXIT_CODE as SHORTAGE, explained, is_memory_below, way_out, way_out_of, way_out_of_memory},
    worker::Worker,
};

/// The version of all frames. It grows with every change of their types, and a worker of another version is refused.
pub(crate) const PROTOCOL: u32 = 6;

/// The variable of the environment that chooses how written pages are found, for tests and measurements. It is the only one
/// that a worker gets.
pub(crate) const WRITTEN_PAGES: &str = "HOST_WRITTEN_PAGES";

/// The argument that makes a program a worker.
pub const ARGUMENT: &str = "__worker";

/// What a worker is for: the first message that it gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// It compiles one plugin, within so many seconds of processor time and bytes of memory.
    Compiler {
        /// Seconds of processor time.
        cpu_seconds: u64,
        /// Bytes of memory.
        memory: u64,
    },
    /// It answers what it is confined to, as one that runs tasks.
    Report,
    /// It prepares plugins and runs tasks, within so many bytes of memory. The file beside it takes the number of the task that
    /// runs.
    Backtest {
        /// Bytes of memory.
        memory: u64,
    },
}

impl Role {
    /// What a worker of this role may take.
    pub(crate) fn limits(&self) -> Rlimits {
        let (cpu_seconds, data_bytes) = match self {
            Self::Compiler { cpu_seconds, memory } => (Some(*cpu_seconds), Some(*memory)),
            Self::Backtest { memory } => (None, Some(*memory)),
            Self::Report => (None, Some(1 << 30)),
        };
        Rlimits { cpu_seconds, data_bytes, ..Rlimits::of_any_worker() }
    }

    /// What a worker of this role does.
    pub(crate) fn profile(&self) -> Profile {
        match self {
            Self::Compiler { .. } => Profile::Compiler,
            Self::Backtest { .. } | Self::Report => Profile::Worker,
        }
    }
}

impl Rlimits {
    /// What holds for a worker before it knows its role.
    pub(crate) fn of_any_worker() -> Self {
        Self { cpu_seconds: None, data_bytes: None, files: FILES }
    }
}

/// Descriptors of a worker: its socket, and files in memory of the backtests that it has.
const FILES: u64 = 64;

/// Asks a worker of `program` what it is confined to.
///
/// # Errors
///
/// Returns an error if no worker starts or answers.
#[cfg(feature = "cli")]
pub(crate) fn confinement(program: &WorkerProgram) -> Result<Vec<confine::Status>, WorkerError> {
    let mut worker = Worker::start(program, &Role::Report, &[])?;
    decode(&worker.receive(|| Ok(()))?.bytes)
}

/// Writes a message as the bytes of a frame: the version, and the value in postcard's format.
///
/// # Errors
///
/// Returns an error if the value has something that postcard cannot write.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, WorkerError> {
    let bytes = postcard::to_extend(value, PROTOCOL.to_le_bytes().to_vec());
    bytes.map_err(|error| WorkerError::Message(error.to_string()))
}

/// Reads what [`encode`] has written.
///
/// # Errors
///
/// Returns an error if the bytes are of another version, are no such message, or go on after it.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WorkerError> {
    let wrong = |what: &str| WorkerError::Message(what.to_owned());
    let (version, rest) = bytes.split_first_chunk().ok_or_else(|| wrong("it ends too soon"))?;
    let version = u32::from_le_bytes(*version);
    if version != PROTOCOL {
        return Err(WorkerError::Version { found: version, expected: PROTOCOL });
    }
    let (value, rest) = postcard::take_from_bytes(rest).map_err(|error| WorkerError::Message(error.to_string()))?;
    if rest.is_empty() { Ok(value) } else { Err(wrong("more bytes follow")) }
}

/// Reads a message and writes it again, for tests of what reads messages.
///
/// # Errors
///
/// Returns an error if the bytes are no such message.
pub(crate) fn rewrite<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<Vec<u8>, WorkerError> {
    encode(&decode::<T>(bytes)?)
}
