//! `host compare`: runs several strategies over the same data, side by side.
//!
//! Never drops a strategy because another one failed.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::{
    Context, Exit,
    args::{CompareArgs, OutputFormat},
    benchmark, inputs,
    show::metric_column,
    store,
};
use crate::{
    backtest::{Market, Strategy},
    bundled,
    metrics::{Direction, Metrics},
    model::{Description, Params},
    results::{Cell, Column, Kind, Ranking, Records, Tally, params_text, to_json},
    sandbox::Limits,
    sweep::{self, Instruments, MetricColumns, ParallelBacktester, StoreUse, StoredCells, SweepRequest},
    task::ParallelResult,
};

/// The metrics of the table after the objective.
const SHOWN: [&str; 9] = [
    "total_return",
    "cagr",
    "sharpe",
    "sortino",
    "max_drawdown",
    "exposure_time",
    "trades",
    "win_rate",
    "profit_factor",
];

pub(super) fn run(args: &CompareArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let plugin_files: Vec<_> = args.plugins().iter().map(PathBuf::from).collect();
    let benchmark = benchmark::asked(&args.benchmark, None)?.and_then(|benchmark| benchmark.read_file());
    inputs::check_outputs(&args.out, args.data.paths().chain(&plugin_files).chain(&benchmark))?;
    let backtester = inputs::backtester(&args.limits, args.backend.backend, context)?;
    let strategies = strategies(args, &backtester, context)?;
    let (objective, better) = sweep::objective(&args.objective, None)?;
    let written = args.out.is_some() || args.output.format() == OutputFormat::Json;
    let metrics =
        MetricColumns::new(args.metrics, (written, args.benchmark.benchmark.is_some()), objective, &SHOWN, [], &[])?;
    let market =
        benchmark::market(&args.data, &args.account, (args.period, &args.benchmark), metrics.computed, context)?;
    let data = market.dataset().fingerprint();
    let records = Records::mixed::<Metrics>(Some(data), |name| metrics.columns.contains(name));
    let records = if args.timings.timings { records.timed() } else { records };
    let mut sink = inputs::sink(args.out.as_deref(), records.columns(), context)?;

    let hashes: Vec<_> =
        strategies.iter().map(|(strategy, _)| strategy.digest().map(|digest| digest.to_string())).collect();
    let hash = |result: &ParallelResult<Metrics>| hashes[result.index as usize].as_deref();
    let asked = strategies.len();
    let mut tally = Tally::default();
    let mut results = Vec::new();
    let mut written = Ok(());
    let stored = stored(args, &market, (&strategies, backtester.sandbox().limits()), context)?;
    backtester.compare_stored(&market, strategies, &stored, |event| {
        tally.record(&event.result);
        written = sink.as_mut().map_or(Ok(()), |sink| sink.write(&records.row(&event.result, hash(&event.result))));
        results.push(event.result);
        written.is_ok()
    });
    report_known(&stored, context);
    inputs::report_cache(&backtester, context);
    inputs::report_shortage(&backtester, context);
    let closed = written.and_then(|()| sink.map_or(Ok(()), |sink| sink.finish()));
    let rows: Vec<_> = results.iter().map(|result| records.row(result, hash(result))).collect();
    match args.output.format() {
        OutputFormat::Json => {
            let mut objects = to_json(records.columns(), &rows);
            for (object, result) in objects.as_array_mut().into_iter().flatten().zip(&results) {
                object["params"] = serde_json::to_value(&result.params)?;
            }
            context.json(json!({ "results": objects }))?;
        }
        OutputFormat::Table => table(&results, &metrics.shown, better, context)?,
    }
    context.failures(&tally);
    closed?;
    args.out.iter().for_each(|path| context.reporter.wrote_rows(path, results.len() as u64));
    Ok(Exit::of(&tally, results.len() < asked))
}

/// Loads the strategies, each with its parameters.
fn strategies(
    args: &CompareArgs,
    backtester: &ParallelBacktester,
    context: &mut Context<'_>,
) -> Result<Vec<(Strategy, Params)>> {
    let mut names: Vec<_> = args.plugins().iter().map(String::as_str).collect();
    if names.is_empty() {
        context
            .reporter
            .note(format!("plugins: the bundled {} (`--plugin FILE` takes yours)", bundled::STRATEGIES.join(", ")));
        names = bundled::STRATEGIES.to_vec();
    }
    let mut plugins = Vec::new();
    for name in names {
        let strategy = Strategy::from(context.load(backtester, name)?).with_exits(args.exits.kinds())?;
        strategy.mode(args.account.spec().mode)?;
        plugins.push(strategy);
    }
    let descriptions: Vec<_> = plugins.iter().map(|plugin| plugin.description().clone()).collect();
    let used = |text: &String| descriptions.iter().any(|description| meant_for(text, description).is_some());
    if let Some(text) = args.params.iter().find(|text| !used(text)) {
        bail!("`--param {text}` fits none of the strategies; write it as `NAME=VALUE` or `PLUGIN.NAME=VALUE`");
    }
    plugins
        .into_iter()
        .map(|plugin| {
            let meant = args.params.iter().filter_map(|text| meant_for(text, plugin.description()));
            let texts: Vec<_> = meant.map(str::to_owned).collect();
            let params = inputs::params(&args.exits.after(&texts)?, plugin.description())
                .with_context(|| format!("the parameters of `{}` do not fit", plugin.description().name))?;
            Ok((plugin, params))
        })
        .collect()
}

/// The cells of each strategy in the store that is asked for: what a sweep under the same account has run, too.
fn stored(
    args: &CompareArgs,
    market: &Market,
    (strategies, limits): (&[(Strategy, Params)], &Limits),
    context: &mut Context<'_>,
) -> Result<Vec<Option<Arc<StoredCells>>>> {
    let Some(store) = store::open(&args.store, context) else { return Ok(Vec::new()) };
    let (account, period) = (args.account.spec(), market.settings().period);
    let request = SweepRequest { account, limits: args.limits.spec(), period, ..SweepRequest::default() };
    let mut all: Vec<Option<Arc<StoredCells>>> = Vec::new();
    for (strategy, _) in strategies {
        let cells = StoredCells::on(store.clone(), (&request, limits), Instruments::Together, market, strategy)?;
        let same = |known: &&Arc<StoredCells>| cells.as_ref().is_some_and(|cells| cells.identity() == known.identity());
        let known = all.iter().flatten().find(same).cloned();
        all.push(known.or_else(|| cells.map(Arc::new)));
    }
    Ok(all)
}

/// Ends what was begun with the store, and says how many strategies were known.
fn report_known(stored: &[Option<Arc<StoredCells>>], context: &mut Context<'_>) {
    let mut all = StoreUse::default();
    for (at, cells) in stored.iter().enumerate().filter_map(|(at, cells)| Some((at, cells.as_ref()?))) {
        // Strategies that are the same one share their cells.
        if !stored[..at].iter().flatten().any(|earlier| Arc::ptr_eq(earlier, cells)) {
            all = all.and(cells.finish());
        }
    }
    if all.found > 0 {
        context.reporter.note(format!("store: {} of {} results were known", all.found, stored.len()));
    }
    store::report(Some(&all), context);
}

/// The `NAME=VALUE` of `text`, if the strategy has that parameter and `text` does not name another strategy.
fn meant_for<'a>(text: &'a str, description: &Description) -> Option<&'a str> {
    let (path, _) = text.split_once('=')?;
    let text = match path.split_once('.') {
        None => text,
        Some((plugin, _)) if plugin == description.name => &text[plugin.len() + 1..],
        Some(_) => return None,
    };
    let (name, _) = text.split_once('=')?;
    description.parameter(name).is_ok().then_some(text)
}

/// Shows the strategies, ranked by the first of `metrics`.
fn table(
    results: &[ParallelResult<Metrics>],
    metrics: &[&'static str],
    better: Direction,
    context: &mut Context<'_>,
) -> Result<()> {
    let mut columns = vec![Column::new("strategy", Kind::Text), Column::new("params", Kind::Text)];
    columns.extend(metrics.iter().map(|name| metric_column(*name, name)));
    let objective = metrics[0];
    let mut ranking = Ranking::new(results.len(), better);
    let value = |metrics: &Metrics, name: &str| metrics.get(name).flatten();
    for result in results {
        let value = result.result.as_ref().and_then(|metrics| value(metrics, objective));
        ranking.offer(value, result.index, || result);
    }
    let ranked: Vec<_> = ranking.into_sorted().into_iter().map(|ranked| ranked.row).collect();
    // Strategies without a value of the objective, or without a result, come last.
    let is_ranked = |result: &&ParallelResult<Metrics>| ranked.iter().any(|ranked| ranked.index == result.index);
    let rest = results.iter().filter(|result| !is_ranked(result));
    let rows: Vec<_> = ranked
        .iter()
        .copied()
        .chain(rest)
        .map(|result| {
            let params = params_text(&result.params);
            let mut row = vec![Cell::from(result.strategy_name.as_str()), Cell::from(params)];
            let cell = |name: &&str| Cell::from(result.result.as_ref().and_then(|metrics| value(metrics, name)));
            row.extend(metrics.iter().map(cell));
            row
        })
        .collect();
    context.table(&columns, &rows)
}
