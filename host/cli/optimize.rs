//! `host optimize`: searches a grid that is too large to sweep.
//!
//! Never chooses a combination, and never ranks by more than the first objective.

use std::{path::Path, sync::Arc};

use anyhow::{Result, bail};

use super::{
    Context, Exit, annual,
    args::{OptimizeArgs, OutputFormat},
    inputs, output_path,
    ranking::{Beside, Ranking, other_ranks},
    request::{Asked, Typed, asked},
    show::{counted, metric_text, title},
    store,
    store_args::KnownArgs,
    sweep::announce_forking,
};
use crate::{
    backtest::Market,
    optimize::{End, Method},
    results::rounded,
    sweep::{
        BoundRequest, DefaultMetrics, NO_CELLS, Optimization, Optimized, ParallelBacktester, Provenance, RankBy,
        RankedResult, Recorder, RunEnd, RunOutcome, RunStart, Scope, SearchSpec, StoredCells, SweepNews, SweepOn,
        SweepProgress,
    },
};

/// The most combinations of a front that are shown, unless `--top` says otherwise.
const FRONT: usize = 50;

pub(super) fn run(args: &OptimizeArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.sweep.output.quiet);
    let mut asked = asked(&args.sweep, args.request.as_deref(), context)?;
    if asked.request.rank_by != RankBy::Value || asked.request.split.is_some() {
        context.reporter.note(
            "note: a search runs a part of the grid, on all bars: `rank_by` and `split` of the request are left out",
        );
        (asked.request.rank_by, asked.request.split) = (RankBy::Value, None);
    }
    let base = asked.request.optimize.take().unwrap_or_default();
    asked.request.optimize = Some(SearchSpec {
        method: args.method.or(base.method),
        trials: args.trials.unwrap_or(base.trials),
        generation: args.generation.or(base.generation),
    });
    check_outputs(args, &asked)?;
    asked.request.check()?;
    let limits = (&args.sweep.limits, args.sweep.backend.backend);
    let backtester = inputs::backtester_under(&asked.request.limits, limits, context)?;
    let strategy = asked.request.strategy(context.load(&backtester, &asked.plugin)?.into())?;
    let mut bound = asked.request.bind(strategy.description(), default_metrics(args))?;
    let (dataset, read) = asked.dataset(&args.sweep.data, context)?;
    asked.measure(&mut bound.settings, (&dataset, &read), context)?;
    let Some(how) = &bound.search else { bail!("a bug of the host: the request of a search has none") };
    let market = Arc::new(Market::new(dataset.clone(), bound.settings.clone())?);
    let typed = Typed { plugin: args.sweep.plugin.typed(), data: &args.sweep.data };
    asked.check_origin(typed, &strategy, &market, context)?;
    annual::announce(bound.instruments, &market, context);
    let provenance = Provenance::new(&asked.request, &bound, &strategy, &market)?.read_with(read);
    let mut recorder = Recorder::new(&bound, &strategy, &market).with_timings(args.sweep.timings.timings);
    if let Some(path) = &args.sweep.out {
        recorder.open(path, &provenance.facts())?;
        inputs::report_leftovers(recorder.leftovers(), context);
    }
    let scope = Scope::unprepared(bound.instruments, market, strategy)?;
    announce(how, &bound, &scope, &backtester, context);
    let known = KnownArgs { resume: false, verify_store: None };
    let stored = store::cells((&args.store, known, None), (&asked.request, &bound, &scope), context)?;
    context.prepare(backtester.sandbox(), &asked.plugin, || scope.prepare())??;
    inputs::report_cache(&backtester, context);
    announce_forking(&scope, context);
    if let Some(stored) = &stored {
        let out = args.sweep.out.as_deref();
        let start = asked.run_start("optimize", provenance, bound.settings.metrics, out);
        stored.begin_run(&RunStart { search: Some(serde_json::to_value(how)?), ..start });
    }
    // What is wrong with the store was said of the cells on all bars.
    let kept = store::asked(&args.store).ok().flatten();
    let sweep =
        SweepOn { dataset: &dataset, request: &asked.request, bound: &bound, scope: &scope, store: kept.as_ref() };
    Searching { args, how, sweep, stored: stored.as_ref() }.run(&backtester, recorder, context)
}

/// Refuses to overwrite an input.
fn check_outputs(args: &OptimizeArgs, asked: &Asked) -> Result<()> {
    let plugin = [(&asked.plugin).into()];
    let read = asked.files().chain(&args.sweep.grid).chain(&plugin).chain(&args.request);
    let read = read.chain(args.sweep.account.file());
    let benchmark = asked.benchmark_file();
    inputs::check_outputs(args.sweep.out.iter(), read.chain(&args.sweep.data.read.instruments).chain(&benchmark))
}

fn default_metrics(args: &OptimizeArgs) -> DefaultMetrics {
    let is_written = args.sweep.out.is_some() || args.sweep.output.format() == OutputFormat::Json;
    if is_written { DefaultMetrics::All } else { DefaultMetrics::Shown }
}

fn announce(
    how: &Optimization,
    bound: &BoundRequest,
    scope: &Scope,
    backtester: &ParallelBacktester,
    context: &mut Context<'_>,
) {
    let title = title(scope.strategy().description());
    let Optimization { method, trials, seed, .. } = how;
    let trials = counted(*trials, "trial");
    let count = counted(bound.plan.count(), "combination");
    let workers = counted(backtester.n_workers(), "worker");
    context.reporter.note(format!("optimize: {trials} of {count} of {title} by `{method}`, seed {seed}, on {workers}"));
}

/// A search, ready to run.
struct Searching<'a> {
    args: &'a OptimizeArgs,
    how: &'a Optimization,
    sweep: SweepOn<'a>,
    stored: Option<&'a StoredCells>,
}

impl Searching<'_> {
    fn run(&self, backtester: &ParallelBacktester, mut recorder: Recorder, context: &mut Context<'_>) -> Result<Exit> {
        let mut meter = context.reporter.progress(Some(self.how.trials));
        let reporter = &mut context.reporter;
        let (on, recording) = ((self.sweep, self.stored), recorder.recording());
        let found = backtester.optimize(self.how, on, &*recording, |news| match news {
            SweepNews::Results(batch) => recorder.take(batch.results),
            SweepNews::Progress(SweepProgress { finished, failed, .. }) => {
                reporter.advance(&mut meter, finished, failed, || best(&recorder));
                true
            }
        })?;
        meter.finish();
        inputs::report_shortage(backtester, context);
        let seconds = meter.elapsed().as_secs_f64();
        self.note(&found, seconds, context);
        let used = self.stored.map(StoredCells::finish);
        store::report(used.as_ref(), context);
        let closed = recorder.finish();
        let outcome = match (closed.is_ok(), found.interrupted) {
            (false, _) => RunOutcome::Failed,
            (true, true) => RunOutcome::Interrupted,
            (true, false) => RunOutcome::Finished,
        };
        if let Some(stored) = self.stored {
            let known = used.as_ref().map_or(0, |used| used.found);
            if let Some(problem) = stored.end_run(&RunEnd::new(outcome, seconds, known, recorder.standings())) {
                context.reporter.note(format!("note: the store does not say how this run ended: {problem}"));
            }
        }
        let exit = self.show(&found, backtester, &recorder, context)?;
        closed?;
        if let Some(path) = &self.args.sweep.out {
            self.wrote(path, &recorder, context);
        }
        Ok(exit)
    }

    fn wrote(&self, path: &Path, recorder: &Recorder, context: &mut Context<'_>) {
        match recorder.standings().tally().total() {
            0 => context
                .reporter
                .note(format!("{} is not written: no combination was finished", output_path::shown(path))),
            rows => context.reporter.wrote_rows(path, rows),
        }
    }

    /// Says how many trials there were, and why there are no more.
    fn note(&self, found: &Optimized, seconds: f64, context: &mut Context<'_>) {
        let (trials, cost) = (found.trials(), found.cost());
        let rate = trials as f64 / seconds.max(f64::MIN_POSITIVE);
        let cost = if self.how.method == Method::Halving {
            format!("; they cost as much as {} runs on all bars", rounded(cost))
        } else {
            String::new()
        };
        let trials = counted(trials, "trial");
        context.reporter.note(format!("{trials} in {seconds:.2} s ({rate:.0}/s){cost}"));
        match found.end() {
            Some(End::Exhausted) => context.reporter.note("every combination of the grid was tried"),
            Some(End::TooRare) => context.reporter.note(
                "note: ended early, since combinations that meet the conditions are too rare to be found; choose axes that meet them",
            ),
            Some(End::Spent) | None => {}
        }
    }

    fn show(
        &self,
        found: &Optimized,
        backtester: &ParallelBacktester,
        recorder: &Recorder,
        context: &mut Context<'_>,
    ) -> Result<Exit> {
        let view = Ranking::of(self.sweep.bound, recorder, self.sweep.scope.market(), found.interrupted);
        let tally = view.standings().tally();
        match found.end() {
            Some(End::TooRare) if found.trials() == 0 => bail!(
                "no combination that meets the conditions was found; choose axes on which more of them do, or `host sweep` if there are few"
            ),
            Some(_) if found.trials() == 0 => bail!(NO_CELLS),
            _ => {}
        }
        let report = found.report(&self.sweep.bound.plan);
        let is_front = self.how.objectives.all().len() > 1 && !found.interrupted && !report.front.is_empty();
        let ranked = if is_front {
            let most = self.args.sweep.top.unwrap_or(FRONT);
            backtester.run_front(found, (&self.sweep.bound.plan, self.sweep.scope), most)
        } else {
            view.standings().ranked()
        };
        match self.args.sweep.output.format() {
            OutputFormat::Table => {
                view.show_beside(&ranked, &self.beside(&ranked), context)?;
                if is_front {
                    let (shown, all) = (ranked.len(), report.front.len());
                    writeln!(
                        context.out,
                        "\nthe Pareto front: {shown} of {all} combinations that no other one beats in all objectives"
                    )?;
                }
            }
            OutputFormat::Json => {
                let mut shown = view.report(&ranked);
                shown["optimize"] = serde_json::to_value(&report)?;
                context.json(shown)?;
            }
        }
        if is_front && let Some(first) = ranked.first() {
            self.note_ranks(&first.row.task_id, context);
        }
        if self.how.objectives.all().len() > 1 && found.interrupted {
            context.reporter.note("note: interrupted, so that combinations are ranked by the first objective");
        }
        view.closing_words(context);
        Ok(Exit::of(tally, found.interrupted))
    }

    /// Says how the file names what the table ranks.
    fn note_ranks(&self, first: &str, context: &mut Context<'_>) {
        if self.args.sweep.out.is_some() {
            context.reporter.note(other_ranks("a front", first));
        }
    }

    /// The objectives that the ranking does not show by itself.
    fn beside(&self, ranked: &[RankedResult]) -> Vec<Beside> {
        let names = self.how.objectives.all().iter().map(|objective| objective.metric.name);
        let hidden = names.filter(|name| !self.sweep.bound.metrics.shown.contains(name));
        let value = |ranked: &RankedResult, name| ranked.row.result.as_ref()?.get(name)?;
        let values = |metric| ranked.iter().map(|ranked| value(ranked, metric)).collect();
        hidden.map(|metric| Beside { title: metric.to_owned(), metric, values: values(metric) }).collect()
    }
}

fn best(recorder: &Recorder) -> String {
    let standings = recorder.standings();
    standings.best().map_or_else(String::new, |best| {
        let objective = standings.goal().objective().name;
        format!(", best {objective} {}", metric_text(objective, best.value))
    })
}
