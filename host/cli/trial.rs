//! The trial of a new component: the quick part of `host check`, on a few of the bundled bars.
//!
//! Never uses the user's data.

use std::sync::Arc;

use anyhow::{Error, Result, anyhow};

use super::{Context, check};
use crate::{
    audit::{Options, audit},
    backtest::{Backtest, Market, Settings, Strategy, WorkerState},
    cache::Cache,
    data::Dataset,
    model::Params,
    project::Built,
    sandbox::{self, Budget, Interface, Limits, Plugin, PluginError, Sandbox},
};

/// Enough for the windows of most defaults to trade, few enough for an interpreter to be quick.
const BARS: usize = 600;

/// The verdict of a trial.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The strategy answers, and no fault was found.
    Passed,
    /// The strategy fails with its defaults, or could not be checked.
    Untried(Error),
    /// The strategy has a fault that makes its results worthless; it is shown.
    Caught,
}

/// A component to try.
pub(super) struct Trial {
    plugin: Plugin,
}

impl Trial {
    /// Compiles and describes the component; keeps compiled code in `cache`.
    pub(super) fn new(built: &Built, cache: Option<Arc<Cache>>, context: &mut Context<'_>) -> Result<Self> {
        let name = built.path.display().to_string();
        let load = |limits: Limits, context: &mut Context<'_>| {
            let sandbox = Sandbox::new(1, sandbox::Options { cache: cache.clone(), ..limits.into() })?;
            context.loading(&sandbox, &name, || Plugin::from_bytes(&sandbox, &name, built.bytes.clone()))
        };
        let plugin = match load(Limits::default(), context)? {
            // Runs without a meter, so that the trial can go on.
            Err(error @ PluginError::Unmetered { .. }) => {
                context.reporter.note(format!("note: {error}"));
                load(Limits { budget: Budget::Unmetered, ..Limits::default() }, context)?
            }
            plugin => plugin,
        };
        Ok(Self { plugin: plugin? })
    }

    /// Runs the strategy with its defaults, then checks it for look-ahead.
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Verdict> {
        if ![Interface::Signals, Interface::Events].iter().any(|interface| self.plugin.exports(*interface)) {
            // The answer of a custom task cannot be judged.
            return Ok(Verdict::Passed);
        }
        let (sandbox, strategy) = (self.plugin.sandbox().clone(), Strategy::from(self.plugin));
        let bundled = Dataset::bundled()?;
        let data = Dataset::new(vec![bundled.series()[0].first(BARS)])?;
        if let Err(error) = run_defaults(&strategy, &data, &sandbox, context) {
            return Ok(Verdict::Untried(error));
        }
        let report = match audit(&strategy, &data, &Params::new(), &Options::quick(), &mut |_| true) {
            Err(error) => return Ok(Verdict::Untried(error.into())),
            Ok(report) => report,
        };
        if !report.is_clean() {
            check::show(&strategy, &data, &report, context)?;
            return Ok(Verdict::Caught);
        }
        Ok(match report.is_decided() {
            true => Verdict::Passed,
            false => Verdict::Untried(anyhow!("the bars are too few to detect look-ahead")),
        })
    }
}

fn run_defaults(strategy: &Strategy, data: &Dataset, sandbox: &Sandbox, context: &mut Context<'_>) -> Result<()> {
    let market = Market::new(data.clone(), Settings::default())?;
    let name = &strategy.description().name;
    let backtest = context.prepare(sandbox, name, || Backtest::new(market.into(), strategy.clone()))??;
    let params = strategy.description().resolve(&Params::new())?;
    let answer = backtest.run(&mut WorkerState::default(), &params);
    answer.log.iter().for_each(|line| context.reporter.note(format!("log: {line}")));
    answer.outcome.map(drop).map_err(Error::new)
}
