//! Strategies: a sandboxed plugin or Rust code, which answers with targets or sends orders.
//!
//! Never runs anything on its own.

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
    sync::Arc,
};

use serde::Serialize;

use super::{
    SetupError,
    exits::{ExitKind, with_exits},
};
use crate::{
    broker::Client,
    model::{
        BarEvent, Command, Commands, Description, Digest, EventKind, FillEvent, ParamSpec, Params, RejectReason,
        Series, Targets,
    },
    sandbox::{Interface, Plugin},
    task::{ErrorKind, TaskError},
};

/// The mode of a strategy: the interface that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It sees the whole series and answers with target exposures.
    Signals,
    /// It receives one bar at a time and sends orders.
    Events,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Signals => "signals",
            Self::Events => "events",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "signals" => Ok(Self::Signals),
            "events" => Ok(Self::Events),
            _ => Err(format!("`{text}` is not a mode; give `signals` or `events`")),
        }
    }
}

/// A function from bars and parameters to targets.
type Function = dyn Fn(&[Series], &Params) -> Result<Targets, TaskError> + Send + Sync;

/// A function from symbols and parameters to a strategy of orders.
type Start = dyn Fn(&[&str], &Params) -> Result<Box<dyn EventStrategy>, TaskError> + Send + Sync;

/// A strategy that is a Rust function.
#[derive(Clone)]
pub struct Native {
    description: Description,
    function: Arc<Function>,
}

/// A strategy that is a Rust type and receives one bar at a time.
#[derive(Clone)]
pub struct NativeEvents {
    description: Description,
    start: Arc<Start>,
}

/// A strategy in Rust that receives one bar at a time and sends orders; one value lives through one run.
///
/// [`broker::trade`](crate::broker::trade) documents the order of calls, and when an order can be filled. An error or a
/// panic fails the task.
///
/// # Examples
///
/// ```
/// use host::{
///     backtest::{EventStrategy, Strategy},
///     model::{BarEvent, Commands, OrderRequest, Side},
///     task::TaskError,
/// };
///
/// /// Buys a unit, and sells it once it has gained a tenth.
/// struct OneTenth;
///
/// impl EventStrategy for OneTenth {
///     fn on_bar(&mut self, bar: &BarEvent, broker: &mut Commands) -> Result<(), TaskError> {
///         if bar.position == 0.0 {
///             let entry = broker.submit(OrderRequest::market(bar.instrument, Side::Buy, 1.0));
///             broker.bracket(entry, f64::NAN, bar.close * 1.1);
///         }
///         Ok(())
///     }
/// }
///
/// let strategy = Strategy::native_events("one_tenth", vec![], |_symbols, _params| Ok(Box::new(OneTenth)));
/// assert_eq!(strategy.description().name, "one_tenth");
/// ```
pub trait EventStrategy {
    /// The fills and rejects that follow are told at the time stamp `time`, in nanoseconds since the Unix epoch. By default does
    /// nothing.
    fn at(&mut self, _time: i64) {}

    /// A bar has closed.
    ///
    /// # Errors
    ///
    /// Returns an error to fail the task.
    fn on_bar(&mut self, bar: &BarEvent, broker: &mut Commands) -> Result<(), TaskError>;

    /// All bars of a time stamp were delivered. By default does nothing, and turns these calls off.
    ///
    /// # Errors
    ///
    /// Returns an error to fail the task.
    fn on_time(&mut self, _time: i64, _equity: f64, broker: &mut Commands) -> Result<(), TaskError> {
        broker.push(Command::Mute { event: EventKind::Time });
        Ok(())
    }

    /// An order, or a part of it, was filled. By default does nothing, and turns these calls off.
    ///
    /// # Errors
    ///
    /// Returns an error to fail the task.
    fn on_fill(&mut self, _fill: &FillEvent, broker: &mut Commands) -> Result<(), TaskError> {
        broker.push(Command::Mute { event: EventKind::Fill });
        Ok(())
    }

    /// An order, or the rest of it, was rejected or cancelled. By default does nothing, and turns these calls off.
    ///
    /// # Errors
    ///
    /// Returns an error to fail the task.
    fn on_reject(&mut self, _order: u64, _reason: RejectReason, broker: &mut Commands) -> Result<(), TaskError> {
        broker.push(Command::Mute { event: EventKind::Reject });
        Ok(())
    }

    /// The data has ended. By default does nothing.
    ///
    /// # Errors
    ///
    /// Returns an error to fail the task.
    fn finish(&mut self) -> Result<(), TaskError> {
        Ok(())
    }
}

/// A strategy: a sandboxed plugin, or Rust code.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Strategy {
    /// A component in a sandbox.
    Plugin(Plugin),
    /// A Rust function, trusted like the program that it is part of: no limits apply.
    Native(Native),
    /// A Rust type that receives one bar at a time, trusted in the same way.
    NativeEvents(NativeEvents),
    /// One of the others, whose positions are closed by exits, too.
    WithExits(Arc<WithExits>),
}

/// A strategy of targets whose tasks have exits as parameters beside its own.
#[derive(Debug, Clone)]
pub struct WithExits {
    strategy: Strategy,
    description: Description,
}

impl Strategy {
    /// Makes a strategy of a Rust function that answers with targets, from the bars and all of `parameters`.
    pub fn native(
        name: &str,
        parameters: Vec<ParamSpec>,
        function: impl Fn(&[Series], &Params) -> Result<Targets, TaskError> + Send + Sync + 'static,
    ) -> Self {
        Self::Native(Native { description: description(name, parameters), function: Arc::new(function) })
    }

    /// Makes a strategy of a Rust type that sends orders. `start` makes a value of it for each run, from the symbols and all
    /// of `parameters`.
    pub fn native_events(
        name: &str,
        parameters: Vec<ParamSpec>,
        start: impl Fn(&[&str], &Params) -> Result<Box<dyn EventStrategy>, TaskError> + Send + Sync + 'static,
    ) -> Self {
        Self::NativeEvents(NativeEvents { description: description(name, parameters), start: Arc::new(start) })
    }

    /// The same strategy, whose tasks have the exits `kinds` as parameters behind its own.
    ///
    /// # Errors
    ///
    /// Returns an error if it has a parameter of its own that is called like one of them.
    pub fn with_exits(self, kinds: impl IntoIterator<Item = ExitKind>) -> Result<Self, SetupError> {
        let kinds: Vec<_> = kinds.into_iter().collect();
        let own = &self.bare().description().parameters;
        if let Some(kind) = kinds.iter().find(|kind| own.iter().any(|spec| spec.name == kind.name())) {
            return Err(SetupError::OwnExit { name: self.description().name.clone(), exit: kind.name().to_owned() });
        }
        let description = match with_exits(self.description(), kinds)? {
            Cow::Borrowed(_) => return Ok(self),
            Cow::Owned(description) => description,
        };
        Ok(Self::WithExits(Arc::new(WithExits { strategy: self.bare().clone(), description })))
    }

    /// The strategy itself, without exits.
    pub fn bare(&self) -> &Self {
        match self {
            Self::WithExits(guarded) => guarded.strategy.bare(),
            Self::Plugin(_) | Self::Native(_) | Self::NativeEvents(_) => self,
        }
    }

    /// The exits that its tasks have as parameters behind its own.
    pub fn exits(&self) -> &[ParamSpec] {
        &self.description().parameters[self.bare().description().parameters.len()..]
    }

    /// Those of `params` that are not exits beside the strategy's own parameters.
    pub fn own_of(&self, params: &Params) -> Params {
        let is_exit = |name: &str| self.exits().iter().any(|exit| exit.name == name);
        params.iter().filter(|(name, _)| !is_exit(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The strategy's name, version and parameters: its own, and the exits.
    pub fn description(&self) -> &Description {
        match self {
            Self::Plugin(plugin) => plugin.description(),
            Self::Native(native) => &native.description,
            Self::NativeEvents(native) => &native.description,
            Self::WithExits(guarded) => &guarded.description,
        }
    }

    /// The mode to run it in: the requested one or, without a `wish`, by targets if it supports them.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not support the requested mode, or any.
    pub fn mode(&self, wish: Option<Mode>) -> Result<Mode, SetupError> {
        if let Self::WithExits(guarded) = self {
            let mode = guarded.strategy.mode(wish)?;
            let name = || self.description().name.clone();
            return if mode == Mode::Signals { Ok(mode) } else { Err(SetupError::ExitsOfEvents(name())) };
        }
        let can = |mode: Mode| match self {
            Self::Plugin(plugin) => plugin.exports(mode.interface()),
            Self::Native(_) => mode == Mode::Signals,
            Self::NativeEvents(_) => mode == Mode::Events,
            Self::WithExits(_) => false,
        };
        let name = || self.description().name.clone();
        match wish {
            Some(wish) if can(wish) => Ok(wish),
            None if can(Mode::Signals) => Ok(Mode::Signals),
            None if can(Mode::Events) => Ok(Mode::Events),
            Some(wish) if can(Mode::Signals) || can(Mode::Events) => Err(SetupError::NoMode { name: name(), wish }),
            _ => Err(SetupError::NoStrategy(name())),
        }
    }

    /// The hash of the plugin's bytes; Rust code has none.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Plugin(plugin) => Some(plugin.digest()),
            Self::Native(_) | Self::NativeEvents(_) => None,
            Self::WithExits(guarded) => guarded.strategy.digest(),
        }
    }
}

impl Mode {
    /// The interface that a plugin is called by.
    pub(super) fn interface(self) -> Interface {
        match self {
            Self::Signals => Interface::Signals,
            Self::Events => Interface::Events,
        }
    }
}

impl From<Plugin> for Strategy {
    fn from(plugin: Plugin) -> Self {
        Self::Plugin(plugin)
    }
}

fn description(name: &str, parameters: Vec<ParamSpec>) -> Description {
    Description {
        name: name.to_owned(),
        version: String::new(),
        summary: String::new(),
        parameters,
        output: crate::model::Encoding::Json,
    }
}

impl Native {
    pub(crate) fn targets(&self, series: &[Series], params: &Params) -> Result<Targets, TaskError> {
        let targets = guarded(|| (self.function)(series, params))?;
        targets.check(series).map_err(|error| TaskError::new(ErrorKind::BadOutput, error.to_string()))?;
        Ok(targets)
    }
}

impl NativeEvents {
    pub(super) fn start(&self, symbols: &[&str], params: &Params) -> Result<NativeClient, TaskError> {
        Ok(NativeClient { strategy: (self.start)(symbols, params)?, commands: Commands::default() })
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native").field("description", &self.description).finish_non_exhaustive()
    }
}

impl fmt::Debug for NativeEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeEvents").field("description", &self.description).finish_non_exhaustive()
    }
}

/// A strategy in Rust and its commands, as the broker's client.
pub(super) struct NativeClient {
    strategy: Box<dyn EventStrategy>,
    commands: Commands,
}

impl Client for NativeClient {
    type Error = TaskError;

    fn at(&mut self, time: i64) {
        self.strategy.at(time);
    }

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), TaskError> {
        self.strategy.on_bar(bar, &mut self.commands)
    }

    fn on_time(&mut self, time: i64, equity: f64) -> Result<(), TaskError> {
        self.strategy.on_time(time, equity, &mut self.commands)
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), TaskError> {
        self.strategy.on_fill(fill, &mut self.commands)
    }

    fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), TaskError> {
        self.strategy.on_reject(order, reason, &mut self.commands)
    }

    fn finish(&mut self) -> Result<(), TaskError> {
        self.strategy.finish()
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

/// Runs a function of the user's; its panic becomes an error of its task.
pub(crate) fn guarded<R>(function: impl FnOnce() -> Result<R, TaskError>) -> Result<R, TaskError> {
    catch_unwind(AssertUnwindSafe(function))
        .unwrap_or_else(|panic| Err(TaskError::new(ErrorKind::Panic, crate::task::panic_text(&*panic))))
}
