//! One task: parameters become targets, targets become trades, trades become numbers.
//!
//! Never starts a thread and never knows how many tasks there are. What all tasks share is a [`Market`] and a
//! [`Backtest`]; what one worker reuses is a [`Desk`].

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    broker::{self, Ledger, Timeline},
    data::Dataset,
    metrics::{Annualization, Frame, Metrics, Scratch, Selection},
    model::{Description, Digest, ParamError, ParamSpec, Params, Series, Targets},
    sandbox::{Answer, Forking, Interface, Plugin, Prepared, Seat},
    task::{ErrorKind, TaskError},
};

/// How targets are traded and how results are measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Settings {
    /// The account: cash, fills, sizes and costs.
    pub account: broker::Settings,
    /// Bars in a year; `None` infers it from the bars.
    pub periods_per_year: Option<f64>,
    /// The yearly rate that excess returns are measured from, as a fraction.
    pub risk_free: f64,
    /// What results are measured by; everything by default.
    pub metrics: Selection,
}

impl Settings {
    fn annualization(&self, times: &[i64]) -> Option<Annualization> {
        self.periods_per_year.map(Annualization::given).or_else(|| Annualization::infer(times))
    }
}

/// Why a backtest cannot be set up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A setting of the account makes no sense.
    #[error(transparent)]
    Account(#[from] broker::SettingsError),
    /// The number of bars in a year is none.
    #[error("`periods_per_year` is {0}; give a finite number above 0")]
    PeriodsPerYear(f64),
    /// The risk-free rate is none.
    #[error("`risk_free` is {0}; give a finite rate, like 0.02 for 2 % a year")]
    RiskFree(f64),
    /// The plugin does not answer with targets.
    #[error("`{0}` does not export `backtest:strategy/signals@0.1.0`; run it with `host run`")]
    NoSignals(String),
    /// `prepare` fails.
    #[error("`{name}` cannot prepare the data")]
    Prepare {
        /// The strategy.
        name: String,
        /// How it fails.
        #[source]
        source: TaskError,
    },
    /// The strategy does not take a parameter.
    #[error(transparent)]
    Params(#[from] ParamError),
}

impl From<SetupError> for TaskError {
    /// What a strategy makes wrong keeps its class; any other problem of its setup is `failed`.
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Prepare { source, .. } => source,
            other => Self::new(ErrorKind::Failed, other.to_string()),
        }
    }
}

/// A data set with everything about it that tasks share.
#[derive(Debug)]
pub struct Market {
    dataset: Dataset,
    timeline: Timeline,
    frame: Frame,
    settings: Settings,
}

impl Market {
    /// Prepares to trade `dataset` under `settings`.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting makes no sense.
    pub fn new(dataset: Dataset, settings: Settings) -> Result<Self, SetupError> {
        settings.account.check()?;
        let periods = settings.periods_per_year;
        if let Some(periods) = periods.filter(|periods| !(periods.is_finite() && *periods > 0.0)) {
            return Err(SetupError::PeriodsPerYear(periods));
        }
        if !settings.risk_free.is_finite() {
            return Err(SetupError::RiskFree(settings.risk_free));
        }
        Ok(Self::checked(dataset, settings))
    }

    fn checked(dataset: Dataset, settings: Settings) -> Self {
        let timeline = Timeline::of(dataset.series());
        let frame = Frame::new(timeline.times(), settings.annualization(timeline.times()), settings.risk_free);
        Self { dataset, timeline, frame, settings }
    }

    /// The market of instrument `at` alone: its bars, its times and its year, under the same settings.
    ///
    /// # Panics
    ///
    /// Panics if there is no such instrument.
    #[must_use]
    pub fn only(&self, at: usize) -> Self {
        Self::checked(self.dataset.only(at), self.settings)
    }

    /// The bars per year that instrument `at` [alone](Self::only) is measured with.
    ///
    /// # Panics
    ///
    /// Panics if there is no such instrument.
    pub fn annualization_of(&self, at: usize) -> Option<Annualization> {
        self.settings.annualization(&self.dataset.series()[at].time)
    }

    /// The bars.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The times at which equity is marked.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// What results are measured by.
    pub fn metrics(&self) -> Selection {
        self.settings.metrics
    }

    /// What results are measured with.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }
}

/// From bars and parameters to targets.
type Function = dyn Fn(&[Series], &Params) -> Result<Targets, TaskError> + Send + Sync;

/// A strategy that is a Rust function.
#[derive(Clone)]
pub struct Native {
    description: Description,
    function: Arc<Function>,
}

/// What decides: a sandboxed plugin, or a Rust function of one's own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Strategy {
    /// A component in a sandbox.
    Plugin(Plugin),
    /// A Rust function, trusted like the program that it is part of: it has no limits.
    Native(Native),
}

impl Strategy {
    /// Makes a strategy of a Rust function that answers with targets, from the bars and all of `parameters`.
    pub fn native(
        name: &str,
        parameters: Vec<ParamSpec>,
        function: impl Fn(&[Series], &Params) -> Result<Targets, TaskError> + Send + Sync + 'static,
    ) -> Self {
        let description = Description {
            name: name.to_owned(),
            version: String::new(),
            summary: String::new(),
            parameters,
            output: crate::model::Encoding::Json,
        };
        Self::Native(Native { description, function: Arc::new(function) })
    }

    /// The strategy's name, version and parameters.
    pub fn description(&self) -> &Description {
        match self {
            Self::Plugin(plugin) => plugin.description(),
            Self::Native(native) => &native.description,
        }
    }

    /// Checks that it can be backtested, on whatever data.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not answer with targets.
    pub fn check(&self) -> Result<(), SetupError> {
        match self {
            Self::Plugin(plugin) if !plugin.exports(Interface::Signals) => {
                Err(SetupError::NoSignals(plugin.description().name.clone()))
            }
            Self::Plugin(_) | Self::Native(_) => Ok(()),
        }
    }

    /// The hash of the plugin's bytes; a Rust function has none.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Plugin(plugin) => Some(plugin.digest()),
            Self::Native(_) => None,
        }
    }
}

impl From<Plugin> for Strategy {
    fn from(plugin: Plugin) -> Self {
        Self::Plugin(plugin)
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native").field("description", &self.description).finish_non_exhaustive()
    }
}

/// A strategy that has seen the data: what all tasks of a sweep share.
#[derive(Debug)]
pub struct Backtest {
    market: Arc<Market>,
    strategy: Strategy,
    /// The prepared plugin; a Rust function needs none.
    prepared: Option<Prepared>,
}

/// What one worker reuses from task to task: buffers only, nothing of a result.
#[derive(Debug, Default)]
pub struct Desk {
    seat: Seat,
    ledger: Ledger,
    scratch: Scratch,
}

impl Desk {
    /// The books of the last task that was run at this desk.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Backtest {
    /// Gives `strategy` the data of `market`.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy does not answer with targets, or fails to prepare.
    pub fn new(market: Arc<Market>, strategy: Strategy) -> Result<Self, SetupError> {
        strategy.check()?;
        let name = || strategy.description().name.clone();
        let prepared = match &strategy {
            Strategy::Native(_) => None,
            Strategy::Plugin(plugin) => {
                let prepared = Prepared::new(plugin, Interface::Signals, market.dataset.shared());
                Some(prepared.map_err(|source| SetupError::Prepare { name: name(), source })?)
            }
        };
        Ok(Self { market, strategy, prepared })
    }

    /// The data and the rules.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// How each task gets a sandbox of its own; `None` for a Rust function, which has none.
    pub fn forking(&self) -> Option<&Forking> {
        self.prepared.as_ref().map(Prepared::forking)
    }

    /// Runs one combination. `params` has every parameter that the strategy declares.
    pub fn run(&self, desk: &mut Desk, params: &Params) -> Answer<Metrics> {
        let targets = self.targets(&mut desk.seat, params);
        targets.and_then(|targets| {
            let market = &*self.market;
            let account = &market.settings.account;
            broker::simulate(&market.dataset.shared(), &market.timeline, &targets, account, &mut desk.ledger);
            check_books(&desk.ledger)?;
            Ok(Metrics::of(&desk.ledger, &market.frame, market.settings.metrics, &mut desk.scratch))
        })
    }

    fn targets(&self, seat: &mut Seat, params: &Params) -> Answer<Targets> {
        match (&self.prepared, &self.strategy) {
            (Some(prepared), _) => prepared.evaluate_at(seat, params),
            (None, Strategy::Native(native)) => Answer::native(native.targets(self.market.dataset.series(), params)),
            (None, Strategy::Plugin(_)) => unreachable!("`new` prepares every plugin"),
        }
    }
}

/// Refuses books with numbers beyond what 64 bits hold: everything computed from them would be undefined.
fn check_books(ledger: &Ledger) -> Result<(), TaskError> {
    let units = ledger.fills.iter().map(|fill| fill.units);
    let numbers = [ledger.final_equity(), ledger.fees, ledger.traded_value].into_iter().chain(units);
    if numbers.into_iter().all(f64::is_finite) {
        return Ok(());
    }
    Err(TaskError::failed("the account's numbers overflow; look for extreme prices, or give less cash"))
}

impl Native {
    pub(crate) fn targets(&self, series: &[Series], params: &Params) -> Result<Targets, TaskError> {
        let targets = guarded(|| (self.function)(series, params))?;
        targets.check(series).map_err(|error| TaskError::new(ErrorKind::BadOutput, error.to_string()))?;
        Ok(targets)
    }
}

/// Runs a function of the user's; its panic is an error of its task.
pub(crate) fn guarded<R>(function: impl FnOnce() -> Result<R, TaskError>) -> Result<R, TaskError> {
    catch_unwind(AssertUnwindSafe(function))
        .unwrap_or_else(|panic| Err(TaskError::new(ErrorKind::Panic, crate::task::panic_text(&*panic))))
}
