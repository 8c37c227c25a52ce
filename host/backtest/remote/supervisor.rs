//! The supervisor's side: workers that prepare and run tasks, and what their deaths mean.
//!
//! Never blames a task for a death that it had no part in. A worker notes the task that it is about to run. If it dies, that
//! task is suspected: the tasks before it run again, then the suspect runs alone in a new worker, up to [`TRIES`] times. If a
//! worker dies each time, the task has crashed. A task that makes its worker hang is killed by its own clock in the worker;
//! where even that fails, the supervisor kills the worker.

use std::{
    fmt,
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    FromWorker, Setup, Timed, ToWorker, WireAnswer, WireError, WireSettings,
    pool::{Pool, RemoteWorker},
    unreadable, write_account,
};
use crate::{
    backtest::{Market, Mode},
    broker,
    model::{Params, wire},
    process::{Frame, MemoryFile, Role, Worker, WorkerError, WorkerProgram, decode, encode, memory_file},
    sandbox::{CompileRequest, Compiled, Forking, Limits, Plugin, SharedFork},
    task::{Answer, ErrorKind, TaskError},
};

/// How often a task runs alone before its workers' deaths are its own fault.
const TRIES: usize = 3;

/// The same where the workers were killed from outside, which may be chance.
const KILLED_TRIES: usize = 10;

/// How many workers may fail to start or to be set up, one after the other.
const STARTS: usize = 3;

/// Backtests that one worker keeps: symbols that run alone follow each other.
const KEPT: usize = 8;

/// What a worker may be late by its own clock, before its supervisor kills it.
const GRACE: Duration = Duration::from_secs(5);

/// Files that this process can open after the start of a worker that is not its only one.
const SPARE_FILES: usize = 24;

/// Memory of a worker beside its guests and their bars: code, and what runs it.
const OWN_MEMORY: u64 = 1 << 30;

/// A plugin that is prepared in worker processes.
pub(crate) struct RemoteBacktest {
    program: WorkerProgram,
    plugin: Plugin,
    setup: Setup,
    bars: MemoryFile,
    /// What the worker that has prepared shares with the others.
    shared: Vec<File>,
    forking: Forking,
    mode: Mode,
    /// How long preparing took, without what was compiled meanwhile.
    prepared_in: Duration,
    pool: Arc<Pool>,
    cut: Arc<AtomicBool>,
}

/// A worker's answer to its setup, the files that come with it, and how long that took, without what was compiled meanwhile.
type Ready = (Result<Option<SharedFork>, WireError>, Vec<File>, Duration);

/// Why a batch has no answer.
enum Failure {
    /// The worker died; the place of the task that it ran, if it ran one.
    Died(WorkerError, Option<usize>),
    /// The task at this place took so long that the worker was killed.
    Hung(usize),
    /// All tasks are cut.
    Cut,
}

impl RemoteBacktest {
    /// Prepares `plugin` on `market` in a worker process of `program`.
    pub(crate) fn new(
        program: &WorkerProgram,
        market: &Market,
        plugin: &Plugin,
        mode: Mode,
    ) -> Result<Self, TaskError> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let series = market.dataset().series();
        let bars = MemoryFile::holding(&wire::columns(series))
            .map_err(|source| TaskError::new(ErrorKind::Host, WorkerError::start(program, source).to_string()))?;
        let setup = Setup {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            series: series.iter().map(wire::WireSeries::from).collect(),
            bars: bars.len,
            skipped: market.skipped.clone(),
            settings: WireSettings::of(market.settings())?,
            benchmark: market.benchmark_returns(),
            plugin: plugin.parts(),
            is_events: mode == Mode::Events,
            shared: None,
        };
        let mut remote = Self {
            program: program.clone(),
            plugin: plugin.clone(),
            setup,
            bars,
            shared: Vec::new(),
            forking: Forking::CopyOnWrite,
            mode,
            prepared_in: Duration::ZERO,
            pool: Pool::of_this_process(),
            cut: plugin.sandbox().cut_flag(),
        };
        remote.prepare()?;
        Ok(remote)
    }

    /// Lets a worker prepare, and takes what it shares. If the worker dies, another one tries, up to [`STARTS`] times.
    fn prepare(&mut self) -> Result<(), TaskError> {
        let crashed = |error: &WorkerError| {
            let kind = if matches!(error, WorkerError::Died(_)) { ErrorKind::Crash } else { ErrorKind::Host };
            TaskError::new(kind, format!("in `prepare`: {error}"))
        };
        let limits = self.limits();
        let most = limits.prepare_timeout + 3 * limits.timeout + GRACE;
        let mut tries = 0;
        let (worker, (ready, files)) = loop {
            match self.ready(most) {
                Ok((worker, Some((ready, files, time)))) => {
                    self.prepared_in = time;
                    break (worker, (ready, files));
                }
                Ok((_, None)) => return Err(unreadable("a worker knows the plugin before it was prepared")),
                Err(WorkerError::Died(_)) if tries + 1 < STARTS => tries += 1,
                Err(error) => return Err(crashed(&error)),
            }
        };
        let shared = ready.map_err(|(kind, message)| TaskError { kind, message })?;
        let shared = shared.ok_or_else(|| unreadable("the worker has prepared nothing"))?;
        shared.check(&files).map_err(|error| crashed(&error))?;
        self.forking = shared.forking();
        self.setup.shared = Some(shared);
        self.shared = files;
        self.pool.give(worker);
        Ok(())
    }

    /// How forks come about in the workers.
    pub(crate) fn forking(&self) -> &Forking {
        &self.forking
    }

    /// The mode that it runs in.
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Runs `tasks` in a worker, which is started if need be, and answers them in their order. `kept` keeps the workers that
    /// wait for tasks beyond this backtest.
    pub(crate) fn run(
        &self,
        kept: &mut Option<Arc<Pool>>,
        account: Option<&broker::Settings>,
        tasks: &[&Params],
    ) -> Vec<Timed> {
        kept.get_or_insert_with(|| Arc::clone(&self.pool));
        let mut slot = None;
        let done = self.run_in(&mut slot, account, tasks);
        if let Some(worker) = slot {
            self.pool.give(worker);
        }
        done
    }

    fn run_in(
        &self,
        slot: &mut Option<RemoteWorker>,
        account: Option<&broker::Settings>,
        tasks: &[&Params],
    ) -> Vec<Timed> {
        let account = match account.map(write_account).transpose() {
            Ok(account) => account,
            Err(error) => return tasks.iter().map(|_| failed(error.clone())).collect(),
        };
        let mut done: Vec<Timed> = Vec::with_capacity(tasks.len());
        // The task that is suspected, and how often it has run alone.
        let mut suspect: Option<(usize, usize)> = None;
        let mut starts = 0;
        while done.len() < tasks.len() {
            let from = done.len();
            let to = match suspect {
                Some((at, _)) if at > from => at,
                Some((at, _)) if at == from => from + 1,
                _ => tasks.len(),
            };
            match self.batch(slot, account.as_deref(), &tasks[from..to]) {
                Ok(answers) => {
                    starts = 0;
                    done.extend(answers);
                    suspect = suspect.filter(|(at, _)| *at >= done.len());
                }
                Err(failure) => {
                    *slot = None;
                    match &failure {
                        Failure::Cut => done.extend(tasks[from..].iter().map(|_| failed(late(self.limits())))),
                        Failure::Hung(place) | Failure::Died(_, Some(place)) => {
                            let at = from + *place;
                            let was_alone = suspect.is_some_and(|(suspected, _)| suspected == at && from == at);
                            let tries = suspect.filter(|_| was_alone).map_or(0, |(_, tries)| tries + 1);
                            suspect = Some((at, tries));
                            if let Some(error) = verdict(&failure, tries, self.limits()) {
                                done.push(failed(error));
                                suspect = None;
                            }
                        }
                        Failure::Died(error, None) => {
                            starts += 1;
                            if starts >= STARTS || error.is_shortage() {
                                let error = TaskError::new(ErrorKind::Host, error.to_string());
                                done.extend(tasks[from..].iter().map(|_| failed(error.clone())));
                            }
                        }
                    }
                }
            }
        }
        done
    }

    fn limits(&self) -> &Limits {
        self.plugin.sandbox().limits()
    }

    /// Lets the worker of `slot` run the first of `tasks`, as many as fit into its slice of time.
    fn batch(
        &self,
        slot: &mut Option<RemoteWorker>,
        account: Option<&str>,
        tasks: &[&Params],
    ) -> Result<Vec<Timed>, Failure> {
        let not_begun = |error| Failure::Died(error, None);
        let worker = match slot {
            Some(worker) => worker,
            None => {
                let (worker, set_up) = self.ready(self.limits().prepare_timeout + GRACE).map_err(not_begun)?;
                if let Some((Err((kind, message)), ..)) = set_up {
                    return Err(not_begun(WorkerError::Message(TaskError { kind, message }.to_string())));
                }
                slot.insert(worker)
            }
        };
        worker.sequence = worker.sequence.wrapping_add(1);
        let (id, sequence) = (self.setup.id, worker.sequence);
        let forms = tasks.iter().map(|params| wire::WireParams::from(*params)).collect();
        let message = ToWorker::Batch { id, account: account.map(str::to_owned), sequence, tasks: forms };
        let (most, began) = (self.longest_task(), Instant::now());
        let mut is_over = false;
        let go_on = || {
            is_over = self.cut.load(Ordering::Relaxed) || began.elapsed() > most;
            if is_over { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
        };
        let sent = encode(&message).and_then(|bytes| worker.worker.send(&bytes, &[], go_on));
        let received = if is_over { Ok(None) } else { sent.and_then(|()| self.answers(worker)) };
        match received {
            Ok(Some(answers)) if (1..=tasks.len()).contains(&answers.len()) => Ok(answers),
            Ok(Some(_)) => Err(not_begun(WorkerError::Message("another number of answers than tasks".to_owned()))),
            Ok(None) if self.cut.load(Ordering::Relaxed) => Err(Failure::Cut),
            Ok(None) => Err(match worker.running().filter(|place| *place < tasks.len()) {
                Some(place) => Failure::Hung(place),
                None => not_begun(WorkerError::Message("it did not begin a task in time, and was killed".to_owned())),
            }),
            Err(error) => Err(Failure::Died(error, worker.running().filter(|place| *place < tasks.len()))),
        }
    }

    /// Waits for the answers to a batch; `None` if the worker hangs, or everything is cut.
    fn answers(&self, worker: &mut RemoteWorker) -> Result<Option<Vec<Timed>>, WorkerError> {
        let most = self.longest_task();
        let RemoteWorker { worker, progress, .. } = worker;
        let mut seen = (word(progress), Instant::now());
        loop {
            let mut is_over = false;
            let received = worker.receive(|| {
                let now = word(progress);
                if now != seen.0 {
                    seen = (now, Instant::now());
                }
                is_over = self.cut.load(Ordering::Relaxed) || seen.1.elapsed() > most;
                if is_over { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
            });
            if is_over {
                return Ok(None);
            }
            let frame = received?;
            match decode(&frame.bytes)? {
                FromWorker::Done(answers) => {
                    return Ok(Some(answers.into_iter().map(WireAnswer::read).collect()));
                }
                FromWorker::Compile { request, .. } => self.compile(worker, &request, &frame)?,
                FromWorker::Ready(_) => return Err(WorkerError::Message("nothing was to be set up".to_owned())),
            }
            // A compilation here is not the task's time.
            seen.1 = Instant::now();
        }
    }

    /// The longest that one task may take until the worker is killed.
    fn longest_task(&self) -> Duration {
        let limits = self.limits();
        // Where forks share nothing, each task prepares. A task that fails runs once more, for the lines of its failure, in
        // an instance that prepares.
        let prepare = if self.forking.is_shared() { 4 * self.prepared_in } else { 2 * limits.prepare_timeout };
        2 * limits.timeout + prepare + GRACE
    }

    /// A worker that has this backtest: one that waits, or a new one. With its answer if it was set up now, within `most`. Where
    /// the system has no room for a new one, waits for one that others have.
    fn ready(&self, most: Duration) -> Result<(RemoteWorker, Option<Ready>), WorkerError> {
        loop {
            let waiting = self.pool.take(self.setup.id, &self.program, self.memory());
            if waiting.is_none() && self.pool.is_short() && Pool::alive() > 0 {
                self.wait_for_room()?;
                continue;
            }
            let begun = waiting.map_or_else(|| self.started(), Ok).and_then(|mut worker| {
                let is_known = worker.known.contains(&self.setup.id);
                let set_up = if is_known { None } else { Some(self.set_up(&mut worker, most)?) };
                Ok((worker, set_up))
            });
            match begun {
                Err(error) if error.is_shortage() && Pool::alive() > 0 => {
                    self.plugin.sandbox().report_shortage(error.to_string());
                    self.pool.note_shortage();
                }
                begun => return begun,
            }
        }
    }

    /// Waits for a worker of others. One that waits for tasks, but has too little memory for these, ends.
    fn wait_for_room(&self) -> Result<(), WorkerError> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        if !self.pool.drop_unfit(&self.program, self.memory()) {
            self.pool.wait();
        }
        Ok(())
    }

    /// Starts a worker. Beside others, it leaves room for files that this process opens while they run.
    fn started(&self) -> Result<RemoteWorker, WorkerError> {
        let memory = self.memory();
        let room = || -> io::Result<(File, Vec<File>)> {
            let progress = memory_file()?;
            progress.set_len(8)?;
            let spare = if Pool::alive() > 0 { SPARE_FILES } else { 0 };
            let spare = (0..spare).map(|_| progress.try_clone()).collect::<io::Result<_>>()?;
            Ok((progress, spare))
        };
        let (progress, spare) = room().map_err(|source| WorkerError::start(&self.program, source))?;
        let worker = Worker::start(&self.program, &Role::Backtest { memory }, &[&progress])?;
        drop(spare);
        Ok(RemoteWorker::new(worker, self.program.clone(), memory, progress))
    }

    /// The memory that a worker may have, in bytes.
    fn memory(&self) -> u64 {
        let bars = self.bars.len as u64;
        let guest = self.limits().memory_for(self.bars.len / 48) as u64;
        guest.saturating_mul(3).saturating_add(bars.saturating_mul(4)).saturating_add(OWN_MEMORY)
    }

    /// Sets this backtest up in `worker`, within `most`, and returns its answer.
    fn set_up(&self, remote: &mut RemoteWorker, most: Duration) -> Result<Ready, WorkerError> {
        let files: Vec<_> = std::iter::once(&self.bars.file).chain(&self.shared).collect();
        let (mut began, mut took) = (Instant::now(), Duration::ZERO);
        let message = encode(&ToWorker::Setup(Box::new(self.setup.clone())))?;
        remote.worker.send(&message, &files, || self.within(began, most))?;
        loop {
            let frame = remote.worker.receive(|| self.within(began, most))?;
            match decode(&frame.bytes)? {
                FromWorker::Ready(ready) => {
                    if ready.is_ok() {
                        remote.known.push_back(self.setup.id);
                    }
                    if remote.known.len() > KEPT
                        && let Some(oldest) = remote.known.pop_front()
                    {
                        remote.worker.send(&encode(&ToWorker::Forget(oldest))?, &[], || self.within(began, most))?;
                    }
                    return Ok((ready, frame.files, took + began.elapsed()));
                }
                FromWorker::Compile { request, .. } => {
                    took += began.elapsed();
                    self.compile(&mut remote.worker, &request, &frame)?;
                }
                FromWorker::Done(_) => return Err(WorkerError::Message("no task was to be run".to_owned())),
            }
            began = Instant::now();
        }
    }

    /// Refuses to wait longer for a worker that gets ready.
    fn within(&self, began: Instant, most: Duration) -> io::Result<()> {
        match began.elapsed() > most || self.cut.load(Ordering::Relaxed) {
            true => Err(io::Error::other("it did not get ready in time, and was killed")),
            false => Ok(()),
        }
    }

    /// Compiles what a worker asks for, and answers it.
    fn compile(&self, worker: &mut Worker, request: &CompileRequest, frame: &Frame) -> Result<(), WorkerError> {
        let memory = match (request.memory(), frame.files.first()) {
            (Some(len), Some(file)) => Some(MemoryFile::read(file, len)?),
            _ => None,
        };
        let compiled = self.plugin.compile_for_worker(request, memory.as_deref());
        let (reply, files) = Compiled::message(compiled.as_ref().map_err(Clone::clone))?;
        let files: Vec<_> = files.iter().map(|file| &file.file).collect();
        let began = Instant::now();
        worker.send(&encode(&ToWorker::Compiled(reply))?, &files, || self.within(began, self.longest_task()))
    }
}

impl RemoteWorker {
    /// The place in its batch of the task that it has begun last, if that is of the last batch.
    fn running(&self) -> Option<usize> {
        let word = word(&self.progress);
        let place = (word & u64::from(u32::MAX)) as usize;
        (word >> 32 == u64::from(self.sequence)).then(|| place.checked_sub(1)).flatten()
    }
}

/// What the worker has noted of its progress.
fn word(progress: &File) -> u64 {
    let mut bytes = [0; 8];
    // A file that cannot be read says that nothing was begun.
    let _ = progress.read_exact_at(&mut bytes, 0);
    u64::from_le_bytes(bytes)
}

fn failed(error: TaskError) -> Timed {
    Timed { answer: Answer::native(Err(error)), time: Duration::ZERO }
}

fn late(limits: &Limits) -> TaskError {
    let text = format!("stopped after {} s (`--timeout` sets the limit)", limits.timeout.as_secs_f64());
    TaskError::new(ErrorKind::TimedOut, text)
}

fn hung(limits: &Limits) -> TaskError {
    let TaskError { kind, message } = late(limits);
    TaskError { kind, message: format!("{message}; its worker process did not stop by itself, and was killed") }
}

/// The result of a task whose worker did not live through it, after so many `tries` alone; `None` if it is to be tried again.
fn verdict(failure: &Failure, tries: usize, limits: &Limits) -> Option<TaskError> {
    let (error, most) = match failure {
        Failure::Died(error @ WorkerError::Died(death), _) if death.is_from_outside() => (error, KILLED_TRIES),
        Failure::Died(error, _) => (error, TRIES),
        Failure::Hung(_) => return (tries > 0).then(|| hung(limits)),
        Failure::Cut => return None,
    };
    let text = || format!("{error}, each of the {tries} times that it ran this task alone");
    (tries >= most).then(|| TaskError::new(ErrorKind::Crash, text()))
}

impl fmt::Debug for RemoteBacktest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteBacktest").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}
