//! Compiling in a process of its own: what the supervisor asks, and what the child answers.
//!
//! Never trusts the child with the cache: it reads what it is given and answers with what is new. It has limits of time,
//! processor time and memory, and is killed when they are over. That bounds what a compilation takes. It does not protect
//! from a compiler that writes wrong code, which is run as it is returned.

use std::{
    fs::File,
    io,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    cancel::Cancel,
    compiler,
    engine::Machine,
    functions::PackStore,
    job::{CompileError, Compiled, Job, Reply, Request},
};
use crate::{
    cache::Pack,
    process::{
        Connection, MemoryFile, Role, Worker, WorkerError, WorkerProgram, decode, encode, is_memory_below, rewrite,
        way_out_of_memory,
    },
};

/// The most memory that a compilation may take, in bytes: an interpreter of 18 MB takes about half of it.
const MEMORY: u64 = 2 << 30;

/// Compiles `job` in a new process of `program`.
pub(super) fn compile(
    program: &WorkerProgram,
    metered: bool,
    job: Job<'_>,
    store: Option<&Arc<PackStore>>,
    (time, cancel, cut): (Duration, &Cancel, &AtomicBool),
) -> Result<Compiled, CompileError> {
    let until = Instant::now() + time;
    let mut over = None;
    let mut go_on = || {
        over = match (cancel.is_cancelled() || cut.load(Ordering::Relaxed), Instant::now() >= until) {
            (true, _) => Some(CompileError::Cancelled),
            (false, true) => Some(too_long(time)),
            (false, false) => return Ok(()),
        };
        Err(io::ErrorKind::TimedOut.into())
    };
    let mut asked = ask(program, metered, job, store, time, &mut go_on);
    if matches!(&asked, Err(WorkerError::Died(death)) if death.is_from_outside()) {
        asked = ask(program, metered, job, store, time, &mut go_on);
    }
    asked.unwrap_or_else(|error| Err(over.unwrap_or_else(|| failed(&error, time))))
}

fn ask(
    program: &WorkerProgram,
    metered: bool,
    job: Job<'_>,
    store: Option<&Arc<PackStore>>,
    time: Duration,
    mut go_on: impl FnMut() -> io::Result<()>,
) -> Result<Result<Compiled, CompileError>, WorkerError> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
    let cpu_seconds = time.as_secs().saturating_add(1).saturating_mul(cores);
    let mut worker = Worker::start(program, &Role::Compiler { cpu_seconds, memory: MEMORY }, &[])?;
    let bytes = MemoryFile::holding(job.bytes)?;
    let pack = store.map(|store| MemoryFile::holding(store.known())).transpose()?;
    let (request, memory) = Request::of(job, metered, pack.as_ref().map(|pack| pack.len))?;
    let files: Vec<_> =
        [Some(&bytes), memory.as_ref(), pack.as_ref()].into_iter().flatten().map(|file| &file.file).collect();
    worker.send(&encode(&request)?, &files, &mut go_on)?;
    let answer = worker.receive(go_on)?;
    match decode::<Result<Reply, CompileError>>(&answer.bytes)? {
        Ok(reply) => Ok(Ok(take(reply, &answer.files, store)?)),
        Err(error) => Ok(Err(error)),
    }
}

fn too_long(time: Duration) -> CompileError {
    let text = format!("it takes more than {} s to compile (`--compile-timeout` sets the limit)", time.as_secs_f64());
    CompileError::Limit(text)
}

/// What the end of a child says about the plugin.
fn failed(error: &WorkerError, time: Duration) -> CompileError {
    match error {
        WorkerError::Died(death) if death.is_out_of_time() => too_long(time),
        WorkerError::Died(death) if death.is_out_of_memory() && is_memory_below(MEMORY) => {
            let cause = way_out_of_memory();
            CompileError::Accident(format!("the process that compiles it gets no more memory{cause}"))
        }
        WorkerError::Died(death) if death.is_out_of_memory() => {
            CompileError::Limit(format!("it takes more than {} MiB of memory to compile", MEMORY >> 20))
        }
        WorkerError::Died(death) if death.is_from_outside() => {
            let cause = "; the system ends processes so when its memory runs out; try again when it has more";
            CompileError::Accident(format!("the process that compiled it {death}, twice{cause}"))
        }
        WorkerError::Died(death) if death.is_shortage() => {
            CompileError::Accident(format!("the process that compiles it {death}"))
        }
        WorkerError::Died(death) => CompileError::Compiler(format!("the process that compiled it {death}")),
        other if other.is_shortage() => CompileError::Accident(other.to_string()),
        other => CompileError::Accident(format!("{other}; try again")),
    }
}

/// Takes what a child has made, and what is new among its functions.
fn take(mut reply: Reply, files: &[File], store: Option<&Arc<PackStore>>) -> Result<Compiled, WorkerError> {
    let functions = reply.functions.take();
    let (compiled, rest) = reply.compiled(files)?;
    if let (Some(store), Some((used, len))) = (store, functions) {
        let file = rest.first().ok_or_else(|| WorkerError::Message("the functions are missing".to_owned()))?;
        let new = Pack::read(MemoryFile::read(file, len)?);
        store.take(&used, &new.ok_or_else(|| WorkerError::Message("the functions cannot be read".to_owned()))?);
    }
    Ok(compiled)
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
    let machine = Machine::that_compiles(request.kind(), request.metered);
    let job = Job { kind: request.kind(), bytes: &bytes, what };
    let compiled = match machine {
        Ok(machine) => compiler::compile(&machine, job, store.as_ref()),
        Err(error) => Err(CompileError::Compiler(format!("the compiler does not start: {error:#}"))),
    };
    let (mut reply, mut files) = Compiled::message(compiled.as_ref().map_err(Clone::clone))?;
    if let (Ok(reply), Some(store)) = (&mut reply, store) {
        let (used, new) = store.news();
        reply.functions = Some((used, new.len()));
        files.push(MemoryFile::holding(&new)?);
    }
    let files: Vec<_> = files.iter().map(|file| &file.file).collect();
    Ok(connection.send(&encode(&reply)?, &files)?)
}

/// Reads `bytes` as what the child gets, and as what it answers, and writes each again.
pub(crate) fn rewrite_messages(bytes: &[u8]) -> [Result<Vec<u8>, WorkerError>; 2] {
    if let Ok(request) = decode::<Request>(bytes) {
        let captured = request.captured(&[0; 64][..request.memory().unwrap_or(0).min(64)]);
        let _ = request.what(captured.as_ref());
    }
    [rewrite::<Request>(bytes), rewrite::<Result<Reply, CompileError>>(bytes)]
}
