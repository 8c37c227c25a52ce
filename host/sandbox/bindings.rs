//! The contract in Rust: types of `wit/v0.1` and how they become the model's.
//!
//! Never calls a guest. A second version of the contract will be a second module beside this one.

use wasmtime::component::{HasSelf, Linker};

use super::limits::State;
use crate::{
    model::{self, ParamSpec, Params, Series, Value},
    task::{ErrorKind, TaskError},
};

wasmtime::component::bindgen!({
    path: "wit/v0.1",
    // Everything that a plugin may export. The exports are looked up one by one, so none of them is required here.
    inline: "
        package host:bindings;
        world plugin {
            import backtest:strategy/host@0.1.0;
            import backtest:strategy/broker@0.1.0;
            export backtest:strategy/metadata@0.1.0;
            export backtest:strategy/signals@0.1.0;
            export backtest:strategy/events@0.1.0;
            export backtest:strategy/task@0.1.0;
        }
    ",
    world: "host:bindings/plugin",
    ownership: Borrowing { duplicate_if_necessary: true },
    // An order that cannot be taken ends the call.
    imports: { "backtest:strategy/broker": trappable },
});

use backtest::strategy::host;
pub(super) use backtest::strategy::{broker, types};
pub(super) use exports::backtest::strategy::{
    events::{Guest as EventsGuest, GuestIndices as EventsIndices},
    metadata::GuestIndices as MetadataIndices,
    signals::{Guest as SignalsGuest, GuestIndices as SignalsIndices},
    task::{Guest as TaskGuest, GuestIndices as TaskIndices},
};
use exports::backtest::strategy::{metadata, signals};

/// Offers `host` and `broker` of `backtest:strategy` to guests, and nothing else.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    host::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    broker::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: host::Level, message: String) {
        let level = match level {
            host::Level::Debug => "debug",
            host::Level::Info => "info",
            host::Level::Warn => "warn",
            host::Level::Error => "error",
        };
        self.log(level, &message);
    }
}

/// Bars as the guest takes them: the columns are borrowed, and copied once, into the guest.
pub(super) fn series(series: &[Series]) -> Vec<types::Series<'_>> {
    series
        .iter()
        .map(|bars| types::Series {
            symbol: &bars.symbol,
            time: &bars.time,
            open: &bars.open,
            high: &bars.high,
            low: &bars.low,
            close: &bars.close,
            volume: &bars.volume,
        })
        .collect()
}

/// Parameters as the guest takes them.
pub(super) fn params(params: &Params) -> Vec<types::Param<'_>> {
    params.iter().map(|(name, value)| types::Param { name, value: borrowed(value) }).collect()
}

fn borrowed(value: &Value) -> types::ValueParam<'_> {
    match value {
        Value::Boolean(value) => types::ValueParam::Boolean(*value),
        Value::Integer(value) => types::ValueParam::Integer(*value),
        Value::Number(value) => types::ValueParam::Number(*value),
        Value::Text(value) => types::ValueParam::Text(value),
    }
}

/// The guest's own error as a task's.
pub(super) fn error(error: types::Error) -> TaskError {
    use super::limits::printable_lines;
    match error {
        types::Error::InvalidParams(why) => TaskError::new(ErrorKind::InvalidParams, printable_lines(&why)),
        types::Error::Failed(why) => TaskError::new(ErrorKind::Failed, printable_lines(&why)),
    }
}

/// The guest's answer as the model's; nothing in it is checked yet.
pub(super) fn targets(targets: signals::Targets) -> model::Targets {
    model::Targets { at: targets.at, instrument: targets.instrument, exposure: targets.exposure }
}

/// The guest's description as the model's; nothing in it is checked yet.
pub(super) fn description(description: metadata::Description) -> model::Description {
    let parameter = |parameter: metadata::Parameter| ParamSpec {
        name: parameter.name,
        doc: parameter.doc,
        default: value(parameter.default),
        minimum: parameter.minimum,
        maximum: parameter.maximum,
        choices: parameter.choices.into_iter().map(value).collect(),
    };
    model::Description {
        name: description.name,
        version: description.version,
        summary: description.summary,
        parameters: description.parameters.into_iter().map(parameter).collect(),
        output: match description.output {
            metadata::Encoding::Json => model::Encoding::Json,
            metadata::Encoding::Binary => model::Encoding::Binary,
        },
    }
}

fn value(value: types::ValueResult) -> Value {
    match value {
        types::ValueResult::Boolean(value) => Value::Boolean(value),
        types::ValueResult::Integer(value) => Value::Integer(value),
        types::ValueResult::Number(value) => Value::Number(value),
        types::ValueResult::Text(value) => Value::Text(value),
    }
}
