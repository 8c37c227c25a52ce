//! A sweep that has ended, set up once more: for folds that run anew, and for one of its combinations.
//!
//! Never runs anything.

use std::sync::Arc;

use super::{api::Sweep, jobs::Jobs};
use crate::{
    backtest::{Backtest, Market, Settings, SetupError, Strategy},
    data::Dataset,
    metrics::Selection,
    model::{ParamError, Params},
    sweep::{Instruments, PastError, PastResults, ProvenanceError, RequestError, RequestFile},
};

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
