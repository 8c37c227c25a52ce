//! The trace: every message between the broker and a strategy in one run, as a file of JSON lines.
//!
//! Never decides what an order comes to, and never holds more than a line.
//!
//! # Format
//!
//! JSON, one object a line. The first is the [`Header`]. Then messages in the order in which they were sent: what the
//! strategy heard has a field `event`, what it sent before the next event has a field `command`, and how it failed, if it
//! did, has a field `failed`. At last come the lines that it logged (`log`) and one `end`; a trace without that is cut off.
//! What is sent before the first event was sent while the run started. NaN and infinities, which JSON lacks, are written
//! as strings.
//!
//! ```json
//! {"trace":1,"strategy":"rise","version":"0.1.0","symbols":["MSFT"],"params":{"lookback":20}}
//! {"event":"bar","instrument":0,"time":511056000000000000,"open":0.0617,"high":0.0708,"low":0.0617,"close":0.0678}
//! {"command":"target","instrument":0,"exposure":1.0}
//! {"end":{"units":1234,"error":null}}
//! ```

mod read;
mod record;
mod replay;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use read::{Reader, TraceError};
pub use record::{Recorder, Writer};
pub use replay::{Difference, Replayed, replay, replay_failed_start};

use crate::{
    model::{BarEvent, Command, FillEvent, Params, RejectReason, format_time, number},
    task::ErrorKind,
};

/// The format that is written, and the only one that is read.
const FORMAT: u32 = 1;

/// What a trace is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub trace: u32,
    /// The name of the strategy.
    pub strategy: String,
    /// Its version.
    pub version: String,
    /// The hash of the plugin's bytes; Rust code has none.
    #[serde(default)]
    pub plugin_hash: Option<String>,
    /// The hash of the bars.
    #[serde(default)]
    pub data_hash: String,
    /// The instruments, in the order of their indices.
    pub symbols: Vec<String>,
    /// All parameters.
    pub params: Params,
    /// The rules of the account, for the reader.
    #[serde(default)]
    pub account: serde_json::Value,
    /// Units of computing that the run was allowed; `None` where they were not counted.
    #[serde(default)]
    pub budget: Option<u64>,
    /// Bytes of memory that the run was allowed; `None` where there was no limit.
    #[serde(default)]
    pub memory: Option<u64>,
}

impl Header {
    /// A header of this format that says nothing but what the strategy was started with.
    pub fn new(strategy: &str, version: &str, symbols: &[&str], params: &Params) -> Self {
        Self {
            trace: FORMAT,
            strategy: strategy.to_owned(),
            version: version.to_owned(),
            plugin_hash: None,
            data_hash: String::new(),
            symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
            params: params.clone(),
            account: serde_json::Value::Null,
            budget: None,
            memory: None,
        }
    }
}

/// What a strategy hears.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A bar has closed.
    Bar(BarEvent),
    /// All bars of a time stamp have been heard.
    Time {
        /// Nanoseconds since the Unix epoch, UTC.
        time: i64,
        /// Quote currency: what the account is worth.
        #[serde(with = "number")]
        equity: f64,
    },
    /// An order, or a part of it, was filled.
    Fill(FillEvent),
    /// An order, or what was left of it, is gone.
    Reject {
        /// Its number.
        order: u64,
        /// Why, and in the file what has become of it: `cancelled`, `expired` or `rejected`.
        #[serde(flatten, with = "ended")]
        reason: RejectReason,
    },
    /// The data has ended.
    Finish,
}

impl Event {
    /// The event in words; `symbols` are the instruments.
    fn describe(&self, symbols: &[String]) -> String {
        let symbol = |instrument: u32| symbols.get(instrument as usize).map_or("an unknown instrument", String::as_str);
        match self {
            Self::Bar(bar) => format!("the bar of {} at {}", symbol(bar.instrument), format_time(bar.time)),
            Self::Time { time, .. } => format!("the time {}", format_time(*time)),
            Self::Fill(fill) => format!("the fill of order {} of {}", fill.order, symbol(fill.instrument)),
            Self::Reject { order, reason } => {
                format!("the end of order {order} ({}, `{}`)", reason.status(), reason.as_str())
            }
            Self::Finish => "the end of the data".to_owned(),
        }
    }
}

/// Why an order is gone, with what has become of it.
mod ended {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::model::RejectReason;

    pub(super) fn serialize<S: Serializer>(reason: &RejectReason, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Ended {
            status: &'static str,
            reason: RejectReason,
        }
        Ended { status: reason.status(), reason: *reason }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RejectReason, D::Error> {
        // The status follows from the reason; traces of before have none.
        #[derive(Deserialize)]
        struct Ended {
            reason: RejectReason,
        }
        Ok(Ended::deserialize(deserializer)?.reason)
    }
}

/// How a strategy has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class.
    pub kind: ErrorKind,
    /// In words.
    pub message: String,
}

/// What a trace ends with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Units of computing that the run took; `None` where they were not counted.
    pub units: Option<u64>,
    /// Why the run has no result.
    #[serde(default)]
    pub error: Option<String>,
}

/// One line after the first.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// What the strategy heard.
    Event(Event),
    /// What it sent.
    Command(Command),
    /// How it failed.
    Failed(Failure),
    /// A line that it logged.
    Log(String),
    /// That is all.
    End(End),
}
