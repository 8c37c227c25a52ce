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

use super::{CompileError, Compiled, Job, What, compile as compile_here};
use crate::{
    cache::Pack,
    process::{Connection, MemoryFile, Role, Worker, WorkerError, WorkerProgram, decode, encode},
    sandbox::{
        cancel::Cancel,
        capture::Globals,
        engine::{Machine, MachineKind},
        functions::PackStore,
    },
};

/// The most memory that a compilation may take, in bytes: an interpreter of 18 MB takes about half of it.
const MEMORY: u64 = 2 << 30;

/// What the supervisor asks. The files beside it are the plugin's bytes and, if there is one, the pack of functions.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
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
    Hollow { globals: Globals, minimum: usize },
    Finished,
}

/// What the child answers. The files beside it are the code and, if there was a pack, a pack of what is new.
#[derive(Debug, Serialize, Deserialize)]
struct Reply {
    code: usize,
    refusal: String,
    /// Positions of the pack that were used, and the length of the new one.
    functions: Option<(Vec<u32>, usize)>,
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
    let mut worker = Worker::start(program, &Role::Compiler { cpu_seconds, memory: MEMORY })?;
    let bytes = MemoryFile::holding(job.bytes)?;
    let pack = store.map(|store| MemoryFile::holding(store.known())).transpose()?;
    let what = match job.what {
        What::Plugin => Wanted::Plugin,
        What::Hollow { globals, minimum } => Wanted::Hollow { globals: globals.clone(), minimum },
        What::Finished => Wanted::Finished,
    };
    let functions = pack.as_ref().map(|pack| pack.len);
    let request = Request { kind: job.kind, metered, bytes: job.bytes.len(), what, functions };
    let files: Vec<_> = std::iter::once(&bytes.file).chain(pack.as_ref().map(|pack| &pack.file)).collect();
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
    let file = |at: usize| frame.files.get(at).ok_or_else(|| WorkerError::Message("a file is missing".to_owned()));
    let bytes = MemoryFile::read(file(0)?, request.bytes)?;
    let store = match request.functions {
        Some(len) => {
            let known = Pack::read(MemoryFile::read(file(1)?, len)?);
            Some(Arc::new(PackStore::new(known.unwrap_or_default())))
        }
        None => None,
    };
    let what = match &request.what {
        Wanted::Plugin => What::Plugin,
        Wanted::Hollow { globals, minimum } => What::Hollow { globals, minimum: *minimum },
        Wanted::Finished => What::Finished,
    };
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
