//! A ranking by plateaus: combinations whose neighbours in the grid do well, too.
//!
//! Never runs a combination: it takes the results of a sweep, and says which combinations stand on a plateau.

use std::{str::FromStr, sync::Arc};

use super::{
    grid::{Lattice, Plan},
    jobs::Batching,
    recorder::{Recorded, Recording},
    standings::Goal,
};
use crate::{
    metrics::{Direction, Metrics},
    task::ParallelResult,
    trust::{self, Axis, Landscape, Neighbourhood, PlateauError},
};

/// What results are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RankBy {
    /// Their own value of the objective.
    #[default]
    Value,
    /// How well their neighbours in the grid do.
    Plateau,
}

impl FromStr for RankBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "value" => Ok(Self::Value),
            "plateau" => Ok(Self::Plateau),
            _ => Err(format!("`{text}` is not a way to rank; give `value` or `plateau`")),
        }
    }
}

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
    /// What `recording` does, with values where a `goal` is given.
    pub fn new(recording: Arc<Recording>, goal: Option<Goal>) -> Self {
        Self { recording, goal }
    }
}

impl Batching for WithValues {
    type Batch = (Recorded, Vec<Valued>);

    fn batch(&self, results: Vec<ParallelResult<Metrics>>) -> Self::Batch {
        let valued = |goal: &Goal| results.iter().map(|result| (result.index, goal.value(result))).collect();
        (self.recording.record(&results), self.goal.as_ref().map(valued).unwrap_or_default())
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
