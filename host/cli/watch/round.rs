//! A round of `host watch`: one sweep of the current inputs, which runs only the cells without a known result.
//!
//! Never shows an incomplete sweep: the results before it stay until then.

use std::{fmt, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, bail};

use super::{
    inputs::{Bars, Inputs, Inspection},
    listener::{Changes, Listener},
    report::{Effort, Report},
};
use crate::{
    backtest::{Market, Strategy},
    cli::{
        Context, Exit, annual,
        args::{OutputFormat, SweepArgs},
        ranking::Ranking,
        sweep,
    },
    metrics::Metrics,
    model::Digest,
    results::Standing,
    sweep::{
        BoundRequest, CellIdentity, DefaultMetrics, Instruments, KeepResults, ParallelBacktester, Part, Provenance,
        Recorder, Scope, SweepNews, SweepProgress, SweepRequest,
        memo::{Best, CellMemory, Columns, Comparison, Kept, Shown, Table},
    },
};

/// The state that lasts from one sweep to the next.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    pub(super) memory: CellMemory,
    /// The last complete sweep.
    pub(super) last: Option<Shown>,
    /// Changes that came while sweeps ran, not yet inspected.
    pub(super) changes: Changes,
    market: Option<(Digest, Arc<Market>)>,
    prepared: Option<Prepared>,
}

/// A build that has prepared the data.
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

/// The end of a round.
pub(super) enum Ended {
    /// All results are known, and shown.
    Shown(Exit),
    /// It was stopped after this many of its cells had run.
    Stopped(usize),
}

/// The surroundings of a round.
pub(super) struct Tools<'a> {
    pub(super) args: &'a SweepArgs,
    pub(super) backtester: &'a ParallelBacktester,
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) listener: &'a Listener,
}

/// The build and its request.
struct Task<'a> {
    digest: Digest,
    strategy: &'a Strategy,
    bars: &'a Bars,
    request: SweepRequest,
    bound: BoundRequest,
    identity: CellIdentity,
    /// The computed metrics. They may be more than the request asks for: cells that run now get the same ones as known cells.
    columns: Columns,
}

impl Rounds {
    /// Runs round number `round` after `inspection`, if all inputs are good. Returns how it ended.
    pub(super) fn sweep(
        &mut self,
        tools: &Tools<'_>,
        round: u64,
        inspection: &Inspection,
        context: &mut Context<'_>,
    ) -> Result<Option<Ended>> {
        let Some((digest, strategy, request, bars)) = tools.inputs.good() else { return Ok(None) };
        let is_written = tools.args.out.is_some() || tools.args.output.format == OutputFormat::Json;
        let metrics = if is_written { DefaultMetrics::All } else { DefaultMetrics::Shown };
        let mut bound = request.bind(strategy.description(), metrics)?;
        let known = self.memory.build(digest, bound.metrics.computed);
        let columns = known.map_or_else(|| Columns::new(bound.metrics.computed), |build| build.columns().clone());
        bound.settings.metrics = columns.selection();
        let identity = bound.identity(&request, strategy)?.context("a bug of the host: a plugin without a hash")?;
        let market = self.market(&bound, bars, context)?;
        let task = Task { digest, strategy, bars, request, bound, identity, columns };
        let mut effort = Effort { building: inspection.building, loading: inspection.loading, ..Effort::default() };
        let table = self.run(tools, &task, &market, &mut effort, context)?;
        let Some(cells) = table.complete() else { return Ok(Some(Ended::Stopped(effort.run))) };
        self.memory.trim(table.keys());
        let exit = self.show(tools.args, task, &market, (&table, cells), (round, inspection, &effort), context)?;
        Ok(Some(Ended::Shown(exit)))
    }

    /// The bars under the rules of the account. Reports the bars per year when the data is new.
    fn market(&mut self, bound: &BoundRequest, bars: &Bars, context: &mut Context<'_>) -> Result<Arc<Market>> {
        let read = bars.dataset.fingerprint();
        let known =
            self.market.as_ref().filter(|(known, market)| *known == read && *market.settings() == bound.settings);
        if let Some((_, market)) = known {
            return Ok(Arc::clone(market));
        }
        let market = Arc::new(Market::new(bars.dataset.clone(), bound.settings)?);
        if self.market.as_ref().is_none_or(|(known, _)| *known != read) {
            annual::announce(bound.instruments, &market, context);
        }
        self.market = Some((read, Arc::clone(&market)));
        Ok(market)
    }

    /// Runs the cells without a known result, until a change makes them useless.
    fn run(
        &mut self,
        tools: &Tools<'_>,
        task: &Task<'_>,
        market: &Arc<Market>,
        effort: &mut Effort,
        context: &mut Context<'_>,
    ) -> Result<Table> {
        let mut table = self.table(task)?;
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
        let mut meter = context.reporter.progress(Some(missing.len() as u64));
        let stop = tools.backtester.stop_handle();
        let sweep = || {
            let mut wanted = missing.iter().copied().peekable();
            let wanted = move |index| wanted.next_if_eq(&index).is_some();
            let part = Part::of(Some(missing.len() as u64), wanted);
            tools.backtester.sweep_watched(scope, &task.bound.plan, part, &KeepResults, |news| {
                match news {
                    SweepNews::Results(batch) => {
                        effort.run += batch.results.len();
                        batch.results.into_iter().for_each(|result| table.put(result, build));
                    }
                    SweepNews::Progress(SweepProgress { finished, failed, .. }) => {
                        context.reporter.advance(&mut meter, finished, failed, String::new);
                    }
                }
                true
            });
        };
        let ((), changes) = tools.listener.meanwhile(&stop, |changes| tools.inputs.differs(changes), sweep);
        meter.finish();
        self.changes.extend(changes);
        effort.sweeping = began.elapsed();
        if !stop.is_stopped() && table.complete().is_none() {
            bail!("a bug of the host: {} of {} combinations were lost", table.missing().len(), table.len());
        }
        Ok(table)
    }

    /// The table of cells, with the known results.
    fn table(&self, task: &Task<'_>) -> Result<Table> {
        let build = self.memory.build(task.digest, task.columns.selection());
        let known = |key| build.and_then(|build| build.cell(key));
        let each_symbol = task.bound.instruments == Instruments::EachSymbol;
        let cells = (task.identity, task.bars.hashes.as_slice());
        Ok(Table::new(&task.bound.plan, cells, each_symbol, task.columns.clone(), known)?)
    }

    /// Ranks, writes and shows all cells, and their changes since the last sweep.
    fn show(
        &mut self,
        args: &SweepArgs,
        task: Task<'_>,
        market: &Market,
        (table, cells): (&Table, Vec<Arc<Kept>>),
        (round, inspection, effort): (u64, &Inspection, &Effort),
        context: &mut Context<'_>,
    ) -> Result<Exit> {
        let (plan, goal, description) = (&task.bound.plan, &task.bound.goal, task.strategy.description());
        let mut comparison = self.last.as_ref().and_then(|last| Comparison::new(last, plan, description, goal));
        let mut recorder = Recorder::new(&task.bound, task.strategy, market).with_timings(args.timings.timings);
        let provenance = Provenance::new(&task.request, &task.bound, task.strategy, market)?;
        let facts = provenance.read_with(task.bars.read.clone()).facts();
        let opened = args.out.as_deref().map_or(Ok(()), |path| recorder.open(path, &facts));
        crate::cli::inputs::report_leftovers(recorder.leftovers(), context);
        let (recording, value) =
            (recorder.recording(), |metrics: &Metrics| metrics.get(goal.objective().name).flatten());
        table.replay(&cells, plan, &description.name, market.dataset().series(), |result| {
            if let Some(comparison) = &mut comparison {
                comparison.add(result, Standing::of(result, value));
            }
            recorder.take(recording.record(std::slice::from_ref(result)));
        });
        let written = opened.and_then(|()| recorder.finish());
        let exit = if written.is_ok() { Exit::of(recorder.standings().tally(), false) } else { Exit::BadInput };
        let best = recorder.standings().best().map(Best::of);
        let report = Report {
            sweep: &Ranking::of(&task.bound, &recorder, market, false),
            data: market.dataset().fingerprint(),
            plugin: task.digest,
            round,
            inspection,
            effort,
            compared: comparison.map(Comparison::finish),
            is_first: self.last.is_none(),
            best: best.as_ref(),
        };
        report.show(args.output.format, context)?;
        let rows = recorder.standings().tally().total();
        match written {
            Err(error) => context.reporter.error(&error.into()),
            Ok(()) if rows > 0 => args.out.iter().for_each(|path| context.reporter.wrote_rows(path, rows)),
            Ok(()) => {}
        }
        self.last = Some(shown(&task, market, cells, best));
        Ok(exit)
    }
}

/// The shown sweep, as the next one is compared with it.
fn shown(task: &Task<'_>, market: &Market, cells: Vec<Arc<Kept>>, best: Option<Best>) -> Shown {
    let symbols = market.dataset().series().iter().map(|series| series.symbol.clone());
    Shown {
        plan: task.bound.plan.clone(),
        description: task.strategy.description().clone(),
        symbols: (task.bound.instruments == Instruments::EachSymbol).then(|| symbols.collect()),
        objective: task.bound.goal.objective().name,
        better: task.bound.goal.better(),
        columns: task.columns.clone(),
        cells,
        best,
    }
}

/// Prepares the build for the market, unless it is prepared already.
fn prepare<'p>(
    prepared: &'p mut Option<Prepared>,
    tools: &Tools<'_>,
    task: &Task<'_>,
    market: &Arc<Market>,
    context: &mut Context<'_>,
) -> Result<&'p Scope> {
    let is_ready = |known: &Prepared| known.plugin == task.digest && Arc::ptr_eq(&known.market, market);
    // Drops the previous build before this one prepares, so that both are never in memory at once.
    let ready = match prepared.take().filter(is_ready) {
        Some(ready) => ready,
        None => {
            let scope = Scope::new(task.bound.instruments, Arc::clone(market), task.strategy.clone())?;
            sweep::announce(&scope, &task.bound, tools.backtester, context);
            Prepared { plugin: task.digest, market: Arc::clone(market), scope }
        }
    };
    Ok(&prepared.insert(ready).scope)
}
