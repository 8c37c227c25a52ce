//! The trial of a new component: a brief `host check`, on a few bars of the given data or of the bundled ones.
//!
//! Never reads a file.

use std::sync::Arc;

use anyhow::{Error, Result, anyhow};

use super::{Context, check, show::counted};
use crate::{
    audit::{Options, audit},
    backtest::{Backtest, Market, Settings, Strategy, WorkerState},
    cache::Cache,
    data::Dataset,
    model::{Params, Series},
    project::Built,
    sandbox::{self, Budget, Interface, Limits, Plugin, PluginError, Sandbox},
};

/// Enough for the windows of most defaults to trade, few enough for an interpreter to be quick.
const BARS: usize = 600;

/// The most instruments that bundled bars are made into, for strategies that need several.
const INSTRUMENTS: usize = 3;

/// The most lines of a log that are shown.
const LINES: usize = 3;

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
    /// The bars that it is tried on; none for the bundled ones.
    data: Option<Dataset>,
}

impl Trial {
    /// Compiles and describes the component, to be tried on `data` or on bundled bars; keeps compiled code in `cache`.
    pub(super) fn new(
        built: &Built,
        data: Option<Dataset>,
        cache: Option<Arc<Cache>>,
        context: &mut Context<'_>,
    ) -> Result<Self> {
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
        Ok(Self { plugin: plugin?, data })
    }

    /// Runs the strategy with its defaults, then checks it for look-ahead.
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Verdict> {
        if ![Interface::Signals, Interface::Events].iter().any(|interface| self.plugin.exports(*interface)) {
            // The answer of a custom task cannot be judged.
            return Ok(Verdict::Passed);
        }
        let (sandbox, strategy) = (self.plugin.sandbox().clone(), Strategy::from(self.plugin));
        let data = match run_first((&strategy, &sandbox), candidates(self.data.as_ref())?, context) {
            Err(error) => return Ok(Verdict::Untried(error)),
            Ok(data) => data,
        };
        let name = &strategy.description().name;
        let doing = || format!("trying `{name}` with other futures (`--no-trial` skips it)");
        let audited =
            context.wait(doing, || audit(&strategy, &data, &Params::new(), &Options::trial(), &mut |_| true))?;
        let report = match audited {
            Err(error) => return Ok(Verdict::Untried(error.into())),
            Ok(report) => report,
        };
        if !report.is_clean() {
            check::show(&strategy, &data, &report, context)?;
            return Ok(Verdict::Caught);
        }
        Ok(match report.is_decided() {
            true => Verdict::Passed,
            false => {
                let why = report
                    .look_ahead()
                    .map_or_else(String::new, |check| check.detail.trim_start_matches("undecided: ").to_owned());
                Verdict::Untried(anyhow!(
                    "whether it looks ahead cannot be told: {why}; `host check` has these options, and looks for longer"
                ))
            }
        })
    }
}

/// The bars of a trial: a few of `data`, or of the bundled ones as one, two or three instruments.
fn candidates(data: Option<&Dataset>) -> Result<Vec<Dataset>> {
    let Some(data) = data else {
        let bundled = Dataset::bundled()?;
        let bars = &bundled.series()[0];
        return (1..=INSTRUMENTS)
            .map(|count| Ok(Dataset::new((0..count).map(|at| stretch(bars, at)).collect())?))
            .collect();
    };
    // Instruments begin at different times; the bars are those from where all of them are there.
    let begins = data.series().iter().filter_map(|series| series.time.first()).max().copied().unwrap_or(i64::MIN);
    let some = |series: &Series| {
        let from = series.time.partition_point(|time| *time < begins);
        let from = if from == series.len() { 0 } else { from };
        series.part(from..(from + BARS).min(series.len()))
    };
    Ok(vec![Dataset::new(data.series().iter().map(some).collect())?])
}

/// Bundled bars as the instrument `at` of several: the first has their beginning, each other one later prices at the same times.
fn stretch(bars: &Series, at: usize) -> Series {
    let first = bars.first(BARS);
    if at == 0 {
        return first;
    }
    let later = bars.part(at * BARS..(at + 1) * BARS);
    Series { symbol: format!("{}-{}", bars.symbol, at + 1), time: first.time, ..later }
}

/// Runs the defaults on the first of `all` that the strategy takes, and returns it. If it takes none, the error is that of the
/// first.
fn run_first(
    (strategy, sandbox): (&Strategy, &Sandbox),
    all: Vec<Dataset>,
    context: &mut Context<'_>,
) -> Result<Dataset> {
    let mut refused = None;
    for data in all {
        let (log, outcome) = run_defaults((strategy, sandbox), &data, context)?;
        match outcome {
            Ok(()) => {
                if let Some((_, why)) = &refused {
                    let count = data.series().len();
                    context
                        .reporter
                        .note(format!("trial: on {count} instruments, since it does not run on one: {why:#}"));
                }
                note_log(&log, context);
                return Ok(data);
            }
            Err(error) => refused = refused.or(Some((log, error))),
        }
    }
    let (log, error) = refused.unwrap_or_else(|| (Vec::new(), anyhow!("there are no bars")));
    note_log(&log, context);
    Err(error)
}

/// The log of a run with the defaults, and how it ended.
fn run_defaults(
    (strategy, sandbox): (&Strategy, &Sandbox),
    data: &Dataset,
    context: &mut Context<'_>,
) -> Result<(Vec<String>, Result<()>)> {
    let market = Market::new(data.clone(), Settings::default())?;
    let new = || Backtest::new(market.into(), strategy.clone());
    let backtest = match context.prepare(sandbox, &strategy.description().name, new)? {
        Ok(backtest) => backtest,
        Err(error) => return Ok((Vec::new(), Err(error.into()))),
    };
    let params = strategy.description().resolve(&Params::new())?;
    let doing = || format!("running `{}` with its defaults", strategy.description().name);
    let answer = context.wait(doing, || backtest.run(&mut WorkerState::default(), &params))?;
    Ok((answer.log, answer.outcome.map(drop).map_err(Error::new)))
}

/// Notes the first lines of a log, and how many more there are.
fn note_log(log: &[String], context: &mut Context<'_>) {
    log.iter().take(LINES).for_each(|line| context.reporter.note(format!("log: {line}")));
    let more = log.len().saturating_sub(LINES);
    if more > 0 {
        context
            .reporter
            .note(format!("log: and {} of the trial (`host backtest` shows all)", counted(more, "more line")));
    }
}
