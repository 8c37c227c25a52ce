//! `host sweep`: runs every combination of a grid, and ranks them.
//!
//! Never holds more results than the ranking shows.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::{
    Context, Exit, annual,
    args::{OneSweepArgs, OutputFormat},
    check,
    dry_run::{self, DryRun},
    inputs, output_path, plateau,
    ranking::{Ranking, other_ranks},
    request::{Asked, Typed, asked},
    shard,
    show::{counted, metric_column, metric_text, title},
    split, store,
    store_args::KnownArgs,
};
use crate::{
    backtest::{Backtest, Market, Strategy, WorkerState},
    bundled::is_bundled,
    evidence::Returning,
    model::label,
    results::{Cell, Column, Kind, params_text},
    sandbox::Forking,
    sweep::{
        BOUNDED, BoundRequest, Bounds, DefaultMetrics, Elsewhere, Instruments, NO_CELLS, OutOfSample,
        ParallelBacktester, Part, Provenance, RankBy, RankedPlateaus, RankedResult, Recorder, RunEnd, RunOutcome,
        Scope, Split, StoreUse, StoredCells, SweepNews, SweepOn, SweepProgress, Valued, WithValues, grid::Shard,
    },
};

pub(super) fn run(all: &OneSweepArgs, context: &mut Context<'_>) -> Result<Exit> {
    let args = &all.sweep;
    context.reporter.set_quiet(args.output.quiet);
    let mut asked = asked(args, all.request.as_deref(), context)?;
    asked.request.bounds |= all.bounds;
    asked.request.rank_by = all.rank_by.unwrap_or(asked.request.rank_by);
    asked.request.split = all.split.or(asked.request.split);
    if asked.request.optimize.is_some() {
        context
            .reporter
            .note("note: the request is that of a search; a sweep runs its whole grid (`host optimize` searches)");
        asked.request = asked.request.of_whole_grid();
    }
    if all.shard.is_some() && (asked.request.rank_by == RankBy::Plateau || asked.request.split.is_some()) {
        bail!(
            "the request ranks a whole sweep by plateaus or on a part of the bars, which a shard cannot; leave `--shard` out"
        );
    }
    let shard = shard::asked(all.shard.as_ref(), all.sweep.out.as_deref(), context)?;
    check_outputs(all, &asked)?;
    asked.request.check()?;
    let backtester = inputs::backtester_under(&asked.request.limits, (&args.limits, args.backend.backend), context)?;
    let strategy = asked.request.strategy(context.load(&backtester, &asked.plugin)?.into())?;
    let bound = asked.request.bind(strategy.description(), default_metrics(all))?;
    let mut bound = bound.with_returns(all.returns.returns.as_ref().map(|_| all.returns.returns_period));
    if bound.settings.returns.is_some() && bound.instruments == Instruments::EachSymbol {
        bail!(
            "`--returns` takes runs over the same periods, and each symbol alone has its own; leave it out, or give one symbol's data"
        );
    }
    let (dataset, read) = asked.dataset(&args.data, context)?;
    asked.measure(&mut bound.settings, (&dataset, &read), context)?;
    let split = Split::of(&mut asked.request, &mut bound, &dataset)?;
    let then = asked.bars_then(&dataset, &bound.settings);
    let market = Arc::new(Market::new(dataset.clone(), bound.settings.clone())?);
    let typed = Typed { plugin: args.plugin.typed(), data: &args.data };
    let then = then.filter(|_| !asked.is_data_of_request(&market));
    asked.check_origin(typed, &strategy, then.as_ref().unwrap_or(&market), context)?;
    annual::announce(bound.instruments, &market, context);
    let provenance = Provenance::new(&asked.request, &bound, &strategy, &market)?.read_with(read).of_shard(shard);
    let Some(of_returns) = facts_of_returns(all, (&asked, &bound, &backtester), (&strategy, &market), context)? else {
        return Ok(Exit::Interrupted);
    };
    let recorder = Recorder::new(&bound, &strategy, &market).with_timings(args.timings.timings);
    let recorder = if all.dry_run {
        dry_run::check_outputs(all, &recorder)?;
        recorder
    } else {
        open(all, (&provenance, of_returns, split), (recorder, &market), context)?
    };
    let scope = Scope::unprepared(bound.instruments, market, strategy)?;
    if let Scope::Together(together) = &scope
        && bound.bounds
    {
        Bounds::check(together.backtest()?)?;
    }
    // What is wrong with the store is told below.
    let kept = store::asked(&all.store).ok().flatten();
    let on = SweepOn { dataset: &dataset, request: &asked.request, bound: &bound, scope: &scope, store: kept.as_ref() };
    let rest = split.map(|split| on.elsewhere(split.out_of_sample)).transpose()?;
    announce(&scope, &bound, &backtester, context);
    shard::announce(shard, &scope, &bound.plan, context);
    let missing_store = store::missing(&all.store).filter(|_| all.dry_run);
    // Of a result that is known, nobody knows the returns: all of them run again.
    let again = bound.settings.returns.map(|_| 1.0).or(all.known.verify_store);
    let known = KnownArgs { verify_store: again, ..all.known };
    let stored = store::cells((&all.store, known, shard), (&asked.request, &bound, &scope), context)?;
    let preparing = Instant::now();
    context.prepare(backtester.sandbox(), &asked.plugin, || match all.dry_run {
        true => scope.prepare(),
        false => scope.prepare_unless_known(&bound.plan, stored.as_ref()),
    })??;
    let prepared_in = preparing.elapsed();
    inputs::report_cache(&backtester, context);
    announce_forking(&scope, context);
    let (stored, out) = (stored.as_ref(), args.out.as_deref());
    if all.dry_run {
        let facts = provenance.facts();
        let sweep = DryRun { bound: &bound, scope: &scope, shard, stored, out, facts: &facts, prepared_in };
        let exit = sweep.run(&backtester, (recorder.records(), args.output.format()), context);
        missing_store.iter().for_each(|root| store::remove_empty(root));
        return exit;
    }
    if let Some(stored) = stored {
        stored.begin_run(&asked.run_start("sweep", provenance, scope.market().settings().metrics, out));
    }
    let (interrupted, seconds, used) = (false, 0.0, None);
    let returns = all.returns.returns.as_deref();
    let outputs = (out, returns);
    let (rest, values) = (rest.as_ref(), Vec::new());
    let mut sweep = OneSweep {
        bound: &bound,
        scope: &scope,
        shard,
        stored,
        rest,
        outputs,
        recorder,
        values,
        interrupted,
        seconds,
        used,
    };
    sweep.run(&backtester, context)?;
    if let Some(problem) = backtester.stop_handle().failure() {
        sweep.end_run(false, context);
        let way_out = match stored {
            Some(_) => "the store has those that it ran, so that the same command goes on",
            None => "with a store, the same command would go on from those that it ran",
        };
        // The file keeps its partial name: it has less than was asked for, and nobody stopped it.
        bail!("the cluster could not run all combinations: {problem}; {way_out}");
    }
    sweep.finish(&backtester, args.output.format(), context)
}

/// Refuses to overwrite an input.
fn check_outputs(all: &OneSweepArgs, asked: &Asked) -> Result<()> {
    let plugin = [(&asked.plugin).into()];
    let read = asked.files().chain(&all.sweep.grid).chain(&plugin).chain(&all.request).chain(all.sweep.account.file());
    let benchmark = asked.benchmark_file();
    let read = read.chain(&all.sweep.data.read.instruments).chain(&benchmark);
    inputs::check_outputs(all.sweep.out.iter().chain(&all.save_request).chain(&all.returns.returns), read)
}

fn default_metrics(all: &OneSweepArgs) -> DefaultMetrics {
    let is_written = all.sweep.out.is_some() || all.sweep.output.format() == OutputFormat::Json;
    if is_written { DefaultMetrics::All } else { DefaultMetrics::Shown }
}

/// Names and texts for a file.
type Facts = Vec<(String, String)>;

/// What a file of returns says besides the provenance: whether the strategy looks ahead. Nothing where none is written, `None` if
/// Ctrl-C came before it was known.
fn facts_of_returns(
    all: &OneSweepArgs,
    (asked, bound, backtester): (&Asked, &BoundRequest, &ParallelBacktester),
    (strategy, market): (&Strategy, &Market),
    context: &mut Context<'_>,
) -> Result<Option<Facts>> {
    if bound.settings.returns.is_none() {
        return Ok(Some(Facts::new()));
    }
    let is_bundled = is_bundled(&asked.plugin);
    // A store that cannot be opened is told where it is opened for the results.
    let store = store::asked(&all.store).ok().flatten();
    let returning = Returning { strategy, market, bound, store, is_bundled };
    let stop = backtester.stop_handle();
    let mut notes = Vec::new();
    let known = check::listened(&stop, context, |listener| returning.check(listener, &mut notes));
    notes.iter().for_each(|note| context.reporter.note(format!("note: {note}")));
    Ok(known?.map(|fact| vec![fact.named()]))
}

/// Opens the output files before any work is done for them.
fn open(
    all: &OneSweepArgs,
    (provenance, of_returns, split): (&Provenance, Facts, Option<Split>),
    (mut recorder, market): (Recorder, &Market),
    context: &mut Context<'_>,
) -> Result<Recorder> {
    if let Some(path) = &all.sweep.out {
        recorder.open(path, &provenance.facts())?;
    }
    if let Some(path) = &all.returns.returns {
        recorder.open_returns(path, market, &[provenance.facts(), of_returns].concat())?;
    }
    if let Some(path) = &all.save_request {
        provenance.write(path).map_err(|error| {
            anyhow::Error::from(error).context(format!("`{}` cannot be written; give another path", path.display()))
        })?;
        context.reporter.wrote(path, "the request");
    }
    if all.save_request.is_some() && split.is_some() {
        context.reporter.note("note: the request is of the first part of the bars only, and has no `split`");
    }
    inputs::report_leftovers(recorder.leftovers(), context);
    Ok(recorder)
}

/// Notes the combinations, the plugin and the workers.
pub(super) fn announce(
    scope: &Scope,
    bound: &BoundRequest,
    backtester: &ParallelBacktester,
    context: &mut Context<'_>,
) {
    let symbols = match bound.instruments {
        Instruments::Together => String::new(),
        Instruments::EachSymbol => {
            let symbols = scope.market().dataset().series().len() as u64;
            if symbols == 1 { " on its symbol".to_owned() } else { format!(" on each of {symbols} symbols") }
        }
    };
    let title = title(scope.strategy().description());
    let (count, workers) = (counted(bound.plan.count(), "combination"), counted(backtester.n_workers(), "worker"));
    context.reporter.note(format!("sweep: {count} of {title}{symbols} on {workers}"));
}

/// Notes why the strategy prepares for each combination, if it does.
pub(super) fn announce_forking(scope: &Scope, context: &mut Context<'_>) {
    if let Scope::Together(together) = scope
        && let Some(Forking::RePrepared { why }) = together.prepared().and_then(Backtest::forking)
    {
        context.reporter.note(format!("note: `prepare` runs for each combination, since {why}"));
    }
}

/// A running sweep.
struct OneSweep<'a> {
    bound: &'a BoundRequest,
    scope: &'a Scope,
    shard: Option<Shard>,
    stored: Option<&'a StoredCells>,
    /// The bars after those of the sweep, if the ranked combinations run on them, too.
    rest: Option<&'a Elsewhere>,
    /// The files of results and of returns.
    outputs: (Option<&'a Path>, Option<&'a Path>),
    recorder: Recorder,
    /// The objective of each combination, if they are ranked by their neighbours.
    values: Vec<Valued>,
    interrupted: bool,
    /// How long its combinations took.
    seconds: f64,
    /// What it did with the store.
    used: Option<StoreUse>,
}

impl OneSweep<'_> {
    fn run(&mut self, backtester: &ParallelBacktester, context: &mut Context<'_>) -> Result<()> {
        let part = Part::all().within(self.shard).stored(self.stored);
        let total = part.total(self.scope, &self.bound.plan);
        let mut meter = context.reporter.progress(total);
        let mut done = 0;
        let recording = WithValues::new(self.recorder.recording(), self.bound);
        backtester.sweep_watched(self.scope, &self.bound.plan, part, &recording, |news| match news {
            SweepNews::Results(batch) => {
                done = batch.done;
                let (recorded, values) = batch.results;
                self.values.extend(values);
                self.recorder.take(recorded)
            }
            SweepNews::Progress(SweepProgress { finished, failed, .. }) => {
                context.reporter.advance(&mut meter, finished, failed, || self.best());
                true
            }
        });
        meter.finish();
        inputs::report_shortage(backtester, context);
        self.interrupted = backtester.stop_handle().is_stopped() && total != Some(done);
        self.seconds = meter.elapsed().as_secs_f64();
        let (seconds, rate) = (self.seconds, done as f64 / self.seconds.max(f64::MIN_POSITIVE));
        let what = if self.bound.instruments == Instruments::EachSymbol { "task" } else { "combination" };
        self.used = self.stored.map(StoredCells::finish);
        let known = store::known(self.used.as_ref(), done);
        context.reporter.note(format!("{} in {seconds:.2} s ({rate:.0}/s){known}", counted(done, what)));
        store::report(self.used.as_ref(), context);
        Ok(())
    }

    fn best(&self) -> String {
        let standings = self.recorder.standings();
        standings.best().map_or_else(String::new, |best| {
            let objective = standings.goal().objective().name;
            format!(", best {objective} {} at {}", metric_text(objective, best.value), label(&best.row.task_id))
        })
    }

    /// Notes in the store how the run has ended.
    fn end_run(&self, is_written: bool, context: &mut Context<'_>) {
        let Some(stored) = self.stored else { return };
        let outcome = match (is_written, self.interrupted) {
            (false, _) => RunOutcome::Failed,
            (true, true) => RunOutcome::Interrupted,
            (true, false) => RunOutcome::Finished,
        };
        let known = self.used.as_ref().map_or(0, |used| used.found);
        let end = RunEnd::new(outcome, self.seconds, known, self.recorder.standings());
        if let Some(problem) = stored.end_run(&end) {
            context.reporter.note(format!("note: the store does not say how this run ended: {problem}"));
        }
    }

    /// Completes the results file, and shows the results. A file that cannot be written is an error, after the results.
    fn finish(
        mut self,
        backtester: &ParallelBacktester,
        format: OutputFormat,
        context: &mut Context<'_>,
    ) -> Result<Exit> {
        if self.shard.is_some() && !self.interrupted {
            self.recorder.allow_empty();
        }
        let closed = self.recorder.finish();
        let returns = self.recorder.finish_returns();
        self.end_run(closed.is_ok() && returns.is_ok(), context);
        let values = std::mem::take(&mut self.values);
        let Self { bound, scope, shard, outputs: (out, returns_path), recorder, interrupted, .. } = &self;
        let view = Ranking::of(bound, recorder, scope.market(), *interrupted);
        let plateaus = match bound.rank_by {
            // A stop keeps the ranked ones from being run again, and neighbours are missing.
            RankBy::Plateau if !interrupted => Some(RankedPlateaus::new(values, (bound, scope), backtester)?),
            RankBy::Plateau | RankBy::Value => None,
        };
        let tally = view.standings().tally();
        let ranked = plateaus.as_ref().map_or_else(|| view.standings().ranked(), |plateaus| plateaus.ranked.clone());
        if tally.total() == 0 && !interrupted && shard.is_none() {
            bail!(NO_CELLS);
        }
        let rest = self.rest.filter(|_| !interrupted && !ranked.is_empty());
        let after =
            rest.map(|rest| (OutOfSample::run(rest, (&bound.plan, scope), &ranked, backtester), rest.scope.market()));
        let bounds = if bound.bounds { both_extremes(scope, &ranked)? } else { Vec::new() };
        let shown = Shown { view: &view, ranked: &ranked, plateaus: plateaus.as_ref(), after: after.as_ref(), bounds };
        match format {
            OutputFormat::Table => shown.show(scope.market(), context)?,
            OutputFormat::Json => context.json(shown.report()?)?,
        }
        shown.note(out.is_some(), context);
        if self.rest.is_some() && *interrupted {
            context.reporter.note("note: interrupted, so that nothing ran on the rest of the bars");
        }
        if bound.rank_by == RankBy::Plateau && *interrupted {
            context.reporter.note("note: interrupted, so that combinations are ranked by their own value");
        }
        view.closing_words(context);
        let differs = self.used.as_ref().and_then(|used| used.checked.as_ref()).is_some_and(|all| all.differing > 0);
        let exit = if differs && !interrupted { Exit::Caught } else { Exit::of(tally, *interrupted) };
        closed?;
        match out {
            Some(path) if tally.total() == 0 && *interrupted => {
                context
                    .reporter
                    .note(format!("{} is not written: no combination was finished", output_path::shown(path)));
            }
            Some(path) => context.reporter.wrote_rows(path, tally.total()),
            None => {}
        }
        match (returns_path, returns?) {
            (Some(path), Some(0)) => {
                context.reporter.note(format!("`{}` is not written: no combination has returns", path.display()));
            }
            (Some(path), Some(cells)) => context.reporter.wrote_rows(path, cells),
            _ => {}
        }
        Ok(exit)
    }
}

/// The ranked combinations, and what is shown beside them.
struct Shown<'a> {
    view: &'a Ranking<'a>,
    ranked: &'a [RankedResult],
    /// How their neighbours do, if that ranks them.
    plateaus: Option<&'a RankedPlateaus>,
    /// What they made of the bars after those of the sweep, if they ran on them.
    after: Option<&'a (OutOfSample, &'a Market)>,
    /// Of each, if it is asked for.
    bounds: Vec<Bounds>,
}

impl Shown<'_> {
    fn has_bounds(&self) -> bool {
        self.view.request.bounds
    }

    /// Shows them; `market` has the bars of the sweep.
    fn show(&self, market: &Market, context: &mut Context<'_>) -> Result<()> {
        let (ranked, objective) = (self.ranked, self.view.objective());
        let mut beside = self.plateaus.map_or_else(Vec::new, |plateaus| plateau::beside(plateaus, objective));
        beside.extend(self.after.iter().flat_map(|(after, _)| split::beside(after, objective)));
        self.view.show_beside(ranked, &beside, context)?;
        if let Some((after, rest)) = self.after {
            split::show_medians(after, (objective, ranked), [market, rest], context)?;
        }
        if self.has_bounds() && !ranked.is_empty() {
            show_bounds(objective, ranked, &self.bounds, context)?;
        }
        Ok(())
    }

    /// The same as JSON.
    fn report(&self) -> Result<Value> {
        let mut report = self.view.report(self.ranked);
        if self.has_bounds() {
            report["bounds"] = serde_json::to_value(&self.bounds)?;
        }
        if let Some(plateaus) = self.plateaus {
            report["plateau"] = serde_json::to_value(plateaus.reports())?;
        }
        if let Some((after, _)) = self.after {
            report["split"] = serde_json::to_value(after)?;
        }
        Ok(report)
    }

    /// Notes what is missing in them, and what the file does not say, if one is written.
    fn note(&self, is_written: bool, context: &mut Context<'_>) {
        if let Some((after, _)) = self.after {
            split::note_failures(after, context);
        }
        match self.plateaus.map(|plateaus| plateaus.ranked.first()) {
            Some(Some(first)) if is_written => {
                context.reporter.note(other_ranks("plateaus", &first.row.task_id));
            }
            Some(None) => context.reporter.note(
                "note: no combination has enough neighbours for a score: 3 at least, and half of those in the middle of the grid; lengthen its axes",
            ),
            _ => {}
        }
    }
}

/// The bounds of each of `ranked`.
fn both_extremes(scope: &Scope, ranked: &[RankedResult]) -> Result<Vec<Bounds>> {
    let Scope::Together(together) = scope else { return Ok(Vec::new()) };
    let backtest = together.backtest()?;
    let mut state = WorkerState::default();
    let all = ranked.iter().map(|ranked| Bounds::of(backtest, &mut state, &ranked.row.params));
    Ok(all.collect::<Result<_, _>>()?)
}

/// Shows the bounds of the ranked combinations.
fn show_bounds(
    objective: &'static str,
    ranked: &[RankedResult],
    bounds: &[Bounds],
    context: &mut Context<'_>,
) -> Result<()> {
    writeln!(context.out, "\nboth extremes within the bars")?;
    let mut metrics = vec![BOUNDED];
    metrics.extend((objective != BOUNDED).then_some(objective));
    let both = metrics.iter().flat_map(|name| ["low", "high"].map(|end| metric_column(format!("{name}_{end}"), name)));
    let mut columns = vec![Column::new("rank", Kind::Integer), Column::new("params", Kind::Text)];
    columns.extend(both);
    let row = |(rank, (ranked, bounds)): (u64, (&RankedResult, &Bounds))| {
        let mut row = vec![Cell::count(rank), Cell::from(params_text(&ranked.row.params))];
        for name in &metrics {
            let (low, high) = bounds.interval(name).unzip();
            row.extend([Cell::from(low), Cell::from(high)]);
        }
        row
    };
    let rows: Vec<_> = (1..).zip(ranked.iter().zip(bounds)).map(row).collect();
    context.table(&columns, &rows)
}
