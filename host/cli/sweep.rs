//! `host sweep`: every combination of a grid, ranked.
//!
//! Never holds more results than the ranking shows.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use anyhow::{Error, Result, bail};
use serde_json::{Value, json};

use super::{
    Context, Exit,
    args::{Format, OneSweepArgs, SweepArgs},
    bounds::Bounds,
    chosen::Chosen,
    inputs,
    scope::{self, Scope},
    show::failures_json,
};
use crate::{
    backtest::{Market, Strategy},
    bundled,
    metrics::{Metrics, SHOWN},
    model::Description,
    results::{Cell, Column, Kind, Ranked, Records, ResultsError, Sink, params_text, rounded, to_json},
    sweep::{
        Goal, ParallelBacktester, Standings,
        grid::{Grid, Plan},
    },
    task::ParallelResult,
};

/// The metric whose interval `--bounds` shows beside the objective's.
const BOUNDED: &str = "final_equity";

/// The error of a sweep without a task.
pub(super) const NO_CELLS: &str = "the constraints exclude every combination; loosen one of them";

pub(super) fn run(all: &OneSweepArgs, context: &mut Context<'_>) -> Result<Exit> {
    let args = &all.sweep;
    context.talk.set_quiet(args.output.quiet);
    let plugin_file = args.plugin.as_ref().map(PathBuf::from);
    inputs::check_outputs(&args.out, args.data.files.iter().chain(&args.grid).chain(&plugin_file))?;
    let backtester = inputs::backtester(&args.limits, context)?;
    let name = args.plugin.as_deref().unwrap_or(bundled::STRATEGIES[0]);
    let strategy = Strategy::from(backtester.load(name)?);
    let grid = grid(args, name, strategy.description(), context)?;
    let plan = grid.bind(strategy.description())?;
    let goal = goal(args, &grid, strategy.description())?;
    let metrics = chosen(args, &goal, all.bounds.then_some(BOUNDED))?;
    let market = scope::market(args, metrics.computed, context)?;
    let mut sweep = Sweep::new(args, goal, metrics, &plan, &strategy, &market);
    sweep.open(args.out.as_deref())?;
    let scope = Scope::new(args, market, strategy)?;
    if all.bounds {
        scope.check_bounds()?;
    }
    inputs::report_cache(&backtester, context);
    scope.announce(&plan, &backtester, context);
    sweep.run(&backtester, &scope, context)?;
    sweep.finish(all, &scope, context)
}

/// The grid of the file, changed by what was typed; without either, the bundled one of the bundled strategy.
fn grid(args: &SweepArgs, name: &str, plugin: &Description, context: &mut Context<'_>) -> Result<Grid> {
    let mut grid = match &args.grid {
        Some(path) => Grid::load(path)?,
        None if !args.params.is_empty() => Grid::new(),
        None if name == bundled::STRATEGIES[0] => {
            context
                .talk
                .note("grid: the bundled one of `momentum` (`--grid FILE` or `--param NAME=VALUES` takes yours)");
            Grid::from_json(bundled::MOMENTUM_GRID)?
        }
        None => bail!("no grid for `{name}`; give `--grid FILE` or `--param NAME=VALUES`; it has {}", known(plugin)),
    };
    if args.plugin.is_none() {
        context.talk.note("plugin: the bundled `momentum` (`--plugin FILE` takes yours)");
    }
    add_typed(args, &mut grid)?;
    Ok(grid)
}

/// Changes the grid of a file by what was typed.
pub(super) fn add_typed(args: &SweepArgs, grid: &mut Grid) -> Result<()> {
    let mut names = HashSet::new();
    for text in &args.params {
        let name = text.split('=').next().unwrap_or(text).trim();
        if !names.insert(name) {
            bail!("`--param {text}` gives `{name}` a second time; write all its values once: `{name}=1,2,3`");
        }
        grid.set_param(text)?;
    }
    args.constraints.iter().try_for_each(|text| grid.add_constraint(text))?;
    args.require.iter().try_for_each(|text| grid.add_requirement(text))?;
    if let Some(sample) = args.sample {
        grid.set_sample(sample);
    }
    if let Some(seed) = args.seed {
        grid.set_seed(seed);
    }
    Ok(())
}

fn known(plugin: &Description) -> String {
    let names: Vec<_> = plugin.parameters.iter().map(|spec| format!("`{}`", spec.name)).collect();
    if names.is_empty() { "no parameters".to_owned() } else { names.join(", ") }
}

/// What is looked for: as typed, else as the grid says.
pub(super) fn goal(args: &SweepArgs, grid: &Grid, plugin: &Description) -> Result<Goal> {
    Ok(Goal::new(args.objective.as_deref(), None, grid, plugin)?)
}

/// The metrics that are computed, written and shown for `goal`; `more` are computed as well.
pub(super) fn chosen(args: &SweepArgs, goal: &Goal, more: Option<&'static str>) -> Result<Chosen> {
    let written = args.out.is_some() || args.output.format == Format::Json;
    let counted: Vec<_> = Standings::COUNTED.into_iter().chain(more).collect();
    Ok(Chosen::new(args.metrics, written, goal.objective(), &SHOWN, goal.required(), &counted)?)
}

/// A sweep on its way: what is counted, ranked and written.
pub(super) struct Sweep<'a> {
    plan: &'a Plan,
    shown: Vec<&'static str>,
    standings: Standings,
    each_symbol: bool,
    records: Records,
    hash: Option<String>,
    sink: Option<Box<dyn Sink>>,
    failed_write: Option<ResultsError>,
    interrupted: bool,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(
        args: &SweepArgs,
        goal: Goal,
        metrics: Chosen,
        plan: &'a Plan,
        strategy: &Strategy,
        market: &Market,
    ) -> Self {
        Self {
            plan,
            shown: metrics.shown,
            standings: Standings::new(goal, args.top),
            each_symbol: args.each_symbol,
            hash: strategy.digest().map(|digest| digest.to_string()),
            records: scope::records(args, metrics.columns, strategy, market),
            sink: None,
            failed_write: None,
            interrupted: false,
        }
    }

    /// Opens the file that every result goes to, if one is asked for.
    pub(super) fn open(&mut self, path: Option<&Path>) -> Result<()> {
        self.sink = inputs::sink(path, self.records.columns())?;
        Ok(())
    }

    fn run(&mut self, backtester: &ParallelBacktester, scope: &Scope, context: &mut Context<'_>) -> Result<()> {
        let total = scope.tasks(self.plan);
        let mut meter = context.talk.progress(total);
        let mut done = 0;
        scope.run(backtester, self.plan, |event| {
            done = event.done;
            let go_on = self.take(&event.result);
            context.talk.advance(&mut meter, event.done, event.failed, || self.best());
            go_on
        })?;
        meter.finish();
        self.interrupted = backtester.stop_handle().is_stopped() && total != Some(done);
        let seconds = meter.elapsed().as_secs_f64();
        let rate = done as f64 / seconds.max(f64::MIN_POSITIVE);
        let what = if self.each_symbol { "tasks" } else { "combinations" };
        context.talk.note(format!("{done} {what} in {seconds:.2} s ({rate:.0}/s)"));
        Ok(())
    }

    /// Counts, ranks and writes one result; says whether to go on.
    pub(super) fn take(&mut self, result: &ParallelResult<Metrics>) -> bool {
        self.standings.take(result);
        let Some(sink) = &mut self.sink else { return self.failed_write.is_none() };
        if let Err(error) = sink.write(&self.records.row(result, self.hash.as_deref())) {
            self.failed_write = Some(error);
            self.sink = None;
        }
        self.failed_write.is_none()
    }

    fn best(&self) -> String {
        let best = self.standings.best();
        best.map_or_else(String::new, |best| {
            format!(", best {} {} at {}", self.objective(), rounded(best.value), best.row.task_id)
        })
    }

    fn objective(&self) -> &'static str {
        self.standings.goal().objective().name
    }

    /// How the results stand.
    pub(super) fn standings(&self) -> &Standings {
        &self.standings
    }

    /// Completes the file, and shows what there is; a file that could not be written ends the program as bad input.
    fn finish(mut self, args: &OneSweepArgs, scope: &Scope, context: &mut Context<'_>) -> Result<Exit> {
        let closed = self.close();
        let (ranked, tally) = (self.standings.ranked(), self.standings.tally());
        if tally.total() == 0 && !self.interrupted {
            bail!(NO_CELLS);
        }
        let exit = Exit::of(tally, self.interrupted);
        match args.sweep.output.format {
            Format::Table => {
                self.show(&ranked, context)?;
                if args.bounds && !ranked.is_empty() {
                    self.show_bounds(&ranked, scope, context)?;
                }
            }
            Format::Json => {
                let mut report = self.report(&ranked, scope.market());
                if args.bounds {
                    report["bounds"] = scope.bounds(&ranked)?.iter().map(Bounds::to_json).collect();
                }
                context.json(report)?;
            }
        }
        self.closing_words(context);
        closed.map(|()| exit)
    }

    /// Completes the file, if there is one.
    pub(super) fn close(&mut self) -> Result<()> {
        match (self.sink.take(), self.failed_write.take()) {
            (_, Some(error)) => Err(Error::from(error)),
            // Nothing has been finished: a file from before stays as it is.
            (Some(_), None) if self.standings.tally().total() == 0 => Ok(()),
            (Some(sink), None) => sink.finish().map_err(Error::from),
            (None, None) => Ok(()),
        }
    }

    /// Shows the ranking.
    pub(super) fn show(&self, ranked: &[Ranked<ParallelResult<Metrics>>], context: &mut Context<'_>) -> Result<()> {
        if ranked.is_empty() {
            return Ok(writeln!(context.out, "no combination could be ranked")?);
        }
        let axes: Vec<_> = self.plan.axes().collect();
        let metrics = &self.shown;
        let mut columns = vec![Column::new("rank", Kind::Integer)];
        columns.extend(self.each_symbol.then(|| Column::new("symbol", Kind::Text)));
        let kind = |name: &&str| {
            let known = ranked.first().and_then(|first| first.row.params.get(*name));
            let title = if self.each_symbol && *name == "symbol" { "param_symbol" } else { *name };
            Column::new(title, known.map_or(Kind::Text, Kind::of))
        };
        columns.extend(axes.iter().map(kind));
        columns.extend(metrics.iter().map(|name| Column::new(*name, Kind::Number)));
        let row = |(rank, ranked): (u64, &'_ Ranked<ParallelResult<Metrics>>)| -> Vec<Cell<'static>> {
            let params = axes.iter().map(|name| Cell::from(ranked.row.params.get(*name)).into_owned());
            let values = metrics.iter().map(|name| Cell::from(value(&ranked.row, name)));
            let symbol = self.each_symbol.then(|| Cell::from(ranked.row.symbol.clone()));
            std::iter::once(Cell::count(rank)).chain(symbol).chain(params).chain(values).collect()
        };
        let rows: Vec<_> = (1..).zip(ranked).map(row).collect();
        context.table(&columns, &rows)
    }

    /// The ranked combinations under both extremes of what may have happened within the bars.
    fn show_bounds(
        &self,
        ranked: &[Ranked<ParallelResult<Metrics>>],
        scope: &Scope,
        context: &mut Context<'_>,
    ) -> Result<()> {
        writeln!(context.out, "\nboth extremes within the bars")?;
        let mut metrics = vec![BOUNDED];
        metrics.extend((self.objective() != BOUNDED).then_some(self.objective()));
        let titles = metrics.iter().flat_map(|name| [format!("{name}_low"), format!("{name}_high")]);
        let mut columns = vec![Column::new("rank", Kind::Integer), Column::new("params", Kind::Text)];
        columns.extend(titles.map(|title| Column::new(title, Kind::Number)));
        let mut rows = Vec::new();
        for (rank, (ranked, bounds)) in (1..).zip(ranked.iter().zip(scope.bounds(ranked)?)) {
            let mut row = vec![Cell::count(rank), Cell::from(params_text(&ranked.row.params))];
            for name in &metrics {
                let (low, high) = bounds.interval(name).unzip();
                row.extend([Cell::from(low), Cell::from(high)]);
            }
            rows.push(row);
        }
        context.table(&columns, &rows)
    }

    /// What JSON says of the results.
    pub(super) fn report(&self, ranked: &[Ranked<ParallelResult<Metrics>>], market: &Market) -> Value {
        let rows: Vec<_> = ranked.iter().map(|r| self.records.row(&r.row, self.hash.as_deref())).collect();
        let tally = self.standings.tally();
        let mut report = json!({
            "objective": self.objective(),
            "ranking": to_json(self.records.columns(), &rows),
            "combinations": tally.total(),
            "succeeded": tally.successes(),
            "failures": failures_json(tally),
            "without_trades": tally.noted(Standings::NO_TRADES),
            "wiped_out": tally.noted(Standings::WIPED_OUT),
            "requirements_not_met": tally.noted(Standings::NOT_MET),
            "objective_undefined": tally.noted(Standings::UNDEFINED),
            "interrupted": self.interrupted,
        });
        let (name, fact) = scope::fact(market, self.each_symbol);
        report[name] = fact;
        report
    }

    /// Says what is remarkable about the results.
    pub(super) fn closing_words(&self, context: &mut Context<'_>) {
        let tally = self.standings.tally();
        for (note, count) in tally.notes() {
            context.talk.note(format!("{count} {note}"));
        }
        context.failures(tally);
        if self.interrupted {
            context.talk.note(format!("interrupted; the {} that were finished are kept", tally.total()));
        }
    }
}

fn value(result: &ParallelResult<Metrics>, name: &str) -> Option<f64> {
    result.result.as_ref().and_then(|metrics| metrics.get(name).flatten())
}
