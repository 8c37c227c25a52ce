//! The goal of a sweep, and its standings: results ranked and counted, with notes on remarkable ones.
//!
//! Never keeps more results than the ranking shows.

use std::sync::Arc;

use super::grid::{Expression, ExpressionError, Grid};
use crate::{
    metrics::{Direction, MetricInfo, Metrics, unknown_metric},
    model::{Description, Params, Value, nearest},
    results::{Ranked, Ranking, Tally},
    task::ParallelResult,
};

/// The default metric to rank by.
const OBJECTIVE: &str = "sharpe";

/// Why results cannot be ranked as requested.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GoalError {
    /// The objective is not a metric.
    #[error("{}", unknown_metric(.0))]
    NoMetric(String),
    /// The objective has no better and no worse.
    #[error("`{0}` has no better and no worse; rank by another metric, like `sharpe`")]
    NoDirection(&'static str),
    /// A requirement names something that no result has.
    #[error("`{requirement}` names `{name}`, which is neither a metric nor a parameter; {hint}")]
    Unknown {
        /// The requirement.
        requirement: String,
        /// The name in it.
        name: String,
        /// The name that may be meant, or where all of them are listed.
        hint: String,
    },
    /// A requirement compares a share with a number that no such share comes near.
    #[error("`{requirement}` compares `{name}`, a share, with {bound}; write {bound}% or {share}")]
    NoShare {
        /// The requirement.
        requirement: String,
        /// The metric in it.
        name: String,
        /// The number.
        bound: f64,
        /// The share that it is as a percentage.
        share: f64,
    },
    /// A requirement is not a condition.
    #[error("`{requirement}` is not a condition on metrics")]
    NoCondition {
        /// The requirement.
        requirement: String,
        /// The problem.
        #[source]
        source: ExpressionError,
    },
}

/// Metrics that are shares of a whole, or of a peak. A bound of 2 and more is meant in per cent, as tables show them.
const OF_A_WHOLE: [&str; 10] = [
    "max_drawdown",
    "average_drawdown",
    "excess_drawdown",
    "ulcer_index",
    "exposure_time",
    "win_rate",
    "win_days",
    "win_months",
    "win_years",
    "batting_average",
];

/// The metric `name`, and which of its values are better: as given, else as the metric defines it.
///
/// # Errors
///
/// Returns an error if the metric is unknown, or has no better direction.
pub fn objective(name: &str, given: Option<Direction>) -> Result<(&'static MetricInfo, Direction), GoalError> {
    let info = Metrics::info(name).ok_or_else(|| GoalError::NoMetric(name.to_owned()))?;
    let better = given.or(info.better).ok_or(GoalError::NoDirection(info.name))?;
    Ok((info, better))
}

/// A result with its value of the objective.
pub type RankedResult = Ranked<ParallelResult<Metrics>>;

/// The goal of a sweep: the metric to rank by, and the conditions that a result must meet to be ranked.
#[derive(Debug, Clone)]
pub struct Goal {
    objective: &'static MetricInfo,
    better: Direction,
    requirements: Vec<Expression>,
}

impl Goal {
    /// The goal of `grid` for `plugin`. A `given` objective replaces that of the grid, and the grid's direction.
    ///
    /// # Errors
    ///
    /// Returns an error if the objective is not a metric to rank by, or a requirement is not a condition on results.
    pub fn new(
        given: Option<&str>,
        direction: Option<Direction>,
        grid: &Grid,
        plugin: &Description,
    ) -> Result<Self, GoalError> {
        let direction = direction.or(grid.direction().filter(|_| given.is_none()));
        let (objective, better) = objective(given.or(grid.objective()).unwrap_or(OBJECTIVE), direction)?;
        let requirements = grid.requirements().to_vec();
        requirements.iter().try_for_each(|requirement| check(requirement, plugin))?;
        Ok(Self { objective, better, requirements })
    }

    /// The metric to rank by.
    pub fn objective(&self) -> &'static MetricInfo {
        self.objective
    }

    /// Which of its values are better.
    pub fn better(&self) -> Direction {
        self.better
    }

    /// Whether there are conditions that a result must meet.
    #[must_use]
    pub fn has_requirements(&self) -> bool {
        !self.requirements.is_empty()
    }

    /// The metrics in the requirements.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        let names = self.requirements.iter().flat_map(Expression::names).map(String::as_str);
        names.filter(|name| Metrics::info(name).is_some())
    }

    /// The names in the requirements, of metrics and of parameters; each once.
    pub(super) fn needed(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.requirements.iter().flat_map(Expression::names).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns true if a result with these metrics and parameters meets every requirement; one that is undefined for it is not
    /// met.
    #[must_use]
    pub fn is_met(&self, metrics: &Metrics, params: &Params) -> bool {
        let lookup = |name: &str| match metrics.get(name) {
            Some(value) => value.map(Value::Number),
            None => params.get(name).cloned(),
        };
        self.requirements.iter().all(|requirement| requirement.eval(&lookup).is_ok_and(|met| met == Some(true)))
    }
}

/// Refuses a requirement that names neither a metric nor a parameter, before anything runs.
fn check(requirement: &Expression, plugin: &Description) -> Result<(), GoalError> {
    let parameter = |name: &str| plugin.parameters.iter().find(|spec| spec.name == name);
    let is_known = |name: &&String| Metrics::info(name).is_some() || parameter(name).is_some();
    if let Some(name) = requirement.names().iter().find(|name| !is_known(name)) {
        let known = Metrics::FIELDS.iter().map(|info| info.name);
        let known = known.chain(plugin.parameters.iter().map(|spec| &*spec.name));
        let near = nearest::find(name, known).map(|near| format!("did you mean `{near}`?"));
        let hint = near.unwrap_or_else(|| "`host metrics` lists the metrics".to_owned());
        return Err(GoalError::Unknown { requirement: requirement.to_string(), name: name.clone(), hint });
    }
    let is_far = |(name, bound): &(&str, f64)| OF_A_WHOLE.contains(name) && bound.abs() >= 2.0;
    if let Some((name, bound)) = requirement.bounds().into_iter().find(is_far) {
        // Read as a decimal: a quotient would show rounding, like 0.33299999999999996.
        let share = format!("{bound}e-2").parse().unwrap_or(bound / 100.0);
        return Err(GoalError::NoShare { requirement: requirement.to_string(), name: name.to_owned(), bound, share });
    }
    let any = |name: &str| match parameter(name) {
        Some(spec) if Metrics::info(name).is_none() => Some(spec.default.clone()),
        _ => Some(Value::Number(1.0)),
    };
    let source = |source| GoalError::NoCondition { requirement: requirement.to_string(), source };
    requirement.eval(&any).map(|_| ()).map_err(source)
}

/// The standings of a sweep so far.
///
/// Parts of a sweep may have standings of their own ([`part`](Self::part)). Merged, they are those of the whole, however it was
/// divided.
#[derive(Debug)]
pub struct Standings {
    goal: Arc<Goal>,
    ranking: Ranking<ParallelResult<Metrics>>,
    tally: Tally,
    /// The note on results with an infinite objective.
    infinite: Arc<str>,
}

impl Standings {
    /// A note of the tally: results without a trade.
    pub const NO_TRADES: &str = "without a trade";
    /// A note of the tally: results that lost everything.
    pub const WIPED_OUT: &str = "wiped out: the account lost everything and stopped trading";
    /// A note of the tally: results with targets that were not traded in full.
    pub const CUT: &str = "with targets that were cut: to what the account can pay (`--initial-margin` lends more), or to \
                           nothing, for less than one lot, at a price of 0 or of no instrument";
    /// A note of the tally: results not ranked, because they do not meet the requirements.
    pub const NOT_MET: &str = "not meeting the requirements";
    /// A note of the tally: results not ranked, because the objective is undefined.
    pub const UNDEFINED: &str = "without the objective";

    /// A note of the tally begins so where results are ranked by an infinite objective; then it says what they lack.
    pub const INFINITE: &'static str = "with an infinite objective";

    /// The metrics that the notes need.
    pub const COUNTED: [&str; 3] = ["orders", "wiped_out", "targets_cut"];

    /// Empty standings, which rank `top` results.
    pub fn new(goal: Goal, top: usize) -> Self {
        let lacks = goal.objective.infinite_for().map_or_else(String::new, |lacks| format!(": {lacks}"));
        let infinite = format!("{}{lacks}", Self::INFINITE).into();
        Self { ranking: Ranking::new(top, goal.better), goal: Arc::new(goal), tally: Tally::default(), infinite }
    }

    /// Empty standings for a part of the same sweep.
    #[must_use]
    pub fn part(&self) -> Self {
        let (goal, infinite) = (Arc::clone(&self.goal), Arc::clone(&self.infinite));
        Self { goal, ranking: self.ranking.part(), tally: Tally::default(), infinite }
    }

    /// Adds those of a [part](Self::part).
    pub fn merge(&mut self, part: Self) {
        self.ranking.merge(part.ranking);
        self.tally.merge(part.tally);
    }

    /// Counts `result`, and ranks it if it has a value.
    pub fn take(&mut self, result: &ParallelResult<Metrics>) {
        self.tally.record(result);
        let Some(metrics) = &result.result else { return };
        if metrics.orders == Some(0.0) {
            self.tally.note(Self::NO_TRADES);
        }
        if metrics.wiped_out == Some(1.0) {
            self.tally.note(Self::WIPED_OUT);
        }
        if metrics.targets_cut.is_some_and(|cut| cut > 0.0) {
            self.tally.note(Self::CUT);
        }
        if !self.goal.is_met(metrics, &result.params) {
            self.tally.note(Self::NOT_MET);
            return;
        }
        let value = metrics.get(self.goal.objective.name).flatten();
        match value {
            None => self.tally.note(Self::UNDEFINED),
            Some(value) if value.is_infinite() => self.tally.note(&self.infinite),
            Some(_) => {}
        }
        self.ranking.offer(value, result.index, || result.clone());
    }

    /// The goal.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The counts.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many results have an infinite objective.
    pub fn infinite(&self) -> u64 {
        self.tally.noted(&self.infinite)
    }

    /// The best result so far.
    pub fn best(&self) -> Option<&RankedResult> {
        self.ranking.best()
    }

    /// The best results so far, the best first.
    pub fn ranked(&self) -> Vec<RankedResult> {
        self.ranking.clone().into_sorted()
    }
}
