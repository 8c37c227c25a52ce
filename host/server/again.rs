//! A sweep that has ended, set up once more: for folds that run anew, for one of its combinations, and for its report.
//!
//! Never chooses a combination.

use std::sync::Arc;

use super::{api::Sweep, jobs::Jobs};
use crate::{
    backtest::{Backtest, Market, Settings, SetupError, Strategy, WorkerState},
    data::Dataset,
    evidence::TrustRequest,
    metrics::Selection,
    model::{ParamError, Params},
    report::{OtherReturns, Ran as RanReport, Report},
    results::{ReadError, ResultsFile, ReturnsError, ReturnsFile},
    sweep::{
        Instruments, ParallelBacktester, PastError, PastResults, ProvenanceError, RequestError, RequestFile,
        with_causes,
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
        "the build that sweep {0} ran on serves no more, or it runs on other data now; start the sweep again by `POST /sweeps`"
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

/// The report of `sweep`: its results, the verdict where its returns were kept, and its best combination, if its build still
/// serves.
pub(super) fn report(sweep: &Sweep, jobs: &Jobs, backtester: &ParallelBacktester) -> Result<String, NotAgain> {
    let (id, path) = (sweep.id, jobs.store().results(sweep.id));
    if !path.exists() {
        return Err(NotAgain::NoResults(id));
    }
    let RequestFile::Provenance(of) = RequestFile::load(&path)? else { return Err(NotAgain::NoResults(id)) };
    let (file, goal) = (ResultsFile::open(&path)?, of.request.goal(&of.description())?);
    let best = sweep.best.as_ref().map(|best| &*best.task_id);
    let chosen = best.map(|task| PastResults::open(&path)?.of_task(task, &of.description())).transpose()?;
    let command = format!("host backtest --again sweep-{id}.parquet");
    let mut report = Report::of_results(&file, (&of, &goal), chosen.as_ref(), command)?;
    report.receive("sweep", format!("{id}, generation {} of the plugin", sweep.generation));
    report.add_look_ahead(jobs.results(), (&sweep.plugin, of.plugin_hash), of.data_hash);
    let returns = jobs.store().returns(id);
    if returns.exists() {
        let asked = TrustRequest { draws: DRAWS, ..TrustRequest::default() };
        let (file, stop) = (ReturnsFile::open(&returns)?, backtester.stop_handle());
        report.add_evidence(&file, &of, (&asked, jobs.results(), &stop))?;
    }
    if chosen.is_some() {
        let run = Ran::of(sweep, jobs).and_then(|ran| ran.combination(sweep, None, jobs));
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
        let (id, path) = (sweep.id, jobs.store().results(sweep.id));
        if !path.exists() {
            return Err(NotAgain::NoResults(id));
        }
        let ran = RequestFile::load(&path)?;
        let request = ran.request();
        if request.scope == Instruments::EachSymbol {
            return Err(NotAgain::EachSymbol(id));
        }
        let plugins = jobs.registry().plugins();
        let serving = plugins.iter().filter(|listing| listing.name == sweep.plugin).find_map(|one| one.version.clone());
        let version = serving.filter(|version| version.digest().to_string() == sweep.plugin_hash);
        let market = jobs.markets().iter().find(|(name, _)| *name == sweep.data);
        let ((_, market), version) = market.zip(version).ok_or(NotAgain::Replaced(id))?;
        let (settings, _) = request.settings(Selection::all())?;
        let limits = request.limits.over(jobs.limits()).map_err(|_| NotAgain::Replaced(id))?;
        let dataset = market.dataset().clone();
        let ended = Market::new(dataset.clone(), settings)?;
        if ended.dataset().fingerprint().to_string() != sweep.data_hash {
            return Err(NotAgain::Replaced(id));
        }
        Ok(Self { strategy: version.plugin().under(limits).into(), dataset, settings })
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
        let past = PastResults::open(&jobs.store().results(id))?;
        let plugin = self.strategy.description();
        let row = past.of_task(task, plugin).map_err(|error| match error {
            PastError::NoTask { .. } => NotAgain::NoTask { id, task: task.to_owned() },
            error => error.into(),
        })?;
        if row.failure.is_some() {
            return Err(NotAgain::Failed(row.task_id));
        }
        let params = plugin.resolve(&row.params)?;
        let market = Arc::new(Market::new(self.dataset, self.settings)?);
        Ok((Backtest::new(market, self.strategy)?, params))
    }
}
