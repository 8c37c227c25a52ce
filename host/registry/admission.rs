//! Admission of a build: size, imports, compiler, contract, parameters, and a trial on a few bars.
//!
//! Never publishes it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    parameters,
    version::{Identity, Version},
};
use crate::{
    backtest::{Backtest, Market, SetupError, Strategy, WorkerState},
    data::Dataset,
    model::{Digest, Params},
    sandbox::{Budget, Cancel, Interface, Limits, Plugin, PluginError, Prepared, Sandbox, Task},
    task::{ErrorKind, TaskError},
};

/// What is checked, and how. It goes up whenever a build that passed might not pass any more, so that it is checked anew.
const POLICY_VERSION: u32 = 1;

/// Bars of each instrument that a build is tried on: enough for the windows of most defaults to trade.
const BARS: usize = 600;

/// Units that a build may use for one step of its trial. What a good strategy takes for so few bars is a hundredth of it,
/// in an interpreter too.
const UNITS: u64 = 1_000_000_000;

/// When a version that serves is worse than the one before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The fraction of a sweep's tasks that may fail by the plugin's fault. Default: 0.05.
    pub share: f64,
    /// The failures that make a suspicion. Default: 5.
    pub failures: u64,
    /// The tasks that a sweep must have done before it says anything, if it has as many. Default: 200.
    pub tasks: u64,
    /// The tasks that the version before is asked to do as well. Default: 32.
    pub sample: usize,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { share: 0.05, failures: 5, tasks: 200, sample: 32 }
    }
}

/// What a build must be to serve.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The largest build, in bytes. Default: 64 MiB.
    pub max_size: u64,
    /// What a build may use while it is checked and tried.
    pub limits: Limits,
    /// Whether a build may take parameters or values away that the version before it has. Default: no.
    pub may_lose_parameters: bool,
    /// When a version is rolled back.
    pub tolerance: Tolerance,
    market: Arc<Market>,
}

impl Policy {
    /// The default policy: builds are tried on the first 600 bars of each instrument of `market`.
    ///
    /// # Errors
    ///
    /// Returns an error if these bars make no market.
    pub fn new(market: &Market) -> Result<Self, SetupError> {
        let first = |series: &crate::model::Series| series.first(series.len().min(BARS));
        let bars = market.dataset().series().iter().map(first).collect();
        let market = match Dataset::new(bars) {
            Ok(dataset) => Market::new(dataset, market.settings().clone())?,
            // What is whole is valid, and so are its first bars; where they are not, all of them are.
            Err(_) => Market::new(market.dataset().clone(), market.settings().clone())?,
        };
        let limits = Limits {
            budget: Budget::Units(UNITS),
            timeout: Duration::from_secs(10),
            prepare_timeout: Duration::from_secs(30),
            ..Limits::default()
        };
        let tolerance = Tolerance::default();
        Ok(Self { max_size: 64 << 20, limits, may_lose_parameters: false, tolerance, market: Arc::new(market) })
    }

    /// What is known about a build once it has been checked: by these rules, with these bytes.
    pub(super) fn identity(&self, digest: Digest) -> Identity {
        let data = self.market.dataset().fingerprint();
        let rules = format!("{POLICY_VERSION} {} {:?} {} {data}", self.max_size, self.limits, self.may_lose_parameters);
        Identity { digest, policy: Digest::of(rules.as_bytes()) }
    }

    /// Refuses what is too large to be looked at.
    pub(super) fn check_size(&self, size: u64) -> Result<(), Refusal> {
        if size > self.max_size { Err(Refusal::TooLarge { size, limit: self.max_size }) } else { Ok(()) }
    }

    /// Checks, compiles and tries the plugin `bytes`. `known` is a version of the same identity, under whatever name;
    /// `before` is the version that serves now.
    pub(super) fn examine(
        &self,
        sandbox: &Sandbox,
        name: &str,
        bytes: &[u8],
        known: Option<&Version>,
        before: Option<&Version>,
    ) -> Result<Examined, Refusal> {
        let plugin = match known {
            Some(known) => known.plugin().clone(),
            None => Plugin::from_bytes(&sandbox.under(self.limits.clone()), name, bytes.to_vec())?,
        };
        // Before the trial, which is in vain otherwise.
        self.check_lost(&plugin, before)?;
        let trial = match known {
            Some(known) if known.tried => Ok(()),
            _ => self.try_out(&plugin),
        };
        // What is compiled for a build that serves must not end with an upload.
        let plugin = plugin.under(sandbox.limits().clone()).cancelled_by(&Cancel::default());
        Ok(Examined { plugin, trial })
    }

    /// Decides whether what was examined may take the place of `before`, the version that serves now.
    pub(super) fn judge(&self, examined: Examined, before: Option<&Version>) -> Result<Admitted, Refusal> {
        let Examined { plugin, trial } = examined;
        let lost = self.check_lost(&plugin, before)?;
        let tried = trial.is_ok();
        match trial {
            Err(error) if is_fault(error.kind) || before.is_some_and(|before| before.tried) => {
                Err(Refusal::Trial { source: error })
            }
            // A strategy may well say that its defaults are not for these bars.
            _ => Ok(Admitted { plugin, lost, tried }),
        }
    }

    /// What grids lose by `plugin`; an error if they may not.
    fn check_lost(&self, plugin: &Plugin, before: Option<&Version>) -> Result<Vec<String>, Refusal> {
        let lost = before.map(|before| parameters::lost(before.plugin().description(), plugin.description()));
        match lost.unwrap_or_default() {
            lost if lost.is_empty() || self.may_lose_parameters => Ok(lost),
            lost => Err(Refusal::Parameters { lost }),
        }
    }

    /// Prepares the plugin for a few bars, and runs its defaults.
    fn try_out(&self, plugin: &Plugin) -> Result<(), TaskError> {
        let plugin = plugin.under(self.limits.clone());
        let defaults = plugin.description().resolve(&Params::new());
        let defaults = defaults.map_err(|error| TaskError::new(ErrorKind::InvalidParams, error.to_string()))?;
        if plugin.exports(Interface::Task) && !plugin.exports(Interface::Signals) && !plugin.exports(Interface::Events)
        {
            let prepared = Prepared::<Task>::new(&plugin, self.market.dataset().shared())?;
            return prepared.run("trial", &defaults).outcome.map(drop);
        }
        let backtest = Backtest::new(Arc::clone(&self.market), Strategy::from(plugin))?;
        backtest.run(&mut WorkerState::default(), &defaults).outcome.map(drop)
    }
}

/// Whether a failure of this kind is the plugin's fault. Errors that the plugin returns itself are answers.
pub(super) fn is_fault(kind: ErrorKind) -> bool {
    use ErrorKind::{BadOutput, Crash, OutOfBudget, OutOfMemory, Panic, TimedOut, Trap};
    matches!(kind, Panic | Trap | OutOfBudget | TimedOut | OutOfMemory | BadOutput | Crash)
}

/// Whether `name` may stand in addresses and for a file: a letter, then letters, digits, `_` and `-`, at most 64 in all.
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    if is_name(name) { Ok(()) } else { Err(Refusal::Name(name.to_owned())) }
}

/// A build that was compiled and tried.
pub(super) struct Examined {
    plugin: Plugin,
    trial: Result<(), TaskError>,
}

/// A build that may serve.
pub(super) struct Admitted {
    pub(super) plugin: Plugin,
    /// What grids lose by it.
    pub(super) lost: Vec<String>,
    /// Whether it ran with its defaults.
    pub(super) tried: bool,
}

/// Why a build does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The name is not a plugin name.
    #[error("`{0}` is not a plugin name; give a letter, then letters, digits, `_` and `-`, at most 64 in all")]
    Name(String),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] std::io::Error),
    /// The build is too large to be looked at.
    #[error("the build has {size} bytes; the limit is {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The most bytes.
        limit: u64,
    },
    /// The build is not a plugin.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// Grids for the version before would not fit.
    #[error("grids would no longer fit: {}; keep the parameters, or give the strategy a name of its own", lost.join(", "))]
    Parameters {
        /// What would be lost, a line each.
        lost: Vec<String>,
    },
    /// It fails with its defaults.
    #[error("it fails on trial, with its defaults on a few bars")]
    Trial {
        /// How it fails.
        #[source]
        source: TaskError,
    },
    /// The same build was rolled back.
    #[error("this build was rolled back ({reason}); build it anew")]
    RolledBack {
        /// Why.
        reason: String,
    },
    /// The same build was refused before, by the same rules.
    #[error("{reason}")]
    Known {
        /// Why.
        reason: String,
    },
    /// A newer build of the same name came before it was through.
    #[error("a newer build of the same name took its place before it was checked")]
    Superseded,
    /// Whoever offered it gave it up.
    #[error("it was withdrawn before it was checked")]
    Withdrawn,
    /// Too many builds wait.
    #[error("{waiting} builds wait to be checked already; offer it again in a minute")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// The host fails over it.
    #[error("a bug of the host: {0}; please report it, with the plugin")]
    Bug(String),
    /// The build is good, but cannot be written into the plugins' folder.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

impl Refusal {
    /// The whole reason, causes included.
    pub fn text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }

    /// What grids would lose by the build.
    pub(super) fn lost(&self) -> &[String] {
        match self {
            Self::Parameters { lost } => lost,
            _ => &[],
        }
    }

    /// Whether nothing was found out about the build, so that nothing is to be remembered of it.
    pub(super) fn says_nothing(&self) -> bool {
        match self {
            Self::Superseded | Self::Withdrawn | Self::Busy { .. } => true,
            Self::Plugin(error) => matches!(error, PluginError::Cancelled { .. }),
            _ => false,
        }
    }

    /// Whether the same bytes would be refused again.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Read(_) | Self::Write { .. } | Self::Known { .. } | Self::Parameters { .. } | Self::Bug(_) => false,
            // Its own error counts only beside a version that has none.
            // What ended a worker or kept it from starting may be chance.
            Self::Trial { source } => is_fault(source.kind) && source.kind != ErrorKind::Crash,
            Self::Plugin(PluginError::NotCompiled { .. } | PluginError::Cancelled { .. }) => false,
            _ => true,
        }
    }
}
