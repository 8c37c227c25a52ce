//! One sweep of what is there now, of which only those cells run that are not known.
//!
//! Never shows a sweep that is not complete: the one before stays until then.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{
    cells::{Columns, Kept, Memory},
    comparison::{Best, Comparison, Shown},
    ears::{Ears, Heard},
    inputs::{Bars, Inputs, Look},
    report::Report,
    table::Table,
};
use crate::{
    backtest::{Market, Strategy},
    cli::{
        Context, Exit,
        args::SweepArgs,
        chosen::Chosen,
        scope::{self, Scope},
        sweep::{self, Sweep},
    },
    metrics::{Metrics, Selection},
    model::Digest,
    results::Standing,
    sweep::{Goal, ParallelBacktester, grid::Plan},
};

/// What is kept from one sweep to the next.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    pub(super) memory: Memory,
    /// The last sweep that was complete.
    pub(super) last: Option<Shown>,
    /// What was heard while sweeps ran, and is still to be looked at.
    pub(super) heard: Heard,
    market: Option<Arc<Market>>,
    prepared: Option<Prepared>,
}

/// A build that has seen the data.
struct Prepared {
    plugin: Digest,
    market: Arc<Market>,
    scope: Scope,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

/// How a round has ended.
pub(super) enum Ended {
    /// All cells are known, and shown.
    Shown(Exit),
    /// It was stopped; so many of its cells had run.
    Stopped(usize),
}

/// How long the parts of a round took, and how many cells ran.
#[derive(Debug, Default)]
pub(super) struct Effort {
    pub(super) building: Option<Duration>,
    pub(super) loading: Duration,
    pub(super) preparing: Duration,
    pub(super) sweeping: Duration,
    pub(super) run: usize,
    pub(super) reused: usize,
}

/// What a round works with.
pub(super) struct Tools<'a> {
    pub(super) args: &'a SweepArgs,
    pub(super) backtester: &'a ParallelBacktester,
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) ears: &'a Ears,
}

/// The build, and what is looked for.
struct Task<'a> {
    digest: Digest,
    strategy: &'a Strategy,
    plan: &'a Plan,
    bars: &'a Bars,
    goal: Goal,
    metrics: Chosen,
    /// What is computed, which may be more: cells that are known have it, and so will those that are not.
    columns: Columns,
}

impl Rounds {
    /// Sweeps what is there, if all of it is good; `round` is its number and `look` what it follows. Returns how that has
    /// ended.
    pub(super) fn sweep(
        &mut self,
        tools: &Tools<'_>,
        round: u64,
        look: &Look,
        context: &mut Context<'_>,
    ) -> Result<Option<Ended>> {
        let Some((digest, strategy, grid, bars)) = tools.inputs.good() else { return Ok(None) };
        let plan = grid.bind(strategy.description())?;
        let goal = sweep::goal(tools.args, grid, strategy.description())?;
        let metrics = sweep::chosen(tools.args, &goal, None)?;
        let known = self.memory.build(digest, metrics.computed);
        let columns = known.map_or_else(|| Columns::new(metrics.computed), |build| build.columns().clone());
        let market = self.market(tools.args, bars, columns.selection(), context)?;
        let task = Task { digest, strategy, plan: &plan, bars, goal, metrics, columns };
        let mut effort = Effort { building: look.building, loading: look.loading, ..Effort::default() };
        let table = self.run(tools, &task, &market, &mut effort, context)?;
        let Some(cells) = table.complete() else { return Ok(Some(Ended::Stopped(effort.run))) };
        self.memory.trim(table.keys());
        let exit = self.show(tools.args, task, &market, (&table, cells), (round, look, &effort), context)?;
        Ok(Some(Ended::Shown(exit)))
    }

    /// The bars under the rules of the account; says what annual numbers rest on where they are others.
    fn market(
        &mut self,
        args: &SweepArgs,
        bars: &Bars,
        metrics: Selection,
        context: &mut Context<'_>,
    ) -> Result<Arc<Market>> {
        let known = self.market.as_ref().filter(|market| {
            market.dataset().fingerprint() == bars.dataset.fingerprint() && market.metrics() == metrics
        });
        if let Some(market) = known {
            return Ok(Arc::clone(market));
        }
        let market = Arc::new(Market::new(bars.dataset.clone(), args.account.settings(metrics)?)?);
        let is_new = |known: &Arc<Market>| known.dataset().fingerprint() != bars.dataset.fingerprint();
        if self.market.as_ref().is_none_or(is_new) {
            scope::announce(args, &market, context);
        }
        self.market = Some(Arc::clone(&market));
        Ok(market)
    }

    /// Runs the cells that are not known, until something is heard that makes them vain.
    fn run(
        &mut self,
        tools: &Tools<'_>,
        task: &Task<'_>,
        market: &Arc<Market>,
        effort: &mut Effort,
        context: &mut Context<'_>,
    ) -> Result<Table> {
        let mut table = self.table(tools, task)?;
        let missing = table.missing();
        effort.reused = table.len() - missing.len();
        if missing.is_empty() {
            self.memory.open(task.digest, task.strategy, table.columns());
            return Ok(table);
        }
        let began = Instant::now();
        let scope = prepare(&mut self.prepared, tools, task, market, context)?;
        effort.preparing = began.elapsed();
        let build = self.memory.open(task.digest, task.strategy, table.columns());
        let began = Instant::now();
        let mut meter = context.talk.progress(Some(missing.len() as u64));
        let stop = tools.backtester.stop_handle();
        let sweep = || {
            let mut wanted = missing.iter().copied().peekable();
            let wanted = move |index| wanted.next_if_eq(&index).is_some();
            scope.run_part(tools.backtester, task.plan, wanted, |event| {
                context.talk.advance(&mut meter, event.done, event.failed, String::new);
                effort.run += 1;
                table.put(event.result, build);
                true
            })
        };
        let (ended, heard) = tools.ears.meanwhile(&stop, |heard| tools.inputs.differs(heard), sweep);
        meter.finish();
        self.heard.extend(heard);
        ended?;
        effort.sweeping = began.elapsed();
        if !stop.is_stopped() && table.complete().is_none() {
            bail!("a bug of the host: {} of {} combinations were lost", table.missing().len(), table.len());
        }
        Ok(table)
    }

    /// The cells, as far as they are known.
    fn table(&self, tools: &Tools<'_>, task: &Task<'_>) -> Result<Table> {
        let build = self.memory.build(task.digest, task.columns.selection());
        let known = |key| build.and_then(|build| build.cell(key));
        Table::new(task.plan, task.bars, tools.args.each_symbol, task.columns.clone(), known)
    }

    /// Ranks, writes and shows all cells, and what has become of them since the last sweep.
    fn show(
        &mut self,
        args: &SweepArgs,
        task: Task<'_>,
        market: &Market,
        (table, cells): (&Table, Vec<Arc<Kept>>),
        (round, look, effort): (u64, &Look, &Effort),
        context: &mut Context<'_>,
    ) -> Result<Exit> {
        let Task { digest, strategy, plan, goal, metrics, .. } = task;
        let (description, columns) = (strategy.description(), table.columns().clone());
        let (objective, better) = (goal.objective().name, goal.better());
        let mut comparison = self.last.as_ref().and_then(|last| Comparison::new(last, plan, description, &goal));
        let mut sweep = Sweep::new(args, goal, metrics, plan, strategy, market);
        let opened = sweep.open(args.out.as_deref());
        let series = market.dataset().series();
        table.replay(&cells, plan, &description.name, series, |result| {
            if let Some(comparison) = &mut comparison {
                let value = |metrics: &Metrics| metrics.get(objective).flatten();
                comparison.add(result, Standing::of(result, value));
            }
            sweep.take(result);
        });
        let written = opened.and_then(|()| sweep.close());
        let best = sweep.standings().best().map(|ranked| Best {
            task_id: ranked.row.task_id.clone(),
            params: ranked.row.params.clone(),
            value: ranked.value,
        });
        let exit = if written.is_ok() { Exit::of(sweep.standings().tally(), false) } else { Exit::BadInput };
        let report = Report {
            sweep: &sweep,
            market,
            plugin: digest,
            round,
            look,
            effort,
            compared: comparison.map(Comparison::finish),
            is_first: self.last.is_none(),
            best: best.as_ref(),
        };
        report.show(args.output.format, context)?;
        if let Err(error) = written {
            context.talk.error(&error);
        }
        let symbols = args.each_symbol.then(|| series.iter().map(|series| series.symbol.clone()).collect());
        let (plan, description) = (plan.clone(), description.clone());
        self.last = Some(Shown { plan, description, symbols, objective, better, columns, cells, best });
        Ok(exit)
    }
}

/// Makes the build ready for the market, unless it is.
fn prepare<'p>(
    prepared: &'p mut Option<Prepared>,
    tools: &Tools<'_>,
    task: &Task<'_>,
    market: &Arc<Market>,
    context: &mut Context<'_>,
) -> Result<&'p Scope> {
    let is_ready = |known: &Prepared| known.plugin == task.digest && Arc::ptr_eq(&known.market, market);
    // The memory of the one before is not needed while this one prepares.
    let ready = match prepared.take().filter(is_ready) {
        Some(ready) => ready,
        None => {
            let scope = Scope::new(tools.args, Arc::clone(market), task.strategy.clone())?;
            scope.announce(task.plan, tools.backtester, context);
            Prepared { plugin: task.digest, market: Arc::clone(market), scope }
        }
    };
    Ok(&prepared.insert(ready).scope)
}
