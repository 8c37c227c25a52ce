//! Compilations: what is compiled, what comes of it, and the messages about it between processes.
//!
//! Never compiles.

use std::{fmt, fs::File, io};

use serde::{Deserialize, Serialize};

use super::{
    capture::{Captured, Globals},
    engine::MachineKind,
};
use crate::process::{MemoryFile, WorkerError};

/// One compilation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) kind: MachineKind,
    pub(super) bytes: &'a [u8],
    pub(super) what: What<'a>,
}

/// What is made of the bytes before Cranelift compiles them.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    /// A plugin as it came: metered, and instrumented by wizer unless wizer refuses it.
    Plugin {
        /// Whether its data become the content of its memory, where that is possible.
        detached: bool,
    },
    /// A plugin as it came: metered, with these globals, without the content of its memory, which has at least so many bytes.
    Hollow {
        /// The state of its globals.
        globals: &'a Globals,
        /// The size of its memory.
        minimum: usize,
        /// Whether it gets a driver, if its strategy allows it.
        drives: bool,
    },
    /// A plugin as it came: metered, in the state of an instance.
    Snapshot(&'a Captured),
}

/// The outcome of a compilation.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// What `Component::deserialize` loads.
    pub(crate) code: Vec<u8>,
    /// Why wizer refuses the plugin; empty if it does not.
    pub(crate) refusal: String,
    /// What the memory of each instance has to begin with, if the code writes no data by itself.
    pub(crate) content: Option<Vec<u8>>,
}

/// Why a plugin does not compile.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
pub(crate) enum CompileError {
    /// The plugin cannot be metered.
    #[error("{0}")]
    Meter(String),
    /// The compiler refuses the plugin, or takes more than it may.
    #[error("{0}")]
    Compiler(String),
    /// It takes more time or memory to compile than it may.
    #[error("{0}")]
    Limit(String),
    /// The code cannot be read.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The code has more of something than a compiler is given.
    #[error("the plugin has {0}")]
    Shape(String),
    /// It was not compiled for a reason that is not the plugin's.
    #[error("{0}")]
    Accident(String),
    /// Nobody waits for it any more.
    #[error("that was cancelled")]
    Cancelled,
}

impl CompileError {
    /// Whether it says nothing about what other ways of compiling the plugin there are: another try, or other limits, may help.
    pub(super) fn is_chance(&self) -> bool {
        matches!(self, Self::Limit(_) | Self::Accident(_) | Self::Cancelled)
    }
}

/// The supervisor of a worker process, as the worker's sandbox sees it.
pub(crate) trait Supervisor: Send + Sync + fmt::Debug {
    /// Has something compiled of the plugin that the worker runs.
    fn compile(&self, request: Request, memory: Option<MemoryFile>) -> Result<Compiled, CompileError>;
}

/// What the supervisor asks. The files beside it are the plugin's bytes, the content of memories if they are captured, and the
/// pack of functions if there is one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    kind: MachineKind,
    pub(super) metered: bool,
    /// The length of the plugin's bytes.
    pub(super) bytes: usize,
    what: Wanted,
    /// The length of the pack; `None` compiles without the function cache.
    pub(super) functions: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Wanted {
    Plugin {
        detached: bool,
    },
    Hollow {
        globals: Globals,
        minimum: usize,
        drives: bool,
    },
    /// The state, with the length of each memory instead of its content.
    Snapshot {
        globals: Globals,
        memories: Vec<(String, usize)>,
    },
}

/// What the child answers. The files beside it are the code, the content of the memory if there is one, and a pack of what is new
/// if there was a pack.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The length of the code.
    pub(super) code: usize,
    pub(super) refusal: String,
    /// The length of the content.
    content: Option<usize>,
    /// Positions of the pack that were used, and the length of the new one.
    pub(super) functions: Option<(Vec<u32>, usize)>,
}

impl Request {
    /// What is asked for `job`, and the content of memories if they are captured.
    pub(super) fn of(job: Job<'_>, metered: bool, functions: Option<usize>) -> io::Result<(Self, Option<MemoryFile>)> {
        let (what, memory) = match job.what {
            What::Plugin { detached } => (Wanted::Plugin { detached }, None),
            What::Hollow { globals, minimum, drives } => {
                (Wanted::Hollow { globals: globals.clone(), minimum, drives }, None)
            }
            What::Snapshot(Captured { globals, memories }) => {
                let lengths = memories.iter().map(|(name, content)| (name.clone(), content.len())).collect();
                let contents: Vec<_> = memories.iter().map(|(_, content)| &content[..]).collect();
                let what = Wanted::Snapshot { globals: globals.clone(), memories: lengths };
                (what, Some(MemoryFile::holding(&contents.concat())?))
            }
        };
        Ok((Self { kind: job.kind, metered, bytes: job.bytes.len(), what, functions }, memory))
    }

    /// The kind of machine to compile for.
    pub(super) fn kind(&self) -> MachineKind {
        self.kind
    }

    /// Bytes of captured memories that come with the request; `None` if none are captured.
    pub(crate) fn memory(&self) -> Option<usize> {
        match &self.what {
            // A sum that is too large is the length of no file.
            Wanted::Snapshot { memories, .. } => {
                Some(memories.iter().fold(0, |sum: usize, (_, len)| sum.saturating_add(*len)))
            }
            Wanted::Plugin { .. } | Wanted::Hollow { .. } => None,
        }
    }

    /// The captured state, if there is one, whose memories are `contents` one after the other.
    pub(super) fn captured(&self, mut contents: &[u8]) -> Option<Captured> {
        let Wanted::Snapshot { globals, memories } = &self.what else { return None };
        let mut cut = |(name, len): &(String, usize)| {
            let (content, rest) = contents.split_at_checked(*len)?;
            contents = rest;
            Some((name.clone(), content.to_vec()))
        };
        let memories = memories.iter().map(&mut cut).collect::<Option<_>>()?;
        Some(Captured { globals: globals.clone(), memories })
    }

    /// What is to be made, of which `captured` is the state.
    pub(super) fn what<'a>(&'a self, captured: Option<&'a Captured>) -> What<'a> {
        match (&self.what, captured) {
            (_, Some(captured)) => What::Snapshot(captured),
            (Wanted::Hollow { globals, minimum, drives }, None) => {
                What::Hollow { globals, minimum: *minimum, drives: *drives }
            }
            (Wanted::Plugin { detached }, None) => What::Plugin { detached: *detached },
            // A state without its memories is not one.
            (Wanted::Snapshot { .. }, None) => What::Plugin { detached: false },
        }
    }
}

impl Reply {
    /// What was compiled, from the first of `files`; and the rest of them.
    pub(super) fn compiled(self, files: &[File]) -> Result<(Compiled, &[File]), WorkerError> {
        let missing = || WorkerError::Message("what was compiled is missing".to_owned());
        let (code, mut rest) = files.split_first().ok_or_else(missing)?;
        let mut content = None;
        if let Some(len) = self.content {
            let (file, behind) = rest.split_first().ok_or_else(missing)?;
            (content, rest) = (Some(MemoryFile::read(file, len)?), behind);
        }
        Ok((Compiled { code: MemoryFile::read(code, self.code)?, refusal: self.refusal, content }, rest))
    }
}

impl Compiled {
    /// The compiled code as a message and files.
    pub(crate) fn message(
        outcome: Result<&Self, CompileError>,
    ) -> io::Result<(Result<Reply, CompileError>, Vec<MemoryFile>)> {
        let compiled = match outcome {
            Ok(compiled) => compiled,
            Err(error) => return Ok((Err(error), Vec::new())),
        };
        let code = MemoryFile::holding(&compiled.code)?;
        let content = compiled.content.as_deref().map(MemoryFile::holding).transpose()?;
        let len = content.as_ref().map(|content| content.len);
        let reply = Reply { code: code.len, refusal: compiled.refusal.clone(), content: len, functions: None };
        Ok((Ok(reply), std::iter::once(code).chain(content).collect()))
    }

    /// Reads what [`message`](Self::message) has made.
    pub(crate) fn read(reply: Result<Reply, CompileError>, files: &[File]) -> Result<Self, CompileError> {
        let read = reply?.compiled(files).map_err(|error| CompileError::Compiler(error.to_string()))?;
        Ok(read.0)
    }
}
