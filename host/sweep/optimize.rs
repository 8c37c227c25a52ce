//! An optimisation: combinations of a plan that a search asks for, generation by generation, run as sweeps are.
//!
//! Never chooses a combination: [`Search`] does.

use std::{str::FromStr, sync::Arc};

use serde::{Serialize, Serializer};

use super::{
    grid::{Lattice, Plan},
    jobs::{Batching, SweepNews, SweepProgress},
    parallel::ParallelBacktester,
    recorder::{Recorded, Recorder, Recording},
    scope::{Part, Scope},
    standings::{Goal, GoalError, objective},
    stored::StoredCells,
};
use crate::{
    backtest::SetupError,
    metrics::{Direction, MetricInfo, Metrics},
    optimize::{Axis, Batch, End, Method, Outcome, Search, SearchError, Settings, Share, Space, SpaceError},
    task::ParallelResult,
};

/// The name of what a file of results says of the search that it is of.
pub const SEARCH: &str = "host.optimize";

/// A metric to optimise, and which of its values are better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The metric.
    pub metric: &'static MetricInfo,
    /// Which of its values are better.
    pub better: Direction,
}

/// The metrics to optimise, the first one first. Written `sharpe`, or `sharpe,max_drawdown`; each in its own direction, which
/// `name:min` and `name:max` set.
#[derive(Debug, Clone, PartialEq)]
pub struct Objectives(Vec<Objective>);

impl Objectives {
    /// All of them, at least one.
    pub fn all(&self) -> &[Objective] {
        &self.0
    }
}

/// Why a text is not a list of objectives.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// A metric cannot be optimised.
    #[error(transparent)]
    Goal(#[from] GoalError),
    /// A direction is not one.
    #[error("`{0}` is not a direction; write `NAME:max` or `NAME:min`")]
    Direction(String),
    /// A metric is there twice.
    #[error("`{0}` is an objective twice; name it once")]
    Twice(&'static str),
}

impl FromStr for Objectives {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let mut all: Vec<Objective> = Vec::new();
        for part in text.split(',') {
            let (name, direction) = match part.split_once(':') {
                None => (part, None),
                Some((name, "max")) => (name, Some(Direction::Higher)),
                Some((name, "min")) => (name, Some(Direction::Lower)),
                Some((_, other)) => return Err(ObjectiveError::Direction(other.to_owned())),
            };
            let (metric, better) = objective(name.trim(), direction)?;
            if all.iter().any(|known| known.metric.name == metric.name) {
                return Err(ObjectiveError::Twice(metric.name));
            }
            all.push(Objective { metric, better });
        }
        Ok(Self(all))
    }
}

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let direction = if self.better == Direction::Higher { "max" } else { "min" };
        serializer.collect_str(&format_args!("{}:{direction}", self.metric.name))
    }
}

impl Objective {
    /// The value of `metrics` as one of which a higher one is better, and back.
    pub fn turned(&self, value: f64) -> f64 {
        if self.better == Direction::Higher { value } else { -value }
    }
}

/// How combinations are searched.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimization {
    /// How the next combinations are chosen.
    pub method: Method,
    /// Evaluations; a combination counts once for each share of the data that it runs on.
    pub trials: u64,
    /// Combinations that are run together; `None` leaves it to the method.
    pub generation: Option<usize>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// What is optimised.
    pub objectives: Objectives,
}

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
    #[error("{bars} bars are too few to run combinations on a ninth of them first; give more, or another `--method`")]
    TooFewBars {
        /// Bars of the period.
        bars: usize,
    },
}

/// The data of a share, and the store's cells on it.
#[derive(Debug)]
pub struct OnShare {
    /// The bars.
    pub scope: Scope,
    /// The cells.
    pub stored: Option<StoredCells>,
}

/// Makes the data of a share of all bars.
pub type MakeShare<'a> = &'a mut dyn FnMut(Share) -> Result<OnShare, OptimizeError>;

/// Hears how many trials are done, and how many of them have failed.
pub type Listener<'a> = &'a mut dyn FnMut(SweepProgress, &Recorder);

/// What came of a search.
#[derive(Debug)]
pub struct Optimized {
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
    pub fn front(&self, objectives: &Objectives) -> Vec<(u64, Vec<f64>)> {
        let turned = |values: Vec<f64>| {
            objectives.0.iter().zip(values).map(|(objective, value)| objective.turned(value)).collect()
        };
        let all = self.search.front().into_iter();
        all.map(|(number, values)| (self.lattice.index(number), turned(values))).collect()
    }
}

/// What workers make of results: what [`Recording`] does, if they are recorded, and their values of the objectives.
struct WithOutcomes<'a> {
    recording: Option<Arc<Recording>>,
    objectives: &'a Objectives,
    /// The conditions on results, where they count.
    goal: Option<&'a Goal>,
}

impl WithOutcomes<'_> {
    /// The values of the objectives; `None` if it has failed, one is undefined, or the conditions are not met.
    fn outcome(&self, result: &ParallelResult<Metrics>) -> Outcome {
        let metrics = result.result.as_ref()?;
        let is_met = self.goal.is_none_or(|goal| goal.is_met(metrics, &result.params));
        let value = |objective: &Objective| Some(objective.turned(metrics.get(objective.metric.name).flatten()?));
        if is_met { self.objectives.0.iter().map(value).collect() } else { None }
    }
}

impl Batching for WithOutcomes<'_> {
    type Batch = (Option<Recorded>, Vec<(u64, Outcome)>);

    fn batch(&self, results: Vec<ParallelResult<Metrics>>) -> Self::Batch {
        let outcomes = results.iter().map(|result| (result.index, self.outcome(result))).collect();
        (self.recording.as_ref().map(|recording| recording.record(&results)), outcomes)
    }

    fn help(&self) {
        if let Some(recording) = &self.recording {
            recording.help();
        }
    }
}

/// A search that is under way.
struct Run<'a> {
    backtester: &'a ParallelBacktester,
    plan: &'a Plan,
    lattice: Lattice,
    goal: &'a Goal,
    objectives: &'a Objectives,
    done: u64,
    failed: u64,
    trials: u64,
}

impl ParallelBacktester {
    /// Searches `plan` as `how` says, on all bars of `whole` and, where the method wants it, on the shares of them that `share`
    /// makes. Results on all bars go to `recorder`, in the order of the search; those that do not meet the conditions of `goal` are
    /// failures there. On shares of the bars conditions do not count.
    ///
    /// The same seed, plan and data give the same trials on any number of workers, whether results are known or not.
    ///
    /// # Errors
    ///
    /// Returns an error if the settings do not go together, the grid is too large, or a share of the data cannot be set up.
    pub fn optimize(
        &self,
        how: &Optimization,
        (plan, goal): (&Plan, &Goal),
        (scope, stored): (&Scope, Option<&StoredCells>),
        (recorder, share, listener): (&mut Recorder, MakeShare<'_>, Listener<'_>),
    ) -> Result<Optimized, OptimizeError> {
        let lattice = plan.lattice();
        let axes = lattice.digits().map(|(len, ordered)| Axis { len, ordered }).collect();
        let settings = Settings {
            method: how.method,
            trials: how.trials,
            objectives: how.objectives.0.len(),
            generation: how.generation,
            seed: how.seed,
        };
        let mut search = Search::new(Space::new(axes)?, &settings)?;
        let numbers = lattice.clone();
        let allowed = |number: u64| plan.allows(numbers.index(number));
        let (backtester, objectives, trials) = (self, &how.objectives, how.trials);
        let mut run = Run { backtester, plan, lattice, goal, objectives, done: 0, failed: 0, trials };
        let mut shares: [Option<OnShare>; 2] = [None, None];
        let mut interrupted = false;
        while let Some(batch) = search.ask(&allowed) {
            let outcomes = match batch.share {
                Share::All => run.evaluate(&batch, (scope, stored), Some(&mut *recorder), listener),
                Share::Ninth | Share::Third => {
                    let place = &mut shares[usize::from(batch.share == Share::Third)];
                    let on = match place {
                        Some(on) => on,
                        None => place.insert(share(batch.share)?),
                    };
                    run.evaluate(&batch, (&on.scope, on.stored.as_ref()), None, listener)
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
        Ok(Optimized { lattice, search, interrupted, failed })
    }
}

impl Run<'_> {
    /// The outcomes of a batch, in the order of its cells; `None` if not all of them ran.
    fn evaluate(
        &mut self,
        batch: &Batch,
        (scope, stored): (&Scope, Option<&StoredCells>),
        mut recorder: Option<&mut Recorder>,
        listener: Listener<'_>,
    ) -> Option<Vec<Outcome>> {
        let mut places: Vec<_> =
            batch.cells.iter().enumerate().map(|(place, number)| (self.lattice.index(*number), place)).collect();
        places.sort_unstable();
        let plan = self.plan.only(places.iter().map(|(index, _)| *index).collect());
        let recording = recorder.as_ref().map(|recorder| recorder.recording());
        let goal = recording.is_some().then_some(self.goal);
        let batching = WithOutcomes { recording, objectives: self.objectives, goal };
        let mut outcomes = vec![None; places.len()];
        let (mut known, mut is_recorded, before) = (0, true, (self.done, self.failed));
        let part = Part::all().stored(stored);
        self.backtester.sweep_watched(scope, &plan, part, &batching, |news| match news {
            SweepNews::Results(results) => {
                let (recorded, found) = results.results;
                for (index, outcome) in found {
                    if let Ok(at) = places.binary_search_by_key(&index, |(index, _)| *index) {
                        outcomes[places[at].1] = outcome;
                        known += 1;
                    }
                }
                is_recorded =
                    recorder.as_mut().zip(recorded).is_none_or(|(recorder, recorded)| recorder.take(recorded));
                is_recorded
            }
            SweepNews::Progress(SweepProgress { finished, failed, .. }) => {
                (self.done, self.failed) = (before.0 + finished, before.1 + failed);
                if let Some(recorder) = &recorder {
                    let progress = SweepProgress { finished: self.done, total: Some(self.trials), failed: self.failed };
                    listener(progress, recorder);
                }
                true
            }
        });
        (is_recorded && known == places.len()).then_some(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_have_their_own_directions() {
        let of = |text: &str| text.parse::<Objectives>().map(|all| serde_json::to_string(all.all()).unwrap());
        assert_eq!(of("sharpe").unwrap(), r#"["sharpe:max"]"#);
        assert_eq!(of("sharpe,max_drawdown").unwrap(), r#"["sharpe:max","max_drawdown:max"]"#);
        assert_eq!(of("annual_volatility:min, trades:min").unwrap(), r#"["annual_volatility:min","trades:min"]"#);
        for (text, words) in [
            ("shrp", "unknown metric `shrp`"),
            ("trades", "no better and no worse"),
            ("sharpe:up", "`up` is not a direction"),
            ("sharpe,sharpe:min", "twice"),
            ("", "unknown metric"),
        ] {
            assert!(of(text).unwrap_err().to_string().contains(words), "{text}");
        }
    }
}
