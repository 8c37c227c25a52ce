//! The search: asks for batches of cells, is told their outcomes, and stops at its budget.
//!
//! Never asks for a cell twice on a share of the data.

use serde::{Deserialize, Serialize};

use super::{
    evolution::Evolution,
    front::front,
    generation::Generation,
    halving::Halving,
    history::{History, Outcome, Share, first},
    nsga2::Nsga2,
    sobol::Sobol,
    space::Space,
    walk::Walk,
};

/// How the next cells are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Distinct cells at random, each equally likely: the baseline.
    Random,
    /// Cells that fill the space evenly: a scrambled Sobol sequence.
    Sobol,
    /// Successive halving over the data for one objective: many cells on few bars, the best of them on more.
    Halving,
    /// Differential evolution for one objective.
    Evolution,
    /// NSGA-II for several objectives.
    Nsga2,
}

/// What a search is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How the next cells are chosen.
    pub method: Method,
    /// The budget, in evaluations: a cell counts once for each share of the data that it runs on.
    pub trials: u64,
    /// Number of objectives, at least 1; halving and evolution take no more.
    pub objectives: usize,
    /// Cells of a batch, at least 1; with NSGA-II also its population. If `None`:
    ///
    /// - 512, but
    /// - with evolution 8 for each axis that has more than one value (32 to 256), at most a 16th of the budget;
    /// - with NSGA-II 100, at most a 10th of the budget; in both cases at least 8.
    ///
    /// Evolution learns after each batch: small ones need fewer trials, large ones keep more workers busy.
    pub generation: Option<usize>,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// Cells to evaluate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Numbers of the cells, ascending; none was asked for on this share before.
    pub cells: Vec<u64>,
    /// The part of the data to run them on.
    pub share: Share,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The budget is spent.
    Spent,
    /// Every allowed cell has been evaluated.
    Exhausted,
    /// No allowed cell was found in 1,048,576 tries: there may be some left, or none at all.
    TooRare,
}

/// Why a search cannot start or go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// There is nothing to optimise.
    #[error("a search needs at least one objective")]
    NoObjectives,
    /// The method takes a single objective.
    #[error("the method takes 1 objective, not {objectives}; take NSGA-II, or give one objective")]
    TooManyObjectives {
        /// Number of objectives given.
        objectives: usize,
    },
    /// A generation of no cells would never end.
    #[error("a generation has 0 cells; give at least 1")]
    EmptyGeneration,
    /// Outcomes came that no batch waits for.
    #[error("outcomes came before a batch was asked for; call `ask` first")]
    NotAsked,
    /// There are more or fewer outcomes than the batch has cells.
    #[error("{outcomes} outcomes came for a batch of {cells} cells; give one for each, in the order of the batch")]
    WrongOutcomes {
        /// Number of outcomes given.
        outcomes: usize,
        /// Number of cells asked for.
        cells: usize,
    },
    /// An outcome has more or fewer values than there are objectives.
    #[error("an outcome has {values} values for {objectives} objectives; give one for each")]
    WrongValues {
        /// Number of values given.
        values: usize,
        /// Number of objectives of the search.
        objectives: usize,
    },
}

/// An optimiser on a lattice: [`Search::ask`] for a batch, evaluate it, [`Search::tell`] its outcomes, until there are no more.
///
/// A search can be resumed by replay: a new one with the same settings asks for the same cells, whose outcomes are known.
#[derive(Debug, Clone)]
pub struct Search {
    space: Space,
    trials: u64,
    objectives: usize,
    generation: usize,
    chooser: Chooser,
    history: History,
    asked: Option<Batch>,
    end: Option<End>,
}

/// What a method remembers.
#[derive(Debug, Clone)]
enum Chooser {
    Random(Walk),
    Sobol(Sobol),
    Halving(Halving),
    Evolution(Evolution),
    Nsga2(Nsga2),
}

impl Search {
    /// Returns a search that has not asked yet.
    ///
    /// # Errors
    ///
    /// If there is no objective or there are several for a method that takes one, or if a generation has no cells.
    pub fn new(space: Space, settings: &Settings) -> Result<Self, SearchError> {
        settings.check()?;
        let generation = settings.generation.unwrap_or_else(|| settings.default_generation(&space));
        Ok(Self {
            chooser: Chooser::of(settings, &space, generation),
            space,
            trials: settings.trials,
            objectives: settings.objectives,
            generation,
            history: History::default(),
            asked: None,
            end: None,
        })
    }

    /// Returns the next cells to evaluate, at least one; `None` once the search has ended. Until it is told their outcomes, it
    /// returns the same ones again.
    ///
    /// `allowed` says whether a cell meets the conditions of the grid. It is asked often, and answers the same every time.
    pub fn ask(&mut self, allowed: &dyn Fn(u64) -> bool) -> Option<Batch> {
        if self.asked.is_none() && self.end.is_none() {
            let left = self.trials.saturating_sub(self.spent());
            match self.choose(left, allowed) {
                Some(batch) => self.asked = Some(batch),
                None => self.end = Some(self.reason(left)),
            }
        }
        self.asked.clone()
    }

    /// Takes the outcomes of the batch, in the order of its cells.
    ///
    /// A failed cell is worse than every other. Infinite values are fine; one that is not a number counts as a failure.
    ///
    /// # Errors
    ///
    /// If no batch was asked for, or if there is not one outcome for each cell with one value for each objective; the batch then
    /// still waits for its outcomes.
    pub fn tell(&mut self, outcomes: &[Outcome]) -> Result<(), SearchError> {
        let batch = self.asked.as_ref().ok_or(SearchError::NotAsked)?;
        if outcomes.len() != batch.cells.len() {
            return Err(SearchError::WrongOutcomes { outcomes: outcomes.len(), cells: batch.cells.len() });
        }
        let objectives = self.objectives;
        if let Some(wrong) = outcomes.iter().flatten().find(|values| values.len() != objectives) {
            return Err(SearchError::WrongValues { values: wrong.len(), objectives });
        }
        for (number, outcome) in batch.cells.iter().zip(outcomes) {
            self.history.add(*number, batch.share, outcome);
        }
        self.asked = None;
        Ok(())
    }

    /// Returns the space that is searched.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Returns the number of evaluations so far, on all shares of the data together.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.history.evaluations()
    }

    /// Returns what the evaluations so far cost, in runs on all bars.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.history.ninths() as f64 / 9.0
    }

    /// Returns why the search ended; `None` while it has not.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Returns the cell with the highest first objective on all bars, and its value; of equal ones that which came first.
    #[must_use]
    pub fn best(&self) -> Option<(u64, f64)> {
        let valued = self.complete().filter_map(|(number, outcome)| Some((*number, first(outcome)?)));
        valued.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// Returns the cells that no other dominates on all bars, and their values, in the order of [`front`].
    #[must_use]
    pub fn front(&self) -> Vec<(u64, Vec<f64>)> {
        let points: Vec<_> =
            self.complete().filter_map(|(number, outcome)| Some((*number, outcome.clone()?))).collect();
        front(&points).into_iter().map(|place| points[place].clone()).collect()
    }

    fn complete(&self) -> impl Iterator<Item = &(u64, Outcome)> {
        self.history.level(Share::All).entries().iter()
    }

    /// The next cells, at most `left`; `None` where there are none.
    fn choose(&mut self, left: u64, allowed: &dyn Fn(u64) -> bool) -> Option<Batch> {
        let mut generation = Generation::new(&self.space, &self.history, allowed, self.generation);
        generation.limit(left);
        if !generation.is_full() {
            self.chooser.fill(&mut generation);
        }
        let (share, mut cells) = (generation.share, generation.cells().to_vec());
        cells.sort_unstable();
        (!cells.is_empty()).then_some(Batch { cells, share })
    }

    fn reason(&self, left: u64) -> End {
        match left {
            0 => End::Spent,
            _ if self.chooser.walk().gave_up() => End::TooRare,
            _ => End::Exhausted,
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), SearchError> {
        let objectives = self.objectives;
        let takes_one = matches!(self.method, Method::Halving | Method::Evolution);
        match (objectives, self.generation) {
            (0, _) => Err(SearchError::NoObjectives),
            (2.., _) if takes_one => Err(SearchError::TooManyObjectives { objectives }),
            (_, Some(0)) => Err(SearchError::EmptyGeneration),
            _ => Ok(()),
        }
    }

    /// The size of a generation as [`Settings::generation`] says.
    fn default_generation(&self, space: &Space) -> usize {
        let part = |of: u64| usize::try_from(self.trials / of).unwrap_or(usize::MAX).max(8);
        let axes = space.axes().iter().filter(|axis| axis.len > 1).count();
        match self.method {
            Method::Random | Method::Sobol | Method::Halving => 512,
            Method::Evolution => axes.saturating_mul(8).clamp(32, 256).min(part(16)),
            Method::Nsga2 => part(10).min(100),
        }
    }
}

impl Chooser {
    fn of(settings: &Settings, space: &Space, generation: usize) -> Self {
        let seed = settings.seed;
        match settings.method {
            Method::Random => Self::Random(Walk::of(seed, space.cells())),
            Method::Sobol => Self::Sobol(Sobol::of(seed, space)),
            Method::Halving => Self::Halving(Halving::of(seed, space, settings.trials)),
            Method::Evolution => Self::Evolution(Evolution::of(seed, space)),
            Method::Nsga2 => Self::Nsga2(Nsga2::of(seed, space, generation)),
        }
    }

    fn fill(&mut self, generation: &mut Generation<'_>) {
        match self {
            Self::Random(walk) => walk.fill(generation),
            Self::Sobol(sobol) => sobol.fill(generation),
            Self::Halving(halving) => halving.fill(generation),
            Self::Evolution(evolution) => evolution.fill(generation),
            Self::Nsga2(nsga2) => nsga2.fill(generation),
        }
    }

    /// The walk that finds the last cells.
    fn walk(&self) -> &Walk {
        match self {
            Self::Random(walk) => walk,
            Self::Sobol(sobol) => sobol.walk(),
            Self::Halving(halving) => halving.walk(),
            Self::Evolution(evolution) => evolution.walk(),
            Self::Nsga2(nsga2) => nsga2.walk(),
        }
    }
}

#[cfg(test)]
mod tests;
