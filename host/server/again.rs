//! A sweep that has ended, set up once more: for folds that run anew, for one of its combinations, and for its reports.
//!
//! Never chooses a combination.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{api::Sweep, jobs::Jobs};
use crate::{
    backtest::{Backtest, Market, Settings, SetupError, Strategy, WorkerState},
    data::Dataset,
    evidence::TrustRequest,
    metrics::Selection,
    model::{Description, ParamError, Params},
    report::{OtherReturns, Ran as RanReport, Report, shell_word},
    results::{ReadError, ResultsFile, ReturnsError, ReturnsFile},
    sweep::{
        BenchmarkFacts, ParallelBacktester, PastError, PastResult, PastResults, Provenance, ProvenanceError,
        RequestError, RequestFile, with_causes,
    },
    task::TaskError,
};

/// Bootstrap draws of the verdict in a report, which somebody waits for.
const DRAWS: usize = 2_000;

/// Why a sweep cannot be set up once more.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAgain {
    #[error("sweep {0} has no results on the disk")]
    NoResults(u64),
    #[error(
        "the build that sweep {0} ran on serves no more, or its data or its benchmark are others now; start the sweep again"
    )]
    Replaced(u64),
    #[error("sweep {0} ran on each symbol alone; this takes one of all symbols together, or of one symbol's data")]
    EachSymbol(u64),
    #[error("sweep {0} ranks no combination; name one with `task_id`")]
    NoBest(u64),
    #[error("sweep {id} has no combination `{task}`; give a `task_id` of its results")]
    NoTask { id: u64, task: String },
    #[error("combination `{0}` has failed; name another one with `task_id`")]
    Failed(String),
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    #[error(transparent)]
    Past(#[from] PastError),
    #[error(transparent)]
    Params(#[from] ParamError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Results(#[from] ReadError),
    #[error(transparent)]
    Returns(#[from] ReturnsError),
    #[error(transparent)]
    OtherReturns(#[from] OtherReturns),
    #[error(transparent)]
    Run(#[from] TaskError),
}

/// The combinations of `sweep` as a report has them, with `task` as the chosen one, else the best one.
pub(super) fn cells(sweep: &Sweep, task: Option<&str>, jobs: &Jobs) -> Result<Report, NotAgain> {
    begun(sweep, task, jobs).map(|(report, _)| report)
}

/// A report of the results of `sweep`, and what they say of their sweep.
fn begun(sweep: &Sweep, task: Option<&str>, jobs: &Jobs) -> Result<(Report, Box<Provenance>), NotAgain> {
    let path = results_of(sweep, jobs)?;
    let RequestFile::Provenance(of) = RequestFile::load(&path)? else { return Err(NotAgain::NoResults(sweep.id)) };
    let (file, goal) = (ResultsFile::open(&path)?, of.request.goal(&of.description())?);
    let task = task.or_else(|| sweep.best.as_ref().map(|best| &*best.task_id));
    let chosen = task.map(|task| row(sweep.id, &path, task, &of.description())).transpose()?;
    let mut report = Report::of_results(&file, (&of, &goal), chosen.as_ref(), command(sweep))?;
    report.receive("sweep", format!("{}, generation {} of the plugin", sweep.id, sweep.generation));
    report.add_look_ahead(jobs.results(), (&sweep.plugin, of.plugin_hash), of.data_hash);
    Ok((report, of))
}

/// What runs a combination again where the results are called as the page calls them.
fn command(sweep: &Sweep) -> String {
    format!("host backtest --again sweep-{}.parquet", sweep.id)
}

fn results_of(sweep: &Sweep, jobs: &Jobs) -> Result<PathBuf, NotAgain> {
    let path = jobs.store().results(sweep.id);
    if path.exists() { Ok(path) } else { Err(NotAgain::NoResults(sweep.id)) }
}

/// The row of `task` in the results at `path`.
fn row(id: u64, path: &Path, task: &str, plugin: &Description) -> Result<PastResult, NotAgain> {
    PastResults::open(path)?.of_task(task, plugin).map_err(|error| match error {
        PastError::NoTask { .. } => NotAgain::NoTask { id, task: task.to_owned() },
        error => error.into(),
    })
}

/// One combination of `sweep` run again: `task`, else the best one.
pub(super) fn run(sweep: &Sweep, task: Option<&str>, jobs: &Jobs) -> Result<Report, NotAgain> {
    let task = task.or_else(|| sweep.best.as_ref().map(|best| &*best.task_id)).ok_or(NotAgain::NoBest(sweep.id))?;
    let (backtest, params) = Ran::of(sweep, jobs)?.combination(sweep, Some(task), jobs)?;
    let mut state = WorkerState::with_orders();
    let metrics = backtest.run(&mut state, &params).outcome?;
    let ran = RanReport { market: backtest.market(), ledger: state.ledger(), metrics: &metrics };
    let mut report = Report::of_run((backtest.strategy(), &sweep.data, &sweep.request.account), &params, ran);
    report.set_command(command(sweep));
    report.receive("run it again", format!("{} --task {}", command(sweep), shell_word(task)));
    report.receive("sweep", format!("{}, generation {} of the plugin", sweep.id, sweep.generation));
    let bars = backtest.market().dataset().fingerprint();
    report.add_look_ahead(jobs.results(), (&sweep.plugin, backtest.strategy().digest()), bars);
    Ok(report)
}

/// The report of `sweep`: its results, the verdict where its returns were kept, and the combination `task`, else its best one, if
/// its build still serves.
pub(super) fn report(
    sweep: &Sweep,
    task: Option<&str>,
    jobs: &Jobs,
    backtester: &ParallelBacktester,
) -> Result<String, NotAgain> {
    let (mut report, of) = begun(sweep, task, jobs)?;
    let returns = jobs.store().returns(sweep.id);
    if returns.exists() {
        let asked = TrustRequest { draws: DRAWS, ..TrustRequest::default() };
        let (file, stop) = (ReturnsFile::open(&returns)?, backtester.stop_handle());
        report.add_evidence(&file, &of, (&asked, jobs.results(), &stop))?;
    }
    if task.is_some() || sweep.best.is_some() {
        let run = Ran::of(sweep, jobs).and_then(|ran| ran.combination(sweep, task, jobs));
        if let Err(why) = run.and_then(|(backtest, params)| add_run(&mut report, &backtest, &params)) {
            report.note(format!("The combination could not run again: {}.", with_causes(&why)));
        }
    }
    Ok(report.html())
}

fn add_run(report: &mut Report, backtest: &Backtest, params: &Params) -> Result<(), NotAgain> {
    let mut state = WorkerState::with_orders();
    let metrics = backtest.run(&mut state, params).outcome?;
    report.add_run(RanReport { market: backtest.market(), ledger: state.ledger(), metrics: &metrics });
    Ok(())
}

/// A sweep that has ended, as it ran.
pub(super) struct Ran {
    pub(super) strategy: Strategy,
    pub(super) dataset: Dataset,
    pub(super) settings: Settings,
}

impl Ran {
    /// That of `sweep`, if its build still serves and its data are there.
    pub(super) fn of(sweep: &Sweep, jobs: &Jobs) -> Result<Self, NotAgain> {
        let id = sweep.id;
        let ran = RequestFile::load(&results_of(sweep, jobs)?)?;
        let request = ran.request();
        let plugins = jobs.registry().plugins();
        let serving = plugins.iter().filter(|listing| listing.name == sweep.plugin).find_map(|one| one.version.clone());
        let version = serving.filter(|version| version.digest().to_string() == sweep.plugin_hash);
        let market = jobs.markets().iter().find(|(name, _)| *name == sweep.data);
        let ((_, market), version) = market.zip(version).ok_or(NotAgain::Replaced(id))?;
        let market = jobs.with_detail(Arc::clone(market), request.detail.as_deref());
        let market = &market.map_err(|_| NotAgain::Replaced(id))?;
        let (mut settings, _) = request.settings(Selection::all())?;
        settings.benchmark = jobs.benchmark(request.benchmark.as_ref(), market).map_err(|_| NotAgain::Replaced(id))?;
        let limits = request.limits.over(jobs.limits()).map_err(|_| NotAgain::Replaced(id))?;
        let dataset = market.dataset().clone();
        let ended = Market::new(dataset.clone(), settings.clone())?;
        let then =
            if let RequestFile::Provenance(of) = &ran { of.benchmark.as_ref().map(|facts| facts.hash) } else { None };
        let is_measured_alike = then == BenchmarkFacts::of(&ended).map(|facts| facts.hash);
        if ended.dataset().fingerprint().to_string() != sweep.data_hash || !is_measured_alike {
            return Err(NotAgain::Replaced(id));
        }
        Ok(Self { strategy: request.strategy(version.plugin().under(limits).into())?, dataset, settings })
    }

    /// The combination `task` of `sweep`, else its best one, ready to run.
    pub(super) fn combination(
        self,
        sweep: &Sweep,
        task: Option<&str>,
        jobs: &Jobs,
    ) -> Result<(Backtest, Params), NotAgain> {
        let id = sweep.id;
        let task = task.or_else(|| sweep.best.as_ref().map(|best| &*best.task_id)).ok_or(NotAgain::NoBest(id))?;
        let plugin = self.strategy.description();
        let row = row(id, &results_of(sweep, jobs)?, task, plugin)?;
        if row.failure.is_some() {
            return Err(NotAgain::Failed(row.task_id));
        }
        let params = plugin.resolve(&row.params)?;
        let market = Market::new(self.dataset, self.settings)?;
        // The data are those of the sweep, so that the symbol is one of theirs.
        let alone = row.symbol.and_then(|symbol| market.series().iter().position(|series| series.symbol == symbol));
        let market = if let Some(at) = alone { market.only(at)? } else { market };
        Ok((Backtest::new(Arc::new(market), self.strategy)?, params))
    }
}
