//! `host results verify`: runs some of the known results of a run again, and compares them bit for bit.
//!
//! Never keeps a result, and never compares results of another plugin, other data or another version.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::{
    Context, Exit,
    args::OutputFormat,
    benchmark::AskedBenchmark,
    catalog::open,
    data_args::DataFiles,
    inputs,
    inputs::BUNDLED_DATA,
    runs::{last_first, named},
    store_args::VerifyArgs,
};
use crate::{
    backtest::{Market, Settings, Strategy},
    metrics::Selection,
    results::{Cell, Column, Kind, to_json},
    store::Store,
    sweep::{
        BenchmarkFacts, Checked, DefaultMetrics, KeepResults, Mismatch, ParallelBacktester, Part, Provenance,
        RESULTS_VERSION, Run, RunStart, Scope, StoredCells, SweepNews, SweepProgress,
    },
};

pub(super) fn run(args: &VerifyArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let store = open(&args.folder)?;
    let run = chosen(&store, args.run.as_deref(), context)?;
    let provenance = &run.start.provenance;
    if run.start.search.is_some() {
        bail!(
            "run {} is a search, and the store does not list which combinations it tried; the same command again takes them from the store",
            run.name
        );
    }
    if provenance.results_version != RESULTS_VERSION {
        let (then, now) = (provenance.results_version, RESULTS_VERSION);
        bail!("run {} has numbers of version {then}, and this program computes version {now}", run.name);
    }
    let backtester = inputs::backtester_on(&provenance.request.limits, args.workers, context)?;
    let strategy = strategy(args, (&store, &run), &backtester, context)?;
    let mut bound = provenance.request.bind(strategy.description(), DefaultMetrics::All)?;
    bound.settings.metrics = Selection::of(run.start.metrics.iter().map(String::as_str))?;
    let market = market(args, &run, &mut bound.settings, context)?;
    let name = strategy.description().name.clone();
    let new = || Scope::new(bound.instruments, market, strategy);
    let scope = context.prepare(backtester.sandbox(), &name, new)??;
    let cells = StoredCells::new(store, &provenance.request, &bound, &scope)?;
    let cells = cells.with_context(|| format!("the results of run {} are not kept", run.name))?.checking(1.0);
    if provenance.identity.is_some_and(|then| then != cells.identity().digest()) {
        bail!("run {} ran on another version of the engine, whose results are known apart", run.name);
    }
    let seed = args.seed.unwrap_or_else(seed);
    let sample = cells.sample(&bound.plan, usize::try_from(args.sample)?, seed);
    if sample.is_empty() {
        bail!("the store has no result of run {}: it kept none, or they were pruned", run.name);
    }
    let total = Some(sample.len() as u64);
    let mut meter = context.reporter.progress(total);
    let mut wanted = sample.into_iter().peekable();
    let part = Part::of(total, move |index| wanted.next_if_eq(&index).is_some()).stored(Some(&cells));
    backtester.sweep_watched(&scope, &bound.plan, part, &KeepResults, |news| {
        if let SweepNews::Progress(SweepProgress { finished, failed, .. }) = news {
            context.reporter.advance(&mut meter, finished, failed, String::new);
        }
        true
    });
    meter.finish();
    inputs::report_cache(&backtester, context);
    let used = cells.finish();
    if let Some(problem) = used.problem {
        context.reporter.note(format!("note: the store could not be used for all results: {problem}"));
    }
    let (checked, seeded) = (used.checked.unwrap_or_default(), format!("--seed {seed}"));
    show(&run, &checked, &seeded, args.output.format, context)?;
    Ok(match (backtester.stop_handle().is_stopped(), checked.differing) {
        (_, 1..) => Exit::Caught,
        (true, 0) => Exit::Interrupted,
        (false, 0) if checked.checked == 0 => Exit::NoneSucceeded,
        (false, 0) => Exit::Success,
    })
}

fn chosen(store: &Store, name: Option<&str>, context: &mut Context<'_>) -> Result<Run> {
    let runs = last_first(store, context)?;
    match name {
        Some(name) => {
            named(&runs, name)?.with_context(|| format!("no run begins with `{name}`; `host results runs` shows them"))
        }
        None => runs.into_iter().next().with_context(|| format!("`{}` lists no run", store.root().display())),
    }
}

/// The plugin of the run: as typed, as the store keeps it, or where it was.
fn strategy(
    args: &VerifyArgs,
    (store, run): (&Store, &Run),
    backtester: &ParallelBacktester,
    context: &mut Context<'_>,
) -> Result<Strategy> {
    let RunStart { provenance, plugin, .. } = &run.start;
    let hash = provenance.plugin_hash.with_context(|| format!("run {} had no plugin", run.name))?;
    let name = &provenance.request.plugin;
    let kept = || store.plugin(hash).map(|path| path.display().to_string());
    let source = args.plugin.clone().or_else(kept).or_else(|| plugin.clone()).unwrap_or_else(|| name.clone());
    let loaded = context.load(backtester, &source);
    let strategy = Strategy::from(loaded.with_context(|| {
        format!("the plugin `{name}` of run {} is needed (its hash was {hash}); give it with `--plugin FILE`", run.name)
    })?);
    match strategy.digest() {
        Some(now) if now == hash => Ok(provenance.request.strategy(strategy)?),
        now => {
            let now = now.map_or_else(|| "none".to_owned(), |now| now.to_string());
            bail!(
                "`{source}` is not the plugin of run {}: its hash is {now}, and that of the run {hash}; give the right one \
                 with `--plugin FILE`",
                run.name
            )
        }
    }
}

/// The data of the run under `settings`: as typed, or where they were.
fn market(args: &VerifyArgs, run: &Run, settings: &mut Settings, context: &mut Context<'_>) -> Result<Arc<Market>> {
    let RunStart {
        provenance: Provenance { read, data_hash, request, benchmark: then, .. },
        data,
        detail,
        benchmark,
        ..
    } = &run.start;
    let files: &[PathBuf] = if args.data.is_empty() { data } else { &args.data };
    let name = request.data.as_deref().unwrap_or(BUNDLED_DATA);
    let detail = if args.detail.is_empty() { detail } else { &args.detail };
    let (dataset, options) =
        inputs::dataset_of(DataFiles { files, detail }, read.clone(), context).with_context(|| {
            format!(
                "the data `{name}` of run {} are needed (their hash was {data_hash}); give them with `--data FILE`",
                run.name
            )
        })?;
    // The data first: against others, a benchmark would be told to be wrong.
    let plain = Market::new(dataset.clone(), Settings { benchmark: None, ..settings.clone() })?;
    let now = plain.dataset().fingerprint();
    if now != *data_hash {
        bail!(
            "the data `{name}` are not those of run {}: their hash was {data_hash}, and is {now}; give the right ones with \
             `--data FILE`",
            run.name
        );
    }
    let Some(spec) = &request.benchmark else { return Ok(Arc::new(plain)) };
    let file = args.benchmark.clone().or_else(|| benchmark.clone());
    let asked = AskedBenchmark::in_file(spec.clone(), file);
    settings.benchmark = Some(asked.find(files, (&dataset, &options), context)?);
    let market = Market::new(dataset, settings.clone())?;
    let hash = |facts: Option<&BenchmarkFacts>| facts.map(|facts| facts.hash);
    if hash(then.as_ref()) != hash(BenchmarkFacts::of(&market).as_ref()) {
        bail!(
            "the benchmark is not that of run {}: its returns are others; give its file with `--benchmark FILE`",
            run.name
        );
    }
    Ok(Arc::new(market))
}

fn seed() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

fn show(run: &Run, checked: &Checked, seeded: &str, format: OutputFormat, context: &mut Context<'_>) -> Result<()> {
    let Checked { checked: all, differing, mismatches, aside } = checked;
    let columns = ["task", "what", "known", "now"].map(|name| Column::new(name, Kind::Text));
    let row = |mismatch: &Mismatch| {
        let Mismatch { task_id, what, known, now } = mismatch;
        [task_id, what, known, now].map(|text| Cell::from(text.clone())).to_vec()
    };
    let rows: Vec<_> = mismatches.iter().map(row).collect();
    match format {
        OutputFormat::Json => context.json(json!({
            "run": run.name,
            "checked": all,
            "differing": differing,
            "differences": to_json(&columns, &rows),
            "set_aside": aside,
        }))?,
        OutputFormat::Table if *differing == 0 => {
            writeln!(context.out, "{all} known results of run {} are the same, bit for bit", run.name)?;
        }
        OutputFormat::Table => {
            writeln!(context.out, "{differing} of {all} known results of run {} differ\n", run.name)?;
            context.table(&columns, &rows)?;
        }
    }
    for folder in aside {
        context
            .reporter
            .note(format!("note: their book is set aside in `{}`, so that its results run again", folder.display()));
    }
    context.reporter.note(format!("`{seeded}` takes the same results again"));
    Ok(())
}
