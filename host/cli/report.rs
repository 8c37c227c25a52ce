//! `host report`, and `host backtest --report`: one HTML file that shows a sweep, its best combination and what speaks for it.
//!
//! Never draws: the page of the report does, from what is given to it here.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::{
    Context, Exit,
    account::AccountArgs,
    again::{Again, Setup},
    args::{CombinationArgs, ReportArgs},
    benchmark, combination,
    data_args::PeriodArgs,
    exit_args::ExitArgs,
    inputs::{self, name_of_data},
    store,
};
use crate::{
    backtest::{AccountSpec, Backtest, WorkerState},
    evidence::TrustRequest,
    file::write_whole,
    metrics::Metrics,
    model::Params,
    report::{ChosenCell, Ran, Report, shell_word},
    results::{ResultsFile, ReturnsFile},
    sweep::{PastError, PastResults, Provenance, RequestFile, Stop},
};

pub(super) fn run(args: ReportArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.quiet.quiet);
    let (results, returns) = (args.results, args.returns);
    let out = args.out.unwrap_or_else(|| results.with_extension("html"));
    let benchmark = benchmark::asked(&args.benchmark, None)?.and_then(|benchmark| benchmark.read_file());
    inputs::check_outputs([&out], args.data.paths().chain([&results]).chain(&returns).chain(&benchmark))?;
    let shown = results.display();
    if !results.extension().is_some_and(|ending| ending == "parquet" || ending == "pq") {
        bail!("`{shown}` is not results in Parquet; give the file that `host sweep --out NAME.parquet` wrote");
    }
    let RequestFile::Provenance(of) = RequestFile::load(&results)? else {
        bail!("`{shown}` has no results; give the Parquet file that `host sweep --out` wrote");
    };
    let file = ResultsFile::open(&results)?;
    let plugin = of.description();
    let goal = of.request.goal(&plugin)?;
    let chosen = match (&args.task, PastResults::open(&results)?) {
        (Some(task), past) => Some(past.of_task(task, &plugin)?),
        (None, past) => match past.at_rank(args.rank.unwrap_or(1), &goal, &plugin) {
            Err(PastError::Unranked { .. }) if args.rank.is_none() => None,
            found => Some(found?),
        },
    };
    let mut report = Report::of_results(&file, (&of, &goal), chosen.as_ref(), again(&results))?;
    let store = store::existing(args.answers.store.as_deref(), args.answers.no_store)?;
    report.add_look_ahead(store.as_ref(), (&of.request.plugin, of.plugin_hash), of.data_hash);
    if let Some(path) = &returns {
        let asked = (&TrustRequest::default(), store.as_ref(), &Stop::default());
        let added = report.add_evidence(&ReturnsFile::open(path)?, &of, asked);
        added.with_context(|| format!("`{}` does not go with `{shown}`", path.display()))?;
    }
    report.receive("made by", context.typed());
    let mut exit = Exit::Success;
    if let Some(chosen) = chosen {
        let rerun = CombinationArgs {
            plugin: args.plugin,
            params: Vec::new(),
            exits: ExitArgs::default(),
            again: Some(results),
            rank: None,
            task: Some(chosen.task_id),
            data: args.data,
            period: PeriodArgs::default(),
            benchmark: args.benchmark,
            account: AccountArgs::default(),
            limits: args.limits,
        };
        if let Err(why) = add_rerun(&mut report, &of, &rerun, context) {
            let gone = "The combination could not run again, so that equity, trades and prices are not here";
            report.note(format!("{gone}: {why:#}."));
            exit = Exit::SomeFailed;
        }
    }
    write(&report, &out, context)?;
    Ok(exit)
}

/// Writes the report of one run, and of the sweep that it is from, if that is known.
pub(super) fn of_run(
    path: &Path,
    (backtest, params, metrics, state): (&Backtest, &Params, &Metrics, &WorkerState),
    (args, spec): (&CombinationArgs, &AccountSpec),
    context: &mut Context<'_>,
) -> Result<()> {
    let (strategy, market) = (backtest.strategy(), backtest.market());
    let first = || market.dataset().series().first().map_or_else(String::new, |series| series.symbol.clone());
    let name = if args.data.files.is_empty() { first() } else { name_of_data(&args.data.files) };
    let ran = Ran { market, ledger: state.ledger(), metrics };
    let mut report = Report::of_run((strategy, &name, spec), params, ran);
    let store = store::existing(None, false)?;
    let plugin = (&*strategy.description().name, strategy.digest());
    report.add_look_ahead(store.as_ref(), plugin, market.dataset().fingerprint());
    report.receive("made by", context.typed());
    if let Some(results) = args.again.as_deref() {
        add_origin(&mut report, results, params);
    }
    write(&report, path, context)
}

/// Adds the sweep of the results that a run was taken from, if they say so.
fn add_origin(report: &mut Report, results: &Path, params: &Params) {
    let added = (|| -> Result<bool> {
        let RequestFile::Provenance(of) = RequestFile::load(results)? else { return Ok(false) };
        let (file, bound) = (ResultsFile::open(results)?, of.bind()?);
        let (task_id, goal) = (&*bound.plan.task_id(params), &bound.goal);
        report.add_sweep(&file, &of, ChosenCell { task_id, goal }, again(results))?;
        Ok(true)
    })();
    if let Err(why) = added {
        report.note(format!("The sweep is not shown: {why:#}."));
    }
}

/// Runs the combination once more for its books, and says where the run is not that of the sweep `of`.
fn add_rerun(report: &mut Report, of: &Provenance, args: &CombinationArgs, context: &mut Context<'_>) -> Result<()> {
    let again = Again::of(args, false, context)?;
    let setup = combination::set_up((args, false), again.as_ref(), context)?;
    let Setup { backtester, strategy, params, market, past, .. } = setup;
    let is_other_data = of.symbols.is_none() && market.dataset().fingerprint() != of.data_hash;
    let is_other_plugin = strategy.digest() != of.plugin_hash;
    let backtest = combination::prepare((market, strategy), &backtester, context)?;
    inputs::report_cache(&backtester, context);
    let mut state = WorkerState::with_orders();
    let metrics = backtest.run(&mut state, &params).outcome?;
    match (is_other_data, is_other_plugin) {
        (false, false) if past.is_some_and(|past| !past.is_same(&metrics)) => {
            report.note("The run has other numbers than the results of the sweep: `host backtest --again` says which.");
        }
        (false, false) => {}
        (true, false) => {
            report.note("The run is on other data than the sweep: summary, equity and trades are of these.")
        }
        (_, true) => {
            report.note("The run is of another plugin than the sweep: summary, equity and trades are of that.")
        }
    }
    report.add_run(Ran { market: backtest.market(), ledger: state.ledger(), metrics: &metrics });
    Ok(())
}

/// The command that runs a combination of `results` again, where they are.
fn again(results: &Path) -> String {
    let name = results.file_name().unwrap_or_default().to_string_lossy();
    format!("host backtest --again {}", shell_word(&name))
}

fn write(report: &Report, path: &Path, context: &mut Context<'_>) -> Result<()> {
    report.notes().iter().for_each(|note| context.reporter.note(format!("note: in the report: {note}")));
    let html = report.html();
    write_whole(path, html.as_bytes())
        .with_context(|| format!("`{}` cannot be written; give another path", path.display()))?;
    context.reporter.wrote(path, format!("{} KB, which a browser opens without a network", html.len().div_ceil(1_000)));
    Ok(())
}
