//! One combination as asked for, typed or of past results: set up, and how its run ended.
//!
//! Never runs it.

use std::sync::Arc;

use anyhow::{Error, Result};

use super::{
    Context, Exit,
    again::{Again, Past, Setup},
    args::CombinationArgs,
    benchmark, inputs,
};
use crate::{
    backtest::{Backtest, Market, Strategy},
    metrics::{Metrics, Selection},
    sandbox::Backend,
    sweep::ParallelBacktester,
    task::Answer,
};

/// The combination of `again`, or the typed one, ready to run; under both extremes within the bars if `bounds` says so.
pub(super) fn set_up(
    (args, bounds): (&CombinationArgs, bool),
    again: Option<&Again<'_>>,
    context: &mut Context<'_>,
) -> Result<Setup> {
    if let Some(again) = again {
        return again.set_up(args, context);
    }
    let backtester = inputs::backtester(&args.limits, Backend::Threads, context)?;
    let name = args.plugin.name(&mut context.reporter);
    let strategy = Strategy::from(context.load(&backtester, name)?);
    let strategy = strategy.with_exits(args.exits.kinds())?;
    strategy.mode(args.account.spec().mode)?;
    let params = inputs::params(&args.exits.after(&args.params)?, strategy.description())?;
    let market =
        benchmark::market(&args.data, &args.account, (args.period, &args.benchmark), Selection::all(), context)?;
    Ok(Setup { backtester, strategy, params, market, spec: args.account.spec(), bounds, past: None })
}

/// Prepares the strategy on the bars, and says so if it takes long.
pub(super) fn prepare(
    (market, strategy): (Arc<Market>, Strategy),
    backtester: &ParallelBacktester,
    context: &mut Context<'_>,
) -> Result<Backtest> {
    let name = strategy.description().name.clone();
    Ok(context.prepare(backtester.sandbox(), &name, || Backtest::new(market, strategy))??)
}

/// The metrics of a run, whose log is noted. Of one that failed, tells why, and returns how the program ends.
pub(super) fn outcome(
    answer: Answer<Metrics>,
    past: Option<&Past>,
    context: &mut Context<'_>,
) -> Result<Metrics, Exit> {
    answer.log.iter().for_each(|line| context.reporter.note(format!("log: {line}")));
    answer.outcome.map_err(|error| {
        context.reporter.error(&Error::new(error.clone()));
        past.iter().for_each(|past| past.note_failure(&error, context));
        Exit::NoneSucceeded
    })
}
