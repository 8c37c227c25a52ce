//! Compiling in a process of its own: what the supervisor asks, and what the child answers.
//!
//! Never trusts the child with the cache: it reads what it is given and answers with what is new. It has limits of time,
//! processor time and memory, and is killed when they are over. That bounds what a compilation takes. It does not protect
//! from a compiler that writes wrong code, which is run as it is returned.

use std::{
    fs::File,
    io,
    num::NonZeroUsize,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    cancel::Cancel,
    capture::{Captured, Globals},
    compiler::{CompileError, Compiled, Job, What, compile as compile_here},
    engine::{Machine, MachineKind},
    functions::PackStore,
};
use crate::{
    cache::Pack,
    process::{Connection, MemoryFile, Role, Worker, WorkerError, WorkerProgram, decode, encode},
};

/// The most memory that a compilation may take, in bytes: an interpreter of 18 MB takes about half of it.
const MEMORY: u64 = 2 << 30;

/// What the supervisor asks. The files beside it are the plugin's bytes, the content of memories if they are captured, and the
/// pack of functions if there is one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    kind: MachineKind,
    metered: bool,
    bytes: usize,
    what: Wanted,
    /// The length of the pack; `None` compiles without the function cache.
    functions: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Wanted {
    Plugin,
    Hollow {
        globals: Globals,
        minimum: usize,
    },
    /// The state, with the length of each memory instead of its content.
    Snapshot {
        globals: Globals,
        memories: Vec<(String, usize)>,
    },
}

/// What the child answers. The files beside it are the code and, if there was a pack, a pack of what is new.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    code: usize,
    refusal: String,
    /// Positions of the pack that were used, and the length of the new one.
    functions: Option<(Vec<u32>, usize)>,
}

impl Request {
    /// What is asked for `job`, and the content of memories if they are captured.
    pub(super) fn of(job: Job<'_>, metered: bool, functions: Option<usize>) -> io::Result<(Self, Option<MemoryFile>)> {
        let (what, memory) = match job.what {
            What::Plugin => (Wanted::Plugin, None),
            What::Hollow { globals, minimum } => (Wanted::Hollow { globals: globals.clone(), minimum }, None),
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
            Wanted::Snapshot { memories, .. } => Some(memories.iter().map(|(_, len)| len).sum()),
            Wanted::Plugin | Wanted::Hollow { .. } => None,
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
            (Wanted::Hollow { globals, minimum }, None) => What::Hollow { globals, minimum: *minimum },
            (Wanted::Plugin | Wanted::Snapshot { .. }, None) => What::Plugin,
        }
    }
}

impl Compiled {
    /// The compiled code as a message and a file.
    pub(crate) fn message(
        outcome: Result<&Self, CompileError>,
    ) -> io::Result<(Result<Reply, CompileError>, Option<MemoryFile>)> {
        let compiled = match outcome {
            Ok(compiled) => compiled,
            Err(error) => return Ok((Err(error), None)),
        };
        let code = MemoryFile::holding(&compiled.code)?;
        let reply = Reply { code: code.len, refusal: compiled.refusal.clone(), functions: None };
        Ok((Ok(reply), Some(code)))
    }

    /// Reads what [`message`](Self::message) has made.
    pub(crate) fn read(reply: Result<Reply, CompileError>, files: &[File]) -> Result<Self, CompileError> {
        take(reply?, files, None).map_err(|error| CompileError::Compiler(error.to_string()))
    }
}

/// Compiles `job` in a new process of `program`.
pub(super) fn compile(
    program: &WorkerProgram,
    metered: bool,
    job: Job<'_>,
    store: Option<&Arc<PackStore>>,
    (time, cancel): (Duration, &Cancel),
) -> Result<Compiled, CompileError> {
    let until = Instant::now() + time;
    let mut over = None;
    let go_on = || {
        over = match (cancel.is_cancelled(), Instant::now() >= until) {
            (true, _) => Some(CompileError::Cancelled),
            (false, true) => Some(too_long(time)),
            (false, false) => return Ok(()),
        };
        Err(io::ErrorKind::TimedOut.into())
    };
    let asked = ask(program, metered, job, store, time, go_on);
    asked.unwrap_or_else(|error| Err(over.unwrap_or_else(|| failed(&error, time))))
}

fn ask(
    program: &WorkerProgram,
    metered: bool,
    job: Job<'_>,
    store: Option<&Arc<PackStore>>,
    time: Duration,
    go_on: impl FnMut() -> io::Result<()>,
) -> Result<Result<Compiled, CompileError>, WorkerError> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
    let cpu_seconds = time.as_secs().saturating_add(1).saturating_mul(cores);
    let mut worker = Worker::start(program, &Role::Compiler { cpu_seconds, memory: MEMORY }, &[])?;
    let bytes = MemoryFile::holding(job.bytes)?;
    let pack = store.map(|store| MemoryFile::holding(store.known())).transpose()?;
    let (request, memory) = Request::of(job, metered, pack.as_ref().map(|pack| pack.len))?;
    let files: Vec<_> =
        [Some(&bytes), memory.as_ref(), pack.as_ref()].into_iter().flatten().map(|file| &file.file).collect();
    worker.send(&encode(&request)?, &files)?;
    let answer = worker.receive(go_on)?;
    match decode::<Result<Reply, CompileError>>(&answer.bytes)? {
        Ok(reply) => Ok(Ok(take(reply, &answer.files, store)?)),
        Err(error) => Ok(Err(error)),
    }
}

/// Takes what a child has made.
fn take(reply: Reply, files: &[File], store: Option<&Arc<PackStore>>) -> Result<Compiled, WorkerError> {
    let file = |at: usize| files.get(at).ok_or_else(|| WorkerError::Message("a file is missing".to_owned()));
    let code = MemoryFile::read(file(0)?, reply.code)?;
    if let (Some(store), Some((used, len))) = (store, reply.functions) {
        let new = Pack::read(MemoryFile::read(file(1)?, len)?);
        store.take(&used, &new.ok_or_else(|| WorkerError::Message("the functions cannot be read".to_owned()))?);
    }
    Ok(Compiled { code, refusal: reply.refusal })
}

fn too_long(time: Duration) -> CompileError {
    let text = format!("it takes more than {} s to compile (`--compile-timeout` sets the limit)", time.as_secs_f64());
    CompileError::Compiler(text)
}

/// What the end of a child says about the plugin.
fn failed(error: &WorkerError, time: Duration) -> CompileError {
    match error {
        WorkerError::Died(death) if death.is_out_of_time() => too_long(time),
        WorkerError::Died(death) if death.is_out_of_memory() => {
            CompileError::Compiler(format!("it takes more than {} MiB of memory to compile", MEMORY >> 20))
        }
        WorkerError::Died(death) => CompileError::Compiler(format!("the process that compiled it {death}")),
        other => CompileError::Compiler(other.to_string()),
    }
}

/// Answers one request, as the child.
///
/// # Errors
///
/// Returns an error if the supervisor cannot be talked to.
pub(crate) fn serve(connection: &Connection) -> Result<(), WorkerError> {
    let Some(frame) = connection.receive(|| Ok(()))? else { return Ok(()) };
    let request: Request = decode(&frame.bytes)?;
    let mut files = frame.files.into_iter();
    let mut next = |len: usize| -> Result<_, WorkerError> {
        let file = files.next().ok_or_else(|| WorkerError::Message("a file is missing".to_owned()))?;
        Ok(MemoryFile::read(&file, len)?)
    };
    let bytes = next(request.bytes)?;
    let memory = request.memory().map(&mut next).transpose()?;
    let captured = request.captured(memory.as_deref().unwrap_or_default());
    let known = request.functions.map(&mut next).transpose()?;
    let store = known.map(|pack| Arc::new(PackStore::new(Pack::read(pack).unwrap_or_default())));
    let what = request.what(captured.as_ref());
    let machine = Machine::that_compiles(request.kind, request.metered);
    let job = Job { kind: request.kind, bytes: &bytes, what };
    let compiled = match machine {
        Ok(machine) => compile_here(&machine, job, store.as_ref()),
        Err(error) => Err(CompileError::Compiler(format!("the compiler does not start: {error:#}"))),
    };
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(error) => return Ok(connection.send(&encode(&Err::<Reply, _>(error))?, &[])?),
    };
    let code = MemoryFile::holding(&compiled.code)?;
    let news = store.map(|store| store.news());
    let new = news.as_ref().map(|(_, pack)| MemoryFile::holding(pack)).transpose()?;
    let functions = news.map(|(used, pack)| (used, pack.len()));
    let reply = Reply { code: code.len, refusal: compiled.refusal, functions };
    let files: Vec<_> = std::iter::once(&code.file).chain(new.as_ref().map(|new| &new.file)).collect();
    Ok(connection.send(&encode(&Ok::<_, CompileError>(reply))?, &files)?)
}
