//! A ranking by plateaus: combinations whose neighbours in the grid do well, too.
//!
//! Never scores a plateau: it takes the results of a sweep, and says which combinations stand on one.

use std::sync::Arc;

use serde::Serialize;

use super::{
    grid::{Lattice, Plan},
    jobs::Batching,
    parallel::ParallelBacktester,
    rank_by::RankBy,
    recorder::{Recorded, Recording},
    request::BoundRequest,
    scope::Scope,
    standings::{Goal, RankedResult},
};
use crate::{
    metrics::{Direction, Metrics},
    results::Ranked,
    task::ParallelResult,
    trust::{self, Axis, Landscape, Neighbourhood, PlateauError},
};

/// What workers make of results: what [`Recording`] does, and the values of the objective beside it, if they are wanted.
#[derive(Debug)]
pub struct WithValues {
    recording: Arc<Recording>,
    goal: Option<Goal>,
}

/// A combination's index, and its value of the objective, of which a higher one is better; `None` if it has failed, has none, or does
/// not meet the requirements.
pub type Valued = (u64, Option<f64>);

impl WithValues {
    /// What `recording` does, with values where the combinations of `bound` are ranked by their neighbours.
    pub fn new(recording: Arc<Recording>, bound: &BoundRequest) -> Self {
        Self { recording, goal: (bound.rank_by == RankBy::Plateau).then(|| bound.goal.clone()) }
    }

    /// What is made of `results`, which follow each other.
    pub fn of(&self, results: &[ParallelResult<Metrics>]) -> (Recorded, Vec<Valued>) {
        let valued = |goal: &Goal| results.iter().map(|result| (result.index, goal.value(result))).collect();
        (self.recording.record(results), self.goal.as_ref().map(valued).unwrap_or_default())
    }
}

impl Batching for WithValues {
    type Batch = (Recorded, Vec<Valued>);

    fn batch(&self, results: Vec<ParallelResult<Metrics>>) -> Self::Batch {
        self.of(&results)
    }

    fn help(&self) {
        self.recording.help();
    }
}

impl Goal {
    /// The value of the objective of `result` as one of which a higher one is better; `None` if it has failed, has none, or does not
    /// meet the requirements.
    pub fn value(&self, result: &ParallelResult<Metrics>) -> Option<f64> {
        let metrics = result.result.as_ref()?;
        let value = metrics.get(self.objective().name).flatten()?;
        self.is_met(metrics, &result.params).then(|| self.turned(value))
    }

    /// `value` as one of which a higher one is better, and back.
    pub fn turned(&self, value: f64) -> f64 {
        match self.better() {
            Direction::Higher => value,
            Direction::Lower => -value,
        }
    }
}

/// The values of all combinations of a sweep on the lattice of its grid.
#[derive(Debug)]
pub struct Plateaus {
    lattice: Lattice,
    landscape: Landscape,
}

/// A combination on a plateau.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnPlateau {
    /// The index of the combination in its plan.
    pub index: u64,
    /// How its neighbours do; higher values are better.
    pub around: Neighbourhood,
}

impl Plateaus {
    /// The plateaus of `plan` with these values. Takes 8 to 16 bytes for each combination.
    ///
    /// # Errors
    ///
    /// Returns an error if a combination has a value twice, or is not in the plan.
    pub fn new(plan: &Plan, mut values: Vec<Valued>) -> Result<Self, PlateauError> {
        let lattice = plan.lattice();
        values.iter_mut().for_each(|(index, _)| *index = lattice.number(*index));
        values.sort_unstable_by_key(|(number, _)| *number);
        let axes: Vec<_> = lattice.digits().map(|(len, ordered)| Axis { len, ordered }).collect();
        let landscape = Landscape::new(trust::Lattice::new(&axes)?, values)?;
        Ok(Self { lattice, landscape })
    }

    /// The `top` combinations on the best plateaus, the best first.
    pub fn ranked(&self, top: usize) -> Vec<OnPlateau> {
        let all = self.landscape.ranked(top).into_iter();
        all.map(|(number, around)| OnPlateau { index: self.lattice.index(number), around }).collect()
    }
}

/// The combinations on the best plateaus of a sweep, the best first, and how their neighbours do.
#[derive(Debug)]
pub struct RankedPlateaus {
    goal: Goal,
    all: Vec<OnPlateau>,
    /// The combinations.
    pub ranked: Vec<RankedResult>,
}

impl RankedPlateaus {
    /// Those of a sweep of `bound` on `scope` with these `values`, each run once more for all its metrics.
    ///
    /// # Errors
    ///
    /// Returns an error if a combination has a value twice, or is not in the plan.
    pub fn new(
        values: Vec<Valued>,
        (bound, scope): (&BoundRequest, &Scope),
        backtester: &ParallelBacktester,
    ) -> Result<Self, PlateauError> {
        let found = Plateaus::new(&bound.plan, values)?.ranked(bound.top);
        let indices: Vec<_> = found.iter().map(|on| on.index).collect();
        let results = backtester.run_chosen(scope, &bound.plan, &indices, None);
        let both = found.into_iter().zip(results).filter_map(|(on, result)| Some((on, result?)));
        let (mut all, mut ranked) = (Vec::new(), Vec::new());
        for (on, row) in both {
            let Some(value) = bound.goal.value(&row) else { continue };
            all.push(on);
            ranked.push(Ranked { value: bound.goal.turned(value), index: on.index, row });
        }
        Ok(Self { goal: bound.goal.clone(), all, ranked })
    }

    /// How the neighbours of each do, in the order of the ranking.
    pub fn reports(&self) -> Vec<PlateauReport> {
        let turned = |value: f64| Some(self.goal.turned(value)).filter(|value| value.is_finite());
        let one = |(on, ranked): (&OnPlateau, &RankedResult)| {
            let Neighbourhood { score, median, worst, spread, neighbours, failed, .. } = on.around;
            PlateauReport {
                task_id: ranked.row.task_id.clone(),
                score: score.and_then(turned),
                median: turned(median),
                worst: turned(worst),
                spread,
                neighbours,
                failed,
            }
        };
        self.all.iter().zip(&self.ranked).map(one).collect()
    }
}

/// How the neighbours of a combination do. Values of the objective that are not finite are `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlateauReport {
    /// The name of the combination.
    pub task_id: String,
    /// What ranks it: the lower quartile of its neighbours and itself.
    pub score: Option<f64>,
    /// The median of its neighbours.
    pub median: Option<f64>,
    /// The worst of its neighbours.
    pub worst: Option<f64>,
    /// The distance of their quartiles.
    pub spread: Option<f64>,
    /// The number of its neighbours.
    pub neighbours: usize,
    /// Those of them that have no value.
    pub failed: usize,
}
