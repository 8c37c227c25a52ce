//! A round of `host watch`: one sweep of the current inputs, which runs only the cells without a known result.
//!
//! Never shows an incomplete sweep: the results before it stay until then.

use std::{
    fmt, mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use anyhow::{Result, bail};

use super::{
    inputs::{Bars, Inputs, Inspection},
    listener::{Changes, Listener},
    memory::Memory,
    report::{Effort, Report},
};
use crate::{
    backtest::{Market, Strategy},
    cli::{
        Context, Exit, annual,
        args::{OutputFormat, SweepArgs},
        inputs::report_leftovers,
        ranking::Ranking,
        request::run_start,
        sweep,
    },
    metrics::Metrics,
    model::Digest,
    results::{ResultsError, Standing},
    sweep::{
        Batching, BoundRequest, DefaultMetrics, Instruments, ParallelBacktester, Part, Provenance, Recorded, Recorder,
        Recording, RunEnd, RunOutcome, Scope, StoredCells, SweepNews, SweepProgress, SweepRequest,
        memo::{self, Best, Comparison, Shown},
    },
    task::ParallelResult,
};

/// The state that lasts from one sweep to the next.
#[derive(Debug)]
pub(super) struct Rounds {
    memory: Memory,
    /// The last complete sweep.
    pub(super) last: Option<Arc<Shown>>,
    /// Changes that came while sweeps ran, not yet inspected.
    pub(super) changes: Changes,
    market: Option<(Digest, Arc<Market>)>,
    prepared: Option<Prepared>,
}

/// A build on the data, which it has prepared if a combination had to run.
struct Prepared {
    plugin: Digest,
    market: Arc<Market>,
    scope: Scope,
    is_ready: bool,
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
    request: SweepRequest,
    bound: BoundRequest,
    market: Arc<Market>,
    /// The symbols, where each runs alone.
    symbols: Option<Vec<String>>,
    /// The number of cells.
    cells: usize,
}

/// The results of a sweep.
struct Swept<'a> {
    recorder: Recorder,
    /// Whether the file could be opened.
    opened: Result<(), ResultsError>,
    objective: &'static str,
    /// How each cell stands by the objective, in their order.
    standings: Vec<Standing>,
    comparison: Option<Comparison<'a>>,
}

/// Records results, and hands them on.
struct Watched {
    recording: Arc<Recording>,
    /// How many of them were not known.
    run: AtomicUsize,
}

impl Batching for Watched {
    type Batch = (Recorded, Vec<ParallelResult<Metrics>>);

    fn batch(&self, results: Vec<ParallelResult<Metrics>>) -> Self::Batch {
        self.run.fetch_add(results.iter().filter(|result| !result.cached).count(), Relaxed);
        (self.recording.record(&results), results)
    }

    fn help(&self) {
        self.recording.help();
    }
}

impl Rounds {
    pub(super) fn new(memory: Memory) -> Self {
        Self { memory, last: None, changes: Changes::default(), market: None, prepared: None }
    }

    /// Runs round number `round` after `inspection`, if all inputs are good. Returns how it ended.
    pub(super) fn sweep(
        &mut self,
        tools: &Tools<'_>,
        round: u64,
        inspection: &Inspection,
        context: &mut Context<'_>,
    ) -> Result<Option<Ended>> {
        let Some((digest, strategy, request, bars)) = tools.inputs.good() else { return Ok(None) };
        let is_written = tools.args.out.is_some() || tools.args.output.format() == OutputFormat::Json;
        let metrics = if is_written { DefaultMetrics::All } else { DefaultMetrics::Shown };
        let strategy = &request.strategy(strategy.clone())?;
        let mut bound = request.bind(strategy.description(), metrics)?;
        bound.settings.benchmark.clone_from(&bars.benchmark);
        let market = self.market(&bound, bars, context)?;
        let names = || market.dataset().series().iter().map(|series| series.symbol.clone()).collect();
        let symbols: Option<Vec<_>> = (bound.instruments == Instruments::EachSymbol).then(names);
        let cells = memo::count(&bound.plan, symbols.as_ref().map(Vec::len))?;
        let task = Task { digest, strategy, request, bound, market, symbols, cells };
        let mut effort = Effort { building: inspection.building, loading: inspection.loading, ..Effort::default() };
        let known = self.ready(tools, &task, &mut effort, context)?;
        let provenance = Provenance::new(&task.request, &task.bound, strategy, &task.market)?;
        let provenance = provenance.read_with(bars.read.clone());
        let last = self.last.clone();
        let mut swept = Swept::new(tools.args, &task, &provenance, last.as_deref());
        report_leftovers(swept.recorder.leftovers(), context);
        if let Some(known) = &known {
            let SweepArgs { plugin, data, out, .. } = tools.args;
            let what = (provenance, task.market.settings().metrics);
            known.begin_run(&run_start("watch", (plugin.typed(), data.bars()), what, out.as_deref()));
        }
        let is_whole = self.run(tools, &task, known.as_ref(), &mut swept, &mut effort, context);
        let used = known.as_ref().map(StoredCells::finish);
        let written = match is_whole {
            Ok(true) => swept.finish(),
            Ok(false) | Err(_) => {
                swept.recorder.discard();
                Ok(())
            }
        };
        let outcome = match (&is_whole, &written) {
            (Ok(true), Ok(())) => RunOutcome::Finished,
            (Ok(false), _) => RunOutcome::Interrupted,
            _ => RunOutcome::Failed,
        };
        if let (Some(known), Some(mut used)) = (known, used) {
            let (seconds, standings) = (effort.sweeping.as_secs_f64(), swept.recorder.standings());
            let unwritten = known.end_run(&RunEnd::new(outcome, seconds, used.found, standings));
            used.problem = used.problem.or(unwritten);
            self.memory.after(used, context);
        }
        if !is_whole? {
            return Ok(Some(Ended::Stopped(effort.run)));
        }
        let exit = self.show(tools.args, task, (swept, written), (round, inspection, &effort), context)?;
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
        let market = Arc::new(Market::new(bars.dataset.clone(), bound.settings.clone())?);
        if self.market.as_ref().is_none_or(|(known, _)| *known != read) {
            annual::announce(bound.instruments, &market, context);
        }
        self.market = Some((read, Arc::clone(&market)));
        Ok(market)
    }

    /// Opens what is known, and prepares the build if a combination has to run.
    fn ready(
        &mut self,
        tools: &Tools<'_>,
        task: &Task<'_>,
        effort: &mut Effort,
        context: &mut Context<'_>,
    ) -> Result<Option<StoredCells>> {
        let Task { digest: plugin, strategy, bound, market, .. } = task;
        let is_same = |known: &Prepared| known.plugin == *plugin && Arc::ptr_eq(&known.market, market);
        // Drops the previous build before this one prepares, so that both are never in memory at once.
        let mut prepared = match self.prepared.take().filter(is_same) {
            Some(prepared) => prepared,
            None => {
                let scope = Scope::unprepared(bound.instruments, Arc::clone(market), (*strategy).clone())?;
                Prepared { plugin: *plugin, market: Arc::clone(market), scope, is_ready: false }
            }
        };
        let known = self.memory.cells(&task.request, bound, &prepared.scope, context)?;
        // Each symbol prepares when its turn comes.
        let is_known = || task.symbols.is_none() && known.as_ref().is_some_and(|known| known.has_all_of(&bound.plan));
        if !prepared.is_ready && !is_known() {
            let began = Instant::now();
            let name = &strategy.description().name;
            context.prepare(tools.backtester.sandbox(), name, || prepared.scope.prepare())??;
            effort.preparing = began.elapsed();
            sweep::announce(&prepared.scope, bound, tools.backtester, context);
            sweep::announce_forking(&prepared.scope, context);
            prepared.is_ready = true;
        }
        self.prepared = Some(prepared);
        Ok(known)
    }

    /// Runs the cells that are not known, until a change makes them useless. Returns false if it was stopped before the last.
    fn run(
        &mut self,
        tools: &Tools<'_>,
        task: &Task<'_>,
        known: Option<&StoredCells>,
        swept: &mut Swept<'_>,
        effort: &mut Effort,
        context: &mut Context<'_>,
    ) -> Result<bool> {
        let Some(Prepared { scope, .. }) = &self.prepared else { bail!("a bug of the host: nothing is prepared") };
        let began = Instant::now();
        let watched = Watched { recording: swept.recorder.recording(), run: AtomicUsize::new(0) };
        let mut meter = context.reporter.progress(Some(task.cells as u64));
        let sweep = || {
            let part = Part::all().stored(known);
            tools.backtester.sweep_watched(scope, &task.bound.plan, part, &watched, |news| {
                match news {
                    SweepNews::Results(batch) => swept.take(batch.results),
                    SweepNews::Progress(SweepProgress { finished, failed, .. }) => {
                        context.reporter.advance(&mut meter, finished, failed, String::new);
                    }
                }
                true
            });
        };
        let stop = tools.backtester.stop_handle();
        let ((), changes) = tools.listener.meanwhile(&stop, |changes| tools.inputs.differs(changes), sweep);
        meter.finish();
        self.changes.extend(changes);
        let done = swept.standings.len();
        effort.run = watched.run.into_inner();
        effort.reused = done.saturating_sub(effort.run);
        effort.sweeping = began.elapsed();
        if done < task.cells && !stop.is_stopped() {
            bail!("a bug of the host: {} of {} combinations were lost", task.cells - done, task.cells);
        }
        Ok(done == task.cells)
    }

    /// Shows all cells, and their changes since the last sweep.
    fn show(
        &mut self,
        args: &SweepArgs,
        task: Task<'_>,
        (swept, written): (Swept<'_>, Result<(), ResultsError>),
        (round, inspection, effort): (u64, &Inspection, &Effort),
        context: &mut Context<'_>,
    ) -> Result<Exit> {
        let Swept { recorder, standings, comparison, .. } = swept;
        let exit = if written.is_ok() { Exit::of(recorder.standings().tally(), false) } else { Exit::BadInput };
        let best = recorder.standings().best().map(Best::of);
        let report = Report {
            sweep: &Ranking::of(&task.bound, &recorder, &task.market, false),
            data: task.market.dataset().fingerprint(),
            plugin: task.digest,
            round,
            inspection,
            effort,
            compared: comparison.map(Comparison::finish),
            is_first: self.last.is_none(),
            best: best.as_ref(),
        };
        report.show(args.output.format(), context)?;
        let rows = recorder.standings().tally().total();
        match written {
            Err(error) => context.reporter.error(&error.into()),
            Ok(()) if rows > 0 => args.out.iter().for_each(|path| context.reporter.wrote_rows(path, rows)),
            Ok(()) => {}
        }
        self.last = Some(Arc::new(shown(task, standings, best)));
        Ok(exit)
    }
}

impl<'a> Swept<'a> {
    /// Nothing yet, to be compared with the sweep that was shown `last`. A file that cannot be written costs no result.
    fn new(args: &SweepArgs, task: &Task<'_>, provenance: &Provenance, last: Option<&'a Shown>) -> Self {
        let (bound, description) = (&task.bound, task.strategy.description());
        let mut recorder = Recorder::new(bound, task.strategy, &task.market).with_timings(args.timings.timings);
        let opened = args.out.as_deref().map_or(Ok(()), |path| recorder.open(path, &provenance.facts()));
        let cells = (&bound.plan, task.symbols.as_deref());
        let comparison = last.and_then(|last| Comparison::new(last, cells, description, &bound.goal));
        let objective = bound.goal.objective().name;
        Self { recorder, opened, objective, standings: Vec::with_capacity(task.cells), comparison }
    }

    /// Completes the file.
    fn finish(&mut self) -> Result<(), ResultsError> {
        mem::replace(&mut self.opened, Ok(())).and_then(|()| self.recorder.finish())
    }

    /// Takes the next results.
    fn take(&mut self, (recorded, results): (Recorded, Vec<ParallelResult<Metrics>>)) {
        // What cannot be written is told in the end: the results count all the same.
        let _ = self.recorder.take(recorded);
        for result in &results {
            let standing = Standing::of(result, |metrics| metrics.get(self.objective).flatten());
            if let Some(comparison) = &mut self.comparison {
                comparison.add(result, standing);
            }
            self.standings.push(standing);
        }
    }
}

/// The shown sweep, as the next one is compared with it.
fn shown(task: Task<'_>, standings: Vec<Standing>, best: Option<Best>) -> Shown {
    Shown {
        plan: task.bound.plan,
        description: task.strategy.description().clone(),
        symbols: task.symbols,
        objective: task.bound.goal.objective().name,
        better: task.bound.goal.better(),
        standings,
        best,
    }
}
