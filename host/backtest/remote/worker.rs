//! The worker's side: sets backtests up and runs tasks, as its supervisor asks.
//!
//! Never opens a file by its name. It notes the task that it is about to run in a file that the supervisor reads when the
//! worker has died.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{FromWorker, Setup, ToWorker, WireAnswer, read_account, unreadable};
use crate::{
    backtest::{Backtest, Market, Mode, Runner, Strategy, WorkerState},
    data::Dataset,
    metrics::Metrics,
    model::{Params, wire},
    process::{Connection, MemoryFile, WorkerError, decode, encode, explained},
    sandbox::{CompileError, CompileRequest, Compiled, Events, Plugin, Prepared, SharedFork, Signals, Supervisor},
    task::{Answer, ErrorKind, TaskError, panic_text},
};

/// How long a worker runs tasks before it answers with those that are done.
const SLICE: Duration = Duration::from_millis(20);

/// An answer, and the time that its task took.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) answer: Answer<Metrics>,
    pub(crate) time: Duration,
}

/// Asks the supervisor for code of the plugin of backtest `id`.
#[derive(Debug)]
struct Asking {
    connection: Arc<Connection>,
    id: u64,
}

impl Supervisor for Asking {
    fn compile(&self, request: CompileRequest, memory: Option<MemoryFile>) -> Result<Compiled, CompileError> {
        let ask = || -> Result<_, WorkerError> {
            let files: Vec<_> = memory.iter().map(|memory| &memory.file).collect();
            self.connection.send(&encode(&FromWorker::Compile { id: self.id, request })?, &files)?;
            let frame = self.connection.receive(|| Ok(()))?;
            let frame = frame.ok_or_else(|| WorkerError::Message("the supervisor is gone".to_owned()))?;
            match decode(&frame.bytes)? {
                ToWorker::Compiled(reply) => Ok((reply, frame.files)),
                _ => Err(WorkerError::Message("the supervisor answered something else".to_owned())),
            }
        };
        let (reply, files) = ask().map_err(|error| CompileError::Compiler(error.to_string()))?;
        Compiled::read(reply, &files)
    }
}

/// Serves a supervisor until it is gone. `progress` takes the number of the task that runs.
///
/// # Errors
///
/// Returns an error if the supervisor cannot be talked to.
pub(crate) fn serve(connection: &Arc<Connection>, progress: &File) -> Result<(), WorkerError> {
    let mut backtests: Vec<(u64, Backtest)> = Vec::new();
    let mut state = WorkerState::default();
    while let Some(frame) = connection.receive(|| Ok(()))? {
        match decode(&frame.bytes)? {
            ToWorker::Setup(setup) => {
                let id = setup.id;
                let (ready, files) = match set_up(connection, *setup, frame.files) {
                    Ok((backtest, shared)) => {
                        backtests.push((id, backtest));
                        shared.map_or_else(|| (Ok(None), Vec::new()), |(shared, files)| (Ok(Some(shared)), files))
                    }
                    Err(error) => (Err((error.kind, error.message)), Vec::new()),
                };
                let files: Vec<_> = files.iter().collect();
                connection.send(&encode(&FromWorker::Ready(ready))?, &files)?;
            }
            ToWorker::Batch { id, account, sequence, tasks } => {
                let known = backtests.iter().find(|(known, _)| *known == id);
                let (_, backtest) =
                    known.ok_or_else(|| WorkerError::Message(format!("backtest {id} is not set up")))?;
                let account = account.as_deref().map(read_account).transpose();
                let account = account.map_err(|error| WorkerError::Message(error.to_string()))?;
                let account = account.as_ref().unwrap_or(&backtest.market().settings().account);
                let began = Instant::now();
                let mut done = Vec::with_capacity(tasks.len());
                for (place, params) in (1_u64..).zip(tasks) {
                    progress.write_all_at(&((u64::from(sequence) << 32) | place).to_le_bytes(), 0)?;
                    done.push(WireAnswer::of(run(backtest, account, &mut state, &params.into())));
                    if began.elapsed() >= SLICE {
                        break;
                    }
                }
                connection.send(&encode(&FromWorker::Done(done))?, &[])?;
            }
            ToWorker::Forget(id) => backtests.retain(|(known, _)| *known != id),
            ToWorker::Compiled(_) => return Err(WorkerError::Message("nothing was asked for".to_owned())),
        }
    }
    Ok(())
}

fn run(backtest: &Backtest, account: &crate::broker::Settings, state: &mut WorkerState, params: &Params) -> Timed {
    let began = Instant::now();
    let answer = catch_unwind(AssertUnwindSafe(|| backtest.run_under(account, state, params)));
    let answer = answer.unwrap_or_else(|panic| {
        *state = WorkerState::default();
        let message = format!("a bug of the host: {}", panic_text(&*panic));
        Answer::native(Err(TaskError::new(ErrorKind::Host, message)))
    });
    Timed { answer, time: began.elapsed() }
}

/// What a worker shares after it has prepared a plugin.
type Shared = (SharedFork, Vec<File>);

/// Makes a backtest. If nobody has prepared it yet, prepares it, and returns what the other workers need.
fn set_up(
    connection: &Arc<Connection>,
    setup: Setup,
    files: Vec<File>,
) -> Result<(Backtest, Option<Shared>), TaskError> {
    let Setup { id, series, bars, skipped, settings, benchmark, plugin, is_events, shared } = setup;
    let mut files = files.into_iter();
    let bars_file = files.next().ok_or_else(|| unreadable("the bars are missing"))?;
    let bytes = MemoryFile::read(&bars_file, bars).map_err(unreadable)?;
    let series = wire::series(series, &bytes).ok_or_else(|| unreadable("the bars are damaged"))?;
    // The supervisor has checked them, and knows whether prices below zero are meant.
    let dataset = Dataset::with_negative_prices(series).map_err(unreadable)?;
    let market = Arc::new(Market::checked_against(dataset, skipped, (settings.read()?, benchmark))?);
    let asking = Arc::new(Asking { connection: Arc::clone(connection), id });
    let plugin = plugin.plugin(asking).map_err(unreadable)?;
    let mode = if is_events { Mode::Events } else { Mode::Signals };
    let fork = shared.map(|shared| (shared, files.collect::<Vec<_>>()));
    let is_first = fork.is_none();
    let runner = runner(&plugin, &market, mode, fork)?;
    let shared = is_first.then(|| share(&runner)).transpose()?;
    Ok((Backtest { market, strategy: Strategy::Plugin(plugin), runner }, shared))
}

fn runner(plugin: &Plugin, market: &Market, mode: Mode, fork: Option<Shared>) -> Result<Runner, TaskError> {
    let data = market.dataset().shared();
    Ok(match (mode, fork) {
        (Mode::Signals, None) => Runner::Signals(Prepared::<Signals>::new(plugin, data)?),
        (Mode::Events, None) => Runner::Events(market.give_bars(Prepared::<Events>::new(plugin, data)?)),
        (Mode::Signals, Some((shared, files))) => Runner::Signals(Prepared::of_shared(plugin, data, shared, files)?),
        (Mode::Events, Some((shared, files))) => {
            Runner::Events(market.give_bars(Prepared::of_shared(plugin, data, shared, files)?))
        }
    })
}

fn share(runner: &Runner) -> Result<Shared, TaskError> {
    let shared = match runner {
        Runner::Signals(prepared) => prepared.share(),
        Runner::Events(prepared) => prepared.share(),
        Runner::Native(_) | Runner::NativeEvents(_) | Runner::Processes(_) | Runner::Cluster(..) => {
            return Err(unreadable("it is not a plugin"));
        }
    };
    shared.map_err(|error| {
        let problem = format!("what the plugin has prepared cannot be shared: {}", explained(&error));
        TaskError::new(ErrorKind::Host, problem)
    })
}
