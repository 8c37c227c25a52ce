//! `host walk-forward --fresh`: the winner of each fold once more, from cash on.
//!
//! Never chooses a winner.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::{
    Context,
    data_args::DataArgs,
    inputs,
    request::{Typed, asked_of},
    trust_args::FreshArgs,
};
use crate::{
    backtest::{Market, Settings, Strategy},
    evidence::FollowedFold,
    metrics::Selection,
    results::ReturnsFile,
    sweep::{Instruments, PartRun, Provenance},
};

/// What the winners have made of their test parts, each from cash on.
pub(super) struct Fresh {
    /// Of each fold the returns of its periods; `None` of one that failed or was not run.
    pub(super) folds: Vec<Option<Vec<f32>>>,
    /// Whether it was interrupted.
    pub(super) interrupted: bool,
}

/// Runs the winner of each of `folds` as the sweep of `file` ran.
pub(super) fn run(
    args: &FreshArgs,
    (file, path): (&ReturnsFile, &PathBuf),
    folds: &[FollowedFold],
    context: &mut Context<'_>,
) -> Result<Fresh> {
    let shown = path.display();
    let ran = Provenance::of_facts(|name| file.fact(name));
    let ran =
        ran.with_context(|| format!("`{shown}` does not say what its sweep was asked for; run the sweep again"))?;
    let data = DataArgs { files: args.data.clone(), ..DataArgs::default() };
    let typed = Typed { plugin: args.plugin.as_deref(), data: &data };
    let (plugin, bars) = (ran.plugin_hash, ran.data_hash);
    let asked = asked_of(ran, typed, context)?;
    if asked.request.scope == Instruments::EachSymbol {
        bail!(
            "the sweep of `{shown}` ran on each symbol alone, whose folds are not those of the file; leave `--fresh` out"
        );
    }
    let backtester = inputs::backtester_on(&asked.request.limits, args.workers, context)?;
    let strategy = Strategy::from(backtester.load(&asked.plugin)?);
    let (settings, _) = asked.request.settings(Selection::none())?;
    let settings = Settings { returns: Some(file.period()), ..settings };
    let (dataset, _) = asked.dataset(&data, context)?;
    let market = Market::new(dataset.clone(), settings)?;
    asked.check_origin(typed, &strategy, &market, context)?;
    if strategy.digest() != plugin || market.dataset().fingerprint() != bars {
        bail!(
            "the folds of `{shown}` are of another plugin or other data; give those of the sweep, or leave `--fresh` out"
        );
    }
    if market.period_times().as_deref() != Some(file.times()) {
        bail!("the data has other {}s than `{shown}`; give the data of the sweep with `--data FILE`", file.period());
    }
    let run = |fold: &FollowedFold| -> Result<PartRun> {
        let part = market.stamps_of_periods(fold.periods.clone()).and_then(|stamps| market.part(stamps));
        let part = part.context("a bug of the host: a fold lies outside of the data")?;
        // Another plugin may have been typed.
        Ok((part, strategy.description().resolve(&fold.params)?))
    };
    let runs: Vec<_> = folds.iter().map(run).collect::<Result<_>>()?;
    let total = runs.len();
    let mut meter = context.reporter.progress(Some(total as u64));
    let mut found = Vec::with_capacity(total);
    backtester.run_parts((&dataset, &settings), &strategy, runs, |event| {
        let (result, failed) = (event.result, event.failed);
        if let Some(error) = &result.error_message {
            let fold = found.len() + 1;
            context.reporter.note(format!("note: fold {fold} has failed when it was run anew: {error}"));
        }
        found.push((!result.returns.is_empty()).then_some(result.returns));
        context.reporter.advance(&mut meter, event.done, failed, String::new);
        true
    });
    meter.finish();
    let interrupted = found.len() < total;
    found.resize(total, None);
    Ok(Fresh { folds: found, interrupted })
}
