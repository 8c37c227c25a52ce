//! `host optimize`: searches a grid that is too large to sweep.
//!
//! Never chooses a combination, and never ranks by more than the first objective.

use std::{path::Path, sync::Arc};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{
    Context, Exit, annual,
    args::{OptimizeArgs, OutputFormat},
    inputs,
    plateau::Beside,
    ranking::{RankedResult, Ranking, other_ranks},
    request::{Asked, Typed, asked},
    store,
    store_args::KnownArgs,
    sweep::announce_forking,
};
use crate::{
    backtest::{Market, Settings, Strategy},
    data::Dataset,
    metrics::Direction,
    optimize::{End, Method, Share},
    results::{Ranked, rounded},
    sweep::{
        BoundRequest, DefaultMetrics, Instruments, NO_CELLS, Objectives, OnShare, Optimization, OptimizeError,
        Optimized, ParallelBacktester, Provenance, Recorder, RunEnd, RunOutcome, RunStart, SEARCH, Scope, StoredCells,
        SweepRequest,
    },
};

/// The most combinations of a front that are shown, unless `--top` says otherwise.
const FRONT: usize = 50;

pub(super) fn run(mut args: OptimizeArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.sweep.output.quiet);
    let how = how(&mut args)?;
    let args = &args;
    let mut asked = asked(&args.sweep, None, context)?;
    // The first objective ranks.
    asked.request.direction = how.objectives.all().first().map(|first| first.better);
    refuse(&asked.request)?;
    check_outputs(args, &asked)?;
    asked.request.check()?;
    let limits = (&args.sweep.limits, args.sweep.backend.backend);
    let backtester = inputs::backtester_under(&asked.request.limits, limits, context)?;
    let strategy = Strategy::from(backtester.load(&asked.plugin)?);
    let mut bound = asked.request.bind(strategy.description(), default_metrics(args))?;
    for objective in how.objectives.all() {
        bound.settings.metrics = bound.settings.metrics.with(objective.metric.name)?;
        bound.metrics.columns = bound.metrics.columns.with(objective.metric.name)?;
    }
    let (dataset, read) = asked.dataset(&args.sweep.data, context)?;
    let market = Arc::new(Market::new(dataset.clone(), bound.settings)?);
    let typed = Typed { plugin: args.sweep.plugin.as_deref(), data: &args.sweep.data };
    asked.check_origin(typed, &strategy, &market, context)?;
    annual::announce(bound.instruments, &market, context);
    let provenance = Provenance::new(&asked.request, &bound, &strategy, &market)?.read_with(read);
    let mut recorder = Recorder::new(&bound, &strategy, &market).with_timings(args.sweep.timings.timings);
    if let Some(path) = &args.sweep.out {
        let fact = (SEARCH.to_owned(), search_json(&how).to_string());
        recorder.open(path, &[provenance.facts(), vec![fact]].concat())?;
        inputs::report_leftovers(recorder.leftovers(), context);
    }
    let scope = Scope::unprepared(bound.instruments, market, strategy)?;
    announce(&how, &bound, &scope, &backtester, context);
    let known = KnownArgs { resume: false, verify_store: None };
    let stored = store::cells((&args.store, known, None), (&asked.request, &bound, &scope), context)?;
    scope.prepare()?;
    inputs::report_cache(&backtester, context);
    announce_forking(&scope, context);
    if let Some(stored) = &stored {
        let out = args.sweep.out.as_deref();
        let start = asked.run_start("optimize", provenance, bound.settings.metrics, out);
        stored.begin_run(&RunStart { search: Some(search_json(&how)), ..start });
    }
    let search = Searching { args, asked: &asked, how: &how, bound: &bound, scope: &scope, stored: stored.as_ref() };
    search.run(&dataset, &backtester, recorder, context)
}

/// What is asked for. The first objective stays in the arguments, the seed is the search's.
fn how(args: &mut OptimizeArgs) -> Result<Optimization> {
    let objectives: Objectives = args.sweep.objective.as_deref().unwrap_or("sharpe").parse()?;
    args.sweep.objective = objectives.all().first().map(|first| first.metric.name.to_owned());
    let several = objectives.all().len() > 1;
    let method = args.method.unwrap_or(if several { Method::Nsga2 } else { Method::Evolution });
    if several && matches!(method, Method::Evolution | Method::Halving) {
        bail!("`--method {method}` takes one objective; give one, or `--method nsga2`");
    }
    let seed = args.sweep.seed.take().unwrap_or(0);
    Ok(Optimization { method, trials: args.trials, generation: args.generation, seed, objectives })
}

/// Refuses what a search does not do.
fn refuse(request: &SweepRequest) -> Result<()> {
    if request.asked_sample().is_some() {
        bail!(
            "a search chooses combinations from the whole grid; leave `--sample` out, and say how many with `--trials`"
        );
    }
    if request.scope == Instruments::EachSymbol {
        bail!("`host optimize` runs all symbols together; leave `--each-symbol` out, or give one symbol's data");
    }
    Ok(())
}

/// Refuses to overwrite an input.
fn check_outputs(args: &OptimizeArgs, asked: &Asked) -> Result<()> {
    let plugin = [(&asked.plugin).into()];
    let read = asked.data.iter().chain(&args.sweep.grid).chain(&plugin).chain(args.sweep.account.file());
    inputs::check_outputs(args.sweep.out.iter(), read.chain(&args.sweep.data.read.instruments))
}

fn default_metrics(args: &OptimizeArgs) -> DefaultMetrics {
    let is_written = args.sweep.out.is_some() || args.sweep.output.format == OutputFormat::Json;
    if is_written { DefaultMetrics::All } else { DefaultMetrics::Shown }
}

fn announce(
    how: &Optimization,
    bound: &BoundRequest,
    scope: &Scope,
    backtester: &ParallelBacktester,
    context: &mut Context<'_>,
) {
    let title = super::show::title(scope.strategy().description());
    let Optimization { method, trials, seed, .. } = how;
    let (count, workers) = (bound.plan.count(), backtester.n_workers());
    context.reporter.note(format!(
        "optimize: {trials} trials of {count} combinations of {title} by `{method}`, seed {seed}, on {workers} workers"
    ));
}

fn search_json(how: &Optimization) -> Value {
    json!({
        "method": how.method.as_str(),
        "trials": how.trials,
        "generation": how.generation,
        "seed": how.seed,
        "objectives": how.objectives.all(),
    })
}

/// A search, ready to run.
struct Searching<'a> {
    args: &'a OptimizeArgs,
    asked: &'a Asked,
    how: &'a Optimization,
    bound: &'a BoundRequest,
    scope: &'a Scope,
    stored: Option<&'a StoredCells>,
}

impl Searching<'_> {
    fn run(
        &self,
        dataset: &Dataset,
        backtester: &ParallelBacktester,
        mut recorder: Recorder,
        context: &mut Context<'_>,
    ) -> Result<Exit> {
        let mut meter = context.reporter.progress(Some(self.how.trials));
        let reporter = &mut context.reporter;
        let found = backtester.optimize(
            self.how,
            (&self.bound.plan, &self.bound.goal),
            (self.scope, self.stored),
            (&mut recorder, &mut |share| self.share(dataset, share), &mut |progress, recorder| {
                reporter.advance(&mut meter, progress.finished, progress.failed, || best(recorder));
            }),
        )?;
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
            0 => context.reporter.note(format!("`{}` is not written: no combination was finished", path.display())),
            rows => context.reporter.wrote_rows(path, rows),
        }
    }

    /// The first bars, as many as `share` says, and the cells on them.
    fn share(&self, dataset: &Dataset, share: Share) -> Result<OnShare, OptimizeError> {
        let market = self.scope.market();
        let bars = market.timeline().len();
        let first = (bars as u64 * share.ninths() / 9) as usize;
        let period = market.part(0..first).ok_or(OptimizeError::TooFewBars { bars })?;
        let settings = Settings { period, ..self.bound.settings };
        let part = Arc::new(Market::new(dataset.clone(), settings)?);
        let scope = Scope::new(self.bound.instruments, part, self.scope.strategy().clone())?;
        // What is wrong with the store was said of the cells on all bars.
        let kept = store::asked(&self.args.store).ok().flatten();
        let request = SweepRequest { period, ..self.asked.request.clone() };
        let stored = kept.map(|kept| StoredCells::new(kept, &request, self.bound, &scope)).transpose()?.flatten();
        Ok(OnShare { stored: stored.map(|cells| cells.counting_on(market)), scope })
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
        context.reporter.note(format!("{trials} trials in {seconds:.2} s ({rate:.0}/s){cost}"));
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
        let view = Ranking::of(self.bound, recorder, self.scope.market(), found.interrupted);
        let tally = view.standings().tally();
        match found.end() {
            Some(End::TooRare) if found.trials() == 0 => bail!(
                "no combination that meets the conditions was found; choose axes on which more of them do, or `host sweep` if there are few"
            ),
            Some(_) if found.trials() == 0 => bail!(NO_CELLS),
            _ => {}
        }
        let front =
            if self.how.objectives.all().len() > 1 && !found.interrupted { self.front(found) } else { Vec::new() };
        let ranked = if front.is_empty() { view.standings().ranked() } else { self.rows(&front, backtester) };
        match self.args.sweep.output.format {
            OutputFormat::Table => {
                view.show_beside(&ranked, &self.beside(&ranked), context)?;
                if !front.is_empty() {
                    let (shown, all) = (ranked.len(), found.front(&self.how.objectives).len());
                    writeln!(
                        context.out,
                        "\nthe Pareto front: {shown} of {all} combinations that no other one beats in all objectives"
                    )?;
                }
            }
            OutputFormat::Json => {
                let mut report = view.report(&ranked);
                report["optimize"] = self.to_json(found);
                context.json(report)?;
            }
        }
        if !front.is_empty()
            && let Some(first) = ranked.first()
        {
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

    /// The combinations of the front to show, by their indices: by the first objective, the best first.
    fn front(&self, found: &Optimized) -> Vec<(u64, f64)> {
        let mut all: Vec<_> = found
            .front(&self.how.objectives)
            .into_iter()
            .filter_map(|(index, values)| Some((index, *values.first()?)))
            .collect();
        let is_lower = self.bound.goal.better() == Direction::Lower;
        all.sort_by(|one, other| {
            let order = other.1.total_cmp(&one.1);
            (if is_lower { order.reverse() } else { order }).then(one.0.cmp(&other.0))
        });
        all.truncate(self.args.sweep.top.unwrap_or(FRONT));
        all
    }

    /// The results of the front, each run once more to show it.
    fn rows(&self, front: &[(u64, f64)], backtester: &ParallelBacktester) -> Vec<RankedResult> {
        let indices: Vec<_> = front.iter().map(|(index, _)| *index).collect();
        let results = backtester.run_chosen(self.scope, &self.bound.plan, &indices, None);
        let rows = front.iter().zip(results);
        rows.filter_map(|((index, value), row)| Some(Ranked { value: *value, index: *index, row: row? })).collect()
    }

    /// The objectives that the ranking does not show by itself.
    fn beside(&self, ranked: &[RankedResult]) -> Beside {
        let names = self.how.objectives.all().iter().map(|objective| objective.metric.name);
        let hidden = names.filter(|name| !self.bound.metrics.shown.contains(name));
        let value = |ranked: &RankedResult, name| ranked.row.result.as_ref()?.get(name)?;
        hidden.map(|name| (name.to_owned(), ranked.iter().map(|ranked| value(ranked, name)).collect())).collect()
    }

    fn to_json(&self, found: &Optimized) -> Value {
        let plan = &self.bound.plan;
        let point = |(index, values): (u64, Vec<f64>)| {
            let params = plan.params(index).unwrap_or_default();
            let values = values.into_iter().map(|value| json!(crate::results::Cell::Number(value))).collect::<Vec<_>>();
            json!({ "task_id": plan.task_id(&params), "params": params, "values": values })
        };
        let mut report = search_json(self.how);
        report["trials_done"] = json!(found.trials());
        report["cost"] = json!(found.cost());
        report["failed"] = json!(found.failed);
        report["ended"] = json!(match found.end() {
            Some(End::Spent) => "spent",
            Some(End::Exhausted) => "exhausted",
            Some(End::TooRare) => "too-rare",
            None => "interrupted",
        });
        report["front"] = found.front(&self.how.objectives).into_iter().map(point).collect();
        report
    }
}

fn best(recorder: &Recorder) -> String {
    let standings = recorder.standings();
    standings.best().map_or_else(String::new, |best| {
        format!(", best {} {}", standings.goal().objective().name, rounded(best.value))
    })
}
