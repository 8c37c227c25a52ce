//! Backtests in worker processes: one process prepares a plugin, and each worker runs tasks in a process of its own.
//!
//! Never runs a guest in the process of the supervisor. The messages are here; [`supervisor`] sends tasks and judges deaths,
//! [`worker`] answers. A worker runs the same code as a thread would, so the bits of a result are the same.

mod supervisor;
mod worker;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) use self::supervisor::{RemoteBacktest, RemoteWorker};
pub(crate) use self::worker::{Timed, serve};
use super::{Mode, Settings};
use crate::{
    broker::{self, SettingsSpec},
    metrics::{Metrics, Selection},
    model::wire::{WireParams, WireSeries},
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
        let Settings { account, mode, periods_per_year, risk_free, period, metrics } = settings;
        Ok(Self {
            account: write_account(account)?,
            is_events: mode.map(|mode| mode == Mode::Events),
            periods_per_year: *periods_per_year,
            risk_free: *risk_free,
            period: json(period)?,
            metrics: metrics.names().map(str::to_owned).collect(),
        })
    }

    fn read(&self) -> Result<Settings, TaskError> {
        let Self { account, is_events, periods_per_year, risk_free, period, metrics } = self;
        let mode = |is_events| if is_events { Mode::Events } else { Mode::Signals };
        Ok(Settings {
            account: read_account(account)?,
            mode: is_events.map(mode),
            periods_per_year: *periods_per_year,
            risk_free: *risk_free,
            period: serde_json::from_str(period).map_err(unreadable)?,
            metrics: Selection::of(metrics.iter().map(String::as_str)).map_err(unreadable)?,
        })
    }
}

impl WireAnswer {
    fn of(Timed { answer: Answer { outcome, log, units }, time }: Timed) -> Self {
        let outcome = outcome.map(|metrics| metrics.values().to_vec());
        Self { outcome: outcome.map_err(|error| (error.kind, error.message)), log, units, time }
    }

    fn read(self) -> Timed {
        let Self { outcome, log, units, time } = self;
        let outcome = outcome.map_err(|(kind, message)| TaskError { kind, message }).and_then(|values| {
            let values = values.try_into();
            values.map(Metrics::from_values).map_err(|_| unreadable("the worker has other metrics"))
        });
        Timed { answer: Answer { outcome, log, units }, time }
    }
}
