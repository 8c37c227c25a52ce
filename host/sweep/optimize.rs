//! An optimisation: combinations of a plan that a search asks for, generation by generation, run as sweeps are.
//!
//! Never chooses a combination: [`Search`] does.

use serde::Serialize;

use super::{
    elsewhere::{Elsewhere, SweepOn},
    grid::{Lattice, Plan},
    jobs::{Batching, SweepNews, SweepProgress},
    parallel::ParallelBacktester,
    scope::{Part, Scope},
    search_spec::{Objective, Objectives, Optimization},
    standings::{Goal, RankedResult},
    stored::StoredCells,
};
use crate::{
    backtest::SetupError,
    metrics::{Direction, Metrics},
    model::Params,
    optimize::{Axis, Batch, End, Outcome, Search, SearchError, Settings, Share, Space, SpaceError},
    results::{Cell, Ranked},
    task::{ParallelResult, SweepBatch},
};

/// Why combinations cannot be searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizeError {
    /// The grid has too many combinations.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The settings do not go together.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A share of the data cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The data has too few bars for shares of them.
    #[error(
        "{bars} bars are too few to run combinations on a ninth of them first; give more, or another method than `halving`"
    )]
    TooFewBars {
        /// Bars of the period.
        bars: usize,
    },
}

/// What came of a search.
#[derive(Debug)]
pub struct Optimized {
    how: Optimization,
    lattice: Lattice,
    search: Search,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Failed trials, on all shares together.
    pub failed: u64,
}

impl Optimized {
    /// Trials, on all shares of the data together.
    pub fn trials(&self) -> u64 {
        self.search.spent()
    }

    /// What they cost, in runs on all bars.
    pub fn cost(&self) -> f64 {
        self.search.cost()
    }

    /// Why the search ended; `None` if it was stopped.
    pub fn end(&self) -> Option<End> {
        self.search.end()
    }

    /// The combinations that no other one dominates, by their indices in the plan, with their values of the objectives.
    pub fn front(&self) -> Vec<(u64, Vec<f64>)> {
        let objectives = self.how.objectives.all();
        let turned = |values: Vec<f64>| {
            objectives.iter().zip(values).map(|(objective, value)| objective.turned(value)).collect()
        };
        let all = self.search.front().into_iter();
        all.map(|(number, values)| (self.lattice.index(number), turned(values))).collect()
    }

    /// What came of it, for combinations of `plan`.
    pub fn report(&self, plan: &Plan) -> OptimizationReport {
        let point = |(index, values): (u64, Vec<f64>)| {
            let params = plan.params(index).unwrap_or_default();
            let values = values.into_iter().map(Cell::Number).collect();
            FrontPoint { task_id: plan.task_id(&params), params, values }
        };
        OptimizationReport {
            how: self.how.clone(),
            trials_done: self.trials(),
            cost: self.cost(),
            failed: self.failed,
            ended: match self.end() {
                Some(End::Spent) => "spent",
                Some(End::Exhausted) => "exhausted",
                Some(End::TooRare) => "too-rare",
                None => "interrupted",
            },
            front: self.front().into_iter().map(point).collect(),
        }
    }
}

/// What came of a search, as reports have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptimizationReport {
    /// How combinations were searched.
    #[serde(flatten)]
    pub how: Optimization,
    /// Trials, on all shares of the data together.
    pub trials_done: u64,
    /// What they cost, in runs on all bars.
    pub cost: f64,
    /// Failed trials.
    pub failed: u64,
    /// Why it ended: `spent`, `exhausted`, `too-rare` or `interrupted`.
    pub ended: &'static str,
    /// The combinations that no other one beats in all objectives.
    pub front: Vec<FrontPoint>,
}

/// A combination that no other one beats in all objectives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontPoint {
    /// Its name.
    pub task_id: String,
    /// Its parameters.
    pub params: Params,
    /// Its values of the objectives, in their order.
    pub values: Vec<Cell<'static>>,
}

/// What workers make of results: what `batching` does, if they are wanted, and their values of the objectives.
struct WithOutcomes<'a, B> {
    batching: Option<&'a B>,
    objectives: &'a Objectives,
    /// The conditions on results, where they count.
    goal: Option<&'a Goal>,
}

impl<B> WithOutcomes<'_, B> {
    /// The values of the objectives; `None` if it has failed, one is undefined, or the conditions are not met.
    fn outcome(&self, result: &ParallelResult<Metrics>) -> Outcome {
        let metrics = result.result.as_ref()?;
        let is_met = self.goal.is_none_or(|goal| goal.is_met(metrics, &result.params));
        let value = |objective: &Objective| Some(objective.turned(metrics.get(objective.metric.name).flatten()?));
        if is_met { self.objectives.all().iter().map(value).collect() } else { None }
    }
}

impl<B: Batching> Batching for WithOutcomes<'_, B> {
    type Batch = (Option<B::Batch>, Vec<(u64, Outcome)>);

    fn batch(&self, results: Vec<ParallelResult<Metrics>>) -> Self::Batch {
        let outcomes = results.iter().map(|result| (result.index, self.outcome(result))).collect();
        (self.batching.map(|batching| batching.batch(results)), outcomes)
    }

    fn help(&self) {
        if let Some(batching) = self.batching {
            batching.help();
        }
    }
}

/// A search that is under way.
struct Run<'a, B, N> {
    backtester: &'a ParallelBacktester,
    plan: &'a Plan,
    lattice: Lattice,
    goal: &'a Goal,
    objectives: &'a Objectives,
    batching: &'a B,
    news: N,
    done: u64,
    failed: u64,
    trials: u64,
}

impl ParallelBacktester {
    /// Searches the plan of `sweep` as `how` says, on all bars of its period and, where the method wants it, on the first ninth and the
    /// first third of them; `stored` are the cells on all bars. `news` hears how many trials are done and what `batching` makes of
    /// results on all bars, in the order of the search, and returns whether to go on. On shares of the bars conditions on results
    /// do not count.
    ///
    /// The same seed, plan and data give the same trials on any number of workers, whether results are known or not.
    ///
    /// # Errors
    ///
    /// Returns an error if the settings do not go together, the grid is too large, or a share of the data cannot be set up.
    pub fn optimize<B: Batching>(
        &self,
        how: &Optimization,
        (sweep, stored): (SweepOn<'_>, Option<&StoredCells>),
        batching: &B,
        news: impl FnMut(SweepNews<B::Batch>) -> bool,
    ) -> Result<Optimized, OptimizeError> {
        let plan = &sweep.bound.plan;
        let lattice = plan.lattice();
        let axes = lattice.digits().map(|(len, ordered)| Axis { len, ordered }).collect();
        let settings = Settings {
            method: how.method,
            trials: how.trials,
            objectives: how.objectives.all().len(),
            generation: how.generation,
            seed: how.seed,
        };
        let mut search = Search::new(Space::new(axes)?, &settings)?;
        let numbers = lattice.clone();
        let allowed = |number: u64| plan.allows(numbers.index(number));
        let (backtester, goal, objectives, trials) = (self, &sweep.bound.goal, &how.objectives, how.trials);
        let mut run = Run { backtester, plan, lattice, goal, objectives, batching, news, done: 0, failed: 0, trials };
        let mut shares: [Option<Elsewhere>; 2] = [None, None];
        let mut interrupted = false;
        while let Some(batch) = search.ask(&allowed) {
            let outcomes = match batch.share {
                Share::All => run.evaluate(&batch, (sweep.scope, stored)),
                Share::Ninth | Share::Third => {
                    let place = &mut shares[usize::from(batch.share == Share::Third)];
                    let on = match place {
                        Some(on) => on,
                        None => place.insert(sweep.first_bars(batch.share)?),
                    };
                    run.evaluate(&batch, (&on.scope, on.stored.as_ref()))
                }
            };
            let Some(outcomes) = outcomes else {
                interrupted = true;
                break;
            };
            search.tell(&outcomes)?;
        }
        shares.iter().flatten().filter_map(|on| on.stored.as_ref()).for_each(|stored| _ = stored.finish());
        let Run { lattice, failed, .. } = run;
        Ok(Optimized { how: how.clone(), lattice, search, interrupted, failed })
    }

    /// The front of `found`, by the first objective, the best first, at most `most` of it: each combination run once more for all
    /// its metrics.
    pub fn run_front(&self, found: &Optimized, (plan, scope): (&Plan, &Scope), most: usize) -> Vec<RankedResult> {
        let all = found.front().into_iter();
        let mut front: Vec<_> = all.filter_map(|(index, values)| Some((index, *values.first()?))).collect();
        let is_lower = found.how.objectives.first().better == Direction::Lower;
        front.sort_by(|one, other| {
            let order = other.1.total_cmp(&one.1);
            (if is_lower { order.reverse() } else { order }).then(one.0.cmp(&other.0))
        });
        front.truncate(most);
        let indices: Vec<_> = front.iter().map(|(index, _)| *index).collect();
        let rows = front.into_iter().zip(self.run_chosen(scope, plan, &indices, None));
        rows.filter_map(|((index, value), row)| Some(Ranked { value, index, row: row? })).collect()
    }
}

impl SweepOn<'_> {
    /// The first bars, as many as `share` says, and the cells on them, which count as trials on all bars.
    fn first_bars(&self, share: Share) -> Result<Elsewhere, OptimizeError> {
        let market = self.scope.market();
        let bars = market.timeline().len();
        let first = (bars as u64 * share.ninths() / 9) as usize;
        let period = market.part(0..first).ok_or(OptimizeError::TooFewBars { bars })?;
        let Elsewhere { scope, stored } = self.elsewhere(period)?;
        scope.prepare()?;
        Ok(Elsewhere { stored: stored.map(|cells| cells.counting_on(market)), scope })
    }
}

impl<B: Batching, N: FnMut(SweepNews<B::Batch>) -> bool> Run<'_, B, N> {
    /// The outcomes of a batch, in the order of its cells; `None` if not all of them ran. Results on all bars are told.
    fn evaluate(&mut self, batch: &Batch, (scope, stored): (&Scope, Option<&StoredCells>)) -> Option<Vec<Outcome>> {
        let mut places: Vec<_> =
            batch.cells.iter().enumerate().map(|(place, number)| (self.lattice.index(*number), place)).collect();
        places.sort_unstable();
        let plan = self.plan.only(places.iter().map(|(index, _)| *index).collect());
        let is_on_all = batch.share == Share::All;
        let (batching, goal) = (is_on_all.then_some(self.batching), is_on_all.then_some(self.goal));
        let batching = WithOutcomes { batching, objectives: self.objectives, goal };
        let mut outcomes = vec![None; places.len()];
        let (mut known, mut goes_on, before, total) = (0, true, (self.done, self.failed), Some(self.trials));
        let part = Part::all().stored(stored);
        self.backtester.sweep_watched(scope, &plan, part, &batching, |news| {
            goes_on &= match news {
                SweepNews::Results(SweepBatch { done, failed, results: (batch, found), .. }) => {
                    for (index, outcome) in found {
                        if let Ok(at) = places.binary_search_by_key(&index, |(index, _)| *index) {
                            outcomes[places[at].1] = outcome;
                            known += 1;
                        }
                    }
                    let (done, failed) = (before.0 + done, before.1 + failed);
                    let told = |results| (self.news)(SweepNews::Results(SweepBatch { done, total, failed, results }));
                    batch.is_none_or(told)
                }
                SweepNews::Progress(SweepProgress { finished, failed, .. }) => {
                    (self.done, self.failed) = (before.0 + finished, before.1 + failed);
                    (self.news)(SweepNews::Progress(SweepProgress { finished: self.done, total, failed: self.failed }))
                }
            };
            goes_on
        });
        (goes_on && known == places.len()).then_some(outcomes)
    }
}
