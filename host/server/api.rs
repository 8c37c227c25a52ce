//! The types of the HTTP API: answers, the state folder's files and the schemas of `openapi.json`.
//!
//! Never looks anything up: each is made from its arguments.

use std::{collections::BTreeMap, time::SystemTime};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, Schema, schema::Type},
};

use crate::{
    backtest::Market,
    metrics::{Metrics, ReturnsPeriod},
    model::{ParamSpec, Params, format_time},
    registry::{self, FileState, Listing, Version},
    results::{Ranked, json_number},
    sandbox::{Interface, Plugin as Component},
    sweep::{SweepRequest, failures::Failures},
    task::ParallelResult,
};

/// A time in RFC 3339, in UTC, with milliseconds.
pub(super) fn date_time(at: SystemTime) -> String {
    // A clock beyond the year 9999 has no text; nothing depends on it.
    Timestamp::try_from(at).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// The answer to a request that failed: the problem details of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status code.
    status: u16,
    /// The problem, and the way out.
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: String) -> Self {
        let title = status.canonical_reason().unwrap_or("Unknown");
        Self { kind: "about:blank", title, status: status.as_u16(), detail }
    }
}

/// The health of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`; `degraded`, if something is wrong but all work is done; `failing`, if some cannot be done; or `stopping`.
    pub(super) status: &'static str,
    /// The program's version.
    pub(super) version: &'static str,
    /// What is wrong. The server's notes have the details.
    pub(super) problems: Vec<String>,
}

/// All data sets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DataSets {
    /// In the order in which they were given.
    pub(super) data: Vec<DataSet>,
}

/// Bars that sweeps run over.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DataSet {
    /// The name in requests.
    name: String,
    /// The hash of its content.
    hash: String,
    /// Its instruments.
    symbols: Vec<String>,
    /// The number of bars of all instruments.
    bars: usize,
    /// The time of the first bar, ISO 8601.
    first: String,
    /// The time of the last bar, ISO 8601.
    last: String,
}

impl DataSet {
    pub(super) fn of(name: &str, market: &Market) -> Self {
        let (data, times) = (market.dataset(), market.timeline().times());
        let time = |time: Option<&i64>| time.map_or_else(String::new, |time| format_time(*time));
        Self {
            name: name.to_owned(),
            hash: data.fingerprint().to_string(),
            symbols: data.series().iter().map(|series| series.symbol.clone()).collect(),
            bars: data.bars(),
            first: time(times.first()),
            last: time(times.last()),
        }
    }
}

/// All plugins, and the log of their events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Plugins {
    /// In the order of their names.
    pub(super) plugins: Vec<Plugin>,
    /// The newest first.
    pub(super) log: Vec<LogEntry>,
}

/// A name, and the build that serves under it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Plugin {
    /// The name in requests.
    name: String,
    /// The number of swaps up to the build that serves; 0 until a first one is good.
    generation: u64,
    /// The hash of the build that serves.
    hash: Option<String>,
    /// Its size in bytes.
    size: Option<usize>,
    /// When it began to serve.
    loaded_at: Option<String>,
    /// The state of the plugin's file: `present` or `missing`.
    file: &'static str,
    /// Its own description.
    strategy: Option<Strategy>,
    /// Its interfaces: `signals`, `events`, `task`.
    interfaces: Vec<&'static str>,
    /// Its parameters, in its own order.
    parameters: Vec<Parameter>,
    /// The hash of the build before it.
    previous_hash: Option<String>,
    /// The newest build, if it does not serve.
    refused: Option<Refused>,
}

/// A strategy in its own words.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Strategy {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// One sentence.
    summary: String,
}

/// A parameter that a plugin declares.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Parameter {
    /// The name in grids.
    name: String,
    /// Meaning and unit.
    doc: String,
    /// `integer`, `number`, `boolean` or `text`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The value where a grid leaves it out.
    #[schema(value_type = Value)]
    default: serde_json::Value,
    /// The lowest value allowed.
    minimum: Option<f64>,
    /// The highest value allowed.
    maximum: Option<f64>,
    /// All values allowed, if they are a list.
    #[schema(value_type = Vec<Value>)]
    choices: Vec<serde_json::Value>,
}

/// A build that does not serve.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refused {
    /// The hash of its bytes, if they could be read.
    hash: Option<String>,
    /// Why.
    reason: String,
    /// When.
    at: String,
}

impl Plugin {
    pub(super) fn of(listing: &Listing) -> Self {
        let version = listing.version.as_deref();
        let component = version.map(Version::plugin);
        let parameters = component.map(|plugin| plugin.description().parameters.as_slice()).unwrap_or_default();
        Self {
            name: listing.name.clone(),
            generation: version.map_or(0, Version::generation),
            hash: version.map(|version| version.digest().to_string()),
            size: component.map(Component::size),
            loaded_at: version.map(|version| date_time(version.loaded_at())),
            file: if listing.file == FileState::Present { "present" } else { "missing" },
            strategy: component.map(Strategy::of),
            interfaces: component.map(interfaces).unwrap_or_default(),
            parameters: parameters.iter().map(Parameter::of).collect(),
            previous_hash: listing.previous.map(|hash| hash.to_string()),
            refused: listing.refused.as_ref().map(Refused::of),
        }
    }
}

fn interfaces(plugin: &Component) -> Vec<&'static str> {
    let all = [(Interface::Signals, "signals"), (Interface::Events, "events"), (Interface::Task, "task")];
    all.into_iter().filter(|(interface, _)| plugin.exports(*interface)).map(|(_, name)| name).collect()
}

impl Strategy {
    fn of(plugin: &Component) -> Self {
        let description = plugin.description();
        let (name, version) = (description.name.clone(), description.version.clone());
        Self { name, version, summary: description.summary.clone() }
    }
}

impl Parameter {
    fn of(spec: &ParamSpec) -> Self {
        let value = |value| serde_json::to_value(value).unwrap_or_default();
        Self {
            name: spec.name.clone(),
            doc: spec.doc.clone(),
            kind: spec.default.type_name(),
            default: value(&spec.default),
            minimum: spec.minimum,
            maximum: spec.maximum,
            choices: spec.choices.iter().map(value).collect(),
        }
    }
}

impl Refused {
    fn of(refused: &registry::Refused) -> Self {
        let hash = refused.hash.map(|hash| hash.to_string());
        Self { hash, reason: refused.reason.clone(), at: date_time(refused.at) }
    }
}

/// An event of a plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogEntry {
    /// When.
    at: String,
    /// The plugin's name.
    plugin: String,
    /// `loaded`, `swapped`, `refused`, `rolled-back`, `missing` or `returned`.
    event: &'static str,
    /// The generation that serves since then.
    generation: Option<u64>,
    /// The hash of the build that it is about.
    hash: Option<String>,
    /// The hash of the build that served before, or serves instead.
    previous_hash: Option<String>,
    /// In words.
    message: String,
    /// Parameters and values that grids lose by it, one line each.
    lost: Vec<String>,
}

impl LogEntry {
    pub(super) fn of(entry: &registry::Entry) -> Self {
        Self {
            at: date_time(entry.at),
            plugin: entry.plugin.clone(),
            event: entry.event.as_str(),
            generation: entry.generation,
            hash: entry.hash.map(|hash| hash.to_string()),
            previous_hash: entry.previous_hash.map(|hash| hash.to_string()),
            message: entry.message.clone(),
            lost: entry.lost.clone(),
        }
    }
}

/// The state of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = State)]
pub(super) enum SweepState {
    /// It waits for its turn.
    Queued,
    /// Its tasks run.
    Running,
    /// All of its tasks have a result.
    Finished,
    /// A request stopped it; finished results are kept.
    Cancelled,
    /// The server ended while it waited or ran; written results are kept.
    Interrupted,
    /// It could not be run, or its results could not be written.
    Failed,
}

impl SweepState {
    pub(super) const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Finished, Self::Cancelled, Self::Interrupted, Self::Failed];

    /// Returns true for a final state.
    pub(super) fn has_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }
}

/// All sweeps.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sweeps {
    /// The newest first, without `ranking`, `bounds`, `plateau`, `split`, `optimize` and `request`.
    #[schema(value_type = Vec<Object>)]
    pub(super) sweeps: Vec<Box<RawValue>>,
}

/// A sweep and its progress.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Sweep {
    /// Its number, counted from 1; never given twice.
    pub(super) id: u64,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// What people have noted about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
    /// The plugin's name.
    pub(super) plugin: String,
    /// The hash of the build that it runs on; each of its results has it.
    pub(super) plugin_hash: String,
    /// The generation of that build.
    pub(super) generation: u64,
    /// The name of the data set.
    pub(super) data: String,
    /// The hash of its content.
    pub(super) data_hash: String,
    /// The metric to rank by.
    pub(super) objective: String,
    /// Which way it is better: `higher` or `lower`.
    pub(super) better: String,
    /// The parameters with several values, in the order of the grid.
    pub(super) axes: Vec<String>,
    /// Its state.
    pub(super) state: SweepState,
    /// When it was submitted.
    pub(super) submitted_at: String,
    /// When it began to run.
    pub(super) started_at: Option<String>,
    /// When it ended.
    pub(super) ended_at: Option<String>,
    /// Its tasks, where their number is known before the end.
    pub(super) total: Option<u64>,
    /// Tasks that are done, failed ones included.
    pub(super) done: u64,
    /// Tasks that have failed.
    pub(super) failed: u64,
    /// Seconds that it has run.
    pub(super) seconds: Option<f64>,
    /// The best result so far.
    pub(super) best: Option<Best>,
    /// The best results so far, the best first.
    pub(super) ranking: Vec<Row>,
    /// The failures by their kind.
    pub(super) failures: Vec<Failures>,
    /// Counts of notable results that did not fail, such as those without a trade.
    pub(super) notes: BTreeMap<String, u64>,
    /// Why it failed as a whole, or what was lost.
    pub(super) error: Option<String>,
    /// The ranked combinations under both extremes within the bars, in the order of the ranking, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub(super) bounds: Option<serde_json::Value>,
    /// How the neighbours of the ranked combinations do, in the order of the ranking, if that ranks them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub(super) plateau: Option<serde_json::Value>,
    /// What the ranked combinations made of the bars after those that ranked them, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(super) split: Option<serde_json::Value>,
    /// What came of the search, if it is one: its method, why it ended, the combinations that no other one beats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(super) optimize: Option<serde_json::Value>,
    /// What you should know of it: whether its strategy may look ahead, for example.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    /// The periods of the returns that are kept of each combination, if requested: `bar`, `day` or `week`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub(super) returns: Option<ReturnsPeriod>,
    /// The request, with the server's account and data filled in.
    pub(super) request: SweepRequest,
}

/// The members of a sweep that may be long.
pub(super) const LONG: [&str; 6] = ["ranking", "bounds", "plateau", "split", "optimize", "request"];

impl Sweep {
    /// What people call it, and have noted about it.
    pub(super) fn label(&self) -> Label {
        Label { name: self.name.clone(), comment: self.comment.clone() }
    }

    /// Replaces what people call it, and have noted about it.
    pub(super) fn set_label(&mut self, Label { name, comment }: Label) {
        (self.name, self.comment) = (name, comment);
    }

    /// The sweep without its long members, as JSON: a list of thousands would be megabytes, and the page asks for it every
    /// two seconds.
    pub(super) fn listed(&self) -> serde_json::Result<Box<RawValue>> {
        let mut value = serde_json::to_value(self)?;
        if let Some(members) = value.as_object_mut() {
            LONG.iter().for_each(|name| _ = members.shift_remove(*name));
        }
        serde_json::value::to_raw_value(&value)
    }
}

/// What people call a sweep, and have noted about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Label {
    name: Option<String>,
    comment: Option<String>,
}

/// The most characters of a sweep's name.
const NAME: usize = 100;

/// The most characters of a comment on a sweep.
const COMMENT: usize = 10_000;

/// Why a label is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LabelError {
    #[error("the name has {0} characters; give up to {NAME}")]
    LongName(usize),
    #[error("the name has a line break or another control character; give one line of text")]
    Control,
    #[error("the comment has {0} characters; give up to {COMMENT}")]
    LongComment(usize),
}

/// What to change of a sweep. A member that is left out stays as it is; `null` or an empty text removes it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Relabel {
    /// What people call it: one line of up to 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100)]
    name: Option<Option<String>>,
    /// What people have noted about it: up to 10,000 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    comment: Option<Option<String>>,
}

/// A member that is there, be it `null`.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Relabel {
    /// The label after the change.
    pub(super) fn of(&self, label: Label) -> Result<Label, LabelError> {
        let of = |change: &Option<Option<String>>, now: Option<String>| {
            let text = change.clone().unwrap_or(now)?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let label = Label { name: of(&self.name, label.name), comment: of(&self.comment, label.comment) };
        let long = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
        match (long(&label.name), long(&label.comment)) {
            (count, _) if count > NAME => Err(LabelError::LongName(count)),
            (_, count) if count > COMMENT => Err(LabelError::LongComment(count)),
            _ if label.name.iter().any(|name| name.chars().any(char::is_control)) => Err(LabelError::Control),
            _ => Ok(label),
        }
    }
}

/// The best result of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Best {
    /// The task's name.
    pub(super) task_id: String,
    /// The symbol that it ran on alone, where each did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    symbol: Option<String>,
    /// The value of the objective; the text `inf` where it is infinite.
    #[serde(with = "crate::model::number")]
    #[schema(schema_with = number_or_inf)]
    value: f64,
    /// All parameters.
    #[schema(value_type = Object)]
    params: Params,
}

impl Best {
    pub(super) fn of(ranked: &Ranked<ParallelResult<Metrics>>) -> Self {
        let ParallelResult { task_id, symbol, params, .. } = ranked.row.clone();
        Self { task_id, symbol, value: ranked.value, params }
    }
}

/// A ranked result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Row {
    /// Its place, counted from 1.
    rank: usize,
    /// The value of the objective; the text `inf` where it is infinite.
    #[serde(with = "crate::model::number")]
    #[schema(schema_with = number_or_inf)]
    value: f64,
    /// The task's name.
    task_id: String,
    /// The symbol that it ran on alone, where each did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    symbol: Option<String>,
    /// All parameters.
    #[schema(value_type = Object)]
    params: Params,
    /// The objective and the usual metrics; `null` where one is undefined, the text `inf` where it is infinite.
    #[schema(value_type = Object)]
    metrics: serde_json::Map<String, serde_json::Value>,
}

impl Row {
    pub(super) fn of(rank: usize, shown: &[&str], ranked: &Ranked<ParallelResult<Metrics>>) -> Self {
        let result = &ranked.row;
        let metric = |name: &str| (name.to_owned(), metric(result.result.as_ref(), name));
        Self {
            rank,
            value: ranked.value,
            task_id: result.task_id.clone(),
            symbol: result.symbol.clone(),
            params: result.params.clone(),
            metrics: shown.iter().copied().map(metric).collect(),
        }
    }
}

fn metric(metrics: Option<&Metrics>, name: &str) -> serde_json::Value {
    let is_count = Metrics::info(name).is_some_and(|info| info.is_count());
    match metrics.and_then(|metrics| metrics.get(name).flatten()) {
        // A count is a whole number far below 2^53.
        Some(value) if is_count => serde_json::Value::from(value as i64),
        value => value.map_or(serde_json::Value::Null, json_number),
    }
}

/// The schema of a number that may be infinite.
fn number_or_inf() -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Number);
    let text = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["inf", "-inf"]));
    OneOfBuilder::new().item(number).item(text).build().into()
}

/// The progress of a sweep.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Progress {
    /// Tasks that are done, failed ones included.
    done: u64,
    /// Its tasks, where their number is known before the end.
    total: Option<u64>,
    /// Tasks that have failed.
    failed: u64,
    /// Its state.
    state: SweepState,
}

impl Progress {
    pub(super) fn of(sweep: &Sweep) -> Self {
        Self { done: sweep.done, total: sweep.total, failed: sweep.failed, state: sweep.state }
    }
}
