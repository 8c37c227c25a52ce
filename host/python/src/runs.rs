//! Runs: a request on a data set, from the plugin's name to the last row.
//!
//! Never knows of Python's threads, and never opens a file that a request names.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use arrow_array::RecordBatch;
use host::{
    backtest::Market,
    evidence::{EvidenceError, Returning},
    metrics::{Direction, Metrics, ReturnsPeriod, Selection},
    model::{Description, Encoding, Params, Value},
    results::{Column, Records, Tally, Values},
    sandbox::{Budget, Interface, Plugin, Prepared, Task},
    store::{Store, StoreError, default_root},
    sweep::{
        Batching, BoundRequest, Checked, DefaultMetrics, Instruments, NO_CELLS, Optimized, ParallelBacktester, Part,
        Provenance, RankBy, Recorder, RequestProblem, RunEnd, RunOutcome, RunStart, Scope, Split, Stop, StoreUse,
        StoredCells, SweepNews, SweepOn, SweepRequest, WithValues, grid::Shard, with_causes,
    },
    task::{ParallelResult, ParallelTask},
};
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict},
};

use crate::{
    data::Dataset,
    engine::{Named, Shared},
    errors::{Class, Failure, OrFailure, json, refused},
    results::{Batcher, Block, Facts, Gathering, ParamsOf, Results},
    shown::Shown,
    wait::Counts,
};

/// The command that the ledger of the store names.
const COMMAND: &str = "python";

/// The store that is asked for.
#[derive(Debug)]
pub(crate) enum StoreChoice {
    /// None.
    None,
    /// That of the environment.
    Default,
    /// The one in a folder.
    Folder(PathBuf),
}

/// What a run is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) plugin: Named,
    pub(crate) request: SweepRequest,
    pub(crate) store: StoreChoice,
    out: Option<PathBuf>,
    /// The file of returns, and how long their periods are.
    returns: Option<(PathBuf, ReturnsPeriod)>,
    shard: Option<Shard>,
}

impl StoreChoice {
    /// Reads what Python gives: nothing, true, false, or a folder.
    pub(crate) fn of(given: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(Self::Default) };
        match given.cast::<PyBool>() {
            Ok(flag) => Ok(if flag.is_true() { Self::Default } else { Self::None }),
            Err(_) => Ok(Self::Folder(given.extract()?)),
        }
    }

    /// The store, if it exists. One that is named must.
    pub(crate) fn existing(&self) -> Result<Option<Store>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::Default => Ok(Store::of_environment()),
            Self::Folder(folder) => Store::existing(folder).map(Some).or_failure(Class::Settings),
        }
    }
}

impl Asked {
    /// Reads what Python gives.
    pub(crate) fn new(
        plugin: Named,
        request: &str,
        store: Option<&Bound<'_, PyAny>>,
        out: Option<PathBuf>,
        shard: Option<&str>,
    ) -> PyResult<Self> {
        let refused =
            |error: serde_json::Error| Failure::new(Class::Settings, format!("the request is not one: {error}"));
        let mut request: SweepRequest = serde_json::from_str(request).map_err(refused)?;
        request.plugin = plugin.request_name();
        request.check().map_err(|error| Failure::of_request(&error))?;
        if request.bounds {
            let text = "`bounds` is not there from Python; `host sweep --bounds` has it";
            return Err(Failure::new(Class::Settings, text).into());
        }
        let store = StoreChoice::of(store)?;
        let shard = shard.map(str::parse::<Shard>).transpose().or_failure(Class::Settings)?;
        let is_plain = request.rank_by == RankBy::Value && request.split.is_none() && request.optimize.is_none();
        if shard.is_some() && !is_plain {
            let text =
                "`shard` runs a part of a plain sweep; leave out `shard`, or `rank_by` and `split`, or do not search";
            return Err(Failure::new(Class::Settings, text).into());
        }
        Ok(Self { plugin, request, store, out, returns: None, shard })
    }

    /// The same with a file for the returns of each combination, by periods of the length `period`.
    pub(crate) fn with_returns(self, file: Option<PathBuf>, period: &str) -> PyResult<Self> {
        let period = period.parse::<ReturnsPeriod>().or_failure(Class::Settings)?;
        let refused = |text: &str| Err(Failure::new(Class::Settings, text).into());
        if file.is_some() && self.request.scope == Instruments::EachSymbol {
            return refused(
                "`returns` takes runs over the same periods, and each symbol alone has its own; leave out `each_symbol`",
            );
        }
        if file.is_some() && self.shard.is_some() {
            return refused("`returns` takes a whole sweep; leave out `shard`");
        }
        Ok(Self { returns: file.map(|file| (file, period)), ..self })
    }

    /// The budget of each task, if one is asked for.
    pub(crate) fn budget(&self) -> Option<Budget> {
        self.request.limits.budget
    }

    pub(crate) fn is_metered(&self) -> bool {
        self.budget() != Some(Budget::Unmetered)
    }

    /// Refuses to overwrite what is read, or to write two things to one file.
    fn check_out(&self, data: &Dataset) -> Result<(), Failure> {
        let real = |path: &Path| path.canonicalize().ok();
        let returns = self.returns.as_ref().map(|(path, _)| path);
        for out in self.out.iter().chain(returns) {
            let is_same = |read: &Path| real(read).is_some_and(|read| Some(read) == real(out));
            let mut read =
                data.paths.iter().map(PathBuf::as_path).chain(data.benchmark_file()).chain(self.plugin.file());
            if read.any(is_same) {
                let text = format!("`{}` is also read; write to another file", out.display());
                return Err(Failure::new(Class::Settings, text));
            }
        }
        match returns.filter(|returns| self.out.as_ref() == Some(*returns)) {
            None => Ok(()),
            Some(path) => {
                let text = format!("`{}` is given for results and for returns; give two files", path.display());
                Err(Failure::new(Class::Settings, text))
            }
        }
    }

    /// Opens the files of the sweep before any work is done for them. The file of returns also says `of_returns`.
    fn open_files(
        &self,
        recorder: &mut Recorder,
        market: &Market,
        provenance: &Provenance,
        of_returns: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        if let Some(out) = &self.out {
            recorder.open(out, &provenance.facts()).or_failure(Class::Host)?;
        }
        if let Some((path, _)) = &self.returns {
            let facts = [provenance.facts(), of_returns].concat();
            recorder.open_returns(path, market, &facts).or_failure(Class::Host)?;
        }
        Ok(())
    }

    /// What a file of returns says besides the provenance: whether the strategy looks ahead. Nothing where none is written.
    fn facts_of_returns(
        &self,
        (scope, bound): (&Scope, &BoundRequest),
        store: Option<&Store>,
        stop: &Stop,
        notes: &mut Vec<String>,
    ) -> Result<Vec<(String, String)>, Failure> {
        if self.returns.is_none() {
            return Ok(Vec::new());
        }
        let (strategy, market) = (scope.strategy(), scope.market());
        let is_bundled = matches!(self.plugin, Named::Bundled(_));
        let returning = Returning { strategy, market, bound, store: store.cloned(), is_bundled };
        let known = returning.check(&mut |_| !stop.is_stopped(), notes).map_err(refused)?;
        known.map(|fact| vec![fact.named()]).ok_or_else(|| refused(EvidenceError::Stopped))
    }

    /// The cells of the store, which notes that a run of `on` begins.
    fn begin(&self, on: SweepOn<'_>, data: &Dataset, provenance: Provenance) -> Result<Option<StoredCells>, Failure> {
        let Some(store) = on.store else { return Ok(None) };
        let stored = StoredCells::new(store.clone(), on.request, on.bound, on.scope).or_failure(Class::Plugin)?;
        // Of a result that is known, nobody knows the returns: all of them run again.
        let stored = stored.map(|stored| if self.returns.is_some() { stored.checking(1.0) } else { stored });
        if let Some(stored) = &stored {
            let search = on.bound.search.as_ref().and_then(|how| serde_json::to_value(how).ok());
            let begun = run_start(self, data, provenance, on.scope.market().settings().metrics);
            stored.begin_run(&RunStart { search, ..begun });
        }
        Ok(stored)
    }

    /// Completes the files, unless the `cluster` has failed: then the file keeps its partial name, since it has less than was asked for
    /// and nobody stopped it. What the user should know goes to `notes`.
    fn close(
        &self,
        recorder: &mut Recorder,
        (cluster, is_stored): (Option<String>, bool),
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        if let Some(why) = cluster {
            let way_out = match is_stored {
                true => "the store has those that it ran, so that the same call goes on",
                false => "with a store, the same call would go on from those that it ran",
            };
            let text = format!("the cluster could not run all combinations: {why}; {way_out}");
            return Err(Failure::new(Class::Host, text));
        }
        let (closed, returns) = (recorder.finish().or_failure(Class::Host), self.close_returns(recorder));
        closed.and(returns.map(|note| notes.extend(note)))
    }

    /// Completes the file of returns. Returns what the user should know of it.
    fn close_returns(&self, recorder: &mut Recorder) -> Result<Option<String>, Failure> {
        let written = recorder.finish_returns().or_failure(Class::Host)?;
        let none = self.returns.as_ref().filter(|_| written == Some(0));
        Ok(none.map(|(path, _)| format!("`{}` is not written: no combination has returns", path.display())))
    }

    fn open_store(&self, notes: &mut Vec<String>) -> Option<Store> {
        let root = match &self.store {
            StoreChoice::None => Ok(None),
            StoreChoice::Default => default_root(),
            StoreChoice::Folder(folder) => Ok(Some(folder.clone())),
        };
        let opened = root.and_then(|root| root.as_deref().map(Store::open).transpose());
        opened.unwrap_or_else(|error: StoreError| {
            let problem = with_causes(&error);
            notes.push(format!(
                "the store cannot be used, so that each combination runs, and no result is kept: {problem}"
            ));
            None
        })
    }
}

/// A sweep that has run.
pub(crate) struct Ran {
    columns: Vec<Column>,
    params: ParamsOf,
    metrics: Vec<String>,
    facts: Facts,
}

impl Ran {
    /// The results, whose rows are in `batches`.
    pub(crate) fn results(self, batches: Vec<RecordBatch>) -> Results {
        Results::new(&self.columns, &self.metrics, self.params, batches, self.facts)
    }
}

/// Runs the sweep that is asked for, and hands its rows to `take`, which returns whether to go on.
pub(crate) fn sweep(
    shared: &Shared,
    engine: &ParallelBacktester,
    asked: &Asked,
    data: &Dataset,
    counts: &Counts,
    take: &mut (dyn FnMut(RecordBatch) -> bool + Send),
) -> Result<Ran, Failure> {
    asked.check_out(data)?;
    let plugin = shared.plugin(engine, &asked.plugin, asked.is_metered())?;
    let mut request = SweepRequest {
        data: Some(data.name.clone()),
        detail: data.detail.as_ref().map(|detail| detail.name.clone()),
        ..asked.request.clone()
    };
    let bound = request.bind(plugin.description(), DefaultMetrics::All);
    let bound = bound.map_err(|error| Failure::of_request(&error))?;
    let mut bound = bound.with_returns(asked.returns.as_ref().map(|(_, period)| *period));
    if bound.search.is_some() && asked.returns.is_some() {
        let text = "a search keeps no returns: its combinations are not a whole grid; leave out `returns`";
        return Err(Failure::new(Class::Settings, text));
    }
    data.measure(&mut bound.settings, request.benchmark.as_ref())?;
    let split = Split::of(&mut request, &mut bound, &data.bars).or_failure(Class::Settings)?;
    let scope = shared.scope(&plugin, (&request, &bound), data)?;
    let (strategy, market) = (scope.strategy(), scope.market());
    let mut notes = shared.notes();
    notes.extend(still_days(market));
    let store = asked.open_store(&mut notes);
    let (dataset, on_store) = (&data.bars, store.as_ref());
    let on = SweepOn { dataset, request: &request, bound: &bound, scope: &scope, store: on_store };
    let rest = split.map(|split| on.elsewhere(split.out_of_sample)).transpose().or_failure(Class::Settings)?;
    let of_returns = asked.facts_of_returns((&scope, &bound), on_store, &engine.stop_handle(), &mut notes)?;
    let provenance = Provenance::new(&request, &bound, strategy, market).or_failure(Class::Plugin)?;
    let provenance = provenance.read_with(data.read.clone()).of_shard(asked.shard);
    let mut recorder = Recorder::new(&bound, strategy, market);
    asked.open_files(&mut recorder, market, &provenance, of_returns)?;
    notes.extend(
        recorder
            .leftovers()
            .iter()
            .map(|left| format!("a run that was ended from outside had left `{}`", left.path.display())),
    );
    let stored = asked.begin(on, data, provenance)?;
    let part = Part::all().within(asked.shard).stored(stored.as_ref());
    let total = bound.search.as_ref().map(|how| how.trials).or_else(|| part.total(&scope, &bound.plan));
    let records = bound.instruments.records(bound.metrics.columns, strategy, market).timed();
    let columns = records.columns().to_vec();
    let gathering = Gathering {
        recording: WithValues::new(recorder.recording(), &bound),
        records,
        plugin: recorder.plugin_hash().map(str::to_owned),
        goal: bound.goal.clone(),
    };
    let (mut left_out, mut values) = (Vec::new(), Vec::new());
    let mut batcher = Batcher::new(&columns);
    let (start, mut done, mut problem) = (Instant::now(), 0, None);
    counts.set(0, total);
    let hear = |news: SweepNews<<Gathering as Batching>::Batch>| match news {
        SweepNews::Progress(progress) => {
            counts.set(progress.finished, progress.total);
            true
        }
        SweepNews::Results(batch) => {
            done = batch.done;
            let (recorded, valued, block, not_met) = batch.results;
            left_out.extend(not_met);
            values.extend(valued);
            let is_written = recorder.take(recorded);
            match batcher.add(block) {
                Ok(full) => is_written && full.is_none_or(&mut *take),
                Err(failure) => {
                    problem = Some(failure);
                    false
                }
            }
        }
    };
    let found = match &bound.search {
        Some(how) => Some(engine.optimize(how, (on, stored.as_ref()), &gathering, hear).or_failure(Class::Grid)?),
        None => {
            engine.sweep_watched(&scope, &bound.plan, part, &gathering, hear);
            None
        }
    };
    let total = found.as_ref().filter(|found| !found.interrupted).map_or(total, |found| Some(found.trials()));
    let done = found.as_ref().map_or(done, Optimized::trials);
    counts.set(done, total.or(Some(done)));
    let seconds = start.elapsed().as_secs_f64();
    let used = stored.as_ref().map(StoredCells::finish);
    let is_cut_short = engine.stop_handle().is_stopped() && total != Some(done);
    let interrupted = found.as_ref().map_or(is_cut_short, |found| found.interrupted);
    if asked.shard.is_some() && !interrupted {
        recorder.allow_empty();
    }
    let last = batcher.take()?;
    let was_taken = last.is_none_or(take);
    let cluster = engine.stop_handle().failure().map(str::to_owned);
    let closed = asked.close(&mut recorder, (cluster, stored.is_some()), &mut notes);
    if let Some(stored) = &stored {
        let outcome = match (&closed, &problem, interrupted || !was_taken) {
            (Ok(()), None, false) => RunOutcome::Finished,
            (Ok(()), None, true) => RunOutcome::Interrupted,
            _ => RunOutcome::Failed,
        };
        let known = used.as_ref().map_or(0, |used| used.found);
        let unsaid = stored.end_run(&RunEnd::new(outcome, seconds, known, recorder.standings()));
        notes.extend(unsaid.map(|problem| format!("the store does not say how this run ended: {problem}")));
    }
    problem.map_or(Ok(()), Err)?;
    closed?;
    let shown = if interrupted {
        Shown { ranked: recorder.standings().ranked(), ..Shown::default() }
    } else {
        let of = (&bound, &*scope, rest.as_ref());
        Shown::of(found.as_ref(), (recorder.standings().ranked(), values), of, engine)?
    };
    let optimize = found.as_ref().map(|found| json(&found.report(&bound.plan))).transpose()?;
    let standings = recorder.standings();
    if standings.tally().total() == 0 && !interrupted && asked.shard.is_none() {
        return Err(Failure::new(Class::Grid, NO_CELLS));
    }
    notes.extend(used.iter().flat_map(notes_on));
    notes.extend(engine.cache_problem().map(|problem| format!("compiled plugins are not kept: {problem}")));
    let goal = standings.goal();
    let facts = Facts {
        interrupted,
        seconds,
        total,
        failed: standings.tally().failed(),
        known: used.map_or(0, |used| used.found),
        objective: Some((goal.objective().name, goal.better() == Direction::Higher)),
        best: shown.ranked.iter().map(|ranked| (ranked.index, ranked.value)).collect(),
        left_out,
        notes,
        is_ranked_otherwise: shown.is_otherwise,
        plateau: shown.plateau,
        split: shown.split,
        optimize,
    };
    let metrics = bound.metrics.columns.names().map(str::to_owned).collect();
    let params = ParamsOf::Columns(params_of(&columns, strategy.description()));
    Ok(Ran { columns, params, metrics, facts })
}

/// Where the parameters stand among the columns: before that of success, in their order.
fn params_of(columns: &[Column], plugin: &Description) -> Vec<(String, usize)> {
    let success = columns.iter().position(|column| column.name == "success").unwrap_or(columns.len());
    let first = success.saturating_sub(plugin.parameters.len());
    plugin.parameters.iter().zip(first..).map(|(spec, at)| (spec.name.clone(), at)).collect()
}

fn run_start(asked: &Asked, data: &Dataset, provenance: Provenance, metrics: Selection) -> RunStart {
    // A path that cannot be made absolute stays as it was given.
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    RunStart {
        plugin: asked.plugin.place(),
        data: data.paths.iter().map(|path| whole(path)).collect(),
        detail: data.detail.iter().flat_map(|detail| &detail.paths).map(|path| whole(path)).collect(),
        benchmark: data.benchmark_file().map(whole),
        out: asked.out.as_deref().map(whole),
        ..RunStart::new(COMMAND, provenance, metrics)
    }
}

/// What was wrong with the store.
fn notes_on(used: &StoreUse) -> Vec<String> {
    let StoreUse { lost, twice, problem, notices, checked, .. } = used;
    let mut notes: Vec<String> = notices.iter().map(|notice| format!("in the store, {notice}")).collect();
    if let Some(Checked { checked, differing, .. }) = checked.as_ref().filter(|checked| checked.differing > 0) {
        notes.push(format!(
            "{differing} of {checked} known results were others when they ran again; `host results verify` says more"
        ));
    }
    if *twice > 0 {
        notes.push(format!("another process ran {twice} of the same combinations at the same time"));
    }
    match problem {
        Some(problem) if *lost > 0 => notes.push(format!("{lost} results were not kept in the store: {problem}")),
        Some(problem) => notes.push(format!("the store could not be used for all results: {problem}")),
        None => {}
    }
    notes
}

/// Says on how many days the benchmark of `market` has no new bar.
fn still_days(market: &Market) -> Option<String> {
    let (still, benchmark) = (market.still_days(), market.frame().benchmark()?);
    let name = market.settings().benchmark.as_ref()?.name();
    let days = benchmark.returns().len();
    (still > 0).then(|| format!("benchmark `{name}` has no new bar on {still} of {days} days"))
}

/// The metrics of runs that are not bound to a grid: all of them include those against a benchmark where there is one.
pub(crate) fn metrics_of(request: &SweepRequest) -> Result<Selection, Failure> {
    let asked = request.metrics.unwrap_or_else(Selection::all);
    match (&request.benchmark, asked.first_relative()) {
        (None, Some(name)) => Err(Failure::new(Class::Settings, RequestProblem::NoBenchmark(name).to_string())),
        (Some(_), _) if asked == Selection::all() => Ok(asked.and_those_of(Selection::relative())),
        _ => Ok(asked),
    }
}

/// The `market` of the instrument `symbol` alone, if one is given.
pub(crate) fn alone(market: Market, symbol: Option<&str>) -> Result<Market, Failure> {
    let Some(symbol) = symbol else { return Ok(market) };
    let at = market.dataset().series().iter().position(|series| series.symbol == symbol);
    let missing = || Failure::new(Class::Settings, format!("the data has no instrument `{symbol}`"));
    market.only(at.ok_or_else(missing)?).or_failure(Class::Settings)
}

/// Runs each of `plugins` once, with those of `params` that it has.
pub(crate) fn compare(
    shared: &Shared,
    engine: &ParallelBacktester,
    asked: &Asked,
    (plugins, params): (&[Named], &Params),
    data: &Dataset,
    counts: &Counts,
) -> Result<Results, Failure> {
    let metrics = metrics_of(&asked.request)?;
    let (mut settings, limits) = asked.request.settings(metrics).map_err(|error| Failure::of_request(&error))?;
    data.measure(&mut settings, asked.request.benchmark.as_ref())?;
    let mut strategies = Vec::new();
    for named in plugins {
        let plugin = shared.plugin(engine, named, asked.is_metered())?.under(limits.clone());
        let strategy = asked.request.strategy(plugin.into()).or_failure(Class::Grid)?;
        strategy.mode(settings.mode).or_failure(Class::Plugin)?;
        let description = strategy.description();
        let meant = params.iter().filter(|(name, _)| description.parameter(name).is_ok());
        let mut given = meant.map(|(name, value)| (name.clone(), value.clone())).collect();
        asked.request.exits.add_to(&mut given).or_failure(Class::Grid)?;
        let given = description.resolve(&given).or_failure(Class::Grid)?;
        strategies.push((strategy, given));
    }
    let fits = |name: &str| strategies.iter().any(|(strategy, _)| strategy.description().parameter(name).is_ok());
    if let Some(name) = params.keys().find(|name| !fits(name)) {
        return Err(Failure::new(Class::Grid, format!("parameter `{name}` fits none of the strategies")));
    }
    let market = Arc::new(Market::new(data.bars.clone(), settings).or_failure(Class::Settings)?);
    let records = Records::mixed::<Metrics>(Some(data.bars.fingerprint()), |name| metrics.contains(name)).timed();
    let hashes: Vec<_> =
        strategies.iter().map(|(strategy, _)| strategy.digest().map(|hash| hash.to_string())).collect();
    let total = strategies.len() as u64;
    let mut gathered = Gathered::new(records);
    let start = Instant::now();
    counts.set(0, Some(total));
    engine.compare(&market, strategies, |event| {
        let hash = usize::try_from(event.result.index).ok().and_then(|at| hashes.get(at)).cloned().flatten();
        gathered.add(&event.result, hash.as_deref());
        counts.set(event.done, event.total);
        true
    });
    let names = metrics.names().map(str::to_owned).collect::<Vec<_>>();
    gathered.results(&names, (engine, total), start)
}

/// Runs custom tasks.
pub(crate) fn tasks(
    shared: &Shared,
    engine: &ParallelBacktester,
    asked: &Asked,
    tasks: Vec<ParallelTask>,
    data: &Dataset,
    counts: &Counts,
) -> Result<Results, Failure> {
    let (_, limits) = asked.request.settings(Selection::none()).map_err(|error| Failure::of_request(&error))?;
    let plugin = shared.plugin(engine, &asked.plugin, asked.is_metered())?.under(limits);
    let description = plugin.description().clone();
    if !plugin.exports(Interface::Task) {
        let text = format!("plugin `{}` does not export `{}`; sweep it", description.name, Interface::Task);
        return Err(Failure::new(Class::Plugin, text));
    }
    let records = Records::typed::<String>(&description.parameters, Some(data.bars.fingerprint()), |_| true).timed();
    let prepared = Prepared::<Task>::new(&plugin, data.bars.shared()).or_failure(Class::Plugin)?;
    let (hash, total) = (plugin.digest().to_string(), tasks.len() as u64);
    let mut gathered = Gathered::new(records);
    let start = Instant::now();
    counts.set(0, Some(total));
    engine.run_tasks(&plugin, &prepared, tasks, |event| {
        let encoding = description.output;
        gathered.add(&event.result.map(|answer| readable(&answer, encoding)), Some(&hash));
        counts.set(event.done, event.total);
        true
    });
    gathered.results(&["result".to_owned()], (engine, total), start)
}

/// The answer as text: JSON as it is, anything else in hexadecimal.
fn readable(answer: &[u8], encoding: Encoding) -> String {
    match encoding {
        Encoding::Json => String::from_utf8_lossy(answer).into_owned(),
        Encoding::Binary => answer.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Results that are few, one by one.
struct Gathered {
    records: Records,
    block: Block,
    params: Vec<Params>,
    tally: Tally,
}

impl Gathered {
    fn new(records: Records) -> Self {
        Self { block: Block::new(records.columns()), records, params: Vec::new(), tally: Tally::default() }
    }

    fn add<R: Values>(&mut self, result: &ParallelResult<R>, hash: Option<&str>) {
        self.tally.record(result);
        self.block.push(&self.records.row(result, hash));
        self.params.push(result.params.clone());
    }

    fn results(
        self,
        values: &[String],
        (engine, total): (&ParallelBacktester, u64),
        start: Instant,
    ) -> Result<Results, Failure> {
        let Self { records, block, params, tally } = self;
        let columns = records.columns().to_vec();
        let mut batcher = Batcher::new(&columns);
        let batches = batcher.add(block)?.into_iter().chain(batcher.take()?).collect();
        let interrupted = engine.stop_handle().is_stopped() && tally.total() < total;
        let (seconds, failed, total) = (start.elapsed().as_secs_f64(), tally.failed(), Some(total));
        let facts = Facts { interrupted, seconds, total, failed, ..Facts::default() };
        Ok(Results::new(&columns, values, ParamsOf::Rows(params), batches, facts))
    }
}

/// Parameters as JSON, by name.
pub(crate) fn given_params(text: Option<&str>) -> Result<Params, Failure> {
    let refused =
        |error: serde_json::Error| Failure::new(Class::Grid, format!("the parameters are not an object: {error}"));
    text.map_or_else(|| Ok(Params::new()), |text| serde_json::from_str(text).map_err(refused))
}

/// Tasks as JSON, whose names must differ.
pub(crate) fn given_tasks(text: &str) -> Result<Vec<ParallelTask>, Failure> {
    let refused =
        |error: serde_json::Error| Failure::new(Class::Grid, format!("the tasks are not a list of them: {error}"));
    let tasks: Vec<ParallelTask> = serde_json::from_str(text).map_err(refused)?;
    let mut seen = HashSet::new();
    if let Some(task) = tasks.iter().find(|task| !seen.insert(task.task_id.as_str())) {
        let text = format!("the tasks have the task_id `{}` twice; each task needs one of its own", task.task_id);
        return Err(Failure::new(Class::Grid, text));
    }
    Ok(tasks)
}

/// What a plugin says of itself.
pub(crate) fn description<'py>(py: Python<'py>, plugin: &Plugin) -> PyResult<Bound<'py, PyDict>> {
    let Description { name, version, summary, parameters, output } = plugin.description();
    let found = PyDict::new(py);
    found.set_item("name", name)?;
    found.set_item("version", version)?;
    found.set_item("summary", summary)?;
    found.set_item("hash", plugin.digest().to_string())?;
    found.set_item("output", if *output == Encoding::Json { "json" } else { "binary" })?;
    let exports =
        [Interface::Signals, Interface::Events, Interface::Task].into_iter().filter(|one| plugin.exports(*one));
    found.set_item("exports", exports.map(|one| one.to_string()).collect::<Vec<_>>())?;
    let of_value = |value: &Value| -> PyResult<Py<PyAny>> {
        use pyo3::IntoPyObjectExt as _;
        match value {
            Value::Boolean(value) => value.into_py_any(py),
            Value::Integer(value) => value.into_py_any(py),
            Value::Number(value) => value.into_py_any(py),
            Value::Text(value) => value.into_py_any(py),
        }
    };
    let defaults = PyDict::new(py);
    for spec in parameters {
        defaults.set_item(&spec.name, of_value(&spec.default)?)?;
    }
    found.set_item("parameters", defaults)?;
    Ok(found)
}
