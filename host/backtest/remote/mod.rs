//! Backtests in worker processes: one process prepares a plugin, and each worker runs tasks in a process of its own.
//!
//! Never runs a guest in the process of the supervisor. The messages are here; [`supervisor`] sends tasks and judges deaths,
//! [`worker`] answers. A worker runs the same code as a thread would, so the bits of a result are the same.

mod cluster;
mod pool;
mod supervisor;
mod worker;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) use self::{cluster::ClusterBacktest, pool::Pool, supervisor::RemoteBacktest};
pub(crate) use self::{
    cluster::{Asked, NodeJob, Waiting, read_shard, write_reply},
    worker::{Timed, serve},
};
use super::{Mode, Settings};
use crate::{
    broker::{self, SettingsSpec},
    metrics::{Metrics, ReturnsPeriod, Selection},
    model::{
        Params,
        wire::{self, WireParams, WireSeries},
    },
    process::{WorkerError, decode, rewrite},
    sandbox::{CompileError, CompileReply, CompileRequest, PluginParts, SharedFork},
    task::{Answer, ErrorKind, TaskError},
};

/// A message to a worker.
#[derive(Debug, Serialize, Deserialize)]
enum ToWorker {
    /// Prepare a plugin, or take what another worker has prepared. Files: the bars, then what is shared.
    Setup(Box<Setup>),
    /// Run tasks on the backtest `id`, under another account if there is one.
    Batch { id: u64, account: Option<String>, sequence: u32, tasks: Vec<WireParams> },
    /// The answer to [`FromWorker::Compile`]. Files: the code.
    Compiled(Result<CompileReply, CompileError>),
    /// Drop the backtest `id`.
    Forget(u64),
}

/// A message from a worker.
#[derive(Debug, Serialize, Deserialize)]
enum FromWorker {
    /// Compile something of the plugin that is being set up or run. Files: the content of memories, if they are captured.
    Compile { id: u64, request: CompileRequest },
    /// The backtest is ready. Files: what is shared, if this worker has prepared it.
    Ready(Result<Option<SharedFork>, WireError>),
    /// The first tasks of the batch are done. The others are not begun.
    Done(Vec<WireAnswer>),
}

/// A backtest as a worker needs it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Setup {
    id: u64,
    series: Vec<WireSeries>,
    /// Bytes of the bars.
    bars: usize,
    skipped: Vec<usize>,
    settings: WireSettings,
    /// The returns of the benchmark by days.
    benchmark: Option<Vec<f64>>,
    plugin: PluginParts,
    is_events: bool,
    shared: Option<SharedFork>,
}

/// The settings of runs; the account and the period as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WireSettings {
    account: String,
    is_events: Option<bool>,
    periods_per_year: Option<f64>,
    risk_free: f64,
    period: String,
    metrics: Vec<String>,
    returns: Option<ReturnsPeriod>,
}

/// The class of a failure, and its words.
type WireError = (ErrorKind, String);

/// The answer to one task.
#[derive(Debug, Serialize, Deserialize)]
struct WireAnswer {
    outcome: Result<Vec<Option<f64>>, WireError>,
    log: Vec<String>,
    units: Option<u64>,
    time: Duration,
    returns: Vec<f32>,
}

/// Reads `bytes` as what a worker gets, and as what it answers, and writes each again.
pub(crate) fn rewrite_messages(bytes: &[u8]) -> [Result<Vec<u8>, WorkerError>; 2] {
    match decode(bytes) {
        Ok(ToWorker::Setup(setup)) => {
            // What refuses these has a test of its own: nothing here may panic.
            let _ = (setup.settings.read(), wire::series(setup.series, &[]));
        }
        Ok(ToWorker::Batch { account, tasks, .. }) => {
            let _ = account.as_deref().map(read_account);
            tasks.into_iter().for_each(|task| drop(Params::from(task)));
        }
        _ => {}
    }
    if let Ok(FromWorker::Done(answers)) = decode(bytes) {
        answers.into_iter().for_each(|answer| drop(answer.read()));
    }
    [rewrite::<ToWorker>(bytes), rewrite::<FromWorker>(bytes)]
}

fn json(value: &impl Serialize) -> Result<String, TaskError> {
    serde_json::to_string(value).map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> TaskError {
    TaskError::new(ErrorKind::Host, format!("a setting cannot be passed to a worker process: {error}"))
}

/// Writes an account so that [`read_account`] gives the same one.
fn write_account(account: &broker::Settings) -> Result<String, TaskError> {
    let text = json(&SettingsSpec::from(*account))?;
    match read_account(&text)? == *account {
        true => Ok(text),
        false => Err(unreadable("the account would arrive as another one")),
    }
}

fn read_account(text: &str) -> Result<broker::Settings, TaskError> {
    let spec: SettingsSpec = serde_json::from_str(text).map_err(unreadable)?;
    Ok(spec.apply(broker::Settings::default()))
}

impl WireSettings {
    fn of(settings: &Settings) -> Result<Self, TaskError> {
        // The supervisor has looked the benchmark up, and sends its returns beside the settings.
        let Settings { account, mode, periods_per_year, risk_free, period, metrics, returns, benchmark: _ } = settings;
        Ok(Self {
            account: write_account(account)?,
            is_events: mode.map(|mode| mode == Mode::Events),
            periods_per_year: *periods_per_year,
            risk_free: *risk_free,
            period: json(period)?,
            metrics: metrics.names().map(str::to_owned).collect(),
            returns: *returns,
        })
    }

    fn read(&self) -> Result<Settings, TaskError> {
        let Self { account, is_events, periods_per_year, risk_free, period, metrics, returns } = self;
        let mode = |is_events| if is_events { Mode::Events } else { Mode::Signals };
        Ok(Settings {
            account: read_account(account)?,
            mode: is_events.map(mode),
            periods_per_year: *periods_per_year,
            risk_free: *risk_free,
            period: serde_json::from_str(period).map_err(unreadable)?,
            metrics: Selection::of(metrics.iter().map(String::as_str)).map_err(unreadable)?,
            returns: *returns,
            benchmark: None,
        })
    }
}

impl WireAnswer {
    fn of(Timed { answer: Answer { outcome, log, units, returns }, time }: Timed) -> Self {
        let outcome = outcome.map(|metrics| metrics.values().to_vec());
        Self { outcome: outcome.map_err(|error| (error.kind, error.message)), log, units, time, returns }
    }

    fn read(self) -> Timed {
        let Self { outcome, log, units, time, returns } = self;
        let outcome = outcome.map_err(|(kind, message)| TaskError { kind, message }).and_then(|values| {
            let values = values.try_into();
            values.map(Metrics::from_values).map_err(|_| unreadable("the worker has other metrics"))
        });
        Timed { answer: Answer { outcome, log, units, returns }, time }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        fs,
        path::Path,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{
        backtest::{Benchmark, Market},
        data::Dataset,
        model::Series,
        process::{MemoryFile, Role, encode, read_frames},
        sandbox::{self, Compiled, Limits, Plugin, Prepared, Sandbox, Signals, Supervisor},
    };

    const CORPUS: &str = "tests/fuzz/corpus/frames";

    /// A supervisor in this process, which keeps what it is asked and what it answers.
    #[derive(Debug)]
    struct Recorder {
        plugin: Plugin,
        messages: Mutex<BTreeMap<&'static str, Vec<u8>>>,
    }

    impl Supervisor for Recorder {
        fn compile(&self, request: CompileRequest, memory: Option<MemoryFile>) -> Result<Compiled, CompileError> {
            let memory = memory.map(|memory| MemoryFile::read(&memory.file, memory.len).unwrap());
            let compiled = self.plugin.compile_for_worker(&request, memory.as_deref())?;
            let mut messages = self.messages.lock().unwrap();
            messages.insert("compiler-request", encode(&request).unwrap());
            let (reply, _) = Compiled::message(Ok(&compiled)).unwrap();
            messages.insert("compiler-reply", encode(&reply).unwrap());
            messages.insert("to-compiled", encode(&ToWorker::Compiled(reply)).unwrap());
            messages.insert("from-compile", encode(&FromWorker::Compile { id: 7, request }).unwrap());
            Ok(compiled)
        }
    }

    /// One message of each kind, as a backtest of a bundled strategy sends it.
    fn examples() -> BTreeMap<&'static str, Vec<u8>> {
        let sandbox = Sandbox::new(1, Limits::default()).unwrap();
        let plugin = Plugin::load(&sandbox, Path::new("plugins/momentum/momentum.wasm")).unwrap();
        let data = Dataset::new(vec![Dataset::bundled().unwrap().series()[0].part(0..300)]).unwrap();
        let settings = Settings { benchmark: Some(Benchmark::Hold), ..Settings::default() };
        let market = Market::new(data, settings).unwrap();
        let recorder = Arc::new(Recorder { plugin: plugin.clone(), messages: Mutex::default() });
        let asked = plugin.parts().plugin(Arc::<Recorder>::clone(&recorder)).unwrap();
        let series: Arc<[Series]> = market.dataset().shared();
        let (shared, _) = Prepared::<Signals>::new(&asked, series).unwrap().share().unwrap();
        let setup = Setup {
            id: 7,
            series: market.dataset().series().iter().map(WireSeries::from).collect(),
            bars: wire::columns(market.dataset().series()).len(),
            skipped: vec![3],
            settings: WireSettings::of(market.settings()).unwrap(),
            benchmark: market.benchmark_returns(),
            plugin: plugin.parts(),
            is_events: false,
            shared: Some(shared.clone()),
        };
        let parameters = &plugin.description().parameters;
        let defaults: Params = parameters.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect();
        let account = Some(write_account(&market.settings().account).unwrap());
        let tasks = vec![WireParams::from(&defaults); 2];
        let answer = |outcome| WireAnswer {
            outcome,
            log: vec!["said".to_owned()],
            units: Some(9),
            time: Duration::MAX,
            returns: vec![0.5],
        };
        let failure = (ErrorKind::Trap, "an `unreachable` was executed".to_owned());
        let done = vec![answer(Ok(vec![Some(0.5), None])), answer(Err(failure.clone()))];
        let cancelled: Result<CompileReply, CompileError> = Err(CompileError::Cancelled);
        let mut messages = recorder.messages.lock().unwrap().clone();
        let more: [(_, Result<Vec<u8>, WorkerError>); 9] = [
            ("role-compiler", encode(&Role::Compiler { cpu_seconds: 60, memory: 2 << 30 })),
            ("role-backtest", encode(&Role::Backtest { memory: 3 << 30 })),
            ("to-setup", encode(&ToWorker::Setup(Box::new(setup)))),
            ("to-batch", encode(&ToWorker::Batch { id: 7, account, sequence: 1, tasks })),
            ("to-cancelled", encode(&ToWorker::Compiled(cancelled))),
            ("to-forget", encode(&ToWorker::Forget(7))),
            ("from-ready", encode(&FromWorker::Ready(Ok(Some(shared))))),
            ("from-failed", encode(&FromWorker::Ready(Err(failure)))),
            ("from-done", encode(&FromWorker::Done(done))),
        ];
        messages.extend(more.map(|(name, message)| (name, message.unwrap())));
        messages
    }

    /// Reads `message` as each of the messages that there are, and writes what was read.
    fn rewritten(message: &[u8]) -> impl Iterator<Item = Result<Vec<u8>, WorkerError>> {
        let of_compilers = sandbox::rewrite_messages(message).into_iter();
        of_compilers.chain(rewrite_messages(message)).chain([rewrite::<Role>(message)])
    }

    fn frame(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u32).to_le_bytes(), &[0; 4], message].concat()
    }

    /// The corpus of the fuzz target `frames` has each message; `UPDATE_FUZZ_FRAMES=1` writes it.
    #[test]
    fn every_message_is_read_and_the_corpus_has_each() {
        let examples = examples();
        if std::env::var_os("UPDATE_FUZZ_FRAMES").is_some() {
            fs::create_dir_all(CORPUS).unwrap();
            for (name, message) in &examples {
                fs::write(Path::new(CORPUS).join(name), frame(message)).unwrap();
            }
            let all: Vec<u8> = examples.values().flat_map(|message| frame(message)).collect();
            fs::write(Path::new(CORPUS).join("conversation"), all).unwrap();
        }
        for (name, message) in &examples {
            let is_same = |read: Result<Vec<u8>, WorkerError>| read.is_ok_and(|written| written == *message);
            assert!(rewritten(message).any(is_same), "{name}");
            let kept = fs::read(Path::new(CORPUS).join(name)).unwrap();
            let contents = read_frames(&kept).unwrap();
            assert_eq!(contents.len(), 1, "{name}");
            let is_read = rewritten(&contents[0]).any(|read| read.is_ok());
            assert!(is_read, "`{name}` is of another version: UPDATE_FUZZ_FRAMES=1");
        }
        let all = fs::read(Path::new(CORPUS).join("conversation")).unwrap();
        assert_eq!(read_frames(&all).unwrap().len(), examples.len());
    }
}
